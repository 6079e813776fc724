// Package transport carries messages between nodes over authenticated links. It decides nothing:
// it never reads a message, and what it drops or refuses it counts.
//
// # Links
//
// Each node dials each of its peers, so a pair of nodes has two TCP connections, and each carries
// messages in one direction only: from the node that dialled. A node thus owns its reconnects and
// queues, no rule has to break ties when both dial at once, and a peer that misbehaves on the
// link it dialled cannot disturb the one on which it is sent to. The price, a second connection,
// is small beside what a link carries. Of two inbound connections of one peer the newer wins,
// because the older is usually the remains of a crash.
//
// A link is a gRPC connection with three streams of frames, one for each Class. Streams share
// the connection in turns of 16 KiB and have flow control of their own: a vote waits behind at
// most a turn of each other class and what the kernel has accepted (kept short on Linux by
// TCP_NOTSENT_LOWAT), never behind a whole block body, and a receiver that is slow with bodies
// still receives votes. This is the reserved share of consensus: at least a third of a saturated
// link, and all of it if the others are silent. Small messages that wait for the same stream
// travel together in one frame; a message for an idle stream leaves at once.
//
// # Identity
//
// Both sides authenticate by mutual TLS 1.3 with self-signed certificates that are made in
// memory and whose Ed25519 key is the node's identity. A peer is its key: there is no authority,
// no name and no expiry to trust. The network's name is bound into the handshake as application
// protocol (RFC 7301), so that nodes of another network are refused there. Signing handshakes
// with the validator's key is sound because what TLS 1.3 signs begins with 64 spaces and its own
// context text (RFC 8446, 4.4.3), and nothing else that a validator signs does.
//
// # Delivery
//
// Messages of one peer and class arrive in the order they were sent, at most once, and possibly
// not at all: a full queue drops (see Class), and a link that breaks loses what was in flight.
// What waits in a queue survives a reconnect. Whoever needs more repeats itself, as consensus
// does at each time-out.
//
// # Limits
//
// Everything has one: messages and bytes per queue, bytes per message, bytes in flight per
// stream (the window, plus one message that is larger), connections in the middle of a
// handshake, bytes and time per handshake, accepted connections per second, connections per peer and
// reconnects per peer. See Config and ClassLimits. A flood of half-open connections costs at
// most HalfOpenMax times about 30 KiB.
//
// # Concurrency
//
// All methods are safe for concurrent use. Send and Broadcast never block on the network.
package transport

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"

	"quoin.dev/quoin/transport/internal/wire"
)

// Key is the Ed25519 public key that is a node's identity.
type Key = wire.Key

// Handler receives the messages of peers. It is called on one goroutine per peer and class, so
// calls for one (from, class) are sequential and in order, and calls for different ones are
// concurrent. The message belongs to the handler: nobody else reads or writes it, and it shares
// no memory with other messages.
//
// A handler that takes its time stops the sender of that class, by flow control, once the window
// is full; other classes and peers are not affected. That is the back-pressure: a handler whose
// queue is full should wait, not drop, unless the message is worthless. It may be called before
// New returns, may call Send and Broadcast, must not call Close, and must
// return in the end, since Close waits for it.
type Handler func(from Key, class Class, message []byte)

// Peer is a node to exchange messages with.
type Peer struct {
	// Key is its identity. The node's own key is skipped, so that one list serves all.
	Key Key
	// Address is where to dial it, "host:port".
	Address string
}

// Errors of New and SetPeers, wrapped with what was found.
var (
	// ErrConfig: a setting is missing or out of range.
	ErrConfig = errors.New("transport: invalid configuration")
	// ErrClosed: the transport has been closed.
	ErrClosed = errors.New("transport: closed")
)

// Transport is one node's end of all its links. Make it with New.
type Transport struct {
	config    Config
	handler   Handler
	key       Key
	identity  identity
	log       *slog.Logger
	counters  counters
	admission *admission
	server    *grpc.Server

	// roster is replaced as a whole, under mu, so that Send and the handshakes read it
	// without a lock.
	roster atomic.Pointer[roster]
	mu     sync.Mutex
	closed bool
	links  sync.WaitGroup
	late   sync.WaitGroup // passes delayed messages on, see Impairment
	serve  sync.WaitGroup
}

// roster is an immutable set of peers.
type roster struct {
	byKey map[Key]*peer
	list  []*peer // sorted by key
}

