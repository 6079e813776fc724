package simplex

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// receive takes a verified message.
func (m *Simplex) receive(from int, message consensus.Message, out *consensus.Output) {
	if need, ok := message.(*Need); ok {
		m.answerNeed(from, need, out)
		return
	}
	if !m.running() {
		return
	}
	v := viewOf(message)
	m.stirred = max(m.stirred, v) // something valid was heard of the view: its timer may run
	switch x := message.(type) {
	case *Proposal:
		m.receiveProposal(x, out)
	case *Notarize:
		m.countNotarize(from, x, out)
	case *Nullify:
		m.countNullify(from, x, out)
	case *Finalize:
		m.countFinalize(from, x, out)
	case *Notarization:
		m.notarization(x, out)
	case *Nullification:
		m.nullification(x, out)
	case *Certificate:
		m.certificate(&x.Certificate, out)
	}
	m.catchUp(from, message, out)
}

// vote sends Notarize for the current view's proposal once it is executed. At most one a view, and
// never after Nullify (K2; the paper: notarizing block proposals).
func (m *Simplex) vote(r *round, out *consensus.Output) {
	l := r.proposal
	m.c.Marks.Sometimes(&marks[markVoteWithheld], l.stage == valid && l.withheld)
	if !m.votes() || l.stage != valid || l.withheld || r.nullified != nil || r.voted != nil && !(m.c.Rules.VoteTwice && r.voted.Block != l.id) {
		return
	}
	v := &Notarize{View: m.view, Block: l.id, Checkpoint: l.digest}
	v.Signature = m.c.Signer.Sign(m.domain.notarize(v.View, v.Block, v.Checkpoint))
	r.voted = v
	for at := l; at != nil && at != m.root; at = at.parent {
		m.c.Marks.Sometimes(&marks[markAncestorWritten], at != l && !at.persisted)
		m.persistBody(at, out)
	}
	m.persistVote(v, out)
	m.send(v, out)
	m.countNotarize(m.c.Self, v, out)
}

func (m *Simplex) countNotarize(from int, x *Notarize, out *consensus.Output) {
	if x.View <= m.certified() {
		return
	}
	r := m.round(x.View)
	if first := r.notarizes[from]; first != nil {
		if first.Block != x.Block || first.Checkpoint != x.Checkpoint {
			m.c.Marks.Reach(&marks[markTwoNotarizes])
			m.equivocation(from, x.View, first, x, out)
		}
		return
	}
	r.notarizes[from] = x
	weight, voted := uint64(0), uint64(0)
	for i, v := range r.notarizes {
		if v == nil {
			continue
		}
		w := m.c.Validators.At(i).Weight
		voted += w
		if v.Block == x.Block && v.Checkpoint == x.Checkpoint {
			weight += w
		}
	}
	if r.notarization == nil && m.quorum(weight) {
		m.c.Marks.Reach(&marks[markNotarizedByVotes])
		n := &Notarization{View: x.View, Block: x.Block, Checkpoint: x.Checkpoint}
		for i, v := range r.notarizes {
			if v != nil && v.Block == x.Block && v.Checkpoint == x.Checkpoint {
				n.Signers = n.Signers.With(i)
				n.Signatures = append(n.Signatures, v.Signature)
			}
		}
		m.notarization(n, out)
	}
	if weight < voted {
		r.hopeless = r.hopeless || r.notarization == nil && m.hopeless(r)
		m.c.Marks.Sometimes(&marks[markHopeless], r.hopeless)
		m.split(x.View, r, r.hopeless, out)
	}
}

// tally is the weight that voted for one result of one block.
type tally struct {
	block, checkpoint quoin.Hash
	weight            uint64
}

func (m *Simplex) tallies(r *round) []tally {
	var tallies []tally
	for i, x := range r.notarizes {
		if x == nil {
			continue
		}
		k := slices.IndexFunc(tallies, func(t tally) bool { return t.block == x.Block && t.checkpoint == x.Checkpoint })
		if k < 0 {
			k = len(tallies)
			tallies = append(tallies, tally{block: x.Block, checkpoint: x.Checkpoint})
		}
		tallies[k].weight += m.c.Validators.At(i).Weight
	}
	return tallies
}

// hopeless reports whether the votes seen leave no result that could get a quorum. Then the view is
// given up at once. That is safe, as Nullify always is if Finalize was not sent, and costs nothing
// in a view whose leader is honest: the honest replicas, who weigh a quorum, then vote alike.
func (m *Simplex) hopeless(r *round) bool {
	voted, largest := uint64(0), uint64(0)
	for _, t := range m.tallies(r) {
		voted += t.weight
		largest = max(largest, t.weight)
	}
	return !m.quorum(largest + m.c.Validators.Total() - voted)
}

