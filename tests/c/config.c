/* Configurations, engines, limits. */

#define _GNU_SOURCE

#include "test.h"

#include <pthread.h>
#include <signal.h>

static void options(void) {
    pellucid_config_t *config = NULL;
    OK(pellucid_config_new(&config));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_config_new(NULL));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_config_set_debug(NULL, true));
    OK(pellucid_config_set_opt_level(config, PELLUCID_OPT_NONE));
    OK(pellucid_config_set_opt_level(config, PELLUCID_OPT_SPEED_AND_SIZE));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_config_set_opt_level(config, 3));
    OK(pellucid_config_set_compile_threads(config, 2));
    OK(pellucid_config_set_compile_memory(config, (uint64_t)1 << 30));
    OK(pellucid_config_set_compile_values(config, 1000));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_config_set_compile_values(NULL, 1000));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_config_set_limit(config, 0, 1));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_config_set_limit(config, 11, 1));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT,
           pellucid_config_set_limit(config, PELLUCID_LIMIT_NESTED_CALLS, UINT64_C(1) << 32));
    OK(pellucid_config_set_limit(config, PELLUCID_LIMIT_MEMORY_BYTES, 2 * 65536));
    OK(pellucid_config_set_debug(config, true));
    OK(pellucid_config_set_verifier(config, true));
    OK(pellucid_config_set_poison_stacks(config, true));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_config_set_verifier(NULL, true));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_config_set_poison_stacks(NULL, true));

    OK(pellucid_engine_new(config, &engine, ERR));
    pellucid_config_delete(config);
    pellucid_config_delete(NULL);
    CHECK(pellucid_engine_is_debug(engine));
    OK(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    CHECK(pellucid_store_is_debug(store));
    uint64_t limit = 0;
    OK(pellucid_store_limit(store, PELLUCID_LIMIT_MEMORY_BYTES, &limit));
    CHECK(limit == 2 * 65536);
    pellucid_memorytype_t type = {.minimum = 2};
    pellucid_memory_t memory;
    OK(pellucid_memory_new(store, &type, &memory, ERR));
    STATUS(PELLUCID_ERR_LIMIT, pellucid_memory_grow(store, &memory, 1, NULL, ERR));
    OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_MEMORY_BYTES, 3 * 65536));
    OK(pellucid_memory_grow(store, &memory, 1, NULL, ERR));
    type.minimum = 4;
    STATUS(PELLUCID_ERR_LIMIT, pellucid_memory_new(store, &type, &memory, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_store_set_limit(store, 77, 1));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_store_limit(store, 77, &limit));
    close_world();
}

static void engines(void) {
    pellucid_engine_t *first = NULL, *second = NULL;
    OK(pellucid_engine_new(NULL, &first, ERR));
    CHECK(!pellucid_engine_is_debug(first));
    CHECK(!pellucid_engine_is_debug(NULL));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_engine_new(NULL, NULL, ERR));
    CHECK(pellucid_error_status(last_error) == PELLUCID_ERR_NULL_ARGUMENT && message_has(last_error, "out_engine"));
    OK(pellucid_engine_clone(first, &second));
    pellucid_engine_delete(first);
    /* The engine lives on in its other reference, and in its store. */
    OK(pellucid_store_new(second, NULL, NULL, &store, ERR));
    pellucid_engine_delete(second);
    pellucid_engine_delete(NULL);
    pellucid_memorytype_t type = {.minimum = 1};
    pellucid_memory_t memory;
    OK(pellucid_memory_new(store, &type, &memory, ERR));
    pellucid_store_delete(store);
}

static void stack_size(void) {
    pellucid_config_t *config;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_compile_threads(config, 1));
    MUST(pellucid_config_set_limit(config, PELLUCID_LIMIT_STACK_BYTES, 4 << 20));
    MUST(pellucid_engine_new(config, &engine, ERR));
    pellucid_config_delete(config);
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    pellucid_instance_t instance = instance_of(
        "(module (func $f (export \"down\") (param i32) (result i32)"
        "  (if (result i32) (local.get 0)"
        "    (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))"
        "    (else (i32.const 0)))))");
    pellucid_func_t down = func_of(instance, "down");
    pellucid_value_t arg = value_i32(40000), result;
    OK(pellucid_func_call(store, &down, &arg, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 40000);
    close_world();
}

