/* Breakpoints that aren't at one pc: at functions of a name and calls of an import, in one module or in all, also in those that come later;
 * at traps and exceptions. */

#include "test.h"
#include <time.h>

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

static const char CALLER[] =
    "(module"
    "  (import \"lib\" \"f\" (func $f (param i32))) (import \"lib\" \"g\" (func $g (param i32)))"
    "  (import \"lib\" \"f\" (func $again (param i32)))"
    "  (table funcref (elem $f)) (type $t (func (param i32)))"
    "  (func (export \"calls\") (param $i i32)"
    "    (call $f (local.get $i)) (call $g (i32.const 1)) (call $f (i32.const 2)) (call $again (i32.const 3))"
    "    (call_indirect (type $t) (i32.const 4) (i32.const 0)))"
    "  (func (export \"leaves\") (param $i i32) (return_call $f (local.get $i))))";

static pellucid_status_t host_f(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                                pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    return PELLUCID_OK;
}

static void call_with(pellucid_instance_t in, const char *name, int32_t argument, pellucid_status_t expected) {
    pellucid_func_t func = func_of(in, name);
    pellucid_value_t arg = value_i32(argument);
    told();
    STATUS(expected, pellucid_func_call(store, &func, &arg, 1, NULL, 0, ERR));
}

static void calls_of_imports(void) {
    pellucid_breakpoint_place_t places[8];
    size_t n = 0;
    open_module();
    pellucid_instance_t lib =
        instance_of("(module (func (export \"f\") (param i32)) (func (export \"g\") (param i32)))");
    pellucid_kind_t kind = PELLUCID_I32;
    pellucid_extern_t by_guest[3] = {export_of(lib, "f"), export_of(lib, "g"), export_of(lib, "f")};
    pellucid_extern_t by_host[3];
    for (int i = 0; i < 3; i++)
        by_host[i] = host_import(&kind, 1, NULL, 0, host_f);
    pellucid_module_t *caller = module_of(CALLER);
    uint64_t early, by_index, by_names;
    begin();
    OK(pellucid_edit_add_at_import_name_calls(edit, NULL, TEXT("lib"), TEXT("f"), &early));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_edit_add_at_import_name_calls(edit, caller, TEXT("lib"), TEXT("h"), NULL));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_edit_add_at_import_name_calls(edit, caller, TEXT("f"), TEXT("lib"), NULL));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_add_at_import_calls(edit, caller, 5, NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_add_at_import_calls(edit, caller, 3, NULL));
    commit();
    CHECK(info(early).kind == PELLUCID_BREAKPOINT_IMPORT_CALLS && info(early).n_places == 0);
    for (int i = 0; i < 2; i++) {
        pellucid_instance_t made;
        MUST(pellucid_instance_new(store, caller, i == 0 ? by_host : by_guest, 3, &made, ERR));
        /* By `$f`, `$f`, `$again` and the table. */
        call_with(made, "calls", 9, PELLUCID_OK);
        CHECK(told() == 4 && n_told_ids == 1 && told_ids[0] == early && info(early).n_places == 5);
        call_with(made, "leaves", 9, PELLUCID_OK);
        CHECK(told() == 1);
        begin();
        OK(pellucid_edit_add_at_import_calls(edit, caller, 0, &by_index));
        OK(pellucid_edit_add_at_import_name_calls(edit, caller, TEXT("lib"), TEXT("g"), &by_names));
        OK(pellucid_edit_set_expression(edit, by_index, TEXT("operand[0] == 9"), ERR));
        commit();
        OK(pellucid_breakpoint_places(store, by_index, places, 8, &n));
        CHECK(n == 4 && places[0].func_index == 3 && places[3].func_index == 4 && info(by_names).n_places == 2);
        call_with(made, "calls", 9, PELLUCID_OK);
        CHECK(told() == 5 && info(by_index).hits == 3 && info(by_index).declined == 2 && info(by_names).hits == 1);
        remove_breakpoint(by_index);
        remove_breakpoint(by_names);
    }
    remove_breakpoint(early);
    pellucid_module_delete(caller);
    close_module();
}

