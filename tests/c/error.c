/* Error objects: message, status, trap, backtrace, text. */

#include "test.h"

static const char *TRAPS =
    "(module $m (memory 1)"
    "  (func $deep (param i32) (result i32) (i32.load (local.get 0)))"
    "  (func (export \"load\") (param i32) (result i32) (call $deep (local.get 0)))"
    "  (func (export \"divide\") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))"
    "  (func (export \"die\") unreachable)"
    "  (func $forever (export \"recurse\") (call $forever)))";

static void made_by_the_host(void) {
    pellucid_error_t *error = NULL;
    OK(pellucid_error_new(TEXT("no such file"), &error));
    CHECK(pellucid_error_status(error) == PELLUCID_ERR_HOST);
    pellucid_str_t text;
    OK(pellucid_error_message(error, &text));
    CHECK(same_text(text, "no such file"));
    OK(pellucid_error_text(error, &text));
    CHECK(same_text(text, "no such file"));
    CHECK(pellucid_error_trap(error) == PELLUCID_TRAP_NONE);
    CHECK(pellucid_error_frame_count(error) == 0);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_error_fault(error, NULL, NULL));
    pellucid_backtrace_frame_t frame = {.struct_size = sizeof frame};
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_error_frame(error, 0, &frame));
    pellucid_error_delete(error);
    pellucid_error_delete(NULL);

    error = NULL;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_error_new("\xff", 1, &error));
    CHECK(error == NULL);
    OK(pellucid_error_new(NULL, 0, &error));
    pellucid_error_delete(error);
    CHECK(pellucid_error_status(NULL) == PELLUCID_ERR_NULL_ARGUMENT);
    CHECK(pellucid_error_trap(NULL) == PELLUCID_TRAP_NONE);
    CHECK(pellucid_error_frame_count(NULL) == 0);
}

static void out_of_bounds(pellucid_instance_t instance) {
    pellucid_func_t load = func_of(instance, "load");
    pellucid_value_t arg = value_i32(70000), result = value_i32(7);
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &load, &arg, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 7);
    CHECK(pellucid_error_status(last_error) == PELLUCID_ERR_TRAP);
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS);
    CHECK(message_has(last_error, "out of bounds memory access"));
    uint64_t memory = 99, address = 0;
    OK(pellucid_error_fault(last_error, &memory, &address));
    CHECK(memory == 0 && address == 70000);

    CHECK(pellucid_error_frame_count(last_error) == 2);
    pellucid_backtrace_frame_t frame = {.struct_size = sizeof frame};
    OK(pellucid_error_frame(last_error, 0, &frame));
    CHECK(frame.struct_size == sizeof frame && frame.func_index == 0);
    CHECK(same_text(frame.func_name, "deep") && same_text(frame.module_name, "m"));
    CHECK(frame.pc > frame.func_offset && frame.func_offset > 0);
    OK(pellucid_error_frame(last_error, 1, &frame));
    CHECK(frame.func_index == 1 && same_text(frame.func_name, "load"));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_error_frame(last_error, 2, &frame));
    frame.struct_size = 0;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_error_frame(last_error, 0, &frame));

    pellucid_str_t text;
    OK(pellucid_error_text(last_error, &text));
    CHECK(text.size > 40 && memchr(text.data, '\n', text.size) != NULL);
}

static void other_traps(pellucid_instance_t instance) {
    pellucid_func_t divide = func_of(instance, "divide");
    pellucid_value_t arg = value_i32(0), result;
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &divide, &arg, 1, &result, 1, ERR));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_INTEGER_DIVIDE_BY_ZERO);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_error_fault(last_error, NULL, NULL));
    pellucid_func_t die = func_of(instance, "die");
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &die, NULL, 0, NULL, 0, ERR));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_UNREACHABLE);
    pellucid_func_t recurse = func_of(instance, "recurse");
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &recurse, NULL, 0, NULL, 0, ERR));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_CALL_STACK_EXHAUSTED);
    CHECK(pellucid_error_frame_count(last_error) == 256);
    /* The text says that it doesn't tell all. */
    pellucid_str_t text;
    const char end[] = "\n  \u2026 and more frames, which aren't told";
    OK(pellucid_error_text(last_error, &text));
    CHECK(text.size > sizeof end && memcmp(text.data + text.size - (sizeof end - 1), end, sizeof end - 1) == 0);
    /* Nobody has to take the error. */
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &die, NULL, 0, NULL, 0, NULL));
    /* The store is as usable as before. */
    arg = value_i32(1);
    OK(pellucid_func_call(store, &divide, &arg, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 1 && last_error == NULL);
}

int main(void) {
    made_by_the_host();
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        pellucid_instance_t instance = instance_of(TRAPS);
        out_of_bounds(instance);
        other_traps(instance);
        /* An error outlives everything else. */
        close_world();
    }
    return finish();
}
