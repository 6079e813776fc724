package transport

import (
	"crypto"
	"fmt"
	"log/slog"
	"math"
	"time"
)

// Config is what New needs. Zero fields take the defaults named in their comments, except for
// Identity, Network and Listen, which must be given.
type Config struct {
	// Identity signs handshakes. Its Public must be an ed25519.PublicKey; an
	// ed25519.PrivateKey will do. It must be safe for concurrent use.
	Identity crypto.Signer
	// Network names the network, for instance by its genesis' hash. Nodes that were given
	// different ones refuse each other in the handshake.
	Network string
	// Listen is the address to listen on, "host:port"; port 0 lets the system choose (Addr
	// says which).
	Listen string
	// Peers may be empty, and changed later by SetPeers.
	Peers []Peer

	// Classes are the limits of each class, indexed by Class.
	Classes [ClassCount]ClassLimits
	// WindowBytes is how much of one stream may be in flight and not yet taken by the
	// handler, in bytes. Default 1 MiB. At least 64 KiB.
	WindowBytes int

	// HalfOpenMax bounds the inbound connections that have not finished their handshake. One
	// more evicts the oldest one of the source address that has most of them. Default 512.
	HalfOpenMax int
	// HandshakeTimeout bounds an inbound handshake, and HandshakeBytesMax the bytes received
	// in it (an honest one takes about 2 KiB). A dialling node waits twice as long, since
	// its connection may first wait in the other's kernel. Defaults 3 s and 8 KiB.
	HandshakeTimeout  time.Duration
	HandshakeBytesMax int
	// AcceptsPerSecond paces inbound connections; those above wait in the kernel's queue. It
	// bounds what a flood costs: at the defaults about a sixth of a core. It should empty that
	// queue, 4096 long on Linux, within twice HandshakeTimeout. Default 1000.
	AcceptsPerSecond int
	// HandshakesPerSecond bounds the handshakes that get as far as cryptography; those above
	// are refused. Default 200.
	HandshakesPerSecond int

	// Impair makes links worse than they are, on networks for tests; nil: nothing does.
	Impair Impairment

	// Backoff spaces the attempts to dial a peer.
	Backoff Backoff

	// Logger gets links that come and go, and refusals (at debug level, since strangers
	// cause them). Default: none.
	Logger *slog.Logger
}

// ClassLimits bounds one class of messages.
type ClassLimits struct {
	// MessageBytesMax is the longest message, sent or received, in bytes. A longer one is
	// refused before memory is allocated for it. All nodes of a network must agree. Defaults: 1 MiB, 8 MiB, 1 MiB.
	MessageBytesMax int
	// QueueMessages and QueueBytes bound what waits for one peer. QueueBytes must hold at
	// least one message. Defaults: 4096 and 8 MiB, 256 and 16 MiB, 4096 and 8 MiB.
	QueueMessages int
	QueueBytes    int
}

// Backoff says how long to wait before the next attempt to dial: Min after a link that was up
// for at least Max, doubled with each attempt up to Max, of which a random half is left out, so
// that nodes do not dial in step. A peer that dials in is dialled back at once.
type Backoff struct {
	Min time.Duration // default 50 ms
	Max time.Duration // default 1 s
}

var defaultLimits = [ClassCount]ClassLimits{
	Consensus:    {MessageBytesMax: 1 << 20, QueueMessages: 4096, QueueBytes: 8 << 20},
	Bulk:         {MessageBytesMax: 8 << 20, QueueMessages: 256, QueueBytes: 16 << 20},
	Transactions: {MessageBytesMax: 1 << 20, QueueMessages: 4096, QueueBytes: 8 << 20},
}

func (c Config) withDefaults() Config {
	for class := range c.Classes {
		limits, standard := &c.Classes[class], defaultLimits[class]
		orDefault(&limits.MessageBytesMax, standard.MessageBytesMax)
		orDefault(&limits.QueueMessages, standard.QueueMessages)
		orDefault(&limits.QueueBytes, max(standard.QueueBytes, limits.MessageBytesMax))
	}
	orDefault(&c.WindowBytes, 1<<20)
	orDefault(&c.HalfOpenMax, 512)
	orDefault(&c.HandshakeTimeout, 3*time.Second)
	orDefault(&c.HandshakeBytesMax, 8<<10)
	orDefault(&c.AcceptsPerSecond, 1000)
	orDefault(&c.HandshakesPerSecond, 200)
	orDefault(&c.Backoff.Min, 50*time.Millisecond)
	orDefault(&c.Backoff.Max, max(time.Second, c.Backoff.Min))
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func orDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// messageBytesMax is the largest that any class may have: lengths are 4 bytes on the wire, gRPC
// counts in int32, and one message is held in memory.
const messageBytesMax = 256 << 20

func (c Config) check() error {
	if c.Network == "" {
		return fmt.Errorf("%w: Network is empty, so nodes of other networks could not be told apart", ErrConfig)
	}
	if c.Listen == "" {
		return fmt.Errorf("%w: Listen is empty, want host:port", ErrConfig)
	}
	for class, limits := range c.Classes {
		switch {
		case limits.MessageBytesMax < 1 || limits.MessageBytesMax > messageBytesMax:
			return fmt.Errorf("%w: %v: MessageBytesMax is %d, want 1 to %d", ErrConfig, Class(class), limits.MessageBytesMax, messageBytesMax)
		case limits.QueueMessages < 1:
			return fmt.Errorf("%w: %v: QueueMessages is %d, want at least 1", ErrConfig, Class(class), limits.QueueMessages)
		case limits.QueueBytes < limits.MessageBytesMax:
			return fmt.Errorf("%w: %v: QueueBytes is %d, less than one message of %d", ErrConfig, Class(class), limits.QueueBytes, limits.MessageBytesMax)
		}
	}
	switch {
	case c.WindowBytes < 64<<10 || c.WindowBytes > math.MaxInt32/(ClassCount+1):
		return fmt.Errorf("%w: WindowBytes is %d, want 64 KiB to 512 MiB", ErrConfig, c.WindowBytes)
	case c.HalfOpenMax < 1 || c.HandshakesPerSecond < 1 || c.AcceptsPerSecond < 1:
		return fmt.Errorf("%w: HalfOpenMax, AcceptsPerSecond and HandshakesPerSecond must be positive", ErrConfig)
	case c.HandshakeTimeout < 0 || c.HandshakeBytesMax < 4<<10:
		return fmt.Errorf("%w: HandshakeTimeout must be positive and HandshakeBytesMax at least 4 KiB", ErrConfig)
	case c.Backoff.Min < 0 || c.Backoff.Max < c.Backoff.Min:
		return fmt.Errorf("%w: Backoff must have 0 < Min ≤ Max, not %v and %v", ErrConfig, c.Backoff.Min, c.Backoff.Max)
	}
	return nil
}
