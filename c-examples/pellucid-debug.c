/* A debugger on the command line, for WASI programs and others that need nothing of their host.
 *
 *   pellucid-debug [--dir HOST[::GUEST]] [--env NAME=VALUE] [--input FILE] [--invoke NAME] FILE.wasm [ARGUMENT...]
 *
 *   --input FILE    gives the program a file for its standard input, which is empty otherwise: the debugger's own has the commands
 *   --invoke NAME   calls this export with the arguments, which are expressions, instead of starting the program
 *   the others      as for pellucid-run
 *
 * FILE.wasm may be text. Commands are read line by line, "help" lists them; a beginning of a command's name is enough. Commands
 * that come from a file or pipe are printed as if they had been typed. Ctrl-C stops a program that runs. It is all done with what
 * pellucid.h has. Watchpoints are of one run of the program. Programs that start threads aren't run. */
#define _XOPEN_SOURCE 700
#define PROGRAM_NAME "pellucid-debug"
#include "debug_program.h"

#include <errno.h>
#include <unistd.h>

static bool is_over;

/* ---- commands ---- */

static void do_break(const char *text)
{
    add_breakpoint(text, false);
}

static void do_tbreak(const char *text)
{
    add_breakpoint(text, true);
}

static void do_catch(const char *text)
{
    (void)text;
    list_breakpoint((struct breakpoint){.is_at_throws = true});
}

static void do_condition(const char *text)
{
    struct watchpoint *watched = find_watchpoint(&text);
    struct breakpoint *it, changed;
    if (watched != NULL) {
        set_watch_condition(watched, text);
        return;
    }
    it = find_breakpoint(&text);
    if (it == NULL)
        return;
    changed = *it;
    snprintf(changed.condition, sizeof changed.condition, "%.127s", text);
    change_breakpoint(it, changed);
}

static void do_logpoint(const char *text)
{
    struct breakpoint *it = find_breakpoint(&text), changed;
    if (it == NULL)
        return;
    changed = *it;
    snprintf(changed.text, sizeof changed.text, "%.127s", text);
    change_breakpoint(it, changed);
}

static void do_ignore(const char *text)
{
    struct breakpoint *it = find_breakpoint(&text), changed;
    int64_t n;
    if (it == NULL || !count_of(text, &n))
        return;
    changed = *it;
    changed.ignored = n > 0 ? (uint64_t)n : 0;
    change_breakpoint(it, changed);
}

static void do_watch(const char *text)
{
    add_watchpoint(text, PELLUCID_WATCH_WRITE);
}

static void do_rwatch(const char *text)
{
    add_watchpoint(text, PELLUCID_WATCH_READ);
}

static void do_awatch(const char *text)
{
    add_watchpoint(text, PELLUCID_WATCH_READ | PELLUCID_WATCH_WRITE);
}

static void do_trace(const char *text)
{
    trace(text, true);
}

static void do_untrace(const char *text)
{
    trace(text, false);
}

static void do_delete(const char *text)
{
    if (remove_watchpoint(text))
        return;
    struct breakpoint *it = find_breakpoint(&text);
    if (it != NULL)
        remove_breakpoint(it);
}

static void do_run(const char *text)
{
    (void)text;
    if (load()) {
        go(PELLUCID_RESUME_CONTINUE);
        stop_here();
    }
}

static void do_continue(const char *text)
{
    (void)text;
    if (can_run()) {
        go(PELLUCID_RESUME_CONTINUE);
        stop_here();
    }
}

static void do_step(const char *text)
{
    step(text, PELLUCID_RESUME_STEP);
}

static void do_next(const char *text)
{
    step(text, PELLUCID_RESUME_STEP_OVER);
}

