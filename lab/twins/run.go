package twins

import (
	"encoding/binary"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/model"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/lab/protocol"
)

// Result is what became of a scenario.
type Result struct {
	Violation *protocol.Violation // the first one, with which the run ends
	Height    quoin.Height        // the highest that anyone certified before the network healed
	Views     quoin.View          // the highest that anyone entered before the network healed, at most one above the scenario's
	Forked    bool                // somebody reported that the twins contradict one another
	Healed    bool                // the network healed, and everyone honest certified more
	Messages  int                 // delivered
	Digest    uint64              // of everything that happened
}

const (
	patience   = 2   // quiet times in a row at which timers pass and nobody enters a view, until the scenario is over
	roundsMax  = 600 // message delays of a scenario; more is a protocol that never rests
	healRounds = 120 // of them in which everyone honest must certify something new after healing
)

// proposal is the kind of messages that are no answers.
const proposal = "propose"

// choices decide what happens in a view. They are asked when it matters, and answer the same again.
type choices interface {
	leader(v quoin.View) int
	together(v quoin.View, a, b int) bool
	early(v quoin.View) bool
	heard(v quoin.View, to int) bool
}

// run plays one scenario. Time is in message delays: what is sent in one round arrives in the next,
// in the order in which it was sent.
type run struct {
	protocol *consensus.Protocol
	choices  choices
	views    quoin.View // of the scenario
	sink     func(*events.Event)
	nodes    [places]*protocol.Node
	timers   [places]timer
	at       [places]place
	flying   []flight // arrive in this round
	sent     []flight // arrive in the next
	held     []flight // of views after the scenario's
	round    uint64
	healed   bool
	entered  bool // somebody entered a view since the last quiet time
	observer *protocol.Observer
	result   Result
	events   uint64
	flights  uint64
}

// place is where a process is. That a machine has entered a view is known after its messages are sent.
type place struct {
	view   quoin.View
	since  uint64     // the round in which it entered that
	before quoin.View // where it was when that round began
}

func (p *place) enter(v quoin.View, round uint64) {
	if p.since != round {
		p.before = p.view
	}
	p.view, p.since = v, round
}

// timer is a process's: armed says that it runs.
type timer struct {
	id    uint64
	round uint64     // when it was armed
	view  quoin.View // in which it was armed
	last  quoin.View // in which it passed last
	armed bool
}

// flight is something between two processes: a message, a question for blocks, or the answer.
type flight struct {
	from, to int
	view     quoin.View
	first    bool // an answer that comes soon after its sender entered the view
	message  consensus.Message
	asked    *consensus.Fetch
	answer   *consensus.Fetched
	number   uint64
}

// Run plays a scenario of a protocol, and then lets the network heal if heal says so. sink, if not
// nil, gets every event, those of process b as of replica 4.
func Run(p consensus.Protocol, s Scenario, heal bool, sink func(*events.Event)) Result {
	return newRunner(p).run(fixed(s), len(s), heal, sink)
}

// fixed are the choices of a given scenario.
type fixed Scenario

func (f fixed) leader(v quoin.View) int              { return f[v-1].Leader }
func (f fixed) together(v quoin.View, a, b int) bool { return f[v-1].together(a, b) }
func (f fixed) early(v quoin.View) bool              { return f[v-1].Early }
func (f fixed) heard(v quoin.View, to int) bool      { return f[v-1].heard(to) }

// runner plays scenarios of one protocol, one after the other.
type runner struct {
	protocol consensus.Protocol
	members  []consensus.Member
}

func newRunner(p consensus.Protocol) *runner {
	return &runner{p, protocol.Members(validators, false)}
}

func (x *runner) run(c choices, views int, heal bool, sink func(*events.Event)) Result {
	r := &run{protocol: &x.protocol, choices: c, views: quoin.View(views), sink: sink, observer: protocol.NewObserver(&x.protocol, &x.members[0])}
	for i := range places {
		m := x.members[validator(i)]
		m.Leaders = r
		name := fmt.Sprintf("replica %c", names[i])
		if validator(i) == twin {
			name = fmt.Sprintf("twin %c", names[i])
		}
		r.at[i] = place{view: 1}
		r.nodes[i] = protocol.NewNode(r.protocol, name, i, m, r)
	}
	for _, n := range r.nodes {
		_ = n.Boot() // has no log yet
		n.Step(consensus.Wanted{Wanted: true})
	}
	r.play()
	if heal && r.observer.Violation() == nil {
		r.heal()
	}
	r.result.Violation = r.observer.Violation()
	for _, n := range r.nodes {
		b := n.Tip().Block
		r.result.Digest = (r.result.Digest ^ binary.BigEndian.Uint64(b[:])) * 0x9e3779b97f4a7c15
	}
	return r.result
}

