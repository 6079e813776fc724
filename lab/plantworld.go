package lab

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
)

// flat is a pacemaker that waits equally long whatever happens, in milliseconds.
type flat uint64

// Timeout implements simplex.Pacemaker.
func (f flat) Timeout(_, _ quoin.View, _ uint64, _ bool) uint64 { return uint64(f) }

// Left implements simplex.Pacemaker.
func (f flat) Left(quoin.View, bool) {}

// shortTimeouts makes time-outs shorter than the network's delays, unless they grow.
func shortTimeouts(w *world) {
	w.genesis.Configuration.Parameters.TimeoutBaseMS = 100
	for i, n := range w.nodes {
		n.region = Region(i*2) % regions
	}
	w.after(5*second, w.chaos.heal)
}

// unrepeating says nothing twice at a time-out.
type unrepeating struct {
	consensus.Machine
	nullified quoin.View
}

// Step implements consensus.Machine.
func (m *unrepeating) Step(now quoin.Time, in consensus.Input, out *consensus.Output) {
	before := len(out.Send)
	m.Machine.Step(now, in, out)
	if _, ok := in.(consensus.TimedOut); !ok {
		return
	}
	said := slices.DeleteFunc(slices.Clone(out.Send[before:]), func(e consensus.Envelope) bool {
		x, ok := e.Message.(*simplex.Nullify)
		if !ok || x.View <= m.nullified {
			return true
		}
		m.nullified = x.View
		return false
	})
	out.Send = append(out.Send[:before], said...)
}

// bound asks the leader's binding also in rescue views.
type bound struct{ consensus.Leaders }

// Leader implements consensus.Leaders.
func (b bound) Leader(v quoin.View, parent quoin.Hash) (int, bool) {
	if v%4 == 0 {
		v++ // the executor would not ask the binding about this one
	}
	return b.Leaders.Leader(v, parent)
}

// submitAll gives transactions to everybody, one every half a second. The first comes after the boot.
func (w *world) submitAll(n int, make func(i int) quoin.Transaction) {
	for i := range n {
		w.after(uint64(i+1)*second/2, func() {
			t := make(i)
			t.Salt, t.Expiry = 1<<60+uint64(i), w.chain.height()+60
			for _, n := range w.nodes {
				n.deliver(replica.Submit{Transactions: []quoin.Transaction{t}})
			}
		})
	}
}

