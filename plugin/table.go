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
	seconds  map[quoin.Hash]*guest // serve while there is doubt
	doubt    bool
	native   nativeCall
	observer Observer // nil: none
	flaws    Flaws    // none but in harnesses
	meter    Meter    // nil: none
	beside   *Table   // nil: none was asked for

	// Responses are decoded into these, so that a call allocates nothing.
	lead     hook.LeaderResponse
	apply    hook.ApplyResponse
	migrate  hook.MigrateResponse
	query    hook.QueryResponse
	validate hook.ValidationResponse
	delay    hook.FinalityResponse
	timeout  hook.PacemakerResponse
	priority hook.PriorityResponse
}

// Flaws are mistakes that harnesses plant, to show that their observers see what follows. The zero
// value is the table as it is.
type Flaws struct {
	KeptGlobals bool // a call finds a guest's globals as the call before left them
}

// Plant gives a table flaws, before its first call. It is for harnesses.
func (t *Table) Plant(f Flaws) { t.flaws = f }

// NewTable returns a table of the built-ins, usually Builtins(). Two of one name, or a name
// beyond the rules, are a mistake of the program's and refused.
func NewTable(builtins []Builtin) (*Table, error) {
	t := &Table{builtins: map[string]*Builtin{}, guests: map[quoin.Hash]*guest{}, seconds: map[quoin.Hash]*guest{}}
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

// Add makes a compiled release available to bindings, in place of an earlier one of its digest.
func (t *Table) Add(r *Release) {
	put(t.guests, r)
	if t.beside != nil {
		t.beside.Add(r)
	}
}

// AddSecond adds a release once more, from a host with another engine, for when there is Doubt.
func (t *Table) AddSecond(r *Release) { put(t.seconds, r) }

// Doubt, when on, has second releases serve where there are any: a result that others do not share
// may be an error of the engine. All results and fuel are the same, or one of the engines is wrong.
func (t *Table) Doubt(on bool) { t.doubt = on }

func put(guests map[quoin.Hash]*guest, r *Release) {
	old := guests[r.Digest()]
	if old != nil && old.release == r {
		return
	}
	if old != nil {
		old.close()
	}
	guests[r.Digest()] = &guest{release: r}
}

// Remove drops a release and frees its instances; the release itself stays open.
func (t *Table) Remove(digest quoin.Hash) {
	for _, guests := range []map[quoin.Hash]*guest{t.guests, t.seconds} {
		if g := guests[digest]; g != nil {
			g.close()
			delete(guests, digest)
		}
	}
	if t.beside != nil {
		t.beside.Remove(digest)
	}
}

// guest returns what serves a release now, or nil.
func (t *Table) guest(digest quoin.Hash) *guest {
	g := t.guests[digest]
	if second := t.seconds[digest]; g != nil && second != nil && t.doubt {
		return second
	}
	return g
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

// Lead asks the binding for the proposer of a view. Like all questions of a Table it sets the
// request's Params.
func (t *Table) Lead(b *quoin.Binding, q *hook.LeaderRequest) (LeadResult, error) {
	q.Params = b.Parameters
	s := &t.lead
	o, err := invoke(t, &hook.Leader, &hook.Lead, b, scene{}, q, s,
		func(n *Builtin, _ *nativeCall) int { *s = n.Leader.Lead(q); return 4 },
		func() bool { return uint64(s.Proposer) < uint64(len(q.Validators)) })
	if err != nil || o.Fault != hook.FaultNone {
		return LeadResult{Outcome: o}, err
	}
	return LeadResult{Proposer: s.Proposer, Outcome: o}, nil
}

// Apply asks the binding to apply a transaction to the namespace behind state.
func (t *Table) Apply(b *quoin.Binding, q *hook.ApplyRequest, state State) (ApplyResult, error) {
	q.Params = b.Parameters
	s := &t.apply
	o, err := invoke(t, &hook.Machine, &hook.Apply, b, writeScene(state, q.Time), q, s,
		func(n *Builtin, c *nativeCall) int { *s = n.Machine.Apply(q, c); return 4 + len(s.Output) },
		func() bool { return len(s.Output) <= hook.ApplyOutputMax })
	if err != nil || o.Fault != hook.FaultNone {
		return ApplyResult{Outcome: o}, err
	}
	return t.applied(b, o), nil
}

// applied is the result of the transaction that was applied last. The output of a guest lies in
// its instance's buffer and is copied; that of native code is as the code gave it.
func (t *Table) applied(b *quoin.Binding, o Outcome) ApplyResult {
	r := ApplyResult{Code: t.apply.Code, Output: t.apply.Output, Outcome: o}
	events := t.native.events
	if g := t.guest(b.Release); g != nil {
		r.Output, events = owned(r.Output), g.instance.call.events
	}
	if r.Code == 0 {
		r.Events = events
	}
	return r
}

// Migrate asks the binding to bring the namespace behind state over from what served before. As with
// Apply, the caller drops the writes after a fault and after a code other than 0. What does not offer
// it gives the fault missing.
func (t *Table) Migrate(b *quoin.Binding, q *hook.MigrateRequest, state State) (MigrateResult, error) {
	q.Params = b.Parameters
	s := &t.migrate
	o, err := invoke(t, &hook.Machine, &hook.Migrate, b, writeScene(state, q.Time), q, s,
		func(n *Builtin, c *nativeCall) int {
			m, ok := n.Machine.(hook.Migrator)
			if !ok {
				c.stop(hook.FaultMissing)
				return 0
			}
			*s = m.Migrate(q, c)
			return 4
		}, nil)
	if err != nil || o.Fault != hook.FaultNone {
		return MigrateResult{Outcome: o}, err
	}
	return MigrateResult{Code: s.Code, Outcome: o}, nil
}

// Migrates reports whether what serves the binding, which must be here, offers Migrate: what a plan
// that brings a namespace over needs.
func (t *Table) Migrates(b *quoin.Binding) bool {
	if g := t.guests[b.Release]; g != nil {
		return g.release.Migrates()
	}
	if n := t.builtins[b.Builtin]; n != nil && b.Release.IsZero() {
		_, ok := n.Machine.(hook.Migrator)
		return ok
	}
	return false
}

// Query asks the binding about the namespace behind state.
func (t *Table) Query(b *quoin.Binding, q *hook.QueryRequest, state StateReader) (QueryResult, error) {
	q.Params = b.Parameters
	s := &t.query
	o, err := invoke(t, &hook.Machine, &hook.Query, b, readScene(state, q.Time), q, s,
		func(n *Builtin, c *nativeCall) int { *s = n.Machine.Query(q, c); return 4 + len(s.Output) },
		func() bool { return len(s.Output) <= hook.QueryOutputMax })
	if err != nil || o.Fault != hook.FaultNone {
		return QueryResult{Outcome: o}, err
	}
	r := QueryResult{Code: s.Code, Output: s.Output, Outcome: o}
	if !b.Release.IsZero() {
		r.Output = owned(r.Output)
	}
	return r, nil
}

// Validate asks the binding whether a transaction may reach the machine of the namespace behind
// state.
func (t *Table) Validate(b *quoin.Binding, q *hook.ValidationRequest, state StateReader) (ValidateResult, error) {
	q.Params = b.Parameters
	s := &t.validate
	o, err := invoke(t, &hook.Validation, &hook.Validate, b, readScene(state, q.Time), q, s,
		func(n *Builtin, c *nativeCall) int { *s = n.Validation.Validate(q, c); return 4 }, nil)
	if err != nil || o.Fault != hook.FaultNone {
		return ValidateResult{Outcome: o}, err
	}
	return ValidateResult{Code: s.Code, Outcome: o}, nil
}

// Delay asks the binding when a block is reported as final. The answer is within the host's bounds.
func (t *Table) Delay(b *quoin.Binding, q *hook.FinalityRequest) (DelayResult, error) {
	q.Params = b.Parameters
	s := &t.delay
	o, err := invoke(t, &hook.Finality, &hook.Delay, b, scene{}, q, s,
		func(n *Builtin, _ *nativeCall) int { *s = n.Finality.Delay(q); return 8 }, nil)
	if err != nil || o.Fault != hook.FaultNone {
		return DelayResult{Outcome: o}, err
	}
	return DelayResult{FinalityResponse: s.Bounded(), Asked: *s, Outcome: o}, nil
}

// Timeout asks the binding for a view's time-out. The answer is within the host's bounds.
func (t *Table) Timeout(b *quoin.Binding, q *hook.PacemakerRequest) (TimeoutResult, error) {
	q.Params = b.Parameters
	s := &t.timeout
	o, err := invoke(t, &hook.Pacemaker, &hook.Timeout, b, scene{}, q, s,
		func(n *Builtin, _ *nativeCall) int { *s = n.Pacemaker.Timeout(q); return 8 }, nil)
	if err != nil || o.Fault != hook.FaultNone {
		return TimeoutResult{Outcome: o}, err
	}
	return TimeoutResult{MS: s.Bounded(q), Asked: s.TimeoutMS, Outcome: o}, nil
}

// Priority asks the binding for a pending transaction's priority.
func (t *Table) Priority(b *quoin.Binding, q *hook.PriorityRequest) (PriorityResult, error) {
	q.Params = b.Parameters
	s := &t.priority
	o, err := invoke(t, &hook.Priority, &hook.Prioritize, b, scene{}, q, s,
		func(n *Builtin, _ *nativeCall) int { *s = n.Priority.Priority(q); return 8 }, nil)
	if err != nil || o.Fault != hook.FaultNone {
		return PriorityResult{Outcome: o}, err
	}
	return PriorityResult{Priority: s.Priority, Outcome: o}, nil
}
