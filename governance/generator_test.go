package governance

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance/policy"
)

var slots = []string{"leader.v1", "machine.v1/kv", "machine.v1/bank", "pacemaker.v1/canary"}

// habits are the commands that move a proposal on, with their weights.
var habits = map[Status][]Kind{
	StatusProposed:    weights(KindPrecheck, 30, KindAttest, 1, KindVeto, 1, KindCancel, 1),
	StatusPrechecked:  weights(KindApprove, 30, KindReject, 2, KindAttest, 1, KindVeto, 1, KindCancel, 1, KindPrecheck, 1),
	StatusApproved:    weights(KindSchedule, 12, KindShadow, 12, KindApprove, 1, KindReject, 2, KindAttest, 1, KindPause, 1, KindVeto, 1, KindCancel, 1, KindPrecheck, 1),
	StatusShadow:      weights(KindReport, 24, KindSchedule, 4, KindApprove, 1, KindReject, 1, KindAttest, 1, KindPause, 1, KindVeto, 1, KindCancel, 1),
	StatusScheduled:   weights(KindReady, 40, KindReport, 8, KindAttest, 1, KindPause, 1, KindVeto, 1, KindCancel, 1),
	StatusTrial:       weights(KindHealth, 20, KindConfirm, 4, KindPause, 1, KindRollback, 1, KindAttest, 1),
	StatusActive:      weights(KindHealth, 4, KindPause, 1, KindRollback, 2, KindDeprecate, 3),
	StatusDeprecated:  weights(KindHealth, 4, KindPause, 1, KindRollback, 2, KindDeprecate, 1, KindRetire, 3),
	StatusSuperseded:  weights(KindDeprecate, 2, KindRetire, 1),
	StatusPaused:      weights(KindResume, 6, KindCancel, 1, KindRetire, 1),
	StatusRolledBack:  weights(KindRetire, 1),
	StatusQuarantined: weights(KindRetire, 1),
}

func weights(pairs ...any) []Kind {
	var kinds []Kind
	for i := 0; i < len(pairs); i += 2 {
		kinds = append(kinds, slices.Repeat([]Kind{pairs[i].(Kind)}, pairs[i+1].(int))...)
	}
	return kinds
}

// command makes a command, mostly one that has a chance.
func (w *world) command() (quoin.PublicKey, Command) {
	o := w.observer
	switch n := w.random.IntN(100); {
	case n < 5 || len(o.dossiers) == 0:
		return w.signer(quoin.RoleProposer), w.proposal()
	case n < 7:
		return w.signer(quoin.RoleApprover), Lift{"bank"}
	case n == 7:
		person := pick(w, slices.Sorted(o.people())...)
		w.fresh++
		next := fmt.Sprintf("%s+%d", person, w.fresh)
		if w.random.IntN(4) == 0 {
			next = pick(w, slices.Sorted(o.people())...)
		}
		return o.current[person], Rotate{key(next), sign(key(next), RotationBytes(w.env.Origin, o.current[person], key(next)))}
	case n == 8 && w.random.IntN(8) == 0:
		return w.signer(pick(w, quoin.RoleResponder, quoin.RoleApprover)), Revoke{o.current[pick(w, slices.Sorted(o.people())...)], ""}
	}
	d := w.choose()
	kind := Kind(1 + w.random.IntN(int(KindRetire)))
	if habit := habits[d.status]; len(habit) > 0 && (d.status.Open() && w.random.IntN(100) < 90 || d.status == StatusTrial && w.random.IntN(100) < 75 || w.random.IntN(100) < 20) {
		kind = pick(w, habit...)
	}
	return w.about(d, kind)
}

// choose picks a proposal: statuses alike, those that are open more often.
func (w *world) choose() *dossier {
	o := w.observer
	if w.random.IntN(3) > 0 {
		recent := o.dossiers[max(0, len(o.dossiers)-40):]
		var open []*dossier
		for _, d := range recent {
			if d.status.Holds() {
				open = append(open, d)
			}
		}
		if len(open) > 0 {
			x, y := pick(w, open...), pick(w, open...)
			if y.due != 0 && x.due == 0 { // what is due needs voices soon
				return y
			}
			return x
		}
	}
	rare := slices.Repeat([]Status{StatusQuarantined}, 9)
	status := pick(w, slices.Concat(Statuses(), rare, []Status{StatusTrial, StatusTrial, StatusShadow, StatusDeprecated})...)
	for range 16 {
		for i := len(o.dossiers) - 1; i >= 0; i-- {
			if o.dossiers[i].status == status {
				return o.dossiers[i]
			}
		}
		status = 1 + status%16
	}
	return o.dossiers[0]
}

