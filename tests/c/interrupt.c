/* Interrupts: guests that run are left, from other threads and signal handlers, and go on, or don't; and time budgets. */

#define _GNU_SOURCE
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *WAT =
    "(module (import \"host\" \"wait\" (func $wait (param i32)))"
    "  (import \"host\" \"nested\" (func $nested))"
    "  (memory (export \"memory\") 1) (table $t (export \"table\") 2000000 funcref)"
    "  (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))"
    "  (func (export \"fills\") (loop (memory.fill (i32.const 0) (i32.const 7) (i32.shl (i32.const 12288) (i32.const 16)))"
    "    (br 0)))"
    "  (func (export \"copies\") (loop (memory.copy (i32.const 1) (i32.const 0) (i32.const 0x2fff0000)) (br 0)))"
    "  (func (export \"fills_table\") (loop (table.fill $t (i32.const 0) (ref.null func) (i32.const 2000000)) (br 0)))"
    "  (func (export \"copies_table\") (loop (table.copy (i32.const 1) (i32.const 0) (i32.const 1999999)) (br 0)))"
    "  (func (export \"fill\") (param i32 i32 i32) (result i32)"
    "    (memory.fill (local.get 0) (local.get 1) (local.get 2)) (i32.load8_u (i32.const 70000)))"
    "  (func (export \"copy\") (param i32 i32 i32) (result i32)"
    "    (memory.copy (local.get 0) (local.get 1) (local.get 2)) (i32.load8_u (i32.const 70000)))"
    "  (func (export \"spin\") (loop (br 0)))"
    "  (func $spin_if (export \"spin_if\") (param i32) (if (local.get 0) (then (loop (br 0)))))"
    "  (func (export \"count\") (param $n i64) (result i64) (local $sum i64)"
    "    (loop"
    "      (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (local.get $n)))"
    "      (local.set $n (i64.sub (local.get $n) (i64.const 1)))"
    "      (br_if 0 (i64.ne (local.get $n) (i64.const 0))))"
    "    (local.get $sum))"
    "  (func $fib (export \"fib\") (param i32) (result i32)"
    "    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))"
    "      (then (local.get 0))"
    "      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))"
    "                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))"
    "  (func (export \"calls\") (loop (drop (call $fib (i32.const 5))) (br 0)))"
    "  (func (export \"waits\") (loop (call $wait (i32.const 1)) (br 0)))"
    "  (func (export \"waits_once\") (param i32) (result i32) (call $wait (local.get 0)) (i32.const 7))"
    "  (func (export \"nests\") (result i32) (call $nested) (i32.const 8))"
    "  (func (export \"nests_for_ever\") (loop (call $nested) (br 0)))"
    "  (func (export \"seven\") (result i32) (i32.const 7)))";

static pellucid_instance_t instance;
static pellucid_interrupt_t *interrupt;
static pellucid_status_t nested_status;

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void sleep_us(uint64_t us) {
    uint64_t end = now_us() + us;
    for (uint64_t now; (now = now_us()) < end;) {
        struct timespec time = {(time_t)((end - now) / 1000000), (long)((end - now) % 1000000) * 1000};
        nanosleep(&time, NULL);
    }
}

static pellucid_status_t host_wait(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                   size_t n_args, pellucid_value_t *results, size_t n_results,
                                   pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)n_args, (void)results, (void)n_results, (void)out_error;
    sleep_us((uint64_t)args[0].of.i32 * 1000);
    return PELLUCID_OK;
}

static pellucid_status_t host_nested(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                     size_t n_args, pellucid_value_t *results, size_t n_results,
                                   pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    pellucid_func_t spin = func_of(instance, "spin");
    nested_status = pellucid_func_call(store, &spin, NULL, 0, NULL, 0, NULL);
    return PELLUCID_OK;
}

static pellucid_extern_t host_func(pellucid_func_cb_t cb, size_t n_params) {
    pellucid_kind_t i32 = PELLUCID_I32;
    pellucid_functype_t *type;
    MUST(pellucid_functype_new(&i32, n_params, NULL, 0, &type));
    pellucid_extern_t item = {0};
    item.kind = PELLUCID_EXTERN_FUNC;
    MUST(pellucid_func_new(store, type, NULL, cb, NULL, &item.of.func, ERR));
    pellucid_functype_delete(type);
    return item;
}

static void open_guest(bool is_debug) {
    open_world(is_debug);
    pellucid_module_t *module = module_of(WAT);
    pellucid_extern_t imports[] = {host_func(host_wait, 1), host_func(host_nested, 0)};
    MUST(pellucid_instance_new(store, module, imports, 2, &instance, ERR));
    pellucid_module_delete(module);
    MUST(pellucid_store_interrupt(store, &interrupt, ERR));
}

static void close_guest(void) {
    pellucid_interrupt_delete(interrupt);
    close_world();
}

/* Asks for an interrupt after some time, from a thread of its own. */
struct later {
    pthread_t thread;
    pellucid_interrupt_t *interrupt;
    uint64_t us;
    pellucid_interrupt_kind_t kind;
};

static void *ask_later(void *argument) {
    struct later *later = argument;
    sleep_us(later->us);
    OK(pellucid_interrupt_request(later->interrupt, later->kind));
    pellucid_interrupt_delete(later->interrupt);
    return NULL;
}

static void begin_later(struct later *later, uint64_t us, pellucid_interrupt_kind_t kind) {
    later->us = us;
    later->kind = kind;
    MUST(pellucid_interrupt_clone(interrupt, &later->interrupt));
    CHECK(pthread_create(&later->thread, NULL, ask_later, later) == 0);
}

static void join(struct later *later) {
    CHECK(pthread_join(later->thread, NULL) == 0);
}

static pellucid_status_t call(const char *name, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results) {
    pellucid_func_t func = func_of(instance, name);
    return pellucid_func_call(store, &func, args, n_args, results, n_results, ERR);
}

static void still_works(void) {
    pellucid_value_t result;
    OK(call("seven", NULL, 0, &result, 1));
    CHECK(result.of.i32 == 7);
}

static void expect_trap(const char *name, pellucid_trap_t trap) {
    pellucid_value_t result;
    bool has_result = strcmp(name, "nests") == 0;
    STATUS(PELLUCID_ERR_TRAP, call(name, NULL, 0, &result, has_result));
    CHECK(pellucid_error_trap(last_error) == trap);
}

