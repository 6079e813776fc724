// Package client talks to nodes and believes nothing that it cannot verify.
//
// # Trust
//
// A Client begins at a trust Anchor: a chain's genesis, or the newest epoch that an earlier client
// verified and saved. From there it follows the validators across epochs by state proofs (KERNEL K8,
// see Verifier). Receipts, values and blocks are returned only after their proofs and the
// certificates over them were verified; what is a node's word only, says so in its documentation
// (Status, Query, stages before "certified", events). A node that says what does not verify is
// refused with ErrProof, and the next endpoint is asked. Reads never go back in time: a value is
// refused if it is older than what this client has verified before.
//
// # Offline
//
// Proof and VerifyProof make and check files that prove an entry of the ledger or a value of the
// state to anybody who has the genesis.
//
// # Failure
//
// Calls go to one endpoint after the other, with growing pauses, until one answers, the context
// ends, or all have been asked Options.Attempts times. Submitting again is harmless: a transaction
// is identified by its body and included at most once, and the same receipt comes back.
//
// # Concurrency
//
// A Client and a Verifier may be used by several goroutines; a Stream by one that sends and one
// that receives.
package client

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
)

// Endpoint is where a node's API is.
type Endpoint struct {
	URL string          // https://host:port, or http://host:port on this machine
	Key quoin.PublicKey // of the node's API; zero: the certificate must be one that the system trusts
}

// Options are what a Client is made of.
type Options struct {
	Endpoints   []Endpoint
	Trust       Anchor
	TrustPeriod time.Duration // anchors older than this are refused; 0 is without limit
	Attempts    int           // for each endpoint; default 3
	PauseMin    time.Duration // before the second round; default 50 ms, doubles up to 2 s
	AnswerBytes int           // limit of one answer; default 32 MiB
	// Warn is told what nodes warn of, for people: a namespace whose machine should not be used any more,
	// say. It is a node's word, again with every answer, and may come from several goroutines. nil: nobody.
	Warn func(string)
}

// Client talks to the nodes of one chain.
type Client struct {
	o         Options
	verifier  *Verifier
	endpoints []*endpoint
	current   atomic.Uint32
}

// endpoint is one node's API.
type endpoint struct {
	url      string
	key      quoin.PublicKey // that the node has; zero: any
	http     *http.Client
	ledger   quoinv1connect.LedgerServiceClient
	state    quoinv1connect.StateServiceClient
	releases quoinv1connect.ReleaseServiceClient
	faults   quoinv1connect.FaultServiceClient
	audit    quoinv1connect.AuditServiceClient
	status   quoinv1connect.StatusServiceClient
	feed     quoinv1connect.FeedServiceClient
}

// New returns a client. It connects when it is first used.
func New(o Options) (*Client, error) {
	if len(o.Endpoints) == 0 {
		return nil, errors.New("client: no endpoint; give the URL of a node's API")
	}
	if err := o.Trust.CheckAge(time.Now(), o.TrustPeriod); err != nil {
		return nil, err
	}
	if err := o.Trust.Configuration.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnchor, err)
	}
	if o.Attempts <= 0 {
		o.Attempts = 3
	}
	if o.PauseMin <= 0 {
		o.PauseMin = 50 * time.Millisecond
	}
	if o.AnswerBytes <= 0 {
		o.AnswerBytes = 32 << 20
	}
	c := &Client{o: o, verifier: NewVerifier(o.Trust)}
	for _, e := range o.Endpoints {
		x, err := newEndpoint(e, o.AnswerBytes)
		if err != nil {
			return nil, err
		}
		c.endpoints = append(c.endpoints, x)
	}
	return c, nil
}

func newEndpoint(e Endpoint, answerBytes int, more ...connect.ClientOption) (*endpoint, error) {
	url := strings.TrimSuffix(e.URL, "/")
	t := &http.Transport{Protocols: new(http.Protocols), MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
	switch {
	case strings.HasPrefix(url, "http://"):
		t.Protocols.SetUnencryptedHTTP2(true)
	case strings.HasPrefix(url, "https://"):
		t.Protocols.SetHTTP2(true)
		t.Protocols.SetHTTP1(true)
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS13}
		if !e.Key.IsZero() {
			pin(t.TLSClientConfig, e.Key)
		}
	default:
		return nil, fmt.Errorf("client: endpoint %q; want http://host:port or https://host:port", e.URL)
	}
	h := &http.Client{Transport: t}
	// Hashes and signatures do not compress.
	options := connect.WithClientOptions(append(more, connect.WithReadMaxBytes(answerBytes), connect.WithAcceptCompression("gzip", nil, nil))...)
	return &endpoint{url: url, key: e.Key, http: h,
		ledger:   quoinv1connect.NewLedgerServiceClient(h, url, options),
		state:    quoinv1connect.NewStateServiceClient(h, url, options),
		releases: quoinv1connect.NewReleaseServiceClient(h, url, options),
		faults:   quoinv1connect.NewFaultServiceClient(h, url, options),
		audit:    quoinv1connect.NewAuditServiceClient(h, url, options),
		status:   quoinv1connect.NewStatusServiceClient(h, url, options),
		feed:     quoinv1connect.NewFeedServiceClient(h, url, options)}, nil
}

// pin accepts exactly the certificate of one Ed25519 key, whatever else it says. TLS 1.3 has the peer
// prove that it holds the key.
func pin(c *tls.Config, key quoin.PublicKey) {
	c.InsecureSkipVerify = true // VerifyConnection is stricter
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 1 {
			if k, ok := s.PeerCertificates[0].PublicKey.(ed25519.PublicKey); ok && quoin.PublicKey(k) == key {
				return nil
			}
		}
		return fmt.Errorf("client: the server has another key than the pinned %s", key)
	}
}

