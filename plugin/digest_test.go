package plugin

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

var (
	differentialUpdate = flag.Bool("differential.update", false, "write testdata/outcomes.golden anew")
	differentialOut    = flag.String("differential.out", "", "write the digests of all outcomes to this file")
)

const (
	digestBlock = 50 // seeds that share a digest
	goldenSeeds = 300
)

// digestLines are the digests of the outcomes of blocks of seeds, one a line.
func digestLines(digests []uint32) string {
	var b strings.Builder
	for i := 0; i+digestBlock <= len(digests); i += digestBlock {
		var d uint64
		for _, x := range digests[i : i+digestBlock] {
			d = d*0x9e3779b97f4a7c15 + uint64(x)
		}
		fmt.Fprintf(&b, "seeds %d to %d: %016x\n", i+1, i+digestBlock, d)
	}
	return b.String()
}

// compareDigests compares the outcomes of the first seeds with those that are written down, of
// whatever machine: results, fuel, depth, faults and memory are the same on all.
func compareDigests(t *testing.T, digests []uint32) {
	if *differentialOut != "" {
		if err := os.WriteFile(*differentialOut, []byte(digestLines(digests)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if len(digests) < goldenSeeds {
		return
	}
	golden, got := filepath.Join("testdata", "outcomes.golden"), digestLines(digests[:goldenSeeds])
	if *differentialUpdate {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the outcomes of random modules are others than those of %s:\n%s\nEither this machine computes differently, or the charges, the instrumentation or the generator have changed. "+
			"If the charges or the instrumentation: raise ScheduleVersion or EngineVersion. Then run\n"+
			"go test ./plugin -run TestRandomModules -differential.update", golden, got)
	}
}

// differentialCounts say what a run has tested.
type differentialCounts struct {
	calls  map[string]int
	faults map[hook.Fault]int
	reach  Reach
}

func newDifferentialCounts() differentialCounts {
	return differentialCounts{calls: map[string]int{}, faults: map[hook.Fault]int{}, reach: Reach{}}
}

func (c differentialCounts) reached(r Reach) {
	for name, n := range r {
		c.reach[name] += n
	}
}

func (c differentialCounts) add(o differentialCounts) {
	c.reached(o.reach)
	for name, n := range o.calls {
		c.calls[name] += n
	}
	for f, n := range o.faults {
		c.faults[f] += n
	}
}

// enough fails the test if n modules did not test what they should.
func (c differentialCounts) enough(t *testing.T, n int) {
	for _, name := range Reaches() {
		t.Logf("%6.2f per module: %s", float64(c.reach[name])/float64(n), name)
	}
	if n < 100 {
		return
	}
	for _, name := range Reaches() {
		if c.reach[name] < n/10 {
			t.Errorf("the generator reaches too little: %d times %s in %d modules", c.reach[name], name, n)
		}
	}
	for name, least := range map[string]int{"like the reference": 2 * n, "like the plain module": n, "with NaNs that are not canonical": n / 20, "out of fuel on the way": n} {
		if c.calls[name] < least {
			t.Errorf("only %d calls %s in %d modules", c.calls[name], name, n)
		}
	}
	for _, f := range []hook.Fault{hook.FaultFuel, hook.FaultDepth, hook.FaultTrap} {
		if c.faults[f] < n/50 {
			t.Errorf("only %d calls end with the fault %v in %d modules", c.faults[f], f, n)
		}
	}
}
