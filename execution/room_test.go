package execution

import (
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
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
