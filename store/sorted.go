package store

import (
	"bytes"
	"slices"
)

// chunkKeysMax is the number of keys at which a chunk is split in two.
const chunkKeysMax = 128

// sorted is an ordered map in chunks of at most chunkKeysMax keys. There is
// always at least one chunk, and only the sole one may be empty.
type sorted struct {
	chunks []*chunk
	firsts [][]byte // firsts[i] ≤ every key of chunks[i], > every key before; firsts[0] is not read
	length int
	owner  *ownership // chunks with another owner are shared with a clone
}

// ownership is an identity; it has a size so that two have two addresses.
type ownership struct{ _ byte }

type chunk struct {
	owner *ownership
	pairs []pair
}

// pair's slices are never written to, so that chunks can share them.
type pair struct{ key, value []byte }

func newSorted() sorted {
	owner := new(ownership)
	return sorted{chunks: []*chunk{{owner: owner}}, firsts: [][]byte{nil}, owner: owner}
}

// locate returns the chunk that holds key, or would, and the place in it.
func (s *sorted) locate(key []byte) (at, place int, found bool) {
	low, high := 1, len(s.firsts)
	for low < high {
		middle := int(uint(low+high) / 2)
		if bytes.Compare(s.firsts[middle], key) <= 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	at = low - 1
	pairs := s.chunks[at].pairs
	low, high = 0, len(pairs)
	for low < high {
		middle := int(uint(low+high) / 2)
		switch order := bytes.Compare(pairs[middle].key, key); {
		case order < 0:
			low = middle + 1
		case order == 0:
			return at, middle, true
		default:
			high = middle
		}
	}
	return at, low, false
}

func (s *sorted) get(key []byte) ([]byte, bool) {
	at, place, found := s.locate(key)
	if !found {
		return nil, false
	}
	return s.chunks[at].pairs[place].value, true
}

// set keeps value but copies key. It returns what the key held before.
func (s *sorted) set(key, value []byte) change {
	at, place, found := s.locate(key)
	c := s.own(at)
	if found {
		p := &c.pairs[place]
		before := change{key: p.key, value: p.value, had: true}
		p.value = value
		return before
	}
	key = append(make([]byte, 0, len(key)), key...)
	c.pairs = slices.Insert(c.pairs, place, pair{key: key, value: value})
	s.length++
	if len(c.pairs) >= chunkKeysMax {
		s.split(at)
	}
	return change{key: key}
}

// remove returns what the key held before; it keeps no reference to key.
func (s *sorted) remove(key []byte) change {
	at, place, found := s.locate(key)
	if !found {
		return change{key: bytes.Clone(key)}
	}
	c := s.own(at)
	before := change{key: c.pairs[place].key, value: c.pairs[place].value, had: true}
	c.pairs = slices.Delete(c.pairs, place, place+1)
	s.length--
	if len(c.pairs) == 0 && len(s.chunks) > 1 {
		s.chunks = slices.Delete(s.chunks, at, at+1)
		s.firsts = slices.Delete(s.firsts, at, at+1)
	}
	return before
}

// own returns the chunk for writing, and copies it first if it is shared.
func (s *sorted) own(at int) *chunk {
	c := s.chunks[at]
	if c.owner != s.owner {
		c = &chunk{owner: s.owner, pairs: append(make([]pair, 0, chunkKeysMax), c.pairs...)}
		s.chunks[at] = c
	}
	return c
}

func (s *sorted) split(at int) {
	c := s.chunks[at]
	half := len(c.pairs) / 2
	if at == len(s.chunks)-1 {
		// Keys that arrive in ascending order would leave every chunk half full.
		half = len(c.pairs) - 1
	}
	upper := &chunk{owner: s.owner, pairs: append(make([]pair, 0, chunkKeysMax), c.pairs[half:]...)}
	clear(c.pairs[half:])
	c.pairs = c.pairs[:half]
	s.chunks = slices.Insert(s.chunks, at+1, upper)
	s.firsts = slices.Insert(s.firsts, at+1, upper.pairs[0].key)
}

// scan yields the pairs with from ≤ key < to; nil to is open.
func (s *sorted) scan(from, to []byte, yield func(key, value []byte) bool) {
	at, place, _ := s.locate(from)
	for ; at < len(s.chunks); at, place = at+1, 0 {
		for _, p := range s.chunks[at].pairs[place:] {
			if to != nil && bytes.Compare(p.key, to) >= 0 {
				return
			}
			if !yield(p.key, p.value) {
				return
			}
		}
	}
}

// keys lists the keys with from ≤ key < to.
func (s *sorted) keys(from, to []byte) (list [][]byte) {
	s.scan(from, to, func(key, _ []byte) bool {
		list = append(list, key)
		return true
	})
	return list
}

// clone shares every chunk: both sides take a new owner, so both copy on write.
func (s *sorted) clone() sorted {
	s.owner = new(ownership)
	return sorted{
		chunks: slices.Clone(s.chunks),
		firsts: slices.Clone(s.firsts),
		length: s.length,
		owner:  new(ownership),
	}
}
