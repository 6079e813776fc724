package main

import (
	"fmt"
	"io"

	"quoin.dev/quoin/lab"
	"quoin.dev/quoin/mark"
)

// simMark is a coverage mark and how often a swarm has reached it.
type simMark struct {
	Name    string    `json:"name"`
	Kind    mark.Kind `json:"kind"`
	Reached uint64    `json:"reached"`
	Says    string    `json:"says"`
}

// coverage returns the marks that should be reached sometimes and never were, and, if they are to be
// shown, all of them.
func (s *simulation) coverage() (never, all []simMark) {
	counts := s.marks.Counts(lab.Marks()...)
	missed, _ := mark.Missed(counts)
	show := func(from []mark.Count) []simMark {
		to := []simMark{}
		for _, c := range from {
			to = append(to, simMark{c.Name, c.Kind, c.Reached, c.Says})
		}
		return to
	}
	if s.marksShown {
		all = show(counts)
	}
	return show(missed), all
}

// marksSeeds is the size of a swarm from which on a mark that was never reached says something of the
// swarm, or of the code.
const marksSeeds = 100

func (s *simulation) textCoverage(w io.Writer) {
	never, all := s.coverage()
	table(w, func(row func(...any)) {
		for _, m := range all {
			row(m.Name, m.Kind, m.Reached, m.Says)
		}
	})
	if s.ran < marksSeeds && !s.marksShown {
		return
	}
	fmt.Fprintf(w, "marks: %d of those that a swarm should reach sometimes were never reached\n", len(never))
	if len(never) > 0 {
		fmt.Fprintln(w, "  (nothing is broken: these seeds say nothing of the situations below; more seeds, or longer worlds, may meet them)")
	}
	for _, m := range never {
		fmt.Fprintf(w, "  never: %s (%s)\n", m.Name, m.Says)
	}
}
