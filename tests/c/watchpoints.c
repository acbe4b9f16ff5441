/* Watchpoints: who touches what is watched, with which values; by operators of all kinds, by the host and by WASI, in every kind of call. */

#include "test.h"

#include <pthread.h>

static const char text[] =
    "(module"
    "  (import \"host\" \"call\" (func $host))"
    "  (memory (export \"m\") 1 4) (memory $other 1)"
    "  (global $g (export \"g\") (mut i64) (i64.const 5))"
    "  (global $f (export \"f\") (mut f32) (f32.const 0))"
    "  (global $r (export \"r\") (mut externref) (ref.null extern))"
    "  (table $t (export \"t\") 4 funcref) (elem declare func $store)"
    "  (func $store (export \"store\") (param i32 i32) (i32.store (local.get 0) (local.get 1)))"
    "  (func (export \"load\") (param i32) (drop (i32.load (local.get 0))))"
    "  (func (export \"other\") (param i32 i32) (i32.store $other (local.get 0) (local.get 1)))"
    "  (func (export \"count\") (param $n i32)"
    "    (loop $again"
    "      (i32.store (i32.const 100) (local.get $n))"
    "      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"
    "  (func (export \"fill\") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))"
    "  (func (export \"grow\") (drop (memory.grow (i32.const 1)))"
    "    (i32.store (i32.const 65532) (i32.const 1)) (i32.store (i32.const 65536) (i32.const 1)))"
    "  (func (export \"global\") (param i64) (global.set $g (local.get 0)) (global.set $f (f32.const 1)))"
    "  (func (export \"reference\") (param externref) (global.set $r (local.get 0)))"
    "  (func (export \"element\") (param i32) (table.set (local.get 0) (ref.func $store)))"
    "  (func (export \"nothing\") (nop))"
    "  (func (export \"host\") (call $host) (nop) (nop))"
    "  (type $s (struct (field (mut i8)) (field (mut anyref)))) (type $a (array (mut i32)))"
    "  (func (export \"s\") (result anyref) (struct.new_default $s))"
    "  (func (export \"a\") (result anyref) (array.new_default $a (i32.const 4)))"
    "  (func (export \"set_s\") (param anyref i32)"
    "    (struct.set $s 0 (ref.cast (ref $s) (local.get 0)) (local.get 1)))"
    "  (func (export \"fill_a\") (param anyref i32)"
    "    (array.fill $a (ref.cast (ref $a) (local.get 0)) (i32.const 0) (local.get 1) (i32.const 3))))";

static pellucid_module_t *module;
static pellucid_instance_t instance;
static pellucid_memory_t memory;
static pellucid_global_t global;
static pellucid_table_t table;
static uint64_t id;

/* What the host function does. */
static void (*host_does)(void);

static pellucid_status_t host(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    if (host_does != NULL)
        host_does();
    return PELLUCID_OK;
}

static void call(const char *name, const int32_t *numbers, size_t n) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t args[3];
    for (size_t i = 0; i < n; i++)
        args[i] = value_i32(numbers[i]);
    OK(pellucid_func_call(store, &func, args, n, NULL, 0, ERR));
}

#define CALL(name, ...) call((name), (int32_t[]){__VA_ARGS__}, sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

/* What was told last, and how often. */
static int n_told, n_hits;
static pellucid_watch_hit_t told;
static uint8_t old_bytes[16], new_bytes[16];
static pellucid_value_t old_value, new_value;
static uint32_t told_pc;
static pellucid_action_t answer;

