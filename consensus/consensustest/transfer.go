package consensustest

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// answerOld tells a member in an epoch that is over how it ended.
func (n *node) answerOld(to int, epoch quoin.Epoch) {
	after := quoin.Height(0)
	for _, o := range n.chain {
		if o.Last && o.Checkpoint.Epoch == epoch {
			after = o.Checkpoint.Height
		}
	}
	if c := n.certs[after]; c != nil {
		n.w.carry(n.index, to, func(p *node) { p.blocks(n.index, nil, c) })
	}
}

func (n *node) fetch(f consensus.Fetch) {
	n.w.result.Fetched++
	n.w.note("%d fetches %x after %d from %d", n.index, f.Block[:3], f.After, f.From)
	for to := range n.w.nodes {
		if f.From == consensus.All || f.From == to {
			n.w.carry(n.index, to, func(p *node) { p.serve(n.index, f.Block, f.After) })
		}
	}
}

// servedMax is small, so that long ways are gone in several parts. Each ends at a certified block: a
// part may be longer if one certificate is for many.
const servedMax = 5

func (n *node) serve(to int, id quoin.Hash, after quoin.Height) {
	var blocks []*quoin.Block
	var certificate *quoin.Certificate
	usable := 0
	for h := after + 1; int(h) < len(n.chain) && (len(blocks) < servedMax || usable == 0); h++ {
		o := n.chain[h]
		if len(blocks) > 0 && blocks[0].Header().Epoch != o.Block.Header().Epoch {
			break
		}
		blocks = append(blocks, o.Block)
		if c := n.certs[h]; c != nil {
			if c.Checkpoint.Block != o.Block.ID() {
				blocks = append(blocks, n.tails[o.Checkpoint.Epoch]...)
			}
			usable, certificate = len(blocks), c
		}
	}
	blocks = blocks[:usable]
	if usable == 0 {
		for len(blocks) < servedMax {
			b, ok := n.machine.Block(id)
			if !ok || int(b.Header().Height) < len(n.chain) {
				break
			}
			blocks = append(blocks, b)
			id = b.Header().Parent
		}
		slices.Reverse(blocks)
	}
	if len(blocks) > 0 {
		n.w.carry(n.index, to, func(p *node) { p.blocks(n.index, blocks, certificate) })
	}
}

// blocks takes fetched blocks. A certificate alone is how an epoch ended.
func (n *node) blocks(from int, blocks []*quoin.Block, c *quoin.Certificate) {
	if c != nil && c.Checkpoint.Epoch != n.epoch || len(blocks) > 0 && blocks[0].Header().Epoch != n.epoch {
		return
	}
	n.step(consensus.Fetched{From: from, Blocks: blocks, Certificate: c})
}
