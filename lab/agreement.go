package lab

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
)

// agreement checks I1: certificates of one height certify one result, each is one of a quorum, and
// each ledger is a prefix of the next.
type agreement struct {
	blind
	w      *world
	known  []quoin.Checkpoint // by height − 1, of the block itself
	ledger tree
	ends   map[quoin.Height]bool // last heights of epochs, after which tail blocks may follow
	sets   map[quoin.Epoch]*members
}

// members are the validators of an epoch, with their keys made ready.
type members struct {
	set  quoin.ValidatorSet
	keys keys
}

func (a *agreement) finished(n *node, f *replica.Finished) {
	w, c := a.w, &f.Checkpoint
	h := c.Height
	switch {
	case h == 0 || h > quoin.Height(len(a.known))+1:
		w.broken("I1/agreement", "%s reports height %d, where %d is the highest that anybody has reported", n.name, h, len(a.known))
		return
	case h <= quoin.Height(len(a.known)):
		if k := a.known[h-1]; k != *c {
			w.broken("I1/agreement", "%s reports height %d with block %v, ledger %v, state %v; certified before: block %v, ledger %v, state %v", n.name, h,
				c.Block, c.Ledger, c.State, k.Block, k.Ledger, k.State)
		}
	default:
		a.known = append(a.known, *c)
		if end, ok, err := replica.ReadEpochEnd(n.store, c.Epoch); err == nil && ok && end == h {
			a.ends[h] = true
		}
		a.grow(n, f)
	}
	a.certificate(n, f.Certificate)
}

// grow checks that a new height's ledger is the one before with the block's entries.
func (a *agreement) grow(n *node, f *replica.Finished) {
	if id := f.Block.ID(); id != f.Checkpoint.Block {
		a.w.broken("I1/agreement", "%s reports block %v with the checkpoint of %v", n.name, id, f.Checkpoint.Block)
	}
	for i := range f.Results {
		e := quoin.Entry{Transaction: f.Block.Transactions()[i], Result: f.Results[i]}
		a.ledger.add(e.AppendBinary(nil))
	}
	if a.ledger.root() != f.Checkpoint.Ledger || a.ledger.size != f.Checkpoint.Size {
		a.w.broken("I1/agreement", "%s reports height %d with the ledger %v of %d entries; the blocks up to it give %v of %d", n.name, f.Checkpoint.Height,
			f.Checkpoint.Ledger, f.Checkpoint.Size, a.ledger.root(), a.ledger.size)
	}
}

// certificate checks a certificate against what is certified at its height.
func (a *agreement) certificate(n *node, c *quoin.Certificate) {
	w, x := a.w, &c.Checkpoint
	known := a.members(n, x.Epoch)
	if known == nil {
		return
	}
	set := &known.set
	if weight := set.Weight(c.Signers); !set.IsQuorum(weight) {
		w.broken("I1/agreement", "%s has a certificate of height %d by weight %d of %d", n.name, x.Height, weight, set.Total())
		return
	}
	text, k := x.CosignedBytes(), 0
	for i := range c.Signers.All() {
		if k >= len(c.Signatures) || !known.keys.Verify(i, text, c.Signatures[k]) {
			w.broken("I1/agreement", "%s has a certificate of height %d that does not verify", n.name, x.Height)
			return
		}
		k++
	}
	if x.Height == 0 || x.Height > quoin.Height(len(a.known)) {
		return // of a descendant, which will be reported in its turn
	}
	first := a.known[x.Height-1]
	if first.Ledger != x.Ledger || first.State != x.State || first.Size != x.Size || first.Time != x.Time || first.Block != x.Block && !a.ends[x.Height] {
		w.broken("I1/agreement", "%s has a certificate of height %d for block %v, ledger %v, state %v; certified: %v, %v, %v", n.name, x.Height, x.Block,
			x.Ledger, x.State, first.Block, first.Ledger, first.State)
	}
}

// sent checks the certificates that travel.
func (a *agreement) sent(n *node, m *message) {
	switch x := m.consensus.(type) {
	case *simplex.Certificate:
		a.certificate(n, &x.Certificate)
	case *simplex.Proposal:
		if x.Highest != nil {
			a.certificate(n, x.Highest)
		}
	}
}

// members returns the validators of an epoch, as a node knows them; nil if it does not yet.
func (a *agreement) members(n *node, e quoin.Epoch) *members {
	if m := a.sets[e]; m != nil {
		return m
	}
	c := n.replica.Overview().Configuration
	set, ok := c.Validators, c.Epoch == e
	if !ok {
		var err error
		if set, ok, err = ledger.ReadValidators(n.store, e); err != nil || !ok {
			return nil
		}
	}
	a.sets[e] = &members{set, keys{verified: a.w.verified, keys: signature.KeysOf(set)}}
	return a.sets[e]
}
