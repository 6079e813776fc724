package lab

import (
	"errors"
	"fmt"

	"quoin.dev/quoin/lab/events"
)

// Session is a world that is stepped through and looked into. Its log is kept, so going back and forth
// in it costs nothing; looking into a replica at an earlier place plays the same world again from its
// beginning, which gives the same to the last byte. A Session is for one goroutine.
type Session struct {
	o       Options
	w       *world
	log     []events.Event // of the furthest that was played
	here    int            // events that have happened, of the log
	played  int            // events that have happened in w
	before  int            // the same before the last thing that happened in w
	playing bool
	differs bool // playing again gave other events
}

// LogMax bounds the events that a session keeps.
const LogMax = 8 << 20

// ErrSession is wrapped by what a session cannot do.
var ErrSession = errors.New("lab: no such place")

// Open makes the world of some options, before its first event.
func Open(o Options) (*Session, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Session{o: o}
	return s, s.restart()
}

// restart makes the world anew.
func (s *Session) restart() error {
	o := s.o
	o.Events = func(e *events.Event) {
		if s.played < len(s.log) {
			s.differs = s.differs || s.log[s.played] != *e
		} else {
			s.log = append(s.log, *e)
			if s.o.Events != nil {
				s.o.Events(e)
			}
		}
		s.played++
	}
	s.played, s.before = 0, 0
	var err error
	s.w, err = newWorld(o, o.Calm.settle)
	s.playing = err == nil
	if err == nil {
		s.w.guard(s.w.begin)
	}
	return err
}

// play lets the next thing happen in the world.
func (s *Session) play() {
	s.before = s.played
	s.w.guard(func() { s.playing = s.w.next() })
	if s.w.result.Failed() {
		s.playing = false
	}
	if !s.playing {
		s.w.guard(s.w.end)
	}
}

// Step goes on by one event, and reports whether there is one: not at the end of the world.
func (s *Session) Step() bool {
	for s.here == len(s.log) && s.playing && len(s.log) < LogMax {
		s.play()
	}
	if s.here == len(s.log) {
		return false
	}
	s.here++
	return true
}

// Seek goes to where just so many events have happened. It fails, wrapping ErrSession, if the world
// ends before that: then it is at the end.
func (s *Session) Seek(count uint64) error {
	s.here = int(min(count, uint64(len(s.log))))
	for uint64(s.here) < count {
		if !s.Step() {
			return fmt.Errorf("%w: the world ends after %d events", ErrSession, s.here)
		}
	}
	return nil
}

// settle brings the world to where the session is: to the end of what happened there at once.
func (s *Session) settle() error {
	if s.here < s.played && s.here <= s.before {
		if err := s.restart(); err != nil {
			return err
		}
	}
	for s.played < s.here && s.playing {
		s.play()
	}
	if s.differs {
		return fmt.Errorf("%w: the same world went another way: something in it is not deterministic", ErrSession)
	}
	return nil
}

// Next goes on until an event holds a condition, and returns it: false at the end of the world.
func (s *Session) Next(f events.Filter) (events.Event, bool) {
	for s.Step() {
		if e := s.log[s.here-1]; f.Match(&e) {
			return e, true
		}
	}
	return events.Event{}, false
}

// Log returns the events up to here. It is good until the session moves.
func (s *Session) Log() []events.Event { return s.log[:s.here] }

// Nodes returns how many replicas there are.
func (s *Session) Nodes() int { return len(s.w.nodes) }

// Report returns what became of the world as far as it was played.
func (s *Session) Report() Report { return s.w.report() }

// Fact is something about a replica, for people.
type Fact struct{ Name, Value string }

// Inspect returns what is known of a replica here.
func (s *Session) Inspect(i int) ([]Fact, error) {
	if i < 0 || i >= len(s.w.nodes) {
		return nil, fmt.Errorf("%w: there are replicas v0 to v%d", ErrSession, len(s.w.nodes)-1)
	}
	if err := s.settle(); err != nil {
		return nil, err
	}
	n := s.w.nodes[i]
	var facts []Fact
	add := func(name, format string, args ...any) {
		facts = append(facts, Fact{name, fmt.Sprintf(format, args...)})
	}
	add("behaviour", "%s", n.behaviour)
	add("clock", "%d ms, %+d ms, %+d ppm", n.clock(), n.skewMS, n.driftPPM)
	if !n.up() {
		add("state", "down, up to height %d reported before", n.reported)
		return facts, nil
	}
	o := n.replica.Overview()
	c := &o.Consensus
	add("view", "%d of epoch %d, leader %d, certified view %d", c.View, c.Epoch, c.Leader, c.CertifiedView)
	add("blocks", "%d uncertified, observer %v, diverged %v, epoch over %v", c.Uncertified, c.Observer, c.Diverged, c.Ended)
	add("tip", "height %d, block %v", o.Tip.Height, o.Tip.Block)
	add("ledger", "%d entries, root %v", o.Tip.Size, o.Tip.Ledger)
	add("state", "root %v", o.Tip.State)
	add("pool", "%d pending, %d ids in the window", o.Pending, o.Seen)
	add("inbox", "%d inputs, more to execute: %v, demands under way: %v", len(n.inbox), n.more, n.busy)
	for i := range o.Configuration.Bindings {
		b := &o.Configuration.Bindings[i]
		what := b.Builtin
		if what == "" {
			what = b.Release.String()
		}
		add("binding", "%s %s: %s", b.Hook, b.Namespace, what)
	}
	return facts, nil
}
