package report

import (
	"cmp"

	"quoin.dev/quoin/lab/events"
)

// Log collects the events of a run up to EventsMax, and forgets the oldest beyond: what broke is at the
// end. The zero value is ready. It is for one goroutine.
type Log struct {
	kept  []events.Event
	limit int // 0: EventsMax
}

// Keep takes the next event.
func (l *Log) Keep(e *events.Event) {
	limit := cmp.Or(l.limit, EventsMax)
	if len(l.kept) == limit {
		l.kept = append(l.kept[:0], l.kept[limit/4:]...)
	}
	l.kept = append(l.kept, *e)
}

// Events returns what was kept. The caller owns it from then on.
func (l *Log) Events() []events.Event { return l.kept }

// LastUS is the time of the last event, in microseconds; 0 without events.
func (r *Run) LastUS() uint64 {
	if len(r.Events) == 0 {
		return 0
	}
	return r.Events[len(r.Events)-1].AtUS
}
