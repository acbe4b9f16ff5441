/* What a frame has shown is what runs, whatever changes between two operators: in the exact form throughout, and where a frame
 * goes on in it when it has to. */

#include "test.h"

static pellucid_instance_t instance;
static pellucid_memory_t memory, second_memory;
static pellucid_global_t global;
static pellucid_table_t table;

/* Each function pushes one value and looks at it two operators later. */
static const char text[] =
    "(module (memory (export \"memory\") 1 4) (memory (export \"second\") 1)"
    "  (global $g (export \"global\") (mut i32) (i32.const 1)) (table (export \"table\") 1 funcref)"
    "  (data (i32.const 16) \"\\11\\01\\c0\\7f\")"
    "  (func (export \"load\") (result i32) (i32.load (i32.const 0)) (nop) (i32.add (i32.const 10)))"
    "  (func (export \"load2\") (result i32) (i32.load 1 (i32.const 0)) (nop) (i32.add (i32.const 10)))"
    "  (func (export \"get\") (result i32) (global.get $g) (nop) (i32.add (i32.const 10)))"
    "  (func (export \"size\") (result i32) (memory.size) (nop) (i32.add (i32.const 10)))"
    "  (func (export \"elements\") (result i32) (table.size) (nop) (i32.add (i32.const 10)))"
    "  (func (export \"element\") (result i32) (ref.is_null (table.get (i32.const 0))) (nop) (i32.add (i32.const 10)))"
    "  (func (export \"bump\") (i32.store (i32.const 0) (i32.const 100)) (global.set $g (i32.const 100))"
    "    (i32.store 1 (i32.const 0) (i32.const 100)) (drop (memory.grow (i32.const 1)))"
    "    (table.set (i32.const 0) (ref.func $f)) (drop (table.grow (ref.func $f) (i32.const 3)))"
    "    (data.drop $d) (elem.drop $e))"
    "  (data $d \"x\") (elem $e func $f)"
    "  (func $f (export \"branch\") (result i32)"
    "    (if (result i32) (i32.load (i32.const 0)) (then (i32.const 1)) (else (i32.const 2))))"
    /* The end shows the sum of all. */
    "  (func (export \"all\") (result i32)"
    "    (i32.load (i32.const 0)) (i32.load 1 (i32.const 0)) i32.add (global.get $g) i32.add (memory.size) i32.add"
    "    (table.size) i32.add (ref.is_null (table.get (i32.const 0))) i32.add)"
    /* Both operands are NaNs: the payload of the sum is the machine's choice. */
    "  (func (export \"nan\") (param f32) (result i32) (local i32)"
    "    (if (i32.eq (i32.reinterpret_f32 (f32.add (f32.load (i32.const 16)) (local.get 0))) (i32.const 0x7fc00222))"
    "      (then (local.set 1 (i32.const 1)) (i32.store (i32.const 64) (i32.const 1))))"
    "    (local.get 1)))";

static bool is_exact;

static void open_exactly(void) {
    pellucid_config_t *config;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, true));
    MUST(pellucid_config_set_exact(config, is_exact));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_config_set_exact(NULL, true));
    MUST(pellucid_engine_new(config, &engine, ERR));
    pellucid_config_delete(config);
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    instance = instance_of(text);
    memory = export_of(instance, "memory").of.memory;
    second_memory = export_of(instance, "second").of.memory;
    global = export_of(instance, "global").of.global;
    table = export_of(instance, "table").of.table;
}

static void the_host_writes(void) {
    const int32_t number = 100;
    pellucid_value_t value = value_i32(number), reference = {0};
    MUST(pellucid_memory_write(store, &memory, 0, (const uint8_t *)&number, sizeof number));
    MUST(pellucid_memory_write(store, &second_memory, 0, (const uint8_t *)&number, sizeof number));
    MUST(pellucid_global_set(store, &global, &value));
    MUST(pellucid_memory_grow(store, &memory, 1, NULL, ERR));
    reference.kind = PELLUCID_FUNCREF;
    reference.of.funcref = func_of(instance, "branch");
    MUST(pellucid_table_set(store, &table, 0, &reference));
    MUST(pellucid_table_grow(store, &table, 3, &reference, NULL, ERR));
}

/* By the address that the host was given. */
static void the_host_writes_unseen(void) {
    uint8_t *data;
    MUST(pellucid_memory_data(store, &memory, &data, NULL));
    memset(data, 99, 4);
    MUST(pellucid_memory_data(store, &second_memory, &data, NULL));
    memset(data, 99, 4);
    pellucid_value_t value = value_i32(99);
    MUST(pellucid_global_set(store, &global, &value));
    the_host_writes();
}

/* Another call of the store, which is paused in between. */
static void a_paused_call_writes(void) {
    pellucid_func_t bump = func_of(instance, "bump");
    pellucid_call_t *call;
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &bump, NULL, 0, &call, ERR));
    do
        MUST(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
    while (state == PELLUCID_CALL_PAUSED);
    CHECK(state == PELLUCID_CALL_FINISHED);
    pellucid_call_delete(call);
}

static void a_guest_writes(void) {
    pellucid_func_t bump = func_of(instance, "bump");
    MUST(pellucid_func_call(store, &bump, NULL, 0, NULL, 0, ERR));
}

