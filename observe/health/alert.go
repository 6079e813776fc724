package health

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Severity says how grave a reason is.
type Severity int

// The severities.
const (
	Notice  Severity = iota // worth knowing: it makes no verdict worse
	Warning                 // makes it degraded
	Grave                   // makes it failing
)

// String returns the stable name.
func (s Severity) String() string { return [...]string{"notice", "warning", "grave"}[s] }

// Reason is something that holds now.
type Reason struct {
	Alert    string // stable name, as in the rules of a monitoring system
	Code     string // stable, for programs: the alert's name in small letters with hyphens
	Severity Severity
	Sentence string // for people
	Playbook string // a page of the documentation, with the place on it
}

// The alerts that a node can tell of itself. That a node is down only others can tell.
const (
	ChainStalled      = "QuoinChainStalled"
	NodeBehind        = "QuoinNodeBehind"
	ViewChangesHigh   = "QuoinViewChangesHigh"
	CertificationSlow = "QuoinCertificationSlow"
	PluginFaults      = "QuoinPluginFaults"
	PluginSlow        = "QuoinPluginSlow"
	ShadowDiverges    = "QuoinShadowDiverges"
	ResultDiverged    = "QuoinResultDiverged"
	Split             = "QuoinSplit"
	DiskSlow          = "QuoinDiskSlow"
	DiskFull          = "QuoinDiskFull"
	PeerUnreachable   = "QuoinPeerUnreachable"
	MempoolFull       = "QuoinMempoolFull"
	FastBurn          = "QuoinErrorBudgetFastBurn"
	SlowBurn          = "QuoinErrorBudgetSlowBurn"
	NotVoting         = "QuoinObserver"
	LogsDropped       = "QuoinLogsDropped"
	ClockSkew         = "QuoinClockSkew"
)

var severities = map[string]Severity{
	ChainStalled: Grave, NodeBehind: Warning, ViewChangesHigh: Warning, CertificationSlow: Warning, PluginFaults: Warning, PluginSlow: Warning,
	ShadowDiverges: Notice, ResultDiverged: Grave, Split: Grave, DiskSlow: Warning, DiskFull: Warning, PeerUnreachable: Warning, MempoolFull: Warning,
	SlowBurn: Warning, NotVoting: Grave, LogsDropped: Notice, ClockSkew: Warning,
}

// Playbook returns the place of an alert in the documentation.
func Playbook(alert string) string { return "docs/playbooks.md#" + strings.ToLower(alert) }

// code is an alert's name in small letters with hyphens.
func code(alert string) string {
	var b strings.Builder
	for i, c := range strings.TrimPrefix(alert, "Quoin") {
		if c >= 'A' && c <= 'Z' && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(c | 0x20)
	}
	return b.String()
}

// namesMost is how many of several are named in a sentence.
const namesMost = 3

// peersAfter is how old a model must be before a link that is down means anything: links take a moment.
const peersAfter = 10 * time.Second

// examination looks for what holds.
type examination struct {
	m            *Model
	t            *Targets
	now          time.Duration
	recent, hour *fineBucket // over 5 min and 1 h of 28 days
	around       *around
	r            *Report
}

func (x *examination) add(alert, format string, a ...any) {
	x.grade(severities[alert], alert, format, a...)
}

func (x *examination) grade(s Severity, alert, format string, a ...any) {
	x.r.Reasons = append(x.r.Reasons, Reason{Alert: alert, Code: code(alert), Severity: s, Sentence: fmt.Sprintf(format, a...), Playbook: Playbook(alert)})
}

// look fills in the reasons and the verdict.
func (x *examination) look() {
	x.chain()
	x.node()
	x.plugins()
	x.world()
	x.budgets()
	slices.SortStableFunc(x.r.Reasons, func(a, b Reason) int { return int(b.Severity - a.Severity) })
	x.r.Verdict = Unknown
	if x.r.Objectives[0].Known {
		x.r.Verdict = Healthy
	}
	if len(x.r.Reasons) > 0 {
		switch x.r.Reasons[0].Severity {
		case Grave:
			x.r.Verdict = Failing
		case Warning:
			x.r.Verdict = Degraded
		}
	}
}

func (x *examination) chain() {
	m, t := x.m, x.t
	if gap := x.now - m.since; m.waiting && gap > ms(t.StallMS) {
		x.add(ChainStalled, "transactions have waited for %s without a block being certified", Span(gap))
	}
	if views := x.recent.gaps + x.recent.blocks; views >= leastSamples && float64(x.recent.gaps) > t.Gaps*float64(views) {
		x.add(ViewChangesHigh, "%d of the last %d views brought no block", x.recent.gaps, views)
	}
	if q := x.recent.latency.quantiles(); q.Count >= leastSamples && q.P99 > ms(t.CertificationMS) {
		x.add(CertificationSlow, "certification takes %s at the 99th percentile; the target is %s", Span(q.P99), Span(ms(t.CertificationMS)))
	}
	if n := x.hour.defects[DefectSplit]; n > 0 {
		x.add(Split, "validators gave different results for a block, %s in the last %s", times(n), Span(x.r.Indicators.Over))
	}
}

