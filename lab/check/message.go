package check

import (
	"crypto/sha256"
	"encoding/binary"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/lab/protocol"
)

// message is a message that somebody can send. Messages are numbered as they are found.
type message struct {
	Said
	sort Sort
	poll poll
}

// said is a message by its name: the same for messages that differ only in whose votes they show.
type said struct {
	from int
	what string
}

// named returns the number of a message's name.
func (c *checker) named(s Said) int32 {
	name := said{s.From, c.describe(s.Message)}
	id, ok := c.names[name]
	if !ok {
		id = int32(len(c.names))
		c.names[name] = id
	}
	return id
}

// poll names the votes that count together.
type poll struct {
	kind string
	view quoin.View
}

// number returns the number of a message.
func (c *checker) number(s Said) int32 {
	digest := sha256.Sum256(s.Message.AppendBinary(canonical.AppendUint32(nil, uint32(s.From))))
	if id, ok := c.numbers[digest]; ok {
		return id
	}
	id := int32(len(c.messages))
	view := protocol.ViewOf(c.o.Protocol.Claims(s.Message))
	c.messages = append(c.messages, message{s, c.o.Adversary.Sort(s.Message), poll{s.Message.Kind(), view}})
	c.numbers[digest] = id
	return id
}

// set is a set of small numbers.
type set []uint64

func (s set) has(i int32) bool { return int(i/64) < len(s) && s[i/64]>>(i%64)&1 == 1 }

func (s *set) add(i int32) {
	for int(i/64) >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[i/64] |= 1 << (i % 64)
}

// append appends bytes that are the same for the same numbers.
func (s set) append(b []byte) []byte {
	n := len(s)
	for n > 0 && s[n-1] == 0 {
		n--
	}
	for _, w := range s[:n] {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return b
}

// setNumber returns the number of a set of messages that a member has sent.
func (c *checker) setNumber(s set) int32 {
	key := string(s.append(nil))
	id, ok := c.setNumbers[key]
	if !ok {
		id = int32(len(c.sets))
		c.setNumbers[key] = id
		c.sets = append(c.sets, s)
	}
	return id
}

// availability is what may arrive when the honest have sent what they have: their votes and
// proposals, and what the faulty make of them.
type availability struct {
	single []int32   // proposals and aggregates
	polls  [][]int32 // the votes of each poll, by sender
	blocks map[quoin.Hash]bool
	broken *protocol.Violation // if the messages contradict one another
}

// available returns the number of the availability of what the honest have sent, by the numbers of
// their sets.
func (c *checker) available(sent [honestMax]int32) int32 {
	if id, ok := c.availabilityNumbers[sent]; ok {
		return id
	}
	var known []Said
	for i := range c.honest {
		for id := range int32(len(c.messages)) {
			if c.sets[sent[i]].has(id) {
				known = append(known, c.messages[id].Said)
			}
		}
	}
	known = c.setting.close(c.o.Adversary, known, false)
	a := &availability{blocks: map[quoin.Hash]bool{}, broken: c.contradiction(known)}
	var polls []poll
	for from := range c.setting.Validators.Len() {
		for _, s := range known {
			if s.From != from {
				continue
			}
			id := c.number(s)
			m := &c.messages[id]
			if m.sort != Vote {
				a.single = append(a.single, id)
				continue
			}
			i := 0
			for i < len(polls) && polls[i] != m.poll {
				i++
			}
			if i == len(polls) {
				polls, a.polls = append(polls, m.poll), append(a.polls, nil)
			}
			a.polls[i] = append(a.polls[i], id)
		}
	}
	for _, s := range known {
		if b := c.o.Adversary.Block(s.Message); b != nil {
			a.blocks[b.ID()] = true
		}
	}
	id := int32(len(c.availabilities))
	c.availabilities = append(c.availabilities, a)
	c.availabilityNumbers[sent] = id
	return id
}

// close returns what can be said when some messages are known: those, and what the adversary makes of
// them, and of that, until nothing is new.
func (s *Setting) close(a Adversary, known []Said, real bool) []Said {
	names := map[said]bool{}
	for _, k := range known {
		names[said{k.From, a.Describe(s, k.Message)}] = true
	}
	for n := -1; n != len(known); {
		n = len(known)
		for _, k := range a.Make(s, known, real) {
			if name := (said{k.From, a.Describe(s, k.Message)}); !names[name] {
				names[name] = true
				known = append(known, k)
			}
		}
	}
	return known
}
