package simplex

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
)

// NullificationsMax limits how many views one Need is answered about.
const NullificationsMax = 64

// Kinds of messages on the wire and in the log.
const (
	kindProposal byte = iota + 1
	kindNotarize
	kindNullify
	kindFinalize
	kindNotarization
	kindNullification
	kindCertificate
	kindNeed
)

type (
	// Proposal is a leader's block with what proves its parent, and the leader's highest
	// certificate.
	Proposal struct {
		Block     *quoin.Block
		Parent    *Notarization      // of the parent; nil if its certificate serves or ParentView is 0
		Highest   *quoin.Certificate // nil if none was formed in this epoch
		Signature quoin.Signature
	}

	// Notarize is a vote for a block and for what it results in.
	Notarize struct {
		View       quoin.View
		Block      quoin.Hash
		Checkpoint quoin.Hash // digest of the resulting checkpoint
		Signature  quoin.Signature
	}

	// Nullify is a vote to give a view up.
	Nullify struct {
		View      quoin.View
		Signature quoin.Signature
	}

	// Finalize is a vote to make a block final: a cosignature of the checkpoint.
	Finalize struct {
		Checkpoint quoin.Checkpoint
		Signature  quoin.Signature
	}

	// Notarization is a quorum of Notarize votes for one block and checkpoint.
	Notarization struct {
		View       quoin.View
		Block      quoin.Hash
		Checkpoint quoin.Hash
		Signers    quoin.Bitmap
		Signatures []quoin.Signature
	}

	// Nullification is a quorum of Nullify votes.
	Nullification struct {
		View       quoin.View
		Signers    quoin.Bitmap
		Signatures []quoin.Signature
	}

	// Certificate is a quorum of Finalize votes.
	Certificate struct{ quoin.Certificate }

	// Need asks for what proves that the views From to To ended without a block.
	Need struct{ From, To quoin.View }
)

func (*Proposal) Kind() string      { return "propose" }
func (*Notarize) Kind() string      { return "notarize" }
func (*Nullify) Kind() string       { return "nullify" }
func (*Finalize) Kind() string      { return "finalize" }
func (*Notarization) Kind() string  { return "notarization" }
func (*Nullification) Kind() string { return "nullification" }
func (*Certificate) Kind() string   { return "certificate" }
func (*Need) Kind() string          { return "need" }

// AppendBinary appends the kind and the fields in their order; a presence byte stands before each
// optional field.
func (m *Proposal) AppendBinary(b []byte) []byte {
	b = m.Block.AppendBinary(append(b, kindProposal))
	b = canonical.AppendBool(b, m.Parent != nil)
	if m.Parent != nil {
		b = m.Parent.AppendBinary(b)
	}
	b = canonical.AppendBool(b, m.Highest != nil)
	if m.Highest != nil {
		b = m.Highest.AppendBinary(b)
	}
	return append(b, m.Signature[:]...)
}

func (m *Notarize) AppendBinary(b []byte) []byte {
	b = canonical.AppendUint64(append(b, kindNotarize), m.View)
	b = append(append(b, m.Block[:]...), m.Checkpoint[:]...)
	return append(b, m.Signature[:]...)
}

func (m *Nullify) AppendBinary(b []byte) []byte {
	b = canonical.AppendUint64(append(b, kindNullify), m.View)
	return append(b, m.Signature[:]...)
}

func (m *Finalize) AppendBinary(b []byte) []byte {
	b = m.Checkpoint.AppendBinary(append(b, kindFinalize))
	return append(b, m.Signature[:]...)
}

func (m *Notarization) AppendBinary(b []byte) []byte {
	b = canonical.AppendUint64(append(b, kindNotarization), m.View)
	b = append(append(b, m.Block[:]...), m.Checkpoint[:]...)
	return quoin.AppendSigners(b, m.Signers, m.Signatures)
}

func (m *Nullification) AppendBinary(b []byte) []byte {
	b = canonical.AppendUint64(append(b, kindNullification), m.View)
	return quoin.AppendSigners(b, m.Signers, m.Signatures)
}

func (m *Certificate) AppendBinary(b []byte) []byte {
	return m.Certificate.AppendBinary(append(b, kindCertificate))
}

func (m *Need) AppendBinary(b []byte) []byte {
	return canonical.AppendUint64(canonical.AppendUint64(append(b, kindNeed), m.From), m.To)
}

// Decode reads one message strictly.
func Decode(b []byte) (consensus.Message, error) {
	r := canonical.NewReader(b)
	m := read(r)
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("simplex: %w: %w", consensus.ErrRefused, err)
	}
	return m, nil
}