static pellucid_action_t on_event(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    (void)userdata;
    CHECK(pellucid_event_kind(event) == PELLUCID_EVENT_WATCHPOINT && where == store);
    n_told++;
    told_pc = pellucid_event_pc(event);
    size_t n = pellucid_event_watch_count(event);
    CHECK(n > 0);
    for (size_t i = 0; i < n; i++, n_hits++) {
        told.struct_size = sizeof told;
        OK(pellucid_event_watch_hit(event, i, &told));
        memset(old_bytes, 0xee, sizeof old_bytes);
        pellucid_status_t has_bytes =
            pellucid_event_watch_bytes(event, i, old_bytes, new_bytes, sizeof old_bytes);
        pellucid_status_t has_values = pellucid_event_watch_values(event, i, store, &old_value, &new_value);
        CHECK((has_bytes == PELLUCID_OK) == (has_values == PELLUCID_ERR_TYPE_MISMATCH));
        CHECK((has_values == PELLUCID_OK) == (has_bytes == PELLUCID_ERR_TYPE_MISMATCH));
    }
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_event_watch_hit(event, n, &told));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_event_watch_bytes(event, n, NULL, NULL, 0));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_event_watch_values(event, n, store, NULL, NULL));
    return answer;
}

static int told_since(void) {
    int n = n_told;
    n_told = n_hits = 0;
    return n;
}

static uint64_t watch(uint64_t address, uint64_t size, pellucid_watch_access_t access) {
    pellucid_edit_t *edit;
    uint64_t new_id = 0;
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_watch_memory(edit, &memory, address, size, access, &new_id));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    return new_id;
}

static pellucid_watchpoint_info_t info(uint64_t of) {
    pellucid_watchpoint_info_t found = {.struct_size = sizeof found};
    OK(pellucid_watchpoint_info(store, of, &found));
    return found;
}

static void open_module(void) {
    open_world(true);
    module = module_of(text);
    pellucid_extern_t import = host_import(NULL, 0, NULL, 0, host);
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    memory = export_of(instance, "m").of.memory;
    global = export_of(instance, "g").of.global;
    table = export_of(instance, "t").of.table;
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_WATCHPOINT, NULL, on_event, NULL));
    answer = PELLUCID_ACTION_CONTINUE;
}

static void close_module(void) {
    pellucid_module_delete(module);
    close_world();
}

static void memories(void) {
    id = watch(100, 8, PELLUCID_WATCH_WRITE);
    CALL("store", 98, 0x01020304);
    CHECK(told_since() == 1 && told.id == id && told.access == PELLUCID_WATCH_WRITE && told.is_found == 0);
    CHECK(told.address == 100 && told.size == 2 && told.pc != 0 && told.pc < told_pc);
    CHECK(memcmp(old_bytes, "\0\0\xee", 3) == 0 && memcmp(new_bytes, "\2\1", 2) == 0);
    CALL("store", 96, -1);
    CALL("store", 108, -1);
    CALL("load", 100);
    CALL("other", 100, 1);
    CHECK(told_since() == 0);
    CALL("fill", 0, 7, 65536);
    CHECK(told_since() == 1 && told.address == 100 && told.size == 8 && new_bytes[7] == 7 && old_bytes[0] == 2);
    CALL("fill", 100, 7, 0);
    CHECK(told_since() == 0);
    uint64_t reads = watch(104, 1, PELLUCID_WATCH_READ);
    CALL("load", 101);
    CHECK(told_since() == 1 && told.id == reads && told.access == PELLUCID_WATCH_READ && told.address == 104);
    CALL("load", 100);
    CHECK(told_since() == 0);
    uint64_t both = watch(104, 4, PELLUCID_WATCH_READ | PELLUCID_WATCH_WRITE);
    CALL("load", 104);
    CHECK(n_hits == 2 && told_since() == 1 && told.id == both);
    CALL("store", 104, 1);
    CHECK(n_hits == 2 && told_since() == 1 && told.id == both);
    CHECK(info(id).hits == 3 && info(reads).hits == 2 && info(both).hits == 2);
    uint64_t ids[2];
    size_t n;
    OK(pellucid_watchpoint_list(store, ids, 2, &n));
    CHECK(n == 3 && ids[0] == id && ids[1] == reads);
    pellucid_watchpoint_info_t found = info(both);
    CHECK(found.kind == PELLUCID_WATCH_MEMORY && found.access == 3 && found.entity == memory.index && found.is_enabled == 1);
    CHECK(found.address == 104 && found.size == 4 && found.has_condition == 0 && found.declined == 0);
    remove_breakpoint(id);
    remove_breakpoint(reads);
    remove_breakpoint(both);
    CALL("store", 104, 1);
    CALL("load", 104);
    CHECK(told_since() == 0);
    pellucid_watchpoint_info_t none = {.struct_size = sizeof none};
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_watchpoint_info(store, both, &none));
    /* The last bytes, and a memory that grows. */
    id = watch(65532, 4, PELLUCID_WATCH_WRITE);
    call("grow", NULL, 0);
    CHECK(told_since() == 1 && told.address == 65532);
    remove_breakpoint(id);
}

