/* The programs of measure.c, paused and resumed at random moments; their results must be the same: `make random_interrupts`.
 *
 * The arguments are the seconds to run and a seed. */

#define main measure_main
#include "measure.c"
#undef main

static unsigned long pauses[2];

static void run_paused(const struct program *program, bool debug, unsigned *random)
{
    size_t n_wasm;
    uint8_t *wasm = read_file(program->path, &n_wasm);
    pellucid_engine_t *engine = engine_with(debug);
    pellucid_module_t *module;
    pellucid_store_t *store;
    pellucid_call_t *call;
    pellucid_call_state_t state;
    pellucid_error_t *error = NULL;
    must(pellucid_module_new(engine, wasm, n_wasm, &module, &error), &error);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    pellucid_instance_t instance = instantiate(store, engine, module);
    pellucid_func_t func = exported(store, &instance, program->export);
    pellucid_value_t argument = i32_value(program->argument), result;
    must(pellucid_call_begin(store, &func, &argument, program->has_argument ? 1 : 0, &call, &error), &error);
    for (;;) {
        *random = *random * 1103515245 + 12345;
        pellucid_budget_t time = {(*random >> 16) % 16, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE};
        must(pellucid_call_resume_for(call, PELLUCID_RESUME_CONTINUE, &time, &state, &error), &error);
        if (state != PELLUCID_CALL_PAUSED)
            break;
        pauses[debug]++;
    }
    must(pellucid_call_results(call, &result, 1), NULL);
    int64_t number = result.kind == PELLUCID_I64 ? result.of.i64 : result.of.i32;
    if (number != program->result) {
        fprintf(stderr, "error: %s answered %lld after %lu and %lu pauses\n", program->path, (long long)number, pauses[0],
                pauses[1]);
        exit(1);
    }
    pellucid_call_delete(call);
    pellucid_store_delete(store);
    pellucid_module_delete(module);
    pellucid_engine_delete(engine);
    free(wasm);
}

int main(int argc, char **argv)
{
    double end = now() + (argc > 1 ? atof(argv[1]) : 30);
    unsigned random = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    do {
        for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
            run_paused(&programs[i], false, &random);
            run_paused(&programs[i], true, &random);
        }
    } while (now() < end);
    printf("%lu pauses without debugging, %lu with it; all results as expected\n", pauses[0], pauses[1]);
    return 0;
}
