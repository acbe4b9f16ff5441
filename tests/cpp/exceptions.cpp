// What C++ throws in a host function goes through the guest to whoever called that, unharmed; errors of the library stay what they are.

#include "test.hpp"

#include <stdexcept>
#include <thread>

using namespace pellucid;

static const char *const WAT = R"((module
  (import "host" "work" (func $work (param i32) (result i32)))
  (tag $tag (export "tag") (param i32))
  (memory 1)
  (func (export "run") (param i32) (result i32) (i32.add (i32.const 1) (call $work (local.get 0))))
  (func (export "catching") (param i32) (result i32)
    (block $caught (result i32)
      (try_table (catch $tag $caught) (return (call $work (local.get 0))))
      unreachable))
  (func (export "catching_all") (param i32) (result i32)
    (block $caught
      (try_table (catch_all $caught) (return (call $work (local.get 0)))))
    (i32.const -1))
  (func (export "fault") (param i32) (result i32) (i32.load (i32.const -1)))))";

// Not an std::exception, can't be copied, and counts itself.
struct Odd {
    explicit Odd(int given) : number(given) { ++alive; }
    Odd(const Odd &) = delete;
    Odd(Odd &&other) noexcept : number(other.number) { ++alive; }
    ~Odd() { --alive; }
    int number;
    static inline int alive = 0;
};

struct Own : std::runtime_error {
    using std::runtime_error::runtime_error;
    std::vector<int> carried = {1, 2, 3};
};

static Engine engine = Engine::create();
static Module module = engine.compile_text(WAT);

template <class F>
static Instance make(const Store &store, F work) {
    Linker linker = engine.create_linker();
    linker.define(store, "host", "work", std::move(work));
    return linker.instantiate(store, module);
}

using Run = std::int32_t(std::int32_t);

static void own_exceptions() {
    Store store = engine.create_store();
    Instance instance = make(store, [](std::int32_t n) -> std::int32_t {
        if (n == 1) throw Odd(17);
        if (n == 2) throw Own("two\nlines");
        if (n == 3) throw std::runtime_error("\xff\xfe isn't text");
        if (n == 4) throw std::out_of_range("far away");
        return n;
    });
    auto run = instance.get<Run>("run");
    CHECK(run(0) == 1);
    for (int round = 0; round < 3; ++round) {
        try {
            (void)run(1);
            CHECK(false);
        } catch (const Odd &odd) {
            CHECK(odd.number == 17);
        }
        CHECK(Odd::alive == 0);
        try {
            (void)run(2);
            CHECK(false);
        } catch (const Own &own) {
            CHECK(own.what() == std::string("two\nlines") && own.carried.size() == 3);
        }
        try {
            (void)run(3);
            CHECK(false);
        } catch (const std::runtime_error &error) {
            CHECK(error.what() == std::string("\xff\xfe isn't text"));
        }
        try {
            (void)instance.func("run").call({4});
            CHECK(false);
        } catch (const std::out_of_range &) {
        }
    }
    // They aren't exceptions of the guest's.
    try {
        (void)instance.get<Run>("catching_all")(4);
        CHECK(false);
    } catch (const std::out_of_range &) {
    }
    CHECK(run(5) == 6);
}

// Guests and hosts in turns, each of a store of its own or of the same.
static void nested() {
    Store outer = engine.create_store(), inner = engine.create_store();
    Instance deep = make(inner, [](std::int32_t n) -> std::int32_t {
        if (n > 100) throw Odd(n);
        throw Own("deep");
    });
    auto run_deep = deep.get<Run>("run");
    int seen = 0;
    Instance instance = make(outer, [&](std::int32_t n) -> std::int32_t {
        try {
            return run_deep(n);
        } catch (const Odd &) {
            ++seen;
            throw;
        } catch (const Own &) {
            return -7;
        }
    });
    CHECK(instance.get<Run>("run")(5) == -6);
    try {
        (void)instance.get<Run>("run")(500);
        CHECK(false);
    } catch (const Odd &odd) {
        CHECK(odd.number == 500 && seen == 1);
    }
    CHECK(Odd::alive == 0);

    Store store = engine.create_store();
    TypedFunc<Run> again;
    Instance recursive = make(store, [&](std::int32_t n) -> std::int32_t {
        if (n == 0) throw Odd(99);
        return again(n - 1);
    });
    again = recursive.get<Run>("run");
    try {
        (void)again(20);
        CHECK(false);
    } catch (const Odd &odd) {
        CHECK(odd.number == 99);
    }
    CHECK(Odd::alive == 0);
}

