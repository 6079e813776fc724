package state

import (
	"crypto/sha256"

	"quoin.dev/quoin"
)

// The one-byte prefixes that keep leaves, branches and directories apart.
const (
	leafTag   = 0x00
	branchTag = 0x01
)

// directoryTag begins what DirectoryRoot hashes.
const directoryTag = "quoin/state-directory/v1\x00"

// KeyHash returns SHA-256 of the key: the key's path in its namespace's trie, first bit highest,
// and its place in every scan.
func KeyHash(key []byte) quoin.Hash { return sha256.Sum256(key) }

func leafHash(key *quoin.Hash, value []byte) quoin.Hash {
	digest := quoin.Hash(sha256.Sum256(value))
	return leafHashOf(key, &digest)
}

func leafHashOf(key, valueDigest *quoin.Hash) quoin.Hash {
	var in [65]byte
	in[0] = leafTag
	copy(in[1:33], key[:])
	copy(in[33:], valueDigest[:])
	return sha256.Sum256(in[:])
}

func branchHash(left, right *quoin.Hash) quoin.Hash {
	var in [65]byte
	in[0] = branchTag
	copy(in[1:33], left[:])
	copy(in[33:], right[:])
	return sha256.Sum256(in[:])
}

// NamespaceRoot is one line of the directory.
type NamespaceRoot struct {
	Name string
	Root quoin.Hash
}

// DirectoryRoot returns the state root of a directory, whose names must ascend: SHA-256 of
// directoryTag, then for each namespace the length of its name in one byte, the name, and the
// root of its trie.
func DirectoryRoot(directory []NamespaceRoot) quoin.Hash {
	in := make([]byte, 0, len(directoryTag)+len(directory)*(1+quoin.NamespaceMax+len(quoin.Hash{})))
	in = append(in, directoryTag...)
	for _, line := range directory {
		in = append(append(in, byte(len(line.Name))), line.Name...)
		in = append(in, line.Root[:]...)
	}
	return sha256.Sum256(in)
}

// bit returns bit i of h, 0 being the highest bit of its first byte.
func bit(h *quoin.Hash, i int) int { return int(h[i>>3]>>(7-i&7)) & 1 }
