package lab

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"
)

var (
	first = flag.Uint64("first", 1, "the first seed")
	seeds = flag.Uint64("seeds", 8, "how many seeds are run")
	show  = flag.Bool("show", false, "print every event")
)

func TestSeeds(t *testing.T) {
	for seed := *first; seed < *first+*seeds; seed++ {
		o := Options{Seed: seed}
		if *show {
			o.Log = os.Stdout
		}
		at := time.Now()
		r, err := Run(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range r.Violations {
			n := len(v.Window)
			t.Errorf("seed %d: %s at %d: %s\n%s", seed, v.Invariant, v.AtUS, v.Text, strings.Join(v.Window[max(0, n-30):], "\n"))
		}
		r.Violations = nil
		t.Logf("%v %+v", time.Since(at), r)
	}
}
