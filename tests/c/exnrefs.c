/* References to exceptions: what keeps them and what they carry, and that they go when nothing does. */

#include "test.h"

static const char text[] =
    "(module"
    "  (type $box (struct (field (mut i32))))"
    "  (type $holder (struct (field (mut exnref))))"
    "  (tag $number (export \"number\") (param i32 i64 v128))"
    "  (tag $object (export \"object\") (param (ref $box) externref))"
    "  (tag $nested (export \"nested\") (param exnref))"
    "  (import \"host\" \"call\" (func $host (param i32)))"
    "  (global $global (export \"global\") (mut exnref) (ref.null exn))"
    "  (global $held (mut (ref null $holder)) (ref.null $holder))"
    "  (table $table (export \"table\") 2 exnref)"
    "  (func $throw (param i32)"
    "    (throw $number (local.get 0) (i64.const -5) (v128.const i32x4 1 2 3 4)))"
    "  (func $caught (param i32) (result exnref)"
    "    (block $h (result exnref) (try_table (catch_all_ref $h) (call $throw (local.get 0))) (unreachable)))"
    "  (func $read (param exnref) (result i32) (local $vector v128) (local $wide i64) (local $number i32)"
    "    (block $h (result i32 i64 v128)"
    "      (try_table (catch $number $h) (throw_ref (local.get 0)))"
    "      (unreachable))"
    "    (local.set $vector) (local.set $wide) (local.set $number)"
    "    (if (i64.ne (local.get $wide) (i64.const -5)) (then (unreachable)))"
    "    (if (i32.ne (i32x4.extract_lane 3 (local.get $vector)) (i32.const 4)) (then (unreachable)))"
    "    (local.get $number))"
    "  (func $inner (export \"inner\") (param i32)"
    "    (throw $object (struct.new $box (local.get 0)) (ref.null extern)))"
    /* So many that are thrown, caught with a reference, and thrown by that once more. */
    "  (func (export \"loop\") (param $n i32) (local $last exnref)"
    "    (loop $again"
    "      (local.set $last (call $caught (local.get $n)))"
    "      (if (i32.ne (call $read (local.get $last)) (local.get $n)) (then (unreachable)))"
    "      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"
    /* The same by way of `rethrow`. */
    "  (func (export \"legacy\") (param $n i32) (local $sum i32)"
    "    (loop $again"
    "      try"
    "        try (call $throw (local.get $n)) catch_all (rethrow 0) end"
    "      catch $number drop drop (local.set $sum (i32.add (local.get $sum))) end"
    "      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"
    /* In a global, a table, a field, a local, another exception, and in a clause that may throw it on. */
    "  (func (export \"keep\") (param i32)"
    "    (global.set $global (call $caught (i32.const 1)))"
    "    (table.set $table (i32.const 1) (call $caught (i32.const 2)))"
    "    (global.set $held (struct.new $holder (ref.null exn)))"
    "    (struct.set $holder 0 (global.get $held) (call $caught (i32.const 3))))"
    "  (func (export \"sum\") (param $n i32) (result i32) (local $local exnref) (local $outer exnref) (local $sum i32)"
    "    (local.set $local (call $caught (i32.const 10)))"
    "    (local.set $outer (block $h (result exnref)"
    "      (try_table (catch_all_ref $h) (throw $nested (call $caught (i32.const 20)))) (unreachable)))"
    "    try"
    "      try (call $throw (i32.const 40)) catch_all (call $host (local.get $n)) (rethrow 0) end"
    "    catch $number drop drop (local.set $sum) end"
    "    (call $read (block $h (result exnref) (try_table (catch $nested $h) (throw_ref (local.get $outer))) (unreachable)))"
    "    (i32.add (call $read (local.get $local)))"
    "    (i32.add (call $read (global.get $global)))"
    "    (i32.add (call $read (table.get $table (i32.const 1))))"
    "    (i32.add (call $read (struct.get $holder 0 (global.get $held))))"
    "    (i32.add (local.get $sum)))"
    "  (func (export \"catch\") (param i32) (result i32)"
    "    (struct.get $box 0 (block $h (result (ref $box) externref)"
    "      (try_table (catch $object $h) (call $host (local.get 0))) (unreachable)) (drop)))"
    "  (func (export \"objects\") (param $n i32)"
    "    (loop $again"
    "      (block $h (result (ref $box) externref)"
    "        (try_table (catch $object $h) (call $inner (local.get $n))) (unreachable))"
    "      (drop) (drop)"
    "      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"
    "  (func (export \"identity\") (param exnref) (result exnref) (local.get 0))"
    "  (func (export \"read\") (param exnref) (result i32) (call $read (local.get 0)))"
    "  (func (export \"holder\") (param exnref) (result anyref) (struct.new $holder (local.get 0))))";

