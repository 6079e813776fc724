package lab

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/replica"
)

// reports follows when those who ask for reported finality are told of each transaction: once the block's
// delay is over, which finality.v1 chose. They ask the replica that reports the block certified first.
//
// A rule that holds back long must not look fast because the world ends before: the load goes on until all
// is told that was certified when the world had seen enough, and of later transactions none is counted.
type reports struct {
	blind
	w      *world
	held   []*heldBlock // ascending by height
	last   quoin.Height // the highest that counts, once sealed
	sealed bool
}

// heldBlock is a certified block of which those who ask are not told yet.
type heldBlock struct {
	height, until quoin.Height // until is 0 where only time counts
	made          []uint64     // when its transactions were submitted first
}

// finished comes before the certified chain and the clients learn of the block.
func (r *reports) finished(n *node, f *replica.Finished) {
	h := f.Checkpoint.Height
	if h != r.w.chain.height()+1 {
		return
	}
	for len(r.held) > 0 {
		i := slices.IndexFunc(r.held, func(b *heldBlock) bool { return b.until > 0 && b.until <= h })
		if i < 0 {
			break
		}
		r.tell(r.held[i])
	}
	b := &heldBlock{height: h}
	for _, id := range f.IDs {
		if place, ok := r.w.clients.waiting[id]; ok {
			b.made = append(b.made, r.w.clients.made[place])
		}
	}
	r.held = append(r.held, b)
	if f.Delay.Blocks > 0 {
		b.until = h + quoin.Height(f.Delay.Blocks)
	}
	due := f.Checkpoint.Time + quoin.Time(f.Delay.Milliseconds)
	if now := n.clock(); f.Delay.Milliseconds > 0 && due > now {
		r.w.after(uint64(due-now)*1_000, func() { r.tell(b) })
		return
	}
	r.tell(b)
}

// tell tells of a block, if that has not been done.
func (r *reports) tell(b *heldBlock) {
	i := slices.Index(r.held, b)
	if i < 0 {
		return
	}
	r.held = slices.Delete(r.held, i, i+1)
	if r.sealed && b.height > r.last {
		return
	}
	for _, made := range b.made {
		r.w.result.Reported = append(r.w.result.Reported, r.w.now-made)
	}
}

// through says that the world has seen enough, and reports whether all is told that counts.
func (r *reports) through() bool {
	if r == nil {
		return true
	}
	if !r.sealed {
		r.sealed, r.last = true, r.w.chain.height()
	}
	return len(r.held) == 0 || r.held[0].height > r.last
}
