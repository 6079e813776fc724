package plugin

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

// question is what every request type provides.
type question interface {
	// Size returns the length of the request's bytes.
	Size() int
	// Validate returns an error if the request is beyond the hook's limits.
	Validate() error
}

// invoke asks what serves the binding, a built-in or a release, one question. native calls the
// built-in, which serves the hook, and returns the bytes of the response; valid, if there is one,
// judges the response by the request.
func invoke[Q, S any, R interface {
	*Q
	question
}](t *Table, h *hook.Hook, d *hook.Definition[Q, S], b *quoin.Binding, sc scene, q R, s *S,
	native func(n *Builtin, c *nativeCall) int, valid func() bool) (o Outcome, err error) {
	defer func() {
		if err == nil {
			t.metered(b, o)
		}
	}()
	if b.Release.IsZero() {
		limit := d.Calls * fuelLimit(h, b, nil)
		n := t.builtins[b.Builtin]
		switch {
		case n == nil:
			return Outcome{}, t.Ready(b)
		case !n.Serves(h.Name):
			return Outcome{Fault: hook.FaultMissing, Fuel: limit}, nil
		case t.native.busy:
			return Outcome{Fault: hook.FaultReentrant, Fuel: limit}, nil
		}
		c := &t.native
		c.begin(limit, q.Size(), sc)
		size := 0
		c.run(q.Validate(), func() { size = native(n, c) })
		if !c.stopped() && valid != nil && !valid() {
			c.stop(hook.FaultOutput)
		}
		return c.end(size)
	}
	i, fuel, fault, err := t.prepare(h, d.Operation, b, sc)
	if err != nil || fault != hook.FaultNone {
		return Outcome{Fault: fault, Fuel: fuel}, err
	}
	o, err = perform(d, i, fuel, (*Q)(q), s)
	t.observed(i)
	if err == nil && o.Fault == hook.FaultNone && valid != nil && !valid() {
		o.Fault, o.Fuel = hook.FaultOutput, fuel
	}
	i.call.scene = scene{}
	return o, err
}

// fuelLimit is the fuel of one call: the least of what the hook, the binding (0: says nothing) and
// the manifest allow.
func fuelLimit(h *hook.Hook, b *quoin.Binding, m *Manifest) uint64 {
	limit := uint64(h.FuelMax)
	if b.FuelMax > 0 {
		limit = min(limit, b.FuelMax)
	}
	if m != nil {
		limit = min(limit, m.FuelMax)
	}
	return limit
}
