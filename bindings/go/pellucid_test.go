//go:build cgo

package pellucid_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pellucid.dev/go/pellucid"
)

var background = context.Background()

// most is how often something is done; less where garbage is collected each time.
func most(n int) int {
	if testing.Short() {
		return n/50 + 1
	}
	return n
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func engine(t testing.TB, config *pellucid.Config) *pellucid.Engine {
	t.Helper()
	e, err := pellucid.NewEngine(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func store(t testing.TB, e *pellucid.Engine) *pellucid.Store {
	t.Helper()
	s, err := e.NewStore()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// guest makes an instance of a module in the text format in a store of its own.
func guest(t testing.TB, config *pellucid.Config, linker *pellucid.Linker, wat string) *pellucid.Instance {
	t.Helper()
	e := engine(t, config)
	m, err := e.NewModuleText(wat)
	if err != nil {
		t.Fatal(err)
	}
	if linker == nil {
		linker = pellucid.NewLinker()
	}
	i, err := linker.Instantiate(background, store(t, e), m)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func equal[T comparable](t testing.TB, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%v, not %v", got, want)
	}
}

func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("the error is %v, not %v", err, want)
	}
}

const numbers = `(module
	(func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
	(func (export "mix") (param i32 i64 f32 f64) (result f64)
		(f64.add (f64.add (f64.convert_i32_s (local.get 0)) (f64.convert_i64_s (local.get 1)))
			(f64.add (f64.promote_f32 (local.get 2)) (local.get 3))))
	(func (export "swap") (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
	(func (export "nothing"))
	(func (export "vector") (param v128) (result v128) (i8x16.add (local.get 0) (local.get 0)))
	(func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1))))`

func TestTypedCalls(t *testing.T) {
	i := guest(t, nil, nil, numbers)
	add := must(pellucid.Export2[int32, int32, int32](i, "add"))
	equal(t, must(add(background, 40, 2)), 42)
	unsigned := must(pellucid.Export2[uint32, uint32, uint32](i, "add"))
	equal(t, must(unsigned(background, math.MaxUint32, 1)), 0)
	type address uint32
	named := must(pellucid.Export2[address, uint32, address](i, "add"))
	equal(t, must(named(background, 8, 8)), 16)
	mix := must(pellucid.Export4[int32, int64, float32, float64, float64](i, "mix"))
	equal(t, must(mix(background, -1, 1<<40, 0.5, 0.25)), 1<<40-0.25)
	swap := must(pellucid.Export2x2[int32, int64, int64, int32](i, "swap"))
	a, b, err := swap(background, 1, 2)
	if err != nil || a != 2 || b != 1 {
		t.Fatal(a, b, err)
	}
	nothing := must(pellucid.ExportProc0(i, "nothing"))
	if err := nothing(background); err != nil {
		t.Fatal(err)
	}
	vector := must(pellucid.Export1[pellucid.V128, pellucid.V128](i, "vector"))
	equal(t, must(vector(background, pellucid.V128{0: 1, 15: 4})), pellucid.V128{0: 2, 15: 8})
	_, err = pellucid.Export2[int32, int64, int32](i, "add")
	is(t, err, pellucid.StatusTypeMismatch)
	_, err = pellucid.Export0[int32](i, "absent")
	is(t, err, pellucid.StatusNotFound)
}

func TestDynamicCalls(t *testing.T) {
	i := guest(t, nil, nil, numbers)
	equal(t, must(i.Call(background, "add", 40, uint8(2)))[0].I32(), 42)
	swapped := must(i.Call(background, "swap", 7, int64(-9)))
	equal(t, fmt.Sprint(swapped), "[-9 7]")
	equal(t, must(i.Call(background, "mix", 1, 2, 3, 4.5))[0], pellucid.F64(10.5))
	for _, args := range [][]any{{1}, {1, "2"}, {1, int64(1) << 40}, {1, 2.5}, {1, nil}, {1, pellucid.I64(2)}} {
		if _, err := i.Call(background, "add", args...); err == nil {
			t.Fatal(args, "were taken")
		}
	}
	kind := must(must(i.Func("swap")).Type())
	equal(t, kind.String(), "[i32 i64] -> [i64 i32]")
}

func TestSerializedModules(t *testing.T) {
	const wat = `(module (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))`
	works := func(e *pellucid.Engine, module *pellucid.Module) {
		t.Helper()
		instance := must(store(t, e).Instantiate(background, module))
		equal(t, must(must(instance.Func("double")).Call(background, 21))[0].I32(), 42)
	}
	folder := t.TempDir()
	e := engine(t, nil)
	module := must(e.NewModuleText(wat))
	serialized := must(module.Serialize())
	works(e, must(e.Deserialize(serialized)))
	path := filepath.Join(folder, "module")
	if err := module.SerializeFile(path); err != nil {
		t.Fatal(err)
	}
	equal(t, string(must(os.ReadFile(path))), string(serialized))
	mapped := must(e.DeserializeFile(path))
	os.Remove(path)
	works(e, mapped)
	_, err := e.DeserializeFile(path)
	is(t, err, pellucid.StatusNotFound)
	_, err = engine(t, &pellucid.Config{Debug: true}).Deserialize(serialized)
	is(t, err, pellucid.StatusIncompatible)
	serialized[len(serialized)-1] ^= 1
	for _, wrong := range [][]byte{serialized, serialized[:100], nil} {
		_, err = e.Deserialize(wrong)
		is(t, err, pellucid.StatusInvalidModule)
	}
	// It is made for this user alone.
	cache := filepath.Join(folder, "cache")
	for round := 0; round < 2; round++ {
		caching := engine(t, &pellucid.Config{Cache: cache})
		works(caching, must(caching.NewModuleText(wat)))
		equal(t, len(must(os.ReadDir(cache))), 1)
	}
}

func TestHostFunctions(t *testing.T) {
	linker := pellucid.NewLinker()
	var told []string
	define := func(name string, f pellucid.HostFunc) {
		if err := linker.Define("env", name, f); err != nil {
			t.Fatal(err)
		}
	}
	define("mul", pellucid.Func2(func(_ *pellucid.Caller, a, b int32) (int32, error) { return a * b, nil }))
	define("swap", pellucid.Func2x2(func(_ *pellucid.Caller, a int64, b float64) (float64, int64, error) { return b, a, nil }))
	define("tell", pellucid.Proc2(func(c *pellucid.Caller, at, size uint32) error {
		text, err := must(c.Memory("memory")).String(uint64(at), uint64(size))
		told = append(told, text)
		return err
	}))
	define("sum", pellucid.DynamicFunc(
		pellucid.FuncType{Params: []pellucid.Kind{pellucid.KindI32, pellucid.KindF64}, Results: []pellucid.Kind{pellucid.KindF64}},
		func(_ *pellucid.Caller, args []pellucid.Value) ([]any, error) {
			return []any{float64(args[0].I32()) + args[1].F64()}, nil
		}))
	is(t, linker.Define("env", "mul", pellucid.Proc0(func(*pellucid.Caller) error { return nil })), pellucid.StatusLink)
	const wat = `(module
		(import "env" "mul" (func $mul (param i32 i32) (result i32)))
		(import "env" "swap" (func $swap (param i64 f64) (result f64 i64)))
		(import "env" "tell" (func $tell (param i32 i32)))
		(import "env" "sum" (func $sum (param i32 f64) (result f64)))
		(memory (export "memory") 1) (data (i32.const 16) "hello")
		(func (export "mul") (param i32 i32) (result i32) (call $mul (local.get 0) (local.get 1)))
		(func (export "swap") (param i64 f64) (result f64 i64) (call $swap (local.get 0) (local.get 1)))
		(func (export "tell") (call $tell (i32.const 16) (i32.const 5)))
		(func (export "far") (call $tell (i32.const 65535) (i32.const 2)))
		(func (export "sum") (param i32 f64) (result f64) (call $sum (local.get 0) (local.get 1))))`
	i := guest(t, nil, linker, wat)
	equal(t, must(i.Call(background, "mul", 6, 7))[0].I32(), 42)
	equal(t, fmt.Sprint(must(i.Call(background, "swap", 5, 2.5))), "[2.5 5]")
	equal(t, must(i.Call(background, "sum", 2, 0.5))[0].F64(), 2.5)
	must(i.Call(background, "tell"))
	equal(t, strings.Join(told, ","), "hello")
	_, err := i.Call(background, "far")
	is(t, err, pellucid.StatusOutOfRange)
	is(t, err, pellucid.StatusHost)
	// The linker serves another store, too, and a host function can be called as it is.
	other := guest(t, nil, linker, wat)
	equal(t, must(other.Call(background, "mul", 3, 4))[0].I32(), 12)
	f := must(other.Store().NewFunc(pellucid.Func0(func(c *pellucid.Caller) (int32, error) {
		_, err := c.Instance()
		is(t, err, pellucid.StatusNotFound)
		return 9, nil
	})))
	equal(t, must(f.Call(background))[0].I32(), 9)
}

func TestCallerEnds(t *testing.T) {
	linker := pellucid.NewLinker()
	var kept *pellucid.Caller
	linker.Define("env", "f", pellucid.Proc0(func(c *pellucid.Caller) error { kept = c; return nil }))
	i := guest(t, nil, linker, `(module (import "env" "f" (func $f)) (memory (export "memory") 1) (func (export "run") (call $f)))`)
	must(i.Call(background, "run"))
	_, err := kept.Memory("memory")
	is(t, err, pellucid.StatusNullArgument)
}

func TestTraps(t *testing.T) {
	i := guest(t, nil, nil, `(module $named (memory (export "memory") 1)
		(func $inner (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
		(func (export "outer") (param i32) (result i32) (call $inner (i32.const 1) (local.get 0)))
		(func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
		(func $recurse (export "recurse") (call $recurse)))`)
	_, err := i.Call(background, "outer", 0)
	is(t, err, pellucid.TrapIntegerDivideByZero)
	is(t, err, pellucid.StatusTrap)
	var trap *pellucid.Trap
	if !errors.As(err, &trap) || len(trap.Frames) != 2 || trap.Frames[0].Func != "inner" || trap.Frames[1].FuncIndex != 1 {
		t.Fatalf("%#v", trap)
	}
	if !strings.HasPrefix(trap.Frames.String(), "named!inner at 0x") {
		t.Fatal(trap.Frames)
	}
	_, err = i.Call(background, "load", 65534)
	if !errors.As(err, &trap) || trap.Fault == nil || trap.Fault.Address != 65536 {
		t.Fatalf("%v %+v", err, trap.Fault)
	}
	_, err = i.Call(background, "recurse")
	is(t, err, pellucid.TrapCallStackExhausted)
}

var errOfHost = errors.New("the disk is full")

func TestErrorsOfHostFunctions(t *testing.T) {
	linker := pellucid.NewLinker()
	linker.Define("env", "fail", pellucid.Proc0(func(*pellucid.Caller) error { return fmt.Errorf("wrapped: %w", errOfHost) }))
	linker.Define("env", "nest", pellucid.Proc1(func(c *pellucid.Caller, which int32) error {
		name := []string{"fail", "trap"}[which]
		_, err := must(c.Instance()).Call(c.Context(), name)
		if err != nil {
			err = fmt.Errorf("nested: %w", err)
		}
		return err
	}))
	linker.Define("env", "recover", pellucid.Proc0(func(c *pellucid.Caller) error {
		_, err := must(c.Instance()).Call(c.Context(), "fail")
		is(t, err, errOfHost)
		return nil
	}))
	i := guest(t, nil, linker, `(module
		(import "env" "fail" (func $fail)) (import "env" "nest" (func $nest (param i32))) (import "env" "recover" (func $recover))
		(func (export "fail") (call $fail)) (func (export "trap") unreachable)
		(func (export "nest") (param i32) (call $nest (local.get 0)))
		(func (export "recover") (call $recover) (call $recover) unreachable))`)
	_, err := i.Call(background, "fail")
	is(t, err, errOfHost)
	is(t, err, pellucid.StatusHost)
	equal(t, err.Error(), "wrapped: the disk is full")
	var host *pellucid.HostError
	if !errors.As(err, &host) || len(host.Frames) != 1 {
		t.Fatalf("%#v", err)
	}
	_, err = i.Call(background, "nest", 0)
	is(t, err, errOfHost)
	// A trap stays a trap through host functions.
	_, err = i.Call(background, "nest", 1)
	is(t, err, pellucid.TrapUnreachable)
	var trap *pellucid.Trap
	if !errors.As(err, &trap) || trap.Cause == nil || !strings.Contains(trap.Cause.Error(), "nested: ") {
		t.Fatalf("%#v", err)
	}
	// What was dealt with isn't told of later.
	_, err = i.Call(background, "recover")
	is(t, err, pellucid.TrapUnreachable)
	if errors.Is(err, errOfHost) {
		t.Fatal(err)
	}
}

func TestPanicsCrossTheGuest(t *testing.T) {
	linker := pellucid.NewLinker()
	type odd struct{ n int }
	cleaned := 0
	linker.Define("env", "panic", pellucid.Proc0(func(*pellucid.Caller) error { panic(&odd{7}) }))
	linker.Define("env", "nest", pellucid.Proc0(func(c *pellucid.Caller) error {
		defer func() { cleaned++ }()
		_, err := must(c.Instance()).Call(c.Context(), "panic")
		t.Error("it went on with", err)
		return err
	}))
	linker.Define("env", "index", pellucid.Proc0(func(*pellucid.Caller) error {
		var none []int
		_ = none[len(none)]
		return nil
	}))
	i := guest(t, nil, linker, `(module (import "env" "panic" (func $panic)) (import "env" "nest" (func $nest))
		(import "env" "index" (func $index))
		(func (export "panic") (call $panic)) (func (export "nest") (call $nest)) (func (export "index") (call $index))
		(func (export "fine") (result i32) (i32.const 5)))`)
	catch := func(name string) (value any) {
		defer func() { value = recover() }()
		i.Call(background, name)
		return nil
	}
	for _, name := range []string{"panic", "nest"} {
		if o, ok := catch(name).(*odd); !ok || o.n != 7 {
			t.Fatal(name, o)
		}
		if !strings.Contains(string(i.Store().PanicStack()), "TestPanicsCrossTheGuest") {
			t.Fatalf("%s", i.Store().PanicStack())
		}
	}
	if _, ok := catch("index").(runtime.Error); !ok || cleaned != 1 {
		t.Fatal(cleaned)
	}
	equal(t, must(i.Call(background, "fine"))[0].I32(), 5)
}

func TestContexts(t *testing.T) {
	linker := pellucid.NewLinker()
	type key struct{}
	linker.Define("env", "value", pellucid.Func0(func(c *pellucid.Caller) (int32, error) {
		return c.Context().Value(key{}).(int32), nil
	}))
	linker.Define("env", "wait", pellucid.Proc0(func(c *pellucid.Caller) error {
		_, err := must(c.Instance()).Call(c.Context(), "runaway")
		return err
	}))
	linker.Define("env", "short", pellucid.Func0(func(c *pellucid.Caller) (int32, error) {
		ctx, cancel := context.WithTimeout(background, 10*time.Millisecond)
		defer cancel()
		_, err := must(c.Instance()).Call(ctx, "runaway")
		is(t, err, context.DeadlineExceeded)
		return 1, nil
	}))
	i := guest(t, nil, linker, `(module (import "env" "value" (func $value (result i32))) (import "env" "wait" (func $wait))
		(import "env" "short" (func $short (result i32)))
		(func (export "value") (result i32) (call $value)) (func (export "wait") (call $wait))
		(func (export "short") (result i32) (call $short))
		(func (export "runaway") (loop (br 0))) (func (export "double") (param i32) (result i32) (i32.add (local.get 0) (local.get 0))))`)
	runaway := must(pellucid.ExportProc0(i, "runaway"))
	double := must(pellucid.Export1[int32, int32](i, "double"))

	ctx, cancel := context.WithCancelCause(background)
	why := errors.New("the user has closed the window")
	go func() { time.Sleep(20 * time.Millisecond); cancel(why) }()
	err := runaway(ctx)
	is(t, err, context.Canceled)
	is(t, err, why)
	is(t, err, pellucid.TrapInterrupted)
	_, err = double(ctx, 21)
	is(t, err, context.Canceled)
	equal(t, must(double(background, 21)), 42)

	for _, name := range []string{"runaway", "wait"} {
		ctx, done := context.WithTimeout(background, 20*time.Millisecond)
		_, err = i.Call(ctx, name)
		is(t, err, context.DeadlineExceeded)
		done()
	}
	// Each call has its own.
	alive, end := context.WithCancel(background)
	defer end()
	must(double(alive, 1))
	last := must(i.Store().Interrupt())
	timer := time.AfterFunc(10*time.Second, func() { last.Request(pellucid.InterruptTrap) })
	short, done := context.WithTimeout(background, 20*time.Millisecond)
	defer done()
	is(t, runaway(short), context.DeadlineExceeded)
	timer.Stop()
	must(double(alive, 1))
	// A nested call that is ended takes the outer one with it.
	_, err = i.Call(background, "short")
	is(t, err, context.DeadlineExceeded)
	valued := context.WithValue(background, key{}, int32(11))
	equal(t, must(i.Call(valued, "value"))[0].I32(), 11)
	// Contexts that are done late meet no other call.
	for n := 0; n < most(300); n++ {
		ctx, done := context.WithTimeout(background, time.Duration(n)*time.Microsecond)
		if v, err := double(ctx, 1); err != nil && !errors.Is(err, context.DeadlineExceeded) || err == nil && v != 2 {
			t.Fatal(v, err)
		}
		done()
		equal(t, must(double(background, int32(n))), int32(2*n))
	}
}

func TestContextWithoutInterrupts(t *testing.T) {
	i := guest(t, &pellucid.Config{NoSignalHandlers: true}, nil, numbers)
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	_, err := i.Call(ctx, "add", 1, 2)
	is(t, err, pellucid.StatusUnsupported)
	equal(t, must(i.Call(background, "add", 1, 2))[0].I32(), 3)
	_, err = i.Call(background, "divide", 1, 0)
	is(t, err, pellucid.TrapIntegerDivideByZero)
}

func TestGoroutinesMove(t *testing.T) {
	i := guest(t, nil, nil, numbers)
	add := must(pellucid.Export2[int32, int32, int32](i, "add"))
	var turn sync.Mutex
	var all sync.WaitGroup
	for n := int32(0); n < 16; n++ {
		n := n
		all.Add(1)
		go func() {
			defer all.Done()
			for k := int32(0); k < int32(most(200)); k++ {
				turn.Lock()
				v, err := add(background, n, k)
				turn.Unlock()
				if err != nil || v != n+k {
					t.Error(v, err)
				}
				runtime.Gosched()
			}
		}()
	}
	all.Wait()
}

func TestManyStoresAtOnce(t *testing.T) {
	e := engine(t, nil)
	linker := pellucid.NewLinker()
	linker.Define("env", "keep", pellucid.Func1(func(c *pellucid.Caller, n int32) (pellucid.ExternRef, error) {
		return c.Store().NewExternRef(n)
	}))
	m := must(e.NewModuleText(`(module (import "env" "keep" (func $keep (param i32) (result externref)))
		(func (export "run") (param i32) (result externref) (call $keep (local.get 0))) (func (export "runaway") (loop (br 0))))`))
	var all sync.WaitGroup
	for g := 0; g < 6; g++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := 0; n < most(60); n++ {
				s := must(e.NewStore())
				i := must(linker.Instantiate(background, s, m))
				ctx, cancel := context.WithTimeout(background, time.Duration(n%7)*100*time.Microsecond)
				run := must(pellucid.Export1[int32, pellucid.ExternRef](i, "run"))
				for k := int32(0); k < 20; k++ {
					r, err := run(ctx, k)
					if err != nil {
						is(t, err, context.DeadlineExceeded)
						break
					}
					if must(s.ExternValue(r)) != any(k) {
						t.Error("it is another value")
					}
				}
				_, err := i.Call(ctx, "runaway")
				is(t, err, context.DeadlineExceeded)
				cancel()
				// Every third is left to be collected.
				if n%3 != 0 {
					s.Close()
				}
			}
		}()
	}
	all.Wait()
	runtime.GC()
}

