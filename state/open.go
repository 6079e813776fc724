package state

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/store"
)

// touchedBytes is how much of a key hash a touched record keeps: enough to tell subtrees apart.
const touchedBytes = 8

// Open returns the certified state that the store holds: the empty one for a store without. It
// reads the upper nodes of the last flush as far as keys were written since, rebuilds the places
// of those keys from their records, and returns ErrCorrupt, naming what differs, unless that gives
// the certified root of every namespace. What was not touched is checked when it is first used.
func Open(r store.Reader, o Options) (*State, error) {
	s := &State{store: r, cacheBytes: o.CacheBytes, flushTouched: o.FlushTouched}
	if s.cacheBytes <= 0 {
		s.cacheBytes = 256 << 20
	}
	if s.flushTouched <= 0 {
		s.flushTouched = 32 << 10
	}
	s.root = DirectoryRoot(nil)
	mark, ok, err := r.Get([]byte{storePrefix, kindMark})
	if err != nil {
		return nil, fmt.Errorf("state: read the certified state: %w", err)
	}
	if !ok {
		return s, s.checkUnused()
	}
	s.mark = mark
	if s.certified, err = parseCertified(mark); err != nil {
		return nil, err
	}
	flushed := certified{}
	if record, ok, err := r.Get([]byte{storePrefix, kindFlush}); err != nil {
		return nil, fmt.Errorf("state: read the last flush: %w", err)
	} else if ok {
		if flushed, err = parseCertified(record); err != nil {
			return nil, err
		}
	}
	touched, err := s.readTouched()
	if err != nil {
		return nil, err
	}
	if err := s.recover(&flushed, touched); err != nil {
		return nil, err
	}
	s.root = DirectoryRoot(directoryOf(s.certified.spaces))
	s.sweep()
	return s, nil
}

// checkUnused makes sure that a store without a certified state holds nothing of one.
func (s *State) checkUnused() error {
	from, to := KeyRange()
	var found []byte
	err := s.store.Scan(from, to, func(key, _ []byte) bool {
		found = append(found, key...)
		return false
	})
	if err != nil {
		return fmt.Errorf("state: read an empty store: %w", err)
	}
	if found != nil {
		return fmt.Errorf("%w: the record of the certified state is gone, but %x is there", ErrCorrupt, found)
	}
	return nil
}

// touchedSpace is the key hashes' heads that were written to one namespace.
type touchedSpace struct {
	name  string
	heads []uint64
}

