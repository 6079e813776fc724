package chained

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
)

// Kinds of messages on the wire and in the log.
const (
	kindNone byte = iota // in place of an optional proof
	kindProposal
	kindVote
	kindTimeout
	kindQC
	kindTC
	kindCertificate
	kindAsk
)

type (
	// Proposal is a leader's block with what proves its parent, and that its view is open.
	Proposal struct {
		Block     *quoin.Block
		Justify   Proof // of the parent; nil if ParentView is 0
		Opened    *TC   // of the view before; nil if the parent is of the view before
		Signature quoin.Signature
	}

	// Vote is for a block and for what it results in. If the block's parent is of the view before, it
	// comes with the cosignature of the parent's checkpoint.
	Vote struct {
		View        quoin.View
		Block       quoin.Hash
		Checkpoint  quoin.Hash // digest of what the block results in
		Signature   quoin.Signature
		Parent      *quoin.Checkpoint // nil if nothing is cosigned
		Cosignature quoin.Signature
	}

	// Timeout gives a view up, and all before it.
	Timeout struct {
		View      quoin.View
		High      quoin.View // the highest view that the sender knew to have a quorum
		Signature quoin.Signature
		Proof     Proof // of High or a higher view below View; nil if High is 0
	}

	// QC is a quorum of votes for one block and one result.
	QC struct {
		View       quoin.View
		Block      quoin.Hash
		Checkpoint quoin.Hash
		Signers    quoin.Bitmap
		Signatures []quoin.Signature
	}

	// TC is a quorum of timeouts of one view, with a proof of the highest view that they name, or a
	// higher one.
	TC struct {
		View       quoin.View
		Signers    quoin.Bitmap
		Signatures []quoin.Signature
		Highs      []quoin.View // one a signer
		Proof      Proof        // nil if all Highs are 0
	}

	// Certificate is a quorum of cosignatures.
	Certificate struct{ quoin.Certificate }

	// Ask asks for what is above the sender's highest certificate, and what opened a view above its own.
	Ask struct{ Certified, View quoin.View }
)

// Proof is what proves that a quorum voted for a block and its result: a QC, or a Certificate, for
// which a QC must have been there.
type Proof interface {
	consensus.Message
	proves() proven
	signers() quoin.Bitmap
}

// proven is a block that has a quorum.
type proven struct {
	view       quoin.View
	block      quoin.Hash
	checkpoint quoin.Hash // digest of its result
}

func (m *QC) proves() proven          { return proven{m.View, m.Block, m.Checkpoint} }
func (m *QC) signers() quoin.Bitmap   { return m.Signers }
func (m *Certificate) proves() proven { return provenBy(&m.Checkpoint) }

func (m *Certificate) signers() quoin.Bitmap { return m.Signers }

func provenBy(c *quoin.Checkpoint) proven { return proven{c.View, c.Block, c.Digest()} }

// provenView returns the view that a proof is of, 0 if there is none.
func provenView(p Proof) quoin.View {
	switch p := p.(type) {
	case *QC:
		return p.View
	case *Certificate:
		return p.Checkpoint.View
	}
	return 0
}

// highest returns the highest view that the signers knew to have a quorum.
func (m *TC) highest() quoin.View { return slices.Max(append([]quoin.View{0}, m.Highs...)) }

func (*Proposal) Kind() string    { return "propose" }
func (*Vote) Kind() string        { return "vote" }
func (*Timeout) Kind() string     { return "timeout" }
func (*QC) Kind() string          { return "qc" }
func (*TC) Kind() string          { return "tc" }
func (*Certificate) Kind() string { return "certificate" }
func (*Ask) Kind() string         { return "ask" }

// AppendBinary appends the kind and the fields in their order. A proof stands with its kind, or as a
// zero byte; a presence byte stands before other optional fields.
func (m *Proposal) AppendBinary(b []byte) []byte {
	b = m.Block.AppendBinary(append(b, kindProposal))
	b = appendProof(b, m.Justify)
	b = canonical.AppendBool(b, m.Opened != nil)
	if m.Opened != nil {
		b = m.Opened.AppendBinary(b)
	}
	return append(b, m.Signature[:]...)
}

func (m *Vote) AppendBinary(b []byte) []byte {
	b = canonical.AppendUint64(append(b, kindVote), m.View)
	b = append(append(b, m.Block[:]...), m.Checkpoint[:]...)
	b = canonical.AppendBool(append(b, m.Signature[:]...), m.Parent != nil)
	if m.Parent != nil {
		b = canonical.AppendBytes32(b, m.Parent.AppendText(nil))
		b = append(b, m.Cosignature[:]...)
	}
	return b
}

func (m *Timeout) AppendBinary(b []byte) []byte {
	b = canonical.AppendUint64(append(b, kindTimeout), m.View)
	b = canonical.AppendUint64(b, m.High)
	return appendProof(append(b, m.Signature[:]...), m.Proof)
}

func (m *QC) AppendBinary(b []byte) []byte {
	b = canonical.AppendUint64(append(b, kindQC), m.View)
	b = append(append(b, m.Block[:]...), m.Checkpoint[:]...)
	return quoin.AppendSigners(b, m.Signers, m.Signatures)
}

