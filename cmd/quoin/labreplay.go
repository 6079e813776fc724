package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/lab"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/report"
)

func newLabReplay(t *terminal) *cobra.Command {
	var (
		o         lab.Options
		plant     string
		quiet     bool
		save      string
		candidate candidateFlags
		scenario  scenarioFlags
	)
	c := &cobra.Command{
		Use: "replay --seed N", Short: "Run one seed again and print every event", Args: args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if !c.Flags().Changed("seed") {
				return usage("--seed is needed", "use: quoin lab replay --seed N")
			}
			o.Plant = lab.Bug(plant)
			if err := scenario.apply(&o); err != nil {
				return err
			}
			var log report.Log
			o.Events = func(e *events.Event) {
				if !quiet {
					fmt.Fprintln(t.err, e)
				}
				if save != "" {
					log.Keep(e)
				}
			}
			if quiet && save == "" {
				o.Events = nil
			}
			corpus, err := lab.NewCorpus()
			if err != nil {
				return failure("the hostile plugins cannot be compiled", err, "")
			}
			o.Corpus = corpus
			if o.Candidate, err = candidate.candidate(c.Context()); err != nil {
				return err
			}
			begin := time.Now()
			r, err := lab.Run(o)
			if err != nil {
				return usage(err.Error(), "see `quoin lab replay --help`")
			}
			s := &simulation{o: o, candidate: candidate, scenario: scenario, first: o.Seed, seeds: 1, digests: true, hostile: map[string]int{}}
			s.add(&r, nil)
			s.took = time.Since(begin)
			if save != "" {
				folder, err := saveRun(save, s.replay(&r), &o, &r, &log)
				if err != nil {
					return err
				}
				s.saved = append(s.saved, folder)
			}
			if err := t.data(s.summary(), func(w io.Writer) {
				s.text(w)
				for _, b := range s.broken {
					fmt.Fprintln(w, b.Text)
					for _, line := range b.Window {
						fmt.Fprintln(w, "  "+line)
					}
				}
			}); err != nil {
				return err
			}
			if r.Failed() {
				return &fault{exit: exitFailure, code: "invariant", what: fmt.Sprintf("seed %d broke %s", o.Seed, r.Violations[0].Invariant), why: firstLine(r.Violations[0].Text)}
			}
			return nil
		},
	}
	candidate.add(c)
	scenario.add(c)
	f := c.Flags()
	f.Uint64Var(&o.Seed, "seed", 0, "the seed")
	f.IntVar(&o.Nodes, "nodes", 4, "validators")
	f.Uint64Var(&o.Blocks, "blocks", 0, "as it was given to sim")
	f.IntVar(&o.Transactions, "transactions", 0, "as it was given to sim")
	f.Uint64Var(&o.Epochs, "epochs", 0, "as it was given to sim")
	f.StringVar(&plant, "plant", "", "plant a bug: "+bugNames())
	f.BoolVar(&quiet, "quiet", false, "print no events")
	f.StringVar(&save, "save", "", "a folder, such as runs, in which to leave the run's own folder with its event log and page")
	return c
}
