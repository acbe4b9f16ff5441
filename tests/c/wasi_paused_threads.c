/* A debugger on one thread that holds the calls of all threads of a WASI program: pauses, breakpoints, steps, frames, ends. */

#define _GNU_SOURCE
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static const char *const WAT =
    "(module $paused"
    "  (import \"env\" \"memory\" (memory 1 4 shared))"
    "  (import \"wasi\" \"thread-spawn\" (func $spawn (param i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
    "  (import \"wasi_snapshot_preview1\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32) (result i32)))"
    "  (export \"memory\" (memory 0))"
    "  (func (export \"spawn\") (param i32) (result i32) (call $spawn (local.get 0)))"
    "  (func (export \"store\") (param i32 i32) (i32.atomic.store (local.get 0) (local.get 1)))"
    "  (func $count (export \"count\") (param $thread i32) (result i32)"
    "    (loop $again"
    "      (drop (i32.atomic.rmw.add (i32.mul (local.get $thread) (i32.const 4)) (i32.const 1)))"
    "      (br_if $again (i32.eqz (i32.atomic.load (i32.const 1024)))))"
    "    (i32.atomic.load (i32.mul (local.get $thread) (i32.const 4))))"
    "  (func $thread (export \"wasi_thread_start\") (param $tid i32) (param $what i32)"
    "    (if (i32.eq (local.get $what) (i32.const 1)) (then (drop (call $count (local.get $tid)))))"
    "    (if (i32.eq (local.get $what) (i32.const 2)) (then unreachable))"
    "    (if (i32.eq (local.get $what) (i32.const 3)) (then (call $exit (i32.const 77))))"
    "    (if (i32.eq (local.get $what) (i32.const 4))"
    "      (then (drop (memory.atomic.wait32 (i32.const 2048) (i32.const 0) (i64.const -1)))))"
    "    (if (i32.eq (local.get $what) (i32.const 5)) (then (i64.store (i32.const 3072) (i64.const 0))"
    "      (i64.store (i32.const 3080) (i64.const 0)) (i32.store8 (i32.const 3080) (i32.const 0))"
    "      (i32.store (i32.const 3088) (i32.const 1)) (i64.store (i32.const 3096) (i64.const 10000000))"
    "      (drop (call $poll (i32.const 3072) (i32.const 3136) (i32.const 1) (i32.const 3200)))"
    "      (i32.atomic.store (i32.const 1028) (i32.const 1))))))";

/* The number of a function in the module; as many threads as there may be. */
enum { COUNT = 5, MOST = 6 };

/* What the debugger has of each thread, whose own thread waits for it. */
struct held {
    pellucid_store_t *store;
    pellucid_call_t *call;
    bool is_held, goes_on;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct held helds[MOST + 1];
static _Atomic int n_ended, n_yielded;
static _Atomic pellucid_status_t fails;
static _Atomic bool gives_up, breaks;
static pellucid_wasi_threads_t *threads;
static pellucid_linker_t *linker;
static pellucid_module_t *module;
static pellucid_instance_t instance;

static void sleep_ms(long ms) {
    struct timespec time = {0, ms * 1000000};
    nanosleep(&time, NULL);
}

/* Hands a thread's call over to the debugger, until that lets it go on or the group ends. */
static void hold(struct held *held, pellucid_store_t *its_store, pellucid_call_t *call) {
    pthread_mutex_lock(&lock);
    *held = (struct held){its_store, call, true, false};
    pthread_cond_broadcast(&changed);
    while (!held->goes_on && !pellucid_wasi_threads_is_ending(threads)) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 5000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++, until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&changed, &lock, &until);
    }
    held->is_held = false;
    pthread_mutex_unlock(&lock);
}

static void drive(uint32_t thread, pellucid_store_t *its_store, pellucid_call_t *call) {
    pellucid_call_state_t state;
    for (;;) {
        if (!OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, NULL))) {
            return;
        }
        if (state != PELLUCID_CALL_PAUSED && state != PELLUCID_CALL_YIELDED) {
            return;
        }
        if (state == PELLUCID_CALL_YIELDED) {
            n_yielded++;
            sleep_ms(2);
            continue;
        }
        hold(&helds[thread], its_store, call);
        if (gives_up) {
            return;
        }
    }
}

