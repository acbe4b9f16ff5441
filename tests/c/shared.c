/* Shared memories: stores on several threads that work on one, wait for each other, and are stopped while they do. */

#define _GNU_SOURCE
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 65536, MOST_PAGES = 64 };

static const char *WAT =
    "(module (import \"env\" \"memory\" (memory 1 64 shared))"
    "  (func (export \"load\") (param i32) (result i32) (i32.load (local.get 0)))"
    "  (func (export \"store\") (param i32 i32) (i32.store (local.get 0) (local.get 1)))"
    "  (func (export \"size\") (result i32) (memory.size))"
    "  (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))"
    "  (func (export \"waits_for_size\") (param i32)"
    "    (if (i32.lt_u (memory.size) (local.get 0))"
    "      (then (loop (br_if 0 (i32.lt_u (memory.size) (local.get 0)))))))"
    /* Each number of times: counters of 32, 64, 8 and 16 bits, by different operators. */
    "  (func (export \"count\") (param $n i32) (local $before i64)"
    "    (loop"
    "      (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))"
    "      (drop (i64.atomic.rmw.sub (i32.const 8) (i64.const 1)))"
    "      (drop (i32.atomic.rmw8.xor_u (i32.const 16) (i32.const 1)))"
    "      (drop (i64.atomic.rmw16.add_u (i32.const 18) (i64.const 1)))"
    "      (loop $again"
    "        (local.set $before (i64.atomic.load32_u (i32.const 20)))"
    "        (br_if $again (i64.ne (local.get $before)"
    "          (i64.atomic.rmw32.cmpxchg_u (i32.const 20) (local.get $before)"
    "            (i64.add (local.get $before) (i64.const 1))))))"
    "      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"
    "  (func $lock (param $a i32)"
    "    (block $done"
    "      (loop $again"
    "        (br_if $done (i32.eqz (i32.atomic.rmw.cmpxchg (local.get $a) (i32.const 0) (i32.const 1))))"
    "        (drop (memory.atomic.wait32 (local.get $a) (i32.const 1) (i64.const -1)))"
    "        (br $again))))"
    "  (func $unlock (param $a i32)"
    "    (i32.atomic.store (local.get $a) (i32.const 0))"
    "    (drop (memory.atomic.notify (local.get $a) (i32.const 1))))"
    "  (func (export \"count_locked\") (param $n i32)"
    "    (loop"
    "      (call $lock (i32.const 64))"
    "      (i32.store (i32.const 68) (i32.add (i32.load (i32.const 68)) (i32.const 1)))"
    "      (memory.copy (i32.const 72) (i32.const 68) (i32.const 4))"
    "      (if (i32.ne (i32.load (i32.const 68)) (i32.load (i32.const 72))) (then unreachable))"
    "      (call $unlock (i32.const 64))"
    "      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"
    "  (func (export \"wait\") (param i32 i32 i64) (result i32)"
    "    (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))"
    "  (func (export \"wait64\") (param i32 i64 i64) (result i32)"
    "    (memory.atomic.wait64 offset=8 (local.get 0) (local.get 1) (local.get 2)))"
    "  (func (export \"notify\") (param i32 i32) (result i32)"
    "    (memory.atomic.notify (local.get 0) (local.get 1)))"
    "  (func (export \"spin\") (loop (drop (i32.atomic.rmw.add (i32.const 32) (i32.const 1))) (br 0)))"
    "  (func (export \"twice\") (result i32)"
    "    (i32.sub (i32.load (i32.const 128)) (i32.load (i32.const 128))))"
    "  (func (export \"toggle\") (loop (drop (i32.atomic.rmw.xor (i32.const 132) (i32.const 1))) (br 0)))"
    "  (func (export \"pair\") (result i64) (local $a i64) (local $b i64)"
    "    (local.set $a (i64.load32_u (i32.const 132)))"
    "    (local.set $b (i64.load32_u (i32.const 132)))"
    "    (i64.add (local.get $a) (i64.shl (local.get $b) (i64.const 32))))"
    "  (func (export \"fence\") (atomic.fence)))";

static pellucid_shared_memory_t *shared;
static pellucid_module_t *module;
static bool is_debug, has_handlers;

/* A store with an instance, and a call of it on a thread of its own. */
struct guest {
    pellucid_store_t *store;
    pellucid_instance_t instance;
    pellucid_interrupt_t *interrupt;
    pellucid_call_t *call;
    pthread_t thread;
    const char *name;
    pellucid_value_t args[3], result;
    size_t n_args, n_results;
    pellucid_status_t status;
    pellucid_call_state_t state;
    pellucid_trap_t trap;
};

static void sleep_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static pellucid_memorytype_t shared_type(uint64_t minimum, uint64_t maximum) {
    pellucid_memorytype_t type = {.minimum = minimum, .maximum = maximum, .has_maximum = 1, .is_shared = 1};
    return type;
}

