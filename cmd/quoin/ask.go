package main

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/governance"
)

// What commands ask a network. Configurations and history are read from the certified state, with proofs;
// status, queries, proposals, explanations and releases are the node's word.

// query is a lane's part of target.
func (n *conn) query(ctx context.Context, namespace string, payload []byte) (uint32, error) {
	r, err := n.Query(ctx, namespace, payload)
	if err != nil {
		return 0, netFault(err)
	}
	if r.GetFault() != "" {
		return 0, refused("fault-"+r.GetFault(), "the machine of "+quote(namespace)+" faulted", r.GetFault(), "")
	}
	return r.GetCode(), nil
}

func (n *conn) status(ctx context.Context) (*quoinv1.Status, error) {
	s, err := n.Status(ctx)
	return s, netFault(err)
}

// proposals returns the newest proposals that the request asks for, as many as limit says; 0 is as many as a
// node gives at once.
func (n *conn) proposals(ctx context.Context, limit uint32, open bool) ([]*quoinv1.Proposal, error) {
	r := &quoinv1.ListProposalsRequest{Limit: limit, Open: open}
	var list []*quoinv1.Proposal
	for {
		answer, err := n.Proposals(ctx, r)
		if err != nil {
			return nil, netFault(err)
		}
		more := answer.GetProposals()
		list = append(list, more...)
		if len(more) == 0 || len(list) >= int(limit) {
			return list, nil
		}
		before := more[len(more)-1].GetNumber()
		if r.Before != 0 && before >= r.Before {
			return nil, failure("the node lists proposals out of order", nil, "ask another node with --api")
		}
		r.Before, r.Limit = before, limit-uint32(len(list))
	}
}

// proposal returns all that a node knows of a proposal, and at which height.
func (n *conn) proposal(ctx context.Context, number uint64) (*quoinv1.Proposal, uint64, error) {
	r, err := n.Proposal(ctx, number)
	if f := netFault(err); f != nil {
		if faultOf(f, true).code == "not-found" {
			f = notFound(fmt.Sprintf("there is no proposal %d", number), "see `quoin release list`")
		}
		return nil, 0, f
	}
	if r.GetProposal().GetNumber() != number {
		return nil, 0, failure("the node answered with another proposal", nil, "ask another node with --api")
	}
	return r.GetProposal(), r.GetHeight(), nil
}

func (n *conn) explain(ctx context.Context, number uint64, step string) (*quoinv1.ExplainResponse, error) {
	r, err := n.Explain(ctx, number, step)
	return r, netFault(err)
}

func (n *conn) release(ctx context.Context, digest quoin.Hash) (*quoinv1.Release, error) {
	r, err := n.Release(ctx, digest, false)
	return r, netFault(err)
}

func (n *conn) upload(ctx context.Context, key ed25519.PrivateKey, file []byte) (quoin.Hash, error) {
	digest, err := n.Upload(ctx, file, key)
	return digest, netFault(err)
}

// configuration returns the newest configuration on the ledger.
func (n *conn) configuration(ctx context.Context) (c quoin.Configuration, err error) {
	err = n.Kernel(ctx, func(s governance.State) { c = governance.CurrentConfiguration(s) })
	return c, netFault(err)
}

// history returns what served a slot, the newest first; limit 0 is without limit.
func (n *conn) history(ctx context.Context, slot string, limit int) (list []governance.Served, err error) {
	err = n.Kernel(ctx, func(s governance.State) {
		for x := range governance.History(s, slot) {
			if list = append(list, x); len(list) == limit {
				return
			}
		}
	})
	return list, netFault(err)
}
