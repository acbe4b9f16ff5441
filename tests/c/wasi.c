/* WASI: what a guest gets, what it writes, how it ends. */

#define _DEFAULT_SOURCE
#include "test.h"

#include <unistd.h>

/* Copies its standard input to standard output, then exits with the number of its arguments. */
static const char *const PROGRAM =
    "(module"
    "  (import \"wasi_snapshot_preview1\" \"fd_read\" (func $read (param i32 i32 i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"args_sizes_get\" (func $args (param i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
    "  (memory (export \"memory\") 1)"
    "  (func (export \"write\") (param $fd i32) (result i32)"
    "    (i32.store (i32.const 0) (i32.const 32)) (i32.store (i32.const 4) (i32.const 3))"
    "    (i32.store (i32.const 32) (i32.const 0x0a6968))"
    "    (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))"
    "  (func (export \"_start\")"
    "    (i32.store (i32.const 0) (i32.const 1024))"
    "    (loop $more"
    "      (i32.store (i32.const 4) (i32.const 16))"
    "      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))"
    "      (i32.store (i32.const 4) (i32.load (i32.const 8)))"
    "      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))"
    "      (br_if $more (i32.load (i32.const 8))))"
    "    (drop (call $args (i32.const 8) (i32.const 12)))"
    "    (call $exit (i32.load (i32.const 8)))))";

/* Takes over `config`. */
static pellucid_instance_t program(pellucid_wasi_config_t *config, pellucid_wasi_t **out_wasi) {
    pellucid_linker_t *linker;
    pellucid_instance_t instance;
    MUST(pellucid_linker_new(engine, &linker));
    MUST(pellucid_linker_define_wasi(linker, store, config, out_wasi, ERR));
    pellucid_wasi_config_delete(config);
    pellucid_module_t *module = module_of(PROGRAM);
    MUST(pellucid_linker_instantiate(linker, store, module, &instance, ERR));
    pellucid_module_delete(module);
    pellucid_linker_delete(linker);
    return instance;
}

static pellucid_wasi_config_t *config_new(void) {
    pellucid_wasi_config_t *config;
    MUST(pellucid_wasi_config_new(&config));
    return config;
}

static void refusals(void) {
    pellucid_wasi_config_t *config = config_new();
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_wasi_config_new(NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_wasi_config_add_arg(config, TEXT("a\0b")));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_wasi_config_add_arg(config, TEXT("\xff")));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_wasi_config_set_env(config, TEXT("a=b"), TEXT("c")));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_wasi_config_set_env(config, TEXT(""), TEXT("c")));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_wasi_config_set_stream(config, 3, PELLUCID_WASI_NULL));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_wasi_config_set_stream(config, PELLUCID_WASI_STDOUT, 3));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT,
           pellucid_wasi_config_set_stream(config, PELLUCID_WASI_STDIN, PELLUCID_WASI_CAPTURE));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_wasi_config_set_file(config, PELLUCID_WASI_STDIN, TEXT("/no/file"), ERR));
    CHECK(message_has(last_error, "/no/file"));
    STATUS(PELLUCID_ERR_NOT_FOUND,
           pellucid_wasi_config_add_folder(config, TEXT("/no/folder"), TEXT("/"), false, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT,
           pellucid_wasi_config_add_folder(config, TEXT("/tmp"), TEXT(""), false, ERR));
    int ran = 0;
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_wasi_config_set_input_callback(config, &ran, NULL, count));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT,
           pellucid_wasi_config_set_output_callback(config, PELLUCID_WASI_STDOUT, &ran, NULL, count));
    CHECK(ran == 2);
    pellucid_wasi_config_delete(config);
    pellucid_wasi_config_delete(NULL);
    pellucid_wasi_delete(NULL);

    open_world(false);
    pellucid_linker_t *linker;
    MUST(pellucid_linker_new(engine, &linker));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_linker_define_wasi(linker, store, NULL, NULL, ERR));
    config = config_new();
    OK(pellucid_linker_define_wasi(linker, store, config, NULL, ERR));
    STATUS(PELLUCID_ERR_LINK, pellucid_linker_define_wasi(linker, store, config, NULL, ERR));
    OK(pellucid_linker_set_shadowing(linker, true));
    pellucid_wasi_t *wasi;
    OK(pellucid_linker_define_wasi(linker, store, config, &wasi, ERR));
    size_t n = 7;
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_wasi_size(wasi, PELLUCID_WASI_STDOUT, &n));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_wasi_size(wasi, PELLUCID_WASI_STDIN, &n));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_wasi_size(wasi, 9, &n));
    CHECK(n == 7);
    pellucid_wasi_delete(wasi);
    pellucid_wasi_config_delete(config);
    pellucid_linker_delete(linker);
    close_world();
}

