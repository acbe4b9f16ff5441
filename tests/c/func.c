/* Functions: the host's and the guest's, tagged and raw, and who called. */

#include "test.h"

#define CALLBACK(name)                                                                                                \
    static pellucid_status_t name(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,           \
                                  size_t n_args, pellucid_value_t *results, size_t n_results,                        \
                                  pellucid_error_t **out_error)

#define UNUSED ((void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error)

static pellucid_functype_t *type_of(size_t n_params, size_t n_results) {
    pellucid_kind_t kinds[4] = {PELLUCID_I32, PELLUCID_I32, PELLUCID_I32, PELLUCID_I32};
    pellucid_functype_t *type = NULL;
    MUST(pellucid_functype_new(kinds, n_params, kinds, n_results, &type));
    return type;
}

static pellucid_func_t host_func(pellucid_functype_t *type, void *userdata, pellucid_func_cb_t cb) {
    pellucid_func_t func;
    MUST(pellucid_func_new(store, type, userdata, cb, NULL, &func, ERR));
    pellucid_functype_delete(type);
    return func;
}

CALLBACK(add) {
    (void)caller, (void)out_error;
    CHECK(n_args == 2 && n_results == 1 && args[0].kind == PELLUCID_I32);
    CHECK(results[0].kind == PELLUCID_I32 && results[0].of.i32 == 0);
    ++*(int *)userdata;
    results[0].of.i32 = args[0].of.i32 + args[1].of.i32;
    return PELLUCID_OK;
}

static pellucid_status_t add_raw(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values, size_t n_values,
                                 pellucid_error_t **out_error) {
    (void)caller, (void)out_error;
    CHECK(n_values == 2);
    ++*(int *)userdata;
    values[0].i32 = values[0].i32 + values[1].i32;
    return PELLUCID_OK;
}

static const char *CALLER =
    "(module (import \"\" \"h\" (func $h (param i32 i32) (result i32)))"
    "  (memory (export \"mem\") 1)"
    "  (func $go (export \"go\") (param i32) (result i32) (call $h (local.get 0) (i32.const 2))))";

static pellucid_func_t guest_caller(pellucid_func_t host) {
    pellucid_extern_t import = {.kind = PELLUCID_EXTERN_FUNC, .of.func = host};
    pellucid_module_t *module = module_of(CALLER);
    pellucid_instance_t instance;
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    pellucid_module_delete(module);
    return func_of(instance, "go");
}

