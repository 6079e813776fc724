package bench

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api"
	"quoin.dev/quoin/bench/audience"
	"quoin.dev/quoin/dashboard"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/node/osdisk"
	"quoin.dev/quoin/observe"
	"quoin.dev/quoin/observe/health"
	"quoin.dev/quoin/observe/metric"
	"quoin.dev/quoin/observe/trace"
)

// Observed has everything look on at every node that can: metrics, the health model, the timeline, traces, and a
// dashboard, as a node that a user runs has them. Traces go to a receiver in this process.
type Observed struct {
	Share    trace.Share      // of the transactions that are traced
	Audience audience.Options // looks at the dashboards while the network is loaded; its Nodes are filled in
	// Seat lets the audience in until leave is called. nil: it looks from within this process, and what it
	// costs counts as the nodes' cost.
	Seat func(ctx context.Context, o audience.Options) (leave func() (audience.Report, error), err error)
}

// Observation counts what came of Observed.
type Observation struct {
	Audience  audience.Report `json:"audience"`
	Spans     uint64          `json:"spans"`      // that were made
	Dropped   uint64          `json:"dropped"`    // of these, and those that the receiver did not take
	SpanBytes int64           `json:"span_bytes"` // that the receiver got, packed
}

// Add adds what came of another network.
func (x *Observation) Add(y *Observation) {
	x.Audience.Add(&y.Audience)
	x.Spans, x.Dropped, x.SpanBytes = x.Spans+y.Spans, x.Dropped+y.Dropped, x.SpanBytes+y.SpanBytes
}

// onlookers are what looks on at the nodes of a network.
type onlookers struct {
	o          *Observed
	receiver   *http.Server
	traces     string // the receiver's URL
	got        atomic.Int64
	last       Observation
	observers  []*observe.Observer
	dashboards []*dashboard.Server
}

// newOnlookers returns those of a network whose nodes are yet to be opened, with a receiver of traces.
func newOnlookers(o *Observed) (*onlookers, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &onlookers{o: o, traces: "http://" + l.Addr().String()}
	s.receiver = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		s.got.Add(n) // an empty answer says that all was taken
	})}
	go func() { _ = s.receiver.Serve(l) }()
	return s, nil
}

// open returns what is to look on at a node of a folder, before it is opened.
func (s *onlookers) open(name, dir string, origin quoin.Origin) (*observe.Observer, error) {
	o, err := observe.New(observe.Config{
		Metrics: metric.Config{Version: "bench", Dir: dir},
		Around:  health.Surroundings{Space: func() (free, size uint64, err error) { return osdisk.Space(dir) }},
		Traces:  &trace.Config{Endpoint: s.traces, Share: s.o.Share, Node: name, Origin: origin}})
	if err != nil {
		return nil, err
	}
	s.observers = append(s.observers, o)
	return o, nil
}

// attach serves the dashboard of the node that was opened last.
func (s *onlookers) attach(n *node.Node) error {
	o := s.observers[len(s.observers)-1]
	o.Attach(n)
	d, err := dashboard.Listen(dashboard.Config{Listen: "127.0.0.1:0", Node: n, Timeline: o.Timeline, Health: o.Health.Report,
		Changes: api.NewGovernance(n).Changes, Metrics: o.Metrics.Handler(), Version: "bench"})
	if err != nil {
		return err
	}
	s.dashboards = append(s.dashboards, d)
	return nil
}

// seat lets the audience in.
func (s *onlookers) seat(ctx context.Context) (leave func() (audience.Report, error), err error) {
	o := s.o.Audience
	for _, d := range s.dashboards {
		o.Nodes = append(o.Nodes, d.URL())
	}
	if err := o.Check(); err != nil {
		return nil, err
	}
	if s.o.Seat != nil {
		return s.o.Seat(ctx, o)
	}
	ctx, stop := context.WithCancel(ctx)
	report := make(chan audience.Report, 1)
	go func() { report <- audience.Run(ctx, o) }()
	return func() (audience.Report, error) { stop(); return <-report, nil }, nil
}

// observation counts what came of it since it was asked last.
func (s *onlookers) observation(r audience.Report) *Observation {
	now := Observation{SpanBytes: s.got.Load()}
	for _, o := range s.observers {
		q := o.Tracer.Stats().Queue
		now.Spans, now.Dropped = now.Spans+q.Spans, now.Dropped+q.Dropped+q.Failed
	}
	x := &Observation{Audience: r, Spans: now.Spans - s.last.Spans, Dropped: now.Dropped - s.last.Dropped, SpanBytes: now.SpanBytes - s.last.SpanBytes}
	s.last = now
	return x
}

// hide ends the dashboards, before the nodes are closed.
func (s *onlookers) hide() {
	for _, d := range s.dashboards {
		_ = d.Close()
	}
}

// close ends the rest, after the nodes were closed.
func (s *onlookers) close() {
	for _, o := range s.observers {
		o.Close() // it sends what waits
	}
	_ = s.receiver.Close()
}
