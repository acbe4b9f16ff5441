/* Places, where the program has a value: they can be looked at, changed and watched.
 *
 *   $2  $name  local[2]       a local of the frame that is looked at
 *   %0  operand[0]            an operand of it, the bottom one
 *   @0  @name  global[0]      a global of its instance
 *   name                      the local of this name, or else the global; any name can be between quotes, as in $"a name"
 *   [address]  u8[address]    what is at an address of the memory, as in expressions; u8[address, 1] of another memory
 *   table[3]  table[3, 1]     an element of a table, the first or another one
 *   PLACE->field  PLACE->2    a field of the structure or element of the array that a place refers to; ->(EXPRESSION), too
 */
#ifndef DEBUG_PLACE_H
#define DEBUG_PLACE_H

#include "debug_value.h"

struct place {
    pellucid_watch_kind_t kind; /* 0 for an operand, which can't be watched */
    pellucid_memory_t memory;
    pellucid_table_t table;
    pellucid_global_t global;
    pellucid_anyref_t object;
    /* The local, operand, element, field or address. */
    uint64_t index;
    pellucid_kind_t of; /* what it holds */
    uint32_t bits;      /* of an integer */
    bool is_signed;
};

/* A place as it is written down, but for the fields. */
struct written_place {
    char sign;        /* $, %, @, or 0 */
    struct text name; /* without quotes; may be empty before a bracket */
    bool is_quoted;
    bool has_index;
    struct text index, second; /* between the brackets, before and behind a comma */
    const char *end;
};

/* Takes what is written between brackets at `*at`. */
static void take_index(const char **at, struct written_place *place)
{
    const char *begin = *at + 1;
    *at = end_of_brackets(*at);
    const char *end = *at - ((*at)[-1] == ']'), *comma = end_of_expression(begin);
    place->has_index = true;
    if (comma < end && *skip_blanks(comma) == ',') {
        const char *second = skip_blanks(skip_blanks(comma) + 1);
        place->second = (struct text){second, second < end ? (size_t)(end - second) : 0};
    } else {
        comma = end;
    }
    place->index = (struct text){begin, (size_t)(comma - begin)};
}

/* Reads how a place is written; false, without a word, if it isn't one. */
static bool read_written(const char *at, struct written_place *out_place)
{
    struct written_place place = {0};
    if (*at != 0 && strchr("$%@", *at) != NULL)
        place.sign = *at++;
    if (*at == '"') {
        place.is_quoted = true;
        const char *end = end_of_quoted(at);
        if (end < at + 2 || end[-1] != '"')
            return false;
        place.name = (struct text){at + 1, (size_t)(end - at) - 2};
        at = end;
    } else {
        const char *begin = at;
        if (place.sign == 0 && *at >= '0' && *at <= '9')
            return false;
        /* Compilers' names have colons. */
        while (is_in_word(*at) || (place.sign != 0 && *at == ':'))
            at++;
        place.name = (struct text){begin, (size_t)(at - begin)};
    }
    if (place.sign == 0 && !place.is_quoted && *at == '[')
        take_index(&at, &place);
    place.end = at;
    *out_place = place;
    return place.sign != 0 || place.name.size > 0 || place.has_index;
}

/* Where a place ends that begins here; NULL if it is none. */
static const char *end_of_place(const char *at)
{
    struct written_place place;
    if (!read_written(at, &place))
        return NULL;
    at = place.end;
    while (strncmp(at, "->", 2) == 0) {
        const char *field = at + 2, *end = *field == '(' ? end_of_brackets(field) : *field == '"' ? end_of_quoted(field) : end_of_word(field);
        if (end == field)
            return NULL;
        at = end;
    }
    return at;
}

static bool no_such(const char *what, struct text name)
{
    printf("there is no %s '", what);
    print_shown(name.at, name.size);
    printf("'\n");
    return false;
}

/* ---- which there are ---- */

static bool place_local(struct text name, bool is_quoted, struct place *place)
{
    uint32_t index;
    if (!needs_frame())
        return false;
    if (!find_local(name, is_quoted, &index))
        return no_such("local", name);
    place->kind = PELLUCID_WATCH_LOCAL;
    place->index = index;
    return true;
}

static bool place_operand(struct text name, struct place *place)
{
    uint32_t n, index;
    if (!needs_frame())
        return false;
    must(pellucid_frame_operand_count(store, &frame, &n), NULL);
    if (!is_index(name, &index) || index >= n)
        return no_such("operand", name);
    place->index = index;
    return true;
}

static bool place_global(struct text name, bool is_quoted, struct place *place)
{
    if (!has_program())
        return false;
    if (!find_global(name, is_quoted, &place->global))
        return no_such("global", name);
    place->kind = PELLUCID_WATCH_GLOBAL;
    return true;
}

