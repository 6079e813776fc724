// Package relay carries TCP connections between nodes on one machine as a longer, narrower and less
// reliable path would: with delay, jitter, loss, a bandwidth, and cuts, all of which may be changed
// while it runs. Unlike netem it needs no privileges, and nothing of the operating system but sockets.
//
// # What it emulates
//
// A relay listens at one address and dials another for each connection. Bytes are read as they come,
// get the time at which they are due at the far end, and are written then, in order. The two
// directions are lanes with a Link each: Forward is from who dials to the target.
//
//   - Delay and jitter hold for each chunk read, and for the connection itself: the target is dialled
//     one delay after the relay was.
//   - Loss is what a stream makes of it: a delay by a retransmission, of the segment and what is behind
//     it. That senders slow down after losses is not emulated.
//   - Bandwidth is a token bucket that all connections of a lane share.
//   - A connection holds at most 4 MiB each way in the relay; then the sender waits, as it would for a
//     window.
//
// # Cuts
//
// Cut holds bytes, as a network that is gone does for a sender that retransmits: nothing is delivered
// in that direction, not even that a connection has ended, and connections that are opened meanwhile
// do not reach the target. Heal lets everything that was held go on at once; a real sender would have
// backed off and take some time more. Sever is the other kind: connections break at both ends, and
// new ones are closed at once, until Heal.
//
// # Determinism
//
// What is drawn depends on the seed and on the order of chunks alone. How bytes fall into chunks, and
// the clock, are the machine's.
package relay

import (
	"net"
	"sync"
	"time"
)

// connectionsMax bounds the connections of one relay; one more is closed at once.
const connectionsMax = 256

const (
	chunkBytes  = 64 << 10
	dialTimeout = 10 * time.Second
)

// Direction is one way through a relay, or both.
type Direction uint8

// The directions.
const (
	Forward  Direction = 1 << iota // from who dials the relay to its target
	Backward                       // the answers
	Both     = Forward | Backward
)

// Relay carries the connections to one target. Its methods may be called by several goroutines.
type Relay struct {
	listener net.Listener
	target   string
	lanes    [2]*lane // forward, backward

	mu          sync.Mutex
	connections map[*connection]bool
	severed     bool
	closed      bool
	stats       Stats
	running     sync.WaitGroup
}

// Stats are what a relay has done.
type Stats struct {
	Forward, Backward LaneStats
	Accepted          int64 // connections
	Refused           int64 // of them, while severed or for being too many
	Unreached         int64 // connections whose target did not answer
	Open              int   // connections now
}

// New listens at an address, such as 127.0.0.1:0, for connections to the target, and gives both
// directions the link. The seed decides what is drawn.
func New(listen, target string, link Link, seed uint64) (*Relay, error) {
	return newRelay(listen, target, newLane(link, seed, 0), newLane(link, seed, 1))
}

func newRelay(listen, target string, forward, backward *lane) (*Relay, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	r := &Relay{listener: l, target: target, lanes: [2]*lane{forward, backward}, connections: map[*connection]bool{}}
	r.running.Go(r.accept)
	return r, nil
}

// Addr returns the address at which the relay listens.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// each calls f for the lanes of a direction.
func (r *Relay) each(d Direction, f func(*lane)) {
	for i, l := range r.lanes {
		if d&(1<<i) != 0 {
			f(l)
		}
	}
}

// SetLink changes how bytes that come in from now on travel.
func (r *Relay) SetLink(d Direction, link Link) { r.each(d, func(l *lane) { l.set(link) }) }

// Cut holds everything that goes in a direction, until Heal.
func (r *Relay) Cut(d Direction) { r.each(d, func(l *lane) { l.setCut(true) }) }

// Sever breaks all connections and refuses new ones, until Heal.
func (r *Relay) Sever() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.severed = true
	for c := range r.connections {
		c.end()
	}
}

// Heal undoes Cut and Sever, in both directions.
func (r *Relay) Heal() {
	r.mu.Lock()
	r.severed = false
	r.mu.Unlock()
	r.each(Both, func(l *lane) { l.setCut(false) })
}

// Stats returns what the relay has done. The lanes of a mesh count both relays of a pair.
func (r *Relay) Stats() Stats {
	r.mu.Lock()
	s := r.stats
	s.Open = len(r.connections)
	r.mu.Unlock()
	s.Forward, s.Backward = r.lanes[0].counted(), r.lanes[1].counted()
	return s
}

// Close breaks all connections and returns when nothing of the relay runs any more.
func (r *Relay) Close() error {
	r.mu.Lock()
	r.closed = true
	for c := range r.connections {
		c.end()
	}
	r.mu.Unlock()
	err := r.listener.Close()
	r.running.Wait()
	return err
}

func (r *Relay) accept() {
	for {
		raw, err := r.listener.Accept()
		if err != nil {
			r.mu.Lock()
			closed := r.closed
			r.mu.Unlock()
			if closed {
				return
			}
			time.Sleep(time.Millisecond) // no descriptors left, say
			continue
		}
		if c := r.take(raw); c != nil {
			r.running.Go(func() {
				c.run()
				r.mu.Lock()
				delete(r.connections, c)
				r.mu.Unlock()
			})
		}
	}
}

// take makes a connection of what was accepted, or closes it.
func (r *Relay) take(near net.Conn) *connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Accepted++
	if r.closed || r.severed || len(r.connections) == connectionsMax {
		r.stats.Refused++
		_ = near.Close()
		return nil
	}
	c := newConnection(r, near)
	r.connections[c] = true
	return c
}

func (r *Relay) unreached() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Unreached++
}
