//go:build cgo

package pellucid

// #include "bridge.h"
import "C"

import (
	"context"
	"io"
	"runtime"
	"unsafe"
)

// EventKind is what happened, or in a mask several of that, or-ed together.
type EventKind uint32

// What happens to guests. EventAll is every kind that stops a guest or ends its call for a reason.
const (
	EventHostError         EventKind = C.PELLUCID_EVENT_HOST_ERROR
	EventException         EventKind = C.PELLUCID_EVENT_EXCEPTION
	EventUncaughtException EventKind = C.PELLUCID_EVENT_UNCAUGHT_EXCEPTION
	EventTrap              EventKind = C.PELLUCID_EVENT_TRAP
	EventBreakpoint        EventKind = C.PELLUCID_EVENT_BREAKPOINT
	EventStep              EventKind = C.PELLUCID_EVENT_STEP
	EventEpoch             EventKind = C.PELLUCID_EVENT_EPOCH
	EventInterrupt         EventKind = C.PELLUCID_EVENT_INTERRUPT
	EventWatchpoint        EventKind = C.PELLUCID_EVENT_WATCHPOINT
	EventFunctionEntry     EventKind = C.PELLUCID_EVENT_FUNCTION_ENTRY
	EventFunctionExit      EventKind = C.PELLUCID_EVENT_FUNCTION_EXIT
	EventMemoryGrown       EventKind = C.PELLUCID_EVENT_MEMORY_GROWN
	EventModuleLoaded      EventKind = C.PELLUCID_EVENT_MODULE_LOADED
	EventInstanceCreated   EventKind = C.PELLUCID_EVENT_INSTANCE_CREATED
	EventFuel              EventKind = C.PELLUCID_EVENT_FUEL
	EventCallFinished      EventKind = C.PELLUCID_EVENT_CALL_FINISHED
	EventAll               EventKind = C.PELLUCID_EVENT_ALL
	// EventNested in a mask has the events of guests told that the handler itself calls.
	EventNested EventKind = C.PELLUCID_EVENT_NESTED
)

// Action is how a guest goes on after an event.
type Action uint32

// How a guest goes on. ActionPause needs a Call, see Event.CanPause.
const (
	ActionContinue Action = C.PELLUCID_ACTION_CONTINUE
	ActionStep     Action = C.PELLUCID_ACTION_STEP
	ActionPause    Action = C.PELLUCID_ACTION_PAUSE
	ActionTrap     Action = C.PELLUCID_ACTION_TRAP
	ActionStepOver Action = C.PELLUCID_ACTION_STEP_OVER
	ActionStepOut  Action = C.PELLUCID_ACTION_STEP_OUT
	ActionRunTo    Action = C.PELLUCID_ACTION_RUN_TO
)

// An Event is something that happened to a guest. A handler's is good until that returns, and a Call's until the call goes on.
type Event struct {
	store *Store
	c     *C.pellucid_event_t
	// The call whose event it is.
	owner *Call
}

// SetEventHandler has a function told of events of the store, of the kinds in a mask. Without a handler, or for an event
// outside of its mask, a Call pauses and other calls go on. With nil there is none any more.
//
// The handler may use the store in every way. What it panics with goes on in who called the guest, which ends by a trap.
func (s *Store) SetEventHandler(mask EventKind, handler func(*Event) Action) error {
	return s.run(context.Background(), func(**C.pellucid_error_t) C.pellucid_status_t {
		if handler == nil {
			return C.pellucid_store_clear_event_handler(s.c())
		}
		return C.pellucid_status_t(C.plgo_set_event_handler(s.c(), C.uint32_t(mask), s.register(handler)))
	})
}

//export pellucidGoEvent
func pellucidGoEvent(key C.uint64_t, event C.uintptr_t) C.uint32_t {
	s, object := storeOf(key)
	e := &Event{store: s, c: *(**C.pellucid_event_t)(unsafe.Pointer(&event))}
	action := ActionTrap
	err := s.inside(func() error {
		action = object.(func(*Event) Action)(e)
		return nil
	})
	if err != nil {
		e.SetMessage(err.Error())
	}
	e.c = nil
	return C.uint32_t(action)
}

// Store is where it happened.
func (e *Event) Store() *Store { return e.store }

// Kind is what happened; 0 for an event that isn't good any more.
func (e *Event) Kind() EventKind { return EventKind(C.pellucid_event_kind(e.c)) }

