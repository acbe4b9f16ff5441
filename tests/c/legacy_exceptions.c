/* The older exceptions: through host functions and instances, with values of all kinds, thrown again, and what frames keep for that. */

#include "test.h"

static pellucid_tag_t tag;
static pellucid_func_t inner;
static int n_seen;

/* Throws, for 0; else calls the guest, and hands on what it throws. */
static pellucid_status_t host(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)n_args, (void)n_results;
    pellucid_store_t *in = pellucid_caller_store(caller);
    if (args[0].of.i32 == 0) {
        pellucid_value_t value = value_i32(40);
        OK(pellucid_exception_new(in, &tag, &value, 1, out_error));
        return PELLUCID_ERR_EXCEPTION;
    }
    pellucid_error_t *error = NULL;
    pellucid_value_t arg = value_i32(args[0].of.i32 - 1);
    pellucid_status_t status = pellucid_func_call(in, &inner, &arg, 1, results, 1, &error);
    if (status == PELLUCID_ERR_EXCEPTION) {
        pellucid_tag_t found;
        pellucid_value_t value;
        OK(pellucid_error_exception(error, &found, &value, 1, NULL));
        CHECK(found.index == tag.index && value.of.i32 == 40);
        n_seen++;
    }
    *out_error = error;
    return status;
}

static const char *const text =
    "(module"
    "  (import \"\" \"e\" (tag $e (param i32)))"
    "  (import \"\" \"host\" (func $host (param i32) (result i32)))"
    "  (tag $wide (param v128 externref f64))"
    /* Whatever comes is thrown again. */
    "  (func (export \"inner\") (param i32) (result i32)"
    "    try (result i32) local.get 0 call $host catch_all rethrow 0 end)"
    "  (func (export \"outer\") (param i32) (result i32)"
    "    try (result i32) local.get 0 call $host catch $e i32.const 2 i32.add end)"
    "  (func $throw_wide (param externref)"
    "    (throw $wide (v128.const i32x4 1 2 3 4) (local.get 0) (f64.const 2.5)))"
    "  (func (export \"wide\") (param externref) (result externref i32)"
    "    try $t (result v128 externref f64)"
    "      try (result v128 externref f64)"
    "        (call $throw_wide (local.get 0)) unreachable"
    "      catch_all rethrow 0 end"
    "    catch $wide end"
    "    drop (local.set 0) i32x4.extract_lane 2 (local.get 0) (call $swap))"
    "  (func $swap (param i32 externref) (result externref i32) (local.get 1) (local.get 0))"
    "  (func (export \"again\") (param i32) (result i32)"
    "    try (result i32)"
    "      try (result i32) call $throw"
    "      catch $e drop nop rethrow 0 end"
    "    catch $e end)"
    "  (func (export \"again_from_host\") (param i32) (result i32)"
    "    try (result i32)"
    "      try (result i32) i32.const 0 call $host catch_all rethrow 0 end"
    "    catch $e end)"
    "  (func (export \"once\") (param i32) (result i32)"
    "    try (result i32) call $throw catch $e end)"
    "  (func $throw (result i32) (throw $e (i32.const 40))))";

static pellucid_status_t run(pellucid_instance_t instance, const char *name, int32_t argument, int32_t *out) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t arg = value_i32(argument), result = value_i32(-99);
    pellucid_status_t status = pellucid_func_call(store, &func, &arg, 1, &result, 1, ERR);
    *out = result.of.i32;
    return status;
}

static pellucid_instance_t make(void) {
    pellucid_kind_t i32[1] = {PELLUCID_I32};
    pellucid_functype_t *type, *function;
    MUST(pellucid_functype_new(i32, 1, NULL, 0, &type));
    MUST(pellucid_functype_new(i32, 1, i32, 1, &function));
    MUST(pellucid_tag_new(store, type, &tag));
    pellucid_extern_t imports[2] = {{.kind = PELLUCID_EXTERN_TAG, .of = {.tag = tag}}, {.kind = PELLUCID_EXTERN_FUNC}};
    MUST(pellucid_func_new(store, function, NULL, host, NULL, &imports[1].of.func, ERR));
    pellucid_functype_delete(type);
    pellucid_functype_delete(function);
    pellucid_module_t *module = module_of(text);
    pellucid_instance_t instance, other;
    MUST(pellucid_instance_new(store, module, imports, 2, &instance, ERR));
    /* The guest that the host calls is of another instance. */
    MUST(pellucid_instance_new(store, module, imports, 2, &other, ERR));
    pellucid_module_delete(module);
    inner = func_of(other, "inner");
    return instance;
}

