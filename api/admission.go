package api

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"quoin.dev/quoin/transport"
)

// admission keeps clients within the limits before anything of theirs is read.
type admission struct {
	limits   Limits
	requests atomic.Int64
	streams  atomic.Int64
	held     atomic.Int64
	mu       sync.Mutex
	counts   map[ErrorCode]uint64
}

func newAdmission(l Limits) *admission {
	return &admission{limits: l, counts: map[ErrorCode]uint64{}}
}

func (a *admission) count(code ErrorCode) {
	a.mu.Lock()
	a.counts[code]++
	a.mu.Unlock()
}

func (a *admission) refused() map[ErrorCode]uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := make(map[ErrorCode]uint64, len(a.counts))
	for code, n := range a.counts {
		c[code] = n
	}
	return c
}

// bucket holds the requests that a connection may make now. It saves up for at most a second.
type bucket struct {
	mu sync.Mutex
	of transport.Allowance
}

// take reports whether the connection may ask now.
func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of.Take(now)
}

type bucketKey struct{}

func (a *admission) connection(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, bucketKey{}, &bucket{of: transport.NewAllowance(a.limits.RequestsPerSecond, a.limits.RequestsPerSecond)})
}

// streaming are the procedures that run until somebody ends them.
func streaming(path string) bool {
	return strings.HasSuffix(path, "/SubmitStream") || strings.HasSuffix(path, "/Subscribe")
}

func (a *admission) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b, ok := r.Context().Value(bucketKey{}).(*bucket); ok && !b.take(time.Now()) {
			a.refuse(w, CodeRate, "this connection asks too often", "ask less often, or send batches")
			return
		}
		running, limit := &a.requests, a.limits.Requests
		stream := streaming(r.URL.Path)
		if stream {
			running, limit = &a.streams, a.limits.Streams
		}
		defer running.Add(-1)
		if running.Add(1) > int64(limit) {
			a.refuse(w, CodeBusy, "the node serves as many requests at once as it takes", "try again in a moment, or ask another node")
			return
		}
		if !stream {
			ctx, cancel := context.WithTimeout(r.Context(), a.limits.RequestTime)
			defer cancel()
			r = r.WithContext(ctx)
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(a.limits.RequestTime))
			body := &heldBody{ReadCloser: r.Body, admission: a}
			defer body.release()
			r.Body = body
		}
		next.ServeHTTP(&stallingWriter{ResponseWriter: w, c: http.NewResponseController(w), stall: a.limits.StallTime}, r)
	})
}

// refuse answers before any protocol is known, in the form of Connect's JSON errors, which gRPC
// clients see as the status "resource exhausted" too.
func (a *admission) refuse(w http.ResponseWriter, code ErrorCode, message, hint string) {
	a.count(code)
	// The connection waits for the request's body before it is used again.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(a.limits.RequestTime))
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Quoin-Error-Code", string(code))
	w.WriteHeader(http.StatusTooManyRequests)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": "resource_exhausted", "message": message + "; " + hint + " (" + string(code) + ")"})
}

// heldBody counts the bytes that a request holds until it ends.
type heldBody struct {
	io.ReadCloser
	admission *admission
	bytes     int64
}

func (b *heldBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	if b.admission.held.Add(int64(n)) > b.admission.limits.HeldBytes {
		b.admission.count(CodeBusy)
		return 0, refuse(CodeBusy, "try again in a moment, or ask another node", "the node holds as many bytes of requests as it takes")
	}
	return n, err
}

func (b *heldBody) release() { b.admission.held.Add(-b.bytes) }

// stallingWriter ends the response to a client that does not read it.
type stallingWriter struct {
	http.ResponseWriter
	c     *http.ResponseController
	stall time.Duration
	until time.Time
}

// Write implements io.Writer. The deadline is moved now and then only: it costs a lock.
func (w *stallingWriter) Write(p []byte) (int, error) {
	w.extend()
	return w.ResponseWriter.Write(p)
}

func (w *stallingWriter) extend() {
	if now := time.Now(); now.Add(w.stall / 2).After(w.until) {
		w.until = now.Add(w.stall)
		_ = w.c.SetWriteDeadline(w.until)
	}
}

// Flush implements http.Flusher.
func (w *stallingWriter) Flush() {
	w.extend()
	_ = w.c.Flush()
}

// Unwrap is for http.ResponseController.
func (w *stallingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// LimitConnections returns a listener that keeps at most so many connections: what comes while they are open
// is closed at once.
func LimitConnections(l net.Listener, most int) net.Listener {
	return &limitedListener{Listener: l, slots: make(chan struct{}, most)}
}

// limitedListener accepts a connection when there is room for one.
type limitedListener struct {
	net.Listener
	slots chan struct{}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.slots <- struct{}{}:
			return &limitedConn{Conn: c, slots: l.slots}, nil
		default:
			_ = c.Close() // refused at once: a queue of strangers helps nobody
		}
	}
}

type limitedConn struct {
	net.Conn
	once  sync.Once
	slots chan struct{}
}

func (c *limitedConn) Close() error {
	c.once.Do(func() { <-c.slots })
	return c.Conn.Close()
}
