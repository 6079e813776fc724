package lab

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/replica"
)

// certifiedChain is what was reported certified first, by height: the chain as clients see it.
type certifiedChain struct {
	blind
	w            *world
	blocks       []replica.Finished // by height − 1
	epoch        quoin.Epoch        // of the newest
	transactions int                // of clients
	refused      int                // of them, with a code other than 0
}

func (c *certifiedChain) height() quoin.Height { return quoin.Height(len(c.blocks)) }

// at returns the block of a height that was reported.
func (c *certifiedChain) at(h quoin.Height) *replica.Finished { return &c.blocks[h-1] }

func (c *certifiedChain) finished(n *node, f *replica.Finished) {
	if f.Checkpoint.Height != c.height()+1 {
		return
	}
	c.blocks = append(c.blocks, *f)
	c.epoch = f.Checkpoint.Epoch
	for i, id := range f.IDs {
		t := &f.Block.Transactions()[i]
		if t.Kernel() {
			c.w.governor.certified(id, &f.Results[i])
			continue
		}
		c.transactions++
		c.w.result.Fuel += f.Results[i].Fuel
		if f.Results[i].Code != 0 {
			c.refused++
		}
		c.w.clients.certified(n, id)
	}
}