// signer picks a key of a role, or seldom any.
func (w *world) signer(role quoin.Role) quoin.PublicKey {
	o := w.observer
	if w.random.IntN(12) > 0 {
		var keys []quoin.PublicKey
		for i := range o.now.Members {
			if m := &o.now.Members[i]; m.Roles.Has(role) {
				keys = append(keys, o.current[o.owner[m.Key]])
			}
		}
		if len(keys) > 0 {
			return pick(w, keys...)
		}
	}
	return pick(w, key("eve"), key("v1"), key("ann"), key("bea"), key("rex"), key("sam"))
}

func (w *world) validator() quoin.PublicKey {
	if w.random.IntN(12) > 0 {
		return pick(w, w.observer.newest().Validators.All()...).Key
	}
	return key(pick(w, "v1", "v2", "v3", "v4", "v5", "v6", "ann"))
}

// silent picks a validator of the newest set that has not said something, or seldom any.
func (w *world) silent(said func(quoin.PublicKey) bool) quoin.PublicKey {
	for range 4 {
		if v := w.validator(); !said(v) {
			return v
		}
	}
	return w.validator()
}

// about makes a command of a kind on a proposal.
func (w *world) about(d *dossier, kind Kind) (quoin.PublicKey, Command) {
	if w.random.IntN(w.calm) > 0 && d.status == StatusTrial && (kind == KindPause || kind == KindRollback) {
		kind = KindHealth
	}
	n, note, restarts := d.number, pick(w, "", "why"), w.restarts(d)
	proposer, approver, responder, validator := w.signer(quoin.RoleProposer), w.signer(quoin.RoleApprover), w.signer(quoin.RoleResponder), w.validator()
	heights := quoin.Height(w.observer.now.Parameters.ReportHeights)
	through := w.height - w.height%heights
	switch kind {
	case KindPrecheck:
		return w.silent(func(k quoin.PublicKey) bool { _, said := d.prechecks[k]; return said }), Precheck{n, pick(w, PrecheckPassed, PrecheckPassed, PrecheckPassed, PrecheckPassed, PrecheckPassed, PrecheckFit), restarts}
	case KindApprove:
		return approver, Approve{n, note, restarts}
	case KindReject:
		return approver, Reject{n, note, restarts}
	case KindSchedule:
		return proposer, Schedule{n, w.height + pick[quoin.Height](w, 1, 2, 2, 3, 3, 4, 5), restarts}
	case KindReady:
		return w.silent(func(k quoin.PublicKey) bool { return d.ready[k] > d.scheduled }), Ready{n, restarts}
	case KindVeto:
		return validator, Veto{n, note}
	case KindRollback:
		slot, _ := ReadSlot(w.state.memory, d.slot())
		return pick(w, validator, validator, responder), Rollback{d.slot(), slot.Serving - HistoryNumber(w.random.IntN(8)/7), note}
	case KindCancel:
		return pick(w, proposer, w.observer.current[d.proposer]), Cancel{n, note}
	case KindAttest:
		evidence := pick(w, EvidenceSecurity, EvidenceBenchmark)
		result := EvidenceResult(pick(w, 1, 1, 1, 2))
		return w.signer(quoin.RoleAssessor), Attest{n, evidence, result, quoin.Hash{1}, w.height + quoin.Height(w.random.IntN(20)), note, restarts}
	case KindShadow:
		return proposer, Shadow{n}
	case KindReport:
		return w.silent(func(k quoin.PublicKey) bool { _, said := d.reports[interval{through, heights}][k]; return said }), Report{n, through - quoin.Height(w.random.IntN(12)/10)*heights, w.comparison(d, through), restarts}
	case KindHealth:
		reason := HealthGood
		if d.status != StatusTrial || w.random.IntN(5*w.calm) == 0 {
			reason = HealthGaps
		}
		return w.silent(func(k quoin.PublicKey) bool { return d.health[k].Through == through }), Health{Proposal: n, Through: through, Reason: reason, Restarts: restarts}
	case KindConfirm:
		return pick(w, proposer, approver), Confirm{n, note, restarts}
	case KindPause:
		return responder, Pause{n, note}
	case KindResume:
		return proposer, Resume{n, note}
	case KindDeprecate:
		return proposer, Deprecate{n, w.height + quoin.Height(w.random.IntN(9)), note}
	case KindRetire:
		return proposer, Retire{n, note}
	}
	return proposer, w.proposal()
}

// restarts is mostly what a sender sees, or that of a round before or after.
func (w *world) restarts(d *dossier) uint64 {
	switch n := w.random.IntN(24); {
	case n < 2 && d.round > 1:
		return d.round - 2
	case n == 2:
		return d.round
	}
	return d.round - 1
}

