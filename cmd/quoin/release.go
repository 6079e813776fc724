package main

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

func newRelease(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "release", Short: "Change the algorithms of a running network, by vote"},
		newReleasePropose(t), newReleaseApprove(t), newReleaseSchedule(t), newReleaseVeto(t), newReleaseRollback(t),
		newReleaseCancel(t), newReleaseList(t), newReleaseShow(t))
}

// scheduleAhead is how many heights lie between a schedule and its activation by default.
const scheduleAhead = 20

func newReleasePropose(t *terminal) *cobra.Command {
	var (
		f                                    txFlags
		hookName, namespace, builtin, params string
		fuel                                 uint64
		grants                               []string
	)
	c := &cobra.Command{Use: "propose FILE | propose --builtin NAME", Short: "Propose that a release, or a built-in, serves a hook", Args: args(0, 1),
		Long: "Propose a release: the signed file goes to the node, which offers it to the others; the proposal goes\n" +
			"to the ledger. Every validator checks and compiles the release and attests that it is ready."}
	addTxFlags(c, &f, roleProposer)
	c.Flags().StringVar(&hookName, "hook", "", "the hook to serve (default: the release's only one)")
	c.Flags().StringVar(&namespace, "namespace", "", "the namespace of a machine or validation (default: the release's name)")
	c.Flags().StringVar(&builtin, "builtin", "", "propose a built-in by its name instead of a file")
	c.Flags().StringVar(&params, "params", "", "the binding's parameters, as text, or 0x and hexadecimal, or @FILE")
	c.Flags().Uint64Var(&fuel, "fuel", 0, "the most fuel of one call (default: what the release asks for)")
	c.Flags().StringSliceVar(&grants, "grant", nil, "a capability that the release may use, or none (default: all that it asks for)")
	c.RunE = func(c *cobra.Command, a []string) error {
		if (len(a) == 1) == (builtin != "") {
			return usage("a proposal is of a file or of a built-in", "use: quoin release propose FILE, or quoin release propose --builtin NAME --hook HOOK")
		}
		b := quoin.Binding{Hook: hookName, Namespace: namespace, Builtin: builtin, FuelMax: fuel, Grants: grantList(grants)}
		var err error
		if b.Parameters, err = parameterBytes(params); err != nil {
			return err
		}
		var propose governance.Propose
		if builtin != "" {
			if hookName == "" {
				return usage("--hook is needed with --builtin", "for example --hook leader.v1")
			}
			propose = governance.NewBuiltin(b)
		} else {
			var file []byte
			if propose, file, err = proposal(a[0], b); err != nil {
				return err
			}
			if err := t.upload(c.Context(), f.key, file); err != nil {
				return err
			}
		}
		r, err := t.sendOne(c.Context(), &f, quoin.KernelNamespace, governance.Encode(propose))
		if err != nil {
			return err
		}
		if len(r.result.Output) != 8 {
			return failure("the proposal has no number", nil, "see `quoin release list`")
		}
		n := binary.BigEndian.Uint64(r.result.Output)
		v := map[string]any{"proposal": n, "slot": propose.Slot(), "digest": digestText(propose.Release.Digest), "transaction": r.view()}
		return t.data(v, func(w io.Writer) {
			fmt.Fprintf(w, "proposal %d for %s, at height %d\n", n, propose.Slot(), r.height)
			fmt.Fprintf(w, "next: quoin release approve %d --as approver-1\n", n)
		})
	}
	return c
}

// grantList returns the capabilities in order; nil leaves it to the release's manifest, and "none" is
// an empty list.
func grantList(flags []string) []string {
	if len(flags) == 0 {
		return nil
	}
	list := slices.DeleteFunc(slices.Clone(flags), func(s string) bool { return s == "none" })
	slices.Sort(list)
	return slices.Compact(append([]string{}, list...))
}

