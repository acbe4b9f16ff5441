//go:build cgo

package pellucid

// #include "bridge.h"
import "C"

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"unsafe"
)

// Extern is what is imported and exported: a *Func, *Memory, *Table, *Global or *Tag.
type Extern interface {
	item() externItem
	owner() *Store
}

// An externItem is a pellucid_extern_t.
type externItem struct {
	kind, reserved uint32
	h              handle
}

func (e *externItem) c() *C.pellucid_extern_t { return (*C.pellucid_extern_t)(unsafe.Pointer(e)) }

func (e externItem) extern(s *Store) Extern {
	switch e.kind {
	case C.PELLUCID_EXTERN_FUNC:
		return &Func{store: s, h: e.h}
	case C.PELLUCID_EXTERN_MEMORY:
		return &Memory{store: s, h: e.h}
	case C.PELLUCID_EXTERN_TABLE:
		return &Table{s, e.h}
	case C.PELLUCID_EXTERN_GLOBAL:
		return &Global{s, e.h}
	}
	return &Tag{s, e.h}
}

func (f *Func) item() externItem   { return externItem{kind: C.PELLUCID_EXTERN_FUNC, h: f.h} }
func (m *Memory) item() externItem { return externItem{kind: C.PELLUCID_EXTERN_MEMORY, h: m.h} }
func (t *Table) item() externItem  { return externItem{kind: C.PELLUCID_EXTERN_TABLE, h: t.h} }
func (g *Global) item() externItem { return externItem{kind: C.PELLUCID_EXTERN_GLOBAL, h: g.h} }
func (t *Tag) item() externItem    { return externItem{kind: C.PELLUCID_EXTERN_TAG, h: t.h} }
func (f *Func) owner() *Store      { return f.store }
func (m *Memory) owner() *Store    { return m.store }
func (t *Table) owner() *Store     { return t.store }
func (g *Global) owner() *Store    { return g.store }
func (t *Tag) owner() *Store       { return t.store }

// MemoryType is the type of a memory. Sizes are in pages of 64 KiB, or of one byte.
type MemoryType struct {
	Min uint64
	// Max is nil without a maximum.
	Max               *uint64
	Is64, IsShared    bool
	HasPagesOfOneByte bool
}

// Memory is a linear memory in a store.
type Memory struct {
	store *Store
	h     handle
	// What is known of it: the address stays the same, and the size only grows. The address isn't a pointer for Go, whose heap
	// may have it when the store is closed.
	base uintptr
	size uintptr
}

func (m *Memory) c() *C.pellucid_memory_t { return (*C.pellucid_memory_t)(unsafe.Pointer(&m.h)) }

// NewMemory makes a memory, to be imported by guests.
func (s *Store) NewMemory(t MemoryType) (*Memory, error) {
	c := C.pellucid_memorytype_t{minimum: C.uint64_t(t.Min), is_64: flag(t.Is64), is_shared: flag(t.IsShared),
		page_size_log2: C.PELLUCID_PAGES_OF_64_KIB}
	if t.Max != nil {
		c.maximum, c.has_maximum = C.uint64_t(*t.Max), 1
	}
	if t.HasPagesOfOneByte {
		c.page_size_log2 = C.PELLUCID_PAGES_OF_A_BYTE
	}
	m := &Memory{store: s}
	var object *C.pellucid_error_t
	err := s.check(C.pellucid_memory_new(s.c(), &c, m.c(), &object), &object)
	return m, err
}

func flag(b bool) C.uint32_t {
	if b {
		return 1
	}
	return 0
}

// Type is the memory's type.
func (m *Memory) Type() (MemoryType, error) {
	var c C.pellucid_memorytype_t
	if err := m.store.check(C.pellucid_memory_type(m.store.c(), m.c(), &c), nil); err != nil {
		return MemoryType{}, err
	}
	t := MemoryType{Min: uint64(c.minimum), Is64: c.is_64 != 0, IsShared: c.is_shared != 0,
		HasPagesOfOneByte: c.page_size_log2 != C.PELLUCID_PAGES_OF_64_KIB}
	if c.has_maximum != 0 {
		maximum := uint64(c.maximum)
		t.Max = &maximum
	}
	return t, nil
}

// Bytes is the memory, to be read and written in place. The slice has the size that the memory has now: after a guest has run
// it may have grown, and there is more than the slice has. What the slice has stays good until the store is closed or
// collected; a slice that is used after that is a crash. It isn't memory of Go's: it doesn't keep the store alive.
func (m *Memory) Bytes() ([]byte, error) {
	err := m.store.check(C.pellucid_memory_data(m.store.c(), m.c(), (**C.uint8_t)(unsafe.Pointer(&m.base)),
		(*C.size_t)(unsafe.Pointer(&m.size))), nil)
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(m.at(0)), m.size), nil
}