static void do_finish(const char *text)
{
    (void)text;
    pellucid_frame_t caller;
    uint32_t function, n, pc, behind = 0;
    uint64_t key = 0;
    size_t n_results;
    pellucid_functype_t *type;
    if (!can_run() || !needs_frame())
        return;
    if (pellucid_frame_caller(store, &frame, &caller) == PELLUCID_OK) {
        key = key_of(&caller);
        must(pellucid_frame_pc(store, &caller, &pc), NULL);
        behind = operator_behind(pc);
    }
    must(pellucid_frame_func_index(store, &frame, &function), NULL);
    must(pellucid_module_func_type(module, function, &type), NULL);
    must(pellucid_functype_results(type, NULL, &n_results), NULL);
    pellucid_functype_delete(type);
    must(pellucid_call_set_goal(call, &frame, 0), NULL);
    enum end end = go(PELLUCID_RESUME_STEP_OUT);
    stop_here();
    if (end != REACHED)
        return;
    must(pellucid_frame_pc(store, &frame, &pc), NULL);
    must(pellucid_frame_operand_count(store, &frame, &n), NULL);
    /* Unless an exception has ended it. */
    for (size_t i = 0; pc == behind && key_of(&frame) == key && i < n_results && n_results <= n; i++) {
        pellucid_value_t value;
        must(pellucid_frame_read_operands(store, &frame, n - (uint32_t)(n_results - i), &value, 1, &function), NULL);
        printf("result %zu = ", i);
        print_value(&value);
        printf("\n");
    }
}

static void do_until(const char *text)
{
    uint32_t pc;
    if (!can_run() || !needs_frame() || !find_place(text, &pc) || !did(pellucid_call_set_goal(call, &frame, pc), NULL))
        return;
    go(PELLUCID_RESUME_RUN_TO);
    stop_here();
}

static void do_backtrace(const char *text)
{
    (void)text;
    if (!needs_frame())
        return;
    pellucid_frame_t at;
    pellucid_status_t status = pellucid_call_frame(call, &at);
    for (uint32_t i = 0; status == PELLUCID_OK; i++, status = pellucid_frame_caller(store, &at, &at)) {
        printf(i == depth ? "> " : "  ");
        print_frame(&at, i);
    }
}

/* Looks at the frame that has called so many others. */
static void select_frame(int64_t wanted)
{
    pellucid_frame_t at;
    if (!needs_frame())
        return;
    pellucid_status_t status = pellucid_call_frame(call, &at);
    for (int64_t i = 0; status == PELLUCID_OK && i < wanted; i++)
        status = pellucid_frame_caller(store, &at, &at);
    if (status != PELLUCID_OK || wanted < 0) {
        printf("there is no such frame\n");
        return;
    }
    frame = at;
    depth = (uint32_t)wanted;
    print_frame(&frame, depth);
}

static void do_up(const char *text)
{
    int64_t n;
    if (count_of(text, &n))
        select_frame(depth + n);
}

static void do_down(const char *text)
{
    int64_t n;
    if (count_of(text, &n))
        select_frame(depth - n);
}

static void do_locals(const char *text)
{
    (void)text;
    uint32_t n, read;
    pellucid_value_t value;
    if (!needs_frame())
        return;
    must(pellucid_frame_local_count(store, &frame, &n), NULL);
    for (uint32_t i = 0; i < n; i++) {
        pellucid_str_t name;
        printf("$%" PRIu32, i);
        if (pellucid_frame_local_name(store, &frame, i, &name) == PELLUCID_OK)
            printf(" $%.*s", (int)name.size, name.data);
        must(pellucid_frame_read_locals(store, &frame, i, &value, 1, &read), NULL);
        printf(" = ");
        print_value(&value);
        printf("\n");
    }
}

static void do_stack(const char *text)
{
    (void)text;
    uint32_t n, read;
    pellucid_value_t value;
    if (!needs_frame())
        return;
    must(pellucid_frame_operand_count(store, &frame, &n), NULL);
    for (uint32_t i = 0; i < n; i++) {
        must(pellucid_frame_read_operands(store, &frame, i, &value, 1, &read), NULL);
        printf("%%%" PRIu32 " = ", i);
        print_value(&value);
        printf("\n");
    }
}

static void do_globals(const char *text)
{
    (void)text;
    if (!has_program())
        return;
    pellucid_instance_t of = present_instance();
    pellucid_spaces_t spaces = {.struct_size = sizeof spaces};
    must(pellucid_instance_spaces(store, &of, &spaces), NULL);
    for (uint32_t i = 0; i < spaces.n_globals; i++) {
        pellucid_global_t global;
        pellucid_value_t value;
        pellucid_str_t name;
        must(pellucid_instance_global(store, &of, i, &global), NULL);
        must(pellucid_global_get(store, &global, &value), NULL);
        printf("@%" PRIu32, i);
        if (pellucid_module_entity_name(module, PELLUCID_SPACE_GLOBAL, i, &name) == PELLUCID_OK)
            printf(" @%.*s", (int)name.size, name.data);
        printf(" = ");
        print_value(&value);
        printf("\n");
    }
}

