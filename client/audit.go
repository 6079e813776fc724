package client

import (
	"context"
	"fmt"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/governance/audit"
)

// AuditTrust begins at a genesis what verifies histories of package audit.
func AuditTrust(g *quoin.Genesis) audit.Trust { return auditTrust{NewVerifier(GenesisAnchor(g))} }

type auditTrust struct{ *Verifier }

// Extend implements audit.Trust.
func (t auditTrust) Extend(c quoin.Certificate, proof []byte) error {
	return t.Verifier.Extend(EpochProof{Certificate: c, Proof: proof})
}

// Audit writes the history of the chain's governance up to the newest event, after its header. The
// client's trust anchor must be the genesis, where every history begins. visit, which may be nil, is
// told of each event; what it returns ends the reading.
func (c *Client) Audit(ctx context.Context, w *audit.Writer, visit func(*audit.Entry) error) error {
	for {
		next, _ := w.Next()
		b, err := c.events(ctx, next)
		if err != nil {
			return err
		}
		if err := b.write(w, visit); err != nil {
			return err
		}
		if next, more := w.Next(); !more && next > b.count {
			return nil
		}
	}
}

// eventBatch is events under one certificate, verified but for whether they are lawful.
type eventBatch struct {
	links       []EpochProof // from the genesis on
	certificate quoin.Certificate
	chain       []byte
	count       uint64 // of all events
	events      []*quoinv1.AuditEvent
}

func (c *Client) events(ctx context.Context, from uint64) (*eventBatch, error) {
	return call(ctx, c, func(e *endpoint) (*eventBatch, error) {
		r, err := e.audit.ListEvents(ctx, connect.NewRequest(&quoinv1.ListEventsRequest{From: from, MinHeight: uint64(c.verifier.Newest().Height)}))
		if err != nil {
			return nil, err
		}
		x, err := c.certificate(ctx, e, r.Msg.Certificate)
		if err != nil {
			return nil, err
		}
		shown, err := audit.Show(x.Checkpoint.State, r.Msg.Chain)
		if err != nil {
			return nil, fmt.Errorf("%w: the audit chain: %w", ErrProof, err)
		}
		for i, m := range r.Msg.Events {
			if err := shown.Event(from+uint64(i), m.GetEvent(), m.GetPath()); err != nil {
				return nil, fmt.Errorf("%w: event %d: %w", ErrProof, from+uint64(i), err)
			}
		}
		if len(r.Msg.Events) == 0 && from <= shown.Chain.Count {
			return nil, fmt.Errorf("%w: %d events, and none from %d on", ErrProof, shown.Chain.Count, from)
		}
		return &eventBatch{c.verifier.links(x.Checkpoint.Epoch), x, r.Msg.Chain, shown.Chain.Count, r.Msg.Events}, nil
	})
}

func (b *eventBatch) write(w *audit.Writer, visit func(*audit.Entry) error) error {
	for _, link := range b.links[min(int(w.Epoch())-1, len(b.links)):] {
		if err := w.Handover(link.Certificate, link.Proof); err != nil {
			return err
		}
	}
	if err := w.Checkpoint(b.certificate, b.chain); err != nil {
		return err
	}
	for _, m := range b.events {
		entry, err := w.Event(m.Event, m.Path)
		if err == nil && visit != nil {
			err = visit(entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
