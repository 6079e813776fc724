package check

import (
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/lab/protocol"
)

// log returns the event log of a run. Its time is the number of the happening, from 1. What an honest
// member sends is sent where it does so; what the faulty say, when it arrives.
func (c *checker) log(r *run) []events.Event {
	var log []events.Event
	flights := map[said]uint64{}
	put := func(at int, e events.Event) {
		e.Index, e.AtUS = uint64(len(log)), uint64(at)
		log = append(log, e)
	}
	pass := func(at int, verb events.Verb, node, peer, from int, m consensus.Message) {
		name := said{from, c.describe(m)}
		flight := flights[name]
		if flight == 0 {
			flight = uint64(len(flights) + 1)
			flights[name] = flight
			if verb == events.Received {
				put(at, c.passing(events.Sent, from, events.All, m, flight))
			}
		}
		put(at, c.passing(verb, node, peer, m, flight))
	}
	for i, p := range r.done {
		at := i + 1
		switch {
		case p.message != nil:
			pass(at, events.Received, p.Member, p.From, p.From, p.message)
		case p.Fetched != "":
			put(at, events.Event{Node: p.Member, Verb: events.Noted, Text: "gets block " + p.Fetched + ", which it asked for"})
		}
		for _, x := range p.reports {
			switch x.Kind {
			case consensus.EnteredView:
				put(at, events.Event{Node: p.Member, Verb: events.Entered, View: uint64(x.View)})
			case consensus.TimedOutView:
				put(at, events.Event{Node: p.Member, Verb: events.TimedOut, View: uint64(x.View)})
			}
		}
		if p.certified {
			put(at, events.Event{Node: p.Member, Verb: events.Certified, Height: uint64(p.tip.Height), View: uint64(p.tip.View), Text: c.setting.Name(p.tip.Block)})
		}
		for _, m := range p.sent {
			pass(at, events.Sent, p.Member, events.All, p.Member, m)
		}
	}
	put(len(r.done)+1, events.Event{Node: events.World, Verb: events.Broken, Kind: r.broken.Invariant, Text: r.broken.Text})
	return log
}

func (c *checker) passing(verb events.Verb, node, peer int, m consensus.Message, flight uint64) events.Event {
	e := protocol.Passing(&c.o.Protocol, verb, node, peer, m, flight)
	e.Kind, e.View, e.Block, e.Text = "", 0, "", c.describe(m)
	return e
}
