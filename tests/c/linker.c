/* Linkers. */

#include "test.h"

static pellucid_status_t add_one(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                                 pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)n_args, (void)n_results, (void)out_error;
    results[0].of.i32 = args[0].of.i32 + 1;
    return PELLUCID_OK;
}

static pellucid_status_t add_two(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values, size_t n_values,
                                 pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)n_values, (void)out_error;
    values[0].i32 += 2;
    return PELLUCID_OK;
}

/* Runs in a start function: the linker can't be changed now, but it can be deleted. */
static pellucid_status_t change_the_linker(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                           size_t n_args, pellucid_value_t *results, size_t n_results,
                                           pellucid_error_t **out_error) {
    (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    pellucid_linker_t **linker = userdata;
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_linker_set_shadowing(*linker, true));
    pellucid_linker_delete(*linker);
    *linker = NULL;
    return PELLUCID_OK;
}

static const char *NEEDY =
    "(module (import \"env\" \"one\" (func $one (param i32) (result i32)))"
    "  (import \"env\" \"two\" (func $two (param i32) (result i32)))"
    "  (func (export \"three\") (param i32) (result i32) (call $two (call $one (local.get 0)))))";

/* A linker of another engine has nothing to do with a store. */
static void other_engine(pellucid_functype_t *type) {
    pellucid_engine_t *other;
    pellucid_linker_t *linker;
    pellucid_extern_t item = {.kind = PELLUCID_EXTERN_FUNC};
    pellucid_wasi_config_t *config;
    int finalized = 0;
    MUST(pellucid_engine_new(NULL, &other, ERR));
    MUST(pellucid_linker_new(other, &linker));
    pellucid_module_t *module = module_of("(module (func (export \"f\") (param i32) (result i32) local.get 0))");
    pellucid_instance_t instance;
    MUST(pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
    item.of.func = func_of(instance, "f");
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_linker_instantiate(linker, store, module, &instance, ERR));
    CHECK(message_has(last_error, "another engine"));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_linker_define(linker, store, TEXT("a"), TEXT("b"), &item, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT,
           pellucid_linker_define_func(linker, store, TEXT("a"), TEXT("b"), type, &finalized, add_one, count, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT,
           pellucid_linker_define_func_raw(linker, store, TEXT("a"), TEXT("b"), type, &finalized, add_two, count, ERR));
    CHECK(finalized == 2);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_linker_define_instance(linker, store, TEXT("a"), &instance, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_linker_define_unknown_as_traps(linker, store, module, ERR));
    MUST(pellucid_wasi_config_new(&config));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_linker_define_wasi(linker, store, config, NULL, ERR));
    pellucid_wasi_config_delete(config);
    pellucid_module_delete(module);
    /* The same engine by another reference is the same. */
    pellucid_engine_t *same;
    MUST(pellucid_engine_clone(engine, &same));
    pellucid_linker_delete(linker);
    MUST(pellucid_linker_new(same, &linker));
    OK(pellucid_linker_define(linker, store, TEXT("a"), TEXT("b"), &item, ERR));
    pellucid_engine_delete(same);
    pellucid_linker_delete(linker);
    pellucid_engine_delete(other);
}

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        pellucid_linker_t *linker;
        OK(pellucid_linker_new(engine, &linker));
        pellucid_kind_t i32 = PELLUCID_I32;
        pellucid_functype_t *type, *none;
        MUST(pellucid_functype_new(&i32, 1, &i32, 1, &type));
        MUST(pellucid_functype_new(NULL, 0, NULL, 0, &none));
        pellucid_module_t *module = module_of(NEEDY);
        pellucid_instance_t instance, other;
        int kept = 0, refused = 0;

        OK(pellucid_linker_define_func(linker, store, TEXT("env"), TEXT("one"), type, &kept, add_one, count, ERR));
        STATUS(PELLUCID_ERR_LINK, pellucid_linker_instantiate(linker, store, module, &instance, ERR));
        CHECK(message_has(last_error, "two"));
        OK(pellucid_linker_define_func_raw(linker, store, TEXT("env"), TEXT("two"), type, NULL, add_two, NULL, ERR));
        OK(pellucid_linker_instantiate(linker, store, module, &instance, ERR));
        pellucid_func_t three = func_of(instance, "three");
        pellucid_value_t arg = value_i32(4), result;
        OK(pellucid_func_call(store, &three, &arg, 1, &result, 1, ERR));
        CHECK(result.of.i32 == 7);

        /* Names are defined once, unless shadowing is on. */
        STATUS(PELLUCID_ERR_LINK,
               pellucid_linker_define_func(linker, store, TEXT("env"), TEXT("two"), type, &refused, add_one, count, ERR));
        CHECK(refused == 1);
        STATUS(PELLUCID_ERR_LINK,
               pellucid_linker_define_func_raw(linker, store, TEXT("env"), TEXT("two"), type, &refused, add_two, count,
                                               ERR));
        CHECK(refused == 2);
        STATUS(PELLUCID_ERR_NULL_ARGUMENT,
               pellucid_linker_define_func(linker, store, TEXT("env"), TEXT("x"), type, &refused, NULL, count, ERR));
        STATUS(PELLUCID_ERR_INVALID_ARGUMENT,
               pellucid_linker_define_func(linker, store, "\xff", 1, TEXT("x"), type, &refused, add_one, count, ERR));
        CHECK(refused == 4 && kept == 0);
        OK(pellucid_linker_set_shadowing(linker, true));
        OK(pellucid_linker_define_func(linker, store, TEXT("env"), TEXT("two"), type, NULL, add_one, NULL, ERR));
        OK(pellucid_linker_instantiate(linker, store, module, &other, ERR));
        three = func_of(other, "three");
        OK(pellucid_func_call(store, &three, &arg, 1, &result, 1, ERR));
        CHECK(result.of.i32 == 6);
        OK(pellucid_linker_set_shadowing(linker, false));

        /* Instances under a name. */
        OK(pellucid_linker_define_instance(linker, store, TEXT("math"), &instance, ERR));
        STATUS(PELLUCID_ERR_LINK, pellucid_linker_define_instance(linker, store, TEXT("math"), &instance, ERR));
        pellucid_extern_t item;
        OK(pellucid_linker_get(linker, store, TEXT("math"), TEXT("three"), &item));
        CHECK(item.kind == PELLUCID_EXTERN_FUNC);
        STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_linker_get(linker, store, TEXT("math"), TEXT("four"), &item));
        OK(pellucid_linker_define(linker, store, TEXT("again"), TEXT("3"), &item, ERR));
        STATUS(PELLUCID_ERR_LINK, pellucid_linker_define(linker, store, TEXT("again"), TEXT("3"), &item, ERR));
        item.kind = 9;
        STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_linker_define(linker, store, TEXT("a"), TEXT("b"), &item, ERR));
        item.kind = PELLUCID_EXTERN_FUNC;
        item.of.func.store++;
        STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_linker_define(linker, store, TEXT("a"), TEXT("b"), &item, ERR));
        pellucid_module_delete(module);

        /* Imports that nobody defines. */
        module = module_of("(module (import \"env\" \"one\" (func (param i32) (result i32)))"
                           "  (import \"nowhere\" \"f\" (func $f)) (func (export \"go\") (call $f)))");
        OK(pellucid_linker_define_unknown_as_traps(linker, store, module, ERR));
        OK(pellucid_linker_instantiate(linker, store, module, &other, ERR));
        pellucid_func_t go = func_of(other, "go");
        CHECK(pellucid_func_call(store, &go, NULL, 0, NULL, 0, ERR) != PELLUCID_OK);
        CHECK(message_has(last_error, "nowhere"));
        pellucid_module_delete(module);

        OK(pellucid_linker_define_func(linker, store, TEXT("env"), TEXT("change"), none, &linker, change_the_linker, NULL,
                                       ERR));
        module = module_of("(module (import \"env\" \"change\" (func $change)) (start $change))");
        OK(pellucid_linker_instantiate(linker, store, module, &other, ERR));
        CHECK(linker == NULL);
        pellucid_module_delete(module);
        pellucid_linker_delete(NULL);
        other_engine(type);
        pellucid_functype_delete(type);
        pellucid_functype_delete(none);
        CHECK(kept == 0);
        close_world();
        CHECK(kept == 1);
    }
    return finish();
}
