package replica

import (
	"bytes"
	"fmt"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
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

// counting counts what is read of the certificates.
type counting struct {
	store.Store
	certificates int
}

func (c *counting) Get(key []byte) ([]byte, bool, error) {
	if bytes.HasPrefix(key, []byte("c/cert/")) {
		c.certificates++
	}
	return c.Store.Get(key)
}

// TestFetchesDoNotSearchAnew: a peer that fetches again and again, wherever on a long way without
// certificates, makes a replica search for the way's end once.
func TestFetchesDoNotSearchAnew(t *testing.T) {
	const long, fetches = 2 * servedBlocks, 50
	w := newNetwork(t, 4, nil)
	w.run()
	for salt := uint64(1); w.replicas[0].chain.height < long; salt++ {
		var batch plugin.KVBatch
		batch.Put([]byte("key"), []byte("value"))
		w.step(1, Submit{[]quoin.Transaction{{Salt: salt, Expiry: w.replicas[1].chain.height + 100, Namespace: "kv", Payload: batch.Payload()}}})
		w.run()
	}
	r := w.replicas[0]
	var forget store.Batch
	for h := quoin.Height(1); h < r.chain.height; h++ {
		forget.Delete(numbered("c/cert/", h))
	}
	if err := r.c.Store.Apply(&forget, true); err != nil {
		t.Fatal(err)
	}
	s := &counting{Store: r.c.Store}
	r.c.Store = s
	for i := range uint64(fetches) {
		body := canonical.AppendUint64(make([]byte, 32), fetches-i) // a block that there is not
		w.step(0, Message{From: w.keys[1], Bytes: append([]byte{kindFetch}, body...)})
	}
	// Each looks at the blocks that would fit into an answer; one looks for the end.
	if most := fetches*(servedBlocks+1) + 2*long; s.certificates > most {
		t.Errorf("%d fetches read %d certificates, want %d at most", fetches, s.certificates, most)
	}
}

// TestManyTailBlocksAreTaken: an epoch may have ended with more tail blocks, one a view, than an answer
// has other blocks. Who is still in it gets them in one message, or never.
func TestManyTailBlocksAreTaken(t *testing.T) {
	r := newNetwork(t, 4, nil).replicas[0]
	var tails []*quoin.Block
	for v := range quoin.View(20 * servedBlocks) {
		tails = append(tails, quoin.NewBlock(quoin.Header{Epoch: 1, View: v + 1, Height: 1, ParentVoters: quoin.Bitmap{}.With(3)}, nil))
	}
	message := canonical.AppendBytes32(appendBlocks(nil, tails), []byte(nil))
	if err := r.blocks(0, r.self, message, new(Output)); err != nil || len(message) > MessageBytesMax {
		t.Errorf("%d tail blocks in %d bytes: %v", len(tails), len(message), err)
	}
}
