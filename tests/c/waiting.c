/* Host functions that wait: calls that yield, are given results or errors, and go on; many at once, in any order. */

#define _GNU_SOURCE
#include "test.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

static const char *WAT =
    "(module $script (import \"host\" \"wait\" (func $wait (param i32)))"
    "  (import \"host\" \"ask\" (func $ask (param i32 i64) (result i32)))"
    "  (import \"host\" \"ask_raw\" (func $ask_raw (param i32) (result i64)))"
    "  (import \"host\" \"many\" (func $many (param f32 f64 externref) (result i32 i64 f64 externref)))"
    "  (import \"host\" \"nested\" (func $nested (param i32) (result i32)))"
    "  (import \"host\" \"can\" (func $can (result i32)))"
    "  (global $seen (export \"seen\") (mut i32) (i32.const 0))"
    "  (func (export \"waits\") (param i32) (result i32) (call $wait (local.get 0)) (i32.add (local.get 0) (i32.const 1)))"
    "  (func $asks (export \"asks\") (param $a i32) (param $b i64) (result i32) (local $c i32)"
    "    (local.set $c (i32.const 1000))"
    "    (i32.add (i32.add (local.get $a) (call $ask (local.get $a) (local.get $b))) (local.get $c)))"
    "  (func (export \"asks_raw\") (param i32) (result i64) (call $ask_raw (local.get 0)))"
    "  (func (export \"asks_many\") (param f32 f64 externref) (result i32 i64 f64 externref)"
    "    (call $many (local.get 0) (local.get 1) (local.get 2)))"
    "  (func (export \"can\") (result i32) (call $can))"
    "  (func (export \"nests\") (param i32) (result i32) (call $nested (local.get 0)))"
    "  (func $deep (export \"deep\") (param i32) (result i32)"
    "    (if (result i32) (i32.eqz (local.get 0)) (then (call $ask (i32.const 5) (i64.const 6)))"
    "      (else (i32.add (local.get 0) (call $deep (i32.sub (local.get 0) (i32.const 1)))))))"
    /* More values live across the call than there are registers. */
    "  (func (export \"sums\") (param $n i32) (result i64)"
    "    (local $a i64) (local $b i64) (local $c i64) (local $d i64) (local $e i64) (local $f i64) (local $g i64)"
    "    (local.set $b (i64.const 2)) (local.set $c (i64.const 3)) (local.set $d (i64.const 5))"
    "    (local.set $e (i64.const 7)) (local.set $f (i64.const 11)) (local.set $g (i64.const 13))"
    "    (loop"
    "      (local.set $a (i64.add (i64.mul (local.get $a) (i64.const 3)) (call $ask_raw (local.get $n))))"
    "      (local.set $b (i64.add (local.get $b) (local.get $a))) (local.set $c (i64.xor (local.get $c) (local.get $b)))"
    "      (local.set $d (i64.add (local.get $d) (local.get $c))) (local.set $e (i64.mul (local.get $e) (local.get $d)))"
    "      (local.set $f (i64.sub (local.get $f) (local.get $e))) (local.set $g (i64.add (local.get $g) (local.get $f)))"
    "      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    "    (i64.add (i64.add (i64.add (local.get $a) (local.get $b)) (i64.add (local.get $c) (local.get $d)))"
    "             (i64.add (i64.add (local.get $e) (local.get $f)) (local.get $g))))"
    "  (func $nothing (export \"nothing\") (param i32) (result i32)"
    "    (if (result i32) (local.get 0) (then (i32.add (i32.const 1) (call $nothing (i32.sub (local.get 0) (i32.const 1)))))"
    "      (else (i32.const 0))))"
    /* At each depth it computes with floats, which are in vector registers. */
    "  (func $floats (export \"floats\") (param $depth i32) (result f64) (local $sum f64) (local $x f64) (local $n i32)"
    "    (local.set $n (i32.const 2000)) (local.set $x (f64.convert_i32_s (local.get $depth)))"
    "    (loop"
    "      (local.set $x (f64.add (f64.sqrt (local.get $x)) (f64.const 1.25)))"
    "      (local.set $sum (f64.add (local.get $sum) (local.get $x)))"
    "      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    "    (if (result f64) (local.get $depth)"
    "      (then (f64.add (local.get $sum) (call $floats (i32.sub (local.get $depth) (i32.const 1)))))"
    "      (else (local.get $sum))))"
    "  (func (export \"waits_shallow\") (param i32) (result i32)"
    "    (i32.add (call $nothing (local.get 0)) (call $ask (i32.const 5) (i64.const 6))))"
    "  (func (export \"traps\") (result i32) (drop (call $ask (i32.const 1) (i64.const 2))) (unreachable))"
    "  (func (export \"spins\") (loop (br 0)))"
    "  (func (export \"seven\") (result i32) (i32.const 7)))";

static pellucid_instance_t instance;
static pellucid_interrupt_t *interrupt;
static pellucid_linker_t *linker;

/* What host functions are to do. */
enum mode {
    YIELD,          /* yield, as one should */
    ANSWER,         /* return at once */
    PLAIN,          /* return PELLUCID_YIELD without having asked */
    STUBBORN,       /* ask, and return PELLUCID_YIELD whatever the answer is */
    THEN_OK,        /* yield, and return PELLUCID_OK after all */
    THEN_FAIL,      /* yield, and fail after all */
    ASK_TRAP,       /* interrupt the guest, then yield */
    ASK_PAUSE,
    ASK_EVENT,
    SLOWLY,         /* take five milliseconds, then yield */
};

static enum mode mode;
static uint64_t next_token;
static int could_yield = -1;

static void sleep_ms(long ms) {
    struct timespec time = {0, ms * 1000000};
    nanosleep(&time, NULL);
}

static pellucid_status_t act(pellucid_caller_t *caller, pellucid_error_t **out_error) {
    could_yield = pellucid_caller_can_yield(caller);
    pellucid_status_t status;
    switch (mode) {
    case ANSWER:
        return PELLUCID_OK;
    case PLAIN:
        return PELLUCID_YIELD;
    case STUBBORN:
        pellucid_caller_yield(caller, next_token++, NULL);
        return PELLUCID_YIELD;
    case THEN_OK:
        STATUS(PELLUCID_YIELD, pellucid_caller_yield(caller, next_token++, NULL));
        return PELLUCID_OK;
    case THEN_FAIL:
        STATUS(PELLUCID_YIELD, pellucid_caller_yield(caller, next_token++, NULL));
        return PELLUCID_ERR_LIMIT;
    case ASK_TRAP:
        OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_TRAP));
        break;
    case ASK_PAUSE:
        OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_PAUSE));
        break;
    case ASK_EVENT:
        OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_EVENT));
        break;
    case SLOWLY:
        sleep_ms(5);
        break;
    case YIELD:
        break;
    }
    status = pellucid_caller_yield(caller, next_token++, out_error);
    CHECK((status == PELLUCID_YIELD) == could_yield);
    return status;
}

static pellucid_status_t host_tagged(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                     size_t n_args, pellucid_value_t *results, size_t n_results,
                                     pellucid_error_t **out_error) {
    (void)userdata, (void)args, (void)n_args;
    if (n_results == 1) {
        results[0].of.i32 = 77;
    }
    return act(caller, out_error);
}

