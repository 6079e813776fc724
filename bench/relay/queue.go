package relay

import (
	"sync"
	"time"
)

// queueBytesMax bounds what one connection has in the relay, one way. It is the window of an
// emulated path: no more than 4 MiB travel in the time of its delay.
const (
	queueBytesMax = 4 << 20
	queueItemsMax = 1 << 16
)

// item is what is to be done at its time: connect, pass bytes on, or end.
type item struct {
	due   time.Time
	bytes []byte // nil: the sender has ended
	dial  bool   // the far end is to be reached first
}

// queue hands items from one reader to one writer.
type queue struct {
	mu       sync.Mutex
	items    []item
	bytes    int
	last     time.Time // the latest due: order is kept
	ready    chan struct{}
	drained  chan struct{}
	hasEnded bool
}

func newQueue() *queue {
	return &queue{ready: make(chan struct{}, 1), drained: make(chan struct{}, 1)}
}

// put waits while the queue is full. It reports false when quit came first.
func (q *queue) put(x item, quit <-chan struct{}) bool {
	for {
		q.mu.Lock()
		if q.bytes < queueBytesMax && len(q.items) < queueItemsMax {
			if x.due.Before(q.last) {
				x.due = q.last
			}
			q.last = x.due
			q.items = append(q.items, x)
			q.bytes += len(x.bytes)
			q.hasEnded = q.hasEnded || x.bytes == nil && !x.dial
			q.mu.Unlock()
			signal(q.ready)
			return true
		}
		q.mu.Unlock()
		select {
		case <-q.drained:
		case <-quit:
			return false
		}
	}
}

// get waits for the next item. It reports false when quit came first.
func (q *queue) get(quit <-chan struct{}) (item, bool) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			x := q.items[0]
			q.items[0] = item{}
			q.items = q.items[1:]
			q.bytes -= len(x.bytes)
			q.mu.Unlock()
			signal(q.drained)
			return x, true
		}
		q.mu.Unlock()
		select {
		case <-q.ready:
		case <-quit:
			return item{}, false
		}
	}
}

// ended reports whether the sender has ended already, although what it sent may still wait.
func (q *queue) ended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.hasEnded
}

// rest returns how many bytes nobody will take any more.
func (q *queue) rest() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
