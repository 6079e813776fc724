package health

import "time"

// reorder is how much earlier than the one before a time may be because several goroutines tell of theirs.
const reorder = time.Second

// clock turns the times that come in into one that never goes back: how long the model has existed.
type clock struct {
	base time.Time     // when it was 0
	now  time.Duration // the newest
	back int           // how often a time was earlier by more than reorder
}

// at returns the model's time at t. A time that goes back, as when somebody sets a clock, goes on from where
// the model is: what happened since is not counted twice, and nothing is in the future.
func (c *clock) at(t time.Time) time.Duration {
	if c.base.IsZero() {
		c.base = t
	}
	switch d := t.Sub(c.base); {
	case d >= c.now:
		c.now = d
	case c.now-d > reorder:
		c.base = t.Add(-c.now)
		c.back++
	}
	return c.now
}
