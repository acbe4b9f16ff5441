/* Epochs: deadlines of stores in a number that the host counts up. */

#define _GNU_SOURCE
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static const char *WAT =
    "(module (import \"host\" \"nested\" (func $nested))"
    "  (func (export \"spin\") (loop (br 0)))"
    "  (func (export \"nests\") (call $nested))"
    "  (func (export \"nothing\"))"
    "  (func (export \"count\") (param $n i64) (result i64) (local $sum i64)"
    "    (loop"
    "      (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (local.get $n)))"
    "      (local.set $n (i64.sub (local.get $n) (i64.const 1)))"
    "      (br_if 0 (i64.ne (local.get $n) (i64.const 0))))"
    "    (local.get $sum)))";

static pellucid_instance_t instance;
static pellucid_status_t nested_status;
static pellucid_trap_t nested_trap;

static pellucid_status_t host_nested(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                     size_t n_args, pellucid_value_t *results, size_t n_results,
                                     pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    pellucid_func_t spin = func_of(instance, "spin");
    pellucid_error_t *error = NULL;
    nested_status = pellucid_func_call(store, &spin, NULL, 0, NULL, 0, &error);
    nested_trap = pellucid_error_trap(error);
    pellucid_error_delete(error);
    return PELLUCID_OK;
}

static void open_guest(bool is_debug) {
    open_world(is_debug);
    pellucid_module_t *module = module_of(WAT);
    pellucid_functype_t *type;
    pellucid_extern_t import = {0};
    import.kind = PELLUCID_EXTERN_FUNC;
    MUST(pellucid_functype_new(NULL, 0, NULL, 0, &type));
    MUST(pellucid_func_new(store, type, NULL, host_nested, NULL, &import.of.func, ERR));
    pellucid_functype_delete(type);
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    pellucid_module_delete(module);
}

/* A thread that counts epochs, one a millisecond. */
struct clock {
    pthread_t thread;
    pellucid_engine_t *engine;
    atomic_bool ends;
    atomic_uint ticks;
};

static void *count_epochs(void *argument) {
    struct clock *clock = argument;
    while (!clock->ends) {
        usleep(1000);
        clock->ticks++;
        OK(pellucid_engine_increment_epoch(clock->engine));
    }
    return NULL;
}

static void begin_clock(struct clock *clock) {
    clock->engine = engine;
    clock->ends = false;
    clock->ticks = 0;
    CHECK(pthread_create(&clock->thread, NULL, count_epochs, clock) == 0);
}

static void end_clock(struct clock *clock) {
    clock->ends = true;
    CHECK(pthread_join(clock->thread, NULL) == 0);
}

static pellucid_status_t call(const char *name) {
    pellucid_func_t func = func_of(instance, name);
    return pellucid_func_call(store, &func, NULL, 0, NULL, 0, ERR);
}

static void tick(void) {
    OK(pellucid_engine_increment_epoch(engine));
}

static void set_deadline(uint64_t ticks, pellucid_interrupt_kind_t action) {
    MUST(pellucid_store_set_epoch_deadline(store, ticks, action, ERR));
}

static void expect_deadline(const char *name) {
    STATUS(PELLUCID_ERR_TRAP, call(name));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_DEADLINE);
}

static void guests_end_at_the_deadline(void) {
    const char *names[] = {"spin", "nests"};
    for (size_t i = 0; i < 2; i++) {
        /* A one-shot call can't pause. */
        for (int action = PELLUCID_INTERRUPT_TRAP; action <= PELLUCID_INTERRUPT_PAUSE; action++) {
            struct clock clock;
            set_deadline(5, (pellucid_interrupt_kind_t)action);
            begin_clock(&clock);
            expect_deadline(names[i]);
            CHECK(clock.ticks >= 5);
            /* There is none if the deadline came before the call. */
            if (i == 0)
                CHECK(pellucid_error_frame_count(last_error) <= 1);
            end_clock(&clock);
            OK(pellucid_store_clear_epoch_deadline(store));
            OK(call("nothing"));
        }
    }
    CHECK(nested_status == PELLUCID_ERR_TRAP && nested_trap == PELLUCID_TRAP_DEADLINE);
}

