//go:build cgo

package pellucid_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pellucid.dev/go/pellucid"
)

const debugged = `(module $game
	(import "env" "told" (func $told (param i32)))
	(memory (export "memory") 1) (global $score (export "score") (mut i32) (i32.const 0))
	(func $square (param $n i32) (result i32) (local $twice i32)
		(local.set $twice (i32.mul (local.get $n) (i32.const 2)))
		(i32.mul (local.get $n) (local.get $n)))
	(func (export "play") (param $rounds i32) (result i32)
		(loop
			(global.set $score (i32.add (global.get $score) (call $square (local.get $rounds))))
			(i32.store (i32.const 64) (global.get $score))
			(br_if 0 (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
		(call $told (global.get $score))
		(global.get $score))
	(func (export "fail") (result i32) (i32.load (i32.const -1)))
	(func (export "runaway") (loop (br 0))))`

func debuggee(t *testing.T) (*pellucid.Instance, *pellucid.Module) {
	linker := pellucid.NewLinker()
	linker.Define("env", "told", pellucid.Proc1(func(*pellucid.Caller, int32) error { return nil }))
	i := guest(t, &pellucid.Config{Debug: true}, linker, debugged)
	return i, must(i.Module())
}

func TestBreakpointsAndFrames(t *testing.T) {
	i, m := debuggee(t)
	s := i.Store()
	var id uint64
	err := s.Edit(func(e *pellucid.Edit) (err error) {
		if id, err = e.AddAtFuncName(m, "square"); err != nil {
			return err
		}
		return e.SetExpression(id, "$n == 2")
	})
	if err != nil {
		t.Fatal(err)
	}
	call := must(must(i.Func("play")).Begin(3))
	defer call.Close()
	equal(t, call.State(), pellucid.CallReady)
	equal(t, must(call.Resume(background, pellucid.Continue)), pellucid.CallPaused)
	event := call.Event()
	equal(t, event.Kind(), pellucid.EventBreakpoint)
	equal(t, fmt.Sprint(event.Breakpoints()), fmt.Sprint([]uint64{id}))
	frames := must(call.Frames())
	equal(t, len(frames), 2)
	equal(t, frames[0].FuncName(), "square")
	equal(t, frames[0].LocalName(0)+" "+frames[0].LocalName(1), "n twice")
	equal(t, fmt.Sprint(must(frames[0].Locals())), "[2 0]")
	equal(t, must(frames[0].Evaluate("$n * 10 + @score")).I64(), 29)
	info := must(frames[1].Info())
	equal(t, info.Kind, pellucid.FrameCalling)
	equal(t, info.FuncIndex, 2)
	equal(t, must(frames[1].Module()).Name(), "game")
	// To where the argument of the multiplication is on the stack.
	equal(t, must(call.Resume(background, pellucid.Step)), pellucid.CallPaused)
	equal(t, frames[0].IsValid(), false)
	_, err = frames[0].Locals()
	is(t, err, pellucid.StatusStaleHandle)
	equal(t, event.Kind(), 0)
	top := must(call.Frame())
	equal(t, fmt.Sprint(must(top.Operands())), "[2]")
	if err := top.WriteOperand(0, 50); err != nil {
		t.Fatal(err)
	}
	if err := top.WriteLocal(0, 10); err != nil {
		t.Fatal(err)
	}
	is(t, top.WriteLocal(5, 1), pellucid.StatusOutOfRange)
	equal(t, must(call.Resume(background, pellucid.StepOut)), pellucid.CallPaused)
	equal(t, call.Event().Kind(), pellucid.EventStep)
	equal(t, fmt.Sprint(must(must(call.Frame()).Operands())), "[9 100]")
	equal(t, must(call.Resume(background, pellucid.Continue)), pellucid.CallFinished)
	equal(t, must(call.Results())[0].I32(), 9+100+1)
	if err := call.Err(); err != nil {
		t.Fatal(err)
	}
	list := must(s.Breakpoints())
	equal(t, len(list), 1)
	if list[0].ID != id || list[0].Hits != 3 || list[0].Declined != 2 || !list[0].IsEnabled {
		t.Fatalf("%+v", list)
	}
	// All or nothing.
	err = s.Edit(func(e *pellucid.Edit) error {
		if err := e.Remove(id); err != nil {
			return err
		}
		return e.Remove(id + 1000)
	})
	is(t, err, pellucid.StatusNotFound)
	equal(t, len(must(s.Breakpoints())), 1)
	err = s.Edit(func(e *pellucid.Edit) error { return e.Remove(id) })
	if err != nil || len(must(s.Breakpoints())) != 0 {
		t.Fatal(err)
	}
}

