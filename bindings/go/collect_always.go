//go:build cgo && pellucid_debug

package pellucid

import (
	"fmt"
	"os"
	"runtime"
)

// collect runs at every use of the library, so that what lives too short is found by tests.
func collect() { runtime.GC() }

func leaked(what string) {
	fmt.Fprintf(os.Stderr, "pellucid: a %s was collected that nobody has closed\n", what)
}
