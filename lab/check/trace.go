package check

import (
	"errors"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/lab/protocol"
)

// What only a mistake of this package, or of a machine's AppendState, can bring about.
var (
	errSymmetry = errors.New("the symmetry does not hold")
	errReplay   = errors.New("a counterexample does not happen in a plain run: a reduction is not sound here")
)

// Happening is one thing that reaches an honest member: its time-out, a block that it asked for, or a
// message. Messages and blocks are named as in Setting.Name.
type Happening struct {
	Member  int    `json:"member"`
	Timeout bool   `json:"timeout,omitempty"` // of its view
	Fetched string `json:"fetched,omitempty"` // the block
	From    int    `json:"from"`              // the message's sender
	What    string `json:"what,omitempty"`    // the message
}

// explain makes a counterexample of a path: it finds the steps between its states, plays them for
// real, and leaves out what is not needed.
func (c *checker) explain(v *protocol.Violation, path []global) (*run, error) {
	plan := c.walk(path)
	found := c.play(plan)
	if found.broken == nil || found.broken.Invariant != v.Invariant {
		return found, fmt.Errorf("check: %w: %s", errReplay, v)
	}
	return c.shrink(found), nil
}

// walk returns the happenings between the states of a path, each known up to symmetry only.
func (c *checker) walk(path []global) []Happening {
	var plan []Happening
	ids := c.first()
	for _, g := range path[1:] {
		available := c.may(&ids)
		found, moved := false, ids
		for i, member := range c.honest {
			c.next(member, ids[i], c.availabilities[available], func(t *try) {
				to := ids
				if to[i] = t.to; !found && c.canonical(to) == g {
					found, moved = true, to
					plan = append(plan, c.tell(member, &t.step)...)
				}
			})
		}
		ids = moved
	}
	return plan
}

// tell returns the happenings of a step.
func (c *checker) tell(member int, s *step) []Happening {
	switch {
	case s.timeout:
		return []Happening{{Member: member, Timeout: true, From: -1}}
	case !s.fetched.IsZero():
		return []Happening{{Member: member, Fetched: c.setting.Name(s.fetched), From: -1}}
	}
	var plan []Happening
	for _, id := range s.said {
		m := c.messages[id]
		plan = append(plan, Happening{Member: member, From: m.From, What: c.describe(m.Message)})
	}
	return plan
}

func (c *checker) describe(m consensus.Message) string { return c.o.Adversary.Describe(c.setting, m) }

// run is a plain run of a network: no state is taken for another, and aggregates hold the signatures
// of those who voted.
type run struct {
	done   []played
	broken *protocol.Violation
}

// played is what happened, and what the member made of it.
type played struct {
	Happening
	message   consensus.Message // nil if none came
	sent      []consensus.Message
	reports   []consensus.Report
	tip       quoin.Checkpoint // the last certified block's
	certified bool             // and it is a new one
}

// play plays happenings, until an invariant breaks. What is not possible is left out.
func (c *checker) play(plan []Happening) *run {
	r := &run{}
	observer := protocol.NewObserver(&c.o.Protocol, &c.members[0])
	actors := make([]*actor, c.o.Nodes)
	var known []Said
	for _, i := range c.honest {
		actors[i] = c.newActor(i)
		actors[i].observer = observer
		for _, m := range actors[i].sent {
			known = append(known, Said{i, m})
		}
	}
	for _, h := range plan {
		known = c.setting.close(c.o.Adversary, known, true)
		if r.broken = c.contradiction(known); r.broken != nil {
			break
		}
		a := actors[h.Member]
		sent, reports, tip := len(a.sent), len(a.reports), *a.node.Tip()
		m, ok := c.happen(a, &h, known)
		if !ok {
			continue
		}
		p := played{Happening: h, message: m, sent: a.sent[sent:], reports: a.reports[reports:], tip: *a.node.Tip(), certified: *a.node.Tip() != tip}
		r.done = append(r.done, p)
		for _, m := range p.sent {
			known = append(known, Said{h.Member, m})
		}
		if r.broken = observer.Violation(); r.broken != nil {
			break
		}
	}
	if r.broken == nil {
		r.broken = c.contradiction(c.setting.close(c.o.Adversary, known, true))
	}
	return r
}

// happen lets something happen to a member, if it is possible.
func (c *checker) happen(a *actor, h *Happening, known []Said) (consensus.Message, bool) {
	switch {
	case h.Timeout:
		a.take(&step{timeout: true})
		return nil, true
	case h.Fetched != "":
		i := slices.IndexFunc(a.fetching, func(b quoin.Hash) bool { return c.setting.Name(b) == h.Fetched })
		if i >= 0 {
			a.take(&step{fetched: a.fetching[i]})
		}
		return nil, i >= 0
	}
	i := slices.IndexFunc(known, func(s Said) bool { return s.From == h.From && c.describe(s.Message) == h.What })
	if i < 0 {
		return nil, false
	}
	return known[i].Message, a.node.Receive(h.From, known[i].Message) == nil
}

// shrink leaves out happenings one by one, as long as the same invariant breaks: what is left is
// minimal in that nothing of it can be left out (Zeller and Hildebrandt's ddmin at its finest
// granularity; the path is the shortest already, up to what is said in one step).
func (c *checker) shrink(r *run) *run {
	for again := true; again; {
		again = false
		for i := len(r.done) - 1; i >= 0; i-- {
			var plan []Happening
			for j, p := range r.done {
				if j != i {
					plan = append(plan, p.Happening)
				}
			}
			if s := c.play(plan); s.broken != nil && s.broken.Invariant == r.broken.Invariant && len(s.done) < len(r.done) {
				r, again = s, true
				i = min(i, len(r.done))
			}
		}
	}
	return r
}