static void print_type_name(pellucid_type_id_t type)
{
    pellucid_str_t name;
    if (pellucid_store_type_name(store, type, &name) == PELLUCID_OK)
        printf("%.*s", (int)name.size, name.data);
    else
        printf("a type without a name");
}

/* What is in a structure or array. */
static void print_object(const pellucid_value_t *value)
{
    enum { SHOWN = 100 };
    pellucid_type_id_t type;
    pellucid_value_t field;
    uint32_t length;
    if (value->kind != PELLUCID_ANYREF || pellucid_object_type(store, &value->of.anyref, &type, &length) != PELLUCID_OK) {
        print_value(value);
        printf(" is no object\n");
        return;
    }
    print_type_name(type);
    printf(", %" PRIu32 " values\n", length);
    for (uint32_t i = 0; i < length && i < SHOWN; i++) {
        pellucid_str_t name;
        if (!did(pellucid_object_get(store, &value->of.anyref, i, &field, 1), NULL))
            return;
        if (pellucid_store_field_name(store, type, i, &name) == PELLUCID_OK)
            printf("  %.*s = ", (int)name.size, name.data);
        else
            printf("  %" PRIu32 " = ", i);
        print_value(&field);
        printf("\n");
    }
    if (length > SHOWN)
        printf("  ...\n");
}

static void do_objects(const char *text)
{
    size_t n = 0;
    pellucid_value_t value;
    if (!has_program())
        return;
    if (*text != 0) {
        const char *wrong = strchr("$%@", *text) != NULL ? find_value(*text, text + 1, strlen(text + 1), &value)
                                                         : "it is a $local, %operand or @global";
        if (wrong != NULL)
            printf("%s\n", wrong);
        else
            print_object(&value);
        return;
    }
    must(pellucid_store_heap_types(store, NULL, 0, &n), NULL);
    pellucid_heap_type_t *types = calloc(n + 1, sizeof *types);
    if (types == NULL || n == 0)
        printf("there are no objects\n");
    else if (did(pellucid_store_heap_types(store, types, n, &n), NULL))
        for (size_t i = 0; i < n; i++) {
            print_type_name(types[i].type_id);
            printf(": %" PRIu64 ", %" PRIu64 " bytes\n", types[i].count, types[i].bytes);
        }
    free(types);
}

static void do_print(const char *text)
{
    struct number number;
    if (!evaluate_all(text, &number))
        return;
    if (number.is_float)
        printf("%.17g\n", number.f);
    else
        printf("%" PRId64 " = 0x%" PRIx64 "\n", number.i, (uint64_t)number.i);
}

/* An address and a number of bytes. */
static bool range_of(const char *text, uint64_t *out_address, uint64_t *out_n)
{
    struct number address, n = integer(64);
    if (!evaluate(&text, &address))
        return false;
    text += strspn(text, " \t,");
    if (*text != 0 && !evaluate_all(text, &n))
        return false;
    *out_address = (uint64_t)address.i;
    *out_n = (uint64_t)n.i;
    return true;
}

static void do_mem(const char *text)
{
    uint64_t address, n;
    pellucid_memory_t memory;
    if (!has_program() || !range_of(text, &address, &n) || !find_memory(&memory))
        return;
    for (uint64_t at = 0; at < n; at += 16) {
        uint8_t bytes[16];
        size_t size = n - at < 16 ? (size_t)(n - at) : 16;
        if (!did(pellucid_memory_read(store, &memory, address + at, bytes, size), NULL))
            return;
        printf("%08" PRIx64 " ", address + at);
        for (size_t i = 0; i < 16; i++)
            i < size ? printf(" %02x", bytes[i]) : printf("   ");
        printf("  ");
        for (size_t i = 0; i < size; i++)
            putchar(bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : '.');
        printf("\n");
    }
}

