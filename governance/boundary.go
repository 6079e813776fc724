package governance

import (
	"cmp"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/governance/policy"
)

// Boundary reports whether h is the last height of its epoch and, if so, the configuration of the
// next. s is the state after h-1.
func Boundary(env Environment, s State, h quoin.Height) (next *quoin.Configuration, changed bool) {
	d := Decide(env, s, h)
	return d.Next, d.Next != nil
}

// Decision is what becomes of everything that is due at one height.
type Decision struct {
	Height   quoin.Height
	Next     *quoin.Configuration // of the epoch that begins after Height; nil if none does
	Outcomes []Outcome            // in ledger order
	flaws    Flaws
}

// Fate says what becomes of one thing that is due.
type Fate byte

// The fates.
const (
	FateActivate Fate = iota + 1 // it takes effect after the height
	FateMove                     // too few are ready, or its policy does not hold now: it moves to a later height
	FateReject                   // that happened too often, its life ended, or the configuration would be invalid
	FateVeto                     // by the weights of the present set, it is vetoed
	FateVoid                     // of a return or a trial's end: its binding does not serve any more; of a proposal: what it was judged against goes at the same height
	FateRevert                   // a trial that nobody confirmed ends
)

// Outcome is the fate of one proposal or, if Proposal is 0, of the return of Slot.
type Outcome struct {
	Proposal ProposalNumber
	Slot     string
	Fate     Fate
	Why      Why // of a FateReject
}

// Decide judges what is due at h on s, the state after h-1, and writes nothing. A proposal takes
// effect if its vetoes weigh no more than f of the present set and its readiness is a quorum of the
// next set; each is judged for itself. The validator set comes first, because the others are counted in
// it, then policies and parameters, because the others were judged against them. Returns need no readiness: a quorum was ready when the binding first served, and waiting
// would add risk instead of reducing it.
func Decide(env Environment, s State, h quoin.Height) Decision {
	return decide(&env, s, h, Flaws{})
}

func decide(env *Environment, s State, h quoin.Height, f Flaws) Decision {
	d := Decision{Height: h, flaws: f}
	due := h
	if f.LateActivation {
		due = h - 1
	}
	items := loadItems(s, due)
	if len(items) == 0 {
		return d
	}
	now := CurrentConfiguration(s)
	j := judgement{env: env, state: s, height: h, now: &now, next: now, flaws: f, proposals: make([]Proposal, len(items))}
	for i, it := range items {
		if it.proposal != 0 {
			j.proposals[i] = mustProposal(s, it.proposal)
		}
	}
	fates, whys := make([]Fate, len(items)), make([]Why, len(items))
	for i := range items {
		if j.proposals[i].Subject == SubjectValidators {
			set := &j.proposals[i].Validators
			if f.ReadyInOldSet {
				set = &now.Validators
			}
			fates[i], whys[i] = j.proposal(&j.proposals[i], set)
		}
	}
	for _, ground := range []bool{true, false} {
		for i, it := range items {
			slotName := j.slot(i, it)
			switch {
			case slotName == ValidatorsSlot || ground != (slotName == PoliciesSlot || slotName == ParametersSlot):
			case it.proposal == 0:
				fates[i] = j.giveBack(it.slot)
			case j.proposals[i].Status == StatusTrial:
				fates[i] = j.revert(&j.proposals[i])
			default:
				fates[i], whys[i] = j.proposal(&j.proposals[i], &j.next.Validators)
			}
		}
	}
	for i, it := range items {
		d.Outcomes = append(d.Outcomes, Outcome{it.proposal, j.slot(i, it), fates[i], whys[i]})
	}
	if slices.Contains(fates, FateActivate) || slices.Contains(fates, FateRevert) {
		j.next.Epoch, j.next.First = now.Epoch+1, h+1
		d.Next = &j.next
	}
	return d
}

// judgement is one call of Decide.
type judgement struct {
	env       *Environment
	state     State
	height    quoin.Height
	now       *quoin.Configuration
	next      quoin.Configuration
	proposals []Proposal // of the items; zero for a return
	changed   []string   // slots that have another binding in next already
	flaws     Flaws
}

func (j *judgement) slot(i int, it item) string {
	if it.proposal == 0 {
		return it.slot
	}
	return j.proposals[i].Slot()
}

func (j *judgement) proposal(p *Proposal, set *quoin.ValidatorSet) (Fate, Why) {
	if j.flaws.vetoed(j.state, &j.now.Validators, p) {
		return FateVeto, WhyVeto
	}
	if !j.flaws.KeepVotes && (slices.Contains(j.changed, p.Slot()) || basis(j.state, &j.next, p.Slot()) != p.Basis) {
		return FateVoid, WhyNone
	}
	if p.pastLife(j.height) {
		return FateReject, WhyEndOfLife
	}
	if !set.IsQuorum(readyWeight(j.state, j.now, set, p)) && !j.flaws.ActivateUnready {
		return j.later(p, WhyReadiness)
	}
	if !approved(j.env, j.state, j.now, j.height, p) || gate(j.env, j.state, j.now, j.height, p, policy.StepActivate) != OK && !j.flaws.ActivateUnjudged {
		return j.later(p, WhyPolicy)
	}
	next := p.apply(&j.next)
	if next.Check() != nil || p.Subject.governs() && checkGovernable(j.env, j.state, &next, j.height) != OK {
		return FateReject, WhyConfiguration
	}
	j.next = next
	j.changed = append(j.changed, p.Slot())
	return FateActivate, WhyNone
}

