/* Signals: handlers of the host's own beside the library's, alternate stacks, masks, fibers, and how deep calls may nest. */

#define _GNU_SOURCE
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static const char *WAT =
    "(module (memory 1)"
    "  (func $overflow (export \"overflow\") (call $overflow))"
    "  (func (export \"divide\") (drop (i32.div_u (i32.const 1) (i32.const 0))))"
    "  (func (export \"load\") (drop (i32.load (i32.const -4))))"
    "  (func (export \"unreachable\") unreachable)"
    "  (func (export \"nothing\"))"
    "  (func $deep (export \"deep\") (param i32 i32) (result i32)"
    "    (if (result i32) (local.get 0)"
    "      (then (call $deep (i32.sub (local.get 0) (i32.const 1)) (local.get 1)))"
    "      (else"
    "        (block (loop (br_if 1 (i32.eqz (local.get 1)))"
    "          (local.set 1 (i32.sub (local.get 1) (i32.const 1))) (br 0)))"
    "        (i32.const 7)))))";

/* The address sanitizer would unmap whatever alternate stack a thread has at its end. */
const char *__asan_default_options(void);

const char *__asan_default_options(void) {
    return "use_sigaltstack=0";
}

static pellucid_instance_t instance;

static pellucid_status_t call_in(pellucid_store_t *where, pellucid_instance_t which, const char *name) {
    pellucid_extern_t item;
    MUST(pellucid_instance_export(where, &which, name, strlen(name), &item));
    return pellucid_func_call(where, &item.of.func, NULL, 0, NULL, 0, NULL);
}

static void expect_trap(const char *name, pellucid_trap_t trap) {
    pellucid_func_t func = func_of(instance, name);
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &func, NULL, 0, NULL, 0, ERR));
    CHECK(pellucid_error_trap(last_error) == trap);
}

static void expect_traps(void) {
    expect_trap("load", PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS);
    expect_trap("divide", PELLUCID_TRAP_INTEGER_DIVIDE_BY_ZERO);
    expect_trap("unreachable", PELLUCID_TRAP_UNREACHABLE);
    expect_trap("overflow", PELLUCID_TRAP_CALL_STACK_EXHAUSTED);
    expect_trap("overflow", PELLUCID_TRAP_CALL_STACK_EXHAUSTED);
}

/* Runs `scenario` in a child process; answers how the child ended. */
static int in_child(void (*scenario)(void)) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        failures = 0;
        scenario();
        fflush(NULL);
        _exit(failures == 0 ? 42 : 1);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

