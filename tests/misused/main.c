/* Calls every function of the header with each of its arguments spoilt in each way that its type can be: NULL, misaligned, of another
 * store or engine, out of date, out of range, of another state, impossible. The status is one that the function's comment lists,
 * places and the world are as they were, the error says what was wrong. So it is where no guest runs, in host functions, event handlers
 * and conditions, in a callback that has deleted the store, from a second thread, and with debugging off.
 *
 * `functions.h`, which tests/misused/mod.rs writes, has the functions. Messages say what to do for one that is new. */

#define _GNU_SOURCE
#include "test.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PLACE = 512, MOST = 16, N_PLACES = MOST * PLACE };

/* Where no file is in the way. */
static char SCRATCH_FILE[256];
static int a_socket;

/* All that arguments are taken from. */
struct world {
    bool is_debug;
    pellucid_engine_t *engine;
    pellucid_module_t *module, *threads_module;
    pellucid_config_t *config;
    pellucid_functype_t *functype, *tagtype;
    pellucid_externtype_t *externtypes[5];
    pellucid_store_t *store;
    pellucid_linker_t *linker, *empty_linker, *wasi_linker;
    pellucid_wasi_config_t *wasi_config;
    pellucid_wasi_t *wasi;
    pellucid_wasi_threads_t *wasi_threads;
    pellucid_shared_memory_t *shared;
    pellucid_interrupt_t *interrupt;
    pellucid_call_t *ready, *paused, *finished, *trapped, *yielded;
    pellucid_edit_t *edit, *edit_over;
    pellucid_error_t *error, *exception;
    pellucid_instance_t instance;
    pellucid_func_t func, calls, hits;
    pellucid_memory_t memory, from_shared;
    pellucid_table_t table;
    pellucid_global_t global;
    pellucid_tag_t tag;
    pellucid_externref_t externref, gone_externref;
    pellucid_anyref_t anyref, array, i31, gone_anyref;
    pellucid_exnref_t exnref, gone_exnref;
    pellucid_weak_t weak, gone_weak;
    /* `event_frame` is the one of the event, in its handler. */
    pellucid_frame_t frame, stale_frame, event_frame;
    pellucid_type_id_t point, bytes_type, functype_id;
    uint64_t scope, breakpoint, watchpoint;
    uint32_t pc;
    /* In callbacks, and of the call that is paused. */
    pellucid_caller_t *caller;
    const pellucid_event_t *event;
    bool is_deleted;
    /* Plain data. */
    pellucid_value_t values[16], fields[16], null, reference;
    pellucid_raw_t raws[16];
    pellucid_kind_t kinds[16];
    pellucid_extern_t imports[16];
    pellucid_memorytype_t memorytype, sharedtype;
    pellucid_tabletype_t tabletype;
    pellucid_globaltype_t globaltype;
    pellucid_fielddef_t fielddef;
    pellucid_deftype_t deftype;
    pellucid_budget_t budget;
    pellucid_breakpoint_options_t options;
    uint8_t bytes[64], wasm[64];
    _Alignas(16) uint8_t places[N_PLACES];
};

union slot {
    void *p;
    uint64_t n;
};

enum how {
    OBJECT, HANDLE, REFERENCE, WEAK, FRAME, DATA, POINTERS, VALUE, STRING, USERDATA, CALLBACK, FINALIZER, NUMBER, COUNT, OUT,
    OUT_SIZED, OUT_ERROR
};

enum answers { STATUS_OF, VALUE_OF, NOTHING };

struct parameter {
    const char *name, *type;
    enum how how;
    bool is_nullable, has_count;
    size_t size, align;
    void (*delete_made)(void *made);
};

struct function {
    const char *name;
    enum answers answers;
    void (*fill)(struct world *w, union slot *a);
    void (*call)(union slot *a, pellucid_status_t *status, uint64_t *value);
    uint64_t documented;
    pellucid_status_t good;
    /* What is answered instead of a value where there is none. */
    uint64_t none;
    size_t n_parameters;
    struct parameter parameters[MOST];
};

/* A set of statuses. */
#define BIT(status) (UINT64_C(1) << (1 - (status)))

#define DELETES(noun)                                                                                                  \
    static void delete_pellucid_##noun##_t(void *made) {                                                               \
        pellucid_##noun##_delete(made);                                                                                \
    }
DELETES(call)
DELETES(config)
DELETES(edit)
DELETES(engine)
DELETES(error)
DELETES(externtype)
DELETES(functype)
DELETES(interrupt)
DELETES(linker)
DELETES(module)
DELETES(shared_memory)
DELETES(store)
DELETES(wasi)
DELETES(wasi_config)
DELETES(wasi_threads)

/* What callbacks that are handed in do: nothing. */
static int n_finalized;

static void do_pellucid_finalizer_t(void *userdata) {
    (void)userdata;
    n_finalized++;
}

static bool do_pellucid_condition_cb_t(void *userdata, pellucid_store_t *where, const pellucid_frame_t *frame, uint64_t id) {
    (void)userdata, (void)where, (void)frame, (void)id;
    return false;
}

static pellucid_status_t do_pellucid_core_dump_cb_t(void *userdata, const uint8_t *bytes, size_t n_bytes) {
    (void)userdata, (void)bytes, (void)n_bytes;
    return PELLUCID_OK;
}

static pellucid_status_t do_pellucid_serialize_cb_t(void *userdata, const uint8_t *bytes, size_t n_bytes) {
    return do_pellucid_core_dump_cb_t(userdata, bytes, n_bytes);
}

static pellucid_action_t do_pellucid_event_cb_t(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    (void)userdata, (void)where, (void)event;
    return PELLUCID_ACTION_CONTINUE;
}

static pellucid_status_t do_pellucid_func_cb_t(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                               size_t n_args, pellucid_value_t *results, size_t n_results,
                                               pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    return PELLUCID_OK;
}

static pellucid_status_t do_pellucid_func_raw_cb_t(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values,
                                                   size_t n_values, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)values, (void)n_values, (void)out_error;
    return PELLUCID_OK;
}

static void do_pellucid_log_cb_t(void *userdata, pellucid_log_level_t level, const pellucid_str_t *target,
                                 const pellucid_str_t *message) {
    (void)userdata, (void)level, (void)target, (void)message;
}

static void do_pellucid_log_point_cb_t(void *userdata, pellucid_store_t *where, const pellucid_frame_t *frame, uint64_t id,
                                       const pellucid_str_t *text) {
    (void)userdata, (void)where, (void)frame, (void)id, (void)text;
}

static pellucid_status_t do_pellucid_wasi_read_cb_t(void *userdata, uint8_t *bytes, size_t cap_bytes, size_t *out_n) {
    (void)userdata, (void)bytes, (void)cap_bytes;
    *out_n = 0;
    return PELLUCID_OK;
}

static pellucid_status_t do_pellucid_wasi_write_cb_t(void *userdata, const uint8_t *bytes, size_t n_bytes) {
    (void)userdata, (void)bytes, (void)n_bytes;
    return PELLUCID_OK;
}

