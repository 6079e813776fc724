package replica

import (
	"maps"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
)

// HealthLimits say when a validator calls something that was activated bad: when it goes worse over an
// interval of the chain's report_heights than before the activation, clearly and again. A fault that is
// not the incumbent's, or a result that differs and was not meant to, is bad at once. What this node
// measured is its own, and so are its limits: they change nothing but what it says. The zero value is the
// defaults.
type HealthLimits struct {
	// Factor is how many times the level before is still good. Default: 2.
	Factor uint64
	// Gaps are views without a block that are good whatever was before, in 64 blocks. Default: 32, the
	// most that the failure of a third of the validators explains when all lead in turn.
	Gaps uint64
	// LatencyMS is by how many milliseconds certification may take longer. Default: half of the chain's
	// timeout_base_ms: what takes longer than that is close to being given up.
	LatencyMS uint64
	// Slow are slow calls that are good whatever was before, in 64 blocks. Default: 32.
	Slow uint64
	// Row is how many intervals in a row must be bad. Default: 2, so that a machine that is busy with
	// something else for a moment blames nobody.
	Row int
}

func (l HealthLimits) orDefaults(p *quoin.Parameters) HealthLimits {
	if l.Factor == 0 {
		l.Factor = 2
	}
	if l.Gaps == 0 {
		l.Gaps = 32
	}
	if l.LatencyMS == 0 {
		l.LatencyMS = p.TimeoutBaseMS / 2
	}
	if l.Slow == 0 {
		l.Slow = 32
	}
	if l.Row == 0 {
		l.Row = 2
	}
	return l
}

// few are so few gaps or slow calls that a short interval must not be judged by them.
const few = 2

// symptoms returns in what a level is worse than that of before.
func (l *HealthLimits) symptoms(before, now level) []governance.HealthReason {
	var found []governance.HealthReason
	more := func(n, blocks, base, baseBlocks, always uint64) bool {
		bound := blocks*always/64 + few
		if baseBlocks > 0 {
			bound += l.Factor * base * blocks / baseBlocks
		}
		return n > bound
	}
	if more(now.gaps, now.blocks, before.gaps, before.blocks, l.Gaps) {
		found = append(found, governance.HealthGaps)
	}
	if before.blocks > 0 && now.latencyMS > l.Factor*before.latencyMS+l.LatencyMS {
		found = append(found, governance.HealthLatency)
	}
	if before.timed > 0 && more(now.slow, now.timed, before.slow, before.timed, l.Slow) {
		found = append(found, governance.HealthSlow)
	}
	return found
}

// lateMS is the age of a block, in milliseconds, from which on this node is catching up: others have said
// what there is to say.
const lateMS = 60_000

const (
	beforeIntervals = 4  // whose level is that of before,
	beforeBlocks    = 64 // but at least so many blocks
	activeIntervals = 64 // for which what is active is compared with what was before it
)

// patient is what this node knows of the health of one proposal in a round.
type patient struct {
	before  level
	row     map[governance.HealthReason]int // bad intervals in a row
	through quoin.Height                    // of the newest interval
}

// interval is an interval of report_heights that is over.
type interval struct {
	through quoin.Height
	heights quoin.Height // of an interval
	epoch   quoin.Epoch  // of its last block
	time    quoin.Time   // of that block
	found   map[compared]*finding
}

// compared names what was compared.
type compared struct {
	trying
	trial bool
}

// finding sums the comparisons of some heights that follow one another.
type finding struct {
	first, last quoin.Height
	execution.Comparison
}

// covers reports whether the comparisons of all these heights are there: a block whose result was taken
// over from others, or that this node could not compare, leaves a hole.
func (f *finding) covers(from, through quoin.Height) bool {
	return f != nil && f.first == from && f.last == through
}

