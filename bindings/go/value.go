//go:build cgo

package pellucid

// #include "bridge.h"
import "C"

import (
	"fmt"
	"math"
	"reflect"
	"unsafe"
)

// Kind is the kind of a value.
type Kind uint32

// The kinds of values.
const (
	KindI32       Kind = C.PELLUCID_I32
	KindI64       Kind = C.PELLUCID_I64
	KindF32       Kind = C.PELLUCID_F32
	KindF64       Kind = C.PELLUCID_F64
	KindV128      Kind = C.PELLUCID_V128
	KindFuncRef   Kind = C.PELLUCID_FUNCREF
	KindExternRef Kind = C.PELLUCID_EXTERNREF
	KindAnyRef    Kind = C.PELLUCID_ANYREF
	KindExnRef    Kind = C.PELLUCID_EXNREF
	// KindUnavailable is the kind of a local or operand of a frame that isn't known at its place.
	KindUnavailable Kind = C.PELLUCID_UNAVAILABLE
)

func (k Kind) String() string {
	switch k {
	case KindI32:
		return "i32"
	case KindI64:
		return "i64"
	case KindF32:
		return "f32"
	case KindF64:
		return "f64"
	case KindV128:
		return "v128"
	case KindFuncRef:
		return "funcref"
	case KindExternRef:
		return "externref"
	case KindAnyRef:
		return "anyref"
	case KindExnRef:
		return "exnref"
	case KindUnavailable:
		return "unavailable"
	}
	return fmt.Sprintf("kind %d", uint32(k))
}

func (k Kind) isReference() bool {
	return k == KindFuncRef || k == KindExternRef || k == KindAnyRef || k == KindExnRef
}

// FuncType is the kinds of a function's parameters and results.
type FuncType struct{ Params, Results []Kind }

func (t FuncType) String() string { return fmt.Sprintf("%v -> %v", t.Params, t.Results) }

// V128 is a vector: lane 0 first, each lane little-endian.
type V128 [16]byte

type handle struct{ store, index uint64 }

// FuncRef is a reference to a function of a store; the zero value is null. See Store.Func.
type FuncRef struct{ h handle }

// ExternRef is a reference to a Go value that guests hold and pass on; the zero value is null. See Store.NewExternRef.
type ExternRef struct{ h handle }

// AnyRef is a reference to a structure, an array or an integer of 31 bits; the zero value is null.
//
// It keeps an object as the library's header says under OBJECTS: in a host function or event handler until that returns, in
// Store.Scope until its end, elsewhere as long as the store; and as long as Store.Keep says.
type AnyRef struct{ h handle }

// ExnRef is a reference to an exception; the zero value is null. It is good for as long as an AnyRef.
type ExnRef struct{ h handle }

// IsNull tells whether it is the null reference.
func (r FuncRef) IsNull() bool { return r == FuncRef{} }

// IsNull tells whether it is the null reference.
func (r ExternRef) IsNull() bool { return r == ExternRef{} }

// IsNull tells whether it is the null reference.
func (r AnyRef) IsNull() bool { return r == AnyRef{} }

// IsNull tells whether it is the null reference.
func (r ExnRef) IsNull() bool { return r == ExnRef{} }

// I31 makes a reference that is an integer of 31 bits, for any store. The highest bit is dropped.
func I31(value int32) AnyRef {
	var r AnyRef
	C.pellucid_anyref_from_i31(C.int32_t(value), (*C.pellucid_anyref_t)(unsafe.Pointer(&r)))
	return r
}

// I31 is the integer that a reference is, if it is one.
func (r AnyRef) I31() (value int32, ok bool) {
	ok = C.pellucid_anyref_i31((*C.pellucid_anyref_t)(unsafe.Pointer(&r)), (*C.int32_t)(&value)) == C.PELLUCID_OK
	return value, ok
}

// Type is what parameters and results of typed functions may be: int32 and uint32 are i32, int64 and uint64 i64.
type Type interface {
	~int32 | ~uint32 | ~int64 | ~uint64 | ~float32 | ~float64 | V128 | FuncRef | ExternRef | AnyRef | ExnRef
}

