package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	grpcpeer "google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"quoin.dev/quoin/transport/internal/wire"
)

// A peer may reconnect this often: a few times at once, then at this rate. Each costs a
// handshake, and it is the only work that a peer can make us do without sending messages.
const (
	reconnectsBurst     = 16
	reconnectsPerSecond = 2
)

// inbound is the link from a peer: at most one connection, the newest.
type inbound struct {
	peer     *peer
	received [ClassCount]traffic
	handle   [ClassCount]*impaired // before the handler
	// turns hold one token each, which whoever calls the handler for that class holds, so
	// that a new connection's messages never overtake or overlap the old one's.
	turns [ClassCount]chan struct{}

	mu         sync.Mutex
	closed     bool
	current    *connection
	reconnects Allowance
}

func newInbound(p *peer) *inbound {
	in := &inbound{peer: p, reconnects: NewAllowance(reconnectsPerSecond, reconnectsBurst)}
	for class := range in.turns {
		in.turns[class] = make(chan struct{}, 1)
		in.handle[class] = newImpaired(p, Class(class), func(message []byte) bool {
			p.t.handler(p.key, Class(class), message)
			return true
		})
	}
	return in
}

// attach makes c the link from the peer, in the place of an older one, and reports whether it
// may be used; if not, it has counted why. The key has been proved: else anyone could end links, or use
// up the allowance, in a peer's name.
func (in *inbound) attach(c *connection) bool {
	in.mu.Lock()
	old := in.current
	allowed := in.reconnects.Take(time.Now())
	closed := in.closed
	if allowed && !closed {
		in.current = c
	}
	in.mu.Unlock()
	switch {
	case closed:
		in.peer.t.refuse(RefusedNotPeer, nil)
		return false
	case !allowed:
		in.peer.t.refuse(RefusedRate, in.peer)
		return false
	}
	if old != nil {
		old.dismiss(RefusedDuplicate)
	}
	// The peer is alive, so it is worth dialling.
	signal(in.peer.redial)
	return true
}

func (in *inbound) detach(c *connection) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.current == c {
		in.current = nil
	}
}

func (in *inbound) close() {
	in.mu.Lock()
	in.closed = true
	current := in.current
	in.mu.Unlock()
	for _, h := range in.handle {
		h.close()
	}
	if current != nil {
		current.shut()
	}
}

func (in *inbound) live() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.current != nil
}

// connection is an inbound connection whose peer has proved its key.
type connection struct {
	net.Conn
	raw     net.Conn
	peer    *peer
	streams [ClassCount]atomic.Bool // opened
	// judged is set by whoever ends the connection first: the other side, this package, or, if
	// neither, gRPC, because it could not go on with what it read.
	judged atomic.Bool
	once   sync.Once
}

func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil && endedByRemote(err) {
		c.judged.Store(true)
	}
	return n, err
}

// endedByRemote tells an end, orderly or not, from bytes that TLS refuses and from time-outs.
func endedByRemote(err error) bool {
	var operation *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || alertOf(err) != "" ||
		errors.As(err, &operation) && operation.Op == "read" && !operation.Timeout()
}

// Close is called by gRPC, shut and dismiss.
func (c *connection) Close() (err error) {
	c.once.Do(func() {
		if c.judged.CompareAndSwap(false, true) {
			c.peer.t.refuse(RefusedProtocol, c.peer)
		}
		// As in outbound, without the goodbye of TLS.
		err = c.raw.Close()
		c.peer.inbound.detach(c)
	})
	return err
}

// shut ends the connection without blame.
func (c *connection) shut() {
	c.judged.Store(true)
	c.Close()
}

// dismiss ends the connection and counts why.
func (c *connection) dismiss(reason Reason) {
	if c.judged.CompareAndSwap(false, true) {
		c.peer.t.refuse(reason, c.peer)
		c.peer.t.log.Info("link from peer refused", "event", "peer-refused", "peer", name(c.peer.key), "remote", c.RemoteAddr(), "reason", reason)
	}
	c.Close()
}

const (
	// streamWindowMin is HTTP/2's initial window; nothing smaller can be asked for.
	streamWindowMin = 64 << 10
	headerBytesMax  = 4 << 10
	ioBufferBytes   = 32 << 10
)

func (c Config) frameBytesMax() int {
	most := 0
	for _, limits := range c.Classes {
		most = max(most, wire.FrameBytesMax(limits.MessageBytesMax))
	}
	return most
}

