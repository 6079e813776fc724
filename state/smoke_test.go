package state

import (
	"fmt"
	"testing"

	"quoin.dev/quoin/store"
)

func TestSmoke(t *testing.T) {
	m := store.NewMemory()
	s, err := Open(m, Options{FlushTouched: 700, CacheBytes: 20000})
	if err != nil {
		t.Fatal(err)
	}
	for h := 1; h < 50; h++ {
		o, _ := s.NewOverlay(nil)
		for i := range 100 {
			if err := o.Put("kv", fmt.Appendf(nil, "k%d", i*h), fmt.Appendf(nil, "v%d", h)); err != nil {
				t.Fatal(err)
			}
		}
		root, err := o.Seal()
		if err != nil {
			t.Fatal(h, err)
		}
		var b store.Batch
		if err := s.Commit(o, 1, &b); err != nil {
			t.Fatal(err)
		}
		m.Apply(&b, true)
		r, err := Open(m, Options{})
		if err != nil {
			t.Fatal(h, err)
		}
		if r.Root() != root || s.Root() != root {
			t.Fatal(h)
		}
		for _, k := range []string{"k5", "nope", "k99"} {
			p, err := s.Prove("kv", []byte(k))
			if err != nil {
				t.Fatal(err)
			}
			v, ok, err := p.Verify(root, "kv", []byte(k))
			t.Log(k, string(v), ok, err)
		}
	}
	t.Log(s.loads, s.evictions, s.flushes, s.flushedPages, s.nodes.bytes())
}