func TestReturnRestartDropSetPC(t *testing.T) {
	i, m := debuggee(t)
	if err := i.Store().Edit(func(e *pellucid.Edit) error { _, err := e.AddAtFunc(m, 1); return err }); err != nil {
		t.Fatal(err)
	}
	begin := func() (*pellucid.Call, *pellucid.Frame) {
		must(i.Global("score")).Set(0)
		call := must(must(i.Func("play")).Begin(1))
		equal(t, must(call.Resume(background, pellucid.Continue)), pellucid.CallPaused)
		return call, must(call.Frame())
	}
	finish := func(call *pellucid.Call) int32 {
		for must(call.Resume(background, pellucid.Continue)) == pellucid.CallPaused {
		}
		defer call.Close()
		return must(call.Results())[0].I32()
	}
	call, frame := begin()
	must(frame.Return(77))
	equal(t, finish(call), 77)
	call, frame = begin()
	frame = must(frame.Drop())
	equal(t, fmt.Sprint(must(frame.Operands())), "[0 1]")
	frame.WriteOperand(1, 6)
	equal(t, finish(call), 36)
	call, frame = begin()
	frame.WriteLocal(0, 4)
	frame = must(frame.Restart())
	equal(t, fmt.Sprint(must(frame.Locals())), "[4 0]")
	first := must(frame.Info()).PC
	equal(t, must(call.Resume(background, pellucid.StepOver)), pellucid.CallPaused)
	_, err := must(call.Frame()).SetPC(first)
	is(t, err, pellucid.StatusTypeMismatch)
	if err := call.Trap("enough"); err != nil {
		t.Fatal(err)
	}
	is(t, call.Err(), pellucid.TrapRequested)
	call.Close()
	equal(t, call.State(), 0)
	_, err = call.Resume(background, pellucid.Continue)
	is(t, err, pellucid.ErrClosed)
}

