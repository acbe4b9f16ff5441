/* Core dumps: when they can be written, what is in them, and who may refuse them. tests/debug/core_dumps.rs reads them with another
 * parser; here a few bytes are looked for. */

#define _DEFAULT_SOURCE
#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

static const char *WAT =
    "(module $program"
    "  (import \"\" \"host\" (func $host (param i32)))"
    "  (import \"\" \"wait\" (func $wait))"
    "  (memory (export \"memory\") 2)"
    "  (global (mut i64) (i64.const 77))"
    "  (data (i32.const 70000) \"needle\")"
    "  (func $fails (export \"fails\") (param i32) (local $left i32)"
    "    (local.set $left (i32.const 123456))"
    "    (call $host (local.get $left))"
    "    unreachable)"
    "  (func (export \"waits\") (local i32) (local.set 0 (i32.const 123456)) (call $wait)))";

struct dump {
    uint8_t *bytes;
    size_t n_bytes;
    unsigned parts;
    /* How many parts are taken. */
    unsigned most;
    /* What is done at the first. */
    void (*meanwhile)(void);
};

static pellucid_status_t take(void *userdata, const uint8_t *bytes, size_t n_bytes) {
    struct dump *dump = userdata;
    CHECK(n_bytes > 0 && n_bytes <= 64 << 10);
    if (dump->parts++ == 0 && dump->meanwhile != NULL)
        dump->meanwhile();
    if (dump->parts > dump->most)
        return 12345;
    dump->bytes = realloc(dump->bytes, dump->n_bytes + n_bytes);
    memcpy(dump->bytes + dump->n_bytes, bytes, n_bytes);
    dump->n_bytes += n_bytes;
    return PELLUCID_OK;
}

static bool has(const struct dump *dump, const void *bytes, size_t n_bytes) {
    for (size_t at = 0; at + n_bytes <= dump->n_bytes; at++)
        if (memcmp(dump->bytes + at, bytes, n_bytes) == 0)
            return true;
    return false;
}

/* A section's name with its length, as it is written. */
#define SECTION(name) "\x09" name, 10

static struct dump dump_of(pellucid_core_dump_options_t options) {
    struct dump dump = {.most = 1000};
    OK(pellucid_store_core_dump(store, TEXT("the program"), options, &dump, take, ERR));
    CHECK(dump.n_bytes > 8 && memcmp(dump.bytes, "\0asm\1\0\0\0", 8) == 0);
    CHECK(has(&dump, "\x04" "core\x00\x0bthe program", 17) && has(&dump, "\x00\x07program", 9));
    return dump;
}

static unsigned stacks_of(struct dump *dump) {
    unsigned n = 0;
    for (size_t at = 0; at + 10 <= dump->n_bytes; at++)
        n += memcmp(dump->bytes + at, SECTION("corestack")) == 0;
    free(dump->bytes);
    dump->bytes = NULL;
    return n;
}

/* An i32 with this value. */
static const uint8_t LEFT[] = {0x7f, 0xc0, 0xc4, 0x07};

static unsigned events;

static pellucid_status_t host(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    struct dump dump = dump_of(0);
    CHECK(has(&dump, "in a host function", 18) && has(&dump, LEFT, sizeof LEFT) && has(&dump, "needle", 6));
    CHECK(stacks_of(&dump) == 1);
    return PELLUCID_OK;
}

static pellucid_status_t wait_for_it(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                                     pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)args, (void)n_args, (void)results, (void)n_results;
    return pellucid_caller_yield(caller, 1, out_error);
}

static pellucid_action_t on_event(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    (void)userdata, (void)where, (void)event;
    events++;
    struct dump dump = dump_of(PELLUCID_CORE_DUMP_WITHOUT_MEMORIES);
    CHECK(has(&dump, "unreachable", 11) && has(&dump, LEFT, sizeof LEFT) && !has(&dump, "needle", 6));
    CHECK(stacks_of(&dump) == 1);
    return PELLUCID_ACTION_CONTINUE;
}

static pellucid_instance_t instance;
static pellucid_func_t fails;
static pellucid_call_t *paused;

static void resume_it(void) {
    pellucid_call_state_t state;
    OK(pellucid_call_resume(paused, PELLUCID_RESUME_STEP, &state, ERR));
}

static void write_into_it(void) {
    pellucid_frame_t frame = frame_of(paused);
    while (pellucid_frame_caller(store, &frame, &frame) == PELLUCID_OK) {
    }
    pellucid_value_t value = value_i64(INT64_MIN);
    OK(pellucid_frame_write_local(store, &frame, 1, &value, ERR));
}

static void dump_another(void) {
    struct dump inner = dump_of(0);
    free(inner.bytes);
}