// PC is the operator that is about to be executed, or that trapped.
func (e *Event) PC() uint32 { return uint32(C.pellucid_event_pc(e.c)) }

// CallID is the number of the call that it happened to.
func (e *Event) CallID() uint64 { return uint64(C.pellucid_event_call_id(e.c)) }

// CanPause tells whether the guest can pause at the event.
func (e *Event) CanPause() bool { return bool(C.pellucid_event_can_pause(e.c)) }

// Trap is why the guest trapped; 0 if it didn't.
func (e *Event) Trap() TrapCode { return TrapCode(C.pellucid_event_trap(e.c)) }

// Frame is the innermost frame of the call.
func (e *Event) Frame() (*Frame, error) {
	f := &Frame{store: e.store}
	if err := e.store.check(C.pellucid_event_frame(e.c, f.c()), nil); err != nil {
		return nil, err
	}
	return f, nil
}

// Frames are all frames of the call, the innermost first.
func (e *Event) Frames() ([]*Frame, error) {
	f, err := e.Frame()
	if err != nil {
		return nil, err
	}
	return f.andCallers()
}

// Breakpoints are the ids of the breakpoints that were hit, the oldest first.
func (e *Event) Breakpoints() []uint64 {
	var ids *C.uint64_t
	var n C.size_t
	if C.pellucid_event_breakpoints(e.c, &ids, &n) != C.PELLUCID_OK || n == 0 {
		return nil
	}
	return append([]uint64{}, unsafe.Slice((*uint64)(unsafe.Pointer(ids)), n)...)
}

// Err is the error that the call ends with; nil if it doesn't end by one.
func (e *Event) Err() error {
	var object *C.pellucid_error_t
	if C.pellucid_event_error(e.c, &object) != C.PELLUCID_OK {
		return nil
	}
	cause := e.store.failure
	if e.owner != nil {
		cause = e.owner.failure
	}
	return fromNative(object, e.store, cause)
}

// SetMessage sets the message of the trap if the handler answers ActionTrap.
func (e *Event) SetMessage(message string) error {
	data, size := text(message)
	return e.store.check(C.pellucid_event_set_message(e.c, data, size), nil)
}

// SetGoal says what a step counts from, and where to, if the handler answers ActionStepOver, ActionStepOut or ActionRunTo.
func (e *Event) SetGoal(frame *Frame, pc uint32) error {
	return e.store.check(C.pellucid_event_set_goal(e.c, frame.orNull(), C.uint32_t(pc)), nil)
}

// Module is the module that the store has got its first instance of, for EventModuleLoaded.
func (e *Event) Module() (*Module, error) {
	var module *C.pellucid_module_t
	if err := e.store.check(C.pellucid_event_module(e.c, &module), nil); err != nil {
		return nil, err
	}
	return newModule(e.store.engine, module), nil
}

// Instance is the instance that the store has got, for EventInstanceCreated.
func (e *Event) Instance() (*Instance, error) {
	i := &Instance{store: e.store}
	return i, e.store.check(C.pellucid_event_instance(e.c, i.c()), nil)
}

// Growth is which memory has grown, and its sizes in pages, for EventMemoryGrown.
func (e *Event) Growth() (m *Memory, before, after uint64, err error) {
	m = &Memory{store: e.store}
	err = e.store.check(C.pellucid_event_growth(e.c, m.c(), (*C.uint64_t)(&before), (*C.uint64_t)(&after)), nil)
	return m, before, after, err
}

// Results are what a call has returned, for EventCallFinished, or a function is about to return, for EventFunctionExit.
func (e *Event) Results() ([]Value, error) {
	var n C.size_t
	if err := e.store.check(C.pellucid_event_results(e.c, e.store.c(), nil, 0, &n), nil); err != nil {
		return nil, err
	}
	values := make([]Value, n)
	err := e.store.check(C.pellucid_event_results(e.c, e.store.c(), valuePointer(values), n, nil), nil)
	return values, err
}

// Exception is the exception that the event is about, caught or not.
func (e *Event) Exception() (*Exception, error) {
	x := &Exception{Tag: Tag{store: e.store}}
	var n C.size_t
	if err := e.store.check(C.pellucid_event_exception(e.c, x.Tag.c(), nil, 0, &n), nil); err != nil {
		return nil, err
	}
	x.Values = make([]Value, n)
	err := e.store.check(C.pellucid_event_exception(e.c, nil, valuePointer(x.Values), n, nil), nil)
	return x, err
}

