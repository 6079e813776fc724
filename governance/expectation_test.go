package governance

import (
	"cmp"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance/policy"
)

// step notes a command on a proposal that succeeded, says what status it must lead to, and what must
// have kept it from succeeding.
func (o *observer) step(signer quoin.PublicKey, command Command) error {
	d := o.dossiers[numberOf(command)-1]
	_, validates := o.now.Validators.Index(signer)
	person := o.owner[signer]
	if o.stale(command) {
		return fmt.Errorf("it is of another round than %d", d.round)
	}
	switch c := command.(type) {
	case Precheck:
		d.prechecks[signer] = c.Code
		passed, failed := o.prechecked(d)
		total := o.now.Validators.Total()
		switch {
		case d.status != StatusProposed:
		case 3*passed > 2*total:
			d.status = StatusPrechecked
		case 3*(total-failed) <= 2*total:
			o.close(d, StatusRejected)
		}
		return need(validates, "no validator")
	case Approve, Reject:
		_, approves := command.(Approve)
		d.reviews[person] = approves
		if approves && d.status == StatusPrechecked && o.approved(d) {
			d.status = StatusApproved
		}
		if !approves && o.holds(d, policy.StepReject) {
			o.close(d, StatusRejected)
		}
		return need(o.may(signer, quoin.RoleApprover) && !o.plays(d, person), "no approver but the proposer or author")
	case Attest:
		verdicts := map[EvidenceKind]map[string]verdict{EvidenceSecurity: d.security, EvidenceBenchmark: d.benchmark}[c.Evidence]
		verdicts[person] = verdict{c.Result, c.Until}
		return need(o.may(signer, quoin.RoleAssessor) && !o.plays(d, person) && c.Until >= o.w.height, "no assessor but the proposer or author, or expired evidence")
	case Shadow:
		from := d.status
		d.status, d.shadowFrom = StatusShadow, o.w.height+1
		return need(o.may(signer, quoin.RoleProposer) && from == StatusApproved && d.sent.Plan.Shadow > 0, "no approval, or no shadow in the plan")
	case Report:
		late := d.shadowFrom == 0 || c.Through > o.w.height || c.Through < d.shadowFrom+3 || c.Through <= d.through
		if o.report(d, signer, c) {
			o.close(d, StatusRejected)
		}
		return need(validates && !late, "no validator, or an interval that was not shadowed")
	case Schedule:
		return o.schedule(d, signer, c)
	case Ready:
		d.ready[signer] = o.w.height
		return need(d.status == StatusScheduled, "no schedule")
	case Veto:
		d.vetoes[signer] = true
		if o.vetoed(d) {
			o.close(d, StatusVetoed)
		}
		return need(validates, "no validator")
	case Cancel:
		mine := person == d.proposer || o.nameOf(signer) == d.name || o.w.height-d.proposed > OpenHeightsMax
		o.close(d, StatusCancelled)
		return need(o.may(signer, quoin.RoleProposer) && mine, "another proposer")
	case Health:
		return o.healthReport(d, signer, c)
	case Confirm:
		allowed := (o.may(signer, quoin.RoleProposer) || o.may(signer, quoin.RoleApprover)) && o.holds(d, policy.StepConfirm) && d.status == StatusTrial
		_, asked := o.returns[d.slot()]
		o.close(d, StatusActive)
		return need(allowed && !asked, "no policy that holds, or a return")
	case Pause:
		allowed := o.may(signer, quoin.RoleResponder) && o.holds(d, policy.StepEmergency)
		if d.status == StatusTrial || d.status == StatusActive || d.status == StatusDeprecated {
			_, asked := o.returns[d.slot()]
			o.request(d.slot(), CausePause)
			_, now := o.returns[d.slot()]
			return need(allowed && now && !asked && o.top(d.slot()).proposal == d.number, "no responder, or nothing to return to")
		}
		o.close(d, StatusPaused)
		return need(allowed, "no responder")
	case Resume:
		was, class := d.status, o.class(&d.sent)
		d.again(o.grounds(o.newest(), d.slot()))
		d.class, d.proposed = class, o.w.height
		return need(was == StatusPaused && o.may(signer, quoin.RoleProposer) && !o.retired[d.sent.Release.Digest], "no pause, or a retired release")
	case Deprecate:
		allowed := o.may(signer, quoin.RoleProposer) && o.holds(d, policy.StepDeprecate)
		if d.status == StatusActive {
			d.status = StatusDeprecated
		}
		d.endOfUse = c.EndOfLife
		return need(allowed, "no policy")
	case Retire:
		return o.retire(d, signer)
	}
	return fmt.Errorf("nobody expects a %T", command)
}

