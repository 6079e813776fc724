package execution

import (
	"bytes"
	"fmt"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// mover is kv with a mark before every value. Its migration sets the marks, and ends as its parameters
// say: 0 well, 1 by a trap, 2 by a refusal, 3 by writing more than a block may.
type mover struct{ plugin.KV }

func (mover) Migrate(q *hook.MigrateRequest, s hook.Access) hook.MigrateResponse {
	type pair struct{ key, value []byte }
	var pairs []pair
	s.Scan(nil, nil, func(k, v []byte) bool {
		pairs = append(pairs, pair{bytes.Clone(k), bytes.Clone(v)})
		return true
	})
	for i, p := range pairs {
		s.Put(p.key, append([]byte{'>'}, p.value...))
		if i == 1 {
			s.Delete(p.key)
		}
	}
	s.Put([]byte("from"), fmt.Append(nil, q.Height, q.From))
	switch q.Params[0] {
	case 1:
		panic("trap")
	case 2:
		return hook.MigrateResponse{Code: 5}
	case 3:
		value := make([]byte, hook.ValueMax)
		for i := range 1 << 20 {
			s.Put(fmt.Append(nil, i%200), value)
		}
	}
	return hook.MigrateResponse{}
}

// moved is a chain on which a machine with a migration takes over.
func moved(t *testing.T, how byte, trial uint64, f Flaws) (g *governed, n governance.ProposalNumber, before quoin.Hash) {
	t.Helper()
	g = newGoverned(t, asIs, plugin.Builtin{Name: "mover", Machine: mover{}})
	g.x.flaws = f
	g.certify(g.put("a", "1"), g.put("b", "2"), g.put("c", "3"))
	n = g.approve(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "mover", Parameters: []byte{how}},
		governance.Plan{Trial: trial, State: governance.StateMigrate, Diverges: true})
	g.activate(n)
	return g, n, g.root("kv")
}

func (g *governed) value(namespace, key string) string {
	g.t.Helper()
	v, ok, err := g.x.c.State.Get(namespace, []byte(key))
	if err != nil {
		g.t.Fatal(err)
	}
	if !ok {
		return "nothing"
	}
	return string(v)
}

// A namespace is brought over once, before the first transaction, and goes back with the trial.
func TestMigration(t *testing.T) {
	g, n, before := moved(t, 0, 6, Flaws{})
	if g.value("kv", "a") != "1" {
		t.Error("brought over before the machine serves")
	}
	var b plugin.KVBatch
	b.CompareAndSet([]byte("a"), []byte(">1"), []byte("new"))
	o := g.certify(g.to("kv", b.Payload()), g.put("d", "4"))
	if o.Results[0].Code != 0 || g.value("kv", "a") != "new" || g.value("kv", "b") != "nothing" || g.value("kv", "c") != ">3" {
		t.Errorf("%+v, a %q, b %q, c %q", o.Results, g.value("kv", "a"), g.value("kv", "b"), g.value("kv", "c"))
	}
	if got, want := g.value("kv", "from"), fmt.Sprint(o.Checkpoint.Height, [32]byte{}); got != want {
		t.Errorf("it was told %q, want %q", got, want)
	}
	// What served before runs beside it, on what was brought over.
	if c := o.Comparisons[0]; c.Compared != 2 || c.Diverged+c.Faults != 0 {
		t.Errorf("%+v", c)
	}
	root := g.root("kv")
	if g.certify(); g.root("kv") != root {
		t.Error("it is brought over twice")
	}
	for g.proposal(n).Status == governance.StatusTrial {
		g.certify(g.put("d", "5"))
	}
	if g.root("kv") != before {
		t.Error("it is not brought back")
	}
}

