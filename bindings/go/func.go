//go:build cgo

package pellucid

// #include "bridge.h"
import "C"

import (
	"context"
	"fmt"
	"runtime"
	"unsafe"
)

// Func is a function in a store, the guest's or the host's.
type Func struct {
	store *Store
	h     handle
	kind  *FuncType
}

func (f *Func) c() *C.pellucid_func_t { return (*C.pellucid_func_t)(unsafe.Pointer(&f.h)) }

// Func is the function that a reference is to. It isn't looked up: a reference of another store is refused when it is used.
func (s *Store) Func(ref FuncRef) *Func { return &Func{store: s, h: ref.h} }

// Ref is a reference to the function.
func (f *Func) Ref() FuncRef { return FuncRef{f.h} }

// Type is the function's type.
func (f *Func) Type() (FuncType, error) {
	if f.kind == nil {
		var t *C.pellucid_functype_t
		if err := f.store.check(C.pellucid_func_type(f.store.c(), f.c(), &t), nil); err != nil {
			return FuncType{}, err
		}
		kind := funcTypeOf(t)
		f.kind = &kind
	}
	return *f.kind, nil
}

// Name is the function's name in its module; empty if it has none or is the host's.
func (f *Func) Name() string {
	var name C.pellucid_str_t
	defer runtime.KeepAlive(f.store)
	if C.pellucid_func_name(f.store.c(), f.c(), &name) != C.PELLUCID_OK {
		return ""
	}
	return goString(name)
}

// Location is where a guest's function is defined: the instance, and the function's index in its module.
func (f *Func) Location() (*Instance, uint32, error) {
	i := &Instance{store: f.store}
	var index C.uint32_t
	err := f.store.check(C.pellucid_func_location(f.store.c(), f.c(), i.c(), &index), nil)
	return i, uint32(index), err
}

// Call calls the function and runs it to its end. Arguments are whatever Convert takes: Go's numbers, Values, references.
//
// When ctx is done the call ends with an error that errors.Is tells to be the context's. A call that a host function makes
// takes those that it is nested in with it, if it is ended so.
//
// Exported functions whose types are known are called by Export1 and its kin, which is faster and checked by the compiler.
func (f *Func) Call(ctx context.Context, args ...any) ([]Value, error) {
	kind, err := f.Type()
	if err != nil {
		return nil, err
	}
	values, err := convertAll(kind.Params, args)
	if err != nil {
		return nil, err
	}
	n := len(kind.Results)
	results := make([]Value, n)
	var v saved
	s := f.store
	if err := s.enter(ctx, &v); err != nil {
		return nil, err
	}
	size := uintptr(len(values)+n) * valueSize
	place, before := s.scratch.push(frameHeader + size)
	*(*frame)(place) = frame{fn: f.h, nArgs: uint16(len(values)), nResults: uint16(n), hasSignals: s.engine.hasSignals}
	slots := unsafe.Slice((*Value)(unsafe.Add(place, frameHeader)), len(values)+n)
	copy(slots, values)
	status := C.plgo_call_values(C.uintptr_t(uintptr(unsafe.Pointer(s.h.pointer))), C.uintptr_t(uintptr(place)))
	copy(results, slots[len(values):])
	s.scratch.mark = before
	err = s.leave(&v, C.pellucid_status_t(status), (*frame)(place).object)
	runtime.KeepAlive(s)
	if err != nil {
		return nil, err
	}
	return results, nil
}

// A typedCall is a function that was checked to have certain types, ready to be called.
type typedCall struct {
	store *Store
	frame frame
	size  uintptr
	// Where values are in a frame.
	args, results, stride uintptr
	// If there are references the library is told the kinds of the arguments.
	hasReferences bool
	kinds         []Kind
}

const (
	rawSize   = 16
	valueSize = unsafe.Sizeof(Value{})
	valuePart = unsafe.Offsetof(Value{}.lo)
)

func (i *Instance) typed(name string, params, results []Kind) (*typedCall, error) {
	f, err := i.Func(name)
	if err != nil {
		return nil, err
	}
	return f.typed(params, results)
}

func (f *Func) typed(params, results []Kind) (*typedCall, error) {
	kind, err := f.Type()
	if err != nil {
		return nil, err
	}
	wanted := FuncType{params, results}
	if !sameKinds(kind.Params, params) || !sameKinds(kind.Results, results) {
		return nil, &Error{StatusTypeMismatch, fmt.Sprintf("the function is %v, not %v", kind, wanted)}
	}
	t := &typedCall{store: f.store, frame: frame{fn: f.h, nArgs: uint16(len(params)), nResults: uint16(len(results)),
		hasSignals: f.store.engine.hasSignals}}
	if wanted.hasReferences() {
		t.hasReferences, t.kinds, t.stride = true, params, valueSize
		t.args = frameHeader + valuePart
		t.results = t.args + uintptr(len(params))*valueSize
		t.size = frameHeader + uintptr(len(params)+len(results))*valueSize
	} else {
		t.stride, t.args, t.results = rawSize, frameHeader, frameHeader
		t.size = frameHeader + uintptr(max(len(params), len(results)))*rawSize
	}
	return t, nil
}

