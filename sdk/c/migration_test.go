package c_test

import (
	"bytes"
	"maps"
	"testing"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/sandboxtest"
)

// A migration in C moves what was there before, or refuses.
func TestMigrationInC(t *testing.T) {
	need(t, "clang", "wasm-ld")
	table, binding, _ := sandboxtest.Open(t, "testdata/mover", plugin.Builtin{Name: "none"})
	binding.Parameters = []byte("pp")
	if !table.Migrates(binding) {
		t.Fatal("it offers no migration")
	}
	from := [32]byte{1, 31: 2}
	s := sandboxtest.NewState()
	s.Values["latest"] = []byte("payload")
	for _, want := range []uint32{0, 3} {
		if r, err := table.Migrate(binding, &hook.MigrateRequest{Height: 9, From: from}, s); err != nil || r.Fault != hook.FaultNone || r.Code != want {
			t.Errorf("%+v, %v", r, err)
		}
	}
	want := map[string][]byte{"last": []byte("payload"), "params": []byte("pp"), "from": from[:]}
	if !maps.EqualFunc(s.Values, want, bytes.Equal) {
		t.Errorf("%q", s.Values)
	}
}