// later moves a proposal on, unless it was moved as often as it may.
func (j *judgement) later(p *Proposal, why Why) (Fate, Why) {
	if p.Moves >= j.now.Parameters.ActivationRetries {
		return FateReject, why
	}
	return FateMove, why
}

func (j *judgement) giveBack(slotName string) Fate {
	slot, _ := ReadSlot(j.state, slotName)
	if slot.Return.From != slot.Serving || slices.Contains(j.changed, slotName) || !j.restore(slotName, &slot.Return) {
		return FateVoid
	}
	if j.flaws.EmergencyActivates && slot.Open != 0 {
		p := mustProposal(j.state, slot.Open)
		j.next = p.apply(&j.next)
	}
	return FateActivate
}

// revert ends a trial that nobody confirmed.
func (j *judgement) revert(p *Proposal) Fate {
	slot, _ := ReadSlot(j.state, p.Slot())
	line := mustServed(j.state, p.Slot(), slot.Serving)
	if line.Proposal != p.Number || slices.Contains(j.changed, p.Slot()) || j.flaws.EndlessTrial {
		return FateVoid
	}
	j.restore(p.Slot(), &Return{From: slot.Serving, To: line.Before}) // of no unbinding: there is room for it
	return FateRevert
}

// restore brings back what a return names, if the configuration has room for it.
func (j *judgement) restore(slotName string, ret *Return) bool {
	target := returned(j.state, slotName, ret)
	next := target.apply(&j.next, slotName)
	if next.Check() != nil {
		return false
	}
	j.next = next
	j.changed = append(j.changed, slotName)
	return true
}

// apply returns the configuration in which a line of a slot's history serves.
func (x *Served) apply(c *quoin.Configuration, slotName string) quoin.Configuration {
	next := *c
	switch {
	case slotName == ParametersSlot:
		next.Parameters = x.Parameters
	case x.Bound:
		next = c.WithBinding(x.Binding)
	default:
		next = without(c, slotName)
	}
	return next
}

// Enact writes a decision. It belongs to executing d.Height: once, on the state that was decided
// on, before the height's faults are recorded and its commands applied, so that a command in the
// last block of an epoch comes too late to change what the block is.
func Enact(s State, d Decision) {
	if len(d.Outcomes) == 0 {
		return
	}
	putItems(s, d.Height, nil)
	now := CurrentConfiguration(s)
	if d.Next != nil {
		if _, exists := s.Get(EpochKey(d.Next.Epoch)); exists || d.Next.Epoch != now.Epoch+1 {
			panic(fmt.Sprintf("governance: epoch %d at height %d follows epoch %d", d.Next.Epoch, d.Height, now.Epoch))
		}
		putEpoch(s, d.Next)
	}
	for _, o := range d.Outcomes {
		if o.Proposal == 0 {
			enactReturn(s, &d, o)
		} else {
			enactProposal(s, &d, &now, o)
		}
	}
	if d.Next != nil && !d.flaws.KeepVotes {
		void(s, d.Next)
	}
	record(s, AuditDecision, d.Height, d.appendBinary(nil))
	if d.Next != nil {
		s.Put(AuditKey(d.Next.Epoch), ReadAudit(s).appendBinary(nil))
	}
}

// appendBinary appends the canonical bytes of what was decided.
func (d *Decision) appendBinary(b []byte) []byte {
	b = canonical.AppendUint16(b, uint16(len(d.Outcomes)))
	for _, o := range d.Outcomes {
		b = canonical.AppendBytes8(canonical.AppendUint64(b, o.Proposal), o.Slot)
		b = append(b, byte(o.Fate), byte(o.Why))
	}
	if d.Next != nil {
		b = d.Next.AppendBinary(b)
	}
	return b
}

func enactProposal(s State, d *Decision, now *quoin.Configuration, o Outcome) {
	p := mustProposal(s, o.Proposal)
	p.Due = 0 // the schedule of this height is gone
	switch o.Fate {
	case FateMove:
		p.Moves++
		p.Activation = d.Height + quoin.Height(now.Parameters.ActivationDelayHeights)
		p.Due, p.Ending.Why = p.Activation, o.Why
		putProposal(s, &p)
		putItem(s, p.Due, item{order: p.Order, proposal: p.Number})
	case FateReject:
		p.Ending = Ending{Why: o.Why, Height: d.Height}
		closeProposal(s, &p, EventDue, StatusRejected, d.Height)
	case FateVeto:
		p.Ending = Ending{Why: WhyVeto, Height: d.Height}
		closeProposal(s, &p, EventDue, StatusVetoed, d.Height)
	case FateActivate:
		p.Ending = Ending{}
		enactActivation(s, d, &p)
	case FateRevert:
		slot, _ := ReadSlot(s, o.Slot)
		before := mustServed(s, o.Slot, slot.Serving).Before
		putProposal(s, &p)
		p.Ending = Ending{Why: WhyUnconfirmed, Height: d.Height}
		line := returned(s, o.Slot, &Return{From: slot.Serving, To: before})
		line.Epoch, line.First, line.Cause = d.Next.Epoch, d.Next.First, CauseUnconfirmed
		closeProposal(s, &p, EventUnheard, StatusRolledBack, d.Height)
		serve(s, o.Slot, line)
	case FateVoid:
		putProposal(s, &p) // void begins it again
	}
}

