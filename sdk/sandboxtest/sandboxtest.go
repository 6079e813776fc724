// Package sandboxtest runs a plugin of this repository as its tests need it: built by its
// language's toolchain, compiled by the host, beside the same algorithm as native code.
package sandboxtest

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
)

// Open builds the plugin in the folder and returns a table that has the release and the native
// built-in, with a binding to each.
func Open(t testing.TB, dir string, builtin plugin.Builtin) (table *plugin.Table, guest, native *quoin.Binding) {
	t.Helper()
	file := Build(t, dir)
	host, err := plugin.NewHost(plugin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	release, err := host.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	if table, err = plugin.NewTable([]plugin.Builtin{builtin}); err != nil {
		t.Fatal(err)
	}
	table.Add(release)
	hookName := release.Manifest().Hooks[0]
	return table, release.Binding(hookName), &quoin.Binding{Hook: hookName, Builtin: builtin.Name}
}

// State is a namespace in memory as the host sees it. Scan is slow: it sorts.
type State struct{ Values map[string][]byte }

var _ plugin.State = (*State)(nil)

// NewState returns an empty namespace.
func NewState() *State { return &State{Values: map[string][]byte{}} }

// Clone returns a copy that shares the values.
func (s *State) Clone() *State { return &State{Values: maps.Clone(s.Values)} }

// Get implements plugin.StateReader.
func (s *State) Get(key []byte) ([]byte, bool, error) {
	v, ok := s.Values[string(key)]
	return v, ok, nil
}

// Scan implements plugin.StateReader.
func (s *State) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	for _, k := range slices.Sorted(maps.Keys(s.Values)) {
		if k < string(start) {
			continue
		}
		if end != nil && k >= string(end) || !visit([]byte(k), s.Values[k]) {
			break
		}
	}
	return nil
}

// Put implements plugin.State.
func (s *State) Put(key, value []byte) error {
	s.Values[string(key)] = bytes.Clone(value)
	return nil
}

// Delete implements plugin.State.
func (s *State) Delete(key []byte) error {
	delete(s.Values, string(key))
	return nil
}
