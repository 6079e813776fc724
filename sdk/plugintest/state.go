// Package plugintest holds what tests of a plugin need: a state in memory that keeps the
// host's limits, and leader's requests of a simulated chain. Nothing here is safe for
// concurrent use.
package plugintest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"quoin.dev/quoin/hook"
)

// State is a machine's namespace in memory. The zero State is empty and ready. It panics where
// the host would end a call in a fault: at a key, value or event beyond its limits.
type State struct {
	World // what the plugin may ask of the chain; change it as the test needs it

	values map[string][]byte
	Events [][]byte // of the last Apply
	Logged []byte   // by the last Apply or Query; the host keeps hook.LogMax bytes
}

var _ hook.Access = (*State)(nil)

// Apply lets the machine apply a transaction as the host does: the writes and events of a code
// other than 0 are dropped.
func (s *State) Apply(m hook.MachinePlugin, r *hook.ApplyRequest) hook.ApplyResponse {
	before := maps.Clone(s.values)
	s.Events, s.Logged = nil, nil
	response := m.Apply(r, s)
	if len(response.Output) > hook.ApplyOutputMax {
		panic(fmt.Sprintf("plugintest: an output of %d bytes, at most %d are allowed", len(response.Output), hook.ApplyOutputMax))
	}
	if response.Code != 0 {
		s.values, s.Events = before, nil
	}
	return response
}

// Query lets the machine answer.
func (s *State) Query(m hook.MachinePlugin, r *hook.QueryRequest) hook.QueryResponse {
	s.Logged = nil
	response := m.Query(r, readOnly{s})
	if len(response.Output) > hook.QueryOutputMax {
		panic(fmt.Sprintf("plugintest: an answer of %d bytes, at most %d are allowed", len(response.Output), hook.QueryOutputMax))
	}
	return response
}

// readOnly hides the methods that write, so that a query cannot find them.
type readOnly struct{ hook.Reader }

// Len returns the number of keys.
func (s *State) Len() int { return len(s.values) }

// Get implements hook.Reader.
func (s *State) Get(key []byte) ([]byte, bool) {
	limit("key", len(key), 1, hook.KeyMax)
	v, ok := s.values[string(key)]
	return bytes.Clone(v), ok
}

// Scan implements hook.Reader.
func (s *State) Scan(start, end []byte, visit func(key, value []byte) bool) {
	limit("start", len(start), 0, hook.KeyMax)
	limit("end", len(end), 0, hook.KeyMax)
	for _, k := range slices.Sorted(maps.Keys(s.values)) {
		if k < string(start) {
			continue
		}
		if end != nil && k >= string(end) || !visit([]byte(k), bytes.Clone(s.values[k])) {
			return
		}
	}
}

// Log implements hook.Reader.
func (s *State) Log(message []byte) { s.Logged = append(s.Logged, message...) }

// Put implements hook.Access.
func (s *State) Put(key, value []byte) {
	limit("key", len(key), 1, hook.KeyMax)
	limit("value", len(value), 0, hook.ValueMax)
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	s.values[string(key)] = append([]byte{}, value...)
}

// Delete implements hook.Access.
func (s *State) Delete(key []byte) {
	limit("key", len(key), 1, hook.KeyMax)
	delete(s.values, string(key))
}

// Emit implements hook.Access.
func (s *State) Emit(event []byte) {
	limit("event", len(event), 0, hook.EventMax)
	limit("events", len(s.Events)+1, 0, hook.EventsMax)
	s.Events = append(s.Events, append([]byte{}, event...))
}