#define GOOD(scenario)                                                                                                \
    do {                                                                                                              \
        int status_ = in_child(scenario);                                                                             \
        if (!CHECK(WIFEXITED(status_) && WEXITSTATUS(status_) == 42))                                                 \
            fprintf(stderr, "    %s: status %#x\n", #scenario, (unsigned)status_);                                    \
    } while (0)

#define KILLED(scenario, by)                                                                                          \
    do {                                                                                                              \
        int status_ = in_child(scenario);                                                                             \
        if (!CHECK(WIFSIGNALED(status_) && WTERMSIG(status_) == (by)))                                                \
            fprintf(stderr, "    %s: status %#x\n", #scenario, (unsigned)status_);                                    \
    } while (0)

static void install_with(int signal, void (*handler)(int, siginfo_t *, void *), int flags) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    CHECK(sigaction(signal, &action, NULL) == 0);
}

static bool is_blocked(int signal) {
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    return sigismember(&mask, signal) == 1;
}

/* ---- Handlers that run on a guest's stack ---- */

static volatile sig_atomic_t entered, left_again;
static volatile size_t handler_bytes;

static void use_stack(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info, (void)context;
    __atomic_fetch_add(&entered, 1, __ATOMIC_RELAXED);
    volatile char *used = __builtin_alloca(handler_bytes);
    for (size_t i = handler_bytes; i-- > 0;)
        used[i] = 1;
    __atomic_fetch_add(&left_again, 1, __ATOMIC_RELAXED);
}

static int deepest(pellucid_func_t deep) {
    int good = 0, bad = 1000000;
    while (bad - good > 1) {
        int middle = good + (bad - good) / 2;
        pellucid_value_t args[2] = {value_i32(middle), value_i32(1)}, result;
        pellucid_status_t status = pellucid_func_call(store, &deep, args, 2, &result, 1, NULL);
        if (status == PELLUCID_OK)
            good = middle;
        else
            bad = middle;
    }
    return good;
}

static void every(int microseconds) {
    struct itimerval timer = {{0, microseconds}, {0, microseconds}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void plain_handlers_have_room_at_the_end_of_a_guests_stack(void) {
    pellucid_func_t deep = func_of(instance, "deep");
    int depth = deepest(deep);
    install_with(SIGALRM, use_stack, SA_RESTART);
    for (int back = 0; back <= 200; back += 20) {
        for (size_t bytes = 100; bytes <= 60000; bytes += 20000) {
            handler_bytes = bytes;
            entered = left_again = 0;
            pellucid_value_t args[2] = {value_i32(depth - back), value_i32(20000000)}, result;
            every(2000);
            OK(pellucid_func_call(store, &deep, args, 2, &result, 1, ERR));
            every(0);
            CHECK(result.of.i32 == 7);
            CHECK(entered > 0 && entered == left_again);
            CHECK(!is_blocked(SIGALRM));
        }
    }
    expect_traps();
    CHECK(deepest(deep) == depth);
}

static void plain_handlers_finish_while_guests_overflow(void) {
    install_with(SIGALRM, use_stack, SA_RESTART);
    handler_bytes = 24 << 10;
    every(100);
    for (int i = 0; i < 3000; i++) {
        expect_trap("overflow", PELLUCID_TRAP_CALL_STACK_EXHAUSTED);
        CHECK(!is_blocked(SIGALRM));
    }
    every(0);
    CHECK(entered > 0 && entered == left_again);
    expect_traps();
}

static volatile sig_atomic_t is_over, is_nested;

static void *send_again_and_again(void *thread) {
    while (!is_over) {
        sig_atomic_t before = left_again;
        pthread_kill(*(pthread_t *)thread, SIGALRM);
        if (is_nested)
            pthread_kill(*(pthread_t *)thread, SIGUSR1);
        for (int i = 0; left_again == before && i < 1000000 && !is_over; i++)
            continue;
        /* The guest goes on for a while. */
        for (volatile int i = 0; i < 2000; i++)
            continue;
    }
    return NULL;
}

/* Each handler needs more room near the stack's end, and so does each near the end of what the last was given. */
static void a_guest_has_nothing_of_what_its_handlers_need(void) {
    pthread_t sender, self = pthread_self();
    install_with(SIGALRM, use_stack, SA_RESTART);
    if (is_nested)
        install_with(SIGUSR1, use_stack, SA_RESTART);
    handler_bytes = 24 << 10;
    is_over = 0;
    pthread_create(&sender, NULL, send_again_and_again, &self);
    for (int i = 0; i < 200; i++)
        expect_trap("overflow", PELLUCID_TRAP_CALL_STACK_EXHAUSTED);
    expect_trap("divide", PELLUCID_TRAP_INTEGER_DIVIDE_BY_ZERO);
    is_over = 1;
    pthread_join(sender, NULL);
    CHECK(entered > 0 && entered == left_again);
    CHECK(!is_blocked(SIGFPE));
    expect_traps();
}

static void nor_of_what_handlers_in_handlers_need(void) {
    is_nested = 1;
    a_guest_has_nothing_of_what_its_handlers_need();
}

/* A handler that faults is not the guest, wherever it runs. */
static void fault(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info, (void)context;
    *(volatile int *)8 = 1;
}

static void a_handler_that_faults_on_a_guests_stack(void) {
    signal(SIGSEGV, SIG_DFL);
    OK(pellucid_signal_install(ERR));
    install_with(SIGALRM, fault, 0);
    pellucid_func_t deep = func_of(instance, "deep");
    pellucid_value_t args[2] = {value_i32(1), value_i32(2000000000)}, result;
    every(2000);
    pellucid_func_call(store, &deep, args, 2, &result, 1, ERR);
}

/* ---- Handlers that are installed later ---- */

static struct sigaction before[4];
static const int SIGNALS[4] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
static volatile sig_atomic_t seen;

static void handle_first(int signal, siginfo_t *info, void *context) {
    if (pellucid_signal_handle(signal, info, context))
        return;
    seen = signal;
    _exit(42);
}

static void later_handlers_can_ask(void) {
    CHECK(!pellucid_signal_handle(SIGSEGV, NULL, NULL));
    for (int i = 0; i < 4; i++)
        install_with(SIGNALS[i], handle_first, SA_ONSTACK);
    expect_traps();
    *(volatile int *)8 = 1;
    CHECK(false);
}

static void refuse(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info, (void)context;
    _exit(1);
}

static void ours_can_be_put_in_front_again(void) {
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 4; i++)
            install_with(SIGNALS[i], refuse, SA_ONSTACK);
        OK(pellucid_signal_install(ERR));
        OK(pellucid_signal_install(ERR));
        expect_traps();
    }
}

static void chain_to_before(int signal, siginfo_t *info, void *context) {
    seen++;
    for (int i = 0; i < 4; i++) {
        if (SIGNALS[i] == signal)
            before[i].sa_sigaction(signal, info, context);
    }
}

static void good_end(int signal, siginfo_t *info, void *context) {
    (void)context;
    _exit(signal == SIGSEGV && info->si_addr == (void *)8 && seen == 1 ? 42 : 1);
}

/* Ours, one that came later and calls ours, ours again: a fault of the host goes through them once, to the first. */
static void a_chain_ends_at_the_first_handler(void) {
    install_with(SIGSEGV, good_end, SA_ONSTACK);
    OK(pellucid_signal_install(ERR));
    for (int i = 0; i < 4; i++) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = chain_to_before;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigaction(SIGNALS[i], &action, &before[i]);
    }
    expect_traps();
    CHECK(seen == 5);
    OK(pellucid_signal_install(ERR));
    expect_traps();
    CHECK(seen == 5);
    seen = 0;
    *(volatile int *)8 = 1;
    CHECK(false);
}