static void runaway_guests_are_stopped(void) {
    const char *names[] = {"spin", "calls", "waits", "nests", "nests_for_ever"};
    size_t n_frames = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (int kind = PELLUCID_INTERRUPT_TRAP; kind <= PELLUCID_INTERRUPT_PAUSE; kind++) {
            struct later later;
            begin_later(&later, 3000, (pellucid_interrupt_kind_t)kind);
            expect_trap(names[i], PELLUCID_TRAP_INTERRUPTED);
            join(&later);
            n_frames += pellucid_error_frame_count(last_error);
            still_works();
        }
    }
    CHECK(nested_status == PELLUCID_ERR_TRAP);
}


static pellucid_call_t *begin(const char *name, const pellucid_value_t *args, size_t n_args) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_call_t *call;
    MUST(pellucid_call_begin(store, &func, args, n_args, &call, ERR));
    return call;
}

static pellucid_call_state_t resume(pellucid_call_t *call) {
    pellucid_call_state_t state = 0;
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    return state;
}

/* A thread that interrupts as often as it can. */
struct storm {
    pthread_t thread;
    pellucid_interrupt_t *interrupt;
    pellucid_interrupt_kind_t kind;
    atomic_bool ends;
    unsigned requests;
};

static void *ask_often(void *argument) {
    struct storm *storm = argument;
    unsigned random = 1;
    while (!storm->ends) {
        random = random * 1103515245 + 12345;
        for (volatile unsigned i = 0; i < (random >> 16) % 4096; i++) {
        }
        OK(pellucid_interrupt_request(storm->interrupt, storm->kind));
        storm->requests++;
    }
    pellucid_interrupt_delete(storm->interrupt);
    return NULL;
}

static void begin_storm(struct storm *storm, pellucid_interrupt_kind_t kind) {
    storm->kind = kind;
    storm->ends = false;
    storm->requests = 0;
    MUST(pellucid_interrupt_clone(interrupt, &storm->interrupt));
    CHECK(pthread_create(&storm->thread, NULL, ask_often, storm) == 0);
}

static void end_storm(struct storm *storm) {
    storm->ends = true;
    CHECK(pthread_join(storm->thread, NULL) == 0);
    OK(pellucid_interrupt_withdraw(interrupt));
}

static void expect_complete_frame(pellucid_call_t *call) {
    pellucid_frame_t frame;
    pellucid_frame_info_t info = {.struct_size = sizeof info};
    MUST(pellucid_call_frame(call, &frame));
    OK(pellucid_frame_info(store, &frame, &info));
    pellucid_value_t values[8];
    uint32_t n = 0;
    OK(pellucid_frame_read_locals(store, &frame, 0, values, 8, &n));
    CHECK(n == info.n_locals);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(values[i].kind != PELLUCID_UNAVAILABLE);
    }
    OK(pellucid_frame_read_operands(store, &frame, 0, values, 8, &n));
    for (uint32_t i = 0; i < n; i++) {
        CHECK(values[i].kind != PELLUCID_UNAVAILABLE);
    }
}

/* Whatever moment it is interrupted at, a guest that goes on computes the same. */
static void paused_guests_go_on(bool is_debug) {
    const struct {
        const char *name;
        pellucid_value_t arg;
        int64_t result;
    } cases[] = {
        {"count", value_i64(20000000), 0},
        {"fib", value_i32(30), 832040},
        {"waits_once", value_i32(20), 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pellucid_value_t expected, result;
        OK(call(cases[i].name, &cases[i].arg, 1, &expected, 1));
        struct storm storm;
        begin_storm(&storm, PELLUCID_INTERRUPT_PAUSE);
        pellucid_call_t *paused = begin(cases[i].name, &cases[i].arg, 1);
        unsigned pauses = 0;
        pellucid_call_state_t state;
        while ((state = resume(paused)) == PELLUCID_CALL_PAUSED) {
            CHECK(event_of(paused) == PELLUCID_EVENT_INTERRUPT);
            if (is_debug) {
                expect_complete_frame(paused);
            }
            pauses++;
        }
        end_storm(&storm);
        CHECK(state == PELLUCID_CALL_FINISHED);
        OK(pellucid_call_results(paused, &result, 1));
        CHECK(result.of.i64 == expected.of.i64);
        CHECK(cases[i].result == 0 || result.of.i32 == cases[i].result);
        /* A busy machine may not have let the other thread run. */
        CHECK(pauses > 0 || storm.requests == 0);
        fprintf(stderr, "%s debug=%d: %u pauses of %u requests\n", cases[i].name, is_debug, pauses, storm.requests);
        pellucid_call_delete(paused);
        still_works();
    }
}


/* Signals of this thread, from a timer of its own: the handler asks, or does nothing, on the guest's stack. */
static volatile sig_atomic_t asks;
static volatile sig_atomic_t alarms;

static void on_alarm(int signal) {
    (void)signal;
    alarms++;
    if (asks) {
        pellucid_interrupt_request(interrupt, (pellucid_interrupt_kind_t)asks);
    }
    for (volatile int i = 0; i < 200; i++) {
    }
}

static void set_alarms(int kind, long us, int flags) {
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    asks = kind;
    alarms = 0;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    struct itimerval time = {{0, us}, {0, us}};
    CHECK(setitimer(ITIMER_REAL, &time, NULL) == 0);
}

static void end_alarms(void) {
    struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &never, NULL);
    signal(SIGALRM, SIG_DFL);
    OK(pellucid_interrupt_withdraw(interrupt));
}

static void handlers_of_signals_may_ask(void) {
    for (int on_guests_stack = 0; on_guests_stack <= 1; on_guests_stack++) {
        int flags = on_guests_stack ? SA_RESTART : SA_RESTART | SA_ONSTACK;
        const char *names[] = {"spin", "calls", "waits", "nests"};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            set_alarms(PELLUCID_INTERRUPT_TRAP, 2000, flags);
            expect_trap(names[i], PELLUCID_TRAP_INTERRUPTED);
            end_alarms();
            still_works();
        }
        pellucid_value_t arg = value_i64(50000000), expected, result;
        OK(call("count", &arg, 1, &expected, 1));
        set_alarms(PELLUCID_INTERRUPT_PAUSE, 300, flags);
        pellucid_call_t *paused = begin("count", &arg, 1);
        unsigned pauses = 0;
        while (resume(paused) == PELLUCID_CALL_PAUSED) {
            pauses++;
        }
        end_alarms();
        OK(pellucid_call_results(paused, &result, 1));
        CHECK(result.of.i64 == expected.of.i64);
        CHECK(pauses > 3);
        pellucid_call_delete(paused);
    }
}

