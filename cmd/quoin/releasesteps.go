package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/standing"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/policy"
)

// scheduleAhead is how many heights lie between a schedule and its activation by default.
const scheduleAhead = 20

// stepCommand is a command about one proposal: `quoin release <use> NUMBER`.
type stepCommand struct {
	use, short, long string
	role             string
	noted            bool   // it takes a note
	done             string // what to say afterwards, with the number
	make             func(p seen, note string) (governance.Command, error)
	// until says when waiting may end; nil: there is nothing to wait for.
	until func(p *quoinv1.Proposal, x *quoinv1.ExplainResponse) bool
	step  string // of the policy that until looks at
}

// seen is what a command has seen of its proposal: how often that had begun again before the command was
// given, and the newest height that the node knows of when the command is sent.
type seen struct {
	number   governance.ProposalNumber
	restarts uint64
	height   quoin.Height
}

// stepPatience is how long a command waits for what has to come first, unless it is told. Compiling has the
// lowest priority on a node: two megabytes take a second on an idle machine, and more than half a minute on
// a loaded one.
const stepPatience = 3 * time.Minute

func (t *terminal) newStep(s stepCommand, flags func(*cobra.Command)) *cobra.Command {
	var f txFlags
	var note string
	var now bool
	c := &cobra.Command{Use: s.use + " NUMBER", Short: s.short, Long: s.long, Args: args(1, 1)}
	addTxFlags(c, &f, s.role)
	if s.noted {
		c.Flags().StringVar(&note, "note", "", "why: one line")
	}
	if s.until != nil {
		c.Flags().BoolVar(&now, "no-wait", false, "do not wait: be refused at once if it is too early")
	}
	if flags != nil {
		flags(c)
	}
	c.RunE = func(c *cobra.Command, a []string) error {
		n, err := proposalNumber(a[0])
		if err != nil {
			return err
		}
		if note, err = noteText(note); err != nil {
			return err
		}
		round, err := t.roundOnce(c.Context(), uint64(n))
		if err != nil {
			return err
		}
		if s.until != nil && !now {
			patience := stepPatience
			if c.Flags().Changed("timeout") {
				patience = f.timeout
			}
			if err := t.awaitStep(c.Context(), uint64(n), round, &s, patience); err != nil {
				return err
			}
		}
		status, err := t.statusOnce(c.Context())
		if err != nil {
			return err
		}
		command, err := s.make(seen{n, round - 1, quoin.Height(status.GetHeight())}, note)
		if err != nil {
			return err
		}
		return t.aboutProposal(c.Context(), &f, command, n, fmt.Sprintf(s.done, n))
	}
	return c
}

// aboutProposal sends a command about a proposal, and says what it did and where the proposal stands now.
func (t *terminal) aboutProposal(ctx context.Context, f *txFlags, c governance.Command, number governance.ProposalNumber, done string) error {
	r, err := t.sendOne(ctx, f, quoin.KernelNamespace, governance.Encode(c))
	if err != nil {
		return named(err, "NUMBER", fmt.Sprint(number))
	}
	n, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer n.close()
	p, height, err := n.proposal(ctx, uint64(number))
	if err != nil {
		return err
	}
	x, err := n.explain(ctx, uint64(number), "")
	if err != nil {
		return err
	}
	needs := standing.Missing(p, x)
	v := map[string]any{"proposal": number, "status": p.GetStatus(), "missing": orEmpty(needs), "transaction": r.view()}
	if p.GetActivationHeight() > 0 {
		v["activation_height"] = p.GetActivationHeight()
	}
	return t.data(v, func(w io.Writer) {
		fmt.Fprintf(w, "%s (height %d, entry %d)\n", done, r.height, r.entry)
		fmt.Fprintf(w, "it is %s\n", standing.Text(p, height))
		for _, line := range needs {
			fmt.Fprintf(w, "needs %s\n", line)
		}
		if todo := standing.Next(p); todo != "" {
			fmt.Fprintf(w, "next: %s\n", todo)
		}
	})
}

