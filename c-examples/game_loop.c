/* A game whose script is debugged while the game goes on: the script pauses, the loop keeps rendering. */
#include "example.h"

static const char program[] =
    "(module"
    "  (global $x (export \"x\") (mut i32) (i32.const 0))"
    "  (func $move (param $speed i32) (global.set $x (i32.add (global.get $x) (local.get $speed))))"
    "  (func $update (export \"update\") (param $frame i32)"
    "    (call $move (i32.const 3))"
    "    (if (i32.and (local.get $frame) (i32.const 1)) (then (call $move (i32.const 1))))))";

/* The person at the debugger, who takes two frames to look before going on. */
static void look_around(pellucid_store_t *store, pellucid_call_t *script, int frame_number)
{
    pellucid_frame_t frame;
    pellucid_value_t speed;
    pellucid_str_t name;
    uint32_t n;
    must(pellucid_call_frame(script, &frame), NULL);
    must(pellucid_frame_func_name(store, &frame, &name), NULL);
    must(pellucid_frame_read_locals(store, &frame, 0, &speed, 1, &n), NULL);
    printf("  frame %d: script paused in %.*s, speed %d", frame_number, (int)name.size, name.data, speed.of.i32);
    must(pellucid_frame_caller(store, &frame, &frame), NULL);
    must(pellucid_frame_func_name(store, &frame, &name), NULL);
    printf(", called by %.*s\n", (int)name.size, name.data);
}

int main(void)
{
    pellucid_config_t *config;
    pellucid_engine_t *engine;
    pellucid_module_t *module;
    pellucid_store_t *store;
    pellucid_instance_t instance;
    pellucid_error_t *error = NULL;

    must(pellucid_config_new(&config), NULL);
    must(pellucid_config_set_debug(config, true), NULL);
    must(pellucid_engine_new(config, &engine, &error), &error);
    must(pellucid_module_new_text(engine, program, strlen(program), &module, &error), &error);
    must(pellucid_store_new(engine, NULL, NULL, &store, &error), &error);
    must(pellucid_instance_new(store, module, NULL, 0, &instance, &error), &error);
    pellucid_func_t update = exported(store, &instance, "update");
    pellucid_extern_t x;
    must(pellucid_instance_export(store, &instance, "x", 1, &x), NULL);

    pellucid_call_t *script = NULL;
    int pauses_left = 0;
    for (int frame = 0; frame < 8; frame++) {
        /* In the third frame somebody sets a breakpoint. */
        if (frame == 2) {
            pellucid_edit_t *edit;
            uint64_t id;
            must(pellucid_edit_begin(store, &edit), NULL);
            must(pellucid_edit_add_at_function(edit, module, 0, &id, NULL), NULL);
            must(pellucid_edit_commit(edit, &error), &error);
            pellucid_edit_delete(edit);
        }
        /* One call of the script an update, unless the last one is still paused. */
        if (script == NULL) {
            pellucid_value_t arg = i32_value(frame);
            must(pellucid_call_begin(store, &update, &arg, 1, &script, &error), &error);
        }
        if (pauses_left > 0) {
            look_around(store, script, frame);
            pauses_left--;
        } else {
            pellucid_call_state_t state;
            must(pellucid_call_resume(script, PELLUCID_RESUME_CONTINUE, &state, &error), &error);
            if (state == PELLUCID_CALL_PAUSED) {
                pauses_left = 2;
            } else {
                pellucid_call_delete(script);
                script = NULL;
            }
        }
        /* Rendering doesn't wait for the script. */
        pellucid_value_t position;
        must(pellucid_global_get(store, &x.of.global, &position), NULL);
        printf("render frame %d: x = %d%s\n", frame, position.of.i32, script != NULL ? " (script paused)" : "");
    }

    /* A call that never ended is dropped with its stack. */
    pellucid_call_delete(script);
    pellucid_config_delete(config);
    pellucid_module_delete(module);
    pellucid_store_delete(store);
    pellucid_engine_delete(engine);
    return 0;
}
