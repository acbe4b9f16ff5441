/* WASI programs with threads: a real one, made by a compiler; limits, ends, host functions, a debugger. */

#define _GNU_SOURCE
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Starts threads by itself; each calls the host. */
static const char *const WAT =
    "(module $script"
    "  (import \"env\" \"memory\" (memory 1 4 shared))"
    "  (import \"wasi\" \"thread-spawn\" (func $spawn (param i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
    "  (import \"host\" \"here\" (func $here (param i32 i32)))"
    "  (export \"memory\" (memory 0))"
    "  (func (export \"spawn\") (param i32) (result i32) (call $spawn (local.get 0)))"
    "  (func (export \"exit\") (param i32) (call $exit (local.get 0)))"
    "  (func (export \"load\") (param i32) (result i32) (i32.atomic.load (local.get 0)))"
    "  (func (export \"store\") (param i32 i32) (i32.atomic.store (local.get 0) (local.get 1)))"
    "  (func $spin (loop $again (drop (i32.atomic.rmw.add (i32.const 8) (i32.const 1))) (br $again)))"
    "  (func (export \"spin\") (call $spin))"
    "  (func $thread (export \"wasi_thread_start\") (param $tid i32) (param $what i32)"
    "    (call $here (local.get $tid) (local.get $what))"
    "    (drop (i32.atomic.rmw.add (i32.const 4) (i32.const 1)))"
    "    (if (i32.eq (local.get $what) (i32.const 1)) (then (call $spin)))"
    "    (if (i32.eq (local.get $what) (i32.const 2)) (then unreachable))"
    "    (if (i32.eq (local.get $what) (i32.const 3)) (then (call $exit (i32.const 77))))"
    "    (if (i32.eq (local.get $what) (i32.const 4))"
    "      (then (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))"
    "    (if (i32.eq (local.get $what) (i32.const 5)) (then (drop (call $spawn (i32.const 0)))))))";

static pellucid_wasi_threads_t *threads;
static pellucid_instance_t instance;
static pellucid_wasi_t *wasi;

static void sleep_ms(long ms) {
    struct timespec time = {0, ms * 1000000};
    nanosleep(&time, NULL);
}

/* What the host's function and callback have seen. */
static _Atomic int n_prepared, n_here, n_finalized, last_thread;
static _Atomic pellucid_status_t refuses;
static _Atomic(pellucid_wasi_threads_t *) ends;
static _Atomic pellucid_status_t end_status;

static void finalized(void *userdata) {
    (void)userdata;
    n_finalized++;
}

static pellucid_status_t here(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)results, (void)n_results, (void)out_error;
    CHECK(n_args == 2 && args[0].of.i32 >= 1);
    last_thread = args[0].of.i32;
    if (ends != NULL) {
        end_status = pellucid_wasi_threads_end(ends, NULL);
    }
    n_here++;
    return PELLUCID_OK;
}

static void define_here(pellucid_linker_t *linker, pellucid_store_t *store) {
    pellucid_kind_t params[] = {PELLUCID_I32, PELLUCID_I32};
    pellucid_functype_t *type;
    OK(pellucid_functype_new(params, 2, NULL, 0, &type));
    OK(pellucid_linker_define_func(linker, store, TEXT("host"), TEXT("here"), type, NULL, here, NULL, NULL));
    pellucid_functype_delete(type);
}

/* What a debugger's handler notes while it holds its thread. */
static _Atomic int n_held, n_left, is_released;
static _Atomic int n_frames, n_hit;

