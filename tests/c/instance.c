/* Instances: imports, exports, and what debuggers see. */

#include "test.h"

static const char *WAT =
    "(module (global $g (mut i32) (i32.const 11)) (memory 1) (table 3 funcref)"
    "  (func $hidden (result i32) (global.get $g))"
    "  (func (export \"get\") (result i32) (call $hidden))"
    "  (global (export \"fixed\") i64 (i64.const 2))"
    "  (data \"x\") (elem func $hidden))";

static void exports(pellucid_instance_t instance) {
    size_t n = 0;
    OK(pellucid_instance_export_count(store, &instance, &n));
    CHECK(n == 2);
    pellucid_str_t name;
    pellucid_extern_t item;
    OK(pellucid_instance_export_at(store, &instance, 0, &name, &item));
    CHECK(same_text(name, "get") && item.kind == PELLUCID_EXTERN_FUNC);
    OK(pellucid_instance_export_at(store, &instance, 1, &name, NULL));
    CHECK(same_text(name, "fixed"));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_instance_export_at(store, &instance, 2, &name, &item));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_instance_export(store, &instance, TEXT("hidden"), &item));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_instance_export(store, &instance, "\xfe", 1, &item));
    pellucid_externtype_t *type;
    OK(pellucid_extern_type(store, &item, &type));
    CHECK(pellucid_externtype_kind(type) == PELLUCID_EXTERN_FUNC);
    pellucid_externtype_delete(type);
    item.kind = 12;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_extern_type(store, &item, &type));
    pellucid_instance_t wrong = instance;
    wrong.store++;
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_instance_export(store, &wrong, TEXT("get"), &item));
    wrong.store--;
    wrong.index = 1000;
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_instance_export(store, &wrong, TEXT("get"), &item));
}

static void hidden_things(pellucid_instance_t instance) {
    pellucid_spaces_t spaces = {.struct_size = sizeof spaces};
    OK(pellucid_instance_spaces(store, &instance, &spaces));
    CHECK(spaces.n_funcs == 2 && spaces.n_tables == 1 && spaces.n_memories == 1 && spaces.n_globals == 2);
    CHECK(spaces.n_elements == 1 && spaces.n_data == 1 && spaces.struct_size == sizeof spaces);
    /* A program that knows more members than the library gets those that the library knows. */
    struct {
        pellucid_spaces_t known;
        uint32_t unknown;
    } newer = {.known.struct_size = sizeof newer, .unknown = 77};
    OK(pellucid_instance_spaces(store, &instance, &newer.known));
    CHECK(newer.known.n_data == 1 && newer.unknown == 77);
    spaces.struct_size = 4;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_instance_spaces(store, &instance, &spaces));

    pellucid_func_t func;
    pellucid_value_t value = value_i32(12), result;
    OK(pellucid_instance_func(store, &instance, 0, &func));
    OK(pellucid_func_call(store, &func, NULL, 0, &result, 1, ERR));
    CHECK(result.of.i32 == 11);
    pellucid_global_t global;
    OK(pellucid_instance_global(store, &instance, 0, &global));
    OK(pellucid_global_set(store, &global, &value));
    OK(pellucid_func_call(store, &func, NULL, 0, &result, 1, ERR));
    CHECK(result.of.i32 == 12);
    pellucid_memory_t memory;
    OK(pellucid_instance_memory(store, &instance, 0, &memory));
    uint64_t size;
    OK(pellucid_memory_size(store, &memory, &size));
    CHECK(size == 1);
    pellucid_table_t table;
    OK(pellucid_instance_table(store, &instance, 0, &table));
    OK(pellucid_table_size(store, &table, &size));
    CHECK(size == 3);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_instance_func(store, &instance, 2, &func));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_instance_func(store, &instance, UINT32_MAX, &func));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_instance_global(store, &instance, 2, &global));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_instance_memory(store, &instance, 1, &memory));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_instance_table(store, &instance, 1, &table));
}

static void without_debugging(pellucid_instance_t instance) {
    pellucid_spaces_t spaces = {.struct_size = sizeof spaces};
    pellucid_func_t func;
    pellucid_global_t global;
    pellucid_memory_t memory;
    pellucid_table_t table;
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_instance_spaces(store, &instance, &spaces));
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_instance_func(store, &instance, 0, &func));
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_instance_global(store, &instance, 0, &global));
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_instance_memory(store, &instance, 0, &memory));
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_instance_table(store, &instance, 0, &table));
}

static void imports(void) {
    pellucid_module_t *module = module_of("(module $needy (import \"env\" \"mem\" (memory 2)))");
    pellucid_extern_t import = {.kind = PELLUCID_EXTERN_MEMORY};
    pellucid_memorytype_t type = {.minimum = 2};
    pellucid_instance_t instance = {3, 3};
    MUST(pellucid_memory_new(store, &type, &import.of.memory, ERR));
    OK(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    instance.store = instance.index = 3;
    STATUS(PELLUCID_ERR_LINK, pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
    type.minimum = 1;
    MUST(pellucid_memory_new(store, &type, &import.of.memory, ERR));
    STATUS(PELLUCID_ERR_LINK, pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    CHECK(message_has(last_error, "mem"));
    import.kind = PELLUCID_EXTERN_FUNC;
    CHECK(pellucid_instance_new(store, module, &import, 1, &instance, ERR) != PELLUCID_OK);
    import.kind = 5;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    import.kind = PELLUCID_EXTERN_MEMORY;
    import.of.memory.store++;
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    import.of.memory.store--;
    import.of.memory.index = 1000;
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_instance_new(store, NULL, NULL, 0, &instance, ERR));
    pellucid_module_delete(module);

    pellucid_engine_t *other;
    MUST(pellucid_engine_new(NULL, &other, ERR));
    static const uint8_t empty[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    MUST(pellucid_module_new(other, empty, sizeof empty, &module, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
    pellucid_module_delete(module);
    pellucid_engine_delete(other);

    module = module_of("(module (func $start unreachable) (start $start))");
    STATUS(PELLUCID_ERR_TRAP, pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
    pellucid_module_delete(module);
    module = module_of("(module (memory 1) (data (i32.const 65535) \"ab\"))");
    STATUS(PELLUCID_ERR_TRAP, pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS);
    pellucid_module_delete(module);
    CHECK(instance.store == 3);
}

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        pellucid_instance_t instance = instance_of(WAT);
        exports(instance);
        is_debug ? hidden_things(instance) : without_debugging(instance);
        imports();
        close_world();
    }
    return finish();
}