func TestBusy(t *testing.T) {
	i := guest(t, nil, nil, `(module (func (export "runaway") (loop (br 0))) (func (export "fine")))`)
	ctx, cancel := context.WithCancel(background)
	done := make(chan error)
	go func() {
		_, err := i.Call(ctx, "runaway")
		done <- err
	}()
	time.Sleep(50 * time.Millisecond)
	_, err := i.Func("fine")
	is(t, err, pellucid.StatusBusy)
	if !isRace {
		// The binding's own look is at what the other goroutine may be writing.
		is(t, i.Store().Close(), pellucid.StatusBusy)
		_, err = i.Store().NewExternRef(1)
		is(t, err, pellucid.StatusBusy)
	}
	cancel()
	is(t, <-done, context.Canceled)
	must(i.Call(background, "fine"))
}

func TestMemory(t *testing.T) {
	i := guest(t, nil, nil, `(module (memory (export "memory") 1 3) (data (i32.const 8) "abc")
		(func (export "grow") (result i32) (memory.grow (i32.const 1)))
		(func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0))))`)
	m := must(i.Memory("memory"))
	equal(t, must(m.String(8, 3)), "abc")
	view := must(m.Bytes())
	equal(t, len(view), 65536)
	view[100] = 77
	equal(t, must(i.Call(background, "get", 100))[0].I32(), 77)
	is(t, m.Write(65535, []byte{1, 2}), pellucid.StatusOutOfRange)
	_, err := m.View(math.MaxUint64, 2)
	is(t, err, pellucid.StatusOutOfRange)
	must(i.Call(background, "grow"))
	// What was there stays where it was, and what has come is seen.
	if err := m.Write(65535, []byte{1, 2}); err != nil || view[65535] != 1 {
		t.Fatal(err)
	}
	equal(t, must(m.Grow(1)), 2)
	_, err = m.Grow(1)
	is(t, err, pellucid.StatusLimit)
	equal(t, must(m.Size()), 3*65536)
	tail := make([]byte, 10)
	n, err := m.ReadAt(tail, 3*65536-4)
	if n != 4 || err != io.EOF {
		t.Fatal(n, err)
	}
	kind := must(m.Type())
	equal(t, *kind.Max, 3)
	imported := must(i.Store().NewMemory(pellucid.MemoryType{Min: 1}))
	equal(t, must(imported.Size()), 65536)
}

