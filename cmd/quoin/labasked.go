package main

import (
	"fmt"
	"io"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/lab"
	"quoin.dev/quoin/report"
)

// fallbacks says of which bindings the fallback answered questions in the candidate's place.
func fallbacks(asked []lab.Asked) (lines []string) {
	for _, a := range asked {
		if a.Faults > 0 {
			lines = append(lines, fmt.Sprintf("%s failed %d of %d questions, the first by %s: there the fallback answered, and not the candidate", a.Slot, a.Faults, a.Calls, a.First))
		}
	}
	return lines
}

// printAsked writes what became of the questions to the candidate.
func printAsked(w io.Writer, asked []lab.Asked) {
	for _, a := range asked {
		fmt.Fprintf(w, "candidate: %s answered %d questions with %d fuel each; %d faults\n", a.Slot, a.Calls-a.Faults, perCall(&a), a.Faults)
	}
	for _, line := range fallbacks(asked) {
		fmt.Fprintf(w, "candidate: %s\n", line)
	}
}

func perCall(a *lab.Asked) uint64 { return a.Fuel / max(1, a.Calls) }

func askedTable(asked []lab.Asked) report.Table {
	t := report.Table{Title: "Questions to the candidate", Note: "Of all replicas, over all pairs. A question that ends in a fault is answered by the hook's fallback.",
		Columns: []string{"binding", "questions", "fuel each", "faults", "first fault"}, Numeric: []bool{false, true, true, true, false}}
	for _, a := range asked {
		first := "none"
		if a.First != hook.FaultNone {
			first = a.First.String()
		}
		t.Rows = append(t.Rows, []string{a.Slot, fmt.Sprint(a.Calls), fmt.Sprint(perCall(&a)), fmt.Sprint(a.Faults), first})
	}
	return t
}

// addAsked adds what a world counted of the candidate to what those before did.
func addAsked(total, more []lab.Asked) []lab.Asked {
	if total == nil {
		return append(total, more...)
	}
	for i := range more {
		total[i].Add(more[i])
	}
	return total
}
