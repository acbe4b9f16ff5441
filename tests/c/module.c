/* Modules: making them, and what they declare. */

#include "test.h"

static const char *WAT =
    "(module $lib"
    "  (import \"env\" \"log\" (func $log (param i32)))"
    "  (import \"env\" \"mem\" (memory 1))"
    "  (func $twice (param $x i32) (result i32) (local $y i64) (i32.add (local.get 0) (local.get 0)))"
    "  (func (export \"run\") (call $log (call $twice (i32.const 4))))"
    "  (func)"
    "  (export \"again\" (func $twice))"
    "  (@custom \"first\" \"abc\") (@custom \"empty\" \"\") (@custom \"first\" \"def\"))";

static void declarations(pellucid_module_t *module) {
    pellucid_str_t name, module_name;
    pellucid_extern_kind_t kind;
    pellucid_externtype_t *type = NULL;
    OK(pellucid_module_name(module, &name));
    CHECK(same_text(name, "lib"));
    CHECK(pellucid_module_import_count(module) == 2);
    OK(pellucid_module_import(module, 0, &module_name, &name, &kind, &type));
    CHECK(same_text(module_name, "env") && same_text(name, "log") && kind == PELLUCID_EXTERN_FUNC);
    CHECK(pellucid_externtype_kind(type) == PELLUCID_EXTERN_FUNC);
    pellucid_externtype_delete(type);
    OK(pellucid_module_import(module, 1, NULL, &name, &kind, NULL));
    CHECK(same_text(name, "mem") && kind == PELLUCID_EXTERN_MEMORY);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_module_import(module, 2, NULL, &name, &kind, NULL));
    CHECK(pellucid_module_export_count(module) == 2);
    OK(pellucid_module_export(module, 1, &name, &kind, NULL));
    CHECK(same_text(name, "again") && kind == PELLUCID_EXTERN_FUNC);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_module_export(module, 2, &name, &kind, NULL));
}

static void functions(pellucid_module_t *module) {
    CHECK(pellucid_module_func_count(module) == 4);
    pellucid_str_t name;
    OK(pellucid_module_func_name(module, 0, &name));
    CHECK(same_text(name, "log"));
    OK(pellucid_module_func_name(module, 1, &name));
    CHECK(same_text(name, "twice"));
    OK(pellucid_module_func_name(module, 2, &name));
    CHECK(same_text(name, "run"));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_func_name(module, 3, &name));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_module_func_name(module, 4, &name));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_module_func_name(module, UINT32_MAX, &name));
    OK(pellucid_module_local_name(module, 1, 1, &name));
    CHECK(same_text(name, "y"));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_local_name(module, 1, 2, &name));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_module_local_name(module, 9, 0, &name));

    pellucid_functype_t *type;
    OK(pellucid_module_func_type(module, 1, &type));
    size_t n;
    OK(pellucid_functype_results(type, NULL, &n));
    CHECK(n == 1);
    pellucid_functype_delete(type);

    uint32_t start = 0, first = 0, end = 0, index = 9, offset = 9;
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_func_range(module, 0, &start, &first, &end));
    OK(pellucid_module_func_range(module, 1, &start, &first, &end));
    CHECK(start < first && first < end);
    OK(pellucid_module_func_at(module, first, &index, &offset));
    CHECK(index == 1 && offset == first - start);
    OK(pellucid_module_func_at(module, end - 1, &index, NULL));
    CHECK(index == 1);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_func_at(module, 0, &index, &offset));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_func_at(module, UINT32_MAX, &index, &offset));
}

