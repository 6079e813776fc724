package replica

import (
	"bytes"
	"maps"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/state"
)

// DryCall asks that what a proposal brings be called, with the parameters and the fuel of its binding,
// on made-up questions: parameters that make it fault are found before anybody judges it. It may take
// some milliseconds a question, and needs nothing that is the replica's.
type DryCall struct {
	Proposal   governance.ProposalNumber
	Round      uint64
	Binding    quoin.Binding
	Validators quoin.ValidatorSet // of the present epoch, for the question who leads
}

// Call makes the dry call on a table that has what is bound, and returns the replica's next input. An
// error wraps plugin.ErrLocal: there is no verdict.
//
// A plugin that is asked by the kernel itself must not fault on any question. Of a machine or a
// validation it is enough to answer one: what a fault costs there is the transaction of whoever sent
// what it does not understand.
func (d *DryCall) Call(t *plugin.Table) (DryCalled, error) {
	answer := DryCalled{Proposal: d.Proposal, Round: d.Round}
	for _, x := range d.exercises(t) {
		faults := 0
		var last hook.Fault
		for _, ask := range x.questions {
			o, err := ask()
			if err != nil {
				return answer, err
			}
			if o.Fault != hook.FaultNone {
				faults++
				last = o.Fault
			}
		}
		switch {
		case faults == 0 || x.lenient && faults < len(x.questions):
		case last == hook.FaultMissing:
			answer.Code, answer.Reason = governance.PrecheckFit, "what is proposed does not serve "+d.Binding.Hook
			return answer, nil
		default:
			answer.Code = governance.PrecheckParameters
			answer.Reason = "a call of " + x.operation + " for " + d.Binding.Slot() + ", with what the proposal binds, ends in the fault " + last.String()
			return answer, nil
		}
	}
	return answer, nil
}

// exercise is the questions for one operation.
type exercise struct {
	operation string
	lenient   bool // one answer is enough
	questions []func() (plugin.Outcome, error)
}

// What dry calls ask about: a block in the midst of a chain's life.
const (
	dryHeight = 1_000
	dryTime   = 1_700_000_000_000
	dryViews  = 8
)

func (d *DryCall) exercises(t *plugin.Table) []exercise {
	b := &d.Binding
	switch b.Hook {
	case hook.Leader.Name:
		x := exercise{operation: hook.Lead.Name}
		for view := range uint64(dryViews) {
			q := d.leaderRequest(view + 1)
			x.questions = append(x.questions, func() (plugin.Outcome, error) { r, err := t.Lead(b, q); return r.Outcome, err })
		}
		return []exercise{x}
	case hook.Pacemaker.Name:
		x := exercise{operation: hook.Timeout.Name}
		for failed := range uint64(dryViews) {
			q := d.pacemakerRequest(failed)
			x.questions = append(x.questions, func() (plugin.Outcome, error) { r, err := t.Timeout(b, q); return r.Outcome, err })
		}
		return []exercise{x}
	case hook.Finality.Name:
		q := &hook.FinalityRequest{Transactions: 2, Bytes: 300, Validators: uint32(d.Validators.Len()), Height: dryHeight, Time: dryTime,
			ParentTime: dryTime - 100, Epoch: 1, View: dryHeight}
		return []exercise{{operation: hook.Delay.Name, questions: []func() (plugin.Outcome, error){
			func() (plugin.Outcome, error) { r, err := t.Delay(b, q); return r.Outcome, err }}}}
	case hook.Priority.Name:
		return []exercise{over(hook.Prioritize.Name, func(payload []byte) (plugin.Outcome, error) {
			r, err := t.Priority(b, &hook.PriorityRequest{Pending: 1, Capacity: 1_000, Local: true, Height: dryHeight, Expiry: dryHeight + 10,
				Sender: [32]byte{1}, Namespace: []byte("kv"), Payload: payload})
			return r.Outcome, err
		})}
	case hook.Validation.Name:
		x := over(hook.Validate.Name, func(payload []byte) (plugin.Outcome, error) {
			r, err := t.Validate(b, &hook.ValidationRequest{Height: dryHeight, Time: dryTime, Sender: [32]byte{1}, Payload: payload}, dryState{})
			return r.Outcome, err
		})
		x.lenient = true
		return []exercise{x}
	case hook.Machine.Name:
		apply := over(hook.Apply.Name, func(payload []byte) (plugin.Outcome, error) {
			r, err := t.Apply(b, &hook.ApplyRequest{Height: dryHeight, Time: dryTime, Sender: [32]byte{1}, Payload: payload}, dryState{})
			return r.Outcome, err
		})
		query := over(hook.Query.Name, func(payload []byte) (plugin.Outcome, error) {
			r, err := t.Query(b, &hook.QueryRequest{Height: dryHeight, Time: dryTime, Payload: payload}, dryState{})
			return r.Outcome, err
		})
		apply.lenient, query.lenient = true, true
		return []exercise{apply, query}
	}
	return nil
}

