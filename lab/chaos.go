package lab

import "quoin.dev/quoin/lab/events"

// chaos does to the world what the scenario says, until the world heals.
type chaos struct {
	w      *world
	rand   random
	faults []*fault // in force, in the order in which they began
	off    bool     // a test does it
}

// fault is an act that is in force.
type fault struct {
	act    *Act
	flight uint64 // names it in the event log
	paused bool   // of a flapping link: it works
}

const (
	healLooks = 250_000 // microseconds between two looks whether the world may heal
	flapMinUS = 10_000
)

func (c *chaos) init(w *world) { *c = chaos{w: w, rand: stream(w.o.Seed, "chaos")} }

func (c *chaos) start() {
	w := c.w
	if c.off {
		return
	}
	for i := range w.scenario.Acts {
		a := &w.scenario.Acts[i]
		w.after(a.AtUS, func() { c.begin(a) })
	}
	w.after(w.scenario.heal().FromUS, c.look)
}

// look heals the world when it is time.
func (c *chaos) look() {
	w := c.w
	switch {
	case w.healed:
	case w.now >= w.scenario.heal().ToUS || c.enough():
		c.heal()
	default:
		w.after(healLooks, c.look)
	}
}

// enough reports whether the world has seen nine tenths of what it is to see, and no crash is still
// to come.
func (c *chaos) enough() bool {
	w := c.w
	for _, n := range w.nodes {
		if n.doom.set {
			return false
		}
	}
	return uint64(w.chain.height()) >= w.o.Blocks*9/10 && w.chain.transactions >= w.o.Transactions*9/10 && uint64(w.chain.epoch) >= w.o.Epochs &&
		w.governor.done()
}

// begin does what an act says. What governance does, the governor knows.
func (c *chaos) begin(a *Act) {
	w := c.w
	if w.healed || a.Kind.governs() {
		return
	}
	switch a.Kind {
	case Crash:
		for _, node := range a.Nodes {
			c.crash(w.nodes[node], a)
		}
		return
	case BitRot:
		for _, node := range a.Nodes {
			w.nodes[node].rots(a)
		}
		return
	}
	f := &fault{act: a, flight: w.trace.fly()}
	f.log(w, events.Fault)
	w.result.Faults.count(a, len(w.nodes))
	switch a.Kind {
	case Jump:
		c.jump(a, a.ShiftMS)
		c.later(a.ForUS, func() { c.jump(a, -a.ShiftMS); f.log(w, events.Healed) })
	default:
		c.faults = append(c.faults, f)
		c.apply()
		c.later(a.ForUS, func() { c.end(f) })
		if a.Kind == Flap {
			c.flap(f)
		}
	}
}

// log notes the beginning or the end of a fault.
func (f *fault) log(w *world, verb events.Verb) {
	w.trace.keep(&line{Event: events.Event{AtUS: w.now, Node: events.World, Verb: verb, Kind: string(f.act.Kind), Flight: f.flight}, text: "%v", args: []any{f.act}})
}

// later does something when a fault ends by itself, if the world has not healed by then.
func (c *chaos) later(us uint64, do func()) {
	if us > 0 {
		c.w.after(us, func() {
			if !c.w.healed {
				do()
			}
		})
	}
}

// end takes a fault out of force.
func (c *chaos) end(f *fault) {
	for i, x := range c.faults {
		if x == f {
			c.faults = append(c.faults[:i:i], c.faults[i+1:]...)
			f.log(c.w, events.Healed)
			f.act = nil
			c.apply()
			return
		}
	}
}

// flap turns a cut into none and back.
func (c *chaos) flap(f *fault) {
	c.later(f.act.EveryUS, func() {
		if f.act != nil {
			f.paused = !f.paused
			c.apply()
			c.flap(f)
		}
	})
}

// cuts reports whether the fault swallows messages now.
func (f *fault) cuts() bool {
	return f.act.Kind == Cut || f.act.Kind == OneWay || f.act.Kind == Flap && !f.paused
}

// apply makes the world what the faults in force make of it.
func (c *chaos) apply() {
	c.w.network.shape(c.faults)
	for _, n := range c.w.nodes {
		n.slowness = slowness{1, 1}
	}
	for _, f := range c.faults {
		for _, node := range f.act.Nodes {
			s := &c.w.nodes[node].slowness
			switch f.act.Kind {
			case SlowNode:
				s.processor = max(s.processor, f.act.Factor)
			case SlowDisk:
				s.disk = max(s.disk, f.act.Factor)
			}
		}
	}
}

// jump puts clocks forward or back.
func (c *chaos) jump(a *Act, ms int64) {
	for _, node := range a.Nodes {
		c.w.nodes[node].jumpMS += ms
	}
}

// crash plans the end of a node that is up, at one of its next demands or disk operations, and its
// return.
func (c *chaos) crash(n *node, a *Act) {
	if !n.up() || n.doom.set {
		return
	}
	n.doom = doom{set: true, demands: a.Demands, kill: a.Crash == Kill}
	if a.Crash == Torn {
		n.fs.CutPowerAfter(int(c.rand.below(12)))
		n.doom.demands += 200
	}
	c.w.trace.note(c.w.now, n.index, events.Noted, "doomed", "%s, after %d demands", a.Crash, n.doom.demands)
	if a.ForUS > 0 {
		n.comeBack(a.ForUS)
	}
}

// comeBack restarts the node some time after it went down.
func (n *node) comeBack(microseconds uint64) {
	n.w.after(microseconds, func() {
		switch {
		case n.w.healed:
		case n.up() && n.doom.set:
			n.comeBack(microseconds) // it has still not crashed
		default:
			n.restart()
		}
	})
}

// heal ends all adversity but that of faulty validators: the network is a good one, what is down comes
// back, clocks that were put forward or back are put right.
func (c *chaos) heal() {
	w := c.w
	w.healed = true
	w.network.heal()
	c.faults = nil
	c.apply()
	w.trace.note(w.now, events.World, events.Healed, "", "the network is a good one from now on")
	for _, n := range w.nodes {
		n.doom, n.jumpMS = doom{}, 0
		n.fs.CutPowerAfter(-1)
		n.restart()
	}
	w.after(probeEvery, w.clients.probe)
	w.after(settleEvery, func() { w.settle(0) })
}
