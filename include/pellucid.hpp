/*
 * Pellucid for C++: everything that pellucid.h has, as classes. Header only, C++17.
 *
 *     pellucid::Engine engine = pellucid::Engine::create();
 *     pellucid::Module module = engine.compile(bytes);
 *     pellucid::Store store = engine.create_store();
 *     pellucid::Linker linker = engine.create_linker();
 *     linker.define(store, "host", "log", [](std::int32_t number) { std::printf("%d\n", number); });
 *     pellucid::Instance instance = linker.instantiate(store, module);
 *     auto add = instance.get<std::int32_t(std::int32_t, std::int32_t)>("add");
 *     std::int32_t sum = add(40, 2);
 *
 * This file says how C meets C++. What a function does, and what its arguments are, the header says of the function of the
 * same name: Store::gc is pellucid_store_gc. Constants and plain structures are those of the header, too.
 *
 * OWNERS AND HANDLES
 *
 * Engine, Module, Store, Linker, Call and the like own what they stand for and delete it; they are moved, not copied.
 * Func, Memory, Instance, Frame and the like are plain data, copied as you like: a handle of C with the store that it is of.
 * They are good as long as in C, so not longer than the store. A Call and an Edit may be deleted after their store, but not used.
 * get() gives what C takes, release() gives it away, and each class can be made from what C gave.
 *
 * StoreRef and LinkerRef are what callbacks get: all that Store and Linker can, without owning.
 *
 * FAILURES
 *
 * A function that can fail returns Fallible<T>. That is T, and failures are thrown as pellucid::Error; or, without exceptions
 * (-fno-exceptions) or with PELLUCID_EXCEPTIONS defined as 0, it is Result<T>, which has either a T or an Error. Files that are
 * compiled in one way and in the other fit into one program.
 *
 * CALLBACKS
 *
 * Host functions, event handlers and other callbacks are lambdas or other function objects, which are moved in. They are destroyed
 * by the library's finalizers, so what they capture must not call the library when it is destroyed. An exception that a host
 * function, an event handler or a callback of threads throws ends the guest and comes out of the function that ran the guest, as the
 * object that was thrown; of a Result it is Error::host_exception(). A pellucid::Error goes on as the library's error that it holds,
 * so a trap remains a trap; the exception object that was thrown has no more than the message then. Conditions, log points and log callbacks must not throw: the program ends then. What callbacks of streams
 * throw is an input/output error for the guest.
 */

#ifndef PELLUCID_HPP
#define PELLUCID_HPP

#include "pellucid.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
#define PELLUCID_CAN_THROW 1
#else
#define PELLUCID_CAN_THROW 0
#endif

#ifndef PELLUCID_EXCEPTIONS
#define PELLUCID_EXCEPTIONS PELLUCID_CAN_THROW
#endif
#if PELLUCID_EXCEPTIONS && !PELLUCID_CAN_THROW
#error "PELLUCID_EXCEPTIONS is set, but the compiler was told that there are no exceptions"
#endif

namespace pellucid {

// The same in all of a program.
namespace common {

// What callbacks have thrown while a guest ran, until the function that ran the guest fails with it.
class Thrown {
public:
    static Thrown &all() {
        // Stores may be deleted when the program ends, so this stays.
        static Thrown *const all = new Thrown;
        return *all;
    }

    // Keeps what is being thrown, and gives the message by which it is found again.
    void keep(std::uint64_t store, std::string message, std::exception_ptr exception) {
        std::lock_guard<std::mutex> lock(mutex_);
        // Errors that C code has dropped aren't asked for.
        if (kept_.size() >= most) kept_.erase(kept_.begin());
        kept_.push_back({store, std::move(message), std::move(exception)});
        count_.store(kept_.size(), std::memory_order_release);
    }

    // What was thrown in a store with this message; in any if the number is 0.
    std::exception_ptr take(std::uint64_t store, std::string_view message) {
        if (count_.load(std::memory_order_acquire) == 0) return nullptr;
        std::lock_guard<std::mutex> lock(mutex_);
        for (std::size_t place = kept_.size(); place-- > 0;) {
            if ((store == 0 || kept_[place].store == store) && kept_[place].message == message) {
                std::exception_ptr exception = std::move(kept_[place].exception);
                kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(place));
                count_.store(kept_.size(), std::memory_order_release);
                return exception;
            }
        }
        return nullptr;
    }

    void forget(std::uint64_t store) noexcept {
        if (count_.load(std::memory_order_acquire) == 0) return;
        std::lock_guard<std::mutex> lock(mutex_);
        for (std::size_t place = kept_.size(); place-- > 0;)
            if (kept_[place].store == store) kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(place));
        count_.store(kept_.size(), std::memory_order_release);
    }

private:
    struct One {
        std::uint64_t store;
        std::string message;
        std::exception_ptr exception;
    };
    static constexpr std::size_t most = 256;
    std::mutex mutex_;
    std::vector<One> kept_;
    std::atomic<std::size_t> count_{0};
};

} // namespace common

