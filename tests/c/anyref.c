/* References of the guest's: integers of 31 bits, host values passed on, casts. */

#include "test.h"

static const char text[] =
    "(module"
    "  (type $unary (func (param i32) (result i32)))"
    "  (type $base (sub (func (param i32)))) (type $derived (sub $base (func (param i32))))"
    "  (global $null anyref (ref.null any)) (global (export \"constant\") i31ref (ref.i31 (i32.const -5)))"
    "  (global (export \"any\") (mut anyref) (ref.null none)) (global (export \"int\") (mut (ref i31)) (ref.i31 (i32.const 1)))"
    "  (table (export \"table\") 3 eqref)"
    "  (func $unary (type $unary) (local.get 0)) (func $base (type $base)) (func $derived (type $derived))"
    "  (elem declare func $unary $base $derived)"
    "  (func (export \"make\") (param i32) (result i31ref) (ref.i31 (local.get 0)))"
    "  (func (export \"signed\") (param i31ref) (result i32) (i31.get_s (local.get 0)))"
    "  (func (export \"unsigned\") (param i31ref) (result i32) (i31.get_u (local.get 0)))"
    "  (func (export \"identity\") (param anyref) (result anyref) (local.get 0))"
    "  (func (export \"to_extern\") (param anyref) (result externref) (extern.convert_any (local.get 0)))"
    "  (func (export \"to_any\") (param externref) (result anyref) (any.convert_extern (local.get 0)))"
    "  (func (export \"cast\") (param anyref) (result i31ref) (ref.cast i31ref (local.get 0)))"
    /* 1 for null, 2 for an integer, 3 for anything else, with a branch each way */
    "  (func (export \"kinds\") (param anyref) (result i32)"
    "    (block $other (result anyref)"
    "      (block $int (result (ref i31))"
    "        (br_on_cast $int anyref (ref i31) (local.get 0))"
    "        (br_on_cast_fail $other anyref nullref)"
    "        drop (return (i32.const 1)))"
    "      drop (return (i32.const 2)))"
    "    drop (i32.const 3))"
    "  (func (export \"same\") (param eqref eqref) (result i32) (ref.eq (local.get 0) (local.get 1)))"
    "  (func (export \"functions\") (param i32) (result i32) (local $f funcref)"
    "    (if (i32.eq (local.get 0) (i32.const 1)) (then (local.set $f (ref.func $unary))))"
    "    (if (i32.eq (local.get 0) (i32.const 2)) (then (local.set $f (ref.func $base))))"
    "    (if (i32.eq (local.get 0) (i32.const 3)) (then (local.set $f (ref.func $derived))))"
    "    (i32.add (i32.add (i32.mul (i32.const 1) (ref.test (ref $unary) (local.get $f)))"
    "                      (i32.mul (i32.const 2) (ref.test (ref $base) (local.get $f))))"
    "             (i32.add (i32.mul (i32.const 4) (ref.test (ref null $derived) (local.get $f)))"
    "                      (i32.mul (i32.const 8) (ref.test nullfuncref (local.get $f)))))))";

static pellucid_instance_t instance;

static pellucid_value_t integer(int32_t number) {
    pellucid_value_t value = value_of(PELLUCID_ANYREF);
    MUST(pellucid_anyref_from_i31(number, &value.of.anyref));
    return value;
}

static pellucid_status_t call(const char *name, const pellucid_value_t *args, size_t n_args, pellucid_value_t *result) {
    pellucid_func_t func = func_of(instance, name);
    return pellucid_func_call(store, &func, args, n_args, result, 1, ERR);
}

static int32_t number_of(const char *name, const pellucid_value_t *args, size_t n_args) {
    pellucid_value_t result = value_i32(-1000);
    MUST(call(name, args, n_args, &result));
    CHECK(result.kind == PELLUCID_I32);
    return result.of.i32;
}

static pellucid_value_t host_value(void) {
    pellucid_value_t value = value_of(PELLUCID_EXTERNREF);
    MUST(pellucid_externref_new(store, &failures, NULL, &value.of.externref));
    return value;
}

