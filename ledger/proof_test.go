package ledger

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"quoin.dev/quoin"
)

func entryProof(t testing.TB, size int, index uint64, signers ...int) (quoin.Origin, quoin.ValidatorSet, *EntryProof, *world) {
	t.Helper()
	w := newWorld(t)
	for len(w.entries) < size {
		w.append(min(50, size-len(w.entries)), true)
	}
	origin, set, c := w.certified(4, signers...)
	p, err := ProveEntry(w.store, c, index)
	if err != nil {
		t.Fatal(err)
	}
	return origin, set, p, w
}

func TestEntryProof(t *testing.T) {
	origin, set, p, w := entryProof(t, 300, 77, 0, 1, 3)
	entry, err := p.Verify(origin, set)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(entry.AppendBinary(nil), w.entries[77]) {
		t.Error("another entry")
	}
	wire := p.AppendBinary(nil)
	if len(wire) > EntryProofBytesMax {
		t.Errorf("%d bytes, limit %d", len(wire), EntryProofBytesMax)
	}
	back, err := DecodeEntryProof(wire)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := back.Verify(origin, set); err != nil || !bytes.Equal(back.AppendBinary(nil), wire) {
		t.Errorf("after a round trip: %v", err)
	}
	if _, err := ProveEntry(w.store, p.Certificate, 300); !errors.Is(err, ErrRange) {
		t.Errorf("an entry beyond the certificate: %v", err)
	}
	if _, err := p.Verify(origin+"x", set); err == nil {
		t.Error("accepted for another chain")
	}
	_, others := validators(t, 7)
	if _, err := p.Verify(origin, others); err == nil {
		t.Error("accepted for another set")
	}
	// An entry that decodes to nothing is refused even if it is in the tree.
	edge := Edge{}
	s := NewSegment(&edge)
	s.AppendEntry([]byte("rubbish"))
	keys, _ := validators(t, 4)
	c := p.Certificate
	c.Checkpoint.Size, c.Checkpoint.Ledger = 1, s.Root()
	c = sign(c, keys, 0, 1, 2)
	if _, err := (&EntryProof{Certificate: c, Entry: []byte("rubbish")}).Verify(origin, set); !errors.Is(err, ErrProof) {
		t.Errorf("rubbish in the tree: %v", err)
	}
}

// TestEveryByteOfAProofMatters changes each bit of the canonical bytes, and cuts and extends them.
func TestEveryByteOfAProofMatters(t *testing.T) {
	for _, signers := range [][]int{{0, 1, 3}, {0, 1, 2, 3}} {
		origin, set, p, _ := entryProof(t, 120, 55, signers...)
		wire := p.AppendBinary(nil)
		for i := range wire {
			for bit := range 8 {
				wire[i] ^= 1 << bit
				if verifies(wire, origin, set) {
					t.Fatalf("bit %d of byte %d of %d changed and it verifies", bit, i, len(wire))
				}
				wire[i] ^= 1 << bit
			}
			if verifies(wire[:i], origin, set) {
				t.Fatalf("cut to %d bytes it verifies", i)
			}
		}
		if verifies(append(bytes.Clone(wire), 0), origin, set) {
			t.Error("with a byte more it verifies")
		}
		if !verifies(wire, origin, set) {
			t.Error("unchanged it does not verify")
		}
	}
}

func verifies(wire []byte, origin quoin.Origin, set quoin.ValidatorSet) bool {
	p, err := DecodeEntryProof(wire)
	if err != nil {
		return false
	}
	_, err = p.Verify(origin, set)
	return err == nil
}

// TestEveryFieldOfAProofMatters changes each decoded field.
func TestEveryFieldOfAProofMatters(t *testing.T) {
	origin, set, p, _ := entryProof(t, 120, 55, 0, 1, 3)
	for name, change := range map[string]func(p *EntryProof){
		"origin":             func(p *EntryProof) { p.Certificate.Checkpoint.Origin += "0" },
		"size":               func(p *EntryProof) { p.Certificate.Checkpoint.Size++ },
		"ledger":             func(p *EntryProof) { p.Certificate.Checkpoint.Ledger[0]++ },
		"epoch":              func(p *EntryProof) { p.Certificate.Checkpoint.Epoch++ },
		"height":             func(p *EntryProof) { p.Certificate.Checkpoint.Height++ },
		"view":               func(p *EntryProof) { p.Certificate.Checkpoint.View++ },
		"block":              func(p *EntryProof) { p.Certificate.Checkpoint.Block[9]++ },
		"state":              func(p *EntryProof) { p.Certificate.Checkpoint.State[9]++ },
		"time":               func(p *EntryProof) { p.Certificate.Checkpoint.Time++ },
		"a signer more":      func(p *EntryProof) { p.Certificate.Signers = p.Certificate.Signers.With(2) },
		"another signer":     func(p *EntryProof) { p.Certificate.Signers = quoin.Bitmap{7} },
		"a signer less":      func(p *EntryProof) { p.Certificate.Signers = quoin.Bitmap{3} },
		"signatures less":    func(p *EntryProof) { p.Certificate.Signatures = p.Certificate.Signatures[:2] },
		"signatures more":    func(p *EntryProof) { p.Certificate.Signatures = append(p.Certificate.Signatures, quoin.Signature{}) },
		"signatures swapped": func(p *EntryProof) { s := p.Certificate.Signatures; s[0], s[1] = s[1], s[0] },
		"signature 0":        func(p *EntryProof) { p.Certificate.Signatures[0][1]++ },
		"signature 2":        func(p *EntryProof) { p.Certificate.Signatures[2][63]++ },
		"index":              func(p *EntryProof) { p.Index++ },
		"index, huge":        func(p *EntryProof) { p.Index = 1 << 63 },
		"entry":              func(p *EntryProof) { p.Entry[3]++ },
		"entry, cut":         func(p *EntryProof) { p.Entry = p.Entry[:len(p.Entry)-1] },
		"entry, none":        func(p *EntryProof) { p.Entry = nil },
		"path":               func(p *EntryProof) { p.Path[2][5]++ },
		"path, cut":          func(p *EntryProof) { p.Path = p.Path[1:] },
		"path, none":         func(p *EntryProof) { p.Path = nil },
	} {
		c := *p
		c.Certificate.Signatures = slices.Clone(p.Certificate.Signatures)
		c.Entry, c.Path = bytes.Clone(p.Entry), slices.Clone(p.Path)
		change(&c)
		if _, err := c.Verify(origin, set); err == nil {
			t.Errorf("%s changed, and it verifies", name)
		}
	}
}

func FuzzDecodeEntryProof(f *testing.F) {
	_, _, p, _ := entryProof(f, 120, 55, 0, 1, 3)
	f.Add(p.AppendBinary(nil))
	p.Path = nil
	f.Add(p.AppendBinary(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := DecodeEntryProof(b); err == nil && !bytes.Equal(p.AppendBinary(nil), b) {
			t.Errorf("%x is accepted and encoded otherwise", b)
		} else if err != nil && !errors.Is(err, ErrProof) {
			t.Errorf("error %v", err)
		}
	})
}
