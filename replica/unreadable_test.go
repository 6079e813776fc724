package replica

import (
	"errors"
	"testing"

	"quoin.dev/quoin/store"
)

// damaged is a store that cannot be read any more.
type damaged struct {
	store.Store
	on *bool
}

var errDamaged = errors.New("the disk is damaged")

func (d damaged) Get(key []byte) ([]byte, bool, error) {
	if *d.on {
		return nil, false, errDamaged
	}
	return d.Store.Get(key)
}

// TestUnreadableStateStopsTheReplica: a state that cannot be read ends the step with an error that the
// driver stops for, not with a panic.
func TestUnreadableStateStopsTheReplica(t *testing.T) {
	w := newNetwork(t, 4, nil)
	config, on := w.replicas[0].c, false
	config.Store = damaged{store.NewMemory(), &on}
	r, err := New(config, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	on = true
	if r, err := New(config, nil, false); !errors.Is(err, errDamaged) || r != nil {
		t.Errorf("it begins with %v", err)
	}
	var out Output
	r.Step(w.now, Start{}, &out)
	if !errors.Is(out.Fatal, errDamaged) {
		t.Errorf("Fatal is %v", out.Fatal)
	}
}