static void integers_have_31_bits(void) {
    static const int32_t numbers[] = {0, 1, -1, 42, (1 << 30) - 1, -(1 << 30)};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        pellucid_value_t value = integer(numbers[i]), made, arg = value_i32(numbers[i]);
        int32_t number;
        pellucid_anyref_kind_t kind;
        CHECK(number_of("signed", &value, 1) == numbers[i]);
        CHECK(number_of("unsigned", &value, 1) == (numbers[i] & 0x7fffffff));
        MUST(call("make", &arg, 1, &made));
        CHECK(made.kind == PELLUCID_ANYREF && memcmp(&made.of.anyref, &value.of.anyref, sizeof value.of.anyref) == 0);
        MUST(pellucid_anyref_i31(&made.of.anyref, &number));
        CHECK(number == numbers[i]);
        MUST(pellucid_anyref_kind(&made.of.anyref, &kind));
        CHECK(kind == PELLUCID_ANYREF_I31);
    }
    pellucid_value_t pair[2] = {integer(7), integer(7)}, null = value_of(PELLUCID_ANYREF), result;
    CHECK(number_of("same", pair, 2) == 1);
    pair[1] = integer(8);
    CHECK(number_of("same", pair, 2) == 0);
    pair[0] = integer(INT32_MIN);
    pair[1] = integer(0);
    CHECK(number_of("same", pair, 2) == 1);
    STATUS(PELLUCID_ERR_TRAP, call("signed", &null, 1, &result));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_NULL_REFERENCE);
    pellucid_global_t constant = export_of(instance, "constant").of.global;
    MUST(pellucid_global_get(store, &constant, &result));
    CHECK(number_of("signed", &result, 1) == -5);
}

static void casts_tell_what_a_reference_is(void) {
    pellucid_value_t value = integer(3), null = value_of(PELLUCID_ANYREF), host = host_value(), result, any;
    CHECK(number_of("kinds", &null, 1) == 1 && number_of("kinds", &value, 1) == 2);
    MUST(call("to_any", &host, 1, &any));
    CHECK(any.kind == PELLUCID_ANYREF && number_of("kinds", &any, 1) == 3);
    STATUS(PELLUCID_ERR_TRAP, call("cast", &any, 1, &result));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_CAST_FAILURE);
    MUST(call("cast", &value, 1, &result));
    MUST(call("cast", &null, 1, &result));
    /* Functions: of the type, of a subtype, null. */
    static const int32_t expected[] = {4 + 8, 1, 2, 2 + 4};
    for (int i = 0; i < 4; i++) {
        pellucid_value_t arg = value_i32(i);
        CHECK(number_of("functions", &arg, 1) == expected[i]);
    }
}

static void host_values_are_passed_on(void) {
    pellucid_value_t host = host_value(), any, back, value = integer(9), null = value_of(PELLUCID_ANYREF), result;
    void *userdata;
    MUST(call("to_any", &host, 1, &any));
    pellucid_anyref_kind_t kind;
    MUST(pellucid_anyref_kind(&any.of.anyref, &kind));
    CHECK(kind == PELLUCID_ANYREF_EXTERN);
    int32_t number;
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_anyref_i31(&any.of.anyref, &number));
    MUST(call("to_extern", &any, 1, &back));
    CHECK(memcmp(&back.of.externref, &host.of.externref, sizeof host.of.externref) == 0);
    MUST(pellucid_externref_userdata(store, &back.of.externref, &userdata));
    CHECK(userdata == &failures);
    /* An integer as a host's value, which it isn't. */
    MUST(call("to_extern", &value, 1, &back));
    CHECK(back.kind == PELLUCID_EXTERNREF);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_externref_userdata(store, &back.of.externref, &userdata));
    pellucid_externref_t wrong = back.of.externref;
    wrong.index = UINT64_MAX;
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_externref_userdata(store, &wrong, &userdata));
    MUST(call("to_any", &back, 1, &any));
    CHECK(number_of("signed", &any, 1) == 9);
    /* The same without a guest. */
    pellucid_externref_t externref;
    pellucid_anyref_t anyref;
    MUST(pellucid_anyref_to_externref(store, &value.of.anyref, &externref));
    CHECK(memcmp(&externref, &back.of.externref, sizeof externref) == 0);
    MUST(pellucid_anyref_from_externref(store, &externref, &anyref));
    CHECK(memcmp(&anyref, &value.of.anyref, sizeof anyref) == 0);
    MUST(pellucid_anyref_to_externref(store, &null.of.anyref, &externref));
    CHECK(externref.store == 0);
    MUST(call("to_extern", &null, 1, &back));
    CHECK(back.kind == PELLUCID_EXTERNREF && back.of.externref.store == 0);
    /* What nobody made. */
    any.of.anyref.store = 0;
    any.of.anyref.index = 2;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, call("identity", &any, 1, &result));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_anyref_kind(&any.of.anyref, &kind));
    any.of.anyref.store = host.of.externref.store;
    any.of.anyref.index = 1000;
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, call("identity", &any, 1, &result));
    any.of.anyref.index = UINT64_MAX;
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, call("identity", &any, 1, &result));
    any.of.anyref.store++;
    STATUS(PELLUCID_ERR_WRONG_STORE, call("identity", &any, 1, &result));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, call("identity", &host, 1, &result));
}

