/* Interrupts at random moments, from all that can ask for one, of the programs of the bench and the tests: what goes on computes
 * the same, what is ended can be called again.
 *
 * Without arguments it is a short test. The long form is `make -C benches random_interrupts`; its arguments are
 *
 *     interrupts   how many in all (1,000,000)
 *     seed         of the moments and of the order (1)
 *     threads      how many run a store each at the same time (2)
 *     only         names of a source and of an action, such as "signal" or "drop", to run these only
 *
 * It runs through phases: with and without debugging, each source with each action, with and without a storm of the host's
 * own signals, whose handlers run on the guest's stack or on the alternate one. */

#define _GNU_SOURCE
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* Who asks. */
enum source { THREAD, SIGNAL, BUDGET, EPOCH, SOURCES };
static const char *const source_names[] = {"thread", "signal", "budget", "epoch"};

/* What for, and what is run. */
enum action { PAUSE, TRAP, EVENT, NESTED_PAUSE, NESTED_TRAP, WAIT, DROP, ACTIONS };
static const char *const action_names[] = {"pause", "trap", "event", "nested-pause", "nested-trap", "wait", "drop"};

enum storm { CALM, ON_GUESTS_STACK, ON_ALTERNATE_STACK, STORMS };
static const char *const storm_names[] = {"-", "guest's", "alternate"};

static const char aux_text[] =
    "(module (import \"host\" \"nested\" (func $nested (param i32) (result i64)))"
    "  (func (export \"spin\") (loop (br 0)))"
    "  (func $mix (export \"mix\") (param $n i64) (result i64) (local $sum i64)"
    "    (loop"
    "      (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (local.get $n)))"
    "      (br_if 0 (i64.ne (local.tee $n (i64.sub (local.get $n) (i64.const 1))) (i64.const 0))))"
    "    (local.get $sum))"
    "  (func (export \"outer\") (param $n i32) (result i64) (local $sum i64)"
    "    (loop"
    "      (local.set $sum (i64.add (local.get $sum) (call $mix (i64.const 20000))))"
    "      (local.set $sum (i64.add (local.get $sum) (call $nested (local.get $n))))"
    "      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    "    (local.get $sum)))";

enum { MIXES = 5000, OUTER_ROUNDS = 3, OUTER_MIXES = 20000, WAITS = 100, STORE_LIVES = 24 };

static int64_t mix(int64_t n) {
    uint64_t sum = 0;
    for (; n != 0; n--) {
        sum = sum * 31 + (uint64_t)n;
    }
    return (int64_t)sum;
}

/* A program and how it is run. */
struct program {
    char name[32], export[16];
    char *source; /* for `eval` */
    int32_t argument;
    bool has_argument, is_eval;
    int64_t result;
    pellucid_module_t *modules[2]; /* without and with debugging */
};

static struct program programs[64];
static size_t n_programs;
static pellucid_engine_t *engines[2];
static pellucid_module_t *aux[2];
static bool is_long;
static FILE *report;

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Leaves the processor to the guests meanwhile. A signal may cut it short. */
static void pass(uint64_t ns) {
    struct timespec time = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    nanosleep(&time, NULL);
}

static uint32_t next(uint64_t *random) {
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 33);
}

/* From the repository's folder, or from one inside it. */
static FILE *open_in_repository(const char *path) {
    char inner[256];
    FILE *file = fopen(path, "rb");
    snprintf(inner, sizeof inner, "../%s", path);
    return file != NULL ? file : fopen(inner, "rb");
}

static char *read_in_repository(const char *path, size_t *out_size) {
    FILE *file = open_in_repository(path);
    if (file == NULL) {
        return NULL;
    }
    fseek(file, 0, SEEK_END);
    *out_size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*out_size + 1);
    if (bytes == NULL || fread(bytes, 1, *out_size, file) != *out_size) {
        exit(1);
    }
    bytes[*out_size] = 0;
    fclose(file);
    return bytes;
}

static pellucid_module_t *load(const char *name, bool is_debug) {
    static const char *const folders[] = {"benches/programs/%s.wasm", "tests/programs/%s.wasm", "benches/programs/%s.wat"};
    for (int i = 0; i < 3; i++) {
        char path[128];
        size_t size;
        snprintf(path, sizeof path, folders[i], name);
        char *bytes = read_in_repository(path, &size);
        if (bytes != NULL) {
            pellucid_module_t *module;
            if (i == 2) {
                MUST(pellucid_module_new_text(engines[is_debug], bytes, size, &module, ERR));
            } else {
                MUST(pellucid_module_new(engines[is_debug], (const uint8_t *)bytes, size, &module, ERR));
            }
            free(bytes);
            return module;
        }
    }
    fprintf(stderr, "there is no program %s\n", name);
    exit(1);
}

