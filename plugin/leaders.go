package plugin

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"quoin.dev/quoin/hook"
)

// RoundRobin lets the validators propose in the order of their indexes, one view each. Every
// fourth view is the kernel's (a rescue view, for which no plugin is asked) and is left out
// of the count, so that everyone gets the same number of the others.
func RoundRobin(r *hook.LeaderRequest) hook.LeaderResponse {
	ordinary := r.View - r.View/4 - 1
	return hook.LeaderResponse{Proposer: uint32(ordinary % uint64(len(r.Validators)))}
}

// WeightedRandom draws the proposer of each view with a probability proportional to the
// weight: 128 bits x of SHA-256("quoin/weighted-random/v1\n", seed, epoch, view), big-endian,
// choose the validator in whose share of the total weight W the point ⌊x·W/2^128⌋ falls. The
// probability of a validator of weight w differs from w/W by less than 2^-128. All is
// integer arithmetic; W is at most 2^62.
func WeightedRandom(r *hook.LeaderRequest) hook.LeaderResponse {
	const label = "quoin/weighted-random/v1\n"
	var text [len(label) + 32 + 8 + 8]byte
	b := append(text[:0], label...)
	b = append(b, r.Seed[:]...)
	b = binary.BigEndian.AppendUint64(b, r.Epoch)
	b = binary.BigEndian.AppendUint64(b, r.View)
	sum := sha256.Sum256(b)
	high, low := binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])

	var total uint64
	for i := range r.Validators {
		total += r.Validators[i].Weight
	}
	// (high·2^64 + low)·total / 2^128 = (high·total + low·total/2^64) / 2^64
	carry, _ := bits.Mul64(low, total)
	point, rest := bits.Mul64(high, total)
	_, c := bits.Add64(rest, carry, 0)
	point += c
	for i := range r.Validators {
		w := r.Validators[i].Weight
		if point < w {
			return hook.LeaderResponse{Proposer: uint32(i)}
		}
		point -= w
	}
	return hook.LeaderResponse{} // not reached: point is below total
}
