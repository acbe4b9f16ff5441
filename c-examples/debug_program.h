/* The program that is debugged: its values, breakpoints and watchpoints, and how it runs. What the user wants is in pellucid-debug.c. */
#ifndef DEBUG_PROGRAM_H
#define DEBUG_PROGRAM_H

#include "debug_expression.h"
#include "pellucid.h"
#include "program.h"

#include <inttypes.h>
#include <signal.h>

enum { MOST_BREAKPOINTS = 256, MOST_VALUES = 1000, MOST_LINE = 1024 };

struct breakpoint {
    uint32_t number; /* 0 if there is none */
    uint32_t pc;
    char name[128]; /* the functions' that it is at, if there are several of that name */
    bool is_at_throws, is_at_calls;
    uint32_t import; /* if it is at calls, what is called */
    uint64_t id;    /* in the store that there is, if any */
    bool is_temporary;
    uint64_t ignored;    /* how many times it is, before it stops the program */
    char condition[128]; /* empty if there is none */
    char text[128];      /* of a log point, which doesn't stop the program */
};

static pellucid_wasi_config_t *wasi;
static pellucid_engine_t *engine;
static pellucid_module_t *module;
static const char *invoked;
static char **args;
static int n_args;

/* One run of the program: nothing of it is there before "run". */
static pellucid_store_t *store;
static pellucid_linker_t *linker;
static pellucid_instance_t instance;
static pellucid_call_t *call;
static pellucid_interrupt_t *interrupt;
static volatile sig_atomic_t is_running;
/* What has been called of it: its start function, `_initialize`, and what it is all about. */
enum { NOTHING, START, INITIALIZE, PROGRAM } stage;

/* The frame that is looked at, and how many it has called. */
static pellucid_frame_t frame;
static bool has_frame;
static uint32_t depth;

static struct breakpoint breakpoints[MOST_BREAKPOINTS];
static uint32_t last_number;

/* Whether something was done; else it is said why not. */
static bool did(pellucid_status_t status, pellucid_error_t **error)
{
    pellucid_str_t text = {0};
    if (status == PELLUCID_OK)
        return true;
    if (error != NULL && *error != NULL)
        pellucid_error_message(*error, &text);
    else
        pellucid_status_name(status, &text);
    printf("%.*s\n", (int)text.size, text.data);
    if (error != NULL) {
        pellucid_error_delete(*error);
        *error = NULL;
    }
    return false;
}

/* ---- values ---- */

static void print_func_name(uint32_t index)
{
    pellucid_str_t name;
    if (pellucid_module_func_name(module, index, &name) == PELLUCID_OK)
        printf("%.*s", (int)name.size, name.data);
    else
        printf("function %" PRIu32, index);
}

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

static void print_value(const pellucid_value_t *value)
{
    int32_t i31;
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
        if (pellucid_value_is_null(value))
            printf("null");
        else if (value->kind == PELLUCID_ANYREF && pellucid_anyref_i31(&value->of.anyref, &i31) == PELLUCID_OK)
            printf("%" PRId32, i31);
        else
            printf("a reference");
    }
    printf(" (%s)", kind_name(value->kind));
}

/* A value of this kind; references can only be null, which is 0. */
static bool convert(struct number number, pellucid_kind_t kind, pellucid_value_t *out_value)
{
    int64_t i = number.i;
    /* A float that no integer is becomes the nearest, and NaN 0. */
    if (number.is_float)
        i = number.f >= 0x1p63 ? INT64_MAX : number.f < -0x1p63 ? INT64_MIN : number.f == number.f ? (int64_t)number.f : 0;
    memset(out_value, 0, sizeof *out_value);
    out_value->kind = kind;
    switch (kind) {
    case PELLUCID_I32:
        out_value->of.i32 = (int32_t)(uint32_t)(uint64_t)i;
        return true;
    case PELLUCID_I64:
        out_value->of.i64 = i;
        return true;
    case PELLUCID_F32:
        out_value->of.f32 = (float)as_float(number);
        return true;
    case PELLUCID_F64:
        out_value->of.f64 = as_float(number);
        return true;
    default:
        if (kind != PELLUCID_V128 && i == 0)
            return true;
        printf("a value of kind %s can't be written down here\n", kind_name(kind));
        return false;
    }
}

/* ---- what is looked at ---- */

static bool has_program(void)
{
    if (store == NULL)
        printf("the program isn't running\n");
    return store != NULL;
}

static bool needs_frame(void)
{
    if (!has_frame)
        printf("there is no frame\n");
    return has_frame;
}