static void open_shared(bool debug, bool handlers, uint64_t reservation) {
    is_debug = debug;
    has_handlers = handlers;
    pellucid_config_t *config;
    MUST(pellucid_config_new(&config));
    MUST(pellucid_config_set_debug(config, debug));
    MUST(pellucid_config_set_signal_handlers(config, handlers));
    if (reservation > 0) {
        MUST(pellucid_config_set_memory_reservation(config, reservation));
    }
    MUST(pellucid_engine_new(config, &engine, ERR));
    pellucid_config_delete(config);
    pellucid_memorytype_t type = shared_type(1, MOST_PAGES);
    MUST(pellucid_shared_memory_new(engine, &type, &shared, ERR));
    module = module_of(WAT);
}

static void close_shared(void) {
    pellucid_module_delete(module);
    pellucid_shared_memory_delete(shared);
    pellucid_engine_delete(engine);
}

static void open_guest(struct guest *guest) {
    memset(guest, 0, sizeof *guest);
    MUST(pellucid_store_new(engine, NULL, NULL, &guest->store, ERR));
    pellucid_extern_t import = {.kind = PELLUCID_EXTERN_MEMORY};
    MUST(pellucid_memory_from_shared(guest->store, shared, &import.of.memory, ERR));
    CHECK(pellucid_memory_is_shared(guest->store, &import.of.memory));
    pellucid_memory_t again;
    MUST(pellucid_memory_from_shared(guest->store, shared, &again, ERR));
    CHECK(memcmp(&again, &import.of.memory, sizeof again) == 0);
    MUST(pellucid_instance_new(guest->store, module, &import, 1, &guest->instance, ERR));
    if (has_handlers) {
        MUST(pellucid_store_interrupt(guest->store, &guest->interrupt, ERR));
    }
}

static void close_guest(struct guest *guest) {
    pellucid_call_delete(guest->call);
    pellucid_interrupt_delete(guest->interrupt);
    pellucid_store_delete(guest->store);
}

static void prepare(struct guest *guest, const char *name, size_t n_args, size_t n_results) {
    guest->name = name;
    guest->n_args = n_args;
    guest->n_results = n_results;
}

static void run(struct guest *guest) {
    pellucid_extern_t func;
    pellucid_error_t *error = NULL;
    guest->status = pellucid_instance_export(guest->store, &guest->instance, guest->name, strlen(guest->name), &func);
    if (guest->status == PELLUCID_OK) {
        guest->status = pellucid_func_call(guest->store, &func.of.func, guest->args, guest->n_args, &guest->result,
                                           guest->n_results, &error);
    }
    guest->trap = pellucid_error_trap(error);
    pellucid_error_delete(error);
}

static void *run_on_thread(void *guest) {
    run(guest);
    return NULL;
}

static void *resume_on_thread(void *argument) {
    struct guest *guest = argument;
    guest->status = pellucid_call_resume(guest->call, PELLUCID_RESUME_CONTINUE, &guest->state, NULL);
    return NULL;
}

static void begin(struct guest *guest, void *(*what)(void *)) {
    CHECK(pthread_create(&guest->thread, NULL, what, guest) == 0);
}

static void end(struct guest *guest) {
    CHECK(pthread_join(guest->thread, NULL) == 0);
}

static int32_t run_i32(struct guest *guest, const char *name, int32_t first, int32_t second, size_t n_args) {
    guest->args[0] = value_i32(first);
    guest->args[1] = value_i32(second);
    prepare(guest, name, n_args, 1);
    run(guest);
    OK(guest->status);
    return guest->result.of.i32;
}

static void run_wait(struct guest *guest, int32_t address, int32_t expected, int64_t timeout) {
    guest->args[0] = value_i32(address);
    guest->args[1] = value_i32(expected);
    guest->args[2] = value_i64(timeout);
    prepare(guest, "wait", 3, 1);
}

static void expect_trap(struct guest *guest, pellucid_trap_t trap) {
    STATUS(PELLUCID_ERR_TRAP, guest->status);
    CHECK(guest->trap == trap);
}

static size_t waiters(void) {
    size_t n = 0;
    OK(pellucid_shared_memory_waiter_count(shared, &n));
    return n;
}

static void until_waiting(size_t n) {
    for (uint64_t start = now_ms(); waiters() != n;) {
        if (now_ms() > start + 10000) {
            CHECK(!"nobody waits");
            exit(1);
        }
    }
}

static uint32_t notify(uint64_t address, uint32_t most) {
    uint32_t n = 0;
    OK(pellucid_shared_memory_notify(shared, address, most, &n));
    return n;
}

static void write_i32(uint64_t offset, int32_t number) {
    OK(pellucid_shared_memory_write(shared, offset, (const uint8_t *)&number, sizeof number));
}

