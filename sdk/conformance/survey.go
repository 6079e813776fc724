package conformance

import (
	"fmt"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/conformance/trial"
	"quoin.dev/quoin/sdk/plugintest"
)

// survey is all that one operation was asked, on a namespace that each call leaves to the next.
type survey struct {
	operation hook.Operation
	source    *trial.Source
	before    []plugintest.Pair // the namespace
	calls     []call
	again     []bool // whether the same question, asked at once again, had the same answer
	after     *trial.State
	limit     uint64 // fuel of one call
	cut       bool   // not all was asked: too much fuel was spent, or too much went wrong
}

// call is a question and its answer.
type call struct {
	*trial.Question
	trial.Answer
}

// Bounds of the work on one operation, so that a guest that never ends costs seconds.
const (
	surveyFuelMax    = 600_000_000
	engineFuelMax    = 20_000_000 // of the interpreter, which is some 30 times slower
	surveyFaultsMax  = 20
	recordedCallsMax = 1_000
	exploreCalls     = 25 // for each of Options.Calls
)

// survey asks the operation what the records hold, the edges, and requests at random.
func (s *suite) survey(o hook.Operation, source *trial.Source, state *trial.State) (*survey, error) {
	v := &survey{operation: o, source: source, before: state.Pairs(), after: state, limit: s.guest.FuelMax(o.Hook)}
	var requests [][]byte
	for _, r := range s.o.Records {
		for i := range r.Calls {
			if c := &r.Calls[i]; c.Operation == o.Name && len(requests) < recordedCallsMax {
				requests = append(requests, c.Request)
			}
		}
	}
	requests = append(requests, source.Examples(o.Name, s.o.Payloads)...)
	if o.Name == hook.Query.Name {
		teachKeys(source, state)
	}
	if err := source.Explore(s.ctx, s.compiled, o.Name, state, exploreCalls*s.o.Calls); err != nil {
		return nil, err
	}
	requests = append(requests, trial.Edges(o.Name, s.o.Params)...)
	var spent uint64
	faults := 0
	for n := 0; n < len(requests)+s.o.Calls; n++ {
		if v.cut = spent > surveyFuelMax || faults >= surveyFaultsMax; v.cut {
			break
		}
		request := []byte(nil)
		if n < len(requests) {
			request = requests[n]
		} else {
			request = source.Request(o.Name)
		}
		q, err := trial.NewQuestion(o.Name, request)
		if err != nil {
			return nil, fmt.Errorf("conformance: a recorded request of %s is none: %w", o.Name, err)
		}
		a, same, err := s.twice(q, state)
		if err != nil {
			return nil, err
		}
		v.calls, v.again = append(v.calls, call{q, a}), append(v.again, same)
		spent += a.Fuel
		if a.Fault != "" {
			faults++
		}
	}
	return v, nil
}

// twice asks a question, takes the answer back, asks again, and compares.
func (s *suite) twice(q *trial.Question, state *trial.State) (trial.Answer, bool, error) {
	if err := s.ctx.Err(); err != nil {
		return trial.Answer{}, false, err
	}
	mark := state.Mark()
	first, err := s.compiled.Ask(q, state)
	if err != nil {
		return trial.Answer{}, false, err
	}
	state.Rollback(mark)
	second, err := s.compiled.Ask(q, state)
	return first, first.Equal(&second), err
}

// teachKeys makes queries ask about keys that are there.
func teachKeys(source *trial.Source, state *trial.State) {
	pairs := state.Pairs()
	for i := 0; i < len(pairs); i += 1 + len(pairs)/32 {
		source.Teach(hook.Query.Name, 0, pairs[i].Key)
	}
}

// replay goes through the calls with the namespace as it was before each of them.
func (v *survey) replay(visit func(i int, c *call, state *trial.State) error) error {
	state := trial.NewState(v.before)
	for i := range v.calls {
		c := &v.calls[i]
		if err := visit(i, c, state); err != nil {
			return err
		}
		for _, w := range c.Writes {
			if w.Value == nil {
				_ = state.Delete(w.Key)
			} else {
				_ = state.Put(w.Key, w.Value)
			}
		}
	}
	return nil
}

// differences asks again, as by says, the calls that pick chooses (nil: all), and counts the answers
// that differ.
func (s *suite) differences(v *survey, by answerer, pick func(i int) bool, before func()) (asked int, cases []Case, err error) {
	err = v.replay(func(i int, c *call, state *trial.State) error {
		if pick != nil && !pick(i) {
			return s.ctx.Err()
		}
		if before != nil {
			before()
		}
		asked++
		mark := state.Mark()
		a, err := by.Ask(c.Question, state)
		if err == nil && !a.Equal(&c.Answer) {
			cases = append(cases, v.show(i, fmt.Sprintf("first %v; now %v", &c.Answer, &a)))
		}
		state.Rollback(mark)
		return err
	})
	return asked, cases, err
}

// show makes a case of a call.
func (v *survey) show(i int, note string) Case {
	const noteMax = 400
	if len(note) > noteMax {
		note = note[:noteMax] + "..."
	}
	return Case{Operation: v.operation.Name, Number: i, Note: note, Request: v.calls[i].Request}
}

// name returns the name of a check of the operation.
func (v *survey) name(what string) string { return v.operation.Name + "/" + what }

// faulty reports whether a call ended in a fault that no rule of its own explains.
func (v *survey) faulty(c *call) bool {
	return c.Fault != "" && !(v.operation.Name == hook.Query.Name && c.Fault == hook.FaultImport.String())
}
