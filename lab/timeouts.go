package lab

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/replica"
)

// timeouts checks KERNEL K4: at every time-out of a view a replica says, or says again, that it gives the
// view up. Worlds with load come through without it, as other messages bring the news, so that I5 does
// not show whether it holds.
type timeouts struct {
	blind
	w    *world
	said map[*node][]nullified // in its latest turn, which may give up several views
}

type nullified struct {
	epoch quoin.Epoch
	view  quoin.View
	at    uint64
}

func (x *timeouts) sent(n *node, m *message) {
	if y, ok := m.consensus.(*simplex.Nullify); ok {
		said := x.said[n]
		if len(said) > 0 && said[0].at != x.w.now {
			said = said[:0]
		}
		x.said[n] = append(said, nullified{m.epoch, y.View, x.w.now})
	}
}

func (x *timeouts) event(n *node, e *replica.Event) {
	if e.Kind != replica.ViewTimedOut || n.replica.Overview().Self < 0 {
		return
	}
	if !slices.Contains(x.said[n], nullified{e.Epoch, e.View, x.w.now}) {
		x.w.broken("K4/timeouts", "view %d of epoch %d has timed out at %s, which does not say so", e.View, e.Epoch, n.name)
	}
}
