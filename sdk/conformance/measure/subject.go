package measure

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/conformance/trial"
)

// subject is a release or built-in with the requests of one operation.
type subject struct {
	guest     *trial.Guest
	operation hook.Operation
	state     *trial.State
	asked     []asked
	accepted  int
	fuel      uint64 // of all requests together
	fuels     []uint64
	restored  []uint64  // bytes of memory
	rounds    []float64 // nanoseconds of a request
	batch     *batch    // of a batch operation
}

// asked is a request in its place.
type asked struct {
	*trial.Question
	binding *quoin.Binding
	keep    bool // what it wrote stays for the next one
	faulty  bool // it ended in a fault
}

// passFuelMax bounds the fuel of all requests together: requests beyond it are left out.
const passFuelMax = 30_000_000

// exploreCalls is how much is asked to find requests that a plugin does something with, and drawn how
// many requests those that are measured are taken from. filling is how many transactions come before
// queries.
const (
	exploreCalls = 150 // for each of Options.Requests
	drawn        = 400
	filling      = 100
)

// newSubject finds the requests and how each ends.
func newSubject(ctx context.Context, g *trial.Guest, op hook.Operation, o *Options) (*subject, error) {
	s := &subject{guest: g, operation: op, state: trial.NewState(nil)}
	requests, err := s.requests(ctx, o)
	if err != nil {
		return nil, err
	}
	for _, r := range requests {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if s.fuel > passFuelMax {
			break
		}
		q, err := trial.NewQuestion(op.Name, r)
		if err != nil {
			return nil, fmt.Errorf("measure: a recorded request of %s is none: %w", op.Name, err)
		}
		a, err := g.Ask(q, s.state)
		if err != nil {
			return nil, err
		}
		ok := accepted(op, &a)
		s.asked = append(s.asked, asked{q, g.Binding(op.Hook, q.Params), op.ReadOnly || ok, a.Fault != ""})
		if ok {
			s.accepted++
		}
		s.fuel += a.Fuel
		s.fuels = append(s.fuels, a.Fuel)
		if g.Release != nil {
			s.restored = append(s.restored, uint64(g.Table.Footprint(g.Release.Digest()).Touched))
		} else {
			s.restored = append(s.restored, 0)
		}
	}
	s.state.Rollback(0)
	return s, nil
}

// requests returns those of a record, or some at random, accepted ones if there are.
func (s *subject) requests(ctx context.Context, o *Options) (list [][]byte, err error) {
	op := s.operation
	if s.guest.Release != nil || op.Hook != hook.Machine.Name { // the store's payloads are its own
		if list, err = s.recorded(ctx, o); err != nil || len(list) > 0 {
			return list, err
		}
	}
	source := trial.NewSource(o.Seed, o.Params)
	if op.Name == hook.Query.Name {
		if err := s.fill(ctx, source, o); err != nil {
			return nil, err
		}
	}
	examples := source.Examples(op.Name, s.payloads(op, o))
	if err := source.Explore(ctx, s.guest, op.Name, s.state, exploreCalls*o.Requests); err != nil {
		return nil, err
	}
	var others [][]byte
	for n := 0; n < drawn && len(list) < o.Requests; n++ {
		r := []byte(nil)
		if n < len(examples) {
			r = examples[n]
		} else {
			r = source.Request(op.Name)
		}
		q, err := trial.NewQuestion(op.Name, r)
		if err != nil {
			return nil, err
		}
		a, err := s.guest.Ask(q, s.state)
		if err != nil {
			return nil, err
		}
		if accepted(op, &a) {
			list = append(list, r)
		} else if len(others) < o.Requests {
			others = append(others, r)
		}
	}
	s.state.Rollback(0)
	if len(list) < max(1, o.Requests/4) {
		list = append(list, others[:min(len(others), o.Requests-len(list))]...)
	}
	return list, nil
}

// recorded returns the requests of the first record that has any. Queries are asked of the namespace as
// its transactions leave it.
func (s *subject) recorded(ctx context.Context, o *Options) (list [][]byte, err error) {
	for _, r := range o.Records {
		s.state = trial.NewState(r.State)
		for i := range r.Calls {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			switch c := &r.Calls[i]; {
			case c.Operation == s.operation.Name && len(list) < drawn:
				list = append(list, c.Request)
			case c.Operation == hook.Apply.Name && s.operation.Name == hook.Query.Name:
				if err := s.ask(c.Request); err != nil {
					return nil, err
				}
			}
		}
		if len(list) > 0 {
			break
		}
	}
	s.state = s.state.Clone() // what is undone ends here
	return list, nil
}

// ask lets a transaction write.
func (s *subject) ask(request []byte) error {
	q, err := trial.NewQuestion(hook.Apply.Name, request)
	if err != nil {
		return fmt.Errorf("measure: a recorded request of %s is none: %w", hook.Apply.Name, err)
	}
	_, err = s.guest.Ask(q, s.state)
	return err
}

