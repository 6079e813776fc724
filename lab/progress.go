package lab

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
)

// progress checks I5 once the network is good: a transaction that all know is certified within
// 4(n + 1) views, and in the end everybody has everything.
type progress struct {
	blind
	w         *world
	epoch     quoin.Epoch // the highest view that an honest replica has entered
	view      quoin.View
	views     uint64 // how many were entered first by somebody
	probes    map[quoin.Hash]uint64
	probed    int
	settled   int // looks that found all at rest
	probesMax int
}

const (
	probesDefault = 4
	probeEvery    = 3 * second
	settleEvery   = second
	restMax       = 120 // looks
)

func newProgress(w *world) *progress {
	return &progress{w: w, probes: map[quoin.Hash]uint64{}, probesMax: probesDefault}
}

func (p *progress) event(n *node, e *replica.Event) {
	if e.Kind == replica.Halted {
		p.w.broken("I1", "%s halts: %s", n.name, e.Reason)
	}
	if e.Kind != replica.EnteredView || e.Epoch < p.epoch || e.Epoch == p.epoch && e.View <= p.view {
		return
	}
	p.epoch, p.view = e.Epoch, e.View
	p.views++
	p.w.result.Views = p.views
	limit := uint64(4 * (len(p.w.nodes) + 1))
	for id, since := range p.probes {
		if p.views > since+limit {
			p.w.broken("I5", "transaction %v has been known to all for more than %d views: %s", id, limit, p.w.state())
			return
		}
	}
}

func (p *progress) finished(n *node, f *replica.Finished) {
	for _, id := range f.IDs {
		delete(p.probes, id)
	}
}

func (p *progress) healed() {
	p.w.after(probeEvery, p.probe)
	p.w.after(settleEvery, p.look)
}

// probe gives a transaction to everybody. It is the one thing that an observer does, through the
// door that clients use, and the same for every world.
func (p *progress) probe() {
	w := p.w
	if p.probed == p.probesMax {
		return
	}
	p.probed++
	w.after(probeEvery, p.probe)
	var batch plugin.KVBatch
	batch.Put(fmt.Appendf(nil, "probe-%d", p.probed), canonical.AppendUint64(nil, p.views))
	t := quoin.Transaction{Salt: 1<<62 + uint64(p.probed), Expiry: w.chain.height() + 100, Namespace: "kv", Payload: batch.Payload()}
	for _, n := range w.nodes {
		n.deliver(replica.Submit{Transactions: []quoin.Transaction{t}})
	}
	p.probes[t.ID(w.origin.ID())] = p.views + 1 // the submission itself takes a moment
}

// look ends the load when the world has seen enough, and the world when all have come to rest.
func (p *progress) look() {
	w := p.w
	w.after(settleEvery, p.look)
	enough := uint64(w.chain.height()) >= w.o.Blocks && w.chain.transactions >= w.o.Transactions && uint64(w.chain.epoch) >= w.o.Epochs
	if !w.draining {
		if enough && p.probed == p.probesMax && w.governor.done() {
			w.draining = true
			w.trace.note(w.now, -1, "drains", "%s", "")
		}
		return
	}
	p.settled++
	if p.settled > restMax {
		w.broken("I5", "%d s after the last transaction the replicas have not all come to rest: %s", restMax, w.state())
		return
	}
	for _, n := range w.honest() {
		o := n.replica.Overview()
		if o.Pending > 0 || o.Tip.Height < w.chain.height() || o.Consensus.Diverged {
			return
		}
	}
	if len(p.probes) == 0 {
		w.stopped = true
	}
}
