/* Runs a WASI program, as a shell would run a native one.
 *
 *   pellucid-run [--dir HOST[::GUEST]] [--env NAME=VALUE] [--listen ADDRESS:PORT] [--threads N] [--debug]
 *                [--dump-core CORE] [--invoke NAME] FILE.wasm [ARGUMENT...]
 *   pellucid-run --core FILE.wasm CORE
 *
 *   --dir HOST[::GUEST]  lets the program reach the folder HOST, under the same path or under GUEST
 *   --env NAME=VALUE     sets an environment variable
 *   --listen ADDRESS:PORT  gives the program a socket that listens there, behind the folders: descriptor 3 if there are none. For
 *                        the port 0 the system chooses one, which is told on standard error
 *   --threads N          lets a program with threads start as many at a time; 64 unless set
 *   --debug              compiles so that the program can be debugged
 *   --dump-core CORE     compiles so, too, and if the program traps writes a core dump to the file CORE
 *   --invoke NAME        calls this export with the arguments as numbers, instead of starting the program, and prints the
 *                        results, each on a line; a vector is 0x and hexadecimal digits, the last lane first
 *
 *   --core               shows what is in the core dump CORE of the program FILE.wasm, which may be text and isn't run: each call's
 *                        backtrace with locals and operands, sizes of memories, globals
 *
 * The exit code is the program's. If it traps, message and backtrace go to standard error, and the exit code is 134, as if
 * it had been aborted. It is 1 if the program couldn't be started, and 2 for arguments that make no sense. */
#define _POSIX_C_SOURCE 200809L
#define PROGRAM_NAME "pellucid-run"
#include "core_dump.h"
#include "pellucid.h"
#include "program.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EXIT_TRAPPED = 134 };

/* Compiled programs nest calls deeply: interpreters, parsers. */
static const uint64_t stack_bytes = 16 << 20;

struct options {
    bool is_debug;
    bool shows_core;
    const char *core; /* to write to */
    uint32_t most_threads;
    const char *invoke;
    const char *file;
    char **args; /* the file's name first */
    int n_args;
};

/* The program's threads, if it has any. */
static pellucid_wasi_threads_t *threads;

/* Ends the program as the guest has ended, unless it simply returned. */
static void finish_if_ended(pellucid_status_t status, pellucid_error_t **error)
{
    uint32_t code;
    if (status == PELLUCID_OK)
        return;
    /* All threads end with the program, and the first that has failed or exited decides. */
    if (threads != NULL) {
        pellucid_error_t *verdict = NULL;
        pellucid_status_t ended = pellucid_wasi_threads_end(threads, &verdict);
        if (ended != PELLUCID_OK) {
            status = ended;
            *error = verdict;
        }
    }
    if (pellucid_error_exit_code(*error, &code) == PELLUCID_OK)
        exit((int)code);
    end_unless_ok(EXIT_TRAPPED, status, error);
}

static void set_env(pellucid_wasi_config_t *wasi, const char *variable)
{
    const char *equals = strchr(variable, '=');
    if (equals == NULL || pellucid_wasi_config_set_env(wasi, variable, (size_t)(equals - variable), equals + 1,
                                                       strlen(equals + 1)) != PELLUCID_OK)
        fail(EXIT_USAGE, "'%s' isn't NAME=VALUE", variable);
}

static int listen_at(const struct addrinfo *at)
{
    int yes = 1, listener = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
    if (listener < 0)
        return -1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, at->ai_addr, at->ai_addrlen) == 0 && listen(listener, SOMAXCONN) == 0)
        return listener;
    close(listener);
    return -1;
}

static void add_listener(pellucid_wasi_config_t *wasi, const char *place)
{
    const char *colon = strrchr(place, ':');
    char *end = NULL;
    if (colon == NULL || strtoul(colon + 1, &end, 10) > 65535 || colon[1] < '0' || colon[1] > '9' || *end != 0)
        fail(EXIT_USAGE, "'%s' isn't ADDRESS:PORT", place);
    /* An address of IPv6 is in brackets. */
    bool has_brackets = place[0] == '[' && colon > place + 1 && colon[-1] == ']';
    size_t n_host = (size_t)(colon - place);
    char host[256] = {0};
    if (n_host >= sizeof host)
        fail(EXIT_USAGE, "'%s' isn't ADDRESS:PORT", place);
    memcpy(host, place + has_brackets, n_host - 2 * has_brackets);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    int wrong = getaddrinfo(host[0] != 0 ? host : NULL, colon + 1, &hints, &found);
    if (wrong != 0)
        fail(EXIT_USAGE, "%s: %s", place, gai_strerror(wrong));
    int listener = -1;
    for (const struct addrinfo *at = found; at != NULL && listener < 0; at = at->ai_next)
        listener = listen_at(at);
    if (listener < 0)
        fail(EXIT_CANNOT_START, "%s: %s", place, strerror(errno));
    freeaddrinfo(found);
    if (strcmp(colon, ":0") == 0) {
        struct sockaddr_storage address = {0};
        socklen_t n_address = sizeof address;
        char port[16] = "?";
        getsockname(listener, (struct sockaddr *)&address, &n_address);
        getnameinfo((struct sockaddr *)&address, n_address, NULL, 0, port, sizeof port, NI_NUMERICSERV);
        fprintf(stderr, "listening on port %s\n", port);
    }
    pellucid_error_t *error = NULL;
    must(pellucid_wasi_config_add_socket(wasi, listener, &error), &error);
    close(listener);
}

