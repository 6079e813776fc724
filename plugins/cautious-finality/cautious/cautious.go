// Package cautious reports blocks as final at once while the network runs smoothly, and later after
// trouble: for applications that would rather wait than have to explain.
package cautious

import (
	"encoding/binary"

	"quoin.dev/quoin/hook"
)

// What is waited for by default.
const (
	Blocks       = 2
	Milliseconds = 5_000
)

// Delay serves finality.v1. A block is reported as final when as many further blocks are certified as
// views passed without a block just before it, times the parameters' factor, or after the parameters'
// time. The parameters are the factor and the milliseconds, 4 bytes each, little-endian; empty: 2
// blocks a view, 5 seconds.
func Delay(r *hook.FinalityRequest) hook.FinalityResponse {
	factor, ms := uint64(Blocks), uint32(Milliseconds)
	if len(r.Params) >= 8 {
		factor = uint64(binary.LittleEndian.Uint32(r.Params))
		ms = binary.LittleEndian.Uint32(r.Params[4:])
	}
	if r.ViewGap == 0 || factor == 0 {
		return hook.FinalityResponse{}
	}
	const most = hook.FinalityBlocksMax
	if r.ViewGap > most {
		return hook.FinalityResponse{Blocks: most, Milliseconds: ms}
	}
	return hook.FinalityResponse{Blocks: uint32(min(r.ViewGap*factor, most)), Milliseconds: ms}
}
