package state

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"

	"quoin.dev/quoin"
)

// writes is what one overlay changes: the last write of each key, found through an open-addressed
// table of indexes, with a journal so that the writes of one transaction can be taken back. What
// grows with every write is free of pointers.
type writes struct {
	names    []string // namespaces, in the order of their first write
	entries  []write
	table    []uint32 // index into entries plus one, 0 for free; a power of two
	journal  []undo
	keyBytes int    // of all keys ever in data
	data     []byte // keys and values; never overwritten, since Get hands out slices of it
	seed     uint64 // odd; from the parent's root, so that colliding keys cannot be made ahead
	order    []uint32
	ordered  int        // entries[:ordered] are in order
	keyed    []keyOrder // by the index of the name, as far as they were scanned
}

// write is the last write of one key.
type write struct {
	hash      quoin.Hash
	key       uint32 // offset in data
	keyLength uint32
	value     uint32
	length    uint32
	name      uint32 // index into names
	deleted   bool
	existed   bool // from Seal on: the key was there before
}

// dataBytesStart bounds what an overlay allocates before anything is written.
const dataBytesStart = 1 << 20

// undo restores what an entry held before.
type undo struct {
	index, value, length uint32
	deleted              bool
}

// Mark is a point to which Revert can return.
type Mark struct{ entries, journal int }

// reset empties w for a new user and keeps about as much memory as the last one needed, but begins
// with at most dataMax bytes for data.
func (w *writes) reset(seed quoin.Hash, dataMax int) {
	if idle := 16 * (len(w.entries) + 64); len(w.table) > idle || cap(w.entries) > idle {
		*w = writes{data: w.data}
	}
	clear(w.table)
	*w = writes{
		names: w.names[:0], entries: w.entries[:0], table: w.table, journal: w.journal[:0],
		data:  make([]byte, 0, min(len(w.data), dataMax)),
		order: w.order[:0],
		seed:  binary.BigEndian.Uint64(seed[:]) | 1,
	}
}

func (w *writes) slot(hash *quoin.Hash) int {
	x := binary.LittleEndian.Uint64(hash[8:16]) * w.seed
	return int(x >> (64 - bits.TrailingZeros(uint(len(w.table)))))
}

// find returns the entry of a key, or nil.
func (w *writes) find(name string, hash *quoin.Hash) *write {
	if len(w.entries) == 0 {
		return nil
	}
	mask := len(w.table) - 1
	for i := w.slot(hash); ; i = (i + 1) & mask {
		at := w.table[i]
		if at == 0 {
			return nil
		}
		if e := &w.entries[at-1]; e.hash == *hash && w.names[e.name] == name {
			return e
		}
	}
}

// put makes value (or, deleted, nothing) the last write of the key. The name must be in names.
func (w *writes) put(name int, hash *quoin.Hash, key, value []byte, deleted bool) {
	at := uint32(len(w.data))
	if e := w.find(w.names[name], hash); e != nil {
		w.journal = append(w.journal, undo{index: w.indexOf(e), value: e.value, length: e.length, deleted: e.deleted})
		w.data = append(w.data, value...)
		e.value, e.length, e.deleted = at, uint32(len(value)), deleted
		return
	}
	if 2*(len(w.entries)+1) > len(w.table) {
		w.grow()
	}
	w.data = append(append(w.data, key...), value...)
	w.keyBytes += len(key)
	w.entries = append(w.entries, write{
		hash: *hash, key: at, keyLength: uint32(len(key)),
		value: at + uint32(len(key)), length: uint32(len(value)), name: uint32(name), deleted: deleted,
	})
	w.place(len(w.entries) - 1)
}

func (w *writes) indexOf(e *write) uint32 {
	mask := len(w.table) - 1
	for i := w.slot(&e.hash); ; i = (i + 1) & mask {
		if at := w.table[i] - 1; &w.entries[at] == e {
			return at
		}
	}
}

func (w *writes) place(index int) {
	mask := len(w.table) - 1
	i := w.slot(&w.entries[index].hash)
	for w.table[i] != 0 {
		i = (i + 1) & mask
	}
	w.table[i] = uint32(index + 1)
}

