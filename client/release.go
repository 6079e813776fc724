package client

import (
	"context"
	"fmt"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/plugin"
)

// Proposal returns all that a node knows of a proposal. It is the node's word; for the verified record use
// Kernel and governance.ReadProposal.
func (c *Client) Proposal(ctx context.Context, number uint64) (*quoinv1.GetProposalResponse, error) {
	return ask(ctx, c, &quoinv1.GetProposalRequest{Number: number}, func(e *endpoint) method[quoinv1.GetProposalRequest, quoinv1.GetProposalResponse] {
		return e.releases.GetProposal
	})
}

// Proposals returns the newest proposals of those that the request asks for, without proof. For verified
// ones use Kernel and governance.Proposals.
func (c *Client) Proposals(ctx context.Context, r *quoinv1.ListProposalsRequest) (*quoinv1.ListProposalsResponse, error) {
	return ask(ctx, c, r, func(e *endpoint) method[quoinv1.ListProposalsRequest, quoinv1.ListProposalsResponse] {
		return e.releases.ListProposals
	})
}

// Explain returns how a node judges a step of a proposal, and why; an empty step is the proposal's next.
func (c *Client) Explain(ctx context.Context, number uint64, step string) (*quoinv1.ExplainResponse, error) {
	return ask(ctx, c, &quoinv1.ExplainRequest{Proposal: number, Step: step}, func(e *endpoint) method[quoinv1.ExplainRequest, quoinv1.ExplainResponse] {
		return e.releases.Explain
	})
}

// Members returns who has a say in changes, by a node's word: what became of their keys is in no
// configuration.
func (c *Client) Members(ctx context.Context) (*quoinv1.ListMembersResponse, error) {
	return ask(ctx, c, &quoinv1.ListMembersRequest{}, func(e *endpoint) method[quoinv1.ListMembersRequest, quoinv1.ListMembersResponse] {
		return e.releases.ListMembers
	})
}

// method is one of an endpoint's.
type method[Q, R any] = func(context.Context, *connect.Request[Q]) (*connect.Response[R], error)

// ask asks one endpoint after the other for what needs no proof.
func ask[Q, R any](ctx context.Context, c *Client, q *Q, of func(*endpoint) method[Q, R]) (*R, error) {
	return call(ctx, c, func(e *endpoint) (*R, error) {
		r, err := of(e)(ctx, connect.NewRequest(q))
		if err != nil {
			return nil, err
		}
		return r.Msg, nil
	})
}

// checkFile refuses a release file that does not have the digest.
func checkFile(m *quoinv1.Release, digest quoin.Hash) error {
	if len(m.File) > 0 && plugin.Digest(m.File) != digest {
		return fmt.Errorf("%w: the release file has another digest than %s", ErrProof, digest)
	}
	return nil
}

// toDigest returns the file's own digest, and refuses another.
func toDigest(b, file []byte) (quoin.Hash, error) {
	digest := plugin.Digest(file)
	if string(b) != string(digest[:]) {
		return digest, fmt.Errorf("%w: the node stored another release than %s", ErrProof, digest)
	}
	return digest, nil
}