// What is compiled in one way isn't taken for what was compiled in another.
#if PELLUCID_EXCEPTIONS
inline namespace throwing {
#elif PELLUCID_CAN_THROW
inline namespace checked {
#else
inline namespace without_exceptions {
#endif

// ==================================================================================================
// Views
// ==================================================================================================

// Elements that something else owns: a pointer and a number, made from whatever has data() and size(), and from lists in braces.
template <class T>
class Span {
public:
    constexpr Span() noexcept = default;
    constexpr Span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <class Container, class = std::enable_if_t<std::is_convertible_v<decltype(std::data(std::declval<Container &>())),
                                                                              T *> && !std::is_same_v<std::decay_t<Container>, Span>>>
    constexpr Span(Container &&container) noexcept : data_(std::data(container)), size_(std::size(container)) {}
    template <class U = T, class = std::enable_if_t<std::is_const_v<U>>>
    constexpr Span(const std::initializer_list<std::remove_const_t<U>> &list) noexcept : data_(std::data(list)), size_(list.size()) {}

    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T &operator[](std::size_t index) const noexcept { return data_[index]; }
    constexpr Span subspan(std::size_t first, std::size_t count) const noexcept { return Span(data_ + first, count); }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

using Bytes = Span<const std::uint8_t>;

inline std::string_view view(const pellucid_str_t &text) noexcept {
    return text.size == 0 ? std::string_view() : std::string_view(text.data, text.size);
}

inline Bytes view(const pellucid_bytes_t &bytes) noexcept { return Bytes(bytes.data, bytes.size); }

// ==================================================================================================
// Errors
// ==================================================================================================

namespace detail {

// Owns what one of the header's deleting functions ends.
template <class T, void (*Delete)(T *)>
class Owner {
public:
    Owner() noexcept = default;
    explicit Owner(T *object) noexcept : object_(object) {}
    Owner(Owner &&other) noexcept : object_(other.release()) {}
    Owner &operator=(Owner &&other) noexcept {
        if (this != &other) {
            T *old = std::exchange(object_, other.release());
            if (old != nullptr) Delete(old);
        }
        return *this;
    }
    Owner(const Owner &) = delete;
    Owner &operator=(const Owner &) = delete;
    ~Owner() {
        if (object_ != nullptr) Delete(object_);
    }

    // What C takes; it stays owned.
    T *get() const noexcept { return object_; }
    // What C takes, for somebody else to delete.
    T *release() noexcept { return std::exchange(object_, nullptr); }
    explicit operator bool() const noexcept { return object_ != nullptr; }

private:
    T *object_ = nullptr;
};

// What a variant has, which is known.
template <std::size_t I, class Variant>
auto &in(Variant &variant) noexcept {
    auto *held = std::get_if<I>(&variant);
    if (held == nullptr) std::abort();
    return *held;
}

// A structure that says how large it is.
template <class T>
T sized() noexcept {
    T sized;
    std::memset(&sized, 0, sizeof sized);
    sized.struct_size = sizeof sized;
    return sized;
}

// Asks for a list until there is room for all of it.
template <class T, class Ask>
pellucid_status_t list(std::vector<T> &out, Ask &&ask) {
    std::size_t n = 0;
    pellucid_status_t status = ask(static_cast<T *>(nullptr), std::size_t{0}, &n);
    while (status == PELLUCID_OK && n > out.size()) {
        out.resize(n);
        status = ask(out.data(), out.size(), &n);
    }
    if (status == PELLUCID_OK) out.resize(n);
    return status;
}

// Elements that are asked for one by one, by their number.
template <class Get>
class Counted {
public:
    using Item = std::invoke_result_t<const Get &, std::size_t>;

    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Item;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = Item;

        iterator() noexcept = default;
        iterator(const Get *get, std::size_t index) noexcept : get_(get), index_(index) {}
        Item operator*() const { return (*get_)(index_); }
        iterator &operator++() noexcept {
            ++index_;
            return *this;
        }
        iterator operator++(int) noexcept {
            iterator before = *this;
            ++index_;
            return before;
        }
        bool operator==(const iterator &other) const noexcept { return index_ == other.index_; }
        bool operator!=(const iterator &other) const noexcept { return index_ != other.index_; }

    private:
        const Get *get_ = nullptr;
        std::size_t index_ = 0;
    };

    Counted(std::size_t size, Get get) : size_(size), get_(std::move(get)) {}
    iterator begin() const noexcept { return iterator(&get_, 0); }
    iterator end() const noexcept { return iterator(&get_, size_); }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    Item operator[](std::size_t index) const { return get_(index); }

private:
    std::size_t size_;
    Get get_;
};
template <class Get>
Counted(std::size_t, Get) -> Counted<Get>;

} // namespace detail

// What went wrong. Copies are the same error.
class Error : public std::exception {
public:
    // Takes the error of C, which may be NULL, and looks for what a callback has thrown in the store.
    Error(pellucid_status_t status, pellucid_error_t *error, std::uint64_t store = 0) : state_(std::make_shared<State>(error)) {
        state_->status = status;
        pellucid_str_t text = {nullptr, 0};
        if (error != nullptr && pellucid_error_message(error, &text) == PELLUCID_OK)
            state_->message = view(text);
        else if (pellucid_status_name(status, &text) == PELLUCID_OK)
            state_->message = view(text);
        else
            state_->message = "status " + std::to_string(status);
        if (error != nullptr) state_->thrown = common::Thrown::all().take(store, state_->message);
    }
    // An error for a host function to fail with.
    explicit Error(std::string_view message) : state_(std::make_shared<State>(nullptr)) {
        if (pellucid_error_new(message.data(), message.size(), &state_->error) != PELLUCID_OK) state_->error = nullptr;
        state_->status = PELLUCID_ERR_HOST;
        state_->message = message;
    }

    pellucid_status_t status() const noexcept { return state_->status; }
    // One line.
    const char *what() const noexcept override { return state_->message.c_str(); }
    std::string_view message() const noexcept { return state_->message; }
    // The message and the guest's backtrace.
    std::string text() const {
        pellucid_str_t text = {nullptr, 0};
        if (get() == nullptr || pellucid_error_text(get(), &text) != PELLUCID_OK) return state_->message;
        return std::string(view(text));
    }
    // PELLUCID_TRAP_NONE if it isn't a trap.
    pellucid_trap_t trap() const noexcept { return pellucid_error_trap(get()); }
    std::optional<std::uint32_t> exit_code() const noexcept {
        std::uint32_t code = 0;
        if (get() == nullptr || pellucid_error_exit_code(get(), &code) != PELLUCID_OK) return std::nullopt;
        return code;
    }
    struct Fault {
        std::uint64_t memory;
        std::uint64_t address;
    };
    std::optional<Fault> fault() const noexcept {
        Fault fault = {0, 0};
        if (get() == nullptr || pellucid_error_fault(get(), &fault.memory, &fault.address) != PELLUCID_OK) return std::nullopt;
        return fault;
    }
    // The guest's backtrace, innermost first: pellucid_backtrace_frame_t. Texts in it are good as long as the error.
    auto frames() const {
        const pellucid_error_t *error = get();
        return detail::Counted(error == nullptr ? 0 : pellucid_error_frame_count(error), [error](std::size_t index) {
            auto frame = detail::sized<pellucid_backtrace_frame_t>();
            pellucid_error_frame(error, index, &frame);
            return frame;
        });
    }
    // If it is an exception of the guest's: its tag, and what it carries.
    bool exception(pellucid_tag_t &out_tag, std::vector<pellucid_value_t> &out_values) const {
        out_values.clear();
        return get() != nullptr && detail::list(out_values, [&](pellucid_value_t *values, std::size_t cap, std::size_t *n) {
                                       return pellucid_error_exception(get(), &out_tag, values, cap, n);
                                   }) == PELLUCID_OK;
    }
    // What a callback has thrown, if that is why; else null.
    std::exception_ptr host_exception() const noexcept { return state_->thrown; }

    // NULL for failures of functions that have no error objects.
    const pellucid_error_t *get() const noexcept { return state_->error; }
    // The error of C, for a callback to give away. What has a copy has no more than the status and the message then.
    pellucid_error_t *give() const {
        if (state_->error != nullptr) return std::exchange(state_->error, nullptr);
        pellucid_error_t *error = nullptr;
        if (pellucid_error_new(state_->message.data(), state_->message.size(), &error) != PELLUCID_OK) return nullptr;
        return error;
    }
    bool is_shared() const noexcept { return state_.use_count() > 1; }

private:
    struct State {
        explicit State(pellucid_error_t *taken) noexcept : error(taken) {}
        State(const State &) = delete;
        State &operator=(const State &) = delete;
        ~State() { pellucid_error_delete(error); }

        pellucid_error_t *error;
        pellucid_status_t status = PELLUCID_OK;
        std::string message;
        std::exception_ptr thrown;
    };
    std::shared_ptr<State> state_;
};

// A T or the error why there is none.
template <class T>
class [[nodiscard]] Result {
public:
    using value_type = T;

    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }
    // Only if there is one; and error() only if there is none.
    T &operator*() &noexcept { return detail::in<0>(state_); }
    const T &operator*() const &noexcept { return detail::in<0>(state_); }
    T &&operator*() &&noexcept { return std::move(detail::in<0>(state_)); }
    T *operator->() noexcept { return &detail::in<0>(state_); }
    const T *operator->() const noexcept { return &detail::in<0>(state_); }
    const Error &error() const noexcept { return detail::in<1>(state_); }
    pellucid_status_t status() const noexcept { return has_value() ? PELLUCID_OK : error().status(); }

    // The value. Without one the error is thrown; where there are no exceptions the program ends with its message.
    T &value() & {
        check();
        return **this;
    }
    T &&value() && {
        check();
        return std::move(**this);
    }
    T value_or(T other) && { return has_value() ? std::move(**this) : std::move(other); }

private:
    void check() const;
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    using value_type = void;

    Result() noexcept = default;
    Result(Error error) : error_(std::move(error)) {}

    bool has_value() const noexcept { return !error_.has_value(); }
    explicit operator bool() const noexcept { return has_value(); }
    const Error &error() const noexcept { return *error_; }
    pellucid_status_t status() const noexcept { return has_value() ? PELLUCID_OK : error().status(); }
    void value() const;

private:
    std::optional<Error> error_;
};

namespace detail {

[[noreturn]] inline void raise(const Error &error) {
#if PELLUCID_CAN_THROW
    if (std::exception_ptr thrown = error.host_exception()) std::rethrow_exception(thrown);
    throw error;
#else
    std::fprintf(stderr, "%s\n", error.text().c_str());
    std::abort();
#endif
}

} // namespace detail

template <class T>
void Result<T>::check() const {
    if (!has_value()) detail::raise(error());
}

inline void Result<void>::value() const {
    if (!has_value()) detail::raise(error());
}

#if PELLUCID_EXCEPTIONS
template <class T>
using Fallible = T;
#else
template <class T>
using Fallible = Result<T>;
#endif

#if PELLUCID_CAN_THROW
#define PELLUCID_TRY try
#define PELLUCID_CATCH catch (...)
#else
#define PELLUCID_TRY if constexpr (true)
#define PELLUCID_CATCH else
#endif

namespace detail {

template <class T>
Fallible<T> fail(const Error &error) {
#if PELLUCID_EXCEPTIONS
    raise(error);
#else
    return error;
#endif
}

template <class T>
Fallible<T> fail(pellucid_status_t status, pellucid_error_t *error = nullptr, const pellucid_store_t *store = nullptr) {
    return fail<T>(Error(status, error, store == nullptr ? 0 : pellucid_store_id(store)));
}

// What a function of C answered, as this file's functions answer.
template <class Make>
Fallible<std::invoke_result_t<Make>> finish(pellucid_status_t status, pellucid_error_t *error, const pellucid_store_t *store, Make &&make) {
    using T = std::invoke_result_t<Make>;
    if (status != PELLUCID_OK) return fail<T>(status, error, store);
    if constexpr (std::is_void_v<T>) {
        make();
        return Fallible<void>();
    } else {
        return make();
    }
}

template <class Make>
Fallible<std::invoke_result_t<Make>> finish(pellucid_status_t status, Make &&make) {
    return finish(status, nullptr, nullptr, std::forward<Make>(make));
}

inline Fallible<void> done(pellucid_status_t status, pellucid_error_t *error = nullptr, const pellucid_store_t *store = nullptr) {
    if (status != PELLUCID_OK) return fail<void>(status, error, store);
    return Fallible<void>();
}

// Has `call` hand out bytes part by part to `write`, which is void or Result<void>(Bytes). What that throws comes out of this function.
template <class F, class Call>
Fallible<void> parts(F &write, Call &&call, const pellucid_store_t *store = nullptr) {
    struct Writing {
        F *write;
        std::optional<Error> error;
        std::exception_ptr thrown;
    } writing = {&write, std::nullopt, nullptr};
    pellucid_error_t *error = nullptr;
    pellucid_status_t status = call(
        &writing,
        [](void *userdata, const std::uint8_t *bytes, std::size_t n_bytes) noexcept -> pellucid_status_t {
            Writing &to = *static_cast<Writing *>(userdata);
            PELLUCID_TRY {
                if constexpr (std::is_void_v<decltype((*to.write)(Bytes()))>) {
                    (*to.write)(Bytes(bytes, n_bytes));
                } else {
                    auto answer = (*to.write)(Bytes(bytes, n_bytes));
                    if (!answer.has_value()) {
                        to.error = answer.error();
                        return PELLUCID_ERR_HOST;
                    }
                }
                return PELLUCID_OK;
            }
            PELLUCID_CATCH {
                to.thrown = std::current_exception();
                return PELLUCID_ERR_HOST;
            }
        },
        &error);
#if PELLUCID_CAN_THROW
    if (writing.thrown) {
        pellucid_error_delete(error);
        std::rethrow_exception(writing.thrown);
    }
#endif
    if (writing.error) {
        pellucid_error_delete(error);
        return fail<void>(*writing.error);
    }
    return done(status, error, store);
}

// As `finish`, where "not found" is an answer.
template <class Make>
Fallible<std::optional<std::invoke_result_t<Make>>> find(pellucid_status_t status, Make &&make) {
    using T = std::optional<std::invoke_result_t<Make>>;
    if (status == PELLUCID_OK) return T(make());
    if (status == PELLUCID_ERR_NOT_FOUND) return T();
    return fail<T>(status);
}

inline Fallible<std::optional<std::string_view>> find(pellucid_status_t status, const pellucid_str_t &text) {
    return find(status, [&] { return view(text); });
}

template <class T>
void delete_it(void *userdata) {
    delete static_cast<T *>(userdata);
}

// An error of C for what a callback is throwing, which is kept until the function that ran the guest fails.
inline pellucid_error_t *catch_it(const pellucid_store_t *store) noexcept {
#if PELLUCID_CAN_THROW
    pellucid_error_t *error = nullptr;
    try {
        std::string message = "a C++ exception";
        try {
            throw;
        } catch (const Error &thrown) {
            if (thrown.get() != nullptr && !thrown.host_exception() && !thrown.is_shared()) return thrown.give();
            message = thrown.what();
        } catch (const std::exception &thrown) {
            message = thrown.what();
        } catch (...) {
        }
        // Text that isn't UTF-8 is refused; and of several lines the library makes one.
        if (pellucid_error_new(message.data(), message.size(), &error) != PELLUCID_OK) {
            message = "a C++ exception";
            if (pellucid_error_new(message.data(), message.size(), &error) != PELLUCID_OK) return nullptr;
        }
        pellucid_str_t text = {nullptr, 0};
        pellucid_error_message(error, &text);
        common::Thrown::all().keep(pellucid_store_id(store), std::string(view(text)), std::current_exception());
    } catch (...) {
    }
    return error;
#else
    (void)store;
    return nullptr;
#endif
}

// A callback whose failure is a status and an error.
template <class Body>
pellucid_status_t guard(const pellucid_store_t *store, pellucid_error_t **out_error, Body &&body) noexcept {
    PELLUCID_TRY {
        if constexpr (std::is_void_v<std::invoke_result_t<Body>>) {
            body();
            return PELLUCID_OK;
        } else {
            auto answer = body();
            if (answer.has_value()) return PELLUCID_OK;
            *out_error = answer.error().give();
            return answer.status();
        }
    }
    PELLUCID_CATCH {
        *out_error = catch_it(store);
        return PELLUCID_ERR_HOST;
    }
}

} // namespace detail

// ==================================================================================================
// The library
// ==================================================================================================

inline std::string_view status_name(pellucid_status_t status) noexcept {
    pellucid_str_t name = {nullptr, 0};
    pellucid_status_name(status, &name);
    return view(name);
}

struct Version {
    std::uint32_t major;
    std::uint32_t minor;
    std::uint32_t patch;
};

inline Version version() noexcept {
    Version version = {0, 0, 0};
    pellucid_version(&version.major, &version.minor, &version.patch);
    return version;
}

inline std::string_view version_text() noexcept {
    pellucid_str_t text = {nullptr, 0};
    pellucid_version_text(&text);
    return view(text);
}

// Whether the library fits the header.
inline Fallible<void> abi_check() {
    return detail::done(pellucid_abi_check(PELLUCID_ABI_VERSION, sizeof(pellucid_value_t), sizeof(pellucid_frame_t)));
}

// The names of the library's features.
inline auto features() {
    return detail::Counted(pellucid_feature_count(), [](std::size_t index) {
        pellucid_str_t name = {nullptr, 0};
        pellucid_feature_name(index, &name);
        return view(name);
    });
}

// Gives the library's messages to a function: of a level, a target and a message.
template <class F>
Fallible<void> set_log(pellucid_log_level_t max_level, F callback) {
    auto *moved = new F(std::move(callback));
    return detail::done(pellucid_log_set(
        max_level, moved,
        [](void *userdata, pellucid_log_level_t level, const pellucid_str_t *target, const pellucid_str_t *message) noexcept {
            (*static_cast<F *>(userdata))(level, view(*target), view(*message));
        },
        detail::delete_it<F>));
}

inline Fallible<void> clear_log() { return detail::done(pellucid_log_clear()); }

inline Fallible<void> install_signal_handlers() {
    pellucid_error_t *error = nullptr;
    pellucid_status_t status = pellucid_signal_install(&error);
    return detail::done(status, error);
}

inline bool handle_signal(int signal, void *info, void *context) noexcept { return pellucid_signal_handle(signal, info, context); }

// ==================================================================================================
// Types and values
// ==================================================================================================

class StoreRef;
class Engine;

namespace detail {

// A handle of C with its store.
template <class C>
class Handle {
public:
    Handle() noexcept : handle_{0, 0} {}
    Handle(pellucid_store_t *store, const C &handle) noexcept : store_(store), handle_(handle) {}

    const C &get() const noexcept { return handle_; }
    pellucid_store_t *c_store() const noexcept { return store_; }
    StoreRef store() const noexcept;
    // Of references: the null reference.
    bool is_null() const noexcept { return handle_.store == 0 && handle_.index == 0; }
    friend bool operator==(const Handle &a, const Handle &b) noexcept {
        return a.handle_.store == b.handle_.store && a.handle_.index == b.handle_.index;
    }
    friend bool operator!=(const Handle &a, const Handle &b) noexcept { return !(a == b); }

protected:
    pellucid_store_t *store_ = nullptr;
    C handle_;
};

} // namespace detail

class Func;
class ExternRef;
class AnyRef;
class ExnRef;
using V128 = std::array<std::uint8_t, 16>;

namespace detail {

template <class T>
constexpr bool is_number = ((std::is_integral_v<T> || std::is_enum_v<T>)&&(sizeof(T) == 4 || sizeof(T) == 8))
                           || std::is_same_v<T, float> || std::is_same_v<T, double>;

// How a type of C++ is a type of guests. References convert by way of the store.
template <class T, class = void>
struct Wasm {
    static constexpr bool exists = false;
};

template <class T>
struct Wasm<T, std::enable_if_t<is_number<T>>> {
    static constexpr bool exists = true;
    static constexpr bool is_reference = false;
    static constexpr pellucid_kind_t kind = std::is_same_v<T, float>    ? PELLUCID_F32
                                            : std::is_same_v<T, double> ? PELLUCID_F64
                                            : sizeof(T) == 4            ? PELLUCID_I32
                                                                        : PELLUCID_I64;
    template <class Of>
    static void put(Of &of, T value) noexcept {
        if constexpr (std::is_same_v<T, float>)
            of.f32 = value;
        else if constexpr (std::is_same_v<T, double>)
            of.f64 = value;
        else if constexpr (sizeof(T) == 4)
            of.i32 = static_cast<std::int32_t>(value);
        else
            of.i64 = static_cast<std::int64_t>(value);
    }
    template <class Of>
    static T take(const Of &of) noexcept {
        if constexpr (std::is_same_v<T, float>)
            return of.f32;
        else if constexpr (std::is_same_v<T, double>)
            return of.f64;
        else if constexpr (sizeof(T) == 4)
            return static_cast<T>(of.i32);
        else
            return static_cast<T>(of.i64);
    }
};

template <>
struct Wasm<V128> {
    static constexpr bool exists = true;
    static constexpr bool is_reference = false;
    static constexpr pellucid_kind_t kind = PELLUCID_V128;
    template <class Of>
    static void put(Of &of, const V128 &value) noexcept {
        std::memcpy(of.v128, value.data(), 16);
    }
    template <class Of>
    static V128 take(const Of &of) noexcept {
        V128 value;
        std::memcpy(value.data(), of.v128, 16);
        return value;
    }
};

#define PELLUCID_REFERENCE(type, kind_, member)                                          \
    template <>                                                                          \
    struct Wasm<type> {                                                                  \
        static constexpr bool exists = true;                                             \
        static constexpr bool is_reference = true;                                       \
        static constexpr pellucid_kind_t kind = kind_;                                   \
        template <class T>                                                               \
        static void put(pellucid_value_of_t &of, const T &value) noexcept {              \
            of.member = value.get();                                                     \
        }                                                                                \
        template <class T = type>                                                        \
        static T take(pellucid_store_t *store, const pellucid_value_of_t &of) noexcept { \
            return T(store, of.member);                                                  \
        }                                                                                \
    };
PELLUCID_REFERENCE(Func, PELLUCID_FUNCREF, funcref)
PELLUCID_REFERENCE(ExternRef, PELLUCID_EXTERNREF, externref)
PELLUCID_REFERENCE(AnyRef, PELLUCID_ANYREF, anyref)
PELLUCID_REFERENCE(ExnRef, PELLUCID_EXNREF, exnref)
#undef PELLUCID_REFERENCE

// Arguments and results in their raw form.
template <class T>
pellucid_status_t to_raw(pellucid_store_t *store, const T &value, pellucid_raw_t &raw) noexcept {
    static_assert(Wasm<T>::exists, "numbers of 4 and 8 bytes, V128, Func, ExternRef, AnyRef and ExnRef are what guests take");
    if constexpr (Wasm<T>::is_reference) {
        pellucid_value_t tagged;
        std::memset(&tagged, 0, sizeof tagged);
        tagged.kind = Wasm<T>::kind;
        Wasm<T>::put(tagged.of, value);
        return pellucid_value_to_raw(store, &tagged, &raw);
    } else {
        (void)store;
        Wasm<T>::put(raw, value);
        return PELLUCID_OK;
    }
}

template <class T>
T from_raw(pellucid_store_t *store, const pellucid_raw_t &raw) noexcept {
    static_assert(Wasm<T>::exists, "numbers of 4 and 8 bytes, V128, Func, ExternRef, AnyRef and ExnRef are what guests give");
    if constexpr (Wasm<T>::is_reference) {
        pellucid_value_t tagged;
        std::memset(&tagged, 0, sizeof tagged);
        pellucid_value_from_raw(store, Wasm<T>::kind, &raw, &tagged);
        return Wasm<T>::take(store, tagged.of);
    } else {
        (void)store;
        return Wasm<T>::take(raw);
    }
}

// Several results are a tuple or a pair.
template <class R>
struct Results {
    static constexpr std::size_t size = 1;
    static void kinds(pellucid_kind_t *out) noexcept { out[0] = Wasm<R>::kind; }
    static pellucid_status_t put(pellucid_store_t *store, const R &value, pellucid_raw_t *raw) noexcept {
        return to_raw(store, value, raw[0]);
    }
    static R take(pellucid_store_t *store, const pellucid_raw_t *raw) noexcept { return from_raw<R>(store, raw[0]); }
};

template <>
struct Results<void> {
    static constexpr std::size_t size = 0;
    static void kinds(pellucid_kind_t *) noexcept {}
    static void take(pellucid_store_t *, const pellucid_raw_t *) noexcept {}
};

template <class Tuple, class... T>
struct ResultTuple {
    static constexpr std::size_t size = sizeof...(T);
    static void kinds(pellucid_kind_t *out) noexcept { ((*out++ = Wasm<T>::kind), ...); }
    static pellucid_status_t put(pellucid_store_t *store, const Tuple &values, pellucid_raw_t *raw) noexcept {
        return std::apply(
            [&](const T &...value) {
                pellucid_status_t status = PELLUCID_OK;
                ((status = status == PELLUCID_OK ? to_raw(store, value, *raw++) : status), ...);
                return status;
            },
            values);
    }
    static Tuple take(pellucid_store_t *store, const pellucid_raw_t *raw) noexcept {
        return take(store, raw, std::index_sequence_for<T...>());
    }

private:
    template <std::size_t... I>
    static Tuple take(pellucid_store_t *store, const pellucid_raw_t *raw, std::index_sequence<I...>) noexcept {
        return Tuple(from_raw<T>(store, raw[I])...);
    }
};

template <class... T>
struct Results<std::tuple<T...>> : ResultTuple<std::tuple<T...>, T...> {};
template <class A, class B>
struct Results<std::pair<A, B>> : ResultTuple<std::pair<A, B>, A, B> {};

} // namespace detail

// A value with its kind: pellucid_value_t that is made from what C++ has.
struct Value : pellucid_value_t {
    Value() noexcept { std::memset(static_cast<pellucid_value_t *>(this), 0, sizeof(pellucid_value_t)); }
    Value(const pellucid_value_t &value) noexcept : pellucid_value_t(value) {}
    template <class T, class = std::enable_if_t<detail::Wasm<T>::exists>>
    Value(const T &value) noexcept : Value() {
        kind = detail::Wasm<T>::kind;
        detail::Wasm<T>::put(of, value);
    }
    static Value null(pellucid_kind_t of_kind) noexcept {
        Value value;
        value.kind = of_kind;
        return value;
    }

    // The number that it is; nothing if it is of another kind.
    template <class T>
    std::optional<T> as() const noexcept {
        static_assert(detail::Wasm<T>::exists && !detail::Wasm<T>::is_reference, "references are of a store: as<T>(store)");
        if (kind != detail::Wasm<T>::kind) return std::nullopt;
        return detail::Wasm<T>::take(of);
    }
    template <class T>
    std::optional<T> as(const StoreRef &store) const noexcept;
    bool is_null() const noexcept { return pellucid_value_is_null(this); }
    friend bool operator==(const Value &a, const Value &b) noexcept { return pellucid_value_is_same(&a, &b); }
    friend bool operator!=(const Value &a, const Value &b) noexcept { return !(a == b); }
};

// Arrays of one are arrays of the other.
static_assert(sizeof(Value) == sizeof(pellucid_value_t) && alignof(Value) == alignof(pellucid_value_t));

using Values = Span<const Value>;

class FuncType : public detail::Owner<pellucid_functype_t, pellucid_functype_delete> {
public:
    using Owner::Owner;

    static Fallible<FuncType> create(Span<const pellucid_kind_t> params, Span<const pellucid_kind_t> results) {
        pellucid_functype_t *type = nullptr;
        pellucid_status_t status = pellucid_functype_new(params.data(), params.size(), results.data(), results.size(), &type);
        return detail::finish(status, [&] { return FuncType(type); });
    }
    // FuncType::of<std::int32_t(float)>()
    template <class Signature>
    static Fallible<FuncType> of() {
        return make(static_cast<Signature *>(nullptr));
    }
    Span<const pellucid_kind_t> params() const noexcept {
        const pellucid_kind_t *kinds = nullptr;
        std::size_t n = 0;
        pellucid_functype_params(get(), &kinds, &n);
        return Span<const pellucid_kind_t>(kinds, n);
    }
    Span<const pellucid_kind_t> results() const noexcept {
        const pellucid_kind_t *kinds = nullptr;
        std::size_t n = 0;
        pellucid_functype_results(get(), &kinds, &n);
        return Span<const pellucid_kind_t>(kinds, n);
    }
    template <class Signature>
    bool is() const noexcept {
        return is(static_cast<Signature *>(nullptr));
    }

private:
    template <class R, class... A>
    struct Kinds {
        std::array<pellucid_kind_t, sizeof...(A) + 1> params = {detail::Wasm<A>::kind..., 0};
        std::array<pellucid_kind_t, detail::Results<R>::size + 1> results = {};
        Kinds() noexcept { detail::Results<R>::kinds(results.data()); }
    };
    template <class R, class... A>
    static Fallible<FuncType> make(R (*)(A...)) {
        Kinds<R, A...> kinds;
        return create({kinds.params.data(), sizeof...(A)}, {kinds.results.data(), detail::Results<R>::size});
    }
    template <class R, class... A>
    bool is(R (*)(A...)) const noexcept {
        Kinds<R, A...> kinds;
        Span<const pellucid_kind_t> has_params = params(), has_results = results();
        return has_params.size() == sizeof...(A) && has_results.size() == detail::Results<R>::size
               && std::equal(has_params.begin(), has_params.end(), kinds.params.begin())
               && std::equal(has_results.begin(), has_results.end(), kinds.results.begin());
    }
};

class ExternType : public detail::Owner<pellucid_externtype_t, pellucid_externtype_delete> {
public:
    using Owner::Owner;

    pellucid_extern_kind_t kind() const noexcept { return pellucid_externtype_kind(get()); }
    // Nothing if it is of another kind; the same for the others.
    std::optional<FuncType> func() const noexcept { return type(pellucid_externtype_func); }
    std::optional<FuncType> tag() const noexcept { return type(pellucid_externtype_tag); }
    std::optional<pellucid_tabletype_t> table() const noexcept { return plain<pellucid_tabletype_t>(pellucid_externtype_table); }
    std::optional<pellucid_memorytype_t> memory() const noexcept { return plain<pellucid_memorytype_t>(pellucid_externtype_memory); }
    std::optional<pellucid_globaltype_t> global() const noexcept { return plain<pellucid_globaltype_t>(pellucid_externtype_global); }

private:
    std::optional<FuncType> type(pellucid_status_t (*ask)(const pellucid_externtype_t *, pellucid_functype_t **)) const noexcept {
        pellucid_functype_t *type = nullptr;
        if (ask(get(), &type) != PELLUCID_OK) return std::nullopt;
        return FuncType(type);
    }
    template <class T>
    std::optional<T> plain(pellucid_status_t (*ask)(const pellucid_externtype_t *, T *)) const noexcept {
        T type;
        if (ask(get(), &type) != PELLUCID_OK) return std::nullopt;
        return type;
    }
};

inline pellucid_memorytype_t memory_type(std::uint64_t minimum, std::optional<std::uint64_t> maximum = std::nullopt) noexcept {
    return {minimum, maximum.value_or(0), maximum.has_value(), 0, 0, PELLUCID_PAGES_OF_64_KIB};
}

inline pellucid_tabletype_t table_type(pellucid_kind_t element, std::uint64_t minimum,
                                       std::optional<std::uint64_t> maximum = std::nullopt) noexcept {
    return {minimum, maximum.value_or(0), maximum.has_value(), element, 0, 0};
}

// ==================================================================================================
// Engines and modules
// ==================================================================================================

// Options of engines. Setters may be chained; what one of them refuses Engine::create says.
class Config : public detail::Owner<pellucid_config_t, pellucid_config_delete> {
public:
    Config() noexcept : Owner(make()) {}
    explicit Config(pellucid_config_t *config) noexcept : Owner(config) {}

    Config &debug(bool is_on = true) { return set(pellucid_config_set_debug(get(), is_on)); }
    Config &exact(bool is_on = true) { return set(pellucid_config_set_exact(get(), is_on)); }
    Config &relaxed_simd_deterministic(bool is_on = true) { return set(pellucid_config_set_relaxed_simd_deterministic(get(), is_on)); }
    Config &signal_handlers(bool is_on) { return set(pellucid_config_set_signal_handlers(get(), is_on)); }
    Config &interrupt_checks(bool is_on = true) { return set(pellucid_config_set_interrupt_checks(get(), is_on)); }
    Config &inlining(bool is_on) { return set(pellucid_config_set_inlining(get(), is_on)); }
    // A folder that nobody else can write to.
    Config &cache(std::string_view path, std::uint64_t max_bytes) {
        return set(pellucid_config_set_cache(get(), path.data(), path.size(), max_bytes));
    }
    Config &fuel(bool is_on = true) { return set(pellucid_config_set_fuel(get(), is_on)); }
    Config &interrupt_signal(int signal) { return set(pellucid_config_set_interrupt_signal(get(), signal)); }
    Config &opt_level(pellucid_opt_level_t level) { return set(pellucid_config_set_opt_level(get(), level)); }
    Config &compile_memory(std::uint64_t n_bytes) { return set(pellucid_config_set_compile_memory(get(), n_bytes)); }
    Config &compile_values(std::uint64_t n_values) { return set(pellucid_config_set_compile_values(get(), n_values)); }
    Config &memory_reservation(std::uint64_t n_bytes) { return set(pellucid_config_set_memory_reservation(get(), n_bytes)); }
    Config &compile_threads(std::size_t n_threads) { return set(pellucid_config_set_compile_threads(get(), n_threads)); }
    Config &verifier(bool is_on = true) { return set(pellucid_config_set_verifier(get(), is_on)); }
    Config &poison_stacks(bool is_on = true) { return set(pellucid_config_set_poison_stacks(get(), is_on)); }
    Config &stress_heap(bool is_on = true) { return set(pellucid_config_set_stress_heap(get(), is_on)); }
    Config &limit(pellucid_limit_t limit, std::uint64_t value) { return set(pellucid_config_set_limit(get(), limit, value)); }

    pellucid_status_t status() const noexcept { return status_; }

private:
    static pellucid_config_t *make() noexcept {
        pellucid_config_t *config = nullptr;
        pellucid_config_new(&config);
        return config;
    }
    Config &set(pellucid_status_t status) noexcept {
        if (status_ == PELLUCID_OK) status_ = status;
        return *this;
    }
    pellucid_status_t status_ = PELLUCID_OK;
};

struct Import {
    std::string_view module;
    std::string_view name;
    pellucid_extern_kind_t kind;
    ExternType type;
};

struct Export {
    std::string_view name;
    pellucid_extern_kind_t kind;
    ExternType type;
};

struct Section {
    std::string_view name;
    Bytes bytes;
};

// Texts and bytes that it gives are good as long as the module, or a copy of it.
class Module : public detail::Owner<pellucid_module_t, pellucid_module_delete> {
public:
    using Owner::Owner;

    Fallible<Module> clone() const {
        pellucid_module_t *module = nullptr;
        pellucid_status_t status = pellucid_module_clone(get(), &module);
        return detail::finish(status, [&] { return Module(module); });
    }
    // Hands out the module as bytes, part by part: void or Result<void>(Bytes). What it throws comes out of this function.
    template <class F>
    Fallible<void> serialize(F &&write) const {
        return detail::parts(write, [&](void *userdata, pellucid_serialize_cb_t cb, pellucid_error_t **error) {
            return pellucid_module_serialize(get(), userdata, cb, error);
        });
    }
    Fallible<void> serialize_file(std::string_view path) const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_module_serialize_file(get(), path.data(), path.size(), &error);
        return detail::done(status, error);
    }
    std::uint64_t id() const noexcept { return pellucid_module_id(get()); }
    Fallible<std::optional<std::string_view>> name() const {
        return text([&](pellucid_str_t *name) { return pellucid_module_name(get(), name); });
    }
    auto imports() const {
        const pellucid_module_t *module = get();
        return detail::Counted(pellucid_module_import_count(module), [module](std::size_t index) {
            pellucid_str_t module_name = {nullptr, 0}, name = {nullptr, 0};
            pellucid_extern_kind_t kind = 0;
            pellucid_externtype_t *type = nullptr;
            pellucid_module_import(module, index, &module_name, &name, &kind, &type);
            return Import{view(module_name), view(name), kind, ExternType(type)};
        });
    }
    auto exports() const {
        const pellucid_module_t *module = get();
        return detail::Counted(pellucid_module_export_count(module), [module](std::size_t index) {
            pellucid_str_t name = {nullptr, 0};
            pellucid_extern_kind_t kind = 0;
            pellucid_externtype_t *type = nullptr;
            pellucid_module_export(module, index, &name, &kind, &type);
            return Export{view(name), kind, ExternType(type)};
        });
    }
    auto sections() const {
        const pellucid_module_t *module = get();
        return detail::Counted(pellucid_module_section_count(module), [module](std::size_t index) {
            pellucid_str_t name = {nullptr, 0};
            pellucid_bytes_t bytes = {nullptr, 0};
            pellucid_module_section_at(module, index, &name, &bytes);
            return Section{view(name), view(bytes)};
        });
    }
    Fallible<std::optional<Bytes>> section(std::string_view name) const {
        pellucid_bytes_t bytes = {nullptr, 0};
        pellucid_status_t status = pellucid_module_section(get(), name.data(), name.size(), &bytes);
        return detail::find(status, [&] { return view(bytes); });
    }
    std::uint32_t func_count() const noexcept { return pellucid_module_func_count(get()); }
    Fallible<std::optional<std::string_view>> func_name(std::uint32_t func_index) const {
        return text([&](pellucid_str_t *name) { return pellucid_module_func_name(get(), func_index, name); });
    }
    Fallible<FuncType> func_type(std::uint32_t func_index) const {
        pellucid_functype_t *type = nullptr;
        pellucid_status_t status = pellucid_module_func_type(get(), func_index, &type);
        return detail::finish(status, [&] { return FuncType(type); });
    }
    struct Range {
        std::uint32_t start;
        std::uint32_t first_pc;
        std::uint32_t end;
    };
    Fallible<Range> func_range(std::uint32_t func_index) const {
        Range range = {0, 0, 0};
        pellucid_status_t status = pellucid_module_func_range(get(), func_index, &range.start, &range.first_pc, &range.end);
        return detail::finish(status, [&] { return range; });
    }
    struct Place {
        std::uint32_t func_index;
        std::uint32_t offset;
    };
    Fallible<std::optional<Place>> func_at(std::uint32_t pc) const {
        Place place = {0, 0};
        pellucid_status_t status = pellucid_module_func_at(get(), pc, &place.func_index, &place.offset);
        return detail::find(status, [&] { return place; });
    }
    struct CodeSize {
        std::size_t code;
        std::size_t tables;
    };
    Fallible<CodeSize> code_size() const {
        CodeSize size = {0, 0};
        pellucid_status_t status = pellucid_module_code_size(get(), &size.code, &size.tables);
        return detail::finish(status, [&] { return size; });
    }
    Fallible<std::optional<std::string_view>> local_name(std::uint32_t func_index, std::uint32_t local_index) const {
        return text([&](pellucid_str_t *name) { return pellucid_module_local_name(get(), func_index, local_index, name); });
    }
    Fallible<std::optional<std::string_view>> entity_name(pellucid_space_t space, std::uint32_t index) const {
        return text([&](pellucid_str_t *name) { return pellucid_module_entity_name(get(), space, index, name); });
    }
    Fallible<std::optional<std::string_view>> field_name(std::uint32_t type_index, std::uint32_t field) const {
        return text([&](pellucid_str_t *name) { return pellucid_module_field_name(get(), type_index, field, name); });
    }
    std::size_t type_count() const noexcept { return pellucid_module_type_count(get()); }
    Fallible<pellucid_type_id_t> type(std::size_t index) const {
        pellucid_type_id_t type = 0;
        pellucid_status_t status = pellucid_module_type(get(), index, &type);
        return detail::finish(status, [&] { return type; });
    }
    Fallible<std::optional<std::uint32_t>> type_index(pellucid_type_id_t type) const {
        std::uint32_t index = 0;
        pellucid_status_t status = pellucid_module_type_index(get(), type, &index);
        return detail::find(status, [&] { return index; });
    }

private:
    template <class Ask>
    static Fallible<std::optional<std::string_view>> text(Ask &&ask) {
        pellucid_str_t text = {nullptr, 0};
        pellucid_status_t status = ask(&text);
        return detail::find(status, text);
    }
};

class SharedMemory : public detail::Owner<pellucid_shared_memory_t, pellucid_shared_memory_delete> {
public:
    using Owner::Owner;

    Fallible<SharedMemory> clone() const {
        pellucid_shared_memory_t *shared = nullptr;
        pellucid_status_t status = pellucid_shared_memory_clone(get(), &shared);
        return detail::finish(status, [&] { return SharedMemory(shared); });
    }
    Fallible<pellucid_memorytype_t> type() const {
        pellucid_memorytype_t type;
        pellucid_status_t status = pellucid_shared_memory_type(get(), &type);
        return detail::finish(status, [&] { return type; });
    }
    // What several threads may be changing.
    Fallible<Span<std::uint8_t>> data() const {
        std::uint8_t *data = nullptr;
        std::size_t size = 0;
        pellucid_status_t status = pellucid_shared_memory_data(get(), &data, &size);
        return detail::finish(status, [&] { return Span<std::uint8_t>(data, size); });
    }
    // In pages.
    Fallible<std::uint64_t> size() const {
        std::uint64_t pages = 0;
        pellucid_status_t status = pellucid_shared_memory_size(get(), &pages);
        return detail::finish(status, [&] { return pages; });
    }
    // The size before.
    Fallible<std::uint64_t> grow(std::uint64_t n_pages) const {
        std::uint64_t before = 0;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_shared_memory_grow(get(), n_pages, &before, &error);
        return detail::finish(status, error, nullptr, [&] { return before; });
    }
    Fallible<void> set_limit(std::uint64_t n_bytes) const { return detail::done(pellucid_shared_memory_set_limit(get(), n_bytes)); }
    Fallible<std::uint64_t> limit() const {
        std::uint64_t n_bytes = 0;
        pellucid_status_t status = pellucid_shared_memory_limit(get(), &n_bytes);
        return detail::finish(status, [&] { return n_bytes; });
    }
    Fallible<void> read(std::uint64_t offset, Span<std::uint8_t> out) const {
        return detail::done(pellucid_shared_memory_read(get(), offset, out.data(), out.size()));
    }
    Fallible<void> write(std::uint64_t offset, Bytes bytes) const {
        return detail::done(pellucid_shared_memory_write(get(), offset, bytes.data(), bytes.size()));
    }
    // How many were waiting.
    Fallible<std::uint32_t> notify(std::uint64_t address, std::uint32_t most) const {
        std::uint32_t n = 0;
        pellucid_status_t status = pellucid_shared_memory_notify(get(), address, most, &n);
        return detail::finish(status, [&] { return n; });
    }
    Fallible<void> allow_waits(bool are_allowed) const { return detail::done(pellucid_shared_memory_allow_waits(get(), are_allowed)); }
    Fallible<std::size_t> waiter_count() const {
        std::size_t n = 0;
        pellucid_status_t status = pellucid_shared_memory_waiter_count(get(), &n);
        return detail::finish(status, [&] { return n; });
    }
};

class Store;
class Linker;

class Engine : public detail::Owner<pellucid_engine_t, pellucid_engine_delete> {
public:
    using Owner::Owner;

    static Fallible<Engine> create() { return make(nullptr); }
    static Fallible<Engine> create(const Config &config) {
        if (config.status() != PELLUCID_OK) return detail::fail<Engine>(config.status());
        return make(config.get());
    }
    Fallible<Engine> clone() const {
        pellucid_engine_t *engine = nullptr;
        pellucid_status_t status = pellucid_engine_clone(get(), &engine);
        return detail::finish(status, [&] { return Engine(engine); });
    }
    bool is_debug() const noexcept { return pellucid_engine_is_debug(get()); }
    Fallible<void> increment_epoch() const { return detail::done(pellucid_engine_increment_epoch(get())); }

    Fallible<Module> compile(Bytes wasm) const {
        pellucid_module_t *module = nullptr;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_module_new(get(), wasm.data(), wasm.size(), &module, &error);
        return detail::finish(status, error, nullptr, [&] { return Module(module); });
    }
    // Only what you have serialized, or whom you trust: it is machine code. See pellucid_module_deserialize.
    Fallible<Module> deserialize(Bytes bytes) const {
        pellucid_module_t *module = nullptr;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_module_deserialize(get(), bytes.data(), bytes.size(), &module, &error);
        return detail::finish(status, error, nullptr, [&] { return Module(module); });
    }
    Fallible<Module> deserialize_file(std::string_view path) const {
        pellucid_module_t *module = nullptr;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_module_deserialize_file(get(), path.data(), path.size(), &module, &error);
        return detail::finish(status, error, nullptr, [&] { return Module(module); });
    }
    Fallible<Module> compile(std::string_view name, Bytes wasm) const {
        pellucid_module_t *module = nullptr;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_module_new_named(get(), name.data(), name.size(), wasm.data(), wasm.size(), &module, &error);
        return detail::finish(status, error, nullptr, [&] { return Module(module); });
    }
    Fallible<Module> compile_text(std::string_view wat) const {
        pellucid_module_t *module = nullptr;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_module_new_text(get(), wat.data(), wat.size(), &module, &error);
        return detail::finish(status, error, nullptr, [&] { return Module(module); });
    }
    Fallible<void> validate(Bytes wasm) const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_module_validate(get(), wasm.data(), wasm.size(), &error);
        return detail::done(status, error);
    }
    Fallible<Store> create_store() const;
    // With something that lives as long as the store: StoreRef::data.
    template <class T>
    Fallible<Store> create_store(T data) const;
    Fallible<Linker> create_linker() const;
    Fallible<SharedMemory> create_shared_memory(const pellucid_memorytype_t &type) const {
        pellucid_shared_memory_t *shared = nullptr;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_shared_memory_new(get(), &type, &shared, &error);
        return detail::finish(status, error, nullptr, [&] { return SharedMemory(shared); });
    }

    // The id of the first.
    Fallible<pellucid_type_id_t> define_types(Span<const pellucid_deftype_t> types) const {
        pellucid_type_id_t first = 0;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_engine_define_types(get(), types.data(), types.size(), &first, &error);
        return detail::finish(status, error, nullptr, [&] { return first; });
    }
    struct TypeKind {
        pellucid_type_kind_t kind;
        std::size_t n_fields;
    };
    Fallible<TypeKind> type_kind(pellucid_type_id_t type) const {
        TypeKind kind = {0, 0};
        pellucid_status_t status = pellucid_type_kind(get(), type, &kind.kind, &kind.n_fields);
        return detail::finish(status, [&] { return kind; });
    }
    Fallible<pellucid_fieldtype_t> type_field(pellucid_type_id_t type, std::size_t index) const {
        pellucid_fieldtype_t field;
        pellucid_status_t status = pellucid_type_field(get(), type, index, &field);
        return detail::finish(status, [&] { return field; });
    }
    Fallible<pellucid_fielddef_t> type_fielddef(pellucid_type_id_t type, std::size_t index) const {
        pellucid_fielddef_t field;
        pellucid_status_t status = pellucid_type_fielddef(get(), type, index, &field);
        return detail::finish(status, [&] { return field; });
    }
    Fallible<std::optional<pellucid_type_id_t>> type_supertype(pellucid_type_id_t type) const {
        pellucid_type_id_t super = 0;
        pellucid_status_t status = pellucid_type_supertype(get(), type, &super);
        return detail::find(status, [&] { return super; });
    }
    Fallible<FuncType> type_functype(pellucid_type_id_t type) const {
        pellucid_functype_t *functype = nullptr;
        pellucid_status_t status = pellucid_type_functype(get(), type, &functype);
        return detail::finish(status, [&] { return FuncType(functype); });
    }
    Fallible<bool> type_is_final(pellucid_type_id_t type) const {
        bool is = false;
        pellucid_status_t status = pellucid_type_is_final(get(), type, &is);
        return detail::finish(status, [&] { return is; });
    }

private:
    static Fallible<Engine> make(const pellucid_config_t *config) {
        pellucid_engine_t *engine = nullptr;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_engine_new(config, &engine, &error);
        return detail::finish(status, error, nullptr, [&] { return Engine(engine); });
    }
};

