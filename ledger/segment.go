package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"quoin.dev/quoin"
)

// frame is what stands before an entry in a segment and in the store: its length (2) and the byte
// that RFC 6962 puts before a leaf, so that an entry is hashed where it lies.
const frame = 3

// Segment is the entries that one block adds to the log, encoded once and hashed once.
type Segment struct {
	parent Edge
	edge   Edge
	framed []byte       // all entries, each after its frame
	ends   []uint32     // ends[i] is where entry i ends in framed
	hashes []quoin.Hash // of the leaves
	risen  []risen      // hashes of higher tile levels, in the order in which they were completed
	flaws  Flaws
}

// Flaws are mistakes that harnesses plant, to show that their observers see what follows. The zero
// value is the ledger as it is.
type Flaws struct {
	BareLeaves bool // a leaf's hash is that of the entry alone, without the byte that tells it from a node
}

// Plant gives an empty segment flaws. It is for harnesses.
func (s *Segment) Plant(f Flaws) { s.flaws = f }

// NewSegment returns an empty segment on top of parent, which it copies.
func NewSegment(parent *Edge) *Segment {
	s := new(Segment)
	s.Reset(parent)
	return s
}

// Reset makes s an empty segment on top of parent and keeps its memory for the next use.
func (s *Segment) Reset(parent *Edge) {
	*s = Segment{parent: *parent, edge: *parent, flaws: s.flaws,
		framed: s.framed[:0], ends: s.ends[:0], hashes: s.hashes[:0], risen: s.risen[:0]}
}

// Grow makes room for n entries of together at most the given bytes.
func (s *Segment) Grow(n, bytes int) {
	s.framed = slices.Grow(s.framed, n*frame+bytes)
	s.ends, s.hashes = slices.Grow(s.ends, n), slices.Grow(s.hashes, n)
}

// Append adds a transaction with its result. Both are within their limits, or it panics: a block
// with such a transaction is invalid, and execution cuts such a result.
func (s *Segment) Append(t *quoin.Transaction, result *quoin.Result) {
	start := len(s.framed)
	s.framed = append(s.framed, 0, 0, 0)
	s.framed = t.AppendBinary(s.framed)
	s.framed = result.AppendBinary(s.framed)
	s.seal(start)
}

// AppendEntry adds the canonical bytes of an entry, as a peer sent them and the caller decoded them.
func (s *Segment) AppendEntry(entry []byte) {
	start := len(s.framed)
	s.framed = append(s.framed, 0, 0, 0)
	s.framed = append(s.framed, entry...)
	s.seal(start)
}

func (s *Segment) seal(start int) {
	n := len(s.framed) - start - frame
	if n > quoin.EntryBytesMax {
		panic(fmt.Sprintf("ledger: entry of %d bytes, limit %d", n, quoin.EntryBytesMax))
	}
	binary.BigEndian.PutUint16(s.framed[start:], uint16(n))
	leaf := quoin.Hash(sha256.Sum256(s.framed[start+2:]))
	if s.flaws.BareLeaves {
		leaf = sha256.Sum256(s.framed[start+frame:])
	}
	s.ends = append(s.ends, uint32(len(s.framed)))
	s.hashes = append(s.hashes, leaf)
	s.edge.push(leaf, &s.risen)
}

// First returns the leaf number of the segment's first entry, which is the size of the tree before.
func (s *Segment) First() uint64 { return s.parent.size }

// Len returns the number of entries.
func (s *Segment) Len() int { return len(s.hashes) }

// Edge returns the edge after the segment. It is valid until the segment changes; copy it to keep it.
func (s *Segment) Edge() *Edge { return &s.edge }

// Size returns the size of the tree after the segment.
func (s *Segment) Size() uint64 { return s.edge.size }

// Root returns the root of the tree after the segment.
func (s *Segment) Root() quoin.Hash { return s.edge.Root() }

// LeafHash returns the leaf hash of the i-th entry of the segment.
func (s *Segment) LeafHash(i int) quoin.Hash { return s.hashes[i] }

// Entry returns the canonical bytes of the i-th entry of the segment. They are valid until Reset
// and must not be changed.
func (s *Segment) Entry(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = s.ends[i-1]
	}
	return s.framed[start+frame : s.ends[i] : s.ends[i]]
}