func TestTablesGlobalsTags(t *testing.T) {
	i := guest(t, nil, nil, `(module (table (export "table") 2 8 funcref) (global (export "counter") (mut i64) (i64.const 5))
		(global (export "fixed") f32 (f32.const 1.5)) (tag (export "tag") (param i32 f64))
		(func $seven (export "seven") (result i32) (i32.const 7)) (elem (i32.const 0) $seven)
		(func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))`)
	table := must(i.Table("table"))
	seven := s0(must(table.Get(0)))
	equal(t, must(i.Store().Func(seven).Call(background))[0].I32(), 7)
	equal(t, must(table.Get(1)).IsNull(), true)
	nine := must(i.Store().NewFunc(pellucid.Func0(func(*pellucid.Caller) (int32, error) { return 9, nil })))
	if err := table.Set(1, nine); err != nil {
		t.Fatal(err)
	}
	equal(t, must(i.Call(background, "call", 1))[0].I32(), 9)
	equal(t, must(table.Grow(3, nil)), 2)
	is(t, table.Set(5, nil), pellucid.StatusOutOfRange)
	is(t, table.Set(0, 12), pellucid.StatusTypeMismatch)
	equal(t, must(table.Size()), 5)
	counter := must(i.Global("counter"))
	if err := counter.Set(uint16(40)); err != nil {
		t.Fatal(err)
	}
	equal(t, must(counter.Get()), pellucid.I64(40))
	if must(i.Global("fixed")).Set(1.0) == nil {
		t.Fatal("an immutable global was set")
	}
	equal(t, fmt.Sprint(must(must(i.Tag("tag")).Type()).Params), "[i32 f64]")
	_, err := i.Memory("table")
	is(t, err, pellucid.StatusTypeMismatch)
}