// ==================================================================================================
// References
// ==================================================================================================

class Tag : public detail::Handle<pellucid_tag_t> {
public:
    using Handle::Handle;

    Fallible<FuncType> type() const {
        pellucid_functype_t *type = nullptr;
        pellucid_status_t status = pellucid_tag_type(store_, &get(), &type);
        return detail::finish(status, [&] { return FuncType(type); });
    }
};

// A tag, and what is thrown with it.
struct Exception {
    Tag tag;
    std::vector<Value> values;
};

// A reference to a value of the host's.
class ExternRef : public detail::Handle<pellucid_externref_t> {
public:
    using Handle::Handle;

    // What StoreRef::externref was given; the type must be the same.
    template <class T>
    Fallible<T *> data() const {
        void *userdata = nullptr;
        pellucid_status_t status = pellucid_externref_userdata(store_, &get(), &userdata);
        return detail::finish(status, [&] { return static_cast<T *>(userdata); });
    }
    Fallible<AnyRef> to_anyref() const;
};

class ExnRef : public detail::Handle<pellucid_exnref_t> {
public:
    using Handle::Handle;

    Fallible<Exception> exception() const {
        pellucid_tag_t tag = {0, 0};
        std::vector<Value> values;
        pellucid_status_t status = detail::list(values, [&](Value *out, std::size_t cap, std::size_t *n) {
            return pellucid_exnref_exception(store_, &get(), &tag, out, cap, n);
        });
        return detail::finish(status, [&] { return Exception{Tag(store_, tag), std::move(values)}; });
    }
};

// A reference to a structure, an array, an integer of 31 bits or a value of the host's.
class AnyRef : public detail::Handle<pellucid_anyref_t> {
public:
    using Handle::Handle;

    static Fallible<AnyRef> from_i31(std::int32_t value) {
        pellucid_anyref_t anyref = {0, 0};
        pellucid_status_t status = pellucid_anyref_from_i31(value, &anyref);
        return detail::finish(status, [&] { return AnyRef(nullptr, anyref); });
    }
    Fallible<pellucid_anyref_kind_t> kind() const {
        pellucid_anyref_kind_t kind = 0;
        pellucid_status_t status = pellucid_anyref_kind(&get(), &kind);
        return detail::finish(status, [&] { return kind; });
    }
    Fallible<std::int32_t> i31() const {
        std::int32_t value = 0;
        pellucid_status_t status = pellucid_anyref_i31(&get(), &value);
        return detail::finish(status, [&] { return value; });
    }
    Fallible<ExternRef> to_externref() const {
        pellucid_externref_t externref = {0, 0};
        pellucid_status_t status = pellucid_anyref_to_externref(store_, &get(), &externref);
        return detail::finish(status, [&] { return ExternRef(store_, externref); });
    }

    // Of structures and arrays.
    struct ObjectType {
        pellucid_type_id_t type;
        // The number of fields or elements.
        std::uint32_t length;
    };
    Fallible<ObjectType> type() const {
        ObjectType type = {0, 0};
        pellucid_status_t status = pellucid_object_type(store_, &get(), &type.type, &type.length);
        return detail::finish(status, [&] { return type; });
    }
    Fallible<bool> is(pellucid_type_id_t type) const {
        bool is = false;
        pellucid_status_t status = pellucid_object_is(store_, &get(), type, &is);
        return detail::finish(status, [&] { return is; });
    }
    Fallible<Value> field(std::uint32_t index) const {
        Value value;
        pellucid_status_t status = pellucid_object_get(store_, &get(), index, &value, 1);
        return detail::finish(status, [&] { return value; });
    }
    Fallible<void> read(std::uint32_t first, Span<Value> out) const {
        return detail::done(pellucid_object_get(store_, &get(), first, out.data(), out.size()));
    }
    Fallible<void> set_field(std::uint32_t index, const Value &value) const {
        return detail::done(pellucid_object_set(store_, &get(), index, &value));
    }
    // Of arrays of numbers.
    Fallible<void> read_bytes(std::uint64_t offset, Span<std::uint8_t> out) const {
        return detail::done(pellucid_array_read(store_, &get(), offset, out.data(), out.size()));
    }
    Fallible<void> write_bytes(std::uint64_t offset, Bytes bytes) const {
        return detail::done(pellucid_array_write(store_, &get(), offset, bytes.data(), bytes.size()));
    }
    // See Kept, which does both.
    Fallible<void> keep() const { return detail::done(pellucid_object_keep(store_, &get())); }
    Fallible<void> release() const { return detail::done(pellucid_object_release(store_, &get())); }
    // Who has a reference to it.
    Fallible<std::vector<Value>> referrers() const {
        std::vector<Value> values;
        pellucid_status_t status = detail::list(
            values, [&](Value *out, std::size_t cap, std::size_t *n) { return pellucid_object_referrers(store_, &get(), out, cap, n); });
        return detail::finish(status, [&] { return std::move(values); });
    }
};

inline Fallible<AnyRef> ExternRef::to_anyref() const {
    pellucid_anyref_t anyref = {0, 0};
    pellucid_status_t status = pellucid_anyref_from_externref(store_, &get(), &anyref);
    return detail::finish(status, [&] { return AnyRef(store_, anyref); });
}

// A reference that doesn't keep its object. It is deleted with remove(), or goes with the store.
class Weak : public detail::Handle<pellucid_weak_t> {
public:
    using Handle::Handle;

    // Nothing if the object is gone.
    Fallible<std::optional<AnyRef>> lock() const {
        pellucid_anyref_t anyref = {0, 0};
        pellucid_status_t status = pellucid_weak_get(store_, &get(), &anyref);
        return detail::finish(status, [&] {
            AnyRef object(store_, anyref);
            return object.is_null() ? std::nullopt : std::optional<AnyRef>(object);
        });
    }
    Fallible<void> remove() const { return detail::done(pellucid_weak_delete(store_, &get())); }
};