static uint32_t parse_count(const char *text)
{
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != 0 || errno != 0 || number > UINT32_MAX)
        fail(EXIT_USAGE, "'%s' isn't a number of threads", text);
    return (uint32_t)number;
}

static struct options parse(int argc, char **argv, pellucid_wasi_config_t *wasi)
{
    struct options options = {.most_threads = 64};
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        const char *option = argv[i];
        if (strcmp(option, "--debug") == 0) {
            options.is_debug = true;
            continue;
        }
        if (strcmp(option, "--core") == 0) {
            options.shows_core = true;
            continue;
        }
        if (strcmp(option, "--") == 0) {
            i++;
            break;
        }
        if (i + 1 == argc)
            fail(EXIT_USAGE, "%s is unknown, or something is missing after it", option);
        const char *value = argv[++i];
        if (strcmp(option, "--dir") == 0)
            add_folder(wasi, value);
        else if (strcmp(option, "--env") == 0)
            set_env(wasi, value);
        else if (strcmp(option, "--listen") == 0)
            add_listener(wasi, value);
        else if (strcmp(option, "--threads") == 0)
            options.most_threads = parse_count(value);
        else if (strcmp(option, "--dump-core") == 0)
            options.core = value;
        else if (strcmp(option, "--invoke") == 0)
            options.invoke = value;
        else
            fail(EXIT_USAGE, "%s is unknown", option);
    }
    if (i >= argc || (options.shows_core && argc - i != 2))
        fail(EXIT_USAGE, "usage: [--dir HOST[::GUEST]] [--env NAME=VALUE] [--listen ADDRESS:PORT] [--threads N] [--debug] "
                         "[--dump-core CORE] [--invoke NAME] FILE.wasm [ARGUMENT...], or: --core FILE.wasm CORE");
    options.is_debug = options.is_debug || options.core != NULL;
    options.file = argv[i];
    options.args = argv + i;
    options.n_args = argc - i;
    return options;
}

/* A vector as one number: 0x and up to 32 digits. Answers where it ends: at `text` if there is none. */
static char *parse_vector(char *text, uint8_t bytes[16])
{
    static const char hexadecimal[] = "0123456789abcdef";
    size_t n = strlen(text);
    if (n < 3 || n > 34 || text[0] != '0' || (text[1] | 32) != 'x')
        return text;
    for (size_t place = 0; place < n - 2; place++) {
        char digit = text[n - 1 - place];
        const char *found = memchr(hexadecimal, digit >= 'A' && digit <= 'F' ? digit | 32 : digit, 16);
        if (found == NULL)
            return text;
        bytes[place / 2] |= (uint8_t)((found - hexadecimal) << 4 * (place % 2));
    }
    return text + n;
}

static pellucid_value_t parse_value(pellucid_kind_t kind, char *text)
{
    pellucid_value_t value = {0};
    char *end = NULL;
    value.kind = kind;
    errno = 0;
    if (kind == PELLUCID_I32 || kind == PELLUCID_I64) {
        /* Both signed and unsigned numbers are understood. */
        bool is_negative = text[0] == '-';
        int64_t number = is_negative ? strtoll(text, &end, 0) : (int64_t)strtoull(text, &end, 0);
        if (kind == PELLUCID_I64) {
            value.of.i64 = number;
        } else {
            if (number < INT32_MIN || number > UINT32_MAX)
                errno = ERANGE;
            value.of.i32 = (int32_t)(uint32_t)number;
        }
    } else if (kind == PELLUCID_F32) {
        value.of.f32 = strtof(text, &end);
    } else if (kind == PELLUCID_F64) {
        value.of.f64 = strtod(text, &end);
    } else if (kind == PELLUCID_V128) {
        end = parse_vector(text, value.of.v128);
    } else {
        fail(EXIT_USAGE, "the function takes something that isn't a number");
    }
    bool is_integer = kind == PELLUCID_I32 || kind == PELLUCID_I64;
    if (end == text || *end != '\0' || (is_integer && errno != 0))
        fail(EXIT_USAGE, "'%s' isn't a number of the kind that the function takes", text);
    return value;
}

