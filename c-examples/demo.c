/* A debug session over a real program: an interpreter for a small scripting language, compiled from C.
 *
 * Sets breakpoints by function name, shows the backtrace with locals and operands where they hit, single-steps a
 * stretch, pauses the guest and goes on, and runs it to the end. What the guest prints begins with "| ".
 */
#include "example.h"

/* Functions to stop in, and how often; then the breakpoint is removed. */
static struct place {
    const char *name;
    int stops;
    uint64_t breakpoint;
} places[] = {
    {"parse_statement", 1, 0}, {"parse_expression", 1, 0}, {"intern_string", 2, 0},
    {"vm_run", 1, 0},          {"call_function", 1, 0},    {"json_write_value", 1, 0},
};
enum { N_PLACES = sizeof places / sizeof *places };

static struct session {
    /* Operators still to be stepped over, one by one. */
    int steps_left;
    unsigned n_steps;
    unsigned n_stops;
} session;

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
    if (bytes == NULL || fread(bytes, 1, *out_size, file) != *out_size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return bytes;
}

/* env.print(pointer, length): the guest's lines. */
static pellucid_status_t print(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                               pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error)
{
    (void)userdata, (void)n_args, (void)results, (void)n_results, (void)out_error;
    pellucid_extern_t memory;
    pellucid_status_t status = pellucid_caller_export(caller, "memory", 6, &memory);
    if (status != PELLUCID_OK)
        return status;
    uint32_t size = (uint32_t)args[1].of.i32;
    uint8_t text[1024];
    if (size > sizeof text)
        return PELLUCID_ERR_OUT_OF_RANGE;
    status = pellucid_memory_read(pellucid_caller_store(caller), &memory.of.memory, (uint32_t)args[0].of.i32, text,
                                  size);
    if (status == PELLUCID_OK)
        printf("| %.*s", (int)size, (const char *)text);
    return status;
}

static uint32_t function_by_name(const pellucid_module_t *module, const char *wanted)
{
    uint32_t n_funcs = pellucid_module_func_count(module);
    for (uint32_t index = 0; index < n_funcs; index++) {
        pellucid_str_t name;
        must(pellucid_module_func_name(module, index, &name), NULL);
        if (name.size == strlen(wanted) && memcmp(name.data, wanted, name.size) == 0)
            return index;
    }
    fprintf(stderr, "error: no function '%s'\n", wanted);
    exit(1);
}

static void print_value(const pellucid_value_t *value)
{
    switch (value->kind) {
    case PELLUCID_I32:
        printf(" %d", value->of.i32);
        break;
    case PELLUCID_I64:
        printf(" %lld", (long long)value->of.i64);
        break;
    case PELLUCID_F32:
        printf(" %g", value->of.f32);
        break;
    case PELLUCID_F64:
        printf(" %g", value->of.f64);
        break;
    case PELLUCID_UNAVAILABLE:
        printf(" ?");
        break;
    default:
        printf(" %s", pellucid_value_is_null(value) ? "null" : "ref");
    }
}

static void print_values(const char *what, const pellucid_value_t *values, uint32_t n)
{
    enum { SHOWN = 8 };
    printf("       %s (%u):", what, n);
    for (uint32_t i = 0; i < n && i < SHOWN; i++)
        print_value(&values[i]);
    printf("%s\n", n > SHOWN ? " ..." : "");
}

/* The frame and its callers, each with its locals and operands. */
static void print_backtrace(const pellucid_store_t *store, pellucid_frame_t frame)
{
    pellucid_status_t status = PELLUCID_OK;
    for (int depth = 0; status == PELLUCID_OK; depth++) {
        pellucid_frame_info_t info = {.struct_size = sizeof info};
        pellucid_value_t values[64];
        pellucid_str_t name;
        uint32_t n;
        must(pellucid_frame_info(store, &frame, &info), NULL);
        must(pellucid_frame_func_name(store, &frame, &name), NULL);
        printf("  #%d %.*s at 0x%x\n", depth, (int)name.size, name.data, (unsigned)info.pc);
        must(pellucid_frame_read_locals(store, &frame, 0, values, 64, &n), NULL);
        print_values("locals  ", values, n);
        must(pellucid_frame_read_operands(store, &frame, 0, values, 64, &n), NULL);
        print_values("operands", values, n);
        status = pellucid_frame_caller(store, &frame, &frame);
    }
}

/* The place whose breakpoint is among the event's. */
static struct place *place_of(const pellucid_event_t *event)
{
    const uint64_t *ids;
    size_t n_ids;
    must(pellucid_event_breakpoints(event, &ids, &n_ids), NULL);
    for (size_t i = 0; i < n_ids; i++)
        for (int place = 0; place < N_PLACES; place++)
            if (places[place].breakpoint == ids[i])
                return &places[place];
    return NULL;
}

static void remove_breakpoint(pellucid_store_t *store, struct place *place)
{
    pellucid_edit_t *edit;
    pellucid_error_t *error = NULL;
    must(pellucid_edit_begin(store, &edit), NULL);
    must(pellucid_edit_remove(edit, place->breakpoint), NULL);
    must(pellucid_edit_commit(edit, &error), &error);
    pellucid_edit_delete(edit);
    place->breakpoint = 0;
}