static int32_t read_i32(uint64_t offset) {
    int32_t number = 0;
    OK(pellucid_shared_memory_read(shared, offset, (uint8_t *)&number, sizeof number));
    return number;
}

enum { GUESTS = 4 };

static void counters_are_exact(void) {
    static struct guest guests[GUESTS];
    const int32_t times = is_debug ? 20000 : 50000;
    for (int i = 0; i < GUESTS; i++) {
        open_guest(&guests[i]);
        guests[i].args[0] = value_i32(times + i % 2);
        prepare(&guests[i], "count", 1, 0);
    }
    for (int i = 0; i < GUESTS; i++) {
        begin(&guests[i], run_on_thread);
    }
    for (int i = 0; i < GUESTS; i++) {
        end(&guests[i]);
        OK(guests[i].status);
    }
    int32_t all = GUESTS * times + GUESTS / 2;
    int64_t wide = 0;
    OK(pellucid_shared_memory_read(shared, 8, (uint8_t *)&wide, sizeof wide));
    CHECK(read_i32(0) == all && wide == -(int64_t)all && read_i32(20) == all);
    CHECK((read_i32(16) & 0xff) == (all & 1) && ((read_i32(16) >> 16) & 0xffff) == (all & 0xffff));
    /* What one store has written the others and the host read. */
    run_i32(&guests[1], "notify", 0, 0, 2);
    CHECK(run_i32(&guests[2], "load", 0, 0, 1) == all);
    for (int i = 0; i < GUESTS; i++) {
        close_guest(&guests[i]);
    }
}

static void a_lock_is_one(void) {
    static struct guest guests[GUESTS];
    write_i32(68, 0);
    for (int i = 0; i < GUESTS; i++) {
        open_guest(&guests[i]);
        guests[i].args[0] = value_i32(2000);
        prepare(&guests[i], "count_locked", 1, 0);
    }
    for (int i = 0; i < GUESTS; i++) {
        begin(&guests[i], run_on_thread);
    }
    for (int i = 0; i < GUESTS; i++) {
        end(&guests[i]);
        OK(guests[i].status);
        close_guest(&guests[i]);
    }
    CHECK(read_i32(68) == GUESTS * 2000 && waiters() == 0);
}

/* Grows by single pages, and uses each at once. */
static void *grow_on_thread(void *argument) {
    struct guest *guest = argument;
    for (int i = 0; i < 8; i++) {
        guest->args[0] = value_i32(1);
        prepare(guest, "grow", 1, 1);
        run(guest);
        int32_t last = (guest->result.of.i32 + 1) * PAGE - 4;
        if (guest->status != PELLUCID_OK || guest->result.of.i32 < 0)
            return NULL;
        guest->args[0] = value_i32(last);
        guest->args[1] = value_i32(last);
        prepare(guest, "store", 2, 0);
        run(guest);
        if (guest->status != PELLUCID_OK)
            return NULL;
    }
    return NULL;
}

static void it_grows_under_all(void) {
    static struct guest guests[GUESTS + 1];
    uint64_t before, after;
    OK(pellucid_shared_memory_size(shared, &before));
    for (int i = 0; i <= GUESTS; i++) {
        open_guest(&guests[i]);
    }
    /* One sees it in a loop that does nothing else. */
    guests[GUESTS].args[0] = value_i32((int32_t)before + GUESTS * 8);
    prepare(&guests[GUESTS], "waits_for_size", 1, 0);
    begin(&guests[GUESTS], run_on_thread);
    for (int i = 0; i < GUESTS; i++) {
        begin(&guests[i], grow_on_thread);
    }
    for (int i = 0; i <= GUESTS; i++) {
        end(&guests[i]);
        OK(guests[i].status);
    }
    OK(pellucid_shared_memory_size(shared, &after));
    CHECK(after == before + GUESTS * 8);
    uint8_t *data;
    size_t size;
    OK(pellucid_shared_memory_data(shared, &data, &size));
    CHECK(size == after * PAGE);
    for (uint64_t page = before; page < after; page++) {
        int32_t last = (int32_t)((page + 1) * PAGE - 4);
        CHECK(read_i32((uint64_t)last) == last);
        CHECK(run_i32(&guests[page % GUESTS], "load", last, 0, 1) == last);
    }
    CHECK(run_i32(&guests[0], "size", 0, 0, 0) == (int32_t)after);
    guests[0].args[0] = value_i32((int32_t)after * PAGE - 3);
    prepare(&guests[0], "load", 1, 1);
    run(&guests[0]);
    expect_trap(&guests[0], PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_shared_memory_read(shared, after * PAGE - 3, data, 4));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_shared_memory_write(shared, after * PAGE - 3, data, 4));
    /* The memory's own limit, a store's, and its maximum. */
    uint64_t limit, old;
    OK(pellucid_shared_memory_limit(shared, &limit));
    CHECK(limit == UINT64_C(1) << 32);
    OK(pellucid_shared_memory_set_limit(shared, (after + 1) * PAGE));
    CHECK(run_i32(&guests[0], "grow", 2, 0, 1) == -1);
    STATUS(PELLUCID_ERR_LIMIT, pellucid_shared_memory_grow(shared, 2, &old, ERR));
    CHECK(run_i32(&guests[0], "grow", 1, 0, 1) == (int32_t)after);
    OK(pellucid_shared_memory_set_limit(shared, limit));
    OK(pellucid_store_set_limit(guests[1].store, PELLUCID_LIMIT_MEMORY_BYTES, after * PAGE));
    CHECK(run_i32(&guests[1], "grow", 1, 0, 1) == -1);
    CHECK(run_i32(&guests[2], "grow", 1, 0, 1) == (int32_t)after + 1);
    STATUS(PELLUCID_ERR_LIMIT, pellucid_shared_memory_grow(shared, MOST_PAGES, &old, ERR));
    OK(pellucid_shared_memory_grow(shared, 1, &old, ERR));
    CHECK(old == after + 2 && run_i32(&guests[1], "size", 0, 0, 0) == (int32_t)after + 3);
    for (int i = 0; i <= GUESTS; i++) {
        close_guest(&guests[i]);
    }
}