// answers is a machine made of a function.
type answers func(r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse

func (f answers) Apply(r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse { return f(r, s) }
func (f answers) Query(*hook.QueryRequest, hook.Reader) hook.QueryResponse {
	return hook.QueryResponse{}
}

// oneDiffers binds a machine that answers differently on one replica.
func oneDiffers(w *world) {
	w.genesis.Configuration = w.genesis.Configuration.WithBinding(quoin.Binding{Hook: hook.Machine.Name, Namespace: "odd", Builtin: "odd"})
	w.machines = func(n *node) []plugin.Builtin {
		return []plugin.Builtin{{Name: "odd", Machine: answers(func(*hook.ApplyRequest, hook.Access) hook.ApplyResponse {
			return hook.ApplyResponse{Code: uint32(n.index / 3)}
		})}}
	}
	w.submitAll(20, func(i int) quoin.Transaction { return quoin.Transaction{Namespace: "odd", Payload: []byte{byte(i)}} })
}

// warmKV is the key-value machine behind a cache that shows.
const warmKV = "warm-kv"

// bindWarm puts a cache between the key-value machine and the fuel that its reads cost.
func bindWarm(w *world) {
	w.genesis.Configuration = w.genesis.Configuration.WithBinding(quoin.Binding{Hook: hook.Machine.Name, Namespace: "kv", Builtin: warmKV})
	w.machines = func(*node) []plugin.Builtin {
		warm := map[byte]bool{}
		return []plugin.Builtin{{Name: warmKV, Machine: warmMachine{answers(func(r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
			if key := r.Payload[len(r.Payload)-1]; !warm[key] {
				warm[key] = true
				s.Get([]byte{key})
			}
			return plugin.KV{}.Apply(r, s)
		})}}}
	}
}

type warmMachine struct{ answers }

func (warmMachine) Query(q *hook.QueryRequest, s hook.Reader) hook.QueryResponse {
	return plugin.KV{}.Query(q, s)
}

// twoNamespaces binds a second namespace, and submits to both at once.
func twoNamespaces(w *world) {
	w.genesis.Configuration = w.genesis.Configuration.WithBinding(quoin.Binding{Hook: hook.Machine.Name, Namespace: "kv2", Builtin: "kv"})
	w.submitAll(40, func(i int) quoin.Transaction {
		var b plugin.KVBatch
		b.Put(fmt.Appendf(nil, "second-%d", i), []byte("x"))
		return quoin.Transaction{Namespace: "kv2", Payload: b.Payload()}
	})
}

// halfRefused submits transactions whose last operation is refused.
func halfRefused(w *world) {
	w.submitAll(40, func(i int) quoin.Transaction {
		var b plugin.KVBatch
		b.Put(fmt.Appendf(nil, "half-%d", i), []byte("x"))
		b.CompareAndSet([]byte("never"), []byte("set"), []byte("y"))
		return quoin.Transaction{Namespace: "kv", Payload: b.Payload()}
	})
}

// lateEnd has the votes that certify the last block of an epoch get lost for a while, so that tail blocks
// follow it.
func lateEnd(w *world) {
	since := map[quoin.Height]uint64{}
	w.network.filter = func(_, _ *node, m *message) bool {
		x, ok := m.consensus.(*simplex.Finalize)
		last := w.governor.schedule
		if !ok || !w.governor.scheduled || x.Checkpoint.Height < last {
			return true
		}
		if since[last] == 0 {
			since[last] = w.now
		}
		return w.now > since[last]+5*second
	}
}

// absentSet has people govern in a validator set of which half does not exist.
func absentSet(w *world) {
	members := slices.Clone(w.genesis.Configuration.Validators.All())[:2]
	for i := range 2 {
		members = append(members, quoin.Validator{Name: fmt.Sprintf("absent%d", i), Key: signature.PublicOf(key("absent", i)), Weight: 1})
	}
	if set, err := quoin.NewValidatorSet(members); err == nil {
		w.governor.changes = changes(governance.NewValidators(set))
	}
}

// schemes has somebody try what roles do not allow: to approve its own proposal, to schedule what is not
// approved, and, as one validator of four, to veto.
func schemes(w *world) {
	c := &w.genesis.Configuration
	c.Members = slices.Clone(c.Members)
	for i := range c.Members {
		if c.Members[i].Roles.Has(quoin.RoleProposer) {
			c.Members[i].Roles |= quoin.RoleApprover
		}
	}
	w.governor.changes = append(w.governor.changes, changes(governance.NewBuiltin(quoin.Binding{Hook: hook.Leader.Name, Builtin: "round-robin"}))...)
	scheme := w.schemer()
	proposer := signature.NewSigner(w.governor.keys[0])
	w.everySecond(func() {
		if n := w.governor.number; n > 0 {
			scheme(proposer, governance.Approve{Proposal: n, Restarts: w.governor.proposal.Restarts()})
			scheme(w.nodes[0].signer, governance.Veto{Proposal: n})
			if w.governor.proposal.Status < governance.StatusApproved {
				scheme(proposer, governance.Schedule{Proposal: n, Height: w.chain.height() + 30, Restarts: w.governor.proposal.Restarts()})
			}
		}
	})
}

// schemer returns what gives a command to everybody, signed by whom it is told.
func (w *world) schemer() func(s signature.Signer, x governance.Command) {
	salt := uint64(1 << 59)
	return func(s signature.Signer, x governance.Command) {
		salt++
		t := quoin.Transaction{Sender: s.Public(), Salt: salt, Expiry: w.chain.height() + 40, Namespace: quoin.KernelNamespace, Payload: governance.Encode(x)}
		t.Signature = s.Sign(quoin.TransactionSigningBytes(t.ID(w.origin.ID())))
		for _, n := range w.nodes {
			n.deliver(replica.Submit{Transactions: []quoin.Transaction{t}})
		}
	}
}

// everySecond has something happen every second, until the world is about to end.
func (w *world) everySecond(do func()) {
	w.after(second, func() {
		if !w.draining {
			w.everySecond(do)
			do()
		}
	})
}

// governs has governance bring in one change, at once.
func governs(c change) func(w *world) {
	return func(w *world) { w.governor.changes = []change{c} }
}

// machineChange gives the key-value machine another limit of fuel.
func machineChange(p governance.Plan, then Then) change {
	return change{Propose: governance.Propose{Plan: p}, then: then, from: func(now *quoin.Configuration) governance.Propose {
		return governance.NewBuiltin(otherFuel(now, quoin.Binding{Hook: hook.Machine.Name, Namespace: "kv", Builtin: "kv"}))
	}}
}

// chattyShadow has a machine in the shadow of the key-value machine that writes more than that.
func chattyShadow(w *world) {
	chatty := plugin.Builtin{Name: "chatty-kv", Machine: answers(func(r *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
		s.Put([]byte("chat"), r.Payload)
		return plugin.KV{}.Apply(r, s)
	})}
	w.machines = func(*node) []plugin.Builtin { return []plugin.Builtin{chatty} }
	w.environment = execution.Environment(chatty)
	p := governance.NewBuiltin(quoin.Binding{Hook: hook.Machine.Name, Namespace: "kv", Builtin: chatty.Name})
	p.Plan = governance.Plan{Shadow: 1_000, Diverges: true}
	w.governor.changes = changes(p, governance.NewBuiltin(quoin.Binding{Hook: hook.Leader.Name, Builtin: "weighted-random"}))
	scheme, proposer := w.schemer(), signature.NewSigner(w.governor.keys[0])
	w.everySecond(func() { // it never serves
		if p := &w.governor.proposal; p.Status == governance.StatusShadow && w.chain.height() > p.ShadowFrom+40 {
			scheme(proposer, governance.Cancel{Proposal: p.Number})
		}
	})
}

// lateAssessment has somebody find what is scheduled to be insecure.
func lateAssessment(w *world) {
	governs(machineChange(governance.Plan{}, ""))(w)
	scheme := w.schemer()
	assessor := signature.NewSigner(w.governor.keys[1])
	w.everySecond(func() {
		if g := &w.governor; g.proposal.Status == governance.StatusScheduled {
			scheme(assessor, governance.Attest{Proposal: g.number, Evidence: governance.EvidenceSecurity, Result: governance.SecurityFailed, Until: w.chain.height() + 1_000, Restarts: g.proposal.Restarts()})
		}
	})
}

// heldBack has somebody who kept the approvals of a proposal's first round bring them into its second, again and
// again.
func heldBack(w *world) {
	governs(change{from: otherPolicies, beside: besidePolicies})(w)
	scheme := w.schemer()
	w.everySecond(func() {
		p := &w.governor.proposal
		if p.Round < 2 || p.Status != governance.StatusPrechecked {
			return
		}
		for _, k := range w.governor.keys[1:] {
			scheme(signature.NewSigner(k), governance.Approve{Proposal: p.Number})
		}
	})
}

// emergencies has a responder take back what serves a namespace again and again, while something else is proposed
// for it.
func emergencies(w *world) {
	const slot, namespace = "machine.v1/tried", "tried"
	bring := func(fuel uint64) governance.Propose {
		return governance.NewBuiltin(quoin.Binding{Hook: hook.Machine.Name, Namespace: namespace, Builtin: "kv", FuelMax: fuel})
	}
	w.governor.changes = changes(bring(1_000_001), bring(1_000_002))
	scheme := w.schemer()
	proposer, responder := signature.NewSigner(w.governor.keys[0]), signature.NewSigner(w.governor.keys[1])
	fuel := uint64(1_000_003)
	w.everySecond(func() {
		k := w.someKernel()
		if k == nil || !w.governor.done() {
			return
		}
		x, _ := governance.ReadSlot(k, slot)
		if x.Open == 0 {
			fuel++
			scheme(proposer, bring(fuel))
		} else if x.Serving > 0 {
			scheme(responder, governance.Rollback{Slot: slot, From: x.Serving})
		}
	})
}

// countedCalls binds a guest that counts its calls in a global and in memory, and answers with the counts.
func countedCalls(w *world) {
	corpus, err := NewCorpus(hostile.ProbeMemory)
	if err != nil {
		w.broken("driver", "%v", err)
		return
	}
	w.corpus = corpus
	b := corpus.propose(hostile.ProbeMemory).Binding
	w.genesis.Configuration = w.genesis.Configuration.WithBinding(b)
	for _, n := range w.nodes {
		n.releases[b.Release] = true
	}
	w.submitAll(40, func(i int) quoin.Transaction {
		return quoin.Transaction{Namespace: hostileNamespace, Payload: []byte{byte(i)}}
	})
}
