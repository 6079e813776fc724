package simplex

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// Decode reads one message strictly.
func (m *Simplex) Decode(b []byte) (consensus.Message, error) { return Decode(b) }

// Fresh reports whether a message could still change anything, before its signatures are checked.
// A sender that is behind is answered with what ends the view that it talks of (K4).
func (m *Simplex) Fresh(from int, message consensus.Message, out *consensus.Output) bool {
	if from < 0 || from >= m.c.Validators.Len() {
		return false
	}
	v := viewOf(message)
	switch message.(type) {
	case *Need:
		return !m.ended
	case *Notarization, *Nullification, *Certificate:
		if m.ended || v <= m.certified() {
			return false
		}
	default:
		if v < m.view || m.ended {
			m.answer(from, v, out)
		}
		if m.ended || v <= m.certified() || v > m.view+voteWindow {
			return false
		}
	}
	r := m.rounds[v]
	if r == nil {
		return true
	}
	switch x := message.(type) {
	case *Notarize:
		have := r.notarizes[from]
		return have == nil || *have != *x
	case *Nullify:
		return r.nullifies[from] == nil && r.nullification == nil
	case *Finalize:
		have := r.finalizes[from]
		return have == nil || *have != *x
	case *Notarization:
		return r.notarization == nil
	case *Nullification:
		return r.nullification == nil
	}
	return true
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
	switch x := message.(type) {
	case *Proposal:
		return m.verifyProposal(x)
	case *Notarize:
		return m.verifyOne(from, m.domain.notarize(x.View, x.Block, x.Checkpoint), x.Signature)
	case *Nullify:
		return m.verifyOne(from, m.domain.nullify(x.View), x.Signature)
	case *Finalize:
		if err := m.belongs(&x.Checkpoint); err != nil {
			return err
		}
		return m.verifyOne(from, x.Checkpoint.CosignedBytes(), x.Signature)
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

func (m *Simplex) verifyProposal(p *Proposal) error {
	h := p.Block.Header()
	if h.Epoch != m.c.Epoch || int(h.Proposer) >= m.c.Validators.Len() {
		return fmt.Errorf("a block of epoch %d by validator %d", h.Epoch, h.Proposer)
	}
	// The block itself may be relayed; its proposer must have signed it.
	if err := m.verifyOne(int(h.Proposer), m.domain.propose(h.View, p.Block.ID()), p.Signature); err != nil {
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
		if r == nil || r.notarizes[i] == nil {
			return false
		}
		v := r.notarizes[i]
		return v.Block == x.Block && v.Checkpoint == x.Checkpoint && v.Signature == s
	})
}

// verifyCertificate accepts the certificate that is already known without another look.
func (m *Simplex) verifyCertificate(c *quoin.Certificate) error {
	if err := m.belongs(&c.Checkpoint); err != nil {
		return err
	}
	r := m.rounds[c.Checkpoint.View]
	return m.verifyQuorum(c.Signers, c.Signatures, c.Checkpoint.CosignedBytes(), func(i int, s quoin.Signature) bool {
		if m.cert != nil && m.cert.Checkpoint == c.Checkpoint {
			k := 0
			for j := range m.cert.Signers.All() {
				if j == i {
					return m.cert.Signatures[k] == s
				}
				k++
			}
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

func (m *Simplex) verifyQuorum(signers quoin.Bitmap, signatures []quoin.Signature, text []byte, known func(int, quoin.Signature) bool) error {
	weight, k := uint64(0), 0
	for i := range signers.All() {
		if i >= m.c.Validators.Len() {
			return fmt.Errorf("a signer %d of %d validators", i, m.c.Validators.Len())
		}
		weight += m.c.Validators.At(i).Weight
	}
	if !m.quorum(weight) {
		return fmt.Errorf("signers of weight %d are no quorum of %d", weight, m.c.Validators.Total())
	}
	for i := range signers.All() {
		if !known(i, signatures[k]) {
			if err := m.verifyOne(i, text, signatures[k]); err != nil {
				return err
			}
		}
		k++
	}
	return nil
}
