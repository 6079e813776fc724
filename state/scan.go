package state

import (
	"bytes"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/store"
)

// NextHash returns the hash after h, and false after the last one.
func NextHash(h quoin.Hash) (quoin.Hash, bool) {
	for i := len(h) - 1; i >= 0; i-- {
		h[i]++
		if h[i] != 0 {
			return h, true
		}
	}
	return h, false
}

// Scan calls yield for the certified keys of a namespace, as Overlay.Scan does.
func (s *State) Scan(namespace string, from quoin.Hash, yield func(hash quoin.Hash, key, value []byte) bool) error {
	if !quoin.IsName(namespace, quoin.NamespaceMax) {
		return fmt.Errorf("%w: namespace %q", ErrLimit, namespace)
	}
	m := merger{yield: yield}
	return m.run(s, namespace, from)
}

// merger joins the writes of a chain of overlays, the newest first, with the records of the store.
type merger struct {
	layers []layer
	yield  func(hash quoin.Hash, key, value []byte) bool
	ended  bool
}

// layer is what one overlay has left to give.
type layer struct {
	w     *writes
	order []uint32
}

func (l *layer) head() *write { return &l.w.entries[l.order[0]] }

func (m *merger) run(s *State, name string, from quoin.Hash) error {
	if err := s.checkApplied(); err != nil {
		return err
	}
	var bad error
	first := appendRecordKey(nil, name, &from)
	end := store.PrefixEnd(appendSpaceKey(nil, kindRecord, name))
	err := s.store.Scan(first, end, func(at, record []byte) bool {
		hash := quoin.Hash(at[len(at)-len(from):])
		if hidden := m.upTo(&hash); m.ended || hidden {
			return !m.ended
		}
		key, value, err := parseRecord(record)
		if err != nil {
			bad = err
			return false
		}
		m.ended = !m.yield(hash, key, value)
		return !m.ended
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return fmt.Errorf("state: scan namespace %q: %w", name, err)
	}
	if !m.ended {
		m.upTo(nil)
	}
	return nil
}

// upTo yields the written keys before hash (all, if it is nil) and reports whether one was written
// at hash itself, which it yields too.
func (m *merger) upTo(hash *quoin.Hash) (at bool) {
	for !m.ended {
		var next *layer
		for i := range m.layers {
			l := &m.layers[i]
			if len(l.order) > 0 && (next == nil || bytes.Compare(l.head().hash[:], next.head().hash[:]) < 0) {
				next = l
			}
		}
		if next == nil {
			return at
		}
		e, w := next.head(), next.w
		if hash != nil {
			order := bytes.Compare(e.hash[:], hash[:])
			if order > 0 {
				return at
			}
			at = at || order == 0
		}
		for i := range m.layers { // the same key in older layers is hidden
			if l := &m.layers[i]; len(l.order) > 0 && l.head().hash == e.hash {
				l.order = l.order[1:]
			}
		}
		if !e.deleted {
			m.ended = !m.yield(e.hash, w.keyOf(e), w.valueOf(e))
		}
	}
	return at
}
