package simplex

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// receive takes a verified message.
func (m *Simplex) receive(from int, message consensus.Message, out *consensus.Output) {
	if m.ended {
		return
	}
	if v := viewOf(message); v > m.view+1 {
		m.ask(m.view, v-1, from, out) // left behind: what ended these views?
	}
	switch x := message.(type) {
	case *Proposal:
		m.stir(x.Block.Header().View)
		m.receiveProposal(from, x, out)
	case *Notarize:
		m.stir(x.View)
		m.countNotarize(from, x, out)
	case *Nullify:
		m.stir(x.View)
		m.countNullify(from, x, out)
	case *Finalize:
		m.stir(x.Checkpoint.View)
		m.countFinalize(from, x, out)
	case *Notarization:
		m.stir(x.View)
		m.notarization(x, out)
	case *Nullification:
		m.stir(x.View)
		m.nullification(x, out)
	case *Certificate:
		m.stir(x.Checkpoint.View)
		m.certificate(&x.Certificate, out)
	case *Need:
		m.answerNeed(from, x, out)
	}
}

// stir notes that something valid was heard of a view, which makes the timer run.
func (m *Simplex) stir(v quoin.View) { m.stirred = max(m.stirred, v) }

// vote sends Notarize for the current view's proposal once it is executed. At most one a view, and
// never after Nullify (KERNEL K2; Simplex §3: "on seeing the first valid proposal").
func (m *Simplex) vote(r *round, out *consensus.Output) {
	l := r.proposal
	if !m.votes() || l.stage != valid || l.withheld || r.nullified != nil || r.voted != nil && !(m.c.Rules.VoteTwice && r.voted.Block != l.id) {
		return
	}
	v := &Notarize{View: m.view, Block: l.id, Checkpoint: l.digest}
	v.Signature = m.c.Signer.Sign(m.domain.notarize(v.View, v.Block, v.Checkpoint))
	r.voted = v
	for at := l; at != nil && at != m.root; at = at.parent {
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
			m.equivocation(from, x.View, first, x, out)
		}
		return
	}
	r.notarizes[from] = x
	if r.notarization != nil {
		return
	}
	n := &Notarization{View: x.View, Block: x.Block, Checkpoint: x.Checkpoint}
	weight := uint64(0)
	for i, v := range r.notarizes {
		if v != nil && v.Block == x.Block && v.Checkpoint == x.Checkpoint {
			weight += m.c.Validators.At(i).Weight
			n.Signers = n.Signers.With(i)
			n.Signatures = append(n.Signatures, v.Signature)
		}
	}
	if m.quorum(weight) {
		m.notarization(n, out)
		return
	}
	m.despair(x.View, r, out)
}

// despair gives a view up at once when the votes seen leave no result that could get a quorum, and
// reports the votes if they prove a split. Nullifying is safe whenever Finalize was not sent; the
// votes of a faulty validator can hasten it, which costs a view that this validator could have
// stalled anyway.
func (m *Simplex) despair(v quoin.View, r *round, out *consensus.Output) {
	if r.hopeless {
		return
	}
	type group struct {
		block, checkpoint quoin.Hash
		weight            uint64
	}
	var groups []group
	voted, largest := uint64(0), uint64(0)
	for i, x := range r.notarizes {
		if x == nil {
			continue
		}
		w := m.c.Validators.At(i).Weight
		voted += w
		k := slices.IndexFunc(groups, func(g group) bool { return g.block == x.Block && g.checkpoint == x.Checkpoint })
		if k < 0 {
			k = len(groups)
			groups = append(groups, group{block: x.Block, checkpoint: x.Checkpoint})
		}
		groups[k].weight += w
		largest = max(largest, groups[k].weight)
	}
	if m.c.Validators.IsQuorum(largest + m.c.Validators.Total() - voted) {
		return
	}
	r.hopeless = true
	report := consensus.Report{Kind: consensus.Split, View: v, Block: groups[0].block, Peer: -1}
	for i, x := range r.notarizes {
		if x != nil {
			report.Detail = append(report.Detail, consensus.Vote{Validator: i, Message: x})
		}
	}
	out.Reports = append(out.Reports, report)
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
	n := &Nullification{View: x.View}
	weight := uint64(0)
	for i, v := range r.nullifies {
		if v != nil {
			weight += m.c.Validators.At(i).Weight
			n.Signers = n.Signers.With(i)
			n.Signatures = append(n.Signatures, v.Signature)
		}
	}
	if m.quorum(weight) {
		m.nullification(n, out)
	} else if x.View < m.view && weight > m.c.Validators.FaultBound() {
		m.nullify(x.View, out) // follow, also for a view already left
	}
}