static pellucid_call_state_t resume_for(pellucid_call_t *call, uint64_t us, pellucid_clock_t clock,
                                        pellucid_interrupt_kind_t action) {
    pellucid_budget_t time = {us, clock, action};
    pellucid_call_state_t state = 0;
    OK(pellucid_call_resume_for(call, PELLUCID_RESUME_CONTINUE, &time, &state, ERR));
    return state;
}

/* Many pauses at moments that differ, under a storm of the host's own signals. */
static void budgets_pause_anywhere(bool is_debug) {
    const struct {
        const char *name;
        pellucid_value_t args[3];
        size_t n_args;
    } cases[] = {
        {"count", {value_i64(10000000)}, 1},
        {"fib", {value_i32(29)}, 1},
        {"fill", {value_i32(5), value_i32(9), value_i32(80000000)}, 3},
        {"copy", {value_i32(60001), value_i32(60000), value_i32(80000000)}, 3},
        {"copy", {value_i32(60000), value_i32(60001), value_i32(80000000)}, 3},
    };
    pellucid_value_t more = value_i32(2000), before;
    OK(call("grow", &more, 1, &before, 1));
    for (int storm = 0; storm <= 2; storm++) {
        if (storm != 0) {
            set_alarms(0, 70, storm == 1 ? SA_RESTART : SA_RESTART | SA_ONSTACK);
        }
        unsigned random = 7;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            pellucid_value_t expected, result;
            pellucid_extern_t memory = export_of(instance, "memory");
            uint8_t mark[2] = {1, 3};
            OK(pellucid_memory_write(store, &memory.of.memory, 70000, mark, 2));
            OK(call(cases[i].name, cases[i].args, cases[i].n_args, &expected, 1));
            OK(pellucid_memory_write(store, &memory.of.memory, 70000, mark, 2));
            pellucid_call_t *paused = begin(cases[i].name, cases[i].args, cases[i].n_args);
            unsigned pauses = 0;
            for (;;) {
                random = random * 1103515245 + 12345;
                pellucid_call_state_t state =
                    resume_for(paused, (random >> 16) % 60, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE);
                if (state != PELLUCID_CALL_PAUSED) {
                    CHECK(state == PELLUCID_CALL_FINISHED);
                    break;
                }
                CHECK(event_of(paused) == PELLUCID_EVENT_DEADLINE);
                if (is_debug) {
                    expect_complete_frame(paused);
                }
                pauses++;
            }
            OK(pellucid_call_results(paused, &result, 1));
            CHECK(result.of.i64 == expected.of.i64);
            /* Without signals another thread asks, which a busy machine may let run too late. */
            CHECK(pauses > 3 || has_checks);
            fprintf(stderr, "%s debug=%d storm=%d: %u pauses, %d alarms\n", cases[i].name, is_debug, storm, pauses,
                    (int)alarms);
            pellucid_call_delete(paused);
        }
        if (storm != 0) {
            end_alarms();
        }
    }
}

static void budgets_end(void) {
    const char *names[] = {"spin", "calls", "waits", "nests", "fills", "copies", "fills_table", "copies_table"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (int clock = PELLUCID_CLOCK_WALL; clock <= PELLUCID_CLOCK_THREAD; clock++) {
            if (clock == PELLUCID_CLOCK_THREAD && i == 2) {
                continue;
            }
            pellucid_func_t func = func_of(instance, names[i]);
            pellucid_budget_t time = {2000, (pellucid_clock_t)clock, PELLUCID_INTERRUPT_TRAP};
            pellucid_value_t result;
            uint64_t begun = now_us();
            STATUS(PELLUCID_ERR_TRAP, pellucid_func_call_for(store, &func, NULL, 0, &result, i == 3, &time, ERR));
            CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_DEADLINE);
            CHECK(now_us() - begun >= 2000);
            pellucid_call_t *ended = begin(names[i], NULL, 0);
            CHECK(resume_for(ended, 2000, (pellucid_clock_t)clock, PELLUCID_INTERRUPT_TRAP) == PELLUCID_CALL_TRAPPED);
            pellucid_call_delete(ended);
            still_works();
        }
    }
    CHECK(nested_status == PELLUCID_ERR_TRAP);
    /* What is used up later, or never, changes nothing. */
    pellucid_func_t seven = func_of(instance, "seven");
    pellucid_value_t result;
    pellucid_budget_t time = {UINT64_MAX, PELLUCID_CLOCK_THREAD, PELLUCID_INTERRUPT_TRAP};
    OK(pellucid_func_call_for(store, &seven, NULL, 0, &result, 1, &time, ERR));
    time.microseconds = 500;
    OK(pellucid_func_call_for(store, &seven, NULL, 0, &result, 1, &time, ERR));
    sleep_us(2000);
    still_works();
    time.action = PELLUCID_INTERRUPT_PAUSE;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call_for(store, &seven, NULL, 0, &result, 1, &time, ERR));
    time.action = PELLUCID_INTERRUPT_EVENT;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call_for(store, &seven, NULL, 0, &result, 1, &time, ERR));
    time.action = PELLUCID_INTERRUPT_TRAP;
    time.clock = 9;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call_for(store, &seven, NULL, 0, &result, 1, &time, ERR));
}

