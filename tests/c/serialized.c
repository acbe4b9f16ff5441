/* Modules as bytes: what comes back is the same module; what was damaged, cut off or made for another engine is refused; files and a
 * folder of them. */

#define _GNU_SOURCE
#include "test.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *WAT =
    "(module $program"
    "  (type $pair (struct (field $left i32) (field f64)))"
    "  (import \"host\" \"add\" (func $add (param i32 i32) (result i32)))"
    "  (tag $tag (param i32))"
    "  (memory (export \"memory\") 1)"
    "  (global $count (export \"count\") (mut i32) (i32.const 7))"
    "  (table 4 4 funcref) (elem (i32.const 1) $double $twice)"
    "  (data (i32.const 8) \"hello\")"
    "  (func $double (param $x i32) (result i32) (i32.mul (local.get $x) (i32.const 2)))"
    "  (func $twice (export \"twice\") (param $x i32) (result i32)"
    "    (call $add (call $double (local.get $x)) (call_indirect (param i32) (result i32) (local.get $x) (i32.const 1))))"
    "  (func (export \"catch\") (param i32) (result i32)"
    "    (block $caught (result i32) (try_table (catch $tag $caught) (throw $tag (local.get 0))) unreachable))"
    "  (func (export \"object\") (param i32) (result f64) (local (ref null $pair))"
    "    (local.set 1 (struct.new $pair (local.get 0) (f64.convert_i32_s (local.get 0))))"
    "    (f64.sqrt (struct.get $pair 1 (local.get 1))))"
    "  (func $fails (export \"fails\") (param i32) (result i32) (i32.load (local.get 0))))";

struct bytes {
    uint8_t *bytes;
    size_t n_bytes;
    unsigned parts;
    unsigned most;
};

static pellucid_status_t take(void *userdata, const uint8_t *bytes, size_t n_bytes) {
    struct bytes *all = userdata;
    if (all->parts++ == all->most)
        return 77;
    CHECK(n_bytes > 0);
    all->bytes = realloc(all->bytes, all->n_bytes + n_bytes);
    memcpy(all->bytes + all->n_bytes, bytes, n_bytes);
    all->n_bytes += n_bytes;
    return PELLUCID_OK;
}

static struct bytes serialized(const pellucid_module_t *module) {
    struct bytes all = {.most = 1000};
    MUST(pellucid_module_serialize(module, &all, take, ERR));
    return all;
}

static pellucid_status_t add(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                             pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)n_args, (void)n_results, (void)out_error;
    results[0] = value_i32(args[0].of.i32 + args[1].of.i32);
    return PELLUCID_OK;
}

static pellucid_instance_t instance_with_host(const pellucid_module_t *module) {
    pellucid_kind_t params[] = {PELLUCID_I32, PELLUCID_I32}, result = PELLUCID_I32;
    pellucid_extern_t import = host_import(params, 2, &result, 1, add);
    pellucid_instance_t instance;
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    return instance;
}

static pellucid_value_t called(pellucid_instance_t instance, const char *name, int32_t argument) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t arg = value_i32(argument), result = value_i32(0);
    OK(pellucid_func_call(store, &func, &arg, 1, &result, 1, ERR));
    return result;
}

/* Everything works in a module that came back, and is debugged if there is debugging. */
static void works(const pellucid_module_t *module, bool is_debug) {
    pellucid_instance_t instance = instance_with_host(module);
    CHECK(called(instance, "twice", 5).of.i32 == 20);
    CHECK(called(instance, "catch", 9).of.i32 == 9);
    CHECK(called(instance, "object", 16).of.f64 == 4.0);
    pellucid_func_t fails = func_of(instance, "fails");
    pellucid_value_t arg = value_i32(-4), result;
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &fails, &arg, 1, &result, 1, ERR));
    pellucid_str_t text;
    OK(pellucid_error_text(last_error, &text));
    CHECK(memmem(text.data, text.size, "program!fails (function 5)", 26) != NULL);
    if (!is_debug)
        return;
    /* Stop in the function that twice calls, look, change what is there, and go on. */
    uint64_t id = break_at_function(store, module, 1);
    pellucid_func_t twice = func_of(instance, "twice");
    pellucid_call_t *call;
    pellucid_call_state_t state;
    arg = value_i32(5);
    MUST(pellucid_call_begin(store, &twice, &arg, 1, &call, ERR));
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED);
    pellucid_frame_t frame;
    pellucid_value_t local;
    OK(pellucid_call_frame(call, &frame));
    uint32_t n_locals;
    OK(pellucid_frame_read_locals(store, &frame, 0, &local, 1, &n_locals));
    CHECK(local.of.i32 == 5);
    local = value_i32(6);
    OK(pellucid_frame_write_local(store, &frame, 0, &local, ERR));
    remove_breakpoint(id);
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_FINISHED);
    OK(pellucid_call_results(call, &result, 1));
    CHECK(result.of.i32 == 22);
    pellucid_call_delete(call);
}

