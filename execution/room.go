package execution

import (
	"errors"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/state"
)

// WritesMax bounds what the machines of one block may write, in bytes of keys and values plus
// writeCost each, overwritten and reverted writes included. It is far below what an overlay holds,
// so that the kernel's own writes always have room; whoever goes beyond it gets ResultWrites, on
// every replica alike. What a failed batch wrote is gone and yet takes its room for good, because an
// overlay never shrinks; so that its transactions find room one by one, a batch gets half of what is
// left.
const (
	WritesMax = 32 << 20
	writeCost = 64
)

// A namespace has a quota of keys and bytes, which is the chain's. What counts is what it holds after
// the block before, so that the order of a block's transactions does not matter, and a namespace ends
// at most WritesMax beyond it. From there on it takes deletions alone; a transaction that puts gets
// ResultQuota. Values that are overwritten count as kept until the block's end.

// Errors of a machine's writes, which end its call.
var (
	errWrites = errors.New("the block's room for writes is used up")
	errQuota  = errors.New("the namespace holds as much as it may")
)

// roomCode returns the result's code for a call that found no room, or 0.
func roomCode(err error) uint32 {
	switch {
	case errors.Is(err, errWrites):
		return ResultWrites
	case errors.Is(err, errQuota):
		return ResultQuota
	}
	return 0
}

// machineState is one machine's namespace of an overlay.
type machineState struct {
	*world
	overlay   *state.Overlay
	namespace string
	written   *int
	room      int // the most that written may come to
	quota     *quoin.Parameters
	trace     *trace   // nil: nobody compares
	undo      *undoLog // nil: the namespace is in no trial that may be undone
	total     *int     // of what runs beside a machine: all that it has written in the block; nil: it serves
}

func (x *Executor) machineState(o *Outcome, w *world, namespace string) machineState {
	if x.flaws.NamespaceLeak {
		namespace = o.firstNamespace()
	}
	return machineState{world: w, overlay: o.overlay, namespace: namespace, written: &o.written, room: WritesMax - o.discarded, quota: &x.tip.Configuration.Parameters,
		trace: o.traces[namespace], undo: o.undo.of(namespace)}
}

var (
	_ plugin.State = (*machineState)(nil)
	_ plugin.World = (*machineState)(nil)
)

// full reports whether the namespace was at its quota after the block before.
func (m *machineState) full() bool {
	keys, bytes := m.overlay.Usage(m.namespace) // before the writes of the open overlay
	return keys >= m.quota.NamespaceMaxKeys || bytes >= m.quota.NamespaceMaxBytes
}

func (m *machineState) charge(n int) error {
	if *m.written+n+writeCost > m.room {
		return errWrites
	}
	if m.total != nil {
		if *m.total+n+writeCost > besideWritesMax {
			return errBeside
		}
		*m.total += n + writeCost
	}
	*m.written += n + writeCost
	return nil
}

func (m *machineState) Get(key []byte) ([]byte, bool, error) { return m.overlay.Get(m.namespace, key) }

func (m *machineState) Put(key, value []byte) error {
	if m.full() {
		return errQuota
	}
	if err := m.keep(key); err != nil {
		return err
	}
	if err := m.charge(len(key) + len(value)); err != nil {
		return err
	}
	m.trace.note(key, value, false)
	return m.overlay.Put(m.namespace, key, value)
}

func (m *machineState) Delete(key []byte) error {
	if err := m.keep(key); err != nil {
		return err
	}
	if err := m.charge(len(key)); err != nil {
		return err
	}
	m.trace.note(key, nil, true)
	return m.overlay.Delete(m.namespace, key)
}

func (m *machineState) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	return m.overlay.ScanKeys(m.namespace, start, end, visit)
}

// Proof implements plugin.World.
func (m *machineState) Proof(key []byte) ([]byte, error) { return m.prove(m.namespace, key) }
