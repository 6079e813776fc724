package api

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/signature"
)

// Headers of an administrator's call.
const (
	AdminKeyHeader       = "Quoin-Admin-Key"
	AdminTimeHeader      = "Quoin-Admin-Time"
	AdminSignatureHeader = "Quoin-Admin-Signature"
)

// adminWindow is how far an administrator's clock may be off.
const adminWindow = 5 * time.Minute

// AdminBytes returns what an administrator signs: a line each for the kind, the chain's origin, the
// node's key, the procedure, the time in milliseconds and the content's SHA-256.
func AdminBytes(origin quoin.Origin, node quoin.PublicKey, procedure string, t quoin.Time, content quoin.Hash) []byte {
	b := append([]byte("quoin/admin/v1\n"), origin...)
	b = append(append(b, '\n'), node.String()...)
	b = append(append(b, '\n'), procedure...)
	b = append(b, '\n')
	b = strconv.AppendUint(b, uint64(t), 10)
	return append(append(append(b, '\n'), content.String()...), '\n')
}

// SignAdmin sets the headers of an administrator's call.
func SignAdmin(h http.Header, key ed25519.PrivateKey, origin quoin.Origin, node quoin.PublicKey, procedure string, now time.Time, content quoin.Hash) {
	t := quoin.Time(now.UnixMilli())
	sig := signature.Sign(key, AdminBytes(origin, node, procedure, t, content))
	h.Set(AdminKeyHeader, signature.PublicOf(key).String())
	h.Set(AdminTimeHeader, strconv.FormatUint(uint64(t), 10))
	h.Set(AdminSignatureHeader, base64.StdEncoding.EncodeToString(sig[:]))
}

// authorize refuses a call that no administrator has signed.
func (s *Server) authorize(h http.Header, procedure string, content quoin.Hash) error {
	refused := func(why string) error {
		s.admission.count(CodeUnauthorized)
		return refuse(CodeUnauthorized, "sign the call with a key that the node's configuration lists as an administrator's", "%s needs an administrator: %s", procedure, why)
	}
	key, err := quoin.ParsePublicKey(h.Get(AdminKeyHeader))
	if err != nil {
		return refused("there is no " + AdminKeyHeader)
	}
	if !slices.Contains(s.c.Admins, key) {
		return refused("the key is not listed")
	}
	ms, err := strconv.ParseInt(h.Get(AdminTimeHeader), 10, 64)
	if err != nil {
		return refused("there is no " + AdminTimeHeader)
	}
	if d := time.Since(time.UnixMilli(ms)); d > adminWindow || d < -adminWindow {
		return refused("its time is more than five minutes off this node's clock")
	}
	sig, err := base64.StdEncoding.DecodeString(h.Get(AdminSignatureHeader))
	if err != nil || len(sig) != len(quoin.Signature{}) {
		return refused("there is no " + AdminSignatureHeader)
	}
	if !signature.Verify(key, AdminBytes(s.node.Origin(), s.node.Key(), procedure, quoin.Time(ms), content), quoin.Signature(sig)) {
		return refused("the signature does not verify")
	}
	return nil
}