static void requests_wait_for_a_guest(bool is_debug) {
    pellucid_value_t result;
    pellucid_func_t seven = func_of(instance, "seven");
    OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_TRAP));
    expect_trap("spin", PELLUCID_TRAP_INTERRUPTED);
    still_works();
    OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_TRAP));
    pellucid_raw_t raw[1];
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call_raw(store, &seven, raw, 1, ERR));
    OK(pellucid_func_call_raw(store, &seven, raw, 1, ERR));
    OK(pellucid_func_call_raw(store, &seven, raw, 1, ERR));
    OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_TRAP));
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call_raw(store, &seven, raw, 1, ERR));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_INTERRUPTED);
    OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_PAUSE));
    OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_EVENT));
    OK(pellucid_interrupt_withdraw(interrupt));
    still_works();
    /* Without a handler an event lets pause what can, and nothing else. */
    OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_EVENT));
    still_works();
    for (int kind = PELLUCID_INTERRUPT_PAUSE; kind <= PELLUCID_INTERRUPT_EVENT; kind++) {
        pellucid_call_t *paused = begin("seven", NULL, 0);
        OK(pellucid_interrupt_request(interrupt, (pellucid_interrupt_kind_t)kind));
        CHECK(resume(paused) == PELLUCID_CALL_PAUSED);
        CHECK(event_of(paused) == PELLUCID_EVENT_INTERRUPT);
        pellucid_frame_t frame;
        STATUS(is_debug ? PELLUCID_OK : PELLUCID_ERR_DEBUG_DISABLED, pellucid_call_frame(paused, &frame));
        OK(pellucid_interrupt_request(interrupt, (pellucid_interrupt_kind_t)kind));
        CHECK(resume(paused) == PELLUCID_CALL_PAUSED);
        CHECK(resume(paused) == PELLUCID_CALL_FINISHED);
        OK(pellucid_call_results(paused, &result, 1));
        CHECK(result.of.i32 == 7);
        pellucid_call_delete(paused);
    }
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_interrupt_request(interrupt, 0));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_interrupt_request(interrupt, 4));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_interrupt_request(NULL, PELLUCID_INTERRUPT_TRAP));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_interrupt_withdraw(NULL));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_store_interrupt(store, NULL, ERR));
    pellucid_interrupt_delete(NULL);
}

static void paused_calls_can_be_dropped(void) {
    for (int i = 0; i < 40; i++) {
        const char *name = i % 2 == 0 ? "spin" : "calls";
        pellucid_call_t *paused = begin(name, NULL, 0);
        CHECK(resume_for(paused, 50, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE) == PELLUCID_CALL_PAUSED);
        /* While it stands others may run, and be interrupted too. */
        still_works();
        OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_TRAP));
        expect_trap("spin", PELLUCID_TRAP_INTERRUPTED);
        pellucid_call_delete(paused);
    }
}

static void an_interrupt_outlives_its_store(void) {
    pellucid_interrupt_t *kept;
    OK(pellucid_interrupt_clone(interrupt, &kept));
    close_guest();
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_interrupt_request(kept, PELLUCID_INTERRUPT_TRAP));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_interrupt_withdraw(kept));
    pellucid_interrupt_delete(kept);
}

/* What a handler saw that steps on from an interrupt, and pauses there. */
struct stepped {
    int interrupts, steps;
    uint32_t first, last;
};

static pellucid_action_t on_stepped(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    (void)where;
    struct stepped *stepped = userdata;
    if (pellucid_event_kind(event) == PELLUCID_EVENT_INTERRUPT) {
        stepped->interrupts++;
        stepped->first = pellucid_event_pc(event);
        return PELLUCID_ACTION_STEP;
    }
    stepped->steps++;
    stepped->last = pellucid_event_pc(event);
    return PELLUCID_ACTION_PAUSE;
}

/* Where a paused call stands. */
static uint32_t pc_of(const pellucid_call_t *paused) {
    pellucid_frame_t frame;
    uint32_t pc = 0;
    OK(pellucid_call_frame(paused, &frame));
    OK(pellucid_frame_pc(store, &frame, &pc));
    return pc;
}

/* What a handler is told, and that it decides. */
struct told {
    unsigned interrupts, traps;
    pellucid_action_t action;
    bool could_pause;
};

static pellucid_action_t on_event(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    struct told *told = userdata;
    pellucid_event_kind_t kind = pellucid_event_kind(event);
    (void)where;
    told->interrupts += kind == PELLUCID_EVENT_INTERRUPT;
    told->traps += kind == PELLUCID_EVENT_TRAP;
    told->could_pause = pellucid_event_can_pause(event);
    return kind == PELLUCID_EVENT_INTERRUPT ? told->action : PELLUCID_ACTION_CONTINUE;
}

static void handlers_decide(void) {
    struct told told = {0};
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_ALL, &told, on_event, NULL));
    told.action = PELLUCID_ACTION_TRAP;
    struct later later;
    begin_later(&later, 2000, PELLUCID_INTERRUPT_EVENT);
    expect_trap("calls", PELLUCID_TRAP_REQUESTED);
    join(&later);
    CHECK(told.interrupts == 1 && told.traps == 0 && !told.could_pause);
    told.action = PELLUCID_ACTION_CONTINUE;
    pellucid_value_t arg = value_i64(30000000), expected, result;
    OK(call("count", &arg, 1, &expected, 1));
    begin_later(&later, 2000, PELLUCID_INTERRUPT_EVENT);
    OK(call("count", &arg, 1, &result, 1));
    join(&later);
    CHECK(result.of.i64 == expected.of.i64 && told.interrupts == 2);
    told.action = PELLUCID_ACTION_PAUSE;
    begin_later(&later, 2000, PELLUCID_INTERRUPT_EVENT);
    pellucid_call_t *paused = begin("spin", NULL, 0);
    CHECK(resume(paused) == PELLUCID_CALL_PAUSED);
    join(&later);
    CHECK(told.interrupts == 3 && told.could_pause);
    expect_complete_frame(paused);
    begin_later(&later, 2000, PELLUCID_INTERRUPT_TRAP);
    CHECK(resume(paused) == PELLUCID_CALL_TRAPPED);
    join(&later);
    CHECK(told.interrupts == 3 && told.traps == 1);
    expect_complete_frame(paused);
    pellucid_call_delete(paused);
    /* It can be stepped from there. */
    told.action = PELLUCID_ACTION_PAUSE;
    paused = begin("calls", NULL, 0);
    begin_later(&later, 2000, PELLUCID_INTERRUPT_PAUSE);
    CHECK(resume(paused) == PELLUCID_CALL_PAUSED);
    join(&later);
    OK(pellucid_store_clear_event_handler(store));
    uint32_t before = pc_of(paused);
    for (int i = 0; i < 1000; i++) {
        pellucid_call_state_t state = 0;
        OK(pellucid_call_resume(paused, PELLUCID_RESUME_STEP, &state, ERR));
        CHECK(state == PELLUCID_CALL_PAUSED && event_of(paused) == PELLUCID_EVENT_STEP);
        /* Each step leads to another operator, also the first one from where it was interrupted. */
        CHECK(pc_of(paused) != before);
        before = pc_of(paused);
    }
    /* So does one from wherever an interrupt finds it. */
    for (int i = 0; i < 50; i++) {
        begin_later(&later, 200, PELLUCID_INTERRUPT_PAUSE);
        CHECK(resume(paused) == PELLUCID_CALL_PAUSED && event_of(paused) == PELLUCID_EVENT_INTERRUPT);
        join(&later);
        before = pc_of(paused);
        pellucid_call_state_t state = 0;
        OK(pellucid_call_resume(paused, PELLUCID_RESUME_STEP, &state, ERR));
        CHECK(event_of(paused) == PELLUCID_EVENT_STEP && pc_of(paused) != before);
    }
    pellucid_call_delete(paused);
    /* A handler that asks for a step when it hears of the interrupt gets one. */
    struct stepped stepped = {0};
    OK(pellucid_store_set_event_handler(store, PELLUCID_EVENT_INTERRUPT | PELLUCID_EVENT_STEP, &stepped, on_stepped, NULL));
    paused = begin("calls", NULL, 0);
    for (int i = 0; i < 50; i++) {
        stepped.interrupts = stepped.steps = 0;
        begin_later(&later, 200, PELLUCID_INTERRUPT_EVENT);
        CHECK(resume(paused) == PELLUCID_CALL_PAUSED);
        join(&later);
        CHECK(stepped.interrupts == 1 && stepped.steps == 1 && stepped.last != stepped.first);
    }
    OK(pellucid_store_clear_event_handler(store));
    pellucid_call_delete(paused);
}