func s0(v pellucid.Value) pellucid.FuncRef { return v.FuncRef() }

func TestExternRefs(t *testing.T) {
	linker := pellucid.NewLinker()
	var freed atomic.Int32
	linker.Define("env", "large", pellucid.Func0(func(c *pellucid.Caller) (pellucid.ExternRef, error) {
		large := &[100]int{}
		runtime.SetFinalizer(large, func(*[100]int) { freed.Add(1) })
		return c.Store().NewExternRef(large)
	}))
	linker.Define("env", "make", pellucid.Func1(func(c *pellucid.Caller, n int32) (pellucid.ExternRef, error) {
		return c.Store().NewExternRef(fmt.Sprint("value ", n))
	}))
	linker.Define("env", "join", pellucid.Func2(func(c *pellucid.Caller, a, b pellucid.ExternRef) (pellucid.ExternRef, error) {
		return c.Store().NewExternRef(must(c.Store().ExternValue(a)).(string) + "+" + must(c.Store().ExternValue(b)).(string))
	}))
	i := guest(t, nil, linker, `(module (import "env" "make" (func $make (param i32) (result externref)))
		(import "env" "large" (func $large (result externref)))
		(import "env" "join" (func $join (param externref externref) (result externref)))
		(func (export "drop") (drop (call $large)))
		(func (export "same") (param externref) (result externref) (local.get 0))
		(func (export "joined") (result externref) (call $join (call $make (i32.const 1)) (call $make (i32.const 2))))
		(func (export "many") (param i32) (loop (drop (call $make (local.get 0)))
			(br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`)
	s := i.Store()
	value := &struct{ name string }{"anything"}
	r := must(s.NewExternRef(value))
	same := must(pellucid.Export1[pellucid.ExternRef, pellucid.ExternRef](i, "same"))
	equal(t, must(s.ExternValue(must(same(background, r)))), any(value))
	equal(t, must(same(background, pellucid.ExternRef{})).IsNull(), true)
	equal(t, must(s.ExternValue(pellucid.ExternRef{})), nil)
	joined := must(pellucid.Export0[pellucid.ExternRef](i, "joined"))
	equal(t, must(s.ExternValue(must(joined(background)))), any("value 1+value 2"))
	// Those that nobody has any more are given up.
	if err := s.SetLimit(pellucid.LimitHostReferences, 20000); err != nil {
		t.Fatal(err)
	}
	must(i.Call(background, "many", most(50000)))
	for n := 0; n < 100; n++ {
		must(i.Call(background, "drop"))
	}
	if err := s.Collect(); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); freed.Load() < 90; runtime.Gosched() {
		if runtime.GC(); time.Since(start) > 5*time.Second {
			t.Fatal("only ", freed.Load(), " of 100 values were given up")
		}
	}
	_, err := same(background, must(store(t, s.Engine()).NewExternRef(1)))
	is(t, err, pellucid.StatusWrongStore)
}