/* Steps through `name`, and has everything change when its value has been pushed; answers the result. */
static int32_t result_of(const char *name, void (*change)(void), int32_t *shown) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_call_t *call;
    pellucid_call_state_t state;
    pellucid_value_t result, operand;
    bool is_changed = false;
    *shown = -1;
    MUST(pellucid_call_begin(store, &func, NULL, 0, &call, ERR));
    for (;;) {
        MUST(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
        if (state != PELLUCID_CALL_PAUSED)
            break;
        pellucid_frame_t frame;
        uint32_t n;
        MUST(pellucid_call_frame(call, &frame));
        MUST(pellucid_frame_read_operands(store, &frame, 0, &operand, 1, &n));
        /* Addresses are 0, and what is read is 1. A reference is no number. */
        if (n == 1 && !is_changed && operand.kind == PELLUCID_I32 && operand.of.i32 != 0) {
            *shown = operand.of.i32;
            change();
            is_changed = true;
        }
    }
    CHECK(state == PELLUCID_CALL_FINISHED);
    MUST(pellucid_call_results(call, &result, 1));
    pellucid_call_delete(call);
    return result.of.i32;
}

static void what_was_shown_is_what_runs(void (*change)(void)) {
    static const char *const names[] = {"load", "load2", "get", "size", "element", "elements"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        open_exactly();
        const int32_t one = 1;
        MUST(pellucid_memory_write(store, &memory, 0, (const uint8_t *)&one, sizeof one));
        MUST(pellucid_memory_write(store, &second_memory, 0, (const uint8_t *)&one, sizeof one));
        int32_t shown, result = result_of(names[i], change, &shown);
        CHECK(shown == 1);
        CHECK(result == shown + 10);
        close_world();
    }
}

/* In a run that reads everything there is, changes come before each of its operators in turn. What the run gives is known by
 * what was pushed: each value as it was when its operator was passed. */
static void what_was_shown_runs_at_every_operator(void) {
    void (*const changes[])(void) = {the_host_writes, a_guest_writes, the_host_writes_unseen, a_paused_call_writes};
    for (size_t which = 0; which < sizeof changes / sizeof *changes; which++) {
        for (int at = 0;; at++) {
            open_exactly();
            pellucid_func_t func = func_of(instance, "all");
            pellucid_call_t *call;
            pellucid_call_state_t state;
            pellucid_value_t operands[8], result;
            int64_t expected = 0;
            uint32_t before = 0;
            int steps = 0;
            MUST(pellucid_call_begin(store, &func, NULL, 0, &call, ERR));
            for (;; steps++) {
                MUST(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
                if (state != PELLUCID_CALL_PAUSED)
                    break;
                pellucid_frame_t frame;
                uint32_t n;
                MUST(pellucid_call_frame(call, &frame));
                MUST(pellucid_frame_read_operands(store, &frame, 0, operands, 8, &n));
                /* An addition takes two operands: its result is what was shown of both. */
                if (before == 2 && n == 1)
                    CHECK(operands[0].of.i32 == (int32_t)expected);
                expected = 0;
                for (uint32_t i = 0; i < n; i++)
                    expected += operands[i].of.i32;
                before = n;
                if (steps == at)
                    changes[which]();
            }
            CHECK(state == PELLUCID_CALL_FINISHED);
            MUST(pellucid_call_results(call, &result, 1));
            CHECK(result.of.i32 == (int32_t)expected);
            pellucid_call_delete(call);
            close_world();
            if (steps <= at)
                break;
        }
    }
}

/* The condition of a branch is taken as it was shown, also if its memory is another by then. */
static void branches_go_where_they_were_shown_to(void) {
    open_exactly();
    const int32_t one = 1;
    MUST(pellucid_memory_write(store, &memory, 0, (const uint8_t *)&one, sizeof one));
    int32_t shown;
    const int32_t result = result_of("branch", the_host_writes, &shown);
    CHECK(shown == 1 && result == 1);
    close_world();
}

static int hits;

static pellucid_action_t count_hits(void *unused, pellucid_store_t *in, pellucid_event_t *event) {
    (void)unused, (void)in, (void)event;
    hits++;
    return PELLUCID_ACTION_CONTINUE;
}

static void a_breakpoint_is_hit_by_what_runs(void) {
    open_exactly();
    hits = 0;
    pellucid_module_t *module;
    MUST(pellucid_instance_module(store, &instance, &module));
    pellucid_func_t func = func_of(instance, "nan");
    pellucid_value_t arg = {0}, result;
    arg.kind = PELLUCID_F32;
    arg.of.f32_bits = 0x7fc00222;
    /* At each operator of the function, in turn: the one of the arm is hit as often as the arm runs. */
    uint32_t start, first, end;
    MUST(pellucid_module_func_range(module, 9, &start, &first, &end));
    const uint32_t in_arm = first + 18;
    uint64_t id;
    uint32_t actual;
    pellucid_edit_t *edit;
    MUST(pellucid_edit_begin(store, &edit));
    MUST(pellucid_edit_add(edit, module, in_arm, &id, &actual));
    MUST(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_ALL, NULL, count_hits, NULL));
    MUST(pellucid_func_call(store, &func, &arg, 1, &result, 1, ERR));
    CHECK(hits == result.of.i32);
    pellucid_module_delete(module);
    close_world();
}

int main(void) {
    for (int exact = 0; exact <= 1; exact++) {
        is_exact = exact;
        what_was_shown_is_what_runs(the_host_writes);
        what_was_shown_is_what_runs(a_guest_writes);
        what_was_shown_is_what_runs(the_host_writes_unseen);
        what_was_shown_is_what_runs(a_paused_call_writes);
        what_was_shown_runs_at_every_operator();
        branches_go_where_they_were_shown_to();
        a_breakpoint_is_hit_by_what_runs();
    }
    return finish();
}
