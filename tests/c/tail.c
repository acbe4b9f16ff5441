/* Tail calls: in constant stack, with frames that are what they say, in every form and mode. */

#include "test.h"

/* Twenty of something: parameters or results that registers don't hold. */
#define X20(what) what " " what " " what " " what " " what " " what " " what " " what " " what " " what " " what " " what \
    " " what " " what " " what " " what " " what " " what " " what " " what
#define I20 X20("i64")
#define N_MANY 20

static const char *const PARTS_OF_FIRST[] = {
    "(module $first"
    "  (import \"host\" \"twice\" (func $twice (param i64) (result i64)))"
    "  (import \"host\" \"many\" (func $host_many (param " I20 ") (result " I20 ")))"
    "  (type $two (func (param i64 i64) (result i64)))"
    "  (type $other (func (param i32) (result i64)))"
    "  (table $t (export \"table\") 8 funcref)"
    "  (elem (table $t) (i32.const 0) func $odd_by_table $even_by_table $ping)"
    "  (global $count (export \"count\") (mut i64) (i64.const 0))"
    "  (memory 1)"
    /* Two functions that take turns: directly, by the table, and with one of another instance, which is at 3. */
    "  (func $even (export \"even\") (param i64 i64) (result i64)"
    "    (if (i64.eqz (local.get 0)) (then (return (local.get 1))))"
    "    (return_call $odd (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 3))))"
    "  (func $odd (param i64 i64) (result i64)"
    "    (if (i64.eqz (local.get 0)) (then (return (i64.const -1))))"
    "    (return_call $even (i64.sub (local.get 0) (i64.const 1)) (i64.sub (local.get 1) (i64.const 1))))"
    "  (func $even_by_table (export \"even_by_table\") (param i64 i64) (result i64)"
    "    (if (i64.eqz (local.get 0)) (then (return (local.get 1))))"
    "    (return_call_indirect $t (type $two)"
    "      (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 3)) (i32.const 0)))"
    "  (func $odd_by_table (param i64 i64) (result i64)"
    "    (if (i64.eqz (local.get 0)) (then (return (i64.const -1))))"
    "    (return_call_indirect $t (type $two)"
    "      (i64.sub (local.get 0) (i64.const 1)) (i64.sub (local.get 1) (i64.const 1)) (i32.const 1)))"
    "  (func $ping (export \"ping\") (param i64 i64) (result i64)"
    "    (global.set $count (i64.add (global.get $count) (i64.const 1)))"
    "    (if (i64.eqz (local.get 0)) (then (return (local.get 1))))"
    "    (return_call_indirect $t (type $two)"
    "      (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 3)) (i32.const 3)))"
    /* Three functions that hand on two, twenty and six values: those on the stack grow and shrink. */
    "  (func $narrow (export \"narrow\") (param i64 i64) (result i64)"
    "    (if (i64.eqz (local.get 0)) (then (return (local.get 1))))"
    "    (return_call $wide (i64.sub (local.get 0) (i64.const 1)) (local.get 1)"
    "      (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8)"
    "      (i64.const 9) (i64.const 10) (i64.const 11) (i64.const 12) (i64.const 13) (i64.const 14) (i64.const 15)"
    "      (i64.const 16) (i64.const 17) (local.get 0)))"
    "  (func $wide (param " I20 ") (result i64)"
    "    (return_call $middle (local.get 0) (i64.add (local.get 1) (local.get 17))"
    "      (local.get 5) (local.get 7) (local.get 18) (local.get 19)))"
    "  (func $middle (param i64 i64 i64 i64 i64 i64) (result i64)"
    "    (return_call $narrow (local.get 0)"
    "      (i64.add (i64.mul (local.get 1) (local.get 2))"
    "        (i64.sub (i64.mul (local.get 3) (local.get 4)) (local.get 5)))))"
    ,
    /* Its locals survive the call, whatever takes the place of what it calls. */
    "  (func $outer (export \"outer\") (param i64) (result i64) (local i64 i64)"
    "    (local.set 1 (i64.mul (local.get 0) (i64.const 1000)))"
    "    (local.set 2 (i64.add (local.get 0) (i64.const 77)))"
    "    (local.get 1) (call $narrow (local.get 0) (i64.const 0)) i64.add"
    "    (i64.mul (local.get 2) (local.get 1)) i64.add)"
    /* Twenty results, by way of functions with few and with many parameters, and of the host. */
    "  (func $many (param i64) (result " I20 ")"
    "    (return_call $more (local.get 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6)"
    "      (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10) (i64.const 11) (i64.const 12) (i64.const 13)"
    "      (i64.const 14) (i64.const 15) (i64.const 16) (i64.const 17) (i64.const 18) (i64.const 19)))"
    "  (func $more (param " I20 ") (result " I20 ")"
    "    (if (i64.gt_s (local.get 0) (i64.const 0))"
    "      (then (return_call $many (i64.sub (local.get 0) (i64.const 1)))))"
    "    (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6) (local.get 7)"
    "    (local.get 8) (local.get 9) (local.get 10) (local.get 11) (local.get 12) (local.get 13) (local.get 14)"
    "    (local.get 15) (local.get 16) (local.get 17) (local.get 18) (local.get 19)"
    "    (return_call $host_many))"
    "  (func $calls_many (export \"calls_many\") (param i64) (result i64) (local i64)"
    "    (local.set 1 (i64.const 5))"
    "    (call $many (local.get 0))"
    "    i64.sub i64.sub i64.sub i64.sub i64.sub i64.sub i64.sub i64.sub i64.sub i64.sub"
    "    i64.sub i64.sub i64.sub i64.sub i64.sub i64.sub i64.sub i64.sub i64.sub"
    "    (i64.mul (local.get 1)))"
    "  (func (export \"many\") (param i64) (result " I20 ") (return_call $many (local.get 0)))"
    ,
    /* The host takes a guest's place. */
    "  (func $to_host (export \"to_host\") (param i64) (result i64) (return_call $twice (local.get 0)))"
    "  (func (export \"calls_to_host\") (param i64) (result i64)"
    "    (i64.add (call $to_host (local.get 0)) (i64.const 1)))"
    /* Traps, where the frame that has made the tail call is gone; and of the tail call itself. */
    "  (func $traps (param i64) (result i64) unreachable)"
    "  (func $to_trap (param i64) (result i64) (return_call $traps (local.get 0)))"
    "  (func (export \"calls_to_trap\") (param i64) (result i64)"
    "    (i64.add (call $to_trap (local.get 0)) (i64.const 1)))"
    "  (func $by_index (param i32) (result i64) (return_call_indirect $t (type $two) (i64.const 8) (i64.const 9) (local.get 0)))"
    "  (func (export \"calls_by_index\") (param i32) (result i64) (i64.add (call $by_index (local.get 0)) (i64.const 1)))"
    "  (func $of_other_type (param i32) (result i64) (return_call_indirect $t (type $other) (local.get 0) (i32.const 0)))"
    "  (func (export \"calls_of_other_type\") (param i32) (result i64)"
    "    (i64.add (call $of_other_type (local.get 0)) (i64.const 1)))"
    /* Without end: by calls of a function that would hand on more than it was given. */
    "  (func $deep (export \"deep\") (param i64) (result i64)"
    "    (if (i64.eqz (local.get 0)) (then (return_call $narrow (i64.const 2) (i64.const 0))))"
    "    (if (i64.eq (call $deep (local.get 0)) (i64.const 1))"
    "      (then (return_call $wide (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0)"
    "        (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0)"
    "        (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0))))"
    "    (i64.const 3))"
    /* Never makes the tail call that hands on most. */
    "  (func $careful (export \"careful\") (param i64) (result i64)"
    "    (if (i32.const 0)"
    "      (then (return_call $wide (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0)"
    "        (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0)"
    "        (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0))))"
    "    (i64.add (call $narrow (local.get 0) (i64.const 0)) (local.get 0)))"
    "  (func (export \"calls_careful\") (param i64) (result i64)"
    "    (i64.add (call $careful (local.get 0)) (i64.const 1)))"
    "  (func $down (param i64 i64) (result i64)"
    "    (if (i64.eqz (local.get 0)) (then (return (local.get 1))))"
    "    (return_call $down (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (local.get 0))))"
    "  (func (export \"calls_down\") (param i64) (result i64)"
    "    (i64.add (call $down (local.get 0) (i64.const 0)) (i64.const 1))))"};

