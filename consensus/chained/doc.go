// Package chained is two-chain HotStuff, voting on results, as a consensus.Machine: a block is final
// when it has a quorum and a child in the next view has one too. At most f = ⌊(W−1)/3⌋ of the weight
// W faulty, a network that may lose, delay, double and reorder anything before it settles. In the good
// case a new block every two message delays, final two after that, at the speed of the network.
//
// HotStuff is by Yin, Malkhi, Reiter, Golan Gueta and Abraham (PODC 2019, arXiv 1803.05069). That two
// chained blocks suffice, and how a leader then proves that locks may be passed by, is Jolteon's
// (Gelashvili, Kokoris-Kogias, Sonnino, Spiegelman, Xiang, FC 2022, arXiv 2106.10362), which DiemBFT v4
// runs; Fast-HotStuff (Jalalzai, Niu, Feng, Gai 2020, arXiv 2010.11454) came to the same. What is
// theirs is named below.
//
// Vote, lock and commit are rules (Rules): a protocol that lacks one is this one with a flag, not a
// copy. Invariants I1 to I8 and rules K1 to K8 are numbered as in the project's KERNEL page.
//
// # Messages
//
//	kind         says                                             signed                             by
//	propose      a block on a parent, with what proves the        view, block id                     the leader
//	             parent and that the view is open
//	vote         a vote for a block and what it results in        view, block id, checkpoint digest  each, once a view
//	             and, if the parent is of the view before, that   cosignature/v1 of the parent's
//	             the parent is final                              checkpoint
//	timeout      the view is given up, with the highest proof     view, highest view with a quorum   each, once a view
//	qc           votes of a quorum for one block and result
//	tc           timeouts of a quorum for one view, with a proof
//	             of the highest view that they name
//	certificate  cosignatures of a quorum: what clients verify
//	ask          what is above this certificate and this view?    nothing
//
// What is signed begins with "quoin/chained/", its kind, the chain's origin and the epoch (K1), so no
// vote means anything elsewhere. A proof of a block is its QC, or its certificate. The header of a
// child commits to the parent's id, result, view and the signers of its proof. A quorum weighs more
// than 2W/3.
//
// # Rules
//
//  1. Propose: the leader of the current view builds on the block of the highest proof that it knows;
//     once a view. If that is not of the view before, the TC of the view before comes with it.
//     (Jolteon: Propose.)
//  2. Vote: for the first valid proposal of the current view, once executed, if the parent's result is
//     this replica's own, and the parent is of the locked view or a later one, or of a view as high as
//     any that the TC names. Once a view, never after Timeout for it. (HotStuff: safeNode; its second
//     half is Jolteon's.)
//  3. Lock: who votes for a block is locked on its parent's view, if that is higher. (Two-chain
//     HotStuff's one-chain lock.)
//  4. Commit: a vote for a block whose parent is of the view before cosigns the parent's checkpoint. A
//     quorum of these cosignatures is a certificate: it makes the parent and its ancestors final.
//     (HotStuff's consecutive views; Jolteon: Commit.)
//  5. Time out: at the view's time-out, or on Timeout of more than f, with the highest proof known.
//     (Jolteon: Timeout, Bracha's amplification.)
//  6. A proof or TC of view v opens view v+1, is persisted and, if it is news, relayed. (Jolteon:
//     Advance Round.)
//
// leader(view, parent) is the binding's, except in two of every four views in a row, which go to the
// validators in turn (K5). At a time-out a replica repeats the highest certificate, what opened the
// view, its latest vote and its timeout, and asks again for bodies that are missing.
//
// # The certificate
//
// The votes that prove a child prove the commit of its parent, so HotStuff needs no message for it.
// But who has only the child's QC cannot show a client a signature on the parent's checkpoint. So the
// vote carries one: "I voted, in view v+1, for a child of this block of view v, whose result is mine".
// A quorum of honest votes for the child is at once the quorum that proves the child and the
// certificate of its parent, with no further round. It is assembled by whoever hears the votes.
//
// It binds a little less than a QC of one child does: the cosigners may have voted for different
// children, if the leader of v+1 made several. The proof below only uses that each of them is locked
// on v before it votes above v+1, and has voted for nothing else in v+1; so this is safe too, and a
// faulty leader that splits the votes of v+1 has still made its parent final. A faulty voter may leave
// the cosignature out: then its vote proves the child and does not commit the parent.
//
// # Deviations from the papers
//
//   - Votes are on results, as the kernel's are: a replica executes a block before it votes, and a QC
//     is for one block and one result. Read "block" as "block and checkpoint" in the papers; a child's
//     header commits to both.
//   - Votes and timeouts go to all, not to the next leader. That costs n² small messages a view instead
//     of n, which is what HotStuff is known for saving; it lets everybody have the certificate one
//     delay after the child's votes, and no leader can keep what a quorum said to itself. Pacemakers
//     of practice send timeouts to all anyway.
//   - HotStuff's lock is kept beside Jolteon's rule, which needs none: for what has no TC the lock is
//     implied there (a parent of the view before is above every lock). Here it says so, and the rule
//     that is switched off to break the protocol is the one that the papers name.
//   - Of a TC's proof more than the highest view that its timeouts name may be shown, as it may have
//     become known since.
//   - Proposals, votes and timeouts do not move a replica to a view unless they carry what opened it.
//     Every proposal does, so none has to be kept for a view to come. Nothing depends on what ended the
//     views that a jump passes over.
//   - An empty block is no reason to make another. So the tip of an idle chain is an empty block that
//     has a quorum and no certificate, and the chain is silent (K4). Blocks with transactions, and the
//     last of an epoch, are followed at once until they are certified.
//   - The pipeline limit counts uncertified blocks with transactions only: some block is always
//     uncertified.
//   - A replica that took over a quorum's result for a block does not cosign it, but votes for its
//     children.
//   - Views whose votes differ are not given up before the time-out, and no evidence of a split is
//     reported (K7): namespaces are not suspended under this protocol.
//   - Time-outs double with every view since the highest certified one, but for the two that a
//     certificate takes, up to a cap; Δ is not known.
//
// # Safety
//
// Claim: if a certificate exists for block b of view v, every block that has a QC in a view above v
// descends from b; so all certified blocks lie on one chain, and there is one result for each (I1).
//
// Two quorums share more than f of weight, so an honest validator. An honest validator votes once a
// view, in views that increase, in none that it gave up or below one that it gave up; so there is one
// block and result with a QC for a view at most. Let w be the first view above v in which a block c
// that does not descend from b has a QC. Some honest h cosigned b, so voted for a child of b in v+1,
// and voted for c.
//
// If w = v+1, then c is that child. Else h was locked on v or above when it voted for c, whose parent
// has a proof of some view p < w. If p ≥ v, the parent is b, or descends from b as w was the first. So
// p < v, h's lock forbade the vote, and h voted because a TC of view w−1 ≥ v+1 named no view above p.
// The signers of the TC and the cosigners of b share an honest g. It voted in v+1 before it gave up
// w−1, as it would not have afterwards. From then on it was locked on v or above, and knew a proof of
// that view, so it named v or above: a contradiction.
//
// A proof may be a certificate: an honest cosigner knew a proof of the block when it voted for the
// child. Votes, timeouts, locks and proofs are persisted before anything is sent, so all of it holds
// across restarts; a replica that lost its log must not vote (K3). Nothing in the argument uses time,
// leaders, validity or the order of messages.
//
// # Liveness
//
// Claim: once messages between the honest arrive within Δ and time-outs exceed 4Δ and two executions,
// what is pending at the honest is certified by the end of the second view of the next pair of rescue
// views with an honest leader; every run of 4(f+1)+1 views has one.
//
//   - No view is for ever. Some reason keeps timers running at somebody honest; its messages make
//     those of all run. At the time-out all that are in view v send Timeout, of a quorum, which opens
//     v+1. Who is behind is told when it gives up a view that is over.
//   - Honest replicas enter a view within Δ of one another, as they relay what opened it.
//   - The leader of a rescue view v has the TC of v−1, which comes with a proof of what it names, or a
//     proof of v−1. So all honest may vote for its block, whatever they are locked on: a lock that it
//     does not know of stops nobody, and it waits for nobody.
//   - The body of its parent is held by more than f of honest weight, who voted for it and persisted
//     it, and is asked for in turn of the signers.
//   - All honest vote in v and prove its block, which opens v+1. The same leader builds on it there,
//     all honest vote again, and cosign the first: it is certified.
//
// Two views in a row are what a commit takes, so one rescue view at a time would not do: a dead leader
// that the binding names for all others would stop the chain. This takes half of the views from the
// binding, where the kernel's protocol takes a fourth.
//
// The views since the last certificate are counted by everybody alike up to what is on its way, so
// their time-outs differ by a factor of two at most, and grow until they are long enough. A faulty
// validator can keep an idle chain giving up views, at the cost of longer time-outs, up to the cap.
//
// # Epochs
//
// A machine lives for one epoch; views begin at 1, on the last block of the epoch before as view 0,
// which needs no proof (K8). When the result of a block says that it is the last, nothing but tail
// blocks may stand on it: no transactions, same height and time. The last block needs one in the next
// view to be certified; if that view is given up, two tail blocks in a row certify the first of them,
// and with it the last block. The machine that did so only answers those who have not.
//
// # Records
//
//	byte  record                           persisted before
//	B     a block's canonical bytes        the vote for it or for a descendant
//	P     own proposal: view (8), id (32)  it is sent
//	V     the lock (8) and own Vote        it is sent
//	T     own Timeout without its proof    it is sent
//	E     QC, TC or certificate            any message that depends on it
//
// Recover takes them in any order, and is left with the highest of each kind. A machine that recovers
// is in the highest view that they justify, has voted and given up what they say, and executes the
// blocks again. Snapshot writes the highest of each kind, and the bodies above the root.
//
// # Limits
//
// What a validator can make a machine keep or send, in one epoch:
//
//   - Votes and timeouts: one of each validator a view, 16 views back to 256 ahead.
//   - Proposals: one of each validator, of the current view only, 64 MiB in all; later ones are dropped
//     when that is full. In a rescue view only its leader's is kept, and so always has room.
//   - Blocks: those voted for, proven, proposed by the leader or asked for, above the root. While
//     nothing is certified this grows by one block a view at most, and views take their time-outs.
//   - Proofs, TCs, certificates, own votes: the highest of each.
//   - Leader calls: one for each proposer and parent of a view, again when something was executed.
//     Fetches: two a block and tick, of blocks that a quorum voted for only.
//   - Answers: 256 KiB at a time to one peer, earned back at 512 B a message of its own and 64 KiB a
//     view. A Timeout or Ask is answered with a certificate and what opened the view.
//
// # Errors and concurrency
//
// Decode and Verify fail with consensus.ErrRefused, the sender's fault. Recover fails on records that
// no correct machine of this epoch wrote: the log is damaged. Step does not fail: a certificate that
// contradicts certified blocks, which takes more than f faulty, is reported as a Conflict and stops
// the machine. It panics if the driver answers an Execute with the checkpoint of another block.
// A Chained is not safe for use by several goroutines.
package chained
