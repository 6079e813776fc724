package transport_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"quoin.dev/quoin/transport"
	"quoin.dev/quoin/transport/transporttest"
)

// attackTime bounds a single attack: an honest node refuses long before.
const attackTime = 20 * time.Second

func targetOf(n *transport.Transport) transporttest.Target {
	return transporttest.Target{Address: n.Addr().String(), Network: network}
}

func TestLinksUpAndMessagesArrive(t *testing.T) {
	a, b := start(t, 1), start(t, 2)
	connect(t, a.Transport, b.Transport)
	for _, class := range transport.Classes() {
		if !a.Send(b.Key(), class, []byte(class.String())) {
			t.Fatalf("%v: not queued", class)
		}
		got := b.next(t)
		if got.from != a.Key() || got.class != class || string(got.message) != class.String() {
			t.Errorf("got %v from %x: %q", got.class, got.from[:4], got.message)
		}
	}
	b.Broadcast(transport.Bulk, []byte("back"))
	if got := a.next(t); string(got.message) != "back" || got.from != b.Key() {
		t.Errorf("got %q", got.message)
	}
}

// Each attack on the handshake is refused for its own reason, and a link is not disturbed by any.
func TestHandshakeAttacks(t *testing.T) {
	a, b := start(t, 1), start(t, 2)
	connect(t, a.Transport, b.Transport)
	target := targetOf(a.Transport)
	peer, stranger := identity(2), identity(66)
	for _, test := range []struct {
		name   string
		attack func(context.Context) error
		want   transport.Reason
	}{
		{"stranger", func(ctx context.Context) error { return target.WrongIdentity(ctx, stranger) }, transport.RefusedNotPeer},
		{"itself", func(ctx context.Context) error { return target.WrongIdentity(ctx, identity(1)) }, transport.RefusedNotPeer},
		{"impostor", func(ctx context.Context) error { return target.Impostor(ctx, b.Key()) }, transport.RefusedWrongIdentity},
		{"other network", func(ctx context.Context) error { return target.WrongNetwork(ctx, peer, "other") }, transport.RefusedWrongNetwork},
		{"no protocol", func(ctx context.Context) error { return target.NoProtocol(ctx, peer) }, transport.RefusedWrongNetwork},
		{"TLS 1.2", func(ctx context.Context) error { return target.OldTLS(ctx, peer) }, transport.RefusedOldTLS},
		{"two certificates", func(ctx context.Context) error { return target.LongHandshake(ctx, peer, 400) }, transport.RefusedCertificate},
		{"long handshake", func(ctx context.Context) error { return target.LongHandshake(ctx, peer, 60<<10) }, transport.RefusedHandshakeBytes},
		{"no certificate", func(ctx context.Context) error { return target.NoCertificate(ctx) }, transport.RefusedHandshake},
		{"garbage", func(ctx context.Context) error {
			return target.Garbage(ctx, nil, transporttest.TCP, 7, 4096)
		}, transport.RefusedHandshake},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), attackTime)
			defer cancel()
			before := a.Stats().Refused
			if err := test.attack(ctx); err != nil {
				t.Fatal(err)
			}
			waitRefused(t, a.Transport, test.want, before[test.want]+1)
			after := a.Stats().Refused
			after[test.want]--
			if after != before {
				t.Errorf("counted for other reasons too: %v, then %v", before, a.Stats().Refused)
			}
			b.Send(a.Key(), transport.Consensus, []byte(test.name))
			if got := a.next(t); string(got.message) != test.name {
				t.Errorf("got %q", got.message)
			}
		})
	}
	if got := peerStats(t, b.Transport, a.Key()).Connects; got != 1 {
		t.Errorf("the honest link came up %d times, want once", got)
	}
}

// Whoever shows a peer's certificate without its key neither ends that peer's link nor uses up
// its reconnects.
func TestImpostorsDoNotDisturb(t *testing.T) {
	a, b := start(t, 1), start(t, 2)
	connect(t, a.Transport, b.Transport)
	ctx, cancel := context.WithTimeout(context.Background(), attackTime)
	defer cancel()
	const impostors = 32 // twice the reconnects that a peer has at once
	for range impostors {
		if err := targetOf(a.Transport).Impostor(ctx, b.Key()); err != nil {
			t.Fatal(err)
		}
	}
	waitRefused(t, a.Transport, transport.RefusedWrongIdentity, impostors)
	if got := peerStats(t, b.Transport, a.Key()).Connects; got != 1 {
		t.Errorf("the honest link came up %d times, want once", got)
	}
	// The peer may still reconnect.
	if err := b.SetPeers(nil); err != nil {
		t.Fatal(err)
	}
	connect(t, a.Transport, b.Transport)
}

