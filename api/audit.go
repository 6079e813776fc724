package api

import (
	"context"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/state"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
)

// Limits of one answer of ListEvents: making a proof takes the replica's time.
const (
	listEventsMax      = 128
	listEventsBytesMax = 4 << 20
)

type auditService struct{ *Server }

var _ quoinv1connect.AuditServiceHandler = auditService{}

// ListEvents implements quoinv1connect.AuditServiceHandler.
func (s auditService) ListEvents(ctx context.Context, r *connect.Request[quoinv1.ListEventsRequest]) (*connect.Response[quoinv1.ListEventsResponse], error) {
	from, limit := r.Msg.From, uint64(min(r.Msg.Limit, listEventsMax))
	if limit == 0 {
		limit = listEventsMax
	}
	if from == 0 || from > 1<<62 {
		return nil, refuse(CodeInvalid, "events are numbered from 1", "event %d", from)
	}
	keys := [][]byte{governance.AuditChainKey()}
	for n := range limit {
		keys = append(keys, governance.EventKey(from+n))
	}
	proofs, c, err := stateService(s).prove(ctx, quoin.KernelNamespace, keys, quoin.Height(r.Msg.MinHeight))
	if err != nil {
		return nil, err
	}
	answer := &quoinv1.ListEventsResponse{Certificate: toCertificate(&c)}
	if answer.Chain, err = proofs[0].MarshalBinary(); err != nil {
		return nil, err
	}
	bytes := 0
	for i := range proofs[1:] {
		p := &proofs[1+i]
		if p.Kind != state.ProofPresent || i > 0 && bytes > listEventsBytesMax {
			break
		}
		event := p.Value
		p.Directory, p.Value = nil, nil
		path, err := p.MarshalBinary()
		if err != nil {
			return nil, err
		}
		bytes += len(event) + len(path)
		answer.Events = append(answer.Events, &quoinv1.AuditEvent{Event: event, Path: path})
	}
	return connect.NewResponse(answer), nil
}