static void globals_and_elements(void) {
    pellucid_edit_t *edit;
    pellucid_global_t references = export_of(instance, "r").of.global;
    uint64_t element, reference;
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_watch_global(edit, &global, PELLUCID_WATCH_WRITE, &id));
    OK(pellucid_edit_watch_global(edit, &references, PELLUCID_WATCH_WRITE, &reference));
    OK(pellucid_edit_watch_element(edit, &table, 2, PELLUCID_WATCH_WRITE, &element));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    pellucid_func_t func = func_of(instance, "global");
    pellucid_value_t arg = value_i64(-7);
    OK(pellucid_func_call(store, &func, &arg, 1, NULL, 0, ERR));
    CHECK(told_since() == 1 && told.id == id && told.address == 0 && told.size == 1);
    CHECK(old_value.kind == PELLUCID_I64 && old_value.of.i64 == 5 && new_value.of.i64 == -7);
    OK(pellucid_global_set(store, &global, &(pellucid_value_t){.kind = PELLUCID_I64, .of.i64 = 8}));
    call("nothing", NULL, 0);
    CHECK(told_since() == 1 && told.id == id && told.is_found == 1 && told.pc == 0);
    CHECK(old_value.of.i64 == -7 && new_value.of.i64 == 8);
    CALL("element", 1);
    CHECK(told_since() == 0);
    CALL("element", 2);
    CHECK(told_since() == 1 && told.id == element && told.address == 2);
    CHECK(old_value.kind == PELLUCID_FUNCREF && pellucid_value_is_null(&old_value) && !pellucid_value_is_null(&new_value));
    static int mine;
    pellucid_value_t held = value_of(PELLUCID_EXTERNREF);
    MUST(pellucid_externref_new(store, &mine, NULL, &held.of.externref));
    func = func_of(instance, "reference");
    OK(pellucid_func_call(store, &func, &held, 1, NULL, 0, ERR));
    CHECK(told_since() == 1 && told.id == reference && pellucid_value_is_null(&old_value));
    CHECK(new_value.kind == PELLUCID_EXTERNREF && pellucid_value_is_same(&new_value, &held));
    CHECK(info(element).kind == PELLUCID_WATCH_ELEMENT && info(element).address == 2 && info(element).size == 1);
    CHECK(info(id).kind == PELLUCID_WATCH_GLOBAL && info(id).hits == 2);
    remove_breakpoint(id);
    remove_breakpoint(element);
    remove_breakpoint(reference);
}

static void write_from_host(void) {
    OK(pellucid_memory_write(store, &memory, 103, (const uint8_t *)"\x55", 1));
}

static void write_by_pointer(void) {
    uint8_t *data;
    size_t size;
    OK(pellucid_memory_data(store, &memory, &data, &size));
    data[101] ^= 1;
    data[103] ^= 1;
}

static void call_guest(void) {
    CALL("store", 100, 0x66);
}