// WatchHit is what happened at a watchpoint.
type WatchHit struct {
	ID     uint64
	Access WatchAccess
	// Address is the first byte that was accessed, or the element, local or field; Size is how many bytes.
	Address, Size uint64
	// PC is the operator that did it; 0 if the change was found.
	PC uint32
	// IsFound tells that the host or another thread has changed it.
	IsFound bool
	// OldBytes and NewBytes are those of a memory, OldValue and NewValue those of anything else.
	OldBytes, NewBytes []byte
	OldValue, NewValue Value
}

// Watched is what happened, for EventWatchpoint.
func (e *Event) Watched() ([]WatchHit, error) {
	hits := make([]WatchHit, C.pellucid_event_watch_count(e.c))
	for i := range hits {
		var c C.pellucid_watch_hit_t
		c.struct_size = C.uint32_t(unsafe.Sizeof(c))
		if err := e.store.check(C.pellucid_event_watch_hit(e.c, C.size_t(i), &c), nil); err != nil {
			return nil, err
		}
		hit := &hits[i]
		*hit = WatchHit{ID: uint64(c.id), Access: WatchAccess(c.access), Address: uint64(c.address), Size: uint64(c.size),
			PC: uint32(c.pc), IsFound: c.is_found != 0}
		old, now := make([]byte, hit.Size), make([]byte, hit.Size)
		status := C.pellucid_event_watch_bytes(e.c, C.size_t(i), bytePointer(old), bytePointer(now), C.size_t(hit.Size))
		if status == C.PELLUCID_ERR_TYPE_MISMATCH {
			status = C.pellucid_event_watch_values(e.c, C.size_t(i), e.store.c(), hit.OldValue.c(), hit.NewValue.c())
		} else {
			hit.OldBytes, hit.NewBytes = old, now
		}
		if err := e.store.check(status, nil); err != nil {
			return nil, err
		}
	}
	return hits, nil
}

// CoreDump writes the store as it stands now, for other tools: the stacks of its calls with locals and operands, memories,
// globals and instances, in the format of WebAssembly's tool conventions.
func (s *Store) CoreDump(w io.Writer, name string, withoutMemories bool) error {
	data, size := text(name)
	options := flag(withoutMemories)
	noted := &notingWriter{w: w}
	err := s.run(context.Background(), func(object **C.pellucid_error_t) C.pellucid_status_t {
		key := s.register(io.Writer(noted))
		defer s.unregister(key)
		return C.pellucid_status_t(C.plgo_core_dump(s.c(), data, size, options, key, object))
	})
	if err != nil && noted.err != nil {
		return &HostError{Err: noted.err}
	}
	return err
}

// A notingWriter notes what its writer has failed with.
type notingWriter struct {
	w   io.Writer
	err error
}

func (n *notingWriter) Write(bytes []byte) (int, error) {
	written, err := n.w.Write(bytes)
	n.err = err
	return written, err
}

// LogPoint is what a log point tells.
type LogPoint struct {
	ID    uint64
	Text  string
	Frame *Frame
}

// SetLogPointHandler has a function told the texts of the store's log points, see Edit.SetLogText; nil for none.
func (s *Store) SetLogPointHandler(handler func(LogPoint)) error {
	return s.run(context.Background(), func(**C.pellucid_error_t) C.pellucid_status_t {
		if handler == nil {
			return C.pellucid_store_set_log_point_handler(s.c(), nil, nil, nil)
		}
		return C.pellucid_status_t(C.plgo_set_log_point_handler(s.c(), s.register(handler)))
	})
}

//export pellucidGoLogPoint
func pellucidGoLogPoint(key C.uint64_t, frame unsafe.Pointer, id C.uint64_t, text unsafe.Pointer, size C.size_t) {
	s, object := storeOf(key)
	err := s.inside(func() error {
		object.(func(LogPoint))(LogPoint{uint64(id), C.GoStringN((*C.char)(text), C.int(size)), s.copyFrame(frame)})
		return nil
	})
	s.streamStatus(err)
}

func (s *Store) copyFrame(c unsafe.Pointer) *Frame {
	f := &Frame{store: s}
	*f.c() = *(*C.pellucid_frame_t)(c)
	return f
}

// WatchAccess is what is done to what is watched.
type WatchAccess uint32

