/* Values of the program: how they are printed and read. */
#ifndef DEBUG_VALUE_H
#define DEBUG_VALUE_H

#include "debug_name.h"

static const char *kind_name(pellucid_kind_t kind)
{
    switch (kind) {
    case PELLUCID_I32:
        return "i32";
    case PELLUCID_I64:
        return "i64";
    case PELLUCID_F32:
        return "f32";
    case PELLUCID_F64:
        return "f64";
    case PELLUCID_V128:
        return "v128";
    case PELLUCID_FUNCREF:
        return "funcref";
    case PELLUCID_EXTERNREF:
        return "externref";
    case PELLUCID_ANYREF:
        return "anyref";
    case PELLUCID_EXNREF:
        return "exnref";
    default:
        return "?";
    }
}

static void print_reference(const pellucid_value_t *value)
{
    int32_t i31;
    uint32_t index;
    if (pellucid_value_is_null(value))
        printf("null");
    else if (value->kind == PELLUCID_ANYREF && pellucid_anyref_i31(&value->of.anyref, &i31) == PELLUCID_OK)
        printf("%" PRId32, i31);
    else if (value->kind == PELLUCID_FUNCREF && pellucid_func_location(store, &value->of.funcref, NULL, &index) == PELLUCID_OK)
        print_func_name(index);
    else
        printf("a reference");
}

static void print_value(const pellucid_value_t *value)
{
    switch (value->kind) {
    case PELLUCID_I32:
        printf("%" PRId32, value->of.i32);
        break;
    case PELLUCID_I64:
        printf("%" PRId64, value->of.i64);
        break;
    case PELLUCID_F32:
        printf("%.9g", value->of.f32);
        break;
    case PELLUCID_F64:
        printf("%.17g", value->of.f64);
        break;
    case PELLUCID_V128:
        printf("0x");
        for (int place = 15; place >= 0; place--)
            printf("%02x", value->of.v128[place]);
        break;
    case PELLUCID_UNAVAILABLE:
        printf("not known here");
        return;
    default:
        print_reference(value);
    }
    printf(" (%s)", kind_name(value->kind));
}

static void print_results(const pellucid_value_t *results, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        printf("result %zu = ", i);
        print_value(&results[i]);
        printf("\n");
    }
}

/* ---- objects ---- */

static void print_type_name(pellucid_type_id_t type)
{
    pellucid_str_t name;
    if (pellucid_store_type_name(store, type, &name) == PELLUCID_OK)
        print_name(name);
    else
        printf("a type without a name");
}

static void print_field_name(pellucid_type_id_t type, uint32_t index)
{
    pellucid_str_t name;
    if (pellucid_store_field_name(store, type, index, &name) == PELLUCID_OK)
        print_name(name);
    else
        printf("%" PRIu32, index);
}

static bool is_object(const pellucid_value_t *value, pellucid_type_id_t *out_type, uint32_t *out_length)
{
    return value->kind == PELLUCID_ANYREF && pellucid_object_type(store, &value->of.anyref, out_type, out_length) == PELLUCID_OK;
}

/* Prints what is in an object, and in those in it; `*left` is for how many lines there is room. */
static void print_fields(const pellucid_value_t *object, int indent, uint32_t *left)
{
    enum { DEEPEST = 4 };
    pellucid_type_id_t type, inner_type;
    pellucid_value_t field;
    uint32_t length, inner_length;
    if (!is_object(object, &type, &length))
        return;
    print_type_name(type);
    printf(", %" PRIu32 " values\n", length);
    for (uint32_t i = 0; i < length; i++) {
        if (*left == 0) {
            printf("%*s...\n", 2 * indent, "");
            return;
        }
        --*left;
        if (!did(pellucid_object_get(store, &object->of.anyref, i, &field, 1), NULL))
            return;
        printf("%*s", 2 * indent, "");
        print_field_name(type, i);
        printf(" = ");
        if (indent < DEEPEST && is_object(&field, &inner_type, &inner_length)) {
            print_fields(&field, indent + 1, left);
        } else {
            print_value(&field);
            printf("\n");
        }
    }
}

static void print_object(const pellucid_value_t *value)
{
    enum { MOST_LINES = 100 };
    uint32_t length, left = MOST_LINES;
    pellucid_type_id_t type;
    if (is_object(value, &type, &length)) {
        print_fields(value, 1, &left);
    } else {
        print_value(value);
        printf("\n");
    }
}

/* ---- from expressions ---- */

/* A number as a value of this kind, of so many bits if it is an integer; references can only be null, which is 0. */
static bool convert(pellucid_value_t number, pellucid_kind_t kind, uint32_t bits, pellucid_value_t *out_value)
{
    bool is_float = number.kind == PELLUCID_F64;
    double real = is_float ? number.of.f64 : (double)number.of.i64;
    int64_t integer = number.of.i64;
    memset(out_value, 0, sizeof *out_value);
    out_value->kind = kind;
    if (kind == PELLUCID_F32) {
        out_value->of.f32 = (float)real;
        return true;
    }
    if (kind == PELLUCID_F64) {
        out_value->of.f64 = real;
        return true;
    }
    if (kind != PELLUCID_I32 && kind != PELLUCID_I64) {
        if (kind != PELLUCID_V128 && !is_float && integer == 0)
            return true;
        printf("a value of kind %s can't be written down here\n", kind_name(kind));
        return false;
    }
    if (is_float) {
        printf("%.17g is no integer, but an %s is needed\n", real, kind_name(kind));
        return false;
    }
    /* Both signed and unsigned numbers are understood. */
    if (bits < 64 && (integer < -(INT64_C(1) << (bits - 1)) || integer >= INT64_C(1) << bits)) {
        printf("%" PRId64 " doesn't fit into %" PRIu32 " bits\n", integer, bits);
        return false;
    }
    if (kind == PELLUCID_I64)
        out_value->of.i64 = integer;
    else
        out_value->of.i32 = (int32_t)(uint32_t)(uint64_t)integer;
    return true;
}

static bool evaluate_as(struct text text, pellucid_kind_t kind, pellucid_value_t *out_value)
{
    pellucid_value_t number;
    return evaluate(text, &number) && convert(number, kind, kind == PELLUCID_I64 ? 64 : 32, out_value);
}

static bool is_number_of_values(size_t found, size_t n_needed)
{
    if (found == n_needed)
        return true;
    printf(n_needed == 1 ? "a value is needed" : "%zu values are needed", n_needed);
    printf(found == 0 ? ", there is none\n" : found == 1 ? ", there is one\n" : ", there are %zu\n", found);
    return false;
}

/* Reads as many values as there are kinds, and nothing more; they may be between parentheses, as in C. */
static bool read_values(const char *text, const pellucid_kind_t *kinds, size_t n_kinds, pellucid_value_t *out_values)
{
    size_t n = 0;
    const char *at = skip_blanks(text), *last = at + strlen(at);
    if (*at == '(' && end_of_brackets(at) == last && last[-1] == ')') {
        at = skip_blanks(at + 1);
        last--;
    }
    while (at < last) {
        const char *end = end_of_expression(at);
        struct text one = {at, (size_t)((end < last ? end : last) - at)};
        if (n < n_kinds && !evaluate_as(one, kinds[n], &out_values[n]))
            return false;
        n++;
        at = skip_blanks(one.at + one.size);
        if (*at == ',' && skip_blanks(at + 1) >= last) {
            printf("a value is missing behind the last comma\n");
            return false;
        }
        at = skip_blanks(at + (*at == ','));
    }
    return is_number_of_values(n, n_kinds);
}

#endif
