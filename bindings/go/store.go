//go:build cgo

package pellucid

// #include "bridge.h"
import "C"

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A Store is where instances, memories, tables, globals and functions live, and where guests run.
//
// One goroutine at a time uses a store and what is in it, its calls and edits too; between uses they may move to others. In
// a host function or event handler that is the goroutine that runs it. What others try meanwhile is refused with StatusBusy.
//
// Close gives back what it takes. A store that nobody can reach any more and that wasn't closed is closed when it is
// collected, also if host functions refer to it; with the build tag pellucid_debug a line on standard error says so.
type Store struct {
	engine *Engine
	h      *storeHandle
	slot   *slot
	// What the library knows by a number: host functions, values of references, callbacks.
	objects []any
	free    []uint32
	hosts   map[*hostDef]handle
	// The part of the state that calls save and restore.
	ctx     context.Context
	done    <-chan struct{}
	failure error
	hosting bool
	// What a host function has panicked with, on its way to who called the guest.
	panicked *hostPanic
	stack    []byte
	// What a stream of WASI's has failed with in the present outermost call.
	streamFailure error
	// Why a nested call was interrupted, which ends those that it is nested in as well.
	interrupted error
	callers     []*Caller
	depth       int
	scratch     scratch
}

type hostPanic struct {
	value any
	stack []byte
}

// A storeHandle owns what the library has of a store. It refers to nothing that could refer to it, so that it is collected
// whatever host functions refer to.
type storeHandle struct {
	pointer *C.pellucid_store_t
	irq     *C.pellucid_interrupt_t
	// What watches the context of the last call, which is often that of the next.
	watch  *watch
	chunks []unsafe.Pointer
	// Whether there were calls or edits, which may be collected after the store was closed.
	hasChildren bool
	// Calls and edits that were collected: deleting them is a use of the store, which another goroutine may be using.
	mu      sync.Mutex
	orphans []func()
	waiting atomic.Bool
}

func (h *storeHandle) close() {
	h.bury()
	C.pellucid_store_delete(h.pointer)
	h.pointer = nil
}

func (h *storeHandle) finalize() {
	if h.pointer != nil {
		leaked("store")
		h.close()
	}
	h.bury()
	h.free()
}

// free gives back what a call that is being made needs, also if its store is closed.
func (h *storeHandle) free() {
	if h.watch != nil {
		h.watch.end()
		h.watch = nil
	}
	C.pellucid_interrupt_delete(h.irq)
	h.irq = nil
	for _, chunk := range h.chunks {
		C.free(chunk)
	}
	h.chunks = nil
}

func (h *storeHandle) leave(orphan func()) {
	h.mu.Lock()
	h.orphans = append(h.orphans, orphan)
	h.mu.Unlock()
	h.waiting.Store(true)
}

func (h *storeHandle) bury() {
	if !h.waiting.Load() {
		return
	}
	h.mu.Lock()
	orphans := h.orphans
	h.orphans = nil
	h.waiting.Store(false)
	h.mu.Unlock()
	for _, orphan := range orphans {
		orphan()
	}
}

// A slot is the number by which callbacks find their store. It names the store only while the store is in use, so that the
// garbage collector finds the others.
type slot struct {
	number uint32
	// 1 while the store is in use; then user is set.
	busy atomic.Uint32
	user *Store
}

const slotsPerPage = 1024

var slotTable struct {
	mu    sync.Mutex
	next  uint32
	free  []uint32
	pages [4096]atomic.Pointer[[slotsPerPage]atomic.Pointer[slot]]
}

func newSlot() (*slot, error) {
	slotTable.mu.Lock()
	defer slotTable.mu.Unlock()
	s := &slot{}
	if n := len(slotTable.free); n > 0 {
		s.number, slotTable.free = slotTable.free[n-1], slotTable.free[:n-1]
	} else {
		if slotTable.next == slotsPerPage*uint32(len(slotTable.pages)) {
			return nil, &Error{StatusLimit, "there are too many stores"}
		}
		s.number = slotTable.next
		slotTable.next++
	}
	page := &slotTable.pages[s.number/slotsPerPage]
	if page.Load() == nil {
		page.Store(new([slotsPerPage]atomic.Pointer[slot]))
	}
	page.Load()[s.number%slotsPerPage].Store(s)
	return s, nil
}