// proposal reads a signed release file and says what it is to serve.
func proposal(path string, b quoin.Binding) (governance.Propose, []byte, error) {
	report, file, err := checkRelease(path)
	if err != nil {
		return governance.Propose{}, nil, err
	}
	m := report.Manifest
	if err := plugin.VerifySignature(file); err != nil {
		return governance.Propose{}, nil, refused("unsigned", path+" is not signed by its author", err.Error(), "sign it: quoin plugin sign "+path)
	}
	if b.Hook == "" && len(m.Hooks) == 1 {
		b.Hook = m.Hooks[0]
	}
	if !m.Serves(b.Hook) {
		return governance.Propose{}, nil, usage("the release does not serve the hook "+quote(b.Hook), "choose one of "+strings.Join(m.Hooks, ", ")+" with --hook")
	}
	h, _ := hook.Find(b.Hook)
	if h.Namespaced && b.Namespace == "" {
		b.Namespace = m.Name
	}
	if b.FuelMax == 0 {
		b.FuelMax = min(m.FuelMax, h.FuelMax)
	}
	if b.Grants == nil {
		b.Grants = m.Capabilities
	}
	signature, _ := plugin.AuthorSignature(file)
	if refusal := plugin.Fits(m, &b); refusal != nil {
		return governance.Propose{}, nil, refused("refused-"+string(refusal.Code), "no validator could serve this binding", refusal.Problem, "correct the proposal's flags, or the release")
	}
	return governance.NewRelease(governance.Release{Digest: report.Digest, Name: m.Name, Version: m.Version, Sequence: m.Sequence,
		EndOfLife: m.EndOfLife, Size: uint64(len(file)), Author: m.Author, Signature: signature}, b), file, nil
}

func parameterBytes(text string) ([]byte, error) {
	if name, ok := strings.CutPrefix(text, "@"); ok {
		return readFile(name, quoin.ParameterBytesMax)
	}
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		b, err := hex.DecodeString(digits)
		if err != nil {
			return nil, usage("--params "+quote(text)+" is no hexadecimal", "for example --params 0x0a")
		}
		return b, nil
	}
	if text == "" {
		return nil, nil
	}
	return []byte(text), nil
}

func proposalNumber(text string) (governance.ProposalNumber, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, usage(quote(text)+" is no proposal's number", "see `quoin release list`")
	}
	return governance.ProposalNumber(n), nil
}

// command sends a governance command and says what it did.
func (t *terminal) command(ctx context.Context, f *txFlags, c governance.Command, done string, more map[string]any) error {
	r, err := t.sendOne(ctx, f, quoin.KernelNamespace, governance.Encode(c))
	if err != nil {
		return err
	}
	v := map[string]any{"transaction": r.view()}
	for k, x := range more {
		v[k] = x
	}
	return t.data(v, func(w io.Writer) { fmt.Fprintf(w, "%s (height %d, entry %d)\n", done, r.height, r.entry) })
}

func newReleaseApprove(t *terminal) *cobra.Command {
	var f txFlags
	c := &cobra.Command{Use: "approve NUMBER", Short: "Approve a proposal, as an approver", Args: args(1, 1)}
	addTxFlags(c, &f, roleApprover)
	c.RunE = func(c *cobra.Command, a []string) error {
		n, err := proposalNumber(a[0])
		if err != nil {
			return err
		}
		return t.command(c.Context(), &f, governance.Approve{Proposal: n}, fmt.Sprintf("approved proposal %d", n), map[string]any{"proposal": n})
	}
	return c
}

func newReleaseSchedule(t *terminal) *cobra.Command {
	var f txFlags
	var at, in uint64
	var unready bool
	c := &cobra.Command{Use: "schedule NUMBER", Short: "Fix the height after which an approved proposal takes effect", Args: args(1, 1),
		Long: "Fix the last height before a proposal takes effect. The command first waits until a quorum of validators\n" +
			"says on the ledger that it is ready, for three minutes, or for --timeout; a change that is due before that\n" +
			"moves, and is rejected at last."}
	addTxFlags(c, &f, roleProposer)
	c.Flags().BoolVar(&unready, "unready", false, "do not wait until a quorum is ready")
	c.Flags().Uint64Var(&at, "at", 0, "the last height before it takes effect")
	c.Flags().Uint64Var(&in, "in", scheduleAhead, "so many heights from now, if --at is not given")
	c.RunE = func(c *cobra.Command, a []string) error {
		n, err := proposalNumber(a[0])
		if err != nil {
			return err
		}
		if !unready {
			patience := readyPatience
			if c.Flags().Changed("timeout") {
				patience = f.timeout
			}
			if err := t.awaitReady(c.Context(), uint64(n), patience); err != nil {
				return err
			}
		}
		height := at
		if height == 0 {
			s, err := t.statusOnce(c.Context())
			if err != nil {
				return err
			}
			height = s.GetHeight() + in
		}
		done := fmt.Sprintf("proposal %d takes effect after height %d, if a quorum is ready", n, height)
		return t.command(c.Context(), &f, governance.Schedule{Proposal: n, Height: quoin.Height(height)}, done, map[string]any{"proposal": n, "height_last": height})
	}
	return c
}

// readyPoll is how often the ledger is asked whether validators are ready.
const readyPoll = 200 * time.Millisecond

// readyPatience is how long schedule waits for them unless it is told. Compiling has the lowest priority on
// a node: two megabytes take a second on an idle machine, and more than half a minute on a loaded one.
const readyPatience = 3 * time.Minute

