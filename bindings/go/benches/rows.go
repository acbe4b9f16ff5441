package main

import (
	"context"
	"time"

	"github.com/bytecodealliance/wasmtime-go/v39"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"pellucid.dev/go/pellucid"
)

var background = context.Background()

func rowsOf(small, large []byte) []row {
	pe := must(pellucid.NewEngine(nil))
	pm := must(pe.NewModule(small))
	pl := pellucid.NewLinker()
	check(pl.Define("env", "mul", pellucid.Func2(func(_ *pellucid.Caller, a, b int32) (int32, error) { return a * b, nil })))
	pi := must(pl.Instantiate(background, must(pe.NewStore()), pm))
	pAdd := must(pellucid.Export2[int32, int32, int32](pi, "add"))
	pAny := must(pi.Func("add"))
	pLoop := must(pellucid.ExportProc1[int32](pi, "loop"))
	pDivide := must(pellucid.Export2[int32, int32, int32](pi, "divide"))
	pMemory := must(pi.Memory("memory"))

	te := wasmtime.NewEngine()
	tm := must(wasmtime.NewModule(te, small))
	tl := wasmtime.NewLinker(te)
	check(tl.FuncWrap("env", "mul", func(a, b int32) int32 { return a * b }))
	ts := wasmtime.NewStore(te)
	ti := must(tl.Instantiate(ts, tm))
	tAdd, tLoop, tDivide := ti.GetFunc(ts, "add"), ti.GetFunc(ts, "loop"), ti.GetFunc(ts, "divide")
	tMemory := ti.GetExport(ts, "memory").Memory()

	wazeroWith := func(config wazero.RuntimeConfig) (wazero.Runtime, wazero.CompiledModule, api.Module) {
		runtime := wazero.NewRuntimeWithConfig(background, config)
		must(runtime.NewHostModuleBuilder("env").NewFunctionBuilder().
			WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
				stack[0] = api.EncodeI32(api.DecodeI32(stack[0]) * api.DecodeI32(stack[1]))
			}), []api.ValueType{api.ValueTypeI32, api.ValueTypeI32}, []api.ValueType{api.ValueTypeI32}).Export("mul").
			Instantiate(background))
		compiled := must(runtime.CompileModule(background, small))
		return runtime, compiled, must(runtime.InstantiateModule(background, compiled, wazero.NewModuleConfig().WithName("")))
	}
	wr, wm, wi := wazeroWith(wazero.NewRuntimeConfigCompiler())
	wAdd, wLoop, wDivide := wi.ExportedFunction("add"), wi.ExportedFunction("loop"), wi.ExportedFunction("divide")
	wMemory := wi.Memory()
	_, _, wci := wazeroWith(wazero.NewRuntimeConfigCompiler().WithCloseOnContextDone(true))
	wcAdd := wci.ExportedFunction("add")

	cancellable, cancel := context.WithCancel(background)
	context.AfterFunc(background, cancel)
	page := make([]byte, 65536)
	return []row{
		{"call a guest, types known, ns", time.Nanosecond, [3]func(int){
			func(n int) {
				for ; n > 0; n-- {
					pAdd(background, 40, 2)
				}
			}, nil,
			func(n int) {
				var stack [2]uint64
				for ; n > 0; n-- {
					stack[0], stack[1] = 40, 2
					check(wAdd.CallWithStack(background, stack[:]))
				}
			}}},
		{"call a guest, any types, ns", time.Nanosecond, [3]func(int){
			func(n int) {
				for ; n > 0; n-- {
					must(pAny.Call(background, 40, 2))
				}
			},
			func(n int) {
				for ; n > 0; n-- {
					must(tAdd.Call(ts, 40, 2))
				}
			},
			func(n int) {
				for ; n > 0; n-- {
					must(wAdd.Call(background, 40, 2))
				}
			}}},
		{"the first with a context that may be cancelled, ns", time.Nanosecond, [3]func(int){
			func(n int) {
				for ; n > 0; n-- {
					pAdd(cancellable, 40, 2)
				}
			}, nil,
			func(n int) {
				var stack [2]uint64
				for ; n > 0; n-- {
					stack[0], stack[1] = 40, 2
					check(wcAdd.CallWithStack(cancellable, stack[:]))
				}
			}}},
		{"a guest calls the host, ns", time.Nanosecond, [3]func(int){
			func(n int) { check(pLoop(background, int32(n))) },
			func(n int) { must(tLoop.Call(ts, int32(n))) },
			func(n int) { must(wLoop.Call(background, uint64(n))) }}},
		{"a call that traps, ns", time.Nanosecond, [3]func(int){
			func(n int) {
				for ; n > 0; n-- {
					pDivide(background, 1, 0)
				}
			},
			func(n int) {
				for ; n > 0; n-- {
					tDivide.Call(ts, 1, 0)
				}
			},
			func(n int) {
				for ; n > 0; n-- {
					wDivide.Call(background, 1, 0)
				}
			}}},
		{"read 8 bytes of a memory, ns", time.Nanosecond, [3]func(int){
			func(n int) {
				var word [8]byte
				for ; n > 0; n-- {
					check(pMemory.Read(1024, word[:]))
				}
			},
			func(n int) {
				var word [8]byte
				for ; n > 0; n-- {
					copy(word[:], tMemory.UnsafeData(ts)[1024:])
				}
			},
			func(n int) {
				for ; n > 0; n-- {
					wMemory.ReadUint64Le(1024)
				}
			}}},
		{"write 64 KiB and read them again, µs", time.Microsecond, [3]func(int){
			func(n int) {
				for ; n > 0; n-- {
					check(pMemory.Write(0, page))
					check(pMemory.Read(0, page))
				}
			},
			func(n int) {
				for ; n > 0; n-- {
					copy(tMemory.UnsafeData(ts), page)
					copy(page, tMemory.UnsafeData(ts))
				}
			},
			func(n int) {
				for ; n > 0; n-- {
					wMemory.Write(0, page)
					view, _ := wMemory.Read(0, 65536)
					copy(page, view)
				}
			}}},
		{"a store and an instance, and closing it, µs", time.Microsecond, [3]func(int){
			func(n int) {
				for ; n > 0; n-- {
					store := must(pe.NewStore())
					must(pl.Instantiate(background, store, pm))
					check(store.Close())
				}
			},
			func(n int) {
				for ; n > 0; n-- {
					store := wasmtime.NewStore(te)
					must(tl.Instantiate(store, tm))
					store.Close()
				}
			},
			func(n int) {
				for ; n > 0; n-- {
					check(must(wr.InstantiateModule(background, wm, wazero.NewModuleConfig().WithName(""))).Close(background))
				}
			}}},
		{"compile lua.wasm, ms", time.Millisecond, [3]func(int){
			func(n int) {
				for ; n > 0; n-- {
					must(pe.NewModule(large)).Close()
				}
			},
			func(n int) {
				for ; n > 0; n-- {
					must(wasmtime.NewModule(te, large)).Close()
				}
			},
			func(n int) {
				for ; n > 0; n-- {
					check(must(wr.CompileModule(background, large)).Close(background))
				}
			}}},
	}
}
