package lab

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/replica"
)

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
		b.w.broken("I6/bindings", "%s serves epoch %d with another configuration than others", n.name, c.Epoch)
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
			x := governance.Block{Height: f.Checkpoint.Height, Faults: b.cold.faults[f.Checkpoint.Height], Defects: b.cold.defects[f.Checkpoint.Height]}
			for k := range f.Results {
				x.Entries = append(x.Entries, quoin.Entry{Transaction: f.Block.Transactions()[k], Result: f.Results[k]})
			}
			if !yield(x) {
				return
			}
		}
	}
	env := b.w.environment
	env.Origin = b.w.genesis.Origin().ID()
	epochs, err := b.w.plant.flaws.Execution.Governance.Fold(env, &b.w.genesis.Configuration, blocks, b.w.chain.height())
	if err != nil {
		b.w.broken("I6/bindings", "the ledger does not fold: %v", err)
		return
	}
	for _, c := range epochs {
		if served, ok := b.served[c.Epoch]; ok && !sameConfiguration(&served, &c) {
			b.w.broken("I6/bindings", "epoch %d was served with another configuration than the ledger says", c.Epoch)
		}
	}
	if b.w.chain.epoch > quoin.Epoch(len(epochs)) {
		b.w.broken("I6/bindings", "epoch %d was served, and the ledger gives %d epochs", b.w.chain.epoch, len(epochs))
	}
}
