package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bytecodealliance/wasmtime-go/v39"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
	"pellucid.dev/go/pellucid"
)

//go:embed tasks.go
var source string

// What the guests of the tasks are.
var (
	plain = must(wasmtime.Wat2Wasm(`(module (memory (export "memory") 1) (data (i32.const 0) "hello")
		(func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
		(func $divide (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
		(func (export "grow") (result i32) (memory.grow (i32.const 10)))
		(func (export "same") (param externref) (result externref) (local.get 0))
		(func (export "runaway") (loop (br 0))))`))
	calling = must(wasmtime.Wat2Wasm(`(module (import "env" "twice" (func $twice (param i32) (result i32)))
		(func (export "run") (param i32) (result i32) (call $twice (local.get 0))))`))
	program = must(wasmtime.Wat2Wasm(`(module
		(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
		(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
		(memory (export "memory") 1) (data (i32.const 0) "\08\00\00\00\05\00\00\00hello")
		(func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64))) (call $exit (i32.const 3))))`))
	errDisk = errors.New("the disk is full")
)

var tasks = []struct {
	what string
	// nil where an engine has nothing for it.
	do [3]func() string
	// What is told by whoever does it.
	tells string
}{
	{"call an export", [3]func() string{callPellucid, callWasmtime, callWazero}, "42"},
	{"define a host function", [3]func() string{hostPellucid, hostWasmtime, hostWazero}, "42"},
	{"read and write a memory", [3]func() string{memoryPellucid, memoryWasmtime, memoryWazero}, "hello, jello"},
	{"tell which trap, and where", [3]func() string{trapPellucid, trapWasmtime, trapWazero}, "division by zero in divide"},
	{"get a host function's error back", [3]func() string{errorPellucid, errorWasmtime, errorWazero}, "the disk is full"},
	{"end a call after some time", [3]func() string{timePellucid, timeWasmtime, timeWazero}, "out of time"},
	{"run a WASI program, output in memory", [3]func() string{wasiPellucid, wasiWasmtime, wasiWazero}, "hello 3"},
	{"pass a Go value through a guest", [3]func() string{valuePellucid, valueWasmtime, nil}, "the disk is full"},
	{"limit memory", [3]func() string{limitPellucid, limitWasmtime, limitWazero}, "-1"},
	{"limit work", [3]func() string{fuelPellucid, fuelWasmtime, nil}, "out of fuel"},
	{"stop at a function and read its locals", [3]func() string{stopPellucid, nil, nil}, "[40 2]"},
}

// doTasks does them all, and tells how many lines the body of each function has.
func doTasks() {
	files := token.NewFileSet()
	lines := map[string]int{}
	for _, decl := range must(parser.ParseFile(files, "tasks.go", source, 0)).Decls {
		if f, ok := decl.(*ast.FuncDecl); ok {
			lines[f.Name.Name] = files.Position(f.Body.Rbrace).Line - files.Position(f.Body.Lbrace).Line - 1
		}
	}
	prefixes := []string{"call", "host", "memory", "trap", "error", "time", "wasi", "value", "limit", "fuel", "stop"}
	fmt.Printf("| | %s |\n|---|%s\n", strings.Join(engines[:], " | "), strings.Repeat("---:|", len(engines)))
	for i, task := range tasks {
		fmt.Printf("| %s |", task.what)
		for n, do := range task.do {
			if do == nil {
				fmt.Print(" — |")
				continue
			}
			if told := do(); told != task.tells {
				fmt.Fprintf(os.Stderr, "%s: %s tells %q, not %q\n", task.what, engines[n], told, task.tells)
				os.Exit(1)
			}
			fmt.Printf(" %d |", lines[prefixes[i]+[]string{"Pellucid", "Wasmtime", "Wazero"}[n]])
		}
		fmt.Println()
	}
}

func callPellucid() string {
	engine := must(pellucid.NewEngine(nil))
	store := must(engine.NewStore())
	defer store.Close()
	instance := must(store.Instantiate(background, must(engine.NewModule(plain))))
	add := must(pellucid.Export2[int32, int32, int32](instance, "add"))
	return fmt.Sprint(must(add(background, 40, 2)))
}

func callWasmtime() string {
	engine := wasmtime.NewEngine()
	store := wasmtime.NewStore(engine)
	defer store.Close()
	instance := must(wasmtime.NewInstance(store, must(wasmtime.NewModule(engine, plain)), nil))
	add := instance.GetFunc(store, "add")
	return fmt.Sprint(must(add.Call(store, 40, 2)))
}

