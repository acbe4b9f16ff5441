/* Guests that are paused again and again where their stacks end: where there is hardly room for their registers. */

#include "test.h"

static const char *WAT =
    "(module (global $depth (export \"depth\") (mut i32) (i32.const 0))"
    "  (func $compute (result i64) (local $n i32) (local $v v128) (local $w v128) (local $x f64) (local $sum i64)"
    "    (local.set $n (i32.const 2000))"
    "    (loop"
    "      (local.set $v (i32x4.add (i32x4.mul (local.get $v) (v128.const i32x4 3 5 7 9)) (i32x4.splat (local.get $n))))"
    "      (local.set $w (i64x2.add (v128.xor (local.get $w) (local.get $v)) (v128.const i64x2 11 13)))"
    "      (local.set $x (f64.add (f64.mul (local.get $x) (f64.const 0.999)) (f64.convert_i32_s (local.get $n))))"
    "      (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (i64.extend_i32_u (local.get $n))))"
    "      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    "    (i64.xor (i64.xor (i64x2.extract_lane 0 (local.get $w)) (i64x2.extract_lane 1 (local.get $v)))"
    "      (i64.xor (local.get $sum) (i64.reinterpret_f64 (local.get $x)))))"
    "  (func $down (export \"down\") (param $n i32) (result i64)"
    "    (global.set $depth (i32.add (global.get $depth) (i32.const 1)))"
    "    (if (result i64) (local.get $n)"
    "      (then (i64.add (call $down (i32.sub (local.get $n) (i32.const 1))) (i64.const 1)))"
    "      (else (call $compute)))))";

/* How the host has it pause. */
enum way { NEVER, BY_FUEL, BY_TIME };

struct outcome {
    pellucid_call_state_t state;
    pellucid_trap_t trap;
    int64_t result;
    int32_t depth;
    int pauses;
};

static pellucid_instance_t instance;

static struct outcome outcome_of(int32_t n, enum way way) {
    struct outcome outcome = {0};
    pellucid_global_t depth = export_of(instance, "depth").of.global;
    pellucid_value_t value = value_i32(0), arg = value_i32(n), result;
    MUST(pellucid_global_set(store, &depth, &value));
    pellucid_func_t down = func_of(instance, "down");
    pellucid_call_t *call;
    MUST(pellucid_call_begin(store, &down, &arg, 1, &call, ERR));
    do {
        pellucid_budget_t budget = {20, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE};
        MUST(pellucid_store_set_fuel(store, way == BY_FUEL ? 60 : INT64_MAX));
        if (way == BY_TIME) {
            MUST(pellucid_call_resume_for(call, PELLUCID_RESUME_CONTINUE, &budget, &outcome.state, ERR));
        } else {
            MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &outcome.state, ERR));
        }
        outcome.pauses++;
    } while (outcome.state == PELLUCID_CALL_PAUSED);
    if (outcome.state == PELLUCID_CALL_FINISHED) {
        MUST(pellucid_call_results(call, &result, 1));
        outcome.result = result.of.i64;
    } else {
        pellucid_error_t *error;
        MUST(pellucid_call_error(call, &error));
        outcome.trap = pellucid_error_trap(error);
        pellucid_error_delete(error);
    }
    pellucid_call_delete(call);
    MUST(pellucid_global_get(store, &depth, &value));
    outcome.depth = value.of.i32;
    return outcome;
}

static bool same(struct outcome one, struct outcome other) {
    bool is_same = one.state == other.state && one.trap == other.trap && one.result == other.result;
    if (!is_same)
        fprintf(stderr, "    state %u and %u, trap %d and %d, result %" PRId64 " and %" PRId64 "\n", one.state, other.state,
                (int)one.trap, (int)other.trap, one.result, other.result);
    return is_same;
}

static void open_guest(bool is_debug) {
    pellucid_config_t *config;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, is_debug));
    MUST(pellucid_config_set_fuel(config, true));
    MUST(pellucid_config_set_limit(config, PELLUCID_LIMIT_STACK_BYTES, 65536));
    MUST(pellucid_engine_new(config, &engine, ERR));
    pellucid_config_delete(config);
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    MUST(pellucid_store_set_fuel_action(store, PELLUCID_INTERRUPT_PAUSE));
    MUST(pellucid_store_set_fuel(store, INT64_MAX));
    instance = instance_of(WAT);
}

static void pauses_give_no_more_stack(bool is_debug) {
    struct outcome whole = outcome_of(INT32_MAX, NEVER);
    CHECK(whole.state == PELLUCID_CALL_TRAPPED && whole.trap == PELLUCID_TRAP_CALL_STACK_EXHAUSTED);
    for (int round = 0; round < 3; round++) {
        for (int way = BY_FUEL; way <= BY_TIME; way++) {
            struct outcome paused = outcome_of(INT32_MAX, (enum way)way);
            CHECK(same(whole, paused));
            CHECK(way != BY_FUEL || paused.pauses > whole.depth / 60);
            /* With debugging a guest stops at a stop point, which needs some of its stack. */
            CHECK(paused.depth == whole.depth || (is_debug && paused.depth < whole.depth && paused.depth > whole.depth - 50));
        }
    }
}

static void registers_are_kept_where_stacks_end(bool is_debug) {
    int32_t most = outcome_of(INT32_MAX, NEVER).depth;
    int finished = 0;
    for (int32_t n = most - 60; n < most + 2; n++) {
        struct outcome whole = outcome_of(n, NEVER);
        for (int way = BY_FUEL; way <= BY_TIME; way++) {
            struct outcome paused = outcome_of(n, (enum way)way);
            finished += paused.state == PELLUCID_CALL_FINISHED;
            if (!is_debug || paused.state == PELLUCID_CALL_FINISHED)
                CHECK(same(whole, paused));
            else
                CHECK(paused.trap == PELLUCID_TRAP_CALL_STACK_EXHAUSTED);
        }
    }
    CHECK(finished > 40);
}

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_guest(is_debug);
        pauses_give_no_more_stack(is_debug);
        registers_are_kept_where_stacks_end(is_debug);
        close_world();
    }
    return finish();
}
