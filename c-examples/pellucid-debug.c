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
 * pellucid.h has. Watchpoints are of one run of the program. Programs that start threads aren't run.
 *
 * Where it is written what a number is, a condition, a count, an address or a place, it is an expression of pellucid.h
 * (debug_expression.h), and what can be set and watched is a place (debug_place.h). Functions are found by the name in the name section,
 * that of an export or an import, or by index (debug_name.h); debug_breakpoint.h has the breakpoints and watchpoints, debug_program.h
 * runs the program. */
#define _XOPEN_SOURCE 700
#define PROGRAM_NAME "pellucid-debug"
#include "debug_program.h"

#include <errno.h>
#include <unistd.h>

static bool is_over;

/* ---- commands ---- */

static void do_break(const char *text)
{
    break_at(text, false);
}

static void do_tbreak(const char *text)
{
    break_at(text, true);
}

static void do_catch(const char *text)
{
    break_at_throws(text);
}

static void do_condition(const char *text)
{
    struct breakpoint *it = find_breakpoint(&text);
    if (it != NULL)
        change_text(it, &it->condition, text);
}

static void do_logpoint(const char *text)
{
    struct breakpoint *it = find_breakpoint(&text);
    if (it != NULL)
        change_text(it, &it->text, text);
}

static void do_ignore(const char *text)
{
    struct breakpoint *it = find_breakpoint(&text);
    uint64_t n = 1, before;
    if (it == NULL || !read_counts(text, &n, 1))
        return;
    before = it->ignored;
    it->ignored = n;
    if (install(it))
        print_breakpoint(it);
    else
        it->ignored = before;
}

static void do_watch(const char *text)
{
    watch(text, PELLUCID_WATCH_WRITE);
}

static void do_rwatch(const char *text)
{
    watch(text, PELLUCID_WATCH_READ);
}

static void do_awatch(const char *text)
{
    watch(text, PELLUCID_WATCH_READ | PELLUCID_WATCH_WRITE);
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
    struct breakpoint *it = find_breakpoint(&text);
    if (it != NULL && is_end(text))
        remove_breakpoint(it);
}

static void do_run(const char *text)
{
    if (is_end(text) && load()) {
        go(PELLUCID_RESUME_CONTINUE);
        stop_here();
    }
}