static pellucid_status_t run(void *userdata, uint32_t thread, pellucid_store_t *its_store, pellucid_call_t *call,
                             pellucid_error_t **out_error) {
    (void)out_error;
    CHECK(userdata == &instance && thread >= 1 && thread <= MOST);
    CHECK(pellucid_call_state(call) == PELLUCID_CALL_READY);
    if (fails) {
        return fails;
    }
    drive(thread, its_store, call);
    n_ended++;
    return PELLUCID_OK;
}

static pellucid_status_t prepare(void *userdata, uint32_t thread, pellucid_store_t *its_store, pellucid_linker_t *its_linker,
                                 pellucid_error_t **out_error) {
    (void)userdata, (void)out_error;
    if (breaks)
        break_at_function(its_store, module, COUNT);
    CHECK(thread >= 1 && thread <= MOST);
    pellucid_wasi_threads_t *other;
    pellucid_wasi_config_t *config;
    MUST(pellucid_wasi_config_new(&config));
    /* A thread's store is in its group already. */
    OK(pellucid_wasi_threads_new(module, config, 1, NULL, NULL, NULL, &other, NULL, NULL));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_linker_define_wasi_threads(its_linker, its_store, other, NULL));
    pellucid_wasi_threads_delete(other);
    pellucid_wasi_config_delete(config);
    return PELLUCID_OK;
}

static void open_group(bool is_debug) {
    open_world(is_debug);
    module = module_of(WAT);
    pellucid_wasi_config_t *config;
    MUST(pellucid_wasi_config_new(&config));
    OK(pellucid_wasi_config_set_yielding(config, true));
    MUST(pellucid_wasi_threads_new(module, config, MOST, &instance, prepare, NULL, &threads, NULL, ERR));
    pellucid_wasi_config_delete(config);
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_wasi_threads_interrupt(threads, PELLUCID_INTERRUPT_PAUSE));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_wasi_threads_set_run_callback(threads, NULL));
    OK(pellucid_wasi_threads_set_run_callback(threads, run));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_wasi_threads_set_run_callback(threads, run));
    MUST(pellucid_linker_new(engine, &linker));
    MUST(pellucid_linker_define_wasi_threads(linker, store, threads, ERR));
    MUST(pellucid_linker_instantiate(linker, store, module, &instance, ERR));
    memset(helds, 0, sizeof helds);
    n_ended = n_yielded = 0;
}

static void close_group(void) {
    pellucid_wasi_threads_delete(threads);
    pellucid_linker_delete(linker);
    pellucid_module_delete(module);
    close_world();
}

static int32_t spawn(int32_t what) {
    pellucid_func_t func = func_of(instance, "spawn");
    pellucid_value_t arg = value_i32(what), result = {0};
    MUST(pellucid_func_call(store, &func, &arg, 1, &result, 1, ERR));
    return result.of.i32;
}

static void store_word(int32_t at, int32_t value) {
    pellucid_func_t func = func_of(instance, "store");
    pellucid_value_t args[] = {value_i32(at), value_i32(value)};
    OK(pellucid_func_call(store, &func, args, 2, NULL, 0, ERR));
}

static uint32_t word(uint32_t at) {
    pellucid_memory_t memory = export_of(instance, "memory").of.memory;
    uint32_t value = 0;
    OK(pellucid_memory_read(store, &memory, at, (uint8_t *)&value, sizeof value));
    return value;
}

