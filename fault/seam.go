package fault

import (
	"math/rand/v2"
	"slices"
	"time"

	"quoin.dev/quoin"
)

// effects are the faults that apply to this node now, by seam. They are replaced as a whole.
type effects struct {
	links, disk, plugins []*active
}

// apply makes the effects from the active faults. It is called under mu.
func (s *Set) apply() {
	var e effects
	for _, a := range s.active {
		if !a.Targeted(s.c.Self) {
			continue
		}
		switch a.Kind {
		case Delay, Drop, Partition:
			e.links = append(e.links, a)
		case SlowDisk:
			e.disk = append(e.disk, a)
		case SlowPlugin:
			e.plugins = append(e.plugins, a)
		}
	}
	if len(e.links)+len(e.disk)+len(e.plugins) == 0 {
		s.effects.Store(nil)
		return
	}
	s.effects.Store(&e)
}

// Link says what becomes of one message to or from a peer: it takes longer by delay, which is the sum of
// all faults' and at most DelayMax, or is lost.
func (s *Set) Link(peer quoin.PublicKey) (delay time.Duration, lost bool) {
	e := s.effects.Load()
	if e == nil {
		return 0, false
	}
	for _, a := range e.links {
		if len(a.Peers) > 0 && !slices.Contains(a.Peers, peer) {
			continue
		}
		switch a.Kind {
		case Delay:
			delay += a.Delay
		case Drop:
			lost = lost || rand.N(uint16(ShareAll)) < a.Share
		case Partition:
			lost = true
		}
	}
	return min(delay, DelayMax), lost
}

// BeforeSync waits as long as the disk is slower than usual.
func (s *Set) BeforeSync() {
	if e := s.effects.Load(); e != nil {
		for _, a := range e.disk {
			a.wait()
		}
	}
}

// SlowsCalls reports whether BeforeCall may wait: finding out a call's slot may cost more than asking.
func (s *Set) SlowsCalls() bool {
	e := s.effects.Load()
	return e != nil && len(e.plugins) > 0
}

// BeforeCall waits as long as a call of the plugin in a slot is slower than usual.
func (s *Set) BeforeCall(slot string) {
	if e := s.effects.Load(); e != nil {
		for _, a := range e.plugins {
			if a.Slot == slot {
				a.wait()
			}
		}
	}
}

// wait waits for the fault's delay, or until the fault is over.
func (a *active) wait() {
	select {
	case <-a.over:
		return
	default:
	}
	t := time.NewTimer(a.Delay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-a.over:
	}
}
