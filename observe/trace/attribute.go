package trace

import "go.opentelemetry.io/otel/attribute"

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
	Origin attribute.Key = "quoin.origin" // of the resource: the chain

	keyTransaction  attribute.Key = "quoin.transaction.id"
	keyNamespace    attribute.Key = "quoin.namespace"
	keyIndex        attribute.Key = "quoin.transaction.index" // in its block
	keyCode         attribute.Key = "quoin.result.code"
	keyFuel         attribute.Key = "quoin.fuel"
	keyWaited       attribute.Key = "quoin.pool.waited_ms" // in this node's pool, until the block was certified
	keyBlock        attribute.Key = "quoin.block.id"
	keyHeight       attribute.Key = "quoin.block.height"
	keyView         attribute.Key = "quoin.block.view"
	keyEpoch        attribute.Key = "quoin.block.epoch"
	keyProposer     attribute.Key = "quoin.block.proposer" // index in the epoch's validator set
	keyTransactions attribute.Key = "quoin.block.transactions"
	keyValidator    attribute.Key = "quoin.validator" // index in the epoch's validator set
	keyCalls        attribute.Key = "quoin.calls"     // of guests that the node noted, shown or not
	keySlot         attribute.Key = "quoin.slot"
	keyOperation    attribute.Key = "quoin.operation"
	keyRequests     attribute.Key = "quoin.requests" // that one call answered
	keyFault        attribute.Key = "quoin.fault"
	keyMemory       attribute.Key = "quoin.memory_bytes" // of the guest, after the call
	keyRelease      attribute.Key = "quoin.release"      // its digest
	keyGood         attribute.Key = "quoin.compiled"     // whether it compiled
	keyProposal     attribute.Key = "quoin.proposal"
	keySubject      attribute.Key = "quoin.proposal.subject"
	keyRound        attribute.Key = "quoin.proposal.round"
	keyStage        attribute.Key = "quoin.stage"
	keyNext         attribute.Key = "quoin.stage.next"    // the stage after it
	keyPartial      attribute.Key = "quoin.stage.partial" // its beginning was not seen by this node: the span begins where it began to look
)
