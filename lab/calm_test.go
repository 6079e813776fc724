package lab

import (
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/lab/events"
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
