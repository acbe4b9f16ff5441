//go:build cgo

package pellucid

// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"
)

// Status is what a function of the library answers. As an error it is what errors.Is compares: errors.Is(err, StatusLink).
type Status int32

// The statuses; the library's header says for each function which it answers.
const (
	StatusInvalidArgument Status = C.PELLUCID_ERR_INVALID_ARGUMENT
	StatusNullArgument    Status = C.PELLUCID_ERR_NULL_ARGUMENT
	StatusWrongStore      Status = C.PELLUCID_ERR_WRONG_STORE
	StatusStaleHandle     Status = C.PELLUCID_ERR_STALE_HANDLE
	StatusOutOfRange      Status = C.PELLUCID_ERR_OUT_OF_RANGE
	StatusTypeMismatch    Status = C.PELLUCID_ERR_TYPE_MISMATCH
	StatusInvalidModule   Status = C.PELLUCID_ERR_INVALID_MODULE
	StatusUnsupported     Status = C.PELLUCID_ERR_UNSUPPORTED
	StatusLink            Status = C.PELLUCID_ERR_LINK
	StatusTrap            Status = C.PELLUCID_ERR_TRAP
	StatusHost            Status = C.PELLUCID_ERR_HOST
	StatusLimit           Status = C.PELLUCID_ERR_LIMIT
	StatusSystem          Status = C.PELLUCID_ERR_SYSTEM
	StatusDebugDisabled   Status = C.PELLUCID_ERR_DEBUG_DISABLED
	StatusInvalidState    Status = C.PELLUCID_ERR_INVALID_STATE
	StatusNotFound        Status = C.PELLUCID_ERR_NOT_FOUND
	StatusCannotPause     Status = C.PELLUCID_ERR_CANNOT_PAUSE
	StatusPoisoned        Status = C.PELLUCID_ERR_POISONED
	StatusPanic           Status = C.PELLUCID_ERR_PANIC
	StatusExit            Status = C.PELLUCID_ERR_EXIT
	StatusBusy            Status = C.PELLUCID_ERR_BUSY
	StatusCannotYield     Status = C.PELLUCID_ERR_CANNOT_YIELD
	StatusException       Status = C.PELLUCID_ERR_EXCEPTION
	// StatusIncompatible is of serialized modules for another version, processor or engine.
	StatusIncompatible Status = C.PELLUCID_ERR_INCOMPATIBLE
)

func (s Status) Error() string {
	var name C.pellucid_str_t
	if C.pellucid_status_name(C.pellucid_status_t(s), &name) != C.PELLUCID_OK {
		return fmt.Sprintf("pellucid: status %d", int32(s))
	}
	return "pellucid: " + goString(name)
}

// ErrClosed is the error of using a Store, Call or Edit after its Close.
var ErrClosed = errors.New("pellucid: it is closed")

// TrapCode says why a guest trapped. As an error it is what errors.Is compares: errors.Is(err, TrapUnreachable).
type TrapCode uint32

