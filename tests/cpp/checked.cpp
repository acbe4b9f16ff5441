// Without exceptions: failures are values. Also compiled with -fno-exceptions.

#define PELLUCID_EXCEPTIONS 0
#include "test.hpp"

using namespace pellucid;

static Result<std::int32_t> add_up(const Engine &engine, std::string_view wat) {
    Result<Module> module = engine.compile_text(wat);
    if (!module) return module.error();
    Result<Store> store = engine.create_store();
    if (!store) return store.error();
    Result<Linker> linker = engine.create_linker();
    if (!linker) return linker.error();
    Result<void> defined = linker->define(*store, "host", "next", [](std::int32_t n) -> Result<std::int32_t> {
        if (n < 0) return Error("negative");
        return n + 1;
    });
    if (!defined) return defined.error();
    Result<Instance> instance = linker->instantiate(*store, *module);
    if (!instance) return instance.error();
    auto run = instance->get<std::int32_t(std::int32_t)>("run");
    if (!run) return run.error();
    Result<std::int32_t> first = (*run)(1);
    if (!first) return first;
    Result<std::int32_t> second = (*run)(-1);
    CHECK(!second && second.status() == PELLUCID_ERR_HOST && second.error().message() == "negative" && second.error().frames().size() == 1);
    CHECK((*run)(-2).value_or(77) == 77);

    // What answers "nothing" is no failure.
    Result<std::optional<Extern>> missing = instance->find("missing");
    CHECK(missing && !*missing);
    FAILS(PELLUCID_ERR_NOT_FOUND, instance->get<void()>("missing"));
    FAILS(PELLUCID_ERR_TYPE_MISMATCH, instance->func("run").value().typed<void()>());
    Result<std::vector<Value>> results = instance->func("run")->call({5});
    CHECK(results && results->size() == 1 && (*results)[0] == Value(12));
    Result<Memory> memory = instance->memory();
    CHECK(memory.status() == PELLUCID_ERR_NOT_FOUND);

    Result<Call> call = instance->func("run")->begin({-3});
    CHECK(call && call->resume().value() == PELLUCID_CALL_TRAPPED);
    FAILS(PELLUCID_ERR_HOST, call->check());
    FAILS(PELLUCID_ERR_HOST, call->results());
    FAILS(PELLUCID_ERR_DEBUG_DISABLED, store->frames());

    Result<void> dumped = store->core_dump("name", [](Bytes) -> Result<void> { return Error("full"); });
    CHECK(!dumped);
    return *first;
}

int main() {
    Result<Engine> engine = Engine::create(Config().debug(false));
    CHECK(engine);
    CHECK(add_up(*engine, R"((module (import "host" "next" (func $next (param i32) (result i32)))
        (func (export "run") (param i32) (result i32) (i32.mul (i32.const 2) (call $next (local.get 0))))))")
              .value()
          == 4);
    Result<std::int32_t> bad = add_up(*engine, "(module");
    CHECK(bad.status() == PELLUCID_ERR_INVALID_MODULE && !bad.error().message().empty());
    FAILS(PELLUCID_ERR_INVALID_ARGUMENT, Engine::create(Config().opt_level(99)));

    // An error of the library's that a host function returns stays what it is, whoever else has it.
    Store traps = engine->create_store().value();
    Module trapping = engine
                          ->compile_text(R"((module (import "host" "pass" (func $pass)) (func (export "trap") unreachable)
        (func (export "run") (call $pass))))")
                          .value();
    Linker linker = engine->create_linker().value();
    TypedFunc<void()> trap;
    std::vector<Error> kept;
    CHECK(linker.define(traps, "host", "pass", [&]() -> Result<void> {
        Result<void> result = trap();
        kept.push_back(result.error());
        return result;
    }));
    Instance passing = linker.instantiate(traps, trapping).value();
    trap = passing.get<void()>("trap").value();
    Result<void> passed = passing.get<void()>("run").value()();
    CHECK(passed.status() == PELLUCID_ERR_TRAP && passed.error().trap() == PELLUCID_TRAP_UNREACHABLE);
    CHECK(kept.size() == 1 && kept[0].status() == PELLUCID_ERR_TRAP && kept[0].message() == passed.error().message());

#if PELLUCID_CAN_THROW
    // What a host function throws all the same is kept for whoever wants it.
    Store store = engine->create_store().value();
    Func thrower = store.func([](std::int32_t n) -> std::int32_t { throw n; }).value();
    Result<std::int32_t> thrown = thrower.typed<std::int32_t(std::int32_t)>().value()(6);
    CHECK(!thrown && thrown.error().host_exception());
    try {
        (void)thrown.value();
        CHECK(false);
    } catch (int n) {
        CHECK(n == 6);
    }
#endif
    return finish();
}
