package state

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/store"
)

// blindStore answers for the mark only: it shows the cost of the state without a store's. The trie
// must fit into the cache.
type blindStore struct{ mark []byte }

func (b *blindStore) Get(key []byte) ([]byte, bool, error)                           { return b.mark, b.mark != nil, nil }
func (b *blindStore) Scan(from, to []byte, yield func(key, value []byte) bool) error { return nil }

// take keeps the mark of a batch, whose last operation it is.
func (b *blindStore) take(s *State) { b.mark = append(b.mark[:0], s.mark...) }

func benchKey(i uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 16), "user-key"...), i)
}

// fill writes keys [0, n) in blocks of 10,000.
func fill(tb testing.TB, s *State, n int, value []byte, apply func(*store.Batch)) {
	tb.Helper()
	var batch store.Batch
	for from := 0; from < n; from += 10000 {
		o, err := s.NewOverlay(nil)
		if err != nil {
			tb.Fatal(err)
		}
		for i := from; i < min(from+10000, n); i++ {
			if err := o.Put("kv", benchKey(uint64(i)), value); err != nil {
				tb.Fatal(err)
			}
		}
		if _, err := o.Seal(); err != nil {
			tb.Fatal(err)
		}
		batch.Reset()
		if err := s.Commit(o, 1, &batch); err != nil {
			tb.Fatal(err)
		}
		apply(&batch)
	}
}

// BenchmarkBlock writes, seals and commits blocks of uniform keys; cpu-µs/key is the figure: it counts
// the garbage collector and does not count other processes.
func BenchmarkBlock(b *testing.B) {
	value := make([]byte, 128)
	for _, kind := range []string{"null", "memory"} {
		for _, existing := range []int{100_000, 1_000_000} {
			var s *State
			var apply func(*store.Batch)
			for _, keys := range []int{400, 1000} {
				b.Run(fmt.Sprintf("%s/%d-of-%d", kind, keys, existing), func(b *testing.B) {
					if s == nil {
						var reader store.Reader
						if kind == "null" {
							blind := &blindStore{}
							reader, apply = blind, func(*store.Batch) { blind.take(s) }
						} else {
							memory := store.NewMemory()
							reader = memory
							apply = func(batch *store.Batch) {
								if err := memory.Apply(batch, true); err != nil {
									b.Fatal(err)
								}
							}
						}
						s = newBenchState(b, reader)
						fill(b, s, existing, value, apply)
					}
					benchBlocks(b, s, existing, keys, value, apply)
				})
			}
		}
	}
}

// BenchmarkCold is a block whose buckets are all evicted: each key costs a scan of its bucket.
func BenchmarkCold(b *testing.B) {
	memory := store.NewMemory()
	apply := func(batch *store.Batch) {
		if err := memory.Apply(batch, true); err != nil {
			b.Fatal(err)
		}
	}
	s, err := Open(memory, Options{CacheBytes: 1 << 20})
	if err != nil {
		b.Fatal(err)
	}
	const existing, keys = 100_000, 400
	value := make([]byte, 128)
	fill(b, s, existing, value, apply)
	b.Run(fmt.Sprintf("%d-of-%d", keys, existing), func(b *testing.B) {
		benchBlocks(b, s, existing, keys, value, apply)
	})
}