func TestWatchpointsAndHandlers(t *testing.T) {
	i, m := debuggee(t)
	s := i.Store()
	memory := must(i.Memory("memory"))
	var watched uint64
	err := s.Edit(func(e *pellucid.Edit) (err error) {
		if watched, err = e.WatchMemory(memory, 64, 4, pellucid.WatchWrite); err != nil {
			return err
		}
		if _, err = e.WatchGlobal(must(i.Global("score")), pellucid.WatchWrite); err != nil {
			return err
		}
		return e.Trace(m, 1, 1, true)
	})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	var kept *pellucid.Event
	mask := pellucid.EventAll | pellucid.EventFunctionEntry | pellucid.EventFunctionExit | pellucid.EventCallFinished
	err = s.SetEventHandler(mask, func(e *pellucid.Event) pellucid.Action {
		kept = e
		switch e.Kind() {
		case pellucid.EventWatchpoint:
			for _, hit := range must(e.Watched()) {
				if hit.ID == watched {
					told = append(told, fmt.Sprint("memory ", hit.OldBytes[0], " ", hit.NewBytes[0]))
				} else {
					told = append(told, fmt.Sprint("score ", hit.OldValue, " ", hit.NewValue))
				}
			}
		case pellucid.EventFunctionEntry:
			told = append(told, fmt.Sprint("enter ", must(must(e.Frame()).Locals())[0]))
		case pellucid.EventFunctionExit:
			told = append(told, fmt.Sprint("leave ", must(e.Results())))
		case pellucid.EventCallFinished:
			told = append(told, fmt.Sprint("finished ", must(e.Results())))
		}
		return pellucid.ActionContinue
	})
	if err != nil {
		t.Fatal(err)
	}
	must(i.Call(background, "play", 2))
	equal(t, strings.Join(told, ", "),
		"enter 2, leave [4], score 0 4, memory 0 4, enter 1, leave [1], score 4 5, memory 4 5, finished [5]")
	equal(t, kept.Kind(), 0)
	list := must(s.Watchpoints())
	equal(t, len(list), 2)
	equal(t, list[0].Hits, 2)

	// A handler's panic goes on in who called.
	s.SetEventHandler(pellucid.EventWatchpoint, func(*pellucid.Event) pellucid.Action { panic("odd") })
	func() {
		defer func() { equal(t, recover(), any("odd")) }()
		i.Call(background, "play", 2)
		t.Fatal("it went on")
	}()
	s.SetEventHandler(pellucid.EventWatchpoint, func(e *pellucid.Event) pellucid.Action {
		e.SetMessage("not that")
		return pellucid.ActionTrap
	})
	_, err = i.Call(background, "play", 2)
	is(t, err, pellucid.TrapRequested)
	if !strings.Contains(err.Error(), "not that") {
		t.Fatal(err)
	}
	if err := s.SetEventHandler(0, nil); err != nil {
		t.Fatal(err)
	}
	must(i.Call(background, "play", 1))
}

