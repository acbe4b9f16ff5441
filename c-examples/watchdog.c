/* Scripts that run away: a time budget for each call, and a watchdog on a thread of its own. */
#define _POSIX_C_SOURCE 200809L
#include "example.h"

#include <pthread.h>
#include <time.h>

static const char program[] =
    "(module $script"
    "  (func $search (export \"search\") (param $n i32) (result i32)"
    "    (loop $again (br_if $again (i32.ne (local.get $n) (i32.const 7)))) (local.get $n))"
    "  (func (export \"work\") (param $n i64) (result i64) (local $sum i64)"
    "    (loop $again"
    "      (local.set $sum (i64.add (local.get $sum) (local.get $n)))"
    "      (br_if $again (i64.ne (local.tee $n (i64.sub (local.get $n) (i64.const 1))) (i64.const 0))))"
    "    (local.get $sum)))";

static void show(const char *what, pellucid_status_t status, pellucid_error_t **error)
{
    pellucid_str_t message = {0};
    if (status == PELLUCID_OK) {
        printf("%s: done\n", what);
        return;
    }
    must(pellucid_error_message(*error, &message), NULL);
    printf("%s: %.*s\n", what, (int)message.size, message.data);
    pellucid_error_delete(*error);
    *error = NULL;
}

/* Gives the guest fifty milliseconds. Any thread may do this, and a handler of SIGINT, for a user who types Ctrl-C. */
static void *watch(void *interrupt)
{
    struct timespec time = {0, 50000000};
    nanosleep(&time, NULL);
    pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_TRAP);
    return NULL;
}

int main(void)
{
    pellucid_engine_t *engine;
    pellucid_module_t *module;
    pellucid_store_t *store;
    pellucid_instance_t instance;
    pellucid_error_t *error = NULL;

    must(pellucid_engine_new(NULL, &engine, &error), &error);
    must(pellucid_module_new_text(engine, program, strlen(program), &module, &error), &error);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    must(pellucid_instance_new(store, module, NULL, 0, &instance, &error), &error);
    pellucid_func_t search = exported(store, &instance, "search"), work = exported(store, &instance, "work");

    /* A budget ends the call by itself. */
    pellucid_budget_t time = {20000, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_TRAP};
    pellucid_value_t arg = i32_value(7), result;
    show("search for 7", pellucid_func_call_for(store, &search, &arg, 1, &result, 1, &time, &error), &error);
    arg = i32_value(8);
    show("search for 8", pellucid_func_call_for(store, &search, &arg, 1, &result, 1, &time, &error), &error);

    /* A watchdog asks from outside. */
    pellucid_interrupt_t *interrupt;
    pthread_t thread;
    must(pellucid_store_interrupt(store, &interrupt, &error), &error);
    if (pthread_create(&thread, NULL, watch, interrupt) != 0)
        return 1;
    show("search again", pellucid_func_call(store, &search, &arg, 1, &result, 1, &error), &error);
    pthread_join(thread, NULL);
    pellucid_interrupt_delete(interrupt);

    /* Work that takes longer than a frame is done a piece at a time: a millisecond, then the host's turn. */
    pellucid_call_t *call;
    pellucid_call_state_t state;
    unsigned frames = 0;
    pellucid_value_t n = {0};
    n.kind = PELLUCID_I64;
    n.of.i64 = 30000000;
    time = (pellucid_budget_t){1000, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE};
    must(pellucid_call_begin(store, &work, &n, 1, &call, &error), &error);
    do {
        must(pellucid_call_resume_for(call, PELLUCID_RESUME_CONTINUE, &time, &state, &error), &error);
        frames++;
    } while (state == PELLUCID_CALL_PAUSED);
    must(pellucid_call_results(call, &result, 1), NULL);
    printf("work: %lld, in %s\n", (long long)result.of.i64, frames > 1 ? "several frames" : "one frame");
    pellucid_call_delete(call);

    pellucid_module_delete(module);
    pellucid_store_delete(store);
    pellucid_engine_delete(engine);
    return 0;
}
