package plugin

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

// Bounds of one call of a batch operation.
const (
	// batchFuelMax is the fuel after which a call gets no further request: the rest goes into
	// another call, so that none blocks the host for long.
	batchFuelMax = FuelMax
	// batchEndFuel is what a guest has for returning after the last request.
	batchEndFuel = 100_000
)

// batch is a call of a batch operation, as batch_next sees it.
type batch struct {
	n      int                                  // requests of the caller's
	at     int                                  // of the one that is being answered, or the next
	open   bool                                 // one is being answered
	ended  bool                                 // the guest was told that there is no more
	limit  int64                                // fuel of one request
	spent  int64                                // by the call
	load   func(at int) hook.Fault              // makes the request's bytes ready
	finish func(at int, fuel uint64) hook.Fault // takes the response
}

// batch_next() -> 1 or 0
func hostBatchNext(c *call, s []uint64) {
	p := c.batch
	if p == nil || p.ended {
		c.stop(hook.FaultImport)
		return
	}
	if p.open {
		fuel := p.limit - c.left
		if !c.answered {
			c.stop(hook.FaultOutput)
			return
		}
		f := p.finish(p.at, uint64(fuel))
		if c.recording != nil {
			c.recording.respond(c, c.left, f)
		}
		if f != hook.FaultNone || c.stopped() {
			c.stop(f)
			return
		}
		p.spent += fuel
		p.at++
		c.renew()
		c.left = p.limit
	}
	if p.open = p.at < p.n && p.spent < batchFuelMax; !p.open {
		p.ended = true
		c.left = batchEndFuel
		s[0] = 0
		return
	}
	if f := p.load(p.at); f != hook.FaultNone {
		c.stop(f)
		return
	}
	if c.recording != nil {
		c.recording.ask(c.request)
	}
	s[0] = 1
}

// Batches reports whether ApplyBatch (or, of a validation's binding, ValidateBatch) takes the
// requests of the binding in one call.
func (t *Table) Batches(b *quoin.Binding) bool {
	g := t.guests[b.Release]
	return g != nil && g.release.batches(b.Hook)
}

// ApplyBatch applies transactions that follow one another in a block. done takes the result of
// transaction i, in order, and before the next one begins: it must drop the writes of one that was
// refused. An error of done ends the batch as a local error.
//
// With a fault, the batch counts for nothing: the caller drops all its writes and results and applies
// the transactions one by one, so that only the offender pays. Results and fuel are functions of the
// whole batch: the caller must form batches alike on every replica.
func (t *Table) ApplyBatch(b *quoin.Binding, n int, request func(i int) *hook.ApplyRequest, state State, done func(i int, r ApplyResult) error) (hook.Fault, error) {
	if n == 0 {
		return hook.FaultNone, nil
	}
	return performBatch(t, &hook.Machine, &hook.ApplyBatch, b, writeScene(state, request(0).Time), n, func(i int) *hook.ApplyRequest {
		q := request(i)
		q.Params = b.Parameters
		return q
	}, &t.apply, func(i int, o Outcome) error { return done(i, t.applied(b, o)) })
}

// ValidateBatch judges the transactions of a block, all on the state after the block before. It is
// to Validate what ApplyBatch is to Apply.
func (t *Table) ValidateBatch(b *quoin.Binding, n int, request func(i int) *hook.ValidationRequest, state StateReader, done func(i int, r ValidateResult) error) (hook.Fault, error) {
	if n == 0 {
		return hook.FaultNone, nil
	}
	return performBatch(t, &hook.Validation, &hook.ValidateBatch, b, readScene(state, request(0).Time), n, func(i int) *hook.ValidationRequest {
		q := request(i)
		q.Params = b.Parameters
		return q
	}, &t.validate, func(i int, o Outcome) error { return done(i, ValidateResult{Code: t.validate.Code, Outcome: o}) })
}

// performBatch calls the operation until all requests are answered.
func performBatch[Q, S any](t *Table, h *hook.Hook, d *hook.Definition[Q, S], b *quoin.Binding, sc scene, n int,
	request func(i int) *Q, s *S, done func(i int, o Outcome) error) (hook.Fault, error) {
	fault, err := serveBatch(t, h, d, b, sc, n, request, s, done)
	if fault != hook.FaultNone {
		t.metered(b, Outcome{Fault: fault})
	}
	return fault, err
}

func serveBatch[Q, S any](t *Table, h *hook.Hook, d *hook.Definition[Q, S], b *quoin.Binding, sc scene, n int,
	request func(i int) *Q, s *S, done func(i int, o Outcome) error) (hook.Fault, error) {
	for at := 0; at < n; {
		i, fuel, fault, err := t.prepare(h, d.Operation, b, sc)
		if err != nil || fault != hook.FaultNone {
			return fault, err
		}
		c := &i.call
		p := &batch{n: n, at: at, limit: int64(fuel)}
		p.load = func(at int) hook.Fault {
			bytes, err := d.EncodeRequest(i.request[:0], request(at))
			i.request = bytes[:0]
			if err != nil {
				return hook.FaultInput
			}
			c.request = bytes
			return hook.FaultNone
		}
		p.finish = func(at int, fuel uint64) hook.Fault {
			if d.DecodeResponse(c.response, s) != nil {
				return hook.FaultOutput
			}
			o := Outcome{Fuel: fuel}
			o.Log, o.LogDropped = c.log.take()
			t.metered(b, o)
			c.failed(done(at, o))
			return hook.FaultNone
		}
		c.batch = p
		i.busy = true
		o, err := i.run(d.Name, fuel)
		i.busy = false
		t.observed(i)
		c.batch, c.scene = nil, scene{}
		switch {
		case err != nil:
			return hook.FaultNone, err
		case o.Fault != hook.FaultNone:
			return o.Fault, nil
		case i.results[0]&0xffffffff != 0:
			return hook.FaultStatus, nil
		case !p.ended || p.at == at:
			return hook.FaultOutput, nil // it stopped asking
		}
		at = p.at
	}
	return hook.FaultNone, nil
}