static void host_functions(void) {
    int calls = 0;
    pellucid_func_t tagged = host_func(type_of(2, 1), &calls, add), raw;
    pellucid_functype_t *type = type_of(2, 1);
    OK(pellucid_func_new_raw(store, type, &calls, add_raw, NULL, &raw, ERR));
    pellucid_functype_delete(type);
    pellucid_value_t args[2] = {value_i32(40), value_i32(2)}, result;
    /* The host may call a host function too. */
    OK(pellucid_func_call(store, &tagged, args, 2, &result, 1, ERR));
    CHECK(result.of.i32 == 42 && calls == 1);
    OK(pellucid_func_call(store, &raw, args, 2, &result, 1, ERR));
    CHECK(result.of.i32 == 42 && calls == 2);
    pellucid_func_t go = guest_caller(tagged);
    OK(pellucid_func_call(store, &go, args, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 42 && calls == 3);
    go = guest_caller(raw);
    OK(pellucid_func_call(store, &go, args, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 42 && calls == 4);

    pellucid_raw_t values[2];
    values[0].i32 = 5;
    OK(pellucid_func_call_raw(store, &go, values, 1, ERR));
    CHECK(values[0].i32 == 7);
    /* Values needn't be aligned to more than 8 bytes, and there may be more than are needed. */
    uint64_t words[7] = {0};
    pellucid_raw_t *odd = (pellucid_raw_t *)(words + 1);
    if ((uintptr_t)odd % 16 == 0) {
        odd = (pellucid_raw_t *)(words + 2);
    }
    odd[0].i32 = 6;
    OK(pellucid_func_call_raw(store, &go, odd, 2, ERR));
    CHECK(odd[0].i32 == 8);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call_raw(store, &go, NULL, 0, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call_raw(store, &tagged, values, 1, ERR));
}

/* As many values as its type says, each moved to the place of its mirror image. */
CALLBACK(mirror) {
    (void)userdata, (void)caller, (void)out_error;
    CHECK(n_args == n_results);
    for (size_t i = 0; i < n_args; i++) {
        CHECK(results[i].kind == args[n_args - 1 - i].kind && results[i].reserved == 0);
        CHECK(results[i].of.opaque[0] == 0 && results[i].of.opaque[1] == 0);
    }
    for (size_t i = 0; i < n_args; i++) {
        results[n_args - 1 - i] = args[i];
    }
    return PELLUCID_OK;
}

/* A narrow value among rubbish, which must not reach the guest. */
CALLBACK(rubbish) {
    UNUSED;
    memset(&results[0].of, 0xff, sizeof results[0].of);
    results[0].of.i32 = 7;
    return PELLUCID_OK;
}

static pellucid_value_t value_of_kind(pellucid_kind_t kind, size_t place) {
    pellucid_value_t value = {.kind = kind};
    switch (kind) {
    case PELLUCID_I32: value.of.i32 = -(int32_t)place - 1; break;
    case PELLUCID_I64: value.of.i64 = -(int64_t)place - 1; break;
    case PELLUCID_F32: value.of.f32_bits = 0x7fa00001u + (uint32_t)place; break;
    case PELLUCID_F64: value.of.f64_bits = 0x7ff4000000000001u + place; break;
    default: break;
    }
    return value;
}

static void values_of_all_kinds(void) {
    static const pellucid_kind_t KINDS[6] = {PELLUCID_I32,  PELLUCID_EXTERNREF, PELLUCID_F64,
                                             PELLUCID_F32,  PELLUCID_FUNCREF,   PELLUCID_I64};
    static const size_t COUNTS[] = {0, 1, 2, 3, 4, 5, 8, 9, 16, 17, 40};
    pellucid_functype_t *none = type_of(0, 0);
    pellucid_func_t some_func = host_func(none, NULL, mirror);
    pellucid_externref_t some_ref;
    OK(pellucid_externref_new(store, NULL, NULL, &some_ref));
    for (size_t c = 0; c < sizeof COUNTS / sizeof COUNTS[0]; c++) {
        size_t count = COUNTS[c];
        pellucid_kind_t kinds[40], mirrored[40];
        pellucid_value_t args[40], results[40];
        for (size_t i = 0; i < count; i++) {
            kinds[i] = mirrored[count - 1 - i] = KINDS[i % 6];
            args[i] = value_of_kind(kinds[i], i);
            if (kinds[i] == PELLUCID_FUNCREF && i % 12 == 4) {
                args[i].of.funcref = some_func;
            } else if (kinds[i] == PELLUCID_EXTERNREF && i % 12 == 1) {
                args[i].of.externref = some_ref;
            }
        }
        pellucid_functype_t *type;
        MUST(pellucid_functype_new(kinds, count, mirrored, count, &type));
        pellucid_func_t func = host_func(type, NULL, mirror);
        memset(results, 0xee, sizeof results);
        OK(pellucid_func_call(store, &func, args, count, results, count, ERR));
        for (size_t i = 0; i < count; i++) {
            CHECK(pellucid_value_is_same(&results[count - 1 - i], &args[i]) && results[i].reserved == 0);
        }
    }
    pellucid_func_t seven = host_func(type_of(0, 1), NULL, rubbish);
    pellucid_raw_t raw;
    memset(&raw, 0xff, sizeof raw);
    OK(pellucid_func_call_raw(store, &seven, &raw, 1, ERR));
    CHECK(raw.words[0] == 7);
}

static void misuse(void) {
    int calls = 0, refused = 0;
    pellucid_func_t func = host_func(type_of(2, 1), &calls, add), none;
    pellucid_value_t args[3] = {value_i32(1), value_i32(2), value_i32(3)}, results[2];
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call(store, &func, args, 1, results, 1, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call(store, &func, args, 3, results, 1, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call(store, &func, args, 2, results, 2, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call(store, &func, args, 2, NULL, 0, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_func_call(store, &func, NULL, 2, results, 1, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_func_call(store, &func, args, 2, NULL, 1, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_func_call(store, NULL, args, 2, results, 1, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_func_call(NULL, &func, args, 2, results, 1, ERR));
    args[1] = value_i64(2);
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_func_call(store, &func, args, 2, results, 1, ERR));
    args[1].kind = PELLUCID_UNAVAILABLE;
    CHECK(pellucid_func_call(store, &func, args, 2, results, 1, ERR) != PELLUCID_OK);
    args[1].kind = 1000;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call(store, &func, args, 2, results, 1, ERR));
    pellucid_func_t wrong = func;
    wrong.store += 1000;
    args[1] = value_i32(2);
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_func_call(store, &wrong, args, 2, results, 1, ERR));
    wrong = func;
    wrong.index += 1000;
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_func_call(store, &wrong, args, 2, results, 1, ERR));
    memset(&wrong, 0, sizeof wrong);
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_func_call(store, &wrong, args, 2, results, 1, ERR));
    CHECK(calls == 0);

    /* A registration that fails runs the finalizer, whatever was wrong. */
    pellucid_functype_t *type = type_of(0, 0);
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_func_new(NULL, type, &refused, add, count, &none, ERR));
    CHECK(refused == 1);
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_func_new(store, NULL, &refused, add, count, &none, ERR));
    CHECK(refused == 2);
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_func_new(store, type, &refused, NULL, count, &none, ERR));
    CHECK(refused == 3);
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_func_new(store, type, &refused, add, count, NULL, ERR));
    CHECK(refused == 4);
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_func_new_raw(store, type, &refused, NULL, count, &none, ERR));
    CHECK(refused == 5);
    pellucid_functype_delete(type);
}

