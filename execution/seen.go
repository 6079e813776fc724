package execution

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"

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
//
// It may hold millions of ids, far more than a processor's caches. So it is a hash table of eight
// bytes an id, which names the place of the id in its block's list, with 30 bits of the id's hash:
// to see that an id is absent costs one wait for the memory, and Warm lets those of a whole block
// overlap. The table is 256 small ones that grow one by one, so that no block waits for all of it.
type Seen struct {
	window  uint64
	heights []seenHeight // ascending, the blocks that have transactions
	first   uint32       // number of heights[0]: blocks with transactions are counted
	count   int
	seed    uint64 // odd; the first id's, or zero before there is one
	shards  [256]seenShard
	warmed  uint64 // keeps the reads of Warm from being left out
}

type seenHeight struct {
	height quoin.Height
	ids    []quoin.Hash
}

// seenShard is an open-addressed table with linear probing, at most half full.
type seenShard struct {
	slots []seenSlot // a power of two of them
	count int
}

// seenSlot is 30 bits of the id's hash, 20 of the block's number, and 14 of the id's place in the
// block plus one; 0 is free. The window has at most 2^14 blocks, a block fewer than 2^14 - 1
// transactions.
type seenSlot uint64

const (
	seenTagBits   = 30
	seenBlockBits = 20
	seenPlaceBits = 14
	seenStart     = 16 // slots of a shard at first
)

// Their blocks and transactions have a place in a slot.
const _ = uint(1<<seenPlaceBits - 2 - quoin.BlockTransactionsMax)

// NewSeen returns an empty set.
func NewSeen(window uint64) *Seen { return &Seen{window: window} }

// hash returns the shard of an id and the upper bits of its slot.
func (s *Seen) hash(id *quoin.Hash) (*seenShard, uint64) {
	x := binary.LittleEndian.Uint64(id[8:16]) * s.seed
	return &s.shards[x>>56], x << 8 >> (64 - seenTagBits)
}

func (t *seenShard) home(tag uint64) int {
	return int(tag >> (seenTagBits - bits.TrailingZeros(uint(len(t.slots)))))
}

func (x seenSlot) tag() uint64   { return uint64(x) >> (seenBlockBits + seenPlaceBits) }
func (x seenSlot) block() uint32 { return uint32(x>>seenPlaceBits) & (1<<seenBlockBits - 1) }
func (x seenSlot) place() int    { return int(x&(1<<seenPlaceBits-1)) - 1 }

func newSeenSlot(tag uint64, block uint32, place int) seenSlot {
	return seenSlot(tag<<(seenBlockBits+seenPlaceBits) | uint64(block&(1<<seenBlockBits-1))<<seenPlaceBits | uint64(place+1))
}

// Add takes the ids of the next certified block, and drops those that have left the window.
func (s *Seen) Add(h quoin.Height, ids []quoin.Hash) {
	if len(ids) > 0 {
		if s.seed == 0 {
			s.seed = binary.LittleEndian.Uint64(ids[0][:]) | 1
		}
		s.Warm(ids)
		block := s.first + uint32(len(s.heights))
		s.heights = append(s.heights, seenHeight{h, ids})
		for i := range ids {
			t, tag := s.hash(&ids[i])
			t.add(newSeenSlot(tag, block, i))
		}
		s.count += len(ids)
	}
	for len(s.heights) > 0 && uint64(s.heights[0].height)+s.window <= uint64(h) {
		old := s.heights[0].ids
		s.Warm(old)
		for i := range old {
			t, tag := s.hash(&old[i])
			t.remove(newSeenSlot(tag, s.first, i))
		}
		s.count -= len(old)
		s.heights[0].ids = nil
		s.heights = s.heights[1:]
		s.first++
	}
}

// Warm makes the next calls of Place for these ids quick. It changes nothing.
func (s *Seen) Warm(ids []quoin.Hash) {
	for i := range ids {
		if t, tag := s.hash(&ids[i]); t.count > 0 {
			s.warmed += uint64(t.slots[t.home(tag)])
		}
	}
}

// Place returns where a transaction of the window stands.
func (s *Seen) Place(id quoin.Hash) (Place, bool) {
	t, tag := s.hash(&id)
	if t.count == 0 {
		return Place{}, false
	}
	mask := len(t.slots) - 1
	for i := t.home(tag); t.slots[i] != 0; i = (i + 1) & mask {
		if x := t.slots[i]; x.tag() == tag {
			b := &s.heights[(x.block()-s.first)&(1<<seenBlockBits-1)]
			if b.ids[x.place()] == id {
				return Place{b.height, uint32(x.place())}, true
			}
		}
	}
	return Place{}, false
}

// Len returns the number of transactions in the window.
func (s *Seen) Len() int { return s.count }

func (t *seenShard) add(x seenSlot) {
	if t.count++; 2*t.count > len(t.slots) {
		old := t.slots
		t.slots = make([]seenSlot, max(seenStart, 2*len(old)))
		for _, y := range old {
			if y != 0 {
				t.put(y)
			}
		}
	}
	t.put(x)
}

func (t *seenShard) put(x seenSlot) {
	mask := len(t.slots) - 1
	i := t.home(x.tag())
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = x
}

// remove takes a slot out, and moves up those behind it that would not be found any more.
func (t *seenShard) remove(x seenSlot) {
	mask := len(t.slots) - 1
	i := t.home(x.tag())
	for t.slots[i] != x {
		i = (i + 1) & mask
	}
	t.count--
	for j := (i + 1) & mask; t.slots[j] != 0; j = (j + 1) & mask {
		if home := t.home(t.slots[j].tag()); (j-home)&mask >= (j-i)&mask {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = 0
}

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
