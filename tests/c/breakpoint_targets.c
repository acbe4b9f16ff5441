/* Breakpoints that aren't at one pc: at functions of a name, in one module or in all, also in those that come later. */

#include "test.h"

static const char TEXT_OF_MODULE[] =
    "(module"
    "  (import \"host\" \"call\" (func $host))"
    "  (func $first (@name \"same\") (param $i i32) (nop))"
    "  (func $second (@name \"same\") (param $j i32) (nop))"
    "  (func $third (export \"same\") (param $i i32) (nop))"
    "  (func (export \"other\") (param $i i32)"
    "    (call $first (local.get $i)) (call $second (i32.const 7)) (call $third (local.get $i)))"
    "  (export \"imported\" (func $host)))";

static const char LATE[] =
    "(module (func $late (param $i i32) (nop)) (func $begin (call $late (i32.const 3))) (start $begin) (export \"late\" (func $late)))";

static pellucid_module_t *module;
static pellucid_instance_t instance;

/* What was told since somebody looked. */
static int n_told;
static uint64_t told_ids[4];
static size_t n_told_ids;

static pellucid_action_t on_event(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    const uint64_t *ids;
    (void)userdata, (void)where;
    CHECK(pellucid_event_kind(event) == PELLUCID_EVENT_BREAKPOINT);
    OK(pellucid_event_breakpoints(event, &ids, &n_told_ids));
    for (size_t i = 0; i < n_told_ids && i < 4; i++)
        told_ids[i] = ids[i];
    n_told++;
    return PELLUCID_ACTION_CONTINUE;
}

static int told(void) {
    int n = n_told;
    n_told = 0;
    return n;
}

static pellucid_status_t host(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    return PELLUCID_OK;
}

static void open_module(void) {
    open_world(true);
    module = module_of(TEXT_OF_MODULE);
    pellucid_extern_t import = host_import(NULL, 0, NULL, 0, host);
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_BREAKPOINT, NULL, on_event, NULL));
}

static void close_module(void) {
    pellucid_module_delete(module);
    close_world();
}

/* How often something is told when `other` is called. */
static int told_by_call(int32_t argument) {
    pellucid_func_t func = func_of(instance, "other");
    pellucid_value_t arg = value_i32(argument);
    told();
    OK(pellucid_func_call(store, &func, &arg, 1, NULL, 0, ERR));
    return told();
}

static pellucid_edit_t *edit;

static void begin(void) {
    MUST(pellucid_edit_begin(store, &edit));
}

static void commit(void) {
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
}

static pellucid_breakpoint_info_t info(uint64_t id) {
    pellucid_breakpoint_info_t found = {.struct_size = sizeof found};
    OK(pellucid_breakpoint_info(store, id, &found));
    return found;
}

/* A breakpoint at functions of a name. */
static uint64_t add(const pellucid_module_t *where, const char *name) {
    uint64_t id = 0;
    begin();
    OK(pellucid_edit_add_at_function_name(edit, where, name, strlen(name), &id));
    commit();
    return id;
}

static uint32_t first_pc(uint32_t function) {
    uint32_t pc = 0;
    OK(pellucid_module_func_range(module, function, NULL, &pc, NULL));
    return pc;
}

static void all_functions_of_a_name(void) {
    pellucid_breakpoint_place_t places[4];
    size_t n = 0;
    open_module();
    uint64_t id = add(module, "same");
    CHECK(info(id).kind == PELLUCID_BREAKPOINT_FUNCTION_NAME && info(id).n_places == 3);
    CHECK(info(id).actual_pc == first_pc(1) && info(id).module_id == pellucid_module_id(module));
    OK(pellucid_breakpoint_places(store, id, places, 2, &n));
    CHECK(n == 3);
    OK(pellucid_breakpoint_places(store, id, places, 4, &n));
    for (uint32_t i = 0; i < 3; i++)
        CHECK(places[i].func_index == i + 1 && places[i].pc == first_pc(i + 1)
              && places[i].module_id == pellucid_module_id(module));
    CHECK(told_by_call(1) == 3 && n_told_ids == 1 && told_ids[0] == id && info(id).hits == 3);

    /* Options, conditions and counts are of all of them together. */
    pellucid_breakpoint_options_t options = {.ignore_count = 2};
    begin();
    OK(pellucid_edit_set_options(edit, id, &options));
    commit();
    CHECK(told_by_call(1) == 1 && info(id).declined == 2);
    options = (pellucid_breakpoint_options_t){0};
    begin();
    OK(pellucid_edit_set_options(edit, id, &options));
    OK(pellucid_edit_set_expression(edit, id, TEXT("local[0] > 5"), ERR));
    commit();
    CHECK(told_by_call(1) == 1 && told_by_call(6) == 3);
    /* Each function has names of its own: what the second hasn't can't be told there. */
    begin();
    OK(pellucid_edit_set_expression(edit, id, TEXT("$i == 4"), ERR));
    commit();
    CHECK(told_by_call(1) == 1 && told_by_call(4) == 3 && info(id).has_condition == 1);
    begin();
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_set_expression(edit, id, TEXT("$i =="), ERR));
    CHECK(message_has(last_error, "wrong at 6"));
    OK(pellucid_edit_set_expression(edit, id, NULL, 0, ERR));
    OK(pellucid_edit_enable(edit, id, false));
    commit();
    CHECK(told_by_call(1) == 0 && info(id).is_enabled == 0);

    options.is_one_shot = 1;
    begin();
    OK(pellucid_edit_enable(edit, id, true));
    OK(pellucid_edit_set_options(edit, id, &options));
    commit();
    CHECK(told_by_call(1) == 1);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_breakpoint_places(store, id, NULL, 0, &n));

    /* Several breakpoints share what they are at. */
    id = add(module, "same");
    uint64_t other = break_at_function(store, module, 2);
    CHECK(told_by_call(1) == 3);
    remove_breakpoint(id);
    CHECK(told_by_call(1) == 1 && told_ids[0] == other && info(other).kind == PELLUCID_BREAKPOINT_PC && info(other).n_places == 1);
    remove_breakpoint(other);
    CHECK(told_by_call(1) == 0);
    close_module();
}

