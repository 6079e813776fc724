package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/audit"
	"quoin.dev/quoin/signature"
)

func newAudit(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "audit", Short: "Read, keep and check the history of all changes"},
		newAuditLog(t), newAuditExport(t), newAuditVerify(t))
}

// auditOptions trust a chain.
func auditOptions(origin quoin.Origin, watch audit.Watcher) audit.Options {
	return audit.Options{Origin: origin, Environment: execution.Environment(extraBuiltins()...), Trust: client.AuditTrust, Watch: watch}
}

// history reads the whole history from the network, verified from the genesis on, and writes it to w.
func (n *conn) wholeHistory(ctx context.Context, w io.Writer, watch audit.Watcher, visit func(*audit.Entry) error) (audit.Summary, error) {
	x := audit.NewWriter(w, auditOptions(n.genesis.Origin(), watch))
	err := x.Header(n.genesis)
	if err == nil {
		err = n.Audit(ctx, x, visit)
	}
	if err != nil {
		return audit.Summary{}, auditFault("what the node tells of the chain's history", err)
	}
	s, err := x.End()
	return s, auditFault("what the node tells of the chain's history", err)
}

// auditFault says what a history does not prove.
func auditFault(what string, err error) error {
	var f *audit.Fault
	if !errors.As(err, &f) {
		return netFault(err)
	}
	x := &fault{exit: exitUnverified, code: "audit-" + string(f.Code), what: what + " does not verify", why: strings.TrimPrefix(f.Error(), "audit: "),
		todo: fmt.Sprintf("believe the %d events before; get the history anew, from another node", f.Verified), cause: err}
	switch {
	case f.Code == audit.Format && f.Verified == 0 && f.Line == 1:
		x.todo = "name a file that `quoin audit export` wrote, just as it was written"
	case f.Code == audit.Chain:
		x.todo = "name the genesis of the chain that the history is of"
	case f.Code == audit.Unlawful:
		x.todo = "ask the validators why they certified it; make sure that this is the version of quoin that the chain runs"
	case f.Code == audit.Attested:
		x.todo = "ask who signed the attestations; make sure that the history is as old as they are"
	}
	return x
}

// auditFilter picks entries.
type auditFilter struct {
	slot, member string
	proposal     uint64
	since        uint64
}

func (f *auditFilter) picks(e *audit.Entry) bool {
	return (f.slot == "" || slices.Contains(e.Slots, f.slot)) && (f.member == "" || f.member == e.Member || f.member == e.Validator) &&
		(f.proposal == 0 || e.Concerns(governance.ProposalNumber(f.proposal))) && uint64(e.Height) >= f.since
}

func newAuditLog(t *terminal) *cobra.Command {
	var f auditFilter
	var file string
	c := &cobra.Command{
		Use: "log", Short: "Print who changed what, when and why, oldest first", Args: args(0, 0),
		Long: "Print the history of all changes: of a network, or of a file that `quoin audit export` wrote. Every line\n" +
			"was verified from the pinned genesis on, and replayed.",
		RunE: func(c *cobra.Command, _ []string) error {
			entries := []*audit.Entry{}
			visit := func(e *audit.Entry) error {
				if f.picks(e) {
					entries = append(entries, e)
				}
				return nil
			}
			if err := t.readHistory(c.Context(), file, visit); err != nil {
				return err
			}
			return t.data(entries, func(w io.Writer) {
				table(w, func(row func(...any)) {
					row("event", "height", "who", "what", "why", "became")
					for _, e := range entries {
						row(e.Number, e.Height, e.Who(), e.What, e.Why, becameText(e))
					}
				})
			})
		},
	}
	c.Flags().StringVar(&f.slot, "slot", "", "only what concerns this slot, such as leader.v1 or machine.v1/kv")
	c.Flags().Uint64Var(&f.proposal, "proposal", 0, "only what concerns the proposal with this number")
	c.Flags().StringVar(&f.member, "member", "", "only what this member or validator did")
	c.Flags().Uint64Var(&f.since, "since", 0, "only from this height on")
	c.Flags().StringVar(&file, "file", "", "read this file, not the network")
	return c
}

func (t *terminal) readHistory(ctx context.Context, file string, visit func(*audit.Entry) error) error {
	if file != "" {
		g, err := trustAnchor("")
		if err != nil {
			return err
		}
		_, err = verifyHistory(file, g.Origin(), nil, visit)
		return err
	}
	n, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer n.close()
	_, err = n.wholeHistory(ctx, io.Discard, nil, visit)
	return err
}

