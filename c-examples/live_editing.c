/* A script that has gone wrong is put right while it stands still: a variable is changed, a function that would fail returns
 * something else, and one that had the wrong input begins again. */
#include "example.h"

static const char program[] =
    "(module"
    "  (global $gold (export \"gold\") (mut i32) (i32.const 10))"
    /* Nobody can pay with gold that isn't there. */
    "  (func $price (param $item i32) (result i32)"
    "    (if (i32.eqz (local.get $item)) (then unreachable))"
    "    (i32.mul (local.get $item) (i32.const 7)))"
    "  (func $buy (export \"buy\") (param $item i32) (result i32) (local $cost i32)"
    "    (local.set $cost (call $price (local.get $item)))"
    "    (global.set $gold (i32.sub (global.get $gold) (local.get $cost)))"
    "    (global.get $gold)))";

static pellucid_store_t *store;
static pellucid_module_t *module;
static pellucid_func_t buy;
static pellucid_error_t *error;

/* Begins to buy an item, and answers the call, paused where it has just called `price`. */
static pellucid_call_t *buy_until_price(int32_t item)
{
    pellucid_value_t value = i32_value(item);
    pellucid_call_t *call;
    pellucid_call_state_t state;
    must(pellucid_call_begin(store, &buy, &value, 1, &call, &error), &error);
    must(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, &error), &error);
    printf("buying item %d: paused in price\n", item);
    return call;
}

static pellucid_frame_t innermost(const pellucid_call_t *call)
{
    pellucid_frame_t frame;
    must(pellucid_call_frame(call, &frame), NULL);
    return frame;
}

static void go_on(pellucid_call_t *call)
{
    pellucid_call_state_t state;
    pellucid_value_t left;
    do
        must(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, &error), &error);
    while (state == PELLUCID_CALL_PAUSED);
    must(pellucid_call_results(call, &left, 1), NULL);
    printf("  %d gold left\n", left.of.i32);
    pellucid_call_delete(call);
}

int main(void)
{
    pellucid_config_t *config;
    pellucid_engine_t *engine;
    pellucid_instance_t instance;
    must(pellucid_config_new(&config), NULL);
    must(pellucid_config_set_debug(config, true), NULL);
    must(pellucid_engine_new(config, &engine, &error), &error);
    must(pellucid_module_new_text(engine, program, strlen(program), &module, &error), &error);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    must(pellucid_instance_new(store, module, NULL, 0, &instance, &error), &error);
    buy = exported(store, &instance, "buy");

    pellucid_edit_t *edit;
    uint64_t id;
    must(pellucid_edit_begin(store, &edit), NULL);
    must(pellucid_edit_add_at_function(edit, module, 0, &id, NULL), NULL);
    must(pellucid_edit_commit(edit, &error), &error);
    pellucid_edit_delete(edit);

    /* A variable is changed: the item is a cheaper one. */
    pellucid_call_t *call = buy_until_price(5);
    pellucid_frame_t frame = innermost(call);
    pellucid_value_t value = i32_value(1);
    must(pellucid_frame_write_local(store, &frame, 0, &value, &error), &error);
    printf("  item is 1 now\n");
    go_on(call);

    /* A function that would trap returns early instead. */
    call = buy_until_price(0);
    frame = innermost(call);
    value = i32_value(0);
    must(pellucid_frame_return(store, &frame, &value, 1, &frame, &error), &error);
    printf("  price returns 0\n");
    go_on(call);

    /* The caller's input is put right, and the caller begins again. */
    call = buy_until_price(100);
    frame = innermost(call);
    must(pellucid_frame_caller(store, &frame, &frame), NULL);
    must(pellucid_frame_restart(store, &frame, &frame, &error), &error);
    value = i32_value(-2);
    must(pellucid_frame_write_local(store, &frame, 0, &value, &error), &error);
    printf("  buy begins again, with item -2: it is sold\n");
    go_on(call);

    pellucid_store_delete(store);
    pellucid_module_delete(module);
    pellucid_engine_delete(engine);
    pellucid_config_delete(config);
    return 0;
}