static volatile sig_atomic_t masked, calls;

static void look_at_the_mask(int signal, siginfo_t *info, void *context) {
    (void)info, (void)context;
    calls++;
    masked = is_blocked(SIGUSR1) && is_blocked(signal) && !is_blocked(SIGUSR2);
}

static void masks_and_flags_of_earlier_handlers_hold(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = look_at_the_mask;
    action.sa_flags = SA_SIGINFO | SA_RESETHAND;
    sigaddset(&action.sa_mask, SIGUSR1);
    CHECK(sigaction(SIGFPE, &action, NULL) == 0);
    OK(pellucid_signal_install(ERR));
    raise(SIGFPE);
    CHECK(calls == 1 && masked);
    CHECK(!is_blocked(SIGUSR1) && !is_blocked(SIGFPE));
    expect_traps();
    CHECK(failures == 0);
    /* It was for once. */
    raise(SIGFPE);
}

static void too_many_handlers(void) {
    void (*handlers[])(int, siginfo_t *, void *) = {refuse, fault, use_stack, look_at_the_mask, good_end, chain_to_before,
                                                    handle_first};
    OK(pellucid_signal_install(ERR));
    pellucid_status_t status = PELLUCID_OK;
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        install_with(SIGFPE, handlers[i], SA_ONSTACK);
        OK(pellucid_signal_install(ERR));
    }
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = (void (*)(int))_exit;
    sigaction(SIGFPE, &action, NULL);
    status = pellucid_signal_install(ERR);
    STATUS(PELLUCID_ERR_LIMIT, status);
}

/* ---- Threads ---- */

static void *with_signals_blocked(void *unused) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    expect_traps();
    CHECK(is_blocked(SIGALRM) && !is_blocked(SIGSEGV));
    return unused;
}

static void alternate(void *where, size_t size) {
    stack_t stack;
    memset(&stack, 0, sizeof stack);
    stack.ss_sp = where;
    stack.ss_size = size;
    stack.ss_flags = where == NULL ? SS_DISABLE : 0;
    CHECK(sigaltstack(&stack, NULL) == 0);
}

static char own_alternate_stack[64 << 10];

/* What a library does that brackets a region with an alternate stack of its own. */
static void *bracketed(void *unused) {
    alternate(NULL, 0);
    stack_t outer, inner = {.ss_sp = own_alternate_stack, .ss_size = sizeof own_alternate_stack};
    CHECK(sigaltstack(&inner, &outer) == 0);
    call_in(store, instance, "nothing");
    expect_traps();
    CHECK(sigaltstack(&outer, NULL) == 0);
    expect_traps();
    return unused;
}

static void *taken_away(void *unused) {
    expect_traps();
    alternate(NULL, 0);
    /* A trap that needs no room tells that it is gone. */
    expect_trap("divide", PELLUCID_TRAP_INTEGER_DIVIDE_BY_ZERO);
    expect_traps();
    alternate(NULL, 0);
    OK(pellucid_signal_install(ERR));
    expect_trap("overflow", PELLUCID_TRAP_CALL_STACK_EXHAUSTED);
    return unused;
}

