package execution

import (
	"errors"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
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
	overlay   *state.Overlay
	namespace string
	state     machineState
	calls     map[int]*tracedCall // of the machine
	own       trace               // of the call that is made
	mark      state.Mark          // before it
	written   int                 // as the binding sees it
	total     int                 // by it in the block
}

// compareMachine has the other binding apply every transaction that the machine applied, or that it
// would have if there were one, each on the state before it. As the machine, it gets what follows one
// another in a batch if it takes batches, so that it cannot tell where it runs.
func (x *Executor) compareMachine(o *Outcome, p *besides, namespace string, w *world, verdicts judgement) error {
	if o.suspended[namespace] {
		return nil
	}
	overlay, err := x.c.State.NewOverlay(o.parent.state())
	if err != nil {
		return err
	}
	defer overlay.Drop()
	m, err := x.newBeside(o, overlay, namespace, w)
	if err != nil {
		return err
	}
	transactions := o.Block.Transactions()
	for i := 0; i < len(transactions); {
		end := i + 1
		if transactions[i].Namespace == namespace {
			end = sameNamespace(transactions, i)
			if err := x.compareRun(o, p, m, verdicts, i, end); err != nil {
				return err
			}
		}
		i = end
	}
	return nil
}

func (x *Executor) newBeside(o *Outcome, overlay *state.Overlay, namespace string, w *world) (*besideMachine, error) {
	m := &besideMachine{overlay: overlay, namespace: namespace, calls: map[int]*tracedCall{}}
	m.state = machineState{world: w, overlay: overlay, namespace: namespace, written: &m.written, room: WritesMax, quota: &x.tip.Configuration.Parameters,
		trace: &m.own, total: &m.total}
	calls := o.traces[namespace].calls
	for k := range calls {
		m.calls[calls[k].index] = &calls[k]
	}
	if c := m.calls[beforeAll]; c != nil {
		return m, c.replay(overlay, namespace)
	}
	return m, nil
}

// compareRun compares the transactions from i to before end, which are the namespace's.
func (x *Executor) compareRun(o *Outcome, p *besides, m *besideMachine, verdicts judgement, i, end int) error {
	var of []int
	for k := i; k < end; k++ {
		if v := verdicts.of(k); !v.refuses() {
			of = append(of, k)
		}
	}
	done := 0
	if p.other != nil && end-i > 1 && p.table.Batches(p.other) {
		var err error
		if done, err = x.compareBatch(o, p, m, of); err != nil {
			return err
		}
	}
	for _, k := range of[done:] {
		served := machineAnswer(&o.Results[k], m.call(k))
		err := p.call(&hook.Machine, &served, func(b *quoin.Binding) (answer, error) {
			r, err := p.table.Apply(b, m.begin(o, k), &m.state)
			return x.endBeside(o, m, b, &r, err)
		})
		if err == nil {
			err = m.follow(o, k)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// compareBatch compares transactions in one call, as long as there is fuel for one more of them, and
// returns how many are done. If the call faults, it counts for nothing, and none is.
func (x *Executor) compareBatch(o *Outcome, p *besides, m *besideMachine, of []int) (done int, err error) {
	b, cut := p.limited(&hook.Machine)
	if cut || len(of) == 0 {
		return 0, nil
	}
	begin, before, index := m.overlay.Mark(), p.Comparison, p.index
	fault, err := p.table.ApplyBatch(&b, len(of), func(k int) *hook.ApplyRequest { return m.begin(o, of[k]) }, &m.state, func(k int, r plugin.ApplyResult) error {
		a, err := x.endBeside(o, m, &b, &r, nil)
		if err != nil {
			return err
		}
		served := machineAnswer(&o.Results[of[k]], m.call(of[k]))
		p.fuel -= min(p.fuel, a.fuel)
		p.judge(&served, &a)
		if err := m.follow(o, of[k]); err != nil {
			return err
		}
		done++
		return p.short(&b, len(of)-done)
	})
	switch {
	case err == nil && fault == hook.FaultNone, errors.Is(err, errShort):
		return done, nil
	case err != nil && roomCode(err) == 0 && !errors.Is(err, errBeside):
		return 0, err
	}
	p.fuel -= min(p.fuel, b.FuelMax)
	p.Comparison, p.index = before, index
	return 0, m.overlay.Revert(begin)
}

// call returns the machine's call for a transaction: an empty one if there is no machine.
func (m *besideMachine) call(i int) *tracedCall {
	if c := m.calls[i]; c != nil {
		return c
	}
	return &tracedCall{index: i}
}

// begin begins the call for transaction i and returns the request.
func (m *besideMachine) begin(o *Outcome, i int) *hook.ApplyRequest {
	m.written = m.call(i).written
	m.own = trace{data: m.own.data[:0]}
	m.own.begin(i, m.written)
	m.mark = m.overlay.Mark()
	t, h := &o.Block.Transactions()[i], o.Block.Header()
	return &hook.ApplyRequest{Height: uint64(h.Height), Time: uint64(h.Time), Index: uint32(i), Transaction: o.IDs[i], Sender: t.Sender, Payload: t.Payload}
}

// endBeside takes the call's writes back and returns the answer, by what Apply returned.
func (x *Executor) endBeside(o *Outcome, m *besideMachine, b *quoin.Binding, r *plugin.ApplyResult, err error) (answer, error) {
	call := &m.own.calls[0]
	if x.flaws.ComparisonLeaks {
		_ = call.replay(o.overlay, m.namespace)
	}
	if revert := m.overlay.Revert(m.mark); revert != nil {
		return answer{}, revert
	}
	if code := roomCode(err); code != 0 {
		return answer{code: code, fuel: fullFuel(b)}, nil
	}
	if err != nil {
		return answer{}, err
	}
	result := resultOf(r)
	return machineAnswer(&result, call), nil
}

// follow brings what the machine wrote for transaction i.
func (m *besideMachine) follow(o *Outcome, i int) error {
	if o.Results[i].Code != 0 {
		return nil
	}
	return m.call(i).replay(m.overlay, m.namespace)
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
