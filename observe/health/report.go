package health

import (
	"time"

	"quoin.dev/quoin"
)

// Verdict sums up.
type Verdict string

// The verdicts.
const (
	Healthy  Verdict = "healthy"
	Degraded Verdict = "degraded" // something should be looked at
	Failing  Verdict = "failing"  // users see it, or this node takes no part
	Unknown  Verdict = "unknown"  // no data
)

// Report is how a node and its network do at some time.
type Report struct {
	At      time.Time
	Began   time.Time     // since when this node remembers: its start; zero if it has seen nothing
	Window  time.Duration // of the budgets
	Verdict Verdict
	// Reasons are what holds now, the gravest first; empty if all is well or nothing is known.
	Reasons    []Reason
	Objectives []Objective
	Indicators Indicators
	ClockBack  int // how often the clock went back since the start
}

// Alerts returns the names of the alerts that hold, each once, in the order of the reasons.
func (r *Report) Alerts() []string {
	names := []string{}
	for i := range r.Reasons {
		names = append(names, r.Reasons[i].Alert)
	}
	return names
}

// Quantiles are of the durations in a window.
type Quantiles struct {
	Count    uint64 // 0: no data, and the others mean nothing
	P50, P99 time.Duration
}

func (h *histogram) quantiles() Quantiles {
	q := Quantiles{Count: h.count}
	q.P50, _ = h.quantile(0.5)
	q.P99, _ = h.quantile(0.99)
	return q
}

// Indicators are over the long window of the fast burn rate (an hour of 28 days), but for those that say otherwise.
type Indicators struct {
	Over          time.Duration // that window
	Observed      time.Duration // of it
	Blocks        uint64        // certified
	BlockAge      time.Duration // since this node saw one certified, or since its start
	Waiting       bool          // transactions wait
	Certification Quantiles     // of blocks that this node waited for
	Timely        float64       // the share of those within the target; if Certification.Count > 0
	Recovery      Quantiles     // over the last 1/112 of the window
	RecoveryLast  time.Duration // the newest since the start; 0: none
	RecoveryWorst time.Duration // the longest since the start
	Gaps          float64       // the share of views without a block; if Blocks > 0
	Defects       uint64        // of all kinds
	DefectsOf     map[string]uint64
	DefectRate    float64   // per 1,000 blocks; if Blocks > 0
	Plugin        Quantiles // time in calls of guests, for each block
	PluginShare   float64   // of the certification latency; if Certification.Count > 0
	Behind        uint64    // heights, now
	Fsync         Quantiles // of the vote log and the store
	FreeKnown     bool
	Free, Size    uint64 // bytes of the disk, now
}

// Report says how things are at a time, which must not be before what was seen.
func (m *Model) Report(now time.Time) Report {
	around := m.lookAround()
	m.mu.Lock()
	defer m.mu.Unlock()
	r := Report{At: now, Began: m.began, Window: m.fine.width * fineInWindow, Verdict: Unknown}
	if !m.known {
		return r
	}
	at := m.enter(now)
	t := m.goals()
	r.ClockBack = m.clock.back
	r.Objectives = m.objectives(at, &t)
	hour := m.fineOver(at, burnWindows[0].long*m.fine.width)
	r.Indicators = m.indicators(at, hour, &around)
	x := examination{m: m, t: &t, now: at, r: &r, around: &around, recent: m.fineOver(at, burnWindows[0].short*m.fine.width), hour: hour}
	x.look()
	return r
}

// around is what surrounds a node at a report.
type around struct {
	peers      int
	down       []string // names of those that are not linked
	spaceKnown bool
	free, size uint64
	dropped    uint64 // log records
}

// lookAround asks what surrounds the node. That may take long, as the system call for a disk that hangs does: so
// it is done without the lock, for which the node's loop would wait.
func (m *Model) lookAround() (a around) {
	m.mu.Lock()
	source, s, set := m.source, m.surroundings, m.seen.validators
	m.mu.Unlock()
	if source != nil {
		links := source.Links()
		a.peers = len(links.Peers)
		for i := range links.Peers {
			if !links.Peers[i].Up {
				a.down = append(a.down, set.NameOf(quoin.PublicKey(links.Peers[i].Key)))
			}
		}
	}
	if s.Space != nil {
		if free, size, err := s.Space(); err == nil && size > 0 {
			a.spaceKnown, a.free, a.size = true, free, size
		}
	}
	if s.Dropped != nil {
		a.dropped = s.Dropped()
	}
	return a
}

func (m *Model) indicators(now time.Duration, s *fineBucket, a *around) Indicators {
	var recovery histogram
	m.fine.over(now, fineKept*m.fine.width, func(b *fineBucket) { recovery.merge(&b.recovery) })
	i := Indicators{Over: burnWindows[0].long * m.fine.width, Observed: s.observed, Blocks: s.blocks, BlockAge: now - m.lastCert, Waiting: m.waiting,
		Certification: s.latency.quantiles(), Recovery: recovery.quantiles(),
		RecoveryLast: m.recovery[0], RecoveryWorst: m.recovery[1], DefectsOf: map[string]uint64{}, Plugin: s.guests.quantiles(),
		Behind: m.seen.behind, Fsync: s.fsync.quantiles(), FreeKnown: a.spaceKnown, Free: a.free, Size: a.size}
	for kind, n := range s.defects {
		i.Defects += n
		i.DefectsOf[Defect(kind).String()] = n
	}
	if s.timed > 0 {
		i.Timely = 1 - float64(s.slow)/float64(s.timed)
		i.PluginShare = float64(s.guest) / float64(max(s.late, s.guest))
	}
	if s.blocks > 0 {
		i.Gaps = float64(s.gaps) / float64(s.gaps+s.blocks)
		i.DefectRate = 1000 * float64(i.Defects) / float64(s.blocks)
	}
	return i
}
