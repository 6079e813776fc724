package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/store"
)

// Limits.
const (
	NamespacesMax = 256       // namespaces of one state, those an overlay writes to included
	KeyBytesMax   = 1 << 10   // and at least 1
	ValueBytesMax = 8 << 20   // 0 is allowed: an empty value is present
	KeysMax       = 1<<32 - 1 // keys of one namespace
	OverlaysMax   = 1 << 10   // live overlays of one State
	// OverlayBytesMax bounds the keys and values written to one overlay, overwritten and reverted
	// ones included. New keys count twice, since the store has them in records and in the index.
	OverlayBytesMax = 128 << 20
	OverlayKeysMax  = 1 << 20 // distinct keys written to one overlay
)

// The batch of one overlay fits into the store, with room for a flush.
const _ = uint(store.BatchBytesMax - 8<<20 - OverlayBytesMax -
	OverlayKeysMax*(len("Sr")+1+quoin.NamespaceMax+32+len("kk")+len("Sk")+1+quoin.NamespaceMax+touchedBytes))

// Errors that callers tell apart with errors.Is. All but ErrCorrupt leave the
// state as it was.
var (
	// ErrStale: the overlay was dropped, or another one was certified in its place.
	ErrStale = errors.New("state: stale overlay")
	// ErrSealed: a write to a sealed overlay, or one that needs it open.
	ErrSealed = errors.New("state: overlay is sealed")
	// ErrNotSealed: the overlay has no root yet; call Seal first.
	ErrNotSealed = errors.New("state: overlay is not sealed")
	// ErrNotChild: only an overlay that sits directly on the certified state can be committed.
	ErrNotChild = errors.New("state: overlay does not sit on the certified state")
	// ErrLimit: a namespace, key, value or number of them is outside the limits above.
	ErrLimit = errors.New("state: outside the limits")
	// ErrCorrupt: the store does not hold what the certified root says. Stop; sync from a peer.
	ErrCorrupt = errors.New("state: store contradicts the certified root")
	// ErrNotApplied: the batch of a Commit has not reached the store, which has to be read.
	ErrNotApplied = errors.New("state: the last commit's batch was not applied to the store")
)

// Options bound the memory and the work after a crash. Zero values mean the defaults.
type Options struct {
	// CacheBytes is how many bytes of trie nodes stay in memory (about 150 a key), besides those
	// that live overlays hold and the upper nodes that changed since the last flush.
	CacheBytes int64 // default 256 MiB
	// ValueBytes is how many bytes of values stay in memory for reads.
	ValueBytes int64 // default 32 MiB
	// FlushTouched is after how many written keys the upper nodes are flushed; Open reads again
	// the surroundings of as many keys.
	FlushTouched int // default 32768
}

// Flaws are mistakes that harnesses plant, to show that their observers see what follows. The zero
// value is the state as it is.
type Flaws struct {
	LostDeletes bool // a deleted key stays, in reads and under the root
}

// Plant gives a state flaws. It is for harnesses.
func (s *State) Plant(f Flaws) { s.flaws = f }

// State is the certified state over a store, and the owner of its overlays.
type State struct {
	store        store.Reader
	cacheBytes   int64
	flushTouched int
	gapMin       int // the constant, but for tests

	flaws     Flaws
	certified certified
	root      quoin.Hash
	mark      []byte     // the record of certified, as the store must hold it
	pending   bool       // the store was not seen to hold it yet
	base      *Overlay   // the last one committed, or nil
	live      []*Overlay // neither dropped nor committed, parents before children

	nodes    arena
	touched  int    // keys written since the last flush
	retired  []page // pages of the last flush that no longer stand
	hand     hand
	overfull bool // the sweep could not reach its target

	values  values
	spare   []*writes // of overlays that ended, at most sparesMax
	lists   [][]ref   // likewise, two for each
	ops     []op
	loading []op
	key     []byte
	hashed  struct { // the last key hashed: a read is often followed by a write
		key  []byte
		hash quoin.Hash
	}

	loads, pageLoads, evictions, flushes uint64 // figures for tests
}

// Root returns the certified state root.
func (s *State) Root() quoin.Hash { return s.root }

// Height returns what the last Commit was given.
func (s *State) Height() quoin.Height { return s.certified.height }

// Directory returns the certified namespaces in ascending order. The caller may keep it.
func (s *State) Directory() []NamespaceRoot { return directoryOf(s.certified.spaces) }

// Usage returns the certified size of a namespace: its keys, and the bytes of keys and values.
func (s *State) Usage(namespace string) (keys, bytes uint64) {
	return usageOf(s.certified.spaces, namespace)
}

