// What pellucid.hpp costs beside the same in C: each in turns, the least of many rounds.

#include "now.h"
#include "pellucid.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>

using namespace pellucid;

static const char *const WAT = R"((module
  (import "host" "c" (func $c (param i32 i64) (result i64)))
  (import "host" "cpp" (func $cpp (param i32 i64) (result i64)))
  (func (export "add") (param i32 i64) (result i64) (i64.add (i64.extend_i32_u (local.get 0)) (local.get 1)))
  (func (export "loop_c") (param i32) (result i64) (local i64)
    (loop $again
      (local.set 1 (call $c (local.get 0) (local.get 1)))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func (export "loop_cpp") (param i32) (result i64) (local i64)
    (loop $again
      (local.set 1 (call $cpp (local.get 0) (local.get 1)))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))))";

static const char *const DEEP = R"((module
  (import "host" "look" (func $look))
  (func $deep (export "deep") (param $n i32) (param $a i64) (param $b f64) (local $c i32)
    (if (local.get $n)
      (then (call $deep (i32.sub (local.get $n) (i32.const 1)) (local.get $a) (local.get $b)))
      (else (call $look))))))";

static pellucid_status_t add_in_c(void *, pellucid_caller_t *, pellucid_raw_t *values, size_t, pellucid_error_t **) {
    values[0].i64 = values[0].i32 + values[1].i64;
    return PELLUCID_OK;
}

// Prints both times, of one of `n`, and what the second is of the first.
static void compare(const char *what, std::uint64_t n, const std::function<void()> &c, const std::function<void()> &cpp) {
    double least[2] = {1e18, 1e18};
    for (int round = 0; round < 200; ++round) {
        for (int which = 0; which < 2; ++which) {
            double start = now();
            (which == (round & 1) ? c : cpp)();
            double &kept = least[which == (round & 1) ? 0 : 1];
            kept = std::min(kept, now() - start);
        }
    }
    std::printf("%-44s %8.2f %8.2f %7.3f\n", what, least[0] / static_cast<double>(n), least[1] / static_cast<double>(n),
                least[1] / least[0]);
}

int main() {
    std::printf("%-44s %8s %8s %7s\n", "ns each", "C", "C++", "C++/C");
    constexpr std::uint32_t n = 100000;
    Engine engine = Engine::create();
    Store store = engine.create_store();
    Linker linker = engine.create_linker();
    FuncType type = FuncType::of<std::int64_t(std::int32_t, std::int64_t)>();
    pellucid_linker_define_func_raw(linker.get(), store.get(), "host", 4, "c", 1, type.get(), nullptr, add_in_c, nullptr, nullptr);
    linker.define(store, "host", "cpp", [](std::int32_t a, std::int64_t b) { return a + b; });
    Instance instance = linker.instantiate(store, engine.compile_text(WAT));
    auto add = instance.get<std::int64_t(std::int32_t, std::int64_t)>("add");
    pellucid_store_t *c_store = store.get();
    pellucid_func_t c_add = add.get();
    std::int64_t sum = 0;

    compare(
        "a guest's function called", n,
        [&] {
            for (std::uint32_t i = 0; i < n; ++i) {
                alignas(16) pellucid_raw_t values[2];
                values[0].i32 = static_cast<std::int32_t>(i);
                values[1].i64 = sum;
                pellucid_error_t *error = nullptr;
                if (pellucid_func_call_raw(c_store, &c_add, values, 2, &error) != PELLUCID_OK) std::abort();
                sum = values[0].i64;
            }
        },
        [&] {
            for (std::uint32_t i = 0; i < n; ++i) sum = add(static_cast<std::int32_t>(i), sum);
        });

    auto loop_c = instance.get<std::int64_t(std::uint32_t)>("loop_c"), loop_cpp = instance.get<std::int64_t(std::uint32_t)>("loop_cpp");
    compare(
        "a host function called", n, [&] { sum += loop_c(n); }, [&] { sum += loop_cpp(n); });

    Func plain = instance.func("add");
    compare(
        "a guest's function called with values", n,
        [&] {
            for (std::uint32_t i = 0; i < n; ++i) {
                pellucid_value_t args[2] = {}, result;
                args[0].of.i32 = 1;
                args[1].kind = PELLUCID_I64;
                args[1].of.i64 = sum;
                pellucid_error_t *error = nullptr;
                if (pellucid_func_call(c_store, &c_add, args, 2, &result, 1, &error) != PELLUCID_OK) std::abort();
                sum = result.of.i64;
            }
        },
        [&] {
            Value result;
            for (std::uint32_t i = 0; i < n; ++i) {
                plain.call({1, sum}, {&result, 1});
                sum = result.of.i64;
            }
        });

    // 100 frames of four locals each, walked and read.
    constexpr std::uint32_t depth = 100, walks = 200;
    Engine debug = Engine::create(Config().debug());
    Store debugged = debug.create_store();
    Linker second = debug.create_linker();
    second.define(debugged, "host", "look", [&](Caller caller) {
        StoreRef here = caller.store();
        pellucid_store_t *c_here = here.get();
        std::uint64_t seen = 0;
        compare(
            "a frame walked to and its locals read", std::uint64_t{depth} * walks,
            [&] {
                for (std::uint32_t walk = 0; walk < walks; ++walk) {
                    pellucid_frame_t frame;
                    pellucid_status_t status = pellucid_frame_newest(c_here, &frame);
                    for (; status == PELLUCID_OK; status = pellucid_frame_caller(c_here, &frame, &frame)) {
                        pellucid_value_t values[16];
                        std::uint32_t n_values = 0;
                        pellucid_frame_read_locals(c_here, &frame, 0, values, 16, &n_values);
                        for (std::uint32_t i = 0; i < n_values; ++i) seen += values[i].kind;
                    }
                }
            },
            [&] {
                for (std::uint32_t walk = 0; walk < walks; ++walk)
                    for (const Frame &frame : here.frames())
                        for (FrameValue local : frame.locals()) seen += local.value.kind;
            });
        sum += static_cast<std::int64_t>(seen);
    });
    Instance deep = second.instantiate(debugged, debug.compile_text(DEEP));
    deep.get<void(std::uint32_t, std::int64_t, double)>("deep")(depth - 1, 1, 2.5);

    Memory memory = store.memory(memory_type(1));
    pellucid_memory_t c_memory = memory.get();
    compare(
        "a number read from a memory", n,
        [&] {
            for (std::uint32_t i = 0; i < n; ++i) {
                std::uint32_t number = 0;
                if (pellucid_memory_read(c_store, &c_memory, i & 1023, reinterpret_cast<std::uint8_t *>(&number), 4) != PELLUCID_OK)
                    std::abort();
                sum += number;
            }
        },
        [&] {
            for (std::uint32_t i = 0; i < n; ++i) sum += memory.load<std::uint32_t>(i & 1023);
        });
    std::printf("(%lld)\n", static_cast<long long>(sum));
}