// Keeps what a value refers to as long as this lives. It must not outlive the store.
class Kept {
public:
    static Fallible<Kept> create(const StoreRef &store, const Value &value);
    Kept(Kept &&other) noexcept : store_(std::exchange(other.store_, nullptr)), value_(other.value_) {}
    Kept &operator=(Kept &&other) noexcept {
        std::swap(store_, other.store_);
        std::swap(value_, other.value_);
        return *this;
    }
    ~Kept() {
        if (store_ != nullptr) pellucid_value_release(store_, &value_);
    }
    const Value &value() const noexcept { return value_; }

private:
    Kept(pellucid_store_t *store, const Value &value) noexcept : store_(store), value_(value) {}
    pellucid_store_t *store_;
    Value value_;
};

// References that are made while this lives are kept until it goes, and no longer.
class Scope {
public:
    Scope(pellucid_store_t *store, std::uint64_t scope) noexcept : store_(store), scope_(scope) {}
    Scope(Scope &&other) noexcept : store_(std::exchange(other.store_, nullptr)), scope_(other.scope_) {}
    Scope &operator=(Scope &&other) noexcept {
        std::swap(store_, other.store_);
        std::swap(scope_, other.scope_);
        return *this;
    }
    ~Scope() { close(); }
    void close() noexcept {
        if (store_ != nullptr) pellucid_scope_close(std::exchange(store_, nullptr), scope_);
    }
    std::uint64_t get() const noexcept { return scope_; }

private:
    pellucid_store_t *store_;
    std::uint64_t scope_;
};

// ==================================================================================================
// Memories, tables, globals
// ==================================================================================================

class Memory : public detail::Handle<pellucid_memory_t> {
public:
    using Handle::Handle;

    Fallible<pellucid_memorytype_t> type() const {
        pellucid_memorytype_t type;
        pellucid_status_t status = pellucid_memory_type(store_, &get(), &type);
        return detail::finish(status, [&] { return type; });
    }
    // Good until the memory grows or a guest runs.
    Fallible<Span<std::uint8_t>> data() const {
        std::uint8_t *data = nullptr;
        std::size_t size = 0;
        pellucid_status_t status = pellucid_memory_data(store_, &get(), &data, &size);
        return detail::finish(status, [&] { return Span<std::uint8_t>(data, size); });
    }
    // In pages.
    Fallible<std::uint64_t> size() const {
        std::uint64_t pages = 0;
        pellucid_status_t status = pellucid_memory_size(store_, &get(), &pages);
        return detail::finish(status, [&] { return pages; });
    }
    // The size before.
    Fallible<std::uint64_t> grow(std::uint64_t n_pages) const {
        std::uint64_t before = 0;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_memory_grow(store_, &get(), n_pages, &before, &error);
        return detail::finish(status, error, store_, [&] { return before; });
    }
    Fallible<void> read(std::uint64_t offset, Span<std::uint8_t> out) const {
        return detail::done(pellucid_memory_read(store_, &get(), offset, out.data(), out.size()));
    }
    Fallible<void> write(std::uint64_t offset, Bytes bytes) const {
        return detail::done(pellucid_memory_write(store_, &get(), offset, bytes.data(), bytes.size()));
    }
    Fallible<void> write(std::uint64_t offset, std::string_view text) const {
        return detail::done(
            pellucid_memory_write(store_, &get(), offset, reinterpret_cast<const std::uint8_t *>(text.data()), text.size()));
    }
    // A number or a plain structure, as it is in the guest's memory.
    template <class T>
    Fallible<T> load(std::uint64_t offset) const {
        static_assert(std::is_trivially_copyable_v<T>, "what is in memory is bytes");
        T value;
        pellucid_status_t status = pellucid_memory_read(store_, &get(), offset, reinterpret_cast<std::uint8_t *>(&value), sizeof value);
        return detail::finish(status, [&] { return value; });
    }
    template <class T>
    Fallible<void> save(std::uint64_t offset, const T &value) const {
        static_assert(std::is_trivially_copyable_v<T>, "what is in memory is bytes");
        return detail::done(pellucid_memory_write(store_, &get(), offset, reinterpret_cast<const std::uint8_t *>(&value), sizeof value));
    }
    Fallible<std::string> text(std::uint64_t offset, std::size_t n_bytes) const {
        std::string text;
        // Nothing that the guest asks for is made before it is known to be there.
        std::uint8_t *data = nullptr;
        std::size_t size = 0;
        pellucid_status_t status = pellucid_memory_data(store_, &get(), &data, &size);
        if (status == PELLUCID_OK && (offset > size || n_bytes > size - offset)) status = PELLUCID_ERR_OUT_OF_RANGE;
        if (status == PELLUCID_OK) {
            text.resize(n_bytes);
            status = pellucid_memory_read(store_, &get(), offset, reinterpret_cast<std::uint8_t *>(text.data()), n_bytes);
        }
        return detail::finish(status, [&] { return std::move(text); });
    }
    bool is_shared() const noexcept { return pellucid_memory_is_shared(store_, &get()); }
    Fallible<SharedMemory> shared() const {
        pellucid_shared_memory_t *shared = nullptr;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_memory_shared(store_, &get(), &shared, &error);
        return detail::finish(status, error, store_, [&] { return SharedMemory(shared); });
    }
};

class Table : public detail::Handle<pellucid_table_t> {
public:
    using Handle::Handle;

    Fallible<pellucid_tabletype_t> type() const {
        pellucid_tabletype_t type;
        pellucid_status_t status = pellucid_table_type(store_, &Handle::get(), &type);
        return detail::finish(status, [&] { return type; });
    }
    Fallible<std::uint64_t> size() const {
        std::uint64_t size = 0;
        pellucid_status_t status = pellucid_table_size(store_, &Handle::get(), &size);
        return detail::finish(status, [&] { return size; });
    }
    using Handle::get;
    Fallible<Value> get(std::uint64_t index) const {
        Value value;
        pellucid_status_t status = pellucid_table_get(store_, &Handle::get(), index, &value);
        return detail::finish(status, [&] { return value; });
    }
    Fallible<void> set(std::uint64_t index, const Value &value) const {
        return detail::done(pellucid_table_set(store_, &Handle::get(), index, &value));
    }
    // The size before.
    Fallible<std::uint64_t> grow(std::uint64_t n_elements, const Value &init) const {
        std::uint64_t before = 0;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_table_grow(store_, &Handle::get(), n_elements, &init, &before, &error);
        return detail::finish(status, error, store_, [&] { return before; });
    }
};

class Global : public detail::Handle<pellucid_global_t> {
public:
    using Handle::Handle;

    Fallible<pellucid_globaltype_t> type() const {
        pellucid_globaltype_t type;
        pellucid_status_t status = pellucid_global_type(store_, &get(), &type);
        return detail::finish(status, [&] { return type; });
    }
    Fallible<Value> value() const {
        Value value;
        pellucid_status_t status = pellucid_global_get(store_, &get(), &value);
        return detail::finish(status, [&] { return value; });
    }
    Fallible<void> set(const Value &value) const { return detail::done(pellucid_global_set(store_, &get(), &value)); }
};

// ==================================================================================================
// Functions
// ==================================================================================================

template <class Signature>
class TypedFunc;
class Instance;
class Call;

class Func : public detail::Handle<pellucid_func_t> {
public:
    using Handle::Handle;

    Fallible<FuncType> type() const {
        pellucid_functype_t *type = nullptr;
        pellucid_status_t status = pellucid_func_type(store_, &get(), &type);
        return detail::finish(status, [&] { return FuncType(type); });
    }
    struct Location;
    // Nothing for functions of the host.
    Fallible<std::optional<Location>> location() const;
    Fallible<std::optional<std::string_view>> name() const {
        pellucid_str_t name = {nullptr, 0};
        pellucid_status_t status = pellucid_func_name(store_, &get(), &name);
        return detail::find(status, name);
    }
    // Calls it as if it were a function of C++. Whether the type is right is checked here, once.
    template <class Signature>
    Fallible<TypedFunc<Signature>> typed() const;

    // As many places for results as the function has.
    Fallible<void> call(Values args, Span<Value> results) const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_func_call(store_, &get(), args.data(), args.size(), results.data(), results.size(), &error);
        return detail::done(status, error, store_);
    }
    Fallible<std::vector<Value>> call(Values args = {}) const { return call_with(args, nullptr); }
    // For a time.
    Fallible<std::vector<Value>> call_for(const pellucid_budget_t &time, Values args = {}) const { return call_with(args, &time); }
    // The arguments, which become the results. Numbers aren't checked.
    Fallible<void> call_raw(Span<pellucid_raw_t> values) const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_func_call_raw(store_, &get(), values.data(), values.size(), &error);
        return detail::done(status, error, store_);
    }
    // A call that can pause.
    Fallible<Call> begin(Values args = {}) const;
    Fallible<Call> begin_raw(Span<const pellucid_raw_t> values) const;

private:
    Fallible<std::vector<Value>> call_with(Values args, const pellucid_budget_t *time) const {
        std::vector<Value> results;
        pellucid_functype_t *type = nullptr;
        pellucid_status_t status = pellucid_func_type(store_, &get(), &type);
        if (status != PELLUCID_OK) return detail::fail<std::vector<Value>>(status);
        results.resize(FuncType(type).results().size());
        pellucid_error_t *error = nullptr;
        if (time == nullptr)
            status = pellucid_func_call(store_, &get(), args.data(), args.size(), results.data(), results.size(), &error);
        else
            status = pellucid_func_call_for(store_, &get(), args.data(), args.size(), results.data(), results.size(), time, &error);
        return detail::finish(status, error, store_, [&] { return std::move(results); });
    }
};

// A function that is called as one of C++.
template <class R, class... A>
class TypedFunc<R(A...)> : public Func {
public:
    TypedFunc() noexcept = default;

    Fallible<R> operator()(A... args) const {
        constexpr std::size_t n_results = detail::Results<R>::size;
        constexpr std::size_t n = sizeof...(A) > n_results ? sizeof...(A) : n_results;
        alignas(16) pellucid_raw_t values[n == 0 ? 1 : n];
        if constexpr (sizeof...(A) > 0) {
            pellucid_status_t status = PELLUCID_OK;
            std::size_t place = 0;
            ((status = status == PELLUCID_OK ? detail::to_raw<A>(store_, args, values[place++]) : status), ...);
            if (status != PELLUCID_OK) return detail::fail<R>(status);
        }
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_func_call_raw(store_, &get(), values, n, &error);
        if (status != PELLUCID_OK) return detail::fail<R>(status, error, store_);
        if constexpr (std::is_void_v<R>)
            return Fallible<void>();
        else
            return detail::Results<R>::take(store_, values);
    }

private:
    friend class Func;
    explicit TypedFunc(const Func &func) noexcept : Func(func) {}
};

template <class Signature>
Fallible<TypedFunc<Signature>> Func::typed() const {
    pellucid_functype_t *type = nullptr;
    pellucid_status_t status = pellucid_func_type(store_, &get(), &type);
    if (status == PELLUCID_OK && !FuncType(type).template is<Signature>()) status = PELLUCID_ERR_TYPE_MISMATCH;
    return detail::finish(status, [&] { return TypedFunc<Signature>(*this); });
}

// Something to import or that is exported.
class Extern {
public:
    Extern() noexcept { std::memset(&extern_, 0, sizeof extern_); }
    Extern(pellucid_store_t *store, const pellucid_extern_t &item) noexcept : store_(store), extern_(item) {}
    Extern(const Func &func) noexcept : Extern(func.c_store(), PELLUCID_EXTERN_FUNC) { extern_.of.func = func.get(); }
    Extern(const Table &table) noexcept : Extern(table.c_store(), PELLUCID_EXTERN_TABLE) { extern_.of.table = table.get(); }
    Extern(const Memory &memory) noexcept : Extern(memory.c_store(), PELLUCID_EXTERN_MEMORY) { extern_.of.memory = memory.get(); }
    Extern(const Global &global) noexcept : Extern(global.c_store(), PELLUCID_EXTERN_GLOBAL) { extern_.of.global = global.get(); }
    Extern(const Tag &tag) noexcept : Extern(tag.c_store(), PELLUCID_EXTERN_TAG) { extern_.of.tag = tag.get(); }

    const pellucid_extern_t &get() const noexcept { return extern_; }
    pellucid_extern_kind_t kind() const noexcept { return extern_.kind; }
    Fallible<ExternType> type() const {
        pellucid_externtype_t *type = nullptr;
        pellucid_status_t status = pellucid_extern_type(store_, &extern_, &type);
        return detail::finish(status, [&] { return ExternType(type); });
    }
    // Nothing if it is of another kind; the same for the others.
    std::optional<Func> func() const noexcept { return as<Func>(PELLUCID_EXTERN_FUNC, extern_.of.func); }
    std::optional<Table> table() const noexcept { return as<Table>(PELLUCID_EXTERN_TABLE, extern_.of.table); }
    std::optional<Memory> memory() const noexcept { return as<Memory>(PELLUCID_EXTERN_MEMORY, extern_.of.memory); }
    std::optional<Global> global() const noexcept { return as<Global>(PELLUCID_EXTERN_GLOBAL, extern_.of.global); }
    std::optional<Tag> tag() const noexcept { return as<Tag>(PELLUCID_EXTERN_TAG, extern_.of.tag); }

private:
    Extern(pellucid_store_t *store, pellucid_extern_kind_t kind) noexcept : Extern() {
        store_ = store;
        extern_.kind = kind;
    }
    template <class T, class C>
    std::optional<T> as(pellucid_extern_kind_t kind, const C &handle) const noexcept {
        if (extern_.kind != kind) return std::nullopt;
        return T(store_, handle);
    }
    pellucid_store_t *store_ = nullptr;
    pellucid_extern_t extern_;
};

namespace detail {

inline std::vector<pellucid_extern_t> plain(Span<const Extern> externs) {
    std::vector<pellucid_extern_t> plain;
    plain.reserve(externs.size());
    for (const Extern &item : externs) plain.push_back(item.get());
    return plain;
}

} // namespace detail

// An export of an instance.
struct ExportedItem {
    std::string_view name;
    Extern item;
};

class Instance : public detail::Handle<pellucid_instance_t> {
public:
    using Handle::get;
    using Handle::Handle;

    Fallible<Module> module() const {
        pellucid_module_t *module = nullptr;
        pellucid_status_t status = pellucid_instance_module(store_, &get(), &module);
        return detail::finish(status, [&] { return Module(module); });
    }
    // Nothing if there is no such export.
    Fallible<std::optional<Extern>> find(std::string_view name) const {
        pellucid_extern_t item;
        pellucid_status_t status = pellucid_instance_export(store_, &get(), name.data(), name.size(), &item);
        return detail::find(status, [&] { return Extern(store_, item); });
    }
    // An exported function of a type of C++: get<std::int32_t(float)>("name"). It fails if there is none, or of another type.
    template <class Signature>
    Fallible<TypedFunc<Signature>> get(std::string_view name) const {
        pellucid_extern_t item;
        pellucid_status_t status = pellucid_instance_export(store_, &get(), name.data(), name.size(), &item);
        if (status == PELLUCID_OK && item.kind != PELLUCID_EXTERN_FUNC) status = PELLUCID_ERR_TYPE_MISMATCH;
        if (status != PELLUCID_OK) return detail::fail<TypedFunc<Signature>>(status);
        return Func(store_, item.of.func).template typed<Signature>();
    }
    // Exports of a kind. They fail if there is none, or of another kind.
    Fallible<Func> func(std::string_view name) const { return exported<Func>(name, PELLUCID_EXTERN_FUNC, &pellucid_extern_of_t::func); }
    Fallible<Table> table(std::string_view name) const {
        return exported<Table>(name, PELLUCID_EXTERN_TABLE, &pellucid_extern_of_t::table);
    }
    Fallible<Memory> memory(std::string_view name = "memory") const {
        return exported<Memory>(name, PELLUCID_EXTERN_MEMORY, &pellucid_extern_of_t::memory);
    }
    Fallible<Global> global(std::string_view name) const {
        return exported<Global>(name, PELLUCID_EXTERN_GLOBAL, &pellucid_extern_of_t::global);
    }
    Fallible<Tag> tag(std::string_view name) const { return exported<Tag>(name, PELLUCID_EXTERN_TAG, &pellucid_extern_of_t::tag); }

    // All exports: ExportedItem.
    auto exports() const {
        pellucid_store_t *store = store_;
        pellucid_instance_t instance = get();
        std::size_t n = 0;
        pellucid_instance_export_count(store, &instance, &n);
        return detail::Counted(n, [store, instance](std::size_t index) {
            pellucid_str_t name = {nullptr, 0};
            pellucid_extern_t item = Extern().get();
            pellucid_instance_export_at(store, &instance, index, &name, &item);
            return ExportedItem{view(name), Extern(store, item)};
        });
    }

    // What it has, exported or not, by index.
    Fallible<pellucid_spaces_t> spaces() const {
        auto spaces = detail::sized<pellucid_spaces_t>();
        pellucid_status_t status = pellucid_instance_spaces(store_, &get(), &spaces);
        return detail::finish(status, [&] { return spaces; });
    }
    Fallible<Func> func_at(std::uint32_t index) const { return entity<Func, pellucid_func_t>(pellucid_instance_func, index); }
    Fallible<Table> table_at(std::uint32_t index) const { return entity<Table, pellucid_table_t>(pellucid_instance_table, index); }
    Fallible<Memory> memory_at(std::uint32_t index) const { return entity<Memory, pellucid_memory_t>(pellucid_instance_memory, index); }
    Fallible<Global> global_at(std::uint32_t index) const { return entity<Global, pellucid_global_t>(pellucid_instance_global, index); }
    Fallible<Tag> tag_at(std::uint32_t index) const { return entity<Tag, pellucid_tag_t>(pellucid_instance_tag, index); }

private:
    template <class T, class C>
    Fallible<T> exported(std::string_view name, pellucid_extern_kind_t kind, C pellucid_extern_of_t::*member) const {
        pellucid_extern_t item;
        pellucid_status_t status = pellucid_instance_export(store_, &get(), name.data(), name.size(), &item);
        if (status == PELLUCID_OK && item.kind != kind) status = PELLUCID_ERR_TYPE_MISMATCH;
        return detail::finish(status, [&] { return T(store_, item.of.*member); });
    }
    template <class T, class C>
    Fallible<T> entity(pellucid_status_t (*ask)(const pellucid_store_t *, const pellucid_instance_t *, std::uint32_t, C *),
                       std::uint32_t index) const {
        C handle = {0, 0};
        pellucid_status_t status = ask(store_, &get(), index, &handle);
        return detail::finish(status, [&] { return T(store_, handle); });
    }
};

struct Func::Location {
    Instance instance;
    std::uint32_t func_index;
};

inline Fallible<std::optional<Func::Location>> Func::location() const {
    pellucid_instance_t instance = {0, 0};
    std::uint32_t index = 0;
    pellucid_status_t status = pellucid_func_location(store_, &get(), &instance, &index);
    return detail::find(status, [&] { return Location{Instance(store_, instance), index}; });
}

// What Caller::yield answers, for a host function to return.
class Yielded {
public:
    Yielded(pellucid_status_t status, pellucid_error_t *error) noexcept : status_(status), error_(error) {}
    pellucid_status_t status() const noexcept { return status_; }
    // Whether the call waits now. Otherwise returning this ends it with an error.
    explicit operator bool() const noexcept { return status_ == PELLUCID_YIELD; }
    pellucid_error_t *give() const noexcept { return error_; }

private:
    pellucid_status_t status_;
    pellucid_error_t *error_;
};

