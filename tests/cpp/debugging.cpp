// Frames and their values as ranges, breakpoints, watchpoints, steps, events, calls that pause, core dumps.

#include "test.hpp"

#include <fstream>
#include <numeric>

using namespace pellucid;

static const char *const WAT = R"((module $debugged
  (import "host" "look" (func $look (param i32)))
  (memory (export "memory") 1)
  (table (export "table") 2 funcref)
  (global $count (export "count") (mut i32) (i32.const 0))
  (elem (i32.const 0) $inner)
  (func $inner (param $a i32) (param $b f64) (result i32) (local $sum i64)
    (local.set $sum (i64.const 77))
    (call $look (local.get $a))
    (i32.store (i32.const 64) (local.get $a))
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (table.set (i32.const 1) (table.get (i32.const 0)))
    (i32.add (local.get $a) (i32.const 1000)))
  (func $outer (export "outer") (param $n i32) (result i32)
    (i32.sub (i32.const 5) (call $inner (local.get $n) (f64.const 2.5))))
  (func $many (export "many") (param $p i32) (result i32)
    (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
    (local.set 20 (i32.const 200)) (local.set 17 (i32.const 170))
    (call $look (i32.const 1))
    (local.get 20))
  (func $trap (export "trap") unreachable)))";

struct Fixture {
    Engine engine = Engine::create(Config().debug());
    Module module = engine.compile_text(WAT);
    Store store = engine.create_store();
    Linker linker = engine.create_linker();
    std::optional<Instance> instance;

    template <class F>
    explicit Fixture(F look) {
        linker.define(store, "host", "look", std::move(look));
        instance = linker.instantiate(store, module);
    }
    Fixture() : Fixture([](std::int32_t) {}) {}
};

static void ranges() {
    int looked = 0;
    std::optional<Frame> kept;
    Fixture fixture([&](Caller caller, std::int32_t n) {
        StoreRef store = caller.store();
        if (n == 1) {
            // More than are read at once, in order and not.
            FrameValues locals = store.frame()->locals();
            std::int32_t sum = 0;
            std::uint32_t count = 0;
            for (FrameValue local : locals) {
                CHECK(local.index == count++);
                sum += *local.value.as<std::int32_t>();
            }
            CHECK(count == 21 && locals.size() == 21 && sum == 370 + 4);
            CHECK(locals[20] == Value(200) && locals[0] == Value(4) && locals[17] == Value(170) && locals[16] == Value(0));
            ++looked;
            return;
        }
        std::string names;
        for (Frame frame : store.frames()) names += std::string(*frame.func_name()) + " ";
        CHECK(names == "inner outer ");
        Frame frame = *store.frame();
        std::string values;
        for (auto [index, value] : frame.locals()) {
            values += std::string(frame.local_name(index).value_or("?")) + ":" + std::to_string(value.kind) + " ";
        }
        CHECK(values == "a:0 b:3 sum:1 ");
        CHECK(frame.locals()[2].as<std::int64_t>() == 77 && frame.local_count() == 3 && frame.local_kinds()[1] == PELLUCID_F64);
        Value places[2];
        CHECK(frame.read_locals(1, places) == 2 && places[0].as<double>() == 2.5);
        CHECK(frame.operands().size() == frame.operand_count());
        std::optional<Frame> caller_frame = frame.caller();
        CHECK(caller_frame && caller_frame->operands().size() == 1 && caller_frame->operands()[0] == Value(5)
              && caller_frame->operand_kinds().size() == 1);
        CHECK(!caller_frame->caller());
        CHECK(frame.kind() == PELLUCID_FRAME_CALLING && frame.info().n_locals == 3 && frame.func_index() == 1);
        CHECK(frame.info().pc == frame.pc() && frame.func_offset() > 0 && frame.key() != caller_frame->key());
        CHECK(*frame.module().name() == "debugged" && frame.instance().memory() == caller.memory());
        CHECK(frame.evaluate("$a + 1") == Value(std::int64_t{n + 1}));
        FAILS(PELLUCID_ERR_INVALID_ARGUMENT, frame.evaluate("$a +"));
        CHECK(store.activations().size() == 1);
        CHECK(frame.is_valid());
        kept = frame;
        ++looked;
    });
    CHECK(fixture.instance->get<std::int32_t(std::int32_t)>("outer")(41) == 5 - 1041);
    CHECK(fixture.instance->get<std::int32_t(std::int32_t)>("many")(4) == 200);
    CHECK(looked == 2 && kept && !kept->is_valid());
    FAILS(PELLUCID_ERR_STALE_HANDLE, kept->pc());
    FAILS(PELLUCID_ERR_STALE_HANDLE, kept->locals());
    CHECK(!fixture.store.frame() && fixture.store.frames().empty());
    CHECK(fixture.store.modules().size() == 1 && fixture.store.modules()[0].id() == fixture.module.id());
}

