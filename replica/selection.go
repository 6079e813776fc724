package replica

import (
	"container/heap"

	"quoin.dev/quoin"
)

// selection picks transactions for a block.
type selection struct {
	maxBytes, maxTransactions, maxKernel uint64
	height                               quoin.Height // of the block
	skip                                 func(*pendingTx) bool
	overdue                              func(*pendingTx) bool // goes before all others; only where there are priorities
}

// eligible reports whether a transaction may go into the block.
func (s *selection) eligible(x *pendingTx) bool {
	return !x.gone && x.tx.Expiry >= s.height && !s.skip(x)
}

// choose returns the block's transactions: the kernel's first. Then each sender's oldest competes:
// what is overdue goes first, then the highest priority, and among equals the senders take turns.
// Without priorities all are equal. A sender whose oldest does not fit any more waits, and the next
// block's turns begin with the first one that was left out; the others go on, for voters withhold
// their votes from a block that leaves out what is overdue and would fit, see omits.
func (p *pool) choose(s selection) []quoin.Transaction {
	var chosen []quoin.Transaction
	bytes := uint64(0)
	take := func(x *pendingTx) bool {
		if bytes+uint64(x.size) > s.maxBytes {
			return false
		}
		bytes += uint64(x.size)
		chosen = append(chosen, x.tx)
		return true
	}
	for _, x := range p.chooseKernel(&s) {
		if uint64(len(chosen)) >= s.maxKernel {
			break
		}
		take(x)
	}
	limit := uint64(len(chosen)) + s.maxTransactions
	q := p.compete(&s)
	round := 0 // turns that the sender of the last one has had
	left := -1 // the turn of the first sender that was left out
	for len(q.places) > 0 {
		at := &q.places[0]
		x := at.lane.txs[at.next]
		if !q.ranked && !s.eligible(x) {
			q.pass()
			continue
		}
		full := uint64(len(chosen)) >= limit
		if full && at.taken >= round {
			break // nobody was left out of the last round
		}
		if full || !take(x) {
			if left < 0 {
				left = at.turn
			}
			if full {
				break
			}
			q.leave()
			continue
		}
		at.taken++
		round = at.taken
		q.pass()
	}
	if left < 0 {
		left = 1 // nobody: the next one begins
	}
	if len(p.turns) > 0 {
		p.turn = (p.turn + left) % len(p.turns)
	}
	return chosen
}

// competition is the lanes as a heap, first the one whose oldest transaction goes into the block
// next. It takes O(lanes + transactions × log lanes).
type competition struct {
	s      *selection
	ranked bool // only then does it matter what a lane's oldest eligible transaction is
	places []place
}

// place is a lane in the competition.
type place struct {
	lane     *lane
	next     int // index of its oldest transaction that was not passed
	overdue  bool
	priority uint64
	taken    int // transactions, so far
	turn     int // its place among the lanes
}

func (p *pool) compete(s *selection) *competition {
	q := &competition{s: s, ranked: p.ranked, places: p.queue[:0]}
	for k := range p.turns {
		at := place{lane: p.turns[(p.turn+k)%len(p.turns)], turn: k}
		if q.look(&at) {
			q.places = append(q.places, at)
		}
	}
	p.queue = q.places
	if q.ranked { // otherwise they stand as they must
		heap.Init(q)
	}
	return q
}

// look finds out how the lane ranks, by its oldest eligible transaction; false if it has none.
func (q *competition) look(at *place) bool {
	txs := at.lane.txs
	if q.ranked {
		for at.next < len(txs) && !q.s.eligible(txs[at.next]) {
			at.next++
		}
		if at.next < len(txs) {
			at.priority, at.overdue = txs[at.next].priority, q.s.overdue(txs[at.next])
		}
	}
	return at.next < len(txs)
}

// pass goes on to the next transaction of the first lane, and puts the lane where it belongs.
func (q *competition) pass() {
	q.places[0].next++
	if !q.look(&q.places[0]) {
		q.leave()
		return
	}
	heap.Fix(q, 0)
}

// leave takes the first lane out.
func (q *competition) leave() {
	last := len(q.places) - 1
	q.places[0] = q.places[last]
	if q.places = q.places[:last]; last > 0 {
		heap.Fix(q, 0)
	}
}

func (q *competition) Len() int { return len(q.places) }

func (q *competition) Less(i, j int) bool {
	a, b := &q.places[i], &q.places[j]
	switch {
	case a.overdue != b.overdue:
		return a.overdue
	case a.priority != b.priority && !a.overdue:
		return a.priority > b.priority
	case a.taken != b.taken:
		return a.taken < b.taken
	}
	return a.turn < b.turn
}

func (q *competition) Swap(i, j int) { q.places[i], q.places[j] = q.places[j], q.places[i] }

// Push and Pop are not used: lanes only leave.
func (q *competition) Push(any) { panic("replica: a lane joins the competition") }
func (q *competition) Pop() any { panic("replica: a lane leaves the competition") }