func kindOf[T Type]() Kind {
	var zero T
	switch any(zero).(type) {
	case V128:
		return KindV128
	case FuncRef:
		return KindFuncRef
	case ExternRef:
		return KindExternRef
	case AnyRef:
		return KindAnyRef
	case ExnRef:
		return KindExnRef
	}
	switch reflect.TypeOf(zero).Kind() {
	case reflect.Int32, reflect.Uint32:
		return KindI32
	case reflect.Int64, reflect.Uint64:
		return KindI64
	case reflect.Float32:
		return KindF32
	}
	return KindF64
}

// Value is a value with its kind. The zero value is the i32 0. Values are compared by ==: floats by their bits, references by
// what they refer to.
type Value struct {
	kind     Kind
	reserved uint32
	lo, hi   uint64
}

// I32 makes a value.
func I32(v int32) Value { return Value{kind: KindI32, lo: uint64(uint32(v))} }

// I64 makes a value.
func I64(v int64) Value { return Value{kind: KindI64, lo: uint64(v)} }

// F32 makes a value.
func F32(v float32) Value { return Value{kind: KindF32, lo: uint64(math.Float32bits(v))} }

// F64 makes a value.
func F64(v float64) Value { return Value{kind: KindF64, lo: math.Float64bits(v)} }

// Null makes the null reference of a kind.
func Null(kind Kind) Value { return Value{kind: kind} }

// ValueOf makes a value of what a typed function takes.
func ValueOf[T Type](v T) Value {
	value := Value{kind: kindOf[T]()}
	*(*T)(unsafe.Pointer(&value.lo)) = v
	return value
}

// Kind is the value's kind.
func (v Value) Kind() Kind { return v.kind }

func get[T Type](v Value) T {
	if kind := kindOf[T](); kind != v.kind {
		panic(fmt.Sprintf("pellucid: the value is of kind %v, not %v", v.kind, kind))
	}
	return *(*T)(unsafe.Pointer(&v.lo))
}

// I32 is the value, which must be of this kind: otherwise it panics, as the other methods of this sort do.
func (v Value) I32() int32 { return get[int32](v) }

// I64 is the value.
func (v Value) I64() int64 { return get[int64](v) }

// F32 is the value.
func (v Value) F32() float32 { return get[float32](v) }

// F64 is the value.
func (v Value) F64() float64 { return get[float64](v) }

// V128 is the value.
func (v Value) V128() V128 { return get[V128](v) }

// FuncRef is the value.
func (v Value) FuncRef() FuncRef { return get[FuncRef](v) }

// ExternRef is the value.
func (v Value) ExternRef() ExternRef { return get[ExternRef](v) }

// AnyRef is the value.
func (v Value) AnyRef() AnyRef { return get[AnyRef](v) }

// ExnRef is the value.
func (v Value) ExnRef() ExnRef { return get[ExnRef](v) }

// IsNull tells whether the value is a null reference.
func (v Value) IsNull() bool { return v.kind.isReference() && v.lo == 0 && v.hi == 0 }

// Any is the value as the Go type that typed functions have for its kind; nil if it is unavailable.
func (v Value) Any() any {
	switch v.kind {
	case KindI32:
		return v.I32()
	case KindI64:
		return v.I64()
	case KindF32:
		return v.F32()
	case KindF64:
		return v.F64()
	case KindV128:
		return v.V128()
	case KindFuncRef:
		return v.FuncRef()
	case KindExternRef:
		return v.ExternRef()
	case KindAnyRef:
		return v.AnyRef()
	case KindExnRef:
		return v.ExnRef()
	}
	return nil
}

func (v Value) String() string {
	switch {
	case v.kind == KindUnavailable:
		return "unavailable"
	case v.IsNull():
		return "null"
	case v.kind == KindV128:
		return fmt.Sprintf("%x", v.V128())
	case v.kind.isReference():
		return fmt.Sprintf("%v %d", v.kind, v.hi)
	}
	return fmt.Sprint(v.Any())
}

