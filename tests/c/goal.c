/* Steps over calls, out of frames and to an operator: by resuming, by an event handler, and what is refused. */

#include "test.h"

static const char WAT[] =
    "(module"
    "  (import \"host\" \"wait\" (func $wait (param i32) (result i32)))"
    "  (func $fact (export \"fact\") (param i32) (result i32)"
    "    (if (result i32) (local.get 0)"
    "      (then (i32.mul (local.get 0) (call $fact (i32.sub (local.get 0) (i32.const 1)))))"
    "      (else (i32.const 1))))"
    "  (func $waits (param i32) (result i32) (i32.add (call $wait (local.get 0)) (i32.const 1)))"
    "  (func (export \"two\") (param i32) (result i32) (i32.add (call $waits (local.get 0)) (call $fact (local.get 0))))"
    "  (func (export \"spin\") (param i32) (result i32)"
    "    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"
    "    (call $fact (i32.const 4))))";

enum { WAIT, FACT, WAITS, TWO, SPIN };

static pellucid_module_t *module;
static pellucid_instance_t instance;

static pellucid_status_t wait_later(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                                    pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)args, (void)n_args, (void)results, (void)n_results;
    return pellucid_caller_yield(caller, 1, out_error);
}

static void open_module(bool is_debug) {
    open_world(is_debug);
    module = module_of(WAT);
    pellucid_kind_t kind = PELLUCID_I32;
    pellucid_extern_t import = host_import(&kind, 1, &kind, 1, wait_later);
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
}

static void close_module(void) {
    pellucid_module_delete(module);
    close_world();
}

static pellucid_call_t *begin(const char *name, int32_t argument) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t arg = value_i32(argument);
    pellucid_call_t *call;
    MUST(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    return call;
}

static pellucid_call_state_t resume(pellucid_call_t *call, pellucid_resume_t mode) {
    pellucid_call_state_t state = 0;
    OK(pellucid_call_resume(call, mode, &state, ERR));
    return state;
}

static uint32_t pc_of(pellucid_call_t *call) {
    pellucid_frame_t frame = frame_of(call);
    uint32_t pc;
    OK(pellucid_frame_pc(store, &frame, &pc));
    return pc;
}

static uint32_t function_of(pellucid_call_t *call) {
    pellucid_frame_t frame = frame_of(call);
    uint32_t function;
    OK(pellucid_frame_func_index(store, &frame, &function));
    return function;
}

/* The local of the innermost frame. */
static int32_t local(pellucid_call_t *call) {
    pellucid_frame_t frame = frame_of(call);
    pellucid_value_t value = value_i32(-1);
    uint32_t n;
    OK(pellucid_frame_read_locals(store, &frame, 0, &value, 1, &n));
    return value.of.i32;
}

static uint32_t first_pc(uint32_t function) {
    uint32_t pc;
    OK(pellucid_module_func_range(module, function, NULL, &pc, NULL));
    return pc;
}

static int32_t result_of(pellucid_call_t *call) {
    pellucid_value_t value = value_i32(-1);
    OK(pellucid_call_results(call, &value, 1));
    return value.of.i32;
}

static bool is_step(pellucid_call_t *call, pellucid_call_state_t state) {
    return state == PELLUCID_CALL_PAUSED && event_of(call) == PELLUCID_EVENT_STEP;
}

