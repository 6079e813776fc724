package conformance

import (
	"bytes"
	"fmt"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/conformance/trial"
	"quoin.dev/quoin/sdk/plugintest"
)

// accepts reports whether a call did what it was asked for: it has no fault, and no code if it is one
// that has codes.
func (v *survey) accepts(c *call) bool {
	switch v.operation.Name {
	case hook.Apply.Name, hook.Query.Name, hook.Validate.Name:
		return c.Fault == "" && c.Code() == 0
	}
	return c.Fault == ""
}

func accepted(s *suite, v *survey) error {
	n := 0
	for i := range v.calls {
		if v.accepts(&v.calls[i]) {
			n++
		}
	}
	c := Check{Name: v.name("accepted"), Verdict: Pass, Figure: float64(n), Unit: "accepted",
		Detail: fmt.Sprintf("%d of %d requests had the code 0", n, len(v.calls))}
	if n == 0 {
		c.Verdict = Warn
		c.Detail += ": the suite saw only how it refuses; give examples of payloads, or recorded blocks"
	}
	s.add(c)
	return nil
}

// refusal compares the namespace after all calls with what the accepted ones wrote.
func refusal(s *suite, v *survey) error {
	refused, left := 0, []Case(nil)
	for i := range v.calls {
		c := &v.calls[i]
		if v.accepts(c) {
			continue
		}
		refused++
		if len(c.Writes) > 0 || len(c.Events) > 0 {
			left = append(left, v.show(i, c.Answer.String()))
		}
	}
	want := trial.NewState(v.before)
	if err := v.replay(func(_ int, _ *call, state *trial.State) error { want = state; return nil }); err != nil {
		return err
	}
	c := Check{Name: v.name("refusal"), Verdict: Pass, Figure: float64(len(left)), Unit: "left something", Cases: left,
		Detail: fmt.Sprintf("%d calls were refused or ended in a fault; %d of them left writes or events", refused, len(left))}
	if len(left) > 0 || want.Digest() != v.after.Digest() {
		c.Verdict = Fail
	}
	s.add(c)
	return nil
}

// readOnly looks for queries that the host stopped: they tried to write, to emit, or to use what the
// manifest does not name.
func readOnly(s *suite, v *survey) error {
	var cases []Case
	for i := range v.calls {
		if c := &v.calls[i]; c.Fault == hook.FaultImport.String() || len(c.Writes) > 0 || len(c.Events) > 0 {
			cases = append(cases, v.show(i, c.Answer.String()))
		}
	}
	c := Check{Name: v.name("read-only"), Verdict: Pass, Figure: float64(len(cases)), Unit: "writes tried", Cases: cases,
		Detail: fmt.Sprintf("%d of %d queries tried to write, or what they may not", len(cases), len(v.calls))}
	if len(cases) > 0 {
		c.Verdict = Fail
	}
	s.add(c)
	return nil
}

// batchMost is how many requests go into one batch here.
const batchMost = 24

// batch puts the calls of one block after the other again, in batches, and compares results. Those
// that end in a fault are left out: they end the batch, and the host asks one by one. Fuel may
// differ, because the guest's memory is restored for the whole batch only; the schedule of a batch is
// the same on all replicas.
func batch(s *suite, v *survey) error {
	if !s.guest.Table.Batches(s.guest.Binding(v.operation.Hook, nil)) {
		return nil
	}
	var cases []Case
	var group []int
	asked, one, many := 0, uint64(0), uint64(0)
	begin := trial.NewState(v.before)
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		b := s.batchOf(v, group)
		if err := b.run(begin); err != nil {
			return err
		}
		asked += len(group)
		cases = append(cases, b.cases...)
		many += b.fuel
		for _, i := range group {
			one += v.calls[i].Fuel
		}
		group = group[:0]
		return nil
	}
	err := v.replay(func(i int, c *call, state *trial.State) error {
		if len(group) == batchMost || len(group) > 0 && !sameBlock(c, &v.calls[group[0]]) || c.Fault != "" {
			if err := flush(); err != nil {
				return err
			}
		}
		if c.Fault != "" {
			return s.ctx.Err()
		}
		if len(group) == 0 {
			begin = state.Clone()
		}
		group = append(group, i)
		return s.ctx.Err()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	c := Check{Name: v.operation.Hook + "/batch", Verdict: Pass, Figure: float64(len(cases)), Unit: "differences", Cases: cases,
		Detail: fmt.Sprintf("%d of %d results differ; a batch needs %.2f of the fuel", len(cases), asked, float64(many)/float64(max(1, one)))}
	if len(cases) > 0 {
		c.Verdict = Fail
	}
	s.add(c)
	return nil
}

// sameBlock reports whether two transactions could stand in one batch.
func sameBlock(a, b *call) bool {
	return a.Height == b.Height && a.Time == b.Time && bytes.Equal(a.Params, b.Params)
}

// batched is one batch of calls that were answered one by one before.
type batched struct {
	s     *suite
	v     *survey
	group []int
	fuel  uint64
	cases []Case
}

func (s *suite) batchOf(v *survey, group []int) *batched { return &batched{s: s, v: v, group: group} }

// run asks the batch on the namespace as it was before its first call.
func (b *batched) run(state *trial.State) error {
	params := b.v.calls[b.group[0]].Params
	binding := b.s.guest.Binding(b.v.operation.Hook, params)
	var fault hook.Fault
	var err error
	switch b.v.operation.Name {
	case hook.Apply.Name:
		requests := decoded(b, &hook.Apply)
		mark := state.Mark()
		fault, err = b.s.guest.Table.ApplyBatch(binding, len(requests), func(i int) *hook.ApplyRequest { return requests[i] }, state,
			func(i int, r plugin.ApplyResult) error {
				if r.Code != 0 {
					state.Rollback(mark)
				}
				response, err := hook.Apply.EncodeResponse(nil, &hook.ApplyResponse{Code: r.Code, Output: r.Output})
				b.compare(i, &plugintest.Answer{Response: response, Events: r.Events, Writes: state.Since(mark)}, r.Fuel)
				mark = state.Mark()
				return err
			})
	case hook.Validate.Name:
		requests := decoded(b, &hook.Validate)
		fault, err = b.s.guest.Table.ValidateBatch(binding, len(requests), func(i int) *hook.ValidationRequest { return requests[i] }, state,
			func(i int, r plugin.ValidateResult) error {
				response, err := hook.Validate.EncodeResponse(nil, &hook.ValidationResponse{Code: r.Code})
				b.compare(i, &plugintest.Answer{Response: response}, r.Fuel)
				return err
			})
	}
	if fault != hook.FaultNone {
		b.cases = append(b.cases, b.v.show(b.group[0], fmt.Sprintf("the batch of %d that begins here ends in the fault %s", len(b.group), fault)))
	}
	return err
}

// decoded returns the requests of a batch.
func decoded[Q, S any](b *batched, d *hook.Definition[Q, S]) []*Q {
	var list []*Q
	for _, i := range b.group {
		q := new(Q)
		if err := d.DecodeRequest(b.v.calls[i].Request, q); err != nil {
			panic(err) // it was decoded before
		}
		list = append(list, q)
	}
	return list
}

func (b *batched) compare(at int, now *plugintest.Answer, fuel uint64) {
	b.fuel += fuel
	i := b.group[at]
	if first := &b.v.calls[i].Answer.Answer; !now.Equal(first) {
		b.cases = append(b.cases, b.v.show(i, fmt.Sprintf("alone %v; in a batch %v", first, now)))
	}
}
