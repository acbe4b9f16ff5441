#include "bridge.h"
#include "_cgo_export.h"

#include <stdlib.h>
#include <string.h>

// Go's threads keep the signal stack that they begin with. Telling the library so once for each spares its question,
// a system call, at each call.
static void prepare_thread(void) {
    static __thread bool is_prepared;
    if (!is_prepared) is_prepared = pellucid_signal_install(NULL) == PELLUCID_OK;
}

int32_t plgo_call_raw(uintptr_t store, uintptr_t place) {
    plgo_frame_t *frame = (plgo_frame_t *)place;
    size_t n = frame->n_args > frame->n_results ? frame->n_args : frame->n_results;
    if (frame->has_signals) prepare_thread();
    return pellucid_func_call_raw((pellucid_store_t *)store, &frame->func, (pellucid_raw_t *)(frame + 1), n, &frame->error);
}

int32_t plgo_call_values(uintptr_t store, uintptr_t place) {
    plgo_frame_t *frame = (plgo_frame_t *)place;
    pellucid_value_t *values = (pellucid_value_t *)(frame + 1);
    if (frame->has_signals) prepare_thread();
    return pellucid_func_call((pellucid_store_t *)store, &frame->func, values, frame->n_args, values + frame->n_args,
                              frame->n_results, &frame->error);
}

static void free_slot(void *userdata) { pellucidGoFreeSlot((uint64_t)(uintptr_t)userdata); }

int32_t plgo_store_new(pellucid_engine_t *engine, uint64_t slot, pellucid_store_t **out, pellucid_error_t **out_error) {
    return pellucid_store_new(engine, (void *)(uintptr_t)slot, free_slot, out, out_error);
}

static pellucid_status_t call_raw_host(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values, size_t n_values,
                                       pellucid_error_t **out_error) {
    (void)n_values;
    return pellucidGoHost((uint64_t)(uintptr_t)userdata, (uintptr_t)caller, values, values, out_error);
}

static pellucid_status_t call_value_host(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                                         pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)n_args, (void)n_results;
    return pellucidGoHost((uint64_t)(uintptr_t)userdata, (uintptr_t)caller, (void *)args, results, out_error);
}

static void drop(void *userdata) { pellucidGoDrop((uint64_t)(uintptr_t)userdata); }

int32_t plgo_func_new(pellucid_store_t *store, const uint32_t *kinds, size_t n_params, size_t n_results, uint64_t key,
                      bool has_references, pellucid_func_t *out, pellucid_error_t **out_error) {
    pellucid_functype_t *type;
    pellucid_status_t status = pellucid_functype_new(kinds, n_params, kinds + n_params, n_results, &type);
    if (status != PELLUCID_OK) return status;
    void *userdata = (void *)(uintptr_t)key;
    status = has_references ? pellucid_func_new(store, type, userdata, call_value_host, NULL, out, out_error)
                            : pellucid_func_new_raw(store, type, userdata, call_raw_host, NULL, out, out_error);
    pellucid_functype_delete(type);
    return status;
}

int32_t plgo_externref_new(pellucid_store_t *store, uint64_t key, pellucid_externref_t *out) {
    return pellucid_externref_new(store, (void *)(uintptr_t)key, drop, out);
}

int32_t plgo_externref_key(pellucid_store_t *store, const pellucid_externref_t *ref, uint64_t *out_key) {
    void *userdata;
    pellucid_status_t status = pellucid_externref_userdata(store, ref, &userdata);
    if (status == PELLUCID_OK) *out_key = (uint64_t)(uintptr_t)userdata;
    return status;
}

int32_t plgo_caller_memory(uintptr_t caller, const char *name, size_t n_name, pellucid_memory_t *out, uint8_t **out_data,
                           size_t *out_size) {
    pellucid_extern_t item;
    pellucid_status_t status = pellucid_caller_export((pellucid_caller_t *)caller, name, n_name, &item);
    if (status != PELLUCID_OK) return status;
    if (item.kind != PELLUCID_EXTERN_MEMORY) return PELLUCID_ERR_TYPE_MISMATCH;
    *out = item.of.memory;
    return pellucid_memory_data(pellucid_caller_store((pellucid_caller_t *)caller), out, out_data, out_size);
}

static pellucid_action_t on_event(void *userdata, pellucid_store_t *store, pellucid_event_t *event) {
    (void)store;
    return pellucidGoEvent((uint64_t)(uintptr_t)userdata, (uintptr_t)event);
}