//export pellucidGoFreeSlot
func pellucidGoFreeSlot(number C.uint64_t) {
	slotTable.mu.Lock()
	defer slotTable.mu.Unlock()
	slotTable.free = append(slotTable.free, uint32(number))
}

// storeOf gives the store that is in use and its object; the store is nil if it isn't in use.
func storeOf(key C.uint64_t) (*Store, any) {
	number := uint32(key >> 32)
	slot := slotTable.pages[number/slotsPerPage].Load()[number%slotsPerPage].Load()
	if slot.busy.Load() == 0 {
		return nil, nil
	}
	return slot.user, slot.user.objects[uint32(key)]
}

func (s *Store) register(object any) C.uint64_t {
	var index uint32
	if n := len(s.free); n > 0 {
		index, s.free = s.free[n-1], s.free[:n-1]
		s.objects[index] = object
	} else {
		index = uint32(len(s.objects))
		s.objects = append(s.objects, object)
	}
	return C.uint64_t(s.slot.number)<<32 | C.uint64_t(index)
}

//export pellucidGoDrop
func pellucidGoDrop(key C.uint64_t) {
	// Without a user the whole store goes.
	if s, _ := storeOf(key); s != nil {
		s.unregister(key)
	}
}

func (s *Store) unregister(key C.uint64_t) {
	s.objects[uint32(key)] = nil
	s.free = append(s.free, uint32(key))
}

// NewStore makes an empty store.
func (e *Engine) NewStore() (*Store, error) {
	slot, err := newSlot()
	if err != nil {
		return nil, err
	}
	s := &Store{engine: e, h: &storeHandle{}, slot: slot}
	var object *C.pellucid_error_t
	status := C.plgo_store_new(e.c(), C.uint64_t(slot.number), &s.h.pointer, &object)
	runtime.KeepAlive(e)
	if err := e.check(status, &object); err != nil {
		return nil, err
	}
	s.scratch.h = s.h
	runtime.SetFinalizer(s.h, (*storeHandle).finalize)
	return s, nil
}

// Close deletes the store with all that lives in it. A host function or event handler may close its own store: that stays
// usable for the guest until the outermost call returns. Views of memories must not be used any more. The error is
// StatusBusy if another goroutine is using the store, which isn't closed then.
func (s *Store) Close() error {
	isFree := s.slot.busy.CompareAndSwap(0, 1)
	if !isFree && !s.hosting {
		return errBusy
	}
	if isFree {
		s.slot.user = s
	}
	if s.h.pointer != nil {
		s.h.close()
	}
	if isFree {
		s.slot.user = nil
		s.h.free()
		s.scratch.mark = mark{}
		if !s.h.hasChildren {
			runtime.SetFinalizer(s.h, nil)
		}
		s.slot.busy.Store(0)
	}
	runtime.KeepAlive(s)
	return nil
}

// Engine is what the store was made with.
func (s *Store) Engine() *Engine { return s.engine }

func (s *Store) c() *C.pellucid_store_t {
	collect()
	return s.h.pointer
}

// check makes an error of what a function of the library answered that can't run guests.
func (s *Store) check(status C.pellucid_status_t, object **C.pellucid_error_t) error {
	runtime.KeepAlive(s)
	if status == C.PELLUCID_OK {
		return nil
	}
	if s.h.pointer == nil {
		if object != nil {
			C.pellucid_error_delete(*object)
		}
		return ErrClosed
	}
	if object != nil && *object != nil {
		return fromNative(*object, s, nil)
	}
	return check(status, nil)
}

// saved is what a use of a store puts aside for whoever uses it around that. All but watch and isOuter are only there in
// nested uses.
type saved struct {
	watch   *watch
	isOuter bool
	hosting bool
	ctx     context.Context
	done    <-chan struct{}
	failure error
}

var errBusy = &Error{StatusBusy, "another goroutine is using the store"}

