package simplex

import (
	"bytes"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// rescueEvery is the distance between rescue views, whose leaders are the validators in turn (K5).
const rescueEvery = 4

// IsRescue reports whether a view is a rescue view.
func IsRescue(v quoin.View) bool { return v%rescueEvery == 0 }

// Rescuer returns the leader of a rescue view among so many validators.
func Rescuer(v quoin.View, validators int) int {
	return int(uint64(v/rescueEvery) % uint64(validators))
}

func (m *Simplex) rescuer(v quoin.View) (int, bool) {
	return Rescuer(v, m.c.Validators.Len()), IsRescue(v) && !m.c.Rules.NoRescue
}

// leader returns the leader of a view on a parent. calls, if not nil, counts the calls that reached
// the binding for one proposer's blocks.
func (m *Simplex) leader(v quoin.View, parent quoin.Hash, calls *int) (int, bool) {
	if i, ok := m.rescuer(v); ok {
		return i, true
	}
	key := leaderKey{v, parent}
	if i, ok := m.leaders[key]; ok {
		return i, true
	}
	if calls != nil {
		if *calls >= leaderCallsMax {
			m.c.Marks.Reach(&marks[markLeaderCallsCapped])
			return 0, false
		}
		*calls++
	}
	i, ok := m.c.Leaders.Leader(v, parent)
	if ok {
		m.leaders[key] = i
	}
	return i, ok
}

// parent returns the block on which this replica would propose in the current view: that of the
// highest view that is notarized, passing over views that are nullified; nil if a view is neither,
// or if the notarized block is not executed, or has another result here, and may still be certified.
func (m *Simplex) parent() *link {
	for v := m.view - 1; v > m.root.view; v-- {
		r := m.rounds[v]
		if m.cert != nil && m.cert.Checkpoint.View == v {
			return m.agreed(m.cert.Checkpoint.Block, m.cert.Checkpoint.Digest())
		}
		if r == nil {
			return nil
		}
		if n := r.notarization; n != nil {
			if l := m.agreed(n.Block, n.Checkpoint); l != nil {
				return l
			}
		}
		if r.nullification == nil {
			return nil
		}
		m.c.Marks.Sometimes(&marks[markPassedOver], r.notarization != nil)
	}
	return m.root
}

func (m *Simplex) agreed(id, digest quoin.Hash) *link {
	l := m.links[id]
	if l == nil || l.stage != valid || l.digest != digest || !m.extends(l) {
		return nil
	}
	return l
}

// propose demands a new block's transactions if this replica leads the view and there is a reason.
//
// A block that is merely uncertified is a reason only in a view that a nullification opened: in the
// good case its certificate is one message delay behind its notarization, and proposing at once
// would make an idle chain run for ever. The view's timer runs meanwhile, so trouble is met by
// nullifying one view.
func (m *Simplex) propose(now quoin.Time, out *consensus.Output) {
	if !m.votes() || m.building != nil {
		return
	}
	if r := m.rounds[m.view]; r != nil && (r.proposed || r.nullified != nil) {
		return
	}
	p := m.parent()
	if p == nil {
		return
	}
	must := m.troubled()
	if !must && (!m.wanted || m.nothing || p.last) {
		return
	}
	if _, _, ok := m.proof(p); !ok {
		return
	}
	if i, ok := m.leader(m.view, p.id, nil); !ok || i != m.c.Self {
		return
	}
	m.building = &consensus.Build{View: m.view, Parent: p.id, Time: max(now, p.time+1),
		Empty: m.depth(p) >= m.c.Parameters.PipelineMaxBlocks, Tail: p.last, Must: must}
	m.c.Marks.Sometimes(&marks[markPipelineFull], m.building.Empty)
	if p.last {
		m.building.Time = p.time
	}
	out.Build = append(out.Build, *m.building)
}

// troubled reports whether a block is needed only to certify what is notarized, even if it is empty.
func (m *Simplex) troubled() bool {
	_, nullified := m.enteredBy.(*Nullification)
	return nullified && m.notarized > m.certified()
}

// built signs and sends a block of the transactions that were demanded.
func (m *Simplex) built(in consensus.Built, out *consensus.Output) {
	if m.building == nil || in.View != m.building.View || !m.running() {
		return // the view has passed; the transactions stay pending
	}
	asked := m.building
	m.building = nil
	if in.Nothing && !asked.Must {
		m.c.Marks.Reach(&marks[markNothingToPropose])
		m.nothing = true // until the view ends or the driver says Wanted again
		return
	}
	m.c.Marks.Sometimes(&marks[markTroubleProposed], asked.Must && len(in.Transactions) == 0)
	r, p := m.round(m.view), m.links[asked.Parent]
	if r.proposed || r.nullified != nil || p == nil || !m.extends(p) {
		return
	}
	parent, voters, ok := m.proof(p)
	if !ok {
		return
	}
	h := quoin.Header{Epoch: m.c.Epoch, View: m.view, Height: p.height + 1, Parent: p.id, ParentCheckpoint: p.digest,
		ParentView: p.view, ParentVoters: voters, Time: asked.Time, Proposer: uint16(m.c.Self)}
	if p.last {
		m.c.Marks.Reach(&marks[markTailProposed])
		h.Height, in.Transactions = p.height, nil
	}
	block := quoin.NewBlock(h, in.Transactions)
	proposal := &Proposal{Block: block, Parent: parent, Highest: m.cert, Signature: m.c.Signer.Sign(m.domain.propose(m.view, block.ID()))}

	r.proposed = true
	m.persistBody(m.add(block), out)
	out.Persist = append(out.Persist, proposedRecord(m.view, block.ID()))
	m.send(proposal, out)
	m.candidates = append(m.candidates, proposal)
	m.candidateBytes += block.Size()
}

// proof returns what proves a parent, and whose votes it holds: its notarization, or the highest
// certificate (which a proposal carries anyway) if it is the parent's.
func (m *Simplex) proof(p *link) (*Notarization, quoin.Bitmap, bool) {
	if p.view == 0 {
		return nil, nil, true
	}
	if m.cert != nil && m.cert.Checkpoint.Block == p.id {
		m.c.Marks.Reach(&marks[markProvedByCertificate])
		return nil, m.cert.Signers, true
	}
	if r := m.rounds[p.view]; r != nil && r.notarization != nil {
		return r.notarization, r.notarization.Signers, true
	}
	return nil, nil, false
}

// receiveProposal learns from what a proposal carries, and keeps its block until it can be judged.
func (m *Simplex) receiveProposal(p *Proposal, out *consensus.Output) {
	if p.Highest != nil {
		m.certificate(p.Highest, out)
	}
	if p.Parent != nil {
		m.notarization(p.Parent, out)
	}
	h := p.Block.Header()
	if h.View <= m.certified() || h.View > m.view+lookahead {
		m.c.Marks.Reach(&marks[markProposalBeyond])
		return
	}
	if !m.offer(p, out) {
		return
	}
	if !m.anchored(p) {
		m.c.Marks.Reach(&marks[markUnanchored])
		m.report(out, consensus.RefusedBlock, h.View, p.Block.ID())
		return
	}
	r := m.rounds[h.View]
	_, asked := m.fetching[p.Block.ID()]
	if asked || r.notarization != nil && r.notarization.Block == p.Block.ID() {
		m.c.Marks.Reach(&marks[markProposalAwaited])
		m.need(m.add(p.Block))
	}
	if i, ok := m.rescuer(h.View); h.View >= m.view && (!ok || i == int(h.Proposer)) {
		m.keep(p)
	}
}

// offer notes that a validator proposed a block in a view, and reports whether it is worth a look:
// not the same again, nor one of too many.
func (m *Simplex) offer(p *Proposal, out *consensus.Output) bool {
	h, id := p.Block.Header(), p.Block.ID()
	r := m.round(h.View)
	if r.offers == nil {
		r.offers = map[int][]quoin.Hash{}
	}
	before := r.offers[int(h.Proposer)]
	if len(before) >= offersMax || slices.Contains(before, id) {
		return false
	}
	if len(before) > 0 {
		m.c.Marks.Reach(&marks[markTwoProposals])
		detail := []consensus.Vote{{Validator: int(h.Proposer), Message: p}}
		for _, c := range m.candidates {
			if c.Block.ID() == before[0] {
				detail = append(detail, consensus.Vote{Validator: int(h.Proposer), Message: c})
			}
		}
		out.Reports = append(out.Reports, consensus.Report{Kind: consensus.Equivocation, View: h.View, Block: id, Peer: int(h.Proposer), Detail: detail})
	}
	r.offers[int(h.Proposer)] = append(before, id)
	return true
}

// anchored reports whether what a proposal carries proves the parent exactly as its header says,
// and the parent is the highest certified block or above it. So the parent is a real block, which
// its voters have, and nobody can make a replica ask for another.
func (m *Simplex) anchored(p *Proposal) bool {
	h := p.Block.Header()
	if !m.c.Rules.AcceptStaleParent && (h.ParentView < m.certified() || h.ParentView == m.certified() && h.Parent != m.top()) {
		return false
	}
	switch {
	case h.ParentView == 0:
		return len(h.ParentVoters) == 0 && p.Parent == nil
	case p.Parent != nil:
		n := p.Parent
		return n.Block == h.Parent && n.View == h.ParentView && n.Checkpoint == h.ParentCheckpoint && bytes.Equal(n.Signers, h.ParentVoters)
	case p.Highest != nil:
		c := &p.Highest.Checkpoint
		return c.Block == h.Parent && c.View == h.ParentView && c.Digest() == h.ParentCheckpoint && bytes.Equal(p.Highest.Signers, h.ParentVoters)
	}
	return false
}

// keep keeps a candidate. If they are too large in all, those of the furthest view go first, among
// them those of the proposer who has most, among those the latest: flooding costs the flooder.
func (m *Simplex) keep(p *Proposal) {
	m.candidates = append(m.candidates, p)
	m.candidateBytes += p.Block.Size()
	for m.candidateBytes > candidateBytesMax {
		held := make([]int, m.c.Validators.Len())
		for _, c := range m.candidates {
			held[c.Block.Header().Proposer] += c.Block.Size()
		}
		m.c.Marks.Reach(&marks[markCandidateDropped])
		worst := m.candidates[0]
		for _, c := range m.candidates[1:] {
			a, b := c.Block.Header(), worst.Block.Header()
			if a.View > b.View || a.View == b.View && held[a.Proposer] >= held[b.Proposer] {
				worst = c
			}
		}
		m.dropCandidates(func(c *Proposal) bool { return c == worst })
	}
}

func (m *Simplex) dropCandidates(drop func(*Proposal) bool) {
	m.candidates = slices.DeleteFunc(m.candidates, func(p *Proposal) bool {
		if !drop(p) {
			return false
		}
		m.candidateBytes -= p.Block.Size()
		return true
	})
}

// consider looks at the proposals of the current view in order of arrival: the first valid one
// counts.
func (m *Simplex) consider(now quoin.Time, out *consensus.Output) {
	r, view := m.rounds[m.view], m.view
	if r == nil || r.nullified != nil {
		return
	}
	if r.proposal != nil && r.proposal.stage != invalid && !m.c.Rules.VoteTwice {
		m.vote(r, out)
		return
	}
	r.proposal = nil
	for i := 0; i < len(m.candidates) && m.view == view; i++ {
		p := m.candidates[i]
		if p.Block.Header().View != view {
			continue
		}
		switch m.judge(now, r, p, out) {
		case accepted:
			r.proposal = m.add(p.Block)
			m.need(r.proposal)
			m.vote(r, out)
			if !m.c.Rules.VoteTwice {
				return
			}
		case refused:
			m.c.Marks.Reach(&marks[markCandidateRefused])
			m.dropCandidates(func(c *Proposal) bool { return c == p })
			i--
			if l := m.links[p.Block.ID()]; l == nil || l.stage != invalid { // else it was reported
				m.report(out, consensus.RefusedBlock, view, p.Block.ID())
			}
		case undecided:
		}
	}
}

type judgement uint8

const (
	undecided judgement = iota
	accepted
	refused
)

// judge decides whether a proposal of the current view may be voted for, its execution apart.
func (m *Simplex) judge(now quoin.Time, r *round, p *Proposal, out *consensus.Output) judgement {
	h := p.Block.Header()
	from := int(h.Proposer)
	if l := m.links[p.Block.ID()]; l != nil && l.stage == invalid {
		return refused
	}
	if !m.anchored(p) {
		return refused // a certificate has passed it by
	}
	parent := m.links[h.Parent]
	if parent == nil {
		m.c.Marks.Reach(&marks[markParentUnknown])
		m.fetch(h.Parent, from, out)
		return undecided
	}
	m.need(parent)
	if parent.stage == invalid {
		return refused
	}
	if parent.stage != valid {
		m.c.Marks.Reach(&marks[markParentExecuting])
		return undecided
	}
	if !m.extends(parent) && !m.c.Rules.AcceptStaleParent {
		return refused // executed, so its ancestors are known, and the highest certified block is none of them
	}
	if h.ParentCheckpoint != parent.digest {
		m.diverge(parent, out)
		return undecided
	}
	if !fits(h, parent) || !parent.last && h.Time > max(parent.time+1, now+quoin.Time(m.c.Parameters.DriftMS)) {
		m.c.Marks.Reach(&marks[markHeaderMisfit])
		return refused
	}
	if missing, gap := m.gap(parent.view, h.View); gap && !m.c.Rules.AcceptStaleParent {
		m.c.Marks.Reach(&marks[markGap])
		m.ask(missing, h.View-1, from, out)
		return undecided
	}
	if r.leaderCalls == nil {
		r.leaderCalls = map[int]int{}
	}
	calls := r.leaderCalls[from]
	i, ok := m.leader(h.View, parent.id, &calls)
	r.leaderCalls[from] = calls
	switch {
	case !ok:
		return undecided
	case i != from:
		m.c.Marks.Reach(&marks[markNotTheLeader])
		return refused
	}
	return accepted
}

// gap returns the first view between two, both excluded, that is not nullified here.
func (m *Simplex) gap(parent, view quoin.View) (quoin.View, bool) {
	for v := parent + 1; v < view; v++ {
		if r := m.rounds[v]; r == nil || r.nullification == nil {
			return v, true
		}
	}
	return 0, false
}