func becameText(e *audit.Entry) string {
	var parts []string
	for _, s := range e.Became {
		parts = append(parts, fmt.Sprintf("%d %s", s.Proposal, s.To))
	}
	return strings.Join(parts, ", ")
}

// The formats of an export.
const (
	exportLines  = "lines"
	exportInToto = "intoto"
)

func newAuditExport(t *terminal) *cobra.Command {
	var format, key string
	c := &cobra.Command{
		Use: "export FILE", Short: "Write the history into a file that verifies offline, or as in-toto attestations", Args: args(1, 1),
		Long: "Write the history of all changes into a file, verified while it is written. With --format lines (the\n" +
			"default) anybody who has the genesis can verify the file without a network: `quoin audit verify`. With\n" +
			"--format intoto it holds one attestation for each change that took effect, signed with --key: in-toto\n" +
			"Statements in DSSE envelopes, one a line. Such a file should be called NAME.intoto.jsonl.",
		RunE: func(c *cobra.Command, a []string) error {
			if format != exportLines && format != exportInToto || (format == exportInToto) != (key != "") {
				return usage("an export is of format lines, or of format intoto and signed with --key", "see `quoin audit export --help`")
			}
			n, err := t.connect(c.Context())
			if err != nil {
				return err
			}
			defer n.close()
			var s audit.Summary
			attested := 0
			err = writeStream(a[0], 0o644, func(w io.Writer) (err error) {
				if format == exportLines {
					s, err = n.wholeHistory(c.Context(), w, nil, nil)
					return err
				}
				s, attested, err = n.attest(c.Context(), w, key)
				return err
			})
			var p *fs.PathError
			if errors.As(err, &p) {
				return failure(a[0]+" cannot be written", err, "check the path, its permissions, and the room on the disk")
			}
			if err != nil {
				return err
			}
			v := summaryView(&s)
			v.File, v.Attestations = a[0], attested
			return t.data(v, func(w io.Writer) {
				fmt.Fprintf(w, "wrote %s: %s\n", a[0], v.sentence())
				if format == exportInToto {
					fmt.Fprintf(w, "%d changes took effect, and are attested\n", attested)
				}
			})
		},
	}
	c.Flags().StringVar(&format, "format", exportLines, "lines or intoto")
	c.Flags().StringVar(&key, "key", "", "the key file to sign attestations with")
	return c
}

// attest writes an attestation of each change that took effect.
func (n *conn) attest(ctx context.Context, w io.Writer, keyFile string) (s audit.Summary, count int, err error) {
	key, err := readKey(keyFile)
	if err != nil {
		return s, 0, err
	}
	signer := signature.NewSigner(key)
	var failed error
	attester := audit.NewAttester(n.genesis.Origin(), func(_ uint64, statement []byte) {
		if failed == nil {
			count++
			_, failed = w.Write(append(audit.Seal(statement, signer), '\n'))
		}
	})
	s, err = n.wholeHistory(ctx, io.Discard, attester, nil)
	return s, count, errors.Join(err, failed)
}

