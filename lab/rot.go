package lab

import (
	"bytes"
	"errors"

	"quoin.dev/quoin/disk"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/store"
)

// errRot is what a store returns for a record whose sum is not the one that was kept with it, as real
// ones do (package node/pebblestore).
var errRot = errors.New("lab: a record of the store is damaged")

// replaceUS is how long it takes to notice that a node has stopped, and to give it an empty disk.
const replaceUS = 2 * second

// rots flips a bit of the node's disk.
//
// Of the vote log it is any bit; the process ends, and finds what it finds when it comes back: unless
// nothing of worth was hit, the log is refused, and the node follows and never votes again.
//
// Of the store it is some record, which cannot be read from then on. Whenever that is found out, the
// node stops, and comes back with an empty disk: it follows, fetches everything from its peers, and never
// votes again, because its vote log is gone too.
func (n *node) rots(a *Act) {
	w := n.w
	if n.rotten || n.lost {
		return
	}
	if a.Rot == RotStore {
		n.rottenKey = n.someKey()
	}
	if n.rottenKey == nil && (!n.logged || !n.flipVote()) {
		return
	}
	n.rotten = true
	w.result.Faults.BitFlips++
	w.trace.note(w.now, n.index, events.Fault, string(BitRot), "%s", a.Rot)
	if a.Rot == RotStore {
		return // it will be seen when it is read
	}
	if n.up() {
		n.kill()
	}
	if a.ForUS > 0 {
		n.comeBack(a.ForUS)
	}
}

// flipVote flips some bit of the vote log's files.
func (n *node) flipVote() bool {
	names, err := n.fs.List("votes")
	if err != nil || len(names) == 0 {
		return false
	}
	name := "votes/" + names[n.rand.index(len(names))]
	size := uint64(len(n.fs.Content(name)))
	return size > 0 && n.fs.FlipBit(name, int64(n.rand.below(8*size))) == nil
}

// someKey returns the key of some record of the store; nil if it is empty.
func (n *node) someKey() []byte {
	if n.store.Len() == 0 {
		return nil
	}
	var key []byte
	skip := n.rand.below(uint64(n.store.Len()))
	_ = n.store.Scan(nil, nil, func(k, _ []byte) bool { // a memory store that is open does not fail
		if skip == 0 {
			key = bytes.Clone(k)
		}
		skip--
		return key == nil
	})
	return key
}

// disk returns the node's store, with what has rotted.
func (n *node) disk() store.Store { return &rotting{n.store, n} }

// rotting is a store one record of which may be damaged.
type rotting struct {
	*store.Memory
	n *node
}

func (r *rotting) Get(key []byte) ([]byte, bool, error) {
	if k := r.n.rottenKey; k != nil && bytes.Equal(key, k) {
		return nil, false, r.found()
	}
	return r.Memory.Get(key)
}

func (r *rotting) Scan(from, to []byte, yield func(key, value []byte) bool) error {
	k := r.n.rottenKey
	if k == nil || bytes.Compare(k, from) < 0 || to != nil && bytes.Compare(k, to) >= 0 {
		return r.Memory.Scan(from, to, yield)
	}
	more := true
	if err := r.Memory.Scan(from, k, func(key, value []byte) bool { more = yield(key, value); return more }); err != nil || !more {
		return err
	}
	return r.found()
}

// Apply may write the record anew: then it is sound again.
func (r *rotting) Apply(b *store.Batch, durable bool) error {
	if r.n.due() {
		panic(errPowerGone) // in the middle of the replica's step
	}
	for op := range b.Ops() {
		if k := r.n.rottenKey; k != nil && (bytes.Equal(op.Key, k) || op.Kind == store.DeleteRange && bytes.Compare(op.Key, k) <= 0 &&
			(op.End == nil || bytes.Compare(k, op.End) < 0)) {
			r.n.rottenKey = nil
		}
	}
	r.n.did()
	return r.Memory.Apply(b, durable)
}

func (r *rotting) found() error {
	r.n.damaged = true
	return errRot
}

// replaced ends the node, whose store is known to be damaged, and gives it an empty disk. What the step
// that found out demanded was met before: a real process goes on for a moment too.
func (n *node) replaced() {
	n.w.result.Faults.Replaced++
	if n.up() {
		n.down("its store is damaged")
	}
	n.store, n.rottenKey, n.damaged = store.NewMemory(), nil, false
	n.fs = disk.NewMemory(disk.Choices(n.rand.next()))
	n.lost, n.logged = true, false
	n.w.after(replaceUS, n.restart)
}
