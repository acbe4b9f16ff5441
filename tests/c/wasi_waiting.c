/* WASI's functions where they would wait: calls that yield, tell what for, and look again each time that they are resumed. */

#define _GNU_SOURCE
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

/* Each function works in a kilobyte of its own, which `slot` names: subscriptions at 0, events at 256, what comes back at 512. */
static const char *const WAT =
    "(module $program"
    "  (import \"wasi_snapshot_preview1\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"fd_read\" (func $read (param i32 i32 i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"fd_fdstat_set_flags\" (func $flags (param i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"clock_time_get\" (func $time (param i32 i64 i32) (result i32)))"
    "  (memory (export \"memory\") 16)"
    "  (func (export \"now\") (result i64) (drop (call $time (i32.const 1) (i64.const 0) (i32.const 900)))"
    "    (i64.load (i32.const 900)))"
    "  (func $base (param $slot i32) (result i32) (i32.shl (local.get $slot) (i32.const 10)))"
    /* A subscription to the monotonic clock. */
    "  (func $clock (param $at i32) (param $time i64) (param $flags i32)"
    "    (i32.store8 offset=8 (local.get $at) (i32.const 0)) (i32.store offset=16 (local.get $at) (i32.const 1))"
    "    (i64.store offset=24 (local.get $at) (local.get $time))"
    "    (i32.store16 offset=40 (local.get $at) (local.get $flags)))"
    /* The errno, or the number of events. */
    "  (func $wait (param $base i32) (param $n i32) (result i32) (local $errno i32)"
    "    (local.set $errno (call $poll (local.get $base) (i32.add (local.get $base) (i32.const 256)) (local.get $n)"
    "      (i32.add (local.get $base) (i32.const 512))))"
    "    (if (local.get $errno) (then (return (i32.sub (i32.const 0) (local.get $errno)))))"
    "    (i32.load offset=512 (local.get $base)))"
    "  (func $sleep (export \"sleep\") (param $slot i32) (param $time i64) (param $flags i32) (result i32) (local $base i32)"
    "    (local.set $base (call $base (local.get $slot)))"
    "    (call $clock (local.get $base) (local.get $time) (local.get $flags))"
    "    (call $wait (local.get $base) (i32.const 1)))"
    "  (func (export \"sleeps\") (param $slot i32) (param $time i64) (param $n i32) (result i32) (local $sum i32)"
    "    (loop $more"
    "      (local.set $sum (i32.add (local.get $sum) (call $sleep (local.get $slot) (local.get $time) (i32.const 0))))"
    "      (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    "    (local.get $sum))"
    /* Waits for a descriptor, and a clock: 10 times the number of events, and the kind of the first. */
    "  (func (export \"wait_fd\") (param $slot i32) (param $fd i32) (param $kind i32) (param $time i64) (result i32)"
    "    (local $base i32)"
    "    (local.set $base (call $base (local.get $slot)))"
    "    (call $clock (local.get $base) (local.get $time) (i32.const 0))"
    "    (i32.store8 offset=56 (local.get $base) (local.get $kind))"
    "    (i32.store offset=64 (local.get $base) (local.get $fd))"
    "    (i32.add (i32.mul (call $wait (local.get $base) (i32.const 2)) (i32.const 10))"
    "      (i32.load8_u offset=266 (local.get $base))))"
    /* How many bytes were read, or the errno, negated. */
    "  (func $io (param $slot i32) (param $errno i32) (result i32)"
    "    (if (local.get $errno) (then (return (i32.sub (i32.const 0) (local.get $errno)))))"
    "    (i32.load offset=512 (call $base (local.get $slot))))"
    "  (func $vector (param $slot i32) (param $n i32) (result i32) (local $base i32)"
    "    (local.set $base (call $base (local.get $slot)))"
    "    (i32.store (local.get $base) (i32.add (local.get $base) (i32.const 64)))"
    "    (i32.store offset=4 (local.get $base) (local.get $n)) (local.get $base))"
    "  (func (export \"read\") (param $slot i32) (param $fd i32) (param $n i32) (result i32)"
    "    (call $io (local.get $slot) (call $read (local.get $fd) (call $vector (local.get $slot) (local.get $n))"
    "      (i32.const 1) (i32.add (call $base (local.get $slot)) (i32.const 512)))))"
    "  (func (export \"write\") (param $slot i32) (param $fd i32) (param $n i32) (result i32)"
    "    (call $io (local.get $slot) (call $write (local.get $fd) (call $vector (local.get $slot) (local.get $n))"
    "      (i32.const 1) (i32.add (call $base (local.get $slot)) (i32.const 512)))))"
    "  (func (export \"flags\") (param i32 i32) (result i32) (call $flags (local.get 0) (local.get 1))))";