func callWazero() string {
	runtime := wazero.NewRuntime(background)
	defer runtime.Close(background)
	instance := must(runtime.Instantiate(background, plain))
	add := instance.ExportedFunction("add")
	return fmt.Sprint(int32(must(add.Call(background, 40, 2))[0]))
}

func hostPellucid() string {
	engine := must(pellucid.NewEngine(nil))
	store := must(engine.NewStore())
	defer store.Close()
	linker := pellucid.NewLinker()
	check(linker.Define("env", "twice", pellucid.Func1(func(_ *pellucid.Caller, n int32) (int32, error) { return 2 * n, nil })))
	instance := must(linker.Instantiate(background, store, must(engine.NewModule(calling))))
	return must(instance.Call(background, "run", 21))[0].String()
}

func hostWasmtime() string {
	engine := wasmtime.NewEngine()
	store := wasmtime.NewStore(engine)
	defer store.Close()
	linker := wasmtime.NewLinker(engine)
	check(linker.FuncWrap("env", "twice", func(n int32) int32 { return 2 * n }))
	instance := must(linker.Instantiate(store, must(wasmtime.NewModule(engine, calling))))
	return fmt.Sprint(must(instance.GetFunc(store, "run").Call(store, 21)))
}

func hostWazero() string {
	runtime := wazero.NewRuntime(background)
	defer runtime.Close(background)
	twice := func(n int32) int32 { return 2 * n }
	must(runtime.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(twice).Export("twice").Instantiate(background))
	instance := must(runtime.Instantiate(background, calling))
	return fmt.Sprint(int32(must(instance.ExportedFunction("run").Call(background, 21))[0]))
}

func memoryPellucid() string {
	engine := must(pellucid.NewEngine(nil))
	store := must(engine.NewStore())
	defer store.Close()
	instance := must(store.Instantiate(background, must(engine.NewModule(plain))))
	memory := must(instance.Memory("memory"))
	before := must(memory.String(0, 5))
	check(memory.Write(0, []byte("j")))
	return before + ", " + must(memory.String(0, 5))
}

func memoryWasmtime() string {
	engine := wasmtime.NewEngine()
	store := wasmtime.NewStore(engine)
	defer store.Close()
	instance := must(wasmtime.NewInstance(store, must(wasmtime.NewModule(engine, plain)), nil))
	bytes := instance.GetExport(store, "memory").Memory().UnsafeData(store)
	before := string(bytes[:5])
	copy(bytes, "j")
	return before + ", " + string(bytes[:5])
}

func memoryWazero() string {
	runtime := wazero.NewRuntime(background)
	defer runtime.Close(background)
	memory := must(runtime.Instantiate(background, plain)).Memory()
	bytes, _ := memory.Read(0, 5)
	before := string(bytes)
	memory.Write(0, []byte("j"))
	bytes, _ = memory.Read(0, 5)
	return before + ", " + string(bytes)
}

func trapPellucid() string {
	engine := must(pellucid.NewEngine(nil))
	store := must(engine.NewStore())
	defer store.Close()
	instance := must(store.Instantiate(background, must(engine.NewModule(plain))))
	_, err := instance.Call(background, "divide", 1, 0)
	var trap *pellucid.Trap
	if errors.As(err, &trap) && trap.Code == pellucid.TrapIntegerDivideByZero {
		return "division by zero in " + trap.Frames[0].Func
	}
	return fmt.Sprint(err)
}

func trapWasmtime() string {
	engine := wasmtime.NewEngine()
	store := wasmtime.NewStore(engine)
	defer store.Close()
	instance := must(wasmtime.NewInstance(store, must(wasmtime.NewModule(engine, plain)), nil))
	_, err := instance.GetFunc(store, "divide").Call(store, 1, 0)
	var trap *wasmtime.Trap
	if errors.As(err, &trap) && trap.Code() != nil && *trap.Code() == wasmtime.IntegerDivisionByZero {
		return "division by zero in " + *trap.Frames()[0].FuncName()
	}
	return fmt.Sprint(err)
}

func trapWazero() string {
	runtime := wazero.NewRuntime(background)
	defer runtime.Close(background)
	instance := must(runtime.Instantiate(background, plain))
	_, err := instance.ExportedFunction("divide").Call(background, 1, 0)
	// There are texts only.
	if strings.Contains(err.Error(), "integer divide by zero") {
		_, where, _ := strings.Cut(err.Error(), "wasm stack trace:\n\t.")
		name, _, _ := strings.Cut(where, "(")
		return "division by zero in " + name
	}
	return fmt.Sprint(err)
}

