//go:build cgo && !race

package pellucid_test

const isRace = false