static pellucid_instance_t instance;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static pellucid_wasi_config_t *config_new(bool is_yielding) {
    pellucid_wasi_config_t *config;
    MUST(pellucid_wasi_config_new(&config));
    OK(pellucid_wasi_config_set_yielding(config, is_yielding));
    return config;
}

/* Takes over `config`. */
static void open_program(bool is_debug, pellucid_wasi_config_t *config) {
    pellucid_linker_t *linker;
    open_world(is_debug);
    MUST(pellucid_linker_new(engine, &linker));
    MUST(pellucid_linker_define_wasi(linker, store, config, NULL, ERR));
    pellucid_wasi_config_delete(config);
    pellucid_module_t *module = module_of(WAT);
    MUST(pellucid_linker_instantiate(linker, store, module, &instance, ERR));
    pellucid_module_delete(module);
    pellucid_linker_delete(linker);
}

static pellucid_call_t *begin(const char *name, const pellucid_value_t *args, size_t n_args) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_call_t *call = NULL;
    MUST(pellucid_call_begin(store, &func, args, n_args, &call, ERR));
    return call;
}

static pellucid_call_t *begin_sleep(int slot, int64_t time, int flags) {
    pellucid_value_t args[] = {value_i32(slot), value_i64(time), value_i32(flags)};
    return begin("sleep", args, 3);
}

static pellucid_call_t *begin_io(const char *name, int slot, int fd, int n) {
    pellucid_value_t args[] = {value_i32(slot), value_i32(fd), value_i32(n)};
    return begin(name, args, 3);
}

static pellucid_call_state_t resume(pellucid_call_t *call) {
    pellucid_call_state_t state = 0;
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    return state;
}

static int result(pellucid_call_t *call) {
    pellucid_value_t value = {0};
    OK(pellucid_call_results(call, &value, 1));
    pellucid_call_delete(call);
    return value.of.i32;
}

/* Waits as a host's loop does, for what a call says that it waits for; answers how often it was resumed. */
static int wait_for(pellucid_call_t *call) {
    int n = 0;
    while (pellucid_call_state(call) != PELLUCID_CALL_FINISHED) {
        if (pellucid_call_state(call) == PELLUCID_CALL_YIELDED) {
            pellucid_awaited_file_t files[4];
            struct pollfd fds[4];
            size_t n_files;
            uint64_t deadline;
            MUST(pellucid_call_awaited_files(call, files, 4, &n_files, &deadline));
            CHECK(n_files <= 4);
            for (size_t i = 0; i < n_files; i++) {
                fds[i].fd = files[i].fd;
                fds[i].events = files[i].interest == PELLUCID_INTEREST_READ ? POLLIN : POLLOUT;
            }
            uint64_t start = now();
            uint64_t left = deadline > start ? deadline - start : 0;
            struct timespec time = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
            /* The timer of a budget that is gone may interrupt it. */
            int ready = ppoll(fds, n_files, deadline == UINT64_MAX ? NULL : &time, NULL);
            if (ready < 0 && errno == EINTR) {
                continue;
            }
            CHECK(ready >= 0);
        }
        pellucid_call_state_t state = resume(call);
        if (!CHECK(state == PELLUCID_CALL_FINISHED || state == PELLUCID_CALL_YIELDED)) {
            exit(1);
        }
        n++;
    }
    return n;
}

static const int64_t MS = 1000000;

