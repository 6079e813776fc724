package leader

import (
	"encoding/binary"
	"math/bits"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/internal/sha256"
)

// Turn counts the views for which a plugin is asked, from 0. Every fourth view is a rescue
// view, whose proposer the kernel names. Who takes turns by the view's own number may leave
// somebody out: with four validators, the one whose turn is always a rescue view.
func Turn(r *hook.LeaderRequest) uint64 { return r.View - r.View/4 - 1 }

// Draw returns a number below bound (which must not be 0), drawn for the view: all bits come
// from SHA-256 over the label, the epoch's seed, the epoch and the view. Numbers differ from
// evenly distributed ones by less than 2^-64. Different labels give independent draws. Who can
// bias the seed, and by how much, is told at hook.LeaderRequest.
func Draw(r *hook.LeaderRequest, label string, bound uint64) uint64 {
	b := append(make([]byte, 0, 128), label...)
	b = append(b, '\n')
	b = append(b, r.Seed[:]...)
	b = binary.BigEndian.AppendUint64(b, r.Epoch)
	b = binary.BigEndian.AppendUint64(b, r.View)
	sum := sha256.Sum256(b)
	high, low := binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])
	// (high·2^64 + low)·bound / 2^128
	carry, _ := bits.Mul64(low, bound)
	number, rest := bits.Mul64(high, bound)
	_, c := bits.Add64(rest, carry, 0)
	return number + c
}

// Choose draws one of the validators for which member is true, with a probability in
// proportion to its weight. It returns false if there is none. member is asked twice about each
// and must answer alike.
func Choose(r *hook.LeaderRequest, label string, member func(i int) bool) (proposer uint32, ok bool) {
	var total uint64
	for i := range r.Validators {
		if member(i) {
			total += r.Validators[i].Weight
		}
	}
	if total == 0 {
		return 0, false
	}
	point := Draw(r, label, total)
	for i := range r.Validators {
		if !member(i) {
			continue
		}
		w := r.Validators[i].Weight
		if point < w {
			return uint32(i), true
		}
		point -= w
	}
	return 0, false // not reached: point is below the sum of the members' weights
}

// Weight returns the weight of all validators together, and f, the most of it that may be
// faulty: ⌊(W−1)/3⌋.
func Weight(r *hook.LeaderRequest) (total, faulty uint64) {
	for i := range r.Validators {
		total += r.Validators[i].Weight
	}
	if total == 0 {
		return 0, 0
	}
	return total, (total - 1) / 3
}
