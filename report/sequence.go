package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"quoin.dev/quoin/lab/events"
)

const (
	sequenceRows  = 160  // drawn of a window, at most
	sequenceFirst = 70   // rows of the window that a page chooses
	labelMin      = 24.0 // pixels: a letter or two say nothing
	labelledRow   = 17.0
	arrivalRow    = 8.0
)

// sequence is a message-sequence chart: replicas side by side, time downward, row by row and not to
// scale.
type sequence struct {
	window  Window
	nodes   int
	clock   clock
	rows    []*events.Event
	skipped int          // events of the window that are not drawn at all: of clients, of their transactions
	rest    int          // of those that would be, how many come after the last row
	down    map[int]bool // when the window begins
}

// drawn reports whether an event has a row in a chart.
func drawn(e *events.Event) bool {
	switch e.Verb {
	case events.Submitted, events.Receipt, events.Reported, events.Noted:
		return false
	case events.Sent, events.Received, events.Lost:
		return e.Kind != "transactions"
	}
	return true
}

// chart reads the window from the event log.
func (r *Run) chart(w Window) *sequence {
	s := &sequence{window: w, nodes: r.Nodes, clock: r.clock(), down: map[int]bool{}}
	for i := range r.Events {
		e := &r.Events[i]
		switch {
		case e.AtUS > w.ToUS:
			return s
		case e.AtUS < w.FromUS:
			if e.Verb == events.Crashed || e.Verb == events.Booted {
				s.down[e.Node] = e.Verb == events.Crashed
			}
		case !drawn(e):
			s.skipped++
		case len(s.rows) == sequenceRows:
			s.rest++
		default:
			s.rows = append(s.rows, e)
		}
	}
	return s
}

// window chooses what to look at: what led to the first broken invariant, or else the first blocks.
func (r *Run) window() Window {
	log := r.Events
	if len(log) == 0 {
		return Window{}
	}
	for i := range log {
		if log[i].Verb != events.Broken {
			continue
		}
		rows, first := 0, i
		for first > 0 && rows < sequenceFirst {
			first--
			if drawn(&log[first]) {
				rows++
			}
		}
		return Window{log[first].AtUS, log[i].AtUS}
	}
	first := max(0, slices.IndexFunc(log, func(e events.Event) bool { return e.Verb == events.Sent && family(&e) == proposals }))
	w, rows := Window{log[first].AtUS, log[first].AtUS}, 0
	for i := first; i < len(log); i++ {
		if drawn(&log[i]) {
			rows++
		}
		if rows > sequenceFirst {
			break
		}
		w.ToUS = log[i].AtUS
	}
	return w
}

func (s *sequence) picture(id string) *picture {
	p := &picture{ID: id, Title: "From " + s.clock.text(s.window.FromUS) + " to " + s.clock.text(s.window.ToUS), draw: s.draw, Numbers: []Table{s.numbers()}}
	p.Description = "A message-sequence chart: a line downward for each replica, an arrow for each message. Rows follow one another in time; their distance says nothing. The table below lists the same events."
	if s.skipped > 0 {
		p.Note = fmt.Sprintf("Drawn without %d events of clients, of their transactions, and notes. ", s.skipped)
	}
	if s.rest > 0 {
		p.Note += fmt.Sprintf("The chart ends at %s: %d more events of the window are left out; choose a shorter one. ", s.clock.text(s.rows[len(s.rows)-1].AtUS), s.rest)
	}
	return p
}

// numbers list what is drawn.
func (s *sequence) numbers() Table {
	t := Table{Title: "Events of the chart", Columns: []string{s.clock.unit(), "replica", "event"}, Numeric: []bool{true, false, false}}
	for _, e := range s.rows {
		t.Rows = append(t.Rows, []string{s.clock.number(e.AtUS, 6), events.Name(e.Node), e.What()})
	}
	return t
}

// board is a chart on paper.
type board struct {
	*drawing
	s           *sequence
	left, pitch float64
	top, bottom float64
	y           []float64 // by row
}

func (b *board) lane(node int) float64 { return b.left + (float64(node)+0.5)*b.pitch }

