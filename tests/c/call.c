/* Calls that can pause. */

#include "test.h"

/* 7 operators: local.get, i32.const, i32.mul, local.set, local.get, i32.const, i32.add, then end. */
static const char *WAT =
    "(module $m"
    "  (func $work (export \"work\") (param $x i32) (result i32) (local $y i32)"
    "    (local.set $y (i32.mul (local.get $x) (i32.const 3)))"
    "    (i32.add (local.get $y) (i32.const 1)))"
    "  (func (export \"die\") (param i32) (result i32) unreachable)"
    "  (func (export \"pair\") (result i64 f32) (i64.const 5) (f32.const 0.5)))";

static pellucid_module_t *module;
static pellucid_instance_t instance;

static pellucid_call_t *begin(const char *name, int32_t number) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t arg = value_i32(number);
    pellucid_call_t *call = NULL;
    MUST(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    return call;
}

static void to_the_end(void) {
    pellucid_func_t pair = func_of(instance, "pair"), found;
    pellucid_call_t *call = NULL;
    OK(pellucid_call_begin(store, &pair, NULL, 0, &call, ERR));
    CHECK(pellucid_call_state(call) == PELLUCID_CALL_READY);
    CHECK(pellucid_call_id(call) != 0 && pellucid_call_id(NULL) == 0 && pellucid_call_state(NULL) == 0);
    OK(pellucid_call_func(call, &found));
    CHECK(found.index == pair.index && found.store == pair.store);
    pellucid_value_t results[2];
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_results(call, results, 2));
    pellucid_error_t *error = NULL;
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_error(call, &error));
    const pellucid_event_t *event = NULL;
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_event(call, &event));
    pellucid_call_state_t state = 0;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_resume(call, 99, &state, ERR));
    CHECK(state == 0);
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_FINISHED && pellucid_call_state(call) == PELLUCID_CALL_FINISHED);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_results(call, results, 1));
    OK(pellucid_call_results(call, results, 2));
    CHECK(results[0].of.i64 == 5 && results[1].of.f32 == 0.5f);
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_error(call, &error));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_event(call, &event));
    pellucid_call_delete(call);
    pellucid_call_delete(NULL);
    CHECK(error == NULL && event == NULL);
}

static void traps(bool is_debug) {
    pellucid_call_t *call = begin("die", 0);
    pellucid_call_state_t state;
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_TRAPPED);
    pellucid_error_t *error = NULL;
    OK(pellucid_call_error(call, &error));
    CHECK(pellucid_error_trap(error) == PELLUCID_TRAP_UNREACHABLE && pellucid_error_frame_count(error) == 1);
    pellucid_error_delete(error);
    const pellucid_event_t *event;
    OK(pellucid_call_event(call, &event));
    CHECK(pellucid_event_kind(event) == PELLUCID_EVENT_TRAP && !pellucid_event_can_pause(event));
    CHECK(pellucid_event_trap(event) == PELLUCID_TRAP_UNREACHABLE);
    pellucid_frame_t frame;
    if (is_debug) {
        OK(pellucid_call_frame(call, &frame));
        pellucid_frame_kind_t kind;
        OK(pellucid_frame_kind(store, &frame, &kind));
        CHECK(kind == PELLUCID_FRAME_TRAPPED);
        pellucid_call_delete(call);
        CHECK(!pellucid_frame_is_valid(store, &frame));
    } else {
        STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_call_frame(call, &frame));
        pellucid_call_delete(call);
    }
}

static void mistakes(void) {
    pellucid_func_t func = func_of(instance, "work");
    pellucid_value_t arg = value_i64(1);
    pellucid_call_t *call = NULL;
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_begin(store, &func, NULL, 0, &call, ERR));
    func.store++;
    arg = value_i32(1);
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_call_resume(NULL, PELLUCID_RESUME_CONTINUE, NULL, ERR));
    CHECK(call == NULL);
}

