/* Structures and arrays: making them, what is in them, for how long references are good, and collecting garbage. */

#include "test.h"

/* Types: 0 a node of a list, 1 an array of bytes, 2 an array of nodes, 3 what is more than a node. */
static const char text[] =
    "(module"
    "  (type $node (sub (struct (field $value (mut i32)) (field $next (mut (ref null $node))) (field $small (mut i8)))))"
    "  (type $bytes (array (mut i8))) (type $nodes (array (mut (ref null $node))))"
    "  (type $more (sub $node (struct (field (mut i32)) (field (mut (ref null $node))) (field (mut i8)) (field f64))))"
    "  (type $const (array i16))"
    "  (import \"host\" \"see\" (func $see (param anyref) (result anyref)))"
    "  (global $kept (export \"kept\") (mut anyref) (ref.null any))"
    "  (table (export \"table\") 4 anyref)"
    "  (func (export \"node\") (param i32 anyref) (result anyref)"
    "    (struct.new $node (local.get 0) (ref.cast (ref null $node) (local.get 1)) (i32.const 300)))"
    "  (func (export \"sum\") (param $list anyref) (result i32) (local $node (ref null $node)) (local $sum i32)"
    "    (local.set $node (ref.cast (ref null $node) (local.get $list)))"
    "    (block $end (loop $next"
    "      (br_if $end (ref.is_null (local.get $node)))"
    "      (local.set $sum (i32.add (local.get $sum) (struct.get $node $value (local.get $node))))"
    "      (local.set $node (struct.get $node $next (local.get $node)))"
    "      (br $next)))"
    "    (local.get $sum))"
    /* So many nodes, of which the last ones are held, in a list. */
    "  (func (export \"churn\") (param $n i32) (param $held i32) (result anyref) (local $list (ref null $node)) (local $i i32)"
    "    (loop $again"
    "      (if (i32.eqz (i32.rem_u (local.get $i) (local.get $held))) (then (local.set $list (ref.null $node))))"
    "      (local.set $list (struct.new $node (local.get $i) (local.get $list) (i32.const 7)))"
    "      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))"
    "    (local.get $list))"
    "  (func (export \"pass\") (param anyref) (result anyref) (call $see (local.get 0)))"
    "  (func (export \"identity\") (param anyref) (result anyref) (local.get 0))"
    "  (func (export \"bytes\") (param i32) (result anyref) (array.new $bytes (i32.const 65) (local.get 0)))"
    "  (func (export \"big\") (param i32) (result i32) (array.len (array.new_default $nodes (local.get 0))))"
    "  (func $inner (export \"inner\") (param $list anyref) (result i32) (local $node (ref null $node)) (local $many (ref null $nodes))"
    "    (local.set $node (ref.cast (ref null $node) (local.get $list)))"
    "    (local.set $many (array.new $nodes (local.get $node) (i32.const 3)))"
    "    (struct.set $node $value (local.get $node) (i32.const 5))"
    "    (i32.add (struct.get $node $value (local.get $node))"
    "             (struct.get $node $value (array.get $nodes (local.get $many) (i32.const 2))))))";