static const char ENDS[] =
    "(module"
    "  (import \"host\" \"call\" (func $host))"
    "  (memory 1)"
    "  (tag $odd (export \"odd\") (param i32)) (tag $even (export \"even\") (param i32))"
    "  (func $throws (export \"throws\") (param $x i32)"
    "    (if (i32.and (local.get $x) (i32.const 1)) (then (throw $odd (local.get $x))))"
    "    (throw $even (local.get $x)))"
    "  (func $catches (export \"catches\") (param $n i32)"
    "    (loop $again"
    "      (block $caught (try_table (catch_all $caught) (call $throws (local.get $n))))"
    "      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"
    "  (func (export \"divides\") (param $x i32) (drop (i32.div_u (i32.const 1) (local.get $x))))"
    "  (func (export \"loads\") (param $x i32) (drop (i32.load (local.get $x))))"
    "  (func (export \"fails\") (param $x i32) (call $host)))";

static uint32_t kinds_told;
static pellucid_action_t end_action;

static pellucid_action_t on_end(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    const uint64_t *ids;
    (void)userdata, (void)where;
    kinds_told |= pellucid_event_kind(event);
    OK(pellucid_event_breakpoints(event, &ids, &n_told_ids));
    for (size_t i = 0; i < n_told_ids && i < 4; i++)
        told_ids[i] = ids[i];
    n_told++;
    return end_action;
}

static uint32_t told_kinds(void) {
    uint32_t kinds = kinds_told;
    kinds_told = 0;
    return kinds;
}

static pellucid_status_t failing(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                                 pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results;
    OK(pellucid_error_new(TEXT("no"), out_error));
    return PELLUCID_ERR_HOST;
}

static bool first_local_is_even(void *userdata, pellucid_store_t *where, const pellucid_frame_t *frame, uint64_t id) {
    pellucid_value_t value = value_i32(1);
    uint32_t n;
    (void)id;
    ++*(int *)userdata;
    OK(pellucid_frame_read_locals(where, frame, 0, &value, 1, &n));
    return value.of.i32 % 2 == 0;
}

static pellucid_module_t *ends;

static void open_ends(uint32_t mask) {
    open_world(true);
    ends = module_of(ENDS);
    pellucid_extern_t import = host_import(NULL, 0, NULL, 0, failing);
    MUST(pellucid_instance_new(store, ends, &import, 1, &instance, ERR));
    MUST(pellucid_store_set_event_handler(store, mask, NULL, on_end, NULL));
    end_action = PELLUCID_ACTION_CONTINUE;
    kinds_told = 0;
}

static void close_ends(void) {
    pellucid_module_delete(ends);
    close_world();
}

static uint64_t add_at_trap(pellucid_trap_t code) {
    uint64_t id = 0;
    begin();
    OK(pellucid_edit_add_at_trap(edit, code, &id));
    commit();
    return id;
}

