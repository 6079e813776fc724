package api

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"time"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/signature"
)

// adminWindow is how far an administrator's clock may be off.
const adminWindow = 5 * time.Minute

// authorize refuses a call that no administrator has signed.
func (s *Server) authorize(h http.Header, procedure string, content quoin.Hash) error {
	refused := func(why string) error {
		s.admission.count(CodeUnauthorized)
		return refuse(CodeUnauthorized, "sign the call with a key that the node's configuration lists as an administrator's", "%s needs an administrator: %s", procedure, why)
	}
	key, err := quoin.ParsePublicKey(h.Get(quoinv1.AdminKeyHeader))
	if err != nil {
		return refused("there is no " + quoinv1.AdminKeyHeader)
	}
	if !slices.Contains(s.c.Admins, key) {
		return refused("the key is not listed")
	}
	ms, err := strconv.ParseInt(h.Get(quoinv1.AdminTimeHeader), 10, 64)
	if err != nil {
		return refused("there is no " + quoinv1.AdminTimeHeader)
	}
	if d := time.Since(time.UnixMilli(ms)); d > adminWindow || d < -adminWindow {
		return refused("its time is more than five minutes off this node's clock")
	}
	sig, err := base64.StdEncoding.DecodeString(h.Get(quoinv1.AdminSignatureHeader))
	if err != nil || len(sig) != len(quoin.Signature{}) {
		return refused("there is no " + quoinv1.AdminSignatureHeader)
	}
	if !signature.Verify(key, quoinv1.AdminBytes(s.node.Origin(), s.node.Key(), procedure, quoin.Time(ms), content), quoin.Signature(sig)) {
		return refused("the signature does not verify")
	}
	return nil
}
