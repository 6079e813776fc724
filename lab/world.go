package lab

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/policy"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/mark"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
)

const (
	second    = 1_000_000             // microseconds
	startTime = 1_750_000_000_000     // of the world, as wall time in milliseconds
	chaosMax  = 600 * second          // then the world heals, whatever was reached
	worldMax  = chaosMax + 600*second // then it should have come to its end long ago
)

// world is one deterministic world.
type world struct {
	o        Options
	scenario *Scenario
	now      uint64 // microseconds
	queue    queue
	stopped  bool

	members     quoin.ValidatorSet // the first
	genesis     *quoin.Genesis
	origin      quoin.Origin
	environment governance.Environment
	machines    func(n *node) []plugin.Builtin // beside plugin.Builtins; nil for none
	corpus      *Corpus
	corpora     func(n *node) *Corpus // of a node, if they differ
	pool        replica.PoolLimits
	verified    verified
	plant       Plant    // in every honest replica
	memory      [][]byte // of a faulty validator that sends old messages again

	nodes     []*node
	network   network
	chaos     chaos
	clients   clients
	governor  governor
	observers []observer
	chain     *certifiedChain
	progress  *progress
	reports   *reports // nil but in calm worlds
	trace     trace

	healed   bool
	draining bool
	result   Report
	marks    mark.Set // what honest replicas have reached
}

// newWorld makes the world of a scenario and a seed, before anything has happened. A test may change the
// genesis and what was planned.
func newWorld(o Options, change ...func(w *world)) (*world, error) {
	plant, _ := o.Plant.find()
	plant.choose(&o)
	w := &world{o: o, scenario: o.Scenario, corpus: o.Corpus, verified: verified{}, plant: plant}
	var err error
	if w.scenario == nil {
		if w.scenario, err = Draw(o); err != nil {
			return nil, err
		}
	}
	s := w.scenario
	w.o.Nodes, w.o.Blocks, w.o.Transactions, w.o.Epochs = s.Nodes, s.Until.Height, s.Until.Transactions, s.Until.Epochs
	w.result = Report{Seed: o.Seed, Nodes: s.Nodes, Scenario: s, Byzantine: None, Hostile: None}
	for _, b := range o.Candidate.Bindings() {
		w.result.Asked = append(w.result.Asked, Asked{Slot: b.Slot()})
	}
	if len(s.Faulty) > 0 {
		w.result.Byzantine = s.Faulty[0].Behaviour
	}
	w.trace = trace{digest: sha256.New(), sink: o.Events}
	w.environment = execution.Environment()
	if names := s.hostile(); len(names) > 0 {
		w.result.Hostile = names[0]
		if w.corpus == nil {
			w.corpus, err = NewCorpus(names...)
		} else {
			err = w.corpus.has(names)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := w.makeNodes(); err != nil {
		return nil, err
	}
	w.network.init(w)
	w.chaos.init(w)
	w.clients.init(w)
	w.governor.init(w)
	w.makeGenesis()
	w.observe()
	if plant.world != nil {
		change = append(change, plant.world)
	}
	for _, f := range change {
		f(w)
	}
	w.origin = w.genesis.Origin()
	return w, w.genesis.Check()
}

// key returns a key that depends on nothing but its name.
func key(kind string, i int) ed25519.PrivateKey {
	seed := sha256.Sum256(fmt.Appendf(nil, "quoin/lab/%s/%d", kind, i))
	return ed25519.NewKeyFromSeed(seed[:])
}

// makeNodes makes the nodes, in the order of the validator set.
func (w *world) makeNodes() error {
	for i := range w.o.Nodes {
		w.nodes = append(w.nodes, newNode(w, i))
	}
	slices.SortFunc(w.nodes, func(a, b *node) int { return slices.Compare(a.key[:], b.key[:]) })
	var members []quoin.Validator
	for i, n := range w.nodes {
		members = append(members, quoin.Validator{Name: n.name, Key: n.key, Weight: w.scenario.weight(i)})
		n.index, n.name, n.behaviour = i, fmt.Sprintf("v%d", i), w.scenario.behaviour(i)
	}
	for _, c := range w.scenario.Clocks {
		w.nodes[c.Node].skewMS, w.nodes[c.Node].driftPPM = c.SkewMS, c.DriftPPM
	}
	var err error
	if w.members, err = quoin.NewValidatorSet(members); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return nil
}

func (w *world) makeGenesis() {
	g := &quoin.Genesis{Network: "lab", Chain: "main", Time: startTime}
	p := quoin.DefaultParameters()
	p.TimeoutBaseMS, p.TimeoutMaxMS = 1_000, 8_000
	p.ExpiryWindowHeights, p.ForcedInclusionViews = 128, 16
	p.HeartbeatMS = 5_000
	p.UnsignedTransactionsFlag = 1
	g.Configuration = quoin.Configuration{Epoch: 1, First: 1, Validators: w.members, Parameters: p, Members: w.governor.members(), Policies: policy.Light(2)}
	g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin"})
	g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "kv"})
	for _, b := range w.o.Candidate.Bindings() {
		g.Configuration = g.Configuration.WithBinding(b)
	}
	w.genesis = g
}

