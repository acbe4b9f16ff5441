// A breakpoint, a call that pauses there, its frames and their locals, a step, a watchpoint.

#include "pellucid.hpp"

#include <iostream>

using namespace pellucid;

static void print(const Value &value) {
    if (auto number = value.as<std::int32_t>())
        std::cout << *number;
    else if (auto wide = value.as<std::int64_t>())
        std::cout << *wide;
    else
        std::cout << "?";
}

static void print(const Frames &frames) {
    for (Frame frame : frames) {
        std::cout << "  " << frame.func_name().value_or("?") << " at " << frame.func_offset() << ":";
        for (auto [index, value] : frame.locals()) {
            std::cout << " " << *frame.local_name(index) << "=";
            print(value);
        }
        std::cout << "\n";
    }
}

int main() {
    Engine engine = Engine::create(Config().debug());
    Module module = engine.compile_text(R"(
        (module
          (memory (export "memory") 1)
          (func $square (param $n i32) (result i32)
            (i32.mul (local.get $n) (local.get $n)))
          (func $sum (export "sum") (param $up_to i32) (result i32) (local $i i32) (local $sum i32)
            (loop $again
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (local.set $sum (i32.add (local.get $sum) (call $square (local.get $i))))
              (i32.store (i32.const 100) (local.get $sum))
              (br_if $again (i32.lt_s (local.get $i) (local.get $up_to))))
            (local.get $sum)))
    )");
    Store store = engine.create_store();
    Instance instance = store.instantiate(module);

    Edit edit = store.edit();
    Breakpoint breakpoint = edit.add_at_function(module, 0);
    edit.set_expression(breakpoint.id, "$n == 3");
    edit.commit();

    Call call = instance.func("sum").begin({4});
    while (call.resume() == PELLUCID_CALL_PAUSED) {
        if (call.event()->kind() == PELLUCID_EVENT_BREAKPOINT) {
            std::cout << "stopped at the breakpoint:\n";
            print(call.frames());
            call.resume(PELLUCID_RESUME_STEP_OUT);
            std::cout << "behind the call:\n";
            print(call.frames());

            edit = store.edit();
            edit.remove(breakpoint.id);
            edit.watch(instance.memory(), 100, 4, PELLUCID_WATCH_WRITE);
            edit.commit();
        } else {
            WatchBytes bytes = call.event()->watch_bytes(0);
            std::cout << "byte 100: " << int(bytes.before[0]) << " becomes " << int(bytes.after[0]) << "\n";
        }
    }
    std::cout << "sum: ";
    print(call.results()[0]);
    std::cout << "\n";
}
