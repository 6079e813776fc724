package trace

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/observe/otlp/otlptest"
)

// tracing returns a tracer that exports to a URL.
func tracing(t *testing.T, url string, log *slog.Logger) *Tracer {
	t.Helper()
	x, err := New(Config{Endpoint: url, Share: Share{1, 1}, Node: "v1", Origin: testOrigin, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// one tells a tracer of one transaction, and waits until the export of its spans was tried.
func one(t *testing.T, x *Tracer, height quoin.Height) {
	t.Helper()
	before := x.Stats().Queue
	f := &fake{Tracer: x}
	f.certify(time.Now(), blockOf(time.Now(), height, 1))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		now := x.Stats().Queue
		if now.Spans > before.Spans && now.Exported+now.Failed == now.Spans {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing was exported or failed: %+v", now)
		}
	}
}

func TestACollectorGetsSpans(t *testing.T) {
	var got []otlptest.Span
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		spans, err := otlptest.Read(b)
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL, err)
		}
		got = append(got, spans...)
	}))
	x := tracing(t, s.URL, nil)
	one(t, x, 4)
	x.Close()
	s.Close()
	if len(got) == 0 {
		t.Fatal("nothing came")
	}
	for _, span := range got {
		if of := span.Of; of["service.name"] != "quoin" || of["service.instance.id"] != "v1" || of["quoin.origin"] != string(testOrigin) || len(of) != 3 {
			t.Errorf("the resource is %v", of)
		}
		if span.TraceState != "ot=th:0" || span.Flags&0x3 != 0x3 {
			t.Errorf("%s has the tracestate %q and the flags %x", span.Name, span.TraceState, span.Flags)
		}
	}
}

// Whatever a collector does, spans are dropped and counted, one line is logged, and closing is soon over.
func TestBadCollectors(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	for name, answer := range map[string]http.HandlerFunc{
		"refuses": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, strings.Repeat("no\n", 10_000), 400) },
		"busy": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "86400")
			w.WriteHeader(503)
		},
		"redirects": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"floods": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, zeros{}) },
		"garbage": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-protobuf")
			_, _ = w.Write([]byte("\xff\xff\xff"))
		},
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(answer)
			defer s.Close()
			var log bytes.Buffer
			x := tracing(t, s.URL, slog.New(slog.NewTextHandler(&log, nil)))
			one(t, x, 4)
			one(t, x, 5)
			x.Close()
			if s := x.Stats().Queue; s.Failed != s.Spans || s.Exported != 0 {
				t.Errorf("%+v", s)
			}
			if lines := strings.Count(log.String(), "\n"); lines != 1 || log.Len() > 1000 {
				t.Errorf("%d lines, %d bytes were logged: %.1000s", lines, log.Len(), log.String())
			}
		})
	}
}

// A collector whose certificate nobody vouches for gets nothing.
func TestATLSCollectorMustBeKnown(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("spans were sent") }))
	defer s.Close()
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	x := tracing(t, s.URL, nil)
	one(t, x, 4)
	x.Close()
	if s := x.Stats().Queue; s.Failed != s.Spans || s.Exported != 0 {
		t.Errorf("%+v", s)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// A collector that is not there, or says nothing, fills the queue and no more; what observes never waits for it, which
// would be seen here as a test that does not end: the queue is not emptied before it is over.
func TestASilentCollectorCostsDropsAlone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // connections are made, and nobody takes them
	x := tracing(t, "http://"+l.Addr().String(), nil)
	f := &fake{Tracer: x}
	at := time.Now()
	const blocks = 200
	for i := range blocks {
		f.certify(at, blockOf(at, quoin.Height(i+1), BlockTraces))
		for len(x.blocks) > blocksQueue/2 { // the tracer's own goroutine is slower than this loop; it waits for no collector either
			time.Sleep(time.Millisecond)
		}
	}
	for len(x.blocks) > 0 {
		time.Sleep(time.Millisecond)
	}
	if s := x.Stats(); s.Queue.Dropped == 0 || s.Blocks != 0 {
		t.Errorf("of %d blocks: %+v", blocks, s)
	}
	began := time.Now()
	x.Close()
	if took := time.Since(began); took > 10*closeTimeout {
		t.Errorf("closing took %s", took)
	}
	<-x.queue.done // a request that was on its way when closing was over
	if s := x.Stats().Queue; s.Spans != s.Exported+s.Dropped+s.Failed || s.Exported != 0 {
		t.Errorf("%+v", s)
	}
}

// What waits when a tracer is closed is sent.
func TestClosingSendsWhatWaits(t *testing.T) {
	f := newFake(t, 0, Share{1, 1})
	at := time.Now()
	for i := range 10 {
		f.certify(at, blockOf(at, quoin.Height(i+1), 10))
	}
	spans := f.close()
	if s := f.Stats().Queue; s.Spans != 10*(10+5) || int(s.Exported) != len(spans) || s.Exported != s.Spans {
		t.Errorf("%d spans, %+v", len(spans), s)
	}
}

// An exporter that heeds nothing does not keep a node from stopping.
func TestClosingHasABound(t *testing.T) {
	stuck := stuckExporter{make(chan struct{})}
	defer close(stuck.release)
	x, err := New(Config{Share: Share{1, 1}, Exporter: stuck})
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{Tracer: x}
	f.certify(time.Now(), blockOf(time.Now(), 4, 1))
	closed := make(chan struct{})
	go func() { x.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(10 * closeTimeout):
		t.Error("the tracer does not close")
	}
}

type stuckExporter struct{ release chan struct{} }

func (x stuckExporter) Post(context.Context, []byte) error {
	<-x.release
	return nil
}
func (stuckExporter) Close() {}