static pellucid_action_t handle(void *userdata, pellucid_store_t *store, pellucid_event_t *event) {
    (void)userdata;
    if (pellucid_event_kind(event) == PELLUCID_EVENT_BREAKPOINT) {
        pellucid_frame_t at;
        pellucid_value_t locals[2];
        uint32_t n;
        OK(pellucid_event_frame(event, &at));
        OK(pellucid_frame_read_locals(store, &at, 0, locals, 2, &n));
        CHECK(n == 2 && locals[0].of.i32 >= 1 && locals[1].of.i32 <= 4);
        n_hit++;
    }
    if (pellucid_event_kind(event) != PELLUCID_EVENT_INTERRUPT) {
        return PELLUCID_ACTION_CONTINUE;
    }
    pellucid_frame_t frame;
    pellucid_value_t local;
    uint32_t n_locals;
    if (pellucid_event_frame(event, &frame) == PELLUCID_OK) {
        pellucid_status_t status = PELLUCID_OK;
        while (status == PELLUCID_OK) {
            n_frames++;
            OK(pellucid_frame_read_locals(store, &frame, 0, &local, 1, &n_locals));
            status = pellucid_frame_caller(store, &frame, &frame);
        }
    }
    n_held++;
    while (!is_released) {
        sleep_ms(1);
    }
    n_left++;
    return PELLUCID_ACTION_CONTINUE;
}

static bool has_handlers;
static pellucid_module_t *module;

/* The number of the function that threads begin with. */
enum { THREAD = 9 };

static pellucid_status_t prepare(void *userdata, uint32_t thread, pellucid_store_t *store, pellucid_linker_t *linker,
                                 pellucid_error_t **out_error) {
    (void)out_error;
    CHECK(userdata == &instance && thread >= 1);
    if (refuses) {
        return refuses;
    }
    define_here(linker, store);
    if (has_handlers) {
        OK(pellucid_store_set_event_handler(store, PELLUCID_EVENT_INTERRUPT | PELLUCID_EVENT_BREAKPOINT, NULL, handle, NULL));
        break_at_function(store, module, THREAD);
    }
    n_prepared++;
    return PELLUCID_OK;
}

static pellucid_linker_t *linker;

static void open_group(pellucid_wasi_config_t *config, uint32_t most, bool is_script) {
    MUST(pellucid_wasi_threads_new(module, config, most, &instance, is_script ? prepare : NULL, finalized, &threads, &wasi,
                                   ERR));
    pellucid_wasi_config_delete(config);
    MUST(pellucid_linker_new(engine, &linker));
    MUST(pellucid_linker_define_wasi_threads(linker, store, threads, ERR));
    if (is_script) {
        define_here(linker, store);
    }
    MUST(pellucid_linker_instantiate(linker, store, module, &instance, ERR));
}

static void close_group(void) {
    int before = n_finalized;
    pellucid_wasi_threads_delete(threads);
    pellucid_linker_delete(linker);
    pellucid_module_delete(module);
    pellucid_wasi_delete(wasi);
    close_world();
    CHECK(n_finalized == before + 1);
}

static void open_script(bool is_debug, uint32_t most) {
    pellucid_wasi_config_t *config;
    open_world(is_debug);
    module = module_of(WAT);
    MUST(pellucid_wasi_config_new(&config));
    n_prepared = n_here = 0;
    open_group(config, most, true);
}

static pellucid_status_t call(const char *name, int32_t arg, int32_t *out) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t args = value_i32(arg), result = {0};
    size_t n_args = strcmp(name, "spin") == 0 ? 0 : 1;
    pellucid_status_t status = pellucid_func_call(store, &func, &args, n_args, &result, out != NULL, ERR);
    if (out != NULL) {
        *out = result.of.i32;
    }
    return status;
}

static int32_t spawn(int32_t what) {
    int32_t thread = 0;
    OK(call("spawn", what, &thread));
    return thread;
}

/* The same for a thread that ends the program, perhaps before the one that has started it goes on. */
static void spawn_to_end(int32_t what) {
    int32_t thread = 1;
    pellucid_status_t status = call("spawn", what, &thread);
    CHECK(status == PELLUCID_OK ? thread > 0 : pellucid_error_trap(last_error) == PELLUCID_TRAP_INTERRUPTED);
}

static void wait_until(_Atomic int *counter, int n) {
    for (int i = 0; *counter < n && i < 20000; i++) {
        sleep_ms(1);
    }
    CHECK(*counter >= n);
}

