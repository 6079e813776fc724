package api

import (
	"context"

	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/policy"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// Changes is what governance has under way on a chain, and what it brought, as of a height.
type Changes struct {
	Height    uint64
	Proposals []Change // the newest first
	Serving   []Serving
}

// Change is a proposal. Of one that is open or on trial everything is known, as GetProposal tells it, and how
// its next step would be judged; of others there is the summary of ListProposals, and Explain is nil.
type Change struct {
	Proposal *quoinv1.Proposal
	Explain  *quoinv1.ExplainResponse
}

// Serving is the newest line of a slot's history.
type Serving struct {
	Slot          string
	Name, Version string // of the release that serves; empty for a built-in
	*quoinv1.Served
}

// Governance reads what governance has decided on one node, for those who show it. Its methods may be
// called by several goroutines.
type Governance struct {
	node  *node.Node
	judge judge
}

// NewGovernance returns a reader.
func NewGovernance(n *node.Node) *Governance { return &Governance{node: n} }

// Changes returns at most limit proposals. It reads on the node's loop, which takes some hundred
// microseconds: do not ask more often than somebody can look.
func (g *Governance) Changes(ctx context.Context, limit int) (*Changes, error) {
	c := &Changes{}
	var facts []policy.Facts
	err := g.node.Do(ctx, func(v *replica.Replica) {
		x := newProposals(v)
		c.Height = uint64(x.next - 1)
		for n := governance.Newest(x.state); n > 0 && len(c.Proposals) < limit; n-- {
			p, ok := governance.ReadProposal(x.state, n)
			switch {
			case !ok:
			case p.Status.Holds():
				e, f := newExplanation(v, &p, "")
				c.Proposals, facts = append(c.Proposals, Change{x.whole(&p), e}), append(facts, f)
			default:
				c.Proposals, facts = append(c.Proposals, Change{Proposal: x.summary(&p)}), append(facts, policy.Facts{})
			}
		}
		for _, s := range v.Overview().Serving {
			line := Serving{Slot: s.Slot, Served: toServed(x.state, s.Slot, &s.Served)}
			if r, ok := governance.ReadRelease(x.state, s.Binding.Release); ok && s.Bound {
				line.Name, line.Version = r.Name, r.Version
			}
			c.Serving = append(c.Serving, line)
		}
	})
	if err != nil {
		return nil, err
	}
	for i := range c.Proposals {
		if e := c.Proposals[i].Explain; e != nil {
			g.judge.judged(e, &facts[i])
		}
	}
	return c, nil
}