// corpusOf returns the hostile plugins that a node can get.
func (w *world) corpusOf(n *node) *Corpus {
	if w.corpora == nil {
		return w.corpus
	}
	return w.corpora(n)
}

// builtinsOf returns the built-ins of a node.
func (w *world) builtinsOf(n *node) []plugin.Builtin {
	if w.machines == nil {
		return plugin.Builtins()
	}
	return append(plugin.Builtins(), w.machines(n)...)
}

// run plays the world: adversity, healing, and the end, unless that comes after so much simulated time.
func (w *world) run(limitUS uint64) {
	w.begin()
	for w.now <= limitUS && w.next() {
	}
	if w.now <= limitUS {
		w.end()
	}
}

func (w *world) begin() {
	w.network.shape(nil)
	for _, n := range w.nodes {
		if !n.dead {
			n.boot()
		}
	}
	w.chaos.start()
	w.clients.start()
	w.governor.start()
}

// next lets the next thing happen, if there is one.
func (w *world) next() bool {
	if len(w.queue.events) == 0 || w.stopped {
		return false
	}
	e := w.queue.next()
	w.now = e.at
	w.result.Events++
	if w.now > worldMax {
		w.broken("I5/world", "the world did not come to its end within %d s: %s", uint64(worldMax/second), w.state())
		return false
	}
	e.do()
	return true
}

// end lets the observers look once more.
func (w *world) end() {
	if w.result.Failed() {
		return
	}
	for _, o := range w.observers {
		o.end()
	}
	w.checkMarks()
}

const (
	settleEvery = second
	restMax     = 120 // looks
)

// settle ends the load when the healed world has seen enough, and the world when all have come to
// rest.
func (w *world) settle(looks int) {
	if w.draining {
		looks++
	}
	w.after(settleEvery, func() { w.settle(looks) })
	switch {
	case !w.draining:
		if uint64(w.chain.height()) >= w.o.Blocks && w.chain.transactions >= w.o.Transactions && uint64(w.chain.epoch) >= w.o.Epochs &&
			w.clients.probes == 0 && w.governor.done() && w.reports.through() {
			w.draining = true
			w.trace.note(w.now, events.World, events.Noted, "drains", "")
		}
	case w.progress.rested():
		w.stopped = true
	case looks > restMax:
		w.broken("I5/world", "%d s after the last transaction the replicas have not all come to rest: %s", restMax, w.state())
	}
}

// after plans something.
func (w *world) after(microseconds uint64, do func()) { w.queue.add(w.now+microseconds, do) }

// broken notes a broken invariant and ends the world.
//
// what is the invariant and, after a slash, the observer.
func (w *world) broken(what, format string, args ...any) {
	if w.result.Failed() {
		return
	}
	w.stopped = true
	invariant, observer, _ := strings.Cut(what, "/")
	text := fmt.Sprintf(format, args...)
	line, _, _ := strings.Cut(text, "\n") // below it a panic has its stack, with addresses that differ from run to run
	w.trace.note(w.now, events.World, events.Broken, invariant, "%s", line)
	w.result.Violations = append(w.result.Violations, Violation{Invariant: invariant, Observer: observer, Text: text, AtUS: w.now, Window: w.trace.window()})
}

func (w *world) report() Report {
	r := w.result
	r.Digest, r.SimulatedUS, r.Marks = w.trace.sum(), w.now, &w.marks
	r.Blocks, r.Transactions, r.Refused, r.Epochs = uint64(w.chain.height()), w.chain.transactions, w.chain.refused, uint64(w.chain.epoch)
	return r
}

// state describes the world for people.
func (w *world) state() string {
	b := fmt.Appendf(nil, "%d heights, %d transactions, %d epochs", w.chain.height(), w.chain.transactions, w.chain.epoch)
	for _, n := range w.nodes {
		if n.replica == nil {
			b = fmt.Appendf(b, "\n  %s down", n.name)
			continue
		}
		o := n.replica.Overview()
		s := o.Consensus
		b = fmt.Appendf(b, "\n  %s epoch %d view %d certified view %d height %d uncertified %d pending %d leader %d diverged %v %s", n.name, s.Epoch, s.View,
			s.CertifiedView, o.Tip.Height, s.Uncertified, o.Pending, s.Leader, s.Diverged, n.behaviour)
	}
	return string(b)
}

// honest returns the replicas without planned behaviour that are up or will be.
func (w *world) honest() []*node {
	var honest []*node
	for _, n := range w.nodes {
		if n.behaviour == None && !n.dead {
			honest = append(honest, n)
		}
	}
	return honest
}

// sound returns an honest replica whose store has not rotted; there is one.
func (w *world) sound() *node {
	for _, n := range w.honest() {
		if n.rottenKey == nil {
			return n
		}
	}
	panic("lab: no store is sound")
}