func TestConditionsAndLogPoints(t *testing.T) {
	i, m := debuggee(t)
	s := i.Store()
	var asked []string
	var logged []string
	err := s.SetLogPointHandler(func(l pellucid.LogPoint) {
		logged = append(logged, l.Text+" in "+l.Frame.FuncName())
	})
	if err != nil {
		t.Fatal(err)
	}
	var conditional uint64
	err = s.Edit(func(e *pellucid.Edit) error {
		id, err := e.AddAtFunc(m, 1)
		if err != nil {
			return err
		}
		if err := e.SetLogText(id, "n is {$n}"); err != nil {
			return err
		}
		if conditional, err = e.AddAtFunc(m, 1); err != nil {
			return err
		}
		return e.SetCondition(conditional, func(f *pellucid.Frame, _ uint64) bool {
			n := must(f.Locals())[0].I32()
			asked = append(asked, fmt.Sprint(n))
			return n == 1
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	call := must(must(i.Func("play")).Begin(3))
	defer call.Close()
	equal(t, must(call.Resume(background, pellucid.Continue)), pellucid.CallPaused)
	equal(t, fmt.Sprint(must(must(call.Frame()).Locals())[0]), "1")
	equal(t, strings.Join(asked, " "), "3 2 1")
	equal(t, strings.Join(logged, ", "), "n is 3 in square, n is 2 in square, n is 1 in square")
	err = s.Edit(func(e *pellucid.Edit) error { return e.SetExpression(conditional, "$absent > 1") })
	is(t, err, pellucid.StatusInvalidArgument)
}

func TestTrapsOfCalls(t *testing.T) {
	i, _ := debuggee(t)
	call := must(must(i.Func("fail")).Begin())
	defer call.Close()
	equal(t, must(call.Resume(background, pellucid.Continue)), pellucid.CallTrapped)
	is(t, call.Err(), pellucid.TrapMemoryOutOfBounds)
	equal(t, must(must(call.Frame()).Info()).Kind, pellucid.FrameTrapped)
	equal(t, call.Event().Trap(), pellucid.TrapMemoryOutOfBounds)
	var dump bytes.Buffer
	if err := i.Store().CoreDump(&dump, "game", false); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(dump.Bytes(), []byte("\x00asm")) || !bytes.Contains(dump.Bytes(), []byte("corestack")) {
		t.Fatalf("%q", dump.Bytes())
	}
	err := i.Store().CoreDump(fullWriter{}, "game", false)
	is(t, err, pellucid.StatusHost)
	is(t, err, errOfHost)
	_, err = must(i.Func("fail")).Begin(1)
	is(t, err, pellucid.StatusInvalidArgument)
}

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errOfHost }

func TestCallsAreInterrupted(t *testing.T) {
	i, _ := debuggee(t)
	call := must(must(i.Func("runaway")).Begin())
	defer call.Close()
	interrupt := must(i.Store().Interrupt())
	go func() { time.Sleep(20 * time.Millisecond); interrupt.Request(pellucid.InterruptPause) }()
	equal(t, must(call.Resume(background, pellucid.Continue)), pellucid.CallPaused)
	equal(t, call.Event().Kind(), pellucid.EventInterrupt)
	equal(t, must(call.Frame()).FuncName(), "runaway")
	ctx, cancel := context.WithTimeout(background, 20*time.Millisecond)
	defer cancel()
	equal(t, must(call.Resume(ctx, pellucid.Continue)), pellucid.CallTrapped)
	is(t, call.Err(), context.DeadlineExceeded)
	is(t, call.Err(), pellucid.TrapInterrupted)
}

func TestDebuggingIsOff(t *testing.T) {
	i := guest(t, nil, nil, numbers)
	is(t, i.Store().Edit(func(*pellucid.Edit) error { return nil }), pellucid.StatusDebugDisabled)
	is(t, i.Store().SetEventHandler(pellucid.EventAll, func(*pellucid.Event) pellucid.Action { return 0 }), pellucid.StatusDebugDisabled)
	// Calls can be begun all the same.
	call := must(must(i.Func("add")).Begin(1, 2))
	equal(t, must(call.Resume(background, pellucid.Continue)), pellucid.CallFinished)
	equal(t, must(call.Results())[0].I32(), 3)
	call.Close()
}

func TestYielding(t *testing.T) {
	linker := pellucid.NewLinker()
	linker.Define("env", "fetch", pellucid.Func1(func(c *pellucid.Caller, n int32) (int32, error) {
		if !c.CanYield() {
			return 0, errors.New("this call can't wait")
		}
		return 0, c.Yield(uint64(n))
	}))
	i := guest(t, nil, linker, `(module (import "env" "fetch" (func $fetch (param i32) (result i32)))
		(func (export "run") (param i32) (result i32) (i32.add (call $fetch (local.get 0)) (i32.const 1))))`)
	run := must(i.Func("run"))
	one, two, three := must(run.Begin(10)), must(run.Begin(20)), must(run.Begin(30))
	for _, call := range []*pellucid.Call{one, two, three} {
		equal(t, must(call.Resume(background, pellucid.Continue)), pellucid.CallYielded)
		defer call.Close()
	}
	equal(t, must(two.Awaited()), 20)
	if err := two.Give(200); err != nil {
		t.Fatal(err)
	}
	equal(t, must(two.Resume(background, pellucid.Continue)), pellucid.CallFinished)
	equal(t, must(two.Results())[0].I32(), 201)
	is(t, one.Give("x"), pellucid.StatusTypeMismatch)
	if err := one.GiveError(fmt.Errorf("fetching: %w", errOfHost)); err != nil {
		t.Fatal(err)
	}
	equal(t, must(one.Resume(background, pellucid.Continue)), pellucid.CallTrapped)
	is(t, one.Err(), errOfHost)
	_, err := run.Call(background, 1)
	if err == nil || err.Error() != "this call can't wait" {
		t.Fatal(err)
	}
}

const wasiProgram = `(module
	(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
	(import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "path_open"
		(func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
	(memory (export "memory") 1) (data (i32.const 512) "note")
	(func $put (param $fd i32) (param $at i32) (param $size i32)
		(i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $size))
		(if (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then (call $exit (i32.const 74)))))
	(func $get (param $fd i32) (result i32)
		(i32.store (i32.const 0) (i32.const 4096)) (i32.store (i32.const 4) (i32.const 1000))
		(if (call $read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then (call $exit (i32.const 75))))
		(i32.load (i32.const 8)))
	(func (export "_start")
		(drop (call $args_sizes (i32.const 16) (i32.const 20))) (drop (call $args (i32.const 1024) (i32.const 2048)))
		(call $put (i32.const 1) (i32.const 2048) (i32.load (i32.const 20)))
		(drop (call $environ_sizes (i32.const 16) (i32.const 20))) (drop (call $environ (i32.const 1024) (i32.const 2048)))
		(call $put (i32.const 2) (i32.const 2048) (i32.load (i32.const 20)))
		(call $put (i32.const 1) (i32.const 4096) (call $get (i32.const 0)))
		(if (i32.eqz (call $open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 4) (i32.const 0) (i64.const 2) (i64.const 2)
			(i32.const 0) (i32.const 24)))
			(then (call $put (i32.const 1) (i32.const 4096) (call $get (i32.load (i32.const 24))))))
		(call $exit (i32.load8_u (i32.const 4096)))))`

func runWASI(t *testing.T, w *pellucid.WASI) error {
	linker := pellucid.NewLinker()
	if err := linker.DefineWASI(w); err != nil {
		t.Fatal(err)
	}
	e := engine(t, nil)
	i, err := linker.Instantiate(background, store(t, e), must(e.NewModuleText(wasiProgram)))
	if err != nil {
		return err
	}
	return i.Start(background)
}

func TestWASI(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "note"), []byte("\x03 from a file"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errors_ bytes.Buffer
	err := runWASI(t, &pellucid.WASI{Args: []string{"program", "-v"}, Env: map[string]string{"HOME": "/nowhere"},
		Stdin: strings.NewReader("typed"), Stdout: &out, Stderr: &errors_,
		Folders: []pellucid.Folder{{Host: folder, Guest: "/", IsReadOnly: true}}})
	var exit *pellucid.Exit
	if !errors.As(err, &exit) || exit.Code != 3 {
		t.Fatal(err)
	}
	is(t, err, pellucid.StatusExit)
	equal(t, out.String(), "program\x00-v\x00typed\x03 from a file")
	equal(t, errors_.String(), "HOME=/nowhere\x00")

	// An exit with 0 is no error; nothing is there unless it is given.
	if err := runWASI(t, &pellucid.WASI{}); err != nil {
		t.Fatal(err)
	}
	if err := runWASI(t, &pellucid.WASI{Stdin: strings.NewReader("\x00"), Stdout: &out}); err != nil {
		t.Fatal(err)
	}
	err = runWASI(t, &pellucid.WASI{Args: []string{"x"}, Stdout: fullWriter{}})
	if !errors.As(err, &exit) || exit.Code != 74 {
		t.Fatal(err)
	}
	is(t, err, errOfHost)
	err = runWASI(t, &pellucid.WASI{Folders: []pellucid.Folder{{Host: "/does/not/exist", Guest: "/"}}})
	is(t, err, pellucid.StatusNotFound)
	is(t, runWASI(t, &pellucid.WASI{Args: []string{"a\x00b"}}), pellucid.StatusInvalidArgument)
	func() {
		defer func() { equal(t, recover(), any("a writer panics")) }()
		runWASI(t, &pellucid.WASI{Args: []string{"x"}, Stdout: panicWriter{}})
		t.Fatal("it went on")
	}()
}

type panicWriter struct{}

func (panicWriter) Write([]byte) (int, error) { panic("a writer panics") }