// What is done; they are or-ed together.
const (
	WatchRead  WatchAccess = C.PELLUCID_WATCH_READ
	WatchWrite WatchAccess = C.PELLUCID_WATCH_WRITE
)

// An Edit is a list of intended changes to breakpoints and watchpoints, see Store.Edit.
type Edit struct {
	store *Store
	c     *C.pellucid_edit_t
}

// Edit changes breakpoints and watchpoints: all that the function intends, or nothing if it or the change fails. The Edit is
// good until the function returns. Breakpoints and watchpoints need an engine with Debug.
func (s *Store) Edit(intend func(*Edit) error) error {
	e := &Edit{store: s}
	if err := s.check(C.pellucid_edit_begin(s.c(), &e.c), nil); err != nil {
		return err
	}
	defer func() {
		// Conditions may be given up here.
		_ = s.run(context.Background(), func(**C.pellucid_error_t) C.pellucid_status_t {
			C.pellucid_edit_delete(e.c)
			e.c = nil
			return C.PELLUCID_OK
		})
	}()
	if err := intend(e); err != nil {
		return err
	}
	return s.run(context.Background(), func(object **C.pellucid_error_t) C.pellucid_status_t {
		return C.pellucid_edit_commit(e.c, object)
	})
}

func (e *Edit) check(status C.pellucid_status_t, object **C.pellucid_error_t) error {
	if status != C.PELLUCID_OK && e.c == nil {
		return ErrClosed
	}
	return e.store.check(status, object)
}

func (m *Module) orNull() *C.pellucid_module_t {
	if m == nil {
		return nil
	}
	return m.c()
}

// AddBreakpoint adds a breakpoint at the first operator at or after an offset in a module's bytes, and says which that is.
func (e *Edit) AddBreakpoint(m *Module, pc uint32) (id uint64, actualPC uint32, err error) {
	err = e.check(C.pellucid_edit_add(e.c, m.c(), C.uint32_t(pc), (*C.uint64_t)(&id), (*C.uint32_t)(&actualPC)), nil)
	runtime.KeepAlive(m)
	return id, actualPC, err
}

// AddAtFunc adds a breakpoint at the first operator of a function by its index.
func (e *Edit) AddAtFunc(m *Module, index uint32) (id uint64, err error) {
	err = e.check(C.pellucid_edit_add_at_function(e.c, m.c(), C.uint32_t(index), (*C.uint64_t)(&id), nil), nil)
	runtime.KeepAlive(m)
	return id, err
}

// AddAtFuncName adds a breakpoint at all functions of a name, in a module or, with nil, in every module of the store, also
// in those that come later.
func (e *Edit) AddAtFuncName(m *Module, name string) (id uint64, err error) {
	data, size := text(name)
	err = e.check(C.pellucid_edit_add_at_function_name(e.c, m.orNull(), data, size, (*C.uint64_t)(&id)), nil)
	runtime.KeepAlive(m)
	return id, err
}

// AddAtImportCalls adds a breakpoint at all calls of imported functions of a name, in a module or, with nil, in every module.
func (e *Edit) AddAtImportCalls(m *Module, module, name string) (id uint64, err error) {
	moduleData, moduleSize := text(module)
	data, size := text(name)
	err = e.check(C.pellucid_edit_add_at_import_name_calls(e.c, m.orNull(), moduleData, moduleSize, data, size,
		(*C.uint64_t)(&id)), nil)
	runtime.KeepAlive(m)
	return id, err
}

// AddAtTrap adds a breakpoint at traps of a code; 0 for any.
func (e *Edit) AddAtTrap(code TrapCode) (id uint64, err error) {
	err = e.check(C.pellucid_edit_add_at_trap(e.c, C.pellucid_trap_t(code), (*C.uint64_t)(&id)), nil)
	return id, err
}

// AddAtException adds a breakpoint at exceptions of a tag, nil for any, that are caught, or uncaught, or either.
func (e *Edit) AddAtException(tag *Tag, caught, uncaught bool) (id uint64, err error) {
	var c *C.pellucid_tag_t
	if tag != nil {
		c = tag.c()
	}
	which := flag(caught)*C.PELLUCID_THROW_CAUGHT | flag(uncaught)*C.PELLUCID_THROW_UNCAUGHT
	err = e.check(C.pellucid_edit_add_at_exception(e.c, c, which, (*C.uint64_t)(&id)), nil)
	return id, err
}

