package plugin

import (
	"math/rand"
	"sync"
	"testing"

	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// One goroutine compiles while others, each with its own table, call guests of one release.
// Worth running with -race.
func TestConcurrentUse(t *testing.T) {
	h := newHost(t, Options{})
	r, err := h.Compile(release(t, echo(), testManifest("machine.v1")))
	if err != nil {
		t.Fatal(err)
	}
	var files [][]byte
	for seed := range int64(20) {
		files = append(files, release(t, randomMachine(rand.New(rand.NewSource(seed)), Shape{Floats: true, Locals: 10}), testManifest("machine.v1")))
	}
	var group sync.WaitGroup
	group.Go(func() {
		for _, f := range files {
			other, err := h.Compile(f)
			if err != nil {
				t.Error(err)
				return
			}
			_ = other.Close()
		}
	})
	for range 3 {
		group.Go(func() {
			table, err := NewTable(Builtins())
			if err != nil {
				t.Error(err)
				return
			}
			table.Add(r)
			defer table.Remove(r.Digest())
			for range 500 {
				o, err := table.Apply(r.Binding("machine.v1"), &hook.ApplyRequest{Payload: []byte("x")}, newState())
				if err != nil || o.Fault != hook.FaultNone || o.Output[0] != 1 {
					t.Errorf("%+v %v", o, err)
					return
				}
			}
		})
	}
	group.Wait()
}
