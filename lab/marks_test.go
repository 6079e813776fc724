package lab

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"quoin.dev/quoin/mark"
)

// coverage collects what the worlds of all tests have reached.
type coverage struct {
	mu     sync.Mutex
	marks  mark.Set
	worlds int
}

var reached coverage

func (c *coverage) add(s *mark.Set) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.marks.Add(s)
	c.worlds++
}

// marksWorlds is how many worlds must have been played before a mark that none of them reached is an
// error: all of this package's, not those of a few tests.
const marksWorlds = 100

// TestMain runs the tests, and then asks whether every place that a swarm should come to was reached.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if reached.worlds >= marksWorlds {
		never, _ := mark.Missed(reached.marks.Counts(Marks()...))
		for _, c := range never {
			fmt.Printf("FAIL: %s was never reached in %d worlds: %s\n", c.Name, reached.worlds, c.Says)
			code = 1
		}
	}
	if testing.Verbose() {
		for _, c := range reached.marks.Counts(Marks()...) {
			if c.Reached == 0 {
				fmt.Printf("%d worlds: never %s (%s)\n", reached.worlds, c.Name, c.Kind)
			}
		}
	}
	os.Exit(code)
}

// TestMarksThatNothingReaches: what nothing reaches is told, and what does not hold breaks the run.
func TestMarksThatNothingReaches(t *testing.T) {
	t.Parallel()
	o, err := Options{Seed: 1, Blocks: 10, Transactions: 10, Epochs: 1, Hostile: None}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWorld(o, calm)
	if err != nil {
		t.Fatal(err)
	}
	unreachable := mark.Mark{Name: "lab/unreachable", Kind: mark.Sometimes, Says: "nothing"}
	wrong := mark.Mark{Name: "lab/wrong", Kind: mark.Always, Says: "what does not hold"}
	w.after(second, func() { w.marks.Always(&wrong, false) })
	w.after(2*second, w.chaos.heal)
	w.play()
	never, broken := mark.Missed(w.marks.Counts(append(Marks(), []mark.Mark{unreachable})...))
	told := false
	for _, c := range never {
		told = told || c.Name == unreachable.Name
	}
	if !told || len(broken) != 1 {
		t.Errorf("never: %v, broken: %v", never, broken)
	}
	if v := w.result.Violations; len(v) != 1 || v[0].Invariant != "always" || v[0].Observer != "marks" {
		t.Errorf("%+v", v)
	}
}

// Every mark has a name of its room, a kind and a sentence.
func TestMarkTables(t *testing.T) {
	seen := map[string]bool{}
	for _, room := range Marks() {
		for _, m := range room {
			if seen[m.Name] || m.Says == "" || m.Kind != mark.Always && m.Kind != mark.Sometimes && m.Kind != mark.Reachable {
				t.Errorf("%+v", m)
			}
			seen[m.Name] = true
		}
	}
	if len(seen) < 100 {
		t.Errorf("%d marks", len(seen))
	}
}
