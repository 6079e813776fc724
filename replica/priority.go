package replica

import (
	"slices"

	"quoin.dev/quoin/hook"
)

// Limits of one step's questions about priorities. What is left over is asked for in later steps, and
// has priority 0 until then.
const (
	priorityCallsMax = 2048
	priorityFuelMax  = 4_000_000 // after which there is no further call
)

// rank says whether transactions have priorities from now on. All that are pending are asked about
// again; until then they keep the priority that they had.
func (p *pool) rank(ranked bool) {
	p.ranked, p.unasked = ranked, nil
	if !ranked {
		return
	}
	for k := range p.turns {
		for _, x := range p.turns[(p.turn+k)%len(p.turns)].txs {
			if !x.gone {
				p.unasked = append(p.unasked, x)
			}
		}
	}
}

// nextUnasked returns the next pending transaction whose priority is to be asked for, or nil.
func (p *pool) nextUnasked() *pendingTx {
	for len(p.unasked) > 0 {
		x := p.unasked[0]
		p.unasked[0] = nil
		if p.unasked = p.unasked[1:]; !x.gone {
			return x
		}
	}
	p.unasked = nil
	return nil
}

// forgetGone drops what is no longer pending from those to ask about, if it is the larger part.
func (p *pool) forgetGone() {
	if len(p.unasked) > 2*len(p.pending) {
		p.unasked = slices.DeleteFunc(p.unasked, func(x *pendingTx) bool { return x.gone })
	}
}

// prioritize asks what serves priority.v1 about pending transactions, as far as a step's limits
// allow. Without an answer the priority is 0.
func (r *Replica) prioritize(out *Output) {
	if len(r.pool.unasked) == 0 {
		return
	}
	b, _ := r.exec.Configuration().BindingFor(hook.Priority.Name, r.self)
	q := &r.priority
	q.Capacity, q.Height = uint32(r.pool.limits.Transactions), uint64(r.exec.Tip().Height+1)
	fuel, fault := uint64(0), ""
	for calls := 0; calls < priorityCallsMax && fuel < priorityFuelMax; calls++ {
		x := r.pool.nextUnasked()
		if x == nil {
			break
		}
		q.Pending = uint32(r.pool.len() - r.pool.kernels)
		q.Local, q.Expiry, q.Transaction, q.Sender = x.local, uint64(x.tx.Expiry), x.id, x.tx.Sender
		q.Namespace, q.Payload = append(q.Namespace[:0], x.tx.Namespace...), x.tx.Payload
		answer, err := r.c.Table.Priority(b, q)
		fuel += answer.Fuel
		x.priority = answer.Priority
		switch {
		case err != nil:
			fuel, fault = priorityFuelMax, err.Error() // nobody else would be answered now
		case answer.Fault != hook.FaultNone:
			fault = answer.Fault.String()
			r.pulse.failed(b.Slot(), r.exec.Tip().Height)
		default:
			continue
		}
		r.stats.PriorityFaults++
	}
	r.pool.forgetGone()
	if q.Payload = nil; fault != "" { // one event a step, whatever the number
		out.Events = append(out.Events, Event{Kind: PriorityFaulted, Epoch: r.epoch, View: r.view, Reason: fault})
	}
}
