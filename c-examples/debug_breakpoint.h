/* Breakpoints and watchpoints: which there are, and what is typed to have them. Breakpoints stay from one run of the program to the next;
 * watchpoints are of one. */
#ifndef DEBUG_BREAKPOINT_H
#define DEBUG_BREAKPOINT_H

#include "debug_place.h"

enum { MOST_BREAKPOINTS = 256 };

struct breakpoint {
    uint32_t number; /* 0 if there is none */
    enum { AT_PC, AT_NAME, AT_CALLS, AT_THROWS, AT_ACCESS } kind;
    uint32_t pc;
    uint32_t import;         /* whose calls it is at */
    pellucid_throw_t throws; /* of exceptions */
    struct place place;      /* that is watched; while the program stands where it was typed */
    pellucid_watch_access_t access;
    uint64_t n_bytes;
    uint64_t id; /* in the store that there is, if any */
    bool is_temporary;
    uint64_t ignored; /* how many times it is, before it stops the program */
    /* Each owned, and NULL if there is none. */
    char *name;      /* of the functions, of the exceptions' tag, or what is watched as it was typed */
    char *condition;
    char *text; /* of a log point, which doesn't stop the program */
};

static struct breakpoint breakpoints[MOST_BREAKPOINTS];
static uint32_t last_number;

static bool is_watchpoint(const struct breakpoint *it)
{
    return it->kind == AT_ACCESS;
}

static void forget(struct breakpoint *it)
{
    free(it->name);
    free(it->condition);
    free(it->text);
    *it = (struct breakpoint){0};
}

/* ---- in the store ---- */

static bool add_at_throws(pellucid_edit_t *edit, const struct breakpoint *it, uint64_t *out_id)
{
    pellucid_tag_t tag;
    uint32_t index;
    if (it->name != NULL && (store != NULL ? !find_tag(all_of(it->name), &tag) : !has_tag(all_of(it->name), &index)))
        return false;
    return did(pellucid_edit_add_at_exception(edit, it->name != NULL && store != NULL ? &tag : NULL, it->throws, out_id), NULL);
}

static pellucid_status_t add_at_access(pellucid_edit_t *edit, const struct breakpoint *it, uint64_t *out_id)
{
    const struct place *place = &it->place;
    switch (place->kind) {
    case PELLUCID_WATCH_MEMORY:
        return pellucid_edit_watch_memory(edit, &place->memory, place->index, it->n_bytes, it->access, out_id);
    case PELLUCID_WATCH_GLOBAL:
        return pellucid_edit_watch_global(edit, &place->global, it->access, out_id);
    case PELLUCID_WATCH_ELEMENT:
        return pellucid_edit_watch_element(edit, &place->table, place->index, it->access, out_id);
    case PELLUCID_WATCH_LOCAL:
        return pellucid_edit_watch_local(edit, &frame, (uint32_t)place->index, it->access, out_id);
    default:
        return pellucid_edit_watch_field(edit, &place->object, (uint32_t)place->index, it->access, out_id);
    }
}

static bool add_to_edit(pellucid_edit_t *edit, struct breakpoint *it, uint64_t *out_id)
{
    switch (it->kind) {
    case AT_THROWS:
        return add_at_throws(edit, it, out_id);
    case AT_CALLS:
        return did(pellucid_edit_add_at_import_calls(edit, module, it->import, out_id), NULL);
    case AT_NAME:
        return did(pellucid_edit_add_at_function_name(edit, module, it->name, strlen(it->name), out_id), NULL);
    case AT_ACCESS:
        return did_there(add_at_access(edit, it, out_id));
    default:
        return did(pellucid_edit_add(edit, module, it->pc, out_id, &it->pc), NULL);
    }
}

