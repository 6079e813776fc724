package execution

import (
	"crypto/sha256"
	"errors"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// What is in the shadow, and what served before a trial, runs beside what serves: each call of a block
// that execution makes or records is made once more to the other binding, on the same input. Both
// results are compared and the other one is discarded. Nothing of it bears on the block: comparisons
// come after all transactions, on an overlay and on instances of their own, and what they find is in
// neither the block nor the state.
//
// The fuel of a block's comparisons is bounded by the parameter shadow_max_fuel, in equal parts for
// what is watched. A call that would need more is skipped, on every node alike.

// Comparison is what one block's comparisons of a candidate and an incumbent found. A call at which the
// candidate faulted and the incumbent did not counts as a fault, any other difference as diverged.
// Without an incumbent nothing diverges.
type Comparison struct {
	Proposal governance.ProposalNumber
	Round    uint64
	Trial    bool // the candidate serves, and the incumbent runs beside it
	governance.Comparison
}

// Add makes c what was found in its heights and in those of next, which follow.
func (c *Comparison) Add(next *Comparison) {
	c.Compared, c.Diverged = c.Compared+next.Compared, c.Diverged+next.Diverged
	c.Faults, c.Skipped = c.Faults+next.Faults, c.Skipped+next.Skipped
	if c.First == 0 {
		c.First = next.First
	}
	c.Digest = sha256.Sum256(append(c.Digest[:], next.Digest[:]...))
}

// answer is one binding's answer to a call.
type answer struct {
	code   uint32 // of a result, so that faults are among them
	fault  bool
	output []byte
	writes quoin.Hash
	fuel   uint64
}

func (a *answer) equals(b *answer) bool {
	return a.code == b.code && string(a.output) == string(b.output) && a.writes == b.writes
}

func answered(code uint32, output []byte, o *plugin.Outcome) answer {
	if o.Fault != hook.FaultNone {
		return answer{code: quoin.ResultFault + uint32(o.Fault), fault: true, fuel: o.Fuel}
	}
	return answer{code: code, output: output, fuel: o.Fuel}
}

// besides is one watch's comparisons in one block.
type besides struct {
	Comparison
	height  quoin.Height
	serving *quoin.Binding // nil: nothing
	other   *quoin.Binding // that runs beside it; nil: nothing
	fuel    uint64         // left
	index   uint32         // of the next call
	table   *plugin.Table
}

// watch begins the comparisons of a block: it has the machines' writes traced that they need.
func (x *Executor) watch(o *Outcome, kernel *kernelState, watched []governance.Watch) {
	if len(watched) == 0 {
		x.c.Table.StopBeside()
		return
	}
	o.traces = map[string]*trace{}
	for i := range watched {
		b := watched[i].Candidate
		if b.Hook == hook.Machine.Name {
			o.traces[b.Namespace] = &trace{}
		}
		o.isSuspended(kernel, b.Namespace) // now: a suspension acts from the next block on
	}
}

// compare makes the comparisons of a block that was executed. One that this node cannot make, be it that
// a release is not compiled here or that the state cannot be read, is left out.
func (x *Executor) compare(o *Outcome, watched []governance.Watch, w *world, verdicts judgement) {
	for i := range watched {
		c := &watched[i]
		p := besides{Comparison: Comparison{Proposal: c.Proposal, Round: c.Round, Trial: c.Trial}, height: o.Block.Header().Height,
			serving: c.Incumbent, other: c.Candidate, fuel: x.tip.Configuration.Parameters.ShadowMaxFuel / uint64(len(watched)),
			table: x.c.Table.Beside()}
		if c.Trial {
			p.serving, p.other = x.bound(c.Candidate), c.Incumbent
			if p.serving == nil {
				p.other = nil // the slot is unbound: there are no calls
			}
		}
		if p.other != nil && x.c.Table.Ready(p.other) != nil || x.ask(o, &p, c.Slot, w, verdicts) != nil {
			x.c.Marks.Reach(&marks[markNotCompared])
			continue
		}
		x.c.Marks.Sometimes(&marks[markComparesAlike], p.Compared > 0 && p.Diverged+p.Faults == 0)
		x.c.Marks.Sometimes(&marks[markComparisonDiffers], p.Diverged+p.Faults > 0)
		x.c.Marks.Sometimes(&marks[markComparisonSkips], p.Skipped > 0)
		o.Comparisons = append(o.Comparisons, p.Comparison)
	}
}

// bound returns what of a candidate serves: nothing, if it is to unbind its slot.
func (x *Executor) bound(b *quoin.Binding) *quoin.Binding {
	serving, ok := x.tip.Configuration.Binding(b.Slot())
	if !ok {
		return nil
	}
	return serving
}

// ask makes the calls of a watch. Hooks that execution does not ask have none.
func (x *Executor) ask(o *Outcome, p *besides, slot string, w *world, verdicts judgement) error {
	if p.serving == nil && p.other == nil {
		return nil
	}
	switch name, namespace := quoin.SplitSlot(slot); name {
	case hook.Leader.Name:
		return x.compareLeader(o, p)
	case hook.Finality.Name:
		return x.compareFinality(o, p)
	case hook.Validation.Name:
		return x.compareValidation(o, p, namespace, w, verdicts)
	case hook.Machine.Name:
		return x.compareMachine(o, p, namespace, w, verdicts)
	}
	return nil
}

// limited returns the binding that runs beside with no more fuel than is left, and whether that is less
// than its own.
func (p *besides) limited(h *hook.Hook) (b quoin.Binding, cut bool) {
	b = *p.other
	own := h.FuelMax
	if b.FuelMax > 0 {
		own = min(own, b.FuelMax)
	}
	b.FuelMax = min(own, p.fuel)
	return b, p.fuel < own
}

// call makes one comparison: served is the answer of what serves, ask asks the binding it is given.
func (p *besides) call(h *hook.Hook, served *answer, ask func(b *quoin.Binding) (answer, error)) error {
	if p.other == nil {
		p.note(served, nil)
		return nil
	}
	b, cut := p.limited(h)
	if b.FuelMax == 0 {
		p.skip()
		return nil
	}
	a, err := ask(&b)
	if errors.Is(err, errBeside) {
		p.fuel -= b.FuelMax
		p.skip()
		return nil
	}
	if err != nil {
		return err
	}
	p.fuel -= min(p.fuel, a.fuel)
	switch {
	case cut && a.fuel >= b.FuelMax && a.code == quoin.ResultFault+uint32(hook.FaultFuel):
		p.skip()
	default:
		p.judge(served, &a)
	}
	return nil
}

// errShort ends a batch when there is no fuel for a further request.
var errShort = errors.New("too little fuel is left")

// short returns errShort if there are requests left, and too little fuel for one.
func (p *besides) short(b *quoin.Binding, left int) error {
	if left > 0 && p.fuel < b.FuelMax {
		return errShort
	}
	return nil
}

// judge compares the answer of what serves with that of what runs beside.
func (p *besides) judge(served, beside *answer) {
	switch {
	case p.Trial:
		p.note(served, beside)
	case p.serving == nil:
		p.note(beside, nil)
	default:
		p.note(beside, served)
	}
}

// skip leaves a call out.
func (p *besides) skip() {
	p.index++
	p.Skipped++
}

// note counts one comparison, and has the digest cover the candidate's answer.
func (p *besides) note(candidate, incumbent *answer) {
	p.Compared++
	differs := true
	switch {
	case candidate.fault && (incumbent == nil || !incumbent.fault):
		p.Faults++
	case incumbent != nil && !candidate.equals(incumbent):
		p.Diverged++
	default:
		differs = false
	}
	if differs && p.First == 0 {
		p.First = p.height
	}
	b := append(p.Digest[:], nil...)
	b = canonical.AppendUint32(canonical.AppendUint64(b, p.height), p.index)
	b = canonical.AppendUint64(canonical.AppendUint32(b, candidate.code), candidate.fuel)
	b = append(canonical.AppendBytes32(b, candidate.output), candidate.writes[:]...)
	p.Digest = sha256.Sum256(b)
	p.index++
}

func (x *Executor) compareLeader(o *Outcome, p *besides) error {
	h := o.Block.Header()
	if o.Leader.Rescue {
		return nil
	}
	served := leaderAnswer(uint32(o.Leader.Proposer), &plugin.Outcome{Fault: o.Leader.Fault, Fuel: o.Leader.Fuel})
	return p.call(&hook.Leader, &served, func(b *quoin.Binding) (answer, error) {
		q, err := x.leaderRequest(h.View, h.Parent, b)
		if err != nil {
			return answer{}, err
		}
		r, err := p.table.Lead(b, q)
		return leaderAnswer(r.Proposer, &r.Outcome), err
	})
}

func leaderAnswer(proposer uint32, o *plugin.Outcome) answer {
	return answered(0, canonical.AppendUint32(nil, proposer), o)
}

func (x *Executor) compareFinality(o *Outcome, p *besides) error {
	if o.Leader.Rescue {
		return nil
	}
	served := finalityAnswer(&o.delay)
	return p.call(&hook.Finality, &served, func(b *quoin.Binding) (answer, error) {
		q := x.finalityRequest(o)
		r, err := p.table.Delay(b, &q)
		return finalityAnswer(&r), err
	})
}

func finalityAnswer(r *plugin.DelayResult) answer {
	return answered(0, canonical.AppendUint32(canonical.AppendUint32(nil, r.Blocks), r.Milliseconds), &r.Outcome)
}

func (x *Executor) compareValidation(o *Outcome, p *besides, namespace string, w *world, verdicts judgement) error {
	if _, served := x.machine(namespace); !served || o.suspended[namespace] {
		return nil
	}
	h, transactions := o.Block.Header(), o.Block.Transactions()
	v := validated{verdicts: verdicts, state: &stateBefore{w, namespace}}
	for i := range transactions {
		if transactions[i].Namespace == namespace {
			v.of = append(v.of, i)
		}
	}
	v.request = func(i int) *hook.ValidationRequest {
		q := validationRequest(h.Height, h.Time, o.IDs[i], &transactions[i])
		return &q
	}
	done := 0
	if p.other != nil && p.table.Batches(p.other) {
		var err error
		if done, err = p.validateBatch(&v); err != nil {
			return err
		}
	}
	for _, i := range v.of[done:] {
		served := v.served(i)
		err := p.call(&hook.Validation, &served, func(b *quoin.Binding) (answer, error) {
			r, err := p.table.Validate(b, v.request(i), v.state)
			return validationAnswer(r.Code, &r.Outcome), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// validated is what one namespace's validation was asked in a block.
type validated struct {
	of       []int // the transactions
	verdicts judgement
	state    *stateBefore
	request  func(i int) *hook.ValidationRequest
}

func (v *validated) served(i int) answer {
	verdict := v.verdicts.of(i)
	return validationAnswer(verdict.code, &plugin.Outcome{Fault: verdict.fault, Fuel: verdict.fuel})
}

// validateBatch is to validations what compareBatch is to machines.
func (p *besides) validateBatch(v *validated) (done int, err error) {
	b, cut := p.limited(&hook.Validation)
	if cut || len(v.of) == 0 {
		return 0, nil
	}
	before, index := p.Comparison, p.index
	fault, err := p.table.ValidateBatch(&b, len(v.of), func(k int) *hook.ValidationRequest { return v.request(v.of[k]) }, v.state, func(k int, r plugin.ValidateResult) error {
		a, served := validationAnswer(r.Code, &r.Outcome), v.served(v.of[k])
		p.fuel -= min(p.fuel, a.fuel)
		p.judge(&served, &a)
		done++
		return p.short(&b, len(v.of)-done)
	})
	switch {
	case err == nil && fault == hook.FaultNone, errors.Is(err, errShort):
		return done, nil
	case err != nil:
		return 0, err
	}
	p.fuel -= min(p.fuel, b.FuelMax)
	p.Comparison, p.index = before, index
	return 0, nil
}

func validationAnswer(code uint32, o *plugin.Outcome) answer {
	return answered(0, canonical.AppendUint32(nil, code), o)
}