// named puts a name in the place of the word that stands for it in what is to be done.
func named(err error, word, name string) error {
	var f *fault
	if !errors.As(err, &f) {
		return err
	}
	again := *f
	again.todo = strings.ReplaceAll(f.todo, word, name)
	return &again
}

// stepPoll is how often the node is asked whether it is time.
const stepPoll = 200 * time.Millisecond

// awaitStep waits until a proposal takes a command, and says what it waits for. If the proposal leaves its
// road meanwhile, or begins it again, the ledger says so.
func (t *terminal) awaitStep(ctx context.Context, number, round uint64, s *stepCommand, patience time.Duration) error {
	n, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer n.close()
	deadline := time.Now().Add(patience)
	for told := ""; ; {
		p, _, err := n.proposal(ctx, number)
		if err != nil {
			return err
		}
		x, err := n.explain(ctx, number, s.step)
		if err != nil {
			return err
		}
		if p.GetRound() != round || s.until(p, x) {
			return nil
		}
		needs := strings.Join(standing.Missing(p, x), "; ")
		if needs != told {
			t.note("waiting: proposal %d needs %s", number, needs)
			told = needs
		}
		if time.Now().After(deadline) {
			return &fault{exit: exitUndecided, code: "not-yet", what: fmt.Sprintf("proposal %d is %s, and cannot be taken further yet", number, p.GetStatus()),
				why: "it needs " + needs, todo: fmt.Sprintf("see `quoin release show %d`; wait longer with --timeout", number)}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(stepPoll):
		}
	}
}

// left reports whether a proposal is not of any of the statuses in which waiting helps.
func left(p *quoinv1.Proposal, statuses ...governance.Status) bool {
	return !slices.ContainsFunc(statuses, func(s governance.Status) bool { return s.String() == p.GetStatus() })
}

func newReleaseApprove(t *terminal) *cobra.Command {
	return t.newStep(stepCommand{use: "approve", short: "Approve a proposal, as an approver", role: roleApprover, noted: true, done: "approved proposal %d", step: policy.StepApprove,
		long: "Approve a proposal. The command first waits, for three minutes or for --timeout, until a quorum of\n" +
			"validators has checked that it can run what is proposed. It takes back a rejection by the same member.",
		until: func(p *quoinv1.Proposal, _ *quoinv1.ExplainResponse) bool { return left(p, governance.StatusProposed) },
		make: func(p seen, note string) (governance.Command, error) {
			return governance.Approve{Proposal: p.number, Note: note, Restarts: p.restarts}, nil
		}}, nil)
}

func newReleaseReject(t *terminal) *cobra.Command {
	return t.newStep(stepCommand{use: "reject", short: "Reject a proposal, as an approver", role: roleApprover, noted: true, done: "rejected proposal %d", step: policy.StepReject,
		long: "Reject a proposal. Whether that ends it, the policy of the step reject says. It takes back an approval by\n" +
			"the same member.",
		until: func(p *quoinv1.Proposal, _ *quoinv1.ExplainResponse) bool { return left(p, governance.StatusProposed) },
		make: func(p seen, note string) (governance.Command, error) {
			return governance.Reject{Proposal: p.number, Note: note, Restarts: p.restarts}, nil
		}}, nil)
}