func usageOf(spaces []space, name string) (keys, bytes uint64) {
	if sp := findSpace(spaces, name); sp != nil {
		return uint64(sp.root.keys), sp.bytes
	}
	return 0, 0
}

func findSpace(spaces []space, name string) *space {
	for i := range spaces {
		if spaces[i].name == name {
			return &spaces[i]
		}
	}
	return nil
}

// Get returns the certified value of a key. The slice must not be changed; it stays as it is.
func (s *State) Get(namespace string, key []byte) ([]byte, bool, error) {
	if err := checkKey(namespace, key); err != nil {
		return nil, false, err
	}
	hash := s.hashKey(key)
	return s.read(namespace, &hash)
}

func (s *State) read(name string, hash *quoin.Hash) ([]byte, bool, error) {
	if value, ok, known := s.values.get(name, hash); known {
		return value, ok, nil
	}
	if err := s.checkApplied(); err != nil {
		return nil, false, err
	}
	if present, known := s.inTrie(name, hash); known && !present {
		return nil, false, nil
	}
	s.key = appendRecordKey(s.key[:0], name, hash)
	value, ok, err := readRecord(s.store, s.key)
	if err != nil {
		return nil, false, fmt.Errorf("state: read namespace %q, key hash %v: %w", name, *hash, err)
	}
	s.values.set(name, hash, value, ok)
	return value, ok, nil
}

// has reports whether a key is certified. As a rule the trie in memory knows; the store is asked
// only below a stub.
func (s *State) has(name string, hash *quoin.Hash) (bool, error) {
	if present, known := s.inTrie(name, hash); known {
		return present, nil
	}
	_, ok, err := s.read(name, hash)
	return ok, err
}

// inTrie reports whether a key is certified, as far as the trie in memory knows.
func (s *State) inTrie(name string, hash *quoin.Hash) (present, known bool) {
	sp := findSpace(s.certified.spaces, name)
	if sp == nil {
		return false, true
	}
	c := &sp.root
	for depth := 0; c.ref.isBranch(); depth++ {
		b := s.nodes.branch(c.ref)
		if b.is(flagStub) {
			return false, false
		}
		c = &b.kids[bit(hash, depth)]
	}
	return c.ref != 0 && s.nodes.leaf(c.ref).key == *hash, true
}

func (s *State) hashKey(key []byte) quoin.Hash {
	if len(key) == 0 || !bytes.Equal(s.hashed.key, key) {
		s.hashed.key = append(s.hashed.key[:0], key...)
		s.hashed.hash = KeyHash(key)
	}
	return s.hashed.hash
}

func checkKey(name string, key []byte) error {
	if !quoin.IsName(name, quoin.NamespaceMax) {
		return fmt.Errorf("%w: namespace %q, want 1 to %d of [a-z0-9.-]", ErrLimit, name, quoin.NamespaceMax)
	}
	if len(key) == 0 || len(key) > KeyBytesMax {
		return fmt.Errorf("%w: a key of %d bytes, want 1 to %d", ErrLimit, len(key), KeyBytesMax)
	}
	return nil
}

// checkApplied makes sure that the store shows the certified state. It asks once after a Commit,
// and only when something has to be read.
func (s *State) checkApplied() error {
	if !s.pending {
		return nil
	}
	mark, _, err := s.store.Get([]byte{storePrefix, kindMark})
	if err != nil {
		return fmt.Errorf("state: read the mark of the certified state: %w", err)
	}
	if !bytes.Equal(mark, s.mark) {
		return fmt.Errorf("%w: the store must show height %d before it is read", ErrNotApplied, s.certified.height)
	}
	s.pending = false
	return nil
}

// Commit makes the sealed overlay o, which must sit on the certified state, the certified state of
// the given height, and adds to the batch what the store must hold for it. The caller applies the
// batch together with whatever belongs to the same block. More commits may follow before that, into
// the same batch or into others that are applied in order; but whatever must read the store in the
// meantime returns ErrNotApplied. A caller that cannot apply a batch must stop and Open again.
//
// Overlays that descend from o stay valid; all others are stale from here on. So is an overlay
// committed earlier. o itself goes on to answer for the certified state.
func (s *State) Commit(o *Overlay, height quoin.Height, batch *store.Batch) error {
	switch {
	case o.s != s || o.status == stale:
		return ErrStale
	case o.status == open:
		return ErrNotSealed
	case o.status == committed || o.parent != s.base:
		return ErrNotChild
	}
	s.appendRecords(o, batch)
	s.settle(o)
	s.retired = append(s.retired, o.retired...)
	s.touched += len(o.writes.entries)
	s.certified = certified{height: height, commit: s.certified.commit + 1, spaces: o.spaces}
	s.root = o.root
	if s.touched >= s.flushTouched || s.overfull && s.touched >= s.flushTouched/8 {
		s.flush(batch, &s.certified)
		s.overfull = false
	} else if len(o.writes.entries) > 0 {
		s.appendTouched(o, batch)
	}
	s.mark, s.pending = s.certified.append(s.mark[:0]), true
	batch.Set([]byte{storePrefix, kindMark}, s.mark)
	if s.base != nil {
		s.base.status, s.base.spaces = stale, nil
	}
	s.base = o
	o.parent, o.status = nil, committed
	s.recycle(o)
	s.values.seed = s.root
	s.sweep()
	return nil
}

