package trial

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// Question is a request that is ready to be put, as often as wanted.
type Question struct {
	Operation hook.Operation
	Request   []byte
	Params    []byte // of the request
	Payload   []byte // of the request, if its operation has one
	Height    uint64 // of the block, if the operation is asked about one
	Time      uint64 // of the block, milliseconds since 1970-01-01 UTC
	asked     asked
}

// asked is a decoded request and the answer to it.
type asked interface {
	call(t *plugin.Table, b *quoin.Binding, s *State) (plugin.Outcome, error)
	response() (response []byte, events [][]byte, err error)
}

// NewQuestion decodes a request. The error says why the bytes are none.
func NewQuestion(operation string, request []byte) (*Question, error) {
	o, known := hook.FindOperation(operation)
	ask := operations[operation]
	if !known || ask == nil {
		return nil, fmt.Errorf("trial: there is no operation %q to ask one by one", operation)
	}
	q := &Question{Operation: o, Request: request}
	var err error
	q.asked, err = ask(q, request)
	if err != nil {
		return nil, err
	}
	return q, nil
}

// Call asks what serves the binding, and nothing else: no answer is put together. The binding's
// parameters count, not the request's.
func (q *Question) Call(t *plugin.Table, b *quoin.Binding, s *State) (plugin.Outcome, error) {
	return q.asked.call(t, b, s)
}

// response returns the bytes of the last call's response and its events. A response is as the plugin
// gave it, before the host cuts it to its bounds.
func (q *Question) response() ([]byte, [][]byte, error) { return q.asked.response() }

// about is what matters of every request.
type about struct {
	params, payload []byte
	height, time    uint64
}

// reply is how a table's typed methods answer.
type reply[S any] struct {
	response S
	events   [][]byte
	plugin.Outcome
}

// operations make a decoded request of the bytes of one.
var operations = map[string]func(*Question, []byte) (asked, error){
	hook.Lead.Name: ask(&hook.Lead, func(q *hook.LeaderRequest) about { return about{params: q.Params} },
		func(t *plugin.Table, b *quoin.Binding, q *hook.LeaderRequest, _ *State) (reply[hook.LeaderResponse], error) {
			r, err := t.Lead(b, q)
			return reply[hook.LeaderResponse]{hook.LeaderResponse{Proposer: r.Proposer}, nil, r.Outcome}, err
		}),
	hook.Apply.Name: ask(&hook.Apply, func(q *hook.ApplyRequest) about { return about{q.Params, q.Payload, q.Height, q.Time} },
		func(t *plugin.Table, b *quoin.Binding, q *hook.ApplyRequest, s *State) (reply[hook.ApplyResponse], error) {
			r, err := t.Apply(b, q, s)
			return reply[hook.ApplyResponse]{hook.ApplyResponse{Code: r.Code, Output: r.Output}, r.Events, r.Outcome}, err
		}),
	hook.Query.Name: ask(&hook.Query, func(q *hook.QueryRequest) about { return about{q.Params, q.Payload, q.Height, q.Time} },
		func(t *plugin.Table, b *quoin.Binding, q *hook.QueryRequest, s *State) (reply[hook.QueryResponse], error) {
			r, err := t.Query(b, q, s)
			return reply[hook.QueryResponse]{hook.QueryResponse{Code: r.Code, Output: r.Output}, nil, r.Outcome}, err
		}),
	hook.Validate.Name: ask(&hook.Validate, func(q *hook.ValidationRequest) about { return about{q.Params, q.Payload, q.Height, q.Time} },
		func(t *plugin.Table, b *quoin.Binding, q *hook.ValidationRequest, s *State) (reply[hook.ValidationResponse], error) {
			r, err := t.Validate(b, q, s)
			return reply[hook.ValidationResponse]{hook.ValidationResponse{Code: r.Code}, nil, r.Outcome}, err
		}),
	hook.Delay.Name: ask(&hook.Delay, func(q *hook.FinalityRequest) about { return about{params: q.Params, height: q.Height, time: q.Time} },
		func(t *plugin.Table, b *quoin.Binding, q *hook.FinalityRequest, _ *State) (reply[hook.FinalityResponse], error) {
			r, err := t.Delay(b, q)
			return reply[hook.FinalityResponse]{r.Asked, nil, r.Outcome}, err
		}),
	hook.Timeout.Name: ask(&hook.Timeout, func(q *hook.PacemakerRequest) about { return about{params: q.Params} },
		func(t *plugin.Table, b *quoin.Binding, q *hook.PacemakerRequest, _ *State) (reply[hook.PacemakerResponse], error) {
			r, err := t.Timeout(b, q)
			return reply[hook.PacemakerResponse]{hook.PacemakerResponse{TimeoutMS: r.Asked}, nil, r.Outcome}, err
		}),
	hook.Prioritize.Name: ask(&hook.Prioritize, func(q *hook.PriorityRequest) about { return about{q.Params, q.Payload, q.Height, 0} },
		func(t *plugin.Table, b *quoin.Binding, q *hook.PriorityRequest, _ *State) (reply[hook.PriorityResponse], error) {
			r, err := t.Priority(b, q)
			return reply[hook.PriorityResponse]{hook.PriorityResponse{Priority: r.Priority}, nil, r.Outcome}, err
		}),
}

// typed is asked for one operation.
type typed[Q, S any] struct {
	definition *hook.Definition[Q, S]
	put        func(*plugin.Table, *quoin.Binding, *Q, *State) (reply[S], error)
	request    Q
	reply      reply[S]
}

func ask[Q, S any](d *hook.Definition[Q, S], of func(*Q) about,
	put func(*plugin.Table, *quoin.Binding, *Q, *State) (reply[S], error)) func(*Question, []byte) (asked, error) {
	return func(q *Question, request []byte) (asked, error) {
		a := &typed[Q, S]{definition: d, put: put}
		if err := d.DecodeRequest(request, &a.request); err != nil {
			return nil, err
		}
		m := of(&a.request)
		q.Params, q.Payload, q.Height, q.Time = m.params, m.payload, m.height, m.time
		return a, nil
	}
}

func (a *typed[Q, S]) call(t *plugin.Table, b *quoin.Binding, s *State) (o plugin.Outcome, err error) {
	a.reply, err = a.put(t, b, &a.request, s)
	return a.reply.Outcome, err
}

func (a *typed[Q, S]) response() ([]byte, [][]byte, error) {
	b, err := a.definition.EncodeResponse(nil, &a.reply.response)
	return b, a.reply.events, err
}
