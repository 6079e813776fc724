package lab

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/replica"
)

// progress checks I5 once the network is good: a transaction that all know is certified within
// 4(n + 1) views, more where priorities are bound, and in the end everybody has everything.
type progress struct {
	blind
	w      *world
	epoch  quoin.Epoch // the highest view that an honest replica has entered
	view   quoin.View
	views  uint64  // how many were entered first by somebody
	probes []probe // transactions that all know and that are not certified yet
}

// probe is a transaction and how many views had been entered when all knew it.
type probe struct {
	id    quoin.Hash
	since uint64
}

func newProgress(w *world) *progress {
	return &progress{w: w}
}

func (p *progress) event(n *node, e *replica.Event) {
	if e.Kind == replica.Halted {
		p.w.broken("I1/progress", "%s halts: %s", n.name, e.Reason)
	}
	if e.Kind != replica.EnteredView || e.Epoch < p.epoch || e.Epoch == p.epoch && e.View <= p.view {
		return
	}
	p.epoch, p.view = e.Epoch, e.View
	p.views++
	p.w.result.Views = p.views
	limit := p.limit(n)
	for _, x := range p.probes {
		if p.views > x.since+limit && !p.certified(n, x.id) {
			p.w.broken("I5/progress", "transaction %v has been known to all for more than %d views: %s", x.id, limit, p.w.state())
			return
		}
	}
}

// certified reports whether a transaction is in a block that a replica has certified and not reported yet:
// in a fast network many views pass while a slow disk makes it durable.
func (p *progress) certified(n *node, id quoin.Hash) bool {
	for h := p.w.chain.height() + 1; h <= n.replica.Overview().Tip.Height; h++ {
		b, _, err := replica.ReadBlock(n.store, h)
		if err != nil {
			return false
		}
		for i := range b.Transactions() {
			if b.Transactions()[i].ID(p.w.origin.ID()) == id {
				return true
			}
		}
	}
	return false
}

// limit is how many views a transaction may be known to all without being certified: I5's, and where
// priorities decide what leaders propose, besides that what they may put it off before it goes first.
func (p *progress) limit(n *node) uint64 {
	views := uint64(4 * (len(p.w.nodes) + 1))
	c := n.replica.Overview().Configuration
	if _, ok := c.Binding(hook.Priority.Name); ok {
		views += c.Parameters.ForcedInclusionViews
	}
	return views
}

func (p *progress) finished(n *node, f *replica.Finished) {
	p.probes = slices.DeleteFunc(p.probes, func(x probe) bool { return slices.Contains(f.IDs, x.id) })
}

// expect begins to count views for a transaction that everybody was given.
func (p *progress) expect(id quoin.Hash) {
	p.probes = append(p.probes, probe{id, p.views + 1}) // the submission itself takes a moment
}

// forget ends the wait for a transaction.
func (p *progress) forget(id quoin.Hash) {
	p.probes = slices.DeleteFunc(p.probes, func(x probe) bool { return x.id == id })
}

// rested reports whether every honest replica has everything.
func (p *progress) rested() bool {
	for _, n := range p.w.honest() {
		if !n.up() {
			return false
		}
		o := n.replica.Overview()
		if o.Pending > 0 || o.Tip.Height < p.w.chain.height() || o.Consensus.Diverged {
			return false
		}
	}
	return len(p.probes) == 0
}
