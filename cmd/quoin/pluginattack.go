package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/attack"
)

// attackFlags are the flags of plugin attack.
type attackFlags struct {
	corpus, child    bool
	only             []string
	seed             uint64
	runs             int
	params, payloads string
	replay, hole     string
}

func newPluginAttack(t *terminal) *cobra.Command {
	var f attackFlags
	c := &cobra.Command{
		Use: "attack [FOLDER|FILE]", Short: "Aim hostile inputs at a plugin, or with --corpus hostile plugins at this host", Args: args(0, 1),
		Long: "Aim hostile inputs at a plugin: valid requests as bad as the limits of its hooks allow, on hostile states,\n" +
			"with little fuel, with little memory, without its grants. What harms more than whoever asked is a weakness.\n" +
			"With --corpus, play the attacks of docs/attack-corpus.md against this host instead, each in a process that\n" +
			"may die of it, and print what became of them.",
		RunE: func(c *cobra.Command, a []string) error {
			switch {
			case f.child:
				return attack.Child(os.Stdin, os.Stdout, attack.Hole(f.hole))
			case f.corpus && len(a) == 0:
				return attackHost(c.Context(), t, f.only, f.hole)
			case f.corpus:
				return usage("--corpus attacks this host, not a plugin", "leave out "+quote(a[0])+", or --corpus")
			case len(f.only) > 0:
				return usage("--only chooses attacks of the corpus", "add --corpus")
			case f.runs < 1 || f.runs > callsMax:
				return usage(fmt.Sprintf("--runs %d: 1 to %d are possible", f.runs, callsMax), "")
			}
			path := "."
			if len(a) == 1 {
				path = a[0]
			}
			return attackPlugin(c.Context(), t, path, &f)
		},
	}
	c.Flags().BoolVar(&f.corpus, "corpus", false, "attack this host with the whole corpus")
	c.Flags().StringArrayVar(&f.only, "only", nil, "with --corpus: play this attack, by its fixture's name; may be repeated")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "of all that is random: the same seed asks the same")
	c.Flags().IntVar(&f.runs, "runs", attack.RunsDefault, "how often each form of attack is drawn for each operation")
	c.Flags().StringVar(&f.params, "params", "", "the binding's parameters, as text, or 0x and hexadecimal, or @FILE (default: hostile ones)")
	c.Flags().StringVar(&f.payloads, "payloads", "", "a file of examples of payloads, one a line: text, or 0x and hexadecimal (default: "+payloadsFile+" of the folder)")
	c.Flags().StringVar(&f.replay, "replay", "", "ask again only what this case asked, such as leader.v1/hostile/17, with the same --seed")
	c.Flags().BoolVar(&f.child, "child", false, "play what the standard input names")
	c.Flags().StringVar(&f.hole, "hole", "", "with --corpus: switch off a check on purpose, to see that its attack is missed")
	_ = c.Flags().MarkHidden("child")
	_ = c.Flags().MarkHidden("hole")
	return c
}

// corpusReport is what became of the corpus.
type corpusReport struct {
	Passed bool            `json:"passed"`
	Cases  []attack.Result `json:"cases"`
}

// attackHost plays the corpus.
func attackHost(ctx context.Context, t *terminal, only []string, hole string) error {
	for _, name := range only {
		if _, ok := attack.Find(name); !ok {
			return usage("there is no attack "+quote(name), "their names are in docs/attack-corpus.md")
		}
	}
	program, err := os.Executable()
	if err != nil {
		return failure("this program does not find itself", err, "")
	}
	v := corpusReport{Passed: true, Cases: []attack.Result{}}
	var missed []string
	err = attack.Run(ctx, attack.Options{Command: []string{program, "plugin", "attack", "--child", "--hole", hole}, Only: only}, func(r attack.Result) {
		v.Cases = append(v.Cases, r)
		if !r.Passed() {
			missed, v.Passed = append(missed, r.Fixture), false
			t.note("row %d, %s: %s", r.Row, r.Fixture, r.Problem)
		}
	})
	if err != nil {
		return failure("the corpus was not played", err, "")
	}
	if err := t.data(&v, v.print); err != nil {
		return err
	}
	if !v.Passed {
		return &fault{exit: exitFailure, code: "attack-missed", what: fmt.Sprintf("%d of %d attacks were not contained", len(missed), len(v.Cases)), why: strings.Join(missed, ", "),
			todo: "what each must end in is in docs/attack-corpus.md; --only NAME plays one alone"}
	}
	return nil
}

