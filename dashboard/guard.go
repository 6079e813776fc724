package dashboard

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"quoin.dev/quoin/transport"
)

// guard keeps strangers out and clients within the limits, before anything is done for them.
type guard struct {
	limits   Limits
	free     func(*http.Request) bool // what does not count for an address: a page is some thirty small files
	hosts    map[string]bool
	origin   *http.CrossOriginProtection
	requests atomic.Int64

	mu      sync.Mutex
	buckets map[netip.Prefix]*transport.Allowance // the requests that an address may make now
}

const (
	addressesMax = 4096 // that are told apart; more share one bucket
	burstSeconds = 4
)

func newGuard(l Limits, hosts []string, free func(*http.Request) bool) *guard {
	g := &guard{limits: l, free: free, hosts: map[string]bool{}, origin: http.NewCrossOriginProtection(), buckets: map[netip.Prefix]*transport.Allowance{}}
	for _, h := range hosts {
		g.hosts[hostName(h)] = true
	}
	return g
}

// policy lets the page load its own files and ask its own server, and nothing else. What people wrote on the
// ledger is only ever text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// around is the guard around a handler.
func (g *guard) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		c := http.NewResponseController(w)
		until := time.Now().Add(g.limits.RequestTime)
		_, _ = c.SetReadDeadline(until), c.SetWriteDeadline(until) // every connection of net/http has them
		if !g.isOwn(r) {
			refuse(w, http.StatusMisdirectedRequest, "wrong-host", "this server is not known by that name: open it by its address, or list the name in its settings", 0)
			return
		}
		if err := g.origin.Check(r); err != nil {
			refuse(w, http.StatusForbidden, "cross-origin", "another site's page sent this request", 0)
			return
		}
		if !g.free(r) && !g.take(r, time.Now()) {
			refuse(w, http.StatusTooManyRequests, "rate-limit", "this address asks too often", 1)
			hold(r)
			return
		}
		if r.URL.Path == "/live" {
			next.ServeHTTP(w, r)
			return
		}
		if g.serve(w, r, next) == http.StatusTooManyRequests {
			hold(r)
		}
	})
}

// serve answers a request that is no stream, if there is room, and returns the status.
func (g *guard) serve(w http.ResponseWriter, r *http.Request, next http.Handler) int {
	defer g.requests.Add(-1)
	if g.requests.Add(1) > int64(g.limits.Requests) {
		refuse(w, http.StatusServiceUnavailable, "busy", "the server has as many requests at once as it takes", 2)
		return http.StatusServiceUnavailable
	}
	r.Body = http.MaxBytesReader(w, r.Body, g.limits.BodyBytes)
	a := &answer{ResponseWriter: w, status: http.StatusOK}
	next.ServeHTTP(a, r)
	return a.status
}

// answer remembers its status.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// hold keeps an answer to who asks too often back for as long as it says to wait. So who does not wait, such
// as a scraper gone mad, asks once a second on each connection, of which there are few, in place of as often as
// it can. An answer of some hundred bytes is not sent before its handler returns.
func hold(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(time.Second):
	}
}

// isOwn reports whether a request names this server: by the address that it came to, by a name that was
// configured, or, over loopback, by a name that only ever means this machine.
func (g *guard) isOwn(r *http.Request) bool {
	name := hostName(r.Host)
	if g.hosts[name] {
		return true
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return false
	}
	if ip := net.ParseIP(name); ip != nil {
		return ip.Equal(local.IP) || ip.IsLoopback() && local.IP.IsLoopback()
	}
	return local.IP.IsLoopback() && (name == "localhost" || strings.HasSuffix(name, ".localhost"))
}

// hostName is a host without its port, as names are compared.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// take reports whether the request's address may ask now. Networks of 64 bits are one address in IPv6.
func (g *guard) take(r *http.Request, now time.Time) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	bits := 32
	if from.Addr().Is6() && !from.Addr().Is4In6() {
		bits = 64
	}
	who, err := from.Addr().Unmap().WithZone("").Prefix(bits)
	if err != nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.buckets[who]
	if b == nil {
		if len(g.buckets) >= addressesMax {
			g.forget(now)
		}
		if len(g.buckets) >= addressesMax {
			who = netip.Prefix{}
			b = g.buckets[who]
		}
		if b == nil {
			full := transport.NewAllowance(g.limits.RequestsPerSecond, g.limits.RequestsPerSecond*burstSeconds)
			b = &full
			g.buckets[who] = b
		}
	}
	return b.Take(now)
}

// forget drops the addresses whose buckets are full again.
func (g *guard) forget(now time.Time) {
	for who, b := range g.buckets { // in any order
		if b.Full(now) {
			delete(g.buckets, who)
		}
	}
}

// refuse says why not, in the form of Connect's JSON errors, which the page reads everywhere.
func refuse(w http.ResponseWriter, status int, code, message string, retrySeconds int) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if retrySeconds > 0 {
		h.Set("Retry-After", strconv.Itoa(retrySeconds))
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "message": message})
}

// forPage passes on the calls of the API that a page makes: those that read, and Submit, whose transactions
// carry their own signatures. Streams and what administrators do have the API's own listener.
func forPage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.PathValue("method")
		reads := strings.HasPrefix(method, "Get") || strings.HasPrefix(method, "List")
		if !strings.HasPrefix(r.PathValue("service"), "quoin.v1.") || !reads && method != "Submit" && method != "Wait" && method != "Explain" && method != "Query" {
			refuse(w, http.StatusNotFound, "not-found", "the dashboard does not serve this call; use the API's own address", 0)
			return
		}
		next.ServeHTTP(w, r)
	})
}
