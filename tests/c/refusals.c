/* Memory that is refused: functions that make something small answer a status, however little is left.
 *
 * Each is tried in child processes that have used up all their memory but for so many bytes. */

#define _GNU_SOURCE

#include "test.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static pellucid_module_t *module;
static pellucid_linker_t *linker;
static pellucid_functype_t *functype;
static pellucid_edit_t *edit;
static pellucid_wasi_config_t *wasi_config;
static pellucid_instance_t instance;
static pellucid_func_t deep;
static pellucid_error_t *error;

static pellucid_status_t host(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    return PELLUCID_OK;
}

static pellucid_status_t try_config(void) {
    pellucid_config_t *config;
    return pellucid_config_new(&config);
}

static pellucid_status_t try_engine(void) {
    pellucid_engine_t *other;
    return pellucid_engine_new(NULL, &other, &error);
}

static pellucid_status_t try_engine_clone(void) {
    pellucid_engine_t *other;
    return pellucid_engine_clone(engine, &other);
}

static pellucid_status_t try_store(void) {
    pellucid_store_t *other;
    return pellucid_store_new(engine, NULL, NULL, &other, &error);
}

static pellucid_status_t try_functype(void) {
    static pellucid_kind_t kinds[1000];
    for (int i = 0; i < 1000; i++) {
        kinds[i] = PELLUCID_I64;
    }
    pellucid_functype_t *type;
    return pellucid_functype_new(kinds, 1000, kinds, 1000, &type);
}

static pellucid_status_t try_module_func_type(void) {
    pellucid_functype_t *type;
    return pellucid_module_func_type(module, 0, &type);
}

static pellucid_status_t try_module_clone(void) {
    pellucid_module_t *other;
    return pellucid_module_clone(module, &other);
}

static pellucid_status_t try_module(void) {
    pellucid_module_t *other;
    return pellucid_module_new_text(engine, TEXT("(module (func (export \"f\")))"), &other, &error);
}

static pellucid_status_t try_func(void) {
    pellucid_func_t func;
    return pellucid_func_new(store, functype, NULL, host, NULL, &func, &error);
}

static pellucid_status_t try_memory(void) {
    pellucid_memorytype_t type = {.minimum = 1};
    pellucid_memory_t memory;
    return pellucid_memory_new(store, &type, &memory, &error);
}

static pellucid_status_t try_table(void) {
    pellucid_tabletype_t type = {.element = PELLUCID_FUNCREF, .minimum = 10};
    pellucid_value_t null = value_of(PELLUCID_FUNCREF);
    pellucid_table_t table;
    return pellucid_table_new(store, &type, &null, &table, &error);
}

static pellucid_status_t try_global(void) {
    pellucid_globaltype_t type = {.kind = PELLUCID_I32, .is_mutable = true};
    pellucid_value_t value = value_i32(1);
    pellucid_global_t global;
    return pellucid_global_new(store, &type, &value, &global, &error);
}

static pellucid_status_t try_externref(void) {
    pellucid_externref_t reference;
    pellucid_status_t status = PELLUCID_OK;
    /* Until the store's list has to grow. */
    for (int i = 0; i < 1000 && status == PELLUCID_OK; i++) {
        status = pellucid_externref_new(store, NULL, NULL, &reference);
    }
    return status;
}

static pellucid_status_t try_linker(void) {
    pellucid_linker_t *other;
    return pellucid_linker_new(engine, &other);
}

static pellucid_status_t try_define(void) {
    pellucid_extern_t item = {.kind = PELLUCID_EXTERN_FUNC, .of.func = deep};
    pellucid_status_t status = PELLUCID_OK;
    char name[8];
    for (int i = 0; i < 500 && status == PELLUCID_OK; i++) {
        snprintf(name, sizeof name, "%d", i);
        status = pellucid_linker_define(linker, store, TEXT("m"), name, strlen(name), &item, &error);
    }
    return status;
}

static pellucid_status_t try_define_func(void) {
    return pellucid_linker_define_func(linker, store, TEXT("m"), TEXT("f"), functype, NULL, host, NULL, &error);
}

static pellucid_status_t try_define_instance(void) {
    return pellucid_linker_define_instance(linker, store, TEXT("i"), &instance, &error);
}

static pellucid_status_t try_define_unknown(void) {
    return pellucid_linker_define_unknown_as_traps(linker, store, module, &error);
}

static pellucid_status_t try_edit(void) {
    pellucid_edit_t *other;
    return pellucid_edit_begin(store, &other);
}

static pellucid_status_t try_store_delete(void) {
    pellucid_edit_delete(edit);
    pellucid_store_delete(store);
    return PELLUCID_OK;
}

static pellucid_status_t try_edit_add(void) {
    uint64_t id;
    pellucid_status_t status = PELLUCID_OK;
    /* Until the session's list has to grow beyond every small block. */
    for (int i = 0; i < 5000 && status == PELLUCID_OK; i++) {
        status = pellucid_edit_add_at_function(edit, module, 1, &id, NULL);
    }
    return status;
}

static pellucid_status_t try_wasi_config(void) {
    pellucid_wasi_config_t *config;
    return pellucid_wasi_config_new(&config);
}

static pellucid_status_t try_error(void) {
    static char message[100000];
    memset(message, 'm', sizeof message);
    pellucid_error_t *made;
    return pellucid_error_new(message, sizeof message, &made);
}

/* What fails anyhow gives an error object, which says what it can. */
static pellucid_status_t try_failure(void) {
    pellucid_extern_t item = {.kind = 77};
    pellucid_status_t status = pellucid_linker_define(linker, store, TEXT("m"), TEXT("f"), &item, &error);
    return status == PELLUCID_ERR_INVALID_ARGUMENT ? PELLUCID_OK : status;
}