static void comes_back(bool is_debug) {
    open_world(is_debug);
    pellucid_module_t *module, *again;
    pellucid_module_t *compiled = module_of(WAT);
    struct bytes all = serialized(compiled), same = serialized(compiled);
    CHECK(all.n_bytes == same.n_bytes && memcmp(all.bytes, same.bytes, all.n_bytes) == 0);
    pellucid_module_delete(compiled);
    MUST(pellucid_module_deserialize(engine, all.bytes, all.n_bytes, &module, ERR));
    works(module, is_debug);
    pellucid_str_t name;
    OK(pellucid_module_name(module, &name));
    CHECK(same_text(name, "program"));
    CHECK(pellucid_module_import_count(module) == 1 && pellucid_module_export_count(module) == 6);
    /* And again, from what came back. */
    free(same.bytes);
    same = serialized(module);
    CHECK(all.n_bytes == same.n_bytes && memcmp(all.bytes, same.bytes, all.n_bytes) == 0);
    MUST(pellucid_module_deserialize(engine, same.bytes, same.n_bytes, &again, ERR));
    works(again, is_debug);
    pellucid_module_delete(again);
    pellucid_module_delete(module);
    free(same.bytes);
    free(all.bytes);
    close_world();
}

static void has_the_hosts_name(void) {
    const uint8_t empty[] = "\0asm\1\0\0";
    pellucid_module_t *module, *again;
    pellucid_str_t name;
    open_world(true);
    MUST(pellucid_module_new_named(engine, TEXT("from the host"), empty, 8, &module, ERR));
    struct bytes all = serialized(module);
    MUST(pellucid_module_deserialize(engine, all.bytes, all.n_bytes, &again, ERR));
    OK(pellucid_module_name(again, &name));
    CHECK(same_text(name, "from the host"));
    pellucid_module_delete(again);
    pellucid_module_delete(module);
    free(all.bytes);
    MUST(pellucid_module_new(engine, empty, 8, &module, ERR));
    all = serialized(module);
    MUST(pellucid_module_deserialize(engine, all.bytes, all.n_bytes, &again, ERR));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_name(again, &name));
    pellucid_module_delete(again);
    pellucid_module_delete(module);
    free(all.bytes);
    close_world();
}

static void refused(const uint8_t *bytes, size_t n_bytes, size_t place) {
    pellucid_module_t *module = NULL;
    pellucid_status_t status = pellucid_module_deserialize(engine, bytes, n_bytes, &module, NULL);
    if (status != PELLUCID_ERR_INVALID_MODULE && status != PELLUCID_ERR_INCOMPATIBLE) {
        fprintf(stderr, "status %d at %zu\n", status, place);
        failures++;
    }
}

static void damaged_bytes_are_refused(bool is_debug) {
    open_world(is_debug);
    pellucid_module_t *module = module_of(WAT);
    struct bytes all = serialized(module);
    /* Cut off anywhere, or longer. */
    for (size_t n_bytes = 0; n_bytes < all.n_bytes; n_bytes++)
        refused(all.bytes, n_bytes, n_bytes);
    uint8_t *longer = calloc(1, all.n_bytes + 1);
    memcpy(longer, all.bytes, all.n_bytes);
    refused(longer, all.n_bytes + 1, all.n_bytes);
    free(longer);
    /* Each bit of what is before the code's page, and many behind it. */
    uint32_t random = 1;
    for (size_t flips = 0; flips < 10000; flips++) {
        random = random * 1664525 + 1013904223;
        size_t at = flips < 4000 ? flips : (random >> 3) % all.n_bytes;
        uint8_t bit = (uint8_t)(1 << (flips % 8));
        all.bytes[at] ^= bit;
        refused(all.bytes, all.n_bytes, at);
        all.bytes[at] ^= bit;
    }
    pellucid_module_t *again;
    OK(pellucid_module_deserialize(engine, all.bytes, all.n_bytes, &again, ERR));
    pellucid_module_delete(again);
    /* Something else altogether. */
    STATUS(PELLUCID_ERR_INVALID_MODULE, pellucid_module_deserialize(engine, NULL, 0, &again, ERR));
    STATUS(PELLUCID_ERR_INVALID_MODULE, pellucid_module_deserialize(engine, (const uint8_t *)"\0asm\1\0\0", 8, &again, ERR));
    pellucid_module_delete(module);
    free(all.bytes);
    close_world();
}

