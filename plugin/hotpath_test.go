package plugin

import (
	"fmt"
	"slices"
	"testing"

	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// leaderGuest proposes the view's remainder by the number of validators, without a loop.
func leaderGuest() []byte {
	m := Guest(1, Input, Output)
	m.Func(hook.Lead.Name, nil, status, nil,
		I32Const(64), I32Const(60_000), Call(0), Op(0x1a),
		I32Const(0), I32Const(0), I32Store(0),
		I32Const(0), I32Const(4), Call(1), I32Const(0))
	return m.Bytes()
}

// A call that neither answers with bytes nor emits events allocates nothing.
func TestCallsDoNotAllocate(t *testing.T) {
	h := newHost(t, Options{})
	table := newTable(t)
	lead := compile(t, h, table, release(t, leaderGuest(), testManifest(hook.Leader.Name)))
	q := leaderRequest(20, 5)
	if n := testing.AllocsPerRun(100, func() {
		if r, err := table.Lead(lead.Binding(hook.Leader.Name), q); err != nil || r.Fault != hook.FaultNone {
			t.Fatal(r, err)
		}
	}); n > 1 { // the binding's own
		t.Errorf("a leader's call allocates %v times", n)
	}
	m := Guest(1, StateGet, StatePut, StateScan, Output)
	m.Func(hook.Apply.Name, nil, status, nil,
		I32Const(0), I32Const(8), I32Const(16), I32Const(100), Call(0), Op(0x1a),
		I32Const(0), I32Const(8), I32Const(16), I32Const(100), Call(1),
		I32Const(0), I32Const(8), I32Const(0), I32Const(0), I32Const(5), I32Const(16), I32Const(1000), Call(2), Op(0x1a),
		respond(3, 200, 0))
	machineRelease := compile(t, h, table, release(t, machine(m), testManifest(hook.Machine.Name)))
	binding := machineRelease.Binding(hook.Machine.Name)
	apply := &hook.ApplyRequest{Payload: make([]byte, 128)}
	if n := testing.AllocsPerRun(100, func() {
		if r, err := table.Apply(binding, apply, nullState{}); err != nil || r.Fault != hook.FaultNone {
			t.Fatal(r, err)
		}
	}); n > 0 {
		t.Errorf("a transaction allocates %v times", n)
	}
}

func compile(t testing.TB, h *Host, table *Table, file []byte) *Release {
	t.Helper()
	r, err := h.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	table.Add(r)
	return r
}

// counter counts its calls in memory, in a global, and in pages, and tells all three; every
// third call, by the height, traps after it has counted.
func counter() []byte {
	m := Guest(1, Input, Output)
	g := m.Global(I32, true, I32Const(0))
	m.Func(hook.Apply.Name, nil, status, nil,
		I32Const(8192), I32Const(1000), Call(0), Op(0x1a),
		I32Const(4), I32Const(4), I32Load(0), I32Const(1), Op(0x6a), I32Store(0),
		GlobalGet(g), I32Const(1), Op(0x6a), GlobalSet(g), I32Const(8), GlobalGet(g), I32Store(0),
		I32Const(12), I32Const(1), Op(0x40, 0), I32Store(0),
		I32Const(8192+16), I32Load(0), I32Const(3), Op(0x70), Op(0x45), If(0x40, Op(0x00)),
		respond(0+1, 0, 12))
	return machine(m)
}

// Two blocks that are executed at once, each with a table of its own, do not see each other, and
// a reused instance agrees with a fresh one, also after a trap.
func TestTablesDoNotSeeEachOther(t *testing.T) {
	for _, o := range []Options{{}, {Interpreter: true}} {
		t.Run(fmt.Sprintf("interpreter=%v", o.Interpreter), func(t *testing.T) {
			h := newHost(t, o)
			file := release(t, counter(), testManifest(hook.Machine.Name))
			tables := []*Table{newTable(t), newTable(t)}
			r := compile(t, h, tables[0], file)
			tables[1].Add(r)
			b := r.Binding(hook.Machine.Name)
			for height := uint64(1); height < 40; height++ {
				fresh := newTable(t)
				fresh.Add(r)
				var all []ApplyResult
				for _, table := range append(slices.Clone(tables), fresh, tables[0]) {
					x, err := table.Apply(b, &hook.ApplyRequest{Height: height}, newState())
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, x)
				}
				fresh.Remove(r.Digest())
				for _, x := range all {
					if x.Fault != all[0].Fault || x.Fuel != all[0].Fuel || string(x.Output) != string(all[0].Output) {
						t.Fatalf("height %d: %+v and %+v", height, x, all[0])
					}
				}
				if want := height%3 == 0; want != (all[0].Fault == hook.FaultTrap) || !want && string(all[0].Output) != "\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00" {
					t.Fatalf("height %d: %v %x", height, all[0].Fault, all[0].Output)
				}
			}
		})
	}
}

// What a call has touched is put back, not more: a trap in a memory of many pages costs no
// more to restore than the call that answers.
func TestRestoreIsProportional(t *testing.T) {
	m := Guest(64, Output)
	m.Func(hook.Apply.Name, nil, status, nil, I32Const(1<<20), I32Const(1), I32Store(0), I32Const(3<<20), I32Const(1), I32Store(0), Op(0x00))
	h := newHost(t, Options{})
	table := newTable(t)
	r := compile(t, h, table, release(t, machine(m), testManifest(hook.Machine.Name)))
	for range 3 {
		if x, err := table.Apply(r.Binding(hook.Machine.Name), &hook.ApplyRequest{}, newState()); err != nil || x.Fault != hook.FaultTrap {
			t.Fatal(x, err)
		}
		i := table.guests[r.Digest()].instance
		if i.touched != 1<<16|1<<48 {
			t.Errorf("the regions %#x are restored", uint64(i.touched))
		}
		if !i.restore() || !restored(i) {
			t.Error("something is left")
		}
	}
}

// A scan notes what it writes, not the whole buffer.
func TestScanTouchesWhatItWrites(t *testing.T) {
	m := Guest(64, StateScan, Output)
	m.Func(hook.Apply.Name, nil, status, nil,
		I32Const(0), I32Const(0), I32Const(0), I32Const(0), I32Const(10), I32Const(65536), I32Const(60*65536), Call(0), Op(0x1a), respond(1, 0, 0))
	h := newHost(t, Options{})
	table := newTable(t)
	r := compile(t, h, table, release(t, machine(m), testManifest(hook.Machine.Name)))
	s := newState()
	s.values["key"] = "value"
	if x, err := table.Apply(r.Binding(hook.Machine.Name), &hook.ApplyRequest{}, s); err != nil || x.Fault != hook.FaultNone {
		t.Fatal(x, err)
	}
	if i := table.guests[r.Digest()].instance; i.touched != 0b11 {
		t.Errorf("the regions %#x are restored", uint64(i.touched))
	}
}
