/* What it costs to wait for a host function: `make waiting`.
 *
 * First the time of a call that yields and is resumed, a million times; then the memory of calls that wait, ten thousand at once. */

#define _GNU_SOURCE
#include "../c-examples/example.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char module_text[] =
    "(module (import \"host\" \"next\" (func $next)) (import \"host\" \"ask\" (func $ask (param i32) (result i32)))"
    "  (func (export \"nexts\") (loop (call $next) (br 0)))"
    "  (func (export \"asks\") (loop (drop (call $ask (i32.const 1))) (br 0)))"
    "  (func $deep (export \"deep\") (param i32) (result i32)"
    "    (if (result i32) (local.get 0)"
    "      (then (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))"
    "      (else (i32.const 0))))"
    "  (func (export \"traps\") (call $next) unreachable)"
    "  (func (export \"spins\") (call $next) (loop (br 0)))"
    "  (func (export \"waits\") (param i32) (drop (call $deep (local.get 0))) (call $next)))";

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static pellucid_status_t yield_raw(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values, size_t n_values,
                                   pellucid_error_t **out_error)
{
    (void)userdata, (void)values, (void)n_values;
    return pellucid_caller_yield(caller, 1, out_error);
}

static pellucid_status_t yield_tagged(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args,
                                      size_t n_args, pellucid_value_t *results, size_t n_results,
                                      pellucid_error_t **out_error)
{
    (void)userdata, (void)args, (void)n_args, (void)results, (void)n_results;
    return pellucid_caller_yield(caller, 1, out_error);
}

struct world {
    pellucid_engine_t *engine;
    pellucid_store_t *store;
    pellucid_instance_t instance;
};

static struct world make(bool debug, bool raw, uint64_t stack_bytes)
{
    struct world world;
    pellucid_config_t *config;
    pellucid_linker_t *linker;
    pellucid_module_t *module;
    pellucid_functype_t *type;
    pellucid_kind_t i32 = PELLUCID_I32;
    pellucid_error_t *error = NULL;
    must(pellucid_config_new(&config), NULL);
    must(pellucid_config_set_debug(config, debug), NULL);
    must(pellucid_config_set_limit(config, PELLUCID_LIMIT_STACK_BYTES, stack_bytes), NULL);
    must(pellucid_engine_new(config, &world.engine, &error), &error);
    pellucid_config_delete(config);
    must(pellucid_store_new(world.engine, NULL, NULL, &world.store, &error), &error);
    must(pellucid_linker_new(world.engine, &linker), NULL);
    for (size_t n = 0; n < 2; n++) {
        const char *name = n == 0 ? "next" : "ask";
        must(pellucid_functype_new(&i32, n, &i32, n, &type), NULL);
        if (raw)
            must(pellucid_linker_define_func_raw(linker, world.store, "host", 4, name, strlen(name), type, NULL, yield_raw,
                                                 NULL, &error), &error);
        else
            must(pellucid_linker_define_func(linker, world.store, "host", 4, name, strlen(name), type, NULL, yield_tagged,
                                             NULL, &error), &error);
        pellucid_functype_delete(type);
    }
    must(pellucid_module_new_text(world.engine, module_text, sizeof module_text - 1, &module, &error), &error);
    must(pellucid_linker_instantiate(linker, world.store, module, &world.instance, &error), &error);
    pellucid_module_delete(module);
    pellucid_linker_delete(linker);
    return world;
}

static void drop(struct world world)
{
    pellucid_store_delete(world.store);
    pellucid_engine_delete(world.engine);
}

static void resume(pellucid_call_t *call)
{
    pellucid_error_t *error = NULL;
    pellucid_call_state_t state;
    must(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, &error), &error);
    if (state != PELLUCID_CALL_YIELDED)
        exit(1);
}

enum { ROUNDS = 15 };

/* Nanoseconds for a call to be resumed and to yield, the least of some rounds. */
static double pairs(bool debug, bool raw, bool asks, unsigned times)
{
    struct world world = make(debug, raw, 1 << 16);
    pellucid_func_t func = exported(world.store, &world.instance, asks ? "asks" : "nexts");
    pellucid_call_t *call;
    pellucid_error_t *error = NULL;
    uint64_t least = UINT64_MAX;
    must(pellucid_call_begin(world.store, &func, NULL, 0, &call, &error), &error);
    resume(call);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = now();
        for (unsigned n = 0; n < times; n++) {
            if (asks && raw) {
                pellucid_raw_t result = {.i32 = 1};
                must(pellucid_call_give_raw(call, &result, 1, &error), &error);
            } else if (asks) {
                pellucid_value_t result = i32_value(1);
                must(pellucid_call_give(call, &result, 1, &error), &error);
            }
            resume(call);
        }
        uint64_t time = now() - start;
        least = time < least ? time : least;
    }
    pellucid_call_delete(call);
    drop(world);
    return (double)least / times;
}

/* Bytes of this process that are reserved and resident, those of page tables too. */
struct memory {
    long reserved, resident, tables;
};

static struct memory memory(void)
{
    struct memory now = {0};
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        sscanf(line, "VmSize: %ld", &now.reserved);
        sscanf(line, "VmRSS: %ld", &now.resident);
        sscanf(line, "VmPTE: %ld", &now.tables);
    }
    if (status != NULL)
        fclose(status);
    return now;
}

enum { CALLS = 10000 };