static pellucid_engine_t *engine_with(pellucid_status_t (*set)(pellucid_config_t *, bool), bool is_on) {
    pellucid_config_t *config;
    pellucid_engine_t *made;
    MUST(pellucid_config_new(&config));
    MUST(set(config, is_on));
    MUST(pellucid_engine_new(config, &made, ERR));
    pellucid_config_delete(config);
    return made;
}

static void other_engines_refuse(void) {
    open_world(false);
    pellucid_module_t *module = module_of(WAT), *again;
    struct bytes all = serialized(module);
    struct {
        pellucid_status_t (*set)(pellucid_config_t *, bool);
        bool is_on;
        const char *told;
    } others[] = {
        {pellucid_config_set_debug, true, "an engine with \"debugging: off\", and this one has \"debugging: on\""},
        {pellucid_config_set_fuel, true, "fuel"},
        {pellucid_config_set_interrupt_checks, true, "interrupt checks"},
        {pellucid_config_set_inlining, false, "inlining"},
        {pellucid_config_set_signal_handlers, false, "signal handlers"},
        {pellucid_config_set_relaxed_simd_deterministic, true, "relaxed"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        pellucid_engine_t *other = engine_with(others[i].set, others[i].is_on);
        STATUS(PELLUCID_ERR_INCOMPATIBLE, pellucid_module_deserialize(other, all.bytes, all.n_bytes, &again, ERR));
        CHECK(message_has(last_error, others[i].told));
        pellucid_engine_delete(other);
    }
    /* What code doesn't depend on may differ. */
    pellucid_engine_t *same = engine_with(pellucid_config_set_exact, true);
    OK(pellucid_module_deserialize(same, all.bytes, all.n_bytes, &again, ERR));
    pellucid_module_delete(again);
    pellucid_engine_delete(same);
    /* A host that refuses a part. */
    for (unsigned most = 0; most < 3; most++) {
        struct bytes some = {.most = most};
        STATUS(PELLUCID_ERR_HOST, pellucid_module_serialize(module, &some, take, ERR));
        CHECK(some.parts == most + 1);
        free(some.bytes);
    }
    pellucid_module_delete(module);
    free(all.bytes);
    close_world();
}

static char folder[] = "/tmp/pellucid-XXXXXX";

static const char *path_of(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void files(bool is_debug) {
    open_world(is_debug);
    pellucid_module_t *module = module_of(WAT), *mapped, *again;
    const char *path = path_of("module");
    size_t n_path = strlen(path);
    OK(pellucid_module_serialize_file(module, path, n_path, ERR));
    MUST(pellucid_module_deserialize_file(engine, path, n_path, &mapped, ERR));
    /* Another takes its place, and goes: who has it keeps it. */
    OK(pellucid_module_serialize_file(module, path, n_path, ERR));
    CHECK(unlink(path) == 0);
    works(mapped, is_debug);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_deserialize_file(engine, path, n_path, &again, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_module_deserialize_file(engine, TEXT("/tmp"), &again, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_module_deserialize_file(engine, TEXT("/dev/zero"), &again, ERR));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_serialize_file(module, TEXT("/nowhere/at/all"), ERR));
    STATUS(PELLUCID_ERR_SYSTEM, pellucid_module_serialize_file(module, TEXT("/tmp"), ERR));
    /* One that is cut off, and one that is empty. */
    OK(pellucid_module_serialize_file(module, path, n_path, ERR));
    CHECK(truncate(path, 100) == 0);
    STATUS(PELLUCID_ERR_INVALID_MODULE, pellucid_module_deserialize_file(engine, path, n_path, &again, ERR));
    CHECK(truncate(path, 0) == 0);
    STATUS(PELLUCID_ERR_INVALID_MODULE, pellucid_module_deserialize_file(engine, path, n_path, &again, ERR));
    CHECK(unlink(path) == 0);
    pellucid_module_delete(mapped);
    pellucid_module_delete(module);
    close_world();
}

/* Files of the folder, of which the last one that was seen is told. */
static unsigned in_folder(ino_t *last, char *name) {
    DIR *directory = opendir(folder);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        *last = entry->d_ino;
        strcpy(name, entry->d_name);
    }
    closedir(directory);
    return count;
}

/* Engines that prove what they compile take nothing from there. */
static bool verifies;

static pellucid_engine_t *caching(bool is_debug, uint64_t max_bytes) {
    pellucid_config_t *config;
    pellucid_engine_t *made;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, is_debug));
    MUST(pellucid_config_set_verifier(config, verifies));
    MUST(pellucid_config_set_cache(config, folder, strlen(folder), max_bytes));
    MUST(pellucid_engine_new(config, &made, ERR));
    pellucid_config_delete(config);
    return made;
}

