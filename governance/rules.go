package governance

import (
	"bytes"
	"slices"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance/policy"
)

func (x *execution) propose(p *Propose) Code {
	m, ok := x.sender(quoin.RoleProposer)
	if !ok {
		return NotProposer
	}
	slotName := p.Slot()
	slot, _ := ReadSlot(x.state, slotName)
	open := loadOpen(x.state)
	switch { // what costs little first: checking policies does not
	case slot.Open != 0:
		return SlotBusy
	case len(open) >= OpenProposalsMax:
		return TooManyOpen
	case x.ownOpen(open, m.Name) >= OpenPerProposerMax:
		return TooManyYours
	}
	class, code := x.checkChange(p)
	if code != OK {
		return code
	}
	var name Name
	if p.Subject == SubjectRelease {
		if name, code = x.checkRelease(&p.Release); code != OK {
			return code
		}
		if name.Open != 0 {
			return NameBusy
		}
	}
	n := loadCounters(x.state)
	n.proposals++
	putCounters(x.state, n)
	q := &Proposal{Propose: *p, Number: n.proposals, Status: StatusProposed, Class: class, Proposer: x.signer, ProposerName: m.Name,
		Proposed: x.height, Round: 1}
	if p.Subject == SubjectRelease {
		r := &p.Release
		x.state.Put(SkeletonKey(r.Name), []byte(r.Name))
		name.Owner = r.Author
		putName(x.state, r.Name, &name)
	}
	x.enterOpen(q)
	x.answer(uint64(n.proposals))
	return OK
}

// enterOpen makes the proposal keep its slot and name, against what serves now.
func (x *execution) enterOpen(p *Proposal) {
	now := CurrentConfiguration(x.state) // in the last block of an epoch that of the next, as for what serves
	p.Basis = basis(x.state, &now, p.Slot())
	putOpen(x.state, append(loadOpen(x.state), p.Number))
	slot, _ := ReadSlot(x.state, p.Slot())
	slot.Open = p.Number
	putSlot(x.state, p.Slot(), &slot)
	if p.Subject == SubjectRelease {
		name, _ := ReadName(x.state, p.Release.Name)
		name.Open = p.Number
		putName(x.state, p.Release.Name, &name)
	}
	putProposal(x.state, p)
}

// know writes what a proposal says of a release, once a quorum found that the module says so too: what
// anybody may claim of an author's module must neither take its digest nor a sequence of its name.
func (x *execution) know(p *Proposal) {
	if p.Subject != SubjectRelease {
		return
	}
	r := &p.Release
	putRelease(x.state, &ReleaseRecord{Release: *r, Proposal: p.Number})
	name, _ := ReadName(x.state, r.Name)
	name.Sequence, name.Newest = r.Sequence, r.Digest
	putName(x.state, r.Name, &name)
}

// ownOpen counts the open proposals of a member.
func (x *execution) ownOpen(open []ProposalNumber, name string) int {
	if len(open) < OpenPerProposerMax {
		return 0 // not enough to matter
	}
	own := 0
	for _, n := range open {
		if p := mustProposal(x.state, n); p.ProposerName == name {
			own++
		}
	}
	return own
}

// checkChange checks what the proposal would make of the newest configuration, and returns its class.
func (x *execution) checkChange(p *Propose) (Class, Code) {
	now := CurrentConfiguration(x.state)
	class, plan := ClassGovernance, Plan{}
	switch p.Subject {
	case SubjectValidators:
		if slices.Equal(p.Validators.All(), now.Validators.All()) {
			return class, NoChange
		}
	case SubjectMembers:
		if slices.Equal(p.Members, now.Members) {
			return class, NoChange
		}
	case SubjectPolicies:
		if slices.Equal(p.Policies, now.Policies) {
			return class, NoChange
		}
	case SubjectParameters:
		var code Code
		if class, code = classOfParameters(&now.Parameters, &p.Parameters); code != OK {
			return class, code
		}
		plan.Trial = p.Plan.Trial
	default:
		hook, code := x.checkBinding(p, &now)
		if code != OK {
			return class, code
		}
		class = hook.Class
		plan = p.planFor(hook)
	}
	if plan != p.Plan {
		return class, BadPlan
	}
	next := p.apply(&now)
	if next.Check() != nil {
		return class, InvalidConfiguration
	}
	if p.Subject.governs() {
		return class, checkGovernable(x.env, x.state, &next, x.height)
	}
	return class, OK
}

// planFor returns as much of a proposal's plan as fits its subject and hook. An unbinding has nothing to
// try.
func (p *Propose) planFor(hook *Hook) Plan {
	plan := p.Plan
	if p.Subject == SubjectUnbind {
		return Plan{}
	}
	if hook.Class == ClassNode {
		plan.Shadow = 0
	}
	if !hook.Stateful {
		plan.State = StateKeep
	}
	if p.Subject != SubjectRelease {
		plan.PatchUntil = 0
	}
	return plan
}

func (x *execution) checkBinding(p *Propose, now *quoin.Configuration) (*Hook, Code) {
	hook, ok := x.env.Hook(p.Binding.Hook)
	labelled := ok && !hook.Namespaced && hook.Class == ClassNode && p.Binding.Namespace != ""
	old, bound := now.Binding(p.Slot())
	switch {
	case !ok || hook.Namespaced == (p.Binding.Namespace == "") && !labelled:
		return nil, UnknownHook
	case p.Subject == SubjectUnbind && !bound:
		return nil, NoChange
	case p.Subject == SubjectUnbind:
		return hook, OK
	case labelled == (len(p.Binding.Nodes) == 0):
		return nil, BadNodes
	case p.Subject == SubjectBuiltin && !slices.Contains(hook.Builtins, p.Binding.Builtin):
		return nil, UnknownBuiltin
	case p.Binding.FuelMax > hook.FuelMax || p.Subject == SubjectRelease && p.Binding.FuelMax == 0:
		return nil, FuelLimit
	case bound && equalBindings(old, &p.Binding):
		return nil, NoChange
	}
	return hook, OK
}

