/* Much at the same time: stores on several threads, each paused somewhere else; many calls of one store, paused, waiting and interrupted, that go
 * on in random order; a store that is debugged while another runs the same module at full speed. All of them give the right results. */

#define _GNU_SOURCE
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

/* `work` adds what `mark` gives for each number up to n, and what the host answers for every fourth. */
static const char *const WAT =
    "(module $works"
    "  (import \"host\" \"ask\" (func $ask (param i32) (result i32)))"
    "  (func $mark (param $x i32) (result i32) (i32.add (local.get $x) (i32.const 1)))"
    "  (func $other (param $x i32) (result i32) (i32.sub (local.get $x) (i32.const 1)))"
    "  (func $work (export \"work\") (param $n i32) (param $id i32) (result i32) (local $i i32) (local $sum i32)"
    "    (loop $again"
    "      (local.set $sum (i32.add (local.get $sum) (call $mark (i32.mul (local.get $i) (local.get $id)))))"
    "      (local.set $sum (i32.add (local.get $sum) (call $other (local.get $i))))"
    "      (if (i32.eq (i32.and (local.get $i) (i32.const 3)) (i32.const 3))"
    "        (then (local.set $sum (i32.add (local.get $sum) (call $ask (local.get $i))))))"
    "      (local.set $i (i32.add (local.get $i) (i32.const 1)))"
    "      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))"
    "    (local.get $sum)))";

enum { MARK = 1, OTHER = 2, WORK = 3 };

static pellucid_module_t *module;

static int32_t answer_to(int32_t i) {
    return 1000 + 7 * i;
}

static int32_t result_of(int32_t n, int32_t id) {
    int32_t sum = 0;
    for (int32_t i = 0; i < n; i++) {
        sum += i * id + 1 + i - 1 + ((i & 3) == 3 ? answer_to(i) : 0);
    }
    return sum;
}

/* Whether host functions answer at once, or when the host gives the answer. */
static _Atomic bool is_waiting;
static uint64_t next_token = 1;

static pellucid_status_t ask(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                             pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)n_args, (void)n_results;
    if (is_waiting) {
        return pellucid_caller_yield(caller, next_token++, out_error);
    }
    results[0] = value_i32(answer_to(args[0].of.i32));
    return PELLUCID_OK;
}

/* A store of its own with the module in it. */
static pellucid_func_t work_in(pellucid_store_t *in) {
    pellucid_kind_t i32 = PELLUCID_I32;
    pellucid_functype_t *type;
    pellucid_extern_t import = {.kind = PELLUCID_EXTERN_FUNC}, work;
    pellucid_instance_t instance;
    MUST(pellucid_functype_new(&i32, 1, &i32, 1, &type));
    MUST(pellucid_func_new(in, type, NULL, ask, NULL, &import.of.func, NULL));
    pellucid_functype_delete(type);
    MUST(pellucid_instance_new(in, module, &import, 1, &instance, NULL));
    MUST(pellucid_instance_export(in, &instance, TEXT("work"), &work));
    return work.of.func;
}

static uint64_t seed;

static uint32_t any(uint32_t limit) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed % limit);
}

/* The arguments that the outermost frame of a call has. */
static void check_arguments(pellucid_store_t *in, pellucid_frame_t frame, int32_t n, int32_t id) {
    pellucid_value_t locals[4];
    uint32_t n_locals, function;
    while (pellucid_frame_caller(in, &frame, &frame) == PELLUCID_OK) {
    }
    MUST(pellucid_frame_func_index(in, &frame, &function));
    MUST(pellucid_frame_read_locals(in, &frame, 0, locals, 4, &n_locals));
    CHECK(function == WORK && n_locals == 4 && locals[0].of.i32 == n && locals[1].of.i32 == id);
}

/* A thread of several: runs its call to the breakpoint, waits until all have, and runs on the call of its neighbour. */
enum { N_THREADS = 4 };