static void print_value(const pellucid_value_t *value)
{
    switch (value->kind) {
    case PELLUCID_I32:
        printf("%" PRId32 "\n", value->of.i32);
        break;
    case PELLUCID_I64:
        printf("%" PRId64 "\n", value->of.i64);
        break;
    case PELLUCID_F32:
        printf("%.9g\n", value->of.f32);
        break;
    case PELLUCID_F64:
        printf("%.17g\n", value->of.f64);
        break;
    case PELLUCID_V128:
        printf("0x");
        for (int place = 15; place >= 0; place--)
            printf("%02x", value->of.v128[place]);
        printf("\n");
        break;
    default:
        printf("(a reference)\n");
    }
}

static bool find_func(pellucid_store_t *store, const pellucid_instance_t *instance, const char *name,
                      pellucid_func_t *out_func)
{
    pellucid_extern_t item;
    if (pellucid_instance_export(store, instance, name, strlen(name), &item) != PELLUCID_OK
        || item.kind != PELLUCID_EXTERN_FUNC)
        return false;
    *out_func = item.of.func;
    return true;
}

/* Calls an export with arguments from the command line, and prints its results. */
static void invoke(pellucid_store_t *store, const pellucid_instance_t *instance, const struct options *options)
{
    pellucid_func_t func;
    if (!find_func(store, instance, options->invoke, &func))
        fail(EXIT_USAGE, "%s exports no function '%s'", options->file, options->invoke);
    pellucid_functype_t *type;
    const pellucid_kind_t *params;
    size_t n_params, n_results;
    must(pellucid_func_type(store, &func, &type), NULL);
    must(pellucid_functype_params(type, &params, &n_params), NULL);
    must(pellucid_functype_results(type, NULL, &n_results), NULL);
    if ((size_t)options->n_args - 1 != n_params)
        fail(EXIT_USAGE, "'%s' takes %zu arguments, not %d", options->invoke, n_params, options->n_args - 1);
    pellucid_value_t *values = calloc(n_params + n_results + 1, sizeof *values), *results = values + n_params;
    if (values == NULL)
        fail(EXIT_CANNOT_START, "out of memory");
    for (size_t i = 0; i < n_params; i++)
        values[i] = parse_value(params[i], options->args[i + 1]);
    pellucid_functype_delete(type);
    pellucid_error_t *error = NULL;
    finish_if_ended(pellucid_func_call(store, &func, values, n_params, results, n_results, &error), &error);
    for (size_t i = 0; i < n_results; i++)
        print_value(&results[i]);
    free(values);
}

/* Writes a core dump while the frames are there. `userdata` is where to. */
static pellucid_action_t on_trap(void *userdata, pellucid_store_t *store, pellucid_event_t *event)
{
    (void)event;
    const char *path = userdata;
    pellucid_error_t *error = NULL;
    pellucid_str_t text = {0};
    if (pellucid_store_core_dump_file(store, "pellucid-run", strlen("pellucid-run"), 0, path, strlen(path), &error) == PELLUCID_OK) {
        fprintf(stderr, "pellucid-run: a core dump is in %s\n", path);
    } else {
        pellucid_error_text(error, &text);
        fprintf(stderr, "pellucid-run: no core dump: %.*s\n", (int)text.size, text.data);
        pellucid_error_delete(error);
    }
    return PELLUCID_ACTION_CONTINUE;
}

static void watch_for_traps(pellucid_store_t *store, const char *path)
{
    const pellucid_event_kind_t mask = PELLUCID_EVENT_TRAP | PELLUCID_EVENT_HOST_ERROR | PELLUCID_EVENT_UNCAUGHT_EXCEPTION;
    must(pellucid_store_set_event_handler(store, mask, (void *)path, on_trap, NULL), NULL);
}

/* Prints what a core dump says. */
static int show_core(const pellucid_module_t *module, const char *path)
{
    size_t n_bytes;
    pellucid_bytes_t section;
    uint8_t *bytes = read_all(path, &n_bytes);
    bool is_good = core_print_dump(bytes, n_bytes, module);
    free(bytes);
    if (fflush(stdout) != 0 || !is_good)
        fprintf(stderr, "pellucid-run: %s isn't a core dump, or not a whole one\n", path);
    if (!is_good && pellucid_module_section(module, "core", 4, &section) == PELLUCID_OK)
        fprintf(stderr, "pellucid-run: but what is before it is one; the program comes first\n");
    return is_good ? 0 : EXIT_CANNOT_START;
}

