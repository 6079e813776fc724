package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"time"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
)

// adminWindow is how far an administrator's clock may be off.
const adminWindow = 5 * time.Minute

// adminAhead is how far it may be ahead where what is called must not happen twice: a node is not restarted so soon.
const adminAhead = time.Second

// authorize refuses a call that nobody has signed who may: an administrator of this node, or a member whom
// the chain lets propose. Of members the newest state counts: a key that was rotated or revoked has no
// rights from the next block on, and its successor has them.
//
// A call that is recorded on its way can be made again, for as long as its time is not too far off: what is authorized
// must be harmless to repeat. With afresh a call of before this server began is refused, for who does not remember what was
// done cannot tell that it is repeated; and so is one from its future, which could be one from its past soon.
func (s *Server) authorize(ctx context.Context, h http.Header, procedure string, content quoin.Hash, afresh bool) error {
	refused := func(why string) error {
		s.admission.count(CodeUnauthorized)
		return refuse(CodeUnauthorized, "sign the call with the key of a member with the role proposer, or of one of the node's own administrators", "%s needs an administrator: %s", procedure, why)
	}
	key, err := quoin.ParsePublicKey(h.Get(quoinv1.AdminKeyHeader))
	if err != nil {
		return refused("there is no " + quoinv1.AdminKeyHeader)
	}
	ms, err := strconv.ParseInt(h.Get(quoinv1.AdminTimeHeader), 10, 64)
	if err != nil {
		return refused("there is no " + quoinv1.AdminTimeHeader)
	}
	if d := time.Since(time.UnixMilli(ms)); d > adminWindow || d < -adminWindow {
		return refused("its time is more than five minutes off this node's clock")
	}
	switch {
	case afresh && ms < s.began.UnixMilli():
		return refused("it was signed before this node's API began, or by a clock that is behind: try again")
	case afresh && time.Until(time.UnixMilli(ms)) > adminAhead:
		return refused("the clock that it was signed by is ahead of this node's: set it")
	}
	sig, err := base64.StdEncoding.DecodeString(h.Get(quoinv1.AdminSignatureHeader))
	if err != nil || len(sig) != len(quoin.Signature{}) {
		return refused("there is no " + quoinv1.AdminSignatureHeader)
	}
	if !signature.Verify(key, quoinv1.AdminBytes(s.node.Origin(), s.node.Key(), procedure, quoin.Time(ms), content), quoin.Signature(sig)) {
		return refused("the signature does not verify")
	}
	if slices.Contains(s.c.Admins, key) {
		return nil
	}
	proposer := false
	err = s.node.Do(ctx, func(v *replica.Replica) {
		m, ok := governance.MemberOf(v.Kernel(), key)
		proposer = ok && m.Roles.Has(quoin.RoleProposer)
	})
	if err == nil && !proposer {
		return refused("the key is no administrator's, nor a proposer's now")
	}
	return err
}