static pellucid_action_t on_event(void *userdata, pellucid_store_t *store, pellucid_event_t *event)
{
    (void)userdata;
    pellucid_frame_t frame;
    must(pellucid_event_frame(event, &frame), NULL);

    if (pellucid_event_kind(event) == PELLUCID_EVENT_STEP) {
        pellucid_value_t operands[64];
        pellucid_str_t name;
        uint32_t n;
        must(pellucid_frame_func_name(store, &frame, &name), NULL);
        must(pellucid_frame_read_operands(store, &frame, 0, operands, 64, &n), NULL);
        printf("  step: %.*s at 0x%x, operands", (int)name.size, name.data, (unsigned)pellucid_event_pc(event));
        for (uint32_t i = 0; i < n; i++)
            print_value(&operands[i]);
        printf("\n");
        session.n_steps++;
        return --session.steps_left > 0 ? PELLUCID_ACTION_STEP : PELLUCID_ACTION_CONTINUE;
    }

    struct place *place = place_of(event);
    session.n_stops++;
    printf("breakpoint %llu: %s\n", (unsigned long long)place->breakpoint, place->name);
    print_backtrace(store, frame);
    if (--place->stops == 0)
        remove_breakpoint(store, place);
    if (strcmp(place->name, "call_function") == 0) {
        session.steps_left = 12;
        return PELLUCID_ACTION_STEP;
    }
    if (strcmp(place->name, "json_write_value") == 0)
        return PELLUCID_ACTION_PAUSE;
    return PELLUCID_ACTION_CONTINUE;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: demo script.wasm\n");
        return 2;
    }
    size_t n_wasm;
    uint8_t *wasm = read_file(argv[1], &n_wasm);

    pellucid_config_t *config;
    pellucid_engine_t *engine;
    pellucid_module_t *module;
    pellucid_store_t *store;
    pellucid_linker_t *linker;
    pellucid_functype_t *print_type;
    pellucid_instance_t instance;
    pellucid_error_t *error = NULL;

    must(pellucid_config_new(&config), NULL);
    must(pellucid_config_set_debug(config, true), NULL);
    must(pellucid_engine_new(config, &engine, &error), &error);
    must(pellucid_module_new(engine, wasm, n_wasm, &module, &error), &error);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    must(pellucid_linker_new(engine, &linker), NULL);
    pellucid_kind_t pointer_and_length[2] = {PELLUCID_I32, PELLUCID_I32};
    must(pellucid_functype_new(pointer_and_length, 2, NULL, 0, &print_type), NULL);
    must(pellucid_linker_define_func(linker, store, "env", 3, "print", 5, print_type, NULL, print, NULL, &error),
         &error);
    must(pellucid_linker_instantiate(linker, store, module, &instance, &error), &error);

    /* All breakpoints in one edit: they are there together, or none is. */
    pellucid_edit_t *edit;
    must(pellucid_edit_begin(store, &edit), NULL);
    for (int place = 0; place < N_PLACES; place++) {
        uint32_t pc, func = function_by_name(module, places[place].name);
        must(pellucid_edit_add_at_function(edit, module, func, &places[place].breakpoint, &pc), NULL);
        printf("breakpoint %llu at %s (function %u, 0x%x)\n", (unsigned long long)places[place].breakpoint,
               places[place].name, func, (unsigned)pc);
    }
    must(pellucid_edit_commit(edit, &error), &error);
    pellucid_edit_delete(edit);
    must(pellucid_store_set_event_handler(store, PELLUCID_EVENT_BREAKPOINT | PELLUCID_EVENT_STEP, NULL, on_event,
                                          NULL), NULL);

    /* A call that can pause belongs to this loop, not to a thread. */
    pellucid_func_t run_demo = exported(store, &instance, "run_demo");
    pellucid_call_t *call;
    pellucid_call_state_t state;
    must(pellucid_call_begin(store, &run_demo, NULL, 0, &call, &error), &error);
    must(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, &error), &error);
    while (state == PELLUCID_CALL_PAUSED) {
        pellucid_frame_t frame;
        pellucid_str_t name;
        must(pellucid_call_frame(call, &frame), NULL);
        must(pellucid_frame_func_name(store, &frame, &name), NULL);
        printf("paused in %.*s; the host goes about its business and comes back\n", (int)name.size, name.data);
        pellucid_frame_t kept = frame;
        must(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, &error), &error);
        printf("the frame of the pause is %s\n",
               pellucid_frame_is_valid(store, &kept) ? "still valid" : "stale now, and says so");
    }
    if (state == PELLUCID_CALL_TRAPPED) {
        must(pellucid_call_error(call, &error), NULL);
        must(PELLUCID_ERR_TRAP, &error);
    }
    pellucid_value_t result;
    must(pellucid_call_results(call, &result, 1), NULL);
    printf("run_demo() = %d after %u stops and %u steps\n", result.of.i32, session.n_stops, session.n_steps);

    pellucid_call_delete(call);
    pellucid_functype_delete(print_type);
    pellucid_linker_delete(linker);
    pellucid_config_delete(config);
    pellucid_module_delete(module);
    pellucid_store_delete(store);
    pellucid_engine_delete(engine);
    free(wasm);
    return 0;
}
