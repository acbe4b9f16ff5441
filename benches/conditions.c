/* `make conditions`: what a hit costs that a condition declines, by where the breakpoint is and what the condition is over. Each figure is the
 * least of its rounds, of this thread's CPU time, per turn of a loop of the guest's that has one breakpoint. */
#define _GNU_SOURCE
#include "must.h"
#include "now.h"
#include "pellucid.h"

#include <stdio.h>
#include <string.h>

enum { ROUNDS = 9, TURNS = 2000000 };

static const char text[] =
    "(module (memory 1) (global $level (mut i32) (i32.const 0))"
    "  (func (export \"f\") (param $n i32) (local $sum i32)"
    "    (loop $again"
    "      (local.set $sum (i32.add (local.get $sum) (i32.mul (local.get $n) (i32.const 3))))"
    "      (i32.store (i32.const 8) (local.get $sum))"
    "      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))";

/* Bytes from the function's first operator to the loop's first, to the multiplication, and to the store. */
enum { FIRST = 2, IN_THE_MIDST = 8, STORE = 16 };

static pellucid_store_t *store;
static pellucid_module_t *module;
static pellucid_func_t loop;

static double per_turn(void)
{
    double least = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        pellucid_value_t n = {.kind = PELLUCID_I32, .of.i32 = TURNS};
        double start = now();
        MUST(pellucid_func_call(store, &loop, &n, 1, NULL, 0, NULL));
        double took = (now() - start) / TURNS;
        least = took < least ? took : least;
    }
    return least;
}

static bool never(void *userdata, pellucid_store_t *where, const pellucid_frame_t *frame, uint64_t id)
{
    (void)userdata, (void)where, (void)frame, (void)id;
    return false;
}

static pellucid_action_t go_on(void *userdata, pellucid_store_t *where, pellucid_event_t *event)
{
    (void)userdata, (void)where, (void)event;
    return PELLUCID_ACTION_CONTINUE;
}

/* With a breakpoint so many bytes behind the first operator, and an expression, the host's condition or none. */
static void report(const char *what, uint32_t offset, const char *expression, pellucid_condition_cb_t condition)
{
    pellucid_edit_t *edit;
    uint32_t pc, actual;
    uint64_t first, id;
    MUST(pellucid_edit_begin(store, &edit));
    MUST(pellucid_edit_add_at_function(edit, module, 0, &first, &pc));
    MUST(pellucid_edit_remove(edit, first));
    MUST(pellucid_edit_add(edit, module, pc + offset, &id, &actual));
    MUST(actual == pc + offset ? PELLUCID_OK : PELLUCID_ERR_INVALID_STATE);
    if (expression != NULL)
        MUST(pellucid_edit_set_expression(edit, id, expression, strlen(expression), NULL));
    if (condition != NULL)
        MUST(pellucid_edit_set_condition(edit, id, NULL, condition, NULL));
    MUST(pellucid_edit_commit(edit, NULL));
    pellucid_edit_delete(edit);
    printf("%-60s %8.1f ns\n", what, per_turn());
    MUST(pellucid_edit_begin(store, &edit));
    MUST(pellucid_edit_remove(edit, id));
    MUST(pellucid_edit_commit(edit, NULL));
    pellucid_edit_delete(edit);
}

int main(void)
{
    pellucid_config_t *config;
    pellucid_engine_t *engine;
    pellucid_instance_t instance;
    pellucid_extern_t item;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, true));
    MUST(pellucid_engine_new(config, &engine, NULL));
    MUST(pellucid_store_new(engine, NULL, NULL, &store, NULL));
    MUST(pellucid_module_new_text(engine, text, strlen(text), &module, NULL));
    MUST(pellucid_instance_new(store, module, NULL, 0, &instance, NULL));
    MUST(pellucid_instance_export(store, &instance, "f", 1, &item));
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_BREAKPOINT, NULL, go_on, NULL));
    loop = item.of.func;
    printf("%-60s %8.1f ns\n", "a turn without a breakpoint", per_turn());
    report("n == 0, at the first operator", FIRST, "n == 0", NULL);
    report("n == 0, in the midst of a run", IN_THE_MIDST, "n == 0", NULL);
    report("n == 0, at a store", STORE, "n == 0", NULL);
    report("%0 == -1, an operand", IN_THE_MIDST, "%0 == -1", NULL);
    report("n == 0 && sum > 5", FIRST, "n == 0 && sum > 5", NULL);
    report("level == 1, a global", FIRST, "level == 1", NULL);
    report("i32[8] == -1, memory", FIRST, "i32[8] == -1", NULL);
    report("the host's condition, which looks at nothing", FIRST, NULL, never);
    report("none: the hit is told, and the handler goes on", FIRST, NULL, NULL);
    pellucid_store_delete(store);
    pellucid_module_delete(module);
    pellucid_engine_delete(engine);
    pellucid_config_delete(config);
    return 0;
}
