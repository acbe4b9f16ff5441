/* Stores: userdata, what is in them, and every order of deletion. */

#include "test.h"

static int order;

struct mark {
    int ran_as;
};

static void mark(void *userdata) {
    ((struct mark *)userdata)->ran_as = ++order;
}

static pellucid_status_t do_nothing(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                    size_t n_args, pellucid_value_t *results, size_t n_results,
                                    pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    return PELLUCID_OK;
}

static void userdata(void) {
    order = 0;
    open_world(false);
    pellucid_store_delete(store);
    struct mark of_store = {0}, of_func = {0}, of_ref = {0};
    OK(pellucid_store_new(engine, &of_store, mark, &store, ERR));
    CHECK(pellucid_store_userdata(store) == &of_store);
    CHECK(pellucid_store_userdata(NULL) == NULL);
    pellucid_functype_t *type;
    MUST(pellucid_functype_new(NULL, 0, NULL, 0, &type));
    pellucid_func_t func;
    OK(pellucid_func_new(store, type, &of_func, do_nothing, mark, &func, ERR));
    pellucid_functype_delete(type);
    pellucid_externref_t ref;
    OK(pellucid_externref_new(store, &of_ref, mark, &ref));
    pellucid_engine_delete(engine);
    CHECK(order == 0);
    pellucid_store_delete(store);
    /* The store's own userdata goes last. */
    CHECK(of_store.ran_as == 3 && of_func.ran_as != 0 && of_ref.ran_as != 0);

    int refused = 0;
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_store_new(NULL, &refused, count, &store, ERR));
    CHECK(refused == 1);
    pellucid_store_delete(NULL);
}

static void contents(void) {
    open_world(true);
    size_t n = 9;
    OK(pellucid_store_instance_count(store, &n));
    CHECK(n == 0);
    pellucid_module_t *a = module_of("(module $a)"), *b = module_of("(module $b)"), *module;
    pellucid_instance_t first, second, third, found;
    MUST(pellucid_instance_new(store, b, NULL, 0, &first, ERR));
    MUST(pellucid_instance_new(store, a, NULL, 0, &second, ERR));
    MUST(pellucid_instance_new(store, b, NULL, 0, &third, ERR));
    OK(pellucid_store_instance_count(store, &n));
    CHECK(n == 3);
    OK(pellucid_store_instance(store, 2, &found));
    CHECK(found.store == third.store && found.index == third.index);
    CHECK(found.store == pellucid_store_id(store));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_store_instance(store, 3, &found));
    OK(pellucid_store_module_count(store, &n));
    CHECK(n == 2);
    OK(pellucid_store_module(store, 0, &module));
    CHECK(pellucid_module_id(module) == pellucid_module_id(b));
    pellucid_module_delete(module);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_store_module(store, 2, &module));
    pellucid_module_delete(a);
    pellucid_module_delete(b);
    CHECK(!pellucid_store_is_poisoned(store));
    close_world();

    open_world(false);
    n = 9;
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_store_instance_count(store, &n));
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_store_module_count(store, &n));
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_store_instance(store, 0, &found));
    STATUS(PELLUCID_ERR_DEBUG_DISABLED, pellucid_store_module(store, 0, &module));
    CHECK(n == 9);
    CHECK(!pellucid_store_is_debug(store) && !pellucid_store_is_debug(NULL));
    close_world();
}

static void children_first_and_last(void) {
    struct mark of_store = {0};
    order = 0;
    open_world(true);
    pellucid_store_delete(store);
    OK(pellucid_store_new(engine, &of_store, mark, &store, ERR));
    pellucid_module_t *module = module_of("(module (func (export \"f\") (result i32) (i32.const 8)))");
    pellucid_instance_t instance;
    MUST(pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
    pellucid_func_t f = func_of(instance, "f");
    pellucid_call_t *call;
    pellucid_edit_t *edit;
    OK(pellucid_call_begin(store, &f, NULL, 0, &call, ERR));
    OK(pellucid_edit_begin(store, &edit));
    /* The parents go; the children still work. */
    pellucid_store_delete(store);
    pellucid_engine_delete(engine);
    CHECK(of_store.ran_as == 0);
    OK(pellucid_edit_add_at_function(edit, module, 0, NULL, NULL));
    pellucid_module_delete(module);
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_call_state_t state;
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED);
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_FINISHED);
    pellucid_value_t result;
    OK(pellucid_call_results(call, &result, 1));
    CHECK(result.of.i32 == 8);
    pellucid_edit_delete(edit);
    CHECK(of_store.ran_as == 0);
    pellucid_call_delete(call);
    CHECK(of_store.ran_as == 1);
}

/* A host function deletes the store that it is called in, and uses it on. */
static pellucid_status_t delete_store(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                      size_t n_args, pellucid_value_t *results, size_t n_results,
                                      pellucid_error_t **out_error) {
    (void)args, (void)n_args, (void)n_results, (void)out_error;
    struct mark *of_store = userdata;
    pellucid_store_t *here = pellucid_caller_store(caller);
    CHECK(here == store);
    pellucid_store_delete(here);
    pellucid_store_delete(here);
    CHECK(of_store->ran_as == 0 && pellucid_store_userdata(here) == of_store);
    results[0].of.i32 = 30;
    return PELLUCID_OK;
}

