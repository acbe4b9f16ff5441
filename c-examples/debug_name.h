/* What the program calls its functions, globals and tags, and what has a name. */
#ifndef DEBUG_NAME_H
#define DEBUG_NAME_H

#include "debug_expression.h"

/* Functions of one name, by index. */
struct functions {
    uint32_t *indices;
    size_t n;
};

static void print_name(pellucid_str_t name)
{
    print_shown(name.data, name.size);
}

static void print_func_name(uint32_t index)
{
    pellucid_str_t name;
    if (pellucid_module_func_name(module, index, &name) == PELLUCID_OK && name.size > 0)
        print_name(name);
    else
        printf("function %" PRIu32, index);
}

static bool has_body(uint32_t function, uint32_t *out_pc)
{
    return pellucid_module_func_range(module, function, NULL, out_pc, NULL) == PELLUCID_OK;
}

/* The two names of an imported function. */
static bool find_import(uint32_t function, pellucid_str_t *out_module, pellucid_str_t *out_name)
{
    pellucid_extern_kind_t kind;
    for (size_t i = 0; pellucid_module_import(module, i, out_module, out_name, &kind, NULL) == PELLUCID_OK; i++)
        if (kind == PELLUCID_EXTERN_FUNC && function-- == 0)
            return true;
    return false;
}

/* How many bytes at the beginning of a text are this name, so that no part of a word is behind it. */
static size_t begins_with(const char *text, pellucid_str_t name)
{
    bool is_there = name.size > 0 && strnlen(text, name.size) == name.size && memcmp(text, name.data, name.size) == 0;
    return is_there && (text[name.size] == 0 || strchr(" \t(", text[name.size]) != NULL) ? name.size : 0;
}

/* The longest name of a function that a text begins with: names may have blanks and parentheses. */
static size_t longest_name(const char *text)
{
    size_t longest = 0, found;
    pellucid_str_t name, of;
    pellucid_extern_kind_t kind;
    for (uint32_t i = 0; i < pellucid_module_func_count(module); i++)
        if (pellucid_module_func_name(module, i, &name) == PELLUCID_OK && (found = begins_with(text, name)) > longest)
            longest = found;
    for (size_t i = 0; pellucid_module_import(module, i, &of, &name, &kind, NULL) == PELLUCID_OK; i++)
        if (kind == PELLUCID_EXTERN_FUNC && (found = begins_with(text, name)) > longest)
            longest = found;
    for (size_t i = 0; pellucid_module_export(module, i, &name, &kind, NULL) == PELLUCID_OK; i++)
        if (kind == PELLUCID_EXTERN_FUNC && (found = begins_with(text, name)) > longest)
            longest = found;
    return longest;
}

static void add_function(struct functions *functions, uint32_t index)
{
    for (size_t i = 0; i < functions->n; i++)
        if (functions->indices[i] == index)
            return;
    functions->indices[functions->n++] = index;
}

/* Adds the functions with a body that are exported by a name or have it: where a breakpoint by that name is. */
static void add_named(struct functions *functions, struct text name)
{
    pellucid_edit_t *edit;
    uint64_t id;
    size_t n = 0;
    must(pellucid_edit_begin(bare_store, &edit), NULL);
    bool is_there = pellucid_edit_add_at_function_name(edit, module, name.at, name.size, &id) == PELLUCID_OK
                    && pellucid_edit_commit(edit, NULL) == PELLUCID_OK;
    pellucid_edit_delete(edit);
    if (!is_there)
        return;
    must(pellucid_breakpoint_places(bare_store, id, NULL, 0, &n), NULL);
    pellucid_breakpoint_place_t *places = allocate(n, sizeof *places);
    must(pellucid_breakpoint_places(bare_store, id, places, n, &n), NULL);
    for (size_t i = 0; i < n; i++)
        add_function(functions, places[i].func_index);
    free(places);
    must(pellucid_edit_begin(bare_store, &edit), NULL);
    must(pellucid_edit_remove(edit, id), NULL);
    must(pellucid_edit_commit(edit, NULL), NULL);
    pellucid_edit_delete(edit);
}