static void do_dump(const char *text)
{
    char path[MOST_LINE];
    uint64_t address, n;
    pellucid_memory_t memory;
    size_t n_path = strcspn(text, " \t");
    snprintf(path, sizeof path, "%.*s", (int)n_path, text);
    if (!has_program() || !range_of(text + n_path, &address, &n) || !find_memory(&memory))
        return;
    FILE *file = fopen(path, "wb");
    bool is_good = file != NULL;
    for (uint64_t at = 0; is_good && at < n; at += 4096) {
        uint8_t bytes[4096];
        size_t size = n - at < sizeof bytes ? (size_t)(n - at) : sizeof bytes;
        if (!did(pellucid_memory_read(store, &memory, address + at, bytes, size), NULL))
            break;
        is_good = fwrite(bytes, 1, size, file) == size;
    }
    if (file == NULL || fclose(file) != 0 || !is_good)
        printf("%s: %s\n", path, strerror(errno));
}

static void do_set(const char *text)
{
    struct number number, address;
    pellucid_value_t value;
    pellucid_kind_t kinds[MOST_VALUES];
    pellucid_error_t *error = NULL;
    uint32_t index, n;
    const char *equals = strchr(text, '=');
    if (equals == NULL) {
        printf("set what = value\n");
        return;
    }
    size_t size = (size_t)(equals - text);
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        size--;
    if (!has_program() || !evaluate_all(equals + 1, &number))
        return;
    if (text[0] == '$' && needs_frame()) {
        if (!find_local(text + 1, size - 1, &index)) {
            printf("there is no such local\n");
            return;
        }
        must(pellucid_frame_local_kinds(store, &frame, kinds, MOST_VALUES, &n), NULL);
        if (index < MOST_VALUES && convert(number, kinds[index], &value))
            (void)did(pellucid_frame_write_local(store, &frame, index, &value, &error), &error);
    } else if (text[0] == '%' && needs_frame()) {
        index = (uint32_t)strtoul(text + 1, NULL, 10);
        must(pellucid_frame_operand_kinds(store, &frame, kinds, MOST_VALUES, &n), NULL);
        if (index >= n || index >= MOST_VALUES)
            printf("there is no such operand\n");
        else if (convert(number, kinds[index], &value))
            (void)did(pellucid_frame_write_operand(store, &frame, index, &value, &error), &error);
    } else if (text[0] == '@') {
        pellucid_instance_t of = present_instance();
        pellucid_global_t global;
        if (!find_global(text + 1, size - 1, &index))
            printf("there is no such global\n");
        else if (did(pellucid_instance_global(store, &of, index, &global), NULL)
            && did(pellucid_global_get(store, &global, &value), NULL) && convert(number, value.kind, &value))
            (void)did(pellucid_global_set(store, &global, &value), NULL);
    } else if (text[0] == '[') {
        pellucid_memory_t memory;
        uint8_t bytes[4];
        const char *at = text + 1;
        if (!evaluate(&at, &address) || !find_memory(&memory))
            return;
        for (int i = 0; i < 4; i++)
            bytes[i] = (uint8_t)((uint64_t)number.i >> 8 * i);
        (void)did(pellucid_memory_write(store, &memory, (uint64_t)address.i, bytes, 4), NULL);
    } else if (strchr("$%", text[0]) == NULL) {
        printf("that can't be set\n");
    }
}

static void do_call(const char *text)
{
    size_t size = strcspn(text, " \t(");
    uint32_t index;
    pellucid_func_t func;
    pellucid_functype_t *type;
    const pellucid_kind_t *params;
    size_t n_params, n_results;
    pellucid_error_t *error = NULL;
    pellucid_value_t values[MOST_VALUES], results[MOST_VALUES];
    if (!has_program() || !find_function(text, size, &index)
        || !did(pellucid_instance_func(store, &instance, index, &func), NULL))
        return;
    must(pellucid_func_type(store, &func, &type), NULL);
    must(pellucid_functype_params(type, &params, &n_params), NULL);
    must(pellucid_functype_results(type, NULL, &n_results), NULL);
    fflush(stdout);
    if (n_params <= MOST_VALUES && n_results <= MOST_VALUES && read_values(text + size, params, n_params, values)) {
        /* It can't pause, so Ctrl-C ends it. */
        is_running = 1;
        pellucid_status_t status = pellucid_func_call(store, &func, values, n_params, results, n_results, &error);
        is_running = 0;
        pellucid_interrupt_withdraw(interrupt);
        if (!did(status, &error))
            n_results = 0;
        for (size_t i = 0; i < n_results; i++) {
            printf("result %zu = ", i);
            print_value(&results[i]);
            printf("\n");
        }
    }
    pellucid_functype_delete(type);
}

