/* Typed function references: whatever the host hands in, guests only get what is of the type that they rely on. */

#include "test.h"

static const char text[] =
    "(module"
    "  (type $unary (func (param i32) (result i32)))"
    "  (type $get (func (result (ref $unary))))"
    "  (import \"host\" \"get\" (func $get (type $get)))"
    "  (global (export \"global\") (mut (ref null $unary)) (ref.null $unary))"
    "  (table (export \"table\") 2 (ref null $unary))"
    "  (func $double (export \"double\") (type $unary) (i32.mul (local.get 0) (i32.const 2)))"
    "  (func $other (export \"other\") (param i64) (result i64) (local.get 0))"
    "  (func (export \"apply\") (param (ref $unary) i32) (result i32) (local (ref null $unary))"
    "    (local.set 2 (local.get 0))"
    "    local.get 1 local.get 2 nop call_ref $unary)"
    "  (func (export \"apply_global\") (param i32) (result i32) (call_ref $unary (local.get 0) (global.get 0)))"
    "  (func (export \"apply_gotten\") (param i32) (result i32) (call_ref $unary (local.get 0) (call $get)))"
    "  (func (export \"tail\") (param i32) (result i32) (return_call_ref $unary (local.get 0) (ref.func $double)))"
    "  (func (export \"identity\") (param (ref $unary)) (result (ref $unary)) (local.get 0))"
    "  (func (export \"both\") (param (ref $unary) funcref) (local i32)"
    "    local.get 1 nop drop"
    "    local.get 0 nop drop)"
    "  (func (export \"later\") (result i32) (local $x (ref $unary))"
    "    nop (local.set $x (ref.func $double)) nop (call_ref $unary (i32.const 2) (local.get $x)))"
    "  (func (export \"inside\") (result i32) (local $x (ref $unary)) (local $never (ref $unary))"
    "    nop (block (local.set $x (ref.func $double)) nop (drop (local.get $x))) nop"
    "    (local.set $x (ref.func $double)) (call_ref $unary (i32.const 3) (local.get $x))))";

static pellucid_instance_t instance;
static pellucid_value_t given;
static pellucid_raw_t given_raw;

static pellucid_status_t get(void *unused, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                             pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)unused, (void)caller, (void)args, (void)n_args, (void)n_results, (void)out_error;
    results[0] = given;
    return PELLUCID_OK;
}

static pellucid_status_t get_raw(void *unused, pellucid_caller_t *caller, pellucid_raw_t *values, size_t n_values,
                                 pellucid_error_t **out_error) {
    (void)unused, (void)caller, (void)n_values, (void)out_error;
    values[0] = given_raw;
    return PELLUCID_OK;
}

static void open_scene(bool is_debug, bool is_raw) {
    open_world(is_debug);
    pellucid_module_t *module = module_of(text);
    pellucid_functype_t *type;
    pellucid_externtype_t *import_type;
    pellucid_str_t module_name, name;
    pellucid_extern_kind_t kind;
    MUST(pellucid_module_import(module, 0, &module_name, &name, &kind, &import_type));
    MUST(pellucid_externtype_func(import_type, &type));
    pellucid_extern_t import = {0};
    import.kind = PELLUCID_EXTERN_FUNC;
    if (is_raw)
        MUST(pellucid_func_new_raw(store, type, NULL, get_raw, NULL, &import.of.func, ERR));
    else
        MUST(pellucid_func_new(store, type, NULL, get, NULL, &import.of.func, ERR));
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    pellucid_functype_delete(type);
    pellucid_externtype_delete(import_type);
    pellucid_module_delete(module);
}

static pellucid_value_t reference(const char *name) {
    pellucid_value_t value = value_of(PELLUCID_FUNCREF);
    value.of.funcref = func_of(instance, name);
    return value;
}

static pellucid_status_t call(const char *name, const pellucid_value_t *args, size_t n_args, pellucid_value_t *result) {
    pellucid_func_t func = func_of(instance, name);
    return pellucid_func_call(store, &func, args, n_args, result, 1, ERR);
}

