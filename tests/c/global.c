/* Globals. */

#include "test.h"

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        pellucid_globaltype_t type = {.kind = PELLUCID_I64, .is_mutable = 1}, found;
        pellucid_value_t value = value_i64(5), wrong_kind = value_i32(5);
        pellucid_extern_t import = {.kind = PELLUCID_EXTERN_GLOBAL};
        pellucid_global_t *global = &import.of.global, fixed, untouched = {7, 7};
        OK(pellucid_global_new(store, &type, &value, global, ERR));
        OK(pellucid_global_type(store, global, &found));
        CHECK(found.kind == PELLUCID_I64 && found.is_mutable == 1);
        pellucid_module_t *module = module_of(
            "(module (import \"\" \"\" (global $g (mut i64)))"
            "  (global (export \"fixed\") i32 (i32.const 3))"
            "  (func (export \"bump\") (global.set $g (i64.add (global.get $g) (i64.const 1)))))");
        pellucid_instance_t instance;
        MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
        pellucid_module_delete(module);
        pellucid_func_t bump = func_of(instance, "bump");
        OK(pellucid_func_call(store, &bump, NULL, 0, NULL, 0, ERR));
        OK(pellucid_global_get(store, global, &value));
        CHECK(value.kind == PELLUCID_I64 && value.of.i64 == 6);
        value.of.i64 = -1;
        OK(pellucid_global_set(store, global, &value));
        OK(pellucid_func_call(store, &bump, NULL, 0, NULL, 0, ERR));
        OK(pellucid_global_get(store, global, &value));
        CHECK(value.of.i64 == 0);

        fixed = export_of(instance, "fixed").of.global;
        OK(pellucid_global_get(store, &fixed, &value));
        CHECK(value.of.i32 == 3);
        STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_global_set(store, &fixed, &value));
        STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_global_set(store, global, &wrong_kind));
        STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_global_new(store, &type, &wrong_kind, &untouched, ERR));
        STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_global_get(store, &untouched, &value));
        untouched.store = pellucid_store_id(store);
        untouched.index = 1000;
        STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_global_get(store, &untouched, &value));
        type.is_mutable = 3;
        STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_global_new(store, &type, &wrong_kind, &untouched, ERR));
        type.kind = PELLUCID_CONTREF;
        STATUS(PELLUCID_ERR_UNSUPPORTED, pellucid_global_new(store, &type, &wrong_kind, &untouched, ERR));
        CHECK(untouched.index == 1000);
        close_world();
    }
    return finish();
}
