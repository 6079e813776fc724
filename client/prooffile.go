package client

import (
	"bytes"
	"encoding/json"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/ledger"
)

// ProofFileMax is the longest proof file, in bytes.
const ProofFileMax = 16 << 20

// Kinds of proofs.
const (
	ProofOfEntry = "entry" // a transaction with its result is in the ledger
	ProofOfState = "state" // a key of the state has a value, or is not there
)

// Proof is a statement about a chain that anybody can check offline who trusts the chain's genesis,
// or an anchor of the epoch at which Epochs begins. It never carries its own trust anchor.
//
// # The file
//
// JSON with these fields in this order, indented by two spaces, binary fields in base64; there is
// one form for each proof, and any other is refused.
//
//	format      "quoin-proof/v1"
//	kind        "entry" or "state"
//	index       of an entry: its number in the ledger
//	namespace   of a state proof
//	key         of a state proof
//	present     of a state proof: whether the key is there
//	value       of an entry: the canonical bytes of transaction and result; of a state proof: the
//	            value, if present
//	proof       of an entry: the RFC 6962 audit path, 32 bytes a hash; of a state proof: the
//	            canonical bytes of state.Proof
//	checkpoint  the text of the C2SP tlog-checkpoint
//	signers     bitmap of the validators that signed it
//	signatures  exactly a quorum of cosignature/v1 signatures, in the signers' order
//	epochs      proofs, as proof, checkpoint, signers and signatures, that lead from the trust
//	            anchor's epoch to the checkpoint's
type Proof struct {
	Kind        string
	Index       uint64
	Namespace   string
	Key         []byte
	Present     bool
	Value       []byte
	Proof       []byte
	Certificate quoin.Certificate
	Epochs      []EpochProof
}

// Verified is what a proof says, after it was verified.
type Verified struct {
	Kind       string
	Checkpoint quoin.Checkpoint
	Signers    []string // names of the validators that signed
	Index      uint64   // of an entry
	ID         quoin.Hash
	Entry      quoin.Entry
	Namespace  string // of a state proof
	Key        []byte
	Present    bool
	Value      []byte
}

// VerifyProof verifies a proof file against a trust anchor that the caller has from elsewhere.
// Errors wrap ErrProof.
func VerifyProof(file []byte, trust Anchor) (Verified, error) {
	p, err := ParseProof(file)
	if err != nil {
		return Verified{}, err
	}
	return p.Verify(trust)
}

// Verify verifies the proof against a trust anchor.
func (p *Proof) Verify(trust Anchor) (Verified, error) {
	v := NewVerifier(trust)
	for i := range p.Epochs {
		if err := p.exact(v, &p.Epochs[i].Certificate); err != nil {
			return Verified{}, err
		}
		if err := v.Extend(p.Epochs[i]); err != nil {
			return Verified{}, fmt.Errorf("epoch proof %d: %w", i+1, err)
		}
	}
	c := &p.Certificate
	if c.Checkpoint.Epoch != v.Epoch() {
		return Verified{}, fmt.Errorf("%w: its epoch proofs lead from your trust anchor to epoch %d, its checkpoint is of epoch %d; was it made for another anchor?", ErrProof, v.Epoch(), c.Checkpoint.Epoch)
	}
	if err := p.exact(v, c); err != nil {
		return Verified{}, err
	}
	if err := v.VerifyCertificate(c); err != nil {
		return Verified{}, err
	}
	x := Verified{Kind: p.Kind, Checkpoint: c.Checkpoint}
	set := v.last().configuration.Validators
	for i := range c.Signers.All() {
		x.Signers = append(x.Signers, set.At(i).Name)
	}
	var err error
	if p.Kind == ProofOfEntry {
		err = p.verifyEntry(&x)
	} else {
		err = p.verifyState(&x)
	}
	if err != nil {
		return Verified{}, err
	}
	return x, nil
}

// exact refuses a certificate with more signatures than a quorum needs: a proof has one form.
func (p *Proof) exact(v *Verifier, c *quoin.Certificate) error {
	if t := c.Trim(v.last().configuration.Validators); len(t.Signatures) != len(c.Signatures) {
		return fmt.Errorf("%w: %d signatures, a quorum needs %d", ErrProof, len(c.Signatures), len(t.Signatures))
	}
	return nil
}

func (p *Proof) verifyEntry(x *Verified) (err error) {
	path, err := splitHashes(p.Proof)
	if err != nil {
		return err
	}
	x.Entry, err = verifyEntry(&ledger.EntryProof{Certificate: p.Certificate, Index: p.Index, Entry: p.Value, Path: path})
	x.Index, x.ID = p.Index, x.Entry.Transaction.ID(p.Certificate.Checkpoint.Origin.ID())
	return err
}

func (p *Proof) verifyState(x *Verified) error {
	value, present, err := verifyState(p.Proof, p.Certificate.Checkpoint.State, p.Namespace, p.Key)
	if err != nil {
		return err
	}
	if present != p.Present || !bytes.Equal(value, p.Value) {
		return fmt.Errorf("%w: the value is not the one that the state proof shows", ErrProof)
	}
	x.Namespace, x.Key, x.Present, x.Value = p.Namespace, p.Key, present, value
	return nil
}