static pellucid_status_t host_raw(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values, size_t n_values,
                                  pellucid_error_t **out_error) {
    (void)userdata;
    CHECK(n_values == 1);
    pellucid_status_t status = act(caller, out_error);
    if (status == PELLUCID_OK) {
        values[0].i64 = 78;
    }
    return status;
}

static pellucid_status_t host_can(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                  size_t n_args, pellucid_value_t *results, size_t n_results,
                                  pellucid_error_t **out_error) {
    (void)userdata, (void)args, (void)n_args, (void)out_error;
    could_yield = pellucid_caller_can_yield(caller);
    CHECK(!pellucid_caller_can_yield(NULL));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_caller_yield(NULL, 0, NULL));
    if (n_results == 1) {
        results[0].of.i32 = could_yield;
    }
    return PELLUCID_OK;
}

static pellucid_call_t *inner;
static pellucid_status_t inner_status;

/* 0: calls the guest in one go, which waits. 1: resumes a call of it, which yields to here. */
static pellucid_status_t host_nested(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                     size_t n_args, pellucid_value_t *results, size_t n_results,
                                     pellucid_error_t **out_error) {
    (void)userdata, (void)n_args, (void)n_results, (void)out_error;
    pellucid_func_t asks = func_of(instance, "asks");
    pellucid_value_t values[] = {value_i32(1), value_i64(2)};
    bool could = pellucid_caller_can_yield(caller);
    if (args[0].of.i32 == 0) {
        pellucid_error_t *error = NULL;
        pellucid_value_t result;
        inner_status = pellucid_func_call(store, &asks, values, 2, &result, 1, &error);
        CHECK(message_has(error, "can't wait"));
        pellucid_error_delete(error);
    } else {
        pellucid_call_state_t state;
        MUST(pellucid_call_begin(store, &asks, values, 2, &inner, NULL));
        inner_status = pellucid_call_resume(inner, PELLUCID_RESUME_CONTINUE, &state, NULL);
        CHECK(state == PELLUCID_CALL_YIELDED);
    }
    CHECK(pellucid_caller_can_yield(caller) == could);
    results[0].of.i32 = 5;
    return PELLUCID_OK;
}

static pellucid_functype_t *functype(const char *params, const char *results) {
    pellucid_kind_t kinds[2][8];
    size_t n[2] = {0, 0};
    const char *texts[2] = {params, results};
    for (int i = 0; i < 2; i++) {
        for (const char *c = texts[i]; *c != '\0'; c++) {
            kinds[i][n[i]++] = *c == 'i'   ? PELLUCID_I32
                               : *c == 'l' ? PELLUCID_I64
                               : *c == 'f' ? PELLUCID_F32
                               : *c == 'd' ? PELLUCID_F64
                                           : PELLUCID_EXTERNREF;
        }
    }
    pellucid_functype_t *type;
    MUST(pellucid_functype_new(kinds[0], n[0], kinds[1], n[1], &type));
    return type;
}

static void define(const char *name, const char *params, const char *results, pellucid_func_cb_t cb) {
    pellucid_functype_t *type = functype(params, results);
    MUST(pellucid_linker_define_func(linker, store, "host", 4, name, strlen(name), type, NULL, cb, NULL, ERR));
    pellucid_functype_delete(type);
}

static void open_guest(bool is_debug) {
    open_world(is_debug);
    mode = YIELD;
    MUST(pellucid_linker_new(engine, &linker));
    define("wait", "i", "", host_tagged);
    define("ask", "il", "i", host_tagged);
    define("many", "fdr", "ildr", host_tagged);
    define("nested", "i", "i", host_nested);
    define("can", "", "i", host_can);
    pellucid_functype_t *type = functype("i", "l");
    MUST(pellucid_linker_define_func_raw(linker, store, "host", 4, "ask_raw", 7, type, NULL, host_raw, NULL, ERR));
    pellucid_functype_delete(type);
    pellucid_module_t *module = module_of(WAT);
    MUST(pellucid_linker_instantiate(linker, store, module, &instance, ERR));
    pellucid_module_delete(module);
    MUST(pellucid_store_interrupt(store, &interrupt, ERR));
}

static void close_guest(void) {
    pellucid_interrupt_delete(interrupt);
    pellucid_linker_delete(linker);
    close_world();
}

static pellucid_status_t call_now(const char *name, const pellucid_value_t *args, size_t n_args, pellucid_value_t *result) {
    pellucid_func_t func = func_of(instance, name);
    return pellucid_func_call(store, &func, args, n_args, result, 1, ERR);
}

static void still_works(void) {
    pellucid_value_t result;
    mode = YIELD;
    OK(call_now("seven", NULL, 0, &result));
    CHECK(result.of.i32 == 7);
}

static pellucid_call_t *begin(const char *name, const pellucid_value_t *args, size_t n_args) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_call_t *call;
    MUST(pellucid_call_begin(store, &func, args, n_args, &call, ERR));
    return call;
}

static pellucid_call_state_t resume(pellucid_call_t *call) {
    pellucid_call_state_t state = 0;
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == pellucid_call_state(call));
    return state;
}

static pellucid_call_t *begin_asks(int32_t a, int64_t b) {
    pellucid_value_t args[] = {value_i32(a), value_i64(b)};
    return begin("asks", args, 2);
}

static pellucid_call_t *yielded(int32_t a, int64_t b) {
    pellucid_call_t *call = begin_asks(a, b);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    return call;
}

static void give_i32(pellucid_call_t *call, int32_t number) {
    pellucid_value_t value = value_i32(number);
    OK(pellucid_call_give(call, &value, 1, ERR));
}

static void finishes(pellucid_call_t *call, int32_t expected) {
    pellucid_value_t result;
    CHECK(resume(call) == PELLUCID_CALL_FINISHED);
    OK(pellucid_call_results(call, &result, 1));
    CHECK(result.kind == PELLUCID_I32 && result.of.i32 == expected);
    pellucid_call_delete(call);
}

