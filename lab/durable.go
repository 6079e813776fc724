package lab

import (
	"quoin.dev/quoin/replica"
)

// durable checks I2: what was reported is there after every crash.
type durable struct {
	blind
	w *world
}

func (d *durable) booted(n *node) {
	if n.lost || n.behaviour != None {
		return
	}
	tip := n.replica.Overview().Tip
	if tip.Height < n.reported {
		d.w.broken("I2", "%s comes back at height %d; it had reported %d", n.name, tip.Height, n.reported)
		return
	}
	if n.reported == 0 || d.w.chain.height() < n.reported {
		return
	}
	want := d.w.chain.at(n.reported)
	b, results, err := replica.ReadBlock(n.store, n.reported)
	if err != nil || b.ID() != want.Checkpoint.Block || len(results) != len(want.Results) {
		d.w.broken("I2", "%s comes back with another block %d than it had reported: %v", n.name, n.reported, err)
	}
}
