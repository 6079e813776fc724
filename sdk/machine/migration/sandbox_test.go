package migration_test

import (
	"bytes"
	"fmt"
	"maps"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/internal/mover"
	"quoin.dev/quoin/sdk/sandboxtest"
)

// A migration in the sandbox does what the same code does natively, within its fuel, and faults or
// refuses alike. A module that does not import the package offers none.
func TestMigrationInTheSandbox(t *testing.T) {
	table, guest, native := sandboxtest.Open(t, "../testdata/mover", plugin.Builtin{Name: "native", Machine: mover.Machine{}})
	if !table.Migrates(guest) || !table.Migrates(native) {
		t.Fatal("it offers no migration")
	}
	migrate := func(b *quoin.Binding, s *sandboxtest.State) plugin.MigrateResult {
		t.Helper()
		r, err := table.Migrate(b, &hook.MigrateRequest{Height: 9, Time: 1}, s)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, c := range []struct {
		keys  int
		value string
		code  uint32
		fault hook.Fault
	}{
		{0, "7", 0, hook.FaultNone},
		{1, "x", mover.CodeNoNumber, hook.FaultNone},
		{1000, "7", 0, hook.FaultNone}, // more than the fuel of one call allows
		{20_000, "7", 0, hook.FaultFuel},
	} {
		one, other := sandboxtest.NewState(), sandboxtest.NewState()
		for i := range c.keys {
			one.Values[fmt.Sprint("key", i)] = []byte(c.value)
		}
		maps.Copy(other.Values, one.Values)
		a, b := migrate(guest, one), migrate(native, other)
		if a.Code != c.code || a.Fault != c.fault || b.Code != a.Code || b.Fault != a.Fault {
			t.Errorf("%d keys of %q: %v and %v", c.keys, c.value, a, b)
		}
		if c.fault == hook.FaultNone && !maps.EqualFunc(one.Values, other.Values, bytes.Equal) {
			t.Errorf("%d keys of %q: the states differ", c.keys, c.value)
		}
	}
	table, guest, native = sandboxtest.Open(t, "../testdata/probe", plugin.Builtin{Name: "native", Machine: plugin.KV{}})
	for _, b := range []*quoin.Binding{guest, native} {
		if r, err := table.Migrate(b, &hook.MigrateRequest{}, sandboxtest.NewState()); err != nil || table.Migrates(b) || r.Fault != hook.FaultMissing {
			t.Errorf("%+v, %v", r, err)
		}
	}
}
