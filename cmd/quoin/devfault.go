package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api"
	injected "quoin.dev/quoin/fault"
)

// crew keeps the stations of a network in one process running: it closes those that crash and opens them
// again. Its methods may be called by several goroutines.
type crew struct {
	plans   []*nodePlan
	context context.Context // ends what waits to open a station
	stop    context.CancelFunc
	failed  chan error // a station that ended by itself, or cannot be opened again

	reopening, following sync.WaitGroup

	mu       sync.Mutex
	stations []*station // nil: it has crashed
}

var _ api.Faults = (*crew)(nil)

func newCrew(plans []*nodePlan) *crew {
	c := &crew{plans: plans, stations: make([]*station, len(plans)), failed: make(chan error)}
	c.context, c.stop = context.WithCancel(context.Background())
	for i, p := range plans {
		p.crew, p.crash = c, func(f *injected.Fault) {
			if err := c.crash(i, time.Until(f.Until)); err != nil {
				c.fail(err)
			}
		}
	}
	return c
}

// station returns a station, nil while it has crashed.
func (c *crew) station(i int) *station {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stations[i]
}

// running returns the stations that have not crashed.
func (c *crew) running() []*station {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.stations), func(s *station) bool { return s == nil })
}

// open opens a station for the first time, or again after a crash.
func (c *crew) open(i int) (*station, error) {
	s, err := c.plans[i].open()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.stations[i] = s
	c.mu.Unlock()
	c.following.Go(func() {
		<-s.node.Done()
		if c.station(i) == s {
			c.fail(stopped(s.node.Err()))
		}
	})
	return s, nil
}

// fail tells whoever watches of a failure, or of an end without one, unless all stations are being closed.
func (c *crew) fail(err error) {
	select {
	case c.failed <- err:
	case <-c.context.Done():
	}
}

// crash closes a station without warning, and opens it again from its folder, at the same addresses, after
// a while. It returns when the station is closed.
func (c *crew) crash(i int, away time.Duration) error {
	c.mu.Lock()
	s := c.stations[i]
	if s == nil || c.context.Err() != nil {
		c.mu.Unlock()
		return nil // it is down already, and comes back when it was to
	}
	c.stations[i] = nil
	c.reopening.Add(1)
	c.mu.Unlock()
	p := c.plans[i]
	p.settings.Listen = s.node.Addr().String()
	err := s.close()
	go func() {
		defer c.reopening.Done()
		select {
		case <-c.context.Done():
			return
		case <-time.After(away):
		}
		if err := c.reopen(i, s); err != nil {
			c.fail(failure(p.settings.Name+" cannot be opened again after a crash", err, ""))
		}
	}()
	return err
}

// reopen opens a station at the addresses that it had. Somebody else may have taken one meanwhile.
func (c *crew) reopen(i int, before *station) error {
	s, err := c.open(i)
	for deadline := time.Now().Add(devReadyWithin); err != nil && time.Now().Before(deadline) && c.context.Err() == nil; {
		time.Sleep(100 * time.Millisecond)
		s, err = c.open(i)
	}
	if err != nil {
		return err
	}
	if before.api.Load() != nil {
		err = s.serve(c.plans[i], hostOf(before.url()))
	}
	if page := before.pageURL(); page != "" && err == nil {
		err = s.show(c.plans[i], hostOf(page))
	}
	return err
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}

// close closes all stations, and gives up those that crashed.
func (c *crew) close() error {
	c.mu.Lock() // nothing crashes any more
	c.stop()
	c.mu.Unlock()
	c.reopening.Wait()
	stations := c.running()
	errs := make([]error, len(stations))
	var wg sync.WaitGroup
	for i, s := range stations {
		wg.Go(func() { errs[i] = s.close() })
	}
	wg.Wait()
	c.following.Wait()
	return errors.Join(errs...)
}

// Inject implements api.Faults: every station that runs is told.
func (c *crew) Inject(f injected.Fault) (applied []quoin.PublicKey, err error) {
	for _, s := range c.running() {
		if err := s.faults.Inject(f); err != nil {
			return nil, err
		}
		if key := s.node.Key(); f.Targeted(key) {
			applied = append(applied, key)
		}
	}
	return applied, nil
}

// Lift implements api.Faults.
func (c *crew) Lift(id uint64) bool {
	found := false
	for _, s := range c.running() {
		found = s.faults.Lift(id) || found
	}
	return found
}

// List implements api.Faults. A station that was opened again knows of no fault from before.
func (c *crew) List() ([]injected.Fault, uint64) {
	known := map[uint64]injected.Fault{}
	next := uint64(1)
	for _, s := range c.running() {
		next = max(next, s.faults.Next())
		for _, f := range s.faults.List() {
			known[f.ID] = f
		}
	}
	return slices.SortedFunc(maps.Values(known), func(a, b injected.Fault) int { return cmp.Compare(a.ID, b.ID) }), next
}

// Reopens implements api.Faults.
func (c *crew) Reopens() bool { return true }