struct paused {
    pellucid_store_t *store;
    pellucid_call_t *call;
    uint32_t at;
    int32_t n, id;
    struct paused *neighbour;
};

static pthread_barrier_t barrier;

static void *pause_there(void *argument) {
    struct paused *own = argument;
    pellucid_call_state_t state;
    MUST(pellucid_store_new(engine, NULL, NULL, &own->store, NULL));
    pellucid_func_t work = work_in(own->store);
    pellucid_value_t args[] = {value_i32(own->n), value_i32(own->id)};
    break_at_function(own->store, module, own->at);
    MUST(pellucid_call_begin(own->store, &work, args, 2, &own->call, NULL));
    /* Not all at the same turn of the loop. */
    for (int32_t i = 0; i < own->id; i++) {
        MUST(pellucid_call_resume(own->call, PELLUCID_RESUME_CONTINUE, &state, NULL));
        if (state != PELLUCID_CALL_PAUSED) {
            CHECK(state == PELLUCID_CALL_PAUSED);
            break;
        }
    }
    pthread_barrier_wait(&barrier);
    /* The main thread looks at all of them. */
    pthread_barrier_wait(&barrier);
    struct paused *other = own->neighbour;
    do {
        MUST(pellucid_call_resume(other->call, PELLUCID_RESUME_CONTINUE, &state, NULL));
    } while (state == PELLUCID_CALL_PAUSED);
    pellucid_value_t result = {0};
    MUST(pellucid_call_results(other->call, &result, 1));
    CHECK(result.of.i32 == result_of(other->n, other->id));
    return NULL;
}

static void stores_that_pause_on_their_threads(void) {
    struct paused all[N_THREADS];
    pthread_t threads[N_THREADS];
    pthread_barrier_init(&barrier, NULL, N_THREADS + 1);
    for (int i = 0; i < N_THREADS; i++) {
        /* At the function's entry, but for `work` itself, which is entered once. */
        all[i] = (struct paused){.at = i % 2 == 0 ? MARK : OTHER, .n = 10 + i, .id = i + 1,
                                 .neighbour = &all[(i + 1) % N_THREADS]};
    }
    for (int i = 0; i < N_THREADS; i++) {
        pthread_create(&threads[i], NULL, pause_there, &all[i]);
    }
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < N_THREADS; i++) {
        pellucid_frame_t frame;
        pellucid_value_t local;
        uint32_t function, n;
        int32_t turn = all[i].id - 1;
        MUST(pellucid_call_frame(all[i].call, &frame));
        MUST(pellucid_frame_func_index(all[i].store, &frame, &function));
        MUST(pellucid_frame_read_locals(all[i].store, &frame, 0, &local, 1, &n));
        CHECK(function == all[i].at && local.of.i32 == (function == MARK ? turn * all[i].id : turn));
        check_arguments(all[i].store, frame, all[i].n, all[i].id);
        /* Of another store it is nobody's frame. */
        STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_frame_pc(all[(i + 1) % N_THREADS].store, &frame, &n));
    }
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < N_THREADS; i++) {
        pellucid_call_delete(all[i].call);
        pellucid_store_delete(all[i].store);
    }
    pthread_barrier_destroy(&barrier);
}

/* Many calls of one store, and in which states they were seen. */
enum { N_CALLS = 20 };

struct going {
    pellucid_call_t *call;
    int32_t n, id;
    pellucid_call_state_t state;
    /* Where it stands, if it is paused. */
    pellucid_frame_t frame;
};

static struct going going[N_CALLS];
static int n_seen[8], n_interrupted, n_paused_at_once;

static void see(struct going *one) {
    n_seen[one->state]++;
    if (one->state == PELLUCID_CALL_PAUSED) {
        one->frame = frame_of(one->call);
        check_arguments(store, one->frame, one->n, one->id);
        n_interrupted += event_of(one->call) == PELLUCID_EVENT_INTERRUPT;
    } else if (one->state == PELLUCID_CALL_FINISHED) {
        pellucid_value_t result;
        MUST(pellucid_call_results(one->call, &result, 1));
        CHECK(result.of.i32 == result_of(one->n, one->id));
    }
}

