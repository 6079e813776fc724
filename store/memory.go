package store

import (
	"bytes"
	"fmt"
)

// undoBytesMax bounds what a Memory keeps so as to be able to take undurable
// batches back. Above it the oldest ones become durable, as in a real store whose
// buffers are written out in the end.
const undoBytesMax = 64 << 20

// Memory is a Store in memory, for the simulator and for tests. It is
// deterministic, for one goroutine, and knows which of its batches a crash may
// take: see Crash.
//
// It keeps pairs in sorted chunks, so that a lookup is two binary searches and
// an insertion moves at most one chunk. Chunks are shared between clones and
// copied on the first write.
type Memory struct {
	chunks    sorted
	undurable []undo // oldest first
	undoBytes int
	scanning  int
	failure   error // why it is broken
	failAfter int   // Apply calls that still succeed; negative: all
	closed    bool
}

var _ Store = (*Memory)(nil)

// undo takes one batch back.
type undo struct {
	changes []change // in the order in which they were made
	bytes   int
}

// change is what a key held before.
type change struct {
	key, value []byte
	had        bool
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{chunks: newSorted(), failAfter: -1}
}

// Get implements Reader.
func (m *Memory) Get(key []byte) ([]byte, bool, error) {
	if err := m.usable(); err != nil {
		return nil, false, err
	}
	value, ok := m.chunks.get(key)
	if !ok {
		return nil, false, nil
	}
	return append(make([]byte, 0, len(value)), value...), true, nil
}

// Scan implements Reader. Applying a batch from inside yield is refused with
// ErrScanning.
func (m *Memory) Scan(from, to []byte, yield func(key, value []byte) bool) error {
	if err := m.usable(); err != nil {
		return err
	}
	m.scanning++
	defer func() { m.scanning-- }()
	m.chunks.scan(from, to, yield)
	return nil
}

// Apply implements Store.
func (m *Memory) Apply(b *Batch, durable bool) error {
	if err := m.usable(); err != nil {
		return err
	}
	if m.scanning > 0 {
		return fmt.Errorf("%w: finish the scan first", ErrScanning)
	}
	if err := CheckLimits(b); err != nil {
		return err
	}
	if m.failAfter == 0 {
		m.failure = fmt.Errorf("%w: planned failure of Apply", ErrBroken)
		return m.failure
	}
	if m.failAfter > 0 {
		m.failAfter--
	}
	if durable {
		m.undurable, m.undoBytes = nil, 0
		m.apply(b, nil)
		return nil
	}
	var u undo
	m.apply(b, &u)
	m.undurable = append(m.undurable, u)
	m.undoBytes += u.bytes
	for m.undoBytes > undoBytesMax {
		m.undoBytes -= m.undurable[0].bytes
		m.undurable = m.undurable[1:]
	}
	return nil
}

// apply makes the batch's changes and records in u, unless it is nil, how to take
// them back.
func (m *Memory) apply(b *Batch, u *undo) {
	for op := range b.Ops() {
		switch op.Kind {
		case Set:
			// One allocation for the value alone: the key that is already there
			// stays, so that an overwritten pair costs nothing else.
			value := append(make([]byte, 0, len(op.Value)), op.Value...)
			u.record(m.chunks.set(op.Key, value))
		case Delete:
			u.record(m.chunks.remove(op.Key))
		case DeleteRange:
			for _, key := range m.chunks.keys(op.Key, op.End) {
				u.record(m.chunks.remove(key))
			}
		default:
			panic(fmt.Sprintf("store: batch holds an operation of kind %d, which Batch cannot add", op.Kind))
		}
	}
}

// record remembers a change. A nil receiver forgets it.
func (u *undo) record(c change) {
	if u != nil {
		u.changes = append(u.changes, c)
		u.bytes += len(c.key) + len(c.value) + 64
	}
}

// Undurable is the number of batches, the newest ones, that a crash may take.
func (m *Memory) Undurable() int { return len(m.undurable) }

// Crash is a power cut followed by opening the store again: of the undurable
// batches the first keep survive, and all later ones are gone. It also repairs a
// broken or closed store. It panics if keep is not within [0, Undurable()].
func (m *Memory) Crash(keep int) {
	if keep < 0 || keep > len(m.undurable) {
		panic(fmt.Sprintf("store: crash that keeps %d of %d undurable batches", keep, len(m.undurable)))
	}
	for i := len(m.undurable) - 1; i >= keep; i-- {
		changes := m.undurable[i].changes
		for j := len(changes) - 1; j >= 0; j-- {
			if changes[j].had {
				m.chunks.set(changes[j].key, changes[j].value)
			} else {
				m.chunks.remove(changes[j].key)
			}
		}
	}
	// What survived a crash was on the disk, so the next one cannot take it.
	m.undurable, m.undoBytes = nil, 0
	m.scanning, m.failure, m.failAfter, m.closed = 0, nil, -1, false
}

// FailAfter plans a fault: n more calls of Apply succeed, then one fails and the
// store is broken until Crash. A negative n takes the plan back.
func (m *Memory) FailAfter(n int) { m.failAfter = n }

// Clone returns an independent store with the same pairs, all durable. It costs a
// few bytes per hundred keys; chunks are copied when either store writes to them.
func (m *Memory) Clone() *Memory {
	clone := NewMemory()
	clone.chunks = m.chunks.clone()
	return clone
}

// Len is the number of keys.
func (m *Memory) Len() int { return m.chunks.length }

// Close implements Store.
func (m *Memory) Close() error {
	if m.closed {
		return ErrClosed
	}
	m.closed = true
	return nil
}

func (m *Memory) usable() error {
	if m.closed {
		return ErrClosed
	}
	return m.failure
}

// Equal reports whether both stores hold the same pairs.
func (m *Memory) Equal(other *Memory) bool {
	if m.Len() != other.Len() {
		return false
	}
	equal := true
	m.chunks.scan(nil, nil, func(key, value []byte) bool {
		theirs, ok := other.chunks.get(key)
		equal = ok && bytes.Equal(value, theirs)
		return equal
	})
	return equal
}