static void a_call_waits_and_goes_on(void) {
    next_token = 1234567890123;
    pellucid_call_t *call = begin_asks(3, 4);
    pellucid_func_t func, ask;
    uint64_t token;
    /* Not before it has yielded. */
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_awaited(call, &func, &token));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_give(call, NULL, 0, ERR));
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    CHECK(could_yield == 1);
    OK(pellucid_call_awaited(call, &func, &token));
    OK(pellucid_call_awaited(call, NULL, NULL));
    pellucid_extern_t item;
    MUST(pellucid_linker_get(linker, store, "host", 4, "ask", 3, &item));
    ask = item.of.func;
    CHECK(token == 1234567890123 && func.store == ask.store && func.index == ask.index);
    pellucid_value_t args[2];
    OK(pellucid_call_awaited_args(call, args, 2));
    CHECK(args[0].kind == PELLUCID_I32 && args[0].of.i32 == 3 && args[1].kind == PELLUCID_I64 && args[1].of.i64 == 4);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_awaited_args(call, args, 1));
    const pellucid_event_t *event;
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_event(call, &event));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_results(call, args, 1));
    pellucid_error_t *error;
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_error(call, &error));

    /* What doesn't fit is refused, and the call waits as before. */
    pellucid_call_state_t state = 99;
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == 99 && message_has(last_error, "waits for results"));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_resume(call, 9, &state, ERR));
    pellucid_value_t wrong = value_i64(1);
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_call_give(call, &wrong, 1, ERR));
    CHECK(message_has(last_error, "result 0 of a host function"));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_give(call, args, 2, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_give(call, NULL, 0, ERR));
    wrong = value_of(PELLUCID_UNAVAILABLE);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_give(call, &wrong, 1, ERR));
    wrong = value_of(1000);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_give(call, &wrong, 1, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_give_raw(call, NULL, 0, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_call_give_raw(call, NULL, 1, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_call_give_error(call, NULL, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_call_give(NULL, NULL, 0, ERR));
    CHECK(pellucid_call_state(call) == PELLUCID_CALL_YIELDED);
    OK(pellucid_call_awaited(call, &func, &token));
    CHECK(token == 1234567890123);

    give_i32(call, -40);
    CHECK(pellucid_call_state(call) == PELLUCID_CALL_YIELDED);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_awaited(call, &func, &token));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_awaited_args(call, args, 2));
    pellucid_value_t again = value_i32(1);
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_give(call, &again, 1, ERR));
    finishes(call, 3 - 40 + 1000);
}

static void a_function_without_results_is_resumed(void) {
    pellucid_value_t arg = value_i32(41);
    pellucid_call_t *call = begin("waits", &arg, 1);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    finishes(call, 42);
    call = begin("waits", &arg, 1);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    OK(pellucid_call_give(call, NULL, 0, ERR));
    finishes(call, 42);
}

static void raw_functions_wait(void) {
    pellucid_value_t arg = value_i32(8), args[1];
    pellucid_call_t *call = begin("asks_raw", &arg, 1);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    OK(pellucid_call_awaited_args(call, args, 1));
    CHECK(args[0].kind == PELLUCID_I32 && args[0].of.i32 == 8);
    pellucid_raw_t values[2] = {{.i64 = -5000000000}, {.i64 = 0}};
    OK(pellucid_call_give_raw(call, values, 2, ERR));
    CHECK(resume(call) == PELLUCID_CALL_FINISHED);
    OK(pellucid_call_results(call, args, 1));
    CHECK(args[0].kind == PELLUCID_I64 && args[0].of.i64 == -5000000000);
    pellucid_call_delete(call);
}

static void references_wait(void) {
    pellucid_externref_t reference;
    int data;
    MUST(pellucid_externref_new(store, &data, NULL, &reference));
    pellucid_value_t args[3] = {value_of(PELLUCID_F32), value_of(PELLUCID_F64), value_of(PELLUCID_EXTERNREF)}, seen[3];
    args[0].of.f32_bits = 0x7fa00001;
    args[1].of.f64 = 2.5;
    args[2].of.externref = reference;
    pellucid_call_t *call = begin("asks_many", args, 3);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    OK(pellucid_call_awaited_args(call, seen, 3));
    CHECK(seen[0].of.f32_bits == 0x7fa00001 && seen[1].of.f64 == 2.5 && seen[2].of.externref.index == reference.index);
    pellucid_value_t results[4] = {value_i32(-1), value_i64(-2), value_of(PELLUCID_F64), value_of(PELLUCID_EXTERNREF)};
    results[2].of.f64 = 0.125;
    results[3].of.externref.store = reference.store + 1;
    STATUS(PELLUCID_ERR_WRONG_STORE, pellucid_call_give(call, results, 4, ERR));
    results[3].of.externref.store = reference.store;
    results[3].of.externref.index = reference.index + 100;
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_call_give(call, results, 4, ERR));
    pellucid_raw_t raw[4] = {{.i32 = 1}, {.i64 = 2}, {.f64 = 3}, {.reference = 100000}};
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_call_give_raw(call, raw, 4, ERR));
    results[3].of.externref = reference;
    OK(pellucid_call_give(call, results, 4, ERR));
    CHECK(resume(call) == PELLUCID_CALL_FINISHED);
    pellucid_value_t out[4];
    OK(pellucid_call_results(call, out, 4));
    CHECK(out[0].of.i32 == -1 && out[1].of.i64 == -2 && out[2].of.f64 == 0.125);
    CHECK(out[3].of.externref.index == reference.index && out[3].of.externref.store == reference.store);
    pellucid_call_delete(call);
}

/* The host can begin a call of its own function, which waits as the guest's calls do. */
static void host_functions_of_the_host_wait(void) {
    pellucid_extern_t item;
    MUST(pellucid_linker_get(linker, store, "host", 4, "ask", 3, &item));
    pellucid_value_t args[] = {value_i32(1), value_i64(2)}, result;
    pellucid_call_t *call;
    MUST(pellucid_call_begin(store, &item.of.func, args, 2, &call, ERR));
    CHECK(resume(call) == PELLUCID_CALL_YIELDED && could_yield == 1);
    pellucid_frame_t frame;
    CHECK(pellucid_call_frame(call, &frame) != PELLUCID_OK);
    give_i32(call, 12);
    finishes(call, 12);
    STATUS(PELLUCID_ERR_CANNOT_YIELD, pellucid_func_call(store, &item.of.func, args, 2, &result, 1, ERR));
    CHECK(could_yield == 0);
}

static void where_it_cant_wait_is_known_before(void) {
    pellucid_value_t args[] = {value_i32(1), value_i64(2)}, result;
    /* A call in one go. */
    OK(call_now("can", NULL, 0, &result));
    CHECK(result.of.i32 == 0);
    const enum mode modes[] = {YIELD, PLAIN, STUBBORN};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        mode = modes[i];
        STATUS(PELLUCID_ERR_CANNOT_YIELD, call_now("asks", args, 2, &result));
        CHECK(message_has(last_error, "can't wait") && pellucid_error_frame_count(last_error) == 1);
        still_works();
    }
    /* Raw, quickly. */
    pellucid_func_t asks_raw = func_of(instance, "asks_raw"), seven = func_of(instance, "seven");
    pellucid_raw_t raw[1] = {{.i32 = 1}};
    for (int i = 0; i < 3; i++) {
        OK(pellucid_func_call_raw(store, &seven, raw, 1, ERR));
    }
    STATUS(PELLUCID_ERR_CANNOT_YIELD, pellucid_func_call_raw(store, &asks_raw, raw, 1, ERR));
    CHECK(could_yield == 0);
    still_works();
    /* In one go inside one that is resumed. */
    pellucid_value_t way = value_i32(0);
    pellucid_call_t *outer = begin("nests", &way, 1);
    CHECK(resume(outer) == PELLUCID_CALL_FINISHED);
    CHECK(could_yield == 0 && inner_status == PELLUCID_ERR_CANNOT_YIELD);
    pellucid_call_delete(outer);
    /* In one that is resumed. */
    outer = begin("can", NULL, 0);
    finishes(outer, 1);
    /* With a budget. */
    pellucid_budget_t time = {1000000, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_TRAP};
    pellucid_func_t can = func_of(instance, "can");
    OK(pellucid_func_call_for(store, &can, NULL, 0, &result, 1, &time, ERR));
    CHECK(result.of.i32 == 0);
    /* A start function. */
    pellucid_module_t *module = module_of("(module (import \"host\" \"wait\" (func $wait (param i32)))"
                                          "  (func $main (call $wait (i32.const 1))) (start $main))");
    pellucid_instance_t started;
    STATUS(PELLUCID_ERR_CANNOT_YIELD, pellucid_linker_instantiate(linker, store, module, &started, ERR));
    CHECK(could_yield == 0 && message_has(last_error, "can't wait"));
    pellucid_module_delete(module);
    still_works();
}

