package api

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"
)

// IsLoopback reports whether only this machine can reach the address.
func IsLoopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

// tls returns the server's side of TLS 1.3; nil in plain text.
func (s *Server) tls() (*tls.Config, error) {
	if s.c.Plaintext {
		return nil, nil
	}
	certificate, err := selfSigned(s.c.Key)
	if err != nil {
		return nil, fmt.Errorf("api: the TLS certificate: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}}, nil
}

// selfSigned returns a certificate that says nothing but its key, which is what clients pin. It is a
// function of the key, so a restart does not change it.
func selfSigned(key ed25519.PrivateKey) (tls.Certificate, error) {
	public := key.Public().(ed25519.PublicKey)
	t := &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes(public[:8]),
		Subject:               pkix.Name{CommonName: fmt.Sprintf("quoin %x", public[:8])},
		NotBefore:             time.Unix(0, 0).UTC(),
		NotAfter:              time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280: no expiry
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(nil, t, t, public, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