static void waits_end_as_they_should(void) {
    struct guest guest, other;
    open_guest(&guest);
    open_guest(&other);
    write_i32(256, 5);
    run_wait(&guest, 256, 4, -1);
    run(&guest);
    CHECK(guest.status == PELLUCID_OK && guest.result.of.i32 == 1);
    uint64_t start = now_ms();
    run_wait(&guest, 256, 5, 20000000);
    run(&guest);
    CHECK(guest.status == PELLUCID_OK && guest.result.of.i32 == 2 && now_ms() >= start + 20);
    run_wait(&guest, 256, 5, 0);
    run(&guest);
    CHECK(guest.status == PELLUCID_OK && guest.result.of.i32 == 2);
    run_wait(&guest, 254, 5, 0);
    run(&guest);
    expect_trap(&guest, PELLUCID_TRAP_UNALIGNED_ATOMIC);
    run_wait(&guest, -4, 5, 0);
    run(&guest);
    expect_trap(&guest, PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS);
    /* Those who came first are woken first, at this address alone. */
    for (int round = 0; round < 20; round++) {
        run_wait(&guest, 256, 5, -1);
        begin(&guest, run_on_thread);
        until_waiting(1);
        run_wait(&other, 256, 5, -1);
        if (round % 2) {
            int64_t wide = -7;
            OK(pellucid_shared_memory_write(shared, 264, (const uint8_t *)&wide, sizeof wide));
            other.args[1] = value_i64(-7);
            prepare(&other, "wait64", 3, 1);
        }
        begin(&other, run_on_thread);
        until_waiting(2);
        CHECK(notify(260, 9) == 0 && notify(256, 0) == 0);
        CHECK(notify(256, round % 2 ? 9 : 1) == 1);
        end(&guest);
        CHECK(guest.status == PELLUCID_OK && guest.result.of.i32 == 0);
        CHECK(run_i32(&guest, "notify", round % 2 ? 264 : 256, -1, 2) == 1);
        end(&other);
        CHECK(other.status == PELLUCID_OK && other.result.of.i32 == 0);
    }
    CHECK(run_i32(&guest, "notify", 256, -1, 2) == 0);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_shared_memory_notify(shared, 258, 1, NULL));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_shared_memory_notify(shared, UINT64_C(1) << 40, 1, NULL));
    prepare(&guest, "fence", 0, 0);
    run(&guest);
    OK(guest.status);
    close_guest(&guest);
    close_guest(&other);
}

static void the_host_forbids_waits(void) {
    struct guest guest;
    open_guest(&guest);
    write_i32(256, 5);
    OK(pellucid_store_set_limit(guest.store, PELLUCID_LIMIT_WAIT_NANOSECONDS, 0));
    run_wait(&guest, 256, 5, 0);
    run(&guest);
    expect_trap(&guest, PELLUCID_TRAP_WAIT_NOT_ALLOWED);
    /* What needs less than the limit isn't cut. */
    OK(pellucid_store_set_limit(guest.store, PELLUCID_LIMIT_WAIT_NANOSECONDS, 20000000));
    for (int i = 0; i < 3; i++) {
        uint64_t start = now_ms();
        run_wait(&guest, 256, i == 2 ? 6 : 5, i == 0 ? 1000000 : -1);
        run(&guest);
        if (i == 1) {
            expect_trap(&guest, PELLUCID_TRAP_WAIT_NOT_ALLOWED);
            CHECK(now_ms() >= start + 20);
        } else {
            CHECK(guest.status == PELLUCID_OK && guest.result.of.i32 == 2 - i / 2);
        }
    }
    OK(pellucid_store_set_limit(guest.store, PELLUCID_LIMIT_WAIT_NANOSECONDS, UINT64_MAX));
    run_wait(&guest, 256, 5, -1);
    begin(&guest, run_on_thread);
    until_waiting(1);
    OK(pellucid_shared_memory_allow_waits(shared, false));
    end(&guest);
    expect_trap(&guest, PELLUCID_TRAP_WAIT_NOT_ALLOWED);
    CHECK(waiters() == 0);
    run(&guest);
    expect_trap(&guest, PELLUCID_TRAP_WAIT_NOT_ALLOWED);
    CHECK(run_i32(&guest, "notify", 256, 1, 2) == 0);
    OK(pellucid_shared_memory_allow_waits(shared, true));
    run_wait(&guest, 256, 5, 1);
    run(&guest);
    CHECK(guest.status == PELLUCID_OK && guest.result.of.i32 == 2);
    close_guest(&guest);
}

