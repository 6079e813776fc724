package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"quoin.dev/quoin/transport/internal/wire"
)

// peer is what a node keeps about one peer: the queues and the link to it (this file), and the
// link from it (inbound.go).
type peer struct {
	t       *Transport
	key     Key
	address atomic.Pointer[string]
	queues  [ClassCount]*queue
	out     [ClassCount]*impaired // before the queues
	inbound *inbound

	ctx    context.Context // of the link to the peer
	cancel context.CancelFunc
	// redial and moved have room for one signal each: dial without waiting for the backoff,
	// and leave the present link because the peer's address has changed.
	redial, moved chan struct{}

	up        atomic.Bool
	conn      atomic.Pointer[net.Conn] // below the newest link to the peer; nil: there was none
	connects  atomic.Uint64
	failures  atomic.Uint64
	lastError atomic.Pointer[string]
	refused   [ReasonCount]atomic.Uint64
}

func newPeer(t *Transport, key Key) *peer {
	p := &peer{
		t:      t,
		key:    key,
		redial: make(chan struct{}, 1),
		moved:  make(chan struct{}, 1),
	}
	p.inbound = newInbound(p)
	for class := range p.queues {
		p.queues[class] = newQueue(Class(class), t.config.Classes[class])
		p.out[class] = newImpaired(p, Class(class), p.queues[class].put)
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.lastError.Store(new(string))
	return p
}

// stop ends both links for good. It does not wait for them.
func (p *peer) stop() {
	p.cancel()
	p.inbound.close()
	for class, q := range p.queues {
		p.out[class].close()
		q.close()
	}
}

// move sets the peer's address. It is called under Transport.mu.
func (p *peer) move(address string) {
	old := p.address.Swap(&address)
	if old != nil && *old != address {
		signal(p.moved)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func drain(c chan struct{}) {
	select {
	case <-c:
	default:
	}
}

// run keeps a link to the peer up until the peer is stopped.
func (p *peer) run() {
	backoff := p.t.config.Backoff
	delay := backoff.Min
	for {
		lasted, err := p.session()
		if p.ctx.Err() != nil {
			return
		}
		reason := err.Error()
		p.lastError.Store(&reason)
		if lasted >= backoff.Max {
			delay = backoff.Min
		}
		if lasted == 0 {
			p.failures.Add(1)
			p.t.log.Debug("no link to peer", "event", "peer-unreachable", "peer", name(p.key), "address", *p.address.Load(), "error", reason, "retry_within", delay)
		} else {
			p.t.log.Info("link to peer lost", "event", "peer-lost", "peer", name(p.key), "address", *p.address.Load(), "error", reason, "lasted", lasted)
		}
		wait := time.NewTimer(delay/2 + rand.N(delay/2+1))
		select {
		case <-p.ctx.Done():
		case <-p.redial:
		case <-p.moved:
			delay = backoff.Min
		case <-wait.C:
		}
		wait.Stop()
		delay = min(2*delay, backoff.Max)
	}
}

// errMoved ends a link whose peer has a new address.
var errMoved = errors.New("the peer's address has changed")

// errEnded is why a link ended that nobody ended for a reason.
var errEnded = errors.New("the link has ended")

// session dials the peer and sends to it until the link breaks. It returns how long the link was
// up, zero if it never was, and what ended it, which is never nil.
func (p *peer) session() (lasted time.Duration, err error) {
	ctx, end := context.WithCancelCause(p.ctx)
	defer end(nil)
	// What these asked for is what follows.
	drain(p.redial)
	drain(p.moved)
	conn, err := p.dial(ctx)
	if err != nil {
		return 0, err
	}
	link, err := newClient(p.t, conn)
	if err != nil {
		conn.Close()
		return 0, err
	}
	// Close also closes conn, and ends the goroutines that gRPC keeps for it.
	defer link.Close()

	// Until the peer has answered on every stream the link is not up.
	errSlow := fmt.Errorf("peer accepted the connection but not its streams within %v", p.t.config.HandshakeTimeout)
	opening := time.AfterFunc(p.t.config.HandshakeTimeout, func() { end(errSlow) })
	defer opening.Stop()
	var streams [ClassCount]grpc.ClientStream
	for class := range streams {
		streams[class], err = openStream(ctx, link, Class(class))
		if err != nil {
			return 0, cmp.Or(context.Cause(ctx), err)
		}
	}
	if !opening.Stop() {
		return 0, errSlow // the timer has passed, though perhaps its function has not run yet
	}

	began := time.Now()
	p.connects.Add(1)
	p.up.Store(true)
	p.t.log.Info("link to peer up", "event", "peer-connected", "peer", name(p.key), "address", *p.address.Load())
	var running sync.WaitGroup
	for class, stream := range streams {
		queue := p.queues[class]
		running.Go(func() {
			// io.EOF says that the stream has ended; ended says why.
			if err := send(ctx, queue, stream); !errors.Is(err, io.EOF) {
				end(err)
			}
		})
		running.Go(func() { end(ended(stream)) })
	}
	select {
	case <-ctx.Done():
	case <-p.moved:
		end(errMoved)
	}
	p.up.Store(false)
	link.Close()
	running.Wait()
	return max(time.Since(began), 1), cmp.Or(context.Cause(ctx), errEnded)
}

// send sends what the queue holds until ctx ends or the stream breaks.
func send(ctx context.Context, queue *queue, stream grpc.ClientStream) error {
	var frame wire.Outgoing
	for {
		if err := ctx.Err(); err != nil {
			return err // what the queue holds is for the next link
		}
		frame.Messages = queue.take(frame.Messages[:0])
		if len(frame.Messages) == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-queue.ready:
				continue
			}
		}
		// SendMsg has encoded the frame when it returns, and waits while the receiver's
		// window is full.
		err := stream.SendMsg(&frame)
		queue.settle(frame.Messages, err != nil)
		clear(frame.Messages)
		if err != nil {
			return err
		}
	}
}

// ended waits for the peer to end the stream and returns why it did. The peer sends nothing on a
// stream, so whatever arrives is a fault and ends it too.
func ended(stream grpc.ClientStream) error {
	switch err := stream.RecvMsg(&wire.Incoming{}); {
	case err == nil:
		return errors.New("peer sent a message where none is due")
	case errors.Is(err, io.EOF):
		return errors.New("peer ended the stream")
	default:
		return err
	}
}

// dial connects to the peer's address and proves that the peer is there.
func (p *peer) dial(ctx context.Context) (*outbound, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*p.t.config.HandshakeTimeout)
	defer cancel()
	dialer := net.Dialer{KeepAliveConfig: tcpKeepalive}
	raw, err := dialer.DialContext(ctx, "tcp", *p.address.Load())
	if err != nil {
		return nil, err
	}
	tuneTCP(raw)
	p.conn.Store(&raw)
	secure := tls.Client(raw, wire.Config(p.t.identity.certificate, p.t.identity.protocol, func(key Key) error {
		if key != p.key {
			return fmt.Errorf("%w: %s answered", errWrongIdentity, name(key))
		}
		return nil
	}))
	if err := secure.HandshakeContext(ctx); err != nil {
		raw.Close()
		if reason, counted := dialReason(err); counted {
			p.t.refuse(reason, p)
		}
		return nil, fmt.Errorf("handshake with peer: %w", err)
	}
	// In TLS 1.3 the side that dials is told only after its handshake whether its certificate
	// is accepted. A peer that does begins HTTP/2, so its first byte is the answer.
	first := make([]byte, 1)
	interrupt := context.AfterFunc(ctx, func() { raw.Close() })
	_, err = io.ReadFull(secure, first)
	if !interrupt() {
		return nil, fmt.Errorf("peer did not go on after the handshake: %w", ctx.Err())
	}
	if err != nil {
		raw.Close()
		if alert := alertOf(err); alert != "" {
			return nil, fmt.Errorf("peer refuses this node: %s", alert)
		}
		return nil, fmt.Errorf("peer did not go on after the handshake: %w", err)
	}
	return &outbound{Conn: secure, raw: raw, first: first}, nil
}

