package transporttest

import (
	"context"
	"crypto/ed25519"
	"errors"
	"testing"

	"quoin.dev/quoin/transport"
)

// The kit must not be able to attack anything but this machine.
func TestOnlyLoopback(t *testing.T) {
	ctx := context.Background()
	identity := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	for _, address := range []string{"192.0.2.1:80", "[2001:db8::1]:80", "0.0.0.0:80", "[::ffff:192.0.2.1]:80", "localhost:80", "example.com:80", "", ":80"} {
		target := Target{Address: address, Network: "n"}
		_, flood := target.HalfOpen(ctx, 1, Silent, false)
		for name, err := range map[string]error{
			"flood":          flood,
			"identity":       target.WrongIdentity(ctx, identity),
			"impostor":       target.Impostor(ctx, transport.Key(identity.Public().(ed25519.PublicKey))),
			"network":        target.WrongNetwork(ctx, identity, "m"),
			"protocol":       target.NoProtocol(ctx, identity),
			"old TLS":        target.OldTLS(ctx, identity),
			"long handshake": target.LongHandshake(ctx, identity, 1000),
			"no certificate": target.NoCertificate(ctx),
			"garbage":        target.Garbage(ctx, identity, TCP, 1, 10),
			"frames":         target.Send(ctx, identity, transport.Bulk, Frame([]byte("x"))),
			"replay":         target.Replay(ctx, identity, transport.Bulk, Frame([]byte("x")), 2),
			"oversized":      target.Oversized(ctx, identity, transport.Bulk, 10),
			"method":         target.UnknownMethod(ctx, identity),
			"second stream":  target.SecondStream(ctx, identity, transport.Bulk),
		} {
			if !errors.Is(err, ErrNotLoopback) {
				t.Errorf("%q: %s: got %v", address, name, err)
			}
		}
	}
}
