package timeline

import (
	"slices"
	"time"

	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
)

// Point is one second of a node. Latencies are -1 where nothing was measured.
type Point struct {
	change       uint64
	Second       int64  `json:"t"` // since 1970
	Transactions int    `json:"tx"`
	Blocks       int    `json:"blocks"`
	Timeouts     int    `json:"timeouts"`
	Nullified    int    `json:"nullified"`
	LatencyP50   int64  `json:"p50"` // milliseconds from a block's time to its certificate being durable here, by transaction
	LatencyP99   int64  `json:"p99"`
	Pending      int    `json:"pending"` // transactions, at the end
	Behind       uint64 `json:"behind"`  // heights, at the end
	Fuel         uint64 `json:"fuel"`    // of all calls
	GuestMicros  int64  `json:"guest"`   // of guests' calls
	ExecMicros   int64  `json:"exec"`    // of executing blocks, guests included
	FsyncP99     int64  `json:"fsync"`   // microseconds
}

// filling is the second that is not over.
type filling struct {
	second    int64
	point     Point
	latencies []weighted
	fsyncs    []int64
	executing time.Duration
	guests    time.Duration
	status    *node.Status // the newest
}

// weighted is a value that counts so often.
type weighted struct{ value, weight int64 }

// samplesMax bounds what is remembered of one second.
const samplesMax = 4096

// closeSeconds makes points of the seconds that are over. After a long silence only the newest are made. When
// somebody sets the clock back, the points of seconds that are to come again go.
func (t *Timeline) closeSeconds() {
	f := &t.filling
	now := t.now.Unix()
	switch {
	case f.second == 0:
		f.second = now
	case now < f.second:
		t.points = slices.DeleteFunc(slices.Clone(t.points), func(p Point) bool { return p.Second >= now })
		f.second = now
	case now-f.second > int64(t.limits.Points):
		f.second = now - int64(t.limits.Points)
	}
	for ; f.second < now; f.second++ {
		t.points = keep(append(t.points, f.close(t.changed())), t.limits.Points)
	}
}

// close returns the second's point, and begins the next.
func (f *filling) close(change uint64) Point {
	p := f.point
	p.change, p.Second = change, f.second
	p.LatencyP50, p.LatencyP99 = quantile(f.latencies, 50), quantile(f.latencies, 99)
	p.FsyncP99 = -1
	if n := len(f.fsyncs); n > 0 {
		slices.Sort(f.fsyncs)
		p.FsyncP99 = f.fsyncs[n*99/100]
	}
	p.GuestMicros, p.ExecMicros = f.guests.Microseconds(), f.executing.Microseconds()
	if s := f.status; s != nil {
		p.Pending = s.Pending
		if s.Newest > s.Tip.Height {
			p.Behind = uint64(s.Newest - s.Tip.Height)
		}
	}
	f.point, f.latencies, f.fsyncs, f.executing, f.guests = Point{}, f.latencies[:0], f.fsyncs[:0], 0, 0
	return p
}

// quantile returns the least value at or below which so many per cent of the weight are, or -1 of nothing.
func quantile(values []weighted, percent int64) int64 {
	slices.SortFunc(values, func(a, b weighted) int { return int(a.value - b.value) })
	total := int64(0)
	for _, v := range values {
		total += v.weight
	}
	sum := int64(0)
	for _, v := range values {
		if sum += v.weight; sum*100 >= total*percent {
			return v.value
		}
	}
	return -1
}

func (f *filling) synced(took time.Duration) {
	if len(f.fsyncs) < samplesMax {
		f.fsyncs = append(f.fsyncs, took.Microseconds())
	}
}

func (f *filling) describe(s *node.Status) { f.status = s }

// finished counts a certified and durable block. One that was made before this node heard of the present is
// caught up with: its age says nothing of latency.
func (t *Timeline) finished(at time.Time, f *replica.Finished) {
	p := &t.filling.point
	p.Blocks++
	p.Transactions += len(f.IDs)
	age := at.UnixMilli() - int64(f.Checkpoint.Time)
	if age < 0 || age > caughtUpMS || len(t.filling.latencies) >= samplesMax {
		return
	}
	t.filling.latencies = append(t.filling.latencies, weighted{age, int64(max(1, len(f.IDs)))})
}

// caughtUpMS is the age of a block from which on it is one that this node had missed.
const caughtUpMS = 60_000
