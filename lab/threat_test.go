package lab

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/replica"
)

// What must not matter differs from replica to replica (the sizes of caches in every world; here also
// whether guests are compiled or interpreted), and results are the same: the observers compare them.
func TestLocalDifferencesDoNotMatter(t *testing.T) {
	t.Parallel()
	compiled, err := NewCorpus(hostile.MachineSelective)
	if err != nil {
		t.Fatal(err)
	}
	interpreted, err := newCorpus(plugin.Options{Interpreter: true}, hostile.MachineSelective)
	if err != nil {
		t.Fatal(err)
	}
	w := play(t, Options{Corpus: compiled}, func(w *world) {
		w.corpora = func(n *node) *Corpus {
			if n.index%2 == 0 {
				return interpreted
			}
			return compiled
		}
		b := compiled.propose(hostile.MachineSelective).Binding
		w.genesis.Configuration = w.genesis.Configuration.WithBinding(b)
		for _, n := range w.nodes {
			n.releases[b.Release] = true
		}
		for i := range uint64(24) {
			w.after(3*second+i*second/3, func() { submitPayload(w, hostileNamespace, i, []byte{byte(i % 7), 1, 2}) })
		}
		w.after(4*second, func() { w.nodes[0].powerCut(); w.after(2*second, w.nodes[0].restart) })
		w.after(13*second, w.chaos.heal)
	})
	if n := count(w, func(tx *quoin.Transaction) bool { return tx.Namespace == hostileNamespace }); n != 24 {
		t.Errorf("%d of 24 transactions were certified", n)
	}
}

// Every host function is called by a guest of its own, with several arguments, on nodes that compile or
// interpret it, with other caches and clocks: the answer is the same everywhere.
func TestEveryHostFunctionAnswersAlike(t *testing.T) {
	t.Parallel()
	functions := hostile.HostFunctions()
	var names []string
	for _, f := range functions {
		names = append(names, hostile.CallerName(f))
	}
	compiled, err := NewCorpus(names...)
	if err != nil {
		t.Fatal(err)
	}
	interpreted, err := newCorpus(plugin.Options{Interpreter: true}, names...)
	if err != nil {
		t.Fatal(err)
	}
	namespace := func(i int) string { return fmt.Sprintf("caller-%d", i) }
	calls := [][2]uint64{{64, 64}, {hostile.CallerBuffer, 64}, {16, hostile.CallerBuffer}, {1, 0}} // a pointer and a length, or the other way round
	w := play(t, Options{Corpus: compiled}, func(w *world) {
		w.corpora = func(n *node) *Corpus {
			if n.index%2 == 0 {
				return interpreted
			}
			return compiled
		}
		for i, f := range functions {
			b := compiled.propose(names[i]).Binding
			b.Namespace = namespace(i)
			w.genesis.Configuration = w.genesis.Configuration.WithBinding(b)
			for _, n := range w.nodes {
				n.releases[b.Release] = true
			}
			for k, call := range calls {
				arguments := make([]uint64, len(f.Params))
				for j := range arguments {
					arguments[j] = call[j%2]
				}
				w.after(uint64(3+2*k)*second, func() {
					submitPayload(w, namespace(i), uint64(100*k+i), hostile.CallerPayload(arguments, []byte("what they point to")))
				})
			}
		}
		w.after(6*second, func() { w.nodes[0].powerCut(); w.after(2*second, w.nodes[0].restart) })
		w.after(15*second, w.chaos.heal)
	})
	answered := map[string]bool{}
	n := 0
	for i := range w.chain.blocks {
		b := &w.chain.blocks[i]
		for k, tx := range b.Block.Transactions() {
			if strings.HasPrefix(tx.Namespace, "caller-") {
				n++
				answered[tx.Namespace] = answered[tx.Namespace] || b.Results[k].Code == 0
			}
		}
	}
	served := 0
	for i, f := range functions {
		if answered[namespace(i)] {
			served++
		} else {
			t.Logf("%s answers none of the calls", f.Name)
		}
	}
	if n != len(calls)*len(functions) || served*3 < len(functions)*2 {
		t.Errorf("%d of %d calls were certified; %d of %d functions answered one", n, len(calls)*len(functions), served, len(functions))
	}
}

