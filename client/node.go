package client

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
)

// What follows is a node's word, without proof.

// Status returns how a node says that it is.
func (c *Client) Status(ctx context.Context) (*quoinv1.Status, error) {
	return call(ctx, c, func(e *endpoint) (*quoinv1.Status, error) {
		r, err := e.status.GetStatus(ctx, connect.NewRequest(&quoinv1.GetStatusRequest{}))
		if err != nil {
			return nil, err
		}
		return r.Msg, nil
	})
}

// StatusOf returns the status of one endpoint, by its place in Options.Endpoints, without trying
// others.
func (c *Client) StatusOf(ctx context.Context, i int) (*quoinv1.Status, error) {
	e := c.endpoints[i]
	r, err := e.status.GetStatus(ctx, connect.NewRequest(&quoinv1.GetStatusRequest{}))
	if err != nil {
		return nil, e.toError(err)
	}
	return r.Msg, nil
}

// Health returns how a node says that it and its network do.
func (c *Client) Health(ctx context.Context) (*quoinv1.Health, error) {
	return call(ctx, c, func(e *endpoint) (*quoinv1.Health, error) {
		r, err := e.status.GetHealth(ctx, connect.NewRequest(&quoinv1.GetHealthRequest{}))
		if err != nil {
			return nil, err
		}
		return r.Msg, nil
	})
}

// readyBytes is how much of the reason is read why a node is not ready.
const readyBytes = 1 << 10

// Ready asks a node whether it takes part, at its /readyz. The error says why it does not.
func (c *Client) Ready(ctx context.Context) error {
	_, err := call(ctx, c, func(e *endpoint) (struct{}, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url+"/readyz", nil)
		if err != nil {
			return struct{}{}, err
		}
		answer, err := e.http.Do(r)
		if err != nil {
			return struct{}{}, connect.NewError(connect.CodeUnavailable, err)
		}
		defer answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return struct{}{}, nil
		}
		why, err := io.ReadAll(io.LimitReader(answer.Body, readyBytes))
		return struct{}{}, errors.Join(fmt.Errorf("%s: %s", answer.Status, strings.TrimSpace(string(why))), err)
	})
	return err
}

// Compatibility returns what a node offers plugins.
func (c *Client) Compatibility(ctx context.Context) (*quoinv1.Compatibility, error) {
	return call(ctx, c, func(e *endpoint) (*quoinv1.Compatibility, error) {
		r, err := e.status.GetCompatibility(ctx, connect.NewRequest(&quoinv1.GetCompatibilityRequest{}))
		if err != nil {
			return nil, err
		}
		return r.Msg, nil
	})
}

// Query asks a namespace's machine.
func (c *Client) Query(ctx context.Context, namespace string, payload []byte) (*quoinv1.QueryResponse, error) {
	return call(ctx, c, func(e *endpoint) (*quoinv1.QueryResponse, error) {
		r, err := e.state.Query(ctx, connect.NewRequest(&quoinv1.QueryRequest{Namespace: namespace, Payload: payload}))
		if err != nil {
			return nil, err
		}
		c.warn(r.Msg.Warnings)
		return r.Msg, nil
	})
}

// Releases returns the releases that a node has or wants.
func (c *Client) Releases(ctx context.Context) ([]*quoinv1.Release, error) {
	return call(ctx, c, func(e *endpoint) ([]*quoinv1.Release, error) {
		r, err := e.releases.ListReleases(ctx, connect.NewRequest(&quoinv1.ListReleasesRequest{}))
		if err != nil {
			return nil, err
		}
		return r.Msg.Releases, nil
	})
}

// Release returns what a node knows of a release, with its file if asked for. The file is the one
// with the digest.
func (c *Client) Release(ctx context.Context, digest quoin.Hash, file bool) (*quoinv1.Release, error) {
	return call(ctx, c, func(e *endpoint) (*quoinv1.Release, error) {
		r, err := e.releases.GetRelease(ctx, connect.NewRequest(&quoinv1.GetReleaseRequest{Digest: digest[:], WithFile: file}))
		if err != nil {
			return nil, err
		}
		return r.Msg, checkFile(r.Msg, digest)
	})
}

// Upload hands a release file to every endpoint that takes it, with an administrator's signature,
// and returns its digest. It succeeds if one endpoint took it: nodes bring it from each other once a
// proposal names it.
func (c *Client) Upload(ctx context.Context, file []byte, admin ed25519.PrivateKey) (quoin.Hash, error) {
	var failures []error
	var digest quoin.Hash
	taken := false
	for _, e := range c.endpoints {
		d, err := c.uploadTo(ctx, e, file, admin)
		if err != nil {
			failures = append(failures, e.toError(err))
			continue
		}
		digest, taken = d, true
	}
	if !taken {
		return digest, errors.Join(failures...)
	}
	return digest, nil
}

// uploadWithin is how long one endpoint may take: one that hangs must not keep the file from the next.
const uploadWithin = 30 * time.Second

func (c *Client) uploadTo(ctx context.Context, e *endpoint, file []byte, admin ed25519.PrivateKey) (quoin.Hash, error) {
	ctx, cancel := context.WithTimeout(ctx, uploadWithin)
	defer cancel()
	r := connect.NewRequest(&quoinv1.UploadRequest{File: file})
	if err := c.sign(ctx, e, r, admin, quoinv1connect.ReleaseServiceUploadProcedure, sha256.Sum256(file)); err != nil {
		return quoin.Hash{}, err
	}
	answer, err := e.releases.Upload(ctx, r)
	if err != nil {
		return quoin.Hash{}, err
	}
	return toDigest(answer.Msg.Digest, file)
}

// sign signs a call of an administrator's for the node that answers at an endpoint.
func (c *Client) sign(ctx context.Context, e *endpoint, r connect.AnyRequest, admin ed25519.PrivateKey, procedure string, content quoin.Hash) error {
	status, err := e.status.GetStatus(ctx, connect.NewRequest(&quoinv1.GetStatusRequest{}))
	if err != nil {
		return err
	}
	if len(status.Msg.Node) != len(quoin.PublicKey{}) {
		return errors.New("the node does not say who it is")
	}
	node := quoin.PublicKey(status.Msg.Node)
	if !e.key.IsZero() && node != e.key { // it could use the signature at the other one
		return fmt.Errorf("the node says that it is %s, and it is %s: nothing is signed for another node", node, e.key)
	}
	quoinv1.SignAdmin(r.Header(), admin, c.verifier.Origin(), node, procedure, time.Now(), content)
	return nil
}

// wrap names the endpoint in a stream's errors.
func (s *Stream) wrap(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return s.e.toError(err)
}
