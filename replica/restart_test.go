package replica

import (
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/store"
)

// A leader is told of the same blocks after a restart, also where transactions expire sooner than its
// window is long.
func TestLeaderWindowOutlivesARestart(t *testing.T) {
	told := 0
	w := newNetworkOf(t, 1, func(int) plugin.Builtin {
		return plugin.Builtin{Name: "own", Leader: hook.LeaderFunc(func(r *hook.LeaderRequest) hook.LeaderResponse {
			told = len(r.Window)
			return hook.LeaderResponse{}
		})}
	}, quoin.Binding{Hook: hook.Leader.Name, Builtin: "own"})
	c, g := w.replicas[0].c, *w.replicas[0].c.Genesis
	g.Configuration.Parameters.ExpiryWindowHeights = 16
	c.Genesis, c.Store = &g, store.NewMemory()
	start := func() *Replica {
		r, err := New(c, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		w.replicas[0] = r
		return r
	}
	r := start()
	w.step(0, Start{})
	for salt := range uint64(40) {
		tx := w.from(1, salt, "kv", nil)
		tx.Expiry = r.exec.Tip().Height + 10
		w.step(0, Submit{[]quoin.Transaction{w.signed(1, tx)}})
		w.run()
	}
	window := func(r *Replica) int {
		told = 0
		if _, err := r.exec.Lead(1001, r.exec.Tip().Block); err != nil || told == 0 {
			t.Fatal(told, err)
		}
		return told
	}
	if before, after := window(r), window(start()); before != after || before < 20 {
		t.Errorf("it is told of %d blocks, after a restart of %d", before, after)
	}
}
