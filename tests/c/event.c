/* Events and the store's handler. */

#include "test.h"

static const char *WAT =
    "(module $m"
    "  (import \"\" \"fail\" (func $fail (result i32)))"
    "  (memory (export \"mem\") 1)"
    "  (func $f (export \"f\") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))"
    "  (func (export \"load\") (param i32) (result i32) (i32.load (local.get 0)))"
    "  (func (export \"fails\") (result i32) (call $fail)))";

static pellucid_module_t *module;
static pellucid_instance_t instance;

struct handler {
    pellucid_action_t action;
    pellucid_call_t *call;
    int events, finalized;
    pellucid_event_kind_t kind;
    uint32_t pc;
    size_t n_breakpoints;
    bool can_pause;
    pellucid_frame_t frame;
    void (*extra)(struct handler *handler, pellucid_event_t *event);
};

static void finalize(void *userdata) {
    ((struct handler *)userdata)->finalized++;
}

static pellucid_action_t handle(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    struct handler *handler = userdata;
    CHECK(where == store);
    handler->events++;
    handler->kind = pellucid_event_kind(event);
    handler->pc = pellucid_event_pc(event);
    handler->can_pause = pellucid_event_can_pause(event);
    const uint64_t *ids;
    OK(pellucid_event_breakpoints(event, &ids, &handler->n_breakpoints));
    CHECK(handler->n_breakpoints == 0 || ids[0] != 0);
    pellucid_frame_t newest;
    if (pellucid_event_frame(event, &handler->frame) == PELLUCID_OK) {
        OK(pellucid_frame_newest(store, &newest));
        CHECK(memcmp(&newest, &handler->frame, sizeof newest) == 0);
        uint32_t pc;
        OK(pellucid_frame_pc(store, &newest, &pc));
        CHECK(pc == handler->pc);
    }
    if (handler->extra != NULL) {
        handler->extra(handler, event);
    }
    return handler->action;
}

static void set(struct handler *handler, pellucid_event_kind_t mask) {
    OK(pellucid_store_set_event_handler(store, mask, handler, handle, finalize));
}

static uint64_t breakpoint(void) {
    return break_at_function(store, module, 1);
}

static pellucid_status_t call_f(int32_t *out) {
    pellucid_func_t f = func_of(instance, "f");
    pellucid_value_t arg = value_i32(1), result = value_i32(-1);
    pellucid_status_t status = pellucid_func_call(store, &f, &arg, 1, &result, 1, ERR);
    *out = result.of.i32;
    return status;
}

static void registration(void) {
    struct handler first = {0}, second = {0}, refused = {0};
    set(&first, PELLUCID_EVENT_ALL);
    set(&second, PELLUCID_EVENT_TRAP | PELLUCID_EVENT_NESTED);
    CHECK(first.finalized == 1 && second.finalized == 0);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_store_set_event_handler(store, 128, &refused, handle, finalize));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT,
           pellucid_store_set_event_handler(store, UINT32_C(1) << 31, &refused, handle, finalize));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT,
           pellucid_store_set_event_handler(store, PELLUCID_EVENT_ALL, &refused, NULL, finalize));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT,
           pellucid_store_set_event_handler(NULL, PELLUCID_EVENT_ALL, &refused, handle, finalize));
    CHECK(refused.finalized == 4 && second.finalized == 0);
    OK(pellucid_store_clear_event_handler(store));
    CHECK(second.finalized == 1);
    OK(pellucid_store_clear_event_handler(store));
}

