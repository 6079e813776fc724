package lab

import (
	"encoding/binary"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/signature"
)

func TestCalmWorldHasNoFaults(t *testing.T) {
	for dead := range 2 {
		var latencies []uint64
		o := Options{Seed: 3, Blocks: 30, Transactions: 100, Calm: &Calm{Dead: dead, Genesis: func(g *quoin.Genesis) { g.Configuration.Parameters.TimeoutBaseMS = 500 }},
			Events: func(e *events.Event) {
				if e.Verb == events.Receipt {
					latencies = append(latencies, e.TookUS)
				}
			}}
		r, err := Run(o)
		if err != nil {
			t.Fatal(err)
		}
		if r.Failed() || r.Faults != (Faults{}) || r.Blocks < 30 || r.Fuel == 0 || len(latencies) < 100 {
			t.Errorf("%d dead: %d blocks, %d receipts, fuel %d, faults %+v, %v", dead, r.Blocks, len(latencies), r.Fuel, r.Faults, r.Violations)
		}
		t.Log(dead, r.SimulatedUS, r.Views, r.Blocks, len(latencies), r.Transactions)
	}
	if _, err := Run(Options{Calm: &Calm{Dead: 2}}); err == nil {
		t.Error("two of four may not be dead")
	}
}

// TestReportedFinalityWaitsForItsRule: without a rule, or with immediate, transactions are reported with
// their certificates; with deep, blocks later, but none later than the rule allows; and none is lost
// because the world ends.
func TestReportedFinalityWaitsForItsRule(t *testing.T) {
	median := func(builtin string, parameters []byte) (certified, reported uint64) {
		t.Helper()
		var latencies []uint64
		o := Options{Seed: 3, Blocks: 20, Transactions: 60, Calm: &Calm{}, Events: func(e *events.Event) {
			if e.Verb == events.Receipt {
				latencies = append(latencies, e.TookUS)
			}
		}}
		if builtin != "" {
			c, err := NewBuiltinCandidate(hook.Finality.Name, builtin, parameters)
			if err != nil {
				t.Fatal(err)
			}
			o.Candidate = c
		}
		r, err := Run(o)
		if err != nil || r.Failed() {
			t.Fatal(err, r.Violations)
		}
		if len(r.Reported) < 60 {
			t.Errorf("%s: %d transactions were reported", builtin, len(r.Reported))
		}
		slices.Sort(latencies)
		slices.Sort(r.Reported)
		return latencies[len(latencies)/2], r.Reported[len(r.Reported)/2]
	}
	blocks := func(n, ms uint32) []byte {
		return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, n), ms)
	}
	for _, builtin := range []string{"", "immediate"} {
		// What is certified after the world has seen enough is in one median and not in the other.
		if certified, reported := median(builtin, nil); reported > certified*11/10 || certified > reported*11/10 {
			t.Errorf("%q: certified after %d us, reported after %d us", builtin, certified, reported)
		}
	}
	_, two := median("deep", blocks(2, 0))
	certified, all := median("deep", blocks(hook.FinalityBlocksMax, 0))
	if certified >= two || two >= all {
		t.Errorf("medians %d, %d, %d us: each should be longer than the one before", certified, two, all)
	}
	if _, bounded := median("deep", blocks(hook.FinalityBlocksMax, 3_000)); bounded > certified+3*second {
		t.Errorf("median %d us, though three seconds after the block's time is enough", bounded)
	}
}

// TestFaultsOfTheCandidateAreCounted: who tries a plugin sees when the fallback answered in its place.
func TestFaultsOfTheCandidateAreCounted(t *testing.T) {
	f, ok := hostile.Find("leader-endless-loop")
	if !ok {
		t.Fatal("there is no such fixture")
	}
	c, err := NewCandidate(f.Release(signature.PublicOf(key("author", 0))), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(Options{Seed: 3, Blocks: 20, Transactions: 20, Candidate: c, Calm: &Calm{}})
	if err != nil || r.Failed() {
		t.Fatal(err, r.Violations)
	}
	if len(r.Asked) != 1 || r.Asked[0].Slot != "leader.v1" || r.Asked[0].Faults == 0 || r.Asked[0].First != hook.FaultFuel || r.Asked[0].Fuel == 0 {
		t.Errorf("%+v", r.Asked)
	}
	if c, err = NewBuiltinCandidate(hook.Leader.Name, "round-robin", nil); err != nil {
		t.Fatal(err)
	}
	if r, err = Run(Options{Seed: 3, Blocks: 20, Transactions: 20, Candidate: c, Calm: &Calm{}}); err != nil || r.Asked[0].Calls == 0 || r.Asked[0].Faults != 0 {
		t.Errorf("%v %+v", err, r.Asked)
	}
}