static void stores_come_and_go(void) {
    struct guest guest, other;
    open_guest(&guest);
    open_guest(&other);
    write_i32(256, 5);
    run_wait(&guest, 256, 5, -1);
    begin(&guest, run_on_thread);
    until_waiting(1);
    close_guest(&other);
    CHECK(waiters() == 1);
    /* One that uses it can't be deleted: it is being used. */
    pellucid_store_delete(guest.store);
    open_guest(&other);
    CHECK(run_i32(&other, "notify", 256, 1, 2) == 1);
    end(&guest);
    CHECK(guest.status == PELLUCID_OK && guest.result.of.i32 == 0);
    close_guest(&guest);
    /* A reference of its own keeps the memory, and so does a store. */
    pellucid_shared_memory_t *reference;
    OK(pellucid_shared_memory_clone(shared, &reference));
    pellucid_memorytype_t type;
    OK(pellucid_shared_memory_type(reference, &type));
    CHECK(type.is_shared == 1 && type.minimum == 1 && type.maximum == MOST_PAGES);
    pellucid_shared_memory_delete(reference);
    pellucid_shared_memory_delete(NULL);
    close_guest(&other);
}

/* Until the guest waits, or for a moment, or not at all. */
static void before_interrupt(int round) {
    if (round % 3 == 0) {
        until_waiting(1);
    } else if (round % 3 == 1) {
        for (volatile int i = 0; i < round * 500; i++) {
        }
    }
}

static void waits_are_interrupted(void) {
    struct guest guest;
    open_guest(&guest);
    write_i32(256, 5);
    for (int round = 0; round < 90; round++) {
        run_wait(&guest, 256, 5, round % 2 ? -1 : 60000000000);
        begin(&guest, run_on_thread);
        before_interrupt(round);
        OK(pellucid_interrupt_request(guest.interrupt, round % 5 ? PELLUCID_INTERRUPT_TRAP : PELLUCID_INTERRUPT_PAUSE));
        end(&guest);
        expect_trap(&guest, PELLUCID_TRAP_INTERRUPTED);
        CHECK(waiters() == 0);
        /* An event means nothing without a handler, and the guest waits on. */
        if (round % 10 == 0) {
            begin(&guest, run_on_thread);
            until_waiting(1);
            for (int i = 0; i < 20; i++) {
                OK(pellucid_interrupt_request(guest.interrupt, PELLUCID_INTERRUPT_EVENT));
                sched_yield();
            }
            while (notify(256, 1) == 0) {
            }
            end(&guest);
            CHECK(guest.status == PELLUCID_OK && guest.result.of.i32 == 0);
        }
        OK(pellucid_interrupt_withdraw(guest.interrupt));
    }
    /* An epoch's deadline. */
    MUST(pellucid_store_set_epoch_deadline(guest.store, 2, PELLUCID_INTERRUPT_TRAP, ERR));
    run_wait(&guest, 256, 5, -1);
    begin(&guest, run_on_thread);
    until_waiting(1);
    OK(pellucid_engine_increment_epoch(engine));
    sleep_ms(5);
    CHECK(waiters() == 1);
    OK(pellucid_engine_increment_epoch(engine));
    end(&guest);
    expect_trap(&guest, PELLUCID_TRAP_DEADLINE);
    OK(pellucid_store_clear_epoch_deadline(guest.store));
    /* A time budget, of both clocks: one that waits computes nothing. */
    pellucid_extern_t func;
    MUST(pellucid_instance_export(guest.store, &guest.instance, TEXT("wait"), &func));
    for (int clock = 0; clock < 2; clock++) {
        pellucid_value_t args[3] = {value_i32(256), value_i32(5), value_i64(clock ? 30000000 : -1)}, result;
        pellucid_budget_t budget = {.microseconds = 5000, .action = PELLUCID_INTERRUPT_TRAP};
        budget.clock = clock ? PELLUCID_CLOCK_THREAD : PELLUCID_CLOCK_WALL;
        pellucid_error_t *error = NULL;
        pellucid_status_t status =
            pellucid_func_call_for(guest.store, &func.of.func, args, 3, &result, 1, &budget, &error);
        if (clock == 0) {
            STATUS(PELLUCID_ERR_TRAP, status);
            CHECK(pellucid_error_trap(error) == PELLUCID_TRAP_DEADLINE);
        } else {
            CHECK(status == PELLUCID_OK && result.of.i32 == 2);
        }
        pellucid_error_delete(error);
    }
    CHECK(waiters() == 0);
    close_guest(&guest);
}

