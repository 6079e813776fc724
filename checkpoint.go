package quoin

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"quoin.dev/quoin/canonical"
)

// OriginMax is the longest origin, in bytes.
const OriginMax = 160

// CheckpointTextMax is the longest checkpoint text, in bytes.
const CheckpointTextMax = OriginMax + 512

// ErrCheckpoint is wrapped by every refusal of a checkpoint's text.
var ErrCheckpoint = errors.New("invalid checkpoint")

// Origin names one chain of one network, for ever: "<network>/<chain>/<genesis hash>".
type Origin string

// OriginID is SHA-256 of an origin: what goes into signed bytes where the text would be long.
type OriginID Hash

// NewOrigin returns the origin of a chain.
func NewOrigin(network, chain string, genesis Hash) Origin {
	return Origin(network + "/" + chain + "/" + genesis.String())
}

// ID returns SHA-256 of the origin.
func (o Origin) ID() OriginID { return sha256.Sum256([]byte(o)) }

// Checkpoint is the state of a chain after a block: the text of a C2SP tlog-checkpoint with
// extension lines. What its lines say, a quorum of finalize votes makes final.
//
//	<origin>
//	<tree size>
//	<ledger root, base64>
//	epoch <decimal>
//	height <decimal>
//	view <decimal>
//	block <block id, hexadecimal>
//	state <state root, hexadecimal>
//	time <block time, milliseconds, decimal>
type Checkpoint struct {
	Origin Origin
	Size   uint64 // ledger entries
	Ledger Hash   // RFC 6962 root over the entries
	Epoch  Epoch
	Height Height
	View   View
	Block  Hash
	State  Hash // state root
	Time   Time
}

// Text returns the note text, which ends in a newline.
func (c *Checkpoint) Text() string { return string(c.AppendText(nil)) }

// AppendText appends the note text.
func (c *Checkpoint) AppendText(b []byte) []byte {
	line := func(name string, v uint64) {
		b = append(append(b, name...), ' ')
		b = append(strconv.AppendUint(b, v, 10), '\n')
	}
	hash := func(name string, h Hash) {
		b = append(append(b, name...), ' ')
		b = append(hex.AppendEncode(b, h[:]), '\n')
	}
	b = append(append(b, c.Origin...), '\n')
	b = append(strconv.AppendUint(b, c.Size, 10), '\n')
	b = append(base64.StdEncoding.AppendEncode(b, c.Ledger[:]), '\n')
	line("epoch", uint64(c.Epoch))
	line("height", uint64(c.Height))
	line("view", uint64(c.View))
	hash("block", c.Block)
	hash("state", c.State)
	line("time", uint64(c.Time))
	return b
}

