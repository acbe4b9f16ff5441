//go:build cgo

package pellucid

// #include "bridge.h"
import "C"

import (
	"runtime"
	"sync"
	"unsafe"
)

// A Module is compiled code, to be instantiated in any number of stores of its engine, by any number of goroutines at once.
type Module struct {
	engine  *Engine
	h       *moduleHandle
	once    sync.Once
	imports []Import
}

type moduleHandle struct {
	pointer owned
}

func (e *Engine) module(status C.pellucid_status_t, pointer *C.pellucid_module_t, object **C.pellucid_error_t) (*Module, error) {
	runtime.KeepAlive(e)
	if err := e.check(status, object); err != nil {
		return nil, err
	}
	return newModule(e, pointer), nil
}

func newModule(e *Engine, pointer *C.pellucid_module_t) *Module {
	h := &moduleHandle{}
	h.pointer.set(unsafe.Pointer(pointer))
	runtime.SetFinalizer(h, func(h *moduleHandle) { h.close() })
	return &Module{engine: e, h: h}
}

func (h *moduleHandle) close() { C.pellucid_module_delete((*C.pellucid_module_t)(h.pointer.take())) }

// NewModule compiles a module in the binary format.
func (e *Engine) NewModule(wasm []byte) (*Module, error) {
	var module *C.pellucid_module_t
	var object *C.pellucid_error_t
	status := C.pellucid_module_new(e.c(), bytePointer(wasm), C.size_t(len(wasm)), &module, &object)
	return e.module(status, module, &object)
}

// NewNamedModule compiles a module in the binary format, with a name for backtraces and debuggers.
func (e *Engine) NewNamedModule(name string, wasm []byte) (*Module, error) {
	var module *C.pellucid_module_t
	var object *C.pellucid_error_t
	data, size := text(name)
	status := C.pellucid_module_new_named(e.c(), data, size, bytePointer(wasm), C.size_t(len(wasm)), &module, &object)
	return e.module(status, module, &object)
}

// NewModuleText compiles a module in the text format.
func (e *Engine) NewModuleText(wat string) (*Module, error) {
	var module *C.pellucid_module_t
	var object *C.pellucid_error_t
	data, size := text(wat)
	return e.module(C.pellucid_module_new_text(e.c(), data, size, &module, &object), module, &object)
}

// Deserialize makes a module of what Module.Serialize gave, without compiling it. It is machine code: give it only what you have
// serialized yourself, or what comes from whom you trust as you do the library. StatusIncompatible says that it is for another version of the
// library, another processor or an engine with other options.
func (e *Engine) Deserialize(bytes []byte) (*Module, error) {
	var module *C.pellucid_module_t
	var object *C.pellucid_error_t
	status := C.pellucid_module_deserialize(e.c(), bytePointer(bytes), C.size_t(len(bytes)), &module, &object)
	return e.module(status, module, &object)
}

// DeserializeFile makes a module of a file that Module.SerializeFile wrote, as Deserialize does. The file is mapped: as long as the module or
// an instance of it is there it must not be changed, but it may be removed or replaced.
func (e *Engine) DeserializeFile(path string) (*Module, error) {
	var module *C.pellucid_module_t
	var object *C.pellucid_error_t
	data, size := text(path)
	return e.module(C.pellucid_module_deserialize_file(e.c(), data, size, &module, &object), module, &object)
}

// Serialize gives the module as bytes: what it was compiled to, and its own bytes.
func (m *Module) Serialize() ([]byte, error) {
	var bytes *C.uint8_t
	var size C.size_t
	var object *C.pellucid_error_t
	status := C.pellucid_status_t(C.plgo_module_serialize(m.c(), &bytes, &size, &object))
	defer C.free(unsafe.Pointer(bytes))
	if err := m.engine.check(status, &object); err != nil {
		return nil, err
	}
	runtime.KeepAlive(m)
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(bytes)), int(size))...), nil
}

// SerializeFile writes the module to a file, which replaces another one at once and whole.
func (m *Module) SerializeFile(path string) error {
	var object *C.pellucid_error_t
	data, size := text(path)
	status := C.pellucid_module_serialize_file(m.c(), data, size, &object)
	runtime.KeepAlive(m)
	return m.engine.check(status, &object)
}

// Close gives the module up, which must be its last use. Instances of it stay usable. A module that nobody closes is closed
// when it is collected.
func (m *Module) Close() { m.h.close() }

func (m *Module) c() *C.pellucid_module_t {
	collect()
	return (*C.pellucid_module_t)(m.h.pointer.get())
}

func (m *Module) check(status C.pellucid_status_t) error {
	runtime.KeepAlive(m)
	if status != C.PELLUCID_OK && m.h.pointer.get() == nil {
		return ErrClosed
	}
	return check(status, nil)
}

// ID is a number that no other module of the process has or had; events and frames name modules by it.
func (m *Module) ID() uint64 {
	defer runtime.KeepAlive(m)
	return uint64(C.pellucid_module_id(m.c()))
}

// Name is the module's name; empty if it has none.
func (m *Module) Name() string {
	var name C.pellucid_str_t
	defer runtime.KeepAlive(m)
	if C.pellucid_module_name(m.c(), &name) != C.PELLUCID_OK {
		return ""
	}
	return goString(name)
}