CALLBACK(fail_with_status) {
    UNUSED;
    return -12345;
}

CALLBACK(fail_with_error) {
    UNUSED;
    OK(pellucid_error_new(TEXT("the disk is full"), out_error));
    return PELLUCID_ERR_HOST;
}

CALLBACK(fail_with_error_only) {
    UNUSED;
    OK(pellucid_error_new(TEXT("forgot the status"), out_error));
    return PELLUCID_OK;
}

CALLBACK(wrong_result) {
    UNUSED;
    results[0] = value_i64(1);
    return PELLUCID_OK;
}

CALLBACK(unknown_result) {
    UNUSED;
    results[0].kind = 500;
    return PELLUCID_OK;
}

static void failures_of_the_host(void) {
    pellucid_value_t arg = value_i32(1), result = value_i32(-1);
    pellucid_func_t go = guest_caller(host_func(type_of(2, 1), NULL, fail_with_status));
    STATUS(PELLUCID_ERR_HOST, pellucid_func_call(store, &go, &arg, 1, &result, 1, ERR));
    CHECK(message_has(last_error, "-12345") && pellucid_error_frame_count(last_error) == 1);
    pellucid_backtrace_frame_t frame = {.struct_size = sizeof frame};
    OK(pellucid_error_frame(last_error, 0, &frame));
    CHECK(same_text(frame.func_name, "go"));
    go = guest_caller(host_func(type_of(2, 1), NULL, fail_with_error));
    STATUS(PELLUCID_ERR_HOST, pellucid_func_call(store, &go, &arg, 1, &result, 1, ERR));
    CHECK(message_has(last_error, "the disk is full"));
    go = guest_caller(host_func(type_of(2, 1), NULL, fail_with_error_only));
    STATUS(PELLUCID_ERR_HOST, pellucid_func_call(store, &go, &arg, 1, &result, 1, ERR));
    CHECK(message_has(last_error, "forgot the status"));
    go = guest_caller(host_func(type_of(2, 1), NULL, wrong_result));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_func_call(store, &go, &arg, 1, &result, 1, ERR));
    go = guest_caller(host_func(type_of(2, 1), NULL, unknown_result));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call(store, &go, &arg, 1, &result, 1, ERR));
    CHECK(result.of.i32 == -1);
}

CALLBACK(look_at_the_caller) {
    (void)args, (void)n_args, (void)n_results, (void)out_error;
    CHECK(pellucid_caller_store(caller) == store);
    pellucid_instance_t instance, defined_in;
    OK(pellucid_caller_instance(caller, &instance));
    uint32_t index;
    OK(pellucid_func_location(store, userdata, &defined_in, &index));
    CHECK(instance.index == defined_in.index && index == 1);
    pellucid_extern_t memory;
    OK(pellucid_caller_export(caller, TEXT("mem"), &memory));
    CHECK(memory.kind == PELLUCID_EXTERN_MEMORY);
    OK(pellucid_memory_write(store, &memory.of.memory, 0, (const uint8_t *)"seen", 4));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_caller_export(caller, TEXT("nothing"), &memory));
    results[0].of.i32 = 1;
    return PELLUCID_OK;
}

CALLBACK(called_by_the_host) {
    UNUSED;
    pellucid_instance_t instance;
    pellucid_extern_t item;
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_caller_instance(caller, &instance));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_caller_export(caller, TEXT("mem"), &item));
    return PELLUCID_OK;
}