// split reports votes that differ about the result of one block: once when the view is given up, as
// a ground for suspicion, and once when they are evidence (K7): of quorum weight, with more than f
// outside the largest group.
func (m *Simplex) split(v quoin.View, r *round, givenUp bool, out *consensus.Output) {
	tallies := m.tallies(r)
	for i, first := range tallies {
		if r.split || slices.ContainsFunc(tallies[:i], func(t tally) bool { return t.block == first.block }) {
			continue
		}
		total, largest := uint64(0), uint64(0)
		for _, t := range tallies {
			if t.block == first.block {
				total += t.weight
				largest = max(largest, t.weight)
			}
		}
		proved := m.c.Validators.IsQuorum(total) && total-largest > m.c.Validators.FaultBound()
		if total == largest || !proved && (r.suspected || !givenUp) {
			continue
		}
		m.c.Marks.Sometimes(&marks[markSplitSuspected], !proved)
		r.split, r.suspected = proved, true
		m.c.Marks.Sometimes(&marks[markSplitProved], proved)
		report := consensus.Report{Kind: consensus.Split, View: v, Block: first.block, Peer: -1}
		for j, y := range r.notarizes {
			if y != nil && y.Block == first.block {
				report.Detail = append(report.Detail, consensus.Vote{Validator: j, Message: y})
			}
		}
		out.Reports = append(out.Reports, report)
	}
}

// nullify sends Nullify unless Finalize was sent (K2).
func (m *Simplex) nullify(v quoin.View, out *consensus.Output) {
	r := m.round(v)
	if !m.votes() || r.nullified != nil || r.finalized != nil {
		return
	}
	x := &Nullify{View: v, Signature: m.c.Signer.Sign(m.domain.nullify(v))}
	r.nullified = x
	m.persistVote(x, out)
	m.send(x, out)
	m.countNullify(m.c.Self, x, out)
}

func (m *Simplex) countNullify(from int, x *Nullify, out *consensus.Output) {
	if x.View <= m.certified() {
		return
	}
	r := m.round(x.View)
	if r.nullifies[from] != nil {
		return
	}
	r.nullifies[from] = x
	if r.nullification != nil {
		return
	}
	weight := m.nullifying(r)
	if m.quorum(weight) {
		m.c.Marks.Reach(&marks[markNullifiedByVotes])
		n := &Nullification{View: x.View}
		for i, v := range r.nullifies {
			if v != nil {
				n.Signers = n.Signers.With(i)
				n.Signatures = append(n.Signatures, v.Signature)
			}
		}
		m.nullification(n, out)
	} else if x.View < m.view && weight > m.c.Validators.FaultBound() {
		m.c.Marks.Reach(&marks[markFollowedLate])
		m.nullify(x.View, out) // follow, also for a view already left
	}
}

func (m *Simplex) nullifying(r *round) uint64 {
	weight := uint64(0)
	for i, v := range r.nullifies {
		if v != nil {
			weight += m.c.Validators.At(i).Weight
		}
	}
	return weight
}

// giveUp nullifies the current view if some honest replica did (weight > f) or no result can win. The
// latter only in the first views after a certificate: if results keep differing, time-outs that grow
// must slow the views down.
func (m *Simplex) giveUp(out *consensus.Output) {
	r := m.rounds[m.view]
	if r == nil || r.nullified != nil {
		return
	}
	if r.hopeless && m.view <= m.certified()+hopelessViews || m.nullifying(r) > m.c.Validators.FaultBound() {
		m.c.Marks.Reach(&marks[markGivenUp])
		m.nullify(m.view, out)
	}
}

// notarization learns that a view has a notarized block. It moves the view without the body (K2).
func (m *Simplex) notarization(n *Notarization, out *consensus.Output) {
	if n.View <= m.certified() {
		return
	}
	r := m.round(n.View)
	if r.notarization != nil {
		return
	}
	r.notarization = n
	m.c.Marks.Sometimes(&marks[markNotarizedNullified], r.nullification != nil)
	m.notarized = max(m.notarized, n.View)
	out.Persist = append(out.Persist, m.record(recordEntered, n))
	m.report(out, consensus.Notarized, n.View, n.Block)
	if l := m.adopt(n.Block); l != nil {
		if m.need(l); l.stage == invalid {
			m.diverge(l, out)
		}
	} else if i, ok := m.leader(n.View+1, n.Block, nil); ok && i == m.c.Self {
		m.fetch(n.Block, m.signer(n.Signers), out) // to propose on it
	}
	m.c.Marks.Sometimes(&marks[markNotarizedWithoutBody], m.links[n.Block] == nil)
	m.open(n.View, n, out)
	m.finalize(n.View, out)
}

// adopt returns the link of a block, made of a proposal if need be; nil if the body is not here.
func (m *Simplex) adopt(id quoin.Hash) *link {
	if l := m.links[id]; l != nil {
		return l
	}
	for _, p := range m.candidates {
		if p.Block.ID() == id {
			return m.add(p.Block)
		}
	}
	return nil
}

func (m *Simplex) nullification(n *Nullification, out *consensus.Output) {
	if n.View <= m.certified() {
		return
	}
	r := m.round(n.View)
	if r.nullification != nil {
		return
	}
	r.nullification = n
	m.c.Marks.Sometimes(&marks[markNullifiedNotarized], r.notarization != nil)
	out.Persist = append(out.Persist, m.record(recordEntered, n))
	m.report(out, consensus.Nullified, n.View, quoin.Hash{})
	m.split(n.View, r, true, out)
	m.open(n.View, n, out)
}

