/* Host values that guests hold. */

#include "test.h"

/* The sanitizer keeps what was freed for long. */
#ifdef __SANITIZE_ADDRESS__
#define COUNT 300000
#else
#define COUNT 10000000
#endif

static size_t made, most_present;

static void finalize_one(void *userdata) {
    (*(size_t *)userdata)++;
}

static size_t finalized;

/* Gives a new host value. */
static pellucid_status_t make(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)args, (void)out_error;
    CHECK(n_args == 0 && n_results == 1);
    pellucid_status_t status =
        pellucid_externref_new(pellucid_caller_store(caller), &finalized, finalize_one, &results[0].of.externref);
    made++;
    size_t present = made - finalized;
    most_present = present > most_present ? present : most_present;
    return status;
}

/* Guests that make host values and lose them don't keep them, whether they make anything else or not. */
static void those_that_are_lost_go(bool is_debug, int32_t count) {
    open_world(is_debug);
    made = finalized = most_present = 0;
    pellucid_module_t *module = module_of(
        "(module (import \"host\" \"make\" (func $make (result externref)))"
        "  (table (export \"kept\") 20000 externref)"
        "  (func (export \"lose\") (param $n i32) (local $held externref)"
        "    (loop $again"
        "      (local.set $held (call $make))"
        "      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"
        "  (func (export \"keep\") (param $n i32)"
        "    (loop $again"
        "      (local.set $n (i32.sub (local.get $n) (i32.const 1)))"
        "      (table.set (local.get $n) (call $make))"
        "      (br_if $again (local.get $n)))))");
    pellucid_extern_t import = {.kind = PELLUCID_EXTERN_FUNC};
    pellucid_kind_t kind = PELLUCID_EXTERNREF;
    pellucid_functype_t *type;
    MUST(pellucid_functype_new(NULL, 0, &kind, 1, &type));
    MUST(pellucid_func_new(store, type, NULL, make, NULL, &import.of.func, ERR));
    pellucid_instance_t instance;
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    pellucid_func_t lose = func_of(instance, "lose"), keep = func_of(instance, "keep");
    pellucid_table_t kept = export_of(instance, "kept").of.table;
    pellucid_value_t n = value_i32(1000), value, null = value_of(PELLUCID_EXTERNREF);
    OK(pellucid_func_call(store, &keep, &n, 1, NULL, 0, ERR));
    pellucid_externref_t first;
    uint64_t scope;
    OK(pellucid_scope_open(store, &scope));
    OK(pellucid_table_get(store, &kept, 999, &value));
    first = value.of.externref;
    OK(pellucid_table_set(store, &kept, 999, &null));
    OK(pellucid_scope_close(store, scope));
    n = value_i32(count);
    OK(pellucid_func_call(store, &lose, &n, 1, NULL, 0, ERR));
    CHECK(made == 1000 + (size_t)count && most_present < 40000);
    /* Those in the table are still there; a handle of one that has gone isn't another's, though its number is used again. */
    void *userdata;
    for (uint64_t i = 0; i < 999; i += 111) {
        OK(pellucid_table_get(store, &kept, i, &value));
        OK(pellucid_externref_userdata(store, &value.of.externref, &userdata));
        CHECK(userdata == &finalized);
    }
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_externref_userdata(store, &first, &userdata));
    OK(pellucid_store_gc(store));
    CHECK(made - finalized < 1010);
    /* A limit for those that can't go. */
    OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_HOST_REFERENCES, 5000));
    n = value_i32(50000);
    OK(pellucid_func_call(store, &lose, &n, 1, NULL, 0, ERR));
    n = value_i32(4900);
    OK(pellucid_func_call(store, &keep, &n, 1, NULL, 0, ERR));
    n = value_i32(6000);
    STATUS(PELLUCID_ERR_HOST, pellucid_func_call(store, &keep, &n, 1, NULL, 0, ERR));
    CHECK(message_has(last_error, "PELLUCID_ERR_LIMIT"));
    uint64_t limit;
    OK(pellucid_store_limit(store, PELLUCID_LIMIT_HOST_REFERENCES, &limit));
    CHECK(limit == 5000);
    pellucid_externref_t one_more;
    int more = 0;
    pellucid_status_t status;
    while ((status = pellucid_externref_new(store, NULL, NULL, &one_more)) == PELLUCID_OK && more < 5000) {
        more++;
    }
    CHECK(status == PELLUCID_ERR_LIMIT);
    OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_HOST_REFERENCES, 5001));
    OK(pellucid_externref_new(store, NULL, NULL, &one_more));
    pellucid_functype_delete(type);
    pellucid_module_delete(module);
    close_world();
    CHECK(made == finalized);
}

int main(void) {
    those_that_are_lost_go(false, COUNT);
    those_that_are_lost_go(true, 200000);
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        pellucid_instance_t instance = instance_of(
            "(module (table (export \"t\") 2 externref) (global $g (mut externref) (ref.null extern))"
            "  (func (export \"keep\") (param externref) (table.set (i32.const 1) (local.get 0))"
            "    (global.set $g (local.get 0)))"
            "  (func (export \"is_kept\") (result i32) (i32.eqz (ref.is_null (global.get $g)))))");
        pellucid_func_t keep = func_of(instance, "keep"), is_kept = func_of(instance, "is_kept");
        pellucid_table_t table = export_of(instance, "t").of.table;
        int first = 0, second = 0;
        pellucid_value_t a = value_of(PELLUCID_EXTERNREF), b = a, null = a, found, result;
        OK(pellucid_externref_new(store, &first, count, &a.of.externref));
        OK(pellucid_externref_new(store, &second, count, &b.of.externref));
        CHECK(!pellucid_value_is_same(&a, &b) && !pellucid_value_is_null(&a) && pellucid_value_is_null(&null));
        OK(pellucid_func_call(store, &keep, &a, 1, NULL, 0, ERR));
        OK(pellucid_func_call(store, &is_kept, NULL, 0, &result, 1, ERR));
        CHECK(result.of.i32 == 1);
        OK(pellucid_table_get(store, &table, 1, &found));
        CHECK(pellucid_value_is_same(&found, &a));
        void *userdata = NULL;
        OK(pellucid_externref_userdata(store, &found.of.externref, &userdata));
        CHECK(userdata == &first);
        OK(pellucid_table_get(store, &table, 0, &found));
        CHECK(pellucid_value_is_null(&found));
        STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_externref_userdata(store, &found.of.externref, &userdata));
        pellucid_externref_t wrong = a.of.externref;
        wrong.store++;
        STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_externref_userdata(store, &wrong, &userdata));
        wrong = a.of.externref;
        wrong.index = 1000;
        STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_externref_userdata(store, &wrong, &userdata));
        CHECK(userdata == &first);
        /* The host's NULL is a value like any other. */
        OK(pellucid_externref_new(store, NULL, NULL, &b.of.externref));
        CHECK(!pellucid_value_is_null(&b));
        OK(pellucid_externref_userdata(store, &b.of.externref, &userdata));
        CHECK(userdata == NULL);
        int refused = 0;
        STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_externref_new(store, &refused, count, NULL));
        CHECK(refused == 1 && first == 0 && second == 0);
        close_world();
        CHECK(first == 1 && second == 1);
    }
    return finish();
}
