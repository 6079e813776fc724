package transport_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"quoin.dev/quoin/transport"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(attackedAddress); address != "" {
		os.Exit(attack(address))
	}
	goleak.VerifyTestMain(m)
}

const network = "test network"

// identity returns the n-th test identity.
func identity(n int) ed25519.PrivateKey {
	seed := bytes.Repeat([]byte{byte(n)}, ed25519.SeedSize)
	seed[0] = byte(n >> 8)
	return ed25519.NewKeyFromSeed(seed)
}

func keyOf(private ed25519.PrivateKey) transport.Key {
	return transport.Key(private.Public().(ed25519.PublicKey))
}

// received is a message as a handler got it.
type received struct {
	from    transport.Key
	class   transport.Class
	message []byte
}

// node is a transport that keeps what it receives.
type node struct {
	*transport.Transport
	inbox chan received
}

// start makes node n on loopback, without peers, closed at the end of the test.
func start(t testing.TB, n int, change ...func(*transport.Config)) *node {
	t.Helper()
	inbox := make(chan received, 1<<16)
	return &node{startWith(t, n, func(from transport.Key, class transport.Class, message []byte) {
		inbox <- received{from, class, message}
	}, change...), inbox}
}

func startWith(t testing.TB, n int, handler transport.Handler, change ...func(*transport.Config)) *transport.Transport {
	t.Helper()
	config := transport.Config{
		Identity: identity(n),
		Network:  network,
		Listen:   "127.0.0.1:0",
		Backoff:  transport.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond},
	}
	if testing.Verbose() && os.Getenv("TRANSPORT_LOG") != "" {
		config.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", n)
	}
	for _, f := range change {
		f(&config)
	}
	made, err := transport.New(config, handler)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { made.Close() })
	return made
}

func peerOf(t *transport.Transport) transport.Peer {
	return transport.Peer{Key: t.Key(), Address: t.Addr().String()}
}

// connect makes the nodes each other's peers and waits until all links are up.
func connect(t testing.TB, nodes ...*transport.Transport) {
	t.Helper()
	var peers []transport.Peer
	for _, n := range nodes {
		peers = append(peers, peerOf(n))
	}
	for _, n := range nodes {
		if err := n.SetPeers(peers); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		waitUp(t, n)
	}
}

func waitUp(t testing.TB, n *transport.Transport) {
	t.Helper()
	eventually(t, "links up", func() bool {
		for _, p := range n.Stats().Peers {
			if !p.Up {
				return false
			}
		}
		return true
	})
}

// eventually waits for a condition that only needs time. The limit is generous, since it only
// decides when to give up.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatalf("gave up waiting: %s", what)
}

// next returns the next message that the node receives.
func (n *node) next(t testing.TB) received {
	t.Helper()
	select {
	case r := <-n.inbox:
		return r
	case <-time.After(30 * time.Second):
		t.Fatal("gave up waiting for a message")
		panic("unreachable")
	}
}

// peerStats returns what n says about a peer.
func peerStats(t testing.TB, n *transport.Transport, key transport.Key) transport.PeerStats {
	t.Helper()
	for _, p := range n.Stats().Peers {
		if p.Key == key {
			return p
		}
	}
	t.Fatalf("%x is not a peer", key[:4])
	panic("unreachable")
}

func waitRefused(t testing.TB, n *transport.Transport, reason transport.Reason, atLeast uint64) {
	t.Helper()
	eventually(t, reason.String(), func() bool { return n.Stats().Refused[reason] >= atLeast })
}

// numbered returns a message of the given size that begins with its number.
func numbered(n uint64, size int) []byte {
	message := make([]byte, max(size, 8))
	binary.BigEndian.PutUint64(message, n)
	return message
}

func numberOf(message []byte) uint64 { return binary.BigEndian.Uint64(message) }

// gate is a handler's door: calls wait until it is opened.
type gate struct {
	once sync.Once
	c    chan struct{}
}

func newGate() *gate   { return &gate{c: make(chan struct{})} }
func (g *gate) open()  { g.once.Do(func() { close(g.c) }) }
func (g *gate) enter() { <-g.c }
