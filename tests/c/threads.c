/* Threads: engines and modules are shared, stores move, also while a call is paused; two at once are refused. */

#define _GNU_SOURCE

#include "gate.h"
#include "test.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

static pellucid_status_t wait_inside(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                     size_t n_args, pellucid_value_t *results, size_t n_results,
                                     pellucid_error_t **out_error) {
    (void)args, (void)n_args, (void)results, (void)n_results, (void)out_error;
    /* On the thread that runs the guest everything can be used. */
    uint64_t pages;
    CHECK(pellucid_memory_size(pellucid_caller_store(caller), userdata, &pages) == PELLUCID_OK && pages == 1);
    go_to(INSIDE);
    wait_for(LEAVING);
    return PELLUCID_OK;
}

struct run {
    pellucid_func_t func;
    pellucid_call_t *call;
    pellucid_status_t status;
};

static void *run_guest(void *where) {
    struct run *run = where;
    if (run->call != NULL) {
        run->status = pellucid_call_resume(run->call, PELLUCID_RESUME_CONTINUE, NULL, NULL);
    } else {
        run->status = pellucid_func_call_raw(store, &run->func, NULL, 0, NULL);
    }
    go_to(OUTSIDE);
    return NULL;
}

static pellucid_status_t yield(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                               pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata, (void)args, (void)n_args, (void)results, (void)n_results;
    return pellucid_caller_yield(caller, 1, out_error);
}

