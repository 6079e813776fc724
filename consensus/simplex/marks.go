package simplex

import (
	"slices"

	"quoin.dev/quoin/mark"
)

// Marks returns the coverage marks of this package.
func Marks() []mark.Mark { return slices.Clone(marks[:]) }

const (
	markRetried = iota
	markTick
	markHoleClosed
	markVoteWithheld
	markAncestorWritten
	markTwoNotarizes
	markNotarizedByVotes
	markHopeless
	markSplitSuspected
	markSplitProved
	markNeverBoth
	markNullifiedByVotes
	markFollowedLate
	markGivenUp
	markNotarizedWithoutBody
	markNotarizedNullified
	markNullifiedNotarized
	markEndedLate
	markFinalizedLate
	markFinalizeDiverged
	markFinalizeAdopted
	markTwoFinalizes
	markCertifiedByVotes
	markJumped
	markCertifiedLate
	markCertifiedWithoutBody
	markLeaderCallsCapped
	markPassedOver
	markPipelineFull
	markTailProposed
	markTroubleProposed
	markNothingToPropose
	markProvedByCertificate
	markProposalBeyond
	markUnanchored
	markProposalAwaited
	markTwoProposals
	markCandidateDropped
	markCandidateRefused
	markParentUnknown
	markParentExecuting
	markHeaderMisfit
	markGap
	markNotTheLeader
	markInvalidExecuted
	markAbstained
	markOutdated
	markRedone
	markCertifiedSeveral
	markCertifiedByTail
	markSettledByStep
	markNoConflict
	markFetchedAgain
	markAncestorMissing
	markFetchedUnasked
	markAnsweredCertificate
	markAnsweredNullification
	markAnsweredNotarization
	markAnsweredNullify
	markFarBehind
	markOutOfCredit
	markRecoveredBody
	markRecoveredVote
	markRecoveredFinalize
	markRecoveredCertificate
	markRecoveredBusy
	markTimerStopped
	markTimeoutCapped
	markFinalizeRepeated
	markVoteTooFar
	markNoQuorum
	markAgreedByChild
)

