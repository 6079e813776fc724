package state

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"quoin.dev/quoin/store"
)

// TestGaps scans shortly and often near many deleted keys, while some come back, go again, or do
// so in vain: all scans together pass by each deleted key about once, and each by fewer than gapMin
// besides.
func TestGaps(t *testing.T) {
	const existing, deleted, scans = 20_000, 15_000, 2000
	m := store.NewMemory()
	s, err := Open(m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, existing, nil, func(b *store.Batch) {
		if err := m.Apply(b, true); err != nil {
			t.Fatal(err)
		}
	})
	v := &visits{Reader: m}
	if s, err = Open(v, Options{}); err != nil {
		t.Fatal(err)
	}
	lower, err := s.NewOverlay(nil)
	if err != nil {
		t.Fatal(err)
	}
	remove := func(o *Overlay, from, to uint64) {
		for i := from; i < to; i++ {
			if err := o.Delete("kv", benchKey(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove(lower, 0, deleted/2)
	if _, err := lower.Seal(); err != nil {
		t.Fatal(err)
	}
	o, err := s.NewOverlay(lower)
	if err != nil {
		t.Fatal(err)
	}
	remove(o, deleted/2, deleted)
	random := rand.New(rand.NewPCG(1, 1))
	v.scanned = 0
	written, given := 0, 0
	for n := range scans {
		key := benchKey(random.Uint64N(deleted))
		mark := o.Mark()
		switch n % 20 {
		case 0:
			err = o.Put("kv", key, nil)
			written++
		case 5:
			err = o.Delete("kv", key)
			written++
		case 10: // in vain
			remove(o, deleted, deleted+10)
			written += 10
		}
		if err != nil {
			t.Fatal(err)
		}
		var end []byte
		if random.IntN(2) == 0 {
			end = benchKey(random.Uint64N(existing))
		}
		got, err := keysOf(o.ScanKeys, "kv", benchKey(random.Uint64N(deleted)), end, 3)
		if err != nil {
			t.Fatal(err)
		}
		given += len(got)
		if n%20 == 10 {
			if err := o.Revert(mark); err != nil {
				t.Fatal(err)
			}
		}
		list := o.gapsOf("kv").list
		for i := range list {
			if g := &list[i]; g.to != nil && bytes.Compare(g.from, g.to) >= 0 || i > 0 && (list[i-1].to == nil || bytes.Compare(list[i-1].to, g.from) >= 0) {
				t.Fatalf("step %d: gap %d, from %q to %q, is empty, or touches the one before", n, i, g.from, g.to)
			}
		}
		if most := existing/gapMin + written; len(list) > most {
			t.Fatalf("step %d: %d gaps, at most %d are worth it", n, len(list), most)
		}
	}
	t.Logf("%d keys given, %d entries of the index met, %d gaps at the end", given, v.scanned, len(o.gapsOf("kv").list))
	if most := 2*deleted + scans*gapMin/3; v.scanned > most {
		t.Errorf("%d entries of the index were met for %d keys, at most %d should be", v.scanned, given, most)
	}
	v.scanned = 0
	for range 100 {
		if _, err := keysOf(o.ScanKeys, "kv", nil, nil, 1); err != nil {
			t.Fatal(err)
		}
	}
	if v.scanned > 100*(gapMin+1) {
		t.Errorf("100 scans for the first key met %d entries of the index", v.scanned)
	}
}