static void do_jump(const char *text)
{
    uint32_t pc;
    pellucid_error_t *error = NULL;
    if (!needs_frame() || !find_place(text, &pc)
        || !did(pellucid_frame_set_pc(store, &frame, pc, &frame, &error), &error))
        return;
    depth = 0;
    stop_here();
}

static void do_return(const char *text)
{
    pellucid_frame_info_t info = {.struct_size = sizeof info};
    pellucid_functype_t *type;
    const pellucid_kind_t *kinds;
    pellucid_error_t *error = NULL;
    pellucid_value_t values[MOST_VALUES];
    size_t n;
    if (!needs_frame())
        return;
    must(pellucid_frame_info(store, &frame, &info), NULL);
    must(pellucid_module_func_type(module, info.func_index, &type), NULL);
    must(pellucid_functype_results(type, &kinds, &n), NULL);
    if (n <= MOST_VALUES && read_values(text, kinds, n, values)
        && did(pellucid_frame_return(store, &frame, values, n, &frame, &error), &error)) {
        depth = 0;
        stop_here();
    }
    pellucid_functype_delete(type);
}

/* A tag by its name or index. */
static bool find_tag(const char *text, size_t size, pellucid_tag_t *out_tag)
{
    char *end;
    pellucid_str_t name;
    pellucid_instance_t of = present_instance();
    pellucid_spaces_t spaces = {.struct_size = sizeof spaces};
    uint32_t index = (uint32_t)strtoul(text, &end, 10);
    must(pellucid_instance_spaces(store, &of, &spaces), NULL);
    if (size == 0 || end != text + size)
        for (index = 0; index < spaces.n_tags; index++)
            if (pellucid_module_entity_name(module, PELLUCID_SPACE_TAG, index, &name) == PELLUCID_OK && name.size == size
                && memcmp(name.data, text, size) == 0)
                break;
    if (pellucid_instance_tag(store, &of, index, out_tag) == PELLUCID_OK)
        return true;
    printf("there is no tag '%.*s'\n", (int)size, text);
    return false;
}

static void do_throw(const char *text)
{
    size_t size = strcspn(text, " \t("), n;
    pellucid_tag_t tag;
    pellucid_functype_t *type;
    const pellucid_kind_t *kinds;
    pellucid_error_t *error = NULL;
    pellucid_value_t values[MOST_VALUES];
    if (!needs_frame() || !find_tag(text, size, &tag))
        return;
    must(pellucid_tag_type(store, &tag, &type), NULL);
    must(pellucid_functype_params(type, &kinds, &n), NULL);
    if (n <= MOST_VALUES && read_values(text + size, kinds, n, values)
        && did(pellucid_frame_throw(store, &frame, &tag, values, n, &error), &error))
        printf("it throws that when it goes on\n");
    pellucid_functype_delete(type);
}

static void do_core(const char *text)
{
    pellucid_error_t *error = NULL;
    if (has_program()
        && did(pellucid_store_core_dump_file(store, "pellucid-debug", 14, 0, text, strlen(text), &error), &error))
        printf("a core dump is in %s\n", text);
}

static void do_info(const char *text)
{
    size_t size = strcspn(text, " \t");
    const char *part = text + size + strspn(text + size, " \t");
    if (size > 0 && is_word(text, size, "breakpoints")) {
        for (const struct breakpoint *it = breakpoints; it < breakpoints + MOST_BREAKPOINTS; it++)
            if (it->number != 0)
                print_breakpoint(it);
        for (const struct watchpoint *it = watchpoints; it < watchpoints + MOST_BREAKPOINTS; it++)
            if (it->number != 0)
                print_watchpoint(it);
    } else if (size > 0 && is_word(text, size, "functions")) {
        uint32_t n = pellucid_module_func_count(module), start;
        for (uint32_t i = 0; i < n; i++) {
            pellucid_str_t name = {"", 0};
            char copy[256];
            (void)pellucid_module_func_name(module, i, &name);
            snprintf(copy, sizeof copy, "%.*s", (int)(name.size < 255 ? name.size : 255), name.data);
            if (strstr(copy, part) == NULL)
                continue;
            printf("%" PRIu32 " %s", i, copy);
            if (pellucid_module_func_range(module, i, NULL, &start, NULL) == PELLUCID_OK)
                printf(" at 0x%" PRIx32 "\n", start);
            else
                printf(" imported\n");
        }
    } else if (size > 0 && is_word(text, size, "frame")) {
        if (needs_frame())
            print_frame(&frame, depth);
    } else {
        printf("info breakpoints, info frame, info functions [PART OF A NAME]\n");
    }
}

