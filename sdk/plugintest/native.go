package plugintest

import (
	"fmt"

	"quoin.dev/quoin/hook"
)

// Native answers the calls of a record with a plugin as native code, and with the faults that
// the host would give. What it does not serve is nil.
type Native struct {
	Leader  hook.LeaderPlugin
	Machine hook.MachinePlugin
}

var _ Answerer = Native{}

// Answer implements Answerer.
func (n Native) Answer(operation string, request []byte, state *State) (a Answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			fault := hook.FaultTrap
			if _, ok := p.(limitError); ok {
				fault = hook.FaultLimit
			}
			a = Answer{Fault: fault.String()}
		}
	}()
	state.Events, state.Logged = nil, nil
	var response []byte
	var invalid error // an answer beyond its limits
	switch {
	case operation == hook.Lead.Name && n.Leader != nil:
		var q hook.LeaderRequest
		if err := hook.Lead.DecodeRequest(request, &q); err != nil {
			return Answer{}, err
		}
		s := n.Leader.Lead(&q)
		if response, invalid = hook.Lead.EncodeResponse(nil, &s); int64(s.Proposer) >= int64(len(q.Validators)) {
			invalid = hook.ErrLimit
		}
	case operation == hook.Apply.Name && n.Machine != nil:
		var q hook.ApplyRequest
		if err := hook.Apply.DecodeRequest(request, &q); err != nil {
			return Answer{}, err
		}
		s := n.Machine.Apply(&q, state)
		response, invalid = hook.Apply.EncodeResponse(nil, &s)
	case operation == hook.Query.Name && n.Machine != nil:
		var q hook.QueryRequest
		if err := hook.Query.DecodeRequest(request, &q); err != nil {
			return Answer{}, err
		}
		s := n.Machine.Query(&q, readOnly{state})
		response, invalid = hook.Query.EncodeResponse(nil, &s)
	default:
		return Answer{}, fmt.Errorf("plugintest: the plugin does not serve %s", operation)
	}
	if invalid != nil {
		return Answer{Fault: hook.FaultOutput.String()}, nil
	}
	return Answer{Response: response, Events: state.Events}, nil
}