func sameKinds(a, b []Kind) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func (t FuncType) hasReferences() bool {
	for _, kinds := range [][]Kind{t.Params, t.Results} {
		for _, kind := range kinds {
			if kind.isReference() {
				return true
			}
		}
	}
	return false
}

// begin makes room for arguments and results. Unless it fails run must follow.
func (t *typedCall) begin() (place unsafe.Pointer, m mark, err error) {
	if t.store.h.pointer == nil {
		return nil, m, ErrClosed
	}
	place, m = t.store.scratch.push(t.size)
	*(*frame)(place) = t.frame
	for i, kind := range t.kinds {
		*(*uint64)(unsafe.Add(place, frameHeader+uintptr(i)*valueSize)) = uint64(kind)
	}
	return place, m, nil
}

// run makes the call. The results are in their places until the next call.
func (t *typedCall) run(ctx context.Context, place unsafe.Pointer, m mark) error {
	s := t.store
	var v saved
	err := s.enter(ctx, &v)
	if err != nil {
		s.scratch.mark = m
		return err
	}
	var status C.int32_t
	if !t.hasReferences {
		status = C.plgo_call_raw(C.uintptr_t(uintptr(unsafe.Pointer(s.h.pointer))), C.uintptr_t(uintptr(place)))
	} else {
		status = C.plgo_call_values(C.uintptr_t(uintptr(unsafe.Pointer(s.h.pointer))), C.uintptr_t(uintptr(place)))
	}
	s.scratch.mark = m
	return s.leave(&v, C.pellucid_status_t(status), (*frame)(place).object)
}

func argument[T Type](t *typedCall, place unsafe.Pointer, i uintptr, v T) {
	*(*T)(unsafe.Add(place, t.args+i*t.stride)) = v
}

func result[T Type](t *typedCall, place unsafe.Pointer, i uintptr) T {
	return *(*T)(unsafe.Add(place, t.results+i*t.stride))
}

// HostFunc is a function of the host's that guests import. It belongs to no store: a Linker or Store.NewFunc can use it for
// any number of stores. Func1, Proc1 and their kin make one of a Go function.
type HostFunc struct{ def *hostDef }

type hostDef struct {
	kind          FuncType
	hasReferences bool
	run           func(c *Caller, v slots) error
}

// Type is the function's type.
func (f HostFunc) Type() FuncType { return f.def.kind }

// slots are where the arguments of a host function are, and its results go.
type slots struct {
	args, results unsafe.Pointer
	stride, part  uintptr
}

func (v slots) arg(i uintptr) unsafe.Pointer { return unsafe.Add(v.args, i*v.stride+v.part) }

func (v slots) result(i uintptr) unsafe.Pointer { return unsafe.Add(v.results, i*v.stride+v.part) }

func load[T Type](v slots, i uintptr) T { return *(*T)(v.arg(i)) }

func give[T Type](v slots, i uintptr, r T) { *(*T)(v.result(i)) = r }

func newHostFunc(params, results []Kind, run func(*Caller, slots) error) HostFunc {
	kind := FuncType{params, results}
	return HostFunc{&hostDef{kind, kind.hasReferences(), run}}
}

// DynamicFunc makes a host function of any type. The results are whatever Convert takes for the kinds of the type.
func DynamicFunc(kind FuncType, fn func(c *Caller, args []Value) ([]any, error)) HostFunc {
	return newHostFunc(kind.Params, kind.Results, func(c *Caller, v slots) error {
		args := make([]Value, len(kind.Params))
		for i := range args {
			args[i].kind = kind.Params[i]
			copySlot(unsafe.Pointer(&args[i].lo), v.arg(uintptr(i)), args[i].kind)
		}
		results, err := fn(c, args)
		if err != nil {
			return err
		}
		converted, err := convertAll(kind.Results, results)
		if err != nil {
			return fmt.Errorf("results of a host function: %w", err)
		}
		for i := range converted {
			copySlot(v.result(uintptr(i)), unsafe.Pointer(&converted[i].lo), converted[i].kind)
		}
		return nil
	})
}

// copySlot copies as many bytes as a kind of value has: of a raw value the others aren't there.
func copySlot(to, from unsafe.Pointer, kind Kind) {
	switch kind {
	case KindI32, KindF32:
		*(*uint32)(to) = *(*uint32)(from)
	case KindI64, KindF64:
		*(*uint64)(to) = *(*uint64)(from)
	default:
		*(*[2]uint64)(to) = *(*[2]uint64)(from)
	}
}

// NewFunc makes a function of the store of a host function.
func (s *Store) NewFunc(f HostFunc) (*Func, error) {
	h, err := s.hostFunc(f.def)
	if err != nil {
		return nil, err
	}
	return &Func{store: s, h: h, kind: &f.def.kind}, nil
}

