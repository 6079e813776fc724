package lab

// event is something that happens at a time. Events of one time happen in the order in which they
// were planned.
type event struct {
	at, sequence uint64
	do           func()
}

// queue is the events to come: a binary heap by (time, sequence).
type queue struct {
	events   []event
	sequence uint64
}

func (q *queue) add(at uint64, do func()) {
	q.sequence++
	q.events = append(q.events, event{at, q.sequence, do})
	for i := len(q.events) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.before(i, parent) {
			break
		}
		q.events[i], q.events[parent] = q.events[parent], q.events[i]
		i = parent
	}
}

func (q *queue) before(i, j int) bool {
	a, b := &q.events[i], &q.events[j]
	return a.at < b.at || a.at == b.at && a.sequence < b.sequence
}

// next removes and returns the first event; there is one.
func (q *queue) next() event {
	first, last := q.events[0], len(q.events)-1
	q.events[0] = q.events[last]
	q.events[last] = event{}
	q.events = q.events[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return first
		}
		if child+1 < last && q.before(child+1, child) {
			child++
		}
		if !q.before(child, i) {
			return first
		}
		q.events[i], q.events[child] = q.events[child], q.events[i]
		i = child
	}
}