static void clocks(bool is_debug) {
    open_program(is_debug, config_new(true));
    /* As often as it is resumed, it waits for the whole time, relative or absolute. */
    for (int flags = 0; flags <= 1; flags++) {
        /* Before the guest's clock is looked at: a busy machine may stop this thread between. */
        uint64_t start = now(), deadline = 0, first = 0;
        pellucid_value_t guest_now;
        pellucid_func_t clock = func_of(instance, "now");
        OK(pellucid_func_call(store, &clock, NULL, 0, &guest_now, 1, ERR));
        int64_t time = 30 * MS + (flags ? guest_now.of.i64 : 0);
        pellucid_call_t *call = begin_sleep(0, time, flags);
        int n = 0;
        while (resume(call) == PELLUCID_CALL_YIELDED) {
            size_t n_files = 9;
            OK(pellucid_call_awaited_files(call, NULL, 0, &n_files, &deadline));
            first = n == 0 ? deadline : first;
            CHECK(n_files == 0 && deadline > start + 29 * MS && deadline <= now() + 30 * MS);
            CHECK(flags == 1 || deadline == first);
            uint64_t token = 9;
            pellucid_func_t func;
            OK(pellucid_call_awaited(call, &func, &token));
            CHECK(token == 0);
            n++;
            struct timespec pause = {0, 3 * MS};
            nanosleep(&pause, NULL);
        }
        CHECK(n >= 1 && now() - start >= 29 * (uint64_t)MS);
        CHECK(result(call) == 1);
        call = begin_sleep(0, time, flags);
        CHECK(flags == 1 || wait_for(call) == 2);
        pellucid_call_delete(call);
    }
    /* What is over already doesn't yield, nor does what can't be waited for. */
    pellucid_call_t *call = begin_sleep(0, 0, 0);
    CHECK(resume(call) == PELLUCID_CALL_FINISHED);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_awaited_files(call, NULL, 0, NULL, NULL));
    CHECK(result(call) == 1);
    call = begin_sleep(0, 30 * MS, 2);
    CHECK(resume(call) == PELLUCID_CALL_FINISHED && result(call) == 1);
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_call_awaited_files(NULL, NULL, 0, NULL, NULL));
    /* A call that can't yield waits as ever. */
    uint64_t start = now();
    pellucid_func_t func = func_of(instance, "sleep");
    pellucid_value_t args[] = {value_i32(0), value_i64(5 * MS), value_i32(0)}, out;
    OK(pellucid_func_call(store, &func, args, 3, &out, 1, ERR));
    CHECK(out.of.i32 == 1 && now() - start >= 5 * (uint64_t)MS);
    close_world();
}

/* Made clocks pass by themselves: sleeping takes no time, and nothing waits. */
static void fixed_clocks(void) {
    pellucid_wasi_config_t *config = config_new(true);
    OK(pellucid_wasi_config_set_fixed_clocks(config, 0, 1));
    open_program(false, config);
    pellucid_call_t *call = begin_sleep(0, 3600 * 1000 * MS, 0);
    CHECK(resume(call) == PELLUCID_CALL_FINISHED && result(call) == 1);
    close_world();
}

/* One thread, one store, many calls that sleep at once. */
static void many(bool is_debug) {
    enum { N = 300, TIMES = 3 };
    static pellucid_call_t *calls[N];
    open_program(is_debug, config_new(true));
    uint64_t start = now();
    for (int i = 0; i < N; i++) {
        pellucid_value_t args[] = {value_i32(1 + i % 15), value_i64((5 + i % 7) * MS), value_i32(TIMES)};
        /* Each sleeps in the instance's memory, but what it has asked for counts. */
        calls[i] = begin("sleeps", args, 3);
        CHECK(resume(calls[i]) == PELLUCID_CALL_YIELDED);
    }
    int n_left = N;
    while (n_left > 0) {
        uint64_t first = UINT64_MAX;
        for (int i = 0; i < N; i++) {
            uint64_t deadline;
            if (calls[i] != NULL) {
                OK(pellucid_call_awaited_files(calls[i], NULL, 0, NULL, &deadline));
                first = deadline < first ? deadline : first;
            }
        }
        uint64_t time = now();
        struct timespec pause = {0, first > time ? (long)(first - time) : 0};
        nanosleep(&pause, NULL);
        for (int i = 0; i < N; i++) {
            if (calls[i] != NULL && resume(calls[i]) == PELLUCID_CALL_FINISHED) {
                result(calls[i]);
                calls[i] = NULL;
                n_left--;
            }
        }
    }
    /* They slept for more than six seconds, one after another. */
    CHECK(now() - start < 3000 * (uint64_t)MS);
    close_world();
}