static void add_program(const char *name, const char *export, const char *argument, int64_t result) {
    struct program *program = &programs[n_programs];
    snprintf(program->name, sizeof program->name, "%s", name);
    snprintf(program->export, sizeof program->export, "%s", export);
    program->is_eval = strcmp(export, "eval") == 0;
    program->source = program->is_eval ? strdup(argument) : NULL;
    program->has_argument = !program->is_eval && strcmp(argument, "-") != 0;
    program->argument = program->has_argument ? atoi(argument) : 0;
    program->result = result;
    for (int debug = 0; debug < 2; debug++) {
        for (size_t i = 0; i < n_programs && program->modules[debug] == NULL; i++) {
            if (strcmp(programs[i].name, name) == 0) {
                program->modules[debug] = programs[i].modules[debug];
            }
        }
        if (program->modules[debug] == NULL) {
            program->modules[debug] = load(name, debug);
        }
    }
    n_programs++;
}

/* The lines of a file of runs; in the bench's a file's name may stand for a source. */
static void add_programs(const char *path, bool is_bench) {
    FILE *file = open_in_repository(path);
    char line[512];
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = 0;
        char *last = strrchr(line, ' '), *rest = strchr(line, ' ');
        if (line[0] == '#' || last == NULL || rest == last) {
            continue;
        }
        *last = *rest++ = 0;
        int64_t result = strtoll(last + 1, NULL, 10);
        /* Which take seconds to compile, or much longer to run than others. */
        if (!is_long && (strcmp(line, "sqlite") == 0 || strcmp(line, "lua") == 0)) {
            continue;
        }
        if (!is_long && !is_bench && (strstr(rest, " 4000000") || strstr(rest, " 1000") || strstr(rest, "100000"))) {
            continue;
        }
        if (!is_bench) {
            char *argument = strchr(rest, ' ');
            *argument++ = 0;
            add_program(line, rest, argument, result);
        } else if (strcmp(line, "script") == 0) {
            char source_path[128];
            size_t size;
            snprintf(source_path, sizeof source_path, "benches/programs/%s", rest);
            char *source = read_in_repository(source_path, &size);
            add_program(line, "eval", source, result);
            free(source);
        } else {
            add_program(line, "run", rest, result);
        }
    }
    fclose(file);
}

/* What a phase has counted. */
struct counts {
    atomic_ulong heard, runs, traps, frames, events, gone, stores, steps, alarms, requests;
};

static struct counts counts;
static atomic_ulong in_all;

/* The phase. */
static enum source source;
static enum action action;
static enum storm storm;
static bool is_debug_phase;
static unsigned long quota;
static atomic_bool phase_ends;

/* One store, the thread that runs it, and one that asks. */
struct world {
    pthread_t runner, asker;
    uint64_t random, askers_random;
    pellucid_store_t *store;
    unsigned lives; /* instances that the store has had */
    pellucid_instance_t aux;
    pthread_mutex_t lock; /* of the next, as others see it */
    pellucid_interrupt_t *interrupt;
    atomic_uint kind;    /* that the asker is to ask for, or 0 */
    atomic_uint orders;  /* for each of them it asks once; without any, again and again */
    atomic_bool is_free; /* again and again */
    atomic_bool is_asking, ends;
    timer_t timer, storm_timer;
    const struct program *nested;
    pellucid_instance_t nested_instance;
    pellucid_value_t nested_args[2];
    unsigned nested_inner;
    bool inner_trapped, is_armed;
};

static _Thread_local struct world *mine;

static struct world worlds[16];
static int n_worlds;

static void fail(const struct world *world, const struct program *program, const char *what) {
    fprintf(stderr, "%s, debugging %d, %s, %s, storm %s: %s\n", program == NULL ? "-" : program->name, is_debug_phase,
            source_names[source], action_names[action], storm_names[storm], what);
    (void)world;
    abort();
}

#define EXPECT(condition) ((condition) ? (void)0 : fail(world, program, #condition))

/* The asker. Its handle is its own, and may be that of a store that is gone. */
static void *ask(void *argument) {
    struct world *world = argument;
    pellucid_interrupt_t *handle = NULL;
    unsigned done = 0;
    prctl(PR_SET_TIMERSLACK, 1ul, 0, 0, 0);
    while (!world->ends) {
        if (world->kind == 0 || (!world->is_free && world->orders == done)) {
            pass(10000);
            continue;
        }
        unsigned order = world->orders;
        pass(next(&world->askers_random) % (world->is_free ? 50000 : 250000));
        world->is_asking = true;
        unsigned kind = world->kind;
        if (kind != 0) {
            pellucid_status_t status = handle == NULL ? PELLUCID_ERR_INVALID_STATE : pellucid_interrupt_request(handle, kind);
            if (status == PELLUCID_ERR_INVALID_STATE) {
                counts.gone += handle != NULL;
                pellucid_interrupt_delete(handle);
                pthread_mutex_lock(&world->lock);
                MUST(pellucid_interrupt_clone(world->interrupt, &handle));
                pthread_mutex_unlock(&world->lock);
                status = pellucid_interrupt_request(handle, kind);
            }
            if (status != PELLUCID_OK && status != PELLUCID_ERR_INVALID_STATE) {
                fprintf(stderr, "asking answered %d\n", status);
                abort();
            }
            counts.requests++;
            done = order;
        }
        world->is_asking = false;
    }
    pellucid_interrupt_delete(handle);
    return NULL;
}