// Remove removes a breakpoint or watchpoint.
func (e *Edit) Remove(id uint64) error {
	return e.check(C.pellucid_edit_remove(e.c, C.uint64_t(id)), nil)
}

// Enable enables or disables a breakpoint or watchpoint.
func (e *Edit) Enable(id uint64, isEnabled bool) error {
	return e.check(C.pellucid_edit_enable(e.c, C.uint64_t(id), C.bool(isEnabled)), nil)
}

// BreakpointOptions say when a breakpoint or watchpoint that is reached raises an event; the zero value for always.
type BreakpointOptions struct {
	// Instance is the instance that the frame runs in; nil for any.
	Instance *Instance
	// FrameKey is the frame, see Frame.Key; 0 for any.
	FrameKey uint64
	// IgnoreCount is how many times all else holds without an event.
	IgnoreCount uint64
	// IsOneShot has it removed by its first event.
	IsOneShot bool
}

// SetOptions gives a breakpoint or watchpoint options.
func (e *Edit) SetOptions(id uint64, options BreakpointOptions) error {
	c := C.pellucid_breakpoint_options_t{frame_key: C.uint64_t(options.FrameKey), ignore_count: C.uint64_t(options.IgnoreCount),
		is_one_shot: flag(options.IsOneShot)}
	if options.Instance != nil {
		c.instance = *options.Instance.c()
	}
	return e.check(C.pellucid_edit_set_options(e.c, C.uint64_t(id), &c), nil)
}

// SetExpression gives a breakpoint or watchpoint an expression for a condition, such as "$n > 5 && i32[$p + 8] != 0": the
// library's header has the syntax. An empty one removes it.
func (e *Edit) SetExpression(id uint64, expression string) error {
	data, size := text(expression)
	var object *C.pellucid_error_t
	return e.check(C.pellucid_edit_set_expression(e.c, C.uint64_t(id), data, size, &object), &object)
}

// SetCondition gives a breakpoint or watchpoint a condition; nil removes it.
func (e *Edit) SetCondition(id uint64, condition func(frame *Frame, id uint64) bool) error {
	return e.store.run(context.Background(), func(**C.pellucid_error_t) C.pellucid_status_t {
		if condition == nil {
			return C.pellucid_edit_set_condition(e.c, C.uint64_t(id), nil, nil, nil)
		}
		return C.pellucid_status_t(C.plgo_edit_set_condition(e.c, C.uint64_t(id), e.store.register(condition)))
	})
}

//export pellucidGoCondition
func pellucidGoCondition(key C.uint64_t, frame unsafe.Pointer, id C.uint64_t) C.int32_t {
	s, object := storeOf(key)
	holds := false
	err := s.inside(func() error {
		holds = object.(func(*Frame, uint64) bool)(s.copyFrame(frame), uint64(id))
		return nil
	})
	s.streamStatus(err)
	return C.int32_t(flag(holds))
}

// SetLogText makes a breakpoint or watchpoint a log point: the guest goes on, and Store.SetLogPointHandler's function is
// told the text, in which expressions between braces stand for their values. An empty one makes it none.
func (e *Edit) SetLogText(id uint64, logText string) error {
	data, size := text(logText)
	var object *C.pellucid_error_t
	return e.check(C.pellucid_edit_set_log_text(e.c, C.uint64_t(id), data, size, &object), &object)
}

// SingleStep has each operator of each guest raise an event, or not any more.
func (e *Edit) SingleStep(isOn bool) error {
	return e.check(C.pellucid_edit_single_step(e.c, C.bool(isOn)), nil)
}

// Trace has entries and exits of functions told, EventFunctionEntry and EventFunctionExit, or not any more.
func (e *Edit) Trace(m *Module, firstFunc, count uint32, isOn bool) error {
	defer runtime.KeepAlive(m)
	return e.check(C.pellucid_edit_trace(e.c, m.c(), C.uint32_t(firstFunc), C.uint32_t(count), C.bool(isOn)), nil)
}

// WatchMemory adds a watchpoint of a part of a memory.
func (e *Edit) WatchMemory(m *Memory, address, size uint64, access WatchAccess) (id uint64, err error) {
	err = e.check(C.pellucid_edit_watch_memory(e.c, m.c(), C.uint64_t(address), C.uint64_t(size), C.uint32_t(access),
		(*C.uint64_t)(&id)), nil)
	return id, err
}

