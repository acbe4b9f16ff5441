/* Names of types, fields and other entities, and showing objects with them. */

#include "test.h"

static const char points[] =
    "(module $points"
    "  (type $Point (sub (struct (field $x (mut i32)) (field $y (mut i32)))))"
    "  (type $Point3 (sub $Point (struct (field $x (mut i32)) (field $y (mut i32)) (field (mut i32)))))"
    "  (type $Line (struct (field $from (ref $Point)) (field $to (ref null $Point))))"
    "  (type $Bytes (array i8))"
    "  (type (func))"
    "  (tag $failed (type 4))"
    "  (table $places (export \"table\") 1 anyref)"
    "  (table (export \"other\") 1 anyref)"
    "  (memory $heap 1)"
    "  (global $origin (ref $Point) (struct.new $Point (i32.const 0) (i32.const 0)))"
    "  (global i32 (i32.const 1))"
    "  (elem $nothing funcref)"
    "  (data $greeting \"hello\")"
    "  (func $make (export \"line\") (result anyref)"
    "    (struct.new $Line (struct.new $Point (i32.const 1) (i32.const 2))"
    "                      (struct.new $Point3 (i32.const 3) (i32.const 4) (i32.const 5)))))";

/* Its first type is the other module's too, and has names of its own; the second has a name in no module before. */
static const char sizes[] =
    "(module"
    "  (type $Size (sub (struct (field $width (mut i32)) (field $height (mut i32)))))"
    "  (type $Box (struct (field $size (ref $Size)) (field f64)))"
    "  (func (export \"box\") (result anyref)"
    "    (struct.new $Box (struct.new $Size (i32.const 6) (i32.const 7)) (f64.const 0.5))))";

static char shown[256];

static void show(const char *text, size_t n) {
    size_t length = strlen(shown);
    MUST(length + n < sizeof shown ? PELLUCID_OK : PELLUCID_ERR_LIMIT);
    memcpy(shown + length, text, n);
    shown[length + n] = 0;
}

/* What a debugger does with a value. */
static void show_value(const pellucid_value_t *value) {
    char number[32];
    pellucid_type_id_t type;
    uint32_t n_fields;
    pellucid_str_t name;
    if (value->kind == PELLUCID_I32) {
        show(number, (size_t)sprintf(number, "%" PRId32, value->of.i32));
    } else if (value->kind == PELLUCID_F64) {
        show(number, (size_t)sprintf(number, "%g", value->of.f64));
    } else if (value->kind == PELLUCID_ANYREF && pellucid_object_type(store, &value->of.anyref, &type, &n_fields) == 0) {
        if (pellucid_store_type_name(store, type, &name) == PELLUCID_OK) {
            show("$", 1);
            show(name.data, name.size);
        }
        show("{", 1);
        pellucid_value_t fields[4];
        MUST(pellucid_object_get(store, &value->of.anyref, 0, fields, n_fields));
        for (uint32_t i = 0; i < n_fields; i++) {
            if (i > 0) {
                show(", ", 2);
            }
            if (pellucid_store_field_name(store, type, i, &name) == PELLUCID_OK) {
                show(name.data, name.size);
                show(": ", 2);
            }
            show_value(&fields[i]);
        }
        show("}", 1);
    } else {
        show("null", 4);
    }
}

static void shows(pellucid_instance_t instance, const char *function, const char *expected) {
    pellucid_func_t func = func_of(instance, function);
    pellucid_value_t value;
    MUST(pellucid_func_call(store, &func, NULL, 0, &value, 1, ERR));
    shown[0] = 0;
    show_value(&value);
    if (!CHECK(strcmp(shown, expected) == 0)) {
        fprintf(stderr, "    shown: %s\n", shown);
    }
}

static void named(const pellucid_module_t *module, pellucid_space_t space, uint32_t index, const char *expected) {
    pellucid_str_t name;
    if (expected == NULL) {
        STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_entity_name(module, space, index, &name));
    } else if (OK(pellucid_module_entity_name(module, space, index, &name))) {
        CHECK(same_text(name, expected));
    }
}

