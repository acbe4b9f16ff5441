/* Memories. */

#include "test.h"

static void made_by_the_host(void) {
    pellucid_memorytype_t type = {.minimum = 1, .maximum = 3, .has_maximum = 1}, found;
    pellucid_memory_t memory;
    OK(pellucid_memory_new(store, &type, &memory, ERR));
    OK(pellucid_memory_type(store, &memory, &found));
    CHECK(found.minimum == 1 && found.maximum == 3 && found.has_maximum == 1 && found.page_size_log2 == 16);
    uint8_t *data, *again;
    size_t size;
    OK(pellucid_memory_data(store, &memory, &data, &size));
    CHECK(size == 65536 && data[0] == 0 && data[65535] == 0);
    data[5] = 42;
    uint64_t pages = 0;
    OK(pellucid_memory_grow(store, &memory, 2, &pages, ERR));
    CHECK(pages == 1);
    OK(pellucid_memory_size(store, &memory, &pages));
    CHECK(pages == 3);
    OK(pellucid_memory_data(store, &memory, &again, &size));
    CHECK(again == data && size == 3 * 65536);
    data[size - 1] = 1;
    STATUS(PELLUCID_ERR_LIMIT, pellucid_memory_grow(store, &memory, 1, &pages, ERR));
    STATUS(PELLUCID_ERR_LIMIT, pellucid_memory_grow(store, &memory, UINT64_MAX, &pages, ERR));
    OK(pellucid_memory_grow(store, &memory, 0, NULL, ERR));

    uint8_t bytes[4] = {9, 9, 9, 9};
    OK(pellucid_memory_read(store, &memory, 4, bytes, 2));
    CHECK(bytes[0] == 0 && bytes[1] == 42 && bytes[2] == 9);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_memory_read(store, &memory, 3 * 65536 - 2, bytes, 3));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_memory_read(store, &memory, UINT64_MAX, bytes, 1));
    CHECK(bytes[2] == 9);
    OK(pellucid_memory_read(store, &memory, 3 * 65536, NULL, 0));
    OK(pellucid_memory_write(store, &memory, 3 * 65536 - 4, bytes, 4));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_memory_write(store, &memory, 3 * 65536 - 3, (const uint8_t *)"abcd", 4));
    CHECK(data[size - 1] == 9);
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_memory_read(store, &memory, 0, NULL, 1));

    type.minimum = 4;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_memory_new(store, &type, &memory, ERR));
    type.has_maximum = 2;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_memory_new(store, &type, &memory, ERR));
    type.has_maximum = 0;
    type.is_shared = 1;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_memory_new(store, &type, &memory, ERR));
    type.is_shared = 0;
    type.is_64 = 2;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_memory_new(store, &type, &memory, ERR));
    type.is_64 = 0;
    type.page_size_log2 = 12;
    STATUS(PELLUCID_ERR_UNSUPPORTED, pellucid_memory_new(store, &type, &memory, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_memory_new(store, NULL, &memory, ERR));
}

/* Addressed by 64 bits, and in pages of a byte. */
static void other_kinds(void) {
    pellucid_memorytype_t wide = {.minimum = 2, .maximum = UINT64_C(1) << 48, .has_maximum = 1, .is_64 = 1}, found;
    pellucid_memorytype_t bytes = {.minimum = 5, .page_size_log2 = PELLUCID_PAGES_OF_A_BYTE};
    pellucid_memory_t memory;
    uint64_t pages;
    size_t size;
    OK(pellucid_memory_new(store, &wide, &memory, ERR));
    OK(pellucid_memory_type(store, &memory, &found));
    CHECK(found.is_64 == 1 && found.maximum == wide.maximum && found.page_size_log2 == PELLUCID_PAGES_OF_64_KIB);
    STATUS(PELLUCID_ERR_LIMIT, pellucid_memory_grow(store, &memory, UINT64_C(1) << 47, &pages, ERR));
    OK(pellucid_memory_grow(store, &memory, 1, &pages, ERR));
    CHECK(pages == 2);
    OK(pellucid_memory_new(store, &bytes, &memory, ERR));
    OK(pellucid_memory_type(store, &memory, &found));
    CHECK(found.is_64 == 0 && found.page_size_log2 == PELLUCID_PAGES_OF_A_BYTE);
    OK(pellucid_memory_grow(store, &memory, 2, &pages, ERR));
    OK(pellucid_memory_data(store, &memory, NULL, &size));
    CHECK(pages == 5 && size == 7);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_memory_write(store, &memory, 7, (const uint8_t *)"a", 1));
    wide.maximum++;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_memory_new(store, &wide, &memory, ERR));

    pellucid_instance_t instance = instance_of(
        "(module (memory (export \"m\") i64 1) (table (export \"t\") i64 2 funcref) (memory (export \"b\") 9 (pagesize 1)))");
    pellucid_extern_t item = export_of(instance, "m");
    OK(pellucid_memory_type(store, &item.of.memory, &found));
    CHECK(found.is_64 == 1);
    item = export_of(instance, "b");
    OK(pellucid_memory_type(store, &item.of.memory, &found));
    CHECK(found.minimum == 9 && found.is_64 == 0 && found.page_size_log2 == PELLUCID_PAGES_OF_A_BYTE);
    pellucid_tabletype_t table;
    item = export_of(instance, "t");
    OK(pellucid_table_type(store, &item.of.table, &table));
    CHECK(table.is_64 == 1 && table.minimum == 2);
}

