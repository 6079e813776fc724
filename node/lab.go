package node

import "time"

// Lab is what a laboratory does to the world of a node. The zero Lab is production's: only
// `quoin lab node` sets anything else, and it refuses every network but the laboratory's own.
type Lab struct {
	// Clock is what the node takes for the time of day; nil: time.Now. Timers do not follow it, as they
	// do not follow a clock that somebody sets.
	Clock func() time.Time
	// Sync is called before each fsync of the vote log and of certified blocks, on the goroutine that
	// is about to call it: the disk is as slow as Sync is. nil: nothing.
	Sync func()
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
