package execution

import (
	"crypto/sha256"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/state"
)

// pastKey is where the facts of the blocks before stand, those of a height in the place of those of
// hook.AncestorsMax heights before.
func pastKey(h quoin.Height) []byte {
	return []byte{'p', 'a', 's', 't', '/', byte(h % hook.AncestorsMax)}
}

// ancestorOf returns what history tells of a block.
func ancestorOf(c *quoin.Checkpoint) hook.Ancestor {
	return hook.Ancestor{Height: uint64(c.Height), Time: uint64(c.Time), Epoch: uint64(c.Epoch), View: uint64(c.View),
		Size: c.Size, Block: c.Block, State: c.State, Ledger: c.Ledger}
}

// world is what the plugins of one block may ask of the chain: all of it as the block before left it.
// So when results differ between replicas, the difference began in the namespace that shows it
// first, never in one that it reads.
type world struct {
	state  *state.State
	parent *Outcome // nil: the certified tip
	before quoin.Checkpoint
	seed   quoin.Hash
	past   func(key []byte) ([]byte, bool, error) // the kernel's namespace
}

// newWorld returns the world of a block on parent. past must show the record of the parent.
func (x *Executor) newWorld(parent *Outcome, past func(key []byte) ([]byte, bool, error)) *world {
	w := &world{state: x.c.State, parent: parent, before: x.tip.Checkpoint, seed: x.tip.Seed, past: past}
	if parent != nil {
		w.before = parent.Checkpoint
	}
	return w
}

func (w *world) get(namespace string, key []byte) ([]byte, bool, error) {
	if w.parent != nil {
		return w.parent.overlay.Get(namespace, key)
	}
	return w.state.Get(namespace, key)
}

// History implements plugin.World.
func (w *world) History(height uint64) (hook.Ancestor, bool, error) {
	before := uint64(w.before.Height)
	if height > before || before-height >= hook.AncestorsMax {
		return hook.Ancestor{}, false, nil
	}
	if height == before {
		return ancestorOf(&w.before), true, nil
	}
	b, ok, err := w.past(pastKey(quoin.Height(height)))
	if err != nil || !ok {
		return hook.Ancestor{}, false, err
	}
	var a hook.Ancestor
	if err := a.Decode(b); err != nil || a.Height != height {
		return hook.Ancestor{}, false, fmt.Errorf("execution: the record of height %d: %w", height, err)
	}
	return a, true, nil
}

// Beacon implements plugin.World.
func (w *world) Beacon() [32]byte {
	b := append([]byte("quoin/beacon/v1\n"), w.seed[:]...)
	return sha256.Sum256(append(b, w.before.Block[:]...))
}

// Foreign implements plugin.World.
func (w *world) Foreign(namespace string, key []byte) ([]byte, bool, error) {
	return w.get(namespace, key)
}

func (w *world) prove(namespace string, key []byte) ([]byte, error) {
	prove := w.state.Prove
	if w.parent != nil {
		prove = w.parent.overlay.Prove
	}
	p, err := prove(namespace, key)
	if err != nil {
		return nil, err
	}
	return p.MarshalBinary()
}

// stateBefore is a namespace after the block before, as validations and queries see it.
type stateBefore struct {
	*world
	namespace string
}

var (
	_ plugin.StateReader = (*stateBefore)(nil)
	_ plugin.World       = (*stateBefore)(nil)
)

func (s *stateBefore) Get(key []byte) ([]byte, bool, error) { return s.get(s.namespace, key) }

func (s *stateBefore) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	if s.parent != nil {
		return s.parent.overlay.ScanKeys(s.namespace, start, end, visit)
	}
	return s.state.ScanKeys(s.namespace, start, end, visit)
}

// Proof implements plugin.World.
func (s *stateBefore) Proof(key []byte) ([]byte, error) { return s.prove(s.namespace, key) }

// certified is the world of who asks about the certified state.
func (x *Executor) certified(namespace string) *stateBefore {
	return &stateBefore{x.newWorld(nil, func(key []byte) ([]byte, bool, error) { return x.c.State.Get(quoin.KernelNamespace, key) }), namespace}
}