/* Makes so often two arrays of bytes and one of nodes, of which the last ones are held and looked at. Answers 945 and what was wrong. */
static const char arrays_text[] =
    "(module"
    "  (type $node (sub (struct (field $value (mut i32)) (field $next (mut (ref null $node))) (field $small (mut i8)))))"
    "  (type $bytes (array (mut i8))) (type $nodes (array (mut (ref null $node)))) (type $ring (array (mut (ref null $nodes))))"
    "  (func (export \"arrays\") (param $n i32) (param $held i32) (result anyref)"
    "    (local $i i32) (local $length i32) (local $wrong i32) (local $a (ref null $bytes)) (local $b (ref null $bytes))"
    "    (local $ring (ref null $ring)) (local $nodes (ref null $nodes)) (local $place i32)"
    "    (local.set $ring (array.new_default $ring (local.get $held)))"
    "    (loop $again"
    "      (local.set $length (i32.add (i32.and (local.get $i) (i32.const 31)) (i32.const 1)))"
    "      (local.set $a (array.new $bytes (local.get $i) (local.get $length)))"
    "      (local.set $b (array.new_default $bytes (i32.add (local.get $length) (i32.const 2))))"
    "      (array.copy $bytes $bytes (local.get $b) (i32.const 1) (local.get $a) (i32.const 0) (local.get $length))"
    "      (local.set $wrong (i32.add (local.get $wrong) (i32.or"
    "        (i32.ne (i32.and (local.get $i) (i32.const 255)) (array.get_u $bytes (local.get $b) (local.get $length)))"
    "        (i32.or (array.get_u $bytes (local.get $b) (i32.const 0))"
    "          (array.get_u $bytes (local.get $b) (i32.add (local.get $length) (i32.const 1)))))))"
    "      (array.fill $bytes (local.get $b) (i32.const 1) (i32.const 0) (local.get $length))"
    "      (local.set $wrong (i32.add (local.get $wrong) (array.get_u $bytes (local.get $b) (local.get $length))))"
    "      (local.set $place (i32.rem_u (local.get $i) (local.get $held)))"
    "      (if (i32.ge_u (local.get $i) (local.get $held)) (then"
    "        (local.set $nodes (array.get $ring (local.get $ring) (local.get $place)))"
    "        (local.set $wrong (i32.add (local.get $wrong) (i32.or"
    "          (i32.ne (i32.sub (local.get $i) (local.get $held)) (struct.get $node $value (array.get $nodes (local.get $nodes) (i32.const 0))))"
    "          (i32.eqz (ref.eq (array.get $nodes (local.get $nodes) (i32.const 0))"
    "            (array.get $nodes (local.get $nodes) (i32.sub (array.len (local.get $nodes)) (i32.const 1))))))))))"
    "      (array.set $ring (local.get $ring) (local.get $place)"
    "        (array.new $nodes (struct.new $node (local.get $i) (ref.null $node) (i32.const 7)) (local.get $length)))"
    "      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))"
    "    (struct.new $node (i32.add (local.get $wrong) (i32.const 945)) (ref.null $node) (i32.const 7))))";

static pellucid_module_t *module;
static pellucid_instance_t instance;
static pellucid_type_id_t node_type, bytes_type, nodes_type, more_type, const_type;
static pellucid_anyref_t seen;

static pellucid_value_t any(pellucid_anyref_t anyref) {
    pellucid_value_t value = value_of(PELLUCID_ANYREF);
    value.of.anyref = anyref;
    return value;
}

static pellucid_value_t call(const char *name, const pellucid_value_t *args, size_t n_args) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t result = {0};
    MUST(pellucid_func_call(store, &func, args, n_args, &result, 1, ERR));
    return result;
}

static pellucid_anyref_t node(int32_t number, pellucid_anyref_t next) {
    pellucid_value_t args[] = {value_i32(number), any(next)};
    return call("node", args, 2).of.anyref;
}

static int32_t sum(pellucid_anyref_t list) {
    pellucid_value_t arg = any(list);
    return call("sum", &arg, 1).of.i32;
}

/* A host function: what it is given is good until it returns, and what it makes too. */
static pellucid_status_t see(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                             pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)out_error;
    CHECK(n_args == 1 && n_results == 1);
    seen = args[0].of.anyref;
    CHECK(sum(seen) == 6);
    OK(pellucid_store_gc(store));
    CHECK(sum(seen) == 6);
    uint64_t scope;
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_scope_close(store, 0));
    OK(pellucid_scope_open(store, &scope));
    results[0] = any(node(4, seen));
    return PELLUCID_OK;
}

static void open_instance(bool is_debug) {
    open_world(is_debug);
    module = module_of(text);
    pellucid_type_id_t *ids[] = {&node_type, &bytes_type, &nodes_type, &more_type, &const_type};
    for (size_t i = 0; i < 5; i++) {
        OK(pellucid_module_type(module, i, ids[i]));
    }
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_module_type(module, pellucid_module_type_count(module), &node_type));
    pellucid_kind_t kind = PELLUCID_ANYREF;
    pellucid_extern_t import = host_import(&kind, 1, &kind, 1, see);
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
}

static void close_instance(void) {
    pellucid_module_delete(module);
    close_world();
}

