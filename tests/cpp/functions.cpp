// Calling guests, host functions with types taken from them, imports and exports.

#include "test.hpp"

#include <functional>
#if __cplusplus >= 202002L
#include <ranges>
#include <span>
#endif

using namespace pellucid;

static const char *const WAT = R"((module $functions
  (import "host" "add" (func $add (param i32 i32) (result i32)))
  (import "host" "note" (func $note (param i64 f32 f64)))
  (import "host" "pair" (func $pair (param i32) (result i32 f64)))
  (import "host" "wide" (func $wide (param v128) (result v128)))
  (import "host" "pass" (func $pass (param funcref externref) (result externref)))
  (import "host" "peek" (func $peek (param i32) (result i32)))
  (memory (export "memory") 1 4)
  (table (export "table") 3 funcref)
  (global (export "global") (mut i64) (i64.const 7))
  (elem (i32.const 0) $twice)
  (data (i32.const 16) "hello")
  (func $twice (export "twice") (param $n i32) (result i32) (i32.mul (local.get $n) (i32.const 2)))
  (func (export "add") (param i32 i32) (result i32) (call $add (local.get 0) (local.get 1)))
  (func (export "note") (param i64 f32 f64) (call $note (local.get 0) (local.get 1) (local.get 2)))
  (func (export "pair") (param i32) (result i32 f64) (call $pair (local.get 0)))
  (func (export "wide") (param v128) (result v128) (call $wide (local.get 0)))
  (func (export "pass") (param funcref externref) (result externref) (call $pass (local.get 0) (local.get 1)))
  (func (export "peek") (param i32) (result i32) (call $peek (local.get 0)))
  (func (export "nothing"))))";

enum class Colour : std::int32_t { red = 3 };

static std::int32_t plain_function(std::int32_t a, std::int32_t b) noexcept { return a + b; }

struct Noted {
    std::int64_t a = 0;
    float b = 0;
    double c = 0;
};

static void numbers(const Store &store, const Instance &instance, const Noted &noted) {
    auto add = instance.get<std::int32_t(std::int32_t, std::int32_t)>("add");
    CHECK(add(40, 2) == 42);
    // Unsigned numbers and enumerations are numbers, too.
    CHECK(instance.get<std::uint32_t(std::uint32_t, std::uint32_t)>("add")(0xffffffff, 0) == 0xffffffff);
    CHECK(instance.get<Colour(Colour, std::int32_t)>("add")(Colour::red, 0) == Colour::red);
    auto note = instance.get<void(std::int64_t, float, double)>("note");
    note(-5000000000, 0.5F, 2.25);
    CHECK(noted.a == -5000000000 && noted.b == 0.5F && noted.c == 2.25);
    auto pair = instance.get<std::tuple<std::int32_t, double>(std::int32_t)>("pair");
    auto [first, second] = pair(9);
    CHECK(first == 10 && second == 4.5);
    CHECK((instance.get<std::pair<std::int32_t, double>(std::int32_t)>("pair")(1)) == std::make_pair(2, 0.5));
    V128 bytes = {};
    bytes[0] = 1;
    bytes[15] = 200;
    V128 answer = instance.get<V128(V128)>("wide")(bytes);
    CHECK(answer[0] == 200 && answer[15] == 1);
    instance.get<void()>("nothing")();

    // With values.
    std::vector<Value> results = instance.func("pair").call({9});
    CHECK(results.size() == 2 && results[0].as<std::int32_t>() == 10 && results[1].as<double>() == 4.5);
    CHECK(!results[0].as<double>());
    Value sum;
    const Value args[] = {0, 2};
    instance.func("add").call(args, {&sum, 1});
    CHECK(sum == Value(2) && sum != Value(std::int64_t{2}));
    CHECK(instance.func("add").call({0, 2})[0] == Value(2));
    pellucid_raw_t raw[2];
    raw[0].i32 = 4;
    raw[1].i32 = 5;
    instance.func("add").call_raw(raw);
    CHECK(raw[0].i32 == 9);
    CHECK(instance.func("add").call_for({1000000, PELLUCID_CLOCK_WALL, PELLUCID_INTERRUPT_TRAP}, {1, 2})[0] == Value(3));
    CHECK(store.from_raw(PELLUCID_I32, store.to_raw(Value(77))) == Value(77));

    FAILS(PELLUCID_ERR_TYPE_MISMATCH, instance.get<void()>("add"));
    FAILS(PELLUCID_ERR_TYPE_MISMATCH, instance.get<std::int32_t(std::int32_t, float)>("add"));
    FAILS(PELLUCID_ERR_TYPE_MISMATCH, instance.get<std::int64_t(std::int32_t, std::int32_t)>("add"));
    FAILS(PELLUCID_ERR_TYPE_MISMATCH, instance.get<void()>("memory"));
    FAILS(PELLUCID_ERR_NOT_FOUND, instance.get<void()>("missing"));
    FAILS(PELLUCID_ERR_TYPE_MISMATCH, instance.func("add").call({1.5, 2}));
    FAILS(PELLUCID_ERR_INVALID_ARGUMENT, instance.func("add").call({1}));
}

