// Package rto is a pacemaker in the manner of TCP's retransmission timer (RFC 6298): a node waits for a
// view as long as its last views took, and some deviations more.
//
// # The rule
//
// Let R be how long this node waited in a view that a block ended, from the oldest to the newest of
// the window. The first gives the mean S = R and the deviation V = R/2, each further one
//
//	V = 3/4·V + 1/4·|S − R|
//	S = 7/8·S + 1/8·R
//
// and the time-out is (S + k·V) × 2^n, with k from the parameters (4 as in the RFC) and n the views
// since the highest certified one. Without such a view the built-in rule holds.
//
// Views that were given up are left out, as Karn's algorithm leaves out what was sent again: how long
// this node waited in them says what it chose, not what a block takes.
//
// # What it gives
//
// On a network that is faster than the chain's base, a dead leader costs little more than a block; one
// slow view of the window counts less than in the built-in adaptive, which takes the longest. What it
// cannot do is leave the host's bounds, a quarter and four times of the built-in rule.
//
// # Deviations
//
//   - The RFC rounds up to a second, and to the clock's granularity. The host's bound does that here.
//   - A call starts from a clean memory, so S and V are worked out anew from the window, which is at
//     most 32 views long: older ones would weigh less than 2% in S.
package rto

import (
	"math/bits"

	"quoin.dev/quoin/hook"
)

// Deviations is k without parameters.
const Deviations = 4

// unit is the resolution of the arithmetic: a millisecond has 8 units, so that eighths are whole.
const unit = 8

// Timeout gives a view's time-out. The binding's parameters are empty or one byte, k.
func Timeout(r *hook.PacemakerRequest) hook.PacemakerResponse {
	mean, deviation, ok := estimate(r.Window)
	if !ok {
		return hook.PacemakerResponse{TimeoutMS: r.BuiltinMS}
	}
	k := uint64(Deviations)
	if len(r.Params) == 1 {
		k = uint64(r.Params[0])
	}
	wait := max(1, (mean+k*deviation)/unit)
	failed := r.View - r.CertifiedView - 1
	if failed >= uint64(bits.LeadingZeros64(wait)) {
		return hook.PacemakerResponse{TimeoutMS: r.MaxMS} // the shift would lose bits
	}
	return hook.PacemakerResponse{TimeoutMS: wait << failed}
}

var _ hook.PacemakerPlugin = hook.PacemakerFunc(Timeout)

// estimate returns how long views take that a block ends, in units; false if the window has none.
func estimate(window []hook.PacemakerView) (mean, deviation uint64, ok bool) {
	for i := len(window) - 1; i >= 0; i-- {
		if !window[i].Notarized {
			continue
		}
		took := uint64(window[i].MS) * unit
		if !ok {
			mean, deviation, ok = took, took/2, true
			continue
		}
		deviation = (3*deviation + max(mean, took) - min(mean, took)) / 4
		mean = (7*mean + took) / 8
	}
	return mean, deviation, ok
}
