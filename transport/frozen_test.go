package transport_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quoin.dev/quoin/transport"
)

// proxy forwards connections to an address, and can be frozen, as a stopped process or a network that
// swallows everything would be: connections stay open, and nothing moves.
type proxy struct {
	listener net.Listener
	frozen   atomic.Bool
	closed   atomic.Bool
	running  sync.WaitGroup
	mu       sync.Mutex
	open     []net.Conn
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener}
	p.running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			p.mu.Lock()
			p.open = append(p.open, near, far)
			p.mu.Unlock()
			p.running.Go(func() { p.forward(near, far) })
			p.running.Go(func() { p.forward(far, near) })
		}
	})
	t.Cleanup(func() {
		p.closed.Store(true)
		listener.Close()
		p.mu.Lock()
		for _, conn := range p.open {
			conn.Close()
		}
		p.mu.Unlock()
		p.running.Wait()
	})
	return p
}

func (p *proxy) forward(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		for p.frozen.Load() && !p.closed.Load() {
			time.Sleep(5 * time.Millisecond)
		}
		n, err := from.Read(buffer)
		for p.frozen.Load() && !p.closed.Load() {
			time.Sleep(5 * time.Millisecond)
		}
		if _, werr := to.Write(buffer[:n]); err != nil || werr != nil {
			return
		}
	}
}

// A peer that freezes, with its connections open, is given up after a while, Send never waits for
// it, and when it thaws the link comes back with what is newest.
func TestFrozenPeer(t *testing.T) {
	t.Parallel()
	short := func(c *transport.Config) { c.HandshakeTimeout = time.Second }
	a, b := start(t, 1, short), start(t, 2, short)
	proxy := startProxy(t, b.Addr().String())
	if err := a.SetPeers([]transport.Peer{{Key: b.Key(), Address: proxy.listener.Addr().String()}}); err != nil {
		t.Fatal(err)
	}
	if err := b.SetPeers([]transport.Peer{peerOf(a.Transport)}); err != nil {
		t.Fatal(err)
	}
	waitUp(t, a.Transport)
	a.Send(b.Key(), transport.Consensus, []byte("before"))
	if got := b.next(t); string(got.message) != "before" {
		t.Fatalf("got %q", got.message)
	}
	proxy.frozen.Store(true)
	froze := time.Now()
	body := make([]byte, 1<<20)
	for range 20 {
		a.Send(b.Key(), transport.Bulk, body)
	}
	votes := uint64(0)
	eventually(t, "the frozen peer is given up", func() bool {
		if !a.Send(b.Key(), transport.Consensus, numbered(votes, 128)) {
			t.Error("a vote was refused")
		}
		votes++
		return !peerStats(t, a.Transport, b.Key()).Up
	})
	t.Logf("given up after %v, %d votes sent meanwhile", time.Since(froze), votes)
	a.Send(b.Key(), transport.Consensus, []byte("latest"))
	eventually(t, "attempts fail", func() bool { return peerStats(t, a.Transport, b.Key()).Failures > 0 })
	proxy.frozen.Store(false)
	thawed := time.Now()
	for {
		if got := b.next(t); string(got.message) == "latest" {
			break
		}
	}
	t.Logf("back %v after thawing", time.Since(thawed))
}
