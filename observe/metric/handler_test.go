package metric

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quoin.dev/quoin/node"
	"quoin.dev/quoin/transport"
)

// counting is a source that counts how often it is read.
type counting struct {
	*stage
	reads atomic.Int64
}

func (c *counting) Status() node.Status {
	c.reads.Add(1)
	return c.stage.Status()
}

func ask(h http.Handler, accept, encoding string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestForms: a scraper gets the form that it asks for.
func TestForms(t *testing.T) {
	m, _ := full(t)
	h := m.Handler()
	const open = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
	for _, c := range []struct {
		accept, encoding, kind, end string
		packed                      bool
	}{
		{"", "", "text/plain; version=0.0.4", "\n", false},
		{"*/*", "br, gzip", "text/plain; version=0.0.4", "\n", true},
		{open, "gzip", "application/openmetrics-text; version=1.0.0", "# EOF\n", true},
		{open, "gzip;q=0", "application/openmetrics-text; version=1.0.0", "# EOF\n", false},
		{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", "", "text/plain; version=0.0.4", "\n", false},
	} {
		w := ask(h, c.accept, c.encoding)
		var body io.Reader = w.Body
		if packed := w.Header().Get("Content-Encoding") == "gzip"; packed != c.packed {
			t.Errorf("%q, %q: packed: %v", c.accept, c.encoding, packed)
			continue
		} else if packed {
			z, err := gzip.NewReader(body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		b, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(w.Header().Get("Content-Type"), c.kind) || !strings.HasSuffix(string(b), c.end) || !strings.Contains(string(b), "\nquoin_chain_height 100") {
			t.Errorf("%q, %q: %s, %d bytes", c.accept, c.encoding, w.Header().Get("Content-Type"), len(b))
		}
	}
	r := httptest.NewRecorder()
	h.ServeHTTP(r, httptest.NewRequest(http.MethodPost, "/metrics", nil))
	if r.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST gets %d", r.Code)
	}
}

// TestScrapersShareWhatIsFresh: whoever asks within 100 ms reads nothing anew.
func TestScrapersShareWhatIsFresh(t *testing.T) {
	m, s := full(t)
	source := &counting{stage: s}
	m.Attach(source)
	h := m.Handler().(*handler)
	h.at = time.Now().Add(time.Hour) // so that nothing gets old while this runs
	if _, err := h.page(variant{}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 50 {
				if _, err := h.page(variant{gzip: true}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := source.reads.Load(); n > 1 {
		t.Errorf("1,001 answers read the source %d times", n)
	}
	h.at = time.Now().Add(-2 * freshFor)
	if _, err := h.page(variant{}); err != nil || source.reads.Load() != 2 {
		t.Errorf("an old answer was given again: %v, %d reads", err, source.reads.Load())
	}
}

// TestAScraperGoneMadIsRefused: of thousands of requests a second, as many are answered as may be.
func TestAScraperGoneMadIsRefused(t *testing.T) {
	m, _ := full(t)
	h := m.Handler()
	codes := map[int]int{}
	start := time.Now()
	for range 5000 {
		w := ask(h, "", "gzip")
		codes[w.Code]++
		if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
			t.Fatal("a refusal does not say when to come again")
		}
	}
	allowed := answersASecond * (2 + int(time.Since(start).Seconds()))
	if codes[200] < answersASecond || codes[200] > allowed || codes[200]+codes[429] != 5000 {
		t.Errorf("%v, want %d to %d answers", codes, answersASecond, allowed)
	}
	if n := series(t, m)["quoin_metrics_scrapes_total result=refused"]; n != float64(codes[429]) {
		t.Errorf("%v refusals are counted, want %d", n, codes[429])
	}
}

// TestSlowScrapersDoNotGrowInNumber: an answer that nobody takes in keeps a place, of a few.
func TestSlowScrapersDoNotGrowInNumber(t *testing.T) {
	m, _ := full(t)
	h := m.Handler().(*handler)
	for range answersAtOnce {
		h.slots <- struct{}{}
	}
	if w := ask(h, "", ""); w.Code != http.StatusTooManyRequests {
		t.Errorf("one more than may be at once gets %d", w.Code)
	}
	<-h.slots
	if w := ask(h, "", ""); w.Code != http.StatusOK {
		t.Errorf("with room again it gets %d", w.Code)
	}
}

// BenchmarkScrape compares a scrape that collects with one that shares and one that is refused.
func BenchmarkScrape(b *testing.B) {
	all := transport.NewAllowance(answersASecond, answersASecond)
	for _, c := range []struct {
		name   string
		before func(*handler)
	}{
		{"collected", func(h *handler) { h.at, h.answers = time.Time{}, all }},
		{"shared", func(h *handler) { h.at, h.answers = time.Now(), all }},
		{"refused", func(h *handler) { h.answers = transport.NewAllowance(answersASecond, 0) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			m, _ := full(b)
			h := m.Handler().(*handler)
			b.ReportAllocs()
			for b.Loop() {
				c.before(h)
				ask(h, "", "gzip")
			}
		})
	}
}

// BenchmarkCalled is what one question to a binding costs the loop.
func BenchmarkCalled(b *testing.B) {
	m, _ := full(b)
	c := node.Call{Binding: proposed, Requests: 1, Fuel: 100, Took: time.Microsecond}
	b.ReportAllocs()
	for b.Loop() {
		m.Called(c)
	}
}
