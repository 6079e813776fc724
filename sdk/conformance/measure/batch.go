package measure

import (
	"bytes"
	"fmt"
	"time"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// batch puts a subject's requests in one call, or as many as the host makes of it.
type batch struct {
	of        *subject
	applies   []*hook.ApplyRequest
	validates []*hook.ValidationRequest
}

// newBatch returns the subject of the batch form of an operation, with the requests of its single
// form that had no fault; nil if the release has none, or none of the requests will do.
func newBatch(single *subject) (*subject, error) {
	g, o := single.guest, single.operation
	if g.Release == nil || o.Name != hook.Apply.Name && o.Name != hook.Validate.Name || !g.Table.Batches(single.asked[0].binding) {
		return nil, nil
	}
	s := &subject{guest: g, operation: hook.ApplyBatch.Operation, state: single.state, accepted: single.accepted}
	if o.Name == hook.Validate.Name {
		s.operation = hook.ValidateBatch.Operation
	}
	b := &batch{of: s}
	for _, a := range single.asked {
		if a.faulty || !bytes.Equal(a.Params, single.asked[0].Params) {
			continue
		}
		apply, validate := new(hook.ApplyRequest), new(hook.ValidationRequest)
		var err error
		if o.Name == hook.Apply.Name {
			err, b.applies = hook.Apply.DecodeRequest(a.Request, apply), append(b.applies, apply)
		} else {
			err, b.validates = hook.Validate.DecodeRequest(a.Request, validate), append(b.validates, validate)
		}
		if err != nil {
			return nil, err
		}
		s.asked = append(s.asked, a)
	}
	if len(s.asked) == 0 {
		return nil, nil
	}
	s.batch = b
	if _, err := b.pass(func(fuel uint64) {
		s.fuel += fuel
		s.fuels = append(s.fuels, fuel)
	}); err != nil {
		return nil, err
	}
	s.restored = []uint64{uint64(g.Table.Footprint(g.Release.Digest()).Touched)}
	return s, nil
}

// pass answers all requests once, and leaves the namespace as it was. each, if there is one, gets the
// fuel of every request.
func (b *batch) pass(each func(fuel uint64)) (time.Duration, error) {
	s := b.of
	binding, mark := s.asked[0].binding, s.state.Mark()
	done := func(i int, fuel uint64) error {
		if !s.asked[i].keep {
			s.state.Rollback(mark)
		}
		mark = s.state.Mark()
		if each != nil {
			each(fuel)
		}
		return nil
	}
	start := time.Now()
	var fault hook.Fault
	var err error
	if len(b.applies) > 0 {
		fault, err = s.guest.Table.ApplyBatch(binding, len(b.applies), func(i int) *hook.ApplyRequest { return b.applies[i] }, s.state,
			func(i int, r plugin.ApplyResult) error { return done(i, r.Fuel) })
	} else {
		fault, err = s.guest.Table.ValidateBatch(binding, len(b.validates), func(i int) *hook.ValidationRequest { return b.validates[i] }, s.state,
			func(i int, r plugin.ValidateResult) error { return done(i, r.Fuel) })
	}
	took := time.Since(start)
	s.state.Rollback(0)
	if err == nil && fault != hook.FaultNone {
		err = fmt.Errorf("measure: %s of %s ends in the fault %s where its transactions one by one have none; `quoin plugin test` says more", s.operation.Name, s.guest.Name, fault)
	}
	return took, err
}
