// Calls guests under a context: when it is cancelled, or its time is over, the call ends.
//
//	CGO_LDFLAGS="-L../../target/release -lpellucid -Wl,-rpath,$PWD/../../target/release" go run .
package main

/*
#cgo CFLAGS: -I${SRCDIR}/../../include
#include "pellucid.h"
#include <stdlib.h>
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"
)

const program = `(module
  (func (export "runaway") (param i32) (result i32) (loop (br 0)) (unreachable))
  (func (export "double") (param i32) (result i32) (i32.add (local.get 0) (local.get 0))))`

// Error is what a function of the library answered.
type Error struct {
	Status  C.pellucid_status_t
	Trap    C.pellucid_trap_t
	Message string
}

func (e *Error) Error() string { return e.Message }

// check takes the error object, if there is one.
func check(status C.pellucid_status_t, object *C.pellucid_error_t) error {
	if status == C.PELLUCID_OK {
		return nil
	}
	result := &Error{Status: status, Message: fmt.Sprintf("status %d", status)}
	if object != nil {
		var message C.pellucid_str_t
		C.pellucid_error_message(object, &message)
		result.Trap, result.Message = C.pellucid_error_trap(object), C.GoStringN(message.data, C.int(message.size))
		C.pellucid_error_delete(object)
	}
	return result
}

// Guest is an instance in a store of its own. One goroutine at a time may use it.
type Guest struct {
	engine    *C.pellucid_engine_t
	store     *C.pellucid_store_t
	instance  C.pellucid_instance_t
	interrupt *C.pellucid_interrupt_t
}

// NewGuest makes one of a module in the text format.
func NewGuest(text string) (guest *Guest, err error) {
	var object *C.pellucid_error_t
	var module *C.pellucid_module_t
	g := &Guest{}
	defer func() {
		C.pellucid_module_delete(module)
		if err != nil {
			g.Close()
			guest = nil
		}
	}()
	data := C.CString(text)
	defer C.free(unsafe.Pointer(data))
	if err := check(C.pellucid_engine_new(nil, &g.engine, &object), object); err != nil {
		return nil, err
	}
	if err := check(C.pellucid_module_new_text(g.engine, data, C.size_t(len(text)), &module, &object), object); err != nil {
		return nil, err
	}
	if err := check(C.pellucid_store_new(g.engine, nil, nil, &g.store, &object), object); err != nil {
		return nil, err
	}
	if err := check(C.pellucid_store_interrupt(g.store, &g.interrupt, &object), object); err != nil {
		return nil, err
	}
	return g, check(C.pellucid_instance_new(g.store, module, nil, 0, &g.instance, &object), object)
}

// Close deletes it.
func (g *Guest) Close() {
	C.pellucid_interrupt_delete(g.interrupt)
	C.pellucid_store_delete(g.store)
	C.pellucid_engine_delete(g.engine)
}

// Call calls a function from i32 to i32. When the context is done, the call ends and the context's error is the answer.
func (g *Guest) Call(ctx context.Context, name string, arg int32) (int32, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	var object *C.pellucid_error_t
	var item C.pellucid_extern_t
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	if err := check(C.pellucid_instance_export(g.store, &g.instance, text, C.size_t(len(name)), &item), nil); err != nil {
		return 0, err
	}
	returned, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
			C.pellucid_interrupt_request(g.interrupt, C.PELLUCID_INTERRUPT_TRAP)
		case <-returned:
		}
	}()
	var value, result C.pellucid_value_t
	*(*int32)(unsafe.Pointer(&value.of)) = arg
	function := *(*C.pellucid_func_t)(unsafe.Pointer(&item.of))
	err := check(C.pellucid_func_call(g.store, &function, &value, 1, &result, 1, &object), object)
	close(returned)
	<-watched
	// What was asked for too late isn't meant for the next call.
	C.pellucid_interrupt_withdraw(g.interrupt)
	var trap *Error
	if errors.As(err, &trap) && trap.Trap == C.PELLUCID_TRAP_INTERRUPTED && ctx.Err() != nil {
		return 0, ctx.Err()
	}
	return *(*int32)(unsafe.Pointer(&result.of)), err
}

func main() {
	guest, err := NewGuest(program)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer guest.Close()

	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		time.Sleep(50 * time.Millisecond)
		cancel()
	}()
	_, err = guest.Call(ctx, "runaway", 0)
	fmt.Println("cancelled:", err)
	_, err = guest.Call(ctx, "double", 21)
	fmt.Println("not begun:", err)

	ctx, cancel = context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = guest.Call(ctx, "runaway", 0)
	fmt.Println("out of time:", err)

	doubled, err := guest.Call(context.Background(), "double", 21)
	fmt.Println("and the next call:", doubled, err)
}
