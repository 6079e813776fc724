package sandboxtest

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/plugintest"
)

// Bound answers the calls of a record with what a binding names: a release in the sandbox, or a
// built-in. The parameters are those of each request, and answers are as the host takes them,
// within its bounds.
type Bound struct {
	Table   *plugin.Table
	Binding *quoin.Binding
	Outcome plugin.Outcome // of the call that was answered last
}

var _ plugintest.Answerer = (*Bound)(nil)

// Answer implements plugintest.Answerer.
func (b *Bound) Answer(operation string, request []byte, state *plugintest.State) (plugintest.Answer, error) {
	t, binding := b.Table, *b.Binding
	switch operation {
	case hook.Lead.Name:
		return ask(b, &hook.Lead, request, func(q *hook.LeaderRequest) (hook.LeaderResponse, plugin.Outcome, error) {
			binding.Parameters = q.Params
			r, err := t.Lead(&binding, q)
			return hook.LeaderResponse{Proposer: r.Proposer}, r.Outcome, err
		})
	case hook.Apply.Name:
		var events [][]byte
		a, err := ask(b, &hook.Apply, request, func(q *hook.ApplyRequest) (hook.ApplyResponse, plugin.Outcome, error) {
			binding.Parameters = q.Params
			r, err := t.Apply(&binding, q, namespace{state})
			events = r.Events
			return hook.ApplyResponse{Code: r.Code, Output: r.Output}, r.Outcome, err
		})
		a.Events = events
		return a, err
	case hook.Query.Name:
		return ask(b, &hook.Query, request, func(q *hook.QueryRequest) (hook.QueryResponse, plugin.Outcome, error) {
			binding.Parameters = q.Params
			r, err := t.Query(&binding, q, namespace{state})
			return hook.QueryResponse{Code: r.Code, Output: r.Output}, r.Outcome, err
		})
	case hook.Validate.Name:
		return ask(b, &hook.Validate, request, func(q *hook.ValidationRequest) (hook.ValidationResponse, plugin.Outcome, error) {
			binding.Parameters = q.Params
			r, err := t.Validate(&binding, q, namespace{state})
			return hook.ValidationResponse{Code: r.Code}, r.Outcome, err
		})
	case hook.Delay.Name:
		return ask(b, &hook.Delay, request, func(q *hook.FinalityRequest) (hook.FinalityResponse, plugin.Outcome, error) {
			binding.Parameters = q.Params
			r, err := t.Delay(&binding, q)
			return r.FinalityResponse, r.Outcome, err
		})
	case hook.Timeout.Name:
		return ask(b, &hook.Timeout, request, func(q *hook.PacemakerRequest) (hook.PacemakerResponse, plugin.Outcome, error) {
			binding.Parameters = q.Params
			r, err := t.Timeout(&binding, q)
			return hook.PacemakerResponse{TimeoutMS: r.MS}, r.Outcome, err
		})
	case hook.Prioritize.Name:
		return ask(b, &hook.Prioritize, request, func(q *hook.PriorityRequest) (hook.PriorityResponse, plugin.Outcome, error) {
			binding.Parameters = q.Params
			r, err := t.Priority(&binding, q)
			return hook.PriorityResponse{Priority: r.Priority}, r.Outcome, err
		})
	}
	return plugintest.Answer{}, fmt.Errorf("sandboxtest: records hold no calls of %s", operation)
}

// ask decodes a request, puts it, and encodes the response or names the fault.
func ask[Q, S any](b *Bound, d *hook.Definition[Q, S], request []byte, put func(q *Q) (S, plugin.Outcome, error)) (plugintest.Answer, error) {
	var q Q
	if err := d.DecodeRequest(request, &q); err != nil {
		return plugintest.Answer{}, err
	}
	s, o, err := put(&q)
	b.Outcome = o
	if err != nil {
		return plugintest.Answer{}, err
	}
	if o.Fault != hook.FaultNone {
		return plugintest.Answer{Fault: o.Fault.String()}, nil
	}
	response, err := d.EncodeResponse(nil, &s)
	return plugintest.Answer{Response: response}, err
}

// namespace is a test's state as the host sees one.
type namespace struct{ state *plugintest.State }

var (
	_ plugin.State = namespace{}
	_ plugin.World = namespace{}
)

func (n namespace) Get(key []byte) ([]byte, bool, error) {
	v, ok := n.state.Get(key)
	return v, ok, nil
}

func (n namespace) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	n.state.Scan(start, end, visit)
	return nil
}

func (n namespace) Put(key, value []byte) error {
	n.state.Put(key, value)
	return nil
}

func (n namespace) Delete(key []byte) error {
	n.state.Delete(key)
	return nil
}

func (n namespace) Foreign(name string, key []byte) ([]byte, bool, error) {
	v, ok := n.state.Foreign(name, key)
	return v, ok, nil
}

func (n namespace) History(height uint64) (hook.Ancestor, bool, error) {
	a, ok := n.state.History(height)
	return a, ok, nil
}

func (n namespace) Proof(key []byte) ([]byte, error) { return n.state.Proof(key), nil }

func (n namespace) Beacon() [32]byte { return n.state.Beacon() }
