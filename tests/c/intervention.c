/* Interventions: what is written into a frame that stands still is what the guest goes on with. */

#include "test.h"

#include <sys/resource.h>

static pellucid_instance_t instance;
static pellucid_call_t *call;
static pellucid_call_state_t state;

static const char text[] =
    "(module (import \"host\" \"look\" (func $look (param i32) (result i32))) (table funcref (elem $inner $add))"
    "  (memory (export \"memory\") 1)"
    "  (func $inner (param i32) (result i32) (local i32 i64)"
    "    (local.set 1 (i32.const 7)) (i32.add (local.get 0) (local.get 1)))"
    "  (func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))"
    /* 100 * n + (n + 7) + 5 */
    "  (func (export \"outer\") (param i32) (result i32) (local i32)"
    "    (local.set 1 (i32.const 5))"
    "    (i32.mul (local.get 0) (i32.const 100)) (call $inner (local.get 0)) i32.add (i32.add (local.get 1)))"
    "  (func (export \"indirect\") (param i32) (result i32)"
    "    (call_indirect (param i32 i32) (result i32) (local.get 0) (i32.const 2) (i32.const 1)) (i32.mul (i32.const 10)))"
    "  (func (export \"host\") (param i32) (result i32) (local i32)"
    "    (local.set 1 (i32.const 5)) (call $look (local.get 0)) (i32.add (local.get 1)))"
    /* The sum of 1 to n, which is also in memory. */
    "  (func (export \"sum\") (param i32) (result i32) (local i32)"
    "    (loop $again"
    "      (local.set 1 (i32.add (local.get 1) (local.get 0)))"
    "      (i32.store (i32.const 0) (local.get 1))"
    "      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"
    "    (local.get 1))"
    "  (func $down (export \"down\") (param i32) (result i32)"
    "    (if (result i32) (local.get 0)"
    "      (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))"
    "      (else (i32.const 0))))"
    "  (func $fib (export \"fib\") (param i32) (result i32)"
    "    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))"
    "      (then (local.get 0))"
    "      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))"
    "                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))"
    "  (func (export \"never_ends\") (param i32) (result i32) (return (i32.const 3)))"
    "  (func (export \"traps\") (param i32) (result i32) unreachable))";

static pellucid_status_t looked_at = PELLUCID_OK;
static pellucid_interrupt_t *interrupt;

/* Writes into the frame that called the host, and tries what can't be done there. */
static pellucid_status_t look(void *unused, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)unused, (void)out_error, (void)caller, (void)n_args, (void)n_results;
    results[0] = args[0];
    if (interrupt != NULL)
        return pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_PAUSE);
    pellucid_frame_t frame;
    pellucid_value_t local = value_i32(50), read[2];
    uint32_t n;
    MUST(pellucid_frame_newest(store, &frame));
    MUST(pellucid_frame_write_local(store, &frame, 1, &local, ERR));
    MUST(pellucid_frame_read_locals(store, &frame, 0, read, 2, &n));
    CHECK(read[0].of.i32 == args[0].of.i32 && read[1].of.i32 == 50);
    MUST(pellucid_frame_read_locals(store, &frame, 1, read, 1, &n));
    CHECK(read[0].of.i32 == 50);
    looked_at = pellucid_frame_restart(store, &frame, NULL, ERR);
    return PELLUCID_OK;
}

static void open_scene(void) {
    open_world(true);
    pellucid_kind_t i32 = PELLUCID_I32;
    pellucid_functype_t *type;
    pellucid_func_t func;
    pellucid_module_t *module = module_of(text);
    MUST(pellucid_functype_new(&i32, 1, &i32, 1, &type));
    MUST(pellucid_func_new(store, type, NULL, look, NULL, &func, ERR));
    pellucid_extern_t import = {0};
    import.kind = PELLUCID_EXTERN_FUNC;
    import.of.func = func;
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    pellucid_functype_delete(type);
    pellucid_module_delete(module);
}

static void begin(const char *name, int32_t arg) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t value = value_i32(arg);
    MUST(pellucid_call_begin(store, &func, &value, 1, &call, ERR));
}

