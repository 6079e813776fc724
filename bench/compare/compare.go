// Package compare judges a candidate against a base: each is measured in pairs under the same
// conditions, and a verdict needs at least ten pairs.
//
// # Statistics
//
// A pair is one seed of the simulator, played by both, or two runs of a live network one right after
// the other. What is judged is the ratio of candidate to base within each pair, so what makes pairs
// differ from each other (where nodes stand, how busy the machine is) cancels. The figure of a metric
// is the median of its ratios, with the 95% interval that the exact binomial distribution gives without
// any assumption on how ratios are distributed.
//
// The margin says which change is of no practical worth. With a margin m, a metric of which less is
// better is
//
//	worse         if the whole interval lies above 1 + m
//	better        if the whole interval lies below 1 / (1 + m)
//	same          if the whole interval lies between
//	inconclusive  otherwise, and when there are too few pairs or figures that have no ratio
//
// Of a metric of which more is better the inverse ratio is judged. Only judged metrics and budgets make
// the overall verdict: worse if one is worse or a budget is broken; else inconclusive if one is; else
// better if one is better; else same. Lack of data is inconclusive, never a pass.
package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Verdict is what a comparison says.
type Verdict string

// The verdicts.
const (
	Better       Verdict = "better"
	Worse        Verdict = "worse"
	Same         Verdict = "same"
	Inconclusive Verdict = "inconclusive"
)

// Metric is something measured of both. Values are whole numbers, so that a statement has one encoding.
type Metric struct {
	Name   string `json:"name"`
	Unit   string `json:"unit"`
	Higher bool   `json:"higher_is_better"`
	Count  bool   `json:"count"`  // of rare events, often 0: one is added to both sides of a ratio
	Judged bool   `json:"judged"` // makes the overall verdict
}

// Measurement is one run's values, by the names of metrics.
type Measurement map[string]int64

// Pair is one measurement of each.
type Pair struct{ Base, Candidate Measurement }

// Finding is a metric over all pairs.
type Finding struct {
	Metric
	Pairs     [][2]int64 `json:"pairs"` // base, candidate
	Base      int64      `json:"base"`  // medians
	Candidate int64      `json:"candidate"`
	Ratio     int64      `json:"ratio_ppm"` // candidate to base, in millionths: median, and the ends of the interval
	Low       int64      `json:"ratio_low_ppm"`
	High      int64      `json:"ratio_high_ppm"`
	Verdict   Verdict    `json:"verdict"`
}

// Budget is what a candidate may spend, whatever the base does.
type Budget struct {
	Metric string `json:"metric"`
	Limit  int64  `json:"limit"` // in the metric's unit; the median of the pairs must not be above
}

// Kept is a budget and what became of it.
type Kept struct {
	Budget
	Value int64  `json:"value"` // the candidate's median
	Low   int64  `json:"low"`   // its 95% interval
	High  int64  `json:"high"`
	State string `json:"state"` // "kept", "broken", "unknown"
}

// States of a budget.
const (
	BudgetKept    = "kept"    // the whole interval is within it
	BudgetBroken  = "broken"  // the whole interval is beyond it
	BudgetUnknown = "unknown" // neither, or no data
)

// Result is a comparison.
type Result struct {
	Margin   int64     `json:"margin_ppm"`
	Findings []Finding `json:"findings"`
	Budgets  []Kept    `json:"budgets"`
	Verdict  Verdict   `json:"verdict"`
}

const million = 1_000_000

// Judge compares the pairs. The margin is in millionths: 50000 is 5%.
func Judge(metrics []Metric, pairs []Pair, margin int64, budgets []Budget) Result {
	r := Result{Margin: margin, Findings: []Finding{}, Budgets: []Kept{}}
	for _, m := range metrics {
		r.Findings = append(r.Findings, find(m, pairs, margin))
	}
	for _, b := range budgets {
		r.Budgets = append(r.Budgets, spend(b, pairs))
	}
	r.Verdict = r.overall()
	return r
}

