package protocol

import (
	"slices"

	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/chained"
	"quoin.dev/quoin/consensus/simplex"
)

// Listed is a protocol of this module, for harnesses that take any.
type Listed struct {
	consensus.Protocol
	Broken string // what is wrong with it on purpose; empty for a sound one
	Twins  string // the invariant that "lab twins" sees broken with two views or a known scenario; empty: none
	Check  string // the invariant that "lab check" sees broken with one faulty member; empty: none
}

// caught says by what harnesses find a broken protocol.
func (l Listed) caught(twins, check string) Listed {
	l.Twins, l.Check = twins, check
	return l
}

// Protocols returns the protocols by name: first the sound ones, then the deliberately broken, on
// which a harness shows that it would notice.
func Protocols() []Listed {
	one := func(name, what string, rules simplex.Rules) Listed {
		return Listed{Protocol: simplex.Protocol("simplex-"+name, rules), Broken: what}
	}
	two := func(name, what string, rules chained.Rules) Listed {
		return Listed{Protocol: chained.Protocol("chained-"+name, rules), Broken: what}
	}
	taciturn := two("taciturn", "timeouts prove nothing and nobody says anything twice: safe, by the lock, but it may stop", chained.Rules{})
	taciturn.New = newTaciturn(chained.Rules{Unproven: true})
	unlocked := two("unlocked", "taciturn, and without the lock: leaders build on what they happen to know", chained.Rules{})
	unlocked.New = newTaciturn(chained.Rules{Unlocked: true, Unproven: true})
	unlocked.Twins, unlocked.Check = "I1", "I1"
	return []Listed{
		{Protocol: simplex.Protocol("simplex", simplex.Rules{})},
		{Protocol: chained.Protocol("chained", chained.Rules{})},

		one("finalize-after-nullify", "who gave a view up still votes to make its block final", simplex.Rules{FinalizeAfterNullify: true}).caught("I8", "I8"),
		one("vote-twice", "a replica notarizes every valid block of a view", simplex.Rules{VoteTwice: true}).caught("I8", "I8"),
		one("small-quorum", "a quorum is one validator less", simplex.Rules{QuorumTooSmall: true}).caught("I1", "I1"),
		one("stale-parent", "a block may stand on any notarized one, whatever came since", simplex.Rules{AcceptStaleParent: true}),
		one("forget-votes", "a restart forgets votes", simplex.Rules{ForgetVotesOnRecovery: true}),
		one("send-first", "votes are not persisted", simplex.Rules{SendBeforePersist: true}),

		unlocked,
		taciturn,
		two("vote-twice", "a replica votes for every valid block of a view", chained.Rules{VoteTwice: true}).caught("I8", "I8"),
		two("vote-after-timeout", "who gave a view up still votes in it", chained.Rules{VoteAfterTimeout: true}).caught("I8", "I8"),
		two("one-chain", "a block is final with its own quorum, without that of a child", chained.Rules{CommitOneChain: true}),
		two("any-child", "a block is final with the quorum of a child of any later view", chained.Rules{CommitAnyChild: true}),
		two("small-quorum", "a quorum is one validator less", chained.Rules{QuorumTooSmall: true}).caught("I1", ""),
		two("forget-votes", "a restart forgets votes, timeouts and the lock", chained.Rules{ForgetVotes: true}),
		two("send-first", "votes and timeouts are not persisted", chained.Rules{SendUnpersisted: true}),
	}
}

// Named returns the protocol of a name.
func Named(name string) (Listed, bool) {
	all := Protocols()
	if i := slices.IndexFunc(all, func(l Listed) bool { return l.Name == name }); i >= 0 {
		return all[i], true
	}
	return Listed{}, false
}
