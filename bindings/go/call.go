//go:build cgo

package pellucid

// #include "bridge.h"
import "C"

import (
	"context"
	"runtime"
	"unsafe"
)

// CallState is where a Call stands.
type CallState uint32

// Where a Call stands.
const (
	CallReady   CallState = C.PELLUCID_CALL_READY
	CallRunning CallState = C.PELLUCID_CALL_RUNNING
	// CallPaused is at an event; it can be resumed.
	CallPaused   CallState = C.PELLUCID_CALL_PAUSED
	CallFinished CallState = C.PELLUCID_CALL_FINISHED
	// CallTrapped has an error, and its frames can be looked at.
	CallTrapped CallState = C.PELLUCID_CALL_TRAPPED
	CallExited  CallState = C.PELLUCID_CALL_EXITED
	// CallYielded waits for the results of a host function, see Caller.Yield.
	CallYielded CallState = C.PELLUCID_CALL_YIELDED
)

func (s CallState) String() string {
	names := []string{"closed", "ready", "running", "paused", "finished", "trapped", "exited", "yielded"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// Resume is how a Call goes on.
type Resume uint32

// How a Call goes on.
const (
	// Continue is until the next event, or the end.
	Continue Resume = C.PELLUCID_RESUME_CONTINUE
	// Step is by one operator.
	Step Resume = C.PELLUCID_RESUME_STEP
	// StepOver is to the next operator of the frame.
	StepOver Resume = C.PELLUCID_RESUME_STEP_OVER
	// StepOut is to where the frame's caller goes on.
	StepOut Resume = C.PELLUCID_RESUME_STEP_OUT
	// RunTo is to the operator that Call.SetGoal has said.
	RunTo Resume = C.PELLUCID_RESUME_RUN_TO
)

// A Call is a call that can pause and yield: it is driven by Resume. Pauses need an engine with Debug, but for those that an
// Interrupt or fuel asks for.
//
// Close gives a call up that hasn't ended. One that nobody closes is closed when it is collected and its store is used next.
type Call struct {
	store *Store
	h     *callHandle
	// What a host function has returned that has ended, or will end, the call.
	failure error
	event   *Event
	results int
}

type callHandle struct {
	store   *storeHandle
	pointer *C.pellucid_call_t
}

// Begin begins a call. Nothing runs yet.
func (f *Func) Begin(args ...any) (*Call, error) {
	kind, err := f.Type()
	if err != nil {
		return nil, err
	}
	values, err := convertAll(kind.Params, args)
	if err != nil {
		return nil, err
	}
	s := f.store
	h := &callHandle{store: s.h}
	var object *C.pellucid_error_t
	status := C.pellucid_call_begin(s.c(), f.c(), valuePointer(values), C.size_t(len(values)), &h.pointer, &object)
	if err := s.check(status, &object); err != nil {
		return nil, err
	}
	s.h.hasChildren = true
	runtime.SetFinalizer(h, func(h *callHandle) {
		if h.pointer != nil {
			leaked("call")
			h.store.leave(func() { C.pellucid_call_delete(h.pointer) })
		}
	})
	return &Call{store: s, h: h, results: len(kind.Results)}, nil
}

func (c *Call) c() *C.pellucid_call_t {
	collect()
	return c.h.pointer
}

func (c *Call) check(status C.pellucid_status_t, object **C.pellucid_error_t) error {
	if status != C.PELLUCID_OK && c.h.pointer == nil {
		return ErrClosed
	}
	return c.store.check(status, object)
}

// Close gives the call up. The error is StatusBusy if another goroutine is using its store.
func (c *Call) Close() error {
	if c.h.pointer == nil {
		return nil
	}
	if c.h.store.pointer == nil {
		// The store is closed: nobody uses it any more.
		C.pellucid_call_delete(c.h.pointer)
		c.h.pointer = nil
		return nil
	}
	c.endEvent()
	// What the call has may be given up here.
	return c.store.run(context.Background(), func(**C.pellucid_error_t) C.pellucid_status_t {
		C.pellucid_call_delete(c.h.pointer)
		c.h.pointer = nil
		return C.PELLUCID_OK
	})
}

func (c *Call) endEvent() {
	if c.event != nil {
		c.event.c = nil
		c.event = nil
	}
}

// Resume runs the call until it finishes, traps, exits, pauses or yields, and says where it stands then. How the call has
// ended is no error of Resume: see Err and Results. When ctx is done the call ends by a trap.
func (c *Call) Resume(ctx context.Context, how Resume) (CallState, error) {
	if c.h.pointer == nil {
		return 0, ErrClosed
	}
	c.endEvent()
	var state C.pellucid_call_state_t
	var v saved
	if err := c.store.enter(ctx, &v); err != nil {
		return c.State(), err
	}
	var object *C.pellucid_error_t
	c.store.failure = c.failure
	status := C.pellucid_call_resume(c.h.pointer, C.pellucid_resume_t(how), &state, &object)
	c.failure = c.store.failure
	if state == C.PELLUCID_CALL_TRAPPED && c.failure == nil && ctx.Err() != nil &&
		c.trapCode() == TrapInterrupted {
		c.failure = causeOf(ctx)
	}
	err := c.store.leave(&v, status, object)
	runtime.KeepAlive(c)
	return CallState(state), err
}

func (c *Call) trapCode() TrapCode {
	var object *C.pellucid_error_t
	if C.pellucid_call_error(c.h.pointer, &object) != C.PELLUCID_OK {
		return 0
	}
	defer C.pellucid_error_delete(object)
	return TrapCode(C.pellucid_error_trap(object))
}

// State is where the call stands; 0 if it is closed.
func (c *Call) State() CallState {
	defer runtime.KeepAlive(c)
	return CallState(C.pellucid_call_state(c.c()))
}

// ID is the number by which frames and events name the call.
func (c *Call) ID() uint64 {
	defer runtime.KeepAlive(c)
	return uint64(C.pellucid_call_id(c.c()))
}

// Results are the results of a call that has finished.
func (c *Call) Results() ([]Value, error) {
	values := make([]Value, c.results)
	err := c.check(C.pellucid_call_results(c.c(), valuePointer(values), C.size_t(len(values))), nil)
	if err != nil {
		return nil, err
	}
	return values, nil
}

// Err is what the call has ended with: a *Trap, *Exit, *Exception or *HostError; nil if it hasn't ended so.
func (c *Call) Err() error {
	var object *C.pellucid_error_t
	status := C.pellucid_call_error(c.c(), &object)
	runtime.KeepAlive(c)
	switch {
	case status == C.PELLUCID_OK:
		return fromNative(object, c.store, c.failure)
	case status == C.PELLUCID_ERR_NOT_FOUND:
		return nil
	}
	return c.check(status, nil)
}

// Trap ends the call with the trap TrapRequested.
func (c *Call) Trap(message string) error {
	data, size := text(message)
	var object *C.pellucid_error_t
	return c.check(C.pellucid_call_trap(c.c(), data, size, &object), &object)
}

// SetGoal says what the next resumption counts from, and where to, if it is by StepOver, StepOut or RunTo: frame may be nil
// for the innermost one, and pc is for RunTo.
func (c *Call) SetGoal(frame *Frame, pc uint32) error {
	return c.check(C.pellucid_call_set_goal(c.c(), frame.orNull(), C.uint32_t(pc)), nil)
}

// Event is what the call has paused at, or trapped by; nil if neither. It is good until the call goes on.
func (c *Call) Event() *Event {
	if c.event != nil {
		return c.event
	}
	var event *C.pellucid_event_t
	if C.pellucid_call_event(c.c(), &event) != C.PELLUCID_OK {
		return nil
	}
	c.event = &Event{store: c.store, c: event, owner: c}
	return c.event
}

// Frame is the innermost frame of a call that is paused or trapped, or has yielded.
func (c *Call) Frame() (*Frame, error) {
	f := &Frame{store: c.store}
	err := c.check(C.pellucid_call_frame(c.c(), f.c()), nil)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Frames are all frames of the call, the innermost first.
func (c *Call) Frames() ([]*Frame, error) {
	f, err := c.Frame()
	if err != nil {
		return nil, err
	}
	return f.andCallers()
}

// Awaited is the token of the host function that a call waits for, see Caller.Yield.
func (c *Call) Awaited() (token uint64, err error) {
	err = c.check(C.pellucid_call_awaited(c.c(), nil, (*C.uint64_t)(&token)), nil)
	return token, err
}

// Give hands over the results of the host function that the call waits for. Nothing runs before Resume.
func (c *Call) Give(results ...any) error {
	var f Func
	f.store = c.store
	if err := c.check(C.pellucid_call_awaited(c.c(), f.c(), nil), nil); err != nil {
		return err
	}
	kind, err := f.Type()
	if err != nil {
		return err
	}
	values, err := convertAll(kind.Results, results)
	if err != nil {
		return err
	}
	var object *C.pellucid_error_t
	return c.check(C.pellucid_call_give(c.c(), valuePointer(values), C.size_t(len(values)), &object), &object)
}

// GiveError has the host function that the call waits for fail with an error.
func (c *Call) GiveError(failure error) error {
	status, native := c.store.toNative(failure)
	if native == nil {
		return check(C.PELLUCID_ERR_SYSTEM, nil)
	}
	defer C.pellucid_error_delete(native)
	var object *C.pellucid_error_t
	if err := c.check(C.pellucid_call_give_error(c.c(), native, &object), &object); err != nil {
		return err
	}
	if status != C.PELLUCID_ERR_EXCEPTION {
		c.failure = failure
	}
	return nil
}

// FrameKind is why a frame stands still.
type FrameKind uint32

// Why a frame stands still.
const (
	FrameStopped FrameKind = C.PELLUCID_FRAME_STOPPED
	FrameTrapped FrameKind = C.PELLUCID_FRAME_TRAPPED
	FrameCalling FrameKind = C.PELLUCID_FRAME_CALLING
)

// A Frame is a frame of a guest that stands still. It is good until its call goes on: then it is refused with
// StatusStaleHandle. Frames need an engine with Debug.
type Frame struct {
	store *Store
	h     struct {
		store, call, epoch uint64
		position, reserved uint32
	}
}

func (f *Frame) c() *C.pellucid_frame_t { return (*C.pellucid_frame_t)(unsafe.Pointer(&f.h)) }

func (f *Frame) orNull() *C.pellucid_frame_t {
	if f == nil {
		return nil
	}
	return f.c()
}

// FrameInfo is where and what a frame is.
type FrameInfo struct {
	Kind     FrameKind
	Instance *Instance
	ModuleID uint64
	// FuncIndex is the function's index in its module, imports counted first.
	FuncIndex uint32
	// PC is the operator, as an offset in the module's bytes; FuncOffset counts from the start of the function's body.
	PC, FuncOffset   uint32
	Locals, Operands uint32
}

// Newest is the innermost frame of the store's running guests: in a host function, an event handler or a condition.
func (s *Store) Newest() (*Frame, error) {
	f := &Frame{store: s}
	if err := s.check(C.pellucid_frame_newest(s.c(), f.c()), nil); err != nil {
		return nil, err
	}
	return f, nil
}

// Caller is the next older frame; nil after the oldest.
func (f *Frame) Caller() (*Frame, error) {
	outer := &Frame{store: f.store}
	status := C.pellucid_frame_caller(f.store.c(), f.c(), outer.c())
	if status == C.PELLUCID_ERR_NOT_FOUND {
		return nil, nil
	}
	if err := f.store.check(status, nil); err != nil {
		return nil, err
	}
	return outer, nil
}

func (f *Frame) andCallers() ([]*Frame, error) {
	var frames []*Frame
	for f != nil {
		frames = append(frames, f)
		outer, err := f.Caller()
		if err != nil {
			return nil, err
		}
		f = outer
	}
	return frames, nil
}

// IsValid tells whether the frame can be looked at now.
func (f *Frame) IsValid() bool {
	defer runtime.KeepAlive(f)
	return bool(C.pellucid_frame_is_valid(f.store.c(), f.c()))
}

// Info is where and what the frame is.
func (f *Frame) Info() (FrameInfo, error) {
	var c C.pellucid_frame_info_t
	c.struct_size = C.uint32_t(unsafe.Sizeof(c))
	if err := f.store.check(C.pellucid_frame_info(f.store.c(), f.c(), &c), nil); err != nil {
		return FrameInfo{}, err
	}
	return FrameInfo{Kind: FrameKind(c.kind), Instance: &Instance{f.store, handle{uint64(c.instance.store), uint64(c.instance.index)}},
		ModuleID: uint64(c.module_id), FuncIndex: uint32(c.func_index), PC: uint32(c.pc), FuncOffset: uint32(c.func_offset),
		Locals: uint32(c.n_locals), Operands: uint32(c.n_operands)}, nil
}

// Key is a number that stays the same while the frame lives, across steps.
func (f *Frame) Key() (key uint64, err error) {
	err = f.store.check(C.pellucid_frame_key(f.store.c(), f.c(), (*C.uint64_t)(&key)), nil)
	return key, err
}

// Module is the module whose code the frame runs.
func (f *Frame) Module() (*Module, error) {
	var module *C.pellucid_module_t
	if err := f.store.check(C.pellucid_frame_module(f.store.c(), f.c(), &module), nil); err != nil {
		return nil, err
	}
	return newModule(f.store.engine, module), nil
}

// FuncName is the name of the frame's function; empty if it has none.
func (f *Frame) FuncName() string {
	var name C.pellucid_str_t
	defer runtime.KeepAlive(f)
	if C.pellucid_frame_func_name(f.store.c(), f.c(), &name) != C.PELLUCID_OK {
		return ""
	}
	return goString(name)
}

// LocalName is the name of a local; empty if it has none.
func (f *Frame) LocalName(index uint32) string {
	var name C.pellucid_str_t
	defer runtime.KeepAlive(f)
	if C.pellucid_frame_local_name(f.store.c(), f.c(), C.uint32_t(index), &name) != C.PELLUCID_OK {
		return ""
	}
	return goString(name)
}

// Locals are the frame's locals, parameters first. Those that aren't known at its place are of KindUnavailable.
func (f *Frame) Locals() ([]Value, error) {
	info, err := f.Info()
	if err != nil {
		return nil, err
	}
	values := make([]Value, info.Locals)
	var n C.uint32_t
	err = f.store.check(C.pellucid_frame_read_locals(f.store.c(), f.c(), 0, valuePointer(values), C.size_t(len(values)), &n), nil)
	return values[:n], err
}

// Operands are the frame's operands, the bottom of the stack first.
func (f *Frame) Operands() ([]Value, error) {
	info, err := f.Info()
	if err != nil {
		return nil, err
	}
	values := make([]Value, info.Operands)
	var n C.uint32_t
	err = f.store.check(C.pellucid_frame_read_operands(f.store.c(), f.c(), 0, valuePointer(values), C.size_t(len(values)), &n), nil)
	return values[:n], err
}

// Evaluate is what an expression is in the frame, as Edit.SetExpression has them.
func (f *Frame) Evaluate(expression string) (v Value, err error) {
	data, size := text(expression)
	var object *C.pellucid_error_t
	err = f.store.check(C.pellucid_frame_evaluate(f.store.c(), f.c(), data, size, v.c(), &object), &object)
	return v, err
}

// WriteLocal writes a local; the guest goes on with it.
func (f *Frame) WriteLocal(index uint32, v any) error {
	return f.write(index, v, f.Locals, func(value *Value, object **C.pellucid_error_t) C.pellucid_status_t {
		return C.pellucid_frame_write_local(f.store.c(), f.c(), C.uint32_t(index), value.c(), object)
	})
}

// WriteOperand writes an operand; 0 is the bottom of the stack.
func (f *Frame) WriteOperand(index uint32, v any) error {
	return f.write(index, v, f.Operands, func(value *Value, object **C.pellucid_error_t) C.pellucid_status_t {
		return C.pellucid_frame_write_operand(f.store.c(), f.c(), C.uint32_t(index), value.c(), object)
	})
}

func (f *Frame) write(index uint32, v any, read func() ([]Value, error),
	write func(*Value, **C.pellucid_error_t) C.pellucid_status_t) error {
	value, ok := v.(Value)
	if !ok {
		values, err := read()
		if err != nil {
			return err
		}
		if uint64(index) >= uint64(len(values)) {
			return check(C.PELLUCID_ERR_OUT_OF_RANGE, nil)
		}
		if value, err = Convert(values[index].kind, v); err != nil {
			return err
		}
	}
	var object *C.pellucid_error_t
	return f.store.check(write(&value, &object), &object)
}

// Return has the frame return early with these results. All frames of the call are stale then; the frame that stands there
// is what it gives. So it is with the following ones.
func (f *Frame) Return(results ...any) (*Frame, error) {
	module, err := f.Module()
	if err != nil {
		return nil, err
	}
	defer module.Close()
	info, err := f.Info()
	if err != nil {
		return nil, err
	}
	kind, err := module.FuncType(info.FuncIndex)
	if err != nil {
		return nil, err
	}
	values, err := convertAll(kind.Results, results)
	if err != nil {
		return nil, err
	}
	return f.move(func(out *Frame, object **C.pellucid_error_t) C.pellucid_status_t {
		return C.pellucid_frame_return(f.store.c(), f.c(), valuePointer(values), C.size_t(len(values)), out.c(), object)
	})
}

// Restart has the frame begin again.
func (f *Frame) Restart() (*Frame, error) {
	return f.move(func(out *Frame, object **C.pellucid_error_t) C.pellucid_status_t {
		return C.pellucid_frame_restart(f.store.c(), f.c(), out.c(), object)
	})
}

// Drop drops the frame: its caller stands before the call.
func (f *Frame) Drop() (*Frame, error) {
	return f.move(func(out *Frame, object **C.pellucid_error_t) C.pellucid_status_t {
		return C.pellucid_frame_drop(f.store.c(), f.c(), out.c(), object)
	})
}

// SetPC moves the frame to another operator of its function.
func (f *Frame) SetPC(pc uint32) (*Frame, error) {
	return f.move(func(out *Frame, object **C.pellucid_error_t) C.pellucid_status_t {
		return C.pellucid_frame_set_pc(f.store.c(), f.c(), C.uint32_t(pc), out.c(), object)
	})
}

func (f *Frame) move(do func(*Frame, **C.pellucid_error_t) C.pellucid_status_t) (*Frame, error) {
	out := &Frame{store: f.store}
	var object *C.pellucid_error_t
	if err := f.store.check(do(out, &object), &object); err != nil {
		return nil, err
	}
	return out, nil
}

// Throw has the innermost frame throw an exception at its operator, when the call goes on.
func (f *Frame) Throw(e *Exception) error {
	var object *C.pellucid_error_t
	return f.store.check(C.pellucid_frame_throw(f.store.c(), f.c(), e.Tag.c(), valuePointer(e.Values), C.size_t(len(e.Values)),
		&object), &object)
}