func submitPayload(w *world, namespace string, salt uint64, payload []byte) {
	tx := quoin.Transaction{Salt: 1<<61 + salt, Expiry: w.chain.height() + 60, Namespace: namespace, Payload: payload}
	for _, n := range w.nodes {
		n.deliver(replica.Submit{Transactions: []quoin.Transaction{tx}})
	}
}

// activation plans one change of the leader, for a height so far after its schedule, and calls a
// function when a node is about to execute the last block of the epoch.
func activation(w *world, notice quoin.Height, last func(n *node)) {
	w.governor.finished = false
	w.governor.notice = notice
	seen := map[int]bool{}
	w.network.filter = func(from, to *node, m *message) bool {
		if p, ok := m.consensus.(*simplex.Proposal); ok && last != nil && w.governor.schedule > 0 && p.Block.Header().Height == w.governor.schedule && !seen[to.index] {
			seen[to.index] = true
			last(to)
		}
		return true
	}
}

// A node loses power at every sub-step of an activation, each in a world of its own.
func TestCrashAtEverySubStepOfAnActivation(t *testing.T) {
	t.Parallel()
	for step := range uint64(16) {
		w := play(t, Options{Epochs: 2, Blocks: 30, Transactions: 20}, func(w *world) {
			activation(w, 4, func(n *node) {
				if n.index <= int(step%2) { // one node, or two at different sub-steps
					n.doom = doom{set: true, demands: step + 3*uint64(n.index), kill: step%3 == 0}
					w.after(3*second, n.restart)
				}
			})
			w.after(12*second, w.chaos.heal)
		})
		if w.chain.epoch != 2 {
			t.Fatalf("sub-step %d: epoch %d", step, w.chain.epoch)
		}
	}
}

// An activation comes at every distance from its schedule, and the schedule at any offset of its epoch.
func TestActivationAtEveryOffset(t *testing.T) {
	t.Parallel()
	for notice := quoin.Height(2); notice < 18; notice++ {
		w := play(t, Options{Epochs: 3, Blocks: 20, Transactions: 20}, func(w *world) {
			activation(w, notice, nil)
			w.governor.changes = append(w.governor.changes, changes(governance.NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin"}))...)
			w.after(10*second, w.chaos.heal)
		})
		if w.chain.epoch != 3 {
			t.Errorf("notice %d: epoch %d", notice, w.chain.epoch)
		}
	}
}

// Validators leave and come back around every activation of a leader.
func TestMembershipChurnAroundActivations(t *testing.T) {
	t.Parallel()
	w := play(t, Options{Nodes: 5, Epochs: 5, Blocks: 60}, func(w *world) {
		all := w.genesis.Configuration.Validators
		four, err := quoin.NewValidatorSet(slices.Clone(all.All())[:4])
		if err != nil {
			t.Fatal(err)
		}
		w.governor.finished = false
		w.governor.notice = 3
		leader := func(name string) governance.Propose {
			return governance.NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: name})
		}
		w.governor.changes = changes(governance.NewValidators(four), leader("weighted-random"), governance.NewValidators(all), leader("round-robin"))
		w.after(40*second, w.chaos.heal)
	})
	if w.chain.epoch != 5 {
		t.Errorf("epoch %d", w.chain.epoch)
	}
}