static bool step(void) {
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
    return state == PELLUCID_CALL_PAUSED;
}

static pellucid_frame_t caller_of(pellucid_frame_t frame) {
    MUST(pellucid_frame_caller(store, &frame, &frame));
    return frame;
}

static int32_t local_of(pellucid_frame_t frame, uint32_t local) {
    pellucid_value_t value;
    uint32_t n;
    MUST(pellucid_frame_read_locals(store, &frame, local, &value, 1, &n));
    return value.of.i32;
}

static uint32_t pc_of(pellucid_frame_t frame) {
    uint32_t pc;
    MUST(pellucid_frame_pc(store, &frame, &pc));
    return pc;
}

static uint32_t operands_of(pellucid_frame_t frame) {
    uint32_t n;
    MUST(pellucid_frame_operand_count(store, &frame, &n));
    return n;
}

/* Begins `name` and steps until so many frames are there; then so many operators more. */
static pellucid_frame_t stop_in(const char *name, int32_t arg, uint32_t frames, uint32_t operators) {
    begin(name, arg);
    do
        CHECK(step());
    while (depth_of(call) != frames);
    while (operators-- != 0)
        CHECK(step());
    return frame_of(call);
}

static int32_t result_of_call(void) {
    pellucid_value_t result = value_i32(-1);
    if (CHECK(state == PELLUCID_CALL_FINISHED))
        MUST(pellucid_call_results(call, &result, 1));
    pellucid_call_delete(call);
    return result.of.i32;
}

static int32_t run_on(void) {
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    return result_of_call();
}

static void write_local(pellucid_frame_t frame, uint32_t local, int32_t number) {
    pellucid_value_t value = value_i32(number);
    MUST(pellucid_frame_write_local(store, &frame, local, &value, ERR));
    CHECK(local_of(frame, local) == number);
    CHECK(pellucid_frame_is_valid(store, &frame));
}

static void innermost_frames_take_what_is_written(void) {
    open_scene();
    write_local(stop_in("outer", 3, 2, 0), 0, 50);
    CHECK(run_on() == 300 + 57 + 5);
    /* In the middle of a run: the local was just set, the operand just pushed. */
    pellucid_frame_t frame = stop_in("outer", 3, 2, 3);
    pellucid_value_t ten = value_i32(10), read;
    uint32_t n;
    MUST(pellucid_frame_write_operand(store, &frame, 0, &ten, ERR));
    write_local(frame, 1, 20);
    MUST(pellucid_frame_read_operands(store, &frame, 0, &read, 1, &n));
    CHECK(n == 1 && read.of.i32 == 10);
    CHECK(run_on() == 300 + 30 + 5);
    /* A local that the function never uses is another one all the same. */
    frame = stop_in("outer", 3, 2, 3);
    pellucid_value_t wide = value_i64(1LL << 40);
    MUST(pellucid_frame_write_local(store, &frame, 2, &wide, ERR));
    CHECK(step());
    frame = frame_of(call);
    MUST(pellucid_frame_read_locals(store, &frame, 2, &read, 1, &n));
    CHECK(read.kind == PELLUCID_I64 && read.of.i64 == 1LL << 40);
    CHECK(run_on() == 300 + 10 + 5);
    close_world();
}

static void frames_that_wait_take_it_when_they_are_returned_to(void) {
    open_scene();
    pellucid_frame_t frame = caller_of(stop_in("outer", 3, 2, 1));
    pellucid_value_t operand = value_i32(1000), read;
    uint32_t n;
    write_local(frame, 1, 6);
    write_local(frame, 1, 8);
    MUST(pellucid_frame_write_operand(store, &frame, 0, &operand, ERR));
    MUST(pellucid_frame_read_operands(store, &frame, 0, &read, 1, &n));
    CHECK(read.of.i32 == 1000);
    CHECK(step());
    CHECK(local_of(caller_of(frame_of(call)), 1) == 8);
    CHECK(run_on() == 1000 + 10 + 8);
    /* Every frame of a recursion is its own. */
    frame = stop_in("down", 5, 4, 0);
    for (int i = 0; i < 2; i++)
        frame = caller_of(frame);
    operand = value_i32(100);
    MUST(pellucid_frame_write_operand(store, &frame, 0, &operand, ERR));
    CHECK(run_on() == 4 + 100);
    /* Given up with the call. */
    write_local(caller_of(stop_in("outer", 3, 2, 1)), 1, 6);
    pellucid_call_delete(call);
    begin("outer", 3);
    CHECK(run_on() == 300 + 10 + 5);
    /* In a host function. */
    begin("host", 4);
    CHECK(run_on() == 54 && looked_at == PELLUCID_ERR_INVALID_STATE);
    close_world();
}

