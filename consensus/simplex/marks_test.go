package simplex_test

import (
	"testing"

	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/mark"
)

// The mark of K2 holds, and would tell if it did not.
func TestNeverBothIsMarked(t *testing.T) {
	for _, rules := range []simplex.Rules{{}, {FinalizeAfterNullify: true}} {
		s := newStated()
		s.config.Marks = new(mark.Set)
		s.machine = simplex.New(simplex.Config{Member: s.config, Rules: rules})
		s.step(consensus.Started{})
		s.step(consensus.Wanted{Wanted: true})
		inputs := s.pool()[2:] // of view 1: a proposal, and from each a Notarize, a Finalize and a Nullify
		s.step(inputs[0])
		s.step(consensus.TimedOut{})
		s.step(inputs[1])
		s.step(inputs[4])
		if _, broken := mark.Missed(s.config.Marks.Counts()); (len(broken) > 0) != rules.FinalizeAfterNullify {
			t.Errorf("%+v: broken: %v", rules, broken)
		}
	}
}