/* The signal that asks, sent to the runner by a timer of its own. */
static void on_asking_signal(int signal) {
    (void)signal;
    struct world *world = mine;
    if (world != NULL && world->kind != 0) {
        pellucid_interrupt_request(world->interrupt, world->kind);
        counts.requests++;
    }
}

static void on_storm(int signal) {
    (void)signal;
    volatile char used[512];
    for (size_t i = 0; i < sizeof used; i++) {
        used[i] = (char)i;
    }
    counts.alarms++;
}

static timer_t timer_of_this_thread(int signal) {
    struct sigevent event = {0};
    timer_t timer;
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = signal;
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) {
        perror("timer_create");
        exit(1);
    }
    return timer;
}

static void set_timer(timer_t timer, long first, long interval) {
    struct itimerspec time = {{0, interval}, {0, first}};
    timer_settime(timer, 0, &time, NULL);
}

/* From here on somebody asks: once, or again and again. */
static void arm(struct world *world, pellucid_interrupt_kind_t kind, bool is_free) {
    world->is_armed = true;
    if (source == THREAD) {
        world->is_free = is_free;
        world->orders++;
        world->kind = kind;
    } else if (source == SIGNAL) {
        world->kind = kind;
        long first = 1 + (long)(next(&world->random) % (is_free ? 60000 : 250000));
        set_timer(world->timer, first, is_free ? 40000 + (long)(next(&world->random) % 80000) : 0);
    } else if (source == EPOCH) {
        MUST(pellucid_store_set_epoch_deadline(world->store, 1 + next(&world->random) % 3, kind, NULL));
    }
}

/* Nobody does any more, and nothing is left that was asked for. */
static void disarm(struct world *world) {
    world->is_armed = false;
    world->kind = 0;
    if (source == THREAD) {
        while (world->is_asking) {
        }
    } else if (source == SIGNAL) {
        set_timer(world->timer, 0, 0);
    } else if (source == EPOCH) {
        MUST(pellucid_store_clear_epoch_deadline(world->store));
    }
    MUST(pellucid_interrupt_withdraw(world->interrupt));
}

static pellucid_func_t func_in(struct world *world, const pellucid_instance_t *instance, const char *name) {
    pellucid_extern_t item;
    MUST(pellucid_instance_export(world->store, instance, name, strlen(name), &item));
    return item.of.func;
}

static void hear(bool is_heard) {
    counts.heard += is_heard;
    in_all += is_heard;
}

static pellucid_budget_t some_time(struct world *world, pellucid_interrupt_kind_t kind) {
    unsigned most = kind == PELLUCID_INTERRUPT_PAUSE ? 40 : 250;
    pellucid_clock_t clock = next(&world->random) % 4 == 0 ? PELLUCID_CLOCK_THREAD : PELLUCID_CLOCK_WALL;
    pellucid_budget_t time = {next(&world->random) % most, clock, kind};
    return time;
}

/* Where a call with debugging stands its frame can be read. */
static void look(struct world *world, const struct program *program, pellucid_call_t *call) {
    pellucid_frame_t frame;
    pellucid_value_t values[64];
    uint32_t n = 0;
    if (pellucid_call_frame(call, &frame) != PELLUCID_OK) {
        return;
    }
    pellucid_status_t status = pellucid_frame_read_locals(world->store, &frame, 0, values, 64, &n);
    EXPECT(status == PELLUCID_OK || status == PELLUCID_ERR_OUT_OF_RANGE);
    for (uint32_t i = 0; i < n && i < 64; i++) {
        EXPECT(values[i].kind != PELLUCID_UNAVAILABLE);
    }
    counts.frames++;
}

/* The rest of a long run is left alone. */
static void disarm_if_enough(struct world *world) {
    if (world->is_armed && counts.heard > 2 * quota) {
        disarm(world);
    }
}