static void references(const Store &store, const Instance &instance) {
    struct Thing {
        int number;
        std::shared_ptr<int> alive;
    };
    auto alive = std::make_shared<int>(1);
    ExternRef thing = store.externref(Thing{5, alive});
    CHECK(alive.use_count() == 2);
    Func twice = instance.func("twice");
    auto pass = instance.get<ExternRef(Func, ExternRef)>("pass");
    ExternRef back = pass(twice, thing);
    CHECK(back == thing && back.data<Thing>()->number == 12);
    CHECK(pass(Func(), ExternRef()).is_null());
    std::vector<Value> results = instance.func("pass").call({Value(twice), thing});
    CHECK(results[0].as<ExternRef>(store) == thing);
    CHECK(!results[0].as<Func>(store));
}

static void entities(const Instance &instance) {
    Memory memory = instance.memory();
    CHECK(memory.size() == 1 && memory.data().size() == 65536 && memory.type().maximum == 4);
    CHECK(memory.text(16, 5) == "hello");
    memory.write(100, "text");
    CHECK(memory.load<char>(101) == 'e');
    memory.save(200, std::uint64_t{0x0102030405060708});
    CHECK(memory.data()[200] == 8 && memory.load<std::uint64_t>(200) == 0x0102030405060708);
    std::uint8_t bytes[3];
    memory.read(16, bytes);
    CHECK(bytes[2] == 'l');
    memory.write(16, {1, 2, 3});
    CHECK(memory.data()[18] == 3);
    CHECK(memory.grow(2) == 1 && memory.size() == 3);
    FAILS(PELLUCID_ERR_OUT_OF_RANGE, memory.text(0, std::size_t{1} << 40));
    FAILS(PELLUCID_ERR_OUT_OF_RANGE, memory.text(~std::uint64_t{0}, 1));
    FAILS(PELLUCID_ERR_OUT_OF_RANGE, memory.load<int>(3 * 65536 - 3));
    FAILS(PELLUCID_ERR_LIMIT, memory.grow(100));

    Table table = instance.table("table");
    CHECK(table.size() == 3 && table.type().element == PELLUCID_FUNCREF);
    auto twice = table.get(0).as<Func>(table.store());
    CHECK(twice && twice->typed<std::int32_t(std::int32_t)>()(4) == 8);
    CHECK(*twice->name() == "twice" && twice->location()->func_index == 6 && twice->location()->instance == instance);
    table.set(1, *twice);
    CHECK(table.get(1) == table.get(0) && table.get(2).is_null());
    CHECK(table.grow(2, Value::null(PELLUCID_FUNCREF)) == 3 && table.size() == 5);

    Global global = instance.global("global");
    CHECK(global.value() == Value(std::int64_t{7}) && global.type().is_mutable);
    global.set(std::int64_t{8});
    CHECK(global.value().as<std::int64_t>() == 8);
    FAILS(PELLUCID_ERR_TYPE_MISMATCH, global.set(1.5));

    // Ranges.
    std::string names;
    std::size_t functions = 0;
    for (const ExportedItem &item : instance.exports()) {
        names += std::string(item.name) + " ";
        functions += item.item.func().has_value();
        CHECK(item.item.kind() == item.item.type().kind());
    }
    CHECK(names == "memory table global twice add note pair wide pass peek nothing " && functions == 8);
    CHECK(instance.exports().size() == 11 && instance.exports()[3].item.func() == *twice);
    CHECK(!instance.find("missing") && instance.find("global")->global() == global);
    CHECK(instance.spaces().n_funcs == 14 && instance.func_at(6) == *twice && instance.memory_at(0) == memory);
    CHECK(instance.table_at(0) == table && instance.global_at(0) == global);
    FAILS(PELLUCID_ERR_OUT_OF_RANGE, instance.tag_at(0));
}

