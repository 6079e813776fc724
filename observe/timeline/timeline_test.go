package timeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
)

var epoch0 = time.UnixMilli(1_700_000_000_000)

func at(ms int) time.Time { return epoch0.Add(time.Duration(ms) * time.Millisecond) }

// started returns a timeline that knows its four validators.
func started(t *testing.T, l Limits) *Timeline {
	t.Helper()
	x := New(l)
	x.Described(status(t, 0))
	return x
}

func status(t *testing.T, ms int) *node.Status {
	t.Helper()
	var members []quoin.Validator
	for i := range 4 {
		members = append(members, quoin.Validator{Name: fmt.Sprintf("validator-%d", i+1), Key: quoin.PublicKey{byte(i + 1)}, Weight: 1})
	}
	set, err := quoin.NewValidatorSet(members)
	if err != nil {
		t.Fatal(err)
	}
	s := &node.Status{At: at(ms)}
	s.Configuration.Epoch, s.Configuration.Validators = 1, set
	s.Consensus.Epoch, s.Consensus.Leader = 1, -1
	return s
}

func enter(x *Timeline, ms int, v quoin.View) {
	x.Happened(at(ms), &replica.Event{Kind: replica.EnteredView, Epoch: 1, View: v})
}

func heard(x *Timeline, ms int, v quoin.View, validator int, message string) {
	x.Progressed(at(ms), replica.Progress{Kind: replica.ProgressHeard, Epoch: 1, View: v, Validator: validator, Message: message})
}

func TestAViewHasWhoWasHeardWhenWithWhat(t *testing.T) {
	x := started(t, Limits{})
	enter(x, 10, 1)
	heard(x, 12, 1, 2, "propose")
	x.Progressed(at(13), replica.Progress{Kind: replica.ProgressExecuted, Epoch: 1, View: 1, Height: 1, Block: quoin.Hash{0xab}, Proposer: 2, Transactions: 7})
	heard(x, 14, 1, 0, "notarize")
	heard(x, 15, 1, 0, "notarize") // once is enough
	x.Happened(at(16), &replica.Event{Kind: replica.BlockNotarized, Epoch: 1, View: 1, Block: quoin.Hash{0xab}})
	x.Progressed(at(18), replica.Progress{Kind: replica.ProgressCertified, Epoch: 1, View: 1, Height: 1, Block: quoin.Hash{0xab}, Proposer: 2, Transactions: 7})
	c := x.Since(0, at(20))
	if len(c.Views) != 1 {
		t.Fatalf("%d views, want 1", len(c.Views))
	}
	v := c.Views[0]
	if v.Leader != 2 || v.Height != 1 || v.Transactions != 7 || v.Block != "ab0000000000" || v.Rescue {
		t.Errorf("the view is %+v", v)
	}
	if want := fmt.Sprint([]int32{2, int32(Propose), 2000, 0, int32(Notarize), 4000}); fmt.Sprint(v.Heard) != want {
		t.Errorf("heard %v, want %s", v.Heard, want)
	}
	if v.Entered != 1 || v.Executed != 3000 || v.Notarized != 6000 || v.Certified != 8000 || v.Nullified != 0 {
		t.Errorf("offsets: %+v", v)
	}
}

func TestOnlyWhatChangedComesAgain(t *testing.T) {
	x := started(t, Limits{})
	enter(x, 0, 1)
	enter(x, 10, 2)
	first := x.Since(0, at(20))
	if c := x.Since(first.Through, at(30)); len(c.Views)+len(c.Marks)+len(c.Events)+len(c.Points) != 0 || c.Through != first.Through {
		t.Errorf("nothing happened, and this changed: %+v", c)
	}
	heard(x, 40, 1, 3, "finalize")
	if c := x.Since(first.Through, at(50)); len(c.Views) != 1 || c.Views[0].View != 1 {
		t.Errorf("a late vote of view 1 changed %+v", c.Views)
	}
}

