//go:build cgo

// Package pellucid runs WebAssembly, and looks into it: with the engine Pellucid, through cgo.
//
//	engine, err := pellucid.NewEngine(nil)
//	module, err := engine.NewModuleText(`(module (func (export "add") (param i32 i32) (result i32)
//	    (i32.add (local.get 0) (local.get 1))))`)
//	store, err := engine.NewStore()
//	defer store.Close()
//	instance, err := store.Instantiate(ctx, module)
//	add, err := pellucid.Export2[int32, int32, int32](instance, "add")
//	sum, err := add(ctx, 40, 2)
//
// An Engine compiles a Module; a Store is where an Instance of it lives and runs. A Linker has what modules import: host
// functions, made of Go functions by Func1, Proc1 and their kin, and WASI. Engines, modules and linkers are used by any number
// of goroutines at once, a store with all that is in it by one at a time, whichever that is.
//
// Errors of guests are a *Trap, *Exit, *Exception or *HostError, all others an *Error; errors.Is compares them with a Status
// or TrapCode. A context that is done ends the call. A host function that panics ends the guest, and the panic goes on in who
// called the guest.
//
// With Config.Debug guests can be debugged: Func.Begin gives a Call that pauses, whose frames have locals and operands, and
// Store.Edit sets breakpoints and watchpoints.
//
// The package links the library statically; with the build tag pellucid_shared it links one that is installed, by pkg-config.
// The build tag pellucid_debug is for tests: garbage is collected at every use of the library, so that what is collected too
// early is found, and what was never closed is told on standard error.
package pellucid

//go:generate go run ./internal/typed typed.go
