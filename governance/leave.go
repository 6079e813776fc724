package governance

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/governance/policy"
)

// rollback schedules the return at the word of one responder, or of validators that weigh more than
// f: it can only bring back what served before.
func (x *execution) rollback(c Rollback) Code {
	_, responder := x.sender(quoin.RoleResponder)
	if !responder && !x.isValidator() {
		return NotResponder
	}
	ret, code := checkReturn(x.env, x.state, c.Slot, CauseRollback, c.From, x.height)
	if code != OK {
		return code
	}
	line := mustServed(x.state, c.Slot, c.From)
	if responder && line.Proposal != 0 {
		p := mustProposal(x.state, line.Proposal)
		code = x.gate(&p, policy.StepEmergency)
	}
	e := Ending{Why: WhyResponder, Height: x.height, Note: c.Note}
	switch {
	case responder && code == OK:
	case !x.isValidator():
		return code
	default:
		key := RollbackKey(c.Slot, c.From, x.signer)
		if _, counted := x.state.Get(key); counted {
			return AlreadyCounted
		}
		x.state.Put(key, canonical.AppendUint64(nil, x.height))
		set := &x.configuration.Validators
		if voices(x.state, set, there(x.state, func(k quoin.PublicKey) []byte { return RollbackKey(c.Slot, c.From, k) })) <= set.FaultBound() {
			return OK
		}
		e.Why = WhyValidators
	}
	noteEnding(x.state, line.Proposal, e)
	enterReturn(x.state, c.Slot, ret)
	x.answer(uint64(ret.At))
	return OK
}

// leave schedules the return of the slot that a proposal serves.
func (x *execution) leave(p *Proposal, cause Cause, e Ending) Code {
	slot, _ := ReadSlot(x.state, p.Slot())
	line, ok := ReadServed(x.state, p.Slot(), slot.Serving)
	if !ok || line.Proposal != p.Number {
		return NotServing
	}
	e.Height = x.height
	return requestReturn(x.env, x.state, p.Slot(), cause, e)
}

// end has a command move a proposal to a status in which it lets go of its slot and name.
func (x *execution) end(p *Proposal, k Kind, status Status, e Ending) {
	e.Height = x.height
	p.Ending = e
	closeProposal(x.state, p, Event(k), status, x.height)
}

func (x *execution) lift(c Lift) Code {
	m, ok := x.sender(quoin.RoleApprover)
	if !ok {
		return NotApprover
	}
	suspension, ok := Suspended(x.state, c.Namespace)
	if !ok {
		return NotSuspended
	}
	key := LiftKey(c.Namespace, suspension.Height, rootOf(x.state, m.Key))
	if _, counted := x.state.Get(key); counted {
		return AlreadyCounted
	}
	x.state.Put(key, canonical.AppendUint64(nil, x.height))
	count, all := 0, 0
	active(x.state, &x.configuration, quoin.RoleApprover, func(m *quoin.Member) {
		all++
		if _, ok := x.state.Get(LiftKey(c.Namespace, suspension.Height, rootOf(x.state, m.Key))); ok {
			count++
		}
	})
	if count >= min(liftersMin, all) {
		x.state.Delete(SuspendedKey(c.Namespace))
	}
	return OK
}

// enter puts an item into the schedule of a height, as the last in ledger order, and returns its
// order.
func enter(s State, at quoin.Height, it item) uint64 {
	n := loadCounters(s)
	n.orders++
	putCounters(s, n)
	it.order = n.orders
	putItems(s, at, append(loadItems(s, at), it))
	return it.order
}

// unschedule takes a proposal out of the schedule.
func unschedule(s State, p *Proposal) {
	if p.Due != 0 {
		putItems(s, p.Due, slices.DeleteFunc(loadItems(s, p.Due), func(it item) bool { return it.proposal == p.Number }))
		p.Due = 0
	}
}

// closeProposal gives a proposal a status in which it lets go of its slot and name.
func closeProposal(s State, p *Proposal, e Event, status Status, h quoin.Height) {
	unschedule(s, p)
	p.become(e, status)
	p.Closed = h
	putProposal(s, p)
	putOpen(s, slices.DeleteFunc(loadOpen(s), func(n ProposalNumber) bool { return n == p.Number }))
	slot, _ := ReadSlot(s, p.Slot())
	if slot.Open == p.Number {
		slot.Open = 0
		putSlot(s, p.Slot(), &slot)
	}
	if p.Subject == SubjectRelease {
		if name, _ := ReadName(s, p.Release.Name); name.Open == p.Number {
			name.Open = 0
			putName(s, p.Release.Name, &name)
		}
	}
}
