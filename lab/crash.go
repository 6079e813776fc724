package lab

import "quoin.dev/quoin/lab/events"

// doomed counts a demand against a planned crash, and crashes when it is due. It reports whether the
// node is down.
func (n *node) doomed() bool {
	if !n.up() || n.falls() {
		return true
	}
	if !n.doom.set {
		return false
	}
	if n.doom.demands > 0 {
		n.doom.demands--
		return false
	}
	if n.doom.kill {
		n.kill()
	} else {
		n.powerCut()
	}
	return true
}

// powerOff is a crash because the disk says that the power is off; any other failure of a simulated
// disk is a mistake of the lab's.
func (n *node) powerOff(err error) {
	n.w.result.Faults.TornWrites++
	n.w.trace.note(n.w.now, n.index, events.Fault, "torn-write", "%v", err)
	n.crash()
}

// powerCut takes the power between two demands.
func (n *node) powerCut() {
	n.w.result.Faults.PowerCuts++
	n.crash()
}

// crash loses everything that was not synced, or not quite everything, as the disk decides.
func (n *node) crash() {
	n.fs.Crash()
	keep := int(n.keeping(uint64(n.store.Undurable()) + 1))
	n.w.result.Faults.LostBatches += uint64(n.store.Undurable() - keep)
	n.store.Crash(keep)
	n.down("power-cut")
}

// keeping decides how much a crash leaves, of below possible amounts.
func (n *node) keeping(below uint64) uint64 {
	if n.keeps != nil {
		return n.keeps(below)
	}
	return n.rand.below(below)
}

// kill ends the process: what was written stays, what was only in memory is gone.
func (n *node) kill() {
	n.w.result.Faults.Kills++
	n.fs.Kill()
	n.down("killed")
}

func (n *node) down(why string) {
	n.w.trace.note(n.w.now, n.index, events.Crashed, why, "")
	n.w.trace.add(n.w.now, n.index, 'd', n.life, nil)
	n.replica, n.votes, n.inbox, n.doom = nil, nil, nil, doom{}
	n.life++
}

// restart boots the node if it is down.
func (n *node) restart() {
	if !n.up() && !n.dead && !n.w.stopped {
		n.w.result.Faults.Restarts++
		n.boot()
	}
}