static pellucid_status_t do_pellucid_wasi_thread_cb_t(void *userdata, uint32_t thread, pellucid_store_t *where,
                                                      pellucid_linker_t *linker, pellucid_error_t **out_error) {
    (void)userdata, (void)thread, (void)where, (void)linker, (void)out_error;
    return PELLUCID_OK;
}

static pellucid_status_t do_pellucid_wasi_run_cb_t(void *userdata, uint32_t thread, pellucid_store_t *where,
                                                   pellucid_call_t *call, pellucid_error_t **out_error) {
    (void)userdata, (void)thread, (void)where, (void)call, (void)out_error;
    return PELLUCID_OK;
}

#include "functions.h"

enum { N_FUNCTIONS = sizeof FUNCTIONS / sizeof *FUNCTIONS };

/* Where functions are called. */
enum context { NO_GUEST, NO_DEBUGGING, IN_HOST_FUNCTION, IN_HANDLER, IN_CONDITION, AFTER_DELETION, ON_SECOND_THREAD, N_CONTEXTS };

static const char *const CONTEXTS[] = {
    "while no guest runs",       "with debugging off",           "in a host function",
    "in an event handler",       "in a condition",               "in a host function that has deleted the store",
    "on a second thread",
};

static const char *const GUEST =
    "(module $world"
    "  (type $point (struct (field $x (mut i32)) (field $y (mut i64))))"
    "  (type $bytes (array (mut i8)))"
    "  (type $unary (func (param i32) (result i32)))"
    "  (import \"host\" \"here\" (func $here (type $unary)))"
    "  (import \"host\" \"waits\" (func $waits (type $unary)))"
    "  (func $stops (param $a i32) (result i32) (local $b i32)"
    "    (local.set $b (i32.const 3)) (i32.add (local.get $a) (local.get $b)))"
    "  (func $add (export \"add\") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))"
    "  (func (export \"outer\") (param i32) (result i32) (call $stops (local.get 0)))"
    "  (func (export \"calls\") (param i32) (result i32) (call $here (local.get 0)))"
    "  (func (export \"waits\") (param i32) (result i32) (call $waits (local.get 0)))"
    "  (func (export \"traps\") (param i32) (result i32) (i32.load (i32.const 0x7ffffff0)))"
    "  (func $hits (export \"hits\") (param i32) (result i32) (local.get 0))"
    "  (tag (export \"tag\") (param i32))"
    "  (memory (export \"memory\") 1 4)"
    "  (table (export \"table\") 2 8 funcref)"
    "  (global (export \"global\") (mut i32) (i32.const 7))"
    "  (elem (i32.const 0) func $add)"
    "  (@custom \"x\" \"custom\"))";

enum { STOPS = 2, HITS = 8 };

/* What is made once: engines with debugging and without, and a second one; and what is compiled for them. */
struct base {
    pellucid_engine_t *engine;
    pellucid_module_t *module, *threads_module;
};

static struct base bases[3];

static void make_base(struct base *base, bool is_debug) {
    pellucid_config_t *config;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, is_debug));
    MUST(pellucid_config_set_fuel(config, is_debug));
    MUST(pellucid_config_set_compile_threads(config, 1));
    MUST(pellucid_engine_new(config, &base->engine, ERR));
    pellucid_config_delete(config);
    MUST(pellucid_module_new_text(base->engine, GUEST, strlen(GUEST), &base->module, ERR));
    const char *threads = "(module (import \"env\" \"memory\" (memory 1 1 shared)) (func (export \"wasi_thread_start\") (param i32 i32)))";
    MUST(pellucid_module_new_text(base->engine, threads, strlen(threads), &base->threads_module, ERR));
}

/* What the guest's host functions do now. */
static void (*in_host)(pellucid_caller_t *caller);

static pellucid_status_t here(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)args, (void)n_args, (void)n_results, (void)out_error;
    void (*todo)(pellucid_caller_t *) = in_host;
    in_host = NULL;
    if (todo != NULL) {
        todo(caller);
    }
    results[0] = value_i32(5);
    return PELLUCID_OK;
}

static pellucid_status_t waits(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                               pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)args, (void)n_args, (void)n_results;
    results[0] = value_i32(6);
    return pellucid_caller_can_yield(caller) ? pellucid_caller_yield(caller, 77, out_error) : PELLUCID_OK;
}

static pellucid_extern_t item_of(struct world *w, const char *name) {
    pellucid_extern_t item;
    MUST(pellucid_instance_export(w->store, &w->instance, name, strlen(name), &item));
    return item;
}

static pellucid_call_t *call_of(struct world *w, const char *name, pellucid_call_state_t expected) {
    pellucid_extern_t item = item_of(w, name);
    pellucid_call_t *call;
    pellucid_call_state_t state = PELLUCID_CALL_READY;
    MUST(pellucid_call_begin(w->store, &item.of.func, w->values, 1, &call, ERR));
    if (expected != PELLUCID_CALL_READY) {
        MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    }
    CHECK(state == expected);
    return call;
}

static void make_data(struct world *w) {
    for (int i = 0; i < 16; i++) {
        w->values[i] = value_i32(41);
        w->raws[i].i32 = 41;
        w->kinds[i] = PELLUCID_I32;
        w->fields[i] = value_i32(3);
    }
    w->fields[1] = value_i64(4);
    w->null = value_of(PELLUCID_FUNCREF);
    w->memorytype = (pellucid_memorytype_t){.minimum = 1};
    w->sharedtype = (pellucid_memorytype_t){.minimum = 1, .maximum = 2, .has_maximum = true, .is_shared = true};
    w->tabletype = (pellucid_tabletype_t){.minimum = 1, .element = PELLUCID_FUNCREF};
    w->globaltype = (pellucid_globaltype_t){.kind = PELLUCID_I32, .is_mutable = true};
    w->fielddef = (pellucid_fielddef_t){.value.kind = PELLUCID_I32};
    w->deftype = (pellucid_deftype_t){.kind = PELLUCID_TYPE_STRUCT, .fields = &w->fielddef, .n_fields = 1};
    w->budget = (pellucid_budget_t){.microseconds = 1000000, .action = PELLUCID_INTERRUPT_TRAP};
    memset(w->bytes, 'b', sizeof w->bytes);
    memcpy(w->wasm, "\0asm\1", 5);
}

/* What only debuggers have. */
static void make_paused(struct world *w) {
    pellucid_edit_t *edit;
    MUST(pellucid_edit_begin(w->store, &edit));
    MUST(pellucid_edit_add_at_function(edit, w->module, STOPS, &w->breakpoint, NULL));
    MUST(pellucid_edit_watch_global(edit, &w->global, PELLUCID_WATCH_WRITE, &w->watchpoint));
    MUST(pellucid_edit_commit(edit, ERR));
    w->edit_over = edit;
    w->paused = call_of(w, "outer", PELLUCID_CALL_PAUSED);
    MUST(pellucid_call_frame(w->paused, &w->stale_frame));
    pellucid_call_state_t state;
    for (int i = 0; i < 4; i++) {
        MUST(pellucid_call_resume(w->paused, PELLUCID_RESUME_STEP, &state, ERR));
    }
    MUST(pellucid_call_frame(w->paused, &w->frame));
    MUST(pellucid_frame_pc(w->store, &w->frame, &w->pc));
    MUST(pellucid_call_event(w->paused, &w->event));
    w->event_frame = w->frame;
    MUST(pellucid_edit_begin(w->store, &w->edit));
    MUST(pellucid_edit_add(w->edit, w->module, w->pc, NULL, NULL));
}

