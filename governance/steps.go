package governance

import (
	"math"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/governance/policy"
)

// proposal returns a proposal that takes a command of the kind now.
func (x *execution) proposal(n ProposalNumber, k Kind) (Proposal, Code) {
	p, ok := ReadProposal(x.state, n)
	if !ok {
		return p, NoProposal
	}
	if code := p.Status.takes(k); code != OK {
		return p, code
	}
	if p.Expired(x.height) && k != KindCancel {
		return p, ProposalExpired
	}
	return p, OK
}

// judged returns a proposal that takes a command of the kind now, if the sender judged it as it stands:
// in its present round.
func (x *execution) judged(n ProposalNumber, restarts uint64, k Kind) (Proposal, Code) {
	p, code := x.proposal(n, k)
	if code != NoProposal && restarts != p.Restarts() && !x.flaws.StaleVoices {
		return p, StaleVoice
	}
	return p, code
}

// isValidator reports whether the sender is a validator of the present set.
func (x *execution) isValidator() bool {
	_, ok := x.configuration.Validators.Index(x.signer)
	return ok
}

// precheck counts what validators found. What a quorum passes may be judged by people; what no
// quorum can pass any more is rejected.
func (x *execution) precheck(c Precheck) Code {
	if !x.isValidator() {
		return NotValidator
	}
	p, code := x.judged(c.Proposal, c.Restarts, KindPrecheck)
	if code != OK {
		return code
	}
	if _, counted := x.state.Get(PrecheckKey(&p, x.signer)); counted {
		return AlreadyCounted
	}
	x.state.Put(PrecheckKey(&p, x.signer), canonical.AppendUint64(canonical.AppendUint32(nil, c.Code), x.height))
	set := &x.configuration.Validators
	passed := voices(x.state, set, x.prechecks(&p, func(code PrecheckCode) bool { return code == PrecheckPassed }))
	failed := voices(x.state, set, x.prechecks(&p, func(code PrecheckCode) bool { return code != PrecheckPassed }))
	switch {
	case p.Status != StatusProposed:
	case set.IsQuorum(passed):
		p.become(Event(KindPrecheck), StatusPrechecked)
		putProposal(x.state, &p)
		x.know(&p)
	case !set.IsQuorum(set.Total() - failed):
		x.end(&p, KindPrecheck, StatusRejected, Ending{Why: WhyPrecheck, Code: uint32(c.Code)})
	}
	return OK
}

func (x *execution) prechecks(p *Proposal, counts func(PrecheckCode) bool) func(quoin.PublicKey) (bool, bool) {
	return func(k quoin.PublicKey) (bool, bool) {
		code, ok := load(x.state, PrecheckKey(p, k), readPrecheck)
		return counts(code), ok
	}
}

func (x *execution) review(n ProposalNumber, restarts uint64, k Kind, note string) Code {
	m, ok := x.sender(quoin.RoleApprover)
	if !ok {
		return NotApprover
	}
	p, code := x.judged(n, restarts, k)
	if code == WrongStage && p.Status == StatusProposed {
		return NotPrechecked
	}
	if code != OK {
		return code
	}
	if IsOwn(x.state, &p, m) && !x.flaws.AuthorApproves {
		return OwnProposal
	}
	v := Review{Approves: k == KindApprove, At: x.height, Note: note}
	if old, ok := ReadReview(x.state, &p, m); ok && old.Approves == v.Approves {
		return AlreadyCounted
	}
	putReview(x.state, ReviewKey(&p, rootOf(x.state, m.Key)), &v)
	switch {
	case v.Approves && p.Status == StatusPrechecked:
		if approved(x.env, x.state, &x.configuration, x.height, &p) {
			p.become(Event(KindApprove), StatusApproved)
			putProposal(x.state, &p)
		}
	case !v.Approves:
		if x.gate(&p, policy.StepReject) == OK {
			x.end(&p, KindReject, StatusRejected, Ending{Why: WhyReviewers, Note: note})
		}
	}
	return OK
}

func (x *execution) gate(p *Proposal, step string) Code {
	return gate(x.env, x.state, &x.configuration, x.height, p, step)
}

