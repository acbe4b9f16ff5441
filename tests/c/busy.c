/* Whatever is tried with a store that another thread is using is refused: each function. `threads.c` shows that nothing has happened,
 * for those that would change most. */

#define _GNU_SOURCE
#include "gate.h"
#include "test.h"

static pellucid_status_t wait_inside(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                     size_t n_args, pellucid_value_t *results, size_t n_results,
                                     pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    go_to(INSIDE);
    wait_for(LEAVING);
    return PELLUCID_OK;
}

static void *run_guest(void *func) {
    OK(pellucid_func_call(store, func, NULL, 0, NULL, 0, NULL));
    return NULL;
}

static pellucid_action_t on_event(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    (void)userdata, (void)where, (void)event;
    return PELLUCID_ACTION_CONTINUE;
}

static pellucid_status_t take_dump(void *userdata, const uint8_t *bytes, size_t n_bytes) {
    (void)userdata, (void)bytes, (void)n_bytes;
    return PELLUCID_OK;
}

static pellucid_functype_t *type;
static pellucid_module_t *waits;
static pellucid_extern_t import;
static pellucid_instance_t instance;
static pellucid_memory_t memory;
static pellucid_table_t table;
static pellucid_global_t global;
static pellucid_externref_t externref;
static pellucid_func_t f;
static pellucid_call_t *waiting;
static const pellucid_event_t *told;
static pellucid_frame_t stands;
static pellucid_edit_t *edit;
static pellucid_linker_t *linker;
static pellucid_wasi_config_t *wasi;
static pellucid_wasi_threads_t *wasi_threads;
static pellucid_shared_memory_t *shared;

static void make(void) {
    pellucid_memorytype_t sharedtype = {.minimum = 1, .maximum = 1, .has_maximum = true, .is_shared = true};
    MUST(pellucid_functype_new(NULL, 0, NULL, 0, &type));
    import.kind = PELLUCID_EXTERN_FUNC;
    MUST(pellucid_func_new(store, type, NULL, wait_inside, NULL, &import.of.func, ERR));
    waits = module_of(
        "(module (import \"\" \"\" (func $f)) (func (export \"f\") (call $f)) (func (export \"g\") (nop))"
        "  (memory (export \"memory\") 1) (table (export \"table\") 2 funcref)"
        "  (global (export \"global\") (mut i32) (i32.const 0)))");
    MUST(pellucid_instance_new(store, waits, &import, 1, &instance, ERR));
    f = func_of(instance, "f");
    memory = export_of(instance, "memory").of.memory;
    table = export_of(instance, "table").of.table;
    global = export_of(instance, "global").of.global;
    MUST(pellucid_externref_new(store, NULL, NULL, &externref));
    pellucid_func_t g = func_of(instance, "g");
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &g, NULL, 0, &waiting, ERR));
    MUST(pellucid_call_resume(waiting, PELLUCID_RESUME_STEP, &state, ERR));
    MUST(pellucid_call_frame(waiting, &stands));
    MUST(pellucid_call_event(waiting, &told));
    MUST(pellucid_edit_begin(store, &edit));
    MUST(pellucid_linker_new(engine, &linker));
    MUST(pellucid_wasi_config_new(&wasi));
    pellucid_module_t *with_threads = module_of("(module (import \"env\" \"memory\" (memory 1 1 shared))"
                                                "  (func (export \"wasi_thread_start\") (param i32 i32)))");
    MUST(pellucid_wasi_threads_new(with_threads, wasi, 1, NULL, NULL, NULL, &wasi_threads, NULL, ERR));
    pellucid_module_delete(with_threads);
    MUST(pellucid_shared_memory_new(engine, &sharedtype, &shared, ERR));
}

