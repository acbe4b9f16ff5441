// What the C++ tests share: checks that say where they failed. Each test is a program that ends with `return finish();`.

#pragma once

#include "pellucid.hpp"

#include <cstdio>
#include <string>

inline int failures = 0;

inline bool check(bool holds, const char *what, const char *file, int line) {
    if (!holds) {
        std::fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
        ++failures;
    }
    return holds;
}

#define CHECK(...) check(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)

// The status with which an expression fails; PELLUCID_OK if it doesn't.
#if PELLUCID_EXCEPTIONS
template <class F>
pellucid_status_t status_of(F &&body) {
    try {
        body();
    } catch (const pellucid::Error &error) {
        return error.status();
    }
    return PELLUCID_OK;
}
#define FAILS(expected, ...) CHECK(status_of([&] { (void)(__VA_ARGS__); }) == (expected))
#else
#define FAILS(expected, ...) CHECK((__VA_ARGS__).status() == (expected))
#endif

inline int finish() {
    if (failures == 0) std::puts("ok");
    return failures == 0 ? 0 : 1;
}
