// Package health says how well a node and its network do, from what the node itself has seen: indicators,
// objectives with error budgets, alerts, and one verdict with its reasons.
//
// # The model
//
// A Model implements node.Observer and keeps sums. It has no clock: times come in with what happens, and
// Report computes for the time that it is given. Nothing that a node decides depends on it.
//
//   - Availability is the share of time in which blocks were certified while transactions waited here. A gap
//     is a stretch in which transactions wait and no block is certified; one that is longer than the target
//     Stall makes all of it unavailable. An idle chain is available.
//   - Certification latency is, for each block, the time from when this node waited for it until its
//     certificate: replica.Progress.WaitMS, the very number that goes into the validator's signed words.
//   - Recovery time is the time from the last certified block before a view that was given up, or from when
//     a transaction waited if that was later, until the next one.
//   - A defect is what should not happen: see Defect. A block on whose way there was one, or more, is not
//     clean.
//   - Plugin-induced latency is the time in calls of guests from one certified block to the next.
//   - Lag is how many certified heights the node has heard of and does not have.
//   - Fsync latency is that of the vote log and of the store.
//
// # Budgets and burn rates
//
// An objective wants a share of good time or good blocks; the rest is its error budget for the window
// (28 days). The burn rate of some time is its share of bad divided by the budget's share: at 1 the budget is
// used up exactly at the window's end. As in chapter 5 of the SRE Workbook (Beyer et al., 2018, "Alerting on
// SLOs", table 5-8) an alert needs a long window, so that it means something, and a short one, a twelfth of it, so that it ends
// when the trouble does:
//
//	fast    rate above 14.4  over 1 h and 5 min    2% of the budget in an hour
//	medium  rate above 6     over 6 h and 30 min   5% in six hours
//	slow    rate above 1     over 3 d and 6 h      10% in three days
//
// Those are parts of the window: 1/672, 1/112 and 3/28 of it (of 28 days; the book's percentages are of 30).
// So a network that is to live for an hour gets meaningful ones with a window of a day.
//
// What there is no data of is neither good nor bad: it is unknown, and says so.
//
// # What it remembers
//
// Minutes for six hours and hours for 28 days (parts of the window as above), in rings: about 2 MB, whatever happens.
// A restart forgets them; Report.Began says since when a report can speak.
//
// # Concurrency
//
// All methods may be called by several goroutines. Those of node.Observer take one short lock.
package health

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/transport"
)

// Source is the node that a model looks at when it reports. A *node.Node is one.
type Source interface {
	Links() transport.Stats
}

// Surroundings are what a node does not know of itself. nil: unknown.
type Surroundings struct {
	Space   func() (free, size uint64, err error) // of the disk with the node's folder, in bytes
	Dropped func() uint64                         // log records that were dropped so far
}

// Model keeps what it needs for a Report. Make it with New.
type Model struct {
	targets Targets // as given
	guest   atomic.Int64

	mu           sync.Mutex
	clock        clock
	began        time.Time
	source       Source
	surroundings Surroundings
	known        bool // a status was seen
	seen         present

	settled  time.Duration // time is accounted for up to here
	waiting  bool          // transactions wait
	since    time.Duration // since when nothing was certified although they wait
	downTo   time.Duration // the present gap is accounted as unavailable up to here
	hurt     bool          // a view was given up since the last certified block
	hurtAt   time.Duration // when, if nothing waited before
	defect   bool          // there was a defect since the last certified block
	lastCert time.Duration
	recovery [2]time.Duration // the newest and the worst
	dropped  counter

	fine   ring[fineBucket]
	coarse ring[sums]
}

// present is the newest of what a status says.
type present struct {
	parameters quoin.Parameters
	validators quoin.ValidatorSet
	behind     uint64 // heights
	observer   bool   // it is a validator and does not vote
	diverged   bool   // its own results differ from the certified ones
	self       int    // index; -1: it does not vote
	height     quoin.Height
}

// counter remembers of a number that only grows when it last grew.
type counter struct {
	count uint64
	at    time.Duration
	grew  bool
}

var _ node.Observer = (*Model)(nil)

// New returns a model that has seen nothing. The targets must pass Check.
func New(t Targets) *Model {
	width := time.Duration(cmp.Or(t.WindowMinutes, windowDefault)) * time.Minute / fineInWindow
	return &Model{targets: t, fine: newRing[fineBucket](width, fineKept), coarse: newRing[sums](width*fineInCoarse, coarseKept)}
}

// Attach says where to look when a report is asked for.
func (m *Model) Attach(s Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.source = s
}

// Surround says what is around the node.
func (m *Model) Surround(s Surroundings) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.surroundings = s
}

// enter takes a time that comes in, with the lock held, and accounts for the time up to it.
func (m *Model) enter(at time.Time) time.Duration {
	if m.began.IsZero() {
		m.began = at
	}
	now := m.clock.at(at)
	m.settle(now)
	return now
}

// settle accounts for the time up to now: it is observed, and unavailable if a gap is too long.
func (m *Model) settle(now time.Duration) {
	if !m.known { // nobody knows whether anything waits
		m.settled = now
		return
	}
	m.fine.spread(m.settled, now, func(b *fineBucket, d time.Duration) { b.observed += d })
	m.coarse.spread(m.settled, now, func(b *sums, d time.Duration) { b.observed += d })
	m.settled = now
	if m.waiting && now-m.since > m.stall() {
		from := max(m.since, m.downTo)
		m.fine.spread(from, now, func(b *fineBucket, d time.Duration) { b.down += d })
		m.coarse.spread(from, now, func(b *sums, d time.Duration) { b.down += d })
		m.downTo = now
	}
}