static void traps(void) {
    int n_asked = 0;
    open_ends(PELLUCID_EVENT_BREAKPOINT);
    call_with(instance, "divides", 0, PELLUCID_ERR_TRAP);
    CHECK(told() == 0);
    uint64_t id = add_at_trap(PELLUCID_TRAP_INTEGER_DIVIDE_BY_ZERO);
    CHECK(info(id).kind == PELLUCID_BREAKPOINT_TRAP && info(id).n_places == 0 && info(id).module_id == 0);
    call_with(instance, "divides", 1, PELLUCID_OK);
    call_with(instance, "loads", -1, PELLUCID_ERR_TRAP);
    CHECK(told() == 0);
    call_with(instance, "divides", 0, PELLUCID_ERR_TRAP);
    CHECK(told() == 1 && told_kinds() == PELLUCID_EVENT_TRAP && n_told_ids == 1 && told_ids[0] == id && info(id).hits == 1);

    /* Any trap, and failures of host functions; several at once, the oldest first. */
    uint64_t any = add_at_trap(PELLUCID_TRAP_NONE);
    call_with(instance, "divides", 0, PELLUCID_ERR_TRAP);
    CHECK(told() == 1 && n_told_ids == 2 && told_ids[0] == id && told_ids[1] == any);
    call_with(instance, "loads", -1, PELLUCID_ERR_TRAP);
    CHECK(told() == 1 && n_told_ids == 1 && told_ids[0] == any && told_kinds() == PELLUCID_EVENT_TRAP);
    call_with(instance, "fails", 0, PELLUCID_ERR_HOST);
    CHECK(told() == 1 && told_ids[0] == any && told_kinds() == PELLUCID_EVENT_HOST_ERROR);
    call_with(instance, "throws", 0, PELLUCID_ERR_EXCEPTION);
    CHECK(told() == 0);

    /* Conditions are of the frame that has trapped, with the values before its operator. */
    begin();
    OK(pellucid_edit_remove(edit, id));
    OK(pellucid_edit_set_expression(edit, any, TEXT("$x == -2 && operand[0] == -2"), ERR));
    OK(pellucid_edit_set_condition(edit, any, &n_asked, first_local_is_even, NULL));
    commit();
    call_with(instance, "loads", -1, PELLUCID_ERR_TRAP);
    CHECK(told() == 0 && n_asked == 0);
    call_with(instance, "loads", -2, PELLUCID_ERR_TRAP);
    CHECK(told() == 1 && n_asked == 1 && info(any).declined == 1);
    pellucid_breakpoint_options_t options = {.ignore_count = 1, .is_one_shot = 1};
    begin();
    OK(pellucid_edit_set_options(edit, any, &options));
    commit();
    call_with(instance, "loads", -2, PELLUCID_ERR_TRAP);
    CHECK(told() == 0);
    call_with(instance, "loads", -2, PELLUCID_ERR_TRAP);
    CHECK(told() == 1);
    call_with(instance, "loads", -2, PELLUCID_ERR_TRAP);
    CHECK(told() == 0);

    /* A resumable call that no handler is for has the ids in its own event. */
    MUST(pellucid_store_clear_event_handler(store));
    id = add_at_trap(PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS);
    pellucid_func_t func = func_of(instance, "loads");
    pellucid_value_t arg = value_i32(-4);
    pellucid_call_t *call;
    pellucid_call_state_t state;
    const pellucid_event_t *event;
    const uint64_t *ids;
    size_t n;
    MUST(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_TRAPPED);
    OK(pellucid_call_event(call, &event));
    OK(pellucid_event_breakpoints(event, &ids, &n));
    CHECK(n == 1 && ids[0] == id && pellucid_event_kind(event) == PELLUCID_EVENT_TRAP);
    pellucid_call_delete(call);

    begin();
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_add_at_trap(edit, 99, NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_add_at_trap(edit, PELLUCID_TRAP_EXCEPTION, NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_add_at_trap(edit, PELLUCID_TRAP_REQUESTED, NULL));
    OK(pellucid_edit_enable(edit, id, false));
    commit();
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_BREAKPOINT, NULL, on_end, NULL));
    call_with(instance, "loads", -4, PELLUCID_ERR_TRAP);
    CHECK(told() == 0 && info(id).hits == 1);
    close_ends();
}

static uint64_t add_at_exception(const pellucid_tag_t *tag, pellucid_throw_t which) {
    uint64_t id = 0;
    begin();
    OK(pellucid_edit_add_at_exception(edit, tag, which, &id));
    commit();
    return id;
}

