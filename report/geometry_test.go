package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"quoin.dev/quoin/lab/events"
)

// TestPicturesKeepTheirPlace measures the texts and shapes of all pictures of ordinary and of odd runs.
func TestPicturesKeepTheirPlace(t *testing.T) {
	runs := map[string]*Run{"sample": sample(), "spoiled": sample(), "extreme": extreme(), "crowded": crowded()}
	spoil(runs["spoiled"])
	for name, r := range runs {
		t.Run(name, func(t *testing.T) { onePage(t, r) })
	}
}

// onePage checks every picture of a run at both widths.
func onePage(t *testing.T, r *Run) {
	t.Helper()
	for _, c := range r.chapters(Window{}) {
		for _, p := range c.Pictures {
			for _, width := range []float64{wide, narrow} {
				d := p.draw(width)
				for _, problem := range misplaced(string(d.svg("x", "wide", p.Title, p.Description))) {
					t.Errorf("%s at width %v: %s", p.ID, width, problem)
				}
			}
		}
	}
}

var coordinate = regexp.MustCompile(`-?[0-9.]+`)

// misplaced reads a picture as a browser does, apart from what wrote it, and lists texts that touch or leave
// it, and shapes that leave it.
func misplaced(svg string) (problems []string) {
	d := xml.NewDecoder(strings.NewReader(svg))
	var texts []box
	var words []string
	var page box
	var open *xml.StartElement
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return append(problems, err.Error())
		}
		switch x := token.(type) {
		case xml.StartElement:
			a := attributes(x)
			outside := func(what string, x, y float64) {
				if x < -1 || y < -1 || x > page.w+1 || y > page.h+1 || math.IsNaN(x+y) {
					problems = append(problems, fmt.Sprintf("a %s at (%v, %v), outside of %v by %v", what, x, y, page.w, page.h))
				}
			}
			switch x.Name.Local {
			case "svg":
				page = box{0, 0, value(a["width"]), value(a["height"])}
				if a["viewBox"] != fmt.Sprintf("0 0 %s %s", a["width"], a["height"]) {
					problems = append(problems, "the view box is not the picture's size")
				}
			case "text":
				open = &x
			case "line":
				outside("line", value(a["x1"]), value(a["y1"]))
				outside("line", value(a["x2"]), value(a["y2"]))
			case "rect":
				outside("rectangle", value(a["x"]), value(a["y"]))
				outside("rectangle", value(a["x"])+value(a["width"]), value(a["y"])+value(a["height"]))
			case "circle":
				outside("circle", value(a["cx"]), value(a["cy"]))
			case "path":
				if n := coordinate.FindAllString(a["d"], 2); len(n) == 2 {
					outside("path", value(n[0]), value(n[1]))
				}
			}
		case xml.CharData:
			if open == nil {
				continue
			}
			a := attributes(*open)
			size := normal
			if strings.Contains(a["class"], "small") {
				size = small
			}
			b := textBox(size, anchor(a["text-anchor"]), value(a["x"]), value(a["y"]), string(x))
			if b.x < -0.1 || b.y < -0.1 || b.x+b.w > page.w+0.1 || b.y+b.h > page.h+0.1 {
				problems = append(problems, fmt.Sprintf("the text %q leaves the picture", x))
			}
			b.x, b.y, b.w, b.h = b.x+0.1, b.y+0.1, b.w-0.2, b.h-0.2 // coordinates are rounded
			for i, other := range texts {
				if b.touches(other) {
					problems = append(problems, fmt.Sprintf("the texts %q and %q touch", x, words[i]))
				}
			}
			texts, words = append(texts, b), append(words, string(x))
			open = nil
		}
	}
	if len(texts) < 2 {
		problems = append(problems, "a picture without texts")
	}
	return problems
}

func attributes(e xml.StartElement) map[string]string {
	m := map[string]string{}
	for _, a := range e.Attr {
		m[a.Name.Local] = a.Value
	}
	return m
}

