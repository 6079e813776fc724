package store

import (
	"bytes"
	"iter"
)

// Batch is a list of operations that a store applies atomically and in order: a
// later operation sees the earlier ones. It is plain data, bound to no store, and
// copies what it is given. The zero value is an empty batch. One goroutine at a
// time.
type Batch struct {
	bytes    []byte // keys and values, back to back
	entries  []entry
	keyMax   int
	valueMax int
}

// entry points into Batch.bytes by offset, because that slice moves as it grows.
type entry struct {
	kind      Kind
	open      bool // DeleteRange without an end
	at        int
	keyLength int
	length    int // of the value, or of the range's end
}

// Kind says what an operation does.
type Kind uint8

const (
	// Set makes Value the value of Key.
	Set Kind = iota + 1
	// Delete removes Key, if it is there.
	Delete
	// DeleteRange removes every key with Key ≤ key < End; a nil End is open.
	DeleteRange
)

// Op is one operation as an implementation of Store reads it. Its slices are
// valid until the batch changes and must not be changed.
type Op struct {
	Kind  Kind
	Key   []byte
	Value []byte // of Set
	End   []byte // of DeleteRange; nil is open
}

// Set adds: key has this value. A nil value is an empty one.
func (b *Batch) Set(key, value []byte) {
	b.add(entry{kind: Set, keyLength: len(key), length: len(value)}, key, value)
	b.valueMax = max(b.valueMax, len(value))
}

// Delete adds: key is not there.
func (b *Batch) Delete(key []byte) {
	b.add(entry{kind: Delete, keyLength: len(key)}, key, nil)
}

// DeleteRange adds: no key from ≤ key < to is there. A nil to is open. An empty
// range adds nothing.
func (b *Batch) DeleteRange(from, to []byte) {
	if to != nil && bytes.Compare(from, to) >= 0 {
		return
	}
	b.add(entry{kind: DeleteRange, open: to == nil, keyLength: len(from), length: len(to)}, from, to)
	b.keyMax = max(b.keyMax, len(to))
}

func (b *Batch) add(e entry, key, rest []byte) {
	e.at = len(b.bytes)
	b.bytes = append(b.bytes, key...)
	b.bytes = append(b.bytes, rest...)
	b.entries = append(b.entries, e)
	b.keyMax = max(b.keyMax, len(key))
}

// Reset empties the batch and keeps its memory for the next use.
func (b *Batch) Reset() {
	*b = Batch{bytes: b.bytes[:0], entries: b.entries[:0]}
}

// Len is the number of operations.
func (b *Batch) Len() int { return len(b.entries) }

// Size is the number of bytes of all keys and values.
func (b *Batch) Size() int { return len(b.bytes) }

// Ops yields the operations in the order in which they were added.
func (b *Batch) Ops() iter.Seq[Op] {
	return func(yield func(Op) bool) {
		for _, e := range b.entries {
			middle, end := e.at+e.keyLength, e.at+e.keyLength+e.length
			op := Op{Kind: e.kind, Key: b.bytes[e.at:middle:middle]}
			switch {
			case e.kind == Set:
				op.Value = b.bytes[middle:end:end]
			case e.kind == DeleteRange && !e.open:
				op.End = b.bytes[middle:end:end]
			}
			if !yield(op) {
				return
			}
		}
	}
}