// Convert makes a value of a kind of a Go value: a Value, what a typed function takes, any integer or float that fits, or nil
// for null.
func Convert(kind Kind, v any) (Value, error) {
	wrong := func(why string) (Value, error) {
		return Value{}, &Error{StatusTypeMismatch, fmt.Sprintf("%v (%T) %s %v", v, v, why, kind)}
	}
	switch v := v.(type) {
	case Value:
		if v.kind != kind {
			return wrong(fmt.Sprintf("is of kind %v, not", v.kind))
		}
		return v, nil
	case nil:
		if !kind.isReference() {
			return wrong("is no")
		}
		return Null(kind), nil
	case V128:
		return sameKind(kind, ValueOf(v))
	case FuncRef:
		return sameKind(kind, ValueOf(v))
	case ExternRef:
		return sameKind(kind, ValueOf(v))
	case AnyRef:
		return sameKind(kind, ValueOf(v))
	case ExnRef:
		return sameKind(kind, ValueOf(v))
	case *Func:
		return sameKind(kind, ValueOf(v.Ref()))
	case int32:
		if kind == KindI32 {
			return I32(v), nil
		}
	case int64:
		if kind == KindI64 {
			return I64(v), nil
		}
	case int:
		if kind == KindI64 || kind == KindI32 && (v == int(int32(v)) || v == int(uint32(v))) {
			return integer(kind, uint64(v)), nil
		}
	case float64:
		if kind == KindF64 {
			return F64(v), nil
		}
	}
	value := reflect.ValueOf(v)
	switch kind {
	case KindI32, KindI64:
		bits := 32
		if kind == KindI64 {
			bits = 64
		}
		switch {
		case value.CanInt():
			n := value.Int()
			if bits == 32 && n != int64(int32(n)) && n != int64(uint32(n)) {
				return wrong("doesn't fit in")
			}
			return integer(kind, uint64(n)), nil
		case value.CanUint():
			n := value.Uint()
			if bits == 32 && n != uint64(uint32(n)) {
				return wrong("doesn't fit in")
			}
			return integer(kind, n), nil
		}
	case KindF32, KindF64:
		var number float64
		switch {
		case value.CanFloat():
			number = value.Float()
		case value.CanInt():
			number = float64(value.Int())
		case value.CanUint():
			number = float64(value.Uint())
		default:
			return wrong("is no")
		}
		if kind == KindF32 {
			if single, ok := v.(float32); ok {
				return F32(single), nil
			}
			return F32(float32(number)), nil
		}
		return F64(number), nil
	}
	return wrong("is no")
}

func integer(kind Kind, n uint64) Value {
	if kind == KindI32 {
		n = uint64(uint32(n))
	}
	return Value{kind: kind, lo: n}
}

func sameKind(kind Kind, v Value) (Value, error) {
	if v.kind != kind {
		return v, &Error{StatusTypeMismatch, fmt.Sprintf("a value is of kind %v, not %v", v.kind, kind)}
	}
	return v, nil
}

func convertAll(kinds []Kind, values []any) ([]Value, error) {
	if len(kinds) != len(values) {
		return nil, &Error{StatusInvalidArgument, fmt.Sprintf("there are %d values, not %d", len(values), len(kinds))}
	}
	result := make([]Value, len(values))
	for i, v := range values {
		value, err := Convert(kinds[i], v)
		if err != nil {
			return nil, fmt.Errorf("value %d: %w", i, err)
		}
		result[i] = value
	}
	return result, nil
}

func valuePointer(values []Value) *C.pellucid_value_t {
	return (*C.pellucid_value_t)(unsafe.Pointer(unsafe.SliceData(values)))
}

func bytePointer(bytes []byte) *C.uint8_t {
	return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(bytes)))
}

func funcTypeOf(t *C.pellucid_functype_t) FuncType {
	defer C.pellucid_functype_delete(t)
	var params, results *C.pellucid_kind_t
	var nParams, nResults C.size_t
	C.pellucid_functype_params(t, &params, &nParams)
	C.pellucid_functype_results(t, &results, &nResults)
	copied := func(kinds *C.pellucid_kind_t, n C.size_t) []Kind {
		return append([]Kind{}, unsafe.Slice((*Kind)(unsafe.Pointer(kinds)), n)...)
	}
	return FuncType{copied(params, nParams), copied(results, nResults)}
}
