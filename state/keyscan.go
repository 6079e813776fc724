package state

import (
	"bytes"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/store"
)

// ScanKeys calls yield for the keys of a namespace from start on and before end, nil being after
// the last, in ascending order, with the writes of the overlay so far, until it returns false. It
// costs a few searches for each overlay of the chain, and then what it visits; a first scan sorts
// what was written since the one before, and passes by what was deleted. The slices are valid
// within yield only, which must not write. Errors: ErrStale, ErrLimit for an ill-named namespace,
// ErrNotApplied, ErrCorrupt, the store's.
func (o *Overlay) ScanKeys(namespace string, start, end []byte, yield func(key, value []byte) bool) error {
	if err := o.check(o.s); err != nil {
		return err
	}
	k := keyScan{s: o.s, name: namespace, start: start, end: end, yield: yield}
	if o.status != committed {
		k.o, k.since = o, slices.Clone(start)
	}
	return k.run()
}

// ScanKeys calls yield for the certified keys of a namespace, as Overlay.ScanKeys does.
func (s *State) ScanKeys(namespace string, start, end []byte, yield func(key, value []byte) bool) error {
	k := keyScan{s: s, name: namespace, start: start, end: end, yield: yield}
	return k.run()
}

// keyScan is one scan by key: it merges what is between the known gaps, and notes new ones.
type keyScan struct {
	s          *State
	o          *Overlay // nil: the certified state
	name       string
	start, end []byte
	yield      func(key, value []byte) bool

	merger  merger
	hash    quoin.Hash // of the indexed key at hand
	indexed uint64     // entries of the index that were met
	jumped  bool       // over others
	since   []byte     // of an overlay: no key was met from here on
	passed  int        // so many deleted ones were
}

func (k *keyScan) run() error {
	if err := k.s.checkScan(k.name); err != nil {
		return err
	}
	if k.end != nil && bytes.Compare(k.start, k.end) >= 0 {
		return nil
	}
	k.merger.visit = k.visit
	err := k.stretches()
	if err == nil && !k.merger.ended && !k.jumped && len(k.start) == 0 && k.end == nil {
		if keys, _ := k.s.Usage(k.name); keys != k.indexed {
			err = fmt.Errorf("%w: the index has %d keys, the trie %d", ErrCorrupt, k.indexed, keys)
		}
	}
	if err != nil {
		return fmt.Errorf("state: scan namespace %q: %w", k.name, err)
	}
	return nil
}

// stretches goes through the range, from gap to gap.
func (k *keyScan) stretches() error {
	at := k.start
	for {
		var in *gap
		var next []byte
		if k.o != nil {
			in, next = k.o.gapsOf(k.name).around(at)
		}
		if in != nil {
			at = in.to
			k.jumped, k.passed = true, k.s.gapMin
			if at == nil || k.end != nil && bytes.Compare(at, k.end) >= 0 {
				break
			}
		}
		if next != nil && k.end != nil && bytes.Compare(next, k.end) >= 0 {
			next = nil
		}
		to := next
		if next == nil {
			to = k.end
		}
		if err := k.stretch(at, to); err != nil || k.merger.ended {
			return err
		}
		if next == nil {
			break
		}
		at = next
	}
	k.note(k.end)
	return nil
}

// stretch joins the writes with the index in one part of the range.
func (k *keyScan) stretch(start, end []byte) error {
	m := &k.merger
	m.layers = m.layers[:0]
	for x := k.o; x != nil && x.status != committed; x = x.parent {
		for _, r := range x.writes.byKey(k.name) {
			m.add(layer{w: x.writes, order: x.writes.between(r.order, start, end), keys: true})
		}
	}
	prefix := appendSpaceKey(nil, kindKey, k.name)
	from, to := slices.Concat(prefix, start), store.PrefixEnd(prefix)
	if end != nil {
		to = slices.Concat(prefix, end)
	}
	var bad error
	err := k.s.store.Scan(from, to, func(at, record []byte) bool {
		bad = k.meet(at[len(prefix):], record)
		return bad == nil && !m.ended
	})
	if err == nil {
		err = bad
	}
	if err == nil {
		m.upTo(nil)
	}
	return err
}

// meet goes on to an entry of the index.
func (k *keyScan) meet(key, record []byte) error {
	k.indexed++
	if err := checkIndexed(key, record); err != nil {
		return err
	}
	if hidden := k.merger.upTo(key); k.merger.ended || hidden {
		return nil
	}
	k.hash = KeyHash(key)
	value, ok, err := k.s.read(k.name, &k.hash)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: the index has a key of hash %v, which has no record", ErrCorrupt, k.hash)
	}
	k.merger.ended = !k.visit(&k.hash, key, value, false)
	return nil
}

// visit gives one key, or passes by a deleted one.
func (k *keyScan) visit(_ *quoin.Hash, key, value []byte, deleted bool) bool {
	if deleted {
		k.passed++
		return true
	}
	if k.o != nil {
		k.note(key)
		k.since, k.passed = append(append(k.since[:0], key...), 0), 0
	}
	return k.yield(key, value)
}

// note remembers what was passed by before a key, nil being after the last, if it is worth it.
func (k *keyScan) note(to []byte) {
	if k.passed >= k.s.gapMin {
		k.o.noteGap(k.name, k.since, to)
	}
}
