/* Conditions of breakpoints as expressions: which hits raise an event, and what text is refused. */

#include "test.h"

static const char WAT[] =
    "(module"
    "  (memory (export \"memory\") 1)"
    "  (global $n (export \"n\") (mut i32) (i32.const 0))"
    "  (func $step (export \"step\") (param $i i32) (param $f f64)"
    "    (global.set $n (i32.add (global.get $n) (local.get $i))))"
    "  (func (export \"loop\") (param $i i32)"
    "    (loop $again"
    "      (call $step (local.get $i) (f64.convert_i32_s (local.get $i)))"
    "      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))))";

static pellucid_module_t *module;
static pellucid_instance_t instance;
static uint64_t id;

static pellucid_breakpoint_info_t info(void) {
    pellucid_breakpoint_info_t found = {.struct_size = sizeof found};
    OK(pellucid_breakpoint_info(store, id, &found));
    return found;
}

/* Gives the breakpoint this expression, or none. */
static void set(const char *text) {
    pellucid_edit_t *edit;
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_set_expression(edit, id, text, text != NULL ? strlen(text) : 0, ERR));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
}

/* Runs `loop` from 5 to 1; answers a digit for each pause: what `$i` is there. */
static int pauses(void) {
    pellucid_func_t func = func_of(instance, "loop");
    pellucid_value_t arg = value_i32(5);
    pellucid_call_t *call;
    pellucid_call_state_t state;
    int seen = 0;
    MUST(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    while (state == PELLUCID_CALL_PAUSED) {
        pellucid_frame_t frame = frame_of(call);
        pellucid_value_t value;
        uint32_t n;
        CHECK(event_of(call) == PELLUCID_EVENT_BREAKPOINT);
        OK(pellucid_frame_read_locals(store, &frame, 0, &value, 1, &n));
        seen = 10 * seen + value.of.i32;
        MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    }
    CHECK(state == PELLUCID_CALL_FINISHED);
    pellucid_call_delete(call);
    return seen;
}

static int pauses_if(const char *text) {
    set(text);
    return pauses();
}

static void conditions(void) {
    pellucid_extern_t global = export_of(instance, "n"), memory = export_of(instance, "memory");
    pellucid_value_t zero = value_i32(0);
    uint8_t bytes[4] = {4, 0, 0, 0};
    id = break_at_function(store, module, 0);
    CHECK(pauses() == 54321);
    CHECK(pauses_if("local[0] > 3") == 54 && info().declined == 3 && info().has_condition);
    CHECK(pauses_if("$i == 2 || i == 5") == 52);
    CHECK(pauses_if("f * 2 < 3.0 + 1") == 1);
    OK(pellucid_global_set(store, &global.of.global, &zero));
    CHECK(pauses_if("n == 9 && global[0] == @n") == 3);
    OK(pellucid_memory_write(store, &memory.of.memory, 8, bytes, 4));
    CHECK(pauses_if("i32[local[0] + 4] == 4") == 4);
    /* What can't be told stops, so that the mistake is seen. */
    CHECK(pauses_if("i32[65536 - local[0]] == 1") == 321);
    CHECK(pauses_if("8 / (i - 3) == 4") == 53);
    CHECK(pauses_if("operand[0] == 1") == 54321);
    CHECK(pauses_if(NULL) == 54321 && !info().has_condition);
}

static bool is_asked(void *userdata, pellucid_store_t *where, const pellucid_frame_t *frame, uint64_t of) {
    (void)where, (void)frame, (void)of;
    ++*(int *)userdata;
    return true;
}

/* With options, and the host's condition, which is asked only if the expression holds. */
static void together(void) {
    int n_asked = 0;
    pellucid_breakpoint_options_t options = {.ignore_count = 1};
    pellucid_edit_t *edit;
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_set_expression(edit, id, "i != 4", 6, ERR));
    OK(pellucid_edit_set_options(edit, id, &options));
    OK(pellucid_edit_set_condition(edit, id, &n_asked, is_asked, NULL));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    CHECK(pauses() == 321 && n_asked == 4);
    /* A second breakpoint at the same place decides for itself. */
    uint64_t first = id;
    id = break_at_function(store, module, 0);
    set("i == 4");
    CHECK(pauses() == 54321 && info().hits == 5 && info().declined == 4);
    remove_breakpoint(id);
    id = first;
    remove_breakpoint(id);
    /* In the middle of a run, where operands are replayed. */
    uint32_t pc;
    OK(pellucid_module_func_range(module, 0, NULL, &pc, NULL));
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_add(edit, module, pc + 4, &id, &pc));
    OK(pellucid_edit_set_expression(edit, id, "operand[1] == 3 && %0 > 0", 25, ERR));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    CHECK(pauses() == 3);
    remove_breakpoint(id);
}

