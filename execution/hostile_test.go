package execution

import (
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
)

// Every hostile machine of the corpus beside kv, all in one block with one leader that loops: the block
// is the same as without any of them, and what they may use is bounded.
func TestHostileCandidatesChangeNothing(t *testing.T) {
	host, err := plugin.NewHost(plugin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	blocks := func(blind bool) (list []*Outcome) {
		g := newGoverned(t, func(c *quoin.Configuration) {
			for i := range hostile.Machines() {
				*c = c.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: numbered(i), Builtin: "kv"})
			}
		})
		g.anyAuthor()
		for i, f := range hostile.Machines() {
			r, err := host.Compile(f.Release(quoin.PublicKey{9}))
			if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
			g.x.c.Table.Add(r)
			if i >= governance.OpenPerProposerMax {
				continue
			}
			b := g.bindingOf(r, hook.Machine.Name, numbered(i))
			g.command(proposer, governance.Shadow{Proposal: g.approve(*b, governance.Plan{Shadow: 8, Diverges: true})})
		}
		g.x.flaws.Blind = blind
		for range 3 {
			var txs []quoin.Transaction
			for i := range hostile.Machines() {
				for range 3 {
					t := g.put("k", "v")
					t.Namespace = numbered(i)
					txs = append(txs, t)
				}
			}
			list = append(list, g.certify(txs...))
		}
		return list
	}
	with, without := blocks(false), blocks(true)
	for i := range with {
		a, b := with[i], without[i]
		if a.Checkpoint != b.Checkpoint || !slices.EqualFunc(a.Results, b.Results, equalResults) || len(a.Faults)+len(b.Faults) > 0 {
			t.Errorf("block %d differs", i)
		}
		bad := 0
		for _, c := range a.Comparisons {
			if c.Diverged+c.Faults > 0 {
				bad++
			}
		}
		if bad < len(a.Comparisons)/2 {
			t.Errorf("only %d of %d hostile machines look bad: %+v", bad, len(a.Comparisons), a.Comparisons)
		}
	}
}

func numbered(i int) string { return "n" + string(rune('a'+i)) }