// open enters the view after v and relays what ended v (the paper: next iteration), unless that is
// old news: who is behind asks.
func (m *Simplex) open(v quoin.View, by consensus.Message, out *consensus.Output) {
	if v >= m.view {
		m.enter(v+1, by, out)
		m.send(by, out)
	} else {
		m.c.Marks.Reach(&marks[markEndedLate])
	}
	m.fill()
}

// finalize sends Finalize for a notarized view, at any later time of the epoch, if Nullify was not
// sent and this replica's own result is the notarized one (K2).
func (m *Simplex) finalize(v quoin.View, out *consensus.Output) {
	r := m.rounds[v]
	if v <= m.certified() || r == nil || r.notarization == nil || !m.votes() || r.finalized != nil || r.nullified != nil && !m.c.Rules.FinalizeAfterNullify {
		return
	}
	l := m.links[r.notarization.Block]
	if l == nil || l.stage != valid {
		return
	}
	if l.digest != r.notarization.Checkpoint && !m.c.Rules.FinalizeOwnResult {
		m.c.Marks.Reach(&marks[markFinalizeDiverged])
		m.diverge(l, out)
		return
	}
	if l.adopted {
		m.c.Marks.Reach(&marks[markFinalizeAdopted])
		return // a vote would claim an execution that this replica did not do
	}
	m.c.Marks.Sometimes(&marks[markFinalizedLate], v+1 < m.view)
	m.c.Marks.Always(&marks[markNeverBoth], r.nullified == nil)
	x := &Finalize{Checkpoint: l.checkpoint, Signature: m.c.Signer.Sign(m.domain.finalize(&l.checkpoint))}
	r.finalized = x
	m.persistVote(x, out)
	m.send(x, out)
	m.countFinalize(m.c.Self, x, out)
}

func (m *Simplex) countFinalize(from int, x *Finalize, out *consensus.Output) {
	v := x.Checkpoint.View
	if v <= m.certified() {
		return
	}
	r := m.round(v)
	if first := r.finalizes[from]; first != nil {
		if first.Checkpoint != x.Checkpoint {
			m.c.Marks.Reach(&marks[markTwoFinalizes])
			m.equivocation(from, v, first, x, out)
		}
		return
	}
	r.finalizes[from] = x
	weight := uint64(0)
	for i, f := range r.finalizes {
		if f != nil && f.Checkpoint == x.Checkpoint {
			weight += m.c.Validators.At(i).Weight
		}
	}
	if !m.quorum(weight) {
		return
	}
	m.c.Marks.Reach(&marks[markCertifiedByVotes])
	c := &quoin.Certificate{Checkpoint: x.Checkpoint}
	for i, f := range r.finalizes {
		if f != nil && f.Checkpoint == x.Checkpoint {
			c.Signers = c.Signers.With(i)
			c.Signatures = append(c.Signatures, f.Signature)
		}
	}
	m.certificate(c, out)
}

// certificate learns of a certificate. Its block may still have to be fetched and executed.
func (m *Simplex) certificate(c *quoin.Certificate, out *consensus.Output) {
	v := c.Checkpoint.View
	if v <= m.certified() {
		return
	}
	m.c.Marks.Sometimes(&marks[markJumped], v > m.view)
	m.cert = c
	m.c.Marks.Sometimes(&marks[markCertifiedLate], v+1 < m.view)
	// Persisted also when the view is past: a restart must not forget what licenses the votes that follow.
	out.Persist = append(out.Persist, m.record(recordEntered, &Certificate{*c}))
	if l := m.adopt(c.Checkpoint.Block); l != nil {
		m.need(l)
	} else {
		m.c.Marks.Reach(&marks[markCertifiedWithoutBody])
	}
	m.enter(v+1, &Certificate{*c}, out)
	m.fill()
	m.missing(out)
}

func (m *Simplex) equivocation(from int, v quoin.View, first, second consensus.Message, out *consensus.Output) {
	r := m.round(v)
	if r.equivocators.Has(from) {
		return
	}
	r.equivocators = r.equivocators.With(from)
	out.Reports = append(out.Reports, consensus.Report{Kind: consensus.Equivocation, View: v, Peer: from,
		Detail: []consensus.Vote{{Validator: from, Message: first}, {Validator: from, Message: second}}})
}

func (m *Simplex) send(x consensus.Message, out *consensus.Output) {
	if m.votes() {
		out.Send = append(out.Send, consensus.Envelope{To: consensus.All, Message: x})
	}
}

// signer returns some signer that is not this replica, another one at every tick; replicas begin at
// different ones.
func (m *Simplex) signer(signers quoin.Bitmap) int {
	var others []int
	for i := range signers.All() {
		if i != m.c.Self && i < m.c.Validators.Len() {
			others = append(others, i)
		}
	}
	if len(others) == 0 {
		return consensus.All
	}
	return others[(m.ticks+uint64(m.c.Self+1))%uint64(len(others))]
}