static void hosts(void) {
    id = watch(100, 4, PELLUCID_WATCH_WRITE);
    host_does = write_from_host;
    call("host", NULL, 0);
    CHECK(told_since() == 1 && told.is_found == 1 && told.address == 103 && told.size == 1 && new_bytes[0] == 0x55);
    call("host", NULL, 0);
    CHECK(told_since() == 0);
    host_does = write_by_pointer;
    call("host", NULL, 0);
    CHECK(told_since() == 1 && told.is_found == 1 && told.address == 101 && told.size == 3);
    /* A guest that a host function calls tells for itself, once. */
    host_does = call_guest;
    call("host", NULL, 0);
    CHECK(told_since() == 1 && told.is_found == 0 && told.address == 100 && new_bytes[0] == 0x66);
    /* Between calls. */
    write_from_host();
    write_by_pointer();
    call("nothing", NULL, 0);
    CHECK(told_since() == 1 && told.is_found == 1);
    call("nothing", NULL, 0);
    CHECK(told_since() == 0);
    host_does = NULL;
    remove_breakpoint(id);
}

static void pauses(void) {
    OK(pellucid_store_clear_event_handler(store));
    id = watch(100, 4, PELLUCID_WATCH_WRITE);
    pellucid_func_t func = func_of(instance, "count");
    pellucid_value_t arg = value_i32(3);
    pellucid_call_t *paused;
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &func, &arg, 1, &paused, ERR));
    for (int32_t n = 3; n > 0; n--) {
        MUST(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
        if (!CHECK(state == PELLUCID_CALL_PAUSED && event_of(paused) == PELLUCID_EVENT_WATCHPOINT))
            break;
        const pellucid_event_t *event;
        OK(pellucid_call_event(paused, &event));
        CHECK(pellucid_event_watch_count(event) == 1);
        OK(pellucid_event_watch_bytes(event, 0, NULL, new_bytes, 2));
        CHECK(new_bytes[0] == n);
        STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_event_watch_values(event, 0, store, NULL, NULL));
        pellucid_frame_t frame = frame_of(paused);
        pellucid_value_t local;
        uint32_t n_locals;
        OK(pellucid_frame_read_locals(store, &frame, 0, &local, 1, &n_locals));
        CHECK(local.of.i32 == n);
    }
    MUST(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_FINISHED);
    pellucid_call_delete(paused);
    /* A call that is dropped where it paused, and one that is interrupted there. */
    MUST(pellucid_call_begin(store, &func, &arg, 1, &paused, ERR));
    MUST(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED);
    pellucid_call_delete(paused);
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_WATCHPOINT, NULL, on_event, NULL));
    answer = PELLUCID_ACTION_TRAP;
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &func, &arg, 1, NULL, 0, ERR));
    CHECK(told_since() == 1);
    answer = PELLUCID_ACTION_CONTINUE;
    remove_breakpoint(id);
}

static bool is_odd(void *userdata, pellucid_store_t *where, const pellucid_frame_t *frame, uint64_t of) {
    pellucid_value_t local = {0};
    uint32_t n;
    CHECK(of == id);
    ++*(int *)userdata;
    OK(pellucid_frame_read_locals(where, frame, 0, &local, 1, &n));
    return local.of.i32 % 2 != 0;
}

static void conditions(void) {
    int n_asked = 0;
    id = watch(100, 4, PELLUCID_WATCH_WRITE);
    pellucid_breakpoint_options_t options = {.instance = instance, .ignore_count = 1, .is_one_shot = 1};
    pellucid_edit_t *edit;
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_set_options(edit, id, &options));
    OK(pellucid_edit_set_condition(edit, id, &n_asked, is_odd, NULL));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    CHECK(info(id).has_condition == 1 && info(id).options.ignore_count == 1);
    CALL("count", 9);
    CHECK(told_since() == 1 && new_bytes[0] == 7 && n_asked == 3);
    pellucid_watchpoint_info_t none = {.struct_size = sizeof none};
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_watchpoint_info(store, id, &none));
    id = watch(100, 4, PELLUCID_WATCH_WRITE);
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_enable(edit, id, false));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    CALL("count", 9);
    CHECK(told_since() == 0 && info(id).hits == 0 && info(id).is_enabled == 0);
    remove_breakpoint(id);
}

