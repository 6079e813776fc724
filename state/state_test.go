package state

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/store"
)

// TestMemoryBound writes many keys with a small cache: what stays in memory must not follow their
// number.
func TestMemoryBound(t *testing.T) {
	const cache = 512 << 10
	m := store.NewMemory()
	s, err := Open(m, Options{CacheBytes: cache, FlushTouched: 2000})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 1))
	largest := int64(0)
	for block := range 120 {
		var writes []testWrite
		for range 500 {
			writes = append(writes, testWrite{"kv", fmt.Sprint(random.Uint64()), "value"})
		}
		certify(t, s, m, quoin.Height(block), writes...)
		if block > 20 {
			largest = max(largest, s.nodes.bytes())
		}
	}
	keys, _ := s.Usage("kv")
	// Beside the cache there may be the upper nodes that changed since the flush.
	if bound, unbounded := int64(2*cache), int64(keys)*157; largest > bound || unbounded < 8*bound {
		t.Errorf("up to %d bytes of nodes, bound %d; all %d keys would take %d", largest, bound, keys, unbounded)
	}
	if s.pageLoads == 0 || s.evictions == 0 {
		t.Errorf("%d page loads, %d evictions: nothing was tested", s.pageLoads, s.evictions)
	}
	t.Logf("%d keys, up to %d bytes of nodes, %d slots of them in slabs", keys, largest, len(s.nodes.branches)*slabSize)
}

// TestCorruptStore changes each stored pair in turn; the state must notice at the latest when it
// has looked at every key, and never panic.
func TestCorruptStore(t *testing.T) {
	for _, flush := range []int{1, 1 << 20} {
		_, m := openWith(t, Options{FlushTouched: flush}, append(manyWrites(150), testWrite{"solo", "one", "1"})...)
		var keys, values [][]byte
		err := m.Scan(nil, nil, func(key, value []byte) bool {
			keys, values = append(keys, bytes.Clone(key)), append(values, bytes.Clone(value))
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		want, err := Open(m, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range keys {
			for name, change := range map[string]func(*store.Batch){
				"deleted":      func(b *store.Batch) { b.Delete(keys[i]) },
				"emptied":      func(b *store.Batch) { b.Set(keys[i], nil) },
				"cut":          func(b *store.Batch) { b.Set(keys[i], values[i][:max(0, len(values[i])-1)]) },
				"lengthened":   func(b *store.Batch) { b.Set(keys[i], append(bytes.Clone(values[i]), 0)) },
				"last changed": func(b *store.Batch) { b.Set(keys[i], flipped(values[i], len(values[i])-1)) },
				"mid changed":  func(b *store.Batch) { b.Set(keys[i], flipped(values[i], len(values[i])/2)) },
			} {
				broken := m.Clone()
				var b store.Batch
				change(&b)
				if err := broken.Apply(&b, true); err != nil {
					t.Fatal(err)
				}
				if broken.Equal(m) {
					continue // an entry of the index has nothing to take away
				}
				// What was touched, and the flush, are hints: if a change there leads to the
				// certified state all the same, it was harmless.
				hint := keys[i][1] == kindFlush || keys[i][1] == kindTouched
				if err := lookAtAll(broken, want.Root()); err == nil && !hint {
					t.Errorf("flush %d, pair %x %s: not noticed", flush, keys[i], name)
				}
			}
		}
	}
}

func flipped(b []byte, i int) []byte {
	b = bytes.Clone(b)
	if len(b) > 0 {
		b[i] ^= 1
	}
	return b
}

// lookAtAll opens the store, proves every key, and returns the first error or difference.
func lookAtAll(m *store.Memory, root quoin.Hash) error {
	s, err := Open(m, Options{})
	if err != nil {
		if !errors.Is(err, ErrCorrupt) {
			panic(fmt.Sprintf("not named corrupt: %v", err))
		}
		return err
	}
	if s.Root() != root || s.Height() != 1 {
		return errors.New("another root or height")
	}
	if keys, size := s.Usage("kv"); keys != 150 || size != sizeOf(manyWrites(150)) {
		return errors.New("another size")
	}
	if _, size := s.Usage("solo"); size != 4 {
		return errors.New("another size")
	}
	if s.certified.commit != 1 {
		return errors.New("another commit number")
	}
	for _, w := range append(manyWrites(150), testWrite{"solo", "one", "1"}) {
		p, err := s.Prove(w.name, []byte(w.key))
		if err != nil {
			return err
		}
		if value, _, err := p.Verify(root, w.name, []byte(w.key)); err != nil || string(value) != w.value {
			return fmt.Errorf("%s is %q, %v", w.key, value, err)
		}
	}
	for _, name := range []string{"kv", "solo"} {
		keys := uint64(0)
		err := s.ScanKeys(name, nil, nil, func(_, _ []byte) bool {
			keys++
			return true
		})
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				panic(fmt.Sprintf("not named corrupt: %v", err))
			}
			return err
		}
		if want, _ := s.Usage(name); keys != want {
			return fmt.Errorf("%d keys in order, want %d", keys, want)
		}
	}
	return nil
}

func sizeOf(writes []testWrite) (size uint64) {
	for _, w := range writes {
		size += uint64(len(w.key) + len(w.value))
	}
	return size
}

// TestCorruptNames makes sure that Open says which namespace differs, and how.
func TestCorruptNames(t *testing.T) {
	s, m := openWith(t, Options{}, append(manyWrites(10), testWrite{"bank", "alice", "10"})...)
	hash := KeyHash([]byte("alice"))
	var b store.Batch
	b.Set(appendRecordKey(nil, "bank", &hash), appendRecord(nil, []byte("alice"), []byte("1000")))
	if err := m.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
	_, err := Open(m, Options{})
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), `"bank"`) || !strings.Contains(err.Error(), s.Directory()[0].Root.String()) {
		t.Fatalf("opened a changed store: %v", err)
	}
}

