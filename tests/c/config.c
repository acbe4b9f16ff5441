/* Configurations, engines, limits. */

#include "test.h"

static void options(void) {
    pellucid_config_t *config = NULL;
    OK(pellucid_config_new(&config));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_config_new(NULL));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_config_set_debug(NULL, true));
    OK(pellucid_config_set_opt_level(config, PELLUCID_OPT_NONE));
    OK(pellucid_config_set_opt_level(config, PELLUCID_OPT_SPEED_AND_SIZE));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_config_set_opt_level(config, 3));
    OK(pellucid_config_set_compile_threads(config, 2));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_config_set_limit(config, 0, 1));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_config_set_limit(config, 8, 1));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT,
           pellucid_config_set_limit(config, PELLUCID_LIMIT_NESTED_CALLS, UINT64_C(1) << 32));
    OK(pellucid_config_set_limit(config, PELLUCID_LIMIT_MEMORY_BYTES, 2 * 65536));
    OK(pellucid_config_set_debug(config, true));

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

int main(void) {
    options();
    engines();
    stack_size();
    return finish();
}
