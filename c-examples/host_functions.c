/* Functions of the host: tagged, raw, with a state of their own, and failing. */
#include "example.h"

static const char program[] =
    "(module"
    "  (import \"host\" \"log\" (func $log (param i32)))"
    "  (import \"host\" \"next\" (func $next (result i64)))"
    "  (import \"host\" \"check\" (func $check (param i32)))"
    "  (func (export \"run\") (param $n i32)"
    "    (loop $again"
    "      (call $log (i32.wrap_i64 (call $next)))"
    "      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"
    "  (func (export \"run_check\") (param i32) (call $check (local.get 0))))";

/* Tagged: values come with their kinds. */
static pellucid_status_t log_number(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                    size_t n_args, pellucid_value_t *results, size_t n_results,
                                    pellucid_error_t **out_error)
{
    (void)caller, (void)n_args, (void)results, (void)n_results, (void)out_error;
    printf("%s %d\n", (const char *)userdata, args[0].of.i32);
    return PELLUCID_OK;
}

/* Raw: faster. Arguments come in, results go out, in the same array. */
static pellucid_status_t next_number(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values,
                                     size_t n_values, pellucid_error_t **out_error)
{
    (void)caller, (void)n_values, (void)out_error;
    int64_t *state = userdata;
    *state = *state * 3 + 1;
    values[0].i64 = *state;
    return PELLUCID_OK;
}

/* Failing: the guest traps, and the caller of the guest gets this error. */
static pellucid_status_t check_number(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                      size_t n_args, pellucid_value_t *results, size_t n_results,
                                      pellucid_error_t **out_error)
{
    (void)userdata, (void)caller, (void)n_args, (void)results, (void)n_results;
    if (args[0].of.i32 >= 0)
        return PELLUCID_OK;
    const char message[] = "the host wants no negative numbers";
    pellucid_error_new(message, strlen(message), out_error);
    return PELLUCID_ERR_HOST;
}

static void free_state(void *userdata)
{
    printf("the state is freed with its store\n");
    free(userdata);
}

int main(void)
{
    pellucid_engine_t *engine;
    pellucid_module_t *module;
    pellucid_store_t *store;
    pellucid_linker_t *linker;
    pellucid_instance_t instance;
    pellucid_error_t *error = NULL;

    must(pellucid_engine_new(NULL, &engine, &error), &error);
    must(pellucid_module_new_text(engine, program, strlen(program), &module, &error), &error);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);

    /* A linker finds imports by their names. */
    must(pellucid_linker_new(engine, &linker), NULL);
    pellucid_functype_t *takes_i32, *gives_i64;
    pellucid_kind_t i32 = PELLUCID_I32, i64 = PELLUCID_I64;
    must(pellucid_functype_new(&i32, 1, NULL, 0, &takes_i32), NULL);
    must(pellucid_functype_new(NULL, 0, &i64, 1, &gives_i64), NULL);
    int64_t *state = malloc(sizeof *state);
    *state = 0;
    must(pellucid_linker_define_func(linker, store, "host", 4, "log", 3, takes_i32, (void *)"guest says", log_number,
                                     NULL, &error), &error);
    must(pellucid_linker_define_func_raw(linker, store, "host", 4, "next", 4, gives_i64, state, next_number,
                                         free_state, &error), &error);
    must(pellucid_linker_define_func(linker, store, "host", 4, "check", 5, takes_i32, NULL, check_number, NULL,
                                     &error), &error);
    must(pellucid_linker_instantiate(linker, store, module, &instance, &error), &error);

    pellucid_func_t run = exported(store, &instance, "run");
    pellucid_value_t arg = i32_value(4);
    must(pellucid_func_call(store, &run, &arg, 1, NULL, 0, &error), &error);

    pellucid_func_t run_check = exported(store, &instance, "run_check");
    arg = i32_value(-5);
    pellucid_status_t status = pellucid_func_call(store, &run_check, &arg, 1, NULL, 0, &error);
    pellucid_str_t message, name;
    must(pellucid_error_message(error, &message), NULL);
    must(pellucid_status_name(status, &name), NULL);
    printf("%.*s: %.*s\n", (int)name.size, name.data, (int)message.size, message.data);

    pellucid_error_delete(error);
    pellucid_functype_delete(takes_i32);
    pellucid_functype_delete(gives_i64);
    pellucid_linker_delete(linker);
    pellucid_module_delete(module);
    pellucid_store_delete(store);
    pellucid_engine_delete(engine);
    return 0;
}
