/* Frames: walking, reading, and staleness. */

#include "test.h"

static const char *WAT =
    "(module $m"
    "  (import \"\" \"host\" (func $host (param i32) (result i32)))"
    "  (func $inner (param $a i32) (param $b f64) (result i32) (local $sum i64) (local externref)"
    "    (local.set $sum (i64.const 77))"
    "    (i32.add (i32.const 1000) (call $host (local.get $a))))"
    "  (func $outer (export \"outer\") (param $n i32) (result i32)"
    "    (i32.sub (i32.const 5) (call $inner (local.get $n) (f64.const 2.5))))"
    "  (func $step (export \"step\") (param $x i32) (result i32)"
    "    (i32.mul (local.get $x) (i32.const 3))))";

static pellucid_module_t *module;
static pellucid_instance_t instance;
static pellucid_frame_t kept;
static int visits;

static void look_at_inner(pellucid_frame_t *frame) {
    pellucid_frame_kind_t kind;
    OK(pellucid_frame_kind(store, frame, &kind));
    CHECK(kind == PELLUCID_FRAME_CALLING);
    pellucid_instance_t found;
    OK(pellucid_frame_instance(store, frame, &found));
    CHECK(found.index == instance.index);
    pellucid_module_t *of_frame;
    OK(pellucid_frame_module(store, frame, &of_frame));
    CHECK(pellucid_module_id(of_frame) == pellucid_module_id(module));
    pellucid_module_delete(of_frame);
    uint32_t index, pc, offset, start, at, n;
    OK(pellucid_frame_func_index(store, frame, &index));
    CHECK(index == 1);
    pellucid_str_t name;
    OK(pellucid_frame_func_name(store, frame, &name));
    CHECK(same_text(name, "inner"));
    OK(pellucid_frame_pc(store, frame, &pc));
    OK(pellucid_frame_func_offset(store, frame, &offset));
    OK(pellucid_module_func_range(module, 1, &start, NULL, NULL));
    CHECK(pc == start + offset);
    OK(pellucid_module_func_at(module, pc, &at, NULL));
    CHECK(at == 1);

    OK(pellucid_frame_local_count(store, frame, &n));
    CHECK(n == 4);
    pellucid_kind_t kinds[4] = {99, 99, 99, 99};
    OK(pellucid_frame_local_kinds(store, frame, kinds, 3, &n));
    CHECK(n == 4 && kinds[0] == PELLUCID_I32 && kinds[1] == PELLUCID_F64 && kinds[2] == PELLUCID_I64 && kinds[3] == 99);
    pellucid_value_t values[5];
    OK(pellucid_frame_read_locals(store, frame, 0, values, 5, &n));
    CHECK(n == 4 && values[1].of.f64 == 2.5 && values[2].of.i64 == 77 && pellucid_value_is_null(&values[3]));
    OK(pellucid_frame_read_locals(store, frame, 2, values, 1, &n));
    CHECK(n == 1 && values[0].of.i64 == 77 && values[1].of.f64 == 2.5);
    OK(pellucid_frame_read_locals(store, frame, 4, values, 5, &n));
    CHECK(n == 0);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_frame_read_locals(store, frame, 5, values, 5, &n));
    OK(pellucid_frame_read_locals(store, frame, 0, NULL, 0, &n));
    OK(pellucid_frame_local_name(store, frame, 2, &name));
    CHECK(same_text(name, "sum"));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_frame_local_name(store, frame, 3, &name));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_frame_local_name(store, frame, 4, &name));

    /* The argument of the call is off the stack; what lies beneath it isn't. */
    OK(pellucid_frame_operand_count(store, frame, &n));
    CHECK(n == 1);
    OK(pellucid_frame_operand_kinds(store, frame, kinds, 4, &n));
    CHECK(n == 1 && kinds[0] == PELLUCID_I32);
    OK(pellucid_frame_read_operands(store, frame, 0, values, 5, &n));
    CHECK(n == 1 && values[0].of.i32 == 1000);

    pellucid_frame_info_t info = {.struct_size = sizeof info};
    OK(pellucid_frame_info(store, frame, &info));
    CHECK(info.kind == PELLUCID_FRAME_CALLING && info.func_index == 1 && info.pc == pc && info.func_offset == offset);
    CHECK(info.n_locals == 4 && info.n_operands == 1 && info.instance.index == instance.index);
    CHECK(info.module_id == pellucid_module_id(module) && info.struct_size == sizeof info);
    info.struct_size = 0;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_frame_info(store, frame, &info));
}

