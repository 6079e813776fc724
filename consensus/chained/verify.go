package chained

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// Decode reads one message strictly.
func (m *Chained) Decode(b []byte) (consensus.Message, error) { return Decode(b) }

// Fresh reports whether a message could still change anything, before its signatures are checked. A
// sender that is behind is answered.
func (m *Chained) Fresh(from int, message consensus.Message, out *consensus.Output) bool {
	if from < 0 || from >= m.c.Validators.Len() || from == m.c.Self {
		return false
	}
	m.peers[from].earn(answerCreditMessage)
	v := viewOf(message)
	switch x := message.(type) {
	case *Ask:
		return true
	case *Timeout:
		m.lagging(from, v, out)
		return m.running() && (provenView(x.Proof) > provenView(m.high) || v >= m.view && m.ahead(from, v, out) && !m.round(v).gaveUp(from))
	case *Vote:
		return m.running() && m.ahead(from, v, out) && m.counts(v) && m.freshVote(from, x)
	case *Proposal:
		return m.running() && int(x.Block.Header().Proposer) == from && m.freshProposal(x)
	case *QC:
		return m.running() && v > provenView(m.high)
	case *TC:
		return m.running() && v >= m.view
	case *Certificate:
		return m.running() && v > m.certified()
	}
	return false
}

// ahead reports whether a view is not too far ahead to be counted, and asks a sender that is.
func (m *Chained) ahead(from int, v quoin.View, out *consensus.Output) bool {
	if v > m.view+voteWindow {
		m.ask(from, out)
		return false
	}
	return true
}

func (m *Chained) freshVote(from int, x *Vote) bool {
	r := m.rounds[x.View]
	if r == nil || r.votes[from] == nil {
		return x.View > provenView(m.high) || x.Parent != nil && x.Parent.View > m.certified()
	}
	return r.votes[from].proves() != x.proves() && !r.equivocators.Has(from)
}

// freshProposal looks for a proposal of the same proposer: one that differs is evidence, once.
func (m *Chained) freshProposal(p *Proposal) bool {
	h := p.Block.Header()
	if m.missed(p.Block.ID()) || h.View > m.view {
		return true
	}
	for _, c := range m.candidates {
		if c.Block.ID() == p.Block.ID() {
			return false
		}
	}
	r := m.rounds[h.View]
	return h.View == m.view && (r == nil || !r.equivocators.Has(int(h.Proposer)))
}

func (r *round) gaveUp(from int) bool { return r.timeouts[from] != nil }

func viewOf(message consensus.Message) quoin.View {
	switch x := message.(type) {
	case *Proposal:
		return x.Block.Header().View
	case *Vote:
		return x.View
	case *Timeout:
		return x.View
	case *QC:
		return x.View
	case *TC:
		return x.View
	case *Certificate:
		return x.Checkpoint.View
	}
	return 0
}

// Verify checks a message's signatures. Those of votes that were counted are not checked again.
func (m *Chained) Verify(from int, message consensus.Message) (consensus.Verified, error) {
	if err := m.verify(from, message); err != nil {
		return consensus.Verified{}, fmt.Errorf("chained: %w: %s: %w", consensus.ErrRefused, message.Kind(), err)
	}
	return consensus.Verified{From: from, Message: message}, nil
}

func (m *Chained) verify(from int, message consensus.Message) error {
	switch x := message.(type) {
	case *Proposal:
		return m.verifyProposal(from, x)
	case *Vote:
		return m.verifyVote(from, x)
	case *Timeout:
		if err := m.verifyOne(from, m.domain.timeout(x.View, x.High), x.Signature); err != nil {
			return err
		}
		return m.verifyKnown(x.Proof, x.High, x.View)
	case *TC:
		return m.verifyTC(x)
	case Proof:
		return m.verifyProof(x)
	case *Ask:
		return nil
	}
	return fmt.Errorf("unknown message")
}

// verifyProposal checks a block that comes from its proposer. Relayed ones are not accepted: what is
// carried is not under the signature, and could be exchanged.
func (m *Chained) verifyProposal(from int, p *Proposal) error {
	h := p.Block.Header()
	if h.Epoch != m.c.Epoch || int(h.Proposer) != from {
		return fmt.Errorf("a block of epoch %d by validator %d", h.Epoch, h.Proposer)
	}
	if !p.anchored() {
		return fmt.Errorf("the parent, or that view %d is open, is not proven as the header says", h.View)
	}
	if err := m.verifyOne(from, m.domain.propose(h.View, p.Block.ID()), p.Signature); err != nil {
		return err
	}
	if p.Opened != nil {
		if err := m.verifyTC(p.Opened); err != nil {
			return err
		}
	}
	return m.verifyProof(p.Justify)
}