// What a host function returns that may wait: a result, an error, or what Caller::yield answered.
template <class T>
class Answer {
public:
    Answer(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Answer(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
    Answer(Yielded yielded) : state_(std::in_place_index<2>, yielded) {}

    bool has_value() const noexcept { return state_.index() == 0; }
    T &operator*() noexcept { return detail::in<0>(state_); }
    const Error &error() const noexcept { return detail::in<1>(state_); }
    const Yielded *yielded() const noexcept { return std::get_if<2>(&state_); }

private:
    std::variant<T, Error, Yielded> state_;
};

template <>
class Answer<void> : public Answer<std::monostate> {
public:
    Answer() : Answer<std::monostate>(std::monostate()) {}
    using Answer<std::monostate>::Answer;
};

// Who called a host function. Good until that returns.
class Caller {
public:
    explicit Caller(pellucid_caller_t *caller) noexcept : caller_(caller) {}

    pellucid_caller_t *get() const noexcept { return caller_; }
    StoreRef store() const noexcept;
    // Nothing if the host called the function itself.
    Fallible<std::optional<Instance>> instance() const {
        pellucid_instance_t instance = {0, 0};
        pellucid_status_t status = pellucid_caller_instance(caller_, &instance);
        return detail::find(status, [&] { return Instance(pellucid_caller_store(caller_), instance); });
    }
    Fallible<std::optional<Extern>> find(std::string_view name) const {
        pellucid_extern_t item;
        pellucid_status_t status = pellucid_caller_export(caller_, name.data(), name.size(), &item);
        return detail::find(status, [&] { return Extern(pellucid_caller_store(caller_), item); });
    }
    // The memory that the calling instance exports. It fails if there is none.
    Fallible<Memory> memory(std::string_view name = "memory") const {
        pellucid_extern_t item;
        pellucid_status_t status = pellucid_caller_export(caller_, name.data(), name.size(), &item);
        if (status == PELLUCID_OK && item.kind != PELLUCID_EXTERN_MEMORY) status = PELLUCID_ERR_TYPE_MISMATCH;
        return detail::finish(status, [&] { return Memory(pellucid_caller_store(caller_), item.of.memory); });
    }
    bool can_yield() const noexcept { return pellucid_caller_can_yield(caller_); }
    Yielded yield(std::uint64_t token) const noexcept {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_caller_yield(caller_, token, &error);
        return Yielded(status, error);
    }

private:
    pellucid_caller_t *caller_;
};

namespace detail {

// The types of a function object.
template <class T, class = void>
struct Callable {
    static constexpr bool exists = false;
};
template <class R, class... A>
struct Callable<R (*)(A...), void> {
    static constexpr bool exists = true;
    using Signature = R(A...);
};
template <class R, class... A>
struct Callable<R (*)(A...) noexcept, void> : Callable<R (*)(A...)> {};
template <class T, class R, class... A>
struct Callable<R (T::*)(A...), void> : Callable<R (*)(A...)> {};
template <class T, class R, class... A>
struct Callable<R (T::*)(A...) const, void> : Callable<R (*)(A...)> {};
template <class T, class R, class... A>
struct Callable<R (T::*)(A...) noexcept, void> : Callable<R (*)(A...)> {};
template <class T, class R, class... A>
struct Callable<R (T::*)(A...) const noexcept, void> : Callable<R (*)(A...)> {};
template <class T>
struct Callable<T, std::void_t<decltype(&T::operator())>> : Callable<decltype(&T::operator())> {};

// What a host function gives, however it says so.
template <class R>
struct Given {
    using type = R;
    static constexpr bool is_answer = false;
};
template <class T>
struct Given<Result<T>> {
    using type = T;
    static constexpr bool is_answer = true;
};
template <class T>
struct Given<Answer<T>> {
    using type = T;
    static constexpr bool is_answer = true;
};

// A function object as a host function on raw values.
template <class F, class Signature>
struct HostCode;

template <class F, class R, class... A>
struct HostCode<F, R(A...)> {
    using Type = typename Given<R>::type(std::decay_t<A>...);

    template <class... Leading>
    static pellucid_status_t call(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values, pellucid_error_t **out_error,
                                  Leading... leading) noexcept {
        return run(*static_cast<F *>(userdata), caller, values, out_error, std::index_sequence_for<A...>(), leading...);
    }

private:
    using T = typename Given<R>::type;

    template <std::size_t... I, class... Leading>
    static pellucid_status_t run(F &function, pellucid_caller_t *caller, pellucid_raw_t *values, pellucid_error_t **out_error,
                                 std::index_sequence<I...>, Leading... leading) noexcept {
        // Numbers need no store.
        constexpr bool needs_store = (Wasm<std::decay_t<A>>::is_reference || ... || has_references(static_cast<T *>(nullptr)));
        pellucid_store_t *store = needs_store ? pellucid_caller_store(caller) : nullptr;
        PELLUCID_TRY {
            if constexpr (Given<R>::is_answer) {
                R answer = function(leading..., from_raw<std::decay_t<A>>(store, values[I])...);
                if (answer.has_value()) {
                    if constexpr (!std::is_void_v<T>) return Results<T>::put(store, *answer, values);
                    return PELLUCID_OK;
                }
                return refuse(answer, out_error);
            } else if constexpr (std::is_void_v<R>) {
                function(leading..., from_raw<std::decay_t<A>>(store, values[I])...);
                return PELLUCID_OK;
            } else {
                return Results<R>::put(store, function(leading..., from_raw<std::decay_t<A>>(store, values[I])...), values);
            }
        }
        PELLUCID_CATCH {
            *out_error = catch_it(pellucid_caller_store(caller));
            return PELLUCID_ERR_HOST;
        }
    }
    template <class V>
    static pellucid_status_t refuse(const Result<V> &answer, pellucid_error_t **out_error) {
        *out_error = answer.error().give();
        return answer.status();
    }
    template <class V>
    static pellucid_status_t refuse(const Answer<V> &answer, pellucid_error_t **out_error) {
        if (answer.yielded() != nullptr) {
            *out_error = answer.yielded()->give();
            return answer.yielded()->status();
        }
        *out_error = answer.error().give();
        return answer.error().status();
    }
    static constexpr bool has_references(void *) { return false; }
    template <class V>
    static constexpr bool has_references(V *) {
        return Wasm<V>::is_reference;
    }
    template <class... V>
    static constexpr bool has_references(std::tuple<V...> *) {
        return (Wasm<V>::is_reference || ...);
    }
    template <class V, class W>
    static constexpr bool has_references(std::pair<V, W> *) {
        return Wasm<V>::is_reference || Wasm<W>::is_reference;
    }
};

// The same where the first parameter may be who called.
template <class F, class Signature>
struct HostEntry : HostCode<F, Signature> {
    static pellucid_status_t entry(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values, std::size_t,
                                   pellucid_error_t **out_error) noexcept {
        return HostCode<F, Signature>::call(userdata, caller, values, out_error);
    }
};
template <class F, class R, class... A>
struct HostEntry<F, R(Caller, A...)> : HostCode<F, R(A...)> {
    static pellucid_status_t entry(void *userdata, pellucid_caller_t *caller, pellucid_raw_t *values, std::size_t,
                                   pellucid_error_t **out_error) noexcept {
        return HostCode<F, R(A...)>::call(userdata, caller, values, out_error, Caller(caller));
    }
};
template <class F, class R, class... A>
struct HostEntry<F, R(const Caller &, A...)> : HostEntry<F, R(Caller, A...)> {};

template <class F>
struct Host : HostEntry<F, typename Callable<F>::Signature> {};

// A function object on tagged values: void or Result<void>(Caller, Values, Span<Value>).
template <class F>
pellucid_status_t host_on_values(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, std::size_t n_args,
                                 pellucid_value_t *results, std::size_t n_results, pellucid_error_t **out_error) noexcept {
    return guard(pellucid_caller_store(caller), out_error, [&] {
        return (*static_cast<F *>(userdata))(Caller(caller), Values(static_cast<const Value *>(args), n_args),
                                             Span<Value>(static_cast<Value *>(results), n_results));
    });
}

template <class F>
constexpr bool is_host_function = Callable<std::decay_t<F>>::exists;

} // namespace detail

// ==================================================================================================
// Frames
// ==================================================================================================

struct FrameValue {
    std::uint32_t index;
    Value value;
};

// A range of a frame's locals or operands. They are read a handful at a time.
class FrameValues {
public:
    using Read = pellucid_status_t (*)(const pellucid_store_t *, const pellucid_frame_t *, std::uint32_t, pellucid_value_t *, std::size_t,
                                       std::uint32_t *);
    using Count = pellucid_status_t (*)(const pellucid_store_t *, const pellucid_frame_t *, std::uint32_t *);

    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = FrameValue;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = FrameValue;

        iterator() noexcept = default;
        iterator(const FrameValues *values, std::uint32_t index) noexcept : values_(values), index_(index) {}
        FrameValue operator*() const { return {index_, values_->at(index_)}; }
        iterator &operator++() noexcept {
            ++index_;
            return *this;
        }
        iterator operator++(int) noexcept {
            iterator before = *this;
            ++index_;
            return before;
        }
        bool operator==(const iterator &other) const noexcept { return index_ == other.index_; }
        bool operator!=(const iterator &other) const noexcept { return index_ != other.index_; }

    private:
        const FrameValues *values_ = nullptr;
        std::uint32_t index_ = 0;
    };

    FrameValues(const pellucid_store_t *store, const pellucid_frame_t &frame, Read read, Count count) : store_(store), read_(read) {
        // The frame is copied after its first use: a copy of what was just written, in larger pieces than it was, would wait.
        count_ = fill(frame, 0);
        frame_ = frame;
        if (count_ == chunk) check(count(store, &frame, &count_));
    }
    iterator begin() const noexcept { return iterator(this, 0); }
    iterator end() const noexcept { return iterator(this, count_); }
    std::uint32_t size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }
    Value operator[](std::uint32_t index) const { return at(index); }

private:
    static constexpr std::uint32_t chunk = 16;

    Value at(std::uint32_t index) const {
        // What is before the first is far behind it, too.
        if (index - first_ >= chunk) fill(frame_, index);
        return read_values_[index - first_];
    }
    std::uint32_t fill(const pellucid_frame_t &frame, std::uint32_t first) const {
        std::uint32_t n = 0;
        first_ = first;
        pellucid_status_t status = read_(store_, &frame, first, read_values_, chunk, &n);
        if (status != PELLUCID_OK) std::fill_n(read_values_, chunk, Value::null(PELLUCID_UNAVAILABLE));
        check(status);
        return n;
    }
    // Without exceptions there is nothing to read in a frame that is stale.
    static void check(pellucid_status_t status) {
#if PELLUCID_EXCEPTIONS
        if (status != PELLUCID_OK) detail::raise(Error(status, nullptr));
#else
        (void)status;
#endif
    }
    const pellucid_store_t *store_;
    pellucid_frame_t frame_;
    Read read_;
    std::uint32_t count_ = 0;
    mutable std::uint32_t first_ = 0;
    // Only what was read is ever looked at.
    mutable pellucid_value_t read_values_[chunk];
};

// One frame of a call that stands still. It is good until the call runs on.
class Frame {
public:
    Frame() noexcept : store_(nullptr), frame_{0, 0, 0, 0, 0} {}
    Frame(pellucid_store_t *store, const pellucid_frame_t &frame) noexcept : store_(store), frame_(frame) {}

    const pellucid_frame_t &get() const noexcept { return frame_; }
    StoreRef store() const noexcept;
    // Nothing for the outermost frame.
    Fallible<std::optional<Frame>> caller() const {
        pellucid_frame_t frame;
        pellucid_status_t status = pellucid_frame_caller(store_, &frame_, &frame);
        return detail::find(status, [&] { return Frame(store_, frame); });
    }
    bool is_valid() const noexcept { return pellucid_frame_is_valid(store_, &frame_); }
    // Computes an expression of its locals, operands, globals and memories.
    Fallible<Value> evaluate(std::string_view expression) const {
        Value value;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_frame_evaluate(store_, &frame_, expression.data(), expression.size(), &value, &error);
        return detail::finish(status, error, store_, [&] { return value; });
    }
    Fallible<std::uint64_t> key() const { return number<std::uint64_t>(pellucid_frame_key); }
    // All that is a number at once.
    Fallible<pellucid_frame_info_t> info() const {
        auto info = detail::sized<pellucid_frame_info_t>();
        pellucid_status_t status = pellucid_frame_info(store_, &frame_, &info);
        return detail::finish(status, [&] { return info; });
    }
    Fallible<pellucid_frame_kind_t> kind() const { return number<pellucid_frame_kind_t>(pellucid_frame_kind); }
    Fallible<Instance> instance() const {
        pellucid_instance_t instance = {0, 0};
        pellucid_status_t status = pellucid_frame_instance(store_, &frame_, &instance);
        return detail::finish(status, [&] { return Instance(store_, instance); });
    }
    Fallible<Module> module() const {
        pellucid_module_t *module = nullptr;
        pellucid_status_t status = pellucid_frame_module(store_, &frame_, &module);
        return detail::finish(status, [&] { return Module(module); });
    }
    Fallible<std::uint32_t> func_index() const { return number<std::uint32_t>(pellucid_frame_func_index); }
    Fallible<std::optional<std::string_view>> func_name() const {
        pellucid_str_t name = {nullptr, 0};
        pellucid_status_t status = pellucid_frame_func_name(store_, &frame_, &name);
        return detail::find(status, name);
    }
    Fallible<std::uint32_t> pc() const { return number<std::uint32_t>(pellucid_frame_pc); }
    Fallible<std::uint32_t> func_offset() const { return number<std::uint32_t>(pellucid_frame_func_offset); }

    FrameValues locals() const { return FrameValues(store_, frame_, pellucid_frame_read_locals, pellucid_frame_local_count); }
    FrameValues operands() const { return FrameValues(store_, frame_, pellucid_frame_read_operands, pellucid_frame_operand_count); }
    Fallible<std::optional<std::string_view>> local_name(std::uint32_t index) const {
        pellucid_str_t name = {nullptr, 0};
        pellucid_status_t status = pellucid_frame_local_name(store_, &frame_, index, &name);
        return detail::find(status, name);
    }
    Fallible<std::uint32_t> local_count() const { return number<std::uint32_t>(pellucid_frame_local_count); }
    Fallible<std::uint32_t> operand_count() const { return number<std::uint32_t>(pellucid_frame_operand_count); }
    Fallible<std::vector<pellucid_kind_t>> local_kinds() const { return kinds(pellucid_frame_local_kinds); }
    Fallible<std::vector<pellucid_kind_t>> operand_kinds() const { return kinds(pellucid_frame_operand_kinds); }
    // Into places of one's own, from one on; how many there were.
    Fallible<std::uint32_t> read_locals(std::uint32_t first, Span<Value> out) const { return read(pellucid_frame_read_locals, first, out); }
    Fallible<std::uint32_t> read_operands(std::uint32_t first, Span<Value> out) const {
        return read(pellucid_frame_read_operands, first, out);
    }

    Fallible<void> write_local(std::uint32_t index, const Value &value) const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_frame_write_local(store_, &frame_, index, &value, &error);
        return detail::done(status, error, store_);
    }
    Fallible<void> write_operand(std::uint32_t index, const Value &value) const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_frame_write_operand(store_, &frame_, index, &value, &error);
        return detail::done(status, error, store_);
    }
    // Each answers the frame that is the innermost then.
    Fallible<Frame> force_return(Values results) const {
        pellucid_frame_t frame;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_frame_return(store_, &frame_, results.data(), results.size(), &frame, &error);
        return detail::finish(status, error, store_, [&] { return Frame(store_, frame); });
    }
    Fallible<Frame> restart() const { return move(pellucid_frame_restart); }
    Fallible<Frame> drop() const { return move(pellucid_frame_drop); }
    Fallible<Frame> set_pc(std::uint32_t pc) const {
        pellucid_frame_t frame;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_frame_set_pc(store_, &frame_, pc, &frame, &error);
        return detail::finish(status, error, store_, [&] { return Frame(store_, frame); });
    }
    Fallible<void> throw_exception(const Tag &tag, Values values) const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_frame_throw(store_, &frame_, &tag.get(), values.data(), values.size(), &error);
        return detail::done(status, error, store_);
    }
    Fallible<void> throw_exception(const ExnRef &exnref) const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_frame_throw_ref(store_, &frame_, &exnref.get(), &error);
        return detail::done(status, error, store_);
    }

private:
    friend class Frames;

    template <class T>
    Fallible<T> number(pellucid_status_t (*ask)(const pellucid_store_t *, const pellucid_frame_t *, T *)) const {
        T number = 0;
        pellucid_status_t status = ask(store_, &frame_, &number);
        return detail::finish(status, [&] { return number; });
    }
    template <class Ask>
    Fallible<std::vector<pellucid_kind_t>> kinds(Ask ask) const {
        std::vector<pellucid_kind_t> kinds;
        pellucid_status_t status = detail::list(kinds, [&](pellucid_kind_t *out, std::size_t cap, std::size_t *n) {
            std::uint32_t count = 0;
            pellucid_status_t answer = ask(store_, &frame_, out, cap, &count);
            *n = count;
            return answer;
        });
        return detail::finish(status, [&] { return std::move(kinds); });
    }
    Fallible<std::uint32_t> read(FrameValues::Read ask, std::uint32_t first, Span<Value> out) const {
        std::uint32_t n = 0;
        pellucid_status_t status = ask(store_, &frame_, first, out.data(), out.size(), &n);
        return detail::finish(status, [&] { return n; });
    }
    Fallible<Frame> move(pellucid_status_t (*how)(pellucid_store_t *, const pellucid_frame_t *, pellucid_frame_t *,
                                                  pellucid_error_t **)) const {
        pellucid_frame_t frame;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = how(store_, &frame_, &frame, &error);
        return detail::finish(status, error, store_, [&] { return Frame(store_, frame); });
    }
    pellucid_store_t *store_;
    pellucid_frame_t frame_;
};

// A frame, its caller, the caller's caller, and so on.
class Frames {
public:
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Frame;
        using difference_type = std::ptrdiff_t;
        using pointer = const Frame *;
        using reference = const Frame &;

        iterator() noexcept = default;
        iterator(pellucid_store_t *store, const pellucid_frame_t &frame) noexcept : frame_(store, frame) {}
        const Frame &operator*() const noexcept { return frame_; }
        const Frame *operator->() const noexcept { return &frame_; }
        iterator &operator++() {
            pellucid_status_t status = pellucid_frame_caller(frame_.store_, &frame_.frame_, &frame_.frame_);
            if (status != PELLUCID_OK) {
                frame_.store_ = nullptr;
#if PELLUCID_EXCEPTIONS
                if (status != PELLUCID_ERR_NOT_FOUND) detail::raise(Error(status, nullptr));
#endif
            }
            return *this;
        }
        iterator operator++(int) {
            iterator before = *this;
            ++*this;
            return before;
        }
        bool operator==(const iterator &other) const noexcept {
            return frame_.store_ == other.frame_.store_
                   && (frame_.store_ == nullptr || frame_.frame_.position == other.frame_.frame_.position);
        }
        bool operator!=(const iterator &other) const noexcept { return !(*this == other); }

    private:
        Frame frame_;
    };

    Frames() noexcept = default;
    explicit Frames(iterator first) noexcept : first_(first) {}
    iterator begin() const noexcept { return first_; }
    iterator end() const noexcept { return iterator(); }
    bool empty() const noexcept { return first_ == iterator(); }

private:
    iterator first_;
};

// ==================================================================================================
// Events
// ==================================================================================================

struct WatchBytes {
    std::vector<std::uint8_t> before;
    std::vector<std::uint8_t> after;
};

struct WatchValues {
    Value before;
    Value after;
};

