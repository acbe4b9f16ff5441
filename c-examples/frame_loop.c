/* A thousand scripts, fifty microseconds each a frame: the loop keeps its frame time, whatever they do. */
#define _POSIX_C_SOURCE 200809L
#include "example.h"

#include <time.h>

static const char program[] =
    "(module $script"
    "  (import \"game\" \"next_frame\" (func $next_frame))"
    "  (global $steps (export \"steps\") (mut i32) (i32.const 0))"
    /* Does a little in each of ten frames. */
    "  (func (export \"polite\") (local $n i32)"
    "    (loop $again"
    "      (global.set $steps (i32.add (global.get $steps) (i32.const 1)))"
    "      (call $next_frame)"
    "      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 10)))))"
    /* Has more to do than fits into a frame, and doesn't care. */
    "  (func (export \"busy\") (local $n i32)"
    "    (loop $again (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 500000)))))"
    /* Never ends. */
    "  (func (export \"runaway\") (loop $again (br $again))))";

enum { SCRIPTS = 1000, RUNAWAY = 10, BUSY = 10, FRAME_US = 16000, MOST_FRAMES = 5000 };

static pellucid_status_t next_frame(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values, size_t n_values,
                                    pellucid_error_t **out_error)
{
    (void)userdata, (void)values, (void)n_values;
    return pellucid_caller_yield(caller, 0, out_error);
}

/* Time that this thread has computed, so that other programs don't count. */
static uint64_t now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

int main(void)
{
    pellucid_config_t *config;
    pellucid_engine_t *engine;
    pellucid_module_t *module;
    pellucid_store_t *store;
    pellucid_linker_t *linker;
    pellucid_instance_t instance;
    pellucid_functype_t *type;
    pellucid_error_t *error = NULL;

    /* A script's stack is all that it takes while it waits. */
    must(pellucid_config_new(&config), NULL);
    must(pellucid_config_set_limit(config, PELLUCID_LIMIT_STACK_BYTES, 16384), NULL);
    must(pellucid_engine_new(config, &engine, &error), &error);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    must(pellucid_linker_new(engine, &linker), NULL);
    must(pellucid_functype_new(NULL, 0, NULL, 0, &type), NULL);
    must(pellucid_linker_define_func_raw(linker, store, "game", 4, "next_frame", 10, type, NULL, next_frame, NULL, &error),
         &error);
    must(pellucid_module_new_text(engine, program, strlen(program), &module, &error), &error);
    must(pellucid_linker_instantiate(linker, store, module, &instance, &error), &error);

    static pellucid_call_t *scripts[SCRIPTS];
    const char *const kinds[] = {"runaway", "busy", "polite"};
    for (int i = 0; i < SCRIPTS; i++) {
        pellucid_func_t func = exported(store, &instance, kinds[i < RUNAWAY ? 0 : i < RUNAWAY + BUSY ? 1 : 2]);
        must(pellucid_call_begin(store, &func, NULL, 0, &scripts[i], &error), &error);
    }

    /* Each script goes on for fifty microseconds at most. What becomes of it comes out of one function. */
    const pellucid_budget_t time = {50, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE};
    int finished = 0, failed = 0, frames = 0, frames_in_time = 0, next = 0;
    while (finished + failed < SCRIPTS - RUNAWAY && frames < MOST_FRAMES) {
        uint64_t start = now_us();
        /* If a frame has no time left, the others come first in the next one. */
        for (int n = 0; n < SCRIPTS && now_us() - start < FRAME_US * 3 / 4; n++) {
            pellucid_call_t **script = &scripts[next];
            next = (next + 1) % SCRIPTS;
            if (*script == NULL)
                continue;
            pellucid_call_state_t state;
            must(pellucid_call_resume_for(*script, PELLUCID_RESUME_CONTINUE, &time, &state, &error), &error);
            switch (state) {
            case PELLUCID_CALL_YIELDED: /* it wants the next frame */
            case PELLUCID_CALL_PAUSED:  /* its time was used up */
                break;
            case PELLUCID_CALL_FINISHED:
                finished++;
                pellucid_call_delete(*script);
                *script = NULL;
                break;
            default:
                failed++;
                pellucid_call_delete(*script);
                *script = NULL;
            }
        }
        frames++;
        frames_in_time += now_us() - start < FRAME_US;
    }

    pellucid_extern_t steps;
    pellucid_value_t value;
    must(pellucid_instance_export(store, &instance, "steps", 5, &steps), NULL);
    must(pellucid_global_get(store, &steps.of.global, &value), NULL);
    printf("%d scripts have finished, %d failed, %d still run\n", finished, failed, SCRIPTS - finished - failed);
    printf("polite scripts took %d steps\n", value.of.i32);
    printf("frames kept their time: %s\n", frames_in_time * 10 >= frames * 9 ? "yes" : "no");

    for (int i = 0; i < SCRIPTS; i++)
        pellucid_call_delete(scripts[i]);
    pellucid_functype_delete(type);
    pellucid_linker_delete(linker);
    pellucid_module_delete(module);
    pellucid_store_delete(store);
    pellucid_engine_delete(engine);
    pellucid_config_delete(config);
    return 0;
}