func (s *sequence) draw(width float64) *drawing {
	b := &board{drawing: &drawing{width: width}, s: s, left: 58, top: 62}
	b.pitch = (width - b.left) / float64(max(s.nodes, 1))
	if width >= wide {
		b.left, b.pitch = 70, (width-110-70)/float64(max(s.nodes, 1)) // labels of the last lane stand to its right
	}
	y := b.top
	for i, e := range s.rows {
		switch {
		case e.Verb == events.Received:
			y += arrivalRow
		case e.Verb == events.Sent && i > 0 && s.rows[i-1].Verb != events.Sent:
			y += labelledRow + 3 // its label stands higher
		default:
			y += labelledRow
		}
		b.y = append(b.y, y)
	}
	b.bottom = y + 16
	b.height = b.bottom + 18
	drawFamilies(b.drawing, width)
	b.lifelines()
	b.arrows()
	b.labels()
	return b.drawing
}

// lifelines draws a line for each replica, broken while it is down.
func (b *board) lifelines() {
	for n := range b.s.nodes {
		x := b.lane(n)
		b.text("lane", normal, middle, x, b.top-8, events.Name(n))
		from, isDown := b.top, b.s.down[n]
		stretch := func(to float64) {
			class := "life"
			if isDown {
				class = "life dead"
			}
			b.line(class, x, from, x, to)
			from = to
		}
		for i, e := range b.s.rows {
			if e.Node == n && (e.Verb == events.Crashed || e.Verb == events.Booted) {
				stretch(b.y[i])
				isDown = e.Verb == events.Crashed
			}
		}
		stretch(b.bottom)
	}
}

// arrows draws messages: from where they were sent to where each copy ends.
func (b *board) arrows() {
	sent := map[uint64]int{} // rows, by flight
	landed := map[uint64]bool{}
	for i, e := range b.s.rows {
		switch e.Verb {
		case events.Sent:
			sent[e.Flight] = i
		case events.Received:
			b.arrow(sent, e, e.Peer, e.Node, b.y[i])
		case events.Lost:
			b.arrow(sent, e, e.Node, e.Peer, b.y[i])
		default:
			continue
		}
		landed[e.Flight] = landed[e.Flight] || e.Verb != events.Sent
	}
	for i, e := range b.s.rows {
		if e.Verb == events.Sent && !landed[e.Flight] { // still on its way when the chart ends
			b.put(`<path class="message %s open" d="M%.1f %.1fv9"/>`, family(e), b.lane(e.Node), b.y[i])
		}
	}
}

func (b *board) arrow(sent map[uint64]int, e *events.Event, from, to int, y float64) {
	if from < 0 || to < 0 || from == to {
		return
	}
	x1, x2 := b.lane(from), b.lane(to)
	y1, class := y-5, "message "+family(e)
	if i, ok := sent[e.Flight]; ok && e.Flight != 0 {
		y1 = b.y[i]
	} else { // sent before the chart begins
		x1, class = x2+(x1-x2)*min(1, 28/max(1, abs(x1-x2))), class+" open"
	}
	title := hint(fmt.Sprintf("%s to %s: %s", events.Name(from), events.Name(to), e.What()))
	if e.Verb == events.Lost {
		x2 = x1 + (x2-x1)*0.6
		y2 := max(y, y1+5)
		b.put(`<path class="%s" d="M%.1f %.1fL%.1f %.1f">%s</path>`, class, x1, y1, x2, y2, title)
		b.put(`<path class="cross" d="M%.1f %.1fl7 7m0 -7l-7 7"/>`, x2-3.5, y2-3.5)
		return
	}
	back := 7.0
	if x2 > x1 {
		back = -7
	}
	b.put(`<path class="%s" d="M%.1f %.1fL%.1f %.1f">%s</path>`, class, x1, y1, x2, y, title)
	b.put(`<path class="head %s" d="M%.1f %.1fl%.1f -3.2v6.4z"/>`, family(e), x2, y, back)
}

func abs(x float64) float64 { return max(x, -x) }

// labels writes what happens at a replica beside its line, and times on the left.
func (b *board) labels() {
	dropped, last := 0, ""
	for i, e := range b.s.rows {
		y := b.y[i]
		if e.Verb == events.Received || e.Verb == events.Lost {
			continue
		}
		if at := b.s.clock.number(e.AtUS, 3); at != last {
			b.text("tick", small, start, 2, y+4, at)
			last = at
		}
		if e.Node < 0 {
			b.band(e, y)
			continue
		}
		x := b.lane(e.Node)
		b.put(`<circle class="event %s" cx="%.1f" cy="%.1f" r="%.1f">%s</circle>`, eventClass(e), x, y, eventRadius(e), hint(e.What()))
		baseline := y + 4
		if e.Verb == events.Sent { // above the arrows, which go down from here
			baseline = y - 2
		}
		if !b.label(e, x, baseline) {
			dropped++
		}
	}
	if dropped > 0 {
		b.text("muted", small, start, 2, b.height-2, fit(small, b.width-4, fmt.Sprintf("%d labels have no room; the table has them", dropped)))
	}
}

