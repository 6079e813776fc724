package node

import (
	"context"
	"sync/atomic"
	"time"

	"quoin.dev/quoin"
)

const slowCallDefault = time.Second

// watchdog knows which call of a guest runs. It is the last resort, for calls that fuel should have
// ended: it reports, and never decides anything. What keeps all of the program from running keeps the
// watchdog from it too, until it is over.
//
// One goroutine calls begin and end, around every call of a guest: they take no lock and read no clock.
type watchdog struct {
	slow    time.Duration
	calls   atomic.Uint64             // that have begun
	running atomic.Pointer[guestCall] // nil: none
	last    *guestCall
}

// guestCall says what is called.
type guestCall struct {
	release   quoin.Hash
	operation string
}

// begin returns the number of the call that begins, from 1.
func (w *watchdog) begin(release quoin.Hash, operation string) uint64 {
	if w.last == nil || w.last.release != release || w.last.operation != operation {
		w.last = &guestCall{release, operation}
	}
	w.running.Store(w.last)
	return w.calls.Add(1)
}

func (w *watchdog) end() { w.running.Store(nil) }

// run reports a call once, when it has run for as long as a slow one; it looks four times as often.
func (w *watchdog) run(ctx context.Context, report func(c *guestCall, least time.Duration)) {
	tick := time.NewTicker(w.slow / 4)
	defer tick.Stop()
	var call uint64
	var since time.Time
	var reported bool
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		number, running := w.calls.Load(), w.running.Load()
		switch {
		case running == nil:
			call = 0
		case number != call:
			call, since, reported = number, time.Now(), false
		case !reported && time.Since(since) >= w.slow:
			reported = true
			report(running, time.Since(since))
		}
	}
}

// watchCalls is the watchdog's goroutine.
func (s *sampler) watchCalls(ctx context.Context) {
	defer s.n.running.Done()
	s.watch.run(ctx, func(c *guestCall, least time.Duration) {
		s.slowCalls.Add(1)
		s.n.log.Error("a call of a plugin does not end: its fuel should have ended it", "event", "call-endless", "release", c.release, "operation", c.operation, "runs_for", least)
	})
}