static void callers(void) {
    static pellucid_func_t go;
    go = guest_caller(host_func(type_of(2, 1), &go, look_at_the_caller));
    pellucid_value_t arg = value_i32(1), result;
    OK(pellucid_func_call(store, &go, &arg, 1, &result, 1, ERR));
    pellucid_func_t direct = host_func(type_of(0, 0), NULL, called_by_the_host);
    OK(pellucid_func_call(store, &direct, NULL, 0, NULL, 0, ERR));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_func_location(store, &direct, NULL, NULL));
    pellucid_str_t name;
    OK(pellucid_func_name(store, &go, &name));
    CHECK(same_text(name, "go"));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_func_name(store, &direct, &name));
    pellucid_functype_t *type;
    OK(pellucid_func_type(store, &go, &type));
    size_t n;
    OK(pellucid_functype_params(type, NULL, &n));
    CHECK(n == 1);
    pellucid_functype_delete(type);
}

/* Calls the guest again, from within a host function, down to 0; there it fails. */
CALLBACK(nest) {
    (void)n_args, (void)caller, (void)n_results;
    if (args[0].of.i32 == 0) {
        return pellucid_error_new(TEXT("at the bottom"), out_error) == PELLUCID_OK ? PELLUCID_ERR_HOST : PELLUCID_OK;
    }
    pellucid_value_t arg = value_i32(args[0].of.i32 - 1);
    return pellucid_func_call(store, userdata, &arg, 1, results, 1, out_error);
}

static void nesting(void) {
    static pellucid_func_t go;
    go = guest_caller(host_func(type_of(2, 1), &go, nest));
    pellucid_value_t arg = value_i32(5), result;
    STATUS(PELLUCID_ERR_HOST, pellucid_func_call(store, &go, &arg, 1, &result, 1, ERR));
    CHECK(message_has(last_error, "at the bottom"));
    /* Endless nesting is a trap, long before the host's own stack ends. */
    arg = value_i32(1000000);
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &go, &arg, 1, &result, 1, ERR));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_CALL_STACK_EXHAUSTED);
}

/* Raw calls one after another, of which the first prepares the later ones. */
static void repeated_raw_calls(void) {
    pellucid_instance_t instance = instance_of(
        "(module (func (export \"div\") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))"
        "  (func (export \"nop\")))");
    pellucid_func_t div = func_of(instance, "div"), nop = func_of(instance, "nop"), bad;
    for (int round = 0; round < 3; round++) {
        pellucid_raw_t values[3];
        for (int i = 0; i < 3; i++) {
            values[0].i32 = 84, values[1].i32 = 2;
            OK(pellucid_func_call_raw(store, &div, values, 2 + (size_t)i % 2, ERR));
            CHECK(values[0].i32 == 42);
            OK(pellucid_func_call_raw(store, &nop, NULL, 0, ERR));
        }
        STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call_raw(store, &div, values, 1, ERR));
        STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call_raw(store, &div, values, SIZE_MAX, ERR));
        STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call_raw(store, &div, NULL, 0, ERR));
        STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_func_call_raw(store, &div, NULL, 2, ERR));
        STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_func_call_raw(store, NULL, values, 2, ERR));
        STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_func_call_raw(NULL, &div, values, 2, ERR));
        pellucid_raw_t *odd = (pellucid_raw_t *)((char *)values + 4);
        STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_call_raw(store, &div, odd, 2, ERR));
        bad = div, bad.store++;
        STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_func_call_raw(store, &bad, values, 2, ERR));
        bad = div, bad.index += 1000;
        STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_func_call_raw(store, &bad, values, 2, ERR));
        values[0].i32 = 84, values[1].i32 = 0;
        STATUS(PELLUCID_ERR_TRAP, pellucid_func_call_raw(store, &div, values, 2, ERR));
        CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_INTEGER_DIVIDE_BY_ZERO);
        /* What is changed between two calls counts for the next one. */
        OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_NESTED_CALLS, 0));
        STATUS(PELLUCID_ERR_TRAP, pellucid_func_call_raw(store, &nop, NULL, 0, ERR));
        OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_NESTED_CALLS, 10));
        OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_STACK_BYTES, 200000 + (uint64_t)round * 9000));
    }
}

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        host_functions();
        values_of_all_kinds();
        misuse();
        failures_of_the_host();
        callers();
        nesting();
        repeated_raw_calls();
        close_world();
    }
    return finish();
}