static void breakpoints_and_calls() {
    Fixture fixture;
    Store &store = fixture.store;
    Edit edit = store.edit();
    Breakpoint inner = edit.add_at_function(fixture.module, 1);
    std::uint64_t named = edit.add_at_function_name("outer");
    edit.enable(named, false);
    edit.commit();
    FAILS(PELLUCID_ERR_INVALID_STATE, edit.commit());
    CHECK(store.breakpoints() == std::vector<std::uint64_t>({inner.id, named}));
    CHECK(store.breakpoint(inner.id).actual_pc == inner.pc && !store.breakpoint(named).is_enabled);
    CHECK(store.breakpoint_name(named)->name == "outer" && store.breakpoint_places(named).size() == 1);
    CHECK(store.breakpoint_module(inner.id)->id() == fixture.module.id() && !store.breakpoint_module(named));

    Call call = fixture.instance->func("outer").begin({7});
    CHECK(call.state() == PELLUCID_CALL_READY && call.func() == fixture.instance->func("outer"));
    CHECK(call.resume() == PELLUCID_CALL_PAUSED);
    CHECK(call.event()->kind() == PELLUCID_EVENT_BREAKPOINT && call.event()->breakpoints().size() == 1
          && call.event()->breakpoints()[0] == inner.id);
    CHECK(call.event()->pc() == inner.pc && call.event()->call_id() == call.id() && *call.event()->frame()->func_name() == "inner");
    std::size_t depth = 0;
    for (Frame frame : call.frames()) depth += frame.is_valid();
    CHECK(depth == 2);
    call.frame()->write_local(0, 8);
    CHECK(call.resume(PELLUCID_RESUME_STEP) == PELLUCID_CALL_PAUSED && call.event()->kind() == PELLUCID_EVENT_STEP);
    call.set_goal(*call.frame(), call.frame()->pc());
    call.set_goal(call.frame()->pc());
    CHECK(call.resume(PELLUCID_RESUME_STEP_OUT) == PELLUCID_CALL_PAUSED && *call.frame()->func_name() == "outer");
    CHECK(call.resume() == PELLUCID_CALL_FINISHED && call.results() == std::vector<Value>{Value(5 - 1008)});
    call.check();
    CHECK(!call.event() && !call.frame() && call.frames().empty() && !call.error());

    // Conditions, counts, expressions.
    edit = store.edit();
    int asked = 0;
    edit.set_condition(inner.id, [&](Frame frame, std::uint64_t id) {
        ++asked;
        return id == inner.id && frame.locals()[0] == Value(3);
    });
    edit.commit();
    int hits = 0;
    store.set_event_handler(PELLUCID_EVENT_BREAKPOINT, [&](StoreRef in, HandledEvent event) -> pellucid_action_t {
        CHECK(in.id() == store.id() && event.can_pause() == false);
        hits += event.frame()->locals()[0] == Value(3);
        return PELLUCID_ACTION_CONTINUE;
    });
    auto outer = fixture.instance->get<std::int32_t(std::int32_t)>("outer");
    for (int n = 0; n < 5; ++n) (void)outer(n);
    CHECK(asked == 5 && hits == 1 && store.breakpoint(inner.id).declined == 4);
    edit = store.edit();
    FAILS(PELLUCID_ERR_INVALID_ARGUMENT, edit.set_expression(inner.id, "$a =="));
    edit.clear_condition(inner.id);
    edit.set_expression(inner.id, "$a == 1");
    edit.set_log_text(inner.id, "a is {$a}");
    edit.commit();
    std::string logged;
    store.set_log_point_handler([&](Frame frame, std::uint64_t id, std::string_view text) {
        CHECK(id == inner.id && *frame.func_name() == "inner");
        logged += text;
    });
    for (int n = 0; n < 5; ++n) (void)outer(n);
    CHECK(logged == "a is 1");
    store.clear_log_point_handler();
    store.clear_event_handler();

    // What isn't committed isn't made.
    {
        Edit forgotten = store.edit();
        forgotten.remove(inner.id);
    }
    CHECK(store.breakpoints().size() == 2);
    edit = store.edit();
    edit.remove(inner.id);
    edit.remove(named);
    edit.discard();
    edit = store.edit();
    edit.remove(inner.id);
    edit.remove(named);
    edit.commit();
    CHECK(store.breakpoints().empty());
}

