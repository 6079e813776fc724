package lab

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/replica"
)

// observer watches honest replicas and says what is broken. It never steers: the world would go on
// in the same way without it.
type observer interface {
	booted(n *node)                        // a replica was made of what a disk held
	sent(n *node, m *message)              // before it is carried
	event(n *node, e *replica.Event)       // in the order of Output
	finished(n *node, f *replica.Finished) // reported certified and durable
	end()                                  // the world came to its end
}

// blind is an observer of nothing, for others to embed.
type blind struct{}

func (blind) booted(*node)                      {}
func (blind) sent(*node, *message)              {}
func (blind) event(*node, *replica.Event)       {}
func (blind) finished(*node, *replica.Finished) {}
func (blind) end()                              {}

// observe makes the observers, in the order in which they look.
func (w *world) observe() {
	w.chain = &certifiedChain{w: w}
	w.progress = newProgress(w)
	c := &cold{w: w, faults: map[quoin.Height][]governance.SlotFault{}, defects: map[quoin.Height][]governance.SlotFault{}}
	a := &agreement{w: w, ends: map[quoin.Height]bool{}, sets: map[quoin.Epoch]*members{}}
	w.observers = []observer{
		&signed{w: w, members: func(n *node, m *message) *members { return a.members(n, m.epoch) }},
		&votes{w: w, made: map[claim]content{}},
		a,
		&durable{w: w, voted: map[*node][]vote{}, ballots: map[*node][]ballot{}},
		w.chain, // also counts, for clients and governors
		newOnce(w),
		&alike{w: w, results: map[blockVote]quoin.Hash{}},
		newHeaders(w),
		&timeouts{w: w, said: map[*node][]nullified{}},
		newModel(w),
		newGoverned(w),
		w.progress,
		c,
		&bindings{w: w, cold: c, served: map[quoin.Epoch]quoin.Configuration{}},
	}
}

// watched is a machine whose executions are noted: replicas do not tell of them.
type watched struct {
	consensus.Machine
	n     *node
	epoch quoin.Epoch
}

func (m *watched) Step(now quoin.Time, in consensus.Input, out *consensus.Output) {
	if x, ok := in.(consensus.Executed); ok && x.Verdict == consensus.Valid {
		c := &x.Checkpoint
		m.n.w.trace.keep(&line{Event: events.Event{AtUS: m.n.w.now, Node: m.n.index, Verb: events.Executed, Epoch: uint64(m.epoch), View: uint64(c.View),
			Height: uint64(c.Height)}, block: x.Block})
	}
	m.Machine.Step(now, in, out)
}
