package metric

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"quoin.dev/quoin/transport"
)

// Limits of what scrapers may cost.
const (
	freshFor       = 100 * time.Millisecond // an answer is shared by all who ask within
	answersAtOnce  = 8                      // that are being written
	answersASecond = 16                     // of all scrapers together; saved up for a second
	answerTime     = 10 * time.Second       // to take an answer in
)

// scrapeResult is what became of a scrape.
type scrapeResult int

const (
	scrapeFresh   scrapeResult = iota // collected
	scrapeShared                      // answered with what was collected just before
	scrapeRefused                     // too many at once, or in a second
	scrapePartial                     // a family could not be collected: a defect
	scrapeResults
)

// String returns the stable name.
func (r scrapeResult) String() string {
	return [...]string{"fresh", "shared", "refused", "partial"}[r]
}

// Handler serves the metrics, as text or OpenMetrics and compressed or not, as the scraper asks. All scrapers
// who ask within 100 ms share one collection and one encoding, so that what scrapers cost does not grow with
// their number; more than 8 at once, or 16 in a second, are refused with 429 and Retry-After before anything is
// done for them. A scraper that does not take its answer in within 10 s loses it.
func (m *Metrics) Handler() http.Handler {
	return &handler{m: m, pages: map[variant][]byte{}, answers: transport.NewAllowance(answersASecond, answersASecond), slots: make(chan struct{}, answersAtOnce)}
}

// variant is one form of an answer. There are four.
type variant struct {
	open bool // OpenMetrics
	gzip bool
}

func (v variant) format() expfmt.Format {
	if v.open {
		return expfmt.NewFormat(expfmt.TypeOpenMetrics)
	}
	return expfmt.NewFormat(expfmt.TypeTextPlain)
}

type handler struct {
	m     *Metrics
	slots chan struct{}

	mu       sync.Mutex // held while an answer is made: who asks meanwhile shares it
	at       time.Time
	families []*dto.MetricFamily
	pages    map[variant][]byte
	plain    bytes.Buffer // used again, as is packer, which is large: see encode
	packer   *gzip.Writer // nil: none yet

	rate    sync.Mutex // guards answers
	answers transport.Allowance
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "metrics are read with GET", http.StatusMethodNotAllowed)
		return
	}
	if !h.admit(time.Now()) {
		h.refuse(w)
		return
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		h.refuse(w)
		return
	}
	v := variant{open: expfmt.NegotiateAccept(r.Header, variant{open: true}.format(), variant{}.format()).FormatType() == expfmt.TypeOpenMetrics, gzip: acceptsGzip(r)}
	page, err := h.page(v)
	if err != nil {
		http.Error(w, "the metrics cannot be written: "+err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", string(v.format()))
	header.Set("Content-Length", strconv.Itoa(len(page)))
	header.Set("Cache-Control", "no-store")
	header.Set("Vary", "Accept, Accept-Encoding")
	if v.gzip {
		header.Set("Content-Encoding", "gzip")
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime)) // a server without deadlines has its own limits
	if r.Method == http.MethodGet {
		_, _ = w.Write(page)
	}
}

// admit reports whether one more answer may be given now.
func (h *handler) admit(now time.Time) bool {
	h.rate.Lock()
	defer h.rate.Unlock()
	return h.answers.Take(now)
}

func (h *handler) refuse(w http.ResponseWriter) {
	h.m.served[scrapeRefused].Add(1)
	w.Header().Set("Retry-After", "1")
	http.Error(w, "the metrics are scraped too often; scrape every few seconds", http.StatusTooManyRequests)
}

func acceptsGzip(r *http.Request) bool {
	for _, part := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		coding, parameters, _ := strings.Cut(strings.TrimSpace(part), ";")
		if coding == "gzip" {
			return strings.TrimSpace(parameters) != "q=0"
		}
	}
	return false
}

// page returns an answer that is at most freshFor old. It is shared: do not modify it.
func (h *handler) page(v variant) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	result := scrapeShared
	if h.families == nil || time.Since(h.at) > freshFor {
		result = scrapeFresh
		var err error
		if h.families, err = h.m.registry.Gather(); err != nil {
			h.m.served[scrapePartial].Add(1)
		}
		h.at = time.Now()
		clear(h.pages)
	}
	h.m.served[result].Add(1)
	if page, ok := h.pages[v]; ok {
		return page, nil
	}
	page, err := h.encode(v)
	if err == nil {
		h.pages[v] = page
	}
	return page, err
}

// encode writes an answer. The caller holds mu.
func (h *handler) encode(v variant) ([]byte, error) {
	h.plain.Reset()
	e := expfmt.NewEncoder(&h.plain, v.format())
	for _, f := range h.families {
		if err := e.Encode(f); err != nil {
			return nil, err
		}
	}
	if c, ok := e.(expfmt.Closer); ok { // OpenMetrics has an end
		if err := c.Close(); err != nil {
			return nil, err
		}
	}
	if !v.gzip {
		return bytes.Clone(h.plain.Bytes()), nil
	}
	var packed bytes.Buffer
	if h.packer == nil {
		h.packer, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // it fails for no level but a wrong one
	}
	h.packer.Reset(&packed)
	if _, err := h.packer.Write(h.plain.Bytes()); err != nil {
		return nil, err
	}
	err := h.packer.Close()
	return packed.Bytes(), err
}
