package node

import (
	"time"

	"quoin.dev/quoin"
)

// Lab is what a laboratory does to the world of a node. The zero Lab is production's: only
// `quoin lab node` sets anything else, and it refuses every network but the laboratory's own; and
// Config.Faults, which networks must have allowed in their genesis.
type Lab struct {
	// Clock is what the node takes for the time of day; nil: time.Now. Timers do not follow it, as they
	// do not follow a clock that somebody sets.
	Clock func() time.Time
	// Sync is called before each fsync of the vote log and of certified blocks, on the goroutine that
	// is about to call it: the disk is as slow as Sync is. nil: nothing.
	Sync func()
	// Call is called on the loop before each call of a binding's guest, which takes as much longer as
	// Call does. nil: nothing.
	Call func(quoin.Binding)
}

// now is the time of day as the node sees it.
func (x *Lab) now() time.Time {
	if x.Clock == nil {
		return time.Now()
	}
	return x.Clock()
}

func (x *Lab) beforeSync() {
	if x.Sync != nil {
		x.Sync()
	}
}
