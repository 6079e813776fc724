package simplex

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// arm starts the view's timer if there is a reason (K4).
func (m *Simplex) arm(out *consensus.Output) {
	if m.armed || !m.busy() {
		return
	}
	m.armed = true
	m.timer++
	out.Timer = &consensus.Timer{ID: m.timer, AfterMS: m.timeout()}
}

// busy reports whether the view's timer has a reason to run.
func (m *Simplex) busy() bool {
	return m.wanted || len(m.order) > 0 || m.certified() > m.root.view || m.stirred >= m.view
}

// timeout returns base × 2^k, k the views since the highest certified one, capped.
func (m *Simplex) timeout() uint64 {
	p := &m.c.Parameters
	t := p.TimeoutBaseMS
	for k := m.certified() + 1; k < m.view && t < p.TimeoutMaxMS; k++ {
		t *= 2
	}
	return min(t, p.TimeoutMaxMS)
}

// timedOut gives the view up, repeats what others may have missed, asks for what is missing here,
// and runs the timer again.
func (m *Simplex) timedOut(out *consensus.Output) {
	if m.ended {
		return
	}
	m.ticks++
	m.armed = false
	if !m.busy() {
		return // the chain is idle: the reason for which the timer was set has gone
	}
	m.report(out, consensus.TimedOutView, m.view, quoin.Hash{})
	m.nullify(m.view, out)
	m.repeat(out)
	m.missing(out)
}

// repeat sends this replica's votes of the view, what opened it, the highest certificate, and its
// latest finalize votes: a lost one of an idle chain would otherwise never be made good.
func (m *Simplex) repeat(out *consensus.Output) {
	if m.cert != nil {
		m.send(&Certificate{*m.cert}, out)
	}
	if _, certificate := m.enteredBy.(*Certificate); m.enteredBy != nil && !certificate {
		m.send(m.enteredBy, out)
	}
	first := m.certified() + 1
	if m.view > repeatedFinalizes {
		first = max(first, m.view-repeatedFinalizes)
	}
	for v := first; v <= m.view; v++ {
		r := m.rounds[v]
		if r == nil {
			continue
		}
		if r.finalized != nil {
			m.send(r.finalized, out)
		}
		if v < m.view {
			continue
		}
		if r.own != nil {
			for i, vote := range r.notarizes {
				if vote == nil && i != m.c.Self {
					out.Send = append(out.Send, consensus.Envelope{To: i, Message: r.own})
				}
			}
		}
		if r.voted != nil {
			m.send(r.voted, out)
		}
		if r.nullified != nil {
			m.send(r.nullified, out)
		}
	}
}