// AppendBinary appends the text after its length in four bytes.
func (c *Checkpoint) AppendBinary(b []byte) []byte {
	at := len(b)
	b = c.AppendText(append(b, 0, 0, 0, 0))
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

// Digest returns SHA-256 of the text.
func (c *Checkpoint) Digest() Hash {
	var buf [CheckpointTextMax]byte
	return sha256.Sum256(c.AppendText(buf[:0]))
}

// CosignedSeconds returns the only timestamp with which a cosignature of c is valid: the block's
// time, floored to seconds.
func (c *Checkpoint) CosignedSeconds() uint64 { return uint64(c.Time) / 1000 }

// CosignedBytes returns what a finalize vote signs: the cosignature/v1 message of C2SP
// tlog-cosignature.
func (c *Checkpoint) CosignedBytes() []byte {
	return c.AppendCosigned(make([]byte, 0, CheckpointTextMax))
}

// AppendCosigned appends what a finalize vote signs.
func (c *Checkpoint) AppendCosigned(b []byte) []byte {
	b = append(b, "cosignature/v1\ntime "...)
	b = append(strconv.AppendUint(b, c.CosignedSeconds(), 10), '\n')
	return c.AppendText(b)
}

// ParseCheckpoint reads exactly what Text writes.
func ParseCheckpoint(text string) (Checkpoint, error) {
	var c Checkpoint
	if len(text) > CheckpointTextMax {
		return c, fmt.Errorf("%w: %d bytes, limit %d", ErrCheckpoint, len(text), CheckpointTextMax)
	}
	lines := strings.Split(text, "\n")
	if len(lines) != 10 || lines[9] != "" {
		return c, fmt.Errorf("%w: want 9 lines, each ended by a newline", ErrCheckpoint)
	}
	var err error
	number := func(s, name string) uint64 {
		s, ok := strings.CutPrefix(s, name)
		v, e := strconv.ParseUint(s, 10, 64)
		if err == nil && (!ok || e != nil) {
			err = fmt.Errorf("%w: line %q, want %q and a number", ErrCheckpoint, s, name)
		}
		return v
	}
	hash := func(s, name string) Hash {
		s, ok := strings.CutPrefix(s, name)
		h, e := ParseHash(s)
		if err == nil && (!ok || e != nil) {
			err = fmt.Errorf("%w: line %q, want %q and a hash", ErrCheckpoint, s, name)
		}
		return h
	}
	c.Origin = Origin(lines[0])
	c.Size = number(lines[1], "")
	root, e := base64.StdEncoding.DecodeString(lines[2])
	if e != nil || len(root) != len(c.Ledger) {
		return Checkpoint{}, fmt.Errorf("%w: root %q, want 32 bytes in base64", ErrCheckpoint, lines[2])
	}
	copy(c.Ledger[:], root)
	c.Epoch = Epoch(number(lines[3], "epoch "))
	c.Height = Height(number(lines[4], "height "))
	c.View = View(number(lines[5], "view "))
	c.Block = hash(lines[6], "block ")
	c.State = hash(lines[7], "state ")
	c.Time = Time(number(lines[8], "time "))
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Text() != text || c.Origin == "" || len(c.Origin) > OriginMax {
		return Checkpoint{}, fmt.Errorf("%w: the text is not in its canonical form, or its origin not 1 to %d bytes", ErrCheckpoint, OriginMax)
	}
	return c, nil
}

// CosignatureKeyID returns the C2SP key id of an Ed25519 cosigner (type 0x04) with this name.
func CosignatureKeyID(name string, key PublicKey) uint32 {
	b := append([]byte(name), '\n', 0x04)
	h := sha256.Sum256(append(b, key[:]...))
	return binary.BigEndian.Uint32(h[:4])
}

// CosignerName returns the name under which a validator cosigns: "<origin's network>/<validator>".
func CosignerName(o Origin, validator string) string {
	network, _, _ := strings.Cut(string(o), "/")
	return network + "/" + validator
}

// Certificate is a checkpoint with the finalize votes of validators: one cosignature each, in
// ascending order of their indexes. It proves something only if its signers are a quorum of the
// epoch's validator set and the signatures verify; decoding checks neither.
//
// Canonical bytes: the checkpoint's text (length in 4), the signers' bitmap (length in 1), then 64
// bytes a signer.
type Certificate struct {
	Checkpoint Checkpoint
	Signers    Bitmap
	Signatures []Signature
}

// AppendBinary appends the canonical bytes.
func (c *Certificate) AppendBinary(b []byte) []byte {
	b = c.Checkpoint.AppendBinary(b)
	return AppendSigners(b, c.Signers, c.Signatures)
}

// ReadCertificate reads what AppendBinary writes.
func ReadCertificate(r *canonical.Reader) Certificate {
	var c Certificate
	text := r.Bytes32(CheckpointTextMax)
	if r.Err() != nil {
		return c
	}
	checkpoint, err := ParseCheckpoint(string(text))
	if err != nil {
		r.Fail("%v", err)
		return c
	}
	c.Checkpoint = checkpoint
	c.Signers, c.Signatures = ReadSigners(r)
	return c
}

// DecodeCertificate decodes exactly one certificate.
func DecodeCertificate(b []byte) (Certificate, error) {
	r := canonical.NewReader(b)
	c := ReadCertificate(r)
	return c, r.Done()
}

// Trim returns a certificate with only as many signatures as a quorum of set needs, those of the
// lowest indexes; c itself if it has no quorum.
func (c Certificate) Trim(set ValidatorSet) Certificate {
	t := Certificate{Checkpoint: c.Checkpoint}
	weight, k := uint64(0), 0
	for i := range c.Signers.All() {
		if i >= set.Len() || k >= len(c.Signatures) {
			break
		}
		t.Signers = t.Signers.With(i)
		t.Signatures = append(t.Signatures, c.Signatures[k])
		k++
		if weight += set.At(i).Weight; set.IsQuorum(weight) {
			return t
		}
	}
	return c
}

// AppendSigners appends a bitmap after its length in one byte, then the signatures.
func AppendSigners(b []byte, signers Bitmap, signatures []Signature) []byte {
	b = canonical.AppendBytes8(b, signers)
	for i := range signatures {
		b = append(b, signatures[i][:]...)
	}
	return b
}

// ReadSigners reads what AppendSigners writes: exactly one signature a set bit.
func ReadSigners(r *canonical.Reader) (Bitmap, []Signature) {
	signers := bytes.Clone(ReadBitmap(r))
	n := 0
	for _, c := range signers {
		n += bits.OnesCount8(c)
	}
	raw := r.Take(n * len(Signature{}))
	if r.Err() != nil {
		return nil, nil
	}
	signatures := make([]Signature, n)
	for i := range signatures {
		copy(signatures[i][:], raw[i*len(Signature{}):])
	}
	return signers, signatures
}
