package lab

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
)

// hostilePacemakers are one for each node of a network.
func hostilePacemakers(n *node) hook.PacemakerFunc {
	rand := stream(uint64(n.index), "pacemaker")
	return []hook.PacemakerFunc{
		func(*hook.PacemakerRequest) hook.PacemakerResponse { return hook.PacemakerResponse{} },
		func(*hook.PacemakerRequest) hook.PacemakerResponse {
			return hook.PacemakerResponse{TimeoutMS: math.MaxUint64}
		},
		func(r *hook.PacemakerRequest) hook.PacemakerResponse {
			return hook.PacemakerResponse{TimeoutMS: rand.below(2 * r.MaxMS)}
		},
		func(*hook.PacemakerRequest) hook.PacemakerResponse { panic("a pacemaker that faults") },
		func(r *hook.PacemakerRequest) hook.PacemakerResponse { // never twice alike, so that nobody gets used to it
			return hook.PacemakerResponse{TimeoutMS: r.View % 2 * math.MaxUint64}
		},
		func(r *hook.PacemakerRequest) hook.PacemakerResponse { // the longer it has waited, the shorter it waits
			return hook.PacemakerResponse{TimeoutMS: r.BaseMS >> min(63, r.View-r.CertifiedView)}
		},
		plugin.Adaptive,
	}[n.index%7]
}

// bindOwn binds a built-in of each node's own to a hook that is asked by every node for itself.
func bindOwn(w *world, name string, own func(n *node) plugin.Builtin) {
	w.genesis.Configuration = w.genesis.Configuration.WithBinding(quoin.Binding{Hook: name, Builtin: "own"})
	w.machines = func(n *node) []plugin.Builtin {
		b := own(n)
		b.Name = "own"
		return []plugin.Builtin{b}
	}
}

// Every node has another hostile pacemaker. Under all adversity every invariant holds, and on the good
// network that follows what all know is certified in time (I5).
func TestEveryNodeAnotherHostilePacemaker(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{4, 7} {
		for seed := *first; seed < *first+3; seed++ {
			t.Run(fmt.Sprintf("%d nodes, seed %d", nodes, seed), func(t *testing.T) {
				t.Parallel()
				r, faults := playOwn(t, Options{Seed: seed, Nodes: nodes, Blocks: 60, Transactions: 200, Hostile: None}, func(w *world) {
					bindOwn(w, hook.Pacemaker.Name, func(n *node) plugin.Builtin { return plugin.Builtin{Pacemaker: hostilePacemakers(n)} })
				})
				if faults[replica.PacemakerFaulted] == 0 {
					t.Error("no pacemaker faulted")
				}
				t.Logf("%d heights in %d views, %d s; %d faults", r.Blocks, r.Views, r.SimulatedUS/second, faults[replica.PacemakerFaulted])
			})
		}
	}
}

// playOwn plays a world with all the adversity of its seed, and counts events by kind.
func playOwn(t *testing.T, o Options, change func(w *world)) (Report, map[replica.EventKind]int) {
	t.Helper()
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	events := map[replica.EventKind]int{}
	w, err := newWorld(o, change, func(w *world) {
		w.observers = append(w.observers, &watch{on: func(_ *node, e *replica.Event) { events[e.Kind]++ }})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.play()
	r := w.report()
	check(t, &r)
	return r, events
}

// hostilePriorities are one for each node of a network.
func hostilePriorities(n *node) hook.PriorityFunc {
	rand := stream(uint64(n.index), "priority")
	return []hook.PriorityFunc{
		func(r *hook.PriorityRequest) hook.PriorityResponse { // the newest first, for ever
			return hook.PriorityResponse{Priority: r.Height<<32 + r.Expiry}
		},
		func(*hook.PriorityRequest) hook.PriorityResponse { return hook.PriorityResponse{Priority: rand.next()} },
		func(*hook.PriorityRequest) hook.PriorityResponse { panic("a priority that faults") },
		func(r *hook.PriorityRequest) hook.PriorityResponse { // nobody's but its own
			if r.Local {
				return hook.PriorityResponse{Priority: math.MaxUint64}
			}
			return hook.PriorityResponse{}
		},
	}[n.index%4]
}

// Every node has another hostile priority, and blocks that are too small for what is pending: every
// invariant holds, and what all know is certified in time.
func TestEveryNodeAnotherHostilePriority(t *testing.T) {
	t.Parallel()
	for seed := *first; seed < *first+3; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r, faults := playOwn(t, Options{Seed: seed, Blocks: 60, Transactions: 200, Hostile: None}, func(w *world) {
				w.genesis.Configuration.Parameters.BlockMaxTransactions = 8
				bindOwn(w, hook.Priority.Name, func(n *node) plugin.Builtin { return plugin.Builtin{Priority: hostilePriorities(n)} })
			})
			if faults[replica.PriorityFaulted] == 0 {
				t.Error("no priority faulted")
			}
			t.Logf("%d transactions in %d heights, %d views; %d steps with faults", r.Transactions, r.Blocks, r.Views, faults[replica.PriorityFaulted])
		})
	}
}

// Governance brings in every hostile plugin of the hooks that each node asks for itself: nothing of it
// reaches the ledger, so nothing is quarantined, and the network goes on.
func TestHostileNodeHooks(t *testing.T) {
	t.Parallel()
	for _, f := range hostile.Policies() {
		h, _ := hook.Find(f.Hook)
		if h.Class != hook.ClassNode {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			corpus, err := NewCorpus(f.Name)
			if err != nil {
				t.Fatal(err)
			}
			r, events := playOwn(t, Options{Seed: *first, Hostile: f.Name, Corpus: corpus, Epochs: 3, Blocks: 60, Transactions: 200}, func(*world) {})
			faults := events[replica.PacemakerFaulted] + events[replica.PriorityFaulted]
			if (f.Want != hook.FaultNone) != (faults > 0) {
				t.Errorf("%d faults; each call was to end in %v", faults, f.Want)
			}
			if r.Epochs < 3 {
				t.Errorf("%d epochs", r.Epochs)
			}
		})
	}
}

