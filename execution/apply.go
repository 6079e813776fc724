package execution

import (
	"bytes"
	"fmt"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/state"
)

// machineSlot is the slot of a namespace's machine.
func machineSlot(namespace string) string { return hook.Machine.Name + "/" + namespace }

// served is the machine that was asked for last: as a rule the next transaction asks for it too.
type served struct {
	epoch     quoin.Epoch
	namespace string
	binding   *quoin.Binding // nil: none
}

// machine returns the binding that serves a namespace in the tip's epoch.
func (x *Executor) machine(namespace string) (*quoin.Binding, bool) {
	c := &x.tip.Configuration
	if x.served.epoch != c.Epoch || x.served.namespace != namespace {
		binding, _ := c.Binding(machineSlot(namespace))
		x.served = served{c.Epoch, strings.Clone(namespace), binding}
	}
	return x.served.binding, x.served.binding != nil
}

// Serves reports whether a machine serves a namespace in the tip's epoch.
func (x *Executor) Serves(namespace string) bool {
	_, ok := x.machine(namespace)
	return ok
}

// apply executes the transactions of a block from number i on: one, or as many as go into a batch. It
// sets their results and returns the number of the next one.
func (x *Executor) apply(o *Outcome, kernel *kernelState, w *world, verdicts judgement, i int) (next int, err error) {
	transactions := o.Block.Transactions()
	t, h := &transactions[i], o.Block.Header()
	if t.Kernel() {
		if IsSuspension(t) {
			return i + 1, x.suspend(o, kernel, i)
		}
		x.c.Marks.Reach(&marks[markKernelCommand])
		o.Results[i] = x.flaws.Governance.Apply(x.c.Environment, kernel, h.Height, t.Sender, t.Payload)
		x.c.Marks.Sometimes(&marks[markCommandRefused], o.Results[i].Code != 0)
		return i + 1, nil
	}
	binding, ok := x.machine(t.Namespace)
	if !ok {
		x.c.Marks.Reach(&marks[markNoMachine])
		o.Results[i] = quoin.Result{Code: ResultNoMachine}
		return i + 1, nil
	}
	if o.isSuspended(kernel, t.Namespace) {
		x.c.Marks.Reach(&marks[markSuspended])
		o.Results[i] = quoin.Result{Code: ResultSuspended}
		return i + 1, nil
	}
	if followed := i+1 < len(transactions) && transactions[i+1].Namespace == t.Namespace; followed && x.batches(kernel, binding) {
		x.c.Marks.Reach(&marks[markBatch])
		end := sameNamespace(transactions, i) // only here, or it would take quadratic time
		return end, x.applyBatch(o, kernel, w, verdicts, binding, i, end)
	}
	v := verdicts.of(i)
	if v.refuses() {
		x.c.Marks.Reach(&marks[markValidationRefuses])
		o.Results[i] = v.result()
		return i + 1, nil
	}
	_, err = x.applyOne(o, w, v, binding, i)
	return i + 1, err
}

// sameNamespace returns the end of the run of one namespace's transactions that begins at i.
func sameNamespace(transactions []quoin.Transaction, i int) int {
	end := i + 1
	for end < len(transactions) && transactions[end].Namespace == transactions[i].Namespace {
		end++
	}
	return end
}

// applyRequest fills in the request for transaction i.
func (x *Executor) applyRequest(o *Outcome, i int) *hook.ApplyRequest {
	t, h := &o.Block.Transactions()[i], o.Block.Header()
	q := &x.request // no machine keeps it
	*q = hook.ApplyRequest{Height: uint64(h.Height), Time: uint64(h.Time), Index: uint32(i), Transaction: o.IDs[i],
		Sender: t.Sender, Payload: t.Payload}
	return q
}

