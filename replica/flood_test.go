package replica

import (
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// More long transactions are pending than a block holds, and all are overdue. What does not fit may not
// keep out what does, or all would withhold their votes from every block, for ever.
func TestOverdueLongTransactions(t *testing.T) {
	for name, bindings := range map[string][]quoin.Binding{"no priorities": nil, "equal priorities": {{Hook: hook.Priority.Name, Builtin: "equal"}}} {
		w := newNetworkOf(t, 4, nil, bindings...)
		var txs []quoin.Transaction
		for salt := range uint64(2) {
			for sender := range byte(50) {
				txs = append(txs, w.from(sender, salt, "kv", make([]byte, 50<<10)))
			}
		}
		txs = append(txs, w.from(200, 0, "kv", nil))
		for i, r := range w.replicas {
			r.exec.Configuration().Parameters.ForcedInclusionViews = 0
			r.pool.admit(txs, false, 1, 1, r.judge)
			w.step(i, Continue{})
		}
		w.run()
		for range 20 {
			w.fire()
		}
		for i, r := range w.replicas {
			if n := r.pool.len(); n > 0 {
				t.Errorf("%s: at replica %d %d of %d are pending at height %d and view %d", name, i, n, len(txs), r.exec.Tip().Height, r.view)
			}
		}
	}
}

// A sender at the end of the turns is not left out for as long as the senders before it fill the blocks.
func TestTurnsGoOnWhereABlockEnded(t *testing.T) {
	for name, limit := range map[string]func(s *selection){
		"bytes": func(s *selection) { s.maxBytes = 1 << 10 },
		"count": func(s *selection) { s.maxTransactions = 5 },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(PoolLimits{}, quoin.OriginID{}, nil)
			salt := uint64(0)
			submit := func(sender byte) {
				salt++
				p.add(&quoin.Transaction{Sender: quoin.PublicKey{sender}, Salt: salt, Expiry: 100, Namespace: "kv", Payload: make([]byte, 150)},
					quoin.Hash{byte(salt), byte(salt >> 8)}, false, 1, 1)
			}
			for range 30 {
				for sender := range byte(20) {
					submit(sender + 1)
				}
			}
			submit(100)
			s := selection{maxBytes: 1 << 20, maxTransactions: 100, height: 1, skip: func(*pendingTx) bool { return false }}
			limit(&s)
			for range 10 {
				chosen := p.choose(s)
				var ids []quoin.Hash
				for _, tx := range chosen {
					if tx.Sender[0] == 100 {
						return
					}
					ids = append(ids, quoin.Hash{byte(tx.Salt), byte(tx.Salt >> 8)})
				}
				p.remove(ids)
			}
			t.Error("10 blocks left it out")
		})
	}
}

// A validation that costs much is not asked without end in one step.
func TestValidationsOfOneStepAreBounded(t *testing.T) {
	w := newNetwork(t, 1, nil)
	p, asked := w.replicas[0].pool, 0
	p.accepts = func(quoin.Hash, *quoin.Transaction) (bool, uint64) {
		asked++
		return asked > 1, hook.Validation.FuelMax
	}
	var txs []quoin.Transaction
	for i := range uint64(100) {
		txs = append(txs, w.from(1, i, "kv", nil))
	}
	for _, a := range p.admit(txs, false, 1, 1, w.replicas[0].judge)[1:] {
		if a.Code != Admitted {
			t.Errorf("%s", a.Code)
		}
	}
	if want := acceptFuelMax / int(hook.Validation.FuelMax); asked != want {
		t.Errorf("asked %d times, want %d", asked, want)
	}
	p.admit([]quoin.Transaction{w.from(2, 0, "kv", nil)}, false, 1, 1, w.replicas[0].judge)
	if asked != acceptFuelMax/int(hook.Validation.FuelMax)+1 {
		t.Error("the next step asks nothing")
	}
}

// One replica's machine differs, and another's kernel records do, as if it lied: nobody can be shown to
// be to blame, and the suspected namespace stays suspected (KERNEL K7).
func TestNobodyToBlameExoneratesNobody(t *testing.T) {
	w := newNetworkOf(t, 4, func(i int) plugin.Builtin {
		return plugin.Builtin{Name: "odd", Machine: oddMachine{byte(i / 2 % 2 * (3 - i))}, Finality: hook.FinalityFunc(func(*hook.FinalityRequest) hook.FinalityResponse {
			return hook.FinalityResponse{Blocks: uint32(i / 3)}
		})}
	}, quoin.Binding{Hook: hook.Machine.Name, Namespace: "odd", Builtin: "odd"}, quoin.Binding{Hook: hook.Finality.Name, Builtin: "odd"})
	w.mayDiverge = true
	w.run()
	w.step(0, Submit{[]quoin.Transaction{odd(1, "trap")}})
	w.run()
	for n := 0; n < 3 && !w.saw(SplitSeen); n++ {
		w.fire()
	}
	if !w.saw(SplitSeen) {
		t.Fatal("no split")
	}
	for i, r := range w.replicas {
		if len(r.splits.suspicion) == 0 {
			t.Errorf("replica %d suspects nobody, open %d", i, len(r.splits.open))
		}
	}
}

// The pool's limits hold within one submission too.
func TestOneSubmissionKeepsThePoolsLimits(t *testing.T) {
	w := newNetwork(t, 1, nil)
	r := w.replicas[0]
	r.pool.limits = PoolLimits{Transactions: 5, Bytes: 1 << 20, PerSender: 2, Kernel: 1}
	var txs []quoin.Transaction
	for sender := range byte(4) {
		for salt := range uint64(3) {
			txs = append(txs, w.from(sender, salt, "kv", nil))
		}
	}
	for salt := range uint64(2) {
		txs = append(txs, w.from(9, salt, quoin.KernelNamespace, []byte{1}))
	}
	var codes []AdmissionCode
	for _, a := range r.pool.admit(txs, false, 1, 1, r.judge) {
		codes = append(codes, a.Code)
	}
	a, s, f := Admitted, RefusedSender, RefusedFull
	if want := []AdmissionCode{a, a, s, a, a, s, a, f, f, f, f, f, a, f}; !slices.Equal(codes, want) {
		t.Errorf("%v, want %v", codes, want)
	}
}

// Whoever fills the kernel's lane, be it with many keys or as a member, keeps no other member's command out.
func TestNobodyFillsTheKernelsLane(t *testing.T) {
	for name, flooder := range map[string]func(i int) byte{
		"strangers": func(i int) byte { return byte(i % 100) },
		"a member":  func(int) byte { return 201 },
	} {
		w := governed(t, nil, nil)
		var flood []quoin.Transaction
		for i := range 1_100 {
			flood = append(flood, w.from(flooder(i), uint64(i), quoin.KernelNamespace, []byte{1}))
		}
		command := w.from(200, 1<<30, quoin.KernelNamespace, []byte{1})
		for i, r := range w.replicas {
			r.pool.admit(flood, false, 1, 1, r.judge)
			if a := r.pool.admit([]quoin.Transaction{command}, false, 1, 1, r.judge); a[0].Code != Admitted {
				t.Errorf("%s: replica %d: %s", name, i, a[0].Code)
			}
			s := selection{maxBytes: 1 << 20, maxKernel: 64, height: 1, skip: func(*pendingTx) bool { return false }}
			if chosen := r.pool.choose(s); len(chosen) != 64 || !slices.ContainsFunc(chosen, func(x quoin.Transaction) bool { return x.Salt == command.Salt }) {
				t.Errorf("%s: replica %d: not among the %d of the next block", name, i, len(chosen))
			}
		}
	}
}
