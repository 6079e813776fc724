package replica

import (
	"crypto/ed25519"
	"encoding/binary"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/policy"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/signature"
)

// governed makes four replicas of a chain that a proposer (member 200) and an approver (member 201)
// govern by the light policies, and which report every 4 heights.
func governed(t *testing.T, own func(i int) plugin.Builtin, change func(*quoin.Genesis, []*Config)) *network {
	t.Helper()
	return governedOf(t, 4, own, change)
}

func governedOf(t *testing.T, n int, own func(i int) plugin.Builtin, change func(*quoin.Genesis, []*Config)) *network {
	t.Helper()
	w := newNetworkWith(t, n, own, func(g *quoin.Genesis, configs []*Config) {
		c := &g.Configuration
		c.Parameters.ReportHeights = 4
		c.Policies = policy.Light(1)
		for seed, m := range map[byte]quoin.Member{ // in any order: they are sorted
			200: {Name: "proposer", Organisation: "a", Roles: quoin.RoleProposer | quoin.RoleResponder},
			201: {Name: "approver", Organisation: "b", Roles: quoin.RoleApprover},
		} {
			m.Key = memberKey(seed)
			c.Members = append(c.Members, m)
		}
		quoin.SortMembers(c.Members)
		for _, x := range configs {
			x.DryCalls = true
			if own != nil {
				x.Environment.Hooks = slices.Clone(x.Environment.Hooks)
				for i := range x.Environment.Hooks {
					h := &x.Environment.Hooks[i]
					if b := own(0); b.Serves(h.Name) {
						h.Builtins = append(h.Builtins, b.Name)
					}
				}
			}
		}
		if change != nil {
			change(g, configs)
		}
	})
	w.run()
	return w
}

func privateKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
}

func memberKey(seed byte) quoin.PublicKey { return signature.PublicOf(privateKey(seed)) }

// call makes the dry calls that a replica demands, as a node would, and answers each once.
func (w *network) call(i int, calls []DryCall) {
	for k := range calls {
		answer, err := calls[k].Call(w.replicas[i].c.Table)
		if err != nil {
			w.t.Errorf("replica %d: a dry call: %v", i, err)
			continue
		}
		if slices.ContainsFunc(w.queue, func(d delivery) bool {
			x, ok := d.in.(DryCalled)
			return ok && d.to == i && x.Proposal == answer.Proposal
		}) {
			continue
		}
		w.calls = append(w.calls, answer)
		w.queue = append(w.queue, delivery{i, answer})
	}
}

// command has a member's command certified and returns its result.
func (w *network) command(member byte, c governance.Command) quoin.Result {
	w.t.Helper()
	w.salt++
	r := w.replicas[0]
	x := w.signed(member, quoin.Transaction{Salt: 1 << 40 * w.salt, Expiry: r.exec.Tip().Height + 100, Namespace: quoin.KernelNamespace, Payload: governance.Encode(c)})
	w.step(0, Submit{[]quoin.Transaction{x}})
	id := x.ID(r.originID)
	at := len(w.finished[0])
	for range 50_000 {
		for ; at < len(w.finished[0]); at++ {
			if k := slices.Index(w.finished[0][at].IDs, id); k >= 0 {
				return w.finished[0][at].Results[k]
			}
		}
		w.steps(1)
	}
	w.t.Fatalf("the command %T is not certified", c)
	return quoin.Result{}
}

// pace lets the heartbeats pass that keep an idle chain going as long as something is tried, and reports
// whether there were any.
func (w *network) pace() (passed bool) {
	for i := range w.replicas {
		if timer := w.timers[i][HeartbeatTimer]; timer.ID > 0 && timer.AfterMS <= triedPaceMS {
			w.timers[i][HeartbeatTimer] = Timer{}
			w.step(i, TimerFired{timer.Kind, timer.ID, timer.Epoch})
			passed = true
		}
	}
	return passed
}

// steps delivers so many inputs; where nothing moves, first such heartbeats pass and then time-outs.
func (w *network) steps(n int) {
	w.t.Helper()
	for range n {
		if len(w.queue) == 0 {
			w.pace()
		}
		if len(w.queue) == 0 {
			w.timeouts()
		}
		if len(w.queue) == 0 {
			return // the chain is idle
		}
		d := w.queue[0]
		w.queue = w.queue[1:]
		w.step(d.to, d.in)
	}
}

// until steps until a proposal has one of the statuses, and does something every now and then on the way.
func (w *network) until(n governance.ProposalNumber, do func(i uint64), statuses ...governance.Status) governance.Proposal {
	w.t.Helper()
	for i := range uint64(2000) {
		p := w.proposal(n)
		if slices.Contains(statuses, p.Status) {
			return p
		}
		do(i)
		w.steps(40)
	}
	w.t.Fatalf("it is %v at height %d; validators said %v", w.proposal(n).Status, w.replicas[0].exec.Tip().Height, w.healths(n))
	return governance.Proposal{}
}

// propose opens a proposal and returns its number.
func (w *network) propose(p governance.Propose) governance.ProposalNumber {
	w.t.Helper()
	r := w.command(200, p)
	if r.Code != 0 {
		w.t.Fatalf("the proposal is refused: %v", governance.Code(r.Code))
	}
	w.settle()
	return governance.ProposalNumber(binary.BigEndian.Uint64(r.Output))
}

// settle lets everything that replicas say by themselves be certified, and what is tried end.
func (w *network) settle() {
	for w.run(); w.pace(); {
		w.run()
	}
	for range 4 {
		w.fire()
	}
}

// must is command for one that has to succeed.
func (w *network) must(member byte, c governance.Command) {
	w.t.Helper()
	if r := w.command(member, c); r.Code != 0 {
		w.t.Fatalf("%T is refused: %v", c, governance.Code(r.Code))
	}
}

func (w *network) proposal(n governance.ProposalNumber) governance.Proposal {
	w.t.Helper()
	p, ok := governance.ReadProposal(w.replicas[0].Kernel(), n)
	if !ok {
		w.t.Fatalf("there is no proposal %d", n)
	}
	return p
}

// blocks has n further blocks certified.
func (w *network) blocks(n int) {
	w.t.Helper()
	for range n {
		w.salt++
		w.submit(0, 1<<20*w.salt)
	}
}

// said counts the commands of a kind that certified blocks hold.
func (w *network) said(kind governance.Kind) (commands []governance.Command) {
	for _, f := range w.finished[0] {
		for i, t := range f.Block.Transactions() {
			if c, err := governance.DecodeCommand(t.Payload); t.Kernel() && err == nil && c.Kind() == kind && f.Results[i].Code == 0 {
				commands = append(commands, c)
			}
		}
	}
	return commands
}
