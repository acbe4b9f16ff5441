/* The shortest way from a module to a result. */
#include "example.h"

static const char program[] =
    "(module"
    "  (func (export \"add\") (param i32 i32) (result i32)"
    "    (i32.add (local.get 0) (local.get 1))))";

int main(void)
{
    pellucid_engine_t *engine;
    pellucid_module_t *module;
    pellucid_store_t *store;
    pellucid_instance_t instance;
    pellucid_error_t *error = NULL;

    /* An engine compiles, a module is what it compiled, a store is where guests live. */
    must(pellucid_engine_new(NULL, &engine, &error), &error);
    must(pellucid_module_new_text(engine, program, strlen(program), &module, &error), &error);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    must(pellucid_instance_new(store, module, NULL, 0, &instance, &error), &error);

    pellucid_func_t add = exported(store, &instance, "add");
    pellucid_value_t args[2] = {i32_value(40), i32_value(2)}, sum;
    must(pellucid_func_call(store, &add, args, 2, &sum, 1, &error), &error);
    printf("40 + 2 = %d\n", sum.of.i32);

    /* In any order. */
    pellucid_engine_delete(engine);
    pellucid_module_delete(module);
    pellucid_store_delete(store);
    return 0;
}