/* A host function that resumes a call gets it back when that yields, and may leave it for later. */
static void calls_yield_to_host_functions(void) {
    pellucid_value_t way = value_i32(1);
    pellucid_call_t *outer = begin("nests", &way, 1);
    CHECK(resume(outer) == PELLUCID_CALL_FINISHED && could_yield == 1 && inner_status == PELLUCID_OK);
    pellucid_call_delete(outer);
    give_i32(inner, 2);
    finishes(inner, 1003);
    /* The same in a call in one go. */
    pellucid_value_t result;
    OK(call_now("nests", &way, 1, &result));
    CHECK(result.of.i32 == 5 && could_yield == 1);
    give_i32(inner, 3);
    finishes(inner, 1004);
}

static void a_function_may_change_its_mind(void) {
    pellucid_call_t *call = begin_asks(1, 2);
    mode = THEN_OK;
    finishes(call, 1 + 77 + 1000);
    mode = THEN_FAIL;
    call = begin_asks(1, 2);
    CHECK(resume(call) == PELLUCID_CALL_TRAPPED);
    pellucid_error_t *error;
    MUST(pellucid_call_error(call, &error));
    CHECK(pellucid_error_status(error) == PELLUCID_ERR_HOST && message_has(error, "PELLUCID_ERR_LIMIT"));
    pellucid_error_delete(error);
    pellucid_call_delete(call);
    /* What was asked for once isn't asked for again. */
    mode = PLAIN;
    call = begin_asks(1, 2);
    CHECK(resume(call) == PELLUCID_CALL_TRAPPED);
    MUST(pellucid_call_error(call, &error));
    CHECK(pellucid_error_status(error) == PELLUCID_ERR_HOST && message_has(error, "PELLUCID_YIELD"));
    pellucid_error_delete(error);
    pellucid_call_delete(call);
    /* One that needn't wait doesn't. */
    mode = ANSWER;
    finishes(begin_asks(1, 2), 1 + 77 + 1000);
    still_works();
}

static pellucid_error_t *trap_error(void) {
    pellucid_value_t result;
    mode = ANSWER;
    STATUS(PELLUCID_ERR_TRAP, call_now("traps", NULL, 0, &result));
    pellucid_error_t *error = last_error;
    last_error = NULL;
    mode = YIELD;
    return error;
}

static void errors_are_given(bool is_debug) {
    pellucid_error_t *error, *out;
    MUST(pellucid_error_new(TEXT("the file isn't there"), &error));
    pellucid_call_t *call = yielded(3, 4);
    OK(pellucid_call_give_error(call, error, ERR));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_give_error(call, error, ERR));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_give(call, NULL, 0, ERR));
    pellucid_error_delete(error);
    CHECK(pellucid_call_state(call) == PELLUCID_CALL_YIELDED);
    CHECK(resume(call) == PELLUCID_CALL_TRAPPED);
    MUST(pellucid_call_error(call, &out));
    CHECK(pellucid_error_status(out) == PELLUCID_ERR_HOST && message_has(out, "the file isn't there"));
    pellucid_backtrace_frame_t place = {.struct_size = sizeof place};
    CHECK(pellucid_error_frame_count(out) == 1);
    OK(pellucid_error_frame(out, 0, &place));
    CHECK(same_text(place.func_name, "asks") && same_text(place.module_name, "script"));
    pellucid_error_delete(out);
    CHECK(event_of(call) == PELLUCID_EVENT_HOST_ERROR);
    if (is_debug) {
        pellucid_frame_t frame;
        pellucid_value_t local;
        uint32_t n;
        OK(pellucid_call_frame(call, &frame));
        OK(pellucid_frame_read_locals(store, &frame, 0, &local, 1, &n));
        CHECK(n == 1 && local.of.i32 == 3);
    }
    pellucid_call_state_t state;
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_awaited(call, NULL, NULL));
    pellucid_call_delete(call);

    /* A trap of another call stays a trap. */
    error = trap_error();
    call = yielded(3, 4);
    OK(pellucid_call_give_error(call, error, ERR));
    pellucid_error_delete(error);
    CHECK(resume(call) == PELLUCID_CALL_TRAPPED);
    MUST(pellucid_call_error(call, &out));
    CHECK(pellucid_error_status(out) == PELLUCID_ERR_TRAP && pellucid_error_trap(out) == PELLUCID_TRAP_UNREACHABLE);
    pellucid_error_delete(out);
    pellucid_call_delete(call);
    still_works();
}

static void a_call_that_waits_is_ended(bool is_debug) {
    pellucid_call_t *call = yielded(3, 4);
    OK(pellucid_call_trap(call, TEXT("no longer wanted"), ERR));
    CHECK(pellucid_call_state(call) == PELLUCID_CALL_TRAPPED);
    pellucid_error_t *error;
    MUST(pellucid_call_error(call, &error));
    CHECK(pellucid_error_trap(error) == PELLUCID_TRAP_REQUESTED && message_has(error, "no longer wanted"));
    CHECK(pellucid_error_frame_count(error) == 1);
    pellucid_error_delete(error);
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_give(call, NULL, 0, ERR));
    if (is_debug) {
        pellucid_frame_t frame;
        OK(pellucid_call_frame(call, &frame));
    }
    pellucid_call_delete(call);
    /* Given an error that it never sees. */
    call = yielded(3, 4);
    MUST(pellucid_error_new(TEXT("unseen"), &error));
    OK(pellucid_call_give_error(call, error, ERR));
    pellucid_error_delete(error);
    OK(pellucid_call_trap(call, TEXT("traps first"), ERR));
    MUST(pellucid_call_error(call, &error));
    CHECK(message_has(error, "traps first"));
    pellucid_error_delete(error);
    pellucid_call_delete(call);
    /* Dropped. */
    pellucid_call_delete(yielded(3, 4));
    call = yielded(3, 4);
    give_i32(call, 1);
    pellucid_call_delete(call);
    still_works();
}

static void a_guest_traps_behind_a_wait(void) {
    pellucid_call_t *call = begin("traps", NULL, 0);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    give_i32(call, 1);
    CHECK(resume(call) == PELLUCID_CALL_TRAPPED);
    pellucid_error_t *error;
    MUST(pellucid_call_error(call, &error));
    CHECK(pellucid_error_trap(error) == PELLUCID_TRAP_UNREACHABLE);
    pellucid_error_delete(error);
    pellucid_call_delete(call);
}