func (m *TC) AppendBinary(b []byte) []byte {
	b = canonical.AppendUint64(append(b, kindTC), m.View)
	b = quoin.AppendSigners(b, m.Signers, m.Signatures)
	for _, v := range m.Highs {
		b = canonical.AppendUint64(b, v)
	}
	return appendProof(b, m.Proof)
}

func (m *Certificate) AppendBinary(b []byte) []byte {
	return m.Certificate.AppendBinary(append(b, kindCertificate))
}

func (m *Ask) AppendBinary(b []byte) []byte {
	return canonical.AppendUint64(canonical.AppendUint64(append(b, kindAsk), m.Certified), m.View)
}

func appendProof(b []byte, p Proof) []byte {
	if p == nil {
		return append(b, kindNone)
	}
	return p.AppendBinary(b)
}

// Decode reads a message strictly.
func Decode(b []byte) (consensus.Message, error) {
	r := canonical.NewReader(b)
	m := read(r)
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("chained: %w: %w", consensus.ErrRefused, err)
	}
	return m, nil
}

func read(r *canonical.Reader) consensus.Message {
	switch kind := r.Byte(); kind {
	case kindProposal:
		return readProposal(r)
	case kindVote:
		return readVote(r)
	case kindTimeout:
		m := &Timeout{View: quoin.View(r.Uint64()), High: quoin.View(r.Uint64())}
		r.Copy(m.Signature[:])
		m.Proof = readProof(r)
		return m
	case kindQC:
		return readQC(r)
	case kindTC:
		return readTC(r)
	case kindCertificate:
		return &Certificate{quoin.ReadCertificate(r)}
	case kindAsk:
		return &Ask{Certified: quoin.View(r.Uint64()), View: quoin.View(r.Uint64())}
	default:
		r.Fail("unknown kind %d", kind)
		return nil
	}
}

func readProposal(r *canonical.Reader) *Proposal {
	m := &Proposal{Block: quoin.ReadBlock(r)}
	m.Justify = readProof(r)
	if r.Bool() {
		if kind := r.Byte(); kind != kindTC {
			r.Fail("kind %d in place of a TC", kind)
			return m
		}
		m.Opened = readTC(r)
	}
	r.Copy(m.Signature[:])
	return m
}

func readVote(r *canonical.Reader) *Vote {
	m := &Vote{View: quoin.View(r.Uint64())}
	r.Copy(m.Block[:])
	r.Copy(m.Checkpoint[:])
	r.Copy(m.Signature[:])
	if r.Bool() {
		text := r.Bytes32(quoin.CheckpointTextMax)
		if r.Err() != nil {
			return m
		}
		c, err := quoin.ParseCheckpoint(string(text))
		if err != nil {
			r.Fail("%v", err)
		}
		m.Parent = &c
		r.Copy(m.Cosignature[:])
	}
	return m
}

func readQC(r *canonical.Reader) *QC {
	m := &QC{View: quoin.View(r.Uint64())}
	r.Copy(m.Block[:])
	r.Copy(m.Checkpoint[:])
	m.Signers, m.Signatures = quoin.ReadSigners(r)
	return m
}

func readTC(r *canonical.Reader) *TC {
	m := &TC{View: quoin.View(r.Uint64())}
	m.Signers, m.Signatures = quoin.ReadSigners(r)
	for range m.Signatures {
		m.Highs = append(m.Highs, quoin.View(r.Uint64()))
	}
	m.Proof = readProof(r)
	return m
}

func readProof(r *canonical.Reader) Proof {
	switch kind := r.Byte(); kind {
	case kindNone:
	case kindQC:
		return readQC(r)
	case kindCertificate:
		return &Certificate{quoin.ReadCertificate(r)}
	default:
		r.Fail("kind %d in place of a proof", kind)
	}
	return nil
}

// domain holds what every signed text of an epoch begins with, behind its kind (K1).
type domain struct {
	origin quoin.OriginID
	epoch  quoin.Epoch
}

func (d domain) text(kind string, view quoin.View) []byte {
	b := make([]byte, 0, 160)
	b = append(b, "quoin/chained/"+kind+"/v1\n"...)
	b = append(b, d.origin[:]...)
	b = canonical.AppendUint64(b, d.epoch)
	return canonical.AppendUint64(b, view)
}

func (d domain) propose(view quoin.View, block quoin.Hash) []byte {
	return append(d.text("propose", view), block[:]...)
}

func (d domain) vote(p proven) []byte {
	return append(append(d.text("vote", p.view), p.block[:]...), p.checkpoint[:]...)
}

func (d domain) timeout(view, high quoin.View) []byte {
	return canonical.AppendUint64(d.text("timeout", view), high)
}

// VoteBytes returns what a Vote signs, its cosignature apart, for whoever plays an adversary.
func VoteBytes(origin quoin.OriginID, epoch quoin.Epoch, view quoin.View, block, checkpoint quoin.Hash) []byte {
	return domain{origin, epoch}.vote(proven{view, block, checkpoint})
}

// ProposeBytes returns what a Proposal signs.
func ProposeBytes(origin quoin.OriginID, epoch quoin.Epoch, view quoin.View, block quoin.Hash) []byte {
	return domain{origin, epoch}.propose(view, block)
}

// TimeoutBytes returns what a Timeout signs.
func TimeoutBytes(origin quoin.OriginID, epoch quoin.Epoch, view, high quoin.View) []byte {
	return domain{origin, epoch}.timeout(view, high)
}
