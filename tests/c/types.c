/* Types: of functions, and of what modules import and export. */

#include "test.h"

static void function_types(void) {
    pellucid_kind_t params[] = {PELLUCID_I32, PELLUCID_FUNCREF, PELLUCID_F64}, results[] = {PELLUCID_EXTERNREF};
    pellucid_functype_t *type = NULL;
    OK(pellucid_functype_new(params, 3, results, 1, &type));
    const pellucid_kind_t *kinds = NULL;
    size_t n = 0;
    OK(pellucid_functype_params(type, &kinds, &n));
    CHECK(n == 3 && memcmp(kinds, params, sizeof params) == 0);
    OK(pellucid_functype_results(type, &kinds, &n));
    CHECK(n == 1 && kinds[0] == PELLUCID_EXTERNREF);
    pellucid_functype_delete(type);
    pellucid_functype_delete(NULL);

    OK(pellucid_functype_new(NULL, 0, NULL, 0, &type));
    OK(pellucid_functype_params(type, NULL, &n));
    CHECK(n == 0);
    pellucid_functype_delete(type);

    pellucid_functype_t *untouched = NULL;
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_functype_new(NULL, 1, NULL, 0, &untouched));
    params[1] = PELLUCID_CONTREF;
    STATUS(PELLUCID_ERR_UNSUPPORTED, pellucid_functype_new(params, 3, results, 1, &untouched));
    params[1] = 77;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_functype_new(params, 3, results, 1, &untouched));
    params[1] = PELLUCID_UNAVAILABLE;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_functype_new(params, 3, results, 1, &untouched));
    static pellucid_kind_t many[1001];
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_functype_new(many, 1001, NULL, 0, &untouched));
    CHECK(untouched == NULL);
}

static void types_of_exports(void) {
    open_world(false);
    pellucid_module_t *module = module_of(
        "(module (func (export \"f\") (param i64) (result f32) (f32.const 0))"
        "  (table (export \"t\") 2 5 externref) (memory (export \"m\") 1 3)"
        "  (global (export \"g\") (mut i64) (i64.const 1)) (memory (export \"n\") 1))");
    pellucid_externtype_t *type;
    pellucid_functype_t *func = NULL;
    pellucid_tabletype_t table;
    pellucid_memorytype_t memory;
    pellucid_globaltype_t global;

    MUST(pellucid_module_export(module, 0, NULL, NULL, &type));
    CHECK(pellucid_externtype_kind(type) == PELLUCID_EXTERN_FUNC);
    OK(pellucid_externtype_func(type, &func));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_externtype_table(type, &table));
    pellucid_externtype_delete(type);
    size_t n;
    OK(pellucid_functype_params(func, NULL, &n));
    CHECK(n == 1);
    pellucid_functype_delete(func);

    MUST(pellucid_module_export(module, 1, NULL, NULL, &type));
    OK(pellucid_externtype_table(type, &table));
    CHECK(table.minimum == 2 && table.has_maximum == 1 && table.maximum == 5 && table.element == PELLUCID_EXTERNREF);
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_externtype_memory(type, &memory));
    pellucid_externtype_delete(type);

    MUST(pellucid_module_export(module, 2, NULL, NULL, &type));
    OK(pellucid_externtype_memory(type, &memory));
    CHECK(memory.minimum == 1 && memory.has_maximum == 1 && memory.maximum == 3 && memory.page_size_log2 == 16);
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_externtype_global(type, &global));
    pellucid_externtype_delete(type);

    MUST(pellucid_module_export(module, 3, NULL, NULL, &type));
    OK(pellucid_externtype_global(type, &global));
    CHECK(global.kind == PELLUCID_I64 && global.is_mutable == 1);
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_externtype_func(type, &func));
    pellucid_externtype_delete(type);

    MUST(pellucid_module_export(module, 4, NULL, NULL, &type));
    OK(pellucid_externtype_memory(type, &memory));
    CHECK(memory.has_maximum == 0);
    pellucid_module_delete(module);
    close_world();
    /* Types outlive what they are read from. */
    CHECK(pellucid_externtype_kind(type) == PELLUCID_EXTERN_MEMORY);
    pellucid_externtype_delete(type);
    CHECK(pellucid_externtype_kind(NULL) == UINT32_MAX);
}

int main(void) {
    function_types();
    types_of_exports();
    return finish();
}
