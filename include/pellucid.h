/*
 * Pellucid: a WebAssembly engine made to be embedded and to be looked into.
 *
 * This file is generated from src/ffi by build.rs; it is the contract. docs/CONVENTIONS.md says the same at more
 * length, with reasons.
 *
 * HOW TO READ THIS FILE
 *
 * Each section is about one noun: its types, then its functions, which are called pellucid_<noun>_<verb>. A bare noun
 * is a getter. The first sections are the library, errors, configuration, engine, types, modules; then what lives in a
 * store; debugging comes last. A program that only runs WebAssembly needs config, engine, module, linker, store,
 * instance, func and error.
 *
 * The comment of a function gives its parameters, what it returns, and three lines:
 *
 *     Owns:     who owns what afterwards. "Nothing" means that nothing changes hands; borrowed results say until when
 *               they are valid.
 *     Context:  where it may be called, see CALL CONTEXTS.
 *     Since:    the first version of the library that has it.
 *
 * OWNERSHIP
 *
 * There are four kinds of handle.
 *
 *   Owned          Opaque pointers that a function gives to the caller, who deletes them with the _delete function of
 *                  their type: config, engine, module, functype, externtype, store, linker, wasi_config, wasi, wasi_threads, call,
 *                  edit, interrupt, shared_memory, error. Objects may be deleted in any order: what needs another object keeps it alive. A
 *                  _delete accepts NULL, returns nothing and never fails, except while another thread uses the store:
 *                  see THREADS.
 *   Store-scoped   16 bytes of plain data that name something in a store: instance, func, memory, table, global,
 *                  externref, tag, exnref, anyref, weak. Copy them, never delete them (but see pellucid_weak_delete, and OBJECTS). With another store than theirs they are refused with
 *                  PELLUCID_ERR_WRONG_STORE.
 *   Pause-scoped   32 bytes of plain data that name something which is there until the guest runs on: frame. From then
 *                  on it is refused with PELLUCID_ERR_STALE_HANDLE.
 *   Borrowed       Pointers that are valid for a while only: caller and event until the callback returns; strings and
 *                  bytes as long as their function says.
 *
 * A pointer may be NULL where its parameter says so. Strings and arrays are a pointer and the number of bytes or
 * elements beside it; with the number 0 the pointer may be NULL. Strings are UTF-8 and aren't terminated by NUL.
 *
 * ERRORS
 *
 * A function that can fail returns pellucid_status_t: PELLUCID_OK, which is 0, or a negative number. (But for
 * pellucid_caller_yield, whose success is PELLUCID_YIELD.) Its
 * out-parameters, whose names start with out_, are written only if it succeeds; arrays named results too.
 *
 * Where there is more to say, the last parameter is out_error: on failure it gets an error object with a message, and
 * for traps with the guest's backtrace; on success it isn't touched. It may be NULL. Errors are never kept in the
 * thread.
 *
 * Each function lists the statuses that it can return, except for those that many can:
 *
 *   PELLUCID_ERR_NULL_ARGUMENT     A required pointer is NULL.
 *   PELLUCID_ERR_INVALID_ARGUMENT  A pointer is misaligned (also out_error: nothing is done then), or a number of elements
 *                                  impossible.
 *   PELLUCID_ERR_SYSTEM            There is no memory for what the function makes, see MEMORY.
 *   PELLUCID_ERR_PANIC             A bug in the library. If it happened in a store, the store is poisoned.
 *
 * Functions that can't fail return their result, and a documented default for NULL.
 *
 * CALLBACKS
 *
 * A callback gets the userdata that was registered with it as its first argument. A finalizer beside it frees the
 * userdata: it runs exactly once, when the library needs it no more, or before the function returns that was given it, if
 * that fails. It must not call functions of this library.
 *
 * THREADS
 *
 * Config, engine, module, functype, externtype, wasi_config, wasi, wasi_threads, interrupt, shared_memory and error may be used by any thread, also by
 * several at once, as long as none deletes what another uses. A store with everything in it, its calls and its edit sessions are used by one thread
 * at a time, deletions included; which one may change between uses, also while a call is paused. So is a linker. While
 * a guest runs, its store is in use by the thread that runs it, and by the callbacks in that thread. Using a store, its
 * calls or its edit sessions from a second thread then is refused with PELLUCID_ERR_BUSY. Functions without a status answer
 * as for NULL; a deletion does nothing but log an error, and the object is still the caller's. Two threads in one linker at
 * a time aren't detected.
 *
 * CALL CONTEXTS
 *
 *   any thread                      Everywhere, also in log callbacks.
 *   any                             On the thread that uses the store: while no guest runs, while calls are paused, in
 *                                   host functions and in event handlers.
 *   in the callback, while ...      As it says.
 *
 * No function may be called in a finalizer, and in a signal handler only pellucid_signal_handle, pellucid_interrupt_request and
 * pellucid_interrupt_withdraw.
 *
 * OBJECTS
 *
 * Structures and arrays that guests make, and exceptions that they take references of, are collected when nobody has a reference to them, the
 * host included. What the host is given, as an argument, a result, a local or a field, is a number (pellucid_anyref_t, pellucid_exnref_t)
 * that keeps the object for a while: in a host function, an event handler or a condition until that returns; elsewhere until the scope is closed that is open then
 * (pellucid_scope_open), and as long as the store if none is; and in any case as long as it is kept (pellucid_value_keep,
 * pellucid_object_keep). Then it is refused with PELLUCID_ERR_OUT_OF_RANGE; numbers aren't used again. An object has one number at a time,
 * by which it is told from others. What an exception carries is good as long as its error or event is there, copies included.
 *
 * Raw references (pellucid_raw_t) keep nothing. Those that a host function gets are good until it returns; others until an object is made or
 * garbage is collected, in whatever way. A raw value that isn't a reference of the store is refused where it is handed in.
 *
 * References to the host's values (pellucid_externref_new) live as long as the store if they are made where no scope is open and no host
 * function runs. Others go, and their finalizers run, when neither the host nor the guest has them; pellucid_value_keep keeps them, too.
 *
 * MEMORY
 *
 * Where a module or a guest decides how much memory is asked for, as in loading, compiling and instantiating modules, in
 * growing memories and tables, in backtraces and in the functions of WASI, a refusal is PELLUCID_ERR_SYSTEM, or what the
 * function says, also if just a few bytes are refused. So it is, however little is left, for what these functions make for the host:
 *
 *     pellucid_config_new, pellucid_engine_new, pellucid_engine_clone, pellucid_error_new, pellucid_error_text,
 *     pellucid_functype_new, pellucid_module_clone, pellucid_module_func_type, pellucid_store_new, pellucid_func_new,
 *     pellucid_func_new_raw, pellucid_memory_new, pellucid_table_new, pellucid_global_new, pellucid_externref_new,
 *     pellucid_linker_new and pellucid_linker_define with all its variants, pellucid_edit_begin, pellucid_edit_add,
 *     pellucid_edit_add_at_function, pellucid_wasi_config_new, pellucid_shared_memory_new,
 *
 * and for getters of modules, types and errors. Where there is no memory for an error object, out_error gets one that says so,
 * and that is always there; it is used and deleted as any other. A backtrace that there is no memory for ends early.
 *
 * The others ask for a few bytes of their own, in numbers that don't depend on the module, and end the process by abort() if
 * these are refused:
 *
 *     calls: pellucid_func_call, pellucid_func_call_raw, pellucid_func_call_for, pellucid_call_begin, pellucid_call_begin_raw,
 *       pellucid_call_results_raw, pellucid_call_resume, pellucid_call_resume_for, pellucid_call_set_goal, pellucid_call_trap, pellucid_call_awaited_args,
 *       pellucid_call_give, pellucid_call_give_raw; and of
 *       pellucid_instance_new, pellucid_instance_begin, pellucid_linker_instantiate and pellucid_linker_begin what isn't the module's;
 *     what only debugging has: pellucid_frame_*, pellucid_call_frame, pellucid_call_event, pellucid_breakpoint_*,
 *       pellucid_event_*, pellucid_store_core_dump, pellucid_store_core_dump_file, and pellucid_edit_* but for the three above. For
 *       what a module, a name or a text decides, as where many functions have one name, they answer PELLUCID_ERR_SYSTEM where their
 *       descriptions say so. Of a paused guest's frames they keep the values of locals and operands, so here the module has a say;
 *     objects: pellucid_store_heap_types, pellucid_object_referrers, pellucid_exception_new, pellucid_exnref_new, pellucid_tag_new;
 *     others: pellucid_func_type, pellucid_store_interrupt, pellucid_shared_memory_clone, pellucid_log_set, and pellucid_wasi_config_* with text, bytes or callbacks.
 *
 * STACKS
 *
 * Guests run on stacks of the library's own (PELLUCID_LIMIT_STACK_BYTES); host functions and event handlers run on the stack
 * of the thread that called. Of that a function of the library takes up to 8 KiB, so that threads may have stacks as small as the
 * system makes them, 16 KiB. What compiles takes more: pellucid_module_new and its variants, pellucid_module_validate, and
 * whatever first makes, defines or calls a function of some type. If fewer than 256 KiB of the thread's stack are left for
 * it, or nobody knows how many, as on a fiber, it is done on a thread that ends before the function returns, with a stack of
 * 2 MiB; if there can be no such thread, the function returns PELLUCID_ERR_SYSTEM. Calls that are nested in others
 * leave a part of the stack alone, see SIGNALS.
 *
 * SIGNALS
 *
 * The faults of guests (accesses out of bounds, divisions by zero, exhausted stacks) are signals. Unless the configuration
 * says otherwise (pellucid_config_set_signal_handlers), the first engine installs handlers for SIGSEGV, SIGBUS, SIGILL and
 * SIGFPE, with SA_SIGINFO, SA_ONSTACK and SA_NODEFER, for the process and for good. They take what code of a guest did on
 * a guest's stack. Everything else goes to the handlers that were there before, as if ours weren't: with their masks,
 * SA_RESETHAND and SA_NODEFER; a default action ends the process. But one, below, other signals aren't
 * touched. Errors of host functions,
 * guests that end themselves, and bulk operations out of bounds leave the guest without a signal.
 *
 *   Handlers that are installed later for these four signals get the guests' faults first. Such a handler calls
 *     pellucid_signal_handle, or the program calls pellucid_signal_install after installing it.
 *   Handlers of other signals (timers, profilers) should be installed with SA_ONSTACK. Without it the system runs them on
 *     the stack of the guest that they interrupt. Such a handler may use 96 KiB of it, also where the guest's stack ends, as
 *     often as it comes: what it needed more is closed when it returns, by a SIGFPE that the library sends the thread and
 *     holds back until then.
 *     In the last kilobytes of a guest's stack, as many as the system's frame for a handler takes (four on most machines), the
 *     system finds no room and doesn't say for which signal. If the program has only one handler without SA_ONSTACK whose
 *     signal isn't blocked, the library runs that, with SI_KERNEL as si_code; if it has several, this signal is lost. Guests of
 *     engines without signal handlers always leave room.
 *   No handler may leave by longjmp what runs on a guest's stack. (Host functions and event handlers run on the thread's own.)
 *   Threads that run guests need an alternate signal stack: sigaltstack. The library makes one, of 64 KiB besides the system's
 *     frame, when a thread that has none, or one with less than 4 KiB besides that frame, first runs a guest; and takes it
 *     away at the thread's end. An alternate stack of the program's own is used as it is, and looked for whenever the program
 *     calls or resumes a guest, which takes the time of a system call; pellucid_signal_install says that it stays. After the
 *     library's own was taken away or replaced, pellucid_signal_install must be called on the thread before guests run there
 *     again.
 *   SIGSEGV, SIGBUS, SIGILL and SIGFPE are unblocked in a thread that first runs a guest, and must not be blocked while
 *     guests run: the system kills a process whose faults are blocked.
 *   The signal of interrupts, SIGRTMIN + 9 unless the configuration names another (pellucid_config_set_interrupt_signal), is
 *     handled from the first use of pellucid_store_interrupt or of a time budget on, with SA_SIGINFO, SA_ONSTACK and SA_RESTART.
 *     The library sends it to threads of the process that run guests, and knows it by what it carries; whatever else comes
 *     with this number goes to the handler that was there before. It is unblocked in a thread that runs guests of a store that
 *     can be interrupted; as long as it is blocked a guest is only interrupted where it calls the host. Host functions may see
 *     system calls end with EINTR. If it comes while a handler of the host's runs it waits until that has returned.
 *     A forked child makes interrupts and timers of its own: what its stores are asked for it asks itself. Guests
 *     that wait or run on the parent's other threads aren't there: a group of WASI threads has its first only, and
 *     nobody waits in a shared memory.
 *   Fibers: host functions may switch to other fibers of the thread, which may run guests of other stores. The calls of one
 *     store nest like calls on one stack: a host function returns only after the calls of that store which were made since
 *     have ended. How much is left of a fiber's stack isn't known to the library.
 *   A thread's own stack: a call that would be nested in another when less than 64 KiB are left of the thread's stack (less
 *     than three eighths, if the stack is small) fails as at PELLUCID_LIMIT_NESTED_CALLS.
 */

#ifndef PELLUCID_H
#define PELLUCID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The version of this header. Programs that can't use macros call pellucid_version. */
#define PELLUCID_VERSION_MAJOR 0
#define PELLUCID_VERSION_MINOR 1
#define PELLUCID_VERSION_PATCH 0
#define PELLUCID_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* ==================================================================================================
 * Strings and bytes
 *
 * Borrowed views of what something else owns.
 * ================================================================================================== */

/**
 * Text that something else owns: `size` bytes of UTF-8 at `data`, not terminated by NUL.
 *
 * Print one with `printf("%.*s", (int)text.size, text.data)`. The function that gives it says until when it is valid.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The first byte; may be NULL if `size` is 0. */
    const char *data;
    /** Number of bytes. */
    size_t size;
} pellucid_str_t;

/**
 * Bytes that something else owns: `size` bytes at `data`.
 *
 * The function that gives them says until when they are valid.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The first byte; may be NULL if `size` is 0. */
    const uint8_t *data;
    /** Number of bytes. */
    size_t size;
} pellucid_bytes_t;

/* ==================================================================================================
 * Statuses
 *
 * What every function that can fail returns.
 * ================================================================================================== */

/** Values of `pellucid_status_t`. */
enum pellucid_status {
    /** Success. */
    PELLUCID_OK = 0,
    /**
     * Not yet. No failure: what a host function returns that has no results yet, see `pellucid_caller_yield`; and what a
     * callback of a WASI stream returns, see `pellucid_wasi_read_cb_t`. No function of the library returns it to its caller but
     * `pellucid_caller_yield`.
     */
    PELLUCID_YIELD = 1,
    /** An argument is out of its documented range, or two arguments contradict each other. */
    PELLUCID_ERR_INVALID_ARGUMENT = -1,
    /** A required pointer is NULL. */
    PELLUCID_ERR_NULL_ARGUMENT = -2,
    /** A handle belongs to another store. */
    PELLUCID_ERR_WRONG_STORE = -3,
    /** A frame that isn't valid any more, because its call has run since. */
    PELLUCID_ERR_STALE_HANDLE = -4,
    /** An index is outside the space that it indexes. */
    PELLUCID_ERR_OUT_OF_RANGE = -5,
    /** A value, function, global or import has another type than required. */
    PELLUCID_ERR_TYPE_MISMATCH = -6,
    /** The bytes aren't a well-formed and valid module, or text. */
    PELLUCID_ERR_INVALID_MODULE = -7,
    /** The module, or the function that was called, needs a feature that this library doesn't have or that is off. */
    PELLUCID_ERR_UNSUPPORTED = -8,
    /** An import is missing or has the wrong type. */
    PELLUCID_ERR_LINK = -9,
    /** The guest trapped. */
    PELLUCID_ERR_TRAP = -10,
    /** A host function or event handler reported failure. */
    PELLUCID_ERR_HOST = -11,
    /** A configured limit would be exceeded. */
    PELLUCID_ERR_LIMIT = -12,
    /** The system refused memory or another resource. */
    PELLUCID_ERR_SYSTEM = -13,
    /** The engine was made without debugging. */
    PELLUCID_ERR_DEBUG_DISABLED = -14,
    /** The object isn't in the state that the function requires. */
    PELLUCID_ERR_INVALID_STATE = -15,
    /** No such name or thing; also how a walk or an optional property ends. */
    PELLUCID_ERR_NOT_FOUND = -16,
    /** A pause was asked for where the guest can't pause. */
    PELLUCID_ERR_CANNOT_PAUSE = -17,
    /** An earlier failure made the store unusable; only deleting it and reading its errors make sense. */
    PELLUCID_ERR_POISONED = -18,
    /** A bug in the library, caught at its border. Please report it. */
    PELLUCID_ERR_PANIC = -19,
    /** The guest ended itself, see `pellucid_error_exit_code`. */
    PELLUCID_ERR_EXIT = -20,
    /** Another thread is using the store, or the call or edit session of it. Nothing was done. */
    PELLUCID_ERR_BUSY = -21,
    /** A host function has no results yet, where the call that it was called in can't wait for them. */
    PELLUCID_ERR_CANNOT_YIELD = -22,
    /** An exception was thrown that nobody caught, see `pellucid_error_exception`. */
    PELLUCID_ERR_EXCEPTION = -23,
    /**
     * A serialized module is for another version of the library, another processor, or an engine with other options. It must be made
     * again from the module's own bytes.
     */
    PELLUCID_ERR_INCOMPATIBLE = -24,
};

/**
 * The outcome of a function: `PELLUCID_OK`, or negative, one of `enum pellucid_status`.
 *
 * Numbers are never reused; a newer library may return ones that this header doesn't know.
 *
 * Since: 0.1.
 */
typedef int32_t pellucid_status_t;

/**
 * The name of a status, such as `PELLUCID_ERR_TRAP`.
 *
 * - `status`: any number.
 * - `out_name`: gets the name.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if no status has this number.
 *
 * Owns: nothing; the name is valid for ever.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_status_name(pellucid_status_t status, pellucid_str_t *out_name);

/* ==================================================================================================
 * The library
 *
 * Its version, whether header and library match, what it can do.
 * ================================================================================================== */

/** Numbers of this header, for programs that can't use its macros. */
enum pellucid_abi {
    /**
     * What `pellucid_abi_check` compares. It grows when a program that was compiled against an older header could
     * misbehave with the library; adding functions doesn't change it.
     */
    PELLUCID_ABI_VERSION = 1,
};

/**
 * The version of the library: major, minor, patch.
 *
 * - `out_major`, `out_minor`, `out_patch`: get the numbers; each may be NULL.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_version(uint32_t *out_major, uint32_t *out_minor, uint32_t *out_patch);

/**
 * The version of the library as text, such as `0.1.0`.
 *
 * - `out_version`: gets the text.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing; the text is valid for ever.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_version_text(pellucid_str_t *out_version);

/**
 * Whether a program was compiled against a header that fits the library that it runs with.
 *
 * - `abi_version`: the header's `PELLUCID_ABI_VERSION`.
 * - `size_of_value`: `sizeof(pellucid_value_t)`.
 * - `size_of_frame`: `sizeof(pellucid_frame_t)`.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_UNSUPPORTED` if the program must be compiled against another header.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_abi_check(uint32_t abi_version,
                                     size_t size_of_value,
                                     size_t size_of_frame);

/**
 * How many features the library has.
 *
 * Returns their number; `pellucid_feature_name` gives each one's name.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
size_t pellucid_feature_count(void);

/**
 * The name of a feature: a WebAssembly proposal such as `multi-value`, or `debug`, or `wat` for the text format.
 *
 * - `index`: less than `pellucid_feature_count()`. Names are in alphabetical order.
 * - `out_name`: gets the name.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing; the name is valid for ever.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_feature_name(size_t index,
                                        pellucid_str_t *out_name);

/* ==================================================================================================
 * Errors
 *
 * What went wrong, for people and for programs.
 * ================================================================================================== */

/** Values of `pellucid_trap_t`. */
enum pellucid_trap {
    /** Not a trap. */
    PELLUCID_TRAP_NONE = 0,
    /** The `unreachable` instruction was executed. */
    PELLUCID_TRAP_UNREACHABLE = 1,
    /** An access touched bytes outside a memory. */
    PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS = 2,
    /** An access touched elements outside a table. */
    PELLUCID_TRAP_TABLE_OUT_OF_BOUNDS = 3,
    /** `call_indirect` found an index outside its table. */
    PELLUCID_TRAP_UNDEFINED_ELEMENT = 4,
    /** `call_indirect` found a null element. */
    PELLUCID_TRAP_UNINITIALIZED_ELEMENT = 5,
    /** `call_indirect` found a function of another type. */
    PELLUCID_TRAP_INDIRECT_CALL_TYPE_MISMATCH = 6,
    /** The result of a signed division or a conversion isn't representable. */
    PELLUCID_TRAP_INTEGER_OVERFLOW = 7,
    /** An integer was divided by zero. */
    PELLUCID_TRAP_INTEGER_DIVIDE_BY_ZERO = 8,
    /** NaN was converted to an integer. */
    PELLUCID_TRAP_INVALID_CONVERSION_TO_INTEGER = 9,
    /**
     * The guest's stack, or the nesting of calls between host and guest, was exhausted. Where a stack ends is up to the
     * machine's code: the innermost frame is the caller's, at the call, whose arguments aren't among its operands any more; or
     * the called function's, at its first operator, whose locals may be unavailable. Frames further out are as at any call.
     */
    PELLUCID_TRAP_CALL_STACK_EXHAUSTED = 10,
    /** A host function returned an error. Events say so; the call's error object is that error, and no trap. */
    PELLUCID_TRAP_HOST_ERROR = 11,
    /** The event handler asked for a trap. */
    PELLUCID_TRAP_REQUESTED = 12,
    /** The host has interrupted the guest, see `pellucid_interrupt_request`. */
    PELLUCID_TRAP_INTERRUPTED = 13,
    /**
     * The guest has used up the time that it was given, see `pellucid_budget_t`, or its store's deadline is reached, see
     * `pellucid_store_set_epoch_deadline`.
     */
    PELLUCID_TRAP_DEADLINE = 14,
    /** The address of an atomic access isn't a multiple of its size. */
    PELLUCID_TRAP_UNALIGNED_ATOMIC = 15,
    /** `memory.atomic.wait` on a memory that isn't shared, where nobody could end it. */
    PELLUCID_TRAP_EXPECTED_SHARED_MEMORY = 16,
    /**
     * The host doesn't allow guests to wait, or not for so long: see `PELLUCID_LIMIT_WAIT_NANOSECONDS` and
     * `pellucid_shared_memory_allow_waits`.
     */
    PELLUCID_TRAP_WAIT_NOT_ALLOWED = 17,
    /** The guest has used up the fuel that it was given, see `pellucid_config_set_fuel`. */
    PELLUCID_TRAP_OUT_OF_FUEL = 18,
    /** A reference was null where none may be: by `call_ref`, `ref.as_non_null`, or an access to an object. */
    PELLUCID_TRAP_NULL_REFERENCE = 19,
    /**
     * An exception was thrown that nobody caught. Events say so; the call's error object has the exception, see
     * `pellucid_error_exception`, and is no trap.
     */
    PELLUCID_TRAP_EXCEPTION = 20,
    /** A reference isn't of the type that it was cast to. */
    PELLUCID_TRAP_CAST_FAILURE = 21,
    /** An access touched elements outside an array. */
    PELLUCID_TRAP_ARRAY_OUT_OF_BOUNDS = 22,
    /** There is no room for another object; see `PELLUCID_LIMIT_HEAP_BYTES`. */
    PELLUCID_TRAP_HEAP_EXHAUSTED = 23,
};

/**
 * What went wrong, for people and for programs. An owned object.
 *
 * Functions that take `out_error` write one there if they fail and `out_error` isn't NULL:
 *
 *     pellucid_error_t *error = NULL;
 *     if (pellucid_module_new(engine, wasm, n_wasm, &module, &error) != PELLUCID_OK) {
 *         pellucid_str_t text;
 *         pellucid_error_text(error, &text);
 *         fprintf(stderr, "%.*s\n", (int)text.size, text.data);
 *         pellucid_error_delete(error);
 *     }
 *
 * Since: 0.1.
 */
typedef struct pellucid_error_t pellucid_error_t;

/**
 * Why the guest trapped: 0, or one of `enum pellucid_trap`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_trap_t;

/**
 * One Wasm frame of an error's backtrace.
 *
 * Since: 0.1.
 */
typedef struct {
    /** Set by the caller to `sizeof(pellucid_backtrace_frame_t)`. */
    uint32_t struct_size;
    /** The function's index in its module, imports counted first. */
    uint32_t func_index;
    /** The operator that was executing, as an offset in the module's bytes. */
    uint32_t pc;
    /** Bytes from the start of the function's body to `pc`. */
    uint32_t func_offset;
    /** The module's name; empty if it has none. */
    pellucid_str_t module_name;
    /** The function's name; empty if it has none. */
    pellucid_str_t func_name;
} pellucid_backtrace_frame_t;

/**
 * Makes an error, for a host function or handler to fail with.
 *
 * - `message`, `n_message`: one line for people, UTF-8. Of several lines the library makes one.
 * - `out_error`: gets the error; its status is `PELLUCID_ERR_HOST`.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` if the message isn't UTF-8; `PELLUCID_ERR_SYSTEM` if there is no
 * memory for it.
 *
 * Owns: the caller owns `*out_error` until it gives it to the library as a callback's error.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_error_new(const char *message,
                                     size_t n_message,
                                     pellucid_error_t **out_error);

/**
 * Deletes an error.
 *
 * - `error`: the error; NULL is fine.
 *
 * Owns: takes `error`.
 * Context: any thread.
 * Since: 0.1.
 */
void pellucid_error_delete(pellucid_error_t *error);

/**
 * The status that goes with an error.
 *
 * - `error`: the error.
 *
 * Returns the status that the failing function returned, or `PELLUCID_ERR_NULL_ARGUMENT`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_error_status(const pellucid_error_t *error);

/**
 * What was wrong, in one line.
 *
 * - `error`: the error.
 * - `out_message`: gets the message.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing; the message is valid until the error is deleted.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_error_message(const pellucid_error_t *error,
                                         pellucid_str_t *out_message);

/**
 * The message and the backtrace, as text of one line or more without a line end. If the backtrace doesn't have all frames
 * (see `pellucid_error_frame_count`), the last line says so.
 *
 * - `error`: the error.
 * - `out_text`: gets the text.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_SYSTEM` if there is no memory for it.
 *
 * Owns: nothing; the text is valid until the error is deleted.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_error_text(const pellucid_error_t *error,
                                      pellucid_str_t *out_text);

/**
 * Why the guest trapped.
 *
 * - `error`: the error.
 *
 * Returns one of `enum pellucid_trap`; `PELLUCID_TRAP_NONE` if the error isn't a trap or is NULL.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_trap_t pellucid_error_trap(const pellucid_error_t *error);

/**
 * What a guest said when it ended itself, as WASI's `proc_exit` does. That is no trap, and has no backtrace.
 *
 * - `error`: the error.
 * - `out_code`: gets the exit code; 0 means success, by convention.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if the error isn't an exit: its status isn't `PELLUCID_ERR_EXIT`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_error_exit_code(const pellucid_error_t *error,
                                           uint32_t *out_code);

/**
 * The memory access that made the guest trap.
 *
 * - `error`: the error.
 * - `out_memory`: gets the memory's number in its store, the `index` of its handle; may be NULL.
 * - `out_address`: gets the first byte that couldn't be accessed, as an offset in the memory; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if the error isn't a trap of a memory access, or the address
 * isn't known: where an access ends beyond 2^64, or it was clear when the guest was compiled that it ends outside.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_error_fault(const pellucid_error_t *error,
                                       uint64_t *out_memory,
                                       uint64_t *out_address);

/**
 * How many Wasm frames the error's backtrace has.
 *
 * - `error`: the error.
 *
 * Returns their number; 0 if no guest code was running, or if `error` is NULL. A backtrace ends at 256 frames: those
 * are the innermost, and what called them isn't told. It ends earlier if there is no memory for more.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
size_t pellucid_error_frame_count(const pellucid_error_t *error);

/**
 * A frame of the error's backtrace.
 *
 * - `error`: the error.
 * - `index`: 0 is the innermost frame.
 * - `out_frame`: gets the frame; its `struct_size` must be set.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_INVALID_ARGUMENT` if `struct_size` isn't set.
 *
 * Owns: nothing; the names are valid until the error is deleted.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_error_frame(const pellucid_error_t *error,
                                       size_t index,
                                       pellucid_backtrace_frame_t *out_frame);

/* ==================================================================================================
 * Userdata
 *
 * How the library gives back what it was given with a callback.
 * ================================================================================================== */

/**
 * Frees what a `userdata` pointer stands for. NULL if nothing needs to be done.
 *
 * It runs exactly once: when the library has made its last use of `userdata`, or before the function that was given it
 * returns, if that function fails. It runs on whatever thread drops the last use, and must not call into the library.
 *
 * Since: 0.1.
 */
typedef void (*pellucid_finalizer_t)(void *userdata);

/* ==================================================================================================
 * Log
 *
 * The library's messages for people.
 * ================================================================================================== */

/** Values of `pellucid_log_level_t`. A level includes those before it. */
enum pellucid_log_level {
    /** No messages. */
    PELLUCID_LOG_OFF = 0,
    /** Something failed that no status can report. */
    PELLUCID_LOG_ERROR = 1,
    /** Something is probably not as intended. */
    PELLUCID_LOG_WARN = 2,
    /** What happens, in large. */
    PELLUCID_LOG_INFO = 3,
    /** What happens, for people who look for a fault. */
    PELLUCID_LOG_DEBUG = 4,
    /** Everything. */
    PELLUCID_LOG_TRACE = 5,
};

/**
 * How grave a log message is: one of `enum pellucid_log_level`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_log_level_t;

/**
 * Takes a log message. It may be called from any thread, also from several at once.
 *
 * - `userdata`: as registered.
 * - `level`: how grave it is.
 * - `target`: the part of the library that logs. Valid until the callback returns.
 * - `message`: one line or more, without a line end. Valid until the callback returns.
 *
 * It may call functions whose context is `any thread`, and no others.
 *
 * Since: 0.1.
 */
typedef void (*pellucid_log_cb_t)(void *userdata,
                                  pellucid_log_level_t level,
                                  const pellucid_str_t *target,
                                  const pellucid_str_t *message);

/**
 * Sets where the library's log messages go, for the whole process, instead of where they went before.
 *
 * - `max_level`: one of `enum pellucid_log_level`; graver messages are delivered too.
 * - `userdata`: for `cb`; may be NULL.
 * - `cb`: takes the messages.
 * - `finalizer`: frees `userdata` when the callback has been replaced or cleared and runs nowhere; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown level; `PELLUCID_ERR_INVALID_STATE` if a
 * program written in Rust has already chosen another logger.
 *
 * Owns: the library owns `userdata` until the finalizer runs.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_log_set(pellucid_log_level_t max_level,
                                   void *userdata,
                                   pellucid_log_cb_t cb,
                                   pellucid_finalizer_t finalizer);

/**
 * Ends the delivery of log messages.
 *
 * Returns `PELLUCID_OK`, also if there was no callback.
 *
 * Owns: the library gives up the callback's `userdata` and runs its finalizer.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_log_clear(void);

/* ==================================================================================================
 * Configuration
 *
 * Options of engines, and limits of stores.
 * ================================================================================================== */

/** Values of `pellucid_opt_level_t`. */
enum pellucid_opt_level {
    /** Compile fast. */
    PELLUCID_OPT_NONE = 0,
    /** Run fast; the default. */
    PELLUCID_OPT_SPEED = 1,
    /** Run fast in little code. */
    PELLUCID_OPT_SPEED_AND_SIZE = 2,
};

/**
 * Values of `pellucid_limit_t`.
 *
 * Whatever would exceed a limit fails (`memory.grow` and `table.grow` answer -1 to the guest); nothing is ended but a wait.
 */
enum pellucid_limit {
    /** Bytes of each memory; 4 GiB unless set. */
    PELLUCID_LIMIT_MEMORY_BYTES = 1,
    /** Elements of each table; 10,000,000 unless set. */
    PELLUCID_LIMIT_TABLE_ELEMENTS = 2,
    /** Instances; 10,000 unless set. */
    PELLUCID_LIMIT_INSTANCES = 3,
    /** Memories; 10,000 unless set. */
    PELLUCID_LIMIT_MEMORIES = 4,
    /** Tables; 10,000 unless set. */
    PELLUCID_LIMIT_TABLES = 5,
    /**
     * Bytes of each guest stack, rounded up to whole pages; at least 16 KiB, 1 MiB unless set. Changing it concerns stacks made
     * later.
     */
    PELLUCID_LIMIT_STACK_BYTES = 6,
    /**
     * Guest calls that may be nested through host functions and event handlers, at most 4,294,967,295; 200 unless set. There
     * may be fewer, as the thread's own stack must have room for them: see SIGNALS at the top.
     */
    PELLUCID_LIMIT_NESTED_CALLS = 7,
    /**
     * How long a guest may wait at a time in `memory.atomic.wait32` and `wait64`, in nanoseconds; as long as it likes unless set.
     * With 0 it must not wait at all. After a pause it is counted anew. What exceeds this ends: the operator traps with `PELLUCID_TRAP_WAIT_NOT_ALLOWED`.
     */
    PELLUCID_LIMIT_WAIT_NANOSECONDS = 8,
    /**
     * Bytes of structures, arrays, and exceptions that there are references to, in steps of 32 KiB; 4 GiB unless set, and never more.
     * Where there is no room the guest traps with `PELLUCID_TRAP_HEAP_EXHAUSTED`; where an exception would be caught with a reference, the
     * call ends with `PELLUCID_ERR_LIMIT`, which functions of the library answer, too. As many bytes of addresses are reserved when a
     * store's first object is made, as the limit is then, and at least 16 MiB.
     */
    PELLUCID_LIMIT_HEAP_BYTES = 9,
    /** References to host values, see `pellucid_externref_new`; 10,000,000 unless set. */
    PELLUCID_LIMIT_HOST_REFERENCES = 10,
};

/**
 * Options of an engine. An owned object.
 *
 *     pellucid_config_t *config;
 *     pellucid_config_new(&config);
 *     pellucid_config_set_debug(config, true);
 *     pellucid_engine_new(config, &engine, &error);
 *     pellucid_config_delete(config);
 *
 * Since: 0.1.
 */
typedef struct pellucid_config_t pellucid_config_t;

/**
 * How hard to optimise: one of `enum pellucid_opt_level`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_opt_level_t;

/**
 * Something of which a store may use only so much: one of `enum pellucid_limit`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_limit_t;

/**
 * Makes a configuration with the default options: debugging off, optimised for speed, one compile thread per core.
 *
 * - `out_config`: gets the configuration.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: the caller owns `*out_config`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_new(pellucid_config_t **out_config);

/**
 * Deletes a configuration. Engines made from it are not concerned.
 *
 * - `config`: the configuration; NULL is fine.
 *
 * Owns: takes `config`.
 * Context: any thread.
 * Since: 0.1.
 */
void pellucid_config_delete(pellucid_config_t *config);