static void breakpoints_and_actions(void) {
    uint64_t id = breakpoint();
    struct handler handler = {.action = PELLUCID_ACTION_CONTINUE};
    int32_t result;
    uint32_t first_pc;
    OK(pellucid_module_func_range(module, 1, NULL, &first_pc, NULL));
    set(&handler, PELLUCID_EVENT_ALL);
    OK(call_f(&result));
    CHECK(result == 2 && handler.events == 1 && handler.kind == PELLUCID_EVENT_BREAKPOINT);
    CHECK(handler.pc == first_pc && handler.n_breakpoints == 1 && !handler.can_pause);
    CHECK(!pellucid_frame_is_valid(store, &handler.frame));
    /* One at each operator: local.get is the breakpoint; i32.const, i32.add and end are steps. */
    handler.action = PELLUCID_ACTION_STEP;
    OK(call_f(&result));
    CHECK(result == 2 && handler.events == 5 && handler.kind == PELLUCID_EVENT_STEP);
    /* A one-shot call can't pause, and an unknown action is to go on. */
    uint64_t before = 0, after = 0;
    OK(pellucid_store_refused_pauses(store, &before));
    handler.action = PELLUCID_ACTION_PAUSE;
    OK(call_f(&result));
    OK(pellucid_store_refused_pauses(store, &after));
    CHECK(result == 2 && after == before + 1);
    handler.action = 99;
    OK(call_f(&result));
    CHECK(result == 2);
    handler.action = PELLUCID_ACTION_TRAP;
    STATUS(PELLUCID_ERR_TRAP, call_f(&result));
    CHECK(result == -1 && pellucid_error_trap(last_error) == PELLUCID_TRAP_REQUESTED);
    /* Events outside the mask don't reach it. */
    int n = handler.events;
    handler.action = PELLUCID_ACTION_CONTINUE;
    OK(pellucid_store_clear_event_handler(store));
    set(&handler, PELLUCID_EVENT_TRAP);
    OK(call_f(&result));
    CHECK(handler.events == n);
    OK(pellucid_store_clear_event_handler(store));
    remove_breakpoint(id);
}

static void pausing(void) {
    uint64_t id = breakpoint();
    struct handler handler = {.action = PELLUCID_ACTION_PAUSE};
    set(&handler, PELLUCID_EVENT_ALL);
    pellucid_func_t f = func_of(instance, "f");
    pellucid_value_t arg = value_i32(1), result;
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &f, &arg, 1, &handler.call, ERR));
    OK(pellucid_call_resume(handler.call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED && handler.events == 1 && handler.can_pause);
    const pellucid_event_t *event, *again;
    OK(pellucid_call_event(handler.call, &event));
    OK(pellucid_call_event(handler.call, &again));
    CHECK(event == again && pellucid_event_pc(event) == handler.pc);
    pellucid_frame_t frame;
    OK(pellucid_event_frame(event, &frame));
    CHECK(pellucid_frame_is_valid(store, &frame));
    pellucid_error_t *error = NULL;
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_event_error(event, &error));
    CHECK(pellucid_event_trap(event) == PELLUCID_TRAP_NONE && error == NULL);
    handler.action = PELLUCID_ACTION_CONTINUE;
    OK(pellucid_call_resume(handler.call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_FINISHED && handler.events == 1);
    OK(pellucid_call_results(handler.call, &result, 1));
    CHECK(result.of.i32 == 2);
    pellucid_call_delete(handler.call);
    OK(pellucid_store_clear_event_handler(store));
    CHECK(handler.finalized == 1);
    remove_breakpoint(id);
}

static void look_at_the_trap(struct handler *handler, pellucid_event_t *event) {
    (void)handler;
    CHECK(pellucid_event_trap(event) == PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS);
    uint64_t address = 0;
    OK(pellucid_event_fault(event, NULL, &address));
    CHECK(address == 65535 + 1 || address == 65535);
    pellucid_error_t *error;
    OK(pellucid_event_error(event, &error));
    CHECK(pellucid_error_status(error) == PELLUCID_ERR_TRAP && pellucid_error_frame_count(error) == 1);
    pellucid_error_delete(error);
    pellucid_frame_t frame;
    OK(pellucid_event_frame(event, &frame));
    pellucid_value_t values[2];
    uint32_t n;
    OK(pellucid_frame_read_operands(store, &frame, 0, values, 2, &n));
    CHECK(n == 1 && values[0].of.i32 == 65535);
}

static void look_at_the_host_error(struct handler *handler, pellucid_event_t *event) {
    (void)handler;
    pellucid_error_t *error;
    OK(pellucid_event_error(event, &error));
    CHECK(pellucid_error_status(error) == PELLUCID_ERR_HOST && message_has(error, "no luck"));
    pellucid_error_delete(error);
}

