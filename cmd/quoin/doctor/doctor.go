// Package doctor looks for what is wrong with nodes and with the machines that they run on, and says how to
// mend it. It changes nothing: what it writes to measure a disk it removes.
//
// There are two ways in, and they can be taken together. Network asks nodes over the API: are they there, is it
// the right network, do their clocks, programs and results agree, do they take part? Folder looks at one node's
// folder and its machine, whether the node runs or not: are its files whole and nobody else's, is its
// disk quick and large enough, are the limits of its process high enough, are its ports free or its own?
//
// Everything that a node says and everything that lies in a folder is taken for hostile: answers have a time limit, what is
// read has a size limit, and only regular files are opened.
package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Level says how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Unknown Level = "unknown" // it could not be examined: neither good nor bad
	Warning Level = "warning" // it will be a problem, or may be one
	Problem Level = "problem"
)

var ranks = map[Level]int{OK: 0, Unknown: 1, Warning: 2, Problem: 3}

// Finding is what one check found out about one node or one folder.
type Finding struct {
	Check string `json:"check"` // stable name: one of Checks
	About string `json:"about"` // the node's name or address, or the folder
	Level Level  `json:"level"`
	Found string `json:"found"`          // what was seen
	Mend  string `json:"mend,omitempty"` // what to do, if anything
}

// Checks are the checks, in the order in which findings are listed, with what each looks at.
var Checks = []struct{ Name, About string }{
	{"reachable", "every node answers"},
	{"genesis", "nodes and folders have the genesis that is trusted here"},
	{"ready", "the node takes part, votes if it is a validator, and lacks no heights"},
	{"health", "what the node says of itself"},
	{"agreement", "nodes at one height have one state"},
	{"versions", "programs are alike, and have the engine and the fuel schedule that the chain wants"},
	{"releases", "plugins that the network uses are ready"},
	{"clock", "clocks agree, with each other and with the times of blocks"},
	{"files", "the folder is whole, and its keys are nobody else's"},
	{"votes", "the vote log is there, undamaged, and as new as the store"},
	{"fsync", "the disk makes small writes durable quickly"},
	{"space", "the disk has room, also in some weeks"},
	{"limits", "memory, processors and open files suffice"},
	{"ports", "the node's addresses are free, or its own"},
	{"certificate", "the dashboard's certificate is good, and will be in two weeks"},
	{"peers", "the other nodes' addresses can be reached"},
}

// Sort brings findings into the order of the checks, and those of a check into that of what they are about.
func Sort(findings []Finding) {
	place := map[string]int{}
	for i, c := range Checks {
		place[c.Name] = i
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(place[a.Check], place[b.Check]), cmp.Compare(a.About, b.About))
	})
}

// Worst returns the worst level; OK if there are no findings.
func Worst(findings []Finding) Level {
	worst := OK
	for _, f := range findings {
		if ranks[f.Level] > ranks[worst] {
			worst = f.Level
		}
	}
	return worst
}

// list gathers findings of one subject.
type list struct {
	about string
	found []Finding
}

func (l *list) ok(check, format string, a ...any) { l.add(check, OK, "", format, a...) }

func (l *list) add(check string, level Level, mend, format string, a ...any) {
	l.found = append(l.found, Finding{Check: check, About: l.about, Level: level, Found: fmt.Sprintf(format, a...), Mend: mend})
}

// textMost bounds what is passed on of a node's words.
const textMost = 200

func short(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > textMost {
		s = strings.ToValidUTF8(s[:textMost], "") + "…"
	}
	return s
}

// round makes a duration readable.
func round(d time.Duration) time.Duration {
	if d.Abs() < 10*time.Millisecond {
		return d.Round(time.Microsecond)
	}
	return d.Round(time.Millisecond)
}
