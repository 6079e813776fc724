package execution

import (
	"bytes"
	"errors"
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

// apply executes transaction i of a block and sets its result.
func (x *Executor) apply(o *Outcome, kernel *kernelState, i int) error {
	t, h := &o.Block.Transactions()[i], o.Block.Header()
	if t.Kernel() {
		if IsSuspension(t) {
			return x.suspend(o, kernel, i)
		} else {
			o.Results[i] = governance.Apply(x.c.Environment, kernel, h.Height, t.Sender, t.Payload)
		}
		return nil
	}
	binding, ok := x.machine(t.Namespace)
	if !ok {
		o.Results[i] = quoin.Result{Code: ResultNoMachine}
		return nil
	}
	if o.isSuspended(kernel, t.Namespace) {
		o.Results[i] = quoin.Result{Code: ResultSuspended}
		return nil
	}
	q := &x.request // no machine keeps it
	*q = hook.ApplyRequest{Height: uint64(h.Height), Time: uint64(h.Time), Index: uint32(i), Transaction: o.IDs[i],
		Sender: t.Sender, Payload: t.Payload, Params: binding.Parameters}
	mark := o.overlay.Mark()
	x.state = machineState{overlay: o.overlay, namespace: t.Namespace, written: &o.written}
	r, err := x.c.Table.Apply(binding, q, &x.state)
	if errors.Is(err, errWrites) {
		return o.refuse(i, mark, quoin.Result{Code: ResultWrites, Fuel: fullFuel(binding)})
	}
	if err != nil {
		return fmt.Errorf("execution: %w: transaction %s: %w", ErrLocal, o.IDs[i], err)
	}
	if len(r.Log) > 0 {
		o.Logs = append(o.Logs, PluginLog{Index: uint32(i), Text: bytes.Clone(r.Log), Dropped: r.LogDropped})
	}
	result := quoin.Result{Code: r.Code, Fuel: r.Fuel, Output: bytes.Clone(r.Output)}
	switch {
	case r.Fault != hook.FaultNone:
		result = quoin.Result{Code: quoin.ResultFault + uint32(r.Fault), Fuel: r.Fuel}
	case r.Code >= quoin.ResultFault:
		// The kernel's codes are not a machine's to give.
		result = quoin.Result{Code: quoin.ResultFault + uint32(hook.FaultOutput), Fuel: r.Fuel}
	}
	if result.Code != 0 {
		return o.refuse(i, mark, result)
	}
	o.Results[i] = result
	return nil
}

// refuse drops the writes of transaction i and gives it a result that is no success.
func (o *Outcome) refuse(i int, mark state.Mark, result quoin.Result) error {
	if err := o.overlay.Revert(mark); err != nil {
		return fmt.Errorf("execution: %w: %w", ErrLocal, err)
	}
	o.Results[i] = result
	return nil
}

func fullFuel(b *quoin.Binding) uint64 {
	if b.FuelMax > 0 {
		return min(b.FuelMax, plugin.FuelMax)
	}
	return plugin.FuelMax
}

func (o *Outcome) isSuspended(kernel *kernelState, namespace string) bool {
	suspended, known := o.suspended[namespace]
	if !known {
		_, suspended = governance.Suspended(kernel, namespace)
		o.suspended[namespace] = suspended
	}
	return suspended
}

// WritesMax bounds what the machines of one block may write, in bytes of keys and values plus
// writeCost each, overwritten and reverted writes included. It is far below what an overlay holds,
// so that the kernel's own writes always have room; whoever goes beyond it gets ResultWrites, on
// every replica alike.
const (
	WritesMax = 32 << 20
	writeCost = 64
)

// errWrites is what a machine's write beyond WritesMax fails with.
var errWrites = errors.New("the block's room for writes is used up")

// machineState is one machine's namespace of an overlay.
type machineState struct {
	overlay   *state.Overlay
	namespace string
	written   *int
}

func (m *machineState) charge(n int) error {
	if *m.written+n+writeCost > WritesMax {
		return errWrites
	}
	*m.written += n + writeCost
	return nil
}

var _ plugin.State = (*machineState)(nil)

func (m *machineState) Get(key []byte) ([]byte, bool, error) { return m.overlay.Get(m.namespace, key) }

func (m *machineState) Put(key, value []byte) error {
	if err := m.charge(len(key) + len(value)); err != nil {
		return err
	}
	return m.overlay.Put(m.namespace, key, value)
}

func (m *machineState) Delete(key []byte) error {
	if err := m.charge(len(key)); err != nil {
		return err
	}
	return m.overlay.Delete(m.namespace, key)
}

func (m *machineState) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	return m.overlay.ScanKeys(m.namespace, start, end, visit)
}

// Query asks a namespace's machine about the certified state. Errors wrap ErrLocal, or
// ErrNoMachine.
func (x *Executor) Query(namespace string, payload []byte) (plugin.QueryResult, error) {
	binding, ok := x.machine(namespace)
	if !ok {
		return plugin.QueryResult{}, fmt.Errorf("execution: %w: %q", ErrNoMachine, namespace)
	}
	q := hook.QueryRequest{Height: uint64(x.tip.Checkpoint.Height), Time: uint64(x.tip.Checkpoint.Time), Payload: payload, Params: binding.Parameters}
	r, err := x.c.Table.Query(binding, &q, &certifiedState{x.c.State, namespace})
	if err != nil {
		return r, fmt.Errorf("execution: %w: %w", ErrLocal, err)
	}
	return r, nil
}

// certifiedState is one machine's namespace of the certified state.
type certifiedState struct {
	state     *state.State
	namespace string
}

var _ plugin.StateReader = (*certifiedState)(nil)

func (c *certifiedState) Get(key []byte) ([]byte, bool, error) { return c.state.Get(c.namespace, key) }

func (c *certifiedState) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	return c.state.ScanKeys(c.namespace, start, end, visit)
}
