package trace

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

const (
	batchMax    = 512         // spans of one request to the collector
	batchEvery  = time.Second // a batch waits at most so long to be filled
	complainMin = time.Minute // between two words in the log on a collector that fails
	reasonMax   = 200         // characters of a collector's reason in the log
)

// QueueStats counts what became of spans.
type QueueStats struct {
	Spans    uint64 // that ended
	Exported uint64 // that the collector took
	Dropped  uint64 // while as many waited as may wait
	Failed   uint64 // that the collector did not take: of a batch that it takes in part, all
}

// queue brings spans to an exporter in batches. It never makes those wait whose spans they are, and tries
// nothing twice: what a collector does not take is gone.
type queue struct {
	exporter                         sdk.SpanExporter
	log                              *slog.Logger
	spans                            chan sdk.ReadOnlySpan
	total, exported, dropped, failed atomic.Uint64
	complained                       time.Time
	closing                          chan struct{}
	done                             chan struct{}
	once                             sync.Once
	export                           context.Context // of all exports: ended when closing has taken too long
	cancel                           context.CancelFunc
}

var _ sdk.SpanProcessor = (*queue)(nil)

func newQueue(x sdk.SpanExporter, log *slog.Logger) *queue {
	q := &queue{exporter: x, log: log, spans: make(chan sdk.ReadOnlySpan, spansQueue), closing: make(chan struct{}), done: make(chan struct{})}
	q.export, q.cancel = context.WithCancel(context.Background())
	go q.run()
	return q
}

func (q *queue) stats() QueueStats {
	return QueueStats{q.total.Load(), q.exported.Load(), q.dropped.Load(), q.failed.Load()}
}

// OnStart implements sdk.SpanProcessor.
func (q *queue) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd implements sdk.SpanProcessor.
func (q *queue) OnEnd(s sdk.ReadOnlySpan) {
	q.total.Add(1)
	select {
	case q.spans <- s:
	default:
		q.dropped.Add(1)
	}
}

// ForceFlush implements sdk.SpanProcessor: nothing asks for it.
func (q *queue) ForceFlush(context.Context) error { return nil }

// Shutdown implements sdk.SpanProcessor: it sends what waits until ctx ends, and drops the rest.
func (q *queue) Shutdown(ctx context.Context) error {
	q.once.Do(func() { close(q.closing) })
	defer q.cancel()
	select {
	case <-q.done:
	case <-ctx.Done():
		q.cancel()
		select {
		case <-q.done:
		case <-time.After(time.Second): // an exporter that does not heed its context is left alone
			return ctx.Err()
		}
	}
	return q.exporter.Shutdown(ctx)
}

func (q *queue) run() {
	defer close(q.done)
	tick := time.NewTicker(batchEvery)
	defer tick.Stop()
	batch := make([]sdk.ReadOnlySpan, 0, batchMax)
	for open := true; open; {
		select {
		case s := <-q.spans:
			if batch = append(batch, s); len(batch) < batchMax {
				continue
			}
		case <-tick.C:
		case <-q.closing:
			open = false
		}
		batch = q.send(batch)
	}
	for len(q.spans) > 0 {
		if batch = append(batch, <-q.spans); len(batch) == batchMax || len(q.spans) == 0 {
			batch = q.send(batch)
		}
	}
}

// send exports a batch, and returns it empty. The exporter keeps nothing of it.
func (q *queue) send(batch []sdk.ReadOnlySpan) []sdk.ReadOnlySpan {
	if len(batch) == 0 {
		return batch
	}
	ctx, cancel := context.WithTimeout(q.export, exportTimeout)
	defer cancel()
	err := ctx.Err() // closing has taken too long: what is left is not even encoded
	if err == nil {
		err = q.exporter.ExportSpans(ctx, batch)
	}
	if err != nil {
		q.failed.Add(uint64(len(batch)))
		q.complain(err, len(batch))
	} else {
		q.exported.Add(uint64(len(batch)))
	}
	clear(batch)
	return batch[:0]
}

// complain says why spans were lost, now and then.
func (q *queue) complain(err error, spans int) {
	if time.Since(q.complained) < complainMin {
		return
	}
	q.complained = time.Now()
	reason := err.Error()
	if len(reason) > reasonMax {
		reason = reason[:reasonMax]
	}
	q.log.Warn("the collector takes no traces: they are dropped; consensus does not wait for it", "event", "traces-lost", "spans", spans, "reason", reason)
}
