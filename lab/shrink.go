package lab

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Shrunk is a world that fails, made small.
type Shrunk struct {
	From     *Scenario // that failed first
	Scenario *Scenario // in which the same breaks; Run gives Report again, with the same seed, bug and candidate
	Report   Report    // of Scenario
	Runs     int       // played so far
}

// Removed returns how many directives are gone.
func (s *Shrunk) Removed() int { return len(s.From.Lines()) - len(s.Scenario.Lines()) }

// ErrSound is wrapped by the refusal to shrink a world that does not fail.
var ErrSound = errors.New("lab: no invariant breaks")

// Shrink plays a world, and if it fails makes its scenario smaller as long as the same invariant breaks
// and the same observer says so: first without directives (delta debugging, Zeller and Hildebrandt 2002,
// by complements alone), then with fewer nodes, smaller groups, shorter times and lower goals, and so on
// until nothing helps or so many runs are played, the first included. The result still fails; it is small,
// not the smallest, and the same for the same options and runs.
//
// progress, if not nil, is called after every further run and says whether to go on; what it gets is good
// until it returns. Options.Events gets nothing. Calm worlds cannot be shrunk: their scenarios do not tell
// all of them.
func Shrink(o Options, runs int, progress func(*Shrunk) bool) (*Shrunk, error) {
	if o.Calm != nil || runs < 1 {
		return nil, fmt.Errorf("%w: shrinking wants a world that is not calm, and at least one run", ErrOptions)
	}
	o.Events = nil
	r, err := Run(o)
	switch {
	case err != nil:
		return nil, err
	case !r.Failed():
		return nil, fmt.Errorf("%w: seed %d came to its end", ErrSound, o.Seed)
	}
	if names := r.Scenario.hostile(); o.Corpus == nil && len(names) > 0 {
		if o.Corpus, err = NewCorpus(names...); err != nil {
			return nil, err
		}
	}
	small, err := r.Scenario.shrunk()
	if err != nil {
		return nil, err
	}
	from := r.Scenario
	r.Scenario = small
	s := &shrinking{
		Shrunk:   Shrunk{From: from, Scenario: small, Report: r, Runs: 1},
		o:        Options{Seed: o.Seed, Plant: o.Plant, Candidate: o.Candidate, Corpus: o.Corpus},
		runs:     runs,
		tried:    map[string]bool{small.String(): true},
		progress: progress,
	}
	s.shrink()
	return &s.Shrunk, nil
}

// shrinkSlack is how much longer than twice the time of the result's failure a smaller world is watched.
const shrinkSlack = 5 * second

// shrinking is a Shrink under way. The result so far always fails.
type shrinking struct {
	Shrunk
	o        Options // but for the scenario
	runs     int     // that may be played
	tried    map[string]bool
	progress func(*Shrunk) bool
}

func (s *shrinking) shrink() {
	for before := ""; before != s.Scenario.String() && s.Runs < s.runs; {
		before = s.Scenario.String()
		s.leaveOut()
		s.fewerNodes()
		s.plainNetwork()
		s.smallerGroups()
		s.lowerDials()
	}
}

// try plays a scenario that was not tried before, and makes it the result if the same breaks. What is
// no scenario breaks nothing.
func (s *shrinking) try(c *Scenario) bool {
	text := c.String()
	if s.Runs >= s.runs || s.tried[text] {
		return false
	}
	s.tried[text] = true
	o := s.o
	o.Scenario = c
	r, err := runWithin(o, 2*s.Report.Violations[0].AtUS+shrinkSlack)
	if err != nil {
		return false
	}
	s.Runs++
	fails := r.Failed() && r.Violations[0].same(&s.Report.Violations[0])
	if fails {
		s.Scenario, s.Report = c, r
	}
	if s.progress != nil && !s.progress(&s.Shrunk) {
		s.runs = s.Runs
	}
	return fails
}

// same reports whether two worlds fail in the same way, as far as observers tell.
func (v *Violation) same(o *Violation) bool {
	return v.Invariant == o.Invariant && v.Observer == o.Observer
}

// shrunk returns a copy under a name of its own.
func (s *Scenario) shrunk() (*Scenario, error) {
	const suffix = "-shrunk"
	c, err := Parse(s.Name, []byte(s.String()))
	if err == nil && !strings.HasSuffix(c.Name, suffix) {
		c.Name = c.Name[:min(len(c.Name), nameBytesMax-len(suffix))] + suffix
	}
	return c, err
}

// tryWith tries the result with a change.
func (s *shrinking) tryWith(change func(c *Scenario)) bool {
	c, err := Parse(s.Scenario.Name, []byte(s.Scenario.String()))
	if err != nil {
		return false
	}
	change(c)
	return s.try(c)
}

// truncate leaves out acts that would come after the failure. The world heals when it did with them.
func (s *shrinking) truncate() {
	late := func(a Act) bool { return a.AtUS > s.Report.Violations[0].AtUS }
	if slices.ContainsFunc(s.Scenario.Acts, late) {
		s.tryWith(func(c *Scenario) { c.Heal, c.Acts = c.heal(), slices.DeleteFunc(c.Acts, late) })
	}
}

