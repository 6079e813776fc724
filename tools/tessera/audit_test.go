package tessera

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/formats/witness"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"

	"quoin.dev/quoin"
	"quoin.dev/quoin/ledger"
)

// auditor verifies one log. Of ours it uses only what a user copies into a stock tool's
// configuration: the log's verifier key and the witness policy.
type auditor struct {
	origin   string
	verifier note.Verifier
	policy   witness.Group
	fetcher  *client.HTTPFetcher
	tracker  *client.LogStateTracker
}

var errPolicy = errors.New("too few cosignatures")

// anyServer does not ask who serves the log: its content proves itself, whoever does.
var anyServer = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

func newAuditor(ctx context.Context, address string, origin quoin.Origin, set quoin.ValidatorSet) (*auditor, error) {
	root, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	a := &auditor{origin: string(origin)}
	if a.fetcher, err = client.NewHTTPFetcher(root, anyServer); err != nil {
		return nil, err
	}
	vkey, err := ledger.LogVerifierKey(origin)
	if err != nil {
		return nil, err
	}
	if a.verifier, err = note.NewVerifier(vkey); err != nil {
		return nil, err
	}
	policy, err := ledger.WitnessPolicy(origin, set)
	if err != nil {
		return nil, err
	}
	if a.policy, err = witness.ParsePolicy([]byte(policy)); err != nil {
		return nil, err
	}
	a.tracker, err = client.NewLogStateTracker(ctx, a.fetcher.ReadTile, nil, a.verifier, a.origin, a.checkpoint)
	return a, err
}

// checkpoint fetches the newest checkpoint and holds it against the policy.
func (a *auditor) checkpoint(ctx context.Context, v note.Verifier, origin string) (*log.Checkpoint, []byte, *note.Note, error) {
	cp, raw, n, err := client.FetchCheckpoint(ctx, a.fetcher.ReadCheckpoint, v, origin)
	if err != nil {
		return nil, nil, nil, err
	}
	if !a.policy.Satisfied(raw) {
		return nil, nil, nil, fmt.Errorf("%w:\n%s", errPolicy, raw)
	}
	return cp, raw, n, nil
}

// update moves to the newest checkpoint, which the client proves to be consistent with the last.
func (a *auditor) update(ctx context.Context) (grown bool, err error) {
	before := a.tracker.Latest().Size
	_, _, _, err = a.tracker.Update(ctx)
	return a.tracker.Latest().Size > before, err
}

// entry fetches an entry and verifies that the newest checkpoint includes it.
func (a *auditor) entry(ctx context.Context, index uint64) ([]byte, error) {
	cp := a.tracker.Latest()
	bundle, err := client.GetEntryBundle(ctx, a.fetcher.ReadEntryBundle, index/256, cp.Size)
	if err != nil {
		return nil, err
	}
	entry := bundle.Entries[index%256]
	builder, err := client.NewProofBuilder(ctx, cp.Size, a.fetcher.ReadTile)
	if err != nil {
		return nil, err
	}
	path, err := builder.InclusionProof(ctx, index)
	if err != nil {
		return nil, err
	}
	return entry, proof.VerifyInclusion(rfc6962.DefaultHasher, index, cp.Size, rfc6962.DefaultHasher.HashLeaf(entry), path, cp.Hash)
}

// all fetches every entry from index from on and returns them after checking that, on top of the
// tree of that size, they give the newest root; and that the served leaf hashes are theirs.
func (a *auditor) all(ctx context.Context, from uint64) ([][]byte, error) {
	cp := a.tracker.Latest()
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	nodes, err := client.FetchRangeNodes(ctx, from, a.fetcher.ReadTile)
	if err != nil {
		return nil, err
	}
	tree, err := factory.NewRange(0, from, nodes)
	if err != nil {
		return nil, err
	}
	leaves, err := client.FetchLeafHashes(ctx, a.fetcher.ReadTile, from, cp.Size-from, cp.Size)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	size := func(context.Context) (uint64, error) { return cp.Size, nil }
	bundles := client.EntryBundles(ctx, 2, size, a.fetcher.ReadEntryBundle, from, cp.Size-from)
	for e, err := range client.Entries(bundles, unbundle) {
		if err != nil {
			return nil, err
		}
		leaf := rfc6962.DefaultHasher.HashLeaf(e.Entry)
		if !bytes.Equal(leaf, leaves[e.Index-from]) {
			return nil, fmt.Errorf("entry %d is not the one whose hash is served", e.Index)
		}
		if err := tree.Append(leaf, nil); err != nil {
			return nil, err
		}
		entries = append(entries, e.Entry)
	}
	root, err := tree.GetRootHash(nil)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(root, cp.Hash) {
		return nil, fmt.Errorf("the entries give root %x, the checkpoint says %x", root, cp.Hash)
	}
	return entries, nil
}

func unbundle(b []byte) ([][]byte, error) {
	var bundle api.EntryBundle
	err := bundle.UnmarshalText(b)
	return bundle.Entries, err
}

// readGenesis reads the anchor of trust.
func readGenesis(path string) (*quoin.Genesis, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	g := new(quoin.Genesis)
	return g, g.UnmarshalJSON(b)
}