static void types(void) {
    pellucid_type_kind_t kind;
    size_t n;
    OK(pellucid_type_kind(engine, node_type, &kind, &n));
    CHECK(kind == PELLUCID_TYPE_STRUCT && n == 3);
    OK(pellucid_type_kind(engine, bytes_type, &kind, &n));
    CHECK(kind == PELLUCID_TYPE_ARRAY && n == 1);
    pellucid_fieldtype_t field;
    OK(pellucid_type_field(engine, node_type, 2, &field));
    CHECK(field.kind == PELLUCID_I32 && field.bits == 8 && field.is_mutable);
    OK(pellucid_type_field(engine, more_type, 3, &field));
    CHECK(field.kind == PELLUCID_F64 && field.bits == 64 && !field.is_mutable);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_type_field(engine, bytes_type, 1, &field));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_type_kind(engine, 1000000, &kind, &n));
    pellucid_type_id_t super;
    OK(pellucid_type_supertype(engine, more_type, &super));
    CHECK(super == node_type);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_type_supertype(engine, node_type, &super));
}

static void fields(void) {
    pellucid_anyref_t null = {0}, first = node(1, null), second = node(2, first);
    CHECK(sum(second) == 3);
    pellucid_value_t values[4];
    OK(pellucid_object_get(store, &second, 0, values, 3));
    CHECK(values[0].of.i32 == 2 && memcmp(&values[1].of.anyref, &first, sizeof first) == 0 && values[2].of.i32 == 44);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_object_get(store, &second, 1, values, 3));
    pellucid_value_t ten = value_i32(10), none = any(null), wrong = value_i64(1);
    OK(pellucid_object_set(store, &first, 0, &ten));
    CHECK(sum(second) == 12);
    OK(pellucid_object_set(store, &second, 1, &none));
    CHECK(sum(second) == 2);
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_object_set(store, &first, 0, &wrong));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_object_set(store, &first, 3, &ten));
    pellucid_type_id_t type;
    uint32_t length;
    bool is;
    OK(pellucid_object_type(store, &first, &type, &length));
    CHECK(type == node_type && length == 3);
    /* The host's own. */
    pellucid_anyref_t more, bytes, nodes, wrong_one;
    values[0] = value_i32(30), values[1] = any(second), values[2] = value_i32(-1), values[3] = value_of(PELLUCID_F64);
    OK(pellucid_struct_new(store, more_type, values, 4, &more, ERR));
    CHECK(sum(more) == 32);
    OK(pellucid_object_is(store, &more, node_type, &is));
    CHECK(is);
    OK(pellucid_object_is(store, &first, more_type, &is));
    CHECK(!is);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_object_set(store, &more, 3, &values[3]));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_struct_new(store, more_type, values, 3, &wrong_one, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_struct_new(store, bytes_type, values, 1, &wrong_one, ERR));
    pellucid_value_t letter = value_i32(0x141), length_of_bytes = value_i32(5);
    OK(pellucid_array_new(store, bytes_type, &letter, 5, &bytes, ERR));
    char read[6] = "";
    OK(pellucid_array_read(store, &bytes, 0, (uint8_t *)read, 5));
    CHECK(strcmp(read, "AAAAA") == 0);
    OK(pellucid_array_write(store, &bytes, 3, (const uint8_t *)"xy", 2));
    OK(pellucid_array_read(store, &bytes, 1, (uint8_t *)read, 4));
    CHECK(memcmp(read, "AAxy", 4) == 0);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_array_read(store, &bytes, 1, (uint8_t *)read, 5));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_array_read(store, &bytes, UINT64_MAX, (uint8_t *)read, 5));
    pellucid_anyref_t constant;
    OK(pellucid_array_new(store, const_type, &letter, 2, &constant, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_array_write(store, &constant, 0, (const uint8_t *)"xy", 2));
    pellucid_value_t a_node = any(first), by_guest = call("bytes", &length_of_bytes, 1);
    OK(pellucid_array_new(store, nodes_type, &a_node, 3, &nodes, ERR));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_array_read(store, &nodes, 0, (uint8_t *)read, 4));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_array_new(store, nodes_type, &by_guest, 3, &wrong_one, ERR));
    OK(pellucid_object_get(store, &by_guest.of.anyref, 4, values, 1));
    CHECK(values[0].of.i32 == 65);
    pellucid_anyref_t i31;
    OK(pellucid_anyref_from_i31(3, &i31));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_object_type(store, &i31, NULL, NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_object_type(store, &null, NULL, NULL));
    /* Who has whom. */
    pellucid_value_t referrers[4], of_nodes = any(nodes);
    size_t n;
    OK(pellucid_object_referrers(store, &first, referrers, 4, &n));
    CHECK(n == 1 && pellucid_value_is_same(&referrers[0], &of_nodes));
    pellucid_anyref_kind_t kind;
    OK(pellucid_anyref_kind(&first, &kind));
    CHECK(kind == PELLUCID_ANYREF_OBJECT);
}

