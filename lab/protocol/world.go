package protocol

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/model"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/mark"
	"quoin.dev/quoin/signature"
)

// Options choose a world. The zero value of a field means its default.
type Options struct {
	Protocol    consensus.Protocol
	Nodes       int    // of equal weight; default 4, 2 to NodesMax
	Seed        uint64 // of everything random: losses, jitter
	SimulatedUS uint64 // default 10 seconds

	DelayUS  uint64 // of every link, one way; default 50 ms
	JitterUS uint64 // a message takes up to this much more: messages overtake one another
	Loss     uint64 // of a thousand messages
	Outages  []Outage

	Parameters *quoin.Parameters // default: those of a new chain
	Leaders    consensus.Leaders // default: in turn
	Real       bool              // sign with Ed25519, in place of model signatures
	Unobserved bool              // check no invariants: for measuring

	Log   func(*events.Event) // gets every event; default: nobody
	Marks *mark.Set           // gets what is reached
}

// NodesMax is the most nodes of a world.
const NodesMax = 64

// Outage is a crash with all but what was persisted, and the restart.
type Outage struct {
	Node   int
	FromUS uint64
	ToUS   uint64
}

// Result is what became of a world.
type Result struct {
	Violation   *Violation `json:"violation,omitempty"` // the first one; the world ends with it
	SimulatedUS uint64     `json:"simulated_us"`
	Heights     uint64     `json:"heights"` // certified by anyone
	Slowest     uint64     `json:"slowest"` // certified by everyone
	Views       uint64     `json:"views"`   // entered by anyone
	TimedOut    uint64     `json:"timed_out"`
	Nullified   uint64     `json:"nullified"` // counted once a node
	Messages    uint64     `json:"messages"`
	Lost        uint64     `json:"lost"`
	Refused     uint64     `json:"refused"` // messages that honest nodes sent and others refused
	Events      uint64     `json:"events"`
	Digest      quoin.Hash `json:"digest"` // of everything that happened
}

type world struct {
	o        Options
	nodes    []*Node
	lives    []uint32 // boots of each node
	heap     heap
	now      uint64
	sequence uint64
	random   Random
	observer *Observer
	result   Result
	digest   uint64
	logged   uint64
}

// fetched is a question for blocks, and then the answer to it.
type fetched struct {
	asked consensus.Fetch
	consensus.Fetched
}

// Run plays a world. It fails on options that make none. A broken invariant is no error.
func Run(o Options) (Result, error) {
	if o.Nodes == 0 {
		o.Nodes = 4
	}
	if o.SimulatedUS == 0 {
		o.SimulatedUS = 10_000_000
	}
	if o.DelayUS == 0 {
		o.DelayUS = 50_000
	}
	if o.Nodes < 2 || o.Nodes > NodesMax || o.Loss > 1000 || o.Protocol.New == nil {
		return Result{}, fmt.Errorf("lab/protocol: %d nodes, loss of %d in a thousand: want 2 to %d, at most 1000, and a protocol", o.Nodes, o.Loss, NodesMax)
	}
	w := &world{o: o, random: Random(o.Seed), lives: make([]uint32, o.Nodes)}
	members := Members(o.Nodes, o.Real)
	for i := range members {
		m := &members[i]
		m.Marks = o.Marks
		if o.Parameters != nil {
			m.Parameters = *o.Parameters
		}
		if o.Leaders != nil {
			m.Leaders = o.Leaders
		}
		w.nodes = append(w.nodes, NewNode(&w.o.Protocol, fmt.Sprintf("node %d", i), i, *m, w))
	}
	w.observer = NewObserver(&w.o.Protocol, &members[0])
	for _, x := range o.Outages {
		if x.Node < 0 || x.Node >= o.Nodes || x.ToUS <= x.FromUS {
			return Result{}, fmt.Errorf("lab/protocol: an outage of node %d from %d to %d µs, in a world of %d nodes", x.Node, x.FromUS, x.ToUS, o.Nodes)
		}
		w.plan(event{at: x.FromUS, what: crashes, to: int32(x.Node)})
		w.plan(event{at: x.ToUS, what: boots, to: int32(x.Node)})
	}
	for i := range w.nodes {
		w.boot(i)
	}
	w.run()
	return w.end(), nil
}

