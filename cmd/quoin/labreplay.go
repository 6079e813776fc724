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
		world worldFlags
		quiet bool
		save  string
	)
	c := &cobra.Command{
		Use: "replay --seed N", Short: "Run one seed again and print every event", Args: args(0, 0),
		Long: "Play one world with the flags that `lab sim` was given, print every event on stderr, and then what came out.\n" +
			"It is the same world to the last byte: its digest shows it.",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := needSeed(c); err != nil {
				return err
			}
			o, err := world.options(c.Context())
			if err != nil {
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
			begin := time.Now()
			r, err := lab.Run(o)
			if err != nil {
				return usage(err.Error(), "see `quoin lab replay --help`")
			}
			s := &simulation{o: o, world: &world, first: o.Seed, seeds: 1, digests: true, hostile: map[string]int{}}
			s.add(&r, nil)
			s.took = time.Since(begin)
			if save != "" {
				folder, err := saveRun(save, world.again("replay", r.Seed, r.Nodes), &o, &r, &log)
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
				return &fault{exit: exitFailure, code: "invariant", what: fmt.Sprintf("seed %d broke %s", o.Seed, s.broken[0].Invariant), why: firstLine(s.broken[0].Text),
					todo: "make it small: " + world.again("shrink", r.Seed, r.Nodes)}
			}
			return nil
		},
	}
	world.add(c)
	f := c.Flags()
	f.BoolVar(&quiet, "quiet", false, "print no events")
	f.StringVar(&save, "save", "", "a folder, such as runs, in which to leave the run's own folder with its event log and page")
	return c
}
