package execution

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// touchy is kv, and traps at a payload that begins with 0xff.
var touchy = machine("touchy", func(q *hook.ApplyRequest, _ hook.Access) {
	if len(q.Payload) > 0 && q.Payload[0] == 0xff {
		panic("trap")
	}
})

// tried is a chain with a machine on trial.
type tried struct {
	*governed
	n      governance.ProposalNumber
	before quoin.Hash // root of kv when the trial began
	random *rand.Rand
}

func newTried(t testing.TB, seed uint64, f Flaws, trial uint64, change func(*quoin.Configuration)) *tried {
	t.Helper()
	g := newGoverned(t, func(c *quoin.Configuration) {
		*c = c.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "other", Builtin: "kv"})
		change(c)
	}, touchy)
	g.x.flaws = f
	x := &tried{governed: g, random: rand.New(rand.NewPCG(seed, 5))}
	for range 10 {
		g.certify(x.writes("kv", 10)...)
	}
	x.n = g.approve(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "touchy"}, governance.Plan{Trial: trial, State: governance.StateRestore})
	g.activate(x.n)
	x.before = g.root("kv")
	return x
}

// writes are n transactions that put and delete a few of 60 keys each; some of them are refused.
func (x *tried) writes(namespace string, n int) (txs []quoin.Transaction) {
	for range n {
		var b plugin.KVBatch
		for range 1 + x.random.IntN(4) {
			key := fmt.Appendf(nil, "key%d", x.random.IntN(60))
			switch x.random.IntN(5) {
			case 0, 1:
				b.Delete(key)
			case 2:
				b.CompareAndSet(key, []byte("x"), nil) // as a rule this refuses the whole batch
			default:
				b.Put(key, fmt.Append(nil, x.random.IntN(3)))
			}
		}
		txs = append(txs, x.to(namespace, b.Payload()))
	}
	return txs
}

// step certifies a block of writes to two namespaces.
func (x *tried) step() *Outcome {
	x.t.Helper()
	txs := append(x.writes("kv", x.random.IntN(5)), x.writes("other", x.random.IntN(5))...)
	x.random.Shuffle(len(txs), func(i, j int) { txs[i], txs[j] = txs[j], txs[i] })
	return x.certify(txs...)
}

// kept is how many keys of logs are in the state.
func (x *tried) kept() (n int) {
	x.t.Helper()
	err := x.x.c.State.ScanKeys(quoin.KernelNamespace, []byte("undo"), []byte("undp"), func(_, _ []byte) bool { n++; return true })
	if err != nil {
		x.t.Fatal(err)
	}
	return n
}

// ends are the ways in which a trial ends, with what the proposal becomes.
var ends = []struct {
	name string
	by   func(x *tried)
	to   governance.Status
}{
	{"unconfirmed", func(x *tried) {}, governance.StatusRolledBack},
	{"rollback", func(x *tried) {
		slot, _ := governance.ReadSlot(x.kernel(), "machine.v1/kv")
		x.command(approver, governance.Rollback{Slot: "machine.v1/kv", From: slot.Serving})
	}, governance.StatusRolledBack},
	{"pause", func(x *tried) { x.command(approver, governance.Pause{Proposal: x.n}) }, governance.StatusPaused},
	{"quarantine", func(x *tried) {
		for range governance.FaultsMax {
			x.certify(x.to("kv", []byte{0xff}))
		}
	}, governance.StatusQuarantined},
}

// However a trial ends but by a confirmation, its namespace is to the byte what it was before.
func TestTrialIsUndone(t *testing.T) {
	for seed, end := range ends {
		x := newTried(t, uint64(seed), Flaws{}, 140, asIs)
		for range 110 {
			x.step()
		}
		if x.root("kv") == x.before || x.kept() < 20 {
			t.Fatalf("%s: nothing was changed, %d keys are kept", end.name, x.kept())
		}
		end.by(x)
		for i := 0; x.proposal(x.n).Status == governance.StatusTrial; i++ {
			if x.step(); i > 200 {
				t.Fatalf("%s: the trial does not end", end.name)
			}
		}
		if p := x.proposal(x.n); p.Status != end.to || x.root("kv") != x.before {
			t.Errorf("%s: %v, %+v; the namespace is as before: %t", end.name, p.Status, p.Ending, x.root("kv") == x.before)
		}
		for range 2 {
			x.certify()
		}
		if x.kept() != 0 || x.root("kv") != x.before {
			t.Errorf("%s: %d keys are kept still", end.name, x.kept())
		}
	}
}

