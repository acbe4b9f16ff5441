/* First measurements, through the C API: what debugging costs when nothing is armed, and what its operations take.
 *
 *     make -C benches
 *     make -C benches writes     changing frames only
 *
 * Programs run with debugging off and on in turns; each figure is the least of its rounds, of this thread's CPU time.
 */
#define _POSIX_C_SOURCE 200809L
#include "../c-examples/example.h"

#include <time.h>

enum { ROUNDS = 7, BREAKPOINTS = 200000, CALLS = 2000000 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static uint8_t *read_file(const char *path, size_t *out_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    fseek(file, 0, SEEK_END);
    *out_size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*out_size);
    if (bytes == NULL || fread(bytes, 1, *out_size, file) != *out_size)
        exit(1);
    fclose(file);
    return bytes;
}

static pellucid_engine_t *engine_with(bool debug)
{
    pellucid_config_t *config;
    pellucid_engine_t *engine;
    pellucid_error_t *error = NULL;
    must(pellucid_config_new(&config), NULL);
    must(pellucid_config_set_debug(config, debug), NULL);
    /* So that compiling happens on the thread whose time is taken. */
    must(pellucid_config_set_compile_threads(config, 1), NULL);
    must(pellucid_engine_new(config, &engine, &error), &error);
    pellucid_config_delete(config);
    return engine;
}

static pellucid_status_t silent(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values, size_t n_values,
                                pellucid_error_t **out_error)
{
    (void)userdata, (void)caller, (void)values, (void)n_values, (void)out_error;
    return PELLUCID_OK;
}

static pellucid_instance_t instantiate(pellucid_store_t *store, const pellucid_engine_t *engine,
                                       const pellucid_module_t *module)
{
    pellucid_linker_t *linker;
    pellucid_functype_t *type;
    pellucid_instance_t instance;
    pellucid_error_t *error = NULL;
    pellucid_kind_t kinds[2] = {PELLUCID_I32, PELLUCID_I32};
    must(pellucid_linker_new(engine, &linker), NULL);
    must(pellucid_functype_new(kinds, 2, NULL, 0, &type), NULL);
    must(pellucid_linker_define_func_raw(linker, store, "env", 3, "print", 5, type, NULL, silent, NULL, &error), &error);
    must(pellucid_linker_instantiate(linker, store, module, &instance, &error), &error);
    pellucid_functype_delete(type);
    pellucid_linker_delete(linker);
    return instance;
}

struct program {
    const char *path;
    const char *export;
    int32_t argument;
    bool has_argument;
    int64_t result;
};

static const struct program programs[] = {
    {"../tests/programs/compute_sieve.wasm", "run", 4000000, true, 7512309389546872041},
    {"../tests/programs/compute_nbody.wasm", "run", 1000, true, 1834707645492239313},
    {"../tests/programs/compute_vm.wasm", "run", 10000, true, 79583425817597},
    {"../tests/programs/script.wasm", "run_demo", 0, false, 686501506},
};

static double run(const struct program *program, bool debug, size_t *out_code, size_t *out_tables, double *out_compile)
{
    size_t n_wasm;
    uint8_t *wasm = read_file(program->path, &n_wasm);
    pellucid_engine_t *engine = engine_with(debug);
    pellucid_module_t *module;
    pellucid_store_t *store;
    pellucid_error_t *error = NULL;
    double start = now();
    must(pellucid_module_new(engine, wasm, n_wasm, &module, &error), &error);
    *out_compile = now() - start;
    must(pellucid_module_code_size(module, out_code, out_tables), NULL);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    pellucid_instance_t instance = instantiate(store, engine, module);
    pellucid_func_t func = exported(store, &instance, program->export);
    pellucid_value_t argument = i32_value(program->argument), result;
    start = now();
    must(pellucid_func_call(store, &func, &argument, program->has_argument ? 1 : 0, &result, 1, &error), &error);
    double seconds = now() - start;
    int64_t number = result.kind == PELLUCID_I64 ? result.of.i64 : result.of.i32;
    if (number != program->result) {
        fprintf(stderr, "error: %s answered %lld\n", program->path, (long long)number);
        exit(1);
    }
    pellucid_store_delete(store);
    pellucid_module_delete(module);
    pellucid_engine_delete(engine);
    free(wasm);
    return seconds;
}

static void measure_programs(void)
{
    printf("program                      off ms    on ms  on/off   code off    code on  on/off  +tables  compile on/off\n");
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        double seconds[2] = {1e9, 1e9}, compile[2] = {1e9, 1e9};
        size_t code[2], tables[2];
        for (int round = 0; round < ROUNDS; round++) {
            for (int debug = 0; debug < 2; debug++) {
                double compiled;
                seconds[debug] = least(seconds[debug], run(&programs[i], debug, &code[debug], &tables[debug], &compiled));
                compile[debug] = least(compile[debug], compiled);
            }
        }
        printf("%-26s %8.1f %8.1f  %6.3f  %9zu  %9zu  %6.3f  %7.3f  %6.3f\n", strrchr(programs[i].path, '/') + 1,
               seconds[0] * 1e3, seconds[1] * 1e3, seconds[1] / seconds[0], code[0], code[1],
               (double)code[1] / (double)code[0], (double)(code[1] + tables[1]) / (double)(code[0] + tables[0]),
               compile[1] / compile[0]);
    }
}

