/* Reads a core dump in the format of WebAssembly's tool conventions, and prints what is in it.
 *
 * The file may come from anywhere: nothing in it is believed. Numbers are read up to the end of their section and no further, a
 * number of things is only how often one is read at most, and what isn't understood ends the section. */
#ifndef CORE_DUMP_H
#define CORE_DUMP_H

#include "pellucid.h"
#include "shown_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A part of the file, from which is read. Past its end, or past nonsense, everything is 0 and `is_bad` is set. */
struct part {
    const uint8_t *at, *end;
    bool is_bad;
};

static uint64_t core_bad(struct part *part)
{
    part->is_bad = true;
    part->at = part->end;
    return 0;
}

static uint8_t core_byte(struct part *part)
{
    return part->at < part->end ? *part->at++ : (uint8_t)core_bad(part);
}

/* A number of at most so many bits, 7 in each byte, the lowest first; its sign is the highest bit of the last byte, if it has one. */
static uint64_t core_number(struct part *part, unsigned bits, bool is_signed)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < bits; shift += 7) {
        uint8_t byte = core_byte(part);
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        if (is_signed && byte & 0x40 && shift + 7 < 64)
            number |= UINT64_MAX << (shift + 7);
        return number;
    }
    return core_bad(part);
}

static uint32_t core_u32(struct part *part)
{
    uint64_t number = core_number(part, 32, false);
    return number <= UINT32_MAX ? (uint32_t)number : (uint32_t)core_bad(part);
}

/* So many bytes as a part of their own. */
static struct part core_bytes(struct part *part, uint64_t size)
{
    struct part bytes = {part->end, part->end, true};
    if (part->is_bad || size > (uint64_t)(part->end - part->at)) {
        core_bad(part);
        return bytes;
    }
    bytes = (struct part){part->at, part->at + size, false};
    part->at = bytes.end;
    return bytes;
}

static struct part core_name(struct part *part)
{
    return core_bytes(part, core_u32(part));
}

/* Prints the beginning of a name. */
static void core_print(struct part name)
{
    enum { MOST = 500 };
    size_t size = (size_t)(name.end - name.at), shown = size > MOST ? MOST : size;
    /* A character stays whole. */
    while (shown > 0 && shown < size && (name.at[shown] & 0xc0) == 0x80)
        shown--;
    print_shown((const char *)name.at, shown);
    if (shown < size)
        printf("...");
}

static bool core_is(struct part name, const char *text, size_t size)
{
    return (size_t)(name.end - name.at) == size && (size == 0 || memcmp(name.at, text, size) == 0);
}

/* Finds the next section from `file` on that has this number and, if it is a custom one, this name; `file` is then behind it. */
static bool core_section(struct part *file, uint8_t id, const char *name, struct part *out_section)
{
    while (file->at < file->end) {
        uint8_t found = core_byte(file);
        struct part section = core_name(file);
        if (section.is_bad)
            return false;
        if (found == id && (id != 0 || core_is(core_name(&section), name, strlen(name)))) {
            *out_section = section;
            return true;
        }
    }
    return false;
}

/* The first one, which is a list of things. One that isn't there is as one that has none. */
static struct part core_list(struct part file, uint8_t id, const char *name)
{
    static const uint8_t none[] = {0};
    struct part section = {none, none + 1, false};
    core_section(&file, id, name, &section);
    return section;
}

/* What begins each thing of a custom section. */
static bool core_begins(struct part *part)
{
    if (core_byte(part) != 0)
        core_bad(part);
    return !part->is_bad;
}

/* What the stacks refer to. */
struct core {
    struct part file;
    /* Names of modules, and the module of each instance. */
    struct part *modules;
    uint32_t *instances;
    uint32_t n_modules, n_instances;
    const pellucid_module_t *program;
};

/* Places for as many things as a section says that there are; each has a byte at least. */
static void *core_places(struct part *section, size_t size, uint32_t *out_n)
{
    uint32_t n = core_u32(section);
    void *places = n <= (size_t)(section->end - section->at) ? calloc((size_t)n + 1, size) : NULL;
    *out_n = places != NULL ? n : 0;
    if (places == NULL)
        core_bad(section);
    return places;
}