// What happened. Good until the handler returns, or the call is resumed.
class Event {
public:
    Event(pellucid_store_t *store, const pellucid_event_t *event) noexcept : store_(store), event_(event) {}

    const pellucid_event_t *get() const noexcept { return event_; }
    pellucid_event_kind_t kind() const noexcept { return pellucid_event_kind(event_); }
    std::uint64_t call_id() const noexcept { return pellucid_event_call_id(event_); }
    Fallible<std::optional<Frame>> frame() const {
        pellucid_frame_t frame;
        pellucid_status_t status = pellucid_event_frame(event_, &frame);
        return detail::find(status, [&] { return Frame(store_, frame); });
    }
    std::uint32_t pc() const noexcept { return pellucid_event_pc(event_); }
    // The ids of those that were hit.
    Span<const std::uint64_t> breakpoints() const noexcept {
        const std::uint64_t *ids = nullptr;
        std::size_t n = 0;
        pellucid_event_breakpoints(event_, &ids, &n);
        return Span<const std::uint64_t>(ids, n);
    }
    pellucid_trap_t trap() const noexcept { return pellucid_event_trap(event_); }
    Fallible<std::optional<Error::Fault>> fault() const {
        Error::Fault fault = {0, 0};
        pellucid_status_t status = pellucid_event_fault(event_, &fault.memory, &fault.address);
        return detail::find(status, [&] { return fault; });
    }
    // What the call ends with, if it does.
    Fallible<std::optional<Error>> error() const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_event_error(event_, &error);
        return detail::find(status, [&] { return Error(pellucid_error_status(error), error); });
    }
    bool can_pause() const noexcept { return pellucid_event_can_pause(event_); }
    Fallible<std::optional<Module>> module() const {
        pellucid_module_t *module = nullptr;
        pellucid_status_t status = pellucid_event_module(event_, &module);
        return detail::find(status, [&] { return Module(module); });
    }
    Fallible<std::optional<Instance>> instance() const {
        pellucid_instance_t instance = {0, 0};
        pellucid_status_t status = pellucid_event_instance(event_, &instance);
        return detail::find(status, [&] { return Instance(store_, instance); });
    }
    struct Growth {
        Memory memory;
        std::uint64_t old_pages;
        std::uint64_t new_pages;
    };
    Fallible<std::optional<Growth>> growth() const {
        pellucid_memory_t memory = {0, 0};
        std::uint64_t old_pages = 0, new_pages = 0;
        pellucid_status_t status = pellucid_event_growth(event_, &memory, &old_pages, &new_pages);
        return detail::find(status, [&] { return Growth{Memory(store_, memory), old_pages, new_pages}; });
    }
    Fallible<std::optional<Func>> func() const {
        pellucid_func_t func = {0, 0};
        pellucid_status_t status = pellucid_event_func(event_, &func);
        return detail::find(status, [&] { return Func(store_, func); });
    }
    pellucid_exit_t exit() const noexcept { return pellucid_event_exit(event_); }
    Fallible<std::optional<std::vector<Value>>> results() const {
        std::vector<Value> values;
        pellucid_status_t status = detail::list(
            values, [&](Value *out, std::size_t cap, std::size_t *n) { return pellucid_event_results(event_, store_, out, cap, n); });
        return detail::find(status, [&] { return std::move(values); });
    }
    Fallible<std::optional<Exception>> exception() const {
        pellucid_tag_t tag = {0, 0};
        std::vector<Value> values;
        pellucid_status_t status = detail::list(
            values, [&](Value *out, std::size_t cap, std::size_t *n) { return pellucid_event_exception(event_, &tag, out, cap, n); });
        return detail::find(status, [&] { return Exception{Tag(store_, tag), std::move(values)}; });
    }
    struct Catch {
        Frame frame;
        std::uint32_t pc;
    };
    // Who catches it.
    Fallible<std::optional<Catch>> caught_by() const {
        pellucid_frame_t frame;
        std::uint32_t pc = 0;
        pellucid_status_t status = pellucid_event_catch(event_, &frame, &pc);
        return detail::find(status, [&] { return Catch{Frame(store_, frame), pc}; });
    }
    // Which watchpoints were hit: pellucid_watch_hit_t.
    auto watch_hits() const {
        const pellucid_event_t *event = event_;
        return detail::Counted(pellucid_event_watch_count(event), [event](std::size_t n) {
            auto hit = detail::sized<pellucid_watch_hit_t>();
            pellucid_event_watch_hit(event, n, &hit);
            return hit;
        });
    }
    // What was there before, and is after the access to memory that was hit.
    Fallible<WatchBytes> watch_bytes(std::size_t n) const {
        auto hit = detail::sized<pellucid_watch_hit_t>();
        WatchBytes bytes;
        pellucid_status_t status = pellucid_event_watch_hit(event_, n, &hit);
        if (status == PELLUCID_OK) {
            bytes.before.resize(static_cast<std::size_t>(hit.size));
            bytes.after.resize(bytes.before.size());
            status = pellucid_event_watch_bytes(event_, n, bytes.before.data(), bytes.after.data(), bytes.before.size());
        }
        return detail::finish(status, [&] { return std::move(bytes); });
    }
    Fallible<WatchValues> watch_values(std::size_t n) const {
        WatchValues values;
        pellucid_status_t status = pellucid_event_watch_values(event_, n, store_, &values.before, &values.after);
        return detail::finish(status, [&] { return values; });
    }

protected:
    pellucid_store_t *store_;

private:
    const pellucid_event_t *event_;
};

// An event as a handler gets it.
class HandledEvent : public Event {
public:
    HandledEvent(pellucid_store_t *store, pellucid_event_t *event) noexcept : Event(store, event), event_(event) {}

    pellucid_event_t *get() const noexcept { return event_; }
    // For PELLUCID_ACTION_TRAP.
    Fallible<void> set_message(std::string_view message) const {
        return detail::done(pellucid_event_set_message(event_, message.data(), message.size()));
    }
    // For PELLUCID_ACTION_RUN_TO, in the innermost frame or another.
    Fallible<void> set_goal(std::uint32_t pc) const { return detail::done(pellucid_event_set_goal(event_, nullptr, pc)); }
    Fallible<void> set_goal(const Frame &frame, std::uint32_t pc) const {
        return detail::done(pellucid_event_set_goal(event_, &frame.get(), pc));
    }

private:
    pellucid_event_t *event_;
};

// ==================================================================================================
// Edit sessions
// ==================================================================================================

struct Breakpoint {
    std::uint64_t id;
    // Where it really is.
    std::uint32_t pc;
};

// Changes of breakpoints and watchpoints, which commit() makes, all or none. What isn't committed isn't made.
class Edit : public detail::Owner<pellucid_edit_t, pellucid_edit_delete> {
public:
    Edit() noexcept = default;
    Edit(pellucid_store_t *store, pellucid_edit_t *edit) noexcept : Owner(edit), store_(store) {}

    Fallible<Breakpoint> add(const Module &module, std::uint32_t pc) {
        Breakpoint made = {0, 0};
        pellucid_status_t status = pellucid_edit_add(get(), module.get(), pc, &made.id, &made.pc);
        return detail::finish(status, [&] { return made; });
    }
    Fallible<Breakpoint> add_at_function(const Module &module, std::uint32_t func_index) {
        Breakpoint made = {0, 0};
        pellucid_status_t status = pellucid_edit_add_at_function(get(), module.get(), func_index, &made.id, &made.pc);
        return detail::finish(status, [&] { return made; });
    }
    Fallible<std::uint64_t> add_at_function_name(const Module &module, std::string_view name) {
        return id(
            [&](std::uint64_t *out) { return pellucid_edit_add_at_function_name(get(), module.get(), name.data(), name.size(), out); });
    }
    // Functions of this name in all modules of the store.
    Fallible<std::uint64_t> add_at_function_name(std::string_view name) {
        return id([&](std::uint64_t *out) { return pellucid_edit_add_at_function_name(get(), nullptr, name.data(), name.size(), out); });
    }
    Fallible<std::uint64_t> add_at_import_calls(const Module &module, std::uint32_t func_index) {
        return id([&](std::uint64_t *out) { return pellucid_edit_add_at_import_calls(get(), module.get(), func_index, out); });
    }
    Fallible<std::uint64_t> add_at_import_name_calls(const Module *module, std::string_view import_module, std::string_view import_name) {
        return id([&](std::uint64_t *out) {
            return pellucid_edit_add_at_import_name_calls(get(), module == nullptr ? nullptr : module->get(), import_module.data(),
                                                          import_module.size(), import_name.data(), import_name.size(), out);
        });
    }
    Fallible<std::uint64_t> add_at_trap(pellucid_trap_t code) {
        return id([&](std::uint64_t *out) { return pellucid_edit_add_at_trap(get(), code, out); });
    }
    // Of any tag without one.
    Fallible<std::uint64_t> add_at_exception(const std::optional<Tag> &tag, pellucid_throw_t which) {
        return id([&](std::uint64_t *out) { return pellucid_edit_add_at_exception(get(), tag ? &tag->get() : nullptr, which, out); });
    }
    Fallible<std::uint64_t> watch(const Memory &memory, std::uint64_t address, std::uint64_t size, pellucid_watch_access_t access) {
        return id([&](std::uint64_t *out) { return pellucid_edit_watch_memory(get(), &memory.get(), address, size, access, out); });
    }
    Fallible<std::uint64_t> watch(const Global &global, pellucid_watch_access_t access) {
        return id([&](std::uint64_t *out) { return pellucid_edit_watch_global(get(), &global.get(), access, out); });
    }
    Fallible<std::uint64_t> watch(const Table &table, std::uint64_t index, pellucid_watch_access_t access) {
        return id([&](std::uint64_t *out) {
            return pellucid_edit_watch_element(get(), &static_cast<const detail::Handle<pellucid_table_t> &>(table).get(), index, access,
                                               out);
        });
    }
    Fallible<std::uint64_t> watch(const Frame &frame, std::uint32_t local, pellucid_watch_access_t access) {
        return id([&](std::uint64_t *out) { return pellucid_edit_watch_local(get(), &frame.get(), local, access, out); });
    }
    Fallible<std::uint64_t> watch(const AnyRef &object, std::uint32_t index, pellucid_watch_access_t access) {
        return id([&](std::uint64_t *out) { return pellucid_edit_watch_field(get(), &object.get(), index, access, out); });
    }
    Fallible<void> remove(std::uint64_t id) { return detail::done(pellucid_edit_remove(get(), id)); }
    Fallible<void> enable(std::uint64_t id, bool is_enabled = true) { return detail::done(pellucid_edit_enable(get(), id, is_enabled)); }
    Fallible<void> set_options(std::uint64_t id, const pellucid_breakpoint_options_t &options) {
        return detail::done(pellucid_edit_set_options(get(), id, &options));
    }
    // A function of a Frame and an id, which says whether there is an event.
    template <class F>
    Fallible<void> set_condition(std::uint64_t id, F condition) {
        auto *moved = new F(std::move(condition));
        return detail::done(pellucid_edit_set_condition(
            get(), id, moved,
            [](void *userdata, pellucid_store_t *store, const pellucid_frame_t *frame, std::uint64_t asked) noexcept {
                return static_cast<bool>((*static_cast<F *>(userdata))(Frame(store, *frame), asked));
            },
            detail::delete_it<F>));
    }
    Fallible<void> clear_condition(std::uint64_t id) {
        return detail::done(pellucid_edit_set_condition(get(), id, nullptr, nullptr, nullptr));
    }
    Fallible<void> set_expression(std::uint64_t id, std::string_view text) {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_edit_set_expression(get(), id, text.data(), text.size(), &error);
        return detail::done(status, error, store_);
    }
    Fallible<void> set_log_text(std::uint64_t id, std::string_view text) {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_edit_set_log_text(get(), id, text.data(), text.size(), &error);
        return detail::done(status, error, store_);
    }
    Fallible<void> trace(const Module &module, std::uint32_t first_func, std::uint32_t n_funcs, bool is_on = true) {
        return detail::done(pellucid_edit_trace(get(), module.get(), first_func, n_funcs, is_on));
    }
    Fallible<void> single_step(bool is_on) { return detail::done(pellucid_edit_single_step(get(), is_on)); }
    Fallible<void> commit() {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_edit_commit(get(), &error);
        return detail::done(status, error, store_);
    }
    Fallible<void> discard() { return detail::done(pellucid_edit_discard(get())); }

private:
    template <class Ask>
    static Fallible<std::uint64_t> id(Ask &&ask) {
        std::uint64_t id = 0;
        pellucid_status_t status = ask(&id);
        return detail::finish(status, [&] { return id; });
    }
    pellucid_store_t *store_ = nullptr;
};

// ==================================================================================================
// Calls that can pause
// ==================================================================================================

class Call : public detail::Owner<pellucid_call_t, pellucid_call_delete> {
public:
    Call() noexcept = default;
    Call(pellucid_store_t *store, pellucid_call_t *call) noexcept : Owner(call), store_(store) {}

    // Runs it to its next event or its end, and answers the state then. A call that traps is in the state PELLUCID_CALL_TRAPPED:
    // that isn't a failure of this function.
    Fallible<pellucid_call_state_t> resume(pellucid_resume_t mode = PELLUCID_RESUME_CONTINUE) {
        pellucid_call_state_t state = 0;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_call_resume(get(), mode, &state, &error);
        return detail::finish(status, error, store_, [&] { return state; });
    }
    Fallible<pellucid_call_state_t> resume_for(const pellucid_budget_t &time, pellucid_resume_t mode = PELLUCID_RESUME_CONTINUE) {
        pellucid_call_state_t state = 0;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_call_resume_for(get(), mode, &time, &state, &error);
        return detail::finish(status, error, store_, [&] { return state; });
    }
    Fallible<void> trap(std::string_view message) {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_call_trap(get(), message.data(), message.size(), &error);
        return detail::done(status, error, store_);
    }
    // For PELLUCID_RESUME_RUN_TO, in the innermost frame or another.
    Fallible<void> set_goal(std::uint32_t pc) { return detail::done(pellucid_call_set_goal(get(), nullptr, pc)); }
    Fallible<void> set_goal(const Frame &frame, std::uint32_t pc) { return detail::done(pellucid_call_set_goal(get(), &frame.get(), pc)); }
    pellucid_call_state_t state() const noexcept { return pellucid_call_state(get()); }
    std::uint64_t id() const noexcept { return pellucid_call_id(get()); }
    Fallible<void> trim() const { return detail::done(pellucid_call_trim(get())); }
    Fallible<Func> func() const {
        pellucid_func_t func = {0, 0};
        pellucid_status_t status = pellucid_call_func(get(), &func);
        return detail::finish(status, [&] { return Func(store_, func); });
    }
    // What it paused at or trapped by.
    Fallible<std::optional<Event>> event() const {
        const pellucid_event_t *event = nullptr;
        pellucid_status_t status = pellucid_call_event(get(), &event);
        return detail::find(status, [&] { return Event(store_, event); });
    }
    // The innermost frame, if it stands still.
    Fallible<std::optional<Frame>> frame() const {
        pellucid_frame_t frame;
        pellucid_status_t status = pellucid_call_frame(get(), &frame);
        return detail::find(status, [&] { return Frame(store_, frame); });
    }
    // All frames, innermost first.
    Fallible<Frames> frames() const {
        pellucid_frame_t frame;
        pellucid_status_t status = pellucid_call_frame(get(), &frame);
        if (status == PELLUCID_ERR_NOT_FOUND) return Frames();
        return detail::finish(status, [&] { return Frames(Frames::iterator(store_, frame)); });
    }
    // What it ended with, if it trapped or the guest ended itself.
    Fallible<std::optional<Error>> error() const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_call_error(get(), &error);
        return detail::find(status, [&] { return Error(pellucid_error_status(error), error, pellucid_store_id(store_)); });
    }
    // Fails as the call did: with the trap, with what a host function has thrown, or because it hasn't finished.
    Fallible<void> check() const {
        if (state() == PELLUCID_CALL_FINISHED) return Fallible<void>();
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_call_error(get(), &error);
        if (status == PELLUCID_ERR_NOT_FOUND) return detail::fail<void>(PELLUCID_ERR_INVALID_STATE);
        if (status != PELLUCID_OK) return detail::fail<void>(status);
        return detail::fail<void>(pellucid_error_status(error), error, store_);
    }
    // As check(), and then the results.
    Fallible<std::vector<Value>> results() const {
        std::vector<Value> results;
        pellucid_func_t func = {0, 0};
        pellucid_functype_t *type = nullptr;
        if (state() != PELLUCID_CALL_FINISHED) {
#if PELLUCID_EXCEPTIONS
            check();
#else
            return check().error();
#endif
        }
        pellucid_status_t status = pellucid_call_func(get(), &func);
        if (status == PELLUCID_OK) status = pellucid_func_type(store_, &func, &type);
        if (status == PELLUCID_OK) {
            results.resize(FuncType(type).results().size());
            status = pellucid_call_results(get(), results.data(), results.size());
        }
        return detail::finish(status, [&] { return std::move(results); });
    }
    Fallible<void> results_raw(Span<pellucid_raw_t> out) const {
        return detail::done(pellucid_call_results_raw(get(), out.data(), out.size()));
    }

    // What a call waits for that has yielded.
    struct Awaited {
        Func func;
        std::uint64_t token;
    };
    Fallible<std::optional<Awaited>> awaited() const {
        pellucid_func_t func = {0, 0};
        std::uint64_t token = 0;
        pellucid_status_t status = pellucid_call_awaited(get(), &func, &token);
        return detail::find(status, [&] { return Awaited{Func(store_, func), token}; });
    }
    // As many places as the function has parameters.
    Fallible<void> awaited_args(Span<Value> out) const { return detail::done(pellucid_call_awaited_args(get(), out.data(), out.size())); }
    struct AwaitedFiles {
        std::vector<pellucid_awaited_file_t> files;
        std::uint64_t deadline;
    };
    // Nothing if it doesn't wait for files or time.
    Fallible<std::optional<AwaitedFiles>> awaited_files() const {
        AwaitedFiles awaited = {{}, 0};
        pellucid_status_t status = detail::list(awaited.files, [&](pellucid_awaited_file_t *out, std::size_t cap, std::size_t *n) {
            return pellucid_call_awaited_files(get(), out, cap, n, &awaited.deadline);
        });
        return detail::find(status, [&] { return std::move(awaited); });
    }
    Fallible<void> give(Values results) {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_call_give(get(), results.data(), results.size(), &error);
        return detail::done(status, error, store_);
    }
    Fallible<void> give_raw(Span<const pellucid_raw_t> values) {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_call_give_raw(get(), values.data(), values.size(), &error);
        return detail::done(status, error, store_);
    }
    Fallible<void> give_error(const Error &failure) {
        pellucid_error_t *error = nullptr;
        pellucid_error_t *made = nullptr;
        const pellucid_error_t *given = failure.get();
        if (given == nullptr && pellucid_error_new(failure.message().data(), failure.message().size(), &made) == PELLUCID_OK) given = made;
        pellucid_status_t status = pellucid_call_give_error(get(), given, &error);
        pellucid_error_delete(made);
        return detail::done(status, error, store_);
    }

private:
    pellucid_store_t *store_ = nullptr;
};

inline Fallible<Call> Func::begin(Values args) const {
    pellucid_call_t *call = nullptr;
    pellucid_error_t *error = nullptr;
    pellucid_status_t status = pellucid_call_begin(store_, &get(), args.data(), args.size(), &call, &error);
    return detail::finish(status, error, store_, [&] { return Call(store_, call); });
}

inline Fallible<Call> Func::begin_raw(Span<const pellucid_raw_t> values) const {
    pellucid_call_t *call = nullptr;
    pellucid_error_t *error = nullptr;
    pellucid_status_t status = pellucid_call_begin_raw(store_, &get(), values.data(), values.size(), &call, &error);
    return detail::finish(status, error, store_, [&] { return Call(store_, call); });
}

