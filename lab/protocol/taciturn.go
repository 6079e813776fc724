package protocol

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/chained"
)

// taciturn is a chained machine that says things once: it relays no QC or certificate, and repeats no
// vote. With timeouts that prove nothing that is HotStuff as on paper, in which a leader may not know
// what others are locked on, so that the lock is all that keeps a fork from being voted for.
type taciturn struct {
	*chained.Chained
	vote *chained.Vote // the last one sent
}

func newTaciturn(rules chained.Rules) func(consensus.Member) consensus.Machine {
	return func(m consensus.Member) consensus.Machine {
		return &taciturn{Chained: chained.New(chained.Config{Member: m, Rules: rules})}
	}
}

// Step takes one input, and drops what was said before.
func (x *taciturn) Step(now quoin.Time, in consensus.Input, out *consensus.Output) {
	x.Chained.Step(now, in, out)
	out.Send = slices.DeleteFunc(out.Send, func(e consensus.Envelope) bool {
		switch m := e.Message.(type) {
		case *chained.QC, *chained.Certificate:
			return true
		case *chained.Vote:
			again := m == x.vote
			x.vote = m
			return again
		}
		return false
	})
}
