package metric

import (
	"maps"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
)

const (
	proposalsMax = 16                // of each validator, by view
	eventsMax    = 64                // kinds of events that are told apart
	slotsMax     = quoin.BindingsMax // slots whose fallbacks are told apart
	sweepEvery   = 10 * time.Second
	other        = "other"
)

// pushed is what a node has told, histograms apart.
type pushed struct {
	names    []string // of the epoch's validators, by index
	epoch    quoin.Epoch
	self     quoin.PublicKey
	heard    [][proposalsMax]proposal // by validator, of whom each drives out its own alone, and view
	proposer struct {                 // of the newest finished block
		epoch quoin.Epoch
		index uint16
	}
	serving map[string]governance.HistoryNumber // by slot: what served when it was seen last
	swept   time.Time

	plugins         plugins
	inclusions      inclusions
	events          map[string]uint64
	fallbacks       map[string]uint64
	doubts          map[string]uint64
	changes         map[string]uint64
	commands        map[[2]string]uint64
	reports         map[string]uint64
	equivocations   uint64
	suspensions     uint64
	leaderChanges   uint64
	compileFailures uint64
}

// proposal is when a validator's proposal of a view was heard here first.
type proposal struct {
	epoch     quoin.Epoch
	view      quoin.View
	block     quoin.Hash
	validator string
	at        time.Time
}

func newPushed() pushed {
	return pushed{serving: map[string]governance.HistoryNumber{}, plugins: newPlugins(), inclusions: newInclusions(), events: map[string]uint64{}, fallbacks: map[string]uint64{},
		doubts: map[string]uint64{}, changes: map[string]uint64{}, commands: map[[2]string]uint64{}, reports: map[string]uint64{}}
}

// copied returns what is needed to emit p, so that the lock need not be held meanwhile.
func (p *pushed) copied() pushed {
	c := *p
	c.plugins, c.inclusions = p.plugins.copied(), p.inclusions.copied()
	c.events, c.fallbacks, c.doubts = maps.Clone(p.events), maps.Clone(p.fallbacks), maps.Clone(p.doubts)
	c.changes, c.commands, c.reports = maps.Clone(p.changes), maps.Clone(p.commands), maps.Clone(p.reports)
	return c
}

func (p *pushed) emit(e *emitter) {
	by := func(family int, counts map[string]uint64) {
		for label, n := range counts {
			e.count(family, n, label)
		}
	}
	by(nodeEvents, p.events)
	by(fallbacks, p.fallbacks)
	by(blockDoubts, p.doubts)
	by(changes, p.changes)
	by(reports, p.reports)
	for labels, n := range p.commands {
		e.count(commands, n, labels[:]...)
	}
	e.count(equivocations, p.equivocations)
	e.count(suspensions, p.suspensions)
	e.count(leaderChanges, p.leaderChanges)
	e.count(compileFailures, p.compileFailures)
	p.plugins.emit(e)
	p.inclusions.emit(e)
}

// tally counts one more of a label that has at most so many values.
func tally(counts map[string]uint64, label string, n uint64, limit int) {
	if _, ok := counts[label]; !ok && len(counts) >= limit {
		label = other
	}
	counts[label] += n
}

func (m *Metrics) observe(family int, took time.Duration, labels ...string) {
	m.histograms[family].WithLabelValues(labels...).Observe(took.Seconds())
}

// Happened implements node.Observer.
func (m *Metrics) Happened(at time.Time, e *replica.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &m.pushed
	switch e.Kind {
	case replica.EnteredView:
		return
	case replica.BlockNotarized:
		if x := p.heardOf(e.Epoch, e.View, e.Block); x != nil {
			m.observe(quorumDelay, at.Sub(x.at), x.validator)
		}
		return
	case replica.BlockRefused:
		p.doubts["refused"]++
	case replica.BlockWithheld:
		p.doubts["withheld"]++
	case replica.Abstained:
		p.doubts["abstained"]++
	case replica.Equivocated:
		p.equivocations++
	case replica.Suspended:
		p.suspensions++
	case replica.PacemakerFaulted: // this node's alone, as is the next: no block tells of them
		tally(p.fallbacks, hook.Pacemaker.Name, 1, slotsMax)
	case replica.PriorityFaulted:
		tally(p.fallbacks, hook.Priority.Name, 1, slotsMax)
	}
	tally(p.events, string(e.Kind), 1, eventsMax)
}

// heardOf returns when the proposal of a block was heard, or nil. Anybody can propose in any view, so the block counts.
func (p *pushed) heardOf(epoch quoin.Epoch, v quoin.View, block quoin.Hash) *proposal {
	for i := range p.heard {
		if x := &p.heard[i][v%proposalsMax]; x.view == v && x.epoch == epoch && x.block == block && !x.at.IsZero() {
			return x
		}
	}
	return nil
}

// Progressed implements node.Observer.
func (m *Metrics) Progressed(at time.Time, x replica.Progress) {
	switch x.Kind {
	case replica.ProgressHeard:
		if x.Message == "propose" {
			m.proposed(at, &x)
		}
	case replica.ProgressCertified:
		m.certified(&x)
	}
}

