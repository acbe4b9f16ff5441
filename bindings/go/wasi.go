//go:build cgo

package pellucid

// #include "bridge.h"
import "C"

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"
)

// WASI is what a guest gets from its host. The zero value gives nothing: no arguments, no environment, no folders, empty
// input, output to nowhere; but the system's clocks and random numbers.
type WASI struct {
	// Args are the program's arguments; the first is its name.
	Args []string
	// Env are its environment variables. InheritEnv adds those of the process, beneath these.
	Env        map[string]string
	InheritEnv bool
	// Stdin, Stdout and Stderr are its streams. os.Stdin, os.Stdout and os.Stderr are handed over as they are; what others
	// fail with is an input/output error for the guest.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Folders are those that the guest reaches, with all that is in them.
	Folders []Folder
	// Sockets are descriptors of sockets, which get the guest's numbers after the folders: 3 for the first, if there are none.
	Sockets []int
	// FixedClocks has the guest's clocks start at a time, in nanoseconds since 1970, and advance by a step when it looks at one.
	FixedClocks *Clocks
	// RandomSeed makes its random numbers the same in every run.
	RandomSeed *uint64
	// IsYielding has a guest in a Call yield where it would wait, instead of holding up the thread.
	IsYielding bool
}

// Folder is a folder of the host's that a guest reaches.
type Folder struct {
	// Host is its path, and Guest that for the guest, such as "/".
	Host, Guest string
	IsReadOnly  bool
}

// Clocks are those of a guest that are the same in every run.
type Clocks struct{ Start, Step uint64 }

func (s *Store) wasiConfig(w *WASI) (*C.pellucid_wasi_config_t, error) {
	var config *C.pellucid_wasi_config_t
	if err := check(C.pellucid_wasi_config_new(&config), nil); err != nil {
		return nil, err
	}
	if err := s.applyWASI(w, config); err != nil {
		C.pellucid_wasi_config_delete(config)
		return nil, err
	}
	return config, nil
}

func (s *Store) applyWASI(w *WASI, config *C.pellucid_wasi_config_t) error {
	for _, arg := range w.Args {
		data, size := text(arg)
		if err := check(C.pellucid_wasi_config_add_arg(config, data, size), nil); err != nil {
			return fmt.Errorf("the argument %q: %w", arg, err)
		}
	}
	if w.InheritEnv {
		C.pellucid_wasi_config_inherit_env(config)
	}
	for name, value := range w.Env {
		nameData, nameSize := text(name)
		valueData, valueSize := text(value)
		if err := check(C.pellucid_wasi_config_set_env(config, nameData, nameSize, valueData, valueSize), nil); err != nil {
			return fmt.Errorf("the environment variable %q: %w", name, err)
		}
	}
	switch stdin := w.Stdin.(type) {
	case nil:
	case *os.File:
		if stdin == os.Stdin {
			C.pellucid_wasi_config_set_stream(config, C.PELLUCID_WASI_STDIN, C.PELLUCID_WASI_INHERIT)
			break
		}
		C.plgo_wasi_set_input(config, s.register(w.Stdin))
	default:
		C.plgo_wasi_set_input(config, s.register(w.Stdin))
	}
	for stream, writer := range map[C.uint32_t]io.Writer{C.PELLUCID_WASI_STDOUT: w.Stdout, C.PELLUCID_WASI_STDERR: w.Stderr} {
		switch {
		case writer == nil:
		case writer == io.Writer(os.Stdout) && stream == C.PELLUCID_WASI_STDOUT,
			writer == io.Writer(os.Stderr) && stream == C.PELLUCID_WASI_STDERR:
			C.pellucid_wasi_config_set_stream(config, stream, C.PELLUCID_WASI_INHERIT)
		default:
			C.plgo_wasi_set_output(config, stream, s.register(writer))
		}
	}
	for _, folder := range w.Folders {
		hostData, hostSize := text(folder.Host)
		guestData, guestSize := text(folder.Guest)
		var object *C.pellucid_error_t
		status := C.pellucid_wasi_config_add_folder(config, hostData, hostSize, guestData, guestSize, C.bool(folder.IsReadOnly),
			&object)
		if err := check(status, &object); err != nil {
			return fmt.Errorf("the folder %q as %q: %w", folder.Host, folder.Guest, err)
		}
	}
	for _, socket := range w.Sockets {
		var object *C.pellucid_error_t
		if err := check(C.pellucid_wasi_config_add_socket(config, C.int32_t(socket), &object), &object); err != nil {
			return fmt.Errorf("the socket %d: %w", socket, err)
		}
	}
	if w.FixedClocks != nil {
		C.pellucid_wasi_config_set_fixed_clocks(config, C.uint64_t(w.FixedClocks.Start), C.uint64_t(w.FixedClocks.Step))
	}
	if w.RandomSeed != nil {
		C.pellucid_wasi_config_set_random_seed(config, C.uint64_t(*w.RandomSeed))
	}
	C.pellucid_wasi_config_set_yielding(config, C.bool(w.IsYielding))
	return nil
}

//export pellucidGoWrite
func pellucidGoWrite(key C.uint64_t, bytes unsafe.Pointer, n C.size_t) C.int32_t {
	s, object := storeOf(key)
	err := s.inside(func() error {
		written, err := object.(io.Writer).Write(unsafe.Slice((*byte)(bytes), n))
		if err == nil && written < int(n) {
			err = io.ErrShortWrite
		}
		return err
	})
	return s.streamStatus(err)
}

//export pellucidGoRead
func pellucidGoRead(key C.uint64_t, bytes unsafe.Pointer, n C.size_t, out *C.size_t) C.int32_t {
	s, object := storeOf(key)
	err := s.inside(func() error {
		for i := 0; i < 100; i++ {
			got, err := object.(io.Reader).Read(unsafe.Slice((*byte)(bytes), n))
			*out = C.size_t(got)
			if got > 0 || errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		return io.ErrNoProgress
	})
	return s.streamStatus(err)
}

// streamStatus has the guest that a stream's panic leaves behind end soon.
func (s *Store) streamStatus(err error) C.int32_t {
	if err == nil {
		return C.PELLUCID_OK
	}
	if s.panicked != nil {
		if irq, err := s.interrupt(); err == nil {
			C.pellucid_interrupt_request(irq, C.PELLUCID_INTERRUPT_TRAP)
		}
	}
	s.streamFailure = err
	return C.PELLUCID_ERR_HOST
}