static atomic_bool has_ended;

static void *wait_often(void *argument) {
    struct guest *guest = argument;
    for (int i = 0; i < 1000; i++) {
        run(guest);
        if (guest->status != PELLUCID_ERR_TRAP || guest->trap != PELLUCID_TRAP_INTERRUPTED)
            break;
    }
    has_ended = true;
    return NULL;
}

/* Whenever it comes, also just before the guest sleeps, a request is heard. */
static void no_interrupt_is_lost(void) {
    struct guest guest;
    open_guest(&guest);
    write_i32(256, 5);
    run_wait(&guest, 256, 5, -1);
    has_ended = false;
    begin(&guest, wait_often);
    unsigned random = 1;
    while (!has_ended) {
        random = random * 1103515245 + 12345;
        for (volatile unsigned i = 0; i < (random >> 16) % 2048; i++) {
        }
        OK(pellucid_interrupt_request(guest.interrupt, PELLUCID_INTERRUPT_TRAP));
        if (random >> 28 == 0) {
            sched_yield();
        }
    }
    end(&guest);
    expect_trap(&guest, PELLUCID_TRAP_INTERRUPTED);
    close_guest(&guest);
}

static void paused_waits_are_resumed(void) {
    struct guest guest, other;
    open_guest(&guest);
    open_guest(&other);
    prepare(&other, "spin", 0, 0);
    begin(&other, run_on_thread);
    for (int round = 0; round < 18; round++) {
        write_i32(256, 5);
        int64_t timeout = round % 10 == 0 ? 50000000 : -1;
        run_wait(&guest, 256, 5, timeout);
        pellucid_extern_t func;
        MUST(pellucid_instance_export(guest.store, &guest.instance, TEXT("wait"), &func));
        MUST(pellucid_call_begin(guest.store, &func.of.func, guest.args, 3, &guest.call, ERR));
        for (int pauses = 0; pauses < 3; pauses++) {
            begin(&guest, resume_on_thread);
            before_interrupt(round + pauses);
            OK(pellucid_interrupt_request(guest.interrupt, PELLUCID_INTERRUPT_PAUSE));
            end(&guest);
            OK(guest.status);
            CHECK(guest.state == PELLUCID_CALL_PAUSED && waiters() == 0);
            if (is_debug && round % 3 == 0) {
                /* It stands at the operator, with its operands. */
                pellucid_frame_t frame;
                pellucid_value_t values[3];
                uint32_t n = 0;
                OK(pellucid_call_frame(guest.call, &frame));
                OK(pellucid_frame_read_operands(guest.store, &frame, 0, values, 3, &n));
                if (pauses == 0) {
                    CHECK(n == 3 && values[0].of.i32 == 256 && values[1].of.i32 == 5 && values[2].of.i64 == timeout);
                }
            }
            /* Others run on meanwhile. */
            int32_t count = read_i32(32);
            while (round % 6 == 0 && read_i32(32) == count) {
                sched_yield();
            }
        }
        CHECK(notify(256, 9) == 0);
        int32_t expected = 0;
        if (timeout > 0) {
            sleep_ms(60);
            expected = 2;
        } else if (round % 2) {
            write_i32(256, 6);
            expected = 1;
        }
        begin(&guest, resume_on_thread);
        if (expected == 0) {
            until_waiting(1);
            CHECK(notify(256, 9) == 1);
        }
        end(&guest);
        CHECK(guest.status == PELLUCID_OK && guest.state == PELLUCID_CALL_FINISHED);
        pellucid_value_t result;
        OK(pellucid_call_results(guest.call, &result, 1));
        CHECK(result.of.i32 == expected);
        pellucid_call_delete(guest.call);
        guest.call = NULL;
    }
    /* A paused one that is deleted, and a store with one, leave nothing in the queue. */
    run_wait(&guest, 256, read_i32(256), -1);
    pellucid_extern_t func;
    MUST(pellucid_instance_export(guest.store, &guest.instance, TEXT("wait"), &func));
    MUST(pellucid_call_begin(guest.store, &func.of.func, guest.args, 3, &guest.call, ERR));
    begin(&guest, resume_on_thread);
    until_waiting(1);
    OK(pellucid_interrupt_request(guest.interrupt, PELLUCID_INTERRUPT_PAUSE));
    end(&guest);
    CHECK(guest.state == PELLUCID_CALL_PAUSED);
    close_guest(&guest);
    CHECK(notify(256, 9) == 0);
    OK(pellucid_interrupt_request(other.interrupt, PELLUCID_INTERRUPT_TRAP));
    end(&other);
    expect_trap(&other, PELLUCID_TRAP_INTERRUPTED);
    close_guest(&other);
}

