package ledger

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/store"
)

// shared makes a memory store fit for several goroutines: each call sees the newest batch, as with a
// real store without snapshots.
type shared struct {
	mu sync.Mutex
	m  *store.Memory
}

func (s *shared) Get(key []byte) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m.Get(key)
}

func (s *shared) Scan(from, to []byte, yield func(k, v []byte) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m.Scan(from, to, yield)
}

// TestReadersBesideAppender proves and reads on three goroutines while the log grows.
func TestReadersBesideAppender(t *testing.T) {
	w := newWorld(t)
	w.grow(3000)
	s := &shared{m: store.NewMemory()}
	done := make(chan struct{})
	var wait sync.WaitGroup
	for i := range 3 {
		wait.Go(func() {
			r := rand.New(rand.NewPCG(*seed, uint64(i)))
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := w.readSome(s, r); err != nil {
					t.Errorf("reader %d: %v", i, err)
					return
				}
			}
		})
	}
	log := new(Log)
	for next := 0; next < len(w.entries); {
		edge := log.Edge()
		segment := NewSegment(&edge)
		for range min(1+w.r.IntN(200), len(w.entries)-next) {
			segment.AppendEntry(w.entries[next])
			next++
		}
		var b store.Batch
		if err := log.Append(&b, segment); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		err := s.m.Apply(&b, true)
		s.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	wait.Wait()
	if log.Root() != w.log.Root() {
		t.Error("the log grew to another root")
	}
}

func (w *world) readSome(s store.Reader, r *rand.Rand) error {
	log, err := Open(s)
	if err != nil || log.Size() == 0 {
		return err
	}
	size := 1 + r.Uint64N(log.Size())
	index := r.Uint64N(size)
	path, err := InclusionProof(s, index, size)
	if err != nil {
		return err
	}
	if err := VerifyInclusion(LeafHash(w.entries[index]), index, size, w.root(size), path); err != nil {
		return err
	}
	if entry, err := Entry(s, index); err != nil || !bytes.Equal(entry, w.entries[index]) {
		return err
	}
	if log.Root() != w.root(log.Size()) {
		return ErrCorrupt
	}
	from := r.Uint64N(size + 1)
	proof, err := ConsistencyProof(s, from, size)
	if err != nil {
		return err
	}
	if err := VerifyConsistency(from, w.root(from), size, quoin.Hash(w.tree.HashAt(size)), proof); err != nil {
		return err
	}
	_, err = ReadTile(s, Tile{Entries: r.IntN(2) == 0, N: index / 256, Width: uint16(1 + index%256)})
	return err
}
