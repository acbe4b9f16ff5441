/* Threads with small stacks: everything works there, also what compiles. */

#define _GNU_SOURCE

#include "test.h"

#include <pthread.h>
#include <unistd.h>

static const char *WAT =
    "(module (type $bytes (array (mut i8))) (tag $tag (export \"tag\") (param i32))"
    "  (import \"env\" \"twice\" (func $twice (param i32) (result i32)))"
    "  (import \"env\" \"again\" (func $again (param i32) (result i32)))"
    "  (memory (export \"memory\") 1)"
    "  (func $f (export \"f\") (param i32) (result i32) (i32.add (call $twice (local.get 0)) (i32.const 1)))"
    "  (func (export \"load\") (param i32) (result i32) (i32.load (local.get 0)))"
    "  (func (export \"float\") (param f64) (result f64) (f64.sqrt (local.get 0)))"
    "  (func (export \"endless\") (call 5))"
    "  (func (export \"array\") (result i32) (array.len (array.new_default $bytes (i32.const 3000000))))"
    "  (func (export \"caught\") (result i32)"
    "    (block $h (result exnref) (try_table (catch_all_ref $h) (throw $tag (i32.const 1))) (unreachable)) (ref.is_null))"
    "  (func (export \"nest\") (param i32) (result i32) (call $again (local.get 0))))";

static const uint8_t EMPTY[] = {0, 'a', 's', 'm', 1, 0, 0, 0};

static pellucid_status_t twice(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                               pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)n_args, (void)n_results, (void)out_error;
    results[0] = value_i32(2 * args[0].of.i32);
    return PELLUCID_OK;
}

/* Calls the guest that called it, until there is no more room. */
static pellucid_status_t again(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                               pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)n_args, (void)n_results;
    pellucid_store_t *store = pellucid_caller_store(caller);
    pellucid_func_t nest = *(pellucid_func_t *)userdata;
    return pellucid_func_call(store, &nest, args, 1, results, 1, out_error);
}

struct world {
    bool is_debug;
    pellucid_engine_t *engine;
    pellucid_store_t *store;
    pellucid_module_t *module;
    pellucid_linker_t *linker;
    pellucid_instance_t instance;
    pellucid_func_t nest;
};

static pellucid_func_t function(struct world *world, const char *name) {
    pellucid_extern_t item = {0};
    CHECK(pellucid_instance_export(world->store, &world->instance, name, strlen(name), &item) == PELLUCID_OK);
    return item.of.func;
}

/* No name is asked for where nothing else may use the stack: each is a thread of its own. */
static void *make_engine(void *where) {
    struct world *world = where;
    pellucid_config_t *config;
    CHECK(pellucid_config_new(&config) == PELLUCID_OK);
    CHECK(pellucid_config_set_debug(config, world->is_debug) == PELLUCID_OK);
    CHECK(pellucid_engine_new(config, &world->engine, NULL) == PELLUCID_OK);
    pellucid_config_delete(config);
    CHECK(pellucid_store_new(world->engine, NULL, NULL, &world->store, NULL) == PELLUCID_OK);
    return NULL;
}

static void *make_modules(void *where) {
    struct world *world = where;
    pellucid_module_t *other = NULL;
    pellucid_error_t *error = NULL;
    CHECK(pellucid_module_validate(world->engine, EMPTY, sizeof EMPTY, NULL) == PELLUCID_OK);
    CHECK(pellucid_module_validate(world->engine, EMPTY, 7, NULL) == PELLUCID_ERR_INVALID_MODULE);
    CHECK(pellucid_module_new(world->engine, EMPTY, sizeof EMPTY, &other, NULL) == PELLUCID_OK);
    pellucid_module_delete(other);
    CHECK(pellucid_module_new_named(world->engine, TEXT("name"), EMPTY, sizeof EMPTY, &other, NULL) == PELLUCID_OK);
    pellucid_module_delete(other);
    CHECK(pellucid_module_new_text(world->engine, TEXT("(module (func (i32.add)))"), &other, &error) ==
          PELLUCID_ERR_INVALID_MODULE);
    CHECK(message_has(error, "type mismatch"));
    pellucid_error_delete(error);
    CHECK(pellucid_module_new_text(world->engine, WAT, strlen(WAT), &world->module, NULL) == PELLUCID_OK);
    return NULL;
}

static void *instantiate(void *where) {
    struct world *world = where;
    pellucid_kind_t kind = PELLUCID_I32;
    pellucid_functype_t *type;
    CHECK(pellucid_functype_new(&kind, 1, &kind, 1, &type) == PELLUCID_OK);
    CHECK(pellucid_linker_new(world->engine, &world->linker) == PELLUCID_OK);
    CHECK(pellucid_linker_define_func(world->linker, world->store, TEXT("env"), TEXT("twice"), type, NULL, twice, NULL,
                                      NULL) == PELLUCID_OK);
    CHECK(pellucid_linker_define_func(world->linker, world->store, TEXT("env"), TEXT("again"), type, &world->nest,
                                      again, NULL, NULL) == PELLUCID_OK);
    pellucid_functype_delete(type);
    CHECK(pellucid_linker_instantiate(world->linker, world->store, world->module, &world->instance, NULL) ==
          PELLUCID_OK);
    return NULL;
}

