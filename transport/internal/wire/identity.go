package wire

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Key is a node's Ed25519 public key.
type Key = [ed25519.PublicKeySize]byte

// Faults of a handshake, found by the callbacks that this package installs.
var (
	// ErrCertificate: the peer sent anything but exactly one certificate with an Ed25519 key.
	ErrCertificate = errors.New("peer's certificate is not one self-signed Ed25519 certificate")
	// ErrNetwork: the peer speaks another protocol version or belongs to another network.
	ErrNetwork = errors.New("peer belongs to another network or speaks another version")
)

// Protocol returns the application protocol (ALPN, RFC 7301) of a network. Nodes of different
// networks share no protocol, so TLS itself refuses the link before either says anything else.
func Protocol(network string) string {
	digest := sha256.Sum256([]byte("quoin/transport/v1\x00" + network))
	return "quoin/1/" + hex.EncodeToString(digest[:])
}

// Certificate makes the self-signed certificate of an identity, in memory only. It names
// nobody and never expires: the only thing anyone reads from it is its key, and that is pinned.
// The identity's Public must be an ed25519.PublicKey.
func Certificate(identity crypto.Signer) (tls.Certificate, Key, error) {
	if identity == nil {
		return tls.Certificate{}, Key{}, errors.New("wire: no identity given, want an Ed25519 private key")
	}
	public, ok := identity.Public().(ed25519.PublicKey)
	if !ok || len(public) != ed25519.PublicKeySize {
		return tls.Certificate{}, Key{}, fmt.Errorf("wire: identity has a %T, want an ed25519.PublicKey", identity.Public())
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Unix(0, 0),
		// RFC 5280, 4.1.2.5: the date that means "no well-defined end".
		NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, identity)
	if err != nil {
		return tls.Certificate{}, Key{}, fmt.Errorf("wire: making the certificate of key %x: %w", []byte(public), err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: identity}, Key(public), nil
}

// PeerKey returns the key that the other side of a connection claims. It is proved only once
// the handshake is complete.
func PeerKey(state tls.ConnectionState) (Key, error) {
	if len(state.PeerCertificates) != 1 {
		return Key{}, fmt.Errorf("%w: got %d certificates", ErrCertificate, len(state.PeerCertificates))
	}
	public, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok || len(public) != ed25519.PublicKeySize {
		return Key{}, fmt.Errorf("%w: got a %T", ErrCertificate, state.PeerCertificates[0].PublicKey)
	}
	return Key(public), nil
}

// Config returns the TLS settings of either side of a link: version 1.3 only, the network's
// protocol only, no resumption (so that every handshake proves the key anew), and the peer
// judged by pin alone. pin is given the claimed key; what it returns fails the handshake.
func Config(certificate tls.Certificate, protocol string, pin func(Key) error) *tls.Config {
	return &tls.Config{
		Certificates:           []tls.Certificate{certificate},
		MinVersion:             tls.VersionTLS13,
		MaxVersion:             tls.VersionTLS13,
		NextProtos:             []string{protocol},
		SessionTicketsDisabled: true,
		ClientAuth:             tls.RequireAnyClientCert,
		// There is no authority and no name to verify. VerifyConnection below, which is
		// called on every handshake, takes the place of what this disables.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			if state.NegotiatedProtocol != protocol {
				return ErrNetwork
			}
			key, err := PeerKey(state)
			if err != nil {
				return err
			}
			return pin(key)
		},
	}
}