static bool core_read_modules(struct core *core)
{
    struct part modules = core_list(core->file, 0, "coremodules"), instances = core_list(core->file, 0, "coreinstances");
    core->modules = core_places(&modules, sizeof *core->modules, &core->n_modules);
    for (uint32_t i = 0; i < core->n_modules && core_begins(&modules); i++)
        core->modules[i] = core_name(&modules);
    core->instances = core_places(&instances, sizeof *core->instances, &core->n_instances);
    for (uint32_t i = 0; i < core->n_instances && core_begins(&instances); i++) {
        core->instances[i] = core_u32(&instances);
        for (int space = 0; space < 2; space++) /* memories, globals */
            for (uint32_t left = core_u32(&instances); left > 0 && !instances.is_bad; left--)
                core_u32(&instances);
    }
    return !modules.is_bad && !instances.is_bad;
}

/* A value of a frame, or of a global with its type before it. */
static void core_print_value(struct part *part, uint8_t type)
{
    union {
        uint32_t i32;
        uint64_t i64;
        float f32;
        double f64;
    } value = {0};
    unsigned n_bytes = type == 0x7d ? 4 : 8;
    switch (type) {
    case 0x01:
        printf("missing");
        return;
    case 0x7f:
        printf("%" PRId32 " (i32)", (int32_t)core_number(part, 32, true));
        return;
    case 0x7e:
        printf("%" PRId64 " (i64)", (int64_t)core_number(part, 64, true));
        return;
    case 0x7d:
    case 0x7c:
        for (unsigned i = 0; i < n_bytes; i++)
            value.i64 |= (uint64_t)core_byte(part) << 8 * i;
        if (type == 0x7d)
            printf("%.9g (f32)", value.f32);
        else
            printf("%.17g (f64)", value.f64);
        return;
    default:
        core_bad(part);
    }
}

/* What of the program itself helps: names. */
static void core_print_function(const pellucid_module_t *module, uint32_t function, uint32_t offset)
{
    pellucid_str_t name;
    uint32_t start, end;
    if (module != NULL && pellucid_module_func_name(module, function, &name) == PELLUCID_OK)
        core_print((struct part){(const uint8_t *)name.data, (const uint8_t *)name.data + name.size, false});
    else
        printf("?");
    printf(" (function %" PRIu32 ")", function);
    if (module != NULL && pellucid_module_func_range(module, function, &start, NULL, &end) == PELLUCID_OK
        && offset < end - start)
        printf(" at 0x%" PRIx32, start + offset);
    else
        printf(" + %" PRIu32, offset);
}

static void core_print_frame(struct part *stack, const struct core *core, uint32_t depth)
{
    uint32_t instance = core_u32(stack), function = core_u32(stack), offset = core_u32(stack);
    if (stack->is_bad)
        return;
    struct part name = {0};
    if (instance < core->n_instances && core->instances[instance] < core->n_modules)
        name = core->modules[core->instances[instance]];
    /* Other modules of the program have other names. */
    const pellucid_module_t *program = core->program;
    pellucid_str_t of_program = {0};
    if (program != NULL)
        (void)pellucid_module_name(program, &of_program);
    if (!core_is(name, of_program.data, of_program.size))
        program = NULL;
    printf("  #%" PRIu32 " ", depth);
    core_print(name);
    printf("!");
    core_print_function(program, function, offset);
    printf("\n");
    for (int space = 0; space < 2; space++) {
        uint32_t n = core_u32(stack);
        for (uint32_t i = 0; i < n && !stack->is_bad; i++) {
            pellucid_str_t local;
            printf("       %s %" PRIu32, space == 0 ? "local" : "operand", i);
            if (space == 0 && program != NULL && pellucid_module_local_name(program, function, i, &local) == PELLUCID_OK) {
                printf(" $");
                core_print((struct part){(const uint8_t *)local.data, (const uint8_t *)local.data + local.size, false});
            }
            printf(" = ");
            core_print_value(stack, core_byte(stack));
            printf("%s\n", stack->is_bad ? "?" : "");
        }
    }
}

