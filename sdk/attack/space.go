package attack

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// space is a namespace in memory with the world around it, as a replica's execution would offer it.
type space struct {
	values    map[string]string
	foreign   map[string]map[string]string
	ancestors map[uint64]hook.Ancestor
	proofs    map[string][]byte
	beacon    [32]byte

	// failAt is the use of the state that fails, counted from 1; 0: none does.
	failAt, uses int
	panics       bool // instead of failing
}

var (
	_ plugin.State = (*space)(nil)
	_ plugin.World = (*space)(nil)
)

// errUnreadable is what a state that cannot be read fails with.
var errUnreadable = errors.New("the state cannot be read")

func newSpace(values map[string]string) *space {
	if values == nil {
		values = map[string]string{}
	}
	return &space{values: values}
}

func (s *space) clone() *space {
	c := *s
	c.values, c.uses = maps.Clone(s.values), 0
	return &c
}

// text stands for the whole namespace.
func (s *space) text() string {
	if len(s.values) == 0 {
		return ""
	}
	h := sha256.New()
	for _, k := range sorted(s.values) {
		fmt.Fprintf(h, "%d,%d,%s%s", len(k), len(s.values[k]), k, s.values[k])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (s *space) use() error {
	if s.uses++; s.uses != s.failAt {
		return nil
	}
	if s.panics {
		panic("a defect of the state")
	}
	return errUnreadable
}

// Get implements plugin.StateReader.
func (s *space) Get(key []byte) ([]byte, bool, error) {
	v, ok := s.values[string(key)]
	return []byte(v), ok, s.use()
}

// Scan implements plugin.StateReader.
func (s *space) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	if err := s.use(); err != nil {
		return err
	}
	for _, k := range sorted(s.values) {
		if k < string(start) {
			continue
		}
		if end != nil && k >= string(end) || !visit([]byte(k), []byte(s.values[k])) {
			break
		}
	}
	return nil
}

// Put implements plugin.State.
func (s *space) Put(key, value []byte) error {
	s.values[string(key)] = string(value)
	return s.use()
}

// Delete implements plugin.State.
func (s *space) Delete(key []byte) error {
	delete(s.values, string(key))
	return s.use()
}

// Foreign implements plugin.World.
func (s *space) Foreign(namespace string, key []byte) ([]byte, bool, error) {
	v, ok := s.foreign[namespace][string(key)]
	return []byte(v), ok, s.use()
}

// History implements plugin.World.
func (s *space) History(height uint64) (hook.Ancestor, bool, error) {
	a, ok := s.ancestors[height]
	return a, ok, s.use()
}

// Proof implements plugin.World.
func (s *space) Proof(key []byte) ([]byte, error) { return s.proofs[string(key)], s.use() }

// Beacon implements plugin.World.
func (s *space) Beacon() [32]byte { return s.beacon }