/* The instance of the frame that is looked at. */
static pellucid_instance_t present_instance(void)
{
    pellucid_instance_t found = instance;
    if (has_frame)
        (void)pellucid_frame_instance(store, &frame, &found);
    return found;
}

static bool find_memory(pellucid_memory_t *out_memory)
{
    pellucid_instance_t of = present_instance();
    if (pellucid_instance_memory(store, &of, 0, out_memory) == PELLUCID_OK)
        return true;
    printf("there is no memory\n");
    return false;
}

/* The index of a local by its name or number. */
static bool find_local(const char *name, size_t n_name, uint32_t *out_index)
{
    uint32_t n;
    must(pellucid_frame_local_count(store, &frame, &n), NULL);
    char *end;
    unsigned long index = strtoul(name, &end, 10);
    if (n_name > 0 && end == name + n_name && index < n) {
        *out_index = (uint32_t)index;
        return true;
    }
    for (uint32_t i = 0; i < n; i++) {
        pellucid_str_t found;
        if (pellucid_frame_local_name(store, &frame, i, &found) == PELLUCID_OK && found.size == n_name
            && memcmp(found.data, name, n_name) == 0) {
            *out_index = i;
            return true;
        }
    }
    return false;
}

/* The index of a global by its name or number. */
static bool find_global(const char *name, size_t n_name, uint32_t *out_index)
{
    pellucid_instance_t of = present_instance();
    pellucid_spaces_t spaces = {.struct_size = sizeof spaces};
    char *end;
    unsigned long index = strtoul(name, &end, 10);
    if (store == NULL || n_name == 0)
        return false;
    must(pellucid_instance_spaces(store, &of, &spaces), NULL);
    if (end == name + n_name && index < spaces.n_globals) {
        *out_index = (uint32_t)index;
        return true;
    }
    for (uint32_t i = 0; i < spaces.n_globals; i++) {
        pellucid_str_t found;
        if (pellucid_module_entity_name(module, PELLUCID_SPACE_GLOBAL, i, &found) == PELLUCID_OK && found.size == n_name
            && memcmp(found.data, name, n_name) == 0) {
            *out_index = i;
            return true;
        }
    }
    return false;
}

/* A local ($), operand (%) or global (@) of what is looked at; else it is answered what is wrong. */
static const char *find_value(char sign, const char *name, size_t n_name, pellucid_value_t *out_value)
{
    pellucid_instance_t of = present_instance();
    pellucid_global_t global;
    uint32_t index = 0, n = 0;
    if (sign == '@')
        return find_global(name, n_name, &index) && pellucid_instance_global(store, &of, index, &global) == PELLUCID_OK
                       && pellucid_global_get(store, &global, out_value) == PELLUCID_OK
                   ? NULL
                   : "there is no such global";
    if (!has_frame)
        return "there is no frame";
    if (sign == '$')
        return find_local(name, n_name, &index)
                       && pellucid_frame_read_locals(store, &frame, index, out_value, 1, &n) == PELLUCID_OK && n == 1
                   ? NULL
                   : "there is no such local";
    char *end;
    index = (uint32_t)strtoul(name, &end, 10);
    return n_name > 0 && end == name + n_name
                   && pellucid_frame_read_operands(store, &frame, index, out_value, 1, &n) == PELLUCID_OK && n == 1
               ? NULL
               : "there is no such operand";
}

static struct number look_up(struct reader *reader, char sign, const char *name, size_t n_name, struct number address)
{
    pellucid_value_t value = {0};
    if (sign == '[') {
        pellucid_instance_t of = present_instance();
        pellucid_memory_t memory;
        uint8_t bytes[4] = {0};
        if (store == NULL || pellucid_instance_memory(store, &of, 0, &memory) != PELLUCID_OK
            || pellucid_memory_read(store, &memory, (uint64_t)address.i, bytes, 4) != PELLUCID_OK)
            return complain(reader, "no memory is there");
        return integer((int32_t)(bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24));
    }
    const char *wrong = find_value(sign, name, n_name, &value);
    if (wrong != NULL)
        return complain(reader, wrong);
    switch (value.kind) {
    case PELLUCID_I32:
        return integer(value.of.i32);
    case PELLUCID_I64:
        return integer(value.of.i64);
    case PELLUCID_F32:
        return (struct number){.is_float = true, .f = value.of.f32};
    case PELLUCID_F64:
        return (struct number){.is_float = true, .f = value.of.f64};
    default:
        return complain(reader, "its value isn't a number");
    }
}

/* Reads an expression from `*at` on, and leaves that behind it. */
static bool evaluate(const char **at, struct number *out_number)
{
    struct reader reader = {.at = *at};
    *out_number = read_sum(&reader, 0);
    if (reader.wrong[0] != 0)
        printf("%s\n", reader.wrong);
    *at = reader.at;
    return reader.wrong[0] == 0;
}

