package ledger

import (
	"encoding/base64"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/store"
)

// EntryProof is one entry with everything that shows it to be final to whoever knows the validators
// of the certificate's epoch.
//
// Canonical bytes: the certificate, the index (8), the entry (length in 4), the audit path (count
// in 2, then 32 bytes each, from leaf to root).
type EntryProof struct {
	Certificate quoin.Certificate
	Index       uint64
	Entry       []byte // canonical bytes of a quoin.Entry
	Path        []quoin.Hash
}

// EntryProofBytesMax bounds the canonical bytes.
const EntryProofBytesMax = 4 + quoin.CheckpointTextMax + 1 + quoin.ValidatorsMax/8 + quoin.ValidatorsMax*64 +
	8 + 4 + quoin.EntryBytesMax + 2 + pathMax*32

// ProveEntry makes the proof of an entry under a certificate, which must cover it.
func ProveEntry(r store.Reader, c quoin.Certificate, index uint64) (*EntryProof, error) {
	prover, err := NewProver(r, c.Checkpoint.Size)
	if err != nil {
		return nil, err
	}
	path, err := prover.Inclusion(index)
	if err != nil {
		return nil, err
	}
	entry, err := Entry(r, index)
	if err != nil {
		return nil, err
	}
	return &EntryProof{Certificate: c, Index: index, Entry: entry, Path: path}, nil
}

// Verify returns the decoded entry if a quorum of set certified a tree of the chain with this origin
// that holds it at the proof's index. Every field matters: with any other value of any of them it
// fails. The caller knows from elsewhere that set is the validators of the certificate's epoch.
func (p *EntryProof) Verify(origin quoin.Origin, set quoin.ValidatorSet) (quoin.Entry, error) {
	if err := VerifyCertificate(&p.Certificate, origin, set); err != nil {
		return quoin.Entry{}, err
	}
	c := &p.Certificate.Checkpoint
	if err := VerifyInclusion(LeafHash(p.Entry), p.Index, c.Size, c.Ledger, p.Path); err != nil {
		return quoin.Entry{}, err
	}
	entry, err := quoin.DecodeEntry(p.Entry)
	if err != nil {
		return quoin.Entry{}, fmt.Errorf("%w: the entry: %w", ErrProof, err)
	}
	return entry, nil
}

// TLogProof renders the proof in the C2SP tlog-proof format, for tools that know it. It proves the
// same, about the leaf whose bytes are p.Entry.
func (p *EntryProof) TLogProof(set quoin.ValidatorSet) ([]byte, error) {
	note, err := SignedNote(&p.Certificate, set)
	if err != nil {
		return nil, err
	}
	b := fmt.Appendf(nil, "c2sp.org/tlog-proof@v1\nindex %d\n", p.Index)
	for i := range p.Path {
		b = append(base64.StdEncoding.AppendEncode(b, p.Path[i][:]), '\n')
	}
	return append(append(b, '\n'), note...), nil
}

// AppendBinary appends the canonical bytes.
func (p *EntryProof) AppendBinary(b []byte) []byte {
	b = p.Certificate.AppendBinary(b)
	b = canonical.AppendUint64(b, p.Index)
	b = canonical.AppendBytes32(b, p.Entry)
	b = canonical.AppendUint16(b, uint16(len(p.Path)))
	for i := range p.Path {
		b = append(b, p.Path[i][:]...)
	}
	return b
}

// DecodeEntryProof decodes exactly one proof; it verifies nothing. The proof's entry aliases b.
func DecodeEntryProof(b []byte) (*EntryProof, error) {
	r := canonical.NewReader(b)
	p := &EntryProof{Certificate: quoin.ReadCertificate(r), Index: r.Uint64(), Entry: r.Bytes32(quoin.EntryBytesMax)}
	if n := r.Count16(pathMax, 32); n > 0 {
		p.Path = make([]quoin.Hash, n)
		for i := range p.Path {
			r.Copy(p.Path[i][:])
		}
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return p, nil
}
