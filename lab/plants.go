package lab

import (
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/state"
)

// Those that the node's loop itself has: what it does, it does in the lab.
const (
	SkipWrite    Bug = "skip-write"
	EarlyReceipt Bug = "early-receipt"
)

// Plants returns the bugs that simulation finds, by the rules that they violate.
func Plants() []Plant {
	seeing, blind := append(protocolPlants(), chainPlants()...), blindPlants()
	for i := range seeing {
		seeing[i].Planted = "with the harness"
	}
	for i := range blind {
		blind[i].Planted = "blind"
	}
	plants := append(seeing, blind...)
	for i := range plants {
		plants[i].Harness = "lab sim"
	}
	return plants
}

func protocolPlants() []Plant {
	return []Plant{
		{Bug: "unbound-votes", Rule: "K1", Room: "consensus", Says: "votes are signed for a view of any chain and epoch",
			Finds: []string{"K1 signed"}, Seed: 1, Seeds: 3, rules: simplex.Rules{UnboundVotes: true}},
		{Bug: "vote-twice", Rule: "K2", Room: "consensus", Says: "Notarize is sent again for another block of the view",
			Finds: []string{"I8 votes"}, Seed: 1, Seeds: 5, behaviour: Equivocate, rules: simplex.Rules{VoteTwice: true}},
		{Bug: "finalize-after-nullify", Rule: "K2", Room: "consensus", Says: "Finalize and Nullify are sent in one view",
			Finds: []string{"I8 votes"}, Seed: 1, Seeds: 5, rules: simplex.Rules{FinalizeAfterNullify: true}},
		{Bug: "stale-parent", Rule: "K2", Room: "consensus", Says: "parents below the highest certificate, and views without nullification, are accepted",
			Finds: []string{"I8 votes", "I1 agreement", "I5 progress"}, Seed: 1, Seeds: 20, behaviour: Fork, rules: simplex.Rules{AcceptStaleParent: true}},
		{Bug: "small-quorum", Room: "consensus", Says: "a quorum lacks one validator's weight",
			Finds: []string{"I1 agreement", "I8 votes"}, Seed: 1, Seeds: 5, rules: simplex.Rules{QuorumTooSmall: true}},
		{Bug: "forget-votes", Rule: "K3", Room: "consensus", Says: "a restart does not read what the vote log says of own votes",
			Finds: []string{"K3 durable"}, Seed: 2, Seeds: 20, rules: simplex.Rules{ForgetVotesOnRecovery: true}},
		{Bug: SkipWrite, Rule: "K3", Room: "replica", Says: "votes are sent and not written",
			Finds: []string{"K3 durable", "I2 durable"}, Seed: 1, Seeds: 20},
		{Bug: "lost-bodies", Rule: "K3", Room: "consensus", Says: "the bodies of blocks that were voted for are not in the vote log",
			Finds: []string{"I2 durable"}, Seed: 1, Seeds: 5, rules: simplex.Rules{ForgetBodies: true}},
		{Bug: EarlyReceipt, Rule: "K3", Room: "replica", Says: "blocks are reported before the store is synced",
			Finds: []string{"I2 durable"}, Seed: 3, Seeds: 10},
		{Bug: "flat-timeouts", Rule: "K4", Room: "consensus", Says: "time-outs do not grow while nothing is certified",
			Finds: []string{"I5 progress"}, Seed: 1, Seeds: 5, world: shortTimeouts,
			config: func(c *simplex.Config) { c.Pacemaker = flat(c.Parameters.TimeoutBaseMS) }},
		{Bug: "no-repetition", Rule: "K4", Room: "consensus", Says: "a time-out repeats neither votes nor certificates",
			Finds: []string{"K4 timeouts"}, Seed: 1, Seeds: 3,
			machine: func(m consensus.Machine) consensus.Machine { return &unrepeating{Machine: m} }},
		{Bug: "any-time", Rule: "K4", Room: "consensus", Says: "voters accept blocks of the future",
			Finds: []string{"K4 headers"}, Seed: 1, Seeds: 3, behaviour: Haste,
			config: func(c *simplex.Config) { c.Parameters.DriftMS = 1 << 40 }},
		{Bug: "bound-rescue", Rule: "K5", Room: "consensus", Says: "rescue views follow the binding of the leader",
			Finds: []string{"K5 headers"}, Seed: 1, Seeds: 3, rules: simplex.Rules{NoRescue: true},
			config: func(c *simplex.Config) { c.Leaders = bound{c.Leaders} }},
		{Bug: "own-result", Rule: "K7", Room: "consensus", Says: "a replica with another result than the notarized one goes on voting for its own",
			Finds: []string{"I8 votes"}, Seed: 1, Seeds: 3, rules: simplex.Rules{FinalizeOwnResult: true}, world: oneDiffers, differing: true},
	}
}

