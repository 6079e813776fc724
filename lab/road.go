package lab

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/signature"
)

// change is what governance is to bring in, when it may begin, and what is to become of it.
type change struct {
	governance.Propose
	from func(c *quoin.Configuration) governance.Propose // makes the proposal of the configuration then; nil: it is there
	then Then
	atUS uint64

	beside func(c *quoin.Configuration) governance.Propose // is approved before, and judged anew after; nil for nothing
}

// Then is what becomes of a change once it serves.
type Then string

// What may become of a change. Without, it goes on serving; a trial reverts by itself.
const (
	ThenConfirm   Then = "confirm"   // a trial
	ThenRollback  Then = "rollback"  // by a responder
	ThenPause     Then = "pause"     // by a responder; then it is resumed, and goes the whole road again
	ThenDeprecate Then = "deprecate" // it gets an end of life
)

var thens = []Then{ThenConfirm, ThenRollback, ThenPause, ThenDeprecate}

// changes are proposals that may come at once.
func changes(proposals ...governance.Propose) []change {
	var all []change
	for _, p := range proposals {
		all = append(all, change{Propose: p})
	}
	return all
}

// governs reports whether it is governance that does it.
func (k ActKind) governs() bool {
	return slices.Contains([]ActKind{Release, Validators, Parameter, Members, Policies}, k)
}

// change returns what an act wants governance to bring in.
func (g *governor) change(a *Act) change {
	c := change{atUS: a.AtUS, then: a.Then}
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
		c.Propose = governance.NewValidators(set)
	case a.Kind == Parameter:
		c.from = func(now *quoin.Configuration) governance.Propose {
			p := now.Parameters
			if err := p.Set(a.Parameter, a.Value); err != nil {
				panic("lab: a parameter that was checked: " + err.Error())
			}
			return governance.NewParameters(p)
		}
	case a.Kind == Members:
		c.from = otherMembers
	case a.Kind == Policies:
		c.from, c.beside = otherPolicies, besidePolicies
	case a.Hostile != "":
		c.Propose = g.w.corpus.propose(a.Hostile)
	default:
		b := quoin.Binding{Hook: a.Hook, Builtin: a.Builtin, Namespace: a.Space}
		c.from = func(now *quoin.Configuration) governance.Propose { return governance.NewBuiltin(otherFuel(now, b)) }
	}
	c.Plan.Shadow, c.Plan.Trial = a.Shadow, a.Trial
	if a.Restore {
		c.Plan.State = governance.StateRestore
	}
	return c
}

// otherFuel gives a binding that serves already another limit of fuel: its hook's, or none of its own.
func otherFuel(now *quoin.Configuration, b quoin.Binding) quoin.Binding {
	if old, serves := now.Binding(b.Slot()); serves && old.Builtin == b.Builtin && old.FuelMax == 0 {
		h, _ := hook.Find(b.Hook)
		b.FuelMax = h.FuelMax
	}
	return b
}

// otherMembers lets somebody join who approves as well, or leave.
func otherMembers(now *quoin.Configuration) governance.Propose {
	m := quoin.Member{Name: "approver-3", Key: signature.PublicOf(key("governor", 3)), Organisation: "org-3", Roles: quoin.RoleApprover}
	members := slices.Clone(now.Members)
	if _, there := now.Member(m.Key); there {
		return governance.NewMembers(slices.DeleteFunc(members, func(x quoin.Member) bool { return x.Name == m.Name }))
	}
	return governance.NewMembers(append(members, m))
}

// otherPolicies lets one rejection of what serves some nodes be enough, or two as of all else: nothing here is of
// that class, but every open change is judged by other policies than before.
func otherPolicies(now *quoin.Configuration) governance.Propose {
	p := quoin.Policy{Class: 'N', Step: "reject", Expression: "rejections >= 1"}
	policies := slices.Clone(now.Policies)
	if slices.Contains(policies, p) {
		return governance.NewPolicies(slices.DeleteFunc(policies, func(x quoin.Policy) bool { return x == p }))
	}
	return governance.NewPolicies(append(policies, p))
}

// besideNamespace is served by what is open while the policies change.
const besideNamespace = "beside"

// besidePolicies brings a machine into a namespace of its own, or takes it away.
func besidePolicies(now *quoin.Configuration) governance.Propose {
	b := quoin.Binding{Hook: hook.Machine.Name, Namespace: besideNamespace, Builtin: "kv"}
	if _, bound := now.Binding(b.Slot()); bound {
		return governance.NewUnbind(b.Hook, b.Namespace)
	}
	return governance.NewBuiltin(b)
}