/* The calls that didn't run stand where they stood. */
static void check_others(const struct going *ran) {
    int n_paused = 0;
    for (int i = 0; i < N_CALLS; i++) {
        struct going *one = &going[i];
        CHECK(pellucid_call_state(one->call) == one->state);
        if (one->state == PELLUCID_CALL_PAUSED) {
            n_paused++;
            CHECK(pellucid_frame_is_valid(store, &one->frame));
            if (one != ran) {
                check_arguments(store, one->frame, one->n, one->id);
            }
        }
    }
    n_paused_at_once = n_paused > n_paused_at_once ? n_paused : n_paused_at_once;
}

/* Runs a call on, in some way; it has ended then, or stands somewhere else. */
static void go_on(struct going *one, pellucid_interrupt_t *interrupt) {
    pellucid_frame_t before = one->frame;
    bool was_paused = one->state == PELLUCID_CALL_PAUSED;
    if (one->state == PELLUCID_CALL_YIELDED) {
        pellucid_value_t arg;
        MUST(pellucid_call_awaited_args(one->call, &arg, 1));
        CHECK((arg.of.i32 & 3) == 3 && arg.of.i32 < one->n);
        pellucid_value_t answer = value_i32(answer_to(arg.of.i32));
        MUST(pellucid_call_give(one->call, &answer, 1, ERR));
    }
    if (any(4) == 0) {
        MUST(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_PAUSE));
    }
    pellucid_resume_t mode = any(4) == 0 ? PELLUCID_RESUME_STEP : PELLUCID_RESUME_CONTINUE;
    MUST(pellucid_call_resume(one->call, mode, &one->state, ERR));
    /* Asked for, and not done: another call would be left instead. */
    MUST(pellucid_interrupt_withdraw(interrupt));
    see(one);
    /* If it was told of something before it did anything, it stands where it stood. */
    CHECK(!was_paused || !pellucid_frame_is_valid(store, &before) ||
          (one->state == PELLUCID_CALL_PAUSED && memcmp(&before, &one->frame, sizeof before) == 0));
}

static void calls_in_any_order(uint64_t with) {
    seed = with;
    is_waiting = true;
    memset(n_seen, 0, sizeof n_seen);
    n_interrupted = n_paused_at_once = 0;
    pellucid_func_t work = work_in(store);
    uint64_t breakpoint = break_at_function(store, module, MARK);
    pellucid_interrupt_t *interrupt;
    MUST(pellucid_store_interrupt(store, &interrupt, ERR));
    for (int i = 0; i < N_CALLS; i++) {
        going[i] = (struct going){.n = (int32_t)any(12) + 5, .id = i, .state = PELLUCID_CALL_READY};
        pellucid_value_t args[] = {value_i32(going[i].n), value_i32(i)};
        MUST(pellucid_call_begin(store, &work, args, 2, &going[i].call, ERR));
    }
    int left = N_CALLS;
    while (left > 0) {
        struct going *one = &going[any(N_CALLS)];
        if (one->state == PELLUCID_CALL_FINISHED) {
            continue;
        }
        go_on(one, interrupt);
        left -= one->state == PELLUCID_CALL_FINISHED;
        check_others(one);
    }
    CHECK(n_seen[PELLUCID_CALL_FINISHED] == N_CALLS && n_seen[PELLUCID_CALL_YIELDED] >= N_CALLS);
    CHECK(n_seen[PELLUCID_CALL_PAUSED] > 5 * N_CALLS && n_interrupted > N_CALLS && n_paused_at_once > N_CALLS / 2);
    for (int i = 0; i < N_CALLS; i++) {
        pellucid_call_delete(going[i].call);
    }
    pellucid_interrupt_delete(interrupt);
    remove_breakpoint(breakpoint);
    is_waiting = false;
}

