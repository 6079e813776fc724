package lab

import (
	"bytes"

	"quoin.dev/quoin/replica"
)

// network carries messages between regions. Links keep their order, as streams do, unless the world
// says otherwise.
type network struct {
	w    *world
	rand random

	loss, duplicates, reorder, spikes uint64 // of a thousand messages
	jitter                            uint64 // at most so many thousandths of a delay

	cut     map[link]bool                         // links that swallow everything
	filter  func(from, to *node, m *message) bool // what a scenario lets through; nil for all
	arrival map[link]uint64                       // of the last message that kept its order
}

// link is one direction between two nodes.
type link struct{ from, to int }

func (t *network) init(w *world) {
	*t = network{w: w, rand: stream(w.o.Seed, "network"), cut: map[link]bool{}, arrival: map[link]uint64{}}
	t.jitter = t.rand.between(20, 400)
	if t.rand.chance(700) {
		t.loss = t.rand.between(1, 60)
	} else {
		t.loss = 2
	}
	t.duplicates = t.rand.below(40)
	t.reorder = t.rand.below(100)
	t.spikes = t.rand.below(10)
}

// heal makes the network a good one.
func (t *network) heal() {
	t.loss, t.duplicates, t.reorder, t.spikes = 0, 0, 0, 0
	clear(t.cut)
}

// carry brings a message from one node to another, or not, or twice.
func (t *network) carry(from, to *node, m *message) {
	w, f := t.w, &t.w.result.Faults
	l := link{from.index, to.index}
	if t.cut[l] || t.filter != nil && !t.filter(from, to, m) {
		f.Cut++
		w.trace.lost(to, m, "the link is cut")
		return
	}
	copies := 1
	if t.rand.chance(t.duplicates) {
		f.Duplicated++
		copies++
	}
	for range copies {
		if t.rand.chance(t.loss) {
			f.Lost++
			w.trace.lost(to, m, "dropped")
			continue
		}
		base := delay(from.region, to.region)
		at := w.now + base + t.rand.below(base*t.jitter/1_000+50)
		if t.rand.chance(t.spikes) {
			f.Spikes++
			at += base * t.rand.between(2, 20)
		}
		switch {
		case at >= t.arrival[l]:
			t.arrival[l] = at
		case t.rand.chance(t.reorder):
			f.Reordered++
		default:
			at = t.arrival[l]
		}
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
