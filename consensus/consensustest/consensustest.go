// Package consensustest is the conformance suite of consensus.Machine: whatever implements the
// contract is run in random networks, and must keep its promises in all of them.
//
// Each seed is one world: a few validators with a toy application, a network that delays, loses,
// doubles, reorders and partitions messages, clocks that disagree, machines that crash at any
// demand and recover from what they had persisted by then, and, if the suite brings a Traitor, as
// many of these as the validator set must bear. Then the world heals (some stay dead, f at most),
// and must certify what is pending and come to rest: not one message or timer is left.
//
// After every step observers check, in the numbers of the project's invariants:
//
//   - I1: at one height all certify one block with one result, and every certificate is one of that
//     result by a quorum; tail blocks repeat the last block's result.
//   - I2: a machine that crashed certifies on from what was durable, and no block twice.
//   - I5: after healing, what is pending at honest members is certified within 4(n + 1) views.
//   - I8: no honest member ever makes two claims that exclude each other, across restarts.
//   - Honest messages are accepted: they decode to the same bytes, and verify.
//   - An idle chain is quiet.
//
// A run is a function of its seed. Observers never steer. A failure names the seed and the command
// that replays it. Signatures are hashes in place of Ed25519, so that hundreds of worlds take
// seconds; nothing but the traitors' own could be forged by them, and they do not.
package consensustest

import (
	"fmt"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// Suite describes the protocol under test and the worlds it is put into.
type Suite struct {
	consensus.Protocol
	Traitor func(consensus.Member) consensus.Machine // a faulty member; nil if there are none
	Weights []uint64                                 // of the members; traitors are taken from the front, as many as the set bears

	First, Seeds uint64
	Package      string // for the command that replays a seed; its tests have flags -first and -seeds
}

// Run runs every seed of the suite as a subtest, and the first one twice. With many seeds it also
// sees to it that every kind of trouble occurred.
func Run(t *testing.T, s Suite) {
	var sum Result
	for seed := s.First; seed < s.First+s.Seeds; seed++ {
		t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) {
			r := s.Simulate(seed)
			if r.Broken != "" {
				t.Fatalf("seed %d: %s\nreplay with: go test %s -run '^%s$' -first %d -seeds 1\n%s", seed, r.Broken, s.Package, t.Name(), seed, r.Trace)
			}
			if r.Heights == 0 {
				t.Fatalf("seed %d: nothing was certified", seed)
			}
			if seed == s.First && s.Simulate(seed).Digest != r.Digest {
				t.Errorf("seed %d: a second run went another way: something is not deterministic", seed)
			}
			sum.add(&r)
		})
	}
	if s.Seeds >= 30 && len(s.Weights) > 1 && (sum.Epochs < 2 || sum.Tails == 0 || sum.Crashes == 0 || sum.Lost == 0 || sum.Nullified == 0 || sum.Fetched == 0) {
		t.Errorf("the worlds were too kind: %+v", sum)
	}
	t.Logf("%d worlds: %d heights, at most %d epochs, %d tail blocks, %d crashes, %d messages lost, %d views nullified, %d fetches, at most %d views to heal",
		s.Seeds, sum.Heights, sum.Epochs, sum.Tails, sum.Crashes, sum.Lost, sum.Nullified, sum.Fetched, sum.Healed)
}

func (r *Result) add(x *Result) {
	r.Heights += x.Heights
	r.Epochs = max(r.Epochs, x.Epochs)
	r.Tails += x.Tails
	r.Crashes += x.Crashes
	r.Lost += x.Lost
	r.Nullified += x.Nullified
	r.Healed = max(r.Healed, x.Healed)
	r.Fetched += x.Fetched
}

// Result is what became of a world.
type Result struct {
	Broken    string // the first broken promise; empty if all were kept
	Trace     string // the last events before that
	Digest    quoin.Hash
	Heights   quoin.Height // certified
	Epochs    quoin.Epoch
	Tails     int // tail blocks certified
	Crashes   int
	Lost      int
	Nullified int // views, counted once a member
	Healed    int // views that the slowest member took to certify what was pending after healing
	Fetched   int
}

// Simulate runs one world.
func (s Suite) Simulate(seed uint64) Result {
	w := newWorld(s, seed)
	w.run()
	w.result.Digest = w.digest()
	return w.result
}