static void of_a_call_that_is_paused(void) {
    pellucid_module_t *module;
    pellucid_call_state_t state;
    OK(pellucid_instance_module(store, &instance, &module));
    pellucid_value_t arg = value_i32(1);
    uint64_t id = break_at_function(store, module, 2);
    pellucid_module_delete(module);
    MUST(pellucid_call_begin(store, &fails, &arg, 1, &paused, ERR));
    MUST(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED);
    struct dump dump = dump_of(0);
    CHECK(has(&dump, ": stopped", 9) && !has(&dump, LEFT, sizeof LEFT));
    CHECK(stacks_of(&dump) == 1);
    remove_breakpoint(id);

    /* Who takes it may refuse it, and may use the store. */
    struct dump refused = {.most = 0};
    STATUS(PELLUCID_ERR_HOST, pellucid_store_core_dump(store, NULL, 0, 0, &refused, take, ERR));
    CHECK(message_has(last_error, "12345") && refused.parts == 1);
    struct dump nested = {.most = 1000, .meanwhile = dump_another};
    OK(pellucid_store_core_dump(store, NULL, 0, 0, &nested, take, ERR));
    free(nested.bytes);
    pellucid_call_delete(paused);
}

static void of_a_call_that_has_trapped(void) {
    pellucid_call_state_t state;
    pellucid_value_t arg = value_i32(1);
    pellucid_call_t *call;
    MUST(pellucid_call_begin(store, &fails, &arg, 1, &call, ERR));
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_TRAPPED);
    struct dump dump = dump_of(0);
    CHECK(has(&dump, ": unreachable", 13) && has(&dump, LEFT, sizeof LEFT));
    CHECK(stacks_of(&dump) == 1);

    /* Of a call that is no object there are frames in the handler of the event, and not afterwards. */
    OK(pellucid_store_set_event_handler(store, PELLUCID_EVENT_TRAP, NULL, on_event, NULL));
    pellucid_call_delete(call);
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &fails, &arg, 1, NULL, 0, ERR));
    CHECK(events == 1);
    OK(pellucid_store_clear_event_handler(store));
    dump = dump_of(0);
    CHECK(has(&dump, "needle", 6));
    CHECK(stacks_of(&dump) == 0);
}

static void of_calls_that_wait_or_are_interrupted(void) {
    pellucid_func_t waits = func_of(instance, "waits");
    pellucid_call_state_t state;
    pellucid_call_t *waiting, *interrupted;
    pellucid_interrupt_t *interrupt;
    MUST(pellucid_call_begin(store, &waits, NULL, 0, &waiting, ERR));
    MUST(pellucid_call_resume(waiting, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_YIELDED);
    struct dump dump = dump_of(0);
    CHECK(has(&dump, "in a host function", 18) && has(&dump, LEFT, sizeof LEFT));
    CHECK(stacks_of(&dump) == 1);
    MUST(pellucid_store_interrupt(store, &interrupt, ERR));
    MUST(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_PAUSE));
    MUST(pellucid_call_begin(store, &waits, NULL, 0, &interrupted, ERR));
    MUST(pellucid_call_resume(interrupted, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED && event_of(interrupted) == PELLUCID_EVENT_INTERRUPT);
    dump = dump_of(0);
    CHECK(has(&dump, "in a host function", 18) && has(&dump, ": stopped", 9));
    CHECK(stacks_of(&dump) == 2);
    pellucid_interrupt_delete(interrupt);
    pellucid_call_delete(waiting);
    pellucid_call_delete(interrupted);
}

/* Enough frames that the first part is taken while there are more. */
static void of_what_changes_meanwhile(void) {
    pellucid_instance_t deep =
        instance_of("(module (func $f (export \"f\") (param i32) (local i64 i64 i64 i64)"
                    "  (if (i32.eqz (local.get 0)) (then (unreachable)))"
                    "  (call $f (i32.sub (local.get 0) (i32.const 1)))))");
    pellucid_func_t f = func_of(deep, "f");
    pellucid_value_t arg = value_i32(6000);
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &f, &arg, 1, &paused, ERR));
    pellucid_module_t *module;
    OK(pellucid_instance_module(store, &deep, &module));
    uint64_t id = break_at_function(store, module, 0);
    MUST(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    remove_breakpoint(id);
    pellucid_edit_t *edit;
    uint32_t pc;
    OK(pellucid_module_func_range(module, 0, NULL, &pc, NULL));
    MUST(pellucid_edit_begin(store, &edit));
    /* local.get 0, i32.eqz, if, unreachable */
    MUST(pellucid_edit_add(edit, module, pc + 5, &id, NULL));
    MUST(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    pellucid_module_delete(module);
    MUST(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED && depth_of(paused) == 6001);
    struct dump whole = dump_of(0);
    CHECK(whole.parts > 1);
    free(whole.bytes);
    struct dump written = {.most = 1000, .meanwhile = write_into_it};
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_store_core_dump(store, NULL, 0, 0, &written, take, ERR));
    free(written.bytes);
    struct dump resumed = {.most = 1000, .meanwhile = resume_it};
    STATUS(PELLUCID_ERR_STALE_HANDLE, pellucid_store_core_dump(store, NULL, 0, 0, &resumed, take, ERR));
    free(resumed.bytes);
    remove_breakpoint(id);
    pellucid_call_delete(paused);
}

