package governance

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/governance/policy"
)

// What may be said of what serves, of what is stopped, and of what has served.

// health counts a validator's report on what serves. Bad ones of more than f pause it, of a quorum
// roll it back.
func (x *execution) health(c *Health) Code {
	if !x.isValidator() {
		return NotValidator
	}
	p, code := x.judged(c.Proposal, c.Restarts, KindHealth)
	if code != OK {
		return code
	}
	old, again := load(x.state, HealthKey(&p, x.signer), readHealth)
	switch {
	case c.Through%quoin.Height(x.configuration.Parameters.ReportHeights) != 0 || c.Through > x.height || c.Through <= p.Activation:
		return BadInterval
	case again && c.Through <= old.Through:
		return LateReport
	case p.Status != StatusTrial && c.Reason == HealthGood:
		return WrongStage
	}
	putHealth(x.state, HealthKey(&p, x.signer), &healthRecord{c.Through, c.Reason, c.Digest})
	if c.Reason == HealthGood {
		return OK
	}
	set := &x.configuration.Validators
	bad := countHealth(x.state, &x.configuration, x.height, &p).bad
	ending := Ending{Why: WhyHealthPaused, Code: uint32(c.Reason)}
	cause := CausePause
	if set.IsQuorum(bad) {
		ending.Why, cause = WhyHealthReturned, CauseRollback
	}
	if bad > set.FaultBound() {
		x.leave(&p, cause, ending) // what cannot be returned to stays: there is nothing before it
	}
	return OK
}

func (x *execution) confirm(c Confirm) Code {
	_, proposer := x.sender(quoin.RoleProposer)
	_, approver := x.sender(quoin.RoleApprover)
	if !proposer && !approver {
		return NotProposer
	}
	p, code := x.judged(c.Proposal, c.Restarts, KindConfirm)
	if code != OK {
		return code
	}
	if slot, _ := ReadSlot(x.state, p.Slot()); slot.Return.Cause != 0 {
		return AlreadyReturning
	}
	if code := x.gate(&p, policy.StepConfirm); code != OK && !x.flaws.ConfirmUnjudged {
		return code
	}
	x.end(&p, KindConfirm, StatusActive, Ending{Height: x.height, Note: c.Note})
	return OK
}

func (x *execution) pause(c Pause) Code {
	if _, ok := x.sender(quoin.RoleResponder); !ok {
		return NotResponder
	}
	p, code := x.proposal(c.Proposal, KindPause)
	if code != OK {
		return code
	}
	if code := x.gate(&p, policy.StepEmergency); code != OK {
		return code
	}
	ending := Ending{Why: WhyResponder, Note: c.Note}
	if !p.Status.Serves() {
		x.end(&p, KindPause, StatusPaused, ending)
		return OK
	}
	return x.leave(&p, CausePause, ending)
}

// resume begins again: nothing that was said before the pause counts.
func (x *execution) resume(c Resume) Code {
	if _, ok := x.sender(quoin.RoleProposer); !ok {
		return NotProposer
	}
	p, code := x.proposal(c.Proposal, KindResume)
	if code != OK {
		return code
	}
	slot, _ := ReadSlot(x.state, p.Slot())
	name, _ := ReadName(x.state, p.Release.Name)
	open := loadOpen(x.state)
	switch {
	case slot.Open != 0:
		return SlotBusy
	case name.Open != 0:
		return NameBusy
	case len(open) >= OpenProposalsMax:
		return TooManyOpen
	case x.ownOpen(open, p.ProposerName) >= OpenPerProposerMax:
		return TooManyYours
	}
	class, code := x.checkChange(&p.Propose)
	if code != OK {
		return code
	}
	if p.Subject == SubjectRelease {
		if _, code := x.checkRelease(&p.Release); code != OK {
			return code
		}
	}
	p.Class = class // it changes other things now than when it was proposed
	p.restart(Event(KindResume))
	p.Proposed, p.Closed = x.height, 0
	x.enterOpen(&p)
	return OK
}

// restart forgets all that was said of a proposal.
func (p *Proposal) restart(e Event) {
	p.become(e, StatusProposed)
	p.Round++
	p.ShadowFrom, p.Shadowed, p.Scheduled, p.Activation, p.Due, p.Order, p.Moves, p.EndOfUse = 0, Shadowed{}, 0, 0, 0, 0, 0, 0
	p.Ending = Ending{}
}

func (x *execution) deprecate(c Deprecate) Code {
	if _, ok := x.sender(quoin.RoleProposer); !ok {
		return NotProposer
	}
	p, code := x.proposal(c.Proposal, KindDeprecate)
	switch {
	case code != OK:
		return code
	case c.EndOfLife <= x.height:
		return NoticeTooShort
	}
	if code := x.gate(&p, policy.StepDeprecate); code != OK {
		return code
	}
	if p.Status == StatusActive {
		p.become(Event(KindDeprecate), StatusDeprecated)
	}
	p.EndOfUse, p.Ending.Note = c.EndOfLife, c.Note
	putProposal(x.state, &p)
	return OK
}

// retire ends a release for good. It is refused while anything binds it, is about to, or would fall
// back on it.
func (x *execution) retire(c Retire) Code {
	if _, ok := x.sender(quoin.RoleProposer); !ok {
		return NotProposer
	}
	p, code := x.proposal(c.Proposal, KindRetire)
	switch {
	case code != OK:
		return code
	case x.bound(&p):
		return StillBound
	}
	if code := x.gate(&p, policy.StepRetire); code != OK {
		return code
	}
	p.become(Event(KindRetire), StatusRetired)
	p.Ending = Ending{WhyRetired, 0, x.height, c.Note}
	putProposal(x.state, &p)
	if release, ok := ReadRelease(x.state, p.Binding.Release); ok {
		release.Retired = x.height
		putRelease(x.state, &release)
	}
	return OK
}

// bound reports whether what a proposal brought serves, is about to, or is what a trial or a return that
// is due would bring back.
func (x *execution) bound(p *Proposal) bool {
	same := func(b *quoin.Binding) bool {
		return p.Subject == SubjectRelease && b.Release == p.Binding.Release
	}
	brings := func(slot string, n HistoryNumber) bool {
		line, ok := ReadServed(x.state, slot, n)
		return ok && (line.Proposal == p.Number || same(&line.Binding))
	}
	now := CurrentConfiguration(x.state)
	for i := range now.Bindings {
		if same(&now.Bindings[i]) {
			return true
		}
	}
	for _, n := range loadOpen(x.state) {
		q := mustProposal(x.state, n)
		if same(&q.Binding) {
			return true
		}
		slot, _ := ReadSlot(x.state, q.Slot())
		if q.Status == StatusTrial && brings(q.Slot(), mustServed(x.state, q.Slot(), slot.Serving).Before) {
			return true
		}
	}
	for _, it := range loadItems(x.state, x.height+RiskReducingNotice) {
		if slot, _ := ReadSlot(x.state, it.slot); it.proposal == 0 && brings(it.slot, slot.Return.To) {
			return true
		}
	}
	slot, _ := ReadSlot(x.state, p.Slot())
	return brings(p.Slot(), slot.Serving)
}
