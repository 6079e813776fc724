package transport

import (
	"container/list"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"quoin.dev/quoin/transport/internal/wire"
)

// identity is what a node shows in handshakes.
type identity struct {
	certificate tls.Certificate
	protocol    string
}

// admission accepts connections, holds them to limits until they have proved to come from a
// peer, and only then lets gRPC see them, as its listener.
//
// A connection in a handshake may be evicted by a newer one: the oldest of the source that has
// most of them goes. A flood from one source thus evicts itself; from an honest node's own
// source it leaves that node the time in which HalfOpenMax newer connections are accepted.
type admission struct {
	t        *Transport
	listener net.Listener
	admitted chan net.Conn
	done     chan struct{}
	working  sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	pending  *list.List // of *candidate, oldest first
	bySource map[netip.Addr]int
	// signatures allows the handshakes that get as far as costing something.
	signatures Allowance
}

var _ net.Listener = (*admission)(nil)

func newAdmission(t *Transport, listener net.Listener) *admission {
	rate := float64(t.config.HandshakesPerSecond)
	return &admission{
		t:          t,
		listener:   listener,
		admitted:   make(chan net.Conn),
		done:       make(chan struct{}),
		pending:    list.New(),
		bySource:   make(map[netip.Addr]int),
		signatures: NewAllowance(rate, max(rate/4, 16)),
	}
}

// Accept returns the next authenticated connection. gRPC calls it.
func (a *admission) Accept() (net.Conn, error) {
	select {
	case conn := <-a.admitted:
		return conn, nil
	case <-a.done:
		return nil, net.ErrClosed
	}
}

// Addr returns the address listened on.
func (a *admission) Addr() net.Addr { return a.listener.Addr() }

// Close is called by gRPC when its server stops.
func (a *admission) Close() error {
	a.close()
	return nil
}

// close stops accepting and ends all handshakes. It does not wait; run does.
func (a *admission) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	a.closed = true
	close(a.done)
	a.listener.Close()
	for e := a.pending.Front(); e != nil; e = e.Next() {
		e.Value.(*candidate).Close()
	}
}

// run accepts connections until close, and returns when no handshake is left.
func (a *admission) run() {
	defer a.working.Wait()
	rate := float64(a.t.config.AcceptsPerSecond)
	accepts := NewAllowance(rate, max(rate/8, 16))
	for {
		conn, err := a.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of descriptors, most likely. Handshakes in progress will free some.
			a.t.log.Warn("cannot accept connections from peers", "event", "accept-failed", "error", err)
			if !a.sleep(50 * time.Millisecond) {
				return
			}
			continue
		}
		a.t.counters.accepted.Add(1)
		a.admit(conn)
		for !accepts.Take(time.Now()) {
			if !a.sleep(time.Millisecond) {
				return
			}
		}
	}
}

// sleep reports whether it slept the whole time, which it does not if the admission is closed.
func (a *admission) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.done:
		return false
	}
}

// admit starts the handshake of a connection, evicting another if there are too many.
func (a *admission) admit(conn net.Conn) {
	c := &candidate{Conn: conn, admission: a, source: sourceOf(conn), budget: a.t.config.HandshakeBytesMax}
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		conn.Close()
		return
	}
	if a.pending.Len() >= a.t.config.HalfOpenMax {
		evicted := a.victim()
		evicted.verdict(RefusedEvicted)
		a.remove(evicted)
		evicted.Close()
	}
	c.element = a.pending.PushBack(c)
	a.bySource[c.source]++
	a.mu.Unlock()
	a.working.Go(c.run)
}

// victim returns the oldest candidate of a source that has most of them. The caller holds mu.
func (a *admission) victim() *candidate {
	most := 0
	for _, n := range a.bySource {
		most = max(most, n)
	}
	for e := a.pending.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*candidate); a.bySource[c.source] == most {
			return c
		}
	}
	panic("transport: no candidate to evict among too many")
}

// remove takes a candidate off the list, once. The caller holds mu.
func (a *admission) remove(c *candidate) {
	if c.element == nil {
		return
	}
	a.pending.Remove(c.element)
	c.element = nil
	if a.bySource[c.source]--; a.bySource[c.source] == 0 {
		delete(a.bySource, c.source)
	}
}

func (a *admission) halfOpen() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pending.Len()
}