/* Threads that end by themselves; numbers that are never used again; a limit. */
static void numbers(bool is_debug) {
    open_script(is_debug, 3);
    int last = 0;
    for (int i = 0; i < 20; i++) {
        int32_t thread = spawn(0);
        CHECK(thread == last + 1);
        last = thread;
        OK(pellucid_wasi_threads_join(threads, ERR));
        CHECK(pellucid_wasi_threads_count(threads) == 0);
    }
    CHECK(n_prepared == 20 && n_here == 20 && last_thread == last);
    int32_t seen;
    OK(call("load", 4, &seen));
    CHECK(seen == 20);
    /* One that starts another. */
    CHECK(spawn(5) == 21);
    OK(pellucid_wasi_threads_join(threads, ERR));
    CHECK(n_here == 22);
    /* As many as there may be; one less when one has ended. */
    for (int i = 0; i < 3; i++) {
        CHECK(spawn(4) == 23 + i);
    }
    CHECK(spawn(0) == -6 && pellucid_wasi_threads_count(threads) == 3);
    OK(pellucid_wasi_threads_end(threads, ERR));
    CHECK(pellucid_wasi_threads_count(threads) == 0);
    /* None begins any more, but the host's own store goes on. */
    CHECK(spawn(0) == -6);
    OK(call("load", 4, &seen));
    OK(pellucid_wasi_threads_end(threads, ERR));
    close_group();
}

/* The first thread that traps or exits decides; the others are interrupted, in whatever they do, the host's own too. */
static void verdicts(bool is_debug) {
    for (int32_t what = 2; what <= 3; what++) {
        open_script(is_debug, 8);
        CHECK(spawn(1) > 0 && spawn(4) > 0 && spawn(1) > 0);
        wait_until(&n_here, 3);
        int32_t thread;
        if (call("spawn", what, &thread) == PELLUCID_OK) {
            STATUS(PELLUCID_ERR_TRAP, call("spin", 0, NULL));
        }
        CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_INTERRUPTED);
        for (int i = 0; i < 2; i++) {
            if (what == 2) {
                STATUS(PELLUCID_ERR_TRAP, pellucid_wasi_threads_join(threads, ERR));
                CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_UNREACHABLE);
                CHECK(pellucid_error_frame_count(last_error) == 1);
            } else {
                uint32_t code = 0;
                STATUS(PELLUCID_ERR_EXIT, pellucid_wasi_threads_end(threads, ERR));
                OK(pellucid_error_exit_code(last_error, &code));
                CHECK(code == 77);
            }
            CHECK(pellucid_wasi_threads_count(threads) == 0);
        }
        /* The host's own store was asked to end, and has. */
        OK(call("load", 4, &(int32_t){0}));
        close_group();
    }
    /* The host's own thread exits. */
    open_script(is_debug, 8);
    CHECK(spawn(1) > 0 && spawn(4) > 0);
    STATUS(PELLUCID_ERR_EXIT, call("exit", 5, NULL));
    STATUS(PELLUCID_ERR_EXIT, pellucid_wasi_threads_join(threads, ERR));
    uint32_t code = 0;
    OK(pellucid_error_exit_code(last_error, &code));
    CHECK(code == 5);
    close_group();
    /* A trap that comes while the host's own store runs nothing doesn't reach its next guest, when the end was seen. */
    open_script(is_debug, 8);
    spawn_to_end(2);
    STATUS(PELLUCID_ERR_TRAP, pellucid_wasi_threads_join(threads, ERR));
    OK(call("load", 4, &(int32_t){0}));
    close_group();
    /* A callback that fails. */
    open_script(is_debug, 8);
    refuses = PELLUCID_ERR_LIMIT;
    spawn_to_end(0);
    STATUS(PELLUCID_ERR_HOST, pellucid_wasi_threads_join(threads, ERR));
    CHECK(message_has(last_error, "the callback that prepares thread 1 failed with PELLUCID_ERR_LIMIT"));
    refuses = 0;
    close_group();
    /* Deleting the group ends its threads. */
    open_script(is_debug, 8);
    CHECK(spawn(1) > 0 && spawn(4) > 0);
    close_group();
    /* A thread can't wait for itself. */
    open_script(is_debug, 8);
    ends = threads;
    CHECK(spawn(0) > 0);
    OK(pellucid_wasi_threads_join(threads, ERR));
    STATUS(PELLUCID_ERR_INVALID_STATE, end_status);
    ends = NULL;
    close_group();
}