// A transaction of the lowest priority is certified under a flood of higher ones: once it has been
// pending for ForcedInclusionViews it goes first.
func TestLowPriorityIsNotStarved(t *testing.T) {
	t.Parallel()
	const block = 10
	var low quoin.Hash
	var since, took quoin.View
	w := play(t, Options{}, func(w *world) {
		w.genesis.Configuration.Parameters.BlockMaxTransactions = block
		bindOwn(w, hook.Priority.Name, func(*node) plugin.Builtin {
			return plugin.Builtin{Priority: hook.PriorityFunc(func(r *hook.PriorityRequest) hook.PriorityResponse {
				return hook.PriorityResponse{Priority: uint64(len(r.Payload))}
			})}
		})
		w.clients.off = true
		w.observers = append(w.observers, &receipts{on: func(n *node, f *replica.Finished) {
			if took == 0 && slices.Contains(f.IDs, low) {
				took = f.Checkpoint.View
			}
		}})
		salt := uint64(1 << 50)
		submit := func(who int, payload []byte) quoin.Hash {
			salt++
			account := w.clients.accounts[who]
			tx := quoin.Transaction{Sender: signature.PublicOf(account), Salt: salt, Expiry: w.chain.height() + 100, Namespace: "kv", Payload: payload}
			tx.Signature = signature.Sign(account, quoin.TransactionSigningBytes(tx.ID(w.origin.ID())))
			for _, n := range w.nodes {
				n.deliver(replica.Submit{Transactions: []quoin.Transaction{tx}})
			}
			return tx.ID(w.origin.ID())
		}
		for i := range uint64(400) { // twice as many as blocks can hold, from fifteen senders
			w.after(second+i*second/20, func() {
				for k := range 5 {
					submit(1+int(i*5+uint64(k))%(accounts-1), make([]byte, 100))
				}
			})
		}
		w.after(3*second, func() { low, since = submit(0, nil), quoin.View(w.progress.view) })
		w.after(24*second, w.chaos.heal)
	})
	t.Logf("known in view %d, certified in view %d", since, took)
	forced := quoin.View(w.genesis.Configuration.Parameters.ForcedInclusionViews)
	switch {
	case took == 0 || took > since+forced+8:
		t.Error("the transaction had to wait for too long")
	case took < since+forced/2:
		t.Error("the transaction did not have to wait: there was no flood")
	}
}

// receipts calls a function for what an honest replica reports as certified.
type receipts struct {
	blind
	on func(n *node, f *replica.Finished)
}

func (x *receipts) finished(n *node, f *replica.Finished) { x.on(n, f) }

// pace is what a network of four certifies in a minute, one validator of which is dead.
type pace struct{ heights, views, timeouts int }

func paceOf(t *testing.T, builtin string, baseMS uint64, near bool) pace {
	t.Helper()
	const from, to = 10 * second, 70 * second
	var p pace
	play(t, Options{Blocks: 1, Transactions: 1}, func(w *world) {
		c := &w.genesis.Configuration
		c.Parameters.TimeoutBaseMS, c.Parameters.TimeoutMaxMS = baseMS, quoin.DefaultParameters().TimeoutMaxMS
		*c = c.WithBinding(quoin.Binding{Hook: hook.Pacemaker.Name, Builtin: builtin})
		for i, n := range w.nodes {
			n.region = []Region{virginia, saoPaulo, frankfurt, tokyo}[i]
			if near {
				n.region = virginia
			}
		}
		w.observers = append(w.observers, &watch{on: func(n *node, e *replica.Event) {
			if e.Kind == replica.ViewTimedOut && w.now >= from && w.now < to {
				p.timeouts++
			}
		}})
		w.after(5*second, func() { w.nodes[1].dead = true; w.nodes[1].powerCut() })
		count := func(sign int) func() {
			return func() {
				p.heights += sign * int(w.chain.height())
				p.views += sign * int(w.progress.views)
			}
		}
		w.after(from, count(-1))
		w.after(to, count(1))
		w.after(to+second, w.chaos.heal)
	})
	return p
}

// With a dead leader and a base that is longer than the network needs, the adaptive pacemaker's network
// certifies much more; otherwise it stays near the built-in rule's.
func TestAdaptivePacemakerWithADeadLeader(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		baseMS uint64
		near   bool
		least  int // hundredths of the built-in rule's heights
	}{
		{"one region, base 500 ms", 500, true, 200},
		{"one region, base 2000 ms", 2000, true, 200},
		{"around the world, base 100 ms", 100, false, 40},
		{"around the world, base 500 ms", 500, false, 80},
		{"around the world, base 2000 ms", 2000, false, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, b := paceOf(t, "exponential", c.baseMS, c.near), paceOf(t, "adaptive", c.baseMS, c.near)
			t.Logf("heights in a minute: %d exponential, %d adaptive: %d%%; views %d, %d; time-outs %d, %d", a.heights, b.heights,
				b.heights*100/max(1, a.heights), a.views, b.views, a.timeouts, b.timeouts)
			if b.heights*100 < a.heights*c.least {
				t.Errorf("adaptive has %d%% of the built-in rule's heights, want %d%%", b.heights*100/max(1, a.heights), c.least)
			}
		})
	}
}
