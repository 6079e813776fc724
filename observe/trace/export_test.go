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
	"sync/atomic"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"quoin.dev/quoin"
)

func TestEndpoints(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://127.0.0.1:4318":            "http://127.0.0.1:4318/v1/traces",
		"http://[::1]:4318/":               "http://[::1]:4318/v1/traces",
		"https://collector.example":        "https://collector.example/v1/traces",
		"https://collector.example/a/path": "https://collector.example/a/path",
	} {
		if u, err := parseEndpoint(endpoint); err != nil || u.String() != want {
			t.Errorf("%s is %v, %v", endpoint, u, err)
		}
	}
	for _, endpoint := range []string{"", "127.0.0.1:4318", "localhost", "grpc://a:4317", "http://", "http:///v1/traces", "http://a:0", "http://a:99999", "http://a\n", "http://a?x=1", "http://a#b",
		"file:///etc/passwd", "unix:///run/a", "http://name:a-secret@a", "name:a-secret@a:4318", "http://a?token=a-secret", "http://a:a-secret", "http:///a-secret", "http://a#a-secret"} {
		_, err := parseEndpoint(endpoint)
		if err == nil {
			t.Errorf("%q is an endpoint", endpoint)
			continue
		}
		if !strings.Contains(err.Error(), "write one such as") || strings.Contains(err.Error(), "a-secret") {
			t.Errorf("%q: %v", endpoint, err)
		}
		if _, err := New(Config{Endpoint: endpoint, Share: Share{1, 1}}); err == nil {
			t.Errorf("a tracer for %q", endpoint)
		}
	}
}

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
	var got atomic.Pointer[collector.ExportTraceServiceRequest]
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if packed := r.Header.Get("Content-Encoding"); packed != "" || r.URL.Path != tracesPath {
			t.Errorf("%s: %q on the way to this machine itself", r.URL, packed)
		}
		b, _ := io.ReadAll(r.Body)
		m := &collector.ExportTraceServiceRequest{}
		if err := proto.Unmarshal(b, m); err != nil {
			t.Error(err)
		}
		got.Store(m)
	}))
	defer s.Close()
	x := tracing(t, s.URL, nil)
	one(t, x, 4)
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	m := got.Load()
	if m == nil || len(m.ResourceSpans) != 1 {
		t.Fatalf("got %v", m)
	}
	about := map[string]string{}
	for _, a := range m.ResourceSpans[0].Resource.Attributes {
		about[a.Key] = a.Value.GetStringValue()
	}
	if about["service.name"] != "quoin" || about["service.instance.id"] != "v1" || about["quoin.origin"] != string(testOrigin) || len(about) != 3 {
		t.Errorf("the resource is %v", about)
	}
	for _, span := range m.ResourceSpans[0].ScopeSpans[0].Spans {
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
			if err := x.Close(); err != nil {
				t.Error(err)
			}
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
	if err := x.Close(); err != nil {
		t.Error(err)
	}
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
	if err := x.Close(); err != nil {
		t.Error(err)
	}
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
	spans := f.close(t)
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
	go func() { _ = x.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(10 * closeTimeout):
		t.Error("the tracer does not close")
	}
}

type stuckExporter struct{ release chan struct{} }

func (x stuckExporter) ExportSpans(context.Context, []sdk.ReadOnlySpan) error {
	<-x.release
	return nil
}
func (stuckExporter) Shutdown(context.Context) error { return nil }
