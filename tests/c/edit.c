/* Edit sessions and the list of breakpoints. */

#include "test.h"

static const char *WAT =
    "(module (import \"\" \"\" (func))"
    "  (func $f (export \"f\") (param i32) (result i32) (local i64 i64)"
    "    (i32.add (local.get 0) (i32.const 1000)))"
    "  (func $g (export \"g\") (result i32) (call $f (i32.const 1))))";

static pellucid_module_t *module;
static pellucid_instance_t instance;
static uint32_t f_start, f_first, f_end;

static pellucid_status_t nothing(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                                 pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    return PELLUCID_OK;
}

/* Runs f and answers how often it paused. */
static int pauses(void) {
    pellucid_func_t f = func_of(instance, "f");
    pellucid_value_t arg = value_i32(1), result;
    pellucid_call_t *call;
    MUST(pellucid_call_begin(store, &f, &arg, 1, &call, ERR));
    pellucid_call_state_t state;
    int n = 0;
    while (OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR)) && state == PELLUCID_CALL_PAUSED) {
        n++;
    }
    CHECK(state == PELLUCID_CALL_FINISHED);
    OK(pellucid_call_results(call, &result, 1));
    CHECK(result.of.i32 == 1001);
    pellucid_call_delete(call);
    return n;
}

static uint64_t add(uint32_t pc) {
    pellucid_edit_t *edit;
    uint64_t id = 0;
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_add(edit, module, pc, &id, NULL));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    return id;
}

static size_t listed(uint64_t *ids, size_t cap) {
    size_t n = 99;
    OK(pellucid_breakpoint_list(store, ids, cap, &n));
    return n;
}

static void adding_and_removing(void) {
    uint64_t ids[4];
    CHECK(listed(NULL, 0) == 0 && pauses() == 0);
    uint64_t first = add(f_first);
    CHECK(first != 0 && pauses() == 1 && listed(ids, 4) == 1 && ids[0] == first);
    /* Two that land on the same operator: one event, and it stays armed until both are gone. */
    uint64_t second = add(f_start);
    CHECK(second != first && pauses() == 1 && listed(ids, 1) == 2 && ids[0] == first);
    pellucid_breakpoint_info_t info = {.struct_size = sizeof info};
    OK(pellucid_breakpoint_info(store, second, &info));
    CHECK(info.id == second && info.is_enabled == 1 && info.asked_pc == f_start && info.actual_pc == f_first);
    CHECK(info.hits == 1 && info.passed_over == 0 && info.module_id == pellucid_module_id(module));
    pellucid_module_t *of;
    OK(pellucid_breakpoint_module(store, second, &of));
    CHECK(pellucid_module_id(of) == pellucid_module_id(module));
    pellucid_module_delete(of);
    remove_breakpoint(first);
    CHECK(pauses() == 1);
    remove_breakpoint(second);
    CHECK(pauses() == 0 && listed(NULL, 0) == 0);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_breakpoint_info(store, second, &info));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_breakpoint_module(store, second, &of));
    CHECK(add(f_first) > second);
    listed(ids, 4);
    remove_breakpoint(ids[0]);
}

static void all_or_nothing(void) {
    pellucid_edit_t *edit;
    uint64_t id = 0, kept = add(f_first);
    uint32_t actual = 0;
    OK(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_add_at_function(edit, module, 1, &id, &actual));
    CHECK(actual == f_first && id != 0);
    OK(pellucid_edit_enable(edit, kept, false));
    OK(pellucid_edit_remove(edit, 123456));
    CHECK(listed(NULL, 0) == 1);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_edit_commit(edit, ERR));
    CHECK(listed(NULL, 0) == 1 && pauses() == 1);
    /* The session is over, whatever came of it. */
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_edit_commit(edit, ERR));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_edit_discard(edit));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_edit_add(edit, module, f_first, &id, &actual));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_edit_add_at_function(edit, module, 1, &id, &actual));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_edit_remove(edit, kept));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_edit_enable(edit, kept, true));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_edit_single_step(edit, true));
    pellucid_edit_delete(edit);

    OK(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_remove(edit, kept));
    OK(pellucid_edit_discard(edit));
    pellucid_edit_delete(edit);
    OK(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_remove(edit, kept));
    pellucid_edit_delete(edit);
    pellucid_edit_delete(NULL);
    CHECK(pauses() == 1);

    OK(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_enable(edit, kept, false));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    pellucid_breakpoint_info_t info = {.struct_size = sizeof info};
    OK(pellucid_breakpoint_info(store, kept, &info));
    CHECK(info.is_enabled == 0 && pauses() == 0);
    remove_breakpoint(kept);
}

static void places(void) {
    pellucid_edit_t *edit;
    uint64_t id = 0;
    uint32_t actual = 0;
    MUST(pellucid_edit_begin(store, &edit));
    /* The constant 1000 has two bytes after its opcode. */
    OK(pellucid_edit_add(edit, module, f_first + 3, &id, &actual));
    CHECK(actual == f_first + 5);
    OK(pellucid_edit_add(edit, module, f_first + 4, &id, &actual));
    CHECK(actual == f_first + 5);
    OK(pellucid_edit_add(edit, module, f_end - 1, NULL, &actual));
    CHECK(actual == f_end - 1);
    actual = 0;
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_add(edit, module, 0, NULL, &actual));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_add(edit, module, UINT32_MAX, NULL, &actual));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_add_at_function(edit, module, 0, NULL, &actual));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_add_at_function(edit, module, 3, NULL, &actual));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_edit_add(edit, NULL, f_first, NULL, &actual));
    CHECK(actual == 0);
    pellucid_edit_delete(edit);
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_edit_begin(NULL, &edit));
}

static void single_step(void) {
    pellucid_edit_t *edit;
    bool is_on = true;
    OK(pellucid_store_is_single_stepping(store, &is_on));
    CHECK(!is_on);
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_single_step(edit, true));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    OK(pellucid_store_is_single_stepping(store, &is_on));
    CHECK(is_on && pauses() == 4);
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_single_step(edit, false));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    CHECK(pauses() == 0);
}

/* Breakpoints belong to a store, and may be there before any instance is. */
static void before_instances(void) {
    pellucid_store_t *first = store;
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    uint64_t id = add(f_first);
    pellucid_extern_t import = host_import(NULL, 0, NULL, 0, nothing);
    pellucid_instance_t before = instance;
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    CHECK(pauses() == 1);
    pellucid_store_t *second = store;
    store = first;
    instance = before;
    CHECK(pauses() == 0);
    pellucid_breakpoint_info_t info = {.struct_size = sizeof info};
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_breakpoint_info(store, id + 1000, &info));
    pellucid_store_delete(second);
}

int main(void) {
    open_world(true);
    module = module_of(WAT);
    pellucid_extern_t import = host_import(NULL, 0, NULL, 0, nothing);
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    MUST(pellucid_module_func_range(module, 1, &f_start, &f_first, &f_end));
    adding_and_removing();
    all_or_nothing();
    places();
    single_step();
    before_instances();
    pellucid_module_delete(module);
    close_world();

    open_world(false);
    pellucid_edit_t *edit = NULL;
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_edit_begin(store, &edit));
    size_t n;
    bool is_on;
    pellucid_module_t *none;
    pellucid_breakpoint_info_t info = {.struct_size = sizeof info};
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_breakpoint_list(store, NULL, 0, &n));
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_breakpoint_info(store, 1, &info));
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_breakpoint_module(store, 1, &none));
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_store_is_single_stepping(store, &is_on));
    CHECK(edit == NULL);
    close_world();
    return finish();
}
