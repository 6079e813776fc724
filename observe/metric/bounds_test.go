package metric

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
)

// churn returns a binding that nobody has seen before.
func churn(i int) quoin.Binding {
	b := quoin.Binding{Hook: "machine.v1", Namespace: fmt.Sprint("space-", i%1000)}
	binary.BigEndian.PutUint64(b.Release[:], uint64(i)<<20)
	return b
}

// TestHostileNamesDoNotGrowTheSeries: whatever changes as often as it likes is counted, and not told apart.
func TestHostileNamesDoNotGrowTheSeries(t *testing.T) {
	m, s := full(t)
	before := len(series(t, m))
	for i := range 20_000 {
		b := churn(i)
		m.Called(node.Call{Binding: b, Requests: 1, Took: time.Microsecond, Memory: 1, Fault: hook.Fault(i % 40)})
		m.Compiled(b.Release, time.Second, nil)
		m.Happened(noon, &replica.Event{Kind: replica.EventKind(fmt.Sprint("event-", i))})
		m.Progressed(noon, replica.Progress{Kind: replica.ProgressCertified, Faults: []execution.SlotFault{{Slot: b.Slot()}}})
		m.Progressed(noon, replica.Progress{Kind: replica.ProgressHeard, Message: "propose", Epoch: quoin.Epoch(i + 10), View: quoin.View(i), Validator: i % quoin.ValidatorsMax})
		m.Happened(noon, &replica.Event{Kind: replica.BlockNotarized, Epoch: quoin.Epoch(i + 10), View: quoin.View(i)})
	}
	grown := series(t, m)
	// Of each binding: calls, fuel, memory, time and up to 32 codes; the other names one each.
	if limit := before + (usesMax+1)*(4+faultsMax) + compiledMax + eventsMax + slotsMax + 8; len(grown) > limit {
		t.Errorf("%d series grew to %d, the limit is %d", before, len(grown), limit)
	}
	calls := 0.0
	for name, v := range grown {
		if strings.HasPrefix(name, "quoin_plugin_calls_total") {
			calls += v
		}
	}
	if calls != 20_000+6 {
		t.Errorf("%v calls are counted, want %d", calls, 20_000+6)
	}
	if n := grown["quoin_consensus_quorum_delay_seconds validator=other"]; n != 20_000 {
		t.Errorf("%v proposals of unknown validators are counted", n)
	}

	// Once nothing calls them any more, they are forgotten: at once what served nowhere, for there are many.
	for i := range 3 {
		s.status.At = noon.Add(time.Duration(i+1) * sweepEvery)
		m.Described(&s.status)
	}
	after := series(t, m)
	if len(after) > before+compiledMax+eventsMax+8 {
		t.Errorf("%d series are left of %d, there were %d", len(after), len(grown), before)
	}
	for name := range after {
		if strings.HasPrefix(name, "quoin_plugin_call") && strings.Contains(name, "space-") {
			t.Errorf("%s is not forgotten", name)
		}
	}
	if after["quoin_plugin_calls_total release=builtin:round-robin slot=leader.v1"] == 0 {
		t.Error("what serves was forgotten")
	}
}

// TestWhatServesNowhereIsForgotten after a while without calls, and not before.
func TestWhatServesNowhereIsForgotten(t *testing.T) {
	m, s := full(t)
	gone := churn(1)
	m.Called(node.Call{Binding: gone, Requests: 1, Took: time.Microsecond})
	name := "quoin_plugin_call_duration_seconds release=" + ReleaseLabel(&gone) + " slot=" + gone.Slot()
	for _, c := range []struct {
		after time.Duration
		there bool
	}{{time.Minute, true}, {usedFor, true}, {usedFor + time.Minute, false}} {
		s.status.At = noon.Add(c.after)
		m.Described(&s.status)
		if _, there := series(t, m)[name]; there != c.there {
			t.Errorf("%v after its last call: there: %v", c.after, there)
		}
	}
	if _, there := series(t, m)["quoin_plugin_calls_total release="+ReleaseLabel(&proposed)+" slot=leader.v1"]; !there {
		t.Error("what is proposed was forgotten")
	}
}

// TestReleasesWithTheSameFirstDigitsShareALabel: anybody can make two.
func TestReleasesWithTheSameFirstDigitsShareALabel(t *testing.T) {
	m, _ := full(t)
	twin := proposed
	twin.Release[31]++
	m.Called(node.Call{Binding: twin, Requests: 1})
	if n := series(t, m)["quoin_plugin_calls_total release="+ReleaseLabel(&proposed)+" slot=leader.v1"]; n != 6 {
		t.Errorf("%v calls, want 6", n)
	}
}

// TestConcurrentUse: the loop, disk and compiler tell while scrapers ask. Run it with -race.
func TestConcurrentUse(t *testing.T) {
	m, s := full(t)
	h := m.Handler().(*handler)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 200 {
				switch g {
				case 0:
					happen(m, s)
				case 1:
					m.Called(node.Call{Binding: churn(i), Requests: 1, Took: time.Microsecond})
					m.Synced(node.FileStore, time.Millisecond)
				case 2:
					if _, err := h.page(variant{open: i%2 == 0, gzip: i%3 == 0}); err != nil {
						t.Error(err)
					}
				default:
					if _, err := m.registry.Gather(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
}

// TestProposalsOfOthersDoNotHideALeaders: a validator that proposes in every view, ahead of time, is not taken for its
// leader, and makes the leader's proposal not be forgotten.
func TestProposalsOfOthersDoNotHideALeaders(t *testing.T) {
	m := New(Config{})
	s := newStage(t)
	m.Described(&s.status)
	block := quoin.Hash{0xab}
	hostile := func() {
		for v := range quoin.View(1000) {
			m.Progressed(noon, replica.Progress{Kind: replica.ProgressHeard, Message: "propose", Epoch: 3, View: v, Block: quoin.Hash{0xee}, Validator: 0})
		}
	}
	hostile()
	m.Progressed(noon.Add(time.Second), replica.Progress{Kind: replica.ProgressHeard, Message: "propose", Epoch: 3, View: 40, Block: block, Validator: 2})
	hostile()
	m.Happened(noon.Add(time.Second+20*time.Millisecond), &replica.Event{Kind: replica.BlockNotarized, Epoch: 3, View: 40, Block: block})
	found := series(t, m)
	name := "quoin_consensus_quorum_delay_seconds validator=" + s.status.Configuration.Validators.At(2).Name
	if found[name] != 1 {
		t.Errorf("the leader's delay was not counted: %v", found[name])
	}
	if other := "quoin_consensus_quorum_delay_seconds validator=" + s.status.Configuration.Validators.At(0).Name; found[other] != 0 {
		t.Error("a delay was counted of who did not lead")
	}
}