/* Expressions are of the frame whose operator did it, with what is there afterwards, whichever function that is in. */
static void expressions(void) {
    id = watch(100, 4, PELLUCID_WATCH_READ | PELLUCID_WATCH_WRITE);
    pellucid_edit_t *edit;
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_set_expression(edit, id, TEXT("i32[100] > 3"), ERR));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    CALL("count", 5);
    CHECK(told_since() == 2 && info(id).hits == 5 && info(id).declined == 3 && info(id).has_condition == 1);
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_set_expression(edit, id, TEXT("local[1] == 7 || $n == 2"), ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_set_expression(edit, id, TEXT("local[1] == 7)"), ERR));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_edit_set_expression(edit, id + 1000, TEXT("1"), ERR));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    /* `store` has no $n, and `load` no second local: what can't be told is told of. */
    CALL("store", 100, 7);
    CHECK(told_since() == 1);
    CALL("count", 3);
    CHECK(told_since() == 3);
    CALL("load", 100);
    CHECK(told_since() == 1);
    /* One that is added in the same edit; functions take turns. */
    remove_breakpoint(id);
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_watch_memory(edit, &memory, 100, 4, PELLUCID_WATCH_WRITE, &id));
    OK(pellucid_edit_set_expression(edit, id, TEXT("local[0] == 2 || local[0] == 100"), ERR));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    for (int i = 0; i < 3; i++) {
        CALL("count", 3);
        CALL("store", 99, 0);
        CALL("store", 100, 0);
        CHECK(told_since() == 2);
    }
    CHECK(info(id).hits == 15 && info(id).declined == 9);
    remove_breakpoint(id);
}

static void mistakes(void) {
    pellucid_edit_t *edit;
    pellucid_memory_t no_memory = {memory.store, 99}, foreign = {memory.store + 1, 0};
    pellucid_global_t no_global = {global.store, 99};
    pellucid_table_t no_table = {table.store, 99};
    MUST(pellucid_edit_begin(store, &edit));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_watch_memory(edit, &memory, 0, 0, 1, NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_watch_memory(edit, &memory, 0, 1, 0, NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_watch_memory(edit, &memory, 0, 1, 4, NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_watch_memory(edit, &memory, 0, 1, 257, NULL));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_watch_memory(edit, &memory, UINT64_MAX, 2, 1, NULL));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_watch_memory(edit, &memory, 4 * 65536, 1, 1, NULL));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_watch_memory(edit, &no_memory, 0, 1, 1, NULL));
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_edit_watch_memory(edit, &foreign, 0, 1, 1, NULL));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_edit_watch_memory(edit, NULL, 0, 1, 1, NULL));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_watch_global(edit, &no_global, 1, NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_watch_global(edit, &global, 8, NULL));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_watch_element(edit, &no_table, 0, 1, NULL));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_watch_element(edit, &table, 4, 1, NULL));
    OK(pellucid_edit_watch_memory(edit, &memory, 0, 1, 2, &id));
    OK(pellucid_edit_discard(edit));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_edit_watch_memory(edit, &memory, 0, 1, 1, NULL));
    pellucid_edit_delete(edit);
    CALL("store", 0, 1);
    CHECK(told_since() == 0);
    pellucid_watchpoint_info_t small = {.struct_size = 8};
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_watchpoint_info(store, 1, &small));
    CHECK(pellucid_event_watch_count(NULL) == 0);
    /* One mistake undoes a whole edit. */
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_watch_memory(edit, &memory, 0, 1, 2, &id));
    OK(pellucid_edit_remove(edit, UINT64_MAX));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    CALL("store", 0, 1);
    CHECK(told_since() == 0);
    /* A store may go with watchpoints. */
    watch(0, 65536, PELLUCID_WATCH_READ | PELLUCID_WATCH_WRITE);
    CALL("store", 65532, 1);
    CHECK(told_since() == 1);
}

static void without_debugging(void) {
    open_world(false);
    size_t n;
    pellucid_watchpoint_info_t none = {.struct_size = sizeof none};
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_watchpoint_list(store, NULL, 0, &n));
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_watchpoint_info(store, 1, &none));
    close_world();
}

