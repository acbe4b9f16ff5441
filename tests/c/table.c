/* Tables. */

#include "test.h"

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        pellucid_tabletype_t type = {.minimum = 2, .maximum = 4, .has_maximum = 1, .element = PELLUCID_FUNCREF}, found;
        pellucid_value_t null = value_of(PELLUCID_FUNCREF), value, wrong_kind = value_of(PELLUCID_EXTERNREF);
        pellucid_extern_t import = {.kind = PELLUCID_EXTERN_TABLE};
        pellucid_table_t *table = &import.of.table, untouched = {7, 7};
        OK(pellucid_table_new(store, &type, &null, table, ERR));
        OK(pellucid_table_type(store, table, &found));
        CHECK(memcmp(&found, &type, sizeof type) == 0);
        uint64_t size;
        OK(pellucid_table_size(store, table, &size));
        CHECK(size == 2);
        OK(pellucid_table_get(store, table, 1, &value));
        CHECK(value.kind == PELLUCID_FUNCREF && pellucid_value_is_null(&value));
        STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_table_get(store, table, 2, &value));

        pellucid_module_t *module = module_of(
            "(module (import \"\" \"\" (table $t 2 funcref))"
            "  (func (export \"seven\") (result i32) (i32.const 7))"
            "  (func (export \"call\") (param i32) (result i32)"
            "    (call_indirect $t (result i32) (local.get 0))))");
        pellucid_instance_t instance;
        MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
        pellucid_module_delete(module);
        pellucid_func_t call = func_of(instance, "call");
        pellucid_value_t seven = value_of(PELLUCID_FUNCREF), arg = value_i32(1), result;
        seven.of.funcref = func_of(instance, "seven");
        OK(pellucid_table_set(store, table, 1, &seven));
        OK(pellucid_func_call(store, &call, &arg, 1, &result, 1, ERR));
        CHECK(result.of.i32 == 7);
        OK(pellucid_table_get(store, table, 1, &value));
        CHECK(pellucid_value_is_same(&value, &seven));
        arg = value_i32(0);
        STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &call, &arg, 1, &result, 1, ERR));
        CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_UNINITIALIZED_ELEMENT);
        arg = value_i32(5);
        STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &call, &arg, 1, &result, 1, ERR));
        CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_UNDEFINED_ELEMENT);

        OK(pellucid_table_grow(store, table, 2, &seven, &size, ERR));
        CHECK(size == 2);
        arg = value_i32(3);
        OK(pellucid_func_call(store, &call, &arg, 1, &result, 1, ERR));
        STATUS(PELLUCID_ERR_LIMIT, pellucid_table_grow(store, table, 1, &null, &size, ERR));
        STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_table_grow(store, table, 0, &wrong_kind, &size, ERR));
        STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_table_set(store, table, 0, &wrong_kind));
        STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_table_set(store, table, 4, &null));
        STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_table_set(store, &untouched, 0, &null));
        value = seven;
        value.of.funcref.store++;
        STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_table_set(store, table, 0, &value));
        STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_table_new(store, &type, &wrong_kind, &untouched, ERR));
        type.element = PELLUCID_I32;
        STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_table_new(store, &type, &null, &untouched, ERR));
        type.element = PELLUCID_FUNCREF;
        type.minimum = 5;
        STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_table_new(store, &type, &null, &untouched, ERR));
        CHECK(untouched.store == 7);
        close_world();
    }
    return finish();
}