static void frames_return_early(void) {
    open_scene();
    pellucid_value_t result = value_i32(1000), results[2] = {result, result};
    for (uint32_t operators = 0; operators < 5; operators++) {
        pellucid_frame_t frame = stop_in("outer", 3, 2, operators), moved;
        STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_frame_return(store, &frame, results, 2, &moved, ERR));
        result = value_i64(1);
        STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_return(store, &frame, &result, 1, &moved, ERR));
        result = value_i32(1000);
        MUST(pellucid_frame_return(store, &frame, &result, 1, &moved, ERR));
        CHECK(!pellucid_frame_is_valid(store, &frame) && pellucid_frame_is_valid(store, &moved));
        CHECK(depth_of(call) == 2);
        uint32_t n;
        pellucid_value_t read;
        MUST(pellucid_frame_read_operands(store, &moved, 0, &read, 1, &n));
        CHECK(n == 1 && read.of.i32 == 1000);
        CHECK(step() && depth_of(call) == 1);
        CHECK(run_on() == 300 + 1000 + 5);
    }
    /* With the frames that it has called. */
    pellucid_frame_t frame = caller_of(stop_in("outer", 3, 2, 1));
    MUST(pellucid_frame_return(store, &frame, &result, 1, NULL, ERR));
    CHECK(depth_of(call) == 1);
    CHECK(run_on() == 1000);
    frame = caller_of(caller_of(stop_in("down", 5, 6, 1)));
    MUST(pellucid_frame_return(store, &frame, &result, 1, &frame, ERR));
    CHECK(depth_of(call) == 4);
    CHECK(run_on() == 3 + 1000);
    /* From a function whose end nothing leads to. */
    frame = stop_in("never_ends", 3, 1, 0);
    MUST(pellucid_frame_return(store, &frame, &result, 1, &frame, ERR));
    CHECK(run_on() == 1000);
    frame = stop_in("traps", 3, 1, 0);
    MUST(pellucid_frame_return(store, &frame, &result, 1, &frame, ERR));
    CHECK(run_on() == 1000);
    close_world();
}

static void frames_begin_again(void) {
    open_scene();
    pellucid_frame_t frame = stop_in("sum", 10, 1, 40);
    CHECK(local_of(frame, 1) != 0);
    write_local(frame, 0, 4);
    MUST(pellucid_frame_restart(store, &frame, &frame, ERR));
    CHECK(local_of(frame, 1) == 0 && local_of(frame, 0) == 4);
    CHECK(run_on() == 10);
    frame = caller_of(stop_in("outer", 3, 2, 2));
    write_local(frame, 0, 4);
    MUST(pellucid_frame_restart(store, &frame, &frame, ERR));
    CHECK(depth_of(call) == 1 && local_of(frame, 0) == 4 && local_of(frame, 1) == 0);
    CHECK(run_on() == 400 + 11 + 5);
    close_world();
}