// newServer makes the gRPC server of all inbound links, with the classes as its only methods.
func newServer(t *Transport) *grpc.Server {
	server := grpc.NewServer(
		grpc.Creds(authenticated{}),
		grpc.ForceServerCodecV2(wire.Codec{}),
		grpc.MaxRecvMsgSize(t.config.frameBytesMax()),
		grpc.MaxSendMsgSize(0),
		grpc.MaxConcurrentStreams(ClassCount),
		grpc.MaxHeaderListSize(headerBytesMax),
		grpc.StaticStreamWindowSize(int32(t.config.WindowBytes)),
		// The streams share the connection's window, which must not let one keep the others waiting.
		grpc.StaticConnWindowSize(int32(t.config.WindowBytes*(ClassCount+1))),
		grpc.ReadBufferSize(ioBufferBytes),
		grpc.WriteBufferSize(4<<10),
		grpc.ConnectionTimeout(t.config.HandshakeTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingInterval, Timeout: pingTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingInterval / 2, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
		grpc.UnknownServiceHandler(refuseStream),
	)
	service := grpc.ServiceDesc{ServiceName: wire.Service, HandlerType: (*any)(nil)}
	for _, class := range Classes() {
		service.Streams = append(service.Streams, wire.Stream(class.String(), func(_ any, stream grpc.ServerStream) error {
			return t.receive(class, stream)
		}))
	}
	server.RegisterService(&service, t)
	return server
}

// receive serves one stream: it passes the messages of its frames to the handler.
func (t *Transport) receive(class Class, stream grpc.ServerStream) error {
	c, err := connectionOf(stream.Context())
	if err != nil {
		return err
	}
	if !c.streams[class].CompareAndSwap(false, true) {
		c.dismiss(RefusedProtocol)
		return status.Errorf(codes.AlreadyExists, "a second stream of class %v", class)
	}
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	in := c.peer.inbound
	select {
	case in.turns[class] <- struct{}{}:
		defer func() { <-in.turns[class] }()
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
	received := &in.received[class]
	frame := wire.Incoming{MessageBytesMax: t.config.Classes[class].MessageBytesMax}
	for {
		if err := stream.RecvMsg(&frame); err != nil {
			return c.ended(err)
		}
		if frame.Err != nil {
			reason := RefusedFrame
			if errors.Is(frame.Err, wire.ErrOversized) {
				reason = RefusedOversized
			}
			c.dismiss(reason)
			return status.Error(codes.InvalidArgument, frame.Err.Error())
		}
		received.frames.Add(1)
		for i, message := range frame.Messages {
			received.messages.Add(1)
			received.bytes.Add(uint64(len(message)))
			frame.Messages[i] = nil
			in.handle[class].put(message)
		}
	}
}

// ended judges why gRPC ended a stream.
func (c *connection) ended(err error) error {
	switch status.Code(err) {
	case codes.ResourceExhausted:
		// The length before the frame is above the limit; nothing of it was read.
		c.dismiss(RefusedOversized)
	case codes.Internal, codes.Unimplemented:
		c.dismiss(RefusedFrame)
	default:
		// The peer ended it, or the connection is gone. A link without one of its streams is
		// of no use: the peer will dial again.
		c.shut()
	}
	return err
}

// refuseStream answers a method that is not a class.
func refuseStream(_ any, stream grpc.ServerStream) error {
	c, err := connectionOf(stream.Context())
	if err != nil {
		return err
	}
	c.dismiss(RefusedProtocol)
	return status.Error(codes.Unimplemented, "no such class of messages")
}

func connectionOf(ctx context.Context) (*connection, error) {
	if info, ok := grpcpeer.FromContext(ctx); ok {
		if auth, ok := info.AuthInfo.(authInfo); ok {
			return auth.connection, nil
		}
	}
	return nil, status.Error(codes.Unauthenticated, "not an authenticated link")
}

// authenticated are gRPC credentials for connections that arrive authenticated: the handshakes
// happen before, where they can be limited and their failures told apart.
type authenticated struct{}

var _ credentials.TransportCredentials = authenticated{}

// authInfo tells a stream its connection.
type authInfo struct {
	credentials.CommonAuthInfo
	connection *connection // nil on the side that dialled
}

func (authInfo) AuthType() string { return "tls" }

func (authenticated) ClientHandshake(_ context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return conn, newAuthInfo(nil), nil
}

func (authenticated) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, ok := conn.(*connection)
	if !ok {
		return nil, nil, errors.New("transport: connection has not been authenticated")
	}
	return c, newAuthInfo(c), nil
}

func newAuthInfo(c *connection) authInfo {
	return authInfo{CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}, connection: c}
}

func (authenticated) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}
func (authenticated) Clone() credentials.TransportCredentials { return authenticated{} }
func (authenticated) OverrideServerName(string) error         { return nil }
