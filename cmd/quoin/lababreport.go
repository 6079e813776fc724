package main

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"slices"
	"strings"

	"quoin.dev/quoin/bench"
	"quoin.dev/quoin/bench/compare"
	"quoin.dev/quoin/report"
)

// command is what runs the comparison again.
func (d *duel) command() string {
	b := "go run ./cmd/quoin lab ab" + d.base.again("base") + d.candidate.again("candidate") + fmt.Sprintf(" --nodes %d --pairs %d", d.world.Nodes, d.pairs)
	if d.live {
		b += fmt.Sprintf(" --live --rate %d --keys %d --payload %d --duration %s --network %s", d.load.Rate, d.load.Keys, d.load.Payload, d.load.Duration, d.load.Network)
	} else {
		b += fmt.Sprintf(" --first %d --blocks %d --transactions %d --dead %d", d.first, d.world.Blocks, d.world.Transactions, d.world.Dead)
	}
	b += fmt.Sprintf(" --margin %v", d.margin)
	if len(d.judged) > 0 {
		b += " --judge " + strings.Join(d.judged, ",")
	}
	if len(d.budgets) > 0 {
		b += " --budget " + strings.Join(d.budgets, ",")
	}
	return b
}

// printComparison writes a comparison for people.
func printComparison(w io.Writer, r *compare.Result, mode string, count int, base, candidate string) {
	fmt.Fprintf(w, "base       %s\ncandidate  %s\n%d pairs, %s, margin %.1f%%\n\n", base, candidate, count, mode, float64(r.Margin)/10_000)
	table(w, func(row func(...any)) {
		row("metric", "base", "candidate", "change", "95% interval", "verdict", "")
		for _, f := range r.Findings {
			judged := ""
			if f.Judged {
				judged = "judged"
			}
			row(f.Name, measured(f.Base, f.Unit), measured(f.Candidate, f.Unit), compare.Percent(f.Ratio), compare.Percent(f.Low)+" to "+compare.Percent(f.High), f.Verdict, judged)
		}
	})
	for _, k := range r.Budgets {
		fmt.Fprintf(w, "budget of %s: %s, %d (%d to %d) where %d is the limit\n", k.Metric, k.State, k.Value, k.Low, k.High, k.Limit)
	}
	fmt.Fprintf(w, "\nverdict: %s\n", r.Verdict)
	for _, reason := range r.Reasons() {
		fmt.Fprintf(w, "  %s\n", reason)
	}
}

// measured writes a whole number in the unit that people read.
func measured(v int64, unit string) string {
	number, unit := shown(v, unit)
	switch {
	case unit == "ms":
		return fmt.Sprintf("%.1f ms", number)
	case number >= 1000:
		return fmt.Sprintf("%.0f %s", number, unit)
	}
	return fmt.Sprintf("%.3g %s", number, unit)
}

func shown(v int64, unit string) (float64, string) {
	switch unit {
	case "us":
		return float64(v) / 1000, "ms"
	case "mtx/s":
		return float64(v) / 1000, "tx/s"
	case "ns per transaction":
		return float64(v) / 1000, "us per transaction"
	}
	if rest, ok := strings.CutPrefix(unit, "per 1000 "); ok {
		return float64(v) / 1000, "per " + strings.TrimSuffix(rest, "s")
	}
	return float64(v), unit
}

// keep writes the evidence and the run's folder, if they are wanted.
func (d *duel) keep(t *terminal, s *compare.Statement, x *compared) error {
	var key ed25519.PrivateKey
	var err error
	if d.sign != "" {
		if key, err = readKey(d.sign); err != nil {
			return err
		}
	}
	if d.evidence != "" {
		file, err := s.Evidence(key)
		if err != nil {
			return failure("the statement cannot be written", err, "")
		}
		if err := writeFile(d.evidence, file, 0o644); err != nil {
			return failure("the evidence cannot be written", err, "")
		}
		t.note("evidence: %s", d.evidence)
	}
	for _, line := range fallbacks(x.asked) {
		t.note("%s", line)
	}
	if d.save == "" {
		return nil
	}
	digest, err := s.Digest()
	if err != nil {
		return err
	}
	r := &report.Run{Format: report.Format, Kind: "ab", Name: digest.String()[:12], Title: x.candidate.name + " against " + x.base.name,
		Version: s.Version, Reproduce: x.reproduce, Failed: s.Result.Verdict == compare.Worse, Digest: digest.String(),
		Verdict:       string(s.Result.Verdict) + ": " + strings.Join(s.Result.Reasons(), "; "),
		Distributions: []report.Distribution{{Title: "Latency until certified", Unit: "ms", Lines: x.lines}},
		Comparisons:   []report.Comparison{comparison(&s.Result, s.Count, x.base.name, x.candidate.name)}, Tables: []report.Table{pairsTable(&s.Result, s.First, s.Count)}}
	if len(x.reported) > 0 {
		r.Distributions = append(r.Distributions, report.Distribution{Title: "Latency until reported as final", Unit: "ms", Lines: x.reported})
	}
	if len(x.asked) > 0 {
		r.Tables = append(r.Tables, askedTable(x.asked))
	}
	r.Findings = fallbacks(x.asked)
	if r.Failed {
		r.Findings = append(r.Findings, s.Result.Reasons()...)
	}
	return t.saveRun(r, d.save)
}