static void frames_are_dropped(void) {
    open_scene();
    pellucid_frame_t frame = stop_in("outer", 3, 2, 2);
    const uint32_t pc = pc_of(caller_of(frame));
    write_local(frame, 0, 9);
    MUST(pellucid_frame_drop(store, &frame, &frame, ERR));
    uint32_t n;
    pellucid_value_t read[3];
    MUST(pellucid_frame_read_operands(store, &frame, 0, read, 3, &n));
    CHECK(depth_of(call) == 1 && pc_of(frame) == pc && n == 2 && read[0].of.i32 == 300 && read[1].of.i32 == 9);
    CHECK(step() && depth_of(call) == 2);
    CHECK(run_on() == 300 + 16 + 5);
    frame = stop_in("indirect", 3, 2, 1);
    write_local(frame, 1, 5);
    MUST(pellucid_frame_drop(store, &frame, &frame, ERR));
    MUST(pellucid_frame_read_operands(store, &frame, 0, read, 3, &n));
    CHECK(n == 3 && read[0].of.i32 == 3 && read[1].of.i32 == 5 && read[2].of.i32 == 1);
    CHECK(run_on() == 80);
    frame = caller_of(caller_of(stop_in("down", 5, 6, 1)));
    MUST(pellucid_frame_drop(store, &frame, &frame, ERR));
    CHECK(depth_of(call) == 3);
    CHECK(run_on() == 5);
    frame = stop_in("outer", 3, 1, 1);
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_frame_drop(store, &frame, &frame, ERR));
    CHECK(pellucid_frame_is_valid(store, &frame));
    CHECK(run_on() == 315);
    close_world();
}

static void frames_move_to_other_operators(void) {
    open_scene();
    pellucid_frame_t frame = stop_in("sum", 10, 1, 0);
    const uint32_t first = pc_of(frame);
    for (int i = 0; i < 12; i++)
        CHECK(step());
    frame = frame_of(call);
    CHECK(operands_of(frame) == 1);
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_set_pc(store, &frame, first, &frame, ERR));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_frame_set_pc(store, &frame, first + 1, &frame, ERR));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_frame_set_pc(store, &frame, 0, &frame, ERR));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_frame_set_pc(store, &frame, UINT32_MAX, &frame, ERR));
    do
        CHECK(step());
    while (frame = frame_of(call), operands_of(frame) != 0);
    write_local(frame, 0, 3);
    write_local(frame, 1, 0);
    MUST(pellucid_frame_set_pc(store, &frame, first, &frame, ERR));
    CHECK(pc_of(frame) == first && local_of(frame, 0) == 3);
    CHECK(run_on() == 6);
    close_world();
}

static void calls_are_ended(void) {
    open_scene();
    stop_in("outer", 3, 2, 2);
    MUST(pellucid_call_trap(call, TEXT("enough"), ERR));
    CHECK(pellucid_call_state(call) == PELLUCID_CALL_TRAPPED);
    pellucid_error_t *error;
    MUST(pellucid_call_error(call, &error));
    CHECK(message_has(error, "enough") && pellucid_error_trap(error) == PELLUCID_TRAP_REQUESTED);
    CHECK(pellucid_error_frame_count(error) == 2);
    pellucid_error_delete(error);
    pellucid_frame_t frame = frame_of(call);
    CHECK(depth_of(call) == 2);
    pellucid_value_t value = value_i32(1);
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_frame_write_local(store, &frame, 0, &value, ERR));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_frame_return(store, &frame, &value, 1, &frame, ERR));
    frame = caller_of(frame);
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_frame_write_local(store, &frame, 0, &value, ERR));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_trap(call, TEXT("again"), ERR));
    pellucid_call_delete(call);
    begin("outer", 3);
    MUST(pellucid_call_trap(call, TEXT("not even begun"), ERR));
    CHECK(pellucid_call_state(call) == PELLUCID_CALL_TRAPPED);
    pellucid_call_delete(call);
    close_world();
}

/* A call that is interrupted hasn't come to the operator where it pauses: a breakpoint there is hit when it goes on, also if the
 * frame was changed meanwhile. */