static void do_quit(const char *text)
{
    (void)text;
    is_over = true;
}

static void do_help(const char *text);

/* The first whose name begins with what was typed is meant. */
static const struct command {
    const char *name, *rest;
    void (*act)(const char *text);
    const char *help;
} commands[] = {
    {"break", "PLACE [if EXPRESSION]", do_break, "stop there: functions' name, an index, or * and a pc; an import's for the calls of it"},
    {"continue", "", do_continue, "run on"},
    {"run", "", do_run, "start the program, again if it runs"},
    {"step", "[N]", do_step, "execute an operator, or N"},
    {"next", "[N]", do_next, "the same, calls counting as one operator"},
    {"finish", "", do_finish, "run until the frame's caller goes on"},
    {"until", "PLACE", do_until, "run until there, or until the frame's caller goes on"},
    {"tbreak", "PLACE [if EXPRESSION]", do_tbreak, "stop there once"},
    {"condition", "NUMBER [EXPRESSION]", do_condition, "let a breakpoint or watchpoint stop only if that isn't 0"},
    {"ignore", "NUMBER [N]", do_ignore, "let a breakpoint not stop, N times"},
    {"watch", "@GLOBAL, $LOCAL or [ADDRESS] [N]", do_watch, "stop when that is written, a local by this frame, of the memory 4 bytes or N"},
    {"rwatch", "@GLOBAL, $LOCAL or [ADDRESS] [N]", do_rwatch, "stop when it is read"},
    {"awatch", "@GLOBAL, $LOCAL or [ADDRESS] [N]", do_awatch, "stop when it is read or written"},
    {"trace", "FUNCTION", do_trace, "print when it is entered and left, with what"},
    {"untrace", "FUNCTION", do_untrace, "no longer"},
    {"delete", "NUMBER", do_delete, "remove a breakpoint or watchpoint"},
    {"backtrace", "", do_backtrace, "show all frames"},
    {"bt", "", do_backtrace, "the same"},
    {"up", "[N]", do_up, "look at the caller"},
    {"down", "[N]", do_down, "look at what was called"},
    {"locals", "", do_locals, "show the frame's locals"},
    {"stack", "", do_stack, "show its operands"},
    {"globals", "", do_globals, "show its instance's globals"},
    {"print", "EXPRESSION", do_print, "show a value: $local %operand @global [address], and operators"},
    {"set", "WHAT = EXPRESSION", do_set, "change a local, operand, global or i32 in memory"},
    {"mem", "ADDRESS [N]", do_mem, "show bytes of the memory"},
    {"dump", "FILE ADDRESS N", do_dump, "write bytes of the memory to a file"},
    {"objects", "[$LOCAL, %OPERAND or @GLOBAL]", do_objects, "count what the heap has, by type, or show what is in an object"},
    {"call", "FUNCTION [VALUE...]", do_call, "call a function, while the program stands still"},
    {"logpoint", "NUMBER [TEXT]", do_logpoint, "let a breakpoint print the text, with {expressions}, and not stop"},
    {"catch", "", do_catch, "stop where an exception is thrown that is caught"},
    {"jump", "PLACE", do_jump, "have the frame go on there"},
    {"return", "[VALUE...]", do_return, "have the frame return that when it goes on"},
    {"throw", "TAG [VALUE...]", do_throw, "have the innermost frame throw an exception when it goes on"},
    {"core", "FILE", do_core, "write a core dump"},
    {"info", "WHAT", do_info, "breakpoints (and watchpoints), frame, functions [PART OF A NAME]"},
    {"help", "", do_help, "this"},
    {"quit", "", do_quit, "end"},
};

