package lab

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/replica"
)

// Behaviour is what a faulty validator does: an honest machine with one thing overridden.
type Behaviour string

// The behaviours.
const (
	Equivocate Behaviour = "equivocate" // as a leader, proposes one block to some and another to the rest
	Withhold   Behaviour = "withhold"   // as a leader, shows its block to no more than a quorum needs, and serves nothing
	FlipFlop   Behaviour = "flip-flop"  // votes, in every view, both to notarize or finalize and to nullify
)

var behaviours = []Behaviour{Equivocate, Withhold, FlipFlop}

// Behaviours returns all of them.
func Behaviours() []Behaviour { return slices.Clone(behaviours) }

func (b Behaviour) check() error {
	if b != "" && b != None && !slices.Contains(behaviours, b) {
		return fmt.Errorf("%w: no behaviour %q; there are %v", ErrOptions, b, behaviours)
	}
	return nil
}

// traitor wraps an honest machine. What it sends is altered on its way out.
type traitor struct {
	*simplex.Simplex
	n     *node
	c     simplex.Config
	alter func(t *traitor, out *consensus.Output)
}

func (b Behaviour) corrupt(n *node, c simplex.Config) replica.Machine {
	t := &traitor{Simplex: simplex.New(c), n: n, c: c}
	switch b {
	case Equivocate:
		t.alter = (*traitor).equivocate
	case Withhold:
		t.alter = (*traitor).withhold
	case FlipFlop:
		t.alter = (*traitor).flipFlop
	}
	return t
}

// act counts an act of the faulty validator.
func (t *traitor) act() { t.n.w.result.Faults.Byzantine++ }

// Step alters what the honest machine wants to send.
func (t *traitor) Step(now quoin.Time, in consensus.Input, out *consensus.Output) {
	t.Simplex.Step(now, in, out)
	t.alter(t, out)
}

// others are the validators but this one, in an order that changes from view to view.
func (t *traitor) others(v quoin.View) []int {
	var others []int
	n := t.c.Validators.Len()
	for k := range n {
		if i := (int(v) + k) % n; i != t.c.Self {
			others = append(others, i)
		}
	}
	return others
}

// equivocate shows another block, with another time, to half of the others.
func (t *traitor) equivocate(out *consensus.Output) {
	var sends []consensus.Envelope
	for _, e := range out.Send {
		p, ok := e.Message.(*simplex.Proposal)
		if !ok {
			sends = append(sends, e)
			continue
		}
		t.act()
		h := *p.Block.Header()
		h.Time++
		twin := *p
		twin.Block = quoin.NewBlock(h, p.Block.Transactions())
		twin.Signature = t.c.Signer.Sign(simplex.ProposeBytes(t.c.Origin.ID(), t.c.Epoch, h.View, twin.Block.ID()))
		others := t.others(h.View)
		for k, to := range others {
			if k < len(others)/2 {
				sends = append(sends, consensus.Envelope{To: to, Message: p})
			} else {
				sends = append(sends, consensus.Envelope{To: to, Message: &twin})
			}
		}
		// It votes for both, each before those who have it.
		for k, to := range others {
			if k >= len(others)/2 {
				sends = append(sends, consensus.Envelope{To: to, Message: p})
			}
		}
	}
	out.Send = sends
}

// withhold shows its blocks to as few as can still notarize them with it.
func (t *traitor) withhold(out *consensus.Output) {
	var sends []consensus.Envelope
	for _, e := range out.Send {
		p, ok := e.Message.(*simplex.Proposal)
		if !ok {
			sends = append(sends, e)
			continue
		}
		t.act()
		for _, to := range t.others(p.Block.Header().View)[:t.c.Validators.QuorumCount()-1] {
			sends = append(sends, consensus.Envelope{To: to, Message: p})
		}
	}
	out.Send = sends
}

// Block serves nothing when bodies are withheld.
func (t *traitor) Block(id quoin.Hash) (*quoin.Block, bool) {
	if t.n.behaviour == Withhold {
		return nil, false
	}
	return t.Simplex.Block(id)
}

// flipFlop adds, to every vote, the one that excludes it.
func (t *traitor) flipFlop(out *consensus.Output) {
	var sends []consensus.Envelope
	for _, e := range out.Send {
		sends = append(sends, e)
		var v quoin.View
		switch x := e.Message.(type) {
		case *simplex.Notarize:
			v = x.View
		case *simplex.Finalize:
			v = x.Checkpoint.View
		default:
			continue
		}
		t.act()
		n := &simplex.Nullify{View: v, Signature: t.c.Signer.Sign(simplex.NullifyBytes(t.c.Origin.ID(), t.c.Epoch, v))}
		sends = append(sends, consensus.Envelope{To: consensus.All, Message: n})
	}
	out.Send = sends
}
