package lab

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/disk"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/store"
)

const (
	groupMax   = 128      // inputs that share one sync of the vote log, as in package node
	logSegment = 64 << 10 // small, so that logs have several and pruning takes some
	logPruned  = 256 << 10
	syncMinUS  = 100
	syncMaxUS  = 4_000
	syncSlowUS = 1_500_000 // of the store alone
	inputUS    = 30        // of processor time for one input
	executeUS  = 400
)

// node is a replica with a disk, a clock and a loop: what package node is to a real one.
type node struct {
	kept

	replica *replica.Replica
	machine consensus.Machine // of its present epoch
	votes   *disk.Log
	table   *plugin.Table
	inbox   []replica.Input
	more    bool // answer Output.More with Continue
	busy    bool // demands are being met
	planned bool // a turn is planned
	freeAt  uint64
	timers  [2]uint64 // the newest of each kind
	syncing bool
	sync    quoin.Height // wanted after the sync under way
	damaged bool         // the store has said that it is damaged

	doom doom
}

// kept is what a crash leaves of a node.
type kept struct {
	w         *world
	name      string
	index     int
	key       quoin.PublicKey
	signer    signature.Signer
	region    Region
	skewMS    int64
	jumpMS    int64 // by which its clock was put forward
	driftPPM  int64 // of its clock and timers
	slowness  slowness
	behaviour Behaviour
	rand      random // of its disk and its processor

	fs        *disk.Memory
	store     *store.Memory
	releases  map[quoin.Hash]bool
	logged    bool // the vote log was made
	reported  quoin.Height
	sentBytes uint64
	rotten    bool   // a bit of its disk was flipped
	rottenKey []byte // of the record of the store that cannot be read; nil for none
	lost      bool   // its vote log was refused: it follows and never votes
	dead      bool   // it never comes back
	life      uint64

	substeps *substeps                 // of a harness that crashes it at one; nil for none
	keeps    func(below uint64) uint64 // how much a crash leaves of what it may take; nil: as the seed decides
}

// slowness is how many times longer something takes than it should.
type slowness struct{ processor, disk uint64 }

// doom is a crash to come: after so many demands.
type doom struct {
	set     bool
	demands uint64
	kill    bool // of the process; else of the power
}

func newNode(w *world, i int) *node {
	k := key("validator", i)
	n := &node{kept: kept{w: w, name: fmt.Sprintf("v%d", i), signer: signature.NewSigner(k), key: signature.PublicOf(k), behaviour: None,
		slowness: slowness{1, 1}, rand: stream(w.o.Seed, fmt.Sprintf("node/%d", i)), releases: map[quoin.Hash]bool{}}}
	n.fs = disk.NewMemory(disk.Choices(n.rand.next()))
	n.store = store.NewMemory()
	return n
}

func (n *node) up() bool { return n.replica != nil }

// clock is the node's own clock.
func (n *node) clock() quoin.Time {
	us := int64(n.w.now)
	return quoin.Time(startTime + (us+us/1_000_000*n.driftPPM)/1_000 + n.skewMS + n.jumpMS)
}

// deliver hands an input to the node's loop.
func (n *node) deliver(in replica.Input) {
	if n.up() {
		n.inbox = append(n.inbox, in)
		n.wake()
	}
}

// wake plans the loop's next turn, if there is something to do.
func (n *node) wake() {
	if n.busy || n.planned || !n.up() || len(n.inbox) == 0 && !n.more {
		return
	}
	n.planned = true
	n.later(max(n.freeAt, n.w.now)-n.w.now, n.turn)
}

// later plans something that a crash prevents.
func (n *node) later(microseconds uint64, do func()) {
	life := n.life
	n.w.after(microseconds, func() {
		if n.up() && n.life == life {
			do()
		}
	})
}

// turn steps the replica with what has arrived, and meets the demands of all of it.
func (n *node) turn() {
	n.planned = false
	out := &replica.Output{}
	cost := uint64(0)
	more := n.more
	n.more = false
	count := min(len(n.inbox), groupMax)
	for _, in := range n.inbox[:count] {
		if n.step(in, out); !n.up() {
			return
		}
		cost += inputUS
	}
	n.inbox = append(n.inbox[:0:0], n.inbox[count:]...)
	if more {
		if n.step(replica.Continue{}, out); !n.up() {
			return
		}
		cost += executeUS
	}
	n.more = out.More
	n.freeAt = n.w.now + cost*n.slowness.processor
	n.busy = true
	n.write(out)
}

func (n *node) step(in replica.Input, out *replica.Output) {
	if n.falls() {
		return
	}
	n.w.trace.input(n, in)
	if n.substeps != nil {
		defer n.caught()
	}
	n.replica.Step(n.clock(), in, out)
}

// write appends to the vote log and syncs it, before anything else is done.
func (n *node) write(out *replica.Output) {
	if n.w.o.Plant == SkipWrite || n.lost {
		n.meet(out)
		return
	}
	for _, record := range out.Log {
		if n.doomed() {
			return
		}
		n.w.trace.add(n.w.now, n.index, 'l', uint64(len(record)), record)
		if _, err := n.votes.Append(record); err != nil {
			n.powerOff(err)
			return
		}
		n.didLog(false)
	}
	if len(out.Log) == 0 {
		n.meet(out)
		return
	}
	n.later(n.rand.between(syncMinUS, syncMaxUS)*n.slowness.disk, func() {
		if err := n.votes.Sync(); err != nil {
			n.powerOff(err)
			return
		}
		n.didLog(true)
		n.meet(out)
	})
}

