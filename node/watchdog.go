package node

import (
	"context"
	"sync"
	"time"

	"quoin.dev/quoin"
)

const slowCallDefault = time.Second

// watchdog knows which call of a guest runs. It is the last resort, for calls that fuel should have
// ended: it reports, and never decides anything. What keeps all of the program from running keeps the
// watchdog from it too, until it is over.
type watchdog struct {
	slow time.Duration

	mu      sync.Mutex
	running bool
	call    uint64 // number of the one that runs, or ran last
	release quoin.Hash
	name    string
}

func (w *watchdog) begin(release quoin.Hash, operation string) {
	w.mu.Lock()
	w.running, w.release, w.name = true, release, operation
	w.call++
	w.mu.Unlock()
}

func (w *watchdog) end() {
	w.mu.Lock()
	w.running = false
	w.mu.Unlock()
}

// run reports a call once, when it has run for as long as a slow one; it looks four times as often.
// The calls themselves read no clock.
func (w *watchdog) run(ctx context.Context, report func(release quoin.Hash, operation string, least time.Duration)) {
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
		w.mu.Lock()
		running, now, release, name := w.running, w.call, w.release, w.name
		w.mu.Unlock()
		switch {
		case !running:
			call = 0
		case now != call:
			call, since, reported = now, time.Now(), false
		case !reported && time.Since(since) >= w.slow:
			reported = true
			report(release, name, time.Since(since))
		}
	}
}

// watchCalls is the watchdog's goroutine.
func (s *sampler) watchCalls(ctx context.Context) {
	defer s.n.running.Done()
	s.watch.run(ctx, func(release quoin.Hash, operation string, least time.Duration) {
		s.slowCalls.Add(1)
		s.n.log.Error("a call of a plugin does not end: its fuel should have ended it", "release", release, "operation", operation, "runs for", least)
	})
}