// candidate is a connection in the middle of its handshake.
type candidate struct {
	net.Conn
	admission *admission
	source    netip.Addr
	element   *list.Element // in admission.pending, or nil; under admission.mu
	budget    int           // bytes it may still send, or unlimited

	mu      sync.Mutex
	judged  bool
	reason  Reason
	claimed *peer // whose key it showed
}

// verdict sets why the candidate is refused. The first one stands.
func (c *candidate) verdict(reason Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.judged {
		c.judged, c.reason = true, reason
	}
}

// unlimited is the budget of a connection after its handshake.
const unlimited = -1

var errHandshakeBytes = errors.New("handshake too long")

// Read holds the candidate to its budget: crypto/tls alone would let each gather a quarter of a
// megabyte.
func (c *candidate) Read(b []byte) (int, error) {
	if c.budget == unlimited {
		return c.Conn.Read(b)
	}
	if c.budget == 0 {
		return 0, errHandshakeBytes
	}
	n, err := c.Conn.Read(b[:min(len(b), c.budget)])
	c.budget -= n
	return n, err
}

// run performs the handshake and hands the connection to gRPC, or counts why not.
func (c *candidate) run() {
	a := c.admission
	tuneTCP(c.Conn)
	c.SetDeadline(time.Now().Add(a.t.config.HandshakeTimeout))
	secure := tls.Server(c, &tls.Config{
		MinVersion:         tls.VersionTLS13,
		GetConfigForClient: c.greet,
	})
	err := secure.Handshake()
	c.SetDeadline(time.Time{})
	c.budget = unlimited

	a.mu.Lock()
	evicted := c.element == nil
	a.remove(c)
	a.mu.Unlock()
	if err == nil && evicted {
		err = net.ErrClosed
	}
	if err != nil {
		c.Close()
		c.refuse(err)
		return
	}
	a.t.counters.authenticated.Add(1)
	authenticated := &connection{Conn: secure, raw: c.Conn, peer: c.claimed}
	if !c.claimed.inbound.attach(authenticated) {
		authenticated.shut()
		return
	}
	select {
	case a.admitted <- authenticated:
	case <-a.done:
		authenticated.shut()
	}
}

// greet looks at a ClientHello before anything is spent on it, and returns the settings for the
// rest of the handshake.
func (c *candidate) greet(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	t := c.admission.t
	if !slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
		c.verdict(RefusedOldTLS)
	} else if !slices.Contains(hello.SupportedProtos, t.identity.protocol) {
		c.verdict(RefusedWrongNetwork)
	} else if !c.admission.mayContinue() {
		c.verdict(RefusedRate)
		return nil, errors.New("too many handshakes")
	}
	// Whatever the verdict, crypto/tls comes to the same by these settings, and then sends the
	// alert that tells the other side why.
	return wire.Config(t.identity.certificate, t.identity.protocol, func(key Key) error {
		p := t.roster.Load().byKey[key]
		if p == nil {
			c.verdict(RefusedNotPeer)
			return fmt.Errorf("%s is not a peer", name(key))
		}
		c.claimed = p
		return nil
	}), nil
}

func (a *admission) mayContinue() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.signatures.Take(time.Now())
}

// refuse counts why the handshake failed.
func (c *candidate) refuse(err error) {
	select {
	case <-c.admission.done:
		return // not its fault
	default:
	}
	c.verdict(c.reasonOf(err))
	c.admission.t.refuse(c.reason, nil)
	c.admission.t.log.Debug("connection refused", "event", "connection-refused", "remote", c.RemoteAddr(), "reason", c.reason, "error", err)
}

func (c *candidate) reasonOf(err error) Reason {
	switch {
	case errors.Is(err, wire.ErrCertificate):
		return RefusedCertificate
	case errors.Is(err, wire.ErrNetwork):
		return RefusedWrongNetwork
	case errors.Is(err, errHandshakeBytes):
		return RefusedHandshakeBytes
	case errors.Is(err, os.ErrDeadlineExceeded):
		return RefusedTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), alertOf(err) != "":
		return RefusedAbandoned
	case c.claimed != nil:
		return RefusedWrongIdentity
	default:
		return RefusedHandshake
	}
}

// sourceOf is what connections are told apart by before they have a name: an IPv4 address, or
// the first 64 bits of an IPv6 address, which is what one subscriber has.
func sourceOf(conn net.Conn) netip.Addr {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	address := tcp.AddrPort().Addr().Unmap().WithZone("")
	if address.Is6() {
		if prefix, err := address.Prefix(64); err == nil {
			return prefix.Addr()
		}
	}
	return address
}
