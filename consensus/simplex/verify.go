package simplex

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// Decode reads one message strictly.
func (m *Simplex) Decode(b []byte) (consensus.Message, error) { return Decode(b) }

// Fresh reports whether a message could still change anything, before its signatures are checked.
// A sender that is behind is answered with what ends the view that it talks of (K4).
func (m *Simplex) Fresh(from int, message consensus.Message, out *consensus.Output) bool {
	if from < 0 || from >= m.c.Validators.Len() || from == m.c.Self {
		return false
	}
	m.peers[from].earn(answerCreditMessage)
	v := viewOf(message)
	switch x := message.(type) {
	case *Need:
		return true
	case *Notarization:
		return m.running() && v > m.certified() && (m.rounds[v] == nil || m.rounds[v].notarization == nil)
	case *Nullification:
		return m.running() && v > m.certified() && (m.rounds[v] == nil || m.rounds[v].nullification == nil)
	case *Certificate:
		return m.running() && v > m.certified()
	case *Proposal:
		return m.current(from, v, kindProposal, out) && int(x.Block.Header().Proposer) == from && v <= m.view+lookahead && m.freshProposal(x)
	case *Notarize:
		if !m.current(from, v, kindNotarize, out) {
			return false
		}
		r := m.rounds[v]
		if r == nil {
			return true
		}
		if n := r.notarization; n != nil && n.Block == x.Block && n.Checkpoint == x.Checkpoint {
			return false // one vote too many
		}
		return r.notarizes[from] == nil || *r.notarizes[from] != *x && !r.equivocators.Has(from)
	case *Nullify:
		if !m.current(from, v, kindNullify, out) {
			return false
		}
		r := m.rounds[v]
		return r == nil || r.nullifies[from] == nil && r.nullification == nil
	case *Finalize:
		if !m.current(from, v, kindFinalize, out) {
			return false
		}
		r := m.rounds[v]
		return r == nil || r.finalizes[from] == nil || *r.finalizes[from] != *x && !r.equivocators.Has(from)
	}
	return false
}

// current reports whether votes of a view are still counted; it answers a sender that is behind,
// and asks one that is too far ahead.
func (m *Simplex) current(from int, v quoin.View, kind byte, out *consensus.Output) bool {
	if p := &m.peers[from]; v > p.latest && v <= m.view+voteWindow {
		p.latest = v
	}
	if v < m.view || m.ended {
		m.lagging(from, v, kind, out)
	}
	if !m.running() || v <= m.certified() {
		return false
	}
	if v > m.view+voteWindow {
		m.c.Marks.Reach(&marks[markVoteTooFar])
		m.ask(m.hole, v-1, from, out)
		return false
	}
	return true
}

func (m *Simplex) freshProposal(p *Proposal) bool {
	h := p.Block.Header()
	if h.ParentView < m.certified() && !m.c.Rules.AcceptStaleParent {
		return false
	}
	r := m.rounds[h.View]
	if r == nil {
		return true
	}
	offers := r.offers[int(h.Proposer)]
	return len(offers) < offersMax && !slices.Contains(offers, p.Block.ID())
}

func viewOf(message consensus.Message) quoin.View {
	switch x := message.(type) {
	case *Proposal:
		return x.Block.Header().View
	case *Notarize:
		return x.View
	case *Nullify:
		return x.View
	case *Finalize:
		return x.Checkpoint.View
	case *Notarization:
		return x.View
	case *Nullification:
		return x.View
	case *Certificate:
		return x.Checkpoint.View
	}
	return 0
}

// Verify checks the signatures in a message. Those that equal a vote already checked are not
// checked again, so that a quorum's votes are verified once, not once a message that repeats them.
func (m *Simplex) Verify(from int, message consensus.Message) (consensus.Verified, error) {
	if err := m.verify(from, message); err != nil {
		return consensus.Verified{}, fmt.Errorf("simplex: %s of validator %d: %w: %w", message.Kind(), from, consensus.ErrRefused, err)
	}
	return consensus.Verified{From: from, Message: message}, nil
}

