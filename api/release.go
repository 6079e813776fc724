package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
)

// listMax is how many lines a list has at most.
const listMax = 64

// listLimit is how many lines a request wants.
func listLimit(limit uint32) int {
	if limit == 0 {
		return listMax
	}
	return int(min(limit, listMax))
}

type releaseService struct{ *Server }

var _ quoinv1connect.ReleaseServiceHandler = releaseService{}

// Upload implements quoinv1connect.ReleaseServiceHandler.
func (s releaseService) Upload(ctx context.Context, r *connect.Request[quoinv1.UploadRequest]) (*connect.Response[quoinv1.UploadResponse], error) {
	if err := s.authorize(ctx, r.Header(), quoinv1connect.ReleaseServiceUploadProcedure, sha256.Sum256(r.Msg.File), false); err != nil {
		return nil, err
	}
	digest, err := s.node.AddRelease(r.Msg.File)
	var refusal *plugin.Refusal
	switch {
	case errors.As(err, &refusal), errors.Is(err, plugin.ErrSignature), errors.Is(err, plugin.ErrManifest):
		return nil, refuse(CodeRefused, "check the file with the plugin tools", "the release is refused: %v", err)
	case err != nil:
		return nil, err
	}
	return connect.NewResponse(&quoinv1.UploadResponse{Digest: digest[:]}), nil
}

// GetRelease implements quoinv1connect.ReleaseServiceHandler.
func (s releaseService) GetRelease(ctx context.Context, r *connect.Request[quoinv1.GetReleaseRequest]) (*connect.Response[quoinv1.Release], error) {
	digest, err := toHash(r.Msg.Digest)
	if err != nil {
		return nil, err
	}
	x := &quoinv1.Release{Digest: digest[:]}
	known := false
	for _, status := range s.node.Releases() {
		if status.Digest == digest {
			x.State, x.Reason, known = string(status.State), status.Reason, true
		}
	}
	err = s.node.Do(ctx, func(v *replica.Replica) { known = describe(x, v.Kernel(), digest) || known })
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, refuse(CodeNotFound, "see ListReleases and ListProposals", "neither this node nor the ledger knows release %s", digest)
	}
	if r.Msg.WithFile {
		x.File, _ = s.node.Release(digest)
	}
	return connect.NewResponse(x), nil
}

// describe adds what the ledger knows of a release.
func describe(x *quoinv1.Release, k governance.State, digest quoin.Hash) bool {
	record, ok := governance.ReadRelease(k, digest)
	if ok {
		x.Name, x.Version, x.Sequence = record.Name, record.Version, record.Sequence
		x.Author, x.Proposal = record.Author[:], uint64(record.Proposal)
	}
	return ok
}

// ListReleases implements quoinv1connect.ReleaseServiceHandler.
func (s releaseService) ListReleases(ctx context.Context, _ *connect.Request[quoinv1.ListReleasesRequest]) (*connect.Response[quoinv1.ListReleasesResponse], error) {
	answer := &quoinv1.ListReleasesResponse{}
	statuses := s.node.Releases()
	for i := range statuses {
		answer.Releases = append(answer.Releases, &quoinv1.Release{Digest: statuses[i].Digest[:], State: string(statuses[i].State), Reason: statuses[i].Reason})
	}
	err := s.node.Do(ctx, func(v *replica.Replica) {
		for i, x := range answer.Releases {
			describe(x, v.Kernel(), statuses[i].Digest)
		}
	})
	return connect.NewResponse(answer), err
}

func toBinding(b *quoin.Binding) *quoinv1.Binding {
	x := &quoinv1.Binding{Slot: b.Slot(), Builtin: b.Builtin, Parameters: b.Parameters, FuelMax: b.FuelMax, Grants: b.Grants}
	if !b.Release.IsZero() {
		x.Release = append([]byte(nil), b.Release[:]...)
	}
	for i := range b.Nodes {
		x.Nodes = append(x.Nodes, b.Nodes[i][:])
	}
	return x
}

// ListBindings implements quoinv1connect.ReleaseServiceHandler.
func (s releaseService) ListBindings(ctx context.Context, _ *connect.Request[quoinv1.ListBindingsRequest]) (*connect.Response[quoinv1.ListBindingsResponse], error) {
	c := s.node.Status().Configuration
	answer := &quoinv1.ListBindingsResponse{Epoch: uint64(c.Epoch), FirstHeight: uint64(c.First)}
	var deprecated []governance.Deprecation
	if err := s.node.Do(ctx, func(v *replica.Replica) { deprecated = governance.Deprecations(v.Kernel()) }); err != nil {
		return nil, err
	}
	for i := range c.Bindings {
		b := toBinding(&c.Bindings[i])
		if k := slices.IndexFunc(deprecated, func(d governance.Deprecation) bool { return d.Slot == b.Slot }); k >= 0 {
			b.EndOfUse = uint64(deprecated[k].EndOfUse)
		}
		answer.Bindings = append(answer.Bindings, b)
	}
	return connect.NewResponse(answer), nil
}

// ListHistory implements quoinv1connect.ReleaseServiceHandler.
func (s releaseService) ListHistory(ctx context.Context, r *connect.Request[quoinv1.ListHistoryRequest]) (*connect.Response[quoinv1.ListHistoryResponse], error) {
	limit := listLimit(r.Msg.Limit)
	// A slot becomes part of a key of the state, whose length has a limit.
	if n := len(r.Msg.Slot); n == 0 || n > 2*quoin.NamespaceMax+1 {
		return nil, refuse(CodeInvalid, "a slot is a hook such as leader.v1, or a hook and a namespace such as machine.v1/kv", "a slot of %d bytes", n)
	}
	answer := &quoinv1.ListHistoryResponse{}
	known := false
	err := s.node.Do(ctx, func(v *replica.Replica) {
		var slot governance.Slot
		if slot, known = governance.ReadSlot(v.Kernel(), r.Msg.Slot); !known {
			return
		}
		n := slot.Serving
		if r.Msg.Before > 0 {
			n = min(n, governance.HistoryNumber(r.Msg.Before-1))
		}
		for ; n > 0 && len(answer.Served) < limit; n-- {
			if x, ok := governance.ReadServed(v.Kernel(), r.Msg.Slot, n); ok {
				answer.Served = append(answer.Served, toServed(v.Kernel(), r.Msg.Slot, &x))
			}
		}
	})
	if err == nil && !known {
		err = refuse(CodeNotFound, "a slot is a hook such as leader.v1, or a hook and a namespace such as machine.v1/kv", "nothing ever served slot %.80q", r.Msg.Slot)
	}
	return connect.NewResponse(answer), err
}

// toServed describes a line of a slot's history; of the parameters, what it changed.
func toServed(k governance.State, slot string, x *governance.Served) *quoinv1.Served {
	line := &quoinv1.Served{Number: uint64(x.Number), Epoch: uint64(x.Epoch), FirstHeight: uint64(x.First), Cause: x.Cause.String(), Proposal: uint64(x.Proposal)}
	switch {
	case slot == governance.ParametersSlot:
		if before, ok := governance.ReadServed(k, slot, x.Number-1); ok {
			line.Parameters = toChanges(&before.Parameters, &x.Parameters)
		}
	case x.Bound:
		line.Binding = toBinding(&x.Binding)
	}
	return line
}