static void refused(void) {
    pellucid_edit_t *edit;
    pellucid_error_t *error = NULL;
    pellucid_str_t text;
    id = break_at_function(store, module, 0);
    MUST(pellucid_edit_begin(store, &edit));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_edit_set_expression(edit, id + 1, "1", 1, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_set_expression(edit, id, "\xff", 1, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_edit_set_expression(edit, id, NULL, 1, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_edit_set_expression(NULL, id, "1", 1, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_set_expression(edit, id, "i > ", 4, &error));
    OK(pellucid_error_message(error, &text));
    CHECK(same_text(text, "the expression is wrong at 5: a value is missing"));
    pellucid_error_delete(error);
    OK(pellucid_edit_set_expression(edit, id, "0", 1, ERR));
    OK(pellucid_edit_discard(edit));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_edit_set_expression(edit, id, "0", 1, ERR));
    pellucid_edit_delete(edit);
    CHECK(pauses() == 54321);
    remove_breakpoint(id);
}

/* What expressions are in the frames of a call that is paused. */
static void values(void) {
    id = break_at_function(store, module, 0);
    pellucid_func_t func = func_of(instance, "loop");
    pellucid_value_t arg = value_i32(5), value;
    pellucid_call_t *call;
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &func, &arg, 1, &call, ERR));
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    pellucid_frame_t frame = frame_of(call), caller;
    OK(pellucid_frame_evaluate(store, &frame, "-i * 0x100000000", 16, &value, ERR));
    CHECK(value.kind == PELLUCID_I64 && value.of.i64 == -(INT64_C(5) << 32));
    OK(pellucid_frame_evaluate(store, &frame, "$f / 2", 6, &value, ERR));
    CHECK(value.kind == PELLUCID_F64 && value.of.f64 == 2.5);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_frame_evaluate(store, &frame, "", 0, &value, ERR));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_frame_evaluate(store, &frame, "%0", 2, &value, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_frame_evaluate(store, &frame, "1", 1, NULL, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_frame_evaluate(store, NULL, "1", 1, &value, ERR));
    OK(pellucid_frame_caller(store, &frame, &caller));
    OK(pellucid_frame_evaluate(store, &caller, "i", 1, &value, ERR));
    CHECK(value.of.i64 == 5);
    /* What was written into a frame that waits is what it is. */
    pellucid_value_t nine = value_i32(9);
    OK(pellucid_frame_write_local(store, &caller, 0, &nine, ERR));
    OK(pellucid_frame_evaluate(store, &caller, "i", 1, &value, ERR));
    CHECK(value.of.i64 == 9);
    caller.position++;
    STATUS(PELLUCID_ERR_STALE_HANDLE, pellucid_frame_evaluate(store, &caller, "i", 1, &value, ERR));
    caller.store++;
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_frame_evaluate(store, &caller, "i", 1, &value, ERR));
    pellucid_call_delete(call);
    remove_breakpoint(id);
}

int main(void) {
    open_world(true);
    module = module_of(WAT);
    MUST(pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
    conditions();
    together();
    refused();
    values();
    pellucid_module_delete(module);
    close_world();
    return finish();
}
