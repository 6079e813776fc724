package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"quoin.dev/quoin/disk"
	"quoin.dev/quoin/store"
	"quoin.dev/quoin/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return store.NewMemory() })
}

func TestPrefixEnd(t *testing.T) {
	for _, c := range []struct{ prefix, want []byte }{
		{nil, nil},
		{[]byte{0xff, 0xff}, nil},
		{[]byte("a"), []byte("b")},
		{[]byte{'a', 0xff}, []byte("b")},
		{[]byte{0}, []byte{1}},
		{[]byte{'a', 0}, []byte{'a', 1}},
	} {
		before := slices.Clone(c.prefix)
		got := store.PrefixEnd(c.prefix)
		if !bytes.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("PrefixEnd(%q) = %q, want %q", c.prefix, got, c.want)
		}
		if !bytes.Equal(before, c.prefix) {
			t.Errorf("PrefixEnd(%q) changed its argument", before)
		}
	}
}

func TestBatchIsPlainData(t *testing.T) {
	var b store.Batch
	key := []byte("k")
	b.Set(key, []byte("v"))
	b.Delete(key)
	b.DeleteRange(key, nil)
	b.DeleteRange(key, []byte("l"))
	b.DeleteRange(key, key)
	key[0] = 'x'
	if b.Len() != 4 || b.Size() != 6 {
		t.Fatalf("len %d, size %d", b.Len(), b.Size())
	}
	want := []store.Op{
		{Kind: store.Set, Key: []byte("k"), Value: []byte("v")},
		{Kind: store.Delete, Key: []byte("k")},
		{Kind: store.DeleteRange, Key: []byte("k")},
		{Kind: store.DeleteRange, Key: []byte("k"), End: []byte("l")},
	}
	got := slices.Collect(b.Ops())
	if fmt.Sprint(got) != fmt.Sprint(want) || got[2].End != nil {
		t.Fatalf("got %v, want %v", got, want)
	}
	b.Reset()
	if b.Len() != 0 || b.Size() != 0 {
		t.Fatalf("after Reset: len %d, size %d", b.Len(), b.Size())
	}
}

// TestMemoryCrashKeepsAPrefix compares what each possible crash leaves with the
// states that were, after random batches.
func TestMemoryCrashKeepsAPrefix(t *testing.T) {
	for seed := uint64(1); seed <= 60; seed++ {
		choose := disk.Choices(seed)
		m := store.NewMemory()
		states := []*store.Memory{m.Clone()} // [0] is durable, each later one is one batch more
		for range 30 {
			var b store.Batch
			for range choose(200) {
				key := fmt.Appendf(nil, "%03d", choose(300))
				switch choose(8) {
				case 0:
					b.DeleteRange(key, fmt.Appendf(nil, "%03d", choose(300)))
				case 1, 2:
					b.Delete(key)
				default:
					b.Set(key, fmt.Append(nil, choose(1000)))
				}
			}
			durable := choose(5) == 0
			if err := m.Apply(&b, durable); err != nil {
				t.Fatal(err)
			}
			if durable {
				states = nil
			}
			states = append(states, m.Clone())
			if m.Undurable() != len(states)-1 {
				t.Fatalf("seed %d: %d undurable batches, want %d", seed, m.Undurable(), len(states)-1)
			}
			if choose(4) == 0 {
				keep := int(choose(uint64(m.Undurable()) + 1))
				m.Crash(keep)
				if !m.Equal(states[keep]) {
					t.Fatalf("seed %d: a crash that keeps %d of %d batches leaves another state", seed, keep, len(states)-1)
				}
				states = []*store.Memory{m.Clone()}
			}
		}
	}
}

func TestMemoryFaults(t *testing.T) {
	m := store.NewMemory()
	var b store.Batch
	b.Set([]byte("a"), []byte("1"))
	m.FailAfter(1)
	if err := m.Apply(&b, false); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := m.Apply(&b, false); !errors.Is(err, store.ErrBroken) {
			t.Fatalf("planned failure: %v", err)
		}
	}
	if _, _, err := m.Get([]byte("a")); !errors.Is(err, store.ErrBroken) {
		t.Fatalf("reading a broken store: %v", err)
	}
	m.Crash(1)
	if value, ok, err := m.Get([]byte("a")); err != nil || !ok || string(value) != "1" {
		t.Fatalf("after the crash: %q, %t, %v", value, ok, err)
	}
	var inside error
	if err := m.Scan(nil, nil, func(_, _ []byte) bool { inside = m.Apply(&b, true); return true }); err != nil || !errors.Is(inside, store.ErrScanning) {
		t.Fatalf("write from inside a scan: %v, %v", err, inside)
	}
}

