package plugin

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

// guest is a release in a table, with the table's instance of it, made at the first call.
type guest struct {
	release  *Release
	instance *instance
}

func (g *guest) close() {
	if g.instance != nil {
		g.instance.close()
		g.instance = nil
	}
}

// prepare returns the restored instance of the binding's release, ready for the operation. A
// fault ends the call before it begins.
func (t *Table) prepare(h *hook.Hook, o hook.Operation, b *quoin.Binding, sc scene) (i *instance, fuel uint64, fault hook.Fault, err error) {
	g := t.guest(b.Release)
	if g == nil {
		return nil, 0, hook.FaultNone, t.Ready(b)
	}
	m := g.release.Manifest()
	fuel = o.Calls * fuelLimit(h, b, m)
	if !m.Serves(o.Hook) {
		return nil, fuel, hook.FaultMissing, nil
	}
	if g.instance == nil {
		if g.instance, err = g.release.start(); err != nil {
			return nil, fuel, hook.FaultNone, err
		}
		g.instance.flaws = t.flaws
	}
	i = g.instance
	if i.busy {
		return nil, fuel, hook.FaultReentrant, nil
	}
	if !i.restore() {
		g.close()
		return nil, fuel, hook.FaultNone, local("the memory of release %v cannot be restored", b.Release)
	}
	i.call.operation, i.call.scene, i.call.rights, i.call.batch = o, sc, rightsOf(m, b), nil
	i.call.timeNS = sc.clock()
	t.observe(h, b, i)
	return i, fuel, hook.FaultNone, nil
}

// perform encodes the request, runs the operation and decodes the response.
func perform[Q, S any](d *hook.Definition[Q, S], i *instance, fuel uint64, q *Q, s *S) (Outcome, error) {
	request, err := d.EncodeRequest(i.request[:0], q)
	i.request = request[:0]
	if err != nil {
		i.call.recording = nil // of nothing
		return Outcome{Fault: hook.FaultInput, Fuel: fuel}, nil
	}
	i.call.request = request
	i.busy = true
	o, err := i.run(d.Name, fuel)
	i.busy = false
	if err != nil || o.Fault != hook.FaultNone {
		return o, err
	}
	switch {
	case i.results[0]&0xffffffff != 0:
		o.Fault = hook.FaultStatus
	case !i.call.answered || d.DecodeResponse(i.call.response, s) != nil:
		o.Fault = hook.FaultOutput
	}
	if o.Fault != hook.FaultNone {
		o.Fuel = fuel
	}
	return o, nil
}

// owned copies bytes out of the instance's buffer.
func owned(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}