/* The same with nothing behind it. */
static bool evaluate_all(const char *text, struct number *out_number)
{
    if (!evaluate(&text, out_number))
        return false;
    text += strspn(text, " \t");
    if (*text != 0)
        printf("'%s' isn't understood\n", text);
    return *text == 0;
}

/* A count, 1 if nothing is said. */
static bool count_of(const char *text, int64_t *out_count)
{
    struct number number = integer(1);
    if (*text != 0 && !evaluate_all(text, &number))
        return false;
    *out_count = number.i;
    return true;
}

static bool is_word(const char *text, size_t size, const char *word)
{
    return size == strlen(word) && memcmp(text, word, size) == 0;
}

/* A function by its name or index; the text ends there. */
static bool find_function(const char *text, size_t size, uint32_t *out_index)
{
    char *end;
    uint32_t n_funcs = pellucid_module_func_count(module);
    unsigned long index = strtoul(text, &end, 10);
    if (size > 0 && end == text + size && index < n_funcs) {
        *out_index = (uint32_t)index;
        return true;
    }
    for (uint32_t i = 0; i < n_funcs; i++) {
        pellucid_str_t name;
        if (pellucid_module_func_name(module, i, &name) == PELLUCID_OK && name.size == size
            && memcmp(name.data, text, size) == 0) {
            *out_index = i;
            return true;
        }
    }
    printf("there is no function '%.*s'\n", (int)size, text);
    return false;
}

/* A place: a function, or * and an expression for a pc. */
static bool find_place(const char *text, uint32_t *out_pc)
{
    struct number number;
    uint32_t function, offset;
    if (text[0] == '*') {
        if (!evaluate_all(text + 1, &number))
            return false;
        *out_pc = (uint32_t)number.i;
        if (number.i >= 0 && number.i <= UINT32_MAX
            && pellucid_module_func_at(module, *out_pc, &function, &offset) == PELLUCID_OK)
            return true;
        printf("no function is there\n");
        return false;
    }
    if (!find_function(text, strlen(text), &function))
        return false;
    if (pellucid_module_func_range(module, function, NULL, out_pc, NULL) == PELLUCID_OK)
        return true;
    printf("the function is imported\n");
    return false;
}

static void print_frame(const pellucid_frame_t *which, uint32_t at_depth)
{
    pellucid_frame_info_t info = {.struct_size = sizeof info};
    must(pellucid_frame_info(store, which, &info), NULL);
    printf("#%" PRIu32 " ", at_depth);
    print_func_name(info.func_index);
    printf(" at 0x%" PRIx32 "\n", info.pc);
}

static void select_newest(void)
{
    depth = 0;
    has_frame = call != NULL && pellucid_call_frame(call, &frame) == PELLUCID_OK;
}

static uint64_t key_of(const pellucid_frame_t *which)
{
    uint64_t key = 0;
    must(pellucid_frame_key(store, which, &key), NULL);
    return key;
}

/* ---- breakpoints ---- */

/* How many functions have this name. */
static uint32_t count_functions(const char *name)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < pellucid_module_func_count(module); i++) {
        pellucid_str_t found;
        if (pellucid_module_func_name(module, i, &found) == PELLUCID_OK && found.size == strlen(name) && memcmp(found.data, name, found.size) == 0)
            n++;
    }
    return n;
}

static pellucid_status_t add_to_edit(pellucid_edit_t *edit, struct breakpoint *it, uint64_t *out_id)
{
    if (it->is_at_throws)
        return pellucid_edit_add_at_exception(edit, NULL, PELLUCID_THROW_CAUGHT, out_id);
    if (it->is_at_calls)
        return pellucid_edit_add_at_import_calls(edit, module, it->import, out_id);
    if (it->name[0] != 0)
        return pellucid_edit_add_at_function_name(edit, module, it->name, strlen(it->name), out_id);
    return pellucid_edit_add(edit, module, it->pc, out_id, &it->pc);
}