static void a_deadline_waits_for_the_next_call(void) {
    set_deadline(2, PELLUCID_INTERRUPT_TRAP);
    tick();
    OK(call("nothing"));
    tick();
    expect_deadline("nothing");
    /* It is asked for once in each epoch. */
    OK(call("nothing"));
    tick();
    expect_deadline("nothing");
    set_deadline(1, PELLUCID_INTERRUPT_TRAP);
    OK(call("nothing"));
    tick();
    set_deadline(1, PELLUCID_INTERRUPT_TRAP);
    OK(call("nothing"));
    set_deadline(0, PELLUCID_INTERRUPT_TRAP);
    expect_deadline("nothing");
    tick();
    OK(pellucid_store_clear_epoch_deadline(store));
    tick();
    OK(call("nothing"));
    OK(pellucid_store_clear_epoch_deadline(store));
    set_deadline(UINT64_MAX, PELLUCID_INTERRUPT_TRAP);
    tick();
    OK(call("nothing"));
    set_deadline(1, PELLUCID_INTERRUPT_TRAP);
    tick();
    pellucid_interrupt_t *interrupt;
    MUST(pellucid_store_interrupt(store, &interrupt, ERR));
    OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_TRAP));
    OK(pellucid_interrupt_withdraw(interrupt));
    pellucid_interrupt_delete(interrupt);
    expect_deadline("nothing");
    OK(pellucid_store_clear_epoch_deadline(store));
}

static void guests_pause_and_go_on(void) {
    pellucid_func_t count = func_of(instance, "count");
    pellucid_value_t args[1] = {value_i64(30000000)}, expected, result;
    OK(pellucid_func_call(store, &count, args, 1, &expected, 1, ERR));
    for (int action = PELLUCID_INTERRUPT_PAUSE; action <= PELLUCID_INTERRUPT_EVENT; action++) {
        struct clock clock;
        set_deadline(1, (pellucid_interrupt_kind_t)action);
        begin_clock(&clock);
        pellucid_call_t *paused;
        pellucid_call_state_t state;
        int pauses = 0;
        MUST(pellucid_call_begin(store, &count, args, 1, &paused, ERR));
        for (;;) {
            MUST(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
            if (state != PELLUCID_CALL_PAUSED)
                break;
            CHECK(event_of(paused) == PELLUCID_EVENT_EPOCH);
            pauses++;
        }
        CHECK(state == PELLUCID_CALL_FINISHED);
        CHECK(pauses > 0);
        OK(pellucid_call_results(paused, &result, 1));
        CHECK(result.of.i64 == expected.of.i64);
        pellucid_call_delete(paused);
        end_clock(&clock);
        OK(pellucid_store_clear_epoch_deadline(store));
    }
}

static int told;
static pellucid_action_t last_action;

static pellucid_action_t extend(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    (void)userdata;
    CHECK(pellucid_event_kind(event) == PELLUCID_EVENT_EPOCH);
    OK(pellucid_store_set_epoch_deadline(where, 2, PELLUCID_INTERRUPT_EVENT, NULL));
    /* A host without another thread may count here. */
    tick();
    return ++told < 5 ? PELLUCID_ACTION_CONTINUE : last_action;
}

static void handlers_extend_the_deadline(void) {
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_EPOCH, NULL, extend, NULL));
    struct clock clock;
    begin_clock(&clock);
    told = 0;
    last_action = PELLUCID_ACTION_TRAP;
    set_deadline(2, PELLUCID_INTERRUPT_EVENT);
    STATUS(PELLUCID_ERR_TRAP, call("spin"));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_REQUESTED && told == 5);
    told = 0;
    last_action = PELLUCID_ACTION_PAUSE;
    set_deadline(0, PELLUCID_INTERRUPT_EVENT);
    pellucid_func_t spin = func_of(instance, "spin");
    pellucid_call_t *paused;
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &spin, NULL, 0, &paused, ERR));
    MUST(pellucid_call_resume(paused, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED && told == 5);
    CHECK(event_of(paused) == PELLUCID_EVENT_EPOCH);
    pellucid_call_delete(paused);
    end_clock(&clock);
    OK(pellucid_store_clear_event_handler(store));
    OK(pellucid_store_clear_epoch_deadline(store));
}

