package conformance

import (
	"cmp"
	"fmt"
	"slices"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/conformance/trial"
)

// same makes the check of answers that must not differ.
func (s *suite) same(name string, asked int, cases []Case, how string) {
	c := Check{Name: name, Verdict: Pass, Figure: float64(len(cases)), Unit: "differences", Cases: cases,
		Detail: fmt.Sprintf("%s: %d of %d answers differ", how, len(cases), asked)}
	if len(cases) > 0 {
		c.Verdict = Fail
	}
	s.add(c)
}

func repeatable(s *suite, v *survey) error {
	var cases []Case
	for i, same := range v.again {
		if !same {
			cases = append(cases, v.show(i, "asked twice in a row, two answers"))
		}
	}
	s.same(v.name("repeatable"), len(v.again), cases, "asked twice in a row")
	return nil
}

// freshCalls is how many questions are asked in an instance of their own, which for a Go guest costs
// some milliseconds.
const freshCalls = 48

// fresh asks questions in instances that have answered none.
func fresh(s *suite, v *survey) error {
	affordable, every := within(v, surveyFuelMax/4), 1+len(v.calls)/freshCalls
	pick := func(i int) bool { return i%every == 0 && affordable(i) }
	asked, cases, err := s.differences(v, s.compiled, pick, s.compiled.Renew)
	if err != nil {
		return err
	}
	s.same(v.name("fresh"), asked, cases, "asked in a new instance")
	return nil
}

// requestOnly asks all questions once more, the last one first. Calls of an operation that writes
// cannot change places: replicas agree on their order.
func requestOnly(s *suite, v *survey) error {
	if !v.operation.ReadOnly {
		return nil
	}
	pick := within(v, surveyFuelMax/4)
	state := trial.NewState(v.before)
	asked, cases := 0, []Case(nil)
	for i := len(v.calls) - 1; i >= 0; i-- {
		if !pick(i) {
			continue
		}
		if err := s.ctx.Err(); err != nil {
			return err
		}
		asked++
		a, err := s.compiled.Ask(v.calls[i].Question, state)
		if err != nil {
			return err
		}
		if !a.Equal(&v.calls[i].Answer) {
			cases = append(cases, v.show(i, fmt.Sprintf("first %v; now %v", &v.calls[i].Answer, &a)))
		}
	}
	s.same(v.name("request-only"), asked, cases, "asked in the other order")
	return nil
}

// engines asks the interpreter as much as its fuel allows.
func engines(s *suite, v *survey) error {
	asked, cases, err := s.differences(v, s.interpreted, within(v, engineFuelMax), nil)
	if err != nil {
		return err
	}
	s.same(v.name("engines"), asked, cases, "asked of the interpreter")
	return nil
}

// within chooses the cheapest calls that together need no more fuel than that, and the dearest that
// did not use up its limit.
func within(v *survey, fuel uint64) func(i int) bool {
	byFuel := make([]int, len(v.calls))
	for i := range byFuel {
		byFuel[i] = i
	}
	slices.SortFunc(byFuel, func(a, b int) int {
		return cmp.Or(cmp.Compare(v.calls[a].Fuel, v.calls[b].Fuel), cmp.Compare(a, b))
	})
	chosen := make([]bool, len(v.calls))
	for _, i := range byFuel {
		if chosen[i] = v.calls[i].Fuel <= fuel; chosen[i] {
			fuel -= v.calls[i].Fuel
		}
	}
	for _, i := range slices.Backward(byFuel) {
		if v.calls[i].Fault != hook.FaultFuel.String() {
			chosen[i] = true
			break
		}
	}
	return func(i int) bool { return chosen[i] }
}
