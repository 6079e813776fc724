// Package api is the public API of a node: its definition (quoin/v1, protobuf) and its server.
//
// # Protocols
//
// One listener serves Connect, gRPC, gRPC-Web and JSON by plain HTTP POST (for example
// /quoin.v1.StateService/Get with Content-Type: application/json), the C2SP tlog-tiles of the ledger
// under /log/ by GET, and /healthz and /readyz. It speaks TLS 1.3 with a self-signed certificate of
// an Ed25519 key, which clients pin by the key; plain text is served on loopback addresses only, and
// only when configured.
//
// # What an answer is worth
//
// Answers about the ledger and the state carry a certificate and a proof; package client verifies
// them from the genesis on. Status, queries, stages before "certified" and what ReleaseService tells
// are the node's word.
//
// # Administrators
//
// Upload takes a signature by a key of a member whom the chain lets propose (as its keys are rotated and
// revoked, see package governance), or of an administrator of the node's own (Config.Admins), in the headers
// Quoin-Admin-Key (hexadecimal), Quoin-Admin-Time (milliseconds since 1970, within five minutes of
// the node's clock) and Quoin-Admin-Signature (base64), over quoinv1.AdminBytes: the chain's origin, the
// node's key, the procedure, the time and SHA-256 of the file. Such a signature does one thing on one
// node, and doing it again changes nothing, so no challenge needs to be kept. Inject and Lift take the same
// over a fault instead of a file: while the fault lasts, another with its number changes nothing.
//
// # Limits
//
// See Limits: connections, concurrent requests and streams, bytes held, requests a second of one
// connection, size and time of a request, transactions that wait. What is refused has a code (see
// ErrorCode) and is counted. A subscriber that falls too far behind is told slow-consumer; a stream
// of which nothing is read for StallTime is reset, since it could not be told anything.
//
// # Concurrency
//
// A Server's methods may be called by several goroutines.
package api

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe/health"
)

// Version is the version of the API.
const Version = "quoin.v1"

// Config is what a Server is made of.
type Config struct {
	Node      *node.Node
	Listen    string             // host:port; port 0 lets the system choose
	Key       ed25519.PrivateKey // of the TLS certificate; clients pin its public half
	Plaintext bool               // no TLS; refused unless Listen is a loopback address
	Admins    []quoin.PublicKey  // may upload releases, beside the chain's proposers
	Faults    Faults             // where the genesis allows them; nil refuses them all
	Limits    Limits
	Logger    *slog.Logger
	// Ready says whether the node takes part; nil is always.
	Ready func() error
	// Health says how the node and its network do; nil: unknown.
	Health func() health.Report
	// What the node's status tells beside: the version of the program, the node's name, and where it serves a
	// dashboard, if it does. All may be empty.
	Program, Name string
	Dashboard     func() string
}

// Limits bound what clients may cost. Zero values mean the defaults.
type Limits struct {
	Connections       int           // default 4096
	Requests          int           // at once, streams not counted; default 1024
	Streams           int           // at once; default 256
	StreamsEach       int           // of one connection, requests and streams, at once; default 256
	MessageBytes      int           // of one message; default 8 MiB
	HeldBytes         int64         // of requests' bodies at once; default 256 MiB
	RequestsPerSecond float64       // of one connection; default 20000
	RequestTime       time.Duration // of one request that is no stream; default 2 minutes: one may wait for reported finality
	StallTime         time.Duration // how long a write may wait for the client; default 20 s
	Waiting           int           // transactions that anybody waits for; default 1<<20
	WaitingEach       int           // of one stream; default 65536
	FeedItems         int           // that a subscriber may be behind in what happens now; default 1024
}

func (l Limits) withDefaults() Limits {
	l.Connections = cmp.Or(l.Connections, 4096)
	l.Requests = cmp.Or(l.Requests, 1024)
	l.Streams = cmp.Or(l.Streams, 256)
	l.StreamsEach = cmp.Or(l.StreamsEach, 256)
	l.MessageBytes = cmp.Or(l.MessageBytes, 8<<20)
	l.HeldBytes = cmp.Or(l.HeldBytes, 256<<20)
	l.RequestsPerSecond = cmp.Or(l.RequestsPerSecond, 20_000)
	l.RequestTime = cmp.Or(l.RequestTime, 2*time.Minute)
	l.StallTime = cmp.Or(l.StallTime, 20*time.Second)
	l.Waiting = cmp.Or(l.Waiting, 1<<20)
	l.WaitingEach = cmp.Or(l.WaitingEach, 1<<16)
	l.FeedItems = cmp.Or(l.FeedItems, 1024)
	return l
}

