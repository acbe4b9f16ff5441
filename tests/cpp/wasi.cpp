// WASI programs, with threads too; memories that are shared; the log.

#include "test.hpp"

#include <atomic>

using namespace pellucid;

static const char *const PROGRAM = R"((module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\20\00\00\00\05\00\00\00")
  (func (export "_start")
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $args (i32.const 12) (i32.const 16)))
    (call $exit (i32.load (i32.const 12))))))";

static void run(const WasiConfig &config, bool is_captured, const Engine &engine, std::string &output, std::uint32_t &code) {
    Store store = engine.create_store();
    Linker linker = engine.create_linker();
    Wasi wasi = linker.define_wasi(store, config);
    Instance instance = linker.instantiate(store, engine.compile_text(PROGRAM));
    try {
        instance.get<void()>("_start")();
        CHECK(false);
    } catch (const Error &error) {
        CHECK(error.status() == PELLUCID_ERR_EXIT);
        code = error.exit_code().value_or(99);
    }
    if (is_captured) {
        output = wasi.take(PELLUCID_WASI_STDOUT);
        CHECK(wasi.size(PELLUCID_WASI_STDOUT) == 0);
    } else {
        FAILS(PELLUCID_ERR_NOT_FOUND, wasi.take(PELLUCID_WASI_STDOUT));
    }
}

static void programs() {
    Engine engine = Engine::create();
    std::string output;
    std::uint32_t code = 0;
    WasiConfig config;
    config.args({"program", "one", "two"}).env("NAME", "value").input("hello there");
    config.stream(PELLUCID_WASI_STDOUT, PELLUCID_WASI_CAPTURE).capture_limit(100).random_seed(1).fixed_clocks(0, 1);
    run(config, true, engine, output, code);
    CHECK(output == "hello" && code == 3);

    std::string written;
    WasiConfig callbacks;
    callbacks.input_callback([n = 0](Span<std::uint8_t> place) mutable -> std::size_t {
        for (std::uint8_t &byte : place) byte = static_cast<std::uint8_t>('a' + n++);
        return place.size();
    });
    callbacks.output_callback(PELLUCID_WASI_STDOUT, [&](Bytes bytes) { written.append(bytes.begin(), bytes.end()); });
    run(callbacks, false, engine, output, code);
    CHECK(written == "abcde" && code == 0);

    // What a callback throws is an error for the guest, which goes on.
    WasiConfig throwing_one;
    throwing_one.arg("only").output_callback(PELLUCID_WASI_STDOUT, [](Bytes) { throw 1; });
    run(throwing_one, false, engine, output, code);
    CHECK(code == 1);

    // The first failure of a configuration is told when it is used.
    WasiConfig bad;
    bad.folder("/no/such/folder", "/").arg("x");
    CHECK(bad.error() && bad.error()->message().find("/no/such/folder") != std::string_view::npos);
    Store store = engine.create_store();
    FAILS(bad.error()->status(), engine.create_linker().define_wasi(store, bad));
}

static const char *const THREADS = R"((module
  (import "env" "memory" (memory 1 1 shared))
  (import "env" "told" (func $told (param i32)))
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (export "memory" (memory 0))
  (func (export "wasi_thread_start") (param i32 i32)
    (call $told (local.get 1))
    (drop (i32.atomic.rmw.add (i32.const 0) (local.get 1)))
    (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))
  (func (export "_start")
    (drop (call $spawn (i32.const 5)))
    (loop $again
      (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 1000000000)))
      (br_if $again (i32.eqz (i32.atomic.load (i32.const 0))))))))";

static void threads() {
    Engine engine = Engine::create();
    Module module = engine.compile_text(THREADS);
    std::atomic<int> prepared{0}, told{0}, run_by_host{0};
    auto prepare = [&](std::uint32_t, StoreRef store, LinkerRef linker) {
        ++prepared;
        linker.define(store, "env", "told", [&](std::int32_t n) { told += n; });
    };
    WasiConfig config;
    for (bool has_run : {false, true}) {
        WasiThreads group = has_run ? WasiThreads::create(module, config, 4, prepare,
                                                          [&](std::uint32_t, StoreRef store, pellucid_call_t *given) {
                                                              ++run_by_host;
                                                              Call call(store.get(), given);
                                                              (void)call.resume();
                                                              (void)call.release();
                                                          })
                                    : WasiThreads::create(module, config, 4, prepare);
        Store store = engine.create_store();
        Linker linker = engine.create_linker();
        linker.define_wasi_threads(store, group);
        linker.define(store, "env", "told", [](std::int32_t) {});
        linker.instantiate(store, module).get<void()>("_start")();
        group.join();
        CHECK(group.count() == 0);
        group.end();
        CHECK(group.is_ending());
    }
    CHECK(prepared == 2 && told == 10 && run_by_host == 1);

    // A callback that throws ends the program with what it has thrown.
    WasiThreads group = WasiThreads::create(module, config, 4, [](std::uint32_t, StoreRef, LinkerRef) { throw std::string("unprepared"); });
    Store store = engine.create_store();
    Linker linker = engine.create_linker();
    linker.define_wasi_threads(store, group);
    linker.define(store, "env", "told", [](std::int32_t) {});
    FAILS(PELLUCID_ERR_TRAP, linker.instantiate(store, module).get<void()>("_start")());
    try {
        group.end();
        CHECK(false);
    } catch (const std::string &thrown) {
        CHECK(thrown == "unprepared");
    }
}

static void shared_memories() {
    Engine engine = Engine::create();
    pellucid_memorytype_t type = memory_type(1, 2);
    type.is_shared = 1;
    SharedMemory shared = engine.create_shared_memory(type);
    shared.write(8, {1, 2});
    std::uint8_t bytes[2];
    shared.clone().read(8, bytes);
    CHECK(bytes[1] == 2 && shared.size() == 1 && shared.grow(1) == 1 && shared.data().size() == 131072 && shared.type().is_shared);
    Store store = engine.create_store();
    Memory memory = store.memory(shared);
    CHECK(memory.is_shared() && memory.load<std::uint8_t>(9) == 2 && memory.shared().size() == 2);
    CHECK(shared.notify(0, 1) == 0 && shared.waiter_count() == 0);
    shared.allow_waits(false);
    shared.set_limit(65536 * 3);
    CHECK(shared.limit() == 65536 * 3);
    FAILS(PELLUCID_ERR_OUT_OF_RANGE, shared.read(131071, bytes));
}

int main() {
    int logged = 0;
    set_log(PELLUCID_LOG_TRACE, [&](pellucid_log_level_t level, std::string_view, std::string_view message) {
        logged += level >= PELLUCID_LOG_ERROR && !message.empty();
    });
    programs();
    clear_log();
    CHECK(logged > 0);
    threads();
    shared_memories();
    install_signal_handlers();
    return finish();
}
