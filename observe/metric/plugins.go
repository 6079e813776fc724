package metric

import (
	"encoding/hex"
	"maps"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/plugin"
)

const (
	usesMax     = 2 * quoin.BindingsMax // bindings that are told apart: what serves, and as many beside it
	compiledMax = 64                    // releases whose compiling is told apart
	usedFor     = 15 * time.Minute      // since the last call of what serves nowhere, until it is forgotten
	faultsMax   = 32                    // codes of faults that are told apart; hook has fewer, and the last stands for all others
)

// ReleaseLabel returns how a binding's release is called in labels: the first 12 hexadecimal digits of its
// digest, or builtin:NAME.
func ReleaseLabel(b *quoin.Binding) string {
	if b.Release.IsZero() {
		return "builtin:" + b.Builtin
	}
	return shortDigest(b.Release)
}

func shortDigest(h quoin.Hash) string { return hex.EncodeToString(h[:6]) }

func engineVersion() string { return strconv.Itoa(plugin.EngineVersion) }

// useKey names a binding without making a string of it: that is done for each call.
type useKey struct {
	hook, namespace, builtin string
	release                  quoin.Hash
}

// use is what is known of what serves, or ran beside, a slot under one label.
type use struct {
	slot, release               string
	calls, fuel                 uint64
	faults                      [faultsMax]uint64
	memory                      uint64 // the most, in bytes
	compared, diverged, faulted uint64 // beside what serves
	took                        prometheus.Observer
	busy                        bool      // since the last sweep
	at                          time.Time // of the last sweep that found it busy
}

// plugins is what is known of bindings. Those that have the same labels share what is known: whoever makes
// releases can make two with the same first digits.
type plugins struct {
	index    map[useKey]*use    // at most usesMax
	uses     map[[2]string]*use // by slot and release: at most usesMax, and one for all others
	proposed map[governance.ProposalNumber]quoin.Binding
	compiled map[string]time.Duration // by release: at most compiledMax
}

func newPlugins() plugins {
	return plugins{index: map[useKey]*use{}, uses: map[[2]string]*use{}, compiled: map[string]time.Duration{}}
}

func (p *plugins) copied() plugins {
	c := plugins{uses: make(map[[2]string]*use, len(p.uses)), compiled: maps.Clone(p.compiled)}
	for k, u := range p.uses {
		x := *u
		c.uses[k] = &x
	}
	return c
}

// use returns what is known of a binding.
func (p *plugins) use(b *quoin.Binding) *use {
	key := useKey{b.Hook, b.Namespace, b.Builtin, b.Release}
	if u := p.index[key]; u != nil {
		u.busy = true
		return u
	}
	labels := [2]string{other, other}
	if len(p.index) < usesMax {
		labels = [2]string{b.Slot(), ReleaseLabel(b)}
	}
	u := p.uses[labels]
	if u == nil {
		u = &use{slot: labels[0], release: labels[1]}
		p.uses[labels] = u
	}
	if len(p.index) < usesMax {
		p.index[key] = u
	}
	u.busy = true
	return u
}

// called counts a call, and returns whose it was.
func (p *plugins) called(c *node.Call) *use {
	u := p.use(&c.Binding)
	u.calls += uint64(c.Requests)
	u.fuel += c.Fuel
	u.memory = max(u.memory, c.Memory)
	switch {
	case c.Fault == hook.FaultNone:
	case c.Fault.Valid():
		u.faults[c.Fault]++
	default:
		u.faults[faultsMax-1]++
	}
	return u
}

// compared counts what a block's comparisons showed of what a proposal proposes.
func (p *plugins) compared(c *execution.Comparison) {
	b, ok := p.proposed[c.Proposal]
	if !ok {
		return // it is over, and its binding with it
	}
	u := p.use(&b)
	u.compared += c.Compared
	u.diverged += c.Diverged
	u.faulted += c.Faults
}

func (p *plugins) compiledIn(release quoin.Hash, took time.Duration) {
	if label := shortDigest(release); len(p.compiled) < compiledMax || p.compiled[label] != 0 {
		p.compiled[label] = took
	}
}

// propose takes over which proposals are open.
func (p *plugins) propose(open []governance.Proposal) {
	p.proposed = make(map[governance.ProposalNumber]quoin.Binding, len(open))
	for i := range open {
		if o := &open[i]; o.Binding.Hook != "" {
			p.proposed[o.Number] = o.Binding
		}
	}
}

// sweep forgets what neither serves nor is proposed and has not been called for a while, or, when room runs out,
// just now. It returns what it forgot.
func (p *plugins) sweep(now time.Time, serving []quoin.Binding) (forgotten []*use) {
	patience := usedFor
	if len(p.index) > usesMax/2 {
		patience = 0
	}
	kept := map[[2]string]bool{}
	releases := map[string]bool{}
	keep := func(b *quoin.Binding) {
		kept[[2]string{b.Slot(), ReleaseLabel(b)}] = true
		releases[ReleaseLabel(b)] = true
	}
	for i := range serving {
		keep(&serving[i])
	}
	for _, b := range p.proposed {
		keep(&b)
	}
	for labels, u := range p.uses {
		if u.busy {
			u.busy, u.at = false, now
		}
		if !kept[labels] && u.at != now && now.Sub(u.at) >= patience {
			forgotten = append(forgotten, u)
			delete(p.uses, labels)
			maps.DeleteFunc(p.index, func(_ useKey, x *use) bool { return x == u })
		}
	}
	if len(p.compiled) > compiledMax/2 {
		maps.DeleteFunc(p.compiled, func(release string, _ time.Duration) bool { return !releases[release] })
	}
	return forgotten
}

func (p *plugins) emit(e *emitter) {
	for _, u := range p.uses {
		e.count(calls, u.calls, u.slot, u.release)
		e.count(fuel, u.fuel, u.slot, u.release)
		if u.memory > 0 {
			e.count(memory, u.memory, u.slot, u.release)
		}
		for code, n := range u.faults {
			if n > 0 {
				e.count(faults, n, u.slot, u.release, hook.Fault(code).String())
			}
		}
		if u.compared > 0 {
			e.count(shadowCompared, u.compared, u.slot, u.release)
			e.count(shadowDiverged, u.diverged, u.slot, u.release)
			e.count(shadowFaults, u.faulted, u.slot, u.release)
		}
	}
	for release, took := range p.compiled {
		e.set(compileTime, took.Seconds(), release)
	}
}
