package report

import (
	"fmt"
	"math"
	"slices"

	"quoin.dev/quoin/lab/events"
)

// stay is the time that a replica spent in one view, or down.
type stay struct {
	from, to    uint64 // microseconds
	epoch, view uint64
	outcome     outcome
	timedOut    bool
}

// outcome is how a stay ended, as the replica saw it.
type outcome int

const (
	notarized outcome = iota // a quorum voted for the view's block
	nullified                // a quorum gave the view up
	timedOut                 // the replica gave it up, and never heard what became of it
	passed                   // the replica went on without having heard of either: it caught up, or the log ends
	down                     // the replica was not running
)

// outcomes differ in colour and in height, for those who see no colours.
var outcomes = []struct {
	class, name string
	height      float64 // of a lane
}{
	{"notarized", "notarized", 1}, {"nullified", "nullified", 0.68}, {"timed-out", "timed out, no outcome", 0.44}, {"passed", "left without an outcome", 0.26}, {"down", "down", 0.1},
}

const (
	laneHeight = 24.0
	laneGap    = 12.0
)

// stays reads, for each replica, which views it was in.
func stays(log []events.Event, nodes int) [][]stay {
	lanes := make([][]stay, nodes)
	current := make([]*stay, nodes)
	leave := func(n int, at uint64) {
		if s := current[n]; s != nil {
			s.to = at
			if s.outcome == passed && s.timedOut {
				s.outcome = timedOut
			}
			lanes[n] = append(lanes[n], *s)
		}
		current[n] = nil
	}
	end := uint64(0)
	for i := range log {
		e := &log[i]
		end = e.AtUS
		if e.Node < 0 || e.Node >= nodes {
			continue
		}
		s := current[e.Node]
		here := s != nil && s.outcome != down && (s.view == 0 || s.epoch == e.Epoch && s.view == e.View)
		switch e.Verb {
		case events.Entered:
			leave(e.Node, e.AtUS)
			current[e.Node] = &stay{from: e.AtUS, epoch: e.Epoch, view: e.View, outcome: passed}
		case events.Crashed:
			leave(e.Node, e.AtUS)
			current[e.Node] = &stay{from: e.AtUS, outcome: down}
		case events.Booted:
			leave(e.Node, e.AtUS)
			current[e.Node] = &stay{from: e.AtUS, outcome: passed} // in a view that the next report tells
		case events.TimedOut:
			if here {
				s.epoch, s.view, s.timedOut = e.Epoch, e.View, true
			}
		case events.Notarized:
			if here {
				s.epoch, s.view, s.outcome = e.Epoch, e.View, notarized
			}
		case events.Nullified:
			if here {
				s.epoch, s.view, s.outcome = e.Epoch, e.View, nullified
			}
		}
	}
	for n := range lanes {
		leave(n, end)
	}
	return lanes
}

// timeline is the view timeline: a lane for each replica.
type timeline struct {
	lanes [][]stay
	end   uint64
	clock clock
}

func (r *Run) timeline() *timeline {
	if len(r.Events) == 0 {
		return nil
	}
	t := &timeline{lanes: stays(r.Events, r.Nodes), end: r.LastUS(), clock: r.clock()}
	for _, l := range t.lanes {
		if slices.ContainsFunc(l, func(s stay) bool { return s.outcome != down }) {
			return t
		}
	}
	return nil
}

func (t *timeline) picture(id string) *picture {
	p := &picture{ID: id, Title: "Replica by replica", draw: t.draw, Numbers: []Table{t.numbers()}}
	p.Description = "A lane for each replica over time, in " + t.clock.unit() + ": the views it was in, by how they ended for it, and when it was down. A notch on a view is its time-out."
	total, shown := 0, 0
	x := t.scale(wide)
	for _, l := range t.lanes {
		total += len(l)
		shown += len(t.strips(l, &x))
	}
	if shown < total {
		p.Note = fmt.Sprintf("%d stays in views are drawn as %d strips: neighbours too narrow to tell apart are one.", total, shown)
	}
	return p
}

