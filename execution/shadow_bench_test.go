package execution

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
)

// BenchmarkShadow executes blocks of 400 transactions with and without a candidate beside the machine,
// in turns, and reports the ratio of the medians: what a shadow costs who executes.
func BenchmarkShadow(b *testing.B) {
	for _, f := range []struct {
		name   string
		native bool
	}{{"built-in", true}, {"release", false}} {
		b.Run(f.name, func(b *testing.B) { benchmarkShadow(b, f.native) })
	}
}

func benchmarkShadow(b *testing.B, native bool) {
	g := newGoverned(b, func(c *quoin.Configuration) { c.Parameters.ShadowMaxFuel = 1 << 40 }, candidateBuiltins()...)
	g.anyAuthor()
	binding := quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "same"}
	if !native {
		r := batchGuest(b)
		g.x.c.Table.Add(r)
		binding = *g.bindingOf(r, "machine.v1", "kv")
		g.activate(g.approve(binding, governance.Plan{}))
		binding.FuelMax--
	}
	g.command(proposer, governance.Shadow{Proposal: g.approve(binding, governance.Plan{Shadow: 8, Diverges: true})})
	var with, without []time.Duration
	for b.Loop() {
		var txs []quoin.Transaction
		for i := range 400 {
			if native {
				txs = append(txs, g.put(fmt.Sprint("key", i), "a value of some forty bytes, as they are in use"))
			} else {
				txs = append(txs, g.to("kv", []byte{byte(i), 'x', 0, 0}))
			}
		}
		for _, blind := range []bool{true, false} {
			g.x.flaws.Blind = blind
			start := time.Now()
			o, err := g.execute(txs...)
			if err != nil {
				b.Fatal(err)
			}
			if took := time.Since(start); blind {
				without = append(without, took)
			} else {
				with = append(with, took)
			}
			g.x.Forget(o.Block.ID())
			g.x.doubted = quoin.Hash{}
		}
	}
	slices.Sort(with)
	slices.Sort(without)
	b.ReportMetric(float64(with[len(with)/2])/float64(without[len(without)/2]), "ratio")
	b.ReportMetric(float64(without[len(without)/2].Microseconds()), "µs-without")
}