func (o *observer) close(d *dossier, s Status) { d.status, d.due = s, 0 }

func (o *observer) schedule(d *dossier, signer quoin.PublicKey, c Schedule) error {
	from := d.status
	allowed := o.may(signer, quoin.RoleProposer) && o.approved(d) && o.holds(d, policy.StepActivate)
	o.clock++
	d.status, d.scheduled, d.activation, d.due, d.clock = StatusScheduled, o.w.height, c.Height, c.Height, o.clock
	notice := c.Height >= o.w.height+quoin.Height(o.now.Parameters.NoticeHeights)
	return need(allowed && notice && (from == StatusApproved || from == StatusShadow), "no approval, no policy that holds, or no notice")
}

func (o *observer) healthReport(d *dossier, signer quoin.PublicKey, c Health) error {
	d.health[signer] = c
	_, validates := o.now.Validators.Index(signer)
	serves := d.status == StatusTrial || d.status == StatusActive || d.status == StatusDeprecated
	if _, bad := o.unwell(d); c.Reason != HealthGood && o.top(d.slot()).proposal == d.number && 3*bad >= o.now.Validators.Total() {
		cause := CausePause
		if 3*bad > 2*o.now.Validators.Total() {
			cause = CauseRollback
		}
		o.request(d.slot(), cause)
	}
	return need(validates && serves && c.Through > d.activation && c.Through <= o.w.height, "no validator, or an interval that was not served")
}

func (o *observer) retire(d *dossier, signer quoin.PublicKey) error {
	allowed := o.may(signer, quoin.RoleProposer) && o.holds(d, policy.StepRetire)
	brings := func(x layer) bool {
		return x.proposal == d.number || d.sent.Subject == SubjectRelease && x.binding.Release == d.sent.Release.Digest
	}
	for slot := range o.stacks { // any order: one is enough
		back, _ := o.target(slot)
		_, asked := o.returns[slot]
		top := o.top(slot)
		tries := top.proposal != 0 && o.dossiers[top.proposal-1].status == StatusTrial
		if brings(top) || (tries || asked) && len(back) > 0 && brings(back[len(back)-1]) {
			return fmt.Errorf("%s is bound to it, or would return to it", slot)
		}
	}
	o.close(d, StatusRetired)
	if d.sent.Subject == SubjectRelease {
		o.retired[d.sent.Release.Digest] = true
	}
	return need(allowed, "no policy")
}

// begin begins a height: what was decided in the one before is in force.
func (o *observer) begin() {
	if o.next != nil {
		o.now, o.next = *o.next, nil
		clear(o.faults)
	}
	o.changed = map[string]bool{}
}

// event is something that is due.
type event struct {
	clock int
	rank  int // validators, then what others are judged against, then the rest
	slot  string
	d     *dossier // nil for a return
}