// Close closes idle connections.
func (c *Client) Close() {
	for _, e := range c.endpoints {
		e.http.CloseIdleConnections()
	}
}

// warningsMax is how many warnings of one answer are passed on.
const warningsMax = 16

func (c *Client) warn(lines []string) {
	if c.o.Warn == nil {
		return
	}
	for _, line := range lines[:min(len(lines), warningsMax)] {
		c.o.Warn(line)
	}
}

// Verifier returns what the client verifies with.
func (c *Client) Verifier() *Verifier { return c.verifier }

// Anchor returns what may be saved, to begin there the next time.
func (c *Client) Anchor() Anchor { return c.verifier.Anchor() }

// Error is a node's refusal.
type Error struct {
	Code     string // stable; see api.ErrorCode. Empty if the node did not say
	Message  string // what happened and why
	Hint     string // what to do
	Endpoint string
	err      error
}

// Error says what happened, why, and what to do.
func (e *Error) Error() string {
	s := "client: " + e.Endpoint + ": " + e.Message
	if e.Code != "" {
		s += " (" + e.Code + ")"
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap returns the error of the protocol.
func (e *Error) Unwrap() error { return e.err }

// toError reads a refusal.
func (e *endpoint) toError(err error) error {
	var known *Error
	if err == nil || errors.Is(err, ErrProof) || errors.Is(err, ErrFork) || errors.As(err, &known) {
		return err
	}
	x := &Error{Message: err.Error(), Endpoint: e.url, err: err}
	var ce *connect.Error
	if errors.As(err, &ce) {
		x.Message = ce.Message()
		for _, d := range ce.Details() {
			if v, err := d.Value(); err == nil {
				if m, ok := v.(*quoinv1.Error); ok {
					x.Code, x.Message, x.Hint = m.Code, m.Message, m.Hint
				}
			}
		}
	}
	return x
}

// final reports whether asking another node, or later, would be of no use.
func final(err error) bool {
	if errors.Is(err, ErrFork) || errors.Is(err, ErrAnchor) {
		return true
	}
	if errors.Is(err, ErrProof) {
		return false
	}
	switch connect.CodeOf(err) {
	case connect.CodeInvalidArgument, connect.CodeNotFound, connect.CodePermissionDenied, connect.CodeFailedPrecondition,
		connect.CodeUnauthenticated, connect.CodeUnimplemented, connect.CodeOutOfRange, connect.CodeAborted:
		return true
	}
	return false
}

// call asks one endpoint after the other until one answers.
func call[T any](ctx context.Context, c *Client, ask func(*endpoint) (T, error)) (T, error) {
	var zero T
	var failures []error
	pause := c.o.PauseMin
	for round := range c.o.Attempts {
		if round > 0 {
			if err := sleep(ctx, pause/2+rand.N(pause)); err != nil {
				break
			}
			pause = min(2*pause, 2*time.Second)
		}
		for range c.endpoints {
			at := c.current.Load()
			e := c.endpoints[int(at)%len(c.endpoints)]
			answer, err := ask(e)
			if err == nil {
				return answer, nil
			}
			err = e.toError(err)
			if final(err) {
				return zero, err
			}
			c.current.CompareAndSwap(at, at+1) // also when the time was up: the next call must not wait for a node that hangs
			if ctx.Err() != nil {
				return zero, err
			}
			failures = append(failures, err)
		}
	}
	if len(failures) == 0 {
		return zero, ctx.Err()
	}
	return zero, lastOf(failures)
}

// lastOf returns the last failure, or a refused proof if there was one: a lie is the news.
func lastOf(failures []error) error {
	for _, err := range failures {
		if errors.Is(err, ErrProof) {
			return err
		}
	}
	return failures[len(failures)-1]
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// certificate verifies a certificate that an endpoint sent, and asks it for the epochs that lead to
// the certificate's.
func (c *Client) certificate(ctx context.Context, e *endpoint, m *quoinv1.Certificate) (quoin.Certificate, error) {
	x, err := newCertificate(m.GetCheckpoint(), m.GetSigners(), m.GetSignatures())
	if err != nil {
		return x, err
	}
	if x.Checkpoint.Origin != c.verifier.Origin() {
		return x, fmt.Errorf("%w: %s serves chain %q, want %q", ErrProof, e.url, x.Checkpoint.Origin, c.verifier.Origin())
	}
	if err := c.follow(ctx, e, x.Checkpoint.Epoch); err != nil {
		return x, err
	}
	return x, c.verifier.VerifyCertificate(&x)
}

// follow brings the verifier to an epoch.
func (c *Client) follow(ctx context.Context, e *endpoint, to quoin.Epoch) error {
	for {
		from := c.verifier.Epoch()
		if from >= to {
			return nil
		}
		r, err := e.ledger.ListEpochProofs(ctx, connect.NewRequest(&quoinv1.ListEpochProofsRequest{FromEpoch: uint64(from)}))
		if err != nil {
			return err
		}
		for _, m := range r.Msg.Proofs {
			link, err := newCertificate(m.GetCertificate().GetCheckpoint(), m.GetCertificate().GetSigners(), m.GetCertificate().GetSignatures())
			if err != nil {
				return err
			}
			if link.Checkpoint.Epoch < c.verifier.Epoch() {
				continue // another call was quicker
			}
			if err := c.verifier.Extend(EpochProof{Certificate: link, Proof: m.Proof}); err != nil {
				return err
			}
		}
		if c.verifier.Epoch() == from { // none, or only of epochs before
			return fmt.Errorf("%w: a certificate of epoch %d without proof of epoch %d", ErrProof, to, from+1)
		}
	}
}