static void to_files(void) {
    char path[] = "/tmp/pellucid-core-XXXXXX", bytes[4096];
    int descriptor = mkstemp(path);
    CHECK(descriptor >= 0);
    close(descriptor);
    unlink(path);
    struct dump dump = dump_of(0);
    OK(pellucid_store_core_dump_file(store, TEXT("the program"), 0, path, strlen(path), ERR));
    FILE *file = fopen(path, "rb");
    size_t n = fread(bytes, 1, sizeof bytes, file);
    struct stat about;
    CHECK(fstat(fileno(file), &about) == 0 && (about.st_mode & 0777) == 0600);
    fclose(file);
    size_t compared = dump.n_bytes < sizeof bytes ? dump.n_bytes : sizeof bytes;
    CHECK(n == compared && (size_t)about.st_size == dump.n_bytes && memcmp(bytes, dump.bytes, n) == 0);
    /* What was there is gone. */
    OK(pellucid_store_core_dump_file(store, NULL, 0, PELLUCID_CORE_DUMP_WITHOUT_MEMORIES, path, strlen(path), ERR));
    CHECK(stat(path, &about) == 0 && (size_t)about.st_size < dump.n_bytes);
    free(dump.bytes);
    unlink(path);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_store_core_dump_file(store, NULL, 0, 0, TEXT("/no/such/folder/core"), ERR));
    STATUS(PELLUCID_ERR_SYSTEM, pellucid_store_core_dump_file(store, NULL, 0, 0, TEXT("/dev/full"), ERR));
    STATUS(PELLUCID_ERR_SYSTEM, pellucid_store_core_dump_file(store, NULL, 0, 0, TEXT("/tmp"), ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_store_core_dump_file(store, NULL, 0, 2, TEXT("/dev/null"), ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_store_core_dump_file(store, NULL, 0, 0, TEXT("\xff"), ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_store_core_dump_file(store, NULL, 0, 0, NULL, 1, ERR));
}

static void what_is_refused(void) {
    struct dump dump = {.most = 1};
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_store_core_dump(NULL, NULL, 0, 0, &dump, take, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_store_core_dump(store, NULL, 0, 0, &dump, NULL, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_store_core_dump(store, NULL, 1, 0, &dump, take, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_store_core_dump(store, TEXT("\xff"), 0, &dump, take, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_store_core_dump(store, NULL, 0, 2, &dump, take, ERR));
    CHECK(dump.parts == 0);
}

static void delete_the_store(void) {
    pellucid_store_delete(store);
}

int main(void) {
    open_world(true);
    pellucid_functype_t *type;
    pellucid_extern_t imports[] = {{.kind = PELLUCID_EXTERN_FUNC}, {.kind = PELLUCID_EXTERN_FUNC}};
    pellucid_kind_t i32 = PELLUCID_I32;
    MUST(pellucid_functype_new(&i32, 1, NULL, 0, &type));
    MUST(pellucid_func_new(store, type, NULL, host, NULL, &imports[0].of.func, ERR));
    pellucid_functype_delete(type);
    MUST(pellucid_functype_new(NULL, 0, NULL, 0, &type));
    MUST(pellucid_func_new(store, type, NULL, wait_for_it, NULL, &imports[1].of.func, ERR));
    pellucid_functype_delete(type);
    pellucid_module_t *module = module_of(WAT);
    MUST(pellucid_instance_new(store, module, imports, 2, &instance, ERR));
    pellucid_module_delete(module);
    fails = func_of(instance, "fails");
    of_a_call_that_is_paused();
    of_a_call_that_has_trapped();
    of_calls_that_wait_or_are_interrupted();
    of_what_changes_meanwhile();
    to_files();
    what_is_refused();
    struct dump last = {.most = 1000, .meanwhile = delete_the_store};
    OK(pellucid_store_core_dump(store, NULL, 0, 0, &last, take, ERR));
    free(last.bytes);
    store = NULL;
    close_world();

    open_world(false);
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_store_core_dump(store, NULL, 0, 0, &last, take, ERR));
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_store_core_dump_file(store, NULL, 0, 0, TEXT("/no/such/folder/core"), ERR));
    close_world();
    return finish();
}
