package transport_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"quoin.dev/quoin/transport"
	"quoin.dev/quoin/transport/transporttest"
)

// Whoever holds a peer's identity may still send anything. Each attack ends that peer's
// connection, is counted for its reason, under that peer, and disturbs nobody else.
func TestAttacksByPeer(t *testing.T) {
	a, b := start(t, 1), start(t, 2)
	villain := identity(3)
	peers := []transport.Peer{peerOf(a.Transport), peerOf(b.Transport), {Key: keyOf(villain), Address: "127.0.0.1:1"}}
	for _, n := range []*node{a, b} {
		if err := n.SetPeers(peers); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "links up", func() bool {
		return peerStats(t, a.Transport, b.Key()).Up && peerStats(t, b.Transport, a.Key()).Up
	})
	target := targetOf(a.Transport)
	send := func(class transport.Class, frame []byte) func(context.Context) error {
		return func(ctx context.Context) error { return target.Send(ctx, villain, class, frame) }
	}
	oversized := func(class transport.Class, size int) func(context.Context) error {
		return func(ctx context.Context) error { return target.Oversized(ctx, villain, class, size) }
	}
	garbage := func(layer transporttest.Layer) func(context.Context) error {
		return func(ctx context.Context) error { return target.Garbage(ctx, villain, layer, 7, 64<<10) }
	}
	for _, test := range []struct {
		name   string
		attack func(context.Context) error
		want   transport.Reason
	}{
		{"vote above its class", oversized(transport.Consensus, 1<<20+1), transport.RefusedOversized},
		{"body above any class", oversized(transport.Bulk, 64<<20), transport.RefusedOversized},
		{"absurd length", send(transport.Bulk, []byte{0xff, 0xff, 0xff, 0xff}), transport.RefusedOversized},
		{"empty frame", send(transport.Transactions, nil), transport.RefusedFrame},
		{"message without bytes", send(transport.Transactions, transporttest.Frame(nil)), transport.RefusedFrame},
		{"trailing bytes", send(transport.Consensus, append(transporttest.Frame([]byte("vote")), 1, 2)), transport.RefusedFrame},
		{"no such class", func(ctx context.Context) error { return target.UnknownMethod(ctx, villain) }, transport.RefusedProtocol},
		{"second stream", func(ctx context.Context) error { return target.SecondStream(ctx, villain, transport.Bulk) }, transport.RefusedProtocol},
		{"garbage for HTTP/2", garbage(transporttest.TLS), transport.RefusedProtocol},
		{"garbage in HTTP/2", garbage(transporttest.HTTP2), transport.RefusedProtocol},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), attackTime)
			defer cancel()
			before := peerStats(t, a.Transport, keyOf(villain)).Refused
			if err := test.attack(ctx); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the refusal is counted", func() bool {
				return peerStats(t, a.Transport, keyOf(villain)).Refused[test.want] > before[test.want]
			})
			after := peerStats(t, a.Transport, keyOf(villain)).Refused
			after[test.want]--
			if after != before {
				t.Errorf("counted for other reasons too: %v", after)
			}
			b.Send(a.Key(), transport.Consensus, []byte(test.name))
			for got := a.next(t); string(got.message) != test.name; got = a.next(t) {
				// What a frame held before its fault has been delivered, as if it had come alone.
				if got.from != keyOf(villain) {
					t.Fatalf("got %q", got.message)
				}
			}
		})
	}
	if got := peerStats(t, b.Transport, a.Key()).Connects; got != 1 {
		t.Errorf("the honest link came up %d times, want once", got)
	}
	for _, class := range peerStats(t, a.Transport, b.Key()).Refused {
		if class != 0 {
			t.Error("the honest peer was blamed")
		}
	}
}

