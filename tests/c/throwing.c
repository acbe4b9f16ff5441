/* Exceptions that the host throws where a call stands still. */

#include "test.h"

static const char *WAT =
    "(module"
    "  (tag $e (export \"e\") (param i32)) (tag $f (export \"f\"))"
    "  (func $inner (export \"inner\") (param i32) (result i32) nop (local.get 0))"
    "  (func (export \"outer\") (param i32) (result i32)"
    "    (block $h (result i32)"
    "      (try_table (result i32) (catch $e $h) (call $inner (local.get 0))))"
    "    (i32.add (i32.const 100)))"
    "  (func (export \"own\") (param i32) (result i32)"
    "    (block $h (result i32)"
    "      (try_table (result i32) (catch $e $h) (drop (call $inner (local.get 0))) (i32.const 5)))"
    "    (i32.add (i32.const 100))))";

static pellucid_module_t *module;
static pellucid_instance_t instance;
static pellucid_tag_t e, f;

/* A call that has paused at the first operator of `inner`. */
static pellucid_call_t *paused(const char *name, pellucid_frame_t *out_frame) {
    uint64_t id = break_at_function(store, module, 0);
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t arg = value_i32(1);
    pellucid_call_t *call;
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED);
    MUST(pellucid_call_frame(call, out_frame));
    remove_breakpoint(id);
    return call;
}

static pellucid_call_state_t resume(pellucid_call_t *call, pellucid_resume_t how) {
    pellucid_call_state_t state = 0;
    OK(pellucid_call_resume(call, how, &state, ERR));
    return state;
}

static int32_t result_of(pellucid_call_t *call) {
    pellucid_value_t result = value_i32(-1);
    OK(pellucid_call_results(call, &result, 1));
    return result.of.i32;
}

static void pauses(void) {
    pellucid_frame_t frame, caught;
    pellucid_value_t seven = value_i32(7), carried;
    pellucid_tag_t tag;
    const pellucid_event_t *event;
    size_t n;
    /* It pauses where it is thrown, then it is caught. */
    pellucid_call_t *call = paused("outer", &frame);
    OK(pellucid_frame_throw(store, &frame, &e, &seven, 1, ERR));
    CHECK(pellucid_frame_is_valid(store, &frame));
    CHECK(resume(call, PELLUCID_RESUME_CONTINUE) == PELLUCID_CALL_PAUSED);
    OK(pellucid_call_event(call, &event));
    CHECK(pellucid_event_kind(event) == PELLUCID_EVENT_EXCEPTION && pellucid_event_can_pause(event));
    OK(pellucid_event_exception(event, &tag, &carried, 1, &n));
    CHECK(tag.index == e.index && n == 1 && carried.of.i32 == 7);
    uint32_t function;
    OK(pellucid_event_catch(event, &caught, NULL));
    OK(pellucid_frame_func_index(store, &caught, &function));
    CHECK(function == 1);
    CHECK(resume(call, PELLUCID_RESUME_STEP) == PELLUCID_CALL_PAUSED);
    OK(pellucid_call_frame(call, &frame));
    OK(pellucid_frame_func_index(store, &frame, &function));
    CHECK(function == 1);
    uint32_t n_read;
    OK(pellucid_frame_read_operands(store, &frame, 0, &carried, 1, &n_read));
    CHECK(n_read == 1 && carried.of.i32 == 7);
    CHECK(resume(call, PELLUCID_RESUME_CONTINUE) == PELLUCID_CALL_FINISHED && result_of(call) == 107);
    pellucid_call_delete(call);
    /* One that nobody catches. */
    call = paused("outer", &frame);
    OK(pellucid_frame_throw(store, &frame, &f, NULL, 0, ERR));
    CHECK(resume(call, PELLUCID_RESUME_CONTINUE) == PELLUCID_CALL_TRAPPED);
    pellucid_error_t *error;
    OK(pellucid_call_error(call, &error));
    CHECK(pellucid_error_status(error) == PELLUCID_ERR_EXCEPTION);
    pellucid_error_delete(error);
    OK(pellucid_call_event(call, &event));
    CHECK(pellucid_event_kind(event) == PELLUCID_EVENT_UNCAUGHT_EXCEPTION);
    pellucid_call_delete(call);
    /* By a reference. */
    pellucid_exnref_t exnref, none = {0};
    MUST(pellucid_exnref_new(store, &e, &seven, 1, &exnref, ERR));
    call = paused("own", &frame);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_frame_throw_ref(store, &frame, &none, ERR));
    OK(pellucid_frame_throw_ref(store, &frame, &exnref, ERR));
    CHECK(resume(call, PELLUCID_RESUME_CONTINUE) == PELLUCID_CALL_PAUSED);
    CHECK(resume(call, PELLUCID_RESUME_CONTINUE) == PELLUCID_CALL_FINISHED && result_of(call) == 107);
    pellucid_call_delete(call);
    /* A call that throws may be dropped, or ended otherwise. */
    call = paused("own", &frame);
    OK(pellucid_frame_throw(store, &frame, &e, &seven, 1, ERR));
    pellucid_call_delete(call);
    call = paused("own", &frame);
    OK(pellucid_frame_throw(store, &frame, &e, &seven, 1, ERR));
    OK(pellucid_call_trap(call, TEXT("no"), ERR));
    CHECK(pellucid_call_state(call) == PELLUCID_CALL_TRAPPED);
    pellucid_call_delete(call);
}