func newReleaseAttest(t *terminal) *cobra.Command {
	var kind, result, report string
	var heights uint64
	return t.newStep(stepCommand{use: "attest", short: "Attest what an assessment of a proposal found, as an assessor", role: roleApprover, noted: true,
		done: "attested proposal %d",
		long: "Attest the result of a security assessment (passed, failed) or of a benchmark against what serves (better,\n" +
			"same, worse, inconclusive). The report itself stays with you; its digest goes to the ledger.",
		make: func(p seen, note string) (governance.Command, error) {
			c := governance.Attest{Proposal: p.number, Until: p.height + quoin.Height(heights), Note: note, Restarts: p.restarts}
			if err := readResult(&c, kind, result); err != nil {
				return nil, err
			}
			if report == "" {
				return nil, usage("--report is needed", "name the file with the report: its digest is what you attest")
			}
			b, err := readFile(report, reportBytesMax)
			c.Digest = sha256.Sum256(b)
			return c, err
		}}, func(c *cobra.Command) {
		c.Flags().StringVar(&kind, "kind", governance.EvidenceSecurity.String(), "what was assessed: security or benchmark")
		c.Flags().StringVar(&result, "result", "", "passed or failed; of a benchmark better, same, worse or inconclusive")
		c.Flags().StringVar(&report, "report", "", "the file with the report")
		c.Flags().Uint64Var(&heights, "for", 100_000, "for how many heights from now it counts")
	})
}

// reportBytesMax bounds the report of an assessment, which is digested here.
const reportBytesMax = 256 << 20

// readResult reads a kind of evidence and its result by their names.
func readResult(c *governance.Attest, kind, result string) error {
	for _, k := range []governance.EvidenceKind{governance.EvidenceSecurity, governance.EvidenceBenchmark} {
		if k.String() != kind {
			continue
		}
		var names []string
		for r := governance.EvidenceResult(1); k.Name(r) != "unknown"; r++ {
			if names = append(names, k.Name(r)); k.Name(r) == result {
				c.Evidence, c.Result = k, r
				return nil
			}
		}
		return usage("--result "+quote(result)+" is no result of "+kind, "use "+strings.Join(names, ", "))
	}
	return usage("--kind "+quote(kind)+" is no kind of evidence", "use security or benchmark")
}

func newReleaseShadow(t *terminal) *cobra.Command {
	return t.newStep(stepCommand{use: "shadow", short: "Run what was approved beside what serves", role: roleProposer, done: "proposal %d runs in the shadow from the next block on",
		long: "Begin the shadow that the proposal's plan declares: every validator runs it on the same input as what\n" +
			"serves, compares the results, discards them, and reports on the ledger.",
		make: func(p seen, _ string) (governance.Command, error) {
			return governance.Shadow{Proposal: p.number}, nil
		}}, nil)
}

func newReleaseSchedule(t *terminal) *cobra.Command {
	var at, in uint64
	return t.newStep(stepCommand{use: "schedule", short: "Fix the height after which an approved proposal takes effect", role: roleProposer, done: "scheduled proposal %d", step: policy.StepActivate,
		long: "Fix the last height before a proposal takes effect. While its shadow runs, the command first waits, for\n" +
			"three minutes or for --timeout, until the policy of the step activate holds. Validators then say on the ledger\n" +
			"that they are ready; a change that is due before a quorum has moves on, and is rejected at last.",
		until: func(p *quoinv1.Proposal, x *quoinv1.ExplainResponse) bool {
			return left(p, governance.StatusShadow) || x.GetHolds()
		},
		make: func(p seen, _ string) (governance.Command, error) {
			height := quoin.Height(at)
			if at == 0 {
				height = p.height + quoin.Height(in)
			}
			return governance.Schedule{Proposal: p.number, Height: height, Restarts: p.restarts}, nil
		}}, func(c *cobra.Command) {
		c.Flags().Uint64Var(&at, "at", 0, "the last height before it takes effect")
		c.Flags().Uint64Var(&in, "in", scheduleAhead, "so many heights from now, if --at is not given")
	})
}

