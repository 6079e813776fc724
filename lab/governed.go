package lab

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/replica"
)

// governed checks, by the ledger's records of who said what, that nothing comes into force that may not
// (I6, KERNEL K8). bindings folds the ledger with governance's own rules; this is a second opinion on
// the rules.
type governed struct {
	blind
	w    *world
	sets []quoin.ValidatorSet // that have served
}

func (g *governed) booted(n *node) { g.serve(n) }

func (g *governed) serve(n *node) {
	c := n.replica.Overview().Configuration
	if !slices.ContainsFunc(g.sets, func(s quoin.ValidatorSet) bool { return slices.Equal(s.All(), c.Validators.All()) }) {
		g.sets = append(g.sets, c.Validators)
	}
}

func (g *governed) finished(n *node, f *replica.Finished) {
	if n.rottenKey != nil || !slices.ContainsFunc(f.Block.Transactions(), func(t quoin.Transaction) bool { return t.Kernel() }) {
		return // a rotten store cannot be asked without finding that out for the node
	}
	k, c := n.replica.Kernel(), n.replica.Overview().Configuration
	if _, early := governance.ReadConfiguration(k, c.Epoch+1); early {
		g.w.broken("K8/governed", "%s has a configuration of epoch %d in the state of epoch %d", n.name, c.Epoch+1, c.Epoch)
	}
	for p := range governance.Proposals(k) {
		g.proposal(n, k, &c, &p)
	}
}

// proposal checks that a proposal's status is what was said of it.
func (g *governed) proposal(n *node, k governance.State, c *quoin.Configuration, p *governance.Proposal) {
	approvers, approvals := 0, 0
	for _, m := range c.Members {
		if !m.Roles.Has(quoin.RoleApprover) {
			continue
		}
		approvers++
		if v, ok := governance.ReadReview(k, p, &m); !ok || !v.Approves {
			continue
		}
		approvals++
		if m.Key == p.Proposer || m.Key == p.Release.Author {
			g.w.broken("I6/governed", "%s: proposal %d is approved by who made it", n.name, p.Number)
		}
	}
	vetoed := false
	for i := range g.sets {
		vetoed = vetoed || g.weight(k, &g.sets[i], func(key quoin.PublicKey) []byte { return governance.VetoKey(p, key) }) > g.sets[i].FaultBound()
	}
	switch p.Status {
	case governance.StatusApproved, governance.StatusScheduled, governance.StatusActive:
		if required := max(1, min(2, approvers)); approvals < required {
			g.w.broken("I6/governed", "%s: proposal %d is %v with %d approvals of %d", n.name, p.Number, p.Status, approvals, required)
		}
		if vetoed {
			g.w.broken("I6/governed", "%s: proposal %d is %v, although more than f object", n.name, p.Number, p.Status)
		}
	case governance.StatusVetoed:
		if !vetoed {
			g.w.broken("I6/governed", "%s: proposal %d is vetoed by no more than f", n.name, p.Number)
		}
	}
}

// event checks what came into force with an epoch: its first height, and that a quorum of its validators
// had said that they are ready.
func (g *governed) event(n *node, e *replica.Event) {
	if e.Kind != replica.EpochBegan {
		return
	}
	if g.serve(n); n.rottenKey != nil {
		return
	}
	k, c := n.replica.Kernel(), n.replica.Overview().Configuration
	if c.Epoch != e.Epoch {
		return // several epochs at once: the last one's is checked
	}
	if c.First != e.Height+1 {
		g.w.broken("K8/governed", "%s: epoch %d begins after height %d, and its configuration says with height %d", n.name, c.Epoch, e.Height, c.First)
	}
	for p := range governance.Proposals(k) {
		if p.Status != governance.StatusActive || p.Closed != e.Height {
			continue
		}
		if p.Activation != e.Height {
			g.w.broken("K8/governed", "%s: proposal %d takes effect after height %d; it was scheduled for %d", n.name, p.Number, e.Height, p.Activation)
		}
		ready := g.weight(k, &c.Validators, func(key quoin.PublicKey) []byte { return governance.ReadyKey(&p, key) })
		if !c.Validators.IsQuorum(ready) {
			g.w.broken("K8/governed", "%s: proposal %d takes effect with weight %d of %d of the set of epoch %d ready", n.name, p.Number, ready, c.Validators.Total(), c.Epoch)
		}
	}
}

func (g *governed) weight(k governance.State, set *quoin.ValidatorSet, key func(quoin.PublicKey) []byte) uint64 {
	weight := uint64(0)
	for _, v := range set.All() {
		if _, ok := k.Get(key(v.Key)); ok {
			weight += v.Weight
		}
	}
	return weight
}
