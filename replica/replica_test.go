package replica

import (
	"crypto/ed25519"
	"fmt"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/store"
)

// network is four replicas whose messages arrive at once and in order.
type network struct {
	t        *testing.T
	now      quoin.Time
	keys     []quoin.PublicKey
	replicas []*Replica
	queue    []delivery
	finished [][]Finished
	timers   [][2]Timer
}

type delivery struct {
	to int
	in Input
}

func newNetwork(t *testing.T, n int) *network {
	t.Helper()
	w := &network{t: t, now: 1_700_000_000_000, finished: make([][]Finished, n), timers: make([][2]Timer, n)}
	var signers []signature.Signer
	var members []quoin.Validator
	for i := range n {
		seed := make([]byte, 32)
		seed[0] = byte(i + 1)
		s := signature.NewSigner(ed25519.NewKeyFromSeed(seed))
		signers = append(signers, s)
		members = append(members, quoin.Validator{Name: fmt.Sprintf("v%d", i), Key: s.Public(), Weight: 1})
	}
	set, err := quoin.NewValidatorSet(members)
	if err != nil {
		t.Fatal(err)
	}
	g := &quoin.Genesis{Network: "test", Chain: "main", Time: w.now}
	g.Configuration = quoin.Configuration{Epoch: 1, First: 1, Validators: set, Parameters: quoin.DefaultParameters()}
	g.Configuration.Parameters.UnsignedTransactionsFlag = 1
	g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin"})
	g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "kv"})
	for i := range n {
		table, err := plugin.NewTable(plugin.Builtins())
		if err != nil {
			t.Fatal(err)
		}
		r, err := New(Config{Genesis: g, Signer: signers[i], Store: store.NewMemory(), Table: table, Environment: execution.Environment()}, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		w.keys = append(w.keys, signers[i].Public())
		w.replicas = append(w.replicas, r)
	}
	for i := range n {
		w.step(i, Start{})
	}
	return w
}

func (w *network) step(i int, in Input) {
	w.now++
	var out Output
	w.replicas[i].Step(w.now, in, &out)
	w.finished[i] = append(w.finished[i], out.Finished...)
	for _, s := range out.Send {
		for j, key := range w.keys {
			if j != i && (s.To.IsZero() || s.To == key) {
				w.queue = append(w.queue, delivery{j, Message{w.keys[i], s.Bytes}})
			}
		}
	}
	for _, timer := range out.Timers {
		w.timers[i][timer.Kind] = timer
	}
	for _, e := range out.Events {
		if e.Kind == MessageRefused || e.Kind == BlockRefused || e.Kind == Abstained || e.Kind == Halted || e.Kind == HasDiverged {
			w.t.Errorf("replica %d: %+v", i, e)
		}
	}
	if out.Fatal != nil {
		w.t.Fatal(out.Fatal)
	}
	if out.Sync > 0 {
		w.queue = append(w.queue, delivery{i, Synced{out.Sync}})
	}
	if out.More {
		w.queue = append(w.queue, delivery{i, Continue{}})
	}
}

func (w *network) run() {
	for n := 0; len(w.queue) > 0; n++ {
		d := w.queue[0]
		w.queue = w.queue[1:]
		w.step(d.to, d.in)
		if n > 100_000 {
			w.t.Fatal("the network does not come to rest")
		}
	}
}

func TestTransactionIsCertified(t *testing.T) {
	w := newNetwork(t, 4)
	w.run()
	var batch plugin.KVBatch
	batch.Put([]byte("hello"), []byte("world"))
	w.step(1, Submit{[]quoin.Transaction{{Salt: 1, Expiry: 100, Namespace: "kv", Payload: batch.Payload()}}})
	w.run()
	for i, r := range w.replicas {
		v, ok, err := r.chain.state.Get("kv", []byte("hello"))
		if err != nil || !ok || string(v) != "world" {
			t.Errorf("replica %d: hello = %q, %v, %v", i, v, ok, err)
		}
		if r.exec.Tip().State != w.replicas[0].exec.Tip().State {
			t.Errorf("replica %d has another state root", i)
		}
		if len(w.finished[i]) == 0 {
			t.Errorf("replica %d reported nothing", i)
		}
	}
	tip := w.replicas[0].exec.Tip().Height
	if tip == 0 || tip > 3 {
		t.Errorf("height %d after one transaction", tip)
	}
}

