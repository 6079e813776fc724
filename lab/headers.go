package lab

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/replica"
)

// headers checks what KERNEL says of the headers of certified blocks: that the chain's time runs, and
// not ahead of the clocks of honest replicas (K4), and that rescue views have the leaders that they
// must have (K5).
type headers struct {
	blind
	w    *world
	next quoin.Height
	time quoin.Time // of the block before
}

func newHeaders(w *world) *headers { return &headers{w: w, next: 1, time: startTime} }

func (x *headers) finished(n *node, f *replica.Finished) {
	h := f.Block.Header()
	if f.Checkpoint.Height != x.next {
		return
	}
	w, c := x.w, n.replica.Overview().Configuration
	if latest := max(x.time+1, x.clock()+quoin.Time(c.Parameters.DriftMS)); x.next > 1 && (h.Time <= x.time || h.Time > latest) {
		w.broken("K4/headers", "height %d has the time %d; want more than %d, which the block before has, and at most %d", h.Height, h.Time, x.time, latest)
	}
	if v := uint64(h.View); v%4 == 0 && c.Epoch == h.Epoch && uint64(h.Proposer) != v/4%uint64(c.Validators.Len()) {
		w.broken("K5/headers", "height %d of the rescue view %d is by validator %d", h.Height, h.View, h.Proposer)
	}
	x.next, x.time = x.next+1, h.Time
}

// clock is the latest clock of an honest replica.
func (x *headers) clock() quoin.Time {
	latest := quoin.Time(0)
	for _, n := range x.w.honest() {
		latest = max(latest, n.clock())
	}
	return latest
}