/* Values that the guest has in registers are there when it goes on. */
static void the_guest_goes_on_as_it_was(void) {
    pellucid_value_t arg = value_i32(100), expected, result;
    mode = ANSWER;
    OK(call_now("sums", &arg, 1, &expected));
    mode = YIELD;
    pellucid_call_t *call = begin("sums", &arg, 1);
    int yields = 0;
    while (resume(call) == PELLUCID_CALL_YIELDED) {
        pellucid_raw_t value = {.i64 = 78};
        OK(pellucid_call_give_raw(call, &value, 1, ERR));
        yields++;
    }
    CHECK(yields == 100);
    OK(pellucid_call_results(call, &result, 1));
    CHECK(result.of.i64 == expected.of.i64);
    pellucid_call_delete(call);
    arg = value_i32(50);
    call = begin("deep", &arg, 1);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    give_i32(call, 1);
    finishes(call, 1 + 50 * 51 / 2);
}

enum { MANY = 1000 };

static void many_calls_wait_at_once(void) {
    static pellucid_call_t *calls[MANY];
    OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_STACK_BYTES, 16384));
    next_token = 0;
    for (int i = 0; i < MANY; i++) {
        calls[i] = yielded(i, 7);
    }
    unsigned random = 1;
    for (int left = MANY; left > 0; left--) {
        random = random * 1103515245 + 12345;
        int chosen = (int)((random >> 16) % (unsigned)left);
        pellucid_call_t *call = calls[chosen];
        calls[chosen] = calls[left - 1];
        uint64_t token;
        pellucid_value_t args[2];
        OK(pellucid_call_awaited(call, NULL, &token));
        OK(pellucid_call_awaited_args(call, args, 2));
        CHECK(args[0].of.i32 == (int32_t)token);
        if (left % 3 == 0) {
            pellucid_call_delete(call);
            continue;
        }
        give_i32(call, (int32_t)token * 2);
        finishes(call, (int32_t)token * 3 + 1000);
    }
    OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_STACK_BYTES, 1 << 20));
    still_works();
}

static void interrupts_come_first(bool is_debug) {
    /* Asked for in the host function: the call ends there, */
    mode = ASK_TRAP;
    pellucid_call_t *call = begin_asks(3, 4);
    CHECK(resume(call) == PELLUCID_CALL_TRAPPED);
    pellucid_error_t *error;
    MUST(pellucid_call_error(call, &error));
    CHECK(pellucid_error_trap(error) == PELLUCID_TRAP_INTERRUPTED && pellucid_error_frame_count(error) == 1);
    pellucid_error_delete(error);
    pellucid_call_delete(call);
    still_works();
    /* or pauses, and yields when it is resumed. */
    mode = ASK_PAUSE;
    call = begin_asks(3, 4);
    CHECK(resume(call) == PELLUCID_CALL_PAUSED && event_of(call) == PELLUCID_EVENT_INTERRUPT);
    if (is_debug) {
        pellucid_frame_t frame;
        pellucid_value_t locals[3];
        uint32_t n;
        OK(pellucid_call_frame(call, &frame));
        OK(pellucid_frame_read_locals(store, &frame, 0, locals, 3, &n));
        CHECK(n == 3 && locals[0].of.i32 == 3 && locals[1].of.i64 == 4 && locals[2].of.i32 == 1000);
    }
    OK(pellucid_call_awaited(call, NULL, NULL));
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    give_i32(call, 1);
    finishes(call, 1004);
    /* It waits already: when it was given its results meanwhile, it goes on. */
    call = begin_asks(3, 4);
    CHECK(resume(call) == PELLUCID_CALL_PAUSED);
    give_i32(call, 2);
    finishes(call, 1005);
    /* The same if the function has no results. */
    pellucid_value_t arg = value_i32(41);
    call = begin("waits", &arg, 1);
    CHECK(resume(call) == PELLUCID_CALL_PAUSED);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    finishes(call, 42);
    /* A trap ends it while it is paused there. */
    call = begin_asks(3, 4);
    CHECK(resume(call) == PELLUCID_CALL_PAUSED);
    OK(pellucid_call_trap(call, NULL, 0, ERR));
    pellucid_call_delete(call);
    /* Nobody hears of an event. */
    mode = ASK_EVENT;
    call = begin_asks(3, 4);
    pellucid_call_state_t state = resume(call);
    if (state == PELLUCID_CALL_PAUSED) {
        CHECK(event_of(call) == PELLUCID_EVENT_INTERRUPT);
        state = resume(call);
    }
    CHECK(state == PELLUCID_CALL_YIELDED);
    give_i32(call, 1);
    finishes(call, 1004);
    /* Asked for while it waits: heard when it goes on. */
    mode = YIELD;
    call = yielded(3, 4);
    OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_PAUSE));
    give_i32(call, 1);
    CHECK(resume(call) == PELLUCID_CALL_PAUSED && event_of(call) == PELLUCID_EVENT_INTERRUPT);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_call_awaited(call, NULL, NULL));
    finishes(call, 1004);
    call = yielded(3, 4);
    OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_TRAP));
    /* Nothing runs, so nothing is heard, by a call that can't go on. */
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, NULL, ERR));
    give_i32(call, 1);
    CHECK(resume(call) == PELLUCID_CALL_TRAPPED);
    MUST(pellucid_call_error(call, &error));
    CHECK(pellucid_error_trap(error) == PELLUCID_TRAP_INTERRUPTED);
    pellucid_error_delete(error);
    pellucid_call_delete(call);
    /* An error is an error, whatever was asked for, which the next guest hears. */
    call = yielded(3, 4);
    OK(pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_TRAP));
    MUST(pellucid_error_new(TEXT("gone"), &error));
    OK(pellucid_call_give_error(call, error, ERR));
    pellucid_error_delete(error);
    CHECK(resume(call) == PELLUCID_CALL_TRAPPED);
    MUST(pellucid_call_error(call, &error));
    CHECK(message_has(error, "gone"));
    pellucid_error_delete(error);
    pellucid_call_delete(call);
    pellucid_value_t result;
    STATUS(PELLUCID_ERR_TRAP, call_now("seven", NULL, 0, &result));
    still_works();
}