static pellucid_status_t host(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)caller, (void)n_args, (void)n_results;
    pellucid_func_t *outer = userdata;
    visits++;
    pellucid_frame_t frame, caller_frame, activations[8];
    OK(pellucid_frame_newest(store, &frame));
    look_at_inner(&frame);
    OK(pellucid_frame_caller(store, &frame, &caller_frame));
    pellucid_str_t name;
    OK(pellucid_frame_func_name(store, &caller_frame, &name));
    CHECK(same_text(name, "outer"));
    uint64_t key, caller_key;
    OK(pellucid_frame_key(store, &frame, &key));
    OK(pellucid_frame_key(store, &caller_frame, &caller_key));
    CHECK(key != caller_key);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_frame_caller(store, &caller_frame, &caller_frame));
    size_t n;
    OK(pellucid_frame_activations(store, activations, 8, &n));
    CHECK(n == (size_t)visits && memcmp(&activations[0], &frame, sizeof frame) == 0);
    OK(pellucid_frame_activations(store, NULL, 0, &n));
    CHECK(n == (size_t)visits);

    int32_t depth = args[0].of.i32;
    if (depth > 0) {
        /* A guest that runs in between doesn't make frames stale. */
        pellucid_value_t arg = value_i32(depth - 1), result;
        pellucid_status_t status = pellucid_func_call(store, outer, &arg, 1, &result, 1, out_error);
        CHECK(status == PELLUCID_OK && pellucid_frame_is_valid(store, &frame));
        look_at_inner(&frame);
    }
    kept = frame;
    visits--;
    results[0].of.i32 = depth;
    return PELLUCID_OK;
}

static void every_accessor_refuses(pellucid_store_t *where, const pellucid_frame_t *frame, pellucid_status_t expected) {
    pellucid_frame_t caller;
    uint64_t key;
    uint32_t number;
    pellucid_instance_t in;
    pellucid_module_t *of;
    pellucid_str_t name;
    pellucid_kind_t kinds[1];
    pellucid_value_t values[1];
    pellucid_frame_info_t info = {.struct_size = sizeof info};
    CHECK(!pellucid_frame_is_valid(where, frame));
    STATUS(expected, pellucid_frame_caller(where, frame, &caller));
    STATUS(expected, pellucid_frame_key(where, frame, &key));
    STATUS(expected, pellucid_frame_info(where, frame, &info));
    STATUS(expected, pellucid_frame_kind(where, frame, &number));
    STATUS(expected, pellucid_frame_instance(where, frame, &in));
    STATUS(expected, pellucid_frame_module(where, frame, &of));
    STATUS(expected, pellucid_frame_func_index(where, frame, &number));
    STATUS(expected, pellucid_frame_func_name(where, frame, &name));
    STATUS(expected, pellucid_frame_pc(where, frame, &number));
    STATUS(expected, pellucid_frame_func_offset(where, frame, &number));
    STATUS(expected, pellucid_frame_local_count(where, frame, &number));
    STATUS(expected, pellucid_frame_operand_count(where, frame, &number));
    STATUS(expected, pellucid_frame_local_kinds(where, frame, kinds, 1, &number));
    STATUS(expected, pellucid_frame_operand_kinds(where, frame, kinds, 1, &number));
    STATUS(expected, pellucid_frame_read_locals(where, frame, 0, values, 1, &number));
    STATUS(expected, pellucid_frame_read_operands(where, frame, 0, values, 1, &number));
    STATUS(expected, pellucid_frame_local_name(where, frame, 0, &name));
}