static void places_keep_their_types(void) {
    pellucid_value_t host = host_value(), value = integer(9), null = value_of(PELLUCID_ANYREF), any, result;
    MUST(call("to_any", &host, 1, &any));
    pellucid_global_t global = export_of(instance, "any").of.global, integers = export_of(instance, "int").of.global;
    pellucid_table_t table = export_of(instance, "table").of.table;
    MUST(pellucid_global_set(store, &global, &any));
    MUST(pellucid_global_get(store, &global, &result));
    CHECK(memcmp(&result.of.anyref, &any.of.anyref, sizeof any.of.anyref) == 0);
    MUST(pellucid_global_set(store, &integers, &value));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_global_set(store, &integers, &null));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_global_set(store, &integers, &any));
    MUST(pellucid_table_set(store, &table, 0, &value));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_table_set(store, &table, 0, &any));
    MUST(pellucid_table_get(store, &table, 0, &result));
    CHECK(number_of("signed", &result, 1) == 9);
    /* Raw values are looked at, too. */
    pellucid_func_t func = func_of(instance, "signed"), identity = func_of(instance, "identity");
    pellucid_raw_t raw;
    MUST(pellucid_value_to_raw(store, &any, &raw));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_func_call_raw(store, &func, &raw, 1, ERR));
    raw.reference = 8;
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_func_call_raw(store, &identity, &raw, 1, ERR));
    raw.reference = UINT64_C(1) << 40 | 1;
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_func_call_raw(store, &identity, &raw, 1, ERR));
}

static void frames_show_them(void) {
    pellucid_func_t func = func_of(instance, "kinds");
    pellucid_value_t arg = integer(-3), read, host = host_value(), any;
    pellucid_call_t *paused;
    pellucid_call_state_t state;
    MUST(call("to_any", &host, 1, &any));
    MUST(pellucid_call_begin(store, &func, &arg, 1, &paused, ERR));
    uint32_t n, steps = 0;
    do {
        MUST(pellucid_call_resume(paused, PELLUCID_RESUME_STEP, &state, ERR));
        steps++;
        if (state != PELLUCID_CALL_PAUSED)
            break;
        pellucid_frame_t frame = frame_of(paused);
        MUST(pellucid_frame_read_locals(store, &frame, 0, &read, 1, &n));
        CHECK(read.kind == PELLUCID_ANYREF && memcmp(&read.of.anyref, &arg.of.anyref, sizeof arg.of.anyref) == 0);
        MUST(pellucid_frame_operand_count(store, &frame, &n));
        if (n == 1 && steps == 4) {
            /* At br_on_cast: what it looks at can be exchanged. */
            MUST(pellucid_frame_read_operands(store, &frame, 0, &read, 1, &n));
            CHECK(memcmp(&read.of.anyref, &arg.of.anyref, sizeof arg.of.anyref) == 0);
            STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_write_operand(store, &frame, 0, &host, ERR));
            MUST(pellucid_frame_write_operand(store, &frame, 0, &any, ERR));
        }
    } while (state == PELLUCID_CALL_PAUSED);
    CHECK(steps > 6 && state == PELLUCID_CALL_FINISHED);
    MUST(pellucid_call_results(paused, &read, 1));
    CHECK(read.of.i32 == 3);
    pellucid_call_delete(paused);
}

int main(void) {
    for (int round = 0; round < 4; round++) {
        has_checks = round >= 2;
        bool is_debug = round % 2 == 1;
        open_world(is_debug);
        instance = instance_of(text);
        integers_have_31_bits();
        casts_tell_what_a_reference_is();
        host_values_are_passed_on();
        places_keep_their_types();
        if (is_debug)
            frames_show_them();
        close_world();
    }
    return finish();
}