// classOfParameters returns the strictest class of what changes.
func classOfParameters(now, next *quoin.Parameters) (Class, Code) {
	class := ClassLiveness
	changes := now.Changes(next)
	for _, c := range changes {
		switch c.Class {
		case 'F':
			return class, FixedParameter
		case 'D':
			class = ClassDeterministic
		}
	}
	if len(changes) == 0 {
		return class, NoChange
	}
	return class, OK
}

// checkGovernable refuses members and policies after which nothing of class G could ever be approved
// and activated again: not even if some proposer found everybody else's consent.
func checkGovernable(env *Environment, s State, next *quoin.Configuration, h quoin.Height) Code {
	for i := range next.Policies {
		if env.Judge.Check(next.Policies[i].Expression) != nil {
			return BadPolicy
		}
	}
	var proposer *quoin.Member
	active(s, next, quoin.RoleProposer, func(m *quoin.Member) {
		if proposer == nil && governable(env, s, next, h, m) {
			proposer = m
		}
	})
	if proposer == nil {
		return WouldLock
	}
	return OK
}

// Governable reports whether the members of a genesis could ever change anything by its policies. A network
// whose members cannot runs all the same, and stays for ever as it is.
func Governable(judge Judge, genesis *quoin.Configuration) bool {
	return checkGovernable(&Environment{Judge: judge}, memory{}, genesis, genesis.First) == OK
}

// governable reports whether another change of the members could be approved and activated if the
// proposer found everybody else's consent.
func governable(env *Environment, s State, c *quoin.Configuration, h quoin.Height, proposer *quoin.Member) bool {
	weight := int64(c.Validators.Total())
	f := policy.Facts{Class: string(rune(ClassGovernance)), Subject: SubjectMembers.String(), Slot: MembersSlot,
		Weight: weight, Prechecked: weight, Ready: weight, Height: int64(h), Proposed: int64(h), Proposer: proposer.Organisation}
	var organisations []string
	active(s, c, quoin.RoleApprover, func(m *quoin.Member) {
		if m == proposer {
			return
		}
		f.Approvals++
		if !slices.Contains(organisations, m.Organisation) {
			organisations = append(organisations, m.Organisation)
		}
	})
	f.Organisations = int64(len(organisations))
	var assessed policy.Security
	active(s, c, quoin.RoleAssessor, func(m *quoin.Member) {
		if m != proposer {
			assessed.Passed++
		}
	})
	if assessed.Passed > 0 {
		f.Security = &assessed
	}
	for _, step := range []string{policy.StepApprove, policy.StepActivate} {
		f.Step = step
		expression, ok := c.Policy(byte(ClassGovernance), step)
		if !ok || !env.Judge.Holds(expression, &f) {
			return false
		}
	}
	return f.Approvals > 0
}

// checkRelease checks a release against what is known of its name and digest. It returns the
// name's record.
func (x *execution) checkRelease(r *Release) (Name, Code) {
	name, known := ReadName(x.state, r.Name)
	switch {
	case !quoin.IsName(r.Name, ReleaseNameMax) || !isVersion(r.Version):
		return name, BadName
	case r.Size == 0 || r.Size > x.env.ModuleBytesMax:
		return name, ModuleSize
	case known && name.Owner != r.Author:
		return name, NotOwner
	}
	if like, ok := x.state.Get(SkeletonKey(r.Name)); ok && string(like) != r.Name {
		if other, _ := ReadName(x.state, string(like)); other.Owner != r.Author {
			return name, ConfusableName
		}
	}
	if old, again := ReadRelease(x.state, r.Digest); again {
		// The newest release may be proposed again, say with other parameters. An older one comes
		// back only by a rollback, else a downgrade would look like progress.
		if !old.sameFacts(r) {
			return name, DigestTaken
		}
		if name.Newest != r.Digest {
			return name, BadSequence
		}
		if old.Retired != 0 {
			return name, RetiredRelease
		}
	} else if r.Sequence <= name.Sequence || r.Sequence-name.Sequence > SequenceIncreaseMax {
		return name, BadSequence
	}
	if r.Author.IsZero() || !x.env.Verify(r.Author, x.env.AuthorBytes(r.Digest), r.Signature) {
		return name, AuthorSignature
	}
	return name, OK
}

// isVersion reports whether s is 1 to VersionMax of the characters of a name and '+', which semantic
// versions have before build metadata.
func isVersion(s string) bool {
	return quoin.IsName(strings.ReplaceAll(s, "+", "-"), VersionMax)
}

// looks maps what people take for the same.
var looks = strings.NewReplacer("0", "o", "1", "l", "i", "l", "rn", "m", "vv", "w", "-", "", ".", "")

// skeleton returns what a name looks like at a glance. Names are ASCII already; what remains are
// characters such as 1 and l. The idea is that of UTS 39's skeletons.
func skeleton(name string) string { return looks.Replace(name) }

func equalBindings(a, b *quoin.Binding) bool {
	return bytes.Equal(a.AppendBinary(nil), b.AppendBinary(nil))
}

func (x *Release) sameFacts(y *Release) bool {
	a, b := *x, *y
	a.Signature, b.Signature = quoin.Signature{}, quoin.Signature{} // a key may sign the same bytes twice
	return a == b
}