// The file's fields; those that a kind does not have are absent.
type proofFile struct {
	Format    string  `json:"format"`
	Kind      string  `json:"kind"`
	Index     *uint64 `json:"index,omitempty"`
	Namespace string  `json:"namespace,omitempty"`
	Key       []byte  `json:"key,omitempty"`
	Present   *bool   `json:"present,omitempty"`
	Value     []byte  `json:"value"`
	certifiedFile
	Epochs []certifiedFile `json:"epochs"`
}

type certifiedFile struct {
	Proof      []byte   `json:"proof"`
	Checkpoint string   `json:"checkpoint"`
	Signers    []byte   `json:"signers"`
	Signatures [][]byte `json:"signatures"`
}

const proofFormat = "quoin-proof/v1"

// Marshal returns the file.
func (p *Proof) Marshal() ([]byte, error) {
	f := proofFile{Format: proofFormat, Kind: p.Kind, Value: orEmpty(p.Value), certifiedFile: certified(p.Proof, &p.Certificate), Epochs: []certifiedFile{}}
	if p.Kind == ProofOfEntry {
		f.Index = &p.Index
	} else {
		f.Namespace, f.Key, f.Present = p.Namespace, p.Key, &p.Present
	}
	for i := range p.Epochs {
		f.Epochs = append(f.Epochs, certified(p.Epochs[i].Proof, &p.Epochs[i].Certificate))
	}
	b, err := json.MarshalIndent(f, "", "  ")
	return append(b, '\n'), err
}

func certified(proof []byte, c *quoin.Certificate) certifiedFile {
	f := certifiedFile{Proof: orEmpty(proof), Checkpoint: c.Checkpoint.Text(), Signers: c.Signers, Signatures: [][]byte{}}
	for i := range c.Signatures {
		f.Signatures = append(f.Signatures, c.Signatures[i][:])
	}
	return f
}

// orEmpty keeps an empty byte string from being written as null.
func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// ParseProof reads exactly what Marshal writes. It verifies nothing.
func ParseProof(file []byte) (*Proof, error) {
	if len(file) > ProofFileMax {
		return nil, fmt.Errorf("%w: a file of %d bytes, limit %d", ErrProof, len(file), ProofFileMax)
	}
	var f proofFile
	if err := json.Unmarshal(file, &f); err != nil {
		return nil, fmt.Errorf("%w: not a proof file: %w", ErrProof, err)
	}
	p := &Proof{Kind: f.Kind, Namespace: f.Namespace, Key: f.Key, Value: f.Value, Proof: f.Proof}
	switch {
	case f.Format != proofFormat:
		return nil, fmt.Errorf("%w: its format is %.40q, this version reads %q", ErrProof, f.Format, proofFormat)
	case f.Kind == ProofOfEntry && f.Index != nil:
		p.Index = *f.Index
	case f.Kind == ProofOfState && f.Present != nil:
		p.Present = *f.Present
	default:
		return nil, fmt.Errorf("%w: of kind %.40q, or without a field of its kind", ErrProof, f.Kind)
	}
	var err error
	if p.Certificate, err = f.certificate(); err != nil {
		return nil, err
	}
	for i := range f.Epochs {
		e := EpochProof{Proof: f.Epochs[i].Proof}
		if e.Certificate, err = f.Epochs[i].certificate(); err != nil {
			return nil, err
		}
		p.Epochs = append(p.Epochs, e)
	}
	again, err := p.Marshal()
	if err != nil || !bytes.Equal(again, file) {
		return nil, fmt.Errorf("%w: the file is not in its canonical form; leave it as it was written", ErrProof)
	}
	return p, nil
}

func (f *certifiedFile) certificate() (quoin.Certificate, error) {
	return newCertificate(f.Checkpoint, f.Signers, f.Signatures)
}

// newCertificate puts a certificate together from its parts, by the rules of its canonical bytes.
func newCertificate(checkpoint string, signers []byte, signatures [][]byte) (quoin.Certificate, error) {
	c, err := quoin.ParseCheckpoint(checkpoint)
	if err != nil {
		return quoin.Certificate{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	x := quoin.Certificate{Checkpoint: c, Signers: quoin.Bitmap(signers)}
	if len(signers) > quoin.ValidatorsMax/8 || len(signers) > 0 && signers[len(signers)-1] == 0 || x.Signers.Count() != len(signatures) {
		return quoin.Certificate{}, fmt.Errorf("%w: %d signatures by other signers than named", ErrProof, len(signatures))
	}
	for _, s := range signatures {
		if len(s) != len(quoin.Signature{}) {
			return quoin.Certificate{}, fmt.Errorf("%w: a signature of %d bytes", ErrProof, len(s))
		}
		x.Signatures = append(x.Signatures, quoin.Signature(s))
	}
	return x, nil
}

func splitHashes(b []byte) ([]quoin.Hash, error) {
	const size, pathMax = len(quoin.Hash{}), 64
	if len(b)%size != 0 || len(b) > pathMax*size {
		return nil, fmt.Errorf("%w: an audit path of %d bytes", ErrProof, len(b))
	}
	hashes := make([]quoin.Hash, len(b)/size)
	for i := range hashes {
		hashes[i] = quoin.Hash(b[i*size:])
	}
	return hashes, nil
}
