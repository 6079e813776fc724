package check

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/model"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/lab/protocol"
)

// What every network here has in common.
const (
	epoch quoin.Epoch = 1
	now   quoin.Time  = 1_700_000_001_000 // the clocks of all members stand still
)

// actor is an honest member while a history is played: a node of the production protocol, and what
// came of it.
type actor struct {
	c        *checker
	node     *protocol.Node
	machine  *watched
	observer *protocol.Observer // of this member alone
	executed *execution         // the last, if there is a machine
	sent     []consensus.Message
	fetching []quoin.Hash
	timer    uint64
	reports  []consensus.Report
}

// watched counts a machine's demands.
type watched struct {
	consensus.Inspected
	demands int
}

func (w *watched) Step(now quoin.Time, in consensus.Input, out *consensus.Output) {
	before := len(out.Persist) + len(out.Execute) + len(out.Certified)
	w.Inspected.Step(now, in, out)
	w.demands += len(out.Persist) + len(out.Execute) + len(out.Certified) - before
}

// newActor returns a member that has just started, and for which blocks are wanted.
func (c *checker) newActor(index int) *actor {
	m := &actor{c: c}
	p := c.o.Protocol
	p.New = func(own consensus.Member) consensus.Machine {
		m.machine = &watched{Inspected: c.o.Protocol.New(own).(consensus.Inspected)}
		return m.machine
	}
	m.observer = protocol.NewObserver(&c.o.Protocol, &c.members[index])
	m.node = protocol.NewNode(&p, events.Name(index), index, c.members[index], m)
	if f := c.setting.fleet; f != nil {
		m.executed, m.node.Apply = f.of(index).first, m.execute
	}
	if err := m.node.Boot(); err != nil {
		panic("check: a new machine does not start: " + err.Error())
	}
	m.node.Step(consensus.Wanted{Wanted: true})
	return m
}

// take plays one step of a history.
func (m *actor) take(s *step) {
	switch {
	case s.timeout:
		m.node.Step(consensus.TimedOut{Timer: m.timer})
	case !s.fetched.IsZero():
		m.node.Step(consensus.Fetched{From: m.c.setting.Faulty[0], Blocks: m.c.setting.Chain(s.fetched, m.node.Tip().Height)})
	}
	for _, id := range s.said {
		x := m.c.messages[id]
		_ = m.node.Receive(x.From, x.Message) // what it refuses changes nothing, whatever its state
	}
}

// execute executes a block on the member's own engine, and compares.
func (m *actor) execute(parent *model.Outcome, b *quoin.Block) *model.Outcome {
	s, member := m.c.setting, m.node.Place
	o := model.Execute(s.Origin, parent, b, endless)
	if o == nil || s.Meet(b) == nil {
		return nil
	}
	x := s.fleet.settle(s.fleet.of(member), m.executed, o)
	if x == nil {
		return nil
	}
	m.executed = x
	if text := s.fleet.split(member, x, s.Name); text != "" {
		m.observer.Broken("I4", "%s", text)
	}
	return o
}

// The rest is protocol.Surroundings.

func (m *actor) Now(*protocol.Node) quoin.Time { return now }

func (m *actor) Send(n *protocol.Node, e consensus.Envelope) {
	claims := m.c.o.Protocol.Claims(e.Message)
	if m.c.wants("I8") {
		m.observer.Claimed(n, true, claims)
	}
	sort := m.c.o.Adversary.Sort(e.Message)
	if (sort == Vote || sort == Proposal) && protocol.ViewOf(claims) <= m.c.setting.Views() {
		m.sent = append(m.sent, e.Message)
	}
}

func (m *actor) Fetch(_ *protocol.Node, f consensus.Fetch) { m.fetching = append(m.fetching, f.Block) }

func (m *actor) Arm(_ *protocol.Node, t consensus.Timer) { m.timer = t.ID }

// Build answers with one transaction, and behind the bounds with nothing.
func (m *actor) Build(_ *protocol.Node, b consensus.Build) consensus.Built {
	built := consensus.Built{View: b.View, Nothing: true}
	if b.View <= m.c.setting.Views() && !b.Empty && !b.Tail {
		built.Transactions, built.Nothing = m.c.setting.Content(b.View, 0), false
	}
	return built
}

func (m *actor) Certified(n *protocol.Node, x consensus.Certified) {
	if m.c.wants("I1") {
		m.observer.Certified(n, &x)
	}
}

func (m *actor) Report(n *protocol.Node, r consensus.Report) {
	m.reports = append(m.reports, r)
	if m.c.wants("I1") {
		m.observer.Reported(n, &r)
	}
}
