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

// NewExternRef makes a reference to a Go value, for guests to hold and pass on. The value is kept as long as the store, or,
// for a reference that is made in a host function or in Store.Scope, until neither the host nor a guest has it any more.
func (s *Store) NewExternRef(v any) (ExternRef, error) {
	var r ExternRef
	key := s.register(&v)
	// Making one may collect garbage, and so give others up.
	err := s.run(context.Background(), func(object **C.pellucid_error_t) C.pellucid_status_t {
		return C.pellucid_status_t(C.plgo_externref_new(s.c(), key, (*C.pellucid_externref_t)(unsafe.Pointer(&r))))
	})
	return r, err
}

// ExternValue is the Go value behind a reference; nil for null.
func (s *Store) ExternValue(r ExternRef) (any, error) {
	if r.IsNull() {
		return nil, nil
	}
	var key C.uint64_t
	status := C.plgo_externref_key(s.c(), (*C.pellucid_externref_t)(unsafe.Pointer(&r)), &key)
	if err := s.check(C.pellucid_status_t(status), nil); err != nil {
		return nil, err
	}
	return *s.objects[uint32(key)].(*any), nil
}

// TypeID is a number for a type of structures, arrays or functions, the same in all modules of an engine.
type TypeID uint32

// TypeKind tells types apart.
type TypeKind uint32

// What a type is of.
const (
	TypeFunc   TypeKind = C.PELLUCID_TYPE_FUNC
	TypeStruct TypeKind = C.PELLUCID_TYPE_STRUCT
	TypeArray  TypeKind = C.PELLUCID_TYPE_ARRAY
)

// FieldType is the type of a structure's field or an array's elements. Bits is how many are stored: 8 or 16 for packed ones.
type FieldType struct {
	Kind      Kind
	Bits      uint32
	IsMutable bool
}

// Types are the types that a module defines, in order.
func (m *Module) Types() []TypeID {
	defer runtime.KeepAlive(m)
	types := make([]TypeID, C.pellucid_module_type_count(m.c()))
	for i := range types {
		C.pellucid_module_type(m.c(), C.size_t(i), (*C.pellucid_type_id_t)(&types[i]))
	}
	return types
}

// TypeKind tells what a type is of.
func (e *Engine) TypeKind(id TypeID) (kind TypeKind, err error) {
	defer runtime.KeepAlive(e)
	var fields C.size_t
	err = check(C.pellucid_type_kind(e.c(), C.pellucid_type_id_t(id), (*C.pellucid_type_kind_t)(&kind), &fields), nil)
	return kind, err
}

// Fields are the fields of a structure's type; an array's type has one.
func (e *Engine) Fields(id TypeID) ([]FieldType, error) {
	defer runtime.KeepAlive(e)
	var kind C.pellucid_type_kind_t
	var n C.size_t
	if err := check(C.pellucid_type_kind(e.c(), C.pellucid_type_id_t(id), &kind, &n), nil); err != nil {
		return nil, err
	}
	fields := make([]FieldType, n)
	for i := range fields {
		var field C.pellucid_fieldtype_t
		if err := check(C.pellucid_type_field(e.c(), C.pellucid_type_id_t(id), C.size_t(i), &field), nil); err != nil {
			return nil, err
		}
		fields[i] = FieldType{Kind(field.kind), uint32(field.bits), bool(field.is_mutable)}
	}
	return fields, nil
}

func (r *AnyRef) c() *C.pellucid_anyref_t { return (*C.pellucid_anyref_t)(unsafe.Pointer(r)) }

// NewStruct makes a structure. Values are whatever Convert takes for its fields; without any all are zero or null.
func (s *Store) NewStruct(id TypeID, values ...any) (AnyRef, error) {
	var r AnyRef
	var converted []Value
	if len(values) > 0 {
		fields, err := s.engine.Fields(id)
		if err != nil {
			return r, err
		}
		kinds := make([]Kind, len(fields))
		for i, field := range fields {
			kinds[i] = field.Kind
		}
		if converted, err = convertAll(kinds, values); err != nil {
			return r, err
		}
	}
	err := s.run(context.Background(), func(object **C.pellucid_error_t) C.pellucid_status_t {
		return C.pellucid_struct_new(s.c(), C.pellucid_type_id_t(id), valuePointer(converted), C.size_t(len(converted)), r.c(),
			object)
	})
	return r, err
}

// NewArray makes an array of so many elements, which are all this value.
func (s *Store) NewArray(id TypeID, length uint32, element any) (AnyRef, error) {
	var r AnyRef
	fields, err := s.engine.Fields(id)
	if err != nil {
		return r, err
	}
	if len(fields) != 1 {
		return r, &Error{StatusTypeMismatch, fmt.Sprintf("type %d isn't one of arrays", id)}
	}
	value, err := Convert(fields[0].Kind, element)
	if err != nil {
		return r, err
	}
	err = s.run(context.Background(), func(object **C.pellucid_error_t) C.pellucid_status_t {
		return C.pellucid_array_new(s.c(), C.pellucid_type_id_t(id), value.c(), C.uint32_t(length), r.c(), object)
	})
	return r, err
}