// Members returns what machines of a world are made of: equal weights, leaders in turn, a genesis, and
// modelled signatures or real ones.
func Members(n int, real bool) []consensus.Member {
	validators := make([]quoin.Validator, n)
	signers := map[quoin.PublicKey]consensus.Signer{}
	for i := range validators {
		key := quoin.PublicKey{0: 1, 1: byte(i)}
		if real {
			seed := sha256.Sum256([]byte{'l', 'a', 'b', byte(i)})
			s := signature.NewSigner(ed25519.NewKeyFromSeed(seed[:]))
			key = s.Public()
			signers[key] = s
		}
		validators[i] = quoin.Validator{Name: fmt.Sprintf("v%d", i), Key: key, Weight: 1}
	}
	set, err := quoin.NewValidatorSet(validators)
	if err != nil {
		panic(err) // unreachable: names and keys differ
	}
	genesis := sha256.Sum256([]byte("quoin/lab/protocol"))
	origin := quoin.NewOrigin("lab", "protocol", genesis)
	members := make([]consensus.Member, n)
	for i := range members {
		members[i] = consensus.Member{Origin: origin, Epoch: 1, Validators: set, Parameters: quoin.DefaultParameters(), Self: i,
			Signer: model.Signer{Index: i}, Keys: model.Keys{N: n}, Leaders: inTurn(n),
			Root: consensus.Root{Block: genesis, Checkpoint: quoin.Checkpoint{Origin: origin, Block: genesis, Time: start}}}
		if real {
			members[i].Signer, members[i].Keys = signers[set.At(i).Key], signature.KeysOf(set)
		}
	}
	return members
}

// start is the time of the genesis, in milliseconds.
const start = 1_700_000_000_000

type inTurn int

func (n inTurn) Leader(v quoin.View, _ quoin.Hash) (int, bool) { return int(v % quoin.View(n)), true }

func (w *world) run() {
	for len(w.heap) > 0 && w.heap[0].at <= w.o.SimulatedUS && w.observer.broken == nil {
		e := w.heap.pop()
		w.now = e.at
		w.result.Events++
		w.happen(&e)
	}
}

func (w *world) happen(e *event) {
	n := w.nodes[e.to]
	w.fold(e)
	switch e.what {
	case arrives:
		if n.Machine == nil {
			w.result.Lost++
			return
		}
		w.passing(events.Received, n.Place, int(e.from), e.message, e.flight)
		if err := n.Receive(int(e.from), e.message); err != nil {
			w.result.Refused++
			w.observer.Broken("acceptance", "%s refuses an honest message of node %d: %v", n, e.from, err)
		}
	case asked:
		blocks, certificate := n.Serve(e.fetched.asked)
		if len(blocks) > 0 || certificate != nil {
			e.fetched.Fetched = consensus.Fetched{From: int(e.to), Blocks: blocks, Certificate: certificate}
			w.carry(event{what: brought, from: e.to, to: e.from, fetched: e.fetched})
		}
	case brought:
		if n.Machine != nil {
			n.Step(e.fetched.Fetched)
		}
	case passes:
		if n.Machine != nil && w.lives[e.to] == e.life {
			n.Step(consensus.TimedOut{Timer: e.timer})
		}
	case crashes:
		w.log(events.Event{Node: int(e.to), Verb: events.Crashed})
		n.Crash()
	case boots:
		if n.Machine == nil {
			w.boot(int(e.to))
		}
	}
}

func (w *world) boot(i int) {
	n := w.nodes[i]
	w.lives[i]++
	w.log(events.Event{Node: i, Verb: events.Booted, Height: uint64(n.Tip().Height)})
	if err := n.Boot(); err != nil {
		w.observer.Broken("I2", "%s does not recover from its own log: %v", n, err)
		return
	}
	n.Step(consensus.Wanted{Wanted: true})
}

