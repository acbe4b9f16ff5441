// Host functions that wait, interrupts, time, epochs, fuel, start functions that pause.

#include "test.hpp"

#include <chrono>
#include <thread>

using namespace pellucid;

static const char *const WAT = R"((module
  (import "host" "wait" (func $wait (param i32) (result i64)))
  (func (export "run") (param i32) (result i64) (i64.mul (i64.const 2) (call $wait (local.get 0))))
  (func (export "spin") (loop $again (br $again)))
  (func (export "count") (param i32) (result i32) (local i32)
    (loop $again
      (local.set 1 (i32.add (local.get 1) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get 1) (local.get 0))))
    (local.get 1))))";

static void waiting() {
    Engine engine = Engine::create();
    Store store = engine.create_store();
    Linker linker = engine.create_linker();
    linker.define(store, "host", "wait", [](Caller caller, std::int32_t n) -> Answer<std::int64_t> {
        if (n == 0) return Error("nothing to wait for");
        if (n < 10) return std::int64_t{n};
        return caller.yield(static_cast<std::uint64_t>(n));
    });
    Instance instance = linker.instantiate(store, engine.compile_text(WAT));
    Func run = instance.func("run");
    CHECK(run.typed<std::int64_t(std::int32_t)>()(4) == 8);
    FAILS(PELLUCID_ERR_HOST, run.call({0}));
    FAILS(PELLUCID_ERR_CANNOT_YIELD, run.call({10}));

    Call call = run.begin({20});
    CHECK(call.resume() == PELLUCID_CALL_YIELDED);
    CHECK(call.awaited()->token == 20 && call.awaited()->func.type().is<std::int64_t(std::int32_t)>());
    Value arg;
    call.awaited_args({&arg, 1});
    CHECK(arg == Value(20) && !call.awaited_files());
    FAILS(PELLUCID_ERR_TYPE_MISMATCH, call.give({1}));
    call.give({std::int64_t{100}});
    CHECK(call.resume() == PELLUCID_CALL_FINISHED && call.results()[0] == Value(std::int64_t{200}));
    CHECK(!call.awaited());

    pellucid_raw_t raw;
    raw.i32 = 30;
    call = run.begin_raw({&raw, 1});
    CHECK(call.resume() == PELLUCID_CALL_YIELDED);
    raw.i64 = 5;
    call.give_raw({&raw, 1});
    CHECK(call.resume() == PELLUCID_CALL_FINISHED);
    call.results_raw({&raw, 1});
    CHECK(raw.i64 == 10);

    call = run.begin({40});
    CHECK(call.resume() == PELLUCID_CALL_YIELDED);
    FAILS(PELLUCID_ERR_INVALID_STATE, call.check());
    call.give_error(Error("the line is dead"));
    CHECK(call.resume() == PELLUCID_CALL_TRAPPED && call.error()->message() == "the line is dead");
    call.trim();

    // A start function that waits.
    Module starting = engine.compile_text(R"((module (import "host" "wait" (func $wait (param i32) (result i64)))
        (func $start (drop (call $wait (i32.const 50)))) (start $start)))");
    Begun begun = linker.begin(store, starting);
    CHECK(begun.call.resume() == PELLUCID_CALL_YIELDED);
    begun.call.give({std::int64_t{0}});
    CHECK(begun.call.resume() == PELLUCID_CALL_FINISHED && begun.instance.exports().empty());
    Func wait = *linker.find(store, "host", "wait")->func();
    begun = store.begin(starting, {wait});
    CHECK(begun.call.resume() == PELLUCID_CALL_YIELDED);
}

static void interrupts() {
    Engine engine = Engine::create(Config().debug());
    Store store = engine.create_store();
    Linker linker = engine.create_linker();
    Module module = engine.compile_text(WAT);
    linker.define_unknown_as_traps(store, module);
    Instance instance = linker.instantiate(store, module);
    auto spin = instance.get<void()>("spin");
    Interrupt interrupt = store.interrupt();
    std::thread other([copy = interrupt.clone()] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        copy.request();
    });
    try {
        spin();
        CHECK(false);
    } catch (const Error &error) {
        CHECK(error.trap() == PELLUCID_TRAP_INTERRUPTED);
    }
    other.join();
    CHECK(interrupt.withdraw() == PELLUCID_OK);
    try {
        (void)instance.func("spin").call_for({20000, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_TRAP});
        CHECK(false);
    } catch (const Error &error) {
        CHECK(error.trap() == PELLUCID_TRAP_DEADLINE);
    }
    Call call = instance.func("spin").begin();
    CHECK(call.resume_for({10000, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_PAUSE}) == PELLUCID_CALL_PAUSED);
    CHECK(call.frames().begin() != call.frames().end());
}

static void limits() {
    Engine engine = Engine::create(Config().fuel().interrupt_checks());
    Store store = engine.create_store();
    Linker linker = engine.create_linker();
    Module module = engine.compile_text(WAT);
    linker.define_unknown_as_traps(store, module);
    Instance instance = linker.instantiate(store, module);
    auto count = instance.get<std::uint32_t(std::uint32_t)>("count");
    store.set_fuel(1000000);
    CHECK(count(1000) == 1000);
    CHECK(store.fuel() < 1000000);
    store.set_fuel(100);
    try {
        (void)count(1000000);
        CHECK(false);
    } catch (const Error &error) {
        CHECK(error.trap() == PELLUCID_TRAP_OUT_OF_FUEL);
    }
    store.set_fuel(0);
    store.add_fuel(500);
    CHECK(store.fuel() == 500);
    store.set_fuel_action(PELLUCID_INTERRUPT_PAUSE);
    Call call = instance.func("count").begin({1000});
    CHECK(call.resume() == PELLUCID_CALL_PAUSED);
    store.add_fuel(1000000);
    CHECK(call.resume() == PELLUCID_CALL_FINISHED && call.results()[0] == Value(1000));

    store.set_limit(PELLUCID_LIMIT_NESTED_CALLS, 5);
    CHECK(store.limit(PELLUCID_LIMIT_NESTED_CALLS) == 5);
    store.trim();

    Engine ticking = Engine::create(Config().interrupt_checks());
    Store of_ticks = ticking.create_store();
    Linker second = ticking.create_linker();
    Module again = ticking.compile_text(WAT);
    second.define_unknown_as_traps(of_ticks, again);
    auto spin = second.instantiate(of_ticks, again).get<void()>("spin");
    of_ticks.set_epoch_deadline(1, PELLUCID_INTERRUPT_TRAP);
    std::thread clock([copy = ticking.clone()] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        copy.increment_epoch();
    });
    FAILS(PELLUCID_ERR_TRAP, spin());
    clock.join();
    of_ticks.clear_epoch_deadline();

    FAILS(PELLUCID_ERR_INVALID_ARGUMENT, Engine::create(Config().opt_level(99).debug()));
}

int main() {
    waiting();
    interrupts();
    limits();
    return finish();
}
