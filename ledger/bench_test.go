package ledger

import (
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/store"
)

// BenchmarkSegmentAppend encodes and hashes blocks of 1000 entries with payloads of 128 bytes.
func BenchmarkSegmentAppend(b *testing.B) {
	tx := quoin.Transaction{Sender: quoin.PublicKey{1}, Namespace: "kv", Payload: make([]byte, 128)}
	var result quoin.Result
	var edge Edge
	s := NewSegment(&edge)
	b.ReportAllocs()
	for b.Loop() {
		s.Reset(&edge)
		for range 1000 {
			s.Append(&tx, &result)
		}
		s.Root()
		edge = *s.Edge()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/entry")
}

// BenchmarkLogAppend writes such blocks into a batch.
func BenchmarkLogAppend(b *testing.B) {
	tx := quoin.Transaction{Sender: quoin.PublicKey{1}, Namespace: "kv", Payload: make([]byte, 128)}
	var result quoin.Result
	var edge Edge
	s := NewSegment(&edge)
	for range 1000 {
		s.Append(&tx, &result)
	}
	var batch store.Batch
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		log := &Log{edge: edge}
		if err := log.Append(&batch, s); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/entry")
}

func BenchmarkProofs(b *testing.B) {
	w := newWorld(b)
	for range 100 {
		w.append(1000, true)
	}
	n := w.log.Size()
	b.Run("inclusion, one", func(b *testing.B) {
		for b.Loop() {
			if _, err := InclusionProof(w.store, w.r.Uint64N(n), n); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("inclusion, of a block", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p, err := NewProver(w.store, n)
			if err != nil {
				b.Fatal(err)
			}
			for i := n - 1000; i < n; i++ {
				if _, err := p.Inclusion(i); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/proof")
	})
	b.Run("consistency", func(b *testing.B) {
		for b.Loop() {
			if _, err := ConsistencyProof(w.store, 1+w.r.Uint64N(n), n); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify inclusion", func(b *testing.B) {
		path, err := InclusionProof(w.store, 5, n)
		if err != nil {
			b.Fatal(err)
		}
		leaf, root := LeafHash(w.entries[5]), w.log.Root()
		for b.Loop() {
			if err := VerifyInclusion(leaf, 5, n, root, path); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("full tile", func(b *testing.B) {
		for b.Loop() {
			if _, err := ReadTile(w.store, Tile{N: 17, Width: 256}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("full tile of blocks of one", func(b *testing.B) {
		w := newWorld(b)
		for range 600 {
			w.append(1, true)
		}
		for b.Loop() {
			if _, err := ReadTile(w.store, Tile{N: 1, Width: 256}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCertificate(b *testing.B) {
	w := newWorld(b)
	w.append(10, true)
	origin, set, c := w.certified(4, 0, 1, 2)
	keys := signature.KeysOf(set)
	b.Run("verify, 3 of 4, keys kept", func(b *testing.B) {
		for b.Loop() {
			if err := signature.VerifyCertificate(&c, origin, set, keys); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify, 3 of 4, keys new", func(b *testing.B) {
		for b.Loop() {
			if err := VerifyCertificate(&c, origin, set); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("signed note", func(b *testing.B) {
		for b.Loop() {
			if _, err := SignedNote(&c, set); err != nil {
				b.Fatal(err)
			}
		}
	})
}