// enter begins a use of the store in which guests and callbacks may run.
func (s *Store) enter(ctx context.Context, v *saved) error {
	collect()
	done := ctx.Done()
	if s.slot.busy.CompareAndSwap(0, 1) {
		if s.h.pointer == nil {
			s.slot.busy.Store(0)
			return ErrClosed
		}
		v.isOuter = true
		s.slot.user = s
		if s.h.waiting.Load() {
			s.h.bury()
		}
	} else {
		if !s.hosting {
			return errBusy
		}
		if s.h.pointer == nil {
			return ErrClosed
		}
		v.ctx, v.done, v.failure, v.hosting = s.ctx, s.done, s.failure, true
		s.failure, s.hosting = nil, false
	}
	s.ctx, s.done = ctx, done
	// A context that an outer call has is watched already.
	if done != nil && done != v.done {
		if err := s.startWatch(v); err != nil {
			s.restore(v)
			return err
		}
	}
	return nil
}

func (s *Store) restore(v *saved) {
	s.ctx, s.done, s.failure, s.hosting = v.ctx, v.done, v.failure, v.hosting
	if v.isOuter {
		s.streamFailure, s.interrupted = nil, nil
		s.slot.user = nil
		s.slot.busy.Store(0)
	}
}

// A watch has a store's guests interrupted when a context is done, while a call that it is for is being made.
type watch struct {
	done  <-chan struct{}
	irq   *C.pellucid_interrupt_t
	state atomic.Uint32
	stop  func() bool
	// Closed when the context is done, and what had to be asked for was.
	over chan struct{}
}

const (
	watchIdle uint32 = iota
	watchActive
	watchDone
)

func newWatch(ctx context.Context, done <-chan struct{}, irq *C.pellucid_interrupt_t) *watch {
	w := &watch{done: done, irq: irq, over: make(chan struct{})}
	w.state.Store(watchActive)
	w.stop = context.AfterFunc(ctx, func() {
		if w.state.Swap(watchDone) == watchActive {
			C.pellucid_interrupt_request(w.irq, C.PELLUCID_INTERRUPT_TRAP)
		}
		close(w.over)
	})
	return w
}

// end has nothing be asked for any more.
func (w *watch) end() {
	if !w.stop() {
		<-w.over
	}
}

func (s *Store) startWatch(v *saved) error {
	if s.ctx.Err() != nil {
		return causeOf(s.ctx)
	}
	if w := s.h.watch; w != nil && w.done == s.done && w.state.CompareAndSwap(watchIdle, watchActive) {
		v.watch = w
		return nil
	}
	irq, err := s.interrupt()
	if err != nil {
		return fmt.Errorf("the context can't end the call: %w", err)
	}
	v.watch = newWatch(s.ctx, s.done, irq)
	return nil
}

func (s *Store) endWatch(v *saved) {
	w := v.watch
	if w.state.CompareAndSwap(watchActive, watchIdle) {
		if w == s.h.watch {
			return
		}
		if s.h.watch == nil || v.isOuter {
			if s.h.watch != nil {
				s.h.watch.end()
			}
			s.h.watch = w
			return
		}
		w.end()
		return
	}
	<-w.over
	// What was asked for too late isn't meant for the next call; what an outer call's context asks for still is.
	C.pellucid_interrupt_withdraw(w.irq)
	if v.ctx != nil && v.ctx.Err() != nil {
		C.pellucid_interrupt_request(w.irq, C.PELLUCID_INTERRUPT_TRAP)
	}
}

func (s *Store) interrupt() (*C.pellucid_interrupt_t, error) {
	if s.h.irq == nil {
		var object *C.pellucid_error_t
		if err := s.check(C.pellucid_store_interrupt(s.c(), &s.h.irq, &object), &object); err != nil {
			return nil, err
		}
	}
	return s.h.irq, nil
}

// leave ends a use. What has failed is told by status and object.
func (s *Store) leave(v *saved, status C.pellucid_status_t, object *C.pellucid_error_t) error {
	if v.watch != nil {
		s.endWatch(v)
	}
	if status == C.PELLUCID_OK && s.panicked == nil {
		s.restore(v)
		return nil
	}
	return s.leaveFailed(v, status, object)
}