// play goes on until nobody moves within the scenario's views any more.
func (r *run) play() {
	for idle := 0; idle < patience && r.observer.Violation() == nil && r.round < roundsMax; {
		if r.deliver(); r.early() || len(r.sent) > 0 {
			continue
		}
		if idle++; r.entered {
			idle = 0
		}
		r.entered = false
		if !r.quiet() {
			return
		}
	}
}

// heal connects everybody. Everyone honest must then certify something that nobody had.
func (r *run) heal() {
	r.healed = true
	r.log(&events.Event{Node: events.World, Verb: events.Healed})
	r.sent, r.held = append(r.sent, r.held...), nil
	target := r.observer.Height()
	for end := r.round + healRounds; r.observer.Violation() == nil; {
		if r.deliver(); r.behind(target) < 0 {
			r.result.Healed = true
			return
		}
		if r.round >= end {
			r.observer.Broken("I5", "%s has certified nothing above height %d in the %d message delays since the network healed", r.nodes[r.behind(target)], target, healRounds)
			return
		}
		if len(r.sent) == 0 {
			r.quiet()
		}
	}
}

// behind returns an honest process that has certified no more than a height, -1 if there is none.
func (r *run) behind(h quoin.Height) int {
	for i, n := range r.nodes {
		if validator(i) != twin && n.Tip().Height <= h {
			return i
		}
	}
	return -1
}

// deliver plays a round: everything under way arrives, or does not.
func (r *run) deliver() {
	r.round++
	r.flying, r.sent = r.sent, r.flying[:0]
	for i := range r.flying {
		if r.observer.Violation() != nil {
			return
		}
		f := &r.flying[i]
		if !r.healed && f.view > r.views {
			r.held = append(r.held, *f)
			continue
		}
		if !r.healed && f.view > 0 && (!r.choices.together(f.view, f.from, f.to) || f.first && !r.choices.heard(f.view, f.to)) {
			r.passing(events.Lost, f.from, f.to, f)
			continue
		}
		r.arrive(f)
	}
}

func (r *run) arrive(f *flight) {
	r.result.Messages++
	r.result.Digest = (r.result.Digest ^ uint64(f.from)<<8 ^ uint64(f.to) ^ uint64(f.view)<<16) * 0x9e3779b97f4a7c15
	n := r.nodes[f.to]
	switch {
	case f.message != nil:
		r.passing(events.Received, f.to, f.from, f)
		if err := n.Receive(validator(f.from), f.message); err != nil {
			r.observer.Broken("acceptance", "%s refuses a message of %s: %v", n, r.nodes[f.from], err)
		}
	case f.asked != nil:
		blocks, certificate := n.Serve(*f.asked)
		if len(blocks) > 0 || certificate != nil {
			r.sent = append(r.sent, flight{from: f.to, to: f.from, view: f.view,
				answer: &consensus.Fetched{From: validator(f.to), Blocks: blocks, Certificate: certificate}})
		}
	default:
		n.Step(*f.answer)
	}
}

// early lets the timers pass that are early, and reports whether there were any: once a process and
// view, a message delay after the process entered it.
func (r *run) early() bool {
	any := false
	for i := range r.timers {
		t := &r.timers[i]
		if r.healed || !t.armed || t.view > r.views || t.last >= t.view || r.round <= t.round || !r.choices.early(t.view) {
			continue
		}
		r.pass(i)
		any = true
	}
	return any
}

// quiet lets all timers pass, but those of processes that wait for the healing, and reports whether
// there were any.
func (r *run) quiet() bool {
	any := false
	for i := range r.timers {
		if t := &r.timers[i]; t.armed && (r.healed || t.view <= r.views) {
			r.pass(i)
			any = true
		}
	}
	return any
}

