/* Fuel: guests that may do so much work, and no more. */

#include "test.h"

static const char *WAT =
    "(module (import \"host\" \"look\" (func $look)) (memory 200)"
    "  (func (export \"spin\") (loop (br 0)))"
    "  (func (export \"nothing\"))"
    "  (func (export \"looks\") (call $look) (drop (i32.const 1)))"
    "  (func (export \"fill\") (param $n i32)"
    "    (memory.fill (i32.const 0) (i32.const 1) (local.get $n)))"
    "  (func $tail (param $n i32) (result i32)"
    "    (if (i32.eqz (local.get $n)) (then (return (i32.const 7))))"
    "    (return_call $tail (i32.sub (local.get $n) (i32.const 1))))"
    "  (func (export \"tail\") (param i32) (result i32) (call $tail (local.get 0)))"
    "  (func (export \"count\") (param $n i32) (result i32) (local $sum i32)"
    "    (loop"
    "      (local.set $sum (i32.add (local.get $sum) (local.get $n)))"
    "      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    "    (local.get $sum))"
    /* 36 declared locals, and parameters, which don't count. */
    "  (func (export \"locals\") (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)"
    "    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 f64)"
    "    (local.set 3 (local.get 20) (i32.wrap_i64))))";

static pellucid_instance_t instance;
static int64_t seen;
static pellucid_status_t (*in_host)(void);

static int64_t fuel(void) {
    int64_t left = INT64_MIN;
    OK(pellucid_store_fuel(store, &left));
    return left;
}

static pellucid_status_t host_look(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                                   pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    seen = fuel();
    return in_host == NULL ? PELLUCID_OK : in_host();
}

static void open_guest(bool is_debug, bool has_handlers) {
    pellucid_config_t *config;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, is_debug));
    MUST(pellucid_config_set_signal_handlers(config, has_handlers));
    MUST(pellucid_config_set_fuel(config, true));
    MUST(pellucid_engine_new(config, &engine, ERR));
    pellucid_config_delete(config);
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    pellucid_module_t *module = module_of(WAT);
    pellucid_functype_t *type;
    pellucid_extern_t import = {0};
    import.kind = PELLUCID_EXTERN_FUNC;
    MUST(pellucid_functype_new(NULL, 0, NULL, 0, &type));
    MUST(pellucid_func_new(store, type, NULL, host_look, NULL, &import.of.func, ERR));
    pellucid_functype_delete(type);
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    pellucid_module_delete(module);
}

static pellucid_status_t call(const char *name) {
    pellucid_func_t func = func_of(instance, name);
    return pellucid_func_call(store, &func, NULL, 0, NULL, 0, ERR);
}

static void expect_out_of_fuel(pellucid_status_t status) {
    STATUS(PELLUCID_ERR_TRAP, status);
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_OUT_OF_FUEL);
    CHECK(pellucid_error_frame_count(last_error) > 0);
}

static void operators_cost_what_the_header_says(void) {
    CHECK(fuel() == 0);
    /* Its `end` costs nothing. */
    OK(call("nothing"));
    expect_out_of_fuel(call("spin"));
    OK(pellucid_store_set_fuel(store, 100));
    expect_out_of_fuel(call("spin"));
    CHECK(fuel() == -1);
    OK(pellucid_store_set_fuel(store, 100));
    OK(pellucid_store_add_fuel(store, 23));
    OK(pellucid_store_add_fuel(store, -3));
    CHECK(fuel() == 120);
    OK(call("looks"));
    CHECK(seen == 119 && fuel() == 117);
    /* Two for its 36 locals, three for its operators. */
    OK(call("locals"));
    CHECK(fuel() == 112);
    pellucid_func_t fill = func_of(instance, "fill");
    pellucid_value_t size = value_i32(6400);
    OK(pellucid_store_set_fuel(store, 104));
    OK(pellucid_func_call(store, &fill, &size, 1, NULL, 0, ERR));
    CHECK(fuel() == 0);
    OK(pellucid_store_set_fuel(store, 103));
    expect_out_of_fuel(pellucid_func_call(store, &fill, &size, 1, NULL, 0, ERR));
    CHECK(fuel() == -1);
    /* The size is paid before it is looked at. */
    size = value_i32(-1);
    OK(pellucid_store_set_fuel(store, 1000));
    expect_out_of_fuel(pellucid_func_call(store, &fill, &size, 1, NULL, 0, ERR));
    OK(pellucid_store_set_fuel(store, 100000000));
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &fill, &size, 1, NULL, 0, ERR));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS);
    CHECK(fuel() == 100000000 - 4 - (int64_t)(UINT32_MAX / 64));
    OK(pellucid_store_set_fuel(store, INT64_MAX));
    CHECK(fuel() == INT64_C(1) << 62);
    OK(pellucid_store_add_fuel(store, INT64_MAX));
    CHECK(fuel() == INT64_C(1) << 62);
    OK(pellucid_store_set_fuel(store, INT64_MIN));
    CHECK(fuel() == -(INT64_C(1) << 62));
    expect_out_of_fuel(call("spin"));
    CHECK(fuel() == -(INT64_C(1) << 62));
}