// Why guests trap.
const (
	TrapUnreachable                TrapCode = C.PELLUCID_TRAP_UNREACHABLE
	TrapMemoryOutOfBounds          TrapCode = C.PELLUCID_TRAP_MEMORY_OUT_OF_BOUNDS
	TrapTableOutOfBounds           TrapCode = C.PELLUCID_TRAP_TABLE_OUT_OF_BOUNDS
	TrapUndefinedElement           TrapCode = C.PELLUCID_TRAP_UNDEFINED_ELEMENT
	TrapUninitializedElement       TrapCode = C.PELLUCID_TRAP_UNINITIALIZED_ELEMENT
	TrapIndirectCallTypeMismatch   TrapCode = C.PELLUCID_TRAP_INDIRECT_CALL_TYPE_MISMATCH
	TrapIntegerOverflow            TrapCode = C.PELLUCID_TRAP_INTEGER_OVERFLOW
	TrapIntegerDivideByZero        TrapCode = C.PELLUCID_TRAP_INTEGER_DIVIDE_BY_ZERO
	TrapInvalidConversionToInteger TrapCode = C.PELLUCID_TRAP_INVALID_CONVERSION_TO_INTEGER
	TrapCallStackExhausted         TrapCode = C.PELLUCID_TRAP_CALL_STACK_EXHAUSTED
	TrapHostError                  TrapCode = C.PELLUCID_TRAP_HOST_ERROR
	TrapRequested                  TrapCode = C.PELLUCID_TRAP_REQUESTED
	TrapInterrupted                TrapCode = C.PELLUCID_TRAP_INTERRUPTED
	TrapDeadline                   TrapCode = C.PELLUCID_TRAP_DEADLINE
	TrapUnalignedAtomic            TrapCode = C.PELLUCID_TRAP_UNALIGNED_ATOMIC
	TrapExpectedSharedMemory       TrapCode = C.PELLUCID_TRAP_EXPECTED_SHARED_MEMORY
	TrapWaitNotAllowed             TrapCode = C.PELLUCID_TRAP_WAIT_NOT_ALLOWED
	TrapOutOfFuel                  TrapCode = C.PELLUCID_TRAP_OUT_OF_FUEL
	TrapNullReference              TrapCode = C.PELLUCID_TRAP_NULL_REFERENCE
	TrapException                  TrapCode = C.PELLUCID_TRAP_EXCEPTION
	TrapCastFailure                TrapCode = C.PELLUCID_TRAP_CAST_FAILURE
	TrapArrayOutOfBounds           TrapCode = C.PELLUCID_TRAP_ARRAY_OUT_OF_BOUNDS
	TrapHeapExhausted              TrapCode = C.PELLUCID_TRAP_HEAP_EXHAUSTED
)

func (t TrapCode) Error() string { return fmt.Sprintf("pellucid: trap %d", uint32(t)) }

// BacktraceFrame is a frame of a guest in an error, the innermost first.
type BacktraceFrame struct {
	// Module and Func are names; empty if there are none.
	Module, Func string
	// FuncIndex is the function's index in its module, imports counted first.
	FuncIndex uint32
	// PC is the operator, as an offset in the module's bytes; FuncOffset counts from the start of the function's body.
	PC, FuncOffset uint32
}

func (f BacktraceFrame) String() string {
	name := f.Func
	if name == "" {
		name = fmt.Sprintf("function %d", f.FuncIndex)
	}
	if f.Module != "" {
		name = f.Module + "!" + name
	}
	return fmt.Sprintf("%s at %#x", name, f.PC)
}

// Backtrace is the frames of guests in an error, the innermost first. It ends at 256 frames.
type Backtrace []BacktraceFrame

// String has a line for each frame.
func (b Backtrace) String() string {
	lines := make([]string, len(b))
	for i, frame := range b {
		lines[i] = frame.String()
	}
	return strings.Join(lines, "\n")
}

// Error is a failure of the library that has no type of its own. errors.Is compares it with its Status.
type Error struct {
	Status  Status
	Message string
}

func (e *Error) Error() string { return "pellucid: " + e.Message }

// Is makes errors.Is(err, StatusLink) and the like work.
func (e *Error) Is(target error) bool { return target == error(e.Status) }

// Fault is the access to a memory that made a guest trap.
type Fault struct {
	// Memory is the number of the memory in its store, and Address the first byte that couldn't be accessed.
	Memory, Address uint64
}

// Trap is the end of a call by a trap of the guest. errors.Is compares it with its Code, and with StatusTrap.
type Trap struct {
	Code    TrapCode
	Message string
	Frames  Backtrace
	// Fault is the access, if it was one of a memory and its address is known.
	Fault *Fault
	// Cause is why the host has ended the call: the error of a context, or what a host function returned. It may be nil.
	Cause  error
	native *nativeError
}

func (t *Trap) Error() string {
	if t.Cause != nil {
		return "pellucid: " + t.Message + ": " + t.Cause.Error()
	}
	return "pellucid: " + t.Message
}

