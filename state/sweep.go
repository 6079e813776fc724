package state

import "quoin.dev/quoin"

// sweep evicts subtrees of the certified state until the nodes fit into the cache again. Its hand
// goes round the tries in the order of their paths; a subtree used since the last round is spared
// once. What a live overlay replaced is pinned, because the overlay still uses what is below;
// everything else below the certified root is reached only through it, so a stub in its place is
// seen by all.
func (s *State) sweep() {
	if s.nodes.bytes() <= s.cacheBytes || len(s.certified.spaces) == 0 {
		return
	}
	w := sweeper{s: s, target: s.cacheBytes - s.cacheBytes/16}
	spaces := s.certified.spaces
	start := 0
	for start < len(spaces) && spaces[start].name < s.hand.name {
		start++
	}
	if start < len(spaces) && spaces[start].name == s.hand.name {
		w.walk(&spaces[start].root, 0, s.hand.path, true)
		start++
	}
	for i := 0; i < 2*len(spaces)+1 && !w.done(); i++ {
		s.hand = hand{name: spaces[(start+i)%len(spaces)].name}
		w.walk(&spaces[(start+i)%len(spaces)].root, 0, quoin.Hash{}, false)
	}
	s.overfull = !w.done()
}

// hand is where the sweep goes on.
type hand struct {
	name string
	path quoin.Hash
}

type sweeper struct {
	s      *State
	target int64
}

func (w *sweeper) done() bool { return w.s.nodes.bytes() <= w.target }

// walk sweeps the subtree at path, where the first depth bits count. With resume, path leads on
// below depth to the place where the last sweep stopped, and what is before it is left out. It
// reports whether anything in memory remains below that was used or left out.
func (w *sweeper) walk(c *child, depth int, path quoin.Hash, resume bool) (hot bool) {
	if !c.ref.isBranch() {
		return false
	}
	b := w.s.nodes.branch(c.ref)
	if b.is(flagStub) {
		return false
	}
	if w.done() {
		return true
	}
	if c.keys <= bucketMax {
		if !resume {
			w.s.hand.path = path
		}
		if b.pins == 0 {
			if b.is(flagRecent) {
				b.flags &^= flagRecent
				return true
			}
			w.evict(b)
			return false
		}
		if c.keys < bucketMax/4 {
			return true // too little to gain
		}
	}
	from := 0
	if resume {
		from = bit(&path, depth)
		hot = from == 1
	}
	for i := from; i < 2; i++ {
		down, on := path, resume && i == from
		if !on {
			down = maskPath(&path, depth)
			if i == 1 {
				down[depth>>3] |= 0x80 >> (depth & 7)
			}
		}
		if w.walk(&b.kids[i], depth+1, down, on) {
			hot = true
		}
	}
	if c.keys <= bucketMax {
		return true
	}
	if depth%pageLevels == 0 {
		if b.is(flagRecent) {
			b.flags &^= flagRecent
			return true
		}
		if !hot && b.pins == 0 && b.is(flagFlushed) {
			w.evict(b)
		}
	}
	return hot
}

func (w *sweeper) evict(b *branch) {
	w.s.nodes.freeBelow(b)
	b.kids = [2]child{}
	b.flags = b.flags&flagFlushed | flagStub
	w.s.evictions++
}