/* A local of one frame, until that is gone. */
static void locals(void) {
    pellucid_edit_t *edit;
    pellucid_call_t *running;
    pellucid_frame_t frame;
    const pellucid_event_t *event;
    pellucid_call_state_t state;
    uint64_t key, breakpoint;
    uint32_t landed;
    pellucid_func_t func = func_of(instance, "count");
    pellucid_value_t arg = value_i32(2), changed = value_i32(1), before, now;
    OK(pellucid_store_clear_event_handler(store));
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_add_at_function(edit, module, 4, &breakpoint, &landed));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    MUST(pellucid_call_begin(store, &func, &arg, 1, &running, ERR));
    OK(pellucid_call_resume(running, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED);
    remove_breakpoint(breakpoint);
    OK(pellucid_call_frame(running, &frame));
    OK(pellucid_frame_key(store, &frame, &key));
    MUST(pellucid_edit_begin(store, &edit));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_watch_local(edit, &frame, 1, PELLUCID_WATCH_WRITE, NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_watch_local(edit, &frame, 0, 4, NULL));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_edit_watch_local(edit, NULL, 0, PELLUCID_WATCH_WRITE, NULL));
    OK(pellucid_edit_watch_local(edit, &frame, 0, PELLUCID_WATCH_WRITE, &id));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    pellucid_watchpoint_info_t found = info(id);
    CHECK(found.kind == PELLUCID_WATCH_LOCAL && found.entity == key && found.address == 0 && found.size == 1);
    CHECK(found.is_enabled == 1 && found.is_over == 0);
    OK(pellucid_call_resume(running, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED);
    OK(pellucid_call_event(running, &event));
    told.struct_size = sizeof told;
    OK(pellucid_event_watch_hit(event, 0, &told));
    CHECK(told.id == id && told.access == PELLUCID_WATCH_WRITE && told.address == 0 && told.size == 1 && !told.is_found);
    OK(pellucid_event_watch_values(event, 0, store, &before, &now));
    CHECK(before.of.i32 == 2 && now.of.i32 == 1);
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_event_watch_bytes(event, 0, NULL, NULL, 0));
    MUST(pellucid_edit_begin(store, &edit));
    STATUS(PELLUCID_ERR_STALE_HANDLE, pellucid_edit_watch_local(edit, &frame, 0, PELLUCID_WATCH_WRITE, NULL));
    pellucid_edit_delete(edit);
    OK(pellucid_call_frame(running, &frame));
    changed.of.i32 = 3;
    OK(pellucid_frame_write_local(store, &frame, 0, &changed, ERR));
    OK(pellucid_call_resume(running, PELLUCID_RESUME_CONTINUE, &state, ERR));
    OK(pellucid_call_event(running, &event));
    told.struct_size = sizeof told;
    OK(pellucid_event_watch_hit(event, 0, &told));
    CHECK(told.is_found == 1 && told.pc == 0 && told.access == PELLUCID_WATCH_WRITE);
    for (int n = 0; state == PELLUCID_CALL_PAUSED; n++) {
        CHECK(n < 4);
        OK(pellucid_call_resume(running, PELLUCID_RESUME_CONTINUE, &state, ERR));
    }
    CHECK(state == PELLUCID_CALL_FINISHED);
    found = info(id);
    CHECK(found.is_over == 1 && found.is_enabled == 0 && found.hits >= 4);
    MUST(pellucid_edit_begin(store, &edit));
    OK(pellucid_edit_enable(edit, id, true));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    CALL("count", 5);
    CHECK(info(id).hits == found.hits);
    remove_breakpoint(id);
    pellucid_call_delete(running);
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_WATCHPOINT, NULL, on_event, NULL));
}

static pellucid_anyref_t made(const char *name) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t result;
    OK(pellucid_func_call(store, &func, NULL, 0, &result, 1, ERR));
    return result.of.anyref;
}

