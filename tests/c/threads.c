/* Threads: engines and modules are shared, stores move, also while a call is paused. */

#include "test.h"

#include <pthread.h>

static const char *WAT =
    "(module (memory 1)"
    "  (func $f (export \"f\") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))"
    "  (func (export \"load\") (param i32) (result i32) (i32.load (local.get 0))))";

static pellucid_module_t *module;

/* Everything that a thread does alone in its own store; traps too, whose signals are handled in the thread. */
static void *work_alone(void *result) {
    pellucid_store_t *own;
    pellucid_error_t *error = NULL;
    pellucid_instance_t instance;
    pellucid_extern_t f, load;
    bool ok = pellucid_store_new(engine, NULL, NULL, &own, NULL) == PELLUCID_OK &&
              pellucid_instance_new(own, module, NULL, 0, &instance, NULL) == PELLUCID_OK &&
              pellucid_instance_export(own, &instance, TEXT("f"), &f) == PELLUCID_OK &&
              pellucid_instance_export(own, &instance, TEXT("load"), &load) == PELLUCID_OK;
    for (int i = 0; ok && i < 2000; i++) {
        pellucid_value_t arg = value_i32(i), found;
        ok = pellucid_func_call(own, &f.of.func, &arg, 1, &found, 1, NULL) == PELLUCID_OK && found.of.i32 == i + 1;
        if (i % 100 == 0) {
            arg = value_i32(-1);
            ok = ok && pellucid_func_call(own, &load.of.func, &arg, 1, &found, 1, &error) == PELLUCID_ERR_TRAP;
            pellucid_error_delete(error);
        }
    }
    pellucid_store_delete(own);
    *(bool *)result = ok;
    return NULL;
}

static void *resume(void *call) {
    pellucid_call_state_t state = 0;
    pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, NULL);
    return (void *)(uintptr_t)state;
}

static void *delete_store(void *where) {
    pellucid_store_delete(where);
    return NULL;
}

int main(void) {
    open_world(true);
    module = module_of(WAT);
    pthread_t threads[4];
    bool ok[4] = {false};
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, work_alone, &ok[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CHECK(ok[i]);
    }

    /* Each step of one call on another thread, and the last of all here. */
    pellucid_instance_t instance;
    MUST(pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
    pellucid_module_delete(module);
    pellucid_func_t f = func_of(instance, "f");
    pellucid_value_t arg = value_i32(41), result;
    pellucid_call_t *call;
    MUST(pellucid_call_begin(store, &f, &arg, 1, &call, ERR));
    for (uint32_t depth = 0; depth < 3; depth++) {
        void *state;
        pthread_create(&threads[0], NULL, resume, call);
        pthread_join(threads[0], &state);
        CHECK((uintptr_t)state == PELLUCID_CALL_PAUSED);
        pellucid_frame_t frame;
        uint32_t n;
        OK(pellucid_call_frame(call, &frame));
        OK(pellucid_frame_operand_count(store, &frame, &n));
        CHECK(n == depth);
    }
    pellucid_call_state_t state;
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    OK(pellucid_call_results(call, &result, 1));
    CHECK(state == PELLUCID_CALL_FINISHED && result.of.i32 == 42);
    pellucid_call_delete(call);
    pthread_create(&threads[0], NULL, delete_store, store);
    pthread_join(threads[0], NULL);
    store = NULL;
    close_world();
    return finish();
}
