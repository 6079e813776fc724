package lab

import (
	"bytes"
	"flag"
	"fmt"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/disk"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/replica"
)

var crashes = flag.String("lab.crashes", "some", "which crashes TestCrashAtEverySubStep plays: some, or all")

// turning is something that governance does, in the course of which nodes crash.
type turning struct {
	name   string
	change func(w *world) change
	from   func(p *governance.Proposal) quoin.Height // where the crashes begin
	to     func(p *governance.Proposal) quoin.Height
}

// props are what world after world has in common.
type props struct {
	corpus   *Corpus
	verified verified // signatures
	plant    Bug      // in every replica; empty for none
}

func activates(p *governance.Proposal) quoin.Height { return p.Activation + 4 }

// turnings are those of which every sub-step is tried.
func turnings() []turning {
	tried := governance.NewBuiltin(quoin.Binding{Hook: hook.Machine.Name, Namespace: triedSpace, Builtin: "kv", FuelMax: hook.Machine.FuelMax})
	moved := governance.NewBuiltin(quoin.Binding{Hook: hook.Machine.Name, Namespace: triedSpace, Builtin: movedKV})
	trial := tried
	trial.Plan = governance.Plan{Trial: 6, State: governance.StateRestore}
	moved.Plan = governance.Plan{State: governance.StateMigrate}
	scheduled := func(p *governance.Proposal) quoin.Height { return p.Scheduled - 2 }
	closed := func(p *governance.Proposal) quoin.Height { return p.Closed + 4 }
	return []turning{
		{"builtin", func(*world) change { return change{Propose: tried} }, scheduled, activates},
		{"release", func(w *world) change { return change{Propose: w.corpus.propose(hostile.LeaderParameter)} }, scheduled, activates},
		{"rollback", func(*world) change { return change{Propose: tried, then: ThenRollback} },
			func(p *governance.Proposal) quoin.Height { return p.Closed - 4 }, closed},
		{"trial", func(*world) change { return change{Propose: trial} },
			func(p *governance.Proposal) quoin.Height { return p.Activation - 2 }, closed},
		{"migration", func(*world) change { return change{Propose: moved} }, scheduled, activates},
	}
}

// noCrash is a sub-step that never comes.
const noCrash = 1 << 62

const triedSpace = "tried"

// crashAt is one crash: of a node, before a sub-step, or in an operation of the vote log's disk.
type crashAt struct {
	node     int
	disk     bool
	step     uint64
	unsynced bool // what was not synced stays; else all of it is lost
}

func (c crashAt) String() string {
	what, left := "sub-step", "loses"
	if c.disk {
		what = "disk operation"
	}
	if c.unsynced {
		left = "keeps"
	}
	return fmt.Sprintf("v%d %s %d, %s what is not synced", c.node, what, c.step, left)
}

// heights notes when each height was first and last reported.
type heights struct {
	blind
	w           *world
	first, last map[quoin.Height]uint64
}

func (x *heights) finished(_ *node, f *replica.Finished) {
	h := f.Checkpoint.Height
	if x.first[h] == 0 {
		x.first[h] = x.w.now
	}
	x.last[h] = x.w.now
}