// due says what the configuration must be after a height, nil if it is the same, and moves the
// dossiers. trusted says of changes to members and policies whether they would lock.
func (o *observer) due(trusted func(ProposalNumber) bool) *quoin.Configuration {
	var events []event
	rank := map[string]int{ValidatorsSlot: -2, PoliciesSlot: -1, ParametersSlot: -1}
	for _, d := range o.dossiers {
		if d.due == o.w.height {
			events = append(events, event{d.clock, rank[d.slot()], d.slot(), d})
		}
	}
	for slot, r := range o.returns { // any order: they are sorted
		if r.at == o.w.height {
			events = append(events, event{r.clock, rank[slot], slot, nil})
		}
	}
	if len(events) == 0 {
		return nil
	}
	slices.SortFunc(events, func(a, b event) int { return cmp.Or(a.rank-b.rank, a.clock-b.clock) })
	next, any := o.now, false
	for _, e := range events {
		switch {
		case e.d == nil:
			any = o.giveBack(&next, e.slot) || any
		case e.d.status == StatusTrial:
			any = o.revert(&next, e.d) || any
		default:
			any = o.activate(&next, e.d, trusted) || any
		}
	}
	if !any {
		return nil
	}
	next.Epoch, next.First = o.now.Epoch+1, o.w.height+1
	o.next = &next
	for _, d := range o.dossiers {
		if g := o.grounds(&next, d.slot()); d.status >= StatusProposed && d.status <= StatusScheduled && g != d.basis {
			o.w.seen["void"]++
			d.again(g)
			d.class = o.class(&d.sent)
		}
	}
	return &next
}

// left is what becomes of what went by a return.
var left = map[Cause]Status{CausePause: StatusPaused, CauseRollback: StatusRolledBack, CauseQuarantine: StatusQuarantined}

func (o *observer) giveBack(next *quoin.Configuration, slot string) bool {
	r := o.returns[slot]
	delete(o.returns, slot)
	if o.changed[slot] || len(o.stacks[slot]) != r.depth {
		o.w.seen["void return"]++
		return false
	}
	o.pop(next, slot, left[r.cause])
	o.w.seen["return: "+r.cause.String()]++
	return true
}

func (o *observer) revert(next *quoin.Configuration, d *dossier) bool {
	d.due = 0
	if o.changed[d.slot()] || o.top(d.slot()).proposal != d.number {
		return false
	}
	o.pop(next, d.slot(), StatusRolledBack)
	o.w.seen["return: unconfirmed"]++
	return true
}

// pop brings back what a slot would return to: always something that served before what serves now.
func (o *observer) pop(next *quoin.Configuration, slot string, after Status) {
	if top := o.top(slot); top.proposal != 0 {
		o.close(o.dossiers[top.proposal-1], after)
	}
	stack, _ := o.target(slot)
	o.put(next, slot, slices.Clone(stack))
	if top := o.top(slot); top.proposal != 0 {
		d := o.dossiers[top.proposal-1]
		d.status = StatusActive
		if d.endOfUse != 0 {
			d.status = StatusDeprecated
		}
	}
}

func (o *observer) put(next *quoin.Configuration, slot string, stack []layer) {
	o.stacks[slot], o.changed[slot] = stack, true
	o.lines[slot]++
	delete(o.wanted, slot)
	top := o.top(slot)
	switch {
	case slot == ParametersSlot:
		next.Parameters = top.parameters
	case top.serves:
		*next = next.WithBinding(top.binding)
	default:
		next.Bindings = slices.DeleteFunc(slices.Clone(next.Bindings), func(b quoin.Binding) bool { return b.Slot() == slot })
	}
}