/* WASI: a guest that waits for time, reads a pipe that stays empty, writes one that stays full. */
static const char *WASI =
    "(module"
    "  (import \"wasi_snapshot_preview1\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"fd_read\" (func $read (param i32 i32 i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))"
    "  (memory (export \"memory\") 20)"
    "  (func $sleep (export \"sleep\") (param $ms i64) (result i32)"
    "    (i32.store (i32.const 16) (i32.const 1))"
    "    (i64.store (i32.const 24) (i64.mul (local.get $ms) (i64.const 1000000)))"
    "    (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200)))"
    "  (func (export \"read\") (result i32)"
    "    (i32.store (i32.const 0) (i32.const 32)) (i32.store (i32.const 4) (i32.const 4))"
    "    (if (result i32) (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))"
    "      (then (i32.const -1)) (else (i32.load (i32.const 32)))))"
    "  (func (export \"write\") (param $bytes i32) (result i32)"
    "    (i32.store (i32.const 0) (i32.const 1024))"
    "    (loop $more (i32.store (i32.const 4) (local.get $bytes))"
    "      (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then (return (i32.const -1))))"
    "      (br_if $more (local.tee $bytes (i32.sub (local.get $bytes) (i32.load (i32.const 8))))))"
    "    (i32.const 5)))";

static pellucid_instance_t open_wasi(int in, int out) {
    pellucid_wasi_config_t *config;
    MUST(pellucid_wasi_config_new(&config));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", in);
    MUST(pellucid_wasi_config_set_file(config, PELLUCID_WASI_STDIN, path, strlen(path), ERR));
    snprintf(path, sizeof path, "/proc/self/fd/%d", out);
    MUST(pellucid_wasi_config_set_file(config, PELLUCID_WASI_STDOUT, path, strlen(path), ERR));
    pellucid_linker_t *linker;
    MUST(pellucid_linker_new(engine, &linker));
    MUST(pellucid_linker_define_wasi(linker, store, config, NULL, ERR));
    pellucid_wasi_config_delete(config);
    pellucid_module_t *module = module_of(WASI);
    pellucid_instance_t made;
    MUST(pellucid_linker_instantiate(linker, store, module, &made, ERR));
    pellucid_module_delete(module);
    pellucid_linker_delete(linker);
    return made;
}

static void waiting_guests_are_left(bool is_debug) {
    int in[2], out[2];
    CHECK(pipe(in) == 0 && pipe(out) == 0 && fcntl(out[0], F_SETFL, O_NONBLOCK) == 0);
    pellucid_instance_t before = instance;
    instance = open_wasi(in[0], out[1]);
    const struct {
        const char *name;
        pellucid_value_t arg;
        size_t n_args;
    } cases[] = {{"sleep", value_i64(100000), 1}, {"read", value_i32(0), 0}, {"write", value_i32(1 << 20), 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct later later;
        pellucid_value_t result;
        begin_later(&later, 3000, PELLUCID_INTERRUPT_TRAP);
        STATUS(PELLUCID_ERR_TRAP, call(cases[i].name, &cases[i].arg, cases[i].n_args, &result, 1));
        CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_INTERRUPTED);
        join(&later);
        pellucid_func_t func = func_of(instance, cases[i].name);
        pellucid_budget_t time = {3000, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_TRAP};
        STATUS(PELLUCID_ERR_TRAP,
               pellucid_func_call_for(store, &func, &cases[i].arg, cases[i].n_args, &result, 1, &time, ERR));
        CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_DEADLINE);
    }
    /* What is paused meanwhile waits on, for what is left of the time. */
    pellucid_value_t ms = value_i64(800), result;
    uint64_t begun = now_us();
    pellucid_call_t *paused = begin("sleep", &ms, 1);
    while (now_us() - begun < 400000) {
        CHECK(resume_for(paused, 5000, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE) == PELLUCID_CALL_PAUSED);
        if (is_debug) {
            expect_complete_frame(paused);
        }
    }
    CHECK(resume(paused) == PELLUCID_CALL_FINISHED);
    OK(pellucid_call_results(paused, &result, 1));
    uint64_t slept = now_us() - begun;
    CHECK(result.of.i32 == 0 && slept >= 800000 && slept < 1150000);
    pellucid_call_delete(paused);
    paused = begin("read", NULL, 0);
    for (int i = 0; i < 20; i++) {
        CHECK(resume_for(paused, 500, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE) == PELLUCID_CALL_PAUSED);
    }
    CHECK(write(in[1], "\x09\0\0\0", 4) == 4);
    CHECK(resume(paused) == PELLUCID_CALL_FINISHED);
    OK(pellucid_call_results(paused, &result, 1));
    CHECK(result.of.i32 == 9);
    pellucid_call_delete(paused);
    pellucid_value_t bytes = value_i32(1 << 20);
    paused = begin("write", &bytes, 1);
    pellucid_call_state_t state;
    size_t taken = 0;
    static char buffer[4096];
    while ((state = resume_for(paused, 300, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE)) == PELLUCID_CALL_PAUSED) {
        /* It may have had no time to write more. */
        ssize_t n = read(out[0], buffer, sizeof buffer);
        taken += n > 0 ? (size_t)n : 0;
    }
    CHECK(state == PELLUCID_CALL_FINISHED);
    OK(pellucid_call_results(paused, &result, 1));
    CHECK(result.of.i32 == 5 && taken > (1 << 19));
    pellucid_call_delete(paused);
    instance = before;
    close(in[0]), close(in[1]), close(out[0]), close(out[1]);
}

