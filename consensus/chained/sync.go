package chained

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

// peer is what is kept of another validator.
type peer struct {
	credit int        // bytes of answers that it may still have
	gaveUp quoin.View // the highest view of a timeout of it
	asked  uint64     // the tick in which it was asked last, and one
}

func (p *peer) earn(bytes int) { p.credit = min(p.credit+bytes, answerCreditMax) }

// fetch asks a peer for a block and its uncertified ancestors, and at most one other in the same
// tick: the first may be down.
func (m *Chained) fetch(id quoin.Hash, from int, out *consensus.Output) {
	q, asked := m.fetching[id]
	switch {
	case from == m.c.Self:
		return
	case !asked || q.tick != m.ticks:
		q = question{tick: m.ticks, from: from}
	case q.again || q.from == from:
		return
	default:
		q.again = true
	}
	m.fetching[id] = q
	out.Fetch = append(out.Fetch, consensus.Fetch{From: from, Block: id, After: m.tree.root.height})
}

// missing asks for the bodies without which nothing goes on: the highest certified block, the highest
// with a quorum, and the unknown parents of needed blocks.
func (m *Chained) missing(out *consensus.Output) {
	if c := m.cert; c != nil && c.Checkpoint.View > m.tree.root.view && m.tree.links[c.Checkpoint.Block] == nil {
		m.fetch(c.Checkpoint.Block, m.signer(c.Signers), out)
	}
	if at := m.top(); at.view > m.certified() && m.tree.links[at.block] == nil {
		m.fetch(at.block, m.signer(m.high.signers()), out)
	}
	for _, l := range m.tree.order {
		if l.needed && l.parent == nil && l.stage == waiting {
			m.fetch(l.block.Header().Parent, m.signer(l.block.Header().ParentVoters), out)
		}
	}
}

// fetched takes blocks that were asked for, and only those, or that are certified.
func (m *Chained) fetched(in consensus.Fetched, out *consensus.Output) {
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
			return
		}
	}
	for _, b := range in.Blocks {
		if h := b.Header(); h.Epoch == m.c.Epoch && h.View > m.tree.root.view {
			m.tree.need(m.add(b))
		}
	}
	if certified && in.Certificate.Checkpoint.View > m.certified() {
		m.certificate(in.Certificate, out)
	} else if certified && in.Certificate.Checkpoint.View > m.tree.root.view {
		m.step = in.Certificate
	}
	m.missing(out)
}

// ask asks a peer, once a tick, for what it knows above what this replica does.
func (m *Chained) ask(from int, out *consensus.Output) {
	if p := &m.peers[from]; p.asked != m.ticks+1 {
		p.asked = m.ticks + 1
		out.Send = append(out.Send, consensus.Envelope{To: from, Message: &Ask{m.certified(), m.view}})
	}
}

// catchUp asks the sender of a vote that shows this replica to be behind. Those of the next view are
// usually just ahead of what opens it.
func (m *Chained) catchUp(from int, message consensus.Message, out *consensus.Output) {
	switch x := message.(type) {
	case *Vote:
		if x.View > m.view+1 {
			m.ask(from, out)
		}
	case *Timeout:
		if x.View > m.view {
			m.ask(from, out)
		}
	}
}

// answerAsk tells a peer what opened the current view, and the highest certificate.
func (m *Chained) answerAsk(from int, x *Ask, out *consensus.Output) {
	if from < 0 || from >= len(m.peers) || from == m.c.Self {
		return
	}
	if m.cert != nil && x.Certified < m.cert.Checkpoint.View {
		m.answer(from, &Certificate{*m.cert}, out)
	}
	if o := m.opener(); o != nil && x.View < m.view && !m.ended {
		m.answer(from, o, out)
	}
}

// lagging answers a peer that gives up a view that is over here. The timeout may just be late: if the
// view was given up by others too, the answer waits for it to be repeated.
func (m *Chained) lagging(from int, v quoin.View, out *consensus.Output) {
	p := &m.peers[from]
	again := v <= p.gaveUp
	p.gaveUp = max(p.gaveUp, v)
	if m.ended || v < m.view && (again || v+1 < m.view || m.tc == nil || m.tc.View != v) {
		m.answerAsk(from, &Ask{View: v}, out)
	}
}

// answer sends a message that a peer provoked, at the cost of its credit, so that answers cannot be
// used to make this replica send much for little.
func (m *Chained) answer(to int, x consensus.Message, out *consensus.Output) {
	size := 256
	switch x := x.(type) {
	case *Certificate:
		size += quoin.CheckpointTextMax + 64*len(x.Signatures)
	case *QC:
		size += 64 * len(x.Signatures)
	case *TC:
		size += 2*quoin.CheckpointTextMax + 3*64*len(x.Signatures)
	}
	if p := &m.peers[to]; p.credit >= size {
		p.credit -= size
		out.Send = append(out.Send, consensus.Envelope{To: to, Message: x})
	}
}

// signer returns some signer that is not this replica, another one at every tick; replicas begin at
// different ones.
func (m *Chained) signer(signers quoin.Bitmap) int {
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
