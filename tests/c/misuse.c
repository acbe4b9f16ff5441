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
    /* A place for an error is looked at before anything is done. */
    pellucid_error_t **no_place = (pellucid_error_t **)((char *)words + 4);
    pellucid_module_t *module = NULL;
    memset(words, 0x55, sizeof words);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call(store, &func, NULL, 0, NULL, 0, no_place));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call_raw(store, &func, NULL, 0, no_place));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_module_new_text(engine, "(module)", 8, &module, no_place));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_module_new_text(engine, "(modul)", 7, &module, no_place));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_commit(NULL, no_place));
    CHECK(module == NULL && words[0] == 0x5555555555555555 && words[1] == 0x5555555555555555);
    pellucid_value_t value;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call(store, &func, &value, SIZE_MAX / 2, NULL, 0, ERR));
    pellucid_extern_t item;
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_instance_export(store, &instance, NULL, 1, &item));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_instance_export(store, &instance, NULL, 0, &item));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_instance_export(store, &instance, "f", SIZE_MAX, &item));
    /* What isn't an object isn't deleted. */
    void *no_object = (char *)words + 4;
    pellucid_config_delete(no_object);
    pellucid_engine_delete(no_object);
    pellucid_module_delete(no_object);
    pellucid_functype_delete(no_object);
    pellucid_externtype_delete(no_object);
    pellucid_store_delete(no_object);
    pellucid_linker_delete(no_object);
    pellucid_wasi_config_delete(no_object);
    pellucid_call_delete(no_object);
    pellucid_edit_delete(no_object);
    pellucid_error_delete(no_object);
    CHECK(!pellucid_signal_handle(11, no_object, no_object));
}

static int finalized;

static void count_finalizer(void *userdata) {
    (void)userdata;
    finalized++;
}

static pellucid_status_t gives_nonsense(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                        size_t n_args, pellucid_value_t *results, size_t n_results,
                                        pellucid_error_t **out_error) {
    (void)caller, (void)args, (void)n_args, (void)results, (void)n_results;
    *out_error = (pellucid_error_t *)((char *)userdata + 1);
    return PELLUCID_ERR_HOST;
}

static void bad_pointers_and_callbacks(void) {
    uint64_t words[2] = {0};
    pellucid_functype_t *type;
    pellucid_func_t func;
    MUST(pellucid_functype_new(NULL, 0, NULL, 0, &type));
    pellucid_error_t **no_place = (pellucid_error_t **)((char *)words + 2);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT,
           pellucid_func_new(store, type, words, gives_nonsense, count_finalizer, &func, no_place));
    CHECK(finalized == 1);
    MUST(pellucid_func_new(store, type, words, gives_nonsense, count_finalizer, &func, ERR));
    STATUS(PELLUCID_ERR_HOST, pellucid_func_call(store, &func, NULL, 0, NULL, 0, ERR));
    CHECK(finalized == 1);
    pellucid_functype_delete(type);
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

static uint64_t seed = 88172645463325252u;

