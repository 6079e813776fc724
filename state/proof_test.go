package state

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/store"
)

// testWrite is one key of a test's state.
type testWrite struct{ name, key, value string }

// openWith returns a certified state of the writes and its store.
func openWith(t testing.TB, o Options, writes ...testWrite) (*State, *store.Memory) {
	t.Helper()
	m := store.NewMemory()
	s, err := Open(m, o)
	if err != nil {
		t.Fatal(err)
	}
	certify(t, s, m, 1, writes...)
	return s, m
}

// certify commits one block.
func certify(t testing.TB, s *State, m *store.Memory, height quoin.Height, writes ...testWrite) {
	t.Helper()
	o, err := s.NewOverlay(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range writes {
		if err := o.Put(w.name, []byte(w.key), []byte(w.value)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.Seal(); err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	if err := s.Commit(o, height, &b); err != nil {
		t.Fatal(err)
	}
	if err := m.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
}

// manyWrites returns n keys of namespace kv.
func manyWrites(n int) (writes []testWrite) {
	for i := range n {
		writes = append(writes, testWrite{"kv", fmt.Sprintf("key-%d", i), fmt.Sprintf("value of %d", i)})
	}
	return writes
}

// proofCase is a question about proofState.
type proofCase struct {
	name, namespace, key string
	kind                 ProofKind
}

var proofCases = []proofCase{
	{"present", "kv", "key-7", ProofPresent},
	{"empty value", "kv", "hollow", ProofPresent},
	{"alone in its namespace", "solo", "one", ProofPresent},
	{"other alone in its namespace", "solo", "two", ProofOther},
	{"empty", "kv", "absent-1", ProofEmpty},
	{"other", "kv", "absent-2", ProofOther},
	{"no namespace", "none", "key-7", ProofNoNamespace},
}

func proofState(t testing.TB) *State {
	s, _ := openWith(t, Options{}, append(manyWrites(100), testWrite{"kv", "hollow", ""}, testWrite{"solo", "one", "1"})...)
	return s
}

func TestProof(t *testing.T) {
	s := proofState(t)
	for _, c := range proofCases {
		t.Run(c.name, func(t *testing.T) {
			p, err := s.Prove(c.namespace, []byte(c.key))
			if err != nil {
				t.Fatal(err)
			}
			if p.Kind != c.kind {
				t.Fatalf("kind %d, want %d", p.Kind, c.kind)
			}
			encoded, err := p.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			var q Proof
			if err := q.UnmarshalBinary(encoded); err != nil {
				t.Fatal(err)
			}
			want, there, err := s.Get(c.namespace, []byte(c.key))
			if err != nil {
				t.Fatal(err)
			}
			value, ok, err := q.Verify(s.Root(), c.namespace, []byte(c.key))
			if err != nil || ok != there || !bytes.Equal(value, want) {
				t.Fatalf("verified %q %v %v, want %q %v", value, ok, err, want, there)
			}
			t.Logf("%d bytes, %d siblings", len(encoded), len(p.Siblings))
			checkMutations(t, s.Root(), c, encoded)
		})
	}
}

// checkMutations makes sure that no other byte in any place, no truncation and no appended byte
// gives a proof that verifies, of the same answer or another.
func checkMutations(t *testing.T, root quoin.Hash, c proofCase, encoded []byte) {
	t.Helper()
	refused := func(b []byte) bool {
		var p Proof
		if err := p.UnmarshalBinary(b); err != nil {
			return errors.Is(err, ErrProof)
		}
		_, _, err := p.Verify(root, c.namespace, []byte(c.key))
		return errors.Is(err, ErrProof)
	}
	for i := range encoded {
		for flip := 1; flip < 256; flip++ {
			b := slices.Clone(encoded)
			b[i] ^= byte(flip)
			if !refused(b) {
				t.Fatalf("byte %d changed from %02x to %02x: not refused", i, encoded[i], b[i])
			}
		}
		if !refused(encoded[:i]) {
			t.Fatalf("cut to %d bytes: not refused", i)
		}
	}
	if !refused(append(slices.Clone(encoded), 0)) {
		t.Fatal("one byte more: not refused")
	}
}

// TestProofOfAnother makes sure that a proof answers its own question only.
func TestProofOfAnother(t *testing.T) {
	s := proofState(t)
	for _, c := range proofCases {
		p, err := s.Prove(c.namespace, []byte(c.key))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range proofCases {
			value, ok, err := p.Verify(s.Root(), d.namespace, []byte(d.key))
			if err != nil {
				continue
			}
			want, there, _ := s.Get(d.namespace, []byte(d.key))
			if ok != there || !bytes.Equal(value, want) {
				t.Errorf("the proof of %q says %q %v of %q", c.name, value, ok, d.name)
			}
		}
		if _, _, err := p.Verify(quoin.Hash{1}, c.namespace, []byte(c.key)); !errors.Is(err, ErrProof) {
			t.Errorf("%s: verified under another root: %v", c.name, err)
		}
	}
}

// TestProofForged tries what a forger can build without breaking the hash.
func TestProofForged(t *testing.T) {
	s := proofState(t)
	present, err := s.Prove("kv", []byte("key-7"))
	if err != nil {
		t.Fatal(err)
	}
	hash := KeyHash([]byte("key-7"))
	forge := func(change func(*Proof)) Proof {
		p := present
		p.Siblings = slices.Clone(p.Siblings)
		change(&p)
		return p
	}
	for name, p := range map[string]Proof{
		"own leaf as another's": forge(func(p *Proof) {
			p.Kind, p.Value, p.OtherKey, p.OtherValue = ProofOther, nil, hash, quoin.Hash{}
		}),
		"empty in its place":     forge(func(p *Proof) { p.Kind, p.Value = ProofEmpty, nil }),
		"namespace left out":     forge(func(p *Proof) { p.Kind, p.Value, p.Siblings, p.Directory = ProofNoNamespace, nil, nil, p.Directory[1:] }),
		"namespace denied":       forge(func(p *Proof) { p.Kind, p.Value, p.Siblings = ProofNoNamespace, nil, nil }),
		"a branch as empty":      forge(func(p *Proof) { p.Kind, p.Value, p.Siblings = ProofEmpty, nil, p.Siblings[:2] }),
		"a sibling too many":     forge(func(p *Proof) { p.Siblings = append(p.Siblings, quoin.Hash{}) }),
		"kind zero":              forge(func(p *Proof) { p.Kind = 0 }),
		"more siblings than 256": forge(func(p *Proof) { p.Siblings = make([]quoin.Hash, 257) }),
		"leaf from elsewhere": forge(func(p *Proof) {
			other := KeyHash([]byte("key-8"))
			p.Kind, p.Value, p.OtherKey = ProofOther, nil, other
		}),
	} {
		if _, _, err := p.Verify(s.Root(), "kv", []byte("key-7")); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzProof(f *testing.F) {
	s := proofState(f)
	for _, c := range proofCases {
		p, err := s.Prove(c.namespace, []byte(c.key))
		if err != nil {
			f.Fatal(err)
		}
		encoded, err := p.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Proof
		if err := p.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, ErrProof) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		again, err := p.MarshalBinary()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x decodes, but encodes as %x, %v", b, again, err)
		}
		for _, c := range proofCases {
			value, ok, err := p.Verify(s.Root(), c.namespace, []byte(c.key))
			if err != nil {
				continue
			}
			want, there, err := s.Get(c.namespace, []byte(c.key))
			if err != nil || ok != there || !bytes.Equal(value, want) {
				t.Fatalf("a forged proof of %s: %q %v", c.name, value, ok)
			}
		}
	})
}