/**
 * Sets whether modules are compiled so that their guests can be debugged.
 *
 * - `config`: the configuration.
 * - `is_on`: false by default.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_debug(pellucid_config_t *config, bool is_on);

/**
 * Sets whether modules for debugging are compiled in their *exact form*. Otherwise what the machine is about to do between two
 * stop points is computed for whoever looks, and the machine does it when the guest goes on; a frame for which that would
 * give something else, or that was changed, goes on in the exact form by itself. In the exact form the machine stops before
 * each operator and nothing is computed. Three programs took 4 to 11 times as long as without debugging. It is for comparing, and for
 * changing frames all the time.
 *
 * - `config`: the configuration.
 * - `is_on`: false by default. Without debugging it means nothing.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_exact(pellucid_config_t *config,
                                            bool is_on);

/**
 * Sets whether relaxed vector operators give the same on every machine. The specification lets a machine choose between several
 * results, which differ for operands at the limits: by default each operator is what costs this machine least, as one instruction
 * of it may be. Otherwise `relaxed_swizzle`, `relaxed_trunc`, `relaxed_laneselect`, `relaxed_min`, `relaxed_max` and
 * `relaxed_q15mulr` give what `swizzle`, `trunc_sat`, `bitselect`, `min`, `max` and `q15mulr_sat` do, `relaxed_madd` and
 * `relaxed_nmadd` round twice, and `relaxed_dot` takes all lanes for signed ones.
 *
 * - `config`: the configuration.
 * - `is_on`: false by default.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_relaxed_simd_deterministic(pellucid_config_t *config,
                                                                 bool is_on);

/**
 * Sets whether traps of guests come from hardware faults, which signal handlers of the process catch.
 *
 * With handlers, the first engine installs handlers for SIGSEGV, SIGBUS, SIGILL and SIGFPE, and every thread that runs guests
 * has an alternate signal stack. Without, the engine installs nothing and its guests cause no faults: their code compares
 * addresses, divisors and the stack pointer itself, which makes it slower and larger. What the guest and its debugger can
 * see is the same, except for where exactly a stack ends, and how much of the last frame is there then.
 *
 * - `config`: the configuration.
 * - `is_on`: true by default.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_signal_handlers(pellucid_config_t *config,
                                                      bool is_on);

/**
 * Sets whether guests look by themselves whether they are to be interrupted, instead of being interrupted by a signal: at each place
 * where a function or a loop begins. This makes interrupts (`pellucid_interrupt_t`), time budgets and epochs possible in engines
 * without signal handlers, and is a choice with them for hosts whose threads shouldn't be sent signals. It makes guests somewhat
 * slower, whether they are interrupted or not.
 *
 * A guest that runs is left where it looks next; with debugging it stands before the operator there. Bulk operations and host functions
 * are as with the signal; a guest that waits in WASI, or for another guest, looks every 10 ms. Time that is used up is told by a
 * thread of the library's own, which handles no signals. It begins with the first budget of the process, or, with
 * debugging, when a guest is first left: it says when that takes long.
 *
 * - `config`: the configuration.
 * - `is_on`: false by default.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_interrupt_checks(pellucid_config_t *config,
                                                       bool is_on);

/**
 * Sets whether calls of small functions of the same module are replaced by what these functions do, where the module's code is
 * optimised: those without calls and loops of their own.
 *
 * What tells the difference is time, what compiling takes of `pellucid_config_set_compile_memory`, and, without signal handlers,
 * whether `pellucid_error_fault` knows the address of an access whose place has become a constant; nothing else. Backtraces have
 * the frames of such functions too, but where a guest without debugging is interrupted in the midst of one; with debugging the function itself is
 * called whenever somebody wants to see it: a breakpoint, a watchpoint or a step. In engines with fuel or interrupt checks all
 * functions are called.
 *
 * - `config`: the configuration.
 * - `is_on`: true by default.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_inlining(pellucid_config_t *config,
                                               bool is_on);

/**
 * Sets whether guests count the fuel that they take, so that a host can have them stop after so much work, at the same operator on
 * every machine.
 *
 * An operator costs 1, but for `nop`, `block`, `loop`, `else`, `end` and `unreachable`, which cost nothing. `memory.fill`,
 * `memory.copy` and `memory.init` cost 1 more for every whole 64 bytes of their size, `table.fill`, `table.copy`, `table.init`
 * and `table.grow` for every whole 8 elements, before they do anything, also if they fail then. A function that begins costs 1 for
 * every whole 16 locals that it declares. A call of a host function costs what its operator costs. Waiting costs nothing: bound it by
 * `PELLUCID_LIMIT_WAIT_NANOSECONDS`, or by a time budget beside the fuel.
 *
 * Guests take fuel *piece* by piece. A piece is operators that are executed one after the other: a branch or a call ends it, taken
 * or not, and so does a place where ways merge. It is paid when it begins. Where a function or a loop begins, and before an
 * operator that costs by its size, the guest looks whether more was taken than was there; if so it is left there, see
 * `pellucid_store_set_fuel_action`. Until then it runs on: operators one after the other, host functions that they call among them, as
 * many as the function has, and one operator that costs by its size. A host that gives fuel by the frame should add it
 * (`pellucid_store_add_fuel`) and not run guests that have taken more than they had; setting it anew forgives that. All of this is the same for a guest with debugging and without, however it is compiled, stepped,
 * interrupted or resumed, but for guests that exhaust their stack, whose frames have other sizes then; it is also what makes guests
 * slower, as every piece is a subtraction in memory.
 *
 * A store begins without fuel: its guests, start functions too, only do what costs nothing before it is given some
 * (`pellucid_store_set_fuel`).
 *
 * - `config`: the configuration.
 * - `is_on`: false by default.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_fuel(pellucid_config_t *config,
                                           bool is_on);

/**
 * Sets the signal by which guests are interrupted, see `pellucid_interrupt_t` and `pellucid_budget_t`.
 *
 * It is handled from the first use of either on. What the library hasn't sent is handed to whoever handled the signal before; a
 * handler that is installed later calls `pellucid_signal_handle`. Threads that run guests mustn't block it.
 *
 * - `config`: the configuration.
 * - `signal`: a real-time signal, `SIGRTMIN` to `SIGRTMAX`; 0 is the default, `SIGRTMIN + 9`.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for another signal.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_interrupt_signal(pellucid_config_t *config,
                                                       int signal);

/**
 * Sets how hard to optimise.
 *
 * - `config`: the configuration.
 * - `level`: one of `enum pellucid_opt_level`.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown level.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_opt_level(pellucid_config_t *config,
                                                pellucid_opt_level_t level);

/**
 * Sets how much memory the compilation of one function may take. What a function may take is estimated before it is
 * compiled, from its size and from what its calls and branches carry: up to 4,000 bytes for each byte of its body, ten times
 * as much as ordinary code needs. The library also asks the system whether that much can be had, so that memory which
 * isn't there is a status of the function that makes the module.
 *
 * - `config`: the configuration.
 * - `n_bytes`: bytes; the default is 8 GiB.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_compile_memory(pellucid_config_t *config,
                                                     uint64_t n_bytes);

/**
 * Sets how many values the calls and branches of a module may carry in all, beside one for each byte of its functions.
 * Parameters and results of each call count, and what each branch and block gives to the code that it leads to. Ordinary modules
 * carry less than a value for every second byte, and never come near. Two bytes of a hostile one can call a function with a
 * thousand parameters and results, whose machine code takes eight milliseconds to make. Beside such modules, and unless signal
 * handlers are switched off, the time that compiling takes grows with a module's size.
 *
 * - `config`: the configuration.
 * - `n_values`: values; the default is 1,000,000.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_compile_values(pellucid_config_t *config,
                                                     uint64_t n_values);

/**
 * Sets how many addresses each memory of a store reserves. They aren't memory: nothing is paid for them but entries of the
 * process's map, and that they can't be had for anything else.
 *
 * Whatever is set, a memory has addresses for its minimum, and `memory.grow` fails beyond those that it has. A memory that is
 * addressed by 32 bits needs no comparison before an access, and guests are fastest, if it has all that an access may
 * reach, 8 GiB and 64 KiB; from 4 GiB and 64 KiB on only accesses with an offset that leads beyond are compared. With less every
 * access is compared with the memory's size. So are always, whatever is reserved, accesses to memories that are addressed by 64
 * bits or have pages of one byte, and all accesses with signal handlers off.
 *
 * By default a memory of 32 bits reserves 8 GiB and 64 KiB. All others, and those too if the system refused so many when the
 * engine was made, as it does under a small `RLIMIT_AS`, reserve what they may grow to by their maximum and by
 * `PELLUCID_LIMIT_MEMORY_BYTES` of the store, up to 1 TiB, or less if that can't be had.
 *
 * - `config`: the configuration.
 * - `n_bytes`: bytes; 0 has a memory reserve its minimum, so that it can't grow.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_memory_reservation(pellucid_config_t *config,
                                                         uint64_t n_bytes);

/**
 * Sets how many threads compile a module.
 *
 * - `config`: the configuration.
 * - `n_threads`: their number; 0, the default, means one for each core, 1 that no thread is made.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_compile_threads(pellucid_config_t *config, size_t n_threads);

/**
 * Sets whether the compiler proves, for each function that it compiles for debugging, that its frames will be described
 * rightly: with debugging off there is nothing to prove. Compiling takes longer. A module for which the proof fails isn't
 * made, which would be a fault of the library's.
 *
 * - `config`: the configuration.
 * - `is_on`: true by default if the environment variable `PELLUCID_VERIFY` is `1` when the configuration is made, else
 *   false.
 *
 * Returns `PELLUCID_OK`. What makes a module answers `PELLUCID_ERR_PANIC` for a proof that fails.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_verifier(pellucid_config_t *config,
                                               bool is_on);

/**
 * Sets whether the unused part of each guest stack is filled with a pattern before a call, so that nothing can rely on
 * zeros there. For tests; calls take longer.
 *
 * - `config`: the configuration.
 * - `is_on`: true by default if the environment variable `PELLUCID_POISON` is `1` when the configuration is made, else
 *   false.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_poison_stacks(pellucid_config_t *config,
                                                    bool is_on);

/**
 * Sets whether objects of guests are made one by one by the runtime, which collects garbage each time and fills what is freed with a
 * pattern, so that nothing can rely on an object that isn't reached any more. For tests; it takes very long.
 *
 * - `config`: the configuration.
 * - `is_on`: true by default if the environment variable `PELLUCID_STRESS_HEAP` is `1` when the configuration is made, else
 *   false.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_stress_heap(pellucid_config_t *config,
                                                  bool is_on);

/**
 * Sets a folder in which compiled modules are kept: whoever makes a module of bytes that were compiled before, by an engine with the same
 * options and the same version of the library, in this process or another, gets it from there without compiling
 * (`pellucid_module_deserialize_file`).
 *
 *     pellucid_config_set_cache(config, "/var/cache/game", 15, 1 << 30);
 *
 * The folder is made when it is needed, with those above it, for this user alone. **Whoever can write there
 * can run code in the process**: one that belongs to another user, or that others may write to, isn't used. Any number of engines and processes may use it at once. When a module is added, those
 * that weren't used for longest are removed until all take no more than `max_bytes`. What can't be read or written there is logged, and the module
 * is compiled. Engines that prove what they compile (`pellucid_config_set_verifier`) take nothing from there.
 *
 * - `config`: the configuration.
 * - `path`, `n_path`: the folder's path, UTF-8; empty for none, as by default.
 * - `max_bytes`: bytes that its files may take.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` if the path isn't UTF-8.
 *
 * Owns: nothing; the path is copied.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_cache(pellucid_config_t *config,
                                            const char *path,
                                            size_t n_path,
                                            uint64_t max_bytes);

/**
 * Sets a limit that stores of the engine have unless they are told otherwise.
 *
 * - `config`: the configuration.
 * - `limit`: one of `enum pellucid_limit`.
 * - `value`: how much a store may use.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown limit or a value that it can't have.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_config_set_limit(pellucid_config_t *config,
                                            pellucid_limit_t limit,
                                            uint64_t value);

/* ==================================================================================================
 * Engines
 *
 * What compiles modules.
 * ================================================================================================== */

/**
 * Compiles modules, with options that are fixed when it is made. An owned object; most programs have one.
 *
 *     pellucid_engine_t *engine;
 *     pellucid_engine_new(NULL, &engine, NULL);
 *     ...
 *     pellucid_engine_delete(engine);
 *
 * Any thread may use it, also several at once.
 *
 * Since: 0.1.
 */
typedef struct pellucid_engine_t pellucid_engine_t;

/**
 * Makes an engine.
 *
 * - `config`: its options, which are copied; may be NULL for the default options.
 * - `out_engine`: gets the engine.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_UNSUPPORTED` if this machine can't run what the engine compiles;
 * `PELLUCID_ERR_INVALID_ARGUMENT` if options contradict each other; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller owns `*out_engine` and `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_engine_new(const pellucid_config_t *config,
                                      pellucid_engine_t **out_engine,
                                      pellucid_error_t **out_error);

/**
 * Deletes an engine. Modules and stores made from it stay usable.
 *
 * - `engine`: the engine; NULL is fine.
 *
 * Owns: takes `engine`.
 * Context: any thread.
 * Since: 0.1.
 */
void pellucid_engine_delete(pellucid_engine_t *engine);

/**
 * Makes another reference to the same engine, to be deleted on its own.
 *
 * - `engine`: the engine.
 * - `out_engine`: gets the reference.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: the caller owns `*out_engine`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_engine_clone(const pellucid_engine_t *engine,
                                        pellucid_engine_t **out_engine);

/**
 * Whether guests of this engine can be debugged.
 *
 * - `engine`: the engine.
 *
 * Returns what `pellucid_config_set_debug` chose; false if `engine` is NULL.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
bool pellucid_engine_is_debug(const pellucid_engine_t *engine);

/**
 * Begins the next epoch of an engine: a number that the host counts up, by a clock of its own. Guests are left whose store has a
 * deadline that is reached (`pellucid_store_set_epoch_deadline`), on whatever threads they run.
 *
 * - `engine`: the engine.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NULL_ARGUMENT`.
 *
 * Owns: nothing.
 * Context: any thread, but not a signal handler; there `pellucid_interrupt_request` may be called.
 * Since: 0.1.
 */
pellucid_status_t pellucid_engine_increment_epoch(const pellucid_engine_t *engine);

/* ==================================================================================================
 * Signals
 *
 * For programs with signal handlers of their own; see SIGNALS above.
 * ================================================================================================== */

/**
 * Puts the library's handlers in front of those that were installed after them, and prepares the calling thread for guests.
 *
 * To be called when the program, or something in it (Python's `faulthandler`, a crash reporter), has installed a handler for
 * SIGSEGV, SIGBUS, SIGILL or SIGFPE after the first engine was made: it is called for what isn't a guest's from then on. Also
 * when this thread's alternate signal stack was replaced or taken away, or when these signals were blocked, since guests first
 * ran on it. An alternate stack of the program's own that this function finds counts as one that stays.
 *
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`, also if nothing had to be done; `PELLUCID_ERR_LIMIT` if eight handlers that differ were found in front
 * of the library's; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_signal_install(pellucid_error_t **out_error);

/**
 * Handles a signal if it is a guest's. A handler that was installed after the library's calls this first.
 *
 *     static void on_fault(int signal, siginfo_t *info, void *context)
 *     {
 *         if (!pellucid_signal_handle(signal, info, context))
 *             report_crash(signal, info);
 *     }
 *
 * The handler must be installed with SA_SIGINFO and SA_ONSTACK. If the answer is true it returns at once; the guest is then left
 * with its trap.
 *
 * - `signal`, `info`, `context`: what the handler was given, `info` being a `siginfo_t *`.
 *
 * Returns whether it was a guest's; false if `info` or `context` is NULL or misaligned.
 *
 * Owns: nothing.
 * Context: in the signal handler, while it runs.
 * Since: 0.1.
 */
bool pellucid_signal_handle(int signal,
                            void *info,
                            void *context);

/* ==================================================================================================
 * Types
 *
 * Types of values, functions, tables, memories and globals.
 * ================================================================================================== */

/** Values of `pellucid_kind_t`. */
enum pellucid_kind {
    /** A 32-bit integer. */
    PELLUCID_I32 = 0,
    /** A 64-bit integer. */
    PELLUCID_I64 = 1,
    /** A 32-bit float. */
    PELLUCID_F32 = 2,
    /** A 64-bit float. */
    PELLUCID_F64 = 3,
    /** A vector of 128 bits. */
    PELLUCID_V128 = 4,
    /** A function or null. */
    PELLUCID_FUNCREF = 5,
    /** A host value or null. */
    PELLUCID_EXTERNREF = 6,
    /**
     * What the guest made and doesn't name a function or exception, or null: a structure or array, an integer of 31 bits, or a host value
     * that was passed on as one; see `pellucid_anyref_t`.
     */
    PELLUCID_ANYREF = 7,
    /** An exception or null. */
    PELLUCID_EXNREF = 8,
    /** A continuation or null; reserved. */
    PELLUCID_CONTREF = 9,
    /**
     * Not a type: a local or operand whose value isn't known at this place; or an argument, a result or what else is read, if there was no
     * memory to hand out a reference to it.
     */
    PELLUCID_UNAVAILABLE = 255,
};

/** Values of `pellucid_extern_kind_t`, numbered as in the binary format. */
enum pellucid_extern_kind {
    /** A function. */
    PELLUCID_EXTERN_FUNC = 0,
    /** A table. */
    PELLUCID_EXTERN_TABLE = 1,
    /** A memory. */
    PELLUCID_EXTERN_MEMORY = 2,
    /** A global. */
    PELLUCID_EXTERN_GLOBAL = 3,
    /** A tag. */
    PELLUCID_EXTERN_TAG = 4,
};

/** Values of `page_size_log2` in `pellucid_memorytype_t` beside 0, which is the usual size. */
enum pellucid_page_size {
    /** Pages of 64 KiB, the usual size: the logarithm of that to base 2. */
    PELLUCID_PAGES_OF_64_KIB = 16,
    /** Pages of one byte, whose logarithm would be 0. */
    PELLUCID_PAGES_OF_A_BYTE = 255,
};

/**
 * The type of something imported or exported. An owned object that never changes; any thread may use it.
 *
 *     if (pellucid_externtype_kind(type) == PELLUCID_EXTERN_MEMORY) {
 *         pellucid_memorytype_t memory;
 *         pellucid_externtype_memory(type, &memory);
 *     }
 *     pellucid_externtype_delete(type);
 *
 * Since: 0.1.
 */
typedef struct pellucid_externtype_t pellucid_externtype_t;

/**
 * The type of a function: parameters and results. An owned object that never changes.
 *
 *     pellucid_kind_t params[2] = {PELLUCID_I32, PELLUCID_I32}, results[1] = {PELLUCID_I32};
 *     pellucid_functype_t *type;
 *     pellucid_functype_new(params, 2, results, 1, &type);
 *     ...
 *     pellucid_functype_delete(type);
 *
 * Any thread may use it.
 *
 * Since: 0.1.
 */
typedef struct pellucid_functype_t pellucid_functype_t;

/**
 * The type of a value: one of `enum pellucid_kind`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_kind_t;

/**
 * The type of a table. Plain data.
 *
 * Since: 0.1.
 */
typedef struct {
    /** Elements at creation. */
    uint64_t minimum;
    /** Elements that it may grow to, if `has_maximum`. */
    uint64_t maximum;
    /** 1 if there is a maximum, else 0. */
    uint32_t has_maximum;
    /** What its elements are: `PELLUCID_FUNCREF`, `PELLUCID_EXTERNREF`, `PELLUCID_ANYREF` or `PELLUCID_EXNREF`. */
    pellucid_kind_t element;
    /** 1 if its indices and sizes are `i64`, 0 if they are `i32`. */
    uint32_t is_64;
    /** Zero. */
    uint32_t reserved;
} pellucid_tabletype_t;

/**
 * The type of a memory. Plain data.
 *
 * Since: 0.1.
 */
typedef struct {
    /** Pages at creation. */
    uint64_t minimum;
    /** Pages that it may grow to, if `has_maximum`. */
    uint64_t maximum;
    /** 1 if there is a maximum, else 0. */
    uint32_t has_maximum;
    /** 1 if its addresses and sizes are `i64`, 0 if they are `i32`. */
    uint32_t is_64;
    /** 1 if stores on several threads may have it at the same time, else 0; if it is, it has a maximum. */
    uint32_t is_shared;
    /** The size of its pages, one of `enum pellucid_page_size`; 0 means the usual one. */
    uint32_t page_size_log2;
} pellucid_memorytype_t;

/**
 * The type of a global. Plain data.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The type of its value. */
    pellucid_kind_t kind;
    /** 1 if it can be set, else 0. */
    uint32_t is_mutable;
} pellucid_globaltype_t;

/**
 * What something imported or exported is: one of `enum pellucid_extern_kind`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_extern_kind_t;

/**
 * Makes a function type: a final one, alone, with references to anything of their kinds. For functions and tags that guests import with
 * references to types of their own, or of a type that isn't like that, take the type that the module's import has
 * (`pellucid_module_import`, `pellucid_externtype_func`), or one that is defined (`pellucid_type_functype`).
 *
 * - `params`, `n_params`: the parameters' types; may be NULL if there are none.
 * - `results`, `n_results`: the results' types; may be NULL if there are none.
 * - `out_type`: gets the type.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown kind, or more than 1,000 parameters or
 * results; `PELLUCID_ERR_UNSUPPORTED` for a reserved kind.
 *
 * Owns: the caller owns `*out_type`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_functype_new(const pellucid_kind_t *params,
                                        size_t n_params,
                                        const pellucid_kind_t *results,
                                        size_t n_results,
                                        pellucid_functype_t **out_type);

/**
 * Deletes a function type. Functions and modules that have it are not concerned.
 *
 * - `functype`: the type; NULL is fine.
 *
 * Owns: takes `functype`.
 * Context: any thread.
 * Since: 0.1.
 */
void pellucid_functype_delete(pellucid_functype_t *functype);

/**
 * The types of a function's parameters.
 *
 * - `functype`: the function type.
 * - `out_params`: gets the first of them; may be NULL.
 * - `out_n`: gets their number; may be NULL.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing; the array is valid until the type is deleted.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_functype_params(const pellucid_functype_t *functype,
                                           const pellucid_kind_t **out_params,
                                           size_t *out_n);

/**
 * The types of a function's results.
 *
 * - `functype`: the function type.
 * - `out_results`: gets the first of them; may be NULL.
 * - `out_n`: gets their number; may be NULL.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing; the array is valid until the type is deleted.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_functype_results(const pellucid_functype_t *functype,
                                            const pellucid_kind_t **out_results,
                                            size_t *out_n);

/**
 * The type of a function that is imported or exported.
 *
 * - `externtype`: the type of the import or export.
 * - `out_type`: gets the type.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_TYPE_MISMATCH` if it isn't a function.
 *
 * Owns: the caller owns `*out_type`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_externtype_func(const pellucid_externtype_t *externtype,
                                           pellucid_functype_t **out_type);

/**
 * The type of a table that is imported or exported.
 *
 * - `externtype`: the type of the import or export.
 * - `out_type`: gets the type.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_TYPE_MISMATCH` if it isn't a table.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_externtype_table(const pellucid_externtype_t *externtype,
                                            pellucid_tabletype_t *out_type);

/**
 * The type of a memory that is imported or exported.
 *
 * - `externtype`: the type of the import or export.
 * - `out_type`: gets the type.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_TYPE_MISMATCH` if it isn't a memory.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_externtype_memory(const pellucid_externtype_t *externtype,
                                             pellucid_memorytype_t *out_type);

/**
 * The type of a global that is imported or exported.
 *
 * - `externtype`: the type of the import or export.
 * - `out_type`: gets the type.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_TYPE_MISMATCH` if it isn't a global.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_externtype_global(const pellucid_externtype_t *externtype,
                                             pellucid_globaltype_t *out_type);

/**
 * The type of a tag that is imported or exported: a function that takes what the tag's exceptions carry, and gives nothing.
 *
 * - `externtype`: the type of the import or export.
 * - `out_type`: gets the type.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_TYPE_MISMATCH` if it isn't a tag.
 *
 * Owns: the caller owns `*out_type`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_externtype_tag(const pellucid_externtype_t *externtype,
                                          pellucid_functype_t **out_type);

/**
 * What something imported or exported is.
 *
 * - `externtype`: its type.
 *
 * Returns one of `enum pellucid_extern_kind`; 4,294,967,295 if `externtype` is NULL.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_extern_kind_t pellucid_externtype_kind(const pellucid_externtype_t *externtype);

/**
 * Deletes the type of an import or export.
 *
 * - `externtype`: the type; NULL is fine.
 *
 * Owns: takes `externtype`.
 * Context: any thread.
 * Since: 0.1.
 */
void pellucid_externtype_delete(pellucid_externtype_t *externtype);

/* ==================================================================================================
 * Modules
 *
 * Compiled code and what it declares.
 * ================================================================================================== */

/**
 * A compiled module. An owned object that never changes.
 *
 *     pellucid_module_t *module;
 *     if (pellucid_module_new(engine, wasm, n_wasm, &module, &error) == PELLUCID_OK) {
 *         pellucid_instance_new(store, module, NULL, 0, &instance, &error);
 *         pellucid_module_delete(module);
 *     }
 *
 * Any thread may use it, also several at once. Instances keep what they need of it.
 *
 * Since: 0.1.
 */
typedef struct pellucid_module_t pellucid_module_t;

/**
 * Validates and compiles a module in the binary format.
 *
 * - `engine`: what to compile with.
 * - `wasm`, `n_wasm`: the module's bytes; they are copied.
 * - `out_module`: gets the module.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_MODULE`; `PELLUCID_ERR_UNSUPPORTED` for a valid module that needs a
 * feature which the library doesn't have; `PELLUCID_ERR_LIMIT` for a module that is too large or may take too much memory
 * or time to compile (see `pellucid_config_set_compile_memory` and `pellucid_config_set_compile_values`); `PELLUCID_ERR_SYSTEM` if the system has no memory for it.
 *
 * Owns: the caller owns `*out_module` and `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_new(const pellucid_engine_t *engine,
                                      const uint8_t *wasm,
                                      size_t n_wasm,
                                      pellucid_module_t **out_module,
                                      pellucid_error_t **out_error);

/**
 * Like `pellucid_module_new`, with a name that the host gives: it wins over the name in the module.
 *
 * - `engine`: what to compile with.
 * - `name`, `n_name`: the name, UTF-8; it is copied.
 * - `wasm`, `n_wasm`: the module's bytes; they are copied.
 * - `out_module`: gets the module.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns as `pellucid_module_new`; `PELLUCID_ERR_INVALID_ARGUMENT` if the name isn't UTF-8.
 *
 * Owns: the caller owns `*out_module` and `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_new_named(const pellucid_engine_t *engine,
                                            const char *name,
                                            size_t n_name,
                                            const uint8_t *wasm,
                                            size_t n_wasm,
                                            pellucid_module_t **out_module,
                                            pellucid_error_t **out_error);

/**
 * Validates and compiles a module in the text format.
 *
 * - `engine`: what to compile with.
 * - `wat`, `n_wat`: the module's text, UTF-8.
 * - `out_module`: gets the module.
 * - `out_error`: gets an error object on failure; may be NULL. For text that can't be
 *   parsed its message says the line and column, otherwise an offset in the binary module that the text was made into.
 *   That is also what program counters of such a module count in; `pellucid_module_func_range` tells where functions are.
 *
 * Returns as `pellucid_module_new`; `PELLUCID_ERR_INVALID_ARGUMENT` if the text isn't UTF-8;
 * `PELLUCID_ERR_UNSUPPORTED` also if the library was built without the text format (see `pellucid_feature_name`).
 *
 * Owns: the caller owns `*out_module` and `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_new_text(const pellucid_engine_t *engine,
                                           const char *wat,
                                           size_t n_wat,
                                           pellucid_module_t **out_module,
                                           pellucid_error_t **out_error);

/**
 * Says whether `pellucid_module_new` would accept a module, without compiling it.
 *
 * - `engine`: what it would be compiled with.
 * - `wasm`, `n_wasm`: the module's bytes.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_MODULE`; `PELLUCID_ERR_UNSUPPORTED`; `PELLUCID_ERR_LIMIT`;
 * `PELLUCID_ERR_SYSTEM` if there is no memory to read it.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_validate(const pellucid_engine_t *engine,
                                           const uint8_t *wasm,
                                           size_t n_wasm,
                                           pellucid_error_t **out_error);

/**
 * Deletes a module. Instances of it stay usable.
 *
 * - `module`: the module; NULL is fine.
 *
 * Owns: takes `module`.
 * Context: any thread.
 * Since: 0.1.
 */
void pellucid_module_delete(pellucid_module_t *module);

/**
 * Makes another reference to the same module, to be deleted on its own. Nothing is compiled or copied.
 *
 * - `module`: the module.
 * - `out_module`: gets the reference.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: the caller owns `*out_module`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_clone(const pellucid_module_t *module,
                                        pellucid_module_t **out_module);

/**
 * A number that tells modules apart: references to the same module have the same.
 *
 * - `module`: the module.
 *
 * Returns the number, which no other module of the process has or had; 0 if `module` is NULL.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
uint64_t pellucid_module_id(const pellucid_module_t *module);

/**
 * The module's name: the host's, else the one in its name section.
 *
 * - `module`: the module.
 * - `out_name`: gets the name.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if it has none.
 *
 * Owns: nothing; the name is valid until the module is deleted.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_name(const pellucid_module_t *module, pellucid_str_t *out_name);

/**
 * How many imports the module has.
 *
 * - `module`: the module.
 *
 * Returns their number; 0 if `module` is NULL.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
size_t pellucid_module_import_count(const pellucid_module_t *module);

/**
 * An import of the module.
 *
 * - `module`: the module.
 * - `index`: less than `pellucid_module_import_count`.
 * - `out_module_name`: gets the first of its two names; may be NULL.
 * - `out_name`: gets the second; may be NULL.
 * - `out_kind`: gets one of `enum pellucid_extern_kind`; may be NULL.
 * - `out_type`: gets its type; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: the caller owns `*out_type`; the names are valid until the module is deleted.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_import(const pellucid_module_t *module,
                                         size_t index,
                                         pellucid_str_t *out_module_name,
                                         pellucid_str_t *out_name,
                                         pellucid_extern_kind_t *out_kind,
                                         pellucid_externtype_t **out_type);

/**
 * How many exports the module has.
 *
 * - `module`: the module.
 *
 * Returns their number; 0 if `module` is NULL.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
size_t pellucid_module_export_count(const pellucid_module_t *module);

/**
 * An export of the module.
 *
 * - `module`: the module.
 * - `index`: less than `pellucid_module_export_count`.
 * - `out_name`: gets its name; may be NULL.
 * - `out_kind`: gets one of `enum pellucid_extern_kind`; may be NULL.
 * - `out_type`: gets its type; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: the caller owns `*out_type`; the name is valid until the module is deleted.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_export(const pellucid_module_t *module,
                                         size_t index,
                                         pellucid_str_t *out_name,
                                         pellucid_extern_kind_t *out_kind,
                                         pellucid_externtype_t **out_type);

/**
 * How many functions the module has, imports included.
 *
 * - `module`: the module.
 *
 * Returns their number; 0 if `module` is NULL.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
uint32_t pellucid_module_func_count(const pellucid_module_t *module);

/**
 * A function's name: from the name section, else that of its first export.
 *
 * - `module`: the module.
 * - `func_index`: less than `pellucid_module_func_count`; imports come first.
 * - `out_name`: gets the name.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_NOT_FOUND` if it has none.
 *
 * Owns: nothing; the name is valid until the module is deleted.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_func_name(const pellucid_module_t *module,
                                            uint32_t func_index,
                                            pellucid_str_t *out_name);

/**
 * A function's type.
 *
 * - `module`: the module.
 * - `func_index`: less than `pellucid_module_func_count`; imports come first.
 * - `out_type`: gets the type.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: the caller owns `*out_type`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_func_type(const pellucid_module_t *module,
                                            uint32_t func_index,
                                            pellucid_functype_t **out_type);

/**
 * Where a function's body is in the module's bytes: the declarations of its locals, then its operators.
 *
 * - `module`: the module.
 * - `func_index`: less than `pellucid_module_func_count`; imports come first.
 * - `out_start`: gets the offset of the body's first byte, from where function offsets count; may be NULL.
 * - `out_first_pc`: gets the offset of its first operator, which is its first pc; may be NULL.
 * - `out_end`: gets the offset after its last byte; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_NOT_FOUND` for an imported function.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_func_range(const pellucid_module_t *module,
                                             uint32_t func_index,
                                             uint32_t *out_start,
                                             uint32_t *out_first_pc,
                                             uint32_t *out_end);

/**
 * The function whose body contains a pc.
 *
 * - `module`: the module.
 * - `pc`: an offset in the module's bytes.
 * - `out_func_index`: gets the function's index, imports counted first; may be NULL.
 * - `out_func_offset`: gets the bytes from the start of the body to `pc`; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if `pc` is in no function's body.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_func_at(const pellucid_module_t *module,
                                          uint32_t pc,
                                          uint32_t *out_func_index,
                                          uint32_t *out_func_offset);

/**
 * How much memory the module's code takes. Instances of it share the code, unless a debugger changes it.
 *
 * - `module`: the module.
 * - `out_code`: gets the bytes of machine code; may be NULL.
 * - `out_tables`: gets the bytes of the tables that say what the code means: traps, calls, and with debugging stop
 *   points and frames; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NULL_ARGUMENT` if `module` is NULL.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_code_size(const pellucid_module_t *module,
                                            size_t *out_code,
                                            size_t *out_tables);

/**
 * The name of a function's local, from the name section.
 *
 * - `module`: the module.
 * - `func_index`: less than `pellucid_module_func_count`; imports come first.
 * - `local_index`: the local's index, parameters counted first.
 * - `out_name`: gets the name.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such function; `PELLUCID_ERR_NOT_FOUND` if
 * there is no such local or it has no name.
 *
 * Owns: nothing; the name is valid until the module is deleted.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_local_name(const pellucid_module_t *module,
                                             uint32_t func_index,
                                             uint32_t local_index,
                                             pellucid_str_t *out_name);

/**
 * How many custom sections the module has.
 *
 * - `module`: the module.
 *
 * Returns their number; 0 if `module` is NULL.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
size_t pellucid_module_section_count(const pellucid_module_t *module);

/**
 * A custom section by its place.
 *
 * - `module`: the module.
 * - `index`: less than `pellucid_module_section_count`, in the order of the module.
 * - `out_name`: gets its name; may be NULL.
 * - `out_bytes`: gets its contents; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing; name and contents are valid until the module is deleted.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_section_at(const pellucid_module_t *module,
                                             size_t index,
                                             pellucid_str_t *out_name,
                                             pellucid_bytes_t *out_bytes);

/**
 * A custom section by its name; the first, if several have it.
 *
 * - `module`: the module.
 * - `name`, `n_name`: the name, UTF-8.
 * - `out_bytes`: gets its contents.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND`; `PELLUCID_ERR_INVALID_ARGUMENT` if the name isn't UTF-8.
 *
 * Owns: nothing; the contents are valid until the module is deleted.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_section(const pellucid_module_t *module,
                                          const char *name,
                                          size_t n_name,
                                          pellucid_bytes_t *out_bytes);

/* ==================================================================================================
 * Serialized modules
 *
 * Compiled code as bytes, which come back as modules without being compiled.
 * ================================================================================================== */

/**
 * Takes a part of a serialized module; the parts come in order.
 *
 * - `userdata`: as given to `pellucid_module_serialize`.
 * - `bytes`, `n_bytes`: the part. Valid until it returns.
 *
 * Returns `PELLUCID_OK`; anything else ends the serialization.
 *
 * It may call what has the context `any`.
 *
 * Since: 0.1.
 */
typedef pellucid_status_t (*pellucid_serialize_cb_t)(void *userdata,
                                                     const uint8_t *bytes,
                                                     size_t n_bytes);

/**
 * Hands out a module as bytes: what it was compiled to, with what debuggers need if its engine has debugging on, the module's own bytes,
 * and the name that the host gave it. `pellucid_module_deserialize` makes the same module of them again, without compiling.
 *
 *     static pellucid_status_t take(void *file, const uint8_t *bytes, size_t n_bytes) {
 *         return fwrite(bytes, 1, n_bytes, file) == n_bytes ? PELLUCID_OK : PELLUCID_ERR_SYSTEM;
 *     }
 *     pellucid_module_serialize(module, file, take, &error);
 *
 * The bytes are of use to the same version of the library, on processors with the same features, for engines with the same options as far as
 * code depends on them: debugging, the exact form, optimisation, inlining, signal handlers, fuel, interrupt checks, the reservation of
 * memories, deterministic vector operators. They are several times as long as the module. The same module gives the same bytes.
 *
 * - `module`: the module.
 * - `userdata`: for the callback.
 * - `cb`: takes the parts. It is called before the function returns, and not afterwards.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_HOST` if the callback answered anything but `PELLUCID_OK`; `PELLUCID_ERR_SYSTEM` if there is no memory
 * for its tables once more.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_serialize(const pellucid_module_t *module,
                                            void *userdata,
                                            pellucid_serialize_cb_t cb,
                                            pellucid_error_t **out_error);

/**
 * Writes a module as bytes to a file, see `pellucid_module_serialize`. A file that is there is replaced at once and whole, and never changed:
 * whoever has it mapped (`pellucid_module_deserialize_file`) keeps the old one.
 *
 * - `module`: the module.
 * - `path`, `n_path`: the file's path, UTF-8.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for a path that isn't UTF-8; `PELLUCID_ERR_NOT_FOUND` if there is no such folder;
 * `PELLUCID_ERR_SYSTEM` if the file can't be written, or if there is no memory.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_serialize_file(const pellucid_module_t *module,
                                                 const char *path,
                                                 size_t n_path,
                                                 pellucid_error_t **out_error);

/**
 * Makes a module of what `pellucid_module_serialize` handed out, without compiling it.
 *
 * **The bytes are machine code, which guests' sandboxes depend on.** Give it only what you have serialized yourself, or what comes from
 * whom you trust as you do the library: what was damaged or cut off on the way is found by a checksum and refused, what was changed on purpose
 * isn't. Modules from others are to be compiled.
 *
 * - `engine`: the engine that the module is for.
 * - `bytes`, `n_bytes`: all parts in a row; they are copied.
 * - `out_module`: gets the module.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_MODULE` if the bytes aren't a serialized module, or not as it was; `PELLUCID_ERR_INCOMPATIBLE` if they
 * are for another version of the library, a processor with other features, or an engine with other options, which the error names: compile
 * the module's own bytes then; `PELLUCID_ERR_LIMIT` if the engine has too many types; `PELLUCID_ERR_SYSTEM` if the system has no memory for it.
 *
 * Owns: the caller owns `*out_module` and `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_deserialize(const pellucid_engine_t *engine,
                                              const uint8_t *bytes,
                                              size_t n_bytes,
                                              pellucid_module_t **out_module,
                                              pellucid_error_t **out_error);

/**
 * Makes a module of a file that has what `pellucid_module_serialize` handed out, see `pellucid_module_deserialize`. **The same holds for whom
 * the file comes from.**
 *
 * Its code and the module's bytes are mapped where the system has the file, and not copied, so that processes share them. As long as the
 * module or an instance of it is there the file must not be written or cut off, which would change code that runs, or end the process. It may be
 * removed, or replaced by another one as `pellucid_module_serialize_file` does. Where nothing of the file may be executed, as on a system
 * that is mounted so, the code is copied.
 *
 * - `engine`: the engine that the module is for.
 * - `path`, `n_path`: the file's path, UTF-8.
 * - `out_module`: gets the module.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns as `pellucid_module_deserialize`; `PELLUCID_ERR_NOT_FOUND` if there is no such file; `PELLUCID_ERR_INVALID_ARGUMENT` if it isn't a
 * regular file, or if the path isn't UTF-8; `PELLUCID_ERR_SYSTEM` also if it can't be opened or mapped.
 *
 * Owns: the caller owns `*out_module` and `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_deserialize_file(const pellucid_engine_t *engine,
                                                   const char *path,
                                                   size_t n_path,
                                                   pellucid_module_t **out_module,
                                                   pellucid_error_t **out_error);

/* ==================================================================================================
 * Handles
 *
 * Plain data that names what lives in a store.
 * ================================================================================================== */

/**
 * An instance of a module, in a store. Plain data: copy it, compare its members, never delete it.
 *
 * Every function that takes a handle with another store than the handle's answers `PELLUCID_ERR_WRONG_STORE`. A handle
 * of zeros belongs to no store. An entity lives as long as its store.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The number of the store among all stores that the process ever made; never 0. */
    uint64_t store;
    /** The number of the instance in the store, in order of creation. */
    uint64_t index;
} pellucid_instance_t;

/**
 * A function in a store, the guest's or the host's. Plain data, like `pellucid_instance_t`.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The number of the store. */
    uint64_t store;
    /** The number of the function in the store. */
    uint64_t index;
} pellucid_func_t;

/**
 * A linear memory in a store. Plain data, like `pellucid_instance_t`.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The number of the store. */
    uint64_t store;
    /** The number of the memory in the store. */
    uint64_t index;
} pellucid_memory_t;

/**
 * A table in a store. Plain data, like `pellucid_instance_t`.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The number of the store. */
    uint64_t store;
    /** The number of the table in the store. */
    uint64_t index;
} pellucid_table_t;

