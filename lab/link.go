package lab

// link is one direction between two nodes. Links keep their order, as streams do, unless the network
// says otherwise.
type link struct {
	delayUS   uint64
	loss      uint64 // of a thousand messages
	bandwidth uint64 // bits per second; 0 for no limit
	cut       bool   // it swallows everything

	arrival uint64 // of the last message that kept its order
	free    uint64 // when the last message has left, on a link with a limit
}

// queueMaxUS is how long a message may wait for a narrow link before it is dropped.
const queueMaxUS = 5 * second

// leave returns when the last bit of a message of so many bytes has left, and false if the queue
// before the link is full: the message is gone.
func (l *link) leave(now, bytes uint64) (uint64, bool) {
	if l.bandwidth == 0 {
		return now, true
	}
	begin := max(now, l.free)
	if begin > now+queueMaxUS {
		return 0, false
	}
	l.free = begin + bytes*8*second/l.bandwidth
	return l.free, true
}

// arrive returns when a message that would take until at arrives: behind the one before it, unless it
// overtakes.
func (l *link) arrive(at uint64, overtakes func() bool) uint64 {
	switch {
	case at >= l.arrival:
		l.arrival = at
	case !overtakes():
		at = l.arrival
	}
	return at
}

// change gives the link what the change says.
func (l *link) change(c *LinkChange) {
	if c.DelayUS > 0 {
		l.delayUS = c.DelayUS
	}
	if c.Loss > 0 {
		l.loss = c.Loss
	}
	if c.Bandwidth > 0 {
		l.bandwidth = c.Bandwidth
	}
}
