//go:build cgo

package pellucid_test

import (
	"context"
	"testing"

	"pellucid.dev/go/pellucid"
)

func BenchmarkCall(b *testing.B) {
	add := must(pellucid.Export2[int32, int32, int32](guest(b, nil, nil, numbers), "add"))
	for n := 0; n < b.N; n++ {
		add(background, 1, 2)
	}
}

func BenchmarkCallWithContext(b *testing.B) {
	add := must(pellucid.Export2[int32, int32, int32](guest(b, nil, nil, numbers), "add"))
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	for n := 0; n < b.N; n++ {
		add(ctx, 1, 2)
	}
}

func BenchmarkHostFunction(b *testing.B) {
	linker := pellucid.NewLinker()
	linker.Define("env", "add", pellucid.Func2(func(_ *pellucid.Caller, a, b int32) (int32, error) { return a + b, nil }))
	i := guest(b, nil, linker, `(module (import "env" "add" (func $add (param i32 i32) (result i32)))
		(func (export "run") (param i32) (loop (drop (call $add (i32.const 1) (i32.const 2)))
			(br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`)
	run := must(pellucid.ExportProc1[int32](i, "run"))
	b.ResetTimer()
	run(background, int32(b.N))
}