static void traps_and_host_errors(void) {
    struct handler handler = {.action = PELLUCID_ACTION_CONTINUE, .extra = look_at_the_trap};
    set(&handler, PELLUCID_EVENT_ALL);
    pellucid_func_t load = func_of(instance, "load"), fails = func_of(instance, "fails");
    pellucid_value_t arg = value_i32(65535), result;
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &load, &arg, 1, &result, 1, ERR));
    CHECK(handler.events == 1 && handler.kind == PELLUCID_EVENT_TRAP);
    handler.extra = look_at_the_host_error;
    STATUS(PELLUCID_ERR_HOST, pellucid_func_call(store, &fails, NULL, 0, &result, 1, ERR));
    CHECK(handler.events == 2 && handler.kind == PELLUCID_EVENT_HOST_ERROR);
    CHECK(message_has(last_error, "no luck"));
    OK(pellucid_store_clear_event_handler(store));
}

static void set_a_message(struct handler *handler, pellucid_event_t *event) {
    (void)handler;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_event_set_message(event, "\xff", 1));
    OK(pellucid_event_set_message(event, TEXT("the user pressed stop")));
}

/* Guests that the handler calls raise no events of their own, unless it asked for them. */
static void call_from_the_handler(struct handler *handler, pellucid_event_t *event) {
    (void)event;
    if (handler->events > 1) {
        return;
    }
    int32_t result;
    pellucid_frame_t frame = handler->frame;
    OK(call_f(&result));
    CHECK(result == 2 && pellucid_frame_is_valid(store, &frame));
}

static void replace_the_handler(struct handler *handler, pellucid_event_t *event) {
    (void)event;
    OK(pellucid_store_clear_event_handler(store));
    /* It is still running. */
    CHECK(handler->finalized == 0);
}

static void inside_the_handler(void) {
    uint64_t id = breakpoint();
    int32_t result;
    struct handler handler = {.action = PELLUCID_ACTION_TRAP, .extra = set_a_message};
    set(&handler, PELLUCID_EVENT_ALL);
    STATUS(PELLUCID_ERR_TRAP, call_f(&result));
    CHECK(message_has(last_error, "the user pressed stop"));

    struct handler caller = {.action = PELLUCID_ACTION_CONTINUE, .extra = call_from_the_handler};
    set(&caller, PELLUCID_EVENT_ALL);
    OK(call_f(&result));
    CHECK(caller.events == 1);
    pellucid_breakpoint_info_t info = {.struct_size = sizeof info};
    OK(pellucid_breakpoint_info(store, id, &info));
    CHECK(info.passed_over == 1 && info.hits >= 3);
    struct handler nested = {.action = PELLUCID_ACTION_CONTINUE, .extra = call_from_the_handler};
    set(&nested, PELLUCID_EVENT_ALL | PELLUCID_EVENT_NESTED);
    OK(call_f(&result));
    CHECK(nested.events == 2);

    struct handler gone = {.action = PELLUCID_ACTION_CONTINUE, .extra = replace_the_handler};
    set(&gone, PELLUCID_EVENT_ALL);
    OK(call_f(&result));
    CHECK(gone.finalized == 1 && gone.events == 1);
    OK(call_f(&result));
    CHECK(gone.events == 1);
    remove_breakpoint(id);
}

