package simplex

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// question is what became of asking for a block.
type question struct {
	tick  uint64
	from  int // who was asked first in this tick
	again bool
}

// fetch asks a peer for a block and its uncertified ancestors, and at most one other in the same
// tick: the first may be down.
func (m *Simplex) fetch(id quoin.Hash, from int, out *consensus.Output) {
	if from == m.c.Self {
		return
	}
	q, asked := m.fetching[id]
	switch {
	case !asked || q.tick != m.ticks:
		q = question{tick: m.ticks, from: from}
	case q.again || q.from == from:
		return
	default:
		m.c.Marks.Reach(&marks[markFetchedAgain])
		q.again = true
	}
	m.fetching[id] = q
	out.Fetch = append(out.Fetch, consensus.Fetch{From: from, Block: id, After: m.root.height})
}

// missing asks for the bodies without which nothing goes on: the highest certified block, the
// highest notarized one, and the unknown parents of needed blocks; and for what ended the views
// between the highest notarized one and this.
func (m *Simplex) missing(out *consensus.Output) {
	if m.cert != nil && m.cert.Checkpoint.View > m.root.view && m.links[m.cert.Checkpoint.Block] == nil {
		m.fetch(m.cert.Checkpoint.Block, m.signer(m.cert.Signers), out)
	}
	if r := m.rounds[m.notarized]; r != nil && r.notarization != nil && m.notarized > m.certified() && m.links[r.notarization.Block] == nil {
		m.fetch(r.notarization.Block, m.signer(r.notarization.Signers), out)
	}
	for _, l := range m.order {
		if l.needed && l.parent == nil && l.stage == waiting {
			m.c.Marks.Reach(&marks[markAncestorMissing])
			m.fetch(l.block.Header().Parent, m.signer(l.block.Header().ParentVoters), out)
		}
	}
	if m.hole < m.view {
		m.ask(m.hole, m.view-1, m.anyone(), out)
	}
}

// fetched takes blocks that were asked for, and only those, or that are certified.
func (m *Simplex) fetched(in consensus.Fetched, out *consensus.Output) {
	if !m.running() {
		return
	}
	certified := in.Certificate != nil
	if n := len(in.Blocks); n > 0 {
		for i, b := range in.Blocks[1:] {
			if b.Header().Parent != in.Blocks[i].ID() {
				return
			}
		}
		last := in.Blocks[n-1].ID()
		_, asked := m.fetching[last]
		certified = certified && in.Certificate.Checkpoint.Block == last
		if !asked && !certified {
			m.c.Marks.Reach(&marks[markFetchedUnasked])
			return
		}
	}
	for _, b := range in.Blocks {
		if h := b.Header(); h.Epoch == m.c.Epoch && h.View > m.root.view {
			m.need(m.add(b))
		}
	}
	if certified && in.Certificate.Checkpoint.View > m.certified() {
		m.certificate(in.Certificate, out)
	} else if certified && in.Certificate.Checkpoint.View > m.root.view {
		m.step = in.Certificate
	}
	m.missing(out)
}

// ask asks a peer for what ended the views from first to last, once a tick.
func (m *Simplex) ask(first, last quoin.View, from int, out *consensus.Output) {
	if from < 0 || from == m.c.Self || last < first {
		return
	}
	p := &m.peers[from]
	if p.askedTick == m.ticks+1 && p.askedFirst <= first && first <= p.askedLast {
		return
	}
	last = min(last, first+NullificationsMax-1)
	p.askedFirst, p.askedLast, p.askedTick = first, last, m.ticks+1
	out.Send = append(out.Send, consensus.Envelope{To: from, Message: &Need{first, last}})
}

// catchUp asks the sender of a message that shows this replica to be behind, or to have passed over
// views, for what ended them. Votes of the next view are usually just ahead of what opens it.
func (m *Simplex) catchUp(from int, message consensus.Message, out *consensus.Output) {
	if !m.running() || from < 0 || from >= len(m.peers) {
		return
	}
	v, next := viewOf(message), m.view+1
	switch message.(type) {
	case *Proposal:
		next = m.view
	case *Notarization, *Nullification, *Certificate:
		if p := &m.peers[from]; p.askedTick == m.ticks+1 && m.hole > p.askedLast {
			v = max(v, m.stirred) // a range was answered to its end: on to the next
		}
		v = max(v, m.view)
		if m.hole == m.view {
			break
		}
		next = m.hole
	}
	if v > next {
		m.ask(m.hole, v-1, from, out)
	}
}