// BenchmarkRead looks up present and absent keys under three overlays, and opens a state.
func BenchmarkRead(b *testing.B) {
	const existing = 100_000
	memory := store.NewMemory()
	var s *State
	apply := func(batch *store.Batch) {
		if err := memory.Apply(batch, true); err != nil {
			b.Fatal(err)
		}
	}
	s = newBenchState(b, memory)
	fill(b, s, existing, make([]byte, 128), apply)
	var o *Overlay
	for block := range 3 {
		var err error
		if o, err = s.NewOverlay(o); err != nil {
			b.Fatal(err)
		}
		for i := range 400 {
			if err := o.Put("kv", benchKey(uint64(1000*block+i)), nil); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := o.Seal(); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		first uint64
	}{{"present", 0}, {"absent", existing}} {
		random := rand.New(rand.NewPCG(1, 2))
		b.Run("get-"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, _, err := o.Get("kv", benchKey(c.first+random.Uint64N(existing))); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("has-"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, err := o.Has("kv", benchKey(c.first+random.Uint64N(existing))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("open", func(b *testing.B) {
		for range b.N {
			s, err := Open(memory, Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(s.touched), "touched-keys")
		}
	})
}

// BenchmarkScanKeys visits 100 keys in order from random ones on, of the certified state and under
// three overlays that have written to all places, and under one in which keys come between scans.
func BenchmarkScanKeys(b *testing.B) {
	const existing, visited = 1_000_000, 100
	memory := store.NewMemory()
	s := newBenchState(b, memory)
	fill(b, s, existing, make([]byte, 128), func(batch *store.Batch) {
		if err := memory.Apply(batch, true); err != nil {
			b.Fatal(err)
		}
	})
	random := rand.New(rand.NewPCG(1, 2))
	var o *Overlay
	for range 3 {
		var err error
		if o, err = s.NewOverlay(o); err != nil {
			b.Fatal(err)
		}
		for range 1000 {
			if err := o.Put("kv", benchKey(random.Uint64N(existing)), nil); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := o.Seal(); err != nil {
			b.Fatal(err)
		}
	}
	top, err := s.NewOverlay(o)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		scan   scanFunc
		before func() error
	}{
		{"certified", s.ScanKeys, nil},
		{"overlays", o.ScanKeys, nil},
		{"between-writes", func(name string, start, end []byte, yield func(key, value []byte) bool) error {
			return top.ScanKeys(name, start, end, yield)
		}, func() error {
			if len(top.writes.entries) > OverlayKeysMax/2 {
				top.Drop()
				if top, err = s.NewOverlay(o); err != nil {
					return err
				}
			}
			return top.Put("kv", benchKey(random.Uint64()), nil)
		}},
	} {
		b.Run(fmt.Sprintf("%s/%d-of-%d", c.name, visited, existing), func(b *testing.B) {
			b.ReportAllocs()
			keys := 0
			for range b.N {
				if c.before != nil {
					if err := c.before(); err != nil {
						b.Fatal(err)
					}
				}
				left := visited
				err := c.scan("kv", benchKey(random.Uint64N(existing)), nil, func(_, _ []byte) bool {
					keys++
					left--
					return left > 0
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(keys), "ns/key")
		})
	}
}

func newBenchState(b *testing.B, r store.Reader) *State {
	s, err := Open(r, Options{CacheBytes: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func benchBlocks(b *testing.B, s *State, existing, keys int, value []byte, apply func(*store.Batch)) {
	random := rand.New(rand.NewPCG(1, 2))
	var batch store.Batch
	b.ReportAllocs()
	b.ResetTimer()
	before := processTime(b)
	for range b.N {
		binary.BigEndian.PutUint64(value, random.Uint64())
		o, err := s.NewOverlay(nil)
		if err != nil {
			b.Fatal(err)
		}
		for range keys {
			if err := o.Put("kv", benchKey(random.Uint64N(uint64(existing))), value); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := o.Seal(); err != nil {
			b.Fatal(err)
		}
		batch.Reset()
		if err := s.Commit(o, 1, &batch); err != nil {
			b.Fatal(err)
		}
		apply(&batch)
	}
	b.ReportMetric(float64((processTime(b)-before).Nanoseconds())/float64(b.N*keys)/1000, "cpu-µs/key")
	b.ReportMetric(float64(s.nodes.bytes())/float64(existing), "node-B/key")
}

// processTime returns the processor time that this process has used.
func processTime(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkHash is the price of one branch, the unit of all the others.
func BenchmarkHash(b *testing.B) {
	var left, right quoin.Hash
	for range b.N {
		left = branchHash(&left, &right)
	}
}
