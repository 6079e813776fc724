package audit

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"quoin.dev/quoin"
	"quoin.dev/quoin/signature"
)

// An attestation is an in-toto Statement v1 (in-toto/attestation, spec/v1/statement.md) in an envelope of
// DSSE 1.0 (secure-systems-lab/dsse, protocol.md and envelope.md), signed with Ed25519. Several of them are
// a bundle, one a line (in-toto/attestation, spec/v1/bundle.md).

// The types of an attestation.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PayloadType   = "application/vnd.in-toto+json"
	PredicateType = "https://quoin.dev/attestation/activation/v1"
)

// Statement says something of subjects, which are known by their digests.
type Statement struct {
	Type          string     `json:"_type"`
	Subject       []Subject  `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     Activation `json:"predicate"`
}

// Subject is a ResourceDescriptor: an artifact.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"` // hexadecimal, by algorithm
}

// envelope is a signed message.
type envelope struct {
	Payload     string              `json:"payload"` // base64
	PayloadType string              `json:"payloadType"`
	Signatures  []envelopeSignature `json:"signatures"`
}

type envelopeSignature struct {
	KeyID     string `json:"keyid,omitempty"` // a hint: here the public key in hexadecimal
	Signature string `json:"sig"`             // base64
}

// PAE returns what a DSSE signature signs: DSSE's pre-authentication encoding of type and body.
func PAE(payloadType string, body []byte) []byte {
	b := append([]byte("DSSEv1 "), strconv.Itoa(len(payloadType))...)
	b = append(append(b, ' '), payloadType...)
	b = strconv.AppendInt(append(b, ' '), int64(len(body)), 10)
	return append(append(b, ' '), body...)
}

// Seal returns an envelope around a statement, as one line without its end.
func Seal(statement []byte, signer signature.Signer) []byte {
	s := signer.Sign(PAE(PayloadType, statement))
	return encode(envelope{base64.StdEncoding.EncodeToString(statement), PayloadType,
		[]envelopeSignature{{signer.Public().String(), base64.StdEncoding.EncodeToString(s[:])}}})
}

// open returns the statement in an envelope if key signed it.
func open(line []byte, key quoin.PublicKey) ([]byte, error) {
	var e envelope
	if err := json.Unmarshal(line, &e); err != nil {
		return nil, err
	}
	body, err := fromBase64(e.Payload)
	if err != nil || e.PayloadType != PayloadType {
		return nil, fmt.Errorf("payload of type %.80q: %w", e.PayloadType, errors.Join(err))
	}
	for _, s := range e.Signatures {
		b, err := fromBase64(s.Signature)
		if err == nil && len(b) == len(quoin.Signature{}) && signature.Verify(key, PAE(e.PayloadType, body), quoin.Signature(b)) {
			return body, nil
		}
	}
	return nil, fmt.Errorf("none of its %d signatures is of %s", len(e.Signatures), key)
}

// fromBase64 takes either alphabet, as DSSE wants it.
func fromBase64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		b, err = base64.URLEncoding.DecodeString(s)
	}
	return b, err
}

// Bundle is the attestations of a file that one key signed. They do not say that they are all.
type Bundle struct {
	Ignored    int // lines that are no statement on a chain's changes signed by the key
	statements map[uint64]quoin.Hash
	checked    map[uint64]bool
	wrong      *Fault
}

// ReadBundle reads a bundle. Lines that key did not sign are left out, as the format wants it.
func ReadBundle(r io.Reader, key quoin.PublicKey) (*Bundle, error) {
	x := &Bundle{statements: map[uint64]quoin.Hash{}, checked: map[uint64]bool{}}
	b := bufio.NewReaderSize(r, 1<<16)
	for {
		line, err := readLine(b)
		if errors.Is(err, io.EOF) {
			return x, nil
		}
		if err != nil {
			return nil, err
		}
		body, err := open(line, key)
		var s Statement
		if err != nil || json.Unmarshal(body, &s) != nil || s.Type != StatementType || s.PredicateType != PredicateType {
			x.Ignored++
			continue
		}
		digest := digestOf(body)
		if known, twice := x.statements[s.Predicate.Audit.Event]; twice && known != digest {
			return nil, fault(Attested, "two attestations of event %d differ", s.Predicate.Audit.Event)
		}
		x.statements[s.Predicate.Audit.Event] = digest
	}
}

// Len returns how many statements the bundle has.
func (b *Bundle) Len() int { return len(b.statements) }

// Check takes a statement that the history makes: one of an Attester.
func (b *Bundle) Check(event uint64, statement []byte) {
	digest, ok := b.statements[event]
	b.checked[event] = true
	if (!ok || digest != digestOf(statement)) && b.wrong == nil {
		b.wrong = fault(Attested, "the attestation does not say what the history says")
		if !ok {
			b.wrong = fault(Attested, "a change took effect, and no attestation says so")
		}
		b.wrong.Event, b.wrong.Verified = event, event
	}
}

// End returns how many statements are attested, once the history was verified; and a *Fault if one is not,
// or if the bundle attests what did not happen.
func (b *Bundle) End() (int, error) {
	if b.wrong != nil {
		return 0, b.wrong
	}
	if extra := len(b.statements) - len(b.checked); extra > 0 {
		return 0, fault(Attested, "%d attestations are of changes that the history does not have", extra)
	}
	return len(b.checked), nil
}
