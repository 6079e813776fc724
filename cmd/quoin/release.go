package main

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/plugin"
)

func newRelease(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "release", Short: "Change the algorithms and rules of a running network, by vote"},
		newReleasePropose(t), newReleaseApprove(t), newReleaseReject(t), newReleaseAttest(t), newReleaseShadow(t), newReleaseSchedule(t),
		newReleaseConfirm(t), newReleasePause(t), newReleaseResume(t), newReleaseRollback(t), newReleaseVeto(t), newReleaseCancel(t),
		newReleaseDeprecate(t), newReleaseRetire(t), newReleaseLift(t),
		newReleaseList(t), newReleaseShow(t), newReleaseHistory(t), newReleaseDiff(t))
}

func proposalNumber(text string) (governance.ProposalNumber, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, usage(quote(text)+" is no proposal's number", "see `quoin release list`")
	}
	return governance.ProposalNumber(n), nil
}

// history, configurationOnce, statusOnce, roundOnce and upload connect for one request.
func (t *terminal) history(ctx context.Context, slot string, limit int) ([]governance.Served, error) {
	n, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer n.close()
	return n.history(ctx, slot, limit)
}

func (t *terminal) configurationOnce(c *cobra.Command) (quoin.Configuration, error) {
	n, err := t.connect(c.Context())
	if err != nil {
		return quoin.Configuration{}, err
	}
	defer n.close()
	return n.configuration(c.Context())
}

func (t *terminal) statusOnce(ctx context.Context) (*quoinv1.Status, error) {
	n, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer n.close()
	return n.status(ctx)
}

func (t *terminal) roundOnce(ctx context.Context, proposal uint64) (uint64, error) {
	n, err := t.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer n.close()
	p, _, err := n.proposal(ctx, proposal)
	return p.GetRound(), err
}

func (t *terminal) upload(ctx context.Context, key func() (ed25519.PrivateKey, error), file []byte) error {
	k, err := key()
	if err != nil {
		return err
	}
	n, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer n.close()
	digest, err := n.upload(ctx, k, file)
	if err != nil {
		return err
	}
	if digest != plugin.Digest(file) {
		return failure("the node kept another file than was sent", errors.New("its digest is "+digest.String()), "send it again")
	}
	return nil
}

func digestText(h quoin.Hash) string {
	if h.IsZero() {
		return ""
	}
	return h.String()
}

func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}

// number returns the number that a command answers with: of a proposal, or a height. It is 0 if there is
// none.
func (r *receipt) number() quoin.Height {
	if len(r.result.Output) != 8 {
		return 0
	}
	return quoin.Height(binary.BigEndian.Uint64(r.result.Output))
}