func chainPlants() []Plant {
	ex := func(f execution.Flaws) replica.Flaws { return replica.Flaws{Execution: f} }
	govern := func(f governance.Flaws) replica.Flaws { return ex(execution.Flaws{Governance: f}) }
	return []Plant{
		{Bug: "stale-world", Rule: "K6", Room: "execution", Says: "plugins are told of the certified state, not of that after the parent",
			Finds: []string{"I4 alike"}, Seed: 1, Seeds: 5, flaws: ex(execution.Flaws{StaleWorld: true})},
		{Bug: "signed-ids", Rule: "K6", Room: "execution", Says: "a transaction's id covers its signature",
			Finds: []string{"I7 once", "I5 progress"}, Seed: 2, Seeds: 3, flaws: ex(execution.Flaws{SignedIDs: true})},
		{Bug: "short-memory", Rule: "K6", Room: "execution", Says: "ids leave the window before their transactions expire",
			Finds: []string{"I7 once"}, Seed: 1, Seeds: 5, flaws: ex(execution.Flaws{ShortMemory: true})},
		{Bug: "believed-accusers", Rule: "K7", Room: "execution", Says: "a namespace is suspended by votes that nobody signed",
			Finds: []string{"K7 alike"}, Seed: 1, Seeds: 3, behaviour: Accuse, flaws: ex(execution.Flaws{BelieveAccusers: true})},
		{Bug: "tails-as-last", Rule: "K8", Room: "execution", Says: "a tail block's checkpoint keeps the view and the id of the last block",
			Finds: []string{"panic replica"}, Seed: 2, Seeds: 3, flaws: ex(execution.Flaws{TailsAsLast: true}), world: lateEnd},
		{Bug: "ready-in-old-set", Rule: "K8", Room: "governance", Says: "readiness for a validator set is counted in the set before it",
			Finds: []string{"K8 governed"}, Seed: 1, Seeds: 3, flaws: govern(governance.Flaws{ReadyInOldSet: true}), world: absentSet},
		{Bug: "early-epoch", Rule: "K8", Room: "governance", Says: "the next epoch's configuration is written when it is scheduled",
			Finds: []string{"K8 governed"}, Seed: 1, Seeds: 3, flaws: govern(governance.Flaws{EarlyEpoch: true})},
		{Bug: "late-activation", Rule: "K8", Room: "governance", Says: "what is scheduled for a height takes effect one height late",
			Finds: []string{"K8 governed"}, Seed: 1, Seeds: 3, flaws: govern(governance.Flaws{LateActivation: true})},
		{Bug: "author-approves", Room: "governance", Says: "whoever proposes may approve it",
			Finds: []string{"I6 governed"}, Seed: 1, Seeds: 3, flaws: govern(governance.Flaws{AuthorApproves: true}), world: schemes},
		{Bug: "old-approvals", Room: "governance", Says: "approvals of the proposal before count for the next",
			Finds: []string{"I6 governed"}, Seed: 1, Seeds: 10, flaws: govern(governance.Flaws{OldApprovals: true}), world: schemes},
		{Bug: "veto-by-f", Room: "governance", Says: "validators of weight f veto",
			Finds: []string{"I6 governed"}, Seed: 1, Seeds: 3, flaws: govern(governance.Flaws{VetoByF: true}), world: schemes},
		{Bug: "keep-votes", Room: "governance", Says: "what was said of a proposal counts on when what it was judged against has changed",
			Finds: []string{"I6 governed"}, Seed: 1, Seeds: 3, flaws: govern(governance.Flaws{KeepVotes: true}),
			world: governs(change{from: otherPolicies, beside: besidePolicies})},
		{Bug: "stale-voices", Room: "governance", Says: "what is said of a proposal counts in whatever round it arrives",
			Finds: []string{"I6 governed"}, Seed: 1, Seeds: 3, flaws: govern(governance.Flaws{StaleVoices: true}), world: heldBack},
		{Bug: "activate-unready", Rule: "K8", Room: "governance", Says: "nobody need be ready for what takes effect",
			Finds: []string{"K8 governed"}, Seed: 1, Seeds: 3, flaws: govern(governance.Flaws{ActivateUnready: true}), world: absentSet},
		{Bug: "activate-unjudged", Room: "governance", Says: "the policy of the step activate is not asked",
			Finds: []string{"K8 governed"}, Seed: 1, Seeds: 3, flaws: govern(governance.Flaws{ActivateUnjudged: true}), world: lateAssessment},
		{Bug: "confirm-unjudged", Rule: "K8", Room: "governance", Says: "the policy of the step confirm is not asked",
			Finds: []string{"K8 governed"}, Seed: 1, Seeds: 3, flaws: govern(governance.Flaws{ConfirmUnjudged: true}),
			world: governs(machineChange(governance.Plan{Trial: 60}, ThenConfirm))},
		{Bug: "endless-trial", Rule: "K8", Room: "governance", Says: "a trial that nobody confirms goes on",
			Finds: []string{"K8 governed"}, Seed: 1, Seeds: 3, flaws: govern(governance.Flaws{EndlessTrial: true}),
			world: governs(machineChange(governance.Plan{Trial: 6}, ""))},
		{Bug: "emergency-activates", Rule: "K8", Room: "governance", Says: "a return brings in what is proposed for its slot",
			Finds: []string{"K8 governed"}, Seed: 1, Seeds: 3, flaws: govern(governance.Flaws{EmergencyActivates: true}), world: emergencies},
		{Bug: "return-to-and-fro", Rule: "K8", Room: "governance", Says: "a return is followed by one to what it took away",
			Finds: []string{"K8 governed", "panic replica"}, Seed: 1, Seeds: 3, flaws: govern(governance.Flaws{ReturnToAndFro: true}), world: emergencies},
		{Bug: "comparison-leaks", Room: "execution", Says: "what is written beside a machine is written for good",
			Finds: []string{"I4 model"}, Seed: 1, Seeds: 3, flaws: ex(execution.Flaws{ComparisonLeaks: true}), world: chattyShadow},
		{Bug: "undo-forgets-deletes", Room: "execution", Says: "keys that a trial deletes stay deleted when it is undone",
			Finds: []string{"I4 model"}, Seed: 1, Seeds: 3, flaws: ex(execution.Flaws{UndoForgetsDeletes: true}),
			world: governs(machineChange(governance.Plan{Trial: 40, State: governance.StateRestore}, ""))},
		{Bug: "bare-leaves", Room: "ledger", Says: "a leaf's hash lacks the byte that tells it from a node",
			Finds: []string{"I1 agreement"}, Seed: 1, Seeds: 3, flaws: ex(execution.Flaws{Ledger: ledger.Flaws{BareLeaves: true}})},
		{Bug: "reversed-entries", Room: "ledger", Says: "a block's entries stand in the ledger from its last to its first",
			Finds: []string{"I1 agreement"}, Seed: 1, Seeds: 3, flaws: ex(execution.Flaws{ReversedEntries: true})},
		{Bug: "lost-deletes", Room: "state", Says: "a deleted key stays, in reads and under the root",
			Finds: []string{"I4 model"}, Seed: 1, Seeds: 3, flaws: replica.Flaws{State: state.Flaws{LostDeletes: true}}},
		{Bug: "sibling-writes", Room: "state", Says: "what a block that was given up wrote is in the state of the one in its place",
			Finds: []string{"I4 alike", "I4 model"}, Seed: 1, Seeds: 5, behaviour: Equivocate, flaws: ex(execution.Flaws{SiblingWrites: true})},
		{Bug: "warm-fuel", Room: "host", Says: "a call costs less fuel where its keys were read before",
			Finds: []string{"I4 alike", "I4 cold"}, Seed: 1, Seeds: 3, world: bindWarm},
		{Bug: "namespace-leak", Room: "host", Says: "all machines of a block work in the namespace of the first",
			Finds: []string{"I4 model"}, Seed: 1, Seeds: 3, flaws: ex(execution.Flaws{NamespaceLeak: true}), world: twoNamespaces},
		{Bug: "refused-writes", Room: "host", Says: "the writes of a transaction that is refused stay",
			Finds: []string{"I4 model"}, Seed: 1, Seeds: 3, flaws: ex(execution.Flaws{RefusedWrites: true}), world: halfRefused},
	}
}
