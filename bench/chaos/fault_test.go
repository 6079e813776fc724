package chaos

import (
	"reflect"
	"slices"
	"testing"
)

// The seed decides all faults, every kind comes before any comes again, and no more nodes are struck
// than the protocol tolerates but by the kinds that say so.
func TestSchedule(t *testing.T) {
	for _, nodes := range []int{4, 7, 10} {
		for seed := range uint64(20) {
			a, b := newSchedule(seed, nodes, Kinds()), newSchedule(seed, nodes, Kinds())
			for range 3 {
				seen := map[Kind]bool{}
				for range Kinds() {
					f, again := a.next(), b.next()
					if !reflect.DeepEqual(f, again) {
						t.Fatalf("seed %d: %v and %v", seed, f, again)
					}
					if seen[f.Kind] {
						t.Fatalf("seed %d, %d nodes: %s twice before all kinds came", seed, nodes, f.Kind)
					}
					seen[f.Kind] = true
					if limit := tolerated(nodes); len(f.Nodes) > limit && !f.Kind.Total() && f.Kind != Rolling {
						t.Errorf("%s strikes %d of %d nodes", &f, len(f.Nodes), nodes)
					}
					if f.Kind == DiskFull && f.Nodes[0] != DiskNode(seed, nodes) {
						t.Errorf("%s strikes a node without a small disk", &f)
					}
					if !slices.IsSorted(f.Nodes) || f.Nodes[len(f.Nodes)-1] >= nodes || f.Wait <= 0 || f.Lasts <= 0 {
						t.Errorf("%+v", f)
					}
				}
			}
		}
	}
	if x, y := newSchedule(1, 4, Kinds()).next(), newSchedule(2, 4, Kinds()).next(); reflect.DeepEqual(x, y) {
		t.Errorf("seeds 1 and 2 begin with the same fault: %v", x)
	}
}
