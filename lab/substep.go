package lab

import "errors"

// substeps numbers what a node does in a part of a world, so that a crash may come before any of it: it takes an
// input, changes its store, syncs it, meets a demand of its replica. What happens to the disk of its vote log the
// disk numbers itself.
type substeps struct {
	fromUS, toUS uint64 // the part
	done         uint64 // in it
	crash        uint64 // the crash comes before the one with this number, from 0
}

// errPowerGone says that the power went while a replica was at work.
var errPowerGone = errors.New("lab: the power is off")

// due counts a sub-step, and reports whether the crash comes before it. There is none without substeps.
func (s *substeps) due(now uint64) bool {
	if s == nil || now < s.fromUS || now > s.toUS {
		return false
	}
	s.done++
	return s.done == s.crash+1
}

// falls counts a sub-step of the node, and reports whether it is down now.
func (n *node) falls() bool {
	if !n.substeps.due(n.w.now) {
		return false
	}
	n.powerCut()
	return true
}

// caught makes a crash of what the store says in the middle of a step. Other panics go on.
func (n *node) caught() {
	switch p := recover(); p {
	case nil:
	case errPowerGone:
		n.powerCut()
	default:
		panic(p)
	}
}