/* All functions of a name: from the name section, of an export or an import. `indices` has room for each function once. */
static struct functions functions_of(struct text name)
{
    uint32_t n_funcs = pellucid_module_func_count(module);
    pellucid_str_t found, of;
    struct functions functions = {.indices = allocate(n_funcs, sizeof(uint32_t))};
    add_named(&functions, name);
    for (uint32_t i = 0; i < n_funcs && find_import(i, &of, &found); i++) {
        bool is_it = is_text(name, found.data, found.size);
        if (pellucid_module_func_name(module, i, &found) == PELLUCID_OK)
            is_it = is_it || is_text(name, found.data, found.size);
        if (is_it)
            add_function(&functions, i);
    }
    return functions;
}

/* Takes a name, which may be between quotes, from the beginning of a text; `*at` is behind it then. */
static bool take_name(const char **at, struct text *out_name)
{
    const char *text = *at;
    if (*text != '"') {
        *out_name = (struct text){text, strcspn(text, " \t(")};
        *at = text + out_name->size;
        return true;
    }
    *at = end_of_quoted(text);
    if (*at < text + 2 || (*at)[-1] != '"') {
        printf("the second quote is missing\n");
        return false;
    }
    *out_name = (struct text){text + 1, (size_t)(*at - text) - 2};
    return true;
}

/* Takes the name of functions, or an index, from the beginning of a text; `*at` is behind it then. */
static bool take_functions(const char **at, struct functions *out_functions, struct text *out_name)
{
    struct text name;
    const char *text = *at;
    size_t longest = longest_name(text);
    int64_t index;
    if (!take_name(at, &name))
        return false;
    if (longest == 0 && *text >= '0' && *text <= '9') {
        if (!evaluate_integer(name, &index))
            return false;
        *out_name = (struct text){0};
        *out_functions = (struct functions){allocate(1, sizeof(uint32_t)), 1};
        out_functions->indices[0] = (uint32_t)index;
        if (index >= 0 && index < pellucid_module_func_count(module))
            return true;
        free(out_functions->indices);
        printf("there is no function %" PRId64 "\n", index);
        return false;
    }
    if (*text != '"' && longest > 0) {
        name.size = longest;
        *at = text + longest;
    }
    *out_functions = functions_of(name);
    *out_name = name;
    if (out_functions->n > 0)
        return true;
    free(out_functions->indices);
    printf("there is no function '");
    print_shown(name.at, name.size);
    printf("'\n");
    return false;
}

/* The same where it must be a single one. */
static bool take_function(const char **at, uint32_t *out_index)
{
    struct functions functions;
    struct text name;
    if (!take_functions(at, &functions, &name))
        return false;
    *out_index = functions.indices[0];
    bool is_single = functions.n == 1;
    if (!is_single) {
        printf("there are %zu functions '", functions.n);
        print_shown(name.at, name.size);
        printf("', say which:");
        for (size_t i = 0; i < functions.n; i++)
            printf(" %" PRIu32, functions.indices[i]);
        printf("\n");
    }
    free(functions.indices);
    return is_single;
}

/* A place: a function, or * and an expression for a pc; and nothing behind it. */
static bool find_place(const char *text, uint32_t *out_pc)
{
    uint32_t function, offset;
    int64_t number;
    if (text[0] != '*') {
        if (!take_function(&text, &function) || !is_end(text))
            return false;
        if (has_body(function, out_pc))
            return true;
        printf("the function is imported\n");
        return false;
    }
    text++;
    if (!read_integer(&text, &number) || !is_end(text))
        return false;
    *out_pc = (uint32_t)number;
    if (number >= 0 && number <= UINT32_MAX && pellucid_module_func_at(module, *out_pc, &function, &offset) == PELLUCID_OK)
        return true;
    printf("no function is there\n");
    return false;
}

/* The index that a text is, if it is one. */
static bool is_index(struct text text, uint32_t *out_index)
{
    uint64_t index = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || index > UINT32_MAX)
            return false;
        index = index * 10 + (uint64_t)(text.at[i] - '0');
    }
    *out_index = (uint32_t)index;
    return text.size > 0 && index <= UINT32_MAX;
}

static pellucid_status_t name_of_global(uint32_t index, pellucid_str_t *out_name)
{
    return pellucid_module_entity_name(module, PELLUCID_SPACE_GLOBAL, index, out_name);
}

