package report

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"unicode/utf8"

	"quoin.dev/quoin/lab/events"
)

// Limits of a run, so that a page can always be made of it.
const (
	TextBytesMax  = 16 << 10 // of any text
	FindingsMax   = 1_000
	TablesMax     = 200 // and distributions, series, comparisons
	RowsMax       = 10_000
	ColumnsMax    = 32
	LinesMax      = 64
	PointsMax     = 100_000
	MarksMax      = 10_000
	NodesMax      = 64
	timeMax       = 1 << 50 // microseconds: 35 years
	magnitudeMax  = 1e18    // of a point: beyond it axes have no use
	nameBytesMax  = 100
	kindBytesMax  = 16
	hashDigitsMax = 64
)

var (
	kindPattern = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	namePattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	hexPattern  = regexp.MustCompile(`^[0-9a-f]*$`)
	verbsOfLogs = verbs()
)

func verbs() map[events.Verb]bool {
	known := map[events.Verb]bool{}
	for _, v := range events.Verbs() {
		known[v] = true
	}
	return known
}

// Check says what is wrong with the run: a name that is none, a table whose rows have not its columns,
// points out of order or out of bounds, events out of order, of unknown verbs or replicas, and whatever
// exceeds the limits above.
func (r *Run) Check() error {
	switch {
	case r.Format != Format:
		return fmt.Errorf("format %d; this program reads %d", r.Format, Format)
	case !kindPattern.MatchString(r.Kind) || len(r.Kind) > kindBytesMax:
		return fmt.Errorf("kind %q: want lower-case letters, at most %d", clip(r.Kind, nameBytesMax), kindBytesMax)
	case !namePattern.MatchString(r.Name) || len(r.Name) > nameBytesMax:
		return fmt.Errorf("name %q: want lower-case letters, digits and single hyphens, at most %d", clip(r.Name, nameBytesMax), nameBytesMax)
	case r.Nodes < 0 || r.Nodes > NodesMax:
		return fmt.Errorf("%d replicas, want at most %d", r.Nodes, NodesMax)
	case !hexPattern.MatchString(r.Digest) || len(r.Digest) > hashDigitsMax:
		return fmt.Errorf("digest %q is none", clip(r.Digest, nameBytesMax))
	case len(r.Scenario) > ScenarioBytesMax:
		return fmt.Errorf("a scenario of %d bytes, more than %d", len(r.Scenario), ScenarioBytesMax)
	case len(r.Findings) > FindingsMax:
		return fmt.Errorf("%d findings, more than %d", len(r.Findings), FindingsMax)
	case max(len(r.Tables), len(r.Distributions), len(r.Series), len(r.Comparisons)) > TablesMax:
		return fmt.Errorf("more than %d tables or pictures of a kind", TablesMax)
	}
	for _, text := range append([]string{r.Title, r.Version, r.Reproduce, r.Verdict}, r.Findings...) {
		if len(text) > TextBytesMax {
			return fmt.Errorf("a text of %d bytes, more than %d", len(text), TextBytesMax)
		}
	}
	for i := range r.Tables {
		if err := r.Tables[i].check(); err != nil {
			return fmt.Errorf("table %q: %w", clip(r.Tables[i].Title, nameBytesMax), err)
		}
	}
	if err := r.checkPictures(); err != nil {
		return err
	}
	return r.checkEvents()
}

func (t *Table) check() error {
	switch {
	case len(t.Columns) == 0 || len(t.Columns) > ColumnsMax:
		return fmt.Errorf("%d columns, want 1 to %d", len(t.Columns), ColumnsMax)
	case len(t.Numeric) != 0 && len(t.Numeric) != len(t.Columns):
		return fmt.Errorf("%d columns, of which %d are numeric or not", len(t.Columns), len(t.Numeric))
	case len(t.Rows) > RowsMax:
		return fmt.Errorf("%d rows, more than %d", len(t.Rows), RowsMax)
	}
	for i, row := range t.Rows {
		if len(row) != len(t.Columns) {
			return fmt.Errorf("row %d has %d cells for %d columns", i+1, len(row), len(t.Columns))
		}
	}
	return nil
}