static const char *const TEXT_OF_SECOND =
    "(module $second"
    "  (import \"first\" \"table\" (table $t 8 funcref))"
    "  (import \"first\" \"ping\" (func $ping (param i64 i64) (result i64)))"
    "  (global $count (export \"count\") (mut i64) (i64.const 0))"
    "  (elem (table $t) (i32.const 3) func $pong)"
    "  (func $pong (export \"pong\") (param i64 i64) (result i64)"
    "    (global.set $count (i64.add (global.get $count) (i64.const 10)))"
    "    (if (i64.eqz (local.get 0)) (then (return (i64.const -1))))"
    "    (return_call $ping (i64.sub (local.get 0) (i64.const 1)) (i64.sub (local.get 1) (i64.const 1)))))";

/* Another way to run the same. */
static bool is_debug, is_exact, has_handlers, is_unoptimised;

static pellucid_instance_t first, second;
static pellucid_module_t *module_of_first;
static pellucid_call_t *call;
static pellucid_call_state_t state;

/* What a host function sees. */
static size_t seen_activations;
static uint32_t seen_frames;
static bool seen_instance;
/* Whether the host's functions have no results yet. */
static bool waits;

#define CALLBACK(name)                                                                                                \
    static pellucid_status_t name(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,           \
                                  size_t n_args, pellucid_value_t *results, size_t n_results,                        \
                                  pellucid_error_t **out_error)

