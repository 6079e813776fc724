package execution

import (
	"strconv"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// A namespace at its quota takes deletions alone, from the block after the one that filled it, on an
// uncertified parent as well; others go on, and deletions make room again.
func TestQuota(t *testing.T) {
	remove := func(salt uint64, key string) quoin.Transaction {
		var b plugin.KVBatch
		b.Delete([]byte(key))
		return quoin.Transaction{Salt: salt, Expiry: 10, Namespace: "kv", Payload: b.Payload()}
	}
	for name, limit := range map[string]func(p *quoin.Parameters){
		"keys":  func(p *quoin.Parameters) { p.NamespaceMaxKeys = 2 },
		"bytes": func(p *quoin.Parameters) { p.NamespaceMaxBytes = 4 },
	} {
		f := newFixture(t, plugin.Builtin{Name: "other", Machine: plugin.KV{}})
		limit(&f.x.tip.Configuration.Parameters)
		parent := *f.x.Tip()
		block := func(want uint32, txs ...quoin.Transaction) {
			t.Helper()
			o, err := f.x.Execute(quoin.NewBlock(quoin.Header{Epoch: 1, View: parent.View + 1, ParentView: parent.View, Height: parent.Height + 1,
				Parent: parent.Block, ParentCheckpoint: parent.Digest(), Time: parent.Time + 1}, txs))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			parent = o.Checkpoint
			for i, r := range o.Results {
				if r.Code != want {
					t.Errorf("%s: block %d, transaction %d: code %d, want %d", name, parent.Height, i, r.Code, want)
				}
			}
		}
		block(0, put(1, "a", "1"), put(2, "b", "2"), put(3, "c", "3")) // one block may go beyond
		block(ResultQuota, put(4, "d", "4"), put(5, "a", "x"))
		other := put(6, "a", "1")
		other.Namespace = "other"
		block(0, other, remove(7, "a"), remove(8, "b"))
		block(0, put(9, "d", "4"))
	}
}

// wasteful is a machine whose batch writes until its fuel is gone; by itself, a transaction traps if its
// fourth byte is 1, so that the batch's fault is not held against it.
func wasteful(t *testing.T) *plugin.Release {
	const input, output, put, next = 0, 1, 2, 3
	m := Guest(1, Input, Output, StatePut, Imported{Module: "quoin.v1", Name: "batch_next", Results: Types(I32)})
	status := Types(I32)
	m.Func("machine.v1.apply", nil, status, nil,
		I32Const(1000), I32Const(60000), Call(input), Op(0x1a),
		I32Const(0), []byte{0x2d, 0}, U32(1000+96+3), If(0x40, Op(0x00)),
		I32Const(4), I32Const(0), I32Store(0), I32Const(4), I32Const(4), Call(output), I32Const(0))
	m.Func("machine.v1.apply_batch", nil, status, nil, Call(next), Op(0x1a),
		Loop(0x40, I32Const(0), I32Const(1), I32Const(0), I32Const(60000), Call(put), Br(0)), I32Const(0))
	m.Func("machine.v1.query", nil, status, nil, I32Const(0))
	return compiled(t, m.Bytes(), "wasteful")
}

// What failed batches wrote is gone, but an overlay never shrinks: it takes room, so that no machine makes
// a block that nobody can execute.
func TestFailedBatchesTakeRoom(t *testing.T) {
	f := newFixture(t)
	f.x.tip.Configuration.Parameters.BlockMaxTransactions = 10_000
	r := wasteful(t)
	f.x.c.Table.Add(r)
	b := *r.Binding("machine.v1")
	b.Namespace = "wasteful"
	f.bind(b)
	var txs []quoin.Transaction
	for i := range 900 {
		for k, last := range []byte{0, 0, 0, 1} {
			txs = append(txs, quoin.Transaction{Salt: uint64(i*4 + k), Expiry: 10, Namespace: "wasteful", Payload: []byte{0, 0, 0, last}})
		}
		txs = append(txs, put(uint64(i), strconv.Itoa(i), "v"))
	}
	o := f.certify(txs...)
	if o.written+o.discarded > WritesMax || o.discarded < WritesMax*9/10 {
		t.Errorf("%d bytes are written and %d discarded, of %d", o.written, o.discarded, WritesMax)
	}
	if len(o.Faults) != 0 {
		t.Errorf("faults %v", o.Faults)
	}
	for i, r := range o.Results[:1000] {
		want := uint32(0)
		if i%5 == 3 {
			want = quoin.ResultFault + uint32(hook.FaultTrap)
		}
		if r.Code != want {
			t.Fatalf("transaction %d: code %d, want %d", i, r.Code, want)
		}
	}
}