func value(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// TestMisplacedIsSeen measures pictures that are wrong.
func TestMisplacedIsSeen(t *testing.T) {
	for _, body := range []string{
		`<text x="10" y="20" text-anchor="start">one</text><text x="20" y="24" text-anchor="start">two</text>`,
		`<text x="10" y="20" text-anchor="end">leaves</text><text x="10" y="80" text-anchor="start">two</text>`,
		`<text x="10" y="20" text-anchor="start">one</text><text x="10" y="80" text-anchor="start">two</text><rect x="50" y="50" width="60" height="4"/>`,
		`<text x="10" y="20" text-anchor="start">one</text><text x="10" y="80" text-anchor="start">two</text><path d="MNaN 3"/><circle cx="NaN" cy="4"/>`,
	} {
		if len(misplaced(`<svg viewBox="0 0 100 100" width="100" height="100">`+body+`</svg>`)) == 0 {
			t.Errorf("nothing is wrong with %s", body)
		}
	}
}

// extreme has values at the edges of what is allowed, and almost none.
func extreme() *Run {
	r := &Run{Format: Format, Kind: "bench", Name: "extreme", Title: "Extremes"}
	for _, points := range [][]Point{nil, {{0, 0}}, {{1, 1}}, {{1e-9, 0.1}, {1e18, 1}}, {{0, 0.5}, {0, 1}}, {{3, 0.2}, {3, 1}}, {{999, 0.5}, {1001, 1}}} {
		r.Distributions = append(r.Distributions, Distribution{Title: "D", Unit: "ms", Lines: []Line{{"a", points}, {"b", points}}})
	}
	for _, points := range [][]Point{nil, {{0, 0}}, {{5, 5}}, {{-1e18, -1e18}, {1e18, 1e18}}, {{0, 1e-12}, {1e-12, 2e-12}}, {{1e9, 3}, {1e9 + 1, 3}}, {{0, -5}, {1, -4}}} {
		r.Series = append(r.Series, Series{Title: "S", Unit: "u", Lines: []Line{{"a", points}}}, Series{Title: "S", Unit: "u", Lines: []Line{{"a", points}},
			Marks: []Mark{{0, 0, "moment"}, {0, 1e15, "long"}, {-4, -4, "early"}}})
	}
	r.Comparisons = []Comparison{{Title: "none", Base: "a", Candidate: "b"}, {Title: "wide", Base: "a", Candidate: "b", Rows: []Compared{
		{Metric: "m", Change: 0}, {Metric: "m", Base: 1e18, Candidate: -1e18, Change: 1e18, Low: -1e18, High: 1e18, Verdict: "?"}}}}
	if err := r.Check(); err != nil {
		panic(err)
	}
	return r
}

// crowded has as many of everything as pictures draw, and more.
func crowded() *Run {
	r := &Run{Format: Format, Kind: "sim", Name: "crowded", Title: "Crowd", Nodes: 16}
	for i := range uint64(20_000) {
		e := events.Event{Index: i, AtUS: i * 50, Node: int(i/2) % 16, Verb: events.Verbs()[i%18], Peer: int(i*5) % 16, Flight: i / 3, Kind: "notarize", Epoch: 1, View: i / 100}
		if i%2 == 0 {
			e.Verb = events.Entered
		}
		r.Events = append(r.Events, e)
	}
	var lines []Line
	for i := range LinesMax {
		l := Line{Name: fmt.Sprintf("line number %d", i)}
		for k := range 5_000 {
			l.Points = append(l.Points, Point{float64(k), float64((k*k*(i+1))%977) / 977})
		}
		lines = append(lines, l)
	}
	series := Series{Title: "Many", Unit: "u", Lines: lines}
	for i := range 5_000 {
		series.Marks = append(series.Marks, Mark{float64(i), float64(i + i%90), "a fault"})
	}
	r.Series = []Series{series}
	c := Comparison{Title: "Many", Base: "a", Candidate: "b"}
	for i := range 200 {
		c.Rows = append(c.Rows, Compared{Metric: fmt.Sprint("metric ", i), Change: float64(i % 30), Low: float64(i%30) - 4, High: float64(i%30) + 2, Verdict: Same})
	}
	r.Comparisons = []Comparison{c}
	if err := r.Check(); err != nil {
		panic(err)
	}
	return r
}

// TestPagesHaveALimit draws the crowd, and looks for what is said about what is left out.
func TestPagesHaveALimit(t *testing.T) {
	var b bytes.Buffer
	if err := crowded().Page(&b, Window{}); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 4<<20 {
		t.Errorf("the page has %d bytes", b.Len())
	}
	for _, want := range []string{"points that lie between the least and the greatest", "without the last 4800 marks", "without the last 140 metrics", "neighbours too narrow to tell apart"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestThinKeepsPeaks thins a line with one peak and one trough.
func TestThinKeepsPeaks(t *testing.T) {
	points := make([]Point, 10_000)
	for i := range points {
		points[i] = Point{float64(i), 5}
	}
	points[1234].Y, points[8765].Y = 100, -100
	kept := thin(points, linePoints)
	low, high := 0.0, 0.0
	for i, p := range kept {
		low, high = min(low, p.Y), max(high, p.Y)
		if i > 0 && p.X <= kept[i-1].X {
			t.Fatal("points are out of order")
		}
	}
	if len(kept) > linePoints || low != -100 || high != 100 {
		t.Errorf("%d points from %v to %v", len(kept), low, high)
	}
}

// TestTicks are round, and cover the values.
func TestTicks(t *testing.T) {
	for _, c := range []struct{ low, high float64 }{{0, 1}, {0, 97}, {-3, 12}, {0, 1e-5}, {12345, 12346}, {0, 0}, {5, 5}} {
		s, ticks := linear(c.low, c.high, 5)
		if s.low > c.low || s.high < c.high*0.999999 || len(ticks) < 2 || len(ticks) > 12 {
			t.Errorf("linear(%v, %v): %v to %v, %v", c.low, c.high, s.low, s.high, ticks)
		}
	}
	for _, c := range []struct{ low, high float64 }{{1, 2}, {0.003, 4000}, {7, 7}, {1e-9, 1e9}, {200, 9451}} {
		s, ticks := logarithmic(c.low, c.high)
		if s.low > c.low*1.000001 || s.high < c.high*0.999999 || len(ticks) < 2 || len(ticks) > 14 {
			t.Errorf("logarithmic(%v, %v): %v to %v, %v", c.low, c.high, s.low, s.high, ticks)
		}
	}
	for x, want := range map[float64]string{0: "0", 1: "1", 1234567: "1\u2009234\u2009567", 0.25: "0.25", -12.345: "−12.3", 999.6: "1\u2009000", 2e12: "2e+12", 1e-6: "1e-06", 0.1 + 0.2: "0.3"} {
		if got := number(x); strings.ReplaceAll(got, "−06", "-06") != want {
			t.Errorf("number(%v) = %q, want %q", x, got, want)
		}
	}
}