static void recursion(void) {
    pellucid_call_t *call = begin("fact", 4);
    pellucid_call_state_t state;
    int32_t n_steps = 0;
    /* Over: all operators of the outermost frame. */
    while (is_step(call, state = resume(call, PELLUCID_RESUME_STEP_OVER))) {
        n_steps++;
        CHECK(depth_of(call) == 1 && local(call) == 4);
    }
    CHECK(state == PELLUCID_CALL_FINISHED && result_of(call) == 24 && n_steps >= 8);
    pellucid_call_delete(call);

    /* Down three frames by a breakpoint, and out of each. */
    uint64_t id = break_at_function(store, module, FACT);
    call = begin("fact", 4);
    for (int i = 0; i < 3; i++)
        CHECK(resume(call, PELLUCID_RESUME_CONTINUE) == PELLUCID_CALL_PAUSED);
    CHECK(depth_of(call) == 3 && local(call) == 2);
    /* A breakpoint on the way ends it. */
    CHECK(resume(call, PELLUCID_RESUME_STEP_OUT) == PELLUCID_CALL_PAUSED);
    CHECK(event_of(call) == PELLUCID_EVENT_BREAKPOINT && depth_of(call) == 4);
    remove_breakpoint(id);
    CHECK(is_step(call, resume(call, PELLUCID_RESUME_STEP_OUT)) && depth_of(call) == 3 && local(call) == 2);
    /* Out of the frame that has called the innermost. */
    pellucid_frame_t frame = frame_of(call);
    OK(pellucid_frame_caller(store, &frame, &frame));
    OK(pellucid_call_set_goal(call, &frame, 0));
    CHECK(is_step(call, resume(call, PELLUCID_RESUME_STEP_OUT)) && depth_of(call) == 1 && local(call) == 4);
    STATUS(PELLUCID_ERR_STALE_HANDLE, pellucid_call_set_goal(call, &frame, 0));
    CHECK(resume(call, PELLUCID_RESUME_STEP_OUT) == PELLUCID_CALL_FINISHED && result_of(call) == 24);
    pellucid_call_delete(call);
}

static void to_a_place(void) {
    pellucid_call_t *call = begin("two", 3);
    CHECK(is_step(call, resume(call, PELLUCID_RESUME_STEP_OVER)));
    /* In another function: whichever frame comes there first. The host function between is waited for. */
    OK(pellucid_call_set_goal(call, NULL, first_pc(FACT)));
    CHECK(resume(call, PELLUCID_RESUME_RUN_TO) == PELLUCID_CALL_YIELDED);
    pellucid_value_t five = value_i32(5);
    OK(pellucid_call_give(call, &five, 1, ERR));
    CHECK(is_step(call, resume(call, PELLUCID_RESUME_CONTINUE)));
    CHECK(function_of(call) == FACT && pc_of(call) == first_pc(FACT) && depth_of(call) == 2);
    /* It is used up: there is none for the next. */
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_resume(call, PELLUCID_RESUME_RUN_TO, NULL, ERR));
    /* Of its own function: calls further in pass it. A pc between operators means the next one. */
    CHECK(is_step(call, resume(call, PELLUCID_RESUME_STEP)));
    OK(pellucid_call_set_goal(call, NULL, first_pc(FACT)));
    CHECK(is_step(call, resume(call, PELLUCID_RESUME_RUN_TO)) && function_of(call) == TWO && depth_of(call) == 1);
    CHECK(resume(call, PELLUCID_RESUME_CONTINUE) == PELLUCID_CALL_FINISHED && result_of(call) == 12);
    pellucid_call_delete(call);
}

static void waits(void) {
    pellucid_call_t *call = begin("two", 3);
    pellucid_value_t five = value_i32(5);
    CHECK(is_step(call, resume(call, PELLUCID_RESUME_STEP)) && is_step(call, resume(call, PELLUCID_RESUME_STEP)));
    /* The call of $waits, which yields. */
    CHECK(resume(call, PELLUCID_RESUME_STEP_OVER) == PELLUCID_CALL_YIELDED);
    OK(pellucid_call_give(call, &five, 1, ERR));
    CHECK(is_step(call, resume(call, PELLUCID_RESUME_CONTINUE)) && function_of(call) == TWO && depth_of(call) == 1);
    pellucid_call_delete(call);
    /* From a call that waits: its innermost frame is the one that has called the host. */
    call = begin("two", 3);
    CHECK(resume(call, PELLUCID_RESUME_CONTINUE) == PELLUCID_CALL_YIELDED);
    OK(pellucid_call_give(call, &five, 1, ERR));
    CHECK(is_step(call, resume(call, PELLUCID_RESUME_STEP_OVER)) && function_of(call) == WAITS);
    pellucid_call_delete(call);
    call = begin("two", 3);
    CHECK(resume(call, PELLUCID_RESUME_CONTINUE) == PELLUCID_CALL_YIELDED);
    OK(pellucid_call_give(call, &five, 1, ERR));
    CHECK(is_step(call, resume(call, PELLUCID_RESUME_STEP_OUT)) && function_of(call) == TWO);
    pellucid_call_delete(call);
}