/* So many addresses are reserved. */
static void reserved(void) {
    pellucid_config_t *config;
    pellucid_engine_t *small;
    pellucid_store_t *other;
    pellucid_memory_t memory;
    pellucid_memorytype_t type = {.minimum = 1};
    uint64_t pages;
    OK(pellucid_config_new(&config));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_config_set_memory_reservation(NULL, 1 << 20));
    OK(pellucid_config_set_memory_reservation(config, 1 << 20));
    OK(pellucid_engine_new(config, &small, ERR));
    pellucid_config_delete(config);
    OK(pellucid_store_new(small, NULL, NULL, &other, ERR));
    for (int i = 0; i < 1000; i++) {
        OK(pellucid_memory_new(other, &type, &memory, ERR));
    }
    OK(pellucid_memory_grow(other, &memory, 15, &pages, ERR));
    STATUS(PELLUCID_ERR_LIMIT, pellucid_memory_grow(other, &memory, 1, &pages, ERR));
    pellucid_store_delete(other);
    pellucid_engine_delete(small);
}

static void shared_with_the_guest(void) {
    pellucid_instance_t instance = instance_of(
        "(module (memory (export \"m\") 1 2) (data (i32.const 8) \"hello\")"
        "  (func (export \"get\") (param i32) (result i32) (i32.load8_u (local.get 0)))"
        "  (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))");
    pellucid_memory_t memory = export_of(instance, "m").of.memory, wrong = memory;
    pellucid_func_t get = func_of(instance, "get"), grow = func_of(instance, "grow");
    uint8_t bytes[5];
    OK(pellucid_memory_read(store, &memory, 8, bytes, 5));
    CHECK(memcmp(bytes, "hello", 5) == 0);
    OK(pellucid_memory_write(store, &memory, 8, (const uint8_t *)"J", 1));
    pellucid_value_t arg = value_i32(8), result;
    OK(pellucid_func_call(store, &get, &arg, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 'J');
    arg = value_i32(1);
    OK(pellucid_func_call(store, &grow, &arg, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 1);
    OK(pellucid_func_call(store, &grow, &arg, 1, &result, 1, ERR));
    CHECK(result.of.i32 == -1);
    uint64_t pages;
    OK(pellucid_memory_size(store, &memory, &pages));
    CHECK(pages == 2);
    wrong.store--;
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_memory_size(store, &wrong, &pages));
    wrong.store++;
    wrong.index = 99;
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_memory_size(store, &wrong, &pages));
}

/* Copies whose other end is in the same memory, and overlaps. */
static void within_itself(void) {
    pellucid_memorytype_t type = {.minimum = 1};
    pellucid_memory_t memory;
    OK(pellucid_memory_new(store, &type, &memory, ERR));
    uint8_t *data;
    size_t size;
    OK(pellucid_memory_data(store, &memory, &data, &size));
    enum { N = 40000, SHIFT = 17 };
    for (int up = 0; up < 2; up++) {
        for (int is_write = 0; is_write < 2; is_write++) {
            for (int i = 0; i < N + SHIFT; i++) {
                data[i] = (uint8_t)(i * 7 % 251);
            }
            int from = up ? 0 : SHIFT, to = up ? SHIFT : 0;
            if (is_write) {
                OK(pellucid_memory_write(store, &memory, to, data + from, N));
            } else {
                OK(pellucid_memory_read(store, &memory, from, data + to, N));
            }
            bool moved = true;
            for (int i = 0; i < N; i++) {
                moved = moved && data[to + i] == (from + i) * 7 % 251;
            }
            CHECK(moved);
        }
    }
    OK(pellucid_memory_write(store, &memory, 0, data, size));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_memory_write(store, &memory, 1, data, size));
}

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        made_by_the_host();
        shared_with_the_guest();
        other_kinds();
        reserved();
        within_itself();
        close_world();
    }
    return finish();
}
