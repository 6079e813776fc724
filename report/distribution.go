package report

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// percentiles that are marked.
var percentiles = []struct {
	name string
	at   float64
}{{"p50", 0.50}, {"p95", 0.95}, {"p99", 0.99}}

const steppedMax = 150 // points of a line whose steps are drawn as such

// NewDistribution returns the distribution of samples as a line: at most PointsMax values and the fraction
// of samples at or below each. The samples are sorted in place.
func NewDistribution(name string, samples []float64) Line {
	slices.Sort(samples)
	l := Line{Name: name}
	step := max(1, (len(samples)+PointsMax-2)/(PointsMax-1))
	for i := range samples {
		if i%step == 0 || i == len(samples)-1 {
			l.Points = append(l.Points, Point{samples[i], float64(i+1) / float64(len(samples))})
		}
	}
	return l
}

// Percentile returns the least value at or below which the fraction of samples lies; the greatest if the
// line does not say.
func (l *Line) Percentile(fraction float64) float64 {
	if len(l.Points) == 0 {
		return 0
	}
	i := sort.Search(len(l.Points), func(i int) bool { return l.Points[i].Y >= fraction-1e-12 })
	return l.Points[min(i, len(l.Points)-1)].X
}

// picture draws the distributions on a logarithmic axis.
func (d *Distribution) picture(id string) *picture {
	p := &picture{ID: id, Title: d.Title, Note: thinned(d.Lines), Numbers: []Table{d.numbers()}, draw: d.draw}
	p.Description = fmt.Sprintf("Cumulative distributions over a logarithmic axis in %s. The table below has the percentiles.", d.Unit)
	return p
}

// numbers are the percentiles, for reading.
func (d *Distribution) numbers() Table {
	t := Table{Title: "Percentiles, in " + d.Unit, Columns: []string{"", "p50", "p95", "p99", "max"}, Numeric: []bool{false, true, true, true, true}}
	for i := range d.Lines {
		l := &d.Lines[i]
		row := []string{l.Name}
		for _, p := range percentiles {
			row = append(row, number(l.Percentile(p.at)))
		}
		t.Rows = append(t.Rows, append(row, number(l.Percentile(1))))
	}
	return t
}

func (d *Distribution) draw(width float64) *drawing {
	low, high := math.Inf(1), 0.0
	for _, l := range d.Lines {
		for _, q := range l.Points {
			if q.X > 0 {
				low, high = min(low, q.X), max(high, q.X)
			}
		}
	}
	if high == 0 {
		low, high = 1, 10
	}
	low = max(low, high/1e9)
	x, ticks := logarithmic(low, high)
	fractions := []float64{0, 0.25, 0.5, 0.75, 1}
	p := newPlot(width, 260, x, scale{low: 0, high: 1},
		axis{d.Unit + ", logarithmic", ticks, number},
		axis{"share of samples at or below", fractions, func(f float64) string { return fmt.Sprintf("%.0f%%", f*100) }}, names(d.Lines), 0)
	for i := range d.Lines {
		l := Line{d.Lines[i].Name, thin(d.Lines[i].Points, linePoints)}
		p.trace(lineStyle(i), l.Points, len(l.Points) <= steppedMax)
	}
	for i := range d.Lines {
		d.markPercentiles(p, i)
	}
	return p.drawing
}

// markPercentiles puts dots on a line, with their values where there is room.
func (d *Distribution) markPercentiles(p *plot, i int) {
	l := &d.Lines[i]
	if len(l.Points) == 0 {
		return
	}
	for k, mark := range percentiles {
		v := l.Percentile(mark.at)
		x, y := p.x.at(v), p.y.at(mark.at)
		p.put(`<circle class="dot c%d" cx="%.1f" cy="%.1f" r="4">%s</circle>`, i%coloursCount, x, y,
			hint(fmt.Sprintf("%s %s: %s %s", l.Name, mark.name, number(v), d.Unit)))
		label := fmt.Sprintf("%s %s", mark.name, number(v))
		below := y + 17 + float64(k%2)*4
		_ = p.text("value", small, start, x+9, below, label) || p.text("value", small, end, x-9, y-6, label) ||
			p.text("value", small, start, x+9, below+15, label) || p.text("value", small, start, x+9, below+30, label)
	}
}
