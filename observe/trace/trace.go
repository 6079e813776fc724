// Package trace tells OpenTelemetry of the trips of transactions and releases, as spans.
//
// # One trace without a context
//
// Nodes pass one another no trace context: nothing of the protocol knows of traces, and no peer is trusted
// about them. Instead everything that has to agree is a function of what all nodes know. The trace of a
// transaction and its root span are named by the transaction's id, which is a hash, and whether it is traced at
// all is a threshold on that name. So all nodes trace the same transactions, and a backend that gets their
// spans finds one tree. The trace of a release's trip is named by the chain's origin and the proposal's
// number.
//
//	transaction id                                                           bytes 0-15: trace, 16-23: root span
//	SHA-256("quoin/trace/v1\nrelease\n" | proposal number (8) | origin)        the same
//
// # Sampling
//
// A Share of transactions is traced, by the rule of OpenTelemetry's consistent probability sampling: the last
// 56 bits of the trace's name, as a number, must reach the threshold 2^56 (1 - share). The threshold stands
// in the tracestate (ot=th:...), so that collectors can sample further, and count right. Nodes that are
// configured with different shares still agree on all that the smaller one takes. Whoever makes a
// transaction can make its id such that it is traced: so of a block the first BlockTraces alone are,
// which all nodes agree on too. Releases are rare and are all traced.
//
// # Nothing waits
//
// Observer's methods note times in bounded rings, and hand certified blocks to a goroutine of the tracer's
// own. What goes to the collector waits in a bounded queue. Wherever something is full, or the collector is
// down, slow or hostile, spans are dropped and counted; see Stats.
//
// Spans carry names, numbers, digests and times: never a payload, a key or value of the state, a plugin's
// parameters, or a note. All times are of the clock of the node that noted them.
//
// Sources: https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/,
// https://opentelemetry.io/docs/specs/otlp/.
package trace

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe/otlp"
	"quoin.dev/quoin/replica"
)

// Limits of a tracer. They bound its memory, whatever peers and clients do.
const (
	BlockTraces  = 32          // transactions of one block that are traced
	blocksQueue  = 64          // certified blocks that wait for the tracer's goroutine
	tripsMax     = 256         // blocks on their way
	heardMax     = 48          // newest messages of each validator
	admittedMax  = 4096        // traced transactions of this node's clients on their way
	callsMax     = 16          // calls of guests shown of one execution
	staleAfter   = time.Minute // a block that is older when it gets here is no longer news: it is not traced
	closeTimeout = 2 * time.Second
)

// Config is what a tracer is made of.
type Config struct {
	// Endpoint is the address of an OTLP/HTTP receiver, such as "http://127.0.0.1:4318": spans are posted to
	// /v1/traces below it, or to its own path if it has one. TLS with the system's roots if it begins with https.
	Endpoint string
	Share    Share  // of transactions; the zero Share is none
	Node     string // the node's name, for people
	Origin   quoin.Origin
	Logger   *slog.Logger // nil: none
	// Exporter takes the spans instead of an Endpoint, in tests.
	Exporter Exporter
}

// Tracer makes spans of what a node does. It is safe for use by several goroutines.
type Tracer struct {
	share  threshold
	state  string // the tracestate of the share
	queue  *queue
	origin quoin.Origin
	counts counts

	mu       sync.Mutex // what follows
	heard    [2]hearing // of the present epoch and the one before
	trips    trips
	admitted admitted

	blocks   chan finished
	releases *releases
	stop     context.CancelFunc
	running  sync.WaitGroup
}

var _ node.Observer = (*Tracer)(nil)

// New returns a tracer that exports until it is closed. Nothing is sent before there are spans, and
// whether anybody listens at the endpoint is not tried.
func New(c Config) (*Tracer, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	share, err := c.Share.threshold()
	if err != nil {
		return nil, err
	}
	if c.Exporter == nil {
		if c.Exporter, err = otlp.NewClient(c.Endpoint); err != nil {
			return nil, fmt.Errorf("trace: %w", err)
		}
	}
	t := &Tracer{share: share, state: share.state(), origin: c.Origin, blocks: make(chan finished, blocksQueue), trips: newTrips(), admitted: newAdmitted()}
	t.queue = newQueue(c.Exporter, c.Logger, func() *otlp.Encoder {
		return otlp.NewEncoder("quoin.dev/quoin/observe/trace", keyService.String("quoin"), keyInstance.String(c.Node), Origin.String(string(c.Origin)))
	})
	t.releases = newReleases(t)
	ctx, cancel := context.WithCancel(context.Background())
	t.stop = cancel
	t.running.Add(2)
	go t.run(ctx)
	go t.releases.run(ctx)
	return t, nil
}

// Source is what a tracer asks a node: a *node.Node is one.
type Source interface {
	// Do runs f on the node's loop and waits for it.
	Do(ctx context.Context, f func(*replica.Replica)) error
	// Releases says what the node has of which release.
	Releases() []node.ReleaseStatus
}

// Attach gives the tracer its node, once. Before that, and without it, releases are not traced.
func (t *Tracer) Attach(s Source) { t.releases.attach(s) }

// Close sends what waits, for some three seconds at most, and ends the tracer. Nothing may be observed
// meanwhile: the node is closed first.
func (t *Tracer) Close() {
	t.stop()
	t.running.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	t.queue.close(ctx)
}