static pellucid_instance_t instance;
static pellucid_module_t *module;
static pellucid_tag_t number_tag, object_tag;

/* What `call` does: collects; or calls the guest, which throws, and hands that on after its scope was closed. */
static pellucid_status_t host(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)results, (void)n_results, (void)n_args;
    uint64_t scope;
    pellucid_func_t leaf = func_of(instance, "inner");
    OK(pellucid_scope_open(store, &scope));
    pellucid_status_t status = args[0].of.i32 == 0 ? PELLUCID_OK : pellucid_func_call(store, &leaf, args, 1, NULL, 0, out_error);
    OK(pellucid_scope_close(store, scope));
    OK(pellucid_store_gc(store));
    return status;
}

static void open_instance(bool is_debug) {
    open_world(is_debug);
    module = module_of(text);
    pellucid_kind_t kind = PELLUCID_I32;
    pellucid_extern_t import = host_import(&kind, 1, NULL, 0, host);
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    number_tag = export_of(instance, "number").of.tag;
    object_tag = export_of(instance, "object").of.tag;
}

static void close_instance(void) {
    pellucid_module_delete(module);
    close_world();
}

static pellucid_value_t call(const char *name, pellucid_value_t arg, size_t n_results) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t result = {0};
    MUST(pellucid_func_call(store, &func, &arg, 1, &result, n_results, ERR));
    return result;
}

/* Neither takes memory that isn't given back. */
static void many(void) {
    pellucid_heap_stats_t stats = {.struct_size = sizeof stats};
    OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_HEAP_BYTES, 8 << 20));
    call("loop", value_i32(pellucid_store_is_debug(store) ? 100000 : 400000), 0);
    call("legacy", value_i32(pellucid_store_is_debug(store) ? 100000 : 400000), 0);
    OK(pellucid_store_heap_stats(store, &stats));
    CHECK(stats.used_bytes <= 8 << 20 && stats.minor_collections > 0);
}

static void kept(void) {
    call("keep", value_i32(0), 0);
    OK(pellucid_store_gc(store));
    for (int i = 0; i < 3; i++) {
        CHECK(call("sum", value_i32(0), 1).of.i32 == 76);
    }
}

static pellucid_value_t exception(int32_t number) {
    pellucid_value_t values[3] = {value_i32(number), value_i64(-5), value_of(PELLUCID_V128)}, made = value_of(PELLUCID_EXNREF);
    values[2].of.v128[12] = 4;
    OK(pellucid_exnref_new(store, &number_tag, values, 3, &made.of.exnref, ERR));
    return made;
}