func (m *Model) goals() Targets { return m.targets.or(&m.seen.parameters) }

func (m *Model) stall() time.Duration { return ms(m.goals().StallMS) }

// each updates the sums of the present buckets.
func (m *Model) each(now time.Duration, update func(*sums)) {
	update(&m.fine.at(now).sums)
	update(m.coarse.at(now))
}

// Happened implements node.Observer.
func (m *Model) Happened(at time.Time, e *replica.Event) {
	defect, is := Defects[e.Kind]
	givenUp := e.Kind == replica.ViewTimedOut || e.Kind == replica.ViewNullified
	if !is && !givenUp {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.enter(at)
	if givenUp && !m.hurt {
		m.hurt, m.hurtAt = true, now
	}
	if is {
		m.defect = true
		m.each(now, func(s *sums) { s.defects[defect]++ })
	}
}

// Progressed implements node.Observer.
func (m *Model) Progressed(at time.Time, p replica.Progress) {
	if p.Kind != replica.ProgressCertified {
		return
	}
	guest := time.Duration(m.guest.Swap(0))
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.enter(at)
	late := time.Duration(p.WaitMS) * time.Millisecond
	late = max(late, time.Millisecond/2) // it is told in whole ones
	m.recover(now)
	m.certified(now, &p, late, guest)
	m.lastCert, m.since, m.downTo, m.defect = now, now, now, false
}

// certified counts a certified block.
func (m *Model) certified(now time.Duration, p *replica.Progress, late, guest time.Duration) {
	// While votes for a block come in, it is one that the node lacks. What was waited for is never caught up with.
	catching := p.WaitMS == 0 && m.seen.behind > 0
	slow := late > ms(m.goals().CertificationMS)
	m.each(now, func(s *sums) {
		s.blocks++
		s.gaps += p.Gaps
		if m.defect {
			s.unclean++
		}
		for i := range p.Comparisons {
			if c := &p.Comparisons[i]; !c.Trial {
				s.shadow += c.Diverged + c.Faults
			}
		}
		s.guest += guest
		if catching { // others certified it, some time ago
			return
		}
		s.timed++
		s.late += late
		if slow {
			s.slow++
		}
	})
	b := m.fine.at(now)
	b.guests.add(guest)
	if !catching {
		b.latency.add(late)
	}
}

// recover notes that a block was certified after a view had been given up.
func (m *Model) recover(now time.Duration) {
	if !m.hurt {
		return
	}
	m.hurt = false
	from := m.hurtAt
	if m.waiting {
		from = min(from, m.since)
	}
	took := now - from
	m.recovery[0], m.recovery[1] = took, max(took, m.recovery[1])
	m.each(now, func(s *sums) { s.recoveries++ })
	m.fine.at(now).recovery.add(took)
}

// Executed implements node.Observer.
func (m *Model) Executed(node.Execution) {}

// Called implements node.Observer.
func (m *Model) Called(c node.Call) {
	if c.Took > 0 {
		m.guest.Add(int64(c.Took))
	}
}

// Admitted implements node.Observer.
func (m *Model) Admitted(at time.Time, admissions []replica.Admission) {
	full := uint64(0)
	for i := range admissions {
		if admissions[i].Code == replica.RefusedFull {
			full++
		}
	}
	if full == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.each(m.enter(at), func(s *sums) { s.full += full })
}

// Finished implements node.Observer. Of blocks that others proposed it takes by how much their time is before
// this node's clock.
func (m *Model) Finished(at time.Time, f *replica.Finished) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.enter(at)
	if int(f.Block.Header().Proposer) == m.seen.self || m.seen.behind > 0 {
		return
	}
	after := time.Duration(at.UnixMilli()-int64(f.Checkpoint.Time)) * time.Millisecond
	b := m.fine.at(now)
	if b.ages == 0 || after < b.youngest {
		b.youngest = after
	}
	b.ages++
}

// Synced implements node.Observer. It counts as of the newest time that came in.
func (m *Model) Synced(_ node.File, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fine.at(m.clock.now).fsync.add(took)
}

// Compiled implements node.Observer.
func (m *Model) Compiled(quoin.Hash, time.Duration, error) {}

// Described implements node.Observer.
func (m *Model) Described(s *node.Status) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.enter(s.At)
	if !m.known {
		m.known, m.since, m.downTo, m.lastCert = true, now, now, now
	}
	p := &m.seen
	p.parameters, p.self, p.diverged, p.height = s.Configuration.Parameters, s.Self, s.Consensus.Diverged, s.Tip.Height
	p.validators = s.Configuration.Validators
	_, member := s.Configuration.Validators.Index(s.Key)
	p.observer = s.Observer != "" || member && s.Self < 0
	p.behind = uint64(max(s.Newest, s.Tip.Height) - s.Tip.Height)
	if waits := s.Pending > 0; waits != m.waiting {
		m.waiting, m.since, m.downTo = waits, now, now
	}
}