static void exceptions(void) {
    open_ends(PELLUCID_EVENT_BREAKPOINT);
    pellucid_tag_t odd = export_of(instance, "odd").of.tag, even = export_of(instance, "even").of.tag;
    call_with(instance, "catches", 4, PELLUCID_OK);
    call_with(instance, "throws", 1, PELLUCID_ERR_EXCEPTION);
    CHECK(told() == 0);
    uint64_t id = add_at_exception(&odd, PELLUCID_THROW_CAUGHT);
    CHECK(info(id).kind == PELLUCID_BREAKPOINT_EXCEPTION);
    call_with(instance, "catches", 5, PELLUCID_OK);
    CHECK(told() == 3 && told_kinds() == PELLUCID_EVENT_EXCEPTION && n_told_ids == 1 && told_ids[0] == id);
    call_with(instance, "throws", 1, PELLUCID_ERR_EXCEPTION);
    CHECK(told() == 0 && info(id).hits == 3);
    uint64_t uncaught = add_at_exception(NULL, PELLUCID_THROW_UNCAUGHT);
    call_with(instance, "throws", 1, PELLUCID_ERR_EXCEPTION);
    CHECK(told() == 1 && told_kinds() == PELLUCID_EVENT_UNCAUGHT_EXCEPTION && n_told_ids == 1 && told_ids[0] == uncaught);
    call_with(instance, "throws", 2, PELLUCID_ERR_EXCEPTION);
    CHECK(told() == 1);
    call_with(instance, "divides", 0, PELLUCID_ERR_TRAP);
    CHECK(told() == 0);
    uint64_t both = add_at_exception(&even, PELLUCID_THROW_CAUGHT | PELLUCID_THROW_UNCAUGHT);
    begin();
    OK(pellucid_edit_set_expression(edit, both, TEXT("$x > 2"), ERR));
    commit();
    call_with(instance, "catches", 6, PELLUCID_OK);
    CHECK(told() == 5 && info(both).hits == 3 && info(both).declined == 1);
    call_with(instance, "throws", 4, PELLUCID_ERR_EXCEPTION);
    CHECK(told() == 1 && n_told_ids == 2 && told_ids[0] == uncaught && told_ids[1] == both);

    /* A handler for all exceptions gets the ids of breakpoints as well, and each event once. */
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_BREAKPOINT | PELLUCID_EVENT_EXCEPTION, NULL, on_end, NULL));
    remove_breakpoint(both);
    call_with(instance, "catches", 2, PELLUCID_OK);
    CHECK(told() == 2 && n_told_ids == 1 && told_ids[0] == id);
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_EXCEPTION, NULL, on_end, NULL));
    call_with(instance, "catches", 2, PELLUCID_OK);
    CHECK(told() == 2 && n_told_ids == 1 && told_ids[0] == id);

    /* A call that can pause does so, there and at no other. */
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_BREAKPOINT, NULL, on_end, NULL));
    end_action = PELLUCID_ACTION_PAUSE;
    begin();
    OK(pellucid_edit_remove(edit, id));
    OK(pellucid_edit_add_at_exception(edit, NULL, PELLUCID_THROW_CAUGHT, &id));
    OK(pellucid_edit_set_options(edit, id, &(pellucid_breakpoint_options_t){.is_one_shot = 1}));
    commit();
    pellucid_func_t func = func_of(instance, "catches");
    pellucid_value_t arg = value_i32(1);
    pellucid_call_t *call;
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED && event_of(call) == PELLUCID_EVENT_EXCEPTION && depth_of(call) == 2);
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_FINISHED);
    pellucid_call_delete(call);
    pellucid_breakpoint_info_t gone = {.struct_size = sizeof gone};
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_breakpoint_info(store, id, &gone));

    pellucid_tag_t stranger = odd;
    stranger.store++;
    begin();
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_edit_add_at_exception(edit, &stranger, PELLUCID_THROW_CAUGHT, NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_add_at_exception(edit, &odd, 0, NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_add_at_exception(edit, &odd, 4, NULL));
    commit();
    close_ends();
}

