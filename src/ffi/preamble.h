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
#define PELLUCID_VERSION_MAJOR @MAJOR@
#define PELLUCID_VERSION_MINOR @MINOR@
#define PELLUCID_VERSION_PATCH @PATCH@
#define PELLUCID_VERSION "@VERSION@"

#ifdef __cplusplus
extern "C" {
#endif
