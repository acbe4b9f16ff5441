/* Exceptions: tags, what the host throws and sees, events, and where they are caught. */

#include "test.h"

static pellucid_tag_t tag, other;
static pellucid_func_t leaf;
static int swallowed;

/* Throws an exception with its argument and one more. */
static pellucid_status_t throws(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                                pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)results;
    CHECK(n_args == 1 && n_results == 1);
    if (args[0].of.i32 == 0) {
        results[0] = value_i32(77);
        return PELLUCID_OK;
    }
    pellucid_value_t values[2] = {args[0], value_i64(INT64_C(1) << 40)};
    OK(pellucid_exception_new(pellucid_caller_store(caller), &tag, values, 2, out_error));
    return PELLUCID_ERR_EXCEPTION;
}

/* Calls the guest, and hands on what it throws, or swallows it. */
static pellucid_status_t between(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                                 pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)n_args, (void)n_results;
    pellucid_error_t *error = NULL;
    pellucid_status_t status = pellucid_func_call(pellucid_caller_store(caller), &leaf, args, 1, results, 1, &error);
    if (status == PELLUCID_ERR_EXCEPTION && args[0].of.i32 == 9) {
        pellucid_value_t values[2];
        pellucid_tag_t found;
        size_t n = 0;
        OK(pellucid_error_exception(error, &found, values, 2, &n));
        CHECK(n == 2 && found.index == tag.index && values[0].of.i32 == 9 && values[1].of.i64 == INT64_C(1) << 40);
        CHECK(pellucid_error_frame_count(error) == 1);
        swallowed++;
        pellucid_error_delete(error);
        results[0] = value_i32(1000);
        return PELLUCID_OK;
    }
    *out_error = error;
    return status;
}

static const char *const text =
    "(module"
    "  (import \"\" \"tag\" (tag $e (param i32 i64)))"
    "  (import \"\" \"throws\" (func $throws (param i32) (result i32)))"
    "  (import \"\" \"between\" (func $between (param i32) (result i32)))"
    "  (tag $own (export \"own\") (param f64))"
    "  (export \"tag\" (tag $e))"
    "  (func (export \"leaf\") (param i32) (result i32) (call $throws (local.get 0)))"
    "  (func (export \"catch\") (param i32) (result i32) (local $x i32)"
    "    (local.set $x (i32.const 5))"
    "    (block $h (result i32 i64)"
    "      (try_table (catch $e $h)"
    "        (local.set $x (i32.const 6))"
    "        (return (i32.add (local.get $x) (call $between (local.get 0)))))"
    "      (unreachable))"
    "    (drop) (i32.add (local.get $x)))"
    "  (func $deep (param i32) (throw $e (local.get 0) (i64.const 3)))"
    "  (func (export \"guest\") (param i32) (result i32)"
    "    (block $h (result i32 i64)"
    "      (try_table (catch $e $h) (call $deep (local.get 0)))"
    "      (return (i32.const -1)))"
    "    (drop))"
    "  (func (export \"uncaught\") (param i32) (result i32) (call $deep (local.get 0)) (i32.const 1))"
    "  (func (export \"other\") (result i32) (block $h (result f64) (try_table (catch $own $h) (call $deep (i32.const 1))) (f64.const 0)) (drop) (i32.const 1)))";