static char last_text[256];
static int n_texts, n_finalized;

static void on_text(void *userdata, pellucid_store_t *where, const pellucid_frame_t *frame, uint64_t id, const pellucid_str_t *text) {
    uint32_t n;
    CHECK(userdata == &n_finalized && where == store && id != 0);
    OK(pellucid_frame_local_count(where, frame, &n));
    snprintf(last_text, sizeof last_text, "%.*s", (int)text->size, text->data);
    n_texts++;
}

static void on_log(void *userdata, pellucid_log_level_t level, const pellucid_str_t *target, const pellucid_str_t *message) {
    (void)target;
    if (level == PELLUCID_LOG_INFO)
        snprintf((char *)userdata, 256, "%.*s", (int)message->size, message->data);
}

static int texts(void) {
    int n = n_texts;
    n_texts = 0;
    return n;
}

static void set_text(uint64_t id, const char *text) {
    begin();
    OK(pellucid_edit_set_log_text(edit, id, text, strlen(text), ERR));
    commit();
}

static void log_points(void) {
    char logged[256] = "";
    open_ends(PELLUCID_EVENT_BREAKPOINT);
    n_finalized = 0;
    OK(pellucid_store_set_log_point_handler(store, &n_finalized, on_text, count));
    uint64_t id = break_at_function(store, ends, 3);
    set_text(id, "{{x}} is {$x}, half {$x / 2.0}, {1 / ($x - 4)}.");
    call_with(instance, "divides", 5, PELLUCID_OK);
    CHECK(told() == 0 && texts() == 1 && strcmp(last_text, "{x} is 5, half 2.5, 1.") == 0);
    call_with(instance, "divides", 4, PELLUCID_OK);
    CHECK(told() == 0 && texts() == 1 && strcmp(last_text, "{x} is 4, half 2.0, {1 / ($x - 4): not known here}.") == 0);
    /* Nobody needs to want events, and a call that could pause doesn't. */
    MUST(pellucid_store_clear_event_handler(store));
    pellucid_func_t func = func_of(instance, "divides");
    pellucid_value_t arg = value_i32(7);
    pellucid_call_t *call;
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_FINISHED && texts() == 1);
    pellucid_call_delete(call);
    call_with(instance, "divides", 7, PELLUCID_OK);
    CHECK(texts() == 1);
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_BREAKPOINT, NULL, on_end, NULL));

    /* Conditions and counts are as of others; others at the same operator raise their event. */
    uint64_t other = break_at_function(store, ends, 3);
    begin();
    OK(pellucid_edit_set_expression(edit, id, TEXT("$x > 5"), ERR));
    commit();
    call_with(instance, "divides", 5, PELLUCID_OK);
    CHECK(texts() == 0 && told() == 1 && n_told_ids == 1 && told_ids[0] == other && info(id).declined == 1);
    call_with(instance, "divides", 6, PELLUCID_OK);
    CHECK(texts() == 1 && told() == 1 && n_told_ids == 1);
    remove_breakpoint(other);
    begin();
    OK(pellucid_edit_set_options(edit, id, &(pellucid_breakpoint_options_t){.ignore_count = 1, .is_one_shot = 1}));
    commit();
    call_with(instance, "divides", 6, PELLUCID_OK);
    CHECK(texts() == 0);
    call_with(instance, "divides", 6, PELLUCID_OK);
    CHECK(texts() == 1);
    pellucid_breakpoint_info_t gone = {.struct_size = sizeof gone};
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_breakpoint_info(store, id, &gone));

    /* Traps, exceptions and functions of a name as well. */
    id = add_at_trap(PELLUCID_TRAP_INTEGER_DIVIDE_BY_ZERO);
    set_text(id, "divided by {$x}, {$y}");
    call_with(instance, "divides", 0, PELLUCID_ERR_TRAP);
    CHECK(texts() == 1 && told() == 0 && strcmp(last_text, "divided by 0, {$y: not known here}") == 0);
    id = add_at_exception(NULL, PELLUCID_THROW_CAUGHT);
    set_text(id, "threw {operand[0]}");
    call_with(instance, "catches", 3, PELLUCID_OK);
    CHECK(texts() == 3 && told() == 0 && strcmp(last_text, "threw 1") == 0);
    id = add(NULL, "catches");
    set_text(id, "{$n}");
    call_with(instance, "catches", 2, PELLUCID_OK);
    CHECK(told() == 0 && n_texts == 3);
    texts();
    begin();
    OK(pellucid_edit_set_log_text(edit, id, NULL, 0, ERR));
    commit();
    call_with(instance, "catches", 1, PELLUCID_OK);
    CHECK(told() == 1 && texts() == 1);
    remove_breakpoint(id);

    /* Without a callback they are log messages. */
    OK(pellucid_store_set_log_point_handler(store, NULL, NULL, NULL));
    CHECK(n_finalized == 1);
    OK(pellucid_log_set(PELLUCID_LOG_INFO, logged, on_log, NULL));
    call_with(instance, "divides", 0, PELLUCID_ERR_TRAP);
    OK(pellucid_log_set(PELLUCID_LOG_OFF, logged, on_log, NULL));
    CHECK(texts() == 0 && strcmp(logged, "divided by 0, {$y: not known here}") == 0);

    id = break_at_function(store, ends, 3);
    static const char *const wrong[] = {"{", "}", "a {$x", "{}", "{$x +}", "{$nothing}", "}{"};
    begin();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_set_log_text(edit, id, wrong[i], strlen(wrong[i]), ERR));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_edit_set_log_text(edit, id + 1000, TEXT("x"), ERR));
    OK(pellucid_edit_set_log_text(edit, id, TEXT("x"), ERR));
    OK(pellucid_edit_remove(edit, id + 1000));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    call_with(instance, "divides", 1, PELLUCID_OK);
    CHECK(told() == 1);
    close_ends();
}

