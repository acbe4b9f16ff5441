/* Options and conditions of breakpoints: which of those that are reached raise an event. */

#include "test.h"

static const char text[] =
    "(module"
    "  (import \"host\" \"call\" (func $host (param i32)))"
    "  (global $n (export \"n\") (mut i32) (i32.const 0))"
    "  (func $step (export \"step\") (param $i i32)"
    "    (global.set $n (i32.add (global.get $n) (local.get $i))))"
    "  (func (export \"loop\") (param $i i32)"
    "    (loop $again"
    "      (call $step (local.get $i))"
    "      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))"
    "  (func $down (export \"down\") (param $i i32)"
    "    (if (local.get $i) (then (call $down (i32.sub (local.get $i) (i32.const 1)))))"
    "    (call $step (local.get $i)))"
    "  (func (export \"host\") (param i32) (call $host (local.get 0))))";

static pellucid_module_t *module;
static pellucid_instance_t instance;
static uint64_t id;
static int n_asked, n_finalized;

static pellucid_status_t host(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)results, (void)n_results, (void)n_args;
    pellucid_func_t step = func_of(instance, "step");
    return pellucid_func_call(store, &step, args, 1, NULL, 0, out_error);
}

static void open_module(void) {
    open_world(true);
    module = module_of(text);
    pellucid_kind_t kind = PELLUCID_I32;
    pellucid_extern_t import = host_import(&kind, 1, NULL, 0, host);
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
}

static void close_module(void) {
    pellucid_module_delete(module);
    close_world();
}

static int32_t local_of(const pellucid_frame_t *frame, uint32_t index) {
    pellucid_value_t value = value_i32(-1);
    uint32_t n;
    OK(pellucid_frame_read_locals(store, frame, index, &value, 1, &n));
    return value.of.i32;
}

/* Adds a breakpoint at the first operator of `step`, with these options and this condition. */
static void add(const pellucid_breakpoint_options_t *options, pellucid_condition_cb_t condition, void *userdata) {
    pellucid_edit_t *edit;
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_add_at_function(edit, module, 1, &id, NULL));
    if (options != NULL)
        OK(pellucid_edit_set_options(edit, id, options));
    if (condition != NULL)
        OK(pellucid_edit_set_condition(edit, id, userdata, condition, NULL));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
}

static pellucid_breakpoint_info_t info(void) {
    pellucid_breakpoint_info_t found = {.struct_size = sizeof found};
    OK(pellucid_breakpoint_info(store, id, &found));
    return found;
}

/* Runs `name`, and notes the first local wherever it pauses; answers how often that is. */
static int pauses(const char *name, int32_t argument, int32_t *seen, int most) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t arg = value_i32(argument);
    pellucid_call_t *call;
    pellucid_call_state_t state;
    int n = 0;
    MUST(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    while (state == PELLUCID_CALL_PAUSED) {
        CHECK(event_of(call) == PELLUCID_EVENT_BREAKPOINT);
        pellucid_frame_t frame = frame_of(call);
        if (CHECK(n < most))
            seen[n] = local_of(&frame, 0);
        n++;
        MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    }
    CHECK(state == PELLUCID_CALL_FINISHED);
    pellucid_call_delete(call);
    return n;
}

static void ignored(void) {
    int32_t seen[8];
    pellucid_breakpoint_options_t options = {.ignore_count = 3};
    add(&options, NULL, NULL);
    CHECK(pauses("loop", 5, seen, 8) == 2 && seen[0] == 2 && seen[1] == 1);
    CHECK(info().hits == 5 && info().declined == 3 && info().options.ignore_count == 3 && !info().has_condition);
    CHECK(pauses("loop", 1, seen, 8) == 1);
    /* They are counted anew. */
    pellucid_edit_t *edit;
    MUST(pellucid_edit_begin(store, &edit));
    options.ignore_count = 1;
    OK(pellucid_edit_set_options(edit, id, &options));
    CHECK(pauses("loop", 1, seen, 8) == 1);
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    CHECK(pauses("loop", 3, seen, 8) == 2);
    remove_breakpoint(id);
}