static void waiting_takes_no_time(void) {
    pellucid_budget_t time = {2000, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE};
    pellucid_call_state_t state;
    /* The budget is for the time until the call returns: it is over when the call has yielded. */
    pellucid_call_t *call = begin_asks(3, 4);
    OK(pellucid_call_resume_for(call, PELLUCID_RESUME_CONTINUE, &time, &state, ERR));
    CHECK(state == PELLUCID_CALL_YIELDED || state == PELLUCID_CALL_PAUSED);
    sleep_ms(5);
    if (state == PELLUCID_CALL_PAUSED) {
        CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    }
    give_i32(call, 1);
    finishes(call, 1004);
    /* One that is used up in the host function pauses the call first, */
    mode = SLOWLY;
    call = begin_asks(3, 4);
    OK(pellucid_call_resume_for(call, PELLUCID_RESUME_CONTINUE, &time, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED && event_of(call) == PELLUCID_EVENT_DEADLINE);
    OK(pellucid_call_resume_for(call, PELLUCID_RESUME_CONTINUE, &time, &state, ERR));
    CHECK(state == PELLUCID_CALL_YIELDED);
    give_i32(call, 1);
    finishes(call, 1004);
    /* or ends it. */
    time.action = PELLUCID_INTERRUPT_TRAP;
    call = begin_asks(3, 4);
    OK(pellucid_call_resume_for(call, PELLUCID_RESUME_CONTINUE, &time, &state, ERR));
    CHECK(state == PELLUCID_CALL_TRAPPED);
    pellucid_call_delete(call);
    still_works();
}

/* A budget may be used up at the very moment when a call is entered whose stack was never touched: that costs nobody the next. */
static void budgets_of_fresh_calls(void) {
    static pellucid_call_t *calls[MANY];
    pellucid_call_state_t state;
    for (int i = 0; i < MANY; i++) {
        pellucid_budget_t time = {(uint64_t)i % 4, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE};
        calls[i] = begin_asks(i, 1);
        OK(pellucid_call_resume_for(calls[i], PELLUCID_RESUME_CONTINUE, &time, &state, ERR));
        CHECK(state == PELLUCID_CALL_PAUSED || state == PELLUCID_CALL_YIELDED);
    }
    pellucid_budget_t time = {1000, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE};
    pellucid_call_t *runaway = begin("spins", NULL, 0);
    for (int i = 0; i < 3; i++) {
        OK(pellucid_call_resume_for(runaway, PELLUCID_RESUME_CONTINUE, &time, &state, ERR));
        CHECK(state == PELLUCID_CALL_PAUSED);
    }
    pellucid_call_delete(runaway);
    for (int i = 0; i < MANY; i++) {
        while ((state = resume(calls[i])) == PELLUCID_CALL_PAUSED) {
        }
        CHECK(state == PELLUCID_CALL_YIELDED || state == PELLUCID_CALL_FINISHED);
        pellucid_call_delete(calls[i]);
    }
}

static void *use_elsewhere(void *call) {
    give_i32(call, 5);
    finishes(call, 1008);
    return NULL;
}

/* A call may wait in one thread and go on in another. */
static void another_thread_goes_on(void) {
    pellucid_call_t *call = yielded(3, 4);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, use_elsewhere, call) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    still_works();
}

/* What runs in one go can be begun and resumed too. */
static void everything_begins(void) {
    pellucid_func_t func = func_of(instance, "asks_raw");
    pellucid_call_t *call = NULL;
    pellucid_raw_t values[2] = {{.i32 = 6}, {.i64 = 0}};
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_begin_raw(store, &func, values, 0, &call, ERR));
    CHECK(call == NULL);
    OK(pellucid_call_begin_raw(store, &func, values, 2, &call, ERR));
    values[0].i32 = 0;
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    pellucid_value_t arg;
    OK(pellucid_call_awaited_args(call, &arg, 1));
    CHECK(arg.of.i32 == 6);
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_results_raw(call, values, 2));
    values[0].i64 = 1 - (INT64_C(1) << 40);
    OK(pellucid_call_give_raw(call, values, 1, ERR));
    CHECK(resume(call) == PELLUCID_CALL_FINISHED);
    values[0].i64 = 0;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_call_results_raw(call, values, 0));
    OK(pellucid_call_results_raw(call, values, 2));
    CHECK(values[0].i64 == 1 - (INT64_C(1) << 40));
    pellucid_call_delete(call);

    /* References are looked at. */
    func = func_of(instance, "asks_many");
    pellucid_raw_t many[4] = {{.f32 = 1}, {.f64 = 2}, {.reference = 1000000}, {.i32 = 0}};
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_call_begin_raw(store, &func, many, 4, &call, ERR));
    many[2].reference = 0;
    OK(pellucid_call_begin_raw(store, &func, many, 4, &call, ERR));
    pellucid_call_delete(call);

    /* A start function: the instance is there, and not ready. */
    pellucid_module_t *module = module_of("(module (import \"host\" \"ask\" (func $ask (param i32 i64) (result i32)))"
                                          "  (global $ready (export \"ready\") (mut i32) (i32.const 0))"
                                          "  (func $main (global.set $ready (call $ask (i32.const 1) (i64.const 2))))"
                                          "  (start $main))");
    for (int by_linker = 0; by_linker < 2; by_linker++) {
        pellucid_instance_t made;
        pellucid_extern_t ask;
        MUST(pellucid_linker_get(linker, store, "host", 4, "ask", 3, &ask));
        if (by_linker) {
            OK(pellucid_linker_begin(linker, store, module, &made, &call, ERR));
        } else {
            STATUS(PELLUCID_ERR_LINK, pellucid_instance_begin(store, module, NULL, 0, &made, &call, ERR));
            OK(pellucid_instance_begin(store, module, &ask, 1, &made, &call, ERR));
        }
        pellucid_extern_t ready = export_of(made, "ready");
        pellucid_value_t value;
        CHECK(pellucid_call_state(call) == PELLUCID_CALL_READY);
        CHECK(resume(call) == PELLUCID_CALL_YIELDED);
        OK(pellucid_global_get(store, &ready.of.global, &value));
        CHECK(value.of.i32 == 0);
        give_i32(call, 9);
        CHECK(resume(call) == PELLUCID_CALL_FINISHED);
        OK(pellucid_global_get(store, &ready.of.global, &value));
        CHECK(value.of.i32 == 9);
        pellucid_call_delete(call);
    }
    pellucid_module_delete(module);
    module = module_of("(module)");
    pellucid_instance_t made;
    OK(pellucid_instance_begin(store, module, NULL, 0, &made, &call, ERR));
    CHECK(call == NULL);
    pellucid_module_delete(module);
    module = module_of("(module (func $main unreachable) (start $main))");
    OK(pellucid_linker_begin(linker, store, module, &made, &call, ERR));
    CHECK(resume(call) == PELLUCID_CALL_TRAPPED);
    pellucid_call_delete(call);
    pellucid_module_delete(module);
    module = module_of("(module (import \"host\" \"unknown\" (func)))");
    STATUS(PELLUCID_ERR_LINK, pellucid_linker_begin(linker, store, module, &made, &call, ERR));
    pellucid_module_delete(module);
}