// stage is the world of a turning, before it begins: nothing goes wrong in it but what a test does.
func stage(t *testing.T, x *turning, have props) (*world, *heights) {
	t.Helper()
	o := Options{Seed: 1, Blocks: 1, Transactions: 20, Epochs: 1, Hostile: None, Byzantine: None, Corpus: have.corpus}
	var err error
	if o, err = o.withDefaults(); err != nil {
		t.Fatal(err)
	}
	times := &heights{first: map[quoin.Height]uint64{}, last: map[quoin.Height]uint64{}}
	w, err := newWorld(o, func(w *world) {
		calm(w)
		w.network.now = Network{Kind: Fixed, DelayUS: 500}
		w.clients.off, w.verified = true, have.verified
		w.plant, _ = have.plant.find()
		w.o.Plant = have.plant
		moved := plugin.Builtin{Name: movedKV, Machine: movedMachine{}}
		w.machines = func(*node) []plugin.Builtin { return []plugin.Builtin{moved} }
		w.environment = execution.Environment(moved)
		c := &w.genesis.Configuration
		c.Parameters.HeartbeatMS, c.Parameters.NoticeHeights = 1_000, 1
		for _, n := range w.nodes {
			n.substeps = &substeps{crash: noCrash}
		}
		*c = c.WithBinding(quoin.Binding{Hook: hook.Machine.Name, Namespace: triedSpace, Builtin: "kv"})
		w.governor.changes = []change{x.change(w)}
		w.governor.finished, w.governor.notice, w.governor.everyUS = false, 8, second/5
		times.w = w
		w.observers = append(w.observers, times)
		w.write()
		w.clients.probes = 1
		w.after(6*second, w.chaos.heal)
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, times
}

// write has somebody write to the namespace all the time: new keys, and one again and again.
func (w *world) write() {
	for i := range 20 {
		w.after(second+uint64(i)*second/5, func() {
			var b plugin.KVBatch
			b.Put([]byte("same"), fmt.Append(nil, i))
			b.Put(fmt.Append(nil, i), []byte("x"))
			tx := quoin.Transaction{Salt: 1<<60 + uint64(i), Expiry: w.chain.height() + 60, Namespace: triedSpace, Payload: b.Payload()}
			for _, n := range w.nodes {
				n.deliver(replica.Submit{Transactions: []quoin.Transaction{tx}})
			}
		})
	}
}

// measured is what one node does between two moments.
type measured struct {
	fromUS, toUS uint64
	steps, disk  uint64 // sub-steps, and operations of the vote log's disk
	clean        []bool // of each sub-step: a crash finds everything synced
}

// measure plays a turning without a crash, and counts what each node does in its course.
func measure(t *testing.T, x *turning, have props) []measured {
	t.Helper()
	w, times := stage(t, x, have)
	w.play()
	p, ok := governance.ReadProposal(w.nodes[0].replica.Kernel(), 1)
	if !ok || w.result.Failed() {
		t.Fatalf("without a crash: %v, %+v", p.Status, w.result.Violations)
	}
	from, to := times.first[x.from(&p)], times.last[x.to(&p)]
	w, _ = stage(t, x, have)
	all := make([]measured, len(w.nodes))
	for i, n := range w.nodes {
		n.substeps.fromUS, n.substeps.toUS = from, to
		w.after(from, func() { all[i].disk = uint64(n.fs.Operations()) })
		w.after(to, func() { all[i].disk = uint64(n.fs.Operations()) - all[i].disk })
	}
	w.play()
	for i, n := range w.nodes {
		all[i].fromUS, all[i].toUS, all[i].steps, all[i].clean = from, to, n.substeps.done, n.substeps.clean
	}
	return all
}

// crash plays a turning with one crash, and says what is not lawful in the end; "" for nothing.
func crash(t *testing.T, x *turning, have props, m *measured, c crashAt) string {
	t.Helper()
	w, _ := stage(t, x, have)
	n := w.nodes[c.node]
	n.keeps = func(below uint64) uint64 {
		if c.unsynced {
			return below - 1
		}
		return 0
	}
	n.fs = disk.NewMemory(n.keeps)
	if c.disk {
		w.after(m.fromUS, func() { n.fs.CutPowerAfter(int(c.step)) })
	} else {
		n.substeps = &substeps{fromUS: m.fromUS, toUS: m.toUS, crash: c.step}
	}
	back := &comesBack{n: n}
	w.after(m.fromUS, back.look)
	w.play()
	if w.result.Failed() {
		v := &w.result.Violations[0]
		return fmt.Sprintf("%s %s: %s", v.Invariant, v.Observer, v.Text)
	}
	if w.result.Faults.PowerCuts+w.result.Faults.TornWrites != 1 {
		return "there was no crash"
	}
	return lawful(w)
}

// comesBack starts a node half a second after it went down.
type comesBack struct{ n *node }

func (b *comesBack) look() {
	if !b.n.up() {
		b.n.w.after(second/2, b.n.restart)
		return
	}
	b.n.w.after(second/50, b.look)
}

// lawful says what is wrong with the end of a world: all have the same state; the slot serves what was proposed and
// the proposal is in force, or what served before, and the proposal says why. What the namespace holds then
// the model knows.
func lawful(w *world) string {
	first := w.nodes[0].replica.Overview().Tip
	for _, n := range w.nodes {
		if tip := n.replica.Overview().Tip; tip.Height != first.Height || tip.State != first.State {
			return fmt.Sprintf("%s ends at height %d with state %v, v0 at %d with %v", n.name, tip.Height, tip.State, first.Height, first.State)
		}
	}
	k := w.nodes[0].replica.Kernel()
	p, ok := governance.ReadProposal(k, 1)
	if !ok {
		return "the proposal is gone"
	}
	now := governance.CurrentConfiguration(k)
	is, was, proposed := serving(&now, p.Slot()), serving(&w.genesis.Configuration, p.Slot()), p.Binding.AppendBinary(nil)
	switch {
	case p.Status.Serves() && bytes.Equal(is, proposed):
	case !p.Status.Serves() && bytes.Equal(is, was) && p.Ending.Why != governance.WhyNone:
	default:
		return fmt.Sprintf("the proposal is %v (%v), and %x serves", p.Status, p.Ending.Why, is)
	}
	return ""
}

// TestCrashAtEverySubStep: a node loses power at every sub-step of an activation, a rollback, a trial's end and a
// migration, each in a world of its own. Then the network ends in one of two lawful states, and all in the same.
// By default it plays a few of them; -lab.crashes all plays all.
func TestCrashAtEverySubStep(t *testing.T) {
	t.Parallel()
	corpus, err := NewCorpus(hostile.LeaderParameter)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range turnings() {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			have := props{corpus: corpus, verified: verified{}}
			all, every, played := crashesOf(measure(t, &x, have)), 1, 0
			if *crashes != "all" {
				every = 211
			}
			for i := 0; i < len(all); i += every {
				played++
				if why := crash(t, &x, have, &all[i].in, all[i].crashAt); why != "" {
					t.Errorf("%v: %s\nreplay: go test ./lab -run 'TestCrashAtEverySubStep/%s' -lab.crashes all", all[i].crashAt, why, x.name)
				}
			}
			t.Logf("%d crashes enumerated, %d played", len(all), played)
			if len(all) < 800 {
				t.Errorf("only %d crashes in all", len(all))
			}
		})
	}
}