// A fast network has more views than anybody looks at: what went wrong is told, and the newest of the rest.
func TestUneventfulViewsAreThinnedOut(t *testing.T) {
	x := started(t, Limits{Views: 240, Minor: 40})
	enter(x, 0, 1)
	first := x.Since(0, at(1))
	const last = 200
	for v := quoin.View(2); v <= last; v++ {
		enter(x, int(v), v)
		if v == 50 {
			x.Happened(at(50), &replica.Event{Kind: replica.ViewTimedOut, Epoch: 1, View: v})
			x.Happened(at(50), &replica.Event{Kind: replica.ViewNullified, Epoch: 1, View: v})
		}
	}
	heard(x, 300, 1, 3, "finalize") // of a view that was told already
	for v := quoin.View(2); v <= 100; v++ {
		x.Progressed(at(300), replica.Progress{Kind: replica.ProgressCertified, Epoch: 1, View: v, Height: quoin.Height(v)})
	}
	var got []uint64
	for _, v := range x.Since(first.Through, at(310)).Views {
		got = append(got, v.View)
	}
	want := []uint64{1, 50}
	for v := uint64(last - 40 + 1); v <= last; v++ {
		want = append(want, v)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got the views %v, want %v", got, want)
	}
	second := x.Since(first.Through, at(310)).Through
	for v := quoin.View(2); v <= last; v++ {
		heard(x, 320, v, 3, "finalize") // late votes of views that are certified, and of some that are not
	}
	if n := len(x.Since(second, at(330)).Views); n != 1+40+100 { // the one that failed, late votes, and what is news
		t.Errorf("%d views after late votes", n)
	}
	if n := len(x.Since(0, at(330)).Views); n != last {
		t.Errorf("who comes anew gets %d views, want all %d", n, last)
	}
}

// Who was told of everything between two answers may have seen views half done: the next answer leaves none of these out.
func TestWhoComesBetweenTwoAnswersMissesNothing(t *testing.T) {
	x := started(t, Limits{Minor: 40})
	enter(x, 0, 1)
	first := x.Since(0, at(1)).Through
	certify := func(from, to quoin.View) {
		for v := from; v <= to; v++ {
			x.Progressed(at(10), replica.Progress{Kind: replica.ProgressCertified, Epoch: 1, View: v, Height: quoin.Height(v)})
		}
	}
	for v := quoin.View(2); v <= 10; v++ {
		enter(x, int(v), v)
	}
	x.Since(0, at(11)) // somebody comes
	certify(2, 10)
	for v := quoin.View(11); v <= 100; v++ {
		enter(x, int(v), v)
	}
	certify(11, 100)
	second := x.Since(first, at(120))
	for i, v := range second.Views[:10] {
		if v.View != uint64(2+i) && i < 9 || v.Certified == 0 {
			t.Errorf("told of %+v, want view %d", v, 2+i)
		}
	}
	if n := len(second.Views); n != 9+40 {
		t.Errorf("%d views", n)
	}
	for v := quoin.View(2); v <= 100; v++ { // what is no vote is news, however late
		x.Progressed(at(130), replica.Progress{Kind: replica.ProgressExecuted, Epoch: 1, View: v, Height: quoin.Height(v)})
	}
	if n := len(x.Since(second.Through, at(140)).Views); n != 99 {
		t.Errorf("%d of 99 executions are told", n)
	}
}

func TestClaimsOfFarViewsPushNothingOut(t *testing.T) {
	x := started(t, Limits{Views: 10})
	for v := quoin.View(1); v <= 20; v++ {
		enter(x, int(v), v)
	}
	for i := range quoin.View(1000) {
		heard(x, 30, 1<<40+i, 3, "nullify")
		heard(x, 30, i%5, 3, "nullify")
	}
	views := x.Since(0, at(40)).Views
	if n := len(views); n > 13 || views[n-1].View != 20 {
		t.Errorf("%d views, the newest is %d, want 20", n, views[n-1].View)
	}
	heard(x, 50, 20, 1<<30, "nullify")
	heard(x, 50, 20, -1, "nullify")
	heard(x, 50, 20, 1, "shout")
	if v := x.Since(0, at(60)).Views; len(v[len(v)-1].Heard) != 0 {
		t.Errorf("heard %v of nobody", v[len(v)-1].Heard)
	}
}

