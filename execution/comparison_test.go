package execution

import (
	"bytes"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// beforeKV is a machine that does something of its own and then what the machine kv does.
type beforeKV struct {
	plugin.KV
	first func(q *hook.ApplyRequest, s hook.Access)
}

func (m beforeKV) Apply(q *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
	m.first(q, s)
	return m.KV.Apply(q, s)
}

func machine(name string, first func(q *hook.ApplyRequest, s hook.Access)) plugin.Builtin {
	return plugin.Builtin{Name: name, Machine: beforeKV{first: first}}
}

// candidates are machines that may run beside kv, with what should come of four transactions a block.
var candidates = []struct {
	plugin.Builtin
	diverged, faults uint64
}{
	{machine("same", func(*hook.ApplyRequest, hook.Access) {}), 0, 0},
	{machine("rewrites", func(q *hook.ApplyRequest, s hook.Access) {
		s.Put([]byte("k1"), []byte("another"))
		s.Put([]byte("k2"), nil)
		s.Delete([]byte("k3"))
	}), 4, 0},
	{machine("traps", func(*hook.ApplyRequest, hook.Access) { panic("trap") }), 0, 4},
	{machine("loops", func(_ *hook.ApplyRequest, s hook.Access) {
		for {
			if _, ok := s.Get([]byte("k1")); !ok {
				return
			}
		}
	}), 0, 4},
	{machine("reads", func(_ *hook.ApplyRequest, s hook.Access) {
		s.Scan(nil, nil, func(_, _ []byte) bool { return true })
		s.Beacon()
		s.Foreign("kv", []byte("k1"))
		s.Proof([]byte("k1"))
	}), 0, 0},
	{machine("writes", func(_ *hook.ApplyRequest, s hook.Access) {
		value := make([]byte, 60<<10)
		for i := range byte(20) {
			s.Put([]byte{i}, value)
		}
	}), 4, 0},
	{machine("deletes", func(_ *hook.ApplyRequest, s hook.Access) {
		var keys [][]byte
		s.Scan(nil, nil, func(k, _ []byte) bool { keys = append(keys, bytes.Clone(k)); return true })
		for _, k := range keys {
			s.Delete(k)
		}
	}), 4, 0},
}

func candidateBuiltins() (list []plugin.Builtin) {
	for _, c := range candidates {
		list = append(list, c.Builtin)
	}
	return list
}

// watchedBlocks runs blocks of transactions with or without something beside the machine and returns
// their outcomes. The proposal is there in both.
func watchedBlocks(t *testing.T, f Flaws, candidate string, watch bool) (list []*Outcome) {
	t.Helper()
	g := newGoverned(t, asIs, candidateBuiltins()...)
	g.x.flaws = f
	n := g.approve(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: candidate}, governance.Plan{Shadow: 8, Diverges: true})
	g.command(proposer, governance.Shadow{Proposal: n})
	for range 6 {
		var txs []quoin.Transaction
		for _, key := range []string{"k1", "k2", "k1", "k3"} {
			txs = append(txs, g.put(key, candidate))
		}
		txs = append(txs, g.to("kv", []byte("no batch")), g.to("nowhere", nil))
		if !watch {
			g.x.flaws.Blind = true
		}
		list = append(list, g.certify(txs...))
	}
	return list
}

// Whatever runs beside what serves: roots, results, faults and fuel are as without it.
func TestComparisonsChangeNothing(t *testing.T) {
	for _, c := range candidates {
		with, without := watchedBlocks(t, Flaws{}, c.Name, true), watchedBlocks(t, Flaws{}, c.Name, false)
		for i := range with {
			a, b := with[i], without[i]
			if len(a.Comparisons) != 1 || b.Comparisons != nil {
				t.Fatalf("%s: comparisons %v and %v", c.Name, a.Comparisons, b.Comparisons)
			}
			if a.Checkpoint != b.Checkpoint || !slices.EqualFunc(a.Results, b.Results, equalResults) || !slices.Equal(a.Faults, b.Faults) || a.written != b.written {
				t.Fatalf("%s: block %d differs:\n%+v\n%+v", c.Name, i, a, b)
			}
		}
	}
}

func equalResults(a, b quoin.Result) bool {
	return bytes.Equal(a.AppendBinary(nil), b.AppendBinary(nil))
}

// The test above sees a comparison whose writes stay.
func TestLeakingComparisonIsSeen(t *testing.T) {
	with, without := watchedBlocks(t, Flaws{ComparisonLeaks: true}, "rewrites", true), watchedBlocks(t, Flaws{}, "rewrites", false)
	if with[0].Checkpoint == without[0].Checkpoint {
		t.Error("writes of a comparison stay, and nobody sees it")
	}
}

func TestComparisonsCount(t *testing.T) {
	for _, c := range candidates {
		outcomes := watchedBlocks(t, Flaws{}, c.Name, true)
		o := outcomes[len(outcomes)-1]
		got := o.Comparisons[0]
		// A payload that is no batch is refused by all, and writes nothing; but not by what faults.
		compared, faults := uint64(5), c.faults
		if c.faults > 0 {
			faults++
		}
		if got.Compared+got.Skipped != compared || got.Diverged != c.diverged || got.Faults != min(faults, got.Compared) || got.Trial {
			t.Errorf("%s: %+v", c.Name, got)
		}
		if differs := got.Diverged+got.Faults > 0; differs != (got.First == o.Checkpoint.Height) {
			t.Errorf("%s: first difference at %d", c.Name, got.First)
		}
		if again := watchedBlocks(t, Flaws{}, c.Name, true); again[len(again)-1].Comparisons[0] != got {
			t.Errorf("%s: once more it is %+v", c.Name, again[len(again)-1].Comparisons[0])
		}
	}
}
