package lab

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/lab/events"
)

var (
	first = flag.Uint64("first", 1, "the first seed")
	seeds = flag.Uint64("seeds", 20, "how many seeds are run")
	show  = flag.Bool("show", false, "print every event")
)

// check reports broken invariants, with the command that replays them.
func check(t *testing.T, r *Report) {
	t.Helper()
	reached.add(r.Marks)
	for _, v := range r.Violations {
		t.Errorf("seed %d breaks %s at %d µs: %s\n%s\nreplay: go test ./lab -run TestSeeds -first %d -seeds 1 -show, or %s", r.Seed, v.Invariant, v.AtUS, v.Text,
			strings.Join(v.Window[max(0, len(v.Window)-40):], "\n"), r.Seed, r.Replay())
	}
}

// TestSeeds runs whole worlds, with all the adversity that their seeds choose.
func TestSeeds(t *testing.T) {
	t.Parallel()
	corpus, err := NewCorpus(chainFixtures...)
	if err != nil {
		t.Fatal(err)
	}
	for seed := *first; seed < *first+*seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			o := Options{Seed: seed, Corpus: corpus}
			if *show {
				o.Events = func(e *events.Event) { fmt.Println(e) }
			}
			at := time.Now()
			r, err := Run(o)
			if err != nil {
				t.Fatal(err)
			}
			check(t, &r)
			f := &r.Faults
			if !r.Failed() && (r.Blocks < 200 || r.Transactions < 1000 || r.Epochs < 2 || f.Lost == 0 || f.PowerCuts+f.TornWrites+f.Kills == 0 ||
				f.Partitions == 0 || f.PartialCuts == 0 || f.OneWayCuts == 0 || f.Flaps == 0 || f.Degraded == 0 || f.SlowNodes == 0 || f.SlowDisks == 0 ||
				f.ClockJumps == 0 || f.Restarts == 0) {
				t.Errorf("seed %d: too little happened: %+v", seed, r)
			}
			t.Logf("%d ms for %d s: %d heights, %d epochs, %d transactions, %s, %s, %+v, %v", time.Since(at).Milliseconds(), r.SimulatedUS/second, r.Blocks,
				r.Epochs, r.Transactions, r.Byzantine, r.Hostile, r.Faults, r.Digest)
		})
	}
}

// TestSameSeedSameDigest runs seeds twice.
func TestSameSeedSameDigest(t *testing.T) {
	t.Parallel()
	var digests []quoin.Hash
	for seed := uint64(100); seed < 104; seed++ {
		var r [2]Report
		for i := range r {
			var err error
			if r[i], err = Run(Options{Seed: seed, Blocks: 60, Transactions: 200}); err != nil {
				t.Fatal(err)
			}
			check(t, &r[i])
		}
		if r[0].Digest != r[1].Digest || r[0].Events != r[1].Events {
			t.Errorf("seed %d: digest %v after %d events, then %v after %d", seed, r[0].Digest, r[0].Events, r[1].Digest, r[1].Events)
		}
		if slices.Contains(digests, r[0].Digest) {
			t.Errorf("seed %d has the digest of another", seed)
		}
		digests = append(digests, r[0].Digest)
	}
}

// TestOptions are refused, or kept.
func TestOptions(t *testing.T) {
	for _, o := range []Options{{Nodes: 3}, {Nodes: 65}, {Byzantine: "polite"}, {Plant: "tree"}, {Hostile: "nobody"}} {
		if _, err := Run(o); err == nil {
			t.Errorf("%+v was not refused", o)
		}
	}
}

// Other sizes of networks behave as well.
func TestSevenNodes(t *testing.T) {
	t.Parallel()
	for seed := uint64(1); seed < 4; seed++ {
		r, err := Run(Options{Seed: seed, Nodes: 7, Blocks: 80, Transactions: 300})
		if err != nil {
			t.Fatal(err)
		}
		check(t, &r)
	}
}

func BenchmarkSeed(b *testing.B) {
	simulated := uint64(0)
	for i := range b.N {
		r, err := Run(Options{Seed: uint64(i + 1), Hostile: None})
		if err != nil || r.Failed() {
			b.Fatal(err, r.Violations)
		}
		simulated += r.SimulatedUS
	}
	b.ReportMetric(float64(simulated)/1e6/b.Elapsed().Seconds(), "simulated-s/s")
}

var harsh = flag.Uint64("harsh", 2, "how many harsh worlds are run")

// TestHarshWorlds runs worlds with several times the usual adversity, and with validators that leave and
// come back.
func TestHarshWorlds(t *testing.T) {
	t.Parallel()
	for seed := *first; seed < *first+*harsh; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			o, err := Options{Seed: seed, Nodes: 4 + int(seed%4), Blocks: 80, Transactions: 300}.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			if *show {
				o.Events = func(e *events.Event) { fmt.Println(e) }
			}
			s, err := draw(o, severity{crashes: 100, cuts: 60, gray: 30})
			if err != nil {
				t.Fatal(err)
			}
			s.Network.Loss, s.Network.Reorder, s.Network.Spikes = 80, 300, 20
			s.Acts = slices.DeleteFunc(s.Acts, func(a Act) bool { return a.Kind == Validators })
			if s.Nodes > 4 {
				s.Weights = nil
				d := drawing{Scenario: s}
				s.Acts = append(s.Acts, Act{AtUS: second, Kind: Validators, Nodes: d.all()[:s.Nodes-1]}, Act{AtUS: second, Kind: Validators, Nodes: d.all()})
			}
			w, err := newWorld(Options{Seed: seed, Scenario: s, Events: o.Events})
			if err != nil {
				t.Fatal(err)
			}
			w.play()
			r := w.report()
			check(t, &r)
			t.Logf("%d s: %d heights, %d views, %d epochs, %d transactions, %s, %s, %+v", r.SimulatedUS/second, r.Blocks, r.Views, r.Epochs, r.Transactions, r.Byzantine,
				r.Hostile, r.Faults)
		})
	}
}

func TestOptionsHaveLimits(t *testing.T) {
	for name, o := range map[string]Options{
		"nodes": {Nodes: 3}, "more nodes": {Nodes: nodesMax + 1}, "blocks": {Blocks: heightMax + 1}, "transactions": {Transactions: certifyMax + 1},
		"fewer transactions": {Transactions: -1}, "epochs": {Epochs: epochsMax + 1}, "bug": {Plant: "none-such"}, "behaviour": {Byzantine: "odd"},
	} {
		if _, err := Run(o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