/* What is written without a sign: the local of this name, or else the global. */
static bool place_named(struct text name, struct place *place)
{
    uint32_t index;
    if (!has_program())
        return false;
    if (has_frame && find_local(name, true, &index)) {
        place->kind = PELLUCID_WATCH_LOCAL;
        place->index = index;
        return true;
    }
    place->kind = PELLUCID_WATCH_GLOBAL;
    return find_global(name, true, &place->global) || no_such("local or global", name);
}

/* The index behind a comma, 0 if there is none. */
static bool second_index(const struct written_place *written, uint32_t *out_index)
{
    int64_t number = 0;
    if (written->second.at != NULL && !evaluate_integer(written->second, &number))
        return false;
    *out_index = (uint32_t)number;
    if (number >= 0 && number <= UINT32_MAX)
        return true;
    printf("%" PRId64 " is no index\n", number);
    return false;
}

static bool place_memory(const struct written_place *written, struct place *place)
{
    static const struct {
        const char *name;
        pellucid_kind_t kind;
        uint32_t bits;
        bool is_signed;
    } types[] = {{"", PELLUCID_I32, 32, true},    {"i8", PELLUCID_I32, 8, true},   {"u8", PELLUCID_I32, 8, false},  {"i16", PELLUCID_I32, 16, true},
                 {"u16", PELLUCID_I32, 16, false}, {"i32", PELLUCID_I32, 32, true}, {"u32", PELLUCID_I64, 32, false}, {"i64", PELLUCID_I64, 64, true},
                 {"f32", PELLUCID_F32, 32, false}, {"f64", PELLUCID_F64, 64, false}};
    pellucid_instance_t of = present_instance();
    int64_t address;
    uint32_t memory;
    size_t i = 0;
    while (i < sizeof types / sizeof *types && !is_word(written->name, types[i].name))
        i++;
    if (i == sizeof types / sizeof *types)
        return no_such("type", written->name);
    if (!evaluate_integer(written->index, &address) || !second_index(written, &memory) || !has_program())
        return false;
    place->kind = PELLUCID_WATCH_MEMORY;
    place->index = (uint64_t)address;
    place->of = types[i].kind;
    place->bits = types[i].bits;
    place->is_signed = types[i].is_signed;
    if (pellucid_instance_memory(store, &of, memory, &place->memory) == PELLUCID_OK)
        return true;
    printf("there is no memory %" PRIu32 "\n", memory);
    return false;
}

static bool place_element(const struct written_place *written, struct place *place)
{
    pellucid_instance_t of = present_instance();
    int64_t element;
    uint32_t table;
    if (!evaluate_integer(written->index, &element) || !second_index(written, &table) || !has_program())
        return false;
    place->kind = PELLUCID_WATCH_ELEMENT;
    place->index = (uint64_t)element;
    if (pellucid_instance_table(store, &of, table, &place->table) == PELLUCID_OK)
        return true;
    printf("there is no table %" PRIu32 "\n", table);
    return false;
}

static bool find_written(const struct written_place *written, struct place *place)
{
    struct text name = written->name;
    if (written->sign == '$')
        return place_local(name, written->is_quoted, place);
    if (written->sign == '%')
        return place_operand(name, place);
    if (written->sign == '@')
        return place_global(name, written->is_quoted, place);
    if (!written->has_index)
        return place_named(name, place);
    if (is_word(name, "local"))
        return place_local(written->index, false, place);
    if (is_word(name, "operand"))
        return place_operand(written->index, place);
    if (is_word(name, "global"))
        return place_global(written->index, false, place);
    if (is_word(name, "table"))
        return place_element(written, place);
    return place_memory(written, place);
}

/* ---- what is there ---- */

/* Whether a place could be read or written; else it is said why not. */
static bool did_there(pellucid_status_t status)
{
    if (status == PELLUCID_ERR_OUT_OF_RANGE)
        printf("nothing is there\n");
    else if (status == PELLUCID_ERR_INVALID_ARGUMENT)
        printf("that can't be changed\n");
    else
        (void)did(status, NULL);
    return status == PELLUCID_OK;
}

static bool read_memory(const struct place *place, pellucid_value_t *out_value)
{
    uint8_t bytes[8] = {0};
    uint64_t number = 0;
    if (!did_there(pellucid_memory_read(store, &place->memory, place->index, bytes, place->bits / 8)))
        return false;
    for (uint32_t i = 0; i < place->bits / 8; i++)
        number |= (uint64_t)bytes[i] << 8 * i;
    if (place->is_signed && place->bits < 64 && number >> (place->bits - 1) != 0)
        number |= UINT64_MAX << place->bits;
    out_value->kind = place->of;
    if (place->of == PELLUCID_I32)
        out_value->of.i32 = (int32_t)(uint32_t)number;
    else if (place->of == PELLUCID_F32)
        out_value->of.f32_bits = (uint32_t)number;
    else
        out_value->of.f64_bits = number;
    return true;
}