// TestCommitOrder covers what a caller may do wrong with overlays.
func TestCommitOrder(t *testing.T) {
	m := store.NewMemory()
	s, err := Open(m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	grow := func(parent *Overlay) *Overlay {
		t.Helper()
		o, err := s.NewOverlay(parent)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	seal := func(o *Overlay) {
		t.Helper()
		if _, err := o.Seal(); err != nil {
			t.Fatal(err)
		}
	}
	want := func(err, target error) {
		t.Helper()
		if !errors.Is(err, target) {
			t.Fatalf("%v, want %v", err, target)
		}
	}
	first := grow(nil)
	want(s.Commit(first, 1, &b), ErrNotSealed)
	_, err = s.NewOverlay(first)
	want(err, ErrNotSealed)
	_, err = first.Prove("kv", []byte("k"))
	want(err, ErrNotSealed)
	if err := first.Put("kv", []byte("k"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	seal(first)
	fork := grow(nil)
	seal(fork)
	second := grow(first)
	seal(second)
	want(s.Commit(second, 2, &b), ErrNotChild)
	if b.Len() != 0 {
		t.Fatal("a refused commit wrote to the batch")
	}
	want(s.Commit(first, 1, &b), nil)
	// The batch is not applied yet.
	_, err = s.NewOverlay(second)
	want(err, nil)
	_, _, err = second.Get("kv", []byte("other"))
	want(err, ErrNotApplied)
	want(second.Scan("kv", quoin.Hash{}, nil), ErrNotApplied)
	want(second.ScanKeys("kv", nil, nil, nil), ErrNotApplied)
	want(s.ScanKeys("kv", nil, nil, nil), ErrNotApplied)
	if value, _, err := second.Get("kv", []byte("k")); err != nil || string(value) != "v" {
		t.Fatal(value, err)
	}
	if err := m.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
	want(s.Commit(first, 1, &b), ErrNotChild)
	want(s.Commit(fork, 1, &b), ErrStale)
	third := grow(first) // the certified one still takes children
	seal(third)
	b.Reset()
	want(s.Commit(second, 2, &b), nil)
	if err := m.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
	_, _, err = third.Get("kv", []byte("k"))
	want(err, ErrStale)
	_, err = s.NewOverlay(first)
	want(err, ErrStale)
	other, err := Open(m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.NewOverlay(second)
	want(err, ErrStale) // of another State
}

func TestLimits(t *testing.T) {
	s, m := openWith(t, Options{})
	o, err := s.NewOverlay(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"no key":          o.Put("kv", nil, nil),
		"long key":        o.Put("kv", make([]byte, KeyBytesMax+1), nil),
		"long value":      o.Put("kv", []byte("k"), make([]byte, ValueBytesMax+1)),
		"no namespace":    o.Put("", []byte("k"), nil),
		"ill-named":       o.Put("Kv", []byte("k"), nil),
		"long name":       o.Delete(strings.Repeat("a", quoin.NamespaceMax+1), []byte("k")),
		"forward mark":    o.Revert(Mark{entries: 1}),
		"negative mark":   o.Revert(Mark{journal: -1}),
		"scan, ill-named": o.Scan("/", quoin.Hash{}, nil),
		"keys, ill-named": o.ScanKeys("/", nil, nil, nil),
	} {
		if !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range NamespacesMax {
		if err := o.Put(fmt.Sprint("n", i), []byte("k"), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Put("one-more", []byte("k"), nil); !errors.Is(err, ErrLimit) {
		t.Errorf("%d namespaces: %v", NamespacesMax+1, err)
	}
	if _, err := o.Seal(); err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	if err := s.Commit(o, 1, &b); err != nil {
		t.Fatal(err)
	}
	if err := m.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
	full, err := s.NewOverlay(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := full.Put("one-more", []byte("k"), nil); !errors.Is(err, ErrLimit) {
		t.Errorf("%d certified namespaces and one more: %v", NamespacesMax, err)
	}
	p, err := s.Prove("n7", []byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := p.Verify(s.Root(), "n7", []byte("k")); err != nil || !ok {
		t.Error(ok, err)
	}
	for range OverlaysMax - 1 {
		if _, err := s.NewOverlay(nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.NewOverlay(nil); !errors.Is(err, ErrLimit) {
		t.Errorf("%d overlays: %v", OverlaysMax+1, err)
	}
	full.Drop()
	if _, err := s.NewOverlay(nil); err != nil {
		t.Error(err)
	}
}

// TestAdoptWrites repairs a replica: the writes of another one give the same root.
func TestAdoptWrites(t *testing.T) {
	a, _ := openWith(t, Options{}, manyWrites(300)...)
	b, _ := openWith(t, Options{CacheBytes: 1}, manyWrites(300)...)
	from, err := a.NewOverlay(nil)
	if err != nil {
		t.Fatal(err)
	}
	to, err := b.NewOverlay(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		key := fmt.Appendf(nil, "key-%d", 3*i)
		err := from.Put([]string{"kv", "bank", "a"}[i%3], key, key)
		if i%7 == 0 {
			err = from.Delete("kv", key)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want, err := from.Seal()
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	err = from.Writes(func(name string, key, value []byte, deleted bool) bool {
		hash := KeyHash(key)
		if at := name + "/" + hash.String(); at <= last {
			t.Errorf("%s after %s", at, last)
		} else {
			last = at
		}
		if deleted {
			err = to.Delete(name, key)
		} else {
			err = to.Put(name, key, value)
		}
		return err == nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := to.Seal(); err != nil || got != want {
		t.Errorf("adopted root %v %v, want %v", got, err, want)
	}
}

// TestSubtreeRange compares the ranges with the bits of random hashes.
func TestSubtreeRange(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		var path, other quoin.Hash
		for i := range path {
			path[i] = byte(random.Uint32() & random.Uint32() >> 8)
			if random.IntN(4) == 0 {
				path[i] = 0xff
			}
		}
		depth := random.IntN(257)
		other = path
		if random.IntN(3) > 0 {
			other[random.IntN(32)] ^= 1 << random.IntN(8)
		}
		from, to := subtreeRange("kv", &path, depth)
		key := appendRecordKey(nil, "kv", &other)
		in := bytes.Compare(from, key) <= 0 && bytes.Compare(key, to) < 0
		if want := maskPath(&other, depth) == maskPath(&path, depth); in != want {
			t.Fatalf("%v in the range of %d bits of %v: %v", other, depth, path, in)
		}
	}
}

// TestVoidMark misuses marks: what is left is the caller's fault, but nothing panics.
func TestVoidMark(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	s, _ := openWith(t, Options{})
	for range 300 {
		o, err := s.NewOverlay(nil)
		if err != nil {
			t.Fatal(err)
		}
		var marks []Mark
		for range 60 {
			switch random.IntN(5) {
			case 0:
				marks = append(marks, o.Mark())
			case 1:
				if len(marks) > 0 {
					if err := o.Revert(marks[random.IntN(len(marks))]); err != nil && !errors.Is(err, ErrLimit) {
						t.Fatal(err)
					}
				}
			default:
				name := fmt.Sprint("n", random.IntN(4))
				if err := o.Put(name, fmt.Append(nil, random.IntN(9)), fmt.Append(nil, random.Uint64())); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := o.Seal(); err != nil {
			t.Fatal(err)
		}
		o.Drop()
		if err := checkNodes(s); err != nil {
			t.Fatal(err)
		}
	}
}