func newAuditVerify(t *terminal) *cobra.Command {
	var genesis, origin, bundle, signer string
	c := &cobra.Command{
		Use: "verify FILE", Short: "Check and replay a history; no node is asked", Args: args(1, 1),
		Long: "Check a file that `quoin audit export` wrote against a genesis that you trust: --genesis, --origin (the\n" +
			"origin holds the genesis' hash), or the genesis that `quoin dev` or `quoin context use` pinned. Nothing in\n" +
			"the file is believed: certificates of all epochs and a proof of each event are verified, and everything is\n" +
			"done again from the genesis on. If the file was altered, the first altered event is named, with exit code\n" +
			"5. With --intoto, a file of attestations by --signer is checked against the history.",
		RunE: func(_ *cobra.Command, a []string) error {
			if genesis != "" && origin != "" || (bundle == "") != (signer == "") {
				return usage("give --genesis or --origin, and --intoto together with --signer", "see `quoin audit verify --help`")
			}
			if origin == "" {
				g, err := trustAnchor(genesis)
				if err != nil {
					return err
				}
				origin = string(g.Origin())
			}
			began := time.Now()
			v := &auditView{}
			var err error
			if bundle == "" {
				v, err = viewFile(a[0], quoin.Origin(origin))
			} else {
				v, err = viewAttested(a[0], quoin.Origin(origin), bundle, signer)
			}
			if err != nil {
				return err
			}
			v.File, v.Milliseconds = a[0], time.Since(began).Milliseconds()
			return t.data(v, func(w io.Writer) {
				fmt.Fprintf(w, "verified: %s\nof %s\n", v.sentence(), v.Origin)
				var stand []string
				for _, s := range v.Proposals {
					stand = append(stand, fmt.Sprintf("%d %s", s.Proposals, s.Status))
				}
				if len(stand) > 0 {
					fmt.Fprintf(w, "proposals: %s\n", strings.Join(stand, ", "))
				}
				if bundle != "" {
					fmt.Fprintf(w, "%d changes took effect, and %s attests each of them as it was (%d lines of others left out)\n", v.Attestations, signer, v.Ignored)
				}
				fmt.Fprintf(w, "replayed in %.2f s\n", time.Since(began).Seconds())
			})
		},
	}
	c.Flags().StringVar(&genesis, "genesis", "", "the genesis file to trust (default: the pinned one)")
	c.Flags().StringVar(&origin, "origin", "", "the chain's origin to trust: NETWORK/CHAIN/HASH")
	c.Flags().StringVar(&bundle, "intoto", "", "a file of attestations to check against the history")
	c.Flags().StringVar(&signer, "signer", "", "the public key that must have signed them, 64 hexadecimal digits")
	return c
}

// auditView is what a history proves, for people and scripts.
type auditView struct {
	File         string              `json:"file"`
	Origin       quoin.Origin        `json:"origin"`
	Events       uint64              `json:"events"`
	Head         string              `json:"head"` // over all of them
	Epochs       quoin.Epoch         `json:"epochs"`
	Height       quoin.Height        `json:"height"` // of the newest checkpoint
	Epoch        quoin.Epoch         `json:"epoch"`
	TimeMS       quoin.Time          `json:"time_ms"`
	Proposals    []audit.StatusCount `json:"proposals"`
	Attestations int                 `json:"attestations,omitempty"`
	Ignored      int                 `json:"ignored_attestations,omitempty"`
	Milliseconds int64               `json:"milliseconds,omitempty"`
}

func summaryView(s *audit.Summary) *auditView {
	c := &s.Checkpoint
	return &auditView{Origin: s.Origin, Events: s.Events, Head: s.Head.String(), Epochs: s.Epochs, Height: c.Height, Epoch: c.Epoch, TimeMS: c.Time, Proposals: s.Statuses}
}

func (v *auditView) sentence() string {
	return fmt.Sprintf("%d events in %d epochs, all up to height %d, certified at %s; head %s",
		v.Events, v.Epochs, v.Height, time.UnixMilli(int64(v.TimeMS)).UTC().Format(time.RFC3339), v.Head)
}

func viewFile(path string, origin quoin.Origin) (*auditView, error) {
	s, err := verifyHistory(path, origin, nil, nil)
	return summaryView(&s), err
}

func viewAttested(path string, origin quoin.Origin, bundlePath, signer string) (*auditView, error) {
	key, err := quoin.ParsePublicKey(signer)
	if err != nil {
		return nil, usage("--signer "+quote(signer)+" is no public key: "+err.Error(), "`quoin key show FILE` prints one")
	}
	file, err := openFile(bundlePath)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	bundle, err := audit.ReadBundle(file, key)
	if err != nil {
		return nil, auditFault(bundlePath, err)
	}
	s, err := verifyHistory(path, origin, audit.NewAttester(origin, bundle.Check), nil)
	if err != nil {
		return nil, err
	}
	v := summaryView(&s)
	v.Ignored = bundle.Ignored
	v.Attestations, err = bundle.End()
	return v, auditFault(bundlePath, err)
}

// verifyHistory verifies a file, which may be larger than memory.
func verifyHistory(path string, origin quoin.Origin, watch audit.Watcher, visit func(*audit.Entry) error) (audit.Summary, error) {
	file, err := openFile(path)
	if err != nil {
		return audit.Summary{}, err
	}
	defer file.Close()
	s, err := audit.Verify(file, auditOptions(origin, watch), visit)
	var f *audit.Fault
	if err != nil && !errors.As(err, &f) {
		return s, failure(path+" cannot be read", err, "")
	}
	return s, auditFault(path, err)
}
