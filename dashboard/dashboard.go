// Package dashboard serves a node's own page to browsers: how the network is, live, and what would change it.
//
// # What it serves
//
//	/                    the page: embedded files, without a build step, which ask nobody but this server
//	/live                frames as server-sent events: see Frame. First all that is remembered, then twice a second what is new
//	/live/frame          the same frames for who polls: ?after=ID, as a JSON list
//	/playbooks           what to do when something is wrong
//	/genesis             the chain's genesis file, for who verifies in the browser
//	/metrics             whatever Config.Metrics serves
//	/healthz, /readyz    whether the process serves, and whether the node takes part
//	/runs/               reports of lab runs, sandboxed: see Config.Runs
//	/quoin.v1.*/*        the API's unary calls that read, and Submit, by Connect's JSON
//	/log/                the ledger's tiles, from which the page proves that the ledger only grew
//
// # Whom it serves
//
// It has a listener of its own, since browsers do not take a certificate of the node's Ed25519 key. Plain text is for
// loopback addresses only; elsewhere it needs a certificate. It has no accounts: who reaches it sees what the
// node knows, all of which is public to whoever may reach the API. Nothing can be changed here but by
// transactions that a key signs elsewhere, or in the reader's browser.
//
// A request's Host must be this server's own (against DNS rebinding), no other origin may read its answers
// (there is no CORS), and none may have its page in a frame.
//
// # Cost
//
// Frames are built once for all viewers, and not at all while nobody looks. A viewer who does not read fast
// enough is dropped and comes back by itself: nobody waits for it. Beyond Limits.Viewers the answer is 503,
// and the page polls. Consensus is not involved in any of it, but for Config.Changes once a second.
//
// # Concurrency
//
// A Server's methods may be called by several goroutines.
package dashboard

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe/health"
	"quoin.dev/quoin/observe/timeline"
	"quoin.dev/quoin/transport"
)

// Source is the node that is shown. A *node.Node is one.
type Source interface {
	Status() node.Status
	Links() transport.Stats
	Releases() []node.ReleaseStatus
	Genesis() *quoin.Genesis
	Err() error
}

// Config is what a Server is made of. Node and Timeline are needed; what is nil is not served or not shown.
type Config struct {
	Listen      string   // host:port; port 0 lets the system choose
	Certificate string   // PEM file; needed unless Listen is a loopback address
	Key         string   // PEM file
	Hosts       []string // names under which browsers reach it, beside the address itself and loopback's names
	Node        Source
	Timeline    *timeline.Timeline // is told of the node
	Health      func(now time.Time) health.Report
	Changes     func(ctx context.Context, limit int) (*api.Changes, error) // api.Governance's, say
	API         http.Handler                                               // api.Server.Handler, say
	Metrics     http.Handler
	Ready       func() error // nil: always
	Runs        string       // a folder with folders of lab runs, as `quoin lab … --save` writes them; empty: none
	Version     string       // of the program, for people
	Limits      Limits
	Logger      *slog.Logger
}

// Limits bound what viewers may cost. Zero values mean the defaults.
type Limits struct {
	Viewers           int           // streams at once; default 128
	Connections       int           // default 1024; more are closed at once
	Requests          int           // at once, streams not counted; default 256
	RequestsPerSecond float64       // of one address; default 50, and four seconds' worth in a row
	BodyBytes         int64         // of a request; default 8 MiB
	RequestTime       time.Duration // of one that is no stream; default a minute
	StallTime         time.Duration // how long a write may wait for a viewer; default 10 s
	Every             time.Duration // between frames; default 500 ms
}

func (l Limits) withDefaults() Limits {
	l.Viewers = cmp.Or(l.Viewers, 128)
	l.Connections = cmp.Or(l.Connections, 1024)
	l.Requests = cmp.Or(l.Requests, 256)
	l.RequestsPerSecond = cmp.Or(l.RequestsPerSecond, 50)
	l.BodyBytes = cmp.Or(l.BodyBytes, 8<<20)
	l.RequestTime = cmp.Or(l.RequestTime, time.Minute)
	l.StallTime = cmp.Or(l.StallTime, 10*time.Second)
	l.Every = cmp.Or(l.Every, 500*time.Millisecond)
	return l
}