static void mistakes(void) {
    pellucid_frame_t frame, caller;
    pellucid_value_t seven = value_i32(7), wide = value_i64(7);
    pellucid_call_t *call = paused("outer", &frame);
    MUST(pellucid_frame_caller(store, &frame, &caller));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_frame_throw(store, &caller, &e, &seven, 1, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_frame_throw(store, &frame, &e, NULL, 0, ERR));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_throw(store, &frame, &e, &wide, 1, ERR));
    CHECK(resume(call, PELLUCID_RESUME_CONTINUE) == PELLUCID_CALL_FINISHED && result_of(call) == 101);
    STATUS(PELLUCID_ERR_STALE_HANDLE, pellucid_frame_throw(store, &frame, &e, &seven, 1, ERR));
    pellucid_call_delete(call);
}

struct handler {
    int breakpoints, caught, uncaught;
};

static pellucid_action_t throws(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    struct handler *handler = userdata;
    pellucid_frame_t frame;
    pellucid_value_t eight = value_i32(8);
    switch (pellucid_event_kind(event)) {
    case PELLUCID_EVENT_BREAKPOINT:
        handler->breakpoints++;
        OK(pellucid_event_frame(event, &frame));
        OK(pellucid_frame_throw(where, &frame, &e, &eight, 1, ERR));
        break;
    case PELLUCID_EVENT_EXCEPTION:
        handler->caught++;
        break;
    default:
        handler->uncaught++;
    }
    return PELLUCID_ACTION_CONTINUE;
}

static void handlers(void) {
    struct handler handler = {0};
    uint64_t id = break_at_function(store, module, 0);
    OK(pellucid_store_set_event_handler(store, PELLUCID_EVENT_ALL, &handler, throws, NULL));
    pellucid_func_t outer = func_of(instance, "outer"), inner = func_of(instance, "inner");
    pellucid_value_t arg = value_i32(1), result;
    for (int i = 1; i <= 100; i++) {
        OK(pellucid_func_call(store, &outer, &arg, 1, &result, 1, ERR));
        CHECK(result.of.i32 == 108 && handler.breakpoints == i && handler.caught == i);
    }
    STATUS(PELLUCID_ERR_EXCEPTION, pellucid_func_call(store, &inner, &arg, 1, &result, 1, ERR));
    CHECK(handler.uncaught == 1);
    OK(pellucid_store_clear_event_handler(store));
    remove_breakpoint(id);
}

int main(void) {
    for (int i = 0; i < 2; i++) {
        has_checks = i == 1;
        open_world(true);
        module = module_of(WAT);
        MUST(pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
        e = export_of(instance, "e").of.tag;
        f = export_of(instance, "f").of.tag;
        pauses();
        mistakes();
        handlers();
        pellucid_module_delete(module);
        close_world();
    }
    return finish();
}
