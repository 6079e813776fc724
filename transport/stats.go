package transport

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Stats is a snapshot of what a Transport has done since New. Counters only grow, except that a
// peer's are forgotten when it is removed.
type Stats struct {
	// Peers are the configured peers, sorted by key.
	Peers []PeerStats
	// Refused counts what strangers and peers were refused, by Reason; it includes what
	// PeerStats.Refused counts.
	Refused [ReasonCount]uint64
	// Accepted counts inbound TCP connections, Authenticated those whose key was proved.
	Accepted      uint64
	Authenticated uint64
	// HalfOpen is the number of inbound connections in the middle of a handshake.
	HalfOpen int
	// Misaddressed counts messages that the node itself sent to a key that is not a peer, or
	// in a class that does not exist.
	Misaddressed uint64
}

// PeerStats is what concerns one peer.
type PeerStats struct {
	Key     Key
	Address string
	// Up reports whether messages to the peer are being sent, Inbound whether it has a link
	// to this node.
	Up      bool
	Inbound bool
	// Connects counts the times the link to the peer came up, so Connects - 1 are
	// reconnects; Failures counts the attempts that did not succeed, and LastError says why
	// the latest link or attempt ended ("" if none has).
	Connects  uint64
	Failures  uint64
	LastError string
	// RoundTrip is the smoothed round trip of the link to the peer as the kernel measures it; 0 where
	// it does not tell, or there is no link.
	RoundTrip time.Duration
	Classes   [ClassCount]ClassStats
	// Refused counts what was refused from a party that proved to be this peer, or (wrong
	// identity, wrong network) at its address.
	Refused [ReasonCount]uint64
}

// ClassStats is what concerns one class of messages of one peer.
type ClassStats struct {
	// Sent is what was handed to a live link, Received what was handed to the Handler.
	Sent, Received Traffic
	// Dropped counts messages for the peer that were not sent, and of DroppedFault also messages
	// from it.
	Dropped [DropCount]uint64
	// Queued is what waits now.
	QueuedMessages, QueuedBytes int
	// Waited is how long messages that were taken from the queue had waited in it.
	Waited Waits
}

// WaitBounds are the upper bounds of the buckets of Waits; the last bucket has none.
var WaitBounds = [...]time.Duration{100 * time.Microsecond, 300 * time.Microsecond, time.Millisecond, 3 * time.Millisecond, 10 * time.Millisecond,
	30 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond, time.Second, 3 * time.Second}

// Waits counts waits, by how long they were.
type Waits struct {
	Buckets [len(WaitBounds) + 1]uint64
	Sum     time.Duration
}

func (w *Waits) add(d time.Duration) {
	i := 0
	for i < len(WaitBounds) && d > WaitBounds[i] {
		i++
	}
	w.Buckets[i]++
	w.Sum += d
}

// Traffic counts messages, their bytes, and the frames that they travelled in.
type Traffic struct{ Messages, Bytes, Frames uint64 }

// Drop is why a message for a peer was not sent.
type Drop uint8

const (
	// DroppedOldest: it made room for a newer one.
	DroppedOldest Drop = iota
	// DroppedFull: the queue was full.
	DroppedFull
	// DroppedUnfit: it was empty or too long for its class.
	DroppedUnfit
	// DroppedLink: the link broke while it was being sent, or the transport was closed.
	DroppedLink
	// DroppedFault: an injected fault took it, on its way to the peer or from it.
	DroppedFault

	// DropCount is the number of reasons.
	DropCount = 5
)

var dropNames = [DropCount]string{"oldest", "full", "unfit", "link", "fault"}

// String returns the name of the reason, fit for a metric's label.
func (d Drop) String() string {
	if int(d) >= len(dropNames) {
		return fmt.Sprintf("Drop(%d)", uint8(d))
	}
	return dropNames[d]
}

// Reason is why a connection, a stream or a frame was refused.
type Reason uint8

