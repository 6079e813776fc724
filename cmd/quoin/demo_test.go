package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/audit"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe/timeline"
	"quoin.dev/quoin/plugin/hostile"
)

// testPace is a demo without an audience.
var testPace = pace{calm: 300 * time.Millisecond, down: 2500 * time.Millisecond, notice: 600 * time.Millisecond, well: 300 * time.Millisecond,
	beside: 500 * time.Millisecond, serves: 100 * time.Millisecond}

// TestDemoPlaysFiveActs plays a round on a network under load, and looks for every act in what is certified:
// the blocks, the history of the slot, and the audit chain.
func TestDemoPlaysFiveActs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some ten seconds")
	}
	d := startDemo(t)
	before := d.height()
	marks := d.listen()
	d.round(t.Context())
	told := marks()

	var blocks []gap
	var lines []governance.Served
	ctx, cancel := patient()
	defer cancel()
	if err := d.conn.Kernel(ctx, func(s governance.State) {
		lines = slices.Collect(governance.History(s, demoSlot))
	}); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(lines)
	var served []string
	for _, x := range lines {
		name := x.Binding.Builtin
		if !x.Binding.Release.IsZero() {
			name = hostile.ReleaseSleeper
		}
		served = append(served, fmt.Sprint(x.Cause, " ", name))
	}
	if want := []string{"genesis round-robin", "proposal " + hostile.ReleaseSleeper, "quarantine round-robin", "proposal " + demoCandidate, "rollback round-robin"}; !slices.Equal(served, want) {
		t.Fatalf("the slot was served by %q, want %q", served, want)
	}
	checkRoads(t, d)
	blocks = d.gaps(t, before+1, lines[1].First)
	checkCrash(t, blocks)
	checkMarks(t, told)
	now := d.height()
	for end := time.Now().Add(time.Minute); d.height() < now+20; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after the demo the chain stands still at height %d", d.height())
		}
	}
}

