package simplex

import (
	"bytes"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// rescueEvery is the distance between rescue views, whose leaders are the validators in turn.
const rescueEvery = 4

// leader returns the leader of a view on a parent. calls, if not nil, counts the calls that reached
// the binding for one peer's proposals.
func (m *Simplex) leader(v quoin.View, parent quoin.Hash, calls *int) (int, bool) {
	if v%rescueEvery == 0 {
		return int(uint64(v/rescueEvery) % uint64(m.c.Validators.Len())), true
	}
	key := leaderKey{v, parent}
	if i, ok := m.leaders[key]; ok {
		return i, true
	}
	if calls != nil {
		if *calls >= leaderCallsMax {
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
// highest view that is notarized, unless it is not executed, has another result here, or a view
// since then is neither notarized nor nullified here.
func (m *Simplex) parent() *link {
	for v := m.view - 1; v > m.root.view; v-- {
		r := m.rounds[v]
		switch {
		case m.cert != nil && m.cert.Checkpoint.View == v:
			return m.agreed(m.links[m.cert.Checkpoint.Block], m.cert.Checkpoint.Digest())
		case r != nil && r.notarization != nil:
			return m.agreed(m.links[r.notarization.Block], r.notarization.Checkpoint)
		case r == nil || r.nullification == nil:
			return nil
		}
	}
	return m.root
}

func (m *Simplex) agreed(l *link, digest quoin.Hash) *link {
	if l == nil || l.stage != valid || l.digest != digest || !m.extends(l) {
		return nil
	}
	return l
}

// extends reports whether l is, or descends from, the highest certified block.
func (m *Simplex) extends(l *link) bool {
	top := m.root.id
	if m.cert != nil && m.cert.Checkpoint.View > m.root.view {
		top = m.cert.Checkpoint.Block
	}
	for ; l != nil; l = l.parent {
		if l.id == top {
			return true
		}
	}
	return false
}

// propose demands a new block's transactions if this replica leads the view and there is a reason.
//
// A block that is merely uncertified is a reason only in a view that a nullification opened: in the
// good case its certificate is one message delay behind its notarization, and proposing at once
// would make an idle chain run for ever. The view's timer runs meanwhile, so trouble is met by
// nullifying one view.
func (m *Simplex) propose(now quoin.Time, out *consensus.Output) {
	if !m.votes() || m.building {
		return
	}
	r := m.round(m.view)
	if r.proposed || r.nullified != nil {
		return
	}
	p := m.parent()
	if p == nil {
		return
	}
	must := m.troubled(p)
	if !must && (!m.wanted || m.nothing || p.last) {
		return
	}
	if _, _, ok := m.proof(p); !ok {
		return
	}
	if i, ok := m.leader(m.view, p.id, nil); !ok || i != m.c.Self {
		return
	}
	m.building = true
	t := max(now, p.time+1)
	if p.last {
		t = p.time
	}
	out.Build = append(out.Build, consensus.Build{View: m.view, Parent: p.id, Time: t,
		Empty: m.depth(p) >= m.c.Parameters.PipelineMaxBlocks, Tail: p.last, Must: must})
}

// troubled reports whether a block is needed only to certify its parent.
func (m *Simplex) troubled(parent *link) bool {
	_, nullified := m.enteredBy.(*Nullification)
	return nullified && parent.view > m.certified()
}

// depth counts the blocks above the highest certified one up to l.
func (m *Simplex) depth(l *link) uint64 {
	n := uint64(0)
	for ; l != nil && l.view > m.certified(); l = l.parent {
		n++
	}
	return n
}

// built signs and sends a block of the transactions that were demanded.
func (m *Simplex) built(now quoin.Time, in consensus.Built, out *consensus.Output) {
	p := m.parent()
	asked := m.building
	m.building = false
	if m.ended || !asked || in.View != m.view || p == nil {
		return // the view has passed; the transactions stay pending
	}
	if in.Nothing {
		m.nothing = true // until the view ends or the driver says Wanted again
		return
	}
	parent, voters, ok := m.proof(p)
	if !ok {
		return
	}
	h := quoin.Header{Epoch: m.c.Epoch, View: m.view, Height: p.height + 1, Parent: p.id, ParentCheckpoint: p.digest,
		ParentView: p.view, ParentVoters: voters, Time: max(now, p.time+1), Proposer: uint16(m.c.Self)}
	if p.last {
		h.Height, h.Time, in.Transactions = p.height, p.time, nil
	}
	block := quoin.NewBlock(h, in.Transactions)
	proposal := &Proposal{Block: block, Parent: parent, Highest: m.cert, Signature: m.c.Signer.Sign(m.domain.propose(m.view, block.ID()))}

	r := m.round(m.view)
	r.proposed, r.own = true, proposal
	m.persistBody(m.add(proposal.Block), out)
	out.Persist = append(out.Persist, proposedRecord(m.view, proposal.Block.ID()))
	m.send(proposal, out)
	r.candidates = append(r.candidates, candidate{m.c.Self, proposal})
}

// proof returns what proves a parent, and whose votes it holds: its notarization, or the highest
// certificate (which a proposal carries anyway) if it is the parent's.
func (m *Simplex) proof(p *link) (*Notarization, quoin.Bitmap, bool) {
	if p.view == 0 {
		return nil, nil, true
	}
	if m.cert != nil && m.cert.Checkpoint.Block == p.id {
		return nil, m.cert.Signers, true
	}
	if r := m.rounds[p.view]; r != nil && r.notarization != nil {
		return r.notarization, r.notarization.Signers, true
	}
	return nil, nil, false
}

// receiveProposal keeps a proposal until it can be judged, and learns from what it carries.
func (m *Simplex) receiveProposal(from int, p *Proposal, out *consensus.Output) {
	if p.Highest != nil {
		m.certificate(p.Highest, out)
	}
	if p.Parent != nil {
		m.notarization(p.Parent, out)
	}
	h := p.Block.Header()
	if h.View <= m.certified() || h.View > m.view+lookahead {
		return
	}
	r := m.round(h.View)
	same := 0
	for _, c := range r.candidates {
		if c.proposal.Block.ID() == p.Block.ID() {
			return
		}
		if c.proposal.Block.Header().Proposer == h.Proposer {
			same++
		}
	}
	if same >= candidatesMax {
		return
	}
	r.candidates = append(r.candidates, candidate{from, p})
	if n := r.notarization; n != nil && n.Block == p.Block.ID() {
		m.need(m.add(p.Block))
	}
	m.needFetched(p.Block)
}

// consider looks at the proposals of the current view in order of arrival: the first valid one
// counts.
func (m *Simplex) consider(now quoin.Time, out *consensus.Output) {
	r := m.rounds[m.view]
	if r == nil || len(r.candidates) == 0 {
		return
	}
	if r.proposal != nil && r.proposal.stage != invalid && !m.c.Rules.VoteTwice {
		m.vote(r, out)
		return
	}
	r.proposal = nil
	for i := 0; i < len(r.candidates); i++ {
		c := r.candidates[i]
		switch m.judge(now, r, c, out) {
		case accepted:
			r.proposal = m.add(c.proposal.Block)
			m.need(r.proposal)
			m.vote(r, out)
			if !m.c.Rules.VoteTwice {
				return
			}
		case refused:
			r.candidates = append(r.candidates[:i:i], r.candidates[i+1:]...)
			i--
			m.report(out, consensus.RefusedBlock, m.view, c.proposal.Block.ID())
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
func (m *Simplex) judge(now quoin.Time, r *round, c candidate, out *consensus.Output) judgement {
	p, h := c.proposal, c.proposal.Block.Header()
	if l := m.links[p.Block.ID()]; l != nil && l.stage == invalid {
		return refused
	}
	if !proved(p) {
		return refused
	}
	parent := m.links[h.Parent]
	if parent == nil {
		m.fetch(h.Parent, c.from, out)
		return undecided
	}
	if !m.extends(parent) && !m.c.Rules.AcceptStaleParent {
		if m.rooted(parent) {
			return refused // it forks off below the highest certificate
		}
		return undecided // an ancestor is being fetched
	}
	m.need(parent)
	if parent.stage == invalid {
		return refused
	}
	if parent.stage != valid {
		return undecided
	}
	if h.ParentCheckpoint != parent.digest {
		m.diverge(parent, out)
		return undecided
	}
	if !fits(h, parent) || !parent.last && h.Time > max(parent.time+1, now+quoin.Time(m.c.Parameters.DriftMS)) {
		return refused
	}
	if missing, gap := m.gap(parent.view, h.View); gap && !m.c.Rules.AcceptStaleParent {
		m.ask(missing, h.View-1, c.from, out)
		return undecided
	}
	if r.leaderCalls == nil {
		r.leaderCalls = map[int]int{}
	}
	calls := r.leaderCalls[c.from]
	i, ok := m.leader(h.View, parent.id, &calls)
	r.leaderCalls[c.from] = calls
	switch {
	case !ok:
		return undecided
	case i != int(h.Proposer):
		return refused
	}
	return accepted
}

// proved reports whether what a proposal carries proves the parent exactly as its header says.
func proved(p *Proposal) bool {
	h := p.Block.Header()
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

// gap returns the first view between two, both excluded, that is not nullified here.
func (m *Simplex) gap(parent, view quoin.View) (quoin.View, bool) {
	for v := parent + 1; v < view; v++ {
		if r := m.rounds[v]; r == nil || r.nullification == nil {
			return v, true
		}
	}
	return 0, false
}

// rooted reports whether l's ancestors are known down to the root or below it.
func (m *Simplex) rooted(l *link) bool {
	for l.parent != nil {
		l = l.parent
	}
	return l == m.root || l.view <= m.root.view || l.stage != waiting
}