static pellucid_instance_t make(void) {
    pellucid_kind_t kinds[2] = {PELLUCID_I32, PELLUCID_I64}, result[1] = {PELLUCID_I32};
    pellucid_functype_t *type, *found, *function;
    OK(pellucid_functype_new(kinds, 2, NULL, 0, &type));
    OK(pellucid_tag_new(store, type, &tag));
    OK(pellucid_tag_new(store, type, &other));
    CHECK(tag.index != other.index);
    OK(pellucid_tag_type(store, &tag, &found));
    const pellucid_kind_t *params;
    size_t n;
    OK(pellucid_functype_params(found, &params, &n));
    CHECK(n == 2 && params[1] == PELLUCID_I64);
    pellucid_functype_delete(found);
    OK(pellucid_functype_new(kinds, 1, result, 1, &function));
    pellucid_tag_t untouched = {7, 7};
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_tag_new(store, function, &untouched));
    CHECK(untouched.index == 7);
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_tag_type(store, &untouched, &found));
    untouched.store = pellucid_store_id(store);
    untouched.index = 1000;
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_tag_type(store, &untouched, &found));

    pellucid_extern_t imports[3] = {{.kind = PELLUCID_EXTERN_TAG, .of = {.tag = tag}},
                                    {.kind = PELLUCID_EXTERN_FUNC},
                                    {.kind = PELLUCID_EXTERN_FUNC}};
    OK(pellucid_func_new(store, function, NULL, throws, NULL, &imports[1].of.func, ERR));
    OK(pellucid_func_new(store, function, NULL, between, NULL, &imports[2].of.func, ERR));
    pellucid_module_t *module = module_of(text);
    pellucid_extern_kind_t kind;
    pellucid_externtype_t *externtype;
    OK(pellucid_module_import(module, 0, NULL, NULL, &kind, &externtype));
    CHECK(kind == PELLUCID_EXTERN_TAG && pellucid_externtype_kind(externtype) == PELLUCID_EXTERN_TAG);
    OK(pellucid_externtype_tag(externtype, &found));
    pellucid_functype_delete(found);
    pellucid_externtype_delete(externtype);
    pellucid_instance_t instance;
    MUST(pellucid_instance_new(store, module, imports, 3, &instance, ERR));
    /* A tag of another type, and what is no tag. */
    pellucid_extern_t wrong = imports[0];
    imports[0] = export_of(instance, "own");
    CHECK(imports[0].kind == PELLUCID_EXTERN_TAG);
    STATUS(PELLUCID_ERR_LINK, pellucid_instance_new(store, module, imports, 3, &instance, ERR));
    CHECK(message_has(last_error, "tag [f64] -> []"));
    imports[0] = imports[1];
    STATUS(PELLUCID_ERR_LINK, pellucid_instance_new(store, module, imports, 3, &instance, ERR));
    imports[0] = wrong;
    CHECK(export_of(instance, "tag").of.tag.index == tag.index);
    OK(pellucid_extern_type(store, &wrong, &externtype));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_externtype_func(externtype, &found));
    pellucid_externtype_delete(externtype);
    pellucid_module_delete(module);
    pellucid_functype_delete(type);
    pellucid_functype_delete(function);
    leaf = func_of(instance, "leaf");
    return instance;
}

static pellucid_status_t run(pellucid_instance_t instance, const char *name, int32_t argument, int32_t *out) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t arg = value_i32(argument), result = value_i32(-99);
    pellucid_status_t status = pellucid_func_call(store, &func, &arg, 1, &result, 1, ERR);
    *out = result.of.i32;
    return status;
}

/* What an event showed. */
static int n_caught, n_uncaught;
static uint32_t catch_pc;

static pellucid_action_t handle(void *userdata, pellucid_store_t *in, pellucid_event_t *event) {
    (void)userdata;
    pellucid_value_t values[2];
    pellucid_tag_t found;
    size_t n = 0;
    OK(pellucid_event_exception(event, &found, values, 2, &n));
    CHECK(n == 2 && found.store == tag.store && found.index == tag.index);
    pellucid_frame_t frame, caught;
    OK(pellucid_event_frame(event, &frame));
    if (pellucid_event_kind(event) == PELLUCID_EVENT_EXCEPTION) {
        n_caught++;
        OK(pellucid_event_catch(event, &caught, &catch_pc));
        pellucid_frame_info_t info = {.struct_size = sizeof info};
        OK(pellucid_frame_info(in, &caught, &info));
        CHECK(info.pc > catch_pc);
        pellucid_error_t *error;
        STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_event_error(event, &error));
        if (values[1].of.i64 == 3) {
            /* At the `throw`: its operands, and the frame that catches is its caller. */
            pellucid_value_t operands[2];
            uint32_t n_operands;
            OK(pellucid_frame_read_operands(in, &frame, 0, operands, 2, &n_operands));
            CHECK(n_operands == 2 && operands[0].of.i32 == values[0].of.i32 && operands[1].of.i64 == 3);
            pellucid_frame_t caller;
            OK(pellucid_frame_caller(in, &frame, &caller));
            CHECK(memcmp(&caller, &caught, sizeof caller) == 0);
            CHECK(pellucid_event_pc(event) != 0);
        }
    } else {
        CHECK(pellucid_event_kind(event) == PELLUCID_EVENT_UNCAUGHT_EXCEPTION);
        n_uncaught++;
        STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_event_catch(event, NULL, NULL));
        CHECK(pellucid_event_trap(event) == PELLUCID_TRAP_EXCEPTION);
        pellucid_error_t *error;
        OK(pellucid_event_error(event, &error));
        CHECK(pellucid_error_status(error) == PELLUCID_ERR_EXCEPTION);
        pellucid_error_delete(error);
        pellucid_value_t operands[2];
        uint32_t n_operands;
        if (values[1].of.i64 == 3) {
            OK(pellucid_frame_read_operands(in, &frame, 0, operands, 2, &n_operands));
            CHECK(n_operands == 2 && operands[1].of.i64 == 3);
        }
    }
    return PELLUCID_ACTION_CONTINUE;
}