static void wait_until_held(int thread) {
    pthread_mutex_lock(&lock);
    while (!helds[thread].is_held) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

static void let_go(int thread) {
    pthread_mutex_lock(&lock);
    helds[thread].goes_on = true;
    helds[thread].is_held = false;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* All are paused by one request, also while others compute or wait; their frames are read here, on one thread. */
static void all_pause(void) {
    open_group(true);
    CHECK(spawn(1) == 1 && spawn(1) == 2 && spawn(4) == 3);
    /* The host's own call is one that can pause. */
    pellucid_func_t func = func_of(instance, "count");
    pellucid_value_t arg = value_i32(9);
    pellucid_call_t *call;
    MUST(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    pellucid_shared_memory_t *shared;
    pellucid_memory_t memory = export_of(instance, "memory").of.memory;
    MUST(pellucid_memory_shared(store, &memory, &shared, ERR));
    for (int round = 0; round < 10; round++) {
        /* The third waits, behind a branch. */
        for (size_t n_waiters = 0; n_waiters < 1;) {
            sleep_ms(1);
            OK(pellucid_shared_memory_waiter_count(shared, &n_waiters));
        }
        OK(pellucid_wasi_threads_interrupt(threads, PELLUCID_INTERRUPT_PAUSE));
        pellucid_call_state_t state;
        OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
        CHECK(state == PELLUCID_CALL_PAUSED);
        for (int thread = 1; thread <= 3; thread++) {
            wait_until_held(thread);
        }
        uint32_t before[] = {word(4), word(8), word(36)};
        for (int thread = 1; thread <= 3; thread++) {
            struct held *held = &helds[thread];
            CHECK(event_of(held->call) == PELLUCID_EVENT_INTERRUPT);
            pellucid_frame_t frame;
            pellucid_status_t found = pellucid_call_frame(held->call, &frame);
            int n_frames = 0;
            while (found == PELLUCID_OK) {
                /* The first local of each function is the thread's number. */
                pellucid_value_t local;
                uint32_t n;
                OK(pellucid_frame_read_locals(held->store, &frame, 0, &local, 1, &n));
                CHECK(n >= 1 && local.kind == PELLUCID_I32 && local.of.i32 == thread);
                n_frames++;
                found = pellucid_frame_caller(held->store, &frame, &frame);
            }
            CHECK(n_frames == 1 || (n_frames == 2 && thread < 3));
            if (thread < 3) {
                /* Another thread than its own lets it go on by a step. */
                OK(pellucid_call_resume(held->call, PELLUCID_RESUME_STEP, &state, ERR));
                CHECK(state == PELLUCID_CALL_PAUSED && event_of(held->call) == PELLUCID_EVENT_STEP);
            }
        }
        /* Two of them have made a step, and nobody has run on. */
        sleep_ms(2);
        CHECK(word(4) <= before[0] + 1 && word(8) <= before[1] + 1 && word(36) == before[2]);
        for (int thread = 1; thread <= 3; thread++) {
            let_go(thread);
        }
    }
    pellucid_shared_memory_delete(shared);
    store_word(1024, 1);
    pellucid_call_state_t state;
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_FINISHED);
    pellucid_call_delete(call);
    OK(pellucid_wasi_threads_end(threads, ERR));
    CHECK(n_ended == 3 && pellucid_wasi_threads_is_ending(threads));
    close_group();
}

/* A breakpoint of each thread's store pauses its call, and no other's. */
static void breakpoints(void) {
    breaks = true;
    open_group(true);
    CHECK(spawn(1) == 1 && spawn(4) == 2 && spawn(1) == 3);
    for (int thread = 1; thread <= 3; thread += 2) {
        wait_until_held(thread);
        CHECK(event_of(helds[thread].call) == PELLUCID_EVENT_BREAKPOINT);
        pellucid_frame_t frame = frame_of(helds[thread].call);
        pellucid_value_t written = value_i32(10 + thread);
        OK(pellucid_frame_write_local(helds[thread].store, &frame, 0, &written, ERR));
    }
    CHECK(word(4) == 0 && word(12) == 0 && !helds[2].is_held);
    store_word(1024, 1);
    let_go(1);
    let_go(3);
    while (n_ended < 2) {
        sleep_ms(1);
    }
    CHECK(word(44) == 1 && word(52) == 1 && word(4) == 0 && word(12) == 0);
    OK(pellucid_wasi_threads_end(threads, ERR));
    breaks = false;
    close_group();
}

/* The group ends while a thread is held: its callback learns of it, and the call traps when it is resumed. */
static void ends(bool is_debug) {
    for (int32_t what = 2; what <= 3; what++) {
        open_group(is_debug);
        CHECK(spawn(1) == 1);
        while (word(4) < 100) {
            sleep_ms(1);
        }
        OK(pellucid_wasi_threads_interrupt(threads, PELLUCID_INTERRUPT_PAUSE));
        wait_until_held(1);
        CHECK(!pellucid_wasi_threads_is_ending(threads));
        /* The request was for the host's own store, too: what it runs next pauses, or ends where it can't. */
        pellucid_func_t func = func_of(instance, "spawn");
        pellucid_value_t arg = value_i32(what), result = {0};
        STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &func, &arg, 1, &result, 1, ERR));
        pellucid_status_t status = pellucid_func_call(store, &func, &arg, 1, &result, 1, ERR);
        CHECK(status == PELLUCID_OK || status == PELLUCID_ERR_TRAP);
        STATUS(what == 2 ? PELLUCID_ERR_TRAP : PELLUCID_ERR_EXIT, pellucid_wasi_threads_join(threads, ERR));
        CHECK(n_ended == 2 && pellucid_wasi_threads_is_ending(threads) && pellucid_wasi_threads_count(threads) == 0);
        close_group();
    }
}

