package execution

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// A machine whose plan says migrate brings its namespace over once, at the start of the first block of
// its epoch: before the transactions, and after what is asked about the block. All that it writes
// counts, or nothing: when it faults or gives a code, its writes are dropped, governance quarantines
// it, and until it is gone the namespace takes no transactions, for they would meet a state that the
// machine does not know. A suspended namespace is brought over all the same: what takes over may be
// the remedy.

// migrations calls what begins with the block and is to bring its namespace over.
func (x *Executor) migrations(o *Outcome, kernel *kernelState, w *world, starting []starting) error {
	for i := range starting {
		if err := x.migrate(o, kernel, w, &starting[i]); err != nil {
			return err
		}
	}
	return nil
}

// starting is a machine that begins to serve with the block and has a namespace to bring over.
type starting struct {
	binding *quoin.Binding
	from    quoin.Hash // the release that served before
}

// starts returns the machines that the block begins with. s is the state after the block before.
func (x *Executor) starts(s governance.State, h quoin.Height) (list []starting) {
	c := &x.tip.Configuration
	if c.First != h {
		return nil
	}
	for i := range c.Bindings {
		b := &c.Bindings[i]
		if b.Hook != hook.Machine.Name {
			continue
		}
		slot, _ := governance.ReadSlot(s, b.Slot())
		line, ok := governance.ReadServed(s, b.Slot(), slot.Serving)
		if !ok || line.First != h || line.Cause != governance.CauseProposal {
			continue
		}
		if p, ok := governance.ReadProposal(s, line.Proposal); ok && p.Plan.State == governance.StateMigrate {
			before, _ := governance.ReadServed(s, b.Slot(), line.Before)
			list = append(list, starting{b, before.Binding.Release})
		}
	}
	return list
}

func (x *Executor) migrate(o *Outcome, kernel *kernelState, w *world, s *starting) error {
	h, namespace := o.Block.Header(), s.binding.Namespace
	q := hook.MigrateRequest{Height: uint64(h.Height), Time: uint64(h.Time), From: s.from}
	state := x.machineState(o, w, namespace)
	state.trace.begin(beforeAll, o.written)
	mark, touches := o.overlay.Mark(), state.undo.touches()
	r, err := x.c.Table.Migrate(s.binding, &q, &state)
	if roomCode(err) != 0 {
		r, err = plugin.MigrateResult{Outcome: plugin.Outcome{Fault: hook.FaultLimit}}, nil
	}
	if err != nil {
		return fmt.Errorf("execution: %w: bringing over namespace %s: %w", ErrLocal, namespace, err)
	}
	if r.Code != 0 {
		r.Fault = hook.FaultStatus
	}
	if r.Fault == hook.FaultNone {
		x.c.Marks.Reach(&marks[markMigrates])
		return nil
	}
	x.c.Marks.Reach(&marks[markMigrationFails])
	if !x.flaws.HalfMigrations {
		if err := o.overlay.Revert(mark); err != nil {
			return fmt.Errorf("execution: %w: %w", ErrLocal, err)
		}
	}
	state.undo.forget(touches)
	x.recordFault(o, kernel, SlotFault{Kind: MigrateFault, Slot: s.binding.Slot(), Fault: r.Fault})
	o.suspended[namespace] = true
	return nil
}

// unmigrated reports whether what serves a namespace at height h has failed to bring it over. It does so in
// the first block of an epoch, which may be the last one too.
func unmigrated(kernel *kernelState, h quoin.Height, namespace string) bool {
	name := machineSlot(namespace)
	slot, _ := governance.ReadSlot(kernel, name)
	line, ok := governance.ReadServed(kernel, name, slot.Serving)
	if ok && line.First > h {
		line, ok = governance.ReadServed(kernel, name, slot.Serving-1)
	}
	if !ok {
		return false
	}
	f, _ := governance.ReadFault(kernel, line.Epoch, name)
	return f.Code&governance.FaultMigration != 0
}