static void calls(pellucid_instance_t instance) {
    int32_t found;
    OK(run(instance, "guest", 4, &found));
    CHECK(found == 4);
    /* Nothing is thrown. */
    OK(run(instance, "catch", 0, &found));
    CHECK(found == 83);
    /* From one call to the other, through a host function that hands it on. */
    OK(run(instance, "catch", 3, &found));
    CHECK(found == 9);
    /* The host function swallows it. */
    OK(run(instance, "catch", 9, &found));
    CHECK(found == 1006);
    STATUS(PELLUCID_ERR_EXCEPTION, run(instance, "uncaught", 8, &found));
    CHECK(found == -99);
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_NONE && pellucid_error_frame_count(last_error) == 2);
    CHECK(message_has(last_error, "uncaught exception"));
    pellucid_value_t values[2] = {value_i32(0), value_i32(0)};
    pellucid_tag_t of;
    size_t n = 0;
    OK(pellucid_error_exception(last_error, &of, NULL, 0, &n));
    CHECK(n == 2 && of.store == tag.store && of.index == tag.index);
    OK(pellucid_error_exception(last_error, NULL, values, 1, NULL));
    CHECK(values[0].of.i32 == 8 && values[1].kind == PELLUCID_I32);
    pellucid_func_t func = func_of(instance, "other");
    STATUS(PELLUCID_ERR_EXCEPTION, pellucid_func_call(store, &func, NULL, 0, values, 1, ERR));
    /* The host calls a function of its own that throws. */
    STATUS(PELLUCID_ERR_EXCEPTION, run(instance, "leaf", 5, &found));
    OK(pellucid_error_exception(last_error, NULL, values, 2, NULL));
    CHECK(values[0].of.i32 == 5 && values[1].of.i64 == INT64_C(1) << 40);
}

static void misuse(void) {
    pellucid_value_t values[2] = {value_i32(1), value_i32(2)};
    pellucid_error_t *untouched = (pellucid_error_t *)&values, *made = untouched;
    pellucid_tag_t wrong = {7, 7};
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_exception_new(store, &tag, values, 2, &made));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_exception_new(store, &tag, values, 1, &made));
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_exception_new(store, &wrong, values, 2, &made));
    wrong.store = pellucid_store_id(store);
    wrong.index = 500;
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_exception_new(store, &wrong, values, 2, &made));
    CHECK(made == untouched);
    OK(pellucid_error_new(TEXT("something"), &made));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_error_exception(made, &wrong, values, 2, NULL));
    pellucid_error_delete(made);
}

