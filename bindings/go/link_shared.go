//go:build cgo && pellucid_shared

package pellucid

/*
#cgo CFLAGS: -DPELLUCID_GO_LINKED
#cgo pkg-config: pellucid
*/
import "C"
