package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"quoin.dev/quoin/bench"
	"quoin.dev/quoin/report"
)

// text writes a result for people.
func (x *benchRun) text(w io.Writer, r *bench.Result) {
	table(w, func(row func(...any)) {
		for _, l := range x.lines(r) {
			row(l[0], l[1])
		}
	})
	if x.operations != nil {
		x.operations.text(w)
	}
}

// lines are the figures of a result, each with its name.
func (x *benchRun) lines(r *bench.Result) [][]string {
	ms := func(us int64) string { return fmt.Sprintf("%.2f ms", float64(us)/1000) }
	whose, sent := "clients included", "messages between nodes"
	if x.processes {
		whose, sent = "nodes alone", "between nodes with TLS, in both directions"
	}
	lines := [][]string{
		{"transactions", fmt.Sprintf("%d, %.0f per second", r.Transactions, r.PerSecond)},
		{"latency", fmt.Sprintf("p50 %s, p95 %s, p99 %s, max %s", ms(r.P50), ms(r.P95), ms(r.P99), ms(r.Max))},
		{"not certified", fmt.Sprintf("%d missing, %d refused", r.Missing, r.Refused)},
		{"blocks", fmt.Sprintf("%d, %d views timed out", r.Blocks, r.TimeoutsViews)},
		{"CPU", fmt.Sprintf("%.1f us per transaction, %s", r.CPUPerTx, whose)},
		{"memory", fmt.Sprintf("%.0f MiB at most, %s", float64(r.MaxRSS)/(1<<20), map[bool]string{true: "of the largest node", false: "of all nodes and clients"}[x.processes])},
		{"sent", fmt.Sprintf("%.0f bytes per transaction, %s", r.SentPerTx, sent)},
		{"written", fmt.Sprintf("%.0f bytes per transaction, all nodes", r.WrittenPerTx)},
		{"fsyncs", fmt.Sprintf("%.4f per transaction, all nodes", r.FsyncsPerTx)},
		{"plugins", fmt.Sprintf("%.1f calls per block on a node", r.CallsPerBlock)},
	}
	if !x.processes {
		lines[len(lines)-1][1] += fmt.Sprintf(", %.1f us; %.0f fuel per transaction", r.CallUSPerBlock, r.FuelPerTx)
		lines = append(lines, []string{"on disk", fmt.Sprintf("%d bytes", r.BytesOnDisk)})
	}
	return lines
}

// report is the run's folder. Of a search, trials are its rates, and r is the last one.
func (x *benchRun) report(r *bench.Result, trials []bench.Trial, borne int) *report.Run {
	place := "one process"
	switch {
	case x.netns:
		place = "namespaces"
	case x.processes:
		place = "processes"
	}
	network := x.o.Network
	title := fmt.Sprintf("%d nodes in %s, %s, network %s", x.o.Nodes, place, x.load.Workload, network)
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, fmt.Sprintf("%d %s %s %s rate %d", x.o.Nodes, place, x.load.Workload, network, x.o.Rate))
	run := &report.Run{Format: report.Format, Kind: "bench", Title: title, Version: programVersion(), Reproduce: x.command, Seed: x.o.Seed,
		Name:    strings.Trim(name, "-"),
		Verdict: fmt.Sprintf("%.0f transactions a second, p50 %s, p99 %s", r.PerSecond, milliseconds(r.P50), milliseconds(r.P99)),
		Tables:  []report.Table{{Title: "Figures", Columns: []string{"figure", "value"}, Rows: x.lines(r)}}}
	latency := report.Line{Name: "latency"}
	for _, q := range r.Distribution {
		latency.Points = append(latency.Points, report.Point{X: float64(q.US) / 1000, Y: q.Fraction})
	}
	run.Distributions = []report.Distribution{{Title: "Latency", Unit: "ms", Lines: []report.Line{latency}}}
	if len(r.Windows) > 0 {
		run.Series = append(run.Series, overTime("Throughput", "tx/s", r.Windows, map[string]func(w bench.Window) float64{"certified": func(w bench.Window) float64 { return w.PerSecond }}),
			overTime("Latency over time", "ms", r.Windows, map[string]func(w bench.Window) float64{
				"p50": func(w bench.Window) float64 { return float64(w.P50) / 1000 }, "p99": func(w bench.Window) float64 { return float64(w.P99) / 1000 }}))
	}
	if len(trials) > 0 {
		run.Name += "-saturation"
		run.Verdict = fmt.Sprintf("%d transactions a second are borne with p99 within %v", borne, x.goal.P99)
		run.Failed = borne == 0
		run.Tables = append([]report.Table{trialsTable(trials)}, run.Tables...)
	}
	return run
}

func overTime(title, unit string, windows []bench.Window, lines map[string]func(bench.Window) float64) report.Series {
	s := report.Series{Title: title, Unit: unit}
	for name, value := range lines { // in any order: sorted below
		l := report.Line{Name: name}
		for _, w := range windows {
			l.Points = append(l.Points, report.Point{X: w.Seconds, Y: value(w)})
		}
		s.Lines = append(s.Lines, l)
	}
	slices.SortFunc(s.Lines, func(a, b report.Line) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// trialsTable is the curve from rate to latency.
func trialsTable(trials []bench.Trial) report.Table {
	t := report.Table{Title: "Rates", Columns: []string{"rate", "done per s", "p50 ms", "p99 ms", "missing", "refused", ""}, Numeric: []bool{true, true, true, true, true, true, false}}
	sorted := slices.Clone(trials)
	slices.SortFunc(sorted, func(a, b bench.Trial) int { return a.Rate - b.Rate })
	for _, c := range sorted {
		r := c.Result
		t.Rows = append(t.Rows, []string{fmt.Sprint(c.Rate), fmt.Sprintf("%.0f", r.PerSecond), fmt.Sprintf("%.1f", float64(r.P50)/1000), fmt.Sprintf("%.1f", float64(r.P99)/1000),
			fmt.Sprint(r.Missing), fmt.Sprint(r.Refused), orBorne(c)})
	}
	return t
}
