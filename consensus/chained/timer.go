package chained

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// arm starts the view's timer if there is a reason, and stops it if there is none any more (K4): the
// next reason gets its whole time.
func (m *Chained) arm(out *consensus.Output) {
	busy := m.wanted || m.stirred >= m.view || m.owed()
	if busy == m.armed {
		return
	}
	if m.armed = busy; busy {
		m.timer++
		out.Timer = &consensus.Timer{ID: m.timer, AfterMS: m.timeout()}
	}
}

// timeout is base × 2^k, capped: k counts the views since the highest certified one, but for the two
// that it takes to certify.
func (m *Chained) timeout() uint64 {
	p := &m.c.Parameters
	t := p.TimeoutBaseMS
	for k := m.certified() + 2; k < m.view && t < p.TimeoutMaxMS; k++ {
		t *= 2
	}
	return min(t, p.TimeoutMaxMS)
}

// timedOut gives the view up, repeats what others may have missed, asks for what is missing here,
// and runs the timer again.
func (m *Chained) timedOut(out *consensus.Output) {
	if !m.running() {
		return
	}
	m.ticks++
	m.armed = false
	report(out, consensus.TimedOutView, m.view, quoin.Hash{})
	m.askLeaders()
	m.repeat(out)
	m.missing(out)
	m.giveUp(out)
}

// repeat sends the highest certificate, what opened the view, this replica's latest vote, which may
// be the one that certifies what the others wait for, and its timeout of the view.
func (m *Chained) repeat(out *consensus.Output) {
	if m.cert != nil {
		m.send(&Certificate{*m.cert}, out)
	}
	if x := m.opener(); x != nil {
		m.send(x, out)
	}
	if m.voted != nil && m.counts(m.voted.View) {
		m.send(m.voted, out)
	}
	if m.gaveUp != nil && m.gaveUp.View == m.view {
		x := *m.gaveUp
		x.Proof = m.known()
		m.send(&x, out)
	}
}

// known returns what a timeout proves: the highest view with a quorum.
func (m *Chained) known() Proof {
	if m.c.Rules.Unproven {
		return nil
	}
	return m.high
}

func (m *Chained) hasGivenUp() bool { return m.gaveUp != nil && m.gaveUp.View >= m.view }

// giveUp sends Timeout for the current view. It names the highest view with a quorum that this
// replica knows, which is at least the lock's.
func (m *Chained) giveUp(out *consensus.Output) {
	if !m.votes() || m.hasGivenUp() {
		return
	}
	x := &Timeout{View: m.view, High: provenView(m.known())}
	x.Signature = m.c.Signer.Sign(m.domain.timeout(x.View, x.High))
	m.gaveUp = x
	m.persistOwn(record(recordGaveUp, x), out)
	full := *x
	full.Proof = m.known()
	m.send(&full, out)
	m.countTimeout(m.c.Self, x, out)
}

func (m *Chained) countTimeout(from int, x *Timeout, out *consensus.Output) {
	if x.View < m.view || x.View > m.view+voteWindow {
		return
	}
	r := m.round(x.View)
	if r.timeouts[from] != nil {
		return
	}
	bare := *x
	bare.Proof = nil // it was looked at
	r.timeouts[from] = &bare
	if !m.quorum(m.givingUp(r)) {
		return
	}
	tc := &TC{View: x.View, Proof: m.known()}
	for i, t := range r.timeouts {
		if t != nil {
			tc.Signers = tc.Signers.With(i)
			tc.Signatures = append(tc.Signatures, t.Signature)
			tc.Highs = append(tc.Highs, t.High)
		}
	}
	m.timedOutBy(tc, out)
}

func (m *Chained) givingUp(r *round) (weight uint64) {
	for i, t := range r.timeouts {
		if t != nil {
			weight += m.c.Validators.At(i).Weight
		}
	}
	return weight
}

// follow gives the current view up if some honest replica did (weight > f).
func (m *Chained) follow(out *consensus.Output) {
	if r := m.rounds[m.view]; r != nil && m.givingUp(r) > m.c.Validators.FaultBound() {
		m.giveUp(out)
	}
}

// timedOutBy learns that a quorum gave a view up, which opens the next.
func (m *Chained) timedOutBy(tc *TC, out *consensus.Output) {
	m.raise(tc.Proof, out)
	if tc.View < m.view {
		return
	}
	m.tc = tc
	out.Persist = append(out.Persist, record(recordOpened, tc))
	report(out, consensus.Nullified, tc.View, quoin.Hash{})
	m.enter(out)
	m.send(tc, out)
}
