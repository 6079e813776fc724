package protocol

import (
	"slices"

	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
)

// Listed is a protocol of this module, for harnesses that take any.
type Listed struct {
	consensus.Protocol
	Broken string // what is wrong with it on purpose; empty for a sound one
}

// Protocols returns the protocols by name: first the sound ones, then the deliberately broken, on
// which a harness shows that it would notice.
func Protocols() []Listed {
	broken := func(name, what string, rules simplex.Rules) Listed {
		return Listed{simplex.Protocol("simplex-"+name, rules), what}
	}
	return []Listed{
		{Protocol: simplex.Protocol("simplex", simplex.Rules{})},
		broken("finalize-after-nullify", "a replica that gave a view up still votes to make its block final", simplex.Rules{FinalizeAfterNullify: true}),
		broken("vote-twice", "a replica notarizes every valid block of a view", simplex.Rules{VoteTwice: true}),
		broken("small-quorum", "one validator's weight less is taken for a quorum", simplex.Rules{QuorumTooSmall: true}),
		broken("stale-parent", "parents below the highest certificate are accepted, and gaps without a nullification", simplex.Rules{AcceptStaleParent: true}),
		broken("forget-votes", "a restart forgets the votes of the log", simplex.Rules{ForgetVotesOnRecovery: true}),
		broken("send-first", "votes are left out of the log", simplex.Rules{SendBeforePersist: true}),
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