/* A call that pauses where it throws, and one that is dropped there. */
static void pauses(pellucid_instance_t instance) {
    for (int is_dropped = 0; is_dropped < 2; is_dropped++) {
        pellucid_func_t func = func_of(instance, "guest");
        pellucid_value_t arg = value_i32(31), result;
        pellucid_call_t *call;
        pellucid_call_state_t state;
        OK(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
        OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
        CHECK(state == PELLUCID_CALL_PAUSED);
        const pellucid_event_t *event;
        OK(pellucid_call_event(call, &event));
        CHECK(pellucid_event_kind(event) == PELLUCID_EVENT_EXCEPTION);
        if (!is_dropped) {
            /* A step leads to where it is caught. */
            OK(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
            CHECK(state == PELLUCID_CALL_PAUSED);
            pellucid_frame_t frame;
            OK(pellucid_call_frame(call, &frame));
            pellucid_value_t operands[2];
            uint32_t n_operands;
            OK(pellucid_frame_read_operands(store, &frame, 0, operands, 2, &n_operands));
            CHECK(n_operands == 2 && operands[0].of.i32 == 31 && operands[1].of.i64 == 3);
            OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
            CHECK(state == PELLUCID_CALL_FINISHED);
            OK(pellucid_call_results(call, &result, 1));
            CHECK(result.of.i32 == 31);
        }
        pellucid_call_delete(call);
    }
    pellucid_func_t func = func_of(instance, "uncaught");
    pellucid_value_t arg = value_i32(31);
    pellucid_call_t *call;
    pellucid_call_state_t state;
    OK(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_TRAPPED);
    pellucid_error_t *error;
    OK(pellucid_call_error(call, &error));
    CHECK(pellucid_error_status(error) == PELLUCID_ERR_EXCEPTION);
    pellucid_error_delete(error);
    pellucid_call_delete(call);
}

/* Operands that a frame has at a call, written while it waits: those beneath the label where it catches survive, the others don't. */
static void operands_that_are_gone_take_no_writes(void) {
    static const char text[] =
        "(module"
        "  (type $f (func (result i32))) (type $h (func (param (ref $f) (ref $f)) (result i32)))"
        "  (elem declare func $g $h)"
        "  (tag $t (param i32)) (tag $r (param (ref $f)))"
        "  (func $g (type $f) (i32.const 44))"
        "  (func $h (type $h) (i32.add (call_ref $f (local.get 0)) (call_ref $f (local.get 1))))"
        "  (func $throw (throw $t (i32.const 5)))"
        "  (func $throw_function (throw $r (ref.func $g)))"
        "  (func (export \"type\") (result i32)"
        "    (call_ref $f (block $b (result (ref $f))"
        "      (try_table (catch $r $b) (ref.func $h) (call $throw_function) (drop)) unreachable)))"
        "  (func (export \"none\") (result i32)"
        "    (block $b (try_table (catch_all $b) (i32.const 7) (call $throw) (drop))) (i32.const 1))"
        "  (func (export \"payload\") (result i32)"
        "    (block $b (result i32) (try_table (catch $t $b) (i32.const 7) (call $throw) (drop)) (i32.const 1)))"
        "  (func (export \"wide\") (result i32)"
        "    (block $b (result i32) (try_table (catch $t $b) (i64.const 7) (call $throw) (drop)) (i32.const 1)))"
        "  (func (export \"beneath\") (result i32)"
        "    (i32.const 7) (block $b (result i32) (try_table (catch $t $b) (i32.const 8) (call $throw) (drop)) (i32.const 1))"
        "    i32.sub))";
    static const struct {
        const char *name;
        int32_t expected;
    } cases[] = {{"type", 44}, {"none", 1}, {"payload", 5}, {"wide", 5}, {"beneath", 100 - 5}};
    pellucid_instance_t instance = instance_of(text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pellucid_func_t func = func_of(instance, cases[i].name);
        pellucid_call_t *call;
        pellucid_call_state_t state;
        pellucid_frame_t frame;
        pellucid_value_t operands[2], result;
        uint32_t n;
        MUST(pellucid_call_begin(store, &func, NULL, 0, &call, ERR));
        MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
        CHECK(state == PELLUCID_CALL_PAUSED && event_of(call) == PELLUCID_EVENT_EXCEPTION);
        frame = frame_of(call);
        MUST(pellucid_frame_caller(store, &frame, &frame));
        MUST(pellucid_frame_read_operands(store, &frame, 0, operands, 2, &n));
        if (operands[0].kind == PELLUCID_I32)
            operands[0].of.i32 = 100;
        for (uint32_t j = 0; j < n; j++)
            MUST(pellucid_frame_write_operand(store, &frame, j, &operands[j], ERR));
        MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
        CHECK(state == PELLUCID_CALL_FINISHED);
        MUST(pellucid_call_results(call, &result, 1));
        CHECK(result.of.i32 == cases[i].expected);
        pellucid_call_delete(call);
    }
}

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        pellucid_instance_t instance = make();
        calls(instance);
        misuse();
        if (is_debug) {
            pellucid_tag_t by_index;
            OK(pellucid_instance_tag(store, &instance, 0, &by_index));
            CHECK(by_index.index == tag.index);
            STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_instance_tag(store, &instance, 2, &by_index));
            pellucid_spaces_t spaces = {.struct_size = sizeof spaces};
            OK(pellucid_instance_spaces(store, &instance, &spaces));
            CHECK(spaces.n_tags == 2);
            pauses(instance);
            operands_that_are_gone_take_no_writes();
            OK(pellucid_store_set_event_handler(store, PELLUCID_EVENT_EXCEPTION | PELLUCID_EVENT_UNCAUGHT_EXCEPTION, NULL,
                                                handle, NULL));
            calls(instance);
            CHECK(n_caught == 2);
            CHECK(n_uncaught == 5);
        }
        close_world();
    }
    CHECK(swallowed == 3);
    return finish();
}
