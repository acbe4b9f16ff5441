/* `make watchpoints`: what a store and a load cost while something is watched, there and elsewhere, and for comparison what it takes to
 * have a page's rights away, and an access to it found by two signals. Each figure is the least of its rounds, of this thread's CPU
 * time, per turn of a loop with one such operator. */
#define _GNU_SOURCE
#include "must.h"
#include "now.h"
#include "pellucid.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { ROUNDS = 7, MANY = 10000000, WATCHED = 300000, FAULTS = 20000, PAGE = 4096, TRAP_FLAG = 0x100 };

#define LOOP(name, body)                                                                                               \
    "(func (export \"" name "\") (param $n i32)"                                                                       \
    "  (loop $again " body " (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"

static const char text[] =
    "(module (memory (export \"memory\") 2)"
    LOOP("store", "(i32.store (i32.const 100) (local.get $n))")
    LOOP("store elsewhere", "(i32.store (i32.const 70000) (local.get $n))")
    LOOP("load", "(drop (i32.load (i32.const 100)))")
    LOOP("load elsewhere", "(drop (i32.load (i32.const 70000)))")
    ")";

static pellucid_store_t *store;
static pellucid_instance_t instance;

static double per_turn(const char *name, int turns)
{
    pellucid_extern_t item;
    double least = 1e18;
    MUST(pellucid_instance_export(store, &instance, name, strlen(name), &item));
    for (int round = 0; round < ROUNDS; round++) {
        pellucid_value_t n = {.kind = PELLUCID_I32, .of.i32 = turns};
        double start = now();
        MUST(pellucid_func_call(store, &item.of.func, &n, 1, NULL, 0, NULL));
        double took = (now() - start) / turns;
        least = took < least ? took : least;
    }
    return least;
}

static uint64_t edit(pellucid_watch_access_t access, uint64_t removed)
{
    pellucid_edit_t *session;
    pellucid_extern_t item;
    uint64_t id = 0;
    MUST(pellucid_instance_export(store, &instance, "memory", 6, &item));
    MUST(pellucid_edit_begin(store, &session));
    if (removed != 0)
        MUST(pellucid_edit_remove(session, removed));
    else
        MUST(pellucid_edit_watch_memory(session, &item.of.memory, 100, 4, access, &id));
    MUST(pellucid_edit_commit(session, NULL));
    pellucid_edit_delete(session);
    return id;
}

static pellucid_action_t go_on(void *userdata, pellucid_store_t *where, pellucid_event_t *event)
{
    (void)userdata, (void)where, (void)event;
    return PELLUCID_ACTION_CONTINUE;
}

static void report(const char *what, double nanoseconds)
{
    printf("%-60s %9.1f ns\n", what, nanoseconds);
}

/* What a page without rights would take: a signal, one instruction, another signal. */
static char *page;

static void open_page(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    mprotect(page, PAGE, PROT_READ | PROT_WRITE);
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void close_page(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    mprotect(page, PAGE, PROT_READ);
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
}

static double fault(void)
{
    double least = 1e18;
    struct sigaction open = {.sa_sigaction = open_page, .sa_flags = SA_SIGINFO}, close = open;
    close.sa_sigaction = close_page;
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return 0;
    *page = 1;
    mprotect(page, PAGE, PROT_READ);
    sigaction(SIGSEGV, &open, NULL);
    sigaction(SIGTRAP, &close, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (int i = 0; i < FAULTS; i++)
            *(volatile char *)page = (char)i;
        double took = (now() - start) / FAULTS;
        least = took < least ? took : least;
    }
    return least;
}

int main(void)
{
    pellucid_config_t *config;
    pellucid_engine_t *engine;
    pellucid_module_t *module;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, true));
    MUST(pellucid_engine_new(config, &engine, NULL));
    MUST(pellucid_store_new(engine, NULL, NULL, &store, NULL));
    MUST(pellucid_module_new_text(engine, text, sizeof text - 1, &module, NULL));
    MUST(pellucid_instance_new(store, module, NULL, 0, &instance, NULL));
    report("store, nothing is watched", per_turn("store", MANY));
    report("load, nothing is watched", per_turn("load", MANY));
    uint64_t id = edit(PELLUCID_WATCH_WRITE, 0);
    report("writes watched: a store there, counted", per_turn("store", WATCHED));
    MUST(pellucid_store_set_event_handler(store, PELLUCID_EVENT_WATCHPOINT, NULL, go_on, NULL));
    report("writes watched: a store there, handler, resume", per_turn("store", WATCHED));
    report("writes watched: a store elsewhere in the memory", per_turn("store elsewhere", WATCHED));
    report("writes watched: a load", per_turn("load", MANY));
    edit(0, id);
    id = edit(PELLUCID_WATCH_READ, 0);
    report("reads watched: a load there, handler, resume", per_turn("load", WATCHED));
    report("reads watched: a load elsewhere in the memory", per_turn("load elsewhere", WATCHED));
    report("reads watched: a store", per_turn("store", MANY));
    edit(0, id);
    report("store, nothing is watched any more", per_turn("store", MANY));
    pellucid_store_delete(store);
    pellucid_module_delete(module);
    pellucid_engine_delete(engine);
    pellucid_config_delete(config);
    report("a page without rights: two signals, two mprotect", fault());
    return 0;
}