// View is a part of the memory in place, as Bytes.
func (m *Memory) View(offset, size uint64) ([]byte, error) {
	if m.store.h.pointer == nil {
		return nil, ErrClosed
	}
	if !m.has(offset, size) {
		if _, err := m.Bytes(); err != nil {
			return nil, err
		}
		if !m.has(offset, size) {
			return nil, &Error{StatusOutOfRange, fmt.Sprintf("%d bytes at %d aren't in the memory, which has %d bytes", size, offset,
				m.size)}
		}
	}
	return unsafe.Slice((*byte)(m.at(offset)), size), nil
}

func (m *Memory) at(offset uint64) unsafe.Pointer {
	return unsafe.Add(*(*unsafe.Pointer)(unsafe.Pointer(&m.base)), offset)
}

func (m *Memory) has(offset, size uint64) bool {
	return offset <= uint64(m.size) && size <= uint64(m.size)-offset
}

// Read copies bytes out of the memory: all of into, or none.
func (m *Memory) Read(offset uint64, into []byte) error {
	collect()
	view, err := m.View(offset, uint64(len(into)))
	copy(into, view)
	runtime.KeepAlive(m)
	return err
}

// Write copies bytes into the memory: all of them, or none.
func (m *Memory) Write(offset uint64, bytes []byte) error {
	collect()
	view, err := m.View(offset, uint64(len(bytes)))
	copy(view, bytes)
	runtime.KeepAlive(m)
	return err
}

// String is a copy of a part of the memory. What isn't UTF-8 is left as it is.
func (m *Memory) String(offset, size uint64) (string, error) {
	collect()
	view, err := m.View(offset, size)
	result := string(view)
	runtime.KeepAlive(m)
	return result, err
}

