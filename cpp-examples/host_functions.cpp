// Functions of the host for guests to call: lambdas, with memory, with state, and with exceptions of the program's own.

#include "pellucid.hpp"

#include <iostream>
#include <stdexcept>
#include <vector>

struct OutOfStock : std::runtime_error {
    explicit OutOfStock(int item) : std::runtime_error("item " + std::to_string(item) + " is out of stock"), item(item) {}
    int item;
};

int main() {
    pellucid::Engine engine = pellucid::Engine::create();
    pellucid::Module module = engine.compile_text(R"(
        (module
          (import "shop" "print" (func $print (param i32 i32)))
          (import "shop" "take" (func $take (param i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 0) "an order of three")
          (func (export "order") (param $item i32) (result i32)
            (call $print (i32.const 0) (i32.const 17))
            (i32.add (i32.add (call $take (local.get $item)) (call $take (local.get $item))) (call $take (local.get $item)))))
    )");

    std::vector<int> stock = {10, 2};
    pellucid::Store store = engine.create_store();
    pellucid::Linker linker = engine.create_linker();
    // Who called is the first parameter, for those who want to know.
    linker.define(store, "shop", "print", [](pellucid::Caller caller, std::uint32_t address, std::uint32_t length) {
        std::cout << "the guest says: " << caller.memory().text(address, length) << "\n";
    });
    linker.define(store, "shop", "take", [&](int item) {
        if (stock.at(static_cast<std::size_t>(item)) == 0) throw OutOfStock(item);
        return --stock[static_cast<std::size_t>(item)];
    });
    pellucid::Instance instance = linker.instantiate(store, module);
    auto order = instance.get<int(int)>("order");

    int left = order(0);
    std::cout << "left, added up: " << left << "\n";
    for (int item : {1, 2}) {
        // What was thrown in a host function goes through the guest.
        try {
            order(item);
        } catch (const OutOfStock &problem) {
            std::cout << "sorry: " << problem.what() << "\n";
        } catch (const std::out_of_range &) {
            std::cout << "sorry: there is no item " << item << "\n";
        }
    }
}
