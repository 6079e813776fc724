// Package transporttest attacks a node's transport, for tests. A Target is a node's address;
// each method is one attack on it: floods of half-open connections, garbage at each layer, wrong
// and stolen identities, oversized and malformed frames, replays.
//
// Every attack refuses, with ErrNotLoopback and before sending anything, a target that is not
// on the loopback interface of this machine.
//
// An attack that an honest node must refuse returns nil when the target has refused it, that is
// closed the connection or ended the stream; ErrAccepted when the target went along until the
// context ended; and any other error when the attack could not be carried out, so that it proves
// nothing. Reasons are the target's to count (transport.Stats). All methods are safe for
// concurrent use.
package transporttest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"time"

	"quoin.dev/quoin/transport"
	"quoin.dev/quoin/transport/internal/wire"
)

var (
	// ErrNotLoopback: the target is not on this machine's loopback interface.
	ErrNotLoopback = errors.New("transporttest: the target is not a loopback address, and nothing else may be attacked")
	// ErrAccepted: the target did not refuse before the context ended.
	ErrAccepted = errors.New("transporttest: the target did not refuse")
)

// Target is a node to attack.
type Target struct {
	// Address is where its transport listens: a literal loopback address and a port.
	Address string
	// Network is the name of its network, which an attacker knows.
	Network string
}

// dial connects to the target, if it is on loopback. All attacks go through here.
func (t Target) dial(ctx context.Context) (net.Conn, error) {
	address, err := netip.ParseAddrPort(t.Address)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is not a literal address and port", ErrNotLoopback, t.Address)
	}
	if !address.Addr().Unmap().IsLoopback() {
		return nil, fmt.Errorf("%w: %v", ErrNotLoopback, address)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", address.String())
}

// secure performs the handshake as the holder of a certificate, pinning nobody.
func (t Target) secure(ctx context.Context, certificate tls.Certificate, change func(*tls.Config)) (*tls.Conn, error) {
	raw, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	config := wire.Config(certificate, wire.Protocol(t.Network), func(wire.Key) error { return nil })
	if change != nil {
		change(config)
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, fmt.Errorf("%w: %w", errHandshake, err)
	}
	return conn, nil
}

var errHandshake = errors.New("the handshake failed")

// WrongIdentity connects with an identity that is not a peer's. (Given a peer's, it returns
// ErrAccepted: a control for the test that uses it.)
func (t Target) WrongIdentity(ctx context.Context, identity ed25519.PrivateKey) error {
	certificate, _, err := wire.Certificate(identity)
	if err != nil {
		return err
	}
	return t.refusesHandshake(ctx, certificate, nil)
}

// Impostor connects with a certificate that shows a peer's key, without holding that key: it
// signs the handshake with another.
func (t Target) Impostor(ctx context.Context, claimed transport.Key) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, ed25519.PublicKey(claimed[:]), private)
	if err != nil {
		return err
	}
	return t.refusesHandshake(ctx, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil)
}

// WrongNetwork connects as a node of another network would. Give a peer's identity, so that
// nothing else is wrong.
func (t Target) WrongNetwork(ctx context.Context, identity ed25519.PrivateKey, network string) error {
	certificate, _, err := wire.Certificate(identity)
	if err != nil {
		return err
	}
	return t.refusesHandshake(ctx, certificate, func(c *tls.Config) { c.NextProtos = []string{wire.Protocol(network)} })
}

// NoProtocol connects without naming an application protocol.
func (t Target) NoProtocol(ctx context.Context, identity ed25519.PrivateKey) error {
	certificate, _, err := wire.Certificate(identity)
	if err != nil {
		return err
	}
	return t.refusesHandshake(ctx, certificate, func(c *tls.Config) { c.NextProtos, c.VerifyConnection = nil, nil })
}

// OldTLS connects with TLS 1.2 as the highest version.
func (t Target) OldTLS(ctx context.Context, identity ed25519.PrivateKey) error {
	certificate, _, err := wire.Certificate(identity)
	if err != nil {
		return err
	}
	return t.refusesHandshake(ctx, certificate, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 })
}

// LongHandshake shows a certificate of about the given number of bytes.
func (t Target) LongHandshake(ctx context.Context, identity ed25519.PrivateKey, size int) error {
	certificate, _, err := wire.Certificate(identity)
	if err != nil {
		return err
	}
	for len(certificate.Certificate)*len(certificate.Certificate[0]) < size {
		certificate.Certificate = append(certificate.Certificate, certificate.Certificate[0])
	}
	return t.refusesHandshake(ctx, certificate, nil)
}

// NoCertificate connects without showing a certificate.
func (t Target) NoCertificate(ctx context.Context) error {
	return t.refusesHandshake(ctx, tls.Certificate{}, func(c *tls.Config) { c.Certificates = nil })
}

// refusesHandshake reports whether the target refuses a handshake. In TLS 1.3 the side that
// dialled is told after it is done, so it reads until it is.
func (t Target) refusesHandshake(ctx context.Context, certificate tls.Certificate, change func(*tls.Config)) error {
	conn, err := t.secure(ctx, certificate, change)
	if errors.Is(err, errHandshake) && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	// The target accepts by beginning HTTP/2 with its settings, and refuses by an alert.
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetReadDeadline(deadline)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil && ctx.Err() == nil && !isTimeout(err) {
		return nil
	}
	return ErrAccepted
}

// waitClosed reads until the target closes the connection.
func waitClosed(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buffer := make([]byte, 4096)
	for {
		if _, err := conn.Read(buffer); err != nil {
			if isTimeout(err) {
				return ErrAccepted
			}
			return nil
		}
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