static size_t length_of(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

/* Has a breakpoint in the store be as it is here; it is added if it isn't there. Without a program it is only seen whether that could be. */
static bool install(struct breakpoint *it)
{
    pellucid_breakpoint_options_t options = {.ignore_count = it->ignored, .is_one_shot = it->is_temporary};
    pellucid_edit_t *edit;
    pellucid_error_t *error = NULL;
    uint64_t id = it->id;
    must(pellucid_edit_begin(store != NULL ? store : bare_store, &edit), NULL);
    bool is_good = (id != 0 || add_to_edit(edit, it, &id)) && did(pellucid_edit_set_options(edit, id, &options), NULL)
                   && did(pellucid_edit_set_expression(edit, id, it->condition, length_of(it->condition), &error), &error)
                   && did(pellucid_edit_set_log_text(edit, id, it->text, length_of(it->text), &error), &error)
                   && (store == NULL || did(pellucid_edit_commit(edit, &error), &error));
    pellucid_edit_delete(edit);
    if (is_good && store != NULL)
        it->id = id;
    return is_good;
}

/* The operator that follows the one at `pc`. */
static uint32_t operator_behind(uint32_t pc)
{
    pellucid_edit_t *edit;
    must(pellucid_edit_begin(store, &edit), NULL);
    must(pellucid_edit_add(edit, module, pc + 1, NULL, &pc), NULL);
    pellucid_edit_delete(edit);
    return pc;
}

/* Forgets those that have stopped once, or printed their text, as they were to: they aren't in the store any more. */
static void forget_gone(void)
{
    pellucid_breakpoint_info_t info = {.struct_size = sizeof info};
    for (struct breakpoint *it = breakpoints; it < breakpoints + MOST_BREAKPOINTS; it++)
        if (it->is_temporary && it->id != 0 && pellucid_breakpoint_info(store, it->id, &info) == PELLUCID_ERR_NOT_FOUND)
            forget(it);
}

static void install_all(void)
{
    for (struct breakpoint *it = breakpoints; it < breakpoints + MOST_BREAKPOINTS; it++)
        if (it->number != 0 && !install(it)) {
            printf("so breakpoint %" PRIu32 " is removed\n", it->number);
            forget(it);
        }
}

/* The run of the program is over. */
static void uninstall_all(void)
{
    for (struct breakpoint *it = breakpoints; it < breakpoints + MOST_BREAKPOINTS; it++) {
        it->id = 0;
        if (is_watchpoint(it))
            forget(it);
    }
}

/* ---- listed ---- */

static const char *access_name(pellucid_watch_access_t access)
{
    return access == PELLUCID_WATCH_READ ? "read" : access == PELLUCID_WATCH_WRITE ? "written" : "read and written";
}

static void print_what_is_watched(const struct breakpoint *it)
{
    printf("%s", it->name);
    if (it->place.kind == PELLUCID_WATCH_MEMORY)
        printf(", %" PRIu64 " bytes at 0x%" PRIx64, it->n_bytes, it->place.index);
    printf(it->access == (PELLUCID_WATCH_READ | PELLUCID_WATCH_WRITE) ? ", read or written" : ", %s", access_name(it->access));
}

static void print_where(const struct breakpoint *it)
{
    static const char *const throws[] = {"", " that are caught", " that nobody catches", ""};
    uint32_t function, offset;
    switch (it->kind) {
    case AT_ACCESS:
        print_what_is_watched(it);
        return;
    case AT_THROWS:
        printf("exceptions%s%s%s", it->name != NULL ? " " : "", it->name != NULL ? it->name : "", throws[it->throws]);
        return;
    case AT_CALLS:
        printf("calls of ");
        print_func_name(it->import);
        return;
    default:
        if (it->kind == AT_NAME)
            print_shown(it->name, strlen(it->name));
        else if (pellucid_module_func_at(module, it->pc, &function, &offset) == PELLUCID_OK)
            print_func_name(function);
        printf(" at 0x%" PRIx32, it->pc);
        if (it->kind == AT_NAME)
            printf(" and all others of that name");
    }
}

/* How often it was reached, and whether it is over, as the store has it. */
static void print_counts(const struct breakpoint *it)
{
    pellucid_breakpoint_info_t info = {.struct_size = sizeof info};
    pellucid_watchpoint_info_t watch = {.struct_size = sizeof watch};
    if (it->id == 0)
        return;
    if (!is_watchpoint(it)) {
        if (pellucid_breakpoint_info(store, it->id, &info) == PELLUCID_OK && info.hits != 0)
            printf(", reached %" PRIu64 " times", info.hits);
        return;
    }
    must(pellucid_watchpoint_info(store, it->id, &watch), NULL);
    if (watch.hits != 0)
        printf(", %" PRIu64 " times", watch.hits);
    if (watch.is_over)
        printf(", over: its frame is gone");
}

static void print_breakpoint(const struct breakpoint *it)
{
    printf("%s%s %" PRIu32 ": ", it->is_temporary ? "temporary " : "", is_watchpoint(it) ? "watchpoint" : "breakpoint", it->number);
    print_where(it);
    if (it->condition != NULL)
        printf(is_watchpoint(it) ? ", if %s" : " if %s", it->condition);
    if (it->text != NULL)
        printf(", prints \"%s\"", it->text);
    if (it->ignored != 0)
        printf(", ignored %" PRIu64 " times", it->ignored);
    print_counts(it);
    printf("\n");
}

static void list_breakpoints(bool are_watchpoints)
{
    for (const struct breakpoint *it = breakpoints; it < breakpoints + MOST_BREAKPOINTS; it++)
        if (it->number != 0 && is_watchpoint(it) == are_watchpoints)
            print_breakpoint(it);
}

/* ---- from commands ---- */

/* Lists a breakpoint, and has it be in the store; what it owns is taken. */
static void add_breakpoint(struct breakpoint new)
{
    struct breakpoint *it = breakpoints;
    while (it < breakpoints + MOST_BREAKPOINTS && it->number != 0)
        it++;
    if (it == breakpoints + MOST_BREAKPOINTS)
        printf("there are too many breakpoints, %d\n", MOST_BREAKPOINTS);
    else if (install(&new)) {
        new.number = ++last_number;
        *it = new;
        print_breakpoint(it);
        return;
    }
    forget(&new);
}

/* Has a breakpoint another condition or text of a log point, of which `text` is its place, if that can be. */
static void change_text(struct breakpoint *it, char **text, const char *new)
{
    char *old = *text;
    *text = *new != 0 ? copy_text(new, strlen(new)) : NULL;
    if (install(it)) {
        free(old);
        print_breakpoint(it);
    } else {
        free(*text);
        *text = old;
    }
}

static void remove_breakpoint(struct breakpoint *it)
{
    pellucid_edit_t *edit;
    pellucid_error_t *error = NULL;
    bool is_done = true;
    if (it->id != 0) {
        must(pellucid_edit_begin(store, &edit), NULL);
        must(pellucid_edit_remove(edit, it->id), NULL);
        is_done = did(pellucid_edit_commit(edit, &error), &error);
        pellucid_edit_delete(edit);
    }
    if (is_done)
        forget(it);
}

/* Takes "if" and the condition behind it, if that is what follows, and nothing else. */
static bool take_condition(const char *at, char **out_condition)
{
    at = skip_blanks(at);
    if (strncmp(at, "if", 2) == 0 && strchr(" \t(", at[2]) != NULL) {
        at = skip_blanks(at + 2);
        if (*at == 0) {
            printf("an expression is missing behind if\n");
            return false;
        }
        *out_condition = copy_text(at, strlen(at));
        return true;
    }
    return is_end(at);
}

/* What functions a breakpoint is at. */
static bool place_breakpoint(const struct functions *functions, struct text name, struct breakpoint *new)
{
    size_t n_bodies = 0;
    uint32_t pc;
    for (size_t i = 0; i < functions->n; i++)
        if (has_body(functions->indices[i], &pc) && n_bodies++ == 0)
            new->pc = pc;
    /* An import has no operators, but the calls of it are. */
    if (n_bodies == 0 && functions->n > 1) {
        printf("there are %zu imports of that name, say which:", functions->n);
        for (size_t i = 0; i < functions->n; i++)
            printf(" %" PRIu32, functions->indices[i]);
        printf("\n");
        return false;
    }
    for (size_t i = 0; n_bodies > 0 && i < functions->n; i++)
        if (!has_body(functions->indices[i], &pc))
            printf("function %" PRIu32 " has that name, too, but is imported\n", functions->indices[i]);
    new->kind = n_bodies == 0 ? AT_CALLS : n_bodies == 1 ? AT_PC : AT_NAME;
    new->import = functions->indices[0];
    if (n_bodies > 1)
        new->name = copy_text(name.at, name.size);
    return true;
}

static void break_at(const char *text, bool is_temporary)
{
    struct breakpoint new = {.is_temporary = is_temporary};
    struct functions functions;
    struct text name;
    bool is_good;
    if (*text == '*') {
        const char *begin = text + 1, *end = end_of_expression(begin);
        char *place = copy_text(text, (size_t)(end - text));
        is_good = find_place(place, &new.pc);
        free(place);
        text = end;
    } else {
        is_good = take_functions(&text, &functions, &name);
        if (is_good) {
            is_good = place_breakpoint(&functions, name, &new);
            free(functions.indices);
        }
    }
    if (is_good && take_condition(text, &new.condition))
        add_breakpoint(new);
    else
        forget(&new);
}

/* Takes a word from the beginning of a text, if it is this one. */
static bool takes_word(const char **at, const char *word)
{
    size_t size = strlen(word);
    bool is_next = strncmp(*at, word, size) == 0 && strchr(" \t", (*at)[size]) != NULL;
    if (is_next)
        *at = skip_blanks(*at + size);
    return is_next;
}

static void break_at_throws(const char *text)
{
    struct breakpoint new = {.kind = AT_THROWS, .throws = PELLUCID_THROW_CAUGHT};
    struct text tag;
    if (takes_word(&text, "uncaught"))
        new.throws = PELLUCID_THROW_UNCAUGHT;
    else if (takes_word(&text, "any"))
        new.throws = PELLUCID_THROW_CAUGHT | PELLUCID_THROW_UNCAUGHT;
    else
        (void)takes_word(&text, "caught");
    if (*text != 0 && strncmp(text, "if ", 3) != 0) {
        if (!take_name(&text, &tag))
            return;
        new.name = copy_text(tag.at, tag.size);
    }
    if (take_condition(text, &new.condition))
        add_breakpoint(new);
    else
        forget(&new);
}

/* Watches a place; of the memory as many bytes as it has there, unless it is said how many. */
static void watch(const char *text, pellucid_watch_access_t access)
{
    struct breakpoint new = {.kind = AT_ACCESS, .access = access};
    const char *begin = text;
    int64_t n_bytes;
    if (!has_program() || !take_place(&text, &new.place))
        return;
    if (new.place.kind == 0) {
        printf("an operand can't be watched\n");
        return;
    }
    const char *end = text;
    text = skip_blanks(text);
    new.n_bytes = new.place.bits / 8;
    if (new.place.kind == PELLUCID_WATCH_MEMORY && *text != 0 && strncmp(text, "if", 2) != 0) {
        text += *text == ',';
        end = end_of_expression(text);
        if (!read_integer(&text, &n_bytes))
            return;
        if (n_bytes <= 0) {
            printf("%" PRId64 " bytes can't be watched\n", n_bytes);
            return;
        }
        new.n_bytes = (uint64_t)n_bytes;
    }
    new.name = copy_text(begin, (size_t)(end - begin));
    if (take_condition(text, &new.condition))
        add_breakpoint(new);
    else
        forget(&new);
}

/* The breakpoint whose number a text begins with; `*text` is behind it then. */
static struct breakpoint *find_breakpoint(const char **text)
{
    int64_t number;
    const char *begin = *text;
    size_t n_digits = strspn(begin, "0123456789");
    /* What follows may be an expression, or a text that begins with a sign. */
    const char *end = n_digits > 0 ? begin + n_digits : end_of_value(begin);
    if (*begin == 0 || strchr(" \t", *end) == NULL) {
        printf(*begin == 0 ? "a breakpoint's number is needed\n" : "'%s' doesn't begin with a breakpoint's number\n", begin);
        return NULL;
    }
    if (!evaluate_integer((struct text){begin, (size_t)(end - begin)}, &number))
        return NULL;
    *text = skip_blanks(end);
    for (struct breakpoint *it = breakpoints; it < breakpoints + MOST_BREAKPOINTS; it++)
        if (it->number != 0 && it->number == number)
            return it;
    printf("there is no breakpoint %" PRId64 "\n", number);
    return NULL;
}

/* ---- reached ---- */

static void print_bytes(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf(" %02x", bytes[i]);
}

static const struct breakpoint *breakpoint_of(uint64_t id)
{
    for (const struct breakpoint *it = breakpoints; it < breakpoints + MOST_BREAKPOINTS; it++)
        if (it->number != 0 && it->id == id)
            return it;
    return NULL;
}

static void print_change(const pellucid_event_t *event, size_t n, const pellucid_watch_hit_t *hit)
{
    enum { SHOWN = 16 };
    uint8_t before[SHOWN], now[SHOWN];
    pellucid_value_t old, new;
    if (pellucid_event_watch_bytes(event, n, before, now, SHOWN) == PELLUCID_OK) {
        size_t shown = hit->size < SHOWN ? (size_t)hit->size : SHOWN;
        printf(" 0x%" PRIx64 ":", hit->address);
        print_bytes(before, shown);
        if (hit->access != PELLUCID_WATCH_READ) {
            printf(" ->");
            print_bytes(now, shown);
        }
        return;
    }
    must(pellucid_event_watch_values(event, n, store, &old, &new), NULL);
    printf(" ");
    print_value(&old);
    if (hit->access != PELLUCID_WATCH_READ) {
        printf(" -> ");
        print_value(&new);
    }
}

/* Says what an event tells of watchpoints. */
static void print_watched(const pellucid_event_t *event)
{
    for (size_t i = 0; i < pellucid_event_watch_count(event); i++) {
        pellucid_watch_hit_t hit = {.struct_size = sizeof hit};
        must(pellucid_event_watch_hit(event, i, &hit), NULL);
        const struct breakpoint *it = breakpoint_of(hit.id);
        if (it != NULL)
            printf("watchpoint %" PRIu32 ": %s was ", it->number, it->name);
        else
            printf("a watchpoint: that was ");
        if (hit.is_found)
            printf("changed by the host");
        else
            printf("%s at 0x%" PRIx32, access_name(hit.access), hit.pc);
        printf(",");
        print_change(event, i, &hit);
        printf("\n");
    }
}

/* Says which breakpoints an event is of. */
static void print_reached(const pellucid_event_t *event)
{
    const uint64_t *ids;
    size_t n_ids;
    must(pellucid_event_breakpoints(event, &ids, &n_ids), NULL);
    for (size_t i = 0; i < n_ids; i++) {
        const struct breakpoint *it = breakpoint_of(ids[i]);
        if (it != NULL)
            printf("breakpoint %" PRIu32 "\n", it->number);
    }
}

#endif