/* What a stepped guest has loaded stays, and what it loads next is what is there then. */
static void stepping_reads_once(void) {
    struct guest guest;
    open_guest(&guest);
    for (int round = 0; round < 2; round++) {
        pellucid_extern_t func;
        MUST(pellucid_instance_export(guest.store, &guest.instance, TEXT("twice"), &func));
        MUST(pellucid_call_begin(guest.store, &func.of.func, NULL, 0, &guest.call, ERR));
        write_i32(128, 100);
        int32_t seen[2] = {0, 0};
        uint32_t steps = 0;
        for (guest.state = PELLUCID_CALL_PAUSED; guest.state == PELLUCID_CALL_PAUSED; steps++) {
            OK(pellucid_call_resume(guest.call, PELLUCID_RESUME_STEP, &guest.state, ERR));
            pellucid_frame_t frame;
            pellucid_value_t values[2];
            uint32_t n = 0;
            if (guest.state != PELLUCID_CALL_PAUSED || pellucid_call_frame(guest.call, &frame) != PELLUCID_OK)
                continue;
            OK(pellucid_frame_read_operands(guest.store, &frame, 0, values, 2, &n));
            for (uint32_t i = 0; i < n; i++) {
                seen[i] = values[i].of.i32;
            }
            /* Somebody else writes at each step. */
            write_i32(128, read_i32(128) + 1);
            OK(pellucid_frame_read_operands(guest.store, &frame, 0, values, 2, &n));
            for (uint32_t i = 0; i < n; i++) {
                CHECK(values[i].of.i32 == seen[i]);
            }
        }
        CHECK(guest.state == PELLUCID_CALL_FINISHED && steps >= 5);
        pellucid_value_t result;
        OK(pellucid_call_results(guest.call, &result, 1));
        CHECK(result.of.i32 == -2);
        pellucid_call_delete(guest.call);
        guest.call = NULL;
    }
    close_guest(&guest);
}

/* What was shown is what the guest goes on with, also if another writes there all the time. */
static void shown_is_what_happens(void) {
    struct guest guest, writer;
    open_guest(&guest);
    open_guest(&writer);
    write_i32(132, 100);
    /* From one value to another and back, so that nobody finds out by looking whether it was written. */
    prepare(&writer, "toggle", 0, 0);
    begin(&writer, run_on_thread);
    pellucid_extern_t func;
    MUST(pellucid_instance_export(guest.store, &guest.instance, TEXT("pair"), &func));
    while (read_i32(132) == 100) {
        sched_yield();
    }
    /* For long enough that both run at the same time. */
    uint64_t until = now_ms() + 500;
    for (int round = 0; round < 200 || now_ms() < until; round++) {
        MUST(pellucid_call_begin(guest.store, &func.of.func, NULL, 0, &guest.call, ERR));
        uint64_t shown[2] = {0, 0};
        uint32_t steps = 0;
        for (guest.state = PELLUCID_CALL_PAUSED; guest.state == PELLUCID_CALL_PAUSED; steps++) {
            /* Not always to the end. */
            bool is_last = round % 2 && shown[1] != 0;
            OK(pellucid_call_resume(guest.call, is_last ? PELLUCID_RESUME_CONTINUE : PELLUCID_RESUME_STEP, &guest.state,
                                    ERR));
            pellucid_frame_t frame;
            pellucid_value_t locals[2];
            uint32_t n = 0;
            if (guest.state != PELLUCID_CALL_PAUSED || pellucid_call_frame(guest.call, &frame) != PELLUCID_OK)
                continue;
            OK(pellucid_frame_read_locals(guest.store, &frame, 0, locals, 2, &n));
            for (uint32_t i = 0; i < n; i++) {
                CHECK(shown[i] == 0 || shown[i] == (uint64_t)locals[i].of.i64);
                shown[i] = (uint64_t)locals[i].of.i64;
            }
        }
        pellucid_value_t result;
        OK(pellucid_call_results(guest.call, &result, 1));
        CHECK(steps >= 5 && shown[1] != 0 && (uint64_t)result.of.i64 == shown[0] + (shown[1] << 32));
        pellucid_call_delete(guest.call);
        guest.call = NULL;
    }
    OK(pellucid_interrupt_request(writer.interrupt, PELLUCID_INTERRUPT_TRAP));
    end(&writer);
    close_guest(&writer);
    close_guest(&guest);
}

