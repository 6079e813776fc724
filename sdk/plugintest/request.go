package plugintest

import (
	"encoding/binary"
	"math/rand/v2"

	"quoin.dev/quoin/hook"
)

// RandomRequest returns a valid request of a chain that nobody planned: up to validatorsMax
// validators, weights from equal to extreme, windows of any length, gaps, tail blocks, voters
// at random. Equal generators give equal requests.
func RandomRequest(rng *rand.Rand, validatorsMax int) *hook.LeaderRequest {
	n := 1 + rng.IntN(max(1, min(validatorsMax, hook.ValidatorsMax)))
	r := &hook.LeaderRequest{Epoch: rng.Uint64(), Params: make([]byte, rng.IntN(4))}
	fill(rng, r.Seed[:])
	fill(rng, r.Params)
	for i := range n {
		v := hook.Validator{Weight: 1}
		switch rng.IntN(3) {
		case 0:
			v.Weight += rng.Uint64N(100)
		case 1:
			v.Weight += rng.Uint64N(hook.TotalWeightMax / uint64(n))
		}
		binary.BigEndian.PutUint64(v.Key[:], uint64(i)+1)
		r.Validators = append(r.Validators, v)
	}
	voting := rng.Float64()
	view, height := uint64(1), rng.Uint64N(1<<40)
	for range rng.IntN(hook.WindowMax + 1) {
		b := hook.WindowBlock{Height: height, Proposer: uint32(rng.IntN(n)), Voters: hook.NewBitmap(n)}
		if rng.IntN(4) == 0 {
			b.ViewGap = rng.Uint64N(5)
		}
		if len(r.Window) == 0 {
			b.ViewGap = rng.Uint64N(1 << 30)
			view = b.ViewGap + 1
		} else {
			view += b.ViewGap + 1
		}
		b.View = view
		for i := range n {
			if rng.Float64() < voting {
				b.Voters.Set(i)
			}
		}
		r.Window = append([]hook.WindowBlock{b}, r.Window...)
		height += uint64(rng.IntN(2)) // tail blocks repeat it
	}
	r.View = 1 + rng.Uint64N(4)
	if len(r.Window) > 0 {
		r.ParentHeight, r.ParentView = r.Window[0].Height, r.Window[0].View
		r.View += r.ParentView
	}
	return r
}

func fill(rng *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
}
