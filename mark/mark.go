// Package mark says which interesting places of the code a run has reached: coverage that means
// something. A room lists its marks in a table; its code reports to a Set that a simulator brings.
// Outside of simulations the set is nil, and a mark costs a comparison.
//
// The three kinds are those of property-based simulators (Antithesis calls them assertions): what
// must always hold, what must happen sometimes in a swarm of runs, and what must be reachable. A swarm
// that never reaches a Sometimes mark is too kind, or the code behind it is dead.
package mark

import (
	"cmp"
	"slices"
)

// Kind is what is expected of a mark.
type Kind string

// The kinds.
const (
	Always    Kind = "always"    // holds whenever it is passed
	Sometimes Kind = "sometimes" // holds at least once in a swarm
	Reachable Kind = "reachable" // is passed in some world, but perhaps only in a named scenario
)

// Mark is a named place. Name begins with its room: "simplex/hopeless-view".
type Mark struct {
	Name string
	Kind Kind
	Says string // one sentence: what has happened when it is reached
}

// Count is how often a mark was reached, and, for an Always mark, how often it did not hold.
type Count struct {
	Mark
	Reached uint64
	Broken  uint64
}

// Set counts. The zero value is empty; a nil Set takes reports and forgets them. It is not safe for
// use by several goroutines: each world has its own, and Add merges them.
type Set struct{ counts map[string]*Count }

// Reach reports that m was reached.
func (s *Set) Reach(m *Mark) {
	if s != nil {
		s.count(m).Reached++
	}
}

// Sometimes reports that m was reached if it holds.
func (s *Set) Sometimes(m *Mark, holds bool) {
	if s != nil && holds {
		s.count(m).Reached++
	}
}

// Always reports whether m, which must hold, holds.
func (s *Set) Always(m *Mark, holds bool) {
	if s == nil {
		return
	}
	c := s.count(m)
	c.Reached++
	if !holds {
		c.Broken++
	}
}

func (s *Set) count(m *Mark) *Count {
	c := s.counts[m.Name]
	if c == nil {
		if s.counts == nil {
			s.counts = map[string]*Count{}
		}
		c = &Count{Mark: *m}
		s.counts[m.Name] = c
	}
	return c
}

// Add adds the counts of another set.
func (s *Set) Add(o *Set) {
	if o == nil {
		return
	}
	for _, c := range o.counts { // any order: sums
		x := s.count(&c.Mark)
		x.Reached += c.Reached
		x.Broken += c.Broken
	}
}

// Counts returns the counts of all marks of the tables, by name; those never reached have zero. Marks
// that no table lists are added.
func (s *Set) Counts(tables ...[]Mark) []Count {
	var all []Count
	listed := map[string]bool{}
	for _, t := range tables {
		for _, m := range t {
			c := Count{Mark: m}
			if s != nil && s.counts[m.Name] != nil {
				c = *s.counts[m.Name]
			}
			listed[m.Name] = true
			all = append(all, c)
		}
	}
	if s != nil {
		for name, c := range s.counts { // any order: sorted below
			if !listed[name] {
				all = append(all, *c)
			}
		}
	}
	slices.SortFunc(all, func(a, b Count) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Missed returns the Sometimes marks that were never reached and the Always marks that were broken.
func Missed(counts []Count) (never, broken []Count) {
	for _, c := range counts {
		switch {
		case c.Kind == Sometimes && c.Reached == 0:
			never = append(never, c)
		case c.Kind == Always && c.Broken > 0:
			broken = append(broken, c)
		}
	}
	return never, broken
}