static void *too_small(void *unused) {
    alternate(own_alternate_stack, (size_t)sysconf(_SC_MINSIGSTKSZ));
    expect_traps();
    return unused;
}

static void *trusted(void *unused) {
    alternate(own_alternate_stack, sizeof own_alternate_stack);
    OK(pellucid_signal_install(ERR));
    expect_traps();
    stack_t present;
    CHECK(sigaltstack(NULL, &present) == 0 && present.ss_sp == own_alternate_stack);
    return unused;
}

static pthread_key_t key;

static void at_the_end(void *unused) {
    (void)unused;
    expect_traps();
}

static void *with_a_destructor(void *unused) {
    CHECK(pthread_setspecific(key, &key) == 0);
    expect_traps();
    return unused;
}

static void in_thread(void *(*work)(void *)) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, work, NULL));
    CHECK(pthread_join(thread, NULL) == 0);
}

static void traps_on_all_kinds_of_threads(void) {
    CHECK(pthread_key_create(&key, at_the_end) == 0);
    void *(*const kinds[])(void *) = {with_signals_blocked, bracketed, taken_away, too_small, trusted, with_a_destructor};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        in_thread(kinds[i]);
}

/* ---- Fibers ---- */

static ucontext_t main_context, fibers[2];
static char fiber_stacks[2][1 << 20];
static pellucid_status_t ended[2];

static pellucid_status_t yield_to_main(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                       size_t n_args, pellucid_value_t *results, size_t n_results,
                                       pellucid_error_t **out_error) {
    (void)userdata, (void)caller, (void)n_args, (void)results, (void)n_results, (void)out_error;
    swapcontext(&fibers[args[0].of.i32], &main_context);
    return PELLUCID_OK;
}

static void run_fiber(int number) {
    pellucid_store_t *own;
    pellucid_functype_t *type;
    pellucid_extern_t import;
    pellucid_instance_t own_instance;
    pellucid_kind_t kind = PELLUCID_I32;
    memset(&import, 0, sizeof import);
    import.kind = PELLUCID_EXTERN_FUNC;
    MUST(pellucid_store_new(engine, NULL, NULL, &own, ERR));
    MUST(pellucid_functype_new(&kind, 1, NULL, 0, &type));
    MUST(pellucid_func_new(own, type, NULL, yield_to_main, NULL, &import.of.func, ERR));
    pellucid_functype_delete(type);
    pellucid_module_t *module = module_of("(module (import \"\" \"yield\" (func $yield (param i32))) (memory 1)"
                                          "  (func (export \"run\") (param i32)"
                                          "    (call $yield (local.get 0)) (drop (i32.load (i32.const -4)))))");
    MUST(pellucid_instance_new(own, module, &import, 1, &own_instance, ERR));
    pellucid_module_delete(module);
    pellucid_extern_t run;
    MUST(pellucid_instance_export(own, &own_instance, TEXT("run"), &run));
    pellucid_value_t arg = value_i32(number);
    ended[number] = pellucid_func_call(own, &run.of.func, &arg, 1, NULL, 0, NULL);
    pellucid_store_delete(own);
    swapcontext(&fibers[number], &main_context);
}

static void prepare_fiber(int number) {
    getcontext(&fibers[number]);
    fibers[number].uc_stack.ss_sp = fiber_stacks[number];
    fibers[number].uc_stack.ss_size = sizeof fiber_stacks[number];
    makecontext(&fibers[number], (void (*)(void))run_fiber, 1, number);
}

static void fibers_leave_in_any_order(void) {
    prepare_fiber(0);
    prepare_fiber(1);
    swapcontext(&main_context, &fibers[0]);
    swapcontext(&main_context, &fibers[1]);
    swapcontext(&main_context, &fibers[0]);
    swapcontext(&main_context, &fibers[1]);
    CHECK(ended[0] == PELLUCID_ERR_TRAP && ended[1] == PELLUCID_ERR_TRAP);
    expect_traps();
}

/* ---- How deep calls nest ---- */

static int depth_reached;
static pellucid_status_t refusal;
static pellucid_func_t nothing;

