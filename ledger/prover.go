package ledger

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"quoin.dev/quoin"
	"quoin.dev/quoin/store"
)

// tileHeight is the height of tiles that C2SP tlog-tiles fixes: 256 hashes a full tile.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// proverTilesMax bounds a Prover's memory: 17 KiB a tile.
const proverTilesMax = 256

// Prover makes proofs in the tree of one size and keeps the tiles that it has read, so that many
// proofs cost little more than one. It is for one goroutine.
type Prover struct {
	r     store.Reader
	size  uint64
	base  Edge
	tiles map[tileID]*tile
}

// NewProver returns a Prover for the tree of the given size, at most that of the log in r.
func NewProver(r store.Reader, size uint64) (*Prover, error) {
	edge, err := readEdgeAt(r, edgeKey)
	if err != nil {
		return nil, err
	}
	if size > edge.size {
		return nil, fmt.Errorf("%w: size %d, the log has %d entries", ErrRange, size, edge.size)
	}
	base, err := readEdgeAt(r, baseKey)
	if err != nil {
		return nil, err
	}
	return &Prover{r: r, size: size, base: base, tiles: make(map[tileID]*tile)}, nil
}

// Inclusion returns the RFC 6962 audit path of the leaf with this index, from leaf to root.
func (p *Prover) Inclusion(index uint64) ([]quoin.Hash, error) {
	if index >= p.size {
		return nil, fmt.Errorf("%w: entry %d in a tree of %d", ErrRange, index, p.size)
	}
	proof, err := tlog.ProveRecord(int64(p.size), int64(index), hashReader{p})
	return fromTlog(proof), err
}

// Consistency returns the RFC 6962 proof that the tree of size from is a prefix of this one. From
// the empty tree, and to the same size, it is empty.
func (p *Prover) Consistency(from uint64) ([]quoin.Hash, error) {
	if from > p.size {
		return nil, fmt.Errorf("%w: from size %d to %d", ErrRange, from, p.size)
	}
	if from == 0 {
		return nil, nil
	}
	proof, err := tlog.ProveTree(int64(p.size), int64(from), hashReader{p})
	return fromTlog(proof), err
}

// Root returns the root of the tree.
func (p *Prover) Root() (quoin.Hash, error) {
	root, err := tlog.TreeHash(int64(p.size), hashReader{p})
	return quoin.Hash(root), err
}

// InclusionProof makes one inclusion proof; see Prover.
func InclusionProof(r store.Reader, index, size uint64) ([]quoin.Hash, error) {
	p, err := NewProver(r, size)
	if err != nil {
		return nil, err
	}
	return p.Inclusion(index)
}

// ConsistencyProof makes one consistency proof; see Prover.
func ConsistencyProof(r store.Reader, from, to uint64) ([]quoin.Hash, error) {
	p, err := NewProver(r, to)
	if err != nil {
		return nil, err
	}
	return p.Consistency(from)
}

// RootAt returns the root that the log had at a size.
func RootAt(r store.Reader, size uint64) (quoin.Hash, error) {
	p, err := NewProver(r, size)
	if err != nil {
		return quoin.Hash{}, err
	}
	return p.Root()
}

func fromTlog(hashes []tlog.Hash) []quoin.Hash {
	if hashes == nil {
		return nil
	}
	out := make([]quoin.Hash, len(hashes))
	for i := range hashes {
		out[i] = quoin.Hash(hashes[i])
	}
	return out
}

// hashReader is a Prover as package tlog sees it.
type hashReader struct{ *Prover }

var _ tlog.HashReader = hashReader{}

// ReadHashes implements tlog.HashReader.
func (p hashReader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		h, err := p.node(level, uint64(n))
		if err != nil {
			return nil, err
		}
		hashes[i] = tlog.Hash(h)
	}
	return hashes, nil
}

// tileID names a tile: its level and its number in the level.
type tileID struct {
	level uint8
	n     uint64
}

// tile is a tile with the nodes above its hashes as far as they were asked for: nodes[1] is the root
// of a full one, nodes[i] has the children 2i and 2i+1, nodes[256:] are the tile's hashes.
type tile struct {
	nodes [2 * tileWidth]quoin.Hash
	known [2 * tileWidth]bool
}

// node returns the root of the complete subtree of 2^level leaves with number n in its level.
func (p *Prover) node(level int, n uint64) (quoin.Hash, error) {
	if (n+1)<<level <= p.base.size {
		if n+1 == p.base.size>>level && p.base.size>>level&1 == 1 {
			return p.base.peaks[level], nil
		}
		return quoin.Hash{}, fmt.Errorf("%w: it begins at entry %d", ErrPruned, p.base.size)
	}
	height := level % tileHeight
	id := tileID{uint8(level / tileHeight), n >> (tileHeight - height)}
	t, err := p.tile(id)
	if err != nil {
		return quoin.Hash{}, err
	}
	at := uint64(tileWidth>>height) + n&(tileWidth>>height-1)
	if t.known[at] {
		return t.nodes[at], nil
	}
	if height == 0 {
		return quoin.Hash{}, fmt.Errorf("%w: hash %d of tile level %d is missing", ErrCorrupt, n, id.level)
	}
	left, err := p.node(level-1, 2*n)
	if err != nil {
		return quoin.Hash{}, err
	}
	right, err := p.node(level-1, 2*n+1)
	if err != nil {
		return quoin.Hash{}, err
	}
	t.nodes[at], t.known[at] = nodeHash(&left, &right), true
	return t.nodes[at], nil
}

func (p *Prover) tile(id tileID) (*tile, error) {
	if t, ok := p.tiles[id]; ok {
		return t, nil
	}
	if len(p.tiles) >= proverTilesMax {
		clear(p.tiles)
	}
	t := new(tile)
	p.tiles[id] = t
	from := id.n * tileWidth
	to := min(from+tileWidth, p.size>>(tileHeight*id.level))
	return t, scanHashes(p.r, id.level, from, to, func(n uint64, hash []byte) {
		at := tileWidth + n - from
		t.nodes[at], t.known[at] = quoin.Hash(hash), true
	})
}

// scanHashes calls yield with each hash of a tile level from number from up to number to, exclusive,
// in ascending order; those before the base are left out.
func scanHashes(r store.Reader, level uint8, from, to uint64, yield func(n uint64, hash []byte)) error {
	if from >= to {
		return nil
	}
	var low, high [16]byte
	var bad error
	next := from
	err := r.Scan(appendHashKey(low[:0], level, from+1), appendHashKey(high[:0], level, SizeMax+1), func(key, value []byte) bool {
		end, count := binary.BigEndian.Uint64(key[len(key)-8:]), uint64(len(value)/32)
		if len(value) == 0 || len(value)%32 != 0 || count > end {
			bad = fmt.Errorf("%w: hashes of level %d up to %d have %d bytes", ErrCorrupt, level, end, len(value))
			return false
		}
		first := end - count
		if next > from && first != next {
			bad = fmt.Errorf("%w: hashes of level %d leave a gap at %d", ErrCorrupt, level, next)
			return false
		}
		for n := max(first, from); n < min(end, to); n++ {
			yield(n, value[(n-first)*32:(n-first)*32+32])
		}
		next = end
		return end < to
	})
	if err != nil {
		return err
	}
	if bad == nil && next < to {
		bad = fmt.Errorf("%w: hashes of level %d end at %d, want %d", ErrCorrupt, level, next, to)
	}
	return bad
}
