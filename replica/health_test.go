package replica

import (
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// block is the outcome of a block of a height and a view on the view parent.
func outcomeOf(h quoin.Height, parent, v quoin.View) *execution.Outcome {
	return &execution.Outcome{Block: quoin.NewBlock(quoin.Header{Epoch: 1, Height: h, View: v, ParentView: parent}, nil)}
}

// What is measured is the time from when there was a reason to wait; a time-out does not begin it anew.
func TestPulseMeasures(t *testing.T) {
	var u pulse
	u.begin(1, 100, true)
	u.begin(1, 200, true) // the chain was idle in between
	u.begin(1, 210, false)
	u.certified(outcomeOf(1, 0, 1), 230, false)
	u.begin(2, 300, true)
	u.overdue = 2
	u.begin(2, 350, true) // the timer after the time-out
	u.begin(4, 400, false)
	u.certified(outcomeOf(2, 1, 4), 410, false)
	u.certified(outcomeOf(3, 4, 9), 500, true) // nobody waited for it here
	u.begin(9, 600, true)
	u.certified(outcomeOf(4, 9, 10), 590, true)
	want := []beat{{1, 0, 30, false}, {2, 2, 10, false}, {3, 4, 0, true}, {4, 0, 0, true}}
	if !slices.Equal(u.beats, want) {
		t.Errorf("measured %v, want %v", u.beats, want)
	}
	if len(u.begun) != 0 {
		t.Errorf("it still waits in %v", u.begun)
	}
}

// Levels count the heights that they are about, and what is before leaves out all trials.
func TestLevels(t *testing.T) {
	var u pulse
	view := quoin.View(0)
	for h := quoin.Height(1); h <= 200; h++ {
		parent := view
		view += 1 + quoin.View(h%2)
		if h == 100 {
			u.time([]string{"slot"}, h)
		}
		if h == 110 {
			u.slowed("slot", 3, h-1)
			u.slowed("other", 5, h-1)
		}
		u.begin(view, quoin.Time(1000*h), true)
		u.certified(outcomeOf(h, parent, view), quoin.Time(1000*h+quoin.Height(h)), h > 120 && h <= 140 || h > 190)
	}
	if got, want := u.over(101, 120, "slot"), (level{blocks: 20, gaps: 10, latencyMS: 120, timed: 20, slow: 3}); got != want {
		t.Errorf("over 101 to 120: %+v, want %+v", got, want)
	}
	if got, want := u.before(150, 20, "none"), (level{blocks: 20, gaps: 10, latencyMS: 150}); got != want {
		t.Errorf("before 151: %+v, want %+v", got, want)
	}
	if got := u.before(190, 1000, "slot"); got.blocks != 170 || got.timed != 70 {
		t.Errorf("before 191: %+v", got)
	}
	if got := u.before(0, 10, "slot"); got != (level{}) {
		t.Errorf("before the first: %+v", got)
	}
	u.time(nil, 200)
	if got := u.over(101, 120, "slot"); got.timed != 0 || got.slow != 0 {
		t.Errorf("what is not timed any more: %+v", got)
	}
	for h := quoin.Height(201); h < 20_000; h++ {
		u.certified(outcomeOf(h, view, view+1), 0, false)
		view++
	}
	if len(u.beats) > beatsMax {
		t.Errorf("%d blocks are remembered", len(u.beats))
	}
}

// What is clearly worse than before is a symptom; what the failure of a third of the validators, or a
// moment's load, explains is none.
func TestSymptoms(t *testing.T) {
	p := quoin.DefaultParameters()
	limits := HealthLimits{}.orDefaults(&p)
	calm := level{blocks: 64, gaps: 1, latencyMS: 40, timed: 64, slow: 1}
	rough := level{blocks: 64, gaps: 32, latencyMS: 400, timed: 64, slow: 60}
	for _, c := range []struct {
		name        string
		before, now level
		want        []governance.HealthReason
	}{
		{"as before", calm, level{blocks: 16, gaps: 0, latencyMS: 40, timed: 16}, nil},
		{"a third fails", calm, level{blocks: 16, gaps: 8, latencyMS: 250}, nil},
		{"one of four leads, and is away", calm, level{blocks: 16, gaps: 48, latencyMS: 260}, []governance.HealthReason{governance.HealthGaps}},
		{"it was as bad before", rough, level{blocks: 16, gaps: 24, latencyMS: 1000, timed: 16, slow: 38}, nil},
		{"much slower", calm, level{blocks: 16, latencyMS: 331}, []governance.HealthReason{governance.HealthLatency}},
		{"a little slower", calm, level{blocks: 16, latencyMS: 330}, nil},
		{"slow calls", calm, level{blocks: 16, timed: 16, slow: 16}, []governance.HealthReason{governance.HealthSlow}},
		{"some slow calls", calm, level{blocks: 16, timed: 16, slow: 10}, nil},
		{"nothing is known of before", level{}, level{blocks: 16, latencyMS: 5000, timed: 16, slow: 500}, nil},
		{"nothing is known of before, and few views bring blocks", level{}, level{blocks: 16, gaps: 40}, []governance.HealthReason{governance.HealthGaps}},
		{"two views at the start", level{}, level{blocks: 1, gaps: 2}, nil},
		{"all at once", calm, level{blocks: 4, gaps: 12, latencyMS: 9000, timed: 4, slow: 9}, []governance.HealthReason{governance.HealthGaps, governance.HealthLatency, governance.HealthSlow}},
	} {
		if got := limits.symptoms(c.before, c.now); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// An interval counts only with every height of it.
func TestFindingsHaveNoHoles(t *testing.T) {
	r := newNetwork(t, 1, nil).replicas[0]
	found := func(h quoin.Height, compared uint64) *execution.Outcome {
		o := outcomeOf(h, quoin.View(h-1), quoin.View(h))
		c := execution.Comparison{Proposal: 7, Round: 2}
		c.Compared = compared
		if o.Comparisons = []execution.Comparison{c}; compared == 0 {
			o.Comparisons = nil // adopted
		}
		return o
	}
	for h := quoin.Height(3); h <= 16; h++ {
		n := uint64(h)
		if h == 10 {
			n = 0
		}
		r.compare(found(h, n), 4, 1)
	}
	key := compared{trying{7, 2}, false}
	var whole []quoin.Height
	for i := range r.intervals {
		x := &r.intervals[i]
		if f := x.found[key]; f.covers(x.through-3, x.through) {
			whole = append(whole, x.through)
			if want := 4*uint64(x.through) - 6; f.Compared != want {
				t.Errorf("up to %d: %d calls, want %d", x.through, f.Compared, want)
			}
		}
	}
	if want := []quoin.Height{8, 16}; !slices.Equal(whole, want) {
		t.Errorf("the intervals up to %v are whole, want %v", whole, want)
	}
}

// approved brings a proposal to where it may be scheduled.
func (w *network) approved(p governance.Propose) governance.ProposalNumber {
	w.t.Helper()
	n := w.propose(p)
	w.must(201, governance.Approve{Proposal: n})
	return n
}

// scheduled brings a proposal into effect.
func (w *network) scheduled(n governance.ProposalNumber) {
	w.t.Helper()
	w.must(200, governance.Schedule{Proposal: n, Height: w.replicas[0].exec.Tip().Height + 8})
	w.settle()
	if p := w.proposal(n); p.Status == governance.StatusScheduled {
		w.t.Fatalf("proposal %d is still scheduled: %+v", n, p)
	}
}

// keepers makes a network with a machine in the namespace "odd" that the built-in "own" may replace.
func keepers(t *testing.T, own hook.MachinePlugin) *network {
	return governed(t, func(int) plugin.Builtin { return plugin.Builtin{Name: "own", Machine: own} }, func(g *quoin.Genesis, _ []*Config) {
		g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: hook.Machine.Name, Namespace: "odd", Builtin: "kv"})
	})
}

func ownMachine(plan governance.Plan) governance.Propose {
	p := governance.NewBuiltin(quoin.Binding{Hook: hook.Machine.Name, Namespace: "odd", Builtin: "own"})
	p.Plan = plan
	return p
}

// Validators report what their shadows find, on an idle chain as well, until there is enough of it. One
// that has not seen all of an interval says nothing of it.
func TestShadowsAreReported(t *testing.T) {
	w := keepers(t, plugin.Builtins()[slices.IndexFunc(plugin.Builtins(), func(b plugin.Builtin) bool { return b.Name == "kv" })].Machine)
	n := w.approved(ownMachine(governance.Plan{Shadow: 12}))
	if r := w.command(200, governance.Shadow{Proposal: n}); r.Code != 0 {
		t.Fatalf("refused: %v", governance.Code(r.Code))
	}
	w.settle()
	p := w.proposal(n)
	if p.Shadowed.Heights < 12 || p.Shadowed.Diverged+p.Shadowed.Faults > 0 {
		t.Fatalf("after the shadow: %+v", p.Shadowed)
	}
	tip := w.replicas[0].exec.Tip().Height
	if most := p.ShadowFrom + 12 + 2*4 + 64 + 8; tip > most {
		t.Errorf("the idle chain went on to height %d, want at most %d", tip, most)
	}
	by := map[quoin.Height]int{}
	for _, c := range w.said(governance.KindReport) {
		by[c.(governance.Report).Through]++
	}
	for through, count := range by { // in any order
		if through%4 != 0 || through < p.ShadowFrom+3 || count > 4 {
			t.Errorf("%d reports up to %d", count, through)
		}
	}
	reports := len(w.said(governance.KindReport))
	w.replicas[3].found = map[compared]*finding{} // as after a restart
	w.scheduled(n)
	if p := w.proposal(n); p.Status != governance.StatusActive || len(w.said(governance.KindReport)) <= reports {
		t.Errorf("it is %v after %d further reports", p.Status, len(w.said(governance.KindReport))-reports)
	}
}

// A machine that differs from the incumbent is seen in the shadow.
func TestDivergingShadowIsReported(t *testing.T) {
	w := keepers(t, oddMachine{})
	n := w.approved(ownMachine(governance.Plan{Shadow: 1000}))
	w.must(200, governance.Shadow{Proposal: n})
	p := w.until(n, func(i uint64) { w.odd(i) }, governance.StatusRejected)
	if p.Ending.Why != governance.WhyShadowPolicy || p.Shadowed.Diverged == 0 {
		t.Errorf("it is %v, %+v, %+v", p.Status, p.Ending, p.Shadowed)
	}
}

// odd submits a transaction of the namespace "odd".
func (w *network) odd(salt uint64) {
	w.step(0, Submit{[]quoin.Transaction{{Salt: salt, Expiry: w.replicas[0].exec.Tip().Height + 100, Namespace: "odd", Payload: put(salt).Payload}}})
}

// healths returns the reasons of the health reports on a proposal.
func (w *network) healths(n governance.ProposalNumber) (reasons []governance.HealthReason) {
	for _, c := range w.said(governance.KindHealth) {
		if x := c.(governance.Health); x.Proposal == n {
			reasons = append(reasons, x.Reason)
		}
	}
	return reasons
}

// A trial that goes well is called good, so that it can be confirmed.
func TestGoodTrialIsConfirmed(t *testing.T) {
	for _, c := range []struct {
		name string
		p    governance.Propose
	}{{"leader", ownLeader(1)}, {"parameters", func() governance.Propose {
		p := quoin.DefaultParameters()
		p.ReportHeights, p.UnsignedTransactionsFlag, p.TimeoutBaseMS = 4, 1, 400
		return governance.NewParameters(p)
	}()}} {
		t.Run(c.name, func(t *testing.T) {
			w := ledBy(t)
			c.p.Plan.Trial = 60
			n := w.approved(c.p)
			w.must(200, governance.Schedule{Proposal: n, Height: w.replicas[0].exec.Tip().Height + 8})
			w.until(n, func(uint64) { w.command(200, governance.Confirm{Proposal: n}) }, governance.StatusActive)
			if reasons := w.healths(n); len(reasons) < 3 || slices.ContainsFunc(reasons, func(x governance.HealthReason) bool { return x != governance.HealthGood }) {
				t.Errorf("validators said %v", reasons)
			}
		})
	}
}

// Each kind of bad trial is called what it is, and goes.
func TestBadTrialsGo(t *testing.T) {
	led := ledBy(t)
	for _, c := range []struct {
		name string
		w    *network
		p    governance.Propose
		do   func(w *network, i uint64)
		want governance.HealthReason
	}{
		{"it leaves views without blocks", led, ownLeader(byte(led.replicas[3].index)), func(w *network, _ uint64) { w.away = 3 }, governance.HealthGaps},
		{"it differs", keepers(t, oddMachine{}), ownMachine(governance.Plan{}), (*network).odd, governance.HealthDivergence},
		{"its calls are slow", ledBy(t), ownLeader(1), func(w *network, _ uint64) {
			for i := range w.replicas {
				if _, timed := w.replicas[i].pulse.timed[hook.Leader.Name]; timed {
					w.step(i, SlowCalls{hook.Leader.Name, 4})
				}
			}
		}, governance.HealthSlow},
		{"it is slow", ledBy(t), ownLeader(1), func(w *network, _ uint64) { w.now += 700 }, governance.HealthLatency},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := c.w
			w.t = t
			c.p.Plan.Trial = 1000
			n := w.approved(c.p)
			w.blocks(8)
			w.must(200, governance.Schedule{Proposal: n, Height: w.replicas[0].exec.Tip().Height + 8})
			p := w.until(n, func(i uint64) {
				if w.proposal(n).Status == governance.StatusTrial {
					c.do(w, i)
				}
			}, governance.StatusPaused, governance.StatusRolledBack)
			if p.Ending.Code != uint32(c.want) {
				t.Errorf("it is %v, %+v; validators said %v", p.Status, p.Ending, w.healths(n))
			}
		})
	}
}