static void make_references(struct world *w) {
    uint64_t scope;
    MUST(pellucid_externref_new(w->store, w, NULL, &w->externref));
    MUST(pellucid_struct_new(w->store, w->point, w->fields, 2, &w->anyref, ERR));
    pellucid_value_t letter = value_i32('l');
    MUST(pellucid_array_new(w->store, w->bytes_type, &letter, 8, &w->array, ERR));
    MUST(pellucid_anyref_from_i31(31, &w->i31));
    MUST(pellucid_exnref_new(w->store, &w->tag, w->values, 1, &w->exnref, ERR));
    MUST(pellucid_object_keep(w->store, &w->anyref));
    w->reference = value_of(PELLUCID_ANYREF);
    w->reference.of.anyref = w->anyref;
    MUST(pellucid_value_keep(w->store, &w->reference));
    MUST(pellucid_weak_new(w->store, &w->anyref, &w->weak));
    MUST(pellucid_weak_new(w->store, &w->anyref, &w->gone_weak));
    MUST(pellucid_weak_delete(w->store, &w->gone_weak));
    MUST(pellucid_scope_open(w->store, &scope));
    MUST(pellucid_externref_new(w->store, w, NULL, &w->gone_externref));
    MUST(pellucid_struct_new(w->store, w->point, w->fields, 2, &w->gone_anyref, ERR));
    MUST(pellucid_exnref_new(w->store, &w->tag, w->values, 1, &w->gone_exnref, ERR));
    MUST(pellucid_scope_close(w->store, scope));
    MUST(pellucid_store_gc(w->store));
    MUST(pellucid_scope_open(w->store, &w->scope));
}

static struct world *make_world(const struct base *base, bool is_debug) {
    struct world *w = calloc(1, sizeof *w);
    w->is_debug = is_debug;
    make_data(w);
    MUST(pellucid_engine_clone(base->engine, &w->engine));
    MUST(pellucid_module_clone(base->module, &w->module));
    MUST(pellucid_module_clone(base->threads_module, &w->threads_module));
    MUST(pellucid_config_new(&w->config));
    MUST(pellucid_functype_new(w->kinds, 1, w->kinds, 1, &w->functype));
    MUST(pellucid_functype_new(w->kinds, 1, NULL, 0, &w->tagtype));
    MUST(pellucid_store_new(w->engine, NULL, NULL, &w->store, ERR));
    MUST(pellucid_store_set_limit(w->store, PELLUCID_LIMIT_MEMORY_BYTES, 1 << 20));
    MUST(pellucid_store_set_limit(w->store, PELLUCID_LIMIT_TABLE_ELEMENTS, 1000));
    MUST(pellucid_store_set_limit(w->store, PELLUCID_LIMIT_HEAP_BYTES, 1 << 20));
    if (is_debug) {
        MUST(pellucid_store_set_fuel(w->store, INT64_C(1) << 40));
    }
    MUST(pellucid_linker_new(w->engine, &w->empty_linker));
    MUST(pellucid_linker_new(w->engine, &w->wasi_linker));
    MUST(pellucid_linker_new(w->engine, &w->linker));
    MUST(pellucid_linker_define_func(w->linker, w->store, "host", 4, "here", 4, w->functype, NULL, here, NULL, ERR));
    MUST(pellucid_linker_define_func(w->linker, w->store, "host", 4, "waits", 5, w->functype, NULL, waits, NULL, ERR));
    MUST(pellucid_linker_get(w->linker, w->store, "host", 4, "here", 4, &w->imports[0]));
    MUST(pellucid_linker_get(w->linker, w->store, "host", 4, "waits", 5, &w->imports[1]));
    MUST(pellucid_linker_instantiate(w->linker, w->store, w->module, &w->instance, ERR));
    w->func = item_of(w, "add").of.func;
    w->calls = item_of(w, "calls").of.func;
    w->hits = item_of(w, "hits").of.func;
    w->memory = item_of(w, "memory").of.memory;
    w->table = item_of(w, "table").of.table;
    w->global = item_of(w, "global").of.global;
    w->tag = item_of(w, "tag").of.tag;
    const char *const names[] = {"add", "table", "memory", "global", "tag"};
    for (int i = 0; i < 5; i++) {
        pellucid_extern_t item = item_of(w, names[i]);
        MUST(pellucid_extern_type(w->store, &item, &w->externtypes[i]));
    }
    MUST(pellucid_module_type(w->module, 0, &w->point));
    MUST(pellucid_module_type(w->module, 1, &w->bytes_type));
    MUST(pellucid_module_type(w->module, 2, &w->functype_id));
    MUST(pellucid_shared_memory_new(w->engine, &w->sharedtype, &w->shared, ERR));
    MUST(pellucid_memory_from_shared(w->store, w->shared, &w->from_shared, ERR));
    MUST(pellucid_wasi_config_new(&w->wasi_config));
    MUST(pellucid_wasi_config_set_stream(w->wasi_config, PELLUCID_WASI_STDOUT, PELLUCID_WASI_CAPTURE));
    MUST(pellucid_linker_define_wasi(w->wasi_linker, w->store, w->wasi_config, &w->wasi, ERR));
    MUST(pellucid_wasi_threads_new(w->threads_module, w->wasi_config, 1, NULL, NULL, NULL, &w->wasi_threads, NULL, ERR));
    MUST(pellucid_store_interrupt(w->store, &w->interrupt, ERR));
    w->ready = call_of(w, "add", PELLUCID_CALL_READY);
    w->finished = call_of(w, "add", PELLUCID_CALL_FINISHED);
    w->trapped = call_of(w, "traps", PELLUCID_CALL_TRAPPED);
    w->yielded = call_of(w, "waits", PELLUCID_CALL_YIELDED);
    MUST(pellucid_call_error(w->trapped, &w->error));
    MUST(pellucid_exception_new(w->store, &w->tag, w->values, 1, &w->exception));
    if (is_debug) {
        make_paused(w);
    } else {
        w->paused = call_of(w, "add", PELLUCID_CALL_READY);
        w->frame = (pellucid_frame_t){.store = pellucid_store_id(w->store), .call = pellucid_call_id(w->paused)};
    }
    make_references(w);
    return w;
}

/* The objects of a world, each with its deletion. */
struct owned {
    void **place;
    void (*delete_it)(void *object);
};