/**
 * A global in a store. Plain data, like `pellucid_instance_t`.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The number of the store. */
    uint64_t store;
    /** The number of the global in the store. */
    uint64_t index;
} pellucid_global_t;

/**
 * A tag of exceptions in a store: what tells one kind of exception from others. Plain data, like `pellucid_instance_t`.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The number of the store. */
    uint64_t store;
    /** The number of the tag in the store. */
    uint64_t index;
} pellucid_tag_t;

/**
 * An exception in a store that the guest can hold a reference to. Plain data, like `pellucid_instance_t`, and good as OBJECTS at the top
 * says; all zeros is the null reference.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The number of the store; 0 for null. */
    uint64_t store;
    /** The number of the reference in the store. */
    uint64_t index;
} pellucid_exnref_t;

/**
 * A host value in a store, which the guest can hold and pass on, but not look into. Plain data, like
 * `pellucid_instance_t`; all zeros is the null reference.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The number of the store; 0 for null. */
    uint64_t store;
    /** The number of the value in the store. */
    uint64_t index;
} pellucid_externref_t;

/**
 * What an `anyref` refers to: an integer of 31 bits, a structure or array, or a host value that was passed on as a value of the guest's.
 * Plain data; all zeros is the null reference. Two of the same bytes are equal as `ref.eq` says. For how long one to an object is good
 * is told under OBJECTS at the top.
 *
 *     pellucid_value_t value = {0};
 *     value.kind = PELLUCID_ANYREF;
 *     pellucid_anyref_from_i31(42, &value.of.anyref);
 *
 * Since: 0.1.
 */
typedef struct {
    /** The number of the store; 0 for null, and for an integer, which is the same in all stores. */
    uint64_t store;
    /** What it is, by a number that says nothing; 0 for null. */
    uint64_t index;
} pellucid_anyref_t;

/* ==================================================================================================
 * Stores
 *
 * Where everything lives and guests run.
 * ================================================================================================== */

/**
 * A store: where instances, memories, tables, globals and functions live, and where guests run. An owned object.
 *
 *     pellucid_store_t *store;
 *     pellucid_store_new(engine, NULL, NULL, &store, &error);
 *     pellucid_instance_new(store, module, NULL, 0, &instance, &error);
 *     ...
 *     pellucid_store_delete(store);
 *
 * One thread at a time uses a store and its calls and edit sessions; between uses they may move to another thread, also
 * while a call is paused. Callbacks use the store that called them, on the thread that called them. Whatever another thread
 * tries meanwhile is refused with `PELLUCID_ERR_BUSY`; functions that return no status answer as if the store were NULL.
 *
 * Since: 0.1.
 */
typedef struct pellucid_store_t pellucid_store_t;

/**
 * Makes an empty store.
 *
 * - `engine`: what its modules are compiled with.
 * - `userdata`: for the host's own use, see `pellucid_store_userdata`; may be NULL.
 * - `finalizer`: frees `userdata` after everything else in the store is gone; may be NULL.
 * - `out_store`: gets the store.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller owns `*out_store` and `*out_error`; the store owns `userdata` until the finalizer runs.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_new(const pellucid_engine_t *engine,
                                     void *userdata,
                                     pellucid_finalizer_t finalizer,
                                     pellucid_store_t **out_store,
                                     pellucid_error_t **out_error);

/**
 * Deletes a store with all that lives in it.
 *
 * Its calls and edit sessions keep what they need of it until they are deleted too. A callback may delete the store
 * that called it: the store then stays usable until the outermost function that runs guest code in it returns. While another
 * thread is using the store nothing is deleted, and an error is logged.
 *
 * - `store`: the store; NULL is fine.
 *
 * Owns: takes `store`.
 * Context: any.
 * Since: 0.1.
 */
void pellucid_store_delete(pellucid_store_t *store);

/**
 * The host's pointer that the store was made with.
 *
 * - `store`: the store.
 *
 * Returns the pointer; NULL if `store` is NULL.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
void *pellucid_store_userdata(const pellucid_store_t *store);

/**
 * The number that the store's handles carry.
 *
 * - `store`: the store.
 *
 * Returns the number, which no other store of the process has or had; 0 if `store` is NULL.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
uint64_t pellucid_store_id(const pellucid_store_t *store);

/**
 * Whether guests in this store can be debugged.
 *
 * - `store`: the store.
 *
 * Returns what `pellucid_config_set_debug` chose for its engine; false if `store` is NULL.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
bool pellucid_store_is_debug(const pellucid_store_t *store);

/**
 * Whether an earlier failure made the store unusable.
 *
 * - `store`: the store.
 *
 * Returns whether it did; false if `store` is NULL.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
bool pellucid_store_is_poisoned(const pellucid_store_t *store);

/**
 * Gives the memory of guest stacks that no call uses back to the system. A store keeps up to 17 of them for its next calls, each with
 * as much memory as calls have ever used on it. The next calls get it again, page by page, which takes longer once. For
 * stores that are not going to be used for a while.
 *
 * - `store`: the store.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_trim(pellucid_store_t *store);

/**
 * Sets how much of something the store may use. What it has already isn't taken away.
 *
 * - `store`: the store.
 * - `limit`: one of `enum pellucid_limit`.
 * - `value`: how much it may use.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown limit or a value that it
 * can't have.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_set_limit(pellucid_store_t *store,
                                           pellucid_limit_t limit,
                                           uint64_t value);

/**
 * How much of something the store may use.
 *
 * - `store`: the store.
 * - `limit`: one of `enum pellucid_limit`.
 * - `out_value`: gets the limit.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown limit.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_limit(const pellucid_store_t *store,
                                       pellucid_limit_t limit,
                                       uint64_t *out_value);

/**
 * How many instances the store has.
 *
 * - `store`: the store.
 * - `out_n`: gets their number.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_instance_count(const pellucid_store_t *store, size_t *out_n);

/**
 * An instance of the store, whoever made it.
 *
 * - `store`: the store.
 * - `index`: less than `pellucid_store_instance_count`; in order of creation.
 * - `out_instance`: gets the instance.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_instance(const pellucid_store_t *store,
                                          size_t index,
                                          pellucid_instance_t *out_instance);

/**
 * How many modules have instances in the store.
 *
 * - `store`: the store.
 * - `out_n`: gets their number.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_module_count(const pellucid_store_t *store, size_t *out_n);

/**
 * A module that has instances in the store.
 *
 * - `store`: the store.
 * - `index`: less than `pellucid_store_module_count`; in the order in which they were first instantiated.
 * - `out_module`: gets a reference to the module.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: the caller owns `*out_module`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_module(const pellucid_store_t *store,
                                        size_t index,
                                        pellucid_module_t **out_module);

/* ==================================================================================================
 * Values
 *
 * Values with and without their kind; imports and exports.
 * ================================================================================================== */

/**
 * The bits of a `pellucid_value_t`. Which member counts is said by the value's kind.
 *
 * Since: 0.1.
 */
typedef union {
    /** `PELLUCID_I32`. */
    int32_t i32;
    /** `PELLUCID_I64`. */
    int64_t i64;
    /** `PELLUCID_F32`. */
    float f32;
    /** `PELLUCID_F64`. */
    double f64;
    /** `PELLUCID_F32` as bits, which keep NaN payloads on any machine. */
    uint32_t f32_bits;
    /** `PELLUCID_F64` as bits. */
    uint64_t f64_bits;
    /** `PELLUCID_V128`: lane 0 first, each lane little-endian, as `v128.store` writes it to a memory. */
    uint8_t v128[16];
    /** `PELLUCID_FUNCREF`; all zeros for null. */
    pellucid_func_t funcref;
    /** `PELLUCID_EXTERNREF`; all zeros for null. */
    pellucid_externref_t externref;
    /** `PELLUCID_EXNREF`; all zeros for null. */
    pellucid_exnref_t exnref;
    /** `PELLUCID_ANYREF`; all zeros for null. */
    pellucid_anyref_t anyref;
    /** The identity of a value of a reserved kind. */
    uint64_t opaque[2];
} pellucid_value_of_t;

/**
 * A value with its kind. Plain data; a value of zeros is the `i32` 0.
 *
 *     pellucid_value_t value = {0};
 *     value.kind = PELLUCID_I64;
 *     value.of.i64 = 42;
 *
 * Since: 0.1.
 */
typedef struct {
    /** One of `enum pellucid_kind`. */
    pellucid_kind_t kind;
    /** Zero. */
    uint32_t reserved;
    /** The value. */
    pellucid_value_of_t of;
} pellucid_value_t;

/**
 * A value without its kind, as guest code passes it. Only the bytes that the kind uses count.
 *
 * Since: 0.1.
 */
typedef union {
    /** `PELLUCID_I32`. */
    int32_t i32;
    /** `PELLUCID_I64`. */
    int64_t i64;
    /** `PELLUCID_F32`. */
    float f32;
    /** `PELLUCID_F64`. */
    double f64;
    /** `PELLUCID_F32` as bits. */
    uint32_t f32_bits;
    /** `PELLUCID_F64` as bits. */
    uint64_t f64_bits;
    /** A reference, as `pellucid_value_to_raw` makes it; 0 for null. Meaningless in another store. */
    uint64_t reference;
    /** `PELLUCID_V128`, as in a `pellucid_value_t`. */
    uint8_t v128[16];
    /** The whole value. */
    uint64_t words[2];
} pellucid_raw_t;

/**
 * The handle in a `pellucid_extern_t`. Which member counts is said by its kind.
 *
 * Since: 0.1.
 */
typedef union {
    /** `PELLUCID_EXTERN_FUNC`. */
    pellucid_func_t func;
    /** `PELLUCID_EXTERN_TABLE`. */
    pellucid_table_t table;
    /** `PELLUCID_EXTERN_MEMORY`. */
    pellucid_memory_t memory;
    /** `PELLUCID_EXTERN_GLOBAL`. */
    pellucid_global_t global;
    /** `PELLUCID_EXTERN_TAG`. */
    pellucid_tag_t tag;
} pellucid_extern_of_t;

/**
 * Something to import or export: a handle with its kind. Plain data.
 *
 * Since: 0.1.
 */
typedef struct {
    /** One of `enum pellucid_extern_kind`. */
    pellucid_extern_kind_t kind;
    /** Zero. */
    uint32_t reserved;
    /** The handle. */
    pellucid_extern_of_t of;
} pellucid_extern_t;

/**
 * Converts a value to the raw form that guest code uses.
 *
 * - `store`: the store.
 * - `value`: the value.
 * - `out_raw`: gets the raw form.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE` for a reference of another store;
 * `PELLUCID_ERR_OUT_OF_RANGE` for one that the store never made; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown kind
 * or `PELLUCID_UNAVAILABLE`; `PELLUCID_ERR_UNSUPPORTED` for a reserved kind.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_value_to_raw(pellucid_store_t *store,
                                        const pellucid_value_t *value,
                                        pellucid_raw_t *out_raw);

/**
 * Converts a raw value from guest code to a value with its kind.
 *
 * - `store`: the store.
 * - `kind`: the kind that the raw value has.
 * - `raw`: the raw value.
 * - `out_value`: gets the value; its kind is `PELLUCID_UNAVAILABLE` if `raw` isn't a reference of the store.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown kind;
 * `PELLUCID_ERR_UNSUPPORTED` for a reserved one.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_value_from_raw(pellucid_store_t *store,
                                          pellucid_kind_t kind,
                                          const pellucid_raw_t *raw,
                                          pellucid_value_t *out_value);

/**
 * Whether two values are the same: of the same kind and with the same bits, or references to the same thing.
 *
 * Floats are compared by their bits: a NaN is the same as itself, and 0 isn't the same as -0.
 *
 * - `a`, `b`: the values.
 *
 * Returns whether they are; false if one is NULL or of an unknown kind.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
bool pellucid_value_is_same(const pellucid_value_t *a,
                            const pellucid_value_t *b);

/**
 * Whether a value is a null reference.
 *
 * - `value`: the value.
 *
 * Returns whether it is; false if it isn't a reference, or is NULL or of an unknown kind.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
bool pellucid_value_is_null(const pellucid_value_t *value);

/* ==================================================================================================
 * Functions
 *
 * Making the host's, calling any, and who called.
 * ================================================================================================== */

/**
 * Who called a host function. Borrowed: valid until the callback returns.
 *
 * Since: 0.1.
 */
typedef struct pellucid_caller_t pellucid_caller_t;

/**
 * A host function on tagged values.
 *
 * - `userdata`: as given with the function.
 * - `caller`: who called; valid until the callback returns.
 * - `args`, `n_args`: the arguments, of the function's parameter types.
 * - `results`, `n_results`: places for the results, filled with zeros or nulls of the function's result types.
 * - `out_error`: may be given an error on failure, which the library then owns: one of `pellucid_error_new`, or one that
 *   a function of the library gave. It becomes the error of the call, with the guest's backtrace.
 *
 * Returns `PELLUCID_OK`, or any other status to fail; the guest is left then. Giving an error is a failure too. Without
 * one the call fails with `PELLUCID_ERR_HOST`, whatever the status was. A function whose results come later returns what
 * `pellucid_caller_yield` answered, which may be `PELLUCID_YIELD`.
 *
 * It must return, and not by `longjmp` or a C++ exception. It may use the store, delete any object, and call guests.
 *
 * Since: 0.1.
 */
typedef pellucid_status_t (*pellucid_func_cb_t)(void *userdata,
                                                pellucid_caller_t *caller,
                                                const pellucid_value_t *args,
                                                size_t n_args,
                                                pellucid_value_t *results,
                                                size_t n_results,
                                                pellucid_error_t **out_error);

/**
 * A host function on raw values, which is faster.
 *
 * - `userdata`: as given with the function.
 * - `caller`: who called; valid until the callback returns.
 * - `values`, `n_values`: the arguments, to be overwritten with the results; as many as the longer of both.
 * - `out_error`: as for `pellucid_func_cb_t`.
 *
 * Returns and must behave as `pellucid_func_cb_t`.
 *
 * Since: 0.1.
 */
typedef pellucid_status_t (*pellucid_func_raw_cb_t)(void *userdata,
                                                    pellucid_caller_t *caller,
                                                    pellucid_raw_t *values,
                                                    size_t n_values,
                                                    pellucid_error_t **out_error);

/**
 * Makes a host function on tagged values.
 *
 * - `store`: the store that it will live in.
 * - `functype`: its type.
 * - `userdata`: for `cb`; may be NULL.
 * - `cb`: what runs.
 * - `finalizer`: frees `userdata` when the store goes; may be NULL.
 * - `out_func`: gets the function.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_SYSTEM` if code for its type couldn't be made;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for a type that only another engine has; `PELLUCID_ERR_LIMIT` if the engine has too many types;
 * `PELLUCID_ERR_UNSUPPORTED`.
 *
 * Owns: the store owns `userdata` until the finalizer runs; the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_func_new(pellucid_store_t *store,
                                    const pellucid_functype_t *functype,
                                    void *userdata,
                                    pellucid_func_cb_t cb,
                                    pellucid_finalizer_t finalizer,
                                    pellucid_func_t *out_func,
                                    pellucid_error_t **out_error);

/**
 * Makes a host function on raw values.
 *
 * - `store`: the store that it will live in.
 * - `functype`: its type.
 * - `userdata`: for `cb`; may be NULL.
 * - `cb`: what runs.
 * - `finalizer`: frees `userdata` when the store goes; may be NULL.
 * - `out_func`: gets the function.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns as `pellucid_func_new`.
 *
 * Owns: the store owns `userdata` until the finalizer runs; the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_func_new_raw(pellucid_store_t *store,
                                        const pellucid_functype_t *functype,
                                        void *userdata,
                                        pellucid_func_raw_cb_t cb,
                                        pellucid_finalizer_t finalizer,
                                        pellucid_func_t *out_func,
                                        pellucid_error_t **out_error);

/**
 * A function's type.
 *
 * - `store`: the store.
 * - `func`: the function.
 * - `out_type`: gets the type.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: the caller owns `*out_type`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_func_type(const pellucid_store_t *store,
                                     const pellucid_func_t *func,
                                     pellucid_functype_t **out_type);

/**
 * Where a guest function is defined.
 *
 * - `store`: the store.
 * - `func`: the function.
 * - `out_instance`: gets the instance whose module defines it; may be NULL.
 * - `out_func_index`: gets its index in that module, imports counted first; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if it is a host function;
 * `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_func_location(const pellucid_store_t *store,
                                         const pellucid_func_t *func,
                                         pellucid_instance_t *out_instance,
                                         uint32_t *out_func_index);

/**
 * Calls a function and runs it to its end.
 *
 * Such a call can't pause: events go to the store's handler, if there is one; see `pellucid_call_begin` for calls that
 * can.
 *
 * - `store`: the store.
 * - `func`: the function, the guest's or the host's.
 * - `args`, `n_args`: the arguments; may be NULL if there are none.
 * - `results`, `n_results`: places for the results, exactly as many as the function has; may be NULL if there are none.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_TRAP`; `PELLUCID_ERR_EXCEPTION` for an exception that nothing caught;
 * `PELLUCID_ERR_LIMIT` if there is no room for an exception, see `PELLUCID_LIMIT_HEAP_BYTES`; `PELLUCID_ERR_HOST`, or what else a
 * host function's error says; `PELLUCID_ERR_TYPE_MISMATCH` for arguments of other types than the function's, or
 * if a host function gave results of other types than its own;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for another number of arguments or results, and for a value of unknown kind or
 * `PELLUCID_UNAVAILABLE`; `PELLUCID_ERR_WRONG_STORE` for a function or reference of another store;
 * `PELLUCID_ERR_OUT_OF_RANGE` for one that the store never made; `PELLUCID_ERR_UNSUPPORTED` for one of a reserved
 * kind; `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_POISONED`.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_func_call(pellucid_store_t *store,
                                     const pellucid_func_t *func,
                                     const pellucid_value_t *args,
                                     size_t n_args,
                                     pellucid_value_t *results,
                                     size_t n_results,
                                     pellucid_error_t **out_error);

/**
 * Calls a function with raw values and runs it to its end. Faster than `pellucid_func_call`, and unchecked but for
 * references: the arguments must have the function's parameter types.
 *
 * - `store`: the store.
 * - `func`: the function.
 * - `values`, `n_values`: the arguments, which are overwritten with the results; at least as many as the longer of
 *   both. Nothing else may use the array during the call. After a failure the contents are unspecified.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_TRAP`; `PELLUCID_ERR_EXCEPTION` for an exception that nothing caught;
 * `PELLUCID_ERR_LIMIT` if there is no room for an exception, see `PELLUCID_LIMIT_HEAP_BYTES`; `PELLUCID_ERR_HOST`, or what else a host
 * function's error says; `PELLUCID_ERR_INVALID_ARGUMENT` for too few values; `PELLUCID_ERR_TYPE_MISMATCH` for a bad reference;
 * `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_POISONED`.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_func_call_raw(pellucid_store_t *store,
                                         const pellucid_func_t *func,
                                         pellucid_raw_t *values,
                                         size_t n_values,
                                         pellucid_error_t **out_error);

/**
 * The store in which a host function was called.
 *
 * - `caller`: who called.
 *
 * Returns the store; NULL if `caller` is NULL.
 *
 * Owns: nothing; the store is valid until the callback returns, and longer if the host owns it.
 * Context: in the callback that was given `caller`.
 * Since: 0.1.
 */
pellucid_store_t *pellucid_caller_store(const pellucid_caller_t *caller);

/**
 * The instance whose code called a host function.
 *
 * - `caller`: who called.
 * - `out_instance`: gets the instance.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if the host called the function itself.
 *
 * Owns: nothing.
 * Context: in the callback that was given `caller`.
 * Since: 0.1.
 */
pellucid_status_t pellucid_caller_instance(const pellucid_caller_t *caller,
                                           pellucid_instance_t *out_instance);

/**
 * An export of the instance whose code called a host function, such as its memory.
 *
 * - `caller`: who called.
 * - `name`, `n_name`: the export's name, UTF-8.
 * - `out_extern`: gets the export.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if there is none, or the host called the function itself;
 * `PELLUCID_ERR_INVALID_ARGUMENT` if the name isn't UTF-8.
 *
 * Owns: nothing.
 * Context: in the callback that was given `caller`.
 * Since: 0.1.
 */
pellucid_status_t pellucid_caller_export(const pellucid_caller_t *caller,
                                         const char *name,
                                         size_t n_name,
                                         pellucid_extern_t *out_extern);

/**
 * A function's name in its module.
 *
 * - `store`: the store.
 * - `func`: the function.
 * - `out_name`: gets the name.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if it has none or is a host function;
 * `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing; the name is valid until the store goes.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_func_name(const pellucid_store_t *store,
                                     const pellucid_func_t *func,
                                     pellucid_str_t *out_name);

/* ==================================================================================================
 * Host references
 *
 * Host values that guests can hold.
 * ================================================================================================== */

/**
 * Makes a reference to a host value, for guests to hold and pass on. Each reference is another one, whatever it stands for.
 *
 * One that is made in a scope or host function goes when nobody has it any more, which a collection finds out. So garbage is collected
 * here, as when an object is made, when those that may go have become many: twice as many as the last time, some thousands at least.
 * Finalizers of others run then before this returns.
 *
 * - `store`: the store that it will live in.
 * - `userdata`: the host value; may be NULL, which isn't the null reference.
 * - `finalizer`: frees `userdata` when the store goes or, if it is made in a scope or host function, when nobody has the reference any
 *   more (see OBJECTS at the top); may be NULL.
 * - `out_externref`: gets the reference.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LIMIT` if there are as many as
 * `PELLUCID_LIMIT_HOST_REFERENCES` says, none of which can go; `PELLUCID_ERR_SYSTEM` if there is no memory for it.
 *
 * Owns: the store owns `userdata` until the finalizer runs.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_externref_new(pellucid_store_t *store,
                                         void *userdata,
                                         pellucid_finalizer_t finalizer,
                                         pellucid_externref_t *out_externref);

/**
 * The host value behind a reference.
 *
 * - `store`: the store.
 * - `externref`: the reference.
 * - `out_userdata`: gets the host's pointer.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for the null reference, and for one to what a guest
 * has made; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`, also if it is gone.
 *
 * Owns: nothing; the library keeps `userdata` until its finalizer runs.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_externref_userdata(const pellucid_store_t *store,
                                              const pellucid_externref_t *externref,
                                              void **out_userdata);

/* ==================================================================================================
 * Guest references
 *
 * What `anyref` values are: what guests make and hand out.
 * ================================================================================================== */

/** Values of `pellucid_anyref_kind_t`. */
enum pellucid_anyref_kind {
    /** The null reference. */
    PELLUCID_ANYREF_NULL = 0,
    /** An integer of 31 bits. */
    PELLUCID_ANYREF_I31 = 1,
    /** A host value that was passed on as a value of the guest's (`any.convert_extern`). */
    PELLUCID_ANYREF_EXTERN = 2,
    /** A structure or an array. */
    PELLUCID_ANYREF_OBJECT = 3,
};

/**
 * What an `anyref` is: one of `enum pellucid_anyref_kind`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_anyref_kind_t;

/**
 * What an `anyref` is. It isn't looked up in a store, so it may be none of that any more.
 *
 * - `anyref`: the reference.
 * - `out_kind`: gets what it is.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for one that the library didn't make.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_anyref_kind(const pellucid_anyref_t *anyref,
                                       pellucid_anyref_kind_t *out_kind);

/**
 * Makes a reference that is an integer of 31 bits, for any store.
 *
 * - `value`: the integer; its highest bit is dropped, so that `i31.get_s` gives it if it is between -2^30 and 2^30 - 1.
 * - `out_anyref`: gets the reference.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_anyref_from_i31(int32_t value,
                                           pellucid_anyref_t *out_anyref);

/**
 * The integer that a reference is.
 *
 * - `anyref`: the reference.
 * - `out_value`: gets the integer, sign-extended.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_TYPE_MISMATCH` if it is none; `PELLUCID_ERR_INVALID_ARGUMENT` for null, and for a reference that
 * the library didn't make.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_anyref_i31(const pellucid_anyref_t *anyref,
                                      int32_t *out_value);

/**
 * The `externref` that an `anyref` is, as `extern.convert_any` makes it.
 *
 * - `store`: the store of which it is a value.
 * - `anyref`: the reference; null gives null.
 * - `out_externref`: gets the reference. Unless it is a host value, `pellucid_externref_userdata` refuses it.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for a reference that the library didn't make.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_anyref_to_externref(const pellucid_store_t *store,
                                               const pellucid_anyref_t *anyref,
                                               pellucid_externref_t *out_externref);

/**
 * The `anyref` that an `externref` is, as `any.convert_extern` makes it.
 *
 * - `store`: the store of which it is a value.
 * - `externref`: the reference; null gives null.
 * - `out_anyref`: gets the reference.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_anyref_from_externref(const pellucid_store_t *store,
                                                 const pellucid_externref_t *externref,
                                                 pellucid_anyref_t *out_anyref);

/* ==================================================================================================
 * Objects
 *
 * Structures and arrays: their types, and what is in them.
 * ================================================================================================== */

/** Values of `pellucid_type_kind_t`. */
enum pellucid_type_kind {
    /** Functions. */
    PELLUCID_TYPE_FUNC = 1,
    /** Structures. */
    PELLUCID_TYPE_STRUCT = 2,
    /** Arrays. */
    PELLUCID_TYPE_ARRAY = 3,
};

/**
 * The number of a type that a module or the host defines: of functions, of structures or of arrays. Equal types have equal numbers in all modules
 * of an engine, and as long as that.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_type_id_t;

/**
 * What a defined type is of: one of `enum pellucid_type_kind`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_type_kind_t;

/**
 * A field of a structure, or the elements of an array.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The kind of its value, as it is read and set; of references the kind says the hierarchy. */
    pellucid_kind_t kind;
    /** How many bits of it are stored: 8 or 16 of an `i32`, or all. */
    uint32_t bits;
    /** Whether it can be set. */
    bool is_mutable;
} pellucid_fieldtype_t;

/**
 * How many types a module defines.
 *
 * - `module`: the module.
 *
 * Returns their number; 0 if `module` is NULL.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
size_t pellucid_module_type_count(const pellucid_module_t *module);

/**
 * The number of a type that a module defines.
 *
 * - `module`: the module.
 * - `index`: the type's index in the module, less than `pellucid_module_type_count`.
 * - `out_type`: gets the number.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_type(const pellucid_module_t *module,
                                       size_t index,
                                       pellucid_type_id_t *out_type);

/**
 * What a type is of.
 *
 * - `engine`: the engine.
 * - `type_id`: the type.
 * - `out_kind`: gets one of `enum pellucid_type_kind`; may be NULL.
 * - `out_n_fields`: gets how many fields a structure has; 1 for arrays, 0 for functions; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` if the engine has no such type.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_type_kind(const pellucid_engine_t *engine,
                                     pellucid_type_id_t type_id,
                                     pellucid_type_kind_t *out_kind,
                                     size_t *out_n_fields);

/**
 * A field of a structure type, or the elements of an array type.
 *
 * - `engine`: the engine.
 * - `type_id`: the type.
 * - `index`: the field's index; 0 for the elements of an array.
 * - `out_field`: gets what it holds.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such type or field.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_type_field(const pellucid_engine_t *engine,
                                      pellucid_type_id_t type_id,
                                      size_t index,
                                      pellucid_fieldtype_t *out_field);

/**
 * The type that a type is declared to be a subtype of.
 *
 * - `engine`: the engine.
 * - `type_id`: the type.
 * - `out_type`: gets the supertype.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if it has none; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_type_supertype(const pellucid_engine_t *engine,
                                          pellucid_type_id_t type_id,
                                          pellucid_type_id_t *out_type);

/**
 * Makes a structure.
 *
 * - `store`: the store that it will live in.
 * - `type_id`: a structure type of its engine.
 * - `values`, `n_values`: its fields, as many as the type says; may be NULL if there are none. Of an `i32` as many bits are kept as
 *   are stored.
 * - `out_anyref`: gets the reference, which is good as OBJECTS at the top says.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for another type, number of values or kind;
 * `PELLUCID_ERR_TYPE_MISMATCH`; `PELLUCID_ERR_UNSUPPORTED` for a value of a reserved kind; `PELLUCID_ERR_WRONG_STORE`,
 * `PELLUCID_ERR_OUT_OF_RANGE` for a value;
 * `PELLUCID_ERR_LIMIT` if there is no room, see `PELLUCID_LIMIT_HEAP_BYTES`; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_struct_new(pellucid_store_t *store,
                                      pellucid_type_id_t type_id,
                                      const pellucid_value_t *values,
                                      size_t n_values,
                                      pellucid_anyref_t *out_anyref,
                                      pellucid_error_t **out_error);

/**
 * Makes an array of equal elements.
 *
 * - `store`: the store that it will live in.
 * - `type_id`: an array type of its engine.
 * - `value`: each of its elements.
 * - `length`: how many it has.
 * - `out_anyref`: gets the reference.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns as `pellucid_struct_new`, also `PELLUCID_ERR_BUSY`.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_array_new(pellucid_store_t *store,
                                     pellucid_type_id_t type_id,
                                     const pellucid_value_t *value,
                                     uint32_t length,
                                     pellucid_anyref_t *out_anyref,
                                     pellucid_error_t **out_error);

/**
 * The type of an object.
 *
 * - `store`: the store.
 * - `anyref`: a reference to a structure or array.
 * - `out_type`: gets its type; may be NULL.
 * - `out_length`: gets how many fields or elements it has; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for null; `PELLUCID_ERR_TYPE_MISMATCH` for a reference to
 * something else; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_object_type(const pellucid_store_t *store,
                                       const pellucid_anyref_t *anyref,
                                       pellucid_type_id_t *out_type,
                                       uint32_t *out_length);

/**
 * Whether a reference is to an object of a type, or of a subtype of it, as `ref.test` says.
 *
 * - `store`: the store.
 * - `anyref`: the reference; null is of no type here.
 * - `type_id`: the type.
 * - `out_is`: gets the answer.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such type, or the reference is out of date;
 * `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_ARGUMENT` for a reference that the library didn't make.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_object_is(const pellucid_store_t *store,
                                     const pellucid_anyref_t *anyref,
                                     pellucid_type_id_t type_id,
                                     bool *out_is);

/**
 * Fields of a structure or elements of an array, from one on.
 *
 * - `store`: the store.
 * - `anyref`: a reference to the structure or array.
 * - `first`: the place of the first.
 * - `out_values`, `n_values`: get the values, as many as asked for. Those of 8 and 16 bits are zero-extended.
 *
 * Returns as `pellucid_object_type`, `PELLUCID_ERR_BUSY` among them; also `PELLUCID_ERR_OUT_OF_RANGE` if it hasn't so many.
 *
 * Owns: nothing; references among the values are good as OBJECTS at the top says.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_object_get(pellucid_store_t *store,
                                      const pellucid_anyref_t *anyref,
                                      uint32_t first,
                                      pellucid_value_t *out_values,
                                      size_t n_values);

/**
 * Sets a field of a structure or an element of an array. A guest that is paused sees it; what it has read already stays as it was
 * read.
 *
 * - `store`: the store.
 * - `anyref`: a reference to the structure or array.
 * - `index`: the place.
 * - `value`: the value; of an `i32` as many bits are kept as are stored.
 *
 * Returns as `pellucid_object_type`, `PELLUCID_ERR_BUSY` among them; also `PELLUCID_ERR_INVALID_ARGUMENT` if it is immutable; `PELLUCID_ERR_OUT_OF_RANGE` if there is no
 * such place; `PELLUCID_ERR_UNSUPPORTED` for a value of a reserved kind.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_object_set(pellucid_store_t *store,
                                      const pellucid_anyref_t *anyref,
                                      uint32_t index,
                                      const pellucid_value_t *value);

/**
 * Copies bytes out of an array of numbers or vectors: its elements as they are in memory, little-endian.
 *
 * - `store`: the store.
 * - `anyref`: a reference to the array.
 * - `offset`: the first byte, counted from the first element.
 * - `out_bytes`, `n_bytes`: get the bytes.
 *
 * Returns as `pellucid_object_type`, `PELLUCID_ERR_BUSY` among them; `PELLUCID_ERR_TYPE_MISMATCH` also for an array of references; `PELLUCID_ERR_OUT_OF_RANGE` if it
 * hasn't so many.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_array_read(const pellucid_store_t *store,
                                      const pellucid_anyref_t *anyref,
                                      uint64_t offset,
                                      uint8_t *out_bytes,
                                      size_t n_bytes);

/**
 * Copies bytes into an array of numbers or vectors.
 *
 * - `store`: the store.
 * - `anyref`: a reference to the array.
 * - `offset`: the first byte, counted from the first element.
 * - `bytes`, `n_bytes`: what to copy.
 *
 * Returns as `pellucid_array_read`, `PELLUCID_ERR_BUSY` among them; also `PELLUCID_ERR_INVALID_ARGUMENT` if its elements are immutable.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_array_write(pellucid_store_t *store,
                                       const pellucid_anyref_t *anyref,
                                       uint64_t offset,
                                       const uint8_t *bytes,
                                       size_t n_bytes);

/* ==================================================================================================
 * Defined types
 *
 * Structures, arrays and functions whose types the host defines, as modules do.
 * ================================================================================================== */

/** Values of `pellucid_heap_t`. */
enum pellucid_heap {
    /** All of the kind, or a number. */
    PELLUCID_HEAP_ALL = 0,
    /** Null only. */
    PELLUCID_HEAP_NONE = 1,
    /** Of `PELLUCID_ANYREF` what can be compared: structures, arrays and integers. */
    PELLUCID_HEAP_EQ = 2,
    /** Of `PELLUCID_ANYREF` integers of 31 bits. */
    PELLUCID_HEAP_I31 = 3,
    /** Of `PELLUCID_ANYREF` all structures. */
    PELLUCID_HEAP_STRUCT = 4,
    /** Of `PELLUCID_ANYREF` all arrays. */
    PELLUCID_HEAP_ARRAY = 5,
    /** Those of a defined type: functions of `PELLUCID_FUNCREF`, structures and arrays of `PELLUCID_ANYREF`. */
    PELLUCID_HEAP_DEFINED = 6,
};

/** Numbers for types. */
enum pellucid_type_place {
    /** Plus a type's place among those that are being defined, it stands for that type there. */
    PELLUCID_TYPE_IN_GROUP = 1073741824,
};

/**
 * Which references of a kind a type has: one of `enum pellucid_heap`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_heap_t;

/**
 * The type of a value, exactly. With zeros behind the kind it is what the kind says: a number, or any reference of the kind, or null.
 *
 * Since: 0.1.
 */
typedef struct {
    /** One of `enum pellucid_kind`. */
    pellucid_kind_t kind;
    /** Which references, one of `enum pellucid_heap`; 0 for numbers. */
    pellucid_heap_t heap;
    /** The type, for `PELLUCID_HEAP_DEFINED`; else 0. */
    pellucid_type_id_t type_id;
    /** 1 for a reference that is never null, else 0. */
    uint32_t is_non_null;
} pellucid_valtype_t;

/**
 * A field of a structure, or the elements of an array, of a type that is defined.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The type of its value, as it is read and set. */
    pellucid_valtype_t value;
    /** 8 or 16 if so many bits of an `i32` are stored; 0 if all are. */
    uint32_t bits;
    /** 1 if it can be set, else 0. */
    uint32_t is_mutable;
} pellucid_fielddef_t;

/**
 * A type to be defined. What isn't of its kind is zeros.
 *
 * Since: 0.1.
 */
typedef struct {
    /** One of `enum pellucid_type_kind`. */
    pellucid_type_kind_t kind;
    /** 1 if other types may be subtypes of it, else 0: it is final then. */
    uint32_t is_open;
    /** 1 if it is a subtype of `supertype`, else 0. */
    uint32_t has_supertype;
    /** A type of the engine, or one of those that come before it here. */
    pellucid_type_id_t supertype;
    /** The fields of a structure, or the elements of an array; may be NULL if there are none. */
    const pellucid_fielddef_t *fields;
    /** How many there are; 1 for an array. */
    size_t n_fields;
    /** The parameters of a function; may be NULL if there are none. */
    const pellucid_valtype_t *params;
    /** How many there are. */
    size_t n_params;
    /** The results of a function; may be NULL if there are none. */
    const pellucid_valtype_t *results;
    /** How many there are. */
    size_t n_results;
} pellucid_deftype_t;

/**
 * Defines types that refer to each other, or a single one, as a `rec` group of a module does. They are the same as those of a
 * module's group that is equal, so that guests take objects of them that the host makes, whether their module is there yet or not.
 * Types that don't refer to each other are usually defined one by one, as a module has them that names none `rec`.
 *
 *     // (type $point (struct (field (mut f64)) (field (mut f64))))
 *     pellucid_fielddef_t fields[2] = {{.value.kind = PELLUCID_F64, .is_mutable = 1},
 *                                      {.value.kind = PELLUCID_F64, .is_mutable = 1}};
 *     pellucid_deftype_t point = {.kind = PELLUCID_TYPE_STRUCT, .fields = fields, .n_fields = 2};
 *     pellucid_type_id_t id;
 *     pellucid_engine_define_types(engine, &point, 1, &id, &error);
 *
 * - `engine`: the engine. It keeps types as long as it is there; to define the same ones again takes nothing.
 * - `types`, `n_types`: the types. They refer to each other by `PELLUCID_TYPE_IN_GROUP` plus the place, to others of the engine by
 *   their numbers.
 * - `out_first`: gets the number of the first; the others follow it.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for what no module may define either, as a supertype that is final or that a
 * type doesn't match, a number that no type has, too many fields, or more than 63 supertypes; `PELLUCID_ERR_UNSUPPORTED` for a
 * reserved kind; `PELLUCID_ERR_LIMIT` if the engine has too many types; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_engine_define_types(const pellucid_engine_t *engine,
                                               const pellucid_deftype_t *types,
                                               size_t n_types,
                                               pellucid_type_id_t *out_first,
                                               pellucid_error_t **out_error);

/**
 * The type of a field of a structure, or of the elements of an array, exactly.
 *
 * - `engine`: the engine.
 * - `type_id`: the type.
 * - `index`: the field's index; 0 for the elements of an array.
 * - `out_field`: gets what it holds.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such type or field.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_type_fielddef(const pellucid_engine_t *engine,
                                         pellucid_type_id_t type_id,
                                         size_t index,
                                         pellucid_fielddef_t *out_field);

/**
 * The type of functions that a type is, to make host functions and tags of it: it is exact, whether it is final, a subtype or one of a
 * group. So are those that modules, functions and tags give; what `pellucid_functype_new` makes is final, without supertype and alone.
 *
 * - `engine`: the engine.
 * - `type_id`: the type.
 * - `out_type`: gets the type of functions.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` if the engine has no such type; `PELLUCID_ERR_TYPE_MISMATCH` if it isn't one of
 * functions.
 *
 * Owns: the caller owns `*out_type`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_type_functype(const pellucid_engine_t *engine,
                                         pellucid_type_id_t type_id,
                                         pellucid_functype_t **out_type);

/**
 * Whether a type is final: no other type is a subtype of it.
 *
 * - `engine`: the engine.
 * - `type_id`: the type.
 * - `out_is`: gets the answer.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` if the engine has no such type.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_type_is_final(const pellucid_engine_t *engine,
                                         pellucid_type_id_t type_id,
                                         bool *out_is);

/* ==================================================================================================
 * Names
 *
 * What types, fields, globals and other entities are called in modules.
 * ================================================================================================== */