// New listens on the configured address and starts dialling the peers. The handler may be called
// from then on. It fails with ErrConfig, or with the error of listening.
func New(config Config, handler Handler) (*Transport, error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, err
	}
	if handler == nil {
		return nil, fmt.Errorf("%w: no handler", ErrConfig)
	}
	certificate, key, err := wire.Certificate(config.Identity)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := checkPeers(config.Peers); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", config.Listen)
	if err != nil {
		return nil, fmt.Errorf("transport: listening on %s for peers: %w", config.Listen, err)
	}
	t := &Transport{
		config:   config,
		handler:  handler,
		key:      key,
		identity: identity{certificate: certificate, protocol: wire.Protocol(config.Network)},
		log:      config.Logger,
	}
	t.roster.Store(&roster{})
	t.admission = newAdmission(t, listener)
	t.server = newServer(t)
	t.serve.Go(t.admission.run)
	t.serve.Go(func() { t.server.Serve(t.admission) })
	if err := t.SetPeers(config.Peers); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// Key returns the node's own identity.
func (t *Transport) Key() Key { return t.key }

// Addr returns the address on which peers reach this node.
func (t *Transport) Addr() net.Addr { return t.admission.Addr() }

// Send queues a message for a peer and reports whether it was queued. It never blocks. It is
// false if the message is empty or too long, the peer is unknown, the transport is closed, or the
// queue is full in a class that refuses rather than drops its oldest (see Class); all of it is
// counted. The message
// is shared with the network and other receivers: it must never be modified afterwards.
func (t *Transport) Send(to Key, class Class, message []byte) bool {
	p := t.roster.Load().byKey[to]
	if p == nil || !class.valid() {
		t.counters.misaddressed.Add(1)
		return false
	}
	return p.out[class].put(message)
}

// Broadcast queues one message for every peer, as Send does. The bytes are shared by all.
func (t *Transport) Broadcast(class Class, message []byte) {
	if !class.valid() {
		t.counters.misaddressed.Add(1)
		return
	}
	for _, p := range t.roster.Load().list {
		p.out[class].put(message)
	}
}

// SetPeers replaces the set of peers. Links to peers that stay at their address are left alone;
// a peer that moved is dialled anew and keeps its queues and counters; the links of peers that
// are gone are closed in both directions, and everything about them is forgotten, so that a peer
// added again is a new one. It fails with ErrConfig, changing nothing, or ErrClosed.
func (t *Transport) SetPeers(peers []Peer) error {
	if err := checkPeers(peers); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return ErrClosed
	}
	old := t.roster.Load()
	next := &roster{byKey: make(map[Key]*peer, len(peers))}
	for _, listed := range peers {
		if listed.Key == t.key {
			continue
		}
		p := old.byKey[listed.Key]
		if p == nil {
			p = newPeer(t, listed.Key)
		}
		p.move(listed.Address)
		next.byKey[p.key] = p
		next.list = append(next.list, p)
	}
	slices.SortFunc(next.list, func(a, b *peer) int { return slices.Compare(a.key[:], b.key[:]) })
	// Whoever finishes a handshake after this line is judged by the new roster; whoever did
	// before it is closed below.
	t.roster.Store(next)
	for _, p := range old.list {
		if next.byKey[p.key] == nil {
			p.stop()
		}
	}
	for _, p := range next.list {
		if old.byKey[p.key] == nil {
			t.links.Go(p.run)
		}
	}
	return nil
}

// Close ends all links and waits until no goroutine of the transport is left and no handler is
// running. Messages still queued are not sent. It may be called more than once.
func (t *Transport) Close() error {
	t.mu.Lock()
	first := !t.closed
	t.closed = true
	for _, p := range t.roster.Load().list {
		p.stop()
	}
	t.mu.Unlock()
	if first {
		t.admission.close()
		t.server.Stop()
	}
	t.links.Wait()
	t.serve.Wait()
	t.late.Wait()
	return nil
}

func checkPeers(peers []Peer) error {
	seen := make(map[Key]bool, len(peers))
	for _, p := range peers {
		if seen[p.Key] {
			return fmt.Errorf("%w: peer %x is listed twice", ErrConfig, p.Key)
		}
		seen[p.Key] = true
		if _, _, err := net.SplitHostPort(p.Address); err != nil {
			return fmt.Errorf("%w: peer %x: address %q is not host:port: %w", ErrConfig, p.Key, p.Address, err)
		}
	}
	return nil
}