struct answers {
    pellucid_action_t actions[8];
    pellucid_event_kind_t kinds[8];
    uint32_t functions[8], pcs[8];
    int n;
    uint32_t pc;
};

static pellucid_action_t handle(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    struct answers *answers = userdata;
    pellucid_frame_t frame;
    CHECK(where == store);
    if (!CHECK(answers->n < 8))
        return PELLUCID_ACTION_CONTINUE;
    answers->kinds[answers->n] = pellucid_event_kind(event);
    answers->pcs[answers->n] = pellucid_event_pc(event);
    if (OK(pellucid_event_frame(event, &frame)))
        OK(pellucid_frame_func_index(store, &frame, &answers->functions[answers->n]));
    pellucid_action_t action = answers->actions[answers->n++];
    if (action == PELLUCID_ACTION_RUN_TO) {
        STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_event_set_goal(event, NULL, 1));
        STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_event_set_goal(event, &frame, 1));
        OK(pellucid_event_set_goal(event, &frame, answers->pc));
        frame.call++;
        STATUS(PELLUCID_ERR_STALE_HANDLE, pellucid_event_set_goal(event, &frame, answers->pc));
        STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_event_set_goal(NULL, NULL, 1));
    }
    return action;
}

static int32_t run(const char *name, int32_t argument) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t arg = value_i32(argument), result = value_i32(-1);
    OK(pellucid_func_call(store, &func, &arg, 1, &result, 1, ERR));
    return result.of.i32;
}

static void by_handler(void) {
    uint64_t id = break_at_function(store, module, SPIN);
    struct answers answers = {.actions = {PELLUCID_ACTION_RUN_TO, PELLUCID_ACTION_STEP_OUT}, .pc = first_pc(FACT)};
    OK(pellucid_store_set_event_handler(store, PELLUCID_EVENT_ALL, &answers, handle, NULL));
    CHECK(run("spin", 1000) == 24);
    CHECK(answers.n == 3 && answers.kinds[1] == PELLUCID_EVENT_STEP && answers.kinds[2] == PELLUCID_EVENT_STEP);
    CHECK(answers.functions[1] == FACT && answers.pcs[1] == first_pc(FACT) && answers.functions[2] == SPIN);
    /* Without a goal it isn't a step. */
    answers = (struct answers){.actions = {PELLUCID_ACTION_STEP_OVER, 9, PELLUCID_ACTION_STEP_OVER}};
    CHECK(run("spin", 1000) == 24 && answers.n == 2);
    OK(pellucid_store_clear_event_handler(store));
    remove_breakpoint(id);
}

/* Fuel is used up in the midst of a step, and given: the step goes on. */
static pellucid_action_t refuel(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    ++*(int *)userdata;
    CHECK(pellucid_event_kind(event) == PELLUCID_EVENT_FUEL);
    OK(pellucid_store_add_fuel(where, 200));
    return PELLUCID_ACTION_CONTINUE;
}

