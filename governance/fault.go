package governance

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

// Codes of faults that are none of a call's own.
const (
	// FaultMigration and a fault: a machine did not bring its namespace over. One weighs as FaultsMax
	// faults do, for nothing was brought over and there is no second time.
	FaultMigration uint32 = 1 << 16
	// FaultUndo: a trial changed more keys than are kept for its undoing. What is on trial returns at
	// once, as by a rollback: it was used for more than a trial, and nothing is held against it.
	FaultUndo uint32 = 1 << 17
)

// RecordFault counts a fault that no client's input caused (a leader's, an initialisation's), or a
// defect of what is OnTrial, against the binding that serves a slot at height h. The FaultsMax-th in
// an epoch quarantines the binding: the slot's return is scheduled as by a rollback. It belongs to
// executing h: after Enact and before the commands, but defects on trial after all commands.
//
// Faults of slots that have no binding at h are not counted.
func RecordFault(env Environment, s State, slotName string, code uint32, h quoin.Height) {
	now := ConfigurationAt(s, h)
	binding, ok := now.Binding(slotName)
	if !ok {
		return
	}
	key := FaultKey(now.Epoch, slotName)
	f, _ := load(s, key, readFault)
	f.Release, f.Code, f.Height = binding.Release, code, h
	switch {
	case code == FaultUndo:
	case code&FaultMigration != 0:
		f.Count += FaultsMax
	default:
		f.Count++
	}
	putFault(s, key, &f)
	record(s, AuditFault, h, canonical.AppendUint32(canonical.AppendBytes8(nil, slotName), code))
	if f.Count < FaultsMax && code != FaultUndo {
		return
	}
	slot, _ := ReadSlot(s, slotName)
	if line, ok := ReadServed(s, slotName, slot.Serving); !ok || line.First > h {
		return // in the epoch's last block: it has gone already
	}
	cause, why := CauseQuarantine, WhyFaults
	if code == FaultUndo {
		cause, why = CauseRollback, WhyUndo
	}
	requestReturn(&env, s, slotName, cause, Ending{Why: why, Code: code, Height: h})
}

// OnTrial reports whether what serves a slot at height h is on trial. As long as it is, a defect that a
// client's input shows counts as a fault: who tries a release wants to know, and the return costs
// little. Afterwards it is a failed transaction and no more, or clients could take releases from a
// network.
func OnTrial(s State, slotName string, h quoin.Height) bool {
	slot, _ := ReadSlot(s, slotName)
	line, ok := ReadServed(s, slotName, slot.Serving)
	return ok && line.Proposal != 0 && line.First <= h && mustProposal(s, line.Proposal).Status == StatusTrial
}

// checkReturn returns the return of a slot from the history line from, requested at h, or why there
// is none.
func checkReturn(env *Environment, s State, slotName string, cause Cause, from HistoryNumber, h quoin.Height) (Return, Code) {
	slot, _ := ReadSlot(s, slotName)
	line, ok := ReadServed(s, slotName, slot.Serving)
	switch {
	case !ok || !line.Bound && (line.Proposal == 0 || !isReturnable(slotName)): // an unbinding can be taken back
		return Return{}, NoSlot
	case from != slot.Serving:
		return Return{}, NotServing
	case slot.Return.Cause != 0:
		return Return{}, AlreadyReturning
	}
	ret := Return{Cause: cause, From: from, To: beforeRetired(s, slotName, line.Before), Requested: h, At: h + RiskReducingNotice}
	if ret.To == 0 {
		hookName, label := quoin.SplitSlot(slotName)
		hook, ok := env.Hook(hookName)
		if !ok || hook.Fallback == "" || label != "" && !hook.Namespaced { // a label without nodes would serve nobody
			return Return{}, NothingBefore
		}
		ret.Fallback = hook.Fallback
	}
	target := returned(s, slotName, &ret)
	if target.Bound == line.Bound && target.Parameters == line.Parameters && equalBindings(&target.Binding, &line.Binding) {
		return Return{}, NothingBefore
	}
	now := CurrentConfiguration(s)
	if next := target.apply(&now, slotName); next.Check() != nil {
		return Return{}, InvalidConfiguration // what was unbound, and others took its place
	}
	return ret, OK
}