static void breakpoints_are_hit_after_an_interrupt(void) {
    for (int is_changed = 0; is_changed <= 1; is_changed++) {
        open_scene();
        MUST(pellucid_store_interrupt(store, &interrupt, ERR));
        begin("host", 4);
        MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
        CHECK(state == PELLUCID_CALL_PAUSED);
        pellucid_frame_t frame = frame_of(call);
        pellucid_module_t *module;
        pellucid_edit_t *edit;
        uint64_t id;
        uint32_t pc;
        MUST(pellucid_instance_module(store, &instance, &module));
        MUST(pellucid_edit_begin(store, &edit));
        MUST(pellucid_edit_add(edit, module, pc_of(frame), &id, &pc));
        MUST(pellucid_edit_commit(edit, ERR));
        pellucid_edit_delete(edit);
        CHECK(pc == pc_of(frame));
        if (is_changed)
            write_local(frame, 1, 50);
        MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
        if (CHECK(state == PELLUCID_CALL_PAUSED)) {
            frame = frame_of(call);
            CHECK(pc_of(frame) == pc && local_of(frame, 1) == (is_changed ? 50 : 5));
            CHECK(run_on() == (is_changed ? 54 : 9));
        }
        pellucid_module_delete(module);
        pellucid_interrupt_delete(interrupt);
        interrupt = NULL;
        close_world();
    }
}

/* Each frame of `fib` has one or two less than its caller. */
static bool are_frames_of_fib(int32_t n) {
    pellucid_frame_t frame = frame_of(call);
    int32_t inner = local_of(frame, 0);
    bool holds = inner >= 0;
    while (holds && pellucid_frame_caller(store, &frame, &frame) == PELLUCID_OK) {
        int32_t outer = local_of(frame, 0);
        holds = outer == inner + 1 || outer == inner + 2;
        inner = outer;
    }
    return holds && inner == n;
}

/* Whenever a call is interrupted, its frames are those that it has then, also while writes into others wait. */
static void interrupts_show_frames_as_they_are(void) {
    open_scene();
    unsigned random = 1, pauses = 0;
    for (int i = 0; i < 40; i++) {
        begin("fib", 19);
        for (;;) {
            random = random * 1103515245 + 12345;
            pellucid_budget_t time = {5 + (random >> 16) % 40, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE};
            if (pauses % 50 == 49)
                time.microseconds = 10000000;
            MUST(pellucid_call_resume_for(call, PELLUCID_RESUME_CONTINUE, &time, &state, ERR));
            if (state != PELLUCID_CALL_PAUSED)
                break;
            pauses++;
            if (!CHECK(are_frames_of_fib(19)))
                break;
            pellucid_frame_t frame = frame_of(call);
            for (uint32_t up = (random >> 8) % depth_of(call); up > 0; up--)
                frame = caller_of(frame);
            write_local(frame, 0, local_of(frame, 0));
        }
        CHECK(result_of_call() == 4181);
    }
    CHECK(pauses > 0);
    close_world();
}

/* What was asked for while a call was paused is done before anything runs, also if its frame was changed. */
static void interrupts_come_before_changed_frames_run(void) {
    open_scene();
    MUST(pellucid_store_interrupt(store, &interrupt, ERR));
    for (int change = 0; change < 5; change++) {
        for (int kind = PELLUCID_INTERRUPT_TRAP; kind <= PELLUCID_INTERRUPT_PAUSE; kind++) {
            pellucid_frame_t frame = stop_in("outer", 3, 2, 3);
            int32_t expected = 315;
            for (int times = 0; times < 3; times++) {
                if (change == 1)
                    write_local(frame, 1, 20 + times), expected = 328 + times;
                if (change == 2)
                    MUST(pellucid_frame_set_pc(store, &frame, pc_of(frame), &frame, ERR));
                if (change == 3)
                    MUST(pellucid_frame_restart(store, &frame, &frame, ERR));
                if (change == 4 && times == 0)
                    MUST(pellucid_frame_drop(store, &frame, &frame, ERR));
                uint32_t pc = pc_of(frame), frames = depth_of(call);
                MUST(pellucid_interrupt_request(interrupt, (pellucid_interrupt_kind_t)kind));
                MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
                frame = frame_of(call);
                CHECK(pc_of(frame) == pc && depth_of(call) == frames);
                if (kind == PELLUCID_INTERRUPT_TRAP)
                    break;
                CHECK(state == PELLUCID_CALL_PAUSED);
            }
            if (kind == PELLUCID_INTERRUPT_PAUSE) {
                CHECK(run_on() == expected);
            } else {
                CHECK(state == PELLUCID_CALL_TRAPPED);
                pellucid_call_delete(call);
            }
        }
    }
    pellucid_interrupt_delete(interrupt);
    interrupt = NULL;
    close_world();
}