CALLBACK(twice) {
    (void)userdata, (void)n_args, (void)n_results, (void)out_error;
    pellucid_instance_t instance;
    MUST(pellucid_caller_instance(caller, &instance));
    seen_instance = instance.index == first.index;
    seen_frames = 0;
    if (is_debug) {
        pellucid_frame_t frame;
        MUST(pellucid_frame_activations(store, &frame, 1, &seen_activations));
        while (seen_frames < seen_activations * 100 && pellucid_frame_is_valid(store, &frame)) {
            seen_frames++;
            if (pellucid_frame_caller(store, &frame, &frame) != PELLUCID_OK)
                break;
        }
    }
    if (waits)
        return pellucid_caller_yield(caller, 2, out_error);
    results[0] = value_i64(2 * args[0].of.i64);
    return PELLUCID_OK;
}

CALLBACK(many) {
    (void)userdata, (void)n_results;
    if (waits)
        return pellucid_caller_yield(caller, N_MANY, out_error);
    for (size_t i = 0; i < n_args; i++)
        results[i] = value_i64(args[i].of.i64 * 3);
    return PELLUCID_OK;
}

static pellucid_extern_t host_func(pellucid_func_cb_t cb, size_t n) {
    pellucid_kind_t kinds[N_MANY];
    for (size_t i = 0; i < n; i++)
        kinds[i] = PELLUCID_I64;
    pellucid_functype_t *type;
    MUST(pellucid_functype_new(kinds, n, kinds, n, &type));
    pellucid_extern_t item = {0};
    item.kind = PELLUCID_EXTERN_FUNC;
    MUST(pellucid_func_new(store, type, NULL, cb, NULL, &item.of.func, ERR));
    pellucid_functype_delete(type);
    return item;
}

static void open_scene(void) {
    pellucid_config_t *config;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, is_debug));
    MUST(pellucid_config_set_exact(config, is_exact));
    MUST(pellucid_config_set_signal_handlers(config, has_handlers));
    MUST(pellucid_config_set_verifier(config, true));
    MUST(pellucid_config_set_poison_stacks(config, true));
    MUST(pellucid_config_set_compile_threads(config, 1));
    if (is_unoptimised)
        MUST(pellucid_config_set_opt_level(config, PELLUCID_OPT_NONE));
    MUST(pellucid_engine_new(config, &engine, ERR));
    pellucid_config_delete(config);
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    static char text[16384];
    text[0] = 0;
    for (size_t i = 0; i < sizeof PARTS_OF_FIRST / sizeof *PARTS_OF_FIRST; i++)
        strcat(text, PARTS_OF_FIRST[i]);
    module_of_first = module_of(text);
    pellucid_module_t *module_of_second = module_of(TEXT_OF_SECOND);
    pellucid_extern_t imports[] = {host_func(twice, 1), host_func(many, N_MANY)};
    MUST(pellucid_instance_new(store, module_of_first, imports, 2, &first, ERR));
    imports[0] = export_of(first, "table");
    imports[1] = export_of(first, "ping");
    MUST(pellucid_instance_new(store, module_of_second, imports, 2, &second, ERR));
    pellucid_module_delete(module_of_second);
}

static void close_scene(void) {
    pellucid_module_delete(module_of_first);
    close_world();
}

static int64_t run_two(const char *name, int64_t n) {
    pellucid_func_t func = func_of(first, name);
    pellucid_value_t args[2] = {value_i64(n), value_i64(0)}, result = value_i64(-2);
    OK(pellucid_func_call(store, &func, args, 2, &result, 1, ERR));
    return result.of.i64;
}

static int64_t run_one(const char *name, int64_t n) {
    pellucid_func_t func = func_of(first, name);
    pellucid_value_t arg = value_i64(n), result = value_i64(-2);
    OK(pellucid_func_call(store, &func, &arg, 1, &result, 1, ERR));
    return result.of.i64;
}

static int64_t count_of(pellucid_instance_t instance) {
    pellucid_value_t value;
    pellucid_global_t global = export_of(instance, "count").of.global;
    MUST(pellucid_global_get(store, &global, &value));
    return value.of.i64;
}

static int64_t narrow(int64_t n) {
    uint64_t sum = 0;
    for (; n != 0; n--)
        sum = (sum + 16) * 4 + 6 * 17 - (uint64_t)n;
    return (int64_t)sum;
}

