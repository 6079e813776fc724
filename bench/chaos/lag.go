package chaos

import (
	"sync"
	"time"
)

// lagEvery is how long each sleep is that a lag watches.
const lagEvery = 10 * time.Millisecond

// lag watches how late this machine is: by how much sleeps take longer than they should. A recovery
// that is slow while the machine is late says nothing about the network.
type lag struct {
	mu   sync.Mutex
	late []late
	quit chan struct{}
	done sync.WaitGroup
}

type late struct {
	at time.Time
	by time.Duration
}

func newLag() *lag {
	l := &lag{quit: make(chan struct{})}
	l.done.Go(func() {
		for {
			begun := time.Now()
			select {
			case <-l.quit:
				return
			case <-time.After(lagEvery):
			}
			now := time.Now()
			l.mu.Lock()
			l.late = append(l.late, late{now, now.Sub(begun) - lagEvery})
			l.mu.Unlock()
		}
	})
	return l
}

// since returns the longest lag since a time.
func (l *lag) since(t time.Time) (longest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.late) - 1; i >= 0 && l.late[i].at.After(t); i-- {
		longest = max(longest, l.late[i].by)
	}
	return longest
}

// all returns every lag.
func (l *lag) all() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]time.Duration, len(l.late))
	for i := range l.late {
		all[i] = l.late[i].by
	}
	return all
}

func (l *lag) end() {
	close(l.quit)
	l.done.Wait()
}
