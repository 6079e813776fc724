package conformance

import (
	"fmt"
	"slices"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/conformance/trial"
)

// records answers recorded blocks again, each record on the namespace that it begins with.
func (s *suite) records() error {
	if len(s.o.Records) == 0 {
		return nil
	}
	asked, others := 0, 0
	var cases []Case
	for _, r := range s.o.Records {
		state := trial.NewState(r.State)
		for i := range r.Calls {
			c := &r.Calls[i]
			if err := s.ctx.Err(); err != nil {
				return err
			}
			if o, _ := hook.FindOperation(c.Operation); o.Batch || !slices.Contains(s.guest.Release.Manifest().Hooks, o.Hook) {
				others++
				continue
			}
			q, err := trial.NewQuestion(c.Operation, c.Request)
			if err != nil {
				return fmt.Errorf("conformance: call %d of a record: %w", i, err)
			}
			a, err := s.compiled.Ask(q, state)
			if err != nil {
				return err
			}
			asked++
			if !a.Answer.Equal(&c.Answer) {
				cases = append(cases, Case{Operation: c.Operation, Number: i, Request: c.Request, Note: fmt.Sprintf("recorded %.200v; now %.200v", &c.Answer, &a.Answer)})
			}
		}
	}
	c := Check{Name: "record/answers", Verdict: Pass, Figure: float64(len(cases)), Unit: "differences", Cases: cases,
		Detail: fmt.Sprintf("%d of %d recorded answers differ", len(cases), asked)}
	if others > 0 {
		c.Detail += fmt.Sprintf("; %d calls are of other hooks", others)
	}
	switch {
	case len(cases) > 0:
		c.Verdict = Fail
	case asked == 0:
		c.Verdict = Warn
	}
	s.add(c)
	return nil
}
