package dashboard_test

import (
	"crypto/ecdh"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api/apitest"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/signature"
)

// keyFile writes a key as `quoin key new` does.
func keyFile(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// TestBrowserSignsAsTheCommandLine wants the page's transactions to be, byte for byte, those that the
// command line makes with the same key.
func TestBrowserSignsAsTheCommandLine(t *testing.T) {
	p := openPage(t)
	s := seed()
	t.Logf("seed %d; replay with: go test ./dashboard -run TestBrowserSignsAsTheCommandLine -proof-seed %d", s, s)
	r := rand.New(rand.NewPCG(s, 6))
	for i := range 12 {
		key := apitest.Key(fmt.Sprint(s, i))
		origin := quoin.NewOrigin("net", "main", quoin.Hash{byte(i)})
		n, restarts, note := governance.ProposalNumber(r.Uint64()), r.Uint64()>>1, []string{"", "why not", "größer als ≥ 3 – 😀"}[r.IntN(3)]
		fields := func(kind string, more ...string) map[string]string {
			f := map[string]string{"kind": kind, "proposal": fmt.Sprintf("%dn", n), "restarts": fmt.Sprintf("%dn", restarts), "note": note}
			for k := 0; k < len(more); k += 2 {
				f[more[k]] = more[k+1]
			}
			return f
		}
		holder := signature.PublicOf(apitest.Key("holder"))
		for _, x := range []struct {
			fields  map[string]string
			command governance.Command
		}{
			{fields("approve"), governance.Approve{Proposal: n, Note: note, Restarts: restarts}},
			{fields("reject"), governance.Reject{Proposal: n, Note: note, Restarts: restarts}},
			{fields("schedule", "height", "77n"), governance.Schedule{Proposal: n, Height: 77, Restarts: restarts}},
			{fields("veto"), governance.Veto{Proposal: n, Note: note}},
			{fields("shadow"), governance.Shadow{Proposal: n}},
			{fields("confirm"), governance.Confirm{Proposal: n, Note: note, Restarts: restarts}},
			{fields("pause"), governance.Pause{Proposal: n, Note: note}},
			{fields("resume"), governance.Resume{Proposal: n, Note: note}},
			{fields("cancel"), governance.Cancel{Proposal: n, Note: note}},
			{fields("retire"), governance.Retire{Proposal: n, Note: note}},
			{fields("deprecate", "endOfLife", "99n"), governance.Deprecate{Proposal: n, EndOfLife: 99, Note: note}},
			{fields("rollback", "slot", "machine.v1/kv", "from", "3n"), governance.Rollback{Slot: "machine.v1/kv", From: 3, Note: note}},
			{fields("lift", "namespace", "kv"), governance.Lift{Namespace: "kv"}},
			{fields("revoke", "key", base64Of(holder[:])), governance.Revoke{Key: holder, Note: note}},
		} {
			salt, expiry := r.Uint64(), quoin.Height(r.Uint64())
			tx := quoin.Transaction{Sender: signature.PublicOf(key), Salt: salt, Expiry: expiry, Namespace: quoin.KernelNamespace, Payload: governance.Encode(x.command)}
			tx.Signature = signature.Sign(key, quoin.TransactionSigningBytes(tx.ID(origin.ID())))
			a := p.ask("sign", map[string]any{"key": keyFile(t, key), "origin": origin, "salt": fmt.Sprint(salt), "expiry": fmt.Sprint(uint64(expiry)), "command": x.fields})
			if want := base64Of(tx.AppendBinary(nil)); a.Said != want {
				t.Errorf("%T: %s %s, want %s", x.command, a.Said, a.Sentence, want)
			}
		}
	}
}

// TestBrowserRefusesOtherKeys wants a clear refusal of every key file that is not the command line's.
func TestBrowserRefusesOtherKeys(t *testing.T) {
	p := openPage(t)
	good := keyFile(t, apitest.Key("k"))
	x25519, err := ecdh.X25519().NewPrivateKey(make([]byte, 32)) // whose file has the same length
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		file []byte
		says string
	}{
		"with a password":      {[]byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGj\n-----END ENCRYPTED PRIVATE KEY-----\n"), "password"},
		"with an old password": {[]byte("-----BEGIN PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIGj\n-----END PRIVATE KEY-----\n"), "password"},
		"OpenSSH's":            {[]byte("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n"), "OPENSSH"},
		"of another kind":      {keyFile(t, x25519), "another key"},
		"public":               {[]byte("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n"), "PUBLIC KEY"},
		"hexadecimal":          {[]byte(strings.Repeat("ab", 32)), "quoin key new"},
		"two":                  {append(append([]byte{}, good...), good...), "more than one"},
		"damaged":              {[]byte(strings.Replace(string(good), "MC4C", "MC4D", 1)), "another key"},
		"cut":                  {good[:len(good)/2], ""},
		"too long":             {append(append([]byte{}, good...), make([]byte, 5000)...), "bytes"},
		"empty":                {nil, "no key file"},
	} {
		a := p.ask("sign", map[string]any{"key": append([]byte{}, x.file...), "origin": "o", "salt": "1", "expiry": "2", "command": map[string]string{"kind": "shadow", "proposal": "1n"}})
		if a.Code != "bad-key" || !strings.Contains(a.Sentence, x.says) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestBrowserNamesResults wants the results of commands named as the nodes do.
func TestBrowserNamesResults(t *testing.T) {
	p := openPage(t)
	var names []string
	for _, c := range governance.Codes() {
		names = append(names, c.String())
	}
	if a := p.ask("codes", map[string]any{"codes": governance.Codes()}); a.Said != strings.Join(names, " ") {
		t.Errorf("%s\nwant %s", a.Said, names)
	}
}

// TestBrowserReadsCommands has both read commands in which something was changed, and notes with
// characters that hide.
func TestBrowserReadsCommands(t *testing.T) {
	p := openPage(t)
	s := seed()
	t.Logf("seed %d; replay with: go test ./dashboard -run TestBrowserReadsCommands -proof-seed %d", s, s)
	r := rand.New(rand.NewPCG(s, 7))
	taken := 0
	for i := range 400 {
		b := governance.Encode([]governance.Command{governance.Approve{Proposal: 1, Note: "a ≥ b"}, governance.Rollback{Slot: "leader.v1", From: 2}, governance.Lift{Namespace: "kv"},
			governance.Schedule{Proposal: 3, Height: 4}, governance.Deprecate{Proposal: 5, EndOfLife: 6, Note: "n"}, governance.Revoke{Key: quoin.PublicKey{9}}}[r.IntN(6)])
		if i%4 > 0 {
			b = append(b[:1:1], mutateField(r, b[1:])...) // the kind stays
		}
		want := answer{Code: "proof"}
		if c, err := governance.DecodeCommand(b); err == nil {
			taken++
			want = answer{Said: base64Of(governance.Encode(c))}
		}
		p.agree(fmt.Sprintf("command %x", b), p.ask("command", map[string]any{"bytes": b}), want)
	}
	if taken < 100 || taken > 390 {
		t.Errorf("%d taken", taken)
	}
	for range 400 {
		note := "x" + string(rune(r.IntN(0x3200)))
		if r.IntN(3) == 0 {
			note = string(rune(r.IntN(0x110000)))
		}
		b := governance.Encode(governance.Veto{Proposal: 1, Note: note})
		_, err := governance.DecodeCommand(b)
		if a := p.ask("command", map[string]any{"bytes": b}); (a.Code == "") != (err == nil) {
			t.Errorf("note %+q: %+v, %v", note, a, err)
		}
	}
}