// A failed transaction that is submitted again and again has one result.
func TestFailedTransactionIsNotProcessedTwice(t *testing.T) {
	t.Parallel()
	var id quoin.Hash
	w := play(t, Options{}, func(w *world) {
		for i := range uint64(20) {
			w.after(3*second+i*second/4, func() {
				var batch plugin.KVBatch
				batch.Put([]byte("written"), []byte("never"))
				batch.CompareAndSet([]byte("absent"), []byte("something"), []byte("else"))
				tx := quoin.Transaction{Salt: 1 << 60, Expiry: 100, Namespace: "kv", Payload: batch.Payload()}
				id = tx.ID(w.origin.ID())
				for _, n := range w.nodes {
					n.deliver(replica.Submit{Transactions: []quoin.Transaction{tx, tx}})
				}
			})
		}
		w.after(10*second, w.chaos.heal)
	})
	n := 0
	for i := range w.chain.blocks {
		f := &w.chain.blocks[i]
		if k := slices.Index(f.IDs, id); k >= 0 {
			n++
			if f.Results[k].Code == 0 {
				t.Error("it did not fail")
			}
		}
	}
	if n != 1 {
		t.Errorf("it has %d results", n)
	}
	if q, err := w.nodes[0].replica.Query("kv", plugin.KVGetQuery([]byte("written"))); err != nil || bytes.Contains(q.Output, []byte("never")) {
		t.Errorf("its write is there: %x, %v", q.Output, err)
	}
}

// Ten times more is submitted than pools hold: it is refused, and the chain goes on.
func TestTenTimesOverload(t *testing.T) {
	t.Parallel()
	w := play(t, Options{}, func(w *world) {
		w.pool = replica.PoolLimits{Transactions: 200, Kernel: 16}
		salt := uint64(1 << 50)
		for i := range uint64(40) {
			w.after(3*second+i*second/4, func() {
				for _, n := range w.nodes {
					var txs []quoin.Transaction
					for range 100 {
						salt++
						var batch plugin.KVBatch
						batch.Put(fmt.Appendf(nil, "%d", salt), []byte("x"))
						txs = append(txs, quoin.Transaction{Salt: salt, Expiry: w.chain.height() + 20, Namespace: "kv", Payload: batch.Payload()})
					}
					n.deliver(replica.Submit{Transactions: txs})
				}
			})
		}
		w.after(20*second, w.chaos.heal)
	})
	if w.clients.codes[replica.RefusedFull] == 0 {
		t.Error("nothing was refused")
	}
	if views := w.progress.views; uint64(w.chain.height())*10 < views*9 {
		t.Errorf("%d heights in %d views", w.chain.height(), views)
	}
}

// Every message of the past comes again and again from everybody: it costs little, and commits go on.
func TestStaleMessageFlood(t *testing.T) {
	t.Parallel()
	flood := uint64(0)
	w := play(t, Options{}, func(w *world) {
		var old []*message
		var from []*node
		w.network.filter = func(f, to *node, m *message) bool {
			if m.consensus != nil && len(old) < 2_000 {
				old, from = append(old, m), append(from, f)
			}
			return true
		}
		for tick := range uint64(150) {
			w.after(5*second+tick*second/10, func() {
				for i := range min(len(old), 200) {
					k := (int(tick)*200 + i) % len(old)
					to := w.nodes[(from[k].index+1+i%3)%4]
					flood++
					to.deliver(replica.Message{From: from[k].key, Bytes: bytes.Clone(old[k].bytes)})
				}
			})
		}
		w.after(22*second, w.chaos.heal)
	})
	if flood < 10_000 {
		t.Errorf("only %d messages", flood)
	}
	if views := w.progress.views; uint64(w.chain.height())*10 < views*9 {
		t.Errorf("%d heights in %d views", w.chain.height(), views)
	}
	sent := uint64(0)
	for _, n := range w.nodes {
		sent += n.sentBytes
	}
	t.Logf("%d heights, %d stale messages, %d bytes sent", w.chain.height(), flood, sent)
}

