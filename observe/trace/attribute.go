package trace

import "quoin.dev/quoin/observe/otlp"

// Names of spans.
const (
	spanTransaction = "transaction" // root: from its admission to the durable block, by the node that admitted it
	spanPool        = "pool"        // until the block that holds it was proposed
	spanBlock       = "block"       // on every node: from the proposal's arrival to the durable block
	spanExecute     = "execute"
	spanCall        = "call"    // of a guest
	spanQuorum      = "quorum"  // from the executed block to a quorum of its votes
	spanCertify     = "certify" // from there to the certificate
	spanSync        = "sync"    // from there to the disk
	spanRelease     = "release" // root: from the proposal to its end, or to where it serves for good
	spanStage       = "stage"   // of a release
	spanFetch       = "fetch"   // of a release's file, from the proposal to where it is here
	spanCompile     = "compile"
)

// Names of span events.
const (
	eventVote     = "vote"     // a validator's vote for the block was heard
	eventFinalize = "finalize" // a validator's cosignature of the block was heard
)

// Attributes.
const (
	keyService  otlp.Key = "service.name"        // of the resource
	keyInstance otlp.Key = "service.instance.id" // of the resource: the node
	Origin      otlp.Key = "quoin.origin"        // of the resource: the chain

	keyTransaction  otlp.Key = "quoin.transaction.id"
	keyNamespace    otlp.Key = "quoin.namespace"
	keyIndex        otlp.Key = "quoin.transaction.index" // in its block
	keyCode         otlp.Key = "quoin.result.code"
	keyFuel         otlp.Key = "quoin.fuel"
	keyWaited       otlp.Key = "quoin.pool.waited_ms" // in this node's pool, until the block was certified
	keyBlock        otlp.Key = "quoin.block.id"
	keyHeight       otlp.Key = "quoin.block.height"
	keyView         otlp.Key = "quoin.block.view"
	keyEpoch        otlp.Key = "quoin.block.epoch"
	keyProposer     otlp.Key = "quoin.block.proposer" // index in the epoch's validator set
	keyTransactions otlp.Key = "quoin.block.transactions"
	keyValidator    otlp.Key = "quoin.validator" // index in the epoch's validator set
	keyCalls        otlp.Key = "quoin.calls"     // of guests that the node noted, shown or not
	keySlot         otlp.Key = "quoin.slot"
	keyOperation    otlp.Key = "quoin.operation"
	keyRequests     otlp.Key = "quoin.requests" // that one call answered
	keyFault        otlp.Key = "quoin.fault"
	keyMemory       otlp.Key = "quoin.memory_bytes" // of the guest, after the call
	keyRelease      otlp.Key = "quoin.release"      // its digest
	keyGood         otlp.Key = "quoin.compiled"     // whether it compiled
	keyProposal     otlp.Key = "quoin.proposal"
	keySubject      otlp.Key = "quoin.proposal.subject"
	keyRound        otlp.Key = "quoin.proposal.round"
	keyStage        otlp.Key = "quoin.stage"
	keyNext         otlp.Key = "quoin.stage.next"    // the stage after it
	keyPartial      otlp.Key = "quoin.stage.partial" // its beginning was not seen by this node: the span begins where it began to look
)