// ExternKind tells functions, tables, memories, globals and tags apart.
type ExternKind uint32

// What is imported and exported.
const (
	ExternFunc   ExternKind = C.PELLUCID_EXTERN_FUNC
	ExternTable  ExternKind = C.PELLUCID_EXTERN_TABLE
	ExternMemory ExternKind = C.PELLUCID_EXTERN_MEMORY
	ExternGlobal ExternKind = C.PELLUCID_EXTERN_GLOBAL
	ExternTag    ExternKind = C.PELLUCID_EXTERN_TAG
)

func (k ExternKind) String() string {
	names := []string{"func", "table", "memory", "global", "tag"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Import is what a module imports. Func is the type of a function.
type Import struct {
	Module, Name string
	Kind         ExternKind
	Func         *FuncType
}

// Export is what a module exports. Func is the type of a function.
type Export struct {
	Name string
	Kind ExternKind
	Func *FuncType
}

// Imports is what the module imports, in order.
func (m *Module) Imports() []Import { return append([]Import{}, m.importList()...) }

func (m *Module) importList() []Import {
	m.once.Do(func() {
		m.imports = make([]Import, C.pellucid_module_import_count(m.c()))
		for i := range m.imports {
			var module, name C.pellucid_str_t
			var kind C.pellucid_extern_kind_t
			var t *C.pellucid_externtype_t
			if C.pellucid_module_import(m.c(), C.size_t(i), &module, &name, &kind, &t) == C.PELLUCID_OK {
				m.imports[i] = Import{goString(module), goString(name), ExternKind(kind), externFuncType(t)}
			}
		}
		runtime.KeepAlive(m)
	})
	return m.imports
}

// Exports is what the module exports, in order.
func (m *Module) Exports() []Export {
	exports := make([]Export, C.pellucid_module_export_count(m.c()))
	for i := range exports {
		var name C.pellucid_str_t
		var kind C.pellucid_extern_kind_t
		var t *C.pellucid_externtype_t
		if C.pellucid_module_export(m.c(), C.size_t(i), &name, &kind, &t) == C.PELLUCID_OK {
			exports[i] = Export{goString(name), ExternKind(kind), externFuncType(t)}
		}
	}
	runtime.KeepAlive(m)
	return exports
}

func externFuncType(t *C.pellucid_externtype_t) *FuncType {
	defer C.pellucid_externtype_delete(t)
	var kind *C.pellucid_functype_t
	if C.pellucid_externtype_func(t, &kind) != C.PELLUCID_OK && C.pellucid_externtype_tag(t, &kind) != C.PELLUCID_OK {
		return nil
	}
	result := funcTypeOf(kind)
	return &result
}

// FuncCount is how many functions the module has, imports included.
func (m *Module) FuncCount() uint32 {
	defer runtime.KeepAlive(m)
	return uint32(C.pellucid_module_func_count(m.c()))
}

// FuncName is the name of a function by its index; empty if it has none.
func (m *Module) FuncName(index uint32) string {
	var name C.pellucid_str_t
	defer runtime.KeepAlive(m)
	if C.pellucid_module_func_name(m.c(), C.uint32_t(index), &name) != C.PELLUCID_OK {
		return ""
	}
	return goString(name)
}

// FuncType is the type of a function by its index.
func (m *Module) FuncType(index uint32) (FuncType, error) {
	var kind *C.pellucid_functype_t
	if err := m.check(C.pellucid_module_func_type(m.c(), C.uint32_t(index), &kind)); err != nil {
		return FuncType{}, err
	}
	return funcTypeOf(kind), nil
}

// FuncRange is where a function's body is in the module's bytes: its start, its first operator, and its end.
func (m *Module) FuncRange(index uint32) (start, firstPC, end uint32, err error) {
	err = m.check(C.pellucid_module_func_range(m.c(), C.uint32_t(index), (*C.uint32_t)(&start), (*C.uint32_t)(&firstPC),
		(*C.uint32_t)(&end)))
	return start, firstPC, end, err
}

// FuncAt is the function that a pc is in.
func (m *Module) FuncAt(pc uint32) (index uint32, err error) {
	var offset C.uint32_t
	err = m.check(C.pellucid_module_func_at(m.c(), C.uint32_t(pc), (*C.uint32_t)(&index), &offset))
	return index, err
}

// LocalName is the name of a function's local; empty if it has none.
func (m *Module) LocalName(funcIndex, local uint32) string {
	var name C.pellucid_str_t
	defer runtime.KeepAlive(m)
	if C.pellucid_module_local_name(m.c(), C.uint32_t(funcIndex), C.uint32_t(local), &name) != C.PELLUCID_OK {
		return ""
	}
	return goString(name)
}

// Section is a copy of the custom section of a name.
func (m *Module) Section(name string) ([]byte, error) {
	var bytes C.pellucid_bytes_t
	data, size := text(name)
	if err := m.check(C.pellucid_module_section(m.c(), data, size, &bytes)); err != nil {
		return nil, err
	}
	section := append([]byte{}, unsafe.Slice((*byte)(unsafe.Pointer(bytes.data)), bytes.size)...)
	runtime.KeepAlive(m)
	return section, nil
}
