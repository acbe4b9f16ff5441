//go:build cgo

package pellucid

// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// Instance is an instance of a module, in a store.
type Instance struct {
	store *Store
	h     handle
}

func (i *Instance) c() *C.pellucid_instance_t { return (*C.pellucid_instance_t)(unsafe.Pointer(&i.h)) }

// Instantiate makes an instance of a module, with what it imports in the order of Module.Imports, and runs its start
// function. A Linker finds imports by their names.
func (s *Store) Instantiate(ctx context.Context, m *Module, imports ...Extern) (*Instance, error) {
	items := make([]externItem, len(imports))
	for i, item := range imports {
		items[i] = item.item()
	}
	return s.instantiate(ctx, m, items)
}

func (s *Store) instantiate(ctx context.Context, m *Module, items []externItem) (*Instance, error) {
	i := &Instance{store: s}
	if m.h.pointer.get() == nil {
		return nil, ErrClosed
	}
	err := s.run(ctx, func(object **C.pellucid_error_t) C.pellucid_status_t {
		return C.pellucid_instance_new(s.c(), m.c(), (*C.pellucid_extern_t)(unsafe.Pointer(unsafe.SliceData(items))),
			C.size_t(len(items)), i.c(), object)
	})
	runtime.KeepAlive(m)
	if err != nil {
		return nil, err
	}
	return i, nil
}

// Store is where the instance lives.
func (i *Instance) Store() *Store { return i.store }

// Module is what it is an instance of.
func (i *Instance) Module() (*Module, error) {
	var module *C.pellucid_module_t
	if err := i.store.check(C.pellucid_instance_module(i.store.c(), i.c(), &module), nil); err != nil {
		return nil, err
	}
	return newModule(i.store.engine, module), nil
}

// Export is an export by its name.
func (i *Instance) Export(name string) (Extern, error) {
	item, err := i.export(name)
	if err != nil {
		return nil, err
	}
	return item.extern(i.store), nil
}

func (i *Instance) export(name string) (item externItem, err error) {
	data, size := text(name)
	if err := i.store.check(C.pellucid_instance_export(i.store.c(), i.c(), data, size, item.c()), nil); err != nil {
		return item, fmt.Errorf("the export %q: %w", name, err)
	}
	return item, nil
}

func exported[T Extern](i *Instance, name string) (T, error) {
	var none T
	item, err := i.Export(name)
	if err != nil {
		return none, err
	}
	typed, ok := item.(T)
	if !ok {
		return none, &Error{StatusTypeMismatch, fmt.Sprintf("the export %q is a %v", name, ExternKind(item.item().kind))}
	}
	return typed, nil
}

// Func is an exported function.
func (i *Instance) Func(name string) (*Func, error) { return exported[*Func](i, name) }

// Memory is an exported memory.
func (i *Instance) Memory(name string) (*Memory, error) { return exported[*Memory](i, name) }

// Table is an exported table.
func (i *Instance) Table(name string) (*Table, error) { return exported[*Table](i, name) }

// Global is an exported global.
func (i *Instance) Global(name string) (*Global, error) { return exported[*Global](i, name) }

// Tag is an exported tag.
func (i *Instance) Tag(name string) (*Tag, error) { return exported[*Tag](i, name) }

// Call calls an exported function by its name, see Func.Call.
func (i *Instance) Call(ctx context.Context, name string, args ...any) ([]Value, error) {
	f, err := i.Func(name)
	if err != nil {
		return nil, err
	}
	return f.Call(ctx, args...)
}

// Start runs a WASI program: it calls _start. An exit with code 0 is no error; others are an *Exit.
func (i *Instance) Start(ctx context.Context) error {
	_, err := i.Call(ctx, "_start")
	var exit *Exit
	if errors.As(err, &exit) && exit.Code == 0 && exit.Cause == nil {
		return nil
	}
	return err
}

// FuncAt is a function by its index in the module, exported or not. The engine must be one with Debug; so for the other
// functions of this sort.
func (i *Instance) FuncAt(index uint32) (*Func, error) {
	f := &Func{store: i.store}
	return f, i.store.check(C.pellucid_instance_func(i.store.c(), i.c(), C.uint32_t(index), f.c()), nil)
}

// MemoryAt is a memory by its index in the module.
func (i *Instance) MemoryAt(index uint32) (*Memory, error) {
	m := &Memory{store: i.store}
	return m, i.store.check(C.pellucid_instance_memory(i.store.c(), i.c(), C.uint32_t(index), m.c()), nil)
}

// GlobalAt is a global by its index in the module.
func (i *Instance) GlobalAt(index uint32) (*Global, error) {
	g := &Global{store: i.store}
	return g, i.store.check(C.pellucid_instance_global(i.store.c(), i.c(), C.uint32_t(index), g.c()), nil)
}

// TableAt is a table by its index in the module.
func (i *Instance) TableAt(index uint32) (*Table, error) {
	t := &Table{store: i.store}
	return t, i.store.check(C.pellucid_instance_table(i.store.c(), i.c(), C.uint32_t(index), t.c()), nil)
}

// TagAt is a tag by its index in the module.
func (i *Instance) TagAt(index uint32) (*Tag, error) {
	t := &Tag{store: i.store}
	return t, i.store.check(C.pellucid_instance_tag(i.store.c(), i.c(), C.uint32_t(index), t.c()), nil)
}
