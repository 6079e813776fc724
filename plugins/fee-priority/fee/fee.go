// Package fee orders pending transactions by what they offer to pay for each of their bytes.
//
// A fee is a number of 8 bytes, little-endian, at a fixed place of the payload. It is an offer and
// nothing more: a priority only says what this node proposes first. The namespace's machine must take
// the fee, and should refuse who cannot pay; a validation.v1 that looks up the sender's balance keeps
// empty offers out of blocks. Until one of them does, offers cost nothing, and whoever lies goes first.
package fee

import (
	"encoding/binary"
	"math"
	"math/bits"

	"quoin.dev/quoin/hook"
)

// Bytes is the length of a fee in a payload.
const Bytes = 8

// Scale is what a fee of one unit for a payload of one byte gives: rates below one differ too.
const Scale = 1 << 16

// Priority serves priority.v1: the fee for each byte of the payload, times Scale, cut off at the largest
// number that there is. A transaction without a fee has priority 0, as has one of a namespace that the
// parameters do not name.
func Priority(r *hook.PriorityRequest) hook.PriorityResponse {
	offset, namespace := uint64(0), []byte(nil)
	if len(r.Params) >= 4 {
		offset, namespace = uint64(binary.LittleEndian.Uint32(r.Params)), r.Params[4:]
	}
	n := uint64(len(r.Payload))
	if offset+Bytes > n || len(namespace) > 0 && string(namespace) != string(r.Namespace) {
		return hook.PriorityResponse{}
	}
	high, low := bits.Mul64(binary.LittleEndian.Uint64(r.Payload[offset:]), Scale)
	if high >= n {
		return hook.PriorityResponse{Priority: math.MaxUint64}
	}
	rate, _ := bits.Div64(high, low, n)
	return hook.PriorityResponse{Priority: rate}
}

var _ hook.PriorityPlugin = hook.PriorityFunc(Priority)

// Params returns the parameters for fees at an offset of a namespace's payloads; an empty name means
// all namespaces.
func Params(offset uint32, namespace string) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, offset), namespace...)
}