static void fuel(void) {
    pellucid_config_t *config;
    pellucid_engine_t *plain_engine = engine;
    pellucid_store_t *plain_store = store;
    pellucid_module_t *plain_module = module;
    pellucid_instance_t plain_instance = instance;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, true));
    MUST(pellucid_config_set_fuel(config, true));
    MUST(pellucid_engine_new(config, &engine, ERR));
    pellucid_config_delete(config);
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    MUST(pellucid_store_set_fuel(store, 1000000));
    module = module_of(WAT);
    pellucid_kind_t kind = PELLUCID_I32;
    pellucid_extern_t import = host_import(&kind, 1, &kind, 1, wait_later);
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    pellucid_call_t *call = begin("fact", 100);
    int told = 0;
    for (int i = 0; i < 7; i++)
        CHECK(is_step(call, resume(call, PELLUCID_RESUME_STEP_OVER)) && depth_of(call) == 1);
    MUST(pellucid_store_set_fuel(store, 50));
    MUST(pellucid_store_set_fuel_action(store, PELLUCID_INTERRUPT_EVENT));
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_FUEL, &told, refuel, NULL));
    CHECK(is_step(call, resume(call, PELLUCID_RESUME_STEP_OVER)) && depth_of(call) == 1);
    CHECK(told > 1);
    pellucid_call_delete(call);
    pellucid_module_delete(module);
    pellucid_store_delete(store);
    pellucid_engine_delete(engine);
    engine = plain_engine, store = plain_store, module = plain_module, instance = plain_instance;
}

static void refused(void) {
    pellucid_call_t *call = begin("fact", 3), *other = begin("fact", 3);
    pellucid_frame_t frame, foreign;
    const pellucid_event_t *event;
    /* A call that has no frame is stepped by an operator, or runs to its end. */
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_set_goal(call, NULL, first_pc(FACT)));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_resume(call, PELLUCID_RESUME_RUN_TO, NULL, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_resume(call, PELLUCID_RESUME_RUN_TO + 1, NULL, ERR));
    CHECK(is_step(call, resume(call, PELLUCID_RESUME_STEP_OVER)) && pc_of(call) == first_pc(FACT));
    CHECK(resume(other, PELLUCID_RESUME_STEP_OUT) == PELLUCID_CALL_FINISHED);
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_set_goal(other, NULL, 0));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_resume(other, PELLUCID_RESUME_STEP_OVER, NULL, ERR));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_resume(other, PELLUCID_RESUME_STEP_OUT, NULL, ERR));
    pellucid_call_delete(other);
    other = begin("fact", 3);
    CHECK(is_step(other, resume(other, PELLUCID_RESUME_STEP)));
    frame = frame_of(call), foreign = frame_of(other);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_set_goal(call, &foreign, 0));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_call_set_goal(call, &frame, 2));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_call_set_goal(call, NULL, UINT32_MAX));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_call_set_goal(NULL, &frame, 0));
    foreign.store++;
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_call_set_goal(call, &foreign, 0));
    OK(pellucid_call_event(call, &event));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_event_set_goal((pellucid_event_t *)event, NULL, first_pc(FACT)));
    /* What was refused has changed nothing. */
    CHECK(pellucid_frame_is_valid(store, &frame));
    CHECK(is_step(call, resume(call, PELLUCID_RESUME_STEP_OVER)) && depth_of(call) == 1);
    pellucid_call_delete(call);
    pellucid_call_delete(other);
}

static void without_debugging(void) {
    open_module(false);
    pellucid_call_t *call = begin("fact", 3);
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_call_set_goal(call, NULL, 0));
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_call_resume(call, PELLUCID_RESUME_STEP_OVER, NULL, ERR));
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_call_resume(call, PELLUCID_RESUME_STEP_OUT, NULL, ERR));
    CHECK(resume(call, PELLUCID_RESUME_CONTINUE) == PELLUCID_CALL_FINISHED);
    pellucid_call_delete(call);
    close_module();
}

int main(void) {
    open_module(true);
    recursion();
    to_a_place();
    waits();
    by_handler();
    fuel();
    refused();
    close_module();
    without_debugging();
    return finish();
}