func (s *Store) hostFunc(def *hostDef) (handle, error) {
	if h, ok := s.hosts[def]; ok {
		return h, nil
	}
	kinds := append(append(make([]Kind, 0, 8), def.kind.Params...), def.kind.Results...)
	var h handle
	var object *C.pellucid_error_t
	key := s.register(def)
	status := C.plgo_func_new(s.c(), (*C.uint32_t)(unsafe.Pointer(unsafe.SliceData(kinds))), C.size_t(len(def.kind.Params)),
		C.size_t(len(def.kind.Results)), key, C.bool(def.hasReferences), (*C.pellucid_func_t)(unsafe.Pointer(&h)), &object)
	if err := s.check(C.pellucid_status_t(status), &object); err != nil {
		s.unregister(key)
		return h, err
	}
	if s.hosts == nil {
		s.hosts = map[*hostDef]handle{}
	}
	s.hosts[def] = h
	return h, nil
}

//export pellucidGoHost
func pellucidGoHost(key C.uint64_t, caller C.uintptr_t, args, results unsafe.Pointer, out **C.pellucid_error_t) C.int32_t {
	s, object := storeOf(key)
	def := object.(*hostDef)
	v := slots{args, results, rawSize, 0}
	if def.hasReferences {
		v.stride, v.part = valueSize, valuePart
	}
	c := s.pushCaller(caller)
	err := s.host(def, c, v)
	s.depth--
	c.c = 0
	if err == nil {
		return C.PELLUCID_OK
	}
	if err == errYield {
		return C.PELLUCID_YIELD
	}
	status, native := s.toNative(err)
	if status != C.PELLUCID_ERR_EXCEPTION {
		// An exception may be caught, and another one end the call.
		s.failure = err
	}
	*out = native
	return C.int32_t(status)
}

func (s *Store) host(def *hostDef, c *Caller, v slots) (err error) {
	s.hosting = true
	isDone := false
	defer func() {
		s.hosting = false
		if !isDone {
			err = s.stopped(recover())
		}
	}()
	collect()
	err = def.run(c, v)
	isDone = true
	return err
}

func (s *Store) pushCaller(caller C.uintptr_t) *Caller {
	if s.depth == len(s.callers) {
		s.callers = append(s.callers, &Caller{})
	}
	c := s.callers[s.depth]
	s.depth++
	*c = Caller{store: s, c: caller}
	return c
}

// A Caller is who called a host function. It is valid until that returns.
type Caller struct {
	store *Store
	c     C.uintptr_t
}

func (c *Caller) native() *C.pellucid_caller_t {
	return *(**C.pellucid_caller_t)(unsafe.Pointer(&c.c))
}

// Store is the store of the guest that called. The host function may use it, and call guests.
func (c *Caller) Store() *Store { return c.store }

// Context is the context of the call in which the host function runs.
func (c *Caller) Context() context.Context { return c.store.ctx }

// Instance is the instance whose code called; an error if the host called the function itself.
func (c *Caller) Instance() (*Instance, error) {
	i := &Instance{store: c.store}
	err := c.store.check(C.pellucid_caller_instance(c.native(), i.c()), nil)
	return i, err
}

// Export is an export of the instance whose code called.
func (c *Caller) Export(name string) (Extern, error) {
	var item externItem
	data, size := text(name)
	err := c.store.check(C.pellucid_caller_export(c.native(), data, size, item.c()), nil)
	if err != nil {
		return nil, fmt.Errorf("the export %q: %w", name, err)
	}
	return item.extern(c.store), nil
}

// Memory is a memory that the instance exports whose code called: for most guests "memory".
func (c *Caller) Memory(name string) (*Memory, error) {
	m := &Memory{store: c.store}
	data, size := text(name)
	status := C.plgo_caller_memory(c.c, data, size, m.c(), (**C.uint8_t)(unsafe.Pointer(&m.base)),
		(*C.size_t)(unsafe.Pointer(&m.size)))
	if err := c.store.check(C.pellucid_status_t(status), nil); err != nil {
		return nil, fmt.Errorf("the memory %q: %w", name, err)
	}
	return m, nil
}

// errYield is how a host function says that its results come later.
var errYield error = &Error{StatusCannotYield, "the results of Caller.Yield must be returned"}

// CanYield tells whether the host function may answer that its results come later: in a Call, not in Func.Call.
func (c *Caller) CanYield() bool { return bool(C.pellucid_caller_can_yield(c.native())) }

// Yield has the call in which the host function runs wait for its results: the function returns what this gives. Then
// Call.Resume returns with CallYielded; who has the results hands them over by Call.Give or Call.GiveError, and resumes.
func (c *Caller) Yield(token uint64) error {
	var object *C.pellucid_error_t
	status := C.pellucid_caller_yield(c.native(), C.uint64_t(token), &object)
	if status == C.PELLUCID_YIELD {
		return errYield
	}
	return c.store.check(status, &object)
}
