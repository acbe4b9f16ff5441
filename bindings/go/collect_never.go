//go:build cgo && !pellucid_debug

package pellucid

func collect() {}

func leaked(string) {}
