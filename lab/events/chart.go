package events

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// columnWidth is the distance between two replicas' lifelines in a chart.
const columnWidth = 14

// Chart draws a log as a message-sequence chart in plain text: a lifeline for each replica from left to
// right, time from top to bottom, one line an event. A message is drawn where it arrives, as an arrow
// from its sender's lifeline, or where it is lost, as one that ends in an x; the lines between
// read what replicas do. Sent messages have lines of their own only if nothing else tells of them.
//
// Replicas are 0 to nodes-1, at most 16.
func Chart(w io.Writer, nodes int, log []Event) error {
	if nodes < 1 || nodes > 16 {
		return fmt.Errorf("lab/events: a chart of %d replicas, want 1 to 16", nodes)
	}
	c := chart{w: bufio.NewWriter(w), nodes: nodes}
	c.head()
	told := map[uint64]bool{}
	for _, e := range log {
		if e.Verb == Received || e.Verb == Lost {
			told[e.Flight] = true
		}
	}
	at := ^uint64(0)
	for i := range log {
		e := &log[i]
		if e.Verb == Sent && told[e.Flight] {
			continue
		}
		stamp := ""
		if e.AtUS != at {
			at, stamp = e.AtUS, fmt.Sprint(e.AtUS)
		}
		c.event(stamp, e)
	}
	return c.w.Flush()
}

type chart struct {
	w     *bufio.Writer
	nodes int
}

func (c *chart) head() {
	row := c.blank(' ')
	for i := range c.nodes {
		copy(row[c.column(i):], []rune(fmt.Sprint(i)))
	}
	c.line("", row, "")
}

func (c *chart) event(stamp string, e *Event) {
	inside := func(i int) bool { return i >= 0 && i < c.nodes }
	row := c.blank('│')
	switch {
	case e.Verb == Received && inside(e.Node) && inside(e.Peer):
		c.arrow(row, e.Peer, e.Node, '▶', '◀')
		c.line(stamp, row, c.label(e, ""))
	case e.Verb == Lost && inside(e.Node) && inside(e.Peer):
		c.arrow(row, e.Node, e.Peer, '×', '×')
		c.line(stamp, row, c.label(e, "lost: "))
	case inside(e.Node):
		row[c.column(e.Node)] = '●'
		c.line(stamp, row, c.label(e, string(e.Verb)+" "))
	default:
		c.line(stamp, row, c.label(e, string(e.Verb)+" "))
	}
}

// arrow draws from one lifeline to another, across those between.
func (c *chart) arrow(row []rune, from, to int, right, left rune) {
	a, b := c.column(from), c.column(to)
	for x := min(a, b) + 1; x < max(a, b); x++ {
		if row[x] == '│' {
			row[x] = '┼'
		} else {
			row[x] = '─'
		}
	}
	if a < b {
		row[a], row[b-1] = '├', right
	} else if a > b {
		row[a], row[b+1] = '┤', left
	}
}

// label says an event in a few words.
func (c *chart) label(e *Event, verb string) string {
	words := []string{strings.TrimSpace(verb)}
	if e.Verb != Entered && e.Verb != Certified {
		words = append(words, e.Kind)
	}
	if e.Height != 0 {
		words = append(words, fmt.Sprintf("height %d", e.Height))
	}
	if e.View != 0 {
		words = append(words, fmt.Sprintf("view %d", e.View))
	}
	words = append(words, e.Block, e.Text)
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), " ")
}

func (c *chart) column(i int) int { return 4 + i*columnWidth }

func (c *chart) blank(lifeline rune) []rune {
	row := []rune(strings.Repeat(" ", c.column(c.nodes-1)+6))
	for i := range c.nodes {
		row[c.column(i)] = lifeline
	}
	return row
}

func (c *chart) line(stamp string, row []rune, label string) {
	fmt.Fprintln(c.w, strings.TrimRight(fmt.Sprintf("%10s %s %s", stamp, string(row), label), " "))
}
