package replica

import (
	"encoding/binary"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/signature"
)

// priorities makes a network of one that orders its pool by a function.
func priorities(t *testing.T, f func(q *hook.PriorityRequest) uint64) *network {
	t.Helper()
	return newNetworkOf(t, 1, func(int) plugin.Builtin {
		return plugin.Builtin{Name: "own", Priority: hook.PriorityFunc(func(q *hook.PriorityRequest) hook.PriorityResponse {
			return hook.PriorityResponse{Priority: f(q)}
		})}
	}, quoin.Binding{Hook: hook.Priority.Name, Builtin: "own", Parameters: []byte("pp")})
}

// from returns a transaction of one of 256 senders.
func (w *network) from(sender byte, salt uint64, namespace string, payload []byte) quoin.Transaction {
	return w.signed(sender, quoin.Transaction{Salt: salt, Expiry: 100, Namespace: namespace, Payload: payload})
}

// signed returns the transaction as one of 256 senders signs it.
func (w *network) signed(sender byte, t quoin.Transaction) quoin.Transaction {
	key := privateKey(sender)
	t.Sender = signature.PublicOf(key)
	t.Signature = signature.Sign(key, quoin.TransactionSigningBytes(t.ID(w.replicas[0].originID)))
	return t
}

// entries returns the salts of the certified transactions, in order.
func (w *network) entries() []uint64 {
	var all []uint64
	for _, f := range w.finished[0] {
		all = append(all, salts(f.Block.Transactions())...)
	}
	return all
}

// A block holds the highest priorities first, and each sender's transactions in their order; the
// kernel's are not asked about.
func TestPriorityOrdersProposals(t *testing.T) {
	var asked []hook.PriorityRequest
	w := priorities(t, func(q *hook.PriorityRequest) uint64 {
		r := *q
		r.Namespace, r.Payload, r.Params = slices.Clone(q.Namespace), slices.Clone(q.Payload), slices.Clone(q.Params)
		asked = append(asked, r)
		return binary.LittleEndian.Uint64(q.Payload)
	})
	w.run()
	urgent := func(sender byte, salt, priority uint64) quoin.Transaction {
		return w.from(sender, salt, "kv", binary.LittleEndian.AppendUint64(nil, priority))
	}
	w.step(0, Submit{[]quoin.Transaction{urgent(1, 10, 5), urgent(1, 11, 90), urgent(2, 20, 50), urgent(3, 30, 5), urgent(2, 21, 1),
		w.from(4, 40, quoin.KernelNamespace, []byte{1})}})
	w.run()
	if got, want := w.entries(), []uint64{40, 20, 10, 11, 30, 21}; !slices.Equal(got, want) {
		t.Errorf("certified %v, want %v", got, want)
	}
	if len(asked) != 5 {
		t.Fatalf("asked %d times", len(asked))
	}
	x := urgent(2, 20, 50)
	q := asked[2]
	if q.Transaction != x.ID(w.replicas[0].originID) || q.Sender != x.Sender || !q.Local || q.Height != 1 || q.Expiry != 100 || string(q.Namespace) != "kv" ||
		!slices.Equal(q.Payload, x.Payload) || string(q.Params) != "pp" || q.Pending != 5 || q.Capacity != 65_536 {
		t.Errorf("asked %+v", q)
	}
	forwarded := urgent(5, 50, 1)
	r := w.replicas[0]
	var out Output
	if err := r.transactions(forwarded.AppendBinary([]byte{0, 1}), &out); err != nil {
		t.Fatal(err)
	}
	r.prioritize(&out)
	if len(asked) != 6 || asked[5].Local {
		t.Error("forwarded transactions are not asked about, or count as local")
	}
}

// A plugin that fails costs its node a count and the order: transactions have priority 0.
func TestPriorityFaults(t *testing.T) {
	w := priorities(t, func(q *hook.PriorityRequest) uint64 {
		if len(q.Payload) == 1 {
			panic("broken")
		}
		return 7
	})
	w.run()
	w.step(0, Submit{[]quoin.Transaction{w.from(1, 1, "kv", make([]byte, 1)), w.from(2, 2, "kv", make([]byte, 2)), w.from(3, 3, "kv", make([]byte, 1))}})
	faults := 0
	for _, e := range w.events {
		if e.Kind == PriorityFaulted && e.Reason == "trap" {
			faults++
		}
	}
	w.run()
	if got := w.replicas[0].Stats().PriorityFaults; got != 2 || faults != 1 {
		t.Errorf("%d faults counted in %d events", got, faults)
	}
	if got, want := w.entries(), []uint64{2, 1, 3}; !slices.Equal(got, want) {
		t.Errorf("certified %v, want %v", got, want)
	}
}