/* Resumes once; with debugging sometimes a step. */
static pellucid_call_state_t resume(struct world *world, const struct program *program, pellucid_call_t *call,
                                    bool has_budget) {
    pellucid_call_state_t state = 0;
    pellucid_error_t *error = NULL;
    pellucid_resume_t mode = PELLUCID_RESUME_CONTINUE;
    if (is_debug_phase && next(&world->random) % 16 == 0) {
        mode = PELLUCID_RESUME_STEP;
        counts.steps++;
    }
    pellucid_status_t status;
    disarm_if_enough(world);
    if (source == BUDGET && has_budget && world->is_armed) {
        pellucid_budget_t time = some_time(world, PELLUCID_INTERRUPT_PAUSE);
        status = pellucid_call_resume_for(call, mode, &time, &state, &error);
    } else {
        status = pellucid_call_resume(call, mode, &state, &error);
    }
    EXPECT(status == PELLUCID_OK);
    if (state == PELLUCID_CALL_PAUSED) {
        const pellucid_event_t *event;
        EXPECT(pellucid_call_event(call, &event) == PELLUCID_OK);
        pellucid_event_kind_t told = pellucid_event_kind(event);
        bool is_heard = told == PELLUCID_EVENT_INTERRUPT || told == PELLUCID_EVENT_DEADLINE || told == PELLUCID_EVENT_EPOCH;
        /* A step over a function that waits ends behind it, in whichever mode the call is resumed. */
        EXPECT(is_heard || ((mode == PELLUCID_RESUME_STEP || action == WAIT) && told == PELLUCID_EVENT_STEP));
        hear(is_heard);
        if (is_debug_phase && next(&world->random) % 8 == 0) {
            look(world, program, call);
        }
    }
    if (next(&world->random) % 8 == 0) {
        EXPECT(pellucid_call_trim(call) == PELLUCID_OK);
    }
    return state;
}

static pellucid_call_t *begin(struct world *world, const struct program *program, pellucid_func_t func,
                              const pellucid_value_t *args, size_t n_args) {
    pellucid_call_t *call = NULL;
    EXPECT(pellucid_call_begin(world->store, &func, args, n_args, &call, NULL) == PELLUCID_OK);
    return call;
}

static int64_t number(pellucid_value_t value) {
    return value.kind == PELLUCID_I64 ? value.of.i64 : value.of.i32;
}

/* Runs a call to its end, with pauses, or in one go: there may be events then, but no end before. A budget ends what runs inside. */
static int64_t run_to_end(struct world *world, const struct program *program, pellucid_func_t func,
                          const pellucid_value_t *args, size_t n_args, bool in_one_go, bool has_budget) {
    pellucid_value_t result = value_i32(0);
    if (in_one_go) {
        EXPECT(pellucid_func_call(world->store, &func, args, n_args, &result, 1, NULL) == PELLUCID_OK);
        return number(result);
    }
    pellucid_call_t *call = begin(world, program, func, args, n_args);
    pellucid_call_state_t state;
    while ((state = resume(world, program, call, has_budget)) == PELLUCID_CALL_PAUSED) {
    }
    EXPECT(state == PELLUCID_CALL_FINISHED);
    EXPECT(pellucid_call_results(call, &result, 1) == PELLUCID_OK);
    pellucid_call_delete(call);
    return number(result);
}

/* Runs a call until somebody ends it, or it has finished; answers whether it was ended. */
static bool run_to_trap(struct world *world, const struct program *program, pellucid_func_t func,
                        const pellucid_value_t *args, size_t n_args, size_t n_results, bool in_one_go,
                        bool is_budgets, int64_t *out_result) {
    pellucid_value_t result = value_i32(0);
    pellucid_error_t *error = NULL;
    pellucid_status_t status = PELLUCID_OK;
    if (in_one_go) {
        if (is_budgets) {
            pellucid_budget_t time = some_time(world, PELLUCID_INTERRUPT_TRAP);
            status = pellucid_func_call_for(world->store, &func, args, n_args, &result, n_results, &time, &error);
        } else {
            status = pellucid_func_call(world->store, &func, args, n_args, &result, n_results, &error);
        }
    } else {
        pellucid_call_t *call = begin(world, program, func, args, n_args);
        pellucid_call_state_t state = 0;
        if (is_budgets) {
            pellucid_budget_t time = some_time(world, PELLUCID_INTERRUPT_TRAP);
            EXPECT(pellucid_call_resume_for(call, PELLUCID_RESUME_CONTINUE, &time, &state, NULL) == PELLUCID_OK);
        } else {
            EXPECT(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, NULL) == PELLUCID_OK);
        }
        if (state == PELLUCID_CALL_TRAPPED) {
            EXPECT(pellucid_call_error(call, &error) == PELLUCID_OK);
            status = PELLUCID_ERR_TRAP;
            if (is_debug_phase) {
                look(world, program, call);
            }
        } else {
            EXPECT(state == PELLUCID_CALL_FINISHED);
            EXPECT(pellucid_call_results(call, &result, n_results) == PELLUCID_OK);
        }
        pellucid_call_delete(call);
    }
    *out_result = number(result);
    if (status == PELLUCID_OK) {
        return false;
    }
    EXPECT(status == PELLUCID_ERR_TRAP);
    bool is_time = source == BUDGET || source == EPOCH;
    EXPECT(pellucid_error_trap(error) == (is_time ? PELLUCID_TRAP_DEADLINE : PELLUCID_TRAP_INTERRUPTED));
    counts.frames += pellucid_error_frame_count(error);
    pellucid_error_delete(error);
    return true;
}

