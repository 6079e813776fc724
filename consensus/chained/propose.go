package chained

import (
	"bytes"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// rescueEvery is the distance between pairs of rescue views, whose leaders are the validators in turn
// (K5). They come in pairs because it takes blocks of two views in a row to commit one.
const rescueEvery = 4

func rescuer(v quoin.View, validators int) (int, bool) {
	return int(uint64(v/rescueEvery) % uint64(validators)), v%rescueEvery < 2 && v >= rescueEvery
}

// leader returns the leader of the current view on a parent.
func (m *Chained) leader(parent quoin.Hash) (int, bool) {
	if i, ok := rescuer(m.view, m.c.Validators.Len()); ok {
		return i, true
	}
	i, asked := m.leaders[parent]
	if !asked {
		var ok bool
		if i, ok = m.c.Leaders.Leader(m.view, parent); !ok {
			i = nobody
		}
		m.leaders[parent] = i
	}
	return i, i != nobody
}

// leads reports whether this replica leads the current view on a parent, if that can be told.
func (m *Chained) leads(parent quoin.Hash) bool {
	i, ok := m.leader(parent)
	return ok && i == m.c.Self
}

// base returns the block on which this replica would propose in the current view: that of the highest
// view that has a quorum; nil if it is not executed, or has another result here.
func (m *Chained) base() *link {
	at := m.top()
	if l := m.tree.links[at.block]; l != nil && l.stage == valid && l.digest == at.checkpoint {
		return l
	}
	return nil
}

// owed reports whether blocks wait for being certified, or for being known, that have a quorum. Empty
// blocks do not wait: each would ask for the next for ever.
func (m *Chained) owed() bool {
	at := m.top()
	if m.certified() > m.tree.root.view {
		return true
	}
	if at.view <= m.tree.root.view {
		return false
	}
	for l := m.tree.links[at.block]; l != m.tree.root; l = l.parent {
		if l == nil || l.full() {
			return true
		}
	}
	return false
}

// depth counts the uncertified blocks with transactions up to l.
func (m *Chained) depth(l *link) (n uint64) {
	for ; l != nil && l.view > m.certified(); l = l.parent {
		if l.block.Header().Count > 0 {
			n++
		}
	}
	return n
}

// propose demands a new block's transactions if this replica leads the view and there is a reason.
func (m *Chained) propose(now quoin.Time, out *consensus.Output) {
	if !m.votes() || m.building != nil || m.proposed >= m.view || m.hasGivenUp() {
		return
	}
	p, must := m.base(), m.owed()
	if p == nil || !must && (!m.wanted || m.nothing) || !m.leads(p.id) {
		return
	}
	m.building = &consensus.Build{View: m.view, Parent: p.id, Time: max(now, p.time+1),
		Empty: m.depth(p) >= m.c.Parameters.PipelineMaxBlocks, Tail: p.last, Must: must}
	if p.last {
		m.building.Time = p.time
	}
	out.Build = append(out.Build, *m.building)
}

// built signs and sends a block of the transactions that were demanded.
func (m *Chained) built(in consensus.Built, out *consensus.Output) {
	if m.building == nil || in.View != m.building.View || !m.running() {
		return // the view has passed; the transactions stay pending
	}
	asked := m.building
	m.building = nil
	if in.Nothing && !asked.Must {
		m.nothing = true // until the view ends or the driver says Wanted again
		return
	}
	p := m.base()
	if m.proposed >= m.view || m.hasGivenUp() || p == nil || p.id != asked.Parent {
		return // another proof came meanwhile: it will be asked for again
	}
	h := quoin.Header{Epoch: m.c.Epoch, View: m.view, Height: p.height + 1, Parent: p.id, ParentCheckpoint: p.digest,
		ParentView: p.view, Time: asked.Time, Proposer: uint16(m.c.Self)}
	if m.high != nil {
		h.ParentVoters = m.high.signers()
	}
	if p.last {
		h.Height, in.Transactions = p.height, nil
	}
	block := quoin.NewBlock(h, in.Transactions)
	x := &Proposal{Block: block, Justify: m.high, Signature: m.c.Signer.Sign(m.domain.propose(m.view, block.ID()))}
	if p.view+1 != m.view {
		x.Opened = m.tc
	}
	m.proposed = m.view
	m.persistBody(m.add(block), out)
	out.Persist = append(out.Persist, proposedRecord(m.view, block.ID()))
	m.send(x, out)
	m.keep(x)
}

// receiveProposal learns from what a proposal carries, and keeps it until it can be judged. What it
// carries proves that its view is open, so there are no proposals of views to come.
func (m *Chained) receiveProposal(p *Proposal, out *consensus.Output) {
	h := p.Block.Header()
	if p.Opened != nil {
		m.timedOutBy(p.Opened, out)
	}
	m.raise(p.Justify, out)
	if m.missed(p.Block.ID()) {
		m.tree.need(m.add(p.Block))
	}
	if h.View != m.view {
		return
	}
	for _, c := range m.candidates {
		if c.Block.Header().Proposer == h.Proposer {
			if c.Block.ID() != p.Block.ID() {
				m.equivocation(int(h.Proposer), h.View, c.Proposal, p, out)
			}
			if !m.c.Rules.VoteTwice || c.Block.ID() == p.Block.ID() {
				return
			}
		}
	}
	m.keep(p)
}

// missed reports whether a block is one that has a quorum or was asked for, and is not here.
func (m *Chained) missed(id quoin.Hash) bool {
	_, asked := m.fetching[id]
	return m.tree.links[id] == nil && (asked || m.high != nil && m.top().block == id)
}

// keep keeps a candidate: only the leader's in a rescue view. So there the leader's always has room.
func (m *Chained) keep(p *Proposal) {
	if i, ok := rescuer(m.view, m.c.Validators.Len()); ok && i != int(p.Block.Header().Proposer) {
		return
	}
	if size := p.Block.Size(); m.candidateBytes+size <= candidateBytesMax {
		m.candidates = append(m.candidates, &candidate{Proposal: p})
		m.candidateBytes += size
	}
}

// anchored reports whether what a proposal carries proves the parent exactly as its header says, and
// that its view is open. So the parent is a real block, which its voters have, and nobody can make a
// replica ask for another.
func (p *Proposal) anchored() bool {
	h := p.Block.Header()
	if p.Opened == nil && h.ParentView+1 != h.View || p.Opened != nil && (h.ParentView+1 == h.View || p.Opened.View+1 != h.View) {
		return false
	}
	if p.Justify == nil {
		return h.ParentView == 0 && len(h.ParentVoters) == 0
	}
	return h.ParentView > 0 && p.Justify.proves() == proven{h.ParentView, h.Parent, h.ParentCheckpoint} && bytes.Equal(p.Justify.signers(), h.ParentVoters)
}

// consider looks at the proposals of the current view in order of arrival: the first valid one
// counts.
func (m *Chained) consider(now quoin.Time, out *consensus.Output) {
	view := m.view
	for _, c := range m.candidates {
		if c.refused || c.link == nil && !m.judge(now, c, out) {
			continue
		}
		if c.link.stage == invalid {
			c.refused = true // and that was reported
			continue
		}
		if m.vote(c.link, out); m.view != view || !m.c.Rules.VoteTwice {
			return
		}
	}
}

// judge decides whether a proposal of the current view may be voted for, its execution apart. It is
// asked again while that cannot be told.
func (m *Chained) judge(now quoin.Time, c *candidate, out *consensus.Output) (accepted bool) {
	h := c.Block.Header()
	from := int(h.Proposer)
	refuse := func() bool {
		c.refused = true
		report(out, consensus.RefusedBlock, h.View, c.Block.ID())
		return false
	}
	parent := m.tree.links[h.Parent]
	if h.ParentView < m.tree.root.view || h.ParentView < m.certified() && !m.c.Rules.Unlocked {
		return refuse() // a certificate has passed it by
	}
	if parent == nil {
		m.fetch(h.Parent, from, out)
		return false
	}
	m.tree.need(parent)
	switch {
	case parent.stage == invalid:
		return refuse()
	case parent.stage != valid:
		return false
	case h.ParentCheckpoint != parent.digest:
		if parent != m.tree.root {
			parent.agreed = h.ParentCheckpoint
		}
		m.tree.compare(parent, out)
		return false
	case !parent.fits(h), !parent.last && h.Time > max(parent.time+1, now+quoin.Time(m.c.Parameters.DriftMS)):
		return refuse()
	case !m.c.Rules.mayVote(m.lock, c.Proposal):
		return refuse()
	}
	i, ok := m.leader(parent.id)
	if !ok {
		return false
	}
	if i != from {
		return refuse()
	}
	c.link = m.add(c.Block)
	m.tree.need(c.link)
	return true
}