// readTouched returns what was written since the last flush, names and heads in order.
func (s *State) readTouched() ([]touchedSpace, error) {
	byName := map[string][]uint64{}
	prefix := []byte{storePrefix, kindTouched}
	var bad error
	err := s.store.Scan(prefix, store.PrefixEnd(prefix), func(_, record []byte) bool {
		r := canonical.NewReader(record)
		for r.Len() > 0 {
			name := string(r.Bytes8(quoin.NamespaceMax))
			n := r.Count32(len(record), touchedBytes)
			heads := byName[name]
			for range n {
				heads = append(heads, r.Uint64())
			}
			byName[name] = heads
			s.touched += n
		}
		bad = r.Done()
		return bad == nil
	})
	if err != nil {
		return nil, fmt.Errorf("state: read what changed since the last flush: %w", err)
	}
	if bad != nil {
		return nil, fmt.Errorf("%w: a record of what changed since the last flush: %w", ErrCorrupt, bad)
	}
	spaces := make([]touchedSpace, 0, len(byName))
	for name, heads := range byName {
		slices.Sort(heads)
		spaces = append(spaces, touchedSpace{name, slices.Compact(heads)})
	}
	slices.SortFunc(spaces, func(a, b touchedSpace) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return spaces, nil
}

// recover gives every certified namespace its root node.
func (s *State) recover(flushed *certified, touched []touchedSpace) error {
	left := slices.Clone(flushed.spaces)
	for i := range touched {
		if findSpace(left, touched[i].name) == nil {
			left = append(left, space{name: touched[i].name})
		}
	}
	for i := range left {
		from := &left[i]
		var heads []uint64
		for _, t := range touched {
			if t.name == from.name {
				heads = t.heads
			}
		}
		root, keys, err := s.recoverSpace(from, heads)
		if err != nil {
			return err
		}
		to := findSpace(s.certified.spaces, from.name)
		if to == nil {
			to = &space{}
		}
		if root.hash != to.root.hash || keys != to.keys {
			return fmt.Errorf("%w: namespace %q at height %d has root %v over %d keys; the records, with the upper nodes of height %d and %d places written since, give %v over %d",
				ErrCorrupt, from.name, s.certified.height, to.root.hash, to.keys, flushed.height, len(heads), root.hash, keys)
		}
		to.root.ref = root.ref
	}
	for i := range s.certified.spaces {
		if sp := &s.certified.spaces[i]; sp.root.ref == 0 {
			return fmt.Errorf("%w: namespace %q at height %d has root %v over %d keys, but neither the upper nodes of height %d nor later writes know it",
				ErrCorrupt, sp.name, s.certified.height, sp.root.hash, sp.keys, flushed.height)
		}
	}
	return nil
}

func (s *State) recoverSpace(from *space, heads []uint64) (child, uint64, error) {
	e := editor{s: s, name: from.name}
	root, path := from.root, quoin.Hash{}
	switch {
	case from.keys > KeysMax:
		return child{}, 0, fmt.Errorf("%w: namespace %q has %d keys", ErrCorrupt, from.name, from.keys)
	case from.keys > bucketMax:
		root.ref = s.newStub(uint32(from.keys), flagStub|flagFlushed)
	case from.keys > 1:
		root.ref = s.newStub(uint32(from.keys), flagStub)
	default: // one leaf has no stub; read it, or what there is by now
		n, keys, err := s.loadRecords(from.name, 0, &path, s.recordsMax())
		if err != nil {
			err = fmt.Errorf("state: namespace %q: %w", from.name, err)
		}
		return n, uint64(keys), err
	}
	n, grew, err := e.rebuild(root, int(from.keys), 0, path, heads)
	s.retired = append(s.retired, e.retired...)
	return n, uint64(int64(from.keys) + int64(grew)), err
}

// recordsMax bounds the records below a place that held at most bucketMax at the last flush.
func (s *State) recordsMax() int { return bucketMax + s.touched }

// rebuild returns the subtree c of the last flush, which had the given number of keys, as the
// records now have it, and by how much it grew: a path that a touched head follows is taken down
// to where the flush knows no nodes, and built again from there. No overlay exists yet, so what is
// replaced is freed at once.
func (e *editor) rebuild(c child, keys, depth int, path quoin.Hash, heads []uint64) (child, int, error) {
	if len(heads) == 0 {
		return c, 0, nil
	}
	nodes := &e.s.nodes
	if keys <= bucketMax {
		e.s.discard(c)
		n, now, err := e.s.loadRecords(e.name, depth, &path, e.s.recordsMax())
		if err != nil {
			err = fmt.Errorf("state: namespace %q: %w", e.name, err)
		}
		return n, now - keys, err
	}
	b := nodes.branch(c.ref)
	if b.is(flagStub) {
		if err := e.s.load(e.name, c, depth, &path); err != nil {
			return child{}, 0, err
		}
	}
	left, right := splitHeads(heads, depth)
	var sides [2]child
	grew := 0
	for i, heads := range [2][]uint64{left, right} {
		if i == 1 {
			path[depth>>3] |= 0x80 >> (depth & 7)
		}
		n, more, err := e.rebuild(child{b.kid[i], b.hash[i]}, nodes.keys(b.kid[i]), depth+1, path, heads)
		if err != nil {
			return child{}, 0, err
		}
		sides[i] = n
		grew += more
	}
	if sides[0].hash == b.hash[0] && sides[1].hash == b.hash[1] {
		b.kid[0], b.kid[1] = sides[0].ref, sides[1].ref
		return c, grew, nil
	}
	if depth%pageLevels == 0 && keys+grew <= bucketMax {
		e.retired = append(e.retired, page{e.name, depth, maskPath(&path, depth)})
	}
	nodes.free(c.ref)
	return e.join(sides[0], sides[1], keys+grew), grew, nil
}

// keys returns the number of keys in the subtree of r.
func (a *arena) keys(r ref) int {
	switch {
	case r == 0:
		return 0
	case r.isLeaf():
		return 1
	}
	return int(a.branch(r).count)
}

// splitHeads divides heads by their bit at depth. Below their end, both sides are touched.
func splitHeads(heads []uint64, depth int) (left, right []uint64) {
	if depth >= 8*touchedBytes {
		return heads, heads
	}
	at, _ := slices.BinarySearchFunc(heads, 1, func(head uint64, _ int) int {
		if head<<depth>>63 == 0 {
			return -1
		}
		return 1
	})
	return heads[:at], heads[at:]
}
