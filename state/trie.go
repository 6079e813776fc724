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
	existed bool // set by update: the key was there before
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
	warmed   byte  // keeps the reads of warm from being left out
}

// update makes c, whose root is at the given depth, the subtree after the ops, and reports whether
// that is another one.
func (e *editor) update(c *child, depth int, ops []op) (changed bool, err error) {
	if len(ops) == 0 {
		return false, nil
	}
	if !c.ref.isBranch() {
		before := *c
		e.build(c, depth, ops)
		return *c != before, nil
	}
	b := e.s.nodes.branch(c.ref)
	if b.is(flagStub) {
		if err := e.s.load(e.name, c, depth, &ops[0].hash); err != nil {
			return false, err
		}
	}
	at := split(ops, depth)
	parts := [2][]op{ops[:at], ops[at:]}
	if len(ops) > warmGroup {
		for i := range parts {
			if len(parts[i]) <= warmGroup {
				e.warm(b.kids[i].ref, depth+1, parts[i])
			}
		}
	}
	kids := b.kids
	for i := range parts {
		differs, err := e.update(&kids[i], depth+1, parts[i])
		if err != nil {
			return false, err
		}
		changed = changed || differs
	}
	if changed {
		if after := kids[0].keys + kids[1].keys; depth%pageLevels == 0 && c.keys > bucketMax && after <= bucketMax {
			e.retired = append(e.retired, page{e.name, depth, maskPath(&ops[0].hash, depth)})
		}
		e.drop(c.ref)
		e.join(c, &kids)
	}
	return changed, nil
}

// warmGroup is how many paths warm walks side by side: enough to hide the memory's latency, few
// enough that their nodes stay in the nearest cache until update comes.
const warmGroup = 32

// warm walks the paths of at most warmGroup ops below r level by level, so that the processor
// fetches the nodes of all at once. Else update, which goes down one path after the other, waits
// for the memory at each level of each path. It changes nothing.
func (e *editor) warm(r ref, depth int, ops []op) {
	var walk [warmGroup]ref
	nodes := &e.s.nodes
	for i := range ops {
		walk[i] = r
	}
	for more := r.isBranch(); more; depth++ {
		more = false
		for i := range ops {
			if r := walk[i]; r.isBranch() {
				b := nodes.branch(r)
				e.warmed += b.kids[1].hash[0] + byte(b.flags) // a node spans two or three cache lines
				walk[i] = b.kids[bit(&ops[i].hash, depth)].ref
				more = true
			}
		}
	}
	for i := range ops {
		if walk[i].isLeaf() {
			e.warmed += nodes.leaf(walk[i]).key[0]
		}
	}
}

// build makes c, one leaf or the empty subtree, the subtree after the ops.
func (e *editor) build(c *child, depth int, ops []op) {
	if len(ops) == 0 {
		return
	}
	if len(ops) == 1 && (c.ref == 0 || e.s.nodes.leaf(c.ref).key == ops[0].hash) {
		e.setLeaf(c, &ops[0])
		return
	}
	if len(ops) == 1 && ops[0].deleted {
		return
	}
	at := split(ops, depth)
	var kids [2]child
	if c.ref != 0 {
		kids[bit(&e.s.nodes.leaf(c.ref).key, depth)] = *c
	}
	e.build(&kids[0], depth+1, ops[:at])
	e.build(&kids[1], depth+1, ops[at:])
	e.join(c, &kids)
}

// setLeaf applies o to c, which is empty or the leaf of the same key, and says in o which.
func (e *editor) setLeaf(c *child, o *op) {
	o.existed = c.ref != 0
	if o.existed {
		size := e.s.nodes.leaf(c.ref).size
		if !o.deleted && size == o.size {
			c.hash = o.leaf // the node holds neither value nor hash
			return
		}
		e.bytes -= int64(size)
		e.drop(c.ref)
		*c = child{}
	}
	if !o.deleted {
		e.bytes += int64(o.size)
		*c = child{e.s.nodes.newLeaf(&o.hash, o.size), 1, o.leaf}
		e.made(c.ref)
	}
}

// join makes c the subtree of two children: a leaf alone stands in its parent's place.
func (e *editor) join(c *child, kids *[2]child) {
	for i := range kids {
		if kids[i].ref == 0 && !kids[1-i].ref.isBranch() {
			*c = kids[1-i]
			return
		}
	}
	r, b := e.s.nodes.newBranch()
	b.kids, b.pins, b.flags = *kids, 0, flagRecent
	e.made(r)
	c.ref, c.keys = r, kids[0].keys+kids[1].keys
	c.hash = branchHash(&kids[0].hash, &kids[1].hash)
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
func (s *State) load(name string, c *child, depth int, path *quoin.Hash) error {
	if err := s.checkApplied(); err != nil {
		return err
	}
	s.loads++
	var n child
	var err error
	if c.keys > bucketMax {
		n, err = s.loadPage(name, depth, path)
	} else {
		n, err = s.loadRecords(name, depth, path, int(c.keys))
	}
	if err == nil && (n.hash != c.hash || n.keys != c.keys) {
		s.nodes.freeAll(n.ref)
		err = fmt.Errorf("%w: the trie has %v over %d keys, the store %v over %d", ErrCorrupt, c.hash, c.keys, n.hash, n.keys)
	}
	if err != nil {
		return fmt.Errorf("state: load namespace %q below the first %d bits of %v: %w", name, depth, maskPath(path, depth), err)
	}
	stub, loaded := s.nodes.branch(c.ref), s.nodes.branch(n.ref) // two keys or more, as in the stub
	stub.kids, stub.flags = loaded.kids, loaded.flags|flagRecent
	s.nodes.free(n.ref)
	return nil
}

// loadRecords builds a subtree from all records below a place, of which there are at most limit.
func (s *State) loadRecords(name string, depth int, path *quoin.Hash, limit int) (child, error) {
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
		return child{}, err
	}
	e := editor{s: s, name: name}
	var c child
	e.build(&c, depth, ops)
	return c, nil
}
