/* `make tracing`: what a call costs whose function is traced, one whose isn't, and what it takes to have functions traced. Each figure is the
 * least of its rounds, of this thread's CPU time, per call in a loop of the guest's, or per edit. */
#define _GNU_SOURCE
#include "must.h"
#include "now.h"
#include "pellucid.h"

#include <stdio.h>
#include <string.h>

enum { ROUNDS = 7, MANY = 10000000, TRACED = 200000, FUNCTIONS = 10000, EDITS = 20 };

static const char head[] =
    "(module"
    "  (func $f (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))"
    "  (func $g (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))";

static const char loops[] =
    "(func (export \"f\") (param $n i32)"
    "  (loop $again (drop (call $f (local.get $n))) (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"
    "(func (export \"g\") (param $n i32)"
    "  (loop $again (drop (call $g (local.get $n))) (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))";

static const char one[] = "(func (param i32) (result i32) (if (local.get 0) (then (return (i32.const 7)))) (i32.const 8))";

static char text[sizeof head + sizeof loops + FUNCTIONS * sizeof one];

static pellucid_store_t *store;
static pellucid_module_t *module;
static pellucid_instance_t instance;

static double per_call(const char *name, int turns)
{
    pellucid_extern_t item;
    double least = 1e18;
    MUST(pellucid_instance_export(store, &instance, name, strlen(name), &item));
    for (int round = 0; round < ROUNDS; round++) {
        pellucid_value_t n = {.kind = PELLUCID_I32, .of.i32 = turns};
        double start = now();
        MUST(pellucid_func_call(store, &item.of.func, &n, 1, NULL, 0, NULL));
        double took = (now() - start) / turns;
        least = took < least ? took : least;
    }
    return least;
}

static double trace(uint32_t first, uint32_t n, bool is_on)
{
    pellucid_edit_t *session;
    double start = now();
    MUST(pellucid_edit_begin(store, &session));
    MUST(pellucid_edit_trace(session, module, first, n, is_on));
    MUST(pellucid_edit_commit(session, NULL));
    pellucid_edit_delete(session);
    return now() - start;
}

static pellucid_action_t go_on(void *userdata, pellucid_store_t *where, pellucid_event_t *event)
{
    (void)userdata, (void)where, (void)event;
    return PELLUCID_ACTION_CONTINUE;
}

static void report(const char *what, double nanoseconds)
{
    printf("%-60s %11.1f ns\n", what, nanoseconds);
}

static void report_edits(const char *on, const char *off, uint32_t n)
{
    double least_on = 1e18, least_off = 1e18;
    for (int i = 0; i < EDITS; i++) {
        double took = trace(2, n, true);
        least_on = took < least_on ? took : least_on;
        took = trace(2, n, false);
        least_off = took < least_off ? took : least_off;
    }
    report(on, least_on);
    report(off, least_off);
}

int main(void)
{
    pellucid_config_t *config;
    pellucid_engine_t *engine;
    char *end = stpcpy(stpcpy(text, head), loops);
    for (int i = 0; i < FUNCTIONS; i++)
        end = stpcpy(end, one);
    strcpy(end, ")");
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, true));
    MUST(pellucid_engine_new(config, &engine, NULL));
    MUST(pellucid_store_new(engine, NULL, NULL, &store, NULL));
    MUST(pellucid_module_new_text(engine, text, strlen(text), &module, NULL));
    MUST(pellucid_instance_new(store, module, NULL, 0, &instance, NULL));
    report("a call, nothing is traced", per_call("f", MANY));
    trace(0, 1, true);
    report("a call of a traced function, nobody listens", per_call("f", TRACED));
    pellucid_event_kind_t entry = PELLUCID_EVENT_FUNCTION_ENTRY, both = entry | PELLUCID_EVENT_FUNCTION_EXIT;
    MUST(pellucid_store_set_event_handler(store, entry, NULL, go_on, NULL));
    report("the same, a handler for entries", per_call("f", TRACED));
    MUST(pellucid_store_set_event_handler(store, both, NULL, go_on, NULL));
    report("the same, a handler for entries and exits", per_call("f", TRACED));
    report("a call of another function", per_call("g", MANY));
    trace(0, 1, false);
    report("a call, nothing is traced any more", per_call("f", MANY));
    report_edits("an edit that has one function traced", "an edit that ends it", 1);
    report_edits("an edit that has 10000 functions traced", "an edit that ends it", FUNCTIONS);
    pellucid_store_delete(store);
    pellucid_module_delete(module);
    pellucid_engine_delete(engine);
    pellucid_config_delete(config);
    return 0;
}
