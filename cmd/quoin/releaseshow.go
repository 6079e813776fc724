package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/governance"
)

func newReleaseList(t *terminal) *cobra.Command {
	var limit uint32
	var open bool
	c := &cobra.Command{Use: "list", Short: "List proposals, the newest first", Args: args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := t.connect(c.Context())
			if err != nil {
				return err
			}
			defer n.close()
			list, err := n.proposals(c.Context(), limit, open)
			if err != nil {
				return err
			}
			s, err := n.status(c.Context())
			if err != nil {
				return err
			}
			t.warn(s)
			views := []map[string]any{}
			for _, p := range list {
				views = append(views, viewProposal(p))
			}
			return t.data(views, func(w io.Writer) {
				table(w, func(row func(...any)) {
					row("number", "status", "slot", "what", "by", "how it stands")
					for _, p := range list {
						row(p.GetNumber(), p.GetStatus(), p.GetSlot(), whatOf(p), p.GetProposerName(), briefly(p))
					}
				})
			})
		}}
	c.Flags().Uint32Var(&limit, "limit", 20, "how many")
	c.Flags().BoolVar(&open, "open", false, "only those that are open or on trial")
	return c
}

// briefly says in a few words how a proposal does.
func briefly(p *quoinv1.Proposal) string {
	t := p.GetTally()
	switch {
	case p.GetSlotReturn() != nil:
		return fmt.Sprintf("leaves after height %d: %s", p.GetSlotReturn().GetAtHeight(), p.GetSlotReturn().GetCause())
	case p.GetStatus() == governance.StatusProposed.String():
		return fmt.Sprintf("prechecked by %d of %d", t.GetPrechecked(), t.GetQuorum())
	case p.GetStatus() == governance.StatusPrechecked.String():
		return fmt.Sprintf("%d approve, %d reject", t.GetApprovals(), t.GetRejections())
	case p.GetStatus() == governance.StatusShadow.String():
		return fmt.Sprintf("%d of %d heights", p.GetShadowHeights(), p.GetPlan().GetShadow())
	case p.GetStatus() == governance.StatusScheduled.String():
		return fmt.Sprintf("after height %d, ready %d of %d", p.GetActivationHeight(), t.GetReady(), t.GetReadyNeeded())
	case p.GetStatus() == governance.StatusTrial.String():
		return fmt.Sprintf("until height %d, good %d, bad %d", p.GetDueHeight(), t.GetGood(), t.GetBad())
	case p.GetStatus() == governance.StatusDeprecated.String():
		return fmt.Sprintf("end of use at height %d", p.GetEndOfUse())
	case p.GetEnding().GetWhy() != "":
		return strings.TrimSuffix(p.GetEnding().GetWhy()+" "+p.GetEnding().GetCodeName(), " ")
	}
	return ""
}

// viewProposal is a proposal in JSON.
func viewProposal(p *quoinv1.Proposal) map[string]any {
	v := messageView(p)
	v["builtin"], v["release"] = p.GetBinding().GetBuiltin(), hex.EncodeToString(p.GetBinding().GetRelease())
	return v
}

// whatOf says what a proposal would change.
func whatOf(p *quoinv1.Proposal) string {
	b := p.GetBinding()
	switch {
	case b.GetBuiltin() != "":
		return "built-in " + b.GetBuiltin()
	case len(b.GetRelease()) > 0:
		digest := hex.EncodeToString(b.GetRelease())
		return p.GetName() + " " + p.GetVersion() + " " + digest[:min(12, len(digest))]
	case p.GetSubject() == governance.SubjectUnbind.String():
		return "nothing"
	}
	return p.GetSubject()
}

func newReleaseShow(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "show [NUMBER | SLOT | DIGEST | parameters]", Short: "Show what serves, what served, a proposal, a release, or the chain's parameters", Args: args(0, 1),
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
			if a[0] == governance.ParametersSlot {
				return t.showParameters(c.Context(), n)
			}
			if shortDigest.MatchString(a[0]) {
				return usage(quote(a[0])+" is the beginning of a digest", "give all of its 64 digits: `quoin release show NUMBER` has those of a proposal's release")
			}
			return t.showHistory(c.Context(), n, a[0], historyLimit)
		}}
}

// shortDigest is how lists write a digest. No slot is called so.
var shortDigest = regexp.MustCompile(`^[0-9a-f]{8,63}$`)