/* Without handlers nothing in the process changes, and guests trap all the same: also where these signals can't come through. */
static void no_signal_handlers(void) {
    enum { N = 4 };
    static const int signals[N] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    struct sigaction before[N], after[N];
    stack_t stack_before, stack_after;
    sigset_t blocked;
    sigemptyset(&blocked);
    for (int i = 0; i < N; i++) {
        CHECK(sigaction(signals[i], NULL, &before[i]) == 0);
        sigaddset(&blocked, signals[i]);
    }
    CHECK(sigaltstack(NULL, &stack_before) == 0);
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        pellucid_config_t *config;
        MUST(pellucid_config_new(&config));
        MUST(pellucid_config_set_compile_threads(config, 1));
        MUST(pellucid_config_set_debug(config, is_debug));
        OK(pellucid_config_set_signal_handlers(config, false));
        MUST(pellucid_engine_new(config, &engine, ERR));
        pellucid_config_delete(config);
        MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
        pellucid_instance_t instance = instance_of(
            "(module (memory 1 2) (table 2 funcref) (elem (i32.const 0) $down) (type $other (func (param f64)))"
            "  (func $down (export \"down\") (call $down))"
            "  (func (export \"unreachable\") unreachable)"
            "  (func (export \"load\") (drop (i64.load offset=8 (i32.const 65521))))"
            "  (func (export \"store\") (i32.store8 offset=4294967295 (i32.const -1) (i32.const 0)))"
            "  (func (export \"fill\") (memory.fill (i32.const 1) (i32.const 0) (i32.const 65536)))"
            "  (func (export \"get\") (drop (table.get (i32.const 2))))"
            "  (func (export \"undefined\") (call_indirect (i32.const 2)))"
            "  (func (export \"null\") (call_indirect (i32.const 1)))"
            "  (func (export \"mismatch\") (call_indirect (type $other) (f64.const 0) (i32.const 0)))"
            "  (func (export \"zero\") (drop (i32.rem_u (i32.const 1) (i32.const 0))))"
            "  (func (export \"overflow\") (drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1))))"
            "  (func (export \"too large\") (drop (i32.trunc_f64_s (f64.const 2147483648))))"
            "  (func (export \"nan\") (drop (i64.trunc_f32_u (f32.const nan)))))");
        static const struct {
            const char *name;
            pellucid_trap_t code;
        } traps[] = {
            {"down", PELLUCID_TRAP_CALL_STACK_EXHAUSTED},
            {"unreachable", PELLUCID_TRAP_UNREACHABLE},
            {"load", PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS},
            {"store", PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS},
            {"fill", PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS},
            {"get", PELLUCID_TRAP_TABLE_OUT_OF_BOUNDS},
            {"undefined", PELLUCID_TRAP_UNDEFINED_ELEMENT},
            {"null", PELLUCID_TRAP_UNINITIALIZED_ELEMENT},
            {"mismatch", PELLUCID_TRAP_INDIRECT_CALL_TYPE_MISMATCH},
            {"zero", PELLUCID_TRAP_INTEGER_DIVIDE_BY_ZERO},
            {"overflow", PELLUCID_TRAP_INTEGER_OVERFLOW},
            {"too large", PELLUCID_TRAP_INTEGER_OVERFLOW},
            {"nan", PELLUCID_TRAP_INVALID_CONVERSION_TO_INTEGER},
        };
        /* A fault now would kill the process. */
        CHECK(pthread_sigmask(SIG_BLOCK, &blocked, NULL) == 0);
        for (size_t i = 0; i < sizeof traps / sizeof *traps; i++) {
            pellucid_func_t func = func_of(instance, traps[i].name);
            for (int round = 0; round < 3; round++) {
                STATUS(PELLUCID_ERR_TRAP, pellucid_func_call_raw(store, &func, NULL, 0, ERR));
                CHECK(pellucid_error_trap(last_error) == traps[i].code);
                CHECK(pellucid_error_frame_count(last_error) == (i == 0 ? 256 : 1));
            }
        }
        CHECK(pthread_sigmask(SIG_UNBLOCK, &blocked, NULL) == 0);
        close_world();
    }
    for (int i = 0; i < N; i++) {
        CHECK(sigaction(signals[i], NULL, &after[i]) == 0);
        CHECK(before[i].sa_flags == after[i].sa_flags && before[i].sa_sigaction == after[i].sa_sigaction);
    }
    CHECK(sigaltstack(NULL, &stack_after) == 0);
    CHECK(stack_before.ss_sp == stack_after.ss_sp && stack_before.ss_flags == stack_after.ss_flags);
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_config_set_signal_handlers(NULL, true));
}

int main(void) {
    /* First, as every other engine installs handlers. */
    no_signal_handlers();
    options();
    engines();
    stack_size();
    return finish();
}