static void modules(const Engine &engine, const Module &module) {
    std::string names;
    for (const Import &import : module.imports()) {
        names += std::string(import.module) + "." + std::string(import.name) + " ";
        CHECK(import.kind == PELLUCID_EXTERN_FUNC && import.type.func() && !import.type.memory());
    }
    CHECK(names == "host.add host.note host.pair host.wide host.pass host.peek ");
    CHECK((module.imports()[2].type.func()->is<std::tuple<std::int32_t, double>(std::int32_t)>()));
    auto exports = module.exports();
    CHECK(exports.size() == 11 && exports[0].name == "memory" && exports[0].type.memory()->minimum == 1);
    CHECK(exports[1].type.table()->minimum == 3 && exports[2].type.global()->kind == PELLUCID_I64);
    CHECK(*module.name() == "functions" && module.func_count() == 14 && *module.func_name(6) == "twice");
    CHECK(*module.local_name(6, 0) == "n" && !module.local_name(7, 0));
    CHECK(module.func_type(6).params().size() == 1);
    Module::Range range = module.func_range(6);
    CHECK(module.func_at(range.first_pc)->func_index == 6 && !module.func_at(0));
    CHECK(module.sections().size() > 0 && module.section("name") && !module.section("missing"));
    Module copy = module.clone();
    CHECK(copy.id() == module.id() && copy.get() != nullptr);
    CHECK(module.code_size().code > 0);

    FAILS(PELLUCID_ERR_INVALID_MODULE, engine.compile({0, 1, 2}));
    FAILS(PELLUCID_ERR_INVALID_MODULE, engine.compile_text("(module"));
    FAILS(PELLUCID_ERR_INVALID_MODULE, engine.validate({0, 1, 2}));
    const std::uint8_t empty[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    engine.validate(empty);
    CHECK(*engine.compile("given", empty).name() == "given");
}

static void made_by_the_host(const Engine &engine) {
    Store store = engine.create_store(std::string("data"));
    CHECK(store.data<std::string>() == "data" && store.id() != 0 && store.is_debug());
    Memory memory = store.memory(memory_type(1, 2));
    Table table = store.table(table_type(PELLUCID_FUNCREF, 1), Value::null(PELLUCID_FUNCREF));
    Global global = store.global(2.5, true);
    Func func = store.func([count = 0](std::int32_t n) mutable { return count += n; });
    Module module = engine.compile_text(R"((module (import "" "m" (memory 1)) (import "" "t" (table 1 funcref))
        (import "" "g" (global (mut f64))) (import "" "f" (func (param i32) (result i32)))
        (export "m" (memory 0)) (export "t" (table 0)) (export "g" (global 0)) (export "f" (func 0))))");
    Instance instance = store.instantiate(module, {memory, table, global, func});
    CHECK(instance.memory("m") == memory && instance.table("t") == table && instance.global("g") == global && instance.func("f") == func);
    auto counted = instance.get<std::int32_t(std::int32_t)>("f");
    CHECK(counted(2) == 2 && counted(3) == 5);
    CHECK(!func.location() && func.type().is<std::int32_t(std::int32_t)>());
    FAILS(PELLUCID_ERR_LINK, store.instantiate(module));
    CHECK(store.instances().size() == 1 && store.instances()[0] == instance && instance.module().id() == module.id());

    // On values, of a type that is known when the program runs.
    FuncType type = FuncType::create({PELLUCID_I32, PELLUCID_I32}, {PELLUCID_I64});
    Func product = store.func(type, [](Caller, Values args, Span<Value> results) {
        results[0] = Value(static_cast<std::int64_t>(*args[0].as<std::int32_t>()) * *args[1].as<std::int32_t>());
    });
    CHECK(product.typed<std::int64_t(std::int32_t, std::int32_t)>()(100000, 100000) == 10000000000);

    // What a host function holds goes with the store.
    auto alive = std::make_shared<int>(0);
    (void)store.func([alive] {});
    CHECK(alive.use_count() == 2);
    Store moved = std::move(store);
    CHECK(!store && moved && alive.use_count() == 2);
    moved = engine.create_store();
    CHECK(alive.use_count() == 1);
}