// giveUp nullifies the current view if some honest replica did (weight > f) or no result can win.
func (m *Simplex) giveUp(out *consensus.Output) {
	r := m.rounds[m.view]
	if r == nil || r.nullified != nil {
		return
	}
	weight := uint64(0)
	for i, v := range r.nullifies {
		if v != nil {
			weight += m.c.Validators.At(i).Weight
		}
	}
	if r.hopeless || weight > m.c.Validators.FaultBound() {
		m.nullify(m.view, out)
	}
}

// notarization learns that a view has a notarized block. It moves the view without the body.
func (m *Simplex) notarization(n *Notarization, out *consensus.Output) {
	if n.View <= m.certified() {
		return
	}
	r := m.round(n.View)
	if r.notarization != nil {
		return
	}
	r.notarization = n
	m.report(out, consensus.Notarized, n.View, n.Block)
	for _, c := range r.candidates {
		if c.proposal.Block.ID() == n.Block {
			m.add(c.proposal.Block)
		}
	}
	if l := m.links[n.Block]; l != nil {
		m.need(l)
	} else if i, ok := m.leader(n.View+1, n.Block, nil); ok && i == m.c.Self {
		m.fetch(n.Block, m.signer(n.Signers), out) // to propose on it
	}
	m.enter(n.View+1, n, out)
	m.send(n, out)
	m.finalize(n.View, out)
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
	m.report(out, consensus.Nullified, n.View, quoin.Hash{})
	m.enter(n.View+1, n, out)
	m.send(n, out)
}

// finalize sends Finalize for a notarized view, at any later time of the epoch, if Nullify was not
// sent and this replica's own result is the notarized one (K2).
func (m *Simplex) finalize(v quoin.View, out *consensus.Output) {
	r := m.rounds[v]
	if r == nil || r.notarization == nil || !m.votes() || r.finalized != nil || r.nullified != nil && !m.c.Rules.FinalizeAfterNullify {
		return
	}
	l := m.links[r.notarization.Block]
	if l == nil || l.stage != valid {
		return
	}
	if l.digest != r.notarization.Checkpoint {
		m.diverge(l, out)
		return
	}
	x := &Finalize{Checkpoint: l.checkpoint, Signature: m.c.Signer.Sign(l.checkpoint.CosignedBytes())}
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
			m.equivocation(from, v, first, x, out)
		}
		return
	}
	r.finalizes[from] = x
	c := &quoin.Certificate{Checkpoint: x.Checkpoint}
	weight := uint64(0)
	for i, f := range r.finalizes {
		if f != nil && f.Checkpoint == x.Checkpoint {
			weight += m.c.Validators.At(i).Weight
			c.Signers = c.Signers.With(i)
			c.Signatures = append(c.Signatures, f.Signature)
		}
	}
	if m.quorum(weight) {
		m.certificate(c, out)
	}
}

// certificate learns of a certificate. Its block may still have to be fetched and executed.
func (m *Simplex) certificate(c *quoin.Certificate, out *consensus.Output) {
	v := c.Checkpoint.View
	if v <= m.certified() {
		return
	}
	m.cert = c
	if l := m.links[c.Checkpoint.Block]; l != nil {
		m.need(l)
	} else if r := m.rounds[v]; r != nil {
		for _, k := range r.candidates {
			if k.proposal.Block.ID() == c.Checkpoint.Block {
				m.need(m.add(k.proposal.Block))
			}
		}
	}
	m.missing(out)
	if v >= m.view {
		m.enter(v+1, &Certificate{*c}, out)
	} else {
		// The certificate is what a restart must not forget: it licences what follows.
		out.Persist = append(out.Persist, record(recordEntered, &Certificate{*c}))
	}
}

// executed takes the answer to an Execute demand. A second answer for the same block replaces a
// result that differed from the quorum's.
func (m *Simplex) executed(in consensus.Executed, out *consensus.Output) {
	l := m.links[in.Block]
	if l == nil || l == m.root {
		return
	}
	switch in.Verdict {
	case consensus.Abstain:
		l.stage, l.abstained = waiting, true
		return
	case consensus.Invalid:
		l.stage = invalid
		m.report(out, consensus.RefusedBlock, l.view, l.id)
		return
	}
	l.stage, l.diverged, l.abstained = valid, false, false
	l.checkpoint, l.last, l.withheld = in.Checkpoint, in.Last, in.Withhold
	l.digest = l.checkpoint.Digest()
	m.finalize(l.view, out)
}

func (m *Simplex) equivocation(from int, v quoin.View, first, second consensus.Message, out *consensus.Output) {
	out.Reports = append(out.Reports, consensus.Report{Kind: consensus.Equivocation, View: v, Peer: from,
		Detail: []consensus.Vote{{Validator: from, Message: first}, {Validator: from, Message: second}}})
}

func (m *Simplex) send(x consensus.Message, out *consensus.Output) {
	if m.votes() {
		out.Send = append(out.Send, consensus.Envelope{To: consensus.All, Message: x})
	}
}

// signer returns some signer that is not this replica, another one at every tick.
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
	return others[m.ticks%uint64(len(others))]
}
