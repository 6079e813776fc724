package transport

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"quoin.dev/quoin/transport/internal/wire"
)

// A dialled peer that holds its key may still answer anything. Whatever it does, the link is not
// up or ends, the reason is kept for the operator, and the node goes on trying.
func TestHostileAnswers(t *testing.T) {
	hang := func(stream grpc.ServerStream) error {
		<-stream.Context().Done()
		return nil
	}
	for _, test := range []struct {
		name   string
		answer func(grpc.ServerStream) error
		want   string // in LastError
	}{
		{"a message where none is due", func(stream grpc.ServerStream) error {
			stream.SendHeader(metadata.MD{})
			stream.SendMsg(&wire.Outgoing{Messages: [][]byte{make([]byte, 1<<20)}})
			return hang(stream)
		}, "larger than max"},
		{"the end of a stream", func(grpc.ServerStream) error { return nil }, "peer ended the stream"},
		{"no answer", hang, "not its streams"},
		{"a huge header", func(stream grpc.ServerStream) error {
			stream.SendHeader(metadata.Pairs("long", strings.Repeat("long", 1<<20)))
			return hang(stream)
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			key, address := serveHostile(t, test.answer)
			own := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
			tr, err := New(Config{
				Identity:         own,
				Network:          "test network",
				Listen:           "127.0.0.1:0",
				Peers:            []Peer{{Key: key, Address: address}},
				HandshakeTimeout: 200 * time.Millisecond,
				Backoff:          Backoff{Min: time.Millisecond, Max: 10 * time.Millisecond},
			}, func(Key, Class, []byte) { t.Error("the handler was called") })
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			deadline := time.Now().Add(30 * time.Second)
			for {
				tr.Broadcast(Consensus, []byte("vote"))
				p := tr.Stats().Peers[0]
				if p.Failures+p.Connects >= 3 && p.LastError != "" && strings.Contains(p.LastError, test.want) {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("gave up waiting: %+v", p)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// serveHostile answers the streams of whoever dials as given.
func serveHostile(t *testing.T, answer func(grpc.ServerStream) error) (Key, string) {
	certificate, key, err := wire.Certificate(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(
		grpc.Creds(insecure.NewCredentials()),
		grpc.ForceServerCodecV2(wire.Codec{}),
		grpc.WaitForHandlers(true),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error { return answer(stream) }),
	)
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(tls.NewListener(listener, wire.Config(certificate, wire.Protocol("test network"), func(Key) error { return nil })))
	}()
	t.Cleanup(func() {
		server.Stop()
		<-done
	})
	return key, listener.Addr().String()
}