// Server serves one node's dashboard.
type Server struct {
	c        Config
	limits   Limits
	guard    *guard
	live     *broadcaster
	listener net.Listener
	http     *http.Server
	secure   bool // TLS; net/http changes its own settings
	ctx      context.Context
	stop     context.CancelFunc
	running  sync.WaitGroup
	once     sync.Once
}

// Listen returns a server that serves already. It fails if the address is taken, if its certificate cannot be
// read, or if there is none and others can reach the address.
func Listen(c Config) (*Server, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{c: c, limits: c.Limits.withDefaults()}
	secure, err := s.tls()
	if err != nil {
		return nil, err
	}
	s.secure = secure != nil
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("dashboard: listen on %s: %w", c.Listen, err)
	}
	if secure == nil && !api.IsLoopback(listener.Addr()) {
		return nil, errors.Join(fmt.Errorf("dashboard: plain text on %s, which others can reach; give a certificate and its key, or listen on 127.0.0.1", listener.Addr()), listener.Close())
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.live = newBroadcaster(newBuilder(&s.c), s.limits)
	handler, err := s.handler()
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s.listener = api.LimitConnections(listener, s.limits.Connections)
	s.http = &http.Server{
		Handler:           handler,
		TLSConfig:         secure,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ErrorLog:          slog.NewLogLogger(c.Logger.With("event", "dashboard-connection").Handler(), slog.LevelDebug),
	}
	s.running.Add(2)
	go func() {
		defer s.running.Done()
		s.live.run(s.ctx)
	}()
	go func() {
		defer s.running.Done()
		if err := s.serve(); err != nil && !errors.Is(err, http.ErrServerClosed) {
			c.Logger.Error("the dashboard stops", "event", "dashboard-stopped", "error", err)
		}
	}()
	return s, nil
}

func (s *Server) serve() error {
	if !s.secure {
		return s.http.Serve(s.listener)
	}
	return s.http.ServeTLS(s.listener, "", "")
}

// tls reads the certificate; nil without.
func (s *Server) tls() (*tls.Config, error) {
	if s.c.Certificate == "" && s.c.Key == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(s.c.Certificate, s.c.Key)
	if err != nil {
		return nil, fmt.Errorf("dashboard: the certificate %s with the key %s cannot be used: %w", s.c.Certificate, s.c.Key, err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, nil
}

// handler is everything behind the guard.
func (s *Server) handler() (http.Handler, error) {
	page, err := newPage()
	if err != nil {
		return nil, err
	}
	s.guard = newGuard(s.limits, s.c.Hosts, page.has)
	mux := http.NewServeMux()
	mux.Handle("GET /", page)
	mux.HandleFunc("GET /playbooks", playbooks)
	mux.HandleFunc("GET /live", s.live.stream)
	mux.HandleFunc("GET /live/frame", s.live.poll)
	mux.HandleFunc("GET /genesis", s.genesis)
	probes := api.Probes(s.c.Node.Err, s.c.Ready)
	mux.Handle("GET /healthz", probes)
	mux.Handle("GET /readyz", probes)
	mux.HandleFunc("GET /runs", s.listRuns)
	mux.HandleFunc("GET /runs/{run}/{file}", s.showRun)
	if s.c.Metrics != nil {
		mux.Handle("GET /metrics", s.c.Metrics)
	}
	if s.c.API != nil {
		mux.Handle("POST /{service}/{method}", forPage(s.c.API))
		mux.Handle("GET /log/{path...}", sameOrigin(s.c.API))
	}
	return s.guard.around(mux), nil
}

func (s *Server) genesis(w http.ResponseWriter, _ *http.Request) {
	b, err := s.c.Node.Genesis().MarshalJSON()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b)
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// URL returns the address as a URL.
func (s *Server) URL() string {
	if s.secure {
		return "https://" + s.Addr().String()
	}
	return "http://" + s.Addr().String()
}

// Viewers returns how many streams are open, how many were refused for want of room, and how many were dropped
// because they did not read.
func (s *Server) Viewers() (open int, refused, dropped uint64) { return s.live.counts() }

// Close ends all requests and stops listening.
func (s *Server) Close() error {
	var err error
	s.once.Do(func() {
		s.stop()
		err = s.http.Close()
		s.running.Wait()
	})
	return err
}
