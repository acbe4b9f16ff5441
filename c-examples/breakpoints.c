/* Breakpoints: an edit session sets them, a handler looks at locals and operands when they hit. */
#include "example.h"

static const char program[] =
    "(module"
    "  (func $gcd (export \"gcd\") (param $a i32) (param $b i32) (result i32)"
    "    (local $t i32)"
    "    (loop $again"
    "      (if (i32.eqz (local.get $b)) (then (return (local.get $a))))"
    "      (local.set $t (i32.rem_u (local.get $a) (local.get $b)))"
    "      (local.set $a (local.get $b))"
    "      (local.set $b (local.get $t))"
    "      (br $again))"
    "    unreachable))";

struct watch {
    uint64_t entry;
    int steps;
};

static void print_values(const char *what, const pellucid_value_t *values, uint32_t n)
{
    printf("  %s", what);
    for (uint32_t i = 0; i < n; i++)
        printf(" %d", values[i].of.i32);
    printf("\n");
}

static pellucid_action_t on_event(void *userdata, pellucid_store_t *store, pellucid_event_t *event)
{
    struct watch *watch = userdata;
    pellucid_frame_t frame;
    pellucid_value_t values[8];
    uint32_t n;

    must(pellucid_event_frame(event, &frame), NULL);
    pellucid_str_t name;
    must(pellucid_frame_func_name(store, &frame, &name), NULL);
    printf("%s in %.*s\n", pellucid_event_kind(event) == PELLUCID_EVENT_STEP ? "step" : "breakpoint",
           (int)name.size, name.data);
    must(pellucid_frame_read_locals(store, &frame, 0, values, 8, &n), NULL);
    print_values("locals  ", values, n);
    must(pellucid_frame_read_operands(store, &frame, 0, values, 8, &n), NULL);
    print_values("operands", values, n);
    /* A few single steps from the breakpoint on, then at full speed again. */
    return watch->steps-- > 0 ? PELLUCID_ACTION_STEP : PELLUCID_ACTION_CONTINUE;
}

int main(void)
{
    pellucid_config_t *config;
    pellucid_engine_t *engine;
    pellucid_module_t *module;
    pellucid_store_t *store;
    pellucid_instance_t instance;
    pellucid_error_t *error = NULL;

    /* Debugging is a property of the engine, since it compiles for it. */
    must(pellucid_config_new(&config), NULL);
    must(pellucid_config_set_debug(config, true), NULL);
    must(pellucid_engine_new(config, &engine, &error), &error);
    must(pellucid_module_new_text(engine, program, strlen(program), &module, &error), &error);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    must(pellucid_instance_new(store, module, NULL, 0, &instance, &error), &error);

    struct watch watch = {.steps = 4};
    must(pellucid_store_set_event_handler(store, PELLUCID_EVENT_BREAKPOINT | PELLUCID_EVENT_STEP, &watch, on_event,
                                          NULL), NULL);

    /* Nothing happens to the code before the commit. */
    pellucid_edit_t *edit;
    must(pellucid_edit_begin(store, &edit), NULL);
    must(pellucid_edit_add_at_function(edit, module, 0, &watch.entry, NULL), NULL);
    must(pellucid_edit_commit(edit, &error), &error);
    pellucid_edit_delete(edit);

    pellucid_func_t gcd = exported(store, &instance, "gcd");
    pellucid_value_t args[2] = {i32_value(48), i32_value(18)}, result;
    must(pellucid_func_call(store, &gcd, args, 2, &result, 1, &error), &error);
    printf("gcd(48, 18) = %d\n", result.of.i32);

    /* Breakpoints count, and are removed by id. */
    pellucid_breakpoint_info_t info = {.struct_size = sizeof info};
    must(pellucid_breakpoint_info(store, watch.entry, &info), NULL);
    printf("the breakpoint was hit %u time\n", (unsigned)info.hits);
    must(pellucid_edit_begin(store, &edit), NULL);
    must(pellucid_edit_remove(edit, watch.entry), NULL);
    must(pellucid_edit_commit(edit, &error), &error);
    pellucid_edit_delete(edit);
    must(pellucid_func_call(store, &gcd, args, 2, &result, 1, &error), &error);
    printf("and isn't there any more\n");

    pellucid_config_delete(config);
    pellucid_module_delete(module);
    pellucid_store_delete(store);
    pellucid_engine_delete(engine);
    return 0;
}
