/* How the program that is debugged runs: from its start to its end, and what is called in between. */
#ifndef DEBUG_PROGRAM_H
#define DEBUG_PROGRAM_H

#include "debug_breakpoint.h"

static void handle_control_c(int number)
{
    (void)number;
    if (is_running)
        pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_PAUSE);
}

static void end_program(void)
{
    pellucid_call_delete(call);
    while (n_waiting > 0)
        pellucid_call_delete(waiting[--n_waiting]);
    pellucid_interrupt_delete(interrupt);
    pellucid_linker_delete(linker);
    pellucid_store_delete(store);
    call = NULL;
    interrupt = NULL;
    linker = NULL;
    store = NULL;
    has_frame = false;
    uninstall_all();
}

/* ---- calls ---- */

/* Begins a call of a function with arguments as text. */
static bool begin(const pellucid_func_t *func, const char *text, pellucid_call_t **out_call)
{
    pellucid_functype_t *type;
    const pellucid_kind_t *params;
    size_t n;
    pellucid_error_t *error = NULL;
    must(pellucid_func_type(store, func, &type), NULL);
    must(pellucid_functype_params(type, &params, &n), NULL);
    pellucid_value_t *values = allocate(n, sizeof *values);
    bool is_done = read_values(text, params, n, values) && did(pellucid_call_begin(store, func, values, n, out_call, &error), &error);
    free(values);
    pellucid_functype_delete(type);
    return is_done;
}

/* Begins the call of the export that was asked for, with the arguments of the command line, each an expression. */
static bool begin_invoked(const pellucid_func_t *func)
{
    pellucid_functype_t *type;
    const pellucid_kind_t *params;
    size_t n, n_read = 0;
    pellucid_error_t *error = NULL;
    must(pellucid_func_type(store, func, &type), NULL);
    must(pellucid_functype_params(type, &params, &n), NULL);
    pellucid_value_t *values = allocate(n, sizeof *values);
    while (n_read < n && (int)n_read + 1 < n_args && evaluate_as(all_of(args[n_read + 1]), params[n_read], &values[n_read]))
        n_read++;
    bool is_done = (n_read == n || (int)n_read + 1 == n_args) && is_number_of_values((size_t)n_args - 1, n)
                   && did(pellucid_call_begin(store, func, values, n, &call, &error), &error);
    free(values);
    pellucid_functype_delete(type);
    return is_done;
}

/* Begins what is to be called next; false if there is nothing any more. */
static bool begin_next(void)
{
    pellucid_extern_t func;
    const char *name = invoked != NULL ? invoked : "_start";
    pellucid_call_delete(call);
    call = NULL;
    has_frame = false;
    if (stage == START) {
        stage = INITIALIZE;
        if (find_export(all_of("_initialize"), PELLUCID_EXTERN_FUNC, &func))
            return begin(&func.of.func, "", &call);
    }
    if (stage != INITIALIZE)
        return false;
    stage = PROGRAM;
    if (find_export(all_of(name), PELLUCID_EXTERN_FUNC, &func))
        return invoked != NULL ? begin_invoked(&func.of.func) : begin(&func.of.func, "", &call);
    printf("the program exports no function '%s'\n", name);
    return false;
}

/* Gives the present call up for the one that waits for it. */
static void leave_call(void)
{
    pellucid_call_delete(call);
    call = waiting[--n_waiting];
    select_newest();
}

/* ---- traced functions ---- */

/* Which they are, by index. */
static bool *traced;

/* What an event at the end of a function says of it; the number of results, which are read. */
static size_t print_exit(const pellucid_event_t *event, pellucid_value_t *values, size_t room)
{
    pellucid_func_t callee;
    uint32_t index;
    size_t n = 0;
    switch (pellucid_event_exit(event)) {
    case PELLUCID_EXIT_RETURN:
        return pellucid_event_results(event, store, values, room, &n) == PELLUCID_OK ? n : 0;
    case PELLUCID_EXIT_TAIL_CALL:
        printf(" goes to ");
        if (pellucid_event_func(event, &callee) == PELLUCID_OK && pellucid_func_location(store, &callee, NULL, &index) == PELLUCID_OK)
            print_func_name(index);
        else
            printf("another function");
        return 0;
    case PELLUCID_EXIT_TRAP:
        printf(" by a trap");
        return 0;
    default:
        printf(" by an exception");
        return 0;
    }
}