static void pipes(bool is_debug) {
    int in[2], out[2];
    char path[64];
    if (pipe(in) != 0 || pipe(out) != 0) {
        exit(1);
    }
    pellucid_wasi_config_t *config = config_new(true);
    snprintf(path, sizeof path, "/proc/self/fd/%d", in[0]);
    OK(pellucid_wasi_config_set_file(config, PELLUCID_WASI_STDIN, path, strlen(path), ERR));
    snprintf(path, sizeof path, "/proc/self/fd/%d", out[1]);
    OK(pellucid_wasi_config_set_file(config, PELLUCID_WASI_STDOUT, path, strlen(path), ERR));
    open_program(is_debug, config);

    pellucid_call_t *call = begin_io("read", 0, 0, 16);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    pellucid_awaited_file_t file;
    size_t n_files;
    uint64_t deadline;
    OK(pellucid_call_awaited_files(call, &file, 1, &n_files, &deadline));
    CHECK(n_files == 1 && file.interest == PELLUCID_INTEREST_READ && deadline == UINT64_MAX);
    struct pollfd poll_in = {file.fd, POLLIN, 0};
    CHECK(poll(&poll_in, 1, 0) == 0);
    CHECK(write(in[1], "hello", 5) == 5);
    CHECK(poll(&poll_in, 1, 0) == 1);
    CHECK(wait_for(call) == 1 && result(call) == 5);

    /* Nothing to read doesn't wait for anything; nor does who has asked not to. */
    call = begin_io("read", 0, 0, 0);
    CHECK(resume(call) == PELLUCID_CALL_FINISHED && result(call) == 0);
    pellucid_value_t flags[] = {value_i32(0), value_i32(4)}, none;
    pellucid_func_t set_flags = func_of(instance, "flags");
    OK(pellucid_func_call(store, &set_flags, flags, 2, &none, 1, ERR));
    call = begin_io("read", 0, 0, 16);
    CHECK(resume(call) == PELLUCID_CALL_FINISHED && result(call) == -6);
    flags[1] = value_i32(0);
    OK(pellucid_func_call(store, &set_flags, flags, 2, &none, 1, ERR));

    /* A file and a clock: whichever comes first. */
    pellucid_value_t args[] = {value_i32(0), value_i32(0), value_i32(1), value_i64(20 * MS)};
    call = begin("wait_fd", args, 4);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    OK(pellucid_call_awaited_files(call, &file, 1, &n_files, &deadline));
    CHECK(n_files == 1 && file.interest == PELLUCID_INTEREST_READ && deadline <= now() + 20 * MS);
    wait_for(call);
    CHECK(result(call) == 10);
    call = begin("wait_fd", args, 4);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    CHECK(write(in[1], "x", 1) == 1);
    CHECK(resume(call) == PELLUCID_CALL_FINISHED && result(call) == 11);

    /* Two that wait for the same input: who looks first has it. */
    pellucid_call_t *two[] = {begin_io("read", 1, 0, 16), begin_io("read", 2, 0, 16)};
    CHECK(resume(two[0]) == PELLUCID_CALL_FINISHED && result(two[0]) == 1);
    CHECK(resume(two[1]) == PELLUCID_CALL_YIELDED);

    /* A pipe that is full: what there is room for is written, then it waits. */
    int total = 0, n = 0;
    for (;;) {
        call = begin_io("write", 3, 1, 300000);
        if (resume(call) == PELLUCID_CALL_YIELDED) {
            break;
        }
        n = result(call);
        CHECK(n > 0);
        total += n;
    }
    CHECK(total >= 4096);
    OK(pellucid_call_awaited_files(call, &file, 1, &n_files, &deadline));
    CHECK(n_files == 1 && file.interest == PELLUCID_INTEREST_WRITE && deadline == UINT64_MAX);
    static char bytes[1 << 17];
    ssize_t got = read(out[0], bytes, sizeof bytes);
    CHECK(got > 0);
    CHECK(resume(call) == PELLUCID_CALL_FINISHED && result(call) > 0);

    /* At its end input is ready. */
    close(in[1]);
    CHECK(wait_for(two[1]) == 1 && result(two[1]) == 0);
    /* A call that is dropped while it waits closes nothing of the others'. */
    call = begin_io("read", 1, 0, 16);
    CHECK(resume(call) == PELLUCID_CALL_FINISHED && result(call) == 0);
    close_world();
    close(in[0]);
    close(out[0]);
    close(out[1]);
}