// payloads returns the examples for an operation.
func (s *subject) payloads(op hook.Operation, o *Options) [][]byte {
	if s.guest.Builtin == "kv" {
		return kvPayloads(op)
	}
	return o.Payloads
}

// fill lets transactions write what queries can ask about.
func (s *subject) fill(ctx context.Context, source *trial.Source, o *Options) error {
	requests := source.Examples(hook.Apply.Name, s.payloads(hook.Apply.Operation, o))
	if err := source.Explore(ctx, s.guest, hook.Apply.Name, s.state, exploreCalls*o.Requests); err != nil {
		return err
	}
	for range filling {
		requests = append(requests, source.Request(hook.Apply.Name))
	}
	for _, r := range requests {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.ask(r); err != nil {
			return err
		}
	}
	s.state = s.state.Clone() // what is undone ends here
	return nil
}

// accepted reports whether a call ended as it should: without a fault, and with the code 0 if it is
// one that has codes.
func accepted(op hook.Operation, a *trial.Answer) bool {
	codes := op.Hook == hook.Machine.Name || op.Hook == hook.Validation.Name
	return a.Fault == "" && (!codes || a.Code() == 0)
}

// kvPayloads are puts and gets, for the built-in store as a measure of machines.
func kvPayloads(op hook.Operation) (list [][]byte) {
	for i := range 16 {
		key := []byte{0, 4, 'k', 'e', 'y', byte('a' + i)}
		if op.ReadOnly {
			list = append(list, slices.Concat([]byte{1}, key))
		} else {
			list = append(list, slices.Concat([]byte{0, 1, 1}, key, binary.BigEndian.AppendUint32(nil, 16), make([]byte, 16)))
		}
	}
	return list
}

// pass answers all requests once, and leaves the namespace as it was.
func (s *subject) pass() (time.Duration, error) {
	if s.batch != nil {
		return s.batch.pass(nil)
	}
	start := time.Now()
	for i := range s.asked {
		q := &s.asked[i]
		mark := s.state.Mark()
		if _, err := q.Call(s.guest.Table, q.binding, s.state); err != nil {
			return 0, err
		}
		if !q.keep {
			s.state.Rollback(mark)
		}
	}
	took := time.Since(start)
	s.state.Rollback(0)
	return took, nil
}

// round takes one sample.
func (s *subject) round(atLeast time.Duration) error {
	passes, took := 0, time.Duration(0)
	for took < atLeast {
		d, err := s.pass()
		if err != nil {
			return err
		}
		passes++
		took += d
	}
	s.rounds = append(s.rounds, float64(took.Nanoseconds())/float64(passes*len(s.asked)))
	return nil
}

// result puts the samples together. own is the built-in's.
func (s *subject) result(ctx context.Context, own *subject, o *Options) (*Operation, error) {
	ns := intervalOf(s.rounds)
	perCall := float64(max(1, s.fuel)) / float64(len(s.asked))
	m := &Operation{Operation: s.operation.Name, Subject: s.guest.Name, Builtin: s.guest.Release == nil, Requests: len(s.asked), Accepted: s.accepted,
		Fuel: spreadOf(s.fuels), NS: ns, PerSecond: ns.inverse(1e9), NSPerFuel: ns.scaled(1 / perCall), Restored: spreadOf(s.restored)}
	if !m.Builtin {
		var ratios []float64
		for i, t := range s.rounds {
			ratios = append(ratios, t/own.rounds[i])
		}
		ratio := intervalOf(ratios)
		m.Ratio = &ratio
	}
	if !m.Builtin && s.batch == nil {
		restore, err := s.restore(ctx, o)
		if err != nil {
			return nil, err
		}
		m.RestoreNS = restore
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := s.pass()
	runtime.ReadMemStats(&after)
	m.Allocations = float64(int64(float64(after.Mallocs-before.Mallocs)/float64(len(s.asked))*10)) / 10
	return m, err
}

// restore measures putting back what calls wrote, call by call.
func (s *subject) restore(ctx context.Context, o *Options) (*Interval, error) {
	digest := s.guest.Release.Digest()
	var samples []float64
	for range o.Rounds {
		total := time.Duration(0)
		for i := range s.asked {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			q := &s.asked[i]
			if _, err := q.Call(s.guest.Table, q.binding, s.state); err != nil {
				return nil, err
			}
			s.state.Rollback(0)
			start := time.Now()
			if err := s.guest.Table.Restore(digest); err != nil {
				return nil, err
			}
			total += time.Since(start)
		}
		samples = append(samples, float64(total.Nanoseconds())/float64(len(s.asked)))
	}
	i := intervalOf(samples)
	return &i, nil
}
