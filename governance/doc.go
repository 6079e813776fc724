// Package governance is the life of a release, and of every other change of a chain's
// configuration, as one total, pure function over the kernel's state: who proposed, approved,
// scheduled, vetoed, attested; what serves which slot from which height; and how the way back goes.
//
// # The road
//
// A proposer proposes that a release or a built-in serves a slot (a hook, or a hook and a
// namespace), with parameters and a limit of fuel, or that another validator set takes over.
// Approvers other than the proposer and the release's author approve; validators attest that they
// are ready; a proposer schedules an activation height H, at least the chain's notice ahead. H is
// the last block of its epoch: executing it writes the configuration of the next, which serves from
// H+1. Parameters travel the same road as code. What serves returns, one block after it is asked,
// to what served before, at the word of an approver, of validators that weigh more than f, or of
// FaultsMax faults in an epoch that no client's input caused: bringing back what a quorum ran
// before can only reduce risk, while new code has no short road.
//
//	proposed → approved → scheduled → active → retired, or by a return rolled-back or quarantined
//	until active: vetoed, cancelled, rejected
//
// The proposal's signature is that of the transaction that carries it. It covers the chain's origin
// (network, chain, genesis) and the payload with name, version, sequence and digest.
//
// # Executing a block
//
// For the block at height h, on the state after h-1, in this order:
//
//	d := Decide(state, h)        // before voting: is h the last height of its epoch?
//	Enact(state, d)
//	RecordFault(...)             // of the block's own calls, for example its leader's
//	Apply(...), Apply(...), ...  // the kernel transactions of the block, in its order
//
// A command in H therefore comes too late to change what H is.
//
// # Invariants
//
//   - epoch/<e> is written once: by Init for e = 1, otherwise by Enact of the last height of e-1.
//   - No proposal takes effect without approvals by as many approvers as required (at least one),
//     none of them its proposer or author; nor less than the notice after it was scheduled; nor
//     without a quorum of readiness in the next validator set as of the state after H-1; nor
//     against vetoes of more than f of the present set.
//   - What is short of readiness moves by the activation delay, at most as often as the
//     configuration says, and is then rejected. H is an ordinary block if nothing is left.
//   - Readiness for a validator set counts only in the epoch in which it was attested.
//   - Several changes at one H apply in ledger order of their schedules.
//   - A return brings back what served before the binding that it names, and is void if that does
//     not serve any more. A return after a return goes further back, never to and fro.
//   - A name belongs to its first author for ever; sequences grow, by at most SequenceIncreaseMax.
//   - Bindings are a function of the ledger: Fold recomputes them.
//   - Any code but OK leaves the state as it was.
//
// # Commands
//
// A command is the payload of a transaction in the kernel's namespace. One kind byte, then the
// fields in canonical bytes; integers have 8 bytes, strings their length in 1.
//
//	1 propose   subject (1): 1 release, 2 built-in, 3 validators
//	            1: binding, name, version, sequence, end of life, size, author key (32), author
//	             signature (64)
//	            2: binding
//	            3: validator set
//	2 approve   proposal, height (0, or schedule at this height as well)
//	3 schedule  proposal, height
//	4 ready     proposal
//	5 veto      proposal
//	6 rollback  slot, history number that must be serving
//	7 cancel    proposal
//	8 lift      namespace
//
// Kinds from 0x80 are other kernel transactions'. Results are the codes of Codes; their text never
// enters state.
//
// # State
//
// Keys are ASCII and relative to the kernel's namespace, numbers in them plain decimal, digests and
// keys lower-case hexadecimal. Nothing is ever found by scanning. Light clients ask for proofs of:
//
//	epoch                         newest epoch (8)
//	epoch/<e>                     configuration (quoin.Configuration)
//	slot/<slot>                   serving history number (8), open proposal (8), return: cause (1),
//	                              from (8), to (8), fallback (string), requested (8), at (8), order (8)
//	history/<slot>/<n>            epoch (8), first height (8), cause (1: 1 genesis, 2 proposal, 3
//	                              rollback, 4 quarantine), proposal (8), before (8), bound (1), then the
//	                              binding if bound is 1
//	release/<digest>              name, version, sequence (8), end of life (8), size (8), author (32),
//	                              signature (64), newest proposal (8)
//	name/<name>                   owner (32), newest sequence (8), newest digest (32), open proposal (8)
//	proposal/<n>                  status (1), proposer (32), heights of proposal, schedule and
//	                              activation (8 each), order (8), moves (8), height of the end (8), then
//	                              the command's fields
//	approval/<n>/<approver>       height (8)
//	ready/<n>/<validator>         height (8), of the newest attestation
//	veto/<n>/<validator>          height (8)
//	rollback/<slot>/<n>/<validator>  height (8)
//	lift/<namespace>/<height>/<approver>  height (8)
//	schedule/<height>             count (2), then order (8), proposal (8; 0 for a return), slot (string)
//	fault/<e>/<slot>              release (32), count (8), last code (4), last height (8)
//	suspended/<namespace>         height (8), reason (4), evidence digest (32)
//	open                          count (2), then the numbers of the open proposals (8 each)
//	counters                      newest proposal (8), newest order (8)
//
// # Limits, errors, concurrency
//
// OpenProposalsMax proposals may be open, one per slot and per plugin name, at most
// OpenPerProposerMax of one proposer; one that is not
// scheduled within OpenHeightsMax may be cancelled by any proposer. A command does work in
// proportion to the validators at most. Nothing returns an error; a panic means that the state was
// not written by this package or that Enact was called out of turn. Functions are synchronous and
// keep nothing between calls.
//
// Sources: the roles, sequences and expiry follow The Update Framework (TUF 1.0, sections 2 and 5);
// the rest is this project's.
package governance