/* Slices of fuel; answers how many pauses there were. `adds` says whether what is missing is kept. */
static int in_slices(const char *name, int32_t argument, int64_t slice, bool adds, int32_t *out_result) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t arg = value_i32(argument), result = {0};
    pellucid_call_t *paused;
    pellucid_call_state_t state;
    int pauses = 0;
    OK(pellucid_store_set_fuel(store, slice));
    MUST(pellucid_call_begin(store, &func, &arg, 1, &paused, ERR));
    for (;;) {
        MUST(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
        if (state != PELLUCID_CALL_PAUSED)
            break;
        CHECK(event_of(paused) == PELLUCID_EVENT_FUEL);
        CHECK(fuel() < 0);
        pauses++;
        if (adds)
            OK(pellucid_store_add_fuel(store, slice));
        else
            OK(pellucid_store_set_fuel(store, slice));
    }
    CHECK(state == PELLUCID_CALL_FINISHED);
    if (out_result != NULL) {
        OK(pellucid_call_results(paused, &result, 1));
        *out_result = result.of.i32;
    }
    pellucid_call_delete(paused);
    return pauses;
}

static void guests_pause_and_go_on(void) {
    int32_t result;
    for (int action = PELLUCID_INTERRUPT_PAUSE; action <= PELLUCID_INTERRUPT_EVENT; action++) {
        OK(pellucid_store_set_fuel_action(store, (pellucid_interrupt_kind_t)action));
        /* Nine a turn. */
        CHECK(in_slices("count", 1000, 900, true, &result) == 9 && result == 500500);
        CHECK(in_slices("count", 1000, 895, false, &result) == 10 && result == 500500);
        CHECK(in_slices("tail", 1000, 100, true, &result) > 50 && result == 7);
        /* Without any fuel, turn by turn. */
        CHECK(in_slices("count", 100, -1000, false, &result) == 101 && result == 5050);
        CHECK(in_slices("fill", 640, 5, true, NULL) == 1);
        CHECK(in_slices("fill", 640, 5, false, NULL) == 1);
        /* A one-shot call can't pause. */
        OK(pellucid_store_set_fuel(store, 10));
        expect_out_of_fuel(call("spin"));
    }
    OK(pellucid_store_set_fuel_action(store, PELLUCID_INTERRUPT_TRAP));
}

static pellucid_status_t give_more(void) {
    OK(pellucid_store_set_fuel(store, 2));
    return PELLUCID_OK;
}

static pellucid_status_t spin_inside(void) {
    OK(pellucid_store_set_fuel(store, 50));
    expect_out_of_fuel(call("spin"));
    return PELLUCID_OK;
}

static void host_functions_share_the_fuel(void) {
    OK(pellucid_store_set_fuel(store, 1));
    in_host = give_more;
    OK(call("looks"));
    CHECK(seen == 0 && fuel() == 0);
    /* What is missing after a nested call is found where the outer one looks next, which it doesn't. */
    OK(pellucid_store_set_fuel(store, 1));
    in_host = spin_inside;
    OK(call("looks"));
    CHECK(fuel() == -3);
    in_host = NULL;
}