// appendRecords adds the flat records that o changes, with the index of the keys that come or go,
// and keeps their values for reads.
func (s *State) appendRecords(o *Overlay, batch *store.Batch) {
	w := o.writes
	var record, index []byte
	for _, i := range w.sorted() {
		e := &w.entries[i]
		name := w.names[e.name]
		s.key = appendRecordKey(s.key[:0], name, &e.hash)
		s.values.set(name, &e.hash, w.valueOf(e), !e.deleted)
		if e.deleted == e.existed { // the key goes or comes
			index = append(appendSpaceKey(index[:0], kindKey, name), w.keyOf(e)...)
		}
		if e.deleted {
			batch.Delete(s.key)
			if e.existed {
				batch.Delete(index)
			}
			continue
		}
		record = appendRecord(record[:0], w.keyOf(e), w.valueOf(e))
		batch.Set(s.key, record)
		if !e.existed {
			batch.Set(index, nil)
		}
	}
}

// settle ends every overlay that does not descend from o and gives o's nodes to the certified
// state.
func (s *State) settle(o *Overlay) {
	var dead []*Overlay
	s.live = slices.DeleteFunc(s.live, func(x *Overlay) bool {
		if x != o && !x.descendsFrom(o) {
			dead = append(dead, x)
		}
		return x == o || !x.descendsFrom(o)
	})
	s.end(dead)
	for _, r := range o.replaced {
		s.nodes.free(r)
	}
}

// end makes overlays stale and frees what is only theirs.
func (s *State) end(dead []*Overlay) {
	for _, x := range dead {
		for _, r := range x.replaced {
			if r.isBranch() {
				s.nodes.branch(r).pins--
			}
		}
	}
	for _, x := range dead {
		for _, r := range x.created {
			s.nodes.free(r)
		}
		x.status, x.parent, x.spaces = stale, nil, nil
		s.recycle(x)
	}
}

// sparesMax is about how many overlays a pipeline has.
const sparesMax = 16

// recycle keeps the tables of an overlay that no longer needs them.
func (s *State) recycle(o *Overlay) {
	if len(s.spare) < sparesMax {
		s.spare = append(s.spare, o.writes)
		s.lists = append(s.lists, o.created[:0], o.replaced[:0])
	}
	o.created, o.replaced, o.retired, o.writes, o.gaps = nil, nil, nil, nil, nil
}

// list returns an empty list for about n refs.
func (s *State) list(n int) []ref {
	if last := len(s.lists) - 1; last >= 0 {
		list := s.lists[last]
		s.lists = s.lists[:last]
		if cap(list) >= n && cap(list) <= 16*(n+1024) {
			return list
		}
	}
	return make([]ref, 0, n)
}

// appendTouched adds the heads of the key hashes that o wrote, by which Open finds what changed
// since the last flush.
func (s *State) appendTouched(o *Overlay, batch *store.Batch) {
	w := o.writes
	s.key = binary.BigEndian.AppendUint64(append(s.key[:0], storePrefix, kindTouched), s.certified.commit)
	var spaces []touchedSpace
	for order := w.sorted(); len(order) > 0; {
		name := w.entries[order[0]].name
		t := touchedSpace{name: w.names[name]}
		for len(order) > 0 && w.entries[order[0]].name == name {
			t.heads = append(t.heads, binary.BigEndian.Uint64(w.entries[order[0]].hash[:touchedBytes]))
			order = order[1:]
		}
		spaces = append(spaces, t)
	}
	batch.Set(s.key, appendTouched(nil, spaces))
}

func appendTouched(dst []byte, spaces []touchedSpace) []byte {
	for _, t := range spaces {
		dst = canonical.AppendBytes8(dst, t.name)
		dst = canonical.AppendUint32(dst, uint32(len(t.heads)))
		for _, head := range t.heads {
			dst = canonical.AppendUint64(dst, head)
		}
	}
	return dst
}