static void captured(bool is_debug) {
    open_world(is_debug);
    pellucid_wasi_config_t *config = config_new();
    OK(pellucid_wasi_config_add_arg(config, TEXT("program")));
    OK(pellucid_wasi_config_add_arg(config, TEXT("argument")));
    OK(pellucid_wasi_config_set_env(config, TEXT("NAME"), TEXT("value")));
    OK(pellucid_wasi_config_inherit_env(config));
    OK(pellucid_wasi_config_set_input(config, (const uint8_t *)"forty characters of input for the guest.", 40));
    OK(pellucid_wasi_config_set_stream(config, PELLUCID_WASI_STDOUT, PELLUCID_WASI_CAPTURE));
    OK(pellucid_wasi_config_set_capture_limit(config, 1000));
    OK(pellucid_wasi_config_set_fixed_clocks(config, 1000000000, 1));
    OK(pellucid_wasi_config_set_random_seed(config, 1));
    pellucid_wasi_t *wasi;
    pellucid_instance_t instance = program(config, &wasi);
    pellucid_func_t start = func_of(instance, "_start");
    STATUS(PELLUCID_ERR_EXIT, pellucid_func_call(store, &start, NULL, 0, NULL, 0, ERR));
    uint32_t code = 99;
    OK(pellucid_error_exit_code(last_error, &code));
    CHECK(code == 2);
    CHECK(pellucid_error_status(last_error) == PELLUCID_ERR_EXIT && pellucid_error_trap(last_error) == 0);
    CHECK(pellucid_error_frame_count(last_error) == 0 && message_has(last_error, "2"));
    uint8_t bytes[64];
    size_t n;
    OK(pellucid_wasi_size(wasi, PELLUCID_WASI_STDOUT, &n));
    CHECK(n == 40);
    OK(pellucid_wasi_read(wasi, PELLUCID_WASI_STDOUT, bytes, 5, &n));
    CHECK(n == 5 && memcmp(bytes, "forty", 5) == 0);
    /* The captured output outlives everything. */
    close_world();
    OK(pellucid_wasi_read(wasi, PELLUCID_WASI_STDOUT, bytes, sizeof bytes, &n));
    CHECK(n == 35 && memcmp(bytes, " characters", 11) == 0);
    OK(pellucid_wasi_read(wasi, PELLUCID_WASI_STDOUT, NULL, 0, &n));
    CHECK(n == 0);
    pellucid_wasi_delete(wasi);

    pellucid_error_t *other;
    MUST(pellucid_error_new(TEXT("another"), &other));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_error_exit_code(other, &code));
    pellucid_error_delete(other);
}

/* What callbacks have seen. */
struct console {
    pellucid_func_t write;
    int n_reads, n_bytes, depth, freed;
};

static pellucid_status_t give(void *userdata, uint8_t *bytes, size_t cap_bytes, size_t *out_n) {
    struct console *console = userdata;
    CHECK(cap_bytes >= 4 && *out_n == 0);
    if (console->n_reads++ < 2) {
        memcpy(bytes, "line", 4);
        *out_n = 4;
    }
    return PELLUCID_OK;
}

/* Runs the guest once more, which writes again. */
static pellucid_status_t take(void *userdata, const uint8_t *bytes, size_t n_bytes) {
    struct console *console = userdata;
    CHECK(n_bytes == 0 || bytes != NULL);
    console->n_bytes += (int)n_bytes;
    if (console->depth++ == 0) {
        pellucid_value_t fd = value_i32(2), result;
        OK(pellucid_func_call(store, &console->write, &fd, 1, &result, 1, ERR));
        CHECK(result.of.i32 == 0);
    }
    return PELLUCID_OK;
}

static pellucid_status_t refuse(void *userdata, const uint8_t *bytes, size_t n_bytes) {
    (void)userdata, (void)bytes, (void)n_bytes;
    return PELLUCID_ERR_HOST;
}

static void freed(void *userdata) {
    ((struct console *)userdata)->freed++;
}

static void callbacks(bool is_debug) {
    open_world(is_debug);
    struct console console = {0}, replaced = {0};
    pellucid_wasi_config_t *config = config_new();
    OK(pellucid_wasi_config_set_input_callback(config, &console, give, freed));
    OK(pellucid_wasi_config_set_output_callback(config, PELLUCID_WASI_STDOUT, &replaced, refuse, freed));
    OK(pellucid_wasi_config_set_output_callback(config, PELLUCID_WASI_STDOUT, &console, take, freed));
    CHECK(replaced.freed == 1);
    OK(pellucid_wasi_config_set_output_callback(config, PELLUCID_WASI_STDERR, &console, take, freed));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT,
           pellucid_wasi_config_set_output_callback(config, PELLUCID_WASI_STDIN, &replaced, take, freed));
    CHECK(replaced.freed == 2);
    pellucid_instance_t instance = program(config, NULL);
    console.write = func_of(instance, "write");
    pellucid_func_t start = func_of(instance, "_start");
    STATUS(PELLUCID_ERR_EXIT, pellucid_func_call(store, &start, NULL, 0, NULL, 0, ERR));
    /* Twice a line, and what was written in between. */
    CHECK(console.n_bytes == 8 + 3 && console.freed == 0);
    close_world();
    CHECK(console.freed == 3);

    open_world(is_debug);
    config = config_new();
    OK(pellucid_wasi_config_set_output_callback(config, PELLUCID_WASI_STDOUT, NULL, refuse, NULL));
    instance = program(config, NULL);
    pellucid_func_t write = func_of(instance, "write");
    pellucid_value_t fd = value_i32(1), result;
    OK(pellucid_func_call(store, &write, &fd, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 29);
    close_world();
}

