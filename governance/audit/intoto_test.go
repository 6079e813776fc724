package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin/governance/audit"
	"quoin.dev/quoin/governance/audit/audittest"
	"quoin.dev/quoin/signature"
)

// The vector of DSSE's protocol.md.
func TestPAE(t *testing.T) {
	if got, want := string(audit.PAE("http://example.com/HelloWorld", []byte("hello world"))), "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

var attestor = audittest.Key("acme", "attestor")

// attested returns a history with the bundle of its attestations, and how many there are.
func attested(t testing.TB) (c *audittest.Chain, file, bundle []byte, count int) {
	t.Helper()
	c, file = history(t, "acme", 60, 120)
	var b bytes.Buffer
	o := options(c)
	o.Watch = audit.NewAttester(o.Origin, func(_ uint64, statement []byte) {
		b.Write(append(audit.Seal(statement, signature.NewSigner(attestor)), '\n'))
		count++
	})
	if _, err := audit.Verify(bytes.NewReader(file), o, nil); err != nil {
		t.Fatal(err)
	}
	return c, file, b.Bytes(), count
}

// against verifies a bundle against a history.
func against(t testing.TB, c *audittest.Chain, file, bundle []byte) (int, *audit.Bundle, error) {
	t.Helper()
	b, err := audit.ReadBundle(bytes.NewReader(bundle), signature.PublicOf(attestor))
	if err != nil {
		return 0, nil, err
	}
	o := options(c)
	o.Watch = audit.NewAttester(o.Origin, b.Check)
	if _, err := audit.Verify(bytes.NewReader(file), o, nil); err != nil {
		t.Fatal(err)
	}
	n, err := b.End()
	return n, b, err
}

// Read by the specifications and nothing of this package.
func TestAttestationsAreWhatInTotoWants(t *testing.T) {
	_, _, bundle, count := attested(t)
	releases := 0
	for line := range bytes.Lines(bundle) {
		var e struct {
			Payload     []byte
			PayloadType string
			Signatures  []struct {
				KeyID string `json:"keyid"`
				Sig   []byte
			}
		}
		if err := json.Unmarshal(line, &e); err != nil || e.PayloadType != "application/vnd.in-toto+json" || len(e.Signatures) != 1 {
			t.Fatalf("%+v: %v", e, err)
		}
		signed := fmt.Sprintf("DSSEv1 28 application/vnd.in-toto+json %d %s", len(e.Payload), e.Payload)
		key, err := hex.DecodeString(e.Signatures[0].KeyID)
		if err != nil || !bytes.Equal(key, attestor.Public().(ed25519.PublicKey)) || !ed25519.Verify(key, []byte(signed), e.Signatures[0].Sig) {
			t.Errorf("the signature does not verify: %v", err)
		}
		var s struct {
			Type    string `json:"_type"`
			Subject []struct {
				Name   string
				Digest map[string]string
			}
			PredicateType string
			Predicate     map[string]json.RawMessage
		}
		if err := json.Unmarshal(e.Payload, &s); err != nil || s.Type != "https://in-toto.io/Statement/v1" || !strings.HasPrefix(s.PredicateType, "https://") {
			t.Errorf("%s: %v", e.Payload, err)
		}
		for _, x := range s.Subject {
			if b, err := hex.DecodeString(x.Digest["sha256"]); err != nil || len(b) != sha256.Size || x.Name == "" {
				t.Errorf("subject %+v: %v", x, err)
			}
			if strings.HasPrefix(x.Name, "swift@") {
				releases++
			}
		}
		for _, field := range []string{"chain", "audit", "proposal", "slot", "epoch", "policies", "history"} {
			if s.Predicate[field] == nil {
				t.Errorf("no %s in %s", field, e.Payload)
			}
		}
		for _, says := range []string{`"what":"approves proposal`, `"step":"approve"`, `"step":"activate"`, `"holds":true`, `"organisation":"bolt"`} {
			if !bytes.Contains(e.Payload, []byte(says)) {
				t.Errorf("%s is not in %s", says, e.Payload)
			}
		}
	}
	if count < 6 || releases == 0 {
		t.Errorf("%d attestations, %d of releases", count, releases)
	}
}

func TestABundleIsCheckedAgainstTheHistory(t *testing.T) {
	c, file, bundle, count := attested(t)
	lines := bytes.SplitAfter(bytes.TrimSuffix(bundle, []byte("\n")), []byte("\n"))
	lines[len(lines)-1] = append(slices.Clone(lines[len(lines)-1]), '\n')
	statement := func(i int) []byte {
		var e struct{ Payload []byte }
		if err := json.Unmarshal(lines[i], &e); err != nil {
			t.Fatal(err)
		}
		return e.Payload
	}
	seal := func(key ed25519.PrivateKey, s []byte) []byte {
		return append(audit.Seal(s, signature.NewSigner(key)), '\n')
	}
	with := func(i int, line []byte) []byte {
		x := slices.Clone(lines)
		x[i] = line
		return bytes.Join(x, nil)
	}
	stranger := audittest.Key("acme", "stranger")
	reversed := slices.Clone(lines)
	slices.Reverse(reversed)
	urlSafe := func() []byte {
		var m map[string]any
		if err := json.Unmarshal(lines[0], &m); err != nil {
			t.Fatal(err)
		}
		m["payload"] = base64.URLEncoding.EncodeToString(statement(0))
		m["more"] = "to be ignored"
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return append(b, '\n')
	}()
	for _, x := range []struct {
		name    string
		bundle  []byte
		refused bool
		ignored int
	}{
		{"whole", bundle, false, 0},
		{"in another order", bytes.Join(reversed, nil), false, 0},
		{"one of them twice", append(slices.Clone(bundle), lines[0]...), false, 0},
		{"with the other alphabet and a field more", with(0, urlSafe), false, 0},
		{"with lines of others", append(append(slices.Clone(bundle), seal(stranger, statement(0))...), "nonsense\n"...), false, 2},
		{"one missing", bytes.Join(lines[1:], nil), true, 0},
		{"one signed by a stranger", with(0, seal(stranger, statement(0))), true, 1},
		{"one that says otherwise", with(1, seal(attestor, bytes.Replace(statement(1), []byte(`"organisation":"bolt"`), []byte(`"organisation":"acme"`), 1))), true, 0},
		{"one of an event that is none", append(slices.Clone(bundle), seal(attestor, bytes.Replace(statement(0), []byte(`"audit":{"event":`), []byte(`"audit":{"event":9`), 1))...), true, 0},
		{"two of one event that differ", append(slices.Clone(bundle), seal(attestor, bytes.Replace(statement(0), []byte(`"bolt"`), []byte(`"acme"`), 1))...), true, 0},
		{"altered after it was signed", bytes.Replace(bundle, lines[0][20:30], []byte("AAAAAAAAAA"), 1), true, 1},
	} {
		n, b, err := against(t, c, file, x.bundle)
		var f *audit.Fault
		switch {
		case x.refused && (!errors.As(err, &f) || f.Code != audit.Attested):
			t.Errorf("%s: %v", x.name, err)
		case !x.refused && (err != nil || n != count):
			t.Errorf("%s: %d of %d attestations, %v", x.name, n, count, err)
		case b != nil && b.Ignored != x.ignored:
			t.Errorf("%s: %d lines ignored, want %d", x.name, b.Ignored, x.ignored)
		}
	}
}