static size_t owned_by(struct world *w, struct owned *owned) {
    const struct owned all[] = {
        {(void **)&w->edit, delete_pellucid_edit_t},
        {(void **)&w->edit_over, delete_pellucid_edit_t},
        {(void **)&w->ready, delete_pellucid_call_t},
        {(void **)&w->paused, delete_pellucid_call_t},
        {(void **)&w->finished, delete_pellucid_call_t},
        {(void **)&w->trapped, delete_pellucid_call_t},
        {(void **)&w->yielded, delete_pellucid_call_t},
        {(void **)&w->store, delete_pellucid_store_t},
        {(void **)&w->linker, delete_pellucid_linker_t},
        {(void **)&w->empty_linker, delete_pellucid_linker_t},
        {(void **)&w->wasi_linker, delete_pellucid_linker_t},
        {(void **)&w->wasi_config, delete_pellucid_wasi_config_t},
        {(void **)&w->wasi, delete_pellucid_wasi_t},
        {(void **)&w->wasi_threads, delete_pellucid_wasi_threads_t},
        {(void **)&w->shared, delete_pellucid_shared_memory_t},
        {(void **)&w->interrupt, delete_pellucid_interrupt_t},
        {(void **)&w->error, delete_pellucid_error_t},
        {(void **)&w->exception, delete_pellucid_error_t},
        {(void **)&w->externtypes[0], delete_pellucid_externtype_t},
        {(void **)&w->externtypes[1], delete_pellucid_externtype_t},
        {(void **)&w->externtypes[2], delete_pellucid_externtype_t},
        {(void **)&w->externtypes[3], delete_pellucid_externtype_t},
        {(void **)&w->externtypes[4], delete_pellucid_externtype_t},
        {(void **)&w->functype, delete_pellucid_functype_t},
        {(void **)&w->tagtype, delete_pellucid_functype_t},
        {(void **)&w->config, delete_pellucid_config_t},
        {(void **)&w->module, delete_pellucid_module_t},
        {(void **)&w->threads_module, delete_pellucid_module_t},
        {(void **)&w->engine, delete_pellucid_engine_t},
    };
    memcpy(owned, all, sizeof all);
    return sizeof all / sizeof *all;
}

enum { MOST_OWNED = 32 };

static void end_world(struct world *w) {
    struct owned owned[MOST_OWNED];
    size_t n = owned_by(w, owned);
    for (size_t i = 0; i < n; i++) {
        if (*owned[i].place != NULL && !(w->is_deleted && owned[i].place == (void **)&w->store)) {
            owned[i].delete_it(*owned[i].place);
        }
    }
    free(w);
}

/* What was deleted by a call isn't deleted again. */
static void forget(struct world *w, const void *object) {
    struct owned owned[MOST_OWNED];
    size_t n = owned_by(w, owned);
    for (size_t i = 0; i < n; i++) {
        if (*owned[i].place == object) {
            *owned[i].place = NULL;
        }
    }
}

static void mix(uint64_t *hash, uint64_t number) {
    *hash = (*hash ^ number) * UINT64_C(0x9e3779b97f4a7c15);
    *hash ^= *hash >> 29;
}

static void mix_value(uint64_t *hash, const pellucid_value_t *value) {
    mix(hash, value->kind);
    mix(hash, value->kind == PELLUCID_I32 ? (uint32_t)value->of.i32 : value->of.opaque[0] ^ value->of.opaque[1]);
}

static void mix_call(uint64_t *hash, struct world *w, pellucid_call_t *call) {
    mix(hash, pellucid_call_state(call));
    pellucid_frame_t frame;
    if (!w->is_debug || pellucid_call_frame(call, &frame) != PELLUCID_OK) {
        return;
    }
    do {
        pellucid_value_t values[8];
        uint32_t n, pc;
        mix(hash, frame.epoch);
        mix(hash, OK(pellucid_frame_pc(w->store, &frame, &pc)) ? pc : 0);
        for (int is_operands = 0; is_operands < 2; is_operands++) {
            OK((is_operands ? pellucid_frame_read_operands : pellucid_frame_read_locals)(w->store, &frame, 0, values, 8, &n));
            for (uint32_t i = 0; i < n && i < 8; i++) {
                mix_value(hash, &values[i]);
            }
        }
    } while (pellucid_frame_caller(w->store, &frame, &frame) == PELLUCID_OK);
}

/* All of a world that a function could have changed, in a number; and it works: a guest is called. */
static uint64_t state_of(struct world *w) {
    uint64_t hash = 1, number, ids[8];
    size_t n, n_code;
    uint8_t bytes[64];
    pellucid_value_t value, fields[2];
    OK(pellucid_func_call(w->store, &w->func, w->values, 1, &value, 1, ERR));
    CHECK(value.of.i32 == 42);
    int64_t fuel;
    if (w->is_debug) {
        OK(pellucid_store_fuel(w->store, &fuel));
        CHECK(fuel > INT64_C(1) << 39 && fuel <= INT64_C(1) << 40);
        /* The same each time. */
        OK(pellucid_store_set_fuel(w->store, INT64_C(1) << 40));
        OK(pellucid_store_instance_count(w->store, &n));
        mix(&hash, n);
        OK(pellucid_store_module_count(w->store, &n));
        mix(&hash, n);
        OK(pellucid_breakpoint_list(w->store, ids, 8, &n));
        for (size_t i = 0; i < n && i < 8; i++) {
            pellucid_breakpoint_info_t info = {.struct_size = sizeof info};
            OK(pellucid_breakpoint_info(w->store, ids[i], &info));
            mix(&hash, ids[i]);
            mix(&hash, info.is_enabled + info.options.ignore_count + info.options.is_one_shot + 2 * info.has_condition);
        }
        bool is_on;
        OK(pellucid_store_is_single_stepping(w->store, &is_on));
        mix(&hash, is_on);
    }
    for (pellucid_limit_t limit = PELLUCID_LIMIT_MEMORY_BYTES; limit <= PELLUCID_LIMIT_HOST_REFERENCES; limit++) {
        if (OK(pellucid_store_limit(w->store, limit, &number))) {
            mix(&hash, number);
        }
    }
    OK(pellucid_memory_size(w->store, &w->memory, &number));
    mix(&hash, number);
    OK(pellucid_memory_read(w->store, &w->memory, 0, bytes, sizeof bytes));
    for (size_t i = 0; i < sizeof bytes; i++) {
        mix(&hash, bytes[i]);
    }
    OK(pellucid_shared_memory_size(w->shared, &number));
    mix(&hash, number);
    OK(pellucid_shared_memory_limit(w->shared, &number));
    mix(&hash, number);
    OK(pellucid_shared_memory_read(w->shared, 0, bytes, sizeof bytes));
    for (size_t i = 0; i < sizeof bytes; i++) {
        mix(&hash, bytes[i]);
    }
    OK(pellucid_table_size(w->store, &w->table, &number));
    mix(&hash, number);
    for (uint64_t i = 0; i < number && i < 8; i++) {
        OK(pellucid_table_get(w->store, &w->table, i, &value));
        mix_value(&hash, &value);
    }
    OK(pellucid_global_get(w->store, &w->global, &value));
    mix_value(&hash, &value);
    OK(pellucid_object_get(w->store, &w->anyref, 0, fields, 2));
    mix_value(&hash, &fields[0]);
    mix(&hash, (uint64_t)fields[1].of.i64);
    OK(pellucid_array_read(w->store, &w->array, 0, bytes, 8));
    for (size_t i = 0; i < 8; i++) {
        mix(&hash, bytes[i]);
    }
    pellucid_anyref_t target;
    OK(pellucid_weak_get(w->store, &w->weak, &target));
    CHECK(memcmp(&target, &w->anyref, sizeof target) == 0);
    OK(pellucid_wasi_size(w->wasi, PELLUCID_WASI_STDOUT, &n));
    mix(&hash, n);
    mix(&hash, pellucid_wasi_threads_is_ending(w->wasi_threads));
    OK(pellucid_module_code_size(w->module, &n, &n_code));
    mix(&hash, n + n_code);
    pellucid_extern_t item;
    mix(&hash, (uint64_t)pellucid_linker_get(w->empty_linker, w->store, "x", 1, "x", 1, &item));
    OK(pellucid_linker_get(w->linker, w->store, "host", 4, "here", 4, &item));
    pellucid_call_t *const calls[] = {w->ready, w->paused, w->finished, w->trapped, w->yielded};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        mix_call(&hash, w, calls[i]);
    }
    pellucid_func_t awaited;
    mix(&hash, (uint64_t)pellucid_call_awaited(w->yielded, &awaited, &number));
    return hash;
}

