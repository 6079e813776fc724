package ledger

import (
	"math/bits"

	"quoin.dev/quoin"
)

// PendingProof returns the audit path (RFC 6962, 2.1.1) of leaf i of the leaves that stand on top of
// before, in the tree with all of them: the proof of an entry of a block that is not certified. i
// is below len(leaves).
func PendingProof(before *Edge, leaves []quoin.Hash, i int) []quoin.Hash {
	p := pendingTree{before, leaves}
	return p.path(before.size+uint64(i), 0, before.size+uint64(len(leaves)))
}

// pendingTree is the tree of an edge and the leaves on top of it. Of the leaves below the edge only
// maximal complete subtrees are known, and no path of a leaf above it needs others: a sibling that
// lies below the edge has a parent that does not.
type pendingTree struct {
	before *Edge
	leaves []quoin.Hash
}

func (p *pendingTree) path(leaf, from, to uint64) []quoin.Hash {
	if to-from == 1 {
		return nil
	}
	middle := from + split(to-from)
	if leaf < middle {
		return append(p.path(leaf, from, middle), p.root(middle, to))
	}
	return append(p.path(leaf, middle, to), p.root(from, middle))
}

func (p *pendingTree) root(from, to uint64) quoin.Hash {
	if to <= p.before.size {
		return p.before.peaks[bits.Len64(to-from)-1]
	}
	if to-from == 1 {
		return p.leaves[from-p.before.size]
	}
	middle := from + split(to-from)
	left, right := p.root(from, middle), p.root(middle, to)
	return nodeHash(&left, &right)
}

// split returns the largest power of two below n, which is at least 2.
func split(n uint64) uint64 { return 1 << (bits.Len64(n-1) - 1) }