// errWrongIdentity: another node than the one pinned answered.
var errWrongIdentity = errors.New("another identity than the pinned one")

// alertOf returns the alert by which the other side ended a TLS connection, as text, or "".
// (crypto/tls has a type for it only where it serves QUIC; the texts are the same.)
func alertOf(err error) string {
	var remote *net.OpError
	if errors.As(err, &remote) && remote.Op == "remote error" {
		return remote.Err.Error()
	}
	return ""
}

// alertNoProtocol is how a server says that it shares no protocol (RFC 7301, 3.2).
var alertNoProtocol = tls.AlertError(120).Error()

// dialReason sorts the errors of an outgoing handshake that are the other side's fault.
func dialReason(err error) (Reason, bool) {
	switch {
	case errors.Is(err, errWrongIdentity):
		return RefusedWrongIdentity, true
	case errors.Is(err, wire.ErrNetwork), alertOf(err) == alertNoProtocol:
		return RefusedWrongNetwork, true
	case errors.Is(err, wire.ErrCertificate):
		return RefusedCertificate, true
	default:
		return 0, false
	}
}

// outbound is the authenticated connection of a session.
type outbound struct {
	net.Conn
	raw   net.Conn
	first []byte // read already
}

func (o *outbound) Read(b []byte) (int, error) {
	if len(o.first) > 0 {
		n := copy(b, o.first)
		o.first = o.first[n:]
		return n, nil
	}
	return o.Conn.Read(b)
}