/* A start function can run away too. */
static void start_functions_are_stopped(void) {
    pellucid_module_t *module = module_of("(module (func $f (loop (br 0))) (start $f))");
    pellucid_instance_t made;
    struct later later;
    begin_later(&later, 2000, PELLUCID_INTERRUPT_TRAP);
    STATUS(PELLUCID_ERR_TRAP, pellucid_instance_new(store, module, NULL, 0, &made, ERR));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_INTERRUPTED);
    join(&later);
    pellucid_module_delete(module);
}

/* Several stores, each on a thread of its own, with interrupts for all of them from one more. */
struct world {
    pthread_t thread;
    pellucid_store_t *store;
    pellucid_interrupt_t *interrupt;
    pellucid_instance_t instance;
    atomic_bool ends;
    unsigned pauses, rounds;
};

static void *run_world(void *argument) {
    struct world *world = argument;
    pellucid_extern_t count, calls;
    int64_t sum = 0;
    MUST(pellucid_instance_export(world->store, &world->instance, "count", 5, &count));
    MUST(pellucid_instance_export(world->store, &world->instance, "fib", 3, &calls));
    while (!world->ends) {
        pellucid_value_t args[2] = {value_i64(300000), value_i32(22)}, result;
        for (int i = 0; i < 2; i++) {
            pellucid_call_t *paused;
            pellucid_call_state_t state = 0;
            MUST(pellucid_call_begin(world->store, i == 0 ? &count.of.func : &calls.of.func, &args[i], 1, &paused, NULL));
            while (pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, NULL) == PELLUCID_OK &&
                   state == PELLUCID_CALL_PAUSED) {
                world->pauses++;
            }
            CHECK(state == PELLUCID_CALL_FINISHED);
            OK(pellucid_call_results(paused, &result, 1));
            CHECK(i == 0 ? world->rounds == 0 || result.of.i64 == sum : result.of.i32 == 17711);
            sum = i == 0 ? result.of.i64 : sum;
            pellucid_call_delete(paused);
        }
        world->rounds++;
    }
    return NULL;
}

static void stores_are_interrupted_apart(void) {
    struct world worlds[4];
    pellucid_module_t *module = module_of(WAT);
    pellucid_store_t *first = store;
    for (int i = 0; i < 4; i++) {
        MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
        worlds[i] = (struct world){.store = store};
        pellucid_extern_t imports[] = {host_func(host_wait, 1), host_func(host_nested, 0)};
        MUST(pellucid_instance_new(store, module, imports, 2, &worlds[i].instance, ERR));
        MUST(pellucid_store_interrupt(store, &worlds[i].interrupt, ERR));
    }
    store = first;
    pellucid_module_delete(module);
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&worlds[i].thread, NULL, run_world, &worlds[i]) == 0);
    }
    uint64_t end = now_us() + 300000;
    for (unsigned n = 0; now_us() < end; n++) {
        OK(pellucid_interrupt_request(worlds[n % 3].interrupt, PELLUCID_INTERRUPT_PAUSE));
        for (volatile int i = 0; i < 2000; i++) {
        }
    }
    for (int i = 0; i < 4; i++) {
        worlds[i].ends = true;
    }
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_join(worlds[i].thread, NULL) == 0);
        CHECK(worlds[i].rounds > 0 && (worlds[i].pauses > 0) == (i < 3));
        /* The threads are gone, whose numbers the stores know. */
        OK(pellucid_interrupt_request(worlds[i].interrupt, PELLUCID_INTERRUPT_TRAP));
        pellucid_store_delete(worlds[i].store);
        STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_interrupt_request(worlds[i].interrupt, PELLUCID_INTERRUPT_TRAP));
        pellucid_interrupt_delete(worlds[i].interrupt);
    }
}

/* A store is deleted while others ask. */
static void *ask_until_gone(void *argument) {
    struct later *later = argument;
    while (pellucid_interrupt_request(later->interrupt, PELLUCID_INTERRUPT_TRAP) == PELLUCID_OK) {
    }
    pellucid_interrupt_delete(later->interrupt);
    return NULL;
}

static void stores_go_while_others_ask(void) {
    pellucid_store_t *first = store;
    pellucid_instance_t before = instance;
    for (int i = 0; i < 50; i++) {
        MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
        instance = instance_of("(module (func (export \"spin\") (loop (br 0))))");
        struct later later;
        MUST(pellucid_store_interrupt(store, &later.interrupt, ERR));
        CHECK(pthread_create(&later.thread, NULL, ask_until_gone, &later) == 0);
        expect_trap("spin", PELLUCID_TRAP_INTERRUPTED);
        pellucid_store_delete(store);
        join(&later);
    }
    store = first;
    instance = before;
}

