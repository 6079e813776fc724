package plugin

import (
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

// nested is a machine that asks a table to apply a transaction while it applies one itself.
type nested struct {
	KV
	ask func()
}

func (n nested) Apply(q *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
	s.Put([]byte("mine"), q.Payload)
	n.ask()
	return hook.ApplyResponse{Code: uint32(len(q.Payload))}
}

// A table beside another has its own calls under way, and follows what the other has.
func TestBesideIsItsOwn(t *testing.T) {
	var table *Table
	var inner ApplyResult
	n := &nested{}
	table, err := NewTable([]Builtin{{Name: "nested", Machine: n}, {Name: "kv", Machine: KV{}}})
	if err != nil {
		t.Fatal(err)
	}
	var b KVBatch
	b.Put([]byte("k"), []byte("v"))
	n.ask = func() {
		var err error
		if inner, err = table.Beside().Apply(&quoin.Binding{Hook: "machine.v1", Builtin: "kv"}, &hook.ApplyRequest{Payload: b.Payload()}, newState()); err != nil {
			t.Error(err)
		}
	}
	outer, err := table.Apply(&quoin.Binding{Hook: "machine.v1", Builtin: "nested"}, &hook.ApplyRequest{Payload: []byte("four")}, newState())
	if err != nil || outer.Fault != hook.FaultNone || outer.Code != 4 || inner.Fault != hook.FaultNone || inner.Code != 0 {
		t.Errorf("%+v, %+v, %v", outer, inner, err)
	}
	beside := table.Beside()
	if table.Beside() != beside {
		t.Error("there is another one each time")
	}
	table.StopBeside()
	if table.StopBeside(); table.Beside() == beside {
		t.Error("it was not stopped")
	}

	h := newHost(t, Options{})
	r := compile(t, h, table, release(t, counter(), testManifest(hook.Machine.Name)))
	guest := *r.Binding("machine.v1")
	for i, x := range []*Table{table, table.Beside()} {
		if r, err := x.Apply(&guest, &hook.ApplyRequest{Height: 1 + uint64(i)}, newState()); err != nil || r.Fault != hook.FaultNone {
			t.Errorf("%+v, %v", r, err)
		}
	}
	if table.guests[r.Digest()].instance == table.Beside().guests[r.Digest()].instance {
		t.Error("both calls have one instance")
	}
	if table.Remove(r.Digest()); table.Beside().Has(r.Digest()) {
		t.Error("what was removed is there still")
	}
}
