package protocol

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/lab/events"
)

// ViewOf returns the view that a message with these claims is about, 0 if it commits to nothing.
func ViewOf(claims []consensus.Claim) quoin.View {
	var view quoin.View
	for _, c := range claims {
		view = max(view, c.View)
	}
	return view
}

// Passing returns the event of a message that a node sends to a peer, gets from it, or has sent and
// the network loses.
func Passing(p *consensus.Protocol, verb events.Verb, node, peer int, m consensus.Message, flight uint64) events.Event {
	e := events.Event{Node: node, Verb: verb, Peer: peer, Kind: m.Kind(), Flight: flight}
	claims := p.Claims(m)
	e.View = uint64(ViewOf(claims))
	for _, c := range claims {
		if c.Kind == e.Kind && !c.Content.IsZero() {
			e.Block = fmt.Sprintf("%x", c.Content[:4])
		}
	}
	return e
}

// Reported returns the event of a machine's report.
func Reported(n *Node, r *consensus.Report) events.Event {
	e := events.Event{Node: n.Place, Verb: events.Reported, Kind: string(r.Kind), View: uint64(r.View)}
	switch r.Kind {
	case consensus.EnteredView:
		e.Verb, e.Kind = events.Entered, ""
	case consensus.TimedOutView:
		e.Verb, e.Kind = events.TimedOut, ""
	case consensus.Notarized:
		e.Verb, e.Kind = events.Notarized, ""
	case consensus.Nullified:
		e.Verb, e.Kind = events.Nullified, ""
	}
	if !r.Block.IsZero() {
		e.Block = fmt.Sprintf("%x", r.Block[:4])
	}
	return e
}

// Certification returns the event of a certified block.
func Certification(n *Node, c *quoin.Checkpoint) events.Event {
	return events.Event{Node: n.Place, Verb: events.Certified, View: uint64(c.View), Height: uint64(c.Height), Block: fmt.Sprintf("%x", c.Block[:4])}
}

func (w *world) log(e events.Event) {
	if w.o.Log != nil {
		e.Index, e.AtUS = w.logged, w.now
		w.logged++
		w.o.Log(&e)
	}
}

func (w *world) passing(verb events.Verb, node, peer int, m consensus.Message, flight uint64) {
	if w.o.Log != nil && m != nil {
		w.log(Passing(&w.o.Protocol, verb, node, peer, m, flight))
	}
}
