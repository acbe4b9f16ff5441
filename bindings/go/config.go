//go:build cgo

package pellucid

// #include "bridge.h"
import "C"

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// Version is the version of the library that the program runs with.
func Version() string {
	var version C.pellucid_str_t
	C.pellucid_version_text(&version)
	return goString(version)
}

// Features lists what the library can do: WebAssembly proposals, "debug", "wat" and so on.
func Features() []string {
	features := make([]string, C.pellucid_feature_count())
	for i := range features {
		var name C.pellucid_str_t
		C.pellucid_feature_name(C.size_t(i), &name)
		features[i] = goString(name)
	}
	return features
}

// OptLevel is how hard to optimise.
type OptLevel int

// How hard to optimise; the zero value is the default.
const (
	OptSpeed OptLevel = iota
	OptNone
	OptSpeedAndSize
)

// Limit names something of which a store may use only so much.
type Limit uint32

// What can be limited. Whatever would exceed a limit fails.
const (
	// LimitMemoryBytes is for each memory; 4 GiB unless set.
	LimitMemoryBytes Limit = C.PELLUCID_LIMIT_MEMORY_BYTES
	// LimitTableElements is for each table; 10,000,000 unless set.
	LimitTableElements Limit = C.PELLUCID_LIMIT_TABLE_ELEMENTS
	LimitInstances     Limit = C.PELLUCID_LIMIT_INSTANCES
	LimitMemories      Limit = C.PELLUCID_LIMIT_MEMORIES
	LimitTables        Limit = C.PELLUCID_LIMIT_TABLES
	// LimitStackBytes is for each guest stack; 1 MiB unless set.
	LimitStackBytes Limit = C.PELLUCID_LIMIT_STACK_BYTES
	// LimitNestedCalls is for guest calls that are nested through host functions; 200 unless set.
	LimitNestedCalls     Limit = C.PELLUCID_LIMIT_NESTED_CALLS
	LimitWaitNanoseconds Limit = C.PELLUCID_LIMIT_WAIT_NANOSECONDS
	// LimitHeapBytes is for the objects of guests with garbage collection; 4 GiB unless set.
	LimitHeapBytes      Limit = C.PELLUCID_LIMIT_HEAP_BYTES
	LimitHostReferences Limit = C.PELLUCID_LIMIT_HOST_REFERENCES
)

// Config has the options of an engine. The zero value is the default.
type Config struct {
	// Debug compiles modules so that their guests can be debugged.
	Debug bool
	// Fuel has guests count the work that they do; see Store.SetFuel.
	Fuel     bool
	OptLevel OptLevel
	// NoSignalHandlers has guests compare addresses and divisors instead of relying on hardware faults, so that the
	// process gets no signal handlers. Contexts can end calls only with InterruptChecks then.
	NoSignalHandlers bool
	// InterruptChecks has guests look by themselves whether they are to be interrupted, instead of being sent a signal.
	InterruptChecks bool
	// NoInlining has small functions called instead of being copied into their callers.
	NoInlining bool
	// DeterministicRelaxedSIMD has relaxed vector operators give the same on every machine.
	DeterministicRelaxedSIMD bool
	// CompileThreads is how many threads compile a module; 0 means one for each core.
	CompileThreads int
	// MemoryReservation is how many addresses each memory reserves; nil for the default of 8 GiB.
	MemoryReservation *uint64
	// Cache is a folder in which compiled modules are kept, if it isn't empty. Whoever can write there can run code in the process: it
	// must be nobody else.
	Cache string
	// CacheBytes is how many bytes the files there may take; 0 means 1 GiB.
	CacheBytes uint64
	// Limits are those that stores of the engine begin with.
	Limits map[Limit]uint64
}

// owned is a pointer of the library's that is deleted once, whoever does it.
type owned struct{ pointer unsafe.Pointer }

func (o *owned) set(pointer unsafe.Pointer) { atomic.StorePointer(&o.pointer, pointer) }

func (o *owned) get() unsafe.Pointer { return atomic.LoadPointer(&o.pointer) }

func (o *owned) take() unsafe.Pointer { return atomic.SwapPointer(&o.pointer, nil) }

// An Engine compiles modules, with options that are fixed when it is made. Any number of goroutines may use it at once; most
// programs have one.
type Engine struct {
	h          *engineHandle
	hasSignals uint32
}

type engineHandle struct {
	pointer owned
}

func (h *engineHandle) close() { C.pellucid_engine_delete((*C.pellucid_engine_t)(h.pointer.take())) }