static pellucid_action_t restart_and_pause(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    (void)userdata;
    pellucid_frame_t frame;
    MUST(pellucid_event_frame(event, &frame));
    uint32_t frames = 0;
    for (pellucid_frame_t up = frame; pellucid_frame_caller(where, &up, &up) == PELLUCID_OK;)
        frames++;
    if (frames == 0)
        return PELLUCID_ACTION_STEP;
    MUST(pellucid_frame_restart(where, &frame, NULL, ERR));
    return PELLUCID_ACTION_PAUSE;
}

/* What a handler has moved is where it is when the call pauses. */
static void events_of_paused_calls_know_of_moves(void) {
    open_scene();
    stop_in("outer", 3, 1, 6);
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_STEP, NULL, restart_and_pause, NULL));
    CHECK(step());
    const pellucid_event_t *event;
    pellucid_frame_t frame, again;
    MUST(pellucid_call_event(call, &event));
    MUST(pellucid_event_frame(event, &frame));
    CHECK(pellucid_frame_is_valid(store, &frame));
    CHECK(pellucid_event_pc(event) == pc_of(frame));
    MUST(pellucid_frame_restart(store, &frame, &again, ERR));
    CHECK(pc_of(again) == pellucid_event_pc(event));
    OK(pellucid_store_clear_event_handler(store));
    CHECK(run_on() == 315);
    close_world();
}

static void bad_arguments_change_nothing(void) {
    open_scene();
    pellucid_frame_t frame = stop_in("outer", 3, 2, 2), stale = frame;
    pellucid_value_t value = value_i32(1), wide = value_i64(1), unknown = value_of(200);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_frame_write_local(store, &frame, 3, &value, ERR));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_frame_write_operand(store, &frame, UINT32_MAX, &value, ERR));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_write_local(store, &frame, 0, &wide, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_frame_write_local(store, &frame, 0, &unknown, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_frame_write_local(store, &frame, 0, NULL, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_frame_write_local(store, NULL, 0, &value, ERR));
    frame = caller_of(frame);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_frame_write_operand(store, &frame, 1, &value, ERR));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_frame_write_local(store, &frame, 0, &wide, ERR));
    frame.position = 7;
    STATUS(PELLUCID_ERR_STALE_HANDLE, pellucid_frame_write_local(store, &frame, 0, &value, ERR));
    CHECK(step());
    STATUS(PELLUCID_ERR_STALE_HANDLE, pellucid_frame_write_local(store, &stale, 0, &value, ERR));
    STATUS(PELLUCID_ERR_STALE_HANDLE, pellucid_frame_drop(store, &stale, NULL, ERR));
    CHECK(run_on() == 315);
    close_world();
}

/* At every step of a call, every local and operand of every frame is written with what it has: nothing changes. */
static void writing_what_is_there_changes_nothing(const char *name, int32_t arg) {
    open_scene();
    uint32_t steps = 0;
    begin(name, arg);
    while (step())
        steps++;
    pellucid_value_t expected, values[8];
    MUST(pellucid_call_results(call, &expected, 1));
    pellucid_call_delete(call);
    for (uint32_t at = 0; at < steps; at++) {
        begin(name, arg);
        for (uint32_t done = 0; done <= at; done++)
            CHECK(step());
        pellucid_frame_t frame = frame_of(call);
        do {
            uint32_t n;
            MUST(pellucid_frame_read_locals(store, &frame, 0, values, 8, &n));
            for (uint32_t i = 0; i < n; i++)
                MUST(pellucid_frame_write_local(store, &frame, i, &values[i], ERR));
            MUST(pellucid_frame_read_operands(store, &frame, 0, values, 8, &n));
            for (uint32_t i = 0; i < n; i++)
                MUST(pellucid_frame_write_operand(store, &frame, i, &values[i], ERR));
        } while (pellucid_frame_caller(store, &frame, &frame) == PELLUCID_OK);
        uint32_t left = steps - at - 1;
        while (at % 2 == 0 && step())
            left--;
        if (at % 2 == 0) {
            CHECK(left == 0 && state == PELLUCID_CALL_FINISHED);
            pellucid_value_t result;
            MUST(pellucid_call_results(call, &result, 1));
            CHECK(result.of.i32 == expected.of.i32);
            pellucid_call_delete(call);
        } else
            CHECK(run_on() == expected.of.i32);
    }
    close_world();
}