/* In a process of its own, whose memory nothing else has used. */
static void waiting(bool debug, uint64_t stack_bytes, int depth)
{
    fflush(stdout);
    pid_t child = fork();
    if (child != 0) {
        waitpid(child, NULL, 0);
        return;
    }
    static pellucid_call_t *calls[CALLS];
    struct world world = make(debug, true, stack_bytes);
    pellucid_func_t func = exported(world.store, &world.instance, "waits");
    pellucid_error_t *error = NULL;
    pellucid_value_t arg = i32_value(depth);
    struct memory before = memory();
    uint64_t start = now();
    for (int i = 0; i < CALLS; i++) {
        must(pellucid_call_begin(world.store, &func, &arg, 1, &calls[i], &error), &error);
        resume(calls[i]);
    }
    double us = (double)(now() - start) / CALLS / 1e3;
    struct memory after = memory();
    start = now();
    for (int i = 0; i < CALLS; i++)
        must(pellucid_call_trim(calls[i]), NULL);
    double trim = (double)(now() - start) / CALLS / 1e3;
    struct memory trimmed = memory();
    printf("%-3s %8llu %6d %10.1f %10.1f %8.1f %8.2f %10.1f %8.2f\n", debug ? "on" : "off", (unsigned long long)stack_bytes, depth,
           (double)(after.reserved - before.reserved) / CALLS, (double)(after.resident - before.resident) / CALLS,
           (double)(after.tables - before.tables) / CALLS, us, (double)(trimmed.resident - before.resident) / CALLS, trim);
    for (int i = 0; i < CALLS; i++)
        pellucid_call_delete(calls[i]);
    drop(world);
    fflush(stdout);
    _exit(0);
}

/* Thread time of a trap, and of a pause when a budget is used up at once, each on another stack, while so many calls wait. */
static void signals(bool debug, int n)
{
    static pellucid_call_t *calls[2][CALLS];
    struct world world = make(debug, true, 1 << 16);
    pellucid_error_t *error = NULL;
    pellucid_call_state_t state;
    for (int spins = 0; spins < 2; spins++) {
        pellucid_func_t func = exported(world.store, &world.instance, spins ? "spins" : "traps");
        for (int i = 0; i < n; i++) {
            must(pellucid_call_begin(world.store, &func, NULL, 0, &calls[spins][i], &error), &error);
            resume(calls[spins][i]);
        }
    }
    double us[2];
    for (int spins = 0; spins < 2; spins++) {
        pellucid_budget_t time = {0, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE};
        uint64_t start = now();
        for (int i = 0; i < n; i++) {
            pellucid_call_t *call = calls[spins][i];
            must(spins ? pellucid_call_resume_for(call, PELLUCID_RESUME_CONTINUE, &time, &state, &error)
                       : pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, &error), &error);
            if (state != (spins ? PELLUCID_CALL_PAUSED : PELLUCID_CALL_TRAPPED))
                exit(1);
        }
        us[spins] = (double)(now() - start) / n / 1e3;
    }
    printf("%-9s %6d %8.2f %8.2f\n", debug ? "on" : "off", 2 * n, us[0], us[1]);
    for (int i = 0; i < 2 * n; i++)
        pellucid_call_delete(calls[i / n][i % n]);
    drop(world);
}

/* What it would take to give back the pages below the stack pointer, and to get them again: microseconds for each time. */
static void giving_back(void)
{
    enum { PAGES = 15, TIMES = 20000 };
    uint64_t least = UINT64_MAX;
    char *stack = mmap(NULL, (PAGES + 1) * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = now();
        for (int n = 0; n < TIMES; n++) {
            madvise(stack, PAGES * 4096, MADV_DONTNEED);
            stack[(PAGES - 1) * 4096] = 1;
        }
        uint64_t time = now() - start;
        least = time < least ? time : least;
    }
    printf("\ngiving back what is below, one page of it used again: %.2f us\n", (double)least / TIMES / 1e3);
}

static void memory_of_calls(void)
{
    printf("\n%d calls that wait: KiB each\ndebugging, stack bytes, depth before: reserved, resident, page tables; us to begin; "
           "resident when trimmed, us for that\n", CALLS);
    for (int debug = 0; debug < 2; debug++) {
        waiting(debug, 16384, 0);
        waiting(debug, 65536, 0);
        waiting(debug, 1 << 20, 0);
        waiting(debug, 65536, 500);
        waiting(debug, 1 << 20, 5000);
    }
}

int main(int argc, char **argv)
{
    /* A part of it; or, for counting instructions, only so many pairs of one kind,
     * with debugging if there is a second argument. */
    if (argc > 1 && strcmp(argv[1], "signals") == 0) {
        for (int debug = 0; debug < 2; debug++) {
            signals(debug, 50);
            signals(debug, CALLS / 2);
        }
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "memory") == 0) {
        memory_of_calls();
        return 0;
    }
    if (argc > 1) {
        pairs(argc > 2, true, false, (unsigned)atoi(argv[1]));
        return 0;
    }
    printf("debugging   ns to resume a call and have it yield\n");
    for (int debug = 0; debug < 2; debug++) {
        const char *name = debug ? "on" : "off";
        printf("%-9s %6.1f raw, without results\n", name, pairs(debug, true, false, 1000000));
        printf("%-9s %6.1f raw, with a result\n", name, pairs(debug, true, true, 1000000));
        printf("%-9s %6.1f tagged, with a result\n", name, pairs(debug, false, true, 1000000));
    }
    memory_of_calls();
    giving_back();
    printf("\ndebugging, calls that wait; us for a trap, and for a pause\n");
    for (int debug = 0; debug < 2; debug++) {
        signals(debug, 50);
        signals(debug, CALLS / 2);
    }
    return 0;
}