// compare adds a block's comparisons to those of its interval, and closes the interval with its last
// block.
func (r *Replica) compare(o *execution.Outcome, heights quoin.Height, epoch quoin.Epoch) {
	h := o.Block.Header().Height
	if r.found == nil {
		r.found = map[compared]*finding{}
	}
	for i := range o.Comparisons {
		c := &o.Comparisons[i]
		key := compared{trying{c.Proposal, c.Round}, c.Trial}
		f := r.found[key]
		if f == nil || f.last+1 != h {
			r.found[key] = &finding{first: h, last: h, Comparison: *c}
			continue
		}
		f.last = h
		f.Add(c)
	}
	if h%heights == 0 {
		r.intervals = append(r.intervals, interval{h, heights, epoch, o.Block.Header().Time, r.found})
		r.found = nil
	}
}

// examine says what this validator found in the intervals that are over: of what is in the shadow, how it
// compares, and of what serves, how the chain fares with it.
func (r *Replica) examine(out *Output) {
	over := r.intervals
	r.intervals = nil
	if len(over) == 0 || !r.isValidator() {
		return
	}
	k := kernelReader{r.chain.state}
	open := governance.OpenProposals(k)
	for i := range over {
		x := &over[i]
		if r.now > x.time+lateMS {
			continue
		}
		for n := range open {
			switch p := &open[n]; {
			case p.Status == governance.StatusTrial:
				r.checkTrial(k, p, x, out)
			case p.ShadowFrom != 0:
				r.reportShadow(p, x, out)
			}
		}
		active := r.active(k, x.through)
		for n := range active {
			r.checkActive(k, &active[n], x, out)
		}
		maps.DeleteFunc(r.patients, func(_ trying, a *patient) bool { return a.through != x.through })
	}
}

// reportShadow says how a shadow compared over a whole interval.
func (r *Replica) reportShadow(p *governance.Proposal, x *interval, out *Output) {
	from := x.through - x.heights + 1
	f := x.found[compared{trying{p.Number, p.Round}, false}]
	if p.ShadowFrom > from || !f.covers(from, x.through) {
		return
	}
	say := governance.Report{Proposal: p.Number, Through: x.through, Comparison: f.Comparison.Comparison, Restarts: p.Restarts()}
	r.say(word{p.Number, p.Round, say.Kind(), x.through}, say, r.exec.Tip().Height, out)
}

// checkTrial says how a trial goes. In doubt, after a first bad interval, it says nothing: no data never
// counts as good.
func (r *Replica) checkTrial(k governance.State, p *governance.Proposal, x *interval, out *Output) {
	if x.through <= p.Activation {
		return
	}
	from := max(x.through-x.heights, p.Activation) + 1
	say := governance.Health{Proposal: p.Number, Through: x.through, Restarts: p.Restarts()}
	if p.Binding.Hook != "" {
		f := x.found[compared{trying{p.Number, p.Round}, true}]
		if !f.covers(from, x.through) {
			return
		}
		say.Comparison = f.Comparison.Comparison
	}
	faulty := say.Faults > 0 || r.faulted(k, p.Slot(), from, x)
	bad, doubt := r.patient(p, x).examine(r, p, from, faulty, &say)
	switch {
	case faulty:
		say.Reason = governance.HealthFaults
	case say.Diverged > 0 && p.Class == governance.ClassDeterministic && !p.Plan.Diverges:
		say.Reason = governance.HealthDivergence
	case len(bad) > 0:
		say.Reason = bad[0]
	case doubt:
		return
	}
	r.say(word{p.Number, p.Round, say.Kind(), x.through}, say, r.exec.Tip().Height, out)
}

