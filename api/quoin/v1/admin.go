package quoinv1

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
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
