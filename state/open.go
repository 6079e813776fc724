package state

import (
	"fmt"
	"slices"
	"strings"

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
	s := &State{store: r, cacheBytes: o.CacheBytes, flushTouched: o.FlushTouched, gapMin: gapMin}
	if s.cacheBytes <= 0 {
		s.cacheBytes = 256 << 20
	}
	if o.ValueBytes <= 0 {
		o.ValueBytes = 32 << 20
	}
	s.values = newValues(o.ValueBytes)
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
	var spaces []touchedSpace
	prefix := []byte{storePrefix, kindTouched}
	var bad error
	err := s.store.Scan(prefix, store.PrefixEnd(prefix), func(_, record []byte) bool {
		var one []touchedSpace
		if one, bad = parseTouched(record); bad != nil {
			return false
		}
		for _, t := range one {
			s.touched += len(t.heads)
			i, ok := slices.BinarySearchFunc(spaces, t.name, func(t touchedSpace, name string) int { return strings.Compare(t.name, name) })
			if !ok {
				spaces = slices.Insert(spaces, i, touchedSpace{name: t.name})
			}
			spaces[i].heads = append(spaces[i].heads, t.heads...)
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("state: read what changed since the last flush: %w", err)
	}
	if bad != nil {
		return nil, bad
	}
	for i := range spaces {
		slices.Sort(spaces[i].heads)
		spaces[i].heads = slices.Compact(spaces[i].heads)
	}
	return spaces, nil
}

// parseTouched reads one touched record: for each namespace, names ascending, its name, a count of
// at least 1 and as many heads, which do not descend.
func parseTouched(record []byte) (spaces []touchedSpace, err error) {
	r := canonical.NewReader(record)
	for r.Len() > 0 {
		t := touchedSpace{name: string(r.Bytes8(quoin.NamespaceMax))}
		t.heads = make([]uint64, r.Count32(OverlayKeysMax, touchedBytes))
		for i := range t.heads {
			t.heads[i] = r.Uint64()
		}
		if r.Err() == nil && (!quoin.IsName(t.name, quoin.NamespaceMax) || len(t.heads) == 0 || !slices.IsSorted(t.heads) ||
			len(spaces) > 0 && spaces[len(spaces)-1].name >= t.name) {
			r.Fail("namespace %q with %d heads is ill-named, empty or out of order", t.name, len(t.heads))
		}
		spaces = append(spaces, t)
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: a record of what changed since the last flush: %w", ErrCorrupt, err)
	}
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
		root, err := s.recoverSpace(from, heads)
		if err != nil {
			return err
		}
		to := findSpace(s.certified.spaces, from.name)
		if to == nil {
			to = &space{}
		}
		if root.hash != to.root.hash || root.keys != to.root.keys {
			return fmt.Errorf("%w: namespace %q at height %d has root %v over %d keys; the records, with the upper nodes of height %d and %d places written since, give %v over %d",
				ErrCorrupt, from.name, s.certified.height, to.root.hash, to.root.keys, flushed.height, len(heads), root.hash, root.keys)
		}
		to.root.ref = root.ref
	}
	for i := range s.certified.spaces {
		if sp := &s.certified.spaces[i]; sp.root.ref == 0 {
			return fmt.Errorf("%w: namespace %q at height %d has root %v over %d keys, but neither the upper nodes of height %d nor later writes know it",
				ErrCorrupt, sp.name, s.certified.height, sp.root.hash, sp.root.keys, flushed.height)
		}
	}
	return nil
}

func (s *State) recoverSpace(from *space, heads []uint64) (root child, err error) {
	e := editor{s: s, name: from.name}
	root = from.root
	switch {
	case root.keys > bucketMax:
		root.ref = s.newStub(flagFlushed)
	case root.keys > 1:
		root.ref = s.newStub(0)
	default: // one leaf has no stub; read it, or what there is by now
		err = e.reread(&root, 0, &quoin.Hash{})
		return root, err
	}
	err = e.rebuild(&root, 0, quoin.Hash{}, heads)
	s.retired = append(s.retired, e.retired...)
	return root, err
}

// reread makes c, which had at most bucketMax keys at the last flush, what the records now say.
func (e *editor) reread(c *child, depth int, path *quoin.Hash) error {
	e.s.nodes.freeAll(c.ref)
	n, err := e.s.loadRecords(e.name, depth, path, bucketMax+e.s.touched)
	if err != nil {
		return fmt.Errorf("state: read namespace %q below the first %d bits of %v: %w", e.name, depth, maskPath(path, depth), err)
	}
	*c = n
	return nil
}

// rebuild makes c, a subtree of the last flush, what the records now say: a path that a touched
// head follows is taken down to where the flush knows no nodes, and built again from there. No
// overlay exists yet, so what is replaced is freed at once.
func (e *editor) rebuild(c *child, depth int, path quoin.Hash, heads []uint64) error {
	if len(heads) == 0 {
		return nil
	}
	if c.keys <= bucketMax {
		return e.reread(c, depth, &path)
	}
	b := e.s.nodes.branch(c.ref)
	if b.is(flagStub) {
		if err := e.s.load(e.name, c, depth, &path); err != nil {
			return err
		}
	}
	left, right := splitHeads(heads, depth)
	kids := b.kids
	if err := e.rebuild(&kids[0], depth+1, path, left); err != nil {
		return err
	}
	up := path
	up[depth>>3] |= 0x80 >> (depth & 7)
	if err := e.rebuild(&kids[1], depth+1, up, right); err != nil {
		return err
	}
	if kids[0].hash == b.kids[0].hash && kids[1].hash == b.kids[1].hash {
		b.kids = kids
		return nil
	}
	if depth%pageLevels == 0 && kids[0].keys+kids[1].keys <= bucketMax {
		e.retired = append(e.retired, page{e.name, depth, path})
	}
	e.s.nodes.free(c.ref)
	e.join(c, &kids)
	return nil
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
