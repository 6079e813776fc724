package state

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"quoin.dev/quoin"
)

// Overlay is the state after one block that is not certified yet: the writes of the block over its
// parent, which is another overlay or the certified state. It is open for writes until Seal, and
// never changes after. Slices that its methods return must not be changed; they stay as they are.
type Overlay struct {
	s      *State
	parent *Overlay
	status status
	writes *writes
	gaps   []gaps

	// From Seal on:
	spaces   []space
	root     quoin.Hash
	created  []ref  // nodes of this overlay alone, until it is committed
	replaced []ref  // nodes of its ancestors that it does without
	retired  []page // pages that no longer stand
}

type status uint8

const (
	open status = iota
	sealed
	committed
	stale
)

// NewOverlay returns an open overlay on a sealed parent, or, if parent is nil, on the certified
// state. Errors: ErrStale, ErrNotSealed, and ErrLimit if there are OverlaysMax already.
func (s *State) NewOverlay(parent *Overlay) (*Overlay, error) {
	if parent == nil {
		parent = s.base
	}
	root := s.root
	if parent != nil {
		if err := parent.check(s); err != nil {
			return nil, err
		}
		if parent.status == open {
			return nil, ErrNotSealed
		}
		root = parent.root
	}
	if len(s.live) >= OverlaysMax {
		return nil, fmt.Errorf("%w: %d live overlays; drop those of blocks that were given up", ErrLimit, len(s.live))
	}
	o := &Overlay{s: s, parent: parent}
	if n := len(s.spare); n > 0 {
		o.writes, s.spare = s.spare[n-1], s.spare[:n-1]
	} else {
		o.writes = new(writes)
	}
	o.writes.reset(root, dataBytesStart)
	s.live = append(s.live, o)
	return o, nil
}

func (o *Overlay) check(s *State) error {
	if o.status == stale || o.s != s {
		return ErrStale
	}
	return nil
}

// Drop ends the overlay and all that descend from it. Dropping a stale or a committed one does
// nothing.
func (o *Overlay) Drop() {
	if o.status == stale || o.status == committed {
		return
	}
	var dead []*Overlay
	o.s.live = slices.DeleteFunc(o.s.live, func(x *Overlay) bool {
		ends := x == o || x.descendsFrom(o)
		if ends {
			dead = append(dead, x)
		}
		return ends
	})
	o.s.end(dead)
}

func (o *Overlay) descendsFrom(ancestor *Overlay) bool {
	for x := o.parent; x != nil; x = x.parent {
		if x == ancestor {
			return true
		}
	}
	return false
}

// parentSpaces returns the namespaces of the state before this overlay.
func (o *Overlay) parentSpaces() []space {
	if o.parent != nil {
		return o.parent.spaces
	}
	return o.s.certified.spaces
}

// Get returns the value of a key as of the writes so far.
func (o *Overlay) Get(namespace string, key []byte) (value []byte, ok bool, err error) {
	if err := o.check(o.s); err != nil {
		return nil, false, err
	}
	if err := checkKey(namespace, key); err != nil {
		return nil, false, err
	}
	hash := o.s.hashKey(key)
	return o.get(namespace, &hash)
}

func (o *Overlay) get(name string, hash *quoin.Hash) ([]byte, bool, error) {
	for x := o; x != nil && x.status != committed; x = x.parent {
		if e := x.writes.find(name, hash); e != nil {
			if e.deleted {
				return nil, false, nil
			}
			return x.writes.valueOf(e), true, nil
		}
	}
	return o.s.read(name, hash)
}

// Has reports whether a key is there as of the writes so far. Unlike Get it rarely asks the store,
// so it is the cheap way to see that a key is absent.
func (o *Overlay) Has(namespace string, key []byte) (bool, error) {
	if err := o.check(o.s); err != nil {
		return false, err
	}
	if err := checkKey(namespace, key); err != nil {
		return false, err
	}
	hash := o.s.hashKey(key)
	for x := o; x != nil && x.status != committed; x = x.parent {
		if e := x.writes.find(namespace, &hash); e != nil {
			return !e.deleted, nil
		}
	}
	return o.s.has(namespace, &hash)
}