static uint64_t count_of(pellucid_type_id_t type) {
    pellucid_heap_type_t found[8];
    size_t n;
    OK(pellucid_store_heap_types(store, found, 8, &n));
    for (size_t i = 0; i < n; i++) {
        if (found[i].type_id == type) {
            return found[i].count;
        }
    }
    return 0;
}

static void lifetimes(void) {
    pellucid_anyref_t null = {0};
    uint64_t outer, inner;
    OK(pellucid_scope_open(store, &outer));
    pellucid_anyref_t kept = node(1, null), in_outer = node(2, null);
    OK(pellucid_scope_open(store, &inner));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_scope_close(store, outer));
    pellucid_anyref_t in_inner = node(3, in_outer);
    pellucid_weak_t weak, weak_kept;
    OK(pellucid_weak_new(store, &in_inner, &weak));
    OK(pellucid_weak_new(store, &kept, &weak_kept));
    OK(pellucid_object_keep(store, &kept));
    OK(pellucid_scope_close(store, inner));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_scope_close(store, inner));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_object_type(store, &in_inner, NULL, NULL));
    CHECK(sum(in_outer) == 2);
    pellucid_value_t stale = any(in_inner), result;
    pellucid_func_t func = func_of(instance, "sum");
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_func_call(store, &func, &stale, 1, &result, 1, ERR));
    OK(pellucid_scope_close(store, outer));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_object_type(store, &in_outer, NULL, NULL));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_scope_close(store, outer));
    CHECK(sum(kept) == 1);
    OK(pellucid_store_gc(store));
    pellucid_anyref_t found;
    OK(pellucid_weak_get(store, &weak, &found));
    CHECK(memcmp(&found, &null, sizeof null) == 0);
    OK(pellucid_weak_get(store, &weak_kept, &found));
    CHECK(memcmp(&found, &kept, sizeof kept) == 0);
    OK(pellucid_weak_delete(store, &weak));
    STATUS(PELLUCID_ERR_STALE_HANDLE, pellucid_weak_delete(store, &weak));
    STATUS(PELLUCID_ERR_STALE_HANDLE, pellucid_weak_get(store, &weak, &found));
    OK(pellucid_weak_delete(store, &weak_kept));
    OK(pellucid_object_release(store, &kept));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_object_release(store, &kept));
    /* In a host function all are good that it was given, and then none. */
    OK(pellucid_scope_open(store, &outer));
    pellucid_value_t list = any(node(1, node(2, node(3, null))));
    pellucid_value_t back = call("pass", &list, 1);
    CHECK(sum(back.of.anyref) == 10);
    pellucid_anyref_t list_now = list.of.anyref;
    CHECK(memcmp(&seen, &list_now, sizeof seen) == 0);
    OK(pellucid_scope_close(store, outer));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_object_type(store, &back.of.anyref, NULL, NULL));
    /* What globals and tables have stays. */
    OK(pellucid_scope_open(store, &outer));
    pellucid_value_t in_global = any(node(50, null)), in_table = any(node(60, null)), none = any(null);
    pellucid_global_t global = export_of(instance, "kept").of.global;
    pellucid_table_t table = export_of(instance, "table").of.table;
    OK(pellucid_global_set(store, &global, &in_global));
    OK(pellucid_table_set(store, &table, 2, &in_table));
    OK(pellucid_scope_close(store, outer));
    OK(pellucid_store_gc(store));
    OK(pellucid_scope_open(store, &outer));
    OK(pellucid_global_get(store, &global, &result));
    CHECK(sum(result.of.anyref) == 50);
    OK(pellucid_table_get(store, &table, 2, &result));
    CHECK(sum(result.of.anyref) == 60);
    OK(pellucid_global_set(store, &global, &none));
    OK(pellucid_table_set(store, &table, 2, &none));
    /* A host value that was made in a scope, and one that wasn't. */
    int finalized = 0, finalized_later = 0;
    pellucid_externref_t in_scope, forever;
    OK(pellucid_externref_new(store, &finalized, count, &in_scope));
    pellucid_value_t passed = value_of(PELLUCID_ANYREF);
    OK(pellucid_anyref_from_externref(store, &in_scope, &passed.of.anyref));
    OK(pellucid_global_set(store, &global, &passed));
    OK(pellucid_scope_close(store, outer));
    OK(pellucid_externref_new(store, &finalized_later, count, &forever));
    OK(pellucid_store_gc(store));
    void *userdata;
    CHECK(finalized == 0 && OK(pellucid_externref_userdata(store, &in_scope, &userdata)) && userdata == &finalized);
    OK(pellucid_global_set(store, &global, &none));
    OK(pellucid_store_gc(store));
    OK(pellucid_store_gc(store));
    CHECK(finalized == 1 && finalized_later == 0);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_externref_userdata(store, &in_scope, &userdata));
    /* One that only a call has, before it begins and after it has ended. */
    int held = 0;
    OK(pellucid_scope_open(store, &outer));
    pellucid_externref_t in_call;
    OK(pellucid_externref_new(store, &held, count, &in_call));
    OK(pellucid_anyref_from_externref(store, &in_call, &passed.of.anyref));
    pellucid_func_t identity = func_of(instance, "identity");
    pellucid_call_t *begun;
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &identity, &passed, 1, &begun, ERR));
    OK(pellucid_scope_close(store, outer));
    OK(pellucid_store_gc(store));
    OK(pellucid_call_resume(begun, PELLUCID_RESUME_CONTINUE, &state, ERR));
    OK(pellucid_store_gc(store));
    CHECK(state == PELLUCID_CALL_FINISHED && held == 0);
    OK(pellucid_scope_open(store, &outer));
    OK(pellucid_call_results(begun, &result, 1));
    CHECK(result.kind == PELLUCID_ANYREF);
    OK(pellucid_scope_close(store, outer));
    pellucid_call_delete(begun);
    OK(pellucid_store_gc(store));
    CHECK(held == 1);
    /* Steps end, and guests' garbage goes. */
    pellucid_value_t churn[] = {value_i32(300000), value_i32(1000)};
    OK(pellucid_scope_open(store, &outer));
    pellucid_anyref_t made = call("churn", churn, 2).of.anyref;
    bool has_more = true;
    for (int steps = 0; has_more && steps < 1000; steps++) {
        OK(pellucid_store_gc_step(store, 500, &has_more));
    }
    CHECK(!has_more);
    OK(pellucid_object_type(store, &made, NULL, NULL));
    uint64_t nodes = count_of(node_type);
    CHECK(nodes >= 1000 && nodes < 2000);
    OK(pellucid_scope_close(store, outer));
    pellucid_heap_stats_t stats = {.struct_size = sizeof stats};
    OK(pellucid_store_heap_stats(store, &stats));
    CHECK(stats.used_bytes > 0 && stats.given_bytes > 1 << 20 && stats.major_collections > 0 && stats.pauses > 0);
    stats.struct_size = 8;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_store_heap_stats(store, &stats));
    pellucid_store_t *other;
    MUST(pellucid_store_new(engine, NULL, NULL, &other, ERR));
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_object_type(other, &kept, NULL, NULL));
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_weak_get(other, &weak, &found));
    OK(pellucid_store_gc(other));
    OK(pellucid_store_gc_step(other, UINT64_MAX, &has_more));
    pellucid_store_delete(other);
    close_instance();
    CHECK(finalized == 1 && finalized_later == 1);
}

