package transport

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Impairment makes links worse than they are, on networks for tests.
type Impairment interface {
	// Impair says what becomes of one message to or from a peer: whether it is lost, and if not, by how
	// much later it travels on. It is called for each message, by many goroutines, and must be quick.
	Impair(peer Key, class Class) (delay time.Duration, lost bool)
}

// impaired is what an Impairment does to the messages of one peer and class in one direction. Messages
// that are delayed wait in a line of their own, in their order and within the limits of the class; what
// comes while some wait gets into line. What does not fit is lost.
type impaired struct {
	by     Impairment // nil: nothing
	peer   *peer
	class  Class
	limits ClassLimits
	// pass takes a message on: into the queue to the peer, or to the handler.
	pass func(message []byte) bool
	lost atomic.Uint64

	mu      sync.Mutex
	line    []late
	bytes   int
	running bool // somebody takes from the line, or passes what it took
	closed  bool
}

// late is a message that travels on when it is due.
type late struct {
	message []byte
	due     time.Time
}

func newImpaired(p *peer, class Class, pass func([]byte) bool) *impaired {
	return &impaired{by: p.t.config.Impair, peer: p, class: class, limits: p.t.config.Classes[class], pass: pass}
}

// put passes a message on, now or later, and reports whether it was taken. To the sender a lost message
// looks like any other.
func (i *impaired) put(message []byte) bool {
	if i.by == nil {
		return i.pass(message)
	}
	delay, lost := i.by.Impair(i.peer.key, i.class)
	if lost {
		i.lost.Add(1)
		return true
	}
	i.mu.Lock()
	if !i.running && (delay <= 0 || i.closed) {
		i.mu.Unlock()
		return i.pass(message)
	}
	defer i.mu.Unlock()
	if i.closed || len(i.line) == i.limits.QueueMessages || i.bytes+len(message) > i.limits.QueueBytes {
		i.lost.Add(1)
		return true
	}
	i.line = append(i.line, late{message, time.Now().Add(delay)})
	i.bytes += len(message)
	if !i.running {
		i.running = true
		i.peer.t.late.Go(func() { i.run(i.peer.ctx) })
	}
	return true
}

// run passes on what is due until the line is empty.
func (i *impaired) run(ctx context.Context) {
	for {
		i.mu.Lock()
		if len(i.line) == 0 || i.closed {
			i.lost.Add(uint64(len(i.line)))
			i.line, i.running = nil, false
			i.mu.Unlock()
			return
		}
		next := i.line[0]
		i.line[0] = late{}
		i.line = i.line[1:]
		i.bytes -= len(next.message)
		i.mu.Unlock()
		wait := time.NewTimer(time.Until(next.due))
		select {
		case <-wait.C:
			i.pass(next.message)
		case <-ctx.Done():
			wait.Stop()
		}
	}
}

// close lets go of what waits. Nothing starts to wait afterwards.
func (i *impaired) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
}