/** Values of `pellucid_space_t`. The first ones are those of `enum pellucid_extern_kind`. */
enum pellucid_space {
    /** Functions. */
    PELLUCID_SPACE_FUNC = 0,
    /** Tables. */
    PELLUCID_SPACE_TABLE = 1,
    /** Memories. */
    PELLUCID_SPACE_MEMORY = 2,
    /** Globals. */
    PELLUCID_SPACE_GLOBAL = 3,
    /** Tags. */
    PELLUCID_SPACE_TAG = 4,
    /** Types. */
    PELLUCID_SPACE_TYPE = 5,
    /** Element segments. */
    PELLUCID_SPACE_ELEMENT = 6,
    /** Data segments. */
    PELLUCID_SPACE_DATA = 7,
};

/**
 * What the entities of an index space of modules are: one of `enum pellucid_space`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_space_t;

/**
 * The name of an entity of a module: from the name section, else that of its first export. Locals and fields have functions of their
 * own: `pellucid_module_local_name`, `pellucid_module_field_name`.
 *
 * - `module`: the module.
 * - `space`: what it is, one of `enum pellucid_space`.
 * - `index`: its index, imports counted first.
 * - `out_name`: gets the name.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if it has none; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such entity;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown space.
 *
 * Owns: nothing; the name is valid until the module is deleted.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_entity_name(const pellucid_module_t *module,
                                              pellucid_space_t space,
                                              uint32_t index,
                                              pellucid_str_t *out_name);

/**
 * The name of a field of a structure type, from the name section.
 *
 * - `module`: the module.
 * - `type_index`: the type's index in the module, less than `pellucid_module_type_count`.
 * - `field`: the field's index.
 * - `out_name`: gets the name.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if there is no such field or it has no name; `PELLUCID_ERR_OUT_OF_RANGE` if there is no
 * such type.
 *
 * Owns: nothing; the name is valid until the module is deleted.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_field_name(const pellucid_module_t *module,
                                             uint32_t type_index,
                                             uint32_t field,
                                             pellucid_str_t *out_name);

/**
 * Where a module defines a type, such as that of an object: the inverse of `pellucid_module_type`.
 *
 * - `module`: the module.
 * - `type_id`: the type.
 * - `out_index`: gets the type's index in the module; of several that are equal the first.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if the module doesn't define it.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_module_type_index(const pellucid_module_t *module,
                                             pellucid_type_id_t type_id,
                                             uint32_t *out_index);

/**
 * A name of a type: the one that it has in the first module of the store that names it. Modules may name equal types differently; what
 * it is called in one of them `pellucid_module_type_index` and `pellucid_module_entity_name` tell.
 *
 *     pellucid_object_type(store, &object, &type, &n_fields);
 *     pellucid_store_type_name(store, type, &name);            // Point
 *     pellucid_store_field_name(store, type, 0, &field_name);  // x
 *
 * - `store`: the store.
 * - `type_id`: a type of its engine.
 * - `out_name`: gets the name.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if no module names it.
 *
 * Owns: nothing; the name is valid until the store goes.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_type_name(const pellucid_store_t *store,
                                           pellucid_type_id_t type_id,
                                           pellucid_str_t *out_name);

/**
 * A name of a field of a type: the one that it has in the first module of the store that names it.
 *
 * - `store`: the store.
 * - `type_id`: a structure type of its engine.
 * - `field`: the field's index.
 * - `out_name`: gets the name.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if no module names it.
 *
 * Owns: nothing; the name is valid until the store goes.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_field_name(const pellucid_store_t *store,
                                            pellucid_type_id_t type_id,
                                            uint32_t field,
                                            pellucid_str_t *out_name);

/* ==================================================================================================
 * The heap
 *
 * How long references are good, and collecting garbage.
 * ================================================================================================== */

/**
 * A reference that doesn't keep its object: plain data, good until `pellucid_weak_delete`.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The number of the store. */
    uint64_t store;
    /** The number of the reference in the store. */
    uint64_t index;
} pellucid_weak_t;

/**
 * What a store's heap tells of itself.
 *
 * Since: 0.1.
 */
typedef struct {
    /** Bytes of this struct; to be set by the caller. */
    uint32_t struct_size;
    /** 0. */
    uint32_t reserved;
    /** Bytes of blocks that have objects in them, or had when garbage was collected last. */
    uint64_t used_bytes;
    /** Bytes of objects that were reached by the last collection of everything. */
    uint64_t live_bytes;
    /** Bytes that were given out for objects since the store was made. */
    uint64_t given_bytes;
    /** Collections of what was made since the last. */
    uint64_t minor_collections;
    /** Collections of everything, which may have been made in steps. */
    uint64_t major_collections;
    /** How often the collector has held the store up. */
    uint64_t pauses;
    /** For how long in all, in nanoseconds. */
    uint64_t pause_nanoseconds;
    /** For how long at most at a time, in nanoseconds. */
    uint64_t longest_pause_nanoseconds;
    /** Objects that the host has references to. */
    uint64_t references;
} pellucid_heap_stats_t;

/**
 * The objects of one type.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The type. */
    pellucid_type_id_t type_id;
    /** 0. */
    uint32_t reserved;
    /** How many objects there are. */
    uint64_t count;
    /** Their bytes, with their headers. */
    uint64_t bytes;
} pellucid_heap_type_t;

/**
 * Opens a scope: references that the host is given from now on are good until it is closed. See OBJECTS at the top.
 *
 *     uint64_t scope;
 *     pellucid_scope_open(store, &scope);
 *     // …
 *     pellucid_scope_close(store, scope);
 *
 * - `store`: the store.
 * - `out_scope`: gets what it is closed by.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller closes it.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_scope_open(pellucid_store_t *store,
                                      uint64_t *out_scope);

/**
 * Closes a scope, and the references that were given out in it are out of date. Scopes are closed in the reverse order of opening; one
 * that a host function has opened is closed when it returns, at the latest.
 *
 * - `store`: the store.
 * - `scope`: what `pellucid_scope_open` gave.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` unless it is the one that was opened last, by this host function
 * if one runs.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_scope_close(pellucid_store_t *store,
                                       uint64_t scope);

/**
 * Keeps a reference good, whatever scopes are closed, until it is released as often as it was kept.
 *
 * - `store`: the store.
 * - `anyref`: a reference to a structure or array.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for null; `PELLUCID_ERR_TYPE_MISMATCH` for a reference to
 * something else, which needn't be kept; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE` if it is out of date.
 *
 * Owns: the caller releases it.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_object_keep(pellucid_store_t *store,
                                       const pellucid_anyref_t *anyref);

/**
 * Undoes one `pellucid_object_keep`. The reference is out of date then, unless it is kept once more or its scope is still open.
 *
 * - `store`: the store.
 * - `anyref`: the reference.
 *
 * Returns as `pellucid_object_keep`, `PELLUCID_ERR_BUSY` among them; also `PELLUCID_ERR_INVALID_STATE` if it isn't kept.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_object_release(pellucid_store_t *store,
                                          const pellucid_anyref_t *anyref);

/**
 * Keeps what a value refers to, and the reference good, whatever scopes are closed, until it is released as often as it was kept. That
 * is so of `anyref`, `externref` and `exnref`; other values, null and integers are good anyhow, and nothing is done.
 *
 * - `store`: the store.
 * - `value`: the value.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for a value of unknown kind or `PELLUCID_UNAVAILABLE`;
 * `PELLUCID_ERR_UNSUPPORTED` for a reserved kind; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE` if it is out of date;
 * `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller releases it.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_value_keep(pellucid_store_t *store,
                                      const pellucid_value_t *value);

/**
 * Undoes one `pellucid_value_keep`, or one `pellucid_object_keep`. The reference is out of date then, unless it is kept once more or its
 * scope is still open.
 *
 * - `store`: the store.
 * - `value`: the value.
 *
 * Returns as `pellucid_value_keep`, `PELLUCID_ERR_BUSY` among them; also `PELLUCID_ERR_INVALID_STATE` if it isn't kept.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_value_release(pellucid_store_t *store,
                                         const pellucid_value_t *value);

/**
 * Makes a reference to an object that doesn't keep it.
 *
 * - `store`: the store.
 * - `anyref`: a reference to a structure or array.
 * - `out_weak`: gets the weak reference.
 *
 * Returns as `pellucid_object_keep`, `PELLUCID_ERR_BUSY` among them; also `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller deletes the weak reference.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_weak_new(pellucid_store_t *store,
                                    const pellucid_anyref_t *anyref,
                                    pellucid_weak_t *out_weak);

/**
 * The object of a weak reference, if it is still there.
 *
 * - `store`: the store.
 * - `weak`: the weak reference.
 * - `out_anyref`: gets a reference to the object, or null if that is gone.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_STALE_HANDLE` if the weak reference was deleted;
 * `PELLUCID_ERR_LIMIT`; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_weak_get(pellucid_store_t *store,
                                    const pellucid_weak_t *weak,
                                    pellucid_anyref_t *out_anyref);

/**
 * Deletes a weak reference.
 *
 * - `store`: the store.
 * - `weak`: the weak reference.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_STALE_HANDLE` if it was deleted before.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_weak_delete(pellucid_store_t *store,
                                       const pellucid_weak_t *weak);

/**
 * Frees all objects that can't be reached. That takes time with the size of what can; see `pellucid_store_gc_step`. Finalizers of host
 * references that nobody has any more run before it returns.
 *
 * - `store`: the store.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_gc(pellucid_store_t *store);

/**
 * Collects garbage for about as long as this: for hosts that have time between frames. Who does so regularly rarely has guests held up
 * by the collector; everybody else needn't call it. What can't be interrupted may take longer than asked for, after many objects
 * were made or changed at once. Finalizers run as in `pellucid_store_gc`.
 *
 * What is older than the last such step is collected only when enough was made since it was last looked through: what a host has let go of
 * at once may stay until then, or until `pellucid_store_gc`.
 *
 * - `store`: the store.
 * - `microseconds`: how long.
 * - `out_has_more`: gets whether a collection has begun and isn't through; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_gc_step(pellucid_store_t *store,
                                         uint64_t microseconds,
                                         bool *out_has_more);

/**
 * What a store's heap tells of itself.
 *
 * - `store`: the store.
 * - `out_stats`: gets it; its `struct_size` must be set.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` if `struct_size` isn't set.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_heap_stats(const pellucid_store_t *store,
                                            pellucid_heap_stats_t *out_stats);

/**
 * What objects there are in a store, by type. Garbage is collected first.
 *
 * - `store`: the store.
 * - `out_types`, `cap_types`: places for types, in the order of their numbers, and how many; may be NULL if there are none.
 * - `out_n`: gets the number of types that there are objects of.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_heap_types(pellucid_store_t *store,
                                            pellucid_heap_type_t *out_types,
                                            size_t cap_types,
                                            size_t *out_n);

/**
 * The objects that have a reference to one, and the exceptions that carry one. Garbage is collected first. What else keeps it, as a global
 * or a guest that is paused, isn't among these.
 *
 * - `store`: the store.
 * - `anyref`: a reference to a structure or array.
 * - `out_values`, `cap_values`: places for references to those, `PELLUCID_ANYREF` or `PELLUCID_EXNREF`, and how many.
 * - `out_n`: gets how many were written.
 *
 * Returns as `pellucid_object_keep`, `PELLUCID_ERR_BUSY` among them; also `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: nothing; the references are good as OBJECTS at the top says.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_object_referrers(pellucid_store_t *store,
                                            const pellucid_anyref_t *anyref,
                                            pellucid_value_t *out_values,
                                            size_t cap_values,
                                            size_t *out_n);

/* ==================================================================================================
 * Memories
 *
 * Linear memories.
 * ================================================================================================== */

/**
 * Makes a memory, to be imported by guests. Its bytes are zero. If its type says that it is shared, `pellucid_memory_shared` gives
 * what other stores can have of it.
 *
 * - `store`: the store that it will live in.
 * - `memorytype`: its type.
 * - `out_memory`: gets the memory.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LIMIT`; `PELLUCID_ERR_SYSTEM`;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for a type that no memory can have; `PELLUCID_ERR_UNSUPPORTED` for one that isn't
 * supported yet.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_memory_new(pellucid_store_t *store,
                                      const pellucid_memorytype_t *memorytype,
                                      pellucid_memory_t *out_memory,
                                      pellucid_error_t **out_error);

/**
 * The type that a memory was made with.
 *
 * - `store`: the store.
 * - `memory`: the memory.
 * - `out_type`: gets the type.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_memory_type(const pellucid_store_t *store,
                                       const pellucid_memory_t *memory,
                                       pellucid_memorytype_t *out_type);

/**
 * A memory's bytes, to be read and written in place.
 *
 * The size is that of now: after anything that may have grown the memory, which is every run of a guest, ask again.
 * The address stays the same as long as the store lives; bytes beyond the size must not be touched. Those of a shared memory may be
 * written by others at any time, see `pellucid_shared_memory_t`; so may be those that are copied out of it and into it.
 *
 * - `store`: the store.
 * - `memory`: the memory.
 * - `out_data`: gets the address of the first byte; may be NULL.
 * - `out_size`: gets the number of bytes; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing; the bytes are valid until the store goes.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_memory_data(const pellucid_store_t *store,
                                       const pellucid_memory_t *memory,
                                       uint8_t **out_data,
                                       size_t *out_size);

/**
 * A memory's present size in pages, of 64 KiB unless its type says otherwise.
 *
 * - `store`: the store.
 * - `memory`: the memory.
 * - `out_pages`: gets the number of pages.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_memory_size(const pellucid_store_t *store,
                                       const pellucid_memory_t *memory,
                                       uint64_t *out_pages);

/**
 * Grows a memory. A handler that has asked for `PELLUCID_EVENT_MEMORY_GROWN` is told.
 *
 * - `store`: the store.
 * - `memory`: the memory.
 * - `n_pages`: how many pages to add.
 * - `out_old_pages`: gets the number of pages before; may be NULL.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LIMIT` beyond its maximum, the store's limit, or the addresses
 * that it has (`pellucid_config_set_memory_reservation`); `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_memory_grow(pellucid_store_t *store,
                                       const pellucid_memory_t *memory,
                                       uint64_t n_pages,
                                       uint64_t *out_old_pages,
                                       pellucid_error_t **out_error);

/**
 * Copies bytes out of a memory.
 *
 * - `store`: the store.
 * - `memory`: the memory.
 * - `offset`: the first byte to read.
 * - `out_bytes`, `n_bytes`: where to copy them, and how many; may be in a guest's memory, also in this one, and overlap what is
 *   read, as with `memmove`.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` unless all of them are in the memory, or for
 * a memory that the store never made; `PELLUCID_ERR_WRONG_STORE`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_memory_read(const pellucid_store_t *store,
                                       const pellucid_memory_t *memory,
                                       uint64_t offset,
                                       uint8_t *out_bytes,
                                       size_t n_bytes);

/**
 * Copies bytes into a memory.
 *
 * - `store`: the store.
 * - `memory`: the memory.
 * - `offset`: the first byte to write.
 * - `bytes`, `n_bytes`: what to copy; may be in a guest's memory, also in this one, and overlap where it goes, as with
 *   `memmove`.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`, and nothing is written, unless all of them
 * fit, or for a memory that the store never made; `PELLUCID_ERR_WRONG_STORE`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_memory_write(pellucid_store_t *store,
                                        const pellucid_memory_t *memory,
                                        uint64_t offset,
                                        const uint8_t *bytes,
                                        size_t n_bytes);

/* ==================================================================================================
 * Shared memories
 *
 * Memories that stores on several threads have at the same time.
 * ================================================================================================== */

/**
 * A memory that any number of stores of one engine may have, on any threads. An owned object, one reference to it.
 *
 *     pellucid_memorytype_t type = {.minimum = 1, .maximum = 100, .has_maximum = 1, .is_shared = 1};
 *     pellucid_shared_memory_new(engine, &type, &shared, &error);
 *     // for each store, on whichever thread uses it:
 *     pellucid_memory_from_shared(store, shared, &memory, &error);
 *     ...
 *     pellucid_shared_memory_delete(shared);
 *
 * It lives as long as a reference to it, or a store that has it. Its first byte never moves, and its size never becomes less, while it
 * may grow at any time under all who use it. Any thread may use it, also several at once.
 *
 * Guests, and functions of this library, may be writing its bytes at any time. What is read or written here is copied byte by byte, in no
 * particular order: what others write meanwhile is found in part, or not at all, as with guests' accesses that aren't atomic.
 * Programs that access its bytes in place (`pellucid_shared_memory_data`) should do so by their language's atomic operations: anything
 * else is a data race in C.
 *
 * Since: 0.1.
 */
typedef struct pellucid_shared_memory_t pellucid_shared_memory_t;

/**
 * Makes a shared memory. Its bytes are zero.
 *
 * It has addresses for all that its maximum and the engine's limit `PELLUCID_LIMIT_MEMORY_BYTES` allow, or as many as
 * `pellucid_config_set_memory_reservation` says. That limit is its own from then on, see `pellucid_shared_memory_set_limit`.
 *
 * - `engine`: the engine whose stores can have it.
 * - `memorytype`: its type, with `is_shared` and a maximum.
 * - `out_shared`: gets the memory.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for a type that no shared memory can have; `PELLUCID_ERR_LIMIT`;
 * `PELLUCID_ERR_SYSTEM`, if there aren't so many addresses, too; `PELLUCID_ERR_UNSUPPORTED` for a type that isn't supported yet.
 *
 * Owns: the caller owns `*out_shared` and `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_shared_memory_new(const pellucid_engine_t *engine,
                                             const pellucid_memorytype_t *memorytype,
                                             pellucid_shared_memory_t **out_shared,
                                             pellucid_error_t **out_error);

/**
 * Deletes a reference. Stores that have the memory keep it.
 *
 * - `shared`: the reference; NULL is fine.
 *
 * Owns: takes `shared`.
 * Context: any thread.
 * Since: 0.1.
 */
void pellucid_shared_memory_delete(pellucid_shared_memory_t *shared);

/**
 * Makes another reference to the same memory, to be deleted on its own.
 *
 * - `shared`: the memory.
 * - `out_shared`: gets the reference.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller owns `*out_shared`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_shared_memory_clone(const pellucid_shared_memory_t *shared,
                                               pellucid_shared_memory_t **out_shared);

/**
 * The type that the memory was made with.
 *
 * - `shared`: the memory.
 * - `out_type`: gets the type.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_shared_memory_type(const pellucid_shared_memory_t *shared,
                                              pellucid_memorytype_t *out_type);

/**
 * The memory's bytes, to be read and written in place, by atomic operations.
 *
 * The size is that of now: it may be more at any time after that, and never less. The address stays the same as long as the memory
 * lives; bytes beyond the size must not be touched.
 *
 * - `shared`: the memory.
 * - `out_data`: gets the address of the first byte; may be NULL.
 * - `out_size`: gets the number of bytes; may be NULL.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing; the bytes are valid as long as a reference to the memory, or a store that has it.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_shared_memory_data(const pellucid_shared_memory_t *shared,
                                              uint8_t **out_data,
                                              size_t *out_size);

/**
 * The memory's present size in pages, of 64 KiB unless its type says otherwise.
 *
 * - `shared`: the memory.
 * - `out_pages`: gets the number of pages.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_shared_memory_size(const pellucid_shared_memory_t *shared,
                                              uint64_t *out_pages);

/**
 * Grows the memory, under all stores that have it, also while their guests run.
 *
 * - `shared`: the memory.
 * - `n_pages`: how many pages to add.
 * - `out_old_pages`: gets the number of pages before; may be NULL.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_LIMIT` beyond its maximum, its limit, or the addresses that it has; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_shared_memory_grow(const pellucid_shared_memory_t *shared,
                                              uint64_t n_pages,
                                              uint64_t *out_old_pages,
                                              pellucid_error_t **out_error);

/**
 * Sets how many bytes the memory may have, whoever wants it to grow. What it has already isn't taken away. A guest's growth is bounded by
 * its store's limit `PELLUCID_LIMIT_MEMORY_BYTES`, too.
 *
 * - `shared`: the memory.
 * - `n_bytes`: how many.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_shared_memory_set_limit(const pellucid_shared_memory_t *shared,
                                                   uint64_t n_bytes);

/**
 * How many bytes the memory may have, whoever wants it to grow: what was set, or the limit of the engine or store that has made it.
 *
 * - `shared`: the memory.
 * - `out_bytes`: gets how many.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_shared_memory_limit(const pellucid_shared_memory_t *shared,
                                               uint64_t *out_bytes);

/**
 * Copies bytes out of the memory. Others may be writing them.
 *
 * - `shared`: the memory.
 * - `offset`: the first byte to read.
 * - `out_bytes`, `n_bytes`: where to copy them, and how many; as for `pellucid_memory_read`.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` unless all of them are in the memory.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_shared_memory_read(const pellucid_shared_memory_t *shared,
                                              uint64_t offset,
                                              uint8_t *out_bytes,
                                              size_t n_bytes);

/**
 * Copies bytes into the memory. Others may be reading and writing there.
 *
 * - `shared`: the memory.
 * - `offset`: the first byte to write.
 * - `bytes`, `n_bytes`: what to copy; as for `pellucid_memory_write`.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE`, and nothing is written, unless all of them fit.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_shared_memory_write(const pellucid_shared_memory_t *shared,
                                               uint64_t offset,
                                               const uint8_t *bytes,
                                               size_t n_bytes);

/**
 * Wakes guests that wait at a place of the memory, as `memory.atomic.notify` does: those that came first.
 *
 * - `shared`: the memory.
 * - `address`: the place, a multiple of 4.
 * - `most`: how many at most.
 * - `out_n`: gets how many there were; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for another address; `PELLUCID_ERR_OUT_OF_RANGE` for one beyond the memory's
 * end.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_shared_memory_notify(const pellucid_shared_memory_t *shared,
                                                uint64_t address,
                                                uint32_t most,
                                                uint32_t *out_n);

/**
 * Says whether guests may wait in the memory; they may at first. When they may no longer, those that do are woken, and their operators trap
 * with `PELLUCID_TRAP_WAIT_NOT_ALLOWED`, as those do that come to one later. This works for engines without signal handlers, too,
 * whose guests can't be interrupted.
 *
 * - `shared`: the memory.
 * - `are_allowed`: whether they may.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_shared_memory_allow_waits(const pellucid_shared_memory_t *shared,
                                                     bool are_allowed);

/**
 * How many guests wait in the memory just now, wherever in it. Those of paused calls aren't among them.
 *
 * - `shared`: the memory.
 * - `out_n`: gets how many.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_shared_memory_waiter_count(const pellucid_shared_memory_t *shared,
                                                      size_t *out_n);

/**
 * A shared memory as a memory of a store, to be imported by guests. The same handle each time.
 *
 * - `store`: the store, which keeps the memory as long as it lives.
 * - `shared`: the memory.
 * - `out_memory`: gets the store's handle for it.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LIMIT` beyond the memories that the store may have;
 * `PELLUCID_ERR_INVALID_ARGUMENT` if the memory was made with another engine than the store; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_memory_from_shared(pellucid_store_t *store,
                                              const pellucid_shared_memory_t *shared,
                                              pellucid_memory_t *out_memory,
                                              pellucid_error_t **out_error);

/**
 * A reference to a shared memory that a store has, such as one that a module has made and exports, to be given to other stores.
 *
 * - `store`: the store.
 * - `memory`: the memory.
 * - `out_shared`: gets the reference.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_TYPE_MISMATCH` if the memory isn't shared; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller owns `*out_shared` and `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_memory_shared(const pellucid_store_t *store,
                                         const pellucid_memory_t *memory,
                                         pellucid_shared_memory_t **out_shared,
                                         pellucid_error_t **out_error);

/**
 * Whether a memory is shared.
 *
 * - `store`: the store.
 * - `memory`: the memory.
 *
 * Returns whether it is; false if an argument is NULL, the store is being used by another thread, or the memory isn't one of it.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
bool pellucid_memory_is_shared(const pellucid_store_t *store,
                               const pellucid_memory_t *memory);

/* ==================================================================================================
 * Tables
 *
 * Tables of references.
 * ================================================================================================== */

/**
 * Makes a table, to be imported by guests.
 *
 * - `store`: the store that it will live in.
 * - `tabletype`: its type.
 * - `init`: what its elements are at first.
 * - `out_table`: gets the table.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_TYPE_MISMATCH` for an `init` of another type;
 * `PELLUCID_ERR_WRONG_STORE` for one of another store; `PELLUCID_ERR_OUT_OF_RANGE` for a reference that the store
 * never made; `PELLUCID_ERR_LIMIT`; `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_INVALID_ARGUMENT` for a type that no table
 * can have or a value of unknown kind; `PELLUCID_ERR_UNSUPPORTED` for what isn't supported yet.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_table_new(pellucid_store_t *store,
                                     const pellucid_tabletype_t *tabletype,
                                     const pellucid_value_t *init,
                                     pellucid_table_t *out_table,
                                     pellucid_error_t **out_error);

/**
 * The type that a table was made with.
 *
 * - `store`: the store.
 * - `table`: the table.
 * - `out_type`: gets the type.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_table_type(const pellucid_store_t *store,
                                      const pellucid_table_t *table,
                                      pellucid_tabletype_t *out_type);

/**
 * A table's present number of elements.
 *
 * - `store`: the store.
 * - `table`: the table.
 * - `out_size`: gets the number.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_table_size(const pellucid_store_t *store,
                                      const pellucid_table_t *table,
                                      uint64_t *out_size);

/**
 * An element of a table.
 *
 * - `store`: the store.
 * - `table`: the table.
 * - `index`: less than its size.
 * - `out_value`: gets the element.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` beyond its size, or for a table that the
 * store never made; `PELLUCID_ERR_WRONG_STORE`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_table_get(const pellucid_store_t *store,
                                     const pellucid_table_t *table,
                                     uint64_t index,
                                     pellucid_value_t *out_value);

/**
 * Sets an element of a table.
 *
 * - `store`: the store.
 * - `table`: the table.
 * - `index`: less than its size.
 * - `value`: the element.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` beyond its size, or for a table or reference
 * that the store never made; `PELLUCID_ERR_TYPE_MISMATCH` for a value of another type; `PELLUCID_ERR_WRONG_STORE` also
 * for a value of another store; `PELLUCID_ERR_INVALID_ARGUMENT` for one of unknown kind; `PELLUCID_ERR_UNSUPPORTED`
 * for one of a reserved kind.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_table_set(pellucid_store_t *store,
                                     const pellucid_table_t *table,
                                     uint64_t index,
                                     const pellucid_value_t *value);

/**
 * Grows a table.
 *
 * - `store`: the store.
 * - `table`: the table.
 * - `n_elements`: how many elements to add.
 * - `init`: what they are.
 * - `out_old_size`: gets the number of elements before; may be NULL.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LIMIT` beyond its maximum or the store's limit;
 * `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_TYPE_MISMATCH` for an `init` of another type; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_INVALID_ARGUMENT` for a value of unknown kind; `PELLUCID_ERR_UNSUPPORTED`
 * for one of a reserved kind.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_table_grow(pellucid_store_t *store,
                                      const pellucid_table_t *table,
                                      uint64_t n_elements,
                                      const pellucid_value_t *init,
                                      uint64_t *out_old_size,
                                      pellucid_error_t **out_error);

/* ==================================================================================================
 * Globals
 *
 * Global variables.
 * ================================================================================================== */

/**
 * Makes a global, to be imported by guests.
 *
 * - `store`: the store that it will live in.
 * - `globaltype`: its type.
 * - `value`: its value at first, or for ever if it is immutable.
 * - `out_global`: gets the global.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_TYPE_MISMATCH` for a value of another type;
 * `PELLUCID_ERR_WRONG_STORE` for one of another store; `PELLUCID_ERR_OUT_OF_RANGE` for a reference that the store
 * never made; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown kind; `PELLUCID_ERR_UNSUPPORTED` for a reserved one.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_global_new(pellucid_store_t *store,
                                      const pellucid_globaltype_t *globaltype,
                                      const pellucid_value_t *value,
                                      pellucid_global_t *out_global,
                                      pellucid_error_t **out_error);

/**
 * A global's type.
 *
 * - `store`: the store.
 * - `global`: the global.
 * - `out_type`: gets the type.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_global_type(const pellucid_store_t *store,
                                       const pellucid_global_t *global,
                                       pellucid_globaltype_t *out_type);

/**
 * A global's value.
 *
 * - `store`: the store.
 * - `global`: the global.
 * - `out_value`: gets the value.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_global_get(const pellucid_store_t *store,
                                      const pellucid_global_t *global,
                                      pellucid_value_t *out_value);

/**
 * Sets a global's value.
 *
 * - `store`: the store.
 * - `global`: the global.
 * - `value`: the value.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` if the global is immutable or the value
 * of unknown kind; `PELLUCID_ERR_TYPE_MISMATCH` for a value of another type; `PELLUCID_ERR_WRONG_STORE` also for a
 * value of another store; `PELLUCID_ERR_OUT_OF_RANGE` for a global or reference that the store never made;
 * `PELLUCID_ERR_UNSUPPORTED` for a value of a reserved kind.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_global_set(pellucid_store_t *store,
                                      const pellucid_global_t *global,
                                      const pellucid_value_t *value);

/* ==================================================================================================
 * Tags
 *
 * What tells exceptions apart.
 * ================================================================================================== */

/**
 * Makes a tag, to be imported by guests, or to throw exceptions with. It is another one than all others of its type.
 *
 * - `store`: the store that it will live in.
 * - `functype`: the type of a function that takes what the tag's exceptions carry, and gives nothing.
 * - `out_tag`: gets the tag.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for a type with results, or that only
 * another engine has; `PELLUCID_ERR_LIMIT` if the engine has too many types; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: nothing; `functype` stays the caller's.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_tag_new(pellucid_store_t *store,
                                   const pellucid_functype_t *functype,
                                   pellucid_tag_t *out_tag);

/**
 * A tag's type: a function that takes what the tag's exceptions carry, and gives nothing.
 *
 * - `store`: the store.
 * - `tag`: the tag.
 * - `out_type`: gets the type.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: the caller owns `*out_type`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_tag_type(const pellucid_store_t *store,
                                    const pellucid_tag_t *tag,
                                    pellucid_functype_t **out_type);

/* ==================================================================================================
 * Instances
 *
 * Instances of modules and what is in them.
 * ================================================================================================== */

/**
 * How many entities an instance has, imports included.
 *
 * Since: 0.1.
 */
typedef struct {
    /** Set by the caller to `sizeof(pellucid_spaces_t)`. */
    uint32_t struct_size;
    /** Functions. */
    uint32_t n_funcs;
    /** Tables. */
    uint32_t n_tables;
    /** Memories. */
    uint32_t n_memories;
    /** Globals. */
    uint32_t n_globals;
    /** Element segments. */
    uint32_t n_elements;
    /** Data segments. */
    uint32_t n_data;
    /** Tags. */
    uint32_t n_tags;
} pellucid_spaces_t;

/**
 * Makes an instance of a module, and runs its start function.
 *
 * All imports are checked before anything is made. If a segment is out of bounds or the start function traps, what was
 * written to imported memories and tables stays, as the WebAssembly specification demands.
 *
 * - `store`: the store that it will live in.
 * - `module`: the module, made with the store's engine.
 * - `imports`, `n_imports`: what it imports, in the order of `pellucid_module_import`; may be NULL if there are none.
 * - `out_instance`: gets the instance.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LINK` for a wrong number of imports or one of wrong type;
 * `PELLUCID_ERR_WRONG_STORE` for one of another store; `PELLUCID_ERR_OUT_OF_RANGE` for one that the store never made;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for one of unknown kind, or a module of another engine; `PELLUCID_ERR_TRAP`;
 * `PELLUCID_ERR_EXCEPTION` for one that nothing caught in the start function; `PELLUCID_ERR_HOST`; `PELLUCID_ERR_LIMIT`; `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_POISONED`.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_instance_new(pellucid_store_t *store,
                                        const pellucid_module_t *module,
                                        const pellucid_extern_t *imports,
                                        size_t n_imports,
                                        pellucid_instance_t *out_instance,
                                        pellucid_error_t **out_error);

/**
 * The module that an instance is of.
 *
 * - `store`: the store.
 * - `instance`: the instance.
 * - `out_module`: gets a reference to the module.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: the caller owns `*out_module`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_instance_module(const pellucid_store_t *store,
                                           const pellucid_instance_t *instance,
                                           pellucid_module_t **out_module);

/**
 * An export of an instance by its name.
 *
 * - `store`: the store.
 * - `instance`: the instance.
 * - `name`, `n_name`: the export's name, UTF-8.
 * - `out_extern`: gets the export.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_INVALID_ARGUMENT` if the name isn't UTF-8.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_instance_export(const pellucid_store_t *store,
                                           const pellucid_instance_t *instance,
                                           const char *name,
                                           size_t n_name,
                                           pellucid_extern_t *out_extern);

/**
 * How many exports an instance has.
 *
 * - `store`: the store.
 * - `instance`: the instance.
 * - `out_n`: gets their number.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_instance_export_count(const pellucid_store_t *store,
                                                 const pellucid_instance_t *instance,
                                                 size_t *out_n);

/**
 * An export of an instance by its place.
 *
 * - `store`: the store.
 * - `instance`: the instance.
 * - `index`: less than `pellucid_instance_export_count`, in the order of the module.
 * - `out_name`: gets the export's name; may be NULL.
 * - `out_extern`: gets the export; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_WRONG_STORE`.
 *
 * Owns: nothing; the name is valid until the store goes.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_instance_export_at(const pellucid_store_t *store,
                                              const pellucid_instance_t *instance,
                                              size_t index,
                                              pellucid_str_t *out_name,
                                              pellucid_extern_t *out_extern);

/**
 * The type of something imported or exported; a memory's or table's present size is its minimum.
 *
 * - `store`: the store.
 * - `item`: the import or export.
 * - `out_type`: gets the type.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown kind.
 *
 * Owns: the caller owns `*out_type`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_extern_type(const pellucid_store_t *store,
                                       const pellucid_extern_t *item,
                                       pellucid_externtype_t **out_type);

/**
 * How many entities an instance has, exported or not.
 *
 * - `store`: the store.
 * - `instance`: the instance.
 * - `out_spaces`: gets the numbers; its `struct_size` must be set.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_INVALID_ARGUMENT` if `struct_size` isn't set.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_instance_spaces(const pellucid_store_t *store,
                                           const pellucid_instance_t *instance,
                                           pellucid_spaces_t *out_spaces);

/**
 * A function of an instance by its index, exported or not. The handle is an ordinary one: it can be called.
 *
 * - `store`: the store.
 * - `instance`: the instance.
 * - `func_index`: the index in its module, imports counted first.
 * - `out_func`: gets the function.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_instance_func(const pellucid_store_t *store,
                                         const pellucid_instance_t *instance,
                                         uint32_t func_index,
                                         pellucid_func_t *out_func);

/**
 * A table of an instance by its index, exported or not. The handle is an ordinary one: it can be read and set.
 *
 * - `store`: the store.
 * - `instance`: the instance.
 * - `table_index`: the index in its module, imports counted first.
 * - `out_table`: gets the table.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_instance_table(const pellucid_store_t *store,
                                          const pellucid_instance_t *instance,
                                          uint32_t table_index,
                                          pellucid_table_t *out_table);

/**
 * A memory of an instance by its index, exported or not. The handle is an ordinary one: it can be read and written.
 *
 * - `store`: the store.
 * - `instance`: the instance.
 * - `memory_index`: the index in its module, imports counted first.
 * - `out_memory`: gets the memory.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_instance_memory(const pellucid_store_t *store,
                                           const pellucid_instance_t *instance,
                                           uint32_t memory_index,
                                           pellucid_memory_t *out_memory);

/**
 * A global of an instance by its index, exported or not. The handle is an ordinary one: it can be read, and set if it is mutable.
 *
 * - `store`: the store.
 * - `instance`: the instance.
 * - `global_index`: the index in its module, imports counted first.
 * - `out_global`: gets the global.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_instance_global(const pellucid_store_t *store,
                                           const pellucid_instance_t *instance,
                                           uint32_t global_index,
                                           pellucid_global_t *out_global);

/**
 * A tag of an instance by its index, exported or not. The handle is an ordinary one.
 *
 * - `store`: the store.
 * - `instance`: the instance.
 * - `tag_index`: the index in its module, imports counted first.
 * - `out_tag`: gets the tag.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_instance_tag(const pellucid_store_t *store,
                                        const pellucid_instance_t *instance,
                                        uint32_t tag_index,
                                        pellucid_tag_t *out_tag);

/* ==================================================================================================
 * Linkers
 *
 * Instantiating modules by the names of their imports.
 * ================================================================================================== */

/**
 * Names and what they stand for, to instantiate modules with. An owned object.
 *
 *     pellucid_linker_t *linker;
 *     pellucid_linker_new(engine, &linker);
 *     pellucid_linker_define_func(linker, store, "env", 3, "log", 3, type, NULL, log_cb, NULL, &error);
 *     pellucid_linker_instantiate(linker, store, module, &instance, &error);
 *     pellucid_linker_delete(linker);
 *
 * One thread at a time uses a linker. While it instantiates a module, callbacks can't change it.
 *
 * Since: 0.1.
 */
