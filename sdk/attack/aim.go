package attack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/conformance/trial"
)

// Target says what to attack, and how hard.
type Target struct {
	File     []byte   // the release
	Params   []byte   // of the binding; nil: drawn like the rest
	Payloads [][]byte // examples of payloads, which are used and changed
	Seed     uint64   // of all that is random
	Runs     int      // of each form of each operation; 0: RunsDefault
	Replay   string   // the name of one finding's case: nothing else is asked
}

// RunsDefault is how often each form of attack is drawn.
const RunsDefault = 100

// Form is a way to attack.
type Form string

// The forms, in the order in which they are played.
const (
	FormHostile    Form = "hostile"    // valid requests, as bad as the limits allow, on an empty namespace
	FormCrowded    Form = "crowded"    // on a namespace of hostile values, under the plugin's own keys too
	FormUngranted  Form = "ungranted"  // by a binding that grants nothing
	FormStarved    Form = "starved"    // with less fuel than the call needs
	FormCramped    Form = "cramped"    // with hardly more memory than the module begins with
	FormUnreadable Form = "unreadable" // on a state that fails while it is used
)

var forms = []Form{FormHostile, FormCrowded, FormUngranted, FormStarved, FormCramped, FormUnreadable}

// Finding is something that an author should know.
type Finding struct {
	Case   string `json:"case"` // of its first: "leader.v1/hostile/17", what Target.Replay takes
	Kind   string `json:"kind"` // stable: "fault-trap", "clamped", "differs", "local", "elects"
	Count  int    `json:"count"`
	Weak   bool   `json:"weak"` // it harms more than whoever asked
	Detail string `json:"detail"`
}

// Aimed is what came of the attacks on one operation.
type Aimed struct {
	Operation string         `json:"operation"`
	Calls     int            `json:"calls"`
	Outcomes  map[string]int `json:"outcomes"` // by form and kind: "hostile answered"
	FuelLimit uint64         `json:"fuel_limit"`
	FuelPeak  uint64         `json:"fuel_peak"` // of calls that did not fault
	PeakCase  string         `json:"peak_case"`
	Findings  []Finding      `json:"findings"`
}

// Weak reports whether something was found that harms more than whoever asked.
func Weak(all []Aimed) bool {
	return slices.ContainsFunc(all, func(a Aimed) bool { return slices.ContainsFunc(a.Findings, func(f Finding) bool { return f.Weak }) })
}

// Aim attacks a release. The error is a *plugin.Refusal or wraps plugin.ErrInit for a file that no node
// takes, that of the context, or that of the host that runs it.
func Aim(ctx context.Context, t Target) ([]Aimed, error) {
	return aimWith(ctx, t, plugin.DefaultLimits(), plugin.DefaultLimits())
}

