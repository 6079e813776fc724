package plugin

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

// guest is a release in a table, with the table's instance of it, made at the first call.
type guest struct {
	release  *Release
	instance *instance
}

func (g *guest) close() {
	if g.instance != nil {
		g.instance.close()
		g.instance = nil
	}
}

// prepare returns the restored instance of the binding's release, ready for the operation. A
// fault in the outcome ends the call before it begins.
func (t *Table) prepare(b *quoin.Binding, o hook.Operation) (i *instance, fuel uint64, fault hook.Fault, err error) {
	g := t.guests[b.Release]
	if g == nil {
		return nil, 0, hook.FaultNone, t.Ready(b)
	}
	m := g.release.Manifest()
	fuel = fuelLimit(b, m)
	if !m.Serves(o.Hook) {
		return nil, fuel, hook.FaultMissing, nil
	}
	if g.instance == nil {
		if g.instance, err = g.release.start(); err != nil {
			return nil, fuel, hook.FaultNone, err
		}
	}
	i = g.instance
	if i.busy {
		return nil, fuel, hook.FaultReentrant, nil
	}
	if !i.restore() {
		g.close()
		return nil, fuel, hook.FaultNone, local("the memory of release %v cannot be restored", b.Release)
	}
	i.call.operation = o
	i.call.reader, i.call.state, i.call.timeNS = nil, nil, clockStartNS
	return i, fuel, hook.FaultNone, nil
}

// perform encodes the request, runs the operation and decodes the response.
func perform[Q, S any](d *hook.Definition[Q, S], i *instance, fuel uint64, q *Q, s *S) (Outcome, error) {
	request, err := d.EncodeRequest(i.request[:0], q)
	i.request = request[:0]
	if err != nil {
		return Outcome{Fault: hook.FaultInput, Fuel: fuel}, nil
	}
	i.call.request = request
	i.busy = true
	o, err := i.run(d.Name, fuel)
	i.busy = false
	if err != nil || o.Fault != hook.FaultNone {
		return o, err
	}
	switch {
	case i.results[0]&0xffffffff != 0:
		o.Fault = hook.FaultStatus
	case !i.call.answered || d.DecodeResponse(i.call.response, s) != nil:
		o.Fault = hook.FaultOutput
	}
	if o.Fault != hook.FaultNone {
		o.Fuel = fuel
	}
	return o, nil
}

func (t *Table) leadGuest(b *quoin.Binding, q *hook.LeaderRequest) (LeadResult, error) {
	i, fuel, fault, err := t.prepare(b, hook.Lead.Operation)
	if err != nil || fault != hook.FaultNone {
		return LeadResult{Outcome: Outcome{Fault: fault, Fuel: fuel}}, err
	}
	var s hook.LeaderResponse
	o, err := perform(&hook.Lead, i, fuel, q, &s)
	if err != nil || o.Fault != hook.FaultNone {
		return LeadResult{Outcome: o}, err
	}
	if uint64(s.Proposer) >= uint64(len(q.Validators)) {
		o.Fault, o.Fuel = hook.FaultOutput, fuel
		return LeadResult{Outcome: o}, nil
	}
	return LeadResult{Proposer: s.Proposer, Outcome: o}, nil
}

func (t *Table) applyGuest(b *quoin.Binding, q *hook.ApplyRequest, state State) (ApplyResult, error) {
	i, fuel, fault, err := t.prepare(b, hook.Apply.Operation)
	if err != nil || fault != hook.FaultNone {
		return ApplyResult{Outcome: Outcome{Fault: fault, Fuel: fuel}}, err
	}
	i.call.reader, i.call.state, i.call.timeNS = state, state, blockClock(q.Time)
	var s hook.ApplyResponse
	o, err := perform(&hook.Apply, i, fuel, q, &s)
	i.call.reader, i.call.state = nil, nil
	if err != nil || o.Fault != hook.FaultNone {
		return ApplyResult{Outcome: o}, err
	}
	r := ApplyResult{Code: s.Code, Output: owned(s.Output), Outcome: o}
	if s.Code == 0 {
		r.Events = i.call.events
	}
	return r, nil
}

func (t *Table) queryGuest(b *quoin.Binding, q *hook.QueryRequest, state StateReader) (QueryResult, error) {
	i, fuel, fault, err := t.prepare(b, hook.Query.Operation)
	if err != nil || fault != hook.FaultNone {
		return QueryResult{Outcome: Outcome{Fault: fault, Fuel: fuel}}, err
	}
	i.call.reader, i.call.timeNS = state, blockClock(q.Time)
	var s hook.QueryResponse
	o, err := perform(&hook.Query, i, fuel, q, &s)
	i.call.reader = nil
	if err != nil || o.Fault != hook.FaultNone {
		return QueryResult{Outcome: o}, err
	}
	return QueryResult{Code: s.Code, Output: owned(s.Output), Outcome: o}, nil
}

// blockClock is the clock of a call in nanoseconds; it never stands at 0.
func blockClock(ms uint64) uint64 {
	const most = (1<<63 - 1) / 1_000_000
	return max(min(ms, most)*1_000_000, clockStartNS)
}

// owned copies bytes out of the instance's buffer.
func owned(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}
