package protocol_test

import (
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/lab/protocol"
)

func run(t *testing.T, o protocol.Options) protocol.Result {
	t.Helper()
	if o.Protocol.New == nil {
		o.Protocol = sound(t).Protocol
	}
	r, err := protocol.Run(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sound(t *testing.T) protocol.Listed {
	t.Helper()
	l, ok := protocol.Named("simplex")
	if !ok {
		t.Fatal("there is no simplex")
	}
	return l
}

// TestABlockEveryTwoDelays: the good case of Simplex, to the block.
func TestABlockEveryTwoDelays(t *testing.T) {
	for _, n := range []int{4, 7} {
		r := run(t, protocol.Options{Nodes: n, SimulatedUS: 60_000_000})
		// The first block is certified after three delays, and then one every two.
		if want := uint64(60_000/50-3)/2 + 1; r.Heights != want || r.TimedOut != 0 || r.Violation != nil {
			t.Errorf("%d nodes: %+v; want %d heights", n, r, want)
		}
	}
}

func TestSameOptionsSameDigest(t *testing.T) {
	o := protocol.Options{Seed: 7, JitterUS: 30_000, Loss: 50, Outages: []protocol.Outage{{Node: 1, FromUS: 2_000_000, ToUS: 5_000_000}}}
	a, b := run(t, o), run(t, o)
	if a != b || a.Lost == 0 || a.TimedOut == 0 || a.Nullified == 0 || a.Violation != nil {
		t.Errorf("%+v and %+v", a, b)
	}
	if o.Seed++; run(t, o).Digest == a.Digest {
		t.Error("another seed went the same way")
	}
	o.Seed--
	o.Log = func(*events.Event) {}
	if run(t, o).Digest != a.Digest {
		t.Error("watching changes the world")
	}
}

// TestRealSignaturesChangeNothingElse: the same heights, by other keys.
func TestRealSignaturesChangeNothingElse(t *testing.T) {
	o := protocol.Options{SimulatedUS: 2_000_000}
	modelled := run(t, o)
	o.Real = true
	if real := run(t, o); real.Heights != modelled.Heights || real.Messages != modelled.Messages || real.Violation != nil {
		t.Errorf("%+v, with real signatures %+v", modelled, real)
	}
}

// TestTrouble: lossy, late and crashing worlds stay safe, and go on.
func TestTrouble(t *testing.T) {
	for seed := uint64(1); seed <= 40; seed++ {
		r := run(t, protocol.Options{Seed: seed, SimulatedUS: 60_000_000, JitterUS: 100_000 * (seed % 3), Loss: 100 * (seed % 4), Outages: []protocol.Outage{
			{Node: 0, FromUS: 1_000_000, ToUS: 9_000_000}, {Node: 1, FromUS: 5_000_000, ToUS: 7_000_000}, {Node: 2, FromUS: 6_000_000, ToUS: 6_500_000}}})
		if r.Violation != nil || r.Slowest < 10 {
			t.Errorf("seed %d: %v; %+v", seed, r.Violation, r)
		}
	}
}

// TestPlantedBugs: the observer sees broken protocols in worlds with enough trouble.
func TestPlantedBugs(t *testing.T) {
	for _, name := range []string{"simplex-finalize-after-nullify", "simplex-small-quorum", "simplex-forget-votes", "simplex-send-first"} {
		l, ok := protocol.Named(name)
		if !ok || l.Broken == "" {
			t.Fatalf("%s is not listed as broken", name)
		}
		caught := (*protocol.Violation)(nil)
		for seed := uint64(1); seed <= 60 && caught == nil; seed++ {
			o := protocol.Options{Protocol: l.Protocol, Seed: seed, SimulatedUS: 30_000_000, JitterUS: 400_000, Loss: 200}
			for i := range uint64(24) {
				o.Outages = append(o.Outages, protocol.Outage{Node: int((i + seed) % 4), FromUS: 1_000_000 * (i + 1), ToUS: 1_000_000*(i+1) + 50_000})
			}
			caught = run(t, o).Violation
		}
		if caught == nil {
			t.Errorf("%s was not caught", name)
			continue
		}
		t.Logf("%s: %s", name, caught)
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	for _, o := range []protocol.Options{
		{},
		{Protocol: sound(t).Protocol, Nodes: protocol.NodesMax + 1},
		{Protocol: sound(t).Protocol, Loss: 1001},
		{Protocol: sound(t).Protocol, Outages: []protocol.Outage{{Node: 4, ToUS: 1}}},
		{Protocol: sound(t).Protocol, Outages: []protocol.Outage{{Node: 1, FromUS: 1, ToUS: 1}}},
	} {
		if _, err := protocol.Run(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// TestLog: a world's events are numbered, in order of time, and every message that arrives was sent.
func TestLog(t *testing.T) {
	sent, last, certified := map[uint64]bool{}, uint64(0), 0
	count := uint64(0)
	o := protocol.Options{SimulatedUS: 3_000_000, Loss: 100, Log: func(e *events.Event) {
		if e.Index != count || e.AtUS < last {
			t.Fatalf("event %d at %d µs after event %d at %d µs", e.Index, e.AtUS, count, last)
		}
		count, last = count+1, e.AtUS
		switch e.Verb {
		case events.Sent:
			sent[e.Flight] = true
		case events.Received, events.Lost:
			if !sent[e.Flight] {
				t.Fatalf("%+v was never sent", e)
			}
		case events.Certified:
			certified++
		}
	}}
	if r := run(t, o); certified == 0 || quoin.Height(r.Heights) == 0 {
		t.Errorf("%+v", r)
	}
}