static void one_shot(void) {
    int32_t seen[8];
    uint64_t ids[4];
    size_t n;
    pellucid_breakpoint_options_t options = {.ignore_count = 2, .is_one_shot = 1};
    add(&options, NULL, NULL);
    CHECK(pauses("loop", 5, seen, 8) == 1 && seen[0] == 3);
    pellucid_breakpoint_info_t none = {.struct_size = sizeof none};
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_breakpoint_info(store, id, &none));
    OK(pellucid_breakpoint_list(store, ids, 4, &n));
    CHECK(n == 0);
    /* A call that can't pause, and a store without a handler: nobody is told, so it isn't used up. */
    options.ignore_count = 0;
    add(&options, NULL, NULL);
    pellucid_func_t loop = func_of(instance, "loop");
    pellucid_value_t arg = value_i32(2);
    OK(pellucid_func_call(store, &loop, &arg, 1, NULL, 0, ERR));
    CHECK(info().hits == 2 && info().declined == 0);
    CHECK(pauses("loop", 5, seen, 8) == 1 && seen[0] == 5);
}

static bool is_even(void *userdata, pellucid_store_t *in, const pellucid_frame_t *frame, uint64_t asked) {
    CHECK(in == store && asked == id && userdata == &n_asked && pellucid_frame_is_valid(store, frame));
    n_asked++;
    return local_of(frame, 0) % 2 == 0;
}

static pellucid_frame_t kept;

/* Calls the guest, whose own hits aren't asked about; keeps the frame; and takes the breakpoint away at the end. */
static bool meddles(void *userdata, pellucid_store_t *in, const pellucid_frame_t *frame, uint64_t asked) {
    (void)userdata, (void)in;
    n_asked++;
    if (n_asked > 1)
        CHECK(!pellucid_frame_is_valid(store, &kept));
    kept = *frame;
    pellucid_func_t step = func_of(instance, "step");
    pellucid_value_t arg = value_i32(0);
    OK(pellucid_func_call(store, &step, &arg, 1, NULL, 0, ERR));
    CHECK(pellucid_frame_is_valid(store, frame));
    if (local_of(frame, 0) == 2) {
        id = asked;
        remove_breakpoint(id);
    }
    return true;
}

static void conditions(void) {
    int32_t seen[8];
    n_asked = 0;
    add(NULL, is_even, &n_asked);
    CHECK(info().has_condition);
    CHECK(pauses("loop", 5, seen, 8) == 2 && seen[0] == 4 && seen[1] == 2);
    CHECK(n_asked == 5 && info().hits == 5 && info().declined == 3);
    remove_breakpoint(id);
    n_asked = 0;
    pellucid_breakpoint_options_t options = {.ignore_count = 1};
    add(&options, is_even, &n_asked);
    CHECK(pauses("loop", 7, seen, 8) == 2 && seen[0] == 4 && seen[1] == 2 && n_asked == 7);
    remove_breakpoint(id);
    n_asked = 0;
    add(NULL, meddles, NULL);
    CHECK(pauses("loop", 5, seen, 8) == 3 && seen[0] == 5 && seen[2] == 3 && n_asked == 4);
    /* Whoever gives one up is told, whatever becomes of it. */
    pellucid_edit_t *edit;
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_edit_set_condition(NULL, 1, &n_finalized, is_even, count));
    CHECK(n_finalized == 1);
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_set_condition(edit, 999, &n_finalized, is_even, count));
    CHECK(n_finalized == 1);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_edit_commit(edit, ERR));
    CHECK(n_finalized == 2);
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_edit_set_condition(edit, id, &n_finalized, is_even, count));
    CHECK(n_finalized == 3);
    pellucid_edit_delete(edit);
    add(NULL, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        MUST(pellucid_edit_begin(store, &edit));
        OK(pellucid_edit_set_condition(edit, id, &n_finalized, is_even, count));
        OK(pellucid_edit_commit(edit, ERR));
        pellucid_edit_delete(edit);
        CHECK(n_finalized == 3 + i);
    }
    remove_breakpoint(id);
    CHECK(n_finalized == 5);
}

