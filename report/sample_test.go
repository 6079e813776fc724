package report

import (
	"fmt"
	"math"

	"quoin.dev/quoin/lab/events"
)

// sample is a small run with a bit of everything: three replicas, views that end in each way, a crash, a
// partition, lost messages, clients, a broken invariant.
func sample() *Run {
	r := &Run{Format: Format, Kind: "sim", Name: "sample", Title: "A sample run", Version: "v0.0.0", Reproduce: "go run ./cmd/quoin lab replay --seed 7 --nodes 4",
		Seed: 7, Digest: "00ff", Failed: true, Verdict: "I1 broke after 5.000 s", Findings: []string{"I1: two blocks at height 3\n  of v0 and v2"}, Nodes: 3,
		Scenario: "nodes 3\nat 2s partition v0 | v1 v2\n"}
	l := &sampleLog{}
	for n := range 3 {
		l.add(0, n, events.Event{Verb: events.Booted})
	}
	for view := uint64(1); view <= 12; view++ {
		at, leader := view*400_000, int(view)%3
		block := fmt.Sprintf("%08x", view)
		l.add(at, leader, events.Event{Verb: events.Submitted, Transaction: block})
		l.broadcast(at+1_000, leader, "propose", view, block, view == 5)
		for n := range 3 {
			switch {
			case view == 5:
				l.add(at+200_000, n, events.Event{Verb: events.TimedOut, Epoch: 1, View: view})
				l.add(at+210_000, n, events.Event{Verb: events.Nullified, Epoch: 1, View: view})
			case view == 8 && n == 2:
				l.add(at+220_000, n, events.Event{Verb: events.Crashed, Kind: "power-cut"})
			case view == 9 && n == 2:
				l.add(at+230_000, n, events.Event{Verb: events.Booted})
			default:
				l.broadcast(at+60_000, n, "notarize", view, block, false)
				l.add(at+90_000, n, events.Event{Verb: events.Notarized, Epoch: 1, View: view, Block: block})
				l.add(at+95_000, n, events.Event{Verb: events.Executed, Epoch: 1, View: view, Height: view, Block: block})
				l.add(at+120_000, n, events.Event{Verb: events.Certified, Epoch: 1, View: view, Height: view, Block: block, Count: 3})
			}
			l.add(at+300_000, n, events.Event{Verb: events.Entered, Epoch: 1, View: view + 1})
		}
		l.add(at+310_000, leader, events.Event{Verb: events.Receipt, Transaction: block, TookUS: 100_000 + view*view*7_000})
		if view == 4 {
			l.add(at+320_000, events.World, events.Event{Verb: events.Fault, Kind: "partition", Flight: 9_999, Text: "[0] from [1 2]"})
		}
		if view == 6 {
			l.add(at+320_000, events.World, events.Event{Verb: events.Healed, Kind: "partition", Flight: 9_999})
		}
	}
	l.add(5_300_000, events.World, events.Event{Verb: events.Broken, Kind: "I1", Text: "two blocks at height 3"})
	r.Events = l.log
	r.Measure()
	r.Comparisons = []Comparison{{Title: "Weighted random against round robin", Base: "round-robin", Candidate: "weighted-random", Rows: []Compared{
		{Metric: "latency, p99", Unit: "ms", LowerBetter: true, Base: 212, Candidate: 187, Change: -11.8, Low: -15.2, High: -7.1, Verdict: Better},
		{Metric: "throughput", Unit: "tx/s", Base: 1904, Candidate: 1899, Change: -0.3, Low: -2.2, High: 1.9, Verdict: Same},
		{Metric: "bytes for a transaction", Unit: "B", LowerBetter: true, Base: 913, Candidate: 1004, Change: 10, Low: 4, High: 17, Verdict: Worse},
		{Metric: "jitter", Unit: "ms", LowerBetter: true, Base: 9, Candidate: 10, Change: 11, Low: -21, High: 38, Verdict: Inconclusive},
	}}}
	r.Distributions = append(r.Distributions, Distribution{Title: "Both sides", Unit: "ms", Lines: []Line{wave("round-robin", 212), wave("weighted-random", 187)}})
	return r
}

type sampleLog struct {
	log    []events.Event
	flight uint64
}

// add keeps the log in the order of time.
func (l *sampleLog) add(at uint64, node int, e events.Event) {
	e.AtUS, e.Node = at, node
	i := len(l.log)
	for i > 0 && l.log[i-1].AtUS > at {
		i--
	}
	l.log = append(l.log, events.Event{})
	copy(l.log[i+1:], l.log[i:])
	l.log[i] = e
	for k := i; k < len(l.log); k++ {
		l.log[k].Index = uint64(k)
	}
}

func (l *sampleLog) broadcast(at uint64, from int, kind string, view uint64, block string, lost bool) {
	l.flight++
	e := events.Event{Flight: l.flight, Kind: kind, Epoch: 1, View: view, Block: block}
	sent := e
	sent.Verb, sent.Peer = events.Sent, events.All
	l.add(at, from, sent)
	for to := range 3 {
		if to == from {
			continue
		}
		e := e
		if lost {
			e.Verb, e.Peer, e.Text = events.Lost, to, "the link is cut"
			l.add(at, from, e)
			continue
		}
		e.Verb, e.Peer = events.Received, from
		l.add(at+20_000+uint64(to)*3_000, to, e)
	}
}

// wave is a smooth distribution around a median.
func wave(name string, median float64) Line {
	var samples []float64
	for i := range 400 {
		samples = append(samples, median*math.Exp(math.Tan((float64(i)-200)/420*math.Pi)/5))
	}
	return NewDistribution(name, samples)
}
