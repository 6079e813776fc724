package execution

import (
	"maps"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
)

// Advance makes o, which must stand on the tip, the certified tip. The caller has committed its
// overlay and segment.
func (x *Executor) Advance(o *Outcome) {
	h := o.Block.Header()
	if !o.Tail() {
		x.c.Marks.Always(&marks[markStateAgrees], o.Checkpoint.Height == x.tip.Checkpoint.Height+1)
		x.tip.Checkpoint = o.Checkpoint
		if x.flaws.ShortMemory {
			x.tip.Seen.window = shortMemory
		}
		x.tip.Seen.Add(h.Height, o.IDs)
		x.tip.Headers = append(x.tip.Headers, *h)
		if n := len(x.tip.Headers); n > 2*leaderWindow {
			x.tip.Headers = append([]quoin.Header(nil), x.tip.Headers[n-leaderWindow:]...)
		}
		if o.Next != nil {
			x.tip.Configuration = *o.Next
			if !x.flaws.OldWindow {
				x.tip.Headers = nil
			}
			x.tip.Seed = nextSeed(x.tip.Seed, o.Block.ID())
			x.tip.Seen.window = o.Next.Parameters.ExpiryWindowHeights
		}
	}
	x.forget(o)
}

// forget drops what does not descend from the new tip.
func (x *Executor) forget(tip *Outcome) {
	dead := func(o *Outcome) bool {
		for ; o != nil; o = o.parent {
			if o == tip {
				return false
			}
		}
		return true
	}
	maps.DeleteFunc(x.parents, func(_ quoin.Hash, o *Outcome) bool {
		if o == tip {
			return true
		}
		drop := dead(o)
		x.c.Marks.Sometimes(&marks[markSiblingsDropped], drop)
		return drop
	})
	maps.DeleteFunc(x.parents, func(_ quoin.Hash, o *Outcome) bool {
		if o.parent == tip && !tip.Last {
			o.parent = nil
		}
		return false
	})
	maps.DeleteFunc(x.leads, func(k leadKey, _ Lead) bool { return tip.Last || k.view <= tip.Block.Header().View })
}

// drop removes an outcome and all that stand on it.
func (x *Executor) drop(dead *Outcome) {
	maps.DeleteFunc(x.parents, func(_ quoin.Hash, o *Outcome) bool {
		for ; o != nil; o = o.parent {
			if o == dead {
				return true
			}
		}
		return false
	})
}

// Seed returns the leader seed of the epoch of the next block.
func (x *Executor) Seed() quoin.Hash { return x.tip.Seed }

// Has reports whether a transaction stands in o or its uncertified ancestors; o may be nil.
func (x *Executor) Has(o *Outcome, id quoin.Hash) bool { return o.has(id) }

// Suspended reports whether a namespace is suspended in the state after o, or the certified state if
// o is nil. What cannot be read counts as not suspended: execution will tell.
func (x *Executor) Suspended(o *Outcome, namespace string) bool {
	get := x.c.State.Get
	if o != nil {
		get = o.overlay.Get
	}
	_, ok, err := get(quoin.KernelNamespace, governance.SuspendedKey(namespace))
	return ok && err == nil
}