/* Each thread's store has breakpoints of its own, which its callback sets. */
static void breakpoints(void) {
    has_handlers = true;
    open_script(true, 8);
    n_hit = 0;
    for (int i = 0; i < 6; i++) {
        CHECK(spawn(0) > 0);
    }
    OK(pellucid_wasi_threads_join(threads, ERR));
    CHECK(n_hit == 6);
    has_handlers = false;
    close_group();
}

static void *spins(void *userdata) {
    *(pellucid_status_t *)userdata = call("spin", 0, NULL);
    return NULL;
}

/* All threads are held in their handlers, with frames to look at, and go on. */
static void all_pause(void) {
    has_handlers = true;
    open_script(true, 8);
    OK(pellucid_store_set_event_handler(store, PELLUCID_EVENT_INTERRUPT, NULL, handle, NULL));
    CHECK(spawn(1) > 0 && spawn(4) > 0 && spawn(1) > 0);
    wait_until(&n_here, 3);
    pthread_t main_thread;
    pellucid_status_t status = 1;
    pthread_create(&main_thread, NULL, spins, &status);
    sleep_ms(20);
    for (int i = 0; i < 5; i++) {
        n_held = n_left = n_frames = is_released = 0;
        OK(pellucid_wasi_threads_interrupt(threads, PELLUCID_INTERRUPT_EVENT));
        wait_until(&n_held, 4);
        /* Three of them spin in a function that another has called, or are about to call it; one waits in its first. */
        CHECK(n_frames >= 4 && n_frames <= 7);
        is_released = 1;
        wait_until(&n_left, 4);
    }
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_wasi_threads_interrupt(threads, PELLUCID_INTERRUPT_PAUSE));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_wasi_threads_interrupt(threads, 9));
    OK(pellucid_wasi_threads_interrupt(threads, PELLUCID_INTERRUPT_TRAP));
    pthread_join(main_thread, NULL);
    STATUS(PELLUCID_ERR_TRAP, status);
    pellucid_error_t *error = NULL;
    STATUS(PELLUCID_ERR_TRAP, pellucid_wasi_threads_join(threads, &error));
    CHECK(pellucid_error_trap(error) == PELLUCID_TRAP_INTERRUPTED);
    pellucid_error_delete(error);
    has_handlers = false;
    close_group();
}

/* A program of a compiler's. Answers the status of its call, and what the group said. */
static pellucid_status_t run_program(bool is_debug, uint32_t most, const char *what, const char *arg, const char *out,
                                     pellucid_status_t *out_end, uint32_t *out_code) {
    open_world(is_debug);
    module = module_of_file("tests/programs/wasi/threads.wasm");
    int ends_of_pipe[2];
    char path[64];
    CHECK(pipe(ends_of_pipe) == 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends_of_pipe[0]);
    pellucid_wasi_config_t *config;
    MUST(pellucid_wasi_config_new(&config));
    OK(pellucid_wasi_config_add_arg(config, TEXT("threads")));
    OK(pellucid_wasi_config_add_arg(config, what, strlen(what)));
    OK(pellucid_wasi_config_add_arg(config, arg, strlen(arg)));
    OK(pellucid_wasi_config_set_file(config, PELLUCID_WASI_STDIN, path, strlen(path), ERR));
    OK(pellucid_wasi_config_set_stream(config, PELLUCID_WASI_STDOUT, PELLUCID_WASI_CAPTURE));
    OK(pellucid_wasi_config_set_stream(config, PELLUCID_WASI_STDERR, PELLUCID_WASI_INHERIT));
    open_group(config, most, false);
    pellucid_func_t start = func_of(instance, "_start");
    pellucid_status_t status = pellucid_func_call(store, &start, NULL, 0, NULL, 0, ERR);
    pellucid_error_t *error = NULL;
    *out_end = pellucid_wasi_threads_end(threads, &error);
    *out_code = 99;
    if (error != NULL) {
        (void)pellucid_error_exit_code(error, out_code);
        CHECK((pellucid_error_trap(error) == PELLUCID_TRAP_UNREACHABLE) == (*out_end == PELLUCID_ERR_TRAP));
    }
    pellucid_error_delete(error);
    uint8_t printed[256];
    size_t n;
    OK(pellucid_wasi_read(wasi, PELLUCID_WASI_STDOUT, printed, sizeof printed, &n));
    if (!CHECK(n == strlen(out) && memcmp(printed, out, n) == 0)) {
        fprintf(stderr, "    printed: %.*s\n", (int)n, (char *)printed);
    }
    close(ends_of_pipe[0]);
    close(ends_of_pipe[1]);
    close_group();
    return status;
}

