package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/governance"
)

func newReleaseList(t *terminal) *cobra.Command {
	var limit uint32
	c := &cobra.Command{Use: "list", Short: "List proposals, the newest first", Args: args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := t.connect(c.Context())
			if err != nil {
				return err
			}
			defer n.close()
			list, err := n.proposals(c.Context(), limit)
			if err != nil {
				return err
			}
			views := []proposalView{}
			for _, p := range list {
				views = append(views, viewProposal(p))
			}
			return t.data(views, func(w io.Writer) {
				table(w, func(row func(...any)) {
					row("number", "status", "slot", "what", "approvals", "ready", "vetoes", "after height")
					for _, p := range views {
						row(p.Number, p.Status, p.Slot, p.what(), fmt.Sprintf("%d of %d", p.Approvals, p.ApprovalsRequired), p.ReadyWeight, p.VetoWeight, p.Activation)
					}
				})
			})
		}}
	c.Flags().Uint32Var(&limit, "limit", 20, "how many")
	return c
}

type proposalView struct {
	Number            uint64 `json:"number"`
	Status            string `json:"status"`
	Slot              string `json:"slot"`
	Builtin           string `json:"builtin,omitempty"`
	Release           string `json:"release,omitempty"`
	Name              string `json:"name,omitempty"`
	Version           string `json:"version,omitempty"`
	Proposer          string `json:"proposer"`
	Proposed          uint64 `json:"proposed_height"`
	Activation        uint64 `json:"activation_height"`
	Moves             uint64 `json:"moves"`
	Approvals         uint32 `json:"approvals"`
	ApprovalsRequired uint32 `json:"approvals_required"`
	ReadyWeight       uint64 `json:"ready_weight"`
	VetoWeight        uint64 `json:"veto_weight"`
}

func viewProposal(p *quoinv1.Proposal) proposalView {
	return proposalView{Number: p.GetNumber(), Status: p.GetStatus(), Slot: p.GetSlot(), Builtin: p.GetBinding().GetBuiltin(),
		Release: hex.EncodeToString(p.GetBinding().GetRelease()), Name: p.GetName(), Version: p.GetVersion(),
		Proposer: hex.EncodeToString(p.GetProposer()), Proposed: p.GetProposedHeight(), Activation: p.GetActivationHeight(), Moves: p.GetMoves(),
		Approvals: p.GetApprovals(), ApprovalsRequired: p.GetApprovalsRequired(), ReadyWeight: p.GetReadyWeight(), VetoWeight: p.GetVetoWeight()}
}

func (p *proposalView) what() string {
	switch {
	case p.Builtin != "":
		return "built-in " + p.Builtin
	case p.Release != "":
		return p.Name + " " + p.Version + " " + p.Release[:12]
	}
	return "validators"
}

func newReleaseShow(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "show [NUMBER | SLOT | DIGEST]", Short: "Show what serves, what served, a proposal, or a release", Args: args(0, 1),
		RunE: func(c *cobra.Command, a []string) error {
			n, err := t.connect(c.Context())
			if err != nil {
				return err
			}
			defer n.close()
			if len(a) == 0 {
				return t.showBindings(c.Context(), n)
			}
			if digest, err := quoin.ParseHash(a[0]); err == nil {
				return t.showRelease(c.Context(), n, digest)
			}
			if number, err := strconv.ParseUint(a[0], 10, 64); err == nil {
				return t.showProposal(c.Context(), n, number)
			}
			return t.showHistory(c.Context(), n, a[0])
		}}
}

func (t *terminal) showBindings(ctx context.Context, n *conn) error {
	c, err := n.configuration(ctx)
	if err != nil {
		return err
	}
	views := []bindingView{}
	for i := range c.Bindings {
		views = append(views, viewBinding(&c.Bindings[i]))
	}
	return t.data(map[string]any{"epoch": c.Epoch, "first_height": c.First, "bindings": views}, func(w io.Writer) {
		fmt.Fprintf(w, "epoch %d, from height %d (verified)\n", c.Epoch, c.First)
		table(w, func(row func(...any)) {
			for _, b := range views {
				row(b.Slot, b.what())
			}
		})
	})
}

