package chained

import "quoin.dev/quoin"

// Rules are the decisions that make the protocol what it is, each switched off by one flag. The zero
// value is the protocol; everything else is there to be caught by a harness.
type Rules struct {
	Unlocked         bool // vote for a block on any proven parent, however old: no lock
	Unproven         bool // timeouts neither say nor prove what their senders know, so the lock alone keeps leaders honest
	VoteTwice        bool // vote for another block of the view too
	VoteAfterTimeout bool // vote in a view that was given up
	CommitOneChain   bool // a vote cosigns its own block: the quorum of a block makes it final
	CommitAnyChild   bool // a vote cosigns the parent also if it is not of the view before
	QuorumTooSmall   bool // one validator's weight less
	ForgetVotes      bool // after a restart: votes, timeouts and the lock
	SendUnpersisted  bool // leave votes and timeouts out of the records
}

// mayVote is the vote rule, what a replica did in the view apart. The parent's view is at least the
// lock's (HotStuff's safety rule), or no less than what a quorum knew when it gave up the view before
// (its liveness rule, as Jolteon has it).
func (r Rules) mayVote(lock quoin.View, p *Proposal) bool {
	parent := p.Block.Header().ParentView
	return r.Unlocked || parent >= lock || !r.Unproven && p.Opened != nil && parent >= p.Opened.highest()
}

// locks is the lock rule: what a replica is locked on after voting for a block on a parent.
func (r Rules) locks(lock, parent quoin.View) quoin.View { return max(lock, parent) }

// commits is the commit rule: what a vote for l cosigns, so that a quorum of such votes makes it
// final. Nil if nothing.
func (r Rules) commits(l *link) *quoin.Checkpoint {
	if r.CommitOneChain {
		return &l.checkpoint
	}
	p := l.parent
	if p.view == 0 || p.view+1 != l.view && !r.CommitAnyChild || p.adopted {
		return nil
	}
	return &p.checkpoint
}

// mayCosign reports whether a vote of a view may cosign a checkpoint of another.
func (r Rules) mayCosign(view, cosigned quoin.View) bool {
	return cosigned+1 == view || r.CommitOneChain && cosigned == view || r.CommitAnyChild && cosigned < view
}