/* Waits for so long that the time of hits moves on; answers what time it is. */
static uint64_t later(void) {
    struct timespec time = {.tv_nsec = 25000000};
    nanosleep(&time, NULL);
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static bool was_told_between(uint64_t id, uint64_t before, uint64_t after) {
    /* It is the time of the last tick. */
    return info(id).last_told + 20000000 >= before && info(id).last_told <= after;
}

static void times_of_hits(void) {
    open_ends(PELLUCID_EVENT_BREAKPOINT);
    OK(pellucid_store_set_log_point_handler(store, &n_finalized, on_text, NULL));
    uint64_t id = break_at_function(store, ends, 3), other = break_at_function(store, ends, 3), trap = add_at_trap(PELLUCID_TRAP_INTEGER_DIVIDE_BY_ZERO);
    CHECK(info(id).last_told == 0 && info(trap).last_told == 0 && info(id).is_log_point == 0);
    uint64_t before = later();
    call_with(instance, "divides", 5, PELLUCID_OK);
    uint64_t after = later();
    CHECK(told() == 1 && was_told_between(id, before, after) && was_told_between(other, before, after) && info(trap).last_told == 0);

    /* Only what was told counts: not what was declined, not what was passed over, and not what nobody heard of. */
    uint64_t first = info(id).last_told;
    begin();
    OK(pellucid_edit_set_expression(edit, id, TEXT("$x == 0"), ERR));
    commit();
    call_with(instance, "divides", 5, PELLUCID_OK);
    CHECK(told() == 1 && info(id).declined == 1 && info(id).last_told == first && info(other).last_told > first);
    uint64_t second = info(other).last_told;
    before = later();
    call_with(instance, "divides", 0, PELLUCID_ERR_TRAP);
    after = later();
    CHECK(was_told_between(id, before, after) && was_told_between(trap, before, after) && info(other).last_told > second);
    second = info(id).last_told;
    uint64_t trapped = info(trap).last_told;
    MUST(pellucid_store_clear_event_handler(store));
    call_with(instance, "divides", 0, PELLUCID_ERR_TRAP);
    CHECK(info(id).hits == 4 && info(id).last_told == second && info(trap).hits == 2 && info(trap).last_told == trapped);

    /* Log points, of which nobody needs to hear by events. */
    set_text(id, "{$x}");
    CHECK(info(id).is_log_point == 1 && info(other).is_log_point == 0);
    call_with(instance, "divides", 0, PELLUCID_ERR_TRAP);
    CHECK(texts() == 1 && info(id).last_told > second);
    second = info(id).last_told;
    later();
    call_with(instance, "divides", 1, PELLUCID_OK);
    CHECK(texts() == 0 && info(id).last_told == second);
    set_text(trap, "divided");
    call_with(instance, "divides", 0, PELLUCID_ERR_TRAP);
    CHECK(texts() == 2 && info(id).last_told > second && info(trap).last_told >= info(id).last_told);
    begin();
    OK(pellucid_edit_set_log_text(edit, id, NULL, 0, ERR));
    commit();
    CHECK(info(id).is_log_point == 0 && info(trap).is_log_point == 1);
    close_ends();
}

static bool is_text(pellucid_str_t text, const char *expected) {
    return text.size == strlen(expected) && memcmp(text.data, expected, text.size) == 0;
}

static void names(void) {
    pellucid_str_t first, second;
    uint64_t by_index, by_names;
    open_module();
    uint64_t id = add(module, "same"), later_id = add(NULL, "later");
    begin();
    OK(pellucid_edit_add_at_import_calls(edit, module, 0, &by_index));
    OK(pellucid_edit_add_at_import_name_calls(edit, NULL, TEXT("host"), TEXT("call"), &by_names));
    commit();
    uint64_t at_function = break_at_function(store, module, 2);
    CHECK(info(id).is_named == 1 && info(later_id).is_named == 1 && info(by_names).is_named == 1);
    CHECK(info(by_index).is_named == 0 && info(at_function).is_named == 0);
    OK(pellucid_breakpoint_name(store, id, &first, &second));
    CHECK(first.size == 0 && is_text(second, "same"));
    OK(pellucid_breakpoint_name(store, by_names, &first, &second));
    CHECK(is_text(first, "host") && is_text(second, "call"));
    OK(pellucid_breakpoint_name(store, later_id, NULL, &second));
    CHECK(is_text(second, "later"));
    OK(pellucid_breakpoint_name(store, id, NULL, NULL));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_breakpoint_name(store, by_index, &first, &second));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_breakpoint_name(store, at_function, &first, &second));
    remove_breakpoint(id);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_breakpoint_name(store, id, &first, &second));
    close_module();
}

/* A program that was compiled against an earlier header has a shorter struct. */
static void shorter_struct(void) {
    open_module();
    uint64_t id = add(module, "same");
    pellucid_breakpoint_info_t found = {.struct_size = 104, .kind = 77, .n_places = 88};
    OK(pellucid_breakpoint_info(store, id, &found));
    CHECK(found.id == id && found.struct_size == 104 && found.kind == 77 && found.n_places == 88);
    found = (pellucid_breakpoint_info_t){.struct_size = 112, .last_told = 66, .is_named = 77};
    OK(pellucid_breakpoint_info(store, id, &found));
    CHECK(found.struct_size == 112 && found.n_places == 3 && found.last_told == 66 && found.is_named == 77);
    close_module();
}

int main(void) {
    for (int i = 0; i < 2; i++) {
        has_checks = i == 1;
        all_functions_of_a_name();
        names_that_nothing_has();
        modules_that_come_later();
        calls_of_imports();
        traps();
        exceptions();
        log_points();
        times_of_hits();
        names();
        shorter_struct();
    }
    return finish();
}
