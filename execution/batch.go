package execution

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// A release that offers a batch operation gets the transactions that follow one another in a block in
// one call. If that call faults, it counts for nothing and the transactions are taken one by one, so
// that only the offender pays. A batch that faults although none of its transactions does is the
// release's own mistake: after governance.FaultsMax of them in an epoch the binding gets no batches
// any more until the next epoch. It is not quarantined, for clients choose what meets in a batch.

// batchKey is where a binding's faults of whole batches are counted: epoch (8), count (4), release (32).
func batchKey(slot string) []byte { return []byte("batch/" + slot) }

// batches reports whether the binding gets batches.
func (x *Executor) batches(kernel *kernelState, b *quoin.Binding) bool {
	return x.c.Table.Batches(b) && x.batchFaults(kernel, b) < governance.FaultsMax
}

func (x *Executor) batchFaults(kernel *kernelState, b *quoin.Binding) uint32 {
	record, ok := kernel.Get(batchKey(b.Slot()))
	if !ok {
		return 0
	}
	r := canonical.NewReader(record)
	epoch, count := quoin.Epoch(r.Uint64()), r.Uint32()
	var release quoin.Hash
	r.Copy(release[:])
	if r.Done() != nil || epoch != x.tip.Configuration.Epoch || release != b.Release {
		return 0
	}
	return count
}

// noteBatchFault counts a batch that faulted although none of its transactions did.
func (x *Executor) noteBatchFault(o *Outcome, kernel *kernelState, b *quoin.Binding, f hook.Fault) {
	record := canonical.AppendUint64(nil, x.tip.Configuration.Epoch)
	record = canonical.AppendUint32(record, x.batchFaults(kernel, b)+1)
	kernel.Put(batchKey(b.Slot()), append(record, b.Release[:]...))
	o.Faults = append(o.Faults, SlotFault{Kind: BatchFault, Slot: b.Slot(), Fault: f})
}

// applyBatch applies the transactions from i to before end, which are of one namespace, and sets their
// results. Refused ones among them are left out.
func (x *Executor) applyBatch(o *Outcome, kernel *kernelState, w *world, verdicts judgement, binding *quoin.Binding, i, end int) error {
	var of []int
	for k := i; k < end; k++ {
		if v := verdicts.of(k); v.refuses() {
			o.Results[k] = v.result()
		} else {
			of = append(of, k)
		}
	}
	if len(of) == 0 {
		return nil
	}
	before, written, logs := o.overlay.Mark(), o.written, len(o.Logs)
	namespace := o.Block.Transactions()[i].Namespace
	x.state = x.machineState(o, w, namespace)
	x.state.room = written + (x.state.room-written)/2
	mark, touches := before, x.state.undo.touches()
	fault, err := x.c.Table.ApplyBatch(binding, len(of), func(k int) *hook.ApplyRequest {
		mark = o.overlay.Mark()
		x.state.trace.begin(of[k], o.written)
		return x.applyRequest(o, of[k])
	}, &x.state, func(k int, r plugin.ApplyResult) error {
		return o.settle(of[k], mark, verdicts.of(of[k]), &r)
	})
	if err == nil && fault == hook.FaultNone {
		return nil
	}
	if err != nil && roomCode(err) == 0 {
		return local(err, o.IDs[of[0]])
	}
	if err := o.overlay.Revert(before); err != nil {
		return local(err, o.IDs[of[0]])
	}
	x.c.Marks.Reach(&marks[markBatchFallsBack])
	o.discarded += o.written - written
	o.written, o.Logs = written, o.Logs[:logs]
	x.state.undo.forget(touches)
	clean := true
	for _, k := range of {
		faulted, err := x.applyOne(o, w, verdicts.of(k), binding, k)
		if err != nil {
			return err
		}
		clean = clean && !faulted
	}
	if err == nil && clean {
		x.noteBatchFault(o, kernel, binding, fault)
	}
	return nil
}
