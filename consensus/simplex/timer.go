package simplex

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// Pacemaker chooses how long this replica waits in a view, instead of the built-in rule. The machine
// calls it in Step, synchronously.
//
// Safety does not depend on the answers. Liveness wants them to stay within constant factors of the
// built-in rule's, so that they grow while nothing is certified; whoever implements it sees to that.
type Pacemaker interface {
	// Timeout returns the milliseconds after which view v is given up, at least 1. It is asked each
	// time that the view's timer starts: when there is a reason to wait, and again when the view has
	// timed out. builtinMS is what the built-in rule gives, certified the highest view with a
	// certificate.
	Timeout(v, certified quoin.View, builtinMS uint64, again bool) uint64
	// Left says that view v is over: notarized if by a block of that view, as far as this replica
	// knows when it leaves.
	Left(v quoin.View, notarized bool)
}

// arm starts the view's timer if there is a reason, and stops it if there is none any more (K4): the
// next reason gets its whole time.
func (m *Simplex) arm(out *consensus.Output) {
	busy := m.busy()
	if busy == m.armed {
		return
	}
	if m.armed = busy; !busy {
		m.c.Marks.Reach(&marks[markTimerStopped])
		m.overdue = false
		return
	}
	m.timer++
	after := m.timeout()
	if p := m.c.Pacemaker; p != nil {
		after = p.Timeout(m.view, m.certified(), after, m.overdue)
	}
	out.Timer = &consensus.Timer{ID: m.timer, AfterMS: after}
}

// busy reports whether the view's timer has a reason to run: blocks are wanted, a notarized block is
// not certified, a certified one not here, or something was heard of this view or a later one.
//
// A proposal that was not notarized is no reason once its view has passed: an idle chain would
// never come to rest.
func (m *Simplex) busy() bool {
	return m.wanted || max(m.notarized, m.certified()) > m.root.view || m.stirred >= m.view
}

// timeout is the built-in rule: base × 2^k, k the views since the highest certified one, capped.
func (m *Simplex) timeout() uint64 {
	p := &m.c.Parameters
	t := p.TimeoutBaseMS
	for k := m.certified() + 1; k < m.view && t < p.TimeoutMaxMS; k++ {
		t *= 2
	}
	m.c.Marks.Sometimes(&marks[markTimeoutCapped], t >= p.TimeoutMaxMS)
	return min(t, p.TimeoutMaxMS)
}

// timedOut gives the view up, repeats what others may have missed, asks for what is missing here,
// and runs the timer again.
func (m *Simplex) timedOut(out *consensus.Output) {
	if !m.running() {
		return
	}
	m.ticks++
	m.armed, m.overdue = false, true
	m.report(out, consensus.TimedOutView, m.view, quoin.Hash{})
	if r := m.rounds[m.view]; r != nil {
		m.split(m.view, r, true, out)
	}
	m.repeat(out)
	m.missing(out)
	m.nullify(m.view, out)
}

// repeat sends the highest certificate and notarization, what opened the view, and this replica's
// votes of the view, the highest view first. Finalize votes of earlier views are among them: a lost
// one of an idle chain would otherwise never be made good.
func (m *Simplex) repeat(out *consensus.Output) {
	if m.cert != nil {
		m.send(&Certificate{*m.cert}, out)
	}
	if r := m.rounds[m.notarized]; r != nil && r.notarization != nil && m.notarized > m.certified() {
		m.send(r.notarization, out)
	}
	if n, ok := m.enteredBy.(*Nullification); ok {
		m.send(n, out)
	}
	if r := m.rounds[m.view]; r != nil {
		if r.voted != nil {
			m.send(r.voted, out)
		}
		if r.nullified != nil {
			m.send(r.nullified, out)
		}
	}
	last := m.certified()
	if m.view > repeatedFinalizes {
		last = max(last, m.view-repeatedFinalizes)
	}
	for v := m.view; v > last; v-- {
		if r := m.rounds[v]; r != nil && r.finalized != nil {
			m.c.Marks.Reach(&marks[markFinalizeRepeated])
			m.send(r.finalized, out)
		}
	}
}
