package governance

import (
	"slices"

	"quoin.dev/quoin"
)

// oracle judges epochs from the commands that succeeded, without reading the state: every binding
// of a new epoch must have earned its place.
type oracle struct {
	now       quoin.Configuration
	next      *quoin.Configuration // from the block that is executing on
	proposals []*earned            // by number - 1
	stacks    map[string][]*quoin.Binding
	votes     map[string]map[quoin.PublicKey]bool // for a rollback, by slot, since it changed
	faults    map[string]int                      // by slot, in the present epoch
	returns   map[string]ordered                  // when it was asked
	clock     int                                 // orders schedules
}

type ordered struct {
	at    quoin.Height // last height before
	clock int
	cause Cause
	depth int // of the stack when it was asked
}

// earned is what a proposal has for it.
type earned struct {
	sent      Propose
	proposer  quoin.PublicKey
	approvals map[quoin.PublicKey]bool
	ready     map[quoin.PublicKey]quoin.Height
	vetoes    map[quoin.PublicKey]bool
	asked     quoin.Height // when it was scheduled
	due       ordered
	scheduled bool
	ended     bool
	moves     uint64
}

func newOracle(genesis *quoin.Configuration) *oracle {
	o := &oracle{now: *genesis, stacks: map[string][]*quoin.Binding{}, votes: map[string]map[quoin.PublicKey]bool{},
		faults: map[string]int{}, returns: map[string]ordered{}}
	for i := range genesis.Bindings {
		o.stacks[genesis.Bindings[i].Slot()] = []*quoin.Binding{&genesis.Bindings[i]}
	}
	return o
}

// applied notes a command that succeeded.
func (o *oracle) applied(w *world, signer quoin.PublicKey, c Command, x quoin.Result) {
	switch c := c.(type) {
	case Propose:
		o.proposals = append(o.proposals, &earned{sent: c, proposer: signer, approvals: map[quoin.PublicKey]bool{},
			ready: map[quoin.PublicKey]quoin.Height{}, vetoes: map[quoin.PublicKey]bool{}})
		if len(x.Output) != 8 || int(binaryHeight(x.Output)) != len(o.proposals) {
			w.fail("proposal numbered %x, want %d", x.Output, len(o.proposals))
		}
	case Approve:
		o.proposals[c.Proposal-1].approvals[signer] = true
		if c.Height != 0 {
			o.schedule(w, c.Proposal, c.Height)
		}
	case Schedule:
		o.schedule(w, c.Proposal, c.Height)
	case Ready:
		o.proposals[c.Proposal-1].ready[signer] = w.height
	case Veto:
		p := o.proposals[c.Proposal-1]
		p.vetoes[signer] = true
		if o.weight(&o.now.Validators, func(k quoin.PublicKey) bool { return p.vetoes[k] }) > o.now.Validators.FaultBound() {
			p.ended = true
			w.seen["vetoed"]++
		}
	case Cancel:
		o.proposals[c.Proposal-1].ended = true
	case Rollback:
		o.rollback(w, signer, c.Slot, x)
	}
}

func (o *oracle) schedule(w *world, n ProposalNumber, at quoin.Height) {
	p := o.proposals[n-1]
	o.clock++
	p.scheduled, p.asked, p.due = true, w.height, ordered{at: at, clock: o.clock}
}

func (o *oracle) rollback(w *world, signer quoin.PublicKey, slot string, x quoin.Result) {
	if o.votes[slot] == nil {
		o.votes[slot] = map[quoin.PublicKey]bool{}
	}
	o.votes[slot][signer] = true
	enough := o.now.Holds(signer, quoin.RoleApprover) ||
		o.weight(&o.now.Validators, func(k quoin.PublicKey) bool { return o.votes[slot][k] }) > o.now.Validators.FaultBound()
	if enough != (len(x.Output) == 8) {
		w.fail("rollback of %s: scheduled %v, want %v", slot, len(x.Output) == 8, enough)
	}
	if enough {
		o.clock++
		o.returns[slot] = ordered{w.height + 1, o.clock, CauseRollback, len(o.stacks[slot])}
	}
}

// fault counts a fault and expects a quarantine when there is something to go back to.
func (o *oracle) fault(w *world, slot string) {
	b, bound := o.now.Binding(slot)
	if !bound {
		return
	}
	o.faults[slot]++
	stack := o.stacks[slot]
	if _, asked := o.returns[slot]; asked || o.faults[slot] < FaultsMax {
		return
	}
	if top := stack[len(stack)-1]; top == nil || !equalBindings(top, b) {
		return // it goes already
	}
	if target := o.target(slot); target != nil && equalBindings(target, b) || len(stack) < 2 && target == nil {
		return
	}
	o.clock++
	o.returns[slot] = ordered{w.height + 1, o.clock, CauseQuarantine, len(stack)}
}

// target is what a return of the slot brings back; nil for nothing.
func (o *oracle) target(slot string) *quoin.Binding {
	stack := o.stacks[slot]
	if len(stack) > 1 {
		return stack[len(stack)-2]
	}
	if top := stack[len(stack)-1]; slot == "leader.v1" && top != nil {
		return &quoin.Binding{Hook: slot, Builtin: "round-robin", FuelMax: top.FuelMax}
	}
	return nil
}

