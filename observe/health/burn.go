package health

import "time"

// Objective is a share of time or of blocks that should be good, and what became of its error budget.
type Objective struct {
	Name   string // stable: availability, certification, clean
	Unit   string // of Bad and Total: ms or blocks
	Target float64
	// Bad and Total are over the window, as far as this node remembers.
	Bad, Total float64
	// Known says whether there is any data. Without, the numbers below mean nothing.
	Known bool
	Good  float64 // share
	// Left is the share of the error budget that is left: 1 is all of it, below 0 is overdrawn. The budget of time is
	// the window's, that of blocks is of those that there were.
	Left  float64
	Burns []Burn
}

// Burn is one alert's two windows.
type Burn struct {
	Name        string // fast, medium or slow
	Long, Short time.Duration
	Threshold   float64
	// LongRate and ShortRate are burn rates; what LongKnown and ShortKnown deny means nothing.
	LongRate, ShortRate   float64
	LongKnown, ShortKnown bool
	Burning               bool // both windows have enough data, and both rates are above the threshold
}

// Of the window, by the SRE Workbook's table 5-8.
var burnWindows = []struct {
	name        string
	long, short time.Duration // in fine buckets
	threshold   float64
}{
	{"fast", 60, 5, 14.4},
	{"medium", 6 * 60, 30, 6},
	{"slow", 3 * 24 * 60, 6 * 60, 1},
}

// share is a share of bad ones.
type share struct{ bad, total float64 }

// windows are the sums over the window, and over the long and the short window of each burn rate.
type windows struct {
	width time.Duration // of a fine bucket
	all   sums
	burns []struct{ long, short sums }
}

func (m *Model) windows(now time.Duration) *windows {
	w := &windows{width: m.fine.width, all: m.sumsOver(now, m.fine.width*fineInWindow)}
	for _, x := range burnWindows {
		w.burns = append(w.burns, struct{ long, short sums }{m.sumsOver(now, x.long*w.width), m.sumsOver(now, x.short*w.width)})
	}
	return w
}

// objective computes one.
func (w *windows) objective(name, unit string, target float64, of func(*sums) share, enough func(long share, x *Burn) bool) Objective {
	s := of(&w.all)
	o := Objective{Name: name, Unit: unit, Target: target, Bad: s.bad, Total: s.total, Known: s.total > 0}
	if !o.Known {
		return o
	}
	o.Good = 1 - s.bad/s.total
	budget := (1 - target) * s.total
	if unit == "ms" {
		budget = (1 - target) * inMS(w.width*fineInWindow)
	}
	o.Left = 1 - s.bad/budget
	for i, x := range burnWindows {
		b := Burn{Name: x.name, Long: x.long * w.width, Short: x.short * w.width, Threshold: x.threshold}
		rate := func(sums *sums) (share, float64, bool) {
			s := of(sums)
			if s.total == 0 {
				return s, 0, false
			}
			return s, s.bad / s.total / (1 - target), true
		}
		var long share
		long, b.LongRate, b.LongKnown = rate(&w.burns[i].long)
		_, b.ShortRate, b.ShortKnown = rate(&w.burns[i].short)
		b.Burning = b.LongKnown && b.ShortKnown && b.LongRate > b.Threshold && b.ShortRate > b.Threshold && enough(long, &b)
		o.Burns = append(o.Burns, b)
	}
	return o
}

// objectives computes all.
func (m *Model) objectives(now time.Duration, t *Targets) []Objective {
	ofBlocks := func(long share, _ *Burn) bool { return long.total >= least && long.bad >= leastBad }
	w := m.windows(now)
	return []Objective{
		w.objective("availability", "ms", t.Availability,
			func(s *sums) share { return share{inMS(s.down), inMS(s.observed)} },
			func(long share, b *Burn) bool { return long.total >= inMS(b.Short) }),
		w.objective("certification", "blocks", t.Timely, func(s *sums) share { return share{float64(s.slow), float64(s.timed)} }, ofBlocks),
		w.objective("clean", "blocks", t.Clean, func(s *sums) share { return share{float64(s.unclean), float64(s.blocks)} }, ofBlocks),
	}
}

func inMS(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
