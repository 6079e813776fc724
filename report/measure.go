package report

import (
	"fmt"
	"slices"

	"quoin.dev/quoin/lab/events"
)

const (
	bucketsMax = 240 // of a series
	samplesMin = 3   // fewer make no picture
)

// Measure adds what the event log tells to the run: the latency of clients, throughput over time with
// the faults, and how many messages of each kind were sent. It does nothing without events.
func (r *Run) Measure() {
	if len(r.Events) == 0 {
		return
	}
	faults := faultMarks(r.Events)
	r.measureLatency()
	r.measureThroughput(faults)
	r.countMessages()
	r.countFaults(faults)
}

func (r *Run) measureLatency() {
	var samples []float64
	for i := range r.Events {
		if e := &r.Events[i]; e.Verb == events.Receipt {
			samples = append(samples, float64(e.TookUS)/1e3)
		}
	}
	if len(samples) >= samplesMin {
		r.Distributions = append(r.Distributions, Distribution{Title: "From submission to receipt", Unit: "ms",
			Lines: []Line{NewDistribution("client transactions", samples)}})
	}
}

// measureThroughput counts certified blocks and their transactions, by when somebody knew first.
func (r *Run) measureThroughput(faults []Mark) {
	last := r.Events[len(r.Events)-1].AtUS
	bucket := uint64(1_000_000)
	for last/bucket >= bucketsMax {
		bucket *= 2
	}
	n := last/bucket + 1
	transactions, blocks := make([]float64, n), make([]float64, n)
	known := uint64(0)
	for i := range r.Events {
		if e := &r.Events[i]; e.Verb == events.Certified && e.Height > known {
			known = e.Height
			blocks[e.AtUS/bucket] += 1e6 / float64(bucket)
			transactions[e.AtUS/bucket] += float64(e.Count) * 1e6 / float64(bucket)
		}
	}
	if known == 0 || n < samplesMin {
		return
	}
	points := func(values []float64) (points []Point) {
		for i, v := range values {
			points = append(points, Point{(float64(i) + 0.5) * float64(bucket) / 1e6, v})
		}
		return points
	}
	r.Series = append(r.Series,
		Series{Title: "Throughput", Unit: "certified transactions per simulated second", Lines: []Line{{"transactions", points(transactions)}}, Marks: faults},
		Series{Title: "Blocks", Unit: "certified blocks per simulated second", Lines: []Line{{"blocks", points(blocks)}}, Marks: faults})
}

// faultMarks are the faults as intervals: from a fault to its healing, from a crash to the next boot,
// to the end of the log where there is none. A fault without a name is a moment.
func faultMarks(log []events.Event) []Mark {
	type cause struct {
		flight uint64
		node   int
	}
	var marks []Mark
	open := map[cause]int{} // places in marks
	end := float64(log[len(log)-1].AtUS) / 1e6
	for i := range log {
		e, at := &log[i], float64(log[i].AtUS)/1e6
		begin := func(c cause, text string) {
			open[c] = len(marks)
			marks = append(marks, Mark{at, end, text})
		}
		heal := func(c cause) {
			if k, ok := open[c]; ok {
				marks[k].To = at
				delete(open, c)
			}
		}
		switch e.Verb {
		case events.Fault:
			if e.Flight == 0 {
				marks = append(marks, Mark{at, at, e.Kind})
			} else {
				begin(cause{flight: e.Flight}, e.Kind)
			}
		case events.Healed:
			if e.Flight != 0 {
				heal(cause{flight: e.Flight})
				break
			}
			for c := range open {
				if c.flight != 0 {
					heal(c)
				}
			}
		case events.Crashed:
			begin(cause{node: e.Node}, events.Name(e.Node)+" down")
		case events.Booted:
			heal(cause{node: e.Node})
		}
	}
	return marks[:min(len(marks), MarksMax)]
}

// countMessages makes the table of messages by kind.
func (r *Run) countMessages() {
	type count struct{ sent, received, lost int }
	counts := map[string]*count{}
	var kinds []string
	for i := range r.Events {
		e := &r.Events[i]
		if e.Verb != events.Sent && e.Verb != events.Received && e.Verb != events.Lost {
			continue
		}
		c := counts[e.Kind]
		if c == nil {
			c = &count{}
			counts[e.Kind] = c
			kinds = append(kinds, e.Kind)
		}
		switch e.Verb {
		case events.Sent:
			c.sent++
		case events.Received:
			c.received++
		case events.Lost:
			c.lost++
		}
	}
	if len(kinds) == 0 {
		return
	}
	slices.SortStableFunc(kinds, func(a, b string) int { return counts[b].received - counts[a].received })
	t := Table{Title: "Messages", Note: "A message to everybody is sent once; each copy is received or lost.",
		Columns: []string{"kind", "sent", "copies received", "copies lost"}, Numeric: []bool{false, true, true, true}}
	for _, k := range kinds[:min(len(kinds), RowsMax)] {
		c := counts[k]
		t.Rows = append(t.Rows, []string{k, number(float64(c.sent)), number(float64(c.received)), number(float64(c.lost))})
	}
	r.Tables = append(r.Tables, t)
}

// countFaults makes the table of faults that lasted, by kind.
func (r *Run) countFaults(faults []Mark) {
	if len(faults) == 0 {
		return
	}
	var kinds []string
	count, lasted := map[string]int{}, map[string]float64{}
	for _, m := range faults {
		if count[m.Text] == 0 {
			kinds = append(kinds, m.Text)
		}
		count[m.Text]++
		lasted[m.Text] += m.To - m.From
	}
	slices.Sort(kinds)
	t := Table{Title: "When something was wrong", Columns: []string{"fault", "times", "seconds in all"}, Numeric: []bool{false, true, true}}
	for _, k := range kinds[:min(len(kinds), RowsMax)] {
		t.Rows = append(t.Rows, []string{k, fmt.Sprint(count[k]), fmt.Sprintf("%.1f", lasted[k])})
	}
	r.Tables = append(r.Tables, t)
}