static void in_host_functions(void) {
    static pellucid_func_t outer;
    pellucid_kind_t i32 = PELLUCID_I32;
    pellucid_functype_t *type;
    MUST(pellucid_functype_new(&i32, 1, &i32, 1, &type));
    pellucid_extern_t import = {.kind = PELLUCID_EXTERN_FUNC};
    MUST(pellucid_func_new(store, type, &outer, host, NULL, &import.of.func, ERR));
    pellucid_functype_delete(type);
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    outer = func_of(instance, "outer");
    pellucid_value_t arg = value_i32(2), result;
    OK(pellucid_func_call(store, &outer, &arg, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 5 - 1002);
    /* The guest has returned. */
    every_accessor_refuses(store, &kept, PELLUCID_ERR_STALE_HANDLE);
    pellucid_frame_t frame = kept;
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_frame_newest(store, &frame));
    size_t n = 9;
    OK(pellucid_frame_activations(store, NULL, 0, &n));
    CHECK(n == 0);

    pellucid_store_t *other;
    MUST(pellucid_store_new(engine, NULL, NULL, &other, ERR));
    every_accessor_refuses(other, &kept, PELLUCID_ERR_WRONG_STORE);
    pellucid_store_delete(other);
    memset(&frame, 0, sizeof frame);
    every_accessor_refuses(store, &frame, PELLUCID_ERR_WRONG_STORE);
    frame.store = pellucid_store_id(store);
    every_accessor_refuses(store, &frame, PELLUCID_ERR_STALE_HANDLE);
    CHECK(!pellucid_frame_is_valid(store, NULL) && !pellucid_frame_is_valid(NULL, &kept));
}

static void across_steps(void) {
    pellucid_func_t step = func_of(instance, "step");
    pellucid_value_t arg = value_i32(7), values[3];
    pellucid_call_t *call;
    MUST(pellucid_call_begin(store, &step, &arg, 1, &call, ERR));
    pellucid_frame_t frame, before;
    uint64_t key, key_before = 0;
    uint32_t n;
    for (uint32_t depth = 0; depth <= 2; depth++) {
        pellucid_call_state_t state;
        OK(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
        CHECK(state == PELLUCID_CALL_PAUSED);
        OK(pellucid_call_frame(call, &frame));
        OK(pellucid_frame_key(store, &frame, &key));
        if (depth > 0) {
            CHECK(key == key_before);
            every_accessor_refuses(store, &before, PELLUCID_ERR_STALE_HANDLE);
        }
        OK(pellucid_frame_read_operands(store, &frame, 0, values, 3, &n));
        CHECK(n == depth);
        CHECK(depth < 1 || values[0].of.i32 == 7);
        CHECK(depth < 2 || values[1].of.i32 == 3);
        pellucid_frame_kind_t kind;
        OK(pellucid_frame_kind(store, &frame, &kind));
        CHECK(kind == PELLUCID_FRAME_STOPPED);
        /* A paused call isn't running. */
        STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_frame_newest(store, &before));
        before = frame;
        key_before = key;
    }
    /* Past the last frame of the call. */
    frame.position = 1000;
    CHECK(!pellucid_frame_is_valid(store, &frame));
    every_accessor_refuses(store, &frame, PELLUCID_ERR_STALE_HANDLE);
    pellucid_call_delete(call);
    every_accessor_refuses(store, &before, PELLUCID_ERR_STALE_HANDLE);
}

int main(void) {
    open_world(true);
    module = module_of(WAT);
    in_host_functions();
    across_steps();
    pellucid_module_delete(module);
    close_world();

    open_world(false);
    pellucid_frame_t frame = {.store = pellucid_store_id(store)};
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_frame_newest(store, &frame));
    size_t n;
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_frame_activations(store, NULL, 0, &n));
    every_accessor_refuses(store, &frame, PELLUCID_ERR_DEBUG_DISABLED);
    close_world();
    return finish();
}
