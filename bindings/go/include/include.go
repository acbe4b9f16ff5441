// Package include has the C header of the library, which `make native` copies here. It is a package so that `go mod vendor`
// copies the folder.
package include