typedef struct pellucid_linker_t pellucid_linker_t;

/**
 * Makes a linker that knows no names.
 *
 * - `engine`: the engine of the modules to instantiate, and of the stores.
 * - `out_linker`: gets the linker.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: the caller owns `*out_linker`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_linker_new(const pellucid_engine_t *engine,
                                      pellucid_linker_t **out_linker);

/**
 * Deletes a linker. What was defined and instantiated with it stays in its store.
 *
 * - `linker`: the linker; NULL is fine.
 *
 * Owns: takes `linker`.
 * Context: any.
 * Since: 0.1.
 */
void pellucid_linker_delete(pellucid_linker_t *linker);

/**
 * Sets whether defining a name again replaces what it stood for.
 *
 * - `linker`: the linker.
 * - `is_on`: false at first, which makes it an error.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_STATE` while the linker instantiates a module.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_linker_set_shadowing(pellucid_linker_t *linker, bool is_on);

/**
 * Defines a name.
 *
 * - `linker`: the linker.
 * - `store`: the store of `item`.
 * - `module_name`, `n_module_name`: the first name that imports ask for, UTF-8.
 * - `name`, `n_name`: the second, UTF-8.
 * - `item`: what they stand for.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LINK` if the name is defined already and shadowing is off;
 * `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_INVALID_ARGUMENT` for an item of unknown
 * kind, a name that isn't UTF-8, or a store of another engine; `PELLUCID_ERR_INVALID_STATE` while the linker
 * instantiates a module.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_linker_define(pellucid_linker_t *linker,
                                         pellucid_store_t *store,
                                         const char *module_name,
                                         size_t n_module_name,
                                         const char *name,
                                         size_t n_name,
                                         const pellucid_extern_t *item,
                                         pellucid_error_t **out_error);

/**
 * Makes a host function on tagged values and defines a name for it.
 *
 * - `linker`: the linker.
 * - `store`: the store that the function will live in.
 * - `module_name`, `n_module_name`: the first name that imports ask for, UTF-8.
 * - `name`, `n_name`: the second, UTF-8.
 * - `functype`: the function's type.
 * - `userdata`: for `cb`; may be NULL.
 * - `cb`: what runs.
 * - `finalizer`: frees `userdata` when the store goes; may be NULL.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns as `pellucid_func_new` and `pellucid_linker_define`.
 *
 * Owns: the store owns `userdata` until the finalizer runs; the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_linker_define_func(pellucid_linker_t *linker,
                                              pellucid_store_t *store,
                                              const char *module_name,
                                              size_t n_module_name,
                                              const char *name,
                                              size_t n_name,
                                              const pellucid_functype_t *functype,
                                              void *userdata,
                                              pellucid_func_cb_t cb,
                                              pellucid_finalizer_t finalizer,
                                              pellucid_error_t **out_error);

/**
 * Makes a host function on raw values and defines a name for it.
 *
 * - `linker`: the linker.
 * - `store`: the store that the function will live in.
 * - `module_name`, `n_module_name`: the first name that imports ask for, UTF-8.
 * - `name`, `n_name`: the second, UTF-8.
 * - `functype`: the function's type.
 * - `userdata`: for `cb`; may be NULL.
 * - `cb`: what runs.
 * - `finalizer`: frees `userdata` when the store goes; may be NULL.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns as `pellucid_func_new` and `pellucid_linker_define`.
 *
 * Owns: the store owns `userdata` until the finalizer runs; the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_linker_define_func_raw(pellucid_linker_t *linker,
                                                  pellucid_store_t *store,
                                                  const char *module_name,
                                                  size_t n_module_name,
                                                  const char *name,
                                                  size_t n_name,
                                                  const pellucid_functype_t *functype,
                                                  void *userdata,
                                                  pellucid_func_raw_cb_t cb,
                                                  pellucid_finalizer_t finalizer,
                                                  pellucid_error_t **out_error);

/**
 * Defines a name for each export of an instance.
 *
 * - `linker`: the linker.
 * - `store`: the store of the instance.
 * - `module_name`, `n_module_name`: the first name that imports ask for, UTF-8; the exports' names are the second.
 * - `instance`: the instance.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LINK`, and nothing is defined, if a name is defined
 * already and shadowing is off; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`;
 * `PELLUCID_ERR_INVALID_ARGUMENT` if the name isn't UTF-8, or for a store of another engine;
 * `PELLUCID_ERR_INVALID_STATE` while the linker instantiates a module.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_linker_define_instance(pellucid_linker_t *linker,
                                                  pellucid_store_t *store,
                                                  const char *module_name,
                                                  size_t n_module_name,
                                                  const pellucid_instance_t *instance,
                                                  pellucid_error_t **out_error);

/**
 * Defines each function that a module imports and that isn't defined yet as one that fails when it is called.
 *
 * - `linker`: the linker.
 * - `store`: the store that the functions will live in.
 * - `module`: the module.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_INVALID_ARGUMENT` for a store of
 * another engine; `PELLUCID_ERR_INVALID_STATE` while the linker instantiates a module.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_linker_define_unknown_as_traps(pellucid_linker_t *linker,
                                                          pellucid_store_t *store,
                                                          const pellucid_module_t *module,
                                                          pellucid_error_t **out_error);

/**
 * What a name stands for.
 *
 * - `linker`: the linker.
 * - `store`: the store in which it was defined.
 * - `module_name`, `n_module_name`: the first name, UTF-8.
 * - `name`, `n_name`: the second, UTF-8.
 * - `out_extern`: gets what it stands for.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND`; `PELLUCID_ERR_INVALID_ARGUMENT` if a name
 * isn't UTF-8.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_linker_get(const pellucid_linker_t *linker,
                                      const pellucid_store_t *store,
                                      const char *module_name,
                                      size_t n_module_name,
                                      const char *name,
                                      size_t n_name,
                                      pellucid_extern_t *out_extern);

/**
 * Makes an instance of a module with what the names of its imports stand for, and runs its start function.
 *
 * - `linker`: the linker.
 * - `store`: the store that it will live in.
 * - `module`: the module.
 * - `out_instance`: gets the instance.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns as `pellucid_instance_new`; `PELLUCID_ERR_LINK` also for an import that isn't defined, whose names are
 * in the message; `PELLUCID_ERR_INVALID_ARGUMENT` also for a store of another engine than the linker's.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_linker_instantiate(const pellucid_linker_t *linker,
                                              pellucid_store_t *store,
                                              const pellucid_module_t *module,
                                              pellucid_instance_t *out_instance,
                                              pellucid_error_t **out_error);

/* ==================================================================================================
 * WASI
 *
 * What ordinary programs import: arguments, files, clocks, and so on.
 * ================================================================================================== */

/** Values of `pellucid_wasi_stream_t`. */
enum pellucid_wasi_stream {
    /** Standard input. */
    PELLUCID_WASI_STDIN = 0,
    /** Standard output. */
    PELLUCID_WASI_STDOUT = 1,
    /** Standard error. */
    PELLUCID_WASI_STDERR = 2,
};

/** Values of `pellucid_wasi_source_t`. */
enum pellucid_wasi_source {
    /** Empty, and to nowhere; the default. */
    PELLUCID_WASI_NULL = 0,
    /**
     * The host's own stream, as it is when the functions are defined. Flush what the host has buffered before the guest
     * writes. If the host has none, the guest gets `EBADF`; if it is a pipe that nobody reads, `EPIPE`, without a signal.
     */
    PELLUCID_WASI_INHERIT = 1,
    /** For output: kept until `pellucid_wasi_read` takes it. */
    PELLUCID_WASI_CAPTURE = 2,
};

/**
 * What a guest gets from its host. An owned object.
 *
 *     pellucid_wasi_config_t *config;
 *     pellucid_wasi_config_new(&config);
 *     pellucid_wasi_config_add_arg(config, "program", 7);
 *     pellucid_wasi_config_set_stream(config, PELLUCID_WASI_STDOUT, PELLUCID_WASI_INHERIT);
 *     pellucid_wasi_config_add_folder(config, "/tmp/data", 9, "/data", 5, true, &error);
 *     pellucid_linker_define_wasi(linker, store, config, NULL, &error);
 *     pellucid_wasi_config_delete(config);
 *
 * A new one gives nothing: no arguments, no environment, no folders, empty input, output to nowhere; but the system's
 * clocks and random numbers. It can be used for any number of stores.
 *
 * Since: 0.1.
 */
typedef struct pellucid_wasi_config_t pellucid_wasi_config_t;

/**
 * What a guest has written to captured streams. An owned object, which any thread may use, also while the guest runs.
 *
 *     pellucid_wasi_t *wasi;
 *     pellucid_wasi_config_set_stream(config, PELLUCID_WASI_STDOUT, PELLUCID_WASI_CAPTURE);
 *     pellucid_linker_define_wasi(linker, store, config, &wasi, &error);
 *     ...
 *     pellucid_wasi_read(wasi, PELLUCID_WASI_STDOUT, bytes, sizeof bytes, &n_bytes);
 *     pellucid_wasi_delete(wasi);
 *
 * Since: 0.1.
 */
typedef struct pellucid_wasi_t pellucid_wasi_t;

/**
 * A stream that guests start with: one of `enum pellucid_wasi_stream`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_wasi_stream_t;

/**
 * Where a stream comes from or goes to: one of `enum pellucid_wasi_source`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_wasi_source_t;

/**
 * Gives a guest's standard input.
 *
 * - `userdata`: as registered.
 * - `bytes`, `cap_bytes`: places for what there is.
 * - `out_n`: gets how many were filled, which is 0 before; 0 is the end of the input.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_YIELD` if there is nothing yet: where the guest yields, see `pellucid_wasi_config_set_yielding`, its
 * call waits, and the callback is called again when it is resumed, else the guest gets `EAGAIN`. Anything else is an input/output
 * error for the guest.
 *
 * It may do all that a host function may.
 *
 * Since: 0.1.
 */
typedef pellucid_status_t (*pellucid_wasi_read_cb_t)(void *userdata,
                                                     uint8_t *bytes,
                                                     size_t cap_bytes,
                                                     size_t *out_n);

/**
 * Takes what a guest writes to standard output or standard error.
 *
 * - `userdata`: as registered.
 * - `bytes`, `n_bytes`: what the guest writes, not necessarily whole lines or characters. Valid until it returns.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_YIELD` if nothing of it can be taken yet, as `pellucid_wasi_read_cb_t`; anything else is an
 * input/output error for the guest.
 *
 * It may do all that a host function may.
 *
 * Since: 0.1.
 */
typedef pellucid_status_t (*pellucid_wasi_write_cb_t)(void *userdata,
                                                      const uint8_t *bytes,
                                                      size_t n_bytes);

/**
 * Makes a configuration that gives a guest nothing.
 *
 * - `out_config`: gets the configuration.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: the caller owns `*out_config`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_config_new(pellucid_wasi_config_t **out_config);

/**
 * Deletes a configuration. Guests that were given what it says keep it.
 *
 * - `config`: the configuration; NULL is fine.
 *
 * Owns: takes `config`.
 * Context: any thread.
 * Since: 0.1.
 */
void pellucid_wasi_config_delete(pellucid_wasi_config_t *config);

/**
 * Adds an argument of the program; the first is its name.
 *
 * - `config`: the configuration.
 * - `arg`, `n_arg`: the argument, UTF-8 without NUL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` if the argument isn't UTF-8 or contains NUL.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_config_add_arg(pellucid_wasi_config_t *config,
                                               const char *arg,
                                               size_t n_arg);

/**
 * Sets an environment variable, again if it is set already.
 *
 * - `config`: the configuration.
 * - `name`, `n_name`: its name, UTF-8 without NUL or `=`.
 * - `value`, `n_value`: its value, UTF-8 without NUL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for a name or value that can't be one.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_config_set_env(pellucid_wasi_config_t *config,
                                               const char *name,
                                               size_t n_name,
                                               const char *value,
                                               size_t n_value);

/**
 * Sets all variables of the host's environment as it is now. Those that aren't UTF-8 are left out.
 *
 * - `config`: the configuration.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_config_inherit_env(pellucid_wasi_config_t *config);

/**
 * Sets where a stream comes from or goes to.
 *
 * - `config`: the configuration.
 * - `stream`: one of `enum pellucid_wasi_stream`.
 * - `source`: one of `enum pellucid_wasi_source`.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown number, and if standard input shall be captured.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_config_set_stream(pellucid_wasi_config_t *config,
                                                  pellucid_wasi_stream_t stream,
                                                  pellucid_wasi_source_t source);

/**
 * Sets how many bytes each captured stream holds. For the guest, writing to a full one is the error that there is no
 * space left.
 *
 * - `config`: the configuration.
 * - `n_bytes`: their number; 64 MiB unless set.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_config_set_capture_limit(pellucid_wasi_config_t *config,
                                                         size_t n_bytes);

/**
 * Makes a stream a file. It is opened now; for output it is made, or emptied if it is there.
 *
 * - `config`: the configuration.
 * - `stream`: one of `enum pellucid_wasi_stream`.
 * - `path`, `n_path`: the file's path on the host, UTF-8.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` or `PELLUCID_ERR_SYSTEM` if it can't be opened;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown stream or a path that isn't UTF-8.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_config_set_file(pellucid_wasi_config_t *config,
                                                pellucid_wasi_stream_t stream,
                                                const char *path,
                                                size_t n_path,
                                                pellucid_error_t **out_error);

/**
 * Makes standard input these bytes.
 *
 * - `config`: the configuration.
 * - `bytes`, `n_bytes`: the input, which is copied.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_config_set_input(pellucid_wasi_config_t *config,
                                                 const uint8_t *bytes,
                                                 size_t n_bytes);

/**
 * Makes standard input what a callback gives. The guest takes it for a terminal.
 *
 * - `config`: the configuration.
 * - `userdata`: for `cb`; may be NULL.
 * - `cb`: is called when the guest wants to read.
 * - `finalizer`: frees `userdata` when the configuration and all stores that it was used for are gone or have other
 *   input; may be NULL.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: the library owns `userdata` until the finalizer runs.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_config_set_input_callback(pellucid_wasi_config_t *config,
                                                          void *userdata,
                                                          pellucid_wasi_read_cb_t cb,
                                                          pellucid_finalizer_t finalizer);

/**
 * Makes standard output or standard error go to a callback. The guest takes it for a terminal, so that most programs
 * write line by line.
 *
 * - `config`: the configuration.
 * - `stream`: `PELLUCID_WASI_STDOUT` or `PELLUCID_WASI_STDERR`.
 * - `userdata`: for `cb`; may be NULL.
 * - `cb`: is called when the guest writes.
 * - `finalizer`: frees `userdata` when the configuration and all stores that it was used for are gone or have other
 *   output; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for another stream.
 *
 * Owns: the library owns `userdata` until the finalizer runs.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_config_set_output_callback(pellucid_wasi_config_t *config,
                                                           pellucid_wasi_stream_t stream,
                                                           void *userdata,
                                                           pellucid_wasi_write_cb_t cb,
                                                           pellucid_finalizer_t finalizer);

/**
 * Lets the guest reach a folder of the host with all that is in it, and nothing outside. It is opened now.
 *
 * What shows the inside of the system can't be opened by the guest, wherever in the folder it is mounted: `/proc`, `/sys`
 * and the like, and devices other than `null`, `zero`, `full`, `random` and `urandom`.
 *
 * - `config`: the configuration.
 * - `host_path`, `n_host_path`: its path on the host, UTF-8.
 * - `guest_path`, `n_guest_path`: its path for the guest, UTF-8, such as `/` or `/data`.
 * - `is_read_only`: whether the guest can't change anything in it.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` or `PELLUCID_ERR_SYSTEM` if it can't be opened;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for a path that isn't UTF-8, for a guest's path that is empty or contains NUL, and for a
 * folder that shows the inside of the system.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_config_add_folder(pellucid_wasi_config_t *config,
                                                  const char *host_path,
                                                  size_t n_host_path,
                                                  const char *guest_path,
                                                  size_t n_guest_path,
                                                  bool is_read_only,
                                                  pellucid_error_t **out_error);

/**
 * Gives the guest a socket of the host's: one that listens, from which the guest accepts connections, or a connected one, of
 * streams or of messages. Guests make no sockets by themselves.
 *
 *     int listener = socket(AF_INET, SOCK_STREAM, 0);
 *     ... bind, listen ...
 *     pellucid_wasi_config_add_socket(config, listener, &error);
 *     close(listener);
 *
 * For the guest its number is the lowest that is free behind the three streams and all folders: 3 for the first socket without any
 * folder. The library keeps a duplicate, so the host may close its own. A listening socket is made non-blocking, which is a
 * property of the socket and not of the number; that doesn't show to the guest. All guests that are made with the configuration
 * have the same socket.
 *
 * - `config`: the configuration.
 * - `socket`: the system's number of the socket, which must be open.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for what is no socket of streams or messages; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller owns `*out_error`, and still `socket`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_config_add_socket(pellucid_wasi_config_t *config,
                                                  int32_t socket,
                                                  pellucid_error_t **out_error);

/**
 * Makes the guest's clocks the same in every run: they start at a given time and advance only when the guest looks at
 * one or sleeps, which then takes no time.
 *
 * - `config`: the configuration.
 * - `start`: the time of day at the beginning, in nanoseconds since 1970.
 * - `step`: by how many nanoseconds the clocks advance each time that the guest looks at one.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_config_set_fixed_clocks(pellucid_wasi_config_t *config,
                                                        uint64_t start,
                                                        uint64_t step);

/**
 * Makes the guest's random numbers the same in every run. They are no secrets then.
 *
 * - `config`: the configuration.
 * - `seed`: which sequence; it means the same in every version of the library.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_config_set_random_seed(pellucid_wasi_config_t *config,
                                                       uint64_t seed);

/**
 * Has WASI's functions yield where they would wait, instead of holding up the thread, so that one thread serves any number of guests.
 *
 *     pellucid_wasi_config_set_yielding(config, true);
 *     ...
 *     pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, &error);
 *     if (state == PELLUCID_CALL_YIELDED &&
 *         pellucid_call_awaited_files(call, files, 8, &n_files, &deadline) == PELLUCID_OK)
 *         ... wait until a file is ready or the deadline is reached, then resume the call ...
 *
 * That goes for `poll_oneoff`, and for reading and writing streams and sockets: where a call can yield (`pellucid_caller_can_yield`),
 * `pellucid_call_resume` returns with `PELLUCID_CALL_YIELDED`. The call needn't be given anything. Each time that it is resumed the
 * function looks again, and yields again if it has to wait still; so it does no harm to resume a call too early. In a call that
 * can't yield these functions wait as they do without this.
 *
 * - `config`: the configuration.
 * - `is_yielding`: whether they do; false unless set.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_config_set_yielding(pellucid_wasi_config_t *config,
                                                    bool is_yielding);

/**
 * Defines the functions of WASI preview 1, under the module names `wasi_snapshot_preview1` and `wasi_unstable`. What the
 * configuration says belongs to this definition: two definitions don't share open files or clocks.
 *
 * A program that ends itself ends the call with `PELLUCID_ERR_EXIT`; see `pellucid_error_exit_code`. The functions use the
 * memory that the calling instance exports as `memory`.
 *
 * - `linker`: the linker.
 * - `store`: the store that the functions will live in.
 * - `config`: what the guest gets; it is copied.
 * - `out_wasi`: gets what the guest writes to captured streams; may be NULL.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LINK`, and nothing is defined, if a name is defined
 * already and shadowing is off; `PELLUCID_ERR_LIMIT` for too many folders and sockets; `PELLUCID_ERR_SYSTEM`;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for a store of another engine; `PELLUCID_ERR_INVALID_STATE` while the linker instantiates a module.
 *
 * Owns: the caller owns `*out_wasi` and `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_linker_define_wasi(pellucid_linker_t *linker,
                                              pellucid_store_t *store,
                                              const pellucid_wasi_config_t *config,
                                              pellucid_wasi_t **out_wasi,
                                              pellucid_error_t **out_error);

/**
 * Deletes the handle of captured output. The guest isn't concerned.
 *
 * - `wasi`: the handle; NULL is fine.
 *
 * Owns: takes `wasi`.
 * Context: any thread.
 * Since: 0.1.
 */
void pellucid_wasi_delete(pellucid_wasi_t *wasi);

/**
 * How many captured bytes wait to be read.
 *
 * - `wasi`: the captured output.
 * - `stream`: `PELLUCID_WASI_STDOUT` or `PELLUCID_WASI_STDERR`.
 * - `out_n`: gets their number.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if the stream isn't captured; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown
 * one.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_size(const pellucid_wasi_t *wasi,
                                     pellucid_wasi_stream_t stream,
                                     size_t *out_n);

/**
 * Takes captured bytes, the oldest first.
 *
 * - `wasi`: the captured output.
 * - `stream`: `PELLUCID_WASI_STDOUT` or `PELLUCID_WASI_STDERR`.
 * - `bytes`, `cap_bytes`: places for them.
 * - `out_n`: gets how many were taken; 0 if there are none.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if the stream isn't captured; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown
 * one.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_read(pellucid_wasi_t *wasi,
                                     pellucid_wasi_stream_t stream,
                                     uint8_t *bytes,
                                     size_t cap_bytes,
                                     size_t *out_n);

/* ==================================================================================================
 * Debugging: frames
 *
 * Where guests stand, and the values of their locals and operands.
 * ================================================================================================== */

/** Values of `pellucid_frame_kind_t`. */
enum pellucid_frame_kind {
    /** It is stopped before the operator at its pc. */
    PELLUCID_FRAME_STOPPED = 1,
    /** The operator at its pc trapped. */
    PELLUCID_FRAME_TRAPPED = 2,
    /**
     * It called another function, or the host, by the operator at its pc. Its operands are those beneath the call's
     * arguments.
     */
    PELLUCID_FRAME_CALLING = 3,
};

/**
 * One Wasm frame of a call that stands still. Plain data: copy it, never delete it.
 *
 *     pellucid_frame_t frame;
 *     pellucid_status_t status = pellucid_frame_newest(store, &frame);
 *     for (; status == PELLUCID_OK; status = pellucid_frame_caller(store, &frame, &frame)) {
 *         uint32_t pc;
 *         pellucid_frame_pc(store, &frame, &pc);
 *     }
 *
 * A frame is valid until its call runs again, by whatever route: a resumption, the return of a host function, a step.
 * Guests that the host calls in between don't matter. From then on every function that takes it answers
 * `PELLUCID_ERR_STALE_HANDLE`, or `PELLUCID_ERR_WRONG_STORE` in another store.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The number of the store. */
    uint64_t store;
    /** The number of the call. */
    uint64_t call;
    /** How often the call had been entered or resumed. */
    uint64_t epoch;
    /** The place among the call's frames. */
    uint32_t position;
    /** Zero. */
    uint32_t reserved;
} pellucid_frame_t;

/**
 * Why a frame stands still: one of `enum pellucid_frame_kind`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_frame_kind_t;

/**
 * Where and what a frame is.
 *
 * Since: 0.1.
 */
typedef struct {
    /** Set by the caller to `sizeof(pellucid_frame_info_t)`. */
    uint32_t struct_size;
    /** One of `enum pellucid_frame_kind`. */
    pellucid_frame_kind_t kind;
    /** The instance that it runs in; all zeros if the guest's stack ended before the frame was complete. */
    pellucid_instance_t instance;
    /** The number of its module, see `pellucid_module_id`. */
    uint64_t module_id;
    /** The function's index in its module, imports counted first. */
    uint32_t func_index;
    /** The operator, as an offset in the module's bytes. */
    uint32_t pc;
    /** Bytes from the start of the function's body to `pc`. */
    uint32_t func_offset;
    /** Number of locals, parameters included. */
    uint32_t n_locals;
    /** Number of operands. */
    uint32_t n_operands;
    /** Zero. */
    uint32_t reserved;
} pellucid_frame_info_t;

/**
 * The innermost frame of the store's running guests: who called the host function, or what the event happened to.
 *
 * - `store`: the store.
 * - `out_frame`: gets the frame.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if no guest is running, which a paused call
 * isn't (see `pellucid_call_frame`); `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any; there are frames in callbacks only.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_newest(const pellucid_store_t *store,
                                        pellucid_frame_t *out_frame);

/**
 * The innermost frame of each activation, newest first. An activation is what runs between an entry from the host
 * into the guest and the next call back to the host.
 *
 * - `store`: the store.
 * - `out_frames`, `cap_frames`: places for frames, and how many; may be NULL if there are none.
 * - `out_n`: gets the number of activations that have Wasm frames, also those for which there is no place.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any; there are frames in callbacks only.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_activations(const pellucid_store_t *store,
                                             pellucid_frame_t *out_frames,
                                             size_t cap_frames,
                                             size_t *out_n);

/**
 * The next older frame of the same activation.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `out_frame`: gets the frame of its caller; may be the same place as `frame`.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` after the oldest; `PELLUCID_ERR_STALE_HANDLE`;
 * `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_caller(const pellucid_store_t *store,
                                        const pellucid_frame_t *frame,
                                        pellucid_frame_t *out_frame);

/**
 * Whether a frame can be looked at in this store now.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 *
 * Returns whether it can; false if a pointer is NULL.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
bool pellucid_frame_is_valid(const pellucid_store_t *store, const pellucid_frame_t *frame);

/**
 * What an expression is in a frame.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `text`, `n_text`: the expression, UTF-8, as `pellucid_edit_set_expression` has them.
 * - `out_value`: gets the value, of the kind `PELLUCID_I64` or `PELLUCID_F64`.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_ARGUMENT` if the
 * text is no expression for the frame's function: the error says where the mistake is; `PELLUCID_ERR_INVALID_STATE` if it can't be told what it
 * is; `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_SYSTEM` without memory for it.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_evaluate(const pellucid_store_t *store,
                                          const pellucid_frame_t *frame,
                                          const char *text,
                                          size_t n_text,
                                          pellucid_value_t *out_value,
                                          pellucid_error_t **out_error);

/**
 * A number by which to recognize a frame after its call has run: it stays the same while the frame lives, across
 * steps, and differs from that of every other frame that lives at the same time.
 *
 * A tail call ends the frame that makes it. The one that takes its place has another number, unless it runs the same function and
 * nobody was told of the tail call's operator, by a step or a breakpoint. `PELLUCID_RESUME_STEP_OVER`
 * counts it as the same all the same.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `out_key`: gets the number.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_key(const pellucid_store_t *store,
                                     const pellucid_frame_t *frame,
                                     uint64_t *out_key);

/**
 * Everything about a frame that is a number, in one call.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `out_info`: gets it; its `struct_size` must be set.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_INVALID_ARGUMENT` if `struct_size` isn't set.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_info(const pellucid_store_t *store,
                                      const pellucid_frame_t *frame,
                                      pellucid_frame_info_t *out_info);

/**
 * Why a frame stands still.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `out_kind`: gets one of `enum pellucid_frame_kind`.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_kind(const pellucid_store_t *store,
                                      const pellucid_frame_t *frame,
                                      pellucid_frame_kind_t *out_kind);

/**
 * The instance that a frame runs in.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `out_instance`: gets the instance.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if the guest's stack ended before the frame was
 * complete; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_instance(const pellucid_store_t *store,
                                          const pellucid_frame_t *frame,
                                          pellucid_instance_t *out_instance);

/**
 * The module whose code a frame runs.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `out_module`: gets a reference to the module.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: the caller owns `*out_module`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_module(const pellucid_store_t *store,
                                        const pellucid_frame_t *frame,
                                        pellucid_module_t **out_module);

/**
 * The index of a frame's function in its module, imports counted first.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `out_func_index`: gets the index.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_func_index(const pellucid_store_t *store,
                                            const pellucid_frame_t *frame,
                                            uint32_t *out_func_index);

/**
 * The name of a frame's function: from the name section, else that of its first export.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `out_name`: gets the name.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if it has none; `PELLUCID_ERR_STALE_HANDLE`;
 * `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing; the name is valid until the store goes.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_func_name(const pellucid_store_t *store,
                                           const pellucid_frame_t *frame,
                                           pellucid_str_t *out_name);

/**
 * Where a frame is: the operator that it will execute, or in which it trapped or called, as an offset in its module's
 * bytes.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `out_pc`: gets the offset.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_pc(const pellucid_store_t *store,
                                    const pellucid_frame_t *frame,
                                    uint32_t *out_pc);

/**
 * Where a frame is, in bytes from the start of its function's body.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `out_offset`: gets the offset.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_func_offset(const pellucid_store_t *store,
                                             const pellucid_frame_t *frame,
                                             uint32_t *out_offset);

/**
 * How many locals a frame has, parameters included.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `out_n`: gets their number.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_local_count(const pellucid_store_t *store,
                                             const pellucid_frame_t *frame,
                                             uint32_t *out_n);

/**
 * The types of a frame's locals, parameters first, without reading them.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `out_kinds`, `cap_kinds`: places for the types, and how many; may be NULL if there are none.
 * - `out_n`: gets the number of locals, also those for which there is no place.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_local_kinds(const pellucid_store_t *store,
                                             const pellucid_frame_t *frame,
                                             pellucid_kind_t *out_kinds,
                                             size_t cap_kinds,
                                             uint32_t *out_n);

/**
 * Reads locals of a frame, as they are before the operator at its pc.
 *
 * A value that isn't known at this place has the kind `PELLUCID_UNAVAILABLE`; the others are there all the same. A local that can't be null
 * reads as null before it has been set.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `first`: the first to read, at most their number; parameters come first.
 * - `out_values`, `cap_values`: places for values, and how many to read at most.
 * - `out_n`: gets the number of values that were read.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` if `first` is more than their number;
 * `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_read_locals(const pellucid_store_t *store,
                                             const pellucid_frame_t *frame,
                                             uint32_t first,
                                             pellucid_value_t *out_values,
                                             size_t cap_values,
                                             uint32_t *out_n);

/**
 * How many operands a frame has at its pc.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `out_n`: gets their number.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_operand_count(const pellucid_store_t *store,
                                               const pellucid_frame_t *frame,
                                               uint32_t *out_n);

/**
 * The types of a frame's operands, the bottom of the stack first, without reading them.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `out_kinds`, `cap_kinds`: places for the types, and how many; may be NULL if there are none.
 * - `out_n`: gets the number of operands, also those for which there is no place.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_operand_kinds(const pellucid_store_t *store,
                                               const pellucid_frame_t *frame,
                                               pellucid_kind_t *out_kinds,
                                               size_t cap_kinds,
                                               uint32_t *out_n);

/**
 * Reads operands of a frame, as they are before the operator at its pc.
 *
 * A value that isn't known at this place has the kind `PELLUCID_UNAVAILABLE`; the others are there all the same. Inside of a `catch` or
 * `catch_all` whose exception a `rethrow` throws again, the exception is an operand, too: the one beneath all those of the clause. It is never
 * null, can be written like others, and is asked for where a frame is moved there.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `first`: the first to read, at most their number; 0 is the bottom of the stack.
 * - `out_values`, `cap_values`: places for values, and how many to read at most.
 * - `out_n`: gets the number of values that were read.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` if `first` is more than their number;
 * `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_read_operands(const pellucid_store_t *store,
                                               const pellucid_frame_t *frame,
                                               uint32_t first,
                                               pellucid_value_t *out_values,
                                               size_t cap_values,
                                               uint32_t *out_n);

/**
 * The name of a frame's local, from the name section.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `local_index`: less than the number of its locals.
 * - `out_name`: gets the name.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if it has none; `PELLUCID_ERR_OUT_OF_RANGE`;
 * `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing; the name is valid until the store goes.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_local_name(const pellucid_store_t *store,
                                            const pellucid_frame_t *frame,
                                            uint32_t local_index,
                                            pellucid_str_t *out_name);

/* ==================================================================================================
 * Debugging: interventions
 *
 * Changing a frame that stands still, and so what the guest does next.
 * ================================================================================================== */

/**
 * Writes a local of a frame. The guest goes on with the new value.
 *
 * Any frame can be written to whose call hasn't ended: of a paused call, in an event handler, and in a host function. A frame that
 * waits for a call takes the value when it is returned to; until then it is read with it already. If the call ends before, as by a
 * trap, the frame never had it. What has begun an operator can't be changed before that is done: a call that was interrupted, or has used
 * up its time or fuel, while it waits in `memory.atomic.wait` or at an operator that moves many bytes or elements. Have it take a step.
 *
 * The first write into a frame compiles its function once more, in a form that does exactly what was shown and takes everything
 * from memory: the function runs several times slower until it returns. Other frames of it, and later calls, run as before.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `local_index`: less than the number of its locals.
 * - `value`: the value, of the local's type.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` for a local that isn't there, or a reference that the
 * store never made; `PELLUCID_ERR_TYPE_MISMATCH` for a value of another type; `PELLUCID_ERR_INVALID_ARGUMENT` for one of unknown
 * kind; `PELLUCID_ERR_UNSUPPORTED` for one of a reserved kind; `PELLUCID_ERR_INVALID_STATE` if the frame's call has ended, if
 * it is in the midst of an operator or throws an exception there, or if the frame's values aren't known; `PELLUCID_ERR_LIMIT` if there is no room for the other form, on the guest's stack or
 * by the engine's limits; `PELLUCID_ERR_SYSTEM` if it can't be compiled or mapped for lack of memory; `PELLUCID_ERR_STALE_HANDLE`;
 * `PELLUCID_ERR_WRONG_STORE` also for a value of another store; `PELLUCID_ERR_DEBUG_DISABLED`. After an error nothing has changed.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any; the frame stays valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_write_local(pellucid_store_t *store,
                                             const pellucid_frame_t *frame,
                                             uint32_t local_index,
                                             const pellucid_value_t *value,
                                             pellucid_error_t **out_error);

/**
 * Writes an operand of a frame, as `pellucid_frame_write_local` does a local.
 *
 * - `store`: the store.
 * - `frame`: the frame.
 * - `operand_index`: less than the number of its operands; 0 is the bottom of the stack.
 * - `value`: the value, of the operand's type.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; else what `pellucid_frame_write_local` does.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any; the frame stays valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_write_operand(pellucid_store_t *store,
                                               const pellucid_frame_t *frame,
                                               uint32_t operand_index,
                                               const pellucid_value_t *value,
                                               pellucid_error_t **out_error);

/**
 * Has a frame return early. When its call goes on, its caller goes on with these results. Frames that it has called are
 * dropped. Until then the frame stands at its function's `end`, with the results for operands.
 *
 * - `store`: the store.
 * - `frame`: the frame; all handles for frames of its call become stale.
 * - `results`, `n_results`: the results, of the function's result types.
 * - `out_frame`: gets the frame as it stands then, the innermost one; may be NULL, or the same place as `frame`.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` also unless the innermost frame of the call is stopped, as it is at a
 * breakpoint or step; `PELLUCID_ERR_INVALID_ARGUMENT` also for a wrong number of results; else what
 * `pellucid_frame_write_local` does.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any, while the call is paused or in an event handler of it.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_return(pellucid_store_t *store,
                                        const pellucid_frame_t *frame,
                                        const pellucid_value_t *results,
                                        size_t n_results,
                                        pellucid_frame_t *out_frame,
                                        pellucid_error_t **out_error);

/**
 * Has a frame begin again: it stands at its function's first operator, with its parameters as they are now and its other locals
 * zero. Frames that it has called are dropped. What it has done to memories, globals and tables stays done, also to the global that
 * compilers keep their stack pointer in. Compiled code may have used the parameters' locals for something else by now: whoever wants
 * it to begin with the same arguments notes them when it is called, and writes them again.
 *
 * - `store`: the store.
 * - `frame`: the frame; all handles for frames of its call become stale.
 * - `out_frame`: gets the frame as it stands then, the innermost one; may be NULL, or the same place as `frame`.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` also unless the innermost frame of the call is stopped; else what
 * `pellucid_frame_write_local` does.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any, while the call is paused or in an event handler of it.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_restart(pellucid_store_t *store,
                                         const pellucid_frame_t *frame,
                                         pellucid_frame_t *out_frame,
                                         pellucid_error_t **out_error);

/**
 * Drops a frame, and those that it has called. Its caller stands before the call then, with the frame's parameters as they are
 * now for arguments: it will call again. For a call through a table the index, which nobody has kept, is the lowest one where the
 * table has the function now.
 *
 * - `store`: the store.
 * - `frame`: the frame; all handles for frames of its call become stale.
 * - `out_frame`: gets the caller's frame, the innermost one; may be NULL, or the same place as `frame`.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` also unless the innermost frame of the call is stopped, if the host called
 * the frame, if it was called through a table that doesn't have its function any more, or if a tail call has put it in the place of
 * what its caller called; else what `pellucid_frame_write_local` does.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any, while the call is paused or in an event handler of it.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_drop(pellucid_store_t *store,
                                      const pellucid_frame_t *frame,
                                      pellucid_frame_t *out_frame,
                                      pellucid_error_t **out_error);

/**
 * Moves a frame to another operator of its function, with its locals and operands as they are. Frames that it has called are
 * dropped.
 *
 * - `store`: the store.
 * - `frame`: the frame; all handles for frames of its call become stale.
 * - `pc`: the operator, as an offset in the module's bytes. It must be the start of an operator that control flow can reach, and
 *   the operands before it must have the types of those that the frame has. Locals that can't be null and have no value yet, which
 *   read as null, must not be among those that are set before that place, in a block that is open there.
 * - `out_frame`: gets the frame as it stands then, the innermost one; may be NULL, or the same place as `frame`.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if no such operator is there; `PELLUCID_ERR_TYPE_MISMATCH` if the operands there
 * have other types, or a local has no value that may be read there; `PELLUCID_ERR_INVALID_STATE` also unless the innermost frame of the call is stopped; else what
 * `pellucid_frame_write_local` does.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any, while the call is paused or in an event handler of it.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_set_pc(pellucid_store_t *store,
                                        const pellucid_frame_t *frame,
                                        uint32_t pc,
                                        pellucid_frame_t *out_frame,
                                        pellucid_error_t **out_error);

/**
 * Has a frame throw an exception at the operator that it is about to execute, which isn't executed. That is done when its call goes on; until
 * then the frame stands as it is, and can be written to. Returning, restarting or moving a frame of the call takes it back, and throwing once
 * more takes its place. What is at the operator, as a breakpoint, raises no event any more.
 *
 * The exception is caught, or ends the call, as one that the guest throws there: with `PELLUCID_EVENT_EXCEPTION` or
 * `PELLUCID_EVENT_UNCAUGHT_EXCEPTION` before, and what is at the operator where it is caught counts. If the frame catches it itself
 * it goes on as one that was moved there.
 *
 * - `store`: the store.
 * - `frame`: the innermost frame of its call.
 * - `tag`: the exception's tag.
 * - `values`, `n_values`: what it carries, as many as the tag's type says; may be NULL if there are none.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` also unless the frame is the innermost one of its call and stopped, as it is
 * at a breakpoint or step: in a host function fail with `pellucid_exception_new`'s error instead; `PELLUCID_ERR_INVALID_ARGUMENT` also for
 * another number of values; `PELLUCID_ERR_NOT_FOUND` if the frame itself catches the exception, in a block in which no operator
 * can throw, and no other way leads to where it would go on: there is no code for that; else what `pellucid_frame_write_local` does.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any, while the call is paused or in an event handler of it; the frame stays valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_throw(pellucid_store_t *store,
                                       const pellucid_frame_t *frame,
                                       const pellucid_tag_t *tag,
                                       const pellucid_value_t *values,
                                       size_t n_values,
                                       pellucid_error_t **out_error);

/**
 * As `pellucid_frame_throw`, with an exception that there is a reference to, as `throw_ref` does.
 *
 * - `store`: the store.
 * - `frame`: the innermost frame of its call.
 * - `exnref`: the exception.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns as `pellucid_frame_throw`, `PELLUCID_ERR_BUSY` too; `PELLUCID_ERR_INVALID_ARGUMENT` for the null reference;
 * `PELLUCID_ERR_OUT_OF_RANGE` if it is out of date.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any, while the call is paused or in an event handler of it; the frame stays valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_frame_throw_ref(pellucid_store_t *store,
                                           const pellucid_frame_t *frame,
                                           const pellucid_exnref_t *exnref,
                                           pellucid_error_t **out_error);

/* ==================================================================================================
 * Debugging: events
 *
 * What happens to guests, and the handler that is told.
 * ================================================================================================== */