/* A child of a fork has a guest of its own to stop. */
static void children_interrupt_themselves(void) {
    /* Make a timer and have the thread known, before. */
    budgets_end();
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        failures = 0;
        alarm(20);
        pellucid_func_t spin = func_of(instance, "spin");
        pellucid_budget_t time = {2000, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_TRAP};
        STATUS(PELLUCID_ERR_TRAP, pellucid_func_call_for(store, &spin, NULL, 0, NULL, 0, &time, ERR));
        struct later later;
        begin_later(&later, 2000, PELLUCID_INTERRUPT_TRAP);
        expect_trap("spin", PELLUCID_TRAP_INTERRUPTED);
        join(&later);
        fflush(NULL);
        _exit(failures == 0 ? 42 : 1);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

/* Tables grow while a guest stands anywhere. */
static void tables_grow_under_paused_guests(void) {
    pellucid_instance_t before = instance;
    instance = instance_of(
        "(module (table $t (export \"table\") 10 externref)"
        "  (func (export \"seven\") (result i32) (i32.const 7))"
        "  (func (export \"turn\") (param $rounds i32) (local $x externref)"
        "    (loop"
        "      (local.set $x (table.get $t (i32.const 0)))"
        "      (table.set $t (i32.const 0) (table.get $t (i32.const 1)))"
        "      (table.set $t (i32.const 1) (local.get $x))"
        "      (br_if 0 (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))))");
    pellucid_extern_t table = export_of(instance, "table");
    int marks[2];
    pellucid_value_t values[2];
    for (int i = 0; i < 2; i++) {
        values[i] = value_of(PELLUCID_EXTERNREF);
        MUST(pellucid_externref_new(store, &marks[i], NULL, &values[i].of.externref));
        OK(pellucid_table_set(store, &table.of.table, (uint64_t)i, &values[i]));
    }
    pellucid_value_t rounds = value_i32(2000001), none = value_of(PELLUCID_EXTERNREF);
    unsigned grown = 0, calls = 0, enough = has_checks ? 1 : 11;
    /* How often it is paused is a matter of luck. */
    while (grown < enough && calls < 100) {
        pellucid_call_t *paused = begin("turn", &rounds, 1);
        while (resume_for(paused, grown % 20, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE) == PELLUCID_CALL_PAUSED) {
            uint64_t old;
            grown++;
            OK(pellucid_table_grow(store, &table.of.table, 100, &none, &old, ERR));
        }
        pellucid_call_delete(paused);
        calls++;
    }
    CHECK(grown >= enough);
    for (uint64_t i = 0; i < 2; i++) {
        pellucid_value_t value;
        void *data = NULL;
        OK(pellucid_table_get(store, &table.of.table, i, &value));
        OK(pellucid_externref_userdata(store, &value.of.externref, &data));
        CHECK(data == &marks[calls % 2 == 0 ? i : 1 - i]);
    }
    instance = before;
}

/* What initialises memories and tables, and has tables grow, is left in its midst too, whatever happens meanwhile. */
enum { LONG_BYTES = 16 << 20, LONG_ELEMENTS = 1 << 20, LONG_GROWTH = 3 << 20 };

static pellucid_instance_t long_operations(void) {
    static const char first[] =
        "(module (memory (export \"memory\") 300) (table $t (export \"table\") 10 funcref)"
        "  (table $filled (export \"filled\") 1048600 funcref) (func $f (export \"f\"))"
        "  (func (export \"seven\") (result i32) (i32.const 7))"
        "  (func (export \"init_memory\") (result i32)"
        "    (memory.init $d (i32.const 1000) (i32.const 0) (i32.const 16777216)) (i32.load8_u (i32.const 16778215)))"
        "  (func (export \"init_table\") (result i32)"
        "    (table.init $filled $e (i32.const 10) (i32.const 0) (i32.const 1048576)) (i32.const 5))"
        "  (func (export \"drop_data\") (data.drop $d)) (func (export \"drop_elements\") (elem.drop $e))"
        "  (func (export \"grow\") (param i32) (result i32) (table.grow $t (ref.func $f) (local.get 0)))"
        "  (func (export \"grow_empty\") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))"
        "  (elem $e func";
    char *text = malloc(sizeof first + 2 * LONG_ELEMENTS + LONG_BYTES + 64), *end = text;
    end += sprintf(end, "%s", first);
    for (int i = 0; i < LONG_ELEMENTS; i++) {
        *end++ = ' ', *end++ = '0';
    }
    end += sprintf(end, ") (data $d \"");
    memset(end, 'a', LONG_BYTES);
    end += LONG_BYTES;
    sprintf(end, "\"))");
    pellucid_instance_t made = instance_of(text);
    free(text);
    return made;
}

static bool is_null_at(const pellucid_table_t *table, uint64_t index) {
    pellucid_value_t value;
    OK(pellucid_table_get(store, table, index, &value));
    return pellucid_value_is_null(&value);
}

static void long_operations_are_left(void) {
    pellucid_instance_t before = instance;
    instance = long_operations();
    pellucid_value_t arg = value_i32(LONG_GROWTH), result;
    pellucid_table_t table = export_of(instance, "table").of.table, filled = export_of(instance, "filled").of.table;
    const char *names[] = {"init_memory", "init_table", "grow"};
    for (int i = 0; i < 3; i++) {
        pellucid_call_t *paused = begin(names[i], &arg, i == 2);
        unsigned pauses = 0;
        uint64_t size, expected = 10;
        while (resume_for(paused, 100, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE) == PELLUCID_CALL_PAUSED) {
            /* What is interrupted right behind growing has its result. */
            OK(pellucid_table_size(store, &table, &size));
            CHECK(size == expected || (i == 2 && size == expected + LONG_GROWTH));
            pauses++;
            if (pauses == 3 && i < 2) {
                /* The segments go. */
                OK(call(i == 0 ? "drop_data" : "drop_elements", NULL, 0, NULL, 0));
            } else if (pauses == 3) {
                /* Somebody else has the table grow. */
                pellucid_value_t hundred = value_i32(100);
                CHECK(size == 10);
                OK(call("grow_empty", &hundred, 1, &result, 1));
                expected = 110;
            }
        }
        fprintf(stderr, "%s: %u pauses\n", names[i], pauses);
        if (pauses < 3) {
            /* A thread that looks at the clock may come too late on a busy machine. */
            CHECK(has_checks);
            pellucid_call_delete(paused);
            instance = before;
            return;
        }
        OK(pellucid_call_results(paused, &result, 1));
        CHECK(result.of.i32 == (i == 0 ? 'a' : i == 1 ? 5 : 110));
        pellucid_call_delete(paused);
    }
    for (uint64_t index = 0; index < LONG_ELEMENTS + 24; index += 999) {
        CHECK(is_null_at(&filled, index) == (index < 10 || index >= LONG_ELEMENTS + 10));
    }
    for (uint64_t index = 0; index < 110 + LONG_GROWTH; index += 109) {
        CHECK(is_null_at(&table, index) == (index < 110));
    }
    /* Growth that is given up leaves nothing behind. */
    pellucid_call_t *dropped = begin("grow", &arg, 1);
    CHECK(resume_for(dropped, 200, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE) == PELLUCID_CALL_PAUSED);
    pellucid_call_delete(dropped);
    uint64_t size;
    OK(pellucid_table_size(store, &table, &size));
    CHECK(size == 110 + LONG_GROWTH);
    OK(call("grow_empty", &arg, 1, &result, 1));
    CHECK(result.of.i32 == 110 + LONG_GROWTH);
    for (uint64_t index = 110 + LONG_GROWTH; index < 110 + 2 * LONG_GROWTH; index += 1001) {
        CHECK(is_null_at(&table, index));
    }
    instance = before;
}

/* A host function drives calls of its own: a pause that one of them made is not asked for again. */
static pellucid_status_t host_scheduler(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                        size_t n_args, pellucid_value_t *results, size_t n_results,
                                        pellucid_error_t **out_error) {
    (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    unsigned *pauses = userdata;
    pellucid_call_t *inner = begin("spin", NULL, 0);
    if (resume(inner) == PELLUCID_CALL_PAUSED) {
        CHECK(event_of(inner) == PELLUCID_EVENT_INTERRUPT);
        CHECK(resume_for(inner, 2000, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE) == PELLUCID_CALL_PAUSED);
        CHECK(event_of(inner) == PELLUCID_EVENT_DEADLINE);
        ++*pauses;
    }
    pellucid_call_delete(inner);
    return PELLUCID_OK;
}

static void nested_calls_pause_once(void) {
    unsigned pauses = 0;
    pellucid_functype_t *type;
    MUST(pellucid_functype_new(NULL, 0, NULL, 0, &type));
    pellucid_func_t scheduler;
    MUST(pellucid_func_new(store, type, &pauses, host_scheduler, NULL, &scheduler, ERR));
    pellucid_functype_delete(type);
    struct later later;
    /* On a busy machine the request may come before the host function runs, and end the call that can't pause. */
    pellucid_status_t status = PELLUCID_ERR_TRAP;
    for (unsigned delay = 3000; delay < 1000000 && status != PELLUCID_OK && pauses == 0; delay *= 4) {
        begin_later(&later, delay, PELLUCID_INTERRUPT_PAUSE);
        status = pellucid_func_call(store, &scheduler, NULL, 0, NULL, 0, ERR);
        join(&later);
    }
    OK(status);
    CHECK(pauses == 1);
    begin_later(&later, 3000, PELLUCID_INTERRUPT_TRAP);
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &scheduler, NULL, 0, NULL, 0, ERR));
    join(&later);
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_INTERRUPTED);
    still_works();
}