// WatchGlobal adds a watchpoint of a global.
func (e *Edit) WatchGlobal(g *Global, access WatchAccess) (id uint64, err error) {
	err = e.check(C.pellucid_edit_watch_global(e.c, g.c(), C.uint32_t(access), (*C.uint64_t)(&id)), nil)
	return id, err
}

// WatchElement adds a watchpoint of an element of a table.
func (e *Edit) WatchElement(t *Table, index uint64, access WatchAccess) (id uint64, err error) {
	err = e.check(C.pellucid_edit_watch_element(e.c, t.c(), C.uint64_t(index), C.uint32_t(access), (*C.uint64_t)(&id)), nil)
	return id, err
}

// WatchLocal adds a watchpoint of a local of a frame.
func (e *Edit) WatchLocal(f *Frame, local uint32, access WatchAccess) (id uint64, err error) {
	err = e.check(C.pellucid_edit_watch_local(e.c, f.c(), C.uint32_t(local), C.uint32_t(access), (*C.uint64_t)(&id)), nil)
	return id, err
}

// WatchField adds a watchpoint of a field of a structure, or an element of an array.
func (e *Edit) WatchField(r AnyRef, index uint32, access WatchAccess) (id uint64, err error) {
	err = e.check(C.pellucid_edit_watch_field(e.c, r.c(), C.uint32_t(index), C.uint32_t(access), (*C.uint64_t)(&id)), nil)
	return id, err
}

// Breakpoint is a breakpoint as it is listed.
type Breakpoint struct {
	ID        uint64
	IsEnabled bool
	// ModuleID is the number of its module, see Module.ID; 0 if it is in no single one.
	ModuleID uint64
	// PC is the first operator that it is at, and Places how many there are.
	PC, Places uint32
	// Hits is how often a guest reached it, and Declined how many of these its options and conditions declined.
	Hits, Declined uint64
}

// Breakpoints lists the store's breakpoints, the oldest first.
func (s *Store) Breakpoints() ([]Breakpoint, error) {
	var n C.size_t
	if err := s.check(C.pellucid_breakpoint_list(s.c(), nil, 0, &n), nil); err != nil {
		return nil, err
	}
	ids := make([]C.uint64_t, n)
	if err := s.check(C.pellucid_breakpoint_list(s.c(), unsafe.SliceData(ids), n, &n), nil); err != nil {
		return nil, err
	}
	list := make([]Breakpoint, n)
	for i := range list {
		var c C.pellucid_breakpoint_info_t
		c.struct_size = C.uint32_t(unsafe.Sizeof(c))
		if err := s.check(C.pellucid_breakpoint_info(s.c(), ids[i], &c), nil); err != nil {
			return nil, err
		}
		list[i] = Breakpoint{uint64(c.id), c.is_enabled != 0, uint64(c.module_id), uint32(c.actual_pc), uint32(c.n_places),
			uint64(c.hits), uint64(c.declined)}
	}
	return list, nil
}

// Watchpoint is a watchpoint as it is listed.
type Watchpoint struct {
	ID        uint64
	IsEnabled bool
	Access    WatchAccess
	// Address is the first byte, the element, the local or the field, and Size how many bytes.
	Address, Size  uint64
	Hits, Declined uint64
	// IsOver tells that what it watches is gone.
	IsOver bool
}

// Watchpoints lists the store's watchpoints, the oldest first.
func (s *Store) Watchpoints() ([]Watchpoint, error) {
	var n C.size_t
	if err := s.check(C.pellucid_watchpoint_list(s.c(), nil, 0, &n), nil); err != nil {
		return nil, err
	}
	ids := make([]C.uint64_t, n)
	if err := s.check(C.pellucid_watchpoint_list(s.c(), unsafe.SliceData(ids), n, &n), nil); err != nil {
		return nil, err
	}
	list := make([]Watchpoint, n)
	for i := range list {
		var c C.pellucid_watchpoint_info_t
		c.struct_size = C.uint32_t(unsafe.Sizeof(c))
		if err := s.check(C.pellucid_watchpoint_info(s.c(), ids[i], &c), nil); err != nil {
			return nil, err
		}
		list[i] = Watchpoint{uint64(c.id), c.is_enabled != 0, WatchAccess(c.access), uint64(c.address), uint64(c.size),
			uint64(c.hits), uint64(c.declined), c.is_over != 0}
	}
	return list, nil
}