// TestMemoryUndoIsBounded: batches that nobody makes durable do not pile up.
func TestMemoryUndoIsBounded(t *testing.T) {
	m := store.NewMemory()
	var b store.Batch
	b.Set([]byte("a"), make([]byte, 1<<20))
	for range 100 {
		if err := m.Apply(&b, false); err != nil {
			t.Fatal(err)
		}
	}
	if n := m.Undurable(); n == 0 || n > 64 {
		t.Fatalf("%d undurable batches of 1 MiB are kept", n)
	}
}

// TestMemoryClonesAreIndependent writes to both sides of a clone.
func TestMemoryClonesAreIndependent(t *testing.T) {
	choose := disk.Choices(7)
	stores := []*store.Memory{store.NewMemory()}
	models := []map[string]string{{}}
	for round := range 400 {
		i := int(choose(uint64(len(stores))))
		var b store.Batch
		for range 20 {
			key := fmt.Sprintf("%04d", choose(2000))
			if choose(3) == 0 {
				b.Delete([]byte(key))
				delete(models[i], key)
			} else {
				b.Set([]byte(key), fmt.Append(nil, round))
				models[i][key] = fmt.Sprint(round)
			}
		}
		if err := stores[i].Apply(&b, true); err != nil {
			t.Fatal(err)
		}
		if choose(20) == 0 && len(stores) < 8 {
			stores, models = append(stores, stores[i].Clone()), append(models, maps.Clone(models[i]))
		}
	}
	for i, s := range stores {
		got := map[string]string{}
		if err := s.Scan(nil, nil, func(key, value []byte) bool { got[string(key)] = string(value); return true }); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got, models[i]) || s.Len() != len(got) {
			t.Fatalf("store %d of %d differs from its model", i, len(stores))
		}
	}
}

func BenchmarkMemory(b *testing.B) {
	for _, keys := range []int{100_000, 1_000_000} {
		m := store.NewMemory()
		var batch store.Batch
		for i := range keys {
			batch.Set(benchmarkKey(uint64(i)), make([]byte, 128))
			if batch.Len() == 1000 {
				if err := m.Apply(&batch, true); err != nil {
					b.Fatal(err)
				}
				batch.Reset()
			}
		}
		for _, durable := range []bool{true, false} {
			b.Run(fmt.Sprintf("keys=%d/apply400/durable=%t", keys, durable), func(b *testing.B) {
				b.ReportAllocs()
				value := make([]byte, 128)
				for range b.N {
					batch.Reset()
					for range 400 {
						batch.Set(benchmarkKey(rand.Uint64N(uint64(keys))), value)
					}
					if err := m.Apply(&batch, durable); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/400, "ns/key")
			})
		}
		b.Run(fmt.Sprintf("keys=%d/get", keys), func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, ok, _ := m.Get(benchmarkKey(rand.Uint64N(uint64(keys)))); !ok {
					b.Fatal("missing key")
				}
			}
		})
		b.Run(fmt.Sprintf("keys=%d/clone", keys), func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				m.Clone()
			}
		})
	}
}

// benchmarkKey spreads i over 32 bytes, as a hash would.
func benchmarkKey(i uint64) []byte {
	choose := disk.Choices(i)
	return fmt.Appendf(make([]byte, 0, 32), "%016x%016x", choose(1<<63), choose(1<<63))
}

// A batch is the caller's again after Apply: what a crash takes back must not depend on it.
func TestCrashAfterBatchWasReused(t *testing.T) {
	m := store.NewMemory()
	var b store.Batch
	b.Set([]byte("kept"), []byte("value"))
	if err := m.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	b.Delete([]byte("none")) // is not there
	if err := m.Apply(&b, false); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	b.Set([]byte("kept"), []byte("later"))
	if err := m.Apply(&b, false); err != nil {
		t.Fatal(err)
	}
	m.Crash(0)
	if value, ok, err := m.Get([]byte("kept")); err != nil || !ok || string(value) != "value" {
		t.Errorf("kept = %q, %v, %v", value, ok, err)
	}
}