// meet meets the demands behind the log, in order.
func (n *node) meet(out *replica.Output) {
	for i := range out.Send {
		if n.doomed() {
			return
		}
		n.send(&out.Send[i])
		n.did()
	}
	if n.doomed() {
		return
	}
	if out.Sync > 0 {
		n.syncStore(out.Sync)
	}
	for _, t := range out.Timers {
		n.setTimer(t)
	}
	for i := range out.Admissions {
		if n.doomed() {
			return
		}
		n.w.clients.admitted(n, &out.Admissions[i])
		n.did()
	}
	for i := range out.Finished {
		if n.doomed() {
			return
		}
		n.finished(&out.Finished[i])
		n.did()
	}
	n.fetchReleases(out.Releases)
	for i := range out.Events {
		n.event(&out.Events[i])
	}
	if out.Prune && !n.prune() || n.doomed() {
		return
	}
	if n.damaged {
		n.replaced()
		return
	}
	if out.Fatal != nil {
		n.w.broken("I2", "%s stops: %v", n.name, out.Fatal)
		return
	}
	n.busy = false
	n.wake()
}

func (n *node) send(s *replica.Send) {
	w := n.w
	w.trace.add(w.now, n.index, 's', uint64(s.Class), s.Bytes)
	n.sentBytes += uint64(len(s.Bytes))
	m := readMessage(s)
	w.trace.sent(n, m)
	for _, o := range w.observers {
		if n.behaviour == None {
			o.sent(n, m)
		}
	}
	for _, to := range w.nodes {
		if to != n && (s.To.IsZero() || s.To == to.key) {
			w.network.carry(n, to, m)
		}
	}
}

// syncStore syncs the store in the background; one sync at a time, and what was asked for meanwhile
// shares the next.
func (n *node) syncStore(h quoin.Height) {
	if n.w.o.Plant == EarlyReceipt {
		n.deliver(replica.Synced{Height: h})
	}
	n.sync = max(n.sync, h)
	if n.syncing {
		return
	}
	n.syncing = true
	h, n.sync = n.sync, 0
	took := n.rand.between(syncMinUS, syncMaxUS) * n.slowness.disk
	if n.substeps == nil && n.rand.chance(200) {
		took = max(took, n.rand.between(syncMaxUS, syncSlowUS)) // so that crashes find something to take
	}
	n.later(took, func() {
		n.syncing = false
		if n.falls() {
			return
		}
		var nothing store.Batch
		if err := n.store.Apply(&nothing, true); err != nil {
			n.powerOff(err)
			return
		}
		n.did()
		n.deliver(replica.Synced{Height: h})
		if n.sync > 0 {
			n.syncStore(n.sync)
		}
	})
}

func (n *node) setTimer(t replica.Timer) {
	n.timers[t.Kind]++
	mine := n.timers[t.Kind]
	us := int64(t.AfterMS) * 1_000
	n.later(uint64(us-us/1_000_000*n.driftPPM), func() {
		if n.timers[t.Kind] == mine {
			n.deliver(replica.TimerFired{Kind: t.Kind, ID: t.ID, Epoch: t.Epoch})
		}
	})
}

func (n *node) finished(f *replica.Finished) {
	w := n.w
	h := f.Checkpoint.Height
	w.trace.keep(&line{Event: events.Event{AtUS: w.now, Node: n.index, Verb: events.Certified, Epoch: uint64(f.Checkpoint.Epoch), View: uint64(f.Checkpoint.View),
		Height: uint64(h), Count: len(f.IDs)}, block: f.Checkpoint.Block})
	w.trace.add(w.now, n.index, 'f', uint64(h), f.Checkpoint.Block[:])
	if n.behaviour != None {
		return
	}
	n.reported = max(n.reported, h)
	for _, o := range w.observers {
		o.finished(n, f)
	}
}

func (n *node) event(e *replica.Event) {
	n.w.trace.event(n, e)
	if n.behaviour != None {
		return
	}
	for _, o := range n.w.observers {
		o.event(n, e)
	}
}

// fetchReleases gets and compiles what the node should have and has not.
func (n *node) fetchReleases(wanted []quoin.Hash) {
	for _, digest := range wanted {
		r := n.w.corpusOf(n).find(digest)
		if r == nil || n.releases[digest] {
			continue
		}
		n.releases[digest] = true
		n.later(n.rand.between(50_000, 2*second), func() {
			n.table.Add(r)
			n.deliver(replica.ReleaseReady{Digest: digest})
		})
	}
}

func (n *node) prune() bool {
	if n.lost {
		return true
	}
	first := n.votes.Next()
	for _, record := range n.replica.Snapshot() {
		if n.doomed() {
			return false
		}
		if _, err := n.votes.Append(record); err != nil {
			n.powerOff(err)
			return false
		}
	}
	if err := n.votes.Sync(); err != nil {
		n.powerOff(err)
		return false
	}
	if err := n.votes.PruneBefore(first); err != nil {
		n.powerOff(err)
		return false
	}
	n.w.trace.note(n.w.now, n.index, events.Noted, "prunes", "its vote log up to record %d", first-1)
	return true
}
