package check

import (
	"crypto/sha256"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/lab/protocol"
)

// local is a state that one honest member can be in. States are told apart by the machine's
// AppendState and by what the member has sent. A state is kept as the first history that was found to
// lead there, and made anew by playing it.
type local struct {
	before   int32 // the state before, -1 for the first
	by       step
	sent     int32 // number of the set of messages
	timeouts int   // that made a difference, if they are counted
	view     quoin.View
	tip      quoin.Hash   // the last certified block
	fetches  []quoin.Hash // what it has asked for
	broken   *protocol.Violation
	tries    try // what was tried here
}

// step is one thing that happens to a member: its time-out passes, blocks come that it asked for, or
// messages arrive. Several messages are votes that count together; the last of them is the first that
// makes the member do something.
type step struct {
	timeout bool
	fetched quoin.Hash // zero if nothing is fetched
	said    []int32
}

// try is a step that was tried in a state, and the steps that only add to it.
type try struct {
	step  step
	to    int32    // the state that it leads to, -1 if it is silent
	inert bool     // silent, and leaves nothing behind that could add up
	more  []branch // by what is added
}

type branch struct {
	what int32 // a message, or one of the below, or fetches less the number of a block
	*try
}

const (
	timesOut int32 = -1
	fetches  int32 = -2
)

// begin returns the first state of a member.
func (c *checker) begin(member int) int32 {
	return c.settle(c.newActor(member), member, -1, step{})
}

// at returns a member in a state. It is the one that was left there by an inert step, or is made anew.
func (c *checker) at(member int, id int32) *actor {
	if c.alive.actor != nil && c.alive.member == member && c.alive.id == id {
		a := c.alive.actor
		c.alive.actor = nil
		return a
	}
	a := c.newActor(member)
	var steps []*step
	for l := c.locals[member][id]; l.before >= 0; l = c.locals[member][l.before] {
		steps = append(steps, &l.by)
	}
	for _, s := range slices.Backward(steps) {
		a.take(s)
	}
	return a
}

// try plays a step in a state. The step is silent if the member asks for nothing: it persists
// nothing, executes nothing, certifies nothing and says nothing new. Then the state is taken for
// unchanged, as if the step had not happened yet (see the package documentation).
func (c *checker) try(member int, id int32, s step) *try {
	a := c.at(member, id)
	silent := c.o.Batch
	var state []byte
	for i := range max(1, len(s.said)) { // one vote after the other, to see whether the last is inert
		part := s
		if len(s.said) > 0 {
			part.said = s.said[i : i+1]
		}
		state = a.machine.AppendState(state[:0], nil)
		demands, sent := a.machine.demands, len(a.sent)
		a.take(&part)
		silent = silent && a.machine.demands == demands && len(a.sent) == sent
	}
	c.tried++
	if !silent {
		if to := c.settle(a, member, id, s); to != id {
			return &try{step: s, to: to}
		}
	}
	t := &try{step: s, to: -1, inert: slices.Equal(state, a.machine.AppendState(nil, nil))}
	if t.inert && len(s.said) <= 1 {
		c.alive.actor, c.alive.member, c.alive.id = a, member, id
	}
	return t
}

// settle returns the number of the state that a member is in.
func (c *checker) settle(a *actor, member int, before int32, by step) int32 {
	var names, sent set
	for _, m := range a.sent {
		names.add(c.named(Said{member, m}))
	}
	broken := a.observer.Violation()
	key := canonical.AppendBool(a.machine.AppendState(nil, c.setting.alike), broken != nil)
	if a.executed != nil {
		for _, x := range a.executed.order() {
			key = append(key, c.setting.Name(x.block.ID())...)
		}
	}
	timeouts := 0
	if c.o.Timeouts >= 0 && before >= 0 {
		timeouts = c.locals[member][before].timeouts
	}
	digestOf := func(timeouts int) quoin.Hash { return sha256.Sum256(canonical.AppendUint32(key, uint32(timeouts))) }
	key = names.append(key)
	digest := digestOf(timeouts)
	if id, ok := c.localNumbers[member][digest]; c.o.Timeouts >= 0 && by.timeout && !(ok && id == before) {
		timeouts++
		digest = digestOf(timeouts)
	}
	if id, ok := c.localNumbers[member][digest]; ok {
		return id
	}
	for _, m := range a.sent {
		sent.add(c.number(Said{member, m}))
	}
	id := int32(len(c.locals[member]))
	c.localNumbers[member][digest] = id
	c.locals[member] = append(c.locals[member], &local{before: before, by: by, sent: c.setNumber(sent), timeouts: timeouts, view: a.machine.Status().View, tip: a.node.Tip().Block,
		fetches: slices.Clone(a.fetching), broken: broken, tries: try{to: -1}})
	return id
}

// next calls visit with each step that leads a member from a state to another when a's messages may
// arrive.
func (c *checker) next(member int, id int32, a *availability, visit func(*try)) {
	l := c.locals[member][id]
	if l.view <= c.setting.Views() {
		c.grow(member, id, &l.tries, timesOut, step{timeout: true}, visit)
	}
	for _, block := range l.fetches {
		if a.blocks[block] {
			c.grow(member, id, &l.tries, fetches-c.block(block), step{fetched: block}, visit)
		}
	}
	for _, m := range a.single {
		if c.messages[m].From != member {
			c.grow(member, id, &l.tries, m, step{said: []int32{m}}, visit)
		}
	}
	for _, votes := range a.polls {
		c.gather(member, id, &l.tries, votes, visit)
	}
}

// gather tries the sets of votes of a poll, at most one of each sender, that make the member do
// something and of which no part does.
func (c *checker) gather(member int, id int32, t *try, votes []int32, visit func(*try)) {
	for i, m := range votes {
		from := c.messages[m].From
		if n := len(t.step.said); from == member || n > 0 && c.messages[t.step.said[n-1]].From == from {
			continue
		}
		s := step{said: append(slices.Clone(t.step.said), m)}
		if x := c.grow(member, id, t, m, s, visit); c.o.Batch && x.to < 0 && !x.inert {
			c.gather(member, id, x, votes[i+1:], visit)
		}
	}
}

// grow tries a step that adds something to another, unless that was done.
func (c *checker) grow(member int, id int32, t *try, what int32, s step, visit func(*try)) *try {
	var x *try
	for _, b := range t.more {
		if b.what == what {
			x = b.try
		}
	}
	if x == nil {
		x = c.try(member, id, s)
		t.more = append(t.more, branch{what, x})
	}
	if x.to >= 0 {
		visit(x)
	}
	return x
}