static void modules_make_their_own(void) {
    MUST(pellucid_store_new(engine, NULL, NULL, &store, ERR));
    pellucid_instance_t instance = instance_of(
        "(module (memory (export \"s\") 2 3 shared) (memory (export \"u\") 2 3)"
        "  (func (export \"wait\") (result i32)"
        "    (memory.atomic.wait32 1 (i32.const 0) (i32.const 1) (i64.const -1)))"
        "  (func (export \"notify\") (param i32) (result i32)"
        "    (memory.atomic.notify 1 (local.get 0) (i32.const 1)))"
        "  (data (i32.const 8) \"from a segment\"))");
    pellucid_memory_t made = export_of(instance, "s").of.memory, other = export_of(instance, "u").of.memory;
    pellucid_shared_memory_t *reference, *none = NULL;
    CHECK(pellucid_memory_is_shared(store, &made) && !pellucid_memory_is_shared(store, &other));
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_memory_shared(store, &other, &none, ERR));
    MUST(pellucid_memory_shared(store, &made, &reference, ERR));
    char bytes[14];
    OK(pellucid_shared_memory_read(reference, 8, (uint8_t *)bytes, sizeof bytes));
    CHECK(memcmp(bytes, "from a segment", sizeof bytes) == 0);
    /* Nobody could wake who waits in a memory that isn't shared. */
    pellucid_func_t wait = func_of(instance, "wait"), notify = func_of(instance, "notify");
    pellucid_value_t result, arg = value_i32(0);
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &wait, NULL, 0, &result, 1, ERR));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_EXPECTED_SHARED_MEMORY);
    OK(pellucid_func_call(store, &notify, &arg, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 0);
    arg = value_i32(0x20000);
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &notify, &arg, 1, &result, 1, ERR));
    CHECK(pellucid_error_trap(last_error) == PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS);
    /* The other store sees what this one writes, and outlives it. */
    pellucid_store_t *second;
    MUST(pellucid_store_new(engine, NULL, NULL, &second, ERR));
    pellucid_memory_t seen;
    MUST(pellucid_memory_from_shared(second, reference, &seen, ERR));
    pellucid_shared_memory_delete(reference);
    OK(pellucid_memory_write(store, &made, 100, (const uint8_t *)"abc", 3));
    pellucid_store_delete(store);
    OK(pellucid_memory_read(second, &seen, 100, (uint8_t *)bytes, 3));
    CHECK(memcmp(bytes, "abc", 3) == 0);
    /* Types that don't fit, and impossible ones. */
    pellucid_module_t *wants = module_of("(module (import \"\" \"\" (memory 1 3)))");
    pellucid_extern_t import = {.kind = PELLUCID_EXTERN_MEMORY, .of.memory = seen};
    STATUS(PELLUCID_ERR_LINK, pellucid_instance_new(second, wants, &import, 1, &instance, ERR));
    CHECK(message_has(last_error, "shared memory"));
    pellucid_module_delete(wants);
    pellucid_memorytype_t type = shared_type(1, 3);
    type.has_maximum = 0;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_shared_memory_new(engine, &type, &none, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_memory_new(second, &type, &other, ERR));
    type = shared_type(1, 3);
    type.is_shared = 0;
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_shared_memory_new(engine, &type, &none, ERR));
    type = shared_type(1, UINT64_C(1) << 48);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_shared_memory_new(engine, &type, &none, ERR));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_memory_from_shared(second, NULL, &other, ERR));
    type = shared_type(1, 3);
    MUST(pellucid_memory_new(second, &type, &other, ERR));
    CHECK(pellucid_memory_is_shared(second, &other));
    pellucid_memorytype_t found;
    OK(pellucid_memory_type(second, &other, &found));
    CHECK(found.is_shared == 1);
    /* Another engine may have compiled otherwise. */
    pellucid_engine_t *another;
    MUST(pellucid_engine_new(NULL, &another, ERR));
    MUST(pellucid_shared_memory_new(another, &type, &reference, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_memory_from_shared(second, reference, &other, ERR));
    pellucid_shared_memory_delete(reference);
    pellucid_engine_delete(another);
    pellucid_store_delete(second);
    store = NULL;
}

int main(void) {
    struct {
        bool debug, handlers;
        uint64_t reservation;
    } modes[] = {{false, true, 0}, {true, true, 0}, {false, true, 16 << 20}, {true, false, 0}, {false, false, 0}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        open_shared(modes[i].debug, modes[i].handlers, modes[i].reservation);
        counters_are_exact();
        a_lock_is_one();
        it_grows_under_all();
        waits_end_as_they_should();
        the_host_forbids_waits();
        stores_come_and_go();
        modules_make_their_own();
        if (has_handlers) {
            waits_are_interrupted();
            no_interrupt_is_lost();
            paused_waits_are_resumed();
        }
        if (is_debug) {
            stepping_reads_once();
        }
        if (is_debug && has_handlers) {
            shown_is_what_happens();
        }
        close_shared();
    }
    return finish();
}