static bool read_place(const struct place *place, pellucid_value_t *out_value)
{
    uint32_t n;
    memset(out_value, 0, sizeof *out_value);
    switch (place->kind) {
    case PELLUCID_WATCH_MEMORY:
        return read_memory(place, out_value);
    case PELLUCID_WATCH_GLOBAL:
        return did_there(pellucid_global_get(store, &place->global, out_value));
    case PELLUCID_WATCH_ELEMENT:
        return did_there(pellucid_table_get(store, &place->table, place->index, out_value));
    case PELLUCID_WATCH_LOCAL:
        return did(pellucid_frame_read_locals(store, &frame, (uint32_t)place->index, out_value, 1, &n), NULL);
    case PELLUCID_WATCH_FIELD:
        return did_there(pellucid_object_get(store, &place->object, (uint32_t)place->index, out_value, 1));
    default:
        return did(pellucid_frame_read_operands(store, &frame, (uint32_t)place->index, out_value, 1, &n), NULL);
    }
}

/* The field of an object by its name, number, or an expression between parentheses. */
static bool find_field(const pellucid_value_t *object, struct text name, struct place *place)
{
    pellucid_type_id_t type;
    uint32_t length, index;
    int64_t number;
    pellucid_str_t found;
    bool is_quoted = name.size >= 2 && name.at[0] == '"';
    if (!is_object(object, &type, &length)) {
        print_value(object);
        printf(" is no object\n");
        return false;
    }
    struct text bare = is_quoted ? (struct text){name.at + 1, name.size - 2} : name;
    bool is_there = false;
    if (name.at[0] == '(') {
        if (!evaluate_integer(name, &number))
            return false;
        is_there = number >= 0 && number < length;
        index = (uint32_t)number;
    } else if (!is_quoted && is_index(name, &index)) {
        is_there = index < length;
    } else {
        for (index = 0; index < length && !is_there; index += !is_there)
            is_there = pellucid_store_field_name(store, type, index, &found) == PELLUCID_OK && is_text(bare, found.data, found.size);
    }
    *place = (struct place){.kind = PELLUCID_WATCH_FIELD, .object = object->of.anyref, .index = index};
    return is_there || no_such("field", name);
}

/* Finds the place that is written at `*at`, which is then behind it. */
static bool take_place(const char **at, struct place *out_place)
{
    struct written_place written;
    const char *end = end_of_place(*at);
    pellucid_value_t object;
    *out_place = (struct place){0};
    if (end == NULL) {
        printf("it is no $local, %%operand, @global, [ADDRESS], table[INDEX], or ->field of one\n");
        return false;
    }
    (void)read_written(*at, &written);
    if (!find_written(&written, out_place))
        return false;
    for (const char *step = written.end; step < end;) {
        const char *field = step + 2;
        step = *field == '(' ? end_of_brackets(field) : *field == '"' ? end_of_quoted(field) : end_of_word(field);
        if (!read_place(out_place, &object) || !find_field(&object, (struct text){field, (size_t)(step - field)}, out_place))
            return false;
    }
    *at = end;
    return true;
}

/* ---- changing ---- */

static bool write_memory(const struct place *place, const pellucid_value_t *value)
{
    uint8_t bytes[8];
    uint64_t number = place->of == PELLUCID_I32   ? (uint32_t)value->of.i32
                      : place->of == PELLUCID_F32 ? value->of.f32_bits
                                                  : value->of.f64_bits;
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
    return did_there(pellucid_memory_write(store, &place->memory, place->index, bytes, place->bits / 8));
}

/* Has a place be a number, as far as what is there can be one. */
static bool write_place(const struct place *place, pellucid_value_t number)
{
    pellucid_value_t value, present;
    pellucid_error_t *error = NULL;
    if (!read_place(place, &present))
        return false;
    if (present.kind == PELLUCID_UNAVAILABLE) {
        printf("it isn't known here\n");
        return false;
    }
    if (!convert(number, present.kind, place->bits != 0 ? place->bits : present.kind == PELLUCID_I64 ? 64 : 32, &value))
        return false;
    switch (place->kind) {
    case PELLUCID_WATCH_MEMORY:
        return write_memory(place, &value);
    case PELLUCID_WATCH_GLOBAL:
        return did_there(pellucid_global_set(store, &place->global, &value));
    case PELLUCID_WATCH_ELEMENT:
        return did_there(pellucid_table_set(store, &place->table, place->index, &value));
    case PELLUCID_WATCH_LOCAL:
        return did(pellucid_frame_write_local(store, &frame, (uint32_t)place->index, &value, &error), &error);
    case PELLUCID_WATCH_FIELD:
        return did_there(pellucid_object_set(store, &place->object, (uint32_t)place->index, &value));
    default:
        return did(pellucid_frame_write_operand(store, &frame, (uint32_t)place->index, &value, &error), &error);
    }
}

#endif