static void calls(pellucid_instance_t instance) {
    int32_t found;
    OK(run(instance, "outer", 0, &found));
    CHECK(found == 42);
    n_seen = 0;
    OK(run(instance, "outer", 5, &found));
    CHECK(found == 42 && n_seen == 5);
    STATUS(PELLUCID_ERR_EXCEPTION, run(instance, "inner", 2, &found));
    CHECK(found == -99 && pellucid_error_frame_count(last_error) == 1);
    pellucid_func_t wide = func_of(instance, "wide");
    pellucid_value_t arg = {.kind = PELLUCID_EXTERNREF}, results[2];
    OK(pellucid_externref_new(store, (void *)&found, NULL, &arg.of.externref));
    OK(pellucid_func_call(store, &wide, &arg, 1, results, 2, ERR));
    CHECK(results[0].of.externref.index == arg.of.externref.index && results[1].of.i32 == 3);
}

/* Only what is thrown again is kept. */
static void limit(pellucid_instance_t instance) {
    int32_t found;
    OK(run(instance, "once", 0, &found));
    CHECK(found == 40);
    STATUS(PELLUCID_ERR_LIMIT, run(instance, "again", 0, &found));
    STATUS(PELLUCID_ERR_LIMIT, run(instance, "again_from_host", 0, &found));
    OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_HEAP_BYTES, 1 << 20));
    OK(run(instance, "again", 0, &found));
    CHECK(found == 40);
    OK(run(instance, "again_from_host", 0, &found));
    CHECK(found == 40);
}

static pellucid_call_state_t resume(pellucid_call_t *call, pellucid_resume_t how) {
    pellucid_call_state_t state = 0;
    MUST(pellucid_call_resume(call, how, &state, ERR));
    return state;
}

/* The exception that a frame keeps is read, exchanged, and needed to get there. */
static void frames(pellucid_instance_t instance) {
    pellucid_func_t func = func_of(instance, "again");
    pellucid_value_t arg = value_i32(1), operands[2], carried, other = {.kind = PELLUCID_EXNREF}, result;
    pellucid_frame_info_t info = {.struct_size = sizeof info};
    pellucid_tag_t found;
    const pellucid_event_t *event;
    pellucid_call_t *call;
    uint32_t n, catch_pc;
    MUST(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    CHECK(resume(call, PELLUCID_RESUME_CONTINUE) == PELLUCID_CALL_PAUSED && event_of(call) == PELLUCID_EVENT_EXCEPTION);
    OK(pellucid_call_event(call, &event));
    OK(pellucid_event_catch(event, NULL, &catch_pc));
    /* The first operator of the clause: `catch` has two bytes. */
    CHECK(resume(call, PELLUCID_RESUME_STEP) == PELLUCID_CALL_PAUSED);
    pellucid_frame_t frame = frame_of(call);
    OK(pellucid_frame_info(store, &frame, &info));
    CHECK(info.pc == catch_pc + 2 && info.n_operands == 2);
    OK(pellucid_frame_read_operands(store, &frame, 0, operands, 2, &n));
    CHECK(n == 2 && operands[0].kind == PELLUCID_EXNREF && operands[1].kind == PELLUCID_I32 && operands[1].of.i32 == 40);
    OK(pellucid_exnref_exception(store, &operands[0].of.exnref, &found, &carried, 1, NULL));
    CHECK(found.index == tag.index && carried.of.i32 == 40);
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_write_operand(store, &frame, 0, &other, ERR));
    carried = value_i32(77);
    OK(pellucid_exnref_new(store, &tag, &carried, 1, &other.of.exnref, ERR));
    OK(pellucid_frame_write_operand(store, &frame, 0, &other, ERR));
    CHECK(resume(call, PELLUCID_RESUME_CONTINUE) == PELLUCID_CALL_PAUSED && event_of(call) == PELLUCID_EVENT_EXCEPTION);
    CHECK(resume(call, PELLUCID_RESUME_CONTINUE) == PELLUCID_CALL_FINISHED);
    OK(pellucid_call_results(call, &result, 1));
    CHECK(result.of.i32 == 77);
    pellucid_call_delete(call);

    MUST(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    CHECK(resume(call, PELLUCID_RESUME_STEP) == PELLUCID_CALL_PAUSED);
    frame = frame_of(call);
    for (uint32_t past = 2; past < 4; past++)
        STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_set_pc(store, &frame, catch_pc + past, NULL, ERR));
    CHECK(resume(call, PELLUCID_RESUME_CONTINUE) == PELLUCID_CALL_PAUSED);
    pellucid_call_delete(call);
}

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_HEAP_BYTES, 0));
        pellucid_instance_t instance = make();
        limit(instance);
        calls(instance);
        if (is_debug)
            frames(instance);
        close_world();
    }
    return finish();
}