static int64_t outer(int64_t n) {
    return (int64_t)((uint64_t)n * 1000 + (uint64_t)narrow(n) + (uint64_t)(n + 77) * (uint64_t)n * 1000);
}

static int64_t calls_many(int64_t n) {
    /* 3 * (0 - (1 - (2 - …))), and the host gets 0 for the first of them. */
    (void)n;
    int64_t result = 19;
    for (int64_t i = 18; i >= 0; i--)
        result = i - result;
    return 3 * result * 5;
}

static void ten_million_take_no_stack(void) {
    open_scene();
    const int64_t n = 10 * 1000 * 1000;
    CHECK(run_two("even", n) == n);
    CHECK(run_two("even_by_table", n) == n);
    CHECK(run_two("ping", n) == n);
    CHECK(count_of(first) == n / 2 + 1 && count_of(second) == n / 2 * 10);
    CHECK(run_two("narrow", n) == narrow(n));
    CHECK(run_one("outer", 1000) == outer(1000));
    close_scene();
}

static void arguments_and_results_are_where_they_belong(void) {
    open_scene();
    for (int64_t n = 0; n < 5; n++) {
        CHECK(run_one("outer", n) == outer(n));
        CHECK(run_one("calls_many", n) == calls_many(n));
        pellucid_func_t func = func_of(first, "many");
        pellucid_value_t arg = value_i64(n), results[N_MANY];
        MUST(pellucid_func_call(store, &func, &arg, 1, results, N_MANY, ERR));
        for (int64_t i = 0; i < N_MANY; i++)
            CHECK(results[i].of.i64 == 3 * i);
        pellucid_raw_t raw[N_MANY] = {{.i64 = n}};
        MUST(pellucid_func_call_raw(store, &func, raw, N_MANY, ERR));
        CHECK(raw[19].i64 == 57);
    }
    close_scene();
}

static void the_host_sees_who_is_there(void) {
    open_scene();
    CHECK(run_one("to_host", 4) == 8 && seen_instance);
    CHECK(seen_frames == 0);
    CHECK(run_one("calls_to_host", 4) == 9 && seen_instance);
    CHECK(seen_frames == (is_debug ? 1 : 0));
    close_scene();
}

static bool frame_is(size_t place, const char *name) {
    pellucid_backtrace_frame_t frame = {.struct_size = sizeof frame};
    MUST(pellucid_error_frame(last_error, place, &frame));
    return same_text(frame.func_name, name);
}

static void traps_name_the_frames_that_are_there(void) {
    open_scene();
    pellucid_func_t func = func_of(first, "calls_to_trap");
    pellucid_value_t arg = value_i64(4), result;
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &func, &arg, 1, &result, 1, ERR));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_UNREACHABLE);
    CHECK(pellucid_error_frame_count(last_error) == 2 && frame_is(0, "traps"));
    static const struct {
        const char *name, *frame;
        int32_t element;
        pellucid_trap_t trap;
    } cases[] = {{"calls_by_index", "by_index", 8, PELLUCID_TRAP_UNDEFINED_ELEMENT},
                 {"calls_by_index", "by_index", 5, PELLUCID_TRAP_UNINITIALIZED_ELEMENT},
                 {"calls_of_other_type", "of_other_type", 0, PELLUCID_TRAP_INDIRECT_CALL_TYPE_MISMATCH}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        func = func_of(first, cases[i].name);
        arg = value_i32(cases[i].element);
        STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &func, &arg, 1, &result, 1, ERR));
        CHECK(pellucid_error_trap(last_error) == cases[i].trap);
        CHECK(pellucid_error_frame_count(last_error) == 2 && frame_is(0, cases[i].frame));
        if (!is_debug)
            continue;
        /* The frame is there, with what the operator would have taken. */
        MUST(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
        pellucid_frame_t frame;
        pellucid_frame_kind_t kind;
        pellucid_value_t operands[4];
        uint32_t n;
        uint64_t key = 0, key_at_trap;
        for (;;) {
            MUST(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
            if (state != PELLUCID_CALL_PAUSED)
                break;
            MUST(pellucid_call_frame(call, &frame));
            MUST(pellucid_frame_key(store, &frame, &key));
        }
        CHECK(state == PELLUCID_CALL_TRAPPED);
        MUST(pellucid_call_frame(call, &frame));
        MUST(pellucid_frame_key(store, &frame, &key_at_trap));
        CHECK(key == key_at_trap);
        MUST(pellucid_frame_kind(store, &frame, &kind));
        MUST(pellucid_frame_read_operands(store, &frame, 0, operands, 4, &n));
        CHECK(kind == PELLUCID_FRAME_TRAPPED && n >= 2 && operands[n - 1].of.i32 == cases[i].element);
        MUST(pellucid_frame_caller(store, &frame, &frame));
        STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_frame_caller(store, &frame, &frame));
        pellucid_call_delete(call);
    }
    /* The stack ends somewhere in a function that makes room for what it would hand on. */
    func = func_of(first, "deep");
    for (int i = 0; i < 4; i++) {
        arg = value_i64(1);
        MUST(pellucid_store_set_limit(store, PELLUCID_LIMIT_STACK_BYTES, (1 << 20) + (uint64_t)i * 4096));
        STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &func, &arg, 1, &result, 1, ERR));
        CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_CALL_STACK_EXHAUSTED);
        CHECK(pellucid_error_frame_count(last_error) == 256);
        for (size_t place = 0; place < pellucid_error_frame_count(last_error); place++)
            CHECK(frame_is(place, "deep"));
    }
    close_scene();
}

