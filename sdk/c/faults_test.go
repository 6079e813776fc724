package c_test

import (
	"bytes"
	"testing"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/internal/probe"
	"quoin.dev/quoin/sdk/plugintest"
	"quoin.dev/quoin/sdk/sandboxtest"
)

// TestFaults: what ends a call in the sandbox ends it natively, with the same fault, and the process goes
// on. Natively there is no fuel.
func TestFaults(t *testing.T) {
	sandboxed, process := open(t, "testdata/probe")
	key := func(n int) []byte { return bytes.Repeat([]byte{1}, n) }
	put := probe.Number(append(probe.Bytes([]byte{probe.Put}, key(1)), 5), 5)
	var events []byte
	for range hook.EventsMax + 1 {
		events = probe.Bytes(append(events, probe.Emit), nil)
	}
	state := plugintest.NewState(nil)
	for _, c := range []struct {
		name    string
		program []byte
		want    hook.Fault
	}{
		{"key too long", probe.Bytes([]byte{probe.Get}, key(hook.KeyMax+1)), hook.FaultLimit},
		{"empty key", probe.Bytes([]byte{probe.Delete}, nil), hook.FaultLimit},
		{"event too long", probe.Bytes([]byte{probe.Emit}, key(hook.EventMax+1)), hook.FaultLimit},
		{"too many events", events, hook.FaultLimit},
		{"output too long", probe.Number([]byte{probe.Output}, hook.ApplyOutputMax/2+1), hook.FaultOutput},
		{"trap after a write", append(bytes.Clone(put), probe.Panic), hook.FaultTrap},
		{"none", put, hook.FaultNone},
	} {
		request := encoded(t, &hook.ApplyRequest{Height: 1, Payload: c.program})
		for name, by := range map[string]plugintest.Answerer{"sandbox": sandboxed, "native": process} {
			a, err := by.Answer(hook.Apply.Name, request, state)
			if err != nil {
				t.Fatalf("%s, %s: %v", c.name, name, err)
			}
			if want := c.want.String(); a.Fault != want && !(c.want == hook.FaultNone && a.Fault == "") {
				t.Errorf("%s, %s: the fault %q, want %s", c.name, name, a.Fault, want)
			}
		}
	}
	loop := encoded(t, &hook.ApplyRequest{Height: 1, Payload: []byte{probe.Loop}})
	if a, err := sandboxed.Answer(hook.Apply.Name, loop, state); err != nil || a.Fault != hook.FaultFuel.String() {
		t.Errorf("an endless loop: %v, %v", &a, err)
	}
}

// TestABatchIsItsTransactions: a batch gives each transaction the result that it has in a call of its own,
// also where they use the allocator, which begins anew for each.
func TestABatchIsItsTransactions(t *testing.T) {
	need(t, "clang", "wasm-ld")
	rng := generator(t)
	table, binding, _ := sandboxtest.Open(t, "testdata/probe", plugin.Builtin{Name: "none"})
	single, batched := sandboxtest.NewState(), sandboxtest.NewState()
	for range 20 {
		requests := make([]*hook.ApplyRequest, 1+rng.IntN(30))
		var want []plugin.ApplyResult
		for i := range requests {
			requests[i] = &hook.ApplyRequest{Height: 1, Index: uint32(i), Payload: probe.Random(rng)}
			trial := single.Clone()
			r, err := table.Apply(binding, requests[i], trial)
			if err != nil || r.Fault != hook.FaultNone {
				t.Fatal(r.Fault, err)
			}
			if want = append(want, r); r.Code == 0 {
				single = trial
			}
		}
		before := batched.Clone()
		fault, err := table.ApplyBatch(binding, len(requests), func(i int) *hook.ApplyRequest { return requests[i] }, batched, func(i int, r plugin.ApplyResult) error {
			if r.Code != want[i].Code || !bytes.Equal(r.Output, want[i].Output) || len(r.Events) != len(want[i].Events) {
				t.Errorf("transaction %d %x: in a batch %d %x, alone %d %x", i, requests[i].Payload, r.Code, r.Output, want[i].Code, want[i].Output)
			}
			if r.Code != 0 {
				batched.Values = before.Values
			}
			before = batched.Clone()
			return nil
		})
		if err != nil || fault != hook.FaultNone {
			t.Fatal(fault, err)
		}
	}
	if len(single.Values) != len(batched.Values) || len(single.Values) < 5 {
		t.Errorf("%d keys one by one, %d in batches", len(single.Values), len(batched.Values))
	}
}

// TestUndefinedBehaviourIsFoundNatively: the module has an answer, the same on every node, but another
// compiler could give another one.
func TestUndefinedBehaviourIsFoundNatively(t *testing.T) {
	sandboxed, process := open(t, "testdata/undefined")
	for epoch, want := range map[uint64]string{7: "", 1<<31 - 1: hook.FaultTrap.String()} {
		request := encoded(t, &hook.LeaderRequest{Epoch: epoch, View: 1, Validators: []hook.Validator{{Weight: 1}}})
		if a, err := sandboxed.Answer(hook.Lead.Name, request, plugintest.NewState(nil)); err != nil || a.Fault != "" {
			t.Errorf("epoch %d, sandbox: %v, %v", epoch, &a, err)
		}
		if a, err := process.Answer(hook.Lead.Name, request, plugintest.NewState(nil)); err != nil || a.Fault != want {
			t.Errorf("epoch %d, native: %v, %v", epoch, &a, err)
		}
	}
}
