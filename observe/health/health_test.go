package health

import (
	"math"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
)

// world feeds a model by a clock of its own.
type world struct {
	*Model
	at     time.Time
	status node.Status
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newWorld(t Targets) *world {
	w := &world{Model: New(t), at: epoch}
	w.status.Configuration.Parameters = quoin.DefaultParameters()
	w.status.Self = 0
	w.tell(0)
	return w
}

func (w *world) pass(d time.Duration) { w.at = w.at.Add(d) }

// tell tells of a status with so many transactions waiting.
func (w *world) tell(pending int) {
	w.status.Pending, w.status.At = pending, w.at
	s := w.status
	w.Described(&s)
}

func (w *world) certify(waitMS uint32, gaps uint64) {
	w.Progressed(w.at, replica.Progress{Kind: replica.ProgressCertified, WaitMS: waitMS, Gaps: gaps})
}

func (w *world) happen(k replica.EventKind) { w.Happened(w.at, &replica.Event{Kind: k}) }

func (w *world) report() Report { return w.Report(w.at) }

func (r Report) objective(name string) *Objective {
	for i := range r.Objectives {
		if r.Objectives[i].Name == name {
			return &r.Objectives[i]
		}
	}
	return &Objective{}
}

func (r Report) holds(alert string) bool {
	for i := range r.Reasons {
		if r.Reasons[i].Alert == alert {
			return true
		}
	}
	return false
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }

func TestWithoutDataNothingIsKnown(t *testing.T) {
	r := New(Targets{}).Report(epoch)
	if r.Verdict != Unknown || len(r.Reasons) != 0 || len(r.Objectives) != 0 {
		t.Errorf("a model that has seen nothing says %+v", r)
	}
	w := newWorld(Targets{})
	if r := w.report(); r.Verdict != Unknown {
		t.Errorf("after no time at all: %s", r.Verdict)
	}
	w.pass(time.Hour)
	r = w.report()
	if r.Verdict != Healthy {
		t.Errorf("an idle chain is %s: %+v", r.Verdict, r.Reasons)
	}
	if o := r.objective("availability"); !o.Known || o.Good != 1 || o.Left != 1 {
		t.Errorf("an idle chain's availability: %+v", o)
	}
	for _, name := range []string{"certification", "clean"} {
		if o := r.objective(name); o.Known {
			t.Errorf("%s of no blocks is known: %+v", name, o)
		}
	}
}

// 28 days at 0.999 leave 40.32 minutes. Transactions wait from second 0; blocks come at second 60 and, after
// a gap of two minutes, at 180: of 300 s, 120 are unavailable, and so is the first minute, which is longer
// than the stall of 5 s.
func TestAvailabilityByHand(t *testing.T) {
	w := newWorld(Targets{})
	w.tell(1)
	w.pass(time.Minute)
	w.certify(100, 0)
	w.tell(1)
	w.pass(2 * time.Minute)
	w.certify(100, 0)
	w.tell(0)
	w.pass(2 * time.Minute)
	r := w.report()
	o := r.objective("availability")
	if o.Bad != 180_000 || o.Total != 300_000 || !near(o.Good, 0.4) {
		t.Errorf("unavailable for %v of %v ms", o.Bad, o.Total)
	}
	if left := 1 - 180/(0.001*28*86400); !near(o.Left, left) {
		t.Errorf("%v of the budget is left, want %v", o.Left, left)
	}
	fast := o.Burns[0]
	// Minutes 1 to 3 of the five: the present minute is the sixth, and the first has left the short window.
	if !near(fast.LongRate, 0.6/0.001) || !near(fast.ShortRate, 120.0/240/0.001) || !fast.Burning {
		t.Errorf("fast: %+v", fast)
	}
	if r.Verdict != Failing || !r.holds(FastBurn) || r.holds(ChainStalled) {
		t.Errorf("%s: %+v", r.Verdict, r.Reasons)
	}
	// When the short window is over, nothing burns any more.
	w.pass(4 * time.Minute)
	if b := w.report().objectiveBurn("availability", 0); b.Burning || !b.ShortKnown || b.ShortRate != 0 {
		t.Errorf("five minutes later: %+v", b)
	}
}

func (r Report) objectiveBurn(name string, i int) Burn { return r.objective(name).Burns[i] }

func TestAGapIsUnavailableFromItsBeginning(t *testing.T) {
	w := newWorld(Targets{StallMS: 10_000})
	w.pass(time.Minute)
	w.tell(3)
	w.pass(10 * time.Second)
	if o := w.report().objective("availability"); o.Bad != 0 {
		t.Errorf("at the edge of the stall %v ms are unavailable", o.Bad)
	}
	w.pass(time.Millisecond)
	r := w.report()
	if o := r.objective("availability"); o.Bad != 10_001 {
		t.Errorf("just past it %v ms are unavailable", o.Bad)
	}
	if !r.holds(ChainStalled) || r.Verdict != Failing {
		t.Errorf("%s: %+v", r.Verdict, r.Reasons)
	}
	for range 5 { // asking often changes nothing
		w.report()
	}
	w.pass(time.Second)
	w.certify(1, 0)
	w.tell(0)
	r = w.report()
	if o := r.objective("availability"); o.Bad != 11_001 || r.holds(ChainStalled) {
		t.Errorf("after the gap %v ms are unavailable; %+v", o.Bad, r.Reasons)
	}
}

// 0.99 of the blocks in time: 200 blocks with 10 late ones are 5% bad, five times the budget's rate.
func TestCertificationByHand(t *testing.T) {
	w := newWorld(Targets{})
	for i := range 200 {
		w.pass(time.Second)
		late := uint32(100)
		if i%20 == 0 {
			late = 501 // of timeout_base_ms 500
		}
		w.certify(late, 0)
	}
	r := w.report()
	o := r.objective("certification")
	if o.Bad != 10 || o.Total != 200 || !near(o.Left, 1-10/2.0) {
		t.Errorf("%+v", o)
	}
	for i, burning := range []bool{false, false, true} {
		if b := o.Burns[i]; !near(b.LongRate, 5) || b.Burning != burning {
			t.Errorf("%+v", b)
		}
	}
	if r.Verdict != Degraded || !r.holds(SlowBurn) || r.holds(FastBurn) {
		t.Errorf("%s: %+v", r.Verdict, r.Reasons)
	}
	i := r.Indicators
	if p := i.Certification; p.Count != 200 || p.P50 < 94*time.Millisecond || p.P50 > 106*time.Millisecond || p.P99 < 470*time.Millisecond || p.P99 > 532*time.Millisecond {
		t.Errorf("%+v", p)
	}
	if !near(i.Timely, 0.95) {
		t.Errorf("%v are timely", i.Timely)
	}
}

func TestFewBlocksBurnNothing(t *testing.T) {
	w := newWorld(Targets{})
	for range least - 1 {
		w.pass(time.Second)
		w.certify(5000, 0)
	}
	for _, b := range w.report().objective("certification").Burns {
		if b.Burning {
			t.Errorf("of %d blocks: %+v", least-1, b)
		}
	}
	w.certify(5000, 0)
	if b := w.report().objectiveBurn("certification", 0); !b.Burning || !near(b.LongRate, 100) {
		t.Errorf("of %d blocks: %+v", least, b)
	}
	// One bad one is not enough, however dear it is.
	w = newWorld(Targets{Timely: 0.9999})
	w.certify(5000, 0)
	for range 120 {
		w.certify(1, 0)
	}
	if b := w.report().objectiveBurn("certification", 0); b.Burning || b.LongRate < b.Threshold {
		t.Errorf("one late block: %+v", b)
	}
}

func TestDefectsByHand(t *testing.T) {
	w := newWorld(Targets{})
	for i := range 1000 {
		w.pass(100 * time.Millisecond)
		if i == 500 {
			w.happen(replica.MachineFaulted)
			w.happen(replica.MachineFaulted)
			w.happen(replica.Equivocated)
		}
		w.certify(10, 0)
	}
	r := w.report()
	if o := r.objective("clean"); o.Bad != 1 || o.Total != 1000 || !near(o.Left, 0) {
		t.Errorf("%+v", o)
	}
	if i := r.Indicators; i.Defects != 3 || !near(i.DefectRate, 3) || i.DefectsOf["plugin-fault"] != 2 || i.DefectsOf["equivocation"] != 1 {
		t.Errorf("%+v", i)
	}
	if !r.holds(PluginFaults) || r.Verdict != Degraded {
		t.Errorf("%s: %+v", r.Verdict, r.Reasons)
	}
}

func TestRecoveryByHand(t *testing.T) {
	w := newWorld(Targets{})
	w.tell(1)
	for _, took := range []time.Duration{2 * time.Second, 4 * time.Second, time.Second} {
		w.certify(10, 0)
		w.tell(1)
		w.pass(took / 2)
		w.happen(replica.ViewTimedOut)
		w.pass(took / 2)
		w.happen(replica.ViewNullified)
	}
	w.certify(10, 2)
	i := w.report().Indicators
	if i.Recovery.Count != 3 || i.RecoveryLast != time.Second || i.RecoveryWorst != 4*time.Second {
		t.Errorf("%+v", i)
	}
	if p := i.Recovery.P50; p < 1900*time.Millisecond || p > 2100*time.Millisecond {
		t.Errorf("half of them took %v", p)
	}
	// On an idle chain the wait began when a transaction came.
	w.tell(0)
	w.pass(time.Hour)
	w.tell(1)
	w.pass(3 * time.Second)
	w.happen(replica.ViewTimedOut)
	w.pass(time.Second)
	w.certify(10, 1)
	if i := w.report().Indicators; i.RecoveryLast != 4*time.Second {
		t.Errorf("it recovered in %v", i.RecoveryLast)
	}
}

func TestPluginLatencyByHand(t *testing.T) {
	w := newWorld(Targets{})
	for range 30 {
		w.pass(time.Second)
		w.Called(node.Call{Took: 20 * time.Millisecond})
		w.Called(node.Call{Took: 40 * time.Millisecond})
		w.Called(node.Call{})
		w.certify(100, 0)
	}
	r := w.report()
	if i := r.Indicators; !near(i.PluginShare, 0.6) || i.Plugin.Count != 30 || i.Plugin.P50 < 56*time.Millisecond || i.Plugin.P50 > 64*time.Millisecond {
		t.Errorf("%+v", i)
	}
	if !r.holds(PluginSlow) {
		t.Errorf("%+v", r.Reasons)
	}
}