// Put sets a key's value; both are copied. Errors: ErrStale, ErrSealed, ErrLimit.
func (o *Overlay) Put(namespace string, key, value []byte) error {
	if len(value) > ValueBytesMax {
		return fmt.Errorf("%w: a value of %d bytes, at most %d", ErrLimit, len(value), ValueBytesMax)
	}
	return o.write(namespace, key, value, false)
}

// Delete removes a key, if it is there. Errors as for Put.
func (o *Overlay) Delete(namespace string, key []byte) error {
	if o.s.flaws.LostDeletes {
		return nil
	}
	return o.write(namespace, key, nil, true)
}

func (o *Overlay) write(namespace string, key, value []byte, deleted bool) error {
	if err := o.check(o.s); err != nil {
		return err
	}
	if o.status != open {
		return ErrSealed
	}
	if err := checkKey(namespace, key); err != nil {
		return err
	}
	w := o.writes
	if len(w.data)+w.keyBytes+2*len(key)+len(value) > OverlayBytesMax {
		return fmt.Errorf("%w: more than %d bytes written to one overlay", ErrLimit, OverlayBytesMax)
	}
	if len(w.entries) >= OverlayKeysMax {
		return fmt.Errorf("%w: %d keys written to one overlay", ErrLimit, OverlayKeysMax)
	}
	name := slices.Index(w.names, namespace)
	if name < 0 {
		if err := o.checkNamespaces(namespace); err != nil {
			return err
		}
		name = len(w.names)
		w.names = append(w.names, strings.Clone(namespace))
	}
	hash := o.s.hashKey(key)
	w.put(name, &hash, key, value, deleted)
	if !deleted && len(o.gaps) > 0 {
		o.openGap(namespace, bytes.Clone(key)) // a clone, so that the caller's key need not escape
	}
	return nil
}

// checkNamespaces refuses a namespace that would be one too many. It counts those that existed
// before the overlay and those written to in it, even if they end up empty or are reverted.
func (o *Overlay) checkNamespaces(name string) error {
	before := o.parentSpaces()
	count := len(before)
	if findSpace(before, name) == nil {
		count++
	}
	for _, other := range o.writes.names {
		if findSpace(before, other) == nil {
			count++
		}
	}
	if count > NamespacesMax {
		return fmt.Errorf("%w: namespace %q would be one more than %d", ErrLimit, name, NamespacesMax)
	}
	return nil
}

// Mark returns the present point of an open overlay, for Revert.
func (o *Overlay) Mark() Mark {
	if o.status != open {
		return Mark{}
	}
	return o.writes.mark()
}

// Revert takes back all writes since the mark, at a cost that grows with their number only. Marks
// nest; those taken after this one are void, and using one later leaves writes that nobody made
// together. Errors: ErrStale, ErrSealed, and ErrLimit for a mark beyond the writes there are.
func (o *Overlay) Revert(m Mark) error {
	if err := o.check(o.s); err != nil {
		return err
	}
	if o.status != open {
		return ErrSealed
	}
	now := o.writes.mark()
	if m.entries < 0 || m.journal < 0 || m.entries > now.entries || m.journal > now.journal {
		return fmt.Errorf("%w: the mark is void", ErrLimit)
	}
	o.openReverted(m)
	o.writes.revert(m)
	return nil
}

// Seal ends the writing and returns the state root after the block. Sealing again returns the
// same root. Errors other than ErrStale and ErrLimit are the store's or ErrCorrupt; the overlay
// is dropped with any error.
func (o *Overlay) Seal() (quoin.Hash, error) {
	if err := o.check(o.s); err != nil {
		return quoin.Hash{}, err
	}
	if o.status != open {
		return o.root, nil
	}
	if err := o.seal(); err != nil {
		o.Drop()
		return quoin.Hash{}, err
	}
	o.status = sealed
	o.s.sweep()
	return o.root, nil
}

