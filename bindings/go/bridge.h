// What the package calls: one C function for each crossing that is made often, and callbacks that hand on to Go.
#ifndef PELLUCID_GO_BRIDGE_H
#define PELLUCID_GO_BRIDGE_H

#ifndef PELLUCID_GO_LINKED
#error "pellucid has no static library for this platform: install the shared one, and build with -tags pellucid_shared"
#endif

#include <stdlib.h>
#include "pellucid.h"

// A call's place in its store's scratch memory; the values follow.
typedef struct {
    pellucid_func_t func;
    pellucid_error_t *error;
    uint16_t n_args;
    uint16_t n_results;
    // Whether the store's guests rely on signals.
    uint32_t has_signals;
} plgo_frame_t;

int32_t plgo_call_raw(uintptr_t store, uintptr_t frame);
int32_t plgo_call_values(uintptr_t store, uintptr_t frame);
int32_t plgo_store_new(pellucid_engine_t *engine, uint64_t slot, pellucid_store_t **out, pellucid_error_t **out_error);
int32_t plgo_func_new(pellucid_store_t *store, const uint32_t *kinds, size_t n_params, size_t n_results, uint64_t key,
                      bool has_references, pellucid_func_t *out, pellucid_error_t **out_error);
int32_t plgo_externref_new(pellucid_store_t *store, uint64_t key, pellucid_externref_t *out);
int32_t plgo_externref_key(pellucid_store_t *store, const pellucid_externref_t *ref, uint64_t *out_key);
int32_t plgo_caller_memory(uintptr_t caller, const char *name, size_t n_name, pellucid_memory_t *out, uint8_t **out_data,
                           size_t *out_size);
int32_t plgo_set_event_handler(pellucid_store_t *store, uint32_t mask, uint64_t key);
int32_t plgo_set_log_point_handler(pellucid_store_t *store, uint64_t key);
int32_t plgo_edit_set_condition(pellucid_edit_t *edit, uint64_t id, uint64_t key);
/* Whatever it answers, *out_bytes is to be freed. */
int32_t plgo_module_serialize(const pellucid_module_t *module, uint8_t **out_bytes, size_t *out_n, pellucid_error_t **out_error);
int32_t plgo_core_dump(pellucid_store_t *store, const char *name, size_t n_name, uint32_t options, uint64_t key,
                       pellucid_error_t **out_error);
int32_t plgo_wasi_set_input(pellucid_wasi_config_t *config, uint64_t key);
int32_t plgo_wasi_set_output(pellucid_wasi_config_t *config, uint32_t stream, uint64_t key);
int32_t plgo_wasi_get(pellucid_engine_t *engine, pellucid_store_t *store, pellucid_wasi_config_t *config, const char *names,
                      const uint32_t *sizes, size_t n, pellucid_extern_t *out, pellucid_error_t **out_error);

#endif