/* What waits keeps its store. */
static void stores_go_before_their_calls(bool is_debug) {
    open_guest(is_debug);
    pellucid_call_t *first = yielded(3, 4), *second = yielded(5, 6);
    pellucid_store_delete(store);
    store = NULL;
    pellucid_value_t result = value_i32(9);
    OK(pellucid_call_give(first, &result, 1, ERR));
    pellucid_call_state_t state;
    OK(pellucid_call_resume(first, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_FINISHED);
    OK(pellucid_call_results(first, &result, 1));
    CHECK(result.of.i32 == 1012);
    pellucid_call_delete(first);
    pellucid_call_delete(second);
    close_guest();
}

/* What only debugging has. */

static int handled[2];

static pellucid_action_t handle(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    (void)userdata;
    handled[pellucid_event_kind(event) == PELLUCID_EVENT_HOST_ERROR]++;
    CHECK(where == store);
    /* Calls in one go can't wait here, others yield to here. */
    pellucid_value_t args[] = {value_i32(1), value_i64(2)}, result;
    pellucid_func_t asks = func_of(instance, "asks");
    STATUS(PELLUCID_ERR_CANNOT_YIELD, pellucid_func_call(store, &asks, args, 2, &result, 1, NULL));
    pellucid_call_t *call = yielded(1, 2);
    give_i32(call, 3);
    finishes(call, 1004);
    return PELLUCID_ACTION_CONTINUE;
}

static uint64_t add_breakpoint(uint32_t pc) {
    pellucid_edit_t *edit;
    uint64_t id;
    pellucid_module_t *module;
    MUST(pellucid_instance_module(store, &instance, &module));
    MUST(pellucid_edit_begin(store, &edit));
    MUST(pellucid_edit_add(edit, module, pc, &id, NULL));
    MUST(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    pellucid_module_delete(module);
    return id;
}

static pellucid_frame_info_t info_of(pellucid_call_t *call, pellucid_frame_t *frame) {
    pellucid_frame_info_t info = {.struct_size = sizeof info};
    MUST(pellucid_call_frame(call, frame));
    OK(pellucid_frame_info(store, frame, &info));
    return info;
}

static void frames_of_a_call_that_waits(void) {
    pellucid_frame_t frame, stale;
    pellucid_call_t *call = yielded(3, 4);
    pellucid_frame_info_t info = info_of(call, &frame);
    pellucid_str_t name;
    OK(pellucid_frame_func_name(store, &frame, &name));
    CHECK(same_text(name, "asks") && info.kind == PELLUCID_FRAME_CALLING && info.n_locals == 3 && info.n_operands == 1);
    pellucid_value_t values[3];
    uint32_t n;
    OK(pellucid_frame_read_locals(store, &frame, 0, values, 3, &n));
    CHECK(n == 3 && values[0].of.i32 == 3 && values[1].of.i64 == 4 && values[2].of.i32 == 1000);
    OK(pellucid_frame_read_operands(store, &frame, 0, values, 3, &n));
    CHECK(n == 1 && values[0].of.i32 == 3);
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_frame_caller(store, &frame, &stale));
    /* Other calls don't matter to it. */
    still_works();
    CHECK(pellucid_frame_is_valid(store, &frame));
    /* Nor does a resumption that is refused. */
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, NULL, ERR));
    CHECK(pellucid_frame_is_valid(store, &frame));
    /* Writes count when the frame is returned to; it can't be moved. */
    pellucid_value_t value = value_i32(5000);
    OK(pellucid_frame_write_local(store, &frame, 2, &value, ERR));
    value = value_i32(10);
    OK(pellucid_frame_write_operand(store, &frame, 0, &value, ERR));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_frame_return(store, &frame, &value, 1, &stale, ERR));
    STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_frame_restart(store, &frame, &stale, ERR));
    OK(pellucid_frame_read_locals(store, &frame, 0, values, 3, &n));
    CHECK(n == 3 && values[2].of.i32 == 5000);
    give_i32(call, 100);
    CHECK(pellucid_frame_is_valid(store, &frame));
    stale = frame;
    finishes(call, 10 + 100 + 5000);
    CHECK(!pellucid_frame_is_valid(store, &stale));
    STATUS(PELLUCID_ERR_STALE_HANDLE, pellucid_frame_info(store, &stale, &info));

    /* A frame that goes on in another form waits too. */
    pellucid_value_t arg = value_i32(3);
    uint32_t ask_pc = info.pc;
    uint64_t id = add_breakpoint(ask_pc);
    call = begin_asks(3, 4);
    CHECK(resume(call) == PELLUCID_CALL_PAUSED && event_of(call) == PELLUCID_EVENT_BREAKPOINT);
    info_of(call, &frame);
    value = value_i32(2000);
    OK(pellucid_frame_write_local(store, &frame, 2, &value, ERR));
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    info = info_of(call, &frame);
    CHECK(info.kind == PELLUCID_FRAME_CALLING && info.pc == ask_pc);
    OK(pellucid_frame_read_locals(store, &frame, 0, values, 3, &n));
    CHECK(n == 3 && values[0].of.i32 == 3 && values[2].of.i32 == 2000);
    value = value_i32(3000);
    OK(pellucid_frame_write_local(store, &frame, 2, &value, ERR));
    give_i32(call, 100);
    finishes(call, 3 + 100 + 3000);
    remove_breakpoint(id);

    /* A deep one has all its frames. */
    arg = value_i32(20);
    call = begin("deep", &arg, 1);
    CHECK(resume(call) == PELLUCID_CALL_YIELDED);
    MUST(pellucid_call_frame(call, &frame));
    int depth = 1;
    while (pellucid_frame_caller(store, &frame, &frame) == PELLUCID_OK) {
        OK(pellucid_frame_read_locals(store, &frame, 0, values, 1, &n));
        CHECK(values[0].of.i32 == depth);
        depth++;
    }
    CHECK(depth == 21);
    give_i32(call, 1);
    finishes(call, 1 + 20 * 21 / 2);
}

