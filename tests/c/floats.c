/* The floating-point environment: guests compute in the default one, whatever the host's is, and the host keeps its own. */

#define _GNU_SOURCE

#include "test.h"

#include <fenv.h>
#include <math.h>
#include <pthread.h>
#include <xmmintrin.h>

static const char *WAT =
    "(module (import \"\" \"\" (func $host (param f64) (result f64)))"
    "  (func $third (export \"third\") (param f64) (result f64) (local f64)"
    "    (local.set 1 (f64.div (f64.const 1) (local.get 0))) (nop) (local.get 1))"
    "  (func (export \"folded\") (param f64) (result f64) (f64.div (f64.const 1) (f64.const 3)))"
    "  (func (export \"half\") (param f64) (result f64) (f64.mul (local.get 0) (f64.const 0.5)))"
    "  (func (export \"is positive\") (param f64) (result f64)"
    "    (f64.convert_i32_u (f64.gt (local.get 0) (f64.const 0))))"
    "  (func (export \"one by\") (param f64) (result f64) (f64.div (f64.const 1) (local.get 0)))"
    "  (func (export \"root\") (param f64) (result f64) (f64.sqrt (local.get 0)))"
    "  (func (export \"nearest\") (param f64) (result f64) (f64.nearest (local.get 0)))"
    "  (func (export \"around\") (param f64) (result f64)"
    "    (f64.sub (call $host (call $third (local.get 0))) (call $third (local.get 0))))"
    "  (func (export \"trap\") (param f64) (result f64)"
    "    (f64.add (f64.convert_i64_s (i64.trunc_f64_s (local.get 0))) (call $third (f64.const 3)))))";

static const struct {
    const char *name;
    double argument;
} CASES[] = {
    {"third", 3},    {"third", -7},   {"folded", 0}, {"half", 0x1p-1022}, {"is positive", 0x1p-1070}, {"one by", 0},
    {"root", -1},    {"root", 2},     {"nearest", 2.5}, {"nearest", -0.5}, {"around", 3},              {"half", 0x1.8p-1073},
};
enum { N_CASES = sizeof CASES / sizeof *CASES };

static pellucid_instance_t instance;
static pellucid_value_t expected[N_CASES];

/* The environments that a host may have. */
static void plain(void) {}
static void upward(void) { fesetround(FE_UPWARD); }
static void downward(void) { fesetround(FE_DOWNWARD); }
static void toward_zero(void) { fesetround(FE_TOWARDZERO); }
static void with_signals(void) { feenableexcept(FE_ALL_EXCEPT); }
static void without_tiny_results(void) { _mm_setcsr(_mm_getcsr() | 0x8000); }
static void without_tiny_operands(void) { _mm_setcsr(_mm_getcsr() | 0x0040); }
static void all_of_it(void) {
    upward();
    with_signals();
    without_tiny_results();
    without_tiny_operands();
}
static void (*const ENVIRONMENTS[])(void) = {
    plain, upward, downward, toward_zero, with_signals, without_tiny_results, without_tiny_operands, all_of_it,
};
enum { N_ENVIRONMENTS = sizeof ENVIRONMENTS / sizeof *ENVIRONMENTS };

/* What the host function finds, and what it leaves behind. */
static unsigned host_finds, host_leaves;
static bool host_fails;

static unsigned short x87(void) {
    unsigned short word;
    __asm__ volatile("fnstcw %0" : "=m"(word));
    return word;
}

static pellucid_status_t host(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                              pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)n_args, (void)n_results, (void)out_error;
    CHECK(_mm_getcsr() == host_finds);
    _mm_setcsr(host_leaves);
    results[0] = args[0];
    return host_fails ? PELLUCID_ERR_HOST : PELLUCID_OK;
}

static bool same_bits(pellucid_value_t left, pellucid_value_t right) {
    return left.kind == right.kind && left.of.i64 == right.of.i64;
}

static pellucid_status_t call(const char *name, double argument, pellucid_value_t *result, bool is_raw) {
    pellucid_func_t func = func_of(instance, name);
    pellucid_value_t arg = value_of(PELLUCID_F64);
    arg.of.f64 = argument;
    *result = value_of(PELLUCID_F64);
    if (!is_raw) {
        return pellucid_func_call(store, &func, &arg, 1, result, 1, ERR);
    }
    _Alignas(16) pellucid_raw_t raw;
    memset(&raw, 0, sizeof raw);
    memcpy(&raw, &argument, sizeof argument);
    pellucid_status_t status = pellucid_func_call_raw(store, &func, &raw, 1, ERR);
    memcpy(&result->of.i64, &raw, sizeof result->of.i64);
    return status;
}

static void make_world(bool is_debug, bool has_handlers) {
    pellucid_config_t *config;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, is_debug));
    MUST(pellucid_config_set_signal_handlers(config, has_handlers));
    MUST(pellucid_engine_new(config, &engine, ERR));
    pellucid_config_delete(config);
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    pellucid_kind_t kind = PELLUCID_F64;
    pellucid_extern_t import = host_import(&kind, 1, &kind, 1, host);
    pellucid_module_t *module = module_of(WAT);
    MUST(pellucid_instance_new(store, module, &import, 1, &instance, ERR));
    pellucid_module_delete(module);
}