static void names_that_nothing_has(void) {
    open_module();
    begin();
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_edit_add_at_function_name(edit, module, TEXT("nothing"), NULL));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_edit_add_at_function_name(edit, module, TEXT("imported"), NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_add_at_function_name(edit, module, NULL, 0, NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_add_at_function_name(edit, NULL, NULL, 0, NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_add_at_function_name(edit, module, "\xff", 1, NULL));
    commit();
    close_module();
}

static pellucid_instance_t late_instance(void) {
    pellucid_module_t *late = module_of(LATE);
    pellucid_instance_t made;
    MUST(pellucid_instance_new(store, late, NULL, 0, &made, ERR));
    pellucid_module_delete(late);
    return made;
}

static void modules_that_come_later(void) {
    pellucid_breakpoint_place_t places[8];
    pellucid_module_t *none = NULL;
    size_t n = 0;
    open_module();
    uint64_t same = add(NULL, "same"), id = add(NULL, "late"), ids[4];
    CHECK(info(same).n_places == 3 && info(same).module_id == 0 && told_by_call(1) == 3);
    /* It is listed, though it is nowhere. */
    OK(pellucid_breakpoint_list(store, ids, 4, &n));
    CHECK(n == 2 && ids[1] == id);
    CHECK(info(id).n_places == 0 && info(id).actual_pc == 0 && info(id).is_enabled == 1);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_breakpoint_module(store, id, &none));
    OK(pellucid_breakpoint_places(store, id, NULL, 0, &n));
    CHECK(n == 0);

    /* It is there when the start function runs. */
    begin();
    OK(pellucid_edit_set_expression(edit, id, TEXT("$i == 3"), ERR));
    commit();
    pellucid_instance_t made = late_instance();
    CHECK(told() == 1 && told_ids[0] == id && info(id).n_places == 1 && info(id).hits == 1);
    OK(pellucid_breakpoint_places(store, id, places, 8, &n));
    CHECK(n == 1 && places[0].func_index == 0 && places[0].pc == info(id).actual_pc);
    pellucid_func_t func = func_of(made, "late");
    pellucid_value_t arg = value_i32(2);
    OK(pellucid_func_call(store, &func, &arg, 1, NULL, 0, ERR));
    CHECK(told() == 0 && info(id).declined == 1);

    /* Each module that comes adds to it. One that is disabled has places as well. */
    begin();
    OK(pellucid_edit_enable(edit, id, false));
    commit();
    late_instance();
    CHECK(told() == 0 && info(id).n_places == 2);
    begin();
    OK(pellucid_edit_enable(edit, id, true));
    commit();
    late_instance();
    CHECK(told() == 1 && info(id).n_places == 3);
    OK(pellucid_breakpoint_places(store, id, places, 8, &n));
    CHECK(n == 3 && places[0].module_id < places[1].module_id && places[1].module_id < places[2].module_id);

    /* Stores don't see those of others. */
    pellucid_store_t *first = store;
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_BREAKPOINT, NULL, on_event, NULL));
    late_instance();
    CHECK(told() == 0);
    pellucid_store_delete(store);
    store = first;

    remove_breakpoint(id);
    OK(pellucid_func_call(store, &func, &arg, 1, NULL, 0, ERR));
    late_instance();
    CHECK(told() == 0);

    /* An edit that fails leaves nothing that waits for modules. */
    begin();
    OK(pellucid_edit_add_at_function_name(edit, NULL, TEXT("late"), &id));
    OK(pellucid_edit_remove(edit, id + 1000));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    late_instance();
    CHECK(told() == 0);
    pellucid_breakpoint_info_t gone = {.struct_size = sizeof gone};
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_breakpoint_info(store, id, &gone));

    /* A module that the same edit has mapped is one of them. */
    pellucid_module_t *late = module_of(LATE);
    begin();
    OK(pellucid_edit_add_at_function_name(edit, NULL, TEXT("begin"), &id));
    OK(pellucid_edit_add_at_function(edit, late, 0, NULL, NULL));
    commit();
    OK(pellucid_breakpoint_places(store, id, places, 8, &n));
    CHECK(n > 0 && places[n - 1].module_id == pellucid_module_id(late));
    pellucid_module_delete(late);
    close_module();
}

/* A program that was compiled against the first header has a shorter struct. */
static void shorter_struct(void) {
    open_module();
    uint64_t id = add(module, "same");
    pellucid_breakpoint_info_t found = {.struct_size = 104, .kind = 77, .n_places = 88};
    OK(pellucid_breakpoint_info(store, id, &found));
    CHECK(found.id == id && found.struct_size == 104 && found.kind == 77 && found.n_places == 88);
    close_module();
}

int main(void) {
    for (int i = 0; i < 2; i++) {
        has_checks = i == 1;
        all_functions_of_a_name();
        names_that_nothing_has();
        modules_that_come_later();
        shorter_struct();
    }
    return finish();
}
