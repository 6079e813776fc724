package ledger

import (
	"fmt"
	"math/bits"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

// sizeBits is the number of bits of SizeMax.
const sizeBits = 48

// EdgeBytesMax is the length of the longest canonical encoding of an edge.
const EdgeBytesMax = 8 + sizeBits*32

// Edge is the right edge of a tree: its size and the roots of its maximal complete subtrees, of
// which there is one for every bit set in the size. It is all that is needed to append and to
// compute the root. It is a value of 1.5 KiB without pointers: an assignment copies it. The zero
// Edge is that of the empty tree.
//
// Canonical bytes: the size (8), then the peaks (32 each) from the largest subtree to the smallest.
type Edge struct {
	size  uint64
	peaks [sizeBits]quoin.Hash // peaks[l] is the root of 2^l leaves if bit l of size is set, else zero
}

// Size returns the number of leaves.
func (e *Edge) Size() uint64 { return e.size }

// Append adds leaf hashes. It panics above SizeMax, which no chain lives to see.
func (e *Edge) Append(leaves ...quoin.Hash) {
	for i := range leaves {
		e.push(leaves[i], nil)
	}
}

// Root returns the RFC 6962 root.
func (e *Edge) Root() quoin.Hash {
	if e.size == 0 {
		return emptyRoot
	}
	low := bits.TrailingZeros64(e.size)
	root := e.peaks[low]
	for rest := e.size & (e.size - 1); rest != 0; rest &= rest - 1 {
		root = nodeHash(&e.peaks[bits.TrailingZeros64(rest)], &root)
	}
	return root
}

// risen is a hash that became part of a tile above level 0.
type risen struct {
	level uint8
	hash  quoin.Hash
}

// push adds a leaf. Every root of a complete tile that it completes is appended to up, if not nil.
func (e *Edge) push(leaf quoin.Hash, up *[]risen) {
	if e.size >= SizeMax {
		panic("ledger: the log is full")
	}
	h, level := leaf, 0
	for rest := e.size; rest&1 == 1; rest >>= 1 {
		h = nodeHash(&e.peaks[level], &h)
		e.peaks[level] = quoin.Hash{}
		level++
		if level%tileHeight == 0 && up != nil {
			*up = append(*up, risen{uint8(level / tileHeight), h})
		}
	}
	e.peaks[level] = h
	e.size++
}

// AppendBinary appends the canonical bytes.
func (e *Edge) AppendBinary(b []byte) []byte {
	b = canonical.AppendUint64(b, e.size)
	for level := sizeBits - 1; level >= 0; level-- {
		if e.size>>level&1 == 1 {
			b = append(b, e.peaks[level][:]...)
		}
	}
	return b
}

// ReadEdge reads what AppendBinary writes. The peaks are whatever the bytes say: compare the root
// with a certificate's.
func ReadEdge(r *canonical.Reader) Edge {
	e := Edge{size: r.Uint64()}
	if e.size > SizeMax {
		r.Fail("tree of %d leaves, limit %d", e.size, uint64(SizeMax))
	}
	for level := sizeBits - 1; level >= 0 && r.Err() == nil; level-- {
		if e.size>>level&1 == 1 {
			r.Copy(e.peaks[level][:])
		}
	}
	if r.Err() != nil {
		return Edge{}
	}
	return e
}

// DecodeEdge decodes exactly one edge.
func DecodeEdge(b []byte) (Edge, error) {
	r := canonical.NewReader(b)
	e := ReadEdge(r)
	if err := r.Done(); err != nil {
		return Edge{}, fmt.Errorf("ledger: edge: %w", err)
	}
	return e, nil
}