static void *call(void *where) {
    struct world *world = where;
    pellucid_func_t f = function(world, "f");
    pellucid_value_t arg = value_i32(20), result;
    CHECK(pellucid_func_call(world->store, &f, &arg, 1, &result, 1, NULL) == PELLUCID_OK && result.of.i32 == 41);
    pellucid_raw_t raw[1] = {{.i32 = 4}};
    CHECK(pellucid_func_call_raw(world->store, &f, raw, 1, NULL) == PELLUCID_OK && raw[0].i32 == 9);
    /* Of a type that no host function has. */
    f = function(world, "float");
    arg = value_of(PELLUCID_F64);
    arg.of.f64 = 16.0;
    CHECK(pellucid_func_call(world->store, &f, &arg, 1, &result, 1, NULL) == PELLUCID_OK && result.of.f64 == 4.0);
    return NULL;
}

/* The heap is made, and grows, by whoever first needs room. */
static void *make_objects(void *where) {
    struct world *world = where;
    pellucid_extern_t tag;
    pellucid_exnref_t exnref;
    pellucid_anyref_t anyref;
    pellucid_type_id_t type;
    pellucid_value_t value = value_i32(1), result;
    const char *names[] = {"caught", "array"};
    for (int i = 0; i < 2; i++) {
        pellucid_func_t f = function(world, names[i]);
        CHECK(pellucid_func_call(world->store, &f, NULL, 0, &result, 1, NULL) == PELLUCID_OK);
        CHECK(result.of.i32 == (i == 0 ? 0 : 3000000));
    }
    CHECK(pellucid_instance_export(world->store, &world->instance, TEXT("tag"), &tag) == PELLUCID_OK);
    CHECK(pellucid_exnref_new(world->store, &tag.of.tag, &value, 1, &exnref, NULL) == PELLUCID_OK);
    CHECK(pellucid_module_type(world->module, 0, &type) == PELLUCID_OK);
    CHECK(pellucid_array_new(world->store, type, &value, 2000000, &anyref, NULL) == PELLUCID_OK);
    CHECK(pellucid_store_gc(world->store) == PELLUCID_OK);
    return NULL;
}

static void *trap(void *where) {
    struct world *world = where;
    pellucid_func_t f = function(world, "load");
    pellucid_value_t arg = value_i32(-1), result;
    pellucid_error_t *error = NULL;
    pellucid_str_t text;
    CHECK(pellucid_func_call(world->store, &f, &arg, 1, &result, 1, &error) == PELLUCID_ERR_TRAP);
    CHECK(pellucid_error_text(error, &text) == PELLUCID_OK);
    pellucid_error_delete(error);
    f = function(world, "endless");
    error = NULL;
    CHECK(pellucid_func_call(world->store, &f, NULL, 0, NULL, 0, &error) == PELLUCID_ERR_TRAP);
    CHECK(pellucid_error_text(error, &text) == PELLUCID_OK);
    pellucid_error_delete(error);
    /* Calls inside calls end before the stack does. */
    world->nest = f = function(world, "nest");
    CHECK(pellucid_func_call(world->store, &f, &arg, 1, &result, 1, NULL) == PELLUCID_ERR_TRAP);
    return NULL;
}

static void *look(void *where) {
    struct world *world = where;
    if (!world->is_debug) {
        return NULL;
    }
    pellucid_func_t f = function(world, "f");
    pellucid_value_t arg = value_i32(20), values[4];
    pellucid_call_t *running;
    pellucid_call_state_t state = 0;
    pellucid_edit_t *edit;
    uint64_t id;
    CHECK(pellucid_edit_begin(world->store, &edit) == PELLUCID_OK);
    CHECK(pellucid_edit_add_at_function(edit, world->module, 2, &id, NULL) == PELLUCID_OK);
    CHECK(pellucid_edit_commit(edit, NULL) == PELLUCID_OK);
    pellucid_edit_delete(edit);
    CHECK(pellucid_call_begin(world->store, &f, &arg, 1, &running, NULL) == PELLUCID_OK);
    int steps = 0;
    while (pellucid_call_resume(running, PELLUCID_RESUME_STEP, &state, NULL) == PELLUCID_OK &&
           state == PELLUCID_CALL_PAUSED) {
        pellucid_frame_t frame;
        uint32_t n;
        CHECK(pellucid_call_frame(running, &frame) == PELLUCID_OK);
        CHECK(pellucid_frame_read_locals(world->store, &frame, 0, values, 4, &n) == PELLUCID_OK && n == 1);
        CHECK(pellucid_frame_read_operands(world->store, &frame, 0, values, 4, &n) == PELLUCID_OK);
        steps++;
    }
    CHECK(state == PELLUCID_CALL_FINISHED && steps >= 4);
    pellucid_call_delete(running);
    return NULL;
}

static void *end(void *where) {
    struct world *world = where;
    pellucid_linker_delete(world->linker);
    pellucid_store_delete(world->store);
    pellucid_module_delete(world->module);
    pellucid_engine_delete(world->engine);
    return NULL;
}

/* Each step on a new thread, which has its stack to itself, and has to find out all about it. */
static void run(size_t size, bool is_debug) {
    static void *(*const STEPS[])(void *) = {make_engine, make_modules, instantiate, call, make_objects, trap, look, end};
    struct world world = {.is_debug = is_debug};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstacksize(&attributes, size) != 0) {
        fprintf(stderr, "skipped: no thread has a stack of %zu bytes here\n", size);
        return;
    }
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++) {
        pthread_t thread;
        if (!CHECK(pthread_create(&thread, &attributes, STEPS[i], &world) == 0)) {
            return;
        }
        pthread_join(thread, NULL);
    }
    pthread_attr_destroy(&attributes);
}

int main(void) {
    for (int debug = 0; debug < 2; debug++) {
        run(16 << 10, debug);
        run(32 << 10, debug);
        run(64 << 10, debug);
        run(1 << 20, debug);
    }
    return finish();
}
