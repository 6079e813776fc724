package replica

import (
	"maps"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
)

// kernelView is what the replica last saw of the kernel's state, and what it said about it.
type kernelView struct {
	scheduled bool // an activation or a return lies ahead
	tried     bool // a shadow or a trial is under way
	trial     bool // a trial is
	releases  []quoin.Hash
	verdicts  verdicts
	proposed  quoin.ValidatorSet // that is open

	open       []governance.Proposal
	serving    []Standing
	deprecated []governance.Deprecation
	warned     map[governance.ProposalNumber]warning

	said map[word]quoin.Height // expiry of what was sent, of each
}

// word is something that a validator says of a proposal once in a round.
type word struct {
	proposal governance.ProposalNumber
	round    uint64
	kind     governance.Kind
	through  quoin.Height // of reports
}

// triedPaceMS is how often an idle chain makes a block as long as something is tried: heights have to come,
// or no trial would end, and not faster than people and reports can follow.
const triedPaceMS = 100

// again forgets that readiness was said: for a validator set it has to be in every epoch.
func (v *kernelView) again() {
	maps.DeleteFunc(v.said, func(w word, _ quoin.Height) bool { return w.kind == governance.KindReady })
}

// look reads the certified kernel state: which releases this node should have, what is under way, and
// on which proposals it has something to say.
func (r *Replica) look(out *Output) {
	k := kernelReader{r.chain.state}
	v := &r.kernelView
	h := r.exec.Tip().Height
	if v.said == nil {
		v.said = map[word]quoin.Height{}
	}
	maps.DeleteFunc(v.said, func(_ word, expiry quoin.Height) bool { return expiry <= h })
	open := governance.OpenProposals(k)
	v.open, v.serving = open, r.standing(k)
	before := v.tried
	v.scheduled, v.tried, v.trial = r.returning(k), false, false
	v.proposed = quoin.ValidatorSet{}
	out.Timed = []string{}
	for i := range open {
		p := &open[i]
		if p.Subject == governance.SubjectValidators {
			v.proposed = p.Validators
		}
		v.trial = v.trial || p.Status == governance.StatusTrial
		if p.Binding.Hook != "" {
			out.Timed = append(out.Timed, p.Slot()) // from now on, so that it is known how it was before
		}
		v.scheduled = v.scheduled || p.Status == governance.StatusScheduled
		v.tried = v.tried || r.runs(p, h)
	}
	if v.tried && !before {
		r.beat(out)
	}
	active := r.active(k, h)
	for i := range active {
		if p := &active[i]; p.Binding.Hook != "" && r.recent(p, h) {
			out.Timed = append(out.Timed, p.Slot())
		}
	}
	r.pulse.time(out.Timed, h)
	r.warn(k, h, out)
	v.releases = r.needed(k, open)
	out.Releases = v.releases
	v.verdicts.keep(open, v.releases)
	out.DryCalls = []DryCall{}
	if r.member(open) {
		for i := range open {
			r.voice(k, &open[i], h, out)
		}
	}
}

// voice says what this validator has to say of a proposal by itself.
func (r *Replica) voice(k governance.State, p *governance.Proposal, h quoin.Height, out *Output) {
	var say governance.Command
	switch p.Status {
	case governance.StatusProposed, governance.StatusPrechecked, governance.StatusApproved:
		if !r.isValidator() || governance.Prechecked(k, p, r.self) {
			return
		}
		if code, ok := r.precheck(p, out); ok {
			say = governance.Precheck{Proposal: p.Number, Code: code, Restarts: p.Restarts()}
		}
	case governance.StatusScheduled:
		if governance.Attested(k, p, r.self) {
			return
		}
		if r.isReady(p) {
			say = governance.Ready{Proposal: p.Number, Restarts: p.Restarts()}
		}
	default:
		return
	}
	if say == nil {
		r.c.Marks.Reach(&marks[markNotReady])
		return
	}
	r.say(word{proposal: p.Number, round: p.Round, kind: say.Kind()}, say, h, out)
}

