package chained

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

func (m *Chained) hasVoted() bool { return m.voted != nil && m.voted.View >= m.view }

// vote votes for a block of the current view that was judged, once it is executed: once a view, and
// never after giving it up.
func (m *Chained) vote(l *link, out *consensus.Output) {
	rules := &m.c.Rules
	if !m.votes() || l.stage != valid || l.withheld || m.hasGivenUp() && !rules.VoteAfterTimeout {
		return
	}
	if m.hasVoted() && (!rules.VoteTwice || m.voted.Block == l.id) {
		return
	}
	x := &Vote{View: m.view, Block: l.id, Checkpoint: l.digest}
	x.Signature = m.c.Signer.Sign(m.domain.vote(x.proves()))
	if c := rules.commits(l); c != nil {
		x.Parent, x.Cosignature = c, m.c.Signer.Sign(c.CosignedBytes())
	}
	m.voted, m.lock = x, rules.locks(m.lock, l.parent.view)
	for at := l; at != nil && at != m.tree.root; at = at.parent {
		m.persistBody(at, out)
	}
	m.persistOwn(votedRecord(m.lock, x), out)
	m.send(x, out)
	m.countVote(m.c.Self, x, out)
}

// proves returns what a quorum of such votes proves.
func (m *Vote) proves() proven { return proven{m.View, m.Block, m.Checkpoint} }

// counts reports whether votes of a view can still prove a block, or certify its parent.
func (m *Chained) counts(v quoin.View) bool {
	return v > m.certified() && v <= m.view+voteWindow && v+voteMemory >= m.view
}

func (m *Chained) countVote(from int, x *Vote, out *consensus.Output) {
	if !m.counts(x.View) {
		return
	}
	r := m.round(x.View)
	if first := r.votes[from]; first != nil {
		if first.proves() != x.proves() {
			m.equivocation(from, x.View, first, x, out)
		}
		return
	}
	r.votes[from] = x
	if qc := m.prove(r, x.proves()); qc != nil {
		m.raise(qc, out)
	}
	if c := m.certify(r, x.Parent); c != nil {
		m.certificate(c, out)
	}
}

// prove makes a QC of the votes for a block and result, if they are a quorum and it is news.
func (m *Chained) prove(r *round, what proven) *QC {
	if what.view <= provenView(m.high) {
		return nil
	}
	qc := &QC{View: what.view, Block: what.block, Checkpoint: what.checkpoint}
	weight := uint64(0)
	for i, v := range r.votes {
		if v != nil && v.proves() == what {
			weight += m.c.Validators.At(i).Weight
			qc.Signers = qc.Signers.With(i)
			qc.Signatures = append(qc.Signatures, v.Signature)
		}
	}
	if !m.quorum(weight) {
		return nil
	}
	return qc
}

// certify makes a certificate of the cosignatures in a view's votes, if they are a quorum and it is
// news. The votes may be for different blocks: see Safety.
func (m *Chained) certify(r *round, checkpoint *quoin.Checkpoint) *quoin.Certificate {
	if checkpoint == nil || checkpoint.View <= m.certified() {
		return nil
	}
	c := &quoin.Certificate{Checkpoint: *checkpoint}
	weight := uint64(0)
	for i, v := range r.votes {
		if v != nil && v.Parent != nil && *v.Parent == *checkpoint {
			weight += m.c.Validators.At(i).Weight
			c.Signers = c.Signers.With(i)
			c.Signatures = append(c.Signatures, v.Cosignature)
		}
	}
	if !m.quorum(weight) {
		return nil
	}
	return c
}

// certificate learns of a certificate. Its block may still have to be fetched and executed.
func (m *Chained) certificate(c *quoin.Certificate, out *consensus.Output) {
	if c.Checkpoint.View <= m.certified() {
		return
	}
	if root := m.tree.root; c.Checkpoint.Height < root.height || c.Checkpoint.Height == root.height && root.view > 0 {
		m.halt(c, out) // nothing that descends from the root has this height: its epoch goes on
		return
	}
	m.cert = c
	proof := &Certificate{*c}
	if c.Checkpoint.View > provenView(m.high) {
		m.raise(proof, out)
	} else {
		out.Persist = append(out.Persist, record(recordOpened, proof))
	}
	if l := m.adopt(c.Checkpoint.Block); l != nil {
		m.tree.need(l)
	}
	m.missing(out)
}

func (m *Chained) quorum(weight uint64) bool {
	if m.c.Rules.QuorumTooSmall {
		weight = min(weight+m.c.Validators.At(0).Weight, m.c.Validators.Total())
	}
	return m.c.Validators.IsQuorum(weight)
}

func (m *Chained) round(v quoin.View) *round {
	r := m.rounds[v]
	if r == nil {
		n := m.c.Validators.Len()
		r = &round{votes: make([]*Vote, n), timeouts: make([]*Timeout, n)}
		m.rounds[v] = r
	}
	return r
}

func (m *Chained) equivocation(from int, v quoin.View, first, second consensus.Message, out *consensus.Output) {
	r := m.round(v)
	if r.equivocators.Has(from) {
		return
	}
	r.equivocators = r.equivocators.With(from)
	out.Reports = append(out.Reports, consensus.Report{Kind: consensus.Equivocation, View: v, Peer: from,
		Detail: []consensus.Vote{{Validator: from, Message: first}, {Validator: from, Message: second}}})
}