static const char small[] =
    "(module"
    "  (func $tick (param i32 i32 i32 i32 i32) (result i32) (i32.add (local.get 0) (i32.const 1)))"
    "  (func (export \"ticks\") (param $n i32)"
    "    (loop $again"
    "      (drop (call $tick (local.get $n) (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4)))"
    "      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"
    "  (func (export \"same\") (param i32) (result i32) (local.get 0)))";

static pellucid_action_t go_on(void *userdata, pellucid_store_t *store, pellucid_event_t *event)
{
    (void)store, (void)event;
    ++*(uint64_t *)userdata;
    return PELLUCID_ACTION_CONTINUE;
}

static pellucid_action_t read_five(void *userdata, pellucid_store_t *store, pellucid_event_t *event)
{
    pellucid_frame_t frame;
    pellucid_value_t locals[5];
    uint32_t n;
    pellucid_event_frame(event, &frame);
    pellucid_frame_read_locals(store, &frame, 0, locals, 5, &n);
    *(uint64_t *)userdata += n;
    return PELLUCID_ACTION_CONTINUE;
}

static void edit_once(pellucid_store_t *store, const pellucid_module_t *module, uint32_t func, uint64_t *id)
{
    pellucid_edit_t *edit;
    pellucid_error_t *error = NULL;
    must(pellucid_edit_begin(store, &edit), NULL);
    if (*id == 0)
        must(pellucid_edit_add_at_function(edit, module, func, id, NULL), NULL);
    else
        must(pellucid_edit_remove(edit, *id), NULL), *id = 0;
    must(pellucid_edit_commit(edit, &error), &error);
    pellucid_edit_delete(edit);
}

static void set_stepping(pellucid_store_t *store, bool on)
{
    pellucid_edit_t *edit;
    pellucid_error_t *error = NULL;
    must(pellucid_edit_begin(store, &edit), NULL);
    must(pellucid_edit_single_step(edit, on), NULL);
    must(pellucid_edit_commit(edit, &error), &error);
    pellucid_edit_delete(edit);
}

static void report(const char *what, double nanoseconds)
{
    printf("%-58s %9.1f ns\n", what, nanoseconds);
}

static void measure_operations(void)
{
    pellucid_engine_t *engine = engine_with(true);
    pellucid_module_t *module, *large;
    pellucid_store_t *store;
    pellucid_error_t *error = NULL;
    must(pellucid_module_new_text(engine, small, strlen(small), &module, &error), &error);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    pellucid_instance_t instance;
    must(pellucid_instance_new(store, module, NULL, 0, &instance, &error), &error);
    pellucid_func_t ticks = exported(store, &instance, "ticks"), same = exported(store, &instance, "same");

    uint64_t count = 0, id = 0;
    pellucid_value_t n = i32_value(BREAKPOINTS), result;
    double hit = 1e9, hit_and_read = 1e9, step = 1e9, edits = 1e9, tagged = 1e9, raw = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        edit_once(store, module, 0, &id);
        must(pellucid_store_set_event_handler(store, PELLUCID_EVENT_BREAKPOINT, &count, go_on, NULL), NULL);
        double start = now();
        must(pellucid_func_call(store, &ticks, &n, 1, NULL, 0, &error), &error);
        hit = least(hit, (now() - start) / BREAKPOINTS);
        must(pellucid_store_set_event_handler(store, PELLUCID_EVENT_BREAKPOINT, &count, read_five, NULL), NULL);
        start = now();
        must(pellucid_func_call(store, &ticks, &n, 1, NULL, 0, &error), &error);
        hit_and_read = least(hit_and_read, (now() - start) / BREAKPOINTS);
        edit_once(store, module, 0, &id);

        count = 0;
        must(pellucid_store_set_event_handler(store, PELLUCID_EVENT_STEP, &count, go_on, NULL), NULL);
        set_stepping(store, true);
        start = now();
        must(pellucid_func_call(store, &ticks, &n, 1, NULL, 0, &error), &error);
        step = least(step, (now() - start) / (double)count);
        set_stepping(store, false);

        start = now();
        for (int i = 0; i < CALLS; i++)
            pellucid_func_call(store, &same, &n, 1, &result, 1, NULL);
        tagged = least(tagged, (now() - start) / CALLS);
        pellucid_raw_t value = {.i32 = 1};
        start = now();
        for (int i = 0; i < CALLS; i++)
            pellucid_func_call_raw(store, &same, &value, 1, NULL);
        raw = least(raw, (now() - start) / CALLS);
    }
    report("breakpoint hit, handler, resume", hit * 1e9);
    report("the same, with reading 5 locals in the handler", hit_and_read * 1e9);
    report("single step, handler, per operator", step * 1e9);
    report("call a guest from C, tagged values", tagged * 1e9);
    report("call a guest from C, raw values", raw * 1e9);

    size_t n_wasm;
    uint8_t *wasm = read_file("../tests/programs/script.wasm", &n_wasm);
    must(pellucid_module_new(engine, wasm, n_wasm, &large, &error), &error);
    instance = instantiate(store, engine, large);
    enum { EDITS = 10000 };
    double stepping = 1e9, fresh = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (int i = 0; i < EDITS; i++)
            edit_once(store, large, 10, &id);
        edits = least(edits, (now() - start) / EDITS);
        start = now();
        for (int i = 0; i < EDITS; i++)
            set_stepping(store, i % 2 == 0);
        stepping = least(stepping, (now() - start) / EDITS);
        start = now();
        pellucid_store_t *other;
        must(pellucid_store_new(engine, NULL, NULL, &other, &error), &error);
        instantiate(other, engine, large);
        fresh = least(fresh, now() - start);
        pellucid_store_delete(other);
    }
    report("edit that adds or removes one breakpoint (script.wasm)", edits * 1e9);
    report("edit that turns single-stepping on or off", stepping * 1e9);
    report("new store and instance of script.wasm, with its linker", fresh * 1e9);

    free(wasm);
    pellucid_store_delete(store);
    pellucid_module_delete(module);
    pellucid_module_delete(large);
    pellucid_engine_delete(engine);
}