/** Values of `pellucid_event_kind_t`: bits, to be or-ed together in a mask. Bits that aren't listed are reserved. */
enum pellucid_event_kind {
    /** A host function returned an error; the guest's frames still stand. */
    PELLUCID_EVENT_HOST_ERROR = 1,
    /**
     * An exception was thrown that will be caught, see `pellucid_event_catch`. The guest is still at the operator that throws, or in
     * the host function that has thrown. Its frames can be read. The frame that throws can't be changed; what is written into the frame
     * that catches, and those that called it, is there when they go on: locals, and the operands beneath the label of the clause.
     * A handler that answers `PELLUCID_ACTION_CONTINUE` doesn't end a step that is being made: that ends where the exception is caught.
     */
    PELLUCID_EVENT_EXCEPTION = 2,
    /**
     * An exception was thrown that nothing in the call catches: it ends the call, as a trap does. A host function that made the call may
     * hand the error on, so that an outer call may still catch it.
     */
    PELLUCID_EVENT_UNCAUGHT_EXCEPTION = 4,
    /** The guest trapped; its frames still stand, to be read: the call has ended, and nothing in it can be changed. */
    PELLUCID_EVENT_TRAP = 8,
    /**
     * The guest has come to an operator that has an enabled breakpoint, and is about to execute it. What a host has moved there, by
     * `pellucid_frame_restart` or the like, hasn't come there: it goes on without an event, as after a breakpoint.
     */
    PELLUCID_EVENT_BREAKPOINT = 16,
    /** A step is done: the guest is about to execute the next operator. */
    PELLUCID_EVENT_STEP = 32,
    /**
     * The store's deadline in its engine's epochs is reached, see `pellucid_store_set_epoch_deadline`. As for interrupts there may be
     * no frame.
     */
    PELLUCID_EVENT_EPOCH = 64,
    /**
     * Somebody has asked for it, see `pellucid_interrupt_request`. With debugging the guest is about to execute an operator,
     * `memory.atomic.wait` too if it waits there, or waits in a function of WASI's; without, the event has no frame.
     */
    PELLUCID_EVENT_INTERRUPT = 256,
    /**
     * An operator has accessed what a watchpoint watches, or it was found to be changed, see `pellucid_edit_watch_memory` and
     * `pellucid_event_watch_hit`. The guest is about to execute the next operator; a breakpoint there is told of after this. A step that
     * was being made is over.
     */
    PELLUCID_EVENT_WATCHPOINT = 512,
    /**
     * The guest has entered a function that is traced (`pellucid_edit_trace`), and is about to execute its first operator: its arguments are
     * the first locals of the frame. A breakpoint there is told of after this.
     */
    PELLUCID_EVENT_FUNCTION_ENTRY = 1024,
    /**
     * A function that is traced is left, see `pellucid_event_exit`. Where it returns, the guest is about to execute the operator that has it
     * return, with the results for operands (`pellucid_event_results`), which may be written; or that calls the function that takes its place. Where
     * an exception or a trap leaves it, which is told of before, frames still stand, handlers are told of each, the innermost first, and
     * nobody can pause. A guest that ends itself, and what a host returns from, drops or moves, is told of by no such event.
     */
    PELLUCID_EVENT_FUNCTION_EXIT = 2048,
    /**
     * A memory has grown, see `pellucid_event_growth`: a guest's `memory.grow` has succeeded, and the guest is about to execute the
     * next operator, where it can pause; or the host has grown the memory, and the handler is told before `pellucid_memory_grow`
     * returns. By no page isn't told. Of a memory that stores share those are told in which a guest or the host has grown it, and not those where it
     * is longer from then on; `pellucid_shared_memory_grow` is in no store.
     */
    PELLUCID_EVENT_MEMORY_GROWN = 4096,
    /** The store has got its first instance of a module, see `pellucid_event_module`; told before the instance is, see below. */
    PELLUCID_EVENT_MODULE_LOADED = 8192,
    /**
     * The store has got an instance, see `pellucid_event_instance`. Its segments are applied, also where one of them was out of bounds
     * so that the function that makes it fails; its start function hasn't run. The handler may set breakpoints in it.
     */
    PELLUCID_EVENT_INSTANCE_CREATED = 16384,
    /** The call has paused since its time is used up, see `pellucid_budget_t`; no handler is told, so that in a mask it asks for nothing. */
    PELLUCID_EVENT_DEADLINE = 32768,
    /**
     * The store's fuel is used up, see `pellucid_store_set_fuel_action`. With debugging the guest is about to execute an operator;
     * without, the event has no frame.
     */
    PELLUCID_EVENT_FUEL = 65536,
    /**
     * A call has come to its end: it has returned (`pellucid_event_results`), or failed (`pellucid_event_error`), which is
     * told of before by an event of its own, or the guest has ended itself. Every call of the host's is told of, of whatever kind, but for
     * those that the host ends by `pellucid_call_trap` or deletes, and those that never begin because calls are nested too deeply.
     */
    PELLUCID_EVENT_CALL_FINISHED = 131072,
    /**
     * In a mask: every kind that stops a guest or ends its call for a reason. Those of what happens all the time where all is well,
     * `PELLUCID_EVENT_MEMORY_GROWN`, `PELLUCID_EVENT_MODULE_LOADED`, `PELLUCID_EVENT_INSTANCE_CREATED` and `PELLUCID_EVENT_CALL_FINISHED`,
     * aren't in it, nor are `PELLUCID_EVENT_FUNCTION_ENTRY` and `PELLUCID_EVENT_FUNCTION_EXIT`: who wants these asks for each. The first four are for handlers only, no call pauses for want of one, and what the host does while a
     * handler runs isn't told. Where the host has done something itself, or a call is over, all actions mean to go on.
     */
    PELLUCID_EVENT_ALL = 99199,
};

/** Wishes that may be or-ed into a mask of events. */
enum pellucid_event_flag {
    /**
     * Events of guests that the handler itself calls reach it too. Without it they don't, and breakpoints that such
     * guests pass are counted.
     */
    PELLUCID_EVENT_NESTED = 1073741824,
};

/**
 * Values of `pellucid_action_t`.
 *
 * A call that trapped ends whatever the action.
 */
enum pellucid_action {
    /**
     * Go on. A step that the guest was asked for is over, also if this event, say of a breakpoint, came before its end; but not at an
     * exception that is caught, an interrupt, an epoch or the end of fuel, where a handler that has no more to say than this leaves the
     * step as it is. An action that isn't listed here means this too, and is logged.
     */
    PELLUCID_ACTION_CONTINUE = 0,
    /** Execute one operator, then raise a step event, or that of a breakpoint. */
    PELLUCID_ACTION_STEP = 1,
    /**
     * Let `pellucid_call_resume` return with the call paused. Ask `pellucid_event_can_pause` first: where the guest
     * can't pause, this means to go on, and is counted (`pellucid_store_refused_pauses`).
     */
    PELLUCID_ACTION_PAUSE = 2,
    /** End the call with the trap `PELLUCID_TRAP_REQUESTED`; see `pellucid_event_set_message`. */
    PELLUCID_ACTION_TRAP = 3,
    /**
     * Go on to the frame's next operator, calls being passed whatever they do, then raise a step event, or that of a breakpoint; see
     * `pellucid_event_set_goal`, and `PELLUCID_RESUME_STEP_OVER` for where it ends.
     */
    PELLUCID_ACTION_STEP_OVER = 4,
    /** Go on to where the frame's caller goes on; see `PELLUCID_RESUME_STEP_OUT`. */
    PELLUCID_ACTION_STEP_OUT = 5,
    /**
     * Go on to the operator that `pellucid_event_set_goal` has said; see `PELLUCID_RESUME_RUN_TO`. Without one this means to go on, and is
     * logged.
     */
    PELLUCID_ACTION_RUN_TO = 6,
};

/**
 * Something that happened to a guest. Borrowed: a handler's until it returns, a call's until the call is resumed or
 * deleted.
 *
 * Since: 0.1.
 */
typedef struct pellucid_event_t pellucid_event_t;

/**
 * What happened: one of `enum pellucid_event_kind`, or in a mask several of them.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_event_kind_t;

/**
 * What to do after an event: one of `enum pellucid_action`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_action_t;

/**
 * Takes an event and says how to go on.
 *
 * - `userdata`: as registered.
 * - `store`: the store that it happened in. The handler may use it in every way, and delete it.
 * - `event`: what happened; valid until the handler returns.
 *
 * Returns one of `enum pellucid_action`.
 *
 * It must return, and not by `longjmp` or a C++ exception.
 *
 * Since: 0.1.
 */
typedef pellucid_action_t (*pellucid_event_cb_t)(void *userdata,
                                                 pellucid_store_t *store,
                                                 pellucid_event_t *event);

/**
 * Makes a handler receive events of the store, instead of the handler until now.
 *
 * Without a handler, or for an event outside its mask, a call of `pellucid_call_begin` pauses and other calls go on.
 *
 * - `store`: the store.
 * - `mask`: the kinds of events that it receives, of `enum pellucid_event_kind`, and wishes of
 *   `enum pellucid_event_flag`, or-ed together.
 * - `userdata`: for `cb`; may be NULL.
 * - `cb`: the handler.
 * - `finalizer`: frees `userdata` when the handler has been replaced or cleared and has returned, or when the store
 *   goes; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for a mask with bits that aren't known;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: the store owns `userdata` until the finalizer runs.
 * Context: any, also in the handler that is replaced.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_set_event_handler(pellucid_store_t *store,
                                                   pellucid_event_kind_t mask,
                                                   void *userdata,
                                                   pellucid_event_cb_t cb,
                                                   pellucid_finalizer_t finalizer);

/**
 * Removes the store's event handler, if there is one.
 *
 * - `store`: the store.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: the store gives up the handler's `userdata`: its finalizer runs now, or when a handler that is running returns.
 * Context: any, also in the handler.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_clear_event_handler(pellucid_store_t *store);

/**
 * How often a handler asked for a pause where the guest couldn't pause.
 *
 * - `store`: the store.
 * - `out_n`: gets the count.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_refused_pauses(const pellucid_store_t *store, uint64_t *out_n);

/**
 * What happened.
 *
 * - `event`: the event.
 *
 * Returns one of `enum pellucid_event_kind`; 0 if `event` is NULL.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_event_kind_t pellucid_event_kind(const pellucid_event_t *event);

/**
 * The number of the call that it happened to.
 *
 * - `event`: the event.
 *
 * Returns the number, see `pellucid_call_id`; 0 if no call runs, as when the host makes an instance, or if `event` is NULL.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
uint64_t pellucid_event_call_id(const pellucid_event_t *event);

/**
 * The innermost frame of the call that it happened to, as it was then. If a handler has moved it since (`pellucid_frame_restart` and
 * the like), the handler has the frame's new handle from there; the event that a call pauses with names the frame as it stands.
 *
 * - `event`: the event.
 * - `out_frame`: gets the frame.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if there is none, as when the host calls a host function that
 * fails.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_frame(const pellucid_event_t *event,
                                       pellucid_frame_t *out_frame);

/**
 * The operator that is about to be executed, or that trapped, as an offset in its module's bytes. If a handler moves the frame, this
 * stays as it was for that handler.
 *
 * - `event`: the event.
 *
 * Returns the offset; 0 if there is no frame, or if `event` is NULL.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
uint32_t pellucid_event_pc(const pellucid_event_t *event);

/**
 * The breakpoints that were hit, the oldest first: every enabled one at the event's pc; of a trap or an exception those that are at such,
 * see `pellucid_edit_add_at_trap` and `pellucid_edit_add_at_exception`.
 *
 * - `event`: the event.
 * - `out_ids`: gets the first of their ids; may be NULL.
 * - `out_n`: gets their number, which is 0 for other events; may be NULL.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: nothing; the array is valid as long as the event.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_breakpoints(const pellucid_event_t *event,
                                             const uint64_t **out_ids,
                                             size_t *out_n);

/**
 * Why the guest trapped.
 *
 * - `event`: the event.
 *
 * Returns one of `enum pellucid_trap`; `PELLUCID_TRAP_NONE` if it didn't trap, or if `event` is NULL.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_trap_t pellucid_event_trap(const pellucid_event_t *event);

/**
 * The memory access that made the guest trap.
 *
 * - `event`: the event.
 * - `out_memory`: gets the memory's number in its store, the `index` of its handle; may be NULL.
 * - `out_address`: gets the first byte that couldn't be accessed, as an offset in the memory; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if it isn't a trap of a memory access, or the address isn't known.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_fault(const pellucid_event_t *event,
                                       uint64_t *out_memory,
                                       uint64_t *out_address);

/**
 * The error that the call ends with, if the event is a trap, the failure of a host function, an exception that isn't caught, or the end of a call
 * that has failed.
 *
 * - `event`: the event.
 * - `out_error`: gets the error, backtrace included.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if the call hasn't failed.
 *
 * Owns: the caller owns `*out_error`.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_error(const pellucid_event_t *event,
                                       pellucid_error_t **out_error);

/**
 * Whether the guest can pause at this event: its call is one of `pellucid_call_begin` and hasn't ended.
 *
 * - `event`: the event.
 *
 * Returns whether it can; false if `event` is NULL.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
bool pellucid_event_can_pause(const pellucid_event_t *event);

/**
 * Sets the message of the trap, if the handler answers `PELLUCID_ACTION_TRAP`.
 *
 * - `event`: the event.
 * - `message`, `n_message`: one line for people, UTF-8; it is copied.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` if the message isn't UTF-8.
 *
 * Owns: nothing.
 * Context: in the handler that was given `event`; elsewhere it has no effect.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_set_message(pellucid_event_t *event,
                                             const char *message,
                                             size_t n_message);

/**
 * Says what a step counts from, and where to, if the handler answers `PELLUCID_ACTION_STEP_OVER`, `PELLUCID_ACTION_STEP_OUT` or
 * `PELLUCID_ACTION_RUN_TO`.
 *
 * - `event`: the event.
 * - `frame`: a frame of the call that the event happened to; may be NULL for the innermost as it is when the handler returns, which is what
 *   counts without this function, and if the handler moves this frame afterwards.
 * - `pc`: for `PELLUCID_ACTION_RUN_TO`: an operator of the frame's module; 0 for none. One between operators means the next.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_ARGUMENT` for a frame of another
 * call; `PELLUCID_ERR_INVALID_STATE` if the call has no frame, or if the event is over; `PELLUCID_ERR_OUT_OF_RANGE` for a pc in no
 * function's body; `PELLUCID_ERR_SYSTEM` without memory for it.
 *
 * Owns: nothing.
 * Context: in the handler that was given `event`; elsewhere it has no effect.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_set_goal(pellucid_event_t *event,
                                          const pellucid_frame_t *frame,
                                          uint32_t pc);

/* ==================================================================================================
 * Debugging: what a store gets, and calls that are over
 *
 * What the events of a store's ordinary life are about.
 * ================================================================================================== */

/** Values of `pellucid_exit_t`. */
enum pellucid_exit {
    /** It isn't. */
    PELLUCID_EXIT_NONE = 0,
    /** It returns. */
    PELLUCID_EXIT_RETURN = 1,
    /** Another function takes its place, see `pellucid_event_func`. If the call traps it is left once more. */
    PELLUCID_EXIT_TAIL_CALL = 2,
    /** An exception that it doesn't catch, see `pellucid_event_exception`. */
    PELLUCID_EXIT_EXCEPTION = 3,
    /** A trap, or an error of a host function: its call ends, see `pellucid_event_error`. */
    PELLUCID_EXIT_TRAP = 4,
};

/**
 * How a function is left: one of `enum pellucid_exit`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_exit_t;

/**
 * The module that a store has got its first instance of.
 *
 * - `event`: the event.
 * - `out_module`: gets a reference to the module.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` for other events than `PELLUCID_EVENT_MODULE_LOADED`.
 *
 * Owns: the caller owns `*out_module`.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_module(const pellucid_event_t *event,
                                        pellucid_module_t **out_module);

/**
 * The instance that a store has got.
 *
 * - `event`: the event.
 * - `out_instance`: gets the instance.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` for other events than `PELLUCID_EVENT_INSTANCE_CREATED`.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_instance(const pellucid_event_t *event,
                                          pellucid_instance_t *out_instance);

/**
 * Which memory has grown, and by how much.
 *
 * - `event`: the event.
 * - `out_memory`: gets the memory; may be NULL.
 * - `out_old_pages`, `out_new_pages`: get its size in pages before and after; each may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` for other events than `PELLUCID_EVENT_MEMORY_GROWN`.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_growth(const pellucid_event_t *event,
                                        pellucid_memory_t *out_memory,
                                        uint64_t *out_old_pages,
                                        uint64_t *out_new_pages);

/**
 * The function of a call that has come to its end, or one that takes the place of a traced function.
 *
 * - `event`: the event.
 * - `out_func`: gets the function that the host called, or that is called by a tail call.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` for other events than `PELLUCID_EVENT_CALL_FINISHED`, and exits by `PELLUCID_EXIT_TAIL_CALL`
 * to a function that is there.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_func(const pellucid_event_t *event,
                                      pellucid_func_t *out_func);

/**
 * How a traced function is left.
 *
 * - `event`: the event.
 *
 * Returns one of `enum pellucid_exit`; `PELLUCID_EXIT_NONE` for other events than `PELLUCID_EVENT_FUNCTION_EXIT`, or if `event` is NULL.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_exit_t pellucid_event_exit(const pellucid_event_t *event);

/**
 * What a call has returned, or a function is about to return.
 *
 * - `event`: the event.
 * - `store`: the event's store.
 * - `out_values`, `cap_values`: places for results, and how many; may be NULL if there are none.
 * - `out_n`: gets how many results there are; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` for other events than `PELLUCID_EVENT_CALL_FINISHED` and
 * `PELLUCID_EVENT_FUNCTION_EXIT`, if the call has failed or the function doesn't return, and where a clause leads an exception with its
 * reference straight out of the function; `PELLUCID_ERR_STALE_HANDLE` if the function's frame is; `PELLUCID_ERR_WRONG_STORE`.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_results(const pellucid_event_t *event,
                                         pellucid_store_t *store,
                                         pellucid_value_t *out_values,
                                         size_t cap_values,
                                         size_t *out_n);

/* ==================================================================================================
 * Exceptions
 *
 * Throwing them from the host, and what was thrown and not caught.
 * ================================================================================================== */

/**
 * Makes an exception, for a host function to throw: an error with the status `PELLUCID_ERR_EXCEPTION`.
 *
 *     pellucid_value_t value = {.kind = PELLUCID_I32, .of = {.i32 = 7}};
 *     if (pellucid_exception_new(store, &tag, &value, 1, out_error) == PELLUCID_OK) {
 *         return PELLUCID_ERR_EXCEPTION;
 *     }
 *
 * A host function that fails with it throws: the guest that called the function may catch it. The error of a call whose exception
 * nobody caught is one, too, and is thrown on if a host function fails with it. One of another store is no exception where it is
 * thrown: nothing catches it, and the call ends with it as with any error.
 *
 * - `store`: the store in which it will be thrown.
 * - `tag`: its tag.
 * - `values`, `n_values`: what it carries, as many as the tag's type says; may be NULL if there are none.
 * - `out_exception`: gets the exception.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_WRONG_STORE` and `PELLUCID_ERR_OUT_OF_RANGE` also for a value;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for another number of values, or one of unknown kind; `PELLUCID_ERR_TYPE_MISMATCH`;
 * `PELLUCID_ERR_UNSUPPORTED` for a reserved kind.
 *
 * Owns: the caller owns `*out_exception` until it gives it to the library as a callback's error.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_exception_new(const pellucid_store_t *store,
                                         const pellucid_tag_t *tag,
                                         const pellucid_value_t *values,
                                         size_t n_values,
                                         pellucid_error_t **out_exception);

/**
 * The exception that an error is.
 *
 * - `error`: the error.
 * - `out_tag`: gets the exception's tag; may be NULL.
 * - `out_values`, `cap_values`: places for what it carries, and how many; may be NULL if there are none.
 * - `out_n`: gets how many values it carries; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` if it isn't one: its status isn't `PELLUCID_ERR_EXCEPTION`.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_error_exception(const pellucid_error_t *error,
                                           pellucid_tag_t *out_tag,
                                           pellucid_value_t *out_values,
                                           size_t cap_values,
                                           size_t *out_n);

/**
 * Makes an exception and a reference of it, for guests to hold, and to throw by `throw_ref`.
 *
 * - `store`: the store that it will live in.
 * - `tag`: its tag.
 * - `values`, `n_values`: what it carries, as many as the tag's type says; may be NULL if there are none.
 * - `out_exnref`: gets the reference.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns as `pellucid_exception_new`; also `PELLUCID_ERR_LIMIT` if there is no room, see `PELLUCID_LIMIT_HEAP_BYTES`;
 * `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_BUSY`.
 *
 * Owns: the caller owns `*out_error`; the reference is good as OBJECTS at the top says.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_exnref_new(pellucid_store_t *store,
                                      const pellucid_tag_t *tag,
                                      const pellucid_value_t *values,
                                      size_t n_values,
                                      pellucid_exnref_t *out_exnref,
                                      pellucid_error_t **out_error);

/**
 * The exception behind a reference.
 *
 * - `store`: the store.
 * - `exnref`: the reference.
 * - `out_tag`: gets the exception's tag; may be NULL.
 * - `out_values`, `cap_values`: places for what it carries, and how many; may be NULL if there are none.
 * - `out_n`: gets how many values it carries; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for the null reference;
 * `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE` if it is out of date; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_exnref_exception(const pellucid_store_t *store,
                                            const pellucid_exnref_t *exnref,
                                            pellucid_tag_t *out_tag,
                                            pellucid_value_t *out_values,
                                            size_t cap_values,
                                            size_t *out_n);

/**
 * The exception that an event is about, caught or not.
 *
 * - `event`: the event.
 * - `out_tag`: gets the exception's tag; may be NULL.
 * - `out_values`, `cap_values`: places for what it carries, and how many; may be NULL if there are none.
 * - `out_n`: gets how many values it carries; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` for an event of another kind.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_exception(const pellucid_event_t *event,
                                           pellucid_tag_t *out_tag,
                                           pellucid_value_t *out_values,
                                           size_t cap_values,
                                           size_t *out_n);

/**
 * Where the exception of a `PELLUCID_EVENT_EXCEPTION` will be caught.
 *
 * - `event`: the event.
 * - `out_frame`: gets the frame that catches it; may be NULL.
 * - `out_pc`: gets the operator there that does, a `try_table`, `catch` or `catch_all`, as an offset in its module's bytes; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_NOT_FOUND` for an event of another kind.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_catch(const pellucid_event_t *event,
                                       pellucid_frame_t *out_frame,
                                       uint32_t *out_pc);

/* ==================================================================================================
 * Debugging: calls that can pause
 *
 * Running a guest from one event to the next.
 * ================================================================================================== */

/** Values of `pellucid_call_state_t`. */
enum pellucid_call_state {
    /** Begun, but not yet run. */
    PELLUCID_CALL_READY = 1,
    /** Running, which only a callback inside it can see. */
    PELLUCID_CALL_RUNNING = 2,
    /** At an event; it can be resumed. */
    PELLUCID_CALL_PAUSED = 3,
    /** Returned; it has results. */
    PELLUCID_CALL_FINISHED = 4,
    /** Trapped, or a host function failed; it has an error, and its frames can be looked at until it is deleted. */
    PELLUCID_CALL_TRAPPED = 5,
    /** Ended by the guest itself, as WASI's `proc_exit` does; it has an error with the exit code, and no frames. */
    PELLUCID_CALL_EXITED = 6,
    /** In a host function whose results come later: give them, see `pellucid_call_give`, and resume it. */
    PELLUCID_CALL_YIELDED = 7,
};

/** Values of `pellucid_resume_t`. */
enum pellucid_resume {
    /** Until the next event. */
    PELLUCID_RESUME_CONTINUE = 0,
    /**
     * By one operator, then a step event: the call pauses, unless there is a handler whose mask has `PELLUCID_EVENT_STEP`,
     * which decides.
     */
    PELLUCID_RESUME_STEP = 1,
    /**
     * To the next operator of the frame, whatever it calls being passed at full speed, then a step event as above. The frame is the
     * innermost, or what `pellucid_call_set_goal` says: an outer one goes to behind the call that it waits for. It ends where an older
     * frame goes on, if that comes first: the caller, or whoever catches an exception; calls of the same function further in are passed,
     * and what takes the frame's place by a tail call counts as the frame. A call without a frame is stepped by one operator.
     *
     * It is given up where another event comes first: a breakpoint, an exception for which there is no handler, a trap. A condition that
     * declines a breakpoint, and a handler that continues as `PELLUCID_ACTION_CONTINUE` says, leave it as it is. A call that yields
     * goes on with it when it is resumed, in whatever mode.
     */
    PELLUCID_RESUME_STEP_OVER = 2,
    /**
     * To where the frame's caller goes on, or an older frame that catches an exception, then a step event. The outermost frame, or a call
     * without one, runs to the end of the call. The rest is as for `PELLUCID_RESUME_STEP_OVER`.
     */
    PELLUCID_RESUME_STEP_OUT = 3,
    /**
     * To the operator that `pellucid_call_set_goal` has said, then a step event. If it is one of the frame's own function the frame itself
     * must come to it, or what has taken its place by a tail call; calls of the same function further in pass it. In another function of
     * the frame's module, whichever frame comes to it first counts. It ends where an older frame goes on, if that comes first.
     */
    PELLUCID_RESUME_RUN_TO = 4,
};

/**
 * A call of a function that the host drives. An owned object.
 *
 *     pellucid_call_begin(store, &func, args, n_args, &call, &error);
 *     pellucid_call_state_t state;
 *     while (pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, &error) == PELLUCID_OK
 *            && state == PELLUCID_CALL_PAUSED) {
 *         pellucid_call_frame(call, &frame); // and look around, as long as you like
 *     }
 *     pellucid_call_delete(call);
 *
 * Many calls of a store may be paused, or wait for host functions, at once; each has a stack of its own
 * (`PELLUCID_LIMIT_STACK_BYTES`). They are resumed in any order.
 *
 * Using or deleting a call is a use of its store, as far as threads are concerned.
 *
 * Since: 0.1.
 */
typedef struct pellucid_call_t pellucid_call_t;

/**
 * How a call goes on: one of `enum pellucid_resume`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_resume_t;

/**
 * Where a call stands: one of `enum pellucid_call_state`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_call_state_t;

/**
 * Begins a call that can pause; nothing runs yet.
 *
 * - `store`: the store.
 * - `func`: the function.
 * - `args`, `n_args`: the arguments; may be NULL if there are none.
 * - `out_call`: gets the call.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_TYPE_MISMATCH` for arguments of other types than the
 * function's; `PELLUCID_ERR_INVALID_ARGUMENT` for another number of arguments, and for a value of unknown kind or
 * `PELLUCID_UNAVAILABLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_UNSUPPORTED` for one
 * of a reserved kind; `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_POISONED`.
 *
 * Owns: the caller owns `*out_call` and `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_begin(pellucid_store_t *store,
                                      const pellucid_func_t *func,
                                      const pellucid_value_t *args,
                                      size_t n_args,
                                      pellucid_call_t **out_call,
                                      pellucid_error_t **out_error);

/**
 * As `pellucid_call_begin` with raw values. Faster, and unchecked but for references: the arguments must have the function's
 * parameter types.
 *
 * - `store`: the store.
 * - `func`: the function.
 * - `values`, `n_values`: the arguments; at least as many values as the longer of parameters and results. They are copied.
 * - `out_call`: gets the call.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for too few values; `PELLUCID_ERR_TYPE_MISMATCH`
 * for a bad reference; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_SYSTEM`; `PELLUCID_ERR_POISONED`.
 *
 * Owns: the caller owns `*out_call` and `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_begin_raw(pellucid_store_t *store,
                                          const pellucid_func_t *func,
                                          const pellucid_raw_t *values,
                                          size_t n_values,
                                          pellucid_call_t **out_call,
                                          pellucid_error_t **out_error);

/**
 * Deletes a call. One that hasn't finished is given up: its guest code never runs on.
 *
 * A callback may delete the call that it is running in: the guest then runs on to its next event or its end, and the
 * call goes when `pellucid_call_resume` returns. While another thread is using the store nothing is deleted, and an error is
 * logged.
 *
 * - `call`: the call; NULL is fine.
 *
 * Owns: takes `call`.
 * Context: any.
 * Since: 0.1.
 */
void pellucid_call_delete(pellucid_call_t *call);

/**
 * Runs a call until it finishes, traps, exits, pauses or yields.
 *
 * It pauses at an event if the store's handler says so, or if there is no handler for it. It yields where a host function's results
 * come later, see `pellucid_caller_yield`. A trap or exit isn't a failure of this function: see `pellucid_call_error`.
 *
 * - `call`: the call; it must be ready or paused, or have yielded. One that has yielded must have been given what it waits for,
 *   unless that is a function without results, which are given by resuming it, or one of WASI's, which looks by itself
 *   (`pellucid_wasi_config_set_yielding`).
 * - `mode`: one of `enum pellucid_resume`.
 * - `out_state`: gets one of `enum pellucid_call_state`; may be NULL.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the call is running or has ended, or waits for
 * results, and for `PELLUCID_RESUME_RUN_TO` if it has no frame; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown mode, and for
 * `PELLUCID_RESUME_RUN_TO` without a pc; `PELLUCID_ERR_DEBUG_DISABLED` for steps without debugging; `PELLUCID_ERR_LIMIT` in a callback that is nested too deeply; `PELLUCID_ERR_SYSTEM`;
 * `PELLUCID_ERR_POISONED`.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_resume(pellucid_call_t *call,
                                       pellucid_resume_t mode,
                                       pellucid_call_state_t *out_state,
                                       pellucid_error_t **out_error);

/**
 * Ends a call with a trap. Its frames can be looked at until it is deleted.
 *
 * - `call`: the call; it must be ready or paused, or have yielded.
 * - `message`, `n_message`: UTF-8 for the error: why.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * The call is trapped then, see `pellucid_call_error`: its trap is `PELLUCID_TRAP_REQUESTED`, with the backtrace of where it
 * stood. No event is raised.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the call is running or has ended;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for a message that isn't UTF-8.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_trap(pellucid_call_t *call,
                                     const char *message,
                                     size_t n_message,
                                     pellucid_error_t **out_error);

/**
 * Says what a call's next resumption counts from, and where to, if it is by `PELLUCID_RESUME_STEP_OVER`, `PELLUCID_RESUME_STEP_OUT` or
 * `PELLUCID_RESUME_RUN_TO`.
 *
 * - `call`: the call.
 * - `frame`: one of its frames; may be NULL for the innermost, which is what counts without this function, and if this frame is moved afterwards.
 * - `pc`: for `PELLUCID_RESUME_RUN_TO`: an operator of the frame's module; 0 for none. One between operators means the next.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_ARGUMENT` for a
 * frame of another call; `PELLUCID_ERR_INVALID_STATE` if the call has no frame, or doesn't stand still; `PELLUCID_ERR_OUT_OF_RANGE` for a pc
 * in no function's body; `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_SYSTEM` without memory for it.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_set_goal(pellucid_call_t *call,
                                         const pellucid_frame_t *frame,
                                         uint32_t pc);

/**
 * Where a call stands.
 *
 * - `call`: the call.
 *
 * Returns one of `enum pellucid_call_state`; 0 if `call` is NULL.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_call_state_t pellucid_call_state(const pellucid_call_t *call);

/**
 * The number by which frames and events name a call.
 *
 * - `call`: the call.
 *
 * Returns the number, which no other call of the store has or had; 0 if `call` is NULL.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
uint64_t pellucid_call_id(const pellucid_call_t *call);

/**
 * Gives the memory of a call's stack that it doesn't need while it stands still back to the system: what functions have used that
 * have returned. It gets it again, page by page, when it goes on. That takes a few microseconds, so it is for calls that are
 * going to wait for long, of which there are many.
 *
 * - `call`: the call. One that is ready, paused or has yielded gives what it can, one that has ended nothing: delete it.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if it is running.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_trim(const pellucid_call_t *call);

/**
 * The function that a call calls.
 *
 * - `call`: the call.
 * - `out_func`: gets the function.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_func(const pellucid_call_t *call, pellucid_func_t *out_func);

/**
 * What a call paused at or trapped by.
 *
 * - `call`: the call.
 * - `out_event`: gets the event.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if the call is neither paused nor trapped.
 *
 * Owns: nothing; the event is valid until the call is resumed or deleted.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_event(const pellucid_call_t *call,
                                      const pellucid_event_t **out_event);

/**
 * The results of a call that has finished.
 *
 * - `call`: the call.
 * - `results`, `n_results`: places for the results, exactly as many as the function has; may be NULL if there are none.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the call hasn't finished;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for another number of results.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_results(const pellucid_call_t *call,
                                        pellucid_value_t *results,
                                        size_t n_results);

/**
 * The results of a call that has finished, as raw values.
 *
 * - `call`: the call.
 * - `values`, `n_values`: places for the results, at least as many as the function has; may be NULL if there are none.
 *
 * Returns as `pellucid_call_results`, `PELLUCID_ERR_BUSY` too; `PELLUCID_ERR_INVALID_ARGUMENT` for too few values.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_results_raw(const pellucid_call_t *call,
                                            pellucid_raw_t *values,
                                            size_t n_values);

/**
 * The error that a call ended with.
 *
 * - `call`: the call.
 * - `out_error`: gets the error: the trap, or that of the host function which failed, with the guest's backtrace; or the
 *   guest's exit, see `pellucid_error_exit_code`.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` unless the call is trapped or exited.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_error(const pellucid_call_t *call,
                                      pellucid_error_t **out_error);

/**
 * The innermost frame of a call that is paused or trapped, or has yielded.
 *
 * The frames of a call that has yielded are as those of a call that is in a host function: what is written into them counts when
 * they are returned to, and the innermost can't be moved.
 *
 * - `call`: the call.
 * - `out_frame`: gets the frame.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if the call is in another state or has no Wasm
 * frame; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_frame(const pellucid_call_t *call,
                                      pellucid_frame_t *out_frame);

/* ==================================================================================================
 * Host functions that wait
 *
 * Leaving a guest that calls the host until the host has results; also a start function.
 * ================================================================================================== */

/** What a file is to be ready for. */
enum pellucid_interest {
    /** For reading, or for a connection to be accepted. */
    PELLUCID_INTEREST_READ = 1,
    /** For writing. */
    PELLUCID_INTEREST_WRITE = 2,
};

/**
 * A file that a call waits for. Plain data.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The system's number of it, for `poll` and the like only. It is the library's, and good until the call is resumed or deleted. */
    int32_t fd;
    /** What it is to be ready for: one of `enum pellucid_interest`. */
    uint32_t interest;
} pellucid_awaited_file_t;

/**
 * Whether a host function that was called may answer that its results come later.
 *
 * It may in a call of `pellucid_call_begin`, if it is that call's guest which has called it, or if it is itself what the call calls.
 * It may not in a call that runs to its end in one go: one of `pellucid_func_call` and its variants, or a start function. So host
 * functions that stand between don't matter: a call that one of them resumes yields to it.
 *
 * - `caller`: who called.
 *
 * Returns whether it may; false if `caller` is NULL.
 *
 * Owns: nothing.
 * Context: in the callback that was given `caller`.
 * Since: 0.1.
 */
bool pellucid_caller_can_yield(const pellucid_caller_t *caller);