static int told;
static pellucid_action_t last_action;

static pellucid_action_t extend(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    (void)userdata;
    CHECK(pellucid_event_kind(event) == PELLUCID_EVENT_FUEL);
    CHECK(fuel() < 0);
    pellucid_frame_t frame;
    pellucid_frame_info_t info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    OK(pellucid_event_frame(event, &frame));
    OK(pellucid_frame_info(where, &frame, &info));
    CHECK(info.kind == PELLUCID_FRAME_STOPPED);
    OK(pellucid_store_add_fuel(where, 100));
    return ++told < 5 ? PELLUCID_ACTION_CONTINUE : last_action;
}

static void handlers_give_more(void) {
    OK(pellucid_store_set_fuel_action(store, PELLUCID_INTERRUPT_EVENT));
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_FUEL, NULL, extend, NULL));
    told = 0;
    last_action = PELLUCID_ACTION_TRAP;
    OK(pellucid_store_set_fuel(store, 100));
    STATUS(PELLUCID_ERR_TRAP, call("spin"));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_REQUESTED && told == 5);
    told = 0;
    last_action = PELLUCID_ACTION_PAUSE;
    OK(pellucid_store_set_fuel(store, 100));
    pellucid_func_t fill = func_of(instance, "fill"), spin = func_of(instance, "spin");
    pellucid_call_t *paused;
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &spin, NULL, 0, &paused, ERR));
    MUST(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED && told == 5);
    CHECK(event_of(paused) == PELLUCID_EVENT_FUEL);
    pellucid_call_delete(paused);
    /* Before a bulk operation, with its operands. */
    told = 0;
    pellucid_value_t size = value_i32(128 * 64);
    OK(pellucid_store_set_fuel(store, 50));
    OK(pellucid_func_call(store, &fill, &size, 1, NULL, 0, ERR));
    CHECK(told == 1 && fuel() == 50 - 4 - 128 + 100);
    OK(pellucid_store_clear_event_handler(store));
    OK(pellucid_store_set_fuel_action(store, PELLUCID_INTERRUPT_TRAP));
}

static void wrong_arguments(void) {
    int64_t left = 5;
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_store_fuel(NULL, &left));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_store_fuel(store, NULL));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_store_set_fuel(NULL, 1));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_store_add_fuel(NULL, 1));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_store_set_fuel_action(NULL, PELLUCID_INTERRUPT_TRAP));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_config_set_fuel(NULL, true));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_store_set_fuel_action(store, 0));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_store_set_fuel_action(store, 4));
    pellucid_store_t *kept = store;
    pellucid_engine_t *kept_engine = engine;
    open_world(false);
    STATUS(PELLUCID_ERR_UNSUPPORTED, pellucid_store_fuel(store, &left));
    STATUS(PELLUCID_ERR_UNSUPPORTED, pellucid_store_set_fuel(store, 1));
    STATUS(PELLUCID_ERR_UNSUPPORTED, pellucid_store_add_fuel(store, 1));
    STATUS(PELLUCID_ERR_UNSUPPORTED, pellucid_store_set_fuel_action(store, PELLUCID_INTERRUPT_TRAP));
    CHECK(left == 5);
    close_world();
    store = kept;
    engine = kept_engine;
}

/* A start function is a guest like others. */
static void start_functions_take_fuel(void) {
    pellucid_module_t *module = module_of("(module (func $s (loop (br 0))) (start $s))");
    pellucid_instance_t other;
    OK(pellucid_store_set_fuel(store, 1000));
    expect_out_of_fuel(pellucid_instance_new(store, module, NULL, 0, &other, ERR));
    CHECK(fuel() == -1);
    pellucid_module_delete(module);
}

int main(void) {
    for (int way = 0; way < 4; way++) {
        open_guest(way & 1, way & 2);
        operators_cost_what_the_header_says();
        guests_pause_and_go_on();
        host_functions_share_the_fuel();
        if (way & 1)
            handlers_give_more();
        start_functions_take_fuel();
        wrong_arguments();
        close_world();
    }
    return finish();
}