static void programs(bool is_debug) {
    pellucid_status_t end;
    uint32_t code;
    OK(run_program(is_debug, 16, "count", "8", "counted 8000, sent 28, squares 140\n", &end, &code));
    OK(end);
    OK(run_program(is_debug, 5, "limit", "", "5 threads, then WouldBlock\n5 threads, then WouldBlock\n", &end, &code));
    OK(end);
    OK(run_program(is_debug, 16, "outlived", "", "main is done\n", &end, &code));
    OK(end);
    STATUS(PELLUCID_ERR_EXIT, run_program(is_debug, 16, "main exits", "", "", &end, &code));
    STATUS(PELLUCID_ERR_EXIT, end);
    CHECK(code == 3);
    STATUS(PELLUCID_ERR_TRAP, run_program(is_debug, 16, "exits", "", "", &end, &code));
    STATUS(PELLUCID_ERR_EXIT, end);
    CHECK(code == 7);
    STATUS(PELLUCID_ERR_TRAP, run_program(is_debug, 16, "traps", "", "", &end, &code));
    STATUS(PELLUCID_ERR_TRAP, end);
}

/* One import's memory is all imports' of its name; what is refused leaves nothing defined. */
static void definitions(void) {
    open_world(false);
    module = module_of("(module (import \"env\" \"memory\" (memory 1 4 shared)) (import \"env\" \"memory\" (memory 1 4 shared))"
                       "  (func (export \"wasi_thread_start\") (param i32 i32)))");
    pellucid_wasi_config_t *config;
    MUST(pellucid_wasi_config_new(&config));
    MUST(pellucid_wasi_threads_new(module, config, 1, NULL, NULL, NULL, &threads, NULL, ERR));
    pellucid_wasi_config_delete(config);
    MUST(pellucid_linker_new(engine, &linker));
    uint64_t memories;
    OK(pellucid_store_limit(store, PELLUCID_LIMIT_MEMORIES, &memories));
    OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_MEMORIES, 0));
    STATUS(PELLUCID_ERR_LIMIT, pellucid_linker_define_wasi_threads(linker, store, threads, ERR));
    OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_MEMORIES, memories));
    OK(pellucid_linker_define_wasi_threads(linker, store, threads, ERR));
    OK(pellucid_linker_instantiate(linker, store, module, &instance, ERR));
    pellucid_wasi_threads_delete(threads);
    pellucid_linker_delete(linker);
    pellucid_module_delete(module);
    close_world();
}

static size_t waiters(const pellucid_shared_memory_t *shared) {
    size_t n = 0;
    OK(pellucid_shared_memory_waiter_count(shared, &n));
    return n;
}