// saveRun keeps a run in a folder below dir.
func (t *terminal) saveRun(r *report.Run, dir string) error {
	folder, err := r.Save(dir)
	if err != nil {
		return failure("the run cannot be saved", err, "")
	}
	t.note("saved: %s", folder)
	return nil
}

// offScale is a ratio, in millionths, that would leave the others no room in a chart.
const offScale = 4_000_000

func comparison(r *compare.Result, count int, base, candidate string) report.Comparison {
	c := report.Comparison{Title: "Candidate against base", Base: base, Candidate: candidate,
		Note: fmt.Sprintf("Medians; the change is the median of the ratios of %d pairs, with its 95%% interval. Margin: %.1f%%.", count, float64(r.Margin)/10_000)}
	change := func(ratio int64) float64 { return float64(ratio)/10_000 - 100 }
	for _, f := range r.Findings {
		if f.Ratio == 0 {
			continue // no data; the table of figures says so
		}
		if !f.Judged && f.Ratio >= offScale {
			c.Note += fmt.Sprintf(" Off the scale, and not judged: %s, from %s to %s.", f.Name, measured(f.Base, f.Unit), measured(f.Candidate, f.Unit))
			continue
		}
		before, unit := shown(f.Base, f.Unit)
		after, _ := shown(f.Candidate, f.Unit)
		c.Rows = append(c.Rows, report.Compared{Metric: f.Name, Unit: unit, LowerBetter: !f.Higher, Base: before, Candidate: after,
			Change: change(f.Ratio), Low: change(f.Low), High: change(f.High), Verdict: string(f.Verdict)})
	}
	return c
}

// pairsTable has the judged figures of each pair.
func pairsTable(r *compare.Result, first uint64, count int) report.Table {
	t := report.Table{Title: "Pairs", Columns: []string{"pair"}, Numeric: []bool{true}}
	rows := make([][]string, count)
	for i := range rows {
		rows[i] = []string{fmt.Sprint(first + uint64(i))}
	}
	for _, f := range r.Findings {
		if !f.Judged || len(f.Pairs) < count {
			continue
		}
		_, unit := shown(0, f.Unit)
		t.Columns = append(t.Columns, f.Name+" base, "+unit, "candidate")
		t.Numeric = append(t.Numeric, true, true)
		for i, p := range f.Pairs {
			for _, v := range p {
				number, _ := shown(v, f.Unit)
				rows[i] = append(rows[i], fmt.Sprintf("%.2f", number))
			}
		}
	}
	t.Rows = rows
	return t
}

const cumulativePoints = 200

// cumulative is the distribution of latencies in microseconds, in milliseconds.
func cumulative(name string, latencies []uint64) report.Line {
	l := report.Line{Name: name}
	slices.Sort(latencies)
	for i := range min(cumulativePoints, len(latencies)) {
		at := (i+1)*len(latencies)/min(cumulativePoints, len(latencies)) - 1
		l.Points = append(l.Points, report.Point{X: float64(latencies[at]) / 1000, Y: float64(at+1) / float64(len(latencies))})
	}
	return l
}

// typical is the median, over runs, of the latency at each fraction.
func typical(name string, runs [][]bench.Quantile) report.Line {
	l := report.Line{Name: name}
	for i := 1; i <= cumulativePoints; i++ {
		fraction := float64(i) / cumulativePoints
		var values []int64
		for _, run := range runs {
			if at := slices.IndexFunc(run, func(q bench.Quantile) bool { return q.Fraction >= fraction }); at >= 0 {
				values = append(values, run[at].US)
			}
		}
		if len(values) > 0 {
			slices.Sort(values)
			l.Points = append(l.Points, report.Point{X: float64(values[len(values)/2]) / 1000, Y: fraction})
		}
	}
	return l
}
