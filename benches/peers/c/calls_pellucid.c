/* Calls from and to C through Pellucid. */
#include "calls.h"
#include "pellucid.h"

static pellucid_status_t tagged(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                                pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error)
{
    (void)userdata, (void)caller, (void)n_args, (void)n_results, (void)out_error;
    results[0].kind = PELLUCID_I32;
    results[0].of.i32 = args[0].of.i32 + 1;
    return PELLUCID_OK;
}

static pellucid_status_t raw(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values, size_t n_values,
                             pellucid_error_t **out_error)
{
    (void)userdata, (void)caller, (void)n_values, (void)out_error;
    values[0].i32 += 1;
    return PELLUCID_OK;
}

static pellucid_store_t *store;
static pellucid_instance_t instance;

static pellucid_func_t exported(const char *name, size_t n_name)
{
    pellucid_extern_t item;
    must(pellucid_instance_export(store, &instance, name, n_name, &item) == PELLUCID_OK, name);
    return item.of.func;
}

static int32_t call_tagged(const pellucid_func_t *func, int32_t first, int32_t second, size_t n_args)
{
    pellucid_value_t args[2] = {0}, result;
    args[0].kind = args[1].kind = PELLUCID_I32;
    args[0].of.i32 = first;
    args[1].of.i32 = second;
    must(pellucid_func_call(store, func, args, n_args, &result, 1, NULL) == PELLUCID_OK, "a tagged call");
    return result.of.i32;
}

static int32_t call_raw(const pellucid_func_t *func, int32_t first, int32_t second)
{
    pellucid_raw_t values[2];
    values[0].i32 = first;
    values[1].i32 = second;
    must(pellucid_func_call_raw(store, func, values, 2, NULL) == PELLUCID_OK, "a raw call");
    return values[0].i32;
}

int main(int argc, char **argv)
{
    must(argc == 2, "usage: calls_pellucid calls.wasm; it");
    size_t size;
    uint8_t *bytes = read_file(argv[1], &size);
    pellucid_engine_t *engine;
    pellucid_module_t *module;
    pellucid_linker_t *linker;
    pellucid_functype_t *type;
    pellucid_kind_t i32 = PELLUCID_I32;
    must(pellucid_engine_new(NULL, &engine, NULL) == PELLUCID_OK, "the engine");
    must(pellucid_module_new(engine, bytes, size, &module, NULL) == PELLUCID_OK, "the module");
    must(pellucid_store_new(engine, NULL, NULL, &store, NULL) == PELLUCID_OK, "the store");
    must(pellucid_linker_new(engine, &linker) == PELLUCID_OK, "the linker");
    must(pellucid_functype_new(&i32, 1, &i32, 1, &type) == PELLUCID_OK, "the type");
    must(pellucid_linker_define_func(linker, store, "host", 4, "tagged", 6, type, NULL, tagged, NULL, NULL) == PELLUCID_OK,
         "the tagged function");
    must(pellucid_linker_define_func_raw(linker, store, "host", 4, "raw", 3, type, NULL, raw, NULL, NULL) == PELLUCID_OK,
         "the raw function");
    must(pellucid_linker_instantiate(linker, store, module, &instance, NULL) == PELLUCID_OK, "the instance");

    pellucid_func_t add = exported("add", 3), to_tagged = exported("call_tagged", 11), to_raw = exported("call_raw", 8);
    int32_t sum = 0;
    MEASURE("call guest from C, tagged values", for (int i = 0; i < CALLS; i++) sum = call_tagged(&add, sum, 1, 2));
    must(sum == CALLS * ROUNDS, "the sum of tagged calls");
    sum = 0;
    MEASURE("call guest from C, raw values", for (int i = 0; i < CALLS; i++) sum = call_raw(&add, sum, 1));
    must(sum == CALLS * ROUNDS, "the sum of raw calls");
    MEASURE("guest calls C, tagged values", must(call_tagged(&to_tagged, CALLS, 0, 1) == CALLS, "the count"));
    MEASURE("guest calls C, raw values", must(call_tagged(&to_raw, CALLS, 0, 1) == CALLS, "the count"));

    pellucid_functype_delete(type);
    pellucid_linker_delete(linker);
    pellucid_module_delete(module);
    pellucid_store_delete(store);
    pellucid_engine_delete(engine);
    free(bytes);
    return 0;
}