// Is makes errors.Is(err, TrapUnreachable) and the like work.
func (t *Trap) Is(target error) bool { return target == error(t.Code) || target == error(StatusTrap) }

// Unwrap gives the cause.
func (t *Trap) Unwrap() error { return t.Cause }

// Exit is the end of a call by the guest itself, as WASI's proc_exit does. Code 0 means success, by convention.
type Exit struct {
	Code uint32
	// Cause is what a host function returned that handed an exit on, or what a stream of WASI's has failed with; else nil.
	Cause  error
	native *nativeError
}

func (e *Exit) Error() string { return fmt.Sprintf("pellucid: the guest exited with code %d", e.Code) }

// Is makes errors.Is(err, StatusExit) work.
func (e *Exit) Is(target error) bool { return target == error(StatusExit) }

// Unwrap gives the cause.
func (e *Exit) Unwrap() error { return e.Cause }

// Exception is an exception that no guest caught. A host function that returns one throws it: the guest that called the
// function may catch it. Two are the same for errors.Is if they have the same tag and carry the same values.
type Exception struct {
	Tag    Tag
	Values []Value
	Frames Backtrace
	// Message is the library's text; empty for one that the host made.
	Message string
	native  *nativeError
}

// NewException makes an exception for a host function to throw. The values are of the tag's type, as for Func.Call.
func NewException(tag *Tag, values ...any) (*Exception, error) {
	kinds, err := tag.Type()
	if err != nil {
		return nil, err
	}
	converted, err := convertAll(kinds.Params, values)
	if err != nil {
		return nil, err
	}
	return &Exception{Tag: *tag, Values: converted}, nil
}

func (e *Exception) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("pellucid: an exception with %v", e.Values)
	}
	return "pellucid: " + e.Message
}

// Is compares with StatusException, and with another exception by tag and values.
func (e *Exception) Is(target error) bool {
	other, ok := target.(*Exception)
	if !ok || other.Tag != e.Tag || len(other.Values) != len(e.Values) {
		return target == error(StatusException)
	}
	for i := range e.Values {
		if e.Values[i] != other.Values[i] {
			return false
		}
	}
	return true
}

// HostError is the end of a call by an error that a host function returned. Unwrap gives that error, so errors.Is and
// errors.As find it.
type HostError struct {
	Err    error
	Frames Backtrace
}

func (e *HostError) Error() string { return e.Err.Error() }

// Is makes errors.Is(err, StatusHost) work.
func (e *HostError) Is(target error) bool { return target == error(StatusHost) }

// Unwrap gives what the host function returned.
func (e *HostError) Unwrap() error { return e.Err }

// A nativeError is an error of the library that a host function may hand on, once.
type nativeError struct {
	object owned
}

func newNativeError(object *C.pellucid_error_t) *nativeError {
	n := &nativeError{}
	n.object.set(unsafe.Pointer(object))
	runtime.SetFinalizer(n, func(n *nativeError) { C.pellucid_error_delete(n.take()) })
	return n
}

func (n *nativeError) take() *C.pellucid_error_t {
	if n == nil {
		return nil
	}
	return (*C.pellucid_error_t)(n.object.take())
}

func goString(s C.pellucid_str_t) string { return C.GoStringN(s.data, C.int(s.size)) }

// text gives C a string for the duration of a call.
func text(s string) (*C.char, C.size_t) {
	return (*C.char)(unsafe.Pointer(unsafe.StringData(s))), C.size_t(len(s))
}

func backtrace(object *C.pellucid_error_t) Backtrace {
	frames := make(Backtrace, C.pellucid_error_frame_count(object))
	for i := range frames {
		var frame C.pellucid_backtrace_frame_t
		frame.struct_size = C.uint32_t(unsafe.Sizeof(frame))
		if C.pellucid_error_frame(object, C.size_t(i), &frame) == C.PELLUCID_OK {
			frames[i] = BacktraceFrame{Module: goString(frame.module_name), Func: goString(frame.func_name),
				FuncIndex: uint32(frame.func_index), PC: uint32(frame.pc), FuncOffset: uint32(frame.func_offset)}
		}
	}
	return frames
}

