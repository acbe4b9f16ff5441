/* The host's values and objects that are on their way into a guest, or out of it, survive collections without any scope: as arguments and
 * results of calls, in what is written into frames, in what a frame is made to return, and in exceptions. */

#include "test.h"

static const char text[] =
    "(module"
    "  (type $node (struct (field i32)))"
    "  (import \"host\" \"between\" (func $between (param externref)))"
    "  (import \"host\" \"tag\" (tag $tag (param externref anyref)))"
    "  (func $inner (param externref anyref) (result externref anyref)"
    "    nop local.get 0 nop (call $between (ref.null extern)) local.get 1)"
    "  (func (export \"outer\") (param externref anyref) (result externref anyref) (local externref anyref)"
    "    local.get 0 local.get 1 call $inner"
    "    local.set 3 local.set 2 (drop (struct.new $node (i32.const 0)))"
    "    (call $between (local.get 0)) local.get 2 local.get 3)"
    "  (func (export \"passed\") (param externref anyref) (result externref anyref)"
    "    local.get 0 local.get 1 call $inner drop drop"
    "    (call $between (ref.null extern)) (drop (struct.new $node (i32.const 0))) local.get 0 local.get 1)"
    "  (func (export \"caught\") (param externref) (result externref anyref) (local anyref)"
    "    (block $caught (result externref anyref)"
    "      (try_table (catch $tag $caught) (call $between (local.get 0)))"
    "      unreachable)"
    "    local.set 1 (drop (struct.new $node (i32.const 0))) local.get 1))";

static pellucid_instance_t instance;
static pellucid_tag_t tag;
static pellucid_type_id_t node;
static pellucid_error_t *to_throw;
static int finalized;

static void finalize(void *userdata) {
    (void)userdata;
    finalized++;
}

/* Collects, and throws what there is to throw. */
static pellucid_status_t between(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                                 pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)args, (void)n_args, (void)results, (void)n_results;
    OK(pellucid_store_gc(pellucid_caller_store(caller)));
    if (to_throw == NULL) {
        return PELLUCID_OK;
    }
    *out_error = to_throw;
    to_throw = NULL;
    return PELLUCID_ERR_EXCEPTION;
}

static void open_scene(bool is_stressed) {
    pellucid_config_t *config;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, true));
    MUST(pellucid_config_set_stress_heap(config, is_stressed));
    MUST(pellucid_engine_new(config, &engine, ERR));
    pellucid_config_delete(config);
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    pellucid_module_t *module = module_of(text);
    MUST(pellucid_module_type(module, 0, &node));
    pellucid_kind_t kinds[] = {PELLUCID_EXTERNREF, PELLUCID_ANYREF};
    pellucid_functype_t *type, *of_tag;
    pellucid_extern_t imports[2] = {{.kind = PELLUCID_EXTERN_FUNC}, {.kind = PELLUCID_EXTERN_TAG}};
    MUST(pellucid_functype_new(kinds, 1, NULL, 0, &type));
    MUST(pellucid_func_new(store, type, NULL, between, NULL, &imports[0].of.func, ERR));
    MUST(pellucid_functype_new(kinds, 2, NULL, 0, &of_tag));
    MUST(pellucid_tag_new(store, of_tag, &tag));
    imports[1].of.tag = tag;
    MUST(pellucid_instance_new(store, module, imports, 2, &instance, ERR));
    pellucid_functype_delete(type);
    pellucid_functype_delete(of_tag);
    pellucid_module_delete(module);
    finalized = 0;
}

static int marks[100];

/* A host value that stands for `number`, and a structure with it, good as long as the scope that is open. */
static void make(int32_t number, pellucid_value_t *values) {
    pellucid_value_t field = value_i32(number);
    values[0] = value_of(PELLUCID_EXTERNREF);
    values[1] = value_of(PELLUCID_ANYREF);
    MUST(pellucid_externref_new(store, &marks[number], finalize, &values[0].of.externref));
    MUST(pellucid_struct_new(store, node, &field, 1, &values[1].of.anyref, ERR));
}

static void collect(void) {
    OK(pellucid_store_gc(store));
    OK(pellucid_store_gc(store));
}

static void check_values(const pellucid_value_t *values, int32_t of_externref, int32_t of_anyref) {
    void *userdata = NULL;
    pellucid_value_t field = {0};
    OK(pellucid_externref_userdata(store, &values[0].of.externref, &userdata));
    CHECK(userdata == &marks[of_externref]);
    OK(pellucid_object_get(store, &values[1].of.anyref, 0, &field, 1));
    CHECK(field.of.i32 == of_anyref);
}