func putItem(s State, at quoin.Height, it item) {
	items := append(loadItems(s, at), it)
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.order, b.order) })
	putItems(s, at, items)
}

// enactActivation lets what was proposed serve: on trial, with the trial's end in the schedule, or for
// good. If it replaces what was asked to go at this very height, that has gone: a return brings back what
// served before it.
func enactActivation(s State, d *Decision, p *Proposal) {
	slot, _ := ReadSlot(s, p.Slot())
	before := slot.Serving
	if line, ok := ReadServed(s, p.Slot(), slot.Serving); ok && line.Proposal != 0 {
		q := mustProposal(s, line.Proposal)
		if ret := &slot.Return; ret.From == slot.Serving && ret.To != 0 {
			before = ret.To
			closeProposal(s, &q, EventLeave, statusAfter(ret.Cause), d.Height)
		} else {
			q.become(EventReplace, StatusSuperseded)
			q.Ending = Ending{Why: WhyReplaced, Height: d.Height}
			putProposal(s, &q)
		}
	}
	if p.Plan.Trial > 0 {
		p.become(EventDue, StatusTrial)
		p.Due = d.Height + quoin.Height(p.Plan.Trial)
		putProposal(s, p)
		p.Order = enter(s, p.Due, item{proposal: p.Number})
		putProposal(s, p)
	} else {
		closeProposal(s, p, EventDue, StatusActive, d.Height)
	}
	serve(s, p.Slot(), Served{Epoch: d.Next.Epoch, First: d.Next.First, Cause: CauseProposal, Proposal: p.Number, Before: before,
		Bound: p.Subject.binds() || p.Subject == SubjectParameters, Binding: p.Binding, Parameters: p.Parameters})
}

func enactReturn(s State, d *Decision, o Outcome) {
	slot, _ := ReadSlot(s, o.Slot)
	ret := slot.Return
	slot.Return = Return{}
	putSlot(s, o.Slot, &slot)
	if o.Fate == FateVoid {
		return
	}
	if last := mustServed(s, o.Slot, ret.From); last.Proposal != 0 {
		p := mustProposal(s, last.Proposal)
		closeProposal(s, &p, EventLeave, statusAfter(ret.Cause), d.Height)
	}
	line := returned(s, o.Slot, &ret)
	if d.flaws.ReturnToAndFro {
		line.Before = ret.From
	}
	line.Epoch, line.First, line.Cause = d.Next.Epoch, d.Next.First, ret.Cause
	serve(s, o.Slot, line)
}

func statusAfter(c Cause) Status {
	switch c {
	case CauseQuarantine:
		return StatusQuarantined
	case CausePause:
		return StatusPaused
	}
	return StatusRolledBack
}

// serve adds a line to a slot's history. A proposal that a return brings back is what it was before.
func serve(s State, slotName string, line Served) {
	slot, _ := ReadSlot(s, slotName)
	if slot.Serving == 0 {
		// Nothing served here before, which is something that one can return to.
		putServed(s, slotName, &Served{Number: 1, Epoch: 1, First: 1, Cause: CauseGenesis})
		slot.Serving = 1
	}
	if line.Cause == CauseProposal {
		line.Before = max(line.Before, 1)
	} else if line.Proposal != 0 {
		p := mustProposal(s, line.Proposal)
		status := StatusActive
		if p.EndOfUse != 0 {
			status = StatusDeprecated
		}
		p.become(EventReturn, status)
		p.Ending = Ending{}
		putProposal(s, &p)
	}
	slot.Serving++
	line.Number = slot.Serving
	putServed(s, slotName, &line)
	putSlot(s, slotName, &slot)
}

// void sends back to their beginning the open proposals that are not judged against what they were:
// what was said of them was said of something else.
func void(s State, next *quoin.Configuration) {
	for _, n := range loadOpen(s) {
		p := mustProposal(s, n)
		if p.Status == StatusTrial {
			continue // it changed the basis itself
		}
		if b := basis(s, next, p.Slot()); b != p.Basis {
			unschedule(s, &p)
			p.restart(EventVoid)
			p.Basis = b
			if p.Subject == SubjectParameters {
				p.Class, _ = classOfParameters(&next.Parameters, &p.Parameters)
			}
			putProposal(s, &p)
		}
	}
}

func without(c *quoin.Configuration, slot string) quoin.Configuration {
	n := *c
	n.Bindings = slices.DeleteFunc(slices.Clone(c.Bindings), func(b quoin.Binding) bool { return b.Slot() == slot })
	return n
}