static pellucid_action_t call_again(void *userdata, pellucid_store_t *where, pellucid_event_t *event) {
    (void)userdata, (void)event;
    depth_reached++;
    pellucid_status_t status = pellucid_func_call(where, &nothing, NULL, 0, NULL, 0, NULL);
    if (status != PELLUCID_OK && refusal == PELLUCID_OK)
        refusal = status;
    return PELLUCID_ACTION_CONTINUE;
}

static void nest_in_handlers(uint64_t limit) {
    depth_reached = 0;
    refusal = PELLUCID_OK;
    OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_NESTED_CALLS, limit));
    OK(pellucid_func_call(store, &nothing, NULL, 0, NULL, 0, ERR));
    CHECK(refusal == PELLUCID_ERR_TRAP);
}

static void calls_of_event_handlers_are_counted(void) {
    nest_in_handlers(50);
    CHECK(depth_reached == 50);
    /* More than the host's stack holds. */
    nest_in_handlers(1000000);
    CHECK(depth_reached > 50 && depth_reached < 1000000);
    nest_in_handlers(10);
    CHECK(depth_reached == 10);
}

static pellucid_status_t call_raw_again(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values,
                                        size_t n_values, pellucid_error_t **out_error) {
    (void)caller, (void)values, (void)n_values, (void)out_error;
    depth_reached++;
    return pellucid_func_call_raw(store, userdata, NULL, 0, NULL);
}

static void calls_of_host_functions_leave_the_hosts_stack_alone(void) {
    pellucid_functype_t *type;
    pellucid_extern_t import;
    pellucid_func_t run;
    pellucid_instance_t nesting;
    memset(&import, 0, sizeof import);
    import.kind = PELLUCID_EXTERN_FUNC;
    MUST(pellucid_functype_new(NULL, 0, NULL, 0, &type));
    MUST(pellucid_func_new_raw(store, type, &run, call_raw_again, NULL, &import.of.func, ERR));
    pellucid_functype_delete(type);
    pellucid_module_t *module =
        module_of("(module (import \"\" \"again\" (func $again)) (func (export \"run\") (call $again)))");
    MUST(pellucid_instance_new(store, module, &import, 1, &nesting, ERR));
    pellucid_module_delete(module);
    run = func_of(nesting, "run");
    OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_STACK_BYTES, 16 << 10));
    OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_NESTED_CALLS, 1000000));
    depth_reached = 0;
    CHECK(pellucid_func_call_raw(store, &run, NULL, 0, NULL) != PELLUCID_OK);
    CHECK(depth_reached > 200 && depth_reached < 1000000);
    expect_traps();
}

static void small_stacks_are_refused(void) {
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_store_set_limit(store, PELLUCID_LIMIT_STACK_BYTES, 0));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_store_set_limit(store, PELLUCID_LIMIT_STACK_BYTES, 1));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_store_set_limit(store, PELLUCID_LIMIT_STACK_BYTES, (16 << 10) - 1));
    OK(pellucid_store_set_limit(store, PELLUCID_LIMIT_STACK_BYTES, 16 << 10));
    expect_traps();
}

int main(void) {
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        instance = instance_of(WAT);
        expect_traps();
        GOOD(plain_handlers_have_room_at_the_end_of_a_guests_stack);
        GOOD(plain_handlers_finish_while_guests_overflow);
        GOOD(a_guest_has_nothing_of_what_its_handlers_need);
        GOOD(nor_of_what_handlers_in_handlers_need);
        KILLED(a_handler_that_faults_on_a_guests_stack, SIGSEGV);
        GOOD(later_handlers_can_ask);
        GOOD(ours_can_be_put_in_front_again);
        GOOD(a_chain_ends_at_the_first_handler);
        KILLED(masks_and_flags_of_earlier_handlers_hold, SIGFPE);
        GOOD(too_many_handlers);
        GOOD(traps_on_all_kinds_of_threads);
        GOOD(fibers_leave_in_any_order);
        GOOD(calls_of_host_functions_leave_the_hosts_stack_alone);
        GOOD(small_stacks_are_refused);
        if (is_debug) {
            nothing = func_of(instance, "nothing");
            pellucid_module_t *module;
            MUST(pellucid_store_module(store, 0, &module));
            break_at_function(store, module, 4);
            pellucid_module_delete(module);
            MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_BREAKPOINT | PELLUCID_EVENT_NESTED, NULL,
                                                  call_again, NULL));
            GOOD(calls_of_event_handlers_are_counted);
        }
        close_world();
    }
    return finish();
}
