package lab

import (
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/replica"
)

// Every hostile leader is voted in; the network goes on, the fault is on the ledger, and a leader that
// faults is quarantined.
func TestHostileLeaders(t *testing.T) {
	t.Parallel()
	corpus, err := NewCorpus(leaderFixtures...)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range hostile.Leaders() {
		t.Run(f.Name, func(t *testing.T) {
			faults := 0
			w := play(t, Options{Hostile: f.Name, Corpus: corpus, Epochs: 3, Blocks: 80, Transactions: 100}, func(w *world) {
				w.governor.finished = false
				w.governor.changes = w.governor.changes[1:] // the hostile leader at once
				w.o.Epochs = 2
				w.after(0, func() {
					w.observers = append(w.observers, &watch{on: func(n *node, e *replica.Event) {
						if e.Kind == replica.LeaderFaulted && e.Reason == f.Want.String() {
							faults++
						}
					}})
				})
				w.after(20*second, w.chaos.heal)
			})
			p, ok := governance.ReadProposal(w.nodes[0].replica.Kernel(), 1)
			switch {
			case !ok:
				t.Fatal("nobody proposed the leader")
			case f.Want != hook.FaultNone && (faults == 0 || p.Status != governance.StatusQuarantined):
				t.Errorf("%d faults, and the release is %v", faults, p.Status)
			case f.Want == hook.FaultNone && f.Name != hostile.LeaderTimeBomb && p.Status != governance.StatusActive:
				t.Errorf("the release is %v", p.Status)
			}
		})
	}
}

// Every hostile machine serves a namespace and gets transactions; other namespaces go on, and the
// fault is the result of those who asked for it.
func TestHostileMachines(t *testing.T) {
	t.Parallel()
	for _, f := range hostile.Machines() {
		t.Run(f.Name, func(t *testing.T) {
			corpus, err := NewCorpus(f.Name)
			if err != nil {
				t.Fatal(err)
			}
			w := play(t, Options{Corpus: corpus}, func(w *world) {
				b := corpus.propose(f.Name).Binding
				w.genesis.Configuration = w.genesis.Configuration.WithBinding(b)
				for _, n := range w.nodes {
					n.releases[b.Release] = true
				}
				for i := range uint64(12) {
					w.after(3*second+i*second/2, func() {
						tx := quoin.Transaction{Salt: 1<<61 + i, Expiry: 120, Namespace: hostileNamespace, Payload: []byte{byte(i % 6)}}
						for _, n := range w.nodes {
							n.deliver(replica.Submit{Transactions: []quoin.Transaction{tx}})
						}
					})
				}
				w.after(12*second, w.chaos.heal)
			})
			served := 0
			for i := range w.chain.blocks {
				b := &w.chain.blocks[i]
				for k, tx := range b.Block.Transactions() {
					if tx.Namespace != hostileNamespace {
						continue
					}
					served++
					if f.Want != hook.FaultNone && b.Results[k].Code != quoin.ResultFault+uint32(f.Want) {
						t.Errorf("code %d, want fault %v", b.Results[k].Code, f.Want)
					}
				}
			}
			if served != 12 {
				t.Errorf("%d of 12 transactions have a result", served)
			}
		})
	}
}