/* Has a breakpoint in the store be as it is here; it is added if it isn't there. */
static bool install(struct breakpoint *it)
{
    pellucid_breakpoint_options_t options = {.ignore_count = it->ignored, .is_one_shot = it->is_temporary};
    pellucid_edit_t *edit;
    pellucid_error_t *error = NULL;
    uint64_t id = it->id;
    must(pellucid_edit_begin(store, &edit), NULL);
    bool is_good = (id != 0 || did(add_to_edit(edit, it, &id), NULL))
                   && did(pellucid_edit_set_options(edit, id, &options), NULL)
                   && did(pellucid_edit_set_expression(edit, id, it->condition, strlen(it->condition), &error), &error)
                   && did(pellucid_edit_set_log_text(edit, id, it->text, strlen(it->text), &error), &error)
                   && did(pellucid_edit_commit(edit, &error), &error);
    pellucid_edit_delete(edit);
    if (is_good)
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

static void print_breakpoint(const struct breakpoint *it)
{
    uint32_t function, offset;
    pellucid_breakpoint_info_t info = {.struct_size = sizeof info};
    printf("%s %" PRIu32 ": ", it->is_temporary ? "temporary breakpoint" : "breakpoint", it->number);
    if (it->is_at_throws) {
        printf("exceptions that are caught");
    } else if (it->is_at_calls) {
        printf("calls of ");
        print_func_name(it->import);
    } else {
        if (pellucid_module_func_at(module, it->pc, &function, &offset) == PELLUCID_OK)
            print_func_name(function);
        printf(" at 0x%" PRIx32, it->pc);
    }
    if (it->name[0] != 0)
        printf(" and all others of that name");
    if (it->condition[0] != 0)
        printf(" if %s", it->condition);
    if (it->text[0] != 0)
        printf(", prints \"%s\"", it->text);
    if (it->ignored != 0)
        printf(", ignored %" PRIu64 " times", it->ignored);
    if (it->id != 0 && pellucid_breakpoint_info(store, it->id, &info) == PELLUCID_OK && info.hits != 0)
        printf(", reached %" PRIu64 " times", info.hits);
    printf("\n");
}

static void remove_breakpoint(struct breakpoint *it)
{
    pellucid_edit_t *edit;
    pellucid_error_t *error = NULL;
    if (it->id != 0) {
        must(pellucid_edit_begin(store, &edit), NULL);
        must(pellucid_edit_remove(edit, it->id), NULL);
        if (!did(pellucid_edit_commit(edit, &error), &error))
            printf("it is still there\n");
        pellucid_edit_delete(edit);
    }
    it->number = 0;
    it->id = 0;
}

/* Has a breakpoint be as `changed` is, if that can be. */
static void change_breakpoint(struct breakpoint *it, struct breakpoint changed)
{
    if (store != NULL && !install(&changed))
        return;
    *it = changed;
    print_breakpoint(it);
}

/* Lists a breakpoint, and has it be in the store. */
static void list_breakpoint(struct breakpoint new)
{
    struct breakpoint *it = breakpoints;
    while (it < breakpoints + MOST_BREAKPOINTS && it->number != 0)
        it++;
    if (it == breakpoints + MOST_BREAKPOINTS) {
        printf("there are too many breakpoints\n");
        return;
    }
    if (store != NULL && !install(&new))
        return;
    new.number = ++last_number;
    *it = new;
    print_breakpoint(it);
}

static void add_breakpoint(const char *text, bool is_temporary)
{
    char place[MOST_LINE];
    const char *condition = strstr(text, " if ");
    size_t size = condition != NULL ? (size_t)(condition - text) : strlen(text);
    snprintf(place, sizeof place, "%.*s", (int)size, text);
    struct breakpoint new = {.is_temporary = is_temporary};
    /* An import has no operators, but the calls of it are. */
    if (place[0] != '*') {
        if (!find_function(place, strlen(place), &new.import))
            return;
        new.is_at_calls = pellucid_module_func_range(module, new.import, NULL, &new.pc, NULL) != PELLUCID_OK;
    } else if (!find_place(place, &new.pc)) {
        return;
    }
    if (place[0] != '*' && !new.is_at_calls && count_functions(place) > 1)
        snprintf(new.name, sizeof new.name, "%.127s", place);
    if (condition != NULL)
        snprintf(new.condition, sizeof new.condition, "%.127s", condition + 4);
    list_breakpoint(new);
}

static struct breakpoint *find_breakpoint(const char **text)
{
    char *end;
    unsigned long number = strtoul(*text, &end, 10);
    for (struct breakpoint *it = breakpoints; it < breakpoints + MOST_BREAKPOINTS; it++)
        if (number != 0 && it->number == number) {
            *text = end + strspn(end, " \t");
            return it;
        }
    printf("there is no breakpoint '%s'\n", *text);
    return NULL;
}

/* ---- watchpoints: of the present run of the program ---- */

struct watchpoint {
    uint32_t number; /* 0 if there is none */
    uint64_t id;
    char text[128];      /* what it watches, as it was typed */
    char condition[128]; /* empty if there is none */
};

static struct watchpoint watchpoints[MOST_BREAKPOINTS];

static const char *access_name(pellucid_watch_access_t access)
{
    return access == PELLUCID_WATCH_READ ? "read" : access == PELLUCID_WATCH_WRITE ? "written" : "read and written";
}

static void print_watchpoint(const struct watchpoint *it)
{
    pellucid_watchpoint_info_t info = {.struct_size = sizeof info};
    must(pellucid_watchpoint_info(store, it->id, &info), NULL);
    printf("watchpoint %" PRIu32 ": %s", it->number, it->text);
    if (info.kind == PELLUCID_WATCH_MEMORY)
        printf(", %" PRIu64 " bytes at 0x%" PRIx64, info.size, info.address);
    printf(info.access == 3 ? ", read or written" : ", %s", access_name(info.access));
    if (it->condition[0] != 0)
        printf(", if %s", it->condition);
    if (info.hits != 0)
        printf(", %" PRIu64 " times", info.hits);
    printf(info.is_over ? ", over: its frame is gone\n" : "\n");
}

/* The watchpoint of this number, if there is one. */
static struct watchpoint *find_watchpoint(const char **text)
{
    char *end;
    unsigned long number = strtoul(*text, &end, 10);
    for (struct watchpoint *it = watchpoints; it < watchpoints + MOST_BREAKPOINTS; it++)
        if (number != 0 && it->number == number) {
            *text = end + strspn(end, " \t");
            return it;
        }
    return NULL;
}

/* Has a watchpoint stop only if an expression isn't 0, or always. */
static void set_watch_condition(struct watchpoint *it, const char *text)
{
    pellucid_edit_t *session;
    pellucid_error_t *error = NULL;
    must(pellucid_edit_begin(store, &session), NULL);
    if (did(pellucid_edit_set_expression(session, it->id, text, strlen(text), &error), &error)
        && did(pellucid_edit_commit(session, &error), &error)) {
        snprintf(it->condition, sizeof it->condition, "%.127s", text);
        print_watchpoint(it);
    }
    pellucid_edit_delete(session);
}

/* Watches a global, a local of the selected frame, or bytes of the memory: 4 unless it is said how many. */
static void add_watchpoint(const char *text, pellucid_watch_access_t access)
{
    struct watchpoint *it = watchpoints;
    struct number address, n = integer(4);
    pellucid_edit_t *session;
    pellucid_memory_t memory;
    pellucid_global_t global;
    pellucid_instance_t of;
    uint32_t index;
    uint64_t id = 0;
    const char *at = text + 1;
    bool is_memory = text[0] == '[', is_local = text[0] == '$';
    if (!has_program())
        return;
    of = present_instance();
    while (it < watchpoints + MOST_BREAKPOINTS && it->number != 0)
        it++;
    if (it == watchpoints + MOST_BREAKPOINTS) {
        printf("there are too many watchpoints\n");
        return;
    }
    if (is_memory) {
        if (!evaluate(&at, &address))
            return;
        at += strspn(at, " \t]");
        if (!find_memory(&memory) || (*at != 0 && !evaluate_all(at, &n)))
            return;
    } else if (is_local) {
        if (!needs_frame())
            return;
        if (!find_local(at, strlen(at), &index)) {
            printf("there is no such local\n");
            return;
        }
    } else if (text[0] != '@' || !find_global(at, strlen(at), &index)
               || pellucid_instance_global(store, &of, index, &global) != PELLUCID_OK) {
        printf("it is no @global, no $local and no [ADDRESS]\n");
        return;
    }
    must(pellucid_edit_begin(store, &session), NULL);
    pellucid_status_t added =
        is_memory   ? pellucid_edit_watch_memory(session, &memory, (uint64_t)address.i, (uint64_t)n.i, access, &id)
        : is_local  ? pellucid_edit_watch_local(session, &frame, index, access, &id)
                    : pellucid_edit_watch_global(session, &global, access, &id);
    if (did(added, NULL) && did(pellucid_edit_commit(session, NULL), NULL)) {
        *it = (struct watchpoint){.number = ++last_number, .id = id};
        snprintf(it->text, sizeof it->text, "%.127s", text);
        print_watchpoint(it);
    }
    pellucid_edit_delete(session);
}

static void print_bytes(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf(" %02x", bytes[i]);
}

/* Says what an event tells of watchpoints. */
static void print_watched(const pellucid_event_t *event)
{
    enum { SHOWN = 16 };
    size_t n = pellucid_event_watch_count(event);
    for (size_t i = 0; i < n; i++) {
        pellucid_watch_hit_t hit = {.struct_size = sizeof hit};
        uint8_t before[SHOWN], now[SHOWN];
        pellucid_value_t old, new;
        const struct watchpoint *it = watchpoints;
        must(pellucid_event_watch_hit(event, i, &hit), NULL);
        while (it < watchpoints + MOST_BREAKPOINTS - 1 && (it->number == 0 || it->id != hit.id))
            it++;
        printf("watchpoint %" PRIu32 ": %s was ", it->number, it->text);
        if (hit.is_found)
            printf("changed by the host");
        else
            printf("%s at 0x%" PRIx32, access_name(hit.access), hit.pc);
        printf(",");
        if (pellucid_event_watch_bytes(event, i, before, now, SHOWN) == PELLUCID_OK) {
            size_t shown = hit.size < SHOWN ? (size_t)hit.size : SHOWN;
            printf(" 0x%" PRIx64 ":", hit.address);
            print_bytes(before, shown);
            if (hit.access != PELLUCID_WATCH_READ) {
                printf(" ->");
                print_bytes(now, shown);
            }
        } else {
            must(pellucid_event_watch_values(event, i, store, &old, &new), NULL);
            printf(" ");
            print_value(&old);
            if (hit.access != PELLUCID_WATCH_READ) {
                printf(" -> ");
                print_value(&new);
            }
        }
        printf("\n");
    }
}

/* Removes the watchpoint of this number; answers whether there is one. */
static bool remove_watchpoint(const char *text)
{
    struct watchpoint *it = find_watchpoint(&text);
    if (it == NULL)
        return false;
    struct breakpoint removed = {.id = it->id};
    remove_breakpoint(&removed);
    it->number = 0;
    return true;
}

/* ---- running ---- */

static void handle_control_c(int number)
{
    (void)number;
    if (is_running)
        pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_PAUSE);
}