// What behaves in its trial, or had none, is still watched when it is active.
func TestActiveIsStillWatched(t *testing.T) {
	w := ledBy(t)
	n := w.approved(ownLeader(byte(w.replicas[3].index)))
	w.blocks(8)
	w.must(200, governance.Schedule{Proposal: n, Height: w.replicas[0].exec.Tip().Height + 8})
	w.until(n, func(uint64) {}, governance.StatusActive)
	w.settle()
	w.away = 3
	p := w.until(n, func(i uint64) {
		x := put(1<<30 + i)
		x.Expiry = w.replicas[0].exec.Tip().Height + 100
		w.step(0, Submit{[]quoin.Transaction{x}})
	}, governance.StatusPaused, governance.StatusRolledBack)
	if p.Ending.Code != uint32(governance.HealthGaps) || slices.Contains(w.healths(n), governance.HealthGood) {
		t.Errorf("it is %v, %+v; validators said %v", p.Status, p.Ending, w.healths(n))
	}
}

// What was active for long is not blamed for what the network has become since.
func TestBlameEnds(t *testing.T) {
	w := ledBy(t)
	r := w.replicas[0]
	p := governance.Proposal{Activation: 100}
	last := p.Activation + activeIntervals*quoin.Height(r.exec.Configuration().Parameters.ReportHeights)
	if !r.recent(&p, last) || r.recent(&p, last+1) {
		t.Errorf("what was activated in block %d is recent until another block than %d", p.Activation, last)
	}
}