/* In an environment: results, traps and errors are as ever, and nothing of the environment has changed. */
static void calls(int environment) {
    pellucid_value_t result;
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < N_CASES; i++) {
            ENVIRONMENTS[environment]();
            feclearexcept(FE_ALL_EXCEPT);
            unsigned before = host_finds = host_leaves = _mm_getcsr();
            unsigned short before_x87 = x87();
            pellucid_status_t status = call(CASES[i].name, CASES[i].argument, &result, round % 2 == 1);
            unsigned after = _mm_getcsr();
            unsigned short after_x87 = x87();
            fesetenv(FE_DFL_ENV);
            OK(status);
            if (!CHECK(same_bits(result, expected[i]) && before == after && before_x87 == after_x87)) {
                fprintf(stderr, "    %s in environment %d: %" PRIx64 ", mxcsr %x -> %x\n", CASES[i].name, environment,
                        (uint64_t)result.of.i64, before, after);
            }
        }
        ENVIRONMENTS[environment]();
        unsigned before = _mm_getcsr();
        pellucid_status_t status = call("trap", 1e300, &result, round % 2 == 1);
        unsigned after = _mm_getcsr();
        fesetenv(FE_DFL_ENV);
        STATUS(PELLUCID_ERR_TRAP, status);
        CHECK(before == after);
    }
}

/* What a host function changes ends with the call, and the guest doesn't see it. */
static void changes_inside(void) {
    pellucid_value_t result, third;
    OK(call("third", 3, &third, false));
    for (int fails = 0; fails < 2; fails++) {
        for (int environment = 0; environment < N_ENVIRONMENTS; environment++) {
            host_fails = fails;
            host_finds = _mm_getcsr();
            ENVIRONMENTS[environment]();
            host_leaves = _mm_getcsr();
            _mm_setcsr(host_finds);
            pellucid_status_t status = call("around", 3, &result, false);
            unsigned after = _mm_getcsr();
            fesetenv(FE_DFL_ENV);
            STATUS(fails ? PELLUCID_ERR_HOST : PELLUCID_OK, status);
            CHECK(after == host_finds && (fails || result.of.f64 == 0));
        }
    }
    host_fails = false;
}

struct step {
    pellucid_call_t *call;
    pellucid_call_state_t state;
    int environment;
    bool is_kept;
};

static void *one_step(void *where) {
    struct step *step = where;
    ENVIRONMENTS[step->environment]();
    unsigned before = _mm_getcsr();
    pellucid_call_resume(step->call, PELLUCID_RESUME_STEP, &step->state, NULL);
    step->is_kept = _mm_getcsr() == before;
    return NULL;
}

/* Steps of one call in threads with environments of their own; what is looked at between is what the guest computes. */
static void steps(void) {
    pellucid_func_t func = func_of(instance, "third");
    pellucid_value_t arg = value_of(PELLUCID_F64), result;
    arg.of.f64 = 3;
    for (int first = 0; first < N_ENVIRONMENTS; first++) {
        struct step step = {.environment = first};
        MUST(pellucid_call_begin(store, &func, &arg, 1, &step.call, ERR));
        do {
            pthread_t thread;
            pthread_create(&thread, NULL, one_step, &step);
            pthread_join(thread, NULL);
            CHECK(step.is_kept);
            step.environment = (step.environment + 3) % N_ENVIRONMENTS;
            pellucid_frame_t frame;
            pellucid_value_t local;
            uint32_t n;
            ENVIRONMENTS[first]();
            pellucid_status_t status = PELLUCID_ERR_NOT_FOUND;
            if (step.state == PELLUCID_CALL_PAUSED && pellucid_call_frame(step.call, &frame) == PELLUCID_OK) {
                status = pellucid_frame_read_locals(store, &frame, 1, &local, 1, &n);
            }
            fesetenv(FE_DFL_ENV);
            if (status == PELLUCID_OK) {
                CHECK(local.of.i64 == 0 || same_bits(local, expected[0]));
            }
        } while (step.state == PELLUCID_CALL_PAUSED);
        OK(pellucid_call_results(step.call, &result, 1));
        CHECK(same_bits(result, expected[0]));
        pellucid_call_delete(step.call);
    }
}

int main(void) {
    make_world(false, true);
    host_finds = host_leaves = _mm_getcsr();
    for (int i = 0; i < N_CASES; i++) {
        feclearexcept(FE_ALL_EXCEPT);
        host_finds = host_leaves = _mm_getcsr();
        OK(call(CASES[i].name, CASES[i].argument, &expected[i], false));
    }
    CHECK(expected[0].of.f64 == 1.0 / 3 && expected[3].of.f64 == 0x1p-1023 && expected[4].of.f64 == 1);
    CHECK(expected[5].of.f64 == INFINITY && expected[10].of.f64 == 0);
    close_world();
    for (int mode = 0; mode < 4; mode++) {
        bool is_debug = mode % 2 == 1;
        make_world(is_debug, mode < 2);
        for (int i = 0; i < N_ENVIRONMENTS; i++) {
            calls(i);
        }
        changes_inside();
        if (is_debug) {
            steps();
        }
        close_world();
        /* The compiler computes constants, too. */
        for (int i = 0; i < N_ENVIRONMENTS; i++) {
            ENVIRONMENTS[i]();
            make_world(is_debug, mode < 2);
            fesetenv(FE_DFL_ENV);
            pellucid_value_t result;
            OK(call("folded", 0, &result, false));
            CHECK(same_bits(result, expected[2]));
            close_world();
        }
    }
    return finish();
}
