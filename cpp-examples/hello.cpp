// Compiles a module, instantiates it, and calls what it exports.

#include "pellucid.hpp"

#include <iostream>

int main() {
    pellucid::Engine engine = pellucid::Engine::create();
    pellucid::Module module = engine.compile_text(R"(
        (module
          (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
          (func (export "divide") (param i32 i32) (result i32 i32)
            (i32.div_s (local.get 0) (local.get 1))
            (i32.rem_s (local.get 0) (local.get 1))))
    )");
    pellucid::Store store = engine.create_store();
    pellucid::Instance instance = store.instantiate(module);

    auto add = instance.get<int(int, int)>("add");
    std::cout << "40 + 2 = " << add(40, 2) << "\n";

    auto divide = instance.get<std::pair<int, int>(int, int)>("divide");
    auto [quotient, rest] = divide(17, 5);
    std::cout << "17 / 5 = " << quotient << ", rest " << rest << "\n";

    try {
        divide(1, 0);
    } catch (const pellucid::Error &error) {
        std::cout << error.text() << "\n";
    }
}
