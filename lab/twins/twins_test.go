package twins

import (
	"testing"
	"time"

	"quoin.dev/quoin/lab/protocol"
)

func named(t testing.TB, name string) protocol.Listed {
	t.Helper()
	l, ok := protocol.Named(name)
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	return l
}

func explore(s Space) Explored {
	var sum Explored
	for _, j := range s.Jobs() {
		x := j.Explore(nil)
		sum.Add(&x)
	}
	return sum
}

func TestTry(t *testing.T) {
	for _, heal := range []bool{false, true} {
		for _, sym := range []bool{false, true} {
			for _, early := range []bool{false, true} {
				begin := time.Now()
				s := Space{Protocol: named(t, "simplex").Protocol, Views: 2, Heal: heal, Symmetry: sym, Early: early}
				x := explore(s)
				took := time.Since(begin)
				t.Logf("heal %v sym %v early %v: %v runs/s size %d: %d messages/run %+v", heal, sym, early, float64(x.Runs)/took.Seconds(), s.Size(), x.Messages/x.Runs, x)
			}
		}
	}
}
