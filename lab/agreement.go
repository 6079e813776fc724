package lab

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
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
		if f.Results[i].Code != 0 {
			c.refused++
		}
		c.w.clients.certified(id)
	}
}

// agreement checks I1: certificates of one height certify one result, each is one of a quorum, and
// each ledger is a prefix of the next.
type agreement struct {
	blind
	w      *world
	known  []quoin.Checkpoint // by height − 1, of the block itself
	ledger ledger.Edge
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
		w.broken("I1", "%s reports height %d, where %d is the highest that anybody has reported", n.name, h, len(a.known))
		return
	case h <= quoin.Height(len(a.known)):
		if k := a.known[h-1]; k != *c {
			w.broken("I1", "%s reports height %d with block %v, ledger %v, state %v; certified before: block %v, ledger %v, state %v", n.name, h,
				c.Block, c.Ledger, c.State, k.Block, k.Ledger, k.State)
		}
	default:
		a.known = append(a.known, *c)
		a.grow(n, f)
	}
	a.certificate(n, f.Certificate)
}

// grow checks that a new height's ledger is the one before with the block's entries.
func (a *agreement) grow(n *node, f *replica.Finished) {
	if id := f.Block.ID(); id != f.Checkpoint.Block {
		a.w.broken("I1", "%s reports block %v with the checkpoint of %v", n.name, id, f.Checkpoint.Block)
	}
	for i := range f.Results {
		e := quoin.Entry{Transaction: f.Block.Transactions()[i], Result: f.Results[i]}
		a.ledger.Append(ledger.LeafHash(e.AppendBinary(nil)))
	}
	if a.ledger.Root() != f.Checkpoint.Ledger || a.ledger.Size() != f.Checkpoint.Size {
		a.w.broken("I1", "%s reports height %d with the ledger %v of %d entries; the blocks up to it give %v of %d", n.name, f.Checkpoint.Height,
			f.Checkpoint.Ledger, f.Checkpoint.Size, a.ledger.Root(), a.ledger.Size())
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
		w.broken("I1", "%s has a certificate of height %d by weight %d of %d", n.name, x.Height, weight, set.Total())
		return
	}
	text, k := x.CosignedBytes(), 0
	for i := range c.Signers.All() {
		if k >= len(c.Signatures) || !known.keys.Verify(i, text, c.Signatures[k]) {
			w.broken("I1", "%s has a certificate of height %d that does not verify", n.name, x.Height)
			return
		}
		k++
	}
	if x.Height == 0 || x.Height > quoin.Height(len(a.known)) {
		return // of a descendant, which will be reported in its turn
	}
	first := a.known[x.Height-1]
	if first.Ledger != x.Ledger || first.State != x.State || first.Size != x.Size || first.Time != x.Time || first.Block != x.Block && !a.ends(n, x.Height) {
		w.broken("I1", "%s has a certificate of height %d for block %v, ledger %v, state %v; certified: %v, %v, %v", n.name, x.Height, x.Block,
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

// ends reports whether an epoch ends at a height, after which tail blocks may follow.
func (a *agreement) ends(n *node, h quoin.Height) bool {
	end, ok, err := replica.ReadEpochEnd(n.store, a.known[h-1].Epoch)
	return err == nil && ok && end == h
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
			o.w.broken("I7", "%s reports transaction %d of height %d as %v; it is %v", n.name, i, h, f.IDs[i], id)
		}
		if before, ok := o.seen[id]; ok {
			o.w.broken("I7", "transaction %v is certified at height %d and at height %d", id, before, h)
		}
		o.seen[id] = h
	}
}

// bindings checks I6: the configurations that served are the fold of the ledger.
type bindings struct {
	blind
	w      *world
	cold   *cold // whose execution tells of leaders' faults, which are in no entry
	served map[quoin.Epoch]quoin.Configuration
}

func (b *bindings) booted(n *node) { b.serve(n) }

func (b *bindings) event(n *node, e *replica.Event) {
	if e.Kind == replica.EpochBegan {
		b.serve(n)
	}
}

// serve notes the configuration that a replica works with.
func (b *bindings) serve(n *node) {
	c := n.replica.Overview().Configuration
	if before, ok := b.served[c.Epoch]; ok && !sameConfiguration(&before, &c) {
		b.w.broken("I6", "%s serves epoch %d with another configuration than others", n.name, c.Epoch)
	}
	b.served[c.Epoch] = c
}

func sameConfiguration(a, b *quoin.Configuration) bool {
	return string(a.AppendBinary(nil)) == string(b.AppendBinary(nil))
}

func (b *bindings) end() {
	blocks := func(yield func(governance.Block) bool) {
		for i := range b.w.chain.blocks {
			f := &b.w.chain.blocks[i]
			x := governance.Block{Height: f.Checkpoint.Height, Faults: b.cold.faults[f.Checkpoint.Height]}
			for k := range f.Results {
				x.Entries = append(x.Entries, quoin.Entry{Transaction: f.Block.Transactions()[k], Result: f.Results[k]})
			}
			if !yield(x) {
				return
			}
		}
	}
	epochs, err := governance.Fold(b.w.environment, &b.w.genesis.Configuration, blocks, b.w.chain.height())
	if err != nil {
		b.w.broken("I6", "the ledger does not fold: %v", err)
		return
	}
	for _, c := range epochs {
		if served, ok := b.served[c.Epoch]; ok && !sameConfiguration(&served, &c) {
			b.w.broken("I6", "epoch %d was served with another configuration than the ledger says", c.Epoch)
		}
	}
	if b.w.chain.epoch > quoin.Epoch(len(epochs)) {
		b.w.broken("I6", "epoch %d was served, and the ledger gives %d epochs", b.w.chain.epoch, len(epochs))
	}
}