func errorPellucid() string {
	engine := must(pellucid.NewEngine(nil))
	store := must(engine.NewStore())
	defer store.Close()
	linker := pellucid.NewLinker()
	check(linker.Define("env", "twice", pellucid.Func1(func(*pellucid.Caller, int32) (int32, error) { return 0, errDisk })))
	instance := must(linker.Instantiate(background, store, must(engine.NewModule(calling))))
	_, err := instance.Call(background, "run", 21)
	if errors.Is(err, errDisk) {
		return err.Error()
	}
	return "something else"
}

func errorWasmtime() string {
	engine := wasmtime.NewEngine()
	store := wasmtime.NewStore(engine)
	defer store.Close()
	linker := wasmtime.NewLinker(engine)
	// A host function fails with a trap that has a text: the error is kept beside it.
	var failure error
	check(linker.FuncWrap("env", "twice", func(int32) (int32, *wasmtime.Trap) {
		failure = errDisk
		return 0, wasmtime.NewTrap(failure.Error())
	}))
	instance := must(linker.Instantiate(store, must(wasmtime.NewModule(engine, calling))))
	_, err := instance.GetFunc(store, "run").Call(store, 21)
	if err != nil && errors.Is(failure, errDisk) {
		return failure.Error()
	}
	return "something else"
}

func errorWazero() string {
	runtime := wazero.NewRuntime(background)
	defer runtime.Close(background)
	// A host function fails by a panic.
	twice := func(int32) int32 { panic(errDisk) }
	must(runtime.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(twice).Export("twice").Instantiate(background))
	instance := must(runtime.Instantiate(background, calling))
	_, err := instance.ExportedFunction("run").Call(background, 21)
	if errors.Is(err, errDisk) {
		return errDisk.Error()
	}
	return "something else"
}

func timePellucid() string {
	engine := must(pellucid.NewEngine(nil))
	store := must(engine.NewStore())
	defer store.Close()
	instance := must(store.Instantiate(background, must(engine.NewModule(plain))))
	ctx, cancel := context.WithTimeout(background, 20*time.Millisecond)
	defer cancel()
	_, err := instance.Call(ctx, "runaway")
	if errors.Is(err, context.DeadlineExceeded) {
		return "out of time"
	}
	return fmt.Sprint(err)
}

func timeWasmtime() string {
	config := wasmtime.NewConfig()
	config.SetEpochInterruption(true)
	engine := wasmtime.NewEngineWithConfig(config)
	store := wasmtime.NewStore(engine)
	defer store.Close()
	store.SetEpochDeadline(1)
	instance := must(wasmtime.NewInstance(store, must(wasmtime.NewModule(engine, plain)), nil))
	timer := time.AfterFunc(20*time.Millisecond, engine.IncrementEpoch)
	defer timer.Stop()
	_, err := instance.GetFunc(store, "runaway").Call(store)
	var trap *wasmtime.Trap
	if errors.As(err, &trap) && trap.Code() != nil && *trap.Code() == wasmtime.Interrupt {
		return "out of time"
	}
	return fmt.Sprint(err)
}

func timeWazero() string {
	config := wazero.NewRuntimeConfig().WithCloseOnContextDone(true)
	runtime := wazero.NewRuntimeWithConfig(background, config)
	defer runtime.Close(background)
	instance := must(runtime.Instantiate(background, plain))
	ctx, cancel := context.WithTimeout(background, 20*time.Millisecond)
	defer cancel()
	_, err := instance.ExportedFunction("runaway").Call(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return "out of time"
	}
	return fmt.Sprint(err)
}

func wasiPellucid() string {
	engine := must(pellucid.NewEngine(nil))
	store := must(engine.NewStore())
	defer store.Close()
	linker := pellucid.NewLinker()
	var output bytes.Buffer
	check(linker.DefineWASI(&pellucid.WASI{Args: []string{"program"}, Stdout: &output}))
	instance := must(linker.Instantiate(background, store, must(engine.NewModule(program))))
	var exit *pellucid.Exit
	if err := instance.Start(background); !errors.As(err, &exit) {
		return fmt.Sprint(err)
	}
	return fmt.Sprint(output.String(), " ", exit.Code)
}

func wasiWasmtime() string {
	engine := wasmtime.NewEngine()
	store := wasmtime.NewStore(engine)
	defer store.Close()
	linker := wasmtime.NewLinker(engine)
	check(linker.DefineWasi())
	// Output goes to files only.
	folder := must(os.MkdirTemp("", ""))
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "output")
	config := wasmtime.NewWasiConfig()
	config.SetArgv([]string{"program"})
	check(config.SetStdoutFile(path))
	store.SetWasi(config)
	instance := must(linker.Instantiate(store, must(wasmtime.NewModule(engine, program))))
	_, err := instance.GetFunc(store, "_start").Call(store)
	var failure *wasmtime.Error
	if !errors.As(err, &failure) {
		return fmt.Sprint(err)
	}
	code, _ := failure.ExitStatus()
	return fmt.Sprint(string(must(os.ReadFile(path))), " ", code)
}

