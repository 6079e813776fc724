package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"quoin.dev/quoin"
	"quoin.dev/quoin/store"
)

func TestLogAgreesWithReference(t *testing.T) {
	w := newWorld(t)
	for _, target := range []int{1, 300, 2000} {
		w.grow(target)
		n := uint64(len(w.entries))
		if w.log.Size() != n || w.log.Root() != w.root(n) {
			t.Fatalf("size %d, root %s: want %d, %s", w.log.Size(), w.log.Root(), n, w.root(n))
		}
		w.checkProofs(t)
		w.checkEntries(t)
		w.checkTiles(t)
		w.open()
	}
	w.checkBlocks(t)
}

func TestLargeTree(t *testing.T) {
	w := newWorld(t)
	edge := w.log.Edge()
	s := NewSegment(&edge)
	for i := range 70_000 { // three tile levels
		entry := binary.BigEndian.AppendUint32(nil, uint32(i))
		s.AppendEntry(entry)
		w.entries = append(w.entries, entry)
		w.tree.AppendData(entry)
	}
	var b store.Batch
	if err := w.log.Append(&b, s); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
	w.checkProofs(t)
	w.checkTiles(t)
}

func (w *world) checkProofs(t *testing.T) {
	t.Helper()
	for _, size := range w.sizes() {
		p, err := NewProver(w.store, size)
		if err != nil {
			t.Fatal(err)
		}
		if root, err := p.Root(); err != nil || root != w.root(size) {
			t.Fatalf("root at %d: %s, %v; want %s", size, root, err, w.root(size))
		}
		for _, index := range []uint64{0, size / 2, size - 1, w.r.Uint64N(size), w.r.Uint64N(size)} {
			got, err := p.Inclusion(index)
			if err != nil {
				t.Fatal(err)
			}
			want, err := w.tree.InclusionProof(index, size)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, hashes(want)) {
				t.Fatalf("inclusion of %d in %d differs from the reference's", index, size)
			}
			if err := VerifyInclusion(LeafHash(w.entries[index]), index, size, w.root(size), got); err != nil {
				t.Fatal(err)
			}
		}
		for _, from := range []uint64{0, 1, size / 2, size - 1, size, w.r.Uint64N(size)} {
			got, err := p.Consistency(from)
			if err != nil {
				t.Fatal(err)
			}
			want, err := w.tree.ConsistencyProof(from, size)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, hashes(want)) {
				t.Fatalf("consistency of %d with %d differs from the reference's", from, size)
			}
			if err := VerifyConsistency(from, w.root(from), size, w.root(size), got); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (w *world) checkEntries(t *testing.T) {
	t.Helper()
	n := uint64(len(w.entries))
	for range 50 {
		index := w.r.Uint64N(n)
		if got, err := Entry(w.store, index); err != nil || !bytes.Equal(got, w.entries[index]) {
			t.Fatalf("entry %d: %x, %v", index, got, err)
		}
		from := w.r.Uint64N(n + 1)
		to := from + w.r.Uint64N(n+1-from)
		next := from
		err := Entries(w.store, from, to, func(i uint64, e []byte) bool {
			if i != next || !bytes.Equal(e, w.entries[i]) {
				t.Fatalf("entry %d of %d to %d", i, from, to)
			}
			next++
			return true
		})
		if err != nil || next != to {
			t.Fatalf("entries %d to %d end at %d: %v", from, to, next, err)
		}
	}
	for _, f := range []func() error{
		func() error { _, err := Entry(w.store, n); return err },
		func() error { _, err := InclusionProof(w.store, n, n); return err },
		func() error { _, err := InclusionProof(w.store, 0, n+1); return err },
		func() error { _, err := InclusionProof(w.store, 1<<63, 1<<63+1); return err },
		func() error { _, err := ConsistencyProof(w.store, n, n-1); return err },
		func() error { _, err := RootAt(w.store, n+1); return err },
		func() error { return Entries(w.store, 5, 4, nil) },
		func() error { return Entries(w.store, 0, 1<<60, func(uint64, []byte) bool { return true }) },
	} {
		if err := f(); !errors.Is(err, ErrRange) {
			t.Errorf("beyond the log: %v", err)
		}
	}
}

// checkTiles compares every tile of the whole tree, and some partial ones, with those that
// golang.org/x/mod computes, and verifies proofs read through them by its own reader.
func (w *world) checkTiles(t *testing.T) {
	t.Helper()
	n := int64(len(w.entries))
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for i, e := range w.entries {
		more, err := tlog.StoredHashes(int64(i), e, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
	}
	for _, tile := range tlog.NewTiles(tileHeight, 0, n) {
		want, err := tlog.ReadTileData(tile, reader)
		if err != nil {
			t.Fatal(err)
		}
		for _, width := range []int{tile.W, 1 + w.r.IntN(tile.W)} {
			path := Tile{Level: uint8(tile.L), N: uint64(tile.N), Width: uint16(width)}.Path()
			got, kind, err := ReadPath(w.store, path)
			if err != nil || !bytes.Equal(got, want[:width*32]) || kind != ContentTypeTiles {
				t.Fatalf("%s differs from the reference's: %v", path, err)
			}
		}
	}
	r := &tileReader{w: w, saved: make(map[tlog.Tile]bool)}
	root := tlog.Hash(w.log.Root())
	proven := tlog.TileHashReader(tlog.Tree{N: n, Hash: root}, r)
	for range 20 {
		index := w.r.Int64N(n)
		proof, err := tlog.ProveRecord(n, index, proven)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(proof, n, root, index, tlog.RecordHash(w.entries[index])); err != nil {
			t.Fatal(err)
		}
		if _, err := tlog.ProveTree(n, 1+w.r.Int64N(n), proven); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.saved) == 0 && n > 1 {
		t.Error("the reader found no tile authentic")
	}
	for number := range (n + 255) / 256 {
		width := min(256, n-number*256)
		body, _, err := ReadPath(w.store, Tile{Entries: true, N: uint64(number), Width: uint16(width)}.Path())
		if err != nil {
			t.Fatal(err)
		}
		for i := range width {
			size := int(binary.BigEndian.Uint16(body))
			if !bytes.Equal(body[2:2+size], w.entries[number*256+i]) {
				t.Fatalf("bundle %d: entry %d", number, i)
			}
			body = body[2+size:]
		}
		if len(body) > 0 {
			t.Fatalf("bundle %d: %d bytes left over", number, len(body))
		}
	}
}

// tileReader hands our tiles to package tlog.
type tileReader struct {
	w     *world
	saved map[tlog.Tile]bool
}

func (r *tileReader) Height() int { return tileHeight }

func (r *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range tiles {
		body, _, err := ReadPath(r.w.store, Tile{Level: uint8(t.L), N: uint64(t.N), Width: uint16(t.W)}.Path())
		if err != nil {
			return nil, err
		}
		out = append(out, body)
	}
	return out, nil
}

func (r *tileReader) SaveTiles(tiles []tlog.Tile, _ [][]byte) {
	for _, t := range tiles {
		r.saved[t] = true
	}
}

func (w *world) checkBlocks(t *testing.T) {
	t.Helper()
	for i, b := range w.blocks {
		got, results, err := Block(w.store, *b.block.Header(), b.end)
		if err != nil {
			t.Fatalf("block %d: %v", i, err)
		}
		if !bytes.Equal(got.AppendBinary(nil), b.block.AppendBinary(nil)) || len(results) != len(b.results) {
			t.Fatalf("block %d came back changed", i)
		}
		for k := range results {
			if !bytes.Equal(results[k].AppendBinary(nil), b.results[k].AppendBinary(nil)) {
				t.Fatalf("block %d: result %d came back changed", i, k)
			}
		}
	}
	last := w.blocks[len(w.blocks)-1]
	for i, b := range w.blocks {
		if b.block.Header().Count > 0 && b.end > uint64(b.block.Header().Count) && last.end > b.end {
			if _, _, err := Block(w.store, *b.block.Header(), b.end-1); !errors.Is(err, ErrCorrupt) {
				t.Errorf("block %d at the wrong place: %v", i, err)
			}
			break
		}
	}
}

// TestCrash lets crashes take batches that were not durable, and compares what is left with a log
// that never had them.
func TestCrash(t *testing.T) {
	w := newWorld(t)
	for range 60 {
		w.append(w.r.IntN(400), w.r.IntN(3) == 0)
		if w.r.IntN(4) > 0 {
			continue
		}
		undurable := w.store.Undurable()
		keep := w.r.IntN(undurable + 1)
		w.store.Crash(keep)
		w.open()
		size := w.log.Size()
		if size > uint64(len(w.entries)) || w.log.Root() != w.root(size) {
			t.Fatalf("after a crash the log has %d entries and root %s, which it never had", size, w.log.Root())
		}
		w.forget(size)
	}
	w.checkProofs(t)
	w.checkEntries(t)
	w.checkTiles(t)
}

// forget makes the model as if the entries from size on had never been.
func (w *world) forget(size uint64) {
	fresh := newWorld(w.t)
	for _, e := range w.entries[:size] {
		fresh.tree.AppendData(e)
	}
	w.entries, w.tree = w.entries[:size:size], fresh.tree
	w.blocks = slices.DeleteFunc(w.blocks, func(b wblock) bool { return b.end > size })
}

func TestSegmentMustFollow(t *testing.T) {
	w := newWorld(t)
	w.append(10, true)
	var empty Edge
	s := NewSegment(&empty)
	s.AppendEntry([]byte("x"))
	var b store.Batch
	if err := w.log.Append(&b, s); !errors.Is(err, ErrRange) || b.Len() > 0 {
		t.Errorf("a segment from the wrong place: %v", err)
	}
	var fork Edge
	for range 10 {
		fork.Append(quoin.Hash{1})
	}
	s = NewSegment(&fork)
	s.AppendEntry([]byte("x"))
	if err := w.log.Append(&b, s); !errors.Is(err, ErrRange) || b.Len() > 0 {
		t.Errorf("a segment on top of another history: %v", err)
	}
}

func TestSegmentKeepsItsEntries(t *testing.T) {
	w := newWorld(t)
	w.append(300, true)
	edge := w.log.Edge()
	s := NewSegment(&edge)
	for range 2 {
		for i := range 600 {
			tx, result := randomEntry(w.r)
			s.Append(&tx, &result)
			want := (&quoin.Entry{Transaction: tx, Result: result}).AppendBinary(nil)
			if !bytes.Equal(s.Entry(i), want) || s.LeafHash(i) != LeafHash(want) {
				t.Fatalf("entry %d", i)
			}
		}
		if s.First() != 300 || s.Len() != 600 || s.Size() != 900 || s.Root() != s.Edge().Root() {
			t.Errorf("first %d, length %d, size %d", s.First(), s.Len(), s.Size())
		}
		s.Reset(&edge)
		if s.Len() != 0 || s.Root() != w.log.Root() {
			t.Error("Reset left something")
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an entry above the limit was taken")
		}
	}()
	s.AppendEntry(make([]byte, quoin.EntryBytesMax+1))
}

// TestRestart lets a log begin at an edge, as after state synchronisation, and compares it with the
// whole one.
func TestRestart(t *testing.T) {
	for _, begin := range []int{1, 200, 256, 700, 1024} {
		w := newWorld(t)
		for len(w.entries) < begin {
			w.append(min(100, begin-len(w.entries)), true)
		}
		var b store.Batch
		w.log.Restart(&b, w.log.Edge())
		if err := w.store.Apply(&b, true); err != nil {
			t.Fatal(err)
		}
		for len(w.entries) < begin+1500 {
			w.append(w.r.IntN(300), true)
			w.open()
		}
		n := uint64(len(w.entries))
		for _, size := range []uint64{uint64(begin) + 1, n - 3, n} {
			for index := range size {
				path, err := InclusionProof(w.store, index, size)
				if index < uint64(begin) {
					// What a peak of the edge covers alone can be proved, the rest is gone.
					if err != nil && !errors.Is(err, ErrPruned) {
						t.Fatal(err)
					}
				} else if err != nil {
					t.Fatalf("log from %d: entry %d of %d: %v", begin, index, size, err)
				}
				if err == nil {
					if err := VerifyInclusion(LeafHash(w.entries[index]), index, size, w.root(size), path); err != nil {
						t.Fatal(err)
					}
				}
				if index > uint64(begin) && index%50 != 0 {
					continue
				}
				if _, err := Entry(w.store, index); index < uint64(begin) != errors.Is(err, ErrPruned) {
					t.Fatalf("entry %d of a log from %d: %v", index, begin, err)
				}
			}
			if proof, err := ConsistencyProof(w.store, uint64(begin), size); err != nil {
				t.Error(err)
			} else if err := VerifyConsistency(uint64(begin), w.root(uint64(begin)), size, w.root(size), proof); err != nil {
				t.Error(err)
			}
		}
		if _, _, err := ReadPath(w.store, "tile/0/000"); begin >= 1 && !errors.Is(err, ErrPruned) {
			t.Errorf("a tile before the beginning: %v", err)
		}
	}
}

// TestCorruptStore takes or damages records: every reader says so instead of answering wrongly.
func TestCorruptStore(t *testing.T) {
	w := newWorld(t)
	for range 30 {
		w.append(40, true)
	}
	n := w.log.Size()
	var keys [][]byte
	if err := w.store.Scan(nil, nil, func(k, _ []byte) bool { keys = append(keys, bytes.Clone(k)); return true }); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		value, _, _ := w.store.Get(key)
		for _, damage := range [][]byte{nil, value[:len(value)-1], append(bytes.Clone(value), 0), {}} {
			s := w.store.Clone()
			var b store.Batch
			if b.Set(key, damage); damage == nil {
				b.Reset()
				b.Delete(key)
			}
			if err := s.Apply(&b, true); err != nil {
				t.Fatal(err)
			}
			if w.survey(s, n) == nil {
				t.Errorf("record %q of %d bytes became %d bytes (nil: %v), and no reader noticed", key, len(value), len(damage), damage == nil)
			}
		}
	}
}

// survey reads everything and returns the first error or, if an answer is wrong, panics.
func (w *world) survey(s store.Reader, n uint64) error {
	log, err := Open(s)
	if err != nil {
		return err
	}
	if log.Size() != n {
		return ErrRange
	}
	p, err := NewProver(s, n)
	if err != nil {
		return err
	}
	for i := range n {
		path, err := p.Inclusion(i)
		if err != nil {
			return err
		}
		if err := VerifyInclusion(LeafHash(w.entries[i]), i, n, w.root(n), path); err != nil {
			panic(err)
		}
	}
	return Entries(s, 0, n, func(i uint64, e []byte) bool {
		if !bytes.Equal(e, w.entries[i]) {
			panic("a wrong entry")
		}
		return true
	})
}