// beforeRetired returns the line itself or, if what it brings back was retired, the first one before it
// that was not.
func beforeRetired(s State, slotName string, n HistoryNumber) HistoryNumber {
	for n != 0 {
		line := mustServed(s, slotName, n)
		release, _ := ReadRelease(s, line.Binding.Release)
		if release.Retired == 0 && (line.Proposal == 0 || mustProposal(s, line.Proposal).Status != StatusRetired) {
			break
		}
		n = line.Before
	}
	return n
}

// isReturnable reports whether a slot can return to what was before: validators, members and policies
// cannot, for that would bring back rights which were taken.
func isReturnable(slotName string) bool {
	return slotName != ValidatorsSlot && slotName != MembersSlot && slotName != PoliciesSlot
}

// requestReturn schedules the return of a slot from what serves it, and writes why. A worse cause takes
// the place of one that is due already.
func requestReturn(env *Environment, s State, slotName string, cause Cause, e Ending) Code {
	slot, _ := ReadSlot(s, slotName)
	line, _ := ReadServed(s, slotName, slot.Serving)
	if old := slot.Return.Cause; old != 0 && slot.Return.From == slot.Serving && severity(cause) > severity(old) {
		slot.Return.Cause = cause
		putSlot(s, slotName, &slot)
		noteEnding(s, line.Proposal, e)
		return OK
	}
	ret, code := checkReturn(env, s, slotName, cause, slot.Serving, e.Height)
	if code != OK {
		return code
	}
	noteEnding(s, line.Proposal, e)
	enterReturn(s, slotName, ret)
	return OK
}

// severity orders the causes of returns by how much they hold against what goes.
func severity(c Cause) int {
	return slices.Index([]Cause{CausePause, CauseRollback, CauseQuarantine}, c)
}

// noteEnding writes why what a proposal brought is about to go.
func noteEnding(s State, n ProposalNumber, e Ending) {
	if n == 0 {
		return
	}
	p := mustProposal(s, n)
	p.Ending = e
	putProposal(s, &p)
}

func enterReturn(s State, slotName string, ret Return) {
	ret.Order = enter(s, ret.At, item{slot: slotName})
	slot, _ := ReadSlot(s, slotName)
	slot.Return = ret
	putSlot(s, slotName, &slot)
}

// returned gives what serves after a return: the earlier line's binding with what was before it,
// so that one return after the other goes further back and never to and fro; or the fallback,
// without parameters and with the fuel of what it replaces.
func returned(s State, slotName string, ret *Return) Served {
	if ret.To != 0 {
		return mustServed(s, slotName, ret.To)
	}
	hook, namespace := quoin.SplitSlot(slotName)
	fuel := mustServed(s, slotName, ret.From).Binding.FuelMax
	return Served{Bound: true, Binding: quoin.Binding{Hook: hook, Namespace: namespace, Builtin: ret.Fallback, FuelMax: fuel}}
}

// Suspend suspends a namespace in the block at height h, on evidence that the caller has judged. It
// reports false, and changes nothing, if the namespace is suspended already, or is the kernel's or
// none.
func Suspend(s State, namespace string, x Suspension) bool {
	if !quoin.IsName(namespace, quoin.NamespaceMax) || namespace == quoin.KernelNamespace {
		return false
	}
	if _, already := Suspended(s, namespace); already {
		return false
	}
	b := canonical.AppendUint32(canonical.AppendUint64(nil, x.Height), x.Reason)
	b = append(b, x.Evidence[:]...)
	s.Put(SuspendedKey(namespace), b)
	record(s, AuditSuspension, x.Height, append(canonical.AppendBytes8(nil, namespace), b...))
	return true
}

// Suspended returns the suspension of a namespace.
func Suspended(s State, namespace string) (Suspension, bool) {
	return load(s, SuspendedKey(namespace), readSuspension)
}