func (s *Store) leaveFailed(v *saved, status C.pellucid_status_t, object *C.pellucid_error_t) error {
	var err error
	if status != C.PELLUCID_OK {
		err = s.explain(status, object)
	}
	s.restore(v)
	if p := s.panicked; p != nil {
		s.panicked = nil
		s.stack = p.stack
		panic(p.value)
	}
	return err
}

func (s *Store) explain(status C.pellucid_status_t, object *C.pellucid_error_t) error {
	if object == nil {
		return check(status, nil)
	}
	err := fromNative(object, s, s.failure)
	if exit, ok := err.(*Exit); ok && exit.Cause == nil {
		exit.Cause = s.streamFailure
	}
	if trap, ok := err.(*Trap); ok && trap.Code == TrapInterrupted {
		if trap.Cause == nil && s.ctx.Err() != nil {
			trap.Cause = causeOf(s.ctx)
		}
		if trap.Cause == nil {
			trap.Cause = s.interrupted
		}
		s.interrupted = trap.Cause
	}
	return err
}

// run has the library do something in which guests and callbacks may run.
func (s *Store) run(ctx context.Context, do func(object **C.pellucid_error_t) C.pellucid_status_t) error {
	var v saved
	if err := s.enter(ctx, &v); err != nil {
		return err
	}
	var object *C.pellucid_error_t
	status := do(&object)
	err := s.leave(&v, status, object)
	runtime.KeepAlive(s)
	return err
}

// inside runs Go code that a guest has called. What it panics with goes on in whoever called the guest.
func (s *Store) inside(do func() error) (err error) {
	s.hosting = true
	isDone := false
	defer func() {
		s.hosting = false
		if !isDone {
			err = s.stopped(recover())
		}
	}()
	collect()
	err = do()
	isDone = true
	return err
}

// stopped notes why Go code that a guest has called didn't return.
func (s *Store) stopped(value any) error {
	if value == nil {
		// runtime.Goexit can't be held up: it leaves the guest's frames behind.
		fmt.Fprintln(os.Stderr, "pellucid: a host function has ended its goroutine; its store can't be used any more")
		return errBusy
	}
	s.panicked = &hostPanic{value, debug.Stack()}
	return fmt.Errorf("panic in a host function: %v", value)
}

// PanicStack is the stack of the last host function that panicked, at its panic: the trace of a panic that goes on in the
// guest's caller doesn't show it.
func (s *Store) PanicStack() []byte { return s.stack }

// An Interrupt ends or pauses the guests of a store, from any goroutine, at any time.
type Interrupt struct{ h *interruptHandle }

type interruptHandle struct{ pointer *C.pellucid_interrupt_t }

// InterruptKind is what is asked for, or what happens when time or fuel is used up.
type InterruptKind uint32

// What can be asked for.
const (
	// InterruptTrap ends the call with a trap.
	InterruptTrap InterruptKind = C.PELLUCID_INTERRUPT_TRAP
	// InterruptPause lets a Call pause, and ends other calls.
	InterruptPause InterruptKind = C.PELLUCID_INTERRUPT_PAUSE
	// InterruptEvent tells the store's event handler.
	InterruptEvent InterruptKind = C.PELLUCID_INTERRUPT_EVENT
)

// Interrupt makes an object that interrupts the store's guests. To end calls a context is simpler.
func (s *Store) Interrupt() (*Interrupt, error) {
	h := &interruptHandle{}
	var object *C.pellucid_error_t
	if err := s.check(C.pellucid_store_interrupt(s.c(), &h.pointer, &object), &object); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(h, func(h *interruptHandle) { C.pellucid_interrupt_delete(h.pointer) })
	return &Interrupt{h}, nil
}

// Request asks for an interrupt. If no guest runs the next call is interrupted.
func (i *Interrupt) Request(kind InterruptKind) error {
	defer runtime.KeepAlive(i)
	return check(C.pellucid_interrupt_request(i.h.pointer, C.pellucid_interrupt_kind_t(kind)), nil)
}

// Withdraw takes back what was asked for and not done yet.
func (i *Interrupt) Withdraw() error {
	defer runtime.KeepAlive(i)
	return check(C.pellucid_interrupt_withdraw(i.h.pointer), nil)
}