// Close leaves out the goodbye of TLS, for which a peer that does not read could make it wait.
func (o *outbound) Close() error { return o.raw.Close() }

// Dead peers are found by TCP keepalives on an idle connection and by HTTP/2 pings on any; a ping
// passes by the streams' flow control, so that a slow peer is not mistaken for a dead one. Ten
// seconds is the shortest interval that gRPC allows a client.
var tcpKeepalive = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}

const (
	pingInterval = 10 * time.Second
	pingTimeout  = 5 * time.Second
)

// newClient hands an authenticated connection to gRPC. It connects at most once: reconnecting is
// run's affair.
func newClient(t *Transport, conn net.Conn) (*grpc.ClientConn, error) {
	handed := make(chan net.Conn, 1)
	handed <- conn
	return grpc.NewClient("passthrough:///peer",
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			select {
			case conn := <-handed:
				return conn, nil
			default:
				return nil, errors.New("the connection has been used")
			}
		}),
		grpc.WithTransportCredentials(authenticated{}),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(wire.Codec{}),
			grpc.MaxCallRecvMsgSize(0),
			grpc.MaxCallSendMsgSize(t.config.frameBytesMax()),
		),
		grpc.WithStaticStreamWindowSize(streamWindowMin),
		grpc.WithStaticConnWindowSize(streamWindowMin),
		grpc.WithMaxHeaderListSize(headerBytesMax),
		grpc.WithReadBufferSize(4<<10),
		grpc.WithWriteBufferSize(ioBufferBytes),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingInterval, Timeout: pingTimeout}),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableHealthCheck(),
		grpc.WithIdleTimeout(0),
	)
}

// openStream opens the stream of a class and waits for the peer to answer on it.
func openStream(ctx context.Context, link *grpc.ClientConn, class Class) (grpc.ClientStream, error) {
	description := wire.Stream(class.String(), nil)
	stream, err := link.NewStream(ctx, &description, wire.Method(class.String()))
	if err != nil {
		return nil, err
	}
	// Header reports neither the end of the stream nor an answer without it as an error.
	header, err := stream.Header()
	if err != nil {
		return nil, err
	}
	if header == nil {
		return nil, ended(stream)
	}
	return stream, nil
}

// name abbreviates a key for logs.
func name(key Key) string { return fmt.Sprintf("%x", key[:6]) }
