package lab

import (
	"encoding/binary"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
)

// calm is a world without adversity of its own, on a good network, with few goals.
func calm(w *world) {
	w.chaos.off = true
	w.network.heal()
	w.governor.finished = true
}

// play runs a scenario: a calm world, changed. It ends well, or the test fails.
func play(t *testing.T, o Options, change func(w *world)) *world {
	t.Helper()
	if o.Byzantine == "" {
		o.Byzantine = None
	}
	if o.Hostile == "" {
		o.Hostile = None
	}
	if o.Epochs == 0 {
		o.Epochs = 1
	}
	if o.Blocks == 0 {
		o.Blocks, o.Transactions = 60, 100
	}
	o.Seed = *first
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWorld(o, func(w *world) { calm(w); change(w) })
	if err != nil {
		t.Fatal(err)
	}
	w.play()
	for _, v := range w.result.Violations {
		t.Errorf("%s at %d µs: %s\n%s", v.Invariant, v.AtUS, v.Text, strings.Join(v.Window[max(0, len(v.Window)-60):], "\n"))
	}
	return w
}

// watch calls a function for every event of an honest replica.
type watch struct {
	blind
	on func(n *node, e *replica.Event)
}

func (x *watch) event(n *node, e *replica.Event) { x.on(n, e) }

// fickle is a machine that answers as its replica tells it to.
type fickle struct {
	answer func(r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse
}

func (f fickle) Apply(r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse { return f.answer(r, s) }
func (f fickle) Query(*hook.QueryRequest, hook.Reader) hook.QueryResponse {
	return hook.QueryResponse{}
}

// bindFickle binds a test machine that differs between replicas to the namespace "fickle".
func bindFickle(w *world, answer func(n *node, r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse) {
	w.genesis.Configuration = w.genesis.Configuration.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "fickle", Builtin: "fickle"})
	w.machines = func(n *node) []plugin.Builtin {
		return []plugin.Builtin{{Name: "fickle", Machine: fickle{func(r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse { return answer(n, r, s) }}}}
	}
}

// submitFickle gives a transaction of the test machine to everybody.
func submitFickle(w *world, salt uint64) {
	submitTo(w, "fickle", salt, w.nodes...)
}

// submitTo gives a transaction to some nodes.
func submitTo(w *world, namespace string, salt uint64, nodes ...*node) {
	t := quoin.Transaction{Salt: 1<<61 + salt, Expiry: w.chain.height() + 40, Namespace: namespace, Payload: []byte("x")}
	for _, n := range nodes {
		n.deliver(replica.Submit{Transactions: []quoin.Transaction{t}})
	}
}

func suspension(n *node, namespace string) (governance.Suspension, bool) {
	return governance.Suspended(n.replica.Kernel(), namespace)
}

// A machine that answers differently on every replica never gets two roots certified; others are
// certified again within 20 views; its suspension, with the reason, is in the ledger and the state.
func TestHiddenNonDeterminism(t *testing.T) {
	for name, answer := range map[string]func(n *node, r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse{
		"state": func(n *node, r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
			s.Put([]byte("k"), []byte{byte(n.index)})
			return hook.ApplyResponse{}
		},
		"output": func(n *node, r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
			return hook.ApplyResponse{Output: []byte{byte(n.index)}}
		},
		"code": func(n *node, r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
			return hook.ApplyResponse{Code: uint32(n.index)}
		},
		"halves": func(n *node, r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
			return hook.ApplyResponse{Output: []byte{byte(n.index / 2)}}
		},
		"fuel": func(n *node, r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
			for range n.index {
				s.Get([]byte("k"))
			}
			return hook.ApplyResponse{}
		},
		"payload": func(n *node, r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
			return hook.ApplyResponse{Output: binary.BigEndian.AppendUint64(nil, uint64(n.clock()))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var split, suspended, views, certified uint64
			w := play(t, Options{}, func(w *world) {
				bindFickle(w, answer)
				w.after(4*second, func() { submitFickle(w, 1) })
				w.after(8*second, func() { w.chaos.heal() })
				p := newProgress(w)
				w.after(0, func() {
					w.observers = append(w.observers, p, &watch{on: func(n *node, e *replica.Event) {
						switch e.Kind {
						case replica.SplitSeen:
							if split == 0 {
								split = max(p.views, 1)
								certified = uint64(w.chain.height())
							}
						case replica.Suspended:
							suspended++
						}
						if split > 0 && views == 0 && uint64(w.chain.height()) > certified+1 {
							views = p.views - split
						}
					}})
				})
			})
			t.Logf("certified again after %d views; %d heights; suspended on %d replicas", views, w.chain.height(), suspended)
			if split == 0 || suspended == 0 {
				t.Fatalf("no split was seen, or no suspension came: %s", w.state())
			}
			if views > 20 {
				t.Errorf("others were certified again after %d views", views)
			}
			for _, n := range w.nodes {
				x, ok := suspension(n, "fickle")
				if !ok || x.Reason != 1 || x.Height == 0 {
					t.Errorf("%s: suspension %+v, %v", n.name, x, ok)
				}
			}
		})
	}
}

// Two machines that are not deterministic at once are both suspended.
func TestTwoNonDeterministicMachines(t *testing.T) {
	w := play(t, Options{}, func(w *world) {
		bindFickle(w, func(n *node, r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
			return hook.ApplyResponse{Output: []byte{byte(n.index)}}
		})
		w.genesis.Configuration = w.genesis.Configuration.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "fickle.too", Builtin: "fickle"})
		w.after(4*second, func() { submitFickle(w, 1) })
		w.after(4*second, func() { submitTo(w, "fickle.too", 2, w.nodes...) })
		for i := range uint64(30) {
			w.after((6+i)*second, func() { submitTo(w, "fickle.too", 3+i, w.nodes...) })
		}
		w.after(8*second, func() { w.chaos.heal() })
	})
	for _, n := range w.nodes {
		for _, namespace := range []string{"fickle", "fickle.too"} {
			if _, ok := suspension(n, namespace); !ok {
				t.Errorf("%s does not have %s suspended", n.name, namespace)
			}
		}
	}
	evidence := 0
	for i := range w.chain.blocks {
		for k := range w.chain.blocks[i].IDs {
			if execution.IsSuspension(&w.chain.blocks[i].Block.Transactions()[k]) {
				evidence++
			}
		}
	}
	if evidence != 2 {
		t.Errorf("evidence is on the ledger %d times, want once a namespace", evidence)
	}
}
