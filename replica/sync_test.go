package replica

import (
	"fmt"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/store"
)

// TestLongWayUnderOneCertificate: a replica that knows nothing catches up over more blocks than one
// message holds, or larger ones, none of which has a certificate of its own but the last.
func TestLongWayUnderOneCertificate(t *testing.T) {
	for _, c := range []struct {
		blocks int
		value  int // bytes
	}{{servedBlocks + 60, 8}, {12, 400 << 10}} {
		t.Run(fmt.Sprintf("%d blocks", c.blocks), func(t *testing.T) {
			w := newNetwork(t, 4, nil)
			w.run()
			salt := uint64(0)
			for w.replicas[0].chain.height < quoin.Height(c.blocks) {
				var txs []quoin.Transaction
				for at := 0; at < c.value; at += 30 << 10 {
					salt++
					var batch plugin.KVBatch
					batch.Put(fmt.Appendf(nil, "key-%d", at), make([]byte, min(c.value-at, 30<<10)))
					txs = append(txs, quoin.Transaction{Salt: salt, Expiry: w.replicas[1].chain.height + 100, Namespace: "kv", Payload: batch.Payload()})
				}
				w.step(1, Submit{txs})
				w.run()
			}
			tip := w.replicas[0].chain.height
			for _, r := range w.replicas {
				var forget store.Batch
				for h := quoin.Height(1); h < tip; h++ {
					forget.Delete(numbered("c/cert/", h))
				}
				if err := r.c.Store.Apply(&forget, true); err != nil {
					t.Fatal(err)
				}
			}
			config := w.replicas[3].c
			config.Store = store.NewMemory()
			late, err := New(config, nil, false)
			if err != nil {
				t.Fatal(err)
			}
			w.replicas[3] = late
			w.step(3, Start{})
			w.run()
			for range 20 {
				w.fire()
			}
			if late.chain.height != tip {
				t.Errorf("it is at height %d of %d", late.chain.height, tip)
			}
		})
	}
}