static void begin(const char *name, int64_t n) {
    pellucid_func_t func = func_of(first, name);
    pellucid_value_t arg = value_i64(n);
    MUST(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
}

static bool step(void) {
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
    return state == PELLUCID_CALL_PAUSED;
}

static uint64_t key_of(pellucid_frame_t frame) {
    uint64_t key;
    MUST(pellucid_frame_key(store, &frame, &key));
    return key;
}

static bool is_in(pellucid_frame_t frame, const char *name) {
    pellucid_str_t text;
    MUST(pellucid_frame_func_name(store, &frame, &text));
    return same_text(text, name);
}

static int64_t local_of(pellucid_frame_t frame, uint32_t local) {
    pellucid_value_t value;
    uint32_t n;
    MUST(pellucid_frame_read_locals(store, &frame, local, &value, 1, &n));
    return value.of.i64;
}

static int64_t run_on(void) {
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    pellucid_value_t result = value_i64(-2);
    if (CHECK(state == PELLUCID_CALL_FINISHED))
        MUST(pellucid_call_results(call, &result, 1));
    pellucid_call_delete(call);
    return result.of.i64;
}

/* Begins `name` and steps into the function `inner`. */
static pellucid_frame_t stop_in(const char *name, int64_t n, const char *inner) {
    begin(name, n);
    do
        CHECK(step());
    while (!is_in(frame_of(call), inner));
    return frame_of(call);
}

static void steps_lead_into_the_function_that_takes_the_place(void) {
    open_scene();
    static const char *const order[] = {"narrow", "wide", "middle"};
    pellucid_frame_t frame = stop_in("outer", 3, "narrow"), caller, before;
    MUST(pellucid_frame_caller(store, &frame, &caller));
    const uint64_t key_of_outer = key_of(caller);
    uint32_t pc_of_outer, pc;
    MUST(pellucid_frame_pc(store, &caller, &pc_of_outer));
    for (int hop = 0; hop < 9; hop++) {
        before = frame_of(call);
        uint64_t key = key_of(before);
        CHECK(is_in(before, order[hop % 3]));
        /* To the tail call, which shows what it hands on, and over it. */
        uint32_t n = 0;
        int64_t handed_on[N_MANY] = {0};
        do {
            pellucid_value_t operands[N_MANY];
            frame = frame_of(call);
            CHECK(key_of(frame) == key && depth_of(call) == 2);
            MUST(pellucid_frame_read_operands(store, &frame, 0, operands, N_MANY, &n));
            for (uint32_t i = 0; i < n; i++)
                handed_on[i] = operands[i].kind == PELLUCID_I64 ? operands[i].of.i64 : -1;
            CHECK(step());
        } while (is_in(frame_of(call), order[hop % 3]));
        static const uint32_t counts[] = {20, 6, 2};
        CHECK(n == counts[hop % 3]);
        CHECK(!pellucid_frame_is_valid(store, &frame) && !pellucid_frame_is_valid(store, &before));
        STATUS(PELLUCID_ERR_STALE_HANDLE, pellucid_frame_pc(store, &frame, &pc));
        pellucid_value_t value = value_i64(1);
        STATUS(PELLUCID_ERR_STALE_HANDLE, pellucid_frame_write_local(store, &before, 0, &value, ERR));
        frame = frame_of(call);
        CHECK(is_in(frame, order[(hop + 1) % 3]) && depth_of(call) == 2 && key_of(frame) != key);
        for (uint32_t i = 0; i < n; i++)
            CHECK(local_of(frame, i) == handed_on[i]);
        MUST(pellucid_frame_caller(store, &frame, &caller));
        MUST(pellucid_frame_pc(store, &caller, &pc));
        CHECK(is_in(caller, "outer") && key_of(caller) == key_of_outer && pc == pc_of_outer);
        CHECK(local_of(caller, 1) == 3000 && local_of(caller, 2) == 80);
    }
    /* Out of the last one, to where the first one would have returned. */
    while (depth_of(call) == 2)
        CHECK(step());
    CHECK(is_in(frame_of(call), "outer") && key_of(frame_of(call)) == key_of_outer);
    CHECK(run_on() == outer(3));
    /* The host's is one step, after which the caller goes on. */
    stop_in("calls_to_host", 5, "to_host");
    CHECK(step() && depth_of(call) == 2);
    CHECK(step() && depth_of(call) == 1);
    CHECK(run_on() == 11);
    /* A function in its own place is another frame, too. */
    frame = stop_in("calls_down", 5, "down");
    for (int64_t n = 5; n >= 0; n--) {
        const uint64_t key = key_of(frame_of(call));
        while (depth_of(call) == 2 && local_of(frame_of(call), 0) == n) {
            CHECK(key_of(frame_of(call)) == key);
            CHECK(step());
        }
        CHECK(depth_of(call) == (n == 0 ? 1 : 2) && key_of(frame_of(call)) != key);
    }
    CHECK(run_on() == 16);
    /* All of it, also between instances and by the table, operator by operator. */
    pellucid_func_t ping = func_of(first, "ping");
    pellucid_value_t args[2] = {value_i64(4), value_i64(0)}, result;
    MUST(pellucid_call_begin(store, &ping, args, 2, &call, ERR));
    int pongs = 0;
    while (step()) {
        CHECK(depth_of(call) == 1);
        uint32_t operands;
        frame = frame_of(call);
        MUST(pellucid_frame_operand_count(store, &frame, &operands));
        pellucid_instance_t instance;
        MUST(pellucid_frame_instance(store, &frame, &instance));
        CHECK(instance.index == (is_in(frame, "pong") ? second : first).index);
        if (pongs % 2 == 0 && is_in(frame, "pong"))
            pongs++;
        else if (pongs % 2 == 1 && is_in(frame, "ping"))
            pongs++;
    }
    CHECK(state == PELLUCID_CALL_FINISHED && pongs == 4);
    MUST(pellucid_call_results(call, &result, 1));
    CHECK(result.of.i64 == 4);
    pellucid_call_delete(call);
    close_scene();
}

static int hits;

static pellucid_action_t on_event(void *userdata, pellucid_store_t *in, pellucid_event_t *event) {
    (void)userdata, (void)in;
    pellucid_frame_t frame;
    MUST(pellucid_event_frame(event, &frame));
    CHECK(is_in(frame, "wide") || is_in(frame, "middle"));
    hits++;
    return PELLUCID_ACTION_CONTINUE;
}

static void breakpoints_are_hit_in_what_takes_the_place(void) {
    open_scene();
    pellucid_edit_t *edit;
    uint64_t id;
    uint32_t actual, n_operands, pc, index;
    pellucid_frame_t frame = stop_in("outer", 1, "wide");
    /* At the operator of the tail call itself, and at the beginning of a function. */
    pc = 0;
    while (is_in(frame_of(call), "wide")) {
        frame = frame_of(call);
        MUST(pellucid_frame_pc(store, &frame, &pc));
        MUST(pellucid_frame_operand_count(store, &frame, &n_operands));
        CHECK(step());
    }
    CHECK(n_operands == 6);
    frame = frame_of(call);
    MUST(pellucid_frame_func_index(store, &frame, &index));
    CHECK(run_on() == outer(1));
    MUST(pellucid_edit_begin(store, &edit));
    MUST(pellucid_edit_add(edit, module_of_first, pc, &id, &actual));
    CHECK(actual == pc);
    MUST(pellucid_edit_add_at_function(edit, module_of_first, index, &id, NULL));
    MUST(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_ALL, NULL, on_event, NULL));
    hits = 0;
    CHECK(run_one("outer", 50) == outer(50));
    CHECK(hits == 100);
    close_scene();
}