func newReleaseConfirm(t *terminal) *cobra.Command {
	return t.newStep(stepCommand{use: "confirm", short: "Confirm a trial, so that it does not return by itself", role: roleProposer, noted: true, done: "confirmed proposal %d", step: policy.StepConfirm,
		long: "Confirm a trial. The command first waits, for three minutes or for --timeout, until the trial has begun and\n" +
			"the policy of the step confirm holds, for example until validators have reported good health.",
		until: func(p *quoinv1.Proposal, x *quoinv1.ExplainResponse) bool {
			return p.GetPlan().GetTrial() == 0 || left(p, governance.StatusScheduled, governance.StatusTrial) || p.GetStatus() == governance.StatusTrial.String() && (x.GetHolds() || p.GetSlotReturn() != nil)
		},
		make: func(p seen, note string) (governance.Command, error) {
			return governance.Confirm{Proposal: p.number, Note: note, Restarts: p.restarts}, nil
		}}, nil)
}

func newReleasePause(t *terminal) *cobra.Command {
	return t.newStep(stepCommand{use: "pause", short: "Stop a proposal, or what it brought, until it is resumed, as a responder", role: roleApprover, noted: true, done: "paused proposal %d",
		long: "Stop a shadow, a schedule, a trial, or what serves: what served before serves again one block later.",
		make: func(p seen, note string) (governance.Command, error) {
			return governance.Pause{Proposal: p.number, Note: note}, nil
		}}, nil)
}

func newReleaseResume(t *terminal) *cobra.Command {
	return t.newStep(stepCommand{use: "resume", short: "Bring a paused proposal back to its beginning", role: roleProposer, noted: true, done: "proposal %d begins again",
		long: "Bring a paused proposal back to its beginning: nothing that was said of it counts any more.",
		make: func(p seen, note string) (governance.Command, error) {
			return governance.Resume{Proposal: p.number, Note: note}, nil
		}}, nil)
}

func newReleaseVeto(t *terminal) *cobra.Command {
	return t.newStep(stepCommand{use: "veto", short: "Object to a proposal, as a validator; more than f of weight stop it", role: validatorName(0), noted: true, done: "vetoed proposal %d",
		make: func(p seen, note string) (governance.Command, error) {
			return governance.Veto{Proposal: p.number, Note: note}, nil
		}}, nil)
}

func newReleaseCancel(t *terminal) *cobra.Command {
	return t.newStep(stepCommand{use: "cancel", short: "Withdraw a proposal that is not in effect, as its proposer", role: roleProposer, noted: true, done: "cancelled proposal %d",
		make: func(p seen, note string) (governance.Command, error) {
			return governance.Cancel{Proposal: p.number, Note: note}, nil
		}}, nil)
}

func newReleaseDeprecate(t *terminal) *cobra.Command {
	var at, in uint64
	return t.newStep(stepCommand{use: "deprecate", short: "Set the height from which on nobody should use what a proposal brought", role: roleProposer, noted: true, done: "deprecated proposal %d",
		long: "Set an end of use. From now on whoever uses it is warned; nothing stops serving by itself.",
		make: func(p seen, note string) (governance.Command, error) {
			if (at == 0) == (in == 0) {
				return nil, usage("the end of use is needed", "give its height with --at, or how far ahead it is with --in")
			}
			return governance.Deprecate{Proposal: p.number, EndOfLife: max(quoin.Height(at), p.height+quoin.Height(in)), Note: note}, nil
		}}, func(c *cobra.Command) {
		c.Flags().Uint64Var(&at, "at", 0, "the height from which on nobody should use it")
		c.Flags().Uint64Var(&in, "in", 0, "so many heights from now")
	})
}

func newReleaseRetire(t *terminal) *cobra.Command {
	return t.newStep(stepCommand{use: "retire", short: "End what a proposal brought for good", role: roleProposer, noted: true, done: "retired proposal %d",
		long: "End what a proposal brought for good: nothing may bind its release again. It is refused while something\n" +
			"binds it, is about to, or would return to it.",
		make: func(p seen, note string) (governance.Command, error) {
			return governance.Retire{Proposal: p.number, Note: note}, nil
		}}, nil)
}
