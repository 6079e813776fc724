package api

import (
	"context"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/replica"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// GetProposal implements quoinv1connect.ReleaseServiceHandler. Its lists are bounded: by the validators of
// two sets, the members, and the parameters and policies of a configuration.
func (s releaseService) GetProposal(ctx context.Context, r *connect.Request[quoinv1.GetProposalRequest]) (*connect.Response[quoinv1.GetProposalResponse], error) {
	answer := &quoinv1.GetProposalResponse{}
	err := s.node.Do(ctx, func(v *replica.Replica) {
		x := newProposals(v)
		answer.Height = uint64(x.next - 1)
		if p, ok := governance.ReadProposal(x.state, governance.ProposalNumber(r.Msg.Number)); ok {
			answer.Proposal = x.whole(&p)
		}
	})
	if err == nil && answer.Proposal == nil {
		err = noProposal(r.Msg.Number)
	}
	return connect.NewResponse(answer), err
}

func noProposal(n uint64) error {
	return refuse(CodeNotFound, "see ListProposals", "there is no proposal %d", n)
}

// ListProposals implements quoinv1connect.ReleaseServiceHandler.
func (s releaseService) ListProposals(ctx context.Context, r *connect.Request[quoinv1.ListProposalsRequest]) (*connect.Response[quoinv1.ListProposalsResponse], error) {
	limit := listLimit(r.Msg.Limit)
	answer := &quoinv1.ListProposalsResponse{}
	err := s.node.Do(ctx, func(v *replica.Replica) {
		x := newProposals(v)
		answer.Height = uint64(x.next - 1)
		if r.Msg.Open {
			open := governance.OpenProposals(x.state)
			for i := len(open) - 1; i >= 0 && len(answer.Proposals) < limit; i-- {
				if r.Msg.Before == 0 || uint64(open[i].Number) < r.Msg.Before {
					answer.Proposals = append(answer.Proposals, x.summary(&open[i]))
				}
			}
			return
		}
		n := governance.Newest(x.state)
		if r.Msg.Before > 0 {
			n = min(n, governance.ProposalNumber(r.Msg.Before-1))
		}
		for ; n > 0 && len(answer.Proposals) < limit; n-- {
			if p, ok := governance.ReadProposal(x.state, n); ok {
				answer.Proposals = append(answer.Proposals, x.summary(&p))
			}
		}
	})
	return connect.NewResponse(answer), err
}

// proposals describes proposals as the block at height next will find them.
type proposals struct {
	state governance.State
	now   quoin.Configuration // the newest
	next  quoin.Height
	known map[quoin.PublicKey]quoin.Member // of keys that were asked for; zero for nobody
}

func newProposals(v *replica.Replica) proposals {
	k := v.Kernel()
	return proposals{k, governance.CurrentConfiguration(k), v.Overview().Tip.Height + 1, map[quoin.PublicKey]quoin.Member{}}
}

// member returns who holds a key now, or the zero value.
func (x *proposals) member(key quoin.PublicKey) quoin.Member {
	m, known := x.known[key]
	if !known {
		m, _ = governance.MemberOf(x.state, key)
		x.known[key] = m
	}
	return m
}

// summary is what a list says of a proposal. Voices are counted only of what is open or on trial.
func (x *proposals) summary(p *governance.Proposal) *quoinv1.Proposal {
	m := &quoinv1.Proposal{Number: uint64(p.Number), Status: p.Status.String(), Slot: p.Slot(), Name: p.Release.Name, Version: p.Release.Version,
		Proposer: p.Proposer[:], ProposerName: p.ProposerName, ProposedHeight: uint64(p.Proposed), ActivationHeight: uint64(p.Activation), Moves: p.Moves,
		Round: p.Round, Class: string(rune(p.Class)), Subject: p.Subject.String(), Note: p.Note,
		Plan:       &quoinv1.Plan{Shadow: p.Plan.Shadow, Trial: p.Plan.Trial, Diverges: p.Plan.Diverges, State: p.Plan.State.String(), PatchUntil: uint64(p.Plan.PatchUntil)},
		ShadowFrom: uint64(p.ShadowFrom), ShadowThrough: uint64(p.Shadowed.Through), ShadowHeights: p.Shadowed.Heights, ScheduledHeight: uint64(p.Scheduled),
		DueHeight: uint64(p.Due), ClosedHeight: uint64(p.Closed), EndOfUse: uint64(p.EndOfUse), Ending: toEnding(&p.Ending)}
	m.ProposerOrganisation = x.member(p.Proposer).Organisation
	if p.Subject == governance.SubjectRelease || p.Subject == governance.SubjectBuiltin {
		m.Binding = toBinding(&p.Binding)
	}
	if p.Shadowed.Heights > 0 {
		m.Shadow = toComparison(&p.Shadowed.Comparison)
	}
	slot, _ := governance.ReadSlot(x.state, p.Slot())
	if line, ok := governance.ReadServed(x.state, p.Slot(), slot.Serving); ok && line.Proposal == p.Number && slot.Return.Cause != 0 {
		m.SlotReturn = &quoinv1.Return{Cause: slot.Return.Cause.String(), AtHeight: uint64(slot.Return.At), RequestedHeight: uint64(slot.Return.Requested)}
	}
	if p.Status.Holds() {
		x.addTally(m, p)
	}
	return m
}

func (x *proposals) addTally(m *quoinv1.Proposal, p *governance.Proposal) {
	set := x.now.Validators
	t := governance.Count(x.state, p, set, x.next)
	m.Tally = &quoinv1.Tally{Approvals: uint32(t.Approvals), Rejections: uint32(t.Rejections), Weight: set.Total(), Quorum: quorum(&set), Stop: set.FaultBound() + 1,
		Prechecked: t.Prechecked, Failed: t.Failed, Ready: t.Ready, ReadyNeeded: quorum(&set), Vetoes: t.Vetoes, Good: t.Good, Bad: t.Bad}
	if p.Subject == governance.SubjectValidators {
		m.Tally.Ready = governance.Count(x.state, p, p.Validators, x.next).Ready
		m.Tally.ReadyNeeded = quorum(&p.Validators)
	}
	m.Approvals, m.ReadyWeight, m.VetoWeight = m.Tally.Approvals, m.Tally.Ready, m.Tally.Vetoes
}

// quorum returns the least weight that is one.
func quorum(set *quoin.ValidatorSet) uint64 { return 2*set.Total()/3 + 1 }

// whole is all that there is to know of a proposal.
func (x *proposals) whole(p *governance.Proposal) *quoinv1.Proposal {
	m := x.summary(p)
	if m.Tally == nil {
		x.addTally(m, p)
	}
	x.addPeople(m, p)
	x.addValidators(m, p)
	switch p.Subject {
	case governance.SubjectRelease:
		m.ReleaseFacts = &quoinv1.ReleaseFacts{Digest: p.Release.Digest[:], Sequence: p.Release.Sequence, EndOfLife: uint64(p.Release.EndOfLife), Size: p.Release.Size, Author: p.Release.Author[:]}
		author := x.member(p.Release.Author)
		m.ReleaseFacts.AuthorName, m.ReleaseFacts.AuthorOrganisation = author.Name, author.Organisation
	case governance.SubjectParameters:
		before := x.now.Parameters
		slot, _ := governance.ReadSlot(x.state, p.Slot())
		if line, ok := governance.ReadServed(x.state, p.Slot(), slot.Serving); ok && line.Proposal == p.Number {
			earlier, _ := governance.ReadServed(x.state, p.Slot(), line.Before)
			before = earlier.Parameters
		}
		m.Parameters = toChanges(&before, &p.Parameters)
	case governance.SubjectMembers:
		for i := range p.Members {
			m.Members = append(m.Members, toMember(&p.Members[i]))
		}
	case governance.SubjectPolicies:
		m.Policies = toPolicies(p.Policies)
	case governance.SubjectValidators:
		for _, v := range p.Validators.All() {
			m.ValidatorSet = append(m.ValidatorSet, &quoinv1.Validator{Name: v.Name, Key: v.Key[:], Weight: v.Weight})
		}
	}
	return m
}

// addPeople adds what the members of the configuration said.
func (x *proposals) addPeople(m *quoinv1.Proposal, p *governance.Proposal) {
	for i := range x.now.Members {
		who := &x.now.Members[i]
		standing := governance.StandingOf(x.state, who)
		if v, ok := governance.ReadReview(x.state, p, who); ok {
			m.Reviews = append(m.Reviews, &quoinv1.Review{Member: who.Name, Organisation: who.Organisation, Approves: v.Approves,
				Counts: !governance.IsOwn(x.state, p, who) && standing != governance.StandingDisabled && who.Roles.Has(quoin.RoleApprover), Note: v.Note, Height: uint64(v.At)})
		}
		for _, kind := range []governance.EvidenceKind{governance.EvidenceSecurity, governance.EvidenceBenchmark} {
			e, ok := governance.ReadEvidence(x.state, p, kind, who)
			if !ok {
				continue
			}
			m.Evidence = append(m.Evidence, &quoinv1.Evidence{Member: who.Name, Organisation: who.Organisation, Kind: kind.String(), Result: kind.Name(e.Result),
				Digest: e.Digest[:], Height: uint64(e.At), UntilHeight: uint64(e.Until), Expired: e.Until < x.next, Note: e.Note})
		}
	}
}

// addValidators adds what the validators said: those of the present set, then those that a proposal would
// add.
func (x *proposals) addValidators(m *quoinv1.Proposal, p *governance.Proposal) {
	add := func(v quoin.Validator) {
		w := &quoinv1.ValidatorWord{Name: v.Name, Key: v.Key[:], Weight: v.Weight, Ready: governance.IsReady(x.state, &x.now, p, v.Key)}
		if code, ok := governance.ReadPrecheck(x.state, p, v.Key); ok {
			w.Precheck = code.String()
		}
		if at, ok := governance.ReadReady(x.state, p, v.Key); ok {
			w.ReadyHeight = uint64(at)
		}
		if at, ok := governance.ReadVeto(x.state, p, v.Key); ok {
			w.VetoHeight = uint64(at)
		}
		if health, ok := governance.ReadHealth(x.state, p, v.Key); ok {
			w.Health, w.HealthThrough = health.Reason.String(), uint64(health.Through)
		}
		m.Validators = append(m.Validators, w)
	}
	for _, v := range x.now.Validators.All() {
		add(v)
	}
	for _, v := range p.Validators.All() {
		if _, ok := x.now.Validators.Index(v.Key); !ok {
			add(v)
		}
	}
}

// toEnding says what happened. Where the code is of another table than the reason, it is named.
func toEnding(e *governance.Ending) *quoinv1.Ending {
	if e.Why == governance.WhyNone && e.Note == "" {
		return nil
	}
	m := &quoinv1.Ending{Code: e.Code, Height: uint64(e.Height), Note: e.Note}
	if e.Why == governance.WhyNone {
		return m
	}
	m.Why, m.Meaning = e.Why.String(), e.Why.Meaning()
	more := ""
	switch e.Why {
	case governance.WhyPrecheck:
		c := governance.PrecheckCode(e.Code)
		m.CodeName, more = c.String(), c.Meaning()
	case governance.WhyHealthPaused, governance.WhyHealthReturned:
		r := governance.HealthReason(e.Code)
		m.CodeName, more = r.String(), r.Meaning()
	case governance.WhyFaults:
		if f := hook.Fault(e.Code); f.Valid() {
			m.CodeName, more = f.String(), "the last fault was "+f.String()
		}
	}
	if more != "" {
		m.Meaning += ": " + more
	}
	return m
}

func toComparison(c *governance.Comparison) *quoinv1.Comparison {
	return &quoinv1.Comparison{Compared: c.Compared, Diverged: c.Diverged, Faults: c.Faults, Skipped: c.Skipped, FirstHeight: uint64(c.First), Digest: c.Digest[:]}
}

func toChanges(from, to *quoin.Parameters) []*quoinv1.ParameterChange {
	var list []*quoinv1.ParameterChange
	for _, c := range from.Changes(to) {
		list = append(list, &quoinv1.ParameterChange{Name: c.Name, From: c.From, To: c.To, Class: string(rune(c.Class))})
	}
	return list
}
