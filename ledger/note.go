package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/signature"
)

// NoteBytesMax is the length of the longest signed note that ParseSignedNote reads.
const NoteBytesMax = quoin.CheckpointTextMax + (quoin.ValidatorsMax+1)*(4+quoin.OriginMax+1+quoin.ValidatorNameMax+1+104)

// ErrNote refuses a signed note that is not exactly what SignedNote writes.
var ErrNote = errors.New("ledger: invalid signed note")

// SignedNote renders a certificate as a C2SP signed note: the checkpoint's text, an empty line, the
// signature line of the log key, then one cosignature/v1 line a signer in ascending order of their
// indexes. The bytes are a function of the certificate. It verifies nothing.
func SignedNote(c *quoin.Certificate, set quoin.ValidatorSet) ([]byte, error) {
	key, err := logKey(c.Checkpoint.Origin)
	if err != nil {
		return nil, err
	}
	if c.Signers.Count() != len(c.Signatures) {
		return nil, fmt.Errorf("%w: %d signers and %d signatures", ErrNote, c.Signers.Count(), len(c.Signatures))
	}
	text := c.Checkpoint.AppendText(make([]byte, 0, 1024))
	note := append(text[:len(text):len(text)], '\n')
	id := logKeyID(c.Checkpoint.Origin, signature.PublicOf(key))
	sig := signature.Sign(key, text)
	note = appendSignatureLine(note, string(c.Checkpoint.Origin), id, nil, &sig)
	stamp := binary.BigEndian.AppendUint64(nil, c.Checkpoint.CosignedSeconds())
	k := 0
	for i := range c.Signers.All() {
		if i >= set.Len() {
			return nil, fmt.Errorf("%w: signer %d of a set of %d; was the set that of another epoch?", ErrNote, i, set.Len())
		}
		name := quoin.CosignerName(c.Checkpoint.Origin, set.At(i).Name)
		note = appendSignatureLine(note, name, quoin.CosignatureKeyID(name, set.At(i).Key), stamp, &c.Signatures[k])
		k++
	}
	return note, nil
}

// appendSignatureLine appends "— <name> <base64 of key id, stamp, signature>\n".
func appendSignatureLine(b []byte, name string, id uint32, stamp []byte, sig *quoin.Signature) []byte {
	var raw [4 + 8 + 64]byte
	blob := binary.BigEndian.AppendUint32(raw[:0], id)
	blob = append(append(blob, stamp...), sig[:]...)
	b = append(append(append(b, "— "...), name...), ' ')
	return append(base64.StdEncoding.AppendEncode(b, blob), '\n')
}

// ParseSignedNote reads exactly what SignedNote writes for a certificate by members of set. It
// checks the form only: VerifyCertificate says whether the certificate proves anything.
func ParseSignedNote(note []byte, set quoin.ValidatorSet) (quoin.Certificate, error) {
	c, err := parseSignedNote(note, set)
	if err != nil {
		return quoin.Certificate{}, err
	}
	// Whatever the parser did not look at (the log's signature, key ids, times, base64 padding) is
	// a function of the certificate.
	again, err := SignedNote(&c, set)
	if err != nil {
		return quoin.Certificate{}, err
	}
	if !bytes.Equal(again, note) {
		return quoin.Certificate{}, fmt.Errorf("%w: it is not in its canonical form, or the log's signature is not that of %q", ErrNote, c.Checkpoint.Origin)
	}
	return c, nil
}

func parseSignedNote(note []byte, set quoin.ValidatorSet) (quoin.Certificate, error) {
	var c quoin.Certificate
	if len(note) > NoteBytesMax {
		return c, fmt.Errorf("%w: %d bytes, limit %d", ErrNote, len(note), NoteBytesMax)
	}
	text, signatures, ok := strings.Cut(string(note), "\n\n")
	if !ok {
		return c, fmt.Errorf("%w: no empty line between text and signatures", ErrNote)
	}
	var err error
	if c.Checkpoint, err = quoin.ParseCheckpoint(text + "\n"); err != nil {
		return c, fmt.Errorf("%w: %w", ErrNote, err)
	}
	lines := strings.Split(strings.TrimSuffix(signatures, "\n"), "\n")
	next := 0
	for _, line := range lines[1:] {
		name, blob, err := parseSignatureLine(line)
		if err != nil {
			return c, err
		}
		for next < set.Len() && quoin.CosignerName(c.Checkpoint.Origin, set.At(next).Name) != name {
			next++
		}
		if next == set.Len() {
			return c, fmt.Errorf("%w: %q is no validator of the set, or stands out of order", ErrNote, name)
		}
		c.Signers = c.Signers.With(next)
		c.Signatures = append(c.Signatures, quoin.Signature(blob[12:]))
		next++
	}
	return c, nil
}