static void host_references(void) {
    uint64_t scope;
    OK(pellucid_scope_open(store, &scope));
    pellucid_value_t first = exception(1), second = exception(2), holder = call("holder", first, 1), same;
    CHECK(!pellucid_value_is_same(&first, &second));
    same = call("identity", first, 1);
    CHECK(pellucid_value_is_same(&first, &same) && call("read", same, 1).of.i32 == 1);
    OK(pellucid_value_keep(store, &second));
    OK(pellucid_value_keep(store, &holder));
    /* Numbers of objects and of exceptions aren't taken for each other. */
    pellucid_value_t forged = value_of(PELLUCID_ANYREF), other = value_of(PELLUCID_EXNREF), result, values[3];
    pellucid_func_t identity = func_of(instance, "identity");
    forged.of.anyref = holder.of.anyref;
    /* The highest bits tell that it is an object. */
    forged.of.anyref.index = (holder.of.anyref.index & UINT64_C(3) << 62) | first.of.exnref.index;
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_object_type(store, &forged.of.anyref, NULL, NULL));
    other.of.exnref.store = holder.of.anyref.store, other.of.exnref.index = holder.of.anyref.index & ~(UINT64_C(3) << 62);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_exnref_exception(store, &other.of.exnref, NULL, NULL, 0, NULL));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_func_call(store, &identity, &other, 1, &result, 1, ERR));
    OK(pellucid_scope_close(store, scope));
    OK(pellucid_store_gc(store));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_exnref_exception(store, &first.of.exnref, NULL, NULL, 0, NULL));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_func_call(store, &identity, &first, 1, &result, 1, ERR));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_value_keep(store, &first));
    CHECK(call("read", second, 1).of.i32 == 2);
    size_t n;
    OK(pellucid_scope_open(store, &scope));
    /* What a field has is still there, and has another number now. */
    OK(pellucid_object_get(store, &holder.of.anyref, 0, values, 1));
    CHECK(values[0].kind == PELLUCID_EXNREF && !pellucid_value_is_same(&values[0], &first));
    OK(pellucid_exnref_exception(store, &values[0].of.exnref, NULL, values, 3, &n));
    CHECK(n == 3 && values[0].of.i32 == 1 && values[1].of.i64 == -5 && values[2].of.v128[12] == 4);
    OK(pellucid_object_set(store, &holder.of.anyref, 0, &second));
    OK(pellucid_value_release(store, &second));
    OK(pellucid_store_gc(store));
    OK(pellucid_object_get(store, &holder.of.anyref, 0, values, 1));
    CHECK(call("read", values[0], 1).of.i32 == 2);
    OK(pellucid_scope_close(store, scope));
    OK(pellucid_value_release(store, &holder));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_value_release(store, &holder));
    pellucid_value_t plain = value_i32(3), null = value_of(PELLUCID_EXNREF), unavailable = value_of(PELLUCID_UNAVAILABLE);
    OK(pellucid_value_keep(store, &plain));
    OK(pellucid_value_release(store, &plain));
    OK(pellucid_value_keep(store, &null));
    OK(pellucid_value_release(store, &null));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_value_keep(store, &unavailable));
}

/* An error has what its exception carries, and so it is caught. */
static void errors(void) {
    uint64_t scope;
    int finalized = 0;
    size_t n;
    CHECK(call("catch", value_i32(55), 1).of.i32 == 55);

    OK(pellucid_scope_open(store, &scope));
    pellucid_value_t arg = value_i32(9), values[2], box, field;
    pellucid_error_t *error = NULL, *own = NULL;
    pellucid_func_t inner = func_of(instance, "inner");
    STATUS(PELLUCID_ERR_EXCEPTION, pellucid_func_call(store, &inner, &arg, 1, NULL, 0, &error));
    OK(pellucid_error_exception(error, NULL, &box, 1, NULL));
    values[0] = box, values[1] = value_of(PELLUCID_EXTERNREF);
    OK(pellucid_externref_new(store, &finalized, count, &values[1].of.externref));
    OK(pellucid_exception_new(store, &object_tag, values, 2, &own));
    OK(pellucid_scope_close(store, scope));
    OK(pellucid_store_gc(store));
    CHECK(finalized == 0);
    OK(pellucid_error_exception(error, NULL, values, 2, &n));
    CHECK(n == 2 && pellucid_value_is_same(&values[0], &box));
    OK(pellucid_object_get(store, &box.of.anyref, 0, &field, 1));
    CHECK(field.of.i32 == 9);
    pellucid_error_delete(error);
    OK(pellucid_store_gc(store));
    OK(pellucid_object_get(store, &box.of.anyref, 0, &field, 1));
    OK(pellucid_error_exception(own, NULL, values, 2, &n));
    void *found;
    OK(pellucid_externref_userdata(store, &values[1].of.externref, &found));
    CHECK(found == &finalized);
    /* The host can't release what an error keeps. */
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_value_release(store, &box));
    pellucid_error_delete(own);
    OK(pellucid_store_gc(store));
    CHECK(finalized == 1);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_object_get(store, &box.of.anyref, 0, &field, 1));
}

