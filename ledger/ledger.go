// Package ledger is the append-only list of a chain's entries: its Merkle tree, its records in a
// store, the tiles that standard clients read, checkpoints as signed notes, and proofs.
//
// # The tree
//
// The tree is RFC 6962's over SHA-256: a leaf is SHA-256(0x00 ‖ entry), where entry is the canonical
// bytes of a quoin.Entry, and a node is SHA-256(0x01 ‖ left ‖ right). It never holds more than
// SizeMax leaves, which keeps all index arithmetic far from overflow.
//
// # From block to store
//
// Every uncertified block has a Segment, the entries that it adds, and an Edge, the right edge of
// the tree after it. Edges are values: a block's edge starts as a copy of its parent's, and a
// rollback drops them. When a block is certified, Log.Append writes its segment into the batch that
// also holds the block's state and certificate, so that all of it is there after a crash or none.
//
// Records are only ever added, at most one per level and one per 32 KiB of entries for a block, and
// nothing is written twice: leaf hashes once, a node once per 256 leaves, entries once. Tiles and
// bundles of any width are put together from the records when somebody asks. Every key begins
// with KeyPrefix:
//
//	"l/h/" level(1) end(8)  hashes of tile level `level` up to number end, exclusive, 32 bytes each
//	"l/e/" end(8)           entries up to leaf number end, exclusive: each length(2), 0x00, entry
//	"l/edge"                the edge
//	"l/base"                the edge at which a log begins that was not written from its start
//	"l/note"                the newest certificate
//	"l/set/" epoch(8)       the validators of an epoch, so that its certificates can be rendered
//
// Keys carry the end of a record, not its start, so that a scan from n+1 finds the record that holds
// number n without an index.
//
// # What others read
//
// ReadPath serves the C2SP tlog-tiles layout (tiles of height 8, entry bundles, checkpoint);
// SignedNote renders a certificate as a C2SP signed note: a log signature, which only names the log
// and proves nothing, and one cosignature/v1 line a signer. Stock verifiers need the policy "log key
// and q of these n witnesses" (ValidatorSet.QuorumCount). EntryProof is one entry with all that a
// client needs to check it offline.
//
// # Concurrency, errors
//
// A Log, an Edge, a Segment and a Prover are for one goroutine each. The functions that take a
// store.Reader are pure and may run on as many goroutines as the reader allows, beside a Log that
// appends, because records never change. Bytes from clients and peers cause ErrProof, ErrPath,
// ErrNote or quoin's and signature's errors; a store that contradicts itself, ErrCorrupt.
package ledger

import (
	"crypto/sha256"
	"errors"

	"quoin.dev/quoin"
)

// KeyPrefix begins every key that this package writes.
const KeyPrefix = "l/"

// SizeMax is the most leaves that a log can have: 89 years of 100,000 a second.
const SizeMax = 1<<48 - 1

// Errors of a caller or peer; the ledger is as before.
var (
	// ErrRange refuses an index or a size that the log does not have (yet).
	ErrRange = errors.New("ledger: not in the log")
	// ErrPruned answers for what lies before the edge at which this node's log begins. Ask a node
	// that has the whole log.
	ErrPruned = errors.New("ledger: before the beginning of this node's log")
	// ErrProof refuses a proof that does not prove what it should.
	ErrProof = errors.New("ledger: proof does not verify")
)

// ErrCorrupt means that the store does not hold what this package wrote. Restore the node's data
// or let it synchronise anew.
var ErrCorrupt = errors.New("ledger: store is corrupt")

// LeafHash returns SHA-256(0x00 ‖ entry).
func LeafHash(entry []byte) quoin.Hash {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(entry)
	return quoin.Hash(h.Sum(nil))
}

// nodeHash returns SHA-256(0x01 ‖ left ‖ right).
func nodeHash(left, right *quoin.Hash) quoin.Hash {
	var b [65]byte
	b[0] = 1
	copy(b[1:33], left[:])
	copy(b[33:], right[:])
	return sha256.Sum256(b[:])
}

// emptyRoot is the root of the tree without leaves: SHA-256 of nothing.
var emptyRoot = quoin.Hash(sha256.Sum256(nil))