func (m *Metrics) proposed(at time.Time, x *replica.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &m.pushed
	i := x.Validator
	if i < 0 || i >= quoin.ValidatorsMax || p.heardOf(x.Epoch, x.View, x.Block) != nil {
		return
	}
	if i >= len(p.heard) {
		p.heard = append(p.heard, make([][proposalsMax]proposal, i+1-len(p.heard))...)
	}
	p.heard[i][x.View%proposalsMax] = proposal{x.Epoch, x.View, x.Block, p.name(x.Epoch, i), at}
}

// name returns the name of a validator of an epoch.
func (p *pushed) name(epoch quoin.Epoch, i int) string {
	if epoch != p.epoch || i < 0 || i >= len(p.names) {
		return other
	}
	return p.names[i]
}

// certified counts a certified block, and what plugins did on its way.
func (m *Metrics) certified(x *replica.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &m.pushed
	// A block that is caught up with was not waited for. One that was may have taken less than a millisecond.
	if x.WaitMS > 0 || p.heardOf(x.Epoch, x.View, x.Block) != nil {
		m.observe(certification, max(time.Duration(x.WaitMS)*time.Millisecond, time.Millisecond/2))
	}
	for i := range x.Faults {
		tally(p.fallbacks, x.Faults[i].Slot, 1, slotsMax)
	}
	for i := range x.Comparisons {
		p.plugins.compared(&x.Comparisons[i])
	}
}

// Executed implements node.Observer.
func (m *Metrics) Executed(x node.Execution) { m.observe(executionTime, x.Took) }

// Called implements node.Observer.
func (m *Metrics) Called(c node.Call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.pushed.plugins.called(&c)
	if c.Took == 0 {
		return
	}
	if u.took == nil {
		u.took = m.histograms[callTime].WithLabelValues(u.slot, u.release)
	}
	u.took.Observe(c.Took.Seconds())
}

// Admitted implements node.Observer: the replica counts, see pull.
func (m *Metrics) Admitted(time.Time, []replica.Admission) {}

// Finished implements node.Observer.
func (m *Metrics) Finished(at time.Time, f *replica.Finished) {
	h := f.Block.Header()
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &m.pushed
	p.inclusions.add(f.Waited)
	if x := p.heardOf(h.Epoch, h.View, f.Block.ID()); x != nil {
		m.observe(finality, at.Sub(x.at))
	}
	if p.proposer.epoch == h.Epoch && p.proposer.index != h.Proposer {
		p.leaderChanges++
	}
	p.proposer.epoch, p.proposer.index = h.Epoch, h.Proposer
	txs := f.Block.Transactions()
	for i := range txs {
		if t := &txs[i]; t.Kernel() && len(t.Payload) > 0 {
			p.commanded(t, f.Results[i].Code)
		}
	}
}

// commanded counts a command of governance. Other transactions of the kernel are evidence, which events tell of.
func (p *pushed) commanded(t *quoin.Transaction, code uint32) {
	kind := governance.Kind(t.Payload[0])
	if kind >= governance.KindReserved {
		return
	}
	if code != 0 {
		p.commands[[2]string{kind.String(), "refused"}]++
		return
	}
	p.commands[[2]string{kind.String(), "done"}]++
	if own := t.Sender == p.self; own && kind == governance.KindReport {
		p.reports["shadow"]++
	} else if own && kind == governance.KindHealth {
		p.reports["health"]++
	}
}

// Synced implements node.Observer.
func (m *Metrics) Synced(f node.File, took time.Duration) { m.observe(fsync, took, string(f)) }

// Compiled implements node.Observer.
func (m *Metrics) Compiled(release quoin.Hash, took time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.pushed.compileFailures++
		return
	}
	m.pushed.plugins.compiledIn(release, took)
}

// Described implements node.Observer.
func (m *Metrics) Described(s *node.Status) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &m.pushed
	p.self = s.Key
	if c := &s.Configuration; c.Epoch != p.epoch {
		p.epoch, p.names = c.Epoch, nil
		for _, v := range c.Validators.All() {
			p.names = append(p.names, v.Name)
		}
		p.swept = time.Time{}
	}
	p.changed(s.Serving)
	p.plugins.propose(s.Open)
	if s.At.Sub(p.swept) >= sweepEvery {
		p.swept = s.At
		for _, gone := range p.plugins.sweep(s.At, s.Configuration.Bindings) {
			m.histograms[callTime].DeleteLabelValues(gone.slot, gone.release)
		}
		if len(p.fallbacks) > slotsMax/2 {
			maps.DeleteFunc(p.fallbacks, func(slot string, _ uint64) bool {
				_, serves := p.serving[slot]
				return !serves && slot != other
			})
		}
	}
}

// changed counts what serves since another line of a slot's history than before.
func (p *pushed) changed(serving []replica.Standing) {
	now := make(map[string]governance.HistoryNumber, len(serving))
	for i := range serving {
		s := &serving[i]
		before, known := p.serving[s.Slot]
		if known && s.Number > before {
			p.changes[s.Cause.String()]++
		}
		now[s.Slot] = s.Number
	}
	p.serving = now
}
