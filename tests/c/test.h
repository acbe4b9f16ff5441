/* What the C tests share: checks that say where they failed, and short ways to make things.
 *
 * Each test is a program of its own that ends with `return finish();`. */

#ifndef TEST_H
#define TEST_H

#include "pellucid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static inline bool check(bool holds, const char *what, const char *file, int line) {
    if (!holds) {
        fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
        failures++;
    }
    return holds;
}

#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)

/* The error of the call that was made last with ERR. */
static pellucid_error_t *last_error;

static inline pellucid_error_t **fresh_error(void) {
    pellucid_error_delete(last_error);
    last_error = NULL;
    return &last_error;
}

#define ERR fresh_error()

static inline pellucid_str_t status_name(pellucid_status_t status) {
    pellucid_str_t name = {"unknown status", 14};
    (void)pellucid_status_name(status, &name);
    return name;
}

static inline bool check_status(pellucid_status_t expected, pellucid_status_t status, const char *what,
                                const char *file, int line) {
    if (status == expected) {
        return true;
    }
    pellucid_str_t name = status_name(status), text;
    fprintf(stderr, "%s:%d: %.*s, which is %d, instead of %d: %s\n", file, line, (int)name.size, name.data, status, expected,
            what);
    if (last_error != NULL && pellucid_error_text(last_error, &text) == PELLUCID_OK) {
        fprintf(stderr, "    last error: %.*s\n", (int)text.size, text.data);
    }
    failures++;
    return false;
}

#define STATUS(expected, call) check_status((expected), (call), #call, __FILE__, __LINE__)
#define OK(call) STATUS(PELLUCID_OK, call)
#define MUST(call)                                                                                                    \
    do {                                                                                                              \
        if (!OK(call)) {                                                                                              \
            exit(1);                                                                                                  \
        }                                                                                                             \
    } while (0)

/* A literal as pointer and length. */
#define TEXT(literal) (literal), (sizeof(literal) - 1)

static inline bool same_text(pellucid_str_t text, const char *expected) {
    return text.size == strlen(expected) && memcmp(text.data, expected, text.size) == 0;
}

static inline bool message_has(const pellucid_error_t *error, const char *part) {
    pellucid_str_t message;
    if (pellucid_error_message(error, &message) != PELLUCID_OK) {
        return false;
    }
    size_t n = strlen(part);
    for (size_t i = 0; i + n <= message.size; i++) {
        if (memcmp(message.data + i, part, n) == 0) {
            return true;
        }
    }
    fprintf(stderr, "    message: %.*s\n", (int)message.size, message.data);
    return false;
}

static pellucid_engine_t *engine;
static pellucid_store_t *store;

/* Whether engines do without signals, and guests look whether they are to be interrupted. */
static bool has_checks;

static inline void open_world(bool is_debug) {
    pellucid_config_t *config;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, is_debug));
    MUST(pellucid_config_set_signal_handlers(config, !has_checks));
    MUST(pellucid_config_set_interrupt_checks(config, has_checks));
    MUST(pellucid_config_set_compile_threads(config, 1));
    MUST(pellucid_engine_new(config, &engine, ERR));
    pellucid_config_delete(config);
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
}

static inline void close_world(void) {
    pellucid_store_delete(store);
    pellucid_engine_delete(engine);
    store = NULL;
    engine = NULL;
}

static inline pellucid_module_t *module_of(const char *wat) {
    pellucid_module_t *module = NULL;
    MUST(pellucid_module_new_text(engine, wat, strlen(wat), &module, ERR));
    return module;
}

/* A module in a file of the project's. */
static inline pellucid_module_t *module_of_file(const char *path) {
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    size_t n_bytes = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    pellucid_module_t *module = NULL;
    MUST(pellucid_module_new(engine, bytes, n_bytes, &module, ERR));
    return module;
}

static inline pellucid_instance_t instance_of(const char *wat) {
    pellucid_module_t *module = module_of(wat);
    pellucid_instance_t instance;
    MUST(pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
    pellucid_module_delete(module);
    return instance;
}

static inline pellucid_extern_t export_of(pellucid_instance_t instance, const char *name) {
    pellucid_extern_t item;
    MUST(pellucid_instance_export(store, &instance, name, strlen(name), &item));
    return item;
}

static inline pellucid_func_t func_of(pellucid_instance_t instance, const char *name) {
    pellucid_extern_t item = export_of(instance, name);
    CHECK(item.kind == PELLUCID_EXTERN_FUNC);
    return item.of.func;
}

/* A host function of such a type, for a module to import. */
static inline pellucid_extern_t host_import(const pellucid_kind_t *params, size_t n_params, const pellucid_kind_t *results,
                                            size_t n_results, pellucid_func_cb_t cb) {
    pellucid_functype_t *type;
    pellucid_extern_t import = {.kind = PELLUCID_EXTERN_FUNC};
    MUST(pellucid_functype_new(params, n_params, results, n_results, &type));
    MUST(pellucid_func_new(store, type, NULL, cb, NULL, &import.of.func, ERR));
    pellucid_functype_delete(type);
    return import;
}

static inline pellucid_value_t value_i32(int32_t number) {
    pellucid_value_t value = {0};
    value.kind = PELLUCID_I32;
    value.of.i32 = number;
    return value;
}

static inline pellucid_value_t value_i64(int64_t number) {
    pellucid_value_t value = {0};
    value.kind = PELLUCID_I64;
    value.of.i64 = number;
    return value;
}

static inline pellucid_value_t value_of(pellucid_kind_t kind) {
    pellucid_value_t value = {0};
    value.kind = kind;
    return value;
}

/* Adds a breakpoint at the first operator of a function; answers its id. */
static inline uint64_t break_at_function(pellucid_store_t *in, const pellucid_module_t *module, uint32_t function) {
    pellucid_edit_t *edit;
    uint64_t id;
    MUST(pellucid_edit_begin(in, &edit));
    MUST(pellucid_edit_add_at_function(edit, module, function, &id, NULL));
    MUST(pellucid_edit_commit(edit, NULL));
    pellucid_edit_delete(edit);
    return id;
}

static inline void remove_breakpoint(uint64_t id) {
    pellucid_edit_t *edit;
    MUST(pellucid_edit_begin(store, &edit));
    MUST(pellucid_edit_remove(edit, id));
    MUST(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
}

static inline pellucid_event_kind_t event_of(pellucid_call_t *call) {
    const pellucid_event_t *event;
    return OK(pellucid_call_event(call, &event)) ? pellucid_event_kind(event) : 0;
}

static inline pellucid_frame_t frame_of(pellucid_call_t *call) {
    pellucid_frame_t frame;
    MUST(pellucid_call_frame(call, &frame));
    return frame;
}

static inline uint32_t depth_of(pellucid_call_t *call) {
    pellucid_frame_t frame = frame_of(call);
    uint32_t count = 1;
    while (pellucid_frame_caller(store, &frame, &frame) == PELLUCID_OK)
        count++;
    return count;
}

/* Counts how often a finalizer ran: its userdata is an int. */
static inline void count(void *userdata) {
    ++*(int *)userdata;
}

static inline int finish(void) {
    pellucid_error_delete(last_error);
    if (failures == 0) {
        printf("ok\n");
    }
    return failures == 0 ? 0 : 1;
}

#endif
