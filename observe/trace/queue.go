package trace

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"quoin.dev/quoin/observe/otlp"
)

const (
	batchMax    = 512         // spans of one request to the collector
	batchBytes  = 1 << 20     // of them, and one span more
	batchesMax  = 8           // full batches that wait
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

// Exporter posts requests with spans to a collector. It is an *otlp.Client.
type Exporter interface {
	// Post tries a request once. It keeps nothing of it, and ends with ctx.
	Post(ctx context.Context, request []byte) error
	Close()
}

// queue brings spans to an exporter in batches. It never makes those wait whose spans they are, and tries
// nothing twice: what a collector does not take is gone.
type queue struct {
	exporter                         Exporter
	log                              *slog.Logger
	total, exported, dropped, failed atomic.Uint64
	complained                       time.Time

	mu    sync.Mutex // what follows
	batch *otlp.Encoder
	spare *otlp.Encoder // without spans; nil: none
	empty func() *otlp.Encoder

	full    chan *otlp.Encoder
	closing chan struct{}
	done    chan struct{}
	once    sync.Once
	export  context.Context // of all exports: ended when closing has taken too long
	cancel  context.CancelFunc
}

// newQueue returns a queue whose batches empty returns.
func newQueue(x Exporter, log *slog.Logger, empty func() *otlp.Encoder) *queue {
	q := &queue{exporter: x, log: log, batch: empty(), empty: empty, full: make(chan *otlp.Encoder, batchesMax), closing: make(chan struct{}), done: make(chan struct{})}
	q.export, q.cancel = context.WithCancel(context.Background())
	go q.run()
	return q
}

func (q *queue) stats() QueueStats {
	return QueueStats{q.total.Load(), q.exported.Load(), q.dropped.Load(), q.failed.Load()}
}

// add takes a span, and keeps nothing of it. If too many wait, those that came last are dropped.
func (q *queue) add(s *otlp.Span) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.total.Add(1)
	q.batch.Add(s)
	if q.batch.Len() < batchMax && q.batch.Size() < batchBytes {
		return
	}
	select {
	case q.full <- q.batch:
		q.batch = q.fresh()
	default:
		q.dropped.Add(uint64(q.batch.Len()))
		q.batch.Reset()
	}
}

// fresh returns an encoder without spans. The caller holds mu.
func (q *queue) fresh() *otlp.Encoder {
	b := q.spare
	q.spare = nil
	if b == nil {
		b = q.empty()
	}
	return b
}

// begun returns the batch that is not full yet, or nil if it has no spans.
func (q *queue) begun() *otlp.Encoder {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.batch.Len() == 0 {
		return nil
	}
	b := q.batch
	q.batch = q.fresh()
	return b
}

// close sends what waits until ctx ends, and drops the rest.
func (q *queue) close(ctx context.Context) {
	q.once.Do(func() { close(q.closing) })
	defer q.cancel()
	select {
	case <-q.done:
	case <-ctx.Done():
		q.cancel()
		select {
		case <-q.done:
		case <-time.After(time.Second): // an exporter that does not heed its context is left alone
			return
		}
	}
	q.exporter.Close()
}

func (q *queue) run() {
	defer close(q.done)
	tick := time.NewTicker(batchEvery)
	defer tick.Stop()
	for {
		select {
		case b := <-q.full:
			q.send(b)
			continue
		default:
		}
		select {
		case b := <-q.full:
			q.send(b)
		case <-tick.C:
			q.send(q.begun())
		case <-q.closing:
			for len(q.full) > 0 {
				q.send(<-q.full)
			}
			q.send(q.begun())
			return
		}
	}
}

// send exports a batch, which may be nil.
func (q *queue) send(b *otlp.Encoder) {
	if b == nil {
		return
	}
	err := q.export.Err() // closing has taken too long: what is left is not even sent
	if err == nil {
		err = q.exporter.Post(q.export, b.Request())
	}
	if err != nil {
		q.failed.Add(uint64(b.Len()))
		q.complain(err, b.Len())
	} else {
		q.exported.Add(uint64(b.Len()))
	}
	b.Reset()
	q.mu.Lock()
	q.spare = b // one is enough for a collector that keeps up
	q.mu.Unlock()
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