// A control for the attacks: the same dial with a peer's identity is accepted.
func TestHandshakeControl(t *testing.T) {
	a, b := start(t, 1), identity(2)
	if err := a.SetPeers([]transport.Peer{{Key: keyOf(b), Address: "127.0.0.1:1"}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), attackTime)
	defer cancel()
	if err := targetOf(a.Transport).WrongIdentity(ctx, b); !errors.Is(err, transporttest.ErrAccepted) {
		t.Errorf("a peer was not accepted: %v", err)
	}
}

// The dialling side pins too.
func TestDialledIdentity(t *testing.T) {
	a, b := start(t, 1), start(t, 2)
	pinned := keyOf(identity(3))
	if err := a.SetPeers([]transport.Peer{{Key: pinned, Address: b.Addr().String()}}); err != nil {
		t.Fatal(err)
	}
	waitRefused(t, a.Transport, transport.RefusedWrongIdentity, 1)
	waitRefused(t, b.Transport, transport.RefusedAbandoned, 1)
	p := peerStats(t, a.Transport, pinned)
	if p.Up || p.Connects != 0 || p.Refused[transport.RefusedWrongIdentity] == 0 || p.LastError == "" {
		t.Errorf("unexpected %+v", p)
	}
}

func TestDialledNetwork(t *testing.T) {
	a := start(t, 1)
	b := start(t, 2, func(c *transport.Config) { c.Network = "other" })
	for _, n := range []*node{a, b} {
		if err := n.SetPeers([]transport.Peer{peerOf(a.Transport), peerOf(b.Transport)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []*node{a, b} {
		eventually(t, "the dialling side learns why", func() bool {
			p := n.Stats().Peers[0]
			return p.Refused[transport.RefusedWrongNetwork] > 0 && p.Failures > 0 && !p.Up
		})
	}
}

// A node that is not the other's peer learns that it is refused, and goes on trying.
func TestRefusedByPeer(t *testing.T) {
	a, b := start(t, 1), start(t, 2)
	if err := a.SetPeers([]transport.Peer{peerOf(b.Transport)}); err != nil {
		t.Fatal(err)
	}
	waitRefused(t, b.Transport, transport.RefusedNotPeer, 3)
	if p := peerStats(t, a.Transport, b.Key()); p.Up || p.Connects != 0 || p.Failures < 2 || !strings.Contains(p.LastError, "refuses") {
		t.Errorf("unexpected %+v", p)
	}
	connect(t, a.Transport, b.Transport)
}

func TestConfigRefusals(t *testing.T) {
	handler := func(transport.Key, transport.Class, []byte) {}
	valid := func() transport.Config {
		return transport.Config{Identity: identity(1), Network: network, Listen: "127.0.0.1:0"}
	}
	for name, change := range map[string]func(*transport.Config){
		"no identity":         func(c *transport.Config) { c.Identity = nil },
		"no network":          func(c *transport.Config) { c.Network = "" },
		"no address":          func(c *transport.Config) { c.Listen = "" },
		"peer twice":          func(c *transport.Config) { c.Peers = []transport.Peer{{Address: "a:1"}, {Address: "a:1"}} },
		"peer without port":   func(c *transport.Config) { c.Peers = []transport.Peer{{Address: "a"}} },
		"small window":        func(c *transport.Config) { c.WindowBytes = 1 },
		"negative queue":      func(c *transport.Config) { c.Classes[0].QueueMessages = -1 },
		"queue below message": func(c *transport.Config) { c.Classes[1] = transport.ClassLimits{MessageBytesMax: 10, QueueBytes: 9} },
		"huge messages":       func(c *transport.Config) { c.Classes[2].MessageBytesMax = 1 << 30 },
		"backoff":             func(c *transport.Config) { c.Backoff = transport.Backoff{Min: 2, Max: 1} },
	} {
		config := valid()
		change(&config)
		if made, err := transport.New(config, handler); !errors.Is(err, transport.ErrConfig) {
			t.Errorf("%s: got %v", name, err)
			if err == nil {
				made.Close()
			}
		}
	}
	if _, err := transport.New(valid(), nil); !errors.Is(err, transport.ErrConfig) {
		t.Errorf("no handler: got %v", err)
	}
	// The port that another node has taken is reported, and nothing is left running.
	a := start(t, 1)
	config := valid()
	config.Listen = a.Addr().String()
	if _, err := transport.New(config, handler); err == nil || errors.Is(err, transport.ErrConfig) {
		t.Errorf("taken port: got %v", err)
	}
}