type bindingView struct {
	Slot       string   `json:"slot"`
	Builtin    string   `json:"builtin,omitempty"`
	Release    string   `json:"release,omitempty"`
	Parameters string   `json:"parameters"` // hexadecimal
	FuelMax    uint64   `json:"fuel_max"`
	Grants     []string `json:"grants"` // capabilities
}

func viewBinding(b *quoin.Binding) bindingView {
	return bindingView{b.Slot(), b.Builtin, digestText(b.Release), hex.EncodeToString(b.Parameters), b.FuelMax, orEmpty(b.Grants)}
}

func (b *bindingView) what() string {
	if b.Builtin != "" {
		return "built-in " + b.Builtin
	}
	if b.Release == "" {
		return "nothing"
	}
	if len(b.Grants) > 0 {
		return "release " + b.Release + ", may use " + strings.Join(b.Grants, ", ")
	}
	return "release " + b.Release
}

func (t *terminal) showProposal(ctx context.Context, n *conn, number uint64) error {
	x, err := n.proposal(ctx, number)
	if err != nil {
		return err
	}
	p := viewProposal(x)
	return t.data(p, func(w io.Writer) {
		table(w, func(row func(...any)) {
			row("proposal", p.Number)
			row("status", p.Status)
			row("slot", p.Slot)
			row("what", p.what())
			row("proposed at", p.Proposed)
			row("by", p.Proposer)
			row("approvals", fmt.Sprintf("%d of %d", p.Approvals, p.ApprovalsRequired))
			row("ready weight", p.ReadyWeight)
			row("veto weight", p.VetoWeight)
			row("after height", p.Activation)
		})
	})
}

func (t *terminal) showRelease(ctx context.Context, n *conn, digest quoin.Hash) error {
	r, err := n.release(ctx, digest)
	if err != nil {
		return err
	}
	v := map[string]any{"digest": digest.String(), "state": r.GetState(), "reason": r.GetReason(), "name": r.GetName(), "version": r.GetVersion(),
		"sequence": r.GetSequence(), "author": hex.EncodeToString(r.GetAuthor()), "proposal": r.GetProposal()}
	return t.data(v, func(w io.Writer) {
		table(w, func(row func(...any)) {
			row("release", digest)
			row("on this node", orWord(r.GetState(), "unknown"))
			if r.GetReason() != "" {
				row("why", r.GetReason())
			}
			row("name", r.GetName()+" "+r.GetVersion())
			row("sequence", r.GetSequence())
			row("author", hex.EncodeToString(r.GetAuthor()))
			row("proposal", r.GetProposal())
		})
	})
}

func (t *terminal) showHistory(ctx context.Context, n *conn, slot string) error {
	list, err := n.history(ctx, slot, 0)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return notFound("nothing ever served the slot "+quote(slot), "see `quoin release show`")
	}
	type line struct {
		Number   governance.HistoryNumber  `json:"number"`
		Epoch    quoin.Epoch               `json:"epoch"`
		First    quoin.Height              `json:"first_height"`
		Cause    string                    `json:"cause"`
		Proposal governance.ProposalNumber `json:"proposal"`
		Binding  *bindingView              `json:"binding"`
	}
	views := []line{}
	for i := range list {
		x := line{list[i].Number, list[i].Epoch, list[i].First, list[i].Cause.String(), list[i].Proposal, nil}
		if list[i].Bound {
			b := viewBinding(&list[i].Binding)
			x.Binding = &b
		}
		views = append(views, x)
	}
	return t.data(views, func(w io.Writer) {
		table(w, func(row func(...any)) {
			row("number", "from height", "epoch", "cause", "what")
			for i, x := range views {
				row(x.Number, x.First, x.Epoch, x.Cause, servedName(&list[i]))
			}
		})
	})
}

func servedName(s *governance.Served) string {
	if !s.Bound {
		return "nothing"
	}
	b := viewBinding(&s.Binding)
	return b.what()
}