static void watchpoints() {
    Fixture fixture;
    Store &store = fixture.store;
    Edit edit = store.edit();
    std::uint64_t memory = edit.watch(fixture.instance->memory(), 64, 4, PELLUCID_WATCH_WRITE);
    std::uint64_t global = edit.watch(fixture.instance->global("count"), PELLUCID_WATCH_WRITE);
    std::uint64_t element = edit.watch(fixture.instance->table("table"), 1, PELLUCID_WATCH_WRITE);
    edit.commit();
    CHECK(store.watchpoints() == std::vector<std::uint64_t>({memory, global, element}));
    CHECK(store.watchpoint(memory).address == 64 && store.watchpoint(element).kind == PELLUCID_WATCH_ELEMENT);
    std::vector<std::uint64_t> seen;
    store.set_event_handler(PELLUCID_EVENT_WATCHPOINT, [&](StoreRef, HandledEvent event) {
        std::size_t n = 0;
        for (const pellucid_watch_hit_t &hit : event.watch_hits()) {
            seen.push_back(hit.id);
            if (hit.id == memory) {
                WatchBytes bytes = event.watch_bytes(n);
                CHECK(bytes.before == std::vector<std::uint8_t>(4, 0) && bytes.after == std::vector<std::uint8_t>({9, 0, 0, 0}));
                FAILS(PELLUCID_ERR_TYPE_MISMATCH, event.watch_values(n));
            } else if (hit.id == global) {
                WatchValues values = event.watch_values(n);
                CHECK(values.before == Value(0) && values.after == Value(1));
            }
            ++n;
        }
    });
    (void)fixture.instance->get<std::int32_t(std::int32_t)>("outer")(9);
    CHECK(seen == std::vector<std::uint64_t>({memory, global, element}));

    // A local of one frame.
    store.clear_event_handler();
    edit = store.edit();
    for (std::uint64_t id : store.watchpoints()) edit.remove(id);
    (void)edit.add_at_function(fixture.module, 1);
    edit.commit();
    Call call = fixture.instance->func("outer").begin({1});
    CHECK(call.resume() == PELLUCID_CALL_PAUSED);
    edit = store.edit();
    std::uint64_t local = edit.watch(*call.frame(), 2, PELLUCID_WATCH_WRITE);
    edit.commit();
    CHECK(call.resume() == PELLUCID_CALL_PAUSED && call.event()->watch_hits()[0].id == local);
    CHECK(call.event()->watch_values(0).after == Value(std::int64_t{77}));
    call.frame()->force_return({-3});
    CHECK(call.resume() == PELLUCID_CALL_FINISHED && call.results()[0] == Value(8));

    // Frames that start again, are dropped or moved.
    call = fixture.instance->func("outer").begin({1});
    CHECK(call.resume() == PELLUCID_CALL_PAUSED);
    Frame again = call.frame()->restart();
    CHECK(again.is_valid());
    Frame outer = again.drop();
    CHECK(*outer.func_name() == "outer");
    outer.write_operand(0, 50);
    CHECK(outer.set_pc(outer.pc()).is_valid());
    call.trap("no more");
    CHECK(call.state() == PELLUCID_CALL_TRAPPED && call.error()->trap() == PELLUCID_TRAP_REQUESTED && call.error()->message() == "no more");
    FAILS(PELLUCID_ERR_TRAP, call.check());
    FAILS(PELLUCID_ERR_TRAP, call.results());
}