/* A guest that computes something in between, right after others were ended. */
static void still_works(struct world *world) {
    const struct program *program = NULL;
    pellucid_value_t n = value_i64(MIXES), result;
    pellucid_func_t func = func_in(world, &world->aux, "mix");
    EXPECT(pellucid_func_call(world->store, &func, &n, 1, &result, 1, NULL) == PELLUCID_OK);
    EXPECT(result.of.i64 == mix(MIXES));
}

/* A host function that calls the guest. */
static pellucid_status_t host_nested(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                                     pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    struct world *world = userdata;
    (void)args, (void)n_args, (void)n_results;
    if (action == WAIT) {
        return pellucid_caller_yield(caller, 1, out_error);
    }
    const struct program *program = world->nested;
    bool spins = action == NESTED_TRAP && world->nested_inner % 4 == 0;
    pellucid_func_t func = spins ? func_in(world, &world->aux, "spin")
                                 : func_in(world, &world->nested_instance, program->export);
    size_t n = spins ? 0 : program->is_eval ? 2 : program->has_argument;
    int64_t result;
    if (action == NESTED_TRAP) {
        /* The host function takes no notice of it. */
        bool in_one_go = world->nested_inner % 2 == 0;
        if (run_to_trap(world, program, func, world->nested_args, n, !spins, in_one_go, false, &result)) {
            world->inner_trapped = true;
            result = program->result;
        }
    } else {
        result = run_to_end(world, program, func, world->nested_args, n, false, true);
        EXPECT(result == program->result);
    }
    results[0] = value_i64(result);
    return PELLUCID_OK;
}

static pellucid_status_t bad_descriptor(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values, size_t n_values,
                                        pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)out_error;
    if (n_values > 0) {
        values[0].i32 = 8;
    }
    return PELLUCID_OK;
}

static pellucid_action_t on_event(void *userdata, pellucid_store_t *store, pellucid_event_t *event) {
    struct world *world = userdata;
    (void)store;
    counts.events++;
    disarm_if_enough(world);
    if (pellucid_event_can_pause(event) && next(&world->random) % 2 == 0) {
        /* Who resumes counts it. */
        return PELLUCID_ACTION_PAUSE;
    }
    hear(true);
    return PELLUCID_ACTION_CONTINUE;
}

static void open_store(struct world *world) {
    pellucid_linker_t *linker;
    pellucid_functype_t *type;
    pellucid_kind_t i32 = PELLUCID_I32, i64 = PELLUCID_I64;
    pellucid_interrupt_t *interrupt, *before = world->interrupt;
    MUST(pellucid_store_new(engines[is_debug_phase], NULL, NULL, &world->store, NULL));
    MUST(pellucid_linker_new(engines[is_debug_phase], &linker));
    MUST(pellucid_functype_new(&i32, 1, &i64, 1, &type));
    MUST(pellucid_linker_define_func(linker, world->store, TEXT("host"), TEXT("nested"), type, world, host_nested, NULL, NULL));
    pellucid_functype_delete(type);
    MUST(pellucid_linker_instantiate(linker, world->store, aux[is_debug_phase], &world->aux, NULL));
    pellucid_linker_delete(linker);
    MUST(pellucid_store_interrupt(world->store, &interrupt, NULL));
    pthread_mutex_lock(&world->lock);
    world->interrupt = interrupt;
    pthread_mutex_unlock(&world->lock);
    pellucid_interrupt_delete(before);
    if (action == EVENT && is_debug_phase) {
        uint32_t kinds = PELLUCID_EVENT_INTERRUPT | PELLUCID_EVENT_EPOCH;
        MUST(pellucid_store_set_event_handler(world->store, kinds, world, on_event, NULL));
    }
    world->lives = 0;
    counts.stores++;
}

