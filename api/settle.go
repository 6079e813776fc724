package api

import (
	"context"
	"sync"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// settlements tells requests what became of their transactions. It reads the node's feed on one
// goroutine, costs one look-up a certified transaction while anybody waits, and nothing otherwise.
type settlements struct {
	node *node.Node
	max  int // tickets

	mu       sync.Mutex
	waiting  map[quoin.Hash]*ticket
	count    int
	early    int                           // tickets that wait for inclusion
	expiring map[quoin.Height][]quoin.Hash // may name what is settled already
	height   quoin.Height                  // up to which blocks were handled
	grown    chan struct{}                 // closed when height grows; nil: nobody watches
}

// ticket is one wait for one transaction.
type ticket struct {
	sink     *sink
	sequence uint64
	index    uint32
	early    bool // tell of inclusion
	receipt  bool // passed on
	expiry   quoin.Height
	next     *ticket // of another request for the same transaction
}

// settled is what became of one transaction.
type settled struct {
	sequence uint64
	index    uint32
	receipt  bool
	stage    quoinv1.Stage
	place    uint32            // in the block
	block    *replica.Finished // of STAGE_CERTIFIED and STAGE_EXPIRED
	height   quoin.Height
}

// sink collects what is settled for one request. What it may hold is bounded by its tickets.
type sink struct {
	mu     sync.Mutex
	items  []settled
	closed bool
	wake   chan struct{} // holds one token while there may be items
}

func newSink() *sink { return &sink{wake: make(chan struct{}, 1)} }

func (s *sink) add(x settled) {
	s.mu.Lock()
	if !s.closed {
		s.items = append(s.items, x)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// close makes the sink forget what it gets.
func (s *sink) close() {
	s.mu.Lock()
	s.closed, s.items = true, nil
	s.mu.Unlock()
}

// take returns what has come since the last take.
func (s *sink) take() []settled {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := s.items
	s.items = nil
	return items
}

// settleBuffer is how many items of the feed may wait; blocks beyond are read from the store.
const settleBuffer = 1024

func newSettlements(n *node.Node, ticketsMax int) *settlements {
	return &settlements{node: n, max: ticketsMax, waiting: map[quoin.Hash]*ticket{}, expiring: map[quoin.Height][]quoin.Hash{}}
}

// subscribe begins to listen; run follows. What is certified up to newest is not waited for: whoever
// asks for it is told where it stands.
func (s *settlements) subscribe(newest func() quoin.Height) *node.Subscription {
	sub := s.node.Feed().SubscribeTo(settleBuffer, func(x node.Item) bool {
		return x.Finished != nil || x.Event.Kind == replica.BlockNotarized
	})
	s.height = newest()
	return sub
}

// run handles the feed until it ends.
func (s *settlements) run(ctx context.Context, sub *node.Subscription) {
	for item := range sub.C {
		if item.Finished != nil {
			s.finished(item.Finished)
		} else {
			s.notarized(ctx, item.Event.Block)
		}
	}
}

// finished settles the transactions of a block, and of blocks that the feed lost before it.
func (s *settlements) finished(f *replica.Finished) {
	h := f.Checkpoint.Height
	s.mu.Lock()
	last, idle := s.height, s.count == 0
	s.mu.Unlock()
	for lost := last + 1; lost < h && !idle; lost++ {
		if x, err := readFinished(s.node.Store(), s.node.Origin(), lost); err == nil {
			s.block(x)
		}
	}
	s.block(f)
}

func (s *settlements) block(f *replica.Finished) {
	h := f.Checkpoint.Height
	s.mu.Lock()
	defer s.mu.Unlock()
	if h <= s.height {
		return
	}
	s.height = h
	if s.grown != nil {
		close(s.grown)
		s.grown = nil
	}
	if s.count == 0 {
		clear(s.expiring)
		return
	}
	for i, id := range f.IDs {
		s.settle(id, settled{stage: quoinv1.Stage_STAGE_CERTIFIED, place: uint32(i), block: f, height: h})
	}
	for _, id := range s.expiring[h] {
		s.settle(id, settled{stage: quoinv1.Stage_STAGE_EXPIRED, block: f, height: h})
	}
	delete(s.expiring, h)
}

// settle answers every ticket of a transaction. s.mu is held.
func (s *settlements) settle(id quoin.Hash, x settled) {
	t := s.waiting[id]
	if t == nil {
		return
	}
	delete(s.waiting, id)
	for ; t != nil; t = t.next {
		x.sequence, x.index, x.receipt = t.sequence, t.index, t.receipt
		t.sink.add(x)
		s.forget(t)
	}
}

func (s *settlements) forget(t *ticket) {
	s.count--
	if t.early {
		s.early--
	}
}

// notarized tells of inclusion.
func (s *settlements) notarized(ctx context.Context, block quoin.Hash) {
	s.mu.Lock()
	none := s.early == 0
	s.mu.Unlock()
	if none {
		return
	}
	var height quoin.Height
	var ids []quoin.Hash
	err := s.node.Do(ctx, func(r *replica.Replica) { height, ids, _ = r.Uncertified(block) })
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, id := range ids {
		for t := s.waiting[id]; t != nil; t = t.next {
			if t.early {
				t.early = false
				s.early--
				t.sink.add(settled{sequence: t.sequence, index: t.index, stage: quoinv1.Stage_STAGE_INCLUDED, place: uint32(i), height: height})
			}
		}
	}
}

// expect registers a ticket; it returns false if there are too many.
func (s *settlements) expect(ids []quoin.Hash, tickets []ticket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count+len(tickets) > s.max {
		return false
	}
	for i := range tickets {
		t := &tickets[i]
		t.next = s.waiting[ids[i]]
		s.waiting[ids[i]] = t
		s.count++
		if t.early {
			s.early++
		}
		if t.expiry > 0 {
			s.expiring[t.expiry] = append(s.expiring[t.expiry], ids[i])
		}
	}
	return true
}

// withdraw takes back the tickets that a sink has for these transactions, and returns how many there
// were.
func (s *settlements) withdraw(sink *sink, ids []quoin.Hash) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.count
	for _, id := range ids {
		s.withdrawOne(sink, id)
	}
	return before - s.count
}

func (s *settlements) withdrawOne(sink *sink, id quoin.Hash) {
	var kept *ticket
	for t := s.waiting[id]; t != nil; {
		next := t.next
		if t.sink == sink {
			s.forget(t)
		} else {
			t.next = kept
			kept = t
		}
		t = next
	}
	if kept == nil {
		delete(s.waiting, id)
	} else {
		s.waiting[id] = kept
	}
}

// resolve settles a transaction that was certified at a height already, if the feed has passed that
// height: it will not tell again.
func (s *settlements) resolve(blocks *blockReader, id quoin.Hash, height quoin.Height, place uint32) error {
	s.mu.Lock()
	passed := s.waiting[id] != nil && height <= s.height
	s.mu.Unlock()
	if !passed {
		return nil
	}
	f, err := blocks.at(height)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(id, settled{stage: quoinv1.Stage_STAGE_CERTIFIED, place: place, block: f, height: height})
	return nil
}