static void breakpoints_and_steps(void) {
    pellucid_frame_t frame;
    pellucid_call_t *call = yielded(3, 4);
    uint32_t ask_pc = info_of(call, &frame).pc;
    /* A breakpoint that is set while it waits, behind the call. */
    uint64_t id = add_breakpoint(ask_pc + 2);
    give_i32(call, 1);
    CHECK(resume(call) == PELLUCID_CALL_PAUSED && event_of(call) == PELLUCID_EVENT_BREAKPOINT);
    CHECK(info_of(call, &frame).pc == ask_pc + 2);
    pellucid_value_t operands[2];
    uint32_t n;
    OK(pellucid_frame_read_operands(store, &frame, 0, operands, 2, &n));
    CHECK(n == 2 && operands[0].of.i32 == 3 && operands[1].of.i32 == 1);
    finishes(call, 1004);
    remove_breakpoint(id);

    /* A step over the call ends behind it, however the call is resumed. */
    id = add_breakpoint(ask_pc);
    for (int way = 0; way < 2; way++) {
        call = begin_asks(3, 4);
        CHECK(resume(call) == PELLUCID_CALL_PAUSED && info_of(call, &frame).pc == ask_pc);
        pellucid_call_state_t state;
        OK(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
        CHECK(state == PELLUCID_CALL_YIELDED && info_of(call, &frame).pc == ask_pc);
        /* Others aren't stepped meanwhile. */
        still_works();
        STATUS(PELLUCID_ERR_INVALID_STATE, pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
        give_i32(call, 1);
        OK(pellucid_call_resume(call, way == 0 ? PELLUCID_RESUME_CONTINUE : PELLUCID_RESUME_STEP, &state, ERR));
        CHECK(state == PELLUCID_CALL_PAUSED && event_of(call) == PELLUCID_EVENT_STEP);
        CHECK(info_of(call, &frame).pc == ask_pc + 2);
        finishes(call, 1004);
    }
    remove_breakpoint(id);

    /* A call that didn't step begins to. */
    call = yielded(3, 4);
    give_i32(call, 1);
    pellucid_call_state_t state;
    OK(pellucid_call_resume(call, PELLUCID_RESUME_STEP, &state, ERR));
    CHECK(state == PELLUCID_CALL_PAUSED && event_of(call) == PELLUCID_EVENT_STEP && info_of(call, &frame).pc == ask_pc + 2);
    finishes(call, 1004);

    /* Single-step mode. */
    pellucid_edit_t *edit;
    MUST(pellucid_edit_begin(store, &edit));
    MUST(pellucid_edit_single_step(edit, true));
    MUST(pellucid_edit_commit(edit, ERR));
    int steps = 0, yields = 0;
    call = begin_asks(3, 4);
    for (state = 0; state != PELLUCID_CALL_FINISHED;) {
        OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
        if (state == PELLUCID_CALL_YIELDED) {
            yields++;
            give_i32(call, 1);
        } else if (state == PELLUCID_CALL_PAUSED) {
            CHECK(event_of(call) == PELLUCID_EVENT_STEP);
            steps++;
        } else if (state != PELLUCID_CALL_FINISHED) {
            break;
        }
    }
    CHECK(state == PELLUCID_CALL_FINISHED && yields == 1 && steps == 10);
    pellucid_call_delete(call);
    pellucid_edit_delete(edit);
    MUST(pellucid_edit_begin(store, &edit));
    MUST(pellucid_edit_single_step(edit, false));
    MUST(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
}

static void handlers_see_what_they_should(void) {
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_HOST_ERROR | PELLUCID_EVENT_BREAKPOINT, NULL, handle,
                                          NULL));
    pellucid_frame_t frame;
    pellucid_call_t *call = yielded(3, 4);
    uint64_t id = add_breakpoint(info_of(call, &frame).pc + 2);
    give_i32(call, 1);
    finishes(call, 1004);
    CHECK(handled[0] == 1);
    pellucid_error_t *error;
    call = yielded(3, 4);
    MUST(pellucid_error_new(TEXT("failed"), &error));
    OK(pellucid_call_give_error(call, error, ERR));
    pellucid_error_delete(error);
    CHECK(resume(call) == PELLUCID_CALL_TRAPPED);
    CHECK(handled[1] == 1);
    pellucid_call_delete(call);
    remove_breakpoint(id);
    MUST(pellucid_store_clear_event_handler(store));
}

/* KiB of this process's memory that are there. */
static long resident(void) {
    long pages = 0, all;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%ld %ld", &all, &pages) == 2);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void calls_that_wait_give_memory_back(void) {
    enum { CALLS = 200, DEPTH = 2000 };
    static pellucid_call_t *calls[CALLS];
    pellucid_value_t depth = value_i32(DEPTH), result;
    long before = resident();
    for (int i = 0; i < CALLS; i++) {
        calls[i] = begin("waits_shallow", &depth, 1);
        OK(pellucid_call_trim(calls[i]));
        CHECK(resume(calls[i]) == PELLUCID_CALL_YIELDED);
    }
    long used = resident() - before;
    for (int i = 0; i < CALLS; i++) {
        OK(pellucid_call_trim(calls[i]));
    }
    long kept = resident() - before;
    fprintf(stderr, "%ld KiB each, %ld after they were trimmed\n", used / CALLS, kept / CALLS);
    /* A page or two of the stack, and what the call itself takes; frames are of 16 bytes at least. */
    CHECK(used / CALLS >= DEPTH * 16 / 1024 && kept / CALLS <= 16);
    for (int i = 0; i < CALLS; i++) {
        /* Also in between, and twice. */
        give_i32(calls[i], i);
        OK(pellucid_call_trim(calls[i]));
        OK(pellucid_call_trim(calls[i]));
        CHECK(resume(calls[i]) == PELLUCID_CALL_FINISHED);
        OK(pellucid_call_results(calls[i], &result, 1));
        CHECK(result.of.i32 == DEPTH + i);
        OK(pellucid_call_trim(calls[i]));
        pellucid_call_delete(calls[i]);
    }
    /* Those that pause stand at any instruction; with debugging at a stop. */
    pellucid_budget_t time = {20, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE};
    pellucid_call_t *paused = begin("nothing", &depth, 1);
    pellucid_call_state_t state;
    do {
        OK(pellucid_call_resume_for(paused, PELLUCID_RESUME_CONTINUE, &time, &state, ERR));
        OK(pellucid_call_trim(paused));
    } while (state == PELLUCID_CALL_PAUSED);
    OK(pellucid_call_results(paused, &result, 1));
    CHECK(state == PELLUCID_CALL_FINISHED && result.of.i32 == DEPTH);
    pellucid_call_delete(paused);
    depth = value_i32(500);
    pellucid_value_t expected;
    pellucid_func_t floats = func_of(instance, "floats");
    OK(pellucid_func_call(store, &floats, &depth, 1, &expected, 1, ERR));
    paused = begin("floats", &depth, 1);
    unsigned pauses = 0;
    do {
        time.microseconds = pauses++ % 30;
        OK(pellucid_call_resume_for(paused, PELLUCID_RESUME_CONTINUE, &time, &state, ERR));
        OK(pellucid_call_trim(paused));
    } while (state == PELLUCID_CALL_PAUSED);
    OK(pellucid_call_results(paused, &result, 1));
    CHECK(pauses > 100 && result.of.f64 == expected.of.f64);
    pellucid_call_delete(paused);
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_call_trim(NULL));
}

static void stores_give_memory_back(void) {
    enum { DEPTH = 10000 };
    pellucid_func_t nothing = func_of(instance, "nothing");
    /* Ordinary calls have one stack, quick calls may have another. */
    for (int round = 0; round < 3; round++) {
        long before = resident();
        pellucid_raw_t raw = {.i32 = DEPTH};
        pellucid_value_t depth = value_i32(DEPTH), result;
        OK(pellucid_func_call(store, &nothing, &depth, 1, &result, 1, ERR));
        CHECK(result.of.i32 == DEPTH);
        for (int i = 0; i < 3; i++) {
            raw.i32 = DEPTH;
            OK(pellucid_func_call_raw(store, &nothing, &raw, 1, ERR));
            CHECK(raw.i32 == DEPTH);
        }
        long used = resident();
        OK(pellucid_store_trim(store));
        long after = resident();
        fprintf(stderr, "%ld KiB more, %ld after the store was trimmed\n", used - before, after - before);
        CHECK(used - after >= DEPTH * 16 / 1024 / 2 && after - before < 100);
    }
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_store_trim(NULL));
}

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_guest(is_debug);
        a_call_waits_and_goes_on();
        a_function_without_results_is_resumed();
        raw_functions_wait();
        references_wait();
        host_functions_of_the_host_wait();
        where_it_cant_wait_is_known_before();
        calls_yield_to_host_functions();
        a_function_may_change_its_mind();
        errors_are_given(is_debug);
        a_call_that_waits_is_ended(is_debug);
        a_guest_traps_behind_a_wait();
        the_guest_goes_on_as_it_was();
        many_calls_wait_at_once();
        calls_that_wait_give_memory_back();
        stores_give_memory_back();
        interrupts_come_first(is_debug);
        waiting_takes_no_time();
        budgets_of_fresh_calls();
        another_thread_goes_on();
        everything_begins();
        if (is_debug) {
            frames_of_a_call_that_waits();
            breakpoints_and_steps();
            handlers_see_what_they_should();
        }
        close_guest();
        stores_go_before_their_calls(is_debug);
    }
    return finish();
}