/* An instance of a program, in a store that isn't too full, and the arguments of its run. */
static pellucid_instance_t prepare(struct world *world, const struct program *program, pellucid_value_t *args) {
    if (world->lives++ == STORE_LIVES) {
        pellucid_store_delete(world->store);
        open_store(world);
    }
    const pellucid_module_t *module = program->modules[is_debug_phase];
    size_t n = pellucid_module_import_count(module);
    pellucid_extern_t *imports = calloc(n + 1, sizeof *imports);
    for (size_t i = 0; i < n; i++) {
        pellucid_externtype_t *type;
        pellucid_functype_t *functype;
        pellucid_extern_kind_t kind;
        MUST(pellucid_module_import(module, i, NULL, NULL, &kind, &type));
        MUST(pellucid_externtype_func(type, &functype));
        imports[i].kind = kind;
        MUST(pellucid_func_new_raw(world->store, functype, NULL, bad_descriptor, NULL, &imports[i].of.func, NULL));
        pellucid_functype_delete(functype);
        pellucid_externtype_delete(type);
    }
    pellucid_instance_t instance;
    MUST(pellucid_instance_new(world->store, module, imports, n, &instance, NULL));
    free(imports);
    pellucid_extern_t item;
    if (pellucid_instance_export(world->store, &instance, TEXT("_initialize"), &item) == PELLUCID_OK) {
        MUST(pellucid_func_call(world->store, &item.of.func, NULL, 0, NULL, 0, NULL));
    }
    args[0] = value_i32(program->argument);
    if (program->is_eval) {
        pellucid_func_t alloc = func_in(world, &instance, "alloc");
        args[1] = value_i32((int32_t)strlen(program->source));
        MUST(pellucid_func_call(world->store, &alloc, &args[1], 1, &args[0], 1, NULL));
        MUST(pellucid_instance_export(world->store, &instance, TEXT("memory"), &item));
        MUST(pellucid_memory_write(world->store, &item.of.memory, (uint32_t)args[0].of.i32,
                                   (const uint8_t *)program->source, strlen(program->source)));
    }
    return instance;
}

static void run_one(struct world *world) {
    const struct program *program = &programs[next(&world->random) % n_programs];
    const pellucid_interrupt_kind_t pause = PELLUCID_INTERRUPT_PAUSE, trap = PELLUCID_INTERRUPT_TRAP;
    pellucid_value_t args[2];
    pellucid_instance_t instance = prepare(world, program, args);
    pellucid_func_t func = func_in(world, &instance, program->export);
    size_t n_args = program->is_eval ? 2 : program->has_argument;
    unsigned choice = next(&world->random);
    pellucid_value_t rounds = value_i32(OUTER_ROUNDS);
    pellucid_func_t outer = func_in(world, &world->aux, "outer");
    int64_t result = 0;
    switch (action) {
    case PAUSE:
        arm(world, pause, true);
        result = run_to_end(world, program, func, args, n_args, false, true);
        disarm(world);
        EXPECT(result == program->result);
        break;
    case EVENT:
        /* Without a handler what can pause does, and what can't goes on. */
        arm(world, PELLUCID_INTERRUPT_EVENT, true);
        result = run_to_end(world, program, func, args, n_args, choice % 4 == 0, true);
        disarm(world);
        EXPECT(result == program->result);
        break;
    case TRAP: {
        bool spins = choice % 4 == 0, ended;
        if (spins) {
            func = func_in(world, &world->aux, "spin");
            n_args = 0;
        }
        /* A pause ends what can't pause. */
        bool in_one_go = choice / 4 % 2 == 0;
        arm(world, in_one_go && choice / 8 % 2 == 0 ? pause : trap, false);
        ended = run_to_trap(world, program, func, args, n_args, !spins, in_one_go, source == BUDGET, &result);
        disarm(world);
        EXPECT(ended || result == program->result);
        EXPECT(ended || !spins);
        counts.traps += ended;
        hear(ended);
        still_works(world);
        break;
    }
    case NESTED_PAUSE:
    case NESTED_TRAP: {
        world->nested = program;
        world->nested_instance = instance;
        world->nested_args[0] = args[0];
        world->nested_args[1] = args[1];
        world->nested_inner = choice;
        world->inner_trapped = false;
        int64_t expected = (int64_t)(OUTER_ROUNDS * ((uint64_t)program->result + (uint64_t)mix(OUTER_MIXES)));
        arm(world, action == NESTED_PAUSE ? pause : trap, action == NESTED_PAUSE);
        if (action == NESTED_PAUSE) {
            result = run_to_end(world, program, outer, &rounds, 1, false, false);
            disarm(world);
            EXPECT(result == expected);
            break;
        }
        bool ended = run_to_trap(world, program, outer, &rounds, 1, 1, choice / 4 % 2 == 0, source == BUDGET, &result);
        disarm(world);
        EXPECT(ended || result == expected);
        EXPECT(ended || !world->inner_trapped);
        counts.traps += ended;
        hear(ended);
        still_works(world);
        break;
    }
    case WAIT: {
        rounds = value_i32(WAITS);
        pellucid_value_t given = value_i64(program->result);
        pellucid_call_t *call = begin(world, program, outer, &rounds, 1);
        pellucid_call_state_t state;
        unsigned long waits = 0;
        arm(world, pause, true);
        while ((state = resume(world, program, call, true)) != PELLUCID_CALL_FINISHED) {
            EXPECT(state == PELLUCID_CALL_PAUSED || state == PELLUCID_CALL_YIELDED);
            /* What is paused where it is about to yield may be given its results too. */
            bool waiting = pellucid_call_awaited(call, NULL, NULL) == PELLUCID_OK;
            EXPECT(waiting || state == PELLUCID_CALL_PAUSED);
            if (waiting && (state == PELLUCID_CALL_YIELDED || next(&world->random) % 2 == 0)) {
                EXPECT(pellucid_call_give(call, &given, 1, NULL) == PELLUCID_OK);
                waits++;
            }
        }
        disarm(world);
        pellucid_value_t sum;
        EXPECT(pellucid_call_results(call, &sum, 1) == PELLUCID_OK);
        EXPECT(waits == WAITS);
        EXPECT((uint64_t)sum.of.i64 == WAITS * ((uint64_t)program->result + (uint64_t)mix(OUTER_MIXES)));
        pellucid_call_delete(call);
        break;
    }
    case DROP: {
        arm(world, pause, true);
        pellucid_call_t *call = begin(world, program, func, args, n_args);
        pellucid_call_state_t state = resume(world, program, call, true);
        if (choice % 4 == 0) {
            /* Asked on, while the store goes, before its call or after it. */
            if (choice % 8 == 0) {
                pellucid_store_delete(world->store);
                pellucid_call_delete(call);
            } else {
                pellucid_call_delete(call);
                pellucid_store_delete(world->store);
            }
            if (source == THREAD && choice % 16 < 8) {
                unsigned long before = counts.requests;
                while (counts.requests == before) {
                }
            }
            world->kind = 0;
            while (world->is_asking) {
            }
            set_timer(world->timer, 0, 0);
            EXPECT(pellucid_interrupt_request(world->interrupt, trap) == PELLUCID_ERR_INVALID_STATE);
            open_store(world);
        } else {
            pellucid_call_delete(call);
            disarm(world);
            if (state == PELLUCID_CALL_PAUSED) {
                still_works(world);
            }
        }
        break;
    }
    default:
        abort();
    }
    counts.runs++;
}

