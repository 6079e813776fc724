package execution

import (
	"slices"

	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/mark"
)

// Marks returns the coverage marks of this package.
func Marks() []mark.Mark { return slices.Clone(marks[:]) }

const (
	markExpired = iota
	markTwicePending
	markTwiceCertified
	markParentMissing
	markOnUncertified
	markTail
	markDoubted
	markWindowMoves
	markSiblingsDropped
	markStateAgrees
	markKernelCommand
	markCommandRefused
	markNoMachine
	markSuspended
	markBatch
	markValidationRefuses
	markNoRoom
	markMachineRefuses
	markMachineFaults
	markBatchFallsBack
	markLeaderFallback
	markLeaderNotHere
	markFinalityDelays
	markFinalityFaults
	markAdopted
	markAccountRefused
	markEvidenceRefused
	markSuspends
	markDecisionActivates
	markDecisionMoves
	markDecisionRejects
	markDecisionVetoes
	markDecisionVoids
	markDecisionReverts
	markReturns
	markNotCompared
	markComparesAlike
	markComparisonDiffers
	markComparisonSkips
	markUndoFull
	markUndoConfirmed
	markUndoRestores
	markMigrates
	markMigrationFails
)

var marks = [...]mark.Mark{
	markExpired:           {Name: "execution/expired", Kind: mark.Reachable, Says: "a block holds a transaction that is expired, or may not be: in no world of the lab"},
	markTwicePending:      {Name: "execution/twice-pending", Kind: mark.Reachable, Says: "a block holds a transaction that it, or an uncertified block below, holds already: in no world of the lab"},
	markTwiceCertified:    {Name: "execution/twice-certified", Kind: mark.Reachable, Says: "a block holds a transaction that is certified: in no world of the lab"},
	markParentMissing:     {Name: "execution/parent-missing", Kind: mark.Reachable, Says: "the parent of a block was not executed here: in no world of the lab"},
	markOnUncertified:     {Name: "execution/on-uncertified", Kind: mark.Sometimes, Says: "a block is executed on an uncertified one"},
	markTail:              {Name: "execution/tail", Kind: mark.Reachable, Says: "a tail block takes the results of the last block: TestPlantWorlds/tails-as-last"},
	markDoubted:           {Name: "execution/doubted", Kind: mark.Reachable, Says: "a block is executed a second time: TestOneDivergingReplica"},
	markWindowMoves:       {Name: "execution/window-moves", Kind: mark.Sometimes, Says: "the record of a block's ids leaves the window"},
	markSiblingsDropped:   {Name: "execution/siblings-dropped", Kind: mark.Sometimes, Says: "outcomes that do not descend from the certified one are dropped"},
	markStateAgrees:       {Name: "execution/state-agrees", Kind: mark.Always, Says: "a certified block's height is the tip's and one"},
	markKernelCommand:     {Name: "execution/kernel-command", Kind: mark.Sometimes, Says: "a command of governance is executed"},
	markCommandRefused:    {Name: "execution/command-refused", Kind: mark.Reachable, Says: "a command of governance is refused: TestPlantWorlds/author-approves"},
	markNoMachine:         {Name: "execution/no-machine", Kind: mark.Reachable, Says: "no machine serves a transaction's namespace: in no world of the lab"},
	markSuspended:         {Name: "execution/suspended", Kind: mark.Reachable, Says: "a transaction's namespace is suspended: in no world of the lab"},
	markBatch:             {Name: "execution/batch", Kind: mark.Reachable, Says: "transactions are applied in a batch: in no world of the lab"},
	markValidationRefuses: {Name: "execution/validation-refuses", Kind: mark.Reachable, Says: "a validation refuses a transaction: TestMoodyValidation"},
	markNoRoom:            {Name: "execution/no-room", Kind: mark.Reachable, Says: "a namespace or a block has no more room: in no world of the lab"},
	markMachineRefuses:    {Name: "execution/machine-refuses", Kind: mark.Sometimes, Says: "a machine refuses a transaction"},
	markMachineFaults:     {Name: "execution/machine-faults", Kind: mark.Reachable, Says: "a machine faults: TestHostileMachines"},
	markBatchFallsBack:    {Name: "execution/batch-falls-back", Kind: mark.Reachable, Says: "a batch faults, and its transactions are taken one by one: in no world of the lab"},
	markLeaderFallback:    {Name: "execution/leader-fallback", Kind: mark.Sometimes, Says: "a leader faults, and the validators in turn serve for the call"},
	markLeaderNotHere:     {Name: "execution/leader-not-here", Kind: mark.Reachable, Says: "the leader's release is not here: in no world of the lab"},
	markFinalityDelays:    {Name: "execution/finality-delays", Kind: mark.Sometimes, Says: "finality asks for a delay"},
	markFinalityFaults:    {Name: "execution/finality-faults", Kind: mark.Sometimes, Says: "finality faults, and nothing is delayed"},
	markAdopted:           {Name: "execution/adopted", Kind: mark.Reachable, Says: "a quorum's result is adopted: TestOneDivergingReplica"},
	markAccountRefused:    {Name: "execution/account-refused", Kind: mark.Reachable, Says: "a peer's account gives another result than the agreed one: in no world of the lab"},
	markEvidenceRefused:   {Name: "execution/evidence-refused", Kind: mark.Sometimes, Says: "a block holds evidence that proves nothing"},
	markSuspends:          {Name: "execution/suspends", Kind: mark.Reachable, Says: "a block suspends a namespace: TestHiddenNonDeterminism"},
	markDecisionActivates: {Name: "execution/decision-activates", Kind: mark.Sometimes, Says: "what is due takes effect"},
	markDecisionMoves:     {Name: "execution/decision-moves", Kind: mark.Reachable, Says: "an activation is put off, because too few are ready: TestReadinessByDigestBeforeActivation"},
	markDecisionRejects:   {Name: "execution/decision-rejects", Kind: mark.Reachable, Says: "a proposal was put off too often: TestUnreadyNextSet"},
	markDecisionVetoes:    {Name: "execution/decision-vetoes", Kind: mark.Reachable, Says: "what is due is vetoed by the weights of the day: in no world of the lab"},
	markDecisionVoids:     {Name: "execution/decision-voids", Kind: mark.Reachable, Says: "a return comes too late to have an object: in no world of the lab"},
	markDecisionReverts:   {Name: "execution/decision-reverts", Kind: mark.Reachable, Says: "a trial that nobody confirmed ends: in no world of the lab"},
	markReturns:           {Name: "execution/returns", Kind: mark.Sometimes, Says: "a binding goes back to what was before it: by quarantine or rollback"},
	markNotCompared:       {Name: "execution/not-compared", Kind: mark.Reachable, Says: "what should run beside cannot run here: in no world of the lab"},
	markComparesAlike:     {Name: "execution/compares-alike", Kind: mark.Reachable, Says: "what runs beside gives the same results as what serves: in no world of the lab"},
	markComparisonDiffers: {Name: "execution/comparison-differs", Kind: mark.Reachable, Says: "what runs beside gives another result than what serves: in no world of the lab"},
	markComparisonSkips:   {Name: "execution/comparison-skips", Kind: mark.Reachable, Says: "a comparison would need more fuel than there is: in no world of the lab"},
	markUndoFull:          {Name: "execution/undo-full", Kind: mark.Reachable, Says: "a trial has changed more keys than are kept: in no world of the lab"},
	markUndoConfirmed:     {Name: "execution/undo-confirmed", Kind: mark.Reachable, Says: "a confirmed trial's namespace stays as it is: in no world of the lab"},
	markUndoRestores:      {Name: "execution/undo-restores", Kind: mark.Reachable, Says: "a trial's namespace is as it was before: in no world of the lab"},
	markMigrates:          {Name: "execution/migrates", Kind: mark.Reachable, Says: "a machine brings its namespace over: in no world of the lab"},
	markMigrationFails:    {Name: "execution/migration-fails", Kind: mark.Reachable, Says: "a machine does not bring its namespace over, and nothing of it stays: in no world of the lab"},
}

var fates = [...]*mark.Mark{
	governance.FateActivate: &marks[markDecisionActivates],
	governance.FateMove:     &marks[markDecisionMoves],
	governance.FateReject:   &marks[markDecisionRejects],
	governance.FateVeto:     &marks[markDecisionVetoes],
	governance.FateVoid:     &marks[markDecisionVoids],
	governance.FateRevert:   &marks[markDecisionReverts],
}

// markDecisions reports what became of what was due.
func (x *Executor) markDecisions(outcomes []governance.Outcome) {
	for _, o := range outcomes {
		x.c.Marks.Reach(fates[o.Fate])
		x.c.Marks.Sometimes(&marks[markReturns], o.Proposal == 0)
	}
}