static void sections(pellucid_module_t *module) {
    pellucid_str_t name;
    pellucid_bytes_t bytes;
    CHECK(pellucid_module_section_count(module) >= 3);
    OK(pellucid_module_section(module, TEXT("first"), &bytes));
    CHECK(bytes.size == 3 && memcmp(bytes.data, "abc", 3) == 0);
    OK(pellucid_module_section(module, TEXT("empty"), &bytes));
    CHECK(bytes.size == 0);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_section(module, TEXT("second"), &bytes));
    int firsts = 0;
    for (size_t i = 0; i < pellucid_module_section_count(module); i++) {
        OK(pellucid_module_section_at(module, i, &name, &bytes));
        firsts += same_text(name, "first");
    }
    CHECK(firsts == 2);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_module_section_at(module, 99, &name, &bytes));
}

static void making(void) {
    static const uint8_t empty[] = {0, 'a', 's', 'm', 1, 0, 0, 0}, cut[] = {0, 'a', 's', 'm', 1};
    pellucid_module_t *module = NULL;
    OK(pellucid_module_new(engine, empty, sizeof empty, &module, ERR));
    pellucid_str_t name;
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_name(module, &name));
    pellucid_module_delete(module);
    OK(pellucid_module_new_named(engine, TEXT("plugin"), empty, sizeof empty, &module, ERR));
    OK(pellucid_module_name(module, &name));
    CHECK(same_text(name, "plugin"));
    pellucid_module_delete(module);
    module = NULL;
    OK(pellucid_module_validate(engine, empty, sizeof empty, ERR));

    STATUS(PELLUCID_ERR_INVALID_MODULE, pellucid_module_new(engine, cut, sizeof cut, &module, ERR));
    CHECK(pellucid_error_status(last_error) == PELLUCID_ERR_INVALID_MODULE);
    STATUS(PELLUCID_ERR_INVALID_MODULE, pellucid_module_validate(engine, cut, sizeof cut, ERR));
    STATUS(PELLUCID_ERR_INVALID_MODULE, pellucid_module_new(engine, NULL, 0, &module, NULL));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_module_new(engine, NULL, 8, &module, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_module_new(NULL, empty, sizeof empty, &module, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_module_new(engine, empty, sizeof empty, NULL, ERR));
    STATUS(PELLUCID_ERR_INVALID_MODULE, pellucid_module_new_text(engine, TEXT("(module (func (i32.add)))"), &module, ERR));
    STATUS(PELLUCID_ERR_INVALID_MODULE, pellucid_module_new_text(engine, TEXT("(modul"), &module, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_module_new_text(engine, "\xc3", 1, &module, ERR));
    STATUS(PELLUCID_ERR_UNSUPPORTED,
           pellucid_module_new_text(engine, TEXT("(module (type $f (func)) (type (cont $f)))"), &module, ERR));
    CHECK(message_has(last_error, "stack switching"));
    CHECK(module == NULL);
}

static void references(void) {
    pellucid_module_t *module = module_of("(module (func (export \"f\") (result i32) (i32.const 5)))"), *other;
    OK(pellucid_module_clone(module, &other));
    CHECK(pellucid_module_id(module) == pellucid_module_id(other) && pellucid_module_id(module) != 0);
    pellucid_module_delete(module);
    pellucid_instance_t instance;
    OK(pellucid_instance_new(store, other, NULL, 0, &instance, ERR));
    pellucid_module_delete(other);
    pellucid_module_delete(NULL);
    pellucid_func_t f = func_of(instance, "f");
    pellucid_value_t result;
    OK(pellucid_func_call(store, &f, NULL, 0, &result, 1, ERR));
    CHECK(result.of.i32 == 5);
    OK(pellucid_instance_module(store, &instance, &module));
    CHECK(pellucid_module_id(module) != 0 && pellucid_module_func_count(module) == 1);
    pellucid_module_delete(module);
    CHECK(pellucid_module_id(NULL) == 0 && pellucid_module_func_count(NULL) == 0);
}

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        pellucid_module_t *module = module_of(WAT);
        declarations(module);
        functions(module);
        sections(module);
        pellucid_module_delete(module);
        making();
        references();
        close_world();
    }
    return finish();
}
