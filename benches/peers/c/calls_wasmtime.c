/* Calls from and to C through Wasmtime's C library. The Python package that it comes from has no headers, so what is called
 * here is declared here; layouts are those of a library with garbage collection. */
#include "calls.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct wasm_engine_t wasm_engine_t;
typedef struct wasm_trap_t wasm_trap_t;
typedef struct wasm_valtype_t wasm_valtype_t;
typedef struct wasm_functype_t wasm_functype_t;
typedef struct wasmtime_error_t wasmtime_error_t;
typedef struct wasmtime_module_t wasmtime_module_t;
typedef struct wasmtime_store_t wasmtime_store_t;
typedef struct wasmtime_context_t wasmtime_context_t;
typedef struct wasmtime_linker_t wasmtime_linker_t;
typedef struct wasmtime_caller_t wasmtime_caller_t;

typedef struct { size_t size; wasm_valtype_t **data; } wasm_valtype_vec_t;
typedef struct { uint64_t store_id; void *private1; } wasmtime_func_t;
typedef struct { uint64_t store_id; size_t private1; } wasmtime_instance_t;
typedef struct { uint64_t store_id; uint32_t private1, private2; void *private3; } wasmtime_ref_t;

typedef struct {
    uint8_t kind;
    union { int32_t i32; int64_t i64; float f32; double f64; wasmtime_ref_t ref; wasmtime_func_t func; uint8_t v128[16]; } of;
} wasmtime_val_t;

typedef union { int32_t i32; int64_t i64; float f32; double f64; uint8_t v128[16]; uint32_t ref; void *func; } wasmtime_val_raw_t;

typedef struct {
    uint8_t kind;
    union { wasmtime_func_t func; struct { wasmtime_func_t first; void *second; } largest; } of;
} wasmtime_extern_t;

_Static_assert(sizeof(wasmtime_val_t) == 32 && sizeof(wasmtime_val_raw_t) == 16, "as the library has it");

typedef wasm_trap_t *(*wasmtime_func_callback_t)(void *, wasmtime_caller_t *, const wasmtime_val_t *, size_t, wasmtime_val_t *,
                                                 size_t);
typedef wasm_trap_t *(*wasmtime_func_unchecked_callback_t)(void *, wasmtime_caller_t *, wasmtime_val_raw_t *, size_t);

wasm_engine_t *wasm_engine_new(void);
wasm_valtype_t *wasm_valtype_new(uint8_t kind);
void wasm_valtype_vec_new(wasm_valtype_vec_t *out, size_t size, wasm_valtype_t *const *types);
wasm_functype_t *wasm_functype_new(wasm_valtype_vec_t *params, wasm_valtype_vec_t *results);
wasmtime_error_t *wasmtime_module_new(wasm_engine_t *, const uint8_t *, size_t, wasmtime_module_t **);
wasmtime_store_t *wasmtime_store_new(wasm_engine_t *, void *, void (*)(void *));
wasmtime_context_t *wasmtime_store_context(wasmtime_store_t *);
void wasmtime_store_delete(wasmtime_store_t *);
wasmtime_linker_t *wasmtime_linker_new(wasm_engine_t *);
wasmtime_error_t *wasmtime_linker_define_func(wasmtime_linker_t *, const char *, size_t, const char *, size_t,
                                              const wasm_functype_t *, wasmtime_func_callback_t, void *, void (*)(void *));
wasmtime_error_t *wasmtime_linker_define_func_unchecked(wasmtime_linker_t *, const char *, size_t, const char *, size_t,
                                                        const wasm_functype_t *, wasmtime_func_unchecked_callback_t, void *,
                                                        void (*)(void *));
wasmtime_error_t *wasmtime_linker_instantiate(const wasmtime_linker_t *, wasmtime_context_t *, const wasmtime_module_t *,
                                              wasmtime_instance_t *, wasm_trap_t **);
bool wasmtime_instance_export_get(wasmtime_context_t *, const wasmtime_instance_t *, const char *, size_t, wasmtime_extern_t *);
wasmtime_error_t *wasmtime_func_call(wasmtime_context_t *, const wasmtime_func_t *, const wasmtime_val_t *, size_t,
                                     wasmtime_val_t *, size_t, wasm_trap_t **);
