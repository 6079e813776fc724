package execution

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"quoin.dev/quoin"
)

// TestSeenAgainstAMap adds blocks of every size and compares with a plain map, while the window
// shrinks and grows.
func TestSeenAgainstAMap(t *testing.T) {
	s := NewSeen(20)
	model := map[quoin.Hash]Place{}
	blocks := map[quoin.Height][]quoin.Hash{}
	oldest := quoin.Height(1)
	n := uint64(0)
	id := func() quoin.Hash {
		n++
		return sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
	}
	for h := quoin.Height(1); h <= 400; h++ {
		switch h {
		case 100:
			s.window = 7
		case 200:
			s.window = 40
		}
		ids := make([]quoin.Hash, int(h*h)%331*int(h%5))
		for i := range ids {
			ids[i] = id()
			model[ids[i]] = Place{h, uint32(i)}
		}
		blocks[h] = ids
		s.Add(h, ids)
		for ; uint64(oldest)+s.window <= uint64(h); oldest++ {
			for _, gone := range blocks[oldest] {
				delete(model, gone)
			}
		}
		if s.Len() != len(model) {
			t.Fatalf("height %d: %d ids, want %d", h, s.Len(), len(model))
		}
		for _, at := range []quoin.Height{1, oldest - 1, oldest, h - 1, h} {
			for _, x := range blocks[at] {
				got, ok := s.Place(x)
				if want, there := model[x]; ok != there || got != want {
					t.Fatalf("height %d: an id of height %d: %v %v, want %v %v", h, at, got, ok, want, there)
				}
			}
		}
		if _, ok := s.Place(id()); ok {
			t.Fatal("an id that was never added is there")
		}
	}
}

// TestSeenOfOneTag has ids that fall into one slot of one shard.
func TestSeenOfOneTag(t *testing.T) {
	s := NewSeen(3)
	var all []quoin.Hash
	for h := range quoin.Height(12) {
		ids := make([]quoin.Hash, 50)
		for i := range ids {
			binary.BigEndian.PutUint64(ids[i][24:], uint64(h)<<32|uint64(i)) // nothing in the bytes that are hashed
		}
		s.Add(h+1, ids)
		all = append(all, ids...)
		for i, x := range all {
			at, ok := s.Place(x)
			if want := quoin.Height(i/50) + 1; ok != (want+3 > h+1) || ok && (at.Height != want || at.Index != uint32(i%50)) {
				t.Fatalf("height %d: id %d: %v %v", h+1, i, at, ok)
			}
		}
	}
}

func BenchmarkSeen(b *testing.B) {
	s := NewSeen(1000)
	h, n := quoin.Height(0), uint64(0)
	block := func() []quoin.Hash {
		ids := make([]quoin.Hash, 400)
		for i := range ids {
			n++
			ids[i] = sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
		}
		return ids
	}
	for range 1000 {
		h++
		s.Add(h, block())
	}
	for b.Loop() {
		b.StopTimer()
		ids := block()
		b.StartTimer()
		s.Warm(ids)
		for i := range ids {
			if _, ok := s.Place(ids[i]); ok {
				b.Fatal("found")
			}
		}
		h++
		s.Add(h, ids)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*400), "ns/transaction")
}