// SetLimit sets how much of something the store may use.
func (s *Store) SetLimit(limit Limit, value uint64) error {
	return s.check(C.pellucid_store_set_limit(s.c(), C.pellucid_limit_t(limit), C.uint64_t(value)), nil)
}

// Limit is how much of something the store may use.
func (s *Store) Limit(limit Limit) (value uint64, err error) {
	err = s.check(C.pellucid_store_limit(s.c(), C.pellucid_limit_t(limit), (*C.uint64_t)(&value)), nil)
	return value, err
}

// SetFuel sets how much fuel guests have left. Stores of engines with Config.Fuel begin without any.
func (s *Store) SetFuel(fuel int64) error {
	return s.check(C.pellucid_store_set_fuel(s.c(), C.int64_t(fuel)), nil)
}

// AddFuel adds to the fuel that is left.
func (s *Store) AddFuel(more int64) error {
	return s.check(C.pellucid_store_add_fuel(s.c(), C.int64_t(more)), nil)
}

// Fuel is how much fuel is left; it is negative by what guests have taken beyond what there was.
func (s *Store) Fuel() (fuel int64, err error) {
	err = s.check(C.pellucid_store_fuel(s.c(), (*C.int64_t)(&fuel)), nil)
	return fuel, err
}

// SetFuelAction sets what a call does when fuel is used up: by default it ends with TrapOutOfFuel.
func (s *Store) SetFuelAction(action InterruptKind) error {
	return s.check(C.pellucid_store_set_fuel_action(s.c(), C.pellucid_interrupt_kind_t(action)), nil)
}

// SetEpochDeadline has guests left when the engine's epoch was counted up so often, see Engine.IncrementEpoch.
func (s *Store) SetEpochDeadline(ticks uint64, action InterruptKind) error {
	var object *C.pellucid_error_t
	return s.check(C.pellucid_store_set_epoch_deadline(s.c(), C.uint64_t(ticks), C.pellucid_interrupt_kind_t(action), &object),
		&object)
}

// ClearEpochDeadline takes the deadline away.
func (s *Store) ClearEpochDeadline() error {
	return s.check(C.pellucid_store_clear_epoch_deadline(s.c()), nil)
}

// Trim gives the memory of guest stacks that no call uses back to the system.
func (s *Store) Trim() error { return s.check(C.pellucid_store_trim(s.c()), nil) }

// IsPoisoned tells whether a bug of the library has made the store unusable.
func (s *Store) IsPoisoned() bool {
	defer runtime.KeepAlive(s)
	return bool(C.pellucid_store_is_poisoned(s.c()))
}

// A frame in scratch memory is a plgo_frame_t.
type frame struct {
	fn              handle
	object          *C.pellucid_error_t
	nArgs, nResults uint16
	hasSignals      uint32
}

const frameHeader = unsafe.Sizeof(frame{})

// scratch is memory of C's in which arguments and results of calls are, one frame above the other. C's memory needs no checks
// of pointers, and no allocation for each call.
type scratch struct {
	h *storeHandle
	mark
	sizes []uintptr
}

// A mark is how much is used: so many bytes of a chunk, and all chunks before it.
type mark struct {
	base       unsafe.Pointer
	used, size uintptr
	chunk      int
}

func (s *scratch) push(size uintptr) (unsafe.Pointer, mark) {
	before := s.mark
	size = (size + 15) &^ 15
	for s.size-s.used < size {
		s.next(size)
	}
	place := unsafe.Add(s.base, s.used)
	s.used += size
	return place, before
}

func (s *scratch) next(size uintptr) {
	if s.base != nil {
		s.chunk++
	}
	if s.chunk == len(s.h.chunks) {
		n := uintptr(2048) << min(s.chunk, 16)
		if n < size {
			n = size
		}
		// malloc's memory is aligned to 16 bytes.
		s.h.chunks = append(s.h.chunks, C.malloc(C.size_t(n)))
		s.sizes = append(s.sizes, n)
	}
	s.base, s.used, s.size = s.h.chunks[s.chunk], 0, s.sizes[s.chunk]
}