/**
 * Has the call that a host function was called in wait for the function's results.
 *
 *     static pellucid_status_t wait(void *userdata, pellucid_caller_t *caller, ..., pellucid_error_t **out_error) {
 *         return pellucid_caller_yield(caller, next_token++, out_error);
 *     }
 *
 * The callback returns what this answers. Then `pellucid_call_resume` returns to the host, with the state `PELLUCID_CALL_YIELDED`.
 * No thread waits, and no time is used. When the results are there the host gives them (`pellucid_call_give`,
 * `pellucid_call_give_raw`, or `pellucid_call_give_error`) and resumes the call; or it deletes or traps the call. Results that the callback
 * has written are ignored. A callback that returns `PELLUCID_OK` after all, or an error, isn't waited for.
 *
 * Requests to interrupt the guest, and time budgets that are used up, come before: the call ends, or pauses; when it is resumed after
 * such a pause it yields at once. It is waiting already while it is paused so.
 *
 * A step of a debugger over a function that waits ends behind it, in whichever mode the call is resumed.
 *
 * - `caller`: who called.
 * - `token`: a number of the host's, for `pellucid_call_awaited`.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_YIELD` if the call can wait; `PELLUCID_ERR_CANNOT_YIELD` where `pellucid_caller_can_yield` says no: then nothing
 * has happened, and a callback that returns that ends the call with the error.
 *
 * Owns: the caller owns `*out_error`, or the library if it is what the callback was given for that.
 * Context: in the callback that was given `caller`.
 * Since: 0.1.
 */
pellucid_status_t pellucid_caller_yield(pellucid_caller_t *caller,
                                        uint64_t token,
                                        pellucid_error_t **out_error);

/**
 * What a call waits for.
 *
 * - `call`: the call: it has yielded, or is paused where it is about to yield, and wasn't given anything yet.
 * - `out_func`: gets the host function; may be NULL.
 * - `out_token`: gets what the function gave to `pellucid_caller_yield`, or 0 for a function of WASI's; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if it waits for nothing.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_awaited(const pellucid_call_t *call,
                                        pellucid_func_t *out_func,
                                        uint64_t *out_token);

/**
 * The arguments of the host function that a call waits for. Those of a function on raw values are what it has left in its array.
 *
 * - `call`: the call, as for `pellucid_call_awaited`.
 * - `args`, `n_args`: places for the arguments, exactly as many as the function has parameters; may be NULL if there are none.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if it waits for nothing;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for another number of arguments.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_awaited_args(const pellucid_call_t *call,
                                             pellucid_value_t *args,
                                             size_t n_args);

/**
 * What a call waits for in a function of WASI's, see `pellucid_wasi_config_set_yielding`: until one of these files is ready (or at its
 * end, or failed), or a point in time is reached. With neither, only the host knows what for, as with a stream that is a callback.
 *
 * - `call`: the call, as for `pellucid_call_awaited`.
 * - `files`, `cap_files`: places for the files; may be NULL if there are none.
 * - `out_n`: gets how many there are, which may be more than places; may be NULL.
 * - `out_deadline`: gets the point in time, in nanoseconds of `CLOCK_MONOTONIC`; `UINT64_MAX` if there is none. May be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if it waits for nothing, or for what a host function of the
 * host's own said.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_awaited_files(const pellucid_call_t *call,
                                              pellucid_awaited_file_t *files,
                                              size_t cap_files,
                                              size_t *out_n,
                                              uint64_t *out_deadline);

/**
 * Gives a call the results of the host function that it waits for. Nothing runs before the call is resumed.
 *
 * - `call`: the call, as for `pellucid_call_awaited`.
 * - `results`, `n_results`: the results, exactly as many as the function has; may be NULL if there are none.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if it waits for nothing, or has been given something
 * already; `PELLUCID_ERR_TYPE_MISMATCH` for results of other types than the function's; `PELLUCID_ERR_INVALID_ARGUMENT`
 * for another number of results, and for a value of unknown kind or `PELLUCID_UNAVAILABLE`; `PELLUCID_ERR_WRONG_STORE`;
 * `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_UNSUPPORTED` for one of a reserved kind. After a failure it waits as before.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_give(pellucid_call_t *call,
                                     const pellucid_value_t *results,
                                     size_t n_results,
                                     pellucid_error_t **out_error);

/**
 * As `pellucid_call_give` with raw values. Faster, and unchecked but for references: the values must have the function's result types.
 *
 * - `call`: the call, as for `pellucid_call_awaited`.
 * - `values`, `n_values`: the results; at least as many as the function has; may be NULL if there are none.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns as `pellucid_call_give`, `PELLUCID_ERR_BUSY` too; `PELLUCID_ERR_INVALID_ARGUMENT` for too few values, and
 * `PELLUCID_ERR_TYPE_MISMATCH` for a bad reference.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_give_raw(pellucid_call_t *call,
                                         const pellucid_raw_t *values,
                                         size_t n_values,
                                         pellucid_error_t **out_error);

/**
 * Gives a call an error instead of results. When the call is resumed it is as if the host function had failed with that: an error of
 * `pellucid_exception_new` is thrown there, and may be caught; with another the call ends. It is trapped then, with the error and the
 * guest's backtrace, and the event `PELLUCID_EVENT_HOST_ERROR` is raised; or it has exited, for an error with an exit code.
 *
 * - `call`: the call, as for `pellucid_call_awaited`.
 * - `error`: the error, which is copied.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if it waits for nothing, or has been given something
 * already.
 *
 * Owns: the caller owns `*out_error`, and still `error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_give_error(pellucid_call_t *call,
                                           const pellucid_error_t *error,
                                           pellucid_error_t **out_error);

/**
 * As `pellucid_instance_new`, but the start function is left to the host: as a call, which can pause and yield, where
 * `pellucid_instance_new` would run it in one go. Until it has finished the instance is as the module's author doesn't expect it.
 *
 * - `store`: the store that it will live in.
 * - `module`: the module, made with the store's engine.
 * - `imports`, `n_imports`: what it imports, in the order of `pellucid_module_import`; may be NULL if there are none.
 * - `out_instance`: gets the instance.
 * - `out_call`: gets a call of the start function, as `pellucid_call_begin` gives it; NULL if the module has none.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns as `pellucid_instance_new`, `PELLUCID_ERR_BUSY` too.
 *
 * Owns: the caller owns `*out_call` and `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_instance_begin(pellucid_store_t *store,
                                          const pellucid_module_t *module,
                                          const pellucid_extern_t *imports,
                                          size_t n_imports,
                                          pellucid_instance_t *out_instance,
                                          pellucid_call_t **out_call,
                                          pellucid_error_t **out_error);

/**
 * As `pellucid_linker_instantiate`, but the start function is left to the host, see `pellucid_instance_begin`.
 *
 * - `linker`: the linker.
 * - `store`: the store that it will live in.
 * - `module`: the module.
 * - `out_instance`: gets the instance.
 * - `out_call`: gets a call of the start function, as `pellucid_call_begin` gives it; NULL if the module has none.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns as `pellucid_linker_instantiate`, `PELLUCID_ERR_BUSY` too.
 *
 * Owns: the caller owns `*out_call` and `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_linker_begin(const pellucid_linker_t *linker,
                                        pellucid_store_t *store,
                                        const pellucid_module_t *module,
                                        pellucid_instance_t *out_instance,
                                        pellucid_call_t **out_call,
                                        pellucid_error_t **out_error);

/* ==================================================================================================
 * Interrupts
 *
 * Stopping a guest that runs, from anywhere; and giving it time.
 * ================================================================================================== */

/** Values of `pellucid_interrupt_kind_t`. */
enum pellucid_interrupt {
    /** End the call with the trap `PELLUCID_TRAP_INTERRUPTED`, whose error has a backtrace. */
    PELLUCID_INTERRUPT_TRAP = 1,
    /**
     * Let the call pause: `pellucid_call_resume` returns `PELLUCID_CALL_PAUSED` with the event `PELLUCID_EVENT_INTERRUPT`, and
     * the next one goes on as if nothing had happened. A call that can't pause, because it was made by
     * `pellucid_func_call` or the like, is ended as by `PELLUCID_INTERRUPT_TRAP`.
     */
    PELLUCID_INTERRUPT_PAUSE = 2,
    /**
     * Tell the store's event handler, which decides (`PELLUCID_EVENT_INTERRUPT`). Without one that wants such events a
     * call pauses if it can, and goes on if it can't.
     */
    PELLUCID_INTERRUPT_EVENT = 3,
};

/** Values of `pellucid_clock_t`. */
enum pellucid_clock {
    /** What passes for everybody. */
    PELLUCID_CLOCK_WALL = 0,
    /** What the calling thread computes, the guest and its host functions alike. */
    PELLUCID_CLOCK_THREAD = 1,
};

/**
 * Interrupts the guests of one store, from anywhere. An owned object.
 *
 *     pellucid_store_interrupt(store, &interrupt, &error);
 *     // in another thread, or in a signal handler:
 *     pellucid_interrupt_request(interrupt, PELLUCID_INTERRUPT_TRAP);
 *
 * It may outlive the store; each use and each copy of it may be in another thread than the store's, at any time.
 *
 * What is asked for is done soon after: a guest that runs is left at the instruction where it is, in a loop without calls too;
 * one that fills, copies or initialises memories or tables in bulk, or has a table grow, in the midst of that; one that waits in
 * `memory.atomic.wait`, in WASI's `poll_oneoff`, or for a stream or socket, at once; one that has called another host function, when that returns. If no guest runs, the next call is
 * interrupted before its first instruction. So a request that comes too late meets a call
 * that it wasn't meant for, unless it is taken back (`pellucid_interrupt_withdraw`); time budgets, below, end with their call.
 *
 * Calls may be nested: a host function calls the guest again. A request is for the innermost call of the store. If that one
 * is ended by it, so are those that it runs under, each when the host function returns that it waits for; a pause may be what
 * they are left for.
 *
 * As long as nobody asks for anything this costs guests nothing: no code of theirs looks for requests, unless the engine has been made
 * so (`pellucid_config_set_interrupt_checks`). A thread that runs a guest
 * is sent a signal (see `pellucid_config_set_interrupt_signal`), and system calls of host functions may answer EINTR as
 * with any signal.
 *
 * With debugging the guest runs on to the next operator where all of its frame can be read, for nanoseconds, and stands there.
 * Without, a call that pauses stands at no operator in particular, and has no frames to look at; it can be resumed, ended
 * (`pellucid_call_trap`, with its backtrace), or deleted.
 *
 * Requests, time budgets, epochs and fuel may come together. What ends the call comes first; of the others each is heard in its turn: a
 * call that has paused for one of them pauses for the next as soon as it is resumed.
 *
 * A guest that is left while it waits in `memory.atomic.wait` doesn't wait any more: who notifies meanwhile doesn't find it. When it runs
 * on it begins the wait again, looks at the value, and has what is left of its time. Other guests can't tell that from one that came
 * to the operator only then.
 *
 * Since: 0.1.
 */
typedef struct pellucid_interrupt_t pellucid_interrupt_t;

/**
 * What is asked for: one of `enum pellucid_interrupt`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_interrupt_kind_t;

/**
 * What time is: one of `enum pellucid_clock`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_clock_t;

/**
 * Time that a call is given.
 *
 * When it is used up the guest is left as for a request, at the same places. Calls inside, which a host function of the guest's
 * makes in the same store, are ended then, and the call when the host function returns.
 *
 * Since: 0.1.
 */
typedef struct {
    /**
     * How much, in microseconds; 0 is used up at once, but some of the guest may run. What is less than it takes to set the timer and
     * to enter the guest, a few microseconds, may be used up each time before the guest has done anything.
     */
    uint64_t microseconds;
    /** One of `enum pellucid_clock`. */
    pellucid_clock_t clock;
    /**
     * What happens when it is used up: `PELLUCID_INTERRUPT_TRAP`, with the trap `PELLUCID_TRAP_DEADLINE`, or
     * `PELLUCID_INTERRUPT_PAUSE`, with the event `PELLUCID_EVENT_DEADLINE`.
     */
    pellucid_interrupt_kind_t action;
} pellucid_budget_t;

/**
 * Makes an object that interrupts the guests of a store.
 *
 * The first one in the process has it handle the signal of interrupts (`pellucid_config_set_interrupt_signal`), unless guests look by
 * themselves (`pellucid_config_set_interrupt_checks`).
 *
 * - `store`: the store.
 * - `out_interrupt`: gets the object.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_UNSUPPORTED` if the engine has neither signal handlers nor checks (`pellucid_config_set_interrupt_checks`);
 * `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller owns `*out_interrupt` and `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_interrupt(pellucid_store_t *store,
                                           pellucid_interrupt_t **out_interrupt,
                                           pellucid_error_t **out_error);

/**
 * Makes another object for the same store.
 *
 * - `interrupt`: the object.
 * - `out_interrupt`: gets the other.
 *
 * Returns `PELLUCID_OK`.
 *
 * Owns: the caller owns `*out_interrupt`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_interrupt_clone(const pellucid_interrupt_t *interrupt,
                                           pellucid_interrupt_t **out_interrupt);

/**
 * Deletes an object. What was asked for with it stays asked for.
 *
 * - `interrupt`: the object, which nobody uses any more; NULL is fine.
 *
 * Owns: takes `interrupt`.
 * Context: any thread.
 * Since: 0.1.
 */
void pellucid_interrupt_delete(pellucid_interrupt_t *interrupt);

/**
 * Asks for an interrupt of the store's guests. What was asked for before and wasn't done yet stays asked for; a trap is more than a
 * pause, and a pause more than an event.
 *
 * - `interrupt`: the object.
 * - `kind`: one of `enum pellucid_interrupt`.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_STATE` if the store is gone; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown
 * kind; `PELLUCID_ERR_NULL_ARGUMENT`; `PELLUCID_ERR_SYSTEM` if the system has no room for the signal, then nothing was asked.
 *
 * Owns: nothing.
 * Context: any thread, at any time; also in a signal handler.
 * Since: 0.1.
 */
pellucid_status_t pellucid_interrupt_request(const pellucid_interrupt_t *interrupt,
                                             pellucid_interrupt_kind_t kind);

/**
 * Takes back what was asked for and no guest has been left for yet. A deadline in epochs that is reached isn't.
 *
 * - `interrupt`: the object.
 *
 * Returns `PELLUCID_OK`, also if nothing was asked for; `PELLUCID_ERR_INVALID_STATE` if the store is gone;
 * `PELLUCID_ERR_NULL_ARGUMENT`.
 *
 * Owns: nothing.
 * Context: any thread, at any time; also in a signal handler.
 * Since: 0.1.
 */
pellucid_status_t pellucid_interrupt_withdraw(const pellucid_interrupt_t *interrupt);

/**
 * As `pellucid_call_resume`, for no longer than a budget. The next resumption has its own, if any.
 *
 * - `call`: the call; it must be ready or paused, or have yielded, as for `pellucid_call_resume`.
 * - `mode`: one of `enum pellucid_resume`.
 * - `time`: the budget.
 * - `out_state`: gets one of `enum pellucid_call_state`; may be NULL.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns as `pellucid_call_resume`, `PELLUCID_ERR_BUSY` too; also `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown clock or action,
 * `PELLUCID_ERR_UNSUPPORTED` if the engine has neither signal handlers nor checks, and `PELLUCID_ERR_SYSTEM` without a timer.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_call_resume_for(pellucid_call_t *call,
                                           pellucid_resume_t mode,
                                           const pellucid_budget_t *time,
                                           pellucid_call_state_t *out_state,
                                           pellucid_error_t **out_error);

/**
 * Gives a store's guests a deadline in the epochs of the engine, which the host counts up (`pellucid_engine_increment_epoch`): for
 * hosts that have a clock of their own, such as a game's frames, and many stores.
 *
 * When it is reached the guest is left as for a request (`pellucid_interrupt_t`), and again in every epoch after that, until
 * another deadline is set. If no guest runs then, the next call is interrupted before its first instruction. Event handlers may
 * set the next deadline.
 *
 * - `store`: the store.
 * - `ticks`: how often the epoch is to be counted up; 0 is reached at once.
 * - `action`: one of `enum pellucid_interrupt`: what happens then. `PELLUCID_INTERRUPT_TRAP` ends the call with the trap
 *   `PELLUCID_TRAP_DEADLINE`; `PELLUCID_INTERRUPT_PAUSE` lets it pause with the event `PELLUCID_EVENT_EPOCH`, or ends it if it can't;
 *   `PELLUCID_INTERRUPT_EVENT` raises that event, which without a handler that wants it lets the call pause or go on.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown action; `PELLUCID_ERR_UNSUPPORTED` if the
 * engine has neither signal handlers nor checks; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_set_epoch_deadline(pellucid_store_t *store,
                                                    uint64_t ticks,
                                                    pellucid_interrupt_kind_t action,
                                                    pellucid_error_t **out_error);

/**
 * Takes a store's deadline away, and what it has asked for.
 *
 * - `store`: the store.
 *
 * Returns `PELLUCID_OK`, also if it has none; `PELLUCID_ERR_BUSY`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_clear_epoch_deadline(pellucid_store_t *store);

/**
 * As `pellucid_func_call`, for no longer than a budget, whose action must be `PELLUCID_INTERRUPT_TRAP`.
 *
 * - `store`: the store.
 * - `func`: the function, the guest's or the host's.
 * - `args`, `n_args`: the arguments; may be NULL if there are none.
 * - `results`, `n_results`: places for the results, exactly as many as the function has; may be NULL if there are none.
 * - `time`: the budget.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns as `pellucid_func_call`, `PELLUCID_ERR_BUSY` too; also `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown clock or another action,
 * `PELLUCID_ERR_UNSUPPORTED` if the engine has neither signal handlers nor checks, and `PELLUCID_ERR_SYSTEM` without a timer.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_func_call_for(pellucid_store_t *store,
                                         const pellucid_func_t *func,
                                         const pellucid_value_t *args,
                                         size_t n_args,
                                         pellucid_value_t *results,
                                         size_t n_results,
                                         const pellucid_budget_t *time,
                                         pellucid_error_t **out_error);

/* ==================================================================================================
 * Fuel
 *
 * How much work guests may do, the same on every machine.
 * ================================================================================================== */

/**
 * Tells how much fuel a store has left, see `pellucid_config_set_fuel`.
 *
 * While a guest is left, in a host function or an event handler or paused, its present piece is paid, whichever of its operators it
 * is at. After a trap so is the piece that has trapped.
 *
 * - `store`: the store.
 * - `out_fuel`: gets the number; it is negative by what guests have taken beyond what there was.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_UNSUPPORTED` if the engine was made without counting fuel.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_fuel(const pellucid_store_t *store,
                                      int64_t *out_fuel);

/**
 * Sets how much fuel a store has left.
 *
 * Guests go on as long as they have taken no more than that. What was missing before is forgotten.
 *
 * - `store`: the store.
 * - `fuel`: the number; above 2^62 it is 2^62, below -2^62 it is -2^62.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_UNSUPPORTED` if the engine was made without counting fuel.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_set_fuel(pellucid_store_t *store,
                                          int64_t fuel);

/**
 * Adds to the fuel that a store has left, or takes from it. It stays within 2^62 either way, whatever guests take, too.
 *
 * - `store`: the store.
 * - `more`: what is added; a negative number is taken away.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_UNSUPPORTED` if the engine was made without counting fuel.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_add_fuel(pellucid_store_t *store,
                                          int64_t more);

/**
 * Sets what a call does when the fuel of its store is used up. By default it ends.
 *
 * The guest stands before the operator where it has looked, and hasn't executed anything of what is missing. When it goes on, with
 * or without more fuel, it does so up to the next place where it looks.
 *
 * - `store`: the store.
 * - `action`: one of `enum pellucid_interrupt`. `PELLUCID_INTERRUPT_TRAP` ends the call with the trap
 *   `PELLUCID_TRAP_OUT_OF_FUEL`; `PELLUCID_INTERRUPT_PAUSE` lets it pause with the event `PELLUCID_EVENT_FUEL`, or ends it if it
 *   can't; `PELLUCID_INTERRUPT_EVENT` raises that event: a handler that wants it may add fuel, let the call pause, or end it; without
 *   one the call pauses, or ends if it can't.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for an unknown action; `PELLUCID_ERR_UNSUPPORTED` if
 * the engine was made without counting fuel.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_set_fuel_action(pellucid_store_t *store,
                                                 pellucid_interrupt_kind_t action);

/* ==================================================================================================
 * WASI programs with threads
 *
 * Stores that share a module, memories and descriptors, one for each thread.
 * ================================================================================================== */

/**
 * The threads of a program for `wasm32-wasip1-threads` or the like: a group of stores with one module, one set of shared memories, and
 * one set of descriptors. An owned object, which any thread may use.
 *
 *     pellucid_wasi_threads_new(module, config, 16, NULL, NULL, NULL, &threads, NULL, &error);
 *     pellucid_linker_define_wasi_threads(linker, store, threads, &error);
 *     pellucid_linker_instantiate(linker, store, module, &instance, &error);
 *     ... call _start, in whichever way ...
 *     pellucid_wasi_threads_end(threads, &error);
 *     pellucid_wasi_threads_delete(threads);
 *
 * The host makes the first thread's store, and runs it on a thread of its own as it runs any guest. When the guest starts another
 * (`wasi.thread-spawn`), the library makes a thread, a store on it, an instance of the same module, and calls its export
 * `wasi_thread_start`. What else the module imports the host defines for each of these stores, in a callback.
 *
 * The first thread that traps, fails or calls `proc_exit` decides how the program ends: all others are interrupted, the host's
 * own too, whose call then ends with the trap `PELLUCID_TRAP_INTERRUPTED`. Which it was `pellucid_wasi_threads_end` tells. When the
 * first thread simply returns the program is over: the host calls `pellucid_wasi_threads_end`, which ends all others.
 *
 * Since: 0.1.
 */
typedef struct pellucid_wasi_threads_t pellucid_wasi_threads_t;

/**
 * Prepares the store of a thread that a guest has started, on that thread, before the module is instantiated in it: defines what the
 * module imports besides WASI's functions, `wasi.thread-spawn` and shared memories; sets limits, an event handler, breakpoints.
 *
 * - `userdata`: as registered.
 * - `thread`: the thread's number, which is never used again in its group: 1 or more.
 * - `store`, `linker`: the thread's. They are the library's, which deletes them when the thread ends; the callback must not.
 * - `out_error`: may be given an error on failure, which the library then owns.
 *
 * Returns `PELLUCID_OK`; anything else ends the program as a trap of the thread would.
 *
 * It may do all that a host function may. Several threads may call it at once.
 *
 * Since: 0.1.
 */
typedef pellucid_status_t (*pellucid_wasi_thread_cb_t)(void *userdata,
                                                       uint32_t thread,
                                                       pellucid_store_t *store,
                                                       pellucid_linker_t *linker,
                                                       pellucid_error_t **out_error);

/**
 * Runs the call of a thread that a guest has started, on that thread, instead of the library: resumes it until it has ended. So the call
 * can pause, and yield, and be looked at and resumed by whichever thread the host wants meanwhile.
 *
 * - `userdata`: as registered with the group.
 * - `thread`: the thread's number.
 * - `store`, `call`: the thread's; the call is ready. They are the library's, which deletes them when the thread ends; the callback must
 *   not. When it returns, no other thread may use them any more.
 * - `out_error`: may be given an error on failure, which the library then owns.
 *
 * Returns `PELLUCID_OK`. What the call has ended with is the thread's end then; one that hasn't ended is given up, and the thread ends
 * as if it had returned. Anything else ends the program as a trap of the thread would.
 *
 * When the group ends, a call that runs is interrupted; one that is paused traps when it is resumed. So while it is paused the callback
 * should look from time to time whether the group ends, see `pellucid_wasi_threads_is_ending`, unless the host has another way to know.
 *
 * It may do all that a host function may. Several threads may call it at once.
 *
 * Since: 0.1.
 */
typedef pellucid_status_t (*pellucid_wasi_run_cb_t)(void *userdata,
                                                    uint32_t thread,
                                                    pellucid_store_t *store,
                                                    pellucid_call_t *call,
                                                    pellucid_error_t **out_error);

/**
 * Makes a group of threads for a module, with shared memories of its own: one for each that the module imports.
 *
 * - `module`: the module. It exports `wasi_thread_start`, which takes two `i32`, and imports a shared memory.
 * - `config`: what the program gets; it is copied. All threads have the same open files, clocks and captured output.
 * - `most_threads`: how many threads that guests have started may run at a time. Starting more fails for the guest with
 *   `EAGAIN`, which is -6.
 * - `userdata`: for `cb`; may be NULL.
 * - `cb`: prepares the stores of threads; may be NULL if nothing has to be done.
 * - `finalizer`: frees `userdata` when the group, all its threads, and all stores that it was defined for are gone, on whichever
 *   thread is the last; may be NULL.
 * - `out_threads`: gets the group.
 * - `out_wasi`: gets what guests write to captured streams; may be NULL.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for a module without these; `PELLUCID_ERR_LIMIT`; `PELLUCID_ERR_SYSTEM`;
 * `PELLUCID_ERR_UNSUPPORTED` for an engine whose guests can't be interrupted, which has neither signal handlers nor checks.
 *
 * Owns: the library owns `userdata` until the finalizer runs; the caller owns `*out_threads`, `*out_wasi` and `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_threads_new(const pellucid_module_t *module,
                                            const pellucid_wasi_config_t *config,
                                            uint32_t most_threads,
                                            void *userdata,
                                            pellucid_wasi_thread_cb_t cb,
                                            pellucid_finalizer_t finalizer,
                                            pellucid_wasi_threads_t **out_threads,
                                            pellucid_wasi_t **out_wasi,
                                            pellucid_error_t **out_error);

/**
 * Has the host run the calls of threads that guests start from then on, so that they can pause, and yield. Otherwise the library runs
 * them, and what would pause a call doesn't.
 *
 * - `threads`: the group.
 * - `cb`: runs a call. It is given the `userdata` of the group.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_STATE` if the group has such a callback.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_threads_set_run_callback(pellucid_wasi_threads_t *threads,
                                                         pellucid_wasi_run_cb_t cb);

/**
 * Deletes a group. The threads that guests have started are ended first, and waited for, unless this is called in one of them. A
 * guest that runs in the store of the first thread, which is the host's, runs on.
 *
 * - `threads`: the group; NULL is fine.
 *
 * Owns: takes `threads`.
 * Context: any thread.
 * Since: 0.1.
 */
void pellucid_wasi_threads_delete(pellucid_wasi_threads_t *threads);

/**
 * Defines what the first thread of a program imports: WASI's functions as `pellucid_linker_define_wasi` does, `wasi.thread-spawn`, and
 * the shared memories by the names that the module imports them by.
 *
 * - `linker`: the linker.
 * - `store`: the store that the first thread runs in: one for each group, and not more than one group for it.
 * - `threads`: the group.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_LINK` if a name is defined already and shadowing is off;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for a store of another engine; whatever fails, nothing is defined. `PELLUCID_ERR_INVALID_STATE` while the linker instantiates a module,
 * for a second store, and for a store that is in a group, this or another one, or was; `PELLUCID_ERR_LIMIT`; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_linker_define_wasi_threads(pellucid_linker_t *linker,
                                                      pellucid_store_t *store,
                                                      pellucid_wasi_threads_t *threads,
                                                      pellucid_error_t **out_error);

/**
 * Waits until all threads that guests have started have finished, however long that takes.
 *
 * - `threads`: the group.
 * - `out_error`: gets an error object if a thread has failed or exited; may be NULL.
 *
 * Returns as `pellucid_wasi_threads_end`.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_threads_join(pellucid_wasi_threads_t *threads,
                                             pellucid_error_t **out_error);

/**
 * Ends all threads that guests have started, by interrupting them, and waits until they have finished: for one that is in a host
 * function, until that returns. From here on none can be started. Tells how the program has ended: the error of the first thread that
 * trapped, failed or exited, if any did so before this; that of the host's own counts if it has called `proc_exit`. A trap of the
 * host's own thread is known to the host only.
 *
 * - `threads`: the group.
 * - `out_error`: gets an error object if a thread has failed or exited; may be NULL.
 *
 * Returns `PELLUCID_OK` if none has; `PELLUCID_ERR_TRAP`; `PELLUCID_ERR_EXIT`, see `pellucid_error_exit_code`; another status if a thread
 * couldn't begin, or a host function failed. `PELLUCID_ERR_INVALID_STATE` in one of the group's threads, where nothing happens.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_threads_end(pellucid_wasi_threads_t *threads,
                                            pellucid_error_t **out_error);

/**
 * Interrupts all threads of a group, the host's own too, as `pellucid_interrupt_request` does for one store.
 *
 * A debugger has all of them pause with `PELLUCID_INTERRUPT_EVENT`: each store's event handler is told `PELLUCID_EVENT_INTERRUPT` on the
 * store's own thread, looks at its frames, and returns when the debugger wants the thread to go on. One that runs the calls itself
 * (`pellucid_wasi_threads_set_run_callback`) gets them back by `PELLUCID_INTERRUPT_PAUSE`: each `pellucid_call_resume` returns, and
 * whichever thread the debugger likes looks at the frames of all. A thread that is just beginning comes to it when it has begun.
 *
 * - `threads`: the group.
 * - `kind`: one of `enum pellucid_interrupt_kind`. The host's own call should be one that can pause if the others are to
 *   (`PELLUCID_INTERRUPT_PAUSE` ends one that can't).
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_INVALID_ARGUMENT` for another kind; `PELLUCID_ERR_INVALID_STATE` for `PELLUCID_INTERRUPT_PAUSE`
 * if the host doesn't run the calls of threads that guests have started.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
pellucid_status_t pellucid_wasi_threads_interrupt(const pellucid_wasi_threads_t *threads,
                                                  pellucid_interrupt_kind_t kind);

/**
 * Whether a group ends: a thread has trapped, failed or exited, or the host has asked for it. All threads are interrupted then, and none
 * begins any more.
 *
 * - `threads`: the group.
 *
 * Returns whether it does; false if `threads` is NULL.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
bool pellucid_wasi_threads_is_ending(const pellucid_wasi_threads_t *threads);

/**
 * How many threads that guests have started haven't finished.
 *
 * - `threads`: the group.
 *
 * Returns their number; 0 if `threads` is NULL.
 *
 * Owns: nothing.
 * Context: any thread.
 * Since: 0.1.
 */
size_t pellucid_wasi_threads_count(const pellucid_wasi_threads_t *threads);

/* ==================================================================================================
 * Debugging: edit sessions
 *
 * Changing breakpoints, all or nothing.
 * ================================================================================================== */

/** Values of `pellucid_throw_t`: bits. */
enum pellucid_throw {
    /** Those that the call catches. */
    PELLUCID_THROW_CAUGHT = 1,
    /** Those that it doesn't. */
    PELLUCID_THROW_UNCAUGHT = 2,
};

/**
 * A list of intended changes to a store's breakpoints and watchpoints. An owned object.
 *
 *     pellucid_edit_t *edit;
 *     pellucid_edit_begin(store, &edit);
 *     pellucid_edit_add(edit, module, pc, &id, &actual_pc);
 *     pellucid_edit_commit(edit, &error);
 *     pellucid_edit_delete(edit);
 *
 * Nothing happens before the commit, which makes all changes or none. Any number of sessions may be under way. A commit
 * takes effect at once, in running and paused calls too, also at the operator that a call is about to execute, and makes no frame stale.
 *
 * Using or deleting a session is a use of its store, as far as threads are concerned.
 *
 * Since: 0.1.
 */
typedef struct pellucid_edit_t pellucid_edit_t;

/**
 * Which exceptions a breakpoint is at: of `enum pellucid_throw`, or-ed together.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_throw_t;

/**
 * When a breakpoint or watchpoint that is reached, and enabled, raises an event: if all of this holds, and its conditions if it has any
 * (`pellucid_edit_set_condition`, `pellucid_edit_set_expression`). All zeros for always.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The instance that the frame runs in; zeros for any. */
    pellucid_instance_t instance;
    /**
     * The frame, by its key, see `pellucid_frame_key`; 0 for any. When the frame is gone the key may be given again: remove the
     * breakpoint then.
     */
    uint64_t frame_key;
    /** How many times all else holds, the condition included, without an event. */
    uint64_t ignore_count;
    /**
     * 1 if it is removed when it raises its first event, before anybody is told of that: the event has its id, which stands for nothing any
     * more. Else 0.
     */
    uint32_t is_one_shot;
    /** 0. */
    uint32_t reserved;
} pellucid_breakpoint_options_t;

/**
 * Says whether a breakpoint or watchpoint that the guest has reached raises an event.
 *
 * - `userdata`: as registered.
 * - `store`: the store. The condition may use it as an event handler may, and delete it.
 * - `frame`: the frame that has reached it.
 * - `id`: the breakpoint or watchpoint.
 *
 * It is asked only where somebody is told of the event: not for a call that can't pause if no handler wants the event, and not for guest
 * code that a handler or a condition calls. If it removes or disables what it was asked for, that raises no event, whatever it answers.
 *
 * It must return, and not by `longjmp` or a C++ exception.
 *
 * Since: 0.1.
 */
typedef bool (*pellucid_condition_cb_t)(void *userdata,
                                        pellucid_store_t *store,
                                        const pellucid_frame_t *frame,
                                        uint64_t id);

/**
 * Takes the text of a log point that a guest has reached.
 *
 * - `userdata`: as registered.
 * - `store`: the store. It may be used as by an event handler.
 * - `frame`: the frame that has reached it.
 * - `id`: the breakpoint or watchpoint.
 * - `text`: the finished text. Valid until the callback returns.
 *
 * It must return, and not by `longjmp` or a C++ exception.
 *
 * Since: 0.1.
 */
typedef void (*pellucid_log_point_cb_t)(void *userdata,
                                        pellucid_store_t *store,
                                        const pellucid_frame_t *frame,
                                        uint64_t id,
                                        const pellucid_str_t *text);

/**
 * Begins an edit session.
 *
 * - `store`: the store whose breakpoints to edit.
 * - `out_edit`: gets the session.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: the caller owns `*out_edit`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_begin(pellucid_store_t *store, pellucid_edit_t **out_edit);

/**
 * Deletes an edit session, and discards it unless it was committed. While another thread is using the store nothing is
 * deleted, and an error is logged.
 *
 * - `edit`: the session; NULL is fine.
 *
 * Owns: takes `edit`.
 * Context: any.
 * Since: 0.1.
 */
void pellucid_edit_delete(pellucid_edit_t *edit);