// answerNeed sends what ended the views that a peer asks about, as far as its credit goes: the
// highest certificate, nullifications, and where there is none, the notarization or this replica's
// own vote to nullify.
func (m *Simplex) answerNeed(from int, x *Need, out *consensus.Output) {
	if from < 0 || from >= len(m.peers) || from == m.c.Self {
		return
	}
	if m.cert != nil && x.From <= m.cert.Checkpoint.View {
		m.c.Marks.Reach(&marks[markAnsweredCertificate])
		m.answer(from, &Certificate{*m.cert}, out)
	}
	first := max(x.From, m.certified()+1)
	if m.ended || first > x.To || first >= m.view {
		return
	}
	last := min(x.To, m.view-1, first+NullificationsMax-1)
	for v := last; v >= first; v-- { // the peer enters the last view at once, and need not relay the rest
		r := m.rounds[v]
		switch {
		case r == nil:
		case r.nullification != nil:
			m.c.Marks.Reach(&marks[markAnsweredNullification])
			m.answer(from, r.nullification, out)
		case r.notarization != nil:
			m.c.Marks.Reach(&marks[markAnsweredNotarization])
			m.answer(from, r.notarization, out)
		case r.nullified != nil:
			m.c.Marks.Reach(&marks[markAnsweredNullify])
			m.answer(from, r.nullified, out)
		}
	}
}

// lagging answers a peer whose message is about a view that is over here with what ended it: the
// highest certificate, and what opened the current view (K4). A late vote is no sign of trouble, so
// the answer waits for the peer to repeat itself, unless it is far behind.
func (m *Simplex) lagging(from int, v quoin.View, kind byte, out *consensus.Output) {
	p := &m.peers[from]
	if v < p.latest && v > m.certified() || v < p.stale {
		return // one answer is enough for all that a peer repeats at a time-out
	}
	far := v+staleViews <= m.certified()
	if v > p.stale {
		p.stale, p.kinds = v, 0
	} else {
		far = false
	}
	seen := p.kinds&(1<<kind) != 0
	p.kinds |= 1 << kind
	if !seen && !far {
		return
	}
	m.c.Marks.Sometimes(&marks[markFarBehind], far)
	p.kinds = 1 << kind
	if m.cert != nil && (m.ended || v <= m.cert.Checkpoint.View) {
		m.answer(from, &Certificate{*m.cert}, out)
	}
	if _, certificate := m.enteredBy.(*Certificate); m.enteredBy != nil && !certificate && !m.ended {
		m.answer(from, m.enteredBy, out)
	}
}

// answer sends a message that a peer provoked, at the cost of its credit, so that answers cannot be
// used to make this replica send much for little.
func (m *Simplex) answer(to int, x consensus.Message, out *consensus.Output) {
	size := 256
	switch x := x.(type) {
	case *Certificate:
		size += quoin.CheckpointTextMax + 64*len(x.Signatures)
	case *Notarization:
		size += 64 * len(x.Signatures)
	case *Nullification:
		size += 64 * len(x.Signatures)
	}
	p := &m.peers[to]
	if p.credit < size {
		m.c.Marks.Reach(&marks[markOutOfCredit])
		return
	}
	p.credit -= size
	out.Send = append(out.Send, consensus.Envelope{To: to, Message: x})
}

func (p *peer) earn(bytes int) { p.credit = min(p.credit+bytes, answerCreditMax) }

// anyone returns another validator, another one at every tick.
func (m *Simplex) anyone() int {
	n := uint64(m.c.Validators.Len())
	if !m.votes() {
		return int(m.ticks % n)
	}
	if n == 1 {
		return consensus.All
	}
	self := uint64(m.c.Self)
	return int((self + 1 + m.ticks%(n-1)) % n)
}
