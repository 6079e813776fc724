package lab

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
)

// Behaviour is what a faulty validator does: an honest machine with one thing overridden.
type Behaviour string

// The behaviours.
const (
	Equivocate Behaviour = "equivocate" // as a leader, proposes one block to some and another to the rest
	Withhold   Behaviour = "withhold"   // as a leader, shows its block to no more than a quorum needs, and serves nothing
	FlipFlop   Behaviour = "flip-flop"  // votes, in every view, both to notarize or finalize and to nullify
	Fork       Behaviour = "fork"       // as a leader, proposes on the parent of the block that it should propose on
	Lie        Behaviour = "lie"        // votes for results that nobody has
)

var behaviours = []Behaviour{Equivocate, Withhold, FlipFlop, Fork, Lie}

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

	headers       map[quoin.Hash]*quoin.Header // of blocks that were proposed
	notarizations map[quoin.Hash]*simplex.Notarization
	forks         map[quoin.Hash]int // own forks: how many votes were added to those of others
	echo          []consensus.Message
}

func (b Behaviour) corrupt(n *node, c simplex.Config) consensus.Machine {
	t := &traitor{Simplex: simplex.New(c), n: n, c: c, headers: map[quoin.Hash]*quoin.Header{},
		notarizations: map[quoin.Hash]*simplex.Notarization{}, forks: map[quoin.Hash]int{}}
	switch b {
	case Equivocate:
		t.alter = (*traitor).equivocate
	case Withhold:
		t.alter = (*traitor).withhold
	case FlipFlop:
		t.alter = (*traitor).flipFlop
	case Fork:
		t.alter = (*traitor).fork
	case Lie:
		t.alter = (*traitor).lie
	}
	return t
}

// act counts an act of the faulty validator.
func (t *traitor) act() { t.n.w.result.Faults.Byzantine++ }

// Step alters what the honest machine wants to send.
func (t *traitor) Step(now quoin.Time, in consensus.Input, out *consensus.Output) {
	if r, ok := in.(consensus.Received); ok {
		t.hear(r.Message)
	}
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

// fork proposes on the grandparent, and shows the grandparent's notarization.
func (t *traitor) fork(out *consensus.Output) {
	for i, e := range out.Send {
		switch x := e.Message.(type) {
		case *simplex.Notarization:
			t.notarizations[x.Block] = x
		case *simplex.Proposal:
			h := *x.Block.Header()
			t.headers[x.Block.ID()] = x.Block.Header()
			parent := t.headers[h.Parent]
			if parent == nil {
				continue
			}
			below, n := t.headers[parent.Parent], t.notarizations[parent.Parent]
			if below == nil || n == nil {
				continue
			}
			t.act()
			h.Height, h.Parent, h.ParentView, h.ParentCheckpoint, h.ParentVoters = parent.Height, parent.Parent, parent.ParentView, n.Checkpoint, n.Signers
			p := &simplex.Proposal{Block: quoin.NewBlock(h, nil), Parent: n}
			p.Signature = t.c.Signer.Sign(simplex.ProposeBytes(t.c.Origin.ID(), t.c.Epoch, h.View, p.Block.ID()))
			out.Send[i].Message = p
			t.forks[p.Block.ID()] = 0
		}
	}
	for _, x := range t.echo {
		out.Send = append(out.Send, consensus.Envelope{To: consensus.All, Message: x})
	}
	t.echo = nil
}

// hear remembers what others propose, and votes for the own forks as those do who fall for them.
func (t *traitor) hear(m consensus.Message) {
	switch x := m.(type) {
	case *simplex.Proposal:
		t.headers[x.Block.ID()] = x.Block.Header()
	case *simplex.Notarize:
		if n, ok := t.forks[x.Block]; ok && n == 0 {
			t.forks[x.Block] = 1
			y := *x
			y.Signature = t.c.Signer.Sign(simplex.NotarizeBytes(t.c.Origin.ID(), t.c.Epoch, y.View, y.Block, y.Checkpoint))
			t.echo = append(t.echo, &y)
		}
	case *simplex.Finalize:
		if n, ok := t.forks[x.Checkpoint.Block]; ok && n < 2 {
			t.forks[x.Checkpoint.Block] = 2
			t.echo = append(t.echo, &simplex.Finalize{Checkpoint: x.Checkpoint, Signature: t.c.Signer.Sign(x.Checkpoint.CosignedBytes())})
		}
	}
}

// lie votes for a checkpoint of its own invention.
func (t *traitor) lie(out *consensus.Output) {
	for i, e := range out.Send {
		if x, ok := e.Message.(*simplex.Notarize); ok {
			t.act()
			y := *x
			y.Checkpoint[0] ^= 1
			y.Signature = t.c.Signer.Sign(simplex.NotarizeBytes(t.c.Origin.ID(), t.c.Epoch, y.View, y.Block, y.Checkpoint))
			out.Send[i].Message = &y
		}
	}
}
