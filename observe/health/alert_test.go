package health

import (
	"math"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/transport"
)

func TestAlerts(t *testing.T) {
	busy := func(w *world) {
		for range leastSamples {
			w.pass(time.Second)
			w.certify(10, 0)
		}
	}
	for _, x := range []struct {
		alert   string
		verdict Verdict
		cause   func(*world)
	}{
		{"", Healthy, func(w *world) {}},
		{NodeBehind, Degraded, func(w *world) { w.status.Newest = 65; w.tell(0) }},
		{"", Healthy, func(w *world) { w.status.Newest = 64; w.tell(0) }},
		{NotVoting, Failing, func(w *world) { w.status.Observer = "its vote log is gone"; w.tell(0) }},
		{ResultDiverged, Failing, func(w *world) { w.status.Consensus.Diverged = true; w.tell(0) }},
		{ResultDiverged, Failing, func(w *world) { w.happen(replica.HasDiverged) }},
		{Split, Failing, func(w *world) { w.happen(replica.SplitSeen) }},
		{PluginFaults, Degraded, func(w *world) { w.happen(replica.LeaderFaulted) }},
		{ViewChangesHigh, Degraded, func(w *world) { w.certify(10, 10) }},
		{"", Healthy, func(w *world) { w.certify(10, 5) }},
		{CertificationSlow, Degraded, func(w *world) { w.certify(900, 0) }},
		{MempoolFull, Degraded, func(w *world) { w.Admitted(w.at, []replica.Admission{{Code: replica.RefusedFull}}) }},
		{"", Healthy, func(w *world) { w.Admitted(w.at, []replica.Admission{{Code: replica.RefusedExpired}}) }},
		{DiskSlow, Degraded, func(w *world) {
			for range leastSamples {
				w.Synced(node.FileVotes, 200*time.Millisecond)
			}
		}},
		{"", Healthy, func(w *world) {
			for range leastSamples {
				w.Synced(node.FileVotes, 20*time.Millisecond)
			}
		}},
		{DiskFull, Degraded, func(w *world) {
			w.Surround(Surroundings{Space: func() (uint64, uint64, error) { return 4, 100, nil }})
		}},
		{"", Healthy, func(w *world) {
			w.Surround(Surroundings{Space: func() (uint64, uint64, error) { return 5, 100, nil }})
		}},
		{"", Healthy, func(w *world) { // one in a thousand, and much
			w.Surround(Surroundings{Space: func() (uint64, uint64, error) { return 4 << 30, 4 << 40, nil }})
		}},
		{LogsDropped, Healthy, func(w *world) { w.Surround(Surroundings{Dropped: func() uint64 { return 3 }}) }},
		{ClockSkew, Degraded, func(w *world) { w.finish(1001 * time.Millisecond) }},
		{"", Healthy, func(w *world) { w.finish(999 * time.Millisecond) }},
		{ClockSkew, Degraded, func(w *world) {
			for range leastSamples {
				w.finish(-3 * time.Second)
			}
		}},
		{"", Healthy, func(w *world) { // one that came quickly shows that the clocks agree
			for range leastSamples {
				w.finish(-3 * time.Second)
			}
			w.finish(-10 * time.Millisecond)
		}},
	} {
		w := newWorld(Targets{})
		busy(w)
		x.cause(w)
		w.pass(time.Second)
		r := w.report()
		if r.Verdict != x.verdict {
			t.Errorf("%s: the verdict is %s, want %s: %+v", x.alert, r.Verdict, x.verdict, r.Reasons)
		}
		if x.alert != "" && (len(r.Reasons) != 1 || !r.holds(x.alert)) || x.alert == "" && len(r.Reasons) != 0 {
			t.Errorf("want only %q: %+v", x.alert, r.Reasons)
		}
	}
}

// finish has a block of another proposer finish whose time is so far ahead.
func (w *world) finish(ahead time.Duration) {
	at := quoin.Time(w.at.Add(ahead).UnixMilli())
	b := quoin.NewBlock(quoin.Header{Proposer: 1, Time: at}, nil)
	w.Finished(w.at, &replica.Finished{Block: b, Checkpoint: quoin.Checkpoint{Time: at}})
}