// carry lets something travel, or get lost.
func (w *world) carry(e event) {
	w.result.Messages++
	if w.o.Loss > 0 && w.random.Below(1000) < w.o.Loss {
		w.result.Lost++
		w.passing(events.Lost, int(e.from), int(e.to), e.message, e.flight)
		return
	}
	e.at = w.now + w.o.DelayUS
	if w.o.JitterUS > 0 {
		e.at += w.random.Below(w.o.JitterUS + 1)
	}
	w.plan(e)
}

func (w *world) plan(e event) {
	w.sequence++
	e.sequence = w.sequence
	w.heap.push(e)
}

// Now is the node's clock: no clock is wrong here.
func (w *world) Now(*Node) quoin.Time { return start + quoin.Time(w.now/1000) }

// Send carries a message to one node or to all others.
func (w *world) Send(n *Node, e consensus.Envelope) {
	if !w.o.Unobserved {
		w.observer.Claimed(n, true, w.o.Protocol.Claims(e.Message))
	}
	peer := e.To
	if peer == consensus.All {
		peer = events.All
	}
	w.sequence++
	flight := w.sequence
	w.passing(events.Sent, n.Place, peer, e.Message, flight)
	for to := range w.nodes {
		if to != n.Place && (e.To == consensus.All || e.To == to) {
			w.carry(event{what: arrives, from: int32(n.Place), to: int32(to), message: e.Message, flight: flight})
		}
	}
}

// Fetch carries a question to a peer, or to all.
func (w *world) Fetch(n *Node, f consensus.Fetch) {
	for to := range w.nodes {
		if to != n.Place && (f.From == consensus.All || f.From == to) {
			w.carry(event{what: asked, from: int32(n.Place), to: int32(to), fetched: &fetched{asked: f}})
		}
	}
}

// Arm plans the passing of a timer.
func (w *world) Arm(n *Node, t consensus.Timer) {
	w.plan(event{at: w.now + t.AfterMS*1000, what: passes, to: int32(n.Place), timer: t.ID, life: w.lives[n.Place]})
}

// Build answers with an empty block: blocks are always wanted.
func (w *world) Build(_ *Node, b consensus.Build) consensus.Built {
	return consensus.Built{View: b.View}
}

// Certified lets the observer see what a node certifies.
func (w *world) Certified(n *Node, c consensus.Certified) {
	if w.o.Log != nil {
		w.log(Certification(n, &c.Certificate.Checkpoint))
	}
	if !w.o.Unobserved {
		w.observer.Certified(n, &c)
	}
	w.result.Heights = max(w.result.Heights, uint64(c.Certificate.Checkpoint.Height))
}

// Report counts.
func (w *world) Report(n *Node, r consensus.Report) {
	w.observer.Reported(n, &r)
	switch r.Kind {
	case consensus.EnteredView:
		w.result.Views = max(w.result.Views, uint64(r.View))
	case consensus.TimedOutView:
		w.result.TimedOut++
	case consensus.Nullified:
		w.result.Nullified++
	}
	if w.o.Log != nil {
		w.log(Reported(n, &r))
	}
}

func (w *world) end() Result {
	r := &w.result
	r.Violation, r.SimulatedUS = w.observer.broken, w.now
	b := canonical.AppendUint64(nil, w.digest)
	for i, n := range w.nodes {
		h := uint64(n.Tip().Height)
		if d := n.Tip().Digest(); i == 0 || h < r.Slowest {
			r.Slowest, b = h, append(b, d[:]...)
		} else {
			b = append(b, d[:]...)
		}
	}
	r.Digest = sha256.Sum256(b)
	return *r
}

// fold takes an event into the digest. What a message says is not folded: the checkpoints at the end
// depend on it.
func (w *world) fold(e *event) {
	x := e.at ^ uint64(e.what)<<60 ^ uint64(e.from)<<54 ^ uint64(e.to)<<48
	if e.message != nil {
		x ^= uint64(len(e.message.Kind())) << 40
	}
	w.digest = (w.digest ^ x) * 0x9e3779b97f4a7c15
	w.digest ^= w.digest >> 29
}