func find(m Metric, pairs []Pair, margin int64) Finding {
	f := Finding{Metric: m, Pairs: [][2]int64{}, Verdict: Inconclusive}
	var base, candidate, ratios []float64
	for _, p := range pairs {
		b, okBase := p.Base[m.Name]
		c, okCandidate := p.Candidate[m.Name]
		if !okBase || !okCandidate {
			continue
		}
		f.Pairs = append(f.Pairs, [2]int64{b, c})
		base, candidate = append(base, float64(b)), append(candidate, float64(c))
		if m.Count {
			b, c = b+1, c+1
		}
		if b > 0 && c > 0 {
			ratios = append(ratios, float64(c)/float64(b))
		}
	}
	f.Base, f.Candidate = medianOf(base), medianOf(candidate)
	i, ok := interval(ratios)
	if !ok || len(ratios) < len(pairs) { // a pair without a ratio is not left out in silence
		return f
	}
	f.Ratio, f.Low, f.High = ppm(i.Median), ppm(i.Low), ppm(i.High)
	f.Verdict = judge(m, f.Low, f.High, margin)
	return f
}

func medianOf(values []float64) int64 {
	return int64(math.Round(median(slices.Sorted(slices.Values(values)))))
}

func ppm(ratio float64) int64 { return int64(math.Round(min(ratio, 1e9) * million)) }

// judge places an interval of ratios, in millionths, against the margin.
func judge(m Metric, low, high, margin int64) Verdict {
	up := million + margin
	down := int64(math.Round(million * million / float64(up)))
	above, below := low > up, high < down
	switch {
	case above && m.Higher, below && !m.Higher:
		return Better
	case above, below:
		return Worse
	case low >= down && high <= up:
		return Same
	}
	return Inconclusive
}

// spend judges a budget by the candidate's values.
func spend(b Budget, pairs []Pair) Kept {
	k := Kept{Budget: b, State: BudgetUnknown}
	var values []float64
	for _, p := range pairs {
		if v, ok := p.Candidate[b.Metric]; ok {
			values = append(values, float64(v))
		}
	}
	k.Value = medianOf(values)
	i, ok := interval(values)
	if !ok || len(values) < len(pairs) {
		return k
	}
	k.Low, k.High = int64(math.Round(i.Low)), int64(math.Round(i.High))
	switch {
	case k.High <= b.Limit:
		k.State = BudgetKept
	case k.Low > b.Limit:
		k.State = BudgetBroken
	}
	return k
}

func (r *Result) overall() Verdict {
	var judged []Verdict
	for _, f := range r.Findings {
		if f.Judged {
			judged = append(judged, f.Verdict)
		}
	}
	for _, k := range r.Budgets {
		switch k.State {
		case BudgetBroken:
			judged = append(judged, Worse)
		case BudgetUnknown:
			judged = append(judged, Inconclusive)
		}
	}
	if len(judged) == 0 {
		return Inconclusive
	}
	for _, v := range []Verdict{Worse, Inconclusive, Better} {
		if slices.Contains(judged, v) {
			return v
		}
	}
	return Same
}

// Reasons says which metrics and budgets made the verdict, a line each: those of which the verdict is the same.
func (r *Result) Reasons() []string {
	var lines []string
	for _, f := range r.Findings {
		switch {
		case !f.Judged || f.Verdict != r.Verdict:
		case f.Ratio == 0:
			lines = append(lines, fmt.Sprintf("%s: %d pairs with figures, of at least %d", f.Name, len(f.Pairs), PairsMin))
		default:
			lines = append(lines, fmt.Sprintf("%s %s (%s to %s)", f.Name, Percent(f.Ratio), Percent(f.Low), Percent(f.High)))
		}
	}
	for _, k := range r.Budgets {
		if k.State == BudgetBroken && r.Verdict == Worse || k.State == BudgetUnknown && r.Verdict == Inconclusive {
			lines = append(lines, fmt.Sprintf("budget of %s: %s, %d where %d is the limit", k.Metric, k.State, k.Value, k.Limit))
		}
	}
	return lines
}

// Percent is a ratio in millionths as a change: "+3.1%", and from ten times on "×25". It is "?" where there
// is none.
func Percent(ratio int64) string {
	switch {
	case ratio == 0:
		return "?"
	case ratio > 1000*million:
		return ">×1000"
	case ratio >= 10*million:
		return fmt.Sprintf("×%d", (ratio+million/2)/million)
	}
	s := fmt.Sprintf("%+.1f%%", float64(ratio-million)/10_000)
	return strings.Replace(strings.Replace(s, "-0.0%", "0.0%", 1), "+0.0%", "0.0%", 1)
}