static void end_program(void)
{
    pellucid_call_delete(call);
    pellucid_interrupt_delete(interrupt);
    pellucid_linker_delete(linker);
    pellucid_store_delete(store);
    call = NULL;
    interrupt = NULL;
    linker = NULL;
    store = NULL;
    has_frame = false;
    for (struct breakpoint *it = breakpoints; it < breakpoints + MOST_BREAKPOINTS; it++)
        it->id = 0;
    for (struct watchpoint *it = watchpoints; it < watchpoints + MOST_BREAKPOINTS; it++)
        it->number = 0;
}

static bool find_export(const char *name, pellucid_func_t *out_func)
{
    pellucid_extern_t item;
    if (pellucid_instance_export(store, &instance, name, strlen(name), &item) != PELLUCID_OK
        || item.kind != PELLUCID_EXTERN_FUNC)
        return false;
    *out_func = item.of.func;
    return true;
}

/* Reads as many values as there are kinds, and nothing more. */
static bool read_values(const char *text, const pellucid_kind_t *kinds, size_t n_kinds, pellucid_value_t *out_values)
{
    struct number number;
    size_t n = 0;
    for (text += strspn(text, " \t,()"); *text != 0; n++, text += strspn(text, " \t,)"))
        if (n == n_kinds || !evaluate(&text, &number) || !convert(number, kinds[n], &out_values[n]))
            break;
    if (n == n_kinds && *text == 0)
        return true;
    printf(n_kinds == 1 ? "a value is needed\n" : "%zu values are needed\n", n_kinds);
    return false;
}