// stride is one step of a change's road.
type stride struct {
	who    int                                  // of those who govern
	when   func(g *governor) bool               // it may be taken now; nil: at once
	say    func(g *governor) governance.Command // nil: nothing, it is enough that it may be taken
	said   func(g *governor, output []byte)     // what follows when it is on the ledger; nil: nothing
	begins bool                                 // here a proposal goes on whose round is a new one
}

// is waits until the proposal has the status.
func is(s governance.Status) func(g *governor) bool {
	return func(g *governor) bool { return g.proposal.Status == s }
}

// after answers with a command for the present proposal.
func after[C governance.Command](make func(n governance.ProposalNumber) C) func(g *governor) governance.Command {
	return func(g *governor) governance.Command { return make(g.number) }
}

var (
	cancels = after(func(n governance.ProposalNumber) governance.Cancel { return governance.Cancel{Proposal: n} })

	judged = []stride{
		{who: 1, begins: true, when: prechecked, say: (*governor).approves},
		{who: 2, when: prechecked, say: (*governor).approves},
	}
	shadowed = stride{say: after(func(n governance.ProposalNumber) governance.Shadow { return governance.Shadow{Proposal: n} })}
	due      = []stride{
		{say: (*governor).schedules, said: func(g *governor, _ []byte) {
			if g.scheduled = true; g.veto {
				g.sendVetoes()
			}
		}},
		{when: (*governor).serves},
	}
	paused  = stride{who: 1, say: after(func(n governance.ProposalNumber) governance.Pause { return governance.Pause{Proposal: n} })}
	resumed = stride{say: after(func(n governance.ProposalNumber) governance.Resume { return governance.Resume{Proposal: n} })}
)

// road returns the steps of a change.
func (c *change) road() []stride {
	propose := []stride{{say: func(g *governor) governance.Command { return c.proposal(g) }, said: (*governor).proposed}}
	whole := slices.Concat(judged, due)
	if c.Plan.Shadow > 0 {
		whole = slices.Concat(judged, []stride{shadowed}, due)
	}
	road := append(propose, whole...)
	switch c.then {
	case "":
		if c.Plan.Trial > 0 {
			return append(road, stride{when: is(governance.StatusRolledBack)})
		}
	case ThenConfirm:
		return append(road, stride{who: 2, say: (*governor).confirms}, stride{when: is(governance.StatusActive)})
	case ThenRollback:
		return append(road, stride{who: 1, say: (*governor).rollsBack}, stride{when: is(governance.StatusRolledBack)})
	case ThenPause:
		return slices.Concat(road, []stride{paused, {when: is(governance.StatusPaused)}, resumed}, whole)
	case ThenDeprecate:
		return append(road, stride{say: (*governor).deprecates})
	}
	if c.beside != nil {
		other, swap := change{from: c.beside}, []stride{{when: (*governor).swap}}
		return slices.Concat(other.road()[:1+len(judged)], swap, road, swap, whole)
	}
	return road
}

func (c *change) proposal(g *governor) governance.Propose {
	if c.from == nil {
		return c.Propose
	}
	now := governance.CurrentConfiguration(g.kernel)
	p := c.from(&now)
	p.Plan = c.Plan
	return p
}

func prechecked(g *governor) bool {
	return g.proposal.Status != 0 && g.proposal.Status != governance.StatusProposed
}

// swap puts the present proposal aside and goes on with the one that was.
func (g *governor) swap() bool {
	g.number, g.beside, g.round, g.scheduled = g.beside, g.number, 0, false
	return true
}

func (g *governor) approves() governance.Command {
	return governance.Approve{Proposal: g.number, Restarts: g.proposal.Restarts()}
}

func (g *governor) confirms() governance.Command {
	return governance.Confirm{Proposal: g.number, Restarts: g.proposal.Restarts()}
}

func (g *governor) schedules() governance.Command {
	g.schedule = g.w.chain.height() + quoin.Height(g.rand.between(6, 20))
	if g.notice > 0 {
		g.schedule = g.w.chain.height() + g.notice
	}
	return governance.Schedule{Proposal: g.number, Height: g.schedule, Restarts: g.proposal.Restarts()}
}

// serves reports whether the present proposal has come into force.
func (g *governor) serves() bool {
	if !g.proposal.Status.Serves() {
		return false
	}
	if !g.w.healed {
		g.w.result.Faults.Changes++
	}
	return true
}

func (g *governor) rollsBack() governance.Command {
	slot, _ := governance.ReadSlot(g.kernel, g.proposal.Slot())
	return governance.Rollback{Slot: g.proposal.Slot(), From: slot.Serving}
}

func (g *governor) deprecates() governance.Command {
	return governance.Deprecate{Proposal: g.number, EndOfLife: g.w.chain.height() + 1_000}
}
