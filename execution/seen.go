package execution

import (
	"crypto/sha256"
	"fmt"

	"quoin.dev/quoin"
)

// Place is where a transaction stands on the chain.
type Place struct {
	Height quoin.Height
	Index  uint32 // in its block
}

// Seen is the set of the transactions in the certified blocks of the last window heights. An id
// leaves it only after its own expiry: a transaction of height h expires at h + window at the
// latest. Under the state root stands one record for each block of the window, seenKey, which is
// the digest of the block's ids; so the set of a replica that got it from a peer can be checked.
type Seen struct {
	window  uint64
	places  map[quoin.Hash]Place
	heights []seenHeight // ascending, the blocks that have transactions
}

type seenHeight struct {
	height quoin.Height
	ids    []quoin.Hash
}

// NewSeen returns an empty set.
func NewSeen(window uint64) *Seen {
	return &Seen{window: window, places: map[quoin.Hash]Place{}}
}

// Add takes the ids of the next certified block, and drops those that have left the window.
func (s *Seen) Add(h quoin.Height, ids []quoin.Hash) {
	if len(ids) > 0 {
		s.heights = append(s.heights, seenHeight{h, ids})
		for i, id := range ids {
			s.places[id] = Place{h, uint32(i)}
		}
	}
	for len(s.heights) > 0 && uint64(s.heights[0].height)+s.window <= uint64(h) {
		for _, id := range s.heights[0].ids {
			delete(s.places, id)
		}
		s.heights[0].ids = nil
		s.heights = s.heights[1:]
	}
}

// Place returns where a transaction of the window stands.
func (s *Seen) Place(id quoin.Hash) (Place, bool) {
	p, ok := s.places[id]
	return p, ok
}

// Len returns the number of transactions in the window.
func (s *Seen) Len() int { return len(s.places) }

// seenKey is the key, in the kernel's namespace, of the digest of a block's transaction ids. A block
// without transactions has none, and the record of height h goes away with the block h + window.
func seenKey(h quoin.Height) []byte { return fmt.Appendf(nil, "seen/%d", h) }

func seenDigest(ids []quoin.Hash) quoin.Hash {
	d := sha256.New()
	d.Write([]byte("quoin/seen/v1\n"))
	for i := range ids {
		d.Write(ids[i][:])
	}
	return quoin.Hash(d.Sum(nil))
}
