package state

import (
	"bytes"
	"fmt"
	"slices"

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

// Scan calls yield for the keys of a namespace whose hashes are from or more, in ascending order of
// their hashes, with the writes of the overlay so far, until it returns false. The order is that
// of the trie, the same on every replica, and says nothing about the keys; go on after the last
// hash with NextHash. The slices are valid within yield only, which must not write.
func (o *Overlay) Scan(namespace string, from quoin.Hash, yield func(hash quoin.Hash, key, value []byte) bool) error {
	if err := o.check(o.s); err != nil {
		return err
	}
	return o.s.scan(o, namespace, from, yield)
}

// Scan calls yield for the certified keys of a namespace, as Overlay.Scan does.
func (s *State) Scan(namespace string, from quoin.Hash, yield func(hash quoin.Hash, key, value []byte) bool) error {
	return s.scan(nil, namespace, from, yield)
}

func (s *State) scan(o *Overlay, name string, from quoin.Hash, yield func(hash quoin.Hash, key, value []byte) bool) error {
	if err := s.checkScan(name); err != nil {
		return err
	}
	m := merger{visit: func(hash *quoin.Hash, key, value []byte, deleted bool) bool {
		return deleted || yield(*hash, key, value)
	}}
	for x := o; x != nil && x.status != committed; x = x.parent {
		w := x.writes
		order := w.of(name)
		at, _ := slices.BinarySearchFunc(order, from, func(i uint32, from quoin.Hash) int {
			return bytes.Compare(w.entries[i].hash[:], from[:])
		})
		m.add(layer{w: w, order: order[at:]})
	}
	var bad error
	first := appendRecordKey(nil, name, &from)
	end := store.PrefixEnd(appendSpaceKey(nil, kindRecord, name))
	err := s.store.Scan(first, end, func(at, record []byte) bool {
		hash := quoin.Hash(at[len(at)-len(from):])
		if hidden := m.upTo(hash[:]); m.ended || hidden {
			return !m.ended
		}
		key, value, err := parseRecord(record)
		if err != nil {
			bad = err
			return false
		}
		m.ended = !yield(hash, key, value)
		return !m.ended
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return fmt.Errorf("state: scan namespace %q: %w", name, err)
	}
	m.upTo(nil)
	return nil
}

// checkScan makes sure that a namespace of the store can be read.
func (s *State) checkScan(name string) error {
	if !quoin.IsName(name, quoin.NamespaceMax) {
		return fmt.Errorf("%w: namespace %q", ErrLimit, name)
	}
	return s.checkApplied()
}

// merger joins the writes of a chain of overlays, the newest first, with what the store has.
type merger struct {
	layers []layer
	visit  func(hash *quoin.Hash, key, value []byte, deleted bool) (more bool)
	ended  bool
}

// layer is what one overlay, or a run of its writes, has left to give.
type layer struct {
	w     *writes
	order []uint32
	keys  bool   // in the order of keys; else of their hashes
	place []byte // of the next in that order
}

func (m *merger) add(l layer) {
	if len(l.order) > 0 {
		l.settle()
		m.layers = append(m.layers, l)
	}
}

func (l *layer) head() *write { return &l.w.entries[l.order[0]] }

func (l *layer) settle() {
	switch {
	case len(l.order) == 0:
		l.place = nil
	case l.keys:
		l.place = l.w.keyOf(l.head())
	default:
		l.place = l.head().hash[:]
	}
}

// upTo visits what is written before a place (all, if it is nil) and reports whether there is a
// write at the place itself, which it visits too.
func (m *merger) upTo(place []byte) (at bool) {
	for !m.ended {
		var next *layer
		for i := range m.layers {
			l := &m.layers[i]
			if l.place != nil && (next == nil || bytes.Compare(l.place, next.place) < 0) {
				next = l
			}
		}
		if next == nil {
			return at
		}
		if place != nil {
			order := bytes.Compare(next.place, place)
			if order > 0 {
				return at
			}
			at = at || order == 0
		}
		e, w, passed := next.head(), next.w, next.place
		for i := range m.layers { // the same key in older layers is hidden
			if l := &m.layers[i]; l.place != nil && bytes.Equal(l.place, passed) {
				l.order = l.order[1:]
				l.settle()
			}
		}
		m.ended = !m.visit(&e.hash, w.keyOf(e), w.valueOf(e), e.deleted)
	}
	return at
}
