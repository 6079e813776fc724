package lab

import "errors"

// substeps numbers what a node does in a part of a world that lasts or that others see, so that a crash may come
// after any of it: it changes its store or syncs it, appends to its vote log, sends, answers, reports. What happens
// to the disk of its vote log the disk numbers itself. Between two of these, one crash is like another: all that it
// takes is memory.
type substeps struct {
	fromUS, toUS uint64 // the part
	fresh        bool   // something was done that has no number yet
	done         uint64 // with a number
	crash        uint64 // the crash comes after the one with this number, from 0; never if there is none
	clean        []bool // of each: a crash here would find everything synced
	log          bool   // the vote log has something that is not synced
}

// did notes that the node did something.
func (n *node) did() {
	if n.substeps != nil {
		n.substeps.fresh = true
	}
}

// didLog notes that the node appended to its vote log, or synced it.
func (n *node) didLog(synced bool) {
	if n.did(); n.substeps != nil {
		n.substeps.log = !synced
	}
}

// falls numbers what the node did, and reports whether it is down now.
func (n *node) falls() bool {
	if !n.due() {
		return false
	}
	n.powerCut()
	return true
}

// due numbers what the node did, and reports whether the crash comes after it.
func (n *node) due() bool {
	s := n.substeps
	if s == nil || !s.fresh || n.w.now < s.fromUS || n.w.now > s.toUS {
		return false
	}
	s.fresh = false
	s.done++
	s.clean = append(s.clean, !s.log && n.store.Undurable() == 0)
	return s.done == s.crash+1
}

// errPowerGone says that the power went while a replica was at work.
var errPowerGone = errors.New("lab: the power is off")

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
