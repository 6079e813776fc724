// Package governance is the life of a release, and of every other change of a chain's
// configuration, as one total, pure function over the kernel's state: who proposed, prechecked,
// approved, scheduled, vetoed, attested and confirmed; what serves which slot from which height; and
// how the way back goes. docs/lifecycle.md tells it to people.
//
// # The road
//
// A proposer proposes that a release or a built-in serves a slot (a hook, or a hook and a namespace
// or label), that nothing does, or that validators, parameters, members or policies become others.
// Validators say whether they could run it; what a quorum can, approvers judge, and assessors attest
// what they found. It may run in the shadow of what serves. A proposer schedules its height H, at
// least the chain's notice ahead; validators say that they are ready. H is the last block of its
// epoch: executing it writes the configuration of the next, which serves from H+1. On trial it goes
// back by itself unless it is confirmed.
//
// When a step may be taken is said by the configuration's policies (package policy), judged over
// what the ledger knows. What no policy lowers is in docs/lifecycle.md.
//
// What serves returns, one block after it is asked, to what served before: at the word of a
// responder, of validators that weigh more than f, of their bad health reports, or of FaultsMax faults
// in an epoch that no client's input caused. Bringing back what a quorum ran before can only reduce
// risk, while new code has no short road.
//
// The proposal's signature is that of the transaction that carries it. It covers the chain's origin
// (network, chain, genesis) and the payload with name, version, sequence and digest.
//
// # The road, step by step
//
//	proposed
//		veto: stays, vetoed
//		cancel: cancelled
//		precheck: stays, prechecked, rejected
//		attest: stays
//		its grounds have changed: stays
//	prechecked
//		approve: stays, approved
//		veto: stays, vetoed
//		cancel: cancelled
//		precheck: stays
//		reject: stays, rejected
//		attest: stays
//		its grounds have changed: proposed
//	approved
//		approve: stays
//		schedule: scheduled
//		veto: stays, vetoed
//		cancel: cancelled
//		precheck: stays
//		reject: stays, rejected
//		attest: stays
//		shadow: shadow
//		pause: paused
//		its grounds have changed: proposed
//	shadow
//		approve: stays
//		schedule: scheduled
//		veto: stays, vetoed
//		cancel: cancelled
//		reject: stays, rejected
//		attest: stays
//		report: stays, rejected
//		pause: paused
//		its grounds have changed: proposed
//	scheduled
//		ready: stays
//		veto: stays, vetoed
//		cancel: cancelled
//		attest: stays
//		report: stays, rejected
//		pause: paused
//		its height has come: stays, trial, active, rejected, vetoed
//		its grounds have changed: proposed
//	trial
//		rollback: stays
//		attest: stays
//		health: stays
//		confirm: active
//		pause: stays
//		its trial ends unconfirmed: rolled-back
//		what was asked to go goes: paused, rolled-back, quarantined
//	active
//		rollback: stays
//		health: stays
//		pause: stays
//		deprecate: deprecated
//		what was asked to go goes: paused, rolled-back, quarantined
//		a later proposal takes its place: superseded
//	deprecated
//		rollback: stays
//		health: stays
//		pause: stays
//		deprecate: stays
//		what was asked to go goes: paused, rolled-back, quarantined
//		a later proposal takes its place: superseded
//	retired
//	rejected
//	vetoed
//	rolled-back
//		retire: retired
//	quarantined
//		retire: retired
//	cancelled
//	paused
//		cancel: cancelled
//		resume: proposed
//		retire: retired
//	superseded
//		deprecate: stays
//		retire: retired
//		what came after it goes: active, deprecated
//
// # Executing a block
//
// For the block at height h, on the state after h-1, in this order:
//
//	d := Decide(env, state, h)        // before voting: is h the last height of its epoch?
//	Enact(state, d)
//	RecordFault(...)                  // of the block's own calls, for example its leader's
//	Apply(...), Apply(...), ...       // the kernel transactions of the block, in its order
//	RecordFault(...)                  // defects of what is OnTrial
//
// A command in H therefore comes too late to change what H is.
//
// # Invariants
//
//   - epoch/<e> is written once: by Init for e = 1, otherwise by Enact of the last height of e-1.
//   - A status changes only through become, along the table above.
//   - No status without its evidence, in the proposal's present round and by the grounds (basis) that it
//     was given for: prechecked by a quorum; approved with an approval by neither proposer nor author
//     and the policy; in effect with that still standing, the notice, the policy of activate, readiness of
//     a quorum of the next validator set as of the state after H-1, and vetoes of no more than f.
//   - What is judged against policies, a sandbox or a serving line that changes at the same height does not
//     take effect: it begins another round.
//   - A voice counts in the round for which it was given, however late it arrives; see StaleVoice. Those that
//     only reduce risk count in any.
//   - What is short of readiness or policy moves by the activation delay, at most as often as the
//     configuration says, and is then rejected. H is an ordinary block if nothing is left.
//   - Several changes at one H apply in ledger order of their schedules, after the validators, then the
//     policies and parameters, on which the others rest.
//   - A return brings back what served before the line that it names, and is void if that does not
//     serve any more or has no room. A return after a return goes further back, never to and fro.
//     What is replaced at the height at which it had to go has gone all the same.
//   - Voices of members are kept under the root of their keys, those of validators under their keys.
//   - A name belongs to its first author for ever; sequences grow, by at most SequenceIncreaseMax. What a
//     proposal says of a release is known of it once a quorum has prechecked it.
//   - Configurations are a function of the ledger: Fold recomputes them. The whole state is one of the
//     audit's events.
//   - Any code but OK leaves the state as it was.
//
// # Commands
//
// A command is the payload of a transaction in the kernel's namespace. One kind byte, then the
// fields of its type in canonical bytes; integers have 8 bytes, codes 4, strings and notes their length
// in 1. A proposal begins with its subject (1), then
//
//	1 release    binding, name, version, sequence, end of life, size, author key (32), author signature (64)
//	2 built-in   binding
//	3 validators validator set
//	4 parameters parameters
//	5 members    members
//	6 policies   policies
//	7 unbinding  slot
//
// then its plan: shadow, trial, diverges (1), state (1), end of the envelope; and a note. Kinds from
// KindReserved are other kernel transactions'. Results are the codes of Codes; their text never enters
// state.
//
// # State
//
// Keys are ASCII and relative to the kernel's namespace, numbers in them plain decimal, digests and
// keys lower-case hexadecimal; <root> is the first of a member's keys. Nothing is ever found by
// scanning. Light clients ask for proofs of:
//
//	epoch                         newest epoch (8)
//	epoch/<e>                     configuration (quoin.Configuration)
//	slot/<slot>                   serving history number (8), open proposal (8), return: cause (1),
//	                              from (8), to (8), fallback (string), requested (8), at (8), order (8)
//	history/<slot>/<n>            epoch (8), first height (8), cause (1: 1 genesis, 2 proposal, 3 rollback,
//	                              4 quarantine, 5 pause, 6 unconfirmed), proposal (8), before (8), bound (1),
//	                              then the binding if bound is 1, or for the slot parameters these
//	release/<digest>              name, version, sequence (8), end of life (8), size (8), author (32),
//	                              signature (64), newest proposal (8), height at which it was retired (8)
//	name/<name>                   owner (32), newest sequence (8), newest digest (32), open proposal (8)
//	looks/<skeleton>              the name that looks so
//	proposal/<n>                  status (1), class (1), proposer (32), its name, height (8), round (8),
//	                              basis (32), first height of the shadow (8), what was agreed on of it
//	                              (through and heights, 8 each, comparison), heights of the schedule,
//	                              of activation and of what is due (8 each), order (8), moves (8), heights of
//	                              closing and end of use (8 each), ending: why (1), code (4), height (8),
//	                              note; then the command's fields
//	precheck/<n>/<round>/<validator>        code (4), height (8)
//	review/<n>/<round>/<root>               approves (1), height (8), note
//	evidence/<kind>/<n>/<round>/<root>      result (1), digest (32), height (8), until (8), note
//	report/<n>/<round>/<through>/<heights>  count (2), then validator (32) and comparison
//	ready/<n>/<round>/<validator>           height (8), of the newest attestation
//	veto/<n>/<round>/<validator>            height (8)
//	health/<n>/<round>/<validator>          through (8), reason (4), digest (32), of the newest report
//	rollback/<slot>/<n>/<validator>         height (8)
//	revocation/<root>/<root>                height (8): of whom, by whom
//	revoked/<key>, disabled/<root>          height (8): rotated away, revoked
//	rotated/<key>                           root (32)
//	lift/<namespace>/<height>/<root>        height (8)
//	schedule/<height>             count (2), then order (8), proposal (8; 0 for a return), slot (string)
//	fault/<e>/<slot>              release (32), count (8), last code (4), last height (8)
//	suspended/<namespace>         height (8), reason (4), evidence digest (32)
//	open                          count (2), then the numbers of the open proposals (8 each)
//	counters                      newest proposal (8), newest order (8)
//	audit                         events so far (8), head (32); see Audit
//	audit/<e>                     the same when the epoch began
//	event/<n>                     kind (1), height (8), body
//
// A comparison has compared, diverged, faults, skipped and first (8 each), and a digest (32).
//
// # Limits, errors, concurrency
//
// OpenProposalsMax proposals may be open, one per slot and per plugin name, at most
// OpenPerProposerMax of one proposer; one that is not
// scheduled within OpenHeightsMax may be cancelled by any proposer. A command does work in
// proportion to validators, members and open proposals at most. Nothing returns an error; a panic
// means that the state was not written by this package or that Enact was called out of turn. Functions
// are synchronous and keep nothing between calls but what a Judge has compiled: an Environment is for
// one goroutine.
//
// Sources: the roles, sequences and expiry follow The Update Framework (TUF 1.0, sections 2 and 5), the
// likeness of names the skeletons of UTS 39; the rest is this project's.
package governance