// Server serves one node's API.
type Server struct {
	c         Config
	node      *node.Node
	limits    Limits
	admission *admission
	began     time.Time
	settle    *settlements
	provers   provers
	judge     judge
	healths   healths
	http      *http.Server
	listener  net.Listener
	stop      context.CancelFunc
	ctx       context.Context
	running   sync.WaitGroup
	once      sync.Once
}

// Listen returns a server that serves already. It fails if the address is taken, or if plain text is
// wanted on an address that others can reach.
func Listen(c Config) (*Server, error) {
	s, err := newServer(c)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("api: listen on %s: %w", c.Listen, err)
	}
	if c.Plaintext && !IsLoopback(listener.Addr()) {
		s.stop()
		return nil, errors.Join(fmt.Errorf("api: plain text on %s, which is no loopback address; use TLS there", listener.Addr()), listener.Close())
	}
	if s.http.TLSConfig, err = s.tls(); err != nil {
		s.stop()
		return nil, errors.Join(err, listener.Close())
	}
	s.listener = LimitConnections(listener, s.limits.Connections)
	sub := s.settle.subscribe(s.newest)
	s.running.Add(2)
	go func() {
		defer s.running.Done()
		s.settle.run(s.ctx, sub)
	}()
	go func() {
		defer s.running.Done()
		<-s.ctx.Done()
		sub.Close()
	}()
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		if err := s.serve(); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.c.Logger.Error("the API stops", "event", "api-stopped", "error", err)
		}
	}()
	return s, nil
}

func newServer(c Config) (*Server, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if !c.Plaintext && len(c.Key) != ed25519.PrivateKeySize {
		return nil, errors.New("api: TLS needs an Ed25519 key")
	}
	s := &Server{c: c, node: c.Node, limits: c.Limits.withDefaults(), began: time.Now()}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.provers.store = c.Node.Store()
	s.admission = newAdmission(s.limits)
	s.settle = newSettlements(c.Node, s.limits.Waiting)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(c.Plaintext)
	s.http = &http.Server{
		Handler:           s.handler(),
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: s.limits.StreamsEach, MaxReceiveBufferPerStream: 1 << 20, MaxReceiveBufferPerConnection: 4 << 20},
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       s.admission.connection,
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ErrorLog:          slog.NewLogLogger(c.Logger.With("event", "api-connection").Handler(), slog.LevelDebug),
	}
	return s, nil
}

func (s *Server) serve() error {
	if s.c.Plaintext {
		return s.http.Serve(s.listener)
	}
	return s.http.ServeTLS(s.listener, "", "")
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	options := []connect.HandlerOption{
		connect.WithReadMaxBytes(s.limits.MessageBytes), // after decompression
		connect.WithCompressMinBytes(4 << 10),
		connect.WithRecover(s.recovered),
		connect.WithInterceptors(errorInterceptor{}),
	}
	mux.Handle(quoinv1connect.NewLedgerServiceHandler(ledgerService{s}, options...))
	mux.Handle(quoinv1connect.NewStateServiceHandler(stateService{s}, options...))
	mux.Handle(quoinv1connect.NewReleaseServiceHandler(releaseService{s}, options...))
	mux.Handle(quoinv1connect.NewAuditServiceHandler(auditService{s}, options...))
	mux.Handle(quoinv1connect.NewStatusServiceHandler(statusService{s}, options...))
	mux.Handle(quoinv1connect.NewFeedServiceHandler(feedService{s}, options...))
	mux.Handle(quoinv1connect.NewFaultServiceHandler(faultService{s}, options...))
	mux.HandleFunc("GET /log/{path...}", s.log)
	probes := Probes(s.node.Err, s.c.Ready)
	mux.Handle("GET /healthz", probes)
	mux.Handle("GET /readyz", probes)
	return s.admission.middleware(mux)
}

// recovered turns a panic of a handler, which is our mistake, into an error of one request.
func (s *Server) recovered(_ context.Context, spec connect.Spec, _ http.Header, p any) error {
	s.c.Logger.Error("a request failed on a broken invariant", "event", "request-panicked", "procedure", spec.Procedure, "panic", p)
	return refuse(CodeInternal, "report it with the node's log", "%s failed", spec.Procedure)
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// URL returns the address as a URL.
func (s *Server) URL() string {
	if s.c.Plaintext {
		return "http://" + s.Addr().String()
	}
	return "https://" + s.Addr().String()
}

// Handler returns what serves the requests, within the server's limits, for a listener of another package.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Refused returns how many requests were refused, by code.
func (s *Server) Refused() map[ErrorCode]uint64 { return s.admission.refused() }

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

// errorInterceptor gives every error a code.
type errorInterceptor struct{}

var _ connect.Interceptor = errorInterceptor{}

func (errorInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		response, err := next(ctx, r)
		return response, translate(err)
	}
}

func (errorInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (errorInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, c connect.StreamingHandlerConn) error {
		return translate(next(ctx, c))
	}
}