static void touch(const char *name, pellucid_anyref_t object, int32_t number) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t args[2] = {{.kind = PELLUCID_ANYREF, .of.anyref = object}, value_i32(number)};
    OK(pellucid_func_call(store, &func, args, 2, NULL, 0, ERR));
}

/* A field of one structure and an element of one array, which are kept for that. */
static void objects(void) {
    pellucid_edit_t *edit;
    uint64_t scope, of_element;
    pellucid_value_t value = value_i32(0x1ff);
    pellucid_anyref_t null = {0}, integer;
    OK(pellucid_anyref_from_i31(5, &integer));
    OK(pellucid_scope_open(store, &scope));
    pellucid_anyref_t structure = made("s"), other = made("s"), array = made("a"), gone = made("s");
    MUST(pellucid_edit_begin(store, &edit));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_watch_field(edit, &structure, 2, PELLUCID_WATCH_WRITE, NULL));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_watch_field(edit, &array, 4, PELLUCID_WATCH_WRITE, NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_watch_field(edit, &structure, 0, 4, NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_edit_watch_field(edit, &null, 0, PELLUCID_WATCH_WRITE, NULL));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_edit_watch_field(edit, &integer, 0, PELLUCID_WATCH_WRITE, NULL));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_edit_watch_field(edit, NULL, 0, PELLUCID_WATCH_WRITE, NULL));
    OK(pellucid_edit_watch_field(edit, &structure, 0, PELLUCID_WATCH_READ | PELLUCID_WATCH_WRITE, &id));
    OK(pellucid_edit_watch_field(edit, &array, 2, PELLUCID_WATCH_WRITE, &of_element));
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    OK(pellucid_scope_close(store, scope));
    OK(pellucid_store_gc(store));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_object_set(store, &other, 0, &value));
    pellucid_watchpoint_info_t found = info(id);
    CHECK(found.kind == PELLUCID_WATCH_FIELD && found.entity == structure.index && found.address == 0 && found.size == 1);
    CHECK(found.is_enabled == 1 && found.is_over == 0);
    found = info(of_element);
    CHECK(found.kind == PELLUCID_WATCH_FIELD && found.entity == array.index && found.address == 2);
    touch("set_s", structure, 0x1ff);
    CHECK(told_since() == 1 && told.id == id && told.access == PELLUCID_WATCH_WRITE && told.address == 0 && told.size == 1);
    CHECK(old_value.kind == PELLUCID_I32 && old_value.of.i32 == 0 && new_value.of.i32 == 0xff && told.is_found == 0);
    OK(pellucid_scope_open(store, &scope));
    touch("set_s", made("s"), 1);
    OK(pellucid_scope_close(store, scope));
    CHECK(told_since() == 0);
    touch("fill_a", array, 7);
    CHECK(told_since() == 1 && told.id == of_element && told.address == 2 && new_value.of.i32 == 7);
    value.of.i32 = 3;
    OK(pellucid_object_set(store, &structure, 0, &value));
    call("nothing", NULL, 0);
    CHECK(told_since() == 1 && told.is_found == 1 && old_value.of.i32 == 0xff && new_value.of.i32 == 3);
    remove_breakpoint(id);
    remove_breakpoint(of_element);
    OK(pellucid_store_gc(store));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_object_set(store, &structure, 0, &value));
    MUST(pellucid_edit_begin(store, &edit));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_edit_watch_field(edit, &gone, 0, PELLUCID_WATCH_WRITE, NULL));
    pellucid_edit_delete(edit);
}