var marks = [...]mark.Mark{
	markRetried:               {Name: "simplex/retried", Kind: mark.Reachable, Says: "executions that a local limit had prevented were demanded again: in no world of the lab"},
	markTick:                  {Name: "simplex/tick", Kind: mark.Sometimes, Says: "what was asked for is asked again, because views pass"},
	markHoleClosed:            {Name: "simplex/hole-closed", Kind: mark.Sometimes, Says: "a view that was passed over is known to be nullified"},
	markVoteWithheld:          {Name: "simplex/vote-withheld", Kind: mark.Reachable, Says: "a valid block is not voted for, because it leaves out what waits: TestCensorOfAllButRescueViews"},
	markAncestorWritten:       {Name: "simplex/ancestor-written", Kind: mark.Sometimes, Says: "an uncertified ancestor is written to the log with the block that is voted for"},
	markTwoNotarizes:          {Name: "simplex/two-notarizes", Kind: mark.Sometimes, Says: "a validator voted for two results in one view"},
	markNotarizedByVotes:      {Name: "simplex/notarized-by-votes", Kind: mark.Sometimes, Says: "votes made a notarization"},
	markHopeless:              {Name: "simplex/hopeless", Kind: mark.Sometimes, Says: "no result of a view can get a quorum any more"},
	markSplitSuspected:        {Name: "simplex/split-suspected", Kind: mark.Sometimes, Says: "votes for one block differ, and prove nothing yet"},
	markSplitProved:           {Name: "simplex/split-proved", Kind: mark.Reachable, Says: "votes of a quorum for one block differ among honest replicas: TestHiddenNonDeterminism"},
	markNeverBoth:             {Name: "simplex/never-both", Kind: mark.Always, Says: "Finalize is not sent after Nullify"},
	markNullifiedByVotes:      {Name: "simplex/nullified-by-votes", Kind: mark.Sometimes, Says: "votes made a nullification"},
	markFollowedLate:          {Name: "simplex/followed-late", Kind: mark.Sometimes, Says: "a view that was left is given up after all, because some honest replica gave it up"},
	markGivenUp:               {Name: "simplex/given-up", Kind: mark.Sometimes, Says: "the view is given up before it times out"},
	markNotarizedWithoutBody:  {Name: "simplex/notarized-without-body", Kind: mark.Sometimes, Says: "a view is notarized, and its block is not here"},
	markNotarizedNullified:    {Name: "simplex/notarized-nullified", Kind: mark.Sometimes, Says: "a view is notarized after it was nullified"},
	markNullifiedNotarized:    {Name: "simplex/nullified-notarized", Kind: mark.Sometimes, Says: "a view is nullified after it was notarized"},
	markEndedLate:             {Name: "simplex/ended-late", Kind: mark.Sometimes, Says: "what ended a view comes when the view has been left"},
	markFinalizedLate:         {Name: "simplex/finalized-late", Kind: mark.Sometimes, Says: "Finalize is sent for a view that is long over"},
	markFinalizeDiverged:      {Name: "simplex/finalize-diverged", Kind: mark.Reachable, Says: "a notarized block has another result here: TestOneDivergingReplica"},
	markFinalizeAdopted:       {Name: "simplex/finalize-adopted", Kind: mark.Reachable, Says: "a notarized block is not voted for, because its result was adopted: TestOneDivergingReplica"},
	markTwoFinalizes:          {Name: "simplex/two-finalizes", Kind: mark.Reachable, Says: "a validator sent two Finalize of one view: in no world of the lab"},
	markCertifiedByVotes:      {Name: "simplex/certified-by-votes", Kind: mark.Sometimes, Says: "votes made a certificate"},
	markJumped:                {Name: "simplex/jumped", Kind: mark.Sometimes, Says: "a certificate of a view ahead moves the replica over views"},
	markCertifiedLate:         {Name: "simplex/certified-late", Kind: mark.Sometimes, Says: "a certificate comes when later views have begun"},
	markCertifiedWithoutBody:  {Name: "simplex/certified-without-body", Kind: mark.Sometimes, Says: "a block is certified that is not here"},
	markLeaderCallsCapped:     {Name: "simplex/leader-calls-capped", Kind: mark.Reachable, Says: "a proposer wanted the leader asked too often in one view: in no world of the lab"},
	markPassedOver:            {Name: "simplex/passed-over", Kind: mark.Sometimes, Says: "a view that is notarized and nullified is passed over for a parent"},
	markPipelineFull:          {Name: "simplex/pipeline-full", Kind: mark.Reachable, Says: "a block is proposed without transactions, because too many are not certified: TestNearMissTimeouts"},
	markTailProposed:          {Name: "simplex/tail-proposed", Kind: mark.Reachable, Says: "a tail block is proposed: TestPlantWorlds/tails-as-last"},
	markTroubleProposed:       {Name: "simplex/trouble-proposed", Kind: mark.Sometimes, Says: "a block is proposed only to certify those below it"},
	markNothingToPropose:      {Name: "simplex/nothing-to-propose", Kind: mark.Sometimes, Says: "a leader has nothing to propose after all"},
	markProvedByCertificate:   {Name: "simplex/proved-by-certificate", Kind: mark.Sometimes, Says: "a parent is proved by its certificate"},
	markProposalBeyond:        {Name: "simplex/proposal-beyond", Kind: mark.Reachable, Says: "a proposal is of a view too far ahead, or over: in no world of the lab"},
	markUnanchored:            {Name: "simplex/unanchored", Kind: mark.Reachable, Says: "a proposal does not prove its parent, or one below the highest certificate: in no world of the lab"},
	markProposalAwaited:       {Name: "simplex/proposal-awaited", Kind: mark.Sometimes, Says: "a proposal brings a block that was asked for"},
	markTwoProposals:          {Name: "simplex/two-proposals", Kind: mark.Sometimes, Says: "a validator proposed two blocks in one view"},
	markCandidateDropped:      {Name: "simplex/candidate-dropped", Kind: mark.Reachable, Says: "a proposal is dropped for space: in no world of the lab"},
	markCandidateRefused:      {Name: "simplex/candidate-refused", Kind: mark.Sometimes, Says: "a proposal of the current view is refused"},
	markParentUnknown:         {Name: "simplex/parent-unknown", Kind: mark.Sometimes, Says: "the parent of a proposal is not here"},
	markParentExecuting:       {Name: "simplex/parent-executing", Kind: mark.Sometimes, Says: "the parent of a proposal is not executed yet"},
	markHeaderMisfit:          {Name: "simplex/header-misfit", Kind: mark.Sometimes, Says: "a proposal does not follow from its parent, or its time does not"},
	markGap:                   {Name: "simplex/gap", Kind: mark.Sometimes, Says: "a view between a proposal and its parent is not known to be nullified"},
	markNotTheLeader:          {Name: "simplex/not-the-leader", Kind: mark.Reachable, Says: "a proposal is not by the leader on its parent: in no world of the lab"},
	markInvalidExecuted:       {Name: "simplex/invalid-executed", Kind: mark.Sometimes, Says: "a block is invalid"},
	markAbstained:             {Name: "simplex/abstained", Kind: mark.Reachable, Says: "a local limit kept a block from being executed: in no world of the lab"},
	markOutdated:              {Name: "simplex/outdated", Kind: mark.Reachable, Says: "a block was executed on a result that has been replaced: in no world of the lab"},
	markRedone:                {Name: "simplex/redone", Kind: mark.Reachable, Says: "blocks are executed again, on another result of their ancestor: in no world of the lab"},
	markCertifiedSeveral:      {Name: "simplex/certified-several", Kind: mark.Sometimes, Says: "one certificate makes several blocks final"},
	markCertifiedByTail:       {Name: "simplex/certified-by-tail", Kind: mark.Reachable, Says: "a tail block's certificate ends the epoch: TestPlantWorlds/tails-as-last"},
	markSettledByStep:         {Name: "simplex/settled-by-step", Kind: mark.Sometimes, Says: "a long way is made in steps, each with a certificate of its own"},
	markNoConflict:            {Name: "simplex/no-conflict", Kind: mark.Always, Says: "a certificate is of a descendant of the certified block"},
	markFetchedAgain:          {Name: "simplex/fetched-again", Kind: mark.Sometimes, Says: "a second peer is asked for a block"},
	markAncestorMissing:       {Name: "simplex/ancestor-missing", Kind: mark.Sometimes, Says: "the parent of a block that matters is asked for"},
	markFetchedUnasked:        {Name: "simplex/fetched-unasked", Kind: mark.Sometimes, Says: "blocks come that nobody asked for, or any more"},
	markAnsweredCertificate:   {Name: "simplex/answered-certificate", Kind: mark.Sometimes, Says: "a peer that asks for views is answered with a certificate"},
	markAnsweredNullification: {Name: "simplex/answered-nullification", Kind: mark.Sometimes, Says: "a peer that asks for views is answered with a nullification"},
	markAnsweredNotarization:  {Name: "simplex/answered-notarization", Kind: mark.Sometimes, Says: "a peer that asks for views is answered with a notarization"},
	markAnsweredNullify:       {Name: "simplex/answered-nullify", Kind: mark.Reachable, Says: "a peer that asks for views is answered with an own vote to nullify: in no world of the lab"},
	markFarBehind:             {Name: "simplex/far-behind", Kind: mark.Sometimes, Says: "a peer that is far behind is answered at once"},
	markOutOfCredit:           {Name: "simplex/out-of-credit", Kind: mark.Reachable, Says: "a peer gets no answer, because it had too many: in no world of the lab"},
	markRecoveredBody:         {Name: "simplex/recovered-body", Kind: mark.Sometimes, Says: "a block is recovered from the log"},
	markRecoveredVote:         {Name: "simplex/recovered-vote", Kind: mark.Sometimes, Says: "an own vote of an open view is recovered from the log"},
	markRecoveredFinalize:     {Name: "simplex/recovered-finalize", Kind: mark.Sometimes, Says: "an own Finalize is recovered from the log"},
	markRecoveredCertificate:  {Name: "simplex/recovered-certificate", Kind: mark.Sometimes, Says: "a certificate is recovered whose block is not in the store"},
	markRecoveredBusy:         {Name: "simplex/recovered-busy", Kind: mark.Sometimes, Says: "a restarted replica has unfinished business"},
	markTimerStopped:          {Name: "simplex/timer-stopped", Kind: mark.Sometimes, Says: "a view has no reason to time out any more"},
	markTimeoutCapped:         {Name: "simplex/timeout-capped", Kind: mark.Sometimes, Says: "a time-out is as long as one may be"},
	markFinalizeRepeated:      {Name: "simplex/finalize-repeated", Kind: mark.Sometimes, Says: "Finalize of an earlier view is repeated at a time-out"},
	markVoteTooFar:            {Name: "simplex/vote-too-far", Kind: mark.Reachable, Says: "a vote is of a view too far ahead to keep: the conformance suite"},
	markNoQuorum:              {Name: "simplex/no-quorum", Kind: mark.Sometimes, Says: "signers of an aggregate are no quorum"},
	markAgreedByChild:         {Name: "simplex/agreed-by-child", Kind: mark.Reachable, Says: "a child's header says what a quorum voted for: in no world of the lab"},
}