static void print_traced(const pellucid_event_t *event)
{
    pellucid_frame_info_t info = {.struct_size = sizeof info};
    pellucid_frame_t at;
    pellucid_functype_t *type;
    uint32_t read;
    size_t n, n_params, n_results;
    must(pellucid_event_frame(event, &at), NULL);
    must(pellucid_frame_info(store, &at, &info), NULL);
    must(pellucid_module_func_type(module, info.func_index, &type), NULL);
    must(pellucid_functype_params(type, NULL, &n_params), NULL);
    must(pellucid_functype_results(type, NULL, &n_results), NULL);
    pellucid_functype_delete(type);
    pellucid_value_t *values = allocate(n_params + n_results, sizeof *values);
    bool is_entry = pellucid_event_kind(event) == PELLUCID_EVENT_FUNCTION_ENTRY;
    printf(is_entry ? "> " : "< ");
    print_func_name(info.func_index);
    if (is_entry) {
        must(pellucid_frame_read_locals(store, &at, 0, values, n_params, &read), NULL);
        n = n_params;
    } else {
        n = print_exit(event, values, n_results);
    }
    for (size_t i = 0; i < n; i++) {
        printf(i == 0 ? " " : ", ");
        print_value(&values[i]);
    }
    printf("\n");
    free(values);
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

static void install_all_traced(void)
{
    for (uint32_t i = 0; traced != NULL && i < pellucid_module_func_count(module); i++)
        if (traced[i])
            (void)install_traced(i, true);
}

/* Traces all functions of a name, or no longer. */
static void trace(const char *text, bool is_on)
{
    struct functions functions;
    struct text name;
    uint32_t pc;
    if (traced == NULL)
        traced = allocate(pellucid_module_func_count(module), sizeof *traced);
    if (!take_functions(&text, &functions, &name))
        return;
    if (is_end(text))
        for (size_t i = 0; i < functions.n; i++) {
            if (!has_body(functions.indices[i], &pc))
                printf("function %" PRIu32 " is imported\n", functions.indices[i]);
            else if (store == NULL || install_traced(functions.indices[i], is_on))
                traced[functions.indices[i]] = is_on;
        }
    free(functions.indices);
}

/* ---- running ---- */

/* Prints what is traced; an exception is nothing to stop at, and no end of a step, unless there is a breakpoint. */
static pellucid_action_t on_event(void *userdata, pellucid_store_t *where, pellucid_event_t *event)
{
    (void)userdata, (void)where;
    size_t n = 0;
    pellucid_event_kind_t kind = pellucid_event_kind(event);
    if (kind == PELLUCID_EVENT_FUNCTION_ENTRY || kind == PELLUCID_EVENT_FUNCTION_EXIT)
        print_traced(event);
    /* That ends the call, as a trap does. */
    if (kind == PELLUCID_EVENT_UNCAUGHT_EXCEPTION) {
        print_reached(event);
        return PELLUCID_ACTION_CONTINUE;
    }
    must(pellucid_event_breakpoints(event, NULL, &n), NULL);
    return n == 0 ? PELLUCID_ACTION_CONTINUE : PELLUCID_ACTION_PAUSE;
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
    const pellucid_event_kind_t kinds = PELLUCID_EVENT_EXCEPTION | PELLUCID_EVENT_UNCAUGHT_EXCEPTION | PELLUCID_EVENT_FUNCTION_ENTRY
                                        | PELLUCID_EVENT_FUNCTION_EXIT;
    pellucid_error_t *error = NULL;
    end_program();
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    must(pellucid_store_interrupt(store, &interrupt, &error), &error);
    must(pellucid_linker_new(engine, &linker), NULL);
    must(pellucid_linker_define_wasi(linker, store, wasi, NULL, &error), &error);
    must(pellucid_store_set_event_handler(store, kinds, NULL, on_event, NULL), NULL);
    must(pellucid_store_set_log_point_handler(store, NULL, print_text, NULL), NULL);
    stage = START;
    if (did(pellucid_linker_begin(linker, store, module, &instance, &call, &error), &error)) {
        /* Nothing has run so far. */
        install_all_traced();
        install_all();
        if (call != NULL || begin_next())
            return true;
    }
    end_program();
    return false;
}

static void print_results_of(const pellucid_call_t *finished)
{
    pellucid_func_t func;
    pellucid_functype_t *type;
    size_t n;
    must(pellucid_call_func(finished, &func), NULL);
    must(pellucid_func_type(store, &func, &type), NULL);
    must(pellucid_functype_results(type, NULL, &n), NULL);
    pellucid_functype_delete(type);
    pellucid_value_t *results = allocate(n, sizeof *results);
    if (did(pellucid_call_results(finished, results, n), NULL))
        print_results(results, n);
    free(results);
}

enum end { ENDED, STOPPED, REACHED };

/* What is to be said of a pause; whether a step has reached its end there. */
static enum end look_at_pause(void)
{
    const pellucid_event_t *event;
    must(pellucid_call_event(call, &event), NULL);
    select_newest();
    print_watched(event);
    if (pellucid_event_kind(event) == PELLUCID_EVENT_INTERRUPT)
        printf("interrupted\n");
    print_reached(event);
    return pellucid_event_kind(event) == PELLUCID_EVENT_STEP ? REACHED : STOPPED;
}

/* What is to be said of a call that has failed. After a trap there is something to look at. */
static void look_at_failure(pellucid_call_state_t state)
{
    pellucid_error_t *error = NULL;
    uint32_t code;
    must(pellucid_call_error(call, &error), NULL);
    if (pellucid_error_exit_code(error, &code) == PELLUCID_OK) {
        printf("the %s has ended with exit code %" PRIu32 "\n", n_waiting > 0 ? "call" : "program", code);
        pellucid_error_delete(error);
    } else {
        (void)did(pellucid_error_status(error), &error);
    }
    if (state == PELLUCID_CALL_TRAPPED)
        select_newest();
    else if (n_waiting > 0)
        leave_call();
    else
        end_program();
}

/* Runs the present call by a step, to a breakpoint, or to its end. */
static pellucid_call_state_t resume(pellucid_resume_t mode)
{
    pellucid_call_state_t state = PELLUCID_CALL_PAUSED;
    pellucid_error_t *error = NULL;
    fflush(stdout);
    is_running = 1;
    pellucid_status_t status = pellucid_call_resume(call, mode, &state, &error);
    is_running = 0;
    pellucid_interrupt_withdraw(interrupt);
    return did(status, &error) ? state : PELLUCID_CALL_READY;
}

/* Runs until a step is done, a breakpoint, or the end of the program or of what is called in between. */
static enum end go(pellucid_resume_t mode)
{
    for (;;) {
        pellucid_call_state_t state = resume(mode);
        enum end end = ENDED;
        if (state == PELLUCID_CALL_READY) {
            select_newest();
            end = STOPPED;
        } else if (state == PELLUCID_CALL_PAUSED) {
            end = look_at_pause();
        } else if (state != PELLUCID_CALL_FINISHED) {
            look_at_failure(state);
        } else if (n_waiting > 0) {
            print_results_of(call);
            leave_call();
        } else {
            bool is_program = stage == PROGRAM;
            if (is_program)
                print_results_of(call);
            if (begin_next()) {
                mode = mode == PELLUCID_RESUME_STEP || mode == PELLUCID_RESUME_STEP_OVER ? mode : PELLUCID_RESUME_CONTINUE;
                continue;
            }
            if (is_program)
                printf("the program has ended\n");
            end_program();
        }
        forget_gone();
        return end;
    }
}

static void stop_here(void)
{
    if (has_frame)
        print_frame(&frame, 0);
}

static bool has_trapped(void)
{
    return pellucid_call_state(call) == PELLUCID_CALL_TRAPPED;
}

static bool can_run(void)
{
    if (!has_program())
        return false;
    if (!has_trapped())
        return true;
    printf(n_waiting > 0 ? "the call has trapped, leave goes back to where the program stands\n"
                         : "the program has trapped, it can only be run again\n");
    return false;
}

static void step(const char *text, pellucid_resume_t mode)
{
    uint64_t n = 1;
    if (!can_run() || !read_counts(text, &n, 1))
        return;
    enum end end = REACHED;
    for (; n > 0 && end == REACHED; n--)
        end = go(mode);
    stop_here();
}

/* Calls a function while the program stands still, as far as the next stop in it. */
static void call_function(const char *text)
{
    uint32_t index;
    pellucid_func_t func;
    pellucid_call_t *next;
    if (!has_program() || !take_function(&text, &index) || !did(pellucid_instance_func(store, &instance, index, &func), NULL))
        return;
    if (n_waiting == MOST_CALLS) {
        printf("there are too many calls inside each other\n");
        return;
    }
    if (!begin(&func, text, &next))
        return;
    waiting[n_waiting++] = call;
    call = next;
    size_t n_calls = n_waiting;
    go(PELLUCID_RESUME_CONTINUE);
    if (n_waiting == n_calls)
        stop_here();
}

#endif