/* As much as is allowed, and no more. */
static void limits(void) {
    open_instance(false);
    OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_HEAP_BYTES, 4 << 20));
    pellucid_func_t func = func_of(instance, "big");
    pellucid_value_t length = value_i32(2 << 20), result, churn[] = {value_i32(1000000), value_i32(500000)};
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &func, &length, 1, &result, 1, ERR));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_HEAP_EXHAUSTED);
    length = value_i32(-1);
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &func, &length, 1, &result, 1, ERR));
    func = func_of(instance, "churn");
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &func, churn, 2, &result, 1, ERR));
    churn[1] = value_i32(10000);
    OK(pellucid_func_call(store, &func, churn, 2, &result, 1, ERR));
    pellucid_anyref_t made;
    STATUS(PELLUCID_ERR_LIMIT, pellucid_array_new(store, bytes_type, &length, 8 << 20, &made, ERR));
    CHECK(last_error != NULL && pellucid_error_status(last_error) == PELLUCID_ERR_LIMIT);
    OK(pellucid_array_new(store, bytes_type, &length, 1 << 20, &made, ERR));
    close_instance();
}

/* Objects in frames are seen and changed, and stay as long as somebody may need them. */
static void frames(void) {
    open_instance(true);
    uint64_t scope, breakpoint = break_at_function(store, module, 8);
    OK(pellucid_scope_open(store, &scope));
    pellucid_anyref_t null = {0};
    pellucid_value_t list = any(node(1, node(2, null)));
    pellucid_func_t func = func_of(instance, "inner");
    pellucid_call_t *paused;
    MUST(pellucid_call_begin(store, &func, &list, 1, &paused, ERR));
    OK(pellucid_scope_close(store, scope));
    /* Nobody has it but the call that hasn't begun. */
    OK(pellucid_store_gc(store));
    pellucid_call_state_t state;
    OK(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED && event_of(paused) == PELLUCID_EVENT_BREAKPOINT);
    for (int steps = 0; state == PELLUCID_CALL_PAUSED; steps++) {
        OK(pellucid_scope_open(store, &scope));
        OK(pellucid_store_gc(store));
        pellucid_frame_t frame = frame_of(paused);
        pellucid_value_t locals[3];
        uint32_t n;
        OK(pellucid_frame_read_locals(store, &frame, 0, locals, 3, &n));
        CHECK(n == 3 && sum(locals[0].of.anyref) >= 3);
        if (steps == 8) {
            /* What the guest has next is the host's. */
            pellucid_value_t written = any(node(100, null));
            OK(pellucid_frame_write_local(store, &frame, 1, &written, ERR));
            pellucid_value_t wrong = locals[2];
            STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_write_local(store, &frame, 1, &wrong, ERR));
        }
        OK(pellucid_scope_close(store, scope));
        OK(pellucid_store_gc(store));
        OK(pellucid_call_resume(paused, PELLUCID_RESUME_STEP, &state, ERR));
    }
    CHECK(state == PELLUCID_CALL_FINISHED);
    pellucid_value_t result;
    OK(pellucid_call_results(paused, &result, 1));
    CHECK(result.of.i32 == 10 || result.of.i32 == 6 || result.of.i32 == 105);
    fprintf(stderr, "inner: %d\n", result.of.i32);
    pellucid_call_delete(paused);
    remove_breakpoint(breakpoint);
    close_instance();
}