/* A callback that fails, and one that gives its call up. */
static void given_up(bool is_debug) {
    open_group(is_debug);
    fails = PELLUCID_ERR_LIMIT;
    /* The group may have ended before the call that spawns returns. */
    pellucid_func_t func = func_of(instance, "spawn");
    pellucid_value_t arg = value_i32(0), result = {0};
    pellucid_status_t status = pellucid_func_call(store, &func, &arg, 1, &result, 1, ERR);
    CHECK(status == PELLUCID_OK || status == PELLUCID_ERR_TRAP);
    STATUS(PELLUCID_ERR_HOST, pellucid_wasi_threads_join(threads, ERR));
    CHECK(message_has(last_error, "the callback that runs thread 1 failed with PELLUCID_ERR_LIMIT"));
    fails = 0;
    close_group();
    open_group(is_debug);
    CHECK(spawn(1) == 1);
    while (word(4) < 100) {
        sleep_ms(1);
    }
    gives_up = true;
    OK(pellucid_wasi_threads_interrupt(threads, PELLUCID_INTERRUPT_PAUSE));
    wait_until_held(1);
    let_go(1);
    OK(pellucid_wasi_threads_join(threads, ERR));
    CHECK(n_ended == 1 && pellucid_wasi_threads_count(threads) == 0);
    gives_up = false;
    close_group();
}

/* What would wait yields in calls that the host runs. */
static void waits_yield(bool is_debug) {
    open_group(is_debug);
    CHECK(spawn(5) == 1);
    OK(pellucid_wasi_threads_join(threads, ERR));
    CHECK(n_yielded >= 1 && n_ended == 1 && word(1028) == 1);
    close_group();
}

/* Threads that are asked to pause while they begin do so when they have begun. */
static void beginners(bool is_debug) {
    open_group(is_debug);
    for (int thread = 1; thread <= MOST; thread++) {
        CHECK(spawn(1) == thread);
    }
    OK(pellucid_wasi_threads_interrupt(threads, PELLUCID_INTERRUPT_PAUSE));
    for (int thread = 1; thread <= MOST; thread++) {
        wait_until_held(thread);
    }
    for (int thread = 1; thread <= MOST; thread++) {
        let_go(thread);
    }
    OK(pellucid_wasi_threads_end(threads, ERR));
    CHECK(n_ended == MOST);
    close_group();
}

/* A store is in one group, for good. */
static void one_group(void) {
    open_group(false);
    pellucid_wasi_threads_t *other;
    pellucid_wasi_config_t *config;
    pellucid_linker_t *other_linker;
    MUST(pellucid_wasi_config_new(&config));
    MUST(pellucid_wasi_threads_new(module, config, 1, NULL, NULL, NULL, &other, NULL, ERR));
    pellucid_wasi_config_delete(config);
    MUST(pellucid_linker_new(engine, &other_linker));
    for (int i = 0; i < 2; i++) {
        STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_linker_define_wasi_threads(other_linker, store, other, ERR));
        CHECK(message_has(last_error, "in a group"));
        OK(pellucid_wasi_threads_end(threads, ERR));
    }
    /* Nothing was defined, so that another store gets the names. */
    pellucid_store_t *another;
    MUST(pellucid_store_new(engine, NULL, NULL, &another, ERR));
    OK(pellucid_linker_define_wasi_threads(other_linker, another, other, ERR));
    pellucid_store_delete(another);
    pellucid_wasi_threads_delete(other);
    pellucid_linker_delete(other_linker);
    CHECK(!pellucid_wasi_threads_is_ending(NULL));
    close_group();
}

int main(void) {
    one_group();
    all_pause();
    breakpoints();
    for (int is_debug = 0; is_debug <= 1; is_debug++) {
        for (int checks = 0; checks <= 1; checks++) {
            has_checks = checks;
            ends(is_debug);
            given_up(is_debug);
            waits_yield(is_debug);
            beginners(is_debug);
        }
        has_checks = false;
    }
    return finish();
}