func (w *writes) grow() {
	w.table = make([]uint32, max(64, 2*len(w.table)))
	for i := range w.entries {
		w.place(i)
	}
}

func (w *writes) mark() Mark { return Mark{len(w.entries), len(w.journal)} }

// revert takes back everything since the mark, in reverse order: the last entry placed is never
// in another one's way, so its slot can simply be emptied. Names stay: they cost nothing.
func (w *writes) revert(m Mark) {
	for i := len(w.journal) - 1; i >= m.journal; i-- {
		u := w.journal[i]
		if int(u.index) >= len(w.entries) {
			continue // the caller used a void mark; what it gets is unspecified, but not a panic
		}
		e := &w.entries[u.index]
		e.value, e.length, e.deleted = u.value, u.length, u.deleted
	}
	w.journal = w.journal[:m.journal]
	mask := len(w.table) - 1
	for i := len(w.entries) - 1; i >= m.entries; i-- {
		slot := w.slot(&w.entries[i].hash)
		for w.table[slot] != uint32(i+1) {
			slot = (slot + 1) & mask
		}
		w.table[slot] = 0
	}
	w.entries = w.entries[:m.entries]
	if w.ordered > m.entries {
		w.order = slices.DeleteFunc(w.order, func(i uint32) bool { return int(i) >= m.entries })
		w.ordered = m.entries
	}
	for i := range w.keyed {
		w.keyed[i].revert(m.entries)
	}
}

func (w *writes) keyOf(e *write) []byte {
	return w.data[e.key : e.key+e.keyLength : e.key+e.keyLength]
}

func (w *writes) valueOf(e *write) []byte {
	return w.data[e.value : e.value+e.length : e.value+e.length]
}

// sorted returns the indexes of the entries by namespace name, then key hash.
func (w *writes) sorted() []uint32 {
	if w.ordered == len(w.entries) {
		return w.order
	}
	rank := w.ranks()
	type item struct {
		rank  uint32
		index uint32
		head  uint64
	}
	compare := func(a, b item) int {
		switch {
		case a.rank != b.rank:
			return int(a.rank) - int(b.rank)
		case a.head < b.head:
			return -1
		case a.head > b.head:
			return 1
		}
		return bytes.Compare(w.entries[a.index].hash[8:], w.entries[b.index].hash[8:])
	}
	itemOf := func(i uint32) item {
		e := &w.entries[i]
		return item{rank: rank[e.name], index: i, head: binary.BigEndian.Uint64(e.hash[:8])}
	}
	fresh := make([]item, 0, len(w.entries)-w.ordered)
	for i := w.ordered; i < len(w.entries); i++ {
		fresh = append(fresh, itemOf(uint32(i)))
	}
	slices.SortFunc(fresh, compare)
	old := w.order
	if len(old) > 0 {
		old = slices.Clone(old)
	}
	merged := w.order[:0]
	for _, item := range fresh {
		for len(old) > 0 && compare(itemOf(old[0]), item) < 0 {
			merged = append(merged, old[0])
			old = old[1:]
		}
		merged = append(merged, item.index)
	}
	w.order = append(merged, old...)
	w.ordered = len(w.entries)
	return w.order
}

// ranks returns for each name its place among the sorted names.
func (w *writes) ranks() []uint32 {
	names := make([]int, len(w.names))
	for i := range names {
		names[i] = i
	}
	slices.SortFunc(names, func(a, b int) int { return strings.Compare(w.names[a], w.names[b]) })
	rank := make([]uint32, len(names))
	for place, i := range names {
		rank[i] = uint32(place)
	}
	return rank
}

// of returns the part of sorted that belongs to one namespace.
func (w *writes) of(name string) []uint32 {
	order := w.sorted()
	from, _ := slices.BinarySearchFunc(order, name, func(i uint32, name string) int {
		return strings.Compare(w.names[w.entries[i].name], name)
	})
	to, _ := slices.BinarySearchFunc(order, name, func(i uint32, name string) int {
		if w.names[w.entries[i].name] <= name {
			return -1
		}
		return 1
	})
	return order[from:to]
}
