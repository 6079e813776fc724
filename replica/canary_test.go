package replica

import (
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// canary makes a network in which two nodes have a pacemaker and an order of their own, beside the others'.
func canary(t *testing.T, own plugin.Builtin, hookName string) *network {
	var nodes []quoin.PublicKey
	return governed(t, func(int) plugin.Builtin { return own }, func(g *quoin.Genesis, configs []*Config) {
		for _, i := range []int{1, 3} {
			nodes = append(nodes, configs[i].Signer.Public())
		}
		slices.SortFunc(nodes, func(a, b quoin.PublicKey) int { return slices.Compare(a[:], b[:]) })
		g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: hookName, Builtin: "own", Parameters: []byte{1}})
		g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: hookName, Namespace: "canary", Builtin: "own", Parameters: []byte{2}, Nodes: nodes})
	})
}

// A binding of some nodes serves those and no others.
func TestCanariesHaveTheirOwnPacemaker(t *testing.T) {
	w := canary(t, plugin.Builtin{Name: "own", Pacemaker: hook.PacemakerFunc(func(q *hook.PacemakerRequest) hook.PacemakerResponse {
		return hook.PacemakerResponse{TimeoutMS: 300 * uint64(q.Params[0])}
	})}, hook.Pacemaker.Name)
	w.blocks(4)
	for i := range w.replicas {
		if got, want := w.timers[i][ViewTimer].AfterMS, uint64([]int{300, 600}[i%2]); got != want {
			t.Errorf("replica %d waits %d ms, want %d", i, got, want)
		}
	}
}

func TestCanariesHaveTheirOwnPriorities(t *testing.T) {
	asked := [3]int{}
	w := canary(t, plugin.Builtin{Name: "own", Priority: hook.PriorityFunc(func(q *hook.PriorityRequest) hook.PriorityResponse {
		asked[q.Params[0]]++
		return hook.PriorityResponse{}
	})}, hook.Priority.Name)
	for i := range w.replicas {
		asked = [3]int{}
		r := w.replicas[i]
		tx := put(uint64(i))
		r.pool.add(&tx, tx.ID(r.originID), true, 1, 1)
		r.prioritize(&Output{})
		if want := [3]int{0, 1 - i%2, i % 2}; asked != want {
			t.Errorf("replica %d asked %v, want %v", i, asked, want)
		}
	}
}

// A canary that faults costs no block, and the ledger shows nothing of it; the nodes that have it say so.
func TestCanaryThatFaultsIsCalledBad(t *testing.T) {
	own := plugin.Builtin{Name: "own", Pacemaker: hook.PacemakerFunc(func(q *hook.PacemakerRequest) hook.PacemakerResponse {
		if len(q.Params) > 0 && q.CertifiedView < 900 { // dry calls ask about later views
			panic("broken")
		}
		return hook.PacemakerResponse{TimeoutMS: q.BuiltinMS}
	})}
	w := governed(t, func(int) plugin.Builtin { return own }, nil)
	nodes := []quoin.PublicKey{w.keys[1], w.keys[3]}
	slices.SortFunc(nodes, func(a, b quoin.PublicKey) int { return slices.Compare(a[:], b[:]) })
	p := governance.NewBuiltin(quoin.Binding{Hook: hook.Pacemaker.Name, Namespace: "canary", Builtin: "own", Parameters: []byte{1}, Nodes: nodes})
	p.Plan.Trial = 1000
	n := w.approved(p)
	w.must(200, governance.Schedule{Proposal: n, Height: w.replicas[0].exec.Tip().Height + 8})
	q := w.until(n, func(uint64) {}, governance.StatusPaused, governance.StatusRolledBack)
	if q.Ending.Why != governance.WhyHealthPaused || q.Ending.Code != uint32(governance.HealthFaults) {
		t.Errorf("it is %v, %+v", q.Status, q.Ending)
	}
	bad := map[quoin.PublicKey]bool{}
	for _, f := range w.finished[0] {
		for _, x := range f.Block.Transactions() {
			if c, err := governance.DecodeCommand(x.Payload); x.Kernel() && err == nil && c.Kind() == governance.KindHealth {
				bad[x.Sender] = bad[x.Sender] || c.(governance.Health).Reason != governance.HealthGood
			}
		}
	}
	for i, key := range w.keys {
		if bad[key] != (i%2 == 1) {
			t.Errorf("replica %d calls it bad: %v", i, bad[key])
		}
	}
}

// Whoever uses what is deprecated is warned, again and again as the end comes near.
func TestDeprecationIsWarnedOf(t *testing.T) {
	w := ledBy(t)
	n := w.approved(ownLeader(1))
	w.must(200, governance.Schedule{Proposal: n, Height: w.replicas[0].exec.Tip().Height + 8})
	w.until(n, func(uint64) {}, governance.StatusActive)
	w.settle()
	end := w.replicas[0].exec.Tip().Height + 150
	w.must(200, governance.Deprecate{Proposal: n, EndOfLife: end, Note: "a better one is there"})
	w.settle()
	warnings := func() (count int) {
		for _, e := range w.events {
			if e.Kind == DeprecatedInUse {
				count++
			}
		}
		return count
	}
	if got := warnings(); got != 4 {
		t.Errorf("%d warnings at first, want one of each node", got)
	}
	for w.replicas[0].exec.Tip().Height < end+64 {
		w.salt++
		x := put(w.salt << 8)
		x.Expiry = w.replicas[0].exec.Tip().Height + 100
		w.step(0, Submit{[]quoin.Transaction{x}})
		w.settle()
	}
	if got := warnings(); got != 12 {
		t.Errorf("%d warnings until the end, want three of each node", got)
	}
	d := w.replicas[2].Overview().Deprecations
	if len(d) != 1 || d[0].Slot != hook.Leader.Name || d[0].Proposal != n || d[0].EndOfUse != end {
		t.Errorf("deprecated: %+v", d)
	}
	w.must(200, governance.Rollback{Slot: hook.Leader.Name, From: 2})
	w.settle()
	if d := w.replicas[2].Overview().Deprecations; len(d) > 0 {
		t.Errorf("still deprecated after it went: %+v", d)
	}
}
