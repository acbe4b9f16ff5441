/* How long it takes from a request to interrupt a guest until the host has control: `make interrupt`.
 *
 * A second thread asks at random moments for a pause of a guest that runs; the first takes the time when its call has paused. */

#define _POSIX_C_SOURCE 200809L
#include "../c-examples/example.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static const char module_text[] =
    "(module (import \"host\" \"work\" (func $work))"
    "  (memory 4096)"
    "  (func (export \"loop\") (local i64) (loop (local.set 0 (i64.add (local.get 0) (i64.const 3))) (br 0)))"
    "  (func $fib (param i32) (result i32)"
    "    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))"
    "      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))"
    "                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))"
    "  (func (export \"calls\") (loop (drop (call $fib (i32.const 20))) (br 0)))"
    "  (func (export \"bulk\") (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x10000000)) (br 0)))"
    "  (func (export \"host\") (loop (call $work) (br 0))))";

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Takes ten microseconds. */
static pellucid_status_t work(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values, size_t n_values,
                              pellucid_error_t **out_error)
{
    (void)userdata, (void)caller, (void)values, (void)n_values, (void)out_error;
    for (uint64_t end = now() + 10000; now() < end;) {
    }
    return PELLUCID_OK;
}

static pellucid_interrupt_t *interrupt;
static atomic_int wanted, ends;
static _Atomic uint64_t asked;

static void *ask(void *unused)
{
    (void)unused;
    unsigned random = 1;
    for (;;) {
        while (!wanted) {
            if (ends)
                return NULL;
            struct timespec pause = {0, 20000};
            nanosleep(&pause, NULL);
        }
        wanted = 0;
        random = random * 1103515245 + 12345;
        struct timespec pause = {0, 200000 + (long)(random >> 16) % 1000 * 1000};
        nanosleep(&pause, NULL);
        asked = now();
        pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_PAUSE);
    }
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

enum { TIMES = 2000 };

static void measure(bool debug)
{
    pellucid_config_t *config;
    pellucid_engine_t *engine;
    pellucid_store_t *store;
    pellucid_module_t *module;
    pellucid_instance_t instance;
    pellucid_functype_t *type;
    pellucid_extern_t import = {0};
    pellucid_error_t *error = NULL;
    must(pellucid_config_new(&config), NULL);
    must(pellucid_config_set_debug(config, debug), NULL);
    must(pellucid_engine_new(config, &engine, &error), &error);
    pellucid_config_delete(config);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    must(pellucid_module_new_text(engine, module_text, sizeof module_text - 1, &module, &error), &error);
    must(pellucid_functype_new(NULL, 0, NULL, 0, &type), NULL);
    import.kind = PELLUCID_EXTERN_FUNC;
    must(pellucid_func_new_raw(store, type, NULL, work, NULL, &import.of.func, &error), &error);
    pellucid_functype_delete(type);
    must(pellucid_instance_new(store, module, &import, 1, &instance, &error), &error);
    must(pellucid_store_interrupt(store, &interrupt, &error), &error);
    pthread_t thread;
    ends = wanted = 0;
    pthread_create(&thread, NULL, ask, NULL);
    static const char *const names[] = {"loop", "calls", "bulk", "host"};
    for (size_t i = 0; i < 4; i++) {
        static uint64_t times[TIMES];
        pellucid_extern_t func;
        pellucid_call_t *call;
        must(pellucid_instance_export(store, &instance, names[i], strlen(names[i]), &func), NULL);
        must(pellucid_call_begin(store, &func.of.func, NULL, 0, &call, &error), &error);
        for (int n = 0; n < TIMES; n++) {
            wanted = 1;
            must(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, NULL, &error), &error);
            times[n] = now() - asked;
        }
        pellucid_call_delete(call);
        qsort(times, TIMES, sizeof *times, compare);
        printf("%-6s debugging %-3s  median %7.1f us   99%% %8.1f us   max %8.1f us\n", names[i], debug ? "on" : "off",
               (double)times[TIMES / 2] / 1e3, (double)times[TIMES * 99 / 100] / 1e3, (double)times[TIMES - 1] / 1e3);
    }
    ends = 1;
    pthread_join(thread, NULL);
    pellucid_interrupt_delete(interrupt);
    pellucid_module_delete(module);
    pellucid_store_delete(store);
    pellucid_engine_delete(engine);
}

int main(void)
{
    measure(false);
    measure(true);
    return 0;
}
