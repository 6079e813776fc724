package execution

import (
	"errors"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/state"
)

// besideWritesMax bounds what the binding that runs beside a machine may write in a block, reverted
// writes included, so that with what the machine wrote it always fits into the overlay that both get.
const besideWritesMax = WritesMax

// errBeside ends a call that would write more.
var errBeside = errors.New("what runs beside has written too much")

// besideMachine is a machine's namespace for what runs beside its machine: another overlay on the state
// before the block, to which the machine's own writes are brought transaction by transaction.
type besideMachine struct {
	overlay *state.Overlay
	state   machineState
	calls   []tracedCall // of the machine, that are to come
	own     trace
	written int // as the binding sees it
	total   int // by it in the block
}

// compareMachine has the other binding apply every transaction that the machine applied, or that it
// would have if there were one, each on the state before it.
func (x *Executor) compareMachine(o *Outcome, p *besides, namespace string, w *world, verdicts judgement) error {
	overlay, err := x.c.State.NewOverlay(o.parent.state())
	if err != nil {
		return err
	}
	defer overlay.Drop()
	m := &besideMachine{overlay: overlay, calls: o.traces[namespace].calls}
	m.state = machineState{world: w, overlay: overlay, namespace: namespace, written: &m.written, quota: &x.tip.Configuration.Parameters,
		trace: &m.own, total: &m.total}
	transactions := o.Block.Transactions()
	for i := range transactions {
		if transactions[i].Namespace != namespace || o.suspended[namespace] {
			continue
		}
		if v := verdicts.of(i); v.refuses() {
			continue
		}
		call, err := m.until(i, namespace)
		if err != nil {
			return err
		}
		served := machineAnswer(&o.Results[i], call)
		err = p.call(&hook.Machine, &served, func(b *quoin.Binding) (answer, error) { return x.applyBeside(o, p, m, b, i, call.written) })
		if err == nil && o.Results[i].Code == 0 {
			err = call.replay(overlay, namespace)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// until brings to the overlay what was written before transaction i by no transaction, and returns the
// machine's call for i: an empty one if there is no machine.
func (m *besideMachine) until(i int, namespace string) (*tracedCall, error) {
	for len(m.calls) > 0 && m.calls[0].index < i {
		if m.calls[0].index == beforeAll {
			if err := m.calls[0].replay(m.overlay, namespace); err != nil {
				return nil, err
			}
		}
		m.calls = m.calls[1:]
	}
	if len(m.calls) == 0 || m.calls[0].index != i {
		return &tracedCall{index: i}, nil
	}
	return &m.calls[0], nil
}

// applyBeside applies transaction i and takes its writes back.
func (x *Executor) applyBeside(o *Outcome, p *besides, m *besideMachine, b *quoin.Binding, i, written int) (answer, error) {
	t, h := &o.Block.Transactions()[i], o.Block.Header()
	q := hook.ApplyRequest{Height: uint64(h.Height), Time: uint64(h.Time), Index: uint32(i), Transaction: o.IDs[i], Sender: t.Sender, Payload: t.Payload}
	m.written = written
	m.own.begin(i, written)
	mark := m.overlay.Mark()
	r, err := p.table.Apply(b, &q, &m.state)
	if x.flaws.ComparisonLeaks {
		_ = m.own.calls[0].replay(o.overlay, m.state.namespace)
	}
	if revert := m.overlay.Revert(mark); revert != nil {
		return answer{}, revert
	}
	call := m.own.calls[0]
	m.own.calls = m.own.calls[:0]
	if code := roomCode(err); code != 0 {
		return answer{code: code, fuel: fullFuel(b)}, nil
	}
	if err != nil {
		return answer{}, err
	}
	result := resultOf(&r)
	return machineAnswer(&result, &call), nil
}

// machineAnswer is the answer that a result and the writes of its call are. Only success writes.
func machineAnswer(r *quoin.Result, call *tracedCall) answer {
	a := answer{code: r.Code, output: r.Output, fuel: r.Fuel}
	a.fault = r.Code > quoin.ResultFault && r.Code < ResultNoMachine
	if r.Code == 0 {
		a.writes = call.digest()
	}
	return a
}
