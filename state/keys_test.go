package state

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/store"
)

// TestScanKeysRelations builds the same content in several ways, under several options: as one
// overlay, as a chain of them, with some of the chain certified, with writes that are taken back.
// All must give the same keys, a range must be the sum of its parts, a scan that stops must be the
// beginning of one that does not, and the order of hashes must have the same keys.
func TestScanKeysRelations(t *testing.T) {
	for seed := *seedFlag; seed < *seedFlag+4**seedsFlag; seed++ {
		if err := scanRelations(rand.New(rand.NewPCG(seed, 7))); err != nil {
			t.Fatalf("seed %d: %v\nreplay: go test ./state -run TestScanKeysRelations -seeds 1 -seed %d", seed, err, seed)
		}
	}
}

func scanRelations(random *rand.Rand) error {
	const layers = 5
	var blocks [layers][]testWrite // no value: deleted
	for i := range blocks {
		for range random.IntN(300) {
			w := testWrite{"kv", fmt.Sprint(random.IntN(400)), fmt.Sprint("v", random.IntN(1000))}
			if random.IntN(3) == 0 {
				w.value = ""
			}
			blocks[i] = append(blocks[i], w)
		}
	}
	var all []modelLeaf
	for way := range 12 {
		o, err := stack(random, blocks[:], way%layers)
		if err != nil {
			return err
		}
		got, err := keysOf(o.ScanKeys, "kv", nil, nil, 1000)
		if err != nil {
			return err
		}
		if way == 0 {
			all = got
		}
		if !slices.Equal(got, all) {
			return fmt.Errorf("way %d gives %d keys, the first %d", way, len(got), len(all))
		}
		if err := relations(random, o, all); err != nil {
			return fmt.Errorf("way %d: %w", way, err)
		}
	}
	return nil
}

// stack returns the blocks as overlays on each other, the last of them open; the first ones are
// certified, and what follows joined at random.
func stack(random *rand.Rand, blocks [][]testWrite, certified int) (*Overlay, error) {
	m := store.NewMemory()
	s, err := Open(m, Options{CacheBytes: int64(1 + random.IntN(100_000)), ValueBytes: int64(1 + random.IntN(10_000)), FlushTouched: 1 + random.IntN(500)})
	if err != nil {
		return nil, err
	}
	s.gapMin = 1 + random.IntN(4)
	var o *Overlay
	for i, block := range blocks {
		if o == nil || i <= certified || random.IntN(2) == 0 {
			if o != nil {
				if _, err := o.Seal(); err != nil {
					return nil, err
				}
			}
			if o, err = s.NewOverlay(o); err != nil {
				return nil, err
			}
		}
		for n, w := range block {
			mark := o.Mark()
			if random.IntN(5) == 0 { // in vain
				err := errors.Join(o.Put("kv", fmt.Append(nil, random.IntN(500)), nil), o.Delete("kv", fmt.Append(nil, random.IntN(500))))
				if _, scan := keysOf(o.ScanKeys, "kv", nil, nil, 1); err != nil || scan != nil {
					return nil, errors.Join(err, scan)
				}
				if err := o.Revert(mark); err != nil {
					return nil, err
				}
			}
			err := o.Put("kv", []byte(w.key), []byte(w.value))
			if w.value == "" {
				err = o.Delete("kv", []byte(w.key))
			}
			if n%10 == 0 && err == nil {
				_, err = keysOf(o.ScanKeys, "kv", []byte(w.key), nil, 1)
			}
			if err != nil {
				return nil, err
			}
		}
		if i < certified {
			if _, err := o.Seal(); err != nil {
				return nil, err
			}
			var b store.Batch
			if err := errors.Join(s.Commit(o, quoin.Height(i+1), &b), m.Apply(&b, true)); err != nil {
				return nil, err
			}
		}
	}
	return o, nil
}

func relations(random *rand.Rand, o *Overlay, all []modelLeaf) error {
	limit := 1 + random.IntN(len(all)+1)
	some, err := keysOf(o.ScanKeys, "kv", nil, nil, limit)
	if err != nil || !slices.Equal(some, all[:min(limit, len(all))]) {
		return fmt.Errorf("the first %d keys: %d, %v", limit, len(some), err)
	}
	var bounds [][]byte
	for range 6 {
		bounds = append(bounds, fmt.Append(nil, random.IntN(500)))
	}
	slices.SortFunc(bounds, bytes.Compare)
	var parts []modelLeaf
	var start []byte
	for _, end := range append(bounds, nil) {
		part, err := keysOf(o.ScanKeys, "kv", start, end, 1000)
		if err != nil {
			return err
		}
		parts, start = append(parts, part...), end
	}
	if !slices.Equal(parts, all) {
		return fmt.Errorf("the parts have %d keys, the whole %d", len(parts), len(all))
	}
	var hashed []modelLeaf
	err = o.Scan("kv", quoin.Hash{}, func(hash quoin.Hash, key, value []byte) bool {
		hashed = append(hashed, modelLeaf{hash, string(key), string(value)})
		return true
	})
	slices.SortFunc(hashed, func(a, b modelLeaf) int { return bytes.Compare([]byte(a.key), []byte(b.key)) })
	if err != nil || !slices.Equal(hashed, all) {
		return fmt.Errorf("%d keys in the order of hashes, %v, and %d in that of keys", len(hashed), err, len(all))
	}
	return nil
}

