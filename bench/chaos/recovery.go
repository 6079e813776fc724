package chaos

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Times are durations with their quantiles by the nearest rank.
type Times struct {
	Count int           `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	P99   time.Duration `json:"p99_ns"`
	Max   time.Duration `json:"max_ns"`

	sorted []time.Duration
}

func timesOf(all []time.Duration) Times {
	t := Times{Count: len(all), sorted: slices.Sorted(slices.Values(all))}
	if t.Count > 0 {
		t.P50, t.P99, t.Max = t.sorted[rank(t.Count, 50)], t.sorted[rank(t.Count, 99)], t.sorted[t.Count-1]
	}
	return t
}

// rank is the index of the percentile of n sorted values.
func rank(n, percent int) int { return max(0, (n*percent+99)/100-1) }

// Recovery says how long clients waited because of faults of one kind: for each fault and client, from
// a moment until the acknowledgement of the client's first operation that began after it.
type Recovery struct {
	Kind   Kind  `json:"kind"`
	Faults int   `json:"faults"`
	Began  Times `json:"from_its_beginning"`  // clients that may ask a node that was not struck
	Ended  Times `json:"from_its_end"`        // all clients
	Bound  Times `json:"bound_from_its_end"`  // clients that ask only a node that was struck
	Whole  Times `json:"all_nodes_caught_up"` // from its end
	Lag    Times `json:"machine_late"`        // the longest lag of each fault
	Never  int   `json:"never"`               // clients that had nothing acknowledged any more
}

// recoveries measures all kinds, in the order of Kinds.
func recoveries(struck []Struck, operations []Operation, homeOf func(client int) (node int, bound bool)) []Recovery {
	clients := byClient(operations)
	type samples struct{ began, ended, bound, whole, lag []time.Duration }
	all := map[Kind]*samples{}
	found := map[Kind]*Recovery{}
	for i := range struck {
		x := &struck[i]
		r, s := found[x.Kind], all[x.Kind]
		if r == nil {
			r, s = &Recovery{Kind: x.Kind}, &samples{}
			found[x.Kind], all[x.Kind] = r, s
		}
		r.Faults++
		s.lag = append(s.lag, x.Lag)
		if x.Whole != 0 {
			s.whole = append(s.whole, x.Whole-x.Ended)
		}
		for _, c := range slices.Sorted(maps.Keys(clients)) {
			began, ok := firstAfter(clients[c], x.Began)
			ended, ok2 := firstAfter(clients[c], x.Ended)
			if !ok || !ok2 {
				r.Never++
				continue
			}
			s.ended = append(s.ended, ended)
			if node, bound := homeOf(c); bound && slices.Contains(x.Nodes, node) {
				s.bound = append(s.bound, ended)
			} else {
				s.began = append(s.began, began)
			}
		}
	}
	var list []Recovery
	for _, k := range Kinds() {
		if r, s := found[k], all[k]; r != nil {
			r.Began, r.Ended, r.Bound, r.Whole, r.Lag = timesOf(s.began), timesOf(s.ended), timesOf(s.bound), timesOf(s.whole), timesOf(s.lag)
			list = append(list, *r)
		}
	}
	return list
}

// byClient has each client's acknowledged operations in the order in which they began.
func byClient(operations []Operation) map[int][]*Operation {
	clients := map[int][]*Operation{}
	for i := range operations {
		if o := &operations[i]; o.Known() {
			clients[o.Client] = append(clients[o.Client], o)
		}
	}
	for _, list := range clients {
		slices.SortFunc(list, func(a, b *Operation) int { return cmp.Compare(a.Call, b.Call) })
	}
	return clients
}

// firstAfter returns how long after a moment the first operation that began since was acknowledged.
func firstAfter(operations []*Operation, since time.Duration) (time.Duration, bool) {
	i, _ := slices.BinarySearchFunc(operations, since, func(o *Operation, t time.Duration) int { return cmp.Compare(o.Call, t) })
	if i == len(operations) {
		return 0, false
	}
	return operations[i].Return - since, true
}

// Availability is how steadily operations were acknowledged.
type Availability struct {
	Slots   int           `json:"slots"`  // of slotTime
	Served  int           `json:"served"` // of them, with an acknowledgement
	Longest time.Duration `json:"longest_silence_ns"`
}

const slotTime = 100 * time.Millisecond

// Percent of the slots that were served.
func (a *Availability) Percent() float64 { return 100 * float64(a.Served) / float64(max(1, a.Slots)) }

// availability looks at the acknowledgements between two moments.
func availability(operations []Operation, from, to time.Duration) Availability {
	var acknowledged []time.Duration
	for i := range operations {
		if at := operations[i].Return; operations[i].Known() && at >= from && at < to {
			acknowledged = append(acknowledged, at)
		}
	}
	slices.Sort(acknowledged)
	a := Availability{Slots: int((to - from) / slotTime)}
	slot, last := time.Duration(-1), from
	for _, at := range acknowledged {
		if s := (at - from) / slotTime; s != slot && int(s) < a.Slots {
			slot = s
			a.Served++
		}
		a.Longest = max(a.Longest, at-last)
		last = at
	}
	a.Longest = max(a.Longest, to-last)
	return a
}

// latencies are those of all acknowledged operations, and of those that met no fault.
func latencies(operations []Operation, struck []Struck) (all, calm Times) {
	var every, quiet []time.Duration
	for i := range operations {
		o := &operations[i]
		if !o.Known() {
			continue
		}
		every = append(every, o.Return-o.Call)
		if !slices.ContainsFunc(struck, func(x Struck) bool { return o.Return >= x.Began && o.Call <= max(x.Ended, x.Whole) }) {
			quiet = append(quiet, o.Return-o.Call)
		}
	}
	return timesOf(every), timesOf(quiet)
}
