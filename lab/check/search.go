package check

import (
	"errors"
	"fmt"
	"slices"

	"quoin.dev/quoin/lab/protocol"
)

// ErrBounds is wrapped by the refusals of a space that is too large.
var ErrBounds = errors.New("the bounds are too wide")

// A global state is the local states of the honest members, packed into one word: bitsOf bits each.
// So states are compared exactly, not by a hash.
type global uint64

func (c *checker) width() int { return min(24, 64/len(c.honest)) }

func (c *checker) pack(ids [honestMax]int32) global {
	var g global
	for i := range c.honest {
		g |= global(ids[i]) << (i * c.width())
	}
	return g
}

func (c *checker) unpack(g global) (ids [honestMax]int32) {
	for i := range c.honest {
		ids[i] = int32(g >> (i * c.width()) & (1<<c.width() - 1))
	}
	return ids
}

// place is a member's state with what may arrive there; span is where its successors stand.
type place struct {
	member        int8
	id, available int32
}

type span struct{ from, to uint32 }

// after returns the states that an honest member's state may lead to.
func (c *checker) after(i int, id, available int32) []int32 {
	p := place{int8(i), id, available}
	s, ok := c.successors[p]
	if !ok {
		s.from = uint32(len(c.targets))
		c.next(c.honest[i], id, c.availabilities[available], func(t *try) {
			if !slices.Contains(c.targets[s.from:], t.to) {
				c.targets = append(c.targets, t.to)
			}
		})
		s.to = uint32(len(c.targets))
		c.successors[p] = s
	}
	return c.targets[s.from:s.to]
}

// tooLate reports whether more time-outs have passed than the bounds allow.
func (c *checker) tooLate(ids *[honestMax]int32) bool {
	n := 0
	for i, member := range c.honest {
		n += c.locals[member][ids[i]].timeouts
	}
	return c.o.Timeouts >= 0 && n > c.o.Timeouts
}

// may returns the number of what may arrive in a state.
func (c *checker) may(ids *[honestMax]int32) int32 {
	var sent [honestMax]int32
	for i, member := range c.honest {
		sent[i] = c.locals[member][ids[i]].sent
	}
	return c.available(sent)
}

// broken returns the invariant that a state breaks.
func (c *checker) broken(ids *[honestMax]int32, available int32) *protocol.Violation {
	found := []*protocol.Violation{c.availabilities[available].broken}
	for i, member := range c.honest {
		found = append(found, c.locals[member][ids[i]].broken)
	}
	for _, v := range found {
		if v != nil {
			return v
		}
	}
	return nil
}

// first returns the state in which nothing has happened.
func (c *checker) first() (ids [honestMax]int32) {
	for i, member := range c.honest {
		ids[i] = c.begin(member)
	}
	return ids
}

// progressEvery is how many states are expanded between two calls of Progress.
const progressEvery = 1 << 14

// search explores breadth first. The states found stand in one slice, in the order in which they were
// found; those behind the first n are the frontier.
func (c *checker) search() (*Result, error) {
	visited := c.visited
	visited.add(c.canonical(c.first()), 0)
	r := &Result{}
	level := 1 // states up to the end of this depth
	for n := 0; n < len(visited.states); n++ {
		if n == level {
			r.Depth++
			level = len(visited.states)
		}
		if n%progressEvery == 0 && c.o.Progress != nil {
			if c.figures(r, visited, n); !c.o.Progress(&r.Figures) {
				return r, nil
			}
		}
		ids := c.unpack(visited.states[n])
		available := c.may(&ids)
		if r.Broken = c.broken(&ids, available); r.Broken != nil {
			c.figures(r, visited, n)
			found, err := c.explain(r.Broken, visited.path(n))
			if err == nil {
				r.Broken, r.Events = found.broken, c.log(found)
				for _, p := range found.done {
					r.Trace = append(r.Trace, p.Happening)
				}
			}
			return r, err
		}
		for i := range c.honest {
			id := ids[i]
			for _, to := range c.after(i, id, available) {
				if int(to) >= 1<<c.width() {
					return nil, fmt.Errorf("check: %w: member %d has more than %d states", ErrBounds, c.honest[i], 1<<c.width())
				}
				if ids[i] = to; c.tooLate(&ids) {
					continue
				}
				r.Transitions++
				visited.add(c.canonical(ids), uint32(n))
			}
			ids[i] = id
		}
		if len(visited.states) > c.o.StatesMax {
			c.figures(r, visited, n)
			return r, fmt.Errorf("check: %w: more than %d states", ErrBounds, c.o.StatesMax)
		}
		if c.setting.fleet != nil && c.trouble == nil {
			c.trouble = c.setting.fleet.trouble
		}
		if c.trouble != nil {
			return r, fmt.Errorf("check: %w", c.trouble)
		}
	}
	r.Complete = true
	c.figures(r, visited, len(visited.states))
	return r, nil
}

func (c *checker) figures(r *Result, t *table, expanded int) {
	r.States, r.Expanded, r.Tries, r.Messages, r.Permutations = len(t.states), expanded, c.tried, len(c.messages), len(c.permutations)+1
	r.Leads = c.setting.leads()
	if c.setting.fleet != nil {
		r.Executions = c.setting.fleet.executions()
	}
	r.Locals = 0
	for _, l := range c.locals {
		r.Locals += len(l)
	}
}