static void step_always(bool on) {
    pellucid_edit_t *edit;
    MUST(pellucid_edit_begin(store, &edit));
    MUST(pellucid_edit_single_step(edit, on));
    MUST(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
}

/* Raw calls, of which the first prepares the later ones, meet what was set up in between. */
static void raw_calls(void) {
    struct handler handler = {.action = PELLUCID_ACTION_CONTINUE};
    set(&handler, PELLUCID_EVENT_ALL);
    pellucid_func_t f = func_of(instance, "f");
    pellucid_raw_t value;
    int expected = 0;
    for (int round = 0; round < 4; round++) {
        value.i32 = 0;
        for (int i = 1; i <= 3; i++) {
            OK(pellucid_func_call_raw(store, &f, &value, 1, ERR));
            CHECK(value.i32 == i && handler.events == expected);
        }
        uint64_t id = 0;
        if (round % 2 == 0) {
            step_always(true);
        } else {
            id = breakpoint();
        }
        for (int i = 4; i <= 6; i++) {
            OK(pellucid_func_call_raw(store, &f, &value, 1, ERR));
            expected += round % 2 == 0 ? 4 : 1;
            CHECK(value.i32 == i && handler.events == expected);
        }
        if (round % 2 == 0) {
            step_always(false);
        } else {
            remove_breakpoint(id);
        }
    }
    /* A step that goes on after its call ends with it. */
    uint64_t id = breakpoint();
    handler.action = PELLUCID_ACTION_STEP;
    handler.events = 0;
    OK(pellucid_func_call_raw(store, &f, &value, 1, ERR));
    CHECK(handler.events == 4);
    remove_breakpoint(id);
    for (int i = 0; i < 3; i++) {
        OK(pellucid_func_call_raw(store, &f, &value, 1, ERR));
    }
    CHECK(handler.events == 4 && value.i32 == 10);
    OK(pellucid_store_clear_event_handler(store));
}

/* A handler deletes the store in which a raw call stopped. */
static void delete_the_store(struct handler *handler, pellucid_event_t *event) {
    (void)event;
    pellucid_store_delete(store);
    CHECK(handler->finalized == 0);
}

static void deletion_in_a_raw_call(int before) {
    struct handler handler = {.action = PELLUCID_ACTION_CONTINUE, .extra = delete_the_store};
    set(&handler, PELLUCID_EVENT_ALL);
    pellucid_func_t f = func_of(instance, "f");
    pellucid_raw_t value = {.i32 = 0};
    breakpoint();
    OK(pellucid_store_clear_event_handler(store));
    for (int i = 0; i < before; i++) {
        OK(pellucid_func_call_raw(store, &f, &value, 1, ERR));
    }
    handler.finalized = 0;
    set(&handler, PELLUCID_EVENT_ALL);
    OK(pellucid_func_call_raw(store, &f, &value, 1, ERR));
    CHECK(value.i32 == before + 1 && handler.events == 1 && handler.finalized == 1);
    pellucid_engine_delete(engine);
}

/* A handler deletes the call that it runs in, and the store. */
static void delete_everything(struct handler *handler, pellucid_event_t *event) {
    pellucid_call_delete(handler->call);
    pellucid_store_delete(store);
    CHECK(pellucid_event_kind(event) == PELLUCID_EVENT_BREAKPOINT && handler->finalized == 0);
}

static void deletion(pellucid_action_t action) {
    breakpoint();
    struct handler handler = {.action = action, .extra = delete_everything};
    set(&handler, PELLUCID_EVENT_ALL);
    pellucid_func_t f = func_of(instance, "f");
    pellucid_value_t arg = value_i32(1);
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &f, &arg, 1, &handler.call, ERR));
    OK(pellucid_call_resume(handler.call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == (action == PELLUCID_ACTION_PAUSE ? PELLUCID_CALL_PAUSED : PELLUCID_CALL_FINISHED));
    CHECK(handler.finalized == 1);
    pellucid_engine_delete(engine);
}

static pellucid_status_t fail(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results;
    OK(pellucid_error_new(TEXT("no luck"), out_error));
    return PELLUCID_ERR_HOST;
}

static void open_all(bool is_debug) {
    open_world(is_debug);
    module = module_of(WAT);
    pellucid_kind_t i32 = PELLUCID_I32;
    pellucid_extern_t import = host_import(NULL, 0, &i32, 1, fail);
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
}

int main(void) {
    open_all(true);
    registration();
    breakpoints_and_actions();
    pausing();
    traps_and_host_errors();
    inside_the_handler();
    raw_calls();
    pellucid_module_delete(module);
    struct handler last = {0};
    set(&last, PELLUCID_EVENT_ALL);
    close_world();
    CHECK(last.finalized == 1);

    pellucid_action_t actions[] = {PELLUCID_ACTION_CONTINUE, PELLUCID_ACTION_PAUSE};
    for (int i = 0; i < 2; i++) {
        open_all(true);
        deletion(actions[i]);
        pellucid_module_delete(module);
    }
    for (int before = 0; before < 3; before++) {
        open_all(true);
        deletion_in_a_raw_call(before);
        pellucid_module_delete(module);
    }

    open_all(false);
    struct handler refused = {0};
    STATUS(PELLUCID_ERR_DEBUG_DISABLED,
           pellucid_store_set_event_handler(store, PELLUCID_EVENT_ALL, &refused, handle, finalize));
    CHECK(refused.finalized == 1);
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_store_clear_event_handler(store));
    uint64_t n;
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_store_refused_pauses(store, &n));
    pellucid_module_delete(module);
    close_world();
    return finish();
}
