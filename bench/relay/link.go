package relay

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Link says how bytes travel one way. The zero Link passes them on at once.
type Link struct {
	Delay  time.Duration // of each byte, one way
	Jitter time.Duration // added to Delay: uniform from 0 to Jitter, drawn for each chunk; order is kept
	// Loss is the probability that a segment of 1460 bytes is lost. A stream loses nothing: what its
	// reader sees is that the segment and all behind it come Retransmit later.
	Loss       float64
	Retransmit time.Duration // 0: 200 ms, the least that Linux waits, and a round trip of twice Delay
	Bandwidth  int64         // bytes a second, of all connections together; 0: no bound
	Burst      int64         // bytes that pass at once after silence; 0: 64 KiB
}

const (
	segmentBytes      = 1460
	retransmitLeast   = 200 * time.Millisecond
	burstBytesDefault = 64 << 10
)

func (l *Link) retransmit() time.Duration {
	if l.Retransmit != 0 {
		return l.Retransmit
	}
	return retransmitLeast + 2*l.Delay
}

// LaneStats are what one way has carried since it was made.
type LaneStats struct {
	Bytes  int64 // delivered
	Chunks int64 // delivered: a chunk is what one read gave
	Losses int64 // emulated, each a delay
	Held   int64 // bytes in the relay now
}

// lane is one way between two places: its link, and what all connections that use it share.
type lane struct {
	mu      sync.Mutex
	link    Link
	rand    *rand.Rand
	free    time.Time     // when the bandwidth has carried what it was given
	cut     bool          // nothing is delivered
	changed chan struct{} // closed when cut changes
	stats   LaneStats
}

// newLane makes a lane whose draws depend on the seed and its number alone.
func newLane(l Link, seed, number uint64) *lane {
	return &lane{link: l, rand: rand.New(rand.NewPCG(seed, number)), changed: make(chan struct{})}
}

func (l *lane) set(link Link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link = link
}

func (l *lane) setCut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut != cut {
		l.cut = cut
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

// admit says when n bytes that came in now are to be delivered. What lies in the relay is bounded by
// the queues of the connections.
func (l *lane) admit(now time.Time, n int) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Held += int64(n)
	if l.link == (Link{}) {
		return now
	}
	due := now
	if k := &l.link; k.Bandwidth > 0 {
		burst := k.Burst
		if burst == 0 {
			burst = burstBytesDefault
		}
		if idle := now.Add(-transfer(burst, k.Bandwidth)); l.free.Before(idle) {
			l.free = idle
		}
		l.free = l.free.Add(transfer(int64(n), k.Bandwidth))
		if l.free.After(due) {
			due = l.free
		}
	}
	due = due.Add(l.link.Delay)
	if l.link.Jitter > 0 {
		due = due.Add(time.Duration(l.rand.Int64N(int64(l.link.Jitter) + 1)))
	}
	for lost := 0; lost < n && l.link.Loss > 0; lost += segmentBytes {
		if l.rand.Float64() < l.link.Loss {
			l.stats.Losses++
			return due.Add(l.link.retransmit())
		}
	}
	return due
}

func transfer(n, perSecond int64) time.Duration {
	return time.Duration(float64(n) / float64(perSecond) * float64(time.Second))
}

// wait waits until due, and longer while the lane is cut. It reports false when quit came first.
func (l *lane) wait(due time.Time, quit <-chan struct{}) bool {
	for {
		l.mu.Lock()
		cut, changed := l.cut, l.changed
		l.mu.Unlock()
		var at <-chan time.Time
		if !cut {
			left := time.Until(due)
			if left <= 0 {
				return true
			}
			at = time.After(left)
		}
		select {
		case <-quit:
			return false
		case <-changed:
		case <-at:
		}
	}
}

// left counts n bytes that are no longer in the relay.
func (l *lane) left(n int, delivered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Held -= int64(n)
	if delivered {
		l.stats.Bytes += int64(n)
		l.stats.Chunks++
	}
}

func (l *lane) counted() LaneStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}
