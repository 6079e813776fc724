package node

import (
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
)

// A call is slow for its fuel, whether it answers one question or a batch of them.
func TestStopwatch(t *testing.T) {
	var now time.Time
	s := newStopwatch(&PluginOptions{CallTime: time.Millisecond, CallTimePerFuel: time.Microsecond})
	s.now = func() time.Time { return now }
	guest := quoin.Binding{Hook: hook.Leader.Name, Release: quoin.Hash{1}}
	machine := quoin.Binding{Hook: hook.Machine.Name, Namespace: "space", Release: quoin.Hash{2}}
	builtin := quoin.Binding{Hook: hook.Leader.Name, Builtin: "round-robin"}
	single := func(b quoin.Binding, took time.Duration, o plugin.Outcome) {
		if !b.Release.IsZero() {
			s.begin()
			now = now.Add(took)
			s.end()
		}
		s.metered(b, o)
	}
	now = time.Unix(1, 0)
	single(guest, time.Hour, plugin.Outcome{Fuel: 1})
	if s.take() != nil {
		t.Error("it counts before it is asked to")
	}
	for _, c := range []struct {
		name string
		do   func()
		want uint64
	}{
		{"in time", func() { single(guest, 2*time.Millisecond, plugin.Outcome{Fuel: 1000}) }, 0},
		{"slow", func() { single(guest, 2*time.Millisecond+1, plugin.Outcome{Fuel: 1000}) }, 1},
		{"a built-in uses up no guest's time", func() {
			single(guest, 3*time.Millisecond, plugin.Outcome{Fuel: 1000})
			single(builtin, 0, plugin.Outcome{Fuel: 1 << 30})
		}, 1},
		{"a fault", func() { single(guest, time.Hour, plugin.Outcome{Fault: hook.FaultFuel, Fuel: 5}) }, 0},
		{"nobody asks about it", func() { single(machine, time.Hour, plugin.Outcome{Fuel: 5}) }, 0},
		{"a batch in time, and a slow one", func() {
			for _, took := range []time.Duration{3, 4} {
				s.begin()
				s.metered(guest, plugin.Outcome{Fuel: 1000})
				now = now.Add(took * time.Millisecond)
				s.metered(guest, plugin.Outcome{Fuel: 1000})
				s.end()
			}
		}, 1},
	} {
		s.watch([]string{hook.Leader.Name})
		c.do()
		got := uint64(0)
		for _, x := range s.take() {
			if got += x.Calls; x.Slot != hook.Leader.Name {
				t.Errorf("%s: slow calls of %s", c.name, x.Slot)
			}
		}
		if got != c.want {
			t.Errorf("%s: %d slow calls, want %d", c.name, got, c.want)
		}
	}
}

// A release whose calls are slow is stopped in its trial, on an idle chain, by what the nodes measure; a
// good one is called good. (Here no call is quick enough, or every one is.)
func TestSlowReleaseIsPaused(t *testing.T) {
	_, file := leaderRelease(t)
	for _, c := range []struct {
		name     string
		callTime time.Duration
		good     bool
	}{{"slow", 1, false}, {"quick", time.Hour, true}} {
		t.Run(c.name, func(t *testing.T) {
			w := newNetworkOf(t, 4, func(w *network) {
				govern(w)
				w.plugins.CallTime, w.plugins.CallTimePerFuel = c.callTime, 1
				w.health = replica.HealthLimits{Slow: 1}
				w.genesis.Configuration.Parameters.TimeoutBaseMS = 2000
			})
			p := proposed(t, file, 1)
			p.Plan.Trial = 100_000
			n := w.propose(t, p)
			if _, err := w.nodes[2].AddRelease(file); err != nil {
				t.Fatal(err)
			}
			w.becomes(t, n, governance.StatusPrechecked)
			for _, step := range []struct {
				member int
				c      governance.Command
			}{{201, governance.Approve{Proposal: n}}, {200, governance.Schedule{Proposal: n, Height: w.nodes[0].Status().Tip.Height + 8}}} {
				if r := w.command(t, step.member, step.c); r.Code != 0 {
					t.Fatalf("%T: %v", step.c, governance.Code(r.Code))
				}
			}
			if !c.good {
				if p := w.becomes(t, n, governance.StatusPaused, governance.StatusRolledBack); p.Ending.Code != uint32(governance.HealthSlow) {
					t.Errorf("it ended with %+v", p.Ending)
				}
				return
			}
			for end := time.Now().Add(time.Minute); w.command(t, 200, governance.Confirm{Proposal: n}).Code != 0; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("it cannot be confirmed")
				}
			}
			w.becomes(t, n, governance.StatusActive)
		})
	}
}