wasmtime_error_t *wasmtime_func_call_unchecked(wasmtime_context_t *, const wasmtime_func_t *, wasmtime_val_raw_t *, size_t,
                                               wasm_trap_t **);

static wasm_trap_t *tagged(void *data, wasmtime_caller_t *caller, const wasmtime_val_t *args, size_t n_args,
                           wasmtime_val_t *results, size_t n_results)
{
    (void)data, (void)caller, (void)n_args, (void)n_results;
    results[0].kind = 0;
    results[0].of.i32 = args[0].of.i32 + 1;
    return NULL;
}

static wasm_trap_t *raw(void *data, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t n_values)
{
    (void)data, (void)caller, (void)n_values;
    values[0].i32 += 1;
    return NULL;
}

static wasmtime_context_t *context;
static wasmtime_instance_t instance;

static wasmtime_func_t exported(const char *name, size_t n_name)
{
    wasmtime_extern_t item;
    must(wasmtime_instance_export_get(context, &instance, name, n_name, &item) && item.kind == 0, name);
    return item.of.func;
}

static int32_t call_tagged(const wasmtime_func_t *func, int32_t first, int32_t second, size_t n_args)
{
    wasmtime_val_t args[2], result;
    wasm_trap_t *trap = NULL;
    args[0].kind = args[1].kind = 0;
    args[0].of.i32 = first;
    args[1].of.i32 = second;
    must(wasmtime_func_call(context, func, args, n_args, &result, 1, &trap) == NULL && trap == NULL, "a tagged call");
    return result.of.i32;
}

static int32_t call_raw(const wasmtime_func_t *func, int32_t first, int32_t second)
{
    wasmtime_val_raw_t values[2];
    wasm_trap_t *trap = NULL;
    values[0].i32 = first;
    values[1].i32 = second;
    must(wasmtime_func_call_unchecked(context, func, values, 2, &trap) == NULL && trap == NULL, "a raw call");
    return values[0].i32;
}

static wasm_functype_t *i32_to_i32(void)
{
    wasm_valtype_vec_t params, results;
    wasm_valtype_t *param = wasm_valtype_new(0), *result = wasm_valtype_new(0);
    wasm_valtype_vec_new(&params, 1, &param);
    wasm_valtype_vec_new(&results, 1, &result);
    return wasm_functype_new(&params, &results);
}

int main(int argc, char **argv)
{
    must(argc == 2, "usage: calls_wasmtime calls.wasm; it");
    size_t size;
    uint8_t *bytes = read_file(argv[1], &size);
    wasm_engine_t *engine = wasm_engine_new();
    wasmtime_module_t *module;
    must(wasmtime_module_new(engine, bytes, size, &module) == NULL, "the module");
    wasmtime_store_t *store = wasmtime_store_new(engine, NULL, NULL);
    context = wasmtime_store_context(store);
    wasmtime_linker_t *linker = wasmtime_linker_new(engine);
    must(wasmtime_linker_define_func(linker, "host", 4, "tagged", 6, i32_to_i32(), tagged, NULL, NULL) == NULL,
         "the tagged function");
    must(wasmtime_linker_define_func_unchecked(linker, "host", 4, "raw", 3, i32_to_i32(), raw, NULL, NULL) == NULL,
         "the raw function");
    wasm_trap_t *trap = NULL;
    must(wasmtime_linker_instantiate(linker, context, module, &instance, &trap) == NULL && trap == NULL, "the instance");

    wasmtime_func_t add = exported("add", 3), to_tagged = exported("call_tagged", 11), to_raw = exported("call_raw", 8);
    int32_t sum = 0;
    MEASURE("call guest from C, tagged values", for (int i = 0; i < CALLS; i++) sum = call_tagged(&add, sum, 1, 2));
    must(sum == CALLS * ROUNDS, "the sum of tagged calls");
    sum = 0;
    MEASURE("call guest from C, raw values", for (int i = 0; i < CALLS; i++) sum = call_raw(&add, sum, 1));
    must(sum == CALLS * ROUNDS, "the sum of raw calls");
    MEASURE("guest calls C, tagged values", must(call_tagged(&to_tagged, CALLS, 0, 1) == CALLS, "the count"));
    MEASURE("guest calls C, raw values", must(call_tagged(&to_raw, CALLS, 0, 1) == CALLS, "the count"));
    wasmtime_store_delete(store);
    free(bytes);
    return 0;
}