int32_t plgo_set_event_handler(pellucid_store_t *store, uint32_t mask, uint64_t key) {
    return pellucid_store_set_event_handler(store, mask, (void *)(uintptr_t)key, on_event, drop);
}

static void on_log_point(void *userdata, pellucid_store_t *store, const pellucid_frame_t *frame, uint64_t id,
                         const pellucid_str_t *text) {
    (void)store;
    pellucidGoLogPoint((uint64_t)(uintptr_t)userdata, (void *)frame, id, (void *)text->data, text->size);
}

int32_t plgo_set_log_point_handler(pellucid_store_t *store, uint64_t key) {
    return pellucid_store_set_log_point_handler(store, (void *)(uintptr_t)key, on_log_point, drop);
}

static bool decide(void *userdata, pellucid_store_t *store, const pellucid_frame_t *frame, uint64_t id) {
    (void)store;
    return pellucidGoCondition((uint64_t)(uintptr_t)userdata, (void *)frame, id) != 0;
}

int32_t plgo_edit_set_condition(pellucid_edit_t *edit, uint64_t id, uint64_t key) {
    return pellucid_edit_set_condition(edit, id, (void *)(uintptr_t)key, decide, drop);
}

static pellucid_status_t write_bytes(void *userdata, const uint8_t *bytes, size_t n_bytes) {
    return pellucidGoWrite((uint64_t)(uintptr_t)userdata, (void *)bytes, n_bytes);
}

static pellucid_status_t read_bytes(void *userdata, uint8_t *bytes, size_t cap_bytes, size_t *out_n) {
    return pellucidGoRead((uint64_t)(uintptr_t)userdata, bytes, cap_bytes, out_n);
}

int32_t plgo_core_dump(pellucid_store_t *store, const char *name, size_t n_name, uint32_t options, uint64_t key,
                       pellucid_error_t **out_error) {
    return pellucid_store_core_dump(store, name, n_name, options, (void *)(uintptr_t)key, write_bytes, out_error);
}

struct bytes {
    uint8_t *bytes;
    size_t n_bytes, cap_bytes;
};

static pellucid_status_t collect_bytes(void *userdata, const uint8_t *bytes, size_t n_bytes) {
    struct bytes *all = userdata;
    if (n_bytes > all->cap_bytes - all->n_bytes) {
        size_t cap_bytes = 2 * all->cap_bytes + n_bytes;
        uint8_t *larger = realloc(all->bytes, cap_bytes);
        if (larger == NULL)
            return PELLUCID_ERR_SYSTEM;
        all->bytes = larger;
        all->cap_bytes = cap_bytes;
    }
    memcpy(all->bytes + all->n_bytes, bytes, n_bytes);
    all->n_bytes += n_bytes;
    return PELLUCID_OK;
}

int32_t plgo_module_serialize(const pellucid_module_t *module, uint8_t **out_bytes, size_t *out_n, pellucid_error_t **out_error) {
    struct bytes all = {NULL, 0, 0};
    pellucid_status_t status = pellucid_module_serialize(module, &all, collect_bytes, out_error);
    *out_bytes = all.bytes;
    *out_n = all.n_bytes;
    return status;
}

int32_t plgo_wasi_set_input(pellucid_wasi_config_t *config, uint64_t key) {
    return pellucid_wasi_config_set_input_callback(config, (void *)(uintptr_t)key, read_bytes, drop);
}

int32_t plgo_wasi_set_output(pellucid_wasi_config_t *config, uint32_t stream, uint64_t key) {
    return pellucid_wasi_config_set_output_callback(config, stream, (void *)(uintptr_t)key, write_bytes, drop);
}

int32_t plgo_wasi_get(pellucid_engine_t *engine, pellucid_store_t *store, pellucid_wasi_config_t *config, const char *names,
                      const uint32_t *sizes, size_t n, pellucid_extern_t *out, pellucid_error_t **out_error) {
    pellucid_linker_t *linker;
    pellucid_status_t status = pellucid_linker_new(engine, &linker);
    if (status != PELLUCID_OK) return status;
    status = pellucid_linker_define_wasi(linker, store, config, NULL, out_error);
    for (size_t i = 0; i < n && status == PELLUCID_OK; i++) {
        const char *module = names, *name = names + sizes[2 * i];
        pellucid_status_t found = pellucid_linker_get(linker, store, module, sizes[2 * i], name, sizes[2 * i + 1], &out[i]);
        if (found == PELLUCID_ERR_NOT_FOUND) out[i].reserved = 1;
        else status = found;
        names = name + sizes[2 * i + 1];
    }
    pellucid_linker_delete(linker);
    return status;
}
