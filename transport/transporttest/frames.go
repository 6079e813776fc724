package transporttest

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"quoin.dev/quoin/transport"
	"quoin.dev/quoin/transport/internal/wire"
)

// Layer is the layer at which garbage begins.
type Layer uint8

const (
	// TCP: garbage instead of a handshake.
	TCP Layer = iota
	// TLS: an honest handshake, then garbage instead of HTTP/2.
	TLS
	// HTTP2: an honest beginning of HTTP/2, then garbage instead of its frames.
	HTTP2
)

// http2Beginning is the client's preface and an empty SETTINGS frame (RFC 9113, 3.4 and 6.5).
const http2Beginning = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// Garbage sends size random bytes at a layer. Above TCP the identity must be a peer's. The bytes
// are a function of the seed.
func (t Target) Garbage(ctx context.Context, identity ed25519.PrivateKey, layer Layer, seed uint64, size int) error {
	var conn net.Conn
	var err error
	if layer == TCP {
		conn, err = t.dial(ctx)
	} else {
		conn, err = t.as(ctx, identity)
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	if layer == HTTP2 {
		if _, err := conn.Write([]byte(http2Beginning)); err != nil {
			return err
		}
	}
	garbage := make([]byte, size)
	source := rand.New(rand.NewPCG(seed, uint64(layer)))
	for i := range garbage {
		garbage[i] = byte(source.Uint32())
	}
	if size >= 9 && layer == HTTP2 {
		// A frame longer than HTTP/2 allows here, so that the target need not wait for the rest.
		copy(garbage, "\xff\xff\xff")
	}
	// The target may close before all is written; that is a refusal as good as any.
	conn.Write(garbage)
	return waitClosed(ctx, conn)
}

// as connects with an identity.
func (t Target) as(ctx context.Context, identity ed25519.PrivateKey) (net.Conn, error) {
	certificate, _, err := wire.Certificate(identity)
	if err != nil {
		return nil, err
	}
	return t.secure(ctx, certificate, nil)
}

// Frame returns the frame of messages, without regard to any limit.
func Frame(messages ...[]byte) []byte {
	var frame []byte
	for _, message := range messages {
		frame = binary.BigEndian.AppendUint32(frame, uint32(len(message)))
		frame = append(frame, message...)
	}
	return frame
}

// Send sends frames, byte for byte, as the peer with the given identity, and waits until the
// context ends or the target refuses. With frames that the target should accept the expected
// result is ErrAccepted.
func (t Target) Send(ctx context.Context, identity ed25519.PrivateKey, class transport.Class, frames ...[]byte) error {
	return t.stream(ctx, identity, class.String(), func(stream grpc.ClientStream) error {
		for _, frame := range frames {
			if err := stream.SendMsg(mem.BufferSlice{mem.SliceBuffer(frame)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Replay sends one frame the given number of times, as Send does.
func (t Target) Replay(ctx context.Context, identity ed25519.PrivateKey, class transport.Class, frame []byte, times int) error {
	return t.stream(ctx, identity, class.String(), func(stream grpc.ClientStream) error {
		for range times {
			if err := stream.SendMsg(mem.BufferSlice{mem.SliceBuffer(frame)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Oversized sends one frame with one message of the given size, which should be above the class's limit.
func (t Target) Oversized(ctx context.Context, identity ed25519.PrivateKey, class transport.Class, size int) error {
	return t.stream(ctx, identity, class.String(), func(stream grpc.ClientStream) error {
		frame := mem.BufferSlice{mem.SliceBuffer(binary.BigEndian.AppendUint32(nil, uint32(size)))}
		zeros := make([]byte, 64<<10)
		for size > 0 {
			n := min(size, len(zeros))
			frame = append(frame, mem.SliceBuffer(zeros[:n]))
			size -= n
		}
		return stream.SendMsg(frame)
	})
}

// UnknownMethod opens a stream of a class that does not exist.
func (t Target) UnknownMethod(ctx context.Context, identity ed25519.PrivateKey) error {
	return t.stream(ctx, identity, "Nonsense", func(grpc.ClientStream) error { return nil })
}

// SecondStream opens two streams of one class on one connection.
func (t Target) SecondStream(ctx context.Context, identity ed25519.PrivateKey, class transport.Class) error {
	conn, err := t.as(ctx, identity)
	if err != nil {
		return err
	}
	link, err := newLink(conn)
	if err != nil {
		conn.Close()
		return err
	}
	defer link.Close()
	first, err := openStream(ctx, link, class.String())
	if err != nil {
		return err
	}
	if _, err := openStream(ctx, link, class.String()); err != nil {
		return err
	}
	return waitEnded(ctx, first)
}

// stream opens a stream as the peer with the given identity, lets send use it, and waits for
// the target to end it.
func (t Target) stream(ctx context.Context, identity ed25519.PrivateKey, method string, send func(grpc.ClientStream) error) error {
	conn, err := t.as(ctx, identity)
	if err != nil {
		return err
	}
	link, err := newLink(conn)
	if err != nil {
		conn.Close()
		return err
	}
	defer link.Close()
	stream, err := openStream(ctx, link, method)
	if err != nil {
		return err
	}
	// An error of sending says only that the stream has ended; waitEnded says by whom.
	send(stream)
	return waitEnded(ctx, stream)
}

func openStream(ctx context.Context, link *grpc.ClientConn, method string) (grpc.ClientStream, error) {
	description := wire.Stream(method, nil)
	stream, err := link.NewStream(ctx, &description, wire.Method(method))
	if err != nil {
		return nil, fmt.Errorf("transporttest: opening a stream: %w", err)
	}
	return stream, nil
}

func waitEnded(ctx context.Context, stream grpc.ClientStream) error {
	var nothing mem.BufferSlice
	stream.RecvMsg(&nothing)
	if ctx.Err() != nil {
		return ErrAccepted
	}
	return nil
}

// newLink hands a connection to gRPC, once.
func newLink(conn net.Conn) (*grpc.ClientConn, error) {
	handed := make(chan net.Conn, 1)
	handed <- conn
	return grpc.NewClient("passthrough:///target",
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			select {
			case conn := <-handed:
				return conn, nil
			default:
				return nil, errors.New("the connection has been used")
			}
		}),
		// The connection is secured already.
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(raw{}), grpc.MaxCallSendMsgSize(1<<30)),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(0),
	)
}

// raw is a codec whose messages are bytes as they are.
type raw struct{}

var _ encoding.CodecV2 = raw{}

func (raw) Name() string { return "raw" }

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	data, ok := v.(mem.BufferSlice)
	if !ok {
		return nil, fmt.Errorf("transporttest: cannot encode %T", v)
	}
	return data, nil
}

func (raw) Unmarshal(mem.BufferSlice, any) error { return nil }
