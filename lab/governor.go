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

// governor is the people who govern the chain: one proposes and schedules, two approve and respond. It
// brings in one change after the other, each by signed transactions on the ledger.
type governor struct {
	w       *world
	rand    random
	keys    [3]ed25519.PrivateKey // the proposer, who approves nothing of its own, and two approvers
	changes []change              // to come, and the present one
	salt    uint64

	road      []stride // of the present change
	step      int
	refusals  int // of this step
	number    governance.ProposalNumber
	beside    governance.ProposalNumber // of a proposal that stands aside
	round     uint64                    // of the proposal, when it was last seen
	waiting   quoin.Hash                // the transaction whose result is awaited
	expiry    quoin.Height
	schedule  quoin.Height
	scheduled bool // the schedule is on the ledger, and nothing was proposed since
	finished  bool
	notice    quoin.Height // between schedule and activation; 0: as it comes
	veto      bool         // validators of more than f veto what is scheduled
	everyUS   uint64       // between two looks

	kernel   governance.State // that a replica has certified, at this second
	proposal governance.Proposal
}

// refusalsMax is how often a step may be refused before its change is given up, and waitingMax how often by
// a policy, which may hold later.
const (
	refusalsMax = 10
	waitingMax  = 60
)

func (g *governor) init(w *world) {
	*g = governor{w: w, rand: stream(w.o.Seed, "governor"), everyUS: second}
	for i := range g.keys {
		g.keys[i] = key("governor", i)
	}
	for i := range w.scenario.Acts {
		if a := &w.scenario.Acts[i]; a.Kind.governs() {
			g.changes = append(g.changes, g.change(a))
		}
	}
	g.finished = len(g.changes) == 0
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

// act takes the next step of the present change, if it is time.
func (g *governor) act() {
	w := g.w
	if g.finished || w.draining {
		return
	}
	w.after(g.everyUS, g.act)
	if !g.waiting.IsZero() {
		if w.chain.height() < g.expiry {
			return
		}
		g.waiting = quoin.Hash{} // it was lost: once more
	}
	if g.road == nil {
		if w.now < g.changes[0].atUS {
			return
		}
		g.road = g.changes[0].road()
	}
	if !g.look() {
		return
	}
	switch x := g.road[g.step]; {
	case x.when != nil && !x.when(g):
		if g.over() {
			g.next()
		}
	case x.say != nil:
		g.send(x.who, x.say(g))
	default:
		g.onward()
	}
}

// look reads what the ledger knows of the present proposal, from whoever can be asked. A change whose
// proposal has begun a new round goes back to where it is judged.
func (g *governor) look() bool {
	if g.kernel = g.w.someKernel(); g.kernel == nil {
		return false
	}
	p, ok := governance.ReadProposal(g.kernel, g.number)
	if g.proposal = p; ok && p.Round > g.round {
		for g.round > 0 && g.step > 0 && !g.road[g.step].begins {
			g.step--
		}
		g.round = p.Round
	}
	return true
}

// someKernel returns the state that some replica has certified; nil if nobody can be asked.
func (w *world) someKernel() governance.State {
	for _, n := range w.honest() {
		if n.up() && n.rottenKey == nil { // a rotten store cannot be asked without finding that out for the node
			return n.replica.Kernel()
		}
	}
	return nil
}

// over reports whether nothing more can become of the present proposal.
func (g *governor) over() bool {
	switch g.proposal.Status {
	case governance.StatusRejected, governance.StatusVetoed, governance.StatusCancelled, governance.StatusRolledBack, governance.StatusQuarantined,
		governance.StatusPaused, governance.StatusSuperseded:
		return g.number != 0
	}
	return false
}

// onward goes over to the next step.
func (g *governor) onward() {
	if g.step, g.refusals = g.step+1, 0; g.step == len(g.road) {
		g.next()
	}
}

// next goes over to the next change.
func (g *governor) next() {
	g.changes = g.changes[1:]
	g.road, g.step, g.refusals, g.number, g.beside, g.round = nil, 0, 0, 0, 0, 0
	g.finished = len(g.changes) == 0
}

// giveUp withdraws what is open, and goes over to the next change.
func (g *governor) giveUp() {
	if g.number != 0 && g.proposal.Status.Open() {
		g.road, g.step = []stride{{say: cancels}}, 0
		return
	}
	g.next()
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
	code, x := governance.Code(r.Code), &g.road[g.step]
	g.w.trace.note(g.w.now, events.World, events.Noted, "governor", "step %d: %v", g.step, code)
	g.refusals++
	switch {
	case code == governance.OK:
		if x.said != nil {
			x.said(g, r.Output)
		}
		g.onward()
	case code == governance.AlreadyCounted || code == governance.AlreadyScheduled || code == governance.AlreadyReturning:
		g.onward()
	case code == governance.ProposalClosed || code == governance.NoProposal:
		g.next() // it was rejected or vetoed
	case code == governance.NoticeTooShort && g.notice > 0:
		g.notice++ // the schedule took too long to be certified
	case g.refusals >= waitingMax || g.refusals >= refusalsMax && code != governance.PolicyRefuses:
		g.giveUp()
	}
}

// proposed takes the number of a new proposal.
func (g *governor) proposed(output []byte) {
	g.number, g.scheduled = governance.ProposalNumber(canonical.NewReader(output).Uint64()), false
}