/* Whatever registers and stack hold of arguments and results: a function of `n` integers and `m` floats or vectors, each as
 * parameter and result, returns early to a caller that has locals of its own. */
static void any_signature_returns_early(int n, int m, bool has_vectors) {
    char types[400] = "", args[800] = "", drops[800] = "", source[4000];
    for (int i = 0; i < n + m; i++) {
        const bool is_float = i % 2 != 0 ? i / 2 < m : i / 2 >= n;
        const bool is_vector = is_float && has_vectors && i % 3 != 0;
        strcat(types, is_vector ? " v128" : is_float ? " f64" : " i32");
        char arg[40];
        sprintf(arg, is_vector ? "(v128.const i64x2 %d 7)" : is_float ? "(f64.const %d)" : "(i32.const %d)", i + 1);
        strcat(args, arg);
    }
    sprintf(drops, "(local.set 1 (i32.const 77))");
    sprintf(source,
            "(module (func $f (param%s) (result%s) %s)"
            "  (func (export \"g\") (param i32) (result%s i32) (local i32) %s (call $f %s) (i32.add (local.get 0) (local.get 1))))",
            types, types, args, types, drops, args);
    open_world(true);
    instance = instance_of(source);
    begin("g", 1000);
    do
        CHECK(step());
    while (depth_of(call) != 2);
    pellucid_value_t results[64] = {0};
    pellucid_frame_t frame = frame_of(call);
    uint32_t count;
    MUST(pellucid_frame_read_locals(store, &frame, 0, results, 64, &count));
    CHECK(count == (uint32_t)(n + m));
    for (uint32_t i = 0; i < count; i++) {
        if (results[i].kind == PELLUCID_I32)
            results[i].of.i32 += 500;
        else if (results[i].kind == PELLUCID_F64)
            results[i].of.f64 += 500;
        else {
            CHECK(results[i].of.v128[0] == i + 1 && results[i].of.v128[8] == 7);
            results[i].of.v128[0] += 50;
            results[i].of.v128[15] = 99;
        }
    }
    MUST(pellucid_frame_return(store, &frame, results, count, NULL, ERR));
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    if (CHECK(state == PELLUCID_CALL_FINISHED)) {
        pellucid_value_t got[64];
        MUST(pellucid_call_results(call, got, count + 1));
        for (uint32_t i = 0; i < count; i++) {
            CHECK(got[i].kind == results[i].kind);
            if (got[i].kind == PELLUCID_I32)
                CHECK(got[i].of.i32 == 501 + (int32_t)i);
            else if (got[i].kind == PELLUCID_F64)
                CHECK(got[i].of.f64 == 501.0 + i);
            else
                CHECK(memcmp(got[i].of.v128, results[i].of.v128, 16) == 0);
        }
        CHECK(got[count].of.i32 == 1077);
    }
    pellucid_call_delete(call);
    close_world();
}

/* A module of `n` functions that call each other in turn and add 1 each. */
static void open_chain(int n) {
    char *source = malloc(200 * (size_t)n + 200), *end = source;
    end += sprintf(end, "(module");
    for (int i = 0; i < n; i++) {
        end += sprintf(end, "(func $f%d (export \"f%d\") (param i32) (result i32) (local i32)", i, i);
        if (i + 1 < n)
            end += sprintf(end, "(i32.add (i32.add (local.get 1) (i32.const 1)) (call $f%d (local.get 0))))", i + 1);
        else
            end += sprintf(end, "(i32.add (i32.add (local.get 1) (i32.const 1)) (local.get 0)))");
    }
    sprintf(end, ")");
    open_world(true);
    instance = instance_of(source);
    free(source);
}

