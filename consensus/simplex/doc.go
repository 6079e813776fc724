// Package simplex is the kernel's own protocol: Simplex consensus (Benjamin Chan and Rafael Pass,
// TCC 2023, ePrint 2023/463), voting on results, as a consensus.Machine. Three message delays to
// finality, a new block every two, at most f = ⌊(W−1)/3⌋ of the weight W faulty, a network that may
// lose, delay, double and reorder anything before it settles.
//
// The rules are numbered K1 to K8 and the invariants I1 to I8 as in the project's KERNEL page. The
// paper's iteration is a view here, its dummy block a nullification.
//
// # Messages
//
//	kind           says                                           signed                            by
//	propose        a block on a parent, with what proves it       view, block id                    the leader
//	notarize       a vote for a block and what it results in      view, block id, checkpoint digest each, once a view
//	nullify        a vote to give a view up                       view                              each, once a view
//	finalize       a vote to make a result final                  cosignature/v1 of the checkpoint  each, once a view
//	notarization   notarize votes of a quorum for one result
//	nullification  nullify votes of a quorum
//	certificate    finalize votes of a quorum: what clients verify
//	need           what ended these views?                        nothing
//
// What is signed begins with its kind, the chain's origin and the epoch (K1), so no vote means
// anything elsewhere. A proposal carries its parent's notarization, or names the certificate that it
// carries anyway, and the header commits to the signers of either. A quorum weighs more than 2W/3.
//
// # Rules
//
// Each is followed by the step of the paper's protocol that it implements.
//
//  1. Propose: the leader of the current view builds on the block of the highest notarized view,
//     after which every view is nullified; once a view. (Leader proposal.)
//  2. Notarize: the first valid proposal of the current view, once executed, if its parent is
//     notarized, agrees with this replica's result and with its highest certificate, and the views
//     between are nullified; once a view, never after Nullify. (Notarizing block proposals.)
//  3. Nullify: at the view's time-out; on Nullify of more than f; on votes that leave no winner. Never
//     after Finalize. (Dummy blocks.)
//  4. A notarization or nullification of view v, or a certificate, opens view v+1, is persisted, and
//     the former two are relayed. (Next iteration.)
//  5. Finalize: a notarized result that is this replica's own, if it did not nullify the view; also
//     when the view has passed. (Finalize votes.)
//  6. A quorum of Finalize makes the block and its ancestors final. (Finalized outputs.)
//
// leader(view, parent) is the binding's, except in every fourth view, which goes to the validators in
// turn (K5). At a time-out a replica repeats its votes of the view, the certificate that it has, the
// nullification that opened the view, its highest notarization and its latest finalize votes; it
// nullifies the view and asks again for what is missing.
//
// # Deviations from the paper
//
//   - Votes are on results. The notarize vote names the checkpoint that executing the block gives; a
//     notarization is a quorum for one block and one checkpoint. The paper's proofs go through with
//     "block" read as "block and checkpoint", because a child's header commits to its parent's.
//   - The finalize vote is the cosignature of that checkpoint, so a certificate is what clients of a
//     C2SP log verify. It binds more than the paper's finalize vote (which names an iteration), and
//     is sent by who executed the block only: a subset of who would send it in the paper, all of the
//     honest if the leader is honest.
//   - A view is entered by one message without the blocks before it, which are fetched. Only voting
//     and proposing need bodies. A jump may pass over views; what ended them is asked for before a
//     vote depends on it.
//   - Nullify and Finalize do not depend on whether the timer has fired but on what was sent. Finalize
//     may be sent later than in the paper, Nullify also for a view already left (to follow more than
//     f): each excludes the other, which is all that the proof uses.
//   - The timer runs only if there is a reason (K4), so an idle chain is silent. It stops when the
//     reason goes, so that the next one has its whole time; reasons go only when something is
//     certified, so that nobody can put a time-out off for ever. A block that is
//     notarized and not certified is a reason for the timer, but for a proposal only in a view that
//     was opened by a nullification. At once would be safe too, but each block would ask for the next
//     for ever: in the good case the certificate is one delay behind. In the bad case, this costs
//     one time-out. KERNEL K4 asks for a proposal in the first four of its cases; this is how the
//     second is met.
//   - A view whose votes leave no result that could win is nullified without waiting, in the first
//     eight views after a certificate. Safe, as Nullify is at any moment before Finalize. Live: if the
//     leader is honest and execution is deterministic, the honest vote alike and are a quorum, so no
//     votes of the faulty make a view hopeless. Later views wait for the timer, so that results which
//     keep differing cannot make views, and logs, grow at the network's speed.
//   - Time-outs double with every view since the highest certified one, up to a cap, where the paper
//     has 3Δ: Δ is not known. The cap must exceed three message delays and the execution of a block;
//     four times that, if a Pacemaker may answer with as little as a quarter of the rule.
//   - A proposal is accepted from its proposer only. Its proof is not under its signature, so a relay
//     could exchange it. Bodies travel by fetching.
//   - A leader may pass over a view that is both notarized and nullified if it does not have the
//     block. No certificate can exist for it, so a body that only faulty validators hold stops nobody.
//   - At a time-out the highest notarization is repeated too (K4 names certificate, votes and what
//     opened the view): else a block that one replica alone knows to be notarized would keep only
//     that one busy.
//   - A peer whose votes show it to be behind gets the highest certificate and what opened the current
//     view, which ends all views before it, rather than what ended the one that it talks of; and, if
//     it is not far behind, only when it repeats itself: a late vote is no sign of trouble.
//   - A Need is answered with a replica's own Nullify vote where it knows no nullification: the asker
//     may gather a quorum of them.
//
// # Safety
//
// Claim: if a certificate exists for view v, every block that is notarized in a view above v
// descends from v's block; so all certified blocks lie on one chain, and there is one result for each
// (I1, I8).
//
// Two quorums share more than f of weight, so an honest validator. An honest validator notarizes once
// a view; so there is one notarized block and result for a view at most. It does not send both Nullify
// and Finalize for a view; so a certificate and a nullification of one view cannot both exist. It
// finalizes what is notarized. Let w be the first view above v with a notarized block that does not
// descend from v's. An honest validator voted for it, so its parent is notarized at some p, and
// every view between p and w is nullified. v is not, so p ≥ v. If p = v the parent is v's one notarized
// block; if p > v it descends from it, as w was the first. Both contradict the assumption.
// All three rules hold across restarts, because votes are persisted before they are sent, and a
// replica that lost its log must not vote (K3). Nothing in the argument uses time, leaders, validity
// or the order of messages.
//
// # Liveness
//
// Claim: once messages between the honest arrive within Δ and time-outs exceed 3Δ and an execution,
// what is pending at the honest is certified by the end of the second view with an honest leader
// that all agree on; every run of 4(f+1) views has a rescue view of such a leader.
//
//   - No view is for ever. Some reason keeps timers running at somebody honest; its messages make
//     those of all run. At the time-out all that are in view v nullify it, unless they sent Finalize,
//     and then they hold a notarization, which they repeat, and which opens v+1 for everybody. Nullify
//     of a quorum opens it too. Who is behind is told when it repeats itself, at the next time-out.
//   - Honest replicas enter a view within Δ of one another, as they relay what opened it.
//   - What ends a view is kept until a higher certificate is known, was persisted by whoever entered
//     by it, and is asked for in turn of all. So every hole is filled.
//   - A body under a notarization is held by more than f of honest weight, which persisted it, and is
//     asked for from the signers in turn.
//   - In a view with an honest leader after that, the leader's parent descends from every certificate
//     (see Safety), all honest have it and what ended the views between, or are told by the leader
//     within two delays, so all vote before their time-outs, and none of them nullifies: all finalize.
//
// The views since the last certificate are counted by everybody alike up to what is on its way, so
// their time-outs differ by a factor of two at most, and grow until they are long enough. Pacemakers
// that answer within a quarter and four times of the rule make that a factor of 32; their shortest
// time-outs grow as the rule does, two views behind it.
// A faulty validator can keep an idle chain giving up views, with votes of views to come. That costs
// no block and makes the next time-outs longer, up to the cap.
//
// # Epochs
//
// A machine lives for one epoch; views begin at 1, on the last block of the epoch before as view 0
// (K8). When the result of a block says that it is the last, nothing but tail blocks may stand on it:
// no transactions, same height and time. They are proposed only in a view that a nullification
// opened; in the good case the last block is certified one delay after it is notarized, and there is
// none. The machine that certified the last block only answers those who have not.
//
// # Records
//
//	byte  record                                      persisted before
//	B     a block's canonical bytes                   the vote for it or for a descendant
//	P     own proposal: view (8), block id (32)       it is sent
//	V     own Notarize, Nullify or Finalize           it is sent
//	E     notarization, nullification or certificate  any message that depends on it
//
// Recover takes them in any order. A machine that recovers is in the highest view that they justify,
// has voted what they say, and executes the blocks again. Records of views up to the root are
// skipped. Snapshot writes what is still needed above the root.
//
// # Limits
//
// What a validator can make a machine keep or send, in one epoch:
//
//   - Votes: three of each validator a view, from the highest certified view up to 256 ahead.
//   - Proposals: two of each validator a view are looked at, up to eight views ahead, 64 MiB in all.
//     When that is full, the furthest view goes first, then who holds most. In a rescue view only its
//     leader's is kept.
//   - Blocks: those voted for, notarized, proposed by the leader or asked for, above the root. While
//     nothing is certified this grows by one block a view at most, and views take their time-outs.
//   - Leader calls: four for one proposer and view. Fetches: two a block and tick, of blocks that a
//     quorum has notarized or certified only.
//   - Answers: 256 KiB at a time to one peer, earned back at 512 B a message of its own and 64 KiB a
//     view. A Need is about 64 views at most.
//   - Nullifications since the highest certificate are all kept; each cost a quorum a time-out.
//
// # Errors and concurrency
//
// Decode and Verify fail with consensus.ErrRefused, the sender's fault. Recover fails on records that
// no correct machine of this epoch wrote: the log is damaged. Step does not fail: a certificate that
// contradicts certified blocks, which takes more than f faulty, is reported as a Conflict and stops
// the machine. It panics if the driver answers an Execute with the checkpoint of another block.
// A Simplex is not safe for use by several goroutines.
package simplex
