/* Functions that are traced. */

#include "test.h"

static const char *WAT =
    "(module"
    "  (import \"\" \"host\" (func $host))"
    "  (tag $e (param i32))"
    "  (func $add (export \"add\") (param i32 i64) (result i32 i64) (i32.add (local.get 0) (i32.const 1)) (local.get 1))"
    "  (func (export \"tail\") (param i32 i64) (result i32 i64) (return_call $add (local.get 0) (local.get 1)))"
    "  (func $throw (throw $e (i32.const 3)))"
    "  (func (export \"catches\") (block $h (result i32) (try_table (catch $e $h) (call $throw)) (i32.const 0)) (drop))"
    "  (func (export \"traps\") unreachable))";

static pellucid_module_t *module;
static pellucid_instance_t instance;

static struct told {
    pellucid_event_kind_t kind;
    pellucid_exit_t exit;
    uint32_t function;
    size_t n_results;
    pellucid_value_t results[2];
    bool can_pause, has_callee;
    pellucid_trap_t trap;
} told[32];

static int n_told;

static pellucid_action_t on_event(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    (void)userdata;
    pellucid_frame_t frame;
    pellucid_func_t func;
    struct told *it = &told[n_told++ % 32];
    *it = (struct told){.kind = pellucid_event_kind(event), .exit = pellucid_event_exit(event)};
    OK(pellucid_event_frame(event, &frame));
    OK(pellucid_frame_func_index(where, &frame, &it->function));
    it->can_pause = pellucid_event_can_pause(event);
    it->has_callee = pellucid_event_func(event, &func) == PELLUCID_OK;
    it->trap = pellucid_event_trap(event);
    STATUS(it->exit == PELLUCID_EXIT_RETURN ? PELLUCID_OK : PELLUCID_ERR_NOT_FOUND,
           pellucid_event_results(event, where, it->results, 2, &it->n_results));
    CHECK((it->kind == PELLUCID_EVENT_FUNCTION_ENTRY) == (it->exit == PELLUCID_EXIT_NONE));
    return PELLUCID_ACTION_CONTINUE;
}

static void trace(uint32_t first, uint32_t n, bool is_on) {
    pellucid_edit_t *edit;
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_trace(edit, module, first, n, is_on));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    n_told = 0;
}

static pellucid_status_t call(const char *name) {
    pellucid_func_t func = func_of(instance, name);
    bool has_params = strcmp(name, "add") == 0 || strcmp(name, "tail") == 0;
    pellucid_value_t args[2] = {value_i32(5), value_i64(6)}, results[2];
    size_t n = has_params ? 2 : 0;
    n_told = 0;
    return pellucid_func_call(store, &func, args, n, results, n, ERR);
}

static bool is_told(int which, uint32_t function, pellucid_exit_t exit) {
    return which < n_told && told[which].function == function && told[which].exit == exit;
}

static pellucid_status_t nothing(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                                 pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    return PELLUCID_OK;
}

static void what_is_told(void) {
    OK(pellucid_store_set_event_handler(store, PELLUCID_EVENT_FUNCTION_ENTRY | PELLUCID_EVENT_FUNCTION_EXIT, NULL, on_event, NULL));
    OK(call("add"));
    CHECK(n_told == 0);
    trace(0, pellucid_module_func_count(module), true);
    bool is_traced;
    OK(pellucid_store_is_traced(store, module, 1, &is_traced));
    CHECK(is_traced);
    OK(pellucid_store_is_traced(store, module, 0, &is_traced));
    CHECK(!is_traced);
    OK(call("add"));
    CHECK(n_told == 2 && is_told(0, 1, PELLUCID_EXIT_NONE) && is_told(1, 1, PELLUCID_EXIT_RETURN));
    CHECK(told[1].n_results == 2 && told[1].results[0].of.i32 == 6 && told[1].results[1].of.i64 == 6);
    OK(call("tail"));
    CHECK(n_told == 4 && is_told(1, 2, PELLUCID_EXIT_TAIL_CALL) && told[1].has_callee && is_told(3, 1, PELLUCID_EXIT_RETURN));
    OK(call("catches"));
    CHECK(n_told == 4 && is_told(2, 3, PELLUCID_EXIT_EXCEPTION) && is_told(3, 4, PELLUCID_EXIT_RETURN));
    STATUS(PELLUCID_ERR_TRAP, call("traps"));
    CHECK(n_told == 2 && is_told(1, 5, PELLUCID_EXIT_TRAP) && told[1].trap == PELLUCID_TRAP_UNREACHABLE && !told[1].can_pause);
    trace(1, 1, false);
    OK(call("tail"));
    CHECK(n_told == 2);
    trace(0, pellucid_module_func_count(module), false);
    OK(call("tail"));
    CHECK(n_told == 0);
    OK(pellucid_store_clear_event_handler(store));
}

static void pauses(void) {
    pellucid_func_t func = func_of(instance, "add");
    pellucid_value_t args[2] = {value_i32(5), value_i64(6)}, results[2];
    pellucid_call_t *paused;
    pellucid_call_state_t state;
    const pellucid_event_t *event;
    size_t n;
    trace(1, 1, true);
    MUST(pellucid_call_begin(store, &func, args, 2, &paused, ERR));
    OK(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    OK(pellucid_call_event(paused, &event));
    CHECK(state == PELLUCID_CALL_PAUSED && pellucid_event_kind(event) == PELLUCID_EVENT_FUNCTION_ENTRY);
    OK(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    OK(pellucid_call_event(paused, &event));
    CHECK(state == PELLUCID_CALL_PAUSED && pellucid_event_exit(event) == PELLUCID_EXIT_RETURN);
    OK(pellucid_event_results(event, store, results, 2, &n));
    CHECK(n == 2 && results[0].of.i32 == 6);
    pellucid_store_t *other;
    MUST(pellucid_store_new(engine, NULL, NULL, &other, ERR));
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_event_results(event, other, results, 2, &n));
    pellucid_store_delete(other);
    OK(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_FINISHED);
    pellucid_call_delete(paused);
    trace(1, 1, false);
}

static void mistakes(void) {
    pellucid_edit_t *edit;
    bool is_traced;
    MUST(pellucid_edit_begin(store, &edit));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_trace(edit, module, 0, 1, true));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_trace(edit, module, 1, 0, true));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_trace(edit, module, 1, 6, true));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_trace(edit, module, 1, UINT32_MAX, true));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_store_is_traced(store, module, 6, &is_traced));
    OK(pellucid_edit_discard(edit));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_edit_trace(edit, module, 1, 1, true));
    pellucid_edit_delete(edit);
}

int main(void) {
    for (int i = 0; i < 2; i++) {
        has_checks = i == 1;
        open_world(true);
        module = module_of(WAT);
        pellucid_extern_t import = host_import(NULL, 0, NULL, 0, nothing);
        MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
        what_is_told();
        pauses();
        mistakes();
        pellucid_module_delete(module);
        close_world();
    }
    return finish();
}
