//go:build cgo && pellucid_shared

package pellucid

// #cgo pkg-config: pellucid
import "C"
