package plugintest

import (
	"fmt"

	"quoin.dev/quoin/hook"
)

// Native answers the calls of a record with a plugin as native code: with the faults that the host
// would give, and within the host's bounds. What it does not serve is nil.
type Native struct {
	Leader     hook.LeaderPlugin
	Machine    hook.MachinePlugin
	Validation hook.ValidationPlugin
	Finality   hook.FinalityPlugin
	Pacemaker  hook.PacemakerPlugin
	Priority   hook.PriorityPlugin
}

var _ Answerer = Native{}

// Answer implements Answerer.
func (n Native) Answer(operation string, request []byte, state *State) (a Answer, err error) {
	state.Events, state.Logged = nil, nil
	if fault := Guard(func() { a, err = n.answer(operation, request, state) }); fault != hook.FaultNone {
		return Answer{Fault: fault.String()}, nil
	}
	return a, err
}

func (n Native) answer(operation string, request []byte, state *State) (Answer, error) {
	switch {
	case operation == hook.Lead.Name && n.Leader != nil:
		return call(&hook.Lead, request, func(q *hook.LeaderRequest) hook.LeaderResponse {
			s := n.Leader.Lead(q)
			if uint64(s.Proposer) >= uint64(len(q.Validators)) {
				Fail(hook.FaultOutput, "there is no such validator")
			}
			return s
		})
	case operation == hook.Apply.Name && n.Machine != nil:
		a, err := call(&hook.Apply, request, func(q *hook.ApplyRequest) hook.ApplyResponse { return n.Machine.Apply(q, state) })
		a.Events = state.Events
		return a, err
	case operation == hook.Migrate.Name && n.Machine != nil:
		if m, ok := n.Machine.(hook.Migrator); ok {
			return call(&hook.Migrate, request, func(q *hook.MigrateRequest) hook.MigrateResponse { return m.Migrate(q, state) })
		}
	case operation == hook.Query.Name && n.Machine != nil:
		return call(&hook.Query, request, func(q *hook.QueryRequest) hook.QueryResponse { return n.Machine.Query(q, readOnly{state}) })
	case operation == hook.Validate.Name && n.Validation != nil:
		return call(&hook.Validate, request, func(q *hook.ValidationRequest) hook.ValidationResponse {
			return n.Validation.Validate(q, readOnly{state})
		})
	case operation == hook.Delay.Name && n.Finality != nil:
		return call(&hook.Delay, request, func(q *hook.FinalityRequest) hook.FinalityResponse { return n.Finality.Delay(q).Bounded() })
	case operation == hook.Timeout.Name && n.Pacemaker != nil:
		return call(&hook.Timeout, request, func(q *hook.PacemakerRequest) hook.PacemakerResponse {
			return hook.PacemakerResponse{TimeoutMS: n.Pacemaker.Timeout(q).Bounded(q)}
		})
	case operation == hook.Prioritize.Name && n.Priority != nil:
		return call(&hook.Prioritize, request, n.Priority.Priority)
	}
	return Answer{}, fmt.Errorf("plugintest: the plugin does not serve %s", operation)
}

// call decodes a request and encodes the response.
func call[Q, S any](d *hook.Definition[Q, S], request []byte, ask func(q *Q) S) (Answer, error) {
	var q Q
	if err := d.DecodeRequest(request, &q); err != nil {
		return Answer{}, err
	}
	s := ask(&q)
	response, err := d.EncodeResponse(nil, &s)
	if err != nil {
		Fail(hook.FaultOutput, err.Error())
	}
	return Answer{Response: response}, nil
}
