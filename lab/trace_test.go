package lab

import (
	"testing"

	"quoin.dev/quoin/lab/events"
)

// TestEventsTellTheWholeRun runs a world without a sink and with one: the world is the same, and the
// log tells what the report counts.
func TestEventsTellTheWholeRun(t *testing.T) {
	t.Parallel()
	o := Options{Seed: 5, Blocks: 60, Transactions: 200}
	silent, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	count := map[events.Verb]uint64{}
	sent := map[uint64]bool{}
	next, at := uint64(0), uint64(0)
	certified, latest := map[uint64]string{}, uint64(0)
	o.Events = func(e *events.Event) {
		if e.Index != next || e.AtUS < at {
			t.Fatalf("event %d at %d µs follows event %d at %d µs", e.Index, e.AtUS, next-1, at)
		}
		next, at = next+1, e.AtUS
		count[e.Verb]++
		switch e.Verb {
		case events.Sent:
			if e.Flight == 0 || sent[e.Flight] || e.Kind == "" {
				t.Errorf("event %d sends nothing new: %v", e.Index, e)
			}
			sent[e.Flight] = true
		case events.Received, events.Lost:
			if !sent[e.Flight] {
				t.Errorf("event %d: nobody had sent this: %v", e.Index, e)
			}
		case events.Certified:
			if b, ok := certified[e.Height]; ok && b != e.Block {
				t.Errorf("event %d certifies another block at height %d", e.Index, e.Height)
			}
			certified[e.Height] = e.Block
			latest = max(latest, e.Height)
		}
	}
	told, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	check(t, &told)
	if silent.Digest != told.Digest || silent.Events != told.Events {
		t.Errorf("the sink changes the world: digest %v after %d events, %v after %d without it", told.Digest, told.Events, silent.Digest, silent.Events)
	}
	f := &told.Faults
	if count[events.Received] != told.Messages || latest != told.Blocks || count[events.Lost] < f.Lost+f.Cut ||
		count[events.Crashed] != f.PowerCuts+f.TornWrites+f.Kills || count[events.Booted] != f.Restarts+4 ||
		count[events.Fault] != f.Partitions+f.PartialCuts+f.OneWayCuts+f.Flaps+f.Degraded+f.SlowNodes+f.SlowDisks+f.ClockJumps+f.BitFlips+f.TornWrites {
		t.Errorf("the log has %v; the report %+v", count, told)
	}
	for _, v := range []events.Verb{events.Entered, events.TimedOut, events.Notarized, events.Executed, events.Submitted, events.Receipt, events.Reported, events.Healed} {
		if count[v] == 0 {
			t.Errorf("nothing %q", v)
		}
	}
}
