package doctor

import (
	"math"
	"slices"
	"time"
)

// reading is what is known of a node's clock: by how much it is ahead of this machine's, within half a round trip
// (Cristian, 1989).
type reading struct {
	known bool
	ahead time.Duration
	trip  time.Duration // of the quickest answer
	taken bool
}

// clockMost is the greatest offset that is reckoned with; a node may say anything.
const clockMost = 100 * 365 * 24 * time.Hour

// take takes an answer that was asked for at began and came at ended; ms is the node's clock in between, 0 if
// it does not say.
func (r *reading) take(began, ended time.Time, ms uint64) {
	trip := max(ended.Sub(began), 0)
	if r.taken && trip >= r.trip {
		return
	}
	r.taken, r.trip, r.known = true, trip, ms != 0
	offset := float64(ms) - float64(began.Add(trip/2).UnixMilli())
	r.ahead = time.Duration(max(-float64(clockMost), min(float64(clockMost), offset*float64(time.Millisecond))))
}

// clocks compares the clocks of the nodes, this machine's, and the times of blocks.
func (n *Network) clocks(answers []*answer) {
	drift := time.Duration(n.wanted().Parameters.DriftMS) * time.Millisecond
	var offsets []time.Duration
	for _, a := range answers {
		if a.clock.known {
			offsets = append(offsets, a.clock.ahead)
		}
	}
	slices.Sort(offsets)
	for _, a := range answers {
		switch {
		case a.status == nil:
			continue
		case !a.clock.known:
			a.add("clock", Unknown, "", "it does not tell the time")
			continue
		}
		n.clock(a, offsets[(len(offsets)-1)/2], len(offsets), drift)
	}
	if len(offsets) == 0 {
		return
	}
	// If most nodes agree, it is this machine's clock that is wrong.
	here := list{about: "this machine"}
	if median := offsets[(len(offsets)-1)/2]; len(offsets) > 1 && median.Abs() > drift/2 {
		here.add("clock", Warning, mendClock, "its clock differs from the nodes' by %s", round(median))
	}
	answers[0].found = append(answers[0].found, here.found...)
}

const mendClock = "let it follow a time server: chrony, ntpd or systemd-timesyncd. The time zone does not matter"

// clock judges one node's clock by the median of all. Half of the chain's drift is what is left before votes are lost; an offset that is within the
// round trip's uncertainty says nothing.
func (n *Network) clock(a *answer, median time.Duration, nodes int, drift time.Duration) {
	apart := a.clock.ahead - median
	of := "the other nodes'"
	if nodes == 1 {
		of = "this machine's"
		apart = a.clock.ahead
	}
	sure := max(apart.Abs()-a.clock.trip/2-time.Millisecond, 0)
	// A block's time is at most drift ahead of an honest voter's clock.
	block := time.Duration(0)
	if t := a.status.GetTimeMs(); t < math.MaxInt64/uint64(time.Millisecond) && t > a.status.GetClockMs() {
		block = time.Duration(min(t-a.status.GetClockMs(), uint64(clockMost/time.Millisecond))) * time.Millisecond
	}
	switch {
	case sure > drift:
		a.add("clock", Problem, mendClock, "its clock differs from %s by %s; blocks are refused from %s on", of, round(apart), drift)
	case block > drift/2:
		a.add("clock", Problem, mendClock, "its newest block's time is %s ahead of its clock", round(block))
	case sure > drift/2:
		a.add("clock", Warning, mendClock, "its clock differs from %s by %s; blocks are refused from %s on", of, round(apart), drift)
	default:
		a.ok("clock", "its clock differs from %s by %s, within %s", of, round(apart), round(a.clock.trip/2))
	}
}