static bool core_print_memories(struct part file)
{
    struct part memories = core_list(file, 5, NULL), data = core_list(file, 11, NULL);
    uint32_t n;
    uint64_t *bytes = core_places(&memories, sizeof *bytes, &n);
    for (uint32_t left = core_u32(&data); left > 0 && !data.is_bad; left--) {
        uint32_t kind = core_u32(&data), memory = kind == 2 ? core_u32(&data) : 0;
        uint8_t constant = core_byte(&data);
        core_number(&data, constant == 0x42 ? 64 : 32, true);
        if ((kind != 0 && kind != 2) || (constant != 0x41 && constant != 0x42) || core_byte(&data) != 0x0b)
            core_bad(&data);
        struct part contents = core_name(&data);
        if (memory < n)
            bytes[memory] += (uint64_t)(contents.end - contents.at);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint8_t flags = core_byte(&memories);
        uint64_t pages = core_number(&memories, 64, false);
        if (flags & 1)
            core_number(&memories, 64, false);
        if (flags & 8)
            core_u32(&memories);
        if (memories.is_bad)
            break;
        printf("memory %" PRIu32 ": %" PRIu64 " pages, %" PRIu64 " bytes in the dump\n", i, pages, bytes[i]);
    }
    free(bytes);
    return !memories.is_bad && !data.is_bad;
}

static bool core_print_globals(struct part file)
{
    struct part globals = core_list(file, 6, NULL);
    uint32_t n = core_u32(&globals);
    for (uint32_t i = 0; i < n && !globals.is_bad; i++) {
        uint8_t type = core_byte(&globals), constant;
        core_byte(&globals); /* whether it could be set */
        constant = core_byte(&globals);
        printf("global %" PRIu32 " = ", i);
        if (constant == 0xd0) {
            printf("missing: it is a reference");
            core_byte(&globals);
        } else if (constant == 0xfd && core_u32(&globals) == 12) {
            struct part lanes = core_bytes(&globals, 16);
            printf("0x");
            for (const uint8_t *lane = lanes.end; lane > lanes.at; lane--)
                printf("%02x", lane[-1]);
            printf(" (v128)");
        } else if (constant >= 0x41 && constant <= 0x44) {
            core_print_value(&globals, (uint8_t)(0x7f - (constant - 0x41)));
            if (type == 0x6e && core_byte(&globals) == 0xfb)
                core_u32(&globals);
        } else {
            core_bad(&globals);
        }
        if (core_byte(&globals) != 0x0b)
            core_bad(&globals);
        printf("%s\n", globals.is_bad ? "?" : "");
    }
    return !globals.is_bad;
}

/* Prints a dump; `program`, which may be NULL, is the module that it is of. Answers whether all of it was understood. */
static bool core_print_dump(const uint8_t *bytes, size_t n_bytes, const pellucid_module_t *program)
{
    struct core core = {.file = {bytes, bytes + n_bytes, false}, .program = program};
    if (n_bytes < 8 || memcmp(bytes, "\0asm\1\0\0\0", 8) != 0)
        return false;
    core.file.at += 8;
    struct part section, rest = core.file;
    if (!core_section(&rest, 0, "core", &section) || !core_begins(&section))
        return false;
    printf("core dump of '");
    core_print(core_name(&section));
    printf("'\n");
    bool is_good = core_read_modules(&core) && !section.is_bad, has_stack = false;
    rest = core.file;
    while (core_section(&rest, 0, "corestack", &section)) {
        if (core_begins(&section)) {
            core_print(core_name(&section));
            printf("\n");
            uint32_t n = core_u32(&section);
            for (uint32_t depth = 0; depth < n && core_begins(&section); depth++)
                core_print_frame(&section, &core, depth);
        }
        is_good = is_good && !section.is_bad;
        has_stack = true;
    }
    is_good = is_good && has_stack;
    is_good = core_print_memories(core.file) && is_good && !rest.is_bad;
    is_good = core_print_globals(core.file) && is_good;
    free(core.modules);
    free(core.instances);
    return is_good;
}

#endif