/* Prepares the store of a thread of the program. */
static pellucid_status_t prepare_thread(void *userdata, uint32_t thread, pellucid_store_t *store, pellucid_linker_t *linker,
                                        pellucid_error_t **out_error)
{
    (void)thread, (void)linker, (void)out_error;
    if (userdata != NULL)
        watch_for_traps(store, userdata);
    return PELLUCID_OK;
}

/* Whether a program starts threads: it imports `wasi.thread-spawn`. */
static bool has_threads(const pellucid_module_t *module)
{
    pellucid_str_t from, name;
    for (size_t i = 0; pellucid_module_import(module, i, &from, &name, NULL, NULL) == PELLUCID_OK; i++)
        if (from.size == 4 && memcmp(from.data, "wasi", 4) == 0 && name.size == 12
            && memcmp(name.data, "thread-spawn", 12) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    pellucid_wasi_config_t *wasi;
    pellucid_config_t *config;
    pellucid_engine_t *engine;
    pellucid_module_t *module;
    pellucid_store_t *store;
    pellucid_linker_t *linker;
    pellucid_instance_t instance;
    pellucid_func_t func;
    pellucid_error_t *error = NULL;

    must(pellucid_wasi_config_new(&wasi), NULL);
    struct options options = parse(argc, argv, wasi);
    for (int i = 0; i < options.n_args; i++)
        if (pellucid_wasi_config_add_arg(wasi, options.args[i], strlen(options.args[i])) != PELLUCID_OK)
            fail(EXIT_USAGE, "argument %d isn't UTF-8", i);
    for (pellucid_wasi_stream_t stream = PELLUCID_WASI_STDIN; stream <= PELLUCID_WASI_STDERR; stream++)
        must(pellucid_wasi_config_set_stream(wasi, stream, PELLUCID_WASI_INHERIT), NULL);

    must(pellucid_config_new(&config), NULL);
    must(pellucid_config_set_debug(config, options.is_debug), NULL);
    must(pellucid_config_set_limit(config, PELLUCID_LIMIT_STACK_BYTES, stack_bytes), NULL);
    must(pellucid_engine_new(config, &engine, &error), &error);
    size_t n_wasm;
    uint8_t *wasm = read_all(options.file, &n_wasm);
    /* A dump may be of a program that pellucid-debug has run as text. */
    bool is_text = options.shows_core && (n_wasm < 4 || memcmp(wasm, "\0asm", 4) != 0);
    must(is_text ? pellucid_module_new_text(engine, (const char *)wasm, n_wasm, &module, &error)
                 : pellucid_module_new(engine, wasm, n_wasm, &module, &error),
         &error);
    free(wasm);
    if (options.shows_core)
        exit(show_core(module, options.args[1]));

    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    if (options.core != NULL)
        watch_for_traps(store, options.core);
    must(pellucid_linker_new(engine, &linker), NULL);
    if (has_threads(module)) {
        must(pellucid_wasi_threads_new(module, wasi, options.most_threads, (void *)options.core, prepare_thread, NULL,
                                       &threads, NULL, &error),
             &error);
        must(pellucid_linker_define_wasi_threads(linker, store, threads, &error), &error);
    } else {
        must(pellucid_linker_define_wasi(linker, store, wasi, NULL, &error), &error);
    }
    pellucid_status_t status = pellucid_linker_instantiate(linker, store, module, &instance, &error);
    /* A start function may trap, throw or exit like any other. */
    if (status == PELLUCID_ERR_TRAP || status == PELLUCID_ERR_EXCEPTION || status == PELLUCID_ERR_EXIT)
        finish_if_ended(status, &error);
    must(status, &error);

    /* A library, rather than a program, wants to be initialized. */
    if (find_func(store, &instance, "_initialize", &func))
        finish_if_ended(pellucid_func_call(store, &func, NULL, 0, NULL, 0, &error), &error);
    if (options.invoke != NULL)
        invoke(store, &instance, &options);
    else if (find_func(store, &instance, "_start", &func))
        finish_if_ended(pellucid_func_call(store, &func, NULL, 0, NULL, 0, &error), &error);

    /* When the first thread has returned the program is over. */
    if (threads != NULL)
        finish_if_ended(pellucid_wasi_threads_end(threads, &error), &error);

    pellucid_wasi_threads_delete(threads);
    pellucid_linker_delete(linker);
    pellucid_store_delete(store);
    pellucid_module_delete(module);
    pellucid_engine_delete(engine);
    pellucid_config_delete(config);
    pellucid_wasi_config_delete(wasi);
    return 0;
}
