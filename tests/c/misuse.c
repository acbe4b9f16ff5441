/* Mistakes that many functions have in common: NULL everywhere, misaligned pointers, impossible counts, two stores. */

#include "test.h"

static void null_objects(void) {
    pellucid_config_delete(NULL);
    pellucid_engine_delete(NULL);
    pellucid_module_delete(NULL);
    pellucid_functype_delete(NULL);
    pellucid_externtype_delete(NULL);
    pellucid_store_delete(NULL);
    pellucid_linker_delete(NULL);
    pellucid_call_delete(NULL);
    pellucid_edit_delete(NULL);
    pellucid_error_delete(NULL);
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_store_set_limit(NULL, PELLUCID_LIMIT_TABLES, 1));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_edit_commit(NULL, ERR));
    CHECK(last_error != NULL && message_has(last_error, "`edit` is NULL"));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_linker_instantiate(NULL, store, NULL, NULL, NULL));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_caller_instance(NULL, NULL));
    CHECK(pellucid_caller_store(NULL) == NULL && pellucid_event_kind(NULL) == 0 && !pellucid_event_can_pause(NULL));
}

static void bad_pointers(void) {
    pellucid_instance_t instance = instance_of("(module (func (export \"f\")))");
    uint64_t words[8];
    pellucid_func_t *misaligned = (pellucid_func_t *)((char *)words + 1);
    pellucid_func_t func = func_of(instance, "f");
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_instance_func(store, &instance, 0, misaligned));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call(store, misaligned, NULL, 0, NULL, 0, ERR));
    CHECK(message_has(last_error, "`func` is misaligned"));
    pellucid_value_t value;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call(store, &func, &value, SIZE_MAX / 2, NULL, 0, ERR));
    pellucid_extern_t item;
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_instance_export(store, &instance, NULL, 1, &item));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_instance_export(store, &instance, NULL, 0, &item));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_instance_export(store, &instance, "f", SIZE_MAX, &item));
}

static void two_stores(void) {
    pellucid_instance_t here = instance_of(
        "(module (func (export \"f\")) (memory (export \"m\") 1) (table (export \"t\") 1 funcref)"
        "  (global (export \"g\") i32 (i32.const 0)))");
    pellucid_func_t f = func_of(here, "f");
    pellucid_memory_t m = export_of(here, "m").of.memory;
    pellucid_table_t t = export_of(here, "t").of.table;
    pellucid_global_t g = export_of(here, "g").of.global;
    pellucid_store_t *other;
    MUST(pellucid_store_new(engine, NULL, NULL, &other, ERR));
    CHECK(pellucid_store_id(other) != pellucid_store_id(store));
    uint8_t *data = NULL;
    uint64_t size = 7;
    pellucid_value_t value = value_i32(7);
    pellucid_module_t *module = NULL;
    pellucid_functype_t *type = NULL;
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_func_call(other, &f, NULL, 0, NULL, 0, ERR));
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_func_call_raw(other, &f, NULL, 0, ERR));
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_func_type(other, &f, &type));
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_memory_data(other, &m, &data, NULL));
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_memory_grow(other, &m, 1, &size, ERR));
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_table_size(other, &t, &size));
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_table_get(other, &t, 0, &value));
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_global_get(other, &g, &value));
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_global_set(other, &g, &value));
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_instance_module(other, &here, &module));
    CHECK(data == NULL && size == 7 && value.of.i32 == 7 && module == NULL && type == NULL);
    /* The number of a store that is gone isn't used again. */
    pellucid_store_delete(other);
    MUST(pellucid_store_new(engine, NULL, NULL, &other, ERR));
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_func_type(other, &f, &type));
    pellucid_store_delete(other);
}

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        null_objects();
        pellucid_instance_t none = instance_of("(module)");
        (void)none;
        is_debug ? bad_pointers() : (void)0;
        two_stores();
        close_world();
    }
    return finish();
}
