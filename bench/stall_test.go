package bench

import (
	"context"
	"testing"
	"time"

	"quoin.dev/quoin/replica"
)

// stalled measures a network of which so many nodes do nothing for a while, in the middle.
func stalled(t *testing.T, o Options, stall time.Duration) *Result {
	t.Helper()
	var r *Result
	err := with(t.Context(), o.withDefaults(), func(w *network) (err error) {
		timer := time.AfterFunc(o.Warmup+o.Duration/3, func() {
			for _, n := range w.nodes[:2] { // no quorum without them
				go func() { _ = n.Do(context.Background(), func(*replica.Replica) { time.Sleep(stall) }) }()
			}
		})
		defer timer.Stop()
		r, err = w.measure(t.Context())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("stall %v, rate %d: %d transactions, p50 %d p95 %d p99 %d us, %d missing", stall, o.Rate, r.Transactions, r.P50, r.P95, r.P99, r.Missing)
	return r
}

// A network that stands still for a third of the time shows in the percentiles of an open loop, which
// counts what was due meanwhile. A closed loop with few transactions outstanding hides it from all but
// the last percentile: the omission that the open loop is for.
func TestOpenLoopShowsAStall(t *testing.T) {
	o := Options{Keys: 100, Batch: 50, Warmup: 300 * time.Millisecond, Duration: 1800 * time.Millisecond, Rate: 200, NoSync: true}
	stall := 600 * time.Millisecond
	open := stalled(t, o, stall)
	if open.P95 < (stall / 2).Microseconds() { // a third of all was due in the stall, half of that waits longer than this
		t.Errorf("p95 of an open loop is %d us in spite of a stall of %v", open.P95, stall)
	}
	if open.Missing > 0 || open.Refused > 0 {
		t.Errorf("%d missing, %d refused", open.Missing, open.Refused)
	}
	o.Rate, o.Outstanding = 0, 4
	closed := stalled(t, o, stall)
	if closed.P95 > open.P95/2 {
		t.Errorf("p95 of a closed loop is %d us, of an open one %d us: the control shows nothing", closed.P95, open.P95)
	}
}

// What is never certified is not left out: it counts with its age.
func TestOpenLoopCountsWhatIsMissing(t *testing.T) {
	o := Options{Keys: 100, Warmup: 100 * time.Millisecond, Duration: 300 * time.Millisecond, Rate: 200, NoSync: true, drain: 200 * time.Millisecond}
	r := stalled(t, o, time.Second)
	if r.Missing < 20 || r.P99 < o.drain.Microseconds() {
		t.Errorf("%d missing, p99 %d us", r.Missing, r.P99)
	}
}

func TestEmulatedNetworkDelays(t *testing.T) {
	o := Options{Keys: 100, Warmup: 300 * time.Millisecond, Duration: time.Second, Rate: 100, NoSync: true}
	o.Network = "fixed:20ms"
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.P50 < 40_000 || r.SentPerTx == 0 || r.MaxRSS == 0 || r.CPUPerTx == 0 || r.FuelPerTx == 0 || len(r.Windows) != 1 || len(r.Distribution) == 0 {
		t.Errorf("with 20 ms one way: %+v", *r)
	}
	for _, wrong := range []string{"fixed:", "fixed:-1s", "moon"} {
		o.Network = wrong
		if _, err := Run(t.Context(), o); err == nil {
			t.Errorf("network %q was taken", wrong)
		}
	}
}
