package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quoin.dev/quoin/lab/events"
)

var rewrite = flag.Bool("rewrite", false, "write the golden page anew instead of comparing with it")

func render(t *testing.T, r *Run, w Window) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Page(&b, w); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPageIsGolden compares the page of the sample run. Look at it in a browser before rewriting it.
func TestPageIsGolden(t *testing.T) {
	path := filepath.Join("testdata", "sample.html")
	got := render(t, sample(), Window{})
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the page of the sample run has changed; look at it: go test ./report -run TestPageIsGolden -rewrite, then open report/%s", path)
	}
}

// TestPageTellsEverything looks for each part of a run.
func TestPageTellsEverything(t *testing.T) {
	page := render(t, sample(), Window{})
	for _, want := range []string{"✕ Failed", "I1 broke after 5.000 s", "go run ./cmd/quoin lab replay --seed 7 --nodes 4", "two blocks at height 3", "at 2s partition v0 | v1 v2",
		"From submission to receipt", "Throughput", "Replica by replica", "Weighted random against round robin", "When something was wrong", "copies received"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	if a, b := strings.Index(page, "✕ Failed"), strings.Index(page, "go run"); a > b {
		t.Error("the verdict does not come first")
	}
}

const evil = "\"'><script>alert(1)</script><img src=x onerror=alert(2)> \u202e\x00\xff </style></svg></title>{{.}} javascript:"

// TestHostileTextsStayTexts puts markup into every text of a run.
func TestHostileTextsStayTexts(t *testing.T) {
	r := sample()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	spoil(r)
	page := render(t, r, Window{})
	if strings.Count(page, "<script") != 1 || strings.Contains(page, "<img") || strings.Count(page, "</style>") != 1 || strings.Contains(page, "onerror=alert(2)>") {
		t.Error("a text of the run became markup")
	}
	if strings.Count(page, "</svg>") != strings.Count(page, "<svg ") {
		t.Error("a text of the run ended a picture")
	}
	if len(page) > 20*len(render(t, sample(), Window{})) {
		t.Errorf("the page of %d bytes of run has %d", len(b), len(page))
	}
	onePage(t, r)
}

// spoil replaces the texts of a run.
func spoil(r *Run) {
	long := evil + strings.Repeat("W", 400) + evil
	r.Title, r.Version, r.Reproduce, r.Verdict, r.Scenario, r.Findings = long, long, long, long, long, []string{long, evil}
	for i := range r.Events {
		e := &r.Events[i]
		if e.Kind != "" || e.Verb == events.Noted {
			e.Kind = long
		}
		e.Text, e.Block, e.Transaction = long, evil, evil
	}
	r.Tables, r.Distributions, r.Series = nil, nil, nil
	r.Measure()
	for i := range r.Series {
		s := &r.Series[i]
		s.Title, s.Unit, s.Lines[0].Name = long, long, long
		for k := range s.Marks {
			s.Marks[k].Text = long
		}
		s.Lines = append(s.Lines, Line{Name: evil, Points: s.Lines[0].Points})
	}
	for i := range r.Distributions {
		r.Distributions[i].Title, r.Distributions[i].Unit, r.Distributions[i].Lines[0].Name = long, long, long
	}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		c.Title, c.Base, c.Candidate, c.Note = long, long, long, long
		for k := range c.Rows {
			c.Rows[k].Metric, c.Rows[k].Unit, c.Rows[k].Verdict = long, long, evil
		}
	}
	r.Tables = append(r.Tables, Table{Title: long, Note: long, Columns: []string{long}, Rows: [][]string{{long}, {evil}}})
}

// TestWindows draws windows of any place and size.
func TestWindows(t *testing.T) {
	r := sample()
	for _, w := range []Window{{0, 1}, {1_000_000, 1_400_000}, {5_300_000, 5_300_000}, {6_000_000, 7_000_000}, {0, 1 << 62}} {
		page := render(t, r, w)
		if drawn := strings.Contains(page, `id="chart"`); drawn != (w.FromUS <= 5_300_000) {
			t.Errorf("window %v: chart drawn: %v", w, drawn)
		}
		if w.ToUS == 1<<62 && !strings.Contains(page, "more events of the window are left out") {
			t.Error("the page does not say what its chart leaves out")
		}
	}
}

// TestMeasure counts what the sample's log tells.
func TestMeasure(t *testing.T) {
	r := sample()
	if n := len(r.Distributions[0].Lines[0].Points); n != 12 {
		t.Errorf("%d latencies, want 12", n)
	}
	sum := 0.0
	for _, p := range r.Series[0].Lines[0].Points {
		sum += p.Y
	}
	if sum != 33 { // one view of twelve was nullified
		t.Errorf("%v transactions in the series, want 33", sum)
	}
	want := []Mark{{1.92, 2.72, "partition"}, {3.42, 3.83, "v2 down"}}
	if m := r.Series[0].Marks; len(m) != 2 || m[0] != want[0] || m[1] != want[1] {
		t.Errorf("marks %v, want %v", m, want)
	}
	lanes := stays(r.Events, r.Nodes)
	count := map[outcome]int{}
	for _, s := range lanes[2] {
		count[s.outcome]++
	}
	if count[down] != 1 || count[nullified] != 1 || count[notarized] != 9 {
		t.Errorf("stays of v2: %v", count)
	}
	if got := r.Distributions[0].Lines[0].Percentile(0.5); math100(got) != 35200 {
		t.Errorf("median %v ms, want 352", got)
	}
}

func math100(x float64) int { return int(x*100 + 0.5) }
