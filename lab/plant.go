package lab

import (
	"fmt"
	"slices"

	"quoin.dev/quoin/consensus/simplex"
)

// Bug is a bug that can be planted in every honest replica, to show that the observers see it.
type Bug string

// The bugs.
const (
	VoteTwice            Bug = "vote-twice"             // Notarize again for another block of the view
	FinalizeAfterNullify Bug = "finalize-after-nullify" // both votes in one view
	ForgetVotes          Bug = "forget-votes"           // what the vote log says of own votes is not read on a restart
	SmallQuorum          Bug = "small-quorum"           // one validator's weight too little
	StaleParent          Bug = "stale-parent"           // parents below the highest certificate, views without nullification
	SkipWrite            Bug = "skip-write"             // the driver sends before it has written
)

// Bugs returns all of them.
func Bugs() []Bug {
	return []Bug{VoteTwice, FinalizeAfterNullify, ForgetVotes, SmallQuorum, StaleParent, SkipWrite}
}

func (b Bug) check() error {
	if b != "" && !slices.Contains(Bugs(), b) {
		return fmt.Errorf("%w: no bug %q to plant; there are %v", ErrOptions, b, Bugs())
	}
	return nil
}

// rules returns the rules with the bug; SkipWrite is the driver's own.
func (b Bug) rules() simplex.Rules {
	return simplex.Rules{VoteTwice: b == VoteTwice, FinalizeAfterNullify: b == FinalizeAfterNullify, ForgetVotesOnRecovery: b == ForgetVotes,
		QuorumTooSmall: b == SmallQuorum, AcceptStaleParent: b == StaleParent}
}