func (x *execution) attest(c Attest) Code {
	m, ok := x.sender(quoin.RoleAssessor)
	if !ok {
		return NotAssessor
	}
	p, code := x.judged(c.Proposal, c.Restarts, KindAttest)
	switch {
	case code != OK:
		return code
	case IsOwn(x.state, &p, m):
		return OwnProposal
	case c.Until < x.height:
		return EvidenceExpired
	}
	putEvidence(x.state, EvidenceKey(&p, c.Evidence, rootOf(x.state, m.Key)), &Evidence{c.Result, c.Digest, x.height, c.Until, c.Note})
	return OK
}

func (x *execution) shadow(c Shadow) Code {
	if _, ok := x.sender(quoin.RoleProposer); !ok {
		return NotProposer
	}
	p, code := x.proposal(c.Proposal, KindShadow)
	switch {
	case code != OK:
		return code
	case p.Plan.Shadow == 0:
		return BadPlan
	}
	if _, ok := x.configuration.Policy(byte(p.Class), policy.StepShadow); !ok {
		return NoPolicy // nothing would say what stops it
	}
	p.become(Event(KindShadow), StatusShadow)
	p.ShadowFrom = x.height + 1
	putProposal(x.state, &p)
	return OK
}

// report counts what validators' shadows found in an interval. What a quorum agrees on is evidence; if
// more than f differ from the most, honest validators differ, and what is shadowed is not
// deterministic.
func (x *execution) report(c *Report) Code {
	if !x.isValidator() {
		return NotValidator
	}
	p, code := x.judged(c.Proposal, c.Restarts, KindReport)
	if code != OK {
		return code
	}
	interval := quoin.Height(x.configuration.Parameters.ReportHeights)
	switch {
	case p.ShadowFrom == 0:
		return WrongStage
	case c.Through%interval != 0 || c.Through > x.height || c.Through < p.ShadowFrom+interval-1:
		return BadInterval
	case c.Through-interval < p.Shadowed.Through || c.Through+reportIntervals*interval < x.height:
		return LateReport
	}
	key := ReportKey(&p, c.Through, interval)
	reports := loadReports(x.state, key)
	if slices.ContainsFunc(reports, func(r validatorReport) bool { return r.validator == x.signer }) {
		return AlreadyCounted
	}
	reports = append(reports, validatorReport{x.signer, c.Comparison})
	putReports(x.state, key, reports)
	agreed, outside := x.agreement(reports)
	set := &x.configuration.Validators
	if outside > set.FaultBound() {
		x.end(&p, KindReport, StatusRejected, Ending{Why: WhyDisagreement})
		return OK
	}
	if agreed == nil {
		return OK
	}
	t := &p.Shadowed
	t.Through, t.Heights = c.Through, t.Heights+uint64(interval)
	t.Compared, t.Diverged = addCounts(t.Compared, agreed.Compared), addCounts(t.Diverged, agreed.Diverged)
	t.Faults, t.Skipped = addCounts(t.Faults, agreed.Faults), addCounts(t.Skipped, agreed.Skipped)
	if t.First == 0 {
		t.First = agreed.First
	}
	t.Digest = chainDigest(t.Digest, agreed.Digest)
	if x.gate(&p, policy.StepShadow) != OK {
		x.end(&p, KindReport, StatusRejected, Ending{Why: WhyShadowPolicy})
		return OK
	}
	putProposal(x.state, &p)
	return OK
}

// addCounts adds what was counted. Policies count in 63 bits: at their end sums stay, so that what is
// part of another sum stays below it.
func addCounts(a, b uint64) uint64 {
	return min(min(a, math.MaxInt64)+min(b, math.MaxInt64), math.MaxInt64)
}

// agreement returns what a quorum of the set reports alike, or nil, and the weight outside the
// largest group.
func (x *execution) agreement(reports []validatorReport) (agreed *Comparison, outside uint64) {
	set := &x.configuration.Validators
	total, largest := uint64(0), uint64(0)
	for i := range reports {
		own, ok := set.Index(reports[i].validator)
		if !ok {
			continue
		}
		total += set.At(own).Weight
		weight := uint64(0)
		for _, r := range reports {
			if k, ok := set.Index(r.validator); ok && r.Comparison == reports[i].Comparison {
				weight += set.At(k).Weight
			}
		}
		if largest = max(largest, weight); set.IsQuorum(weight) {
			agreed = &reports[i].Comparison
		}
	}
	return agreed, total - largest
}