func read(r *canonical.Reader) consensus.Message {
	switch kind := r.Byte(); kind {
	case kindProposal:
		return readProposal(r)
	case kindNotarize:
		m := &Notarize{View: quoin.View(r.Uint64())}
		r.Copy(m.Block[:])
		r.Copy(m.Checkpoint[:])
		r.Copy(m.Signature[:])
		return m
	case kindNullify:
		m := &Nullify{View: quoin.View(r.Uint64())}
		r.Copy(m.Signature[:])
		return m
	case kindFinalize:
		m := &Finalize{Checkpoint: readCheckpoint(r)}
		r.Copy(m.Signature[:])
		return m
	case kindNotarization:
		return readNotarization(r)
	case kindNullification:
		m := &Nullification{View: quoin.View(r.Uint64())}
		m.Signers, m.Signatures = quoin.ReadSigners(r)
		return m
	case kindCertificate:
		return &Certificate{quoin.ReadCertificate(r)}
	case kindNeed:
		m := &Need{From: quoin.View(r.Uint64()), To: quoin.View(r.Uint64())}
		if m.From > m.To {
			r.Fail("views %d to %d", m.From, m.To)
		}
		return m
	default:
		r.Fail("unknown kind %d", kind)
		return nil
	}
}

func readProposal(r *canonical.Reader) *Proposal {
	m := &Proposal{Block: quoin.ReadBlock(r)}
	if r.Bool() {
		if kind := r.Byte(); kind != kindNotarization {
			r.Fail("kind %d in place of a notarization", kind)
			return m
		}
		m.Parent = readNotarization(r)
	}
	if r.Bool() {
		c := quoin.ReadCertificate(r)
		m.Highest = &c
	}
	r.Copy(m.Signature[:])
	return m
}

func readNotarization(r *canonical.Reader) *Notarization {
	m := &Notarization{View: quoin.View(r.Uint64())}
	r.Copy(m.Block[:])
	r.Copy(m.Checkpoint[:])
	m.Signers, m.Signatures = quoin.ReadSigners(r)
	return m
}

func readCheckpoint(r *canonical.Reader) quoin.Checkpoint {
	text := r.Bytes32(quoin.CheckpointTextMax)
	if r.Err() != nil {
		return quoin.Checkpoint{}
	}
	c, err := quoin.ParseCheckpoint(string(text))
	if err != nil {
		r.Fail("%v", err)
	}
	return c
}

// domain holds what every signed text of an epoch begins with, behind its kind. The texts that it
// returns are good until it is asked for the next.
type domain struct {
	origin quoin.OriginID
	epoch  quoin.Epoch
	buffer []byte
}

func (d *domain) text(kind string, view quoin.View) []byte {
	b := append(append(append(d.buffer[:0], "quoin/"...), kind...), "/v1\n"...)
	b = append(b, d.origin[:]...)
	b = canonical.AppendUint64(b, d.epoch)
	return canonical.AppendUint64(b, view)
}

func (d *domain) propose(view quoin.View, block quoin.Hash) []byte {
	d.buffer = append(d.text("propose", view), block[:]...)
	return d.buffer
}

func (d *domain) notarize(view quoin.View, block, checkpoint quoin.Hash) []byte {
	d.buffer = append(append(d.text("notarize", view), block[:]...), checkpoint[:]...)
	return d.buffer
}

func (d *domain) nullify(view quoin.View) []byte {
	d.buffer = d.text("nullify", view)
	return d.buffer
}

func (d *domain) finalize(c *quoin.Checkpoint) []byte {
	d.buffer = c.AppendCosigned(d.buffer[:0])
	return d.buffer
}

// NotarizeBytes returns what a Notarize vote signs, for whoever judges votes as evidence.
func NotarizeBytes(origin quoin.OriginID, epoch quoin.Epoch, view quoin.View, block, checkpoint quoin.Hash) []byte {
	return (&domain{origin: origin, epoch: epoch}).notarize(view, block, checkpoint)
}

// ProposeBytes returns what a Propose signs.
func ProposeBytes(origin quoin.OriginID, epoch quoin.Epoch, view quoin.View, block quoin.Hash) []byte {
	return (&domain{origin: origin, epoch: epoch}).propose(view, block)
}

// NullifyBytes returns what a Nullify signs.
func NullifyBytes(origin quoin.OriginID, epoch quoin.Epoch, view quoin.View) []byte {
	return (&domain{origin: origin, epoch: epoch}).nullify(view)
}
