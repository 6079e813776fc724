package twins

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// Space is all scenarios of a number of views: in each four leaders and sixteen groupings, and as
// Early and Uneven say, timers that pass early or late, and six ways to hear first answers.
type Space struct {
	Protocol consensus.Protocol
	Views    int
	Early    bool
	Uneven   bool // first answers may reach one process alone: see View
	Heal     bool // each scenario ends in a healed network
	Symmetry bool // of scenarios that differ by the names of the honest replicas or of the twins, one is enough
}

// Job is a part of a space: the scenarios with the same first decisions.
type Job struct {
	space  Space
	prefix []decision
}

// Found is a scenario that broke an invariant.
type Found struct {
	Scenario Scenario
	Result
}

// Explored is what came out of a part of a space.
type Explored struct {
	Covered   uint64 // scenarios, all in all
	Runs      uint64 // of them played; a run stands for all scenarios that differ only in what it never asked for
	Symmetric uint64 // not played, as they are others by other names
	Messages  uint64
	Certified uint64 // runs in which something was certified before the network healed
	Forked    uint64 // runs in which a replica reported that the twins contradict one another
	Broken    uint64 // runs that broke an invariant
	Found     []Found
	Digest    uint64 // of all runs, in whatever order the jobs were done
}

// Add adds what came out of another part. Of what was found the first foundMax are kept.
func (x *Explored) Add(o *Explored) {
	x.Covered += o.Covered
	x.Runs += o.Runs
	x.Symmetric += o.Symmetric
	x.Messages += o.Messages
	x.Certified += o.Certified
	x.Forked += o.Forked
	x.Broken += o.Broken
	x.Digest += o.Digest
	x.Found = append(x.Found, o.Found...)
	x.Found = x.Found[:min(len(x.Found), foundMax)]
}

const foundMax = 16

func (x *Explored) add(s Scenario, r *Result) {
	x.Runs++
	x.Messages += uint64(r.Messages)
	x.Digest += (r.Digest ^ uint64(r.Height)) * 0xd1342543de82ef95
	if r.Height > 0 {
		x.Certified++
	}
	if r.Forked {
		x.Forked++
	}
	if r.Violation != nil {
		x.Broken++
		if len(x.Found) < foundMax {
			x.Found = append(x.Found, Found{slices.Clone(s), *r})
		}
	}
}

// digit is one of the things that a scenario says of a view.
type digit uint8

const (
	leaderDigit digit = iota
	groupDigit
	earlyDigit
	onlyDigit
	digits
)

func (d digit) options() uint8 {
	switch d {
	case leaderDigit:
		return validators
	case groupDigit:
		return groupings
	case onlyDigit:
		return 1 + places
	}
	return 2
}

// decision is an answer to a question of a run.
type decision struct {
	view  uint8 // from 0
	digit digit
	value uint8
}

// walk answers the questions of runs by a script, and with zero beyond its end, and so goes through
// a space depth first: a tree whose nodes are questions in the order in which a run asks them. A run
// that never asks for a view's leader or groups stands for all of them.
type walk struct {
	space  *Space
	script []decision
	next   int // of the script, in this run
	values [ViewsMax][digits]uint8
	known  [ViewsMax][digits]bool
}

func (w *walk) begin() {
	w.next = 0
	w.known = [ViewsMax][digits]bool{}
}

func (w *walk) ask(v quoin.View, d digit) uint8 {
	i := v - 1
	if w.known[i][d] {
		return w.values[i][d]
	}
	if w.next == len(w.script) {
		w.script = append(w.script, decision{view: uint8(i), digit: d})
	}
	w.values[i][d], w.known[i][d] = w.script[w.next].value, true
	w.next++
	return w.values[i][d]
}

func (w *walk) leader(v quoin.View) int { return int(w.ask(v, leaderDigit)) }

func (w *walk) together(v quoin.View, a, b int) bool {
	view := View{Apart: w.ask(v, groupDigit) << 1}
	return view.together(a, b)
}

func (w *walk) early(v quoin.View) bool { return w.space.Early && w.ask(v, earlyDigit) == 1 }

