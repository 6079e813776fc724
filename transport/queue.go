package transport

import (
	"sync"
	"time"

	"quoin.dev/quoin/transport/internal/wire"
)

// queue holds the messages of one class that wait for one peer, within limits. It is a ring that
// grows to what is needed, so that an idle peer costs nothing.
type queue struct {
	limits      ClassLimits
	dropsOldest bool
	// ready has room for one signal: there may be messages. put never waits for it.
	ready chan struct{}

	mu       sync.Mutex
	ring     []queued // length a power of two, or nil
	head     int      // index of the oldest
	messages int
	bytes    int
	sent     Traffic
	dropped  [DropCount]uint64
	waited   Waits // of what was taken
	closed   bool
}

// queued is a message that waits.
type queued struct {
	message []byte
	since   time.Time
}

func newQueue(class Class, limits ClassLimits) *queue {
	return &queue{limits: limits, dropsOldest: class.dropsOldest(), ready: make(chan struct{}, 1)}
}

// put appends a message and reports whether it was taken.
func (q *queue) put(message []byte) bool {
	q.mu.Lock()
	if len(message) == 0 || len(message) > q.limits.MessageBytesMax {
		q.dropped[DroppedUnfit]++
		q.mu.Unlock()
		return false
	}
	if q.closed {
		q.dropped[DroppedLink]++
		q.mu.Unlock()
		return false
	}
	for q.messages == q.limits.QueueMessages || q.bytes+len(message) > q.limits.QueueBytes {
		if !q.dropsOldest {
			q.dropped[DroppedFull]++
			q.mu.Unlock()
			return false
		}
		q.pop()
		q.dropped[DroppedOldest]++
	}
	if q.messages == len(q.ring) {
		q.grow()
	}
	q.ring[(q.head+q.messages)&(len(q.ring)-1)] = queued{message, time.Now()}
	q.messages++
	q.bytes += len(message)
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return true
}

// take moves the messages of one frame from the queue to batch, which is empty.
func (q *queue) take(batch [][]byte) [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	total := 0
	var now time.Time
	if q.messages > 0 {
		now = time.Now()
	}
	for q.messages > 0 && len(batch) < wire.BatchMessagesMax {
		total += wire.PrefixBytes + len(q.ring[q.head].message)
		if len(batch) > 0 && total > wire.BatchBytesMax {
			break
		}
		q.waited.add(now.Sub(q.ring[q.head].since))
		batch = append(batch, q.pop())
	}
	return batch
}

// close lets go of what waits, and refuses what comes.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.dropped[DroppedLink] += uint64(q.messages)
	q.ring, q.head, q.messages, q.bytes = nil, 0, 0, 0
}

// settle counts a batch as sent, or as lost if the link broke under it.
func (q *queue) settle(batch [][]byte, lost bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if lost {
		q.dropped[DroppedLink] += uint64(len(batch))
		return
	}
	q.sent.Frames++
	q.sent.Messages += uint64(len(batch))
	for _, message := range batch {
		q.sent.Bytes += uint64(len(message))
	}
}

func (q *queue) pop() []byte {
	message := q.ring[q.head].message
	q.ring[q.head] = queued{}
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.messages--
	q.bytes -= len(message)
	return message
}

func (q *queue) grow() {
	ring := make([]queued, max(16, 2*len(q.ring)))
	n := copy(ring, q.ring[q.head:])
	copy(ring[n:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}