func (x *examination) node() {
	m, t := x.m, x.t
	if m.seen.behind > t.Behind {
		x.add(NodeBehind, "this node lacks %d heights that the others have", m.seen.behind)
	}
	if m.seen.observer {
		x.add(NotVoting, "this node is a validator and does not vote")
	}
	switch n := x.hour.defects[DefectDiverged]; {
	case m.seen.diverged:
		x.add(ResultDiverged, "this node's results differ from the certified ones: it does not vote until it has theirs")
	case n > 0:
		x.add(ResultDiverged, "this node's results differed, %s in the last %s", times(n), Span(x.r.Indicators.Over))
	}
	if q := x.recent.fsync.quantiles(); q.Count >= leastSamples && q.P99 > ms(t.FsyncMS) {
		x.add(DiskSlow, "an fsync takes %s at the 99th percentile; the target is %s", Span(q.P99), Span(ms(t.FsyncMS)))
	}
	if i := &x.r.Indicators; i.FreeKnown && t.Full(i.Free, i.Size) {
		x.add(DiskFull, "%d MiB of %d MiB are free on the disk", i.Free>>20, i.Size>>20)
	}
	if n := x.recent.full; n > 0 {
		x.add(MempoolFull, "the pool is full: %d transactions were refused in the last %s", n, Span(burnWindows[0].short*m.fine.width))
	}
	limit := ms(t.ClockMS)
	switch age := x.recent.youngest; {
	case x.recent.ages == 0:
	case age < -limit:
		x.add(ClockSkew, "a block's time was %s ahead of this node's clock: the clock is slow, or that of a proposer fast", Span(-age))
	case age > limit+x.recent.latency.quantiles().P99 && x.recent.ages >= leastSamples:
		x.add(ClockSkew, "no block of another proposer came less than %s after its time: this node's clock is fast", Span(age))
	}
}

func (x *examination) plugins() {
	if n := x.recent.defects[DefectPlugin]; n > 0 {
		x.add(PluginFaults, "calls of plugins faulted: %s in the last %s", times(n), Span(burnWindows[0].short*x.m.fine.width))
	}
	s := x.recent
	if s.timed >= leastSamples && float64(s.guest) > x.t.PluginShare*float64(s.late) && s.late > 0 {
		x.add(PluginSlow, "calls of plugins take %d%% of the certification latency", 100*s.guest/max(s.late, s.guest))
	}
	if s.shadow > 0 {
		x.add(ShadowDiverges, "what is tried in a shadow gave other results than what serves, or faulted: %s in the last %s", times(s.shadow), Span(burnWindows[0].short*x.m.fine.width))
	}
}

// world looks at what is around the node.
func (x *examination) world() {
	m, a := x.m, x.around
	if n := len(a.down); n > 0 && x.now > peersAfter {
		slices.Sort(a.down)
		names := strings.Join(a.down[:min(n, namesMost)], ", ")
		if n > namesMost {
			names += fmt.Sprintf(" and %d more", n-namesMost)
		}
		x.add(PeerUnreachable, "%d of %d peers cannot be reached: %s", n, a.peers, names)
	}
	if n := a.dropped; n > m.dropped.count {
		m.dropped = counter{n, x.now, true}
	}
	if short := burnWindows[0].short * m.fine.width; m.dropped.grew && x.now-m.dropped.at < short {
		x.add(LogsDropped, "%d log records were dropped since the start", m.dropped.count)
	}
}

// spoken are the objectives as they are called in a sentence.
var spoken = map[string]string{"availability": "availability", "certification": "timely blocks", "clean": "clean blocks"}

func (x *examination) budgets() {
	var fast, slow []string
	grave := Warning
	for i := range x.r.Objectives {
		o := &x.r.Objectives[i]
		for n := range o.Burns {
			b := &o.Burns[n]
			if !b.Burning {
				continue
			}
			text := fmt.Sprintf("that of %s burns at %.1f times the rate that lasts for %s", spoken[o.Name], b.LongRate, Span(x.r.Window))
			if b.Name == "slow" {
				slow = append(slow, text)
			} else {
				fast = append(fast, text)
				if i == 0 { // what users notice first
					grave = Grave
				}
			}
			break
		}
	}
	if len(fast) > 0 {
		x.grade(grave, FastBurn, "an error budget burns too fast: %s", strings.Join(fast, "; "))
	}
	if len(slow) > 0 {
		x.add(SlowBurn, "an error budget will not last: %s", strings.Join(slow, "; "))
	}
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// Span writes a length of time for people, as "50 µs", "950 ms", "2.5 s", "10 min", "22.4 h" or "28 days".
func Span(d time.Duration) string {
	for _, u := range [...]struct {
		from, unit time.Duration
		name       string
	}{{48 * time.Hour, 24 * time.Hour, "days"}, {90 * time.Minute, time.Hour, "h"}, {90 * time.Second, time.Minute, "min"}, {time.Second, time.Second, "s"}} {
		if d >= u.from {
			return tenths(float64(d)/float64(u.unit)) + " " + u.name
		}
	}
	if d > 0 && d < time.Millisecond {
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	}
	return tenths(inMS(d)) + " ms"
}

// tenths writes a number with one digit after the point, if that is not nought.
func tenths(x float64) string { return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0") }
