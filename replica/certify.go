package replica

import (
	"errors"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

func isInvalid(err error) bool { return errors.Is(err, execution.ErrInvalid) }

// certified writes certified blocks to the store, as one batch each, and asks for it to be synced.
// Only then are they reported.
func (r *Replica) certified(c consensus.Certified, out *Output) {
	outcomes := make([]*execution.Outcome, 0, len(c.Blocks))
	for _, b := range c.Blocks {
		o, ok := r.exec.Outcome(b.ID())
		if !ok {
			panic("replica: a block was certified that was not executed: " + b.ID().String())
		}
		outcomes = append(outcomes, o)
	}
	r.c.Marks.Sometimes(&marks[markCertifiedSeveral], len(outcomes) > 1)
	r.accounts.keep(outcomes)
	certificate := c.Certificate
	epoch := r.epoch
	if err := r.chain.commit(outcomes, &certificate, r.exec.Seed, r.exec.Advance); err != nil {
		out.Fatal = err
		return
	}
	kernel, suspended := false, false
	for _, o := range outcomes {
		if o.Tail() {
			continue
		}
		r.pool.remove(o.IDs)
		r.pool.advance(o.Checkpoint.Height)
		r.unsynced = append(r.unsynced, Finished{Block: o.Block, IDs: o.IDs, Results: o.Results, Checkpoint: o.Checkpoint, Certificate: &certificate, Delay: o.Delay})
		r.stats.Blocks++
		r.stats.Transactions += uint64(len(o.IDs))
		kernel = r.note(o, out) || kernel
		if o.Suspended != "" {
			r.c.Marks.Reach(&marks[markSuspended])
			suspended = true
			r.pool.removeNamespace(o.Suspended)
		}
	}
	h := r.exec.Tip().Height
	r.pool.configure(&r.exec.Configuration().Parameters, h, r.exec.Seen())
	out.Sync = h
	r.splits.forget(h)
	r.beat(out)
	if suspended || c.Ended {
		r.pool.removeSuspensions(func(t *quoin.Transaction) bool {
			namespace, err := r.exec.Judge(t.Payload)
			return err != nil || r.exec.Suspended(nil, namespace)
		})
	}
	if c.Ended {
		r.c.Marks.Reach(&marks[markEpochEnded])
		r.splits.endEpoch()
		r.kernelView.said = nil // readiness for a validator set has to be said again in every epoch
		out.Events = append(out.Events, Event{Kind: EpochBegan, Epoch: epoch + 1, Height: h})
	}
	if kernel || c.Ended {
		clear(r.suspended)
	}
	if kernel || c.Ended || r.kernelView.scheduled || h%64 == 0 {
		r.look(out)
	}
}

// note counts and reports what a certified block shows, and says whether it changed the kernel's
// state in a way that look should see.
func (r *Replica) note(o *execution.Outcome, out *Output) bool {
	kernel := o.Suspended != ""
	h := o.Block.Header()
	if o.Suspended != "" {
		out.Events = append(out.Events, Event{Kind: Suspended, Height: h.Height, Reason: o.Suspended})
	}
	for _, f := range o.Faults {
		kernel = true
		e := Event{Kind: EventKind(f.Kind), View: h.View, Height: h.Height, Reason: f.Fault.String()}
		switch f.Kind {
		case execution.LeaderFault:
			r.stats.LeaderFaults++
		case execution.FinalityFault:
			r.stats.FinalityFaults++
		case execution.TrialFault:
			e.Reason = f.Slot + ": " + e.Reason
		case execution.BatchFault:
			r.stats.BatchFaults++
			e.Reason = f.Slot + ": " + e.Reason
		}
		out.Events = append(out.Events, e)
	}
	for i, t := range o.Block.Transactions() {
		if t.Kernel() {
			kernel = true
		} else if code := o.Results[i].Code; code > quoin.ResultFault && code < execution.ResultNoMachine {
			r.c.Marks.Reach(&marks[markMachineFault])
			r.stats.MachineFaults++
			out.Events = append(out.Events, Event{Kind: MachineFaulted, Height: h.Height, Reason: hook.Fault(code - quoin.ResultFault).String()})
		}
	}
	return kernel
}

// synced reports the blocks that have become durable.
func (r *Replica) synced(in Synced, out *Output) {
	n := 0
	for n < len(r.unsynced) && r.unsynced[n].Checkpoint.Height <= in.Height {
		n++
	}
	out.Finished = append(out.Finished, r.unsynced[:n]...)
	r.c.Marks.Sometimes(&marks[markSyncedLate], n > 0 && n < len(r.unsynced))
	r.unsynced = append(r.unsynced[:0:0], r.unsynced[n:]...)
	if r.logBytes > r.c.LogBytesMax && len(r.unsynced) == 0 {
		r.logBytes = 0
		r.c.Marks.Reach(&marks[markPrune])
		out.Prune = true
	}
}

// Snapshot returns the records that a restart needs when all older ones are gone. It is meant for
// Output.Prune.
func (r *Replica) Snapshot() []LogRecord {
	var records []LogRecord
	for _, record := range r.machine.Snapshot() {
		records = append(records, newLogRecord(r.epoch, record))
	}
	return records
}

// kernelView is what the replica last saw of the kernel's state.
type kernelView struct {
	scheduled bool // an activation lies ahead
	releases  []quoin.Hash
	said      map[word]quoin.Height // expiry of what was sent, of each
}

// word is what a validator says of a proposal once in a round.
type word struct {
	proposal governance.ProposalNumber
	round    uint64
	kind     governance.Kind
}

// look reads the certified kernel state: which releases this node should have, whether an
// activation is scheduled, and which proposals it can attest its readiness for.
func (r *Replica) look(out *Output) {
	k := kernelReader{r.chain.state}
	v := &r.kernelView
	if v.said == nil {
		v.said = map[word]quoin.Height{}
	}
	h := r.exec.Tip().Height
	v.scheduled = false
	releases := []quoin.Hash{}
	for _, b := range r.exec.Configuration().Bindings {
		if !b.Release.IsZero() {
			releases = append(releases, b.Release)
		}
	}
	open := governance.OpenProposals(k)
	member := r.member(open)
	for _, p := range open {
		if p.Status == governance.StatusScheduled {
			v.scheduled = true
		}
		if !p.Binding.Release.IsZero() {
			releases = append(releases, p.Binding.Release)
		}
		if !member {
			continue
		}
		var say governance.Command
		switch {
		case p.Status == governance.StatusProposed && !governance.Prechecked(k, &p, r.self):
			say = governance.Precheck{Proposal: p.Number}
		case p.Status == governance.StatusScheduled && !governance.Attested(k, &p, r.self):
			say = governance.Ready{Proposal: p.Number}
		default:
			continue
		}
		if !r.vouches(&p) {
			r.c.Marks.Reach(&marks[markNotReady])
			continue
		}
		r.say(word{p.Number, p.Round, say.Kind()}, say, h, out)
	}
	for _, b := range r.exec.Configuration().Bindings {
		if s, ok := governance.ReadSlot(k, b.Slot()); ok && s.Return.Cause != 0 {
			v.scheduled = true
			if line, ok := governance.ReadServed(k, b.Slot(), s.Return.To); ok && !line.Binding.Release.IsZero() {
				releases = append(releases, line.Binding.Release)
			}
		}
	}
	v.releases = releases
	out.Releases = releases
}

// member reports whether this node's word on readiness counts: it is a validator, or is proposed as
// one.
func (r *Replica) member(open []governance.Proposal) bool {
	if r.c.Signer == nil {
		return false
	}
	if _, ok := r.exec.Configuration().Validators.Index(r.self); ok {
		return true
	}
	return slices.ContainsFunc(open, func(p governance.Proposal) bool {
		_, ok := p.Validators.Index(r.self)
		return p.Subject == governance.SubjectValidators && ok
	})
}

// vouches reports whether this node can run what a proposal brings. A release must be here, compiled,
// and be what the proposal says of it: governance never sees the module. For a validator set, this
// node has the state, or it would not know of the proposal, and must have every release in use.
func (r *Replica) vouches(p *governance.Proposal) bool {
	switch p.Subject {
	case governance.SubjectParameters, governance.SubjectMembers, governance.SubjectPolicies, governance.SubjectUnbind:
		return true
	case governance.SubjectBuiltin:
		return r.c.Table.Ready(&p.Binding) == nil
	case governance.SubjectValidators:
		for i := range r.exec.Configuration().Bindings {
			if r.c.Table.Ready(&r.exec.Configuration().Bindings[i]) != nil {
				return false
			}
		}
		return true
	}
	release, ok := r.c.Table.Release(p.Binding.Release)
	if !ok {
		return false
	}
	m, x := release.Manifest(), &p.Release
	return m.Name == x.Name && m.Version == x.Version && m.Sequence == x.Sequence && m.Author == x.Author &&
		quoin.Height(m.EndOfLife) == x.EndOfLife && uint64(release.Report().FileBytes) == x.Size && plugin.Fits(m, &p.Binding) == nil
}

// say sends what this validator has to say, unless it did so and the transaction may still come.
func (r *Replica) say(w word, c governance.Command, h quoin.Height, out *Output) {
	if r.kernelView.said[w] > h {
		return
	}
	t := quoin.Transaction{Sender: r.self, Salt: uint64(w.proposal)<<24 | w.round<<8&0xffff00 | uint64(w.kind), Expiry: h + quoin.Height(r.exec.Configuration().Parameters.ExpiryWindowHeights)/2,
		Namespace: quoin.KernelNamespace, Payload: governance.Encode(c)}
	t.Signature = r.c.Signer.Sign(quoin.TransactionSigningBytes(t.ID(r.originID)))
	r.c.Marks.Reach(&marks[markAttested])
	r.kernelView.said[w] = t.Expiry
	r.pool.admit([]quoin.Transaction{t}, true, r.machine.Status().View, r.epoch, r.judge)
	r.forward([]quoin.Transaction{t}, out)
}
