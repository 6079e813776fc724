package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

const (
	marksDrawn = 200  // at most
	shadeMost  = 0.15 // opacity of one mark
	stripRow   = 16.0
	stripRows  = 3 // of labels of marks above a plot
)

// picture draws values over time, from zero, with a shade where something was wrong.
func (s *Series) picture(id string) *picture {
	p := &picture{ID: id, Title: s.Title, Note: thinned(s.Lines), Numbers: s.numbers(), draw: s.draw}
	p.Description = fmt.Sprintf("%s over time, in seconds.", s.Unit)
	if len(s.Marks) > 0 {
		p.Description += fmt.Sprintf(" %d faults are shaded.", len(s.Marks))
	}
	if n := len(s.Marks) - marksDrawn; n > 0 {
		p.Note += fmt.Sprintf(" Drawn without the last %d marks.", n)
	}
	return p
}

// numbers are the alternative to the picture.
func (s *Series) numbers() []Table {
	t := Table{Title: s.Title + " in numbers", Note: "In " + s.Unit + ".", Columns: []string{"", "least", "mean", "greatest"}, Numeric: []bool{false, true, true, true}}
	for _, l := range s.Lines {
		if len(l.Points) == 0 {
			continue
		}
		low, high, sum := math.Inf(1), math.Inf(-1), 0.0
		for _, q := range l.Points {
			low, high, sum = min(low, q.Y), max(high, q.Y), sum+q.Y
		}
		t.Rows = append(t.Rows, []string{l.Name, number(low), number(sum / float64(len(l.Points))), number(high)})
	}
	if len(s.Marks) == 0 {
		return []Table{t}
	}
	marks := Table{Title: "Faults in numbers", Columns: []string{"from, s", "to, s", "what"}, Numeric: []bool{true, true, false}}
	for _, m := range s.Marks {
		marks.Rows = append(marks.Rows, []string{fmt.Sprintf("%.3f", m.From), fmt.Sprintf("%.3f", m.To), m.Text})
	}
	return []Table{t, marks}
}

// draw draws the picture twice if there are marks: the first time shows how many rows their labels need.
func (s *Series) draw(width float64) *drawing {
	d, rows := s.drawRows(width, stripRows)
	if rows < stripRows && len(s.Marks) > 0 {
		d, _ = s.drawRows(width, rows)
	}
	return d
}

// drawRows draws with so many rows for labels of marks, and returns how many are used.
func (s *Series) drawRows(width float64, rows int) (d *drawing, used int) {
	from, to, low, high := math.Inf(1), math.Inf(-1), 0.0, 0.0
	for _, l := range s.Lines {
		for _, q := range l.Points {
			from, to, low, high = min(from, q.X), max(to, q.X), min(low, q.Y), max(high, q.Y)
		}
	}
	for _, m := range s.Marks {
		from, to = min(from, m.From), max(to, m.To)
	}
	if from > to {
		from, to = 0, 1
	}
	if from > 0 && from < (to-from)/8 {
		from = 0
	}
	_, ticks := linear(from, to, int(width/90))
	x := scale{low: from, high: max(to, from+1e-6)}
	y, yTicks := linear(low, high, 5)
	for len(ticks) > 0 && ticks[0] < from {
		ticks = ticks[1:]
	}
	for len(ticks) > 0 && ticks[len(ticks)-1] > to {
		ticks = ticks[:len(ticks)-1]
	}
	strip := 0.0
	if len(s.Marks) > 0 {
		strip = float64(rows) * stripRow
	}
	p := newPlot(width, 220, x, y, axis{"seconds", ticks, number}, axis{s.Unit, yTicks, number}, names(s.Lines), strip)
	used = s.shade(p, rows)
	for i, l := range s.Lines {
		points := thin(l.Points, linePoints)
		if len(s.Lines) == 1 && len(points) > 1 {
			p.area(points)
		}
		p.trace(lineStyle(i), points, false)
	}
	return p.drawing, used
}

// area fills the room below a line.
func (p *plot) area(points []Point) {
	zero := p.y.at(0)
	path := fmt.Sprintf("M%.1f %.1f", p.x.at(points[0].X), zero)
	for _, q := range points {
		path += fmt.Sprintf("L%.1f %.1f", p.x.at(q.X), p.y.at(q.Y))
	}
	p.put(`<path class="area" d="%sL%.1f %.1fZ"/>`, path, p.x.at(points[len(points)-1].X), zero)
}

// overlap returns how many marks lie over one another at most; at least 1.
func overlap(marks []Mark) int {
	type end struct {
		at   float64
		step int
	}
	var ends []end
	for _, m := range marks {
		ends = append(ends, end{m.From, 1}, end{m.To, -1})
	}
	slices.SortFunc(ends, func(a, b end) int { return cmp.Or(cmp.Compare(a.at, b.at), a.step-b.step) })
	most, now := 1, 0
	for _, e := range ends {
		now += e.step
		most = max(most, now)
	}
	return most
}

// shade draws the marks: intervals as bands, moments as lines, labels above where there is room. It
// returns how many rows of labels are used.
func (s *Series) shade(p *plot, rows int) (used int) {
	top, bottom := p.y.to, p.y.from
	opacity := min(shadeMost, 2.5*shadeMost/float64(overlap(s.Marks)))
	for _, m := range slices.Backward(s.Marks[:min(len(s.Marks), marksDrawn)]) { // so that labels pass above the leaders to their right
		from, to := p.x.at(m.From), p.x.at(m.To)
		title := fmt.Sprintf("%s, %s to %s s", m.Text, number(m.From), number(m.To))
		if m.To > m.From {
			p.put(`<rect class="shade" fill-opacity="%.3f" x="%.1f" y="%.1f" width="%.1f" height="%.1f">%s</rect>`, opacity, from, top, max(to-from, 1.5), bottom-top, hint(title))
		} else {
			title = fmt.Sprintf("%s, %s s", m.Text, number(m.From))
			p.put(`<line class="moment" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f">%s</line>`, from, top, from, bottom, hint(title))
		}
		label := fit(small, p.width/2, m.Text)
		for row := range rows {
			y := top - 5 - float64(row)*stripRow
			leader := box{from - 1, y - 9, 2, top - y + 9}
			if !p.free(leader) {
				continue
			}
			if p.text("mark", small, start, from+4, y, label) || from > p.x.to-textWidth(small, label) && p.text("mark", small, end, from-4, y, label) {
				p.line("leader", from, top, from, y-9)
				p.taken = append(p.taken, leader)
				used = max(used, row+1)
				break
			}
		}
	}
	return used
}