func (v *corpusReport) print(w io.Writer) {
	table(w, func(row func(...any)) {
		row("ROW", "FIXTURE", "MUST BE", "WAS", "FUEL", "MEMORY", "VERDICT", "")
		for i := range v.Cases {
			r, verdict := &v.Cases[i], "contained"
			if !r.Passed() {
				verdict = "MISSED"
			}
			row(r.Row, r.Fixture, r.Want, r.Observed, r.Fuel, fmt.Sprintf("%d KiB", r.Growth>>10), verdict, r.Note)
		}
	})
}

// aimReport is what came of the attacks on a plugin.
type aimReport struct {
	Name       string         `json:"name"`
	Version    string         `json:"version"`
	Digest     string         `json:"digest"`
	Seed       uint64         `json:"seed"`
	Weak       bool           `json:"weak"`
	Operations []attack.Aimed `json:"operations"`
}

// attackPlugin aims at one release.
func attackPlugin(ctx context.Context, t *terminal, path string, f *attackFlags) error {
	s, err := openSubject(ctx, path)
	if err != nil {
		return err
	}
	target := attack.Target{File: s.file, Seed: f.seed, Runs: f.runs, Replay: f.replay}
	if f.params != "" {
		if target.Params, err = parameterBytes(f.params); err != nil {
			return err
		}
		if len(target.Params) > hook.ParamsMax {
			return usage(fmt.Sprintf("the parameters have %d bytes, at most %d are allowed", len(target.Params), hook.ParamsMax), "")
		}
	}
	if target.Payloads, err = payloadsOf(f.payloads, s.dir); err != nil {
		return err
	}
	all, err := attack.Aim(ctx, target)
	if err != nil {
		return toolFault(ctx, "the release was not attacked", err)
	}
	if f.replay != "" && !slices.ContainsFunc(all, func(o attack.Aimed) bool { return o.Calls > 0 }) {
		return usage(fmt.Sprintf("--replay %q: seed %d with --runs %d has no such case", f.replay, f.seed, f.runs), "cases are called like leader.v1/hostile/17")
	}
	m := s.report.Manifest
	v := &aimReport{Name: m.Name, Version: m.Version, Digest: s.report.Digest.String(), Seed: f.seed, Weak: attack.Weak(all), Operations: all}
	if err := t.data(v, v.print); err != nil {
		return err
	}
	if v.Weak {
		return refused("weak", m.Name+" has weaknesses that harm more than whoever uses them", v.weaknesses(),
			fmt.Sprintf("--seed %d --replay CASE asks one case again; what each kind means is in docs/attack-corpus.md", f.seed))
	}
	return nil
}

// weaknesses lists the cases of what harms others.
func (v *aimReport) weaknesses() string {
	var list []string
	for _, o := range v.Operations {
		for _, f := range o.Findings {
			if f.Weak {
				list = append(list, f.Kind+" in "+f.Case)
			}
		}
	}
	return strings.Join(list, ", ")
}

func (v *aimReport) print(w io.Writer) {
	fmt.Fprintf(w, "%s %s, seed %d\n", v.Name, v.Version, v.Seed)
	for _, o := range v.Operations {
		fmt.Fprintf(w, "\n%s: %d cases, at most %d of %d fuel", o.Operation, o.Calls, o.FuelPeak, o.FuelLimit)
		if o.PeakCase != "" {
			fmt.Fprintf(w, " (%s)", o.PeakCase)
		}
		fmt.Fprintln(w)
		table(w, func(row func(...any)) {
			for _, k := range slices.Sorted(maps.Keys(o.Outcomes)) {
				form, kind, _ := strings.Cut(k, " ")
				row("  "+form, kind, o.Outcomes[k])
			}
		})
		for _, f := range o.Findings {
			mark := "note"
			if f.Weak {
				mark = "WEAK"
			}
			fmt.Fprintf(w, "  %s  %s, %d times, first in %s: %s\n", mark, f.Kind, f.Count, f.Case, f.Detail)
		}
	}
}