// aimWith gives compiler and interpreter limits of their own, which they never have but in tests.
func aimWith(ctx context.Context, t Target, compiler, interpreter plugin.Limits) ([]Aimed, error) {
	if t.Runs == 0 {
		t.Runs = RunsDefault
	}
	report, err := plugin.Check(t.File, plugin.DefaultLimits())
	if err != nil {
		return nil, err
	}
	a := &aim{Target: t, manifest: report.Manifest}
	if a.ordinary, err = newStageOf(compiler, interpreter); err != nil {
		return nil, err
	}
	defer a.ordinary.close()
	if a.release, err = a.ordinary.load(t.File); err != nil {
		return nil, err
	}
	little := plugin.DefaultLimits() // one page more than every call starts with
	little.PagesMax = min(little.PagesMax, uint32(a.ordinary.replicas[0].table.Footprint(report.Digest).ImagePages+1))
	if a.cramped, err = newStageOf(little, little); err != nil {
		return nil, err
	}
	defer a.cramped.close()
	if _, err := a.cramped.load(t.File); err != nil {
		return nil, fmt.Errorf("attack: with %d pages of memory: %w", little.PagesMax, err)
	}
	var all []Aimed
	for _, o := range operations(a.manifest) {
		x, err := a.operation(ctx, o)
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

// aim is one attack on a release.
type aim struct {
	Target
	manifest *plugin.Manifest
	release  *plugin.Release
	ordinary *stage
	cramped  *stage // its hosts have little memory for guests
}

// operations lists what can be asked of a release; the optional ones are the conformance suite's.
func operations(m *plugin.Manifest) (list []hook.Operation) {
	for _, name := range m.Hooks {
		h, _ := hook.Find(name)
		for _, o := range h.Operations {
			if !o.Optional {
				list = append(list, o)
			}
		}
	}
	return list
}

// operation plays all forms of attack on one operation.
func (a *aim) operation(ctx context.Context, o hook.Operation) (Aimed, error) {
	h, _ := hook.Find(o.Hook)
	x := Aimed{Operation: o.Name, Outcomes: map[string]int{}, FuelLimit: min(h.FuelMax, a.manifest.FuelMax), Findings: []Finding{}}
	learned, err := a.learn(ctx, o)
	if err != nil {
		return x, err
	}
	for _, f := range forms {
		if !a.applies(o, f) {
			continue
		}
		for run := range a.Runs {
			if err := ctx.Err(); err != nil {
				return x, err
			}
			name := fmt.Sprintf("%s/%s/%d", o.Name, f, run)
			if a.Replay != "" && a.Replay != name {
				continue
			}
			x.Calls++
			a.one(&x, &h, o, f, name, learned)
		}
	}
	if o.Hook == hook.Leader.Name && a.Replay == "" {
		a.fairness(&x)
	}
	slices.SortStableFunc(x.Findings, func(p, q Finding) int { return cmp.Compare(order(p.Weak), order(q.Weak)) })
	return x, nil
}

// Bounds of what is learned of a plugin's own format.
const (
	learnCalls    = 2_000
	learnRequests = 64
)

// learn explores the format of an operation's payloads, which is the plugin's own, and returns requests
// that it does something with. Operations without payloads have none.
func (a *aim) learn(ctx context.Context, o hook.Operation) (requests [][]byte, err error) {
	if o.Name != hook.Apply.Name && o.Name != hook.Query.Name && o.Name != hook.Validate.Name {
		return nil, nil
	}
	guest, err := trial.Open(a.File, plugin.Options{})
	if err != nil {
		return nil, err
	}
	defer guest.Close()
	source := trial.NewSource(a.Seed, a.Params)
	source.Examples(o.Name, a.Payloads)
	if err := source.Explore(ctx, guest, o.Name, trial.NewState(nil), learnCalls); err != nil {
		return nil, err
	}
	for range learnRequests {
		requests = append(requests, source.Request(o.Name))
	}
	return requests, nil
}

func order(weak bool) int {
	if weak {
		return 0
	}
	return 1
}

func (a *aim) applies(o hook.Operation, f Form) bool {
	switch f {
	case FormCrowded, FormUnreadable:
		return o.Stateful
	case FormUngranted:
		return len(a.manifest.Capabilities) > 0
	}
	return true
}

// one plays one case.
func (a *aim) one(x *Aimed, h *hook.Hook, o hook.Operation, f Form, name string, learned [][]byte) {
	seed := fnv.New64a()
	seed.Write([]byte(name))
	q := &questions{rng: rand.New(rand.NewPCG(a.Seed, seed.Sum64())), params: a.Params, payloads: a.Payloads, learned: learned}
	b := a.release.Binding(o.Hook)
	b.Parameters = q.parameters()
	ask := q.draw(o)
	s, sp := a.ordinary, newSpace(nil)
	switch f {
	case FormCrowded, FormUnreadable:
		// What it writes under is found by asking it once.
		probe := newSpace(nil)
		if _, err := ask(&s.replicas[0], b, probe); err == nil {
			sp = q.space(sorted(probe.values))
		}
	case FormUngranted:
		b.Grants = nil
	case FormCramped:
		s = a.cramped
	case FormStarved:
		a.starve(x, q, ask, b, name)
		return
	}
	if f == FormUnreadable {
		a.unreadable(x, q, ask, b, sp, name)
		return
	}
	got, err := s.agree(func(r *witness) (answer, error) { return ask(r, b, sp.clone()) })
	x.note(f, got, err, name, h.Class != hook.ClassDeterministic && f == FormHostile)
}

// note records how a call ended. grave says that a fault harms more than whoever asked: it counts
// towards quarantine, or makes the node fall back.
func (x *Aimed) note(f Form, got answer, err error, name string, grave bool) {
	if err != nil {
		x.Outcomes[string(f)+" differs"]++
		x.find("differs", name, true, err.Error())
		return
	}
	kind := "answered"
	if got.code != 0 {
		kind = "refused"
	}
	if got.fault != hook.FaultNone {
		kind = "fault-" + got.fault.String()
		x.find(kind, name, grave, fmt.Sprintf("the call ends in the fault %s", got.fault))
	} else if got.fuel > x.FuelPeak {
		x.FuelPeak, x.PeakCase = got.fuel, name
	}
	if got.clamped != "" {
		x.find("clamped", name, false, got.clamped)
	}
	x.Outcomes[string(f)+" "+kind]++
}

// find adds to the findings of one kind.
func (x *Aimed) find(kind, name string, weak bool, detail string) {
	for i := range x.Findings {
		if f := &x.Findings[i]; f.Kind == kind && f.Weak == weak {
			f.Count++
			return
		}
	}
	x.Findings = append(x.Findings, Finding{Case: name, Kind: kind, Count: 1, Weak: weak, Detail: detail})
}

// starve asks with all fuel, and then with less than that took: the only other answer is the fault fuel.
func (a *aim) starve(x *Aimed, q *questions, ask question, b *quoin.Binding, name string) {
	s := a.ordinary
	full, err := ask(&s.replicas[0], b, newSpace(nil))
	if err != nil || full.fault != hook.FaultNone || full.fuel == 0 {
		x.Outcomes[string(FormStarved)+" skipped"]++
		return
	}
	for _, limit := range []uint64{1, 1 + q.rng.Uint64N(full.fuel), max(1, full.fuel-1), full.fuel} {
		little := *b
		little.FuelMax = limit
		got, err := s.agree(func(r *witness) (answer, error) { return ask(r, &little, newSpace(nil)) })
		if err == nil && got != full && (got.fault != hook.FaultFuel || got.fuel != limit) {
			err = fmt.Errorf("with %d fuel it answers otherwise than with all of it: %s", limit, got)
		}
		if err != nil {
			x.Outcomes[string(FormStarved)+" differs"]++
			x.find("differs", name, true, err.Error())
			return
		}
	}
	x.Outcomes[string(FormStarved)+" fault-fuel"]++ // what is meant to be
}

// unreadable lets a use of the state fail: that is this host's error and never a result, and the next
// call answers as ever.
func (a *aim) unreadable(x *Aimed, q *questions, ask question, b *quoin.Binding, sp *space, name string) {
	s, state := a.ordinary, sp.clone()
	before, err := ask(&s.replicas[0], b, state)
	if err != nil || state.uses == 0 {
		x.Outcomes[string(FormUnreadable)+" skipped"]++
		return
	}
	broken, kind := sp.clone(), "local"
	broken.failAt = 1 + q.rng.IntN(state.uses)
	for i := range s.replicas {
		_, err := ask(&s.replicas[i], b, broken.clone())
		if !errors.Is(err, errUnreadable) || !errors.Is(err, plugin.ErrLocal) {
			x.find("local", name, true, fmt.Sprintf("%s: a state that cannot be read became a result", s.replicas[i].name))
			kind = "differs"
		}
		if after, err := ask(&s.replicas[i], b, sp.clone()); err != nil || after != before {
			x.find("differs", name, true, "the call after one that failed on this host answers otherwise")
			kind = "differs"
		}
	}
	x.Outcomes[string(FormUnreadable)+" "+kind]++
}
