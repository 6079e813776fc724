package protocol

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// Observer checks, on what nodes send, certify and report, the invariants that a protocol alone can
// break, in the project's numbers: I1 (agreement), I2 (a chain is certified block by block), I8
// (votes). It never steers.
type Observer struct {
	protocol   *consensus.Protocol
	validators quoin.ValidatorSet
	keys       consensus.Keys
	heights    []quoin.Checkpoint // as first certified by anyone; [0] is the genesis
	made       map[claimKey]quoin.Hash
	broken     *Violation
}

// Violation is a broken invariant.
type Violation struct {
	Invariant string `json:"invariant"` // "I1", "I2", "I5", "I8"
	Text      string `json:"text"`
}

func (v *Violation) String() string { return v.Invariant + ": " + v.Text }

type claimKey struct {
	member int // -1 for claims of all
	view   quoin.View
	kind   string
}

// NewObserver returns an observer of one epoch of a protocol, on the genesis.
func NewObserver(p *consensus.Protocol, m *consensus.Member) *Observer {
	return &Observer{protocol: p, validators: m.Validators, keys: m.Keys, heights: []quoin.Checkpoint{m.Root.Checkpoint}, made: map[claimKey]quoin.Hash{}}
}

// Violation returns the first broken invariant, nil if there is none.
func (o *Observer) Violation() *Violation { return o.broken }

// Height returns the highest certified height.
func (o *Observer) Height() quoin.Height { return quoin.Height(len(o.heights) - 1) }

// Broken notes a broken invariant, if it is the first.
func (o *Observer) Broken(invariant, format string, args ...any) {
	if o.broken == nil {
		o.broken = &Violation{invariant, fmt.Sprintf(format, args...)}
	}
}

// Claimed checks I8 on the claims of a message that a node sends. honest is false for twins: they may
// contradict one another, but what takes a quorum to form stands even if one of them shows it.
func (o *Observer) Claimed(n *Node, honest bool, claims []consensus.Claim) {
	for _, c := range claims {
		if honest || c.All {
			o.claim(n, &c)
		}
	}
}

func (o *Observer) claim(n *Node, c *consensus.Claim) {
	key := claimKey{n.Member.Self, c.View, c.Kind}
	if c.All {
		key.member = -1
	}
	before, again := o.made[key]
	if again && before == c.Content {
		return
	}
	if again {
		o.Broken("I8", "%s sends %s of view %d for %x, after one for %x", n, c.Kind, c.View, c.Content[:4], before[:4])
	}
	o.made[key] = c.Content
	for _, pair := range o.protocol.Final {
		if pair[1] == c.Kind && o.has(key, pair[0]) {
			o.Broken("I8", "%s sends its first %s of view %d after %s", n, c.Kind, c.View, pair[0])
		}
	}
	for _, pair := range o.protocol.Exclusive {
		other := ""
		switch c.Kind {
		case pair[0]:
			other = pair[1]
		case pair[1]:
			other = pair[0]
		default:
			continue
		}
		if o.has(key, other) {
			o.Broken("I8", "%s sends %s of view %d, after %s", n, c.Kind, c.View, other)
		}
	}
}

func (o *Observer) has(key claimKey, kind string) bool {
	key.kind = kind
	_, ok := o.made[key]
	return ok
}

// Certified checks I1 and I2 on what a machine certifies, before the node takes it.
func (o *Observer) Certified(n *Node, c *consensus.Certified) {
	parent := n.Tip()
	for _, b := range c.Blocks {
		x := n.outcomes[b.ID()]
		if x == nil || b.Header().Parent != parent.Block {
			o.Broken("I2", "%s certifies block %x, which it has not executed or which does not follow its chain", n, first4(b.ID()))
			return
		}
		parent = &x.Checkpoint
		switch h := int(parent.Height); {
		case h == len(o.heights):
			o.heights = append(o.heights, *parent)
		case h > len(o.heights):
			o.Broken("I1", "height %d is certified before height %d", h, len(o.heights))
			return
		case o.heights[h] != *parent:
			o.Broken("I1", "%s certifies block %x of view %d at height %d, where block %x of view %d was certified", n, first4(parent.Block), parent.View, h,
				first4(o.heights[h].Block), o.heights[h].View)
		}
	}
	if c.Certificate.Checkpoint != *parent {
		o.Broken("I1", "%s has a certificate of another result than its own at height %d", n, parent.Height)
	}
	o.certificate(n, &c.Certificate)
}

func (o *Observer) certificate(n *Node, c *quoin.Certificate) {
	if w := o.validators.Weight(c.Signers); !o.validators.IsQuorum(w) {
		o.Broken("I1", "%s certifies height %d with signers of weight %d of %d", n, c.Checkpoint.Height, w, o.validators.Total())
	}
	text, k := c.Checkpoint.CosignedBytes(), 0
	for i := range c.Signers.All() {
		if k >= len(c.Signatures) || !o.keys.Verify(i, text, c.Signatures[k]) {
			o.Broken("I1", "%s certifies height %d with a signature that does not verify", n, c.Checkpoint.Height)
			return
		}
		k++
	}
}

// Reported checks what machines tell of that no honest one ever sees: a quorum with another result
// than its own, or a certificate that contradicts what is certified.
func (o *Observer) Reported(n *Node, r *consensus.Report) {
	if r.Kind == consensus.Conflict || r.Kind == consensus.Diverged {
		o.Broken("I1", "%s reports %s at view %d", n, r.Kind, r.View)
	}
}

func first4(h quoin.Hash) []byte { return h[:4] }
