//go:build !cgo

package pellucid

var _ = pellucid_needs_cgo_so_set_CGO_ENABLED_1_and_install_a_C_compiler