static void arguments_are_of_their_types(bool is_debug) {
    open_scene(is_debug, false);
    pellucid_value_t result, args[2] = {reference("double"), value_i32(21)};
    MUST(call("apply", args, 2, &result));
    CHECK(result.of.i32 == 42);
    MUST(call("tail", &args[1], 1, &result));
    CHECK(result.of.i32 == 42);
    MUST(call("identity", args, 1, &result));
    CHECK(result.kind == PELLUCID_FUNCREF && result.of.funcref.index == args[0].of.funcref.index);
    args[0] = reference("other");
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, call("apply", args, 2, &result));
    args[0] = value_of(PELLUCID_FUNCREF);
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, call("apply", args, 2, &result));
    /* The same for raw values. */
    pellucid_func_t apply = func_of(instance, "apply");
    pellucid_raw_t raw[2] = {{0}};
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_func_call_raw(store, &apply, raw, 2, ERR));
    pellucid_value_t other = reference("other"), right = reference("double");
    MUST(pellucid_value_to_raw(store, &other, &raw[0]));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_func_call_raw(store, &apply, raw, 2, ERR));
    MUST(pellucid_value_to_raw(store, &right, &raw[0]));
    raw[1].i32 = 4;
    MUST(pellucid_func_call_raw(store, &apply, raw, 2, ERR));
    CHECK(raw[0].i32 == 8);
    close_world();
}

static void results_of_host_functions_are_of_their_types(bool is_debug, bool is_raw) {
    open_scene(is_debug, is_raw);
    pellucid_value_t result, arg = value_i32(8);
    const char *names[] = {"double", "other", NULL};
    for (int i = 0; i < 3; i++) {
        given = names[i] == NULL ? value_of(PELLUCID_FUNCREF) : reference(names[i]);
        MUST(pellucid_value_to_raw(store, &given, &given_raw));
        STATUS(i == 0 ? PELLUCID_OK : PELLUCID_ERR_TYPE_MISMATCH, call("apply_gotten", &arg, 1, &result));
    }
    close_world();
}

static void globals_and_tables_keep_their_types(bool is_debug) {
    open_scene(is_debug, false);
    pellucid_global_t global = export_of(instance, "global").of.global;
    pellucid_table_t table = export_of(instance, "table").of.table;
    pellucid_value_t right = reference("double"), wrong = reference("other"), null = value_of(PELLUCID_FUNCREF);
    pellucid_value_t result, arg = value_i32(8);
    STATUS(PELLUCID_ERR_TRAP, call("apply_global", &arg, 1, &result));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_NULL_REFERENCE);
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_global_set(store, &global, &wrong));
    MUST(pellucid_global_set(store, &global, &right));
    MUST(call("apply_global", &arg, 1, &result));
    CHECK(result.of.i32 == 16);
    MUST(pellucid_global_set(store, &global, &null));
    uint64_t old;
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_table_set(store, &table, 0, &wrong));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_table_grow(store, &table, 1, &wrong, &old, ERR));
    MUST(pellucid_table_set(store, &table, 0, &right));
    MUST(pellucid_table_grow(store, &table, 1, &null, &old, ERR));
    CHECK(old == 2);
    close_world();
}

static pellucid_call_t *paused;
static pellucid_call_state_t state;