static void steps(void) {
    pellucid_call_t *call = begin("work", 5);
    pellucid_call_state_t state = PELLUCID_CALL_PAUSED;
    uint32_t first_pc, pc, before = 0;
    OK(pellucid_module_func_range(module, 0, NULL, &first_pc, NULL));
    int n = 0;
    for (;; n++) {
        OK(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
        if (state != PELLUCID_CALL_PAUSED) {
            break;
        }
        const pellucid_event_t *event;
        OK(pellucid_call_event(call, &event));
        CHECK(pellucid_event_kind(event) == PELLUCID_EVENT_STEP && pellucid_event_can_pause(event));
        CHECK(pellucid_event_call_id(event) == pellucid_call_id(call));
        pc = pellucid_event_pc(event);
        CHECK(n == 0 ? pc == first_pc : pc > before);
        before = pc;
    }
    CHECK(state == PELLUCID_CALL_FINISHED && n == 8);
    pellucid_value_t result;
    OK(pellucid_call_results(call, &result, 1));
    CHECK(result.of.i32 == 16);
    pellucid_call_delete(call);

    /* A paused call that is deleted never runs on. */
    call = begin("work", 5);
    OK(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED);
    pellucid_frame_t frame;
    OK(pellucid_call_frame(call, &frame));
    CHECK(pellucid_frame_is_valid(store, &frame));
    pellucid_call_delete(call);
    CHECK(!pellucid_frame_is_valid(store, &frame));
}

/* Many calls can be paused at the same time, and go on in any order. */
static void many_paused(void) {
    pellucid_call_t *calls[20];
    pellucid_frame_t frames[20];
    pellucid_call_state_t state;
    for (int i = 0; i < 20; i++) {
        calls[i] = begin("work", i);
        OK(pellucid_call_resume(calls[i], PELLUCID_RESUME_STEP, &state, ERR));
        OK(pellucid_call_frame(calls[i], &frames[i]));
    }
    for (int i = 19; i >= 0; i--) {
        CHECK(pellucid_frame_is_valid(store, &frames[i]));
        pellucid_value_t x, result;
        uint32_t n;
        OK(pellucid_frame_read_locals(store, &frames[i], 0, &x, 1, &n));
        CHECK(n == 1 && x.of.i32 == i);
        OK(pellucid_call_resume(calls[i], PELLUCID_RESUME_CONTINUE, &state, ERR));
        CHECK(state == PELLUCID_CALL_FINISHED);
        OK(pellucid_call_results(calls[i], &result, 1));
        CHECK(result.of.i32 == 3 * i + 1);
        pellucid_call_delete(calls[i]);
    }
}

static pellucid_call_t *running;

/* A host function deletes the call that it runs in, having tried to resume it. */
static pellucid_status_t delete_the_call(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                         size_t n_args, pellucid_value_t *results, size_t n_results,
                                         pellucid_error_t **out_error) {
    (void)caller, (void)args, (void)n_args, (void)n_results, (void)out_error;
    CHECK(pellucid_call_state(running) == PELLUCID_CALL_RUNNING);
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_resume(running, PELLUCID_RESUME_CONTINUE, NULL, NULL));
    pellucid_value_t result;
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_results(running, &result, 1));
    const pellucid_event_t *event;
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_event(running, &event));
    pellucid_call_delete(running);
    pellucid_call_delete(running);
    ++*(int *)userdata;
    results[0].of.i32 = 1;
    return PELLUCID_OK;
}

static void deleted_by_a_callback(void) {
    int calls = 0;
    pellucid_kind_t i32 = PELLUCID_I32;
    pellucid_functype_t *type;
    MUST(pellucid_functype_new(NULL, 0, &i32, 1, &type));
    pellucid_extern_t import = {.kind = PELLUCID_EXTERN_FUNC};
    MUST(pellucid_func_new(store, type, &calls, delete_the_call, NULL, &import.of.func, ERR));
    pellucid_functype_delete(type);
    pellucid_module_t *caller = module_of("(module (import \"\" \"\" (func $h (result i32)))"
                                          "  (func (export \"f\") (result i32) (call $h)))");
    pellucid_instance_t here;
    MUST(pellucid_instance_new(store, caller, &import, 1, &here, ERR));
    pellucid_module_delete(caller);
    pellucid_func_t f = func_of(here, "f");
    MUST(pellucid_call_begin(store, &f, NULL, 0, &running, ERR));
    pellucid_call_state_t state;
    OK(pellucid_call_resume(running, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(calls == 1 && state == PELLUCID_CALL_FINISHED);
    /* It is gone: the sanitizer would see a use. */
    running = NULL;
}

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        module = module_of(WAT);
        MUST(pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
        to_the_end();
        traps(is_debug);
        mistakes();
        if (is_debug) {
            steps();
            many_paused();
        } else {
            pellucid_call_t *call = begin("work", 1);
            STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_call_resume(call, PELLUCID_RESUME_STEP, NULL, ERR));
            OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, NULL, ERR));
            pellucid_call_delete(call);
        }
        deleted_by_a_callback();
        pellucid_module_delete(module);
        close_world();
    }
    return finish();
}
