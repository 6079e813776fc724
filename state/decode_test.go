package state

import (
	"bytes"
	"errors"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/store"
)

// storedSeeds adds to the corpus what a flushed and an unflushed state have in the store under a
// kind.
func storedSeeds(f *testing.F, kind byte) {
	for _, flush := range []int{1, 1 << 20} {
		_, m := openWith(f, Options{FlushTouched: flush}, append(manyWrites(3000), testWrite{"solo", "one", "1"})...)
		prefix := []byte{storePrefix, kind}
		err := m.Scan(prefix, store.PrefixEnd(prefix), func(_, value []byte) bool {
			if len(value) < 4<<10 {
				f.Add(bytes.Clone(value))
			}
			return true
		})
		if err != nil {
			f.Fatal(err)
		}
	}
}

// wantCorrupt fails unless err, if any, is what a decoder of stored bytes may return.
func wantCorrupt(t *testing.T, err error) (refused bool) {
	t.Helper()
	if err != nil && !errors.Is(err, ErrCorrupt) {
		t.Fatalf("refused with %v", err)
	}
	return err != nil
}

func FuzzPage(f *testing.F) {
	storedSeeds(f, kindPage)
	f.Fuzz(func(t *testing.T, record []byte) {
		for _, depth := range []int{0, 6, 252} {
			s := &State{}
			p := page{name: "kv", depth: depth}
			n, err := s.parsePage(p, record)
			if !wantCorrupt(t, err) {
				w := pageWriter{s: s}
				if w.encode(n, depth, p); !bytes.Equal(w.bytes, record) {
					t.Fatalf("decodes, but encodes as %x", w.bytes)
				}
				s.nodes.freeAll(n.ref)
			}
			if s.nodes.branchCount != 0 || s.nodes.leafCount != 0 {
				t.Fatalf("%d branches and %d leaves were lost", s.nodes.branchCount, s.nodes.leafCount)
			}
		}
	})
}

func FuzzCertified(f *testing.F) {
	storedSeeds(f, kindMark)
	storedSeeds(f, kindFlush)
	f.Fuzz(func(t *testing.T, record []byte) {
		c, err := parseCertified(record)
		if !wantCorrupt(t, err) && !bytes.Equal(c.append(nil), record) {
			t.Fatalf("decodes, but encodes as %x", c.append(nil))
		}
	})
}

