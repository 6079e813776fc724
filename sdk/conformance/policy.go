package conformance

import (
	"fmt"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/conformance/trial"
)

// bounds makes the check of answers that the host cuts down. If it cuts every one, the plugin has no
// say.
func (s *suite) bounds(v *survey, within func(c *call) (bool, error)) error {
	asked, cut := 0, []Case(nil)
	for i := range v.calls {
		c := &v.calls[i]
		if c.Fault != "" {
			continue
		}
		asked++
		ok, err := within(c)
		if err != nil {
			return err
		}
		if !ok {
			cut = append(cut, v.show(i, c.Answer.String()))
		}
	}
	if asked == 0 {
		return nil
	}
	c := Check{Name: v.name("bounds"), Verdict: Pass, Figure: round(100 * float64(asked-len(cut)) / float64(asked)), Unit: "% within bounds",
		Detail: fmt.Sprintf("the host cuts %d of %d answers to its bounds", len(cut), asked)}
	switch {
	case len(cut) == asked:
		c.Verdict, c.Cases = Fail, cut
	case 2*len(cut) > asked:
		c.Verdict, c.Cases = Warn, cut
	}
	s.add(c)
	return nil
}

func delays(s *suite, v *survey) error {
	return s.bounds(v, func(c *call) (bool, error) {
		var r hook.FinalityResponse
		err := hook.Delay.DecodeResponse(c.Response, &r)
		return r.Blocks <= hook.FinalityBlocksMax && r.Milliseconds <= hook.FinalityMSMax, err
	})
}

func timeouts(s *suite, v *survey) error {
	return s.bounds(v, func(c *call) (bool, error) {
		var q hook.PacemakerRequest
		var r hook.PacemakerResponse
		if err := hook.Timeout.DecodeRequest(c.Request, &q); err != nil {
			return false, err
		}
		err := hook.Timeout.DecodeResponse(c.Response, &r)
		return r.TimeoutMS == r.Bounded(&q), err
	})
}

// growth lets a network fail to certify anything, and watches the time-out that the host makes of the
// answers: a time-out that falls wakes nodes at different times just when they must meet.
func growth(s *suite, v *survey) error {
	const base, most, failing = 1_000, 64_000, 12
	falls, views := 0, 0
	var cases []Case
	for _, healthy := range []uint32{10, 250, 1_000} { // milliseconds of a view before
		q := hook.PacemakerRequest{Validators: 4, Self: 1, CertifiedView: 40, BaseMS: base, MaxMS: most, Params: s.o.Params}
		for view := uint64(40); view > 30; view-- {
			q.Window = append(q.Window, hook.PacemakerView{View: view, MS: healthy, Notarized: true})
		}
		last := uint64(0)
		for q.View = 41; q.View <= 40+failing; q.View++ {
			q.BuiltinMS = min(uint64(base)<<(q.View-q.CertifiedView-1), most)
			a, r, err := s.timeout(&q)
			if err != nil {
				return err
			}
			if a.Fault != "" {
				continue // the built-in rule, which does not fall; it counts among the answers
			}
			views++
			now := r.Bounded(&q)
			if now < last {
				falls++
				request, _ := hook.Timeout.EncodeRequest(nil, &q)
				cases = append(cases, Case{Operation: v.operation.Name, Number: views, Request: request, Note: fmt.Sprintf("%d ms after %d ms", now, last)})
			}
			last = now
			q.Window = append([]hook.PacemakerView{{View: q.View, MS: uint32(now)}}, q.Window...)
		}
	}
	c := Check{Name: v.name("growth"), Verdict: Pass, Figure: float64(falls), Unit: "falls", Cases: cases,
		Detail: fmt.Sprintf("over %d views without a certificate the time-out falls %d times", views, falls)}
	if falls > 0 {
		c.Verdict = Warn
	}
	s.add(c)
	return nil
}

func (s *suite) timeout(q *hook.PacemakerRequest) (a trial.Answer, r hook.PacemakerResponse, err error) {
	a, err = s.ask(hook.Timeout.Name, func() ([]byte, error) { return hook.Timeout.EncodeRequest(nil, q) })
	if err == nil && a.Fault == "" {
		err = hook.Timeout.DecodeResponse(a.Response, &r)
	}
	return a, r, err
}

// ask puts a request of the suite's own.
func (s *suite) ask(operation string, request func() ([]byte, error)) (trial.Answer, error) {
	if err := s.ctx.Err(); err != nil {
		return trial.Answer{}, err
	}
	b, err := request()
	if err != nil {
		return trial.Answer{}, err
	}
	q, err := trial.NewQuestion(operation, b)
	if err != nil {
		return trial.Answer{}, err
	}
	return s.compiled.Ask(q, trial.NewState(nil))
}

// order compares transactions that enter an empty pool with the same ones in a full pool. Each is
// asked about once, so that answers to different fillings are held against each other.
func order(s *suite, v *survey) error {
	const transactions = 40
	fillings := [][2]uint32{{0, 10_000}, {9_999, 10_000}, {50, 100}}
	priorities := make([][]uint64, len(fillings))
	for n := 0; n < transactions; n++ {
		var q hook.PriorityRequest
		if err := hook.Prioritize.DecodeRequest(v.source.Request(v.operation.Name), &q); err != nil {
			return err
		}
		var row []uint64
		for _, f := range fillings {
			q.Pending, q.Capacity = f[0], f[1]
			a, err := s.ask(v.operation.Name, func() ([]byte, error) { return hook.Prioritize.EncodeRequest(nil, &q) })
			if err != nil {
				return err
			}
			var r hook.PriorityResponse
			if a.Fault == "" && hook.Prioritize.DecodeResponse(a.Response, &r) == nil {
				row = append(row, r.Priority)
			}
		}
		if len(row) < len(fillings) {
			continue // it counts among the answers
		}
		for i, p := range row {
			priorities[i] = append(priorities[i], p)
		}
	}
	pairs, turned, distinct := 0, 0, map[uint64]bool{}
	for i, a := range priorities[0] {
		distinct[a] = true
		for j, b := range priorities[0][:i] {
			for _, other := range priorities[1:] {
				pairs++
				if a > b && other[i] < other[j] || a < b && other[i] > other[j] {
					turned++
				}
			}
		}
	}
	c := Check{Name: v.name("order"), Verdict: Pass, Figure: round(100 * float64(turned) / float64(max(1, pairs))), Unit: "% of pairs turned",
		Detail: fmt.Sprintf("%d transactions get %d different priorities; when the pool is fuller, %d of %d pairs change places", len(priorities[0]), len(distinct), turned, pairs)}
	if 4*turned > pairs {
		c.Verdict = Warn
	}
	s.add(c)
	return nil
}
