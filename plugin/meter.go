package plugin

import "quoin.dev/quoin"

// Meter is told what each question to a binding cost and how it ended, whoever answered: a built-in or a
// release. Of a batch operation it is told of each request that was answered, and of a fault that ended
// a call, without fuel: the requests are asked again one by one. It is called on the table's goroutine and
// must be quick.
type Meter func(b quoin.Binding, o Outcome)

// Meter makes the table's questions be counted; nil ends it.
func (t *Table) Meter(m Meter) { t.meter = m }

func (t *Table) metered(b *quoin.Binding, o Outcome) {
	if t.meter != nil {
		t.meter(*b, o)
	}
}