/* Opens a world with a store of its own, in which a function adds 12 to what a host function gives: one of the two. */
static pellucid_func_t open_store(bool debug, void *userdata, pellucid_func_cb_t tagged, pellucid_func_raw_cb_t raw) {
    order = 0;
    open_world(debug);
    pellucid_store_delete(store);
    MUST(pellucid_store_new(engine, userdata, mark, &store, ERR));
    pellucid_kind_t i32 = PELLUCID_I32;
    pellucid_functype_t *type;
    MUST(pellucid_functype_new(NULL, 0, &i32, 1, &type));
    pellucid_extern_t import = {.kind = PELLUCID_EXTERN_FUNC};
    if (tagged != NULL) {
        MUST(pellucid_func_new(store, type, userdata, tagged, NULL, &import.of.func, ERR));
    } else {
        MUST(pellucid_func_new_raw(store, type, userdata, raw, NULL, &import.of.func, ERR));
    }
    pellucid_functype_delete(type);
    pellucid_module_t *module = module_of(
        "(module (import \"\" \"\" (func $h (result i32)))"
        "  (func (export \"f\") (result i32) (i32.add (call $h) (i32.const 12))))");
    pellucid_instance_t instance;
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    pellucid_module_delete(module);
    return func_of(instance, "f");
}

static void deleted_by_a_host_function(void) {
    for (int one_shot = 0; one_shot < 2; one_shot++) {
        struct mark of_store = {0};
        pellucid_func_t f = open_store(one_shot, &of_store, delete_store, NULL);
        pellucid_value_t result;
        if (one_shot) {
            OK(pellucid_func_call(store, &f, NULL, 0, &result, 1, ERR));
        } else {
            pellucid_call_t *call;
            OK(pellucid_call_begin(store, &f, NULL, 0, &call, ERR));
            OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, NULL, ERR));
            OK(pellucid_call_results(call, &result, 1));
            CHECK(of_store.ran_as == 0);
            pellucid_call_delete(call);
        }
        CHECK(result.of.i32 == 42);
        CHECK(of_store.ran_as == 1);
        pellucid_engine_delete(engine);
    }
}

/* What a host function on raw values does with the store that it is called in. */
enum plan { NOTHING, DELETE, DELETE_AND_FAIL, CALL_AND_DELETE, DELETE_AND_CALL };

struct deletion {
    struct mark of_store;
    enum plan plan;
    pellucid_func_t f;
};

static pellucid_status_t follow_the_plan(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values,
                                         size_t n_values, pellucid_error_t **out_error) {
    (void)n_values, (void)out_error;
    struct deletion *deletion = userdata;
    pellucid_store_t *here = pellucid_caller_store(caller);
    enum plan plan = deletion->plan;
    deletion->plan = plan == CALL_AND_DELETE ? DELETE : NOTHING;
    pellucid_raw_t nested;
    if (plan == CALL_AND_DELETE) {
        OK(pellucid_func_call_raw(here, &deletion->f, &nested, 1, ERR));
        CHECK(nested.i32 == 42);
    } else if (plan != NOTHING) {
        pellucid_store_delete(here);
    }
    if (plan == DELETE_AND_CALL) {
        OK(pellucid_func_call_raw(here, &deletion->f, &nested, 1, ERR));
        CHECK(nested.i32 == 42);
    }
    CHECK(deletion->of_store.ran_as == 0 && pellucid_store_userdata(here) == deletion);
    values[0].i32 = 30;
    return plan == DELETE_AND_FAIL ? PELLUCID_ERR_HOST : PELLUCID_OK;
}

/* The same by calls with raw values, of which the first prepares the later ones. */
static void deleted_in_raw_calls(void) {
    enum plan plans[] = {DELETE, DELETE_AND_FAIL, CALL_AND_DELETE, DELETE_AND_CALL};
    for (int i = 0; i < 16; i++) {
        struct deletion deletion = {.plan = NOTHING};
        deletion.f = open_store(i & 1, &deletion, NULL, follow_the_plan);
        pellucid_raw_t result;
        for (int before = 0; before < (i & 8 ? 3 : 0); before++) {
            OK(pellucid_func_call_raw(store, &deletion.f, &result, 1, ERR));
            CHECK(result.i32 == 42);
        }
        deletion.plan = plans[i >> 1 & 3];
        bool fails = deletion.plan == DELETE_AND_FAIL;
        STATUS(fails ? PELLUCID_ERR_HOST : PELLUCID_OK,
               pellucid_func_call_raw(store, &deletion.f, &result, 1, ERR));
        CHECK(fails || result.i32 == 42);
        CHECK(deletion.of_store.ran_as == 1);
        pellucid_engine_delete(engine);
    }
}

static pellucid_func_t used_func;

/* A finalizer must not use the library. If it uses the store that goes, that is noticed. */
static void use_the_store(void *userdata) {
    pellucid_store_t *going = *(pellucid_store_t **)userdata;
    size_t n;
    uint64_t limit;
    pellucid_edit_t *edit = NULL;
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_store_instance_count(going, &n));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_store_limit(going, PELLUCID_LIMIT_TABLES, &limit));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_edit_begin(going, &edit));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_func_call_raw(going, &used_func, NULL, 0, NULL));
    pellucid_store_delete(going);
    order++;
}

static void used_by_finalizers(void) {
    open_world(true);
    pellucid_store_delete(store);
    order = 0;
    MUST(pellucid_store_new(engine, &store, use_the_store, &store, ERR));
    pellucid_externref_t ref;
    MUST(pellucid_externref_new(store, &store, use_the_store, &ref));
    pellucid_store_delete(store);
    CHECK(order == 2);
    pellucid_engine_delete(engine);
}

int main(void) {
    used_by_finalizers();
    userdata();
    contents();
    children_first_and_last();
    deleted_by_a_host_function();
    deleted_in_raw_calls();
    return finish();
}