func (x *execution) schedule(c Schedule) Code {
	if _, ok := x.sender(quoin.RoleProposer); !ok {
		return NotProposer
	}
	p, code := x.judged(c.Proposal, c.Restarts, KindSchedule)
	switch {
	case code == WrongStage && (p.Status == StatusProposed || p.Status == StatusPrechecked):
		return NotApproved
	case code == WrongStage && p.Status == StatusScheduled:
		return AlreadyScheduled
	case code != OK:
		return code
	case c.Height < x.height || uint64(c.Height-x.height) < x.configuration.Parameters.NoticeHeights:
		return NoticeTooShort
	case uint64(c.Height-x.height) > x.configuration.Parameters.NoticeHeights+AheadHeightsMax:
		return TooFarAhead
	case p.pastLife(c.Height):
		return EndOfLife
	}
	if !approved(x.env, x.state, &x.configuration, x.height, &p) {
		return NotApproved
	}
	if code := x.gate(&p, policy.StepActivate); code != OK {
		return code
	}
	p.become(Event(KindSchedule), StatusScheduled)
	p.Scheduled, p.Activation, p.Due = x.height, c.Height, c.Height
	p.Order = enter(x.state, c.Height, item{proposal: p.Number})
	putProposal(x.state, &p)
	if x.flaws.EarlyEpoch {
		next := p.apply(&x.configuration)
		next.Epoch, next.First = next.Epoch+1, c.Height+1
		x.state.Put(EpochKey(next.Epoch), next.AppendBinary(nil))
	}
	x.answer(uint64(c.Height))
	return OK
}

func (x *execution) ready(c Ready) Code {
	p, code := x.judged(c.Proposal, c.Restarts, KindReady)
	if code == NoProposal {
		return code
	}
	if _, newcomer := p.Validators.Index(x.signer); !x.isValidator() && !newcomer && !x.proposedValidator() {
		return NotValidator
	}
	if code != OK {
		return code
	}
	x.state.Put(ReadyKey(&p, x.signer), canonical.AppendUint64(nil, x.height))
	return OK
}

// proposedValidator reports whether the sender would be a validator of the proposed set: the
// readiness of a set's newcomers counts as soon as the set does.
func (x *execution) proposedValidator() bool {
	slot, _ := ReadSlot(x.state, ValidatorsSlot)
	if slot.Open == 0 {
		return false
	}
	p, _ := ReadProposal(x.state, slot.Open)
	_, ok := p.Validators.Index(x.signer)
	return ok
}

func (x *execution) veto(c Veto) Code {
	if !x.isValidator() {
		return NotValidator
	}
	p, code := x.proposal(c.Proposal, KindVeto)
	if code != OK {
		return code
	}
	key := VetoKey(&p, x.signer)
	if _, counted := x.state.Get(key); counted {
		if x.flaws.RefusedCommandWrites {
			x.state.Put(key, canonical.AppendUint64(nil, x.height))
		}
		return AlreadyCounted
	}
	x.state.Put(key, canonical.AppendUint64(nil, x.height))
	if x.flaws.vetoed(x.state, &x.configuration.Validators, &p) {
		x.end(&p, KindVeto, StatusVetoed, Ending{Why: WhyVeto, Note: c.Note})
	}
	return OK
}

func (x *execution) cancel(c Cancel) Code {
	p, code := x.proposal(c.Proposal, KindCancel)
	if code != OK {
		return code
	}
	m, ok := x.sender(quoin.RoleProposer)
	if !ok || !isProposer(x.state, &p, m) && !p.Expired(x.height) {
		return NotYours
	}
	x.end(&p, KindCancel, StatusCancelled, Ending{Why: WhyWithdrawn, Note: c.Note})
	return OK
}