// A confirmed trial's namespace stays, also when it is rolled back later, and what was kept is dropped
// in portions.
func TestConfirmedTrialStays(t *testing.T) {
	x := newTried(t, 1, Flaws{}, 100, asIs)
	for i := range 3 {
		var txs []quoin.Transaction
		for k := range 700 {
			txs = append(txs, x.put(fmt.Sprint("many", i*700+k), "v"))
		}
		x.certify(txs...)
	}
	for x.x.Tip().Height%4 != 0 {
		x.certify()
	}
	x.command(validator, governance.Health{Proposal: x.n, Through: x.x.Tip().Height})
	x.command(approver, governance.Confirm{Proposal: x.n})
	for left := 1100; left > 0; left -= undoPortion {
		if got := x.kept(); got != left+1 {
			t.Fatalf("%d keys are kept, want %d and the record", got, left)
		}
		x.certify()
	}
	if got := x.kept(); got != 0 {
		t.Errorf("%d keys are kept", got)
	}
	root := x.root("kv")
	ends[1].by(x)
	for range 3 {
		x.certify()
	}
	if p := x.proposal(x.n); p.Status != governance.StatusRolledBack || x.root("kv") != root || root == x.before {
		t.Errorf("%v, the namespace stays: %t", p.Status, x.root("kv") == root)
	}
}

// A trial that changes more keys than are kept returns at once, and is undone all the same.
func TestUndoHasLimits(t *testing.T) {
	x := newTried(t, 2, Flaws{}, 100, func(c *quoin.Configuration) { c.Parameters.UndoMaxKeys = 10 })
	var txs []quoin.Transaction
	for k := range 30 {
		txs = append(txs, x.put(fmt.Sprint("new", k), "v"))
	}
	o := x.certify(txs...)
	if len(o.Faults) != 1 || o.Faults[0].Kind != UndoFault || o.Faults[0].Slot != "machine.v1/kv" {
		t.Fatalf("faults %v", o.Faults)
	}
	o = x.certify(x.put("newer", "v"), x.put("new1", "w"))
	if o.Results[0].Code != ResultWrites || o.Results[1].Code != 0 {
		t.Errorf("while it returns: %+v", o.Results)
	}
	for x.proposal(x.n).Status == governance.StatusTrial {
		x.certify()
	}
	if p := x.proposal(x.n); p.Status != governance.StatusRolledBack || p.Ending.Why != governance.WhyUndo || x.root("kv") != x.before {
		t.Errorf("%v, %+v", p.Status, p.Ending)
	}
}

// The tests above see a log that forgets deletes.
func TestForgetfulUndoIsSeen(t *testing.T) {
	x := newTried(t, 3, Flaws{UndoForgetsDeletes: true}, 20, asIs)
	for x.proposal(x.n).Status == governance.StatusTrial {
		x.step()
	}
	if x.root("kv") == x.before {
		t.Error("what a trial deleted stays deleted, and nobody sees it")
	}
}

// A block of a trial gives the same when it is executed again, and a peer's account of it is enough,
// the restoring one included.
func TestTrialBlocksByAccount(t *testing.T) {
	x := newTried(t, 4, Flaws{}, 12, asIs)
	for x.proposal(x.n).Status == governance.StatusTrial {
		txs := append(x.writes("kv", 4), x.to("kv", []byte{0xff}))
		first, err := x.execute(txs...)
		if err != nil {
			t.Fatal(err)
		}
		account, err := first.AppendAccount(nil)
		if err != nil {
			t.Fatal(err)
		}
		want, found := first.Checkpoint, first.Comparisons
		x.x.Forget(want.Block)
		adopted, err := x.x.Adopt(first.Block, account, want.Digest())
		if err != nil || adopted.Comparisons != nil {
			t.Fatal(adopted, err)
		}
		x.x.Forget(want.Block)
		restarted := New(x.x.c, x.x.tip)
		if o, err := restarted.Execute(first.Block); err != nil || o.Checkpoint != want || len(o.Comparisons) != 1 || o.Comparisons[0] != found[0] {
			t.Fatalf("after a restart: %+v, %v", o, err)
		}
		again := x.certify(txs...)
		if again.Checkpoint != want || len(found) != 1 || again.Comparisons[0] != found[0] {
			t.Errorf("again: %+v, %+v", again.Comparisons, found)
		}
	}
	if x.root("kv") != x.before {
		t.Error("it is not undone")
	}
}

// sweeper deletes what a glutton has written.
type sweeper struct{ glutton }

func (sweeper) Apply(q *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
	for i := range byte(25) {
		s.Delete([]byte{q.Payload[0], i})
	}
	return hook.ApplyResponse{}
}

