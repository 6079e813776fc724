package plugin

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

// Table calls what serves a binding: built-ins and compiled releases side by side. It belongs
// to one goroutine at a time; several tables may share releases.
type Table struct {
	builtins map[string]*Builtin
	guests   map[quoin.Hash]*guest
	native   nativeCall
}

// NewTable returns a table of the built-ins, usually Builtins(). Two of one name, or a name
// beyond the rules, are a mistake of the program's and refused.
func NewTable(builtins []Builtin) (*Table, error) {
	t := &Table{builtins: map[string]*Builtin{}, guests: map[quoin.Hash]*guest{}}
	for i := range builtins {
		b := builtins[i]
		if p := nameProblem(b.Name); p != "" {
			return nil, fmt.Errorf("plugin: the name %q of a built-in %s", b.Name, p)
		}
		if t.builtins[b.Name] != nil {
			return nil, fmt.Errorf("plugin: two built-ins are named %q; give each its own name", b.Name)
		}
		t.builtins[b.Name] = &b
	}
	return t, nil
}

// Add makes a compiled release available to bindings.
func (t *Table) Add(r *Release) {
	if t.guests[r.Digest()] == nil {
		t.guests[r.Digest()] = &guest{release: r}
	}
}

// Remove drops a release and frees its instance; the release itself stays open.
func (t *Table) Remove(digest quoin.Hash) {
	if g := t.guests[digest]; g != nil {
		g.close()
		delete(t.guests, digest)
	}
}

// Release returns a release that is here.
func (t *Table) Release(digest quoin.Hash) (*Release, bool) {
	if g := t.guests[digest]; g != nil {
		return g.release, true
	}
	return nil, false
}

// Has reports whether the release is here.
func (t *Table) Has(digest quoin.Hash) bool { return t.guests[digest] != nil }

// Ready returns nil when a call of the binding would be answered here, be it by a fault;
// else an error that wraps ErrLocal and says what is missing.
func (t *Table) Ready(b *quoin.Binding) error {
	if !b.Release.IsZero() {
		if !t.Has(b.Release) {
			return local("release %v of %s is not compiled on this node", b.Release, b.Slot())
		}
		return nil
	}
	if t.builtins[b.Builtin] == nil {
		return local("this version of the node has no built-in %q for %s", b.Builtin, b.Slot())
	}
	return nil
}

// Lead asks the binding for the proposer of a view. Like Apply and Query it sets q.Params.
func (t *Table) Lead(b *quoin.Binding, q *hook.LeaderRequest) (LeadResult, error) {
	q.Params = b.Parameters
	if !b.Release.IsZero() {
		return t.leadGuest(b, q)
	}
	n, fault, err := t.builtin(b, hook.Leader.Name)
	if err != nil || fault.Fault != hook.FaultNone {
		return LeadResult{Outcome: fault}, err
	}
	c := &t.native
	c.begin(fuelLimit(b, nil), q.Size(), nil, nil)
	var s hook.LeaderResponse
	c.run(q.Validate(), func() { s = n.Leader.Lead(q) })
	if uint64(s.Proposer) >= uint64(len(q.Validators)) {
		c.stop(hook.FaultOutput)
	}
	o, err := c.end(4)
	if o.Fault != hook.FaultNone {
		s.Proposer = 0
	}
	return LeadResult{Proposer: s.Proposer, Outcome: o}, err
}

// Apply asks the binding to apply a transaction to the namespace behind state.
func (t *Table) Apply(b *quoin.Binding, q *hook.ApplyRequest, state State) (ApplyResult, error) {
	q.Params = b.Parameters
	if !b.Release.IsZero() {
		return t.applyGuest(b, q, state)
	}
	n, fault, err := t.builtin(b, hook.Machine.Name)
	if err != nil || fault.Fault != hook.FaultNone {
		return ApplyResult{Outcome: fault}, err
	}
	c := &t.native
	c.begin(fuelLimit(b, nil), q.Size(), state, state)
	var s hook.ApplyResponse
	c.run(q.Validate(), func() { s = n.Machine.Apply(q, c) })
	if len(s.Output) > hook.ApplyOutputMax {
		c.stop(hook.FaultOutput)
	}
	o, err := c.end(4 + len(s.Output))
	if err != nil || o.Fault != hook.FaultNone {
		return ApplyResult{Outcome: o}, err
	}
	r := ApplyResult{Code: s.Code, Output: s.Output, Outcome: o}
	if s.Code == 0 {
		r.Events = c.events
	}
	return r, nil
}

// Query asks the binding about the namespace behind state.
func (t *Table) Query(b *quoin.Binding, q *hook.QueryRequest, state StateReader) (QueryResult, error) {
	q.Params = b.Parameters
	if !b.Release.IsZero() {
		return t.queryGuest(b, q, state)
	}
	n, fault, err := t.builtin(b, hook.Machine.Name)
	if err != nil || fault.Fault != hook.FaultNone {
		return QueryResult{Outcome: fault}, err
	}
	c := &t.native
	c.begin(fuelLimit(b, nil), q.Size(), state, nil)
	var s hook.QueryResponse
	c.run(q.Validate(), func() { s = n.Machine.Query(q, c) })
	if len(s.Output) > hook.QueryOutputMax {
		c.stop(hook.FaultOutput)
	}
	o, err := c.end(4 + len(s.Output))
	if err != nil || o.Fault != hook.FaultNone {
		return QueryResult{Outcome: o}, err
	}
	return QueryResult{Code: s.Code, Output: s.Output, Outcome: o}, nil
}

// builtin finds the built-in that serves a hook; one that does not is a fault.
func (t *Table) builtin(b *quoin.Binding, hookName string) (*Builtin, Outcome, error) {
	n := t.builtins[b.Builtin]
	if n == nil {
		return nil, Outcome{}, t.Ready(b)
	}
	switch {
	case !n.serves(hookName):
		return nil, Outcome{Fault: hook.FaultMissing, Fuel: fuelLimit(b, nil)}, nil
	case t.native.busy:
		return nil, Outcome{Fault: hook.FaultReentrant, Fuel: fuelLimit(b, nil)}, nil
	}
	return n, Outcome{}, nil
}

// fuelLimit is the fuel of one call: the least of the binding's (0: none given), the
// manifest's and FuelMax.
func fuelLimit(b *quoin.Binding, m *Manifest) uint64 {
	limit := uint64(FuelMax)
	if b.FuelMax > 0 {
		limit = min(limit, b.FuelMax)
	}
	if m != nil {
		limit = min(limit, m.FuelMax)
	}
	return limit
}
