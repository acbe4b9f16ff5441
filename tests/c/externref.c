/* Host values that guests hold. */

#include "test.h"

int main(void) {
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