func (m *Chained) verifyVote(from int, x *Vote) error {
	if x.View == 0 {
		return fmt.Errorf("a vote of view 0")
	}
	if err := m.verifyOne(from, m.domain.vote(x.proves()), x.Signature); err != nil || x.Parent == nil {
		return err
	}
	if err := m.belongs(x.Parent); err != nil {
		return err
	}
	if !m.c.Rules.mayCosign(x.View, x.Parent.View) {
		return fmt.Errorf("a vote of view %d cosigns view %d", x.View, x.Parent.View)
	}
	return m.verifyOne(from, x.Parent.CosignedBytes(), x.Cosignature)
}

// verifyKnown checks the proof that what is above it claims to know: of view high or above, below
// view.
func (m *Chained) verifyKnown(p Proof, high, view quoin.View) error {
	if v := provenView(p); v < high || v >= view {
		return fmt.Errorf("a proof of view %d for view %d, in view %d", v, high, view)
	}
	return m.verifyProof(p)
}

func (m *Chained) verifyTC(x *TC) error {
	if len(x.Highs) != len(x.Signatures) {
		return fmt.Errorf("%d views and %d signatures", len(x.Highs), len(x.Signatures))
	}
	r := m.rounds[x.View]
	err := m.verifyQuorum(x.Signers, x.Signatures, func(i, k int) bool {
		if r != nil && r.timeouts[i] != nil && r.timeouts[i].High == x.Highs[k] && r.timeouts[i].Signature == x.Signatures[k] {
			return true
		}
		return m.c.Keys.Verify(i, m.domain.timeout(x.View, x.Highs[k]), x.Signatures[k])
	})
	if err != nil {
		return err
	}
	return m.verifyKnown(x.Proof, x.highest(), x.View)
}

// verifyProof checks a proof. None is one: of nothing.
func (m *Chained) verifyProof(p Proof) error {
	switch x := p.(type) {
	case *QC:
		if x.View == 0 {
			return fmt.Errorf("a QC of view 0")
		}
		return m.verifyQC(x)
	case *Certificate:
		if err := m.belongs(&x.Checkpoint); err != nil {
			return err
		}
		return m.verifyCertificate(&x.Certificate)
	}
	return nil
}

func (m *Chained) verifyQC(x *QC) error {
	text, what := m.domain.vote(x.proves()), x.proves()
	r := m.rounds[x.View]
	known, _ := m.high.(*QC)
	return m.verifyQuorum(x.Signers, x.Signatures, func(i, k int) bool {
		s := x.Signatures[k]
		if r != nil && r.votes[i] != nil && r.votes[i].proves() == what && r.votes[i].Signature == s {
			return true
		}
		if known != nil && known.proves() == what && consensus.SignedBy(known.Signers, known.Signatures, i, s) {
			return true
		}
		return m.c.Keys.Verify(i, text, s)
	})
}

func (m *Chained) verifyCertificate(c *quoin.Certificate) error {
	text := c.Checkpoint.CosignedBytes()
	r := m.rounds[c.Checkpoint.View+1]
	return m.verifyQuorum(c.Signers, c.Signatures, func(i, k int) bool {
		s := c.Signatures[k]
		if r != nil && r.votes[i] != nil && r.votes[i].Parent != nil && *r.votes[i].Parent == c.Checkpoint && r.votes[i].Cosignature == s {
			return true
		}
		if m.cert != nil && m.cert.Checkpoint == c.Checkpoint && consensus.SignedBy(m.cert.Signers, m.cert.Signatures, i, s) {
			return true
		}
		return m.c.Keys.Verify(i, text, s)
	})
}

func (m *Chained) belongs(c *quoin.Checkpoint) error {
	if c.Origin != m.c.Origin || c.Epoch != m.c.Epoch || c.View == 0 {
		return fmt.Errorf("a checkpoint of %s, epoch %d, view %d", c.Origin, c.Epoch, c.View)
	}
	return nil
}

func (m *Chained) verifyOne(i int, text []byte, s quoin.Signature) error {
	if !m.c.Keys.Verify(i, text, s) {
		return fmt.Errorf("validator %d did not sign this", i)
	}
	return nil
}

// verifyQuorum checks the k-th signature, of validator i, for each of a quorum's.
func (m *Chained) verifyQuorum(signers quoin.Bitmap, signatures []quoin.Signature, verified func(i, k int) bool) error {
	return consensus.VerifyQuorum(m.c.Validators, signers, signatures, m.quorum, verified)
}
