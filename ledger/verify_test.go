package ledger

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"quoin.dev/quoin"
)

// mutations yields changed copies of a proof: a bit flipped in each hash, hashes removed, doubled,
// swapped and added.
func mutations(path []quoin.Hash, yield func(what string, path []quoin.Hash)) {
	for i := range path {
		c := slices.Clone(path)
		c[i][i%32] ^= 1
		yield("bit flipped", c)
		yield("hash removed", slices.Delete(slices.Clone(path), i, i+1))
		yield("hash doubled", slices.Insert(slices.Clone(path), i, path[i]))
		if i > 0 && path[i] != path[i-1] {
			c := slices.Clone(path)
			c[i], c[i-1] = c[i-1], c[i]
			yield("hashes swapped", c)
		}
	}
	yield("hash in front", slices.Insert(slices.Clone(path), 0, quoin.Hash{}))
	yield("hash behind", append(slices.Clone(path), quoin.Hash{1}))
	yield("many hashes", make([]quoin.Hash, 1000))
	if len(path) > 0 {
		yield("nothing", nil)
	}
}

func TestInclusionMutationsFail(t *testing.T) {
	w := newWorld(t)
	w.grow(700)
	for _, size := range []uint64{1, 2, 5, 8, 255, 256, 257, 600, w.log.Size()} {
		p, err := NewProver(w.store, size)
		if err != nil {
			t.Fatal(err)
		}
		root := w.root(size)
		for _, index := range []uint64{0, size / 3, size - 1} {
			path, err := p.Inclusion(index)
			if err != nil {
				t.Fatal(err)
			}
			leaf := LeafHash(w.entries[index])
			refuse := func(what string, leaf quoin.Hash, index, size uint64, root quoin.Hash, path []quoin.Hash) {
				t.Helper()
				if err := VerifyInclusion(leaf, index, size, root, path); !errors.Is(err, ErrProof) {
					t.Errorf("%s: inclusion of %d in %d: %v", what, index, size, err)
				}
			}
			if err := VerifyInclusion(leaf, index, size, root, path); err != nil {
				t.Fatal(err)
			}
			mutations(path, func(what string, path []quoin.Hash) { refuse(what, leaf, index, size, root, path) })
			refuse("other leaf", quoin.Hash{1}, index, size, root, path)
			refuse("other root", leaf, index, size, quoin.Hash{1}, path)
			for _, i := range []uint64{index + 1, index - 1, index ^ 1, size, math.MaxUint64, 1 << 63} {
				refuse("other index", leaf, i, size, root, path)
			}
			for _, s := range []uint64{0, index, SizeMax + 1, math.MaxUint64, 1 << 62, 1<<63 - 1, 1 << 63} {
				refuse("other size", leaf, index, s, root, path)
			}
		}
	}
}

func TestConsistencyMutationsFail(t *testing.T) {
	w := newWorld(t)
	w.grow(700)
	for _, to := range []uint64{1, 2, 5, 8, 255, 256, 257, w.log.Size()} {
		for _, from := range []uint64{0, 1, 2, to / 2, to - 1, to} {
			if from > to {
				continue
			}
			path, err := ConsistencyProof(w.store, from, to)
			if err != nil {
				t.Fatal(err)
			}
			a, b := w.root(from), w.root(to)
			refuse := func(what string, from uint64, a quoin.Hash, to uint64, b quoin.Hash, path []quoin.Hash) {
				t.Helper()
				if err := VerifyConsistency(from, a, to, b, path); !errors.Is(err, ErrProof) {
					t.Errorf("%s: consistency of %d with %d: %v", what, from, to, err)
				}
			}
			if err := VerifyConsistency(from, a, to, b, path); err != nil {
				t.Fatal(err)
			}
			mutations(path, func(what string, path []quoin.Hash) { refuse(what, from, a, to, b, path) })
			refuse("other first root", from, quoin.Hash{1}, to, b, path)
			if from > 0 {
				refuse("other second root", from, a, to, quoin.Hash{1}, path)
			}
			refuse("turned round", to+1, b, to, b, path)
			for _, s := range []uint64{SizeMax + 1, math.MaxUint64, 1 << 62, 1 << 63} {
				refuse("huge first size", s, a, to, b, path)
				refuse("huge second size", from, a, s, b, path)
				refuse("huge sizes", s, a, s, a, nil)
			}
		}
	}
	if err := VerifyConsistency(0, emptyRoot, 0, quoin.Hash{}, nil); !errors.Is(err, ErrProof) {
		t.Errorf("the empty tree with another root: %v", err)
	}
}

// FuzzVerifyInclusion compares our verdict with the reference's on anything.
func FuzzVerifyInclusion(f *testing.F) {
	w := newWorld(f)
	w.grow(300)
	for _, size := range []uint64{1, 3, 256, 300} {
		for _, index := range []uint64{0, size - 1} {
			path, err := InclusionProof(w.store, index, size)
			if err != nil {
				f.Fatal(err)
			}
			root, leaf := w.root(size), LeafHash(w.entries[index])
			f.Add(index, size, leaf[:], root[:], flat(path))
		}
	}
	f.Fuzz(func(t *testing.T, index, size uint64, leaf, root, path []byte) {
		if len(leaf) != 32 || len(root) != 32 || len(path)%32 != 0 || size > SizeMax {
			return
		}
		p := unflat(path)
		ours := VerifyInclusion(quoin.Hash(leaf), index, size, quoin.Hash(root), p)
		theirs := proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, leaf, raw(p), root)
		if (ours == nil) != (theirs == nil) {
			t.Errorf("we say %v, the reference %v", ours, theirs)
		}
	})
}

// FuzzVerifyConsistency compares our verdict with the reference's on anything.
func FuzzVerifyConsistency(f *testing.F) {
	w := newWorld(f)
	w.grow(300)
	for _, to := range []uint64{1, 3, 256, 300} {
		for _, from := range []uint64{0, 1, to / 2, to} {
			path, err := ConsistencyProof(w.store, from, to)
			if err != nil {
				f.Fatal(err)
			}
			a, b := w.root(from), w.root(to)
			f.Add(from, to, a[:], b[:], flat(path))
		}
	}
	f.Fuzz(func(t *testing.T, from, to uint64, a, b, path []byte) {
		if len(a) != 32 || len(b) != 32 || len(path)%32 != 0 || to > SizeMax {
			return
		}
		p := unflat(path)
		ours := VerifyConsistency(from, quoin.Hash(a), to, quoin.Hash(b), p)
		if from == 0 { // the reference takes any first root there
			if ours == nil && (quoin.Hash(a) != emptyRoot || len(p) > 0) {
				t.Error("accepted a false empty tree")
			}
			return
		}
		theirs := proof.VerifyConsistency(rfc6962.DefaultHasher, from, to, raw(p), a, b)
		if (ours == nil) != (theirs == nil) {
			t.Errorf("we say %v, the reference %v", ours, theirs)
		}
	})
}

func flat(hashes []quoin.Hash) []byte {
	var b []byte
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

func unflat(b []byte) []quoin.Hash {
	var out []quoin.Hash
	for ; len(b) > 0; b = b[32:] {
		out = append(out, quoin.Hash(b))
	}
	return out
}

func raw(hashes []quoin.Hash) [][]byte {
	var out [][]byte
	for i := range hashes {
		out = append(out, hashes[i][:])
	}
	return out
}