static uint64_t n_references(void) {
    pellucid_heap_stats_t stats = {.struct_size = sizeof stats};
    OK(pellucid_store_gc(store));
    OK(pellucid_store_heap_stats(store, &stats));
    return stats.references;
}

/* What nobody has asked for isn't the host's, with whatever scope open, or none. */
static void unasked(void) {
    pellucid_func_t inner = func_of(instance, "inner");
    pellucid_value_t arg = value_i32(1), values[2];
    uint64_t before = n_references();
    call("objects", value_i32(1000), 0);
    CHECK(n_references() == before);
    for (int i = 0; i < 100; i++) {
        pellucid_error_t *error = NULL;
        STATUS(PELLUCID_ERR_EXCEPTION, pellucid_func_call(store, &inner, &arg, 1, NULL, 0, &error));
        OK(pellucid_error_exception(error, NULL, values, 2, NULL));
        pellucid_error_delete(error);
    }
    CHECK(n_references() == before);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_object_type(store, &values[0].of.anyref, NULL, NULL));
    /* What the host had before it still has. */
    pellucid_value_t box = value_of(PELLUCID_ANYREF);
    pellucid_value_t thrown[2] = {box, value_of(PELLUCID_EXTERNREF)};
    pellucid_type_id_t type;
    pellucid_value_t field = value_i32(4);
    OK(pellucid_module_type(module, 0, &type));
    OK(pellucid_struct_new(store, type, &field, 1, &thrown[0].of.anyref, ERR));
    pellucid_error_t *error;
    OK(pellucid_exception_new(store, &object_tag, thrown, 2, &error));
    pellucid_error_delete(error);
    CHECK(n_references() == before + 1);
    OK(pellucid_object_get(store, &thrown[0].of.anyref, 0, &field, 1));
    CHECK(field.of.i32 == 4);
}

static pellucid_value_t in_handler[2];

/* Looks at what is thrown; makes an object, and keeps it to the end of the handler only. */
static pellucid_action_t look(void *userdata, pellucid_store_t *in, pellucid_event_t *event) {
    (void)userdata, (void)in;
    OK(pellucid_event_exception(event, NULL, in_handler, 2, NULL));
    pellucid_type_id_t type;
    pellucid_value_t field = value_i32(4);
    OK(pellucid_module_type(module, 0, &type));
    OK(pellucid_struct_new(store, type, &field, 1, &in_handler[1].of.anyref, ERR));
    OK(pellucid_object_get(store, &in_handler[0].of.anyref, 0, &field, 1));
    OK(pellucid_object_get(store, &in_handler[1].of.anyref, 0, &field, 1));
    return PELLUCID_ACTION_CONTINUE;
}

static void handlers(void) {
    pellucid_value_t field;
    uint64_t before = n_references();
    OK(pellucid_store_set_event_handler(store, PELLUCID_EVENT_EXCEPTION, NULL, look, NULL));
    call("objects", value_i32(100), 0);
    OK(pellucid_store_clear_event_handler(store));
    CHECK(n_references() == before);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_object_get(store, &in_handler[0].of.anyref, 0, &field, 1));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_object_get(store, &in_handler[1].of.anyref, 0, &field, 1));
}

