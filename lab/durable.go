package lab

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/replica"
)

// durable checks I2: what was reported is there after every crash, and so are the bodies of the blocks
// that a replica voted for, until they are certified here, and of those below them, until they are
// certified anywhere (KERNEL K3). And K3 itself: a replica that comes back knows its own votes.
type durable struct {
	blind
	w       *world
	voted   map[*node][]vote
	ballots map[*node][]ballot
	top     vote // the highest block that is certified anywhere
}

// ballot is a vote that a replica has sent.
type ballot struct {
	epoch quoin.Epoch
	view  quoin.View
	kind  string
}

// vote is a Notarize vote of a replica, for a block that may not be certified.
type vote struct {
	epoch quoin.Epoch
	view  quoin.View
	block quoin.Hash
}

func (d *durable) sent(n *node, m *message) {
	switch x := m.consensus.(type) {
	case *simplex.Notarize:
		d.voted[n] = append(d.voted[n], vote{m.epoch, x.View, x.Block})
		d.cast(n, ballot{m.epoch, x.View, x.Kind()})
	case *simplex.Nullify:
		d.cast(n, ballot{m.epoch, x.View, x.Kind()})
	case *simplex.Finalize:
		d.cast(n, ballot{m.epoch, x.Checkpoint.View, x.Kind()})
	case *simplex.Certificate:
		d.certified(m.epoch, x.Checkpoint.View)
	}
}

func (d *durable) finished(n *node, f *replica.Finished) {
	c := &f.Checkpoint
	d.certified(c.Epoch, c.View)
	over := func(e quoin.Epoch, v quoin.View) bool { return e < c.Epoch || e == c.Epoch && v <= c.View }
	d.voted[n] = slices.DeleteFunc(d.voted[n], func(v vote) bool { return over(v.epoch, v.view) })
	d.ballots[n] = slices.DeleteFunc(d.ballots[n], func(b ballot) bool { return over(b.epoch, b.view) })
}

func (d *durable) cast(n *node, b ballot) {
	if !slices.Contains(d.ballots[n], b) {
		d.ballots[n] = append(d.ballots[n], b)
	}
}

func (d *durable) certified(e quoin.Epoch, v quoin.View) {
	if e > d.top.epoch || e == d.top.epoch && v > d.top.view {
		d.top = vote{epoch: e, view: v}
	}
}

func (d *durable) booted(n *node) {
	if n.lost || n.behaviour != None {
		return
	}
	d.bodies(n)
	d.votes(n)
	tip := n.replica.Overview().Tip
	if tip.Height < n.reported {
		d.w.broken("I2/durable", "%s comes back at height %d; it had reported %d", n.name, tip.Height, n.reported)
		return
	}
	if n.reported == 0 || d.w.chain.height() < n.reported {
		return
	}
	want := d.w.chain.at(n.reported)
	b, results, err := replica.ReadBlock(n.store, n.reported)
	if err != nil || b.ID() != want.Checkpoint.Block || len(results) != len(want.Results) {
		d.w.broken("I2/durable", "%s comes back with another block %d than it had reported: %v", n.name, n.reported, err)
	}
}

// bodies checks that a replica that comes back can still serve what it voted for. A certified block below
// that has voters of its own, who serve it.
func (d *durable) bodies(n *node) {
	o := n.replica.Overview()
	root := rootView(&o)
	// Its log may hold a certificate that nobody else has: it made it of votes, and did not send it yet.
	d.certified(o.Configuration.Epoch, o.Consensus.CertifiedView)
	for _, v := range d.voted[n] {
		for v.epoch == o.Configuration.Epoch && v.view > root {
			b, ok := n.machine.Block(v.block)
			if !ok {
				d.w.broken("I2/durable", "%s comes back at height %d without block %v of epoch %d view %d, which it voted for or upon", n.name, o.Tip.Height, v.block, v.epoch, v.view)
				return
			}
			if v.view, v.block = b.Header().ParentView, b.Header().Parent; v.epoch < d.top.epoch || v.view <= d.top.view {
				break
			}
		}
	}
}

// votes checks that a replica that comes back knows what it said of the views above its root.
func (d *durable) votes(n *node) {
	var known []ballot
	o := n.replica.Overview()
	for _, rec := range n.machine.Snapshot() {
		if !simplex.IsVote(rec) {
			continue
		}
		switch x, _ := simplex.Decode(rec[1:]); x := x.(type) {
		case *simplex.Notarize:
			known = append(known, ballot{o.Configuration.Epoch, x.View, x.Kind()})
		case *simplex.Nullify:
			known = append(known, ballot{o.Configuration.Epoch, x.View, x.Kind()})
		case *simplex.Finalize:
			known = append(known, ballot{o.Configuration.Epoch, x.Checkpoint.View, x.Kind()})
		}
	}
	for _, b := range d.ballots[n] {
		if b.epoch == o.Configuration.Epoch && b.view > rootView(&o) && !slices.Contains(known, b) {
			d.w.broken("K3/durable", "%s comes back at height %d and does not know of its %s of epoch %d view %d", n.name, o.Tip.Height, b.kind, b.epoch, b.view)
			return
		}
	}
}

// rootView is the view of the certified tip in the present epoch, whose views begin again.
func rootView(o *replica.Overview) quoin.View {
	if o.Tip.Epoch != o.Configuration.Epoch {
		return 0
	}
	return o.Tip.View
}