/* A host function that has taken a guest's place waits, with the guest's caller beneath it, or with nobody. */
static void the_host_may_wait(void) {
    open_scene();
    waits = true;
    static const struct {
        const char *name;
        bool has_caller;
        int64_t result;
    } cases[] = {{"to_host", false, 21}, {"calls_to_host", true, 22}, {"calls_many", true, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int steps = 0; steps <= (is_debug ? 1 : 0); steps++) {
            begin(cases[i].name, 3);
            do
                MUST(pellucid_call_resume(call, steps ? PELLUCID_RESUME_STEP : PELLUCID_RESUME_CONTINUE, &state, ERR));
            while (state == PELLUCID_CALL_PAUSED);
            CHECK(state == PELLUCID_CALL_YIELDED);
            pellucid_frame_t frame;
            if (is_debug && cases[i].has_caller) {
                CHECK(is_in(frame_of(call), cases[i].name) && depth_of(call) == 1);
            } else {
                STATUS(is_debug ? PELLUCID_ERR_NOT_FOUND : PELLUCID_ERR_DEBUG_DISABLED,
                       pellucid_call_frame(call, &frame));
            }
            uint64_t n;
            pellucid_value_t values[N_MANY], result;
            MUST(pellucid_call_awaited(call, NULL, &n));
            MUST(pellucid_call_awaited_args(call, values, n == N_MANY ? N_MANY : 1));
            CHECK(values[0].of.i64 == (n == 2 ? 3 : 0));
            for (int64_t at = 0; at < N_MANY; at++)
                values[at] = value_i64(n == N_MANY ? 3 * at : 21);
            MUST(pellucid_call_give(call, values, n == N_MANY ? N_MANY : 1, ERR));
            MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
            if (steps && cases[i].has_caller) {
                /* The step ends behind it. */
                CHECK(state == PELLUCID_CALL_PAUSED && is_in(frame_of(call), cases[i].name));
                MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
            }
            CHECK(state == PELLUCID_CALL_FINISHED);
            MUST(pellucid_call_results(call, &result, 1));
            CHECK(result.of.i64 == (n == N_MANY ? calls_many(3) : cases[i].result));
            pellucid_call_delete(call);
        }
    }
    waits = false;
    close_scene();
}