func TestObjects(t *testing.T) {
	i := guest(t, nil, nil, `(module
		(type $point (struct (field (mut f64)) (field (mut f64)))) (type $bytes (array (mut i8)))
		(func (export "point") (result (ref null $point)) (struct.new $point (f64.const 1) (f64.const 2)))
		(func (export "x") (param (ref null $point)) (result f64) (struct.get $point 0 (local.get 0)))
		(func (export "bytes") (param i32) (result (ref null $bytes)) (array.new_default $bytes (local.get 0)))
		(func (export "same") (param anyref) (result anyref) (local.get 0)))`)
	s := i.Store()
	err := s.Scope(func() error {
		point := must(must(pellucid.Export0[pellucid.AnyRef](i, "point"))(background))
		equal(t, fmt.Sprint(must(s.Fields(point))), "[1 2]")
		if err := s.SetField(point, 0, 8); err != nil {
			return err
		}
		equal(t, must(i.Call(background, "x", point))[0].F64(), 8)
		id, n, err := s.Object(point)
		if err != nil || n != 2 {
			t.Fatal(n, err)
		}
		fields := must(s.Engine().Fields(id))
		equal(t, fields[1], pellucid.FieldType{Kind: pellucid.KindF64, Bits: 64, IsMutable: true})
		made := must(s.NewStruct(id, 3, 4.5))
		equal(t, must(i.Call(background, "x", made))[0].F64(), 3)
		is(t, s.SetField(point, 2, 0), pellucid.StatusOutOfRange)
		bytes := must(i.Call(background, "bytes", 5))[0].AnyRef()
		if err := s.WriteArray(bytes, 1, []byte("abc")); err != nil {
			return err
		}
		into := make([]byte, 5)
		if err := s.ReadArray(bytes, 0, into); err != nil || string(into) != "\x00abc\x00" {
			t.Fatalf("%q %v", into, err)
		}
		array, _, err := s.Object(bytes)
		if err != nil {
			return err
		}
		equal(t, len(must(s.Fields(must(s.NewArray(array, 3, 200))))), 3)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	same := must(pellucid.Export1[pellucid.AnyRef, pellucid.AnyRef](i, "same"))
	if n, ok := must(same(background, pellucid.I31(-5))).I31(); !ok || n != -5 {
		t.Fatal(n, ok)
	}
	if err := s.Collect(); err != nil {
		t.Fatal(err)
	}
	if must(s.HeapStats()).MajorCollections == 0 {
		t.Fatal("nothing was collected")
	}
}

func TestExceptions(t *testing.T) {
	linker := pellucid.NewLinker()
	e := engine(t, nil)
	s := store(t, e)
	tag := must(s.NewTag(pellucid.KindI32))
	linker.Define("env", "tag", tag)
	linker.Define("env", "throw", pellucid.Proc1(func(_ *pellucid.Caller, n int32) error {
		exception, err := pellucid.NewException(tag, n)
		if err != nil {
			return err
		}
		return fmt.Errorf("thrown: %w", exception)
	}))
	linker.Define("env", "pass", pellucid.Proc0(func(c *pellucid.Caller) error {
		_, err := must(c.Instance()).Call(c.Context(), "guest", 5)
		return err
	}))
	m := must(e.NewModuleText(`(module (import "env" "tag" (tag $tag (param i32))) (import "env" "throw" (func $throw (param i32)))
		(import "env" "pass" (func $pass))
		(func (export "guest") (param i32) (throw $tag (local.get 0)))
		(func (export "host") (param i32) (call $throw (local.get 0)))
		(func (export "caught") (param i32) (result i32)
			(block $b (result i32) (try_table (catch $tag $b) (call $throw (local.get 0))) (i32.const -1)))
		(func (export "after") (param i32)
			(block $b (result i32) (try_table (catch $tag $b) (call $throw (local.get 0))) (i32.const -1)) unreachable)
		(func (export "passed") (result i32) (block $b (result i32) (try_table (catch $tag $b) (call $pass)) (i32.const -1))))`))
	i := must(linker.Instantiate(background, s, m))
	for _, name := range []string{"guest", "host"} {
		_, err := i.Call(background, name, 3)
		var exception *pellucid.Exception
		if !errors.As(err, &exception) || exception.Values[0].I32() != 3 {
			t.Fatal(name, err)
		}
		is(t, err, pellucid.StatusException)
		is(t, err, must(pellucid.NewException(tag, 3)))
		if errors.Is(err, must(pellucid.NewException(tag, 4))) {
			t.Fatal("another exception is the same")
		}
	}
	equal(t, must(i.Call(background, "caught", 8))[0].I32(), 8)
	equal(t, must(i.Call(background, "passed"))[0].I32(), 5)
	// What was caught isn't told of later.
	var trap *pellucid.Trap
	if _, err := i.Call(background, "after", 8); !errors.As(err, &trap) || trap.Cause != nil {
		t.Fatal(err)
	}
}

func TestFuelAndLimits(t *testing.T) {
	const wat = `(module (memory (export "memory") 1) (func (export "grow") (result i32) (memory.grow (i32.const 1)))
		(func (export "spin") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`
	i := guest(t, &pellucid.Config{Fuel: true, Limits: map[pellucid.Limit]uint64{pellucid.LimitMemoryBytes: 65536}}, nil, wat)
	s := i.Store()
	_, err := i.Call(background, "spin", 5)
	is(t, err, pellucid.TrapOutOfFuel)
	if err := s.SetFuel(1000); err != nil {
		t.Fatal(err)
	}
	must(i.Call(background, "spin", 5))
	if left := must(s.Fuel()); left <= 0 || left >= 1000 {
		t.Fatal(left)
	}
	_, err = i.Call(background, "spin", 1000)
	is(t, err, pellucid.TrapOutOfFuel)
	if err := s.SetFuel(1000); err != nil {
		t.Fatal(err)
	}
	equal(t, must(i.Call(background, "grow"))[0].I32(), -1)
	equal(t, must(s.Limit(pellucid.LimitMemoryBytes)), 65536)
	_, err = pellucid.NewEngine(&pellucid.Config{Limits: map[pellucid.Limit]uint64{99: 1}})
	is(t, err, pellucid.StatusInvalidArgument)
	_, err = guest(t, nil, nil, wat).Store().Fuel()
	is(t, err, pellucid.StatusUnsupported)
}

func TestEpochs(t *testing.T) {
	i := guest(t, nil, nil, `(module (func (export "runaway") (loop (br 0))))`)
	if err := i.Store().SetEpochDeadline(2, pellucid.InterruptTrap); err != nil {
		t.Fatal(err)
	}
	go func() {
		for n := 0; n < 2; n++ {
			time.Sleep(10 * time.Millisecond)
			i.Store().Engine().IncrementEpoch()
		}
	}()
	_, err := i.Call(background, "runaway")
	is(t, err, pellucid.TrapDeadline)
}

func TestModules(t *testing.T) {
	e := engine(t, nil)
	m := must(e.NewModuleText(`(module $it (import "a" "b" (func (param i32))) (import "a" "m" (memory 1))
		(func $named (export "e") (param $x i32) (result i64) (i64.const 0)) (global (export "g") i32 (i32.const 1)))`))
	imports, exports := m.Imports(), m.Exports()
	equal(t, len(imports), 2)
	equal(t, imports[0].Module+"."+imports[0].Name+" "+imports[0].Kind.String()+" "+imports[0].Func.String(), "a.b func [i32] -> []")
	equal(t, exports[0].Func.String(), "[i32] -> [i64]")
	equal(t, exports[1].Kind, pellucid.ExternGlobal)
	equal(t, m.Name()+" "+m.FuncName(1)+" "+m.LocalName(1, 0), "it named x")
	_, err := e.NewModuleText("(module (func (export")
	is(t, err, pellucid.StatusInvalidModule)
	_, err = e.NewModule([]byte("no wasm"))
	is(t, err, pellucid.StatusInvalidModule)
	is(t, e.Validate(nil), pellucid.StatusInvalidModule)
	_, err = pellucid.NewLinker().Instantiate(background, store(t, e), m)
	is(t, err, pellucid.StatusLink)
	if !strings.Contains(err.Error(), "a.b") {
		t.Fatal(err)
	}
	linker := pellucid.NewLinker()
	linker.UnknownAsTraps = true
	s := store(t, e)
	linker.Define("a", "m", must(s.NewMemory(pellucid.MemoryType{Min: 1})))
	must(linker.Instantiate(background, s, m))
	_, err = linker.Instantiate(background, store(t, e), m)
	is(t, err, pellucid.StatusWrongStore)
	m.Close()
	_, err = linker.Instantiate(background, s, m)
	is(t, err, pellucid.ErrClosed)
}

func TestLinkedInstances(t *testing.T) {
	e := engine(t, nil)
	s := store(t, e)
	linker := pellucid.NewLinker()
	one := must(linker.Instantiate(background, s, must(e.NewModuleText(`(module (memory (export "memory") 1)
		(func (export "five") (result i32) (i32.const 5)))`))))
	if err := linker.DefineInstance("one", one); err != nil {
		t.Fatal(err)
	}
	two := must(linker.Instantiate(background, s, must(e.NewModuleText(`(module (import "one" "five" (func $five (result i32)))
		(import "one" "memory" (memory 1)) (func (export "ten") (result i32) (i32.mul (call $five) (i32.const 2))))`))))
	equal(t, must(two.Call(background, "ten"))[0].I32(), 10)
	if linker.DefineInstance("one", one) == nil {
		t.Fatal("it was defined twice")
	}
}

func TestClosed(t *testing.T) {
	i := guest(t, nil, nil, numbers)
	add := must(pellucid.Export2[int32, int32, int32](i, "add"))
	m := must(i.Store().NewMemory(pellucid.MemoryType{Min: 1}))
	must(add(background, 1, 2))
	for n := 0; n < 2; n++ {
		if err := i.Store().Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := add(background, 1, 2)
	is(t, err, pellucid.ErrClosed)
	_, err = i.Call(background, "add", 1, 2)
	is(t, err, pellucid.ErrClosed)
	is(t, m.Read(0, make([]byte, 1)), pellucid.ErrClosed)
	_, err = i.Store().NewExternRef(1)
	is(t, err, pellucid.ErrClosed)
	e := engine(t, nil)
	e.Close()
	_, err = e.NewStore()
	is(t, err, pellucid.ErrClosed)
	_, err = e.NewModuleText("(module)")
	is(t, err, pellucid.ErrClosed)
}

func TestClosedByItsOwnHostFunction(t *testing.T) {
	linker := pellucid.NewLinker()
	linker.Define("env", "close", pellucid.Proc0(func(c *pellucid.Caller) error { c.Store().Close(); return nil }))
	i := guest(t, nil, linker, `(module (import "env" "close" (func $close)) (func (export "run") (result i32) (call $close) (i32.const 3)))`)
	run := must(pellucid.Export0[int32](i, "run"))
	equal(t, must(run(background)), 3)
	_, err := run(background)
	is(t, err, pellucid.ErrClosed)
}

func TestStoresAreCollected(t *testing.T) {
	e := engine(t, nil)
	m := must(e.NewModuleText(`(module (import "env" "f" (func $f)) (memory 1) (func (export "run") (call $f)))`))
	collected := make(chan int, 20)
	for n := 0; n < 20; n++ {
		func() {
			s := must(e.NewStore())
			guard := &struct{ n int }{n}
			runtime.SetFinalizer(guard, func(g *struct{ n int }) { collected <- g.n })
			linker := pellucid.NewLinker()
			// The host function refers to the store that it is in, in a circle.
			linker.Define("env", "f", pellucid.Proc0(func(*pellucid.Caller) error { _ = guard.n; _ = s.Engine(); return nil }))
			must(must(linker.Instantiate(background, s, m)).Call(background, "run"))
			must(s.NewExternRef(s))
		}()
	}
	for n := 0; n < 18; n++ {
		runtime.GC()
		select {
		case <-collected:
		case <-time.After(5 * time.Second):
			t.Fatal("only ", n, " of 20 stores were collected")
		}
	}
}

func TestDeepRecursionThroughTheHost(t *testing.T) {
	linker := pellucid.NewLinker()
	linker.Define("env", "again", pellucid.Func1(func(c *pellucid.Caller, n int64) (int64, error) {
		f, err := pellucid.Export1[int64, int64](must(c.Instance()), "run")
		if err != nil {
			return 0, err
		}
		return f(c.Context(), n)
	}))
	i := guest(t, nil, linker, `(module (import "env" "again" (func $again (param i64) (result i64)))
		(func (export "run") (param i64) (result i64) (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 0))
			(else (i64.add (local.get 0) (call $again (i64.sub (local.get 0) (i64.const 1))))))))`)
	n := most(150)
	equal(t, must(i.Call(background, "run", n))[0].I64(), int64(n*(n+1)/2))
	_, err := i.Call(background, "run", 1000)
	is(t, err, pellucid.TrapCallStackExhausted)
}

func TestEndedGoroutine(t *testing.T) {
	linker := pellucid.NewLinker()
	linker.Define("env", "end", pellucid.Proc0(func(*pellucid.Caller) error { runtime.Goexit(); return nil }))
	i := guest(t, nil, linker, `(module (import "env" "end" (func $end)) (func (export "run") (call $end)) (func (export "fine")))`)
	done := make(chan int)
	go func() {
		defer close(done)
		i.Call(background, "run")
	}()
	<-done
	_, err := i.Call(background, "fine")
	is(t, err, pellucid.StatusBusy)
	is(t, i.Store().Close(), pellucid.StatusBusy)
	j := guest(t, nil, nil, numbers)
	for n := 0; n < most(1000); n++ {
		equal(t, must(j.Call(background, "add", n, 1))[0].I32(), int32(n+1))
	}
}

func TestVersion(t *testing.T) {
	if pellucid.Version() == "" || !strings.Contains(strings.Join(pellucid.Features(), " "), "multi-value") {
		t.Fatal(pellucid.Version(), pellucid.Features())
	}
}
