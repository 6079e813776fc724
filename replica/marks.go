package replica

import (
	"slices"

	"quoin.dev/quoin/mark"
)

// Marks returns the coverage marks of this package.
func Marks() []mark.Mark { return slices.Clone(marks[:]) }

const (
	markOldRecords = iota
	markOtherEpoch
	markBlockRefused
	markAbstained
	markHeartbeat
	markOldAnswered
	markLaterEpoch
	markServedUncertified
	markServedCertified
	markServedTails
	markBlocksLate
	markCaughtUp
	markSplit
	markSplitExplained
	markEvidenceSent
	markExecutedAgain
	markAccountGiven
	markAdopted
	markOmission
	markLeftOut
	markEmptyBlock
	markCertifiedSeveral
	markSuspended
	markEpochEnded
	markMachineFault
	markSyncedLate
	markPrune
	markAttested
	markNotReady
	markMessageRefused
	markMessageStale
	markPoolFull
	markPoolAgain
	markPoolCertified
	markPoolExpired
	markPoolForgets
	markOverdue
)

var marks = [...]mark.Mark{
	markOldRecords:        {Name: "replica/old-records", Kind: mark.Sometimes, Says: "a restart passes over records of an epoch that is over"},
	markOtherEpoch:        {Name: "replica/other-epoch", Kind: mark.Reachable, Says: "the work on a block of the epoch before is dropped: package replica"},
	markBlockRefused:      {Name: "replica/block-refused", Kind: mark.Sometimes, Says: "a block that was executed is invalid"},
	markAbstained:         {Name: "replica/abstained", Kind: mark.Reachable, Says: "a local limit keeps a block from being executed: in no world of the lab"},
	markHeartbeat:         {Name: "replica/heartbeat", Kind: mark.Sometimes, Says: "a block is overdue on an idle chain"},
	markOldAnswered:       {Name: "replica/old-answered", Kind: mark.Sometimes, Says: "a peer in an epoch that is over is told how it ended"},
	markLaterEpoch:        {Name: "replica/later-epoch", Kind: mark.Sometimes, Says: "a message of a later epoch makes a replica ask for the blocks between"},
	markServedUncertified: {Name: "replica/served-uncertified", Kind: mark.Sometimes, Says: "uncertified blocks are served to a peer"},
	markServedCertified:   {Name: "replica/served-certified", Kind: mark.Sometimes, Says: "several certified blocks are served to a peer"},
	markServedTails:       {Name: "replica/served-tails", Kind: mark.Reachable, Says: "the tail blocks of an epoch are served with its last block: TestPlantWorlds/tails-as-last"},
	markBlocksLate:        {Name: "replica/blocks-late", Kind: mark.Sometimes, Says: "blocks come with a certificate of another epoch than the present"},
	markCaughtUp:          {Name: "replica/caught-up", Kind: mark.Sometimes, Says: "blocks come with a certificate that verifies"},
	markSplit:             {Name: "replica/split", Kind: mark.Sometimes, Says: "votes for a block differ"},
	markSplitExplained:    {Name: "replica/split-explained", Kind: mark.Reachable, Says: "a voter's account of its result hashes to its vote: TestHiddenNonDeterminism"},
	markEvidenceSent:      {Name: "replica/evidence-sent", Kind: mark.Reachable, Says: "evidence of a split is complete: TestHiddenNonDeterminism"},
	markExecutedAgain:     {Name: "replica/executed-again", Kind: mark.Reachable, Says: "a block with another result than a quorum's is executed once more: TestOneDivergingReplica"},
	markAccountGiven:      {Name: "replica/account-given", Kind: mark.Reachable, Says: "a peer is given the account of a block: TestOneDivergingReplica"},
	markAdopted:           {Name: "replica/adopted", Kind: mark.Reachable, Says: "the result of a quorum is adopted: TestOneDivergingReplica"},
	markOmission:          {Name: "replica/omission", Kind: mark.Reachable, Says: "a block leaves out what has waited for too long, and gets no vote: TestCensorOfAllButRescueViews"},
	markLeftOut:           {Name: "replica/left-out", Kind: mark.Sometimes, Says: "a leader leaves out a namespace that is suspended or suspected"},
	markEmptyBlock:        {Name: "replica/empty-block", Kind: mark.Sometimes, Says: "a block without transactions is built"},
	markCertifiedSeveral:  {Name: "replica/certified-several", Kind: mark.Sometimes, Says: "several blocks are certified at once"},
	markSuspended:         {Name: "replica/suspended", Kind: mark.Reachable, Says: "a block suspends a namespace: TestHiddenNonDeterminism"},
	markEpochEnded:        {Name: "replica/epoch-ended", Kind: mark.Sometimes, Says: "an epoch is over"},
	markMachineFault:      {Name: "replica/machine-fault", Kind: mark.Reachable, Says: "a machine has faulted on the ledger: TestHostileMachines"},
	markSyncedLate:        {Name: "replica/synced-late", Kind: mark.Sometimes, Says: "blocks are durable while later ones are not"},
	markPrune:             {Name: "replica/prune", Kind: mark.Sometimes, Says: "the vote log is written anew"},
	markAttested:          {Name: "replica/attested", Kind: mark.Sometimes, Says: "a validator says that it is ready"},
	markNotReady:          {Name: "replica/not-ready", Kind: mark.Sometimes, Says: "a validator cannot say yet that it is ready"},
	markMessageRefused:    {Name: "replica/message-refused", Kind: mark.Sometimes, Says: "a peer's message is malformed, or badly signed"},
	markMessageStale:      {Name: "replica/message-stale", Kind: mark.Sometimes, Says: "a message can change nothing"},
	markPoolFull:          {Name: "replica/pool-full", Kind: mark.Reachable, Says: "the pool is full: TestTenTimesOverload"},
	markPoolAgain:         {Name: "replica/pool-again", Kind: mark.Sometimes, Says: "a transaction is submitted that is pending"},
	markPoolCertified:     {Name: "replica/pool-certified", Kind: mark.Sometimes, Says: "a transaction is submitted that is certified"},
	markPoolExpired:       {Name: "replica/pool-expired", Kind: mark.Sometimes, Says: "a transaction is submitted that has expired"},
	markPoolForgets:       {Name: "replica/pool-forgets", Kind: mark.Sometimes, Says: "a pending transaction expires"},
	markOverdue:           {Name: "replica/overdue", Kind: mark.Sometimes, Says: "a transaction has waited for as many views as it may be put off"},
}