/* What the host's streams are to do, and how often they were asked. */
static int is_ready, n_asked;

static pellucid_status_t read_input(void *userdata, uint8_t *bytes, size_t cap_bytes, size_t *out_n) {
    (void)userdata, (void)cap_bytes;
    n_asked++;
    if (is_ready == 2) {
        /* A guest that the callback runs is another call. */
        pellucid_call_t *call = begin_sleep(9, 2 * MS, 0);
        CHECK(wait_for(call) >= 1 && result(call) == 1);
        pellucid_value_t args[] = {value_i32(9), value_i64(MS), value_i32(0)}, out;
        pellucid_func_t func = func_of(instance, "sleep");
        OK(pellucid_func_call(store, &func, args, 3, &out, 1, ERR));
    }
    if (!is_ready) {
        return PELLUCID_YIELD;
    }
    bytes[0] = 'x';
    *out_n = 1;
    return PELLUCID_OK;
}

static pellucid_status_t write_output(void *userdata, const uint8_t *bytes, size_t n_bytes) {
    (void)userdata, (void)bytes, (void)n_bytes;
    n_asked++;
    return is_ready ? PELLUCID_OK : PELLUCID_YIELD;
}

static void callbacks(bool is_debug, bool is_yielding) {
    pellucid_wasi_config_t *config = config_new(is_yielding);
    OK(pellucid_wasi_config_set_input_callback(config, NULL, read_input, NULL));
    OK(pellucid_wasi_config_set_output_callback(config, PELLUCID_WASI_STDOUT, NULL, write_output, NULL));
    open_program(is_debug, config);
    static const char *const names[] = {"read", "write"};
    for (int i = 0; i < 2; i++) {
        is_ready = n_asked = 0;
        pellucid_call_t *call = begin_io(names[i], 0, i, 16);
        if (!is_yielding) {
            CHECK(resume(call) == PELLUCID_CALL_FINISHED && result(call) == -6);
            continue;
        }
        for (int n = 1; n < 4; n++) {
            CHECK(resume(call) == PELLUCID_CALL_YIELDED && n_asked == n);
            size_t n_files = 9;
            uint64_t deadline = 0;
            OK(pellucid_call_awaited_files(call, NULL, 0, &n_files, &deadline));
            CHECK(n_files == 0 && deadline == UINT64_MAX);
        }
        is_ready = i == 0 ? 2 : 1;
        CHECK(resume(call) == PELLUCID_CALL_FINISHED);
        CHECK(result(call) == (i == 0 ? 1 : 16) && n_asked == 4);
        /* Where it can't yield, there is nothing now. */
        is_ready = 0;
        pellucid_value_t args[] = {value_i32(0), value_i32(i), value_i32(16)}, out;
        pellucid_func_t func = func_of(instance, names[i]);
        OK(pellucid_func_call(store, &func, args, 3, &out, 1, ERR));
        CHECK(out.of.i32 == -6);
    }
    close_world();
}

/* A host may end the wait by itself: with a result, with an error, with a trap, by deleting the call. */
static void ends(bool is_debug) {
    open_program(is_debug, config_new(true));
    pellucid_call_t *call = begin_sleep(0, 3600 * 1000 * MS, 0);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    pellucid_value_t args[4];
    OK(pellucid_call_awaited_args(call, args, 4));
    CHECK(args[0].of.i32 == 0 && args[1].of.i32 == 256 && args[2].of.i32 == 1 && args[3].of.i32 == 512);
    pellucid_value_t eintr = value_i32(27);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_give(call, NULL, 0, ERR));
    OK(pellucid_call_give(call, &eintr, 1, ERR));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_awaited_files(call, NULL, 0, NULL, NULL));
    CHECK(resume(call) == PELLUCID_CALL_FINISHED && result(call) == -27);

    call = begin_sleep(0, 3600 * 1000 * MS, 0);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED && resume(call) == PELLUCID_CALL_YIELDED);
    OK(pellucid_call_trap(call, TEXT("no more"), ERR));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_awaited_files(call, NULL, 0, NULL, NULL));
    CHECK(pellucid_call_state(call) == PELLUCID_CALL_TRAPPED);
    pellucid_call_delete(call);

    call = begin_sleep(0, 3600 * 1000 * MS, 0);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    pellucid_call_delete(call);
    call = begin_sleep(0, 3600 * 1000 * MS, 0);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    close_world();
    pellucid_call_delete(call);
}