/* A store that runs what another one debugs meanwhile. */
static _Atomic int n_fast_calls, n_events, is_over;

static pellucid_action_t count_event(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    (void)userdata, (void)where, (void)event;
    n_events++;
    return PELLUCID_ACTION_CONTINUE;
}

static void *run_fast(void *nothing) {
    pellucid_store_t *own;
    MUST(pellucid_store_new(engine, NULL, NULL, &own, NULL));
    pellucid_func_t work = work_in(own);
    MUST(pellucid_store_set_event_handler(own, PELLUCID_EVENT_ALL, NULL, count_event, NULL));
    for (int32_t i = 0; !is_over; i++) {
        pellucid_value_t args[] = {value_i32(200 + i % 50), value_i32(i)}, result = {0};
        MUST(pellucid_func_call(own, &work, args, 2, &result, 1, NULL));
        if (result.of.i32 != result_of(args[0].of.i32, i)) {
            CHECK(result.of.i32 == result_of(args[0].of.i32, i));
            break;
        }
        n_fast_calls++;
    }
    pellucid_store_delete(own);
    return nothing;
}

static void debugged_here_and_fast_there(void) {
    pthread_t thread;
    pellucid_func_t work = work_in(store);
    n_fast_calls = n_events = is_over = 0;
    pthread_create(&thread, NULL, run_fast, NULL);
    int n_hits = 0, n_steps = 0, n_before = -1;
    for (int round = 0; round < 12 || n_fast_calls < n_before + 20; round++) {
        n_before = round == 2 ? n_fast_calls : n_before;
        int32_t n = 20 + round % 3, id = round;
        pellucid_value_t args[] = {value_i32(n), value_i32(id)}, result = {0};
        pellucid_call_t *call;
        pellucid_call_state_t state = PELLUCID_CALL_READY;
        MUST(pellucid_call_begin(store, &work, args, 2, &call, ERR));
        uint64_t at_mark = break_at_function(store, module, MARK), at_other = 0;
        for (int i = 0; state != PELLUCID_CALL_FINISHED; i++) {
            /* By operators, and from breakpoint to breakpoint; one comes and goes. */
            bool is_step = i % 3 != 0;
            MUST(pellucid_call_resume(call, is_step ? PELLUCID_RESUME_STEP : PELLUCID_RESUME_CONTINUE, &state, ERR));
            if (state == PELLUCID_CALL_PAUSED) {
                pellucid_event_kind_t event = event_of(call);
                n_hits += event == PELLUCID_EVENT_BREAKPOINT;
                n_steps += event == PELLUCID_EVENT_STEP;
                check_arguments(store, frame_of(call), n, id);
            }
            if (i % 16 == 7) {
                at_other = break_at_function(store, module, OTHER);
            } else if (i % 16 == 15) {
                remove_breakpoint(at_other);
                at_other = 0;
            }
        }
        MUST(pellucid_call_results(call, &result, 1));
        CHECK(result.of.i32 == result_of(n, id));
        pellucid_call_delete(call);
        remove_breakpoint(at_mark);
        if (at_other != 0) {
            remove_breakpoint(at_other);
        }
    }
    is_over = 1;
    pthread_join(thread, NULL);
    CHECK(n_hits > 200 && n_steps > 200 && n_fast_calls > 20 && n_events == 0);
}

int main(void) {
    for (int checks = 0; checks < 2; checks++) {
        has_checks = checks;
        open_world(true);
        module = module_of(WAT);
        stores_that_pause_on_their_threads();
        for (uint64_t i = 1; i <= 5; i++) {
            calls_in_any_order(i * UINT64_C(0x9e3779b97f4a7c15));
        }
        debugged_here_and_fast_there();
        pellucid_module_delete(module);
        close_world();
    }
    return finish();
}