// Object is what a reference to a structure or array is of: its type, and how many fields or elements it has.
func (s *Store) Object(r AnyRef) (id TypeID, length uint32, err error) {
	err = s.check(C.pellucid_object_type(s.c(), r.c(), (*C.pellucid_type_id_t)(&id), (*C.uint32_t)(&length)), nil)
	return id, length, err
}

// Fields are the fields of a structure, or the elements of an array.
func (s *Store) Fields(r AnyRef) ([]Value, error) {
	_, length, err := s.Object(r)
	if err != nil {
		return nil, err
	}
	values := make([]Value, length)
	err = s.check(C.pellucid_object_get(s.c(), r.c(), 0, valuePointer(values), C.size_t(length)), nil)
	return values, err
}

// Field is a field of a structure, or an element of an array.
func (s *Store) Field(r AnyRef, index uint32) (v Value, err error) {
	err = s.check(C.pellucid_object_get(s.c(), r.c(), C.uint32_t(index), v.c(), 1), nil)
	return v, err
}

// SetField sets a field of a structure, or an element of an array, if it is mutable.
func (s *Store) SetField(r AnyRef, index uint32, v any) error {
	now, err := s.Field(r, index)
	if err != nil {
		return err
	}
	value, err := Convert(now.kind, v)
	if err != nil {
		return err
	}
	return s.check(C.pellucid_object_set(s.c(), r.c(), C.uint32_t(index), value.c()), nil)
}

// ReadArray copies bytes out of an array of numbers, from an offset in bytes.
func (s *Store) ReadArray(r AnyRef, offset uint64, into []byte) error {
	return s.check(C.pellucid_array_read(s.c(), r.c(), C.uint64_t(offset), bytePointer(into), C.size_t(len(into))), nil)
}

// WriteArray copies bytes into an array of numbers, to an offset in bytes.
func (s *Store) WriteArray(r AnyRef, offset uint64, bytes []byte) error {
	return s.check(C.pellucid_array_write(s.c(), r.c(), C.uint64_t(offset), bytePointer(bytes), C.size_t(len(bytes))), nil)
}

// NewExnRef makes an exception and a reference of it, for guests to throw by throw_ref.
func (s *Store) NewExnRef(e *Exception) (ExnRef, error) {
	var r ExnRef
	err := s.run(context.Background(), func(object **C.pellucid_error_t) C.pellucid_status_t {
		return C.pellucid_exnref_new(s.c(), e.Tag.c(), valuePointer(e.Values), C.size_t(len(e.Values)),
			(*C.pellucid_exnref_t)(unsafe.Pointer(&r)), object)
	})
	return r, err
}

// Exception is the exception behind a reference.
func (s *Store) Exception(r ExnRef) (*Exception, error) {
	e := &Exception{Tag: Tag{store: s}}
	ref := (*C.pellucid_exnref_t)(unsafe.Pointer(&r))
	var n C.size_t
	if err := s.check(C.pellucid_exnref_exception(s.c(), ref, e.Tag.c(), nil, 0, &n), nil); err != nil {
		return nil, err
	}
	e.Values = make([]Value, n)
	err := s.check(C.pellucid_exnref_exception(s.c(), ref, nil, valuePointer(e.Values), n, nil), nil)
	return e, err
}

// Keep keeps what a value refers to, and the reference good, until it is released as often. Values that aren't references
// needn't be kept.
func (s *Store) Keep(v Value) error { return s.check(C.pellucid_value_keep(s.c(), v.c()), nil) }

// Release undoes one Keep.
func (s *Store) Release(v Value) error { return s.check(C.pellucid_value_release(s.c(), v.c()), nil) }

// Scope runs a function. References that the host is given meanwhile are good until it returns.
func (s *Store) Scope(do func() error) (err error) {
	var scope C.uint64_t
	if err := s.check(C.pellucid_scope_open(s.c(), &scope), nil); err != nil {
		return err
	}
	defer func() {
		if closed := s.check(C.pellucid_scope_close(s.c(), scope), nil); err == nil {
			err = closed
		}
	}()
	return do()
}

// Collect collects the garbage of the store's guests.
func (s *Store) Collect() error {
	return s.run(context.Background(), func(**C.pellucid_error_t) C.pellucid_status_t { return C.pellucid_store_gc(s.c()) })
}

// HeapStats is what a store's heap tells of itself.
type HeapStats struct {
	UsedBytes, LiveBytes, GivenBytes                      uint64
	MinorCollections, MajorCollections, Pauses            uint64
	PauseNanoseconds, LongestPauseNanoseconds, References uint64
}

// HeapStats tells of the heap of the store's guests.
func (s *Store) HeapStats() (HeapStats, error) {
	var c C.pellucid_heap_stats_t
	c.struct_size = C.uint32_t(unsafe.Sizeof(c))
	err := s.check(C.pellucid_store_heap_stats(s.c(), &c), nil)
	return HeapStats{uint64(c.used_bytes), uint64(c.live_bytes), uint64(c.given_bytes), uint64(c.minor_collections),
		uint64(c.major_collections), uint64(c.pauses), uint64(c.pause_nanoseconds), uint64(c.longest_pause_nanoseconds),
		uint64(c.references)}, err
}
