/* Two static libraries written in Rust in one program. */
#include "pellucid.h"
#include <stdio.h>

uint64_t other_work(uint64_t n);

static pellucid_status_t host(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)n_args, (void)n_results, (void)out_error;
    results[0].of.i64 = (int64_t)other_work((uint64_t)args[0].of.i64);
    return PELLUCID_OK;
}

int main(void) {
    const char wat[] = "(module (import \"\" \"work\" (func $work (param i64) (result i64)))"
                       "  (func (export \"run\") (param i64) (result i64) (i64.div_s (call $work (local.get 0)) (i64.const 2)))"
                       "  (func (export \"fault\") (result i32) (i32.load (i32.const -1)))"
                       "  (memory 1))";
    pellucid_engine_t *engine;
    pellucid_module_t *module;
    pellucid_store_t *store;
    pellucid_linker_t *linker;
    pellucid_functype_t *type;
    pellucid_instance_t instance;
    pellucid_extern_t run;
    const pellucid_kind_t i64 = PELLUCID_I64;
    pellucid_value_t n = {.kind = PELLUCID_I64, .of.i64 = 4}, result;
    if (pellucid_engine_new(NULL, &engine, NULL) || pellucid_module_new_text(engine, wat, sizeof wat - 1, &module, NULL)
        || pellucid_store_new(engine, NULL, NULL, &store, NULL) || pellucid_linker_new(engine, &linker)
        || pellucid_functype_new(&i64, 1, &i64, 1, &type)
        || pellucid_linker_define_func(linker, store, "", 0, "work", 4, type, NULL, host, NULL, NULL)
        || pellucid_linker_instantiate(linker, store, module, &instance, NULL)
        || pellucid_instance_export(store, &instance, "run", 3, &run)
        || pellucid_func_call(store, &run.of.func, &n, 1, &result, 1, NULL))
        return 1;
    printf("%lld\n", (long long)result.of.i64);
    if (pellucid_instance_export(store, &instance, "fault", 5, &run)
        || pellucid_func_call(store, &run.of.func, NULL, 0, &result, 1, NULL) != PELLUCID_ERR_TRAP)
        return 2;
    pellucid_functype_delete(type);
    pellucid_linker_delete(linker);
    pellucid_store_delete(store);
    pellucid_module_delete(module);
    pellucid_engine_delete(engine);
    printf("ok\n");
    return 0;
}
