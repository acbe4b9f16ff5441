/* Events of what a store gets, of memories that grow, and of calls that are over. */

#include "test.h"

static const char *WAT =
    "(module"
    "  (memory (export \"memory\") 1 8)"
    "  (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))"
    "  (func (export \"answer\") (param i32) (result i32 i64) (local.get 0) (i64.const 7))"
    "  (func (export \"traps\") unreachable))";

static const pellucid_event_kind_t NEWS = PELLUCID_EVENT_MEMORY_GROWN | PELLUCID_EVENT_MODULE_LOADED
                                        | PELLUCID_EVENT_INSTANCE_CREATED | PELLUCID_EVENT_CALL_FINISHED;

static struct told {
    int n;
    pellucid_event_kind_t kind;
    bool can_pause, has_frame;
    uint64_t module, call, old_pages, new_pages;
    pellucid_instance_t instance;
    pellucid_memory_t memory;
    pellucid_func_t func;
    size_t n_results;
    pellucid_value_t results[2];
    pellucid_status_t failed;
} told;

static bool deletes_store;

static pellucid_action_t on_event(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    pellucid_action_t action = *(pellucid_action_t *)userdata;
    pellucid_event_kind_t kind = pellucid_event_kind(event);
    pellucid_frame_t frame;
    pellucid_module_t *module;
    pellucid_error_t *error = NULL;
    told.n++;
    told.kind = kind;
    told.can_pause = pellucid_event_can_pause(event);
    told.has_frame = pellucid_event_frame(event, &frame) == PELLUCID_OK;
    told.call = pellucid_event_call_id(event);
    pellucid_status_t is_module = kind == PELLUCID_EVENT_MODULE_LOADED ? PELLUCID_OK : PELLUCID_ERR_NOT_FOUND;
    if (STATUS(is_module, pellucid_event_module(event, &module)) && is_module == PELLUCID_OK) {
        told.module = pellucid_module_id(module);
        pellucid_module_delete(module);
    }
    STATUS(kind == PELLUCID_EVENT_INSTANCE_CREATED ? PELLUCID_OK : PELLUCID_ERR_NOT_FOUND,
           pellucid_event_instance(event, &told.instance));
    STATUS(kind == PELLUCID_EVENT_MEMORY_GROWN ? PELLUCID_OK : PELLUCID_ERR_NOT_FOUND,
           pellucid_event_growth(event, &told.memory, &told.old_pages, &told.new_pages));
    STATUS(kind == PELLUCID_EVENT_CALL_FINISHED ? PELLUCID_OK : PELLUCID_ERR_NOT_FOUND,
           pellucid_event_func(event, &told.func));
    if (kind == PELLUCID_EVENT_CALL_FINISHED) {
        told.failed = PELLUCID_OK;
        told.n_results = 99;
        if (pellucid_event_error(event, &error) == PELLUCID_OK) {
            told.failed = pellucid_error_status(error);
            pellucid_error_delete(error);
        }
        STATUS(told.failed == PELLUCID_OK ? PELLUCID_OK : PELLUCID_ERR_NOT_FOUND,
               pellucid_event_results(event, where, told.results, 2, &told.n_results));
    }
    if (deletes_store) {
        deletes_store = false;
        pellucid_store_delete(where);
    }
    return action;
}

static pellucid_action_t action;

static void listen(pellucid_event_kind_t mask) {
    OK(pellucid_store_set_event_handler(store, mask, &action, on_event, NULL));
    memset(&told, 0, sizeof told);
}

static int told_since(void) {
    int n = told.n;
    told.n = 0;
    return n;
}

static void call_grow(pellucid_instance_t of, int32_t by, int32_t expected) {
    pellucid_func_t func = func_of(of, "grow");
    pellucid_value_t arg = value_i32(by), result;
    if (OK(pellucid_func_call(store, &func, &arg, 1, &result, 1, ERR))) {
        CHECK(result.of.i32 == expected);
    }
}

