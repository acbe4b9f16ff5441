// Package linux_amd64 has the static library for Linux on x86-64, which `make native` puts here. It is a package so that
// `go mod vendor` copies the folder.
package linux_amd64