// awaitReady waits until validators of a quorum's weight say that they can run what a proposal
// brings.
func (t *terminal) awaitReady(ctx context.Context, number uint64, timeout time.Duration) error {
	n, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer n.close()
	deadline := time.Now().Add(timeout)
	for told := int64(-1); ; {
		p, err := n.proposal(ctx, number)
		if err != nil {
			return err
		}
		if p.GetStatus() != governance.StatusApproved.String() {
			return nil // the ledger says what is wrong
		}
		total, s := uint64(0), (*quoinv1.Status)(nil)
		if s, err = n.status(ctx); err != nil {
			return err
		}
		for _, v := range s.GetValidators() {
			total += v.GetWeight()
		}
		if 3*p.GetReadyWeight() > 2*total {
			return nil
		}
		if ready := int64(p.GetReadyWeight()); ready != told {
			t.note("waiting until a quorum is ready: %d of %d", ready, total)
			told = ready
		}
		if time.Now().After(deadline) {
			return &fault{exit: exitUndecided, code: "not-ready", what: fmt.Sprintf("validators of weight %d of %d are ready for proposal %d", p.GetReadyWeight(), total, number),
				why: "a quorum must have checked and compiled it", todo: "see `quoin release show " + digestOrNumber(p) + "`; wait, or schedule with --unready"}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(readyPoll):
		}
	}
}

func digestOrNumber(p *quoinv1.Proposal) string {
	if d := p.GetBinding().GetRelease(); len(d) > 0 {
		return hex.EncodeToString(d)
	}
	return strconv.FormatUint(p.GetNumber(), 10)
}

func newReleaseVeto(t *terminal) *cobra.Command {
	var f txFlags
	c := &cobra.Command{Use: "veto NUMBER", Short: "Object to a proposal, as a validator; more than f of weight stop it", Args: args(1, 1)}
	addTxFlags(c, &f, validatorName(0))
	c.RunE = func(c *cobra.Command, a []string) error {
		n, err := proposalNumber(a[0])
		if err != nil {
			return err
		}
		return t.command(c.Context(), &f, governance.Veto{Proposal: n}, fmt.Sprintf("vetoed proposal %d", n), map[string]any{"proposal": n})
	}
	return c
}

func newReleaseCancel(t *terminal) *cobra.Command {
	var f txFlags
	c := &cobra.Command{Use: "cancel NUMBER", Short: "Withdraw an open proposal, as its proposer", Args: args(1, 1)}
	addTxFlags(c, &f, roleProposer)
	c.RunE = func(c *cobra.Command, a []string) error {
		n, err := proposalNumber(a[0])
		if err != nil {
			return err
		}
		return t.command(c.Context(), &f, governance.Cancel{Proposal: n}, fmt.Sprintf("cancelled proposal %d", n), map[string]any{"proposal": n})
	}
	return c
}

func newReleaseRollback(t *terminal) *cobra.Command {
	var f txFlags
	c := &cobra.Command{Use: "rollback SLOT", Short: "Return a slot, such as leader.v1, to what served it before", Args: args(1, 1),
		Long: "Return a slot to what served it before: one approver is enough, since that brings no new code. A slot is\n" +
			"a hook, or a hook and a namespace: leader.v1, machine.v1/bank."}
	addTxFlags(c, &f, roleApprover)
	c.RunE = func(c *cobra.Command, a []string) error {
		served, err := t.history(c.Context(), a[0], 1)
		if err != nil {
			return err
		}
		if len(served) == 0 {
			return notFound("nothing serves the slot "+quote(a[0]), "see `quoin release show`")
		}
		from := served[0].Number
		return t.command(c.Context(), &f, governance.Rollback{Slot: a[0], From: from}, fmt.Sprintf("%s returns to what served before %s", a[0], servedName(&served[0])),
			map[string]any{"slot": a[0], "from": from})
	}
	return c
}

// proposal finds a proposal among the newest.
func (n *conn) proposal(ctx context.Context, number uint64) (*quoinv1.Proposal, error) {
	list, err := n.proposals(ctx, 0)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(p *quoinv1.Proposal) bool { return p.GetNumber() == number })
	if i < 0 {
		return nil, notFound(fmt.Sprintf("there is no proposal %d among the newest", number), "see `quoin release list`")
	}
	return list[i], nil
}

// history, statusOnce and upload connect for one request.
func (t *terminal) history(ctx context.Context, slot string, limit int) ([]governance.Served, error) {
	n, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer n.close()
	return n.history(ctx, slot, limit)
}

func (t *terminal) statusOnce(ctx context.Context) (*quoinv1.Status, error) {
	n, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer n.close()
	return n.status(ctx)
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