const (
	// RefusedNotPeer: its key is not a peer's.
	RefusedNotPeer Reason = iota
	// RefusedWrongIdentity: an inbound connection claimed a peer's key without holding it, or
	// another key answered at a peer's address.
	RefusedWrongIdentity
	// RefusedWrongNetwork: it belongs to another network, or speaks another version.
	RefusedWrongNetwork
	// RefusedCertificate: it did not show exactly one certificate with an Ed25519 key.
	RefusedCertificate
	// RefusedOldTLS: it does not speak TLS 1.3.
	RefusedOldTLS
	// RefusedHandshake: what it sent is not a handshake, or it showed no certificate.
	RefusedHandshake
	// RefusedHandshakeBytes: its handshake was longer than HandshakeBytesMax.
	RefusedHandshakeBytes
	// RefusedTimeout: its handshake took longer than HandshakeTimeout.
	RefusedTimeout
	// RefusedAbandoned: it closed, or refused us, before the handshake was complete.
	RefusedAbandoned
	// RefusedEvicted: it made room for a newer connection among those in a handshake.
	RefusedEvicted
	// RefusedRate: too many handshakes per second, or reconnects of one peer.
	RefusedRate
	// RefusedDuplicate: a newer connection of the same peer took its place.
	RefusedDuplicate
	// RefusedProtocol: an authenticated connection was closed because what it said was not
	// HTTP/2 or gRPC, named no class or one class twice, or it no longer answered keepalives.
	RefusedProtocol
	// RefusedOversized: a message was longer than its class allows.
	RefusedOversized
	// RefusedFrame: a frame was malformed.
	RefusedFrame

	// ReasonCount is the number of reasons.
	ReasonCount = 15
)

var reasonNames = [ReasonCount]string{
	"not_peer", "wrong_identity", "wrong_network", "certificate", "old_tls", "handshake",
	"handshake_bytes", "timeout", "abandoned", "evicted", "rate", "duplicate", "protocol",
	"oversized", "frame",
}

// String returns the name of the reason, fit for a metric's label.
func (r Reason) String() string {
	if int(r) >= len(reasonNames) {
		return fmt.Sprintf("Reason(%d)", uint8(r))
	}
	return reasonNames[r]
}

// counters are the totals of a Transport.
type counters struct {
	refused       [ReasonCount]atomic.Uint64
	accepted      atomic.Uint64
	authenticated atomic.Uint64
	misaddressed  atomic.Uint64
}

// refuse counts a refusal; p is the peer it concerns, or nil.
func (t *Transport) refuse(reason Reason, p *peer) {
	t.counters.refused[reason].Add(1)
	if p != nil {
		p.refused[reason].Add(1)
	}
}

// Stats returns a snapshot. Its parts are each consistent, but taken one after the other.
func (t *Transport) Stats() Stats {
	stats := Stats{
		Accepted:      t.counters.accepted.Load(),
		Authenticated: t.counters.authenticated.Load(),
		HalfOpen:      t.admission.halfOpen(),
		Misaddressed:  t.counters.misaddressed.Load(),
	}
	for reason := range stats.Refused {
		stats.Refused[reason] = t.counters.refused[reason].Load()
	}
	for _, p := range t.roster.Load().list {
		stats.Peers = append(stats.Peers, p.stats())
	}
	return stats
}

func (p *peer) stats() PeerStats {
	stats := PeerStats{
		Key:       p.key,
		Address:   *p.address.Load(),
		Up:        p.up.Load(),
		Inbound:   p.inbound.live(),
		Connects:  p.connects.Load(),
		Failures:  p.failures.Load(),
		LastError: *p.lastError.Load(),
	}
	if conn := p.conn.Load(); conn != nil && stats.Up {
		stats.RoundTrip = roundTrip(*conn)
	}
	for reason := range stats.Refused {
		stats.Refused[reason] = p.refused[reason].Load()
	}
	for class := range stats.Classes {
		stats.Classes[class] = p.queues[class].stats()
		stats.Classes[class].Received = p.inbound.received[class].load()
		stats.Classes[class].Dropped[DroppedFault] = p.out[class].lost.Load() + p.inbound.handle[class].lost.Load()
	}
	return stats
}

func (q *queue) stats() ClassStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return ClassStats{Sent: q.sent, Dropped: q.dropped, QueuedMessages: q.messages, QueuedBytes: q.bytes, Waited: q.waited}
}

// traffic is Traffic that one goroutine counts and others read.
type traffic struct{ messages, bytes, frames atomic.Uint64 }

func (t *traffic) load() Traffic {
	return Traffic{Messages: t.messages.Load(), Bytes: t.bytes.Load(), Frames: t.frames.Load()}
}