// A migration that fails leaves nothing, and the machine goes without having applied anything.
func TestFailedMigration(t *testing.T) {
	for how, fault := range map[byte]hook.Fault{1: hook.FaultTrap, 2: hook.FaultStatus, 3: hook.FaultLimit} {
		for _, trial := range []uint64{0, 20} {
			g, n, before := moved(t, how, trial, Flaws{})
			o := g.certify(g.put("d", "4"))
			want := SlotFault{Kind: MigrateFault, Slot: "machine.v1/kv", Fault: fault}
			if len(o.Faults) != 1 || o.Faults[0] != want || o.Results[0].Code != ResultSuspended {
				t.Errorf("how %d: %+v, results %+v", how, o.Faults, o.Results)
			}
			for g.proposal(n).Status.Serves() {
				if o := g.certify(g.put("d", "4")); o.Results[0].Code != ResultSuspended {
					t.Errorf("how %d: %+v", how, o.Results)
				}
			}
			p := g.proposal(n)
			if p.Status != governance.StatusQuarantined || p.Ending.Why != governance.WhyFaults || p.Ending.Code != governance.FaultMigration+uint32(fault) {
				t.Errorf("how %d: %v, %+v", how, p.Status, p.Ending)
			}
			if g.root("kv") != before {
				t.Errorf("how %d, trial %d: something of it stays", how, trial)
			}
			if o := g.certify(g.put("d", "4")); o.Results[0].Code != 0 {
				t.Errorf("how %d: what served before does not: %+v", how, o.Results)
			}
		}
	}
}

// A machine that did not bring its namespace over takes no transactions in the next epoch either, if that
// begins before it has gone.
func TestFailedMigrationInTheLastBlockOfAnEpoch(t *testing.T) {
	g := newGoverned(t, asIs, plugin.Builtin{Name: "mover", Machine: mover{}})
	g.certify(g.put("a", "1"))
	n := g.approve(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "mover", Parameters: []byte{1}},
		governance.Plan{State: governance.StateMigrate, Diverges: true})
	other := g.approve(quoin.Binding{Hook: "machine.v1", Namespace: "other", Builtin: "kv"}, governance.Plan{})
	at := g.x.Tip().Height + 8
	g.command(proposer, governance.Schedule{Proposal: n, Height: at})
	g.command(proposer, governance.Schedule{Proposal: other, Height: at + 1})
	g.command(validator, governance.Ready{Proposal: n})
	g.command(validator, governance.Ready{Proposal: other})
	for g.x.Tip().Height < at {
		g.certify()
	}
	before := g.root("kv")
	for g.proposal(n).Status.Serves() {
		if o := g.certify(g.put("d", "4")); o.Results[0].Code != ResultSuspended {
			t.Errorf("height %d, epoch %d: %+v", o.Checkpoint.Height, o.Checkpoint.Epoch, o.Results)
		}
	}
	if !g.proposal(other).Status.Serves() || g.root("kv") != before {
		t.Errorf("the other proposal is %v; the namespace is changed: %v", g.proposal(other).Status, g.root("kv") != before)
	}
	if o := g.certify(g.put("d", "4")); o.Results[0].Code != 0 {
		t.Errorf("what served before does not: %+v", o.Results)
	}
}

// The test above sees a migration that is not taken back whole.
func TestHalfMigrationIsSeen(t *testing.T) {
	g, n, before := moved(t, 1, 0, Flaws{HalfMigrations: true})
	for g.proposal(n).Status.Serves() {
		g.certify()
	}
	if g.root("kv") == before {
		t.Error("half a migration stays, and nobody sees it")
	}
}

// A machine that offers no migration fails like one that faults; a plan without it asks for none.
func TestMissingMigration(t *testing.T) {
	for state, kind := range map[governance.StateRoad]FaultKind{governance.StateMigrate: MigrateFault, governance.StateRestore: ""} {
		g := newGoverned(t, asIs, touchy)
		g.activate(g.approve(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "touchy"}, governance.Plan{Trial: 9, State: state}))
		o := g.certify()
		if kind == "" && len(o.Faults) > 0 || kind != "" && (len(o.Faults) != 1 || o.Faults[0].Kind != kind || o.Faults[0].Fault != hook.FaultMissing) {
			t.Errorf("plan %d: %+v", state, o.Faults)
		}
	}
}