// Crashes find what is planted to go wrong after one.
func TestCrashesFindPlantedBugs(t *testing.T) {
	t.Parallel()
	for _, bug := range []Bug{"tip-apart", "forget-votes", "lost-bodies", SkipWrite, EarlyReceipt} {
		t.Run(string(bug), func(t *testing.T) {
			t.Parallel()
			have, x := props{verified: verified{}, plant: bug}, turnings()[0]
			all := crashesOf(measure(t, &x, have))
			for i := 0; i < len(all); i += 3 {
				if why := crash(t, &x, have, &all[i].in, all[i].crashAt); why != "" {
					t.Logf("found by crash %d of %d: %v: %s", i+1, len(all), all[i].crashAt, why)
					return
				}
			}
			t.Errorf("none of a third of %d crashes shows it", len(all))
		})
	}
}

type planned struct {
	crashAt
	in measured
}

// crashesOf lists every crash: of every node, before every sub-step and in every operation of its disk, with
// and without what was not synced.
func crashesOf(all []measured) []planned {
	var list []planned
	for node, m := range all {
		for _, disk := range []bool{false, true} {
			steps := m.steps
			if disk {
				steps = m.disk
			}
			for step := range steps {
				for _, unsynced := range []bool{false, true} {
					if unsynced && !disk && m.clean[step] {
						continue // there is nothing to keep
					}
					list = append(list, planned{crashAt{node, disk, step, unsynced}, m})
				}
			}
		}
	}
	return list
}
