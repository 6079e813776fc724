package ledger

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"

	"quoin.dev/quoin"
	"quoin.dev/quoin/store"
)

// cosigner verifies cosignature/v1 lines as C2SP tlog-cosignature says, with nothing of ours.
type cosigner struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

func newCosigner(t *testing.T, vkey string) cosigner {
	t.Helper()
	parts := strings.SplitN(vkey, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || raw[0] != 4 || len(raw) != 33 {
		t.Fatalf("verifier key %q", vkey)
	}
	var id uint32
	if _, err := fmt.Sscanf(parts[1], "%08x", &id); err != nil {
		t.Fatal(err)
	}
	return cosigner{parts[0], id, raw[1:]}
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.id }
func (c cosigner) Verify(text, sig []byte) bool {
	if len(sig) != 72 {
		return false
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), text)
	return ed25519.Verify(c.key, []byte(message), sig[8:])
}

// TestStockToolsVerifyNotes opens our notes with the note package and checkpoint parser that other
// logs use, under the policy "log key and q of n".
func TestStockToolsVerifyNotes(t *testing.T) {
	w := newWorld(t)
	w.grow(300)
	for _, x := range []struct {
		signers []int
		ok      bool
	}{
		{[]int{0, 1, 2}, true}, {[]int{1, 2, 3}, true}, {[]int{0, 1, 2, 3}, true}, {[]int{0, 3}, false}, {[]int{2}, false}, {nil, false},
	} {
		keys, set := validators(t, 4)
		origin, _, c := w.certified(4)
		c = sign(c, keys, x.signers...)
		if err := VerifyCertificate(&c, origin, set); (err == nil) != x.ok {
			t.Errorf("signers %v: our own verdict is %v", x.signers, err)
		}
		signed, err := SignedNote(&c, set)
		if err != nil {
			t.Fatal(err)
		}
		vkey, err := LogVerifierKey(origin)
		if err != nil {
			t.Fatal(err)
		}
		logVerifier, err := note.NewVerifier(vkey)
		if err != nil {
			t.Fatal(err)
		}
		verifiers := []note.Verifier{logVerifier}
		for _, v := range set.All() {
			verifiers = append(verifiers, newCosigner(t, CosignerVerifierKey(origin, v)))
		}
		opened, err := note.Open(signed, note.VerifierList(verifiers...))
		if err != nil {
			t.Fatal(err)
		}
		var cp log.Checkpoint
		rest, err := cp.Unmarshal([]byte(opened.Text))
		if err != nil || cp.Origin != string(origin) || cp.Size != w.log.Size() || quoin.Hash(cp.Hash) != w.log.Root() || !bytes.HasPrefix(rest, []byte("epoch 1\n")) {
			t.Errorf("the stock parser reads %+v, rest %q: %v", cp, rest, err)
		}
		logSigned, cosigned := 0, 0
		for _, s := range opened.Sigs {
			if s.Name == string(origin) {
				logSigned++
			} else {
				cosigned++
			}
		}
		if logSigned != 1 || len(opened.UnverifiedSigs) > 0 {
			t.Errorf("%d log signatures, %d lines not verified", logSigned, len(opened.UnverifiedSigs))
		}
		if accepted := logSigned == 1 && cosigned >= set.QuorumCount(); accepted != x.ok {
			t.Errorf("signers %v: the stock policy says %v, want %v", x.signers, accepted, x.ok)
		}
		back, err := ParseSignedNote(signed, set)
		if err != nil || !bytes.Equal(back.AppendBinary(nil), c.AppendBinary(nil)) {
			t.Errorf("signers %v: the note does not come back: %v", x.signers, err)
		}
	}
}