func TestRescueViewsAreNamedBeforeTheyBegin(t *testing.T) {
	x := started(t, Limits{})
	enter(x, 0, 8)
	if v := x.Since(0, at(1)).Views[0]; !v.Rescue || v.Leader != 2 {
		t.Errorf("view 8 of four validators is %+v, want the rescue view of validator 2", v)
	}
}

func TestASecondBecomesAPointWhenItIsOver(t *testing.T) {
	x := started(t, Limits{Points: 60})
	block := func(ms, age, transactions int) {
		x.Finished(at(ms), &replica.Finished{Block: &quoin.Block{}, IDs: make([]quoin.Hash, transactions), Checkpoint: quoin.Checkpoint{Time: quoin.Time(at(ms - age).UnixMilli())}})
	}
	block(100, 20, 98)
	block(200, 40, 1)
	block(300, 400, 1)
	block(400, 3_600_000, 5) // was missed: no latency
	x.Happened(at(500), &replica.Event{Kind: replica.ViewTimedOut, Epoch: 1, View: 9})
	x.Called(node.Call{Binding: quoin.Binding{Hook: "leader.v1", Builtin: "round-robin"}, Fuel: 30, Took: time.Millisecond})
	x.Synced(node.FileVotes, 2*time.Millisecond)
	s := status(t, 600)
	s.Pending, s.Newest = 11, 40
	s.Tip.Height = 37
	x.Described(s)
	if c := x.Since(0, at(900)); len(c.Points) != 0 {
		t.Fatalf("the second is not over, and there is %+v", c.Points)
	}
	c := x.Since(0, at(2000))
	if len(c.Points) != 2 {
		t.Fatalf("%d points after two seconds", len(c.Points))
	}
	p := c.Points[0]
	p.change = 0
	want := Point{Second: epoch0.Unix(), Transactions: 105, Blocks: 4, Timeouts: 1, LatencyP50: 20, LatencyP99: 40, Pending: 11, Behind: 3, Fuel: 30, GuestMicros: 1000, FsyncP99: 2000}
	if p != want {
		t.Errorf("the point is\n%+v, want\n%+v", p, want)
	}
	if p := c.Points[1]; p.Transactions != 0 || p.LatencyP50 != -1 || p.FsyncP99 != -1 || p.Pending != 11 {
		t.Errorf("an empty second is %+v", p)
	}
	if n := len(x.Since(0, at(86_400_000)).Points); n > 90 {
		t.Errorf("%d points after a day of silence, limit 60", n)
	}
}

func TestACrashedLeaderIsMarkedOnceAndItsReturnToo(t *testing.T) {
	x := started(t, Limits{})
	v := quoin.View(1)
	everyView := func(ms, from, to int, silent int) {
		for ; int(v) <= to; v++ {
			enter(x, ms, v)
			s := status(t, ms)
			s.Consensus.View, s.Consensus.Leader = v, int(v)%4
			x.Described(s)
			if int(v)%4 == silent {
				x.Happened(at(ms+900), &replica.Event{Kind: replica.ViewTimedOut, Epoch: 1, View: v})
			}
			for i := range 4 {
				if i != silent {
					heard(x, ms+901, v, i, "nullify")
				}
			}
			ms += 1000
		}
	}
	everyView(0, 1, 9, -1)
	everyView(9_000, 10, 30, 2)
	everyView(30_000, 31, 36, -1)
	var kinds []string
	for _, m := range x.Since(0, at(40_000)).Marks {
		kinds = append(kinds, m.Kind+" "+m.Title)
	}
	want := "leader-silent validator-3 is silent, timeouts Views time out, leader-recovered validator-3 is back"
	if got := strings.Join(kinds, ", "); got != want {
		t.Errorf("marks %s, want %s", got, want)
	}
}

