package relay

import (
	"context"
	"net"
	"sync"
	"time"
)

// connection is one connection through a relay: the near end dialled the relay, the far end is
// dialled when the connection itself has travelled there.
type connection struct {
	r    *Relay
	near net.Conn
	ctx  context.Context
	stop context.CancelFunc

	mu  sync.Mutex
	far net.Conn // nil until it is dialled
}

func newConnection(r *Relay, near net.Conn) *connection {
	c := &connection{r: r, near: near}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// end breaks the connection at both ends.
func (c *connection) end() {
	c.stop()
	_ = c.near.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.far != nil {
		_ = c.far.Close()
	}
}

// run carries both ways and returns when both have ended.
func (c *connection) run() {
	there, back := newQueue(), newQueue()
	forward, backward := c.r.lanes[0], c.r.lanes[1]
	there.put(item{due: forward.admit(time.Now(), 0), dial: true}, c.ctx.Done())
	var running sync.WaitGroup
	running.Go(func() { c.read(c.near, there, forward) })
	running.Go(func() {
		if !c.dial(there, forward) {
			c.end()
			return
		}
		running.Go(func() { c.read(c.far, back, backward) })
		running.Go(func() { c.write(c.near, back, backward) })
		c.write(c.far, there, forward)
	})
	running.Wait()
	c.end()
	forward.left(there.rest(), false)
	backward.left(back.rest(), false)
}

// dial reaches the target. A connection that was given up before it got there was never heard of at
// the target.
func (c *connection) dial(q *queue, l *lane) bool {
	x, ok := q.get(c.ctx.Done())
	if !ok || !l.wait(x.due, c.ctx.Done()) || q.ended() {
		return false
	}
	ctx, cancel := context.WithTimeout(c.ctx, dialTimeout)
	defer cancel()
	far, err := new(net.Dialer).DialContext(ctx, "tcp", c.r.target)
	if err != nil {
		c.r.unreached()
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		_ = far.Close()
		return false
	}
	c.far = far
	return true
}

// read puts what comes from an end into the queue, each chunk with its time, and at last its end.
func (c *connection) read(from net.Conn, q *queue, l *lane) {
	buffer := make([]byte, chunkBytes)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			x := item{due: l.admit(time.Now(), n), bytes: append([]byte(nil), buffer[:n]...)}
			if !q.put(x, c.ctx.Done()) {
				l.left(n, false)
				return
			}
		}
		if err != nil {
			q.put(item{due: l.admit(time.Now(), 0)}, c.ctx.Done())
			return
		}
	}
}

// write writes what is due, and passes on the sender's end. What a receiver that is gone does not
// take is forgotten: the sender learns of it by the other way alone, which may be cut.
func (c *connection) write(to net.Conn, q *queue, l *lane) {
	gone := false
	for {
		x, ok := q.get(c.ctx.Done())
		if !ok {
			return
		}
		if !l.wait(x.due, c.ctx.Done()) {
			l.left(len(x.bytes), false)
			return
		}
		if x.bytes == nil {
			if t, ok := to.(*net.TCPConn); ok {
				_ = t.CloseWrite()
			}
			return
		}
		if !gone {
			_, err := to.Write(x.bytes)
			gone = err != nil
		}
		l.left(len(x.bytes), !gone)
	}
}