// A validator that is to join a set says that it is ready, and no more: it does not judge what others are
// asked about.
func TestNewcomersAreReady(t *testing.T) {
	var all quoin.ValidatorSet
	w := governedOf(t, 5, nil, func(g *quoin.Genesis, configs []*Config) {
		all = g.Configuration.Validators
		newcomer := configs[4].Signer.Public()
		old := slices.DeleteFunc(slices.Clone(all.All()), func(v quoin.Validator) bool { return v.Key == newcomer })
		var err error
		if g.Configuration.Validators, err = quoin.NewValidatorSet(old); err != nil {
			t.Fatal(err)
		}
	})
	n := w.approved(governance.NewValidators(all))
	w.away = 1 // so that it needs the newcomer's word
	w.must(200, governance.Schedule{Proposal: n, Height: w.replicas[0].exec.Tip().Height + 8})
	w.until(n, func(uint64) {}, governance.StatusActive)
	said := map[governance.Kind]bool{}
	for _, f := range w.finished[0] {
		for _, x := range f.Block.Transactions() {
			if x.Sender == w.keys[4] {
				said[governance.Kind(x.Payload[0])] = true
			}
		}
	}
	if len(said) != 1 || !said[governance.KindReady] {
		t.Errorf("the newcomer said %v", said)
	}
	if set := w.replicas[0].exec.Configuration().Validators; set.Len() != 5 {
		t.Errorf("%d validators", set.Len())
	}
}

// A node that catches up is silent about what is long over.
func TestLateIntervalsAreLeftOut(t *testing.T) {
	w := ledBy(t)
	p := quoin.DefaultParameters()
	p.ReportHeights, p.UnsignedTransactionsFlag, p.TimeoutBaseMS = 4, 1, 400
	change := governance.NewParameters(p)
	change.Plan.Trial = 1000
	n := w.approved(change)
	w.must(200, governance.Schedule{Proposal: n, Height: w.replicas[0].exec.Tip().Height + 8})
	trial := w.until(n, func(uint64) {}, governance.StatusTrial)
	r := w.replicas[0]
	for late, want := range []int{1, 0} {
		clear(r.kernelView.said)
		r.intervals = []interval{{through: trial.Activation + 1_000, heights: 4, epoch: r.epoch, time: r.now - quoin.Time(late*(lateMS+1))}}
		if r.examine(&Output{}); len(r.kernelView.said) != want {
			t.Errorf("late %d: it said %v", late, r.kernelView.said)
		}
	}
}