func TestWhatHappensInARowIsOneMark(t *testing.T) {
	x := started(t, Limits{})
	for i := range 50 {
		x.Happened(at(i*100), &replica.Event{Kind: replica.LeaderFaulted, Height: quoin.Height(i), Reason: "trap"})
	}
	x.Happened(at(60_000), &replica.Event{Kind: replica.LeaderFaulted, Height: 99, Reason: "trap"})
	marks := x.Since(0, at(61_000)).Marks
	if len(marks) != 2 || marks[0].Count != 50 || marks[0].Until != at(4900).UnixMilli() || marks[1].Count != 1 {
		t.Errorf("marks: %+v", marks)
	}
	for i := range 3 {
		x.Happened(at(61_000), &replica.Event{Kind: node.FaultInjected, Reason: fmt.Sprint("delay ", i)})
	}
	if marks := x.Since(0, at(62_000)).Marks; len(marks) != 5 {
		t.Errorf("%d marks: faults are one each", len(marks))
	}
}

func TestEverythingIsBounded(t *testing.T) {
	x := started(t, Limits{Views: 20, Points: 20, Marks: 20, Events: 20})
	long := strings.Repeat("ü", 10_000)
	failure := errors.New(long)
	for i := range 10_000 {
		enter(x, i*100, quoin.View(i+1))
		x.Happened(at(i*100), &replica.Event{Kind: node.FaultInjected, Reason: long})
		x.Called(node.Call{Binding: quoin.Binding{Hook: "machine.v1", Namespace: fmt.Sprint("n", i), Builtin: "kv"}, Fault: hook.FaultTrap})
		x.Compiled(quoin.Hash{byte(i), byte(i >> 8)}, time.Second, failure)
		x.Progressed(at(i*100), replica.Progress{Kind: replica.ProgressCertified, Epoch: 1, View: quoin.View(i + 1),
			Comparisons: []execution.Comparison{{Proposal: governance.ProposalNumber(i), Comparison: governance.Comparison{Compared: 10, Diverged: 1}}}})
	}
	b, err := json.Marshal(x.Since(0, at(1_000_000)))
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 300_000 {
		t.Errorf("%d bytes are remembered", len(b))
	}
}

func TestCostsAreSummedByBinding(t *testing.T) {
	x := started(t, Limits{})
	a := quoin.Binding{Hook: "machine.v1", Namespace: "kv", Release: quoin.Hash{1}}
	for range 3 {
		x.Called(node.Call{Binding: a, Requests: 4, Fuel: 100, Took: 500, Memory: 1 << 20})
	}
	x.Called(node.Call{Binding: a, Requests: 1, Fuel: 50, Took: 9000, Fault: hook.FaultFuel})
	x.Called(node.Call{Binding: quoin.Binding{Hook: "leader.v1", Builtin: "round-robin"}, Fuel: 2})
	c := x.Since(0, at(0))
	if len(c.Costs) != 2 {
		t.Fatalf("%d costs", len(c.Costs))
	}
	got := c.Costs[0]
	if got.Slot != "machine.v1/kv" || got.Calls != 4 || got.Requests != 13 || got.Fuel != 350 || got.Nanos != 10_500 || got.Slowest != 9000 || got.Memory != 1<<20 || got.Faults["fuel"] != 1 {
		t.Errorf("the cost is %+v", got)
	}
	if c := x.Since(c.Through, at(0)); len(c.Costs) != 0 {
		t.Error("what did not change comes again")
	}
}

func TestTheIntervalOfAShareIsWilsons(t *testing.T) {
	for _, x := range []struct {
		hits, tries uint64
		low, high   float64
	}{{0, 0, 0, 1}, {0, 10, 0, 0.2775}, {10, 10, 0.7225, 1}, {5, 10, 0.2366, 0.7634}, {1, 1000, 0.000177, 0.005642}} {
		got := Share(x.hits, x.tries)
		if near := func(a, b float64) bool { return a-b < 1e-4 && b-a < 1e-4 }; !near(got.Low, x.low) || !near(got.High, x.high) {
			t.Errorf("%d of %d: %+v, want %g to %g", x.hits, x.tries, got, x.low, x.high)
		}
	}
}