static void errors_of_the_library() {
    Store store = engine.create_store();
    TypedFunc<Run> fault;
    std::optional<Tag> tag;
    std::exception_ptr copied;
    Instance instance = make(store, [&](Caller caller, std::int32_t n) -> std::int32_t {
        if (n == 1) return fault(0);
        if (n == 2) throw Error("refused");
        if (n == 3) throw caller.store().exception(*tag, {41});
        if (n == 4) throw caller.store().exception(*tag, {1.5});
        if (n == 5) {
            try {
                (void)fault(0);
            } catch (const Error &error) {
                copied = std::current_exception();
                Error copy = error;
                throw copy;
            }
        }
        (void)caller.memory("missing");
        return 0;
    });
    fault = instance.get<Run>("fault");
    tag = instance.tag("tag");
    auto run = instance.get<Run>("run");
    try {
        (void)run(1);
        CHECK(false);
    } catch (const Error &error) {
        // The guest's trap, with the frames of the guest that trapped.
        CHECK(error.status() == PELLUCID_ERR_TRAP && error.trap() == PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS);
        CHECK(error.frames().size() == 1 && error.frames()[0].func_index == 4);
        CHECK(error.fault()->address == 0xffffffff && !error.exit_code());
        CHECK(error.text().find(std::string(error.message())) == 0 && error.text().size() > error.message().size());
        Error copy = error;
        CHECK(copy.get() == error.get());
    }
    try {
        (void)run(2);
        CHECK(false);
    } catch (const Error &error) {
        CHECK(error.status() == PELLUCID_ERR_HOST && error.message() == "refused" && error.frames().size() == 1);
    }
    // An exception of the guest's, which guests catch.
    CHECK(instance.get<Run>("catching")(3) == 41 && instance.get<Run>("catching_all")(3) == -1);
    try {
        (void)run(3);
        CHECK(false);
    } catch (const Error &error) {
        pellucid_tag_t thrown;
        std::vector<pellucid_value_t> values;
        CHECK(error.status() == PELLUCID_ERR_EXCEPTION && error.exception(thrown, values));
        CHECK(Tag(store.get(), thrown) == *tag && values.size() == 1 && values[0].of.i32 == 41);
    }
    FAILS(PELLUCID_ERR_TYPE_MISMATCH, run(4));
    FAILS(PELLUCID_ERR_TRAP, run(5));
    CHECK(copied != nullptr);
    FAILS(PELLUCID_ERR_NOT_FOUND, run(6));
}

// What is returned instead of thrown.
static void results() {
    Store store = engine.create_store();
    Instance instance = make(store, [](Caller caller, std::int32_t n) -> Result<std::int32_t> {
        if (n == 1) return Error("returned");
        (void)caller;
        return n * 2;
    });
    auto run = instance.get<Run>("run");
    CHECK(run(4) == 9);
    try {
        (void)run(1);
        CHECK(false);
    } catch (const Error &error) {
        CHECK(error.message() == "returned" && error.status() == PELLUCID_ERR_HOST);
    }
}

static void calls() {
    Engine debug = Engine::create(Config().debug());
    Module compiled = debug.compile_text(WAT);
    Store store = debug.create_store();
    Linker linker = debug.create_linker();
    linker.define(store, "host", "work", [](std::int32_t n) -> std::int32_t { throw Odd(n); });
    Instance instance = linker.instantiate(store, compiled);

    // The call is asked for what was thrown, maybe later and on another thread.
    Call call = instance.func("run").begin({8});
    std::thread([&] { CHECK(call.resume() == PELLUCID_CALL_TRAPPED); }).join();
    try {
        call.check();
        CHECK(false);
    } catch (const Odd &odd) {
        CHECK(odd.number == 8);
    }
    call = instance.func("run").begin({9});
    (void)call.resume();
    try {
        (void)call.results();
        CHECK(false);
    } catch (const Odd &odd) {
        CHECK(odd.number == 9);
    }
    call = instance.func("run").begin({10});
    (void)call.resume();
    std::optional<Error> error = call.error();
    CHECK(error && error->status() == PELLUCID_ERR_HOST && error->host_exception());
    CHECK(Odd::alive == 1);
    error.reset();
    CHECK(Odd::alive == 0);

    // Nobody asks: it goes with the store.
    call = instance.func("run").begin({11});
    (void)call.resume();
    CHECK(Odd::alive == 1);
    call = Call();
    store = debug.create_store();
    CHECK(Odd::alive == 0);
}

static void handlers() {
    Engine debug = Engine::create(Config().debug());
    Module compiled = debug.compile_text(WAT);
    Store store = debug.create_store();
    Linker linker = debug.create_linker();
    linker.define(store, "host", "work", [](std::int32_t n) { return n; });
    Instance instance = linker.instantiate(store, compiled);
    Edit edit = store.edit();
    (void)edit.add_at_function(compiled, 1);
    edit.commit();
    store.set_event_handler(PELLUCID_EVENT_BREAKPOINT, [](StoreRef, HandledEvent) { throw Odd(3); });
    try {
        (void)instance.get<Run>("run")(1);
        CHECK(false);
    } catch (const Odd &odd) {
        CHECK(odd.number == 3);
    }
    CHECK(Odd::alive == 0);
    store.set_event_handler(PELLUCID_EVENT_BREAKPOINT, [](StoreRef, HandledEvent) {});
    CHECK(instance.get<Run>("run")(1) == 2);

    try {
        store.core_dump("name", [](Bytes) { throw Own("full"); });
        CHECK(false);
    } catch (const Own &) {
    }
    FAILS(PELLUCID_ERR_HOST, store.core_dump("name", [](Bytes) -> Result<void> { return Error("full"); }));
}

int main() {
    own_exceptions();
    nested();
    errors_of_the_library();
    results();
    calls();
    handlers();
    // Deleting what wasn't asked for is no use of the library.
    CHECK(Odd::alive == 0);
    return finish();
}
