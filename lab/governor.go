package lab

import (
	"crypto/ed25519"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
)

// governor is the people who govern the chain: one proposes and schedules, two approve. It brings in
// one change after the other, each by signed transactions on the ledger.
type governor struct {
	w       *world
	rand    random
	keys    [3]ed25519.PrivateKey // the proposer, who approves nothing of its own, and two approvers
	changes []change              // to come, and the present one
	salt    uint64

	step     int // of the present change
	refusals int // of its proposal
	number   governance.ProposalNumber
	waiting  quoin.Hash // the transaction whose result is awaited
	expiry   quoin.Height
	epoch    quoin.Epoch // when the change was scheduled
	schedule quoin.Height
	finished bool
	notice   quoin.Height // between schedule and activation; 0: as it comes
	veto     bool         // validators of more than f veto what is scheduled
}

// refusalsMax is how often a proposal may be refused before its change is given up.
const refusalsMax = 10

// change is a proposal, and when it may be made.
type change struct {
	governance.Propose
	atUS uint64
}

// changes are proposals that may come at once.
func changes(proposals ...governance.Propose) []change {
	var all []change
	for _, p := range proposals {
		all = append(all, change{Propose: p})
	}
	return all
}

func (g *governor) init(w *world) {
	*g = governor{w: w, rand: stream(w.o.Seed, "governor")}
	for i := range g.keys {
		g.keys[i] = key("governor", i)
	}
	for i := range w.scenario.Acts {
		a := &w.scenario.Acts[i]
		if a.Kind == Release || a.Kind == Validators {
			g.changes = append(g.changes, change{g.proposal(a), a.AtUS})
		}
	}
	g.finished = len(g.changes) == 0
}

// proposal returns what an act wants governance to bring in.
func (g *governor) proposal(a *Act) governance.Propose {
	switch {
	case a.Kind == Validators:
		var members []quoin.Validator
		for _, i := range a.Nodes {
			members = append(members, g.w.members.At(i))
		}
		set, err := quoin.NewValidatorSet(members)
		if err != nil {
			panic("lab: some of the validators are no set: " + err.Error())
		}
		return governance.NewValidators(set)
	case a.Hostile != "":
		return g.w.corpus.propose(a.Hostile)
	}
	return governance.NewBuiltin(quoin.Binding{Hook: a.Hook, Builtin: a.Builtin, Namespace: a.Space})
}

func (g *governor) members() []quoin.Member {
	members := []quoin.Member{
		{Name: "proposer", Key: signature.PublicOf(g.keys[0]), Organisation: "org-0", Roles: quoin.RoleProposer},
		{Name: "approver-1", Key: signature.PublicOf(g.keys[1]), Organisation: "org-1", Roles: approverRoles},
		{Name: "approver-2", Key: signature.PublicOf(g.keys[2]), Organisation: "org-2", Roles: approverRoles},
	}
	quoin.SortMembers(members)
	return members
}

// approverRoles are the rights of those who judge: they also look into what they approve, and act when
// it goes wrong.
const approverRoles = quoin.RoleApprover | quoin.RoleAssessor | quoin.RoleResponder

func (g *governor) start() { g.w.after(2*second, g.act) }

// done reports whether all changes were made.
func (g *governor) done() bool { return g.finished }

// act takes the next step of the present change: propose, approve twice, schedule, wait.
func (g *governor) act() {
	w := g.w
	if g.finished || w.draining {
		return
	}
	w.after(second, g.act)
	if !g.waiting.IsZero() {
		if w.chain.height() < g.expiry {
			return
		}
		g.waiting = quoin.Hash{} // it was lost: once more
	}
	switch g.step {
	case 0:
		if c := g.changes[0]; w.now >= c.atUS {
			g.send(0, c.Propose)
		}
	case 1, 2:
		g.send(g.step, governance.Approve{Proposal: g.number})
	case 3:
		g.epoch = w.chain.epoch
		g.schedule = w.chain.height() + quoin.Height(g.rand.between(6, 20))
		if g.notice > 0 {
			g.schedule = w.chain.height() + g.notice
		}
		g.send(0, governance.Schedule{Proposal: g.number, Height: g.schedule})
	case 4:
		if g.veto {
			g.sendVetoes()
			g.step++
		}
		if w.chain.epoch > g.epoch {
			if !w.healed {
				w.result.Faults.Changes++
			}
			g.next()
		}
	}
}

// next goes over to the next change.
func (g *governor) next() {
	g.step, g.refusals, g.changes = 0, 0, g.changes[1:]
	g.finished = len(g.changes) == 0
}

func (g *governor) send(who int, c governance.Command) {
	w := g.w
	g.salt++
	g.expiry = w.chain.height() + 40
	t := quoin.Transaction{Sender: signature.PublicOf(g.keys[who]), Salt: g.salt, Expiry: g.expiry, Namespace: quoin.KernelNamespace, Payload: governance.Encode(c)}
	g.waiting = t.ID(w.origin.ID())
	t.Signature = signature.Sign(g.keys[who], quoin.TransactionSigningBytes(g.waiting))
	w.trace.note(w.now, events.World, events.Noted, "governor", "step %d: %T", g.step, c)
	for _, n := range w.nodes { // whoever is up
		n.deliver(replica.Submit{Transactions: []quoin.Transaction{t}})
	}
}

// sendVetoes sends the objections of f + 1 validators.
func (g *governor) sendVetoes() {
	w := g.w
	for _, n := range w.nodes[:w.genesis.Configuration.Validators.FaultBound()+1] {
		t := quoin.Transaction{Sender: n.key, Salt: 1, Expiry: w.chain.height() + 40, Namespace: quoin.KernelNamespace,
			Payload: governance.Encode(governance.Veto{Proposal: g.number})}
		t.Signature = n.signer.Sign(quoin.TransactionSigningBytes(t.ID(w.origin.ID())))
		for _, to := range w.nodes {
			to.deliver(replica.Submit{Transactions: []quoin.Transaction{t}})
		}
	}
}

// certified takes the result of a transaction.
func (g *governor) certified(id quoin.Hash, r *quoin.Result) {
	if id != g.waiting || g.finished {
		return
	}
	g.waiting = quoin.Hash{}
	code := governance.Code(r.Code)
	g.w.trace.note(g.w.now, events.World, events.Noted, "governor", "step %d: %v", g.step, code)
	switch {
	case code != governance.OK && g.step == 0:
		if g.refusals++; g.refusals == refusalsMax {
			g.next()
		}
	case code == governance.OK && g.step == 0:
		g.number = governance.ProposalNumber(canonical.NewReader(r.Output).Uint64())
		g.step++
	case code == governance.ProposalClosed || code == governance.NoProposal:
		g.next() // it was rejected or vetoed
	case code == governance.NoticeTooShort && g.notice > 0:
		g.notice++ // the schedule took too long to be certified
	case code == governance.OK || code == governance.AlreadyCounted || code == governance.AlreadyScheduled:
		g.step++
	}
}