func parseSignatureLine(line string) (name string, blob []byte, err error) {
	rest, ok := strings.CutPrefix(line, "— ")
	name, encoded, ok2 := strings.Cut(rest, " ")
	blob, err = base64.StdEncoding.DecodeString(encoded)
	if !ok || !ok2 || err != nil || len(blob) != 4+8+64 {
		return "", nil, fmt.Errorf("%w: line %q is no cosignature/v1 line", ErrNote, line)
	}
	return name, blob, nil
}

// LogVerifierKey returns the log key of a chain in the vkey format of signed notes. Its private
// half is derived from the genesis hash, so anybody can make the log's signature: it tells chains
// apart, as the note format wants, and proves nothing. Only the cosignatures do.
func LogVerifierKey(origin quoin.Origin) (string, error) {
	key, err := logKey(origin)
	if err != nil {
		return "", err
	}
	public := signature.PublicOf(key)
	return verifierKey(string(origin), logKeyID(origin, public), keyTypeEd25519, public), nil
}

// CosignerVerifierKey returns a validator's key in the vkey format of signed notes, as a
// cosignature/v1 key.
func CosignerVerifierKey(origin quoin.Origin, v quoin.Validator) string {
	name := quoin.CosignerName(origin, v.Name)
	return verifierKey(name, quoin.CosignatureKeyID(name, v.Key), keyTypeCosignature, v.Key)
}

// WitnessPolicy returns the policy under which stock tools take a note of the chain for final: the
// log key, and q of the validators as witnesses (ValidatorSet.QuorumCount). The URLs, which the format
// wants, lead nowhere. Tools built on golang.org/x/mod refuse notes of more than 100 signatures.
func WitnessPolicy(origin quoin.Origin, set quoin.ValidatorSet) (string, error) {
	vkey, err := LogVerifierKey(origin)
	if err != nil {
		return "", err
	}
	policy := fmt.Sprintf("log %s\n", vkey)
	group := fmt.Sprintf("group validators %d", set.QuorumCount())
	for i, v := range set.All() {
		policy += fmt.Sprintf("witness v%d %s https://%s.invalid/\n", i, CosignerVerifierKey(origin, v), v.Name)
		group += fmt.Sprintf(" v%d", i)
	}
	return policy + group + "\nquorum validators\n", nil
}

// Key types of C2SP signed-note and tlog-cosignature.
const (
	keyTypeEd25519     = 0x01
	keyTypeCosignature = 0x04
)

func verifierKey(name string, id uint32, kind byte, key quoin.PublicKey) string {
	return fmt.Sprintf("%s+%08x+%s", name, id, base64.StdEncoding.EncodeToString(append([]byte{kind}, key[:]...)))
}

func logKeyID(origin quoin.Origin, key quoin.PublicKey) uint32 {
	b := append([]byte(origin), '\n', keyTypeEd25519)
	h := sha256.Sum256(append(b, key[:]...))
	return binary.BigEndian.Uint32(h[:4])
}

// logKey derives the log key: its Ed25519 seed is SHA-256("quoin/log-key/v1\n" ‖ genesis hash). The
// genesis hash is the origin's last part.
func logKey(origin quoin.Origin) (ed25519.PrivateKey, error) {
	parts := strings.Split(string(origin), "/")
	genesis, err := quoin.ParseHash(parts[len(parts)-1])
	if err != nil || quoin.NewOrigin(parts[0], parts[min(1, len(parts)-1)], genesis) != origin {
		return nil, fmt.Errorf("%w: origin %q, want <network>/<chain>/<genesis hash>", ErrNote, origin)
	}
	seed := sha256.Sum256(append([]byte("quoin/log-key/v1\n"), genesis[:]...))
	return ed25519.NewKeyFromSeed(seed[:]), nil
}
