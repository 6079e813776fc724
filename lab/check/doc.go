// Package check explores every state that a few replicas of a protocol can reach within bounds, with the
// machines that nodes run. It looks for broken invariants: I1 (certified blocks lie on one chain, with
// one result each), I2 (a member certifies what it executed), I8 (votes); and, if a machine of machine.v1 executes the blocks, I4 (all members come to
// one result of a block). It says nothing about progress.
//
// # States
//
// The network needs no state: a message that was sent may reach any member at any later time, or never.
// So a global state is the tuple of the honest members' local states, and a step changes one of them: a
// message reaches it, its time-out passes, or a block comes that it asked for. Executions and builds
// are answered at once. Doubled messages are among the steps: nothing remembers what was delivered but
// the machine itself.
//
// Local states are told apart by the machine's own canonical bytes (consensus.Inspected) and by what the
// member has sent, under SHA-256, and are few; what a step does is computed once for each, by playing
// the history of the state in a fresh machine. Global states are packed numbers, compared exactly:
// there is no hash whose collisions could hide any. The search is breadth first, so a counterexample is
// as short as one can be.
//
// # The faulty
//
// A faulty member has no state either: it can say at any time, to anybody, what its Adversary lists. The
// list depends on what has been sent only.
//
// # Machines
//
// With Options.Machine the transactions of blocks are executed by sandboxed code: on each member by
// another engine (compiled, interpreted, compiled by another host and new for each block), on a state of
// its own, after whatever that member has executed before. Codes, outputs, events, writes, fuel and the
// state's root go into the checkpoint that members vote for. The order of a member's executions is part of
// its state, so every order that an interleaving brings about is executed, once for each engine. Each
// result is compared with that of the first engine after the block's ancestors alone; the first
// that differs breaks I4.
//
// # Reductions
//
// Batch: a step after which a member has asked for nothing (no record, no execution, nothing new said,
// nothing certified) is taken as not having happened yet. This loses nothing: what was sent stays
// available, so a message that only adds up to something later can come just before it does. Votes that
// count together are tried in sets, one after the other, up to the first that makes a difference. A
// test compares what members can be seen to do with the reduction and without.
//
// Symmetry: honest members that lead no view are alike. Of the states that they make by changing
// places, the least stands for all. The image of a local state is computed by playing its history with
// the names changed, not assumed; a test counts that the states stand for exactly those of the full search.
//
// Signers: which quorum's signatures stand in an aggregate changes nothing for whoever gets it, so
// there is one aggregate of a content, signed by all, and blocks are told apart by Setting.Name, which
// leaves out whose votes stand in the header; no machine is told. An aggregate can be said as soon as its
// votes have been sent, whoever assembled it.
//
// # Counterexamples
//
// A counterexample is played again without any of this, in a plain run with the signatures of those
// who voted, and must break the same invariant there; else the check fails as a mistake of its own.
// Steps that are not needed are left out one by one.
//
// # Bounds
//
// Views up to Options.Leaders. What is said of later views reaches nobody, and no time-out passes in
// them. One block of each honest leader and view; Options.Blocks of each faulty leader on each parent.
// Options.Timeouts of all honest members together; those after which a member is as it was do not count.
// No crashes: simulations have them. Clocks stand still.
//
// # Limits, errors, concurrency
//
// Options out of bounds are refused with ErrOptions, spaces that are larger than StatesMax, or have more
// local states than fit (2^21 of each of three members), with ErrBounds. A state takes 12 bytes and 8 to 16
// in the index, twice that while one of them grows. A check is for one goroutine.
package check