/* A condition that isn't met doesn't end a step, nor does the step go on without it. */
static void stepping(void) {
    pellucid_func_t func = func_of(instance, "step");
    pellucid_value_t arg = value_i32(1);
    pellucid_call_t *call;
    pellucid_call_state_t state;
    n_asked = 0;
    add(NULL, is_even, &n_asked);
    MUST(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED && n_asked == 1);
    CHECK(event_of(call) == PELLUCID_EVENT_STEP);
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_FINISHED && n_asked == 1 && info().hits == 1);
    pellucid_call_delete(call);
    remove_breakpoint(id);
}

static void places(void) {
    int32_t seen[8];
    pellucid_instance_t first = instance, second;
    pellucid_extern_t import = {.kind = PELLUCID_EXTERN_FUNC, .of = {.func = func_of(first, "step")}};
    MUST(pellucid_instance_new(store, module, &import, 1, &second, ERR));
    pellucid_breakpoint_options_t options = {.instance = second};
    add(&options, NULL, NULL);
    CHECK(pauses("loop", 2, seen, 8) == 0 && info().hits == 2 && info().declined == 2);
    instance = second;
    CHECK(pauses("loop", 2, seen, 8) == 2 && info().options.instance.index == second.index);
    instance = first;
    remove_breakpoint(id);

    /* In one frame of a recursion: the operator behind the call of the frame whose local is 1. */
    pellucid_func_t down = func_of(instance, "down");
    pellucid_value_t arg = value_i32(3);
    pellucid_call_t *call;
    pellucid_call_state_t state;
    add(NULL, NULL, NULL);
    MUST(pellucid_call_begin(store, &down, &arg, 1, &call, ERR));
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED);
    pellucid_frame_t frame = frame_of(call);
    for (int i = 0; i < 2; i++) {
        pellucid_frame_t caller;
        OK(pellucid_frame_caller(store, &frame, &caller));
        frame = caller;
    }
    CHECK(local_of(&frame, 0) == 1);
    pellucid_breakpoint_options_t in_frame = {0};
    OK(pellucid_frame_key(store, &frame, &in_frame.frame_key));
    pellucid_frame_info_t frame_info = {.struct_size = sizeof frame_info};
    OK(pellucid_frame_info(store, &frame, &frame_info));
    uint32_t behind;
    pellucid_edit_t *edit;
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_remove(edit, id));
    OK(pellucid_edit_add(edit, module, frame_info.pc + 2, &id, &behind));
    OK(pellucid_edit_set_options(edit, id, &in_frame));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    int n = 0;
    for (;;) {
        MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
        if (state != PELLUCID_CALL_PAUSED)
            break;
        frame = frame_of(call);
        CHECK(local_of(&frame, 0) == 1);
        n++;
    }
    CHECK(n == 1);
    pellucid_call_delete(call);
    remove_breakpoint(id);
}

static void wrong_options(void) {
    pellucid_edit_t *edit;
    MUST(pellucid_edit_begin(store, &edit));
    pellucid_breakpoint_options_t options = {.is_one_shot = 2};
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_set_options(edit, 1, &options));
    options = (pellucid_breakpoint_options_t){.reserved = 1};
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_set_options(edit, 1, &options));
    options = (pellucid_breakpoint_options_t){.instance = {.store = instance.store + 1, .index = 0}};
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_edit_set_options(edit, 1, &options));
    options.instance = (pellucid_instance_t){.store = instance.store, .index = 99};
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_set_options(edit, 1, &options));
    options = (pellucid_breakpoint_options_t){0};
    OK(pellucid_edit_set_options(edit, 999, &options));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_edit_commit(edit, ERR));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_edit_set_options(edit, 1, &options));
    pellucid_edit_delete(edit);
}

int main(void) {
    open_module();
    ignored();
    one_shot();
    conditions();
    stepping();
    places();
    wrong_options();
    close_module();
    return finish();
}
