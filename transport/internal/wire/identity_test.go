package wire

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
)

// The protocol of a network is part of the wire format: a change cuts nodes off from each other.
func TestProtocolGolden(t *testing.T) {
	const want = "quoin/1/1c5c916a6bf10beb8a94cd36c9a92fc0894cff8e3139aa3433f1e3558f196a00"
	if got := Protocol("example"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if Protocol("a") == Protocol("b") {
		t.Error("two networks share a protocol")
	}
	if len(Protocol("example")) > 255 {
		t.Error("longer than RFC 7301 allows")
	}
}

func TestCertificateKey(t *testing.T) {
	identity := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	certificate, key, err := Certificate(identity)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(key[:], identity.Public().(ed25519.PublicKey)) {
		t.Errorf("key %x is not the identity's", key)
	}
	parsed, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	got, err := PeerKey(tls.ConnectionState{PeerCertificates: []*x509.Certificate{parsed}})
	if err != nil || got != key {
		t.Errorf("read key %x, %v", got, err)
	}
	for name, certificates := range map[string][]*x509.Certificate{
		"none":              nil,
		"two":               {parsed, parsed},
		"other kind of key": {{PublicKey: &ecdsa.PublicKey{}}},
		"short key":         {{PublicKey: ed25519.PublicKey{1, 2, 3}}},
	} {
		if _, err := PeerKey(tls.ConnectionState{PeerCertificates: certificates}); !errors.Is(err, ErrCertificate) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestCertificateRefusesOtherIdentities(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, identity := range map[string]crypto.Signer{"none": nil, "ECDSA": other} {
		if _, _, err := Certificate(identity); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