static void interrupts(bool is_debug) {
    open_program(is_debug, config_new(true));
    pellucid_interrupt_t *interrupt;
    MUST(pellucid_store_interrupt(store, &interrupt, ERR));
    for (int is_early = 0; is_early <= 1; is_early++) {
        pellucid_call_t *call = begin_sleep(0, 10 * MS, 0);
        if (!is_early) {
            CHECK(resume(call) == PELLUCID_CALL_YIELDED);
        }
        OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_PAUSE));
        CHECK(resume(call) == PELLUCID_CALL_PAUSED);
        if (!is_early) {
            /* It waits already while it is paused so. */
            OK(pellucid_call_awaited_files(call, NULL, 0, NULL, NULL));
            CHECK(resume(call) == PELLUCID_CALL_YIELDED);
        }
        wait_for(call);
        CHECK(result(call) == 1);

        call = begin_sleep(0, 10 * MS, 0);
        CHECK(resume(call) == PELLUCID_CALL_YIELDED);
        OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_TRAP));
        CHECK(resume(call) == PELLUCID_CALL_TRAPPED);
        pellucid_error_t *error;
        OK(pellucid_call_error(call, &error));
        CHECK(pellucid_error_trap(error) == PELLUCID_TRAP_INTERRUPTED && pellucid_error_frame_count(error) >= 1);
        pellucid_error_delete(error);
        pellucid_call_delete(call);
    }
    /* A budget is for what it runs, not for what it waits. */
    pellucid_call_t *call = begin_sleep(0, 30 * MS, 0);
    pellucid_call_state_t state = PELLUCID_CALL_YIELDED;
    pellucid_budget_t budget = {20000, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_TRAP};
    int n = 0;
    for (; state == PELLUCID_CALL_YIELDED; n++) {
        OK(pellucid_call_resume_for(call, PELLUCID_RESUME_CONTINUE, &budget, &state, ERR));
        struct timespec pause = {0, 5 * MS};
        nanosleep(&pause, NULL);
    }
    CHECK(state == PELLUCID_CALL_FINISHED && n >= 2 && result(call) == 1);
    pellucid_interrupt_delete(interrupt);
    close_world();
}

/* A debugger sees the frames of a call that waits; a step over the wait ends behind it. */
static void steps(void) {
    open_program(true, config_new(true));
    pellucid_call_t *call = begin_sleep(0, 10 * MS, 0);
    pellucid_call_state_t state = 0;
    OK(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED);
    while (state == PELLUCID_CALL_PAUSED) {
        OK(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
    }
    CHECK(state == PELLUCID_CALL_YIELDED);
    pellucid_frame_t frame, again;
    pellucid_value_t local;
    uint32_t n_locals;
    OK(pellucid_call_frame(call, &frame));
    OK(pellucid_frame_read_locals(store, &frame, 0, &local, 1, &n_locals));
    CHECK(local.of.i32 == 0);
    /* Resumed too early: what was known of it before isn't any more. */
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    STATUS(PELLUCID_ERR_STALE_HANDLE, pellucid_frame_read_locals(store, &frame, 0, &local, 1, &n_locals));
    OK(pellucid_call_frame(call, &again));
    OK(pellucid_frame_read_locals(store, &again, 1, &local, 1, &n_locals));
    CHECK(local.of.i32 == 1);
    struct timespec pause = {0, 12 * MS};
    nanosleep(&pause, NULL);
    CHECK(resume(call) == PELLUCID_CALL_PAUSED);
    OK(pellucid_call_frame(call, &again));
    CHECK(resume(call) == PELLUCID_CALL_FINISHED && result(call) == 1);
    close_world();
}

int main(void) {
    for (int is_debug = 0; is_debug <= 1; is_debug++) {
        clocks(is_debug);
        many(is_debug);
        pipes(is_debug);
        callbacks(is_debug, true);
        callbacks(is_debug, false);
        ends(is_debug);
        interrupts(is_debug);
        has_checks = true;
        interrupts(is_debug);
        has_checks = false;
    }
    fixed_clocks();
    steps();
    return finish();
}
