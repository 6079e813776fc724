package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/lab"
)

// worldFlags name worlds of the simulator: what sim, replay, shrink, debug and trace play.
type worldFlags struct {
	o         lab.Options
	plant     string
	candidate candidateFlags
	scenario  scenarioFlags
}

// add adds the flags of one world.
func (w *worldFlags) add(c *cobra.Command) {
	w.addKind(c)
	c.Flags().Uint64Var(&w.o.Seed, "seed", 0, "the seed")
}

// addKind adds all of them but the seed.
func (w *worldFlags) addKind(c *cobra.Command) {
	w.candidate.add(c)
	w.scenario.add(c)
	f := c.Flags()
	f.IntVar(&w.o.Nodes, "nodes", 4, "validators")
	f.Uint64Var(&w.o.Blocks, "blocks", 0, "heights to certify in each world (0: the simulator's default, 200)")
	f.IntVar(&w.o.Transactions, "transactions", 0, "transactions to certify in each world (0: the simulator's default, 1000)")
	f.Uint64Var(&w.o.Epochs, "epochs", 0, "epochs to see in each world (0: the simulator's default, 2)")
	f.StringVar(&w.plant, "plant", "", "plant a bug that the observers must catch: "+bugNames())
}

// needSeed refuses a command line that names no seed.
func needSeed(c *cobra.Command) error {
	if !c.Flags().Changed("seed") {
		return usage("--seed is needed", fmt.Sprintf("use: %s --seed N", c.CommandPath()))
	}
	return nil
}

// plan returns the options without what a world needs only when it is played.
func (w *worldFlags) plan() (lab.Options, error) {
	o := w.o
	o.Plant = lab.Bug(w.plant)
	return o, w.scenario.apply(&o)
}

// options reads the files that the flags name.
func (w *worldFlags) options(ctx context.Context) (lab.Options, error) {
	o, err := w.plan()
	if err != nil {
		return o, err
	}
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

// again returns the command that does something with the world of a seed, on any checkout of this version.
func (w *worldFlags) again(command string, seed uint64, nodes int) string {
	line := fmt.Sprintf("go run ./cmd/quoin lab %s --seed %d --nodes %d", command, seed, nodes)
	for _, f := range []struct {
		flag  string
		value any
		given bool
	}{
		{"blocks", w.o.Blocks, w.o.Blocks != 0},
		{"transactions", w.o.Transactions, w.o.Transactions != 0},
		{"epochs", w.o.Epochs, w.o.Epochs != 0},
		{"plant", w.plant, w.plant != ""},
	} {
		if f.given {
			line += fmt.Sprintf(" --%s %v", f.flag, f.value)
		}
	}
	return line + w.scenario.again() + w.candidate.again()
}

// playing returns the flags of worlds with the same bug and candidate, and another scenario.
func (w *worldFlags) playing(scenario string) *worldFlags {
	return &worldFlags{plant: w.plant, candidate: w.candidate, scenario: scenarioFlags{file: scenario}}
}