/* A reference to an exception that is written into a frame is no object, whatever its number. */
static void exceptions(void) {
    open_instance(true);
    pellucid_module_t *throwing = module_of(
        "(module (tag $e (param i32))"
        "  (func (export \"catch\") (result i32) (local $x exnref)"
        "    (drop (block $caught (result i32 exnref) (try_table (catch_ref $e $caught) (throw $e (i32.const 7))) (unreachable))"
        "      (local.set $x))"
        "    (nop) (nop)"
        "    (try_table (result i32) (throw_ref (local.get $x)))))");
    pellucid_instance_t thrower;
    MUST(pellucid_instance_new(store, throwing, NULL, 0, &thrower, ERR));
    pellucid_func_t func = func_of(thrower, "catch");
    pellucid_value_t result;
    for (int i = 0; i < 17; i++) {
        STATUS(PELLUCID_ERR_EXCEPTION, pellucid_func_call(store, &func, NULL, 0, &result, 1, ERR));
    }
    break_at_function(store, throwing, 0);
    unsigned written = 0;
    for (int i = 0; i < 17; i++) {
        pellucid_call_t *paused;
        pellucid_call_state_t state;
        MUST(pellucid_call_begin(store, &func, NULL, 0, &paused, ERR));
        OK(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
        while (state == PELLUCID_CALL_PAUSED) {
            pellucid_frame_t frame = frame_of(paused);
            pellucid_value_t local;
            uint32_t n;
            OK(pellucid_frame_read_locals(store, &frame, 0, &local, 1, &n));
            CHECK(n == 1 && local.kind == PELLUCID_EXNREF);
            if (event_of(paused) == PELLUCID_EVENT_STEP && !pellucid_value_is_null(&local)) {
                OK(pellucid_frame_write_local(store, &frame, 0, &local, ERR));
                written++;
            }
            OK(pellucid_store_gc(store));
            OK(pellucid_call_resume(paused, PELLUCID_RESUME_STEP, &state, ERR));
        }
        pellucid_call_delete(paused);
    }
    CHECK(written >= 17);
    pellucid_module_delete(throwing);
    close_instance();
}

/* What a module makes that came later, when there was room already. */
static void later_types(void) {
    open_instance(false);
    pellucid_anyref_t null = {0};
    node(1, null);
    pellucid_instance_t later = instance_of(
        "(module (type $wide (array (mut i64)))"
        "  (func (export \"f\") (result i64) (local $a (ref null $wide)) (local $b (ref null $wide))"
        "    (local.set $a (array.new_fixed $wide 3 (i64.const 1) (i64.const 2) (i64.const 3)))"
        "    (local.set $b (array.new_fixed $wide 3 (i64.const 4) (i64.const 5) (i64.const 6)))"
        "    (array.copy $wide $wide (local.get $a) (i32.const 1) (local.get $b) (i32.const 0) (i32.const 2))"
        "    (array.fill $wide (local.get $b) (i32.const 0) (i64.const 9) (i32.const 3))"
        "    (i64.add (array.get $wide (local.get $a) (i32.const 2)) (array.get $wide (local.get $b) (i32.const 2)))))");
    pellucid_func_t func = func_of(later, "f");
    pellucid_value_t result;
    MUST(pellucid_func_call(store, &func, NULL, 0, &result, 1, ERR));
    CHECK(result.of.i64 == 14);
    close_instance();
}

/* Guests that are interrupted anywhere, also while they make objects, and others that make objects meanwhile. */
static void interrupted(bool is_debug, const char *name, int32_t times, int32_t expected) {
    open_instance(is_debug);
    pellucid_value_t args[] = {value_i32(times), value_i32(1000)};
    pellucid_instance_t arrays = instance_of(arrays_text);
    pellucid_func_t in_arrays = func_of(arrays, "arrays");
    pellucid_func_t func = strcmp(name, "arrays") == 0 ? in_arrays : func_of(instance, name);
    pellucid_call_t *calls[2];
    for (int i = 0; i < 2; i++) {
        MUST(pellucid_call_begin(store, &func, args, 2, &calls[i], ERR));
    }
    unsigned pauses = 0, open = 2;
    bool is_open[2] = {true, true};
    for (unsigned round = 0; open > 0; round++) {
        int i = round % 2;
        if (!is_open[i]) {
            continue;
        }
        pellucid_budget_t time = {round % 50 * 7, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE};
        pellucid_call_state_t state;
        OK(pellucid_call_resume_for(calls[i], PELLUCID_RESUME_CONTINUE, &time, &state, ERR));
        if (state == PELLUCID_CALL_PAUSED) {
            pauses++;
            pellucid_value_t few[] = {value_i32(100), value_i32(10)};
            uint64_t scope;
            OK(pellucid_scope_open(store, &scope));
            CHECK(sum(call("churn", few, 2).of.anyref) == 945);
            pellucid_value_t others;
            OK(pellucid_func_call(store, &in_arrays, few, 2, &others, 1, ERR));
            CHECK(sum(others.of.anyref) == 945);
            if (round % 7 == 0) {
                OK(pellucid_store_gc(store));
            } else if (round % 3 == 0) {
                OK(pellucid_store_gc_step(store, 50, NULL));
            }
            OK(pellucid_scope_close(store, scope));
        } else {
            CHECK(state == PELLUCID_CALL_FINISHED);
            is_open[i] = false;
            open--;
        }
    }
    for (int i = 0; i < 2; i++) {
        pellucid_value_t result;
        OK(pellucid_store_gc(store));
        OK(pellucid_call_results(calls[i], &result, 1));
        CHECK(sum(result.of.anyref) == expected);
        pellucid_call_delete(calls[i]);
    }
    fprintf(stderr, "%s, interrupted: %u pauses\n", name, pauses);
    close_instance();
}

/* What is reached through arrays alone that are being copied and filled, while the guest pauses within these operators. */
static void interrupted_within_operators(bool is_debug) {
    open_instance(is_debug);
    pellucid_instance_t copies = instance_of(
        "(module"
        "  (type $node (struct (field i32)))"
        "  (type $nodes (array (mut (ref null $node))))"
        "  (func (export \"f\") (param $n i32) (result i32)"
        "    (local $a (ref null $nodes)) (local $b (ref null $nodes)) (local $i i32) (local $sum i32)"
        "    (local.set $a (array.new_default $nodes (local.get $n)))"
        "    (loop $make"
        "      (array.set $nodes (local.get $a) (local.get $i) (struct.new $node (local.get $i)))"
        "      (br_if $make (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))"
        "    (local.set $b (array.new_default $nodes (local.get $n)))"
        "    (array.copy $nodes $nodes"
        "      (local.get $b) (i32.const 1) (local.get $a) (i32.const 0) (i32.sub (local.get $n) (i32.const 1)))"
        "    (local.set $a (ref.null $nodes))"
        /* Onto itself, backwards. */
        "    (array.copy $nodes $nodes"
        "      (local.get $b) (i32.const 2) (local.get $b) (i32.const 0) (i32.sub (local.get $n) (i32.const 2)))"
        "    (array.fill $nodes (local.get $b) (i32.const 1000) (struct.new $node (i32.const 7))"
        "      (i32.sub (local.get $n) (i32.const 1000)))"
        "    (loop $add"
        "      (local.set $i (i32.sub (local.get $i) (i32.const 1)))"
        "      (local.set $sum (i32.add (local.get $sum)"
        "        (struct.get $node 0 (array.get $nodes (local.get $b) (i32.add (local.get $i) (i32.const 3))))))"
        "      (br_if $add (local.get $i)))"
        "    (i32.add (local.get $sum)"
        "      (struct.get $node 0 (array.get $nodes (local.get $b) (i32.sub (local.get $n) (i32.const 1)))))))");
    pellucid_func_t func = func_of(copies, "f");
    pellucid_value_t arg = value_i32(2000000), result;
    pellucid_call_t *paused;
    MUST(pellucid_call_begin(store, &func, &arg, 1, &paused, ERR));
    unsigned pauses = 0, within = 0;
    uint32_t last = 0;
    for (;;) {
        pellucid_budget_t time = {100, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE};
        pellucid_call_state_t state;
        OK(pellucid_call_resume_for(paused, PELLUCID_RESUME_CONTINUE, &time, &state, ERR));
        if (state == PELLUCID_CALL_FINISHED) {
            break;
        }
        CHECK(state == PELLUCID_CALL_PAUSED);
        pauses++;
        if (is_debug) {
            pellucid_frame_t frame = frame_of(paused);
            uint32_t pc;
            OK(pellucid_frame_pc(store, &frame, &pc));
            within += pc == last;
            last = pc;
        }
        pellucid_value_t few[] = {value_i32(100), value_i32(10)};
        uint64_t scope;
        OK(pellucid_scope_open(store, &scope));
        CHECK(sum(call("churn", few, 2).of.anyref) == 945);
        OK(pellucid_scope_close(store, scope));
        if (pauses % 8 == 0) {
            OK(pellucid_store_gc(store));
        } else {
            OK(pellucid_store_gc_step(store, 20, NULL));
        }
    }
    OK(pellucid_call_results(paused, &result, 1));
    CHECK(result.of.i32 == 4950 + 7);
    CHECK(pauses > 0 && (!is_debug || within > 0));
    pellucid_call_delete(paused);
    fprintf(stderr, "within operators: %u pauses, %u where the one before was\n", pauses, within);
    close_instance();
}

int main(void) {
    for (int is_debug = 0; is_debug <= 1; is_debug++) {
        open_instance(is_debug);
        types();
        fields();
        lifetimes();
    }
    limits();
    frames();
    exceptions();
    later_types();
    for (int checks = 0; checks <= 1; checks++) {
        has_checks = checks;
        for (int is_debug = 0; is_debug <= 1; is_debug++) {
            /* The sum of 2,999,000 to 2,999,999, in 32 bits. */
            interrupted(is_debug, "churn", 3000000, (int32_t)(uint32_t)2999499500);
            interrupted(is_debug, "arrays", 500000, 945);
            interrupted_within_operators(is_debug);
        }
    }
    return finish();
}
