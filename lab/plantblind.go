package lab

import (
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
)

// blindPlants were chosen from the kernel's code alone, before the observers were read.
func blindPlants() []Plant {
	return []Plant{
		{Bug: "left-views", Rule: "K3", Room: "consensus", Says: "a snapshot for the vote log lacks own votes of views that were left",
			Finds: []string{"K3 durable"}, Seed: 3, Seeds: 3, rules: simplex.Rules{ForgetLeftViews: true}},
		{Bug: "tip-apart", Rule: "K3", Room: "replica", Says: "a block's tip goes to the store in a batch of its own",
			Finds: []string{"I2 "}, Seed: 10, Seeds: 10, flaws: replica.Flaws{TipApart: true}},
		{Bug: "epoch-ids", Rule: "K6", Room: "replica", Says: "a restart reads the ids of the present epoch's transactions alone",
			Finds: []string{"I7 once"}, Seed: 1, Seeds: 5, flaws: replica.Flaws{EpochIDs: true}},
		{Bug: "old-window", Rule: "K5", Room: "execution", Says: "the leader's window keeps the blocks of the epoch before, until a restart",
			Finds: []string{"I4 alike"}, Seed: 1, Seeds: 5, flaws: replica.Flaws{Execution: execution.Flaws{OldWindow: true}}},
		{Bug: "kept-globals", Room: "host", Says: "a call finds a guest's globals as the call before left them",
			Finds: []string{"I4 alike", "I5 progress"}, Seed: 2, Seeds: 3, host: plugin.Flaws{KeptGlobals: true}, world: countedCalls},
	}
}