static void what_is_told(void) {
    open_world(true);
    pellucid_module_t *module = module_of(WAT);
    pellucid_instance_t instance;
    /* Whoever asks for all that may happen to guests isn't told of what happens anyway. */
    listen(PELLUCID_EVENT_ALL);
    MUST(pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
    call_grow(instance, 1, 1);
    CHECK(told_since() == 0);
    listen(PELLUCID_EVENT_MODULE_LOADED);
    MUST(pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
    CHECK(told_since() == 0);
    listen(PELLUCID_EVENT_INSTANCE_CREATED);
    MUST(pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
    CHECK(told_since() == 1 && told.instance.index == instance.index && told.call == 0 && !told.has_frame);

    pellucid_module_t *second = module_of("(module (memory 1))");
    pellucid_instance_t other;
    listen(PELLUCID_EVENT_MODULE_LOADED);
    pellucid_call_t *start;
    MUST(pellucid_instance_begin(store, second, NULL, 0, &other, &start, ERR));
    CHECK(told_since() == 1 && told.module == pellucid_module_id(second) && start == NULL);

    listen(PELLUCID_EVENT_MEMORY_GROWN);
    call_grow(instance, 2, 1);
    CHECK(told_since() == 1 && told.has_frame && told.old_pages == 1 && told.new_pages == 3 && !told.can_pause);
    pellucid_memory_t memory = export_of(instance, "memory").of.memory;
    CHECK(told.memory.index == memory.index);
    uint64_t old;
    OK(pellucid_memory_grow(store, &memory, 1, &old, ERR));
    CHECK(told_since() == 1 && old == 3 && told.old_pages == 3 && told.new_pages == 4 && told.call == 0 && !told.has_frame);
    STATUS(PELLUCID_ERR_LIMIT, pellucid_memory_grow(store, &memory, 99, &old, ERR));
    CHECK(told_since() == 0);

    listen(PELLUCID_EVENT_CALL_FINISHED);
    pellucid_func_t answer = func_of(instance, "answer"), traps = func_of(instance, "traps");
    pellucid_value_t arg = value_i32(5), results[2];
    OK(pellucid_func_call(store, &answer, &arg, 1, results, 2, ERR));
    CHECK(told_since() == 1 && told.n_results == 2 && told.results[0].of.i32 == 5 && told.results[1].of.i64 == 7);
    CHECK(told.func.index == answer.index && told.call != 0 && told.failed == PELLUCID_OK);
    pellucid_raw_t raw[2] = {{.i32 = 6}};
    OK(pellucid_func_call_raw(store, &answer, raw, 2, ERR));
    CHECK(told_since() == 1 && told.results[0].of.i32 == 6 && raw[0].i32 == 6);
    OK(pellucid_func_call_raw(store, &answer, raw, 2, ERR));
    CHECK(told_since() == 1);
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &traps, NULL, 0, NULL, 0, ERR));
    CHECK(told_since() == 1 && told.failed == PELLUCID_ERR_TRAP && told.n_results == 99);
    /* What the host ends itself is no news to it. */
    pellucid_call_t *call;
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &answer, &arg, 1, &call, ERR));
    OK(pellucid_call_trap(call, TEXT("enough"), ERR));
    pellucid_call_delete(call);
    CHECK(told_since() == 0);
    MUST(pellucid_call_begin(store, &answer, &arg, 1, &call, ERR));
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(told_since() == 1 && told.call == pellucid_call_id(call) && state == PELLUCID_CALL_FINISHED);
    pellucid_call_delete(call);
    OK(pellucid_store_clear_event_handler(store));
    OK(pellucid_func_call_raw(store, &answer, raw, 2, ERR));
    CHECK(told_since() == 0);
    pellucid_module_delete(module);
    pellucid_module_delete(second);
    close_world();
}

static void pausing(void) {
    open_world(true);
    pellucid_instance_t instance = instance_of(WAT);
    listen(NEWS);
    action = PELLUCID_ACTION_PAUSE;
    pellucid_func_t grow = func_of(instance, "grow");
    pellucid_value_t arg = value_i32(1);
    pellucid_call_t *call;
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &grow, &arg, 1, &call, ERR));
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED && told_since() == 1 && told.can_pause);
    const pellucid_event_t *event;
    uint64_t new_pages;
    OK(pellucid_call_event(call, &event));
    OK(pellucid_event_growth(event, NULL, NULL, &new_pages));
    CHECK(pellucid_event_kind(event) == PELLUCID_EVENT_MEMORY_GROWN && new_pages == 2);
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_FINISHED && told_since() == 1 && told.kind == PELLUCID_EVENT_CALL_FINISHED && !told.can_pause);
    pellucid_call_delete(call);
    action = PELLUCID_ACTION_CONTINUE;
    /* Without a handler nothing pauses for it. */
    OK(pellucid_store_clear_event_handler(store));
    MUST(pellucid_call_begin(store, &grow, &arg, 1, &call, ERR));
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_FINISHED);
    pellucid_call_delete(call);
    close_world();
}

/* A handler may delete the store in each of them. */
static void deletions(void) {
    for (int way = 0; way < 4; way++) {
        open_world(true);
        pellucid_module_t *module = module_of(WAT);
        pellucid_instance_t instance;
        deletes_store = way < 2;
        listen(way == 0 ? PELLUCID_EVENT_INSTANCE_CREATED : NEWS);
        pellucid_call_t *start;
        OK(way == 1 ? pellucid_instance_begin(store, module, NULL, 0, &instance, &start, ERR)
                    : pellucid_instance_new(store, module, NULL, 0, &instance, ERR));
        if (way >= 2) {
            pellucid_extern_t memory = export_of(instance, "memory");
            pellucid_func_t grow = func_of(instance, "grow");
            pellucid_value_t arg = value_i32(1), result;
            deletes_store = true;
            OK(way == 2 ? pellucid_memory_grow(store, &memory.of.memory, 1, NULL, ERR)
                        : pellucid_func_call(store, &grow, &arg, 1, &result, 1, ERR));
        }
        CHECK(!deletes_store);
        pellucid_module_delete(module);
        pellucid_engine_delete(engine);
        store = NULL;
        engine = NULL;
    }
}

int main(void) {
    for (int i = 0; i < 2; i++) {
        has_checks = i == 1;
        what_is_told();
        pausing();
        deletions();
    }
    return finish();
}
