// Package reputation is a leader by reputation in the manner of Carousel (Cohen, Gelashvili,
// Kokoris Kogias, Li, Malkhi, Sonnino, Spiegelman: Be Aware of Your Leaders, Financial
// Cryptography 2022): who has been seen to vote lately may lead, except who has just led.
//
// # The rule
//
// Let w be the length of the window (a parameter; by default twice the number of validators,
// at least 8 and at most 64 blocks) and f = ⌊(W−1)/3⌋ of the total weight W.
//
//	active      those whose vote is among the signatures shown for any of the newest w blocks
//	recent      the proposers of the newest blocks, from the newest on, each counted once, as
//	            long as their weights add up to at most f
//	candidates  active without recent
//
// The leader of a view is a candidate, drawn with a probability in proportion to its weight
// from the epoch's seed and the view. As long as the epoch has fewer than w blocks, or if
// there is no candidate, the validators take turns.
//
// # What it gives
//
// There is always a candidate once the window is full: the newest block alone shows votes of
// more than 2W/3, and at most f of that is recent. A validator that crashes leads no more once
// w blocks have passed, so crashes cost a number of views that does not grow with time (the
// paper's leader utilisation); leaders faulty to no more than f cannot keep the
// turn among themselves, because the last of them are recent (its chain quality). A rescue
// view, which the kernel gives to the validators in turn, brings back who is up again: a
// block of its own, or a vote in anyone's, makes it active.
//
// # Deviations
//
//   - The paper's window is of committed blocks. Here it is the proposal's own ancestors,
//     which every voter of the proposal has executed; two branches may have two leaders for one
//     view, and a voter judges a proposal by the branch it extends.
//   - The paper goes back to turns whenever the parent is not of the view before, because its
//     liveness rests on that. Here it rests on rescue views, so a view without a block only
//     moves the draw on.
//   - Validators have weights: f is a weight, and the draw follows them.
//
// # Who can bias it
//
// The proposer of a block chooses which quorum's votes its header shows and so may leave out up to a third of
// the weight; to keep an honest validator out of active it takes w blocks in a row whose
// successors all leave it out. Who votes but never proposes stays a candidate: votes are all
// that the window shows of it. The seed's bias is told at hook.LeaderRequest.
package reputation

import (
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/leader"
)

// The window's length in blocks.
const (
	WindowLeast = 8
	WindowMost  = hook.WindowMax
)

// label names the draw; another algorithm's draws from the same seed are independent of it.
const label = "quoin/reputation-leader/v1"

// Lead names the proposer of the view. The binding's parameters are empty or one byte: the
// window's length in blocks, 1 to 64. Other parameters are as good as none.
func Lead(r *hook.LeaderRequest) hook.LeaderResponse {
	n := len(r.Validators)
	w := window(r.Params, n)
	if len(r.Window) >= w {
		active := activeIn(r.Window[:w], n)
		recent := recentProposers(r)
		member := func(i int) bool { return active.Has(i) && !recent.Has(i) }
		if proposer, ok := leader.Choose(r, label, member); ok {
			return hook.LeaderResponse{Proposer: proposer}
		}
	}
	return hook.LeaderResponse{Proposer: uint32(leader.Turn(r) % uint64(n))}
}

var _ hook.LeaderPlugin = hook.LeaderFunc(Lead)

// Params returns the parameters for a window of the length in blocks, 1 to 64.
func Params(window int) []byte { return []byte{byte(window)} }

func window(params []byte, validators int) int {
	if len(params) == 1 && params[0] >= 1 && params[0] <= WindowMost {
		return int(params[0])
	}
	return min(max(2*validators, WindowLeast), WindowMost)
}

// activeIn returns who voted for any of the blocks.
func activeIn(blocks []hook.WindowBlock, validators int) hook.Bitmap {
	active := hook.NewBitmap(validators)
	for i := range blocks {
		for k, word := range blocks[i].Voters {
			active[k] |= word
		}
	}
	return active
}

// recentProposers returns the proposers of the newest blocks whose weight together is at
// most f. It looks at the whole window: the same few may have led for longer than w blocks.
func recentProposers(r *hook.LeaderRequest) hook.Bitmap {
	_, left := leader.Weight(r)
	recent := hook.NewBitmap(len(r.Validators))
	for i := range r.Window {
		p := int(r.Window[i].Proposer)
		if recent.Has(p) {
			continue
		}
		weight := r.Validators[p].Weight
		if weight > left {
			break
		}
		left -= weight
		recent.Set(p)
	}
	return recent
}