func (w *walk) heard(v quoin.View, to int) bool {
	if !w.space.Uneven {
		return true
	}
	view := View{Only: w.ask(v, onlyDigit)}
	return view.heard(to)
}

// scenario returns the scenario that the script stands for, with zeros where nothing was asked.
func (w *walk) scenario() Scenario {
	s := make(Scenario, w.space.Views)
	for _, d := range w.script {
		v := &s[d.view]
		switch d.digit {
		case leaderDigit:
			v.Leader = int(d.value)
		case groupDigit:
			v.Apart = d.value << 1
		case earlyDigit:
			v.Early = d.value == 1
		case onlyDigit:
			v.Only = d.value
		}
	}
	return s
}

// Size returns the number of scenarios of the space.
func (s *Space) Size() uint64 {
	n := uint64(1)
	for range s.Views {
		n *= validators * groupings
		if s.Early {
			n *= 2
		}
		if s.Uneven {
			n *= 1 + places
		}
	}
	return n
}

// share returns how many scenarios make the decisions of a script.
func (s *Space) share(script []decision) uint64 {
	n := s.Size()
	for _, d := range script {
		n /= uint64(d.digit.options())
	}
	return n
}

// Jobs divides a space by the first two decisions of its runs.
func (s Space) Jobs() []Job {
	x, w := newRunner(s.Protocol), walk{space: &s}
	play := func(prefix []decision) {
		w.script = append(w.script[:0], prefix...)
		w.begin()
		x.run(&w, s.Views, s.Heal, nil)
	}
	var jobs []Job
	play(nil)
	first := w.script[0]
	for first.value = 0; first.value < first.digit.options(); first.value++ {
		play([]decision{first})
		if len(w.script) == 1 {
			jobs = append(jobs, Job{s, []decision{first}})
			continue
		}
		second := w.script[1]
		for second.value = 0; second.value < second.digit.options(); second.value++ {
			jobs = append(jobs, Job{s, []decision{first, second}})
		}
	}
	return jobs
}

// Explore plays all scenarios of a job. progress, if not nil, is called after each run with what it
// added, and stops the exploration by returning false.
func (j Job) Explore(progress func(runs, covered uint64) bool) Explored {
	x, w := newRunner(j.space.Protocol), walk{space: &j.space, script: slices.Clone(j.prefix)}
	var sum Explored
	if j.space.Symmetry && !w.canonical() {
		sum.Covered = j.space.share(w.script)
		sum.Symmetric = sum.Covered
		return sum
	}
	for {
		w.begin()
		r := x.run(&w, j.space.Views, j.space.Heal, nil)
		w.script = w.script[:w.next]
		told := sum.Covered
		sum.Covered += j.space.share(w.script)
		sum.add(w.scenario(), &r)
		more := w.advance(len(j.prefix), &sum)
		if progress != nil && !progress(1, sum.Covered-told) || !more {
			return sum
		}
	}
}

// advance goes to the next script, leaving the first decisions as they are.
func (w *walk) advance(fixed int, sum *Explored) bool {
	for len(w.script) > fixed {
		last := &w.script[len(w.script)-1]
		if last.value+1 == last.digit.options() {
			w.script = w.script[:len(w.script)-1]
			continue
		}
		last.value++
		if !w.space.Symmetry || w.canonical() {
			return true
		}
		share := w.space.share(w.script)
		sum.Covered += share
		sum.Symmetric += share
	}
	return false
}

// Sample plays scenarios of the space at random: those of a seed from number first on.
func (s Space) Sample(seed, first, count uint64, progress func(runs, covered uint64) bool) Explored {
	x := newRunner(s.Protocol)
	var sum Explored
	for i := first; i < first+count; i++ {
		c := Sample(seed, i, s.Views, s.Early, s.Uneven)
		r := x.run(fixed(c), s.Views, s.Heal, nil)
		sum.Covered++
		sum.add(c, &r)
		if progress != nil && !progress(1, 1) {
			break
		}
	}
	return sum
}
