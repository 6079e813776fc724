package governance

import (
	"crypto/sha256"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

// Every change of governance's state is an event of the audit chain. The events are kept in state, each
// under its number, and so is a hash over all of them: whoever has the genesis and the events can
// replay the whole life of a network and tell whether the history is whole and unaltered.

// AuditKind says what an event of the audit chain is.
type AuditKind byte

// The kinds of events.
const (
	AuditCommand    AuditKind = 1 // a command with result OK: signer, payload, output
	AuditFault      AuditKind = 2 // of what serves: slot, code
	AuditDecision   AuditKind = 3 // what became of all that was due at a height
	AuditSuspension AuditKind = 4 // of a namespace, on evidence
)

// Audit is the state of the audit chain.
type Audit struct {
	Count uint64 // events so far
	Head  quoin.Hash
}

// ReadAudit returns the audit chain's state.
func ReadAudit(s State) Audit {
	a, _ := load(s, keyAudit, readAudit)
	return a
}

// ReadEpochAudit returns the audit chain's state when an epoch began.
func ReadEpochAudit(s State, e quoin.Epoch) (Audit, bool) { return load(s, AuditKey(e), readAudit) }

func readAudit(r *canonical.Reader) Audit {
	a := Audit{Count: r.Uint64()}
	r.Copy(a.Head[:])
	return a
}

// Next returns the chain's state after an event: its head is SHA-256 over "quoin/audit/v1\n", the head
// before, kind, height, and the event's bytes.
func (a Audit) Next(kind AuditKind, h quoin.Height, event []byte) Audit {
	b := append([]byte("quoin/audit/v1\n"), a.Head[:]...)
	b = canonical.AppendUint64(append(b, byte(kind)), h)
	return Audit{a.Count + 1, sha256.Sum256(append(b, event...))}
}

func (a Audit) appendBinary(b []byte) []byte {
	return append(canonical.AppendUint64(b, a.Count), a.Head[:]...)
}

// AuditEvent is one event of the audit chain.
type AuditEvent struct {
	Kind   AuditKind
	Height quoin.Height // of the block that it happened in
	Body   []byte       // what the kind says
}

// ReadAuditEvent returns the event with a number, from 1 on.
func ReadAuditEvent(s State, n uint64) (AuditEvent, bool) {
	b, ok := s.Get(EventKey(n))
	if !ok {
		return AuditEvent{}, false
	}
	e, err := DecodeAuditEvent(b)
	if err != nil {
		panic(fmt.Sprintf("governance: event %d: %v", n, err))
	}
	return e, true
}

// DecodeAuditEvent decodes what stands in state under an EventKey. Its errors wrap
// canonical.ErrMalformed.
func DecodeAuditEvent(b []byte) (AuditEvent, error) {
	r := canonical.NewReader(b)
	e := AuditEvent{Kind: AuditKind(r.Byte()), Height: readHeight(r)}
	if r.Err() == nil && (e.Kind == 0 || e.Kind > AuditSuspension) {
		r.Fail("audit event of unknown kind %d", e.Kind)
	}
	if err := r.Err(); err != nil {
		return e, err
	}
	e.Body = b[9:]
	return e, nil
}

// record appends an event to the audit chain.
func record(s State, kind AuditKind, h quoin.Height, body []byte) {
	a := ReadAudit(s).Next(kind, h, body)
	s.Put(keyAudit, a.appendBinary(nil))
	s.Put(EventKey(a.Count), append(canonical.AppendUint64([]byte{byte(kind)}, h), body...))
}