/* A row: one function with at most one argument spoilt. */
struct row {
    const struct function *function;
    /* Which of its rows it is. */
    size_t number;
    const char *what;
    const struct parameter *spoilt;
    /* The statuses that it may have; none for those that the function documents. */
    uint64_t expected;
    bool is_good, is_impossible;
};

static enum context context;
static struct world *world, *neighbour, *stranger;
static bool has_succeeded[N_FUNCTIONS];
static size_t n_rows;
static FILE *progress;

static void complain(const struct row *row, const char *what) {
    const char *name = row->spoilt == NULL ? "" : row->spoilt->name;
    fprintf(stderr, "%s, %s, `%s` %s: %s\n", row->function->name, CONTEXTS[context], name, row->what, what);
    failures++;
}

static void complain_of_status(const struct row *row, const char *what, pellucid_status_t status) {
    char text[256];
    pellucid_str_t name = status_name(status);
    snprintf(text, sizeof text, "%.*s %s", (int)name.size, name.data, what);
    complain(row, text);
}

static _Alignas(16) uint8_t scratch[512];
static _Alignas(16) uint8_t places_before[N_PLACES];

static const uint64_t NUMBERS[] = {0,         1,          2,          3,         7,          100,       255,
                                   256,       65535,      65536,      INT32_MAX, 0x80000000, UINT32_MAX, INT64_MAX,
                                   INT64_MIN, UINT64_MAX, UINT64_MAX - 7};