/* As a process of its own would do it: an engine and a module of this text. */
static void made_once(const char *wat, bool is_debug, uint64_t max_bytes) {
    engine = caching(is_debug, max_bytes);
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    pellucid_module_t *module = module_of(wat);
    if (wat == WAT)
        works(module, is_debug);
    pellucid_module_delete(module);
    close_world();
}

static void a_folder_keeps_modules(void) {
    ino_t first = 0, second = 0;
    char name[300];
    const uint64_t plenty = 1 << 30;
    made_once(WAT, true, plenty);
    CHECK(in_folder(&first, name) == 1);
    struct stat about;
    CHECK(stat(path_of(name), &about) == 0 && (about.st_mode & 0777) == 0600);
    /* It is there, and isn't written once more. */
    made_once(WAT, true, plenty);
    CHECK(in_folder(&second, name) == 1 && first == second);
    /* One for other options. */
    made_once(WAT, false, plenty);
    CHECK(in_folder(&second, name) == 2);
    /* What is damaged is made anew. */
    DIR *directory = opendir(folder);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.')
            CHECK(truncate(path_of(entry->d_name), 1000) == 0);
    closedir(directory);
    made_once(WAT, true, plenty);
    made_once(WAT, true, plenty);
    made_once(WAT, false, plenty);
    /* The host's name is its own business. */
    engine = caching(true, plenty);
    pellucid_module_t *module;
    pellucid_str_t text;
    const uint8_t empty[] = "\0asm\1\0\0";
    for (int round = 0; round < 2; round++) {
        MUST(pellucid_module_new_named(engine, TEXT("one"), empty, 8, &module, ERR));
        OK(pellucid_module_name(module, &text));
        CHECK(same_text(text, "one"));
        pellucid_module_delete(module);
        MUST(pellucid_module_new(engine, empty, 8, &module, ERR));
        STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_name(module, &text));
        pellucid_module_delete(module);
    }
    close_world();
    CHECK(in_folder(&second, name) == 3);
    verifies = true;
    made_once("(module (func) (func))", true, plenty);
    CHECK(in_folder(&second, name) == 3);
    verifies = false;
    /* A folder that others can write to isn't used. */
    CHECK(chmod(folder, 0777) == 0);
    made_once("(module (func) (func))", true, plenty);
    CHECK(in_folder(&second, name) == 3);
    CHECK(chmod(folder, 0700) == 0);
    /* Only so many bytes. */
    made_once("(module (func))", true, 0);
    CHECK(in_folder(&second, name) == 0);
    /* A folder that can't be there. */
    pellucid_config_t *config;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_cache(config, TEXT("/proc/nowhere"), plenty));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_config_set_cache(config, "\xff", 1, plenty));
    MUST(pellucid_engine_new(config, &engine, ERR));
    pellucid_config_delete(config);
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    module = module_of(WAT);
    works(module, false);
    pellucid_module_delete(module);
    close_world();
}

static void many_processes_share_it(void) {
    pid_t children[6];
    for (size_t i = 0; i < 6; i++) {
        children[i] = fork();
        if (children[i] != 0)
            continue;
        for (int round = 0; round < 10; round++) {
            char wat[64];
            snprintf(wat, sizeof wat, "(module (func (export \"f\") (result i32) (i32.const %d)))", round);
            /* Some of them remove what others look for. */
            made_once(wat, i % 2 == 0, i < 2 ? 20000 : 1 << 30);
            made_once(WAT, i % 2 == 0, 1 << 30);
        }
        _exit(failures != 0);
    }
    for (size_t i = 0; i < 6; i++) {
        int status;
        CHECK(waitpid(children[i], &status, 0) == children[i] && status == 0);
    }
    /* Nothing is left that isn't whole. */
    DIR *directory = opendir(folder);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        CHECK(strstr(entry->d_name, "partial") == NULL);
    closedir(directory);
    char name[300];
    ino_t last;
    made_once("(module)", true, 0);
    CHECK(in_folder(&last, name) == 0);
}

int main(void) {
    CHECK(mkdtemp(folder) != NULL);
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        comes_back(is_debug);
        damaged_bytes_are_refused(is_debug);
        files(is_debug);
    }
    has_the_hosts_name();
    other_engines_refuse();
    a_folder_keeps_modules();
    many_processes_share_it();
    CHECK(rmdir(folder) == 0);
    return finish();
}
