package lab

import "quoin.dev/quoin/lab/events"

// chaos plans the adversity of a world: it crashes and restarts nodes and cuts links, until the
// world heals.
type chaos struct {
	w    *world
	rand random

	crashes    uint64 // of a thousand ticks
	partitions uint64
	acts       int  // so far; the first ones are one of each kind
	off        bool // a scenario does it
}

const chaosTick = 250_000 // microseconds between acts

func (c *chaos) init(w *world) {
	*c = chaos{w: w, rand: stream(w.o.Seed, "chaos")}
	c.crashes = c.rand.between(2, 30)
	c.partitions = c.rand.between(2, 30)
	if w.o.Plant != "" {
		c.crashes, c.partitions = 60, 40 // planted bugs need adversity to show
	}
}

func (c *chaos) start() {
	if !c.off {
		c.w.after(3*second, c.tick)
	}
}

func (c *chaos) tick() {
	w := c.w
	if w.healed {
		return
	}
	if c.enough() || w.now >= chaosMax {
		c.heal()
		return
	}
	w.after(chaosTick, c.tick)
	// One of each kind comes for certain, the rest as it happens.
	if int(w.now/second)/4 > c.acts {
		switch c.acts {
		case 0:
			c.crash(crashPower)
		case 1:
			c.partition()
		case 2:
			c.crash(crashKill)
		case 3:
			c.oneWay()
		case 4:
			c.crash(crashTorn)
		}
		c.acts++
	}
	if c.rand.chance(c.crashes) {
		c.crash(crashKind(c.rand.below(uint64(crashKinds))))
	}
	if c.rand.chance(c.partitions) {
		if c.rand.chance(500) {
			c.partition()
		} else {
			c.oneWay()
		}
	}
}

// enough reports whether the world has seen nine tenths of what it is to see, and every kind of
// adversity.
func (c *chaos) enough() bool {
	w, f := c.w, &c.w.result.Faults
	return uint64(w.chain.height()) >= w.o.Blocks*9/10 && w.chain.transactions >= w.o.Transactions*9/10 && uint64(w.chain.epoch) >= w.o.Epochs &&
		w.governor.done() && c.acts >= 5 && f.Restarts > 0
}

type crashKind uint8

const (
	crashPower crashKind = iota
	crashKill
	crashTorn
	crashAll // the power of every node at once
	crashKinds
)

func (k crashKind) String() string { return [...]string{"power-cut", "kill", "torn-write", "all"}[k] }

// crash plans the end of some node, at one of its next demands or disk operations, and its return.
func (c *chaos) crash(kind crashKind) {
	w := c.w
	if kind == crashAll && c.rand.chance(700) {
		kind = crashPower
	}
	victims := []*node{w.nodes[c.rand.index(len(w.nodes))]}
	if kind == crashAll {
		victims = w.nodes
	}
	for _, n := range victims {
		if !n.up() || n.doom.set {
			continue
		}
		if kind == crashTorn {
			n.fs.CutPowerAfter(int(c.rand.below(12)))
		}
		n.doom = doom{set: true, demands: c.rand.below(60), kill: kind == crashKill}
		if kind == crashTorn {
			n.doom.demands += 200
		}
		w.trace.note(w.now, n.index, events.Noted, "doomed", "%s, after %d demands", kind, n.doom.demands)
		n.comeBack(c.rand.between(second/2, 8*second))
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

// partition cuts the nodes into two groups, for a while.
func (c *chaos) partition() {
	w := c.w
	w.result.Faults.Partitions++
	side := make([]bool, len(w.nodes))
	for i := range side {
		side[i] = c.rand.chance(500)
	}
	var links []link
	for i := range side {
		for j := range side {
			if side[i] != side[j] {
				links = append(links, link{i, j})
			}
		}
	}
	c.cut("partition", links)
}

// oneWay cuts what some node sends, or what it hears, or one link.
func (c *chaos) oneWay() {
	w := c.w
	w.result.Faults.OneWayCuts++
	a, kind := c.rand.index(len(w.nodes)), c.rand.below(3)
	var links []link
	for b := range w.nodes {
		switch {
		case b == a:
		case kind == 0:
			links = append(links, link{a, b})
		case kind == 1:
			links = append(links, link{b, a})
		case len(links) == 0:
			links = append(links, link{a, b})
		}
	}
	c.cut("one-way-cut", links)
}

func (c *chaos) cut(kind string, links []link) {
	w, flight := c.w, c.w.trace.fly()
	w.trace.keep(&line{Event: events.Event{AtUS: w.now, Node: events.World, Verb: events.Fault, Kind: kind, Flight: flight}, text: "%v", args: []any{links}})
	for _, l := range links {
		w.network.cut[l] = true
	}
	w.after(c.rand.between(second/2, 10*second), func() {
		for _, l := range links {
			delete(w.network.cut, l)
		}
		w.trace.keep(&line{Event: events.Event{AtUS: w.now, Node: events.World, Verb: events.Healed, Kind: kind, Flight: flight}})
	})
}

// heal ends all adversity but that of the faulty validator.
func (c *chaos) heal() {
	w := c.w
	w.healed = true
	w.network.heal()
	w.trace.note(w.now, events.World, events.Healed, "", "the network is a good one from now on")
	for _, n := range w.nodes {
		n.doom = doom{}
		n.fs.CutPowerAfter(-1)
		n.restart()
	}
	w.after(probeEvery, w.clients.probe)
	w.after(settleEvery, func() { w.settle(0) })
}
