package state

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

func TestModel(t *testing.T) {
	counters := map[string]int{}
	for seed := range *seedsFlag {
		seed += *seedFlag
		keys := []int{4, 60, 400, 5000}[seed%4]
		steps := []int{1500, 1000, 500, 200}[seed%4]
		w := newWorld(seed, keys, noBug)
		if err := w.play(steps); err != nil {
			t.Fatalf("seed %d: %v\nreplay: go test ./state -run TestModel -seeds 1 -seed %d", seed, err, seed)
		}
		for name, n := range w.counters {
			counters[name] += n
		}
		for _, s := range w.sides {
			counters["loads"] += int(s.state.loads)
			counters["evictions"] += int(s.state.evictions)
			counters["page loads"] += int(s.state.pageLoads)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(counters)) {
		t.Logf("%-10s %d", name, counters[name])
		if counters[name] == 0 {
			t.Errorf("no %s happened", name)
		}
	}
}

// TestModelCatchesBugs is the positive control: a model with a fault must not agree.
func TestModelCatchesBugs(t *testing.T) {
	for planted, name := range map[bug]string{
		bugLostDelete: "lost delete", bugLostRevert: "lost revert", bugParentIsCertified: "parent is certified",
		bugCrashLosesNothing: "crash loses nothing", bugDropIsIgnored: "drop is ignored",
		bugEndIsInclusive: "the end is inclusive",
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(10) {
				if err := newWorld(seed, 60, planted).play(1500); err != nil {
					t.Logf("seed %d: %v", seed, err)
					return
				}
			}
			t.Fatal("the planted bug was not noticed")
		})
	}
}

// checkNodes makes sure that the arena holds exactly the nodes that the certified state and the
// live overlays reach, and that the pins are those of the live overlays.
func checkNodes(s *State) error {
	pins := map[ref]uint16{}
	seen := map[ref]bool{}
	var bad error
	var visit func(c child)
	visit = func(c child) {
		if c.ref == 0 || seen[c.ref] {
			return
		}
		seen[c.ref] = true
		if !c.ref.isBranch() {
			return
		}
		b := s.nodes.branch(c.ref)
		if b.is(flagStub) {
			return
		}
		if c.keys != b.kids[0].keys+b.kids[1].keys || c.hash != branchHash(&b.kids[0].hash, &b.kids[1].hash) {
			bad = fmt.Errorf("a branch differs from what its parent says")
		}
		visit(b.kids[0])
		visit(b.kids[1])
	}
	for i := range s.certified.spaces {
		visit(s.certified.spaces[i].root)
	}
	for _, o := range s.live {
		for i := range o.spaces {
			visit(o.spaces[i].root)
		}
		for _, r := range o.replaced {
			if r.isBranch() {
				pins[r]++
			}
		}
	}
	branches := 0
	for r := range seen {
		if !r.isBranch() {
			continue
		}
		branches++
		if got := s.nodes.branch(r).pins; got != pins[r] {
			return fmt.Errorf("a branch has %d pins, want %d", got, pins[r])
		}
	}
	if branches != s.nodes.branchCount || len(seen)-branches != s.nodes.leafCount {
		return fmt.Errorf("the arena holds %d branches and %d leaves, %d and %d are reached", s.nodes.branchCount, s.nodes.leafCount, branches, len(seen)-branches)
	}
	return bad
}