func TestNoteIsStrict(t *testing.T) {
	w := newWorld(t)
	w.grow(20)
	_, set, c := w.certified(4, 0, 2, 3)
	signed, err := SignedNote(&c, set)
	if err != nil {
		t.Fatal(err)
	}
	wire := string(c.AppendBinary(nil))
	for i := range signed {
		for _, flip := range []byte{1, 0x20, 0x80} {
			b := bytes.Clone(signed)
			b[i] ^= flip
			if back, err := ParseSignedNote(b, set); err == nil && string(back.AppendBinary(nil)) == wire {
				t.Fatalf("byte %d changed by %#x (%q) and nobody noticed", i, flip, signed[max(0, i-10):i+1])
			}
		}
	}
	lines := strings.SplitAfter(string(signed), "\n")
	sigs := len(lines) - 5 // index of the log line
	reorder := func(f func(l []string) []string) []byte {
		l := append([]string(nil), lines[:len(lines)-1]...)
		return []byte(strings.Join(f(l), ""))
	}
	for name, b := range map[string][]byte{
		"empty":               nil,
		"text alone":          []byte(c.Checkpoint.Text()),
		"text, empty line":    []byte(c.Checkpoint.Text() + "\n"),
		"no last newline":     signed[:len(signed)-1],
		"newline behind":      append(bytes.Clone(signed), '\n'),
		"without log line":    reorder(func(l []string) []string { return append(l[:sigs:sigs], l[sigs+1:]...) }),
		"log line behind":     reorder(func(l []string) []string { n := len(l); l[n-1], l[n-4] = l[n-4], l[n-1]; return l }),
		"two lines swapped":   reorder(func(l []string) []string { n := len(l); l[n-1], l[n-2] = l[n-2], l[n-1]; return l }),
		"one line twice":      reorder(func(l []string) []string { return append(l, l[len(l)-1]) }),
		"an unknown cosigner": append(bytes.Clone(signed), "— test/other "+base64.StdEncoding.EncodeToString(make([]byte, 76))+"\n"...),
		"long":                append(bytes.Clone(signed), make([]byte, NoteBytesMax)...),
	} {
		if _, err := ParseSignedNote(b, set); !errors.Is(err, ErrNote) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, origin := range []quoin.Origin{"", "x", "a/b", "a/b/c", quoin.Origin("a/b/c/" + quoin.Hash{}.String()), quoin.Origin("a/b/" + strings.Repeat("A", 64))} {
		bad := c
		bad.Checkpoint.Origin = origin
		if _, err := SignedNote(&bad, set); !errors.Is(err, ErrNote) {
			t.Errorf("origin %q: %v", origin, err)
		}
		if _, err := LogVerifierKey(origin); !errors.Is(err, ErrNote) {
			t.Errorf("origin %q: %v", origin, err)
		}
	}
	bad := c
	bad.Signatures = bad.Signatures[1:]
	if _, err := SignedNote(&bad, set); !errors.Is(err, ErrNote) {
		t.Errorf("a signature missing: %v", err)
	}
	_, small := validators(t, 2)
	if _, err := SignedNote(&c, small); !errors.Is(err, ErrNote) {
		t.Errorf("the wrong set: %v", err)
	}
}

func TestCheckpointIsServed(t *testing.T) {
	w := newWorld(t)
	w.grow(20)
	_, set, c := w.certified(4, 0, 2, 3)
	var b store.Batch
	WriteCertificate(&b, &c)
	if err := w.store.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReadPath(w.store, "checkpoint"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a certificate of an unknown epoch: %v", err)
	}
	b.Reset()
	WriteValidators(&b, 1, set)
	if err := w.store.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
	body, kind, err := ReadPath(w.store, "checkpoint")
	want, _ := SignedNote(&c, set)
	if err != nil || kind != ContentTypeNote || !bytes.Equal(body, want) {
		t.Errorf("checkpoint: %q, %v", body, err)
	}
	if _, ok, err := ReadValidators(w.store, 2); ok || err != nil {
		t.Errorf("validators of epoch 2: %v, %v", ok, err)
	}
	for _, key := range []string{noteKey, string(setKey(1))} {
		s := w.store.Clone()
		b.Reset()
		b.Set([]byte(key), []byte("rubbish"))
		if err := s.Apply(&b, true); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ReadPath(s, "checkpoint"); !errors.Is(err, ErrCorrupt) {
			t.Errorf("rubbish under %q: %v", key, err)
		}
	}
}

func FuzzParseSignedNote(f *testing.F) {
	w := newWorld(f)
	w.grow(20)
	_, set, c := w.certified(4, 0, 2, 3)
	signed, err := SignedNote(&c, set)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Add([]byte("\n\n— \n"))
	f.Add([]byte(c.Checkpoint.Text() + "\n— x AAAA\n— test/v0 AAAA\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ParseSignedNote(b, set); err == nil {
			if again, err := SignedNote(&c, set); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%q is accepted and rendered otherwise", b)
			}
		}
	})
}