/* The names in a backtrace are as long as the module wants. */
static pellucid_status_t try_trap(void) {
    pellucid_status_t status = pellucid_func_call_raw(store, &deep, NULL, 0, &error);
    return status == PELLUCID_ERR_TRAP ? PELLUCID_OK : status;
}

static const struct {
    const char *name;
    pellucid_status_t (*attempt)(void);
} ATTEMPTS[] = {
    {"pellucid_config_new", try_config},
    {"pellucid_engine_new", try_engine},
    {"pellucid_engine_clone", try_engine_clone},
    {"pellucid_store_new", try_store},
    {"pellucid_functype_new", try_functype},
    {"pellucid_module_func_type", try_module_func_type},
    {"pellucid_module_clone", try_module_clone},
    {"pellucid_module_new_text", try_module},
    {"pellucid_func_new", try_func},
    {"pellucid_memory_new", try_memory},
    {"pellucid_table_new", try_table},
    {"pellucid_global_new", try_global},
    {"pellucid_externref_new", try_externref},
    {"pellucid_linker_new", try_linker},
    {"pellucid_linker_define", try_define},
    {"pellucid_linker_define_func", try_define_func},
    {"pellucid_linker_define_instance", try_define_instance},
    {"pellucid_linker_define_unknown_as_traps", try_define_unknown},
    {"pellucid_store_delete (never fails)", try_store_delete},
    {"pellucid_edit_begin", try_edit},
    {"pellucid_edit_add_at_function", try_edit_add},
    {"pellucid_wasi_config_new", try_wasi_config},
    {"pellucid_error_new", try_error},
    {"pellucid_linker_define (failing)", try_failure},
    {"pellucid_func_call_raw (trapping)", try_trap},
};

/* Takes all memory, and gives back a block of so many bytes. */
static void exhaust(size_t left) {
    struct rlimit none = {0, 0};
    void *block = left == 0 ? NULL : malloc(left);
    setrlimit(RLIMIT_AS, &none);
    for (size_t size = 1 << 20; size >= 4096; size /= 2) {
        while (malloc(size) != NULL) {
        }
    }
    for (size_t size = 4096; size >= 16; size -= 16) {
        while (malloc(size) != NULL) {
        }
    }
    free(block);
}

static int attempt(size_t which, size_t left) {
    exhaust(left);
    pellucid_status_t status = ATTEMPTS[which].attempt();
    if (status != PELLUCID_OK && status != PELLUCID_ERR_SYSTEM) {
        return 3;
    }
    /* What there is of an error can be used. */
    pellucid_str_t text;
    if (status == PELLUCID_ERR_SYSTEM && error != NULL) {
        if (pellucid_error_status(error) != PELLUCID_ERR_SYSTEM || pellucid_error_text(error, &text) != PELLUCID_OK ||
            text.size == 0) {
            return 4;
        }
    } else if (error != NULL) {
        pellucid_error_text(error, &text);
    }
    pellucid_error_delete(error);
    return status == PELLUCID_OK ? 1 : 2;
}

int main(void) {
    static const size_t LEFT[] = {0, 24, 200, 1000, 4000, 10000, 16000, 20000, 30000, 60000, 130000, 300000, 1000000};
    enum { N_LEFT = sizeof LEFT / sizeof *LEFT };
    open_world(true);
    static char wat[120000];
    static char name[100000];
    memset(name, 'n', sizeof name - 1);
    snprintf(wat, sizeof wat,
             "(module (import \"env\" \"f\" (func)) (func (export \"%s\") (call 0)) (func $%s (export \"deep\") (call 2)))", "f",
             name);
    module = module_of(wat);
    MUST(pellucid_functype_new(NULL, 0, NULL, 0, &functype));
    MUST(pellucid_linker_new(engine, &linker));
    MUST(pellucid_linker_define_func(linker, store, TEXT("env"), TEXT("f"), functype, NULL, host, NULL, ERR));
    MUST(pellucid_linker_instantiate(linker, store, module, &instance, ERR));
    pellucid_linker_delete(linker);
    MUST(pellucid_linker_new(engine, &linker));
    deep = func_of(instance, "deep");
    MUST(pellucid_edit_begin(store, &edit));
    MUST(pellucid_wasi_config_new(&wasi_config));
    /* The first trap of a thread finds out about its stacks. */
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call_raw(store, &deep, NULL, 0, ERR));
    pellucid_error_delete(last_error);
    last_error = NULL;
    for (size_t i = 0; i < sizeof ATTEMPTS / sizeof *ATTEMPTS; i++) {
        int refused = 0;
        for (int j = 0; j < N_LEFT; j++) {
            pid_t child = fork();
            if (child == 0) {
                _exit(attempt(i, LEFT[j]));
            }
            int status;
            waitpid(child, &status, 0);
            bool ended = WIFEXITED(status) && (WEXITSTATUS(status) == 1 || WEXITSTATUS(status) == 2);
            if (!ended) {
                fprintf(stderr, "%s with %zu bytes left: %s %d\n", ATTEMPTS[i].name, LEFT[j],
                        WIFEXITED(status) ? "code" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
                failures++;
            }
            refused += ended && WEXITSTATUS(status) == 2;
        }
        /* Where errors are made, and backtraces, less is said. */
        bool fails_anyhow = strchr(ATTEMPTS[i].name, '(') != NULL;
        if (refused == 0 && !fails_anyhow) {
            fprintf(stderr, "%s was never refused\n", ATTEMPTS[i].name);
            failures++;
        }
    }
    pellucid_wasi_config_delete(wasi_config);
    pellucid_edit_delete(edit);
    pellucid_functype_delete(functype);
    pellucid_linker_delete(linker);
    pellucid_module_delete(module);
    close_world();
    return finish();
}