// ReadAt makes a memory an io.ReaderAt.
func (m *Memory) ReadAt(into []byte, offset int64) (int, error) {
	size, err := m.Size()
	if err != nil {
		return 0, err
	}
	if offset < 0 {
		return 0, &Error{StatusOutOfRange, fmt.Sprintf("the offset is %d", offset)}
	}
	if uint64(offset) >= size {
		return 0, io.EOF
	}
	n := min(uint64(len(into)), size-uint64(offset))
	if err := m.Read(uint64(offset), into[:n]); err != nil {
		return 0, err
	}
	if n < uint64(len(into)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// Size is how many bytes the memory has.
func (m *Memory) Size() (uint64, error) {
	bytes, err := m.Bytes()
	return uint64(len(bytes)), err
}

// Grow makes the memory larger by so many pages, and tells how many it had before.
func (m *Memory) Grow(pages uint64) (before uint64, err error) {
	err = m.store.run(context.Background(), func(object **C.pellucid_error_t) C.pellucid_status_t {
		return C.pellucid_memory_grow(m.store.c(), m.c(), C.uint64_t(pages), (*C.uint64_t)(&before), object)
	})
	return before, err
}

// TableType is the type of a table. Element is a kind of references.
type TableType struct {
	Element Kind
	Min     uint64
	// Max is nil without a maximum.
	Max  *uint64
	Is64 bool
}

// Table is a table of references in a store.
type Table struct {
	store *Store
	h     handle
}

func (t *Table) c() *C.pellucid_table_t { return (*C.pellucid_table_t)(unsafe.Pointer(&t.h)) }

// NewTable makes a table, to be imported by guests. init is what its elements are at first, nil for null.
func (s *Store) NewTable(t TableType, init any) (*Table, error) {
	value, err := Convert(t.Element, init)
	if err != nil {
		return nil, err
	}
	c := C.pellucid_tabletype_t{minimum: C.uint64_t(t.Min), element: C.pellucid_kind_t(t.Element), is_64: flag(t.Is64)}
	if t.Max != nil {
		c.maximum, c.has_maximum = C.uint64_t(*t.Max), 1
	}
	table := &Table{store: s}
	var object *C.pellucid_error_t
	err = s.check(C.pellucid_table_new(s.c(), &c, value.c(), table.c(), &object), &object)
	return table, err
}

func (v *Value) c() *C.pellucid_value_t { return (*C.pellucid_value_t)(unsafe.Pointer(v)) }

// Type is the table's type.
func (t *Table) Type() (TableType, error) {
	var c C.pellucid_tabletype_t
	if err := t.store.check(C.pellucid_table_type(t.store.c(), t.c(), &c), nil); err != nil {
		return TableType{}, err
	}
	result := TableType{Element: Kind(c.element), Min: uint64(c.minimum), Is64: c.is_64 != 0}
	if c.has_maximum != 0 {
		maximum := uint64(c.maximum)
		result.Max = &maximum
	}
	return result, nil
}

// Size is how many elements the table has.
func (t *Table) Size() (size uint64, err error) {
	err = t.store.check(C.pellucid_table_size(t.store.c(), t.c(), (*C.uint64_t)(&size)), nil)
	return size, err
}

// Get is an element.
func (t *Table) Get(index uint64) (v Value, err error) {
	err = t.store.check(C.pellucid_table_get(t.store.c(), t.c(), C.uint64_t(index), v.c()), nil)
	return v, err
}

// Set sets an element: a reference, a *Func, or nil for null.
func (t *Table) Set(index uint64, v any) error {
	value, err := t.convert(v)
	if err != nil {
		return err
	}
	return t.store.check(C.pellucid_table_set(t.store.c(), t.c(), C.uint64_t(index), value.c()), nil)
}

// Grow adds elements, and tells how many there were before.
func (t *Table) Grow(elements uint64, init any) (before uint64, err error) {
	value, err := t.convert(init)
	if err != nil {
		return 0, err
	}
	var object *C.pellucid_error_t
	err = t.store.check(C.pellucid_table_grow(t.store.c(), t.c(), C.uint64_t(elements), value.c(), (*C.uint64_t)(&before),
		&object), &object)
	return before, err
}

func (t *Table) convert(v any) (Value, error) {
	kind, err := t.Type()
	if err != nil {
		return Value{}, err
	}
	return Convert(kind.Element, v)
}

// GlobalType is the type of a global.
type GlobalType struct {
	Kind      Kind
	IsMutable bool
}

// Global is a global variable in a store.
type Global struct {
	store *Store
	h     handle
}

func (g *Global) c() *C.pellucid_global_t { return (*C.pellucid_global_t)(unsafe.Pointer(&g.h)) }

// NewGlobal makes a global, to be imported by guests.
func (s *Store) NewGlobal(t GlobalType, v any) (*Global, error) {
	value, err := Convert(t.Kind, v)
	if err != nil {
		return nil, err
	}
	c := C.pellucid_globaltype_t{kind: C.pellucid_kind_t(t.Kind), is_mutable: flag(t.IsMutable)}
	g := &Global{store: s}
	var object *C.pellucid_error_t
	err = s.check(C.pellucid_global_new(s.c(), &c, value.c(), g.c(), &object), &object)
	return g, err
}

// Type is the global's type.
func (g *Global) Type() (GlobalType, error) {
	var c C.pellucid_globaltype_t
	err := g.store.check(C.pellucid_global_type(g.store.c(), g.c(), &c), nil)
	return GlobalType{Kind(c.kind), c.is_mutable != 0}, err
}

// Get is the global's value.
func (g *Global) Get() (v Value, err error) {
	err = g.store.check(C.pellucid_global_get(g.store.c(), g.c(), v.c()), nil)
	return v, err
}

// Set sets the global, if it is mutable.
func (g *Global) Set(v any) error {
	t, err := g.Type()
	if err != nil {
		return err
	}
	value, err := Convert(t.Kind, v)
	if err != nil {
		return err
	}
	return g.store.check(C.pellucid_global_set(g.store.c(), g.c(), value.c()), nil)
}

// Tag is what tells one kind of exception from others.
type Tag struct {
	store *Store
	h     handle
}

func (t *Tag) c() *C.pellucid_tag_t { return (*C.pellucid_tag_t)(unsafe.Pointer(&t.h)) }

// NewTag makes a tag, to be imported by guests, whose exceptions carry values of these kinds.
func (s *Store) NewTag(kinds ...Kind) (*Tag, error) {
	var kind *C.pellucid_functype_t
	status := C.pellucid_functype_new((*C.pellucid_kind_t)(unsafe.Pointer(unsafe.SliceData(kinds))), C.size_t(len(kinds)), nil, 0,
		&kind)
	if err := s.check(status, nil); err != nil {
		return nil, err
	}
	defer C.pellucid_functype_delete(kind)
	t := &Tag{store: s}
	err := s.check(C.pellucid_tag_new(s.c(), kind, t.c()), nil)
	return t, err
}

// Type has what its exceptions carry for parameters.
func (t *Tag) Type() (FuncType, error) {
	if t.store == nil {
		return FuncType{}, &Error{StatusInvalidArgument, "the tag is in no store"}
	}
	var kind *C.pellucid_functype_t
	if err := t.store.check(C.pellucid_tag_type(t.store.c(), t.c(), &kind), nil); err != nil {
		return FuncType{}, err
	}
	return funcTypeOf(kind), nil
}
