package ledger

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"quoin.dev/quoin"
	"quoin.dev/quoin/signature"
)

// pathMax is the length of the longest audit path in a tree of at most SizeMax leaves.
const pathMax = sizeBits

// VerifyInclusion returns nil if path proves that leaf is the one with this index in the tree with
// this size and root, else an error that wraps ErrProof. All arguments may be hostile.
func VerifyInclusion(leaf quoin.Hash, index, size uint64, root quoin.Hash, path []quoin.Hash) error {
	if size > SizeMax || index >= size {
		return fmt.Errorf("%w: entry %d in a tree of %d", ErrProof, index, size)
	}
	if len(path) > pathMax {
		return fmt.Errorf("%w: a path of %d hashes", ErrProof, len(path))
	}
	if err := tlog.CheckRecord(toTlog(path), int64(size), tlog.Hash(root), int64(index), tlog.Hash(leaf)); err != nil {
		return fmt.Errorf("%w: entry %d is not in the tree of size %d with root %s by this path", ErrProof, index, size, root)
	}
	return nil
}

// VerifyConsistency returns nil if proof shows that the tree with the first size and root is a
// prefix of that with the second, else an error that wraps ErrProof. All arguments may be hostile.
func VerifyConsistency(from uint64, fromRoot quoin.Hash, to uint64, toRoot quoin.Hash, proof []quoin.Hash) error {
	if to > SizeMax || from > to {
		return fmt.Errorf("%w: from size %d to %d", ErrProof, from, to)
	}
	if len(proof) > pathMax+1 {
		return fmt.Errorf("%w: a consistency proof of %d hashes", ErrProof, len(proof))
	}
	if from == 0 {
		if len(proof) > 0 || fromRoot != emptyRoot || to == 0 && toRoot != emptyRoot {
			return fmt.Errorf("%w: from the empty tree", ErrProof)
		}
		return nil
	}
	if err := tlog.CheckTree(toTlog(proof), int64(to), tlog.Hash(toRoot), int64(from), tlog.Hash(fromRoot)); err != nil {
		return fmt.Errorf("%w: the tree of size %d with root %s is not shown to be a prefix of that of size %d with root %s",
			ErrProof, from, fromRoot, to, toRoot)
	}
	return nil
}

// VerifyCertificate returns nil if c is a certificate of the chain with this origin, signed by a
// quorum of set, which the caller knows to be the validators of the checkpoint's epoch. To verify
// many, keep signature.KeysOf(set) and call signature.VerifyCertificate.
func VerifyCertificate(c *quoin.Certificate, origin quoin.Origin, set quoin.ValidatorSet) error {
	return signature.VerifyCertificate(c, origin, set, nil)
}

func toTlog(hashes []quoin.Hash) []tlog.Hash {
	out := make([]tlog.Hash, len(hashes))
	for i := range hashes {
		out[i] = tlog.Hash(hashes[i])
	}
	return out
}
