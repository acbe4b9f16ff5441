// Compiled twice, once with exceptions and once without, and linked into one program.

#include "test.hpp"

using namespace pellucid;

// What the other half answers: the number that a host function of this half has thrown, or a result.
int ask_the_other_half(pellucid_store_t *store, const pellucid_func_t *func, int argument);

#if PELLUCID_EXCEPTIONS
int main() {
    Engine engine = Engine::create();
    Store store = engine.create_store();
    Func func = store.func([](std::int32_t n) -> std::int32_t {
        if (n < 0) throw n;
        return n + 1;
    });
    CHECK(ask_the_other_half(store.get(), &func.get(), 4) == 5);
    CHECK(ask_the_other_half(store.get(), &func.get(), -4) == -4);
    return finish();
}
#else
int ask_the_other_half(pellucid_store_t *store, const pellucid_func_t *func, int argument) {
    auto typed = Func(store, *func).typed<std::int32_t(std::int32_t)>();
    Result<std::int32_t> result = (*typed)(argument);
    if (result) return *result;
    try {
        std::rethrow_exception(result.error().host_exception());
    } catch (int number) {
        return number;
    }
}
#endif