// TestIndexCost makes sure that the index costs something only when a key comes or goes.
func TestIndexCost(t *testing.T) {
	s, m := openWith(t, Options{}, manyWrites(100)...)
	for _, c := range []struct {
		name  string
		write func(o *Overlay) error
		want  int
	}{
		{"overwritten", func(o *Overlay) error { return o.Put("kv", []byte("key-5"), []byte("longer than before")) }, 0},
		{"written as it was", func(o *Overlay) error { return o.Put("kv", []byte("key-5"), []byte("longer than before")) }, 0},
		{"absent, deleted", func(o *Overlay) error { return o.Delete("kv", []byte("none")) }, 0},
		{"new and deleted", func(o *Overlay) error {
			return errors.Join(o.Put("kv", []byte("new"), nil), o.Delete("kv", []byte("new")))
		}, 0},
		{"deleted and written", func(o *Overlay) error {
			return errors.Join(o.Delete("kv", []byte("key-5")), o.Put("kv", []byte("key-5"), nil))
		}, 0},
		{"new", func(o *Overlay) error { return o.Put("kv", []byte("new"), nil) }, 1},
		{"deleted", func(o *Overlay) error { return o.Delete("kv", []byte("new")) }, 1},
	} {
		o, err := s.NewOverlay(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.write(o); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Seal(); err != nil {
			t.Fatal(err)
		}
		var b store.Batch
		if err := s.Commit(o, 2, &b); err != nil {
			t.Fatal(err)
		}
		ops := 0
		for op := range b.Ops() {
			if bytes.HasPrefix(op.Key, []byte{storePrefix, kindKey}) {
				ops++
			}
		}
		if ops != c.want {
			t.Errorf("%s: %d operations on the index, want %d", c.name, ops, c.want)
		}
		if err := m.Apply(&b, true); err != nil {
			t.Fatal(err)
		}
	}
}

// visits counts what a reader is asked for.
type visits struct {
	store.Reader
	gets, scanned int
}

func (v *visits) Get(key []byte) ([]byte, bool, error) {
	v.gets++
	return v.Reader.Get(key)
}

func (v *visits) Scan(from, to []byte, yield func(key, value []byte) bool) error {
	return v.Reader.Scan(from, to, func(key, value []byte) bool {
		v.scanned++
		return yield(key, value)
	})
}

// TestScanKeysStops makes sure that a scan reads from the store no more than it gives.
func TestScanKeysStops(t *testing.T) {
	_, m := openWith(t, Options{}, manyWrites(5000)...)
	v := &visits{Reader: m}
	s, err := Open(v, Options{})
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.NewOverlay(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if err := o.Put("kv", fmt.Append(nil, "late-", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		start, end           string
		limit, want, ofThose int
	}{
		{"", "", 10, 10, 10},
		{"key-3", "", 100, 100, 100},
		{"key-100", "key-1009", 1000, 10, 10},
		{"late-", "", 2000, 1000, 0},
		{"key-999", "late-2", 2000, 113, 1},
		{"none", "", 10, 0, 0},
		{"late-3", "late-3", 10, 0, 0},
		{"late-3", "key-3", 10, 0, 0},
	} {
		v.gets, v.scanned = 0, 0
		var end []byte
		if c.end != "" {
			end = []byte(c.end)
		}
		got, err := keysOf(o.ScanKeys, "kv", []byte(c.start), end, c.limit)
		if err != nil || len(got) != c.want || v.scanned != c.ofThose || v.gets > c.ofThose {
			t.Errorf("%q to %q: %d keys, %v, %d of %d entries of the index, %d records", c.start, c.end, len(got), err, v.scanned, c.ofThose, v.gets)
		}
	}
}

// TestRuns alternates writes and scans, which must leave few runs, of which each key is in one.
func TestRuns(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	s, _ := openWith(t, Options{})
	o, err := s.NewOverlay(nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2000 {
		mark := o.Mark()
		for range 1 + random.IntN(3) {
			if err := o.Put([]string{"kv", "a"}[random.IntN(2)], fmt.Append(nil, random.IntN(20000)), nil); err != nil {
				t.Fatal(err)
			}
		}
		if n%3 > 0 {
			o.writes.byKey("kv")
		}
		if random.IntN(4) == 0 {
			if err := o.Revert(mark); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[uint32]bool{}
		runs := o.writes.byKey("kv")
		for i, r := range runs {
			if i > 0 && 2*len(r.order) >= len(runs[i-1].order) {
				t.Fatalf("step %d: a run of %d after one of %d", n, len(r.order), len(runs[i-1].order))
			}
			if !slices.IsSortedFunc(r.order, o.writes.compareKeys) || slices.Max(r.order) != r.newest {
				t.Fatalf("step %d: run %d is not in order", n, i)
			}
			for _, index := range r.order {
				seen[index] = true
			}
		}
		want := 0
		for i := range o.writes.entries {
			if o.writes.names[o.writes.entries[i].name] == "kv" {
				want++
				if !seen[uint32(i)] {
					t.Fatalf("step %d: entry %d is in no run", n, i)
				}
			}
		}
		if len(seen) != want {
			t.Fatalf("step %d: %d entries in runs, want %d", n, len(seen), want)
		}
	}
}

// TestHostileIndex puts into the index what no commit does.
func TestHostileIndex(t *testing.T) {
	_, m := openWith(t, Options{}, manyWrites(100)...)
	for name, c := range map[string]struct{ key, value []byte }{
		"an empty key":           {nil, nil},
		"a long key":             {bytes.Repeat([]byte{'k'}, KeyBytesMax+1), nil},
		"a key without a record": {[]byte("key"), nil},
		"something beside a key": {[]byte("key-1"), []byte{0}},
	} {
		broken := m.Clone()
		var b store.Batch
		b.Set(append(appendSpaceKey(nil, kindKey, "kv"), c.key...), c.value)
		if err := broken.Apply(&b, true); err != nil {
			t.Fatal(err)
		}
		s, err := Open(broken, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keysOf(s.ScanKeys, "kv", nil, nil, 1000); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
