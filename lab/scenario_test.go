package lab

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
)

// calm is a world without adversity of its own, on a good network, with few goals.
func calm(w *world) {
	w.chaos.off = true
	w.network.heal()
	w.scenario.Links = nil
	w.governor.finished = true
	for i := range w.governor.changes {
		w.governor.changes[i].atUS = 0
	}
	if w.result.Hostile == None {
		w.governor.changes = w.governor.changes[:1]
	}
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
	o.Seed, o.Network = *first, "wan"
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWorld(o, func(w *world) { calm(w); change(w) })
	if err != nil {
		t.Fatal(err)
	}
	w.play()
	reached.add(&w.marks)
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
	t.Parallel()
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
	t.Parallel()
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

// One replica of four computes another result: the others go on, and it adopts what they certified.
func TestOneDivergingReplica(t *testing.T) {
	t.Parallel()
	diverged, adopted := 0, 0
	w := play(t, Options{}, func(w *world) {
		bindFickle(w, func(n *node, r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
			if n.index == 2 {
				return hook.ApplyResponse{Code: 7}
			}
			s.Put([]byte("k"), r.Payload)
			return hook.ApplyResponse{}
		})
		w.after(0, func() {
			w.observers = append(w.observers, &watch{on: func(n *node, e *replica.Event) {
				if n.index != 2 && (e.Kind == replica.HasDiverged || e.Kind == replica.Suspended) {
					t.Errorf("%s: %s", n.name, e.Kind)
				}
				switch e.Kind {
				case replica.HasDiverged:
					diverged++
				case replica.Adopted:
					adopted++
				}
			}})
		})
		for i := range uint64(5) {
			w.after((4+2*i)*second, func() { submitFickle(w, i) })
		}
		w.after(15*second, w.chaos.heal)
	})
	if diverged == 0 || adopted == 0 {
		t.Errorf("%d divergences and %d adoptions: %s", diverged, adopted, w.state())
	}
	if fickle := count(w, func(tx *quoin.Transaction) bool { return tx.Namespace == "fickle" }); fickle != 5 {
		t.Errorf("%d of 5 transactions of the machine were certified", fickle)
	}
}

// count counts certified transactions.
func count(w *world, which func(*quoin.Transaction) bool) int {
	n := 0
	for i := range w.chain.blocks {
		txs := w.chain.blocks[i].Block.Transactions()
		for k := range txs {
			if which(&txs[k]) {
				n++
			}
		}
	}
	return n
}

// A leader shows its block only to as few as can notarize it with it, and serves nothing; then both
// who have the block lose power.
func TestBodyWithheldAndBothHoldersKilled(t *testing.T) {
	t.Parallel()
	killed := 0
	play(t, Options{Byzantine: Withhold}, func(w *world) {
		holders := map[quoin.Hash][]*node{}
		w.network.filter = func(from, to *node, m *message) bool {
			switch x := m.consensus.(type) {
			case *simplex.Proposal:
				if from.behaviour == Withhold {
					holders[x.Block.ID()] = append(holders[x.Block.ID()], to)
				}
			case *simplex.Notarization:
				if h := holders[x.Block]; len(h) == 2 && killed == 0 && x.View > 8 {
					killed = 2
					for _, n := range h {
						n.doom = doom{set: true}
						w.after(6*second, n.restart)
					}
				}
			}
			return true
		}
		w.after(40*second, w.chaos.heal)
	})
	if killed == 0 {
		t.Error("the leader's block was never notarized")
	}
}

// Every node loses power as soon as anybody relays a nullification.
func TestAllKilledAfterRelayedNullification(t *testing.T) {
	t.Parallel()
	kills := 0
	play(t, Options{}, func(w *world) {
		w.network.filter = func(from, to *node, m *message) bool {
			if _, ok := m.consensus.(*simplex.Nullification); ok && kills < 3 && to.up() && !to.doom.set {
				if kills == 0 || w.now > uint64(kills)*15*second {
					kills++
					for _, n := range w.nodes {
						n.doom = doom{set: true, demands: n.rand.below(2)}
						w.after(4*second+n.rand.below(second), n.restart)
					}
				}
			}
			// Some view fails now and then, because nobody hears its leader.
			p, ok := m.consensus.(*simplex.Proposal)
			return !ok || p.Block.Header().View%7 != 0
		}
		w.after(60*second, func() { w.network.filter = nil; w.chaos.heal() })
	})
	if kills < 2 {
		t.Errorf("all were killed %d times", kills)
	}
}

// The binding names a validator that is dead for good; rescue views carry the chain.
func TestRescueWithAFixedDeadLeader(t *testing.T) {
	t.Parallel()
	var before quoin.Height
	w := play(t, Options{Blocks: 40, Transactions: 100}, func(w *world) {
		var err error
		if w.corpus, err = NewCorpus(hostile.LeaderParameter); err != nil {
			t.Fatal(err)
		}
		b := w.corpus.propose(hostile.LeaderParameter).Binding
		b.Parameters = []byte{1, 0, 0, 0}
		w.genesis.Configuration = w.genesis.Configuration.WithBinding(b)
		for _, n := range w.nodes {
			n.releases[b.Release] = true
		}
		w.after(5*second, func() { w.nodes[1].dead = true; w.nodes[1].powerCut(); before = w.chain.height() + 1 })
		w.after(20*second, w.chaos.heal)
	})
	for i := range w.chain.blocks {
		if h := w.chain.blocks[i].Block.Header(); h.Height > before && h.View%4 != 0 {
			t.Errorf("height %d comes from view %d, which has a dead leader", h.Height, h.View)
		}
	}
}

// Views are notarized and just not certified in time, for more views than the pipeline is deep.
func TestNearMissTimeouts(t *testing.T) {
	t.Parallel()
	deepest := 0
	play(t, Options{}, func(w *world) {
		w.network.filter = func(from, to *node, m *message) bool {
			if from.up() {
				deepest = max(deepest, from.replica.Overview().Consensus.Uncertified)
			}
			switch m.consensus.(type) {
			case *simplex.Finalize, *simplex.Certificate:
				return w.now < 4*second || w.now > 40*second
			}
			return true
		}
		w.after(42*second, w.chaos.heal)
	})
	if deepest < int(quoin.DefaultParameters().PipelineMaxBlocks) {
		t.Errorf("at most %d blocks were uncertified", deepest)
	}
}

// Two of three live nodes know a transaction; the third does not, and the chain is otherwise idle.
func TestTwoOfThreePoolsOnAnIdleChain(t *testing.T) {
	t.Parallel()
	w := play(t, Options{Blocks: 1, Transactions: 1}, func(w *world) {
		w.genesis.Configuration.Parameters.HeartbeatMS = 0
		w.clients.off = true
		w.clients.probes = 0
		w.network.filter = func(from, to *node, m *message) bool { // pending transactions reach nobody but node 1
			return m.consensus != nil || m.bytes[0] != kindTransactions || to.index == 1
		}
		w.after(second, func() { w.nodes[3].dead = true; w.nodes[3].powerCut() })
		w.after(5*second, func() { submitTo(w, "kv", 1, w.nodes[0], w.nodes[1]) })
		w.after(6*second, w.chaos.heal)
	})
	if w.chain.transactions != 1 || w.progress.views > 20 {
		t.Errorf("%d transactions after %d views: %s", w.chain.transactions, w.progress.views, w.state())
	}
}

// Votes of another chain with the same validators mean nothing here.
func TestVotesOfACanaryChainReplayedOnMain(t *testing.T) {
	t.Parallel()
	var heard []*message
	var times []uint64
	play(t, Options{Blocks: 20, Transactions: 20}, func(w *world) {
		w.genesis.Chain = "canary"
		w.network.filter = func(from, to *node, m *message) bool {
			if m.consensus != nil && len(heard) < 4000 {
				heard, times = append(heard, &message{bytes: m.bytes, to: from.key}), append(times, w.now)
			}
			return true
		}
		w.after(8*second, w.chaos.heal)
	})
	replayed := 0
	w := play(t, Options{}, func(w *world) {
		for i, m := range heard {
			w.after(times[i], func() {
				for _, n := range w.nodes {
					if n.key != m.to {
						replayed++
						n.deliver(replica.Message{From: m.to, Bytes: bytes.Clone(m.bytes)})
					}
				}
			})
		}
		w.after(22*second, w.chaos.heal)
	})
	refused := uint64(0)
	for _, n := range w.nodes {
		refused += n.replica.Stats().Refused
	}
	if refused == 0 {
		t.Errorf("none of %d votes of another chain was refused", replayed)
	}
}

// A Byzantine voter lies about results, and one honest replica is slow: nobody is suspended.
func TestForgedSplitAgainstASlowReplica(t *testing.T) {
	t.Parallel()
	lies := uint64(0)
	w := play(t, Options{Byzantine: Lie}, func(w *world) {
		bindFickle(w, func(*node, *hook.ApplyRequest, hook.Access) hook.ApplyResponse { return hook.ApplyResponse{} })
		var slow *node
		w.after(0, func() { slow = w.honest()[0] })
		w.network.filter = func(from, to *node, m *message) bool {
			return from != slow && to != slow || w.now%(3*second) < second
		}
		for i := range uint64(10) {
			w.after((3+i)*second, func() { submitFickle(w, i) })
		}
		w.after(20*second, func() { w.network.filter = nil; w.chaos.heal() })
		w.after(0, func() {
			w.observers = append(w.observers, &watch{on: func(n *node, e *replica.Event) {
				if e.Kind == replica.Suspended {
					t.Errorf("%s: %s is suspended", n.name, e.Reason)
				}
			}})
		})
	})
	if lies = w.result.Faults.Byzantine; lies == 0 {
		t.Error("nobody lied")
	}
}

// A leader's clock stands in the year 2100: its blocks are refused, the chain's time stays sane.
func TestLeadersClockInTheYear2100(t *testing.T) {
	t.Parallel()
	w := play(t, Options{}, func(w *world) {
		w.nodes[1].skewMS = 75 * 365 * 86_400_000
		w.after(20*second, w.chaos.heal)
	})
	last := w.chain.at(w.chain.height()).Checkpoint
	if limit := quoin.Time(startTime + w.now/1000 + 10_000); last.Time > limit {
		t.Errorf("the chain's time is %d, at most %d was to be expected", last.Time, limit)
	}
}

// A sender signs one body twice: there is one transaction.
func TestOneBodySignedTwice(t *testing.T) {
	t.Parallel()
	var id quoin.Hash
	w := play(t, Options{}, func(w *world) {
		account := w.clients.accounts[0]
		for i := range 4 {
			w.after(uint64(3+2*i)*second, func() {
				var batch plugin.KVBatch
				batch.Add([]byte("twice"), 1)
				tx := quoin.Transaction{Sender: signature.PublicOf(account), Salt: 1 << 60, Expiry: 120, Namespace: "kv", Payload: batch.Payload()}
				id = tx.ID(w.origin.ID())
				text := quoin.TransactionSigningBytes(id)
				for _, n := range w.nodes { // each node gets another signature of the same body
					s, err := voi.PrivateKey(account).Sign(rand.Reader, text, &voi.Options{AddedRandomness: true})
					if err != nil {
						t.Fatal(err)
					}
					tx.Signature = quoin.Signature(s)
					n.deliver(replica.Submit{Transactions: []quoin.Transaction{tx}})
				}
			})
		}
		w.after(12*second, w.chaos.heal)
	})
	if n := count(w, func(tx *quoin.Transaction) bool { return tx.ID(w.origin.ID()) == id }); n != 1 {
		t.Errorf("the transaction is on the ledger %d times", n)
	}
}

// A next validator set that is not ready: activation is put off, then rejected, and the chain goes on.
func TestUnreadyNextSet(t *testing.T) {
	t.Parallel()
	w := play(t, Options{Blocks: 80}, func(w *world) {
		p := &w.genesis.Configuration.Parameters
		p.ActivationRetries, p.ActivationDelayHeights = 2, 8
		members := slices.Clone(w.genesis.Configuration.Validators.All())[:2]
		for i := range 2 {
			members = append(members, quoin.Validator{Name: fmt.Sprintf("absent%d", i), Key: signature.PublicOf(key("absent", i)), Weight: 1})
		}
		set, err := quoin.NewValidatorSet(members)
		if err != nil {
			t.Fatal(err)
		}
		w.governor.changes = changes(governance.NewValidators(set))
		w.governor.finished = false
		w.after(60*second, func() { w.governor.finished = true; w.chaos.heal() })
	})
	p, ok := governance.ReadProposal(w.nodes[0].replica.Kernel(), 1)
	if !ok || p.Status != governance.StatusRejected || p.Moves != 2 || w.chain.epoch != 1 {
		t.Errorf("the proposal is %v after %d moves, in epoch %d", p.Status, p.Moves, w.chain.epoch)
	}
}

// A validator leaves the set; it alone has the certificate of the last block of its epoch when the
// next epoch should begin.
func TestDepartingValidatorHoldsTheCertificate(t *testing.T) {
	t.Parallel()
	held := false
	w := play(t, Options{Nodes: 5, Epochs: 2, Blocks: 80}, func(w *world) {
		members := slices.Clone(w.genesis.Configuration.Validators.All())[:4]
		set, err := quoin.NewValidatorSet(members)
		if err != nil {
			t.Fatal(err)
		}
		w.governor.changes = changes(governance.NewValidators(set))
		w.governor.finished = false
		leaver := w.nodes[4]
		var since uint64
		w.network.filter = func(from, to *node, m *message) bool {
			if g := &w.governor; m.epoch != 1 || g.schedule == 0 || !g.scheduled || since > 0 && w.now > since+10*second {
				return true
			}
			switch x := m.consensus.(type) {
			case *simplex.Finalize: // of the last block, only the leaver hears them, and says nothing
				if x.Checkpoint.Height >= w.governor.schedule {
					return to == leaver
				}
			case *simplex.Certificate:
				if x.Checkpoint.Height >= w.governor.schedule {
					if since == 0 && from == leaver {
						since, held = w.now, true
					}
					return false
				}
			}
			return true
		}
		w.after(60*second, w.chaos.heal)
	})
	if !held || w.chain.epoch < 2 {
		t.Errorf("held %v, epoch %d", held, w.chain.epoch)
	}
}

// While a change is pending, and after its veto, the certified state knows no next epoch: there is
// nothing to show to a light client.
func TestPendingThenVetoedConfiguration(t *testing.T) {
	t.Parallel()
	w := play(t, Options{Blocks: 80}, func(w *world) {
		w.governor.finished = false
		looks := 0
		w.after(0, func() {
			w.observers = append(w.observers, &watch{on: func(n *node, e *replica.Event) {
				if e.Kind != replica.EnteredView {
					return
				}
				looks++
				if _, ok := governance.ReadConfiguration(n.replica.Kernel(), 2); ok && !t.Failed() {
					t.Errorf("%s has a configuration of epoch 2", n.name)
				}
			}})
		})
		w.governor.veto, w.governor.notice = true, 80
		w.after(40*second, func() { w.governor.finished = true; w.chaos.heal() })
	})
	p, ok := governance.ReadProposal(w.nodes[0].replica.Kernel(), 1)
	if !ok || p.Status != governance.StatusVetoed || w.chain.epoch != 1 {
		t.Errorf("the proposal is %v, in epoch %d", p.Status, w.chain.epoch)
	}
}