func init() {
	if C.pellucid_abi_check(C.PELLUCID_ABI_VERSION, C.sizeof_pellucid_value_t, C.sizeof_pellucid_frame_t) != C.PELLUCID_OK {
		panic("pellucid: the library " + Version() + " doesn't fit the header that the package was compiled with")
	}
}

// NewEngine makes an engine. config may be nil for the default options.
func NewEngine(config *Config) (*Engine, error) {
	var options *C.pellucid_config_t
	if status := C.pellucid_config_new(&options); status != C.PELLUCID_OK {
		return nil, check(status, nil)
	}
	defer C.pellucid_config_delete(options)
	if config != nil {
		if err := config.apply(options); err != nil {
			return nil, err
		}
	}
	var engine *C.pellucid_engine_t
	var object *C.pellucid_error_t
	if err := check(C.pellucid_engine_new(options, &engine, &object), &object); err != nil {
		return nil, err
	}
	h := &engineHandle{}
	h.pointer.set(unsafe.Pointer(engine))
	runtime.SetFinalizer(h, func(h *engineHandle) { h.close() })
	e := &Engine{h: h, hasSignals: 1}
	if config != nil && config.NoSignalHandlers {
		e.hasSignals = 0
	}
	return e, nil
}

func (c *Config) apply(options *C.pellucid_config_t) error {
	C.pellucid_config_set_debug(options, C.bool(c.Debug))
	C.pellucid_config_set_fuel(options, C.bool(c.Fuel))
	C.pellucid_config_set_signal_handlers(options, C.bool(!c.NoSignalHandlers))
	C.pellucid_config_set_interrupt_checks(options, C.bool(c.InterruptChecks))
	C.pellucid_config_set_inlining(options, C.bool(!c.NoInlining))
	C.pellucid_config_set_relaxed_simd_deterministic(options, C.bool(c.DeterministicRelaxedSIMD))
	levels := map[OptLevel]C.pellucid_opt_level_t{OptSpeed: C.PELLUCID_OPT_SPEED, OptNone: C.PELLUCID_OPT_NONE,
		OptSpeedAndSize: C.PELLUCID_OPT_SPEED_AND_SIZE}
	level, ok := levels[c.OptLevel]
	if !ok || c.CompileThreads < 0 {
		return &Error{StatusInvalidArgument, fmt.Sprintf("the configuration has OptLevel %d and CompileThreads %d", c.OptLevel,
			c.CompileThreads)}
	}
	C.pellucid_config_set_opt_level(options, level)
	C.pellucid_config_set_compile_threads(options, C.size_t(c.CompileThreads))
	if c.MemoryReservation != nil {
		C.pellucid_config_set_memory_reservation(options, C.uint64_t(*c.MemoryReservation))
	}
	bytes := c.CacheBytes
	if bytes == 0 {
		bytes = 1 << 30
	}
	folder, size := text(c.Cache)
	if err := check(C.pellucid_config_set_cache(options, folder, size, C.uint64_t(bytes)), nil); err != nil {
		return err
	}
	for limit, value := range c.Limits {
		if err := check(C.pellucid_config_set_limit(options, C.pellucid_limit_t(limit), C.uint64_t(value)), nil); err != nil {
			return fmt.Errorf("limit %d can't be %d: %w", limit, value, err)
		}
	}
	return nil
}

// Close gives the engine up, which must be its last use. Modules and stores made from it stay usable. An engine that nobody
// closes is closed when it is collected.
func (e *Engine) Close() { e.h.close() }

// IsDebug tells whether guests of this engine can be debugged.
func (e *Engine) IsDebug() bool {
	defer runtime.KeepAlive(e)
	return bool(C.pellucid_engine_is_debug(e.c()))
}

// IncrementEpoch begins the next epoch: guests are left whose store has a deadline that is reached, see
// Store.SetEpochDeadline.
func (e *Engine) IncrementEpoch() {
	C.pellucid_engine_increment_epoch(e.c())
	runtime.KeepAlive(e)
}

// Validate tells whether bytes are a module that the engine takes.
func (e *Engine) Validate(wasm []byte) error {
	var object *C.pellucid_error_t
	status := C.pellucid_module_validate(e.c(), bytePointer(wasm), C.size_t(len(wasm)), &object)
	runtime.KeepAlive(e)
	return e.check(status, &object)
}

func (e *Engine) c() *C.pellucid_engine_t {
	collect()
	return (*C.pellucid_engine_t)(e.h.pointer.get())
}

func (e *Engine) check(status C.pellucid_status_t, object **C.pellucid_error_t) error {
	if status != C.PELLUCID_OK && e.h.pointer.get() == nil {
		C.pellucid_error_delete(*object)
		return ErrClosed
	}
	return check(status, object)
}