// check makes a Go error of a status and of the object beside it, which it takes. Both may be missing.
func check(status C.pellucid_status_t, object **C.pellucid_error_t) error {
	if status == C.PELLUCID_OK {
		return nil
	}
	if object == nil || *object == nil {
		return &Error{Status: Status(status), Message: strings.TrimPrefix(Status(status).Error(), "pellucid: ")}
	}
	return fromNative(*object, nil, nil)
}

// fromNative makes a Go error of the library's, which it takes. cause is what a host function returned, and store where
// exceptions live.
func fromNative(object *C.pellucid_error_t, store *Store, cause error) error {
	var message C.pellucid_str_t
	C.pellucid_error_message(object, &message)
	result, status := goString(message), Status(C.pellucid_error_status(object))
	switch status {
	case StatusTrap:
		trap := &Trap{Code: TrapCode(C.pellucid_error_trap(object)), Message: result, Frames: backtrace(object), Cause: cause}
		var fault Fault
		if C.pellucid_error_fault(object, (*C.uint64_t)(&fault.Memory), (*C.uint64_t)(&fault.Address)) == C.PELLUCID_OK {
			trap.Fault = &fault
		}
		trap.native = newNativeError(object)
		return trap
	case StatusExit:
		exit := &Exit{Cause: cause}
		C.pellucid_error_exit_code(object, (*C.uint32_t)(&exit.Code))
		exit.native = newNativeError(object)
		return exit
	case StatusException:
		var n C.size_t
		exception := &Exception{Message: result, Frames: backtrace(object)}
		exception.Tag.store = store
		C.pellucid_error_exception(object, (*C.pellucid_tag_t)(exception.Tag.c()), nil, 0, &n)
		if n > 0 {
			exception.Values = make([]Value, n)
			C.pellucid_error_exception(object, nil, valuePointer(exception.Values), n, nil)
		}
		exception.native = newNativeError(object)
		return exception
	}
	defer C.pellucid_error_delete(object)
	if status == StatusHost && cause != nil {
		return &HostError{Err: cause, Frames: backtrace(object)}
	}
	return &Error{Status: status, Message: result}
}

// toNative makes an error of the library that a host function hands on. The object may be nil, if there is no memory for it.
func (s *Store) toNative(err error) (C.pellucid_status_t, *C.pellucid_error_t) {
	var object *C.pellucid_error_t
	var exception *Exception
	var trap *Trap
	var exit *Exit
	switch {
	case errors.As(err, &exception):
		if object = exception.native.take(); object != nil {
			return C.PELLUCID_ERR_EXCEPTION, object
		}
		status := C.pellucid_exception_new(s.c(), (*C.pellucid_tag_t)(exception.Tag.c()), valuePointer(exception.Values),
			C.size_t(len(exception.Values)), &object)
		if status == C.PELLUCID_OK {
			return C.PELLUCID_ERR_EXCEPTION, object
		}
		err = fmt.Errorf("an exception can't be thrown here: %w", Status(status))
	case errors.As(err, &exit):
		object = exit.native.take()
	case errors.As(err, &trap):
		object = trap.native.take()
	}
	if object != nil {
		return C.PELLUCID_ERR_HOST, object
	}
	message := strings.ToValidUTF8(err.Error(), "\uFFFD")
	data, size := text(message)
	C.pellucid_error_new(data, size, &object)
	return C.PELLUCID_ERR_HOST, object
}

// contextError is the cause of a trap that a context asked for: its error and, if that is another, its cause.
type contextError struct{ err, cause error }

func (c *contextError) Error() string   { return c.cause.Error() }
func (c *contextError) Unwrap() []error { return []error{c.err, c.cause} }

func causeOf(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == cause {
		return err
	}
	return &contextError{err, cause}
}