func (m *Simplex) verify(from int, message consensus.Message) error {
	if from < 0 || from >= m.c.Validators.Len() {
		return fmt.Errorf("there are %d validators", m.c.Validators.Len())
	}
	switch x := message.(type) {
	case *Proposal:
		return m.verifyProposal(from, x)
	case *Notarize:
		return m.verifyOne(from, m.domain.notarize(x.View, x.Block, x.Checkpoint), x.Signature)
	case *Nullify:
		return m.verifyOne(from, m.domain.nullify(x.View), x.Signature)
	case *Finalize:
		if err := m.belongs(&x.Checkpoint); err != nil {
			return err
		}
		return m.verifyOne(from, m.domain.finalize(&x.Checkpoint), x.Signature)
	case *Notarization:
		return m.verifyNotarization(x)
	case *Nullification:
		r := m.rounds[x.View]
		return m.verifyQuorum(x.Signers, x.Signatures, m.domain.nullify(x.View), func(i int, s quoin.Signature) bool {
			return r != nil && r.nullifies[i] != nil && r.nullifies[i].Signature == s
		})
	case *Certificate:
		return m.verifyCertificate(&x.Certificate)
	case *Need:
		return nil
	}
	return fmt.Errorf("unknown message")
}

// verifyProposal checks a block that comes from its proposer. Relayed ones are not accepted, so that
// nobody can put another's block before others with a proof that does not match its header.
func (m *Simplex) verifyProposal(from int, p *Proposal) error {
	h := p.Block.Header()
	if h.Epoch != m.c.Epoch || int(h.Proposer) != from {
		return fmt.Errorf("a block of epoch %d by validator %d", h.Epoch, h.Proposer)
	}
	if err := m.verifyOne(from, m.domain.propose(h.View, p.Block.ID()), p.Signature); err != nil {
		return err
	}
	if p.Parent != nil {
		if err := m.verifyNotarization(p.Parent); err != nil {
			return err
		}
	}
	if p.Highest != nil {
		return m.verifyCertificate(p.Highest)
	}
	return nil
}

func (m *Simplex) verifyNotarization(x *Notarization) error {
	r := m.rounds[x.View]
	return m.verifyQuorum(x.Signers, x.Signatures, m.domain.notarize(x.View, x.Block, x.Checkpoint), func(i int, s quoin.Signature) bool {
		if r == nil {
			return false
		}
		if v := r.notarizes[i]; v != nil && v.Block == x.Block && v.Checkpoint == x.Checkpoint && v.Signature == s {
			return true
		}
		n := r.notarization
		return n != nil && n.Block == x.Block && n.Checkpoint == x.Checkpoint && consensus.SignedBy(n.Signers, n.Signatures, i, s)
	})
}

func (m *Simplex) verifyCertificate(c *quoin.Certificate) error {
	if err := m.belongs(&c.Checkpoint); err != nil {
		return err
	}
	r := m.rounds[c.Checkpoint.View]
	return m.verifyQuorum(c.Signers, c.Signatures, m.domain.finalize(&c.Checkpoint), func(i int, s quoin.Signature) bool {
		if m.cert != nil && m.cert.Checkpoint == c.Checkpoint && consensus.SignedBy(m.cert.Signers, m.cert.Signatures, i, s) {
			return true
		}
		return r != nil && r.finalizes[i] != nil && r.finalizes[i].Checkpoint == c.Checkpoint && r.finalizes[i].Signature == s
	})
}

func (m *Simplex) belongs(c *quoin.Checkpoint) error {
	if c.Origin != m.c.Origin || c.Epoch != m.c.Epoch || c.View == 0 {
		return fmt.Errorf("a checkpoint of %s, epoch %d, view %d", c.Origin, c.Epoch, c.View)
	}
	return nil
}

func (m *Simplex) verifyOne(i int, text []byte, s quoin.Signature) error {
	if !m.c.Keys.Verify(i, text, s) {
		return fmt.Errorf("validator %d did not sign this", i)
	}
	return nil
}

// verifyQuorum checks the signatures of a quorum on a text, but for those that are known.
func (m *Simplex) verifyQuorum(signers quoin.Bitmap, signatures []quoin.Signature, text []byte, known func(int, quoin.Signature) bool) error {
	quorum := func(weight uint64) bool {
		enough := m.quorum(weight)
		m.c.Marks.Sometimes(&marks[markNoQuorum], !enough)
		return enough
	}
	return consensus.VerifyQuorum(m.c.Validators, signers, signatures, quorum, func(i, k int) bool {
		return known(i, signatures[k]) || m.c.Keys.Verify(i, text, signatures[k])
	})
}
