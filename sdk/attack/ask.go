package attack

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/plugintest"
)

// question asks one replica one thing; who asks lends the space.
type question func(r *witness, b *quoin.Binding, sp *space) (answer, error)

// draw draws a question for an operation.
func (q *questions) draw(o hook.Operation) question {
	switch o.Name {
	case hook.Lead.Name:
		m := q.leader()
		return func(r *witness, b *quoin.Binding, _ *space) (answer, error) {
			got, err := r.table.Lead(b, m)
			return answered(&got.Outcome, 0, fmt.Sprint(got.Proposer)), err
		}
	case hook.Apply.Name:
		m := known(q, &hook.Apply, q.apply())
		return func(r *witness, b *quoin.Binding, sp *space) (answer, error) {
			got, err := r.table.Apply(b, m, sp)
			return answered(&got.Outcome, got.Code, fmt.Sprintf("%x %x %s", got.Output, got.Events, sp.text())), err
		}
	case hook.Query.Name:
		m := known(q, &hook.Query, q.query())
		return func(r *witness, b *quoin.Binding, sp *space) (answer, error) {
			got, err := r.table.Query(b, m, sp)
			return answered(&got.Outcome, got.Code, fmt.Sprintf("%x", got.Output)), err
		}
	case hook.Validate.Name:
		m := known(q, &hook.Validate, q.validation())
		return func(r *witness, b *quoin.Binding, sp *space) (answer, error) {
			got, err := r.table.Validate(b, m, sp)
			return answered(&got.Outcome, got.Code, ""), err
		}
	case hook.Delay.Name:
		m := q.finality()
		return func(r *witness, b *quoin.Binding, _ *space) (answer, error) {
			got, err := r.table.Delay(b, m)
			a := answered(&got.Outcome, 0, fmt.Sprint(got.Asked))
			if x := got.Asked; a.fault == hook.FaultNone && (x.Blocks > hook.FinalityBlocksMax || x.Milliseconds > hook.FinalityMSMax) {
				a.clamped = fmt.Sprintf("it asks for %d blocks or %d ms, the host waits for %d or %d at most", x.Blocks, x.Milliseconds, hook.FinalityBlocksMax, hook.FinalityMSMax)
			}
			return a, err
		}
	case hook.Timeout.Name:
		m := q.pacemaker()
		return func(r *witness, b *quoin.Binding, _ *space) (answer, error) {
			got, err := r.table.Timeout(b, m)
			a := answered(&got.Outcome, 0, fmt.Sprint(got.Asked))
			if a.fault == hook.FaultNone && got.Asked != got.MS {
				a.clamped = fmt.Sprintf("it asks for %d ms, the host takes %d", got.Asked, got.MS)
			}
			return a, err
		}
	}
	m := q.priority()
	return func(r *witness, b *quoin.Binding, _ *space) (answer, error) {
		got, err := r.table.Priority(b, m)
		return answered(&got.Outcome, 0, fmt.Sprint(got.Priority)), err
	}
}

func answered(o *plugin.Outcome, code uint32, text string) answer {
	return answer{fault: o.Fault, fuel: o.Fuel, code: code, text: text}
}

// Fairness of leaders: with validators that are all up and of one weight, nobody should have more than
// half of the views that the plugin decides about.
const (
	fairValidators = 7
	fairViews      = 256
)

// fairness plays a chain and looks for a leader that elects one validator.
func (a *aim) fairness(x *Aimed) {
	s := a.ordinary
	c := &plugintest.Chain{Weights: slices.Repeat([]uint64{1}, fairValidators), Params: a.Params}
	b := a.release.Binding(hook.Leader.Name)
	b.Parameters = a.Params
	share, asked := [fairValidators]int{}, 0
	for view := range fairViews {
		if _, rescue := plugintest.Rescue(uint64(view+1), fairValidators); !rescue {
			got, err := s.replicas[0].table.Lead(b, c.Request())
			if err != nil || got.Fault != hook.FaultNone {
				return // other forms tell
			}
			share[got.Proposer]++
			asked++
		}
		c.Step(hook.LeaderFunc(func(q *hook.LeaderRequest) hook.LeaderResponse {
			got, _ := s.replicas[0].table.Lead(b, q)
			return hook.LeaderResponse{Proposer: got.Proposer}
		}))
	}
	if most := slices.Max(share[:]); 2*most > asked {
		x.find("elects", x.Operation+"/fairness", true, fmt.Sprintf("one of %d equal validators leads %d of the %d views that the plugin decides about; in rescue views, every fourth, all take turns",
			fairValidators, most, asked))
	}
}
