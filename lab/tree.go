package lab

import (
	"crypto/sha256"

	"quoin.dev/quoin"
)

// tree is a Merkle tree as RFC 6962 defines it, kept as the roots of its perfect subtrees, the largest
// first. It owes nothing to package ledger, which it is to check.
type tree struct {
	size  uint64
	roots []quoin.Hash
}

// add adds an entry: one more leaf, which closes as many subtrees as the old size has ones at its end.
func (t *tree) add(entry []byte) {
	h := quoin.Hash(sha256.Sum256(append([]byte{0}, entry...)))
	for n := t.size; n&1 == 1; n >>= 1 {
		h = treeNode(t.roots[len(t.roots)-1], h)
		t.roots = t.roots[:len(t.roots)-1]
	}
	t.roots = append(t.roots, h)
	t.size++
}

// root is the hash of the subtrees, from the smallest upwards.
func (t *tree) root() quoin.Hash {
	if len(t.roots) == 0 {
		return sha256.Sum256(nil)
	}
	h := t.roots[len(t.roots)-1]
	for i := len(t.roots) - 2; i >= 0; i-- {
		h = treeNode(t.roots[i], h)
	}
	return h
}

func treeNode(left, right quoin.Hash) quoin.Hash {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}