static uint64_t open_scope(void) {
    uint64_t scope;
    MUST(pellucid_scope_open(store, &scope));
    return scope;
}

static void close_scope(uint64_t scope) {
    OK(pellucid_scope_close(store, scope));
    collect();
}

static pellucid_call_t *begin(const char *name, int32_t number, size_t n_args) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_call_t *call;
    pellucid_value_t args[2];
    uint64_t scope = open_scope();
    make(number, args);
    MUST(pellucid_call_begin(store, &func, args, n_args, &call, ERR));
    close_scope(scope);
    return call;
}

static void step(pellucid_call_t *call, int count) {
    pellucid_call_state_t state;
    for (int i = 0; i < count; i++) {
        MUST(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
        MUST(state == PELLUCID_CALL_PAUSED ? PELLUCID_OK : PELLUCID_ERR_INVALID_STATE);
    }
}

/* Runs a call to its end, and looks at its results after collections; then its values go. */
static void finish_call(pellucid_call_t *call, int32_t of_externref, int32_t of_anyref) {
    pellucid_call_state_t state;
    /* It is paused where something is thrown. */
    do {
        collect();
        MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    } while (state == PELLUCID_CALL_PAUSED);
    CHECK(state == PELLUCID_CALL_FINISHED);
    collect();
    uint64_t scope = open_scope();
    pellucid_value_t results[2];
    OK(pellucid_call_results(call, results, 2));
    collect();
    check_values(results, of_externref, of_anyref);
    pellucid_call_delete(call);
    collect();
    check_values(results, of_externref, of_anyref);
    close_scope(scope);
}

static void arguments_and_results(void) {
    finish_call(begin("outer", 1, 2), 1, 1);
    pellucid_func_t func = func_of(instance, "outer");
    pellucid_value_t values[2];
    uint64_t scope = open_scope();
    make(2, values);
    OK(pellucid_func_call(store, &func, values, 2, values, 2, ERR));
    collect();
    check_values(values, 2, 2);
    close_scope(scope);
}

static void returned_early(void) {
    pellucid_call_t *call = begin("outer", 3, 2);
    /* Into the called function. */
    step(call, 4);
    pellucid_frame_t frame = frame_of(call);
    pellucid_value_t values[2];
    uint64_t scope = open_scope();
    make(4, values);
    OK(pellucid_frame_return(store, &frame, values, 2, NULL, ERR));
    close_scope(scope);
    finish_call(call, 4, 4);
}

static void written(void) {
    pellucid_call_t *call = begin("outer", 5, 2);
    /* Where the called function has the first value as an operand. */
    step(call, 6);
    pellucid_frame_t frame = frame_of(call);
    pellucid_value_t values[2];
    uint64_t scope = open_scope();
    make(6, values);
    OK(pellucid_frame_write_operand(store, &frame, 0, &values[0], ERR));
    close_scope(scope);
    scope = open_scope();
    make(7, values);
    frame = frame_of(call);
    OK(pellucid_frame_write_local(store, &frame, 1, &values[1], ERR));
    close_scope(scope);
    finish_call(call, 6, 7);
    /* Into a frame that waits for a call. */
    call = begin("passed", 8, 2);
    step(call, 4);
    frame = frame_of(call);
    pellucid_frame_t caller;
    MUST(pellucid_frame_caller(store, &frame, &caller));
    scope = open_scope();
    make(9, values);
    OK(pellucid_frame_write_local(store, &caller, 0, &values[0], ERR));
    OK(pellucid_frame_write_local(store, &caller, 1, &values[1], ERR));
    close_scope(scope);
    finish_call(call, 9, 9);
}

static void thrown(void) {
    pellucid_value_t values[2];
    uint64_t scope = open_scope();
    make(10, values);
    MUST(pellucid_exception_new(store, &tag, values, 2, &to_throw));
    close_scope(scope);
    finish_call(begin("caught", 11, 1), 10, 10);
}

int main(void) {
    for (int round = 0; round < 2; round++) {
        open_scene(round == 1);
        arguments_and_results();
        returned_early();
        written();
        thrown();
        /* None was kept for longer than it was used; a word on a stack may still look like one. */
        collect();
        CHECK(finalized >= 9);
        close_world();
        CHECK(finalized == 11);
    }
    return finish();
}
