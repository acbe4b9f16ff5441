// Command benches measures the package beside wasmtime-go and wazero: calls in both directions, memory, instantiating, compiling.
// Rounds of all three take turns; what is told is the least of them. With -tasks it tells how many lines ten common tasks take.
//
//	make -C bindings/go bench
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/bytecodealliance/wasmtime-go/v39"
)

const wat = `(module
	(import "env" "mul" (func $mul (param i32 i32) (result i32)))
	(memory (export "memory") 2)
	(func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
	(func (export "loop") (param i32)
		(loop (drop (call $mul (i32.const 6) (i32.const 7)))
			(br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
	(func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1))))`

// A row is something that is measured: run does it so many times.
type row struct {
	what string
	unit time.Duration
	// What each engine does; nil if it has nothing for that.
	run [3]func(times int)
}

var engines = [3]string{"pellucid", "wasmtime-go", "wazero"}

func main() {
	tasks := flag.Bool("tasks", false, "tell how many lines ten common tasks take, after doing them")
	program := flag.String("program", "../../../benches/programs/lua.wasm", "what is compiled")
	flag.Parse()
	if *tasks {
		doTasks()
		return
	}
	small := must(wasmtime.Wat2Wasm(wat))
	large := must(os.ReadFile(*program))
	rows := rowsOf(small, large)
	fmt.Printf("| | %s |\n|---|%s\n", strings.Join(engines[:], " | "), strings.Repeat("---:|", len(engines)))
	for _, row := range rows {
		fmt.Printf("| %s |", row.what)
		for _, least := range measure(row) {
			if least == 0 {
				fmt.Print(" — |")
				continue
			}
			fmt.Printf(" %.*f |", decimals(least, row.unit), float64(least)/1000/float64(row.unit))
		}
		fmt.Println()
	}
}

func decimals(picoseconds int64, unit time.Duration) int {
	if float64(picoseconds)/1000/float64(unit) < 100 {
		return 1
	}
	return 0
}

// measure gives the least time of each, in picoseconds.
func measure(r row) (least [3]int64) {
	const rounds = 15
	var times [3]int
	for i, run := range r.run {
		if run == nil {
			continue
		}
		// As often as takes some milliseconds, also when nothing else holds it up.
		for times[i] = 1; ; times[i] *= 2 {
			fastest := time.Hour
			for n := 0; n < 3; n++ {
				start := time.Now()
				run(times[i])
				fastest = min(fastest, time.Since(start))
			}
			if fastest > 5*time.Millisecond {
				break
			}
		}
	}
	for n := 0; n < rounds; n++ {
		for i, run := range r.run {
			if run == nil {
				continue
			}
			runtime.GC()
			percent := debug.SetGCPercent(-1)
			start := time.Now()
			run(times[i])
			took := time.Since(start).Nanoseconds() * 1000 / int64(times[i])
			debug.SetGCPercent(percent)
			if least[i] == 0 || took < least[i] {
				least[i] = took
			}
		}
	}
	return least
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
