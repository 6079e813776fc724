package chaos

import (
	"maps"
	"time"

	"quoin.dev/quoin/lab/events"
)

// Result is what came of a run. Durations in JSON are in nanoseconds.
type Result struct {
	Seed     uint64        `json:"seed"`
	Nodes    int           `json:"nodes"`
	Clients  int           `json:"clients"`
	Duration time.Duration `json:"duration_ns"` // of the faults, with what recovering took
	Kinds    []Kind        `json:"kinds"`
	Faults   int           `json:"faults"`

	Operations   int            `json:"operations"`
	Acknowledged int            `json:"acknowledged"`
	Unknown      int            `json:"unknown"`     // outcomes
	Landed       int            `json:"landed"`      // of the unknown ones, in the ledger all the same
	Repeated     int            `json:"repeated"`    // operations that were submitted more than once
	StateReads   int            `json:"state_reads"` // that were answered
	Proofs       int            `json:"proofs"`      // receipts that were verified again offline
	Answers      map[string]int `json:"answers"`     // other than receipts, by code
	Entries      int            `json:"ledger_entries"`
	History      HistoryCheck   `json:"history"`

	Recovery     []Recovery   `json:"recovery"`
	Availability Availability `json:"availability"`
	Latency      Times        `json:"latency"`
	Calm         Times        `json:"latency_without_faults"`
	Lag          Times        `json:"machine_late"` // by how much sleeps of 10 ms took longer
	PerSecond    []int        `json:"acknowledged_per_second"`
	Struck       []Struck     `json:"struck"`
	Findings     []string     `json:"findings"`

	Events []events.Event `json:"-"`
}

// Failed reports whether anything was wrong.
func (r *Result) Failed() bool { return len(r.Findings) > 0 }

// judge checks everything and measures.
func (w *world) judge(ledger Ledger) *Result {
	h := &w.crowd.record.h
	r := &Result{Seed: w.o.Seed, Nodes: len(w.o.Nodes), Clients: w.o.Clients, Kinds: w.kinds(), Faults: len(w.struck), Struck: w.struck,
		Operations: len(h.Operations), StateReads: len(h.Reads), Entries: len(ledger), Answers: map[string]int{}}
	for _, x := range w.crowd.workers {
		for code, n := range x.failures {
			r.Answers[code] += n
		}
		r.Proofs += len(x.proofs)
		if x.problem != nil {
			w.find("client %d: %v", x.number, x.problem)
		}
	}
	r.count(h, ledger)
	w.o.Progress("Porcupine looks at %d operations", len(h.Operations))
	r.History = CheckHistory(h.Operations, w.o.Check)
	for _, f := range r.History.Findings {
		w.find("%s", f)
	}
	if ledger != nil {
		for _, f := range ledger.Check(h) {
			w.find("%s", f)
		}
	}
	r.Recovery = recoveries(w.struck, h.Operations, func(c int) (int, bool) { return w.crowd.workers[c].home, w.crowd.workers[c].bound })
	if len(w.struck) > 0 {
		last := &w.struck[len(w.struck)-1]
		from, to := w.struck[0].Began, max(last.Ended, last.Whole)
		r.Duration = to - from
		r.Availability = availability(h.Operations, from, to)
	}
	r.Lag = timesOf(w.lag.all())
	r.Latency, r.Calm = latencies(h.Operations, w.struck)
	r.Findings = append([]string{}, w.findings...)
	r.Events = w.events
	return r
}

// count counts operations by what became of them.
func (r *Result) count(h *History, ledger Ledger) {
	landed := map[string]bool{}
	for _, e := range maps.All(ledger) {
		landed[string(e.ID[:])] = true
	}
	for i := range h.Operations {
		o := &h.Operations[i]
		if o.Tries > 1 {
			r.Repeated++
		}
		if !o.Known() {
			r.Unknown++
			if landed[string(o.ID[:])] {
				r.Landed++
			}
			continue
		}
		r.Acknowledged++
		second := int(o.Return / time.Second)
		for len(r.PerSecond) <= second {
			r.PerSecond = append(r.PerSecond, 0)
		}
		r.PerSecond[second]++
	}
}
