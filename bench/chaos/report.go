package chaos

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"quoin.dev/quoin/report"
)

// Verdict is what came out, in a line.
func (r *Result) Verdict() string {
	if r.Failed() {
		return fmt.Sprintf("broken: %d findings after %d faults", len(r.Findings), r.Faults)
	}
	return fmt.Sprintf("%d faults, %d operations: linearizable, nothing acknowledged lost, one chain", r.Faults, r.Operations)
}

// Tables are the result for people.
func (r *Result) Tables() []report.Table {
	return []report.Table{r.summary(), r.recoveryTable()}
}

func (r *Result) summary() report.Table {
	t := report.Table{Title: "What clients did and saw", Columns: []string{"what", "figure"}}
	row := func(what, format string, a ...any) {
		t.Rows = append(t.Rows, []string{what, fmt.Sprintf(format, a...)})
	}
	row("network", "%d processes, %d clients, seed %d", r.Nodes, r.Clients, r.Seed)
	row("faults", "%d in %v", r.Faults, r.Duration.Round(time.Millisecond))
	row("operations", "%d: %d acknowledged, %d with an unknown outcome (of which %d took effect), %d submitted more than once", r.Operations, r.Acknowledged, r.Unknown, r.Landed, r.Repeated)
	row("state reads", "%d", r.StateReads)
	row("receipts verified offline", "%d", r.Proofs)
	row("Porcupine", "%d keys, %d operations, %d of them pending", r.History.Keys, r.History.Operations, r.History.Pending)
	row("ledger", "%d entries", r.Entries)
	row("availability", "%.1f %% of %v slots had an acknowledgement; longest silence %v", r.Availability.Percent(), slotTime, r.Availability.Longest.Round(time.Millisecond))
	row("throughput", "%.0f acknowledged a second", float64(r.Acknowledged)/max(1, float64(len(r.PerSecond))))
	row("latency", "%s ms: p50 / p99 / max", r.Latency.text())
	row("latency without faults", "%s ms", r.Calm.text())
	row("this machine was late", "%s ms, in sleeps of %v", r.Lag.text(), lagEvery)
	for _, code := range slices.Sorted(maps.Keys(r.Answers)) {
		row("answer: "+code, "%d", r.Answers[code])
	}
	return t
}

func (t *Times) text() string {
	if t.Count == 0 {
		return "-"
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.0f", float64(d)/float64(time.Millisecond)) }
	return ms(t.P50) + " / " + ms(t.P99) + " / " + ms(t.Max)
}

func (r *Result) recoveryTable() report.Table {
	t := report.Table{Title: "Recovery, in milliseconds: p50 / p99 / max",
		Columns: []string{"fault", "faults", "others, from its beginning", "all clients, from its end", "bound, from its end", "nodes caught up, from its end", "machine late, at most"},
		Numeric: []bool{false, true, true, true, true, true, true},
		Note: "A client has recovered when the first operation that it began after the moment is acknowledged; clients work at a bounded rate,\n" +
			"so a pause between two operations is in the figures. Bound are those that ask only a node that was struck; others are the rest."}
	for i := range r.Recovery {
		x := &r.Recovery[i]
		t.Rows = append(t.Rows, []string{string(x.Kind), fmt.Sprint(x.Faults), x.Began.text(), x.Ended.text(), x.Bound.text(), x.Whole.text(), x.Lag.text()})
	}
	return t
}

// Run is the result as a run to keep.
func (r *Result) Run(version, reproduce string) *report.Run {
	x := &report.Run{Format: report.Format, Kind: "chaos", Name: fmt.Sprintf("seed-%d", r.Seed), Title: fmt.Sprintf("Chaos on %d real processes, seed %d", r.Nodes, r.Seed),
		Version: version, Reproduce: reproduce, Seed: r.Seed, Failed: r.Failed(), Verdict: r.Verdict(), Findings: r.Findings, Nodes: r.Nodes,
		Tables: r.Tables(), Events: r.Events}
	throughput := report.Line{Name: "acknowledged"}
	for second, n := range r.PerSecond {
		throughput.Points = append(throughput.Points, report.Point{X: float64(second), Y: float64(n)})
	}
	var marks []report.Mark
	for i := range r.Struck {
		marks = append(marks, report.Mark{From: r.Struck[i].Began.Seconds(), To: r.Struck[i].Ended.Seconds(), Text: string(r.Struck[i].Kind)})
	}
	x.Series = []report.Series{{Title: "Throughput", Unit: "acknowledged operations a second", Lines: []report.Line{throughput}, Marks: marks}}
	x.Distributions = []report.Distribution{
		{Title: "Latency", Unit: "ms", Lines: []report.Line{r.Latency.line("all operations"), r.Calm.line("without faults")}},
		{Title: "Recovery of clients, from a fault's end", Unit: "ms", Lines: r.recoveryLines()},
	}
	return x
}

func (r *Result) recoveryLines() (lines []report.Line) {
	for i := range r.Recovery {
		lines = append(lines, r.Recovery[i].Ended.line(string(r.Recovery[i].Kind)))
	}
	return lines
}

func (t *Times) line(name string) report.Line {
	samples := make([]float64, len(t.sorted))
	for i, d := range t.sorted {
		samples[i] = float64(d) / float64(time.Millisecond)
	}
	return report.NewDistribution(name, samples)
}