// showParameters shows the parameters that are in force.
func (t *terminal) showParameters(ctx context.Context, n *conn) error {
	c, err := n.configuration(ctx)
	if err != nil {
		return err
	}
	names, values := slices.Sorted(slices.Values(quoin.ParameterNames())), map[string]uint64{}
	for _, name := range names {
		values[name] = 0
	}
	for _, x := range new(quoin.Parameters).Changes(&c.Parameters) {
		values[x.Name] = x.To
	}
	return t.data(map[string]any{"epoch": c.Epoch, "first_height": c.First, "parameters": values}, func(w io.Writer) {
		fmt.Fprintf(w, "epoch %d, from height %d (verified)\n", c.Epoch, c.First)
		table(w, func(row func(...any)) {
			for _, name := range names {
				row(name, values[name])
			}
		})
	})
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
	Nodes      []string `json:"nodes"`  // keys; none: all
}

func viewBinding(b *quoin.Binding) bindingView {
	nodes := []string{}
	for _, k := range b.Nodes {
		nodes = append(nodes, k.String())
	}
	return bindingView{b.Slot(), b.Builtin, digestText(b.Release), hex.EncodeToString(b.Parameters), b.FuelMax, orEmpty(b.Grants), nodes}
}

// parameterDigitsMax is how much of a binding's parameters is shown to people: JSON has all.
const parameterDigitsMax = 32

func (b *bindingView) name() string {
	switch {
	case b.Builtin != "":
		return "built-in " + b.Builtin
	case b.Release != "":
		return "release " + b.Release
	}
	return "nothing"
}

// what says what is bound, and how, in a line.
func (b *bindingView) what() string {
	text := b.name()
	if digits := b.Parameters; len(digits) > parameterDigitsMax {
		text += ", parameters 0x" + digits[:parameterDigitsMax] + "…"
	} else if digits != "" {
		text += ", parameters 0x" + digits
	}
	if len(b.Grants) > 0 {
		text += ", may use " + strings.Join(b.Grants, ", ")
	}
	if len(b.Nodes) > 0 {
		text += fmt.Sprintf(", on %d nodes", len(b.Nodes))
	}
	return text
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

func newReleaseHistory(t *terminal) *cobra.Command {
	var limit int
	c := &cobra.Command{Use: "history SLOT", Short: "Show what served a slot, the newest first, verified", Args: args(1, 1),
		RunE: func(c *cobra.Command, a []string) error {
			n, err := t.connect(c.Context())
			if err != nil {
				return err
			}
			defer n.close()
			return t.showHistory(c.Context(), n, a[0], max(limit, 1))
		}}
	c.Flags().IntVar(&limit, "limit", historyLimit, "how many")
	return c
}

// historyLimit is how many lines of a history are shown by default: each is read with a proof of its own.
const historyLimit = 64

func (t *terminal) showHistory(ctx context.Context, n *conn, slot string, limit int) error {
	list, err := n.history(ctx, slot, limit+1) // one more, to compare the last with
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return notFound("nothing ever served the slot "+quote(slot), "see `quoin release show`")
	}
	type line struct {
		Number     governance.HistoryNumber  `json:"number"`
		Epoch      quoin.Epoch               `json:"epoch"`
		First      quoin.Height              `json:"first_height"`
		Cause      string                    `json:"cause"`
		Proposal   governance.ProposalNumber `json:"proposal"`
		Binding    *bindingView              `json:"binding"`
		Parameters []string                  `json:"parameters,omitempty"` // what changed
	}
	views := []line{}
	for i := range list[:min(limit, len(list))] {
		x := line{list[i].Number, list[i].Epoch, list[i].First, list[i].Cause.String(), list[i].Proposal, nil, nil}
		switch {
		case slot == governance.ParametersSlot && i+1 < len(list):
			for _, c := range list[i+1].Parameters.Changes(&list[i].Parameters) {
				x.Parameters = append(x.Parameters, fmt.Sprintf("%s %d → %d", c.Name, c.From, c.To))
			}
		case list[i].Bound && list[i].Binding.Hook != "":
			b := viewBinding(&list[i].Binding)
			x.Binding = &b
		}
		views = append(views, x)
	}
	return t.data(views, func(w io.Writer) {
		table(w, func(row func(...any)) {
			row("number", "from height", "epoch", "cause", "what")
			for i, x := range views {
				what := servedName(&list[i])
				if list[i].Binding.Hook == "" && list[i].Bound {
					what = orWord(strings.Join(x.Parameters, ", "), "the genesis'")
				}
				if x.Proposal != 0 {
					what += fmt.Sprintf(" (proposal %d)", x.Proposal)
				}
				row(x.Number, x.First, x.Epoch, x.Cause, what)
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
