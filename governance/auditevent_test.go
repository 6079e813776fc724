package governance

import (
	"bytes"
	"errors"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

func TestAuditEventsSayWhatHappened(t *testing.T) {
	env, s := testEnvironment(), memory{}
	Init(s, testGenesis(t))
	payload := Encode(NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin", FuelMax: 1000}))
	if x := Apply(env, s, 3, key("ann"), payload); x.Code != 0 {
		t.Fatal(Code(x.Code))
	}
	RecordFault(env, s, "leader.v1", 7, 4)
	suspension := Suspension{Height: 5, Reason: 9, Evidence: quoin.Hash{1}}
	Suspend(s, "kv", suspension)

	event := func(n uint64, kind AuditKind, h quoin.Height) *AuditEvent {
		t.Helper()
		e, ok := ReadAuditEvent(s, n)
		if !ok || e.Kind != kind || e.Height != h {
			t.Fatalf("event %d: %+v, %v", n, e, ok)
		}
		return &e
	}
	if c, err := event(1, AuditCommand, 3).Command(); err != nil || c.Signer != key("ann") || !bytes.Equal(c.Payload, payload) || len(c.Output) != 8 {
		t.Errorf("%+v, %v", c, err)
	}
	if f, err := event(2, AuditFault, 4).Fault(); err != nil || f != (SlotFault{"leader.v1", 7}) {
		t.Errorf("%+v, %v", f, err)
	}
	if namespace, x, err := event(3, AuditSuspension, 5).Suspension(); err != nil || namespace != "kv" || x != suspension {
		t.Errorf("%s %+v, %v", namespace, x, err)
	}
	b, _ := s.Get(AuditChainKey())
	if a, err := DecodeAudit(b); err != nil || a != ReadAudit(s) || a.Count != 3 {
		t.Errorf("%+v, %v", a, err)
	}

	cut := func(e *AuditEvent) *AuditEvent { return &AuditEvent{e.Kind, e.Height, e.Body[:4]} }
	_, commandErr := cut(event(1, AuditCommand, 3)).Command()
	_, faultErr := cut(event(2, AuditFault, 4)).Fault()
	_, _, suspensionErr := cut(event(3, AuditSuspension, 5)).Suspension()
	_, chainErr := DecodeAudit(b[1:])
	for _, err := range []error{commandErr, faultErr, suspensionErr, chainErr} {
		if !errors.Is(err, canonical.ErrMalformed) {
			t.Error(err)
		}
	}
}

func TestMemberInFollowsRotations(t *testing.T) {
	env, s, genesis := testEnvironment(), memory{}, testGenesis(t)
	Init(s, genesis)
	if m, ok := MemberIn(s, genesis, key("ann")); !ok || m.Name != "ann" {
		t.Errorf("%+v, %v", m, ok)
	}
	rotate := Rotate{New: key("ann-2"), Signature: sign(key("ann-2"), RotationBytes(env.Origin, key("ann"), key("ann-2")))}
	if x := Apply(env, s, 1, key("ann"), Encode(rotate)); x.Code != 0 {
		t.Fatal(Code(x.Code))
	}
	if m, ok := MemberIn(s, genesis, key("ann")); ok {
		t.Errorf("by the key that was given up: %+v", m)
	}
	if m, ok := MemberIn(s, genesis, key("ann-2")); !ok || m.Name != "ann" || m.Key != key("ann") {
		t.Errorf("by the new key: %+v, %v", m, ok)
	}
}
