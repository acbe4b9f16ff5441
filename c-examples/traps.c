/* A guest that traps: the code, the address, and the way there. */
#include "example.h"

static const char program[] =
    "(module $ship"
    "  (memory 1)"
    "  (func $steer (param i32) (result i32) (i32.load offset=16 (local.get 0)))"
    "  (func $sail (param i32) (result i32) (call $steer (i32.mul (local.get 0) (i32.const 65536))))"
    "  (func (export \"voyage\") (param i32) (result i32) (call $sail (local.get 0)))"
    "  (func $deeper (export \"deeper\") (param i32) (result i32)"
    "    (i32.add (i32.const 1) (call $deeper (local.get 0))))"
    "  (func (export \"divide\") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0))))";

static void show(pellucid_store_t *store, const pellucid_instance_t *instance, const char *name, int32_t number)
{
    pellucid_error_t *error = NULL;
    pellucid_func_t func = exported(store, instance, name);
    pellucid_value_t arg = i32_value(number), result;
    pellucid_status_t status = pellucid_func_call(store, &func, &arg, 1, &result, 1, &error);
    if (status == PELLUCID_OK) {
        printf("%s(%d) = %d\n", name, number, result.of.i32);
        return;
    }
    pellucid_str_t message;
    must(pellucid_error_message(error, &message), NULL);
    printf("%s(%d): %.*s (trap %d)\n", name, number, (int)message.size, message.data,
           (int)pellucid_error_trap(error));
    uint64_t memory, address;
    if (pellucid_error_fault(error, &memory, &address) == PELLUCID_OK)
        printf("  address 0x%llx\n", (unsigned long long)address);
    size_t n_frames = pellucid_error_frame_count(error);
    for (size_t i = 0; i < n_frames && i < 3; i++) {
        pellucid_backtrace_frame_t frame = {.struct_size = sizeof frame};
        must(pellucid_error_frame(error, i, &frame), NULL);
        printf("  %zu %.*s!%.*s at 0x%x\n", i, (int)frame.module_name.size, frame.module_name.data,
               (int)frame.func_name.size, frame.func_name.data, (unsigned)frame.pc);
    }
    if (n_frames > 3)
        printf("  and more\n");
    pellucid_error_delete(error);
}

int main(void)
{
    pellucid_engine_t *engine;
    pellucid_module_t *module;
    pellucid_store_t *store;
    pellucid_instance_t instance;
    pellucid_error_t *error = NULL;

    must(pellucid_engine_new(NULL, &engine, &error), &error);
    must(pellucid_module_new_text(engine, program, strlen(program), &module, &error), &error);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    must(pellucid_instance_new(store, module, NULL, 0, &instance, &error), &error);

    show(store, &instance, "voyage", 0);
    show(store, &instance, "voyage", 7);
    show(store, &instance, "divide", 0);
    show(store, &instance, "deeper", 1);
    /* The store is as good as before. */
    show(store, &instance, "divide", 1);

    pellucid_module_delete(module);
    pellucid_store_delete(store);
    pellucid_engine_delete(engine);
    return 0;
}