func FuzzTouched(f *testing.F) {
	storedSeeds(f, kindTouched)
	f.Add([]byte("\x02kv\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x07"))
	f.Fuzz(func(t *testing.T, record []byte) {
		spaces, err := parseTouched(record)
		if !wantCorrupt(t, err) && !bytes.Equal(appendTouched(nil, spaces), record) {
			t.Fatalf("decodes, but encodes as %x", appendTouched(nil, spaces))
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add(appendRecord(nil, []byte("key"), []byte("value")))
	f.Fuzz(func(t *testing.T, record []byte) {
		key, value, err := parseRecord(record)
		if !wantCorrupt(t, err) && !bytes.Equal(appendRecord(nil, key, value), record) {
			t.Fatal("another encoding")
		}
	})
}

// FuzzStore puts hostile bytes wherever the state reads, behind a mark that makes it read them:
// an error is fine, a panic or a wrong value under the certified root is not.
func FuzzStore(f *testing.F) {
	s, m := openWith(f, Options{FlushTouched: 1}, manyWrites(100)...)
	certify(f, s, m, 2, testWrite{"kv", "key-5", "later"}, testWrite{"kv", "key-101", "new"})
	var keys, values [][]byte
	err := m.Scan(nil, nil, func(key, value []byte) bool {
		keys, values = append(keys, bytes.Clone(key)), append(values, bytes.Clone(value))
		return true
	})
	if err != nil {
		f.Fatal(err)
	}
	for i, value := range values {
		f.Add(uint8(i), value)
	}
	f.Fuzz(func(t *testing.T, i uint8, value []byte) {
		if int(i) >= len(keys) || keys[i][1] == kindMark {
			return
		}
		broken := m.Clone()
		var b store.Batch
		b.Set(keys[i], value)
		if err := broken.Apply(&b, true); err != nil {
			t.Fatal(err)
		}
		s, err := Open(broken, Options{})
		if wantCorrupt(t, err) {
			return
		}
		o, err := s.NewOverlay(nil)
		if err != nil {
			t.Fatal(err)
		}
		for n, w := range manyWrites(120) {
			if p, err := s.Prove(w.name, []byte(w.key)); !wantCorrupt(t, err) {
				got, there, err := p.Verify(s.Root(), w.name, []byte(w.key))
				want := w.value
				if n == 5 {
					want = "later"
				}
				if n == 101 {
					want = "new"
				}
				if err != nil || there != (n < 100 || n == 101) || there && string(got) != want {
					t.Fatalf("%s is %q %v, %v", w.key, got, there, err)
				}
			}
			if err := o.Put(w.name, []byte(w.key), []byte("other")); err != nil {
				t.Fatal(err)
			}
		}
		got, err := keysOf(s.ScanKeys, "kv", nil, nil, 1000)
		if refused := wantCorrupt(t, err); !refused && len(got) != 101 || !refused && keys[i][1] == kindKey && len(value) > 0 {
			t.Fatalf("%d keys in order, with %x beside one", len(got), value)
		}
		_, err = keysOf(o.ScanKeys, "kv", nil, []byte("key-3"), 1000)
		wantCorrupt(t, err)
		_, err = o.Seal()
		wantCorrupt(t, err)
		if err := checkNodes(s); err != nil && o.status != stale {
			t.Fatal(err)
		}
	})
}

// failingReader fails the nth read from now on, once.
type failingReader struct {
	store.Reader
	reads, fail int
}

var errDisk = errors.New("planned failure of the disk")

func (r *failingReader) next() error {
	r.reads++
	if r.reads == r.fail {
		return errDisk
	}
	return nil
}

func (r *failingReader) Get(key []byte) ([]byte, bool, error) {
	if err := r.next(); err != nil {
		return nil, false, err
	}
	return r.Reader.Get(key)
}

func (r *failingReader) Scan(from, to []byte, yield func(key, value []byte) bool) error {
	if err := r.next(); err != nil {
		return err
	}
	return r.Reader.Scan(from, to, yield)
}

// TestFailingReads fails each read of the store in turn: the call that meets the failure returns
// it, nothing is lost, and the same call again gives what it should.
func TestFailingReads(t *testing.T) {
	_, m := openWith(t, Options{FlushTouched: 1}, manyWrites(2500)...)
	block := func(s *State) (quoin.Hash, error) {
		o, err := s.NewOverlay(nil)
		if err != nil {
			return quoin.Hash{}, err
		}
		defer o.Drop()
		for i, w := range manyWrites(2500) {
			if i%50 != 0 {
				continue
			}
			err := o.Put(w.name, []byte(w.key), []byte("other"))
			if i%100 == 0 {
				err = o.Delete(w.name, []byte(w.key))
			}
			if err != nil {
				return quoin.Hash{}, err
			}
		}
		keys, err := keysOf(o.ScanKeys, "kv", []byte("key-50"), []byte("key-51"), 100)
		if err != nil || len(keys) != 11 {
			return quoin.Hash{}, err
		}
		root, err := o.Seal()
		if err != nil {
			return root, err
		}
		_, err = o.Prove("kv", []byte("key-50"))
		return root, err
	}
	count := &failingReader{Reader: m}
	s, err := Open(count, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := block(s)
	if err != nil {
		t.Fatal(err)
	}
	for fail := 1; fail <= count.reads; fail++ {
		r := &failingReader{Reader: m, fail: fail}
		s, err := Open(r, Options{})
		if err != nil {
			if !errors.Is(err, errDisk) || errors.Is(err, ErrCorrupt) {
				t.Fatalf("read %d: Open: %v", fail, err)
			}
			continue
		}
		if _, err := block(s); !errors.Is(err, errDisk) || errors.Is(err, ErrCorrupt) {
			t.Fatalf("read %d: %v", fail, err)
		}
		if err := checkNodes(s); err != nil {
			t.Fatalf("read %d: %v", fail, err)
		}
		if got, err := block(s); err != nil || got != want {
			t.Fatalf("read %d: then %v %v, want %v", fail, got, err, want)
		}
	}
	t.Logf("%d reads failed in turn", count.reads)
}

// TestDeterministic plays the same world twice: the stores must be the same to the last byte.
func TestDeterministic(t *testing.T) {
	a, b := newWorld(77, 400, noBug), newWorld(77, 400, noBug)
	if err := errors.Join(a.play(200), b.play(200)); err != nil {
		t.Fatal(err)
	}
	for i := range a.sides {
		if !a.sides[i].store.Equal(b.sides[i].store) {
			t.Errorf("side %d: the stores differ", i)
		}
	}
}