// over asks about payloads that plugins may understand: nothing, zeros, a name, a document.
func over(operation string, ask func(payload []byte) (plugin.Outcome, error)) exercise {
	x := exercise{operation: operation}
	for _, payload := range [][]byte{nil, make([]byte, 64), []byte("dry"), []byte("{}")} {
		x.questions = append(x.questions, func() (plugin.Outcome, error) { return ask(payload) })
	}
	return x
}

// leaderRequest asks for the leader of one of an epoch's first views, each of which has a block.
func (d *DryCall) leaderRequest(view uint64) *hook.LeaderRequest {
	q := &hook.LeaderRequest{Seed: [32]byte{1}, Epoch: 1, View: view, ParentHeight: dryHeight + view - 1, ParentView: view - 1}
	for _, v := range d.Validators.All() {
		q.Validators = append(q.Validators, hook.Validator{Weight: v.Weight, Key: v.Key})
	}
	n := d.Validators.Len()
	for at := view - 1; at > 0; at-- {
		w := hook.WindowBlock{Height: dryHeight + at, View: at, Proposer: uint32(at % uint64(n)), Voters: hook.NewBitmap(n)}
		for i := range n {
			if at < view-1 { // who voted for the parent is not known yet
				w.Voters.Set(i)
			}
		}
		q.Window = append(q.Window, w)
	}
	return q
}

// pacemakerRequest asks for a time-out after some views that brought no block.
func (d *DryCall) pacemakerRequest(failed uint64) *hook.PacemakerRequest {
	p := quoin.DefaultParameters()
	q := &hook.PacemakerRequest{Validators: uint32(d.Validators.Len()), View: dryHeight + failed + 1, CertifiedView: dryHeight, BaseMS: p.TimeoutBaseMS,
		MaxMS: p.TimeoutMaxMS, BuiltinMS: min(p.TimeoutBaseMS<<failed, p.TimeoutMaxMS)}
	for k := range failed {
		q.Window = append(q.Window, hook.PacemakerView{View: dryHeight + failed - k, MS: 500})
	}
	return q
}

// dryState is a namespace that holds what one call writes, of a chain that has nothing else.
type dryState map[string][]byte

var (
	_ plugin.State = dryState{}
	_ plugin.World = dryState{}
)

func (s dryState) Get(key []byte) ([]byte, bool, error) {
	v, ok := s[string(key)]
	return v, ok, nil
}

func (s dryState) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	for _, k := range slices.Sorted(maps.Keys(s)) {
		if k >= string(start) && (end != nil && k >= string(end) || !visit([]byte(k), s[k])) {
			break
		}
	}
	return nil
}

func (s dryState) Put(key, value []byte) error {
	s[string(key)] = bytes.Clone(value)
	return nil
}

func (s dryState) Delete(key []byte) error {
	delete(s, string(key))
	return nil
}

func (dryState) Foreign(string, []byte) ([]byte, bool, error) { return nil, false, nil }
func (dryState) History(uint64) (hook.Ancestor, bool, error)  { return hook.Ancestor{}, false, nil }
func (dryState) Beacon() [32]byte                             { return [32]byte{1} }
func (dryState) Proof([]byte) ([]byte, error) {
	return (&state.Proof{Kind: state.ProofNoNamespace}).MarshalBinary()
}
