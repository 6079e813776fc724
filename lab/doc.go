// Package lab plays whole networks in one deterministic world, and looks for broken invariants.
//
// Run plays the world of a scenario and a seed: some validators, each a whole replica.Replica with a disk, a
// store, a clock and a loop of its own; a network; clients; people who govern; and adversity. What is planned is
// a Scenario, read from a file (Parse) or drawn from the seed (Draw); everything else that is random comes from
// the seed, in a stream for each concern. Everything that happens is an event at a time in microseconds, events
// of one time in the order in which they were planned. So the same options give the same world to the last
// byte, which the report's digest shows: it covers all that replicas take in, ask for, write and report.
//
// # The driver
//
// A node drives its replica as package node does: inputs that wait together share one sync of the
// vote log; demands are met in the order in which replica.Output lists them; the store is synced
// beside the loop. The vote log is a disk.Log on disk.Memory, the store a store.Memory, syncs
// take simulated time, and a crash may come between any two demands, or in the middle of an operation
// of the disk: then what was not synced is lost, or half of it, as the seed decides. A process may also
// be killed with its disk intact. Caches of the state have another size on every node.
//
// # A world
//
// First comes adversity: messages are lost, doubled, delayed and reordered, links are narrow, or cut in both
// directions, in one, or on and off, processors and disks are slow, clocks jump, nodes crash and come back, all
// of them at once too, disks rot. Every drawn world sees at least one of each kind (Faults counts them). In some
// a validator is faulty (see Behaviour), in some governance brings in a hostile plugin (see Corpus). Meanwhile
// clients submit signed and unsigned transactions, again and again and to several nodes, and people change
// algorithms, parameters, policies and themselves on the ledger, with shadows and trials, and take some of it
// back. When nine tenths of what the
// scenario asks for are certified the network becomes a good one, all nodes come back, the rest is certified,
// and all come to rest.
//
// # Observers
//
// Observers read what honest replicas send and report, and never steer. In the numbers of the
// project's invariants:
//
//   - I1 (agreement): certificates are of quorums, one height has one result, entries give the ledger
//     root, and each ledger is the one before with the block's entries.
//   - I2 (durable): what a replica reported is there after every crash, and so are the bodies of the
//     blocks that it voted for.
//   - I4 (cold): a replica that was never part of the world executes the certified chain to the same
//     bytes, codes, fuel, window of transactions and configuration.
//   - I4 (alike): honest replicas vote for one result of one block, as long as the world's machines are
//     deterministic; and nothing is suspended where they do (K7).
//   - I4 (model): the certified state holds what the certified transactions make of plain maps.
//   - I5 (progress): in the good network, what all know is certified within 4(n + 1) views, and all come
//     to rest with the same chain.
//   - I6 (bindings): the configurations that served are the fold of the ledger.
//   - I6, K8 (governed): nothing stands where it stands on its road, comes into force or leaves without those
//     whose word the ledger must have for it, since what it is judged against changed; what comes back
//     served before; every command is in the audit chain, which is the same everywhere.
//   - I7 (once): no transaction is certified twice.
//   - I8 (votes): no honest replica makes two claims that exclude each other, across restarts; no view has two
//     notarized results, or a Nullification and a Certificate.
//
// Some rules of the kernel are in no invariant, and have observers of their own: what is signed (K1,
// signed), that a replica that comes back knows its own votes (K3, durable), that time-outs say what they say
// again (K4, timeouts), and the times and rescue leaders of certified blocks (K4 and K5, headers). Places in
// the code that must hold say so themselves (see Marks).
//
// I3 is I1, I2, I4, I7 and I8 in worlds with hostile plugins. The world ends at the first broken
// invariant, and the report holds the events before it. A panic of the code under test is one too.
//
// That the observers see what they are for is shown by planting bugs (see Plants), one at a time. An
// observer does not use the code that it watches, where that could be wrong in the same way.
//
// # Every crash
//
// Seeds sample crashes. Around an activation, a rollback, a trial's end and a migration they are enumerated:
// TestCrashAtEverySubStep numbers everything that a node does there which lasts or which others see, and every
// operation of its disk, and plays a world for each, in which the node loses power at that very place, with what
// was not synced and without. All must end alike, with what was proposed or with what was before.
//
// # Scenarios
//
// Every row of the kernel's list of scenarios is a test of its name, and so is every row of the list
// of what has gone wrong elsewhere, as far as it concerns a deterministic world:
//
//	body withheld, then both holders killed            TestBodyWithheldAndBothHoldersKilled
//	all killed after a relayed nullification           TestAllKilledAfterRelayedNullification
//	four validators, rescue with a fixed dead leader   TestRescueWithAFixedDeadLeader
//	near-miss time-outs, pipeline deep, then healing   TestNearMissTimeouts
//	two of three honest pools, on an idle chain        TestTwoOfThreePoolsOnAnIdleChain
//	votes of a canary chain replayed on main           TestVotesOfACanaryChainReplayedOnMain
//	one diverging replica of four                      TestOneDivergingReplica
//	non-determinism only in bytes, code or fuel        TestHiddenNonDeterminism, TestTwoNonDeterministicMachines
//	forged split against a slow replica                TestForgedSplitAgainstASlowReplica
//	pending, then vetoed, configuration                TestPendingThenVetoedConfiguration (and package client)
//	the leader's clock in the year 2100                TestLeadersClockInTheYear2100
//	one body signed twice by its sender                TestOneBodySignedTwice
//	departing validator alone with H's certificate     TestDepartingValidatorHoldsTheCertificate
//	an unready next set                                TestUnreadyNextSet
//
//	Juno 2022: node-local data                         TestEveryHostFunctionAnswersAlike
//	CWA-2025-003: flags that must not matter           TestLocalDifferencesDoNotMatter
//	CWA-2021-003: codes only                           TestHostileMachines
//	CWA-2024-004: warm and cold agree                  the cold replica of every world
//	CWA-2023-002: recursion                            TestHostileMachines, TestHostileLeaders
//	Persistence 2022: vote guard survives reset        every world's crashes; TestPlantedBugs/forget-votes, TestForgottenVotesContradictOthers
//	Aptos 2023: parallel execution                     there is none yet; TestPlantedBugs/sibling-writes plays blocks that compete
//	Gaia v17.1: membership churn at activations        TestMembershipChurnAroundActivations
//	Robonomics 2025: crash within an activation        TestCrashAtEverySubStep, TestCrashAtEverySubStepOfAnActivation
//	Polkadot 2024: activation at every offset          TestActivationAtEveryOffset
//	Solana 2022: failed transaction twice              TestFailedTransactionIsNotProcessedTwice
//	Solana 2024: endless recompilation                 node.TestRefusedReleaseIsCompiledOnce, node.TestRetriesBackOff
//	Solana, Avalanche 2024: overload                   TestTenTimesOverload, transport.TestConsensusPassesSaturatedBulk
//	Sui 2024: a panic that a transaction reaches       plugin.TestHostPanic
//	Ethereum May 2023: stale messages                  TestStaleMessageFlood
//	CometBFT 2024/25: malformed messages               TestMalformedMessages
//	CometBFT: malicious snapshot                       there are none: blocks are fetched and executed, TestMalformedMessages
//	CrowdStrike 2024, Cloudflare 2025: parameters      governance.TestScenarios: they are releases, and pass the same road
//	Knight 2012: readiness by digest                   TestReadinessByDigestBeforeActivation
//	Beanstalk 2022: emergency roads                    governance.TestScenarios
//	NATS 2.12: power cuts and bit flips                TestPowerCutAndBitFlips, and the bit rot of drawn worlds
//	Tendermint: truncated log                          disk.TestLogTruncatedAtEveryByte, and every world's torn writes
//	relab/hotstuff: positive controls                  TestPlantedBugs
//	stalled and hasty pacemakers                       TestEveryNodeAnotherHostilePacemaker
//	starved by priority                                TestLowPriorityIsNotStarved
//
// # Limits, concurrency
//
// A world is for one goroutine; worlds share nothing but a Corpus, which any number may use at once.
// It ends after twenty simulated minutes at the latest. The regions' round trips are rounded to medians of
// the kind published by cloudping.co for AWS; nothing depends on their exact values.
package lab
