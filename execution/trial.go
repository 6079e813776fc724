package execution

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
)

// recordDefects counts the defects that a block's transactions showed in machines on trial, once all are
// executed. It goes by the results, so that whoever has the ledger can do the same.
func (x *Executor) recordDefects(o *Outcome, kernel *kernelState) {
	h := o.Block.Header().Height
	for i, t := range o.Block.Transactions() {
		code := o.Results[i].Code
		if t.Kernel() || code <= quoin.ResultFault || code >= ResultNoMachine || !hook.Fault(code-quoin.ResultFault).Defect() {
			continue
		}
		if b, ok := x.machine(t.Namespace); ok && governance.OnTrial(kernel, b.Slot(), h) {
			x.recordFault(o, kernel, SlotFault{Kind: TrialFault, Slot: b.Slot(), Fault: hook.Fault(code - quoin.ResultFault)})
		}
	}
}
