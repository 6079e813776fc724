package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

//go:embed page/page.html
var pageText string

//go:embed page/style.css
var styleText string

//go:embed page/copy.js
var scriptText string

// The page stands for itself: it fetches nothing, and its policy forbids everything but its own
// style and its own script, by their digests. Texts of a run are escaped by html/template, and by
// escape in pictures.
var (
	pageTemplate = template.Must(template.New("page").Parse(pageText))
	pagePolicy   = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; img-src data:", source(styleText), source(scriptText))
)

func source(text string) string {
	digest := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(digest[:])
}

// Window is a part of a run's time, in microseconds; the zero value lets the page choose.
type Window struct{ FromUS, ToUS uint64 }

const (
	tableRowsShown  = 1_000
	broadCharacters = 52
)

// chapter is a part of the page.
type chapter struct {
	ID, Name string
	Pictures []*picture
	Tables   []Table
}

type fact struct {
	Name, Value string
	Mono, Long  bool
}

// page is what the template gets.
type page struct {
	Run      *Run
	Kind     string
	Policy   string
	Style    template.CSS
	Script   template.JS
	Facts    []fact
	Contents []chapter
	Chapters []chapter
	Footer   string
}

// Page writes the run as one HTML page, which needs nothing else and fetches nothing. The window is what
// its message-sequence chart shows.
func (r *Run) Page(w io.Writer, window Window) error {
	p := page{Run: r, Kind: kindName(r.Kind), Policy: pagePolicy, Style: template.CSS(styleText), Script: template.JS(scriptText), Facts: r.facts(), Chapters: r.chapters(window)}
	if len(r.Findings) > 0 {
		p.Contents = append(p.Contents, chapter{ID: "findings", Name: "Findings"})
	}
	p.Contents = append(p.Contents, p.Chapters...)
	if r.Scenario != "" {
		p.Contents = append(p.Contents, chapter{ID: "scenario", Name: "Scenario"})
	}
	p.Footer = fmt.Sprintf("Run %s. The folder of this page holds %s", r.ID(), RunFile)
	if len(r.Events) > 0 {
		p.Footer += fmt.Sprintf(" and %s with %s events", EventsFile, number(float64(len(r.Events))))
		if first := r.Events[0].Index; first > 0 {
			p.Footer += fmt.Sprintf(" (the %s before them were not kept)", number(float64(first)))
		}
	}
	p.Footer += "."
	return pageTemplate.Execute(w, &p)
}

// kindName is a kind of run in words.
func kindName(kind string) string {
	if name, ok := map[string]string{"sim": "simulation", "check": "model checking", "twins": "Twins", "bench": "benchmark", "ab": "comparison",
		"chaos": "faults on real processes"}[kind]; ok {
		return name
	}
	return kind
}

// Outcome is one word for what came out, with a sign for those who see no colours. Measurements do not
// pass or fail by themselves.
func (p *page) Outcome() string {
	switch {
	case p.Run.Failed:
		return "✕ Failed"
	case p.Run.Kind == "bench" || p.Run.Kind == "ab":
		return "✓ Done"
	}
	return "✓ Passed"
}

func (r *Run) facts() []fact {
	var facts []fact
	add := func(given bool, f fact) {
		if given {
			facts = append(facts, f)
		}
	}
	add(r.Nodes > 0, fact{Name: "Replicas", Value: fmt.Sprint(r.Nodes)})
	add(r.Seed > 0, fact{Name: "Seed", Value: fmt.Sprint(r.Seed)})
	if n := len(r.Events); n > 0 {
		add(true, fact{Name: "Log ends at", Value: r.clock().text(r.LastUS())})
		add(true, fact{Name: "Events", Value: number(float64(n))})
	}
	add(r.Version != "", fact{Name: "Version", Value: r.Version, Mono: true})
	add(r.Digest != "", fact{Name: "Digest of everything that happened", Value: r.Digest, Mono: true, Long: true})
	return facts
}

// chapters are the pictures and tables, in the order in which a reader asks for them.
func (r *Run) chapters(w Window) []chapter {
	var all []chapter
	add := func(id, name string, pictures []*picture, tables []Table) {
		if len(pictures)+len(tables) > 0 {
			all = append(all, chapter{id, name, pictures, tables})
		}
	}
	var comparisons, distributions, series, views, messages []*picture
	for i := range r.Comparisons {
		comparisons = append(comparisons, r.Comparisons[i].picture(fmt.Sprintf("comparison-%d", i+1)))
	}
	for i := range r.Distributions {
		p := r.Distributions[i].picture(fmt.Sprintf("distribution-%d", i+1))
		p.Open = true
		distributions = append(distributions, p)
	}
	for i := range r.Series {
		series = append(series, r.Series[i].picture(fmt.Sprintf("series-%d", i+1)))
	}
	if t := r.timeline(); t != nil {
		views = append(views, t.picture("timeline"))
	}
	if w == (Window{}) {
		w = r.window()
	}
	if s := r.chart(w); len(s.rows) > 0 {
		messages = append(messages, s.picture("chart"))
	}
	if r.Failed { // what led to the finding comes first
		add("messages", "Messages", messages, nil)
		messages = nil
	}
	add("comparison", "Comparison", comparisons, nil)
	add("latency", "Latency", distributions, nil)
	add("throughput", "Over time", series, nil)
	add("views", "Views", views, nil)
	add("messages", "Messages", messages, nil)
	add("tables", "Tables", nil, r.Tables)
	return all
}

// IsNumeric reports whether a column is aligned to the right.
func (t Table) IsNumeric(column int) bool { return column < len(t.Numeric) && t.Numeric[column] }

// Broad reports whether a table needs the whole width of a page.
func (t Table) Broad() bool {
	width := 0
	for i := range t.Columns {
		longest := len(t.Columns[i])
		for _, row := range t.Shown() {
			longest = max(longest, len(row[i]))
		}
		width += longest + 3
	}
	return width > broadCharacters
}

// Shown are the rows that a page has.
func (t Table) Shown() [][]string { return t.Rows[:min(len(t.Rows), tableRowsShown)] }

// LeftOut says how many rows a page has not.
func (t Table) LeftOut() string {
	if n := len(t.Rows) - tableRowsShown; n > 0 {
		return fmt.Sprintf("%d more rows are in %s.", n, RunFile)
	}
	return ""
}
