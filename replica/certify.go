package replica

import (
	"errors"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/hook"
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
	epoch, heights := r.epoch, quoin.Height(r.exec.Configuration().Parameters.ReportHeights)
	if err := r.chain.commit(outcomes, &certificate, r.exec.Seed, r.exec.Advance); err != nil {
		out.Fatal = err
		return
	}
	kernel, suspended := false, false
	for _, o := range outcomes {
		if o.Tail() {
			continue
		}
		waited := r.pool.waited(o.IDs, r.now)
		r.pool.remove(o.IDs)
		r.pool.advance(o.Checkpoint.Height)
		r.unsynced = append(r.unsynced, Finished{Block: o.Block, IDs: o.IDs, Results: o.Results, Checkpoint: o.Checkpoint, Certificate: &certificate, Delay: o.Delay, Waited: waited})
		r.stats.Blocks++
		r.stats.Transactions += uint64(len(o.IDs))
		kernel = r.note(o, out) || kernel
		waitMS := r.pulse.certified(o, r.now, r.kernelView.trial)
		r.progress(o, waitMS, out)
		r.compare(o, heights, epoch)
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
		r.kernelView.again()
		r.pulse.endEpoch()
		out.Events = append(out.Events, Event{Kind: EpochBegan, Epoch: epoch + 1, Height: h})
	}
	if kernel || c.Ended {
		clear(r.suspended)
	}
	if kernel || c.Ended || r.kernelView.scheduled || h%64 == 0 {
		r.look(out)
	}
	r.examine(out)
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
		case execution.TrialFault, execution.UndoFault, execution.MigrateFault:
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
