package lab

import (
	"bytes"

	"quoin.dev/quoin/replica"
)

// network carries messages between nodes.
type network struct {
	w      *world
	rand   random
	now    Network                               // its present quality
	links  []link                                // by sender and receiver
	filter func(from, to *node, m *message) bool // what a test lets through; nil for all
}

func (t *network) init(w *world) {
	n := len(w.nodes)
	*t = network{w: w, rand: stream(w.o.Seed, "network"), now: w.scenario.Network, links: make([]link, n*n)}
	for i, x := range w.nodes {
		if r := t.now.Regions; len(r) > 0 {
			x.region = r[i%len(r)]
		}
	}
}

// heal makes the network a good one.
func (t *network) heal() {
	t.now.Loss, t.now.Duplicate, t.now.Reorder, t.now.Spikes, t.now.Bandwidth = 0, 0, 0, 0, 0
}

func (t *network) link(from, to int) *link { return &t.links[from*len(t.w.nodes)+to] }

// shape gives every link its quality: the network's, what differs for good, and what the faults in force
// do to it. In a good network nothing differs.
func (t *network) shape(faults []*fault) {
	w := t.w
	for _, from := range w.nodes {
		for _, to := range w.nodes {
			l := t.link(from.index, to.index)
			l.delayUS, l.loss, l.bandwidth, l.cut = delay(from.region, to.region), t.now.Loss, t.now.Bandwidth, false
			if t.now.Kind == Fixed {
				l.delayUS = t.now.DelayUS
			}
		}
	}
	if w.healed {
		return
	}
	for i := range w.scenario.Links {
		t.change(&w.scenario.Links[i])
	}
	for _, f := range faults {
		switch a := f.act; {
		case a.Kind == Degrade:
			t.change(&a.Link)
		case f.cuts():
			t.cut(a.Nodes, a.Others)
			if a.Kind != OneWay {
				t.cut(a.Others, a.Nodes)
			}
		}
	}
}

func (t *network) change(c *LinkChange) {
	for _, from := range c.From {
		for _, to := range c.To {
			t.link(from, to).change(c)
			if c.Both {
				t.link(to, from).change(c)
			}
		}
	}
}

func (t *network) cut(from, to []int) {
	for _, a := range from {
		for _, b := range to {
			t.link(a, b).cut = true
		}
	}
}

// carry brings a message from one node to another, or not, or twice.
func (t *network) carry(from, to *node, m *message) {
	w, f := t.w, &t.w.result.Faults
	l := t.link(from.index, to.index)
	if l.cut || t.filter != nil && !t.filter(from, to, m) {
		f.Cut++
		w.trace.lost(to, m, "the link is cut")
		return
	}
	copies := 1
	if t.rand.chance(t.now.Duplicate) {
		f.Duplicated++
		copies++
	}
	for range copies {
		if t.rand.chance(l.loss) {
			f.Lost++
			w.trace.lost(to, m, "dropped")
			continue
		}
		left, ok := l.leave(w.now, uint64(len(m.bytes)))
		if !ok {
			f.Overflowed++
			w.trace.lost(to, m, "the link is full")
			continue
		}
		at := left + l.delayUS + t.rand.below(l.delayUS*t.now.Jitter/1_000+50)
		if t.rand.chance(t.now.Spikes) {
			f.Spikes++
			at += l.delayUS * t.rand.between(2, 20)
		}
		at = l.arrive(at, t.overtakes)
		w.queue.add(at, func() {
			if !to.up() {
				w.trace.lost(to, m, "nobody is there")
				return
			}
			w.result.Messages++
			w.trace.received(from, to, m)
			to.deliver(replica.Message{From: from.key, Bytes: bytes.Clone(m.bytes)})
		})
	}
}

// overtakes decides whether a message overtakes the one before it.
func (t *network) overtakes() bool {
	if !t.rand.chance(t.now.Reorder) {
		return false
	}
	t.w.result.Faults.Reordered++
	return true
}