// An instance whose start function may pause: run the call to its end first.
struct Begun {
    Instance instance;
    Call call;
};

// ==================================================================================================
// Stores
// ==================================================================================================

// Stops a guest from any thread.
class Interrupt : public detail::Owner<pellucid_interrupt_t, pellucid_interrupt_delete> {
public:
    using Owner::Owner;

    Fallible<Interrupt> clone() const {
        pellucid_interrupt_t *interrupt = nullptr;
        pellucid_status_t status = pellucid_interrupt_clone(get(), &interrupt);
        return detail::finish(status, [&] { return Interrupt(interrupt); });
    }
    // Any thread may, and signal handlers.
    pellucid_status_t request(pellucid_interrupt_kind_t kind = PELLUCID_INTERRUPT_TRAP) const noexcept {
        return pellucid_interrupt_request(get(), kind);
    }
    pellucid_status_t withdraw() const noexcept { return pellucid_interrupt_withdraw(get()); }
};

// A store, which somebody else owns.
class StoreRef {
public:
    explicit StoreRef(pellucid_store_t *store) noexcept : store_(store) {}

    pellucid_store_t *get() const noexcept { return store_; }
    // What Engine::create_store was given; the type must be the same.
    template <class T>
    T &data() const noexcept {
        return *static_cast<T *>(pellucid_store_userdata(store_));
    }
    std::uint64_t id() const noexcept { return pellucid_store_id(store_); }
    bool is_debug() const noexcept { return pellucid_store_is_debug(store_); }
    bool is_poisoned() const noexcept { return pellucid_store_is_poisoned(store_); }
    Fallible<void> trim() const { return detail::done(pellucid_store_trim(store_)); }
    Fallible<void> set_limit(pellucid_limit_t limit, std::uint64_t value) const {
        return detail::done(pellucid_store_set_limit(store_, limit, value));
    }
    Fallible<std::uint64_t> limit(pellucid_limit_t limit) const {
        return number<std::uint64_t>([&](std::uint64_t *out) { return pellucid_store_limit(store_, limit, out); });
    }
    // All instances of the store.
    auto instances() const {
        pellucid_store_t *store = store_;
        std::size_t n = 0;
        pellucid_store_instance_count(store, &n);
        return detail::Counted(n, [store](std::size_t index) {
            pellucid_instance_t instance = {0, 0};
            pellucid_store_instance(store, index, &instance);
            return Instance(store, instance);
        });
    }
    // All modules that have instances in it. Engines without debugging don't know.
    Fallible<std::vector<Module>> modules() const {
        std::vector<Module> modules;
        std::size_t n = 0;
        pellucid_status_t status = pellucid_store_module_count(store_, &n);
        for (std::size_t index = 0; status == PELLUCID_OK && index < n; ++index) {
            pellucid_module_t *module = nullptr;
            status = pellucid_store_module(store_, index, &module);
            if (status == PELLUCID_OK) modules.emplace_back(module);
        }
        return detail::finish(status, [&] { return std::move(modules); });
    }

    Fallible<Instance> instantiate(const Module &module, Span<const Extern> imports = {}) const {
        std::vector<pellucid_extern_t> plain = detail::plain(imports);
        pellucid_instance_t instance = {0, 0};
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_instance_new(store_, module.get(), plain.data(), plain.size(), &instance, &error);
        return detail::finish(status, error, store_, [&] { return Instance(store_, instance); });
    }
    Fallible<Begun> begin(const Module &module, Span<const Extern> imports = {}) const {
        std::vector<pellucid_extern_t> plain = detail::plain(imports);
        pellucid_instance_t instance = {0, 0};
        pellucid_call_t *call = nullptr;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_instance_begin(store_, module.get(), plain.data(), plain.size(), &instance, &call, &error);
        return detail::finish(status, error, store_, [&] { return Begun{Instance(store_, instance), Call(store_, call)}; });
    }

    // A host function whose type is that of the function object: of numbers, V128 and references, behind a Caller if it wants to know.
    // It returns void, a value, a tuple of values, or a Result or Answer of these.
    template <class F, class = std::enable_if_t<detail::is_host_function<F>>>
    Fallible<Func> func(F function) const {
        using Host = detail::Host<F>;
        pellucid_functype_t *type = nullptr;
        pellucid_status_t status = host_type<F>(&type);
        if (status != PELLUCID_OK) return detail::fail<Func>(status);
        FuncType owned(type);
        pellucid_func_t func = {0, 0};
        pellucid_error_t *error = nullptr;
        status = pellucid_func_new_raw(store_, type, new F(std::move(function)), Host::entry, detail::delete_it<F>, &func, &error);
        return detail::finish(status, error, store_, [&] { return Func(store_, func); });
    }
    // A host function of a type that is known when the program runs: void or Result<void>(Caller, Values, Span<Value>).
    template <class F>
    Fallible<Func> func(const FuncType &type, F function) const {
        pellucid_func_t func = {0, 0};
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_func_new(store_, type.get(), new F(std::move(function)), detail::host_on_values<F>,
                                                     detail::delete_it<F>, &func, &error);
        return detail::finish(status, error, store_, [&] { return Func(store_, func); });
    }
    Fallible<Memory> memory(const pellucid_memorytype_t &type) const {
        pellucid_memory_t memory = {0, 0};
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_memory_new(store_, &type, &memory, &error);
        return detail::finish(status, error, store_, [&] { return Memory(store_, memory); });
    }
    Fallible<Memory> memory(const SharedMemory &shared) const {
        pellucid_memory_t memory = {0, 0};
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_memory_from_shared(store_, shared.get(), &memory, &error);
        return detail::finish(status, error, store_, [&] { return Memory(store_, memory); });
    }
    Fallible<Table> table(const pellucid_tabletype_t &type, const Value &init) const {
        pellucid_table_t table = {0, 0};
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_table_new(store_, &type, &init, &table, &error);
        return detail::finish(status, error, store_, [&] { return Table(store_, table); });
    }
    Fallible<Global> global(const Value &value, bool is_mutable) const {
        const pellucid_globaltype_t type = {value.kind, is_mutable};
        pellucid_global_t global = {0, 0};
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_global_new(store_, &type, &value, &global, &error);
        return detail::finish(status, error, store_, [&] { return Global(store_, global); });
    }
    Fallible<Tag> tag(const FuncType &type) const {
        pellucid_tag_t tag = {0, 0};
        pellucid_status_t status = pellucid_tag_new(store_, type.get(), &tag);
        return detail::finish(status, [&] { return Tag(store_, tag); });
    }
    // An exception of the guest's, for a host function to fail with: it throws or returns this. If there can be no such exception it is
    // the error that says why.
    Error exception(const Tag &tag, Values values) const {
        pellucid_error_t *exception = nullptr;
        pellucid_status_t status = pellucid_exception_new(store_, &tag.get(), values.data(), values.size(), &exception);
        return Error(status == PELLUCID_OK ? PELLUCID_ERR_EXCEPTION : status, exception);
    }
    Fallible<ExnRef> exnref(const Tag &tag, Values values) const {
        pellucid_exnref_t exnref = {0, 0};
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_exnref_new(store_, &tag.get(), values.data(), values.size(), &exnref, &error);
        return detail::finish(status, error, store_, [&] { return ExnRef(store_, exnref); });
    }
    // A reference to a value of C++, which is moved in: ExternRef::data.
    template <class T>
    Fallible<ExternRef> externref(T object) const {
        pellucid_externref_t externref = {0, 0};
        pellucid_status_t status = pellucid_externref_new(store_, new T(std::move(object)), detail::delete_it<T>, &externref);
        return detail::finish(status, [&] { return ExternRef(store_, externref); });
    }

    // Objects.
    Fallible<AnyRef> structure(pellucid_type_id_t type, Values fields) const {
        pellucid_anyref_t anyref = {0, 0};
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_struct_new(store_, type, fields.data(), fields.size(), &anyref, &error);
        return detail::finish(status, error, store_, [&] { return AnyRef(store_, anyref); });
    }
    Fallible<AnyRef> array(pellucid_type_id_t type, const Value &value, std::uint32_t length) const {
        pellucid_anyref_t anyref = {0, 0};
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_array_new(store_, type, &value, length, &anyref, &error);
        return detail::finish(status, error, store_, [&] { return AnyRef(store_, anyref); });
    }
    Fallible<Scope> scope() const {
        std::uint64_t scope = 0;
        pellucid_status_t status = pellucid_scope_open(store_, &scope);
        return detail::finish(status, [&] { return Scope(store_, scope); });
    }
    Fallible<Weak> weak(const AnyRef &object) const {
        pellucid_weak_t weak = {0, 0};
        pellucid_status_t status = pellucid_weak_new(store_, &object.get(), &weak);
        return detail::finish(status, [&] { return Weak(store_, weak); });
    }
    Fallible<void> gc() const { return detail::done(pellucid_store_gc(store_)); }
    // Whether there is more to do.
    Fallible<bool> gc_step(std::uint64_t microseconds) const {
        return number<bool>([&](bool *out) { return pellucid_store_gc_step(store_, microseconds, out); });
    }
    Fallible<pellucid_heap_stats_t> heap_stats() const {
        auto stats = detail::sized<pellucid_heap_stats_t>();
        pellucid_status_t status = pellucid_store_heap_stats(store_, &stats);
        return detail::finish(status, [&] { return stats; });
    }
    Fallible<std::vector<pellucid_heap_type_t>> heap_types() const {
        return list<pellucid_heap_type_t>(
            [&](pellucid_heap_type_t *out, std::size_t cap, std::size_t *n) { return pellucid_store_heap_types(store_, out, cap, n); });
    }
    Fallible<std::optional<std::string_view>> type_name(pellucid_type_id_t type) const {
        pellucid_str_t name = {nullptr, 0};
        pellucid_status_t status = pellucid_store_type_name(store_, type, &name);
        return detail::find(status, name);
    }
    Fallible<std::optional<std::string_view>> field_name(pellucid_type_id_t type, std::uint32_t field) const {
        pellucid_str_t name = {nullptr, 0};
        pellucid_status_t status = pellucid_store_field_name(store_, type, field, &name);
        return detail::find(status, name);
    }
    // Values in the form that guest code has, and back.
    Fallible<pellucid_raw_t> to_raw(const Value &value) const {
        pellucid_raw_t raw = {};
        pellucid_status_t status = pellucid_value_to_raw(store_, &value, &raw);
        return detail::finish(status, [&] { return raw; });
    }
    Fallible<Value> from_raw(pellucid_kind_t kind, const pellucid_raw_t &raw) const {
        Value value;
        pellucid_status_t status = pellucid_value_from_raw(store_, kind, &raw, &value);
        return detail::finish(status, [&] { return value; });
    }

    // Limits of time and work.
    Fallible<Interrupt> interrupt() const {
        pellucid_interrupt_t *interrupt = nullptr;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_store_interrupt(store_, &interrupt, &error);
        return detail::finish(status, error, store_, [&] { return Interrupt(interrupt); });
    }
    Fallible<void> set_epoch_deadline(std::uint64_t ticks, pellucid_interrupt_kind_t action) const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_store_set_epoch_deadline(store_, ticks, action, &error);
        return detail::done(status, error, store_);
    }
    Fallible<void> clear_epoch_deadline() const { return detail::done(pellucid_store_clear_epoch_deadline(store_)); }
    Fallible<std::int64_t> fuel() const {
        return number<std::int64_t>([&](std::int64_t *out) { return pellucid_store_fuel(store_, out); });
    }
    Fallible<void> set_fuel(std::int64_t fuel) const { return detail::done(pellucid_store_set_fuel(store_, fuel)); }
    Fallible<void> add_fuel(std::int64_t more) const { return detail::done(pellucid_store_add_fuel(store_, more)); }
    Fallible<void> set_fuel_action(pellucid_interrupt_kind_t action) const {
        return detail::done(pellucid_store_set_fuel_action(store_, action));
    }

    // Debugging. The innermost frame of what runs, and its callers; there are frames in callbacks only. See Call::frames.
    Fallible<std::optional<Frame>> frame() const {
        pellucid_frame_t frame;
        pellucid_status_t status = pellucid_frame_newest(store_, &frame);
        return detail::find(status, [&] { return Frame(store_, frame); });
    }
    Fallible<Frames> frames() const {
        pellucid_frame_t frame;
        pellucid_status_t status = pellucid_frame_newest(store_, &frame);
        if (status == PELLUCID_ERR_NOT_FOUND) return Frames();
        return detail::finish(status, [&] { return Frames(Frames::iterator(store_, frame)); });
    }
    // The innermost frame of each activation.
    Fallible<std::vector<Frame>> activations() const {
        std::vector<pellucid_frame_t> plain;
        pellucid_status_t status = detail::list(
            plain, [&](pellucid_frame_t *out, std::size_t cap, std::size_t *n) { return pellucid_frame_activations(store_, out, cap, n); });
        return detail::finish(status, [&] {
            std::vector<Frame> frames;
            for (const pellucid_frame_t &frame : plain) frames.emplace_back(store_, frame);
            return frames;
        });
    }
    // A handler: pellucid_action_t or void(StoreRef, HandledEvent). void is to continue.
    template <class F>
    Fallible<void> set_event_handler(pellucid_event_kind_t mask, F handler) const {
        return detail::done(
            pellucid_store_set_event_handler(store_, mask, new F(std::move(handler)), handle_event<F>, detail::delete_it<F>));
    }
    Fallible<void> clear_event_handler() const { return detail::done(pellucid_store_clear_event_handler(store_)); }
    Fallible<std::uint64_t> refused_pauses() const {
        return number<std::uint64_t>([&](std::uint64_t *out) { return pellucid_store_refused_pauses(store_, out); });
    }
    Fallible<Edit> edit() const {
        pellucid_edit_t *edit = nullptr;
        pellucid_status_t status = pellucid_edit_begin(store_, &edit);
        return detail::finish(status, [&] { return Edit(store_, edit); });
    }
    // Ids.
    Fallible<std::vector<std::uint64_t>> breakpoints() const {
        return list<std::uint64_t>(
            [&](std::uint64_t *out, std::size_t cap, std::size_t *n) { return pellucid_breakpoint_list(store_, out, cap, n); });
    }
    Fallible<pellucid_breakpoint_info_t> breakpoint(std::uint64_t id) const {
        auto info = detail::sized<pellucid_breakpoint_info_t>();
        pellucid_status_t status = pellucid_breakpoint_info(store_, id, &info);
        return detail::finish(status, [&] { return info; });
    }
    struct BreakpointName {
        // Of imports.
        std::string_view module;
        std::string_view name;
    };
    Fallible<std::optional<BreakpointName>> breakpoint_name(std::uint64_t id) const {
        pellucid_str_t module = {nullptr, 0}, name = {nullptr, 0};
        pellucid_status_t status = pellucid_breakpoint_name(store_, id, &module, &name);
        return detail::find(status, [&] { return BreakpointName{view(module), view(name)}; });
    }
    Fallible<std::vector<pellucid_breakpoint_place_t>> breakpoint_places(std::uint64_t id) const {
        return list<pellucid_breakpoint_place_t>([&](pellucid_breakpoint_place_t *out, std::size_t cap, std::size_t *n) {
            return pellucid_breakpoint_places(store_, id, out, cap, n);
        });
    }
    Fallible<std::optional<Module>> breakpoint_module(std::uint64_t id) const {
        pellucid_module_t *module = nullptr;
        pellucid_status_t status = pellucid_breakpoint_module(store_, id, &module);
        return detail::find(status, [&] { return Module(module); });
    }
    Fallible<bool> is_single_stepping() const {
        return number<bool>([&](bool *out) { return pellucid_store_is_single_stepping(store_, out); });
    }
    Fallible<bool> is_traced(const Module &module, std::uint32_t func_index) const {
        return number<bool>([&](bool *out) { return pellucid_store_is_traced(store_, module.get(), func_index, out); });
    }
    // What log points write: a function of a Frame, an id and a text.
    template <class F>
    Fallible<void> set_log_point_handler(F handler) const {
        return detail::done(pellucid_store_set_log_point_handler(
            store_, new F(std::move(handler)),
            [](void *userdata, pellucid_store_t *store, const pellucid_frame_t *frame, std::uint64_t id,
               const pellucid_str_t *text) noexcept { (*static_cast<F *>(userdata))(Frame(store, *frame), id, view(*text)); },
            detail::delete_it<F>));
    }
    Fallible<void> clear_log_point_handler() const {
        return detail::done(pellucid_store_set_log_point_handler(store_, nullptr, nullptr, nullptr));
    }
    Fallible<std::vector<std::uint64_t>> watchpoints() const {
        return list<std::uint64_t>(
            [&](std::uint64_t *out, std::size_t cap, std::size_t *n) { return pellucid_watchpoint_list(store_, out, cap, n); });
    }
    Fallible<pellucid_watchpoint_info_t> watchpoint(std::uint64_t id) const {
        auto info = detail::sized<pellucid_watchpoint_info_t>();
        pellucid_status_t status = pellucid_watchpoint_info(store_, id, &info);
        return detail::finish(status, [&] { return info; });
    }
    // Writes a core dump, part by part: void or Result<void>(Bytes). What it throws comes out of this function.
    template <class F>
    Fallible<void> core_dump(std::string_view name, F &&write, pellucid_core_dump_options_t options = 0) const {
        return detail::parts(
            write,
            [&](void *userdata, pellucid_core_dump_cb_t cb, pellucid_error_t **error) {
                return pellucid_store_core_dump(store_, name.data(), name.size(), options, userdata, cb, error);
            },
            store_);
    }
    Fallible<void> core_dump_file(std::string_view name, std::string_view path, pellucid_core_dump_options_t options = 0) const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status =
            pellucid_store_core_dump_file(store_, name.data(), name.size(), options, path.data(), path.size(), &error);
        return detail::done(status, error, store_);
    }

    // The type of a function object, as the library knows it.
    template <class F>
    static pellucid_status_t host_type(pellucid_functype_t **out) {
        return make_type(static_cast<typename detail::Host<F>::Type *>(nullptr), out);
    }

private:
    template <class R, class... A>
    static pellucid_status_t make_type(R (*)(A...), pellucid_functype_t **out) {
        const pellucid_kind_t params[] = {detail::Wasm<A>::kind..., 0};
        pellucid_kind_t results[detail::Results<R>::size + 1];
        detail::Results<R>::kinds(results);
        return pellucid_functype_new(params, sizeof...(A), results, detail::Results<R>::size, out);
    }
    template <class T, class Ask>
    static Fallible<T> number(Ask &&ask) {
        T number = T();
        pellucid_status_t status = ask(&number);
        return detail::finish(status, [&] { return number; });
    }
    template <class T, class Ask>
    static Fallible<std::vector<T>> list(Ask &&ask) {
        std::vector<T> items;
        pellucid_status_t status = detail::list(items, ask);
        return detail::finish(status, [&] { return std::move(items); });
    }
    template <class F>
    static pellucid_action_t handle_event(void *userdata, pellucid_store_t *store, pellucid_event_t *event) noexcept {
        F &handler = *static_cast<F *>(userdata);
        PELLUCID_TRY {
            if constexpr (std::is_void_v<decltype(handler(StoreRef(store), HandledEvent(store, event)))>) {
                handler(StoreRef(store), HandledEvent(store, event));
                return PELLUCID_ACTION_CONTINUE;
            } else {
                return handler(StoreRef(store), HandledEvent(store, event));
            }
        }
        PELLUCID_CATCH {
            pellucid_error_t *error = detail::catch_it(store);
            pellucid_str_t message = {nullptr, 0};
            if (error != nullptr && pellucid_error_message(error, &message) == PELLUCID_OK)
                pellucid_event_set_message(event, message.data, message.size);
            pellucid_error_delete(error);
            return PELLUCID_ACTION_TRAP;
        }
    }
    pellucid_store_t *store_;
};

