/* What the command-line debugger debugs: the program, and the run of it that there is. */
#ifndef DEBUG_SESSION_H
#define DEBUG_SESSION_H

#include "pellucid.h"
#include "program.h"
#include "shown_text.h"

#include <inttypes.h>
#include <signal.h>

static pellucid_wasi_config_t *wasi;
static pellucid_engine_t *engine;
static pellucid_module_t *module;
static const char *invoked;
static char **args;
static int n_args;

/* A store without the program, to ask what needs one: whether an expression is one, where a name is. */
static pellucid_store_t *bare_store;
static pellucid_call_t *bare_call;

/* One run of the program: nothing of it is there before "run". */
static pellucid_store_t *store;
static pellucid_linker_t *linker;
static pellucid_instance_t instance;
static pellucid_interrupt_t *interrupt;
static volatile sig_atomic_t is_running;
/* What has been called of it: its start function, `_initialize`, and what it is all about. */
enum { NOTHING, START, INITIALIZE, PROGRAM } stage;

/* The call that commands are about; those that stand still beneath it, the program's at the bottom, wait for calls by "call". */
enum { MOST_CALLS = 64 };
static pellucid_call_t *call;
static pellucid_call_t *waiting[MOST_CALLS];
static size_t n_waiting;

/* The frame that is looked at, and how many it has called. */
static pellucid_frame_t frame;
static bool has_frame;
static uint32_t depth;

/* A part of a text. */
struct text {
    const char *at;
    size_t size;
};

static struct text all_of(const char *text)
{
    return (struct text){text, strlen(text)};
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

static bool is_text(struct text a, const char *b, size_t size)
{
    return a.size == size && (size == 0 || memcmp(a.at, b, size) == 0);
}

static bool is_word(struct text text, const char *word)
{
    return is_text(text, word, strlen(word));
}

/* Whether a text has nothing behind this; else it is said what. */
static bool is_end(const char *at)
{
    at = skip_blanks(at);
    if (*at != 0) {
        printf("'");
        print_shown(at, strlen(at));
        printf("' isn't understood\n");
    }
    return *at == 0;
}

static void *allocate(size_t n, size_t size)
{
    void *memory = calloc(n + 1, size);
    if (memory == NULL)
        fail(EXIT_CANNOT_START, "out of memory");
    return memory;
}

static char *copy_text(const char *text, size_t size)
{
    char *copy = allocate(size, 1);
    memcpy(copy, text, size);
    return copy;
}

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

static pellucid_spaces_t present_spaces(void)
{
    pellucid_instance_t of = present_instance();
    pellucid_spaces_t spaces = {.struct_size = sizeof spaces};
    if (store != NULL)
        must(pellucid_instance_spaces(store, &of, &spaces), NULL);
    return spaces;
}

static void select_newest(void)
{
    depth = 0;
    has_frame = call != NULL && pellucid_call_frame(call, &frame) == PELLUCID_OK;
}

/* Makes the store without the program, in which a function stands still that has nothing: numbers are evaluated there. */
static void make_bare_store(void)
{
    static const char text[] = "(module (func (export \"\")))";
    pellucid_module_t *nothing;
    pellucid_instance_t made;
    pellucid_extern_t func;
    pellucid_call_state_t state;
    pellucid_error_t *error = NULL;
    must(pellucid_store_new(engine, NULL, NULL, &bare_store, &error), &error);
    must(pellucid_module_new_text(engine, text, strlen(text), &nothing, &error), &error);
    must(pellucid_instance_new(bare_store, nothing, NULL, 0, &made, &error), &error);
    must(pellucid_instance_export(bare_store, &made, "", 0, &func), NULL);
    must(pellucid_call_begin(bare_store, &func.of.func, NULL, 0, &bare_call, &error), &error);
    must(pellucid_call_resume(bare_call, PELLUCID_RESUME_STEP, &state, &error), &error);
    pellucid_module_delete(nothing);
}

#endif
