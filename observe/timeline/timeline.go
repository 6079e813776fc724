// Package timeline remembers what a node met lately, for people who look at it: the newest views with who
// said what in them, a point a second for charts, marks that are worth a glance on every chart, and the
// newest events. It also sums what every binding has cost.
//
// # Changes
//
// Everything that changes gets the number of the change, ascending from 1. Who has seen all up to a number
// asks for what changed Since then: a stream sends only what is new. What is remembered is bounded
// (see Limits); what fell out is gone, and nobody is told.
//
// # Concurrency and cost
//
// A Timeline is fed on the node's own goroutines: each call takes one lock for well under a microsecond, and
// waits for nothing else. Since holds that lock while it copies what changed. There is no clock in it:
// times come with what happens, and with Since.
package timeline

import (
	"cmp"
	"sync"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
)

// Limits bound what is remembered. Zero values mean the defaults.
type Limits struct {
	Views  int // default 240
	Minor  int // views without incident that Since tells of at once; default 64
	Points int // seconds; default 900
	Marks  int // default 200
	Events int // default 500
}

func (l Limits) withDefaults() Limits {
	return Limits{cmp.Or(l.Views, 240), cmp.Or(l.Minor, 64), cmp.Or(l.Points, 900), cmp.Or(l.Marks, 200), cmp.Or(l.Events, 500)}
}

// Timeline implements node.Observer. Its methods may be called by several goroutines.
type Timeline struct {
	limits Limits

	mu          sync.Mutex
	change      uint64
	whole       uint64    // the change through which somebody was told of everything last
	now         time.Time // the newest that was told
	set         quoin.ValidatorSet
	epoch       quoin.Epoch
	views       []*View // ascending
	entered     place   // the present view
	filling     filling // the second that is not over
	points      []Point
	marks       []Mark
	events      []Event
	costs       []*Cost
	answered    *Cost // the newest that was asked
	compiled    map[quoin.Hash]Compiled
	comparisons []*Comparison
	watch       watch
	governed    uint64 // changes of what governance decides
}

var _ node.Observer = (*Timeline)(nil)

// New returns an empty timeline.
func New(l Limits) *Timeline {
	return &Timeline{limits: l.withDefaults(), compiled: map[quoin.Hash]Compiled{}, watch: newWatch()}
}

// Changes is what changed. The slices may be kept, and are not to be modified.
type Changes struct {
	Through     uint64        `json:"-"` // ask for what changed since this next time
	Views       []View        `json:"views,omitempty"`
	Points      []Point       `json:"points,omitempty"`
	Marks       []Mark        `json:"marks,omitempty"`
	Events      []Event       `json:"events,omitempty"`
	Costs       []Cost        `json:"costs,omitempty"`
	Comparisons []Comparison  `json:"comparisons,omitempty"`
	Compiled    []Compilation `json:"compiled,omitempty"`
}

// Since returns what changed after a change, 0 for all that is remembered, in the order in which it began.
// Of views in which nothing went wrong it has the newest alone, but for who asks for all that is remembered: a fast
// network makes hundreds in a second, more than anybody looks at. Seconds that are over at now get their points.
func (t *Timeline) Since(change uint64, now time.Time) Changes {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tell(now)
	c := Changes{Through: t.change}
	left := 0 // out of those without incident
	if change == 0 {
		t.whole = t.change
	} else {
		for _, v := range t.views {
			if v.minor(change, t.whole) {
				left++
			}
		}
		left -= t.limits.Minor
	}
	for _, v := range t.views {
		switch {
		case v.change <= change:
		case left > 0 && v.minor(change, t.whole):
			left--
		default:
			c.Views = append(c.Views, *v) // what it has heard is only ever appended to
		}
	}
	c.Points = newer(t.points, change, func(p *Point) uint64 { return p.change })
	c.Marks = newer(t.marks, change, func(m *Mark) uint64 { return m.change })
	c.Events = newer(t.events, change, func(e *Event) uint64 { return e.change })
	for _, x := range t.costs {
		if x.change > change {
			c.Costs = append(c.Costs, x.copied())
		}
	}
	for _, x := range t.comparisons {
		if x.change > change {
			c.Comparisons = append(c.Comparisons, *x)
		}
	}
	c.Compiled = t.compilations(change)
	return c
}

// newer copies what changed after a change.
func newer[T any](all []T, change uint64, of func(*T) uint64) []T {
	var some []T
	for i := range all {
		if of(&all[i]) > change {
			some = append(some, all[i])
		}
	}
	return some
}

// Governed returns a number that grows when governance may have decided something: with every block that
// holds its transactions, and with every epoch.
func (t *Timeline) Governed() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.governed
}

// changed numbers a change.
func (t *Timeline) changed() uint64 {
	t.change++
	return t.change
}

// tell moves the time on. Time never goes back here: what is told late belongs to the present second.
func (t *Timeline) tell(at time.Time) {
	if at.After(t.now) {
		t.now = at
	}
	t.closeSeconds()
}

// keep bounds a list by leaving out its oldest, now and then.
func keep[T any](list []T, limit int) []T {
	if len(list) < limit+limit/4+1 {
		return list
	}
	return append([]T(nil), list[len(list)-limit:]...)
}

// name returns a validator's name.
func (t *Timeline) name(validator int) string {
	if validator < 0 || validator >= t.set.Len() {
		return "an unknown validator"
	}
	return t.set.At(validator).Name
}

// Happened implements node.Observer.
func (t *Timeline) Happened(at time.Time, e *replica.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tell(at)
	t.viewEvent(at, e)
	t.markEvent(at, e)
	t.keepEvent(at, e)
	if e.Kind == replica.EpochBegan {
		t.governed++
	}
}

// Progressed implements node.Observer.
func (t *Timeline) Progressed(at time.Time, p replica.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tell(at)
	t.progress(at, &p)
	switch p.Kind {
	case replica.ProgressHeard:
		t.alive(at, p.Validator, p.View)
	case replica.ProgressCertified:
		t.compare(&p)
	}
}

// Executed implements node.Observer.
func (t *Timeline) Executed(x node.Execution) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.executed(&x)
}

// Called implements node.Observer.
func (t *Timeline) Called(c node.Call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.called(&c)
}

// Admitted implements node.Observer.
func (t *Timeline) Admitted(time.Time, []replica.Admission) {}

// Finished implements node.Observer.
func (t *Timeline) Finished(at time.Time, f *replica.Finished) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tell(at)
	t.finished(at, f)
	txs := f.Block.Transactions()
	for i := range txs {
		if txs[i].Namespace == quoin.KernelNamespace {
			t.governed++
			break
		}
	}
}

// Synced implements node.Observer.
func (t *Timeline) Synced(_ node.File, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.filling.synced(took)
}

// Compiled implements node.Observer.
func (t *Timeline) Compiled(release quoin.Hash, took time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := Compiled{change: t.changed(), Milliseconds: took.Milliseconds()}
	if err != nil {
		c.Error = clip(err.Error())
	}
	if len(t.compiled) < compiledMax || t.compiled[release].change > 0 {
		t.compiled[release] = c
	}
}

// Described implements node.Observer.
func (t *Timeline) Described(s *node.Status) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tell(s.At)
	if s.Configuration.Epoch != t.epoch || t.set.Len() == 0 {
		t.epoch, t.set = s.Configuration.Epoch, s.Configuration.Validators
		t.watch.silence = make([]silence, t.set.Len())
	}
	t.filling.describe(s)
	t.lead(s)
}
