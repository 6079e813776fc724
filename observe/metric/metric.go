// Package metric counts what a node does, and serves it to Prometheus.
//
// # One table
//
// Every family of metrics stands once, in table.go: its name, kind, unit, help, labels and buckets. What is
// registered and the page docs/metrics.md both come from there. Names are OpenTelemetry's, units are base units
// by UCUM, and the names that are served follow from them by OpenTelemetry's own rules.
//
// # Push and pull
//
// What happens comes in as a node.Observer: histograms, and counters of events. It costs the loop some hundred
// nanoseconds an event, takes a lock that a scrape holds for microseconds only, and never waits. What can be
// read from a snapshot is read when somebody asks, from a Source. Neither ever runs anything on the loop.
//
// # Cardinality
//
// Labels are names of validators and peers, slots, releases (the first 12 hexadecimal digits of the digest, or
// builtin:NAME), classes, files, and stable codes. Each label has a bound that no client, peer or plugin can
// exceed: what comes beyond it is counted as "other", and a release that serves nowhere and has not been called
// for a while is forgotten. No label and no help ever holds a payload, a key or a text that somebody sent.
//
// # Scrapers
//
// See Handler: scrapers that come close together share an answer, and one that has gone mad is refused for next
// to nothing.
package metric

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe/health"
	"quoin.dev/quoin/transport"
)

// Source is what is read at a scrape, by several goroutines: snapshots only. A *node.Node is one.
type Source interface {
	Status() node.Status
	Links() transport.Stats
	Releases() []node.ReleaseStatus
	Genesis() *quoin.Genesis
}

// Config says what Metrics know beside their Source. The functions are called at a scrape, must be quick, and may
// be nil: what they would give is left out.
type Config struct {
	Version string                        // of the program
	Dir     string                        // the node's data folder; empty: nothing is said of the disk
	Peers   map[transport.Key]string      // names of peers that are not validators
	Clock   func() time.Time              // nil: time.Now
	API     func() map[string]uint64      // requests that the API refused, by code
	Viewers func() int                    // of the dashboard
	Logs    func() (dropped uint64)       // log records
	Spans   func() (dropped uint64)       // of traces
	Health  func(time.Time) health.Report // of the node's own model
	More    []prometheus.Collector        // served beside the table's families
}

// Metrics are the metrics of one node. Its methods may be called by several goroutines.
type Metrics struct {
	c          Config
	registry   *prometheus.Registry
	descs      [familyCount]*prometheus.Desc
	histograms [familyCount]*prometheus.HistogramVec
	source     atomic.Pointer[Source]
	disk       diskUsage
	served     [scrapeResults]atomic.Uint64 // by scrapeResult

	mu     sync.Mutex
	pushed pushed
}

var (
	_ node.Observer        = (*Metrics)(nil)
	_ prometheus.Collector = (*Metrics)(nil)
)

// New returns metrics with nothing in them, ready to look on at a node.
func New(c Config) *Metrics {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	m := &Metrics{c: c, registry: prometheus.NewRegistry(), pushed: newPushed(), disk: diskUsage{dir: c.Dir}}
	for i := range table {
		f := &table[i]
		m.descs[i] = prometheus.NewDesc(f.Prometheus(), f.Help, f.Labels, nil)
		if f.Kind == Histogram && i != queueTime && i != inclusion {
			m.histograms[i] = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: f.Prometheus(), Help: f.Help, Buckets: f.Buckets}, f.Labels)
		}
	}
	m.registry.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(c.More...)
	return m
}

// Attach gives m the node that it looks on at. Before, a scrape finds only what was pushed.
func (m *Metrics) Attach(s Source) { m.source.Store(&s) }

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range m.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, h := range m.histograms {
		if h != nil {
			h.Collect(ch)
		}
	}
	e := &emitter{m: m, ch: ch}
	e.set(build, 1, m.c.Version, runtime.Version(), engineVersion())
	m.mu.Lock()
	p := m.pushed.copied()
	m.mu.Unlock()
	p.emit(e)
	e.later(&m.c)
	for result := range m.served {
		e.count(scrapes, m.served[result].Load(), scrapeResult(result).String())
	}
	if s := m.source.Load(); s != nil {
		e.pull(*s, m.c.Clock())
	}
}

// emitter hands out one scrape's series.
type emitter struct {
	m  *Metrics
	ch chan<- prometheus.Metric
}

// set gives a series its value. A value of a label that is no UTF-8 leaves the series out: what one of many names
// may not take the others with it.
func (e *emitter) set(family int, v float64, labels ...string) {
	kind := prometheus.GaugeValue
	if table[family].Kind == Counter {
		kind = prometheus.CounterValue
	}
	if x, err := prometheus.NewConstMetric(e.m.descs[family], kind, v, labels...); err == nil {
		e.ch <- x
	}
}

func (e *emitter) count(family int, n uint64, labels ...string) { e.set(family, float64(n), labels...) }

// histogram gives a histogram that is kept elsewhere. The buckets count all up to their bound.
func (e *emitter) histogram(family int, count uint64, sum float64, buckets map[float64]uint64, labels ...string) {
	if x, err := prometheus.NewConstHistogram(e.m.descs[family], count, sum, buckets, labels...); err == nil {
		e.ch <- x
	}
}

func (e *emitter) flag(family int, on bool, labels ...string) {
	v := 0.0
	if on {
		v = 1
	}
	e.set(family, v, labels...)
}

// later gives what rooms above this one know.
func (e *emitter) later(c *Config) {
	if c.API != nil {
		for code, n := range c.API() {
			e.count(apiRefusals, n, code)
		}
	}
	if c.Viewers != nil {
		e.set(viewers, float64(c.Viewers()))
	}
	if c.Logs != nil {
		e.count(logsDropped, c.Logs())
	}
	if c.Spans != nil {
		e.count(spansDropped, c.Spans())
	}
	if c.Health != nil {
		e.health(c.Health(c.Clock()))
	}
}

func (e *emitter) health(r health.Report) {
	for _, v := range []health.Verdict{health.Healthy, health.Degraded, health.Failing, health.Unknown} {
		e.flag(verdict, v == r.Verdict, string(v))
	}
	for _, name := range r.Alerts() {
		e.set(alerts, 1, name)
	}
	for i := range r.Objectives {
		o := &r.Objectives[i]
		if !o.Known {
			continue
		}
		e.set(budget, o.Left, o.Name)
		for _, b := range o.Burns {
			if b.LongKnown {
				e.set(burnRate, b.LongRate, o.Name, b.Name)
			}
		}
	}
}