// BenchmarkTimeline is what looking on costs the loop for one block of four validators.
func BenchmarkTimeline(b *testing.B) {
	x := New(Limits{})
	binding := quoin.Binding{Hook: "machine.v1", Namespace: "kv", Release: quoin.Hash{1}}
	block := &quoin.Block{}
	b.ReportAllocs()
	for i := range b.N {
		v := quoin.View(i + 1)
		enter(x, i*10, v)
		heard(x, i*10, v, 0, "propose")
		for k := range 4 {
			heard(x, i*10+1, v, k, "notarize")
			heard(x, i*10+2, v, k, "finalize")
		}
		x.Called(node.Call{Binding: binding, Fuel: 1000, Took: time.Microsecond})
		x.Synced(node.FileVotes, time.Millisecond)
		x.Finished(at(i*10+3), &replica.Finished{Block: block, IDs: make([]quoin.Hash, 1)})
	}
}

func TestWhatIsToldIsAMarkWithATitleAndAText(t *testing.T) {
	x := started(t, Limits{})
	x.Happened(at(10), &replica.Event{Kind: Told, Reason: "A candidate runs in the shadow. Nothing of it counts. Wait."})
	x.Happened(at(20), &replica.Event{Kind: Told, Reason: "It serves"})
	marks := x.Since(0, at(30)).Marks
	if len(marks) != 2 || marks[0].Title != "A candidate runs in the shadow" || marks[0].Text != "Nothing of it counts. Wait." || marks[1].Title != "It serves" || marks[1].Text != "" {
		t.Errorf("the marks are %+v", marks)
	}
}

// A validator that proposes in another's view, and claims a height, does not take that view over.
func TestClaimsOfAViewGiveWayToWhatIsKnown(t *testing.T) {
	x := started(t, Limits{})
	enter(x, 0, 1)
	claim := replica.Progress{Kind: replica.ProgressHeard, Epoch: 1, View: 1, Validator: 3, Message: "propose", Height: 99, Block: quoin.Hash{0xee}, Transactions: 5}
	x.Progressed(at(1), claim)
	s := status(t, 2)
	s.Consensus.View, s.Consensus.Leader = 1, 2
	x.Described(s)
	if v := x.Since(0, at(3)).Views[0]; v.Leader != 2 || v.Block != "" {
		t.Errorf("the node knows that validator 2 leads, and the view is %+v", v)
	}
	x.Progressed(at(4), replica.Progress{Kind: replica.ProgressExecuted, Epoch: 1, View: 1, Height: 1, Block: quoin.Hash{0xab}, Proposer: 2, Transactions: 7})
	claim.Validator = 0
	x.Progressed(at(5), claim)
	x.Progressed(at(6), replica.Progress{Kind: replica.ProgressHeard, Epoch: 1, View: 1, Validator: 1, Message: "finalize", Height: 77})
	if v := x.Since(0, at(7)).Views[0]; v.Leader != 2 || v.Height != 1 || v.Block != "ab0000000000" || v.Transactions != 7 {
		t.Errorf("claims changed what was executed: %+v", v)
	}
}

// A peer whose messages are refused all the time drives no other event out.
func TestRefusedMessagesAreOneEventAPeer(t *testing.T) {
	x := started(t, Limits{})
	x.Happened(at(1), &replica.Event{Kind: replica.Equivocated, Epoch: 1, View: 1, Peer: quoin.PublicKey{2}})
	for i := range 5000 {
		x.Happened(at(2+i/100), &replica.Event{Kind: replica.MessageRefused, Epoch: 1, Peer: quoin.PublicKey{byte(3 + i%2)}, Reason: fmt.Sprint(i)})
	}
	events := x.Since(0, at(60)).Events
	if len(events) != 3 || events[0].Kind != string(replica.Equivocated) || events[2].Reason != "4999" {
		t.Errorf("%d events are kept: %+v", len(events), events[:min(4, len(events))])
	}
}

// Charts go on at once when somebody sets the clock back by an hour.
func TestAClockThatIsSetBack(t *testing.T) {
	x := started(t, Limits{})
	x.Since(0, at(60_000))
	x.now = at(-3600_000) // as a time that is later by the monotonic clock alone
	x.closeSeconds()
	x.now = at(-3590_000)
	x.closeSeconds()
	points := x.points
	if n := len(points); n == 0 || points[n-1].Second != at(-3591_000).Unix() {
		t.Fatalf("%d points after the clock was set back", n)
	}
	for i := range points[1:] {
		if points[i].Second >= points[i+1].Second {
			t.Fatalf("point %d is not before the next", i)
		}
	}
}
