/* Scripts that wait, for time and for events, without a thread of their own: the host's loop resumes them when they can go on. */
#include "example.h"

static const char program[] =
    "(module $script"
    "  (import \"game\" \"wait\" (func $wait (param f64)))"
    "  (import \"game\" \"wait_for_event\" (func $wait_for_event (param i32) (result i32)))"
    "  (import \"game\" \"say\" (func $say (param i32 i32)))"
    /* Blinks three times, half a second each. */
    "  (func (export \"lamp\") (local $n i32)"
    "    (loop $again"
    "      (call $say (i32.const 0) (local.get $n))"
    "      (call $wait (f64.const 0.5))"
    "      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 3)))))"
    /* Opens when somebody comes with the right key. */
    "  (func (export \"door\") (local $key i32)"
    "    (loop $again"
    "      (call $say (i32.const 1) (local.tee $key (call $wait_for_event (i32.const 7))))"
    "      (br_if $again (i32.ne (local.get $key) (i32.const 42))))"
    "    (call $wait (f64.const 0.25))"
    "    (call $say (i32.const 2) (i32.const 0))))";

/* A script that runs, and what it waits for. */
struct script {
    const char *name;
    pellucid_call_t *call;
    bool waits_for_event;
    int event;
    double until;
};

/* What a host function that says "not yet" notes for the loop. Its token tells the loop what kind of wait it is. */
enum { TIME = 1, EVENT = 2 };

static double now;

static pellucid_status_t say(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                             pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error)
{
    static const char *const texts[] = {"the lamp blinks, %d", "somebody tries key %d", "the door is open%.0d"};
    (void)userdata, (void)caller, (void)n_args, (void)results, (void)n_results, (void)out_error;
    printf("%.2f: ", now);
    printf(texts[args[0].of.i32], args[1].of.i32);
    printf("\n");
    return PELLUCID_OK;
}

static pellucid_status_t wait_for_time(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                       size_t n_args, pellucid_value_t *results, size_t n_results,
                                       pellucid_error_t **out_error)
{
    (void)userdata, (void)args, (void)n_args, (void)results, (void)n_results;
    return pellucid_caller_yield(caller, TIME, out_error);
}

static pellucid_status_t wait_for_event(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                        size_t n_args, pellucid_value_t *results, size_t n_results,
                                        pellucid_error_t **out_error)
{
    (void)userdata, (void)args, (void)n_args, (void)results, (void)n_results;
    return pellucid_caller_yield(caller, EVENT, out_error);
}

/* Runs a script until it waits or ends. */
static void run(struct script *script)
{
    pellucid_call_state_t state;
    pellucid_error_t *error = NULL;
    must(pellucid_call_resume(script->call, PELLUCID_RESUME_CONTINUE, &state, &error), &error);
    if (state == PELLUCID_CALL_YIELDED) {
        uint64_t token;
        pellucid_value_t arg;
        must(pellucid_call_awaited(script->call, NULL, &token), NULL);
        must(pellucid_call_awaited_args(script->call, &arg, 1), NULL);
        script->waits_for_event = token == EVENT;
        if (script->waits_for_event)
            script->event = arg.of.i32;
        else
            script->until = now + arg.of.f64;
        return;
    }
    printf("%.2f: %s has %s\n", now, script->name, state == PELLUCID_CALL_FINISHED ? "finished" : "failed");
    pellucid_call_delete(script->call);
    script->call = NULL;
}

/* Tells all scripts that wait for an event that it has happened. */
static void happens(struct script *scripts, size_t n_scripts, int event, int what)
{
    for (size_t i = 0; i < n_scripts; i++) {
        if (scripts[i].call != NULL && scripts[i].waits_for_event && scripts[i].event == event) {
            pellucid_error_t *error = NULL;
            pellucid_value_t result = i32_value(what);
            must(pellucid_call_give(scripts[i].call, &result, 1, &error), &error);
            run(&scripts[i]);
        }
    }
}

static void define(pellucid_linker_t *linker, pellucid_store_t *store, const char *name, const pellucid_kind_t *params,
                   size_t n_params, size_t n_results, pellucid_func_cb_t cb)
{
    pellucid_kind_t i32 = PELLUCID_I32;
    pellucid_functype_t *type;
    pellucid_error_t *error = NULL;
    must(pellucid_functype_new(params, n_params, &i32, n_results, &type), NULL);
    must(pellucid_linker_define_func(linker, store, "game", 4, name, strlen(name), type, NULL, cb, NULL, &error), &error);
    pellucid_functype_delete(type);
}

int main(void)
{
    pellucid_engine_t *engine;
    pellucid_module_t *module;
    pellucid_store_t *store;
    pellucid_linker_t *linker;
    pellucid_instance_t instance;
    pellucid_error_t *error = NULL;

    must(pellucid_engine_new(NULL, &engine, &error), &error);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    must(pellucid_linker_new(engine, &linker), NULL);
    pellucid_kind_t f64 = PELLUCID_F64, i32s[] = {PELLUCID_I32, PELLUCID_I32};
    define(linker, store, "wait", &f64, 1, 0, wait_for_time);
    define(linker, store, "wait_for_event", i32s, 1, 1, wait_for_event);
    define(linker, store, "say", i32s, 2, 0, say);
    must(pellucid_module_new_text(engine, program, strlen(program), &module, &error), &error);
    must(pellucid_linker_instantiate(linker, store, module, &instance, &error), &error);

    struct script scripts[] = {{.name = "lamp"}, {.name = "door"}};
    size_t n_scripts = sizeof scripts / sizeof *scripts;
    for (size_t i = 0; i < n_scripts; i++) {
        pellucid_func_t func = exported(store, &instance, scripts[i].name);
        must(pellucid_call_begin(store, &func, NULL, 0, &scripts[i].call, &error), &error);
        run(&scripts[i]);
    }
    /* The game's loop: a quarter of a second each time, on a clock of its own. */
    for (int frame = 1; frame <= 8; frame++) {
        now = frame * 0.25;
        for (size_t i = 0; i < n_scripts; i++) {
            if (scripts[i].call != NULL && !scripts[i].waits_for_event && now >= scripts[i].until)
                run(&scripts[i]);
        }
        if (frame == 1)
            happens(scripts, n_scripts, 7, 13);
        if (frame == 5)
            happens(scripts, n_scripts, 7, 42);
    }

    /* What waits for ever is dropped with its stack. */
    for (size_t i = 0; i < n_scripts; i++)
        pellucid_call_delete(scripts[i].call);
    pellucid_linker_delete(linker);
    pellucid_module_delete(module);
    pellucid_store_delete(store);
    pellucid_engine_delete(engine);
    return 0;
}