/* The number of a host's value isn't that of an object, though both are counted in one list. */
static void forged_host_values(void) {
    uint64_t scope;
    OK(pellucid_scope_open(store, &scope));
    pellucid_externref_t externref;
    pellucid_value_t field;
    pellucid_weak_t weak;
    for (int i = 0; i < 4; i++) {
        OK(pellucid_externref_new(store, NULL, NULL, &externref));
        for (uint64_t number = 0; number < 8; number++) {
            pellucid_anyref_t forged = {.store = externref.store, .index = UINT64_C(1) << 62 | number};
            pellucid_status_t status = pellucid_object_get(store, &forged, 0, &field, 1);
            CHECK(status == PELLUCID_OK || status == PELLUCID_ERR_OUT_OF_RANGE);
            if (status != PELLUCID_OK)
                STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_weak_new(store, &forged, &weak));
        }
    }
    CHECK(!pellucid_store_is_poisoned(store));
    OK(pellucid_scope_close(store, scope));
}

/* Exceptions are among what the heap has, and among what keeps an object. */
static void walk(void) {
    uint64_t scope;
    OK(pellucid_scope_open(store, &scope));
    pellucid_value_t arg = value_i32(7), values[2], keeper = value_of(PELLUCID_EXNREF), found[2];
    pellucid_error_t *error = NULL;
    pellucid_func_t inner = func_of(instance, "inner");
    STATUS(PELLUCID_ERR_EXCEPTION, pellucid_func_call(store, &inner, &arg, 1, NULL, 0, &error));
    OK(pellucid_error_exception(error, NULL, values, 2, NULL));
    pellucid_error_delete(error);
    OK(pellucid_exnref_new(store, &object_tag, values, 2, &keeper.of.exnref, ERR));
    size_t n;
    OK(pellucid_object_referrers(store, &values[0].of.anyref, found, 2, &n));
    CHECK(n == 1 && found[0].kind == PELLUCID_EXNREF && pellucid_value_is_same(&found[0], &keeper));
    pellucid_heap_type_t types[8];
    OK(pellucid_store_heap_types(store, types, 8, &n));
    size_t n_exceptions = 0;
    for (size_t i = 0; i < n; i++) {
        pellucid_type_kind_t kind;
        OK(pellucid_type_kind(engine, types[i].type_id, &kind, NULL));
        /* Stacks are searched word by word: there may be more. */
        n_exceptions += kind == PELLUCID_TYPE_FUNC ? types[i].count : 0;
    }
    CHECK(n_exceptions >= 4);
    OK(pellucid_scope_close(store, scope));
}

/* A paused call keeps an exception that it is about to catch, also if the host takes its time. */
static void paused(void) {
    pellucid_func_t sum_func = func_of(instance, "sum");
    pellucid_value_t arg = value_i32(0), result;
    pellucid_call_t *paused_call;
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &sum_func, &arg, 1, &paused_call, ERR));
    OK(pellucid_call_resume(paused_call, PELLUCID_RESUME_STEP, &state, ERR));
    while (state == PELLUCID_CALL_PAUSED) {
        OK(pellucid_store_gc(store));
        OK(pellucid_call_resume(paused_call, PELLUCID_RESUME_STEP, &state, ERR));
    }
    OK(pellucid_call_results(paused_call, &result, 1));
    CHECK(result.of.i32 == 76);
    pellucid_call_delete(paused_call);
}

int main(void) {
    for (int is_debug = 0; is_debug <= 1; is_debug++) {
        open_instance(is_debug);
        many();
        kept();
        host_references();
        errors();
        walk();
        unasked();
        forged_host_values();
        if (is_debug) {
            handlers();
            paused();
        }
        close_instance();
    }
    return finish();
}