static int mappings(void) {
    FILE *maps = fopen("/proc/self/maps", "r");
    int lines = 0;
    for (int c; (c = fgetc(maps)) != EOF;)
        lines += c == '\n';
    fclose(maps);
    return lines;
}

/* However many functions were changed, only so many are kept in their other form; but for those that frames are in. */
static void forms_are_given_back(void) {
    enum { N = 300 };
    open_chain(N);
    char name[20];
    const int before = mappings();
    for (int i = N - 1; i >= 0; i--) {
        sprintf(name, "f%d", i);
        begin(name, 5);
        CHECK(step());
        write_local(frame_of(call), 1, 1000);
        CHECK(run_on() == 5 + 1000 + (N - i));
    }
    CHECK(mappings() - before < 3 * 2 * 64);
    /* A breakpoint in a function whose other form goes, comes and goes again. */
    pellucid_module_t *module;
    MUST(pellucid_instance_module(store, &instance, &module));
    break_at_function(store, module, 299);
    begin("f0", 5);
    for (int i = 0; i < N; i++) {
        do
            CHECK(step());
        while (depth_of(call) != (uint32_t)i + 1);
        write_local(frame_of(call), 1, 10);
    }
    CHECK(mappings() - before > 3 * N / 2);
    CHECK(run_on() == 5 + 11 * N);
    pellucid_module_delete(module);
    close_world();
}

/* Without memory for the other form nothing changes, and another time it can be had. The address sanitizer ends the process if its
 * own memory is refused, so the program is run without it, too. */
static void refused_memory_is_a_status(void) {
#ifdef __SANITIZE_ADDRESS__
    return;
#endif
    open_chain(3);
    begin("f0", 5);
    do
        CHECK(step());
    while (depth_of(call) != 2);
    struct rlimit limit, none;
    getrlimit(RLIMIT_AS, &limit);
    none = limit;
    none.rlim_cur = 0;
    pellucid_frame_t frame = frame_of(call), outer = caller_of(frame), moved;
    pellucid_value_t value = value_i32(1000);
    setrlimit(RLIMIT_AS, &none);
    pellucid_status_t statuses[] = {
        pellucid_frame_write_local(store, &frame, 1, &value, NULL),
        pellucid_frame_write_operand(store, &outer, 0, &value, NULL),
        pellucid_frame_return(store, &frame, &value, 1, &moved, NULL),
        pellucid_frame_restart(store, &outer, &moved, NULL),
        pellucid_frame_drop(store, &frame, &moved, NULL),
    };
    setrlimit(RLIMIT_AS, &limit);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        CHECK(statuses[i] == PELLUCID_ERR_SYSTEM);
    CHECK(pellucid_frame_is_valid(store, &frame) && local_of(frame, 1) == 0 && depth_of(call) == 2);
    write_local(frame_of(call), 1, 1000);
    CHECK(run_on() == 5 + 1003);
    close_world();
}

int main(void) {
    forms_are_given_back();
    refused_memory_is_a_status();
    innermost_frames_take_what_is_written();
    frames_that_wait_take_it_when_they_are_returned_to();
    frames_return_early();
    frames_begin_again();
    frames_are_dropped();
    frames_move_to_other_operators();
    calls_are_ended();
    breakpoints_are_hit_after_an_interrupt();
    events_of_paused_calls_know_of_moves();
    interrupts_show_frames_as_they_are();
    interrupts_come_before_changed_frames_run();
    bad_arguments_change_nothing();
    writing_what_is_there_changes_nothing("outer", 3);
    writing_what_is_there_changes_nothing("sum", 5);
    writing_what_is_there_changes_nothing("down", 3);
    writing_what_is_there_changes_nothing("indirect", 3);
    for (int n = 0; n <= 12; n++)
        for (int m = 0; m <= 12; m += n < 4 || n > 9 ? 1 : 4) {
            any_signature_returns_early(n, m, false);
            any_signature_returns_early(n, m, true);
        }
    return finish();
}
