package plugin

import (
	"encoding/binary"
	"math/bits"

	"quoin.dev/quoin/hook"
)

// Codes with which Signed refuses a transaction.
const (
	SignedNobody = 1 // it is unsigned
	SignedLong   = 2 // its payload is longer than the parameters allow
)

// Signed serves validation.v1: it refuses unsigned transactions and, if the parameters hold a number
// (4 bytes, little-endian), payloads of more bytes than that.
func Signed(r *hook.ValidationRequest, _ hook.Reader) hook.ValidationResponse {
	switch {
	case r.Sender == [32]byte{}:
		return hook.ValidationResponse{Code: SignedNobody}
	case len(r.Params) >= 4 && uint64(len(r.Payload)) > uint64(binary.LittleEndian.Uint32(r.Params)):
		return hook.ValidationResponse{Code: SignedLong}
	}
	return hook.ValidationResponse{}
}

// Immediate serves finality.v1: what is certified is reported as final at once.
func Immediate(*hook.FinalityRequest) hook.FinalityResponse { return hook.FinalityResponse{} }

// deepBlocks is what Deep waits for without parameters.
const deepBlocks = 6

// Deep serves finality.v1: a block is reported as final when so many further ones are certified as
// the parameters say (blocks, then milliseconds to wait at most, 4 bytes each, little-endian; a
// missing or zero number: 6 blocks, the host's bound of time). It is for applications that want to
// outlast a compromise of more than a third of the validators by some blocks.
func Deep(r *hook.FinalityRequest) hook.FinalityResponse {
	s := hook.FinalityResponse{Blocks: deepBlocks}
	if len(r.Params) >= 4 {
		if n := binary.LittleEndian.Uint32(r.Params); n > 0 {
			s.Blocks = n
		}
	}
	if len(r.Params) >= 8 {
		s.Milliseconds = binary.LittleEndian.Uint32(r.Params[4:])
	}
	return s
}

// Exponential serves pacemaker.v1 by the built-in rule: the base doubled for each view since the
// highest certified one.
func Exponential(r *hook.PacemakerRequest) hook.PacemakerResponse {
	return hook.PacemakerResponse{TimeoutMS: r.BuiltinMS}
}

// Adaptive serves pacemaker.v1: twice the longest of the notarized views in the window, doubled
// for each view since the highest certified one. So a fast network gives up a dead leader sooner and
// a slow one later than the base would. Without a notarized view it is the built-in rule.
func Adaptive(r *hook.PacemakerRequest) hook.PacemakerResponse {
	longest := uint64(0)
	for _, v := range r.Window {
		if v.Notarized {
			longest = max(longest, uint64(v.MS), 1)
		}
	}
	if longest == 0 {
		return Exponential(r)
	}
	longest *= 2
	failed := r.View - r.CertifiedView - 1
	if failed >= uint64(bits.LeadingZeros64(longest)) {
		return hook.PacemakerResponse{TimeoutMS: r.MaxMS}
	}
	return hook.PacemakerResponse{TimeoutMS: longest << failed}
}

// Equal serves priority.v1: the senders take turns.
func Equal(*hook.PriorityRequest) hook.PriorityResponse { return hook.PriorityResponse{} }

// SmallFirst serves priority.v1: the shorter the payload, the sooner.
func SmallFirst(r *hook.PriorityRequest) hook.PriorityResponse {
	return hook.PriorityResponse{Priority: uint64(hook.PayloadMax - len(r.Payload))}
}
