package bench

import (
	"context"
	"time"
)

// Goal is what a rate must keep to count as borne.
type Goal struct {
	P99   time.Duration // at most
	First int           // transactions a second, to begin with
	Last  int           // transactions a second that are not exceeded
}

// saturationStep ends the search: the rate that is borne and the one that is not differ by less than
// a sixteenth.
const saturationStep = 16

// Trial is one rate of a search.
type Trial struct {
	Rate   int     `json:"rate"`
	Borne  bool    `json:"borne"`
	Why    string  `json:"why,omitempty"` // it is not borne
	Result *Result `json:"result"`
}

// Saturate finds the highest rate of an open loop that is borne: nothing is missing or refused, and p99 is
// within the goal. A network that falls behind shows by its p99 if it is measured for much longer
// than the goal, since latencies count from when a transaction was due. It doubles the rate until one is
// not borne, and then bisects. It returns the trials in their order, and the highest rate that is
// borne: 0 if not even the first is.
func Saturate(ctx context.Context, g Goal, run func(ctx context.Context, rate int) (*Result, error), each func(Trial)) ([]Trial, int, error) {
	var trials []Trial
	borne, not := 0, 0
	for rate := g.First; ; {
		r, err := run(ctx, rate)
		if err != nil {
			return trials, borne, err
		}
		t := Trial{Rate: rate, Result: r, Why: g.missed(r)}
		t.Borne = t.Why == ""
		trials = append(trials, t)
		each(t)
		if t.Borne {
			borne = rate
		} else {
			not = rate
		}
		switch {
		case not == 0 && borne >= g.Last:
			return trials, borne, nil
		case not == 0:
			rate = min(2*borne, g.Last)
		case not-borne <= max(1, not/saturationStep) || borne == 0 && not == g.First:
			return trials, borne, nil
		default:
			rate = (borne + not) / 2
		}
	}
}

// missed says why a rate is not borne; "" if it is.
func (g *Goal) missed(r *Result) string {
	switch {
	case r.Missing > 0:
		return "transactions are missing"
	case r.Refused > 0:
		return "transactions were refused"
	case r.P99 > g.P99.Microseconds():
		return "p99 is too long"
	}
	return ""
}
