package audit

import (
	"bytes"
	"slices"
	"strconv"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
)

// Replay is a chain's governance, done again event by event from its genesis.
type Replay struct {
	env    governance.Environment
	state  *memory
	height quoin.Height // of the newest event
	status map[governance.ProposalNumber]governance.Status
	watch  Watcher // nil: nobody

	// The newest configuration and the one before: decoding them for every event would take longest.
	now, before quoin.Configuration
}

// Watcher is told of what a replay comes by, and only reads what it is given.
type Watcher interface {
	// Before is called before an event changes the state.
	Before(s governance.State, e *governance.AuditEvent)
	// After is called when the event has changed it.
	After(s governance.State, e *governance.AuditEvent, entry *Entry)
}

// NewReplay begins at a genesis whose configuration has passed its Check. env is that of the
// chain's hooks, see execution.Environment, with the chain's origin. watch may be nil.
func NewReplay(env governance.Environment, genesis *quoin.Configuration, watch Watcher) *Replay {
	r := &Replay{env: env, watch: watch, state: &memory{values: map[string][]byte{}}, status: map[governance.ProposalNumber]governance.Status{}}
	r.now = *genesis
	governance.Init(r.state, genesis)
	return r
}

// at returns the configuration in force at a height, which is the newest event's or a later one.
func (r *Replay) at(h quoin.Height) *quoin.Configuration {
	if r.now.First > h && r.now.Epoch > 1 {
		return &r.before
	}
	return &r.now
}

// State returns the state of governance after the events so far, but for the events themselves.
func (r *Replay) State() governance.State { return r.state }

// Audit returns the audit chain after the events so far.
func (r *Replay) Audit() governance.Audit { return governance.ReadAudit(r.state) }

// Next does the next event again, given as it stands in state. It returns what happened in words, or a
// *Fault; after one, the replay is of no further use.
func (r *Replay) Next(b []byte) (*Entry, error) {
	number := r.Audit().Count + 1
	fail := func(f *Fault) (*Entry, error) {
		f.Event, f.Verified = number, number-1
		return nil, f
	}
	e, err := governance.DecodeAuditEvent(b)
	if err != nil {
		return fail(garbled(err))
	}
	if e.Height < max(r.height, 1) {
		return fail(fault(Unlawful, "it is of height %d, the one before of height %d", e.Height, r.height))
	}
	if f := r.overdue(e.Height, e.Kind == governance.AuditDecision); f != nil {
		return fail(f)
	}
	r.height = e.Height
	if r.watch != nil {
		r.watch.Before(r.state, &e)
	}
	var due governance.Decision
	if e.Kind == governance.AuditDecision {
		due = governance.Decide(r.env, r.state, e.Height)
	}
	entry := r.describe(&e, number, &due)
	r.state.touched = r.state.touched[:0]
	if f := r.do(&e, due); f != nil {
		return fail(f)
	}
	key := governance.EventKey(number)
	switch again, ok := r.state.Get(key); {
	case !ok || r.Audit().Count != number:
		return fail(fault(Unlawful, "done again, it changes nothing: by the rules it cannot have happened"))
	case !bytes.Equal(again, b):
		return fail(fault(Unlawful, "done again, it ends otherwise than recorded"))
	}
	r.state.Delete(key) // it is in the file, and the state is held in memory
	r.follow(entry)
	if r.watch != nil {
		r.watch.After(r.state, &e, entry)
	}
	return entry, nil
}

// Through reports a *Fault if something was due up to a height, and no event says what became of it.
func (r *Replay) Through(h quoin.Height) error {
	if f := r.overdue(h, false); f != nil {
		f.Event, f.Verified = r.Audit().Count+1, r.Audit().Count
		return f
	}
	return nil
}

// overdue refuses that something which was due at a height is passed over.
func (r *Replay) overdue(h quoin.Height, decided bool) *Fault {
	if len(r.state.due) == 0 {
		return nil
	}
	if due := r.state.due[0]; due < h || due == h && !decided {
		return fault(Unlawful, "something was due at height %d, and no event says what became of it", due)
	}
	return nil
}

// do does an event again.
func (r *Replay) do(e *governance.AuditEvent, due governance.Decision) *Fault {
	switch e.Kind {
	case governance.AuditCommand:
		c, err := e.Command()
		if err != nil {
			return garbled(err)
		}
		if result := governance.Apply(r.env, r.state, e.Height, c.Signer, c.Payload); result.Code != uint32(governance.OK) {
			return fault(Unlawful, "done again, the command is refused: %s (%s)", governance.Code(result.Code), governance.Code(result.Code).Meaning())
		}
	case governance.AuditDecision:
		governance.Enact(r.state, due)
		if due.Next != nil {
			r.before, r.now = r.now, *due.Next
		}
	case governance.AuditFault:
		f, err := e.Fault()
		if err != nil {
			return garbled(err)
		}
		governance.RecordFault(r.env, r.state, f.Slot, f.Code, e.Height)
	case governance.AuditSuspension:
		namespace, x, err := e.Suspension()
		if err != nil {
			return garbled(err)
		}
		governance.Suspend(r.state, namespace, x)
	}
	return nil
}

func garbled(err error) *Fault {
	return fault(Unlawful, "these are not the bytes of an event: %w", err)
}

// follow adds to an entry which proposals have another status than before.
func (r *Replay) follow(entry *Entry) {
	slices.Sort(r.state.touched)
	for _, n := range slices.Compact(r.state.touched) {
		p, ok := governance.ReadProposal(r.state, n)
		if !ok || p.Status == r.status[n] {
			continue
		}
		step := Step{Proposal: n, To: p.Status.String()}
		if before := r.status[n]; before != 0 {
			step.From = before.String()
		}
		entry.Became = append(entry.Became, step)
		r.status[n] = p.Status
	}
}

// memory is governance's state, with an eye on the heights at which something is due and on the
// proposals that are written.
type memory struct {
	values  map[string][]byte
	due     []quoin.Height // ascending
	touched []governance.ProposalNumber
}

var _ governance.State = (*memory)(nil)

// Get implements governance.State.
func (m *memory) Get(key []byte) ([]byte, bool) {
	v, ok := m.values[string(key)]
	return v, ok
}

// Put implements governance.State.
func (m *memory) Put(key, value []byte) {
	m.values[string(key)] = value
	if h, ok := numberIn(key, "schedule/"); ok {
		if i, found := slices.BinarySearch(m.due, quoin.Height(h)); !found {
			m.due = slices.Insert(m.due, i, quoin.Height(h))
		}
	}
	if n, ok := numberIn(key, "proposal/"); ok {
		m.touched = append(m.touched, governance.ProposalNumber(n))
	}
}

// Delete implements governance.State.
func (m *memory) Delete(key []byte) {
	delete(m.values, string(key))
	if h, ok := numberIn(key, "schedule/"); ok {
		if i, found := slices.BinarySearch(m.due, quoin.Height(h)); found {
			m.due = slices.Delete(m.due, i, i+1)
		}
	}
}

// numberIn reads the number of a key such as "proposal/12".
func numberIn(key []byte, prefix string) (uint64, bool) {
	if len(key) <= len(prefix) || string(key[:len(prefix)]) != prefix {
		return 0, false
	}
	n, err := strconv.ParseUint(string(key[len(prefix):]), 10, 64)
	return n, err == nil
}
