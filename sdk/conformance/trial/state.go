package trial

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/plugintest"
	"quoin.dev/quoin/state"
)

// State is a namespace in memory as the host sees it, and a made-up chain around it. It remembers
// what it was, so that calls can be undone.
type State struct {
	values map[string][]byte
	keys   []string // ascending
	undo   []change
	height uint64 // of the question that is being answered
}

// change is what a key had before a write; nil: it was not there.
type change struct {
	key    string
	before []byte
}

var (
	_ plugin.State = (*State)(nil)
	_ plugin.World = (*State)(nil)
)

// NewState returns a namespace that holds the pairs.
func NewState(pairs []plugintest.Pair) *State {
	s := &State{values: map[string][]byte{}}
	for _, p := range pairs {
		s.set(string(p.Key), append([]byte{}, p.Value...))
	}
	s.undo = nil
	return s
}

// Clone returns a namespace that holds the same, and nothing to be undone.
func (s *State) Clone() *State { return NewState(s.Pairs()) }

// Pairs returns the namespace, keys ascending. The values are shared.
func (s *State) Pairs() []plugintest.Pair {
	var list []plugintest.Pair
	for _, k := range s.keys {
		list = append(list, plugintest.Pair{Key: []byte(k), Value: s.values[k]})
	}
	return list
}

// Digest returns a hash of the whole namespace.
func (s *State) Digest() [32]byte {
	h := sha256.New()
	var n [4]byte
	for _, k := range s.keys {
		for _, b := range [][]byte{[]byte(k), s.values[k]} {
			binary.BigEndian.PutUint32(n[:], uint32(len(b)))
			h.Write(n[:])
			h.Write(b)
		}
	}
	return [32]byte(h.Sum(nil))
}

// Mark returns the present state's place among all that there were.
func (s *State) Mark() int { return len(s.undo) }

// Rollback undoes all writes since the mark.
func (s *State) Rollback(mark int) {
	for len(s.undo) > mark {
		last := s.undo[len(s.undo)-1]
		s.set(last.key, last.before)
		s.undo = s.undo[:len(s.undo)-2] // the change, and that of undoing it
	}
}

// Since returns what the writes since the mark changed, keys ascending; a nil value is a deletion.
func (s *State) Since(mark int) []plugintest.Pair {
	first := map[string][]byte{}
	var keys []string
	for _, c := range s.undo[mark:] {
		if _, seen := first[c.key]; !seen {
			first[c.key] = c.before
			keys = append(keys, c.key)
		}
	}
	slices.Sort(keys)
	var list []plugintest.Pair
	for _, k := range keys {
		before, now := first[k], s.values[k]
		if (before == nil) != (now == nil) || !bytes.Equal(before, now) {
			list = append(list, plugintest.Pair{Key: []byte(k), Value: now})
		}
	}
	return list
}

// set gives a key a value that is not nil, or removes it.
func (s *State) set(key string, value []byte) {
	before := s.values[key]
	s.undo = append(s.undo, change{key, before})
	at, _ := slices.BinarySearch(s.keys, key)
	switch {
	case value == nil && before != nil:
		s.keys = slices.Delete(s.keys, at, at+1)
	case value != nil && before == nil:
		s.keys = slices.Insert(s.keys, at, key)
	}
	if value == nil {
		delete(s.values, key)
	} else {
		s.values[key] = value
	}
}

// Get implements plugin.StateReader.
func (s *State) Get(key []byte) ([]byte, bool, error) {
	v, ok := s.values[string(key)]
	return v, ok, nil
}

// Scan implements plugin.StateReader.
func (s *State) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	at, _ := slices.BinarySearch(s.keys, string(start))
	for _, k := range s.keys[at:] {
		if end != nil && strings.Compare(k, string(end)) >= 0 || !visit([]byte(k), s.values[k]) {
			break
		}
	}
	return nil
}

// Put implements plugin.State.
func (s *State) Put(key, value []byte) error {
	s.set(string(key), append([]byte{}, value...))
	return nil
}

// Delete implements plugin.State.
func (s *State) Delete(key []byte) error {
	s.set(string(key), nil)
	return nil
}

// Foreign implements plugin.World: every second key of every namespace is there.
func (s *State) Foreign(namespace string, key []byte) ([]byte, bool, error) {
	sum := madeUp("foreign", []byte(namespace), key)
	return sum[1 : 1+sum[1]%31], sum[0]%2 == 0, nil
}

// History implements plugin.World.
func (s *State) History(height uint64) (hook.Ancestor, bool, error) {
	if height == 0 || height >= s.height || s.height-height > hook.AncestorsMax {
		return hook.Ancestor{}, false, nil
	}
	number := binary.BigEndian.AppendUint64(nil, height)
	return hook.Ancestor{Height: height, Time: timeOf(height), Epoch: 1, View: height + height/8, Size: 2 * height,
		Block: madeUp("block", number), State: state.DirectoryRoot(nil), Ledger: madeUp("ledger", number)}, true, nil
}

// Proof implements plugin.World. The proof holds under the roots that History gives, which are those
// of an empty state.
func (s *State) Proof([]byte) ([]byte, error) {
	return (&state.Proof{Kind: state.ProofNoNamespace}).MarshalBinary()
}

// Beacon implements plugin.World.
func (s *State) Beacon() [32]byte {
	return madeUp("beacon", binary.BigEndian.AppendUint64(nil, s.height))
}

// timeOf is the time of a block of the made-up chain, milliseconds since 1970-01-01 UTC: one in two
// seconds.
func timeOf(height uint64) uint64 { return 1_700_000_000_000 + 2_000*(height%(1<<40)) }

func madeUp(what string, parts ...[]byte) [32]byte {
	return sha256.Sum256(append([]byte(what+"/"), bytes.Join(parts, []byte("/"))...))
}
