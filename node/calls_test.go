package node

import (
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// told keeps what it is told of calls.
type told struct {
	*watcher
	all []Call
}

func (t *told) Called(c Call) { t.all = append(t.all, c) }

// Built-ins answer thousands of questions a second: what one of them answers in a row is told once, with nothing
// lost, and faults each for itself.
func TestBuiltinsAreToldOfInRows(t *testing.T) {
	kv, bank, guest := quoin.Binding{Hook: "machine.v1", Builtin: "kv"}, quoin.Binding{Hook: "machine.v1", Builtin: "bank"}, quoin.Binding{Hook: "machine.v1", Release: quoin.Hash{1}}
	w := &told{}
	k := &calls{observer: w}
	ask := func(b quoin.Binding, f hook.Fault) { k.metered(b, plugin.Outcome{Fuel: 10, Fault: f}) }
	ask(kv, 0)
	ask(kv, 0)
	ask(bank, 0)
	ask(bank, hook.FaultTrap)
	ask(bank, hook.FaultTrap)
	k.begin("machine.v1.apply")
	ask(guest, 0)
	k.end(5)
	ask(guest, 0) // of the same batch
	k.begin("machine.v1.apply")
	ask(guest, 0)
	k.end(6)
	kept := k.take()
	ask(kv, 0)
	if len(k.take()) != 0 {
		t.Error("calls of built-ins were kept")
	}
	want := []Call{{Binding: kv, Requests: 2, Fuel: 20}, {Binding: bank, Requests: 1, Fuel: 10}, {Binding: bank, Requests: 1, Fuel: 10, Fault: hook.FaultTrap},
		{Binding: bank, Requests: 1, Fuel: 10, Fault: hook.FaultTrap}, {Binding: guest, Requests: 2, Fuel: 20, Memory: 5}, {Binding: guest, Requests: 1, Fuel: 10, Memory: 6},
		{Binding: kv, Requests: 1, Fuel: 10}}
	if len(w.all) != len(want) || len(kept) != 2 {
		t.Fatalf("told of %+v, kept %+v", w.all, kept)
	}
	for i, c := range w.all {
		if c.Binding.Slot() != want[i].Binding.Slot() || c.Binding.Builtin != want[i].Binding.Builtin || c.Requests != want[i].Requests || c.Fuel != want[i].Fuel ||
			c.Fault != want[i].Fault || c.Memory != want[i].Memory {
			t.Errorf("call %d: %+v, want %+v", i, c, want[i])
		}
	}
}