/* Each on its own, and in the epochs of its own engine. */
static void many_stores(void) {
    enum { N = 100 };
    pellucid_store_t *stores[N];
    pellucid_func_t funcs[N];
    pellucid_module_t *module = module_of("(module (func (export \"nothing\")))");
    for (int i = 0; i < N; i++) {
        pellucid_instance_t own;
        pellucid_extern_t item;
        MUST(pellucid_store_new(engine, NULL, NULL, &stores[i], ERR));
        MUST(pellucid_instance_new(stores[i], module, NULL, 0, &own, ERR));
        MUST(pellucid_instance_export(stores[i], &own, "nothing", 7, &item));
        funcs[i] = item.of.func;
        MUST(pellucid_store_set_epoch_deadline(stores[i], (uint64_t)i + 1, PELLUCID_INTERRUPT_TRAP, ERR));
    }
    pellucid_module_delete(module);
    pellucid_engine_t *other;
    MUST(pellucid_engine_new(NULL, &other, ERR));
    for (int round = 1; round <= N; round++) {
        OK(pellucid_engine_increment_epoch(other));
        tick();
        for (int i = 0; i < N; i++) {
            if (round % 10 == 5 && i == round)
                pellucid_store_delete(stores[i]), stores[i] = NULL;
            if (stores[i] == NULL)
                continue;
            pellucid_status_t expected = i < round ? PELLUCID_ERR_TRAP : PELLUCID_OK;
            STATUS(expected, pellucid_func_call(stores[i], &funcs[i], NULL, 0, NULL, 0, ERR));
        }
    }
    pellucid_engine_delete(other);
    for (int i = 0; i < N; i++)
        pellucid_store_delete(stores[i]);
    tick();
}

/* What comes at the same time is heard one after the other, what ends the call first. */
static void all_reasons_are_heard(void) {
    pellucid_interrupt_t *interrupt;
    MUST(pellucid_store_interrupt(store, &interrupt, ERR));
    pellucid_func_t spin = func_of(instance, "spin");
    pellucid_call_t *call;
    MUST(pellucid_call_begin(store, &spin, NULL, 0, &call, ERR));
    pellucid_call_state_t state;
    for (int round = 0; round < 200; round++) {
        pellucid_budget_t budget = {(uint64_t)round % 20, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE};
        set_deadline(1, PELLUCID_INTERRUPT_PAUSE);
        tick();
        OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_PAUSE));
        uint32_t heard = 0, wanted = PELLUCID_EVENT_INTERRUPT | PELLUCID_EVENT_EPOCH;
        for (int resumes = 0; resumes < 100 && (heard & wanted) != wanted; resumes++) {
            MUST(pellucid_call_resume_for(call, PELLUCID_RESUME_CONTINUE, &budget, &state, ERR));
            if (!CHECK(state == PELLUCID_CALL_PAUSED))
                break;
            heard |= event_of(call);
            budget.microseconds = 1000;
        }
        CHECK((heard & wanted) == wanted);
    }
    set_deadline(1, PELLUCID_INTERRUPT_TRAP);
    tick();
    OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_PAUSE));
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_TRAPPED);
    pellucid_call_delete(call);
    OK(pellucid_interrupt_withdraw(interrupt));
    OK(pellucid_store_clear_epoch_deadline(store));
    pellucid_interrupt_delete(interrupt);
}

static void wrong_arguments(void) {
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_store_set_epoch_deadline(store, 1, 0, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_store_set_epoch_deadline(store, 1, 4, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_store_set_epoch_deadline(NULL, 1, PELLUCID_INTERRUPT_TRAP, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_store_clear_epoch_deadline(NULL));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_engine_increment_epoch(NULL));
    pellucid_config_t *config;
    pellucid_engine_t *without;
    pellucid_store_t *deaf;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_signal_handlers(config, false));
    MUST(pellucid_engine_new(config, &without, ERR));
    pellucid_config_delete(config);
    MUST(pellucid_store_new(without, NULL, NULL, &deaf, ERR));
    STATUS(PELLUCID_ERR_UNSUPPORTED, pellucid_store_set_epoch_deadline(deaf, 1, PELLUCID_INTERRUPT_TRAP, ERR));
    OK(pellucid_engine_increment_epoch(without));
    pellucid_store_delete(deaf);
    pellucid_engine_delete(without);
}

int main(void) {
    for (int way = 0; way < 4; way++) {
        bool is_debug = way & 1;
        has_checks = way & 2;
        open_guest(is_debug);
        guests_end_at_the_deadline();
        a_deadline_waits_for_the_next_call();
        guests_pause_and_go_on();
        if (is_debug)
            handlers_extend_the_deadline();
        all_reasons_are_heard();
        many_stores();
        wrong_arguments();
        close_world();
    }
    return finish();
}
