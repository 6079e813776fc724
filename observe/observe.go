// Package observe joins what looks on at a node: metrics, traces, the health model, and what the dashboard
// draws. Each has a folder of its own and can be used without the others; this package only puts them behind one
// node.Observer, gives them the node once it runs, and ends them.
package observe

import (
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe/health"
	"quoin.dev/quoin/observe/metric"
	"quoin.dev/quoin/observe/timeline"
	"quoin.dev/quoin/observe/trace"
	"quoin.dev/quoin/replica"
)

// Config says what looks on, and how.
type Config struct {
	Metrics  metric.Config
	Targets  health.Targets
	Around   health.Surroundings
	Timeline timeline.Limits
	Traces   *trace.Config // nil: none
}

// Observer looks on at one node. Its parts are there for reading, from any goroutine.
type Observer struct {
	Metrics  *metric.Metrics
	Health   *health.Model
	Timeline *timeline.Timeline
	Tracer   *trace.Tracer // nil: no traces
	parts    []node.Observer
}

var _ node.Observer = (*Observer)(nil)

// New returns an Observer for a node that is about to be opened. It fails on settings that cannot be.
func New(c Config) (*Observer, error) {
	if err := c.Targets.Check(); err != nil {
		return nil, err
	}
	o := &Observer{Health: health.New(c.Targets), Timeline: timeline.New(c.Timeline)}
	if c.Traces != nil {
		t, err := trace.New(*c.Traces)
		if err != nil {
			return nil, err
		}
		o.Tracer = t
		c.Metrics.Spans = func() uint64 {
			s := t.Stats().Queue
			return s.Dropped + s.Failed
		}
	}
	c.Metrics.Health = o.Health.Report
	o.Metrics = metric.New(c.Metrics)
	o.Health.Surround(c.Around)
	o.parts = []node.Observer{o.Metrics, o.Health, o.Timeline}
	if o.Tracer != nil {
		o.parts = append(o.parts, o.Tracer)
	}
	return o, nil
}

// Attach gives the parts the node, once it is open.
func (o *Observer) Attach(n *node.Node) {
	o.Metrics.Attach(n)
	o.Health.Attach(n)
	if o.Tracer != nil {
		o.Tracer.Attach(n)
	}
}

// Close ends what has to be ended, after the node was closed.
func (o *Observer) Close() {
	if o.Tracer != nil {
		o.Tracer.Close()
	}
}

// Happened implements node.Observer, as do the methods below.
func (o *Observer) Happened(at time.Time, e *replica.Event) {
	for _, p := range o.parts {
		p.Happened(at, e)
	}
}

// Progressed implements node.Observer.
func (o *Observer) Progressed(at time.Time, x replica.Progress) {
	for _, p := range o.parts {
		p.Progressed(at, x)
	}
}

// Executed implements node.Observer.
func (o *Observer) Executed(x node.Execution) {
	for _, p := range o.parts {
		p.Executed(x)
	}
}

// Called implements node.Observer.
func (o *Observer) Called(c node.Call) {
	for _, p := range o.parts {
		p.Called(c)
	}
}

// Admitted implements node.Observer.
func (o *Observer) Admitted(at time.Time, a []replica.Admission) {
	for _, p := range o.parts {
		p.Admitted(at, a)
	}
}

// Finished implements node.Observer.
func (o *Observer) Finished(at time.Time, f *replica.Finished) {
	for _, p := range o.parts {
		p.Finished(at, f)
	}
}

// Synced implements node.Observer.
func (o *Observer) Synced(f node.File, took time.Duration) {
	for _, p := range o.parts {
		p.Synced(f, took)
	}
}

// Compiled implements node.Observer.
func (o *Observer) Compiled(release quoin.Hash, took time.Duration, err error) {
	for _, p := range o.parts {
		p.Compiled(release, took, err)
	}
}

// Described implements node.Observer.
func (o *Observer) Described(s *node.Status) {
	for _, p := range o.parts {
		p.Described(s)
	}
}