/* Writes what is there into every frame at every operator: each of them goes on in its exact form, from there. */
static void frames_that_were_moved_make_tail_calls(void) {
    open_scene();
    static const struct {
        const char *name;
        int64_t n;
    } cases[] = {{"outer", 2}, {"calls_many", 1}, {"calls_to_host", 4}, {"calls_down", 2}, {"calls_careful", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int64_t expected = run_one(cases[i].name, cases[i].n);
        uint32_t last = 1;
        for (uint32_t steps = 1; steps <= last; steps++) {
            begin(cases[i].name, cases[i].n);
            uint32_t done = 0;
            while (done < steps && step())
                done++;
            if (done < steps) {
                CHECK(state == PELLUCID_CALL_FINISHED);
                pellucid_call_delete(call);
                break;
            }
            last++;
            uint32_t frames = 0;
            uint64_t keys[3] = {0};
            for (pellucid_frame_t frame = frame_of(call);;) {
                uint32_t n_locals;
                pellucid_value_t value;
                uint32_t n;
                keys[frames++] = key_of(frame);
                MUST(pellucid_frame_local_count(store, &frame, &n_locals));
                MUST(pellucid_frame_read_locals(store, &frame, n_locals - 1, &value, 1, &n));
                MUST(pellucid_frame_write_local(store, &frame, n_locals - 1, &value, ERR));
                if (pellucid_frame_caller(store, &frame, &frame) != PELLUCID_OK)
                    break;
            }
            if (steps % 2 == 0) {
                /* The frame that waits stays what it was, and the only one does, as it makes no tail call. */
                const uint32_t before = depth_of(call);
                if (step() && depth_of(call) == before) {
                    pellucid_frame_t frame = frame_of(call);
                    if (before > 1) {
                        MUST(pellucid_frame_caller(store, &frame, &frame));
                        CHECK(key_of(frame) == keys[1]);
                    } else {
                        CHECK(key_of(frame) == keys[0]);
                    }
                }
                if (state == PELLUCID_CALL_FINISHED) {
                    pellucid_value_t result;
                    MUST(pellucid_call_results(call, &result, 1));
                    CHECK(result.of.i64 == expected);
                    pellucid_call_delete(call);
                    continue;
                }
            }
            CHECK(run_on() == expected);
        }
        CHECK(last >= 8);
    }
    close_scene();
}

static void frames_in_anothers_place_are_changed(void) {
    open_scene();
    const char *const inner[] = {"narrow", "wide", "middle"};
    for (size_t i = 0; i < 3; i++) {
        /* Another value, in the frame and in the one that waits for it. */
        pellucid_frame_t frame = stop_in("outer", 1, inner[i]), caller, moved;
        pellucid_value_t value = value_i64(0);
        MUST(pellucid_frame_write_local(store, &frame, 0, &value, ERR));
        MUST(pellucid_frame_caller(store, &frame, &caller));
        value = value_i64(10);
        MUST(pellucid_frame_write_local(store, &caller, 2, &value, ERR));
        const int64_t rest = i == 0 ? 0 : narrow(1);
        CHECK(run_on() == 1000 + rest + 10 * 1000);
        /* An early return, to who has called the first of them. */
        frame = stop_in("outer", 3, inner[i]);
        value = value_i64(500);
        MUST(pellucid_frame_return(store, &frame, &value, 1, &moved, ERR));
        CHECK(depth_of(call) == 2 && step() && depth_of(call) == 1);
        CHECK(run_on() == outer(3) - narrow(3) + 500);
        /* Once more from its beginning. */
        frame = stop_in("outer", 3, inner[i]);
        CHECK(step() && step());
        frame = frame_of(call);
        MUST(pellucid_frame_restart(store, &frame, &moved, ERR));
        CHECK(run_on() == outer(3));
        /* Its caller hasn't called it. */
        frame = stop_in("outer", 3, inner[i]);
        if (i == 0) {
            MUST(pellucid_frame_drop(store, &frame, &moved, ERR));
            CHECK(depth_of(call) == 1);
        } else {
            STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_frame_drop(store, &frame, &moved, ERR));
            CHECK(message_has(last_error, "tail call") && pellucid_frame_is_valid(store, &frame) && depth_of(call) == 2);
        }
        CHECK(run_on() == outer(3));
    }
    /* With results that registers don't hold. */
    static const char *const giving_many[] = {"many", "more"};
    for (size_t i = 0; i < 2; i++) {
        pellucid_frame_t frame = stop_in("calls_many", 3, giving_many[i]);
        pellucid_value_t results[N_MANY];
        for (int64_t at = 0; at < N_MANY; at++)
            results[at] = value_i64(7 * at);
        MUST(pellucid_frame_return(store, &frame, results, N_MANY, NULL, ERR));
        CHECK(run_on() == calls_many(3) / 3 * 7);
    }
    close_scene();
}