// Real messages with bytes changed, cut or added, from validators and strangers: refused and counted,
// and nothing breaks.
func TestMalformedMessages(t *testing.T) {
	t.Parallel()
	w := play(t, Options{}, func(w *world) {
		r := stream(*first, "malformed")
		w.network.filter = func(from, to *node, m *message) bool {
			if !w.healed && r.chance(300) {
				b := bytes.Clone(m.bytes)
				switch r.below(4) {
				case 0:
					b[r.index(len(b))] ^= byte(1 << r.below(8))
				case 1:
					b = b[:r.index(len(b))]
				case 2:
					b = append(b, byte(r.next()))
				case 3:
					for range 8 {
						b[r.index(len(b))] = byte(r.next())
					}
				}
				sender := from.key
				if r.chance(200) {
					sender = quoin.PublicKey{1, 2, 3}
				}
				to.deliver(replica.Message{From: sender, Bytes: b})
			}
			return true
		}
		w.after(10*second, func() { w.nodes[2].powerCut(); w.after(5*second, w.nodes[2].restart) }) // so that blocks are fetched
		w.after(25*second, w.chaos.heal)
	})
	refused := uint64(0)
	for _, n := range w.nodes {
		refused += n.replica.Stats().Refused
	}
	if refused < 100 {
		t.Errorf("%d messages were refused", refused)
	}
}

// Two of four nodes lose the release after they have checked it: activation is put off until they have it again.
func TestReadinessByDigestBeforeActivation(t *testing.T) {
	t.Parallel()
	corpus, err := NewCorpus("leader-always-zero")
	if err != nil {
		t.Fatal(err)
	}
	var moved uint64
	w := play(t, Options{Corpus: corpus, Epochs: 2, Blocks: 60}, func(w *world) {
		late, lost := false, false
		w.corpora = func(n *node) *Corpus {
			if n.index < 2 && lost && !late {
				return nil
			}
			return corpus
		}
		w.governor.changes = changes(corpus.propose("leader-always-zero"))
		w.governor.finished = false
		w.governor.notice = 4
		w.genesis.Configuration.Parameters.ActivationRetries = 64
		w.network.filter = func(_, _ *node, _ *message) bool {
			// All have checked it. Two of four lose it before it is scheduled.
			if !lost && w.governor.proposal.Status == governance.StatusApproved {
				lost = true
				for _, n := range w.nodes[:2] {
					clear(n.releases)
					n.doom = doom{set: true, kill: true}
					w.after(second, n.restart)
				}
			}
			return true
		}
		w.after(25*second, func() {
			p, _ := governance.ReadProposal(w.nodes[0].replica.Kernel(), 1)
			moved = p.Moves
			if w.chain.epoch != 1 {
				t.Errorf("epoch %d without readiness", w.chain.epoch)
			}
			late = true
			for _, n := range w.nodes[:2] {
				n.fetchReleases([]quoin.Hash{p.Binding.Release})
			}
		})
		w.after(30*second, w.chaos.heal)
	})
	if moved == 0 || w.chain.epoch != 2 {
		t.Errorf("the activation moved %d times, epoch %d", moved, w.chain.epoch)
	}
}

// One node of four loses power, and a bit of what it had synced flips: it finds out, never votes again
// with its key, and follows. Nothing acknowledged is lost.
func TestPowerCutAndBitFlips(t *testing.T) {
	t.Parallel()
	w := play(t, Options{Blocks: 80}, func(w *world) {
		n := w.nodes[3]
		w.after(6*second, func() {
			n.powerCut()
			n.rotten = true
			names, err := n.fs.List("votes")
			if err != nil {
				t.Fatal(err)
			}
			if err := n.fs.FlipBit("votes/"+names[0], 8*200); err != nil {
				t.Fatal(err)
			}
			n.restart()
		})
		w.after(7*second, func() {
			w.observers = append(w.observers, &silent{t: t, n: n})
		})
		w.after(20*second, w.chaos.heal)
	})
	if n := w.nodes[3]; !n.lost || n.replica.Overview().Tip.Height != w.chain.height() {
		t.Errorf("lost %v, height %d of %d", n.lost, n.replica.Overview().Tip.Height, w.chain.height())
	}
}

// silent sees that a node does not vote.
type silent struct {
	blind
	t *testing.T
	n *node
}

func (s *silent) sent(n *node, m *message) {
	if n != s.n {
		return
	}
	switch m.consensus.(type) {
	case *simplex.Proposal, *simplex.Notarize, *simplex.Nullify, *simplex.Finalize:
		s.t.Errorf("%s votes with a log that was damaged: %s", n.name, m.consensus.Kind())
	}
}