static pellucid_status_t name_of_tag(uint32_t index, pellucid_str_t *out_name)
{
    return pellucid_module_entity_name(module, PELLUCID_SPACE_TAG, index, out_name);
}

static pellucid_status_t name_of_local(uint32_t index, pellucid_str_t *out_name)
{
    return pellucid_frame_local_name(store, &frame, index, out_name);
}

/* One of `n` things by its name, or by index unless that was between quotes. */
static bool find_named(pellucid_status_t (*name_of)(uint32_t index, pellucid_str_t *out_name), uint32_t n, struct text name,
                       bool is_quoted, uint32_t *out_index)
{
    pellucid_str_t found;
    uint32_t n_found = 0;
    if (!is_quoted && is_index(name, out_index))
        return *out_index < n;
    for (uint32_t i = 0; i < n && name.size > 0; i++)
        if (name_of(i, &found) == PELLUCID_OK && is_text(name, found.data, found.size) && n_found++ == 0)
            *out_index = i;
    /* As in expressions. */
    if (n_found > 1) {
        printf("there are %" PRIu32 " of the name '", n_found);
        print_shown(name.at, name.size);
        printf("', %" PRIu32 " is meant\n", *out_index);
    }
    return n_found > 0;
}

/* What the program exports by a name. */
static bool find_export(struct text name, pellucid_extern_kind_t kind, pellucid_extern_t *out_item)
{
    return pellucid_instance_export(store, &instance, name.at, name.size, out_item) == PELLUCID_OK && out_item->kind == kind;
}

static bool find_global(struct text name, bool is_quoted, pellucid_global_t *out_global)
{
    pellucid_instance_t of = present_instance();
    pellucid_extern_t item;
    uint32_t index;
    if (store == NULL)
        return false;
    if (find_named(name_of_global, present_spaces().n_globals, name, is_quoted, &index))
        return pellucid_instance_global(store, &of, index, out_global) == PELLUCID_OK;
    if (!find_export(name, PELLUCID_EXTERN_GLOBAL, &item))
        return false;
    *out_global = item.of.global;
    return true;
}

/* Whether the program, which needn't run, has a tag of this name or index; `UINT32_MAX` is that of one that only an export names. */
static bool has_tag(struct text name, uint32_t *out_index)
{
    pellucid_str_t found;
    pellucid_extern_kind_t kind;
    uint32_t n = 0;
    while (pellucid_module_entity_name(module, PELLUCID_SPACE_TAG, n, &found) != PELLUCID_ERR_OUT_OF_RANGE)
        n++;
    if (find_named(name_of_tag, n, name, false, out_index))
        return true;
    *out_index = UINT32_MAX;
    for (size_t i = 0; pellucid_module_export(module, i, &found, &kind, NULL) == PELLUCID_OK; i++)
        if (kind == PELLUCID_EXTERN_TAG && is_text(name, found.data, found.size))
            return true;
    printf("there is no tag '");
    print_shown(name.at, name.size);
    printf("'\n");
    return false;
}

static bool find_tag(struct text name, pellucid_tag_t *out_tag)
{
    pellucid_instance_t of = present_instance();
    pellucid_extern_t item;
    uint32_t index;
    if (!has_tag(name, &index))
        return false;
    if (index != UINT32_MAX)
        return did(pellucid_instance_tag(store, &of, index, out_tag), NULL);
    if (!find_export(name, PELLUCID_EXTERN_TAG, &item))
        return false;
    *out_tag = item.of.tag;
    return true;
}

static bool find_local(struct text name, bool is_quoted, uint32_t *out_index)
{
    uint32_t n;
    must(pellucid_frame_local_count(store, &frame, &n), NULL);
    return find_named(name_of_local, n, name, is_quoted, out_index);
}

static void print_frame(const pellucid_frame_t *which, uint32_t at_depth)
{
    pellucid_frame_info_t info = {.struct_size = sizeof info};
    must(pellucid_frame_info(store, which, &info), NULL);
    printf("#%" PRIu32 " ", at_depth);
    print_func_name(info.func_index);
    printf(" at 0x%" PRIx32 "\n", info.pc);
}

#endif
