package simplex

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// fetch asks a peer for a block and its uncertified ancestors, once a tick.
func (m *Simplex) fetch(id quoin.Hash, from int, out *consensus.Output) {
	if tick, asked := m.fetching[id]; asked && tick == m.ticks+1 || from == m.c.Self {
		return
	}
	m.fetching[id] = m.ticks + 1
	out.Fetch = append(out.Fetch, consensus.Fetch{From: from, Block: id, After: m.root.height})
}

// ask asks a peer for what ended the views from first to last, once a tick.
func (m *Simplex) ask(first, last quoin.View, from int, out *consensus.Output) {
	if m.asked.view == first && m.asked.tick == m.ticks+1 || from == m.c.Self || from == consensus.All {
		return
	}
	m.asked = answer{view: first, tick: m.ticks + 1}
	last = min(last, first+NullificationsMax-1)
	out.Send = append(out.Send, consensus.Envelope{To: from, Message: &Need{first, last}})
}

func (m *Simplex) answerNeed(from int, x *Need, out *consensus.Output) {
	if !m.mayAnswer(from, x.From) {
		return
	}
	if m.cert != nil && x.From <= m.cert.Checkpoint.View {
		out.Send = append(out.Send, consensus.Envelope{To: from, Message: &Certificate{*m.cert}})
	}
	for v := max(x.From, m.certified()+1); v <= min(x.To, x.From+NullificationsMax-1); v++ {
		r := m.rounds[v]
		if r == nil {
			continue
		}
		if r.nullification != nil {
			out.Send = append(out.Send, consensus.Envelope{To: from, Message: r.nullification})
		} else if r.notarization != nil {
			out.Send = append(out.Send, consensus.Envelope{To: from, Message: r.notarization})
		}
	}
}

// answer sends a peer that is behind what ends the view that it talks of.
func (m *Simplex) answer(from int, v quoin.View, out *consensus.Output) {
	var x consensus.Message
	switch r := m.rounds[v]; {
	case m.cert != nil && v <= m.cert.Checkpoint.View:
		x = &Certificate{*m.cert}
		v = m.cert.Checkpoint.View
	case r != nil && r.notarization != nil:
		x = r.notarization
	case r != nil && r.nullification != nil:
		x = r.nullification
	}
	if x != nil && m.mayAnswer(from, v) {
		out.Send = append(out.Send, consensus.Envelope{To: from, Message: x})
	}
}

// mayAnswer lets one in answerEvery messages about the same view be answered: a peer that repeats its
// votes sends a few at a time, and one answer is enough unless it was lost.
func (m *Simplex) mayAnswer(from int, v quoin.View) bool {
	a := &m.answered[from]
	if a.view == v && a.tick == m.ticks+1 && a.skipped < answerEvery-1 {
		a.skipped++
		return false
	}
	*a = answer{view: v, tick: m.ticks + 1}
	return true
}

// missing asks for the bodies without which nothing goes on: the highest certified block, the
// highest notarized one, and the unknown parents of needed blocks.
func (m *Simplex) missing(out *consensus.Output) {
	if m.cert != nil && m.cert.Checkpoint.View > m.root.view && m.links[m.cert.Checkpoint.Block] == nil {
		m.fetch(m.cert.Checkpoint.Block, m.signer(m.cert.Signers), out)
	}
	for v := m.view - 1; v > m.certified(); v-- {
		if r := m.rounds[v]; r != nil && r.notarization != nil {
			if m.links[r.notarization.Block] == nil {
				m.fetch(r.notarization.Block, m.signer(r.notarization.Signers), out)
			}
			break
		}
	}
	for _, l := range m.order {
		if l.needed && l.parent == nil && l.stage == waiting {
			m.fetch(l.block.Header().Parent, m.signer(l.block.Header().ParentVoters), out)
		}
	}
}

// fetched takes blocks that were asked for, and only those.
func (m *Simplex) fetched(in consensus.Fetched, out *consensus.Output) {
	n := len(in.Blocks)
	if n == 0 || m.ended {
		return
	}
	for i, b := range in.Blocks[1:] {
		if b.Header().Parent != in.Blocks[i].ID() {
			return
		}
	}
	last := in.Blocks[n-1]
	_, asked := m.fetching[last.ID()]
	certified := in.Certificate != nil && in.Certificate.Checkpoint.Block == last.ID()
	if !asked && !certified {
		return
	}
	for _, b := range in.Blocks {
		if h := b.Header(); h.Epoch == m.c.Epoch && h.View > m.root.view {
			m.need(m.add(b))
		}
	}
	if certified && in.Certificate.Checkpoint.View > m.root.view {
		if in.Certificate.Checkpoint.View > m.certified() {
			m.certificate(in.Certificate, out)
		} else {
			m.step = in.Certificate
		}
	}
	m.missing(out)
}

// needFetched adds a block that was asked for and came as a proposal.
func (m *Simplex) needFetched(b *quoin.Block) {
	if _, asked := m.fetching[b.ID()]; asked {
		m.need(m.add(b))
	}
}