// Replays are the receiver's to judge: they arrive, each counted, and flow control bounds them.
func TestReplayedFramesArrive(t *testing.T) {
	a := start(t, 1)
	villain := identity(2)
	if err := a.SetPeers([]transport.Peer{{Key: keyOf(villain), Address: "127.0.0.1:1"}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error)
	const times = 500
	go func() {
		result <- targetOf(a.Transport).Replay(ctx, villain, transport.Consensus, transporttest.Frame([]byte("old vote"), []byte("older vote")), times)
	}()
	for range times {
		if first, second := a.next(t), a.next(t); string(first.message) != "old vote" || string(second.message) != "older vote" {
			t.Fatalf("got %q and %q", first.message, second.message)
		}
	}
	cancel()
	if err := <-result; !errors.Is(err, transporttest.ErrAccepted) {
		t.Errorf("replays: %v", err)
	}
	if got := a.Stats().Peers[0].Classes[transport.Consensus].Received; got != (transport.Traffic{Messages: 2 * times, Bytes: 18 * times, Frames: times}) {
		t.Errorf("counted %+v", got)
	}
}

// A flood of half-open connections costs bounded memory, is counted, leaves links alone and lets
// a peer reconnect while it lasts.
func TestHalfOpenFlood(t *testing.T) {
	const connections, halfOpenMax = 1000, 200
	for _, test := range []struct {
		name  string
		stall transporttest.Stall
	}{
		{"silent", transporttest.Silent},
		{"hello", transporttest.Hello},
		{"partial", transporttest.Partial},
	} {
		t.Run(test.name, func(t *testing.T) {
			limit := func(c *transport.Config) { c.HalfOpenMax, c.AcceptsPerSecond = halfOpenMax, 5000 }
			a, b := start(t, 1, limit), start(t, 2)
			connect(t, a.Transport, b.Transport)
			before := memory()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			flood, err := targetOf(a.Transport).HalfOpen(ctx, connections, test.stall, false)
			if err != nil {
				t.Fatal(err)
			}
			defer flood.Close()
			if flood.Failed() > 0 {
				t.Fatalf("%d connections could not be made", flood.Failed())
			}
			for i := range uint64(2000) {
				b.Send(a.Key(), transport.Consensus, numbered(i, 128))
				if got := a.next(t); numberOf(got.message) != i {
					t.Fatalf("got message %d, want %d", numberOf(got.message), i)
				}
			}
			eventually(t, "all connections are accepted", func() bool { return a.Stats().Accepted >= connections })
			stats := a.Stats()
			if stats.HalfOpen > halfOpenMax {
				t.Errorf("%d half-open connections, at most %d", stats.HalfOpen, halfOpenMax)
			}
			// The attacker's half is in this process too, so this is on the safe side.
			if grown := memory() - before; grown > 64<<20 {
				t.Errorf("memory grew by %d MiB", grown>>20)
			} else {
				t.Logf("memory grew by %d KiB, both sides", grown>>10)
			}
			if got := peerStats(t, b.Transport, a.Key()).Connects; got != 1 {
				t.Errorf("the link came up %d times, want once", got)
			}
			flood.Close()
			eventually(t, "all half-open connections are gone", func() bool { return a.Stats().HalfOpen == 0 })
			stats = a.Stats()
			refused := stats.Refused[transport.RefusedEvicted] + stats.Refused[transport.RefusedTimeout] +
				stats.Refused[transport.RefusedAbandoned] + stats.Refused[transport.RefusedRate]
			eventually(t, "each is counted", func() bool {
				stats = a.Stats()
				refused = 0
				for _, n := range stats.Refused {
					refused += n
				}
				return refused+stats.Authenticated >= stats.Accepted
			})
			t.Logf("accepted %d, authenticated %d, refused %v", stats.Accepted, stats.Authenticated, stats.Refused)
			if refused+stats.Authenticated != stats.Accepted {
				t.Errorf("%d refused and %d authenticated of %d accepted", refused, stats.Authenticated, stats.Accepted)
			}
		})
	}
}

// While the flood goes on, and takes the place of each connection that it loses, a peer that has
// lost its link gets through.
func TestReconnectDuringFlood(t *testing.T) {
	a, b := start(t, 1), start(t, 2)
	connect(t, a.Transport, b.Transport)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	flood, err := targetOf(a.Transport).HalfOpen(ctx, 1000, transporttest.Silent, true)
	if err != nil {
		t.Fatal(err)
	}
	defer flood.Close()
	waitRefused(t, a.Transport, transport.RefusedEvicted, 500)
	if err := b.SetPeers(nil); err != nil {
		t.Fatal(err)
	}
	if err := b.SetPeers([]transport.Peer{peerOf(a.Transport)}); err != nil {
		t.Fatal(err)
	}
	b.Send(a.Key(), transport.Consensus, []byte("through"))
	if got := a.next(t); string(got.message) != "through" {
		t.Errorf("got %q", got.message)
	}
	t.Logf("accepted %d, refused %v", a.Stats().Accepted, a.Stats().Refused)
}

// A handshake that takes too long is ended, without help from others.
func TestSlowHandshake(t *testing.T) {
	a := start(t, 1, func(c *transport.Config) { c.HandshakeTimeout = 50 * time.Millisecond })
	ctx, cancel := context.WithTimeout(context.Background(), attackTime)
	defer cancel()
	for _, stall := range []transporttest.Stall{transporttest.Silent, transporttest.Hello, transporttest.Partial} {
		before := a.Stats().Refused[transport.RefusedTimeout]
		flood, err := targetOf(a.Transport).HalfOpen(ctx, 3, stall, false)
		if err != nil {
			t.Fatal(err)
		}
		waitRefused(t, a.Transport, transport.RefusedTimeout, before+3)
		flood.Close()
	}
}

// memory returns the bytes of heap and stacks in use.
func memory() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapInuse + stats.StackInuse)
}