/* A function of about so many operators: additions to its local, with a store between each two. */
static char *additions(int operators)
{
    static const char addition[] = "(local.set 0 (i32.add (local.get 0) (i32.const 1)))(i32.store (i32.const 0) (local.get 0))";
    enum { OPERATORS = 7 };
    char *text = malloc(sizeof addition * (size_t)(operators / OPERATORS + 1) + 200), *end = text;
    end += sprintf(end, "(module (memory 1) (func (export \"f\") (param i32) (result i32)");
    for (int i = 0; i < operators / OPERATORS; i++)
        end += sprintf(end, "%s", addition);
    sprintf(end, "(local.get 0)))");
    return text;
}

/* Begins a call, stops it before its first operator, and writes its parameter; answers how long the write took. */
static double write_once(pellucid_store_t *store, const pellucid_func_t *func, pellucid_call_t **out_call)
{
    pellucid_value_t value = i32_value(1);
    pellucid_call_state_t state;
    pellucid_frame_t frame;
    pellucid_error_t *error = NULL;
    must(pellucid_call_begin(store, func, &value, 1, out_call, &error), &error);
    must(pellucid_call_resume(*out_call, PELLUCID_RESUME_STEP, &state, &error), &error);
    must(pellucid_call_frame(*out_call, &frame), NULL);
    const double start = now();
    must(pellucid_frame_write_local(store, &frame, 0, &value, &error), &error);
    return now() - start;
}

/* Resumes a call to its end; answers how long that took. */
static double resume(pellucid_call_t *call)
{
    pellucid_call_state_t state;
    pellucid_error_t *error = NULL;
    const double start = now();
    must(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, &error), &error);
    const double took = now() - start;
    pellucid_call_delete(call);
    return took;
}

static void measure_writes(void)
{
    printf("%-10s %14s %14s %14s %14s\n", "operators", "first write us", "next write us", "run on us", "unchanged us");
    pellucid_engine_t *engine = engine_with(true);
    for (int operators = 100; operators <= 100000; operators *= 10) {
        char *text = additions(operators);
        double first = 1e9, next = 1e9, runs = 1e9, unchanged = 1e9;
        for (int round = 0; round < ROUNDS; round++) {
            pellucid_module_t *module;
            pellucid_store_t *store;
            pellucid_instance_t instance;
            pellucid_error_t *error = NULL;
            must(pellucid_module_new_text(engine, text, strlen(text), &module, &error), &error);
            must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
            must(pellucid_instance_new(store, module, NULL, 0, &instance, &error), &error);
            pellucid_func_t func = exported(store, &instance, "f");
            pellucid_value_t value = i32_value(1), result;
            pellucid_call_t *call;
            first = least(first, write_once(store, &func, &call));
            resume(call);
            next = least(next, write_once(store, &func, &call));
            runs = least(runs, resume(call));
            const double start = now();
            must(pellucid_func_call(store, &func, &value, 1, &result, 1, &error), &error);
            unchanged = least(unchanged, now() - start);
            pellucid_store_delete(store);
            pellucid_module_delete(module);
        }
        printf("%-10d %14.1f %14.1f %14.1f %14.1f\n", operators, first * 1e6, next * 1e6, runs * 1e6, unchanged * 1e6);
        free(text);
    }
    pellucid_engine_delete(engine);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "writes") == 0) {
        measure_writes();
        return 0;
    }
    measure_programs();
    printf("\n");
    measure_operations();
    printf("\n");
    measure_writes();
    return 0;
}
