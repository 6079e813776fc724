package execution

import (
	"fmt"

	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
)

// recordCalls makes what was asked about the block itself a fact of the state (KERNEL K5): who may
// propose it, and when it is reported as final. A fault counts against the binding. Rescue blocks ask
// no plugin of either, so that none of them can stand in the way of its own removal.
func (x *Executor) recordCalls(o *Outcome, kernel *kernelState) error {
	h := o.Block.Header()
	lead, err := x.Lead(h.View, h.Parent)
	if err != nil {
		return err
	}
	o.Leader = lead
	if err := x.delay(o); err != nil {
		return err
	}
	o.Delay = o.delay.FinalityResponse
	b := canonical.AppendUint64(nil, h.Height)
	b = canonical.AppendUint32(b, uint32(lead.Fault))
	b = canonical.AppendUint64(b, lead.Fuel)
	b = canonical.AppendUint32(b, uint32(o.delay.Fault))
	b = canonical.AppendUint64(b, o.delay.Fuel)
	b = canonical.AppendUint32(b, o.Delay.Blocks)
	kernel.Put([]byte("block"), canonical.AppendUint32(b, o.Delay.Milliseconds))
	if lead.Fault != hook.FaultNone {
		x.recordFault(o, kernel, SlotFault{Kind: LeaderFault, Slot: leaderSlot, Fault: lead.Fault})
	}
	if fault := o.delay.Fault; fault != hook.FaultNone {
		x.recordFault(o, kernel, SlotFault{Kind: FinalityFault, Slot: finalitySlot, Fault: fault})
	}
	return nil
}

func (x *Executor) recordFault(o *Outcome, kernel *kernelState, f SlotFault) {
	governance.RecordFault(x.c.Environment, kernel, f.Slot, f.Code(), o.Block.Header().Height)
	o.Faults = append(o.Faults, f)
}

const finalitySlot = "finality.v1"

// delay asks the finality binding, if there is one. A fault is no delay.
func (x *Executor) delay(o *Outcome) error {
	binding, ok := x.tip.Configuration.Binding(finalitySlot)
	if !ok || o.Leader.Rescue {
		return nil
	}
	q := x.finalityRequest(o)
	r, err := x.c.Table.Delay(binding, &q)
	if err != nil {
		return fmt.Errorf("execution: %w: %w", ErrLocal, err)
	}
	x.c.Marks.Sometimes(&marks[markFinalityDelays], r.FinalityResponse != hook.FinalityResponse{})
	x.c.Marks.Sometimes(&marks[markFinalityFaults], r.Fault != hook.FaultNone)
	o.delay = r
	return nil
}

func (x *Executor) finalityRequest(o *Outcome) hook.FinalityRequest {
	h, before := o.Block.Header(), x.tip.Checkpoint.Time
	if o.parent != nil {
		before = o.parent.Checkpoint.Time
	}
	return hook.FinalityRequest{Transactions: uint32(len(o.Block.Transactions())), Bytes: uint32(o.Block.BodySize()), Proposer: uint32(h.Proposer),
		Validators: uint32(x.tip.Configuration.Validators.Len()), Height: uint64(h.Height), Time: uint64(h.Time), ParentTime: uint64(before),
		Epoch: uint64(h.Epoch), View: uint64(h.View), ViewGap: h.Gap()}
}

// readDelay returns the delay that the record of the block says: an adopted outcome asked nobody.
func readDelay(record []byte) hook.FinalityResponse {
	r := canonical.NewReader(record)
	_, _, _, _, _ = r.Uint64(), r.Uint32(), r.Uint64(), r.Uint32(), r.Uint64()
	d := hook.FinalityResponse{Blocks: r.Uint32(), Milliseconds: r.Uint32()}
	if r.Done() != nil {
		return hook.FinalityResponse{}
	}
	return d.Bounded()
}

// FaultKind says which question a plugin failed to answer without a client's input.
type FaultKind string

// The kinds are stable names.
const (
	LeaderFault   FaultKind = "leader-fault"
	FinalityFault FaultKind = "finality-fault"
	BatchFault    FaultKind = "batch-fault"   // it does not count towards quarantine
	TrialFault    FaultKind = "trial-fault"   // of a machine on trial, at a client's transaction
	UndoFault     FaultKind = "undo-fault"    // a trial changed more keys than are kept; there is no Fault
	MigrateFault  FaultKind = "migrate-fault" // a machine did not bring its namespace over
)

// SlotFault is a fault that no client's input caused, or a defect of what is on trial.
type SlotFault struct {
	Kind  FaultKind
	Slot  string
	Fault hook.Fault
}

// Code returns the number under which governance counts the fault.
func (f *SlotFault) Code() uint32 {
	switch f.Kind {
	case UndoFault:
		return governance.FaultUndo
	case MigrateFault:
		return governance.FaultMigration + uint32(f.Fault)
	}
	return uint32(f.Fault)
}
