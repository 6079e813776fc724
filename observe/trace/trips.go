package trace

import (
	"slices"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
)

// trip is what was noted of a block on its way. A time that is zero was not noted.
type trip struct {
	block     quoin.Hash
	execution node.Execution
	notarized time.Time
	certified time.Time
}

// trips are the newest blocks that were executed, notarized or certified here. What this node has only been
// told of is not among them: a validator that names many blocks drives no other's out; see messages.
type trips struct {
	ring []trip
	next int
	at   map[quoin.Hash]int
}

func newTrips() trips { return trips{at: map[quoin.Hash]int{}} }

// of returns the trip of a block, which begins if need be. It is valid until the next call.
func (t *trips) of(block quoin.Hash) *trip {
	if i, ok := t.at[block]; ok {
		return &t.ring[i]
	}
	i := t.next
	if i == len(t.ring) {
		t.ring = append(t.ring, trip{})
	} else {
		delete(t.at, t.ring[i].block)
	}
	t.next = (i + 1) % tripsMax
	t.ring[i], t.at[block] = trip{block: block}, i
	return &t.ring[i]
}

// find returns what is known of a block, maybe nothing.
func (t *trips) find(block quoin.Hash) trip {
	if i, ok := t.at[block]; ok {
		return t.ring[i]
	}
	return trip{block: block}
}

// heard is a message of a validator.
type heard struct {
	at      time.Time
	block   quoin.Hash
	message string
}

// messages are the newest of one validator: if it sends too many, it drives out its own alone.
type messages struct {
	ring []heard
	next int
}

func (m *messages) note(h heard) {
	if len(m.ring) < heardMax {
		m.ring = append(m.ring, h)
		return
	}
	m.ring[m.next] = h
	m.next = (m.next + 1) % heardMax
}

// first returns when a message about a block was first heard.
func (m *messages) first(block quoin.Hash, message string) (first time.Time) {
	for i := range m.ring {
		h := &m.ring[i]
		if h.block == block && h.message == message && (first.IsZero() || h.at.Before(first)) {
			first = h.at
		}
	}
	return first
}

// hearing is what was heard in an epoch, by index in its validator set.
type hearing struct {
	epoch quoin.Epoch
	of    []messages
}

// vote says when a validator's vote was heard.
type vote struct {
	at        time.Time
	validator int
}

// votesFor lists when each validator's message about a block was heard, by time.
func votesFor(all []messages, block quoin.Hash, message string) (votes []vote) {
	for i := range all {
		if at := all[i].first(block, message); !at.IsZero() {
			votes = append(votes, vote{at, i})
		}
	}
	slices.SortStableFunc(votes, func(a, b vote) int { return a.at.Compare(b.at) })
	return votes
}

// admitted is when traced transactions of this node's clients were admitted: the newest admittedMax.
type admitted struct {
	ring []quoin.Hash
	next int
	at   map[quoin.Hash]time.Time
}

func newAdmitted() admitted { return admitted{at: map[quoin.Hash]time.Time{}} }

func (a *admitted) note(id quoin.Hash, at time.Time) {
	if _, known := a.at[id]; known {
		return
	}
	if len(a.ring) < admittedMax {
		a.ring = append(a.ring, id)
	} else {
		delete(a.at, a.ring[a.next])
		a.ring[a.next] = id
		a.next = (a.next + 1) % admittedMax
	}
	a.at[id] = at
}

// take returns when a transaction was admitted here, if it was, and forgets it.
func (a *admitted) take(id quoin.Hash) (time.Time, bool) {
	at, ok := a.at[id]
	delete(a.at, id)
	return at, ok
}