func (o *Overlay) seal() error {
	w := o.writes
	before := o.parentSpaces()
	e := editor{s: o.s, track: true}
	e.created, e.replaced = o.s.list(12*len(w.entries)), o.s.list(12*len(w.entries))
	o.spaces = make([]space, 0, len(before)+len(w.names))
	var err error
	for order := w.sorted(); len(order) > 0 && err == nil; {
		name := w.names[w.entries[order[0]].name]
		for len(before) > 0 && before[0].name < name {
			o.spaces = append(o.spaces, before[0])
			before = before[1:]
		}
		sp := space{name: name}
		if len(before) > 0 && before[0].name == name {
			sp = before[0]
			before = before[1:]
		}
		rest := o.s.gather(w, order)
		err = e.apply(&sp, o.s.ops)
		for i := range o.s.ops {
			w.entries[order[i]].existed = o.s.ops[i].existed
		}
		order = rest
		if sp.root.keys > 0 {
			o.spaces = append(o.spaces, sp)
		}
	}
	o.spaces = append(o.spaces, before...)
	o.created, o.replaced, o.retired = e.created, e.replaced, e.retired
	o.root = DirectoryRoot(directoryOf(o.spaces))
	return err
}

// gather fills s.ops with the writes of the namespace that comes first, and returns the rest.
func (s *State) gather(w *writes, order []uint32) []uint32 {
	name := w.entries[order[0]].name
	s.ops = s.ops[:0]
	for i, index := range order {
		e := &w.entries[index]
		if e.name != name {
			return order[i:]
		}
		o := op{hash: e.hash, deleted: e.deleted}
		if !e.deleted {
			o.leaf = leafHash(&e.hash, w.valueOf(e))
			o.size = e.keyLength + e.length
		}
		s.ops = append(s.ops, o)
	}
	return nil
}

// apply changes one namespace.
func (e *editor) apply(sp *space, ops []op) error {
	if uint64(sp.root.keys)+uint64(len(ops)) > KeysMax {
		return fmt.Errorf("%w: %d keys written to namespace %q, which has %d of at most %d", ErrLimit, len(ops), sp.name, sp.root.keys, uint64(KeysMax))
	}
	e.name, e.bytes = sp.name, 0
	if len(ops) <= warmGroup {
		e.warm(sp.root.ref, 0, ops)
	}
	_, err := e.update(&sp.root, 0, ops)
	sp.bytes = uint64(int64(sp.bytes) + e.bytes)
	return err
}

// Root returns the state root of a sealed overlay, and whether there is one.
func (o *Overlay) Root() (quoin.Hash, bool) {
	return o.root, o.status == sealed || o.status == committed
}

// Directory returns the namespaces of a sealed overlay in ascending order, or nil.
func (o *Overlay) Directory() []NamespaceRoot {
	if o.spaces == nil {
		return nil
	}
	return directoryOf(o.spaces)
}

// Usage returns the size of a namespace, its keys and the bytes of keys and values: of a sealed
// overlay after its writes, of an open one before them.
func (o *Overlay) Usage(namespace string) (keys, bytes uint64) {
	if o.status == open {
		return usageOf(o.parentSpaces(), namespace)
	}
	return usageOf(o.spaces, namespace)
}

// Writes calls yield for the last write of each key, by namespace and then key hash, until it
// returns false. Putting and deleting the same on the same parent gives the same root.
func (o *Overlay) Writes(yield func(namespace string, key, value []byte, deleted bool) bool) error {
	if err := o.check(o.s); err != nil {
		return err
	}
	if o.status == committed {
		return fmt.Errorf("%w: its writes are certified and no longer kept apart", ErrStale)
	}
	w := o.writes
	for _, i := range w.sorted() {
		e := &w.entries[i]
		if !yield(w.names[e.name], w.keyOf(e), w.valueOf(e), e.deleted) {
			break
		}
	}
	return nil
}