/* One more way to spoil a parameter; false if there are no more. `row->is_impossible` says that this one makes no sense. */
static bool spoil(struct row *row, union slot *a, size_t place, size_t way) {
    const struct parameter *parameter = &row->function->parameters[place];
    union slot *slot = &a[place], others[MOST];
    row->spoilt = parameter;
    row->expected = 0;
    row->is_impossible = false;
    bool is_pointer = parameter->how < CALLBACK || parameter->how >= OUT;
    /* A pointer to so many elements is looked at only if there are some. */
    bool is_array = parameter->has_count;
    switch (parameter->how) {
    case NUMBER:
        if (way >= sizeof NUMBERS / sizeof *NUMBERS) {
            return false;
        }
        row->what = "is some number";
        /* A few will do where it matters who calls. */
        row->is_impossible = context > NO_DEBUGGING && way % 5 != 1;
        slot->n = NUMBERS[way];
        return true;
    case COUNT:
        if (way >= 4) {
            return false;
        }
        row->what = way == 0 ? "is impossible" : way == 1 ? "is beyond all memory" : way == 2 ? "is 0" : "is another";
        row->expected = way < 2 ? BIT(PELLUCID_ERR_INVALID_ARGUMENT) : 0;
        slot->n = way == 0 ? SIZE_MAX : way == 1 ? SIZE_MAX / 2 + 1 : way == 2 ? 0 : slot->n + 1;
        row->is_impossible = way == 3 && (a[place - 1].p == NULL || parameter[-1].how == STRING || parameter[-1].how == POINTERS);
        return true;
    case CALLBACK:
    case FINALIZER:
        row->what = "is NULL";
        row->expected = parameter->is_nullable ? 0 : BIT(PELLUCID_ERR_NULL_ARGUMENT);
        slot->n = 0;
        return way == 0;
    default:
        break;
    }
    if (!is_pointer || parameter->how == USERDATA) {
        return false;
    }
    if (way == 0) {
        /* Two out-places with one count: what isn't wanted is NULL. */
        const bool shares_count = is_array && place > 0 && strcmp(parameter[-1].type, parameter->type) == 0;
        row->what = "is NULL";
        row->expected = parameter->is_nullable && (!is_array || shares_count) ? 0 : BIT(PELLUCID_ERR_NULL_ARGUMENT);
        slot->p = NULL;
        if (is_array && a[place + 1].n == 0) {
            a[place + 1].n = 1;
        }
        return true;
    }
    if (way == 1) {
        row->what = "is misaligned";
        row->expected = BIT(PELLUCID_ERR_INVALID_ARGUMENT);
        row->is_impossible = parameter->align == 1 || slot->p == NULL;
        slot->p = (uint8_t *)slot->p + 1;
        if (is_array && a[place + 1].n == 0) {
            a[place + 1].n = 1;
        }
        return true;
    }
    if (way == 2) {
        row->what = "is NULL, and there are none";
        row->is_impossible = !is_array;
        row->expected = is_array ? row->function->documented & ~BIT(PELLUCID_ERR_NULL_ARGUMENT) : 0;
        slot->p = NULL;
        if (is_array) {
            a[place + 1].n = 0;
        }
        return true;
    }
    if (way < 5 && parameter->how <= VALUE) {
        row->what = way == 3 ? "is of another store" : "is of another engine";
        struct world *other = way == 3 ? neighbour : stranger;
        row->function->fill(other, others);
        row->is_impossible = others[place].p == NULL || context == ON_SECOND_THREAD;
        slot->p = others[place].p;
        if (parameter->how == HANDLE || parameter->how == WEAK || parameter->how == FRAME) {
            row->expected = BIT(PELLUCID_ERR_WRONG_STORE);
        }
        /* Integers belong to no store. */
        if (parameter->how == REFERENCE && strcmp(row->function->name, "pellucid_anyref_i31") != 0) {
            bool has_store = strstr(row->function->parameters[0].type, "store") != NULL;
            row->expected = has_store ? BIT(PELLUCID_ERR_WRONG_STORE) : 0;
        }
        return true;
    }
    size_t more = way - (parameter->how <= VALUE ? 5 : 3);
    struct world *w = world;
    const char *type = parameter->type;
    memset(scratch, 0, sizeof scratch);
    if (slot->p != NULL && parameter->size != 0 && parameter->how < OUT) {
        memcpy(scratch, slot->p, parameter->size);
    }
    bool is_value = parameter->how == VALUE;
    switch (parameter->how) {
    case OBJECT: {
        const struct {
            const char *type, *what;
            const void *object;
        } others_of_it[] = {
            {"pellucid_call_t", "is ready", w->ready},
            {"pellucid_call_t", "is paused", w->paused},
            {"pellucid_call_t", "is finished", w->finished},
            {"pellucid_call_t", "is trapped", w->trapped},
            {"pellucid_call_t", "has yielded", w->yielded},
            {"pellucid_edit_t", "is over", w->edit_over},
            {"pellucid_error_t", "is a trap", w->error},
            {"pellucid_error_t", "is an exception", w->exception},
            {"pellucid_functype_t", "is another", w->tagtype},
            {"pellucid_module_t", "is another", w->threads_module},
            {"pellucid_linker_t", "is another", w->empty_linker},
            {"pellucid_linker_t", "is another", w->linker},
            {"pellucid_externtype_t", "is of a function", w->externtypes[0]},
            {"pellucid_externtype_t", "is of a table", w->externtypes[1]},
            {"pellucid_externtype_t", "is of a memory", w->externtypes[2]},
            {"pellucid_externtype_t", "is of a global", w->externtypes[3]},
            {"pellucid_externtype_t", "is of a tag", w->externtypes[4]},
        };
        if (more >= sizeof others_of_it / sizeof *others_of_it) {
            return false;
        }
        row->what = others_of_it[more].what;
        row->is_impossible = strcmp(type, others_of_it[more].type) != 0 || others_of_it[more].object == NULL;
        slot->p = (void *)others_of_it[more].object;
        return true;
    }
    case HANDLE:
    case WEAK:
    case REFERENCE:
    case FRAME: {
        uint64_t *words = (uint64_t *)scratch;
        slot->p = scratch;
        switch (more) {
        case 0:
            row->what = "is zeros";
            memset(scratch, 0, parameter->size);
            row->expected = parameter->how == REFERENCE ? 0 : BIT(PELLUCID_ERR_WRONG_STORE);
            break;
        case 1:
        case 2:
            row->what = "is out of range";
            words[1] = more == 1 ? 1000000 : UINT64_MAX;
            row->expected = parameter->how == HANDLE ? BIT(PELLUCID_ERR_OUT_OF_RANGE)
                            : parameter->how == WEAK || parameter->how == FRAME ? BIT(PELLUCID_ERR_STALE_HANDLE)
                                                                             : 0;
            break;
        case 3:
            row->what = "is out of date";
            if (parameter->how == FRAME) {
                memcpy(scratch, &w->stale_frame, sizeof w->stale_frame);
                row->expected = BIT(PELLUCID_ERR_STALE_HANDLE);
            } else if (parameter->how == WEAK) {
                memcpy(scratch, &w->gone_weak, sizeof w->gone_weak);
                row->expected = BIT(PELLUCID_ERR_STALE_HANDLE);
            } else if (parameter->how == REFERENCE) {
                const void *gone = strcmp(type, "pellucid_anyref_t") == 0   ? (const void *)&w->gone_anyref
                                   : strcmp(type, "pellucid_exnref_t") == 0 ? (const void *)&w->gone_exnref
                                                                            : (const void *)&w->gone_externref;
                memcpy(scratch, gone, parameter->size);
                bool has_store = strstr(row->function->parameters[0].type, "store") != NULL;
                row->expected = has_store ? BIT(PELLUCID_ERR_OUT_OF_RANGE) : 0;
            } else {
                row->is_impossible = true;
            }
            break;
        case 4:
            row->what = "is all ones";
            memset(scratch, 0xff, parameter->size);
            break;
        case 5:
            row->what = "is a frame of a call in another state";
            row->is_impossible = parameter->how != FRAME;
            words[1] = pellucid_call_id(w->trapped);
            break;
        default:
            return false;
        }
        /* Whether debugging is on comes first. */
        if (row->expected != 0 && parameter->how == FRAME && !w->is_debug) {
            row->expected = BIT(PELLUCID_ERR_DEBUG_DISABLED);
        }
        return true;
    }
    case VALUE:
    case DATA:
    case POINTERS: {
        pellucid_value_t *value = (pellucid_value_t *)scratch;
        slot->p = scratch;
        if (is_array) {
            a[place + 1].n = 1;
        }
        if (more == 0) {
            row->what = "is zeros";
            memset(scratch, 0, sizeof scratch);
        } else if (more == 1) {
            row->what = "is all ones";
            memset(scratch, 0xff, sizeof scratch);
            row->is_impossible = parameter->how == POINTERS;
        } else if (is_value && more < 12) {
            memset(scratch, 0, sizeof scratch);
            value->kind = more == 2   ? PELLUCID_FUNCREF
                          : more < 5  ? PELLUCID_ANYREF
                          : more < 7  ? PELLUCID_EXNREF
                          : more < 9  ? PELLUCID_EXTERNREF
                          : more == 9 ? PELLUCID_CONTREF
                          : more == 10 ? PELLUCID_UNAVAILABLE
                                      : PELLUCID_F64;
            switch (more) {
            case 2:
                row->what = "is a function of another store";
                value->of.funcref = neighbour->func;
                break;
            case 3:
            case 4:
                row->what = "is an object that is out of date or another store's";
                value->of.anyref = more == 3 ? w->gone_anyref : neighbour->anyref;
                break;
            case 5:
            case 6:
                row->what = "is an exception that is out of date or another store's";
                value->of.exnref = more == 5 ? w->gone_exnref : neighbour->exnref;
                break;
            case 7:
            case 8:
                row->what = "is a host reference that is out of date or another store's";
                value->of.externref = more == 7 ? w->gone_externref : neighbour->externref;
                break;
            default:
                row->what = "is of another kind";
                break;
            }
        } else {
            return false;
        }
        return true;
    }
    case STRING:
        if (more >= 2) {
            return false;
        }
        row->what = more == 0 ? "isn't UTF-8" : "has a NUL";
        row->expected = more == 0 ? BIT(PELLUCID_ERR_INVALID_ARGUMENT) : 0;
        slot->p = more == 0 ? (void *)"\xff\xfe" : (void *)"\0\0";
        a[place + 1].n = 2;
        return true;
    case OUT_SIZED:
        if (more >= 2) {
            return false;
        }
        row->what = more == 0 ? "says that it is too small" : "says that it has four bytes";
        row->expected = BIT(PELLUCID_ERR_INVALID_ARGUMENT);
        *(uint32_t *)slot->p = more == 0 ? 0 : 4;
        return true;
    default:
        return false;
    }
}

