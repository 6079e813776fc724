package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"syscall"
	"time"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// A probe is a guest that does one thing over and over: a loop of copies of a unit of code. Its
// baseline does the same without the thing; what remains between the two is the thing's.
type probe struct {
	name     string // what the row says
	of       string // the line of the schedule that it measures
	pages    uint32 // of memory; 0: 1
	least    uint32 // of them at the start; 0: all
	more     func(m *Module)
	imports  []Imported // numbered from 2
	locals   []byte     // numbered from 1; local 0 is what is left of the loop
	setup    []byte     // before the loop
	head     []byte     // of each time round
	unit     []byte
	baseline []byte
	tail     []byte
	copies   int    // of the unit in the loop; 0: 64
	times    uint64 // to go round; 0: for some hundred microseconds
	whole    int    // at least so many units together, as far as the fuel reaches: a walk through all of a memory
	fuel     int    // of the thing, where the baseline has something else in its place; 0: the difference
	state    plugin.State
	settles  bool // the end of the block belongs to what is measured
}

// spare is where the guest reads its request and writes its response: below it the memory is
// free up to spare, and above it from spareEnd.
const (
	spare    = 512
	spareEnd = 1024
)

// module builds the probe's guest around a unit.
func (p *probe) module(unit []byte) []byte {
	least := p.least
	if least == 0 {
		least = max(1, p.pages)
	}
	m := Guest(least, append([]Imported{Input, Output}, p.imports...)...)
	if p.more != nil {
		p.more(m)
	}
	m.Func(hook.Apply.Name, nil, Types(I32), append(Types(I32), p.locals...),
		I32Const(spare), I32Const(spareEnd-spare), Call(0), Op(0x1a), I32Const(height), I32Load(0), LocalSet(0),
		p.setup,
		Loop(0x40, p.head, bytes.Repeat(unit, p.count()), p.tail, LocalGet(0), I32Const(1), i32Sub, LocalTee(0), BrIf(0)),
		I32Const(spare), I64Const(0), I64Store(0), I32Const(spare), I32Const(8), Call(1), I32Const(0))
	m.Func(hook.Query.Name, nil, Types(I32), nil, I32Const(0))
	return m.Bytes()
}

func (p *probe) count() int {
	if p.copies == 0 {
		return 64
	}
	return p.copies
}

// Places in the request: how often to go round, and a number that differs each time.
const (
	height = spare + 16
	moment = spare + 24
)

// everything is what a measured guest may do.
var everything = []string{hook.CapabilityBeacon, hook.CapabilityEvents, hook.CapabilityForeign + "another", hook.CapabilityHistory,
	hook.CapabilityProof, hook.CapabilityState}

// cost is what one thing takes.
type cost struct{ ns, fuel float64 }

// measure runs the probe and its baseline in turns and compares the fastest of the rounds.
func (p *probe) measure(ctx context.Context, rounds int) (c cost, err error) {
	var g [2]*guest
	for i, unit := range [][]byte{p.unit, p.baseline} {
		m := &plugin.Manifest{Capabilities: everything, PagesMax: max(1, p.pages)}
		if g[i], err = newGuest(p.module(unit), m); err != nil {
			return c, fmt.Errorf("%s: %w", p.name, err)
		}
		defer g[i].close()
		if p.state != nil {
			g[i].state = p.state
		}
	}
	times, err := p.calibrate(g[0])
	if err != nil {
		return c, fmt.Errorf("%s: %w", p.name, err)
	}
	var fuel [2]float64
	best := [2]float64{math.Inf(1), math.Inf(1)}
	for range rounds {
		for i := range g {
			if err := ctx.Err(); err != nil {
				return c, err
			}
			g[i].time += 7_919 // a probe may start elsewhere each time
			begin := p.clock()
			r, err := g[i].apply(times)
			if err == nil && p.settles {
				err = g[i].state.(*chain).settle()
			}
			best[i] = min(best[i], float64((p.clock() - begin).Nanoseconds()))
			if err != nil {
				return c, fmt.Errorf("%s: %w", p.name, err)
			}
			fuel[i] = float64(r.Fuel)
		}
	}
	n := float64(times) * float64(p.count())
	c = cost{max(0, best[0]-best[1]) / n, (fuel[0] - fuel[1]) / n}
	if p.fuel > 0 {
		c.fuel = float64(p.fuel)
	}
	return c, nil
}

var epoch = time.Now()

// clock is the time, or, for what takes long enough to be interrupted, that which the process
// has had of the processors.
func (p *probe) clock() time.Duration {
	if !p.settles {
		return time.Since(epoch)
	}
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return time.Since(epoch)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// calibrate finds how often to go round for some hundred microseconds, within the fuel.
func (p *probe) calibrate(g *guest) (times uint64, err error) {
	if p.times > 0 {
		return p.times, nil
	}
	for times = 1; ; times *= 2 {
		begin := time.Now()
		r, err := g.apply(times)
		took := time.Since(begin)
		if err != nil {
			return 0, err
		}
		if p.whole > 0 && int(times)*p.count() < p.whole && r.Fuel < plugin.FuelMax/3 {
			continue
		}
		if took > 200*time.Microsecond || p.whole > 0 || r.Fuel > plugin.FuelMax/3 || times > 1<<20 {
			return times, nil
		}
	}
}