static void *run(void *argument) {
    struct world *world = argument;
    mine = world;
    world->timer = timer_of_this_thread(SIGUSR2);
    world->storm_timer = timer_of_this_thread(SIGPROF);
    open_store(world);
    if (storm != CALM) {
        set_timer(world->storm_timer, 1000, 60000 + (long)(next(&world->random) % 60000));
    }
    do {
        run_one(world);
    } while (counts.heard < quota);
    timer_delete(world->storm_timer);
    timer_delete(world->timer);
    pellucid_store_delete(world->store);
    return NULL;
}

/* Counts up the engine's epoch at random moments. */
static void *tick(void *argument) {
    uint64_t random = (uint64_t)(uintptr_t)argument;
    prctl(PR_SET_TIMERSLACK, 1ul, 0, 0, 0);
    while (!phase_ends) {
        pass(20000 + next(&random) % 60000);
        MUST(pellucid_engine_increment_epoch(engines[is_debug_phase]));
    }
    return NULL;
}

static void handle(int signal, void (*handler)(int), int flags) {
    struct sigaction how = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&how.sa_mask);
    if (sigaction(signal, &how, NULL) != 0) {
        perror("sigaction");
        exit(1);
    }
}

/* Nobody waits for what doesn't come. */
static void *watch(void *argument) {
    unsigned long before = 0;
    uint64_t since = now_ns();
    (void)argument;
    while (now_ns() - since < 120000000000u) {
        /* The storm may cut it short. */
        pass(100000000);
        unsigned long seen = in_all + counts.runs;
        since = seen == before ? since : now_ns();
        before = seen;
    }
    fail(NULL, NULL, "nothing has happened for two minutes");
    return NULL;
}

