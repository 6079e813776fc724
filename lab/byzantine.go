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
	Equivocate Behaviour = "equivocate"         // as a leader, proposes one block to some and another to the rest
	Withhold   Behaviour = "withhold"           // as a leader, shows its block to no more than a quorum needs, and serves nothing
	Silent     Behaviour = "silent"             // as a leader, proposes nothing
	Fork       Behaviour = "fork"               // as a leader, proposes on the parent of the block that it should propose on
	Censor     Behaviour = "censor"             // as a leader, leaves out what clients of one namespace submit
	Haste      Behaviour = "haste"              // has a clock that is a year ahead
	Accuse     Behaviour = "accuse"             // as a leader, proposes to suspend a namespace on forged evidence
	FlipFlop   Behaviour = "flip-flop"          // votes, in every view, both to notarize or finalize and to nullify
	Lie        Behaviour = "lie"                // votes for results that nobody has
	Selective  Behaviour = "selective"          // talks to f + 1 of the others only, to others in every view
	Amnesia    Behaviour = "amnesia"            // loses its vote log again and again, and votes again
	Stale      Behaviour = "stale"              // sends what was sent long ago, also in past epochs, again and again
	Forge      Behaviour = "false-certificates" // shows certificates by too few, by others, of other texts, epochs and chains
)

var behaviours = []Behaviour{Equivocate, Withhold, Silent, Fork, Censor, Haste, Accuse, FlipFlop, Lie, Selective, Amnesia, Stale, Forge}

// Behaviours returns all of them.
func Behaviours() []Behaviour { return slices.Clone(behaviours) }

func (b Behaviour) check() error {
	if b != "" && b != None && !slices.Contains(behaviours, b) {
		return fmt.Errorf("%w: no behaviour %q; there are %v", ErrOptions, b, behaviours)
	}
	return nil
}

// traitor wraps an honest machine. What goes in or what comes out of it is altered on the way.
type traitor struct {
	*simplex.Simplex
	n     *node
	c     simplex.Config
	alter func(t *traitor, out *consensus.Output)

	headers       map[quoin.Hash]*quoin.Header // of blocks that were proposed
	notarizations map[quoin.Hash]*simplex.Notarization
	forks         map[quoin.Hash]int // own forks: how many votes were added to those of others
	echo          []consensus.Message
	forged        uint64
}

func (b Behaviour) corrupt(n *node, c simplex.Config) consensus.Machine {
	t := &traitor{Simplex: simplex.New(c), n: n, c: c, headers: map[quoin.Hash]*quoin.Header{},
		notarizations: map[quoin.Hash]*simplex.Notarization{}, forks: map[quoin.Hash]int{}}
	switch b {
	case Equivocate:
		t.alter = (*traitor).equivocate
	case Withhold:
		t.alter = (*traitor).withhold
	case Silent:
		t.alter = (*traitor).fallSilent
	case Fork:
		t.alter = (*traitor).fork
	case Haste:
		t.alter = (*traitor).hasten
	case Censor, Accuse:
		t.alter = func(*traitor, *consensus.Output) {} // it is what they build that is altered
	case FlipFlop:
		t.alter = (*traitor).flipFlop
	case Lie:
		t.alter = (*traitor).lie
	case Selective:
		t.alter = (*traitor).tellFew
	case Amnesia:
		t.alter = (*traitor).forget
	case Stale:
		t.alter = (*traitor).repeat
	case Forge:
		t.alter = (*traitor).forge
	}
	return t
}

// act counts an act of the faulty validator.
func (t *traitor) act() { t.n.w.result.Faults.Byzantine++ }

// Step alters what the honest machine hears or wants to send.
func (t *traitor) Step(now quoin.Time, in consensus.Input, out *consensus.Output) {
	switch x := in.(type) {
	case consensus.Received:
		t.hear(x.Message)
	case consensus.Built:
		switch t.n.behaviour {
		case Censor:
			in = t.censor(x)
		case Accuse:
			in = t.accuse(x)
		}
	}
	if t.n.behaviour == Haste {
		now += year
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

// replace puts other envelopes in the place of those that f chooses. f returns false to keep one.
func replace(out *consensus.Output, f func(e consensus.Envelope) ([]consensus.Envelope, bool)) {
	var sends []consensus.Envelope
	for _, e := range out.Send {
		if others, ok := f(e); ok {
			sends = append(sends, others...)
		} else {
			sends = append(sends, e)
		}
	}
	out.Send = sends
}

func (t *traitor) signNotarize(x simplex.Notarize) *simplex.Notarize {
	x.Signature = t.c.Signer.Sign(simplex.NotarizeBytes(t.c.Origin.ID(), t.c.Epoch, x.View, x.Block, x.Checkpoint))
	return &x
}

func (t *traitor) signProposal(p simplex.Proposal) *simplex.Proposal {
	p.Signature = t.c.Signer.Sign(simplex.ProposeBytes(t.c.Origin.ID(), t.c.Epoch, p.Block.Header().View, p.Block.ID()))
	return &p
}