func (r *run) pass(i int) {
	t := &r.timers[i]
	t.armed, t.last = false, t.view
	r.nodes[i].Step(consensus.TimedOut{Timer: t.id})
}

// Leader says who leads a view. After the scenario's the validators lead in turn.
func (r *run) Leader(v quoin.View, _ quoin.Hash) (int, bool) {
	if v == 0 || v > r.views {
		return int(v % validators), true
	}
	return r.choices.leader(v), true
}

// Now is the same for all: a message takes 50 ms.
func (r *run) Now(*protocol.Node) quoin.Time { return quoin.Time(1_700_000_000_000 + 50*r.round) }

// Send lets the observer look, and carries the message to all that vote as its receiver. A message
// belongs to the view that it is about, or to the one that its sender is in if it left that earlier.
func (r *run) Send(n *protocol.Node, e consensus.Envelope) {
	claims := r.protocol.Claims(e.Message)
	r.observer.Claimed(n, validator(n.Place) != twin, claims)
	at, about := &r.at[n.Place], protocol.ViewOf(claims)
	first := e.Message.Kind() != proposal && (about > at.view || r.round <= at.since+1)
	view := max(about, at.view)
	if at.since == r.round {
		view = max(about, at.before)
	}
	r.flights++
	if r.sink != nil {
		peer := events.All
		if e.To != consensus.All {
			peer = e.To
		}
		r.passing(events.Sent, n.Place, peer, &flight{message: e.Message, number: r.flights})
	}
	for to := range places {
		if v := validator(to); v != n.Member.Self && (e.To == consensus.All || e.To == v) {
			r.sent = append(r.sent, flight{from: n.Place, to: to, view: view, first: first, message: e.Message, number: r.flights})
		}
	}
}

// Fetch carries a question for blocks, in the asker's view.
func (r *run) Fetch(n *protocol.Node, f consensus.Fetch) {
	view := r.at[n.Place].view
	for to := range places {
		if v := validator(to); v != n.Member.Self && (f.From == consensus.All || f.From == v) {
			r.sent = append(r.sent, flight{from: n.Place, to: to, view: view, asked: &f})
		}
	}
}

// Arm runs a process's timer.
func (r *run) Arm(n *protocol.Node, t consensus.Timer) {
	x := &r.timers[n.Place]
	x.id, x.round, x.view, x.armed = t.ID, r.round, n.Machine.Status().View, true
}

// Build answers with one transaction, another one for each process, so that the twins' blocks differ.
func (r *run) Build(n *protocol.Node, b consensus.Build) consensus.Built {
	answer := consensus.Built{View: b.View}
	if !b.Empty && !b.Tail {
		answer.Transactions = []quoin.Transaction{model.Transaction(uint64(b.View)*places + uint64(n.Place) + 1)}
	}
	return answer
}

// Certified lets the observer look. What a twin certifies counts: a certificate convinces everybody.
func (r *run) Certified(n *protocol.Node, c consensus.Certified) {
	r.observer.Certified(n, &c)
	if !r.healed {
		r.result.Height = r.observer.Height()
	}
	if r.sink != nil {
		e := protocol.Certification(n, &c.Certificate.Checkpoint)
		r.log(&e)
	}
}

// Report lets the observer look.
func (r *run) Report(n *protocol.Node, x consensus.Report) {
	r.observer.Reported(n, &x)
	switch x.Kind {
	case consensus.EnteredView:
		r.entered = true
		r.at[n.Place].enter(x.View, r.round)
		if !r.healed {
			r.result.Views = max(r.result.Views, x.View)
		}
	case consensus.Equivocation:
		r.result.Forked = true
	}
	if r.sink != nil {
		e := protocol.Reported(n, &x)
		r.log(&e)
	}
}

func (r *run) passing(verb events.Verb, node, peer int, f *flight) {
	if r.sink != nil && f.message != nil {
		e := protocol.Passing(r.protocol, verb, node, peer, f.message, f.number)
		r.log(&e)
	}
}

func (r *run) log(e *events.Event) {
	if r.sink != nil {
		e.Index, e.AtUS = r.events, r.round
		r.events++
		r.sink(e)
	}
}