static void run_phase(uint64_t seed) {
    memset((void *)&counts, 0, sizeof counts);
    phase_ends = false;
    int flags = SA_RESTART | (storm == ON_GUESTS_STACK ? 0 : SA_ONSTACK);
    handle(SIGUSR2, on_asking_signal, flags);
    handle(SIGPROF, on_storm, flags);
    handle(SIGALRM, on_storm, flags);
    struct itimerval time = {{0, 70}, {0, 70}}, never = {{0, 0}, {0, 0}};
    if (storm != CALM) {
        setitimer(ITIMER_REAL, &time, NULL);
    }
    uint64_t begun = now_ns();
    pthread_t ticker;
    for (int i = 0; i < n_worlds; i++) {
        struct world *world = &worlds[i];
        world->random = seed * 1000003 + (uint64_t)i;
        world->askers_random = seed * 7919 + (uint64_t)i;
        world->kind = world->orders = 0;
        world->ends = world->is_asking = false;
        pthread_create(&world->runner, NULL, run, world);
        if (source == THREAD) {
            pthread_create(&world->asker, NULL, ask, world);
        }
    }
    if (source == EPOCH) {
        pthread_create(&ticker, NULL, tick, (void *)(uintptr_t)seed);
    }
    for (int i = 0; i < n_worlds; i++) {
        pthread_join(worlds[i].runner, NULL);
        worlds[i].ends = true;
        if (source == THREAD) {
            pthread_join(worlds[i].asker, NULL);
        }
    }
    phase_ends = true;
    if (source == EPOCH) {
        pthread_join(ticker, NULL);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    fprintf(report, "%-5s %-7s %-13s %-10s %9lu %8lu %8lu %9lu %8lu %7lu %7lu %8lu %6.1f\n", is_debug_phase ? "on" : "off",
            source_names[source], action_names[action], storm_names[storm], counts.heard, counts.runs, counts.traps,
            counts.frames, counts.events, counts.stores, counts.gone, counts.alarms, (double)(now_ns() - begun) / 1e9);
    fflush(report);
}

static bool exists(enum source source, enum action action) {
    switch (action) {
    case EVENT:
        return source != BUDGET;
    default:
        return true;
    }
}

int main(int argc, char **argv) {
    is_long = argc > 1;
    report = is_long ? stdout : stderr;
    const char *only[2] = {argc > 4 ? argv[4] : NULL, argc > 5 ? argv[5] : NULL};
    unsigned long total = is_long ? strtoul(argv[1], NULL, 10) : 0;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    n_worlds = argc > 3 ? atoi(argv[3]) : 2;
    for (int debug = 0; debug < 2; debug++) {
        open_world(debug);
        engines[debug] = engine;
        aux[debug] = module_of(aux_text);
        pellucid_store_delete(store);
    }
    add_programs("benches/programs/expected.txt", true);
    add_programs("tests/programs/expected.txt", false);
    for (int i = 0; i < n_worlds; i++) {
        pthread_mutex_init(&worlds[i].lock, NULL);
    }
    pthread_t watcher;
    pthread_create(&watcher, NULL, watch, NULL);
    pthread_detach(watcher);
    unsigned phases = 0;
    for (int counting = 1; counting >= 0; counting--) {
        if (!counting) {
            quota = is_long ? total / (phases == 0 ? 1 : phases) + 1 : 20;
            fprintf(report, "%zu programs, seed %llu, %d threads, %u phases of %lu interrupts\n", n_programs,
                    (unsigned long long)seed, n_worlds, phases, quota);
            fprintf(report, "%-5s %-7s %-13s %-10s %9s %8s %8s %9s %8s %7s %7s %8s %6s\n", "debug", "source", "action", "storm",
                    "heard", "runs", "traps", "frames", "events", "stores", "gone", "alarms", "s");
        }
        for (int s = 0; s < SOURCES * ACTIONS * STORMS * 2; s++) {
            source = (enum source)(s / 2 / STORMS / ACTIONS);
            action = (enum action)(s / 2 / STORMS % ACTIONS);
            storm = (enum storm)(s / 2 % STORMS);
            is_debug_phase = s % 2 == 1;
            bool wanted = true;
            for (int i = 0; i < 2; i++) {
                wanted &= only[i] == NULL || strcmp(only[i], source_names[source]) == 0 ||
                          strcmp(only[i], action_names[action]) == 0;
            }
            if (!wanted || !exists(source, action)) {
                continue;
            }
            phases += counting;
            if (!counting) {
                run_phase(seed * 1000 + (uint64_t)s);
            }
        }
    }
    fprintf(report, "%lu interrupts in all; all results as expected\n", (unsigned long)in_all);
    for (int i = 0; i < n_worlds; i++) {
        pellucid_interrupt_delete(worlds[i].interrupt);
    }
    for (size_t i = 0; i < n_programs; i++) {
        for (int debug = 0; debug < 2; debug++) {
            bool is_first = true;
            for (size_t before = 0; before < i; before++) {
                is_first &= programs[before].modules[debug] != programs[i].modules[debug];
            }
            if (is_first) {
                pellucid_module_delete(programs[i].modules[debug]);
            }
        }
        free(programs[i].source);
    }
    for (int debug = 0; debug < 2; debug++) {
        pellucid_module_delete(aux[debug]);
        pellucid_engine_delete(engines[debug]);
    }
    return finish();
}
