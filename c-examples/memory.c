/* Linear memory: strings in and out, growing, and what happens at the end of it. */
#include "example.h"

static const char program[] =
    "(module"
    "  (memory (export \"memory\") 1 3)"
    "  (func (export \"upper\") (param $at i32) (param $n i32)"
    "    (local $c i32)"
    "    (block $done"
    "      (loop $next"
    "        (br_if $done (i32.eqz (local.get $n)))"
    "        (local.set $c (i32.load8_u (local.get $at)))"
    "        (if (i32.lt_u (i32.sub (local.get $c) (i32.const 97)) (i32.const 26))"
    "          (then (i32.store8 (local.get $at) (i32.sub (local.get $c) (i32.const 32)))))"
    "        (local.set $at (i32.add (local.get $at) (i32.const 1)))"
    "        (local.set $n (i32.sub (local.get $n) (i32.const 1)))"
    "        (br $next)))))";

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
    pellucid_extern_t item;
    must(pellucid_instance_export(store, &instance, "memory", 6, &item), NULL);
    pellucid_memory_t memory = item.of.memory;

    /* Writing and reading are checked. */
    char text[] = "see through it";
    must(pellucid_memory_write(store, &memory, 1024, (const uint8_t *)text, sizeof text), NULL);
    pellucid_func_t upper = exported(store, &instance, "upper");
    pellucid_value_t args[2] = {i32_value(1024), i32_value(sizeof text - 1)};
    must(pellucid_func_call(store, &upper, args, 2, NULL, 0, &error), &error);
    must(pellucid_memory_read(store, &memory, 1024, (uint8_t *)text, sizeof text), NULL);
    printf("%s\n", text);

    /* Or go at the bytes. The pointer stays good while the memory lives; the size changes when it grows. */
    uint8_t *data;
    size_t size;
    must(pellucid_memory_data(store, &memory, &data, &size), NULL);
    printf("%zu bytes, byte 1024 is '%c'\n", size, data[1024]);

    uint64_t old_pages;
    must(pellucid_memory_grow(store, &memory, 2, &old_pages, &error), &error);
    must(pellucid_memory_data(store, &memory, &data, &size), NULL);
    printf("grown from %u page to %zu bytes\n", (unsigned)old_pages, size);

    /* Beyond its maximum nothing changes, and beyond its end nothing is written. */
    pellucid_str_t name;
    pellucid_status_t status = pellucid_memory_grow(store, &memory, 1, &old_pages, NULL);
    must(pellucid_status_name(status, &name), NULL);
    printf("one page more: %.*s\n", (int)name.size, name.data);
    status = pellucid_memory_write(store, &memory, size - 4, (const uint8_t *)text, sizeof text);
    must(pellucid_status_name(status, &name), NULL);
    printf("over the end: %.*s\n", (int)name.size, name.data);

    pellucid_module_delete(module);
    pellucid_store_delete(store);
    pellucid_engine_delete(engine);
    return 0;
}
