package compare

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"quoin.dev/quoin"
	"quoin.dev/quoin/signature"
)

// StatementFormat names the encoding of a statement, and its rules of judging.
const StatementFormat = "quoin/comparison/v1"

// EvidenceBytesMax bounds a file of evidence.
const EvidenceBytesMax = 8 << 20

// ErrEvidence is wrapped by every refusal of a file of evidence.
var ErrEvidence = errors.New("compare: the evidence does not hold")

// Statement says what was compared, how, and what came out. It is JSON without spaces, fields in the
// order below, whole numbers only: a statement has one encoding, and its digest is SHA-256 of that.
type Statement struct {
	Format    string  `json:"format"`
	Version   string  `json:"version"` // of the program
	Mode      string  `json:"mode"`    // "simulated" or "live"
	Base      Subject `json:"base"`
	Candidate Subject `json:"candidate"`
	World     *World  `json:"world,omitempty"` // of a simulated comparison
	Load      *Load   `json:"load,omitempty"`  // of a live one
	First     uint64  `json:"first_seed"`      // of the seeds, or of the load's
	Count     int     `json:"pairs"`
	Result    Result  `json:"result"`
}

// Modes of a comparison.
const (
	ModeSimulated = "simulated"
	ModeLive      = "live"
)

// Subject is what was compared.
type Subject struct {
	Bindings   []Bound           `json:"bindings"`   // beside those that every chain of a comparison has
	Parameters map[string]uint64 `json:"parameters"` // of the chain, by name; others have the defaults of the mode
}

// Bound is a binding.
type Bound struct {
	Hook       string `json:"hook"`
	Namespace  string `json:"namespace,omitempty"`
	Builtin    string `json:"builtin,omitempty"`
	Release    string `json:"release,omitempty"`    // its digest
	Parameters []byte `json:"parameters,omitempty"` // base64
}

// Load is what both live networks bore.
type Load struct {
	Nodes    int    `json:"nodes"`
	Rate     int    `json:"rate"` // transactions a second, open loop; 0: closed loop
	Payload  int    `json:"payload_bytes"`
	Keys     int    `json:"keys"`
	Duration int64  `json:"duration_ms"` // of each run
	Network  string `json:"network"`
}

// NewSubject describes bindings and parameters.
func NewSubject(bindings []quoin.Binding, parameters map[string]uint64) Subject {
	s := Subject{Bindings: []Bound{}, Parameters: map[string]uint64{}}
	for _, b := range bindings {
		x := Bound{Hook: b.Hook, Namespace: b.Namespace, Builtin: b.Builtin, Parameters: b.Parameters}
		if !b.Release.IsZero() {
			x.Release = b.Release.String()
		}
		s.Bindings = append(s.Bindings, x)
	}
	for name, v := range parameters {
		s.Parameters[name] = v
	}
	return s
}

// Bytes returns the statement's one encoding.
func (s *Statement) Bytes() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Digest returns what a signature is over, and what others may refer to.
func (s *Statement) Digest() (quoin.Hash, error) {
	b, err := s.Bytes()
	return sha256.Sum256(b), err
}

// SigningBytes returns what an author signs: the format's name, a line feed, and the digest.
func SigningBytes(digest quoin.Hash) []byte {
	return append([]byte(StatementFormat+"\n"), digest[:]...)
}

// evidence is the file.
type evidence struct {
	Statement json.RawMessage `json:"statement"`
	Digest    string          `json:"digest"`
	Key       string          `json:"key,omitempty"`
	Signature string          `json:"signature,omitempty"` // hexadecimal
}