namespace detail {

inline void delete_store(pellucid_store_t *store) noexcept {
    common::Thrown::all().forget(pellucid_store_id(store));
    pellucid_store_delete(store);
}

template <class C>
StoreRef Handle<C>::store() const noexcept {
    return StoreRef(store_);
}

} // namespace detail

inline StoreRef Caller::store() const noexcept { return StoreRef(pellucid_caller_store(caller_)); }
inline StoreRef Frame::store() const noexcept { return StoreRef(store_); }

template <class T>
std::optional<T> Value::as(const StoreRef &store) const noexcept {
    static_assert(detail::Wasm<T>::exists, "what guests have are numbers of 4 and 8 bytes, V128, Func, ExternRef, AnyRef and ExnRef");
    if (kind != detail::Wasm<T>::kind) return std::nullopt;
    if constexpr (detail::Wasm<T>::is_reference)
        return detail::Wasm<T>::take(store.get(), of);
    else
        return detail::Wasm<T>::take(of);
}

inline Fallible<Kept> Kept::create(const StoreRef &store, const Value &value) {
    pellucid_status_t status = pellucid_value_keep(store.get(), &value);
    return detail::finish(status, [&] { return Kept(store.get(), value); });
}

// Where everything lives and guests run.
class Store : public StoreRef {
public:
    Store() noexcept : StoreRef(nullptr) {}
    explicit Store(pellucid_store_t *store) noexcept : StoreRef(store) {}
    Store(Store &&other) noexcept : StoreRef(other.release()) {}
    Store &operator=(Store &&other) noexcept {
        if (this != &other) {
            Store old(release());
            static_cast<StoreRef &>(*this) = StoreRef(other.release());
        }
        return *this;
    }
    Store(const Store &) = delete;
    Store &operator=(const Store &) = delete;
    ~Store() {
        if (get() != nullptr) detail::delete_store(get());
    }
    pellucid_store_t *release() noexcept {
        pellucid_store_t *store = get();
        static_cast<StoreRef &>(*this) = StoreRef(nullptr);
        return store;
    }
    explicit operator bool() const noexcept { return get() != nullptr; }
};

inline Fallible<Store> Engine::create_store() const {
    pellucid_store_t *store = nullptr;
    pellucid_error_t *error = nullptr;
    pellucid_status_t status = pellucid_store_new(get(), nullptr, nullptr, &store, &error);
    return detail::finish(status, error, nullptr, [&] { return Store(store); });
}

template <class T>
Fallible<Store> Engine::create_store(T data) const {
    pellucid_store_t *store = nullptr;
    pellucid_error_t *error = nullptr;
    pellucid_status_t status = pellucid_store_new(get(), new T(std::move(data)), detail::delete_it<T>, &store, &error);
    return detail::finish(status, error, nullptr, [&] { return Store(store); });
}

// ==================================================================================================
// WASI and linkers
// ==================================================================================================

// What a program gets. Setters may be chained; the first failure is told when the configuration is used.
class WasiConfig : public detail::Owner<pellucid_wasi_config_t, pellucid_wasi_config_delete> {
public:
    WasiConfig() noexcept : Owner(make()) {}
    explicit WasiConfig(pellucid_wasi_config_t *config) noexcept : Owner(config) {}

    WasiConfig &arg(std::string_view arg) { return set(pellucid_wasi_config_add_arg(get(), arg.data(), arg.size())); }
    WasiConfig &args(std::initializer_list<std::string_view> args) {
        for (std::string_view each : args) arg(each);
        return *this;
    }
    WasiConfig &env(std::string_view name, std::string_view value) {
        return set(pellucid_wasi_config_set_env(get(), name.data(), name.size(), value.data(), value.size()));
    }
    WasiConfig &inherit_env() { return set(pellucid_wasi_config_inherit_env(get())); }
    WasiConfig &stream(pellucid_wasi_stream_t stream, pellucid_wasi_source_t source) {
        return set(pellucid_wasi_config_set_stream(get(), stream, source));
    }
    // All three.
    WasiConfig &inherit_stdio() {
        return stream(PELLUCID_WASI_STDIN, PELLUCID_WASI_INHERIT)
            .stream(PELLUCID_WASI_STDOUT, PELLUCID_WASI_INHERIT)
            .stream(PELLUCID_WASI_STDERR, PELLUCID_WASI_INHERIT);
    }
    WasiConfig &capture_limit(std::size_t n_bytes) { return set(pellucid_wasi_config_set_capture_limit(get(), n_bytes)); }
    WasiConfig &file(pellucid_wasi_stream_t stream, std::string_view path) {
        return set([&](pellucid_error_t **error) { return pellucid_wasi_config_set_file(get(), stream, path.data(), path.size(), error); });
    }
    WasiConfig &input(Bytes bytes) { return set(pellucid_wasi_config_set_input(get(), bytes.data(), bytes.size())); }
    WasiConfig &input(std::string_view text) {
        return set(pellucid_wasi_config_set_input(get(), reinterpret_cast<const std::uint8_t *>(text.data()), text.size()));
    }
    // How many bytes of the place it has filled; 0 is the end: std::size_t(Span<std::uint8_t>). Nothing, of an optional, is "not yet".
    template <class F>
    WasiConfig &input_callback(F read) {
        return set(pellucid_wasi_config_set_input_callback(
            get(), new F(std::move(read)),
            [](void *userdata, std::uint8_t *bytes, std::size_t cap_bytes, std::size_t *out_n) noexcept -> pellucid_status_t {
                PELLUCID_TRY {
                    std::optional<std::size_t> n = (*static_cast<F *>(userdata))(Span<std::uint8_t>(bytes, cap_bytes));
                    if (!n) return PELLUCID_YIELD;
                    *out_n = *n;
                    return PELLUCID_OK;
                }
                PELLUCID_CATCH { return PELLUCID_ERR_HOST; }
            },
            detail::delete_it<F>));
    }
    // void(Bytes), or bool(Bytes), of which false is "not yet".
    template <class F>
    WasiConfig &output_callback(pellucid_wasi_stream_t stream, F write) {
        return set(pellucid_wasi_config_set_output_callback(
            get(), stream, new F(std::move(write)),
            [](void *userdata, const std::uint8_t *bytes, std::size_t n_bytes) noexcept -> pellucid_status_t {
                F &function = *static_cast<F *>(userdata);
                PELLUCID_TRY {
                    if constexpr (std::is_void_v<decltype(function(Bytes()))>)
                        function(Bytes(bytes, n_bytes));
                    else if (!function(Bytes(bytes, n_bytes)))
                        return PELLUCID_YIELD;
                    return PELLUCID_OK;
                }
                PELLUCID_CATCH { return PELLUCID_ERR_HOST; }
            },
            detail::delete_it<F>));
    }
    WasiConfig &folder(std::string_view host_path, std::string_view guest_path, bool is_read_only = false) {
        return set([&](pellucid_error_t **error) {
            return pellucid_wasi_config_add_folder(get(), host_path.data(), host_path.size(), guest_path.data(), guest_path.size(),
                                                   is_read_only, error);
        });
    }
    WasiConfig &socket(std::int32_t socket) {
        return set([&](pellucid_error_t **error) { return pellucid_wasi_config_add_socket(get(), socket, error); });
    }
    WasiConfig &fixed_clocks(std::uint64_t start, std::uint64_t step) {
        return set(pellucid_wasi_config_set_fixed_clocks(get(), start, step));
    }
    WasiConfig &random_seed(std::uint64_t seed) { return set(pellucid_wasi_config_set_random_seed(get(), seed)); }
    WasiConfig &yielding(bool is_yielding = true) { return set(pellucid_wasi_config_set_yielding(get(), is_yielding)); }

    // The first failure, if there was one.
    const std::optional<Error> &error() const noexcept { return error_; }

private:
    static pellucid_wasi_config_t *make() noexcept {
        pellucid_wasi_config_t *config = nullptr;
        pellucid_wasi_config_new(&config);
        return config;
    }
    WasiConfig &set(pellucid_status_t status) {
        if (status != PELLUCID_OK && !error_) error_ = Error(status, nullptr);
        return *this;
    }
    template <class Set, class = std::enable_if_t<std::is_invocable_v<Set, pellucid_error_t **>>>
    WasiConfig &set(Set &&how) {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = how(&error);
        if (status != PELLUCID_OK) {
            Error failure(status, error);
            if (!error_) error_ = failure;
        }
        return *this;
    }
    std::optional<Error> error_;
};

// What a program writes to captured streams.
class Wasi : public detail::Owner<pellucid_wasi_t, pellucid_wasi_delete> {
public:
    using Owner::Owner;

    Fallible<std::size_t> size(pellucid_wasi_stream_t stream) const {
        std::size_t n = 0;
        pellucid_status_t status = pellucid_wasi_size(get(), stream, &n);
        return detail::finish(status, [&] { return n; });
    }
    // How many bytes were there.
    Fallible<std::size_t> read(pellucid_wasi_stream_t stream, Span<std::uint8_t> out) const {
        std::size_t n = 0;
        pellucid_status_t status = pellucid_wasi_read(get(), stream, out.data(), out.size(), &n);
        return detail::finish(status, [&] { return n; });
    }
    // All that was written and not read.
    Fallible<std::string> take(pellucid_wasi_stream_t stream) const {
        std::string text;
        std::size_t n = 0;
        pellucid_status_t status = pellucid_wasi_size(get(), stream, &n);
        if (status == PELLUCID_OK) {
            text.resize(n);
            status = pellucid_wasi_read(get(), stream, reinterpret_cast<std::uint8_t *>(text.data()), text.size(), &n);
            text.resize(status == PELLUCID_OK ? n : 0);
        }
        return detail::finish(status, [&] { return std::move(text); });
    }
};

class WasiThreads;

// A linker, which somebody else owns.
class LinkerRef {
public:
    explicit LinkerRef(pellucid_linker_t *linker) noexcept : linker_(linker) {}

    pellucid_linker_t *get() const noexcept { return linker_; }
    Fallible<void> set_shadowing(bool is_on) const { return detail::done(pellucid_linker_set_shadowing(linker_, is_on)); }
    Fallible<void> define(const StoreRef &store, std::string_view module, std::string_view name, const Extern &item) const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status =
            pellucid_linker_define(linker_, store.get(), module.data(), module.size(), name.data(), name.size(), &item.get(), &error);
        return detail::done(status, error, store.get());
    }
    // A host function: see StoreRef::func.
    template <class F, class = std::enable_if_t<detail::is_host_function<F>>>
    Fallible<void> define(const StoreRef &store, std::string_view module, std::string_view name, F function) const {
        pellucid_functype_t *type = nullptr;
        pellucid_status_t status = StoreRef::host_type<F>(&type);
        if (status != PELLUCID_OK) return detail::fail<void>(status);
        FuncType owned(type);
        pellucid_error_t *error = nullptr;
        status = pellucid_linker_define_func_raw(linker_, store.get(), module.data(), module.size(), name.data(), name.size(), type,
                                                 new F(std::move(function)), detail::Host<F>::entry, detail::delete_it<F>, &error);
        return detail::done(status, error, store.get());
    }
    template <class F>
    Fallible<void> define(const StoreRef &store, std::string_view module, std::string_view name, const FuncType &type, F function) const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status =
            pellucid_linker_define_func(linker_, store.get(), module.data(), module.size(), name.data(), name.size(), type.get(),
                                        new F(std::move(function)), detail::host_on_values<F>, detail::delete_it<F>, &error);
        return detail::done(status, error, store.get());
    }
    Fallible<void> define_instance(const StoreRef &store, std::string_view module, const Instance &instance) const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status =
            pellucid_linker_define_instance(linker_, store.get(), module.data(), module.size(), &instance.get(), &error);
        return detail::done(status, error, store.get());
    }
    Fallible<void> define_unknown_as_traps(const StoreRef &store, const Module &module) const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_linker_define_unknown_as_traps(linker_, store.get(), module.get(), &error);
        return detail::done(status, error, store.get());
    }
    Fallible<Wasi> define_wasi(const StoreRef &store, const WasiConfig &config) const {
        if (config.error()) return detail::fail<Wasi>(*config.error());
        pellucid_wasi_t *wasi = nullptr;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_linker_define_wasi(linker_, store.get(), config.get(), &wasi, &error);
        return detail::finish(status, error, store.get(), [&] { return Wasi(wasi); });
    }
    Fallible<void> define_wasi_threads(const StoreRef &store, const WasiThreads &threads) const;
    Fallible<std::optional<Extern>> find(const StoreRef &store, std::string_view module, std::string_view name) const {
        pellucid_extern_t item;
        pellucid_status_t status = pellucid_linker_get(linker_, store.get(), module.data(), module.size(), name.data(), name.size(), &item);
        return detail::find(status, [&] { return Extern(store.get(), item); });
    }
    Fallible<Instance> instantiate(const StoreRef &store, const Module &module) const {
        pellucid_instance_t instance = {0, 0};
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_linker_instantiate(linker_, store.get(), module.get(), &instance, &error);
        return detail::finish(status, error, store.get(), [&] { return Instance(store.get(), instance); });
    }
    Fallible<Begun> begin(const StoreRef &store, const Module &module) const {
        pellucid_instance_t instance = {0, 0};
        pellucid_call_t *call = nullptr;
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = pellucid_linker_begin(linker_, store.get(), module.get(), &instance, &call, &error);
        return detail::finish(status, error, store.get(), [&] { return Begun{Instance(store.get(), instance), Call(store.get(), call)}; });
    }

private:
    pellucid_linker_t *linker_;
};

class Linker : public LinkerRef {
public:
    Linker() noexcept : LinkerRef(nullptr) {}
    explicit Linker(pellucid_linker_t *linker) noexcept : LinkerRef(linker) {}
    Linker(Linker &&other) noexcept : LinkerRef(other.release()) {}
    Linker &operator=(Linker &&other) noexcept {
        if (this != &other) {
            Linker old(release());
            static_cast<LinkerRef &>(*this) = LinkerRef(other.release());
        }
        return *this;
    }
    Linker(const Linker &) = delete;
    Linker &operator=(const Linker &) = delete;
    ~Linker() { pellucid_linker_delete(get()); }
    pellucid_linker_t *release() noexcept {
        pellucid_linker_t *linker = get();
        static_cast<LinkerRef &>(*this) = LinkerRef(nullptr);
        return linker;
    }
    explicit operator bool() const noexcept { return get() != nullptr; }
};

inline Fallible<Linker> Engine::create_linker() const {
    pellucid_linker_t *linker = nullptr;
    pellucid_status_t status = pellucid_linker_new(get(), &linker);
    return detail::finish(status, [&] { return Linker(linker); });
}

// The threads of a program: stores that share a module, memories and descriptors.
class WasiThreads : public detail::Owner<pellucid_wasi_threads_t, pellucid_wasi_threads_delete> {
public:
    WasiThreads() noexcept = default;
    explicit WasiThreads(pellucid_wasi_threads_t *threads, pellucid_wasi_t *wasi = nullptr) noexcept : Owner(threads), wasi_(wasi) {}

    static Fallible<WasiThreads> create(const Module &module, const WasiConfig &config, std::uint32_t most_threads) {
        return make(module, config, most_threads, nullptr, nullptr, nullptr);
    }
    // With a function that prepares each thread's store, on that thread: void or Result<void>(std::uint32_t, StoreRef, LinkerRef).
    template <class F>
    static Fallible<WasiThreads> create(const Module &module, const WasiConfig &config, std::uint32_t most_threads, F prepare) {
        return make(module, config, most_threads, new F(std::move(prepare)), call_prepare<F>, detail::delete_it<F>);
    }
    // The same, and a function that runs each thread's call: void or Result<void>(std::uint32_t, StoreRef, pellucid_call_t *).
    template <class F, class G>
    static Fallible<WasiThreads> create(const Module &module, const WasiConfig &config, std::uint32_t most_threads, F prepare, G run) {
        using Both = std::pair<F, G>;
        pellucid_wasi_threads_t *threads = nullptr;
        pellucid_wasi_t *wasi = nullptr;
        pellucid_error_t *error = nullptr;
        if (config.error()) return detail::fail<WasiThreads>(*config.error());
        pellucid_status_t status = pellucid_wasi_threads_new(
            module.get(), config.get(), most_threads, new Both(std::move(prepare), std::move(run)),
            [](void *userdata, std::uint32_t thread, pellucid_store_t *store, pellucid_linker_t *linker,
               pellucid_error_t **out_error) noexcept {
                return call_prepare<F>(&static_cast<Both *>(userdata)->first, thread, store, linker, out_error);
            },
            detail::delete_it<Both>, &threads, &wasi, &error);
        if (status == PELLUCID_OK)
            status = pellucid_wasi_threads_set_run_callback(threads, [](void *userdata, std::uint32_t thread, pellucid_store_t *store,
                                                                        pellucid_call_t *call, pellucid_error_t **out_error) noexcept {
                return detail::guard(store, out_error,
                                     [&] { return static_cast<Both *>(userdata)->second(thread, StoreRef(store), call); });
            });
        return detail::finish(status, error, nullptr, [&] { return WasiThreads(threads, wasi); });
    }
    // What all threads write to captured streams.
    const Wasi &wasi() const noexcept { return wasi_; }
    Fallible<void> join() const { return end(pellucid_wasi_threads_join); }
    Fallible<void> end() const { return end(pellucid_wasi_threads_end); }
    Fallible<void> interrupt(pellucid_interrupt_kind_t kind) const { return detail::done(pellucid_wasi_threads_interrupt(get(), kind)); }
    bool is_ending() const noexcept { return pellucid_wasi_threads_is_ending(get()); }
    std::size_t count() const noexcept { return pellucid_wasi_threads_count(get()); }

private:
    template <class F>
    static pellucid_status_t call_prepare(void *userdata, std::uint32_t thread, pellucid_store_t *store, pellucid_linker_t *linker,
                                          pellucid_error_t **out_error) noexcept {
        return detail::guard(store, out_error, [&] { return (*static_cast<F *>(userdata))(thread, StoreRef(store), LinkerRef(linker)); });
    }
    static Fallible<WasiThreads> make(const Module &module, const WasiConfig &config, std::uint32_t most_threads, void *userdata,
                                      pellucid_wasi_thread_cb_t cb, pellucid_finalizer_t finalizer) {
        pellucid_wasi_threads_t *threads = nullptr;
        pellucid_wasi_t *wasi = nullptr;
        pellucid_error_t *error = nullptr;
        if (config.error()) {
            if (finalizer != nullptr) finalizer(userdata);
            return detail::fail<WasiThreads>(*config.error());
        }
        pellucid_status_t status =
            pellucid_wasi_threads_new(module.get(), config.get(), most_threads, userdata, cb, finalizer, &threads, &wasi, &error);
        return detail::finish(status, error, nullptr, [&] { return WasiThreads(threads, wasi); });
    }
    Fallible<void> end(pellucid_status_t (*how)(pellucid_wasi_threads_t *, pellucid_error_t **)) const {
        pellucid_error_t *error = nullptr;
        pellucid_status_t status = how(get(), &error);
        return detail::done(status, error);
    }
    Wasi wasi_;
};

inline Fallible<void> LinkerRef::define_wasi_threads(const StoreRef &store, const WasiThreads &threads) const {
    pellucid_error_t *error = nullptr;
    pellucid_status_t status = pellucid_linker_define_wasi_threads(linker_, store.get(), threads.get(), &error);
    return detail::done(status, error, store.get());
}

#undef PELLUCID_TRY
#undef PELLUCID_CATCH

} // inline namespace
} // namespace pellucid

#endif /* PELLUCID_HPP */