/* The row with this number, with its arguments; false if there are no more. */
static bool row_at(struct row *row, union slot *a) {
    const struct function *function = row->function;
    size_t left = row->number;
    row->is_good = left == 0;
    row->is_impossible = false;
    row->what = "isn't spoilt";
    row->spoilt = NULL;
    row->expected = 0;
    memset(world->places, 0x55, sizeof world->places);
    function->fill(world, a);
    for (size_t i = 0; i < function->n_parameters; i++) {
        if (function->parameters[i].how == OUT_SIZED) {
            *(uint32_t *)a[i].p = (uint32_t)function->parameters[i].size;
        }
    }
    if (left == 0) {
        return true;
    }
    left--;
    for (size_t place = 0; place < function->n_parameters; place++) {
        for (size_t way = 0;; way++, left--) {
            union slot tried[MOST];
            memcpy(tried, a, sizeof tried);
            if (!spoil(row, tried, place, way)) {
                break;
            }
            if (left == 0) {
                memcpy(a, tried, sizeof tried);
                return true;
            }
            /* What it has written into a place. */
            if (function->parameters[place].how == OUT_SIZED) {
                *(uint32_t *)a[place].p = (uint32_t)function->parameters[place].size;
            }
        }
    }
    return false;
}

/* Whether all objects that the function needs are here; a caller is there in host functions only, for example. */
static bool is_complete(const struct row *row, const union slot *a) {
    for (size_t i = 0; i < row->function->n_parameters; i++) {
        const struct parameter *parameter = &row->function->parameters[i];
        if (parameter->how == OBJECT && a[i].p == NULL && parameter != row->spoilt) {
            return false;
        }
    }
    return true;
}

static bool is_deletion(const struct function *function) {
    return function->answers == NOTHING;
}

/* Whether a second thread is refused: a function of a store that says so. */
static bool is_refused(const struct function *function) {
    return context == ON_SECOND_THREAD && (function->documented & BIT(PELLUCID_ERR_BUSY)) != 0;
}

/* What the row that isn't spoilt has answered: what else is wrong in this context may come first. */
static pellucid_status_t unspoilt;

static void check_answer(const struct row *row, pellucid_status_t status) {
    const struct function *function = row->function;
    uint64_t allowed = function->documented | BIT(PELLUCID_ERR_SYSTEM);
    if (row->expected != 0) {
        /* Who has no store to compare with, or isn't let in, says something else. */
        allowed = row->expected;
        if (is_refused(function)) {
            allowed |= BIT(PELLUCID_ERR_BUSY);
        }
        bool is_about_pointer = (row->expected & (BIT(PELLUCID_ERR_NULL_ARGUMENT) | BIT(PELLUCID_ERR_INVALID_ARGUMENT))) != 0;
        if (unspoilt < 0 && !is_about_pointer) {
            allowed |= BIT(unspoilt);
        }
        if (!world->is_debug) {
            allowed |= function->documented & BIT(PELLUCID_ERR_DEBUG_DISABLED);
        }
    }
    if (status > PELLUCID_YIELD || status < -60 || (allowed & BIT(status)) == 0) {
        complain_of_status(row, row->expected != 0 ? "isn't what is expected" : "isn't in the function's comment (src/ffi)", status);
    }
    if (!row->is_good) {
        return;
    }
    if (is_refused(function) && status != PELLUCID_ERR_BUSY) {
        complain_of_status(row, "instead of PELLUCID_ERR_BUSY", status);
    }
}

static void check_error(const struct row *row, pellucid_status_t status, const union slot *a) {
    const struct function *function = row->function;
    for (size_t i = 0; i < function->n_parameters; i++) {
        const struct parameter *parameter = &function->parameters[i];
        if (parameter->how != OUT_ERROR || parameter == row->spoilt) {
            continue;
        }
        pellucid_error_t *error;
        memcpy(&error, a[i].p, sizeof error);
        bool is_untouched = (uintptr_t)error == UINT64_C(0x5555555555555555);
        if (status >= 0 || is_untouched) {
            if (is_untouched != (status >= 0)) {
                complain(row, status >= 0 ? "`out_error` was touched on success" : "there is no error");
            }
            continue;
        }
        pellucid_str_t message = {NULL, 0};
        OK(pellucid_error_message(error, &message));
        if (pellucid_error_status(error) != status || message.size == 0) {
            complain(row, "the error has another status, or no message");
        }
        char wanted[100] = "";
        if (row->spoilt != NULL && row->expected == BIT(PELLUCID_ERR_NULL_ARGUMENT) && status == PELLUCID_ERR_NULL_ARGUMENT) {
            snprintf(wanted, sizeof wanted, "`%s` is NULL", row->spoilt->name);
        } else if (row->spoilt != NULL && strcmp(row->what, "is misaligned") == 0 && status == PELLUCID_ERR_INVALID_ARGUMENT) {
            snprintf(wanted, sizeof wanted, "`%s` is misaligned", row->spoilt->name);
        }
        if (*wanted != '\0' && !message_has(error, wanted)) {
            complain(row, "the error doesn't name the argument");
        }
        pellucid_error_delete(error);
        memset(a[i].p, 0x55, sizeof error);
    }
}

/* What a call that succeeded has made is deleted. */
static void delete_made(const struct row *row, const union slot *a) {
    for (size_t i = 0; i < row->function->n_parameters; i++) {
        const struct parameter *parameter = &row->function->parameters[i];
        void *made = NULL;
        if (parameter->delete_made == NULL || a[i].p == NULL || parameter->how == OUT_ERROR) {
            continue;
        }
        memcpy(&made, a[i].p, sizeof made);
        if ((uintptr_t)made != UINT64_C(0x5555555555555555)) {
            parameter->delete_made(made);
        }
    }
}

static int n_given_finalizers;

/* Does a row; whether the world is to be made anew, as the call has succeeded. */
static bool do_row(struct row *row, union slot *a) {
    const struct function *function = row->function;
    size_t index = (size_t)(function - FUNCTIONS);
    pellucid_status_t status = PELLUCID_OK;
    uint64_t value = 0;
    n_finalized = 0;
    n_given_finalizers = 0;
    for (size_t i = 0; i < function->n_parameters; i++) {
        n_given_finalizers += function->parameters[i].how == FINALIZER && a[i].n != 0;
    }
    rewind(progress);
    fprintf(progress, "%s, %s, `%s` %s%60s\n", function->name, CONTEXTS[context], row->spoilt == NULL ? "" : row->spoilt->name,
            row->what, "");
    fflush(progress);
    memcpy(places_before, world->places, sizeof places_before);
    n_rows++;
    function->call(a, &status, &value);
    if (function->answers != STATUS_OF) {
        has_succeeded[index] |= row->is_good;
        bool is_bad = row->expected == BIT(PELLUCID_ERR_NULL_ARGUMENT) || strcmp(row->what, "is misaligned") == 0;
        bool is_status = strcmp(function->name, "pellucid_error_status") == 0;
        if (is_bad && value != (is_status ? (uint64_t)PELLUCID_ERR_NULL_ARGUMENT : function->none)) {
            complain(row, "it answers something");
        }
        if (is_deletion(function) && !is_bad && !(row->spoilt != NULL && strcmp(row->what, "is NULL") == 0)) {
            /* Refused is the deletion of a store in use, of its calls and edit sessions. */
            const char *type = function->parameters[0].type;
            bool is_of_store = strcmp(type, "pellucid_store_t") == 0 || strcmp(type, "pellucid_call_t") == 0 ||
                               strcmp(type, "pellucid_edit_t") == 0;
            if (context == ON_SECOND_THREAD && is_of_store) {
                return false;
            }
            forget(world, a[0].p);
            forget(neighbour, a[0].p);
            forget(stranger, a[0].p);
            return true;
        }
        return false;
    }
    if (row->is_good) {
        unspoilt = status;
        has_succeeded[index] |= status == function->good;
    }
    check_answer(row, status);
    check_error(row, status, a);
    if (status >= 0) {
        delete_made(row, a);
        return true;
    }
    if (n_given_finalizers != n_finalized && !(row->spoilt != NULL && row->spoilt->how == OUT_ERROR)) {
        complain(row, "the finalizer hasn't run once");
    }
    if (memcmp(places_before, world->places, sizeof places_before) != 0) {
        complain(row, "something was written into an out-parameter");
    }
    return false;
}