// activate judges a proposal that is due.
func (o *observer) activate(next *quoin.Configuration, d *dossier, trusted func(ProposalNumber) bool) bool {
	set := &next.Validators
	if d.sent.Subject == SubjectValidators {
		set = &d.sent.Validators
	}
	end := d.sent.Release.EndOfLife
	retries := o.now.Parameters.ActivationRetries
	ready := 3*o.readyIn(d, set) > 2*set.Total()
	switch {
	case o.vetoed(d):
		o.close(d, StatusVetoed)
	case o.changed[d.slot()] || o.grounds(next, d.slot()) != d.basis:
		o.w.seen["void when due"]++
		d.due = 0
	case end != 0 && o.w.height+1 >= end:
		o.close(d, StatusRejected)
	case !ready || !o.approved(d) || !o.holds(d, policy.StepActivate):
		if d.moves == retries {
			o.w.seen["moved too often"]++
			o.close(d, StatusRejected)
			return false
		}
		o.w.seen["moved"]++
		d.moves++
		d.due += quoin.Height(o.now.Parameters.ActivationDelayHeights)
		d.activation = d.due
	case !trusted(d.number):
		o.close(d, StatusRejected)
	default:
		o.serve(next, d)
		return true
	}
	return false
}

func (o *observer) serve(next *quoin.Configuration, d *dossier) {
	slot := d.slot()
	stack := o.stacks[slot]
	if top := o.top(slot); top.proposal != 0 {
		became := StatusSuperseded
		if r, asked := o.returns[slot]; asked && r.depth == len(stack) {
			i := len(stack) - 2
			for i >= 0 && o.dead(stack[i]) {
				i--
			}
			if i >= 0 { // it goes, and does not come back
				stack, became = stack[:i+1], left[r.cause]
				o.w.seen["replaced on its way out"]++
			}
		}
		o.close(o.dossiers[top.proposal-1], became)
	}
	o.close(d, StatusActive)
	if d.sent.Plan.Trial > 0 {
		o.clock++
		d.status, d.due, d.clock = StatusTrial, o.w.height+quoin.Height(d.sent.Plan.Trial), o.clock
	}
	x := layer{proposal: d.number, binding: d.sent.Binding, parameters: d.sent.Parameters}
	x.serves = d.sent.Subject == SubjectRelease || d.sent.Subject == SubjectBuiltin || d.sent.Subject == SubjectParameters
	if !x.serves {
		x.binding = quoin.Binding{}
	}
	if len(stack) == 0 {
		stack = []layer{{}}
	}
	o.put(next, slot, append(slices.Clone(stack), x))
	switch d.sent.Subject {
	case SubjectValidators:
		next.Validators = d.sent.Validators
	case SubjectMembers:
		next.Members = d.sent.Members
	case SubjectPolicies:
		next.Policies = d.sent.Policies
	}
}

// numberOf returns the proposal that a command names; 0 for one that names none.
func numberOf(command Command) ProposalNumber {
	switch c := command.(type) {
	case Precheck:
		return c.Proposal
	case Approve:
		return c.Proposal
	case Reject:
		return c.Proposal
	case Attest:
		return c.Proposal
	case Shadow:
		return c.Proposal
	case Report:
		return c.Proposal
	case Schedule:
		return c.Proposal
	case Ready:
		return c.Proposal
	case Veto:
		return c.Proposal
	case Cancel:
		return c.Proposal
	case Health:
		return c.Proposal
	case Confirm:
		return c.Proposal
	case Pause:
		return c.Proposal
	case Resume:
		return c.Proposal
	case Deprecate:
		return c.Proposal
	case Retire:
		return c.Proposal
	}
	return 0
}

// stale reports whether a command judges a proposal as it stood in another round.
func (o *observer) stale(command Command) bool {
	n := numberOf(command)
	if n == 0 || uint64(n) > uint64(len(o.dossiers)) {
		return false
	}
	seen := o.dossiers[n-1].round
	switch c := command.(type) {
	case Precheck:
		seen = c.Restarts + 1
	case Approve:
		seen = c.Restarts + 1
	case Reject:
		seen = c.Restarts + 1
	case Attest:
		seen = c.Restarts + 1
	case Report:
		seen = c.Restarts + 1
	case Schedule:
		seen = c.Restarts + 1
	case Ready:
		seen = c.Restarts + 1
	case Health:
		seen = c.Restarts + 1
	case Confirm:
		seen = c.Restarts + 1
	}
	return seen != o.dossiers[n-1].round
}