// leaveOut leaves out directives: all of them, then halves, quarters and so on to single ones.
func (s *shrinking) leaveOut() {
	for size := len(s.Scenario.Lines()) - 2; size > 0; size /= 2 {
		s.truncate()
		for at := 2; at < len(s.Scenario.Lines()); {
			lines := s.Scenario.Lines()
			lines = slices.Delete(lines, at, min(at+size, len(lines)))
			c, err := Parse(s.Scenario.Name, []byte(strings.Join(lines, "\n")))
			if err != nil || !s.try(c) {
				at += size
			}
		}
	}
}

// fewerNodes leaves out the last nodes, and what befalls only them.
func (s *shrinking) fewerNodes() {
	for n := nodesMin; n < s.Scenario.Nodes; n++ {
		if s.tryWith(func(c *Scenario) { c.limit(n) }) {
			return
		}
	}
}

// limit leaves the first n nodes.
func (s *Scenario) limit(n int) {
	gone := func(node int) bool { return node >= n }
	s.Nodes = n
	if s.Weights != nil {
		s.Weights = s.Weights[:n]
	}
	s.Network.Regions = s.Network.Regions[:min(n, len(s.Network.Regions))]
	s.Clocks = slices.DeleteFunc(s.Clocks, func(c Clock) bool { return gone(c.Node) })
	s.Faulty = slices.DeleteFunc(s.Faulty, func(f Faulty) bool { return gone(f.Node) })
	for _, g := range s.groups() {
		*g = slices.DeleteFunc(*g, gone)
	}
	s.Links = slices.DeleteFunc(s.Links, func(l LinkChange) bool { return len(l.From) == 0 || len(l.To) == 0 })
	s.Acts = slices.DeleteFunc(s.Acts, func(a Act) bool {
		return slices.ContainsFunc(a.groups(), func(g *[]int) bool { return len(*g) == 0 })
	})
}

// groups returns all lists of nodes that a scenario names.
func (s *Scenario) groups() []*[]int {
	var all []*[]int
	for i := range s.Links {
		all = append(all, &s.Links[i].From, &s.Links[i].To)
	}
	for i := range s.Acts {
		all = append(all, s.Acts[i].groups()...)
	}
	return all
}

func (a *Act) groups() []*[]int {
	switch a.Kind {
	case Release:
		return nil
	case Degrade:
		return []*[]int{&a.Link.From, &a.Link.To}
	case Cut, OneWay, Flap:
		return []*[]int{&a.Nodes, &a.Others}
	}
	return []*[]int{&a.Nodes}
}

// plainNetwork gives all links one delay.
func (s *shrinking) plainNetwork() {
	if s.Scenario.Network.Kind == WAN {
		s.tryWith(func(c *Scenario) {
			c.Network.Kind, c.Network.Regions, c.Network.DelayUS = Fixed, nil, second/20
		})
	}
}

// smallerGroups lets faults befall fewer nodes.
func (s *shrinking) smallerGroups() {
	for i := range s.Scenario.groups() {
		for at := 0; at < len(*s.Scenario.groups()[i]) && len(*s.Scenario.groups()[i]) > 1; {
			if !s.tryWith(func(c *Scenario) { g := c.groups()[i]; *g = slices.Delete(*g, at, at+1) }) {
				at++
			}
		}
	}
}

// dial is a number that may become lower.
type dial struct {
	value, least uint64
	set          func(uint64)
}

// dials returns those of a scenario: goals and load, then when it heals, when acts begin and for how long,
// and how much of it. Setting one moves no other.
func (s *Scenario) dials() []dial {
	const soon = second / 10
	var all []dial
	add := func(least uint64, values ...*uint64) {
		all = append(all, dial{*values[0], least, func(n uint64) {
			for _, v := range values {
				*v = n
			}
		}})
	}
	u := &s.Until
	all = append(all, dial{uint64(u.Transactions), 0, func(n uint64) { u.Transactions = int(n) }})
	add(0, &u.Height)
	add(0, &u.Epochs)
	add(1, &s.Load.Rate)
	add(1, &s.Load.Closed)
	add(soon, &s.Heal.ToUS, &s.Heal.FromUS)
	for i := range s.Acts {
		a := &s.Acts[i]
		add(soon, &a.AtUS)
		add(soon, &a.ForUS)
		add(0, &a.Demands)
		add(2, &a.Factor)
	}
	return all
}

// lowerDials lowers numbers, one after the other: to the least, or by halves to a round one.
func (s *shrinking) lowerDials() {
	for i := range s.Scenario.dials() {
		lower := func(n uint64) bool { return s.tryWith(func(c *Scenario) { c.dials()[i].set(n) }) }
		d := s.Scenario.dials()[i]
		if d.value <= d.least || lower(d.least) {
			continue
		}
		for low, high := d.least, d.value; high-low > max(1, high/8) && s.Runs < s.runs; {
			middle := low + (high-low)/2
			middle -= middle % powerOfTen((high-low)/2)
			if lower(middle) {
				high = middle
			} else {
				low = middle
			}
		}
	}
}

// powerOfTen returns the greatest one that is not above n ≥ 1.
func powerOfTen(n uint64) uint64 {
	p := uint64(1)
	for p <= n/10 {
		p *= 10
	}
	return p
}