// label writes what happens to the right of a line, or to its left, in full or in short, and reports whether
// there was room for something that says enough.
func (b *board) label(e *events.Event, x, baseline float64) bool {
	right, left := b.pitch-16, b.pitch-16
	if e.Node == 0 {
		left = b.pitch/2 - 8
	}
	if e.Node == b.s.nodes-1 {
		right = b.width - x - 10
	}
	class, short := "label "+eventClass(e), brief(e, false)
	texts := []string{brief(e, true), short}
	word, number := short, ""
	if i := strings.LastIndexByte(short, ' '); i >= 0 {
		word, number = short[:i], short[i:]
	}
	if room := max(left, right) - textWidth(small, number); room > labelMin {
		texts = append(texts, fit(small, room, word)+number)
	}
	for _, s := range texts {
		w := textWidth(small, s)
		if w <= right && b.plated(class, start, x+8, baseline, s) || w <= left && b.plated(class, end, x-8, baseline, s) {
			return true
		}
	}
	return false
}

// plated writes a label on a plate, so that arrows behind it do not strike it through.
func (b *board) plated(class string, a anchor, x, y float64, label string) bool {
	plate := textBox(small, a, x, y, label)
	if !b.free(plate) {
		return false
	}
	b.rect("plate", box{plate.x, plate.y + 1, textWidth(small, label) * 0.9, plate.h - 3}, "")
	return b.text(class, small, a, x, y, label)
}

// band is what happens to the whole world.
func (b *board) band(e *events.Event, y float64) {
	class := "band"
	if e.Verb == events.Broken {
		class = "band broken"
	}
	b.put(`<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f">%s</line>`, class, b.left, y, b.width-2, y, hint(e.What()))
	b.text("label "+eventClass(e), small, start, b.left+4, y-3, fit(small, b.width-b.left-10, brief(e, true)))
}

// brief says in two or three words what happens; in short, without what the number counts.
func brief(e *events.Event, full bool) string {
	words := []string{string(e.Verb)}
	switch {
	case e.Verb == events.Sent && e.Kind == "":
		return e.Text
	case e.Verb == events.Sent:
		words = []string{e.Kind}
	case e.Verb == events.TimedOut:
		words = []string{"times out"}
	case e.Verb == events.Crashed:
		words = append(words, e.Kind)
	case e.Node == events.World:
		return e.What()
	}
	what, n := "view", e.View
	if e.Verb == events.Certified || e.Verb == events.Executed {
		what, n = "height", e.Height
	}
	if n > 0 && full {
		words = append(words, what)
	}
	if n > 0 {
		words = append(words, fmt.Sprint(n))
	}
	return strings.Join(words, " ")
}

const proposals = "m0"

// families are the colours of messages.
var families = []struct{ class, name string }{
	{proposals, "proposal"}, {"m1", "vote"}, {"m2", "finality"}, {"m3", "giving up"}, {"m4", "other"},
}

// family reads the kind of a message; of one that has none, as in checkers' logs, its text.
func family(e *events.Event) string {
	kind := cmp.Or(e.Kind, e.Text)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(kind, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("propos"):
		return proposals
	case has("nullif", "timeout", "new-view"):
		return "m3"
	case has("finaliz", "certif", "commit"):
		return "m2"
	case has("notariz", "vote"):
		return "m1"
	}
	return "m4"
}

func drawFamilies(d *drawing, width float64) {
	x := 2.0
	for _, f := range families {
		w := 26 + textWidth(small, f.name)
		if x+w > width {
			return
		}
		d.line("message "+f.class, x, 14, x+18, 14)
		d.put(`<path class="head %s" d="M%.1f 14l-7 -3.2v6.4z"/>`, f.class, x+20)
		d.text("muted", small, start, x+25, 18, f.name)
		x += w + 16
	}
}

func eventClass(e *events.Event) string {
	switch e.Verb {
	case events.Sent:
		return family(e)
	case events.Entered:
		return "enters"
	case events.TimedOut, events.Nullified:
		return "m3"
	case events.Certified:
		return "m2"
	case events.Notarized:
		return "m1"
	case events.Crashed, events.Broken, events.Fault:
		return "bad"
	}
	return "plain"
}

func eventRadius(e *events.Event) float64 {
	if e.Verb == events.Sent {
		return 2.2
	}
	return 3.6
}