static struct row row;
/* Whether the calls of this round have ended with one that succeeded, and whether there are more. */
static bool is_used_up, has_more;

/* Does rows of a function until one has succeeded. */
static void do_rows(void) {
    union slot a[MOST];
    is_used_up = false;
    uint64_t before = context == ON_SECOND_THREAD ? 0 : state_of(world);
    while (!is_used_up && (has_more = row_at(&row, a))) {
        row.number++;
        if (row.is_impossible || !is_complete(&row, a)) {
            continue;
        }
        is_used_up = do_row(&row, a);
        if (!is_used_up && context != ON_SECOND_THREAD && state_of(world) != before) {
            complain(&row, "something has changed");
        }
    }
}

static void *do_rows_on_thread(void *nothing) {
    do_rows();
    return nothing;
}

static void in_host_function(pellucid_caller_t *caller) {
    world->caller = caller;
    if (context == AFTER_DELETION) {
        pellucid_store_delete(world->store);
        world->is_deleted = true;
    }
    if (context == ON_SECOND_THREAD) {
        /* A caller is the callback's. */
        world->caller = NULL;
        uint64_t before = state_of(world);
        pthread_t thread;
        pthread_create(&thread, NULL, do_rows_on_thread, NULL);
        pthread_join(thread, NULL);
        if (!is_used_up && state_of(world) != before) {
            complain(&row, "something has changed");
        }
    } else {
        do_rows();
    }
    world->caller = NULL;
}

static pellucid_action_t in_handler(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    (void)userdata, (void)where;
    static bool is_inside;
    if (!is_inside) {
        is_inside = true;
        const pellucid_event_t *before = world->event;
        world->event = event;
        MUST(pellucid_event_frame(event, &world->event_frame));
        do_rows();
        world->event = before;
        is_inside = false;
    }
    return PELLUCID_ACTION_CONTINUE;
}

static bool in_condition(void *userdata, pellucid_store_t *where, const pellucid_frame_t *frame, uint64_t id) {
    (void)userdata, (void)where, (void)frame, (void)id;
    static bool is_inside;
    if (!is_inside) {
        is_inside = true;
        do_rows();
        is_inside = false;
    }
    return false;
}

/* A breakpoint in a function that is called for it; with a condition, or one that a handler is told of. */
static void do_rows_at_breakpoint(void) {
    pellucid_edit_t *edit;
    uint64_t id;
    MUST(pellucid_edit_begin(world->store, &edit));
    MUST(pellucid_edit_add_at_function(edit, world->module, HITS, &id, NULL));
    if (context == IN_CONDITION) {
        MUST(pellucid_edit_set_condition(edit, id, NULL, in_condition, NULL));
    }
    MUST(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    pellucid_event_cb_t cb = context == IN_CONDITION ? do_pellucid_event_cb_t : in_handler;
    MUST(pellucid_store_set_event_handler(world->store, PELLUCID_EVENT_BREAKPOINT, NULL, cb, NULL));
}

static void do_function(const struct function *function) {
    row = (struct row){.function = function};
    unspoilt = PELLUCID_OK;
    do {
        size_t first = row.number;
        bool is_debug = context != NO_DEBUGGING;
        struct base *base = &bases[is_debug ? 0 : 2];
        world = make_world(base, is_debug);
        pellucid_value_t value;
        pellucid_func_t called = context == IN_HANDLER || context == IN_CONDITION ? world->hits : world->calls;
        switch (context) {
        case NO_GUEST:
        case NO_DEBUGGING:
            do_rows();
            break;
        case IN_HANDLER:
        case IN_CONDITION:
            do_rows_at_breakpoint();
            (void)pellucid_func_call(world->store, &called, world->values, 1, &value, 1, NULL);
            break;
        default:
            in_host = in_host_function;
            (void)pellucid_func_call(world->store, &called, world->values, 1, &value, 1, NULL);
            break;
        }
        if (row.number == first && has_more) {
            complain(&row, "no row was done");
            has_more = false;
        }
        /* What was another world's may have been changed. */
        if (is_used_up && row.spoilt != NULL && strstr(row.what, "another ") != NULL) {
            end_world(neighbour);
            end_world(stranger);
            neighbour = make_world(&bases[0], true);
            stranger = make_world(&bases[1], true);
        }
        end_world(world);
        (void)pellucid_log_clear();
        if (is_used_up && n_finalized != n_given_finalizers) {
            complain(&row, "the finalizer hasn't run once in the end");
        }
    } while (has_more);
}

int main(int n_arguments, char **arguments) {
    if (n_arguments < 2) {
        return 2;
    }
    progress = fopen(arguments[1], "w");
    snprintf(SCRATCH_FILE, sizeof SCRATCH_FILE, "%s.scratch", arguments[1]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a_socket = socket(AF_INET, SOCK_STREAM, 0);
    if (progress == NULL || bind(a_socket, (void *)&address, sizeof address) != 0 || listen(a_socket, 1) != 0) {
        perror("a file or socket");
        return 2;
    }
    make_base(&bases[0], true);
    make_base(&bases[1], true);
    make_base(&bases[2], false);
    neighbour = make_world(&bases[0], true);
    stranger = make_world(&bases[1], true);
    for (int i = 0; i < N_CONTEXTS; i++) {
        context = (enum context)i;
        for (size_t j = 0; j < N_FUNCTIONS; j++) {
            if (n_arguments < 3 || strcmp(arguments[2], FUNCTIONS[j].name) == 0) {
                do_function(&FUNCTIONS[j]);
            }
        }
    }
    for (size_t j = 0; j < N_FUNCTIONS && n_arguments < 3; j++) {
        if (!has_succeeded[j]) {
            fprintf(stderr, "no call of %s with good arguments has succeeded: add what it needs to tests/misused/arguments.txt\n",
                    FUNCTIONS[j].name);
            failures++;
        }
    }
    end_world(neighbour);
    end_world(stranger);
    for (int i = 0; i < 3; i++) {
        pellucid_module_delete(bases[i].module);
        pellucid_module_delete(bases[i].threads_module);
        pellucid_engine_delete(bases[i].engine);
    }
    close(a_socket);
    unlink(SCRATCH_FILE);
    fprintf(stderr, "%zu rows\n", n_rows);
    return finish();
}