static uint64_t any(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Often a number that could be meant, sometimes anything. */
static uint64_t number(void) {
    switch (any() % 4) {
    case 0:
        return any();
    case 1:
        return UINT64_MAX - any() % 3;
    default:
        return any() % 6;
    }
}

static void count_bad(int *bad, pellucid_status_t status) {
    *bad += status > 0 || status < PELLUCID_ERR_PANIC || status == PELLUCID_ERR_PANIC;
}

/* Handles and frames are plain data: no bits in them may do harm. Everything is answered, with whatever status. */
static void any_bits(void) {
    pellucid_instance_t made = instance_of(
        "(module (memory (export \"m\") 1) (table (export \"t\") 2 funcref) (global (export \"g\") (mut i32) (i32.const 0))"
        "  (func $f (export \"f\") (param i32) (result i32) (local.get 0)))");
    pellucid_func_t f = func_of(made, "f");
    pellucid_value_t value = value_i32(1), values[4];
    pellucid_call_t *call;
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &f, &value, 1, &call, ERR));
    (void)pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, NULL);
    for (int i = 0; i < 20000; i++) {
        uint64_t handle[2] = {any() % 8 == 0 ? number() : pellucid_store_id(store), number()};
        pellucid_func_t func;
        pellucid_instance_t instance;
        pellucid_memory_t memory;
        pellucid_table_t table;
        pellucid_global_t global;
        pellucid_externref_t ref;
        memcpy(&func, handle, 16);
        memcpy(&instance, handle, 16);
        memcpy(&memory, handle, 16);
        memcpy(&table, handle, 16);
        memcpy(&global, handle, 16);
        memcpy(&ref, handle, 16);
        pellucid_frame_t frame = {.store = handle[0],
                                  .call = any() % 2 ? pellucid_call_id(call) : number(),
                                  .epoch = number(),
                                  .position = (uint32_t)number(),
                                  .reserved = (uint32_t)number()};
        pellucid_value_t input = {.kind = (uint32_t)(any() % 8 == 0 ? number() : any() % 7)};
        input.of.opaque[0] = handle[0];
        input.of.opaque[1] = handle[1];
        pellucid_extern_t item = {.kind = (uint32_t)(any() % 5)}, found;
        memcpy(&item.of, handle, 16);
        pellucid_module_t *module = NULL;
        pellucid_functype_t *functype = NULL;
        pellucid_externtype_t *externtype = NULL;
        pellucid_memorytype_t memorytype;
        pellucid_tabletype_t tabletype;
        pellucid_globaltype_t globaltype;
        pellucid_raw_t raw;
        pellucid_str_t name;
        uint8_t bytes[8], *data;
        uint64_t size;
        uint32_t n;
        size_t count;
        void *userdata;
        int bad = 0;
#define ANY(call) count_bad(&bad, (call))
        ANY(pellucid_func_call(store, &func, &input, any() % 2, values, any() % 2, NULL));
        ANY(pellucid_func_type(store, &func, &functype));
        ANY(pellucid_func_name(store, &func, &name));
        ANY(pellucid_func_location(store, &func, &instance, &n));
        memcpy(&instance, handle, 16);
        ANY(pellucid_instance_module(store, &instance, &module));
        ANY(pellucid_instance_export(store, &instance, "f", 1, &found));
        ANY(pellucid_instance_export_at(store, &instance, number(), &name, &found));
        ANY(pellucid_instance_func(store, &instance, (uint32_t)number(), &func));
        ANY(pellucid_instance_global(store, &instance, (uint32_t)number(), &global));
        memcpy(&global, handle, 16);
        ANY(pellucid_extern_type(store, &item, &externtype));
        ANY(pellucid_memory_type(store, &memory, &memorytype));
        ANY(pellucid_memory_data(store, &memory, &data, &count));
        ANY(pellucid_memory_read(store, &memory, number(), bytes, any() % 8));
        ANY(pellucid_memory_write(store, &memory, number(), bytes, any() % 8));
        ANY(pellucid_table_type(store, &table, &tabletype));
        ANY(pellucid_table_get(store, &table, number(), values));
        ANY(pellucid_table_set(store, &table, number(), &input));
        ANY(pellucid_table_size(store, &table, &size));
        ANY(pellucid_global_type(store, &global, &globaltype));
        ANY(pellucid_global_get(store, &global, values));
        ANY(pellucid_global_set(store, &global, &input));
        ANY(pellucid_externref_userdata(store, &ref, &userdata));
        ANY(pellucid_value_to_raw(store, &input, &raw));
        raw.words[0] = number();
        raw.words[1] = number();
        ANY(pellucid_value_from_raw(store, (uint32_t)(any() % 12), &raw, values));
        ANY(pellucid_frame_caller(store, &frame, &frame));
        ANY(pellucid_frame_key(store, &frame, &size));
        ANY(pellucid_frame_pc(store, &frame, &n));
        ANY(pellucid_frame_read_locals(store, &frame, (uint32_t)number(), values, 4, &n));
        ANY(pellucid_frame_read_operands(store, &frame, (uint32_t)number(), values, 4, &n));
        ANY(pellucid_frame_local_name(store, &frame, (uint32_t)number(), &name));
#undef ANY
        CHECK(bad == 0);
        pellucid_module_delete(module);
        pellucid_functype_delete(functype);
        pellucid_externtype_delete(externtype);
    }
    pellucid_call_delete(call);
    CHECK(!pellucid_store_is_poisoned(store));
}

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        null_objects();
        pellucid_instance_t none = instance_of("(module)");
        (void)none;
        if (is_debug) {
            bad_pointers();
            bad_pointers_and_callbacks();
        }
        two_stores();
        any_bits();
        close_world();
    }
    return finish();
}