func TestCodesAndPlaybooks(t *testing.T) {
	for alert, want := range map[string]string{ChainStalled: "chain-stalled", FastBurn: "error-budget-fast-burn", NotVoting: "observer"} {
		if got := code(alert); got != want {
			t.Errorf("%s: %s", alert, got)
		}
	}
	if got := Playbook(DiskFull); got != "docs/playbooks.md#quoindiskfull" {
		t.Error(got)
	}
}

func TestTargets(t *testing.T) {
	if err := (Targets{}).Check(); err != nil {
		t.Error(err)
	}
	for _, bad := range []Targets{{Availability: 1}, {Timely: -0.1}, {Clean: math.NaN()}, {WindowMinutes: 59}, {WindowMinutes: windowMost + 1}, {StallMS: 1 << 40}} {
		if bad.Check() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
	if l := (Targets{CertificationMS: 800}).Limits(); l.LatencyMS != 400 {
		t.Errorf("%+v", l)
	}
	if l := (Targets{CertificationMS: 800, Signed: replica.HealthLimits{LatencyMS: 1, Row: 3}}).Limits(); l.LatencyMS != 1 || l.Row != 3 {
		t.Errorf("%+v", l)
	}
	if l := (Targets{}).Limits(); l != (replica.HealthLimits{}) {
		t.Errorf("without targets the limits are not the defaults: %+v", l)
	}
}

// The node's loop waits for nothing that is asked about the surroundings: a disk may hang.
func TestSurroundingsHoldNobodyUp(t *testing.T) {
	w := newWorld(Targets{})
	asked, hung := make(chan bool), make(chan bool)
	w.Surround(Surroundings{Space: func() (uint64, uint64, error) {
		close(asked)
		<-hung
		return 1, 100, nil
	}})
	report := make(chan Report)
	at := w.at
	go func() { report <- w.Report(at) }()
	<-asked
	told := make(chan bool)
	go func() {
		w.Called(node.Call{})
		w.certify(1, 0)
		w.tell(0)
		close(told)
	}()
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Error("who tells the model waits for a disk that hangs")
	}
	close(hung)
	if r := <-report; !r.holds(DiskFull) {
		t.Errorf("the report lacks what the disk said in the end: %+v", r.Reasons)
	}
}

// A node that lacks a block, as each does while votes for it come in, and waited for it, says for how long. One that
// catches up did not wait.
func TestBlocksThatWereWaitedForCount(t *testing.T) {
	w := newWorld(Targets{})
	w.status.Newest = 1
	w.tell(1)
	w.certify(60_000, 0)
	w.status.Newest = 50
	w.tell(1)
	w.certify(0, 0)
	r := w.report()
	if o := r.objective("certification"); o.Total != 1 || o.Bad != 1 {
		t.Errorf("%v of %v blocks were late, want the one that was waited for", o.Bad, o.Total)
	}
}

// linked is a node with five peers, the last four of which cannot be reached.
type linked struct{}

func (linked) Links() (s transport.Stats) {
	for i := range byte(5) {
		s.Peers = append(s.Peers, transport.PeerStats{Key: transport.Key{i + 1}, Up: i == 0})
	}
	return s
}

// Who reads that peers are away wants to know which.
func TestPeersThatAreAwayAreNamed(t *testing.T) {
	w := newWorld(Targets{})
	set, err := quoin.NewValidatorSet([]quoin.Validator{{Name: "ann", Key: quoin.PublicKey{5}, Weight: 1}, {Name: "bob", Key: quoin.PublicKey{2}, Weight: 1},
		{Name: "cat", Key: quoin.PublicKey{3}, Weight: 1}, {Name: "dan", Key: quoin.PublicKey{1}, Weight: 1}})
	if err != nil {
		t.Fatal(err)
	}
	w.status.Configuration.Validators = set
	w.Attach(linked{})
	w.pass(peersAfter + time.Second)
	w.tell(0)
	for _, x := range w.report().Reasons {
		if x.Alert != PeerUnreachable {
			continue
		}
		if want := "4 of 5 peers cannot be reached: 040000000000, ann, bob and 1 more"; x.Sentence != want {
			t.Errorf("got %q, want %q", x.Sentence, want)
		}
		return
	}
	t.Error("nobody is missed")
}