static void all_is_refused(void) {
    pellucid_value_t value = value_i32(1);
    pellucid_memorytype_t memorytype = {.minimum = 1};
    pellucid_tabletype_t tabletype = {.minimum = 1, .element = PELLUCID_FUNCREF};
    pellucid_globaltype_t globaltype = {.kind = PELLUCID_I32};
    uint64_t number;
    size_t size;
    pellucid_instance_t other;
    pellucid_module_t *module;
    pellucid_raw_t raw = {.i32 = 1};
    pellucid_value_t found;
    pellucid_func_t func;
    pellucid_functype_t *functype;
    uint32_t index;
    pellucid_str_t text;
    pellucid_externref_t new_externref;
    void *userdata;
    pellucid_memory_t new_memory;
    pellucid_memorytype_t new_memorytype;
    uint8_t *data;
    pellucid_shared_memory_t *new_shared;
    pellucid_table_t new_table;
    pellucid_tabletype_t new_tabletype;
    pellucid_global_t new_global;
    pellucid_globaltype_t new_globaltype;
    pellucid_extern_t item;
    pellucid_externtype_t *externtype;
    pellucid_spaces_t spaces = {.struct_size = sizeof spaces};
    pellucid_wasi_t *new_wasi;
    pellucid_frame_t frame;
    pellucid_frame_info_t info = {.struct_size = sizeof info};
    pellucid_frame_kind_t kind;
    const pellucid_event_t *event;
    int64_t fuel;
    pellucid_edit_t *new_edit;
    pellucid_breakpoint_info_t breakpoint = {.struct_size = sizeof breakpoint};
    bool is_on;
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_limit(store, PELLUCID_LIMIT_NESTED_CALLS, &number));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_instance_count(store, &size));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_instance(store, 1, &other));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_module_count(store, &size));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_module(store, 1, &module));
    STATUS(PELLUCID_ERR_BUSY, pellucid_value_to_raw(store, &value, &raw));
    STATUS(PELLUCID_ERR_BUSY, pellucid_value_from_raw(store, PELLUCID_I32, &raw, &found));
    STATUS(PELLUCID_ERR_BUSY, pellucid_func_new(store, type, NULL, wait_inside, NULL, &func, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_func_type(store, &f, &functype));
    STATUS(PELLUCID_ERR_BUSY, pellucid_func_location(store, &f, &other, &index));
    STATUS(PELLUCID_ERR_BUSY, pellucid_func_name(store, &f, &text));
    STATUS(PELLUCID_ERR_BUSY, pellucid_externref_new(store, NULL, NULL, &new_externref));
    STATUS(PELLUCID_ERR_BUSY, pellucid_externref_userdata(store, &externref, &userdata));
    pellucid_anyref_t anyref = {0};
    STATUS(PELLUCID_ERR_BUSY, pellucid_anyref_to_externref(store, &anyref, &externref));
    STATUS(PELLUCID_ERR_BUSY, pellucid_anyref_from_externref(store, &externref, &anyref));
    pellucid_weak_t weak = {0};
    pellucid_heap_stats_t stats = {.struct_size = sizeof stats};
    pellucid_type_id_t type_id;
    uint64_t scope;
    bool answer;
    uint8_t byte = 0;
    STATUS(PELLUCID_ERR_BUSY, pellucid_struct_new(store, 0, &value, 1, &anyref, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_array_new(store, 0, &value, 1, &anyref, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_object_type(store, &anyref, &type_id, NULL));
    STATUS(PELLUCID_ERR_BUSY, pellucid_object_is(store, &anyref, 0, &answer));
    STATUS(PELLUCID_ERR_BUSY, pellucid_object_get(store, &anyref, 0, &found, 1));
    STATUS(PELLUCID_ERR_BUSY, pellucid_object_set(store, &anyref, 0, &value));
    STATUS(PELLUCID_ERR_BUSY, pellucid_array_read(store, &anyref, 0, &byte, 1));
    STATUS(PELLUCID_ERR_BUSY, pellucid_array_write(store, &anyref, 0, &byte, 1));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_type_name(store, 0, &text));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_field_name(store, 0, 0, &text));
    STATUS(PELLUCID_ERR_BUSY, pellucid_scope_open(store, &scope));
    STATUS(PELLUCID_ERR_BUSY, pellucid_scope_close(store, 0));
    STATUS(PELLUCID_ERR_BUSY, pellucid_object_keep(store, &anyref));
    STATUS(PELLUCID_ERR_BUSY, pellucid_object_release(store, &anyref));
    STATUS(PELLUCID_ERR_BUSY, pellucid_value_keep(store, &value));
    STATUS(PELLUCID_ERR_BUSY, pellucid_value_release(store, &value));
    STATUS(PELLUCID_ERR_BUSY, pellucid_weak_new(store, &anyref, &weak));
    STATUS(PELLUCID_ERR_BUSY, pellucid_weak_get(store, &weak, &anyref));
    STATUS(PELLUCID_ERR_BUSY, pellucid_weak_delete(store, &weak));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_gc(store));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_gc_step(store, 1, &answer));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_heap_stats(store, &stats));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_heap_types(store, NULL, 0, &size));
    STATUS(PELLUCID_ERR_BUSY, pellucid_object_referrers(store, &anyref, NULL, 0, &size));
    STATUS(PELLUCID_ERR_BUSY, pellucid_memory_new(store, &memorytype, &new_memory, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_memory_type(store, &memory, &new_memorytype));
    STATUS(PELLUCID_ERR_BUSY, pellucid_memory_data(store, &memory, &data, &size));
    STATUS(PELLUCID_ERR_BUSY, pellucid_memory_size(store, &memory, &number));
    STATUS(PELLUCID_ERR_BUSY, pellucid_memory_from_shared(store, shared, &new_memory, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_memory_shared(store, &memory, &new_shared, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_table_new(store, &tabletype, &value, &new_table, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_table_type(store, &table, &new_tabletype));
    STATUS(PELLUCID_ERR_BUSY, pellucid_table_size(store, &table, &number));
    STATUS(PELLUCID_ERR_BUSY, pellucid_table_get(store, &table, 1, &found));
    STATUS(PELLUCID_ERR_BUSY, pellucid_table_set(store, &table, 1, &value));
    STATUS(PELLUCID_ERR_BUSY, pellucid_table_grow(store, &table, 1, &value, &number, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_global_new(store, &globaltype, &value, &new_global, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_global_type(store, &global, &new_globaltype));
    STATUS(PELLUCID_ERR_BUSY, pellucid_global_get(store, &global, &found));
    STATUS(PELLUCID_ERR_BUSY, pellucid_global_set(store, &global, &value));
    STATUS(PELLUCID_ERR_BUSY, pellucid_instance_module(store, &instance, &module));
    STATUS(PELLUCID_ERR_BUSY, pellucid_instance_export(store, &instance, "", 0, &item));
    STATUS(PELLUCID_ERR_BUSY, pellucid_instance_export_count(store, &instance, &size));
    STATUS(PELLUCID_ERR_BUSY, pellucid_instance_export_at(store, &instance, 1, &text, &item));
    STATUS(PELLUCID_ERR_BUSY, pellucid_extern_type(store, &import, &externtype));
    STATUS(PELLUCID_ERR_BUSY, pellucid_instance_spaces(store, &instance, &spaces));
    STATUS(PELLUCID_ERR_BUSY, pellucid_instance_func(store, &instance, 1, &func));
    STATUS(PELLUCID_ERR_BUSY, pellucid_instance_table(store, &instance, 1, &new_table));
    STATUS(PELLUCID_ERR_BUSY, pellucid_instance_memory(store, &instance, 1, &new_memory));
    STATUS(PELLUCID_ERR_BUSY, pellucid_instance_global(store, &instance, 1, &new_global));
    pellucid_tag_t tag = {pellucid_store_id(store), 0}, new_tag;
    pellucid_error_t *exception;
    STATUS(PELLUCID_ERR_BUSY, pellucid_instance_tag(store, &instance, 0, &new_tag));
    STATUS(PELLUCID_ERR_BUSY, pellucid_tag_new(store, type, &new_tag));
    STATUS(PELLUCID_ERR_BUSY, pellucid_tag_type(store, &tag, &functype));
    pellucid_exnref_t exnref = {pellucid_store_id(store), 0};
    STATUS(PELLUCID_ERR_BUSY, pellucid_exnref_new(store, &tag, NULL, 0, &exnref, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_exnref_exception(store, &exnref, NULL, NULL, 0, NULL));
    STATUS(PELLUCID_ERR_BUSY, pellucid_exception_new(store, &tag, NULL, 0, &exception));
    STATUS(PELLUCID_ERR_BUSY, pellucid_linker_define(linker, store, "", 0, "", 0, &import, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_linker_define_instance(linker, store, "", 0, &instance, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_linker_define_unknown_as_traps(linker, store, waits, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_linker_get(linker, store, "", 0, "", 0, &item));
    STATUS(PELLUCID_ERR_BUSY, pellucid_linker_define_wasi(linker, store, wasi, &new_wasi, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_linker_define_wasi_threads(linker, store, wasi_threads, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_activations(store, NULL, 0, &size));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_caller(store, &stands, &frame));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_evaluate(store, &stands, "1", 1, &found, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_key(store, &stands, &number));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_info(store, &stands, &info));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_kind(store, &stands, &kind));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_instance(store, &stands, &other));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_module(store, &stands, &module));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_func_index(store, &stands, &index));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_func_name(store, &stands, &text));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_pc(store, &stands, &index));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_func_offset(store, &stands, &index));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_local_count(store, &stands, &index));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_local_kinds(store, &stands, NULL, 0, &index));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_read_locals(store, &stands, 1, NULL, 0, &index));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_operand_count(store, &stands, &index));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_operand_kinds(store, &stands, NULL, 0, &index));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_read_operands(store, &stands, 1, NULL, 0, &index));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_local_name(store, &stands, 1, &text));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_set_event_handler(store, PELLUCID_EVENT_ALL, NULL, on_event, NULL));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_clear_event_handler(store));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_refused_pauses(store, &number));
    STATUS(PELLUCID_ERR_BUSY, pellucid_call_func(waiting, &func));
    STATUS(PELLUCID_ERR_BUSY, pellucid_call_event(waiting, &event));
    STATUS(PELLUCID_ERR_BUSY, pellucid_call_set_goal(waiting, NULL, 1));
    STATUS(PELLUCID_ERR_BUSY, pellucid_call_results(waiting, &value, 1));
    pellucid_error_t *error;
    STATUS(PELLUCID_ERR_BUSY, pellucid_call_error(waiting, &error));
    STATUS(PELLUCID_ERR_BUSY, pellucid_call_frame(waiting, &frame));
    STATUS(PELLUCID_ERR_BUSY, pellucid_call_awaited_files(waiting, NULL, 0, &size, &number));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_fuel(store, &fuel));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_set_fuel(store, 1));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_add_fuel(store, 1));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_set_fuel_action(store, PELLUCID_INTERRUPT_TRAP));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_begin(store, &new_edit));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_add(edit, waits, 1, &number, &index));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_add_at_function(edit, waits, 1, &number, &index));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_add_at_function_name(edit, waits, "f", 1, &number));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_add_at_import_calls(edit, waits, 0, &number));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_add_at_import_name_calls(edit, NULL, "m", 1, "f", 1, &number));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_add_at_trap(edit, PELLUCID_TRAP_NONE, &number));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_add_at_exception(edit, NULL, PELLUCID_THROW_CAUGHT, &number));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_remove(edit, 1));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_enable(edit, 1, true));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_set_options(edit, 1, &(pellucid_breakpoint_options_t){0}));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_set_condition(edit, 1, NULL, NULL, NULL));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_set_expression(edit, 1, "1", 1, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_trace(edit, waits, 0, 1, true));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_is_traced(store, waits, 1, &is_on));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_set_log_text(edit, 1, "x", 1, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_set_log_point_handler(store, NULL, NULL, NULL));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_single_step(edit, true));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_discard(edit));
    STATUS(PELLUCID_ERR_BUSY, pellucid_breakpoint_list(store, NULL, 0, &size));
    STATUS(PELLUCID_ERR_BUSY, pellucid_breakpoint_info(store, 1, &breakpoint));
    STATUS(PELLUCID_ERR_BUSY, pellucid_breakpoint_name(store, 1, NULL, NULL));
    STATUS(PELLUCID_ERR_BUSY, pellucid_breakpoint_places(store, 1, NULL, 0, &size));
    STATUS(PELLUCID_ERR_BUSY, pellucid_breakpoint_module(store, 1, &module));
    pellucid_watchpoint_info_t watchpoint = {.struct_size = sizeof watchpoint};
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_watch_memory(edit, &memory, 0, 1, PELLUCID_WATCH_READ, NULL));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_watch_global(edit, &global, PELLUCID_WATCH_READ, NULL));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_watch_element(edit, &table, 0, PELLUCID_WATCH_READ, NULL));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_watch_local(edit, &stands, 0, PELLUCID_WATCH_READ, NULL));
    STATUS(PELLUCID_ERR_BUSY, pellucid_edit_watch_field(edit, &anyref, 0, PELLUCID_WATCH_READ, NULL));
    STATUS(PELLUCID_ERR_BUSY, pellucid_event_watch_values(told, 0, store, NULL, NULL));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_throw(store, &stands, &tag, NULL, 0, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_frame_throw_ref(store, &stands, &exnref, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_event_results(told, store, NULL, 0, NULL));
    STATUS(PELLUCID_ERR_BUSY, pellucid_watchpoint_list(store, NULL, 0, &size));
    STATUS(PELLUCID_ERR_BUSY, pellucid_watchpoint_info(store, 1, &watchpoint));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_is_single_stepping(store, &is_on));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_core_dump(store, NULL, 0, 0, NULL, take_dump, ERR));
    STATUS(PELLUCID_ERR_BUSY, pellucid_store_core_dump_file(store, NULL, 0, 0, TEXT("/no/such/folder/core"), ERR));
}

int main(void) {
    open_world(true);
    make();
    pthread_t thread;
    pthread_create(&thread, NULL, run_guest, &f);
    wait_for(INSIDE);
    all_is_refused();
    go_to(LEAVING);
    pthread_join(thread, NULL);
    pellucid_call_state_t state;
    OK(pellucid_call_resume(waiting, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_FINISHED);
    pellucid_call_delete(waiting);
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    pellucid_shared_memory_delete(shared);
    pellucid_wasi_threads_delete(wasi_threads);
    pellucid_wasi_config_delete(wasi);
    pellucid_linker_delete(linker);
    pellucid_module_delete(waits);
    pellucid_functype_delete(type);
    close_world();
    return finish();
}
