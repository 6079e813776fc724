// Package report keeps what a run leaves behind, and draws it: tables, and pictures as SVG inside one
// self-contained HTML page, which fetches nothing.
//
// A run is a folder:
//
//	run.json      Run: what was run, how to run it again, what came out
//	scenario.txt  the scenario, if there was one
//	events.jsonl  the event log, one events.Event a line, if there was one
//	report.html   the page
//
// Nothing here decides anything: floating point is welcome.
package report

import "quoin.dev/quoin/lab/events"

// Format is the version of run.json.
const Format = 1

// Run is what a run leaves behind.
type Run struct {
	Format    int      `json:"format"`
	Kind      string   `json:"kind"`               // "sim", "check", "twins", "bench", "ab", "chaos"
	Name      string   `json:"name"`               // what tells it from others of its kind: "seed-17"; lower-case letters, digits, hyphens
	Title     string   `json:"title"`              // one line for people
	Version   string   `json:"version"`            // of the program
	Reproduce string   `json:"reproduce"`          // one command that does the same again, on a checkout of Version
	Seed      uint64   `json:"seed,omitempty"`     // 0 for none
	Digest    string   `json:"digest,omitempty"`   // of everything that happened, where a run is deterministic
	Failed    bool     `json:"failed"`             // something is broken
	Verdict   string   `json:"verdict"`            // one line: what came out
	Findings  []string `json:"findings,omitempty"` // what is broken, a line each
	Nodes     int      `json:"nodes,omitempty"`    // replicas in the event log

	Tables        []Table        `json:"tables,omitempty"`
	Distributions []Distribution `json:"distributions,omitempty"`
	Series        []Series       `json:"series,omitempty"`
	Comparisons   []Comparison   `json:"comparisons,omitempty"`

	Scenario string         `json:"-"`
	Events   []events.Event `json:"-"`
}

// Table has a cell of text for each column in each row. Numeric columns are aligned to the right.
type Table struct {
	Title   string     `json:"title"`
	Note    string     `json:"note,omitempty"`
	Columns []string   `json:"columns"`
	Numeric []bool     `json:"numeric,omitempty"` // by column
	Rows    [][]string `json:"rows"`
}

// Distribution is a set of cumulative distributions over one axis: latencies, say.
type Distribution struct {
	Title string `json:"title"`
	Unit  string `json:"unit"` // of the values
	Lines []Line `json:"lines"`
}

// Series is values over time, with marks where something happened.
type Series struct {
	Title string `json:"title"`
	Unit  string `json:"unit"` // of the values
	Lines []Line `json:"lines"`
	Marks []Mark `json:"marks,omitempty"`
}

// Comparison is a candidate against a base, metric by metric.
type Comparison struct {
	Title     string     `json:"title"`
	Note      string     `json:"note,omitempty"`
	Base      string     `json:"base"` // their names
	Candidate string     `json:"candidate"`
	Rows      []Compared `json:"rows"`
}

// Compared is one metric of both. Changes are relative to the base, in percent: -12 is 12% less than it.
type Compared struct {
	Metric      string  `json:"metric"`
	Unit        string  `json:"unit"`
	LowerBetter bool    `json:"lower_is_better"`
	Base        float64 `json:"base"` // medians
	Candidate   float64 `json:"candidate"`
	Change      float64 `json:"change_percent"`
	Low         float64 `json:"low_percent"` // 95% interval of Change
	High        float64 `json:"high_percent"`
	Verdict     string  `json:"verdict"` // "better", "worse", "same", "inconclusive"
}

// Line is a named line of a picture. X is seconds in a Series and the value in a Distribution, whose
// Y is the fraction of samples at or below it.
type Line struct {
	Name   string  `json:"name"`
	Points []Point `json:"points"`
}

// Point is a place in a picture.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Mark is something that happened at a time, from From to To seconds; To is From for a moment.
type Mark struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
	Text string  `json:"text"`
}
