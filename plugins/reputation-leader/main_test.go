package main

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugins/reputation-leader/reputation"
	"quoin.dev/quoin/sdk/leader"
	"quoin.dev/quoin/sdk/plugintest"
	"quoin.dev/quoin/sdk/sandboxtest"
)

var seed = flag.Uint64("seed", 0, "of the generated requests; 0: another one each time")

// modules are the projects that hold this algorithm, each in its language.
var modules = []struct{ language, dir string }{
	{"go", "."},
	{"assemblyscript", "../reputation-leader-assemblyscript"},
}

// TestSandboxEqualsNative asks the modules and the native code the same questions.
func TestSandboxEqualsNative(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay: go test -run TestSandboxEqualsNative ./plugins/reputation-leader -seed %d", s)
	for _, m := range modules {
		t.Run(m.language, func(t *testing.T) { compare(t, m.dir, rand.New(rand.NewPCG(s, 2))) })
	}
}

func compare(t *testing.T, dir string, rng *rand.Rand) {
	table, guest, native := sandboxtest.Open(t, dir, plugin.Builtin{Name: "native", Leader: leader.Served()})
	var most uint64
	for i := range 2000 {
		validatorsMax := 24
		if i%50 == 0 {
			validatorsMax = hook.ValidatorsMax
		}
		r := plugintest.RandomRequest(rng, validatorsMax)
		guest.Parameters = nil // the table puts the binding's parameters into the request
		if rng.IntN(2) == 0 {
			guest.Parameters = reputation.Params(rng.IntN(hook.WindowMax + 2))
		}
		native.Parameters = guest.Parameters
		want, err := table.Lead(native, r)
		if err != nil || want.Fault != hook.FaultNone {
			t.Fatalf("request %d, native: %v, %v", i, want.Fault, err)
		}
		got, err := table.Lead(guest, r)
		if err != nil || got.Fault != hook.FaultNone {
			t.Fatalf("request %d (%d validators, %d blocks), sandbox: %v, %v, %s", i, len(r.Validators), len(r.Window), got.Fault, err, got.Log)
		}
		if got.Proposer != want.Proposer {
			t.Fatalf("request %d: the sandbox names %d, native code %d", i, got.Proposer, want.Proposer)
		}
		most = max(most, got.Fuel)
	}
	t.Logf("most fuel of one call: %d", most)
}

// BenchmarkLead is one call for a network of four, with a window of 64 blocks.
func BenchmarkLead(b *testing.B) {
	chain := plugintest.Chain{Weights: []uint64{1, 1, 1, 1}}
	for range 100 {
		chain.Step(leader.Served())
	}
	r := chain.Request()
	for i, m := range modules {
		table, guest, native := sandboxtest.Open(b, m.dir, plugin.Builtin{Name: "native", Leader: leader.Served()})
		if i == 0 {
			b.Run("native", func(b *testing.B) { lead(b, table, native, r) })
		}
		b.Run(m.language, func(b *testing.B) { lead(b, table, guest, r) })
	}
}

func lead(b *testing.B, table *plugin.Table, binding *quoin.Binding, r *hook.LeaderRequest) {
	b.ReportAllocs()
	var fuel uint64
	for b.Loop() {
		result, err := table.Lead(binding, r)
		if err != nil || result.Fault != hook.FaultNone {
			b.Fatal(result.Fault, err)
		}
		fuel = result.Fuel
	}
	b.ReportMetric(float64(fuel), "fuel/op")
}