// comparison is what honest shadows find, or what another validator says.
func (w *world) comparison(d *dossier, through quoin.Height) Comparison {
	c := Comparison{Compared: 100, Digest: quoin.Hash{byte(d.number), byte(through)}}
	if uint64(d.number)%9 == 0 {
		c.Faults, c.First = 1, through
	}
	switch w.random.IntN(40) {
	case 0:
		c.Diverged = uint64(w.random.IntN(3))
	case 1:
		c.Compared, c.Diverged = ^uint64(0), ^uint64(0)
	}
	if uint64(d.number)%23 == 0 {
		c.Compared, c.Skipped = ^uint64(0)-1, 1<<63
	}
	return c
}

// proposal proposes something for a slot that mostly nobody else is busy with.
func (w *world) proposal() Command {
	c := w.observer.newest()
	switch w.random.IntN(12) {
	case 0:
		return w.validators()
	case 1, 2:
		p := c.Parameters
		switch w.random.IntN(4) {
		case 0:
			p.FuelSchedule = 1 + w.random.Uint64N(4)
		case 1:
			p.ReportHeights = pick[uint64](w, 4, 8)
		case 2:
			p.ShadowMaxFuel = w.random.Uint64N(9)
		default:
			p.DriftMS = 10 + w.random.Uint64N(9)
		}
		x := NewParameters(p)
		x.Plan.Trial = pick(w, w.trials...)
		return x
	case 3:
		return w.members()
	case 4:
		return NewPolicies(w.policies(slices.Clone(c.Policies)))
	}
	b := quoin.Binding{FuelMax: 1000, Parameters: []byte{byte(w.random.IntN(250))}}
	b.Hook, b.Namespace = quoin.SplitSlot(pick(w, slots...))
	if b.Hook == "pacemaker.v1" {
		b.Nodes = []quoin.PublicKey{key(pick(w, "v1", "v2"))}
	}
	plan := Plan{Trial: pick(w, w.trials...), Diverges: w.random.IntN(2) == 0}
	if b.Hook != "pacemaker.v1" {
		plan.Shadow = pick(w, w.shadows...)
	}
	if b.Hook == "machine.v1" {
		plan.State = StateRoad(w.random.IntN(3))
	}
	p := w.candidate(b)
	if p.Subject == SubjectRelease {
		plan.PatchUntil = pick(w, 0, 0, w.height+100)
	}
	if p.Plan = plan; p.Subject == SubjectUnbind {
		p.Plan = Plan{}
	}
	return p
}

func (w *world) candidate(b quoin.Binding) Propose {
	switch w.random.IntN(9) {
	case 0:
		b.Builtin = pick(w, "weighted", "round-robin", "kv", "steady")
		return NewBuiltin(b)
	case 1:
		return NewUnbind(b.Hook, b.Namespace)
	}
	name := pick(w, "fast", "slow", "bank", "calm", "deep")
	known, _ := ReadName(w.state.memory, name)
	sequence := known.Sequence + uint64(1+w.random.IntN(8))/2
	if w.random.IntN(3) == 0 {
		b.Parameters = nil
	}
	return NewRelease(testRelease(&w.env, pick(w, "aud", "aud", "aud", "aud", "bea"), name, fmt.Sprint("1.0.", sequence), sequence), b)
}

func (w *world) validators() Propose {
	names := []string{"v1", "v2", "v3", "v4", "v5", "v6"}
	w.random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	var members []quoin.Validator
	for _, n := range names[:4] {
		members = append(members, quoin.Validator{Name: n, Key: key(n), Weight: 1 + w.random.Uint64N(2)})
	}
	set, _ := quoin.NewValidatorSet(members)
	return NewValidators(set)
}

// members changes one member: its key to another of its own or to a new person's, or its roles.
func (w *world) members() Propose {
	o := w.observer
	members := slices.Clone(o.newest().Members)
	m := &members[w.random.IntN(len(members))]
	switch w.random.IntN(4) {
	case 0:
		m.Key = o.current[o.owner[m.Key]]
	case 1:
		w.fresh++
		person := fmt.Sprintf("%s~%d", m.Name, w.fresh)
		o.know(person)
		m.Key = key(person)
	case 2:
		m.Roles |= quoin.Role(1 + w.random.IntN(15))
	default:
		m.Organisation = pick(w, "one.example", "two.example")
	}
	return NewMembers(members)
}

func (w *world) policies(policies []quoin.Policy) []quoin.Policy {
	i := slices.IndexFunc(policies, func(p quoin.Policy) bool { return p.Class == '*' && p.Step == policy.StepApprove })
	if i >= 0 {
		policies[i].Expression = pick(w, "approvals >= 2", "approvals >= 1", "patch ? approvals >= 1 : approvals >= 2", "approvals >= 2 && organisations >= 2")
	}
	return policies
}

func (o *observer) people() func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range o.now.Members { // persons that have a say
			if !yield(o.owner[o.now.Members[i].Key]) {
				return
			}
		}
	}
}