func (r *Run) checkPictures() error {
	for i := range r.Distributions {
		d := &r.Distributions[i]
		if err := checkLines(d.Lines, true); err != nil {
			return fmt.Errorf("distribution %q: %w", clip(d.Title, nameBytesMax), err)
		}
	}
	for i := range r.Series {
		s := &r.Series[i]
		err := checkLines(s.Lines, false)
		if len(s.Marks) > MarksMax {
			err = fmt.Errorf("%d marks, more than %d", len(s.Marks), MarksMax)
		}
		for _, m := range s.Marks {
			if !bounded(m.From) || !bounded(m.To) || m.To < m.From {
				err = fmt.Errorf("a mark from %g to %g", m.From, m.To)
			}
		}
		if err != nil {
			return fmt.Errorf("series %q: %w", clip(s.Title, nameBytesMax), err)
		}
	}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		if len(c.Rows) > RowsMax {
			return fmt.Errorf("comparison %q: %d rows, more than %d", clip(c.Title, nameBytesMax), len(c.Rows), RowsMax)
		}
		for _, x := range c.Rows {
			if !bounded(x.Base) || !bounded(x.Candidate) || !bounded(x.Change) || !bounded(x.Low) || !bounded(x.High) || x.Low > x.High {
				return fmt.Errorf("comparison %q: %q has no interval", clip(c.Title, nameBytesMax), clip(x.Metric, nameBytesMax))
			}
		}
	}
	return nil
}

func checkLines(lines []Line, fractions bool) error {
	if len(lines) > LinesMax {
		return fmt.Errorf("%d lines, more than %d", len(lines), LinesMax)
	}
	for _, l := range lines {
		if len(l.Points) > PointsMax {
			return fmt.Errorf("line %q has %d points, more than %d", clip(l.Name, nameBytesMax), len(l.Points), PointsMax)
		}
		for i, p := range l.Points {
			before := l.Points[max(0, i-1)]
			switch {
			case !bounded(p.X) || !bounded(p.Y):
				return fmt.Errorf("line %q has a point (%g, %g)", clip(l.Name, nameBytesMax), p.X, p.Y)
			case p.X < before.X:
				return fmt.Errorf("line %q goes back from %g to %g", clip(l.Name, nameBytesMax), before.X, p.X)
			case fractions && (p.X < 0 || p.Y < before.Y || p.Y < 0 || p.Y > 1):
				return fmt.Errorf("line %q is no cumulative distribution at (%g, %g)", clip(l.Name, nameBytesMax), p.X, p.Y)
			}
		}
	}
	return nil
}

func bounded(x float64) bool { return math.Abs(x) <= magnitudeMax } // false for NaN

func (r *Run) checkEvents() error {
	if len(r.Events) > EventsMax {
		return fmt.Errorf("%d events, more than %d", len(r.Events), EventsMax)
	}
	for i := range r.Events {
		e, before := &r.Events[i], &r.Events[max(0, i-1)]
		bad := ""
		switch {
		case i > 0 && e.Index != before.Index+1:
			bad = fmt.Sprintf("follows event %d", before.Index)
		case e.AtUS < before.AtUS || e.AtUS > timeMax:
			bad = fmt.Sprintf("is at %d µs, after one at %d", e.AtUS, before.AtUS)
		case !verbsOfLogs[e.Verb]:
			bad = fmt.Sprintf("has the verb %q", clip(string(e.Verb), nameBytesMax))
		case e.Node != events.World && (e.Node < 0 || e.Node >= r.Nodes):
			bad = fmt.Sprintf("is at replica %d of %d", e.Node, r.Nodes)
		case e.Peer < events.All || e.Peer > 0 && e.Peer >= r.Nodes:
			bad = fmt.Sprintf("concerns replica %d of %d", e.Peer, r.Nodes)
		case e.TookUS > timeMax:
			bad = fmt.Sprintf("took %d µs", e.TookUS)
		case len(e.Kind)+len(e.Block)+len(e.Transaction)+len(e.Text) > TextBytesMax:
			bad = fmt.Sprintf("has more than %d bytes of text", TextBytesMax)
		}
		if bad != "" {
			return fmt.Errorf("event %d %s", e.Index, bad)
		}
	}
	return nil
}

// clipped is the run with its long texts cut.
func (r *Run) clipped() *Run {
	c := *r
	c.Format = Format
	c.Title, c.Verdict, c.Version = clip(c.Title, TextBytesMax), clip(c.Verdict, TextBytesMax), clip(c.Version, TextBytesMax)
	c.Findings = nil
	for _, f := range r.Findings {
		c.Findings = append(c.Findings, clip(f, TextBytesMax))
	}
	for i := range r.Events {
		if e := &r.Events[i]; len(e.Text)+len(e.Kind)+len(e.Block)+len(e.Transaction) > TextBytesMax {
			if &c.Events[0] == &r.Events[0] {
				c.Events = append([]events.Event(nil), r.Events...)
			}
			c.Events[i].Text = clip(e.Text, TextBytesMax/2)
		}
	}
	return &c
}

// clip cuts a text to at most so many bytes, between two characters, and says so.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	cut := limit - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strings.ToValidUTF8(s[:cut], "\uFFFD") + "…"
}
