package state

import (
	"fmt"

	"quoin.dev/quoin"
)

// bucketMax is the largest subtree, in leaves, that is never written as nodes: one scan of the
// records rebuilds it. A larger one makes a miss dearer, a smaller one the upper nodes more.
const bucketMax = 32

// op is one change to a namespace's trie: ops are distinct and ascend by hash.
type op struct {
	hash    quoin.Hash // of the key
	leaf    quoin.Hash
	size    uint32
	deleted bool
}

// editor applies ops to one namespace's trie by copying the paths to them. What it replaces stays
// intact, since the certified state and other overlays share it.
type editor struct {
	s        *State
	name     string
	track    bool // whether to keep the lists below; not while loading
	created  []ref
	replaced []ref
	retired  []page
	bytes    int64 // change of the namespace's size
}

// update returns the subtree c, whose root is at the given depth, after the ops, and by how much
// the number of its keys grew. If nothing changes it returns c itself.
func (e *editor) update(c child, depth int, ops []op) (child, int, error) {
	if len(ops) == 0 {
		return c, 0, nil
	}
	if !c.ref.isBranch() {
		keys := 0
		if c.ref != 0 {
			keys = -1
		}
		n, after := e.build(ops, c, depth)
		return n, keys + after, nil
	}
	b := e.s.nodes.branch(c.ref)
	if b.is(flagStub) {
		if err := e.s.load(e.name, c, depth, &ops[0].hash); err != nil {
			return c, 0, err
		}
	}
	at := split(ops, depth)
	left, grewLeft, err := e.update(child{b.kid[0], b.hash[0]}, depth+1, ops[:at])
	if err != nil {
		return c, 0, err
	}
	right, grewRight, err := e.update(child{b.kid[1], b.hash[1]}, depth+1, ops[at:])
	if err != nil {
		return c, 0, err
	}
	if left.ref == b.kid[0] && right.ref == b.kid[1] && left.hash == b.hash[0] && right.hash == b.hash[1] {
		return c, 0, nil
	}
	count := int(b.count) + grewLeft + grewRight
	if depth%pageLevels == 0 && b.count > bucketMax && count <= bucketMax {
		e.retired = append(e.retired, page{e.name, depth, maskPath(&ops[0].hash, depth)})
	}
	e.drop(c.ref)
	return e.join(left, right, count), grewLeft + grewRight, nil
}

// build returns the subtree of one old leaf, or of the empty subtree, after the ops, and the
// number of its keys.
func (e *editor) build(ops []op, old child, depth int) (child, int) {
	if len(ops) == 0 {
		if old.ref == 0 {
			return old, 0
		}
		return old, 1
	}
	if len(ops) == 1 {
		o := &ops[0]
		if old.ref != 0 {
			l := e.s.nodes.leaf(old.ref)
			switch {
			case l.key != o.hash:
				if o.deleted {
					return old, 1
				}
			case !o.deleted && l.size == o.size:
				return child{old.ref, o.leaf}, 1
			default:
				e.bytes -= int64(l.size)
				e.drop(old.ref)
				old = child{}
			}
		}
		if old.ref == 0 {
			if o.deleted {
				return child{}, 0
			}
			r := e.s.nodes.newLeaf(&o.hash, o.size)
			e.bytes += int64(o.size)
			e.made(r)
			return child{r, o.leaf}, 1
		}
	}
	at := split(ops, depth)
	var sides [2]child
	if old.ref != 0 {
		sides[bit(&e.s.nodes.leaf(old.ref).key, depth)] = old
	}
	left, keysLeft := e.build(ops[:at], sides[0], depth+1)
	right, keysRight := e.build(ops[at:], sides[1], depth+1)
	return e.join(left, right, keysLeft+keysRight), keysLeft + keysRight
}

// join returns the subtree of two children: a leaf alone stands in its parent's place.
func (e *editor) join(left, right child, count int) child {
	if left.ref == 0 && !right.ref.isBranch() {
		return right
	}
	if right.ref == 0 && left.ref.isLeaf() {
		return left
	}
	r, b := e.s.nodes.newBranch()
	*b = branch{
		kid:  [2]ref{left.ref, right.ref},
		hash: [2]quoin.Hash{left.hash, right.hash}, count: uint32(count), flags: flagRecent,
	}
	e.made(r)
	return child{r, branchHash(&left.hash, &right.hash)}
}

func (e *editor) made(r ref) {
	if e.track {
		e.created = append(e.created, r)
	}
}

func (e *editor) drop(r ref) {
	if !e.track {
		e.s.nodes.free(r)
		return
	}
	if r.isBranch() {
		e.s.nodes.branch(r).pins++
	}
	e.replaced = append(e.replaced, r)
}

// split returns the number of leading ops whose bit at depth is 0.
func split(ops []op, depth int) int {
	from, to := 0, len(ops)
	for from < to {
		middle := int(uint(from+to) >> 1)
		if bit(&ops[middle].hash, depth) == 0 {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return from
}

// load brings the subtree of a stub back into its place. Whoever reaches a stub reaches it through
// nodes of the certified state, so the store, which holds that state, has its very subtree.
func (s *State) load(name string, c child, depth int, path *quoin.Hash) error {
	b := s.nodes.branch(c.ref)
	var (
		n    child
		keys int
		err  error
	)
	s.loads++
	if b.count > bucketMax {
		n, keys, err = s.loadPage(name, depth, path)
	} else {
		n, keys, err = s.loadRecords(name, depth, path, int(b.count))
	}
	if err == nil && (n.hash != c.hash || keys != int(b.count)) {
		s.discard(n)
		err = fmt.Errorf("%w: the trie has %v over %d keys, the store %v over %d", ErrCorrupt, c.hash, b.count, n.hash, keys)
	}
	if err != nil {
		return fmt.Errorf("state: load namespace %q below the first %d bits of %v: %w", name, depth, maskPath(path, depth), err)
	}
	loaded := s.nodes.branch(n.ref) // two keys or more, as in the stub
	pins := b.pins
	*b = *loaded
	b.pins, b.flags = pins, loaded.flags|flagRecent
	s.nodes.free(n.ref)
	return nil
}

// loadRecords builds a subtree from all records below a place, of which there are at most limit.
func (s *State) loadRecords(name string, depth int, path *quoin.Hash, limit int) (child, int, error) {
	from, to := subtreeRange(name, path, depth)
	ops := s.loading[:0]
	var bad error
	err := s.store.Scan(from, to, func(at, record []byte) bool {
		if len(ops) == limit {
			bad = fmt.Errorf("%w: more than %d records", ErrCorrupt, limit)
			return false
		}
		var o op
		var key, value []byte
		if key, value, bad = parseRecord(record); bad != nil {
			return false
		}
		if copy(o.hash[:], at[len(at)-len(o.hash):]); o.hash != KeyHash(key) {
			bad = fmt.Errorf("%w: the record of %v holds the key of another", ErrCorrupt, o.hash)
			return false
		}
		o.leaf, o.size = leafHash(&o.hash, value), uint32(len(key)+len(value))
		ops = append(ops, o)
		return true
	})
	s.loading = ops
	if err == nil {
		err = bad
	}
	if err != nil {
		return child{}, 0, err
	}
	e := editor{s: s, name: name}
	n, keys := e.build(ops, child{}, depth)
	return n, keys, nil
}

// discard frees a whole subtree that nothing else refers to.
func (s *State) discard(c child) {
	if c.ref.isBranch() {
		s.nodes.freeBelow(s.nodes.branch(c.ref))
	}
	if c.ref != 0 {
		s.nodes.free(c.ref)
	}
}
