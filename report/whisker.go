package report

import (
	"fmt"
	"math"
)

// Verdicts of comparisons.
const (
	Better       = "better"
	Worse        = "worse"
	Same         = "same"
	Inconclusive = "inconclusive"
)

const comparedDrawn = 60 // rows, at most

func (c *Comparison) picture(id string) *picture {
	p := &picture{ID: id, Title: c.Title, Note: c.Note, Numbers: []Table{c.numbers()}, draw: c.draw}
	p.Description = fmt.Sprintf("How much more or less %s has than %s, metric by metric: a dot for the median, a line for the interval of 95%%.", c.Candidate, c.Base)
	if n := len(c.Rows) - comparedDrawn; n > 0 {
		p.Note += fmt.Sprintf(" Drawn without the last %d metrics.", n)
	}
	return p
}

func (c *Comparison) numbers() Table {
	t := Table{Title: c.Candidate + " against " + c.Base, Columns: []string{"metric", "unit", c.Base, c.Candidate, "change", "95% interval", "verdict"},
		Numeric: []bool{false, false, true, true, true, true, false}}
	for _, x := range c.Rows {
		t.Rows = append(t.Rows, []string{x.Metric, x.Unit, number(x.Base), number(x.Candidate), percent(x.Change),
			percent(x.Low) + " to " + percent(x.High), x.Verdict})
	}
	return t
}

func percent(x float64) string {
	if x > 0 {
		return "+" + number(x) + "%"
	}
	return number(x) + "%"
}

// verdictClass is a class of the style sheet for any verdict.
func verdictClass(verdict string) string {
	switch verdict {
	case Better, Worse, Same:
		return verdict
	}
	return Inconclusive
}

func (c *Comparison) draw(width float64) *drawing {
	rows := c.Rows[:min(len(c.Rows), comparedDrawn)]
	left, right, pitch, below := 250.0, 200.0, 44.0, 0.0
	if width < wide { // the names stand above the whiskers
		left, right, pitch, below = 10, 14, 66, 24
	}
	d := &drawing{width: width, height: 26 + float64(len(rows))*pitch + 46}
	low, high := -1.0, 1.0
	for _, x := range rows {
		low, high = min(low, x.Low, x.Change), max(high, x.High, x.Change)
	}
	x, ticks := linear(low, high, int((width-left-right)/85))
	x.from, x.to = left, width-right
	bottom := 26 + float64(len(rows))*pitch
	for _, t := range ticks {
		class := "grid"
		if math.Abs(t) < 1e-9 {
			class = "zero"
		}
		if below == 0 {
			d.line(class, x.at(t), 20, x.at(t), bottom)
		} else {
			for i := range rows { // not through the names
				mid := 26 + float64(i)*pitch + pitch/2 + below/2
				d.line(class, x.at(t), mid-11, x.at(t), mid+11)
			}
		}
		d.text("tick", small, middle, x.at(t), bottom+16, percent(t))
	}
	d.text("muted", small, end, width-4, d.height-8, fit(small, width-8, "change of "+c.Candidate+" against "+c.Base))
	for i := range rows {
		c.whisker(d, &x, &rows[i], 26+float64(i)*pitch, pitch, left, below)
	}
	return d
}

func (c *Comparison) whisker(d *drawing, x *scale, r *Compared, y, pitch, left, below float64) {
	mid, class := y+pitch/2+below/2, verdictClass(r.Verdict)
	title := fmt.Sprintf("%s: %s, %s to %s, %s", r.Metric, percent(r.Change), percent(r.Low), percent(r.High), r.Verdict)
	medians := fmt.Sprintf("%s → %s %s", number(r.Base), number(r.Candidate), r.Unit)
	result := fmt.Sprintf("%s  %s", percent(r.Change), r.Verdict)
	if below == 0 {
		d.text("name", normal, start, 4, mid-3, fit(normal, left-20, r.Metric))
		d.text("muted", small, start, 4, mid+13, fit(small, left-20, medians))
		d.text("value "+class, normal, start, x.to+14, mid+4, fit(normal, d.width-x.to-18, result))
	} else {
		half := d.width/2 - 8
		d.text("name", normal, start, 4, y+16, fit(normal, half, r.Metric))
		d.text("value "+class, normal, end, d.width-4, y+16, fit(normal, half, result))
		d.text("muted", small, start, 4, y+31, fit(small, d.width-8, medians))
	}
	from, to := x.at(r.Low), x.at(r.High)
	d.line("whisker "+class, from, mid, to, mid)
	d.line("whisker "+class, from, mid-5, from, mid+5)
	d.line("whisker "+class, to, mid-5, to, mid+5)
	d.put(`<circle class="median %s" cx="%.1f" cy="%.1f" r="5">%s</circle>`, class, x.at(r.Change), mid, hint(title))
}
