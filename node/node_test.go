package node

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/fault"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/transport"
)

type network struct {
	genesis *quoin.Genesis
	keys    []ed25519.PrivateKey
	dirs    []string
	nodes   []*Node
	plugins PluginOptions
	health  replica.HealthLimits
	lab     Lab
	logger  *slog.Logger
	watch   []Observer   // of each node; nil: nobody
	faults  []*fault.Set // likewise; nil: none can be injected
}

func newNetwork(t testing.TB, n int) *network {
	t.Helper()
	return newNetworkOf(t, n, func(*network) {})
}

// newNetworkOf is newNetwork with a say in the genesis and the folders before the nodes start.
func newNetworkOf(t testing.TB, n int, prepare func(w *network)) *network {
	t.Helper()
	w := &network{}
	var members []quoin.Validator
	dir := t.TempDir()
	for i := range n {
		key := validatorKey(i)
		w.keys = append(w.keys, key)
		w.dirs = append(w.dirs, filepath.Join(dir, fmt.Sprint(i)))
		members = append(members, quoin.Validator{Name: fmt.Sprintf("v%d", i), Key: quoin.PublicKey(key.Public().(ed25519.PublicKey)), Weight: 1})
	}
	set, err := quoin.NewValidatorSet(members)
	if err != nil {
		t.Fatal(err)
	}
	g := &quoin.Genesis{Network: "test", Chain: "main", Time: quoin.Time(time.Now().UnixMilli())}
	g.Configuration = quoin.Configuration{Epoch: 1, First: 1, Validators: set, Parameters: quoin.DefaultParameters()}
	g.Configuration.Parameters.UnsignedTransactionsFlag = 1
	g.Configuration.Parameters.TimeoutBaseMS = 100
	g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin"})
	g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "kv"})
	w.genesis = g
	w.nodes = make([]*Node, n)
	prepare(w)
	for i := range n {
		w.start(t, i)
	}
	w.connect(t)
	return w
}

func (w *network) start(t testing.TB, i int) {
	t.Helper()
	var o Observer
	if w.watch != nil {
		o = w.watch[i]
	}
	var faults *fault.Set
	if w.faults != nil {
		faults = w.faults[i]
	}
	n, err := Open(Config{Observer: o, Faults: faults, Dir: w.dirs[i], Genesis: w.genesis, Identity: w.keys[i], Listen: "127.0.0.1:0", Plugins: w.plugins, Health: w.health, Lab: w.lab, Logger: w.logger})
	if err != nil {
		t.Fatal(err)
	}
	w.nodes[i] = n
	t.Cleanup(func() { n.Close() })
}

func (w *network) connect(t testing.TB) {
	t.Helper()
	var peers []transport.Peer
	for _, n := range w.nodes {
		peers = append(peers, transport.Peer{Key: transport.Key(n.Key()), Address: n.Addr().String()})
	}
	for _, n := range w.nodes {
		if err := n.SetPeers(peers); err != nil {
			t.Fatal(err)
		}
	}
}

// put submits one transaction to a node and waits until it is certified and durable there.
func (w *network) put(t testing.TB, i int, key, value string) quoin.Height {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	sub := w.nodes[i].Feed().Subscribe(4096)
	defer sub.Close()
	admissions, err := w.nodes[i].Submit(ctx, []quoin.Transaction{w.transaction(i, key, value)})
	if err != nil || admissions[0].Code != replica.Admitted {
		t.Fatalf("submit: %v, %v", admissions, err)
	}
	for {
		select {
		case item := <-sub.C:
			if f := item.Finished; f != nil {
				for _, id := range f.IDs {
					if id == admissions[0].ID {
						return f.Checkpoint.Height
					}
				}
			}
		case <-ctx.Done():
			t.Fatalf("%s was not certified: %+v", key, w.nodes[i].Status().Consensus)
		}
	}
}

func (w *network) transaction(i int, key, value string) quoin.Transaction {
	var batch plugin.KVBatch
	batch.Put([]byte(key), []byte(value))
	return quoin.Transaction{Salt: uint64(time.Now().UnixNano()), Expiry: w.nodes[i].Status().Tip.Height + 1000, Namespace: "kv", Payload: batch.Payload()}
}

func (w *network) get(t testing.TB, i int, key string) string {
	t.Helper()
	var value []byte
	err := w.nodes[i].Do(context.Background(), func(r *replica.Replica) {
		q, err := r.Query("kv", plugin.KVGetQuery([]byte(key)))
		if err == nil {
			value = append([]byte(nil), q.Output...)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

func TestFourNodesCertify(t *testing.T) {
	w := newNetwork(t, 4)
	for i := range 10 {
		w.put(t, i%4, fmt.Sprint("key", i), fmt.Sprint("value", i))
	}
	if got := w.get(t, 1, "key9"); got != "value9" {
		t.Errorf("key9 = %q", got)
	}
}

func TestRestartGoesOn(t *testing.T) {
	w := newNetwork(t, 4)
	w.put(t, 0, "a", "1")
	if err := w.nodes[2].Close(); err != nil {
		t.Fatal(err)
	}
	h := w.put(t, 0, "b", "2") // three are enough
	w.start(t, 2)
	w.connect(t)
	w.put(t, 0, "c", "3")
	deadline := time.Now().Add(30 * time.Second)
	for w.nodes[2].Status().Tip.Height < h && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if got := w.get(t, 2, "b"); got != "2" {
		t.Errorf("after a restart b = %q", got)
	}
	if reason := w.nodes[2].Status().Observer; reason != "" {
		t.Errorf("the restarted node only observes: %s", reason)
	}
}