static pellucid_frame_t stop_in(const char *name, const pellucid_value_t *args, size_t n_args, int operators) {
    pellucid_func_t func = func_of(instance, name);
    MUST(pellucid_call_begin(store, &func, args, n_args, &paused, ERR));
    for (int i = 0; i <= operators; i++)
        MUST(pellucid_call_resume(paused, PELLUCID_RESUME_STEP, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED);
    return frame_of(paused);
}

static void frames_keep_their_types(void) {
    open_scene(true, false);
    pellucid_value_t args[2] = {reference("double"), value_i32(21)}, result;
    pellucid_value_t wrong = reference("other"), null = value_of(PELLUCID_FUNCREF);
    pellucid_func_t host;
    pellucid_functype_t *type;
    MUST(pellucid_func_type(store, &args[0].of.funcref, &type));
    MUST(pellucid_func_new(store, type, NULL, get, NULL, &host, ERR));
    pellucid_functype_delete(type);
    /* Before call_ref: the operands are 21 and the function. */
    pellucid_frame_t frame = stop_in("apply", args, 2, 5);
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_write_local(store, &frame, 0, &wrong, ERR));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_write_local(store, &frame, 0, &null, ERR));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_write_local(store, &frame, 2, &wrong, ERR));
    MUST(pellucid_frame_write_local(store, &frame, 2, &null, ERR));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_write_operand(store, &frame, 1, &wrong, ERR));
    given = value_i32(77);
    pellucid_value_t mine = value_of(PELLUCID_FUNCREF);
    mine.of.funcref = host;
    MUST(pellucid_frame_write_operand(store, &frame, 1, &mine, ERR));
    MUST(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    MUST(pellucid_call_results(paused, &result, 1));
    CHECK(result.of.i32 == 77);
    pellucid_call_delete(paused);
    /* A null that may be there is found by the call. */
    frame = stop_in("apply", args, 2, 5);
    MUST(pellucid_frame_write_operand(store, &frame, 1, &null, ERR));
    MUST(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_TRAPPED);
    pellucid_call_delete(paused);
    /* A step leads into the function that is referred to, and an early return gives what its type has. */
    frame = stop_in("apply", args, 2, 6);
    CHECK(depth_of(paused) == 2);
    MUST(pellucid_frame_drop(store, &frame, &frame, ERR));
    MUST(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    MUST(pellucid_call_results(paused, &result, 1));
    CHECK(result.of.i32 == 42);
    pellucid_call_delete(paused);
    frame = stop_in("identity", args, 1, 0);
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_return(store, &frame, &wrong, 1, &frame, ERR));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_return(store, &frame, &null, 1, &frame, ERR));
    MUST(pellucid_frame_return(store, &frame, args, 1, &frame, ERR));
    pellucid_call_delete(paused);
    /* A funcref on the stack is no reference to a function of the type that another place has there. */
    args[1] = wrong;
    frame = stop_in("both", args, 2, 1);
    uint32_t pc;
    MUST(pellucid_frame_pc(store, &frame, &pc));
    /* local.get 1; nop; drop; local.get 0; nop */
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_set_pc(store, &frame, pc + 4, &frame, ERR));
    MUST(pellucid_frame_set_pc(store, &frame, pc + 1, &frame, ERR));
    pellucid_call_delete(paused);
    /* A local that can't be null has no value before it is set. nop; ref.func; local.set; nop */
    frame = stop_in("later", NULL, 0, 0);
    MUST(pellucid_frame_pc(store, &frame, &pc));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_set_pc(store, &frame, pc + 5, &frame, ERR));
    for (int i = 0; i < 3; i++)
        MUST(pellucid_call_resume(paused, PELLUCID_RESUME_STEP, &state, ERR));
    frame = frame_of(paused);
    MUST(pellucid_frame_set_pc(store, &frame, pc, &frame, ERR));
    MUST(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    MUST(pellucid_call_results(paused, &result, 1));
    CHECK(result.of.i32 == 4);
    pellucid_call_delete(paused);
    /* Only those matter that are set by then: nop; block; ref.func; local.set; nop; local.get; drop; end; nop */
    frame = stop_in("inside", NULL, 0, 0);
    MUST(pellucid_frame_pc(store, &frame, &pc));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_set_pc(store, &frame, pc + 7, &frame, ERR));
    CHECK(message_has(last_error, "local 0, which can't be null, has no value yet"));
    MUST(pellucid_frame_set_pc(store, &frame, pc + 3, &frame, ERR));
    MUST(pellucid_frame_set_pc(store, &frame, pc + 12, &frame, ERR));
    pellucid_value_t local;
    uint32_t n;
    MUST(pellucid_frame_read_locals(store, &frame, 0, &local, 1, &n));
    CHECK(local.kind == PELLUCID_FUNCREF && pellucid_value_is_null(&local));
    MUST(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    MUST(pellucid_call_results(paused, &result, 1));
    CHECK(result.of.i32 == 6);
    pellucid_call_delete(paused);
    close_world();
}

int main(int argc, char **argv) {
    for (int round = 0; round < 4; round++) {
        has_checks = round >= 2;
        bool is_debug = round % 2 == 1;
        arguments_are_of_their_types(is_debug);
        results_of_host_functions_are_of_their_types(is_debug, false);
        results_of_host_functions_are_of_their_types(is_debug, true);
        globals_and_tables_keep_their_types(is_debug);
        if (is_debug)
            frames_keep_their_types();
    }
    (void)argc, (void)argv;
    return finish();
}
