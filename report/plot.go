package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// plot is the frame of a picture of lines: axes, a legend above, room for lines within.
type plot struct {
	*drawing
	x, y scale
}

const (
	legendRow    = 20.0
	linePoints   = 600 // drawn of a line, at most
	coloursCount = 6
	dashesCount  = 4
)

// axis is what a plot says along one side.
type axis struct {
	title string
	ticks []float64
	label func(float64) string
}

// newPlot draws the frame. names of lines stand above; strip is room between them and the plot.
func newPlot(width, height float64, x, y scale, xAxis, yAxis axis, names []string, strip float64) *plot {
	d := &drawing{width: width}
	title := legend(d, names, width) + 14
	if len(names) > 1 {
		title += 8
	}
	top := title + strip + 12
	left := 0.0
	for _, t := range yAxis.ticks {
		left = max(left, textWidth(small, yAxis.label(t)))
	}
	left += 12
	p := &plot{drawing: d, x: x, y: y}
	d.height = top + height + 48
	p.x.from, p.x.to = left, width-14
	p.y.from, p.y.to = top+height, top
	drawLegend(d, names, width)
	d.text("muted", small, start, 2, title, fit(small, width-4, yAxis.title))
	for _, t := range yAxis.ticks {
		at := p.y.at(t)
		d.line("grid", left, at, p.x.to, at)
		d.text("tick", small, end, left-7, at+small*0.35, yAxis.label(t))
	}
	for _, t := range byImportance(xAxis.ticks, x.log) {
		at := p.x.at(t)
		d.line("axis", at, p.y.from, at, p.y.from+5)
		label := xAxis.label(t)
		half := textWidth(small, label) / 2
		place := min(max(at, half+1), width-half-1)
		if room := (box{place - half - 8, p.y.from + 8, 2*half + 16, small - 1}); d.free(room) {
			d.text("tick", small, middle, place, p.y.from+18, label)
		}
	}
	d.line("axis", left, p.y.from, p.x.to, p.y.from)
	d.text("muted", small, end, p.x.to, d.height-7, fit(small, width-20, xAxis.title))
	return p
}

// byImportance puts powers of ten first, which are named where there is not room for all.
func byImportance(ticks []float64, log bool) []float64 {
	if !log {
		return ticks
	}
	power := func(x float64) int {
		if e := math.Log10(x); math.Abs(e-math.Round(e)) < 1e-9 {
			return 0
		}
		return 1
	}
	sorted := slices.Clone(ticks)
	slices.SortStableFunc(sorted, func(a, b float64) int { return power(a) - power(b) })
	return sorted
}

// legend returns the height of the names of lines above a plot; one line needs none.
func legend(d *drawing, names []string, width float64) float64 {
	if len(names) < 2 {
		return 0
	}
	rows := 1
	eachName(names, width, func(_ int, _ string, _ float64, row int) { rows = row + 1 })
	return float64(rows) * legendRow
}

func eachName(names []string, width float64, do func(i int, name string, x float64, row int)) {
	x, row := 2.0, 0
	for i, name := range names {
		name = fit(normal, width-40, name)
		w := textWidth(normal, name) + 50
		if x > 2 && x+w-20 > width {
			x, row = 2, row+1
		}
		do(i, name, x, row)
		x += w
	}
}

func drawLegend(d *drawing, names []string, width float64) {
	if len(names) < 2 {
		return
	}
	eachName(names, width, func(i int, name string, x float64, row int) {
		y := float64(row)*legendRow + 15
		d.line("line "+lineStyle(i), x, y-4, x+22, y-4)
		d.text("name", normal, start, x+28, y, name)
	})
}

// lineStyle tells lines apart by colour, and by dashes for those who do not see it.
func lineStyle(i int) string {
	return fmt.Sprintf("c%d d%d", i%coloursCount, i%dashesCount)
}

// trace draws a line through points. Stepped lines keep a value until the next point.
func (p *plot) trace(class string, points []Point, stepped bool) {
	if len(points) == 0 {
		return
	}
	var path strings.Builder
	y := 0.0
	for i, q := range points {
		x := p.x.at(q.X)
		switch {
		case i == 0:
			fmt.Fprintf(&path, "M%.1f %.1f", x, p.y.at(q.Y))
		case stepped:
			fmt.Fprintf(&path, "H%.1fV%.1f", x, p.y.at(q.Y))
		default:
			fmt.Fprintf(&path, "L%.1f %.1f", x, p.y.at(q.Y))
		}
		y = p.y.at(q.Y)
	}
	if len(points) == 1 {
		p.put(`<circle class="dot %s" cx="%.1f" cy="%.1f" r="3"/>`, class, p.x.at(points[0].X), y)
		return
	}
	p.put(`<path class="line %s" d="%s"/>`, class, path.String())
}

// thin leaves out points until at most limit remain, and keeps the least and the greatest of each
// stretch, so that no peak is lost.
func thin(points []Point, limit int) []Point {
	if len(points) <= limit {
		return points
	}
	stretches := max(1, limit/4)
	var kept []Point
	for s := range stretches {
		part := points[s*len(points)/stretches : (s+1)*len(points)/stretches]
		keep := []int{0, len(part) - 1}
		low, high := 0, 0
		for i := range part {
			if part[i].Y < part[low].Y {
				low = i
			}
			if part[i].Y > part[high].Y {
				high = i
			}
		}
		keep = append(keep, low, high)
		slices.Sort(keep)
		for _, i := range slices.Compact(keep) {
			kept = append(kept, part[i])
		}
	}
	return kept
}

// thinned returns a note on lines that were thinned; empty if none was.
func thinned(lines []Line) string {
	n := 0
	for _, l := range lines {
		if len(l.Points) > linePoints {
			n += len(l.Points) - len(thin(l.Points, linePoints))
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("Drawn without %d points that lie between the least and the greatest of their neighbours.", n)
}

func names(lines []Line) (names []string) {
	for _, l := range lines {
		names = append(names, l.Name)
	}
	return names
}