/* Interrupted anywhere, also where one frame takes the place of another. */
static void interrupts_find_the_frames_that_are_there(void) {
    open_scene();
    const int64_t n = 1500 * 1000;
    pellucid_func_t func = func_of(first, "outer");
    pellucid_value_t arg = value_i64(1LL << 40), result;
    pellucid_budget_t budget = {0};
    budget.clock = PELLUCID_CLOCK_WALL;
    budget.action = PELLUCID_INTERRUPT_TRAP;
    int begun = 0;
    /* On a busy machine it takes longer until a guest has begun. */
    for (uint64_t i = 0; i < 300 || (begun <= 100 && i < 10000); i++) {
        budget.microseconds = 20 + i % 50 + i / 300 * 20;
        STATUS(PELLUCID_ERR_TRAP, pellucid_func_call_for(store, &func, &arg, 1, &result, 1, &budget, ERR));
        CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_DEADLINE);
        const size_t frames = pellucid_error_frame_count(last_error);
        /* It may not have begun. */
        if (frames == 0)
            continue;
        begun++;
        CHECK(frames <= 2 && frame_is(frames - 1, "outer"));
        CHECK(frames == 1 || frame_is(0, "narrow") || frame_is(0, "wide") || frame_is(0, "middle"));
    }
    CHECK(begun > 100);
    if (is_debug) {
        budget.action = PELLUCID_INTERRUPT_PAUSE;
        begin("outer", n);
        for (uint64_t i = 0; i < 300; i++) {
            budget.microseconds = 20 + i % 50;
            MUST(pellucid_call_resume_for(call, PELLUCID_RESUME_CONTINUE, &budget, &state, ERR));
            if (state == PELLUCID_CALL_FINISHED)
                break;
            pellucid_frame_t frame = frame_of(call);
            CHECK(depth_of(call) == 2 || (depth_of(call) == 1 && is_in(frame, "outer")));
            while (pellucid_frame_caller(store, &frame, &frame) == PELLUCID_OK)
                continue;
            CHECK(is_in(frame, "outer") && local_of(frame, 0) == n);
        }
        if (state == PELLUCID_CALL_FINISHED) {
            MUST(pellucid_call_results(call, &result, 1));
            CHECK(result.of.i64 == outer(n));
            pellucid_call_delete(call);
        } else {
            CHECK(run_on() == outer(n));
        }
    }
    close_scene();
}

int main(void) {
    for (int mode = 0; mode < 12; mode++) {
        is_debug = mode % 3 != 0;
        is_exact = mode % 3 == 2;
        has_handlers = mode % 6 < 3;
        is_unoptimised = mode >= 6;
        if (!is_exact || has_handlers)
            ten_million_take_no_stack();
        arguments_and_results_are_where_they_belong();
        the_host_sees_who_is_there();
        traps_name_the_frames_that_are_there();
        the_host_may_wait();
        if (has_handlers)
            interrupts_find_the_frames_that_are_there();
        if (is_debug) {
            steps_lead_into_the_function_that_takes_the_place();
            breakpoints_are_hit_in_what_takes_the_place();
            frames_that_were_moved_make_tail_calls();
            frames_in_anothers_place_are_changed();
        }
    }
    return finish();
}
