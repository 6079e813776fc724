package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/lab"
	"quoin.dev/quoin/report"
)

const (
	shrinkRuns    = 300
	shrinkRunsMax = 100_000
)

func newLabShrink(t *terminal) *cobra.Command {
	var (
		world worldFlags
		runs  int
		save  string
		file  string
	)
	c := &cobra.Command{
		Use: "shrink --seed N", Short: "Make the world of a broken seed small: the least scenario in which the same breaks", Args: args(0, 0),
		Long: "Play a world that breaks an invariant again and again with less of its scenario, as long as the same invariant\n" +
			"breaks: without acts, faults, links, clocks and load, with shorter times and lower goals. What is left is printed\n" +
			"as a scenario, with the command that replays it. The result is small, not the smallest there is, and the same for\n" +
			"the same seed and --runs. An interrupt ends the search with what was found.",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := needSeed(c); err != nil {
				return err
			}
			if runs < 1 || runs > shrinkRunsMax {
				return usage(fmt.Sprintf("%d runs", runs), fmt.Sprintf("choose --runs 1 to %d", shrinkRunsMax))
			}
			o, err := world.options(c.Context())
			if err != nil {
				return err
			}
			x, err := shrinkWorld(c.Context(), t, &world, o, runs, file)
			if err != nil {
				return err
			}
			if file != "" {
				if err := writeFile(file, []byte(x.String()), 0o644); err != nil {
					return failure("the scenario cannot be written", err, "name another file with --write")
				}
			}
			if err := x.keep(save); err != nil {
				return err
			}
			return t.data(x, x.text)
		},
	}
	world.add(c)
	f := c.Flags()
	f.IntVar(&runs, "runs", shrinkRuns, "how many worlds to play at most")
	f.StringVar(&file, "write", "", "a file for the scenario, such as small.scenario")
	f.StringVar(&save, "save", "", "a folder, such as runs, in which to leave the small world's own folder with its event log and page")
	return c
}

// shrunkWorld is what is left of a broken world.
type shrunkWorld struct {
	Seed       uint64   `json:"seed"`
	Invariant  string   `json:"invariant"`
	Text       string   `json:"text"`
	AtUS       uint64   `json:"at_us"`
	Runs       int      `json:"runs"`
	Directives [2]int   `json:"directives"` // before and after
	Acts       [2]int   `json:"acts"`
	Scenario   []string `json:"scenario"`
	Replay     string   `json:"replay"`
	Saved      string   `json:"saved,omitempty"`

	o      lab.Options // that play it
	report lab.Report
}

// shrinkWorld makes a world small. The command that it names plays the scenario from a file, if there is one.
func shrinkWorld(ctx context.Context, t *terminal, w *worldFlags, o lab.Options, runs int, file string) (*shrunkWorld, error) {
	line, next := t.statusLine(), time.Now()
	s, err := lab.Shrink(o, runs, func(s *lab.Shrunk) bool {
		if now := time.Now(); now.After(next) {
			next = now.Add(line.every())
			line.print("%d of %d runs  %d of %d directives left  breaks after %.3f s", s.Runs, runs,
				len(s.Scenario.Lines()), len(s.From.Lines()), float64(s.Report.Violations[0].AtUS)/1e6)
		}
		return ctx.Err() == nil
	})
	line.end()
	switch {
	case errors.Is(err, lab.ErrSound):
		return nil, &fault{exit: exitNotFound, code: "nothing-broken", what: fmt.Sprintf("seed %d breaks no invariant: there is nothing to shrink", o.Seed),
			todo: "give the flags with which `quoin lab sim` found a broken seed"}
	case err != nil:
		return nil, usage(err.Error(), "see `quoin lab shrink --help`")
	}
	small, v := s.Scenario, &s.Report.Violations[0]
	if file == "" {
		file = strings.Join(small.Lines(), "; ")
	}
	return &shrunkWorld{
		Seed: o.Seed, Invariant: strings.TrimSpace(v.Invariant + " " + v.Observer), Text: v.Text, AtUS: v.AtUS, Runs: s.Runs,
		Directives: [2]int{len(s.From.Lines()), len(small.Lines())}, Acts: [2]int{len(s.From.Acts), len(small.Acts)},
		Scenario: small.Lines(), Replay: w.playing(file).again("replay", o.Seed, small.Nodes),
		o:      lab.Options{Seed: o.Seed, Scenario: small, Plant: o.Plant, Candidate: o.Candidate, Corpus: o.Corpus},
		report: s.Report,
	}, nil
}

// String is the scenario as a file, with what it is for in its comments.
func (x *shrunkWorld) String() string {
	return fmt.Sprintf("# %s breaks after %.3f s: %s\n# %d directives, %d of them acts, were %d and %d before %d runs.\n# %s\n%s\n",
		x.Invariant, float64(x.AtUS)/1e6, firstLine(x.Text), x.Directives[1], x.Acts[1], x.Directives[0], x.Acts[0], x.Runs, x.Replay,
		strings.Join(x.Scenario, "\n"))
}

func (x *shrunkWorld) text(w io.Writer) {
	fmt.Fprint(w, x)
	if x.Saved != "" {
		fmt.Fprintf(w, "# saved: %s\n", x.Saved)
	}
}

// keep leaves a run's folder of the small world.
func (x *shrunkWorld) keep(dir string) error {
	if dir == "" {
		return nil
	}
	var log report.Log
	x.o.Events = log.Keep
	r, err := lab.Run(x.o)
	if err != nil {
		return err
	}
	if !r.Failed() || r.Digest != x.report.Digest {
		return failure("the small world went another way when it was played again", nil, "report this: something in it is not deterministic")
	}
	x.Saved, err = saveRun(dir, x.Replay, &x.o, &r, &log)
	return err
}

// shrinkBroken makes the first broken seed's world small.
func (s *simulation) shrinkBroken(ctx context.Context, t *terminal, save string) error {
	if len(s.broken) == 0 {
		return nil
	}
	o := s.o
	o.Seed = s.broken[0].Seed
	var err error
	if s.shrunk, err = shrinkWorld(ctx, t, s.world, o, shrinkRuns, ""); err != nil {
		return err
	}
	return s.shrunk.keep(save)
}
