package fault

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"quoin.dev/quoin"
)

// Config is what a Set is made of.
type Config struct {
	Self quoin.PublicKey
	// Crash ends the node, or starts to, and returns at once. It is called without a lock, on a
	// goroutine of its own, CrashAfter after Inject. nil: crashes are refused.
	Crash func(f *Fault)
}

// overMax is how many faults that are over are remembered: more than anybody injects while a call that was
// recorded on its way could be sent again.
const overMax = 1024

// CrashAfter is how long a node that is told to crash lives on, so that whoever told it gets an answer.
const CrashAfter = 50 * time.Millisecond

// Set holds the faults that one node was told of. Its methods may be called by several goroutines.
type Set struct {
	c       Config
	effects atomic.Pointer[effects] // nil: no fault applies
	told    atomic.Pointer[func(f *Fault, over bool)]

	mu     sync.Mutex
	active []*active // ascending by id
	over   []uint64  // ids of the newest faults that are over, oldest first
	next   uint64
	closed bool
}

// active is a fault that is not over.
type active struct {
	Fault
	over  chan struct{} // closed when it is
	timer *time.Timer
}

// NewSet returns the empty set of a node.
func NewSet(c Config) *Set { return &Set{c: c, next: 1} }

// Watch makes f be called, without a lock, with each fault that is injected and with each that is over,
// until it is called again; nil ends it.
func (s *Set) Watch(f func(f *Fault, over bool)) { s.told.Store(&f) }

// Next returns a number that no fault had here.
func (s *Set) Next() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

// Inject adds a fault, which applies from now on if it names this node. The same fault again changes
// nothing, and once it is over it does not come again. It fails with ErrInvalid, ErrFull, ErrTaken or ErrClosed.
func (s *Set) Inject(f Fault) error {
	now := time.Now()
	if err := f.Check(now); err != nil {
		return err
	}
	if f.Kind == Crash && f.Targeted(s.c.Self) && s.c.Crash == nil {
		return fmt.Errorf("%w: nothing can crash this node", ErrInvalid)
	}
	f.Targets, f.Peers = slices.Clone(f.Targets), slices.Clone(f.Peers)
	a := &active{Fault: f, over: make(chan struct{})}
	if added, err := s.add(a, now); err != nil || !added {
		return err
	}
	s.tell(a, false)
	if f.Kind == Crash && f.Targeted(s.c.Self) {
		time.AfterFunc(CrashAfter, func() {
			select {
			case <-a.over: // it was lifted, or the node is being closed
			default:
				s.c.Crash(&a.Fault)
			}
		})
	}
	return nil
}

func (s *Set) add(a *active, now time.Time) (added bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, found := s.find(a.ID)
	switch {
	case s.closed:
		return false, ErrClosed
	case found && s.active[at].Equal(&a.Fault):
		return false, nil
	case found:
		return false, fmt.Errorf("%w: %d", ErrTaken, a.ID)
	case slices.Contains(s.over, a.ID):
		return false, fmt.Errorf("%w: %d, and it is over", ErrTaken, a.ID)
	case len(s.active) == FaultsMax:
		return false, fmt.Errorf("%w: %d are active, as many as a node takes; lift one, or wait until one ends", ErrFull, FaultsMax)
	}
	s.active = slices.Insert(s.active, at, a)
	s.next = max(s.next, a.ID+1)
	a.timer = time.AfterFunc(a.Until.Sub(now), func() { s.Lift(a.ID) })
	s.apply()
	return true, nil
}

func (s *Set) find(id uint64) (at int, found bool) {
	return slices.BinarySearchFunc(s.active, id, func(a *active, id uint64) int {
		switch {
		case a.ID < id:
			return -1
		case a.ID > id:
			return 1
		}
		return 0
	})
}

// Lift ends a fault before its time and reports whether there was one of this number. None of that number comes later.
func (s *Set) Lift(id uint64) bool {
	s.mu.Lock()
	at, found := s.find(id)
	var a *active
	if !slices.Contains(s.over, id) {
		if s.over = append(s.over, id); len(s.over) > overMax {
			s.over = slices.Delete(s.over, 0, 1)
		}
		s.next = max(s.next, id+1)
	}
	if found {
		a = s.active[at]
		s.active = slices.Delete(s.active, at, at+1)
		s.end(a)
		s.apply()
	}
	s.mu.Unlock()
	if found {
		s.tell(a, true)
	}
	return found
}

func (s *Set) end(a *active) {
	a.timer.Stop()
	close(a.over)
}

// List returns the faults that are not over, ascending by id. Do not modify what they share.
func (s *Set) List() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Fault, len(s.active))
	for i, a := range s.active {
		list[i] = a.Fault
	}
	return list
}

// Close ends all faults, without telling, and refuses new ones.
func (s *Set) Close() {
	s.Watch(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.active {
		s.end(a)
	}
	s.active, s.closed = nil, true
	s.apply()
}

func (s *Set) tell(a *active, over bool) {
	if f := s.told.Load(); f != nil && *f != nil {
		(*f)(&a.Fault, over)
	}
}