func wasiWazero() string {
	runtime := wazero.NewRuntime(background)
	defer runtime.Close(background)
	must(wasi_snapshot_preview1.Instantiate(background, runtime))
	var output bytes.Buffer
	config := wazero.NewModuleConfig().WithArgs("program").WithStdout(&output)
	var exit *sys.ExitError
	if _, err := runtime.InstantiateWithConfig(background, program, config); !errors.As(err, &exit) {
		return fmt.Sprint(err)
	}
	return fmt.Sprint(output.String(), " ", exit.ExitCode())
}

func valuePellucid() string {
	engine := must(pellucid.NewEngine(nil))
	store := must(engine.NewStore())
	defer store.Close()
	instance := must(store.Instantiate(background, must(engine.NewModule(plain))))
	same := must(pellucid.Export1[pellucid.ExternRef, pellucid.ExternRef](instance, "same"))
	back := must(same(background, must(store.NewExternRef(errDisk))))
	return must(store.ExternValue(back)).(error).Error()
}

func valueWasmtime() string {
	engine := wasmtime.NewEngine()
	store := wasmtime.NewStore(engine)
	defer store.Close()
	instance := must(wasmtime.NewInstance(store, must(wasmtime.NewModule(engine, plain)), nil))
	back := must(instance.GetFunc(store, "same").Call(store, errDisk))
	return back.(error).Error()
}

func limitPellucid() string {
	limits := map[pellucid.Limit]uint64{pellucid.LimitMemoryBytes: 4 << 16}
	engine := must(pellucid.NewEngine(&pellucid.Config{Limits: limits}))
	store := must(engine.NewStore())
	defer store.Close()
	instance := must(store.Instantiate(background, must(engine.NewModule(plain))))
	return must(instance.Call(background, "grow"))[0].String()
}

func limitWasmtime() string {
	engine := wasmtime.NewEngine()
	store := wasmtime.NewStore(engine)
	defer store.Close()
	store.Limiter(4<<16, -1, -1, -1, -1)
	instance := must(wasmtime.NewInstance(store, must(wasmtime.NewModule(engine, plain)), nil))
	return fmt.Sprint(must(instance.GetFunc(store, "grow").Call(store)))
}

func limitWazero() string {
	runtime := wazero.NewRuntimeWithConfig(background, wazero.NewRuntimeConfig().WithMemoryLimitPages(4))
	defer runtime.Close(background)
	instance := must(runtime.Instantiate(background, plain))
	return fmt.Sprint(api.DecodeI32(must(instance.ExportedFunction("grow").Call(background))[0]))
}

func fuelPellucid() string {
	engine := must(pellucid.NewEngine(&pellucid.Config{Fuel: true}))
	store := must(engine.NewStore())
	defer store.Close()
	check(store.SetFuel(10000))
	instance := must(store.Instantiate(background, must(engine.NewModule(plain))))
	if _, err := instance.Call(background, "runaway"); errors.Is(err, pellucid.TrapOutOfFuel) {
		return "out of fuel"
	}
	return "something else"
}

func fuelWasmtime() string {
	config := wasmtime.NewConfig()
	config.SetConsumeFuel(true)
	engine := wasmtime.NewEngineWithConfig(config)
	store := wasmtime.NewStore(engine)
	defer store.Close()
	check(store.SetFuel(10000))
	instance := must(wasmtime.NewInstance(store, must(wasmtime.NewModule(engine, plain)), nil))
	_, err := instance.GetFunc(store, "runaway").Call(store)
	// The constant for it isn't the code that the trap has.
	if err != nil && strings.Contains(err.Error(), "all fuel consumed") {
		return "out of fuel"
	}
	return fmt.Sprint(err)
}

func stopPellucid() string {
	engine := must(pellucid.NewEngine(&pellucid.Config{Debug: true}))
	store := must(engine.NewStore())
	defer store.Close()
	instance := must(store.Instantiate(background, must(engine.NewModule(plain))))
	check(store.Edit(func(edit *pellucid.Edit) error { _, err := edit.AddAtFuncName(nil, "add"); return err }))
	call := must(must(instance.Func("add")).Begin(40, 2))
	defer call.Close()
	must(call.Resume(background, pellucid.Continue))
	return fmt.Sprint(must(must(call.Frame()).Locals()))
}