/**
 * Intends to add a breakpoint, which is enabled.
 *
 * It lands at the first operator at or after `pc` in the same function's body; a pc in the declarations of the
 * function's locals lands at its first operator. Any number of breakpoints may be at the same operator. All instances
 * of the module in the store share it, also those that are made later.
 *
 * - `edit`: the session.
 * - `module`: the module.
 * - `pc`: an offset in the module's bytes.
 * - `out_id`: gets the breakpoint's id, which is never 0 and never reused in the store; may be NULL.
 * - `out_actual_pc`: gets the operator where it lands; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` past the last operator of a body, or outside
 * all bodies; `PELLUCID_ERR_INVALID_ARGUMENT` for a module of another engine; `PELLUCID_ERR_INVALID_STATE` if the
 * session is over.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_add(pellucid_edit_t *edit,
                                    const pellucid_module_t *module,
                                    uint32_t pc,
                                    uint64_t *out_id,
                                    uint32_t *out_actual_pc);

/**
 * Intends to add a breakpoint at a function's first operator.
 *
 * - `edit`: the session.
 * - `module`: the module.
 * - `func_index`: less than `pellucid_module_func_count`; imports come first.
 * - `out_id`: gets the breakpoint's id; may be NULL.
 * - `out_actual_pc`: gets the operator where it lands; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such function;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for an imported one, or a module of another engine; `PELLUCID_ERR_INVALID_STATE` if
 * the session is over.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_add_at_function(pellucid_edit_t *edit,
                                                const pellucid_module_t *module,
                                                uint32_t func_index,
                                                uint64_t *out_id,
                                                uint32_t *out_actual_pc);

/**
 * Intends to add a breakpoint at the first operators of all functions of a name, which is enabled.
 *
 * Those are the function that is exported under the name and all functions to which the name section gives it; neither goes before the
 * other. Functions without a body are none: an import is no place to stop at. Options, conditions and counts are the breakpoint's, not
 * each function's.
 *
 *     pellucid_edit_add_at_function_name(edit, NULL, "allocate", 8, &id);
 *
 * Without a module the breakpoint is in every module of the store, also in those that come later, from their start functions on. It needs
 * no such function to be there: `pellucid_breakpoint_places` tells where it is.
 *
 * - `edit`: the session.
 * - `module`: the module; may be NULL for every module.
 * - `name`, `n_name`: the name, UTF-8, and its length in bytes.
 * - `out_id`: gets the breakpoint's id; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if `module` has no such function; `PELLUCID_ERR_INVALID_ARGUMENT`
 * without a name, or for a module of another engine; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_SYSTEM` without
 * memory for it.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_add_at_function_name(pellucid_edit_t *edit,
                                                     const pellucid_module_t *module,
                                                     const char *name,
                                                     size_t n_name,
                                                     uint64_t *out_id);

/**
 * Intends to add a breakpoint at all operators of a module that call an imported function, before the call, which is enabled, whatever the
 * function is bound to: one of the host's, of WASI's or another guest's. Calls by a table or a reference are among them, if it is the function
 * that they call; calls of the host's, and of modules that don't import it, aren't.
 *
 * What an operator like `call_indirect` calls shows only when it does. So each that takes functions of such a type is one of the breakpoint's
 * operators, and stops the guest for as long as it takes to look; if it calls another function, the breakpoint isn't reached.
 *
 * - `edit`: the session.
 * - `module`: the module that imports the function.
 * - `func_index`: which function; it must be imported, so it is less than the number of imported functions.
 * - `out_id`: gets the breakpoint's id; may be NULL.
 *
 * Returns `PELLUCID_OK`, also if the module has no such calls; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such function;
 * `PELLUCID_ERR_INVALID_ARGUMENT` for one that isn't imported, or a module of another engine; `PELLUCID_ERR_INVALID_STATE` if the session is
 * over; `PELLUCID_ERR_SYSTEM` without memory for it.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_add_at_import_calls(pellucid_edit_t *edit,
                                                    const pellucid_module_t *module,
                                                    uint32_t func_index,
                                                    uint64_t *out_id);

/**
 * The same for all imported functions of these names, in one module or in every module of the store, also in those that come later.
 *
 *     pellucid_edit_add_at_import_name_calls(edit, NULL, "wasi_snapshot_preview1", 22, "fd_write", 8, &id);
 *
 * - `edit`: the session.
 * - `module`: the module; may be NULL for every module.
 * - `import_module`, `n_import_module`: the first of the import's two names, UTF-8.
 * - `import_name`, `n_import_name`: the second.
 * - `out_id`: gets the breakpoint's id; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if `module` imports no such function; `PELLUCID_ERR_INVALID_ARGUMENT`
 * for a module of another engine; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_SYSTEM` without memory for it.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_add_at_import_name_calls(pellucid_edit_t *edit,
                                                         const pellucid_module_t *module,
                                                         const char *import_module,
                                                         size_t n_import_module,
                                                         const char *import_name,
                                                         size_t n_import_name,
                                                         uint64_t *out_id);

/**
 * Intends to add a breakpoint at traps, in whichever function, which is enabled.
 *
 * What it raises is the event of the trap, `PELLUCID_EVENT_TRAP`, or `PELLUCID_EVENT_HOST_ERROR` for `PELLUCID_TRAP_HOST_ERROR`, in which
 * `pellucid_event_breakpoints` has its id. A handler gets it that wants events of that kind, or that wants `PELLUCID_EVENT_BREAKPOINT`: so
 * one that isn't for all traps needn't want those. Options and conditions are of the frame that has trapped, at the operator that did; an
 * expression has the values before it. The call is over, as after any trap.
 *
 * - `edit`: the session.
 * - `code`: the trap, one of `enum pellucid_trap`; `PELLUCID_TRAP_NONE` for any, but for exceptions that nobody catches.
 * - `out_id`: gets the breakpoint's id; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for a number that is no trap's, `PELLUCID_TRAP_EXCEPTION`, or
 * `PELLUCID_TRAP_REQUESTED`, which the host asks for; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_SYSTEM` without
 * memory for it.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_add_at_trap(pellucid_edit_t *edit,
                                            pellucid_trap_t code,
                                            uint64_t *out_id);

/**
 * Intends to add a breakpoint at exceptions that are thrown, in whichever function, which is enabled.
 *
 * What it raises is the event of the exception, `PELLUCID_EVENT_EXCEPTION` or `PELLUCID_EVENT_UNCAUGHT_EXCEPTION`, in which
 * `pellucid_event_breakpoints` has its id. A handler gets it that wants events of that kind, or that wants `PELLUCID_EVENT_BREAKPOINT`: so
 * one that isn't for all exceptions needn't want those. Options and conditions are of the frame that has thrown it.
 *
 *     pellucid_edit_add_at_exception(edit, &tag, PELLUCID_THROW_CAUGHT | PELLUCID_THROW_UNCAUGHT, &id);
 *
 * A resumable call pauses at exceptions that are caught for which there is no handler, whether there are breakpoints or not.
 *
 * - `edit`: the session.
 * - `tag`: the exceptions' tag; may be NULL for any.
 * - `which`: `PELLUCID_THROW_CAUGHT`, `PELLUCID_THROW_UNCAUGHT`, or both.
 * - `out_id`: gets the breakpoint's id; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` if `which` is neither nor both; `PELLUCID_ERR_WRONG_STORE` or
 * `PELLUCID_ERR_OUT_OF_RANGE` for the tag; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_SYSTEM` without memory for it.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_add_at_exception(pellucid_edit_t *edit,
                                                 const pellucid_tag_t *tag,
                                                 pellucid_throw_t which,
                                                 uint64_t *out_id);

/**
 * Intends to remove a breakpoint or watchpoint. Whether it exists is checked by the commit.
 *
 * - `edit`: the session.
 * - `id`: its id; it may be one that this session adds.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_remove(pellucid_edit_t *edit, uint64_t id);

/**
 * Intends to enable or disable a breakpoint or watchpoint. Whether it exists is checked by the commit.
 *
 * - `edit`: the session.
 * - `id`: the breakpoint's id; it may be one that this session adds.
 * - `is_enabled`: whether it raises events.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_enable(pellucid_edit_t *edit,
                                       uint64_t id,
                                       bool is_enabled);

/**
 * Intends to give a breakpoint or watchpoint options, instead of those that it has. What is to be ignored is counted anew. Whether the breakpoint exists is
 * checked by the commit.
 *
 *     pellucid_breakpoint_options_t options = {.ignore_count = 99, .is_one_shot = 1};
 *     pellucid_edit_add(edit, module, pc, &id, NULL);
 *     pellucid_edit_set_options(edit, id, &options);
 *
 * - `edit`: the session.
 * - `id`: the breakpoint's id; it may be one that this session adds.
 * - `options`: the options.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_INVALID_ARGUMENT` if
 * `is_one_shot` is neither 0 nor 1, or `reserved` isn't 0; `PELLUCID_ERR_WRONG_STORE` or `PELLUCID_ERR_OUT_OF_RANGE` for the instance.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_set_options(pellucid_edit_t *edit,
                                            uint64_t id,
                                            const pellucid_breakpoint_options_t *options);

/**
 * Intends to give a breakpoint or watchpoint a condition, instead of the one that it has. Whether the breakpoint exists is checked by the commit.
 *
 * - `edit`: the session.
 * - `id`: the breakpoint's id; it may be one that this session adds.
 * - `userdata`: for `cb`; may be NULL.
 * - `cb`: the condition; may be NULL if it is to have none.
 * - `finalizer`: frees `userdata` when the breakpoint hasn't the condition any more, or never gets it; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
 *
 * Owns: the library owns `userdata` until the finalizer runs.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_set_condition(pellucid_edit_t *edit,
                                              uint64_t id,
                                              void *userdata,
                                              pellucid_condition_cb_t cb,
                                              pellucid_finalizer_t finalizer);

/**
 * Intends to give a breakpoint or watchpoint an expression for a condition, instead of the one that it has. It is evaluated in the frame
 * that has reached it, without leaving for the host: a hit for which it is 0 raises no event, is counted as declined, and leaves a step as
 * it is. At a watchpoint the access is done by then: memory and globals are as they are now.
 *
 *     pellucid_edit_set_expression(edit, id, "local[0] > 5 && i32[local[1] + 8] != 0", 38, &error);
 *
 * What there is:
 *
 *     5  0x10  2.5  1e3           numbers; without a dot or exponent they are integers
 *     local[2]  $2  $name         a local of the frame
 *     operand[0]  %0              an operand, counted from the bottom
 *     global[1]  @1  @name        a global of its instance
 *     name                        the local of this name, or else the global
 *     "a name"  $"a name"        the same of any name that has no quotes itself
 *     i32[address]                what is at an address of memory 0: i8 u8 i16 u16 i32 u32 i64 f32 f64; [address] is i32[address]
 *     i32[address, 1]             of another memory
 *     - ! ~ * / % + - << >> < <= > >= == != & ^ | && ||     as in C, and parentheses
 *
 * Names are those of the name section, globals also have those of their exports. Integers have 64 bits, signed, and wrap around; those of
 * 32 bits are extended with their sign, numbers from 2^63 up to 2^64 - 1 stand for the integer of the same bits, and shifts are by the lowest six
 * bits of the number on their right. Where one side is a float both are, of 64 bits. A reference is 0 if it is null, otherwise 1. What is right of
 * `&&` and `||` isn't evaluated if the left decides. A vector can't be named.
 *
 * If it can't be told what it is, the event is raised, so that the mistake is seen: an operand isn't there, an address is outside
 * the memory, something is divided by zero, or is a float where integers are needed. That also goes for what a function hasn't, where a
 * watchpoint or a breakpoint may be reached in several: a local, a global or a memory. The breakpoint's options must hold as well, and the
 * host's condition (`pellucid_edit_set_condition`), which is asked only if the expression holds. It is evaluated only where somebody is told
 * of the event, as the host's condition is.
 *
 * - `edit`: the session.
 * - `id`: the breakpoint's id; it may be one that this session adds.
 * - `text`, `n_text`: the expression, UTF-8, of at most 1024 bytes, with at most 64 parentheses, brackets and signs inside each
 *   other; without any it has none any more.
 * - `out_error`: gets an error object on failure, which says where the mistake is; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_NOT_FOUND` if there is no
 * such breakpoint or watchpoint; `PELLUCID_ERR_INVALID_ARGUMENT` if the text is no expression, or names what isn't in the one function that a
 * breakpoint at a pc is in; `PELLUCID_ERR_SYSTEM` without memory for it.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_set_expression(pellucid_edit_t *edit,
                                               uint64_t id,
                                               const char *text,
                                               size_t n_text,
                                               pellucid_error_t **out_error);

/**
 * Intends to have entries and exits of functions told (`PELLUCID_EVENT_FUNCTION_ENTRY`, `PELLUCID_EVENT_FUNCTION_EXIT`), or not any more, in
 * all instances of a module in the store, also those that come later. Without a handler for these events resumable calls pause, as at
 * breakpoints. A frame that is entered already is told of when it is left.
 *
 * Only the operators are stopped at by which these functions are entered and left: all others run as before.
 *
 * - `edit`: the session.
 * - `module`: the module, made with the store's engine.
 * - `first_func`, `n_funcs`: which functions, in the module's index space; imported ones among them are skipped.
 * - `is_on`: whether they are traced from then on.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_OUT_OF_RANGE` if there are
 * not so many functions, or `n_funcs` is 0; `PELLUCID_ERR_INVALID_ARGUMENT` if all are imported, or for a module of another engine;
 * `PELLUCID_ERR_SYSTEM` without memory for it.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_trace(pellucid_edit_t *edit,
                                      const pellucid_module_t *module,
                                      uint32_t first_func,
                                      uint32_t n_funcs,
                                      bool is_on);

/**
 * Whether entries and exits of a function are told.
 *
 * - `store`: the store.
 * - `module`: the module.
 * - `func_index`: the function, in the module's index space.
 * - `out_is_traced`: gets the answer.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_is_traced(const pellucid_store_t *store,
                                           const pellucid_module_t *module,
                                           uint32_t func_index,
                                           bool *out_is_traced);

/**
 * Intends to make a breakpoint or watchpoint a log point: where it would raise an event the guest goes on, and the host is handed a text
 * (`pellucid_store_set_log_point_handler`).
 *
 *     pellucid_edit_set_log_text(edit, id, "x is {$x}, and there is {i32[$x + 4]}", 37, &error);
 *
 * In the text an expression between braces (`pellucid_edit_set_expression`) stands for what it is in the frame: an integer, or a float in the
 * shortest form that is read back as the same. `{{` and `}}` are braces. What can't be told there is told as `{$x / 0: not known here}`.
 *
 * Its options and conditions decide whether it counts. It is told whether or not anybody wants events; not while an event handler runs,
 * unless that wants the events of its own calls. Other breakpoints at the same operator raise their event afterwards.
 *
 * - `edit`: the session.
 * - `id`: the breakpoint's id; it may be one that this session adds.
 * - `text`, `n_text`: the text, UTF-8, of at most 4096 bytes; without any it is no log point any more.
 * - `out_error`: gets an error object on failure, which says where the mistake is; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over; `PELLUCID_ERR_NOT_FOUND` if there is no
 * such breakpoint or watchpoint; `PELLUCID_ERR_INVALID_ARGUMENT` for a brace that stands alone, for what is no expression, or names what isn't
 * in the one function that a breakpoint at a pc is in; `PELLUCID_ERR_SYSTEM` without memory for it.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_set_log_text(pellucid_edit_t *edit,
                                             uint64_t id,
                                             const char *text,
                                             size_t n_text,
                                             pellucid_error_t **out_error);

/**
 * Has the texts of a store's log points handed to a callback, instead of the one until now. Without one they are log messages of level
 * `PELLUCID_LOG_INFO`.
 *
 * - `store`: the store.
 * - `userdata`: for `cb`; may be NULL.
 * - `cb`: the callback; may be NULL for none.
 * - `finalizer`: frees `userdata` when the callback has been replaced and has returned, or when the store goes; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: the store owns `userdata` until the finalizer runs.
 * Context: any, also in the callback that is replaced.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_set_log_point_handler(pellucid_store_t *store,
                                                       void *userdata,
                                                       pellucid_log_point_cb_t cb,
                                                       pellucid_finalizer_t finalizer);

/**
 * Intends to turn the store's single-step mode on or off: while it is on, each operator of each guest raises a step
 * event.
 *
 * - `edit`: the session.
 * - `is_on`: whether it will be on.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_single_step(pellucid_edit_t *edit,
                                            bool is_on);

/**
 * Makes all the intended changes, in their order, or none of them. The session is over in either case.
 *
 * - `edit`: the session, which is still to be deleted.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if a breakpoint or watchpoint that it names doesn't exist;
 * `PELLUCID_ERR_INVALID_STATE` if the session was over; `PELLUCID_ERR_SYSTEM` or `PELLUCID_ERR_POISONED` if code
 * couldn't be changed.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_commit(pellucid_edit_t *edit,
                                       pellucid_error_t **out_error);

/**
 * Forgets the intended changes. The session is over.
 *
 * - `edit`: the session, which is still to be deleted.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_STATE` if the session was over.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_discard(pellucid_edit_t *edit);

/* ==================================================================================================
 * Debugging: breakpoints
 *
 * Looking at breakpoints.
 * ================================================================================================== */

/** Values of `pellucid_breakpoint_kind_t`. */
enum pellucid_breakpoint_kind {
    /** One operator: `pellucid_edit_add`, `pellucid_edit_add_at_function`. */
    PELLUCID_BREAKPOINT_PC = 1,
    /** The first operators of functions of a name: `pellucid_edit_add_at_function_name`. */
    PELLUCID_BREAKPOINT_FUNCTION_NAME = 2,
    /** The operators that call an import, or may do so by a table or a reference: `pellucid_edit_add_at_import_calls`, `pellucid_edit_add_at_import_name_calls`. */
    PELLUCID_BREAKPOINT_IMPORT_CALLS = 3,
    /** Traps: `pellucid_edit_add_at_trap`. It is at no operator. */
    PELLUCID_BREAKPOINT_TRAP = 4,
    /** Exceptions that are thrown: `pellucid_edit_add_at_exception`. It is at no operator. */
    PELLUCID_BREAKPOINT_EXCEPTION = 5,
};

/**
 * What a breakpoint is at: one of `enum pellucid_breakpoint_kind`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_breakpoint_kind_t;

/**
 * A breakpoint as it is listed.
 *
 * Since: 0.1.
 */
typedef struct {
    /** Set by the caller to `sizeof(pellucid_breakpoint_info_t)`. */
    uint32_t struct_size;
    /** 1 if it raises events, else 0. */
    uint32_t is_enabled;
    /** Its id. */
    uint64_t id;
    /** The number of its module, see `pellucid_module_id`; 0 if it is in no single one. */
    uint64_t module_id;
    /** The pc that was asked for, or that of the first operator that it is at; 0 if it isn't at any. */
    uint32_t asked_pc;
    /** The first operator that it is at; 0 if it isn't at any. */
    uint32_t actual_pc;
    /** How often a guest reached it while it was enabled. */
    uint64_t hits;
    /** How many of the hits raised no event, because an event handler was running. */
    uint64_t passed_over;
    /** How many of the hits raised no event, because of its options or its conditions. */
    uint64_t declined;
    /** Its options. */
    pellucid_breakpoint_options_t options;
    /** 1 if it has a condition, the host's or an expression, else 0. */
    uint32_t has_condition;
    /** 0. */
    uint32_t reserved;
    /** What it is at: one of `enum pellucid_breakpoint_kind`. */
    pellucid_breakpoint_kind_t kind;
    /** At how many operators it is, see `pellucid_breakpoint_places`. */
    uint32_t n_places;
    /**
     * When an event or a text of it was told last, in nanoseconds of `CLOCK_MONOTONIC`; 0 for never. It is the time of the system's last
     * tick, at most some milliseconds before: that of `CLOCK_MONOTONIC_COARSE`.
     */
    uint64_t last_told;
    /** 1 if it is a log point, see `pellucid_edit_set_log_text`, else 0. */
    uint32_t is_log_point;
    /** 1 if it was set by a name, see `pellucid_breakpoint_name`, else 0. */
    uint32_t is_named;
} pellucid_breakpoint_info_t;

/**
 * An operator that a breakpoint is at.
 *
 * Since: 0.1.
 */
typedef struct {
    /** The number of its module, see `pellucid_module_id`. */
    uint64_t module_id;
    /** Its function; imports come first. */
    uint32_t func_index;
    /** The operator, as an offset in the module's bytes. */
    uint32_t pc;
} pellucid_breakpoint_place_t;

/**
 * The ids of all breakpoints of a store, the oldest first.
 *
 * - `store`: the store.
 * - `out_ids`, `cap_ids`: places for ids, and how many; may be NULL if there are none.
 * - `out_n`: gets the number of breakpoints, also those for which there is no place.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_breakpoint_list(const pellucid_store_t *store,
                                           uint64_t *out_ids,
                                           size_t cap_ids,
                                           size_t *out_n);

/**
 * A breakpoint by its id.
 *
 * - `store`: the store.
 * - `id`: the id.
 * - `out_info`: gets the breakpoint; its `struct_size` must be set.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if there is none, or none any more;
 * `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_INVALID_ARGUMENT` if `struct_size` isn't set.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_breakpoint_info(const pellucid_store_t *store,
                                           uint64_t id,
                                           pellucid_breakpoint_info_t *out_info);

/**
 * The name by which a breakpoint was set: of functions, or the two of an import.
 *
 * - `store`: the store.
 * - `id`: the breakpoint's id.
 * - `out_module_name`: gets the first of an import's two names, and no bytes for functions; may be NULL.
 * - `out_name`: gets the second, or the functions'; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if there is no such breakpoint, or it wasn't set by a name;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing; the names are valid as long as the breakpoint is there.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_breakpoint_name(const pellucid_store_t *store,
                                           uint64_t id,
                                           pellucid_str_t *out_module_name,
                                           pellucid_str_t *out_name);

/**
 * Where a breakpoint is now, in the order in which the modules came to the store, and by pc. One that is in every module of the store is
 * at more places when there are more modules, and may be at none so far.
 *
 * - `store`: the store.
 * - `id`: the breakpoint's id.
 * - `out_places`, `cap_places`: places for what it is at, and how many; may be NULL if there are none.
 * - `out_n`: gets the number of operators that it is at, also of those for which there is no place.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if there is no such breakpoint; `PELLUCID_ERR_DEBUG_DISABLED`;
 * `PELLUCID_ERR_SYSTEM` without memory for it.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_breakpoint_places(const pellucid_store_t *store,
                                             uint64_t id,
                                             pellucid_breakpoint_place_t *out_places,
                                             size_t cap_places,
                                             size_t *out_n);

/**
 * The module that a breakpoint is in, if that is one only.
 *
 * - `store`: the store.
 * - `id`: the breakpoint's id.
 * - `out_module`: gets a reference to the module.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if there is no such breakpoint, or it is in no single module;
 * `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: the caller owns `*out_module`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_breakpoint_module(const pellucid_store_t *store,
                                             uint64_t id,
                                             pellucid_module_t **out_module);

/**
 * Whether the store's single-step mode is on.
 *
 * - `store`: the store.
 * - `out_is_on`: gets whether it is.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_is_single_stepping(const pellucid_store_t *store, bool *out_is_on);

/* ==================================================================================================
 * Debugging: watchpoints
 *
 * Being told who touches a memory, a global or a table.
 * ================================================================================================== */

/** Values of `pellucid_watch_access_t`: bits. */
enum pellucid_watch_access {
    /** It is read. */
    PELLUCID_WATCH_READ = 1,
    /** It is written, be it with what is there already. */
    PELLUCID_WATCH_WRITE = 2,
};

/** Values of `pellucid_watch_kind_t`. */
enum pellucid_watch_kind {
    /** Bytes of a memory. */
    PELLUCID_WATCH_MEMORY = 1,
    /** A global. */
    PELLUCID_WATCH_GLOBAL = 2,
    /** An element of a table. */
    PELLUCID_WATCH_ELEMENT = 3,
    /** A local of a frame. */
    PELLUCID_WATCH_LOCAL = 4,
    /** A field of a structure, or an element of an array. */
    PELLUCID_WATCH_FIELD = 5,
};

/**
 * What is done to what is watched: of `enum pellucid_watch_access`, or-ed together.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_watch_access_t;

/**
 * What a watchpoint watches: one of `enum pellucid_watch_kind`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_watch_kind_t;

/**
 * A watchpoint as it is listed.
 *
 * Since: 0.1.
 */
typedef struct {
    /** Set by the caller to `sizeof(pellucid_watchpoint_info_t)`. */
    uint32_t struct_size;
    /** 1 if it raises events, else 0. */
    uint32_t is_enabled;
    /** Its id. */
    uint64_t id;
    /** What it watches: one of `enum pellucid_watch_kind`. */
    pellucid_watch_kind_t kind;
    /** What is watched for: of `enum pellucid_watch_access`. */
    pellucid_watch_access_t access;
    /**
     * The memory's, global's or table's number in the store, the `index` of its handle; of a local the key of its frame, see
     * `pellucid_frame_key`; of a field or an element of an array the `index` of the object's reference, which is good as long as this is listed.
     */
    uint64_t entity;
    /** The first byte, the element, the local or the field; of a global 0. */
    uint64_t address;
    /** How many bytes; of others 1. */
    uint64_t size;
    /** How often such an access was seen while it was enabled. */
    uint64_t hits;
    /** How many of the hits raised no event, because an event handler was running. */
    uint64_t passed_over;
    /** How many of the hits raised no event, because of its options or its condition. */
    uint64_t declined;
    /** Its options. */
    pellucid_breakpoint_options_t options;
    /** 1 if it has a condition, else 0. */
    uint32_t has_condition;
    /** 1 if what it watches is gone, a local's frame, else 0: it stays disabled then. */
    uint32_t is_over;
} pellucid_watchpoint_info_t;

/**
 * What happened at a watchpoint.
 *
 * Since: 0.1.
 */
typedef struct {
    /** Set by the caller to `sizeof(pellucid_watch_hit_t)`. */
    uint32_t struct_size;
    /** What was done, of what the watchpoint is for: of `enum pellucid_watch_access`. */
    pellucid_watch_access_t access;
    /** The watchpoint's id. */
    uint64_t id;
    /**
     * Of those that are watched, the first byte that was accessed, or found to be changed; the element, the local or the field; of a
     * global 0.
     */
    uint64_t address;
    /** How many bytes; of others 1. */
    uint64_t size;
    /**
     * The operator that did it, in the function of the event's frame, as an offset in its module's bytes; for a call through an element
     * the one that is about to be executed; 0 if `is_found` is 1.
     */
    uint32_t pc;
    /** 1 if it was found to be changed by the host or by another thread, 0 if an operator did it. */
    uint32_t is_found;
} pellucid_watch_hit_t;

/**
 * Intends to add a watchpoint of a part of a memory, which is enabled.
 *
 * When an operator of any guest of the store has done such an access to any of the bytes, `PELLUCID_EVENT_WATCHPOINT` is raised
 * before the next operator: loads and stores of all kinds, atomic and vector operators, `memory.wait`, and `memory.fill`, `copy` and `init`. One that
 * traps has done nothing. An exchange that fails, as it found another value, has read.
 *
 * Writes of the host, of functions of WASI's and of other stores' guests to a shared memory are found by comparing: when a host
 * function returns, and when a guest is about to run. Then the event has no operator, and a write of what was there already isn't found.
 * What an event handler or a condition changes, or has guests change, is no news to whoever is told, and raises no event.
 *
 * As long as there are watchpoints all operators that might do such an access to such a thing are slower, wherever they
 * access; the others aren't, and nothing is without. The commit looks at all functions of the modules whose instances have the memory.
 *
 * `pellucid_edit_remove`, `pellucid_edit_enable`, `pellucid_edit_set_options`, `pellucid_edit_set_condition`,
 * `pellucid_edit_set_expression` and `pellucid_edit_set_log_text` are for watchpoints as for breakpoints. What counts is the frame whose operator did it, at the operator
 * behind that.
 *
 * - `edit`: the session.
 * - `memory`: the memory.
 * - `address`: the first byte, as an offset in the memory.
 * - `size`: how many bytes, up to 1048576.
 * - `access`: `PELLUCID_WATCH_READ`, `PELLUCID_WATCH_WRITE`, or both.
 * - `out_id`: gets the watchpoint's id, which is never 0, and never another watchpoint's or breakpoint's in the store; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for another access, or if `size` is 0;
 * `PELLUCID_ERR_OUT_OF_RANGE` unless all bytes are in the memory now, or for a memory that the store never made; `PELLUCID_ERR_LIMIT` for more
 * bytes; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_watch_memory(pellucid_edit_t *edit,
                                             const pellucid_memory_t *memory,
                                             uint64_t address,
                                             uint64_t size,
                                             pellucid_watch_access_t access,
                                             uint64_t *out_id);

/**
 * Intends to add a watchpoint of a global: as `pellucid_edit_watch_memory` for `global.get` and `global.set` in any instance that has
 * it, and for `pellucid_global_set`.
 *
 * - `edit`: the session.
 * - `global`: the global.
 * - `access`: `PELLUCID_WATCH_READ`, `PELLUCID_WATCH_WRITE`, or both.
 * - `out_id`: gets the watchpoint's id; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for another access; `PELLUCID_ERR_OUT_OF_RANGE` for a global that
 * the store never made; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_watch_global(pellucid_edit_t *edit,
                                             const pellucid_global_t *global,
                                             pellucid_watch_access_t access,
                                             uint64_t *out_id);

/**
 * Intends to add a watchpoint of an element of a table: as `pellucid_edit_watch_memory` for `table.get`, `set`, `fill`, `copy` and
 * `init`, and for `pellucid_table_set`. `call_indirect` and `return_call_indirect` through the element read it: that is told at their
 * operator, before anything is called, whatever becomes of the call.
 *
 * - `edit`: the session.
 * - `table`: the table.
 * - `index`: the element.
 * - `access`: `PELLUCID_WATCH_READ`, `PELLUCID_WATCH_WRITE`, or both.
 * - `out_id`: gets the watchpoint's id; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for another access; `PELLUCID_ERR_OUT_OF_RANGE` if the table has no
 * such element now, or for a table that the store never made; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_watch_element(pellucid_edit_t *edit,
                                              const pellucid_table_t *table,
                                              uint64_t index,
                                              pellucid_watch_access_t access,
                                              uint64_t *out_id);

/**
 * Intends to add a watchpoint of a local of a frame: as `pellucid_edit_watch_memory` for `local.get`, `local.set` and `local.tee` of that
 * frame, other frames of the same function not counting, and for what the host writes there by `pellucid_frame_write_local` or
 * `pellucid_frame_restart`. Only these operators of the frame's function are slower, its tail calls, and the place where its caller goes on.
 *
 * When the frame is gone the watchpoint is over: `is_over` of its `pellucid_watchpoint_info_t` is 1 then, `is_enabled` 0. It stays listed, with
 * what was counted, until it is removed, and costs nothing. A frame is gone when it has returned, or was left by an exception, when it
 * makes a tail call, when the host has dropped it or has a frame further out go on, and when its call is over. It isn't gone
 * as long as the host moves it: by `pellucid_frame_set_pc`, `pellucid_frame_restart`, `pellucid_frame_return`, or by throwing what it catches.
 * Disabled it knows this, too.
 *
 * The frame must be valid for the commit as well, which returns `PELLUCID_ERR_STALE_HANDLE` otherwise. A commit that would enable a
 * watchpoint which is over returns `PELLUCID_ERR_INVALID_STATE`.
 *
 * - `edit`: the session.
 * - `frame`: the frame, which needn't be the innermost of its call.
 * - `local`: which of its locals.
 * - `access`: `PELLUCID_WATCH_READ`, `PELLUCID_WATCH_WRITE`, or both.
 * - `out_id`: gets the watchpoint's id; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for another access; `PELLUCID_ERR_OUT_OF_RANGE` if the frame has no
 * such local; `PELLUCID_ERR_STALE_HANDLE`; `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_STATE` if the frame's call has ended, or if
 * the session is over.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_watch_local(pellucid_edit_t *edit,
                                            const pellucid_frame_t *frame,
                                            uint32_t local,
                                            pellucid_watch_access_t access,
                                            uint64_t *out_id);

/**
 * Intends to add a watchpoint of a field of a structure, or of an element of an array: as `pellucid_edit_watch_memory` for `struct.get` and
 * `struct.set` with their variants, for `array.get`, `set`, `fill`, `copy`, `init_data` and `init_elem`, by guests of any module, and for
 * `pellucid_object_set` and `pellucid_array_write`. Other objects of its type don't count. Only those of these operators are slower whose type
 * the object is of, or is a subtype's object of, and of a structure, whose field it is.
 *
 * The object is kept as long as there is the watchpoint, enabled or not, or the session that intends to add it; and so is the
 * number of its reference, see OBJECTS at the top. Once it is removed, or the store deleted, they aren't kept for it any more; the next
 * collection notices that.
 *
 * Values of 8 and 16 bits are zero-extended, as `pellucid_object_get` has them, whatever the operator makes of them.
 *
 * - `edit`: the session.
 * - `anyref`: a reference to the structure or array.
 * - `index`: the field or element.
 * - `access`: `PELLUCID_WATCH_READ`, `PELLUCID_WATCH_WRITE`, or both.
 * - `out_id`: gets the watchpoint's id; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_INVALID_ARGUMENT` for another access, or for null; `PELLUCID_ERR_TYPE_MISMATCH` for
 * a reference to something else; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such field or element, or the reference is out of date;
 * `PELLUCID_ERR_WRONG_STORE`; `PELLUCID_ERR_INVALID_STATE` if the session is over.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_edit_watch_field(pellucid_edit_t *edit,
                                            const pellucid_anyref_t *anyref,
                                            uint32_t index,
                                            pellucid_watch_access_t access,
                                            uint64_t *out_id);

/**
 * The ids of all watchpoints of a store, the oldest first.
 *
 * - `store`: the store.
 * - `out_ids`, `cap_ids`: places for ids, and how many; may be NULL if there are none.
 * - `out_n`: gets the number of watchpoints, also those for which there is no place.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_watchpoint_list(const pellucid_store_t *store,
                                           uint64_t *out_ids,
                                           size_t cap_ids,
                                           size_t *out_n);

/**
 * A watchpoint by its id.
 *
 * - `store`: the store.
 * - `id`: the id.
 * - `out_info`: gets the watchpoint; its `struct_size` must be set.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_NOT_FOUND` if there is none, or none any more;
 * `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_INVALID_ARGUMENT` if `struct_size` isn't set.
 *
 * Owns: nothing.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_watchpoint_info(const pellucid_store_t *store,
                                           uint64_t id,
                                           pellucid_watchpoint_info_t *out_info);

/**
 * How many watchpoints an event is of.
 *
 * - `event`: the event.
 *
 * Returns the number; 0 for other events than `PELLUCID_EVENT_WATCHPOINT`, or if `event` is NULL.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
size_t pellucid_event_watch_count(const pellucid_event_t *event);

/**
 * What happened at a watchpoint.
 *
 * - `event`: the event.
 * - `n`: which of its watchpoints, less than `pellucid_event_watch_count`. An operator's come in the order of their ids, and before
 *   what was found.
 * - `out_hit`: gets what happened; its `struct_size` must be set.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such watchpoint; `PELLUCID_ERR_INVALID_ARGUMENT` if `struct_size` isn't
 * set.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_watch_hit(const pellucid_event_t *event,
                                           size_t n,
                                           pellucid_watch_hit_t *out_hit);

/**
 * The bytes before and after, if the watchpoint is of a memory.
 *
 * - `event`: the event.
 * - `n`: which of its watchpoints.
 * - `out_old`, `out_new`: get the bytes from the hit's `address` on as they were before, and as they were when it was done, up to its
 *   `size`; each may be NULL.
 * - `n_bytes`: how many bytes there is room for.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such watchpoint; `PELLUCID_ERR_TYPE_MISMATCH` if it isn't of a memory.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_watch_bytes(const pellucid_event_t *event,
                                             size_t n,
                                             uint8_t *out_old,
                                             uint8_t *out_new,
                                             size_t n_bytes);

/**
 * The values before and after, if the watchpoint isn't of a memory.
 *
 * - `event`: the event.
 * - `n`: which of its watchpoints.
 * - `store`: the event's store.
 * - `out_old`, `out_new`: get the value as it was before, and as it was when it was done; each may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_OUT_OF_RANGE` if there is no such watchpoint; `PELLUCID_ERR_TYPE_MISMATCH` if it
 * is of a memory; `PELLUCID_ERR_WRONG_STORE`.
 *
 * Owns: nothing.
 * Context: while the event is valid.
 * Since: 0.1.
 */
pellucid_status_t pellucid_event_watch_values(const pellucid_event_t *event,
                                              size_t n,
                                              pellucid_store_t *store,
                                              pellucid_value_t *out_old,
                                              pellucid_value_t *out_new);

/* ==================================================================================================
 * Debugging: core dumps
 *
 * A store as it stands still, written down for other tools.
 * ================================================================================================== */

/** Values of `pellucid_core_dump_options_t`, to be added. */
enum pellucid_core_dump_option {
    /** What is in memories; their sizes are told all the same. */
    PELLUCID_CORE_DUMP_WITHOUT_MEMORIES = 1,
};

/**
 * What a core dump leaves out: bits of `enum pellucid_core_dump_option`.
 *
 * Since: 0.1.
 */
typedef uint32_t pellucid_core_dump_options_t;

/**
 * Takes a part of a core dump; the parts come in order.
 *
 * - `userdata`: as given to `pellucid_store_core_dump`.
 * - `bytes`, `n_bytes`: the part. Valid until it returns.
 *
 * Returns `PELLUCID_OK`; anything else ends the dump.
 *
 * It may call what has the context `any`, but the dump ends with `PELLUCID_ERR_STALE_HANDLE` or `PELLUCID_ERR_INVALID_STATE` if that
 * changes what is being written.
 *
 * Since: 0.1.
 */
typedef pellucid_status_t (*pellucid_core_dump_cb_t)(void *userdata,
                                                     const uint8_t *bytes,
                                                     size_t n_bytes);

/**
 * Writes a core dump of a store, as it is now, through a callback: the stacks of its calls with locals and operands, memories, globals,
 * instances. Nothing of the store changes.
 *
 *     static pellucid_status_t take(void *file, const uint8_t *bytes, size_t n_bytes) {
 *         return fwrite(bytes, 1, n_bytes, file) == n_bytes ? PELLUCID_OK : PELLUCID_ERR_SYSTEM;
 *     }
 *     pellucid_store_core_dump(store, "game", 4, 0, file, take, &error);
 *
 * What it shows depends on when it is written. In an event handler, and while a call is paused: all frames, of the call at the event and
 * of all others. At a trap or an uncaught exception that is the handler of `PELLUCID_EVENT_TRAP`, `PELLUCID_EVENT_HOST_ERROR` or
 * `PELLUCID_EVENT_UNCAUGHT_EXCEPTION`, or, for a call of `pellucid_call_begin`, any time until the call is deleted. In a host function:
 * the frames that wait for it. After a call of `pellucid_func_call` that has failed its frames are gone: the dump has memories, globals
 * and other calls, and the error has the backtrace.
 *
 * The format is that of WebAssembly's tool conventions (`Coredump.md`): the sections `core`, `coremodules`, `coreinstances`, a
 * `corestack` for each call that has frames, then memories, globals and data. Calls that run come first, the newest first of all; then
 * those that are paused, have yielded or have trapped, by age. A stack's name has the call's number in the store and why it stands still,
 * as in `call 3: unreachable`. Frames are told from the innermost on; offsets of code are those of `pellucid_frame_func_offset`. Memories and
 * globals are all those of the store, by their numbers in it (`pellucid_memory_t`, `pellucid_global_t`), also those in no instance.
 * Parts of memories that are zero are left out, and pages that nobody has touched aren't touched.
 *
 * The format has no room for all. Locals and operands are missing whose value isn't known, and those that are vectors or references;
 * references in globals are null unless they are integers. Tables, objects, exceptions, and what happened aren't told. A frame that
 * isn't complete, as the guest's stack has ended there, counts to the first instance of its module. Other stores of a program with
 * threads have dumps of their own.
 *
 * It takes little memory: parts have at most 64 KiB, and of the store only the present frame and where the data is are kept meanwhile.
 *
 * - `store`: the store.
 * - `name`, `n_name`: a name for the program, UTF-8; may be NULL if there is none.
 * - `options`: bits of `enum pellucid_core_dump_option`, or 0.
 * - `userdata`: for the callback.
 * - `cb`: takes the parts. It is called before the function returns, and not afterwards.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_INVALID_ARGUMENT` for unknown options and a name
 * that isn't UTF-8; `PELLUCID_ERR_LIMIT`, before anything is written, if memories hold more than 4 GiB that aren't zero, which a data section
 * can't say; `PELLUCID_ERR_HOST` if the callback answered anything but `PELLUCID_OK`; `PELLUCID_ERR_STALE_HANDLE` and
 * `PELLUCID_ERR_INVALID_STATE` if the callback has changed what was being written; `PELLUCID_ERR_SYSTEM`.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_core_dump(pellucid_store_t *store,
                                           const char *name,
                                           size_t n_name,
                                           pellucid_core_dump_options_t options,
                                           void *userdata,
                                           pellucid_core_dump_cb_t cb,
                                           pellucid_error_t **out_error);

/**
 * Writes a core dump of a store to a file, see `pellucid_store_core_dump`. What was in the file is gone; one that is made can't be read
 * by other users. If it fails, the file has what was written until then: the stacks come first.
 *
 * - `store`: the store.
 * - `name`, `n_name`: a name for the program, UTF-8; may be NULL if there is none.
 * - `options`: bits of `enum pellucid_core_dump_option`, or 0.
 * - `path`, `n_path`: the file's path, UTF-8.
 * - `out_error`: gets an error object on failure; may be NULL.
 *
 * Returns `PELLUCID_OK`; `PELLUCID_ERR_BUSY`; `PELLUCID_ERR_DEBUG_DISABLED`; `PELLUCID_ERR_INVALID_ARGUMENT` for unknown options, and for a
 * name or path that isn't UTF-8; `PELLUCID_ERR_NOT_FOUND` if there is no such folder; `PELLUCID_ERR_LIMIT` as `pellucid_store_core_dump`;
 * `PELLUCID_ERR_SYSTEM`, also if the file can't be written.
 *
 * Owns: the caller owns `*out_error`.
 * Context: any.
 * Since: 0.1.
 */
pellucid_status_t pellucid_store_core_dump_file(pellucid_store_t *store,
                                                const char *name,
                                                size_t n_name,
                                                pellucid_core_dump_options_t options,
                                                const char *path,
                                                size_t n_path,
                                                pellucid_error_t **out_error);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* PELLUCID_H */