static void events_and_dumps() {
    Fixture fixture;
    Store &store = fixture.store;
    Edit edit = store.edit();
    edit.trace(fixture.module, 1, 2);
    std::uint64_t at_trap = edit.add_at_trap(PELLUCID_TRAP_UNREACHABLE);
    std::uint64_t at_import = edit.add_at_import_calls(fixture.module, 0);
    std::uint64_t at_exception = edit.add_at_exception(std::nullopt, PELLUCID_THROW_CAUGHT | PELLUCID_THROW_UNCAUGHT);
    edit.commit();
    CHECK(at_trap < at_import && at_import < at_exception);
    CHECK(store.is_traced(fixture.module, 1) && !store.is_traced(fixture.module, 4) && !store.is_single_stepping());
    std::string seen;
    store.set_event_handler(PELLUCID_EVENT_FUNCTION_ENTRY | PELLUCID_EVENT_FUNCTION_EXIT | PELLUCID_EVENT_TRAP | PELLUCID_EVENT_MEMORY_GROWN
                                | PELLUCID_EVENT_INSTANCE_CREATED,
                            [&](StoreRef, HandledEvent event) {
                                if (event.kind() == PELLUCID_EVENT_FUNCTION_ENTRY)
                                    seen += "in:" + std::string(*event.frame()->func_name()) + " ";
                                if (event.kind() == PELLUCID_EVENT_FUNCTION_EXIT) {
                                    CHECK(event.exit() == PELLUCID_EXIT_RETURN);
                                    seen += "out:" + std::to_string((*event.results())[0].of.i32) + " ";
                                }
                                if (event.kind() == PELLUCID_EVENT_TRAP) {
                                    CHECK(event.trap() == PELLUCID_TRAP_UNREACHABLE && !event.fault()
                                          && event.error()->status() == PELLUCID_ERR_TRAP);
                                    event.set_message("told");
                                    seen += "trap ";
                                }
                                if (event.kind() == PELLUCID_EVENT_MEMORY_GROWN)
                                    seen += "grown:" + std::to_string(event.growth()->new_pages) + " ";
                                if (event.kind() == PELLUCID_EVENT_INSTANCE_CREATED)
                                    seen += event.instance()->module().id() == fixture.module.id() ? "instance " : "?";
                                if (event.kind() != PELLUCID_EVENT_TRAP) CHECK(!event.exception() && event.breakpoints().empty());
                            });
    (void)fixture.instance->get<std::int32_t(std::int32_t)>("outer")(1);
    CHECK(seen == "in:outer in:inner out:1001 out:-996 ");
    seen.clear();
    FAILS(PELLUCID_ERR_TRAP, fixture.instance->get<void()>("trap")());
    (void)fixture.instance->memory().grow(1);
    (void)fixture.linker.instantiate(store, fixture.module);
    CHECK(seen == "trap grown:2 instance ");
    CHECK(store.refused_pauses() == 0);

    // Single steps, in one call.
    edit = store.edit();
    edit.single_step(true);
    edit.commit();
    int steps = 0;
    store.set_event_handler(PELLUCID_EVENT_STEP, [&](StoreRef, HandledEvent) { ++steps; });
    (void)fixture.instance->get<std::int32_t(std::int32_t)>("many")(1);
    CHECK(steps > 5 && store.is_single_stepping());

    std::size_t n_bytes = 0;
    std::vector<std::uint8_t> start;
    store.core_dump("a name", [&](Bytes bytes) {
        if (start.empty()) start.assign(bytes.begin(), bytes.end());
        n_bytes += bytes.size();
    });
    CHECK(n_bytes > 100 && start[0] == 0 && start[1] == 'a');
    std::string path = "/tmp/pellucid_cpp_test_" + std::to_string(store.id()) + ".core";
    store.core_dump_file("a name", path, PELLUCID_CORE_DUMP_WITHOUT_MEMORIES);
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    CHECK(file && static_cast<std::size_t>(file.tellg()) < n_bytes);
    std::remove(path.c_str());
}

static void serialized_modules() {
    Engine engine = Engine::create(Config().debug());
    Module module = engine.compile_text("(module (func (export \"one\") (result i32) (i32.const 1)))");
    std::vector<std::uint8_t> bytes;
    module.serialize([&](Bytes part) { bytes.insert(bytes.end(), part.begin(), part.end()); });
    std::string path = "/tmp/pellucid_cpp_test_" + std::to_string(module.id()) + ".module";
    module.serialize_file(path);
    for (const Module &again : {engine.deserialize({bytes.data(), bytes.size()}), engine.deserialize_file(path)}) {
        Store store = engine.create_store();
        CHECK(store.instantiate(again).get<std::int32_t()>("one")() == 1);
    }
    std::remove(path.c_str());
    FAILS(PELLUCID_ERR_NOT_FOUND, engine.deserialize_file(path));
    FAILS(PELLUCID_ERR_INCOMPATIBLE, Engine::create().deserialize({bytes.data(), bytes.size()}));
    bytes.back() ^= 1;
    FAILS(PELLUCID_ERR_INVALID_MODULE, engine.deserialize({bytes.data(), bytes.size()}));
    FAILS(PELLUCID_ERR_HOST, module.serialize([](Bytes) -> Result<void> { return Error("full"); }));
    // A folder that can't be: modules are compiled.
    Engine caching = Engine::create(Config().cache("/proc/nowhere", 1 << 20));
    (void)caching.compile_text("(module)");
}

int main() {
    serialized_modules();
    ranges();
    breakpoints_and_calls();
    watchpoints();
    events_and_dumps();
    return finish();
}