static int events;

static pellucid_action_t on_event(void *userdata, pellucid_store_t *here, pellucid_event_t *event) {
    (void)userdata, (void)here, (void)event;
    events++;
    return PELLUCID_ACTION_CONTINUE;
}

/* A call that the host drives reaches a state of its own. */
static void exited(void) {
    open_world(true);
    pellucid_instance_t instance = program(config_new(), NULL);
    pellucid_func_t start = func_of(instance, "_start");
    OK(pellucid_store_set_event_handler(store, PELLUCID_EVENT_HOST_ERROR | PELLUCID_EVENT_TRAP, NULL, on_event, NULL));
    pellucid_call_t *call;
    MUST(pellucid_call_begin(store, &start, NULL, 0, &call, ERR));
    pellucid_call_state_t state;
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_EXITED && pellucid_call_state(call) == state && events == 0);
    pellucid_error_t *error;
    uint32_t code = 99;
    OK(pellucid_call_error(call, &error));
    OK(pellucid_error_exit_code(error, &code));
    CHECK(code == 0);
    pellucid_error_delete(error);
    const pellucid_event_t *event;
    pellucid_frame_t frame;
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_event(call, &event));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_frame(call, &frame));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_results(call, NULL, 0));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    pellucid_call_delete(call);
    close_world();
}

static void files(bool is_debug) {
    char path[] = "/tmp/pellucid_wasi_XXXXXX", text[16] = "";
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, "from a file", 11) == 11);
    close(fd);
    char out[] = "/tmp/pellucid_wasi_XXXXXX";
    close(mkstemp(out));
    open_world(is_debug);
    pellucid_wasi_config_t *config = config_new();
    OK(pellucid_wasi_config_set_file(config, PELLUCID_WASI_STDIN, path, strlen(path), ERR));
    OK(pellucid_wasi_config_set_file(config, PELLUCID_WASI_STDOUT, out, strlen(out), ERR));
    OK(pellucid_wasi_config_add_folder(config, TEXT("/tmp"), TEXT("/"), true, ERR));
    pellucid_instance_t instance = program(config, NULL);
    pellucid_func_t start = func_of(instance, "_start");
    STATUS(PELLUCID_ERR_EXIT, pellucid_func_call(store, &start, NULL, 0, NULL, 0, ERR));
    close_world();
    FILE *file = fopen(out, "r");
    CHECK(file != NULL && fread(text, 1, sizeof text, file) == 11 && memcmp(text, "from a file", 11) == 0);
    fclose(file);
    remove(path);
    remove(out);
}

/* What the host does with the number of a stream later doesn't concern the guest. */
static void inherited(bool is_debug) {
    char before[] = "/tmp/pellucid_wasi_XXXXXX", after[] = "/tmp/pellucid_wasi_XXXXXX", text[16] = "";
    int first = mkstemp(before), second = mkstemp(after), own = dup(STDOUT_FILENO);
    CHECK(first >= 0 && second >= 0 && own >= 0);
    fflush(stdout);
    CHECK(dup2(first, STDOUT_FILENO) == STDOUT_FILENO);
    open_world(is_debug);
    pellucid_wasi_config_t *config = config_new();
    OK(pellucid_wasi_config_set_stream(config, PELLUCID_WASI_STDOUT, PELLUCID_WASI_INHERIT));
    pellucid_instance_t instance = program(config, NULL);
    CHECK(dup2(second, STDOUT_FILENO) == STDOUT_FILENO);
    pellucid_func_t write = func_of(instance, "write");
    pellucid_value_t fd = value_i32(STDOUT_FILENO), result;
    OK(pellucid_func_call(store, &write, &fd, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 0);
    close(STDOUT_FILENO);
    OK(pellucid_func_call(store, &write, &fd, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 0);
    CHECK(dup2(own, STDOUT_FILENO) == STDOUT_FILENO);
    close_world();
    CHECK(pread(first, text, sizeof text, 0) == 6 && memcmp(text, "hi\nhi\n", 6) == 0);
    CHECK(lseek(second, 0, SEEK_END) == 0);
    close(first);
    close(second);
    close(own);
    remove(before);
    remove(after);
}

/* What shows the inside of the system can't be given, and isn't reached. */
static void insides(void) {
    pellucid_wasi_config_t *config = config_new();
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_wasi_config_add_folder(config, TEXT("/proc"), TEXT("/"), true, ERR));
    CHECK(message_has(last_error, "/proc"));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT,
           pellucid_wasi_config_add_folder(config, TEXT("/proc/self/fd"), TEXT("/"), false, ERR));
    OK(pellucid_wasi_config_add_folder(config, TEXT("/"), TEXT("/"), true, ERR));
    pellucid_wasi_config_delete(config);
}

int main(void) {
    refusals();
    insides();
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        captured(is_debug);
        callbacks(is_debug);
        files(is_debug);
        inherited(is_debug);
    }
    exited();
    return finish();
}