/* Begins a call of a function with arguments as text. */
static bool begin(const pellucid_func_t *func, const char *text)
{
    pellucid_functype_t *type;
    const pellucid_kind_t *params;
    size_t n;
    pellucid_error_t *error = NULL;
    pellucid_value_t values[MOST_VALUES];
    must(pellucid_func_type(store, func, &type), NULL);
    must(pellucid_functype_params(type, &params, &n), NULL);
    pellucid_call_t *next = NULL;
    bool is_done = n <= MOST_VALUES && read_values(text, params, n, values)
                   && did(pellucid_call_begin(store, func, values, n, &next, &error), &error);
    pellucid_functype_delete(type);
    if (is_done) {
        pellucid_call_delete(call);
        call = next;
    }
    return is_done;
}

/* Begins what is to be called next; false if there is nothing any more. */
static bool begin_next(void)
{
    pellucid_func_t func;
    char text[MOST_LINE] = "";
    if (stage == START) {
        stage = INITIALIZE;
        if (find_export("_initialize", &func))
            return begin(&func, "");
    }
    if (stage != INITIALIZE)
        return false;
    stage = PROGRAM;
    for (int i = 1; invoked != NULL && i < n_args; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", args[i]);
    if (!find_export(invoked != NULL ? invoked : "_start", &func)) {
        printf("the program exports no function '%s'\n", invoked != NULL ? invoked : "_start");
        return false;
    }
    return begin(&func, text);
}

/* The functions that are traced, by index. */
static bool *traced;

static void print_traced(const pellucid_event_t *event)
{
    pellucid_frame_info_t info = {.struct_size = sizeof info};
    pellucid_frame_t at;
    pellucid_functype_t *type;
    pellucid_func_t callee;
    pellucid_value_t values[MOST_VALUES];
    uint32_t read, place;
    size_t n = 0;
    must(pellucid_event_frame(event, &at), NULL);
    must(pellucid_frame_info(store, &at, &info), NULL);
    bool is_entry = pellucid_event_kind(event) == PELLUCID_EVENT_FUNCTION_ENTRY;
    printf(is_entry ? "> " : "< ");
    print_func_name(info.func_index);
    if (is_entry) {
        must(pellucid_module_func_type(module, info.func_index, &type), NULL);
        must(pellucid_functype_params(type, NULL, &n), NULL);
        pellucid_functype_delete(type);
        n = n < MOST_VALUES ? n : MOST_VALUES;
        must(pellucid_frame_read_locals(store, &at, 0, values, (uint32_t)n, &read), NULL);
    } else if (pellucid_event_exit(event) == PELLUCID_EXIT_RETURN) {
        if (pellucid_event_results(event, store, values, MOST_VALUES, &n) != PELLUCID_OK)
            n = 0;
    } else if (pellucid_event_exit(event) == PELLUCID_EXIT_TAIL_CALL) {
        printf(" goes to ");
        if (pellucid_event_func(event, &callee) == PELLUCID_OK
            && pellucid_func_location(store, &callee, NULL, &place) == PELLUCID_OK)
            print_func_name(place);
        else
            printf("another function");
    } else {
        printf(pellucid_event_exit(event) == PELLUCID_EXIT_TRAP ? " by a trap" : " by an exception");
    }
    for (size_t i = 0; i < n && i < MOST_VALUES; i++) {
        printf(i == 0 ? " " : ", ");
        print_value(&values[i]);
    }
    printf("\n");
}

/* Prints what is traced; an exception that is caught is nothing to stop at, and no end of a step, unless there is a breakpoint. */
static pellucid_action_t on_event(void *userdata, pellucid_store_t *where, pellucid_event_t *event)
{
    (void)userdata, (void)where;
    size_t n = 0;
    pellucid_event_kind_t kind = pellucid_event_kind(event);
    if (kind == PELLUCID_EVENT_FUNCTION_ENTRY || kind == PELLUCID_EVENT_FUNCTION_EXIT)
        print_traced(event);
    must(pellucid_event_breakpoints(event, NULL, &n), NULL);
    return n == 0 ? PELLUCID_ACTION_CONTINUE : PELLUCID_ACTION_PAUSE;
}

static bool install_traced(uint32_t index, bool is_on)
{
    pellucid_edit_t *edit;
    pellucid_error_t *error = NULL;
    must(pellucid_edit_begin(store, &edit), NULL);
    bool is_done = did(pellucid_edit_trace(edit, module, index, 1, is_on), NULL) && did(pellucid_edit_commit(edit, &error), &error);
    pellucid_edit_delete(edit);
    return is_done;
}

static void trace(const char *text, bool is_on)
{
    uint32_t index, start, n_funcs = pellucid_module_func_count(module);
    if (traced == NULL && (traced = calloc(n_funcs + 1, sizeof *traced)) == NULL)
        return;
    if (!find_function(text, strlen(text), &index))
        return;
    if (pellucid_module_func_range(module, index, NULL, &start, NULL) != PELLUCID_OK)
        printf("the function is imported\n");
    else if (store == NULL || install_traced(index, is_on))
        traced[index] = is_on;
}

static void install_all_traced(void)
{
    for (uint32_t i = 0; traced != NULL && i < pellucid_module_func_count(module); i++)
        if (traced[i])
            (void)install_traced(i, true);
}

static void print_text(void *userdata, pellucid_store_t *where, const pellucid_frame_t *at, uint64_t id, const pellucid_str_t *text)
{
    (void)userdata, (void)where, (void)at, (void)id;
    printf("%.*s\n", (int)text->size, text->data);
    fflush(stdout);
}

/* Makes a store with the program in it, and its breakpoints. */
static bool load(void)
{
    pellucid_error_t *error = NULL;
    end_program();
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    must(pellucid_store_interrupt(store, &interrupt, &error), &error);
    must(pellucid_linker_new(engine, &linker), NULL);
    must(pellucid_linker_define_wasi(linker, store, wasi, NULL, &error), &error);
    pellucid_event_kind_t kinds = PELLUCID_EVENT_EXCEPTION | PELLUCID_EVENT_FUNCTION_ENTRY | PELLUCID_EVENT_FUNCTION_EXIT;
    must(pellucid_store_set_event_handler(store, kinds, NULL, on_event, NULL), NULL);
    install_all_traced();
    must(pellucid_store_set_log_point_handler(store, NULL, print_text, NULL), NULL);
    for (struct breakpoint *it = breakpoints; it < breakpoints + MOST_BREAKPOINTS; it++)
        if (it->number != 0 && !install(it))
            printf("so breakpoint %" PRIu32 " isn't there\n", it->number);
    stage = START;
    if (did(pellucid_linker_begin(linker, store, module, &instance, &call, &error), &error)
        && (call != NULL || begin_next()))
        return true;
    end_program();
    return false;
}

static void print_results(void)
{
    pellucid_func_t func;
    pellucid_functype_t *type;
    size_t n;
    pellucid_value_t results[MOST_VALUES];
    must(pellucid_call_func(call, &func), NULL);
    must(pellucid_func_type(store, &func, &type), NULL);
    must(pellucid_functype_results(type, NULL, &n), NULL);
    pellucid_functype_delete(type);
    if (n > MOST_VALUES || pellucid_call_results(call, results, n) != PELLUCID_OK)
        return;
    for (size_t i = 0; i < n; i++) {
        printf("result %zu = ", i);
        print_value(&results[i]);
        printf("\n");
    }
}

enum end { ENDED, STOPPED, REACHED };

/* What is to be said of a pause; whether a step has reached its end there. */
static enum end look_at_pause(void)
{
    const pellucid_event_t *event;
    const uint64_t *ids;
    size_t n_ids;
    must(pellucid_call_event(call, &event), NULL);
    select_newest();
    print_watched(event);
    if (pellucid_event_kind(event) == PELLUCID_EVENT_INTERRUPT)
        printf("interrupted\n");
    must(pellucid_event_breakpoints(event, &ids, &n_ids), NULL);
    for (size_t i = 0; i < n_ids; i++)
        for (struct breakpoint *it = breakpoints; it < breakpoints + MOST_BREAKPOINTS; it++)
            if (it->number != 0 && it->id == ids[i]) {
                printf("breakpoint %" PRIu32 "\n", it->number);
                /* It is gone by now. */
                if (it->is_temporary)
                    *it = (struct breakpoint){0};
            }
    return pellucid_event_kind(event) == PELLUCID_EVENT_STEP ? REACHED : STOPPED;
}

/* Runs the program until a step is done, a breakpoint, or its end. */
static enum end go(pellucid_resume_t mode)
{
    for (;;) {
        pellucid_call_state_t state;
        pellucid_error_t *error = NULL;
        uint32_t code;
        fflush(stdout);
        is_running = 1;
        pellucid_status_t status = pellucid_call_resume(call, mode, &state, &error);
        is_running = 0;
        pellucid_interrupt_withdraw(interrupt);
        if (!did(status, &error)) {
            select_newest();
            return STOPPED;
        }
        if (state == PELLUCID_CALL_PAUSED)
            return look_at_pause();
        if (state == PELLUCID_CALL_FINISHED) {
            if (stage == PROGRAM)
                print_results();
            if (mode != PELLUCID_RESUME_STEP && mode != PELLUCID_RESUME_STEP_OVER)
                mode = PELLUCID_RESUME_CONTINUE;
            if (begin_next())
                continue;
            printf("the program has ended\n");
        } else {
            must(pellucid_call_error(call, &error), NULL);
            if (pellucid_error_exit_code(error, &code) == PELLUCID_OK)
                printf("the program has ended with exit code %" PRIu32 "\n", code);
            else
                (void)did(pellucid_error_status(error), &error);
            pellucid_error_delete(error);
        }
        select_newest();
        /* After a trap there is something to look at. */
        if (state != PELLUCID_CALL_TRAPPED)
            end_program();
        return ENDED;
    }
}

static void stop_here(void)
{
    if (has_frame)
        print_frame(&frame, 0);
}

static bool can_run(void)
{
    if (!has_program())
        return false;
    if (pellucid_call_state(call) == PELLUCID_CALL_TRAPPED)
        printf("the program has trapped, it can only be run again\n");
    return pellucid_call_state(call) != PELLUCID_CALL_TRAPPED;
}

static void step(const char *text, pellucid_resume_t mode)
{
    int64_t n;
    if (!can_run() || !count_of(text, &n))
        return;
    enum end end = REACHED;
    for (; n > 0 && end == REACHED; n--)
        end = go(mode);
    stop_here();
}

#endif
