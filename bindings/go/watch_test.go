//go:build cgo

package pellucid

import (
	"context"
	"testing"
)

// A context that is done when the guest has returned already asks for what is meant for no other call.
func TestLateRequests(t *testing.T) {
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	engine, err := NewEngine(nil)
	check(err)
	store, err := engine.NewStore()
	check(err)
	defer store.Close()
	module, err := engine.NewModuleText(`(module (func (export "fine")))`)
	check(err)
	instance, err := store.Instantiate(context.Background(), module)
	check(err)
	ctx, cancel := context.WithCancel(context.Background())
	var v saved
	check(store.enter(ctx, &v))
	cancel()
	<-v.watch.over
	check(store.leave(&v, 0, nil))
	_, err = instance.Call(context.Background(), "fine")
	check(err)
}
