package node

import (
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
)

const (
	callTimeDefault = 20 * time.Millisecond // what this machine may be busy with meanwhile
	perFuelDefault  = 10 * time.Nanosecond  // ten times what the dearest instructions take, see docs/fuel.md
)

// stopwatch counts the calls of guests that take longer than this node allows for their fuel, of those
// slots that the replica wants to know about. While there are none it reads no clock.
//
// The table tells it, on the loop's goroutine, that a call of a guest begins and ends, and what each of its
// questions cost, before or after the end.
type stopwatch struct {
	callTime, perFuel time.Duration
	now               func() time.Time
	slots             map[string]bool // nil: none
	began             time.Time       // of the call that runs
	took              time.Duration   // the call that ended
	slot              string          // that it was for
	fuel              uint64          // that it used
	slow              map[string]uint64
}

func newStopwatch(o *PluginOptions) stopwatch {
	s := stopwatch{callTime: o.CallTime, perFuel: o.CallTimePerFuel, now: time.Now, slow: map[string]uint64{}}
	if s.callTime == 0 {
		s.callTime = callTimeDefault
	}
	if s.perFuel == 0 {
		s.perFuel = perFuelDefault
	}
	return s
}

// watch has the calls for these slots timed, and no others.
func (s *stopwatch) watch(slots []string) {
	s.settle()
	s.slots = nil
	if len(slots) == 0 {
		return
	}
	s.slots = map[string]bool{}
	for _, slot := range slots {
		s.slots[slot] = true
	}
}

func (s *stopwatch) begin() {
	if s.slots != nil {
		s.settle()
		s.began = s.now()
	}
}

func (s *stopwatch) end() {
	if !s.began.IsZero() {
		s.took, s.began = s.now().Sub(s.began), time.Time{}
	}
}

// metered is a plugin.Meter. Built-ins are not timed: they are the node's own.
func (s *stopwatch) metered(b quoin.Binding, o plugin.Outcome) {
	switch {
	case b.Release.IsZero():
	case o.Fault != hook.FaultNone: // counted as such, and of a batch nobody knows the fuel
		s.began, s.took = time.Time{}, 0
	default:
		s.slot = b.Slot()
		s.fuel += o.Fuel
	}
}

// settle judges the call that ended.
func (s *stopwatch) settle() {
	if s.took > s.callTime+time.Duration(s.fuel)*s.perFuel && s.slots[s.slot] {
		s.slow[s.slot]++
	}
	s.took, s.slot, s.fuel = 0, "", 0
}

// take returns what was counted since it was asked last.
func (s *stopwatch) take() []replica.SlowCalls {
	s.settle()
	if len(s.slow) == 0 {
		return nil
	}
	var slow []replica.SlowCalls
	for slot, calls := range s.slow {
		slow = append(slow, replica.SlowCalls{Slot: slot, Calls: calls})
	}
	clear(s.slow)
	return slow
}
