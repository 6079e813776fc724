package main

import (
	"context"
	"crypto/ed25519"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/governance"
)

// What commands ask a network. History and bindings are read from the certified state, with proofs;
// status, queries, the list of proposals and releases are the node's word.

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

func (n *conn) proposals(ctx context.Context, limit uint32) ([]*quoinv1.Proposal, error) {
	r, err := n.Proposals(ctx, int(limit))
	return r.GetProposals(), netFault(err)
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
