package governance

import (
	"cmp"
	"fmt"
	"slices"

	"quoin.dev/quoin"
)

// Boundary reports whether h is the last height of its epoch and, if so, the configuration of the
// next. s is the state after h-1.
func Boundary(s State, h quoin.Height) (next *quoin.Configuration, changed bool) {
	d := Decide(s, h)
	return d.Next, d.Next != nil
}

// Decision is what becomes of everything that is due at one height.
type Decision struct {
	Height   quoin.Height
	Next     *quoin.Configuration // of the epoch that begins after Height; nil if none does
	Outcomes []Outcome            // in ledger order
}

// Fate says what becomes of one thing that is due.
type Fate byte

// The fates.
const (
	FateActivate Fate = iota + 1 // it takes effect after the height
	FateMove                     // too few are ready: it moves to a later height
	FateReject                   // too few were ready too often, its life ended, or the configuration would be invalid
	FateVeto                     // by the weights of the present set, it is vetoed
	FateVoid                     // a return whose binding does not serve any more
)

// Outcome is the fate of one proposal or, if Proposal is 0, of the return of Slot.
type Outcome struct {
	Proposal ProposalNumber
	Slot     string
	Fate     Fate
}

// Decide judges what is due at h on s, the state after h-1, and writes nothing. A proposal takes
// effect if its vetoes weigh no more than f of the present set and its readiness is a quorum of the
// next set; each is judged for itself, the validator set first, because the others are counted in
// it. Returns need no readiness: a quorum was ready when the binding first served, and waiting
// would add risk instead of reducing it.
func Decide(s State, h quoin.Height) Decision { return decide(s, h, Flaws{}) }

func decide(s State, h quoin.Height, f Flaws) Decision {
	d := Decision{Height: h}
	due := h
	if f.LateActivation {
		due = h - 1
	}
	items := loadItems(s, due)
	if len(items) == 0 {
		return d
	}
	now := CurrentConfiguration(s)
	j := judgement{state: s, height: h, now: &now, next: now, flaws: f, proposals: make([]Proposal, len(items))}
	for i, it := range items {
		if it.proposal != 0 {
			j.proposals[i] = mustProposal(s, it.proposal)
		}
	}
	fates := make([]Fate, len(items))
	for i := range items {
		if j.proposals[i].Subject == SubjectValidators {
			set := &j.proposals[i].Validators
			if f.ReadyInOldSet {
				set = &now.Validators
			}
			fates[i] = j.proposal(&j.proposals[i], set)
		}
	}
	for i, it := range items {
		switch {
		case it.proposal == 0:
			fates[i] = j.giveBack(it.slot)
		case j.proposals[i].Subject != SubjectValidators:
			fates[i] = j.proposal(&j.proposals[i], &j.next.Validators)
		}
		d.Outcomes = append(d.Outcomes, Outcome{it.proposal, j.slot(i, it), fates[i]})
	}
	if slices.Contains(fates, FateActivate) {
		j.next.Epoch, j.next.First = now.Epoch+1, h+1
		d.Next = &j.next
	}
	return d
}

// judgement is one call of Decide.
type judgement struct {
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

func (j *judgement) proposal(p *Proposal, set *quoin.ValidatorSet) Fate {
	if j.flaws.vetoed(j.state, &j.now.Validators, p.Number) {
		return FateVeto
	}
	if p.pastLife(j.height) {
		return FateReject
	}
	if !set.IsQuorum(readyWeight(j.state, j.now, set, p)) {
		if p.Moves >= j.now.Parameters.ActivationRetries {
			return FateReject
		}
		return FateMove
	}
	next := j.next
	if p.Subject == SubjectValidators {
		next.Validators = p.Validators
	} else {
		next = j.next.WithBinding(p.Binding)
	}
	if next.Check() != nil {
		return FateReject
	}
	j.next = next
	j.changed = append(j.changed, p.Slot())
	return FateActivate
}

func (j *judgement) giveBack(slotName string) Fate {
	slot, _ := ReadSlot(j.state, slotName)
	if slot.Return.From != slot.Serving || slices.Contains(j.changed, slotName) {
		return FateVoid
	}
	target := returned(j.state, slotName, &slot.Return)
	if target.Bound {
		j.next = j.next.WithBinding(target.Binding)
	} else {
		j.next = without(&j.next, slotName)
	}
	j.changed = append(j.changed, slotName)
	return FateActivate
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
}

func enactProposal(s State, d *Decision, now *quoin.Configuration, o Outcome) {
	p := mustProposal(s, o.Proposal)
	switch o.Fate {
	case FateMove:
		p.Moves++
		p.Activation = d.Height + quoin.Height(now.Parameters.ActivationDelayHeights)
		putProposal(s, &p)
		items := append(loadItems(s, p.Activation), item{order: p.Order, proposal: p.Number})
		slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.order, b.order) })
		putItems(s, p.Activation, items)
	case FateReject:
		closeProposal(s, &p, StatusRejected, d.Height)
	case FateVeto:
		closeProposal(s, &p, StatusVetoed, d.Height)
	case FateActivate:
		closeProposal(s, &p, StatusActive, d.Height)
		if p.Subject != SubjectValidators {
			serve(s, o.Slot, StatusRetired, Served{Epoch: d.Next.Epoch, First: d.Next.First, Cause: CauseProposal,
				Proposal: p.Number, Bound: true, Binding: p.Binding})
		}
	}
}

func enactReturn(s State, d *Decision, o Outcome) {
	slot, _ := ReadSlot(s, o.Slot)
	ret := slot.Return
	slot.Return = Return{}
	putSlot(s, o.Slot, &slot)
	if o.Fate == FateVoid {
		return
	}
	line := returned(s, o.Slot, &ret)
	line.Epoch, line.First, line.Cause = d.Next.Epoch, d.Next.First, ret.Cause
	status := StatusRolledBack
	if ret.Cause == CauseQuarantine {
		status = StatusQuarantined
	}
	serve(s, o.Slot, status, line)
}

// serve adds a line to a slot's history. The proposal whose binding served until now gets status.
func serve(s State, slotName string, status Status, line Served) {
	slot, _ := ReadSlot(s, slotName)
	if slot.Serving == 0 {
		// Nothing served here before, which is something that one can return to.
		putServed(s, slotName, &Served{Number: 1, Epoch: 1, First: 1, Cause: CauseGenesis})
		slot.Serving = 1
	}
	last := mustServed(s, slotName, slot.Serving)
	if last.Proposal != 0 {
		p := mustProposal(s, last.Proposal)
		p.Status = status
		putProposal(s, &p)
	}
	if line.Cause == CauseProposal {
		line.Before = last.Number
	} else if line.Proposal != 0 {
		p := mustProposal(s, line.Proposal)
		p.Status = StatusActive
		putProposal(s, &p)
	}
	line.Number = last.Number + 1
	slot.Serving = line.Number
	putServed(s, slotName, &line)
	putSlot(s, slotName, &slot)
}

func without(c *quoin.Configuration, slot string) quoin.Configuration {
	n := *c
	n.Bindings = slices.DeleteFunc(slices.Clone(c.Bindings), func(b quoin.Binding) bool { return b.Slot() == slot })
	return n
}