// startDemo starts a network with a load, and a director for it.
func startDemo(t *testing.T) *director {
	t.Helper()
	t.Setenv("QUOIN_CONFIG_DIR", filepath.Join(t.TempDir(), "config"))
	dir := t.TempDir()
	g, members, err := devNetwork(dir, &devOptions{nodes: demoValidatorsMin}, true)
	if err != nil {
		t.Fatal(err)
	}
	tt := &terminal{out: io.Discard, err: t.Output()}
	net := &devNet{genesis: g, members: members}
	t.Cleanup(func() {
		if err := net.close(); err != nil {
			t.Error(err)
		}
	})
	for _, step := range []func() error{
		func() error { return net.open(dir, slog.New(slog.DiscardHandler)) },
		func() error { return net.connect(t.Context()) },
		func() error { return net.stations[0].serveNear(tt, net.plans[0], "127.0.0.1:0") },
		func() error {
			s, err := networkContext(dir, []apiNode{{net.stations[0].url(), net.stations[0].node.Key().String()}}, len(members))
			if err != nil {
				return err
			}
			return saveContext(s, g)
		},
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	d, err := net.newDirector(t.Context(), tt, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.conn.close)
	d.pace = testPace
	ctx, stop := context.WithCancel(context.Background())
	var loaded sync.WaitGroup
	loaded.Go(func() { net.load(ctx, tt, 200) })
	t.Cleanup(func() { stop(); loaded.Wait() })
	return d
}

// listen follows what every node announces, until the function that it returns is called: the reasons of each
// node's marks.
func (d *director) listen() (stop func() [][]string) {
	told := make([][]string, len(d.running()))
	var all sync.WaitGroup
	var subs []*node.Subscription
	for i, s := range d.running() {
		sub := s.node.Feed().SubscribeTo(256, func(x node.Item) bool {
			return x.Event != nil && slices.Contains([]string{string(timeline.Told), string(node.FaultInjected)}, string(x.Event.Kind))
		})
		subs = append(subs, sub)
		all.Go(func() {
			for x := range sub.C {
				told[i] = append(told[i], x.Event.Reason)
			}
		})
	}
	return func() [][]string {
		for _, s := range subs {
			s.Close()
		}
		all.Wait()
		return told
	}
}

// checkMarks checks that the nodes that were never away have the acts explained, in their order.
func checkMarks(t *testing.T, told [][]string) {
	want := []string{"was stopped while it led view", "has recovered", "A bad plugin is approved", "The bad plugin serves", "The bad plugin is contained",
		"A candidate runs in the shadow", "The shadow is compared", "An activation is scheduled", "Activated at its height", "Rolled back"}
	whole := 0
	for _, marks := range told {
		next := 0
		for _, text := range marks {
			if next < len(want) && strings.Contains(text, want[next]) {
				next++
			}
		}
		if next == len(want) {
			whole++
		}
	}
	if whole != len(told)-1 {
		t.Errorf("%d nodes, and %d have all marks: %q", len(told), whole, told)
	}
}

// checkRoads checks on the audit chain which roads the two proposals took.
func checkRoads(t *testing.T, d *director) {
	t.Helper()
	var kinds []string
	roads := map[governance.ProposalNumber][]string{}
	ctx, cancel := patient()
	defer cancel()
	if _, err := d.conn.wholeHistory(ctx, io.Discard, nil, func(e *audit.Entry) error {
		kinds = append(kinds, e.Kind)
		for _, s := range e.Became {
			roads[s.Proposal] = append(roads[s.Proposal], s.To)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for number, want := range map[governance.ProposalNumber][]string{
		1: {"proposed", "prechecked", "approved", "scheduled", "trial", "quarantined"},
		2: {"proposed", "prechecked", "approved", "shadow", "scheduled", "active", "rolled-back"},
	} {
		if !slices.Equal(roads[number], want) {
			t.Errorf("proposal %d went the road %q, want %q", number, roads[number], want)
		}
	}
	count := func(kind string) (n int) {
		for _, k := range kinds {
			if k == kind {
				n++
			}
		}
		return n
	}
	if count("fault") != governance.FaultsMax || count("rollback") != 1 || count("report") < demoValidatorsMin-1 {
		t.Errorf("the audit chain has %d faults, %d rollbacks and %d reports", count("fault"), count("rollback"), count("report"))
	}
}

// gap is a certified block, with the validators whose views before it brought none.
type gap struct {
	height   quoin.Height
	proposer int
	failed   int
	lost     []int
}

// gaps reads the blocks of some heights at which validators led in turn.
func (d *director) gaps(t *testing.T, from, until quoin.Height) (all []gap) {
	t.Helper()
	ctx, cancel := patient()
	defer cancel()
	for from < until {
		blocks, next, err := d.conn.Blocks(ctx, from, 256)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks {
			h := b.Header()
			if h.Height >= until {
				break
			}
			g := gap{height: h.Height, proposer: int(h.Proposer)}
			for v := h.ParentView + 1; v < h.View; v++ {
				g.lost = append(g.lost, int(roundRobin(uint64(v), demoValidatorsMin)))
			}
			for _, r := range b.Results {
				if r.Code != 0 {
					g.failed++
				}
			}
			all = append(all, g)
		}
		from = next
	}
	return all
}

// checkCrash checks that one validator's views brought nothing for a while, and then blocks again.
func checkCrash(t *testing.T, blocks []gap) {
	t.Helper()
	lost, back, failed := map[int]int{}, map[int]bool{}, 0
	for _, b := range blocks {
		for _, v := range b.lost {
			lost[v]++
			back[v] = false
		}
		back[b.proposer] = true
		failed += b.failed
	}
	victim, most := -1, 0
	for v, n := range lost {
		if n > most {
			victim, most = v, n
		}
	}
	if most < 1 {
		t.Error("no view is lost: nobody was away")
	}
	if !back[victim] {
		t.Errorf("validator %d does not lead again after its crash", victim)
	}
	if failed > 0 {
		t.Errorf("%d transactions failed", failed)
	}
}