static void do_help(const char *text)
{
    (void)text;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        printf("%s%s%s: %s\n", commands[i].name, commands[i].rest[0] != 0 ? " " : "", commands[i].rest, commands[i].help);
}

static void obey(char *line)
{
    size_t end = strlen(line);
    while (end > 0 && strchr(" \t\r\n", line[end - 1]) != NULL)
        line[--end] = 0;
    line += strspn(line, " \t");
    size_t size = strcspn(line, " \t");
    if (size == 0 || line[0] == '#')
        return;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strncmp(commands[i].name, line, size) == 0) {
            commands[i].act(line + size + strspn(line + size, " \t"));
            return;
        }
    printf("'%.*s' isn't a command; try help\n", (int)size, line);
}

/* ---- beginning ---- */

static void parse(int argc, char **argv)
{
    pellucid_error_t *error = NULL;
    int i = 1;
    must(pellucid_wasi_config_new(&wasi), NULL);
    must(pellucid_wasi_config_set_stream(wasi, PELLUCID_WASI_STDOUT, PELLUCID_WASI_INHERIT), NULL);
    must(pellucid_wasi_config_set_stream(wasi, PELLUCID_WASI_STDERR, PELLUCID_WASI_INHERIT), NULL);
    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        const char *value = argv[i + 1], *equals = strchr(value, '=');
        if (strcmp(argv[i], "--dir") == 0)
            add_folder(wasi, value);
        else if (strcmp(argv[i], "--env") == 0 && equals != NULL)
            must(pellucid_wasi_config_set_env(wasi, value, (size_t)(equals - value), equals + 1, strlen(equals + 1)), NULL);
        else if (strcmp(argv[i], "--input") == 0)
            must(pellucid_wasi_config_set_file(wasi, PELLUCID_WASI_STDIN, value, strlen(value), &error), &error);
        else if (strcmp(argv[i], "--invoke") == 0)
            invoked = value;
        else
            fail(EXIT_USAGE, "%s %s isn't understood", argv[i], value);
    }
    if (i >= argc || strncmp(argv[i], "--", 2) == 0)
        fail(EXIT_USAGE, "usage: [--dir HOST[::GUEST]] [--env NAME=VALUE] [--input FILE] [--invoke NAME] FILE.wasm [ARGUMENT...]");
    args = argv + i;
    n_args = argc - i;
    for (i = 0; i < n_args; i++)
        must(pellucid_wasi_config_add_arg(wasi, args[i], strlen(args[i])), NULL);
}

int main(int argc, char **argv)
{
    pellucid_config_t *config;
    pellucid_error_t *error = NULL;
    char line[MOST_LINE];
    size_t n_bytes;

    parse(argc, argv);
    must(pellucid_config_new(&config), NULL);
    must(pellucid_config_set_debug(config, true), NULL);
    /* Compiled programs nest calls deeply. */
    must(pellucid_config_set_limit(config, PELLUCID_LIMIT_STACK_BYTES, 16 << 20), NULL);
    must(pellucid_engine_new(config, &engine, &error), &error);
    pellucid_config_delete(config);
    uint8_t *bytes = read_all(args[0], &n_bytes);
    if (n_bytes >= 4 && memcmp(bytes, "\0asm", 4) == 0)
        must(pellucid_module_new(engine, bytes, n_bytes, &module, &error), &error);
    else
        must(pellucid_module_new_text(engine, (const char *)bytes, n_bytes, &module, &error), &error);
    free(bytes);

    /* On the alternate stack, since the guest's isn't made for handlers of the host. */
    struct sigaction action = {.sa_handler = handle_control_c, .sa_flags = SA_ONSTACK | SA_RESTART};
    sigaction(SIGINT, &action, NULL);

    bool is_typed = isatty(STDIN_FILENO);
    while (!is_over) {
        printf("(pellucid) ");
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL)
            break;
        if (!is_typed)
            printf("%s%s", line, strchr(line, '\n') != NULL ? "" : "\n");
        obey(line);
    }
    if (!is_over)
        printf("\n");
    end_program();
    free(traced);
    pellucid_module_delete(module);
    pellucid_engine_delete(engine);
    pellucid_wasi_config_delete(wasi);
    return 0;
}
