/* One thread serves a thousand programs that sleep, and one that reads its input: WASI's functions yield where they would wait,
 * and the host waits for all of them at once, by `poll`. */
#define _POSIX_C_SOURCE 200809L
#include "example.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

/* The programs are in text here; a compiler's, that call `sleep` and `read`, import the same. */
static const char program[] =
    "(module"
    "  (import \"wasi_snapshot_preview1\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"fd_read\" (func $read (param i32 i32 i32 i32) (result i32)))"
    "  (memory (export \"memory\") 1)"
    /* Sleeps three times; a subscription to a clock is what `sleep` makes. */
    "  (func (export \"sleeper\") (param $ms i32) (result i32) (local $n i32)"
    "    (loop $again"
    "      (i32.store (i32.const 16) (i32.const 1))"
    "      (i64.store (i32.const 24) (i64.mul (i64.extend_i32_u (local.get $ms)) (i64.const 1000000)))"
    "      (drop (call $poll (i32.const 0) (i32.const 256) (i32.const 1) (i32.const 512)))"
    "      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 3))))"
    "    (local.get $n))"
    /* Counts the bytes of its input. */
    "  (func (export \"reader\") (param i32) (result i32) (local $n i32)"
    "    (loop $again"
    "      (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 64))"
    "      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))"
    "      (local.set $n (i32.add (local.get $n) (i32.load (i32.const 8))))"
    "      (br_if $again (i32.load (i32.const 8))))"
    "    (local.get $n)))";

enum { N_SLEEPERS = 1000, N_CALLS = N_SLEEPERS + 1, MOST_FILES = 4 };

static pellucid_call_t *calls[N_CALLS];
/* What each call waits for. A real host keeps the deadlines in a heap, and the files in `epoll`. */
static uint64_t deadlines[N_CALLS];
static pellucid_awaited_file_t files[N_CALLS][MOST_FILES];
static size_t n_files[N_CALLS];

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Runs a call until it waits or ends; answers its result in the end, and before that -1. */
static int run(int i)
{
    pellucid_call_state_t state;
    pellucid_error_t *error = NULL;
    pellucid_value_t result;
    must(pellucid_call_resume(calls[i], PELLUCID_RESUME_CONTINUE, &state, &error), &error);
    if (state == PELLUCID_CALL_YIELDED) {
        must(pellucid_call_awaited_files(calls[i], files[i], MOST_FILES, &n_files[i], &deadlines[i]), NULL);
        return -1;
    }
    if (state != PELLUCID_CALL_FINISHED) {
        printf("call %d failed\n", i);
        exit(1);
    }
    must(pellucid_call_results(calls[i], &result, 1), NULL);
    pellucid_call_delete(calls[i]);
    calls[i] = NULL;
    return result.of.i32;
}

/* Waits until a call can go on. */
static void wait_for_any(struct pollfd *fds, size_t *out_n)
{
    uint64_t first = UINT64_MAX, time = now();
    size_t n = 0;
    for (int i = 0; i < N_CALLS; i++) {
        if (calls[i] == NULL)
            continue;
        if (deadlines[i] < first)
            first = deadlines[i];
        for (size_t k = 0; k < n_files[i] && k < MOST_FILES; k++) {
            fds[n].fd = files[i][k].fd;
            fds[n].events = files[i][k].interest == PELLUCID_INTEREST_READ ? POLLIN : POLLOUT;
            n++;
        }
    }
    int timeout = first == UINT64_MAX ? -1 : first <= time ? 0 : (int)((first - time) / 1000000 + 1);
    poll(fds, n, timeout);
    *out_n = n;
}

int main(void)
{
    pellucid_engine_t *engine;
    pellucid_module_t *module;
    pellucid_store_t *store;
    pellucid_linker_t *linker;
    pellucid_instance_t instance;
    pellucid_wasi_config_t *wasi;
    pellucid_error_t *error = NULL;
    char path[64];
    int pipe_ends[2];

    if (pipe(pipe_ends) != 0)
        return 1;
    must(pellucid_wasi_config_new(&wasi), NULL);
    must(pellucid_wasi_config_set_yielding(wasi, true), NULL);
    snprintf(path, sizeof path, "/dev/fd/%d", pipe_ends[0]);
    must(pellucid_wasi_config_set_file(wasi, PELLUCID_WASI_STDIN, path, strlen(path), &error), &error);
    close(pipe_ends[0]);
    must(pellucid_engine_new(NULL, &engine, &error), &error);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    must(pellucid_linker_new(engine, &linker), NULL);
    must(pellucid_linker_define_wasi(linker, store, wasi, NULL, &error), &error);
    must(pellucid_module_new_text(engine, program, strlen(program), &module, &error), &error);
    must(pellucid_linker_instantiate(linker, store, module, &instance, &error), &error);

    /* All begin, and run to where they wait. They sleep for 10 to 29 ms, three times. */
    uint64_t begun = now();
    pellucid_func_t sleeper = exported(store, &instance, "sleeper"), reader = exported(store, &instance, "reader");
    for (int i = 0; i < N_CALLS; i++) {
        pellucid_value_t arg = i32_value(10 + i % 20);
        must(pellucid_call_begin(store, i < N_SLEEPERS ? &sleeper : &reader, &arg, 1, &calls[i], &error), &error);
        run(i);
    }
    printf("%d calls wait\n", N_CALLS);

    int n_left = N_CALLS, n_slept = 0, n_read = 0, is_written = 0;
    static struct pollfd fds[N_CALLS * MOST_FILES];
    while (n_left > 0) {
        size_t n_fds;
        wait_for_any(fds, &n_fds);
        uint64_t time = now();
        for (int i = 0, next = 0; i < N_CALLS; i++) {
            if (calls[i] == NULL)
                continue;
            int is_ready = deadlines[i] <= time;
            for (size_t k = 0; k < n_files[i]; k++)
                is_ready |= fds[next++].revents != 0;
            int result = is_ready ? run(i) : -1;
            if (result < 0)
                continue;
            n_left--;
            if (i < N_SLEEPERS)
                n_slept += result;
            else
                n_read = result;
        }
        /* Somebody types, and then no more. */
        if (n_left <= N_CALLS / 2 && !is_written) {
            is_written = write(pipe_ends[1], "hello, world\n", 13) == 13;
            close(pipe_ends[1]);
        }
    }
    printf("the programs slept %d times, %d bytes were read\n", n_slept, n_read);
    printf("one after another that takes a minute; at once it took %s\n", now() - begun < 10000000000 ? "less than ten seconds" : "too long");

    pellucid_linker_delete(linker);
    pellucid_module_delete(module);
    pellucid_store_delete(store);
    pellucid_engine_delete(engine);
    pellucid_wasi_config_delete(wasi);
    return 0;
}
