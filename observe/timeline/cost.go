package timeline

import (
	"maps"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
)

// Cost is what a binding's answers have cost this node since it started. Time is of guests alone: what is
// built in is not timed.
type Cost struct {
	change   uint64
	binding  quoin.Binding
	Slot     string            `json:"slot"`
	Builtin  string            `json:"builtin,omitempty"`
	Release  string            `json:"release,omitempty"` // digest
	Calls    uint64            `json:"calls"`
	Requests uint64            `json:"requests"`
	Fuel     uint64            `json:"fuel"`
	Nanos    uint64            `json:"nanos"`
	Slowest  uint64            `json:"slowest"` // nanoseconds of one call
	Memory   uint64            `json:"memory"`  // bytes, the most after a call
	Faults   map[string]uint64 `json:"faults,omitempty"`
	Last     int64             `json:"last"` // second of the newest call, since 1970
}

// costsMax bounds the bindings that are told apart: a chain has few, and few more in its newest epochs.
const costsMax = 64

func (c *Cost) is(b *quoin.Binding) bool {
	x := &c.binding
	return x.Release == b.Release && x.Hook == b.Hook && x.Namespace == b.Namespace && x.Builtin == b.Builtin
}

func (c *Cost) copied() Cost {
	x := *c
	x.Faults = maps.Clone(c.Faults)
	return x
}

// cost returns the sum of a binding. Where there is no room the one that was not asked for longest goes.
func (t *Timeline) cost(b *quoin.Binding) *Cost {
	if t.answered != nil && t.answered.is(b) {
		return t.answered
	}
	for _, c := range t.costs {
		if c.is(b) {
			t.answered = c
			return c
		}
	}
	c := &Cost{binding: *b, Slot: b.Slot(), Builtin: b.Builtin}
	if !b.Release.IsZero() {
		c.Release = b.Release.String()
	}
	if len(t.costs) >= costsMax {
		oldest := slices.MinFunc(t.costs, func(a, b *Cost) int { return int(a.Last - b.Last) })
		t.costs = slices.DeleteFunc(t.costs, func(x *Cost) bool { return x == oldest })
	}
	t.costs, t.answered = append(t.costs, c), c
	return c
}

func (t *Timeline) called(x *node.Call) {
	c := t.cost(&x.Binding)
	c.change = t.changed()
	c.Calls++
	c.Requests += uint64(max(1, x.Requests))
	c.Fuel += x.Fuel
	c.Nanos += uint64(x.Took)
	c.Slowest = max(c.Slowest, uint64(x.Took))
	c.Memory = max(c.Memory, x.Memory)
	c.Last = t.now.Unix()
	if x.Fault != hook.FaultNone {
		if c.Faults == nil {
			c.Faults = map[string]uint64{}
		}
		c.Faults[x.Fault.String()]++
	}
	t.filling.point.Fuel += x.Fuel
	t.filling.guests += x.Took
}

// Compiled says how compiling a release went.
type Compiled struct {
	change       uint64
	Milliseconds int64  `json:"ms"`
	Error        string `json:"error,omitempty"`
}

// Compilation names the release.
type Compilation struct {
	Release string `json:"release"`
	Compiled
}

const compiledMax = 256

func (t *Timeline) compilations(change uint64) []Compilation {
	var list []Compilation
	for digest, c := range t.compiled { // in any order: sorted below
		if c.change > change {
			list = append(list, Compilation{digest.String(), c})
		}
	}
	slices.SortFunc(list, func(a, b Compilation) int { return int(a.change) - int(b.change) })
	return list
}

// Comparison sums what this node found when it ran a candidate and what serves on the same input.
type Comparison struct {
	change   uint64
	Proposal uint64   `json:"proposal"`
	Round    uint64   `json:"round"`
	Trial    bool     `json:"trial,omitempty"` // the candidate serves
	Blocks   uint64   `json:"blocks"`
	Compared uint64   `json:"compared"` // calls
	Diverged uint64   `json:"diverged"` // of those, with another result
	Faults   uint64   `json:"faults"`   // of those, at which only the candidate faulted
	Skipped  uint64   `json:"skipped"`  // calls for which the fuel did not suffice
	First    uint64   `json:"first,omitempty"`
	Differs  Interval `json:"differs"` // the share of Diverged in Compared
	Faulted  Interval `json:"faulted"`
}

const comparisonsMax = 32

// compare adds what a certified block's comparisons found.
func (t *Timeline) compare(p *replica.Progress) {
	for i := range p.Comparisons {
		x := &p.Comparisons[i]
		k := slices.IndexFunc(t.comparisons, func(c *Comparison) bool {
			return c.Proposal == uint64(x.Proposal) && c.Round == x.Round && c.Trial == x.Trial
		})
		if k < 0 {
			t.comparisons = keep(append(t.comparisons, &Comparison{Proposal: uint64(x.Proposal), Round: x.Round, Trial: x.Trial}), comparisonsMax)
			k = len(t.comparisons) - 1
		}
		c := t.comparisons[k]
		c.change = t.changed()
		c.Blocks++
		c.Compared, c.Diverged, c.Faults, c.Skipped = c.Compared+x.Compared, c.Diverged+x.Diverged, c.Faults+x.Faults, c.Skipped+x.Skipped
		if c.First == 0 {
			c.First = uint64(x.First)
		}
		c.Differs, c.Faulted = Share(c.Diverged, c.Compared), Share(c.Faults, c.Compared)
	}
}

// clip bounds a text for people.
func clip(text string) string {
	const textMax = 300
	if len(text) <= textMax {
		return text
	}
	cut := textMax
	for cut > 0 && text[cut]&0xc0 == 0x80 { // not within a character
		cut--
	}
	return text[:cut] + "…"
}