#if __cplusplus >= 202002L
// Ranges are those of the standard library, too.
static_assert(std::ranges::input_range<decltype(std::declval<Module>().imports())>);
static_assert(std::ranges::input_range<decltype(std::declval<Instance>().exports())>);
static_assert(std::ranges::input_range<Frames> && std::ranges::input_range<FrameValues>);
static_assert(std::is_convertible_v<std::span<const std::uint8_t>, Bytes> && std::is_convertible_v<Bytes, std::span<const std::uint8_t>>);
#endif

int main() {
    abi_check();
    CHECK(version().major == PELLUCID_VERSION_MAJOR && version_text() == PELLUCID_VERSION
          && status_name(PELLUCID_ERR_TRAP) == "PELLUCID_ERR_TRAP");
    bool has_text = false;
    for (std::string_view feature : features()) has_text = has_text || feature == "wat";
    CHECK(has_text);

    // What lists the contents of stores and instances is for debuggers.
    Engine engine = Engine::create(Config().debug());
    Module module = engine.compile_text(WAT);
    Store store = engine.create_store();
    Linker linker = engine.create_linker();
    Noted noted;
    linker.define(store, "host", "add", plain_function);
    linker.define(store, "host", "note", [&](std::int64_t a, float b, double c) { noted = {a, b, c}; });
    linker.define(store, "host", "pair", [](std::int32_t n) { return std::make_tuple(n + 1, n / 2.0); });
    linker.define(store, "host", "wide", [](const V128 &bytes) {
        V128 reversed;
        std::reverse_copy(bytes.begin(), bytes.end(), reversed.begin());
        return reversed;
    });
    linker.define(store, "host", "pass", [](Caller caller, Func func, ExternRef thing) {
        if (!func.is_null()) {
            // The guest's function, called back.
            int &number = *thing.data<int>();
            number = func.typed<std::int32_t(std::int32_t)>()(6);
            CHECK(caller.instance().has_value());
        }
        return thing;
    });
    std::function<std::int32_t(Caller, std::int32_t)> peek = [](Caller caller, std::int32_t at) {
        return caller.memory().load<std::int32_t>(static_cast<std::uint32_t>(at)) + (caller.find("missing") ? 1 : 0);
    };
    linker.define(store, "host", "peek", peek);
    FAILS(PELLUCID_ERR_LINK, linker.define(store, "host", "peek", peek));
    Instance instance = linker.instantiate(store, module);
    CHECK(linker.find(store, "host", "add")->func() && !linker.find(store, "host", "missing"));
    numbers(store, instance, noted);
    references(store, instance);
    CHECK(instance.get<std::int32_t(std::int32_t)>("peek")(16) == 0x6c6c6568);
    entities(instance);
    modules(engine, module);
    made_by_the_host(engine);

    Linker second = engine.create_linker();
    second.define_unknown_as_traps(store, module);
    FAILS(PELLUCID_ERR_LINK, second.instantiate(store, module).get<std::int32_t(std::int32_t)>("peek")(0));
    second.set_shadowing(true);
    second.define_instance(store, "guest", instance);
    second.define(store, "host", "add", instance.func("add"));
    CHECK(second.instantiate(store, module).get<std::int32_t(std::int32_t, std::int32_t)>("add")(1, 2) == 3);
    return finish();
}
