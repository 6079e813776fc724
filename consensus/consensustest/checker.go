package consensustest

import (
	"bytes"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/model"
)

// checker observes a world. It never steers.
type checker struct {
	w     *world
	chain []*model.Outcome // by height, as first certified by anyone honest
	made  map[claimKey]quoin.Hash
}

type claimKey struct {
	member int // -1 for claims of all
	epoch  quoin.Epoch
	view   quoin.View
	kind   string
}

func (c *checker) begin(genesis *model.Outcome) {
	c.chain, c.made = []*model.Outcome{genesis}, map[claimKey]quoin.Hash{}
}

// claims checks I8 on what an honest member sends.
func (c *checker) claims(n *node, m consensus.Message, claims []consensus.Claim) {
	for _, x := range claims {
		key := claimKey{n.index, n.epoch, x.View, x.Kind}
		if x.All {
			key.member = -1
		}
		if before, ok := c.made[key]; ok && before != x.Content {
			c.w.broken("I8: member %d sends %s of view %d for %x, after one for %x", n.index, x.Kind, x.View, x.Content[:4], before[:4])
		}
		for _, pair := range c.w.suite.Final {
			earlier := key
			earlier.kind = pair[0]
			_, again := c.made[key]
			if _, ok := c.made[earlier]; ok && !again && pair[1] == x.Kind {
				c.w.broken("I8: member %d sends its first %s of view %d after %s", n.index, x.Kind, x.View, pair[0])
			}
		}
		c.made[key] = x.Content
		for _, pair := range c.w.suite.Exclusive {
			if i := slices.Index(pair[:], x.Kind); i >= 0 {
				other := key
				other.kind = pair[1-i]
				if _, ok := c.made[other]; ok {
					c.w.broken("I8: member %d sends %s of view %d, after %s", n.index, x.Kind, x.View, other.kind)
				}
			}
		}
	}
}

// certified checks I1 and I2 on what a machine certifies.
func (c *checker) certified(n *node, x *consensus.Certified) {
	if n.traitor {
		return
	}
	parent := n.tip()
	for _, b := range x.Blocks {
		o := n.outcomes[b.ID()]
		if o == nil || b.Header().Parent != parent.Checkpoint.Block {
			c.w.broken("I2: member %d certifies block %s, which it has not executed or does not follow its chain", n.index, b.ID())
			return
		}
		parent = o
		h := o.Checkpoint.Height
		if o.Tail {
			last := c.chain[h].Checkpoint
			if o.Checkpoint.Ledger != last.Ledger || o.Checkpoint.State != last.State || o.Checkpoint.Size != last.Size {
				c.w.broken("I1: the tail block %s has another result than the last block", b.ID())
			}
			continue
		}
		switch {
		case int(h) == len(c.chain):
			c.chain = append(c.chain, o)
			c.w.result.Heights, c.w.result.Epochs = h, max(c.w.result.Epochs, n.epoch)
		case int(h) > len(c.chain):
			c.w.broken("I1: height %d is certified before height %d", h, len(c.chain))
		case c.chain[h].Checkpoint != o.Checkpoint:
			c.w.broken("I1: member %d certifies block %s at height %d, where %s was certified", n.index, b.ID(), h, c.chain[h].Checkpoint.Block)
		}
	}
	if x.Ended != parent.Last {
		c.w.broken("member %d ends its epoch at height %d: %v, want %v", n.index, parent.Checkpoint.Height, x.Ended, parent.Last)
	}
	if x.Certificate.Checkpoint != parent.Checkpoint {
		c.w.broken("I1: member %d has a certificate of another result than its own at height %d", n.index, parent.Checkpoint.Height)
	}
	c.certificate(&x.Certificate)
}

func (c *checker) certificate(x *quoin.Certificate) {
	if w := c.w.validators.Weight(x.Signers); !c.w.validators.IsQuorum(w) {
		c.w.broken("I1: a certificate of height %d has signers of weight %d", x.Checkpoint.Height, w)
	}
	text, k := x.Checkpoint.CosignedBytes(), 0
	for i := range x.Signers.All() {
		if !(model.Keys{N: len(c.w.nodes)}).Verify(i, text, x.Signatures[k]) {
			c.w.broken("I1: a certificate of height %d does not verify", x.Checkpoint.Height)
		}
		k++
	}
}

// progress notes when a member has certified what was pending after healing.
func (c *checker) progress(n *node) {
	if !c.w.healed || n.settled || n.traitor || len(c.w.pending) == 0 {
		return
	}
	for salt := range c.w.pending {
		if !n.tip().Has(salt) {
			return
		}
	}
	n.settled = true
	c.w.result.Healed = max(c.w.result.Healed, n.entered)
}

// end checks what must hold when the world has come to rest.
func (c *checker) end() {
	slowest := len(c.chain)
	for _, n := range c.w.nodes {
		if n.traitor || n.machine == nil {
			continue
		}
		if !n.settled {
			c.w.broken("I5: member %d has not certified what was pending: %s", n.index, c.w.state())
		}
		slowest = min(slowest, len(n.chain))
		h := n.tip().Checkpoint
		if int(h.Height) != len(c.chain)-1 && !slices.Contains(n.chain, c.chain[len(c.chain)-1]) {
			c.w.note("%d rests at height %d of %d", n.index, h.Height, len(c.chain)-1)
		}
	}
	if limit := 4 * (len(c.w.nodes) + 1); c.w.result.Healed > limit {
		c.w.broken("I5: certifying what was pending took %d views, limit %d", c.w.result.Healed, limit)
	}
	for i, o := range c.chain {
		if i > 0 && !bytes.Equal(o.Block.Header().Parent[:], c.chain[i-1].Checkpoint.Block[:]) {
			c.w.broken("I1: the certified chain is not one at height %d", i)
		}
	}
}
