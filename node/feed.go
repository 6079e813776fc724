package node

import (
	"sync"

	"quoin.dev/quoin/replica"
)

// Item is something that a node publishes: exactly one field is set. It is shared by all
// subscribers: do not modify it.
type Item struct {
	Finished *replica.Finished // a certified and durable block, in order
	Event    *replica.Event
}

// Feed hands what happens to subscribers. Publishing never waits: who is too slow loses items, and
// is told so.
type Feed struct {
	mu          sync.Mutex
	subscribers []*Subscription
	closed      bool
}

// Subscription is one subscriber's place in a feed.
type Subscription struct {
	// C brings the items. It is closed when the feed or the subscription is.
	C    <-chan Item
	c    chan Item
	feed *Feed
	lost uint64
	only func(Item) bool
}

func newFeed() *Feed { return &Feed{} }

// Subscribe returns a subscription that holds up to buffer items that were not taken yet.
func (f *Feed) Subscribe(buffer int) *Subscription { return f.SubscribeTo(buffer, nil) }

// SubscribeTo is Subscribe for the items that only accepts; it is called by the node's loop and must
// be quick.
func (f *Feed) SubscribeTo(buffer int, only func(Item) bool) *Subscription {
	s := &Subscription{c: make(chan Item, buffer), feed: f, only: only}
	s.C = s.c
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		close(s.c)
		return s
	}
	f.subscribers = append(f.subscribers, s)
	return s
}

// Lost returns how many items did not fit since the subscription began.
func (s *Subscription) Lost() uint64 {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return s.lost
}

// Close ends the subscription.
func (s *Subscription) Close() {
	f := s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, x := range f.subscribers {
		if x == s {
			f.subscribers = append(f.subscribers[:i:i], f.subscribers[i+1:]...)
			close(s.c)
			return
		}
	}
}

func (f *Feed) publish(item Item) {
	// The loop reuses its output: what leaves it is a copy.
	if item.Finished != nil {
		c := *item.Finished
		item.Finished = &c
	}
	if item.Event != nil {
		c := *item.Event
		item.Event = &c
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.subscribers {
		if s.only != nil && !s.only(item) {
			continue
		}
		select {
		case s.c <- item:
		default:
			s.lost++
		}
	}
}

func (f *Feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, s := range f.subscribers {
		close(s.c)
	}
	f.subscribers = nil
}
