package lab

import (
	"flag"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/mark"
	"quoin.dev/quoin/plugin/hostile"
)

var byzantine = flag.Uint64("byzantine", 2, "how many seeds are run with each behaviour of a faulty validator")

// One faulty validator of four breaks nothing, whatever it does, and does it.
func TestBehaviours(t *testing.T) {
	t.Parallel()
	for _, b := range Behaviours() {
		t.Run(string(b), func(t *testing.T) {
			t.Parallel()
			for seed := *first; seed < *first+*byzantine; seed++ {
				r, err := Run(Options{Seed: seed, Byzantine: b, Hostile: None, Blocks: 80, Transactions: 300})
				if err != nil {
					t.Fatal(err)
				}
				reached.add(r.Marks)
				for _, v := range r.Violations {
					t.Errorf("seed %d breaks %s at %d µs: %s\nreplay: go test ./lab -run 'TestBehaviours/^%s$' -first %d -byzantine 1", seed, v.Invariant, v.AtUS, v.Text, b, seed)
				}
				if r.Faults.Byzantine < 3 {
					t.Errorf("seed %d: it acted %d times in %d s", seed, r.Faults.Byzantine, r.SimulatedUS/second)
				}
			}
		})
	}
}

// A censor leads every view that it can, and keeps the chain's clients out of its blocks: the others do
// not notarize those, and rescue views bring in what waits, within I5's bound.
func TestCensorOfAllButRescueViews(t *testing.T) {
	t.Parallel()
	omitting := 0
	w := play(t, Options{Byzantine: Censor, Blocks: 40, Transactions: 40}, func(w *world) {
		var err error
		if w.corpus, err = NewCorpus(hostile.LeaderParameter); err != nil {
			t.Fatal(err)
		}
		b := w.corpus.propose(hostile.LeaderParameter).Binding
		for _, n := range w.nodes {
			n.releases[b.Release] = true
			if n.behaviour == Censor {
				b.Parameters = []byte{byte(n.index), 0, 0, 0}
			}
		}
		w.genesis.Configuration = w.genesis.Configuration.WithBinding(b)
		w.genesis.Configuration.Parameters.ForcedInclusionViews = 4
		w.network.filter = func(from, _ *node, m *message) bool {
			if _, ok := m.consensus.(*simplex.Proposal); ok && from.behaviour == Censor {
				omitting++
			}
			return true
		}
		w.after(20*second, w.chaos.heal)
	})
	if w.result.Faults.Byzantine == 0 || omitting == 0 {
		t.Errorf("the censor left nothing out of %d proposals", omitting)
	}
	if never, _ := mark.Missed(w.marks.Counts([]mark.Mark{{Name: "replica/omission", Kind: mark.Sometimes}, {Name: "simplex/vote-withheld", Kind: mark.Sometimes}})); len(never) > 0 {
		t.Errorf("nobody kept a vote from a block that leaves out what waits: %v", never)
	}
	by := map[quoin.View]int{}
	for i := range w.chain.blocks {
		b := w.chain.blocks[i].Block
		for k := range b.Transactions() {
			if b.Transactions()[k].Namespace == censored {
				by[b.Header().View%4]++
			}
		}
	}
	if n := by[1] + by[2] + by[3]; n > 0 || by[0] < 40 {
		t.Errorf("clients' transactions by view modulo 4: %v", by)
	}
}