// What is kept of a block counts as written in it, so that whatever a trial deletes, what was there
// fits into the blocks that keep it and the one that restores it.
func TestUndoHasRoom(t *testing.T) {
	g := newGoverned(t, asIs, plugin.Builtin{Name: "glutton", Machine: glutton{}}, plugin.Builtin{Name: "sweeper", Machine: sweeper{}})
	all := func(from, to int) (txs []quoin.Transaction) {
		for i := from; i < to; i++ {
			txs = append(txs, g.to("glutton", []byte{byte(i)}))
		}
		return txs
	}
	for from := 0; from < 40; from += 20 {
		g.certify(all(from, from+20)...)
	}
	g.x.flaws.Blind = true // or it would take twice as long
	n := g.approve(quoin.Binding{Hook: "machine.v1", Namespace: "glutton", Builtin: "sweeper"}, governance.Plan{Trial: 50, State: governance.StateRestore, Diverges: true})
	g.activate(n)
	before := g.root("glutton")
	done := 0
	for i, r := range g.certify(all(0, 40)...).Results {
		if r.Code == 0 {
			done++
		} else if r.Code != ResultWrites {
			t.Errorf("transaction %d: %+v", i, r)
		}
	}
	if bytes := done * 25 * 60 << 10; bytes > WritesMax || bytes < WritesMax/2 {
		t.Errorf("%d transactions were done, with %d bytes to keep", done, bytes)
	}
	g.certify(all(0, 40)...)
	for g.proposal(n).Status == governance.StatusTrial {
		g.certify()
	}
	if g.root("glutton") != before {
		t.Error("it is not undone")
	}
	if p := g.proposal(n); p.Ending.Why != governance.WhyUndo {
		t.Errorf("%+v", p.Ending)
	}
}

// Two namespaces on trial at once, and one of them a second time, each go back to where they were.
func TestTrialsOverlap(t *testing.T) {
	x := newTried(t, 6, Flaws{}, 24, asIs)
	other := x.approve(quoin.Binding{Hook: "machine.v1", Namespace: "other", Builtin: "touchy"}, governance.Plan{Trial: 16, State: governance.StateRestore})
	x.step()
	x.activate(other)
	before := x.root("other")
	for range 5 {
		x.step()
	}
	x.command(approver, governance.Pause{Proposal: other})
	for x.proposal(other).Status == governance.StatusTrial {
		x.step()
	}
	if x.root("other") != before || x.root("kv") == x.before {
		t.Error("a pause does not undo the one trial, or does another")
	}
	x.command(proposer, governance.Resume{Proposal: other})
	x.command(validator, governance.Precheck{Proposal: other, Restarts: 1})
	x.command(approver, governance.Approve{Proposal: other, Restarts: 1})
	x.certify(x.writes("other", 9)...)
	x.activate(other)
	before = x.root("other")
	for x.proposal(x.n).Status == governance.StatusTrial || x.proposal(other).Status == governance.StatusTrial {
		held := x.proposal(other).Status == governance.StatusTrial
		x.certify(append(x.writes("kv", 3), x.writes("other", 3)...)...)
		if held && x.proposal(other).Status != governance.StatusTrial && x.root("other") != before {
			t.Error("the second trial is not undone")
		}
		if x.proposal(x.n).Status != governance.StatusTrial && x.before != (quoin.Hash{}) {
			if x.root("kv") != x.before {
				t.Error("the first namespace is not undone")
			}
			x.before = quoin.Hash{}
		}
	}
}

// scribbler puts as many of the longest keys, without values, as one call may.
type scribbler struct{ plugin.KV }

func (scribbler) Apply(q *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
	key := make([]byte, hook.KeyMax)
	copy(key, q.Payload)
	for i := range byte(180) {
		key[hook.KeyMax-1] = i
		s.Put(key, nil)
	}
	return hook.ApplyResponse{}
}

// Keys weigh more than values in what a block may write, and fit all the same: in the blocks of a trial,
// and in the one that restores.
func TestUndoHasRoomForKeys(t *testing.T) {
	g := newGoverned(t, func(c *quoin.Configuration) {
		*c = c.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "many", Builtin: "kv"})
	}, plugin.Builtin{Name: "scribbler", Machine: scribbler{}})
	g.x.flaws.Blind = true // or it would take twice as long
	n := g.approve(quoin.Binding{Hook: "machine.v1", Namespace: "many", Builtin: "scribbler"}, governance.Plan{Trial: 50, State: governance.StateRestore, Diverges: true})
	g.activate(n)
	before, full := g.root("many"), 0
	for block := byte(0); g.proposal(n).Status == governance.StatusTrial; block++ {
		var txs []quoin.Transaction
		for i := range byte(250) {
			txs = append(txs, g.to("many", []byte{block, i}))
		}
		for _, r := range g.certify(txs...).Results {
			if r.Code == ResultWrites {
				full++
			} else if r.Code != 0 {
				t.Fatalf("%+v", r)
			}
		}
	}
	if full == 0 || g.root("many") != before || g.proposal(n).Ending.Why != governance.WhyUndo {
		t.Errorf("%d found no room; undone %t, %+v", full, g.root("many") == before, g.proposal(n).Ending)
	}
}
