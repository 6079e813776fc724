package governance

import (
	"bytes"
	"slices"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

func (x *execution) propose(p *Propose) Code {
	if !x.configuration.Holds(x.signer, quoin.RoleProposer) {
		return NotProposer
	}
	if code := x.checkChange(p); code != OK {
		return code
	}
	var name Name
	if p.Subject == SubjectRelease {
		var code Code
		if name, code = x.checkRelease(&p.Release); code != OK {
			return code
		}
	}
	slotName := p.Slot()
	slot, _ := ReadSlot(x.state, slotName)
	open := loadOpen(x.state)
	switch {
	case slot.Open != 0:
		return SlotBusy
	case name.Open != 0:
		return NameBusy
	case len(open) >= OpenProposalsMax:
		return TooManyOpen
	case x.ownOpen(open) >= OpenPerProposerMax:
		return TooManyYours
	}

	n := loadCounters(x.state)
	n.proposals++
	putCounters(x.state, n)
	putOpen(x.state, append(open, n.proposals))
	slot.Open = n.proposals
	putSlot(x.state, slotName, &slot)
	if p.Subject == SubjectRelease {
		r := &p.Release
		x.state.Put(ReleaseKey(r.Digest), canonical.AppendUint64(r.appendFacts(nil), n.proposals))
		putName(x.state, r.Name, &Name{Owner: r.Author, Sequence: r.Sequence, Newest: r.Digest, Open: n.proposals})
	}
	putProposal(x.state, &Proposal{Propose: *p, Number: n.proposals, Status: StatusProposed, Proposer: x.signer, Proposed: x.height})
	x.answer(uint64(n.proposals))
	return OK
}

// ownOpen counts the open proposals of the sender.
func (x *execution) ownOpen(open []ProposalNumber) int {
	if len(open) < OpenPerProposerMax {
		return 0 // not enough to matter
	}
	own := 0
	for _, n := range open {
		if p := mustProposal(x.state, n); p.Proposer == x.signer {
			own++
		}
	}
	return own
}

// checkChange checks what the proposal would make of the newest configuration.
func (x *execution) checkChange(p *Propose) Code {
	now := CurrentConfiguration(x.state)
	if p.Subject == SubjectValidators {
		if slices.Equal(p.Validators.All(), now.Validators.All()) {
			return NoChange
		}
		return OK
	}
	hook, ok := x.env.Hook(p.Binding.Hook)
	switch {
	case !ok || hook.Namespaced == (p.Binding.Namespace == ""):
		return UnknownHook
	case p.Subject == SubjectBuiltin && !slices.Contains(hook.Builtins, p.Binding.Builtin):
		return UnknownBuiltin
	case p.Binding.FuelMax > hook.FuelMax || p.Subject == SubjectRelease && p.Binding.FuelMax == 0:
		return FuelLimit
	}
	if b, ok := now.Binding(p.Slot()); ok && equalBindings(b, &p.Binding) {
		return NoChange
	}
	if next := now.WithBinding(p.Binding); next.Check() != nil {
		return InvalidConfiguration
	}
	return OK
}

// checkRelease checks a release against what is known of its name and digest. It returns the
// name's record.
func (x *execution) checkRelease(r *Release) (Name, Code) {
	name, known := ReadName(x.state, r.Name)
	switch {
	case !quoin.IsName(r.Name, ReleaseNameMax) || !isVersion(r.Version):
		return name, BadName
	case r.Size == 0 || r.Size > x.env.ModuleBytesMax:
		return name, ModuleSize
	case known && name.Owner != r.Author:
		return name, NotOwner
	}
	if old, again := ReadRelease(x.state, r.Digest); again {
		// The newest release may be proposed again, say with other parameters. An older one comes
		// back only by a rollback, else a downgrade would look like progress.
		if !old.sameFacts(r) {
			return name, DigestTaken
		}
		if name.Newest != r.Digest {
			return name, BadSequence
		}
	} else if r.Sequence <= name.Sequence || r.Sequence-name.Sequence > SequenceIncreaseMax {
		return name, BadSequence
	}
	if r.Author.IsZero() || !x.env.Verify(r.Author, x.env.AuthorBytes(r.Digest), r.Signature) {
		return name, AuthorSignature
	}
	return name, OK
}

// isVersion reports whether s is 1 to VersionMax of the characters of a name and '+', which semantic
// versions have before build metadata.
func isVersion(s string) bool {
	return quoin.IsName(strings.ReplaceAll(s, "+", "-"), VersionMax)
}

func (x *execution) approve(c Approve) Code {
	if !x.configuration.Holds(x.signer, quoin.RoleApprover) {
		return NotApprover
	}
	p, code := x.open(c.Proposal)
	if code != OK {
		return code
	}
	key := ApprovalKey(p.Number, x.signer)
	_, counted := x.state.Get(key)
	switch {
	case x.signer == p.Proposer && !x.flaws.AuthorApproves || p.Subject == SubjectRelease && x.signer == p.Release.Author:
		return OwnProposal
	case counted:
		return AlreadyCounted
	}
	given := approvals(x.state, &x.configuration, p.Number) + 1
	if x.flaws.OldApprovals {
		given += approvals(x.state, &x.configuration, p.Number-1)
	}
	if p.Status == StatusProposed && given >= required(&x.configuration) {
		p.Status = StatusApproved
	}
	if c.Height != 0 {
		if code := x.checkSchedule(&p, c.Height); code != OK {
			return code
		}
	}
	x.state.Put(key, canonical.AppendUint64(nil, x.height))
	if c.Height != 0 {
		x.enterSchedule(&p, c.Height)
	}
	putProposal(x.state, &p)
	return OK
}

func (x *execution) schedule(c Schedule) Code {
	if !x.configuration.Holds(x.signer, quoin.RoleProposer) {
		return NotProposer
	}
	p, code := x.open(c.Proposal)
	if code != OK {
		return code
	}
	if code := x.checkSchedule(&p, c.Height); code != OK {
		return code
	}
	x.enterSchedule(&p, c.Height)
	putProposal(x.state, &p)
	return OK
}

func (x *execution) checkSchedule(p *Proposal, at quoin.Height) Code {
	switch {
	case !x.configuration.Holds(x.signer, quoin.RoleProposer):
		return NotProposer
	case p.Status == StatusScheduled:
		return AlreadyScheduled
	case p.Status != StatusApproved:
		return NotApproved
	case at < x.height || uint64(at-x.height) < x.configuration.Parameters.NoticeHeights:
		return NoticeTooShort
	case at-x.height > AheadHeightsMax:
		return TooFarAhead
	case p.pastLife(at):
		return EndOfLife
	}
	return OK
}

func (x *execution) enterSchedule(p *Proposal, at quoin.Height) {
	p.Status, p.Scheduled, p.Activation = StatusScheduled, x.height, at
	p.Order = enter(x.state, at, item{proposal: p.Number})
	if x.flaws.EarlyEpoch {
		next := x.configuration.WithBinding(p.Binding)
		next.Epoch, next.First = next.Epoch+1, at+1
		x.state.Put(EpochKey(next.Epoch), next.AppendBinary(nil))
	}
	x.answer(uint64(at))
}

func (x *execution) ready(c Ready) Code {
	if !x.mayAttest() {
		return NotValidator
	}
	p, code := x.open(c.Proposal)
	if code != OK {
		return code
	}
	x.state.Put(ReadyKey(p.Number, x.signer), canonical.AppendUint64(nil, x.height))
	return OK
}

// mayAttest reports whether the sender is a validator of the present set, or would be one of the
// proposed set: the readiness of a set's newcomers counts as soon as the set does.
func (x *execution) mayAttest() bool {
	if _, ok := x.configuration.Validators.Index(x.signer); ok {
		return true
	}
	slot, _ := ReadSlot(x.state, ValidatorsSlot)
	if slot.Open == 0 {
		return false
	}
	p, _ := ReadProposal(x.state, slot.Open)
	_, ok := p.Validators.Index(x.signer)
	return ok
}

func (x *execution) veto(c Veto) Code {
	if _, ok := x.configuration.Validators.Index(x.signer); !ok {
		return NotValidator
	}
	p, code := x.open(c.Proposal)
	if code != OK {
		return code
	}
	key := VetoKey(p.Number, x.signer)
	if _, counted := x.state.Get(key); counted {
		return AlreadyCounted
	}
	x.state.Put(key, canonical.AppendUint64(nil, x.height))
	if x.flaws.vetoed(x.state, &x.configuration.Validators, p.Number) {
		closeProposal(x.state, &p, StatusVetoed, x.height)
	}
	return OK
}

func (x *execution) cancel(c Cancel) Code {
	p, ok := ReadProposal(x.state, c.Proposal)
	switch {
	case !ok:
		return NoProposal
	case !p.Status.Open():
		return ProposalClosed
	case x.signer != p.Proposer && !(p.Expired(x.height) && x.configuration.Holds(x.signer, quoin.RoleProposer)):
		return NotYours
	}
	closeProposal(x.state, &p, StatusCancelled, x.height)
	return OK
}

// rollback schedules the return at the word of one approver, or of validators that weigh more than
// f: it can only bring back what served before.
func (x *execution) rollback(c Rollback) Code {
	approver := x.configuration.Holds(x.signer, quoin.RoleApprover)
	_, validator := x.configuration.Validators.Index(x.signer)
	if !approver && !validator {
		return NotApprover
	}
	ret, code := checkReturn(x.env, x.state, c.Slot, CauseRollback, c.From, x.height)
	if code != OK {
		return code
	}
	if !approver {
		key := RollbackKey(c.Slot, c.From, x.signer)
		if _, counted := x.state.Get(key); counted {
			return AlreadyCounted
		}
		x.state.Put(key, canonical.AppendUint64(nil, x.height))
		weight := voices(x.state, &x.configuration.Validators, func(k quoin.PublicKey) []byte { return RollbackKey(c.Slot, c.From, k) })
		if weight <= x.configuration.Validators.FaultBound() {
			return OK
		}
	}
	enterReturn(x.state, c.Slot, ret)
	x.answer(uint64(ret.At))
	return OK
}

func (x *execution) lift(c Lift) Code {
	if !x.configuration.Holds(x.signer, quoin.RoleApprover) {
		return NotApprover
	}
	suspension, ok := Suspended(x.state, c.Namespace)
	if !ok {
		return NotSuspended
	}
	key := LiftKey(c.Namespace, suspension.Height, x.signer)
	if _, counted := x.state.Get(key); counted {
		return AlreadyCounted
	}
	x.state.Put(key, canonical.AppendUint64(nil, x.height))
	count := 0
	for _, a := range x.configuration.Holders(quoin.RoleApprover) {
		if _, ok := x.state.Get(LiftKey(c.Namespace, suspension.Height, a)); ok {
			count++
		}
	}
	if count >= required(&x.configuration) {
		x.state.Delete(SuspendedKey(c.Namespace))
	}
	return OK
}

// open returns a proposal that can still be decided.
func (x *execution) open(n ProposalNumber) (Proposal, Code) {
	p, ok := ReadProposal(x.state, n)
	switch {
	case !ok:
		return p, NoProposal
	case !p.Status.Open():
		return p, ProposalClosed
	case p.Expired(x.height):
		return p, ProposalExpired
	}
	return p, OK
}

func (x *execution) answer(n uint64) { x.output = canonical.AppendUint64(nil, n) }

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

// closeProposal ends an open proposal with a status and frees what it kept busy.
func closeProposal(s State, p *Proposal, status Status, h quoin.Height) {
	if p.Status == StatusScheduled {
		putItems(s, p.Activation, slices.DeleteFunc(loadItems(s, p.Activation), func(it item) bool { return it.proposal == p.Number }))
	}
	p.Status, p.Closed = status, h
	putProposal(s, p)
	putOpen(s, slices.DeleteFunc(loadOpen(s), func(n ProposalNumber) bool { return n == p.Number }))
	slot, _ := ReadSlot(s, p.Slot())
	slot.Open = 0
	putSlot(s, p.Slot(), &slot)
	if p.Subject == SubjectRelease {
		name, _ := ReadName(s, p.Release.Name)
		name.Open = 0
		putName(s, p.Release.Name, &name)
	}
}

func equalBindings(a, b *quoin.Binding) bool {
	return bytes.Equal(a.AppendBinary(nil), b.AppendBinary(nil))
}

func (x *Release) sameFacts(y *Release) bool {
	a, b := *x, *y
	a.Signature, b.Signature = quoin.Signature{}, quoin.Signature{} // a key may sign the same bytes twice
	return a == b
}
