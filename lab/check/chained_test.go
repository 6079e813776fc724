package check

import (
	"flag"
	"testing"

	"quoin.dev/quoin/consensus/chained"
)

var large = flag.Bool("large", false, "explore also what takes minutes")

func chainedBounds(rules chained.Rules, leaders ...int) Options {
	return Options{Protocol: chained.Protocol("chained", rules), Adversary: Chained{}, Nodes: 4, Faulty: 1, Leaders: leaders, Blocks: 1,
		Timeouts: AnyTimeouts, Batch: true, Symmetry: true, StatesMax: 10_000_000}
}

func TestChainedHoldsInOneView(t *testing.T) {
	o := chainedBounds(chained.Rules{}, 3)
	o.Blocks = 2
	explore(t, o)
	explore(t, chainedBounds(chained.Rules{}, 0))
}

func TestTwoFaultyOfFourBreakChained(t *testing.T) {
	o := chainedBounds(chained.Rules{}, 3, 3)
	o.Faulty = 2
	broken(t, o, "I8")
}

func TestUnsafeVariantsOfChainedAreCaughtWithOneFaulty(t *testing.T) {
	for _, v := range []struct {
		name      string
		rules     chained.Rules
		blocks    int
		invariant string
		steps     int
	}{
		{"vote after timeout", chained.Rules{VoteAfterTimeout: true}, 1, "I8", 2},
		{"vote twice", chained.Rules{VoteTwice: true}, 2, "I8", 2},
	} {
		t.Run(v.name, func(t *testing.T) {
			o := chainedBounds(v.rules, 3)
			o.Blocks = v.blocks
			if r := broken(t, o, v.invariant); len(r.Trace) > v.steps {
				t.Errorf("%d steps, %d are enough", len(r.Trace), v.steps)
			}
		})
	}
}

func TestHotStuffWithoutItsLockIsCaughtWithOneFaulty(t *testing.T) {
	if !*large {
		t.Skip("half a million states; CI runs it by `quoin lab check`, or use -large")
	}
	o := chainedBounds(chained.Rules{Unlocked: true, Unproven: true}, 0, 0, 3, 1)
	o.CutOff, o.Invariant = 1, "I1"
	if r := broken(t, o, "I1"); len(r.Trace) > 9 {
		t.Errorf("%d steps, 9 are enough", len(r.Trace))
	}
}