/* A call that waits for a host function, to which it adds one. */
static pellucid_call_t *call_that_waits(void) {
    pellucid_kind_t i32 = PELLUCID_I32;
    pellucid_extern_t import = host_import(NULL, 0, &i32, 1, yield);
    pellucid_module_t *asks = module_of(
        "(module (import \"\" \"\" (func $f (result i32)))"
        "  (func (export \"f\") (result i32) (i32.add (call $f) (i32.const 1))))");
    pellucid_instance_t instance;
    MUST(pellucid_instance_new(store, asks, &import, 1, &instance, ERR));
    pellucid_module_delete(asks);
    pellucid_func_t f = func_of(instance, "f");
    pellucid_call_t *call;
    pellucid_call_state_t state;
    MUST(pellucid_call_begin(store, &f, NULL, 0, &call, ERR));
    MUST(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    CHECK(state == PELLUCID_CALL_YIELDED);
    return call;
}

/* Whatever is tried with a store that another thread is using has no effect. */
static void use_while_another_runs(void) {
    pellucid_functype_t *type;
    MUST(pellucid_functype_new(NULL, 0, NULL, 0, &type));
    pellucid_memory_t memory;
    pellucid_memorytype_t memorytype = {.minimum = 1, .maximum = 2, .has_maximum = true};
    MUST(pellucid_memory_new(store, &memorytype, &memory, ERR));
    pellucid_func_t host;
    MUST(pellucid_func_new(store, type, &memory, wait_inside, NULL, &host, ERR));
    pellucid_functype_delete(type);
    pellucid_module_t *waits = module_of("(module (import \"\" \"\" (func $f)) (func (export \"f\") (call $f)))");
    pellucid_extern_t import = {.kind = PELLUCID_EXTERN_FUNC, .of.func = host};
    pellucid_instance_t instance;
    MUST(pellucid_instance_new(store, waits, &import, 1, &instance, ERR));
    pellucid_func_t f = func_of(instance, "f");
    pellucid_edit_t *edit;
    MUST(pellucid_edit_begin(store, &edit));
    pellucid_linker_t *linker;
    MUST(pellucid_linker_new(engine, &linker));
    pellucid_interrupt_t *outside;
    MUST(pellucid_store_interrupt(store, &outside, ERR));
    pellucid_call_t *waiting = call_that_waits();
    pellucid_frame_t stands;
    MUST(pellucid_call_frame(waiting, &stands));
    for (int round = 0; round < 4; round++) {
        struct run run = {.func = f};
        if (round % 2 == 1) {
            MUST(pellucid_call_begin(store, &f, NULL, 0, &run.call, ERR));
        }
        pthread_t thread;
        pthread_create(&thread, NULL, run_guest, &run);
        wait_for(INSIDE);
        uint8_t byte = 7;
        uint64_t number;
        pellucid_frame_t frame;
        pellucid_instance_t other;
        pellucid_call_t *call;
        STATUS(PELLUCID_ERR_BUSY, pellucid_func_call(store, &f, NULL, 0, NULL, 0, ERR));
        CHECK(message_has(last_error, "another thread is using the store"));
        STATUS(PELLUCID_ERR_BUSY, pellucid_func_call_raw(store, &f, NULL, 0, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_instance_new(store, waits, &import, 1, &other, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_memory_write(store, &memory, 0, &byte, 1));
        STATUS(PELLUCID_ERR_BUSY, pellucid_memory_read(store, &memory, 0, &byte, 1));
        STATUS(PELLUCID_ERR_BUSY, pellucid_memory_grow(store, &memory, 1, &number, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_store_set_limit(store, PELLUCID_LIMIT_NESTED_CALLS, 0));
        STATUS(PELLUCID_ERR_BUSY, pellucid_frame_newest(store, &frame));
        STATUS(PELLUCID_ERR_BUSY, pellucid_call_begin(store, &f, NULL, 0, &call, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_edit_commit(edit, ERR));
        pellucid_interrupt_t *interrupt;
        pellucid_budget_t budget = {1000, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_TRAP};
        STATUS(PELLUCID_ERR_BUSY, pellucid_store_interrupt(store, &interrupt, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_store_set_epoch_deadline(store, 1, PELLUCID_INTERRUPT_TRAP, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_store_clear_epoch_deadline(store));
        STATUS(PELLUCID_ERR_BUSY, pellucid_func_call_for(store, &f, NULL, 0, NULL, 0, &budget, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_store_trim(store));
        STATUS(PELLUCID_ERR_BUSY, pellucid_call_begin_raw(store, &f, NULL, 0, &call, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_instance_begin(store, waits, &import, 1, &other, &call, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_linker_begin(linker, store, waits, &other, &call, ERR));
        /* Whoever asks from outside isn't refused: the guest goes on. */
        OK(pellucid_interrupt_request(outside, PELLUCID_INTERRUPT_TRAP));
        OK(pellucid_interrupt_withdraw(outside));
        OK(pellucid_engine_increment_epoch(engine));
        pellucid_value_t value = value_i32(1);
        pellucid_raw_t raw = {.i32 = 1};
        STATUS(PELLUCID_ERR_BUSY, pellucid_call_give(waiting, &value, 1, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_call_give_raw(waiting, &raw, 1, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_call_give_error(waiting, last_error, NULL));
        STATUS(PELLUCID_ERR_BUSY, pellucid_call_awaited(waiting, NULL, NULL));
        STATUS(PELLUCID_ERR_BUSY, pellucid_call_awaited_args(waiting, NULL, 0));
        STATUS(PELLUCID_ERR_BUSY, pellucid_call_trim(waiting));
        STATUS(PELLUCID_ERR_BUSY, pellucid_call_trap(waiting, TEXT("no"), ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_call_results_raw(waiting, &raw, 1));
        STATUS(PELLUCID_ERR_BUSY,
               pellucid_call_resume_for(waiting, PELLUCID_RESUME_CONTINUE, &budget, NULL, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_frame_write_local(store, &stands, 0, &value, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_frame_write_operand(store, &stands, 0, &value, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_frame_return(store, &stands, &value, 1, NULL, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_frame_restart(store, &stands, NULL, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_frame_drop(store, &stands, NULL, ERR));
        STATUS(PELLUCID_ERR_BUSY, pellucid_frame_set_pc(store, &stands, 0, NULL, ERR));
        CHECK(pellucid_store_id(store) == 0 && !pellucid_store_is_debug(store));
        if (run.call != NULL) {
            STATUS(PELLUCID_ERR_BUSY, pellucid_call_resume(run.call, PELLUCID_RESUME_CONTINUE, NULL, ERR));
            CHECK(pellucid_call_state(run.call) == 0);
            pellucid_call_delete(run.call);
        }
        pellucid_edit_delete(edit);
        pellucid_store_delete(store);
        go_to(LEAVING);
        wait_for(OUTSIDE);
        pthread_join(thread, NULL);
        OK(run.status);
        if (run.call != NULL) {
            CHECK(pellucid_call_state(run.call) == PELLUCID_CALL_FINISHED);
            pellucid_call_delete(run.call);
        }
        OK(pellucid_memory_read(store, &memory, 0, &byte, 1));
        OK(pellucid_memory_size(store, &memory, &number));
        CHECK(byte == 0 && number == 1);
    }
    OK(pellucid_edit_commit(edit, ERR));
    pellucid_edit_delete(edit);
    pellucid_module_delete(waits);
    pellucid_linker_delete(linker);
    pellucid_interrupt_delete(outside);
    /* What was refused has changed nothing. */
    pellucid_value_t answer = value_i32(41), result;
    pellucid_call_state_t state;
    OK(pellucid_call_give(waiting, &answer, 1, ERR));
    OK(pellucid_call_resume(waiting, PELLUCID_RESUME_CONTINUE, &state, ERR));
    OK(pellucid_call_results(waiting, &result, 1));
    CHECK(state == PELLUCID_CALL_FINISHED && result.of.i32 == 42);
    pellucid_call_delete(waiting);
}

/* Threads that run into each other all the time: each use happens as a whole, or is refused. */
struct rush {
    pthread_t thread;
    pellucid_func_t raise, grow;
    uint32_t raised;
    bool ok;
};

static void *rush(void *where) {
    struct rush *rush = where;
    rush->ok = true;
    /* A thread that was put to sleep in the middle of a call keeps the others out meanwhile. */
    time_t end = time(NULL) + 60;
    for (int i = 0; i < 50000 || (rush->raised == 0 && time(NULL) < end); i++) {
        pellucid_status_t status = pellucid_func_call_raw(store, &rush->raise, NULL, 0, NULL);
        rush->raised += status == PELLUCID_OK;
        rush->ok = rush->ok && (status == PELLUCID_OK || status == PELLUCID_ERR_BUSY);
        if (i % 16 == 0) {
            pellucid_value_t result;
            status = pellucid_func_call(store, &rush->grow, NULL, 0, &result, 1, NULL);
            rush->ok = rush->ok && (status == PELLUCID_OK || status == PELLUCID_ERR_BUSY);
        }
    }
    return NULL;
}

static void run_into_each_other(void) {
    pellucid_instance_t instance = instance_of(
        "(module (memory 1) (global $n (mut i32) (i32.const 0))"
        "  (func (export \"raise\") (global.set $n (i32.add (global.get $n) (i32.const 1))))"
        "  (func (export \"grow\") (result i32) (memory.grow (i32.const 0)))"
        "  (func (export \"n\") (result i32) (global.get $n)))");
    struct rush rushes[3] = {0};
    for (int i = 0; i < 3; i++) {
        rushes[i].raise = func_of(instance, "raise");
        rushes[i].grow = func_of(instance, "grow");
    }
    for (int i = 0; i < 3; i++) {
        pthread_create(&rushes[i].thread, NULL, rush, &rushes[i]);
    }
    uint32_t raised = 0;
    for (int i = 0; i < 3; i++) {
        pthread_join(rushes[i].thread, NULL);
        CHECK(rushes[i].ok);
        CHECK(rushes[i].raised > 0);
        raised += rushes[i].raised;
    }
    pellucid_func_t n = func_of(instance, "n");
    pellucid_value_t found;
    OK(pellucid_func_call(store, &n, NULL, 0, &found, 1, ERR));
    CHECK((uint32_t)found.of.i32 == raised);
}

/* A store that goes to another thread after each call, more often than it is worth to remember whose it was. */
struct hop {
    pellucid_func_t raise;
    int turn;
    bool ok;
};

static void *hop(void *where) {
    struct hop *hop = where;
    for (int i = 0; i < 40; i++) {
        wait_for(hop->turn);
        hop->ok = hop->ok && pellucid_func_call_raw(store, &hop->raise, NULL, 0, NULL) == PELLUCID_OK &&
                  pellucid_func_call(store, &hop->raise, NULL, 0, NULL, 0, NULL) == PELLUCID_OK;
        go_to((hop->turn + 1) % 3);
    }
    return NULL;
}

static void hop_around(void) {
    pellucid_instance_t instance = instance_of(
        "(module (global $n (mut i32) (i32.const 0))"
        "  (func (export \"raise\") (global.set $n (i32.add (global.get $n) (i32.const 1))))"
        "  (func (export \"n\") (result i32) (global.get $n)))");
    pthread_t threads[3];
    struct hop hops[3];
    go_to(3);
    for (int i = 0; i < 3; i++) {
        hops[i] = (struct hop){.raise = func_of(instance, "raise"), .turn = i, .ok = true};
        pthread_create(&threads[i], NULL, hop, &hops[i]);
    }
    go_to(0);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        CHECK(hops[i].ok);
    }
    pellucid_func_t n = func_of(instance, "n");
    pellucid_value_t found;
    OK(pellucid_func_call(store, &n, NULL, 0, &found, 1, ERR));
    CHECK(found.of.i32 == 240);
    go_to(OUTSIDE);
}

/* From here on the process can't have memory barriers of the system's. */
static void forbid_barriers(void) {
    struct sock_filter lines[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(lines) / sizeof(lines[0]), .filter = lines};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) == -1 && errno == ENOSYS);
}

/* Barriers are forbidden before the first store is made, or when the store has been used. */
static int without_barriers(bool later) {
    if (!later) {
        forbid_barriers();
    }
    open_world(true);
    instance_of("(module)");
    if (later) {
        forbid_barriers();
    }
    hop_around();
    use_while_another_runs();
    run_into_each_other();
    close_world();
    return failures != 0;
}

static void *call_once(void *func) {
    OK(pellucid_func_call_raw(store, func, NULL, 0, ERR));
    return NULL;
}

/* In the child of a fork there is one thread: it can use what another thread used before. */
static int after_fork(void) {
    open_world(true);
    pellucid_func_t func = func_of(instance_of("(module (func (export \"f\")))"), "f");
    pthread_t thread;
    pthread_create(&thread, NULL, call_once, &func);
    pthread_join(thread, NULL);
    pid_t child = fork();
    if (child == 0) {
        OK(pellucid_func_call_raw(store, &func, NULL, 0, ERR));
        OK(pellucid_func_call(store, &func, NULL, 0, NULL, 0, ERR));
        _exit(failures != 0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    OK(pellucid_func_call_raw(store, &func, NULL, 0, ERR));
    close_world();
    return failures != 0;
}

static void in_child(int which) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        exit(which == 2 ? after_fork() : without_barriers(which == 1));
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main(void) {
    for (int which = 0; which < 3; which++) {
        in_child(which);
    }
    for (int is_debug = 0; is_debug < 2; is_debug++) {
        open_world(is_debug);
        if (is_debug) {
            use_while_another_runs();
        }
        run_into_each_other();
        close_world();
        open_world(is_debug);
        hop_around();
        close_world();
    }
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