/* Functions of WASI's write into the memory as hosts do. */
static void wasi(void) {
    pellucid_wasi_config_t *config;
    pellucid_linker_t *linker;
    open_world(true);
    MUST(pellucid_wasi_config_new(&config));
    MUST(pellucid_linker_new(engine, &linker));
    pellucid_wasi_t *context;
    MUST(pellucid_linker_define_wasi(linker, store, config, &context, ERR));
    module = module_of("(module (import \"wasi_snapshot_preview1\" \"random_get\" (func $random (param i32 i32) (result i32)))"
                       "  (memory (export \"memory\") 1)"
                       "  (func (export \"run\") (drop (call $random (i32.const 200) (i32.const 64)))))");
    MUST(pellucid_linker_instantiate(linker, store, module, &instance, ERR));
    memory = export_of(instance, "memory").of.memory;
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_WATCHPOINT, NULL, on_event, NULL));
    id = watch(208, 8, PELLUCID_WATCH_WRITE);
    call("run", NULL, 0);
    CHECK(told_since() == 1 && told.is_found == 1 && told.address >= 208 && told.address + told.size <= 216);
    pellucid_linker_delete(linker);
    pellucid_wasi_config_delete(config);
    pellucid_wasi_delete(context);
    close_module();
}

/* A shared memory: what the store's own guests do is told at once, what others do is found. */
static pellucid_engine_t *of_other;
static pellucid_shared_memory_t *shared;

static void *write_elsewhere(void *userdata) {
    (void)userdata;
    pellucid_store_t *other;
    pellucid_module_t *writer = NULL;
    static const char wat[] = "(module (import \"a\" \"m\" (memory 1 1 shared))"
                              "  (func (export \"run\") (i32.atomic.store (i32.const 100) (i32.const 9))))";
    MUST(pellucid_module_new_text(of_other, wat, sizeof wat - 1, &writer, NULL));
    MUST(pellucid_store_new(of_other, NULL, NULL, &other, NULL));
    pellucid_extern_t import = {.kind = PELLUCID_EXTERN_MEMORY}, item;
    MUST(pellucid_memory_from_shared(other, shared, &import.of.memory, NULL));
    pellucid_instance_t there;
    MUST(pellucid_instance_new(other, writer, &import, 1, &there, NULL));
    MUST(pellucid_instance_export(other, &there, TEXT("run"), &item));
    OK(pellucid_func_call(other, &item.of.func, NULL, 0, NULL, 0, NULL));
    pellucid_module_delete(writer);
    pellucid_store_delete(other);
    return NULL;
}

static void run_other_thread(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, write_elsewhere, NULL);
    pthread_join(thread, NULL);
}

static void shared_memories(void) {
    open_world(true);
    of_other = engine;
    pellucid_memorytype_t type = {.minimum = 1, .maximum = 1, .has_maximum = true, .is_shared = true};
    MUST(pellucid_shared_memory_new(engine, &type, &shared, ERR));
    pellucid_extern_t imports[2] = {{.kind = PELLUCID_EXTERN_MEMORY}, host_import(NULL, 0, NULL, 0, host)};
    MUST(pellucid_memory_from_shared(store, shared, &imports[0].of.memory, ERR));
    memory = imports[0].of.memory;
    module = module_of("(module (import \"a\" \"m\" (memory 1 1 shared)) (import \"host\" \"call\" (func $host))"
                       "  (func (export \"add\") (drop (i32.atomic.rmw.add (i32.const 100) (i32.const 1))))"
                       "  (func (export \"host\") (call $host)))");
    MUST(pellucid_instance_new(store, module, imports, 2, &instance, ERR));
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_WATCHPOINT, NULL, on_event, NULL));
    id = watch(100, 4, PELLUCID_WATCH_READ | PELLUCID_WATCH_WRITE);
    call("add", NULL, 0);
    CHECK(told_since() == 1 && told.access == 3 && told.is_found == 0 && new_bytes[0] == 1);
    host_does = run_other_thread;
    call("host", NULL, 0);
    host_does = NULL;
    CHECK(told_since() == 1 && told.access == PELLUCID_WATCH_WRITE && told.is_found == 1 && new_bytes[0] == 9);
    pellucid_shared_memory_delete(shared);
    close_module();
}

static void all(void) {
    open_module();
    memories();
    globals_and_elements();
    hosts();
    pauses();
    conditions();
    expressions();
    locals();
    objects();
    mistakes();
    close_module();
    wasi();
    shared_memories();
}

int main(void) {
    all();
    has_checks = true;
    all();
    has_checks = false;
    without_debugging();
    return finish();
}
