package pebblestore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"quoin.dev/quoin/store"
	"quoin.dev/quoin/store/storetest"
)

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func set(pairs ...string) *store.Batch {
	var b store.Batch
	for i := 0; i < len(pairs); i += 2 {
		b.Set([]byte(pairs[i]), []byte(pairs[i+1]))
	}
	return &b
}

func TestConformance(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store { return open(t, "store", Options{FS: vfs.NewMem()}) })
	})
	t.Run("small memtables", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store {
			return open(t, "store", Options{FS: vfs.NewMem(), MemTableBytes: 64 << 10, CacheBytes: 1 << 20, Compactions: 2})
		})
	})
	t.Run("files", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store { return open(t, t.TempDir(), Options{}) })
	})
}

func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "store")
	for round := range 5 {
		s := open(t, dir, Options{})
		count := 0
		if err := s.Scan(nil, nil, func(key, value []byte) bool { count++; return string(key) == string(value) }); err != nil || count != round {
			t.Fatalf("round %d: %d pairs, %v", round, count, err)
		}
		key := fmt.Sprint(round)
		if err := s.Apply(set(key, key), round%2 == 0); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
}

func TestSameDirectoryTwiceIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Fatalf("second open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDurableIsOneSync(t *testing.T) {
	s := open(t, "store", Options{FS: vfs.NewMem()})
	defer s.Close()
	for _, c := range []struct {
		batch   *store.Batch
		durable bool
		want    uint64
	}{{set("a", "1"), false, 0}, {set("b", "1"), true, 1}, {set("c", "1"), false, 0}, {new(store.Batch), true, 1}, {new(store.Batch), false, 0}} {
		before := s.Syncs()
		if err := s.Apply(c.batch, c.durable); err != nil {
			t.Fatal(err)
		}
		if got := s.Syncs() - before; got != c.want {
			t.Errorf("%d pairs, durable %t: %d syncs, want %d", c.batch.Len(), c.durable, got, c.want)
		}
	}
}

// TestConcurrentUse closes the store in the midst of readers and writers, and
// looks for what they left behind.
func TestConcurrentUse(t *testing.T) {
	// What a store leaves behind on a disk that has failed is another test's.
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := open(t, "store", Options{FS: vfs.NewMem(), MemTableBytes: 64 << 10})
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			var b store.Batch
			for n := 0; ; n++ {
				key := fmt.Appendf(nil, "%d/%d", i, n%1000)
				b.Reset()
				b.Set(key, make([]byte, 200))
				if err := s.Apply(&b, n%50 == 0); errors.Is(err, store.ErrClosed) {
					return
				} else if err != nil {
					t.Error(err)
					return
				}
				if _, ok, err := s.Get(key); err == nil && !ok {
					t.Errorf("key %s is not there", key)
				} else if err != nil && !errors.Is(err, store.ErrClosed) {
					t.Error(err)
				}
				if n == 3000 && i == 0 {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wait.Wait()
}

// benchmarkStore returns a store that holds the given number of random keys.
func benchmarkStore(b *testing.B, o Options, keys int) *Store {
	s := open(b, b.TempDir(), o)
	b.Cleanup(func() { s.Close() })
	var batch store.Batch
	value := make([]byte, 128)
	for i := range keys {
		batch.Set(benchmarkKey(uint64(i)), fill(value, uint64(i)))
		if batch.Len() == 2000 || i == keys-1 {
			if err := s.Apply(&batch, false); err != nil {
				b.Fatal(err)
			}
			batch.Reset()
		}
	}
	return s
}

func benchmarkKey(i uint64) []byte { return fill(make([]byte, 32), i) }

// fill writes bytes that nothing compresses.
func fill(p []byte, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	for i := 0; i+8 <= len(p); i += 8 {
		v := r.Uint64()
		for j := range 8 {
			p[i+j] = byte(v >> (8 * j))
		}
	}
	return p
}

func BenchmarkApply(b *testing.B) {
	for _, stores := range []int{1, 2} {
		for _, durable := range []bool{true, false} {
			for _, pairs := range []int{100, 400, 1000} {
				b.Run(fmt.Sprintf("stores=%d/durable=%t/pairs=%d", stores, durable, pairs), func(b *testing.B) {
					benchmarkApply(b, Options{}, stores, pairs, 100_000, durable)
				})
			}
		}
	}
}

// benchmarkApply writes b.N batches to each store, all at once, on keys that are
// there.
func benchmarkApply(b *testing.B, o Options, stores, pairs, keys int, durable bool) {
	var all []*Store
	for range stores {
		all = append(all, benchmarkStore(b, o, keys))
	}
	b.ReportAllocs()
	b.ResetTimer()
	var wait sync.WaitGroup
	for i, s := range all {
		wait.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 2))
			value := fill(make([]byte, 128), uint64(i))
			var batch store.Batch
			for range b.N {
				batch.Reset()
				for range pairs {
					batch.Set(benchmarkKey(r.Uint64N(uint64(keys))), value)
				}
				if err := s.Apply(&batch, durable); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*pairs*stores), "ns/key")
}

func BenchmarkGet(b *testing.B) {
	const keys = 500_000
	s := benchmarkStore(b, Options{}, keys)
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name string
		from uint64
	}{{"there", 0}, {"absent", keys}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok, err := s.Get(benchmarkKey(c.from + r.Uint64N(keys))); err != nil || ok != (c.from == 0) {
					b.Fatal(ok, err)
				}
			}
		})
	}
}