// numbers count how stays ended.
func (t *timeline) numbers() Table {
	table := Table{Title: "Views by outcome", Columns: []string{"replica"}, Numeric: []bool{false}}
	for _, o := range outcomes {
		table.Columns, table.Numeric = append(table.Columns, o.name), append(table.Numeric, true)
	}
	table.Columns, table.Numeric = append(table.Columns, "time-outs"), append(table.Numeric, true)
	for n, lane := range t.lanes {
		count, timeouts := make([]int, len(outcomes)), 0
		for _, s := range lane {
			count[s.outcome]++
			if s.timedOut {
				timeouts++
			}
		}
		row := []string{events.Name(n)}
		for _, c := range count {
			row = append(row, fmt.Sprint(c))
		}
		table.Rows = append(table.Rows, append(row, fmt.Sprint(timeouts)))
	}
	return table
}

func (t *timeline) scale(width float64) scale {
	return scale{low: 0, high: max(t.clock.value(t.end), 1e-6), from: 34, to: width - 14}
}

func (t *timeline) draw(width float64) *drawing {
	d := &drawing{width: width}
	legendHeight := t.legend(d, width, false)
	top := legendHeight + 16
	bottom := top + float64(len(t.lanes))*(laneHeight+laneGap)
	d.height = bottom + 42
	t.legend(d, width, true)
	to, x := t.clock.value(t.end), t.scale(width)
	_, ticks := linear(0, to, int(width/90))
	for _, tick := range ticks {
		if tick > to {
			break
		}
		if t.clock.steps && tick != math.Trunc(tick) {
			continue
		}
		at := x.at(tick)
		d.line("grid", at, top-6, at, bottom)
		half := textWidth(small, number(tick)) / 2
		d.text("tick", small, middle, min(max(at, half+1), width-half-1), bottom+14, number(tick))
	}
	d.text("muted", small, end, x.to, d.height-7, t.clock.unit())
	for n, lane := range t.lanes {
		y := top + float64(n)*(laneHeight+laneGap)
		d.text("name", normal, start, 4, y+laneHeight*0.68, events.Name(n))
		t.lane(d, &x, lane, y)
	}
	return d
}

// strip is one or more stays that are drawn as one.
type strip struct {
	stay
	count int
}

// strips joins neighbours that are too narrow to tell apart: those that ended alike, and those that hardly
// show, which look like the least good of them.
func (t *timeline) strips(lane []stay, x *scale) []strip {
	var joined []strip
	for _, s := range lane {
		if n := len(joined); n > 0 {
			last := &joined[n-1]
			width := x.at(t.clock.value(s.to)) - x.at(t.clock.value(last.from))
			if s.outcome == last.outcome && width < 2.5 || width < 0.8 {
				last.to, last.outcome, last.timedOut = s.to, max(s.outcome, last.outcome), s.timedOut || last.timedOut
				last.count++
				continue
			}
		}
		joined = append(joined, strip{s, 1})
	}
	return joined
}

// lane draws the stays of one replica.
func (t *timeline) lane(d *drawing, x *scale, lane []stay, y float64) {
	for _, s := range t.strips(lane, x) {
		from, to := x.at(t.clock.value(s.from)), x.at(t.clock.value(s.to))
		title := fmt.Sprintf("%s, %s to %s", outcomes[s.outcome].name, t.clock.text(s.from), t.clock.text(s.to))
		switch {
		case s.count > 1:
			title = fmt.Sprintf("%d views from %d of epoch %d: %s", s.count, s.view, s.epoch, title)
		case s.view > 0:
			title = fmt.Sprintf("view %d of epoch %d: %s", s.view, s.epoch, title)
		}
		gap := 0.0
		if to-from > 3 {
			gap = 0.8
		}
		height := outcomes[s.outcome].height * laneHeight
		b := box{from, y + laneHeight - height, max(to-from-gap, 0.8), height}
		d.rect("stay "+outcomes[s.outcome].class, b, title)
		if s.timedOut && s.outcome != down && b.w > 2 {
			d.put(`<path class="notch" d="M%.1f %.1fl-3 -4.6h6z"/>`, to-gap-3.2, b.y-1)
		}
	}
}

// legend draws what the shades mean, and returns its height.
func (t *timeline) legend(d *drawing, width float64, draw bool) float64 {
	var shown []string
	for _, o := range outcomes {
		shown = append(shown, o.name)
	}
	rows := 0
	eachName(shown, width, func(i int, name string, x float64, row int) {
		rows = row + 1
		if !draw {
			return
		}
		y := float64(row)*legendRow + 4
		height := outcomes[i].height * 13
		b := box{x, y + 13 - height, 22, height}
		d.rect("stay "+outcomes[i].class, b, "")
		d.text("name", normal, start, x+28, y+11, name)
	})
	return float64(rows) * legendRow
}
