package main

import (
	"context"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/lab"
)

// worldFlags name one world of the simulator: what replay, debug and shrink play.
type worldFlags struct {
	o         lab.Options
	plant     string
	candidate candidateFlags
	scenario  scenarioFlags
}

func (w *worldFlags) add(c *cobra.Command) {
	w.candidate.add(c)
	w.scenario.add(c)
	f := c.Flags()
	f.Uint64Var(&w.o.Seed, "seed", 0, "the seed")
	f.IntVar(&w.o.Nodes, "nodes", 4, "validators")
	f.Uint64Var(&w.o.Blocks, "blocks", 0, "as it was given to sim")
	f.IntVar(&w.o.Transactions, "transactions", 0, "as it was given to sim")
	f.Uint64Var(&w.o.Epochs, "epochs", 0, "as it was given to sim")
	f.StringVar(&w.plant, "plant", "", "plant a bug: "+bugNames())
}

// options reads the files that the flags name.
func (w *worldFlags) options(ctx context.Context) (lab.Options, error) {
	o := w.o
	o.Plant = lab.Bug(w.plant)
	if err := w.scenario.apply(&o); err != nil {
		return o, err
	}
	var err error
	if o.Corpus, err = lab.NewCorpus(); err != nil {
		return o, failure("the hostile plugins cannot be compiled", err, "")
	}
	o.Candidate, err = w.candidate.candidate(ctx)
	return o, err
}

// open makes the world, before its first event.
func (w *worldFlags) open(ctx context.Context) (*lab.Session, error) {
	o, err := w.options(ctx)
	if err != nil {
		return nil, err
	}
	s, err := lab.Open(o)
	if err != nil {
		return nil, usage(err.Error(), "see `quoin lab sim --help`")
	}
	return s, nil
}
