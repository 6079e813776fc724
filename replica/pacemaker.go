package replica

import (
	"math"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/hook"
)

// pacemaker asks what serves pacemaker.v1 on this node for the time-outs of one epoch's views, and tells it what
// this node measured. Where there is no answer, the built-in rule's holds.
type pacemaker struct {
	r       *Replica
	binding quoin.Binding
	request hook.PacemakerRequest // its window holds what was measured so far
	fault   string                // why the last question has no answer; empty: it has one

	waits quoin.View // the view that it waits in, or waited in last,
	since quoin.Time // since then
}

var _ simplex.Pacemaker = (*pacemaker)(nil)

// newPacemaker returns the pacemaker of the present epoch, or nil if none is bound.
func newPacemaker(r *Replica) *pacemaker {
	c := r.exec.Configuration()
	b, ok := c.BindingFor(hook.Pacemaker.Name, r.self)
	if !ok {
		return nil
	}
	p := &pacemaker{r: r, binding: *b}
	q := &p.request
	q.Validators, q.Self = uint32(c.Validators.Len()), hook.PacemakerObserver
	if r.index >= 0 {
		q.Self = uint32(r.index)
	}
	q.BaseMS, q.MaxMS = c.Parameters.TimeoutBaseMS, c.Parameters.TimeoutMaxMS
	return p
}

// Timeout asks for the time-out of view v.
func (p *pacemaker) Timeout(v, certified quoin.View, builtinMS uint64, again bool) uint64 {
	if p.waits = v; !again {
		p.since = p.r.now
	}
	p.request.View, p.request.CertifiedView, p.request.BuiltinMS = uint64(v), uint64(certified), builtinMS
	answer, err := p.r.c.Table.Timeout(&p.binding, &p.request)
	switch {
	case err != nil:
		p.fault = err.Error()
	case answer.Fault != hook.FaultNone:
		p.fault = answer.Fault.String()
		p.r.pulse.failed(p.binding.Slot(), p.r.exec.Tip().Height)
	default:
		p.fault = ""
		return answer.MS
	}
	return builtinMS
}

// Left notes how long this node waited in a view, if it did: on an idle chain nobody waits until
// there is something to wait for.
func (p *pacemaker) Left(v quoin.View, notarized bool) {
	if v != p.waits {
		return
	}
	left := hook.PacemakerView{View: uint64(v), Notarized: notarized}
	if now := p.r.now; now > p.since {
		left.MS = uint32(min(now-p.since, math.MaxUint32))
	}
	w := p.request.Window
	p.request.Window = slices.Insert(w[:min(len(w), hook.PacemakerWindowMax-1)], 0, left)
}

// report tells of a question that had no answer.
func (p *pacemaker) report(out *Output) {
	if p != nil && p.fault != "" {
		p.r.stats.PacemakerFaults++
		out.Events = append(out.Events, Event{Kind: PacemakerFaulted, Epoch: p.r.epoch, View: p.waits, Reason: p.fault})
	}
}