static void do_continue(const char *text)
{
    if (is_end(text) && can_run()) {
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

static uint64_t key_of(const pellucid_frame_t *which)
{
    uint64_t key = 0;
    must(pellucid_frame_key(store, which, &key), NULL);
    return key;
}

static size_t count_results(uint32_t function)
{
    pellucid_functype_t *type;
    size_t n;
    must(pellucid_module_func_type(module, function, &type), NULL);
    must(pellucid_functype_results(type, NULL, &n), NULL);
    pellucid_functype_delete(type);
    return n;
}

static void do_finish(const char *text)
{
    pellucid_frame_t caller;
    uint32_t function, n, pc, behind = 0;
    uint64_t key = 0;
    if (!is_end(text) || !can_run() || !needs_frame())
        return;
    if (pellucid_frame_caller(store, &frame, &caller) == PELLUCID_OK) {
        key = key_of(&caller);
        must(pellucid_frame_pc(store, &caller, &pc), NULL);
        behind = operator_behind(pc);
    }
    must(pellucid_frame_func_index(store, &frame, &function), NULL);
    size_t n_results = count_results(function);
    must(pellucid_call_set_goal(call, &frame, 0), NULL);
    enum end end = go(PELLUCID_RESUME_STEP_OUT);
    stop_here();
    if (end != REACHED)
        return;
    must(pellucid_frame_pc(store, &frame, &pc), NULL);
    must(pellucid_frame_operand_count(store, &frame, &n), NULL);
    /* Unless an exception has ended it. */
    if (pc != behind || key_of(&frame) != key || n_results > n)
        return;
    pellucid_value_t *results = allocate(n_results, sizeof *results);
    must(pellucid_frame_read_operands(store, &frame, n - (uint32_t)n_results, results, n_results, &n), NULL);
    print_results(results, n);
    free(results);
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
    if (!is_end(text) || !needs_frame())
        return;
    pellucid_frame_t at;
    pellucid_status_t status = pellucid_call_frame(call, &at);
    for (uint32_t i = 0; status == PELLUCID_OK; i++, status = pellucid_frame_caller(store, &at, &at)) {
        printf(i == depth ? "> " : "  ");
        print_frame(&at, i);
    }
    if (n_waiting > 0)
        printf("  called by the debugger\n");
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

/* Looks at a frame further out, or further in. */
static void move_by(const char *text, int64_t direction)
{
    uint64_t n = 1;
    if (read_counts(text, &n, 1))
        select_frame((int64_t)depth + direction * (int64_t)(n < UINT32_MAX ? n : UINT32_MAX));
}

static void do_up(const char *text)
{
    move_by(text, 1);
}

static void do_down(const char *text)
{
    move_by(text, -1);
}

static void do_locals(const char *text)
{
    uint32_t n, read;
    pellucid_value_t value;
    if (!is_end(text) || !needs_frame())
        return;
    must(pellucid_frame_local_count(store, &frame, &n), NULL);
    for (uint32_t i = 0; i < n; i++) {
        pellucid_str_t name;
        printf("$%" PRIu32, i);
        if (pellucid_frame_local_name(store, &frame, i, &name) == PELLUCID_OK) {
            printf(" $");
            print_name(name);
        }
        must(pellucid_frame_read_locals(store, &frame, i, &value, 1, &read), NULL);
        printf(" = ");
        print_value(&value);
        printf("\n");
    }
}

static void do_stack(const char *text)
{
    uint32_t n, read;
    pellucid_value_t value;
    if (!is_end(text) || !needs_frame())
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
    if (!is_end(text) || !has_program())
        return;
    pellucid_instance_t of = present_instance();
    for (uint32_t i = 0; i < present_spaces().n_globals; i++) {
        pellucid_global_t global;
        pellucid_value_t value;
        pellucid_str_t name;
        must(pellucid_instance_global(store, &of, i, &global), NULL);
        must(pellucid_global_get(store, &global, &value), NULL);
        printf("@%" PRIu32, i);
        if (pellucid_module_entity_name(module, PELLUCID_SPACE_GLOBAL, i, &name) == PELLUCID_OK) {
            printf(" @");
            print_name(name);
        }
        printf(" = ");
        print_value(&value);
        printf("\n");
    }
}

/* Counts what the heap has, by type. */
static void count_objects(void)
{
    size_t n = 0;
    must(pellucid_store_heap_types(store, NULL, 0, &n), NULL);
    pellucid_heap_type_t *types = allocate(n, sizeof *types);
    if (n == 0)
        printf("there are no objects\n");
    else if (did(pellucid_store_heap_types(store, types, n, &n), NULL))
        for (size_t i = 0; i < n; i++) {
            print_type_name(types[i].type_id);
            printf(": %" PRIu64 ", %" PRIu64 " bytes\n", types[i].count, types[i].bytes);
        }
    free(types);
}

static void do_objects(const char *text)
{
    struct place place;
    pellucid_value_t value;
    uint32_t length;
    pellucid_type_id_t type;
    if (!has_program())
        return;
    if (*text == 0) {
        count_objects();
    } else if (take_place(&text, &place) && is_end(text) && read_place(&place, &value)) {
        if (is_object(&value, &type, &length)) {
            print_object(&value);
        } else {
            print_value(&value);
            printf(" is no object\n");
        }
    }
}

static void print_number(const pellucid_value_t *number)
{
    if (number->kind == PELLUCID_F64)
        printf("%.17g\n", number->of.f64);
    else
        printf("%" PRId64 " = 0x%" PRIx64 "\n", number->of.i64, (uint64_t)number->of.i64);
}

/* A place can have what isn't a number. */
static void print_place(const char *text)
{
    struct place place;
    pellucid_value_t value;
    if (!take_place(&text, &place) || !read_place(&place, &value))
        return;
    if (value.kind == PELLUCID_I32)
        value = (pellucid_value_t){.kind = PELLUCID_I64, .of.i64 = value.of.i32};
    else if (value.kind == PELLUCID_F32)
        value = (pellucid_value_t){.kind = PELLUCID_F64, .of.f64 = value.of.f32};
    if (value.kind == PELLUCID_I64 || value.kind == PELLUCID_F64)
        print_number(&value);
    else
        print_object(&value);
}

static void do_print(const char *text)
{
    pellucid_value_t number;
    const char *end = end_of_place(text);
    if (end != NULL && *end == 0)
        print_place(text);
    else if (evaluate(all_of(text), &number))
        print_number(&number);
}

/* An address, a number of bytes, and which memory. */
struct range {
    uint64_t address, n;
    pellucid_memory_t memory;
};

static bool read_range(const char *text, struct range *out_range)
{
    pellucid_instance_t of = present_instance();
    uint64_t numbers[3] = {0, 64, 0};
    if (*text == 0) {
        printf("an address is needed\n");
        return false;
    }
    if (!has_program() || !read_counts(text, numbers, 3))
        return false;
    out_range->address = numbers[0];
    out_range->n = numbers[1];
    if (numbers[2] <= UINT32_MAX && pellucid_instance_memory(store, &of, (uint32_t)numbers[2], &out_range->memory) == PELLUCID_OK)
        return true;
    printf("there is no memory %" PRIu64 "\n", numbers[2]);
    return false;
}

static void do_mem(const char *text)
{
    struct range range;
    if (!read_range(text, &range))
        return;
    for (uint64_t at = 0; at < range.n; at += 16) {
        uint8_t bytes[16];
        size_t size = range.n - at < 16 ? (size_t)(range.n - at) : 16;
        if (!did_there(pellucid_memory_read(store, &range.memory, range.address + at, bytes, size)))
            return;
        printf("%08" PRIx64 " ", range.address + at);
        for (size_t i = 0; i < 16; i++)
            i < size ? printf(" %02x", bytes[i]) : printf("   ");
        printf("  ");
        for (size_t i = 0; i < size; i++)
            putchar(bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : '.');
        printf("\n");
    }
}

static void write_range(const struct range *range, const char *path)
{
    FILE *file = fopen(path, "wb");
    bool is_good = file != NULL;
    for (uint64_t at = 0; is_good && at < range->n; at += 4096) {
        uint8_t bytes[4096];
        size_t size = range->n - at < sizeof bytes ? (size_t)(range->n - at) : sizeof bytes;
        if (!did_there(pellucid_memory_read(store, &range->memory, range->address + at, bytes, size)))
            break;
        is_good = fwrite(bytes, 1, size, file) == size;
    }
    if (file == NULL || fclose(file) != 0 || !is_good)
        printf("%s: %s\n", path, strerror(errno));
}

/* The file's name may be between quotes. */
static void do_dump(const char *text)
{
    struct range range;
    struct text name = {text, strcspn(text, " \t")};
    const char *rest = text + name.size;
    if (*text == '"') {
        rest = text;
        if (!take_name(&rest, &name))
            return;
    }
    if (!read_range(skip_blanks(rest), &range))
        return;
    char *path = copy_text(name.at, name.size);
    write_range(&range, path);
    free(path);
}

static void do_set(const char *text)
{
    struct place place;
    pellucid_value_t number;
    if (!has_program() || !take_place(&text, &place))
        return;
    text = skip_blanks(text);
    if (*text != '=') {
        printf("set WHAT = EXPRESSION%s", *text == 0 ? "\n" : ": ");
        (void)is_end(text);
        return;
    }
    text = skip_blanks(text + 1);
    if (evaluate(all_of(text), &number))
        (void)write_place(&place, number);
}

static void do_call(const char *text)
{
    call_function(text);
}

static void do_leave(const char *text)
{
    if (!is_end(text) || !has_program())
        return;
    if (n_waiting == 0) {
        printf("the program itself is looked at, no call of the debugger's\n");
        return;
    }
    leave_call();
    stop_here();
}

/* What stands still was changed: the innermost frame is another one. */
static void look_anew(void)
{
    depth = 0;
    stop_here();
}

static void do_restart(const char *text)
{
    pellucid_error_t *error = NULL;
    if (is_end(text) && needs_frame() && did(pellucid_frame_restart(store, &frame, &frame, &error), &error))
        look_anew();
}

static void do_drop(const char *text)
{
    pellucid_error_t *error = NULL;
    if (is_end(text) && needs_frame() && did(pellucid_frame_drop(store, &frame, &frame, &error), &error))
        look_anew();
}

static void do_jump(const char *text)
{
    uint32_t pc;
    pellucid_error_t *error = NULL;
    if (!needs_frame() || !find_place(text, &pc)
        || !did(pellucid_frame_set_pc(store, &frame, pc, &frame, &error), &error))
        return;
    look_anew();
}

static void do_return(const char *text)
{
    pellucid_frame_info_t info = {.struct_size = sizeof info};
    pellucid_functype_t *type;
    const pellucid_kind_t *kinds;
    pellucid_error_t *error = NULL;
    size_t n;
    if (!needs_frame())
        return;
    must(pellucid_frame_info(store, &frame, &info), NULL);
    must(pellucid_module_func_type(module, info.func_index, &type), NULL);
    must(pellucid_functype_results(type, &kinds, &n), NULL);
    pellucid_value_t *values = allocate(n, sizeof *values);
    if (read_values(text, kinds, n, values) && did(pellucid_frame_return(store, &frame, values, n, &frame, &error), &error))
        look_anew();
    free(values);
    pellucid_functype_delete(type);
}

static void do_throw(const char *text)
{
    size_t n;
    struct text name;
    pellucid_tag_t tag;
    pellucid_functype_t *type;
    const pellucid_kind_t *kinds;
    pellucid_error_t *error = NULL;
    if (!needs_frame() || !take_name(&text, &name) || !find_tag(name, &tag))
        return;
    must(pellucid_tag_type(store, &tag, &type), NULL);
    must(pellucid_functype_params(type, &kinds, &n), NULL);
    pellucid_value_t *values = allocate(n, sizeof *values);
    if (read_values(text, kinds, n, values) && did(pellucid_frame_throw(store, &frame, &tag, values, n, &error), &error))
        printf("it throws that when it goes on\n");
    free(values);
    pellucid_functype_delete(type);
}

static void do_core(const char *text)
{
    pellucid_error_t *error = NULL;
    if (has_program()
        && did(pellucid_store_core_dump_file(store, "pellucid-debug", 14, 0, text, strlen(text), &error), &error))
        printf("a core dump is in %s\n", text);
}

static bool has_part(pellucid_str_t name, struct text part)
{
    for (size_t at = 0; at + part.size <= name.size; at++)
        if (memcmp(name.data + at, part.at, part.size) == 0)
            return true;
    return false;
}

/* Lists the functions whose names have this part: their own, or the two of an import. */
static void list_functions(struct text part)
{
    for (uint32_t i = 0; i < pellucid_module_func_count(module); i++) {
        pellucid_str_t name = {"", 0}, of = {"", 0}, imported = {"", 0};
        uint32_t pc;
        (void)pellucid_module_func_name(module, i, &name);
        bool is_imported = find_import(i, &of, &imported);
        if (!has_part(name, part) && !(is_imported && (has_part(of, part) || has_part(imported, part))))
            continue;
        printf("%" PRIu32 " ", i);
        print_name(name);
        if (has_body(i, &pc)) {
            printf(" at 0x%" PRIx32 "\n", pc);
            continue;
        }
        printf("%simported: ", name.size > 0 ? " " : "");
        print_name(of);
        printf(" ");
        print_name(imported);
        printf("\n");
    }
}

static void do_info(const char *text)
{
    struct text what = {text, strcspn(text, " \t")};
    const char *rest = skip_blanks(text + what.size);
    if (is_word(what, "functions")) {
        list_functions(all_of(rest));
    } else if (is_word(what, "breakpoints") && is_end(rest)) {
        list_breakpoints(false);
        list_breakpoints(true);
    } else if (is_word(what, "frame") && is_end(rest)) {
        if (needs_frame())
            print_frame(&frame, depth);
    } else {
        printf("info breakpoints, info frame, info functions [PART OF A NAME]\n");
    }
}

static void do_quit(const char *text)
{
    is_over = is_end(text);
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
    {"ignore", "NUMBER [N]", do_ignore, "let a breakpoint or watchpoint not stop, N times"},
    {"watch", "WHAT [N] [if EXPRESSION]", do_watch, "stop when that is written: a WHAT as for set, a local by this frame, of the memory N bytes"},
    {"rwatch", "WHAT [N] [if EXPRESSION]", do_rwatch, "stop when it is read"},
    {"awatch", "WHAT [N] [if EXPRESSION]", do_awatch, "stop when it is read or written"},
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
    {"print", "EXPRESSION", do_print, "show a value: what a condition can be, or a WHAT as for set"},
    {"set", "WHAT = EXPRESSION", do_set, "change $LOCAL, %OPERAND, @GLOBAL, [ADDRESS], u8[ADDRESS], table[INDEX], or ->FIELD of an object in one"},
    {"mem", "ADDRESS [N [MEMORY]]", do_mem, "show bytes of a memory"},
    {"dump", "FILE ADDRESS N [MEMORY]", do_dump, "write bytes of a memory to a file"},
    {"objects", "[WHAT]", do_objects, "count what the heap has, by type, or show what is in an object"},
    {"call", "FUNCTION [VALUE...]", do_call, "call a function, while the program stands still; it stops at breakpoints, too"},
    {"logpoint", "NUMBER [TEXT]", do_logpoint, "let a breakpoint or watchpoint print the text, with {expressions}, and not stop"},
    {"catch", "[uncaught | any] [TAG] [if EXPRESSION]", do_catch, "stop where an exception is thrown that is caught, isn't, or either"},
    {"jump", "PLACE", do_jump, "have the frame go on there"},
    {"return", "[VALUE...]", do_return, "have the frame return that when it goes on"},
    {"restart", "", do_restart, "have the frame begin again"},
    {"drop", "", do_drop, "have the caller stand before its call again"},
    {"throw", "TAG [VALUE...]", do_throw, "have the innermost frame throw an exception when it goes on"},
    {"leave", "", do_leave, "give up what was called by call, and look at the program again"},
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
    printf("Values are separated by commas or blanks. A name with odd signs can be between \"quotes\".\n"
           "What a compiler has given no name, as clang gives none to locals, has a number: $0, @0.\n");
}

/* Objects that a command has looked at aren't kept for longer than that, but by what watches them. */
static void act(const struct command *command, const char *text)
{
    uint64_t scope;
    pellucid_store_t *at = store;
    bool is_open = at != NULL && pellucid_scope_open(at, &scope) == PELLUCID_OK;
    command->act(text);
    /* A program that has ended has taken the scope with it. */
    if (is_open && store == at)
        (void)pellucid_scope_close(store, scope);
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
            act(&commands[i], skip_blanks(line + size));
            return;
        }
    printf("'");
    print_shown(line, size);
    printf("' isn't a command; try help\n");
}

/* Reads commands and does what they say. */
static void obey_all(void)
{
    bool is_typed = isatty(STDIN_FILENO);
    char *line = NULL;
    size_t room = 0;
    while (!is_over) {
        printf("(pellucid) ");
        fflush(stdout);
        errno = 0;
        ssize_t n = getline(&line, &room, stdin);
        if (n < 0)
            break;
        if (!is_typed)
            printf("%s%s", line, strchr(line, '\n') != NULL ? "" : "\n");
        if (strlen(line) == (size_t)n)
            obey(line);
        else
            printf("the line has a byte of 0, it isn't obeyed\n");
    }
    if (!is_over)
        printf("\n");
    free(line);
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

    make_bare_store();
    obey_all();
    end_program();
    for (struct breakpoint *it = breakpoints; it < breakpoints + MOST_BREAKPOINTS; it++)
        forget(it);
    pellucid_call_delete(bare_call);
    pellucid_store_delete(bare_store);
    free(traced);
    pellucid_module_delete(module);
    pellucid_engine_delete(engine);
    pellucid_wasi_config_delete(wasi);
    return 0;
}
