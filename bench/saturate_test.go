package bench

import (
	"context"
	"testing"
	"time"
)

func TestSaturateFindsTheKnee(t *testing.T) {
	goal := Goal{P99: 100 * time.Millisecond, First: 100, Last: 1_000_000}
	for _, knee := range []int{99, 100, 150, 5000, 77_777} {
		run := func(_ context.Context, rate int) (*Result, error) {
			r := &Result{P99: 10_000}
			if rate > knee {
				r.P99 = 200_000
			}
			return r, nil
		}
		trials, borne, err := Saturate(t.Context(), goal, run, func(Trial) {})
		if err != nil || borne > knee || knee >= goal.First && float64(borne) < 0.93*float64(knee) || len(trials) > 20 {
			t.Errorf("a knee at %d: %d after %d trials, %v", knee, borne, len(trials), err)
		}
	}
}

func TestSaturateBearsNoLoss(t *testing.T) {
	goal := Goal{P99: time.Second, First: 100, Last: 1000}
	for name, r := range map[string]Result{"missing": {Missing: 1}, "refused": {Refused: 1}, "slow": {P99: 2_000_000}} {
		_, borne, err := Saturate(t.Context(), goal, func(context.Context, int) (*Result, error) { return &r, nil }, func(Trial) {})
		if borne != 0 || err != nil {
			t.Errorf("%s: %d was borne, %v", name, borne, err)
		}
	}
	good := Result{}
	if _, borne, _ := Saturate(t.Context(), goal, func(context.Context, int) (*Result, error) { return &good, nil }, func(Trial) {}); borne != goal.Last {
		t.Errorf("a network without a limit bears %d, want the last rate asked for", borne)
	}
}