// due judges what the code decided for the height that begins.
func (o *oracle) due(w *world, d Decision) {
	if o.next != nil {
		o.now, o.next = *o.next, nil
		clear(o.faults)
	}
	if o.now.First > w.height {
		w.fail("epoch %d from %d is in force", o.now.Epoch, o.now.First)
	}
	type change struct {
		clock int
		apply func(c *quoin.Configuration)
	}
	var changes []change
	next := o.now
	for _, p := range o.proposals { // the set first: the others are counted in it
		if p.isDue(w.height) && p.sent.Subject == SubjectValidators && o.judge(w, p, &p.sent.Validators) {
			next.Validators = p.sent.Validators
			w.seen["set changed"]++
			changes = append(changes, change{p.due.clock, func(*quoin.Configuration) {}})
		}
	}
	for _, p := range o.proposals {
		if p.isDue(w.height) && p.sent.Subject != SubjectValidators && o.judge(w, p, &next.Validators) {
			changes = append(changes, change{p.due.clock, func(c *quoin.Configuration) {
				slot := p.sent.Binding.Slot()
				if o.stacks[slot] == nil {
					o.stacks[slot] = []*quoin.Binding{nil}
				}
				o.push(slot, append(o.stacks[slot], &p.sent.Binding))
				*c = c.WithBinding(p.sent.Binding)
			}})
		}
	}
	// Slots stand in a fixed order only so that a seed always gives the same run.
	for _, slot := range []string{"leader.v1", "machine.v1/kv", "machine.v1/bank", "machine.v1/none"} {
		r, ok := o.returns[slot]
		if !ok || r.at != w.height {
			continue
		}
		delete(o.returns, slot)
		changes = append(changes, change{r.clock, func(c *quoin.Configuration) { o.giveBack(w, slot, r, c) }})
	}
	slices.SortFunc(changes, func(a, b change) int { return a.clock - b.clock })
	voided := w.seen["voided"]
	for _, x := range changes {
		x.apply(&next)
	}
	if len(changes) == w.seen["voided"]-voided { // none, or void
		if d.Next != nil {
			w.fail("an epoch begins and nothing earned it")
		}
		return
	}
	next.Epoch, next.First = o.now.Epoch+1, w.height+1
	if d.Next == nil || d.Next.Digest() != next.Digest() {
		w.fail("the next epoch is not what was earned")
		return
	}
	o.next = &next
}

func (o *oracle) push(slot string, stack []*quoin.Binding) {
	o.stacks[slot] = stack
	delete(o.votes, slot)
}

func (o *oracle) giveBack(w *world, slot string, r ordered, c *quoin.Configuration) {
	stack := o.stacks[slot]
	if len(stack) != r.depth {
		w.seen["voided"]++
		return
	}
	w.seen[r.cause.String()]++
	target := o.target(slot)
	if len(stack) > 1 {
		stack = stack[:len(stack)-1]
	} else {
		stack = []*quoin.Binding{target}
	}
	o.push(slot, stack)
	if target == nil {
		w.seen["unbound"]++
		*c = without(c, slot)
		return
	}
	*c = c.WithBinding(*target)
}

func (p *earned) isDue(h quoin.Height) bool { return p.scheduled && !p.ended && p.due.at == h }

// judge says whether a proposal has what it takes to take effect in set, and moves or ends it.
func (o *oracle) judge(w *world, p *earned, set *quoin.ValidatorSet) bool {
	approvers, approved := o.now.Holders(quoin.RoleApprover), 0
	required := max(1, min(2, len(approvers)))
	for _, a := range approvers {
		if p.approvals[a] && a != p.proposer && (p.sent.Subject != SubjectRelease || a != p.sent.Release.Author) {
			approved++
		}
	}
	notice := quoin.Height(w.genesis.Parameters.NoticeHeights)
	vetoes := o.weight(&o.now.Validators, func(k quoin.PublicKey) bool { return p.vetoes[k] })
	ready := o.weight(set, func(k quoin.PublicKey) bool {
		at, ok := p.ready[k]
		return ok && (p.sent.Subject != SubjectValidators || at >= o.now.First)
	})
	switch {
	case approved < required:
		w.fail("a proposal with %d approvals of %d is scheduled", approved, required)
		p.ended = true
	case p.due.at < p.asked+notice:
		w.fail("a proposal scheduled at %d is due at %d", p.asked, p.due.at)
		p.ended = true
	case vetoes > o.now.Validators.FaultBound():
		w.seen["vetoed late"]++
		p.ended = true
	case 3*ready <= 2*set.Total() && p.moves == w.genesis.Parameters.ActivationRetries:
		w.seen["rejected"]++
		p.ended = true
	case 3*ready <= 2*set.Total():
		w.seen["moved"]++
		p.moves++
		p.due.at += quoin.Height(w.genesis.Parameters.ActivationDelayHeights)
	default:
		w.seen["activated"]++
		p.ended = true
		return true
	}
	return false
}

func (o *oracle) weight(set *quoin.ValidatorSet, has func(quoin.PublicKey) bool) uint64 {
	weight := uint64(0)
	for _, v := range set.All() {
		if has(v.Key) {
			weight += v.Weight
		}
	}
	return weight
}