/* A forked child has none of the threads, and doesn't wait for them. */
static void children_have_no_threads(void) {
    open_script(false, 2);
    CHECK(spawn(1) == 1 && spawn(4) == 2);
    wait_until(&n_here, 2);
    pellucid_shared_memory_t *shared;
    pellucid_memory_t memory = export_of(instance, "memory").of.memory;
    MUST(pellucid_memory_shared(store, &memory, &shared, ERR));
    for (int i = 0; waiters(shared) < 1 && i < 20000; i++)
        sleep_ms(1);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        uint32_t n = 9;
        CHECK(waiters(shared) == 0);
        CHECK(pellucid_shared_memory_notify(shared, 0, 1, &n) == PELLUCID_OK && n == 0);
        OK(pellucid_wasi_threads_end(threads, NULL));
        CHECK(pellucid_wasi_threads_count(threads) == 0);
        pellucid_wasi_threads_delete(threads);
        _exit(failures == 0 ? 7 : 1);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK(pellucid_wasi_threads_count(threads) == 2 && waiters(shared) == 1);
    pellucid_shared_memory_delete(shared);
    OK(pellucid_wasi_threads_end(threads, ERR));
    close_group();
}

static void refusals(void) {
    open_world(false);
    pellucid_wasi_config_t *config;
    MUST(pellucid_wasi_config_new(&config));
    threads = NULL;
    static const char *const others[] = {
        "(module (import \"env\" \"memory\" (memory 1 4 shared)))",
        "(module (memory 1) (func (export \"wasi_thread_start\") (param i32 i32)))",
        "(module (import \"env\" \"memory\" (memory 1)) (func (export \"wasi_thread_start\") (param i32 i32)))",
        "(module (import \"env\" \"memory\" (memory 1 4 shared)) (func (export \"wasi_thread_start\") (param i32)))",
    };
    int before = n_finalized;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        module = module_of(others[i]);
        STATUS(PELLUCID_ERR_INVALID_ARGUMENT,
               pellucid_wasi_threads_new(module, config, 1, NULL, NULL, finalized, &threads, NULL, ERR));
        CHECK(last_error != NULL && threads == NULL && n_finalized == before + 1 + (int)i);
        pellucid_module_delete(module);
    }
    module = module_of(WAT);
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_wasi_threads_new(NULL, config, 1, NULL, NULL, NULL, &threads, NULL, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_wasi_threads_new(module, config, 1, NULL, NULL, NULL, NULL, NULL, ERR));
    MUST(pellucid_wasi_threads_new(module, config, 1, NULL, NULL, NULL, &threads, NULL, ERR));
    MUST(pellucid_linker_new(engine, &linker));
    OK(pellucid_linker_define_wasi_threads(linker, store, threads, ERR));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_linker_define_wasi_threads(linker, store, threads, ERR));
    OK(pellucid_wasi_threads_join(threads, ERR));
    CHECK(pellucid_wasi_threads_count(NULL) == 0);
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_wasi_threads_end(NULL, ERR));
    pellucid_wasi_threads_delete(NULL);
    pellucid_wasi_threads_t *other;
    MUST(pellucid_wasi_threads_new(module, config, 1, NULL, NULL, NULL, &other, NULL, ERR));
    pellucid_store_t *another;
    MUST(pellucid_store_new(engine, NULL, NULL, &another, ERR));
    STATUS(PELLUCID_ERR_LINK, pellucid_linker_define_wasi_threads(linker, another, other, ERR));
    pellucid_store_delete(another);
    pellucid_wasi_threads_delete(other);
    pellucid_wasi_threads_delete(threads);
    pellucid_linker_delete(linker);
    pellucid_wasi_config_delete(config);
    pellucid_module_delete(module);
    close_world();
}

int main(void) {
    refusals();
    definitions();
    children_have_no_threads();
    for (int is_debug = 0; is_debug <= 1; is_debug++) {
        numbers(is_debug);
        verdicts(is_debug);
        /* Without signals, too. */
        has_checks = true;
        verdicts(is_debug);
        has_checks = false;
        if (is_debug) {
            breakpoints();
            all_pause();
        }
        programs(is_debug);
    }
    return finish();
}