static void some_engines_cannot(void) {
    pellucid_config_t *config;
    MUST(pellucid_config_new(&config));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_config_set_interrupt_signal(config, SIGUSR1));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_config_set_interrupt_signal(config, 65));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_config_set_interrupt_signal(config, -1));
    OK(pellucid_config_set_interrupt_signal(config, SIGRTMAX));
    OK(pellucid_config_set_interrupt_signal(config, 0));
    OK(pellucid_config_set_signal_handlers(config, false));
    MUST(pellucid_engine_new(config, &engine, ERR));
    pellucid_config_delete(config);
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    instance = instance_of("(module (func (export \"seven\") (result i32) (i32.const 7)))");
    pellucid_interrupt_t *none;
    STATUS(PELLUCID_ERR_UNSUPPORTED, pellucid_store_interrupt(store, &none, ERR));
    pellucid_func_t seven = func_of(instance, "seven");
    pellucid_value_t result;
    pellucid_budget_t time = {1000, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_TRAP};
    STATUS(PELLUCID_ERR_UNSUPPORTED, pellucid_func_call_for(store, &seven, NULL, 0, &result, 1, &time, ERR));
    pellucid_call_t *ready = begin("seven", NULL, 0);
    STATUS(PELLUCID_ERR_UNSUPPORTED, pellucid_call_resume_for(ready, PELLUCID_RESUME_CONTINUE, &time, NULL, ERR));
    CHECK(resume(ready) == PELLUCID_CALL_FINISHED);
    pellucid_call_delete(ready);
    close_world();
}

/* The signal is the host's too: what isn't the library's goes to the handler that was there. */
static volatile sig_atomic_t others;

static void on_other(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    others += info->si_code == SI_QUEUE ? 1 : 100;
}

static void the_signal_may_be_the_hosts_too(void) {
    struct sigaction action = {.sa_sigaction = on_other, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    CHECK(sigaction(SIGRTMIN + 5, &action, NULL) == 0);
    pellucid_config_t *config;
    MUST(pellucid_config_new(&config));
    OK(pellucid_config_set_interrupt_signal(config, SIGRTMIN + 5));
    MUST(pellucid_engine_new(config, &engine, ERR));
    pellucid_config_delete(config);
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    instance = instance_of("(module (func (export \"spin\") (loop (br 0))))");
    MUST(pellucid_store_interrupt(store, &interrupt, ERR));
    union sigval value = {.sival_int = 1};
    CHECK(sigqueue(getpid(), SIGRTMIN + 5, value) == 0);
    CHECK(others == 1);
    struct later later;
    begin_later(&later, 2000, PELLUCID_INTERRUPT_TRAP);
    expect_trap("spin", PELLUCID_TRAP_INTERRUPTED);
    join(&later);
    CHECK(raise(SIGRTMIN + 5) == 0);
    CHECK(others == 101);
    close_guest();
}

static void open_exact(void) {
    pellucid_config_t *config;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, true));
    MUST(pellucid_config_set_signal_handlers(config, !has_checks));
    MUST(pellucid_config_set_interrupt_checks(config, has_checks));
    MUST(pellucid_config_set_exact(config, true));
    MUST(pellucid_engine_new(config, &engine, ERR));
    pellucid_config_delete(config);
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    pellucid_module_t *module = module_of(WAT);
    pellucid_extern_t imports[] = {host_func(host_wait, 1), host_func(host_nested, 0)};
    MUST(pellucid_instance_new(store, module, imports, 2, &instance, ERR));
    pellucid_module_delete(module);
    MUST(pellucid_store_interrupt(store, &interrupt, ERR));
}

int main(void) {
    for (int way = 0; way < 6; way++) {
        int form = way % 3;
        bool is_debug = form != 0;
        has_checks = way >= 3;
        if (form == 2) {
            open_exact();
        } else {
            open_guest(is_debug);
        }
        requests_wait_for_a_guest(is_debug);
        runaway_guests_are_stopped();
        start_functions_are_stopped();
        waiting_guests_are_left(is_debug);
        paused_guests_go_on(is_debug);
        handlers_of_signals_may_ask();
        budgets_pause_anywhere(is_debug);
        paused_calls_can_be_dropped();
        tables_grow_under_paused_guests();
        long_operations_are_left();
        nested_calls_pause_once();
        stores_are_interrupted_apart();
        stores_go_while_others_ask();
        pellucid_value_t more = value_i32(10288), before;
        OK(call("grow", &more, 1, &before, 1));
        CHECK(before.of.i32 == 2001);
        budgets_end();
        children_interrupt_themselves();
        if (is_debug) {
            handlers_decide();
        }
        an_interrupt_outlives_its_store();
    }
    has_checks = false;
    some_engines_cannot();
    the_signal_may_be_the_hosts_too();
    return finish();
}
