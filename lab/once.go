package lab

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/replica"
)

// once checks I7: no id is certified twice.
type once struct {
	blind
	w    *world
	next quoin.Height
	seen map[quoin.Hash]quoin.Height
}

func newOnce(w *world) *once { return &once{w: w, next: 1, seen: map[quoin.Hash]quoin.Height{}} }

func (o *once) finished(n *node, f *replica.Finished) {
	h := f.Checkpoint.Height
	if h != o.next {
		return
	}
	o.next++
	for i := range f.Block.Transactions() {
		id := f.Block.Transactions()[i].ID(o.w.origin.ID())
		if id != f.IDs[i] {
			o.w.broken("I7/once", "%s reports transaction %d of height %d as %v; it is %v", n.name, i, h, f.IDs[i], id)
		}
		if before, ok := o.seen[id]; ok {
			o.w.broken("I7/once", "transaction %v is certified at height %d and at height %d", id, before, h)
		}
		o.seen[id] = h
	}
}
