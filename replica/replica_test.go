package replica

import (
	"crypto/ed25519"
	"fmt"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
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
	events   []Event

	mayDiverge bool
	calls      []DryCalled // the answers to dry calls
	salt       uint64
	away       int // if not 0: a replica that neither hears nor says anything
}

type delivery struct {
	to int
	in Input
}

// newNetwork makes n replicas. odd, if not nil, gives replica i a machine for the namespace "odd".
func newNetwork(t *testing.T, n int, odd func(i int) hook.MachinePlugin) *network {
	t.Helper()
	if odd == nil {
		return newNetworkOf(t, n, nil)
	}
	binding := quoin.Binding{Hook: hook.Machine.Name, Namespace: "odd", Builtin: "odd"}
	return newNetworkOf(t, n, func(i int) plugin.Builtin { return plugin.Builtin{Name: "odd", Machine: odd(i)} }, binding)
}

// newNetworkOf makes n replicas with bindings beside the usual ones. own, if not nil, is a built-in of
// replica i.
func newNetworkOf(t *testing.T, n int, own func(i int) plugin.Builtin, bindings ...quoin.Binding) *network {
	t.Helper()
	return newNetworkWith(t, n, own, func(g *quoin.Genesis, _ []*Config) {
		for _, b := range bindings {
			g.Configuration = g.Configuration.WithBinding(b)
		}
	})
}

// newNetworkWith makes n replicas of a genesis and configurations that change may change.
func newNetworkWith(t *testing.T, n int, own func(i int) plugin.Builtin, change func(*quoin.Genesis, []*Config)) *network {
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
	configs := make([]*Config, n)
	for i := range n {
		configs[i] = &Config{Genesis: g, Signer: signers[i], Store: store.NewMemory(), Environment: execution.Environment()}
	}
	change(g, configs)
	for i := range n {
		builtins := plugin.Builtins()
		if own != nil {
			builtins = append(builtins, own(i))
		}
		table, err := plugin.NewTable(builtins)
		if err != nil {
			t.Fatal(err)
		}
		configs[i].Table = table
		r, err := New(*configs[i], nil, false)
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
			if j != i && (s.To.IsZero() || s.To == key) && (w.away == 0 || w.away != i && w.away != j) {
				w.queue = append(w.queue, delivery{j, Message{w.keys[i], s.Bytes}})
			}
		}
	}
	for _, timer := range out.Timers {
		w.timers[i][timer.Kind] = timer
	}
	for _, e := range out.Events {
		w.events = append(w.events, e)
		if w.mayDiverge && (e.Kind == HasDiverged || e.Kind == Abstained) {
			continue
		}
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
	w.call(i, out.DryCalls)
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
	w := newNetwork(t, 4, nil)
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

// fire lets the view timer of every replica pass.
func (w *network) fire() {
	w.timeouts()
	w.run()
}

func (w *network) timeouts() {
	for i := range w.replicas {
		if timer := w.timers[i][ViewTimer]; timer.ID > 0 {
			w.step(i, TimerFired{timer.Kind, timer.ID, timer.Epoch})
		}
	}
}

func (w *network) saw(kind EventKind) bool {
	for _, e := range w.events {
		if e.Kind == kind {
			return true
		}
	}
	return false
}

// oddMachine writes its payload; to "trap" it gives every replica its own answer.
type oddMachine struct{ answer byte }

func (m oddMachine) Apply(q *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
	value := append([]byte(nil), q.Payload...)
	if string(value) == "trap" {
		value = append(value, m.answer)
	}
	s.Put([]byte("last"), value)
	return hook.ApplyResponse{Output: value}
}

func (oddMachine) Query(*hook.QueryRequest, hook.Reader) hook.QueryResponse {
	return hook.QueryResponse{}
}

func odd(salt uint64, payload string) quoin.Transaction {
	return quoin.Transaction{Salt: salt, Expiry: 200, Namespace: "odd", Payload: []byte(payload)}
}

// One replica of four has another result (KERNEL K7): the others certify, and it adopts theirs.
func TestOneReplicaDiffers(t *testing.T) {
	w := newNetwork(t, 4, func(i int) hook.MachinePlugin { return oddMachine{byte(i / 3)} })
	w.mayDiverge = true
	w.run()
	for i, payload := range []string{"before", "trap", "after"} {
		w.step(i%3, Submit{[]quoin.Transaction{odd(uint64(i), payload)}})
		w.run()
		for range 8 {
			w.fire()
		}
	}
	if !w.saw(HasDiverged) || !w.saw(Adopted) {
		t.Errorf("diverged %v, adopted %v", w.saw(HasDiverged), w.saw(Adopted))
	}
	for i, r := range w.replicas {
		if v, _, _ := r.chain.state.Get("odd", []byte("last")); string(v) != "after" {
			t.Errorf("replica %d ended with %q at height %d", i, v, r.exec.Tip().Height)
		}
		if r.exec.Tip().State != w.replicas[0].exec.Tip().State && r.exec.Tip().Height == w.replicas[0].exec.Tip().Height {
			t.Errorf("replica %d has another root", i)
		}
	}
}

// All replicas differ: no result is certified, the namespace is suspended by evidence, and the
// others go on.
func TestSplitSuspendsTheNamespace(t *testing.T) {
	w := newNetwork(t, 4, func(i int) hook.MachinePlugin { return oddMachine{byte(i)} })
	w.mayDiverge = true
	w.run()
	var batch plugin.KVBatch
	batch.Put([]byte("hello"), []byte("world"))
	w.step(0, Submit{[]quoin.Transaction{odd(1, "trap"), {Salt: 9, Expiry: 200, Namespace: "kv", Payload: batch.Payload()}}})
	w.run()
	for range 20 {
		w.fire()
	}
	if !w.saw(SplitSeen) || !w.saw(Suspended) {
		t.Errorf("split %v, suspended %v", w.saw(SplitSeen), w.saw(Suspended))
	}
	for i, r := range w.replicas {
		if v, _, _ := r.chain.state.Get("kv", []byte("hello")); string(v) != "world" {
			t.Errorf("replica %d: the other namespace did not go on", i)
		}
		if s, ok := governance.Suspended(r.Kernel(), "odd"); !ok || s.Reason != execution.ReasonSplit {
			t.Errorf("replica %d: %+v, %v", i, s, ok)
		}
	}
	if view := w.replicas[0].view; view > 20 {
		t.Errorf("it took until view %d", view)
	}
}
