/* Values: kinds, bits, raw forms, references. */

#include "test.h"

static const char *IDENTITIES =
    "(module"
    "  (func (export \"i32\") (param i32) (result i32) (local.get 0))"
    "  (func (export \"i64\") (param i64) (result i64) (local.get 0))"
    "  (func (export \"f32\") (param f32) (result f32) (local.get 0))"
    "  (func (export \"f64\") (param f64) (result f64) (local.get 0))"
    "  (func $self (export \"funcref\") (param funcref) (result funcref) (local.get 0))"
    "  (func (export \"externref\") (param externref) (result externref) (local.get 0))"
    "  (func (export \"all\") (param i32 i64 f32 f64 funcref externref i32 i64 i32 i32)"
    "    (result i32 i32 i64 i32 externref funcref f64 f32 i64 i32)"
    "    (local.get 9) (local.get 8) (local.get 7) (local.get 6) (local.get 5) (local.get 4) (local.get 3)"
    "    (local.get 2) (local.get 1) (local.get 0))"
    "  (elem declare func $self))";

static pellucid_instance_t instance;

static pellucid_value_t through(const char *name, pellucid_value_t value) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t result = {0};
    OK(pellucid_func_call(store, &func, &value, 1, &result, 1, ERR));
    CHECK(result.kind == value.kind);
    return result;
}

static void every_kind(void) {
    pellucid_value_t value = value_i32(INT32_MIN);
    CHECK(through("i32", value).of.i32 == INT32_MIN);
    value = value_i64(INT64_MIN + 1);
    CHECK(through("i64", value).of.i64 == INT64_MIN + 1);
    value = value_of(PELLUCID_F32);
    value.of.f32_bits = 0x7fa00001;
    CHECK(through("f32", value).of.f32_bits == 0x7fa00001);
    value = value_of(PELLUCID_F64);
    value.of.f64 = -0.5;
    CHECK(through("f64", value).of.f64 == -0.5);
    value.of.f64_bits = UINT64_C(0xfff4000000000bad);
    CHECK(through("f64", value).of.f64_bits == UINT64_C(0xfff4000000000bad));

    value = value_of(PELLUCID_FUNCREF);
    CHECK(pellucid_value_is_null(&value));
    pellucid_value_t result = through("funcref", value);
    CHECK(pellucid_value_is_null(&result));
    value.of.funcref = func_of(instance, "funcref");
    result = through("funcref", value);
    CHECK(!pellucid_value_is_null(&result) && pellucid_value_is_same(&value, &result));
    OK(pellucid_func_call(store, &result.of.funcref, &value, 1, &result, 1, ERR));

    value = value_of(PELLUCID_EXTERNREF);
    result = through("externref", value);
    CHECK(pellucid_value_is_null(&result) && pellucid_value_is_same(&value, &result));
    int thing;
    OK(pellucid_externref_new(store, &thing, NULL, &value.of.externref));
    result = through("externref", value);
    CHECK(pellucid_value_is_same(&value, &result));
}

static void many_values(void) {
    pellucid_func_t all = func_of(instance, "all");
    pellucid_value_t args[10] = {value_i32(1), value_i64(2), value_of(PELLUCID_F32), value_of(PELLUCID_F64),
                                 value_of(PELLUCID_FUNCREF), value_of(PELLUCID_EXTERNREF), value_i32(7), value_i64(8),
                                 value_i32(9), value_i32(10)};
    args[2].of.f32 = 3;
    args[3].of.f64 = 4;
    pellucid_value_t results[10];
    OK(pellucid_func_call(store, &all, args, 10, results, 10, ERR));
    for (int i = 0; i < 10; i++) {
        CHECK(pellucid_value_is_same(&args[i], &results[9 - i]));
    }
}

static void raw_forms(void) {
    pellucid_value_t value = value_i64(-3), back;
    pellucid_raw_t raw;
    OK(pellucid_value_to_raw(store, &value, &raw));
    CHECK(raw.i64 == -3);
    OK(pellucid_value_from_raw(store, PELLUCID_I64, &raw, &back));
    CHECK(pellucid_value_is_same(&value, &back));
    value = value_of(PELLUCID_FUNCREF);
    OK(pellucid_value_to_raw(store, &value, &raw));
    CHECK(raw.reference == 0);
    value.of.funcref = func_of(instance, "i32");
    OK(pellucid_value_to_raw(store, &value, &raw));
    CHECK(raw.reference != 0);
    OK(pellucid_value_from_raw(store, PELLUCID_FUNCREF, &raw, &back));
    CHECK(pellucid_value_is_same(&value, &back));
    int thing;
    value = value_of(PELLUCID_EXTERNREF);
    OK(pellucid_externref_new(store, &thing, NULL, &value.of.externref));
    OK(pellucid_value_to_raw(store, &value, &raw));
    OK(pellucid_value_from_raw(store, PELLUCID_EXTERNREF, &raw, &back));
    CHECK(pellucid_value_is_same(&value, &back));

    /* Bits that are no reference of the store don't become one. */
    raw.words[0] = 0x1234;
    OK(pellucid_value_from_raw(store, PELLUCID_FUNCREF, &raw, &back));
    CHECK(back.kind == PELLUCID_UNAVAILABLE && !pellucid_value_is_same(&back, &back));
    raw.words[0] = UINT64_MAX;
    OK(pellucid_value_from_raw(store, PELLUCID_EXTERNREF, &raw, &back));
    CHECK(back.kind == PELLUCID_UNAVAILABLE);
    OK(pellucid_value_from_raw(store, PELLUCID_ANYREF, &raw, &back));
    CHECK(back.kind == PELLUCID_UNAVAILABLE);
    STATUS(PELLUCID_ERR_UNSUPPORTED, pellucid_value_from_raw(store, PELLUCID_CONTREF, &raw, &back));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_value_from_raw(store, PELLUCID_UNAVAILABLE, &raw, &back));
    value = value_of(PELLUCID_UNAVAILABLE);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_value_to_raw(store, &value, &raw));
    value = value_of(PELLUCID_CONTREF);
    STATUS(PELLUCID_ERR_UNSUPPORTED, pellucid_value_to_raw(store, &value, &raw));
    value = value_of(PELLUCID_FUNCREF);
    value.of.funcref.store = pellucid_store_id(store) + 1;
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_value_to_raw(store, &value, &raw));
    value.of.funcref.store = 0;
    value.of.funcref.index = 1;
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_value_to_raw(store, &value, &raw));
    value.of.funcref.store = pellucid_store_id(store);
    value.of.funcref.index = 1 << 20;
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_value_to_raw(store, &value, &raw));
}

static void sameness(void) {
    pellucid_value_t a = value_i32(1), b = value_i64(1), nan = value_of(PELLUCID_F64), zero = value_of(PELLUCID_F64);
    CHECK(pellucid_value_is_same(&a, &a) && !pellucid_value_is_same(&a, &b));
    nan.of.f64_bits = UINT64_C(0x7ff8000000000000);
    CHECK(pellucid_value_is_same(&nan, &nan));
    pellucid_value_t minus = zero;
    minus.of.f64 = -0.0;
    CHECK(!pellucid_value_is_same(&zero, &minus));
    CHECK(!pellucid_value_is_same(&a, NULL) && !pellucid_value_is_same(NULL, NULL));
    a.kind = 99;
    CHECK(!pellucid_value_is_same(&a, &a) && !pellucid_value_is_null(&a) && !pellucid_value_is_null(NULL));
}

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        instance = instance_of(IDENTITIES);
        every_kind();
        many_values();
        raw_forms();
        sameness();
        close_world();
    }
    return finish();
}