// Where nobody can be asked, one question a step finds that out.
func TestPriorityIsNotHere(t *testing.T) {
	w := newNetworkOf(t, 1, nil, quoin.Binding{Hook: hook.Priority.Name, Builtin: "nobody"})
	w.run()
	var txs []quoin.Transaction
	for i := range uint64(5) {
		txs = append(txs, w.from(byte(i), i, "kv", nil))
	}
	w.step(0, Submit{txs})
	if got := w.replicas[0].Stats().PriorityFaults; got != 1 {
		t.Errorf("%d questions in one step", got)
	}
	w.run()
	if got := w.entries(); len(got) != len(txs) {
		t.Errorf("certified %v", got)
	}
}

// One step asks about so many transactions, by number and by fuel; the others are asked about later.
func TestPriorityQuestionsAreBounded(t *testing.T) {
	for _, c := range []struct {
		name         string
		faulty       bool
		submit, want int
	}{{"calls", false, 5000, 2048}, {"fuel", true, 50, 8}} {
		t.Run(c.name, func(t *testing.T) {
			asked := 0
			w := priorities(t, func(*hook.PriorityRequest) uint64 {
				asked++
				if c.faulty {
					panic("broken") // and so pays for the whole call
				}
				return 1
			})
			r := w.replicas[0]
			for i := range c.submit {
				tx := quoin.Transaction{Salt: uint64(i), Expiry: 100, Namespace: "kv", Payload: make([]byte, 8)}
				r.pool.add(&tx, tx.ID(r.originID), false, 1, 1)
			}
			for total := 0; total < c.submit; {
				asked = 0
				var out Output
				r.prioritize(&out)
				if total += asked; asked != c.want && total < c.submit || asked > c.want {
					t.Fatalf("asked about %d in one step, %d in all", asked, total)
				}
			}
			var out Output
			if r.prioritize(&out); r.pool.unasked != nil {
				t.Error("there is still something to ask")
			}
		})
	}
}

// What is certified before it was asked about is forgotten, not kept.
func TestUnaskedAreForgotten(t *testing.T) {
	w := priorities(t, func(*hook.PriorityRequest) uint64 { panic("slow") })
	r := w.replicas[0]
	for round := range 40 {
		var ids []quoin.Hash
		for i := range 1000 {
			tx := quoin.Transaction{Salt: uint64(round*1000 + i), Expiry: 100, Namespace: "kv"}
			id := tx.ID(r.originID)
			r.pool.add(&tx, id, false, 1, 1)
			if i%10 != 0 {
				ids = append(ids, id)
			}
		}
		r.pool.remove(ids)
		var out Output
		if r.prioritize(&out); len(r.pool.unasked) > 2*r.pool.len() {
			t.Fatalf("%d transactions to ask about, %d are pending", len(r.pool.unasked), r.pool.len())
		}
	}
}

// When an epoch begins with another binding, what is pending is asked about again; without one,
// priorities do not count.
func TestPrioritiesFollowTheBinding(t *testing.T) {
	w := newNetworkOf(t, 1, nil)
	p := w.replicas[0].pool
	for i := range uint64(6) {
		tx := w.from(byte(i%3), i, "kv", nil)
		p.add(&tx, tx.ID(p.origin), false, 1, 1)
	}
	if p.unasked != nil {
		t.Error("nobody serves priority.v1, and there is something to ask")
	}
	s := selection{maxBytes: 1 << 20, maxTransactions: 100, height: 1, skip: func(*pendingTx) bool { return false }, overdue: func(*pendingTx) bool { return false }}
	p.rank(true)
	if len(p.unasked) != 6 {
		t.Errorf("%d of 6 are to be asked about", len(p.unasked))
	}
	for x := p.nextUnasked(); x != nil; x = p.nextUnasked() {
		x.priority = x.tx.Salt
	}
	if got, want := salts(p.choose(s)), []uint64{2, 5, 1, 4, 0, 3}; !slices.Equal(got, want) {
		t.Errorf("by priority: %v, want %v", got, want)
	}
	p.turn = 0
	p.rank(false)
	if got, want := salts(p.choose(s)), []uint64{0, 1, 2, 3, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("in turns: %v, want %v", got, want)
	}
}

// What has been pending for ForcedInclusionViews goes first whatever its priority: a block without it
// would not be voted for, and nobody starves.
func TestOverdueGoesBeforePriority(t *testing.T) {
	p := newPool(PoolLimits{}, quoin.OriginID{}, nil)
	p.rank(true)
	for i := range uint64(4) {
		tx := quoin.Transaction{Sender: quoin.PublicKey{byte(i + 1)}, Salt: i, Expiry: 100, Namespace: "kv"}
		p.add(&tx, quoin.Hash{byte(i)}, false, quoin.View(10*i), 1)
		p.pending[quoin.Hash{byte(i)}].priority = i
	}
	s := selection{maxBytes: 1 << 20, maxTransactions: 3, height: 1, skip: func(*pendingTx) bool { return false }}
	s.overdue = func(x *pendingTx) bool { return x.overdue(1, 30, 20) }
	if got, want := salts(p.choose(s)), []uint64{0, 1, 3}; !slices.Equal(got, want) {
		t.Errorf("chose %v, want %v", got, want)
	}
}
