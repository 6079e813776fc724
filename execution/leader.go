package execution

import (
	"crypto/sha256"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

const (
	leaderSlot   = "leader.v1"
	leaderWindow = hook.WindowMax
	rescueEvery  = 4
)

// Lead is the answer to who leads a view, and what asking cost.
type Lead struct {
	Proposer int
	Rescue   bool // the validators in turn: no plugin was asked
	Fault    hook.Fault
	Fuel     uint64
}

type leadKey struct {
	view   quoin.View
	parent quoin.Hash
}

// Lead returns the leader of a view on a parent: a pure function of the view, the epoch and the
// parent's ancestors. Rescue views ask no plugin; a plugin that faults is replaced, for this call,
// by the validators in turn. Errors wrap ErrLocal. Answers are kept.
func (x *Executor) Lead(v quoin.View, parent quoin.Hash) (Lead, error) {
	set := &x.tip.Configuration.Validators
	if v%rescueEvery == 0 {
		return Lead{Proposer: int(uint64(v/rescueEvery) % uint64(set.Len())), Rescue: true}, nil
	}
	key := leadKey{v, parent}
	if lead, ok := x.leads[key]; ok {
		return lead, nil
	}
	binding, ok := x.tip.Configuration.Binding(leaderSlot)
	if !ok {
		return Lead{Proposer: fallbackLeader(v, set)}, nil
	}
	request, err := x.leaderRequest(v, parent, binding)
	if err != nil {
		return Lead{}, err
	}
	r, err := x.c.Table.Lead(binding, request)
	if err != nil {
		x.c.Marks.Reach(&marks[markLeaderNotHere])
		return Lead{}, fmt.Errorf("execution: %w: %w", ErrLocal, err)
	}
	lead := Lead{Proposer: int(r.Proposer), Fault: r.Fault, Fuel: r.Fuel}
	if r.Fault != hook.FaultNone {
		x.c.Marks.Reach(&marks[markLeaderFallback])
		lead.Proposer = fallbackLeader(v, set)
	}
	x.leads[key] = lead
	return lead, nil
}

// fallbackLeader takes the validators in turn.
func fallbackLeader(v quoin.View, set *quoin.ValidatorSet) int {
	return int(uint64(v) % uint64(set.Len()))
}

// leaderRequest is what a leader plugin is told, and the memory for it.
type leaderRequest struct {
	request hook.LeaderRequest
	epoch   quoin.Epoch // for which the validators are filled in
	headers []*quoin.Header
}

// leaderRequest describes the parent's ancestors within the epoch, newest first. Who voted for a
// block is what its child's header says; nobody has said it of the parent yet, and its voters are
// empty: every notarization of it may show other ones, and the leader must not depend on which.
func (x *Executor) leaderRequest(v quoin.View, parent quoin.Hash, b *quoin.Binding) (*hook.LeaderRequest, error) {
	o, ok := x.parent(parent)
	if !ok {
		return nil, fmt.Errorf("execution: %w: block %s, on which view %d would stand, is not here", ErrLocal, parent, v)
	}
	q, c := &x.requests, &x.tip.Configuration
	r := &q.request
	if q.epoch != c.Epoch {
		q.epoch = c.Epoch
		r.Validators = r.Validators[:0]
		for _, m := range c.Validators.All() {
			r.Validators = append(r.Validators, hook.Validator{Weight: m.Weight, Key: m.Key})
		}
	}
	r.Seed, r.Epoch, r.View, r.Params = x.tip.Seed, uint64(c.Epoch), uint64(v), b.Parameters
	r.ParentHeight, r.ParentView = uint64(x.tip.Checkpoint.Height), 0

	q.headers = q.headers[:0]
	for ; o != nil && len(q.headers) < leaderWindow; o = o.parent {
		q.headers = append(q.headers, o.Block.Header())
	}
	for i := len(x.tip.Headers) - 1; i >= 0 && len(q.headers) < leaderWindow; i-- {
		q.headers = append(q.headers, &x.tip.Headers[i])
	}
	if len(q.headers) > 0 {
		r.ParentHeight, r.ParentView = uint64(q.headers[0].Height), uint64(q.headers[0].View)
	}
	n := c.Validators.Len()
	r.Window = r.Window[:0]
	for i, h := range q.headers {
		w := hook.WindowBlock{Height: uint64(h.Height), View: uint64(h.View), ViewGap: h.Gap(), Proposer: uint32(h.Proposer), Voters: hook.NewBitmap(n)}
		if i > 0 {
			for k := range q.headers[i-1].ParentVoters.All() {
				w.Voters.Set(k)
			}
		}
		r.Window = append(r.Window, w)
	}
	return r, nil
}

// FirstSeed returns the leader seed of epoch 1.
func FirstSeed(genesis quoin.Hash) quoin.Hash {
	return sha256.Sum256(append([]byte("quoin/seed/v1\n"), genesis[:]...))
}

// nextSeed returns the seed of the epoch after the one with this seed, whose last block is given.
func nextSeed(seed, last quoin.Hash) quoin.Hash {
	b := append([]byte("quoin/seed/v1\n"), seed[:]...)
	return sha256.Sum256(append(b, last[:]...))
}