// applyOne lets a machine apply transaction i, which validation accepted, and sets its result. It
// reports whether the machine faulted.
func (x *Executor) applyOne(o *Outcome, w *world, v verdict, binding *quoin.Binding, i int) (faulted bool, err error) {
	q := x.applyRequest(o, i)
	mark := o.overlay.Mark()
	x.state = x.machineState(o, w, o.Block.Transactions()[i].Namespace)
	x.state.trace.begin(i, o.written)
	r, err := x.c.Table.Apply(binding, q, &x.state)
	if code := roomCode(err); code != 0 {
		x.c.Marks.Reach(&marks[markNoRoom])
		return true, o.refuse(i, mark, quoin.Result{Code: code, Fuel: v.fuel + fullFuel(binding)})
	}
	if err != nil {
		return false, local(err, o.IDs[i])
	}
	x.c.Marks.Sometimes(&marks[markMachineRefuses], r.Code != 0)
	x.c.Marks.Sometimes(&marks[markMachineFaults], r.Fault != hook.FaultNone)
	return r.Fault != hook.FaultNone, o.settle(i, mark, v, &r)
}

func local(err error, id quoin.Hash) error {
	return fmt.Errorf("execution: %w: transaction %s: %w", ErrLocal, id, err)
}

// settle sets the result of transaction i by what the machine answered, and drops its writes unless
// it succeeded.
func (o *Outcome) settle(i int, mark state.Mark, v verdict, r *plugin.ApplyResult) error {
	o.log(i, &r.Outcome)
	result := resultOf(r)
	result.Fuel += v.fuel
	if result.Code != 0 {
		return o.refuse(i, mark, result)
	}
	o.Results[i] = result
	return nil
}

// resultOf gives what a machine answered as a result.
func resultOf(r *plugin.ApplyResult) quoin.Result {
	switch {
	case r.Fault != hook.FaultNone:
		return quoin.Result{Code: quoin.ResultFault + uint32(r.Fault), Fuel: r.Fuel}
	case r.Code >= quoin.ResultFault:
		// The kernel's codes are not a machine's to give.
		return quoin.Result{Code: quoin.ResultFault + uint32(hook.FaultOutput), Fuel: r.Fuel}
	}
	return quoin.Result{Code: r.Code, Fuel: r.Fuel, Output: bytes.Clone(r.Output)}
}

// log keeps what a plugin logged about transaction i.
func (o *Outcome) log(i int, x *plugin.Outcome) {
	if len(x.Log) > 0 {
		o.Logs = append(o.Logs, PluginLog{Index: uint32(i), Text: bytes.Clone(x.Log), Dropped: x.LogDropped})
	}
}

// refuse drops the writes of transaction i and gives it a result that is no success.
func (o *Outcome) refuse(i int, mark state.Mark, result quoin.Result) error {
	if !o.flaws.RefusedWrites {
		if err := o.overlay.Revert(mark); err != nil {
			return fmt.Errorf("execution: %w: %w", ErrLocal, err)
		}
	}
	o.Results[i] = result
	return nil
}

func fullFuel(b *quoin.Binding) uint64 {
	if b.FuelMax > 0 {
		return min(b.FuelMax, hook.Machine.FuelMax)
	}
	return hook.Machine.FuelMax
}

func (o *Outcome) isSuspended(kernel *kernelState, namespace string) bool {
	suspended, known := o.suspended[namespace]
	if !known {
		_, suspended = governance.Suspended(kernel, namespace)
		suspended = suspended || unmigrated(kernel, o.Block.Header().Height, namespace)
		o.suspended[namespace] = suspended
	}
	return suspended
}

// Query asks a namespace's machine about the certified state. Errors wrap ErrLocal, or
// ErrNoMachine.
func (x *Executor) Query(namespace string, payload []byte) (plugin.QueryResult, error) {
	binding, ok := x.machine(namespace)
	if !ok {
		return plugin.QueryResult{}, fmt.Errorf("execution: %w: %q", ErrNoMachine, namespace)
	}
	q := hook.QueryRequest{Height: uint64(x.tip.Checkpoint.Height), Time: uint64(x.tip.Checkpoint.Time), Payload: payload, Params: binding.Parameters}
	r, err := x.c.Table.Query(binding, &q, x.certified(namespace))
	if err != nil {
		return r, fmt.Errorf("execution: %w: %w", ErrLocal, err)
	}
	return r, nil
}