// checkActive says when it goes badly with what is active: when it faults again and again, and, as long as
// what was before its activation says something of now, when fewer views bring blocks or its calls are
// slow. That certification takes longer may be due to no more than more load.
func (r *Replica) checkActive(k governance.State, p *governance.Proposal, x *interval, out *Output) {
	from := max(x.through-x.heights, p.Activation) + 1
	say := governance.Health{Proposal: p.Number, Through: x.through, Restarts: p.Restarts()}
	about := r.patient(p, x)
	// What clients send may make an order of transactions fault: they must not take it from the network.
	faulty := p.Binding.Hook != hook.Priority.Name && r.faulted(k, p.Slot(), from, x)
	bad, _ := about.examine(r, p, from, faulty, &say)
	recent := about.before.blocks > 0 && r.recent(p, x.through)
	for _, reason := range bad {
		if reason == governance.HealthFaults || recent && (reason == governance.HealthSlow || reason == governance.HealthGaps && paces(p)) {
			say.Reason = reason
			r.say(word{p.Number, p.Round, say.Kind(), x.through}, say, r.exec.Tip().Height, out)
			return
		}
	}
}

// recent reports whether what was before a proposal's activation still says something of height h.
func (r *Replica) recent(p *governance.Proposal, h quoin.Height) bool {
	return uint64(h-p.Activation) <= activeIntervals*r.exec.Configuration().Parameters.ReportHeights
}

// active returns what is active or deprecated and was activated before height h.
func (r *Replica) active(k governance.State, h quoin.Height) []governance.Proposal {
	slots := []string{governance.ParametersSlot}
	for _, b := range r.exec.Configuration().Bindings {
		slots = append(slots, b.Slot())
	}
	var active []governance.Proposal
	for _, slot := range slots {
		s, _ := governance.ReadSlot(k, slot)
		line, _ := governance.ReadServed(k, slot, s.Serving)
		p, ok := governance.ReadProposal(k, line.Proposal)
		if ok && p.Status != governance.StatusTrial && p.Status.Serves() && s.Return.Cause == 0 && h > p.Activation {
			active = append(active, p)
		}
	}
	return active
}

// paces reports whether a proposal's slot decides in which views blocks come.
func paces(p *governance.Proposal) bool {
	return p.Subject == governance.SubjectParameters || p.Binding.Hook == hook.Leader.Name || p.Binding.Hook == hook.Pacemaker.Name
}

// faulted reports whether a slot faulted from a height to the end of an interval: on the ledger or, if it is
// of class N, on this node.
func (r *Replica) faulted(k governance.State, slot string, from quoin.Height, x *interval) bool {
	within := func(h quoin.Height) bool { return h >= from && h <= x.through }
	f, _ := governance.ReadFault(k, x.epoch, slot)
	return within(f.Height) || within(r.pulse.faults[slot])
}

// patient returns what this node knows of a proposal's health. What was before is fixed when it is asked
// for first: at the end of the interval in which the proposal was activated, if the node was running.
func (r *Replica) patient(p *governance.Proposal, x *interval) *patient {
	name := trying{p.Number, p.Round}
	about := r.patients[name]
	if about == nil {
		blocks := max(beforeIntervals*int(x.heights), beforeBlocks)
		about = &patient{before: r.pulse.before(p.Activation, blocks, p.Slot())}
		if r.patients == nil {
			r.patients = map[trying]*patient{}
		}
		r.patients[name] = about
	}
	about.through = x.through
	return about
}

// examine compares an interval with what was before, fills in what was measured, and returns what was bad
// often enough in a row; doubt says that something was bad now.
func (a *patient) examine(r *Replica, p *governance.Proposal, from quoin.Height, faulty bool, say *governance.Health) (bad []governance.HealthReason, doubt bool) {
	limits := r.c.Health.orDefaults(&r.exec.Configuration().Parameters)
	now := r.pulse.over(from, a.through, p.Slot())
	say.Gaps, say.SlowCalls, say.LatencyMS = now.gaps, now.slow, now.latencyMS
	var symptoms []governance.HealthReason
	if faulty {
		symptoms = append(symptoms, governance.HealthFaults)
	}
	symptoms = append(symptoms, limits.symptoms(a.before, now)...)
	row := map[governance.HealthReason]int{}
	for _, s := range symptoms {
		if row[s] = a.row[s] + 1; row[s] >= limits.Row {
			bad = append(bad, s)
		}
	}
	a.row = row
	return bad, len(symptoms) > 0
}