// returning reports whether something that serves is about to go.
func (r *Replica) returning(k governance.State) bool {
	slots := []string{governance.ParametersSlot}
	for _, b := range r.exec.Configuration().Bindings {
		slots = append(slots, b.Slot())
	}
	return slices.ContainsFunc(slots, func(slot string) bool {
		s, _ := governance.ReadSlot(k, slot)
		return s.Return.Cause != 0
	})
}

// runs reports whether a proposal waits for heights to come: for those of its shadow, with what is
// reported of them, or of its trial.
func (r *Replica) runs(p *governance.Proposal, h quoin.Height) bool {
	switch p.Status {
	case governance.StatusTrial:
		return true
	case governance.StatusShadow:
		interval := r.exec.Configuration().Parameters.ReportHeights
		return uint64(h) < uint64(p.ShadowFrom)+p.Plan.Shadow+2*interval
	}
	return false
}

// needed returns the releases that this node should have: of what serves, of what is proposed, and of
// what a return would bring back, which may be asked for at any time and takes effect at once.
func (r *Replica) needed(k governance.State, open []governance.Proposal) []quoin.Hash {
	releases := []quoin.Hash{}
	need := func(b *quoin.Binding) {
		if !b.Release.IsZero() && !slices.Contains(releases, b.Release) {
			releases = append(releases, b.Release)
		}
	}
	before := func(slot string) {
		s, _ := governance.ReadSlot(k, slot)
		line, _ := governance.ReadServed(k, slot, s.Serving)
		for _, n := range []governance.HistoryNumber{line.Before, s.Return.To} {
			if line, ok := governance.ReadServed(k, slot, n); ok {
				need(&line.Binding)
			}
		}
	}
	bindings := r.exec.Configuration().Bindings
	for i := range bindings {
		need(&bindings[i])
		before(bindings[i].Slot())
	}
	for i := range open {
		need(&open[i].Binding)
		before(open[i].Slot())
	}
	for _, h := range hook.All() {
		before(h.Name) // also where nothing serves any more
	}
	return releases
}

// member reports whether this node's word on readiness counts: it is a validator, or is proposed as
// one.
func (r *Replica) member(open []governance.Proposal) bool {
	if r.c.Signer == nil {
		return false
	}
	return r.isValidator() || slices.ContainsFunc(open, func(p governance.Proposal) bool {
		_, ok := p.Validators.Index(r.self)
		return p.Subject == governance.SubjectValidators && ok
	})
}

func (r *Replica) isValidator() bool {
	_, ok := r.exec.Configuration().Validators.Index(r.self)
	return ok && r.c.Signer != nil
}

// isReady reports whether this node can run what a scheduled proposal brings, now. For a validator set,
// this node has the state, or it would not know of the proposal, and must have every release in use.
func (r *Replica) isReady(p *governance.Proposal) bool {
	switch p.Subject {
	case governance.SubjectRelease, governance.SubjectBuiltin:
		code, ok := r.fits(p)
		return ok && code == governance.PrecheckPassed
	case governance.SubjectValidators:
		return r.hasBindings()
	case governance.SubjectParameters:
		return r.runsParameters(p)
	}
	return true
}

// say sends what this validator has to say, unless it did so and the transaction may still come.
func (r *Replica) say(w word, c governance.Command, h quoin.Height, out *Output) {
	if r.kernelView.said[w] > h {
		return
	}
	t := quoin.Transaction{Sender: r.self, Salt: uint64(w.proposal)<<24 | w.round<<8&0xffff00 | uint64(w.kind), Expiry: h + quoin.Height(r.exec.Configuration().Parameters.ExpiryWindowHeights)/2,
		Namespace: quoin.KernelNamespace, Payload: governance.Encode(c)}
	t.Signature = r.c.Signer.Sign(quoin.TransactionSigningBytes(t.ID(r.originID)))
	if a := r.pool.admit([]quoin.Transaction{t}, true, r.machine.Status().View, r.epoch, r.judge); a[0].Code == RefusedFull {
		return // it is said when there is room
	}
	r.c.Marks.Reach(&marks[markAttested])
	r.kernelView.said[w] = t.Expiry
	r.forward([]quoin.Transaction{t}, out)
}