static void entities(void) {
    pellucid_module_t *module = module_of(points);
    pellucid_str_t name;
    named(module, PELLUCID_SPACE_FUNC, 0, "make");
    named(module, PELLUCID_SPACE_TABLE, 0, "places");
    /* Exported under this name. */
    named(module, PELLUCID_SPACE_TABLE, 1, "other");
    named(module, PELLUCID_SPACE_MEMORY, 0, "heap");
    named(module, PELLUCID_SPACE_GLOBAL, 0, "origin");
    named(module, PELLUCID_SPACE_GLOBAL, 1, NULL);
    named(module, PELLUCID_SPACE_TAG, 0, "failed");
    named(module, PELLUCID_SPACE_TYPE, 2, "Line");
    named(module, PELLUCID_SPACE_TYPE, 4, NULL);
    named(module, PELLUCID_SPACE_ELEMENT, 0, "nothing");
    named(module, PELLUCID_SPACE_DATA, 0, "greeting");
    for (pellucid_space_t space = 0; space <= PELLUCID_SPACE_DATA; space++) {
        STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_module_entity_name(module, space, 100, &name));
        STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_module_entity_name(module, space, UINT32_MAX, &name));
    }
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_module_entity_name(module, PELLUCID_SPACE_DATA + 1, 0, &name));
    OK(pellucid_module_field_name(module, 0, 1, &name));
    CHECK(same_text(name, "y"));
    OK(pellucid_module_field_name(module, 2, 0, &name));
    CHECK(same_text(name, "from"));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_field_name(module, 1, 2, &name));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_field_name(module, 0, 2, &name));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_field_name(module, 3, 0, &name));
    size_t n_types = pellucid_module_type_count(module);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_module_field_name(module, (uint32_t)n_types, 0, &name));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_module_field_name(module, UINT32_MAX, 0, &name));
    for (uint32_t i = 0; i < n_types; i++) {
        pellucid_type_id_t type;
        uint32_t index;
        OK(pellucid_module_type(module, i, &type));
        OK(pellucid_module_type_index(module, type, &index));
        CHECK(index == i);
    }
    uint32_t index;
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_type_index(module, UINT32_MAX, &index));
    pellucid_module_delete(module);
}

static void objects(bool is_debug) {
    open_world(is_debug);
    pellucid_module_t *first = module_of(points), *second = module_of(sizes);
    pellucid_instance_t with_points, with_sizes;
    pellucid_str_t name;
    pellucid_value_t none = {.kind = PELLUCID_ANYREF};
    CHECK(pellucid_value_is_null(&none));
    pellucid_type_id_t point, box;
    MUST(pellucid_module_type(first, 0, &point));
    MUST(pellucid_module_type(second, 1, &box));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_store_type_name(store, point, &name));
    MUST(pellucid_instance_new(store, first, NULL, 0, &with_points, ERR));
    shows(with_points, "line", "$Line{from: $Point{x: 1, y: 2}, to: $Point3{x: 3, y: 4, 5}}");
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_store_type_name(store, box, &name));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_store_type_name(store, UINT32_MAX, &name));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_store_field_name(store, point, 2, &name));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_store_field_name(store, UINT32_MAX, 0, &name));
    MUST(pellucid_instance_new(store, second, NULL, 0, &with_sizes, ERR));
    /* Equal types are one type: its first name is shown, and each module tells its own. */
    shows(with_sizes, "box", "$Box{size: $Point{x: 6, y: 7}, 0.5}");
    uint32_t index;
    OK(pellucid_module_type_index(second, point, &index));
    named(second, PELLUCID_SPACE_TYPE, index, "Size");
    OK(pellucid_module_field_name(second, index, 1, &name));
    CHECK(same_text(name, "height"));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_module_type_index(first, box, &index));
    /* Names outlive the host's references to their modules. */
    OK(pellucid_store_type_name(store, box, &name));
    pellucid_module_delete(first);
    pellucid_module_delete(second);
    CHECK(same_text(name, "Box"));
    close_world();
}

/* Of equal types in one module any may have the name; a second section wins, and what is broken ends the reading. */
static void sections(void) {
    static const uint8_t with_names[] = {
        0, 'a', 's', 'm', 1, 0, 0, 0,
        1, 9, 2, 0x5f, 1, 0x7f, 0, 0x5f, 1, 0x7f, 0,            /* Two types: (struct (field i32)). */
        0, 11, 4, 'n', 'a', 'm', 'e', 4, 4, 1, 1, 1, 'B',       /* Type 1 is B. */
        0, 23, 4, 'n', 'a', 'm', 'e', 4, 4, 1, 1, 1, 'C',       /* Type 1 is C; */
        10, 6, 1, 1, 1, 0, 1, 'f', 4, 2, 1, 9,                  /* its field is f; and what isn't whole. */
    };
    pellucid_module_t *module;
    MUST(pellucid_module_new(engine, with_names, sizeof with_names, &module, ERR));
    named(module, PELLUCID_SPACE_TYPE, 0, NULL);
    named(module, PELLUCID_SPACE_TYPE, 1, "C");
    pellucid_str_t name;
    OK(pellucid_module_field_name(module, 1, 0, &name));
    CHECK(same_text(name, "f"));
    pellucid_type_id_t type;
    uint32_t index = 9;
    OK(pellucid_module_type(module, 1, &type));
    OK(pellucid_module_type_index(module, type, &index));
    CHECK(index == 0);
    pellucid_instance_t instance;
    MUST(pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
    OK(pellucid_store_type_name(store, type, &name));
    CHECK(same_text(name, "C"));
    OK(pellucid_store_field_name(store, type, 0, &name));
    CHECK(same_text(name, "f"));
    pellucid_module_delete(module);
}

int main(void) {
    open_world(false);
    entities();
    sections();
    close_world();
    objects(false);
    objects(true);
    return finish();
}