// Evidence returns the file of a statement, signed by the key; nil leaves it unsigned.
func (s *Statement) Evidence(key ed25519.PrivateKey) ([]byte, error) {
	b, err := s.Bytes()
	if err != nil {
		return nil, err
	}
	digest := quoin.Hash(sha256.Sum256(b))
	f := evidence{Statement: b, Digest: digest.String()}
	if key != nil {
		x := signature.Sign(key, SigningBytes(digest))
		f.Key, f.Signature = signature.PublicOf(key).String(), fmt.Sprintf("%x", x[:])
	}
	out, err := json.Marshal(f)
	return append(out, '\n'), err
}

// Read reads a file of evidence and checks all that can be checked without measuring again: that the
// statement has its one encoding, that the digest is its, that findings, budgets and verdict follow
// from its pairs, and that the signature, if there is one, is of the key. signer is zero for an unsigned
// file. Errors wrap ErrEvidence.
func Read(file []byte) (s *Statement, digest quoin.Hash, signer quoin.PublicKey, err error) {
	wrong := func(format string, a ...any) error {
		return fmt.Errorf("%w: %s", ErrEvidence, fmt.Sprintf(format, a...))
	}
	if len(file) > EvidenceBytesMax {
		return nil, digest, signer, wrong("it has %d bytes, at most %d are read", len(file), EvidenceBytesMax)
	}
	var f evidence
	if err := strict(file, &f); err != nil {
		return nil, digest, signer, wrong("%v", err)
	}
	s = &Statement{}
	if err := strict(f.Statement, s); err != nil {
		return nil, digest, signer, wrong("%v", err)
	}
	if s.Format != StatementFormat {
		return nil, digest, signer, wrong("its format is %q, this program knows %q", s.Format, StatementFormat)
	}
	b, err := s.Bytes()
	if err != nil || !bytes.Equal(b, f.Statement) {
		return nil, digest, signer, wrong("the statement is not in its one encoding")
	}
	if digest = sha256.Sum256(b); digest.String() != f.Digest {
		return nil, digest, signer, wrong("the digest is not the statement's, which is %s", digest)
	}
	if err := s.follows(); err != nil {
		return nil, digest, signer, wrong("%v", err)
	}
	if f.Key == "" && f.Signature == "" {
		return s, digest, signer, nil
	}
	if signer, err = quoin.ParsePublicKey(f.Key); err != nil {
		return nil, digest, signer, wrong("the key: %v", err)
	}
	x, err := hex.DecodeString(f.Signature)
	if err != nil || len(x) != len(quoin.Signature{}) || !signature.Verify(signer, SigningBytes(digest), quoin.Signature(x)) {
		return nil, digest, signer, wrong("the signature is not %s's", signer)
	}
	return s, digest, signer, nil
}

// strict decodes one JSON value that has known fields only.
func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the value")
	}
	return nil
}

// follows checks that the result is what the pairs give.
func (s *Statement) follows() error {
	r := &s.Result
	if s.Count < 0 || s.Count > PairsMax || r.Margin < 0 || r.Margin > million {
		return fmt.Errorf("%d pairs, a margin of %d", s.Count, r.Margin)
	}
	pairs := make([]Pair, s.Count)
	for i := range pairs {
		pairs[i] = Pair{Measurement{}, Measurement{}}
	}
	var metrics []Metric
	for _, f := range r.Findings {
		if len(f.Pairs) > s.Count {
			return fmt.Errorf("%s has %d pairs of %d", f.Name, len(f.Pairs), s.Count)
		}
		metrics = append(metrics, f.Metric)
		for i, p := range f.Pairs {
			pairs[i].Base[f.Name], pairs[i].Candidate[f.Name] = p[0], p[1]
		}
	}
	var budgets []Budget
	for _, k := range r.Budgets {
		budgets = append(budgets, k.Budget)
	}
	again := *s
	again.Result = Judge(metrics, pairs, r.Margin, budgets)
	want, err := again.Bytes()
	if err != nil {
		return err
	}
	if got, err := s.Bytes(); err != nil || !bytes.Equal(got, want) {
		return errors.New("findings, budgets or verdict do not follow from the pairs")
	}
	return nil
}
