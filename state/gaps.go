package state

import (
	"bytes"
	"slices"
)

// gapMin is how many deleted keys in a row make a gap worth knowing: to go round it costs a search
// of the store and of the writes, as much as to pass by about as many.
const gapMin = 128

// gaps is what the scans of an overlay have found to be empty in one namespace because its keys
// were deleted. Without it, short scans near many deleted keys would each pass by all of them, for
// the price of the few keys that they give. What is empty can only cease to be by a write, or by
// taking back a deletion.
type gaps struct {
	name string
	list []gap // ascending, neither overlapping nor touching
}

// gap says that there is no key from one place on and before another, nil being after the last.
type gap struct{ from, to []byte }

func (g *gap) holds(key []byte) bool {
	return bytes.Compare(g.from, key) <= 0 && (g.to == nil || bytes.Compare(key, g.to) < 0)
}

// gapsOf returns the gaps of a namespace, or nil if none were found.
func (o *Overlay) gapsOf(name string) *gaps {
	for i := range o.gaps {
		if o.gaps[i].name == name {
			return &o.gaps[i]
		}
	}
	return nil
}

// noteGap remembers a gap, joined with those that it overlaps or touches.
func (o *Overlay) noteGap(name string, from, to []byte) {
	g := o.gapsOf(name)
	if g == nil {
		o.gaps = append(o.gaps, gaps{name: name})
		g = &o.gaps[len(o.gaps)-1]
	}
	first, _ := slices.BinarySearchFunc(g.list, from, func(g gap, from []byte) int {
		if g.to != nil && bytes.Compare(g.to, from) < 0 {
			return -1
		}
		return 1
	})
	last := first
	for ; last < len(g.list) && (to == nil || bytes.Compare(g.list[last].from, to) <= 0); last++ {
		old := &g.list[last]
		if bytes.Compare(old.from, from) < 0 {
			from = old.from
		}
		if to != nil && (old.to == nil || bytes.Compare(old.to, to) > 0) {
			to = old.to
		}
	}
	g.list = slices.Replace(g.list, first, last, gap{append([]byte{}, from...), bytes.Clone(to)})
}

// around returns the gap that holds a key, if one does, and where the next begins, nil if nowhere.
func (g *gaps) around(key []byte) (in *gap, next []byte) {
	if g == nil {
		return nil, nil
	}
	i := g.begun(key)
	if i > 0 && g.list[i-1].holds(key) {
		in = &g.list[i-1]
	}
	if i < len(g.list) {
		next = g.list[i].from
	}
	return in, next
}

// begun returns the number of gaps that begin at a key or before.
func (g *gaps) begun(key []byte) int {
	i, _ := slices.BinarySearchFunc(g.list, key, func(g gap, key []byte) int {
		if bytes.Compare(g.from, key) <= 0 {
			return -1
		}
		return 1
	})
	return i
}

// openGap takes a key out of the gap that holds it, since it may be there from now on. Of the two
// parts left, one that is too small to be worth it is forgotten, so that there are never many.
func (o *Overlay) openGap(name string, key []byte) {
	g := o.gapsOf(name)
	if g == nil {
		return
	}
	i := g.begun(key) - 1
	if i < 0 || !g.list[i].holds(key) {
		return
	}
	whole := g.list[i]
	var parts []gap
	for _, part := range []gap{{whole.from, bytes.Clone(key)}, {append(bytes.Clone(key), 0), whole.to}} {
		if o.hasWritten(name, &part, o.s.gapMin) {
			parts = append(parts, part)
		}
	}
	g.list = slices.Replace(g.list, i, i+1, parts...)
}

// hasWritten reports whether the chain of overlays has written so many keys within a gap.
func (o *Overlay) hasWritten(name string, g *gap, enough int) bool {
	if g.to != nil && bytes.Compare(g.from, g.to) >= 0 {
		return false
	}
	count := 0
	for x := o; x != nil && x.status != committed; x = x.parent {
		for _, r := range x.writes.byKey(name) {
			if count += len(x.writes.between(r.order, g.from, g.to)); count >= enough {
				return true
			}
		}
	}
	return false
}

// openReverted opens the gaps for all that going back to the mark brings back.
func (o *Overlay) openReverted(m Mark) {
	if len(o.gaps) == 0 {
		return
	}
	w := o.writes
	for i := m.entries; i < len(w.entries); i++ {
		o.openGap(w.names[w.entries[i].name], w.keyOf(&w.entries[i]))
	}
	for _, u := range w.journal[m.journal:] {
		if int(u.index) < m.entries {
			e := &w.entries[u.index]
			o.openGap(w.names[e.name], w.keyOf(e))
		}
	}
}
